/** Connect, see what will be signed, sign, watch it, get the receipt. */

import { A } from '@solidjs/router';
import { createSignal, For, Match, onCleanup, Show, Switch } from 'solid-js';

import {
  answer,
  api,
  Refusal,
  type Built,
  type Campaign,
  type CodeInfo,
  type ConversionDetail,
} from '../api/client';
import { formatUnits } from '../format/money';
import { formatDuration, formatTime } from '../format/time';
import { locale, t } from '../i18n';
import { now } from '../lib/clock';
import { Address, ConversionStatus, Money, moneyText, short, tokenOf } from '../ui/format';
import { Problem, Skeleton, wordsFor } from '../ui/states';
import type { Prepared } from '../wallet';
import type { Wallet, WalletAccount } from '../wallet/wallets';

/** Milliseconds between two questions for a receipt that is on its way. */
const POLL = 400;
/** After this many milliseconds, words say that a transaction takes long. */
const LONG = 10_000;

type Stage =
  | { at: 'start' }
  | { at: 'choose' }
  | { at: 'connecting'; wallet: Wallet }
  | { at: 'preparing' }
  | { at: 'review'; built: Built; prepared: Prepared }
  | { at: 'signing'; built: Built; prepared: Prepared }
  | { at: 'sending' }
  | { at: 'mirroring' }
  | { at: 'done'; detail: ConversionDetail; before: boolean }
  | { at: 'problem'; code: string; requestId: string | undefined; retry: 'connect' | 'prepare' };

