/** What a campaign's authority can do: pause, change, fund, take out, suspend, cancel. */

import { createSignal, For, Match, Show, Switch } from 'solid-js';

import { Funding } from '@vouch/client/generated/types/funding.js';

import {
  answer,
  api,
  Refusal,
  type Campaign,
  type CodeInfo,
  type Conversion,
} from '../../api/client';
import { unitsOf } from '../../format/enter';
import type { Token } from '../../format/money';
import { n } from '../../i18n/numbers';
import { r } from '../../i18n/run';
import { campaignAt } from '../../lib/campaigns';
import { now } from '../../lib/clock';
import { createPages } from '../../lib/pages';
import { inAll } from '../../lib/spend';
import { Acting, type Deed } from '../../ui/act';
import { CODE } from '../../ui/code';
import { Address, Money, short, Status, tokenOf, when } from '../../ui/format';
import { Failure } from '../../ui/states';
import type { SignedIn } from '../me/gate';
import { More } from '../me/mine';
import { Text } from './fields';
import { Change } from './change';

/** How many held conversions are shown at first, and more each time. */
const HELD = '20';

type Open = 'settings' | 'fund' | 'withdraw' | 'suspend';
/** Seconds after the end of the last hold within which rewards of a closed campaign can be claimed. */
const CLAIM_PERIOD = 2_592_000;
const acting = () => import('../../wallet/acting');

