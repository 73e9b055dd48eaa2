/** Closes a campaign for good, and takes back what a closed one holds. */

import { createResource, Match, Show, Switch, type JSX } from 'solid-js';

import { NO_ADDRESS } from '@vouch/client/addresses.js';
import type { Campaign as Account } from '@vouch/client/generated/accounts/campaign.js';
import { Funding } from '@vouch/client/generated/types/funding.js';
import type { At } from '@vouch/client/offer.js';

import { answer, api, Refusal, type Campaign } from '../../api/client';
import type { Token } from '../../format/money';
import { r } from '../../i18n/run';
import { campaignAt } from '../../lib/campaigns';
import type { Deed } from '../../ui/act';
import { Address, Money, when } from '../../ui/format';
import { Failure, Skeleton } from '../../ui/states';

/** Seconds after the end of the last hold within which rewards of a closed campaign can be claimed. */
const CLAIM_PERIOD = 2_592_000;
const acting = () => import('../../wallet/acting');

/** The things that a campaign holds, and the accounts to which they return. */
type Holding = {
  readonly address: string;
  readonly funding: Funding;
  /** The vault, in base units; `undefined` if the campaign has none. */
  readonly vault: { token: Token; units: bigint; owed: bigint } | undefined;
  /** Receives SOL of held parts that nobody claims. */
  readonly treasury: string | undefined;
  /** Receives the deposit. */
  readonly rentPayer: string;
};

async function holding({ address, data }: At<Account>, symbol: Campaign['symbol']) {
  const { balances, rewardToken } = await acting();
  const { funding, mint, owed, rentPayer, settings, vault } = data;
  const [units] = vault === NO_ADDRESS ? [] : await balances([vault]);
  const token = rewardToken({ address, data }, symbol);
  const held: Holding = {
    address,
    funding,
    vault: units === undefined ? undefined : { token, units, owed },
    treasury:
      funding === Funding.PaymentSplit && mint === NO_ADDRESS ? settings.treasury : undefined,
    rentPayer,
  };
  return held;
}

function Row(props: { name: string; note?: string | undefined; children: JSX.Element }) {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd>{props.children}</dd>
      <Show when={props.note}>{(note) => <dd class="note">{note()}</dd>}</Show>
    </div>
  );
}

/** The deed that closes `campaign`. */
export function closing(campaign: () => Campaign): Deed<void, Holding & { until: number }> {
  const words = r().manage;
  return {
    title: words.closeTitle,
    sentence: words.closeText,
    button: words.closeButton,
    done: words.closed,
    prepare: async (wallet) => {
      const { prepareAct, standing } = await acting();
      const { symbol } = campaign();
      const found = await standing(campaign().address, campaign(), wallet);
      const { address, data } = found.campaign;
      const body = { campaign: address };
      const built = await answer(api.POST('/v1/transactions/close-campaign', { body }));
      const doing = await prepareAct(built, { act: 'close', campaign: address }, wallet);
      const held = await holding(found.campaign, symbol);
      // The last part that is held at the closing can be claimed for so long after its hold.
      const until = (Number(found.now) + data.longestHold + CLAIM_PERIOD) * 1000;
      return { doing, shown: { ...held, until } };
    },
    rows: ({ address, funding, vault, treasury, rentPayer, until }) => (
      <>
        <Row name={words.campaign}>
          <Address address={address} />
        </Row>
        <Row name={words.closeEarned}>{words.closeEarnedText(when(until))}</Row>
        <Show when={vault}>
          {(vault) => (
            <>
              <Row name={words.closeVault} note={words.closeVaultBack}>
                <Money units={vault().units} token={vault().token} />
              </Row>
              <Row
                name={words.closeOwed}
                note={vault().units < vault().owed ? words.closeShort : undefined}
              >
                <Money units={vault().owed} token={vault().token} />
              </Row>
            </>
          )}
        </Show>
        <Show when={funding === Funding.MintAuthority}>
          <Row name={words.mintRight}>{words.closeMintBack}</Row>
        </Show>
        <Show when={treasury}>
          {(treasury) => (
            <Row name={words.unclaimed} note={words.closeUnclaimed}>
              <Address address={treasury()} />
            </Row>
          )}
        </Show>
        <Row name={words.depositTo} note={words.closeDeposit}>
          <Address address={rentPayer} />
        </Row>
      </>
    ),
    arrived: async () => {
      if (!(await campaignAt(campaign().address)).closed) throw new Error('not yet');
    },
  };
}