export function Panel(props: { campaign: Campaign; code: CodeInfo }) {
  const [stage, setStage] = createSignal<Stage>({ at: 'start' });
  const [wallets, setWallets] = createSignal<readonly Wallet[]>();
  const [wallet, setWallet] = createSignal<Wallet>();
  const [account, setAccount] = createSignal<WalletAccount>();
  const [long, setLong] = createSignal(false);
  // Whatever a wallet that was left behind still answers is of no account.
  let turn = 0;
  const stops: (() => void)[] = [];
  onCleanup(() => {
    turn += 1;
    stops.forEach((stop) => stop());
  });

  const fail = (error: unknown, retry: 'connect' | 'prepare') => {
    const refusal = error instanceof Refusal ? error : undefined;
    const code = refusal?.code ?? 'unexpected';
    setStage({ at: 'problem', code, requestId: refusal?.requestId, retry });
  };

  const look = async () => {
    setStage({ at: 'choose' });
    const { watchWallets } = await import('../wallet');
    stops.push(watchWallets((found) => setWallets(found)));
  };

  const choose = async (chosen: Wallet) => {
    const mine = ++turn;
    setStage({ at: 'connecting', wallet: chosen });
    const { connect, watchAccounts } = await import('../wallet');
    const given = await connect(chosen).catch(() => undefined);
    if (mine !== turn) return;
    if (!given) return fail(new Refusal('not_connected', undefined), 'connect');
    setWallet(chosen);
    setAccount(given);
    // Another account is another person: nothing of the first one stays.
    stops.push(
      watchAccounts(chosen, (changed) => {
        if (wallet() !== chosen || changed?.address === account()?.address) return;
        turn += 1;
        setAccount(changed);
        if (changed) void prepare();
        else leave();
      }),
    );
    await prepare();
  };

  const leave = () => {
    turn += 1;
    setWallet(undefined);
    setAccount(undefined);
    setStage({ at: 'choose' });
  };

  const prepare = async () => {
    const mine = ++turn;
    const referee = account()?.address;
    if (!referee) return;
    setStage({ at: 'preparing' });
    try {
      const built = await answer(
        api.POST('/v1/transactions/convert', {
          body: { code: props.code.code, campaign: props.campaign.address, referee },
        }),
      );
      const { prepare } = await import('../wallet');
      const { address: campaign } = props.campaign;
      const prepared = await prepare(built, { wallet: referee, campaign, code: props.code.code });
      if (mine === turn) setStage({ at: 'review', built, prepared });
    } catch (error) {
      if (mine !== turn) return;
      const earlier =
        error instanceof Refusal && error.code === 'already_converted'
          ? await receiptOf(referee)
          : undefined;
      if (mine !== turn) return;
      if (earlier) setStage({ at: 'done', detail: earlier, before: true });
      else fail(error, 'prepare');
    }
  };

  /** The conversion that this wallet has in the campaign, if the mirror has it. */
  const receiptOf = async (referee: string): Promise<ConversionDetail | undefined> => {
    try {
      const query = { campaign: props.campaign.address, referee, limit: '1' };
      const { conversions } = await answer(api.GET('/v1/conversions', { params: { query } }));
      return conversions[0] && (await detailOf(conversions[0].address));
    } catch {
      return undefined;
    }
  };

  const detailOf = (address: string) =>
    answer(api.GET('/v1/conversions/{address}', { params: { path: { address } } }));

  const sign = async (built: Built, prepared: Prepared) => {
    const mine = ++turn;
    setStage({ at: 'signing', built, prepared });
    setLong(false);
    const timer = window.setTimeout(() => setLong(true), LONG);
    try {
      const { sign } = await import('../wallet');
      const send = await sign(wallet()!, account()!, prepared);
      if (mine !== turn) return;
      setStage({ at: 'sending' });
      await send();
      if (mine !== turn) return;
      setStage({ at: 'mirroring' });
      const detail = await arrived(built.conversion, () => mine === turn);
      if (detail && mine === turn) setStage({ at: 'done', detail, before: false });
    } catch (error) {
      if (mine === turn) fail(error, 'prepare');
    } finally {
      window.clearTimeout(timer);
    }
  };

  /** Asks until the mirror has the conversion. */
  const arrived = async (address: string, wanted: () => boolean) => {
    while (wanted()) {
      try {
        return await detailOf(address);
      } catch {
        await new Promise((resume) => window.setTimeout(resume, POLL));
      }
    }
    return undefined;
  };

  const step = () => {
    const at = stage().at;
    if (at === 'done') return 2;
    return account() ? 1 : 0;
  };
  const token = () => tokenOf(props.campaign);
  const who = () => short(props.code.owner);
  const here = <A extends Stage['at']>(at: A) => {
    const current = stage();
    return current.at === at ? (current as Extract<Stage, { at: A }>) : undefined;
  };

  return (
    <>
      <ol class="steps">
        <For each={[t().landing.steps.connect, t().landing.steps.sign, t().landing.steps.done]}>
          {(name, index) => (
            <li
              classList={{ done: index() < step() || stage().at === 'done' }}
              aria-current={index() === step() ? 'step' : undefined}
            >
              {name}
            </li>
          )}
        </For>
      </ol>
      <div aria-live="polite">
        <Switch>
          <Match when={here('start')}>
            <div class="stack">
              <h2>{t().landing.connectTitle}</h2>
              <p>{t().landing.connectText}</p>
              <button type="button" class="button primary full" onClick={() => void look()}>
                {t().landing.look}
              </button>
            </div>
          </Match>
          <Match when={here('choose')}>
            <Choose wallets={wallets()} code={props.code.code} choose={(it) => void choose(it)} />
          </Match>
          <Match when={here('connecting')}>
            {(stage) => <p class="signing">{t().landing.connecting(stage().wallet.name)}</p>}
          </Match>
          <Match when={here('preparing')}>
            <div class="stack">
              <h2>{t().landing.signTitle}</h2>
              <p class="hidden">{t().landing.preparing}</p>
              <Skeleton lines={5} height="2rem" />
            </div>
          </Match>
          <Match when={here('review') ?? here('signing')}>
            {(stage) => (
              <div class="stack">
                <h2>{t().landing.signTitle}</h2>
                <p>{t().landing.signText}</p>
                <dl class="rows">
                  <div>
                    <dt>{t().landing.records}</dt>
                    <dd>
                      <code>{props.code.code}</code>
                    </dd>
                  </div>
                  <Show when={stage().built.reward.referrer !== '0'}>
                    <div>
                      <dt>
                        {t().landing.pays(who())}
                        <Later campaign={props.campaign} />
                      </dt>
                      <dd>
                        <Money units={stage().built.reward.referrer} token={token()} />
                      </dd>
                    </div>
                  </Show>
                  <Show when={stage().built.reward.referee !== '0'}>
                    <div>
                      <dt>
                        {t().landing.paysYou}
                        <Later campaign={props.campaign} />
                      </dt>
                      <dd>
                        <Money units={stage().built.reward.referee} token={token()} />
                      </dd>
                    </div>
                  </Show>
                  <Show
                    when={stage().prepared.cost}
                    fallback={
                      <div>
                        <dd class="note">{t().landing.unknownCost}</dd>
                      </div>
                    }
                  >
                    {(cost) => (
                      <>
                        <div>
                          <dt>{t().landing.fee}</dt>
                          <dd>
                            <Sol lamports={cost().fee} />
                          </dd>
                        </div>
                        <div>
                          <dt>{t().landing.deposit}</dt>
                          <dd>
                            <Sol lamports={cost().deposit} />
                          </dd>
                          <dd class="note">
                            {stage().prepared.createsPlace
                              ? t().landing.depositPlaceNote
                              : t().landing.depositNote}
                          </dd>
                        </div>
                        <div>
                          <dt>
                            <strong>{t().landing.costs}</strong>
                          </dt>
                          <dd>
                            <strong>
                              <Sol lamports={cost().fee + cost().deposit} />
                            </strong>
                          </dd>
                        </div>
                      </>
                    )}
                  </Show>
                </dl>
                <Show
                  when={stage().at === 'review'}
                  fallback={<p class="signing">{t().landing.signing(wallet()?.name ?? '')}</p>}
                >
                  <button
                    type="button"
                    class="button primary full"
                    onClick={() => void sign(stage().built, stage().prepared)}
                  >
                    {t().landing.sign}
                  </button>
                </Show>
              </div>
            )}
          </Match>
          <Match when={here('sending')}>
            <p class="signing">{long() ? t().landing.sendingLong : t().landing.sending}</p>
          </Match>
          <Match when={here('mirroring')}>
            <p class="signing">{t().landing.mirroring}</p>
          </Match>
          <Match when={here('done')}>
            {(stage) => (
              <Receipt detail={stage().detail} before={stage().before} campaign={props.campaign} />
            )}
          </Match>
          <Match when={here('problem')}>
            {(stage) => (
              <Problem words={wordsFor(stage().code)} requestId={stage().requestId}>
                <button
                  type="button"
                  class="button"
                  onClick={() => {
                    if (stage().retry === 'connect') setStage({ at: 'choose' });
                    else void prepare();
                  }}
                >
                  {t().common.again}
                </button>
                <Show when={stage().code === 'too_little_sol' && account()}>
                  {(account) => <Address address={account().address} />}
                </Show>
              </Problem>
            )}
          </Match>
        </Switch>
      </div>
      <Show when={account()}>
        {(account) => (
          <p class="small connected">
            {t().landing.connectedAs} <Address address={account().address} />
            <button type="button" class="button quiet" onClick={leave}>
              {t().landing.disconnect}
            </button>
          </p>
        )}
      </Show>
    </>
  );
}

