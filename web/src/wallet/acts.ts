/**
 * The acts of a company on its campaign, and of a referrer on rewards that wait, as exactly the instructions
 * that do it. They follow from what the person has chosen and from the node's accounts. The API's
 * transaction is taken only if it has these and no others, so it cannot say anything else.
 */

import {
  createNoopSigner,
  getBase64Encoder,
  type Address,
  type Instruction as Built,
} from '@solana/kit';
import { findReferralAddress, findRewardAddress } from '@vouch/client/addresses.js';
import type { Code } from '@vouch/client/code.js';
import { CLAIM_DISCRIMINATOR } from '@vouch/client/generated/instructions/claim.js';
import { getCloseCampaignInstruction } from '@vouch/client/generated/instructions/closeCampaign.js';
import { getFundVaultInstruction } from '@vouch/client/generated/instructions/fundVault.js';
import { RECLAIM_BINDING_DISCRIMINATOR } from '@vouch/client/generated/instructions/reclaimBinding.js';
import { RECLAIM_CONVERSION_DISCRIMINATOR } from '@vouch/client/generated/instructions/reclaimConversion.js';
import { RECLAIM_REFERRAL_DISCRIMINATOR } from '@vouch/client/generated/instructions/reclaimReferral.js';
import { RECLAIM_REFERRER_DISCRIMINATOR } from '@vouch/client/generated/instructions/reclaimReferrer.js';
import { getSetPausedInstruction } from '@vouch/client/generated/instructions/setPaused.js';
import { getSetSuspendedInstruction } from '@vouch/client/generated/instructions/setSuspended.js';
import { getUpdateCampaignInstruction } from '@vouch/client/generated/instructions/updateCampaign.js';
import { getWithdrawVaultInstruction } from '@vouch/client/generated/instructions/withdrawVault.js';
import { REFERRAL_PROGRAM_ADDRESS } from '@vouch/client/generated/programs/referral.js';
import type { Campaign } from '@vouch/client/generated/accounts/campaign.js';
import type { Conversion } from '@vouch/client/generated/accounts/conversion.js';
import type { Referral } from '@vouch/client/generated/accounts/referral.js';
import type { SettingsArgs } from '@vouch/client/generated/types/settings.js';
import {
  cancelConversionInstruction,
  createRewardAccountInstruction,
  reclaimCampaignInstruction,
} from '@vouch/client/instructions.js';
import { paysFromVault, type At } from '@vouch/client/offer.js';
import { openCampaign, type Opening } from '@vouch/client/opening.js';

import { isEqual, readWire, type Inspected, type Instruction } from './inspect';

const BUDGET = 'ComputeBudget111111111111111111111111111111';
const ASSOCIATED_TOKEN = 'ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL';
/** `SetComputeUnitLimit` and `SetComputeUnitPrice`, with the bytes of each. */
const LIMIT = { kind: 2, bytes: 5 };
const PRICE = { kind: 3, bytes: 9 };
const MOST_UNITS = 1_400_000n;
const MICRO = 1_000_000n;
/** Most lamports that a transaction may add to its fee: the most that the API says it asks for. */
const MOST_PRIORITY = 70_000n;
/** Accounts of the instruction `claim` that are always there: campaign, referral, conversion, referrer. */
const CLAIMED = 2;
const LEAST_OF_CLAIM = 4;

/** Instructions that return the deposit of one account. */
const RETURNS = [
  RECLAIM_BINDING_DISCRIMINATOR,
  RECLAIM_CONVERSION_DISCRIMINATOR,
  RECLAIM_REFERRAL_DISCRIMINATOR,
  RECLAIM_REFERRER_DISCRIMINATOR,
];
/** In each of them: the account, and the wallet that gets its deposit. */
const RETURNED = 1;
const RETURNED_TO = 2;

/** The acts that somebody can sign besides conversions and codes. */
export type Act =
  | { readonly act: 'open'; readonly opening: Omit<Opening, 'payer' | 'authority'> }
  | { readonly act: 'pause'; readonly campaign: Address; readonly paused: boolean }
  | { readonly act: 'close'; readonly campaign: Address }
  | { readonly act: 'reclaim'; readonly campaign: At<Campaign> }
  | { readonly act: 'settings'; readonly campaign: Address; readonly settings: SettingsArgs }
  | { readonly act: 'fund' | 'withdraw'; readonly campaign: At<Campaign>; readonly units: bigint }
  | {
      readonly act: 'cancel';
      readonly campaign: At<Campaign>;
      readonly referral: At<Referral>;
      readonly conversion: At<Conversion>;
    }
  | {
      readonly act: 'suspend';
      readonly campaign: Address;
      readonly code: string;
      readonly suspended: boolean;
    }
  | { readonly act: 'claim'; readonly campaign: At<Campaign> }
  /** Deposits of these accounts go back to the wallet. */
  | { readonly act: 'rents'; readonly accounts: readonly Address[] };

/** A transaction of which every byte that matters is understood. */
export type Understood = Inspected & {
  /** Addresses of the conversions that it claims. */
  readonly claims: readonly Address[];
};

/** The transaction in base64, if it is `act` of `wallet`, who alone signs and pays it, and nothing else. */
export async function understand(
  base64: string,
  act: Act,
  wallet: string,
): Promise<Understood | undefined> {
  let wire: Uint8Array;
  try {
    wire = new Uint8Array(getBase64Encoder().encode(base64));
  } catch {
    return;
  }
  const read = readWire(wire, wallet);
  if (!read || !isCheap(read.instructions)) return;
  const steps = read.instructions.filter(({ program }) => program !== BUDGET);
  if (act.act === 'claim') {
    const claims = await claimsOf(steps, act.campaign, wallet as Address);
    return claims && { ...read, claims };
  }
  if (act.act === 'rents') {
    return isReturnOf(steps, act.accounts, wallet) ? { ...read, claims: [] } : undefined;
  }
  const expected = await stepsOf(act, wallet as Address);
  const isSame =
    steps.length === expected.length && expected.every((step, at) => isStep(steps[at]!, step));
  return isSame ? { ...read, claims: [] } : undefined;
}

