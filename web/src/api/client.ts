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
export type InvalidReason = components['schemas']['InvalidReason'];

export const api = createClient<paths>({ baseUrl: location.origin });

/** Why the API did not do what it was asked for. */
export class Refusal extends Error {
  constructor(
    /** The API's stable code, or `offline` when it cannot be reached. */
    readonly code: string,
    readonly requestId: string | undefined,
  ) {
    super(code);
  }
}

type Outcome<T> = { data?: T; error?: unknown; response: Response };

/** The answer's data. Throws a `Refusal` for anything else. */
export async function answer<T>(asked: Promise<Outcome<T>>): Promise<T> {
  let outcome: Outcome<T>;
  try {
    outcome = await asked;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Refusal('offline', undefined);
  }
  if (outcome.data !== undefined) return outcome.data;
  const envelope = outcome.error as components['schemas']['ErrorEnvelope'] | undefined;
  throw new Refusal(
    envelope?.error?.code ?? (outcome.response.status >= 500 ? 'internal' : 'unexpected'),
    envelope?.error?.request_id ?? outcome.response.headers.get('x-request-id') ?? undefined,
  );
}