function Sol(props: { lamports: bigint }) {
  return <Money units={props.lamports} token={{ decimals: 9, symbol: t().common.sol }} />;
}

/** When a held reward is paid. */
function Later(props: { campaign: Campaign }) {
  const hold = () => props.campaign.rules?.hold_seconds ?? 0;
  return (
    <Show when={hold() > 0}>
      {' '}
      <span class="small">{t().landing.later(formatDuration(hold(), locale()))}</span>
    </Show>
  );
}

/** Wallets with a browser of their own, and the address that opens a page in it. */
const BROWSERS: readonly [string, (page: string) => string][] = [
  ['Phantom', (page) => `https://phantom.app/ul/browse/${page}`],
  ['Solflare', (page) => `https://solflare.com/ul/v1/browse/${page}`],
];

function Choose(props: {
  wallets: readonly Wallet[] | undefined;
  code: string;
  choose: (wallet: Wallet) => void;
}) {
  const page = () => encodeURIComponent(location.href);
  return (
    <div class="stack">
      <h2>{t().landing.connectTitle}</h2>
      <Show
        when={props.wallets}
        fallback={
          <>
            <p class="hidden">{t().landing.searching}</p>
            <Skeleton height="2.75rem" />
          </>
        }
      >
        {(wallets) => (
          <Show
            when={wallets().length > 0}
            fallback={
              <>
                <h3>{t().landing.noWallet}</h3>
                <p>{t().landing.noWalletText}</p>
                <div class="wallets">
                  <For each={BROWSERS}>
                    {([name, link]) => (
                      <a
                        class="button"
                        href={`${link(page())}?ref=${encodeURIComponent(location.origin)}`}
                      >
                        {t().landing.openIn(name)}
                      </a>
                    )}
                  </For>
                </div>
              </>
            }
          >
            <p>{t().landing.connectText}</p>
            <div class="wallets">
              <For each={wallets()}>
                {(wallet) => (
                  <button type="button" class="button" onClick={() => props.choose(wallet)}>
                    <img src={wallet.icon} alt="" width="22" height="22" />
                    {wallet.name}
                  </button>
                )}
              </For>
            </div>
          </Show>
        )}
      </Show>
    </div>
  );
}

