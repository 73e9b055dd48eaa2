/** The state of a campaign, in one word. */

import type { Campaign } from '../../api/client';
import { now } from '../../lib/clock';
import type { Kind } from '../../ui/format';

type Name = 'open' | 'paused' | 'closed' | 'ended' | 'waiting' | 'exhausted' | 'short';

/** The state that matters most of those that hold. */
export function stateOf(campaign: Campaign): { name: Name; kind: Kind } {
  const at = (time: string | null | undefined) => (time ? Date.parse(time) : undefined);
  const [starts, ends] = [at(campaign.starts_at), at(campaign.ends_at)];
  if (campaign.closed) return { name: 'closed', kind: 'plain' };
  if (ends !== undefined && ends <= now()) return { name: 'ended', kind: 'plain' };
  if (campaign.paused) return { name: 'paused', kind: 'wait' };
  const left = leftOf(campaign);
  if (left !== undefined && left < least(campaign)) return { name: 'exhausted', kind: 'act' };
  if (campaign.vault?.seen?.short_since) return { name: 'short', kind: 'act' };
  if (starts !== undefined && starts > now()) return { name: 'waiting', kind: 'wait' };
  return { name: 'open', kind: 'paid' };
}

/** Base units that the budget still allows; `undefined` without a budget. */
export function leftOf(campaign: Campaign): bigint | undefined {
  const { rules } = campaign;
  if (!rules?.budget) return undefined;
  const left = BigInt(rules.budget) - BigInt(rules.committed);
  return left > 0n ? left : 0n;
}

/** The least that a conversion can pay, besides nothing. */
function least({ reward }: Campaign): bigint {
  return reward.kind === 'fixed' ? BigInt(reward.fixed) : 1n;
}
