/** `/console`: the campaigns of the wallet that is signed in, and each of them. */

import { A, useParams } from '@solidjs/router';
import { createResource, lazy, Match, Show, Switch } from 'solid-js';

import { answer, api, type Campaign } from '../../api/client';
import { locale, t } from '../../i18n';
import { c, useConsole, words } from '../../i18n/console';
import { useMe } from '../../i18n/me';
import { useNumbers } from '../../i18n/numbers';
import { r, useRun } from '../../i18n/run';
import { createCampaigns } from '../../lib/campaigns';
import { createPages } from '../../lib/pages';
import { Money, short, Status, tokenOf } from '../../ui/format';
import { Title } from '../../ui/frame';
import { Keyed } from '../../ui/keyed';
import { Rule } from '../../ui/rule';
import { Empty, Failure, Skeleton } from '../../ui/states';
import { Gate, type SignedIn } from '../me/gate';
import { More } from '../me/mine';
import { One } from './campaign';
import { leftOf, stateOf } from './state';
import { Who } from './who';
import '../../lib/palette';

/** No address: it is too short. */
const NEW = 'new';
const New = lazy(() => import('./new'));

export default function ConsolePage() {
  const params = useParams<{ campaign?: string }>();
  const [loaded] = createResource(locale, async (language) => {
    // The sign-in has the words of `/me`.
    await Promise.all([
      useConsole(language),
      useMe(language),
      useRun(language),
      useNumbers(language),
    ]);
    return true;
  });
  return (
    <Show when={loaded.latest}>
      <Gate words={c().signIn}>
        {(signed) => (
          <Show when={params.campaign} keyed fallback={<All signed={signed} />}>
            {(address) =>
              address === NEW ? <New signed={signed} /> : <One address={address} signed={signed} />
            }
          </Show>
        )}
      </Gate>
    </Show>
  );
}

/** How many campaigns are shown at first, and more each time. */
const SHOWN = 20;

function All(props: { signed: SignedIn }) {
  const campaigns = createPages<string, Campaign>(
    () => props.signed.session.wallet,
    async (authority, cursor, signal) => {
      const query = { authority, limit: SHOWN, ...(cursor && { cursor }) };
      const found = await answer(
        api.GET('/v1/campaigns', { params: { query }, ...(signal && { signal }) }),
      );
      return { rows: found.campaigns, next: found.next_cursor };
    },
    (campaign) => campaign.address,
    5000,
  );
  return (
    <>
      <Title of={c().title} />
      <Who signed={props.signed} />
      <div class="head across">
        <h1>{c().title}</h1>
        <Show when={campaigns.rows().length > 0}>
          <A class="button primary" href="/console/new">
            {r().open.entry}
          </A>
        </Show>
      </div>
      <Switch fallback={<Skeleton lines={3} height="6rem" />}>
        <Match when={campaigns.known() && campaigns.rows().length === 0}>
          <div class="sheet">
            <Empty title={c().none} text={c().noneText}>
              <A class="button primary" href="/console/new">
                {r().open.entry}
              </A>
            </Empty>
          </div>
        </Match>
        <Match when={campaigns.known()}>
          <h2 class="hidden">{c().list}</h2>
          <div class="cards">
            <Keyed each={campaigns.rows()} by={(campaign) => campaign.address}>
              {(campaign) => <Card campaign={campaign()} />}
            </Keyed>
          </div>
          <More
            hasMore={campaigns.hasMore()}
            failed={campaigns.failed()}
            show={() => void campaigns.showMore()}
            words={c().more}
          />
        </Match>
        <Match when={campaigns.error()}>
          {(error) => <Failure error={error()} words={words()} again={campaigns.again} />}
        </Match>
      </Switch>
      <Delegated wallet={props.signed.session.wallet} />
    </>
  );
}

/** The campaigns of others whose authorities have named the wallet. */
function Delegated(props: { wallet: string }) {
  const delegations = createPages<string, { campaign: string }>(
    () => props.wallet,
    async (_, after, signal) => {
      const query = { limit: SHOWN, ...(after && { after }) };
      const { delegations } = await answer(
        api.GET('/v1/me/delegations', { params: { query }, ...(signal && { signal }) }),
      );
      return { rows: delegations, next: delegations[SHOWN - 1]?.campaign };
    },
    ({ campaign }) => campaign,
    30_000,
  );
  const campaign = createCampaigns(() => delegations.rows().map(({ campaign }) => campaign));
  return (
    <Show when={delegations.error() || delegations.rows().length > 0}>
      <section class="section" aria-labelledby="delegated">
        <h2 id="delegated">{c().delegated}</h2>
        <Show when={delegations.error()}>
          {(error) => <Failure error={error()} words={words()} again={delegations.again} />}
        </Show>
        <div class="cards">
          <Keyed each={delegations.rows()} by={({ campaign }) => campaign}>
            {(row) => (
              <Show when={campaign(row().campaign)}>{(found) => <Card campaign={found()} />}</Show>
            )}
          </Keyed>
        </div>
        <More
          hasMore={delegations.hasMore()}
          failed={delegations.failed()}
          show={() => void delegations.showMore()}
          words={c().more}
        />
      </section>
    </Show>
  );
}

function Card(props: { campaign: Campaign }) {
  const state = () => stateOf(props.campaign);
  return (
    <article class="card sheet">
      <h3>
        <A href={`/console/${props.campaign.address}`}>
          <bdi>{props.campaign.name ?? t().home.unnamed}</bdi>
        </A>
        <Status kind={state().kind}>{c().states[state().name]}</Status>
      </h3>
      <p class="pays">
        <Rule campaign={props.campaign} />
        <small>{c().terms.reward}</small>
      </p>
      <ul>
        <Show when={leftOf(props.campaign) !== undefined}>
          <li>
            {c().figures.left}:{' '}
            <Money units={leftOf(props.campaign)!} token={tokenOf(props.campaign)} />
          </li>
        </Show>
        <Show when={props.campaign.vault?.seen}>
          {(seen) => (
            <li>
              {c().figures.vault}: <Money units={seen().balance} token={tokenOf(props.campaign)} />
            </li>
          )}
        </Show>
        <li>{short(props.campaign.address)}</li>
      </ul>
    </article>
  );
}
