/** Reads a transaction before and after a wallet signs it. Nothing that is not understood is sent. */

import {
  getBase64Decoder,
  getBase64Encoder,
  getCompiledTransactionMessageDecoder,
  getTransactionDecoder,
  type Address,
  type ReadonlyUint8Array,
} from '@solana/kit';

import { CONVERT_DISCRIMINATOR } from '@vouch/client/generated/instructions/convert.js';
import { REFERRAL_PROGRAM_ADDRESS } from '@vouch/client/generated/programs/referral.js';

const ASSOCIATED_TOKEN = 'ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL';
/** Checks a voucher's signature. */
const ED25519 = 'Ed25519SigVerify111111111111111111111111111';
/** What wallets add: a price for speed, and assertions that protect their users. */
const WALLETS_ADD = [
  'ComputeBudget111111111111111111111111111111',
  'L2TExMFKdjpN9kozasaurPirfHy9P8sbXoAwrPYWDWT',
];

type Instruction = { program: Address; accounts: readonly Address[]; data: ReadonlyUint8Array };

export type Inspected = {
  readonly wire: Uint8Array;
  readonly message: ReadonlyUint8Array;
  readonly instructions: readonly Instruction[];
  /** The one that records the conversion. */
  readonly convert: Instruction;
  /** Whether it makes a token account. */
  readonly createsPlace: boolean;
};

/** The transaction in base64, if `wallet` alone signs it and it does nothing but convert. */
export function inspect(base64: string, wallet: string): Inspected | undefined {
  return inspectWire(new Uint8Array(getBase64Encoder().encode(base64)), wallet);
}

export function inspectWire(wire: Uint8Array, wallet: string): Inspected | undefined {
  let instructions: Instruction[];
  let message: ReadonlyUint8Array;
  try {
    const transaction = getTransactionDecoder().decode(wire);
    message = transaction.messageBytes;
    const compiled = getCompiledTransactionMessageDecoder().decode(message);
    const accounts = compiled.staticAccounts;
    if (compiled.header.numSignerAccounts !== 1 || accounts[0] !== wallet) return;
    if ('addressTableLookups' in compiled && compiled.addressTableLookups?.length) return;
    if (!('instructions' in compiled)) return;
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
  const known = [REFERRAL_PROGRAM_ADDRESS, ASSOCIATED_TOKEN, ED25519, ...WALLETS_ADD];
  if (instructions.some(({ program }) => !known.includes(program))) return;
  const createsPlace = instructions.some(({ program }) => program === ASSOCIATED_TOKEN);
  return { wire, message, instructions, convert, createsPlace };
}

/** Whether a wallet that signed left the conversion as it was. */
export function sameConversion(before: Inspected, after: Inspected): boolean {
  const text = ({ program, accounts, data }: Instruction) =>
    [program, ...accounts, getBase64Decoder().decode(data)].join(' ');
  return text(before.convert) === text(after.convert);
}
