/** How fast a campaign spends, by its newest conversions, and how long what it has left lasts. */

import type { Conversion } from '../api/client';

const DAY = 86_400_000n;
/** Milliseconds below which a few conversions say nothing about a day. */
const LEAST = 3_600_000;

/** Base units that were promised in so many milliseconds. */
export type Rate = { readonly units: bigint; readonly milliseconds: bigint };

/**
 * The rate of these conversions, newest first, up to `now`. The oldest one only says when the time begins. A
 * campaign that has slept since is slow. `undefined` if they are too few to tell, or are all there are
 * (`isAll`) and too young. Cancelled conversions spent nothing.
 */
export function rateOf(
  conversions: readonly Pick<Conversion, 'converted_at' | 'rewards' | 'status'>[],
  isAll: boolean,
  now: number,
): Rate | undefined {
  const first = conversions.at(-1)?.converted_at;
  if (!first || conversions.length < 2) return undefined;
  // Several can be of one second.
  const span = Math.max(now - Date.parse(first), 1000);
  if (isAll && span < LEAST) return undefined;
  const counted = conversions.slice(0, -1).filter(({ status }) => status !== 'cancelled');
  const units = counted.reduce((sum, { rewards }) => sum + inAll(rewards), 0n);
  return { units, milliseconds: BigInt(span) };
}

/** All that a conversion pays. */
export function inAll(rewards: Conversion['rewards']): bigint {
  return BigInt(rewards.referrer) + BigInt(rewards.referee) + BigInt(rewards.partner);
}

/** Base units of a day at this rate. */
export function perDay(rate: Rate): bigint {
  return (rate.units * DAY) / rate.milliseconds;
}

/** Whole days that `left` base units last at this rate; `undefined` if nothing is spent. */
export function daysLeft(left: bigint, rate: Rate): number | undefined {
  if (rate.units === 0n) return undefined;
  return Number((left * rate.milliseconds) / (rate.units * DAY));
}
