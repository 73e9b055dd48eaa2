import {
  AccountRole,
  upgradeRoleToWritable,
  type AccountMeta,
  type AccountSignerMeta,
  type Address,
  type Instruction,
  type InstructionWithAccounts,
  type ReadonlyUint8Array,
  type TransactionSigner,
} from '@solana/kit';

import {
  ASSOCIATED_TOKEN_PROGRAM_ADDRESS,
  NO_ADDRESS,
  NO_REFERENCE,
  SYSTEM_PROGRAM_ADDRESS,
  TOKEN_PROGRAM_ADDRESS,
  findAssociatedTokenAddress,
  findBindingAddress,
  findCredentialAddress,
  findReferralAddress,
  findReferrerAddress,
  findRevocationAddress,
  findRewardAddress,
} from './addresses.js';
import type { Code } from './code.js';
import {
  Action,
  Funding,
  REFERRAL_PROGRAM_ADDRESS,
  getBindInstruction,
  getCancelConversionInstruction,
  getClaimInstruction,
  getConvertInstruction,
  getCreateReferralInstruction,
  getPurchaseInstruction,
  getReclaimCampaignInstruction,
  getRegisterReferrerInstruction,
  getRevokeVoucherInstruction,
  type Campaign,
  type Conversion,
} from './generated/index.js';
import {
  counts,
  findConversionAddress,
  mints,
  partnerAccount,
  partnerOf,
  paymentsAreSol,
  paysFromVault,
  refereeAccount,
  rewardsAreSol,
  type At,
  type Offer,
} from './offer.js';
import { voucherDigest } from './voucher.js';

/** The sysvar that holds a transaction's instructions. */
const INSTRUCTIONS_SYSVAR = 'Sysvar1nstructions1111111111111111111111111' as Address;

/** The bits of a conversion's `settled`: the parts that are not owed. */
export const SETTLED = { referrer: 1, referee: 2, partner: 4 } as const;

/** What `createReferralInstruction` takes. */
export type CreateReferralArgs = {
  /** Pays the rent. */
  payer: TransactionSigner;
  /** Who will earn the code's rewards. */
  owner: TransactionSigner;
  /** The campaign's address. */
  campaign: Address;
  /** The code. */
  code: Code;
  /** Most conversions it may ever have; none for no limit. */
  usageLimit?: bigint;
  /** Unix seconds from which it no longer earns; none for never. */
  expiresAt?: bigint;
  /** The campaign's attestor, where codes need one. */
  attestor?: TransactionSigner;
  /** The campaign's `perOwner`, false when absent: there the owner has to be registered. */
  perOwner?: boolean;
};

/** Registers a code. */
export async function createReferralInstruction(input: CreateReferralArgs): Promise<Instruction> {
  const { campaign, code, owner } = input;
  return getCreateReferralInstruction({
    payer: input.payer,
    owner,
    campaign,
    referral: await findReferralAddress(campaign, code),
    attestor: input.attestor,
    referrer: input.perOwner ? await findReferrerAddress(campaign, owner.address) : undefined,
    code,
    usageLimit: input.usageLimit ?? 0n,
    expiresAt: input.expiresAt ?? 0n,
  });
}

/** What `registerReferrerInstruction` takes. */
export type RegisterReferrerArgs = {
  /** Pays the rent. */
  payer: TransactionSigner;
  /** The owner of codes. */
  owner: TransactionSigner;
  /** The campaign's address. */
  campaign: Address;
};

/** Registers an owner of codes in a campaign that counts per owner; once, before the first code. */
export async function registerReferrerInstruction(
  input: RegisterReferrerArgs,
): Promise<Instruction> {
  const referrer = await findReferrerAddress(input.campaign, input.owner.address);
  return getRegisterReferrerInstruction({ ...input, referrer });
}