function Receipt(props: { detail: ConversionDetail; before: boolean; campaign: Campaign }) {
  const conversion = () => props.detail.conversion;
  const token = () => tokenOf(props.campaign);
  const due = () =>
    conversion().claimable_from
      ? formatTime(Date.parse(conversion().claimable_from!), now(), locale())
      : '';
  return (
    <div class="stack">
      <h2>{props.before ? t().landing.already : t().landing.doneTitle}</h2>
      <Show when={props.before}>
        <p>{t().landing.alreadyText}</p>
      </Show>
      <div class="receipt">
        <p class="sum">
          <CountUp
            units={conversion().rewards.referrer}
            decimals={token().decimals}
            still={props.before}
          />
          <span class="unit"> {token().symbol ?? t().common.tokens}</span>
        </p>
        <p>
          {conversion().status === 'paid'
            ? t().landing.donePaid(short(conversion().referrer))
            : t().landing.doneHeld(short(conversion().referrer), due())}
        </p>
        <Show when={conversion().rewards.referee !== '0' && conversion().status === 'paid'}>
          <p>{t().landing.youToo(moneyText(conversion().rewards.referee, token()))}</p>
        </Show>
        <p>
          <ConversionStatus status={conversion().status} />
        </p>
      </div>
      <A class="button full" href={`/conversion/${conversion().address}`}>
        {t().landing.receipt}
      </A>
    </div>
  );
}

/** Milliseconds in which a figure counts up. */
const COUNT = 600;

/** Counts up to the amount, once. */
function CountUp(props: { units: string; decimals: number; still: boolean }) {
  const whole = () => BigInt(props.units);
  const still = props.still || matchMedia('(prefers-reduced-motion: reduce)').matches;
  const [shown, setShown] = createSignal(still ? whole() : 0n);
  if (!still) {
    const began = performance.now();
    const frame = (at: number) => {
      const part = Math.min((at - began) / COUNT, 1);
      const eased = BigInt(Math.round((1 - (1 - part) ** 3) * 1000));
      // Whole tokens on the way; the exact amount at the end.
      const scale = 10n ** BigInt(props.decimals);
      setShown(part === 1 ? whole() : ((whole() * eased) / 1000n / scale) * scale);
      if (part < 1) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }
  return (
    <>
      <span class="num" aria-hidden="true">
        {formatUnits(shown(), props.decimals, locale())}
      </span>
      <span class="hidden">{formatUnits(whole(), props.decimals, locale())}</span>
    </>
  );
}
