/** What the wallet's codes have earned over time, beside the time before, and where their clicks come from. */

import { useSearchParams } from '@solidjs/router';
import { For, Show } from 'solid-js';

import { answer, api } from '../../api/client';
import { t } from '../../i18n';
import { m } from '../../i18n/me';
import { n } from '../../i18n/numbers';
import { periodOf, tokensOf } from '../../lib/analytics';
import type { Live } from '../../lib/live';
import { createNumbers } from '../../lib/numbers';
import { short, tokenOf } from '../../ui/format';
import { By, Charts, Codes, Compare, Periods, View, type Shown } from '../../ui/numbers';
import { Failure, Skeleton } from '../../ui/states';

export function Earnings(props: {
  wallet: string;
  changes: Live;
  symbolOf: (mint: string) => string | null;
  /** The token of a code, if it is known. */
  mintOf: (code: string, campaign: string) => string | null | undefined;
}) {
  const [query] = useSearchParams<{
    period?: string;
    code?: string;
    campaign?: string;
    token?: string;
  }>();
  const period = () => periodOf(query.period);
  /** One code, in its campaign, or all of them. */
  const subject = () =>
    query.code ? `${props.wallet} ${query.code} ${query.campaign ?? ''}` : props.wallet;
  const numbers = createNumbers(
    subject,
    period,
    (subject) => (days, signal) => {
      const [, code, campaign] = subject.split(' ');
      if (!code) {
        return answer(api.GET('/v1/me/analytics', { params: { query: days }, signal }));
      }
      const params = { path: { code }, query: { ...days, ...(campaign && { campaign }) } };
      return answer(api.GET('/v1/codes/{code}/analytics', { params, signal }));
    },
    props.changes,
  );
  const tokens = () => {
    const found = numbers.period.data();
    if (!found) return [];
    // The token of the code with the most conversions stands first.
    const mints = found.top_codes.map(({ code, campaign }) => props.mintOf(code, campaign));
    const place = ({ mint }: { mint: string }) => (mints.includes(mint) ? mints.indexOf(mint) : 99);
    return tokensOf([found.totals, found.all_time]).sort((one, other) => place(one) - place(other));
  };
  /** A symbol; strangers choose them, so two tokens can have the same one. */
  const tabOf = (mint: string) => {
    const symbols = tokens().map((token) =>
      tokenOf({ ...token, symbol: props.symbolOf(token.mint) }),
    );
    const own = symbols[tokens().findIndex((token) => token.mint === mint)]?.symbol;
    if (!own) return short(mint);
    return symbols.filter(({ symbol }) => symbol === own).length > 1
      ? `${own} ${short(mint)}`
      : own;
  };
  const shown = (): Shown | undefined => {
    const one = tokens().find(({ mint }) => mint === query.token) ?? tokens()[0];
    return one && { mint: one.mint, token: tokenOf({ ...one, symbol: props.symbolOf(one.mint) }) };
  };
  const words = () => ({ ...m().errors, ...n().errors });

  return (
    <section class="section over-time" aria-labelledby="earnings">
      <header class="across">
        <h2 id="earnings">{n().mine.title}</h2>
        <Periods period={period()} />
      </header>
      <div class="choose">
        <Show when={query.code}>
          {(code) => (
            <p>
              {n().code} <code>{code()}</code>{' '}
              <View change={{ code: undefined, campaign: undefined }} current={false}>
                {n().allCodes}
              </View>
            </p>
          )}
        </Show>
        <Show when={tokens().length > 1}>
          <nav class="tabs" aria-label={n().token}>
            <For each={tokens()}>
              {({ mint }) => (
                <View change={{ token: mint }} current={shown()?.mint === mint}>
                  <bdi title={short(mint)}>{tabOf(mint)}</bdi>
                </View>
              )}
            </For>
          </nav>
        </Show>
      </div>
      <Show
        when={numbers.period.data()}
        fallback={
          <Show
            when={numbers.period.error()}
            fallback={
              <div class="sheet card">
                <Skeleton height="28rem" />
              </div>
            }
          >
            {(error) => <Failure error={error()} words={words()} again={numbers.period.again} />}
          </Show>
        }
      >
        {(found) => (
          <>
            <Charts found={found()} shown={shown()} earned={n().mine.earned} />
            <p class="small">
              <Show when={numbers.period.error()}>
                <strong>{t().common.stale}.</strong>{' '}
              </Show>
              {n().zone(found().zone)}
              <Show when={found().codes && found().codes!.total > found().codes!.counted}>
                {' '}
                {n().newest(found().codes!.counted, found().codes!.total)}
              </Show>
            </p>
            <Show when={numbers.today.data()}>
              {(found) => <Compare found={found()} shown={shown()} earned={n().earnedBoth} />}
            </Show>
            <div class="sides">
              <By dimension="source" shares={found().by_source} />
              <Show when={!query.code}>
                <Codes
                  codes={found().top_codes}
                  only={({ code, campaign }) => ({ code, campaign })}
                />
              </Show>
            </div>
          </>
        )}
      </Show>
    </section>
  );
}
