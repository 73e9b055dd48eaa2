/** The deposits that the page says come back are those that the program returns. */

import { expect, it } from 'vitest';
import type { Address, FixedSizeCodec } from '@solana/kit';

import { getBindingCodec } from '@vouch/client/generated/accounts/binding.js';
import { getClosedCodec } from '@vouch/client/generated/accounts/closed.js';
import { getConversionCodec } from '@vouch/client/generated/accounts/conversion.js';
import { getReferralCodec } from '@vouch/client/generated/accounts/referral.js';
import { getReferrerCodec } from '@vouch/client/generated/accounts/referrer.js';
import { Status } from '@vouch/client/generated/types/status.js';

import { isReturnable } from '../../src/wallet/returnable';

const MINE = 'So11111111111111111111111111111111111111112' as Address;
const NOW = 1000n;

/** The bytes of an account of the wallet with these fields; the others are zero. */
function account<F extends object, T extends F & { rentPayer: Address }>(
  codec: FixedSizeCodec<F, T>,
  fields: Partial<F> = {},
): Uint8Array {
  const zero = codec.decode(new Uint8Array(codec.fixedSize));
  return new Uint8Array(codec.encode({ ...zero, rentPayer: MINE, ...fields }));
}

const PENDING = { status: Status.Pending };
const PAID = { status: Status.Paid };
const ALWAYS = ['open', 'closed', 'claimed'] as const;

it.each([
  ['a code without open rewards', () => account(getReferralCodec()), ['closed', 'claimed']],
  [
    'a code with open rewards',
    () => account(getReferralCodec(), { openConversions: 1n }),
    ['claimed'],
  ],
  ['the trace of a code', () => account(getClosedCodec()), ['closed', 'claimed']],
  ['a paid conversion', () => account(getConversionCodec(), PAID), ['closed', 'claimed']],
  ['a conversion that is owed', () => account(getConversionCodec(), PENDING), ['claimed']],
  ['a counter', () => account(getReferrerCodec()), ['claimed']],
  ['a binding', () => account(getBindingCodec(), { expiresAt: NOW + 1n }), ['closed', 'claimed']],
  ['a binding that is over', () => account(getBindingCodec(), { expiresAt: NOW }), ALWAYS],
])('%s comes back in time', (_, bytes, when) => {
  const found = ALWAYS.filter((end) => isReturnable(bytes(), MINE, end, NOW));
  expect(found).toEqual(when);
});

it.each([
  ['code', getReferralCodec],
  ['trace', getClosedCodec],
  ['counter', getReferrerCodec],
  ['binding', getBindingCodec],
])('a %s that somebody else has paid for does not', (_, codec) => {
  const theirs = account(codec() as never, { rentPayer: '1'.repeat(32) } as never);
  expect(ALWAYS.some((end) => isReturnable(theirs, MINE, end, NOW))).toBe(false);
});

it('takes no other account for one', () => {
  expect(isReturnable(new Uint8Array(300), MINE, 'claimed', NOW)).toBe(false);
  expect(isReturnable(new Uint8Array(0), MINE, 'claimed', NOW)).toBe(false);
});
