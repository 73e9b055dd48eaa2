/** Conversions of an order: the bytes that a wallet may sign for it, and what the node's trial says of the payment. */

import { getBase58Encoder, getBase64Encoder, type Address } from '@solana/kit';
import { getCampaignDecoder } from '@vouch/client/generated/accounts/campaign.js';
import { CONVERT_DISCRIMINATOR } from '@vouch/client/generated/instructions/convert.js';
import { PURCHASE_DISCRIMINATOR } from '@vouch/client/generated/instructions/purchase.js';
import { Funding } from '@vouch/client/generated/types/funding.js';

import { answer, api, Refusal } from '../api/client';
import { ACTIONS, type LinkedOrder } from '../lib/order';
import { SOL_MINT } from '../lib/site';
import { prepare, type Prepared } from '.';
import { encoded, type Ordered } from './inspect';
import { bytesOf, type Encoded } from './node';

/** The payment of a purchase, in base units of its own token. */
export type Payment = {
  readonly mint: string;
  readonly decimals: number;
  /** Before the discount. */
  readonly price: bigint;
  /** The part of the buyer, if the reward is split off the payment. */
  readonly discount: bigint;
  /** Whether the parts of the others are split off the payment, too. */
  readonly isSplit: boolean;
};

/** A conversion that was read and tried, with its payment if the node has tried a purchase. */
export type Bought = { readonly prepared: Prepared; readonly payment: Payment | undefined };

/** What is ordered, where, and by which code. */
export type Ordering = {
  readonly order: LinkedOrder;
  readonly code: string;
  readonly campaign: string;
  /** Mint of the payments; absent if the campaign takes none. */
  readonly paymentMint: string | undefined;
};

/** Bytes of action, amount and reference. */
const CONVERSION = 1 + 8 + 32;
const AMOUNT = 8;
/** The place of the decimals in a mint of both token programs. */
const DECIMALS_AT = 44;
const SOL_DECIMALS = 9;

/** The instruction's data for an order; `most` is the most that a purchase may cost. */
export function orderData(code: string, order: LinkedOrder, most?: bigint): Uint8Array {
  const isPurchase = most !== undefined;
  const after = new Uint8Array(CONVERSION + (isPurchase ? AMOUNT : 0));
  const view = new DataView(after.buffer);
  after[0] = ACTIONS.indexOf(order.action);
  view.setBigUint64(1, BigInt(order.amount), true);
  const reference = order.reference?.match(/../g) ?? [];
  after.set(
    reference.map((byte) => parseInt(byte, 16)),
    1 + AMOUNT,
  );
  if (isPurchase) view.setBigUint64(CONVERSION, most, true);
  return encoded(isPurchase ? PURCHASE_DISCRIMINATOR : CONVERT_DISCRIMINATOR, code, after);
}

/** Lets the API build the conversion of an order, reads it and lets the node try it. Throws a `Refusal`. */
export async function prepareOrder(of: Ordering, wallet: string): Promise<Bought> {
  if (of.paymentMint !== undefined) return bought(of, wallet, of.paymentMint);
  const { code, campaign, order } = of;
  const body = { code, campaign, referee: wallet, ...fieldsOf(order) };
  const built = await answer(api.POST('/v1/transactions/convert', { body }));
  const { signature } = order.voucher!;
  const voucher = new Uint8Array(getBase58Encoder().encode(signature));
  const ordered: Ordered = { data: orderData(code, order), voucher };
  const shown = { act: 'convert', wallet, campaign, code, order: ordered } as const;
  return { prepared: await prepare(built, undefined, shown), payment: undefined };
}

/** The purchase, whose bytes say that it costs no more than the price after the discount. */
async function bought(of: Ordering, wallet: string, mint: string): Promise<Bought> {
  const { code, campaign, order } = of;
  const costing = async (most: bigint): Promise<Bought> => {
    const fields = { ...fieldsOf(order), max_payment: most.toString() };
    const body = { code, campaign, buyer: wallet, ...fields };
    const built = await answer(api.POST('/v1/transactions/purchase', { body }));
    const watched = mint === SOL_MINT ? [] : [mint as Address];
    const ordered: Ordered = { data: orderData(code, order, most), watched };
    const shown = { act: 'convert', wallet, campaign, code, order: ordered } as const;
    const prepared = await prepare(built, undefined, shown);
    return paid(prepared, BigInt(order.amount), mint);
  };
  const price = BigInt(order.amount);
  const first = await costing(price);
  // Only the program knows the discount. The wallet signs for what is left of the price, and not for more.
  const discount = first.payment?.discount ?? 0n;
  return discount > 0n ? costing(price - discount) : first;
}

/** The purchase with its payment, which is no deposit. */
function paid(prepared: Prepared, price: bigint, mint: string): Bought {
  const { trial } = prepared;
  if (!trial?.recorded) return { prepared, payment: undefined };
  const [, campaign, paymentMint] = trial.accounts;
  const payment = paymentOf(bytesOf(campaign), paymentMint, price, mint);
  const discount = payment.isSplit ? trial.recorded.referee.units : 0n;
  const lamports = mint === SOL_MINT ? price - discount : 0n;
  const deposit = trial.cost.deposit - lamports;
  if (deposit < 0n) throw new Refusal('not_as_shown', undefined);
  const cost = { fee: trial.cost.fee, deposit };
  return {
    prepared: { ...prepared, trial: { ...trial, cost } },
    payment: { ...payment, discount },
  };
}

function paymentOf(bytes: Uint8Array, paymentMint: Encoded, price: bigint, mint: string): Payment {
  const campaign = getCampaignDecoder().decode(bytes);
  const [data = ''] = (paymentMint?.data ?? []) as [string?];
  const decimals = mint === SOL_MINT ? SOL_DECIMALS : getBase64Encoder().encode(data)[DECIMALS_AT];
  // The page names the token by its mint: another one would not be what it shows.
  if (campaign.paymentMint !== mint || decimals === undefined) {
    throw new Refusal('not_as_shown', undefined);
  }
  const isSplit = campaign.funding === Funding.PaymentSplit;
  return { mint, decimals, price, discount: 0n, isSplit };
}

/** The fields of an order as the API takes them. */
const fieldsOf = ({ amount, action, reference, voucher }: LinkedOrder) => ({
  amount,
  action,
  ...(reference && { reference }),
  ...(voucher && { voucher }),
});
