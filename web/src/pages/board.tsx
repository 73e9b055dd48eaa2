/** `/leaderboard?period=&campaign=&category=&region=&wallet=`: who has referred the most. */

import { A, useSearchParams } from '@solidjs/router';
import { createResource, createSignal, For, Match, Show, Switch } from 'solid-js';

import { answer, api, type Leaderboard } from '../api/client';
import { locale, t } from '../i18n';
import { b, useBoard } from '../i18n/board';
import { now } from '../lib/clock';
import { CATEGORIES, regions } from '../lib/groups';
import { live } from '../lib/live';
import { createNames } from '../lib/names';
import { poll } from '../lib/poll';
import { createSession } from '../lib/session';
import { Address, Lit, Money, tokenOf, Who } from '../ui/format';
import { formatTime } from '../format/time';
import { Title } from '../ui/frame';
import { Keyed } from '../ui/keyed';
import { Empty, Failure, Skeleton } from '../ui/states';
import '../lib/palette';

const PERIODS = ['all', 'year', 'quarter', 'month', 'week'] as const;
type Period = (typeof PERIODS)[number];
type Entry = Leaderboard['entries'][number];
type Query = {
  period?: string;
  /** At most one of these three filters. */
  campaign?: string;
  category?: string;
  region?: string;
  wallet?: string;
};

/** The filter that is asked for: the API takes one. */
function filter(query: Query): { campaign?: string; category?: string; region?: string } {
  if (query.campaign) return { campaign: query.campaign };
  if (query.category) return { category: query.category };
  return query.region ? { region: query.region } : {};
}

export default function BoardPage() {
  const [words] = createResource(locale, async (language) => {
    await useBoard(language);
    return true;
  });
  return (
    <Show when={words.latest}>
      <Board />
    </Show>
  );
}

