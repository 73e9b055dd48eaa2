import {
  getAddressEncoder,
  getProgramDerivedAddress,
  type Address,
  type ReadonlyUint8Array,
} from '@solana/kit';

import { Proof, Uniqueness, type Campaign } from './generated/index.js';

/** Stands for "none" in accounts, and for SOL as a mint; also the System program's address. */
export const NO_ADDRESS = '11111111111111111111111111111111' as Address;
/** The System program. */
export const SYSTEM_PROGRAM_ADDRESS = NO_ADDRESS;
/** The SPL Token program. */
export const TOKEN_PROGRAM_ADDRESS = 'TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA' as Address;
/** The program of associated token accounts. */
export const ASSOCIATED_TOKEN_PROGRAM_ADDRESS =
  'ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL' as Address;

/** What a conversion without a reference of the campaign's own has. */
export const NO_REFERENCE: ReadonlyUint8Array = new Uint8Array(32);

/** What of a campaign says which conversions are the same. */
export type ConversionTerms = Pick<Campaign, 'proof' | 'uniqueness'>;

/**
 * What a campaign with these terms counts once: `referee`, by the referral at `referral`, with
 * the campaign's own `reference`. A conversion's address follows from it.
 */
export async function conversionKey(
  terms: ConversionTerms,
  referee: Address,
  referral: Address,
  reference: ReadonlyUint8Array,
): Promise<ReadonlyUint8Array> {
  const wallet = getAddressEncoder().encode(referee);
  switch (terms.uniqueness) {
    case Uniqueness.Wallet:
      return wallet;
    case Uniqueness.WalletAndCode:
      return await hash(wallet, getAddressEncoder().encode(referral));
    case Uniqueness.Order:
      // The attestor says which order it is; a buyer could take another's number.
      return terms.proof === Proof.Attested ? reference : await hash(wallet, reference);
  }
}

async function hash(...parts: ReadonlyUint8Array[]): Promise<ReadonlyUint8Array> {
  const bytes = new Uint8Array(parts.flatMap((part) => [...part]));
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}

/** The associated token account of `owner` for `mint`, as wallets derive it. */
export async function findAssociatedTokenAddress(
  owner: Address,
  mint: Address,
  tokenProgram: Address = TOKEN_PROGRAM_ADDRESS,
): Promise<Address> {
  const address = getAddressEncoder();
  const [found] = await getProgramDerivedAddress({
    programAddress: ASSOCIATED_TOKEN_PROGRAM_ADDRESS,
    seeds: [address.encode(owner), address.encode(tokenProgram), address.encode(mint)],
  });
  return found;
}

/** The vault of the campaign at `campaign`: its associated token account. */
export function findVaultAddress(
  campaign: Address,
  mint: Address,
  tokenProgram: Address = TOKEN_PROGRAM_ADDRESS,
): Promise<Address> {
  return findAssociatedTokenAddress(campaign, mint, tokenProgram);
}

/**
 * Where `owner` receives rewards of `campaign`: the associated token account, or the wallet
 * itself where rewards are SOL.
 */
export async function findRewardAddress(
  owner: Address,
  campaign: Pick<Campaign, 'mint' | 'tokenProgram'>,
): Promise<Address> {
  return campaign.mint === NO_ADDRESS
    ? owner
    : await findAssociatedTokenAddress(owner, campaign.mint, campaign.tokenProgram);
}
