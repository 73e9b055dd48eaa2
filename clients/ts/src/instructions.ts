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

/** The bits of a conversion's `settled`: parts that are paid, or were zero from the start. */
export const SETTLED = { referrer: 1, referee: 2, partner: 4 } as const;

/** Arguments of `createReferralInstruction`. */
export type CreateReferralArgs = {
  /** Pays the rent. */
  payer: TransactionSigner;
  /** Earns the code's rewards. */
  owner: TransactionSigner;
  /** The campaign's address. */
  campaign: Address;
  /** The code. */
  code: Code;
  /** Most conversions that the code may ever have; absent for no limit. */
  usageLimit?: bigint;
  /** Unix seconds from which the code no longer earns; absent for never. */
  expiresAt?: bigint;
  /** The campaign's attestor, if codes need its signature. */
  attestor?: TransactionSigner;
  /** The campaign's `perOwner`; false when absent. If true, the owner must be registered. */
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

/** Arguments of `registerReferrerInstruction`. */
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

/** Arguments of `bindInstruction`. */
export type BindArgs = {
  /** Pays the rent. */
  payer: TransactionSigner;
  /** The wallet to bind. */
  wallet: TransactionSigner;
  /** The campaign's address. */
  campaign: Address;
  /** The code that brought the wallet. */
  code: Code;
  /**
   * The referral of the wallet's `Binding`, if that has not expired. The wallet is bound to the
   * new code if that referral cannot earn any more.
   */
  boundReferral?: Address;
  /**
   * The account of that referral's owner, if the campaign counts per owner and the owner has
   * reached its limit.
   */
  boundReferrer?: Address;
};

/** Records that the code was the first to bring the wallet to the campaign. */
export async function bindInstruction(input: BindArgs): Promise<Instruction> {
  const { campaign, code, wallet } = input;
  const referral = await findReferralAddress(campaign, code);
  const binding = await findBindingAddress(campaign, wallet.address);
  return getBindInstruction({ ...input, referral, binding });
}

/** Arguments of `convertInstruction`, besides the offer. */
export type ConvertArgs = Offer & {
  /** The wallet that was referred. */
  referee: TransactionSigner;
  /** Pays the rent, may be a sponsor; the referee when absent. */
  payer?: TransactionSigner;
  /** The referee's action; a sign-up when absent. */
  action?: Action;
  /** The worth of the action, in units that the campaign chooses; 0 when it has no price. */
  amount?: bigint;
  /** The campaign's own reference, such as a hash of an order. */
  reference?: ReadonlyUint8Array;
  /**
   * The evidence: the campaign's attestor, who signs the transaction, or the `voucherMessage` of
   * a voucher. A voucher's `voucherInstruction` must be right before this one.
   */
  evidence?: TransactionSigner | { readonly voucher: ReadonlyUint8Array };
};

/**
 * Records a conversion. Its reward is paid at once, or held if the campaign has a hold.
 *
 * A part whose beneficiary has no token account is owed, and claimed later. To pay it at once,
 * put `createRewardAccountInstruction` before this instruction.
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
    // A held reward moves no token yet.
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

/** Arguments of `purchaseInstruction`, besides the offer. */
export type PurchaseArgs = Offer & {
  /** The wallet that was referred and pays the price. */
  buyer: TransactionSigner;
  /** Pays the rent, may be a sponsor; the buyer when absent. */
  payer?: TransactionSigner;
  /** The buyer's action; a purchase when absent. */
  action?: Action;
  /** The price, in base units of the payment token, before any discount. */
  amount: bigint;
  /**
   * The most that the buyer pays: the price that the buyer was shown, after the discount of a
   * split. The purchase fails if the campaign's settings have changed and the price is higher.
   */
  maxPayment: bigint;
  /** The seller's own reference, such as a hash of an order. */
  reference?: ReadonlyUint8Array;
  /** Program of the payment token, if it is not the SPL Token program. */
  paymentTokenProgram?: Address;
  /** The buyer's token account that pays, if it is not the associated token account. */
  paymentSource?: Address;
};

/**
 * Pays the price to the campaign's treasury and records the conversion. Its reward is paid at
 * once, or held if the campaign has a hold.
 */
export async function purchaseInstruction(input: PurchaseArgs): Promise<Instruction> {
  const { campaign, referral, buyer } = input;
  const reference = input.reference ?? NO_REFERENCE;
  const atOnce = input.settings.holdSeconds === 0;
  // A split pays rewards in the payment token, whose accounts are there already. A held reward
  // moves no other token.
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

/** Arguments of `claimInstruction`. Of an offer, it needs only campaign and referral. */
export type ClaimArgs = Pick<Offer, 'campaign' | 'referral'> & {
  /** The conversion as it stands on the chain. */
  conversion: At<Conversion>;
};

/**
 * Pays those parts of a conversion that are owed, no longer held, and accepted by their accounts.
 * Anybody may send it.
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
    // If a held conversion owes nothing, the claim only changes its status.
    mint: mints(campaign.data) && data.settled !== all,
  });
}

/** Arguments of `cancelConversionInstruction`. Of an offer, it needs only campaign and referral. */
export type CancelConversionArgs = ClaimArgs & {
  /** The campaign's authority. */
  authority: TransactionSigner;
};

/** Cancels a conversion within its hold, because of a refund or fraud. */
export async function cancelConversionInstruction(
  input: CancelConversionArgs,
): Promise<Instruction> {
  const { authority, campaign, referral, conversion } = input;
  const { address, data } = campaign;
  // Only a split holds money back. It goes to the treasury.
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

/** Arguments of `reclaimCampaignInstruction`. */
export type ReclaimCampaignArgs = {
  /** The campaign's authority. */
  authority: TransactionSigner;
  /** The campaign. */
  campaign: At<Campaign>;
  /** The token account that receives the rest of the vault, if there is a vault. */
  destination?: Address;
};

/**
 * Takes back what a closed campaign holds, once nothing can be claimed any more: the mint
 * authority, the vault's tokens and the rent.
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

/** Arguments of `revokeVoucherInstruction`. */
export type RevokeVoucherArgs = {
  /** Pays the rent, which is returned after the voucher has expired. */
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
 * Creates the associated token account in which `owner` receives rewards of `campaign`, unless it
 * exists; `undefined` if rewards are SOL. `payer` pays its rent, which `owner` can take by
 * closing the account, so let referrers and partners pay for their own.
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

/** The mint of the rewards; `undefined` if they are SOL. */
function rewardMint(campaign: Campaign): Address | undefined {
  return rewardsAreSol(campaign) ? undefined : campaign.mint;
}

/** The token program of the reward mint; `undefined` if rewards are SOL. */
function rewardTokenProgram(campaign: Campaign): Address | undefined {
  return rewardsAreSol(campaign) ? undefined : campaign.tokenProgram;
}

function vault(campaign: Campaign): Address | undefined {
  return paysFromVault(campaign) ? campaign.vault : undefined;
}

/** The accounts that the campaign requires for `wallet` and for the code's owner. */
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

/** Positions of accounts in an instruction, and how many of them are never left out. */
type Layout = { readonly always: number; readonly campaign: number; readonly mint: number };

const CONVERT: Layout = { always: 9, campaign: 2, mint: 5 };
const PURCHASE: Layout = { always: 8, campaign: 2, mint: 11 };
const CLAIM: Layout = { always: 6, campaign: 0, mint: 4 };
const CANCEL: Layout = { always: 9, campaign: 1, mint: 6 };
const RECLAIM_CAMPAIGN: Layout = { always: 7, campaign: 1, mint: 3 };

/**
 * The instruction in the form that the program accepts.
 *
 * Campaign and mint are writable only if the instruction changes them, so that other conversions
 * can run in parallel. If all accounts after the first `always` ones are absent, they are left
 * out, which costs less.
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

/** Throws instead of letting the encoder truncate or pad silently. */
function bytes32(reference: ReadonlyUint8Array): ReadonlyUint8Array {
  if (reference.length !== 32) {
    throw new RangeError(`a reference has 32 bytes, not ${reference.length}`);
  }
  return reference;
}
