import type { FetchAccountConfig, GetAccountInfoApi, Rpc, Address } from '@solana/kit';

import { conversionKey, findRewardAddress, NO_ADDRESS } from './addresses.js';
import type { Code } from './code.js';
import {
  fetchCampaign,
  fetchReferral,
  findConversionPda,
  findReferralPda,
  type Campaign,
  type Referral,
} from './generated/index.js';

/** An account that was read: what `fetchCampaign` and its like give has this shape. */
export type At<T> = { readonly address: Address; readonly data: T };

/**
 * A campaign and one of its codes, as they stand on the chain: what the accounts of a
 * conversion follow from.
 */
export type Offer = { readonly campaign: At<Campaign>; readonly referral: At<Referral> };

/** Reads the campaign at `campaign` and its `code`. Throws when there is none. */
export async function fetchOffer(
  rpc: Rpc<GetAccountInfoApi>,
  campaign: Address,
  code: Code,
  config?: FetchAccountConfig,
): Promise<Offer> {
  const [referral] = await findReferralPda({ campaign, code });
  const [campaignAccount, referralAccount] = await Promise.all([
    fetchCampaign(rpc, campaign, config),
    fetchReferral(rpc, referral, config),
  ]);
  return { campaign: campaignAccount, referral: referralAccount };
}

/** The address of the conversion of `referee` with this `reference`. */
export async function findConversionAddress(
  { campaign, referral }: Offer,
  referee: Address,
  reference: Parameters<typeof conversionKey>[3],
): Promise<Address> {
  const key = await conversionKey(campaign.data, referee, referral.address, reference);
  const [address] = await findConversionPda({ campaign: campaign.address, key });
  return address;
}

/** Whether rewards are SOL. */
export function rewardsAreSol(campaign: Pick<Campaign, 'mint'>): boolean {
  return campaign.mint === NO_ADDRESS;
}

/** Whether payments are SOL, where there are any. */
export function paymentsAreSol(campaign: Pick<Campaign, 'paymentMint'>): boolean {
  return campaign.paymentMint === NO_ADDRESS;
}

/** Whether rewards come out of a vault, at once or later. */
export function paysFromVault(campaign: Pick<Campaign, 'vault'>): boolean {
  return campaign.vault !== NO_ADDRESS;
}

/** Whether conversions change the campaign: it counts a budget, or what its vault owes. */
export function counts(campaign: Pick<Campaign, 'budget' | 'vault'>): boolean {
  return campaign.budget > 0n || paysFromVault(campaign);
}

/** Who earns a share of each reward of the code, if there is somebody. */
export function partnerOf(referral: Pick<Referral, 'partner'>): Address | undefined {
  return referral.partner === NO_ADDRESS ? undefined : referral.partner;
}

/** Where the partner's share of the next reward goes; `undefined` where there is none. */
export async function partnerAccount({ campaign, referral }: Offer): Promise<Address | undefined> {
  const partner = partnerOf(referral.data);
  const share = Math.min(referral.data.partnerShareBps, campaign.data.maxPartnerShareBps);
  return partner !== undefined && share > 0
    ? await findRewardAddress(partner, campaign.data)
    : undefined;
}

/** Where the share of `referee` in the next reward goes; `undefined` where there is none. */
export async function refereeAccount(
  { campaign }: Offer,
  referee: Address,
): Promise<Address | undefined> {
  return campaign.data.refereeShareBps > 0
    ? await findRewardAddress(referee, campaign.data)
    : undefined;
}
