/** A dialog that says what something does and costs, lets the wallet sign it, and watches it until it is done. */

import { createEffect, Match, on, onMount, Show, Switch, type JSX } from 'solid-js';

import { t } from '../i18n';
import { r } from '../i18n/run';
import { announce } from '../lib/announce';
import type { Connection } from '../lib/connection';
import { createFlow, type Stage } from '../lib/flow';
import type { Doing } from '../wallet/acting';
import { Failure, Skeleton } from './states';
import { Money } from './format';
import { Choose } from './wallets';

/** What somebody can do with a signature. */
export type Deed<D = unknown> = {
  readonly title: string;
  /** What it will do, in one sentence. */
  readonly sentence: string;
  readonly button: string;
  /** Lets the API build it, reads it and lets the node try it. */
  readonly prepare: (wallet: string) => Promise<Doing>;
  /** What the transaction says, from its own bytes and the node's trial. */
  readonly rows: (doing: Doing) => JSX.Element;
  /** What the mirror has of it; throws while it has nothing. */
  readonly arrived: () => Promise<D>;
  readonly done: string;
  readonly after?: (done: D) => JSX.Element;
};

export function Acting<D>(props: { deed: Deed<D>; connection: Connection; close: () => void }) {
  type Order = { readonly prepared: Doing };
  const flow = createFlow<{ done: D }, Order>(props.connection, {
    order: async (wallet) => ({ prepared: await props.deed.prepare(wallet) }),
    arrived: async () => ({ done: await props.deed.arrived() }),
  });
  const stage = flow.stage;
  type All = Stage<{ done: D }, Order>;
  const here = <A extends All['at']>(at: A) => {
    const current = stage();
    return current.at === at ? (current as Extract<All, { at: A }>) : undefined;
  };
  /** While it is on its way, closing would hide how it ends. */
  const isOnItsWay = () => ['signing', 'sending', 'mirroring'].includes(stage().at);
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
      (at) => {
        if (at === 'signing') announce(t().landing.signing(props.connection.wallet()?.name ?? ''));
        if (at === 'sending') announce(t().landing.sending);
        if (at === 'mirroring') announce(r().act.mirroring);
        if (at === 'done') announce(props.deed.done);
        // What had the focus is gone: Escape and Tab must still reach the dialog.
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
                {props.deed.rows(stage().prepared as Doing)}
                <Costs of={stage().prepared as Doing} />
              </dl>
            )}
          </Match>
          <Match when={here('sending')}>
            <p class="signing">{flow.long() ? t().landing.sendingLong : t().landing.sending}</p>
          </Match>
          <Match when={here('mirroring')}>
            <p class="signing">{flow.long() ? r().act.mirroringLong : r().act.mirroring}</p>
          </Match>
          <Match when={here('done')}>
            {(stage) => (
              <Show when={props.deed.after}>{(after) => after()(stage().done.done)}</Show>
            )}
          </Match>
          <Match when={here('problem')}>
            {(stage) => (
              <Failure
                error={stage().refusal}
                words={r().errors}
                again={() => void flow.prepare()}
              />
            )}
          </Match>
        </Switch>
        <Show when={here('signing')}>
          <p class="signing">{t().landing.signing(props.connection.wallet()?.name ?? '')}</p>
        </Show>
        <p class="actions">
          <Show when={here('review')}>
            <button type="button" class="button primary" onClick={() => void flow.sign()}>
              {props.deed.button}
            </button>
          </Show>
          <Show when={!isOnItsWay()}>
            <button type="button" class="button" onClick={() => dialog?.close()}>
              {here('done') ? r().act.close : r().act.cancel}
            </button>
          </Show>
        </p>
      </div>
    </dialog>
  );
}

/** What leaves the wallet besides what the act itself says. */
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
