/** Deposits of the wallet in campaigns that are over, and the transaction that takes them back. */

import { createResource, createSignal, For, Show } from 'solid-js';

import { answer, api } from '../../api/client';
import { t } from '../../i18n';
import { r } from '../../i18n/run';
import { campaignAt } from '../../lib/campaigns';
import type { Connection } from '../../lib/connection';
import { Acting, type Deed } from '../../ui/act';
import { Address, Money } from '../../ui/format';
import type { Rent } from '../../wallet/rents';

/** Most records of each kind that are looked through. */
const LOOKED_AT = 200;
/** Most accounts of one transaction: more do not fit if each is of another campaign. */
const AT_ONCE = 5;

/** Records of the wallet whose deposit comes back now. */
async function depositsOf(wallet: string): Promise<readonly Rent[]> {
  const query = { limit: LOOKED_AT };
  const [{ codes }, { conversions }] = await Promise.all([
    answer(api.GET('/v1/me/codes', { params: { query } })),
    answer(api.GET('/v1/conversions', { params: { query: { ...query, referee: wallet } } })),
  ]);
  const records = [
    ...codes.map(({ referral, campaign }) => ({ address: referral, campaign })),
    ...conversions.map(({ address, campaign }) => ({ address, campaign })),
  ];
  const named = [...new Set(records.map(({ campaign }) => campaign))];
  const found = await Promise.all(named.map((address) => campaignAt(address)));
  const isClosed = new Set(found.filter((it) => it.closed).map(({ address }) => address));
  // A binding comes back when it has expired, too.
  const binding = found.filter((it) => it.closed || it.rules?.attribution_window);
  if (binding.length === 0) return [];
  const { namedAfter, returnable } = await import('../../wallet/rents');
  const others = await namedAfter(
    wallet,
    binding.map(({ address }) => address),
  );
  const closed = records.filter(({ campaign }) => isClosed.has(campaign));
  return returnable(wallet, [...closed, ...others]);
}

export function Deposits(props: { wallet: string; connection: Connection }) {
  const [rents, { refetch }] = createResource(() => props.wallet, depositsOf);
  /** Nothing is owed here: when it cannot be read, the page does without. */
  const found = () => (rents.error ? [] : (rents.latest ?? []));
  const sum = () => found().reduce((sum, { lamports }) => sum + lamports, 0n);
  const [deed, setDeed] = createSignal<Deed<void, Shown>>();
  const begin = (all: readonly Rent[]): void => {
    setDeed(returning(all, () => begin(all.slice(AT_ONCE))));
  };
  return (
    <>
      <Show when={found().length > 0}>
        <section class="section" aria-labelledby="deposits">
          <header>
            <h2 id="deposits">{r().deposits.title}</h2>
            <p>{r().deposits.text}</p>
          </header>
          <dl class="rows sheet card due">
            <div>
              <dt>
                <Sol lamports={sum()} />{' '}
                <span class="small">{r().deposits.from(found().length)}</span>
              </dt>
              <dd>
                <button type="button" class="button" onClick={() => begin(found())}>
                  {r().deposits.button}
                </button>
              </dd>
            </div>
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
              void refetch();
            }}
          />
        )}
      </Show>
    </>
  );
}

type Shown = { readonly rents: readonly Rent[]; readonly gains: bigint; readonly left: number };

/** The return of the first of these deposits, as many as fit. */
function returning(all: readonly Rent[], more: () => void): Deed<void, Shown> {
  const rents = all.slice(0, AT_ONCE);
  const left = all.length - rents.length;
  return {
    title: r().deposits.dialog,
    sentence: r().deposits.sentence,
    button: r().deposits.sign,
    done: r().deposits.done,
    prepare: async (wallet) => {
      const { prepareAct } = await import('../../wallet/acting');
      const accounts = rents.map(({ address }) => address);
      const body = { accounts, payer: wallet };
      const built = await answer(api.POST('/v1/transactions/reclaim', { body }));
      const doing = await prepareAct(built, { act: 'rents', accounts }, wallet);
      return { doing, shown: { rents, gains: doing.gains, left } };
    },
    rows: ({ rents, gains }) => (
      <>
        <div>
          <dt>{r().deposits.arrives}</dt>
          <dd>
            <strong>
              <Sol lamports={gains} />
            </strong>
          </dd>
        </div>
        <div>
          <dt>{r().deposits.records}</dt>
          <dd class="change">
            <For each={rents}>{({ address }) => <Address address={address} />}</For>
          </dd>
        </div>
      </>
    ),
    // The deposit is in the wallet as soon as the network has confirmed it. No page shows these records.
    arrived: async () => {},
    ...(left > 0 && {
      after: () => (
        <>
          <p>{r().deposits.left(left)}</p>
          <button type="button" class="button" onClick={more}>
            {r().deposits.button}
          </button>
        </>
      ),
    }),
  };
}

function Sol(props: { lamports: bigint }) {
  return <Money units={props.lamports} token={{ decimals: 9, symbol: t().common.sol }} />;
}
