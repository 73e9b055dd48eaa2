/** The days of a question about analytics, in a zone that the server knows, and no more than it counts. */

import { Refusal } from '../api/client';
import { dayIn, plusDays, type Analytics, type Days } from './analytics';

const UTC = 'UTC';
/** Days that the API counts of as many codes as it counts of a wallet: 50 codes make at most 3,660 days together. */
export const CROWDED_DAYS = 73;

export type Query = Days & { zone: string };
export type AskNumbers = (query: Query, signal: AbortSignal) => Promise<Analytics>;

/** The reader's zone, as the browser names it. */
export function zoneOf(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || UTC;
}

/** Zones that the server has refused. */
const unknown = new Set<string>();
/** Subjects of which the server has refused to count so many days. */
const crowded = new Set<string>();

/** The last days of these, so many that they are counted for any number of codes. */
function shortened(days: Days): Days {
  const from = plusDays(days.to, 1 - CROWDED_DAYS);
  return from > days.from ? { ...days, from } : days;
}

/**
 * Asks in the reader's zone; if the server does not know it, in UTC. If these are too many days for the codes of
 * `subject`, it asks for the last {@link CROWDED_DAYS}. The answer names the zone and the days. A zone or a number
 * of days that the server has refused is not asked for again.
 */
export async function inZone(
  ask: AskNumbers,
  subject: string,
  days: (today: string) => Days,
  signal: AbortSignal,
): Promise<Analytics> {
  const zone = unknown.has(zoneOf()) ? UTC : zoneOf();
  const wanted = days(dayIn(zone, Date.now()));
  const asked = crowded.has(subject) ? shortened(wanted) : wanted;
  try {
    return await ask({ ...asked, zone }, signal);
  } catch (error) {
    const isQuery = error instanceof Refusal && error.code === 'invalid_query';
    const field = isQuery ? error.detail.field : undefined;
    if (field === 'zone' && zone !== UTC) unknown.add(zone);
    else if (field === 'from' && shortened(asked) !== asked) crowded.add(subject);
    else throw error;
    return inZone(ask, subject, days, signal);
  }
}
