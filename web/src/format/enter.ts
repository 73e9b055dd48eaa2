/** Reads numbers as people type them. No step uses floating point. */

import { locale } from '../i18n';

const MOST = 2n ** 64n - 1n;

/** The signs before a fraction and between thousands, as the language writes them. */
function signs(language: string): { decimal: string; group: string } {
  const parts = new Intl.NumberFormat(language).formatToParts(1_000_000.5);
  const sign = (type: string, or: string) => parts.find((part) => part.type === type)?.value ?? or;
  return { decimal: sign('decimal', '.'), group: sign('group', ',') };
}

/**
 * The amount in base units, for a token of `decimals`. A point or a comma may stand before the
 * fraction; `undefined` for what is no amount, has more digits than the token, or does not fit into 64
 * bits. So it is for what the language may mean as thousands: `1,000` in English, `1.000` in German.
 */
export function unitsOf(text: string, decimals: number, language = locale()): bigint | undefined {
  const found = /^(\d{1,20})(?:([.,])(\d*))?$/.exec(text.trim());
  if (!found) return undefined;
  const [, whole, sign, after = ''] = found;
  const isThousands = sign === signs(language).group && after.length === 3;
  // No thousands begin with a zero.
  if (isThousands && !whole!.startsWith('0')) return undefined;
  const fraction = after.replace(/0+$/, '');
  if (fraction.length > decimals) return undefined;
  const units = BigInt(whole! + fraction.padEnd(decimals, '0'));
  return units <= MOST ? units : undefined;
}

/** The amount as people type it: all of its digits, without groups, and the sign of the language. */
export function typedOf(units: bigint, decimals: number, language = locale()): string {
  const digits = units.toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, '');
  return fraction ? `${whole}${signs(language).decimal}${fraction}` : whole;
}

/** Basis points of a percentage with at most two decimals; `undefined` above `most` percent. */
export function bpsOf(text: string, most = 100): number | undefined {
  const units = unitsOf(text, 2);
  return units !== undefined && units <= BigInt(most) * 100n ? Number(units) : undefined;
}
