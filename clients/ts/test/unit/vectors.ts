/** Test vectors from the Rust client: `crates/client/examples/vectors.rs`. */

import { readFileSync } from 'node:fs';

import {
  AccountRole,
  isSignerRole,
  isWritableRole,
  type Address,
  type Instruction,
} from '@solana/kit';

/**
 * An instruction. Each account is its address, followed by `s` if it signs and `w` if it is
 * writable.
 */
export type InstructionVector = { program: Address; accounts: string[]; data: string };
export type AccountVector = { address: Address; data: string };
type Fields = Record<string, string | number | boolean>;

export type OfferVector = {
  campaign: AccountVector;
  referral: AccountVector;
  /** A conversion, with the reference that its address is derived from. */
  conversion: AccountVector & { reference: string };
  /** `settings` are those in force at `now`. */
  decoded: { campaign: Fields; settings: Fields; referral: Fields; conversion: Fields };
  /** Unix seconds. */
  now: string;
  reference: string;
  evidence: 'none' | 'attestor' | 'voucher';
  /** The message of the voucher, if the evidence is one. */
  voucher: string;
  signup: InstructionVector;
  sponsored: InstructionVector;
  purchase: InstructionVector;
  sponsoredPurchase: InstructionVector;
  paymentTokenProgram: Address;
  paymentSource: Address;
  maxPayment: string;
  claim: InstructionVector;
  cancel: InstructionVector;
  /** The campaign's reclaim, with `destination` for the tokens of its vault. */
  reclaim: InstructionVector;
  destination: Address;
  rewardAccount: InstructionVector | null;
};

type CurrencyVector =
  | { kind: 'sol' }
  | { kind: 'token'; mint: Address; program: Address }
  | { kind: 'new'; decimals: number; rent: string };

/** A campaign that is opened. */
export type ChosenVector = {
  id: string;
  terms: string;
  /** Whether the terms are those that are usual for the source of rewards. */
  usual: boolean;
  chosen: string;
  rewards: CurrencyVector;
  payments: CurrencyVector;
  handsOver: boolean;
  funds: string;
};

export type OpeningVector = ChosenVector & {
  /** The settings as they will stand. */
  settings: string;
  campaign: Address;
  mint: Address | null;
  vault: Address | null;
  instructions: InstructionVector[];
};

export type Vectors = {
  openings: OpeningVector[];
  unusualOpenings: (ChosenVector & { missing: 'minAmount' | 'rewardMax' })[];
  program: Address;
  wallets: { payer: Address; referee: Address; attestor: Address };
  codes: [typed: string, code: string | null][];
  errors: [code: number, name: string, message: string][];
  actions: string[];
  voucher: {
    campaign: Address;
    campaignCreatedAt: string;
    referral: Address;
    referee: Address;
    action: number;
    amount: string;
    reference: string;
    issuedAt: string;
    expiresAt: string;
    signature: string;
    message: string;
    digest: string;
    instruction: InstructionVector;
    revoke: InstructionVector;
  };
  registrations: {
    campaign: Address;
    code: string;
    createReferral: InstructionVector;
    createBoundedReferral: InstructionVector;
    registerReferrer: InstructionVector;
    createPerOwnerReferral: InstructionVector;
    bind: InstructionVector;
    boundReferral: Address;
    boundReferrer: Address;
    bindAnew: InstructionVector;
  };
  offers: OfferVector[];
};

// The compiled file is in dist/test/unit.
const file = new URL('../../../test/vectors.json', import.meta.url);

export const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors;

/** `instruction` in the form of the vectors. */
export function plain(instruction: Instruction): InstructionVector {
  const accounts = (instruction.accounts ?? []).map(({ address, role }) => {
    const letters = `${isSignerRole(role) ? 's' : ''}${isWritableRole(role) ? 'w' : ''}`;
    return role === AccountRole.READONLY ? address : `${address} ${letters}`;
  });
  const data = Buffer.from(instruction.data ?? []).toString('base64');
  return { program: instruction.programAddress, accounts, data };
}

export function bytes(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'));
}
