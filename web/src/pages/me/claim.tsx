/** The rewards that are due to the wallet and not paid yet, by campaign, and the transaction that pays them. */

import { createSignal, For, Show } from 'solid-js';

import { answer, api, type Campaign, type Reward } from '../../api/client';
import type { components } from '../../api/schema';
import type { Token } from '../../format/money';
import { locale, t } from '../../i18n';
import { r } from '../../i18n/run';
import { createCampaigns } from '../../lib/campaigns';
import { firstClaimable } from '../../lib/claimable';
import { now } from '../../lib/clock';
import type { Connection } from '../../lib/connection';
import type { Live } from '../../lib/live';
import { poll } from '../../lib/poll';
import { Acting, type Deed } from '../../ui/act';
import { Address, Money, tokenOf } from '../../ui/format';
import { Keyed } from '../../ui/keyed';

type Answer = components['schemas']['ClaimRewardsAnswer'];
/** As what a wallet can be owed something. */
const ROLES = ['referrer', 'referee', 'partner'] as const;
/** Most rewards of each that are looked through for what is due. */
const LOOKED_AT = 200;

type Due = { readonly campaign: string; readonly count: number; readonly rewards: Reward[] };

export function Claim(props: {
  wallet: string;
  connection: Connection;
  claimed: () => void;
  changes: Live;
}) {
  const waiting = poll(
    () => props.wallet,
    async (_, signal) => {
      const pages = await Promise.all(
        ROLES.map((role) => {
          const query = { role, status: 'pending', limit: LOOKED_AT } as const;
          return answer(api.GET('/v1/me/rewards', { params: { query }, signal }));
        }),
      );
      return {
        rewards: pages.flatMap(({ rewards }) => rewards),
        hasMore: pages.some(({ next_cursor }) => Boolean(next_cursor)),
      };
    },
    10_000,
    props.changes,
  );
  const due = (): Due[] => {
    const all = new Map<string, Reward[]>();
    for (const reward of waiting.data()?.rewards ?? []) {
      if (Date.parse(reward.claimable_from ?? '') > now()) continue;
      all.set(reward.campaign, [...(all.get(reward.campaign) ?? []), reward]);
    }
    return [...all].map(([campaign, rewards]) => ({ campaign, count: rewards.length, rewards }));
  };
  const campaign = createCampaigns(() => due().map(({ campaign }) => campaign));
  const [deed, setDeed] = createSignal<Deed<Answer, Claimed>>();
  /** Where an earlier try stopped in a campaign. The list before it had nothing that could be paid. */
  const places = new Map<string, string>();
  /** Claims what is due in a campaign, page by page. */
  const claim = (found: Campaign, name: string): void => {
    const place: Place = {
      get: () => places.get(found.address),
      set: (cursor) => {
        if (cursor === undefined) places.delete(found.address);
        else places.set(found.address, cursor);
      },
    };
    setDeed(claimOf(found, name, place, () => claim(found, name)));
  };
  const tokenFor = (reward: Reward) =>
    tokenOf({ ...reward, symbol: campaign(reward.campaign)?.symbol ?? null });
  const nameOf = (address: string) => campaign(address)?.name ?? t().home.unnamed;

  return (
    <>
      <Show when={due().length > 0}>
        <section class="section" aria-labelledby="due">
          <header>
            <h2 id="due">{r().claim.title}</h2>
            <p>{r().claim.text}</p>
          </header>
          <dl class="rows sheet card due">
            <Keyed each={due()} by={({ campaign }) => campaign}>
              {(one) => (
                <div>
                  <dt>
                    <bdi>{nameOf(one().campaign)}</bdi>{' '}
                    <span class="small">
                      {r().claim.count(one().count)}
                      {waiting.data()?.hasMore ? ` ${r().claim.more}` : ''}
                    </span>
                  </dt>
                  <dd>
                    <Money
                      units={one().rewards.reduce((sum, { units }) => sum + BigInt(units), 0n)}
                      token={tokenFor(one().rewards[0]!)}
                    />{' '}
                    <Show when={campaign(one().campaign)}>
                      {(found) => (
                        <button
                          type="button"
                          class="button"
                          aria-label={r().claim.buttonOf(nameOf(one().campaign))}
                          onClick={() => claim(found(), nameOf(one().campaign))}
                        >
                          {r().claim.button}
                        </button>
                      )}
                    </Show>
                  </dd>
                </div>
              )}
            </Keyed>
          </dl>
        </section>
      </Show>
      <Show when={deed()} keyed>
        {(deed) => (
          <Acting
            deed={deed}
            connection={props.connection}
            close={() => {
              setDeed(undefined);
              waiting.again();
              props.claimed();
            }}
          />
        )}
      </Show>
    </>
  );
}

