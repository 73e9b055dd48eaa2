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
import { CREATE_REFERRAL_DISCRIMINATOR } from '@vouch/client/generated/instructions/createReferral.js';
import { REGISTER_REFERRER_DISCRIMINATOR } from '@vouch/client/generated/instructions/registerReferrer.js';
import { REFERRAL_PROGRAM_ADDRESS } from '@vouch/client/generated/programs/referral.js';

const ASSOCIATED_TOKEN = 'ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL';
/** Verifies signatures, and does nothing else. */
const ED25519 = 'Ed25519SigVerify111111111111111111111111111';
/** Where an instruction with one signature has it: after the offsets and the key. */
const SIGNATURE_AT = 48;
/** Programs that wallets add: a price for speed, and assertions that protect their users. */
const WALLETS_ADD = [
  'ComputeBudget111111111111111111111111111111',
  'L2TExMFKdjpN9kozasaurPirfHy9P8sbXoAwrPYWDWT',
];

/** Bytes that the code of an instruction takes; a shorter code is followed by zeros. */
const CODE_LENGTH = 12;
/** Bytes after the code of a sign-up: action, amount and reference, all zero. */
const SIGN_UP = 1 + 8 + 32;
/** Bytes after the code of a registration: usage limit and expiry, both zero for none. */
const UNLIMITED = 8 + 8;
/** The place of the new account in `convert` and in `purchase`. */
const CONVERSION_AT = 4;
/** `CreateIdempotent` of the program of associated token accounts. */
const CREATE_IDEMPOTENT = 1;

export type Instruction = {
  program: Address;
  accounts: readonly Address[];
  data: ReadonlyUint8Array;
};

export type Inspected = {
  readonly wire: Uint8Array;
  readonly message: ReadonlyUint8Array;
  readonly instructions: readonly Instruction[];
  /** The blockhash until which it can be sent. */
  readonly lifetime: string;
  /** Whether it makes a token account. */
  readonly createsPlace: boolean;
};

/** The act that the page shows: the wallet, the campaign and the code. */
export type Shown = {
  readonly act: 'convert' | 'register';
  readonly wallet: string;
  readonly campaign: string;
  readonly code: string;
  /** The order of a conversion; absent for a sign-up. */
  readonly order?: Ordered;
};

/** An order as the transaction must have it. */
export type Ordered = {
  /** All of the conversion's or the purchase's data. */
  readonly data: Uint8Array;
  /** The company's signature, verified right before; absent if nobody vouches for it. */
  readonly voucher?: Uint8Array;
  /** Accounts that the trial is asked for, besides the conversion and the campaign. */
  readonly watched?: readonly Address[];
};

/**
 * The transaction in base64, if `wallet` alone signs it and it does nothing but what is shown: the
 * conversion of a sign-up or of an order, or the registration of a code without limits. The program itself ties
 * referral, recipients and amounts to campaign and code.
 */
export async function inspect(base64: string, shown: Shown): Promise<Inspected | undefined> {
  const wire = new Uint8Array(getBase64Encoder().encode(base64));
  const inspected = inspectWire(wire, shown.wallet);
  if (!inspected) return;
  const referral = await createAddressWithSeed({
    baseAddress: shown.campaign as Address,
    programAddress: REFERRAL_PROGRAM_ADDRESS,
    seed: shown.code,
  });
  const named = [shown.wallet, shown.wallet, shown.campaign, referral];
  const ours = ofProgram(inspected.instructions);
  const last = ours.pop();
  const isConversion = shown.act === 'convert';
  const expected = isConversion
    ? (shown.order?.data ?? encoded(CONVERT_DISCRIMINATOR, shown.code, new Uint8Array(SIGN_UP)))
    : encoded(CREATE_REFERRAL_DISCRIMINATOR, shown.code, new Uint8Array(UNLIMITED));
  if (!last || !isEqual(last.data, expected) || !begins(last.accounts, named)) return;
  if (!isVouched(inspected.instructions, last, shown.order?.voucher)) return;
  // A campaign that counts for each owner has an account for each; the first code brings it.
  const [first, ...more] = ours;
  if (first) {
    const isOwner =
      !isConversion &&
      isEqual(first.data, REGISTER_REFERRER_DISCRIMINATOR) &&
      begins(first.accounts, named.slice(0, 3));
    if (!isOwner || more.length > 0) return;
  }
  return inspected;
}

