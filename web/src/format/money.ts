/** Amounts of a token, exact: base units are integers, and no step uses floating point. */

import { numbers } from './intl';

/** A token as people read it. */
export type Token = {
  readonly decimals: number;
  /** The symbol that the campaign gives it; `null` if it gives none. */
  readonly symbol: string | null;
  /** Its mint; absent for SOL, whose symbol nobody chose. */
  readonly mint?: string;
};

/**
 * `units` base units as a decimal number with all digits that matter: 2500000 with 6 decimals is
 * `2.5`. Groups and separators are those of `locale`.
 */
export function formatUnits(units: string | bigint, decimals: number, locale: string): string {
  const value = BigInt(units);
  const scale = 10n ** BigInt(decimals);
  const whole = value / scale;
  const rest = value % scale;
  const digits = (rest < 0n ? -rest : rest).toString().padStart(decimals, '0').replace(/0+$/, '');
  const sign = value < 0n && whole === 0n ? '-' : '';
  const head = sign + numbers(locale).format(whole);
  return digits === '' ? head : head + decimalSeparator(locale) + digits;
}

function decimalSeparator(locale: string): string {
  const parts = numbers(locale).formatToParts(0.5);
  return parts.find((part) => part.type === 'decimal')?.value ?? '.';
}

/** Basis points as a percentage, as the language writes it: 250 is `2.5%`, in German `2,5 %`. */
export function formatBps(bps: number | bigint, locale: string): string {
  const number = formatUnits(BigInt(bps), 2, locale);
  // The parts of a number below 1 % are its one digit, the sign, and what stands between them.
  const parts = numbers(locale, { style: 'percent' }).formatToParts(0);
  return parts.map(({ type, value }) => (type === 'integer' ? number : value)).join('');
}

/** The share of `part` in `whole`, from 0 to 1, for a bar; 0 if `whole` is 0. */
export function share(part: string, whole: string): number {
  const [all, some] = [BigInt(whole), BigInt(part)];
  return all === 0n ? 0 : Number((some * 1000n) / all) / 1000;
}
