/** The conversions within their hold, each of which the campaign's authority can cancel. */

import { createSignal, For, Match, Show, Switch } from 'solid-js';

import { Funding } from '@vouch/client/generated/types/funding.js';

import { answer, api, type Campaign, type Conversion } from '../../api/client';
import type { Token } from '../../format/money';
import { t } from '../../i18n';
import { n } from '../../i18n/numbers';
import { r } from '../../i18n/run';
import { poll } from '../../lib/poll';
import { inAll } from '../../lib/spend';
import type { Deed } from '../../ui/act';
import { Address, Money, short, Status, tokenOf, when } from '../../ui/format';
import { Failure, Skeleton } from '../../ui/states';
import { More } from '../me/mine';

/** How many are shown at first, and more each time, up to the most that one question answers. */
const STEP = 20;
const MOST = 200;
const acting = () => import('../../wallet/acting');

/**
 * The list is one question however long it is, so that each row is as current as the first. The service
 * decides what is held: a reader's clock may be wrong by days.
 */
export function Held(props: {
  campaign: Campaign;
  /** Opens the deed; the list calls `then` once it is closed. */
  act: <D, S>(deed: Deed<D, S>, then: () => void) => void;
}) {
  const token = () => tokenOf(props.campaign);
  const [shown, setShown] = createSignal(STEP);
  const held = poll(
    () => props.campaign.address,
    async (campaign, signal) => {
      const query = { campaign, status: 'held', limit: shown() } as const;
      return answer(api.GET('/v1/conversions', { params: { query }, signal }));
    },
    5000,
  );
  const rows = () => held.data()?.conversions ?? [];
  const isTold = () =>
    (props.campaign.rules?.hold_seconds ?? 0) > 0 ||
    rows().length > 0 ||
    held.error() !== undefined;
  return (
    <Show when={isTold()}>
      <section class="section" aria-labelledby="held">
        <header>
          <h2 id="held">{r().manage.held}</h2>
          <p>{r().manage.heldText}</p>
        </header>
        <Show when={held.data() && held.error()}>
          <p class="small" role="status">
            <Status kind="wait">{t().common.stale}</Status>
          </p>
        </Show>
        <Switch fallback={<Skeleton lines={2} height="1.75rem" />}>
          <Match when={held.data() && rows().length === 0}>
            <p class="small">{r().manage.noneHeld}</p>
          </Match>
          <Match when={held.data()}>
            <dl class="rows">
              <For each={rows()}>
                {(conversion) => (
                  <div>
                    <dt>
                      <code>{conversion.code}</code> {short(conversion.referee)}{' '}
                      <Show when={conversion.claimable_from}>
                        {(at) => (
                          <Status kind="wait">{r().manage.left(when(Date.parse(at())))}</Status>
                        )}
                      </Show>
                    </dt>
                    <dd>
                      <Money units={inAll(conversion.rewards)} token={token()} />{' '}
                      <button
                        type="button"
                        class="button quiet"
                        aria-label={r().manage.cancelOne(conversion.code)}
                        onClick={() =>
                          props.act(cancelling(props.campaign, conversion), held.again)
                        }
                      >
                        {r().manage.cancel}
                      </button>
                    </dd>
                  </div>
                )}
              </For>
            </dl>
          </Match>
          <Match when={held.error()}>
            {(error) => <Failure error={error()} words={r().errors} again={held.again} />}
          </Match>
        </Switch>
        <More
          hasMore={Boolean(held.data()?.next_cursor) && shown() < MOST}
          failed={undefined}
          show={() => {
            setShown((before) => Math.min(before + STEP, MOST));
            held.again();
          }}
          words={n().held.more}
        />
        <Show when={held.data()?.next_cursor && shown() === MOST}>
          <p class="small">{n().held.most(MOST)}</p>
        </Show>
      </section>
    </Show>
  );
}

type Cancelled = {
  address: string;
  token: Token;
  units: bigint;
  referee: string;
  code: string;
  /** Where the held part of a payment goes. */
  treasury: string | undefined;
  uniqueness: number;
};
/** The deed that cancels a held conversion. */
function cancelling(
  shownCampaign: Campaign,
  { address: conversion }: Conversion,
): Deed<void, Cancelled> {
  return {
    title: r().manage.cancelTitle,
    sentence: r().manage.cancelText,
    button: r().manage.cancelButton,
    done: r().manage.cancelled,
    prepare: async (wallet) => {
      const { heldConversion, prepareAct, rewardToken, standing } = await acting();
      const { campaign } = await standing(shownCampaign.address, shownCampaign, wallet);
      const found = await heldConversion(conversion, campaign);
      const { rewardReferrer, rewardReferee, rewardPartner } = found.conversion.data;
      const { funding, settings, uniqueness } = campaign.data;
      // The node says who converted and by which code, because the API chose which conversion to name.
      const shown: Cancelled = {
        address: conversion,
        token: rewardToken(campaign, shownCampaign.symbol),
        units: rewardReferrer + rewardReferee + rewardPartner,
        referee: found.conversion.data.referee,
        code: found.referral.data.code,
        treasury: funding === Funding.PaymentSplit ? settings.treasury : undefined,
        uniqueness,
      };
      const body = { conversion };
      const built = await answer(api.POST('/v1/transactions/cancel-conversion', { body }));
      const doing = await prepareAct(built, { act: 'cancel', campaign, ...found }, wallet);
      return { doing, shown };
    },
    rows: ({ address, token, units, referee, code, treasury, uniqueness }) => (
      <>
        <div>
          <dt>{r().manage.conversion}</dt>
          <dd>
            <Address address={address} />
          </dd>
        </div>
        <div>
          <dt>{r().manage.code}</dt>
          <dd>
            <code>{code}</code>
          </dd>
        </div>
        <div>
          <dt>{r().manage.referee}</dt>
          <dd>
            <Address address={referee} />
          </dd>
        </div>
        <div>
          <dt>{r().manage.nobodyGets}</dt>
          <dd>
            <Money units={units} token={token} />
          </dd>
        </div>
        <Show when={treasury}>
          {(treasury) => (
            <div>
              <dt>{r().manage.backTo}</dt>
              <dd>
                <Address address={treasury()} />
              </dd>
            </div>
          )}
        </Show>
        <div>
          <dt>{r().manage.countsAgain}</dt>
          <dd>{r().manage.neverAgain[uniqueness]}</dd>
        </div>
      </>
    ),
    arrived: async () => {
      const params = { path: { address: conversion } };
      const found = await answer(api.GET('/v1/conversions/{address}', { params }));
      if (found.conversion.status !== 'cancelled') throw new Error('not yet');
    },
  };
}