/** The address of the account that a conversion of this transaction will have. */
export function conversionOf(inspected: Inspected): Address | undefined {
  return ofProgram(inspected.instructions)[0]?.accounts[CONVERSION_AT];
}

/** The transaction, if `wallet` alone signs and pays it and all of it is understood. */
export function inspectWire(wire: Uint8Array, wallet: string): Inspected | undefined {
  const read = readWire(wire, wallet);
  if (!read) return;
  const { instructions } = read;
  const known = [REFERRAL_PROGRAM_ADDRESS, ASSOCIATED_TOKEN, ED25519, ...WALLETS_ADD];
  if (instructions.some(({ program }) => !known.includes(program))) return;
  // The owner of a token account gets its rent back, so it must be the wallet's own, and only one.
  const places = instructions.filter(({ program }) => program === ASSOCIATED_TOKEN);
  const isOwn = ({ accounts, data }: Instruction) =>
    data.length === 1 &&
    data[0] === CREATE_IDEMPOTENT &&
    accounts[0] === wallet &&
    accounts[2] === wallet;
  if (places.length > 1 || !places.every(isOwn)) return;
  return read;
}

/** The transaction, if `wallet` alone signs and pays it and it names all of its accounts. */
export function readWire(wire: Uint8Array, wallet: string): Inspected | undefined {
  try {
    const message = getTransactionDecoder().decode(wire).messageBytes;
    const compiled = getCompiledTransactionMessageDecoder().decode(message);
    const accounts = compiled.staticAccounts;
    if (compiled.header.numSignerAccounts !== 1 || accounts[0] !== wallet) return;
    if ('addressTableLookups' in compiled && compiled.addressTableLookups?.length) return;
    if (!('instructions' in compiled)) return;
    const instructions = compiled.instructions.map((instruction) => ({
      program: accounts[instruction.programAddressIndex]!,
      accounts: (instruction.accountIndices ?? []).map((index) => accounts[index]!),
      data: instruction.data ?? new Uint8Array(),
    }));
    const createsPlace = instructions.some(({ program }) => program === ASSOCIATED_TOKEN);
    return { wire, message, instructions, lifetime: compiled.lifetimeToken, createsPlace };
  } catch {
    return;
  }
}

/** Whether a wallet that signed changed nothing but what wallets add. */
export function sameActs(before: Inspected, after: Inspected): boolean {
  const text = ({ lifetime, instructions }: Inspected) =>
    instructions
      .filter(({ program }) => !WALLETS_ADD.includes(program))
      .map((it) => [it.program, ...it.accounts, getBase64Decoder().decode(it.data)].join(' '))
      .concat(lifetime)
      .join('\n');
  return text(before) === text(after);
}

function ofProgram(instructions: readonly Instruction[]): Instruction[] {
  return instructions.filter(({ program }) => program === REFERRAL_PROGRAM_ADDRESS);
}

/** Discriminator and code, and the bytes that follow. */
export function encoded(
  discriminator: ReadonlyUint8Array,
  code: string,
  after: Uint8Array,
): Uint8Array {
  const data = new Uint8Array(discriminator.length + CODE_LENGTH + after.length);
  data.set(discriminator, 0);
  data.set(getUtf8Encoder().encode(code), discriminator.length);
  data.set(after, discriminator.length + CODE_LENGTH);
  return data;
}

/** Whether this signature and no other is verified, right before the conversion; none without one. */
function isVouched(
  instructions: readonly Instruction[],
  conversion: Instruction,
  signature: Uint8Array | undefined,
): boolean {
  const verified = instructions.filter(({ program }) => program === ED25519);
  if (!signature) return verified.length === 0;
  const [voucher] = verified;
  return (
    verified.length === 1 &&
    instructions[instructions.indexOf(voucher!) + 1] === conversion &&
    isEqual(voucher!.data.slice(SIGNATURE_AT, SIGNATURE_AT + signature.length), signature)
  );
}

export function isEqual(one: ReadonlyUint8Array, other: ReadonlyUint8Array): boolean {
  return one.length === other.length && other.every((byte, at) => one[at] === byte);
}

function begins(accounts: readonly string[], named: readonly string[]): boolean {
  return named.every((address, at) => accounts[at] === address);
}
