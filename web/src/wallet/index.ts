/** Everything that needs a wallet, loaded when somebody asks for one. */

import {
  createSolanaRpc,
  getBase58Decoder,
  getBase64Decoder,
  type Address,
  type Base64EncodedWireTransaction,
  type Signature,
} from '@solana/kit';
import {
  SolanaSignAndSendTransaction,
  SolanaSignTransaction,
  type SolanaSignAndSendTransactionFeature,
  type SolanaSignTransactionFeature,
} from '@solana/wallet-standard-features';
import { programError, refusal } from '@vouch/client/errors.js';

import { Refusal, type Built } from '../api/client';
import { CHAIN, RPC_URL } from '../lib/site';
import { inspect, inspectWire, sameConversion, type Inspected, type Shown } from './inspect';
import type { Wallet, WalletAccount } from './wallets';

export { connect, watchAccounts, watchWallets } from './wallets';

const rpc = RPC_URL ? createSolanaRpc(RPC_URL) : undefined;
/** Milliseconds between two questions for a transaction's state. */
const POLL = 500;
/** The same between two sendings of one transaction. */
const RESEND = 2500;

/** What signing costs, in lamports. */
export type Cost = { readonly fee: bigint; readonly deposit: bigint };

/** A transaction that was read and found to be what it should be. */
export type Prepared = {
  readonly inspected: Inspected;
  readonly createsPlace: boolean;
  readonly lastValidBlockHeight: bigint;
  /** `undefined` if no node can be asked. */
  readonly cost: Cost | undefined;
};

/** Reads what the API has built, and lets the node try it. Throws a `Refusal`. */
export async function prepare(built: Built, shown: Shown): Promise<Prepared> {
  const inspected = await inspect(built.transaction, shown);
  if (!inspected) throw new Refusal('not_as_shown', undefined);
  return {
    inspected,
    createsPlace: inspected.createsPlace,
    lastValidBlockHeight: BigInt(built.last_valid_block_height),
    cost: rpc ? await costOf(inspected, shown.wallet as Address) : undefined,
  };
}

async function costOf(inspected: Inspected, wallet: Address): Promise<Cost> {
  if (!rpc) throw new Refusal('chain_unavailable', undefined);
  const wire = getBase64Decoder().decode(inspected.wire) as Base64EncodedWireTransaction;
  const message = getBase64Decoder().decode(inspected.message);
  const [balance, fee, tried] = await Promise.all([
    rpc.getBalance(wallet, { commitment: 'confirmed' }).send(),
    rpc
      .getFeeForMessage(message as Parameters<typeof rpc.getFeeForMessage>[0], {
        commitment: 'confirmed',
      })
      .send(),
    rpc
      .simulateTransaction(wire, {
        encoding: 'base64',
        commitment: 'confirmed',
        sigVerify: false,
        accounts: { encoding: 'base64', addresses: [wallet] },
      })
      .send(),
  ]).catch(() => {
    throw new Refusal('chain_unavailable', undefined);
  });
  if (tried.value.err !== null) throw new Refusal(codeOf(tried.value.err), undefined);
  const charged = BigInt(fee.value ?? 5000n);
  const left = tried.value.accounts?.[0]?.lamports ?? 0n;
  const gone = balance.value - left;
  return { fee: charged, deposit: gone > charged ? gone - charged : 0n };
}

/** The code of an error as the node gives it. */
function codeOf(error: unknown): string {
  if (typeof error === 'string') {
    const poor = ['AccountNotFound', 'InsufficientFundsForFee'];
    return poor.includes(error)
      ? 'too_little_sol'
      : error === 'BlockhashNotFound'
        ? 'expired'
        : 'failed';
  }
  if (error !== null && typeof error === 'object') {
    if ('InsufficientFundsForRent' in error) return 'too_little_sol';
    if ('InstructionError' in error) {
      const [, cause] = error.InstructionError as [unknown, unknown];
      if (cause !== null && typeof cause === 'object' && 'Custom' in cause) {
        return customCode(Number(cause.Custom));
      }
    }
  }
  return 'failed';
}

/** The system program's number for too few lamports; those of ours begin at 6000. */
const RESULT_WITH_NEGATIVE_LAMPORTS = 1;

