/** Changes a campaign's settings: what they are, what they will be, and from when on. */

import { createEffect, createSignal, For, on, onCleanup, Show } from 'solid-js';
import { createStore, unwrap } from 'solid-js/store';

import { Proof } from '@vouch/client/generated/types/proof.js';
import type { Settings } from '@vouch/client/generated/types/settings.js';

import { answer, api, Refusal, type Campaign } from '../../api/client';
import type { components } from '../../api/schema';
import type { Token } from '../../format/money';
import { formatTime } from '../../format/time';
import { locale, t } from '../../i18n';
import { c } from '../../i18n/console';
import { r } from '../../i18n/run';
import { now } from '../../lib/clock';
import type { Deed } from '../../ui/act';
import { short } from '../../ui/format';
import { Failure, Skeleton } from '../../ui/states';
import type { Standing } from '../../wallet/acting';
import type { SignedIn } from '../me/gate';
import {
  changed,
  changedStill,
  changeOf,
  EMPTY,
  PROOFS,
  restarts,
  typed,
  type Faults,
  type Field,
  type Terms,
  type Tokens,
} from './draft';
import { LimitFields, MoreFields, RewardFields, type Form } from './fields';
import { Pays } from './preview';
import { asTerms, differences, evenInCuts, rowsOf } from './terms';

type Answer = components['schemas']['UpdateCampaignAnswer'];
/** Milliseconds without typing before the API is asked. */
const PAUSE = 600;
/** The API's warning that an announced cut waits anew, which the page derives from the chain. */
const RESTARTS = 'announced_cut_restarts';

/** A campaign as the form began with it, and its tokens. */
type Base = Standing & {
  readonly token: Token;
  readonly payment: Token;
  readonly tokens: Tokens;
};

/** The parts of a change that are shown before it is signed. */
type Reviewed = {
  readonly rows: ReturnType<typeof differences>;
  /** Unix seconds from which it holds; 0 for at once. */
  readonly from: bigint;
  readonly restarts: boolean;
  readonly warnings: Answer['warnings'];
  /** The terms as the API has them before. */
  readonly before: string;
  readonly proof: Proof;
  /** Whether the credential that it asks for can exist. */
  readonly isGateKnown: boolean;
};

