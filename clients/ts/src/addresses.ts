import {
  createAddressWithSeed,
  getAddressEncoder,
  getProgramDerivedAddress,
  getUtf8Encoder,
  type Address,
  type ReadonlyUint8Array,
} from '@solana/kit';

import type { Code } from './code.js';
import { Proof, REFERRAL_PROGRAM_ADDRESS, Uniqueness, type Campaign } from './generated/index.js';
import { hash } from './hash.js';

/** "None" in accounts, SOL as a mint, and the System program's address. */
export const NO_ADDRESS = '11111111111111111111111111111111' as Address;
/** The System program. */
export const SYSTEM_PROGRAM_ADDRESS = NO_ADDRESS;
/** The SPL Token program. */
export const TOKEN_PROGRAM_ADDRESS = 'TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA' as Address;
/** The program of associated token accounts. */
export const ASSOCIATED_TOKEN_PROGRAM_ADDRESS =
  'ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL' as Address;
/** The Solana Attestation Service. */
export const ATTESTATION_SERVICE_ADDRESS =
  '22zoJMtdu4tQc2PzL74ZUT7FrwgB1Udec8DdW4yw4BdG' as Address;

/** The reference of a conversion without one. */
export const NO_REFERENCE: ReadonlyUint8Array = new Uint8Array(32);

/** The terms that decide which conversions count as the same. */
export type ConversionTerms = Pick<Campaign, 'proof' | 'uniqueness'>;

/**
 * The key of a conversion; the conversion's address is derived from it. Two conversions that the
 * campaign counts as one have the same key. `referral` is the referral's address, `reference` the
 * campaign's own reference.
 */
export async function conversionKey(
  terms: ConversionTerms,
  referee: Address,
  referral: Address,
  reference: ReadonlyUint8Array,
): Promise<ReadonlyUint8Array> {
  const wallet = bytesOf(referee);
  switch (terms.uniqueness) {
    case Uniqueness.Wallet:
      return wallet;
    case Uniqueness.WalletAndCode:
      return await hash(wallet, bytesOf(referral));
    case Uniqueness.Order:
      // The attestor vouches for the order number. Without one, a buyer could use somebody
      // else's.
      return terms.proof === Proof.Attested ? await hash(reference) : await hash(wallet, reference);
  }
}

/** The address of the referral with `code` in a campaign. */
export function findReferralAddress(campaign: Address, code: Code): Promise<Address> {
  return withSeed(campaign, code);
}

/**
 * The address of a campaign's account with a 32-byte key, such as a conversion with its {@link
 * conversionKey}.
 */
export function findKeyedAddress(campaign: Address, key: ReadonlyUint8Array): Promise<Address> {
  // A seed must be text, so the highest bit of each byte is cleared.
  return withSeed(
    campaign,
    key.map((byte) => byte & 0x7f),
  );
}

/** The address of the binding of `wallet` in a campaign. */
export function findBindingAddress(campaign: Address, wallet: Address): Promise<Address> {
  return findNamedAddress(campaign, 'binding', bytesOf(wallet));
}

/**
 * The address of the account that counts for a code's `owner`, in a campaign that counts per
 * owner.
 */
export function findReferrerAddress(campaign: Address, owner: Address): Promise<Address> {
  return findNamedAddress(campaign, 'referrer', bytesOf(owner));
}

/** The address of a voucher's revocation; `digest` is its `voucherDigest`. */
export function findRevocationAddress(
  campaign: Address,
  digest: ReadonlyUint8Array,
): Promise<Address> {
  return findNamedAddress(campaign, 'revoked', digest);
}

function withSeed(campaign: Address, seed: ReadonlyUint8Array | string): Promise<Address> {
  const programAddress = REFERRAL_PROGRAM_ADDRESS;
  return createAddressWithSeed({ baseAddress: campaign, programAddress, seed });
}

/** The address of a campaign's account of the kind `name` for `bytes`. */
async function findNamedAddress(campaign: Address, name: string, bytes: ReadonlyUint8Array) {
  return await findKeyedAddress(campaign, await hash(getUtf8Encoder().encode(name), bytes));
}

function bytesOf(address: Address): ReadonlyUint8Array {
  return getAddressEncoder().encode(address);
}

/**
 * The credential of `wallet` from this issuer, with this schema of the Solana Attestation
 * Service. A campaign with a gate requires it.
 */
export async function findCredentialAddress(
  issuer: Address,
  schema: Address,
  wallet: Address,
): Promise<Address> {
  const [found] = await getProgramDerivedAddress({
    programAddress: ATTESTATION_SERVICE_ADDRESS,
    seeds: ['attestation', bytesOf(issuer), bytesOf(schema), bytesOf(wallet)],
  });
  return found;
}

/** The associated token account of `owner` for `mint`, as wallets derive it. */
export async function findAssociatedTokenAddress(
  owner: Address,
  mint: Address,
  tokenProgram: Address = TOKEN_PROGRAM_ADDRESS,
): Promise<Address> {
  const [found] = await getProgramDerivedAddress({
    programAddress: ASSOCIATED_TOKEN_PROGRAM_ADDRESS,
    seeds: [bytesOf(owner), bytesOf(tokenProgram), bytesOf(mint)],
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
 * The account that receives rewards of `owner` in `campaign`: the associated token account, or
 * the wallet itself if rewards are SOL.
 */
export async function findRewardAddress(
  owner: Address,
  campaign: Pick<Campaign, 'mint' | 'tokenProgram'>,
): Promise<Address> {
  return campaign.mint === NO_ADDRESS
    ? owner
    : await findAssociatedTokenAddress(owner, campaign.mint, campaign.tokenProgram);
}
