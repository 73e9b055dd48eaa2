/** Connect, see what will be signed, sign, watch it, get the receipt. */

import { createEffect, For, Match, on, onCleanup, Show, Switch } from 'solid-js';

import { answer, api, type Campaign, type CodeInfo, type ConversionDetail } from '../api/client';
import { formatDuration } from '../format/time';
import { locale, t } from '../i18n';
import { announce, focusOn } from '../lib/announce';
import { createConnection } from '../lib/connection';
import { createFlow, type Order, type Stage } from '../lib/flow';
import type { LinkedOrder } from '../lib/order';
import { Address, Money, Unit, tokenOf } from '../ui/format';
import { Receipt } from '../ui/receipt';
import { Failure, Skeleton } from '../ui/states';
import { Choose, Connected, Costs } from '../ui/wallets';
import type { Part, Recorded } from '../wallet';
import type { Bought } from '../wallet/order';
import type { WithOrder } from './order';

/** The order of an invitation, and the page's parts for it. */
export type Ordering = { readonly order: LinkedOrder; readonly kit: WithOrder };
/** Most conversions of a wallet that are looked through for an order. */
const LOOKED_AT = 200;

export function Panel(props: {
  campaign: Campaign;
  code: CodeInfo;
  /** The referrer, as this page calls them. */
  who: string;
  /** Absent for a sign-up. */
  ordering?: Ordering | undefined;
  /** Tells whether somebody has begun, and wants to see the end of it. */
  engaged: (engaged: boolean) => void;
}) {
  const connection = createConnection((account) => {
    props.engaged(account !== undefined);
    if (account) void flow.prepare();
    else flow.reset();
  });
  type Signed = Order | Bought;
  const flow = createFlow<ConversionDetail, Signed>(connection, {
    order: async (referee) => {
      const { address: campaign } = props.campaign;
      const { code } = props.code;
      const { ordering } = props;
      if (ordering) return ordering.kit.prepare(ordering.order, props.campaign, code, referee);
      const body = { code, campaign, referee };
      const built = await answer(api.POST('/v1/transactions/convert', { body }));
      const shown = { act: 'convert', wallet: referee, campaign, code } as const;
      return { built, creates: built.conversion, shown };
    },
    earlier: async (refusal, referee) =>
      refusal.code === 'already_converted' ? receiptOf(referee) : undefined,
    arrived: (order) => detailOf('prepared' in order ? order.prepared.creates! : order.creates),
  });
  onCleanup(() => props.engaged(false));

  /** The conversion that this wallet has in the campaign, or for this order, if the mirror has it. */
  const receiptOf = async (referee: string): Promise<ConversionDetail | undefined> => {
    try {
      const wanted = props.ordering?.order.reference;
      const limit = wanted ? LOOKED_AT : 1;
      const query = { campaign: props.campaign.address, referee, limit };
      const { conversions } = await answer(api.GET('/v1/conversions', { params: { query } }));
      const found = conversions.find(({ reference }) => !wanted || reference === wanted);
      return found && (await detailOf(found.address));
    } catch {
      return undefined;
    }
  };
  const detailOf = (address: string) =>
    answer(api.GET('/v1/conversions/{address}', { params: { path: { address } } }));

  const isPaying = () => props.ordering && props.campaign.proof === 'payment';
  const stage = flow.stage;
  const step = () => (stage().at === 'done' ? 2 : connection.account() ? 1 : 0);
  const here = <A extends Stage<ConversionDetail, Signed>['at']>(at: A) => {
    const current = stage();
    return current.at === at ? (current as Extract<typeof current, { at: A }>) : undefined;
  };
  const asking = <A extends ReturnType<typeof connection.state>['at']>(at: A) => {
    const current = connection.state();
    return current.at === at ? (current as Extract<typeof current, { at: A }>) : undefined;
  };

  // The focus follows what the person has brought about, and waiting is told in words.
  let body: HTMLDivElement | undefined;
  createEffect(
    on(
      () => [connection.state().at, stage().at],
      () => {
        const waiting = waitingFor();
        if (waiting) announce(waiting);
        else queueMicrotask(() => focusOn(body?.querySelector('h2')));
      },
      { defer: true },
    ),
  );
  const waitingFor = (): string | undefined => {
    switch (stage().at) {
      case 'preparing':
        return t().landing.preparing;
      case 'signing':
        return t().landing.signing(connection.wallet()?.name ?? '');
      case 'sending':
        return t().landing.sending;
      case 'mirroring':
        return t().landing.mirroring;
      default: {
        const connecting = asking('connecting');
        return connecting && t().landing.connecting(connecting.wallet.name);
      }
    }
  };

  return (
    <>
      <ol class="steps">
        <For each={[t().landing.steps.connect, t().landing.steps.sign, t().landing.steps.done]}>
          {(name, index) => (
            <li
              classList={{ done: index() < step() || stage().at === 'done' }}
              aria-current={index() === step() ? 'step' : undefined}
            >
              {name}
            </li>
          )}
        </For>
      </ol>
      <div ref={body}>
        <Switch>
          <Match when={asking('start')}>
            <div class="stack">
              <h2>{t().landing.connectTitle}</h2>
              <p>{t().landing.connectText}</p>
              <button type="button" class="button primary full" onClick={() => connection.look()}>
                {t().landing.look}
              </button>
            </div>
          </Match>
          <Match when={asking('choose')}>
            <Choose connection={connection} />
          </Match>
          <Match when={asking('connecting')}>
            {(state) => <p class="signing">{t().landing.connecting(state().wallet.name)}</p>}
          </Match>
          <Match when={asking('failed')}>
            {(state) => <Failure error={state().refusal} again={() => connection.look()} />}
          </Match>
          <Match when={here('preparing')}>
            <div class="stack">
              <h2>{t().landing.signTitle}</h2>
              <Skeleton lines={5} height="2rem" />
            </div>
          </Match>
          <Match when={here('review') ?? here('signing')}>
            {(stage) => (
              <div class="stack">
                <h2>{t().landing.signTitle}</h2>
                <p>{t().landing.signText}</p>
                <dl class="rows">
                  <div>
                    <dt>{t().landing.records}</dt>
                    <dd>
                      <code>{props.code.code}</code>
                    </dd>
                  </div>
                  <Show when={props.ordering}>
                    {(ordering) =>
                      ordering().kit.Rows({
                        order: ordering().order,
                        bought: stage().order as Bought,
                        campaign: props.campaign,
                        who: props.who,
                      })
                    }
                  </Show>
                  <Show when={stage().prepared.trial?.recorded}>
                    {(recorded) => (
                      <Rewards
                        recorded={recorded()}
                        campaign={props.campaign}
                        who={props.who}
                        isSplit={(stage().order as Bought).payment?.isSplit ?? false}
                      />
                    )}
                  </Show>
                  <Costs
                    trial={stage().prepared.trial}
                    createsPlace={stage().prepared.inspected.createsPlace}
                    sum={props.ordering?.kit.Sum({
                      bought: stage().order as Bought,
                      campaign: props.campaign,
                    })}
                  />
                </dl>
                <Show
                  when={stage().at === 'review'}
                  fallback={
                    <p class="signing">{t().landing.signing(connection.wallet()?.name ?? '')}</p>
                  }
                >
                  <button
                    type="button"
                    class="button primary full"
                    onClick={() => void flow.sign()}
                  >
                    {isPaying() ? props.ordering!.kit.words().pay : t().landing.sign}
                  </button>
                </Show>
              </div>
            )}
          </Match>
          <Match when={here('sending')}>
            <p class="signing">{flow.long() ? t().landing.sendingLong : t().landing.sending}</p>
          </Match>
          <Match when={here('mirroring')}>
            <p class="signing">{flow.long() ? t().landing.mirroringLong : t().landing.mirroring}</p>
          </Match>
          <Match when={here('done')}>
            {(stage) => (
              <Receipt
                detail={stage().done}
                before={stage().before}
                campaign={props.campaign}
                who={props.who}
                order={props.ordering?.kit.words()}
              />
            )}
          </Match>
          <Match when={here('problem')}>
            {(stage) => (
              <Failure
                error={stage().refusal}
                words={props.ordering?.kit.words().errors ?? {}}
                again={() => void flow.prepare()}
              >
                <Show when={stage().refusal.code === 'too_little_sol' && connection.account()}>
                  {(account) => <Address address={account().address} />}
                </Show>
              </Failure>
            )}
          </Match>
        </Switch>
      </div>
      <Show when={connection.account()}>
        {(account) => <Connected address={account().address} leave={() => connection.leave()} />}
      </Show>
    </>
  );
}

