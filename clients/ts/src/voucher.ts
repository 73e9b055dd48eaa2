import {
  fixEncoderSize,
  getAddressEncoder,
  getBytesEncoder,
  getI64Encoder,
  getStructEncoder,
  getU16Encoder,
  getU64Encoder,
  getU8Encoder,
  getUtf8Encoder,
  signBytes,
  type Address,
  type Instruction,
  type ReadonlyUint8Array,
  type SignatureBytes,
} from '@solana/kit';

import { NO_REFERENCE } from './addresses.js';
import { REFERRAL_PROGRAM_ADDRESS, getActionEncoder, type Action } from './generated/index.js';
import { hash } from './hash.js';

/** The program that verifies Ed25519 signatures. */
export const ED25519_PROGRAM_ADDRESS = 'Ed25519SigVerify111111111111111111111111111' as Address;

/** Longest life of a voucher, in seconds: 30 days. */
export const MAX_VOUCHER_SECONDS = 2_592_000n;

/** The claim that the attestor signs. */
export type Statement = {
  /** The campaign's address. */
  campaign: Address;
  /** The campaign's `createdAt`. It differs between clusters, so a voucher is valid on one only. */
  campaignCreatedAt: bigint;
  /** The referral that is credited. */
  referral: Address;
  /** The wallet that was referred. */
  referee: Address;
  /** The referee's action. */
  action: Action;
  /** The worth of the action. */
  amount: bigint;
  /** The campaign's own reference, if the conversion has one. */
  reference?: ReadonlyUint8Array;
  /** Unix seconds at which the attestor signs; at most five minutes ahead of the cluster. */
  issuedAt: bigint;
  /**
   * Unix seconds at which the voucher expires: at most {@link MAX_VOUCHER_SECONDS} after
   * `issuedAt`.
   */
  expiresAt: bigint;
};

const bytes = (length: number) => fixEncoderSize(getBytesEncoder(), length);

const messageEncoder = getStructEncoder([
  ['domain', fixEncoderSize(getUtf8Encoder(), 16)],
  ['program', getAddressEncoder()],
  ['campaign', getAddressEncoder()],
  ['campaignCreatedAt', getI64Encoder()],
  ['referral', getAddressEncoder()],
  ['referee', getAddressEncoder()],
  ['action', getActionEncoder()],
  ['amount', getU64Encoder()],
  ['reference', bytes(32)],
  ['issuedAt', getI64Encoder()],
  ['expiresAt', getI64Encoder()],
]);

/** The 209 bytes that the attestor signs. */
export function voucherMessage(statement: Statement): ReadonlyUint8Array {
  const reference = statement.reference ?? NO_REFERENCE;
  if (reference.length !== 32) {
    throw new RangeError(`a reference has 32 bytes, not ${reference.length}`);
  }
  return messageEncoder.encode({
    ...statement,
    domain: 'vouch:conversion',
    program: REFERRAL_PROGRAM_ADDRESS,
    reference,
  });
}

/** SHA-256 of a voucher's message. It identifies the voucher when it is revoked. */
export function voucherDigest(message: ReadonlyUint8Array): Promise<ReadonlyUint8Array> {
  return hash(message);
}

/** The attestor's signature of `statement`; `attestor` is its private key. */
export function signVoucher(attestor: CryptoKey, statement: Statement): Promise<SignatureBytes> {
  return signBytes(attestor, voucherMessage(statement));
}

// Offsets in the instruction data: after the count, its padding and the offsets of one signature.
// Layout: https://docs.rs/solana-ed25519-program/3
const PUBLIC_KEY_AT = 16;
const SIGNATURE_AT = PUBLIC_KEY_AT + 32;
const MESSAGE_AT = SIGNATURE_AT + 64;
/** Index that stands for "this instruction". */
const HERE = 0xffff;

const u16 = getU16Encoder();
const instructionEncoder = getStructEncoder([
  ['count', getU8Encoder()],
  ['padding', getU8Encoder()],
  ['signatureAt', u16],
  ['signatureIn', u16],
  ['publicKeyAt', u16],
  ['publicKeyIn', u16],
  ['messageAt', u16],
  ['messageLength', u16],
  ['messageIn', u16],
  ['publicKey', getAddressEncoder()],
  ['signature', bytes(64)],
  ['message', getBytesEncoder()],
]);

/**
 * The Ed25519 instruction that carries a voucher. It must be right before `convertInstruction`'s.
 */
export function voucherInstruction(
  attestor: Address,
  signature: ReadonlyUint8Array,
  message: ReadonlyUint8Array,
): Instruction {
  return {
    programAddress: ED25519_PROGRAM_ADDRESS,
    data: instructionEncoder.encode({
      count: 1,
      padding: 0,
      signatureAt: SIGNATURE_AT,
      signatureIn: HERE,
      publicKeyAt: PUBLIC_KEY_AT,
      publicKeyIn: HERE,
      messageAt: MESSAGE_AT,
      messageLength: message.length,
      messageIn: HERE,
      publicKey: attestor,
      signature,
      message,
    }),
  };
}
