import { expect, it } from 'vitest';

import {
  bpsOfRate,
  dayIn,
  daysOf,
  earnedOf,
  hrefWith,
  isShortened,
  labelEvery,
  labelOf,
  perClick,
  periodOf,
  plusDays,
  roughly,
  spanText,
  subjectOf,
  tokensOf,
  trend,
} from '../../src/lib/analytics';

const DAY = 86_400_000;
const daysIn = (from: string, to: string) => (Date.parse(to) - Date.parse(from)) / DAY + 1;

it('an address names a period, and what is none is the usual one', () => {
  expect([periodOf('7d'), periodOf('12m'), periodOf('x'), periodOf(undefined)]).toEqual([
    '7d',
    '12m',
    '30d',
    '30d',
  ]);
});

it('a day is that of the zone, on both sides of midnight and of the world', () => {
  const at = Date.parse('2026-11-27T23:30:00Z');
  expect(dayIn('UTC', at)).toBe('2026-11-27');
  expect(dayIn('Europe/Berlin', at)).toBe('2026-11-28');
  expect(dayIn('Pacific/Kiritimati', at)).toBe('2026-11-28');
  expect(dayIn('Pacific/Honolulu', Date.parse('2026-01-01T05:00:00Z'))).toBe('2025-12-31');
});

it('days are added over the ends of months, years and summer time', () => {
  expect(plusDays('2026-03-01', -1)).toBe('2026-02-28');
  expect(plusDays('2024-03-01', -1)).toBe('2024-02-29');
  expect(plusDays('2026-12-31', 1)).toBe('2027-01-01');
  expect(plusDays('2026-10-26', -1)).toBe('2026-10-25');
});

it('a period ends today, has its days, and never more than the API counts', () => {
  expect(daysOf('7d', '2026-11-27')).toEqual({ from: '2026-11-21', to: '2026-11-27', by: 'day' });
  expect(daysOf('30d', '2026-03-01').from).toBe('2026-01-31');
  expect(daysOf('12m', '2026-11-27')).toEqual({
    from: '2025-12-01',
    to: '2026-11-27',
    by: 'month',
  });
  expect(daysOf('12m', '2026-01-31').from).toBe('2025-02-01');
  // Every day of eight years, two of which have a day more
  for (let at = Date.parse('2023-01-01'); at < Date.parse('2031-01-01'); at += DAY) {
    const today = new Date(at).toISOString().slice(0, 10);
    const counted = (['7d', '30d', '12m'] as const).map((period) => {
      const { from, to } = daysOf(period, today);
      return daysIn(from, to);
    });
    expect(counted.slice(0, 2), today).toEqual([7, 30]);
    expect(counted[2]! <= 366 && counted[2]! > 334, today).toBe(true);
  }
});

it('a label is the day of the answer, in whatever zone the reader is', () => {
  expect(labelOf({ from: '2026-11-27' }, 'day', 'en')).toBe('Nov 27');
  expect(labelOf({ from: '2026-11-27' }, 'day', 'de')).toBe('27. Nov.');
  expect(labelOf({ from: '2026-11-01' }, 'month', 'en')).toBe('Nov 2026');
  expect(spanText('2026-11-21', '2026-11-27', 'en').replace(/\s/g, ' ')).toBe('Nov 21 – 27, 2026');
});

it('sums of different tokens are never one', () => {
  const rewards = [
    { mint: 'A', decimals: 6, paid: '18446744073709551615', pending: '1', per_click: null },
    { mint: 'B', decimals: 0, paid: '7', pending: '2', per_click: null },
  ];
  expect(earnedOf({ rewards }, 'A')).toEqual({ paid: 18446744073709551615n, waiting: 1n });
  expect(earnedOf({ rewards }, 'B')).toEqual({ paid: 7n, waiting: 2n });
  expect(earnedOf({ rewards }, 'C')).toEqual({ paid: 0n, waiting: 0n });
  expect(earnedOf({ rewards }, undefined)).toEqual({ paid: 0n, waiting: 0n });
});

it('tokens come once, those of the period first, and none without decimals', () => {
  const of = (mint: string, decimals: number | null) => ({
    mint,
    decimals,
    paid: '1',
    pending: '0',
    per_click: null,
  });
  const spans = [{ rewards: [of('B', 0)] }, { rewards: [of('A', 6), of('B', 0), of('X', null)] }];
  expect(tokensOf(spans)).toEqual([
    { mint: 'B', decimals: 0 },
    { mint: 'A', decimals: 6 },
  ]);
});

it('an average is rounded down, and is none without clicks', () => {
  expect(perClick(10n, 3)).toBe(3n);
  expect(perClick(10n, 0)).toBeUndefined();
  expect([roughly(215517n), roughly(9999n), roughly(0n), roughly(undefined)]).toEqual([
    215500n,
    9999n,
    0n,
    undefined,
  ]);
});

it('a number is compared with the one before, unless one of them is not known', () => {
  expect([trend(2, 1), trend(1n, 2n), trend(0, 0)]).toEqual(['up', 'down', 'same']);
  expect([trend(1, null), trend(undefined, 1)]).toEqual([undefined, undefined]);
});

it('a rate is rounded to hundredths of a percent', () => {
  expect([bpsOfRate(1 / 3), bpsOfRate(1.5), bpsOfRate(0)]).toEqual([3333, 15000, 0]);
});

it('another view keeps the other parameters of the address', () => {
  expect(hrefWith('/me', '?status=paid&code=AB', { period: '7d' })).toBe(
    '/me?status=paid&code=AB&period=7d',
  );
  expect(hrefWith('/me', '?status=paid&code=AB', { code: undefined })).toBe('/me?status=paid');
  expect(hrefWith('/me', '?code=AB', { code: undefined })).toBe('/me');
  expect(hrefWith('/me', '', { code: 'A&B' })).toBe('/me?code=A%26B');
});

it('labels have room', () => {
  expect([labelEvery(30, 1000, 76), labelEvery(7, 1000, 76), labelEvery(30, 10, 76)]).toEqual([
    3, 1, 30,
  ]);
});

it('a code that is refused to one wallet is not refused to another', () => {
  const query = { code: 'STARTER7', campaign: 'C' };
  const ofAlice = subjectOf('Alice', query, undefined);
  expect(ofAlice).toBe('Alice STARTER7 C');
  expect(subjectOf('Alice', query, ofAlice)).toBe('Alice');
  expect(subjectOf('Bob', query, ofAlice)).toBe('Bob STARTER7 C');
  expect(subjectOf('Bob', {}, ofAlice)).toBe('Bob');
});

it('a year that was cut is told from a whole one', () => {
  const to = '2026-11-27';
  expect(isShortened({ from: '2025-12-01', to, by: 'month' })).toBe(false);
  expect(isShortened({ from: '2026-09-16', to, by: 'month' })).toBe(true);
  expect(isShortened({ from: '2026-11-21', to, by: 'day' })).toBe(false);
});
