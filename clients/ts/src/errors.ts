import { SOLANA_ERROR__INSTRUCTION_ERROR__CUSTOM, isSolanaError, type Address } from '@solana/kit';

import { PROGRAM_ERRORS, REFERRAL_PROGRAM_ADDRESS } from './generated/index.js';

/** The number of an error of the program, as `custom program error` gives it. */
export type ProgramErrorCode = keyof typeof PROGRAM_ERRORS;

/** An error that the program itself returns. */
export type ProgramError = {
  [Number in ProgramErrorCode]: { readonly code: Number } & (typeof PROGRAM_ERRORS)[Number];
}[ProgramErrorCode];

/** The program's error with this number, if it has one. */
export function programError(code: number): ProgramError | undefined {
  if (!Object.hasOwn(PROGRAM_ERRORS, code)) return undefined;
  return { code, ...PROGRAM_ERRORS[code as ProgramErrorCode] } as ProgramError;
}

/**
 * The program's error that made `message` fail; `undefined` if another program failed. `error` is
 * the exception from sending or simulating the message. All programs number their errors alike,
 * so `message` is needed to tell which program failed.
 */
export function refusal(
  error: unknown,
  message: { readonly instructions: readonly { readonly programAddress: Address }[] },
): ProgramError | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (isSolanaError(at, SOLANA_ERROR__INSTRUCTION_ERROR__CUSTOM)) {
      const { code, index } = at.context;
      const ours = message.instructions[index]?.programAddress === REFERRAL_PROGRAM_ADDRESS;
      return ours ? programError(code) : undefined;
    }
  }
  return undefined;
}
