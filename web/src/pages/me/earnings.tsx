/** The earnings of the wallet's codes over time, beside the time before, and where their clicks come from. */

import { useSearchParams } from '@solidjs/router';
import { createEffect, createMemo, createSignal, For, Show } from 'solid-js';

import { answer, api } from '../../api/client';
import { t } from '../../i18n';
import { m } from '../../i18n/me';
import { n } from '../../i18n/numbers';
import { isShortened, periodOf, subjectOf, tokensOf } from '../../lib/analytics';
import type { Live } from '../../lib/live';
import { createNumbers } from '../../lib/numbers';
import { short, tokenOf } from '../../ui/format';
import { Known } from '../../ui/known';
import { By, Charts, Codes, Compare, Periods, View, type Shown } from '../../ui/numbers';

/** Why the server does not count the code, in the campaign, of an address for this wallet. */
const NOT_YOURS = [
  'not_code_owner',
  'code_not_found',
  'campaign_not_found',
  'invalid_code',
  'invalid_address',
];

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
  /** A code that is not the wallet's: an address can name the code of another wallet. */
  const [refused, setRefused] = createSignal<string>();
  /** One code, in its campaign, or all of them. */
  const subject = () => subjectOf(props.wallet, query, refused());
  const alone = () => (subject() === props.wallet ? undefined : query.code);
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
  createEffect(() => {
    const code = numbers.period.error()?.code;
    if (alone() && code && NOT_YOURS.includes(code)) setRefused(subject());
  });
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
  /**
   * The token that is shown when the address names none. It stays while the answers change, as soon as the token of
   * each code is known.
   */
  const usual = createMemo<{ of: string; mint: string | undefined; settled: boolean } | undefined>(
    (before) => {
      const found = numbers.period.data();
      const isKept = before?.of === subject() && before.settled;
      if (isKept && tokens().some(({ mint }) => mint === before.mint)) return before;
      const settled = (found?.top_codes ?? []).every(
        ({ code, campaign }) => props.mintOf(code, campaign) !== undefined,
      );
      return { of: subject(), mint: tokens()[0]?.mint, settled: found !== undefined && settled };
    },
  );
  const shown = (): Shown | undefined => {
    const of = (mint: string | undefined) => tokens().find((token) => token.mint === mint);
    const one = of(query.token) ?? of(usual()?.mint) ?? tokens()[0];
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
              <Show
                when={alone()}
                fallback={
                  <>
                    {n().notYours} <code>{code()}</code>.
                  </>
                }
              >
                {n().code} <code>{code()}</code>
              </Show>{' '}
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
      <Known of={numbers.period} height="28rem" sheet words={words()}>
        {(found) => (
          <>
            <Charts found={found()} shown={shown()} earned={n().mine.earned} />
            <p class="small">
              <Show when={numbers.period.error()}>
                <strong>{t().common.stale}.</strong>{' '}
              </Show>
              {n().zone(found().zone)} {n().mine.note}
              <Show when={isShortened(found())}> {n().shortened}</Show>
              <Show when={found().codes && found().codes!.total > found().codes!.counted}>
                {' '}
                {n().newest(found().codes!.counted, found().codes!.total)}
              </Show>
            </p>
            <Compare
              of={numbers.today}
              shown={shown()}
              earned={n().earnedBoth}
              // The clicks of codes that pay other tokens earn nothing in this one.
              perClick={alone() !== undefined || found().codes?.total === 1}
              words={words()}
            />
            <div class="sides">
              <By dimension="source" shares={found().by_source} zone={found().zone} />
              <Show when={!alone()}>
                <Codes
                  codes={found().top_codes}
                  only={({ code, campaign }) => ({ code, campaign })}
                />
              </Show>
            </div>
          </>
        )}
      </Known>
    </section>
  );
}
