/** Prepares what somebody signs on the console or `/me`: read by `acts.ts`, and tried by the node. */

import {
  createNoopSigner,
  getBase64Encoder,
  getI64Decoder,
  type Address,
  type Instruction as Step,
} from '@solana/kit';
import {
  ATTESTATION_SERVICE_ADDRESS,
  findRewardAddress,
  NO_ADDRESS,
} from '@vouch/client/addresses.js';
import { getCampaignDecoder, type Campaign } from '@vouch/client/generated/accounts/campaign.js';
import { CLOSED_DISCRIMINATOR } from '@vouch/client/generated/accounts/closed.js';
import { getConversionDecoder } from '@vouch/client/generated/accounts/conversion.js';
import { getReferralDecoder } from '@vouch/client/generated/accounts/referral.js';
import { settingsInForce, type At } from '@vouch/client/offer.js';
import { findCampaignPda } from '@vouch/client/generated/pdas/campaign.js';
import { MINT_SIZE, MissingSetting, usualSettings, type Opening } from '@vouch/client/opening.js';
import type { Settings } from '@vouch/client/generated/types/settings.js';

import { Refusal } from '../api/client';
import type { Token } from '../format/money';
import { tokenOf } from '../ui/format';
import { understand, type Act, type Understood } from './acts';
import { isEqual, readWire } from './inspect';
import { bytesOf, rpc, simulate, type Encoded } from './node';
import { decimalsOf, isAsShown, SOL_DECIMALS, type ShownTokens } from './tokens';
import type { Prepared } from '.';

export type { Act, Step };

/** The sysvar that holds the cluster's time, and the offset of its unix seconds. */
const CLOCK = 'SysvarC1ock11111111111111111111111111111111' as Address;
const UNIX_TIMESTAMP_AT = 32;
/** Offsets in accounts of the token programs, which are the same in both. */
const AMOUNT_AT = 64;
const DECIMALS_AT = 44;
const TOKEN_PROGRAMS = [
  'TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA',
  'TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb',
];

/** A transaction that was read and tried, and may be signed. */
export type Doing = Prepared & {
  readonly understood: Understood;
  /** Lamports that come into the wallet, besides the fee; below zero if some leave it. */
  readonly gains: bigint;
  /** The accounts that were asked for, as the transaction would leave them. */
  readonly after: readonly Encoded[];
};

type Built = { readonly transaction: string; readonly last_valid_block_height: number };

/** Reads what the API has built, and lets the node try it. Throws a `Refusal`. */
export async function prepareAct(
  built: Built,
  act: Act,
  wallet: string,
  { watched = [], creates }: { watched?: readonly Address[]; creates?: Address } = {},
): Promise<Doing> {
  const understood = await understand(built.transaction, act, wallet);
  if (!understood) throw new Refusal('not_as_shown', undefined);
  const tried = await simulate(understood, wallet as Address, watched);
  if (!tried) throw new Refusal('no_node', undefined);
  return {
    inspected: understood,
    understood,
    lastValidBlockHeight: BigInt(built.last_valid_block_height),
    creates,
    // `sameActs` compares what is signed with what was understood.
    read: readWire,
    trial: { cost: tried.cost, recorded: undefined, accounts: tried.accounts },
    gains: tried.cost.fee - tried.gone,
    after: tried.accounts,
  };
}

async function accountsAt(addresses: readonly Address[]): Promise<readonly Encoded[]> {
  if (!rpc) throw new Refusal('no_node', undefined);
  const options = { encoding: 'base64', commitment: 'confirmed' } as const;
  try {
    return (await rpc.getMultipleAccounts([...addresses], options).send()).value;
  } catch {
    throw new Refusal('chain_unavailable', undefined);
  }
}

/** An account as the node has it. */
export type Found = NonNullable<Encoded> & { readonly lamports: bigint };
/** Most accounts of one question to a node. */
const AT_ONCE = 100;

/** Accounts of any number, in their order; null for those that are not there. */
export async function readAccounts(addresses: readonly Address[]): Promise<(Found | null)[]> {
  const found: Encoded[] = [];
  for (let from = 0; from < addresses.length; from += AT_ONCE) {
    found.push(...(await accountsAt(addresses.slice(from, from + AT_ONCE))));
  }
  return found as (Found | null)[];
}

/** Unix seconds of the cluster. */
export async function clusterTime(): Promise<bigint> {
  const [clock] = await accountsAt([CLOCK]);
  return getI64Decoder().decode(rawOf(clock), UNIX_TIMESTAMP_AT);
}

export const rawOf = (account: Encoded): Uint8Array =>
  new Uint8Array(getBase64Encoder().encode((account?.data as [string] | undefined)?.[0] ?? ''));

function decoded<T>(decode: () => T): T {
  try {
    return decode();
  } catch {
    // A version of the program that these pages do not know, or another account.
    throw new Refusal('not_as_shown', undefined);
  }
}

/** A campaign as the node has it, with the settings that its next change begins with. */
export type Standing = {
  readonly campaign: At<Campaign>;
  /** Those that were announced last, or are in force. */
  readonly settings: Settings;
  /** Unix seconds of the cluster. */
  readonly now: bigint;
};

/**
 * Reads a campaign from the node. Throws `campaign_reclaimed` if only its tombstone is left,
 * `not_campaign_authority` if `wallet` is named and does not run it, and `not_as_shown` if its tokens are others than the page shows: a hundred with three decimals less are a
 * hundred thousand.
 */
