/** One campaign: its money, terms, conversions and referrers, and what its authority can set. */

import { A } from '@solidjs/router';
import { createSignal, Match, Show, Switch } from 'solid-js';

import { answer, api, type Campaign, type Conversion } from '../../api/client';
import { locale, t } from '../../i18n';
import { c, words } from '../../i18n/console';
import { m } from '../../i18n/me';
import { n } from '../../i18n/numbers';
import { r } from '../../i18n/run';
import { campaignAt } from '../../lib/campaigns';
import { createPages } from '../../lib/pages';
import { poll } from '../../lib/poll';
import { inAll } from '../../lib/spend';
import {
  Address,
  ConversionStatus,
  Lit,
  Money,
  short,
  Status,
  Time,
  tokenOf,
  when,
} from '../../ui/format';
import { Title } from '../../ui/frame';
import { Keyed } from '../../ui/keyed';
import { OnPage } from '../../ui/onpage';
import { Empty, Failure, Problem, Skeleton } from '../../ui/states';
import { Create } from '../me/create';
import type { SignedIn } from '../me/gate';
import { More } from '../me/mine';
import { Keys } from './keys';
import { Funds } from './funds';
import { Manage } from './manage';
import { CampaignNumbers } from './numbers';
import { Profile } from './profile';
import { Proof } from './proof';
import { stateOf } from './state';
import { Who } from './who';
import { Announced, Rules } from './terms';

export function One(props: { address: string; signed: SignedIn }) {
  const campaign = poll(() => props.address, campaignAt, 5000);
  return (
    <>
      <Who signed={props.signed} />
      <p class="back">
        <A href="/console">← {c().back}</A>
      </p>
      <Switch fallback={<Skeleton lines={3} height="6rem" />}>
        <Match when={campaign.data()}>
          {(found) => (
            <Show
              when={[found().authority, found().delegate].includes(props.signed.session.wallet)}
              fallback={<NotYours address={props.address} />}
            >
              <Console campaign={found()} changed={campaign.again} signed={props.signed} />
            </Show>
          )}
        </Match>
        <Match when={campaign.error()}>
          {(error) => <Failure error={error()} words={words()} again={campaign.again} />}
        </Match>
      </Switch>
    </>
  );
}

/** The wallet is neither the authority nor its delegate, or not any more. */
function NotYours(props: { address: string }) {
  return (
    <>
      <Title of={c().title} />
      <div class="head">
        <h1>{c().title}</h1>
      </div>
      <Problem calm words={c().notYours}>
        <A class="button" href={`/c/${props.address}`}>
          {c().toPage}
        </A>
      </Problem>
    </>
  );
}

/** How many conversions are shown at first, and more each time. The rate is that of the first ones. */
const SHOWN = 50;

function Console(props: { campaign: Campaign; changed: () => void; signed: SignedIn }) {
  const state = () => stateOf(props.campaign);
  // A delegate acts off chain alone.
  const signs = () => props.campaign.authority === props.signed.session.wallet;
  const conversions = createPages<string, Conversion>(
    () => props.campaign.address,
    async (campaign, cursor, signal) => {
      const query = { campaign, limit: SHOWN, ...(cursor && { cursor }) };
      const found = await answer(
        api.GET('/v1/conversions', { params: { query }, ...(signal && { signal }) }),
      );
      return { rows: found.conversions, next: found.next_cursor };
    },
    (conversion) => conversion.address,
    3000,
  );
  return (
    <>
      <Title of={props.campaign.name ?? t().home.unnamed} />
      <div class="head">
        <h1>
          <bdi>{props.campaign.name ?? t().home.unnamed}</bdi>
        </h1>
        <p>
          <Status kind={state().kind}>{c().states[state().name]}</Status>{' '}
          <Address address={props.campaign.address} />{' '}
          <A href={`/c/${props.campaign.address}`}>{c().toPage}</A>
        </p>
      </div>
      <Show when={!signs()}>
        <Problem calm words={c().delegate}>
          <Address address={props.campaign.authority} />
        </Problem>
      </Show>
      <Show when={state().name === 'exhausted'}>
        <Problem words={c().exhausted} />
      </Show>
      <Show when={state().name === 'short'}>
        <Problem words={c().shortVault}>
          <Show when={props.campaign.vault}>
            {(vault) => <Address address={vault().address} />}
          </Show>
        </Problem>
      </Show>
      <Show when={props.campaign.announced}>
        {(announced) => <Announced campaign={props.campaign} announced={announced()} />}
      </Show>
      <Funds
        campaign={props.campaign}
        conversions={conversions.rows().slice(0, SHOWN)}
        isAll={conversions.rows().length < SHOWN}
      />
      <Show when={conversions.known() && conversions.rows().length === 0 && !props.campaign.closed}>
        <First campaign={props.campaign.address} signed={props.signed} />
      </Show>
      <OnPage
        label={m().onPage}
        parts={[
          ['numbers', n().campaign.title],
          ...(props.campaign.closed || !signs() ? [] : [['manage', r().manage.title] as const]),
          ['conversions', c().conversions.title],
          ['top', c().top.title],
          ['terms', c().terms.title],
          ['profile', c().profile.title],
          ['keys', c().keys.title],
          ['proof', c().proof.title],
        ]}
      />
      <CampaignNumbers campaign={props.campaign} />
      <Show when={signs()}>
        <Manage
          campaign={props.campaign}
          signed={props.signed}
          changed={() => {
            props.changed();
            conversions.again();
          }}
        />
      </Show>
      <Conversions campaign={props.campaign} conversions={conversions} />
      <Top campaign={props.campaign} />
      <Rules campaign={props.campaign} />
      <Profile campaign={props.campaign} changed={props.changed} />
      <Keys campaign={props.campaign.address} />
      <Proof campaign={props.campaign.address} />
    </>
  );
}