/** The parts that are not paid, with what their owners have to do. */
const waitingIn = ({ claims }: Answer) => claims.flatMap(({ waiting }) => waiting);

/** The parts of a claim that are shown before it is signed, and the signs that it was done. */
type Claimed = {
  readonly built: Answer;
  readonly arrives: bigint;
  readonly token: Token;
  readonly first: string;
  /** Outcomes of the first conversion before. */
  readonly before: number;
};

/** Where the next question about a campaign begins; `undefined` stands for the beginning of the list. */
type Place = { get: () => string | undefined; set: (cursor: string | undefined) => void };

/** The claim of everything that is due to the wallet in a campaign from a place on, as much as fits. */
function claimOf(
  shown: Campaign,
  name: string,
  from: Place,
  more: () => void,
): Deed<Answer, Claimed> {
  const outcomes = async (first: string) => {
    const params = { path: { address: first } };
    const found = await answer(api.GET('/v1/conversions/{address}', { params }));
    return found.outcomes.length;
  };
  const number = (units: string) => new Intl.NumberFormat(locale()).format(BigInt(units));
  return {
    title: r().claim.dialog(name),
    sentence: r().claim.sentence,
    button: r().claim.sign,
    done: r().claim.done,
    prepare: async (wallet) => {
      const { balanceIn, balances, placeOf, prepareAct, rewardToken, standing } =
        await import('../../wallet/acting');
      const { campaign } = await standing(shown.address, shown);
      const place = await placeOf(wallet, campaign);
      const body = { campaign: campaign.address, wallet, payer: wallet };
      const answered = await firstClaimable(
        (cursor) =>
          answer(
            api.POST('/v1/transactions/claim', { body: { ...body, ...(cursor && { cursor }) } }),
          ),
        from.get(),
        from.set,
      );
      const [had] = await balances([place]);
      const act = { act: 'claim', campaign } as const;
      const doing = await prepareAct(answered, act, wallet, { watched: [place] });
      const arrives = place === wallet ? doing.gains : balanceIn(doing.after[0]) - had!;
      const first = doing.understood.claims[0]!;
      const before = await outcomes(first);
      const token = rewardToken(campaign, shown.symbol);
      return { doing, shown: { built: answered, arrives, token, first, before } };
    },
    rows: ({ built, arrives, token }, doing) => (
      <>
        <div>
          <dt>{r().claim.arrives}</dt>
          <dd>
            <strong>
              <Money units={arrives > 0n ? arrives : 0n} token={token} />
            </strong>
          </dd>
        </div>
        <div>
          <dt>{r().claim.claims}</dt>
          <dd class="change">
            <For each={doing.understood.claims}>
              {(conversion) => <Address address={conversion} />}
            </For>
          </dd>
        </div>
        <Show when={built.skipped.length > 0}>
          <div>
            <dt>{r().claim.skipped(built.skipped.length)}</dt>
            <For each={built.skipped}>
              {({ code, message, conversion }) => (
                <dd class="note">
                  <Address address={conversion} /> {r().errors[code]?.[0] ?? message}
                </dd>
              )}
            </For>
          </div>
        </Show>
        <For each={waitingIn(built)}>
          {({ owner, code, message }) => (
            <div>
              <dd class="note">
                <Address address={owner} /> {r().errors[code]?.[0] ?? message}
              </dd>
            </div>
          )}
        </For>
        <For each={built.warnings}>
          {({ code, message }) => (
            <div>
              <dd class="note">{r().warnings[code] ?? message}</dd>
            </div>
          )}
        </For>
      </>
    ),
    arrived: async ({ built, first, before }) => {
      if ((await outcomes(first)) <= before) throw new Error('not yet');
      // Rewards that could not be paid before may be payable at the next click.
      from.set(undefined);
      return built;
    },
    after: ({ left, next_cursor }) => (
      <Show when={left !== '0'}>
        <p>{r().claim.left(number(left))}</p>
        <button
          type="button"
          class="button"
          onClick={() => {
            from.set(next_cursor ?? undefined);
            more();
          }}
        >
          {r().claim.sign}
        </button>
      </Show>
    ),
  };
}
