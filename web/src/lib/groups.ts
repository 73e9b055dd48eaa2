/** The categories and regions that the API knows. */

import { dates } from '../format/intl';

export const CATEGORIES = [
  'art',
  'business',
  'education',
  'fashion',
  'finance',
  'food',
  'gaming',
  'health',
  'home',
  'media',
  'music',
  'science',
  'society',
  'software',
  'sports',
  'travel',
] as const;
export type Category = (typeof CATEGORIES)[number];

export function isCategory(text: string | undefined): text is Category {
  return CATEGORIES.some((category) => category === text);
}

/** ISO 3166-1 alpha-2, and XK. */
const REGIONS = `
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ
BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM
DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS
GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN
KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ
MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM
PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV
SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI
VN VU WF WS XK YE YT ZA ZM ZW
`
  .trim()
  .split(/\s+/);

/** The countries with their names, by name. */
export function regions(locale: string): { code: string; name: string }[] {
  const names = new Intl.DisplayNames(locale, { type: 'region' });
  const order = new Intl.Collator(locale);
  return REGIONS.map((code) => ({ code, name: names.of(code) ?? code })).sort((one, other) =>
    order.compare(one.name, other.name),
  );
}

/** The choice of a referrer of one kind, as the API has it. */
export type Choice = {
  readonly value?: string | null;
  readonly next?: string | null;
  /** A day in UTC; null while nothing is to change. */
  readonly next_from?: string | null;
};

/** The group that was chosen last: the one that is to begin, or the one of today. */
export function chosenLast({ value, next, next_from }: Choice): string {
  return (next_from ? next : value) ?? '';
}

const HOUR = 3_600_000;
const day = (at: number) => new Date(at).toISOString().slice(0, 10);

/**
 * The days (UTC) on which a choice begins that is made at `now`, in milliseconds: the first one of a wallet on the next
 * day, a change with the next month. From 23:00 on, the next day counts as today, as in the API.
 */
export function beginnings(now: number): { first: string; change: string } {
  const today = new Date(now + HOUR);
  const [year, month, date] = [today.getUTCFullYear(), today.getUTCMonth(), today.getUTCDate()];
  return { first: day(Date.UTC(year, month, date + 1)), change: day(Date.UTC(year, month + 1, 1)) };
}

/**
 * From which day a new choice counts, or both days where the API does not tell whether there was one before: without a
 * group, a wallet may have chosen none.
 */
export function begins({ value, next_from }: Choice, now: number): string[] {
  const { first, change } = beginnings(now);
  if (value) return [change];
  // A choice that has not begun can be replaced, and the new one begins when the first one would.
  if (next_from) return [next_from < change ? first : change];
  return first === change ? [first] : [first, change];
}

/** A day in UTC, such as 2026-06-01, in words. */
export function formatDay(day: string, locale: string): string {
  const at = Date.parse(`${day}T00:00:00Z`);
  return dates(locale, { dateStyle: 'long', timeZone: 'UTC' }).format(at);
}