/** What `bindInstruction` takes. */
export type BindArgs = {
  /** Pays the rent. */
  payer: TransactionSigner;
  /** The wallet that was brought. */
  wallet: TransactionSigner;
  /** The campaign's address. */
  campaign: Address;
  /** The code that brought it. */
  code: Code;
  /**
   * The referral of the wallet's `Binding`, where it has one that has not expired: the wallet
   * is bound anew if that referral cannot earn any more.
   */
  boundReferral?: Address;
  /**
   * The account of that referral's owner, where the campaign counts per owner and the owner has
   * reached its limit.
   */
  boundReferrer?: Address;
};

/** Records that the code brought the wallet to the campaign first. */
export async function bindInstruction(input: BindArgs): Promise<Instruction> {
  const { campaign, code, wallet } = input;
  const referral = await findReferralAddress(campaign, code);
  const binding = await findBindingAddress(campaign, wallet.address);
  return getBindInstruction({ ...input, referral, binding });
}

/** What `convertInstruction` takes, besides the offer. */
export type ConvertArgs = Offer & {
  /** The wallet that was referred. */
  referee: TransactionSigner;
  /** Pays the rent, may be a sponsor; the referee when absent. */
  payer?: TransactionSigner;
  /** What the referee did; a sign-up when absent. */
  action?: Action;
  /** What it was worth, in units of the campaign's own choice; 0 when it has no price. */
  amount?: bigint;
  /** The campaign's own reference, such as a hash of an order. */
  reference?: ReadonlyUint8Array;
  /**
   * Who else says so: the campaign's attestor, who signs the transaction, or a voucher, by its
   * `voucherMessage`. The instruction right before is then `voucherInstruction`'s.
   */
  evidence?: TransactionSigner | { readonly voucher: ReadonlyUint8Array };
};

/**
 * Records a conversion and pays its reward, or holds it, as the campaign says.
 *
 * A part whose beneficiary has no token account is owed, and claimed later. A sponsor that does
 * not want the referee to wait puts `createRewardAccountInstruction` before this instruction.
 */
export async function convertInstruction(input: ConvertArgs): Promise<Instruction> {
  const { campaign, referral, referee, evidence } = input;
  const reference = input.reference ?? NO_REFERENCE;
  const atOnce = input.settings.holdSeconds === 0;
  const voucher = evidence !== undefined && 'voucher' in evidence ? evidence.voucher : undefined;
  const instruction = getConvertInstruction({
    payer: input.payer ?? referee,
    referee,
    campaign: campaign.address,
    referral: referral.address,
    conversion: await findConversionAddress(input, referee.address, reference),
    // What is held moves no token yet.
    mint: atOnce ? rewardMint(campaign.data) : undefined,
    referrerAccount: referral.data.rewardAccount,
    tokenProgram: campaign.data.tokenProgram,
    attestor: evidence === undefined || 'voucher' in evidence ? undefined : evidence,
    instructions: voucher ? INSTRUCTIONS_SYSVAR : undefined,
    revocation: voucher
      ? await findRevocationAddress(campaign.address, await voucherDigest(voucher))
      : undefined,
    ...(await asked(input, referee.address)),
    refereeAccount: atOnce ? await refereeAccount(input, referee.address) : undefined,
    partnerAccount: atOnce ? await partnerAccount(input) : undefined,
    vault: vault(campaign.data),
    code: referral.data.code,
    action: input.action ?? Action.Signup,
    amount: input.amount ?? 0n,
    reference: bytes32(reference),
  });
  return resolved(instruction, CONVERT, {
    campaign: counts(campaign.data),
    mint: atOnce && mints(campaign.data),
  });
}

