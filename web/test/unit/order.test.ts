import { expect, it } from 'vitest';

import { getConvertInstructionDataEncoder } from '@vouch/client/generated/instructions/convert.js';
import { getPurchaseInstructionDataEncoder } from '@vouch/client/generated/instructions/purchase.js';
import { Action } from '@vouch/client/generated/types/action.js';

import { ACTIONS, orderIn, type LinkedOrder } from '../../src/lib/order';

const REFERENCE = '0123456789abcdef'.repeat(4);
const SIGNATURE = '5'.repeat(87);
const VOUCHER = { signature: SIGNATURE, issued_at: '1700000000', expires_at: '1700003600' };

it('names the actions by the numbers of the program', () => {
  for (const [number, name] of ACTIONS.entries()) {
    expect(Action[number]!.toLowerCase()).toBe(name);
  }
  expect(Action[ACTIONS.length]).toBeUndefined();
});

it('reads a purchase', () => {
  const query = { amount: '0100', reference: REFERENCE.toUpperCase() };
  expect(orderIn(query, 'payment')).toEqual({
    amount: '100',
    action: 'purchase',
    reference: REFERENCE,
    voucher: undefined,
  });
  expect(orderIn({ amount: '1', action: 'booking' }, 'payment')).toMatchObject({
    action: 'booking',
    reference: undefined,
  });
});

it('reads a conversion with the word of the company', () => {
  expect(orderIn(VOUCHER, 'attested')).toEqual({
    amount: '0',
    action: 'signup',
    reference: undefined,
    voucher: { signature: SIGNATURE, issued_at: 1_700_000_000, expires_at: 1_700_003_600 },
  });
});

it('finds no order in the link of an invitation', () => {
  expect(orderIn({}, 'payment')).toBeUndefined();
  expect(orderIn({}, 'attested')).toBeUndefined();
  // A wallet alone converts there, and nobody can say more of it.
  expect(orderIn({ amount: '5' }, 'open')).toBeUndefined();
});

it.each([
  ['no amount', 'payment', { reference: REFERENCE }],
  ['nothing to pay', 'payment', { amount: '0' }],
  ['a fraction', 'payment', { amount: '1.5' }],
  ['a negative amount', 'payment', { amount: '-1' }],
  ['more than fits', 'payment', { amount: '18446744073709551616' }],
  ['two amounts', 'payment', { amount: ['1', '2'] }],
  ['an action that there is not', 'payment', { amount: '1', action: 'theft' }],
  ['a short reference', 'payment', { amount: '1', reference: 'ab' }],
  ['no signature', 'attested', { amount: '1' }],
  ['no time', 'attested', { ...VOUCHER, expires_at: '' }],
  ['a signature of other characters', 'attested', { ...VOUCHER, signature: '0'.repeat(87) }],
  ['two signatures', 'attested', { ...VOUCHER, signature: [SIGNATURE, SIGNATURE] }],
])('takes %s for a broken link', (_, proof, query) => {
  expect(orderIn(query, proof)).toBe('broken');
});

it('writes the data of both instructions as the client does', async () => {
  // The module asks for the page's address and for a node when it is loaded.
  Object.assign(globalThis, {
    location: new URL('http://127.0.0.1/'),
    document: { querySelector: () => null },
  });
  const { orderData } = await import('../../src/wallet/order');
  const order: LinkedOrder = {
    amount: '18446744073709551615',
    action: 'booking',
    reference: REFERENCE,
    voucher: undefined,
  };
  const args = {
    code: 'AURRA2',
    action: Action.Booking,
    amount: 2n ** 64n - 1n,
    reference: Buffer.from(REFERENCE, 'hex'),
  };
  expect(Buffer.from(orderData('AURRA2', order))).toEqual(
    Buffer.from(getConvertInstructionDataEncoder().encode(pad(args))),
  );
  expect(Buffer.from(orderData('AURRA2', order, 7n))).toEqual(
    Buffer.from(getPurchaseInstructionDataEncoder().encode(pad({ ...args, maxPayment: 7n }))),
  );
});

/** The arguments with a code of twelve characters, as the encoder of the client takes it. */
const pad = <A extends { code: string }>(args: A): A => ({
  ...args,
  code: args.code.padEnd(12, '\0'),
});
