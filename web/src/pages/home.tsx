import { A } from '@solidjs/router';
import { createEffect, createSignal, For, on, Show } from 'solid-js';

import { answer, api, type Campaign, type Conversion, type Totals } from '../api/client';
import { formatBps, share } from '../format/money';
import { formatDuration } from '../format/time';
import { locale, t } from '../i18n';
import { partsOf } from '../lib/parts';
import { createNames } from '../lib/names';
import { poll } from '../lib/poll';
import { now } from '../lib/clock';
import { ConversionStatus, Lit, Money, short, Status, Time, tokenOf, Who } from '../ui/format';
import { Mark, Title } from '../ui/frame';
import { Keyed } from '../ui/keyed';
import { Empty, Failure, Skeleton } from '../ui/states';
import { PartOf, Rule } from '../ui/rule';
import '../lib/palette';

/** How many conversions the ledger shows. */
const SHOWN = 5;

export default function Home() {
  const totals = poll(
    () => true,
    (_, signal) => answer(api.GET('/v1/totals', { signal })),
    2000,
  );
  const latest = poll(
    () => true,
    (_, signal) =>
      answer(api.GET('/v1/conversions', { params: { query: { limit: SHOWN } }, signal })),
    2000,
  );
  const campaigns = poll(
    () => true,
    (_, signal) => answer(api.GET('/v1/campaigns', { params: { query: { limit: 50 } }, signal })),
    15_000,
  );
  const byAddress = () => new Map(campaigns.data()?.campaigns.map((it) => [it.address, it]));
  const isOpen = (campaign: Campaign) =>
    !campaign.closed && !(campaign.ends_at && Date.parse(campaign.ends_at) <= now());

  return (
    <>
      <Title of={t().home.title} />
      <section class="hero">
        <div>
          <h1>{t().home.headline}</h1>
          <p class="lead">{t().home.lead}</p>
          <div class="doors">
            <A class="button primary" href="/me">
              {t().home.toMe}
            </A>
            <a class="button" href="#campaigns">
              {t().home.toCampaigns}
            </a>
          </div>
        </div>
        <section class="sheet lifted ledger" aria-labelledby="ledger">
          <header>
            <h2 id="ledger">{t().home.ledger}</h2>
            <span class="live" classList={{ away: latest.error() !== undefined }} role="status">
              {latest.error() ? t().common.stale : t().common.live}
            </span>
          </header>
          <Show
            when={latest.data()}
            fallback={
              <Show when={latest.error()} fallback={<Ledgers />}>
                {(error) => <Failure error={error()} again={latest.again} />}
              </Show>
            }
          >
            {(found) => (
              <Show
                when={found().conversions.length > 0}
                fallback={<Empty title={t().home.noEntries} text={t().home.noEntriesMore} />}
              >
                <Last
                  conversion={found().conversions[0]!}
                  campaign={byAddress().get(found().conversions[0]!.campaign)}
                />
                <Ledger conversions={found().conversions} campaigns={byAddress()} />
              </Show>
            )}
          </Show>
        </section>
      </section>

      <Figures
        totals={totals.data()}
        last={latest.data()?.conversions[0]}
        known={latest.data() !== undefined}
      />

      <section class="section" id="campaigns" aria-labelledby="campaigns-title">
        <header>
          <h2 id="campaigns-title">{t().home.campaigns}</h2>
          <p>{t().home.campaignsMore}</p>
        </header>
        <Show
          when={campaigns.data()}
          fallback={
            <Show when={campaigns.error()} fallback={<Skeleton lines={1} height="12rem" />}>
              {(error) => <Failure error={error()} again={campaigns.again} />}
            </Show>
          }
        >
          {(found) => (
            <Show
              when={found().campaigns.some(isOpen)}
              fallback={
                <div class="sheet">
                  <Empty title={t().home.noCampaigns} text={t().home.noCampaignsMore}>
                    <a class="button" href="/docs/" rel="external">
                      {t().home.howToOpen}
                    </a>
                  </Empty>
                </div>
              }
            >
              <div class="cards">
                <For each={found().campaigns.filter(isOpen)}>
                  {(campaign) => <Card campaign={campaign} />}
                </For>
              </div>
            </Show>
          )}
        </Show>
      </section>

      <section class="section" aria-labelledby="ways">
        <header>
          <h2 id="ways">{t().home.waysTitle}</h2>
        </header>
        <div class="ways">
          <Way
            title={t().home.share}
            text={t().home.shareText}
            link={t().home.shareLink}
            href="/me"
          />
          <Way
            title={t().home.run}
            text={t().home.runText}
            link={t().home.runLink}
            href="/docs/#/campaigns"
          />
          <Way
            title={t().home.build}
            text={t().home.buildText}
            link={t().home.buildLink}
            href="/embed"
          />
        </div>
      </section>
    </>
  );
}

