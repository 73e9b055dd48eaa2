import { expect, it } from 'vitest';
import {
  appendTransactionMessageInstructions,
  compileTransaction,
  createTransactionMessage,
  generateKeyPairSigner,
  getBase64EncodedWireTransaction,
  pipe,
  setTransactionMessageFeePayer,
  setTransactionMessageLifetimeUsingBlockhash,
  type Address,
  type Blockhash,
  type Instruction,
} from '@solana/kit';

import { findReferralAddress } from '@vouch/client/addresses.js';
import type { Code } from '@vouch/client/code.js';
import {
  CONVERT_DISCRIMINATOR,
  getConvertInstructionDataEncoder,
  type ConvertInstructionDataArgs,
} from '@vouch/client/generated/instructions/convert.js';
import {
  getCreateReferralInstructionDataEncoder,
  type CreateReferralInstructionDataArgs,
} from '@vouch/client/generated/instructions/createReferral.js';
import { getPurchaseInstructionDataEncoder } from '@vouch/client/generated/instructions/purchase.js';
import { getRegisterReferrerInstructionDataEncoder } from '@vouch/client/generated/instructions/registerReferrer.js';
import { REFERRAL_PROGRAM_ADDRESS } from '@vouch/client/generated/programs/referral.js';
import { Action } from '@vouch/client/generated/types/action.js';

import { inspect, sameActs } from '../../src/wallet/inspect';

const wallet = async () => (await generateKeyPairSigner()).address;
const [WALLET, OTHER, CAMPAIGN, PLACE, MINT] = await Promise.all([
  wallet(),
  wallet(),
  wallet(),
  wallet(),
  wallet(),
]);
const CODE = 'AURRA234' as Code;
const REFERRAL = await findReferralAddress(CAMPAIGN, CODE);
const SHOWN = { act: 'convert', wallet: WALLET, campaign: CAMPAIGN, code: CODE } as const;
const REGISTRATION = { ...SHOWN, act: 'register' } as const;
const BLOCKHASH = '11111111111111111111111111111111' as Blockhash;
const SYSTEM = '11111111111111111111111111111111' as Address;
const BUDGET = 'ComputeBudget111111111111111111111111111111' as Address;
const ED25519 = 'Ed25519SigVerify111111111111111111111111111' as Address;
const ASSOCIATED_TOKEN = 'ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL' as Address;

/** The instruction, with these accounts and this data instead of the right ones. */
const convert = (
  accounts: { referee?: Address; campaign?: Address; referral?: Address; last?: Address } = {},
  data: Partial<ConvertInstructionDataArgs> = {},
) => ({
  programAddress: REFERRAL_PROGRAM_ADDRESS,
  accounts: [
    { address: WALLET, role: 3 as const },
    { address: accounts.referee ?? WALLET, role: 2 as const },
    { address: accounts.campaign ?? CAMPAIGN, role: 1 as const },
    { address: accounts.referral ?? REFERRAL, role: 1 as const },
    { address: accounts.last ?? PLACE, role: 1 as const },
  ],
  data: getConvertInstructionDataEncoder().encode({
    code: CODE,
    action: Action.Signup,
    amount: 0n,
    reference: new Uint8Array(32),
    ...data,
  }),
});

/** The registration of the code, with these accounts and this data instead of the right ones. */
const register = (
  accounts: { owner?: Address; campaign?: Address; referral?: Address } = {},
  data: Partial<CreateReferralInstructionDataArgs> = {},
) => ({
  programAddress: REFERRAL_PROGRAM_ADDRESS,
  accounts: [
    { address: WALLET, role: 3 as const },
    { address: accounts.owner ?? WALLET, role: 2 as const },
    { address: accounts.campaign ?? CAMPAIGN, role: 0 as const },
    { address: accounts.referral ?? REFERRAL, role: 1 as const },
  ],
  data: getCreateReferralInstructionDataEncoder().encode({
    code: CODE,
    usageLimit: 0n,
    expiresAt: 0n,
    ...data,
  }),
});

