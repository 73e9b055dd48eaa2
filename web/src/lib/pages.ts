/** Lists that come in pages: the first one stays current, further ones are asked for by hand. */

import { createEffect, createMemo, createSignal, on, type Accessor } from 'solid-js';

import type { Live } from './live';
import { poll } from './poll';

/** A page of a list, and where the next one begins. */
export type Page<T> = { readonly rows: T[]; readonly next: string | null | undefined };

/**
 * A list for each `key`. `by` tells its rows apart: what moves from one page to the next is shown
 * once, as it is in the newest answer.
 */
export function createPages<K, T>(
  key: Accessor<K | undefined | false>,
  ask: (key: K, cursor: string | undefined, signal?: AbortSignal) => Promise<Page<T>>,
  by: (row: T) => string,
  every: number,
  live?: Live,
) {
  const current = createMemo(key);
  const first = poll(current, (key, signal) => ask(key, undefined, signal), every, live);
  const [more, setMore] = createSignal<Page<T>>();
  const [failed, setFailed] = createSignal<unknown>();
  // Further pages of another key are not this key's.
  createEffect(on(current, () => setMore(undefined), { defer: true }));
  const rows = () => {
    const all = [...(more()?.rows ?? []), ...(first.data()?.rows ?? [])];
    const newest = new Map(all.map((row) => [by(row), row]));
    const order = [...(first.data()?.rows ?? []), ...(more()?.rows ?? [])];
    return [...new Set(order.map(by))].map((id) => newest.get(id)!);
  };
  const next = () => (more() ? more()!.next : first.data()?.next);
  return {
    rows,
    known: () => first.data() !== undefined,
    error: first.error,
    again: first.again,
    hasMore: () => Boolean(next()),
    failed,
    showMore: async () => {
      const asked = current();
      const cursor = next();
      if (asked === undefined || asked === false || !cursor) return;
      setFailed(undefined);
      try {
        const page = await ask(asked as K, cursor);
        if (current() !== asked) return;
        setMore((before) => ({ rows: [...(before?.rows ?? []), ...page.rows], next: page.next }));
      } catch (error) {
        if (current() === asked) setFailed(error);
      }
    },
  };
}
