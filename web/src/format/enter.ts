/** Reads numbers as people type them. No step uses floating point. */

const MOST = 2n ** 64n - 1n;

/**
 * The amount in base units, for a token of `decimals`. A point or a comma may stand before the
 * fraction; `undefined` for what is no amount, has more digits than the token, or does not fit into 64
 * bits.
 */
export function unitsOf(text: string, decimals: number): bigint | undefined {
  const found = /^(\d{1,20})(?:[.,](\d*))?$/.exec(text.trim());
  if (!found) return undefined;
  const fraction = (found[2] ?? '').replace(/0+$/, '');
  if (fraction.length > decimals) return undefined;
  const units = BigInt(found[1]! + fraction.padEnd(decimals, '0'));
  return units <= MOST ? units : undefined;
}

/** The amount as people type it: all of its digits, without groups, and a point. */
export function typedOf(units: bigint, decimals: number): string {
  const digits = units.toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, '');
  return fraction ? `${whole}.${fraction}` : whole;
}

/** Basis points of a percentage with at most two decimals; `undefined` above `most` percent. */
export function bpsOf(text: string, most = 100): number | undefined {
  const units = unitsOf(text, 2);
  return units !== undefined && units <= BigInt(most) * 100n ? Number(units) : undefined;
}
