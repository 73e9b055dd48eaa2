/** Answers about a campaign's tokens that the API may not give. */

import { expect, it } from 'vitest';
import type { Address } from '@solana/kit';

import { NO_ADDRESS } from '@vouch/client/addresses.js';
import { Proof } from '@vouch/client/generated/types/proof.js';

import { decimalsOf, isAsShown } from '../../src/wallet/tokens';

const [MINT, USDC] = ['mint', 'usdc'] as [Address, Address];
const token = { mint: MINT, mintDecimals: 6, proof: Proof.Open, paymentMint: NO_ADDRESS };
const sale = { ...token, proof: Proof.Payment, paymentMint: USDC };
const sol = { mint: NO_ADDRESS, mintDecimals: 0, proof: Proof.Payment, paymentMint: NO_ADDRESS };

it.each([
  ['a token', token, { mint: MINT, mint_decimals: 6, payment_mint: null }, true],
  ['another token', token, { mint: USDC, mint_decimals: 6, payment_mint: null }, false],
  ['other decimals', token, { mint: MINT, mint_decimals: 3, payment_mint: null }, false],
  [
    'payments that there are not',
    token,
    { mint: MINT, mint_decimals: 6, payment_mint: USDC },
    false,
  ],
  ['payments', sale, { mint: MINT, mint_decimals: 6, payment_mint: USDC }, true],
  ['no payments', sale, { mint: MINT, mint_decimals: 6, payment_mint: null }, false],
  ['payments in SOL', sale, { mint: MINT, mint_decimals: 6, payment_mint: NO_ADDRESS }, false],
  ['payments in the reward', sale, { mint: MINT, mint_decimals: 6, payment_mint: MINT }, false],
  ['SOL', sol, { mint: NO_ADDRESS, mint_decimals: 0, payment_mint: NO_ADDRESS }, true],
  ['a token for SOL', sol, { mint: MINT, mint_decimals: 0, payment_mint: NO_ADDRESS }, false],
] as const)('%s', (_, data, shown, isRight) => {
  expect(isAsShown(data, shown)).toBe(isRight);
});

it('gives lamports nine decimals', () => {
  expect(decimalsOf(sol)).toBe(9);
  expect(decimalsOf(token)).toBe(6);
});
