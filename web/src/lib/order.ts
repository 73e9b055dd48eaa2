/** The order that a link names: what a company sends with a visitor whose conversion it counts on its own site. */

/** Actions, in the order of their numbers on chain. */
export const ACTIONS = [
  'signup',
  'mint',
  'purchase',
  'booking',
  'enrollment',
  'loan',
  'rental',
  'subscription',
  'custom',
] as const;

/** The attestor's signature for one wallet, code and order. */
export type Voucher = {
  /** 64 bytes in base58. */
  readonly signature: string;
  /** Unix seconds. */
  readonly issued_at: number;
  readonly expires_at: number;
};

export type LinkedOrder = {
  /** Base units: the price, or the worth of the action. */
  readonly amount: string;
  readonly action: (typeof ACTIONS)[number];
  /** The company's own reference: 64 hexadecimal digits. */
  readonly reference: string | undefined;
  readonly voucher: Voucher | undefined;
};

/** Parameters of a link besides the code. A parameter that is named twice is a list. */
export type OrderQuery = Partial<Record<(typeof NAMES)[number], string | string[]>>;
const NAMES = ['amount', 'action', 'reference', 'signature', 'issued_at', 'expires_at'] as const;
const VOUCHER = ['signature', 'issued_at', 'expires_at'] as const;

const MOST = 2n ** 64n - 1n;
const SIGNATURE = /^[1-9A-HJ-NP-Za-km-z]{64,88}$/;
const SECONDS = /^\d{1,12}$/;

/**
 * The order of a link for a campaign with this proof; `undefined` if the link names none, and `'broken'` if it is not
 * complete.
 */
export function orderIn(query: OrderQuery, proof: string): LinkedOrder | 'broken' | undefined {
  if (proof === 'open' || NAMES.every((name) => query[name] === undefined)) return undefined;
  const named = (name: (typeof NAMES)[number]): string | undefined => {
    const value = query[name];
    return Array.isArray(value) ? value.join(',') : value;
  };
  const isPayment = proof === 'payment';
  const amount = named('amount') ?? (isPayment ? '' : '0');
  const action = named('action') ?? (isPayment ? 'purchase' : 'signup');
  const reference = named('reference')?.toLowerCase();
  if (!/^\d{1,20}$/.test(amount) || BigInt(amount) > MOST) return 'broken';
  if (isPayment && BigInt(amount) === 0n) return 'broken';
  const known = ACTIONS.find((one) => one === action);
  if (!known) return 'broken';
  if (reference !== undefined && !/^[0-9a-f]{64}$/.test(reference)) return 'broken';
  const order = { amount: BigInt(amount).toString(), action: known, reference };
  if (isPayment) return { ...order, voucher: undefined };
  const [signature, issued, expires] = VOUCHER.map(named);
  const isVoucher =
    SIGNATURE.test(signature ?? '') && SECONDS.test(issued ?? '') && SECONDS.test(expires ?? '');
  if (!isVoucher) return 'broken';
  const times = { issued_at: Number(issued), expires_at: Number(expires) };
  return { ...order, voucher: { signature: signature!, ...times } };
}
