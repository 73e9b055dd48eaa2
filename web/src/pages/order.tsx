/** The rows of an order in what will be signed, loaded with an invitation that has one. */

import { For, Show } from 'solid-js';

import type { Campaign } from '../api/client';
import type { Token } from '../format/money';
import { locale, t } from '../i18n';
import { useConversion, v } from '../i18n/conversion';
import { o, useOrder } from '../i18n/order';
import { orderIn, type LinkedOrder, type OrderQuery } from '../lib/order';
import { SOL_MINT } from '../lib/site';
import { Address, Money, tokenOf, when } from '../ui/format';
import type { Recorded } from '../wallet';
import type { Bought, Payment } from '../wallet/order';

/** Loads the words, and returns what an invitation with an order needs. */
export async function withOrder(query: OrderQuery, proof: string) {
  const order = orderIn(query, proof);
  await Promise.all([useOrder(locale()), useConversion(locale())]);
  return { order, words: o, Rows, Sum, prepare };
}

export type WithOrder = Awaited<ReturnType<typeof withOrder>>;

async function prepare(order: LinkedOrder, campaign: Campaign, code: string, wallet: string) {
  const { prepareOrder } = await import('../wallet/order');
  const paymentMint =
    campaign.proof === 'payment' ? (campaign.payment_mint ?? SOL_MINT) : undefined;
  return prepareOrder({ order, code, campaign: campaign.address, paymentMint }, wallet);
}

/** The token of a payment, by the symbol that the campaign gives its own. */
function tokenFor({ mint, decimals }: Payment, campaign: Campaign): Token {
  const symbol = mint === campaign.mint ? (campaign.symbol ?? null) : null;
  return tokenOf({ mint, decimals, symbol });
}

const sumOf = ({ price, discount }: Payment) => price - discount;

/** The order, the company's word for it, the price, and where the payment goes. */
function Rows(props: { order: LinkedOrder; bought: Bought; campaign: Campaign; who: string }) {
  return (
    <>
      <Show when={props.order.reference}>
        {(reference) => (
          <div>
            <dt>{o().order}</dt>
            <dd>
              <Address address={reference()} />
            </dd>
          </div>
        )}
      </Show>
      <Show when={props.order.voucher}>
        {(voucher) => (
          <div>
            <dt>{o().confirmed}</dt>
            <dd>{v().actions[props.order.action]}</dd>
            <dd class="note">{o().validUntil(when(voucher().expires_at * 1000))}</dd>
          </div>
        )}
      </Show>
      <Show when={props.bought.payment}>
        {(payment) => (
          <Paying
            payment={payment()}
            token={tokenFor(payment(), props.campaign)}
            recorded={props.bought.prepared.trial!.recorded!}
            who={props.who}
          />
        )}
      </Show>
    </>
  );
}

function Paying(props: { payment: Payment; token: Token; recorded: Recorded; who: string }) {
  /** The parts of a split; what is left is the company's. */
  const parts = (): [string, bigint][] => {
    if (!props.payment.isSplit) return [];
    const { referrer, partner } = props.recorded;
    const left = sumOf(props.payment) - referrer.units - partner.units;
    const all: [string, bigint][] = [
      [o().ofIt(props.who), referrer.units],
      [o().ofItPartner, partner.units],
      [o().ofItCompany, left],
    ];
    return all.filter(([, units]) => units > 0n);
  };
  return (
    <>
      <Show when={props.payment.discount > 0n}>
        <div>
          <dt>{o().price}</dt>
          <dd>
            <Money units={props.payment.price} token={props.token} />
          </dd>
        </div>
        <div>
          <dt>{o().discount}</dt>
          <dd>
            <Money units={-props.payment.discount} token={props.token} />
          </dd>
        </div>
      </Show>
      <div>
        <dt>
          <strong>{o().youPay}</strong>
        </dt>
        <dd>
          <strong>
            <Money units={sumOf(props.payment)} token={props.token} />
          </strong>
        </dd>
        <dd class="note">{o().youPayNote}</dd>
      </div>
      <For each={parts()}>
        {([name, units]) => (
          <div class="of-it">
            <dt>{name}</dt>
            <dd>
              <Money units={units} token={props.token} />
            </dd>
          </div>
        )}
      </For>
    </>
  );
}

/** Everything that leaves the wallet, in SOL and in the token of the payment. */
function Sum(props: { bought: Bought; campaign: Campaign }) {
  const inToken = () => {
    const { payment } = props.bought;
    return payment && payment.mint !== SOL_MINT ? payment : undefined;
  };
  const lamports = () => {
    const { prepared, payment } = props.bought;
    const { fee, deposit } = prepared.trial!.cost;
    return fee + deposit + (payment && !inToken() ? sumOf(payment) : 0n);
  };
  return (
    <>
      <Show when={inToken()}>
        {(payment) => (
          <>
            <Money units={sumOf(payment())} token={tokenFor(payment(), props.campaign)} />
            <br />
          </>
        )}
      </Show>
      <Money units={lamports()} token={{ decimals: 9, symbol: t().common.sol }} />
    </>
  );
}
