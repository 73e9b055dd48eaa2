/** The wallet of the person in front of the page. Nothing of one account stays for the next. */

import { createSignal, onCleanup } from 'solid-js';

import { Refusal } from '../api/client';
import type { Wallet, WalletAccount } from '../wallet/wallets';

export type Connecting =
  | { at: 'start' }
  | { at: 'choose' }
  | { at: 'connecting'; wallet: Wallet }
  | { at: 'failed'; refusal: Refusal }
  | { at: 'connected'; wallet: Wallet; account: WalletAccount };

/**
 * Connects wallets. `changed` is called with each account that is there, also when the wallet shows
 * another one, and with `undefined` when there is none any more.
 */
export function createConnection(changed: (account: WalletAccount | undefined) => void) {
  const [state, setState] = createSignal<Connecting>({ at: 'start' });
  const [wallets, setWallets] = createSignal<readonly Wallet[]>();
  // An answer of a wallet that was left meanwhile counts for nothing.
  let turn = 0;
  let stopWatching = () => {};
  let stopSearching = () => {};
  onCleanup(() => {
    turn += 1;
    stopWatching();
    stopSearching();
  });

  const search = async () => {
    const { watchWallets } = await import('../wallet');
    stopSearching();
    stopSearching = watchWallets((found) => setWallets(found));
  };

  const leave = () => {
    turn += 1;
    stopWatching();
    setState({ at: 'choose' });
    changed(undefined);
    void search();
  };

  const accept = async (wallet: Wallet, account: WalletAccount) => {
    const { watchAccounts } = await import('../wallet');
    stopWatching();
    setState({ at: 'connected', wallet, account });
    stopWatching = watchAccounts(wallet, (next) => {
      const current = state();
      if (current.at !== 'connected' || current.wallet !== wallet) return;
      if (next?.address === current.account.address) return;
      turn += 1;
      if (!next) return leave();
      setState({ at: 'connected', wallet, account: next });
      changed(next);
    });
    changed(account);
  };

  return {
    state,
    wallets,
    account: () => {
      const current = state();
      return current.at === 'connected' ? current.account : undefined;
    },
    wallet: () => {
      const current = state();
      return current.at === 'connected' ? current.wallet : undefined;
    },
    /** Shows the wallets of this browser. */
    look: () => {
      setState({ at: 'choose' });
      void search();
    },
    choose: async (wallet: Wallet) => {
      const mine = ++turn;
      setState({ at: 'connecting', wallet });
      const { connect } = await import('../wallet');
      const given = await connect(wallet).catch(() => undefined);
      if (mine !== turn) return;
      if (given) await accept(wallet, given);
      else setState({ at: 'failed', refusal: new Refusal('not_connected', undefined) });
    },
    /** Takes up again the wallet with this name, without asking the person. */
    resume: async (name: string) => {
      const mine = ++turn;
      await search();
      const wallet = wallets()?.find((it) => it.name === name);
      if (!wallet) return;
      const { reconnect } = await import('../wallet');
      const given = await reconnect(wallet);
      if (mine === turn && given) await accept(wallet, given);
    },
    leave,
  };
}

export type Connection = ReturnType<typeof createConnection>;
