/** The API's codes, by which the words are found, for what a node says. */

import {
  isSolanaError,
  SOLANA_ERROR__JSON_RPC__SERVER_ERROR_SEND_TRANSACTION_PREFLIGHT_FAILURE,
  SOLANA_ERROR__TRANSACTION_ERROR__ALREADY_PROCESSED,
  SOLANA_ERROR__TRANSACTION_ERROR__BLOCKHASH_NOT_FOUND,
  SOLANA_ERROR__TRANSACTION_ERROR__INSUFFICIENT_FUNDS_FOR_RENT,
  type Address,
} from '@solana/kit';
import { programError, refusal } from '@vouch/client/errors.js';
import { REFERRAL_PROGRAM_ADDRESS } from '@vouch/client/generated/programs/referral.js';

/** The programs of a transaction's instructions: all programs number their errors alike. */
type Programs = { readonly instructions: readonly { readonly program: Address }[] };

/** The API's code for the error that the node gives for this transaction. */
export function codeOf(error: unknown, { instructions }: Programs): string {
  if (typeof error === 'string') {
    const poor = ['AccountNotFound', 'InsufficientFundsForFee'];
    if (poor.includes(error)) return 'too_little_sol';
    return error === 'BlockhashNotFound' ? 'expired' : 'failed';
  }
  if (error === null || typeof error !== 'object') return 'failed';
  if ('InsufficientFundsForRent' in error) return 'too_little_sol';
  if (!('InstructionError' in error)) return 'failed';
  const [index, cause] = error.InstructionError as [unknown, unknown];
  if (cause === null || typeof cause !== 'object' || !('Custom' in cause)) return 'failed';
  const number = Number(cause.Custom);
  // The system program's number, also when another program called it.
  if (number === RESULT_WITH_NEGATIVE_LAMPORTS) return 'too_little_sol';
  // All programs number their errors alike.
  const isOurs = instructions[Number(index)]?.program === REFERRAL_PROGRAM_ADDRESS;
  const name = isOurs ? programError(number)?.name : undefined;
  return name === undefined ? 'failed' : apiCode(name);
}

/** The system program's number for too few lamports; those of ours begin at 6000. */
const RESULT_WITH_NEGATIVE_LAMPORTS = 1;

/** The API's code for an error of the program. */
export function apiCode(name: string): string {
  const snake = name.replace(/(?<!^)[A-Z]/g, '_$&').toLowerCase();
  const same: Record<string, string> = {
    referral_not_found: 'code_not_found',
    wrong_campaign: 'code_not_found',
    code_mismatch: 'code_not_found',
    referral_inactive: 'code_inactive',
    referral_expired: 'code_expired',
  };
  return same[snake] ?? snake;
}

/** The code of a refusal in the node's trial; `undefined` if it may have been sent. */
export function refusedBefore(error: unknown, signed: Programs): string | undefined {
  if (
    !isSolanaError(error, SOLANA_ERROR__JSON_RPC__SERVER_ERROR_SEND_TRANSACTION_PREFLIGHT_FAILURE)
  )
    return undefined;
  const programs = signed.instructions.map(({ program }) => ({ programAddress: program }));
  const ours = refusal(error, { instructions: programs });
  if (ours) return apiCode(ours.name);
  if (isSolanaError(error.cause, SOLANA_ERROR__TRANSACTION_ERROR__ALREADY_PROCESSED))
    return undefined;
  // Another node may know the blockhash.
  if (isSolanaError(error.cause, SOLANA_ERROR__TRANSACTION_ERROR__BLOCKHASH_NOT_FOUND))
    return undefined;
  if (isSolanaError(error.cause, SOLANA_ERROR__TRANSACTION_ERROR__INSUFFICIENT_FUNDS_FOR_RENT))
    return 'too_little_sol';
  return 'failed';
}