function Board() {
  const [query, setQuery] = useSearchParams<Query>();
  const { session } = createSession();
  /** The wallet that is asked for, or the one that has signed in. */
  const wallet = () => query.wallet ?? session()?.wallet;
  const period = (): Period => PERIODS.find((it) => it === query.period) ?? 'all';
  const campaigns = poll(
    () => true,
    (_, signal) => answer(api.GET('/v1/campaigns', { params: { query: { limit: 200 } }, signal })),
    60_000,
  );
  const board = poll(
    () => ({ period: period(), ...filter(query), wallet: wallet() }),
    async ({ wallet, ...rest }, signal) => {
      const query = { ...rest, ...(wallet && { wallet }) };
      const found = await answer(api.GET('/v1/leaderboard', { params: { query }, signal }));
      return { ...found, read: Date.now() };
    },
    3000,
    live(() => {
      const { campaign } = filter(query);
      return `/v1/leaderboard/live${campaign ? `?${new URLSearchParams({ campaign })}` : ''}`;
    }),
  );
  const listed = () => campaigns.data()?.campaigns ?? [];
  /** A campaign that is older than those of the list is asked for by its address. */
  const other = poll(
    () =>
      campaigns.data() && query.campaign && !listed().some((it) => it.address === query.campaign)
        ? query.campaign
        : undefined,
    (address, signal) =>
      answer(api.GET('/v1/campaigns/{address}', { params: { path: { address } }, signal })),
    60_000,
  );
  const chosen = () => {
    const named = other.data();
    const all = named ? [...listed(), named] : listed();
    return all.find((it) => it.address === query.campaign);
  };
  const only = (chosen: Query) =>
    setQuery({ campaign: undefined, category: undefined, region: undefined, ...chosen });
  const badWallet = () =>
    ['not_a_wallet', 'invalid_address'].includes(board.error()?.code ?? '') && query.wallet;
  /** The token of the rewards shown. Those of several campaigns are not added. */
  const token = () => {
    const campaign = chosen();
    return campaign && tokenOf(campaign);
  };
  const href = (changes: Query) => {
    const next = { ...query, ...changes };
    const kept = Object.entries(next).filter(([, value]) => value) as [string, string][];
    return `/leaderboard${kept.length > 0 ? `?${new URLSearchParams(kept)}` : ''}`;
  };

  return (
    <>
      <Title of={b().title} />
      <div class="head">
        <h1>{b().title}</h1>
        <p>{b().lead}</p>
      </div>
      <div class="bar filters">
        <nav class="tabs" aria-label={b().period}>
          <For each={PERIODS}>
            {(name) => (
              <a
                href={href({ period: name === 'all' ? '' : name })}
                aria-current={period() === name ? 'true' : undefined}
              >
                {b().periods[name]}
              </a>
            )}
          </For>
        </nav>
        <div class="field">
          <label for="campaign">{b().campaign}</label>
          <select
            id="campaign"
            onChange={(event) => only({ campaign: event.currentTarget.value || undefined })}
          >
            <option value="">{b().everyCampaign}</option>
            <For each={campaigns.data()?.campaigns}>
              {(campaign) => (
                <option value={campaign.address} selected={campaign.address === query.campaign}>
                  {campaign.name ?? t().home.unnamed}
                </option>
              )}
            </For>
            <Show when={other.data()}>
              {(campaign) => (
                <option value={campaign().address} selected>
                  {campaign().name ?? t().home.unnamed}
                </option>
              )}
            </Show>
          </select>
          <Show when={campaigns.data()?.next_cursor}>
            <p class="hint">{b().newest(listed().length)}</p>
          </Show>
        </div>
        <div class="field">
          <label for="category">{b().category}</label>
          <select
            id="category"
            onChange={(event) => only({ category: event.currentTarget.value || undefined })}
          >
            <option value="">{b().everyCategory}</option>
            <For each={CATEGORIES}>
              {(category) => (
                <option value={category} selected={category === query.category}>
                  {b().categories[category]}
                </option>
              )}
            </For>
          </select>
        </div>
        <div class="field">
          <label for="region">{b().region}</label>
          <select
            id="region"
            onChange={(event) => only({ region: event.currentTarget.value || undefined })}
          >
            <option value="">{b().everyRegion}</option>
            <For each={regions(locale())}>
              {({ code, name }) => (
                <option value={code} selected={code === query.region}>
                  {name}
                </option>
              )}
            </For>
          </select>
        </div>
      </div>
      <Show when={!badWallet()}>
        <Own board={board.data()} wallet={wallet()} token={token()} />
      </Show>
      <div class="sheet lifted">
        <Show
          when={board.data()}
          fallback={
            <Show
              when={board.error() && !badWallet() && board.error()}
              fallback={
                <Show when={!badWallet()} fallback={<Empty title={b().badWallet} />}>
                  <div class="card">
                    <Skeleton lines={6} height="1.75rem" />
                  </div>
                </Show>
              }
            >
              {(error) => <Failure error={error()} again={board.again} />}
            </Show>
          }
        >
          {(found) => (
            <Show
              when={found().entries.length > 0}
              fallback={
                <Empty title={b().none} text={b().noneText}>
                  <A class="button" href="/#campaigns">
                    {b().toCampaigns}
                  </A>
                </Empty>
              }
            >
              <Table board={found()} wallet={wallet()} token={token()} />
            </Show>
          )}
        </Show>
      </div>
      <div class="bar under">
        <div>
          <Show when={board.data()}>
            {(found) => (
              <p class="asof">
                {b().count(found().total_entries)}.{' '}
                <Show when={found().as_of_slot}>
                  {(slot) => (
                    <>
                      {t().common.asOf(
                        new Intl.NumberFormat(locale()).format(slot()),
                        formatTime(found().read, now(), locale()),
                      )}
                      .
                    </>
                  )}
                </Show>
                <Show when={found().compared_at}>
                  {(at) => <> {b().since(formatTime(at() * 1000, now(), locale()))}</>}
                </Show>
                <Show when={board.error()}> {t().common.stale}.</Show>
              </p>
            )}
          </Show>
          <Show when={query.category || query.region}>
            <p class="asof">{b().groups}</p>
          </Show>
          <Show when={campaigns.data() && !token()}>
            <p class="asof">{b().mixed}</p>
          </Show>
        </div>
        <Find
          wallet={query.wallet}
          wrong={Boolean(badWallet())}
          find={(wallet) => setQuery({ wallet })}
        />
      </div>
    </>
  );
}

type Token = ReturnType<typeof tokenOf>;

function Row(props: {
  entry: Entry;
  name: string | undefined;
  own: boolean;
  token: Token | undefined;
}) {
  return (
    <tr classList={{ own: props.own }}>
      <td class="num">{new Intl.NumberFormat(locale()).format(props.entry.rank)}</td>
      <td class="num">
        <Change entry={props.entry} />
      </td>
      <td>
        <Show when={props.name}>
          {(name) => (
            <>
              <Who wallet={props.entry.wallet} name={name()} />{' '}
            </>
          )}
        </Show>
        <Address address={props.entry.wallet} />
        <Show when={props.own}>
          {' '}
          <span class="small">{b().own}</span>
        </Show>
      </td>
      <td class="right">
        <Lit value={new Intl.NumberFormat(locale()).format(props.entry.conversions)} />
      </td>
      <Show when={props.token}>
        {(token) => (
          <td class="right">
            <Show when={props.entry.rewards}>
              {(rewards) => <Money units={rewards()} token={token()} />}
            </Show>
          </td>
        )}
      </Show>
    </tr>
  );
}

