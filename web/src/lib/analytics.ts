/** The parts of charts and figures: days, parts of a series, and how a number compares with the one before. */

import type { components } from '../api/schema';
import { dates } from '../format/intl';

export type Analytics = components['schemas']['AnalyticsAnswer'];
export type Numbers = components['schemas']['SpanNumbers'];
export type Part = components['schemas']['SeriesPart'];
export type Shares = components['schemas']['Breakdown'];

export const PERIODS = ['7d', '30d', '12m'] as const;
export type Period = (typeof PERIODS)[number];
/** The period when the address names none. */
export const USUAL: Period = '30d';

/** The period that an address names. */
export function periodOf(named: unknown): Period {
  return PERIODS.find((period) => period === named) ?? USUAL;
}

/** The days that are asked for, YYYY-MM-DD, both counted. */
export type Days = { readonly from: string; readonly to: string; readonly by: 'day' | 'month' };

/** The day of a moment, in milliseconds, in a zone. */
export function dayIn(zone: string, at: number): string {
  const parts = dates('en', {
    timeZone: zone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  }).formatToParts(at);
  const of = (type: string) => parts.find((part) => part.type === type)!.value;
  return `${of('year')}-${of('month')}-${of('day')}`;
}

/** The day so many days after this one, or before. */
export function plusDays(day: string, days: number): string {
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() + days);
  return date.toISOString().slice(0, 10);
}

/** The days of a period that ends with this day. Twelve months begin with the first day of a month. */
export function daysOf(period: Period, today: string): Days {
  if (period === '7d') return { from: plusDays(today, -6), to: today, by: 'day' };
  if (period === '30d') return { from: plusDays(today, -29), to: today, by: 'day' };
  const first = new Date(`${today.slice(0, 7)}-01T00:00:00Z`);
  first.setUTCMonth(first.getUTCMonth() - 11);
  return { from: first.toISOString().slice(0, 10), to: today, by: 'month' };
}

/** Whether these are fewer days than the twelve months that end with the last of them. */
export function isShortened(found: Pick<Analytics, 'from' | 'to' | 'by'>): boolean {
  return found.by === 'month' && found.from > daysOf('12m', found.to).from;
}

/**
 * The wallet, its code and the campaign that a page shows alone, or the wallet for all of its codes. `refused` is one
 * that the server does not count for the wallet.
 */
export function subjectOf(
  wallet: string,
  query: { code?: string | undefined; campaign?: string | undefined },
  refused: string | undefined,
): string {
  const one = query.code ? `${wallet} ${query.code} ${query.campaign ?? ''}` : wallet;
  return one === refused ? wallet : one;
}

/** A day or a month as the reader writes it; both are dates without a zone. */
export function labelOf(part: Pick<Part, 'from'>, by: Days['by'], language: string): string {
  const options: Intl.DateTimeFormatOptions =
    by === 'month' ? { month: 'short', year: 'numeric' } : { day: 'numeric', month: 'short' };
  const at = Date.parse(`${part.from}T00:00:00Z`);
  return dates(language, { ...options, timeZone: 'UTC' }).format(at);
}

/** The first and the last day of a span, with their year. */
export function spanText(from: string, to: string, language: string): string {
  const format = dates(language, { dateStyle: 'medium', timeZone: 'UTC' });
  const at = (day: string) => Date.parse(`${day}T00:00:00Z`);
  return format.formatRange(at(from), at(to));
}

/** The earnings of a token in a span: base units that are paid, and that wait. */
export function earnedOf(numbers: Pick<Numbers, 'rewards'>, mint: string | undefined) {
  const found = numbers.rewards.find((rewards) => rewards.mint === mint);
  return { paid: BigInt(found?.paid ?? 0), waiting: BigInt(found?.pending ?? 0) };
}

/**
 * The tokens of these spans, each with its decimals, in the order of the first span that has them. Tokens whose
 * decimals are not known yet cannot be shown.
 */
export function tokensOf(
  spans: readonly Pick<Numbers, 'rewards'>[],
): { mint: string; decimals: number }[] {
  const found = new Map<string, number>();
  for (const { rewards } of spans) {
    for (const { mint, decimals } of rewards) {
      if (decimals !== null && decimals !== undefined && !found.has(mint))
        found.set(mint, decimals);
    }
  }
  return [...found].map(([mint, decimals]) => ({ mint, decimals }));
}

/** Base units for each click of people, rounded down; `undefined` without clicks. */
export function perClick(units: bigint, people: number): bigint | undefined {
  return people > 0 ? units / BigInt(people) : undefined;
}

/** An average with its first four digits, rounded down: the others say nothing. */
export function roughly(units: bigint | undefined): bigint | undefined {
  if (units === undefined) return undefined;
  const scale = 10n ** BigInt(Math.max(0, units.toString().length - 4));
  return (units / scale) * scale;
}

/** How a number compares with the one before. A number that is not known does not compare. */
export function trend<T extends bigint | number>(
  value: T | null | undefined,
  before: T | null | undefined,
): 'up' | 'down' | 'same' | undefined {
  if (value === null || value === undefined || before === null || before === undefined) return;
  return value > before ? 'up' : value < before ? 'down' : 'same';
}

/**
 * Whether a rate of conversions says which part of the clicks converted. It does not above one: codes that are typed,
 * and clicks on other links, convert without a click that is counted.
 */
export function isShare(rate: number): boolean {
  return rate <= 1;
}

/** Hundredths of a percent, rounded, of a rate. */
export function bpsOfRate(rate: number): number {
  return Math.round(rate * 10_000);
}

/** The address of this page with other parameters: those without a value are left out, the rest stays. */
export function hrefWith(
  path: string,
  search: string,
  changes: Record<string, string | undefined>,
): string {
  const query = new URLSearchParams(search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** For every how many columns one label has room, if each needs so many pixels. */
export function labelEvery(columns: number, width: number, each: number): number {
  return Math.max(1, Math.ceil(columns / Math.max(1, Math.floor(width / each))));
}
