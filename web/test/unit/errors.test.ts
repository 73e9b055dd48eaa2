import type { Address } from '@solana/kit';
import { expect, it } from 'vitest';

import { REFERRAL_PROGRAM_ADDRESS } from '@vouch/client/generated/programs/referral.js';

import { codeOf } from '../../src/wallet/errors';

const BUDGET = 'ComputeBudget111111111111111111111111111111' as Address;
const transaction = { instructions: [{ program: BUDGET }, { program: REFERRAL_PROGRAM_ADDRESS }] };
const custom = (index: number, number: number) => ({
  InstructionError: [index, { Custom: number }],
});

it.each([
  ['an empty wallet', 'AccountNotFound', 'too_little_sol'],
  ['too little for the fee', 'InsufficientFundsForFee', 'too_little_sol'],
  [
    'too little for a deposit',
    { InsufficientFundsForRent: { account_index: 0 } },
    'too_little_sol',
  ],
  ['too little, as the system program says it', custom(1, 1), 'too_little_sol'],
  ['a blockhash that is over', 'BlockhashNotFound', 'expired'],
  ['an error of ours', custom(1, 6000), 'self_referral'],
  ['a code that is switched off', custom(1, 6005), 'code_inactive'],
  ['the same number of another program', custom(0, 6000), 'failed'],
  ['a number that ours does not have', custom(1, 9999), 'failed'],
  ['an error without a number', { InstructionError: [1, 'ProgramFailedToComplete'] }, 'failed'],
  ['an error of the network', 'ClusterMaintenance', 'failed'],
  ['nothing that is known', null, 'failed'],
])('has the words for %s', (_, error, code) => {
  expect(codeOf(error, transaction)).toBe(code);
});
