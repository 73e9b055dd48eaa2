/** A dialog that says what something does and costs, lets the wallet sign it, and watches it until it is done. */

import { useBeforeLeave } from '@solidjs/router';
import { createEffect, Match, on, onCleanup, onMount, Show, Switch, type JSX } from 'solid-js';

import { t } from '../i18n';
import { r } from '../i18n/run';
import type { Connection } from '../lib/connection';
import { createFlow, type Stage } from '../lib/flow';
import type { Doing } from '../wallet/acting';
import { afterRefusal } from './after';
import { Failure, Skeleton } from './states';
import { Money } from './format';
import { Choose } from './wallets';

/** The transaction that was read and tried, and the facts that are shown of it. Nothing else is shown. */
export type Tried<S> = { readonly doing: Doing; readonly shown: Readonly<S> };

/** An action that somebody can sign. */
export type Deed<D = unknown, S = unknown> = {
  readonly title: string;
  /** Its effect, in one sentence. */
  readonly sentence: string;
  readonly button: string;
  /** Lets the API build it, reads it and lets the node try it. */
  readonly prepare: (wallet: string) => Promise<Tried<S>>;
  /** The transaction in words, from its own bytes and the node's trial. */
  readonly rows: (shown: Readonly<S>, doing: Doing) => JSX.Element;
  /** The result that the mirror has; throws while it has none. */
  readonly arrived: (shown: Readonly<S>) => Promise<D>;
  readonly done: string;
  readonly after?: (done: D) => JSX.Element;
  /** Whether doing it twice is another deed, so that nobody may sign again before it is clear what became of it. */
  readonly adds?: true;
};

export function Acting<D, S>(props: {
  deed: Deed<D, S>;
  connection: Connection;
  close: () => void;
}) {
  type Order = { readonly prepared: Doing; readonly shown: Readonly<S> };
  const flow = createFlow<{ done: D }, Order>(props.connection, {
    order: async (wallet) => {
      const { doing, shown } = await props.deed.prepare(wallet);
      return { prepared: doing, shown };
    },
    arrived: async ({ shown }) => ({ done: await props.deed.arrived(shown) }),
  });
  const stage = flow.stage;
  type All = Stage<{ done: D }, Order>;
  const here = <A extends All['at']>(at: A) => {
    const current = stage();
    return current.at === at ? (current as Extract<All, { at: A }>) : undefined;
  };
  /** While it is on its way, closing would hide how it ends. Once the network has confirmed it, it has ended. */
  const isOnItsWay = () => ['signing', 'sending'].includes(stage().at);
  const stay = (event: BeforeUnloadEvent) => {
    if (isOnItsWay()) event.preventDefault();
  };
  window.addEventListener('beforeunload', stay);
  onCleanup(() => window.removeEventListener('beforeunload', stay));
  useBeforeLeave((event) => {
    if (isOnItsWay()) event.preventDefault();
  });
  /** The text of the stage for a screen reader: outside of the dialog nothing is read. */
  const said = () =>
    ({
      idle: '',
      preparing: r().act.preparing,
      review: r().act.ready,
      signing: t().landing.signing(props.connection.wallet()?.name ?? ''),
      sending: flow.long() ? t().landing.sendingLong : t().landing.sending,
      mirroring: flow.long() ? r().act.mirroringLong : r().act.mirroring,
      done: props.deed.done,
      problem: '',
    })[stage().at];
  /** Whether it stands there for everybody, because nothing else does. */
  const isTold = () => isOnItsWay() || here('mirroring') !== undefined;
  let dialog: HTMLDialogElement | undefined;
  onMount(() => dialog?.showModal());
  createEffect(
    on(
      () => props.connection.account(),
      (account) => (account ? void flow.prepare() : flow.reset()),
    ),
  );
  createEffect(
    on(
      () => stage().at,
      () => {
        // The element with the focus is gone: Escape and Tab must still reach the dialog.
        queueMicrotask(() => {
          if (!dialog?.contains(document.activeElement)) dialog?.querySelector('h2')?.focus();
        });
      },
      { defer: true },
    ),
  );

  return (
    <dialog
      class="acting"
      ref={dialog}
      aria-labelledby="acting"
      // A browser lets a page refuse Escape once, but not twice, and not a swipe back.
      closedby={isOnItsWay() ? 'none' : 'closerequest'}
      onKeyDown={(event) => event.key === 'Escape' && isOnItsWay() && event.preventDefault()}
      onCancel={(event) => isOnItsWay() && event.preventDefault()}
      onClose={() => props.close()}
    >
      <div class="stack">
        <h2 id="acting" tabindex="-1">
          {here('done') ? props.deed.done : props.deed.title}
        </h2>
        <Show when={!here('done')}>
          <p>{props.deed.sentence}</p>
        </Show>
        <Switch>
          <Match when={!props.connection.account()}>
            <Show
              when={props.connection.state().at !== 'start'}
              fallback={
                <button
                  type="button"
                  class="button primary"
                  onClick={() => props.connection.look()}
                >
                  {t().landing.look}
                </button>
              }
            >
              <Choose connection={props.connection} />
            </Show>
          </Match>
          <Match when={here('idle') ?? here('preparing')}>
            <Skeleton lines={4} height="1.75rem" />
          </Match>
          <Match when={here('review') ?? here('signing')}>
            {(stage) => (
              <dl class="rows">
                {props.deed.rows(stage().order.shown, stage().order.prepared)}
                <Costs of={stage().order.prepared} />
              </dl>
            )}
          </Match>
          <Match when={here('done')}>
            {(stage) => (
              <Show when={props.deed.after}>{(after) => after()(stage().done.done)}</Show>
            )}
          </Match>
          <Match when={here('problem')}>
            {(stage) => {
              const after = () =>
                afterRefusal(stage().refusal.code, {
                  adds: props.deed.adds === true,
                  sent: stage().sent,
                });
              const again = () => (after().again ? { again: () => void flow.prepare() } : {});
              return <Failure error={stage().refusal} words={after().words} {...again()} />;
            }}
          </Match>
        </Switch>
        <p role="status" classList={{ signing: isTold(), hidden: !isTold() }}>
          {said()}
        </p>
        <p class="actions">
          <Show when={here('review')}>
            <button type="button" class="button primary" onClick={() => void flow.sign()}>
              {props.deed.button}
            </button>
          </Show>
          <Show when={!isOnItsWay()}>
            <button type="button" class="button" onClick={() => dialog?.close()}>
              {(here('done') ?? here('mirroring')) ? r().act.close : r().act.cancel}
            </button>
          </Show>
        </p>
      </div>
    </dialog>
  );
}

/** The fee and the deposit, which leave the wallet besides the amounts of the act itself. */
function Costs(props: { of: Doing }) {
  const cost = () => props.of.trial!.cost;
  const Sol = (of: { lamports: bigint }) => (
    <Money units={of.lamports} token={{ decimals: 9, symbol: t().common.sol }} />
  );
  return (
    <>
      <div>
        <dt>{t().landing.fee}</dt>
        <dd>
          <Sol lamports={cost().fee} />
        </dd>
      </div>
      <Show when={cost().deposit > 0n}>
        <div>
          <dt>{t().landing.deposit}</dt>
          <dd>
            <Sol lamports={cost().deposit} />
          </dd>
          <dd class="note">{r().act.deposit}</dd>
        </div>
        <div>
          <dt>
            <strong>{t().landing.costs}</strong>
          </dt>
          <dd>
            <strong>
              <Sol lamports={cost().fee + cost().deposit} />
            </strong>
          </dd>
        </div>
      </Show>
    </>
  );
}