/** The deed that takes back what a closed campaign holds. */
function reclaiming(campaign: () => Campaign, done: () => void): Deed<void, Holding> {
  const words = r().manage;
  return {
    title: words.reclaimTitle,
    sentence: words.reclaimText,
    button: words.reclaim,
    done: words.reclaimed,
    prepare: async (wallet) => {
      const { prepareAct, standing } = await acting();
      const { symbol } = campaign();
      const found = await standing(campaign().address, campaign(), wallet);
      const body = { campaign: found.campaign.address };
      const built = await answer(api.POST('/v1/transactions/reclaim-campaign', { body }));
      const act = { act: 'reclaim', campaign: found.campaign } as const;
      const doing = await prepareAct(built, act, wallet);
      return { doing, shown: await holding(found.campaign, symbol) };
    },
    rows: ({ address, funding, vault, rentPayer }) => (
      <>
        <Row name={words.campaign}>
          <Address address={address} />
        </Row>
        <Show when={vault}>
          {(vault) => (
            <Row name={words.reclaimVault}>
              <Money units={vault().units} token={vault().token} />
            </Row>
          )}
        </Show>
        <Show when={funding === Funding.MintAuthority}>
          <Row name={words.mintRight}>{words.reclaimMint}</Row>
        </Show>
        <Row name={words.depositTo}>
          <Address address={rentPayer} />
        </Row>
      </>
    ),
    // The mirror keeps the campaign as a closed one; the node knows that it is reclaimed.
    arrived: async () => done(),
  };
}

/** The rest of a closed campaign, and from when on its authority can take it back. */
export function Closed(props: {
  campaign: Campaign;
  act: <D, S>(deed: Deed<D, S>) => void;
  children: JSX.Element;
}) {
  const campaign = () => props.campaign;
  type Left = { readonly from: number; readonly isOver: boolean } | 'reclaimed';
  const [left, { refetch }] = createResource(
    () => props.campaign.address,
    async (address): Promise<Left> => {
      const { standing } = await acting();
      try {
        const { campaign, now } = await standing(address, props.campaign);
        const { closedAt, longestHold } = campaign.data;
        const from = Number(closedAt) + longestHold + CLAIM_PERIOD;
        return { from: from * 1000, isOver: Number(now) >= from };
      } catch (error) {
        if (error instanceof Refusal && error.code === 'campaign_reclaimed') return 'reclaimed';
        throw error;
      }
    },
  );
  const waiting = () => {
    const found = left.error ? undefined : left();
    return found === 'reclaimed' ? undefined : found;
  };
  return (
    <section class="section" aria-labelledby="manage">
      <header>
        <h2 id="manage">{r().manage.leftTitle}</h2>
      </header>
      <Switch fallback={<Skeleton lines={1} />}>
        <Match when={left.error as unknown}>
          {(error) => <Failure error={error()} words={r().errors} again={() => void refetch()} />}
        </Match>
        <Match when={left() === 'reclaimed'}>
          <p>{r().manage.reclaimed}</p>
        </Match>
        <Match when={waiting()}>
          {(found) => (
            <>
              <p>{found().isOver ? r().manage.leftNow : r().manage.leftFrom(when(found().from))}</p>
              <div class="actions">
                {props.children}
                <Show when={found().isOver}>
                  <button
                    type="button"
                    class="button"
                    onClick={() => props.act(reclaiming(campaign, () => void refetch()))}
                  >
                    {r().manage.reclaim}
                  </button>
                </Show>
              </div>
            </>
          )}
        </Match>
      </Switch>
    </section>
  );
}