/** The instructions of an act. */
async function stepsOf(
  act: Exclude<Act, { act: 'claim' | 'rents' }>,
  wallet: Address,
): Promise<readonly Built[]> {
  const signer = createNoopSigner(wallet);
  switch (act.act) {
    case 'open':
      return (await openCampaign({ ...act.opening, payer: signer, authority: signer }))
        .instructions;
    case 'pause':
      return [getSetPausedInstruction({ ...act, authority: signer })];
    case 'close':
      return [getCloseCampaignInstruction({ ...act, authority: signer })];
    case 'settings':
      return [getUpdateCampaignInstruction({ ...act, authority: signer })];
    case 'fund': {
      const { address, data } = act.campaign;
      const { mint, vault, tokenProgram } = data;
      const source = await findRewardAddress(wallet, data);
      const of = { funder: signer, campaign: address, mint, source, vault, tokenProgram };
      return [getFundVaultInstruction({ ...of, amount: act.units })];
    }
    case 'withdraw': {
      const { address, data } = act.campaign;
      const { mint, vault, tokenProgram } = data;
      const destination = await findRewardAddress(wallet, data);
      const of = { authority: signer, campaign: address, mint, vault, destination, tokenProgram };
      const create = await createRewardAccountInstruction(signer, wallet, data);
      const step = getWithdrawVaultInstruction({ ...of, amount: act.units });
      return create ? [create, step] : [step];
    }
    case 'reclaim': {
      const { campaign } = act;
      if (!paysFromVault(campaign.data)) {
        return [reclaimCampaignInstruction({ authority: signer, campaign })];
      }
      const destination = await findRewardAddress(wallet, campaign.data);
      const create = await createRewardAccountInstruction(signer, wallet, campaign.data);
      const step = reclaimCampaignInstruction({ authority: signer, campaign, destination });
      return create ? [create, step] : [step];
    }
    case 'cancel':
      return [await cancelConversionInstruction({ ...act, authority: signer })];
    case 'suspend': {
      const referral = await findReferralAddress(act.campaign, act.code as Code);
      return [getSetSuspendedInstruction({ ...act, referral, authority: signer })];
    }
  }
}

/**
 * The conversions that these steps claim, if they do nothing else in `campaign`. The program itself ties
 * recipients and amounts to each. A place for tokens is created for the wallet alone, because its owner
 * can close it and keep the rent.
 */
async function claimsOf(
  steps: readonly Instruction[],
  campaign: At<Campaign>,
  wallet: Address,
): Promise<Address[] | undefined> {
  const own = await findRewardAddress(wallet, campaign.data);
  const { mint } = campaign.data;
  const claims: Address[] = [];
  let places = 0;
  for (const { program, accounts, data } of steps) {
    if (program === REFERRAL_PROGRAM_ADDRESS) {
      if (!isEqual(data, CLAIM_DISCRIMINATOR) || accounts.length < LEAST_OF_CLAIM) return;
      if (accounts[0] !== campaign.address || claims.includes(accounts[CLAIMED]!)) return;
      claims.push(accounts[CLAIMED]!);
    } else {
      const isOwn =
        program === ASSOCIATED_TOKEN && data.length === 1 && data[0] === 1 && places === 0;
      const names = [wallet, own, wallet, mint];
      if (!isOwn || !names.every((address, at) => accounts[at] === address)) return;
      places += 1;
    }
  }
  return claims.length > 0 ? claims : undefined;
}

/** Whether these steps return the deposit of each of these accounts once, to the wallet, and do nothing else. */
function isReturnOf(
  steps: readonly Instruction[],
  accounts: readonly Address[],
  wallet: string,
): boolean {
  const returned = new Set(steps.map((step) => step.accounts[RETURNED]));
  return (
    steps.length === accounts.length &&
    accounts.every((account) => returned.has(account)) &&
    steps.every(
      ({ program, accounts, data }) =>
        program === REFERRAL_PROGRAM_ADDRESS &&
        accounts[RETURNED_TO] === wallet &&
        RETURNS.some((kind) => isEqual(data.slice(0, kind.length), kind)),
    )
  );
}

function isStep(found: Instruction, expected: Built): boolean {
  const accounts = expected.accounts ?? [];
  return (
    found.program === expected.programAddress &&
    found.accounts.length === accounts.length &&
    accounts.every(({ address }, at) => found.accounts[at] === address) &&
    isEqual(found.data, expected.data ?? new Uint8Array())
  );
}

/** Whether it asks for no more speed than the API says, at most once. */
function isCheap(instructions: readonly Instruction[]): boolean {
  let units: bigint | undefined;
  let price: bigint | undefined;
  for (const { program, accounts, data } of instructions) {
    if (program !== BUDGET) continue;
    const view = new DataView(new Uint8Array(data).buffer);
    if (accounts.length > 0) return false;
    if (data[0] === LIMIT.kind && data.length === LIMIT.bytes && units === undefined) {
      units = BigInt(view.getUint32(1, true));
    } else if (data[0] === PRICE.kind && data.length === PRICE.bytes && price === undefined) {
      price = view.getBigUint64(1, true);
    } else {
      return false;
    }
  }
  return ((price ?? 0n) * (units ?? MOST_UNITS)) / MICRO <= MOST_PRIORITY;
}
