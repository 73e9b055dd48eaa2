/** The data of a wallet that is signed in: sums, links, rewards, badges. */

import { A } from '@solidjs/router';
import { createEffect, createSignal, For, Show } from 'solid-js';

import { answer, api, done, type Me, type OwnCode } from '../../api/client';
import { locale } from '../../i18n';
import { m } from '../../i18n/me';
import { n } from '../../i18n/numbers';
import { r } from '../../i18n/run';
import { createCampaigns } from '../../lib/campaigns';
import type { Connection } from '../../lib/connection';
import { live } from '../../lib/live';
import { createPages } from '../../lib/pages';
import { poll } from '../../lib/poll';
import type { Session } from '../../lib/session';
import { FindButton } from '../../ui/finder';
import { Address, Lit, Money, tokenOf } from '../../ui/format';
import { Keyed } from '../../ui/keyed';
import { Known } from '../../ui/known';
import { OnPage } from '../../ui/onpage';
import { Empty, Failure, Skeleton } from '../../ui/states';
import { Badges } from './badges';
import { Claim } from './claim';
import { Link } from './code';
import { Create } from './create';
import { Deposits } from './deposits';
import { Earnings } from './earnings';
import { Rewards } from './rewards';
import { Groups } from './groups';
import { Why } from './why';

/** How many codes are shown at first, and more each time. */
const CODES = 10;