export function Change(props: {
  campaign: Campaign;
  signed: SignedIn;
  act: <D, S>(deed: Deed<D, S>) => void;
  read: () => Promise<Campaign>;
}) {
  const [base, setBase] = createSignal<Base>();
  const [failure, setFailure] = createSignal<unknown>();
  const [draft, set] = createStore<Terms>({ ...EMPTY });
  const [faults, setFaults] = createSignal<Faults>(new Map());
  const isPaid = () => base()?.campaign.data.proof === Proof.Payment;

  /** The campaign and its tokens, by the node's word. */
  const read = async (wallet: string): Promise<Base> => {
    const { paymentToken, rewardToken, standing } = await import('../../wallet/acting');
    const found = await standing(props.campaign.address, props.campaign, wallet);
    const token = rewardToken(found.campaign, props.campaign.symbol);
    const payment = await paymentToken(found.campaign, props.campaign.symbol);
    const tokens = { reward: token.decimals, payment: payment.decimals };
    return { ...found, token, payment, tokens };
  };
  const load = async () => {
    setFailure(undefined);
    try {
      const found = await read(props.signed.session.wallet);
      set(typed(found.settings, found.tokens));
      setFaults(new Map());
      setBase(found);
    } catch (error) {
      setFailure(error);
    }
  };
  void load();

  const meaning = () => {
    const current = base();
    return current && changed(draft, current.settings, current.tokens, current.campaign.data.proof);
  };
  const change = () => {
    const [found, current] = [meaning(), base()];
    if (!found || !current || !('settings' in found)) return undefined;
    const settings = changeOf(found.settings, current.settings);
    return Object.keys(settings).length > 0 ? settings : undefined;
  };
  /** Whether nothing is changed. With a fault, the button stays, and says what is wrong. */
  const isSame = () => {
    const found = meaning();
    return found !== undefined && 'settings' in found && !change();
  };

  // The API's preview of the change: its payments, and whether it is a cut.
  const [preview, setPreview] = createSignal<Answer>();
  const [refusal, setRefusal] = createSignal<unknown>();
  createEffect(
    on(
      () => JSON.stringify(change()),
      (key) => {
        setPreview(undefined);
        setRefusal(undefined);
        if (!key) return;
        const stop = new AbortController();
        const timer = window.setTimeout(async () => {
          try {
            const body = { campaign: props.campaign.address, settings: JSON.parse(key) };
            const url = '/v1/transactions/update-campaign';
            const found = await answer(api.POST(url, { body, signal: stop.signal }));
            if (!stop.signal.aborted) setPreview(found);
          } catch (error) {
            if (!stop.signal.aborted) setRefusal(error);
          }
        }, PAUSE);
        onCleanup(() => {
          window.clearTimeout(timer);
          stop.abort();
        });
      },
    ),
  );

  const when = (unix: bigint) => formatTime(Number(unix) * 1000, now(), locale(), t().common.on);

  const review = (from: Base): Deed<void, Reviewed> => {
    const asked = structuredClone(unwrap(draft));
    return {
      title: r().manage.settingsTitle,
      sentence: r().manage.settingsText,
      button: r().manage.change,
      done: r().manage.changedSettings,
      prepare: async (wallet) => {
        const { inForceFrom, isGateKnown, prepareAct } = await import('../../wallet/acting');
        const fresh = await read(wallet);
        const { campaign, settings: old, tokens, token, payment } = fresh;
        const { data } = campaign;
        const found = changedStill(asked, from.settings, old, tokens, data.proof);
        if (!found) {
          void load();
          throw new Refusal('settings_moved', undefined);
        }
        if (!('settings' in found)) throw new Error('it was checked before');
        const { settings } = found;
        const before = textOf(props.campaign);
        const body = { campaign: campaign.address, settings: changeOf(settings, old) };
        const built = await answer(api.POST('/v1/transactions/update-campaign', { body }));
        const act = { act: 'settings', campaign: campaign.address, settings } as const;
        const doing = await prepareAct(built, act, wallet, { watched: [campaign.address] });
        const rows = (of: Settings) => rowsOf(token, payment, asTerms(of, data.noticeSeconds));
        const holds = inForceFrom(doing.after[0]);
        const shown: Reviewed = {
          rows: differences(rows(old), rows(settings)),
          from: holds,
          restarts: restarts(data.nextFrom, holds, fresh.now),
          warnings: built.warnings.filter(({ code }) => code !== RESTARTS),
          before,
          proof: data.proof,
          isGateKnown: await isGateKnown(settings),
        };
        return { doing, shown };
      },
      rows: ({ rows, from, restarts, warnings, proof, isGateKnown }) => (
        <>
          <For each={rows}>
            {([name, before, after]) => (
              <div>
                <dt>{name}</dt>
                <dd class="change">
                  <del>{before}</del> <span aria-hidden="true">→</span> <ins>{after}</ins>
                </dd>
                <Show when={from > 0n && evenInCuts().includes(name)}>
                  <dd class="note">{r().manage.evenNow}</dd>
                </Show>
              </div>
            )}
          </For>
          <div>
            <dt>{r().open.proves}</dt>
            <dd>{r().open.proofOf[PROOFS[proof]]}</dd>
            <dd class="note">{r().manage.proofStays}</dd>
          </div>
          <Show when={!isGateKnown}>
            <div>
              <dt>{c().terms.credential}</dt>
              <dd class="note">{r().open.gateUnknown}</dd>
            </div>
          </Show>
          <div>
            <dt>{from > 0n ? r().manage.cut : r().manage.from}</dt>
            <dd>{from > 0n ? when(from) : r().manage.atOnce}</dd>
            <Show when={from > 0n}>
              <dd class="note">{r().manage.cutNote}</dd>
            </Show>
            <Show when={restarts}>
              <dd class="note">{r().warnings[RESTARTS]}</dd>
            </Show>
            <For each={warnings}>
              {({ code, message }) => <dd class="note">{r().warnings[code] ?? message}</dd>}
            </For>
          </div>
        </>
      ),
      arrived: async ({ before }) => {
        if (textOf(await props.read()) === before) throw new Error('not yet');
        void load();
      },
    };
  };
  /** The API's terms as text, to be compared with those from when the form was opened. */
  const textOf = ({ reward, rules, ends_at, announced }: Campaign) =>
    JSON.stringify([reward, rules && { ...rules, committed: '', owed: '' }, ends_at, announced]);

  const form: Form<Terms> = {
    get draft() {
      return draft;
    },
    set: (name, value) => {
      set(name, value as never);
      setFaults((shown) => new Map([...shown].filter(([field]) => field !== (name as Field))));
    },
    get faults() {
      return faults();
    },
  };
  const symbol = () => base()?.token.symbol ?? t().common.tokens;

  return (
    <form
      class="panel-form sheet card"
      novalidate
      onSubmit={(event) => {
        event.preventDefault();
        const found = meaning();
        if (!found) return;
        if ('faults' in found) setFaults(found.faults);
        else if (change()) props.act(review(base()!));
      }}
    >
      <h3>{r().manage.settingsTitle}</h3>
      <p>{r().manage.settingsLead}</p>
      <Show when={failure()}>
        {(error) => <Failure error={error()} words={r().errors} again={() => void load()} />}
      </Show>
      <Show
        when={base()}
        fallback={<Show when={!failure()}>{<Skeleton lines={4} height="3rem" />}</Show>}
      >
        {(base) => (
          <>
            <Show when={base().campaign.data.nextFrom > base().now}>
              <p class="notice">{r().manage.announcedBase}</p>
            </Show>
            <RewardFields
              form={form}
              prefix="change"
              isPaid={isPaid()}
              symbol={symbol()}
              payment={base().payment.symbol ?? short(base().payment.mint ?? '')}
              leastHint={r().open.leastAny}
              maxHint={r().open.maxKept}
            />
            <LimitFields form={form} prefix="change" symbol={symbol()} />
            <MoreFields
              form={form}
              prefix="change"
              perOwner={base().campaign.data.perOwner}
              attestorHint={r().open.attestorKept}
            />
            <Show when={refusal()}>
              {(error) => <Failure error={error()} words={r().errors} />}
            </Show>
            <Show when={preview()}>
              {(preview) => (
                <div class="stack">
                  <p class="notice">
                    <strong>{preview().is_cut ? r().manage.cut : r().manage.from}</strong>{' '}
                    {preview().is_cut && preview().in_force_from
                      ? `${when(BigInt(Math.floor(Date.parse(preview().in_force_from!) / 1000)))}. ${r().manage.cutNote}`
                      : r().manage.atOnce}
                    <Show when={preview().is_cut && change()?.budget !== undefined}>
                      {' '}
                      {r().manage.budgetNow}
                    </Show>
                  </p>
                  <Pays
                    preview={preview().preview}
                    warnings={preview().warnings}
                    symbol={base().token.symbol}
                    isSol={!base().token.mint}
                  />
                </div>
              )}
            </Show>
            <p class="actions">
              <button class="button primary" aria-disabled={isSame()}>
                {r().manage.settingsButton}
              </button>
            </p>
            <Show when={isSame()}>
              <p class="small">{r().manage.nothing}</p>
            </Show>
          </>
        )}
      </Show>
    </form>
  );
}
