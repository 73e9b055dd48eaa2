/** The outcome of a transaction, by a node that forgets, and for any height that the API has named. */

import { beforeAll, beforeEach, afterEach, expect, it, vi } from 'vitest';
import type { Signature } from '@solana/kit';

import type { Refusal } from '../../src/api/client';

const SIGNATURE = '1'.repeat(64) as Signature;
const OF = { instructions: [] };
const START = 1000;
let node: typeof import('../../src/wallet/node');

/** The height that the node names, and what it knows of the transaction: lately, and in its history. */
let height = START;
let recent: object | null = null;
let past: object | null = null;
const CONFIRMED = { slot: 1, confirmations: 1, err: null, confirmationStatus: 'confirmed' };

beforeAll(async () => {
  vi.stubGlobal('window', globalThis);
  vi.stubGlobal('location', new URL('http://127.0.0.1:3000/'));
  vi.stubGlobal('document', { querySelector: () => null });
  vi.stubGlobal('fetch', async (_: unknown, { body }: { body: string }) => {
    const { id, method, params } = JSON.parse(body) as {
      id: string;
      method: string;
      params: [unknown, { searchTransactionHistory?: boolean }?];
    };
    const status = params[1]?.searchTransactionHistory ? (recent ?? past) : recent;
    const result = method === 'getBlockHeight' ? height : { context: { slot: 1 }, value: [status] };
    return new Response(JSON.stringify({ jsonrpc: '2.0', id, result }), {
      headers: { 'content-type': 'application/json' },
    });
  });
  node = await import('../../src/wallet/node');
});
beforeEach(() => {
  [height, recent, past] = [START, null, null];
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Waits for the transaction: `undefined` while nothing is known. */
function watch(named: bigint) {
  const seen: { outcome?: string } = {};
  node
    .confirmed(SIGNATURE, OF, named, async () => {})
    .then(
      () => (seen.outcome = 'confirmed'),
      (error: Refusal) => (seen.outcome = error.code),
    );
  return {
    at: async (now: number) => {
      height = now;
      await vi.advanceTimersByTimeAsync(5000);
      return seen.outcome;
    },
  };
}

it.each([
  ['an API that calls it lost at once', 1n],
  ['an honest one', 1150n],
  ['one that never calls it lost', 2n ** 63n],
])('calls nothing lost that can still arrive, with %s', async (_, named) => {
  // Given a transaction whose blockhash is as young as the first question
  const transaction = watch(named);
  expect(await transaction.at(START)).toBeUndefined();
  expect(await transaction.at(START + 150)).toBeUndefined();
  // And a node that is a little ahead of the others calls nothing lost
  expect(await transaction.at(START + 180)).toBeUndefined();
  // But in the end
  expect(await transaction.at(START + 183)).toBe('expired');
});

it('finds what arrived after the API would have called it lost', async () => {
  const transaction = watch(1n);
  expect(await transaction.at(START + 100)).toBeUndefined();
  recent = CONFIRMED;
  expect(await transaction.at(START + 101)).toBe('confirmed');
});

it('finds in the history of the node what was confirmed while nobody looked', async () => {
  const transaction = watch(1150n);
  expect(await transaction.at(START)).toBeUndefined();
  past = CONFIRMED;
  expect(await transaction.at(START + 2000)).toBe('confirmed');
});

it('takes the height of an API whose node is ahead', async () => {
  const transaction = watch(1200n);
  expect(await transaction.at(START)).toBeUndefined();
  expect(await transaction.at(START + 200 + 32)).toBeUndefined();
  expect(await transaction.at(START + 200 + 33)).toBe('expired');
});
