/** The payments of a conversion, by the API's own reckoning, while somebody types. */

import { createEffect, createSignal, For, Match, on, onCleanup, Show, Switch } from 'solid-js';

import { answer, api, Refusal } from '../../api/client';
import type { components } from '../../api/schema';
import { locale, t } from '../../i18n';
import { r } from '../../i18n/run';
import { SOL_MINT } from '../../lib/site';
import { Money, moneyText, tokenOf } from '../../ui/format';
import { Failure } from '../../ui/states';
import { Text } from './fields';
import type { OpenBody } from './new';

type Answer = components['schemas']['CreateCampaignAnswer'];
/** Milliseconds without typing before the API is asked. */
const PAUSE = 600;
/** Milliseconds after a refusal because it was asked too often. */
const REFUSED = 5000;

export function Preview(props: {
  /** The request; `undefined` while something is missing. */
  asked: () => OpenBody | undefined;
  symbol: string | null;
  isSol: boolean;
  isPaid: boolean;
  payment: string;
  example: string;
  setExample: (value: string) => void;
}) {
  const [found, setFound] = createSignal<Answer>();
  const [failure, setFailure] = createSignal<Refusal>();
  const [reading, setReading] = createSignal(false);
  const key = () => {
    const body = props.asked();
    return body && JSON.stringify(body);
  };
  createEffect(
    on(key, (key) => {
      if (!key) {
        setFound(undefined);
        setFailure(undefined);
        setReading(false);
        return;
      }
      const stop = new AbortController();
      setReading(true);
      const ask = async () => {
        try {
          const body = JSON.parse(key) as OpenBody;
          const url = '/v1/transactions/create-campaign';
          const answered = await answer(api.POST(url, { body, signal: stop.signal }));
          if (stop.signal.aborted) return;
          setFound(answered);
          setFailure(undefined);
        } catch (error) {
          if (stop.signal.aborted) return;
          const refusal = error instanceof Refusal ? error : new Refusal('unexpected', undefined);
          // Somebody who types fast has done nothing wrong: what is shown stays until it may ask again.
          if (refusal.code === 'too_many_requests') {
            timer = window.setTimeout(ask, REFUSED);
            return;
          }
          setFound(undefined);
          setFailure(refusal);
        }
        setReading(false);
      };
      let timer = window.setTimeout(ask, PAUSE);
      onCleanup(() => {
        window.clearTimeout(timer);
        stop.abort();
      });
    }),
  );
  return (
    <aside class="preview sheet lifted card" aria-labelledby="preview" aria-busy={reading()}>
      <h2 id="preview">{r().open.preview.title}</h2>
      <Show when={props.isPaid}>
        <Text
          id="new-example"
          label={r().open.preview.example}
          value={props.example}
          set={props.setExample}
          unit={props.payment}
          numeric
        />
      </Show>
      <Switch fallback={<p class="small">{r().open.preview.waiting}</p>}>
        <Match when={failure()}>
          {(failure) => <Failure error={failure()} words={r().errors} />}
        </Match>
        <Match when={found()}>
          {(found) => (
            <Pays
              preview={found().preview}
              warnings={found().warnings}
              cost={found().cost}
              symbol={props.symbol}
              isSol={props.isSol}
            />
          )}
        </Match>
        <Match when={reading()}>
          <p class="small">{r().open.preview.reading}</p>
        </Match>
      </Switch>
    </aside>
  );
}

/** The table of what conversions pay, what self-referral nets, warnings, and the cost. */
export function Pays(props: {
  preview: Answer['preview'];
  warnings: Answer['warnings'];
  cost?: Answer['cost'];
  symbol: string | null;
  isSol: boolean;
}) {
  const token = () =>
    tokenOf({
      mint: props.isSol ? SOL_MINT : (props.preview.mint ?? SOL_MINT),
      decimals: props.preview.decimals,
      symbol: props.symbol,
    });
  const number = (units: string) => new Intl.NumberFormat(locale()).format(BigInt(units));
  const isGain = () => BigInt(props.preview.self_referral.units) > 0n;
  const sol = () => ({ decimals: 9, symbol: t().common.sol });
  return (
    <>
      <table class="pays-table">
        <caption class="hidden">{r().open.preview.title}</caption>
        <thead>
          <tr>
            <th scope="col">{r().open.preview.conversion}</th>
            <th scope="col" class="right">
              {r().open.preview.referrer}
            </th>
            <th scope="col" class="right">
              {r().open.preview.referee}
            </th>
          </tr>
        </thead>
        <tbody>
          <For each={props.preview.conversions}>
            {(one) => (
              <tr>
                <th scope="row">{number(one.number)}</th>
                <td class="right">
                  <Money units={one.referrer.units} token={token()} />
                </td>
                <td class="right">
                  <Money units={one.referee.units} token={token()} />
                </td>
              </tr>
            )}
          </For>
        </tbody>
      </table>
      <p class="self" classList={{ gain: isGain() }}>
        <Show when={isGain()} fallback={r().open.preview.selfNone}>
          {r().open.preview.self}{' '}
          <strong>{moneyText(props.preview.self_referral.units, token())}</strong>{' '}
          {r().open.preview.selfText}
        </Show>
      </p>
      <For each={props.warnings.filter(({ code }) => code !== 'self_referral_pays')}>
        {({ code, message }) => <p class="notice">{r().warnings[code] ?? message}</p>}
      </For>
      <Show when={props.cost}>
        {(cost) => (
          <dl class="rows">
            <div>
              <dt>{r().open.preview.cost}</dt>
              <dd>
                <Money units={BigInt(cost().fee) + BigInt(cost().rent)} token={sol()} />
              </dd>
              <dd class="note">{r().open.preview.costText}</dd>
            </div>
          </dl>
        )}
      </Show>
    </>
  );
}