/** The conversion that the program would record and pay, as the node's trial of this transaction shows it. */
function Rewards(props: {
  recorded: Recorded;
  campaign: Campaign;
  who: string;
  /** The parts are those of the payment, and were shown with it. */
  isSplit: boolean;
}) {
  const token = () => {
    const { mint, decimals } = props.recorded;
    // The name that the campaign gives its token is of the token that the program pays, or of none.
    const symbol = mint === props.campaign.mint ? (props.campaign.symbol ?? null) : null;
    return tokenOf({ mint, decimals, symbol });
  };
  const parts = (): [string, Part][] =>
    props.isSplit
      ? []
      : [
          [t().landing.paysYou, props.recorded.referee],
          [t().landing.pays(props.who), props.recorded.referrer],
          [t().landing.paysPartner, props.recorded.partner],
        ];
  const later = (part: Part) => {
    if (part.atOnce) return undefined;
    const hold = props.recorded.holdSeconds;
    return hold > 0 ? t().landing.later(formatDuration(hold, locale())) : t().landing.waits;
  };
  return (
    <>
      <For each={parts().filter(([, part]) => part.units > 0n)}>
        {([name, part]) => (
          <div>
            <dt>
              {name}
              <Show when={later(part)}>{(text) => <span class="small"> {text()}</span>}</Show>
            </dt>
            <dd>
              <Money units={part.units} token={token()} />
            </dd>
          </div>
        )}
      </For>
      <Show when={token().mint}>
        {(mint) => (
          <div>
            <dt>
              {t().landing.token} <Unit token={token()} />
            </dt>
            <dd>
              <Address address={mint()} />
            </dd>
            <dd class="note">{t().landing.tokenNote}</dd>
          </div>
        )}
      </Show>
    </>
  );
}
