import { expect, it } from 'vitest';

import { bpsOf, typedOf, unitsOf } from '../../src/format/enter';
import {
  changed,
  changeOf,
  EMPTY,
  newDraft,
  NOTHING,
  settingsOf,
  typed,
  type Terms,
} from '../../src/pages/console/draft';

it.each([
  ['1', 6, 1_000_000n],
  ['2.5', 6, 2_500_000n],
  ['2,5', 6, 2_500_000n],
  ['0.000001', 6, 1n],
  ['1.500', 1, 15n],
  [' 3 ', 0, 3n],
  ['18446744073709551615', 0, 18_446_744_073_709_551_615n],
  ['18446744073709551616', 0, undefined],
  ['0.0000001', 6, undefined],
  ['1.000,5', 6, undefined],
  ['1 000', 6, undefined],
  ['-1', 6, undefined],
  ['1e3', 6, undefined],
  ['', 6, undefined],
  ['.', 6, undefined],
] as const)('%s with %i decimals', (text, decimals, units) => {
  expect(unitsOf(text, decimals)).toBe(units);
});

it('types what it reads', () => {
  for (const [units, decimals, text] of [
    [2_500_000n, 6, '2.5'],
    [0n, 6, '0'],
    [1n, 6, '0.000001'],
    [7n, 0, '7'],
    [18_446_744_073_709_551_615n, 9, '18446744073.709551615'],
  ] as const) {
    expect(typedOf(units, decimals)).toBe(text);
    expect(unitsOf(text, decimals)).toBe(units);
  }
  expect(bpsOf('2.5')).toBe(250);
  expect(bpsOf('100.01')).toBeUndefined();
});

const TOKENS = { reward: 6, payment: 9 };
const TERMS: Terms = { ...EMPTY, reward: '10', referee: '20', budget: '1000', holdDays: '2' };

it('means these settings', () => {
  const found = settingsOf(TERMS, NOTHING, TOKENS);
  expect(found).toMatchObject({
    settings: {
      rewardFixed: 10_000_000n,
      refereeShareBps: 2000,
      budget: 1_000_000_000n,
      holdSeconds: 172_800,
      endsAt: 0n,
    },
  });
  expect('settings' in found && found.settings.tiers.length).toBe(4);
});

it('names every field that is wrong', () => {
  const wrong: Terms = {
    ...TERMS,
    reward: 'ten',
    referee: '101',
    budget: '-1',
    holdDays: '366',
    ends: 'soon',
    tiers: [{ from: 'x', times: '2' }],
    bonuses: [{ at: '3', amount: '' }],
  };
  const found = settingsOf(wrong, NOTHING, TOKENS);
  const fields = ['bonuses', 'budget', 'ends', 'holdDays', 'referee', 'reward', 'tiers'];
  expect('faults' in found && [...found.faults.keys()].sort()).toEqual(fields);
  // A multiplier that does not fit into 16 bits
  const large = settingsOf({ ...TERMS, tiers: [{ from: '5', times: '7' }] }, NOTHING, TOKENS);
  expect('faults' in large && [...large.faults.keys()]).toEqual(['tiers']);
});

it('changes nothing but what was typed', () => {
  // Given settings that no form can hold: a hold of 90 seconds, an end in the middle of a day
  const base = {
    ...NOTHING,
    rewardFixed: 10_000_000n,
    holdSeconds: 90,
    endsAt: 1_900_000_001n,
    maxPartnerShareBps: 500,
    tiers: Array.from({ length: 4 }, () => ({ minConversions: 0n, multiplierBps: 0 })),
    bonuses: Array.from({ length: 4 }, () => ({ threshold: 0n, amount: 0n })),
  };
  const terms = typed(base, TOKENS);
  expect(changed(terms, base, TOKENS)).toEqual({ settings: base });
  // When one is typed, then that one is named alone
  const found = changed({ ...terms, reward: '8' }, base, TOKENS);
  expect(found).toEqual({ settings: { ...base, rewardFixed: 8_000_000n } });
  expect('settings' in found && changeOf(found.settings, base)).toEqual({
    reward: { fixed: '8000000' },
  });
});

it('gives each draft a number of its own', () => {
  const ids = new Set(Array.from({ length: 50 }, () => newDraft().id));
  expect(ids.size).toBe(50);
  for (const id of ids) expect(BigInt(id)).toBeLessThan(2n ** 64n);
});