function customCode(number: number): string {
  if (number === RESULT_WITH_NEGATIVE_LAMPORTS) return 'too_little_sol';
  const name = programError(number)?.name;
  return name === undefined ? 'failed' : apiCode(name);
}

/** The API's code for an error of the program. */
function apiCode(name: string): string {
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

/**
 * Lets the wallet sign. The answer sends it and returns when the network has confirmed it. Both
 * throw a `Refusal`.
 */
export async function sign(
  wallet: Wallet,
  account: WalletAccount,
  prepared: Prepared,
): Promise<() => Promise<void>> {
  const { inspected } = prepared;
  if (account.chains.length > 0 && !account.chains.includes(CHAIN)) {
    throw new Refusal('wrong_network', undefined);
  }
  const input = { account, transaction: inspected.wire, chain: CHAIN as 'solana:mainnet' };
  if (rpc && SolanaSignTransaction in wallet.features) {
    const feature = wallet.features[
      SolanaSignTransaction
    ] as SolanaSignTransactionFeature[typeof SolanaSignTransaction];
    const [output] = await feature.signTransaction(input).catch(refused);
    const signed = output && inspectWire(output.signedTransaction, account.address);
    if (!signed || !sameConversion(inspected, signed)) throw new Refusal('tampered', undefined);
    return () => send(signed, prepared.lastValidBlockHeight);
  }
  if (SolanaSignAndSendTransaction in wallet.features) {
    const feature = wallet.features[
      SolanaSignAndSendTransaction
    ] as SolanaSignAndSendTransactionFeature[typeof SolanaSignAndSendTransaction];
    const [output] = await feature.signAndSendTransaction(input).catch(refused);
    if (!output) throw new Refusal('refused', undefined);
    const signature = getBase58Decoder().decode(output.signature) as Signature;
    return () => confirmed(signature, prepared.lastValidBlockHeight, async () => {});
  }
  throw new Refusal('cannot_sign', undefined);
}

function refused(): never {
  throw new Refusal('refused', undefined);
}

/** Sends it again and again until it is confirmed, or can no longer be. */
async function send(signed: Inspected, lastValidBlockHeight: bigint): Promise<void> {
  if (!rpc) return;
  const wire = getBase64Decoder().decode(signed.wire) as Base64EncodedWireTransaction;
  const signature = getBase58Decoder().decode(signed.wire.subarray(1, 65)) as Signature;
  try {
    // The node tries it before, so that a refusal costs nothing.
    await rpc
      .sendTransaction(wire, { encoding: 'base64', preflightCommitment: 'confirmed' })
      .send();
  } catch (error) {
    const programs = signed.instructions.map(({ program }) => ({ programAddress: program }));
    const ours = refusal(error, { instructions: programs });
    if (ours) throw new Refusal(apiCode(ours.name), undefined);
    // It may have arrived all the same: the next lines find out.
  }
  await confirmed(signature, lastValidBlockHeight, async () => {
    await rpc
      .sendTransaction(wire, { encoding: 'base64', skipPreflight: true, maxRetries: 0n })
      .send();
  });
}

async function confirmed(
  signature: Signature,
  lastValidBlockHeight: bigint,
  again: () => Promise<void>,
): Promise<void> {
  // Without a node, the receipt is the first sign of it.
  if (!rpc) return;
  let sent = Date.now();
  for (;;) {
    try {
      // Ask for the height first: what is not there after it never will be.
      const height = await rpc.getBlockHeight({ commitment: 'confirmed' }).send();
      const statuses = await rpc.getSignatureStatuses([signature]).send();
      const status = statuses.value[0];
      if (status?.err) throw new Refusal(codeOf(status.err), undefined);
      if (status && status.confirmationStatus !== 'processed') return;
      if (!status && height > lastValidBlockHeight) throw new Refusal('expired', undefined);
      if (Date.now() - sent > RESEND) {
        sent = Date.now();
        await again();
      }
    } catch (error) {
      // A node that does not answer says nothing about the transaction.
      if (error instanceof Refusal) throw error;
    }
    await new Promise((resume) => window.setTimeout(resume, POLL));
  }
}
