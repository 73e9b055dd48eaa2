/** Changes a campaign's settings: what they are, what they will be, and from when on. */

import { createEffect, createSignal, For, on, onCleanup, Show } from 'solid-js';
import { createStore, unwrap } from 'solid-js/store';

import { answer, api, type Campaign } from '../../api/client';
import type { components } from '../../api/schema';
import { formatTime } from '../../format/time';
import { locale, t } from '../../i18n';
import { r } from '../../i18n/run';
import { now } from '../../lib/clock';
import type { Deed } from '../../ui/act';
import { tokenOf } from '../../ui/format';
import { Failure, Skeleton } from '../../ui/states';
import type { Standing } from '../../wallet/acting';
import type { SignedIn } from '../me/gate';
import { changed, changeOf, EMPTY, typed, type Faults, type Field, type Terms } from './draft';
import { LimitFields, RewardFields, type Form } from './fields';
import { Pays } from './preview';
import { asTerms, differences, rowsOf } from './terms';

type Answer = components['schemas']['UpdateCampaignAnswer'];
/** Milliseconds without typing before the API is asked. */
const PAUSE = 600;
const SOL_DECIMALS = 9;

export function Change(props: {
  campaign: Campaign;
  signed: SignedIn;
  act: <D>(deed: Deed<D>) => void;
  read: () => Promise<Campaign>;
}) {
  const [base, setBase] = createSignal<Standing>();
  const [failure, setFailure] = createSignal<unknown>();
  const [draft, set] = createStore<Terms>({ ...EMPTY });
  const [faults, setFaults] = createSignal<Faults>(new Map());
  const tokens = () => ({ reward: props.campaign.mint_decimals, payment: paymentDecimals() });
  /** Payments in a token of their own are typed in its base units: nobody has told its decimals. */
  const paymentDecimals = () => {
    const { payment_mint, mint, mint_decimals } = props.campaign;
    if (payment_mint === mint) return mint_decimals;
    return tokenOf({ mint: payment_mint ?? '', decimals: SOL_DECIMALS }).symbol ? SOL_DECIMALS : 0;
  };
  const isPaid = () => props.campaign.proof === 'payment';

  const load = async () => {
    setFailure(undefined);
    try {
      const { standing } = await import('../../wallet/acting');
      const found = await standing(
        props.campaign.address,
        props.campaign,
        props.signed.session.wallet,
      );
      set(typed(found.settings, tokens()));
      setBase(found);
    } catch (error) {
      setFailure(error);
    }
  };
  void load();

  const meaning = () => {
    const current = base();
    return current && changed(draft, current.settings, tokens());
  };
  const change = () => {
    const [found, current] = [meaning(), base()];
    if (!found || !current || !('settings' in found)) return undefined;
    const settings = changeOf(found.settings, current.settings);
    return Object.keys(settings).length > 0 ? settings : undefined;
  };

  // What it will pay, and whether it is a cut, by the API's reckoning.
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

  const token = () => tokenOf(props.campaign);
  const rowsFor = (settings: Standing['settings'], notice: number) =>
    rowsOf(props.campaign, asTerms(settings, notice));
  const when = (unix: bigint) => formatTime(Number(unix) * 1000, now(), locale(), t().common.on);

  const review = (): Deed | undefined => {
    const asked = structuredClone(unwrap(draft));
    let rows: ReturnType<typeof differences> = [];
    let from = 0n;
    return {
      title: r().manage.settingsTitle,
      sentence: r().manage.settingsText,
      button: r().manage.change,
      done: r().manage.changedSettings,
      prepare: async (wallet) => {
        const acting = await import('../../wallet/acting');
        // As it stands now: somebody may have changed it meanwhile.
        const standing = await acting.standing(props.campaign.address, props.campaign, wallet);
        const { campaign, settings: old } = standing;
        before = textOf(props.campaign);
        const found = changed(asked, old, tokens());
        if (!('settings' in found)) throw new Error('it was checked before');
        const { settings } = found;
        const body = { campaign: campaign.address, settings: changeOf(settings, old) };
        const built = await answer(api.POST('/v1/transactions/update-campaign', { body }));
        const act = { act: 'settings', campaign: campaign.address, settings } as const;
        const doing = await acting.prepareAct(built, act, wallet, { watched: [campaign.address] });
        const notice = campaign.data.noticeSeconds;
        rows = differences(rowsFor(old, notice), rowsFor(settings, notice));
        from = acting.inForceFrom(doing.after[0]);
        return doing;
      },
      rows: () => (
        <>
          <For each={rows}>
            {([name, before, after]) => (
              <div>
                <dt>{name}</dt>
                <dd class="change">
                  <del>{before}</del> <span aria-hidden="true">→</span> <ins>{after}</ins>
                </dd>
              </div>
            )}
          </For>
          <div>
            <dt>{from > 0n ? r().manage.cut : r().manage.from}</dt>
            <dd>{from > 0n ? when(from) : r().manage.atOnce}</dd>
            <Show when={from > 0n}>
              <dd class="note">{r().manage.cutNote}</dd>
            </Show>
          </div>
        </>
      ),
      arrived: async () => {
        if (textOf(await props.read()) === before) throw new Error('not yet');
        void load();
      },
    };
  };
  /** What the API had of the terms when the form was opened. */
  const textOf = ({ reward, rules, ends_at, announced }: Campaign) =>
    JSON.stringify([reward, rules && { ...rules, committed: '', owed: '' }, ends_at, announced]);
  let before = textOf(props.campaign);

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
  const symbol = () => token().symbol ?? t().common.tokens;

  return (
    <form
      class="panel-form sheet card"
      novalidate
      onSubmit={(event) => {
        event.preventDefault();
        const found = meaning();
        if (!found) return;
        if ('faults' in found) setFaults(found.faults);
        else if (change()) props.act(review()!);
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
              payment={isPaid() && paymentDecimals() === SOL_DECIMALS ? t().common.sol : ''}
            />
            <LimitFields form={form} prefix="change" symbol={symbol()} />
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
                  </p>
                  <Pays
                    preview={preview().preview}
                    warnings={preview().warnings}
                    symbol={token().symbol}
                    isSol={!token().mint}
                  />
                </div>
              )}
            </Show>
            <p class="actions">
              <button class="button primary" aria-disabled={!change()}>
                {r().manage.settingsButton}
              </button>
            </p>
            <Show when={!change()}>
              <p class="small">{r().manage.nothing}</p>
            </Show>
          </>
        )}
      </Show>
    </form>
  );
}