export async function standing(
  address: string,
  shown: ShownTokens,
  wallet?: string,
): Promise<Standing> {
  const [account, clock] = await accountsAt([address as Address, CLOCK]);
  if (!account) throw new Refusal('campaign_not_found', undefined);
  const bytes = bytesOf(account);
  if (isEqual(bytes.subarray(0, CLOSED_DISCRIMINATOR.length), CLOSED_DISCRIMINATOR)) {
    throw new Refusal('campaign_reclaimed', undefined);
  }
  const data = decoded(() => getCampaignDecoder().decode(bytes));
  // If the API claims that this is the wallet's campaign, the wallet must not pay into another one's vault.
  if (wallet !== undefined && data.authority !== wallet) {
    throw new Refusal('not_campaign_authority', undefined);
  }
  if (!isAsShown(data, shown)) throw new Refusal('not_as_shown', undefined);
  const now = getI64Decoder().decode(rawOf(clock), UNIX_TIMESTAMP_AT);
  const settings = data.nextFrom > now ? data.next : settingsInForce(data, now);
  return { campaign: { address: address as Address, data }, settings, now };
}

/** The token of the rewards as the node has it, by the symbol that the campaign has chosen. */
export function rewardToken({ data }: At<Campaign>, symbol: string | null | undefined): Token {
  return tokenOf({ mint: data.mint, decimals: decimalsOf(data), symbol: symbol ?? null });
}

/** The token in which buyers pay, as the node has it. */
export async function paymentToken(
  { data }: At<Campaign>,
  symbol: string | null | undefined,
): Promise<Token> {
  const mint = data.paymentMint;
  if (mint === data.mint) return rewardToken({ address: mint, data }, symbol);
  if (mint === NO_ADDRESS) return tokenOf({ mint, decimals: SOL_DECIMALS });
  return tokenOf({ mint, decimals: (await tokenAt(mint)).decimals, symbol: null });
}

/** A conversion of this campaign and its code, as the node has them. */
export async function heldConversion(address: string, campaign: At<Campaign>) {
  const [account] = await accountsAt([address as Address]);
  if (!account) throw new Refusal('conversion_not_found', undefined);
  const data = decoded(() => getConversionDecoder().decode(bytesOf(account)));
  const [code] = await accountsAt([data.referral]);
  const referral = decoded(() => getReferralDecoder().decode(bytesOf(code)));
  if (referral.campaign !== campaign.address) throw new Refusal('not_as_shown', undefined);
  return {
    conversion: { address: address as Address, data },
    referral: { address: data.referral, data: referral },
  };
}

/** The program and the decimals of a token. Throws `unsupported_mint` for what is none. */
export async function tokenAt(mint: string): Promise<{ program: Address; decimals: number }> {
  const [account] = await accountsAt([mint as Address]);
  const data = rawOf(account);
  if (!account || !TOKEN_PROGRAMS.includes(account.owner) || data.length <= DECIMALS_AT) {
    throw new Refusal('unsupported_mint', undefined);
  }
  return { program: account.owner, decimals: data[DECIMALS_AT]! };
}

/** Where a campaign will be, and its settings as they will stand. */
export async function opened(opening: Omit<Opening, 'payer' | 'authority'>, wallet: string) {
  const signer = createNoopSigner(wallet as Address);
  const all = { ...opening, payer: signer, authority: signer };
  const [address] = await findCampaignPda({ authority: wallet as Address, id: opening.id });
  try {
    return { address, settings: (await usualSettings(all)) as Settings };
  } catch (error) {
    if (error instanceof MissingSetting) throw new Refusal('missing_field', undefined);
    throw error;
  }
}

/** Whether the credential that these settings ask for has an issuer and a schema that exist. */
export async function isGateKnown({ gateCredential, gateSchema }: Settings): Promise<boolean> {
  if (gateCredential === NO_ADDRESS) return true;
  const found = await accountsAt([gateCredential, gateSchema]);
  return found.every((account) => account?.owner === ATTESTATION_SERVICE_ADDRESS);
}

/** Lamports that a new token keeps. */
export async function mintRent(): Promise<bigint> {
  if (!rpc) throw new Refusal('no_node', undefined);
  try {
    return await rpc.getMinimumBalanceForRentExemption(MINT_SIZE).send();
  } catch {
    throw new Refusal('chain_unavailable', undefined);
  }
}

/** Base units in these token accounts; zero for those that are not there. */
export async function balances(addresses: readonly Address[]): Promise<bigint[]> {
  return (await accountsAt(addresses)).map(balanceIn);
}

/** Base units in a token account; zero if it is not there. */
export function balanceIn(account: Encoded): bigint {
  const data = rawOf(account);
  if (data.length < AMOUNT_AT + 8) return 0n;
  return new DataView(data.buffer, data.byteOffset).getBigUint64(AMOUNT_AT, true);
}

/** Where `wallet` gets rewards of a campaign. */
export function placeOf(wallet: string, { data }: At<Campaign>): Promise<Address> {
  return findRewardAddress(wallet as Address, data);
}

/** Unix seconds from which changed settings hold, by what the program wrote in the trial; 0 for at once. */
export function inForceFrom(account: Encoded): bigint {
  return decoded(() => getCampaignDecoder().decode(bytesOf(account))).nextFrom;
}