/** What `purchaseInstruction` takes, besides the offer. */
export type PurchaseArgs = Offer & {
  /** The wallet that was referred, and pays the price. */
  buyer: TransactionSigner;
  /** Pays the rent, may be a sponsor; the buyer when absent. */
  payer?: TransactionSigner;
  /** What the buyer did; a purchase when absent. */
  action?: Action;
  /** The price, in base units of the payment token, before any discount. */
  amount: bigint;
  /**
   * The most that the buyer pays: the price that was shown, after the discount of a split. The
   * purchase fails when the campaign's settings have changed and it would be more.
   */
  maxPayment: bigint;
  /** The seller's own reference, such as a hash of an order. */
  reference?: ReadonlyUint8Array;
  /** Program of the payment token, when it is not the Token program. */
  paymentTokenProgram?: Address;
  /** The buyer's token account that pays, when it is not the associated one. */
  paymentSource?: Address;
};

/**
 * Pays the price to the campaign's treasury, records the conversion and pays its reward, or
 * holds it, as the campaign says.
 */
export async function purchaseInstruction(input: PurchaseArgs): Promise<Instruction> {
  const { campaign, referral, buyer } = input;
  const reference = input.reference ?? NO_REFERENCE;
  const atOnce = input.settings.holdSeconds === 0;
  // A split pays rewards in the token of the payment, which is there already; what is held
  // moves no other.
  const moves = atOnce && campaign.data.funding !== Funding.PaymentSplit;
  const instruction = getPurchaseInstruction({
    payer: input.payer ?? buyer,
    buyer,
    campaign: campaign.address,
    referral: referral.address,
    conversion: await findConversionAddress(input, buyer.address, reference),
    treasury: campaign.data.settings.treasury,
    referrerAccount: referral.data.rewardAccount,
    ...(await payment(input)),
    mint: moves ? rewardMint(campaign.data) : undefined,
    tokenProgram: moves ? rewardTokenProgram(campaign.data) : undefined,
    ...(await asked(input, buyer.address)),
    // In a split, the buyer's part is a discount.
    refereeAccount: moves ? await refereeAccount(input, buyer.address) : undefined,
    partnerAccount: atOnce ? await partnerAccount(input) : undefined,
    vault: vault(campaign.data),
    code: referral.data.code,
    action: input.action ?? Action.Purchase,
    amount: input.amount,
    reference: bytes32(reference),
    maxPayment: input.maxPayment,
  });
  return resolved(instruction, PURCHASE, {
    campaign: counts(campaign.data),
    mint: moves && mints(campaign.data),
  });
}

async function payment(input: PurchaseArgs) {
  const { campaign, buyer } = input;
  if (paymentsAreSol(campaign.data)) return {};
  const paymentMint = campaign.data.paymentMint;
  const paymentTokenProgram = input.paymentTokenProgram ?? TOKEN_PROGRAM_ADDRESS;
  const paymentSource =
    input.paymentSource ??
    (await findAssociatedTokenAddress(buyer.address, paymentMint, paymentTokenProgram));
  return { paymentMint, paymentSource, paymentTokenProgram };
}

/** What `claimInstruction` takes: of an offer, campaign and referral alone. */
export type ClaimArgs = Pick<Offer, 'campaign' | 'referral'> & {
  /** The conversion as it stands on the chain. */
  conversion: At<Conversion>;
};

/**
 * Pays the parts of a conversion that are owed and no longer held, as far as their accounts can
 * take them. Anybody may send it.
 */
export async function claimInstruction(input: ClaimArgs): Promise<Instruction> {
  const { campaign, referral, conversion } = input;
  const { data } = conversion;
  const open = (part: number, units: bigint) => units > 0n && (data.settled & part) === 0;
  const partner = partnerOf(referral.data);
  const instruction = getClaimInstruction({
    campaign: campaign.address,
    referral: referral.address,
    conversion: conversion.address,
    referrerAccount: referral.data.rewardAccount,
    mint: rewardMint(campaign.data),
    tokenProgram: rewardTokenProgram(campaign.data),
    refereeAccount: open(SETTLED.referee, data.rewardReferee)
      ? await findRewardAddress(data.referee, campaign.data)
      : undefined,
    partnerAccount:
      partner !== undefined && open(SETTLED.partner, data.rewardPartner)
        ? await findRewardAddress(partner, campaign.data)
        : undefined,
    vault: vault(campaign.data),
  });
  const all = SETTLED.referrer | SETTLED.referee | SETTLED.partner;
  return resolved(instruction, CLAIM, {
    campaign: paysFromVault(campaign.data),
    // A held conversion that owes nothing is only closed.
    mint: mints(campaign.data) && data.settled !== all,
  });
}

