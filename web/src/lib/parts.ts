/** The parts of a reward, by the rules of a campaign. Partners and bonuses depend on the code. */

import type { Campaign } from '../api/client';

/** Base units of a fixed reward, or basis points of the amount. */
export type Parts = {
  readonly kind: 'units' | 'bps';
  readonly referrer: bigint;
  readonly referee: bigint;
};

const WHOLE_BPS = 10_000n;

/** The parts; `undefined` if they depend on the amount of the conversion or are not known. */
export function partsOf(campaign: Pick<Campaign, 'reward' | 'rules'>): Parts | undefined {
  const { reward, rules } = campaign;
  if (!rules) return undefined;
  const fixed = BigInt(rules.referee_fixed);
  const share = BigInt(rules.referee_share_bps);
  if (reward.kind === 'fixed') {
    const all = BigInt(reward.fixed);
    // As the program divides: rounded down, and the referrer gets the rest.
    const referee = fixed > 0n ? (fixed < all ? fixed : all) : (all * share) / WHOLE_BPS;
    return { kind: 'units', referrer: all - referee, referee };
  }
  const all = BigInt(reward.bps);
  // Basis points of basis points that are no whole number are not shown as if they were.
  if (fixed > 0n || (all * share) % WHOLE_BPS !== 0n) return undefined;
  const referee = (all * share) / WHOLE_BPS;
  return { kind: 'bps', referrer: all - referee, referee };
}