/** The change of the rank: an arrow and a number to see, and words for who listens. */
function Change(props: { entry: Entry }) {
  const number = () => new Intl.NumberFormat(locale()).format(Math.abs(props.entry.change ?? 0));
  return (
    <Switch>
      <Match when={props.entry.trend === 'up'}>
        <span class="trend up">
          <span aria-hidden="true">▲ {number()}</span>
          <span class="hidden">{b().up(number())}</span>
        </span>
      </Match>
      <Match when={props.entry.trend === 'down'}>
        <span class="trend down">
          <span aria-hidden="true">▼ {number()}</span>
          <span class="hidden">{b().down(number())}</span>
        </span>
      </Match>
      <Match when={props.entry.trend === 'same'}>
        <span class="trend">
          <span aria-hidden="true">–</span>
          <span class="hidden">{b().same}</span>
        </span>
      </Match>
      <Match when={props.entry.trend === 'new'}>
        <span class="trend">{b().fresh}</span>
      </Match>
    </Switch>
  );
}

function Table(props: {
  board: Leaderboard;
  wallet: string | undefined;
  token: Token | undefined;
}) {
  /** The own row and its neighbours, if it is on another page. */
  const pinned = () => {
    const { own, entries, neighbours } = props.board;
    const isHere = !own || entries.some((entry) => entry.wallet === own.wallet);
    return isHere
      ? []
      : neighbours.filter((it) => !entries.some((one) => one.wallet === it.wallet));
  };
  const names = createNames(() =>
    [...props.board.entries, ...pinned()].map((entry) => entry.wallet),
  );
  /** The elements stay while their entries are read anew, so this is no plain function. */
  const Rows = (list: { entries: readonly Entry[] }) => (
    <Keyed each={list.entries} by={(entry) => entry.wallet}>
      {(entry) => (
        <Row
          entry={entry()}
          name={names(entry().wallet)}
          own={entry().wallet === props.wallet}
          token={props.token}
        />
      )}
    </Keyed>
  );
  return (
    <div class="scroll">
      <table>
        <caption class="hidden">{b().title}</caption>
        <thead>
          <tr>
            <th scope="col">{b().rank}</th>
            <th scope="col">{b().change}</th>
            <th scope="col">{b().referrer}</th>
            <th scope="col" class="right">
              {b().conversions}
            </th>
            <Show when={props.token}>
              <th scope="col" class="right">
                {b().rewards}
              </th>
            </Show>
          </tr>
        </thead>
        <tbody>
          <Rows entries={props.board.entries} />
        </tbody>
        <Show when={pinned().length > 0}>
          <tbody class="pinned" aria-label={b().around}>
            <Rows entries={pinned()} />
          </tbody>
        </Show>
      </table>
    </div>
  );
}

/** The own place in words, above the table. */
function Own(props: {
  board: Leaderboard | undefined;
  wallet: string | undefined;
  token: Token | undefined;
}) {
  const number = (value: number) => new Intl.NumberFormat(locale()).format(value);
  return (
    <Show when={props.wallet ? props.board : undefined}>
      {(board) => (
        <p class="own-place" role="status">
          <Show
            when={board().own}
            fallback={
              <>
                <strong>{b().noOwn}.</strong> {b().noOwnText}
              </>
            }
          >
            {(own) => (
              <>
                <strong>{b().ownRank(number(own().rank), number(board().total_entries))}</strong>
                <Show when={props.token}>
                  {(token) => (
                    <>
                      <Show when={own().rewards}>
                        {(rewards) => (
                          <>
                            {', '}
                            <Money units={rewards()} token={token()} />
                          </>
                        )}
                      </Show>
                    </>
                  )}
                </Show>
              </>
            )}
          </Show>
        </p>
      )}
    </Show>
  );
}

function Find(props: {
  wallet: string | undefined;
  wrong: boolean;
  find: (wallet: string | undefined) => void;
}) {
  const [text, setText] = createSignal(props.wallet ?? '');
  return (
    <form
      class="find"
      onSubmit={(event) => {
        event.preventDefault();
        props.find(text().trim() || undefined);
      }}
    >
      <div class="field">
        <label for="wallet">{b().find}</label>
        <input
          id="wallet"
          value={text()}
          onInput={(event) => setText(event.currentTarget.value)}
          autocomplete="off"
          spellcheck={false}
          maxlength="44"
          aria-invalid={props.wrong}
          aria-describedby="wallet-hint"
        />
        <p id="wallet-hint" class="hint wrong" role="status">
          {props.wrong ? b().badWallet : ''}
        </p>
      </div>
      <button class="button">{b().findButton}</button>
    </form>
  );
}
