/** Whether the program returns the deposit of an account. */

import {
  BINDING_DISCRIMINATOR,
  getBindingDecoder,
} from '@vouch/client/generated/accounts/binding.js';
import { CLOSED_DISCRIMINATOR, getClosedDecoder } from '@vouch/client/generated/accounts/closed.js';
import {
  CONVERSION_DISCRIMINATOR,
  getConversionDecoder,
} from '@vouch/client/generated/accounts/conversion.js';
import {
  getReferralDecoder,
  REFERRAL_DISCRIMINATOR,
} from '@vouch/client/generated/accounts/referral.js';
import {
  getReferrerDecoder,
  REFERRER_DISCRIMINATOR,
} from '@vouch/client/generated/accounts/referrer.js';
import { Status } from '@vouch/client/generated/types/status.js';

import { isEqual } from './inspect';

/** How far a campaign is over: `claimed` if nobody can claim a reward of it any more. */
export type End = 'open' | 'closed' | 'claimed';

/** Whether the program returns the deposit of an account with these bytes, and to this wallet. */
export function isReturnable(bytes: Uint8Array, wallet: string, end: End, now: bigint): boolean {
  const isOver = end !== 'open';
  if (begins(bytes, REFERRAL_DISCRIMINATOR)) {
    const { rentPayer, openConversions } = getReferralDecoder().decode(bytes);
    return rentPayer === wallet && isOver && (openConversions === 0n || end === 'claimed');
  }
  if (begins(bytes, CLOSED_DISCRIMINATOR)) {
    return getClosedDecoder().decode(bytes).rentPayer === wallet && isOver;
  }
  if (begins(bytes, CONVERSION_DISCRIMINATOR)) {
    const { rentPayer, status } = getConversionDecoder().decode(bytes);
    return rentPayer === wallet && isOver && (status !== Status.Pending || end === 'claimed');
  }
  if (begins(bytes, BINDING_DISCRIMINATOR)) {
    const { rentPayer, expiresAt } = getBindingDecoder().decode(bytes);
    return rentPayer === wallet && (isOver || now >= expiresAt);
  }
  if (begins(bytes, REFERRER_DISCRIMINATOR)) {
    return getReferrerDecoder().decode(bytes).rentPayer === wallet && end === 'claimed';
  }
  return false;
}

/** Whether these bytes are of this kind of account. */
export function begins(bytes: Uint8Array, discriminator: ArrayLike<number>): boolean {
  return isEqual(bytes.subarray(0, discriminator.length), Uint8Array.from(discriminator));
}
