/** Campaigns by their addresses, each asked for once. */

import { createEffect, createSignal, onCleanup, type Accessor } from 'solid-js';

import { answer, api, Refusal, type Campaign } from '../api/client';

/** The campaign at this address. Throws `not_as_shown` for another one, into whose vault somebody would pay. */
export async function campaignAt(address: string, signal?: AbortSignal): Promise<Campaign> {
  const params = { path: { address } };
  const found = await answer(
    api.GET('/v1/campaigns/{address}', { params, ...(signal && { signal }) }),
  );
  if (found.address !== address) throw new Refusal('not_as_shown', undefined);
  return found;
}

/** The campaign; `undefined` until it is known. */
export function createCampaigns(
  addresses: Accessor<readonly string[]>,
): (address: string) => Campaign | undefined {
  const [known, setKnown] = createSignal(new Map<string, Campaign>());
  const asked = new Set<string>();
  const stop = new AbortController();
  onCleanup(() => stop.abort());
  createEffect(() => {
    for (const address of new Set(addresses())) {
      if (asked.has(address)) continue;
      asked.add(address);
      campaignAt(address, stop.signal).then(
        (campaign) => setKnown((before) => new Map([...before, [address, campaign]])),
        () => asked.delete(address),
      );
    }
  });
  return (address) => known().get(address);
}
