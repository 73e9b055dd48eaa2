/** One transaction: built, shown, signed, sent, and watched until the mirror has it. */

import { createSignal, onCleanup } from 'solid-js';

import { Refusal } from '../api/client';
import type { Prepared } from '../wallet';
import type { Shown } from '../wallet/inspect';
import type { Connection } from './connection';

/** The transaction that the API has built, and the account by which one sees that it was done. */
export type Order = {
  readonly built: { readonly transaction: string; readonly last_valid_block_height: number };
  readonly creates: string;
  readonly shown: Shown;
};

/** A transaction that a page has built, read and tried by itself. */
export type Ready = { readonly prepared: Prepared };

export type Stage<D, O = Order> =
  | { at: 'idle' }
  | { at: 'preparing' }
  | { at: 'review'; order: O; prepared: Prepared }
  | { at: 'signing'; order: O; prepared: Prepared }
  | { at: 'sending' }
  | { at: 'mirroring' }
  | { at: 'done'; done: D; before: boolean }
  /** `sent` if the wallet had signed it, so that it may have an effect all the same. */
  | { at: 'problem'; refusal: Refusal; sent: boolean };

/** Milliseconds between two questions for what is on its way, at first and at most. */
const POLL = 400;
const SLOWEST = 5000;
/**
 * Milliseconds before it is built anew for a node that was busy, or did not have the blockhash of the one that the API
 * asks yet. Then the reader decides.
 */
const BUSY = [1000, 2000, 4000];
/** After this many milliseconds, words say that it takes long. */
const LONG = 10_000;

export function createFlow<D, O extends Order | Ready = Order>(
  connection: Connection,
  steps: {
    /** Asks the API for the transaction of this wallet. */
    order: (wallet: string) => Promise<O>;
    /** The earlier result, if this refusal says that it was done already. */
    earlier?: (refusal: Refusal, wallet: string) => Promise<D | undefined>;
    /** The result that the mirror has; throws while it has none. */
    arrived: (order: O) => Promise<D>;
  },
) {
  const [stage, setStage] = createSignal<Stage<D, O>>({ at: 'idle' });
  const [long, setLong] = createSignal(false);
  // A newer turn outdates steps that are still on their way, such as those for an account that was left.
  let turn = 0;
  onCleanup(() => (turn += 1));

  const fail = (error: unknown, sent: boolean) => {
    const refusal = error instanceof Refusal ? error : new Refusal('unexpected', undefined);
    setStage({ at: 'problem', refusal, sent });
  };

  /** The transaction to sign: built, read and tried. Nothing was signed before, so a busy node is asked again. */
  const build = async (owner: string, wanted: () => boolean) => {
    for (let times = 0; ; times += 1) {
      try {
        const order = await steps.order(owner);
        const { prepare } = await import('../wallet');
        const prepared =
          'prepared' in order
            ? order.prepared
            : await prepare(order.built, order.creates, order.shown);
        return { order, prepared };
      } catch (error) {
        const isBusy = error instanceof Refusal && error.code === 'chain_unavailable';
        const pause = BUSY[times];
        if (!isBusy || pause === undefined) throw error;
        await new Promise((resume) => window.setTimeout(resume, pause));
        if (!wanted()) throw error;
      }
    }
  };

  const prepare = async () => {
    const mine = ++turn;
    const account = connection.account();
    if (!account) return;
    setStage({ at: 'preparing' });
    try {
      const { order, prepared } = await build(account.address, () => mine === turn);
      if (mine === turn) setStage({ at: 'review', order, prepared });
    } catch (error) {
      if (mine !== turn) return;
      const isRefusal = error instanceof Refusal;
      const done = isRefusal ? await steps.earlier?.(error, account.address) : undefined;
      if (mine !== turn) return;
      if (done) setStage({ at: 'done', done, before: true });
      else fail(error, false);
    }
  };

  const sign = async () => {
    const current = stage();
    const [wallet, account] = [connection.wallet(), connection.account()];
    if (current.at !== 'review' || !wallet || !account) return;
    const mine = ++turn;
    const { order, prepared } = current;
    setStage({ at: 'signing', order, prepared });
    setLong(false);
    let timer: number | undefined;
    try {
      const { sign } = await import('../wallet');
      const send = await sign(wallet, account, prepared);
      if (mine !== turn) return;
      timer = window.setTimeout(() => setLong(true), LONG);
      setStage({ at: 'sending' });
      await send();
      if (mine !== turn) return;
      setStage({ at: 'mirroring' });
      const done = await whenArrived(order, () => mine === turn);
      if (done !== undefined && mine === turn) setStage({ at: 'done', done, before: false });
    } catch (error) {
      if (mine === turn) fail(error, stage().at === 'sending');
    } finally {
      window.clearTimeout(timer);
    }
  };

  /** Asks until the mirror has it, more seldom with time, and not while nobody looks. */
  const whenArrived = async (order: O, wanted: () => boolean): Promise<D | undefined> => {
    for (let pause = POLL; wanted(); pause = Math.min(pause * 1.3, SLOWEST)) {
      try {
        return await steps.arrived(order);
      } catch {
        await new Promise((resume) => window.setTimeout(resume, pause));
        await visible();
      }
    }
    return undefined;
  };

  return {
    stage,
    /** Whether the network takes longer than usual. */
    long,
    prepare,
    sign,
    /** Forgets everything. */
    reset: () => {
      turn += 1;
      setStage({ at: 'idle' });
    },
  };
}

/** Returns when the page is visible. */
function visible(): Promise<void> {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resume) => {
    const look = () => {
      if (document.hidden) return;
      document.removeEventListener('visibilitychange', look);
      resume();
    };
    document.addEventListener('visibilitychange', look);
  });
}
