import { NO_ADDRESS } from './addresses.js';
import { RewardKind, type SettingsArgs } from './generated/index.js';

const NO_TIER = { minConversions: 0n, multiplierBps: 0 };
const NO_BONUS = { threshold: 0n, amount: 0n };

/** Settings without any reward, as a base for others. */
const NOTHING: SettingsArgs = {
  rewardKind: RewardKind.Fixed,
  rewardFixed: 0n,
  rewardBps: 0,
  rewardMax: 0n,
  minAmount: 0n,
  refereeShareBps: 0,
  refereeFixed: 0n,
  maxPartnerShareBps: 0,
  maxPartnerFixed: 0n,
  ownerLimit: 0n,
  tiers: [NO_TIER, NO_TIER, NO_TIER, NO_TIER],
  bonuses: [NO_BONUS, NO_BONUS, NO_BONUS, NO_BONUS],
  holdSeconds: 0,
  attributionWindow: 0,
  startsAt: 0n,
  endsAt: 0n,
  gateCredential: NO_ADDRESS,
  gateSchema: NO_ADDRESS,
  budget: 0n,
  attestedCodes: false,
  attestor: NO_ADDRESS,
  treasury: NO_ADDRESS,
};

/**
 * The settings of a campaign that pays `units` base units for each conversion. `others` replaces
 * the defaults, which are: no bounds, no parts for others, no tiers and no bonuses.
 */
export function fixedReward(
  units: bigint,
  others: Omit<Partial<SettingsArgs>, 'rewardKind' | 'rewardFixed'> = {},
): SettingsArgs {
  return { ...NOTHING, rewardFixed: units, ...others };
}

/**
 * The settings of a campaign that pays `bps` basis points of each amount, at most `max` base
 * units. `others` replaces the defaults, which are: no bounds, no parts for others, no tiers and
 * no bonuses.
 */
export function percentReward(
  bps: number,
  max: bigint,
  others: Omit<Partial<SettingsArgs>, 'rewardKind' | 'rewardBps' | 'rewardMax'> = {},
): SettingsArgs {
  return {
    ...NOTHING,
    rewardKind: RewardKind.Percent,
    rewardBps: bps,
    rewardMax: max,
    ...others,
  };
}
