/** `/conversion/{address}`: who came through which code, what was paid, and how to check it. */

import { A, useParams } from '@solidjs/router';
import { createResource, For, Show, type JSX } from 'solid-js';

import { answer, api, type Campaign, type ConversionDetail } from '../api/client';
import { locale, t } from '../i18n';
import { useConversion, v } from '../i18n/conversion';
import { now } from '../lib/clock';
import { createNames } from '../lib/names';
import { poll } from '../lib/poll';
import { explorer } from '../lib/site';
import {
  Address,
  ConversionStatus,
  Copy,
  Money,
  moneyText,
  short,
  Time,
  tokenOf,
  when,
  Who,
} from '../ui/format';
import { Title } from '../ui/frame';
import { Failure, Skeleton } from '../ui/states';
import '../lib/palette';

const PARTS = ['referrer', 'referee', 'partner'] as const;

export default function ConversionPage() {
  const [words] = createResource(locale, async (language) => {
    await useConversion(language);
    return true;
  });
  return (
    <Show when={words.latest}>
      <Conversion />
    </Show>
  );
}

function Conversion() {
  const params = useParams<{ address: string }>();
  const found = poll(
    () => params.address,
    async (address, signal) => {
      const path = { path: { address } };
      return answer(api.GET('/v1/conversions/{address}', { params: path, signal }));
    },
    3000,
  );
  const campaign = poll(
    () => found.data()?.conversion.campaign,
    (address, signal) =>
      answer(api.GET('/v1/campaigns/{address}', { params: { path: { address } }, signal })),
    0,
  );
  return (
    <div>
      <Title of={v().title} />
      <Show
        when={found.data()}
        fallback={
          <>
            <h1 class="hidden">{v().title}</h1>
            <Show when={found.error()} fallback={<Skeleton lines={6} height="2.5rem" />}>
              {(error) => <Failure error={error()} again={found.again} />}
            </Show>
          </>
        }
      >
        {(detail) => (
          <Show when={campaign.data()} fallback={<Skeleton lines={6} height="2.5rem" />}>
            {(campaign) => <Record detail={detail()} campaign={campaign()} />}
          </Show>
        )}
      </Show>
    </div>
  );
}

