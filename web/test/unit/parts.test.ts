import { expect, it } from 'vitest';

import type { Campaign } from '../../src/api/client';
import { partsOf } from '../../src/lib/parts';

/** A campaign whose reward and shares are these. */
function campaign(
  reward: Partial<Campaign['reward']>,
  shares: { bps?: number; fixed?: string } = {},
): Pick<Campaign, 'reward' | 'rules'> {
  return {
    reward: { kind: 'fixed', fixed: '0', bps: 0, max: null, ...reward },
    rules: {
      hold_seconds: 0,
      max_partner_share_bps: 0,
      max_partner_fixed: '0',
      tiers: [],
      bonuses: [],
      owed: '0',
      attested_codes: false,
      notice_seconds: 0,
      referee_share_bps: shares.bps ?? 0,
      referee_fixed: shares.fixed ?? '0',
      min_amount: '0',
      attribution_window: null,
      budget: null,
      committed: '0',
      credential_required: false,
      varies: false,
    },
  };
}

it.each([
  ['nothing for the referee', { fixed: '5' }, {}, ['units', 5n, 0n]],
  ['a share, rounded down', { fixed: '7' }, { bps: 5000 }, ['units', 4n, 3n]],
  ['a fixed part', { fixed: '7' }, { fixed: '2' }, ['units', 5n, 2n]],
  ['a fixed part above the reward', { fixed: '7' }, { fixed: '9' }, ['units', 0n, 7n]],
  ['a share of a percentage', { kind: 'percent', bps: 1000 }, { bps: 2000 }, ['bps', 800n, 200n]],
])('divides a reward with %s as the program does', (_, reward, shares, expected) => {
  const parts = partsOf(campaign(reward, shares));
  expect([parts?.kind, parts?.referrer, parts?.referee]).toEqual(expected);
});

it('says nothing that depends on the amount', () => {
  expect(partsOf(campaign({ kind: 'percent', bps: 1000 }, { fixed: '1' }))).toBeUndefined();
  expect(partsOf(campaign({ kind: 'percent', bps: 1 }, { bps: 1 }))).toBeUndefined();
  expect(partsOf({ ...campaign({ fixed: '5' }), rules: null })).toBeUndefined();
});
