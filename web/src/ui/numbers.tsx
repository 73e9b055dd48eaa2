/** Figures over time: the period, charts, what stands beside the time before, and where clicks come from. */

import { A, useLocation } from '@solidjs/router';
import { createMemo, For, Index, Show, type JSX } from 'solid-js';

import {
  bpsOfRate,
  isShare,
  dayIn,
  earnedOf,
  hrefWith,
  labelOf,
  perClick,
  PERIODS,
  roughly,
  spanText,
  trend,
  USUAL,
  type Analytics,
  type Numbers,
  type Period,
  type Shares,
} from '../lib/analytics';
import { formatBps, type Token } from '../format/money';
import { locale, t } from '../i18n';
import { n } from '../i18n/numbers';
import { now } from '../lib/clock';
import type { Polled } from '../lib/poll';
import { Chart, countText } from './chart';
import { Lit, moneyText } from './format';
import { Known } from './known';

declare module 'solid-js' {
  namespace JSX {
    interface AnchorHTMLAttributes<T> {
      /** Tells the router to stay where the page is scrolled to. */
      noscroll?: boolean;
    }
  }
}

/** Another view of the same page, which stays where it is scrolled to. */
export function View(props: {
  change: Record<string, string | undefined>;
  current: boolean;
  children: JSX.Element;
}) {
  const location = useLocation();
  return (
    <a
      href={hrefWith(location.pathname, location.search, props.change)}
      noscroll
      aria-current={props.current ? 'true' : undefined}
    >
      {props.children}
    </a>
  );
}

export function Periods(props: { period: Period }) {
  return (
    <nav class="tabs" aria-label={n().period}>
      <For each={PERIODS}>
        {(period) => (
          <View
            change={{ period: period === USUAL ? undefined : period }}
            current={props.period === period}
          >
            {n().periods[period]}
          </View>
        )}
      </For>
    </nav>
  );
}

/** A token that is shown, with its mint. */
export type Shown = { readonly mint: string; readonly token: Token };

/** Earnings, clicks and conversions, each by day or month. */
export function Charts(props: { found: Analytics; shown: Shown | undefined; earned: string }) {
  const today = createMemo(() => dayIn(props.found.zone, now()));
  // Three charts have these, and each of their columns reads them.
  const common = createMemo(() => ({
    span: spanText(props.found.from, props.found.to, locale()),
    labels: props.found.series.map((part) => labelOf(part, props.found.by as 'day', locale())),
    column: props.found.by === 'month' ? n().month : n().day,
    unfinished: props.found.to >= today(),
  }));
  const earned = createMemo(() =>
    props.found.series.map((part) => earnedOf(part, props.shown?.mint)),
  );
  return (
    <div class="sheet lifted charts">
      <Show
        when={props.shown}
        fallback={
          <p class="no-token">
            {props.found.all_time.rewards.length > 0 ? n().unknownToken : n().empty.earned}
          </p>
        }
      >
        {(shown) => (
          <Chart
            {...common()}
            title={props.earned}
            series={[
              { name: n().paid, colour: 'paid', values: earned().map(({ paid }) => paid) },
              { name: n().waiting, colour: 'wait', values: earned().map(({ waiting }) => waiting) },
            ]}
            decimals={shown().token.decimals}
            text={(units) => moneyText(units, shown().token)}
            empty={n().empty.earned}
          />
        )}
      </Show>
      <div class="pairs-of-charts">
        <Chart
          {...common()}
          low
          title={n().clicks}
          series={[
            {
              name: n().clicks,
              colour: 'accent',
              values: props.found.series.map(({ clicks }) => BigInt(clicks.people)),
            },
          ]}
          decimals={0}
          text={countText}
          empty={n().empty.clicks}
        />
        <Chart
          {...common()}
          low
          title={n().conversions}
          series={[
            {
              name: n().conversions,
              colour: 'accent',
              values: props.found.series.map(({ conversions }) => BigInt(conversions)),
            },
          ]}
          decimals={0}
          text={countText}
          empty={n().empty.conversions}
        />
      </div>
    </div>
  );
}

type Compared = {
  shown: Shown | undefined;
  earned: string;
  /** Whether all clicks are of codes that pay this token. */
  perClick: boolean;
};

/** Today, a week and a month, each beside the same time before, as they are asked for. */
export function Compare(
  props: Compared & {
    of: Polled<Analytics>;
    words: Record<string, [string, string, string]>;
  },
) {
  return (
    <Known of={props.of} height="14rem" sheet words={props.words}>
      {(found) => (
        <>
          <Show when={props.of.error()}>
            <p class="small">
              <strong>{t().common.stale}.</strong>
            </p>
          </Show>
          <Columns
            found={found()}
            shown={props.shown}
            earned={props.earned}
            perClick={props.perClick}
          />
        </>
      )}
    </Known>
  );
}

