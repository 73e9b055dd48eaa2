/** Choosing a wallet, and what signing with it costs. */

import { For, Show, type JSX } from 'solid-js';

import { t } from '../i18n';
import type { Connection } from '../lib/connection';
import type { Trial } from '../wallet/node';
import { Address, Money } from './format';
import { Skeleton } from './states';

/** Wallets with a browser of their own, and the address that opens a page in it. */
const BROWSERS: readonly [string, (page: string) => string][] = [
  ['Phantom', (page) => `https://phantom.app/ul/browse/${page}`],
  ['Solflare', (page) => `https://solflare.com/ul/v1/browse/${page}`],
];

/** The wallets of this browser, or how to get one. */
export function Choose(props: { connection: Connection }) {
  const page = () => encodeURIComponent(location.href);
  return (
    <div class="stack">
      <h2>{t().landing.connectTitle}</h2>
      <Show
        when={props.connection.wallets()}
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
                  <button
                    type="button"
                    class="button"
                    onClick={() => void props.connection.choose(wallet)}
                  >
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

/** The address that is connected, and the way to another wallet. */
export function Connected(props: { address: string; leave: () => void }) {
  return (
    <p class="small connected">
      {t().landing.connectedAs} <Address address={props.address} />
      <button type="button" class="button quiet" onClick={() => props.leave()}>
        {t().landing.disconnect}
      </button>
    </p>
  );
}

/** Rows that say what leaves the wallet. */
export function Costs(props: {
  trial: Trial | undefined;
  createsPlace: boolean;
  /** What leaves the wallet in all, if that is more than fee and deposit. */
  sum?: JSX.Element;
}) {
  return (
    <Show
      when={props.trial}
      fallback={
        <div>
          <dt class="hidden">{t().landing.costs}</dt>
          <dd class="note">{t().landing.unknownCost}</dd>
        </div>
      }
    >
      {(trial) => (
        <>
          <div>
            <dt>{t().landing.fee}</dt>
            <dd>
              <Sol lamports={trial().cost.fee} />
            </dd>
          </div>
          <div>
            <dt>{t().landing.deposit}</dt>
            <dd>
              <Sol lamports={trial().cost.deposit} />
            </dd>
            <dd class="note">
              {props.createsPlace ? t().landing.depositPlaceNote : t().landing.depositNote}
            </dd>
          </div>
          <div>
            <dt>
              <strong>{t().landing.costs}</strong>
            </dt>
            <dd>
              <strong>
                {props.sum ?? <Sol lamports={trial().cost.fee + trial().cost.deposit} />}
              </strong>
            </dd>
          </div>
        </>
      )}
    </Show>
  );
}

function Sol(props: { lamports: bigint }) {
  return <Money units={props.lamports} token={{ decimals: 9, symbol: t().common.sol }} />;
}
