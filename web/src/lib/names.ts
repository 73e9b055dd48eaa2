/** The referrers' names, asked for once for all rows of a page. */

import { createEffect, createSignal, onCleanup, type Accessor } from 'solid-js';

import { answer, api } from '../api/client';

/** Most wallets of one question. */
const MOST = 200;

/** The name of a wallet; `undefined` while it has none or is not known. */
export function createNames(
  wallets: Accessor<readonly string[]>,
): (wallet: string) => string | undefined {
  const [known, setKnown] = createSignal(new Map<string, string>());
  const asked = new Set<string>();
  const stop = new AbortController();
  onCleanup(() => stop.abort());
  createEffect(() => {
    const fresh = [...new Set(wallets())].filter((it) => !asked.has(it)).slice(0, MOST);
    if (fresh.length === 0) return;
    fresh.forEach((wallet) => asked.add(wallet));
    const query = { wallets: fresh.join(',') };
    answer(api.GET('/v1/names', { params: { query }, signal: stop.signal })).then(
      ({ names }) =>
        setKnown((before) => {
          const found = names.map(({ wallet, nickname }) => [wallet, nickname] as const);
          return new Map([...before, ...found]);
        }),
      // The addresses stand there anyway; another row asks again.
      () => fresh.forEach((wallet) => asked.delete(wallet)),
    );
  });
  return (wallet) => known().get(wallet);
}
