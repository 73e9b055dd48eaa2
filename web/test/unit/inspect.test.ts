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

import { CONVERT_DISCRIMINATOR } from '@vouch/client/generated/instructions/convert.js';
import { REFERRAL_PROGRAM_ADDRESS } from '@vouch/client/generated/programs/referral.js';

import { inspect, sameConversion } from '../../src/wallet/inspect';

const WALLET = (await generateKeyPairSigner()).address;
const OTHER = (await generateKeyPairSigner()).address;
const BLOCKHASH = '11111111111111111111111111111111' as Blockhash;
const SYSTEM = '11111111111111111111111111111111' as Address;
const BUDGET = 'ComputeBudget111111111111111111111111111111' as Address;

const convert = (account: Address, discriminator: Iterable<number> = CONVERT_DISCRIMINATOR) => ({
  programAddress: REFERRAL_PROGRAM_ADDRESS,
  accounts: [
    { address: WALLET, role: 3 as const },
    { address: account, role: 1 as const },
  ],
  data: new Uint8Array([...discriminator, 7]),
});

function wire(instructions: Instruction[], payer: Address = WALLET): string {
  const message = pipe(
    createTransactionMessage({ version: 'legacy' }),
    (it) => setTransactionMessageFeePayer(payer, it),
    (it) =>
      setTransactionMessageLifetimeUsingBlockhash(
        { blockhash: BLOCKHASH, lastValidBlockHeight: 1n },
        it,
      ),
    (it) => appendTransactionMessageInstructions(instructions, it),
  );
  return getBase64EncodedWireTransaction(compileTransaction(message));
}

it('takes a transaction that does nothing but convert', () => {
  expect(inspect(wire([convert(OTHER)]), WALLET)?.createsPlace).toBe(false);
});

it.each([
  ['a transfer beside it', [convert(OTHER), { programAddress: SYSTEM, data: new Uint8Array(12) }]],
  ['two conversions', [convert(OTHER), convert(WALLET)]],
  ['no conversion', [{ programAddress: BUDGET, data: new Uint8Array(1) }]],
  ['another instruction of the program', [convert(OTHER, [0, 1, 2, 3, 4, 5, 6, 7])]],
])('refuses %s', (_, instructions) => {
  expect(inspect(wire(instructions), WALLET)).toBeUndefined();
});

it('refuses a transaction that another wallet pays and signs', () => {
  expect(inspect(wire([convert(OTHER)], OTHER), WALLET)).toBeUndefined();
});

it('refuses what is no transaction', () => {
  expect(inspect('AAAA', WALLET)).toBeUndefined();
});

it('lets a wallet add a price for speed, but not change the conversion', () => {
  const before = inspect(wire([convert(OTHER)]), WALLET)!;
  const priced = [{ programAddress: BUDGET, data: new Uint8Array(9) }, convert(OTHER)];
  expect(sameConversion(before, inspect(wire(priced), WALLET)!)).toBe(true);
  expect(sameConversion(before, inspect(wire([convert(SYSTEM)]), WALLET)!)).toBe(false);
});
