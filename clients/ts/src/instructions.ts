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
  NO_REFERENCE,
  SYSTEM_PROGRAM_ADDRESS,
  TOKEN_PROGRAM_ADDRESS,
  findAssociatedTokenAddress,
  findRewardAddress,
} from './addresses.js';
import type { Code } from './code.js';
import {
  Action,
  Funding,
  REFERRAL_PROGRAM_ADDRESS,
  findRefereePda,
  findReferralPda,
  getBindInstruction,
  getClaimInstruction,
  getConvertInstruction,
  getCreateReferralInstruction,
  getPurchaseInstruction,
  type Campaign,
  type Conversion,
} from './generated/index.js';
import {
  counts,
  findConversionAddress,
  partnerAccount,
  partnerOf,
  paymentsAreSol,
  paysFromVault,
  refereeAccount,
  rewardsAreSol,
  type At,
  type Offer,
} from './offer.js';

/** The sysvar that holds a transaction's instructions. */
const INSTRUCTIONS_SYSVAR = 'Sysvar1nstructions1111111111111111111111111' as Address;

/** The bits of a conversion's `settled`: which parts were paid, or never were worth anything. */
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
};

/** Registers a code. */
export async function createReferralInstruction(input: CreateReferralArgs): Promise<Instruction> {
  const { campaign, code } = input;
  const [referral] = await findReferralPda({ campaign, code });
  return getCreateReferralInstruction({
    payer: input.payer,
    owner: input.owner,
    campaign,
    referral,
    attestor: input.attestor,
    code,
    usageLimit: input.usageLimit ?? 0n,
    expiresAt: input.expiresAt ?? 0n,
  });
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
};

/** Notes that the code brought the wallet to the campaign first. */
export async function bindInstruction(input: BindArgs): Promise<Instruction> {
  const { campaign, code } = input;
  const [referral] = await findReferralPda({ campaign, code });
  const [referee] = await findRefereePda({ campaign, wallet: input.wallet.address });
  return getBindInstruction({ ...input, referral, referee });
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
   * Who else says so: the campaign's attestor, who signs the transaction, or `'voucher'`, for
   * the instruction right before, which is `voucherInstruction`'s.
   */
  evidence?: TransactionSigner | 'voucher';
};

/**
 * Records a conversion and pays its reward, or holds it, as the campaign says.
 *
 * A beneficiary's token account that does not exist leaves that part pending: put
 * `createRewardAccountInstruction` before this instruction in the same transaction.
 */
export async function convertInstruction(input: ConvertArgs): Promise<Instruction> {
  const { campaign, referral, referee, evidence } = input;
  const reference = input.reference ?? NO_REFERENCE;
  const atOnce = campaign.data.holdSeconds === 0;
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
    attestor: evidence === 'voucher' ? undefined : evidence,
    instructions: evidence === 'voucher' ? INSTRUCTIONS_SYSVAR : undefined,
    binding: await binding(campaign, referee.address),
    refereeAccount: atOnce ? await refereeAccount(input, referee.address) : undefined,
    partnerAccount: atOnce ? await partnerAccount(input) : undefined,
    vault: vault(campaign.data),
    code: referral.data.code,
    action: input.action ?? Action.Signup,
    amount: input.amount ?? 0n,
    reference: bytes32(reference),
  });
  return resolved(campaign, instruction, 9);
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
  const atOnce = campaign.data.holdSeconds === 0;
  // A split pays rewards in the token of the payment, which is there already; what is held
  // moves no other.
  const moves = atOnce && campaign.data.funding !== Funding.PaymentSplit;
  const instruction = getPurchaseInstruction({
    payer: input.payer ?? buyer,
    buyer,
    campaign: campaign.address,
    referral: referral.address,
    conversion: await findConversionAddress(input, buyer.address, reference),
    treasury: campaign.data.treasury,
    referrerAccount: referral.data.rewardAccount,
    ...(await payment(input)),
    mint: moves ? rewardMint(campaign.data) : undefined,
    tokenProgram: moves ? rewardTokenProgram(campaign.data) : undefined,
    binding: await binding(campaign, buyer.address),
    // In a split, the buyer's part is a discount.
    refereeAccount: moves ? await refereeAccount(input, buyer.address) : undefined,
    partnerAccount: atOnce ? await partnerAccount(input) : undefined,
    vault: vault(campaign.data),
    code: referral.data.code,
    action: input.action ?? Action.Purchase,
    amount: input.amount,
    reference: bytes32(reference),
  });
  return resolved(campaign, instruction, 8);
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

/** What `claimInstruction` takes, besides the offer. */
export type ClaimArgs = Offer & {
  /** The conversion as it stands on the chain. */
  conversion: At<Conversion>;
};

/** Pays what is pending of a conversion, to whoever can receive. Anybody may send it. */
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
  return resolved(campaign, instruction, 6);
}

/**
 * Creates the associated token account in which `owner` receives rewards of `campaign`, unless
 * it exists; `undefined` where rewards are SOL, which need none. `payer` pays its rent.
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

/** The first touch of `wallet`, if the campaign asks for one. */
async function binding(campaign: At<Campaign>, wallet: Address): Promise<Address | undefined> {
  if (campaign.data.attributionWindow === 0) return undefined;
  const [address] = await findRefereePda({ campaign: campaign.address, wallet });
  return address;
}

/**
 * The instruction as the program wants it from `campaign`.
 *
 * The campaign is writable where conversions change it; the program asks for no more elsewhere,
 * so that those of different codes run at the same time. The accounts after the first `always`
 * ones are left out where all of them are absent, which costs less.
 */
function resolved(
  campaign: At<Campaign>,
  instruction: Instruction & InstructionWithAccounts<readonly AccountMeta[]>,
  always: number,
): Instruction {
  const isAbsent = (meta: AccountMeta) => meta.address === REFERRAL_PROGRAM_ADDRESS;
  const all = instruction.accounts;
  const present = all.slice(always).every(isAbsent) ? all.slice(0, always) : all;
  const accounts = present.map((meta) =>
    meta.address === campaign.address && counts(campaign.data)
      ? { ...meta, role: upgradeRoleToWritable(meta.role) }
      : meta,
  );
  return { ...instruction, accounts };
}

/** Refuses what the encoder would cut or fill up, silently. */
function bytes32(reference: ReadonlyUint8Array): ReadonlyUint8Array {
  if (reference.length !== 32) {
    throw new RangeError(`a reference has 32 bytes, not ${reference.length}`);
  }
  return reference;
}
