/** Deposits that a wallet has put down on chain, and the program returns now. */

import type { Address } from '@solana/kit';
import { findBindingAddress, findReferrerAddress } from '@vouch/client/addresses.js';
import {
  CAMPAIGN_DISCRIMINATOR,
  getCampaignDecoder,
} from '@vouch/client/generated/accounts/campaign.js';
import { CLOSED_DISCRIMINATOR } from '@vouch/client/generated/accounts/closed.js';
import { REFERRAL_PROGRAM_ADDRESS } from '@vouch/client/generated/programs/referral.js';

import { clusterTime, rawOf, readAccounts, type Found } from './acting';
import { begins, isReturnable, type End } from './returnable';

/** Seconds after the end of the last hold within which rewards of a closed campaign can be claimed. */
export const CLAIM_PERIOD = 2_592_000n;

/** A record of `campaign` that may keep a deposit of the wallet. */
export type Candidate = { readonly address: string; readonly campaign: string };

/** A record whose deposit comes back. */
export type Rent = { readonly address: Address; readonly lamports: bigint };

/** The accounts of `wallet` in these campaigns that no list of the API names: its binding and its counter. */
export async function namedAfter(
  wallet: string,
  campaigns: readonly string[],
): Promise<Candidate[]> {
  const found = campaigns.map(async (campaign) => {
    const [of, owner] = [campaign as Address, wallet as Address];
    const addresses = [findBindingAddress(of, owner), findReferrerAddress(of, owner)];
    return (await Promise.all(addresses)).map((address) => ({ address, campaign }));
  });
  return (await Promise.all(found)).flat();
}

function endOf(account: Found | null, now: bigint): End {
  if (account?.owner !== REFERRAL_PROGRAM_ADDRESS) return 'open';
  const bytes = rawOf(account);
  if (begins(bytes, CLOSED_DISCRIMINATOR)) return 'claimed';
  if (!begins(bytes, CAMPAIGN_DISCRIMINATOR)) return 'open';
  const { closedAt, longestHold } = getCampaignDecoder().decode(bytes);
  if (closedAt === 0n) return 'open';
  return now < closedAt + BigInt(longestHold) + CLAIM_PERIOD ? 'closed' : 'claimed';
}

/**
 * Those candidates whose deposit is the wallet's and comes back now, by the rules of the program. Throws a `Refusal`
 * without a node.
 */
export async function returnable(
  wallet: string,
  candidates: readonly Candidate[],
): Promise<Rent[]> {
  const campaigns = [...new Set(candidates.map(({ campaign }) => campaign))];
  const [now, ends, accounts] = await Promise.all([
    clusterTime(),
    readAccounts(campaigns as Address[]),
    readAccounts(candidates.map(({ address }) => address as Address)),
  ]);
  const over = new Map(campaigns.map((campaign, at) => [campaign, endOf(ends[at]!, now)]));
  return candidates.flatMap(({ address, campaign }, at) => {
    const account = accounts[at]!;
    if (account?.owner !== REFERRAL_PROGRAM_ADDRESS) return [];
    const comesBack = isReturnable(rawOf(account), wallet, over.get(campaign)!, now);
    return comesBack ? [{ address: address as Address, lamports: account.lamports }] : [];
  });
}