/** The account that a campaign that counts for each owner has for one. */
const owner = (wallet = WALLET, campaign = CAMPAIGN, data: Iterable<number> = []) => ({
  programAddress: REFERRAL_PROGRAM_ADDRESS,
  accounts: [WALLET, wallet, campaign, PLACE].map((address) => ({ address, role: 1 as const })),
  data: new Uint8Array([...getRegisterReferrerInstructionDataEncoder().encode({}), ...data]),
});

const creation = (payer = WALLET, owner = WALLET, data = [1]) => ({
  programAddress: ASSOCIATED_TOKEN,
  accounts: [payer, PLACE, owner, MINT].map((address) => ({ address, role: 1 as const })),
  data: new Uint8Array(data),
});

const replaced = (data: Iterable<number>) => ({ ...convert(), data: new Uint8Array([...data]) });

function wire(
  instructions: Instruction[],
  payer: Address = WALLET,
  blockhash: Blockhash = BLOCKHASH,
): string {
  const message = pipe(
    createTransactionMessage({ version: 'legacy' }),
    (it) => setTransactionMessageFeePayer(payer, it),
    (it) =>
      setTransactionMessageLifetimeUsingBlockhash({ blockhash, lastValidBlockHeight: 1n }, it),
    (it) => appendTransactionMessageInstructions(instructions, it),
  );
  return getBase64EncodedWireTransaction(compileTransaction(message));
}

it('takes a transaction that does nothing but record what is shown', async () => {
  expect((await inspect(wire([convert()]), SHOWN))?.createsPlace).toBe(false);
  expect((await inspect(wire([creation(), convert()]), SHOWN))?.createsPlace).toBe(true);
});

it.each([
  ['a transfer beside it', [convert(), { programAddress: SYSTEM, data: new Uint8Array(12) }]],
  ['a signature check', [convert(), { programAddress: ED25519, data: new Uint8Array(2) }]],
  ['two conversions', [convert(), convert({ last: OTHER })]],
  ['no conversion', [{ programAddress: BUDGET, data: new Uint8Array(1) }]],
  ['another instruction of the program', [replaced([0, 1, 2, 3, 4, 5, 6, 7])]],
  ['nothing but the name of the instruction', [replaced(CONVERT_DISCRIMINATOR)]],
  ['more data than the instruction has', [replaced([...convert().data, 0])]],
  ['another campaign', [convert({ campaign: OTHER })]],
  ['another referral', [convert({ referral: OTHER })]],
  ['another code', [convert({}, { code: 'AURRA235' })]],
  ['another action', [convert({}, { action: Action.Purchase })]],
  ['an amount', [convert({}, { amount: 1n })]],
  ['a reference', [convert({}, { reference: new Uint8Array(32).fill(1) })]],
  ['an account for somebody else', [creation(WALLET, OTHER), convert()]],
  ['two accounts', [creation(), creation(), convert()]],
  ['another use of the token program', [creation(WALLET, WALLET, [2]), convert()]],
])('refuses %s', async (_, instructions) => {
  expect(await inspect(wire(instructions), SHOWN)).toBeUndefined();
});

const SIGNATURE = new Uint8Array(64).fill(7);
/** The check of a signature, as the client's `voucherInstruction` lays it out. */
const verified = (signature = SIGNATURE) => ({
  programAddress: ED25519,
  data: new Uint8Array([...new Uint8Array(16 + 32), ...signature, ...new Uint8Array(209)]),
});
const ordered = (maxPayment: bigint) => ({
  ...convert(),
  data: getPurchaseInstructionDataEncoder().encode({
    code: CODE,
    action: Action.Purchase,
    amount: 100n,
    reference: new Uint8Array(32).fill(1),
    maxPayment,
  }),
});
const ORDER = { data: new Uint8Array(ordered(95n).data) };
const VOUCHED = { data: new Uint8Array(convert().data), voucher: SIGNATURE };