/** What `cancelConversionInstruction` takes: of an offer, campaign and referral alone. */
export type CancelConversionArgs = ClaimArgs & {
  /** The campaign's authority. */
  authority: TransactionSigner;
};

/** Cancels a conversion within its hold: a refund, or fraud. */
export async function cancelConversionInstruction(
  input: CancelConversionArgs,
): Promise<Instruction> {
  const { authority, campaign, referral, conversion } = input;
  const { address, data } = campaign;
  // What a split put aside goes to the treasury; from elsewhere, nothing has moved yet.
  const split = data.funding === Funding.PaymentSplit;
  const token = split && !rewardsAreSol(data);
  const instruction = getCancelConversionInstruction({
    authority,
    campaign: address,
    referral: referral.address,
    conversion: conversion.address,
    referrer: data.perOwner ? await findReferrerAddress(address, referral.data.owner) : undefined,
    treasury: split ? data.settings.treasury : undefined,
    mint: token ? data.mint : undefined,
    vault: token ? data.vault : undefined,
    tokenProgram: token ? data.tokenProgram : undefined,
  });
  return resolved(instruction, CANCEL, {
    campaign: conversion.data.budgeted || paysFromVault(data),
    mint: false,
  });
}

/** What `reclaimCampaignInstruction` takes. */
export type ReclaimCampaignArgs = {
  /** The campaign's authority. */
  authority: TransactionSigner;
  /** The campaign. */
  campaign: At<Campaign>;
  /** The token account that gets what is left in the vault, where there is one. */
  destination?: Address;
};

/**
 * Gives back what a closed campaign holds, once nothing can be claimed any more: the mint's
 * authority, the vault's tokens, the rent.
 */
export function reclaimCampaignInstruction(input: ReclaimCampaignArgs): Instruction {
  const { authority, campaign, destination } = input;
  const { address, data } = campaign;
  const instruction = getReclaimCampaignInstruction({
    authority,
    campaign: address,
    rentPayer: data.rentPayer,
    mint: rewardMint(data),
    vault: vault(data),
    destination: paysFromVault(data) ? destination : undefined,
    tokenProgram: rewardTokenProgram(data),
  });
  return resolved(instruction, RECLAIM_CAMPAIGN, { campaign: true, mint: mints(data) });
}

/** What `revokeVoucherInstruction` takes. */
export type RevokeVoucherArgs = {
  /** Pays the rent, which comes back once the voucher has expired. */
  payer: TransactionSigner;
  /** The campaign's attestor. */
  attestor: TransactionSigner;
  /** The campaign's address. */
  campaign: Address;
  /** The voucher's `voucherDigest`. */
  digest: ReadonlyUint8Array;
  /** The voucher's `expiresAt`. */
  expiresAt: bigint;
};

/** Revokes a voucher before somebody uses it. */
export async function revokeVoucherInstruction(input: RevokeVoucherArgs): Promise<Instruction> {
  const revocation = await findRevocationAddress(input.campaign, input.digest);
  return getRevokeVoucherInstruction({ ...input, revocation });
}

/**
 * Creates the associated token account in which `owner` receives rewards of `campaign`, unless
 * it exists; `undefined` where rewards are SOL, which need none. `payer` pays its rent, which
 * `owner` can take by closing the account: let referrers and partners pay for their own.
 */
