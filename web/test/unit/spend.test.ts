import { expect, it } from 'vitest';

import { daysLeft, inAll, perDay, rateOf } from '../../src/lib/spend';

const NOW = Date.parse('2026-03-10T00:00:00Z');
const conversion = (hoursAgo: number, status = 'paid') => ({
  converted_at: new Date(NOW - hoursAgo * 3_600_000).toISOString(),
  rewards: { referrer: '6', referee: '3', partner: '1' },
  status,
});

it('adds up all parts, also beyond what a number holds', () => {
  const rewards = { referrer: '18446744073709551615', referee: '1', partner: '0' };
  expect(inAll(rewards)).toBe(18446744073709551616n);
});

it('spends what was promised since the oldest of the conversions, up to now', () => {
  // Given three conversions of 10 within 12 hours after another one, and one that was cancelled
  const some = [
    conversion(1),
    conversion(2),
    conversion(3, 'cancelled'),
    conversion(4),
    conversion(12),
  ];
  const rate = rateOf(some, true, NOW)!;
  // Then half a day has cost 30, and a day costs 60
  expect(rate.units).toBe(30n);
  expect(perDay(rate)).toBe(60n);
  // And 599 last nine days and a part of the tenth
  expect(daysLeft(599n, rate)).toBe(9);
  expect(daysLeft(600n, rate)).toBe(10);
  expect(daysLeft(0n, rate)).toBe(0);
});

it('tells one a day from a hundred an hour', () => {
  // One a day is one a day, however many are looked at
  const slow = [0, 24, 48].map((hours) => conversion(hours));
  expect(perDay(rateOf(slow, true, NOW)!)).toBe(10n);
  // And the newest of many are enough, however young they are
  const fast = Array.from({ length: 51 }, (_, place) => conversion(place / 100));
  expect(perDay(rateOf(fast, false, NOW)!)).toBe(24_000n);
  // Also if all are of this moment
  expect(perDay(rateOf([conversion(0), conversion(0)], false, NOW)!)).toBe(864_000n);
});

it('becomes slower while nothing happens', () => {
  const old = rateOf([conversion(1000), conversion(1200)], true, NOW)!;
  expect(perDay(old)).toBe(0n);
  expect(daysLeft(20n, old)).toBe(100);
});

it('does not guess', () => {
  expect(rateOf([], true, NOW)).toBeUndefined();
  expect(rateOf([conversion(100)], true, NOW)).toBeUndefined();
  expect(rateOf([conversion(0.1), conversion(0.5)], true, NOW)).toBeUndefined();
  const cancelled = rateOf([conversion(5, 'cancelled'), conversion(9)], true, NOW)!;
  expect(daysLeft(100n, cancelled)).toBeUndefined();
});