function Record(props: { detail: ConversionDetail; campaign: Campaign }) {
  const conversion = () => props.detail.conversion;
  const names = createNames(() => [conversion().referrer]);
  const token = () => tokenOf(props.campaign);
  const due = () => Date.parse(conversion().claimable_from ?? '');
  const held = () => conversion().claimable_from !== conversion().converted_at;
  const isOver = () => due() <= now();
  const verdict = () => {
    const { referee, code, status } = conversion();
    const who = short(referee);
    if (status === 'paid') return v().verdictPaid(who, code);
    if (status === 'cancelled') return v().verdictCancelled(who, code);
    if (status === 'lapsed') return v().verdictLapsed(who, code);
    if (isOver()) return v().verdictOwed(who, code);
    return v().verdictPending(who, code, when(due()));
  };
  const wallet = (part: (typeof PARTS)[number]) =>
    part === 'partner' ? conversion().partner : conversion()[part];
  const shown = () =>
    PARTS.filter((part) => part !== 'partner' || conversion().rewards.partner !== '0');

  return (
    <article class="record">
      <header>
        <p class="by">
          <A href={`/c/${props.campaign.address}?ref=${conversion().code}`}>
            {props.campaign.name ?? t().home.unnamed}
          </A>
          <ConversionStatus status={conversion().status} />
        </p>
        <h1 class="verdict">{verdict()}</h1>
        <p class="doors">
          <Copy text={location.href}>{v().copyLink}</Copy>
          <Show when={'share' in navigator}>
            <button type="button" class="button" onClick={() => void share(verdict())}>
              {v().share}
            </button>
          </Show>
        </p>
      </header>

      <div class="sheet lifted parts">
        <For each={shown()}>
          {(part) => (
            <div>
              <span class="label">{v()[part]}</span>
              <Money units={conversion().rewards[part]} token={token()} />
              <Show when={wallet(part)}>
                {(address) => (
                  <span>
                    <Show when={part !== 'referee' && names(address())}>
                      {(name) => (
                        <>
                          <Who wallet={address()} name={name()} />{' '}
                        </>
                      )}
                    </Show>
                    <Address address={address()} />
                  </span>
                )}
              </Show>
            </div>
          )}
        </For>
      </div>

      <section class="when" aria-labelledby="timeline">
        <h2 id="timeline">{v().timeline}</h2>
        <ol class="timeline">
          <Step
            title={v().converted}
            at={conversion().converted_at}
            signature={conversion().signature}
            commitment={conversion().commitment}
          >
            {v().convertedText(v().actions[conversion().action] ?? conversion().action)}
          </Step>
          <Show
            when={held() && (conversion().status === 'pending' || props.detail.outcomes.length > 0)}
          >
            <Step
              title={isOver() ? v().holdOver : v().heldUntil}
              at={conversion().claimable_from}
              kind={isOver() ? undefined : 'wait'}
            >
              {isOver() ? '' : v().heldText}
            </Step>
          </Show>
          <For each={props.detail.outcomes}>
            {(outcome) => (
              <Step
                title={
                  outcome.kind === 'part_paid'
                    ? (v().paid[outcome.part ?? ''] ?? t().status.paid)
                    : outcome.kind === 'conversion_cancelled'
                      ? v().cancelled
                      : outcome.kind === 'conversion_lapsed'
                        ? v().lapsed
                        : v().released
                }
                at={outcome.at}
                signature={outcome.signature}
                commitment={outcome.commitment}
                kind={
                  outcome.kind === 'conversion_cancelled' || outcome.kind === 'conversion_lapsed'
                    ? 'act'
                    : undefined
                }
              >
                <Show when={outcome.units && outcome.units !== '0' && outcome.units}>
                  {(units) =>
                    outcome.kind === 'part_paid' ? (
                      <Money units={units()} token={token()} />
                    ) : (
                      v().forgone(moneyText(units(), token()))
                    )
                  }
                </Show>
              </Step>
            )}
          </For>
          <Show when={conversion().status === 'pending' && isOver()}>
            <Step title={v().waits} at={null} kind="wait">
              {v().waitsText}
            </Step>
          </Show>
        </ol>
      </section>

      <section class="check" aria-labelledby="check">
        <h2 id="check">{v().check}</h2>
        <p class="small spaced">{v().checkText}</p>
        <dl class="rows">
          <div>
            <dt>{v().account}</dt>
            <dd>
              <Address address={conversion().address} />{' '}
              <Outside href={explorer('address', conversion().address)}>
                {t().common.explorer}
              </Outside>
            </dd>
          </div>
          <div>
            <dt>{v().campaign}</dt>
            <dd>
              <Address address={conversion().campaign} />
            </dd>
          </div>
          <div>
            <dt>{t().common.transaction}</dt>
            <dd>
              <Address address={conversion().signature} />{' '}
              <Outside href={explorer('tx', conversion().signature)}>{t().common.explorer}</Outside>
            </dd>
          </div>
        </dl>
      </section>
    </article>
  );
}

/** Hands the page to another app of the device. */
async function share(text: string): Promise<void> {
  // Closing the sheet is no failure.
  await navigator.share({ title: document.title, text, url: location.href }).catch(() => {});
}

/** A link to another site. It says so, and tells that site nothing. */
function Outside(props: { href: string; children: JSX.Element }) {
  return (
    <a href={props.href} target="_blank" rel="noreferrer" title={t().common.inExplorer}>
      {props.children}
      <span aria-hidden="true"> ↗</span>
      <span class="hidden"> ({t().common.inExplorer})</span>
    </a>
  );
}

function Step(props: {
  title: string;
  at: string | null | undefined;
  signature?: string;
  commitment?: string;
  kind?: 'wait' | 'act' | undefined;
  children?: JSX.Element;
}) {
  const words = () => t().status as Record<string, string>;
  return (
    <li classList={{ [props.kind ?? 'done']: true }}>
      <h3>{props.title}</h3>
      <Show when={props.at}>{(at) => <Time at={at()} />}</Show>
      <p class="small">{props.children}</p>
      <Show when={props.signature}>
        {(signature) => (
          <p class="small">
            <Outside href={explorer('tx', signature())}>
              {t().common.transaction} {short(signature())}
            </Outside>
            <Show when={props.commitment}>{(commitment) => <> · {words()[commitment()]}</>}</Show>
          </p>
        )}
      </Show>
    </li>
  );
}