function Columns(props: Compared & { found: Analytics }) {
  const columns = () => {
    const [yesterday, today] = props.found.series;
    return [
      { name: 'today' as const, value: today, before: yesterday },
      {
        name: 'week' as const,
        value: props.found.last_7_days,
        before: props.found.previous_7_days,
      },
      {
        name: 'month' as const,
        value: props.found.last_30_days,
        before: props.found.previous_30_days,
      },
    ];
  };
  const earned = (of: Numbers) => {
    const { paid, waiting } = earnedOf(of, props.shown?.mint);
    return paid + waiting;
  };
  /** Whether a column has more conversions than clicks, so that its rate is left out. */
  const isBeyond = () =>
    columns().some(({ value, before }) =>
      [value, before].some((of) => of?.conversion_rate && !isShare(of.conversion_rate)),
    );
  const rows = (): {
    name: string;
    of: (numbers: Numbers) => bigint | number | null | undefined;
    text: (value: never) => string;
    /** A ratio does not grow with the day, so a part of a day compares with a whole one. */
    isRatio?: boolean;
  }[] => {
    const { shown } = props;
    const money = (units: bigint) => moneyText(units, shown!.token);
    return [
      { name: n().clicks, of: ({ clicks }) => clicks.people, text: countText },
      { name: n().conversions, of: ({ conversions }) => conversions, text: countText },
      {
        name: n().rate,
        of: ({ conversion_rate: rate }) => (rate && !isShare(rate) ? null : rate),
        text: (rate: number) => formatBps(bpsOfRate(rate), locale()),
        isRatio: true,
      },
      ...(shown
        ? [
            { name: props.earned, of: earned, text: money },
            ...(props.perClick
              ? [
                  {
                    name: n().perClick,
                    of: (of: Numbers) => roughly(perClick(earned(of), of.clicks.people)),
                    text: money,
                    isRatio: true,
                  },
                ]
              : []),
          ]
        : []),
    ];
  };
  return (
    <div class="sheet">
      <div class="scroll" role="group" tabindex="0" aria-label={n().compare.title}>
        <table class="compare" role="table">
          <caption class="hidden">{n().compare.title}</caption>
          <thead role="rowgroup">
            <tr role="row">
              <th scope="col" role="columnheader">
                {n().compare.title}
              </th>
              <Index each={columns()}>
                {(column) => (
                  <th scope="col" role="columnheader" class="right">
                    {n().compare[column().name]}
                  </th>
                )}
              </Index>
            </tr>
          </thead>
          <tbody role="rowgroup">
            <Index each={rows()}>
              {(row) => (
                <tr role="row">
                  <th scope="row" role="rowheader">
                    {row().name}
                  </th>
                  <Index each={columns()}>
                    {(column) => (
                      <td class="right" role="cell">
                        <Cell
                          value={column().value && row().of(column().value!)}
                          before={column().before && row().of(column().before!)}
                          text={row().text as (value: bigint | number) => string}
                          isToday={column().name === 'today'}
                          isRatio={row().isRatio ?? false}
                        />
                      </td>
                    )}
                  </Index>
                </tr>
              )}
            </Index>
          </tbody>
        </table>
      </div>
      <Show when={isBeyond()}>
        <p class="small beyond">{n().beyond}</p>
      </Show>
    </div>
  );
}

type Figure = bigint | number | null | undefined;
const ARROWS = { up: '▲', down: '▼', same: '' };

function Cell(props: {
  value: Figure;
  before: Figure;
  text: (value: bigint | number) => string;
  isToday: boolean;
  /** Each span ends with today, so a count is lower than before until midnight: only a ratio gets an arrow. */
  isRatio: boolean;
}) {
  const text = (figure: Figure) =>
    figure === null || figure === undefined ? '–' : props.text(figure);
  const moved = () => trend(props.value as number, props.before as number);
  return (
    <>
      <Lit value={text(props.value)} />
      <small>
        <Show
          when={!props.isToday && props.isRatio}
          fallback={
            props.isToday
              ? n().compare.yesterday(text(props.before))
              : n().compare.before(text(props.before))
          }
        >
          <Show when={moved()} fallback={n().compare.unknown}>
            {(moved) => (
              <>
                <span aria-hidden="true">{ARROWS[moved()]} </span>
                {moved() === 'same'
                  ? n().compare.same
                  : n().compare[moved() as 'up' | 'down'](text(props.before))}
              </>
            )}
          </Show>
        </Show>
      </small>
    </>
  );
}

export type Dimension = 'source' | 'device' | 'country' | 'code';

