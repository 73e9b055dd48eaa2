/** Every reward of the wallet's codes, with its receipt, and why some of it waits. */

import { A, useSearchParams } from '@solidjs/router';
import { For, Match, Show, Switch } from 'solid-js';

import { answer, api, type Reward } from '../../api/client';
import { t } from '../../i18n';
import { m } from '../../i18n/me';
import { createCampaigns } from '../../lib/campaigns';
import { now } from '../../lib/clock';
import type { Live } from '../../lib/live';
import { createPages } from '../../lib/pages';
import { explorer } from '../../lib/site';
import { ConversionStatus, Money, short, Time, tokenOf, when } from '../../ui/format';
import { Keyed } from '../../ui/keyed';
import { View } from '../../ui/numbers';
import { Empty, Failure, Skeleton } from '../../ui/states';
import { More } from './mine';

const FILTERS = ['all', 'pending', 'paid'] as const;
/** How many rewards are shown at first, and more each time. */
const SHOWN = 20;

export function Rewards(props: { wallet: string; changes: Live }) {
  const [query] = useSearchParams<{ status?: string }>();
  const status = () => FILTERS.find((it) => it === query.status) ?? 'all';
  const rewards = createPages<string, Reward>(
    () => `${props.wallet} ${status()}`,
    async (_, cursor, signal) => {
      const wanted = status();
      const query = {
        limit: SHOWN,
        ...(wanted !== 'all' && { status: wanted }),
        ...(cursor && { cursor }),
      };
      const found = await answer(
        api.GET('/v1/me/rewards', { params: { query }, ...(signal && { signal }) }),
      );
      return { rows: found.rewards, next: found.next_cursor };
    },
    (reward) => reward.conversion,
    5000,
    props.changes,
  );
  const campaign = createCampaigns(() => rewards.rows().map((reward) => reward.campaign));
  const waits = () => rewards.rows().some((reward) => reward.status === 'pending');

  return (
    <section class="section" aria-labelledby="rewards">
      <header class="across">
        <h2 id="rewards">{m().rewards.title}</h2>
        <nav class="tabs" aria-label={m().rewards.filter}>
          <For each={FILTERS}>
            {(name) => (
              <View
                change={{ status: name === 'all' ? undefined : name }}
                current={status() === name}
              >
                {m().rewards.filters[name]}
              </View>
            )}
          </For>
        </nav>
      </header>
      <div class="sheet lifted">
        <Show
          when={rewards.known()}
          fallback={
            <Show
              when={rewards.error()}
              fallback={
                <div class="card">
                  <Skeleton lines={4} height="1.75rem" />
                </div>
              }
            >
              {(error) => <Failure error={error()} words={m().errors} again={rewards.again} />}
            </Show>
          }
        >
          <Show
            when={rewards.rows().length > 0}
            fallback={
              <Show when={status() === 'all'} fallback={<Empty title={m().rewards.noneOf} />}>
                <Empty title={m().rewards.none} text={m().rewards.noneText} />
              </Show>
            }
          >
            <div class="scroll">
              <table>
                <caption class="hidden">{m().rewards.title}</caption>
                <thead>
                  <tr>
                    <th scope="col">{m().rewards.when}</th>
                    <th scope="col" class="optional">
                      {m().rewards.what}
                    </th>
                    <th scope="col" class="right">
                      {m().rewards.amount}
                    </th>
                    <th scope="col">{m().rewards.state}</th>
                    <th scope="col" class="optional">
                      {m().rewards.payment}
                    </th>
                  </tr>
                </thead>
                <tbody>
                  <Keyed each={rewards.rows()} by={(reward) => reward.conversion}>
                    {(reward) => (
                      <tr>
                        <td>
                          <A href={`/conversion/${reward().conversion}`}>
                            <Show when={reward().converted_at} fallback={m().rewards.open}>
                              {(at) => <Time at={at()} />}
                            </Show>
                          </A>
                        </td>
                        <td class="optional">
                          <code>{reward().code}</code>{' '}
                          <span class="small">{campaign(reward().campaign)?.name ?? ''}</span>
                        </td>
                        <td class="right">
                          <Money
                            units={reward().units}
                            token={tokenOf({
                              mint: reward().mint,
                              decimals: reward().decimals,
                              symbol: campaign(reward().campaign)?.symbol ?? null,
                            })}
                          />
                        </td>
                        <td>
                          <State reward={reward()} wallet={props.wallet} />
                        </td>
                        <td class="optional">
                          <Show when={reward().paid_by}>
                            {(signature) => (
                              <a
                                href={explorer('tx', signature())}
                                target="_blank"
                                rel="noreferrer"
                                title={t().common.inExplorer}
                              >
                                {short(signature())}
                                <span aria-hidden="true"> ↗</span>
                                <span class="hidden"> ({t().common.inExplorer})</span>
                              </a>
                            )}
                          </Show>
                        </td>
                      </tr>
                    )}
                  </Keyed>
                </tbody>
              </table>
            </div>
          </Show>
        </Show>
      </div>
      <More
        hasMore={rewards.hasMore()}
        failed={rewards.failed()}
        show={() => void rewards.showMore()}
        words={m().rewards.more}
      />
      <Show when={waits()}>
        <details class="waits">
          <summary>{m().waits.title}</summary>
          <p>{m().waits.held}</p>
          <p>{m().waits.due}</p>
          <p>{m().waits.place}</p>
        </details>
      </Show>
    </section>
  );
}

function State(props: { reward: Reward; wallet: string }) {
  const due = () => Date.parse(props.reward.claimable_from ?? '');
  return (
    <>
      <ConversionStatus status={props.reward.status} />{' '}
      <span class="small">
        <Switch>
          <Match when={props.reward.status === 'pending' && due() > now()}>
            {m().rewards.until(when(due()))}
          </Match>
          <Match when={props.reward.status === 'pending'}>{m().rewards.due}</Match>
          <Match when={props.reward.status !== 'paid'}>{m().rewards.lost}</Match>
          <Match when={props.reward.paid_to !== props.wallet && props.reward.paid_to}>
            {(wallet) => m().rewards.to(short(wallet()))}
          </Match>
        </Switch>
      </span>
    </>
  );
}
