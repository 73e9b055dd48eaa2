import { expect, it } from 'vitest';

import { beginnings, begins, chosenLast } from '../../src/lib/groups';

it.each([
  ['2026-06-14T12:00:00Z', '2026-06-15', '2026-07-01'],
  ['2026-06-14T22:59:59Z', '2026-06-15', '2026-07-01'],
  // From 23:00 on, the next day counts as today.
  ['2026-06-14T23:00:00Z', '2026-06-16', '2026-07-01'],
  ['2026-06-30T22:59:59Z', '2026-07-01', '2026-07-01'],
  ['2026-06-30T23:00:00Z', '2026-07-02', '2026-08-01'],
  ['2026-12-31T23:30:00Z', '2027-01-02', '2027-02-01'],
  ['2028-02-28T12:00:00Z', '2028-02-29', '2028-03-01'],
])('a choice of %s begins on %s, a change on %s', (now, first, change) => {
  expect(beginnings(Date.parse(now))).toEqual({ first, change });
});

const NOON = Date.parse('2026-06-14T12:00:00Z');

it('a change of what counts begins with the next month', () => {
  expect(begins({ value: 'music' }, NOON)).toEqual(['2026-07-01']);
  const changing = { value: 'music', next: null, next_from: '2026-07-01' };
  expect(begins(changing, NOON)).toEqual(['2026-07-01']);
});

it('a first choice that has not begun is replaced by the next day', () => {
  expect(begins({ value: null, next: 'art', next_from: '2026-06-15' }, NOON)).toEqual([
    '2026-06-15',
  ]);
});

it('a choice after none begins with the next month', () => {
  expect(begins({ value: null, next: 'art', next_from: '2026-07-01' }, NOON)).toEqual([
    '2026-07-01',
  ]);
});

it('without a group, both days are named, unless they are the same', () => {
  expect(begins({ value: null }, NOON)).toEqual(['2026-06-15', '2026-07-01']);
  const last = Date.parse('2026-06-30T12:00:00Z');
  expect(begins({ value: null }, last)).toEqual(['2026-07-01']);
});

it('the last choice is the one that is to begin', () => {
  expect(chosenLast({ value: 'art' })).toBe('art');
  expect(chosenLast({ value: 'art', next: 'music', next_from: '2026-07-01' })).toBe('music');
  expect(chosenLast({ value: 'art', next: null, next_from: '2026-07-01' })).toBe('');
  expect(chosenLast({ value: null })).toBe('');
});