/** The size of the ledger that comes. */
function Ledgers() {
  return (
    <For each={Array.from({ length: SHOWN })}>
      {() => (
        <div class="entry">
          <Skeleton height="1.9rem" />
        </div>
      )}
    </For>
  );
}

/** The last conversion as a picture: who signed, what checked it, who was paid. */
function Last(props: { conversion: Conversion; campaign: Campaign | undefined }) {
  const names = createNames(() => [props.conversion.referrer]);
  const [arrived, setArrived] = createSignal(false);
  createEffect(
    on(
      () => props.conversion.address,
      () => setArrived(true),
      { defer: true },
    ),
  );
  const gains = (part: 'referee' | 'referrer') => (
    <Show
      when={props.conversion.rewards[part] !== '0' && props.campaign}
      fallback={<span class="sub">{t().home.signs}</span>}
    >
      {(campaign) => (
        <span class="gain">
          +<Money units={props.conversion.rewards[part]} token={tokenOf(campaign())} />
        </span>
      )}
    </Show>
  );
  return (
    <figure
      class="flow"
      classList={{ arrived: arrived(), waiting: props.conversion.status === 'pending' }}
      onAnimationEnd={() => setArrived(false)}
      aria-label={t().home.flow}
    >
      <div>
        <span class="what">{short(props.conversion.referee)}</span>
        {gains('referee')}
      </div>
      <span class="way">
        <Mark />
        <ConversionStatus status={props.conversion.status} />
      </span>
      <div>
        <span class="what">
          <Who wallet={props.conversion.referrer} name={names(props.conversion.referrer)} />
        </span>
        {gains('referrer')}
      </div>
    </figure>
  );
}

function Ledger(props: { conversions: Conversion[]; campaigns: Map<string, Campaign> }) {
  // Conversions that were there when the page was opened are not shown as arriving.
  const first = new Set(props.conversions.map((conversion) => conversion.address));
  const names = createNames(() => props.conversions.map((conversion) => conversion.referrer));
  const seen = (conversion: Conversion) => first.has(conversion.address);
  return (
    <Keyed each={props.conversions} by={(conversion) => conversion.address}>
      {(conversion) => (
        <A
          class="entry"
          classList={{ fresh: !seen(conversion()) }}
          href={`/conversion/${conversion().address}`}
        >
          <span class="what">
            <Who wallet={conversion().referrer} name={names(conversion().referrer)} />
          </span>
          <Show
            when={props.campaigns.get(conversion().campaign)}
            fallback={<span class="money">{t().common.tokens}</span>}
          >
            {(campaign) => (
              <Money units={conversion().rewards.referrer} token={tokenOf(campaign())} />
            )}
          </Show>
          <span class="sub what">
            {conversion().code} ·{' '}
            {props.campaigns.get(conversion().campaign)?.name ?? t().home.unnamed}
          </span>
          <span class="sub right">
            {(t().status as Record<string, string>)[conversion().status]},{' '}
            <Show when={conversion().converted_at}>{(at) => <Time at={at()} />}</Show>
          </span>
        </A>
      )}
    </Keyed>
  );
}