export function Mine(props: {
  session: Session;
  connection: Connection;
  /** The server does not know the session any more. */
  ended: () => void;
  signOut: () => void;
}) {
  const wallet = () => props.session.wallet;
  const changes = live(() => `/v1/referrers/${wallet()}/live`);
  const me = poll(wallet, (_, signal) => answer(api.GET('/v1/me', { signal })), 5000, changes);
  const codes = createPages<string, OwnCode>(
    wallet,
    async (_, cursor, signal) => {
      const query = { limit: CODES, ...(cursor && { cursor }) };
      const found = await answer(
        api.GET('/v1/me/codes', { params: { query }, ...(signal && { signal }) }),
      );
      return { rows: found.codes, next: found.next_cursor };
    },
    (code) => code.referral,
    5000,
    changes,
  );
  const place = poll(
    wallet,
    (wallet, signal) =>
      answer(api.GET('/v1/leaderboard', { params: { query: { wallet, limit: 1 } }, signal })),
    30_000,
  );
  const campaign = createCampaigns(() => codes.rows().map((code) => code.campaign));
  const [creating, setCreating] = createSignal(false);
  const [failure, setFailure] = createSignal<unknown>();

  const isOver = (code: string | undefined) =>
    code === 'unauthenticated' || code === 'session_required';
  createEffect(() => {
    // The cookie is of another wallet, or of none: nothing here may stay.
    const answered = me.data()?.wallet;
    if (answered !== undefined && answered !== wallet()) props.ended();
    if (isOver(me.error()?.code) || isOver(codes.error()?.code)) props.ended();
  });

  const everywhere = async () => {
    setFailure(undefined);
    try {
      await done(api.DELETE('/v1/auth/sessions'));
      props.ended();
    } catch (error) {
      setFailure(error);
    }
  };
  const number = (value: number) => new Intl.NumberFormat(locale()).format(value);
  /** The symbol that the campaigns of this wallet give the token of this mint. */
  const symbolOf = (mint: string) =>
    codes
      .rows()
      .map((code) => campaign(code.campaign))
      .find((found) => found?.mint === mint)?.symbol ?? null;
  const mintOf = (code: string, of: string) =>
    codes.rows().find((row) => row.code === code && row.campaign === of)?.mint;
  const conversions = () => codes.rows().reduce((sum, code) => sum + code.conversions, 0);

  return (
    <>
      <div class="head me">
        <h1>{m().title}</h1>
        <p class="small">
          {m().signedInAs} <Address address={wallet()} />
          <button type="button" class="button quiet" onClick={() => props.signOut()}>
            {m().signOut}
          </button>
          <button type="button" class="button quiet" onClick={() => void everywhere()}>
            {m().signOutEverywhere}
          </button>
          <FindButton />
        </p>
        <Show when={failure()}>{(error) => <Failure error={error()} words={m().errors} />}</Show>
      </div>

      <Known of={me} height="6rem" words={m().errors}>
        {(found) => (
          <dl class="figures" aria-label={m().summary.label}>
            <For each={['paid', 'pending'] as const}>
              {(kind) => (
                <div>
                  <dt>{m().summary[kind]}</dt>
                  <Keyed each={sumsOf(found(), kind)} by={(sum) => sum.mint}>
                    {(sum) => (
                      <dd>
                        <Money
                          units={sum()[kind]}
                          token={tokenOf({
                            mint: sum().mint,
                            decimals: sum().decimals,
                            symbol: symbolOf(sum().mint),
                          })}
                        />
                      </dd>
                    )}
                  </Keyed>
                  <Show when={sumsOf(found(), kind).length === 0}>
                    <dd>0</dd>
                  </Show>
                </div>
              )}
            </For>
            <div>
              <dt>{m().summary.conversions}</dt>
              <dd>
                <Lit value={number(conversions())} />
              </dd>
              <Show when={codes.hasMore()}>
                <dd class="after">{m().summary.ofShown}</dd>
              </Show>
            </div>
            <div>
              <dt>{m().summary.rank}</dt>
              <dd>
                <Show when={place.data()} fallback="–">
                  {(board) => (
                    <Show when={board().own} fallback={m().summary.none}>
                      {(own) => <Lit value={number(own().rank)} />}
                    </Show>
                  )}
                </Show>
              </dd>
              <Show when={place.data()?.own && place.data()}>
                {(board) => (
                  <dd class="after">
                    {m().summary.of(number(board().total_entries))}.{' '}
                    <A href={`/leaderboard?wallet=${wallet()}`}>{m().summary.showBoard}</A>
                  </dd>
                )}
              </Show>
            </div>
          </dl>
        )}
      </Known>

      <Show when={codes.rows().length > 0}>
        <OnPage
          label={m().onPage}
          parts={[
            ['links', m().codes.title],
            ['earnings', n().mine.title],
            ['rewards', m().rewards.title],
            ['groups', m().groups.title],
            ['badges', m().badges.title],
            ['why', r().why.title],
          ]}
        />
      </Show>

      <Claim wallet={wallet()} connection={props.connection} claimed={me.again} changes={changes} />

      <Deposits wallet={wallet()} connection={props.connection} />

      <section class="section" aria-labelledby="links">
        <header class="across">
          <h2 id="links">{m().codes.title}</h2>
          <Show when={!creating() && codes.rows().length > 0}>
            <button type="button" class="button" onClick={() => setCreating(true)}>
              {m().codes.another}
            </button>
          </Show>
        </header>
        <Show when={creating()}>
          <Create
            wallet={wallet()}
            connection={props.connection}
            close={() => setCreating(false)}
            created={codes.again}
          />
        </Show>
        <Show
          when={codes.known()}
          fallback={
            <Show when={codes.error()} fallback={<Skeleton height="10rem" />}>
              {(error) => <Failure error={error()} words={m().errors} again={codes.again} />}
            </Show>
          }
        >
          <Show when={codes.rows().length === 0 && !creating()}>
            <div class="sheet">
              <Empty title={m().codes.none} text={m().codes.noneText}>
                <button type="button" class="button primary" onClick={() => setCreating(true)}>
                  {m().codes.create}
                </button>
              </Empty>
            </div>
          </Show>
          <div class="links">
            <Keyed each={codes.rows()} by={(code) => code.referral}>
              {(code) => <Link code={code()} campaign={campaign(code().campaign)} />}
            </Keyed>
          </div>
          <More
            hasMore={codes.hasMore()}
            failed={codes.failed()}
            show={() => void codes.showMore()}
            words={m().codes.more}
          />
        </Show>
      </section>

      <Show when={codes.rows().length > 0}>
        <Earnings wallet={wallet()} changes={changes} symbolOf={symbolOf} mintOf={mintOf} />
      </Show>
      <Rewards wallet={wallet()} changes={changes} />
      <Show when={codes.rows().length > 0}>
        <Groups wallet={wallet()} />
      </Show>
      <Badges wallet={wallet()} />
      <Why campaign={codes.rows()[0]?.campaign} />
    </>
  );
}

/** Sums that are not zero, the largest number first; sums of different tokens are not added. */
function sumsOf(me: Me, kind: 'paid' | 'pending'): Me['rewards'] {
  const order = (one: string, other: string) => (BigInt(one) < BigInt(other) ? 1 : -1);
  return me.rewards
    .filter((sum) => sum[kind] !== '0')
    .sort((one, other) => order(one[kind], other[kind]));
}

/** The button that shows more of a list, and why it did not. */
export function More(props: {
  hasMore: boolean;
  failed: unknown;
  show: () => void;
  words: string;
}) {
  return (
    <>
      <Show when={props.failed}>{(error) => <Failure error={error()} words={m().errors} />}</Show>
      <Show when={props.hasMore}>
        <p class="more">
          <button type="button" class="button" onClick={() => props.show()}>
            {props.words}
          </button>
        </p>
      </Show>
    </>
  );
}
