/** The receipt after a signature: the gain, the record, and its page. */

import { A } from '@solidjs/router';
import { createSignal, Match, Show, Switch } from 'solid-js';

import type { Campaign, ConversionDetail } from '../api/client';
import { formatUnits } from '../format/money';
import { locale, t } from '../i18n';
import { now } from '../lib/clock';
import { ConversionStatus, Copy, moneyText, tokenOf, Unit, when } from './format';

export function Receipt(props: {
  detail: ConversionDetail;
  /** It was there before this visit. */
  before: boolean;
  campaign: Campaign;
  who: string;
  /** The words for an order; absent for a sign-up. */
  order?: { readonly already: [string, string]; readonly saved: string } | undefined;
}) {
  const conversion = () => props.detail.conversion;
  const token = () => tokenOf(props.campaign);
  const due = () => Date.parse(conversion().claimable_from ?? '');
  const amount = (part: 'referrer' | 'referee') => moneyText(conversion().rewards[part], token());
  /** The gain of the person who reads this comes first. */
  const isOwn = () => conversion().rewards.referee !== '0';
  const wasPaid = (part: string) =>
    props.detail.outcomes.some((outcome) => outcome.kind === 'part_paid' && outcome.part === part);
  const before = () =>
    props.order?.already ?? ([t().landing.already, t().landing.alreadyText] as const);
  /** The own part was taken off the price. */
  const saved = () =>
    isOwn() && props.campaign.funding === 'payment_split' ? props.order?.saved : undefined;
  const page = () => new URL(`/conversion/${conversion().address}`, location.href).href;
  return (
    <div class="stack">
      <h2>{props.before ? before()[0] : t().landing.doneTitle}</h2>
      <Show when={props.before}>
        <p>{before()[1]}</p>
      </Show>
      <div class="receipt">
        <p class="sum">
          <CountUp
            units={isOwn() ? conversion().rewards.referee : conversion().rewards.referrer}
            decimals={token().decimals}
            still={props.before || conversion().status === 'cancelled'}
          />{' '}
          <Unit token={token()} />
        </p>
        <Switch>
          <Match when={conversion().status === 'cancelled'}>
            <p>{t().landing.doneCancelled}</p>
          </Match>
          <Match when={conversion().status === 'lapsed'}>
            <p>{t().landing.doneLapsed}</p>
          </Match>
          <Match when={conversion().status === 'pending' && due() > now()}>
            <p>
              {saved() ??
                (isOwn()
                  ? t().landing.youHeld(when(due()))
                  : t().landing.doneHeld(props.who, when(due())))}
            </p>
            <Show when={isOwn()}>
              <p>{t().landing.alsoHeld(props.who, amount('referrer'))}</p>
            </Show>
          </Match>
          <Match when={isOwn()}>
            <p>{saved() ?? (wasPaid('referee') ? t().landing.youPaid : t().landing.youOwed)}</p>
            <Show when={conversion().rewards.referrer !== '0'}>
              <p>
                {wasPaid('referrer')
                  ? t().landing.alsoPaid(props.who, amount('referrer'))
                  : t().landing.alsoOwed(props.who, amount('referrer'))}
              </p>
            </Show>
          </Match>
          <Match when={true}>
            <p>
              {wasPaid('referrer')
                ? t().landing.donePaid(props.who)
                : t().landing.doneOwed(props.who)}
            </p>
          </Match>
        </Switch>
        <p>
          <ConversionStatus status={conversion().status} />
        </p>
      </div>
      <A class="button full" href={`/conversion/${conversion().address}`}>
        {t().landing.receipt}
      </A>
      <Copy text={page()} class="button quiet full">
        {t().landing.copyReceipt}
      </Copy>
    </div>
  );
}

/** Milliseconds in which a figure counts up. */
const COUNT = 600;

/** Counts up to the amount, once. */
function CountUp(props: { units: string; decimals: number; still: boolean }) {
  const whole = () => BigInt(props.units);
  const still = props.still || matchMedia('(prefers-reduced-motion: reduce)').matches;
  const [shown, setShown] = createSignal(still ? whole() : 0n);
  if (!still) {
    const began = performance.now();
    const frame = (at: number) => {
      const part = Math.min(Math.max((at - began) / COUNT, 0), 1);
      const eased = BigInt(Math.round((1 - (1 - part) ** 3) * 1000));
      // Whole tokens on the way; the exact amount at the end.
      const scale = 10n ** BigInt(props.decimals);
      setShown(part === 1 ? whole() : ((whole() * eased) / 1000n / scale) * scale);
      if (part < 1) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }
  return (
    <>
      <span class="num" aria-hidden="true">
        {formatUnits(shown(), props.decimals, locale())}
      </span>
      <span class="hidden">{formatUnits(whole(), props.decimals, locale())}</span>
    </>
  );
}
