/** Questions to the node of `PUBLIC_RPC_URL`: the trial of a transaction, and its outcome. */

import {
  createSolanaRpc,
  getBase58Decoder,
  getBase64Decoder,
  getBase64Encoder,
  type Address,
  type Base64EncodedWireTransaction,
  type Signature,
} from '@solana/kit';
import { getCampaignDecoder } from '@vouch/client/generated/accounts/campaign.js';
import { getConversionDecoder } from '@vouch/client/generated/accounts/conversion.js';
import { REFERRAL_PROGRAM_ADDRESS } from '@vouch/client/generated/programs/referral.js';

import { Refusal } from '../api/client';
import { RPC_URL } from '../lib/site';
import { codeOf, refusedBefore } from './errors';
import { conversionOf, type Inspected, type Shown } from './inspect';

export const rpc = RPC_URL ? createSolanaRpc(RPC_URL) : undefined;
/** Whether there is a node that this page may ask. */
export const HAS_NODE = rpc !== undefined;
/** Milliseconds between two questions for a transaction's state, while the node answers. */
const POLL = 500;
/** Most milliseconds between them, while it does not. */
const SLOWEST = 8000;
/** Milliseconds between two sendings of one transaction. */
const RESEND = 2500;
/** Blocks for which a blockhash is valid. */
const LIFE = 150n;
/** Blocks by which one node may be behind another. */
const LAG = 32n;

/** The cost of a signature, in lamports. */
export type Cost = { readonly fee: bigint; readonly deposit: bigint };

/** A part of a reward in base units, and whether the transaction itself pays it. */
export type Part = { readonly units: bigint; readonly atOnce: boolean };

/** The record that a conversion would leave, as the program wrote it in the trial. */
export type Recorded = {
  readonly mint: string;
  readonly decimals: number;
  readonly referrer: Part;
  readonly referee: Part;
  readonly partner: Part;
  readonly holdSeconds: number;
};

export type Trial = {
  readonly cost: Cost;
  readonly recorded: Recorded | undefined;
  /** The conversion, the campaign, and what else was asked for, as the transaction would leave them. */
  readonly accounts: readonly Encoded[];
};

/**
 * Lets the node try exactly this transaction. `undefined` without a node. Throws a `Refusal` if the
 * chain would refuse it.
 */
export async function tryOut(inspected: Inspected, shown: Shown): Promise<Trial | undefined> {
  const conversion = shown.act === 'convert' ? conversionOf(inspected) : undefined;
  const addresses = conversion
    ? [conversion, shown.campaign as Address, ...(shown.order?.watched ?? [])]
    : [];
  const tried = await simulate(inspected, shown.wallet as Address, addresses);
  if (!tried) return;
  const { cost, accounts } = tried;
  const recorded = conversion && recordedIn(bytesOf(accounts[0]), bytesOf(accounts[1]));
  return { cost, recorded, accounts };
}

/** The result of the node's trial of a transaction. */
type Tried = {
  readonly cost: Cost;
  /** Lamports that leave the wallet; below zero if it gains. */
  readonly gone: bigint;
  readonly accounts: readonly Encoded[];
};

/**
 * Lets the node try exactly this transaction, and answers with these accounts as it would leave them.
 * `undefined` without a node. Throws a `Refusal` if the chain would refuse it.
 */
export async function simulate(
  inspected: Inspected,
  wallet: Address,
  others: readonly Address[],
): Promise<Tried | undefined> {
  if (!rpc) return;
  const [balance, fee, tried] = await Promise.all([
    rpc.getBalance(wallet, { commitment: 'confirmed' }).send(),
    rpc.getFeeForMessage(messageOf(inspected), { commitment: 'confirmed' }).send(),
    rpc
      .simulateTransaction(wireOf(inspected), {
        encoding: 'base64',
        commitment: 'confirmed',
        sigVerify: false,
        accounts: { encoding: 'base64', addresses: [wallet, ...others] },
      })
      .send(),
  ]).catch(() => {
    throw new Refusal('chain_unavailable', undefined);
  });
  const { err } = tried.value;
  if (err !== null) {
    // Both token programs use these words, and a number that means too little SOL elsewhere.
    const isTokens = tried.value.logs?.some((line) => line.includes('Error: insufficient funds'));
    throw new Refusal(isTokens ? 'insufficient_tokens' : codeOf(err, inspected), undefined);
  }
  // A node that does not know the blockhash yet does not know the fee.
  if (fee.value === null) throw new Refusal('chain_unavailable', undefined);
  const [own, ...accounts] = tried.value.accounts ?? [];
  const gone = balance.value - (own?.lamports ?? 0n);
  const deposit = gone > fee.value ? gone - fee.value : 0n;
  return { cost: { fee: fee.value, deposit }, gone, accounts };
}

export type Encoded = { readonly data: unknown; readonly owner: Address } | null | undefined;

/** The bytes of an account of the program. Throws a `Refusal` for any other. */
export function bytesOf(account: Encoded): Uint8Array {
  const [data] = (account?.data ?? []) as [string?];
  if (account?.owner !== REFERRAL_PROGRAM_ADDRESS || !data) {
    throw new Refusal('not_as_shown', undefined);
  }
  return new Uint8Array(getBase64Encoder().encode(data));
}

