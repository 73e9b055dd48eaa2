/** Wallets that announce themselves by the Wallet Standard. */

import { getWallets } from '@wallet-standard/app';
import type { Wallet, WalletAccount } from '@wallet-standard/base';
import {
  StandardConnect,
  StandardEvents,
  type StandardConnectFeature,
  type StandardEventsFeature,
} from '@wallet-standard/features';
import {
  SolanaSignAndSendTransaction,
  SolanaSignTransaction,
} from '@solana/wallet-standard-features';

export type { Wallet, WalletAccount };

/** Calls `changed` with the wallets that can sign for Solana, now and whenever they change. */
export function watchWallets(changed: (wallets: readonly Wallet[]) => void): () => void {
  const wallets = getWallets();
  const tell = () => changed(wallets.get().filter(isUsable));
  tell();
  const stops = [wallets.on('register', tell), wallets.on('unregister', tell)];
  return () => stops.forEach((stop) => stop());
}

function isUsable(wallet: Wallet): boolean {
  return (
    StandardConnect in wallet.features &&
    (SolanaSignTransaction in wallet.features || SolanaSignAndSendTransaction in wallet.features) &&
    wallet.chains.some((chain) => chain.startsWith('solana:'))
  );
}

/** Asks the wallet for its accounts; the first one counts. `undefined` if it gives none. */
export async function connect(wallet: Wallet): Promise<WalletAccount | undefined> {
  const feature = wallet.features[
    StandardConnect
  ] as StandardConnectFeature[typeof StandardConnect];
  const { accounts } = await feature.connect();
  return accounts[0];
}

/** The account that the wallet has shown before, without asking the person. */
export async function reconnect(wallet: Wallet): Promise<WalletAccount | undefined> {
  const feature = wallet.features[
    StandardConnect
  ] as StandardConnectFeature[typeof StandardConnect];
  const given = await feature.connect({ silent: true }).catch(() => undefined);
  return given?.accounts[0];
}

/** Calls `changed` when the wallet shows other accounts than before. */
export function watchAccounts(
  wallet: Wallet,
  changed: (account?: WalletAccount) => void,
): () => void {
  const feature = wallet.features[StandardEvents] as
    StandardEventsFeature[typeof StandardEvents] | undefined;
  return (
    feature?.on('change', ({ accounts }) => {
      if (accounts) changed(accounts[0]);
    }) ?? (() => {})
  );
}