function Conversions(props: {
  campaign: Campaign;
  conversions: ReturnType<typeof createPages<string, Conversion>>;
}) {
  const token = () => tokenOf(props.campaign);
  return (
    <section class="section" aria-labelledby="conversions">
      <header>
        <h2 id="conversions">{c().conversions.title}</h2>
      </header>
      <div class="sheet lifted">
        <Switch
          fallback={
            <div class="card">
              <Skeleton lines={4} height="1.75rem" />
            </div>
          }
        >
          <Match when={props.conversions.known() && props.conversions.rows().length === 0}>
            <Empty title={c().conversions.none} text={c().conversions.noneText} />
          </Match>
          <Match when={props.conversions.known()}>
            <div class="scroll">
              <table>
                <caption class="hidden">{c().conversions.title}</caption>
                <thead>
                  <tr>
                    <th scope="col">{c().conversions.when}</th>
                    <th scope="col">{c().conversions.code}</th>
                    <th scope="col" class="optional">
                      {c().conversions.referee}
                    </th>
                    <th scope="col" class="right">
                      {c().conversions.reward}
                    </th>
                    <th scope="col">{c().conversions.state}</th>
                  </tr>
                </thead>
                <tbody>
                  <Keyed each={props.conversions.rows()} by={(conversion) => conversion.address}>
                    {(conversion) => (
                      <tr>
                        <td>
                          <A href={`/conversion/${conversion().address}`}>
                            <Show when={conversion().converted_at} fallback={m().rewards.open}>
                              {(at) => <Time at={at()} />}
                            </Show>
                          </A>
                        </td>
                        <td>
                          <code>{conversion().code}</code>
                        </td>
                        <td class="optional">{short(conversion().referee)}</td>
                        <td class="right">
                          <Money units={inAll(conversion().rewards)} token={token()} />
                        </td>
                        <td>
                          <ConversionStatus status={conversion().status} />
                          <Show
                            when={conversion().status === 'pending' && conversion().claimable_from}
                          >
                            {(at) => (
                              <span class="small">
                                {' '}
                                {c().conversions.until(when(Date.parse(at())))}
                              </span>
                            )}
                          </Show>
                        </td>
                      </tr>
                    )}
                  </Keyed>
                </tbody>
              </table>
            </div>
          </Match>
          <Match when={props.conversions.error()}>
            {(error) => <Failure error={error()} words={words()} again={props.conversions.again} />}
          </Match>
        </Switch>
      </div>
      <More
        hasMore={props.conversions.hasMore()}
        failed={props.conversions.failed()}
        show={() => void props.conversions.showMore()}
        words={c().conversions.more}
      />
    </section>
  );
}

/** The first step of a campaign: it needs a code before anybody can earn. */
function First(props: { campaign: string; signed: SignedIn }) {
  const [creating, setCreating] = createSignal(false);
  return (
    <section class="section first" aria-labelledby="first">
      <Show when={creating()}>
        <h2 id="first" class="hidden">
          {r().first.title}
        </h2>
      </Show>
      <Show
        when={creating()}
        fallback={
          <div class="notice">
            <h2 id="first">{r().first.title}</h2>
            <p>{r().first.text}</p>
            <button type="button" class="button primary" onClick={() => setCreating(true)}>
              {r().first.button}
            </button>
          </div>
        }
      >
        <Create
          wallet={props.signed.session.wallet}
          connection={props.signed.connection}
          campaign={props.campaign}
          close={() => setCreating(false)}
          created={() => {}}
        />
      </Show>
    </section>
  );
}

/** The referrers who have brought the most. */
function Top(props: { campaign: Campaign }) {
  const board = poll(
    () => props.campaign.address,
    (campaign, signal) =>
      answer(api.GET('/v1/leaderboard', { params: { query: { campaign, limit: 5 } }, signal })),
    10_000,
  );
  const number = (value: number) => new Intl.NumberFormat(locale()).format(value);
  return (
    <section class="section" aria-labelledby="top">
      <header class="across">
        <h2 id="top">{c().top.title}</h2>
        <Show when={board.data()?.total_entries}>
          {(total) => (
            <A href={`/leaderboard?campaign=${props.campaign.address}`}>
              {c().top.all(number(total()))}
            </A>
          )}
        </Show>
      </header>
      <Show when={board.data()?.entries.length === 0}>
        <p class="small">{c().top.none}</p>
      </Show>
      <dl class="rows">
        <Keyed each={board.data()?.entries ?? []} by={(entry) => entry.wallet}>
          {(entry) => (
            <div>
              <dt>
                {number(entry().rank)}. <Address address={entry().wallet} />
              </dt>
              <dd>
                <Lit value={number(entry().conversions)} />
                <Show when={entry().rewards}>
                  {(rewards) => (
                    <>
                      {' · '}
                      <Money units={rewards()} token={tokenOf(props.campaign)} />
                    </>
                  )}
                </Show>
              </dd>
            </div>
          )}
        </Keyed>
      </dl>
    </section>
  );
}
