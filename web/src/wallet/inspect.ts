/** Reads a transaction before and after a wallet signs it. Nothing that is not understood is sent. */

import {
  createAddressWithSeed,
  getBase64Decoder,
  getBase64Encoder,
  getCompiledTransactionMessageDecoder,
  getTransactionDecoder,
  getUtf8Encoder,
  type Address,
  type ReadonlyUint8Array,
} from '@solana/kit';

import { CONVERT_DISCRIMINATOR } from '@vouch/client/generated/instructions/convert.js';
import { REFERRAL_PROGRAM_ADDRESS } from '@vouch/client/generated/programs/referral.js';

const ASSOCIATED_TOKEN = 'ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL';
/** What wallets add: a price for speed, and assertions that protect their users. */
const WALLETS_ADD = [
  'ComputeBudget111111111111111111111111111111',
  'L2TExMFKdjpN9kozasaurPirfHy9P8sbXoAwrPYWDWT',
];

/** Discriminator, code, action, amount and reference of `convert`. */
const CONVERT_LENGTH = 8 + 12 + 1 + 8 + 32;
/** `CreateIdempotent` of the program of associated token accounts. */
const CREATE_IDEMPOTENT = 1;

type Instruction = { program: Address; accounts: readonly Address[]; data: ReadonlyUint8Array };

export type Inspected = {
  readonly wire: Uint8Array;
  readonly message: ReadonlyUint8Array;
  readonly instructions: readonly Instruction[];
  /** The blockhash until which it can be sent. */
  readonly lifetime: string;
  /** The one that records the conversion. */
  readonly convert: Instruction;
  /** Whether it makes a token account. */
  readonly createsPlace: boolean;
};

/** What the page shows: whose sign-up is recorded, in which campaign, through which code. */
export type Shown = { readonly wallet: string; readonly campaign: string; readonly code: string };

/**
 * The transaction in base64, if `wallet` alone signs it and it does nothing but record the
 * conversion that is shown. The program itself ties referral, recipients and amounts to campaign
 * and code.
 */
export async function inspect(base64: string, shown: Shown): Promise<Inspected | undefined> {
  const wire = new Uint8Array(getBase64Encoder().encode(base64));
  const inspected = inspectWire(wire, shown.wallet);
  if (!inspected) return;
  const { accounts, data } = inspected.convert;
  const referral = await createAddressWithSeed({
    baseAddress: shown.campaign as Address,
    programAddress: REFERRAL_PROGRAM_ADDRESS,
    seed: shown.code,
  });
  const named = [shown.wallet, shown.wallet, shown.campaign, referral];
  if (!named.every((address, at) => accounts[at] === address)) return;
  // A sign-up has no amount and no reference: all other bytes are zero.
  const expected = new Uint8Array(CONVERT_LENGTH);
  expected.set(CONVERT_DISCRIMINATOR, 0);
  expected.set(getUtf8Encoder().encode(shown.code), CONVERT_DISCRIMINATOR.length);
  const isExpected = expected.every((byte, at) => data[at] === byte);
  return data.length === CONVERT_LENGTH && isExpected ? inspected : undefined;
}

export function inspectWire(wire: Uint8Array, wallet: string): Inspected | undefined {
  let instructions: Instruction[];
  let message: ReadonlyUint8Array;
  let lifetime: string;
  try {
    const transaction = getTransactionDecoder().decode(wire);
    message = transaction.messageBytes;
    const compiled = getCompiledTransactionMessageDecoder().decode(message);
    const accounts = compiled.staticAccounts;
    if (compiled.header.numSignerAccounts !== 1 || accounts[0] !== wallet) return;
    if ('addressTableLookups' in compiled && compiled.addressTableLookups?.length) return;
    if (!('instructions' in compiled)) return;
    lifetime = compiled.lifetimeToken;
    instructions = compiled.instructions.map((instruction) => ({
      program: accounts[instruction.programAddressIndex]!,
      accounts: (instruction.accountIndices ?? []).map((index) => accounts[index]!),
      data: instruction.data ?? new Uint8Array(),
    }));
  } catch {
    return;
  }
  const ours = instructions.filter(({ program }) => program === REFERRAL_PROGRAM_ADDRESS);
  const convert = ours[0];
  if (ours.length !== 1 || !convert) return;
  if (!CONVERT_DISCRIMINATOR.every((byte, at) => convert.data[at] === byte)) return;
  const known = [REFERRAL_PROGRAM_ADDRESS, ASSOCIATED_TOKEN, ...WALLETS_ADD];
  if (instructions.some(({ program }) => !known.includes(program))) return;
  // Whoever owns a token account gets its rent back, so it is the wallet's own, and only one.
  const places = instructions.filter(({ program }) => program === ASSOCIATED_TOKEN);
  const isOwn = ({ accounts, data }: Instruction) =>
    data.length === 1 &&
    data[0] === CREATE_IDEMPOTENT &&
    accounts[0] === wallet &&
    accounts[2] === wallet;
  if (places.length > 1 || !places.every(isOwn)) return;
  return { wire, message, instructions, lifetime, convert, createsPlace: places.length > 0 };
}

/** Whether a wallet that signed changed nothing but what wallets add. */
export function sameConversion(before: Inspected, after: Inspected): boolean {
  const text = ({ lifetime, instructions }: Inspected) =>
    instructions
      .filter(({ program }) => !WALLETS_ADD.includes(program))
      .map((it) => [it.program, ...it.accounts, getBase64Decoder().decode(it.data)].join(' '))
      .concat(lifetime)
      .join('\n');
  return text(before) === text(after);
}