export async function createRewardAccountInstruction(
  payer: TransactionSigner,
  owner: Address,
  campaign: Pick<Campaign, 'mint' | 'tokenProgram'>,
): Promise<Instruction | undefined> {
  if (rewardsAreSol(campaign)) return undefined;
  const { mint, tokenProgram } = campaign;
  const account = await findAssociatedTokenAddress(owner, mint, tokenProgram);
  const accounts: (AccountMeta | AccountSignerMeta)[] = [
    { address: payer.address, role: AccountRole.WRITABLE_SIGNER, signer: payer },
    { address: account, role: AccountRole.WRITABLE },
    { address: owner, role: AccountRole.READONLY },
    { address: mint, role: AccountRole.READONLY },
    { address: SYSTEM_PROGRAM_ADDRESS, role: AccountRole.READONLY },
    { address: tokenProgram, role: AccountRole.READONLY },
  ];
  return {
    programAddress: ASSOCIATED_TOKEN_PROGRAM_ADDRESS,
    accounts,
    // `CreateIdempotent`
    data: new Uint8Array([1]),
  };
}

/** The token of the rewards, absent where they are SOL. */
function rewardMint(campaign: Campaign): Address | undefined {
  return rewardsAreSol(campaign) ? undefined : campaign.mint;
}

/** The program of that token, absent where rewards are SOL. */
function rewardTokenProgram(campaign: Campaign): Address | undefined {
  return rewardsAreSol(campaign) ? undefined : campaign.tokenProgram;
}

function vault(campaign: Campaign): Address | undefined {
  return paysFromVault(campaign) ? campaign.vault : undefined;
}

/** The accounts that the campaign asks of `wallet` and of the code's owner, if any. */
async function asked({ campaign, referral, settings }: Offer, wallet: Address) {
  const { address, data } = campaign;
  const { attributionWindow, gateCredential, gateSchema } = settings;
  return {
    binding: attributionWindow > 0 ? await findBindingAddress(address, wallet) : undefined,
    referrer: data.perOwner ? await findReferrerAddress(address, referral.data.owner) : undefined,
    credential:
      gateCredential === NO_ADDRESS
        ? undefined
        : await findCredentialAddress(gateCredential, gateSchema, wallet),
  };
}

/** Where accounts are in an instruction, and how many of them are never left out. */
type Layout = { readonly always: number; readonly campaign: number; readonly mint: number };

const CONVERT: Layout = { always: 9, campaign: 2, mint: 5 };
const PURCHASE: Layout = { always: 8, campaign: 2, mint: 11 };
const CLAIM: Layout = { always: 6, campaign: 0, mint: 4 };
const CANCEL: Layout = { always: 9, campaign: 1, mint: 6 };
const RECLAIM_CAMPAIGN: Layout = { always: 7, campaign: 1, mint: 3 };

/**
 * The instruction as the program wants it.
 *
 * Campaign and mint are writable only where the instruction changes them, so that conversions
 * run at the same time elsewhere. The accounts after the layout's `always` first ones are left
 * out where all of them are absent, which costs less.
 */
function resolved(
  instruction: Instruction & InstructionWithAccounts<readonly AccountMeta[]>,
  layout: Layout,
  changed: { readonly campaign: boolean; readonly mint: boolean },
): Instruction {
  const all = instruction.accounts.map((meta, index) =>
    (index === layout.campaign && changed.campaign) || (index === layout.mint && changed.mint)
      ? { ...meta, role: upgradeRoleToWritable(meta.role) }
      : meta,
  );
  const isAbsent = (meta: AccountMeta) => meta.address === REFERRAL_PROGRAM_ADDRESS;
  const accounts = all.slice(layout.always).every(isAbsent) ? all.slice(0, layout.always) : all;
  return { ...instruction, accounts };
}

/** Refuses what the encoder would cut or fill up, silently. */
function bytes32(reference: ReadonlyUint8Array): ReadonlyUint8Array {
  if (reference.length !== 32) {
    throw new RangeError(`a reference has 32 bytes, not ${reference.length}`);
  }
  return reference;
}
