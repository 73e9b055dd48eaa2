import type { ReadonlyUint8Array } from '@solana/kit';

/** SHA-256 of the concatenated `parts`. */
export async function hash(...parts: ReadonlyUint8Array[]): Promise<ReadonlyUint8Array> {
  const bytes = new Uint8Array(parts.flatMap((part) => [...part]));
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}
