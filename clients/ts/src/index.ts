/**
 * The Vouch program for TypeScript.
 *
 * The parts that are generated from the program's IDL (accounts, every instruction, errors) are
 * exported unchanged. The functions beside them resolve the accounts that an instruction needs,
 * as the Rust client does: `convertInstruction`, `purchaseInstruction`, `claimInstruction`, and
 * those before and around them.
 *
 * Amounts are base units of the token (`bigint`), times are unix seconds (`bigint`), and a
 * zero time, limit or address means "none".
 */

export * from './addresses.js';
export * from './code.js';
export * from './errors.js';
export * from './generated/index.js';
export * from './instructions.js';
export * from './offer.js';
export * from './opening.js';
export * from './settings.js';
export * from './voucher.js';