function Figures(props: {
  totals: Totals | undefined;
  last: Conversion | undefined;
  known: boolean;
}) {
  const number = (value: number) => new Intl.NumberFormat(locale()).format(value);
  const tokens = () => props.totals?.tokens ?? [];
  const sum = (of: 'conversions' | 'codes') =>
    number(tokens().reduce((total, token) => total + token[of], 0));
  return (
    <dl class="figures" aria-label={t().home.figures}>
      <div>
        <dt>{t().home.paid}</dt>
        <dd>
          <Show when={props.totals} fallback="–">
            <Show when={tokens()[0]} fallback="0">
              {(token) => <Money units={token().paid} token={tokenOf(token())} />}
            </Show>
          </Show>
        </dd>
        <Show when={tokens().length > 1}>
          <dd class="after">{t().home.otherTokens(tokens().length - 1)}</dd>
        </Show>
        <Show when={tokens()[0] && tokens()[0]!.pending !== '0' && tokens()[0]}>
          {(token) => (
            <dd class="after">
              <Money units={token().pending} token={tokenOf(token())} /> {t().home.waits}
            </dd>
          )}
        </Show>
      </div>
      <div>
        <dt>{t().home.conversions}</dt>
        <dd>{props.totals ? <Lit value={sum('conversions')} /> : '–'}</dd>
      </div>
      <div>
        <dt>{t().home.codes}</dt>
        <dd>{props.totals ? <Lit value={sum('codes')} /> : '–'}</dd>
      </div>
      <div>
        <dt>{t().home.last}</dt>
        <dd>
          <Show when={props.last?.converted_at} fallback={props.known ? t().home.never : '–'}>
            {(at) => <Time at={at()} />}
          </Show>
        </dd>
      </div>
    </dl>
  );
}

function Card(props: { campaign: Campaign }) {
  const left = () => {
    const rules = props.campaign.rules;
    if (!rules?.budget) return undefined;
    return 1 - share(rules.committed, rules.budget);
  };
  return (
    <article class="card sheet">
      <h3>
        <A href={`/c/${props.campaign.address}`}>{props.campaign.name ?? t().home.unnamed}</A>
        <CampaignStatus campaign={props.campaign} />
      </h3>
      <p class="pays">
        <Show
          when={partsOf(props.campaign)}
          fallback={
            <>
              <Rule campaign={props.campaign} /> <small>{t().home.inAll}</small>
            </>
          }
        >
          {(parts) => (
            <>
              <PartOf campaign={props.campaign} side="referrer" parts={parts()} />{' '}
              <small>
                {parts().kind === 'units' ? t().home.perConversion : t().home.perAmount}
              </small>
            </>
          )}
        </Show>
      </p>
      <ul>
        <Terms campaign={props.campaign} />
        <Show when={left() !== undefined}>
          <li>
            <meter
              min="0"
              max="1"
              value={left()}
              aria-label={t().campaign.budgetLeft(
                formatBps(Math.round(left()! * 10_000), locale()),
              )}
            />
            {t().campaign.budgetLeft(formatBps(Math.round(left()! * 1000) * 10, locale()))}
          </li>
        </Show>
      </ul>
    </article>
  );
}

function Terms(props: { campaign: Campaign }) {
  const rules = () => props.campaign.rules;
  return (
    <>
      <Show when={partsOf(props.campaign)}>
        {(parts) => (
          <Show when={parts().referee > 0n}>
            <li>
              <PartOf campaign={props.campaign} side="referee" parts={parts()} />{' '}
              {parts().kind === 'units' ? t().campaign.refereeToo : t().campaign.refereeShare}
            </li>
          </Show>
        )}
      </Show>
      <Show when={rules()}>
        {(rules) => (
          <li>
            {rules().hold_seconds === 0
              ? t().campaign.atOnce
              : t().campaign.held(formatDuration(rules().hold_seconds, locale()))}
          </li>
        )}
      </Show>
      <li>{t().campaign.proof[props.campaign.proof]}</li>
      <li>{t().campaign.uniqueness[props.campaign.uniqueness]}</li>
    </>
  );
}

function CampaignStatus(props: { campaign: Campaign }) {
  const starts = () => props.campaign.starts_at && Date.parse(props.campaign.starts_at) > now();
  return (
    <Show when={!props.campaign.paused} fallback={<Status kind="wait">{t().status.paused}</Status>}>
      <Show when={!starts()} fallback={<Status kind="wait">{t().status.scheduled}</Status>}>
        <Status kind="paid">{t().status.open}</Status>
      </Show>
    </Show>
  );
}

function Way(props: { title: string; text: string; link: string; href: string }) {
  return (
    <div>
      <h3>{props.title}</h3>
      <p>{props.text}</p>
      <p>
        <a href={props.href} rel="external">
          {props.link}
        </a>
      </p>
    </div>
  );
}
