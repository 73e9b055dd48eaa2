/** The acts of a campaign's authority: pause, change, fund, take out, suspend, cancel, close, reclaim. */

import { createSignal, Match, Show, Switch } from 'solid-js';

import { answer, api, Refusal, type Campaign, type CodeInfo } from '../../api/client';
import { unitsOf } from '../../format/enter';
import type { Token } from '../../format/money';
import { r } from '../../i18n/run';
import { campaignAt } from '../../lib/campaigns';
import { Acting, type Deed } from '../../ui/act';
import { CODE } from '../../ui/code';
import { Address, Money } from '../../ui/format';
import { Failure } from '../../ui/states';
import type { SignedIn } from '../me/gate';
import { Change } from './change';
import { Closed, closing } from './closing';
import { Text } from './fields';
import { Held } from './held';

type Open = 'settings' | 'fund' | 'withdraw' | 'suspend';
const acting = () => import('../../wallet/acting');

export function Manage(props: { campaign: Campaign; signed: SignedIn; changed: () => void }) {
  const [opened, setOpened] = createSignal<Open>();
  // Deeds of any kind: each tells only itself what it has brought.
  const [deed, setDeed] = createSignal<Deed<unknown>>();
  const campaign = () => props.campaign;
  const address = () => props.campaign.address;
  /** Called once the dialog is closed. */
  let then: (() => void) | undefined;
  const act = <D, S>(deed: Deed<D, S>, after?: () => void) => {
    then = after;
    setDeed(deed as unknown as Deed);
  };
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
        // The typed text is a number of tokens, and the node says how one is divided.
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
      <Show
        when={!props.campaign.closed}
        fallback={
          <Closed campaign={campaign()} act={act}>
            <Show when={props.campaign.vault}>
              <Opener what="withdraw">{r().manage.withdraw}</Opener>
            </Show>
          </Closed>
        }
      >
        <section class="section" aria-labelledby="manage">
          <header>
            <h2 id="manage">{r().manage.title}</h2>
          </header>
          <div class="actions">
            <button type="button" class="button" onClick={() => act(pause(!campaign().paused))}>
              {campaign().paused ? r().manage.resume : r().manage.pause}
            </button>
            <Opener what="settings">{r().manage.change}</Opener>
            <Show when={props.campaign.funding === 'vault'}>
              <Opener what="fund">{r().manage.fund}</Opener>
            </Show>
            <Show when={props.campaign.vault}>
              <Opener what="withdraw">{r().manage.withdraw}</Opener>
            </Show>
            <Opener what="suspend">{r().manage.suspend}</Opener>
            <button type="button" class="button quiet" onClick={() => act(closing(campaign))}>
              {r().manage.close}
            </button>
          </div>
        </section>
      </Show>
      <Switch>
        <Match when={opened() === 'settings' && !props.campaign.closed}>
          <Change campaign={campaign()} signed={props.signed} act={act} read={read} />
        </Match>
        <Match when={opened() === 'fund' && !props.campaign.closed}>
          <Amount
            title={r().manage.fundTitle}
            campaign={campaign()}
            use={(typed) => act(move('fund', typed))}
          />
        </Match>
        <Match when={opened() === 'withdraw'}>
          <Amount
            title={r().manage.withdrawTitle}
            campaign={campaign()}
            use={(typed) => act(move('withdraw', typed))}
          />
        </Match>
        <Match when={opened() === 'suspend' && !props.campaign.closed}>
          <Suspending campaign={address()} use={(code, off) => act(suspend(code, off))} />
        </Match>
      </Switch>
      <Held campaign={campaign()} act={act} />
      <Show when={deed()} keyed>
        {(deed) => (
          <Acting
            deed={deed}
            connection={props.signed.connection}
            close={() => {
              setDeed(undefined);
              then?.();
              then = undefined;
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