it('takes a purchase that costs what is shown, and a conversion that the company vouches for', async () => {
  const purchase = await inspect(wire([creation(), ordered(95n)]), { ...SHOWN, order: ORDER });
  expect(purchase?.createsPlace).toBe(true);
  const vouched = [creation(), verified(), convert()];
  expect(await inspect(wire(vouched), { ...SHOWN, order: VOUCHED })).toBeDefined();
});

it.each([
  ['a purchase that costs more', ORDER, [ordered(96n)]],
  ['a sign-up instead of a purchase', ORDER, [convert()]],
  ['a signature that nobody asked for', ORDER, [verified(), ordered(95n)]],
  ['a conversion that nobody vouches for', VOUCHED, [convert()]],
  ['the check of another signature', VOUCHED, [verified(new Uint8Array(64)), convert()]],
  ['a check behind it', VOUCHED, [convert(), verified()]],
  ['a check that is not right before it', VOUCHED, [verified(), creation(), convert()]],
  ['two checks', VOUCHED, [verified(), verified(), convert()]],
])('refuses %s as an order', async (_, order, instructions) => {
  expect(await inspect(wire(instructions), { ...SHOWN, order })).toBeUndefined();
});

it('takes a transaction that does nothing but register the code that is shown', async () => {
  const taken = [[register()], [register(), creation()], [owner(), register(), creation()]];
  for (const instructions of taken) {
    expect(await inspect(wire(instructions), REGISTRATION)).toBeDefined();
  }
});

it.each([
  ['a conversion', [convert()]],
  ['a conversion beside it', [convert(), register()]],
  ['two registrations', [register(), register()]],
  ['no registration', [owner()]],
  ['an account for another owner', [owner(OTHER), register()]],
  ['an account in another campaign', [owner(WALLET, OTHER), register()]],
  ['another instruction that begins the same', [owner(WALLET, CAMPAIGN, [0]), register()]],
  ['two accounts of owners', [owner(), owner(), register()]],
  ['another owner', [register({ owner: OTHER })]],
  ['another campaign', [register({ campaign: OTHER })]],
  ['another referral', [register({ referral: OTHER })]],
  ['another code', [register({}, { code: 'AURRA235' })]],
  ['a limit', [register({}, { usageLimit: 1n })]],
  ['an end', [register({}, { expiresAt: 1n })]],
  ['a transfer beside it', [register(), { programAddress: SYSTEM, data: new Uint8Array(12) }]],
])('refuses %s as a registration', async (_, instructions) => {
  expect(await inspect(wire(instructions), REGISTRATION)).toBeUndefined();
});

it('refuses a registration as a conversion', async () => {
  expect(await inspect(wire([register()]), SHOWN)).toBeUndefined();
  expect(await inspect(wire([owner(), convert()]), SHOWN)).toBeUndefined();
});

it('refuses a transaction that another wallet pays or signs', async () => {
  expect(await inspect(wire([convert()], OTHER), SHOWN)).toBeUndefined();
  expect(await inspect(wire([convert({ referee: OTHER })]), SHOWN)).toBeUndefined();
  expect(await inspect(wire([convert()]), { ...SHOWN, wallet: OTHER })).toBeUndefined();
});

it('refuses what is no transaction', async () => {
  expect(await inspect('AAAA', SHOWN)).toBeUndefined();
});

it('lets a wallet add a price for speed, and nothing else', async () => {
  const read = async (text: string) => (await inspect(text, SHOWN))!;
  const before = await read(wire([convert()]));
  const price = { programAddress: BUDGET, data: new Uint8Array(9) };
  const same = async (text: string) => sameActs(before, await read(text));
  expect(await same(wire([price, convert()]))).toBe(true);
  expect(await same(wire([convert({ last: OTHER })]))).toBe(false);
  expect(await same(wire([creation(), convert()]))).toBe(false);
  expect(await same(wire([convert()], WALLET, OTHER as string as Blockhash))).toBe(false);
});
