/** Everything that needs a wallet, loaded when somebody asks for one. */

import { getBase58Decoder, getBase64Decoder, type Signature } from '@solana/kit';
import {
  SolanaSignAndSendTransaction,
  SolanaSignIn,
  SolanaSignMessage,
  SolanaSignTransaction,
  type SolanaSignAndSendTransactionFeature,
  type SolanaSignInFeature,
  type SolanaSignMessageFeature,
  type SolanaSignTransactionFeature,
} from '@solana/wallet-standard-features';

import { Refusal, type Challenge } from '../api/client';
import { CHAIN } from '../lib/site';
import {
  conversionOf,
  inspect,
  inspectWire,
  sameActs,
  type Inspected,
  type Shown,
} from './inspect';
import { appeared, confirmed, HAS_NODE, onChain, send, tryOut, type Trial } from './node';
import type { Wallet, WalletAccount } from './wallets';

export { connect, reconnect, watchAccounts, watchWallets } from './wallets';
export type { Recorded, Part } from './node';

/** The transaction that the API has built. */
type Built = { readonly transaction: string; readonly last_valid_block_height: number };

/** A transaction that was read, and found to be what it should be. */
export type Prepared = {
  readonly inspected: Inspected;
  readonly lastValidBlockHeight: bigint;
  /** The account that it creates, by which one sees that it was done; `undefined` if it creates none. */
  readonly creates: string | undefined;
  /** Reads what the wallet has signed; {@link inspectWire} when absent. */
  readonly read?: typeof inspectWire;
  /** The result of the node's trial; `undefined` if no node can be asked. */
  readonly trial: Trial | undefined;
};

/**
 * Reads what the API has built, and lets the node try it. Throws a `Refusal`. Without `creates`, the account that it
 * creates is that of its conversion.
 */
export async function prepare(
  built: Built,
  creates: string | undefined,
  shown: Shown,
): Promise<Prepared> {
  const inspected = await inspect(built.transaction, shown);
  if (!inspected) throw new Refusal('not_as_shown', undefined);
  return {
    inspected,
    creates: creates ?? conversionOf(inspected),
    lastValidBlockHeight: BigInt(built.last_valid_block_height),
    trial: await tryOut(inspected, shown),
  };
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
  const { inspected, lastValidBlockHeight, read = inspectWire } = prepared;
  if (account.chains.length > 0 && !account.chains.includes(CHAIN)) {
    throw new Refusal('wrong_network', undefined);
  }
  const input = { account, transaction: inspected.wire, chain: CHAIN as 'solana:mainnet' };
  if (HAS_NODE && SolanaSignTransaction in wallet.features) {
    const feature = wallet.features[
      SolanaSignTransaction
    ] as SolanaSignTransactionFeature[typeof SolanaSignTransaction];
    const [output] = await feature.signTransaction(input).catch((error) => {
      throw new Refusal(isRejection(error) ? 'refused' : 'wallet_failed', undefined);
    });
    const signed = output && read(output.signedTransaction, account.address);
    if (!signed || !sameActs(inspected, signed)) throw new Refusal('tampered', undefined);
    return () => send(signed, lastValidBlockHeight);
  }
  if (SolanaSignAndSendTransaction in wallet.features) {
    const feature = wallet.features[
      SolanaSignAndSendTransaction
    ] as SolanaSignAndSendTransactionFeature[typeof SolanaSignAndSendTransaction];
    const sent = await feature.signAndSendTransaction(input).catch((error) => {
      if (isRejection(error)) throw new Refusal('refused', undefined);
      return undefined;
    });
    const output = sent?.[0];
    // A wallet that reports an error may have sent it before.
    if (!output) return () => wasSent(prepared);
    const signature = getBase58Decoder().decode(output.signature) as Signature;
    return async () => {
      await confirmed(signature, inspected, lastValidBlockHeight, async () => {});
      const wire = await onChain(signature);
      const done = wire && read(wire, account.address);
      // Such a wallet shows only afterwards what it has sent.
      if (wire && !(done && sameActs(inspected, done))) {
        throw new Refusal('sent_otherwise', undefined);
      }
    };
  }
  throw new Refusal('cannot_sign', undefined);
}

/** Returns when what the transaction creates is on chain. Throws a `Refusal` if it never will be. */
async function wasSent({ creates, lastValidBlockHeight }: Prepared): Promise<void> {
  if (!HAS_NODE || !creates) throw new Refusal('wallet_unclear', undefined);
  if (!(await appeared(creates, lastValidBlockHeight))) {
    throw new Refusal('wallet_failed', undefined);
  }
}

/** Whether the person said no: the number is that of EIP-1193, which wallets here use, too. */
function isRejection(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  return code === 4001 || /reject|denied|declin|cancel/i.test(String(message));
}

/** A challenge that the wallet has signed, as the API wants it. */
export type SignedChallenge = {
  wallet: string;
  nonce: string;
  signature: string;
  signed_message: string;
};

/** Whether the wallet can sign in. */
export function canSignIn(wallet: Wallet): boolean {
  return SolanaSignIn in wallet.features || SolanaSignMessage in wallet.features;
}

/** Lets the wallet sign the message that signs it in. Throws a `Refusal`. */
export async function signIn(
  wallet: Wallet,
  account: WalletAccount,
  challenge: Challenge,
): Promise<SignedChallenge> {
  const refused = (error: unknown): never => {
    throw new Refusal(isRejection(error) ? 'refused' : 'wallet_failed', undefined);
  };
  const signed = async () => {
    if (SolanaSignIn in wallet.features) {
      const feature = wallet.features[SolanaSignIn] as SolanaSignInFeature[typeof SolanaSignIn];
      const { domain, address, statement, uri, version, chainId, nonce, issuedAt, expirationTime } =
        challenge.input;
      const given = { statement, uri, version, chainId, nonce, issuedAt, expirationTime };
      const named = Object.entries(given).filter(([, value]) => typeof value === 'string');
      const input = { domain, address, ...Object.fromEntries(named) };
      const [output] = await feature.signIn(input).catch(refused);
      if (output && output.account.address !== account.address) {
        throw new Refusal('other_account', undefined);
      }
      return output;
    }
    if (!(SolanaSignMessage in wallet.features)) throw new Refusal('cannot_sign', undefined);
    const feature = wallet.features[
      SolanaSignMessage
    ] as SolanaSignMessageFeature[typeof SolanaSignMessage];
    const message = new TextEncoder().encode(challenge.message);
    const [output] = await feature.signMessage({ account, message }).catch(refused);
    return output;
  };
  const output = (await signed()) ?? refused(undefined);
  return {
    wallet: account.address,
    nonce: challenge.nonce,
    signature: getBase58Decoder().decode(output.signature),
    signed_message: getBase64Decoder().decode(output.signedMessage),
  };
}
