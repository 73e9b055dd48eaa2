/** The API. Its types come from its OpenAPI document. */

import createClient from 'openapi-fetch';

import type { components, paths } from './schema';

export type Campaign = components['schemas']['CampaignAnswer'];
export type CodeInfo = components['schemas']['CodeAnswer'];
export type Conversion = components['schemas']['ConversionAnswer'];
export type ConversionDetail = components['schemas']['ConversionDetail'];
export type Built = components['schemas']['ConvertAnswer'];
export type Leaderboard = components['schemas']['LeaderboardAnswer'];
export type Totals = components['schemas']['TotalsAnswer'];
export type Challenge = components['schemas']['ChallengeAnswer'];
export type Me = components['schemas']['MeAnswer'];
export type OwnCode = components['schemas']['OwnCodeAnswer'];
export type Reward = components['schemas']['RewardAnswer'];
export type Award = components['schemas']['Award'];
export type Milestone = components['schemas']['Milestone'];
export type CodeStats = components['schemas']['StatsAnswer'];
export type Key = components['schemas']['KeyAnswer'];
export type InvalidReason = components['schemas']['InvalidReason'];

export const api = createClient<paths>({ baseUrl: location.origin });

/** Why the API did not do what it was asked for. */
export class Refusal extends Error {
  constructor(
    /** The API's stable code, or `offline` when it cannot be reached. */
    readonly code: string,
    readonly requestId: string | undefined,
    /** Whether the transaction is in a block all the same, so that its fee was charged. */
    readonly charged = false,
    /** The other things that the API says of it. */
    readonly detail: {
      /** The status of HTTP. */
      readonly status?: number;
      /** The field or the parameter that is wrong. */
      readonly field?: string | null | undefined;
      /** The place to go on after a list that was read in part. */
      readonly next?: string | null | undefined;
    } = {},
  ) {
    super(code);
  }
}

type Outcome<T> = { data?: T; error?: unknown; response: Response };

/** The answer's data. Throws a `Refusal` for anything else. */
export async function answer<T>(asked: Promise<Outcome<T>>): Promise<T> {
  const outcome = await outcomeOf(asked);
  if (outcome.data !== undefined) return outcome.data;
  throw refusalOf(outcome);
}

/** Returns when it was done, for questions whose answer is empty. Throws a `Refusal`. */
export async function done(asked: Promise<Outcome<unknown>>): Promise<void> {
  const outcome = await outcomeOf(asked);
  if (!outcome.response.ok) throw refusalOf(outcome);
}

async function outcomeOf<T>(asked: Promise<Outcome<T>>): Promise<Outcome<T>> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Refusal('offline', undefined);
  }
}

function refusalOf({ error, response }: Outcome<unknown>): Refusal {
  const envelope = error as components['schemas']['ErrorEnvelope'] | undefined;
  return new Refusal(
    envelope?.error?.code ?? (response.status >= 500 ? 'internal' : 'unexpected'),
    envelope?.error?.request_id ?? response.headers.get('x-request-id') ?? undefined,
    false,
    { status: response.status, field: envelope?.field, next: envelope?.next_cursor },
  );
}