function recordedIn(conversion: Uint8Array, campaign: Uint8Array): Recorded {
  try {
    const record = getConversionDecoder().decode(conversion);
    const { mint, mintDecimals } = getCampaignDecoder().decode(campaign);
    const part = (units: bigint, bit: number) => ({ units, atOnce: Boolean(record.settled & bit) });
    return {
      mint,
      decimals: mintDecimals,
      referrer: part(record.rewardReferrer, 1),
      referee: part(record.rewardReferee, 2),
      partner: part(record.rewardPartner, 4),
      holdSeconds: record.holdSeconds,
    };
  } catch {
    // A version of the program that these pages do not know.
    throw new Refusal('not_as_shown', undefined);
  }
}

function wireOf(inspected: Inspected): Base64EncodedWireTransaction {
  return getBase64Decoder().decode(inspected.wire) as Base64EncodedWireTransaction;
}

type Message = Parameters<NonNullable<typeof rpc>['getFeeForMessage']>[0];

function messageOf(inspected: Inspected): Message {
  return getBase64Decoder().decode(inspected.message) as Message;
}

/** Sends it again and again until it is confirmed, or can no longer be. */
export async function send(signed: Inspected, lastValidBlockHeight: bigint): Promise<void> {
  if (!rpc) return;
  const wire = wireOf(signed);
  const signature = getBase58Decoder().decode(signed.wire.subarray(1, 65)) as Signature;
  try {
    // The node tries it before, so that a refusal costs nothing.
    await rpc
      .sendTransaction(wire, { encoding: 'base64', preflightCommitment: 'confirmed' })
      .send();
  } catch (error) {
    const code = refusedBefore(error, signed);
    if (code) throw new Refusal(code, undefined);
    // It may have arrived all the same: the next lines find out.
  }
  await confirmed(signature, signed, lastValidBlockHeight, async () => {
    await rpc
      .sendTransaction(wire, { encoding: 'base64', skipPreflight: true, maxRetries: 0n })
      .send();
  });
}

/**
 * Tells of each height that the node names whether it is too late for a transaction, whose blockhash was
 * known when the first was asked for. The API's height counts only if it is as late as an honest one can be: too low
 * a number would call lost what still arrives.
 */
function deadline(named: bigint): (height: bigint) => boolean {
  let last: bigint | undefined;
  return (height) => {
    const least = height + LIFE;
    last ??= named > least && named < least + LIFE ? named : least;
    return height > last + LAG;
  };
}

/** Returns when the network has confirmed it. Throws a `Refusal` if it failed or never will count. */
export async function confirmed(
  signature: Signature,
  of: Pick<Inspected, 'instructions'>,
  lastValidBlockHeight: bigint,
  again: () => Promise<void>,
): Promise<void> {
  // Without a node, the receipt is the first sign of it.
  if (!rpc) return;
  let sent = Date.now();
  const isLate = deadline(lastValidBlockHeight);
  await everySoOften(async () => {
    // Ask for the height first: what is not there after it never will be.
    const isOver = isLate(await rpc.getBlockHeight({ commitment: 'confirmed' }).send());
    // Without its history, a node forgets after two minutes what it has confirmed.
    const statuses = await rpc
      .getSignatureStatuses([signature], { searchTransactionHistory: isOver })
      .send();
    const status = statuses.value[0];
    // It is in a block, so its fee was charged.
    if (status?.err) throw new Refusal(codeOf(status.err, of), undefined, true);
    if (status && status.confirmationStatus !== 'processed') return true;
    if (!status && isOver) throw new Refusal('expired', undefined);
    if (Date.now() - sent > RESEND) {
      sent = Date.now();
      await again();
    }
    return false;
  });
}

/** Whether there is an account at this address before the blockhash is over. */
export async function appeared(address: string, lastValidBlockHeight: bigint): Promise<boolean> {
  if (!rpc) return true;
  let found = false;
  const isLate = deadline(lastValidBlockHeight);
  await everySoOften(async () => {
    const isOver = isLate(await rpc.getBlockHeight({ commitment: 'confirmed' }).send());
    const options = { encoding: 'base64', commitment: 'confirmed' } as const;
    const account = await rpc.getAccountInfo(address as Address, options).send();
    found = account.value !== null;
    return found || isOver;
  });
  return found;
}

/** The transaction as the chain has it; `undefined` if the node cannot say. */
export async function onChain(signature: Signature): Promise<Uint8Array | undefined> {
  if (!rpc) return undefined;
  const options = {
    encoding: 'base64',
    commitment: 'confirmed',
    maxSupportedTransactionVersion: 0,
  } as const;
  const found = await rpc
    .getTransaction(signature, options)
    .send()
    .catch(() => null);
  return found ? new Uint8Array(getBase64Encoder().encode(found.transaction[0])) : undefined;
}

/** Asks until `ask` says that it is done; more seldom while the node does not answer. */
async function everySoOften(ask: () => Promise<boolean>): Promise<void> {
  let pause = POLL;
  for (;;) {
    try {
      if (await ask()) return;
      pause = POLL;
    } catch (error) {
      // A node that does not answer says nothing about the transaction.
      if (error instanceof Refusal) throw error;
      pause = Math.min(pause * 2, SLOWEST);
    }
    await new Promise((resume) => window.setTimeout(resume, pause));
  }
}