/** Clicks of people by one property, each with its share of all. */
export function By(props: {
  dimension: Dimension;
  shares: Shares;
  /** The zone of the days beside it; these clicks are counted in days of UTC. */
  zone: string;
}) {
  const all = () =>
    props.shares.values.reduce((sum, { clicks }) => sum + clicks, props.shares.other);
  const rows = () => {
    const named = props.shares.values.map(({ value, clicks }) => ({
      name: nameOf(props.dimension, value),
      clicks,
    }));
    return props.shares.other > 0
      ? [...named, { name: n().by.other, clicks: props.shares.other }]
      : named;
  };
  return (
    <section class="sheet clicks-by" aria-labelledby={`by-${props.dimension}`}>
      <h3 id={`by-${props.dimension}`}>{n().by[props.dimension]}</h3>
      <Show when={all() > 0} fallback={<p>{n().by.none}</p>}>
        <table>
          <caption class="hidden">{n().by[props.dimension]}</caption>
          <thead>
            <tr>
              <th scope="col">{n().by.value[props.dimension]}</th>
              <th scope="col" class="right">
                {n().by.clicks}
              </th>
              <th scope="col" class="right">
                {n().by.share}
              </th>
            </tr>
          </thead>
          <tbody>
            <Index each={rows()}>
              {(row) => (
                <tr>
                  <th scope="row">
                    <bdi>{row().name}</bdi>
                    <meter min="0" max={all()} value={row().clicks} aria-hidden="true" />
                  </th>
                  <td class="right num">{countText(row().clicks)}</td>
                  <td class="right num">{formatBps(shareBps(row().clicks, all()), locale())}</td>
                </tr>
              )}
            </Index>
          </tbody>
        </table>
      </Show>
      <Show when={props.dimension === 'source'}>
        <p class="foot-note">{n().by.sourceHint}</p>
      </Show>
      <Show when={props.zone !== 'UTC'}>
        <p class="foot-note">{n().by.utc}</p>
      </Show>
    </section>
  );
}

/** A share in whole percents, as basis points. */
function shareBps(part: number, all: number): number {
  return Math.round((part * 100) / all) * 100;
}

function nameOf(dimension: Dimension, value: string | null | undefined): string {
  if (value === null || value === undefined) return n().by.unsaid[dimension];
  if (dimension === 'device') return n().by.devices[value] ?? value;
  if (dimension !== 'country') return value;
  try {
    return new Intl.DisplayNames(locale(), { type: 'region' }).of(value) ?? value;
  } catch {
    // The code comes from a proxy, and need not be one of a region.
    return value;
  }
}

/** Codes with their clicks, conversions where they are counted by code, and a view of each alone. */
export function Codes(props: {
  codes: Analytics['top_codes'];
  /** The parameters that show one alone. */
  only?: (code: Analytics['top_codes'][number]) => Record<string, string | undefined>;
}) {
  const counts = () => props.codes.some(({ conversions }) => typeof conversions === 'number');
  const isBeyond = ({ clicks, conversions }: (typeof props.codes)[number]) =>
    clicks > 0 && !isShare((conversions ?? 0) / clicks);
  return (
    <section class="sheet clicks-by" aria-labelledby="by-code">
      <h3 id="by-code">{n().by.code}</h3>
      <Show when={props.codes.length > 0} fallback={<p>{n().by.none}</p>}>
        <table>
          <caption class="hidden">{n().by.code}</caption>
          <thead>
            <tr>
              <th scope="col">{n().by.value.code}</th>
              <th scope="col" class="right">
                {n().by.clicks}
              </th>
              <Show when={counts()}>
                <th scope="col" class="right">
                  {n().by.conversions}
                </th>
                <th scope="col" class="right">
                  {n().by.rate}
                </th>
              </Show>
            </tr>
          </thead>
          <tbody>
            <Index each={props.codes}>
              {(of) => (
                <tr>
                  <th scope="row">
                    <Show
                      when={props.only}
                      fallback={
                        <A href={`/c/${of().campaign}?ref=${of().code}`}>
                          <code>{of().code}</code>
                        </A>
                      }
                    >
                      {(only) => (
                        <View change={only()(of())} current={false}>
                          <code>{of().code}</code>
                          <span class="hidden"> {n().by.only(of().code)}</span>
                        </View>
                      )}
                    </Show>
                  </th>
                  <td class="right num">{countText(of().clicks)}</td>
                  <Show when={counts()}>
                    <td class="right num">{countText(of().conversions ?? 0)}</td>
                    <td class="right num">
                      {of().clicks > 0 && isShare((of().conversions ?? 0) / of().clicks)
                        ? formatBps(bpsOfRate((of().conversions ?? 0) / of().clicks), locale())
                        : '–'}
                    </td>
                  </Show>
                </tr>
              )}
            </Index>
          </tbody>
        </table>
        <Show when={counts() && props.codes.some(isBeyond)}>
          <p class="small beyond">{n().beyond}</p>
        </Show>
      </Show>
    </section>
  );
}