export function Manage(props: { campaign: Campaign; signed: SignedIn; changed: () => void }) {
  const [opened, setOpened] = createSignal<Open>();
  // Deeds of any kind: each tells only itself what it has brought.
  const [deed, setDeed] = createSignal<Deed<unknown>>();
  const campaign = () => props.campaign;
  const address = () => props.campaign.address;
  const token = () => tokenOf(props.campaign);
  const hasVault = () => Boolean(props.campaign.vault) && props.campaign.funding === 'vault';
  const act = <D, S>(deed: Deed<D, S>) => setDeed(deed as unknown as Deed);
  const read = () => campaignAt(address());
  const named = (of: { address: string }) => (
    <div>
      <dt>{r().manage.campaign}</dt>
      <dd>
        <Address address={of.address} />
      </dd>
    </div>
  );

  const pause = (paused: boolean): Deed<void, { address: string }> => ({
    title: paused ? r().manage.pauseTitle : r().manage.resumeTitle,
    sentence: paused ? r().manage.pauseText : r().manage.resumeText,
    button: paused ? r().manage.pause : r().manage.resume,
    done: paused ? r().manage.paused : r().manage.resumed,
    prepare: async (wallet) => {
      const { prepareAct, standing } = await acting();
      const { campaign } = await standing(address(), props.campaign, wallet);
      const body = { campaign: campaign.address, paused };
      const built = await answer(api.POST('/v1/transactions/set-paused', { body }));
      const act = { act: 'pause', campaign: campaign.address, paused } as const;
      const doing = await prepareAct(built, act, wallet);
      return { doing, shown: { address: campaign.address } };
    },
    rows: (shown) => (
      <>
        {named(shown)}
        <div>
          <dt>{r().manage.from}</dt>
          <dd>{r().manage.atOnce}</dd>
        </div>
      </>
    ),
    arrived: async () => {
      if ((await read()).paused !== paused) throw new Error('not yet');
    },
  });

  type Closed = {
    address: string;
    /** Unix milliseconds until which what was earned can be claimed. */
    until: number;
    vault: { token: Token; units: bigint; owed: bigint } | undefined;
  };
  const closing = (): Deed<void, Closed> => ({
    title: r().manage.closeTitle,
    sentence: r().manage.closeText,
    button: r().manage.closeButton,
    done: r().manage.closed,
    prepare: async (wallet) => {
      const { balances, prepareAct, rewardToken, standing } = await acting();
      const { campaign, now } = await standing(address(), props.campaign, wallet);
      const { funding, longestHold, owed, vault } = campaign.data;
      const built = await answer(
        api.POST('/v1/transactions/close-campaign', { body: { campaign: campaign.address } }),
      );
      const doing = await prepareAct(built, { act: 'close', campaign: campaign.address }, wallet);
      const [units] = funding === Funding.Vault ? await balances([vault]) : [];
      const token = rewardToken(campaign, props.campaign.symbol);
      // Of what is held at the closing, the last can be claimed for so long after its hold.
      const until = Number(now) + longestHold + CLAIM_PERIOD;
      const shown: Closed = {
        address: campaign.address,
        until: until * 1000,
        vault: units === undefined ? undefined : { token, units, owed },
      };
      return { doing, shown };
    },
    rows: ({ address, until, vault }) => (
      <>
        {named({ address })}
        <div>
          <dt>{r().manage.closeEarned}</dt>
          <dd>{r().manage.closeEarnedText(when(until))}</dd>
        </div>
        <Show when={vault}>
          {(vault) => (
            <>
              <div>
                <dt>{r().manage.closeVault}</dt>
                <dd>
                  <Money units={vault().units} token={vault().token} />
                </dd>
              </div>
              <div>
                <dt>{r().manage.closeOwed}</dt>
                <dd>
                  <Money units={vault().owed} token={vault().token} />
                </dd>
              </div>
            </>
          )}
        </Show>
        <div>
          <dt>{r().manage.closeBack}</dt>
          <dd>{vault ? r().manage.closeBackText : r().manage.closeRent}</dd>
        </div>
      </>
    ),
    arrived: async () => {
      if (!(await read()).closed) throw new Error('not yet');
    },
  });

  type Moved = { address: string; token: Token; units: bigint; left: bigint };
  const move = (kind: 'fund' | 'withdraw', typed: string): Deed<void, Moved> => {
    const words = r().manage;
    const isFund = kind === 'fund';
    return {
      title: isFund ? words.fundTitle : words.withdrawTitle,
      sentence: isFund ? words.fundText : words.withdrawText,
      button: isFund ? words.fund : words.withdraw,
      done: isFund ? words.funded : words.withdrawn,
      adds: true,
      prepare: async (wallet) => {
        const { balanceIn, prepareAct, rewardToken, standing } = await acting();
        const { campaign } = await standing(address(), props.campaign, wallet);
        const { vault } = campaign.data;
        // What was typed is a number of tokens, and the node says how one is divided.
        const token = rewardToken(campaign, props.campaign.symbol);
        const units = unitsOf(typed, token.decimals);
        if (!units) throw new Refusal('invalid_amount', undefined);
        const asked = { campaign: campaign.address, amount: units.toString() };
        const built = isFund
          ? await answer(
              api.POST('/v1/transactions/fund-vault', { body: { ...asked, funder: wallet } }),
            )
          : await answer(api.POST('/v1/transactions/withdraw-vault', { body: asked }));
        const doing = await prepareAct(built, { act: kind, campaign, units }, wallet, {
          watched: [vault],
        });
        const left = balanceIn(doing.after[0]);
        return { doing, shown: { address: campaign.address, token, units, left } };
      },
      rows: (shown) => (
        <>
          {named(shown)}
          <div>
            <dt>{r().manage.amount}</dt>
            <dd>
              <Money units={shown.units} token={shown.token} />
            </dd>
          </div>
          <div>
            <dt>{r().manage.vaultAfter}</dt>
            <dd>
              <Money units={shown.left} token={shown.token} />
            </dd>
          </div>
        </>
      ),
      arrived: async () => {},
    };
  };

  const suspend = ({ code }: CodeInfo, suspended: boolean): Deed<void, { address: string }> => ({
    title: suspended ? r().manage.suspendButton : r().manage.liftButton,
    sentence: suspended ? r().manage.suspendText : r().manage.liftText,
    button: suspended ? r().manage.suspendButton : r().manage.liftButton,
    done: suspended ? r().manage.suspended(code) : r().manage.lifted(code),
    prepare: async (wallet) => {
      const { prepareAct, standing } = await acting();
      const { campaign } = await standing(address(), props.campaign, wallet);
      const body = { campaign: campaign.address, code, suspended };
      const built = await answer(api.POST('/v1/transactions/set-suspended', { body }));
      const act = { act: 'suspend', campaign: campaign.address, code, suspended } as const;
      const doing = await prepareAct(built, act, wallet);
      return { doing, shown: { address: campaign.address } };
    },
    rows: (shown) => (
      <>
        {named(shown)}
        <div>
          <dt>{r().manage.code}</dt>
          <dd>
            <code>{code}</code>
          </dd>
        </div>
      </>
    ),
    arrived: async () => {
      const params = { path: { code }, query: { campaign: address() } };
      const found = await answer(api.GET('/v1/codes/{code}', { params }));
      if (found.suspended !== suspended) throw new Error('not yet');
    },
  });

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
  const cancel = ({ address: conversion }: Conversion): Deed<void, Cancelled> => ({
    title: r().manage.cancelTitle,
    sentence: r().manage.cancelText,
    button: r().manage.cancelButton,
    done: r().manage.cancelled,
    prepare: async (wallet) => {
      const { heldConversion, prepareAct, rewardToken, standing } = await acting();
      const { campaign } = await standing(address(), props.campaign, wallet);
      const found = await heldConversion(conversion, campaign);
      const { rewardReferrer, rewardReferee, rewardPartner } = found.conversion.data;
      const { funding, settings, uniqueness } = campaign.data;
      // Whose it is says the node, because the API chose which one to name.
      const shown: Cancelled = {
        address: conversion,
        token: rewardToken(campaign, props.campaign.symbol),
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
      setGone((before) => [...before, conversion]);
    },
  });

  const holds = createPages<string, Conversion>(
    () => !props.campaign.closed && address(),
    async (campaign, cursor, signal) => {
      const query = { campaign, status: 'held', limit: HELD, ...(cursor && { cursor }) } as const;
      const found = await answer(
        api.GET('/v1/conversions', { params: { query }, ...(signal && { signal }) }),
      );
      return { rows: found.conversions, next: found.next_cursor };
    },
    (conversion) => conversion.address,
    5000,
  );
  // Further pages are not asked for again: a hold may end, and what is cancelled here is gone.
  const [gone, setGone] = createSignal<readonly string[]>([]);
  const held = () =>
    holds
      .rows()
      .filter(
        ({ address, claimable_from }) =>
          Date.parse(claimable_from ?? '') > now() && !gone().includes(address),
      );
  const toggle = (what: Open) => setOpened((before) => (before === what ? undefined : what));
  const Opener = (of: { what: Open; children: string }) => (
    <button
      type="button"
      class="button"
      aria-expanded={opened() === of.what}
      onClick={() => toggle(of.what)}
    >
      {of.children}
    </button>
  );

  return (
    <>
      <Show when={!props.campaign.closed}>
        <section class="section" aria-labelledby="manage">
          <header>
            <h2 id="manage">{r().manage.title}</h2>
          </header>
          <div class="actions">
            <button type="button" class="button" onClick={() => act(pause(!campaign().paused))}>
              {campaign().paused ? r().manage.resume : r().manage.pause}
            </button>
            <Opener what="settings">{r().manage.change}</Opener>
            <Show when={hasVault()}>
              <Opener what="fund">{r().manage.fund}</Opener>
              <Opener what="withdraw">{r().manage.withdraw}</Opener>
            </Show>
            <Opener what="suspend">{r().manage.suspend}</Opener>
            <button type="button" class="button quiet" onClick={() => act(closing())}>
              {r().manage.close}
            </button>
          </div>
          <Switch>
            <Match when={opened() === 'settings'}>
              <Change campaign={campaign()} signed={props.signed} act={act} read={read} />
            </Match>
            <Match when={(opened() === 'fund' || opened() === 'withdraw') && opened()}>
              {(kind) => (
                <Show when={kind()} keyed>
                  {(kind) => (
                    <Amount
                      title={kind === 'fund' ? r().manage.fundTitle : r().manage.withdrawTitle}
                      campaign={campaign()}
                      use={(typed) => act(move(kind as 'fund' | 'withdraw', typed))}
                    />
                  )}
                </Show>
              )}
            </Match>
            <Match when={opened() === 'suspend'}>
              <Suspending campaign={address()} use={(code, off) => act(suspend(code, off))} />
            </Match>
          </Switch>
        </section>
        <Show when={(campaign().rules?.hold_seconds ?? 0) > 0 || held().length > 0}>
          <section class="section" aria-labelledby="held">
            <header>
              <h2 id="held">{r().manage.held}</h2>
              <p>{r().manage.heldText}</p>
            </header>
            <Show when={held().length > 0} fallback={<p class="small">{r().manage.noneHeld}</p>}>
              <dl class="rows">
                <For each={held()}>
                  {(conversion) => (
                    <div>
                      <dt>
                        <code>{conversion.code}</code> {short(conversion.referee)}{' '}
                        <Status kind="wait">
                          {r().manage.left(when(Date.parse(conversion.claimable_from!)))}
                        </Status>
                      </dt>
                      <dd>
                        <Money units={inAll(conversion.rewards)} token={token()} />{' '}
                        <button
                          type="button"
                          class="button quiet"
                          aria-label={r().manage.cancelOne(conversion.code)}
                          onClick={() => act(cancel(conversion))}
                        >
                          {r().manage.cancel}
                        </button>
                      </dd>
                    </div>
                  )}
                </For>
              </dl>
            </Show>
            <More
              hasMore={holds.hasMore()}
              failed={holds.failed()}
              show={() => void holds.showMore()}
              words={n().held.more}
            />
          </section>
        </Show>
      </Show>
      <Show when={deed()} keyed>
        {(deed) => (
          <Acting
            deed={deed}
            connection={props.signed.connection}
            close={() => {
              setDeed(undefined);
              holds.again();
              props.changed();
            }}
          />
        )}
      </Show>
    </>
  );
}

/** Asks for an amount of the campaign's token. */
function Amount(props: { title: string; campaign: Campaign; use: (typed: string) => void }) {
  const [typed, setTyped] = createSignal('');
  const [wrong, setWrong] = createSignal(false);
  return (
    <form
      class="panel-form sheet card"
      novalidate
      onSubmit={(event) => {
        event.preventDefault();
        const units = unitsOf(typed(), props.campaign.mint_decimals);
        setWrong(!units);
        if (units) props.use(typed());
      }}
    >
      <h3>{props.title}</h3>
      <Text
        id="amount"
        label={r().manage.amount}
        value={typed()}
        set={(value) => {
          setTyped(value);
          setWrong(false);
        }}
        unit={props.campaign.symbol ?? undefined}
        fault={wrong() ? r().manage.amountBad : undefined}
        numeric
      />
      <p class="actions">
        <button class="button primary">{r().manage.next}</button>
      </p>
    </form>
  );
}

/** Asks for a code, and shows whether it is suspended. */
function Suspending(props: { campaign: string; use: (code: CodeInfo, off: boolean) => void }) {
  const [typed, setTyped] = createSignal('');
  const [found, setFound] = createSignal<CodeInfo>();
  const [failure, setFailure] = createSignal<unknown>();
  const look = async () => {
    setFound(undefined);
    setFailure(undefined);
    const code = typed().trim().toUpperCase();
    try {
      const path = { code: CODE.test(code) ? code : '-' };
      const params = { path, query: { campaign: props.campaign } };
      const answered = await answer(api.GET('/v1/codes/{code}', { params }));
      if (answered.code !== code || answered.campaign !== props.campaign) {
        throw new Refusal('not_as_shown', undefined);
      }
      setFound(answered);
    } catch (error) {
      setFailure(error);
    }
  };
  return (
    <form
      class="panel-form sheet card"
      novalidate
      onSubmit={(event) => {
        event.preventDefault();
        void look();
      }}
    >
      <h3>{r().manage.suspendTitle}</h3>
      <Text id="suspend" label={r().manage.code} value={typed()} set={setTyped} most={16} />
      <Show when={failure()}>{(error) => <Failure error={error()} words={r().errors} />}</Show>
      <Show
        when={found()}
        fallback={
          <p class="actions">
            <button class="button primary">{r().manage.look}</button>
          </p>
        }
      >
        {(code) => (
          <>
            <p>
              <code>{code().code}</code> <Address address={code().owner} />{' '}
              {code().suspended ? r().manage.codeState.suspended : r().manage.codeState.works}
            </p>
            <p class="actions">
              <button
                type="button"
                class="button primary"
                onClick={() => {
                  props.use(code(), !code().suspended);
                  setFound(undefined);
                }}
              >
                {code().suspended ? r().manage.liftButton : r().manage.suspendButton}
              </button>
            </p>
          </>
        )}
      </Show>
    </form>
  );
}
