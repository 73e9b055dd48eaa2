/** Times: relative within a day, the date after. */

import { dates, numbers, spans } from './intl';

const STEPS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
];

/**
 * How far `at` is from `now`, both in milliseconds, or its date when that is more than a day. `on`
 * puts a date into a sentence: "on 3 May".
 */
export function formatTime(
  at: number,
  now: number,
  locale: string,
  on: (date: string) => string = (date) => date,
): string {
  const seconds = Math.round((at - now) / 1000);
  if (Math.abs(seconds) >= 86_400) {
    return on(dates(locale, { dateStyle: 'medium' }).format(at));
  }
  const [unit, size] = STEPS.find(([, size]) => Math.abs(seconds) >= size) ?? ['second', 1];
  return spans(locale).format(Math.trunc(seconds / size), unit);
}

/** The exact time in the reader's zone, which it names. */
export function exactTime(at: number, locale: string): string {
  return dates(locale, { dateStyle: 'full', timeStyle: 'long' }).format(at);
}

const DURATIONS: readonly [string, number][] = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
];

/** A duration in its largest unit that divides it: 172800 seconds are two days. */
export function formatDuration(seconds: number, locale: string): string {
  const [unit, size] = DURATIONS.find(([, size]) => seconds % size === 0) ?? ['second', 1];
  return numbers(locale, { style: 'unit', unit, unitDisplay: 'long' }).format(seconds / size);
}
