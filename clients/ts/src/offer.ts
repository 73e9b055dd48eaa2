import {
  assertAccountExists,
  fetchEncodedAccounts,
  getI64Decoder,
  type Address,
  type FetchAccountsConfig,
  type GetMultipleAccountsApi,
  type Rpc,
} from '@solana/kit';

import {
  conversionKey,
  findKeyedAddress,
  findReferralAddress,
  findRewardAddress,
  NO_ADDRESS,
} from './addresses.js';
import type { Code } from './code.js';
import {
  decodeCampaign,
  decodeReferral,
  Funding,
  type Campaign,
  type Referral,
  type Settings,
} from './generated/index.js';

/** The sysvar that holds the cluster's time. */
const CLOCK_SYSVAR = 'SysvarC1ock11111111111111111111111111111111' as Address;
/** Offset of the unix seconds in the sysvar, after slot, epoch and others. */
const UNIX_TIMESTAMP_AT = 32;

/** An account with its address, such as the results of `fetchCampaign`. */
export type At<T> = { readonly address: Address; readonly data: T };

/**
 * A campaign and one of its codes, as they stand on the chain. The accounts of a conversion
 * follow from these.
 */
export type Offer = {
  readonly campaign: At<Campaign>;
  readonly referral: At<Referral>;
  /** The cluster's time at which they were read, in unix seconds. */
  readonly now: bigint;
  /** The campaign's settings in force at `now`. */
  readonly settings: Settings;
};

/** The offer of a campaign and a code that were read at `now`, in unix seconds. */
export function offerAt(campaign: At<Campaign>, referral: At<Referral>, now: bigint): Offer {
  return { campaign, referral, now, settings: settingsInForce(campaign.data, now) };
}

/** Reads the campaign at `campaign` and its `code`. Throws if one does not exist. */
export async function fetchOffer(
  rpc: Rpc<GetMultipleAccountsApi>,
  campaign: Address,
  code: Code,
  config?: FetchAccountsConfig,
): Promise<Offer> {
  const addresses = [campaign, await findReferralAddress(campaign, code), CLOCK_SYSVAR];
  // A single request reads all three at the same slot.
  const [campaignAccount, referralAccount, clock] = await fetchEncodedAccounts(
    rpc,
    addresses,
    config,
  );
  assertAccountExists(campaignAccount!);
  assertAccountExists(referralAccount!);
  assertAccountExists(clock!);
  const now = getI64Decoder().decode(clock.data, UNIX_TIMESTAMP_AT);
  return offerAt(decodeCampaign(campaignAccount), decodeReferral(referralAccount), now);
}

/** The settings in force at `now`, in unix seconds: the announced ones from `nextFrom` on. */
export function settingsInForce(
  campaign: Pick<Campaign, 'settings' | 'next' | 'nextFrom'>,
  now: bigint,
): Settings {
  return campaign.nextFrom !== 0n && now >= campaign.nextFrom ? campaign.next : campaign.settings;
}

/** The address of the conversion of `referee` with this `reference`. */
export async function findConversionAddress(
  { campaign, referral }: Pick<Offer, 'campaign' | 'referral'>,
  referee: Address,
  reference: Parameters<typeof conversionKey>[3],
): Promise<Address> {
  const key = await conversionKey(campaign.data, referee, referral.address, reference);
  return await findKeyedAddress(campaign.address, key);
}

/** Whether rewards are SOL. */
export function rewardsAreSol(campaign: Pick<Campaign, 'mint'>): boolean {
  return campaign.mint === NO_ADDRESS;
}

/** Whether payments are SOL. Meaningful only if the campaign takes payments. */
export function paymentsAreSol(campaign: Pick<Campaign, 'paymentMint'>): boolean {
  return campaign.paymentMint === NO_ADDRESS;
}

/** Whether rewards are minted. */
export function mints(campaign: Pick<Campaign, 'funding'>): boolean {
  return campaign.funding === Funding.MintAuthority;
}

/** Whether rewards come out of a vault, at once or later. */
export function paysFromVault(campaign: Pick<Campaign, 'vault'>): boolean {
  return campaign.vault !== NO_ADDRESS;
}

/** Whether conversions change the campaign: it counts a budget, or pays from a vault. */
export function counts(campaign: Pick<Campaign, 'settings' | 'vault'>): boolean {
  // A new budget applies at once, so `settings` has the right one even while others are
  // announced.
  return campaign.settings.budget > 0n || paysFromVault(campaign);
}

/** The code's partner; `undefined` without one. */
export function partnerOf(referral: Pick<Referral, 'partner'>): Address | undefined {
  return referral.partner === NO_ADDRESS ? undefined : referral.partner;
}

/** The account that receives the partner's part; `undefined` without a part. */
export async function partnerAccount(offer: Offer): Promise<Address | undefined> {
  const { campaign, settings, now } = offer;
  const { partnerEndsAt, partnerShareBps, partnerFixed, ...referral } = offer.referral.data;
  const partner = partnerOf(referral);
  const ended = partnerEndsAt !== 0n && now >= partnerEndsAt;
  const shares = partnerShareBps > 0 && settings.maxPartnerShareBps > 0;
  const fixed = partnerFixed > 0n && settings.maxPartnerFixed > 0n;
  return partner !== undefined && !ended && (shares || fixed)
    ? await findRewardAddress(partner, campaign.data)
    : undefined;
}

/** The account that receives the part of `referee`; `undefined` without a part. */
export async function refereeAccount(
  { campaign, settings }: Offer,
  referee: Address,
): Promise<Address | undefined> {
  return settings.refereeShareBps > 0 || settings.refereeFixed > 0n
    ? await findRewardAddress(referee, campaign.data)
    : undefined;
}
