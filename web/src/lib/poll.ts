/** Data that stays current while it is on screen. */

import { createEffect, createMemo, createSignal, on, onCleanup, type Accessor } from 'solid-js';

import { Refusal } from '../api/client';
import type { Live } from './live';

export type Polled<T> = {
  /** The last answer; `undefined` before the first. It stays while newer questions fail. */
  data: Accessor<T | undefined>;
  /** Why the last question was not answered. */
  error: Accessor<Refusal | undefined>;
  /** Asks now. */
  again: () => void;
};

/** While events arrive, it asks this many times more seldom by itself. */
const SELDOM = 3;

/**
 * Asks when `key` changes and every `every` milliseconds, unless the page is hidden. After failures
 * it asks more seldom. Without `key` it does not ask. With `live`, it asks when something has happened,
 * though not sooner after failures, and otherwise more seldom, because not everything is told.
 */
export function poll<K, T>(
  key: Accessor<K | undefined | false>,
  ask: (key: K, signal: AbortSignal) => Promise<T>,
  every: number,
  live?: Live,
): Polled<T> {
  const [data, setData] = createSignal<T>();
  const [error, setError] = createSignal<Refusal>();
  let again = () => {};
  let told = () => {};
  let arm = () => {};

  // The same key again asks for nothing anew, however often what it comes from changes.
  const current = createMemo(key);
  createEffect(
    on(current, (key) => {
      if (key === undefined || key === false) return;
      const stop = new AbortController();
      let timer: number | undefined;
      let failures = 0;
      let asking = false;
      let missed = false;
      const round = async () => {
        window.clearTimeout(timer);
        timer = undefined;
        if (asking) {
          // The answer may be older than the question.
          missed = true;
          return;
        }
        asking = true;
        try {
          const found = await ask(key as K, stop.signal);
          if (stop.signal.aborted) return;
          failures = 0;
          setData(() => found);
          setError(undefined);
        } catch (failure) {
          if (stop.signal.aborted) return;
          failures += 1;
          setError(failure instanceof Refusal ? failure : new Refusal('unexpected', undefined));
        } finally {
          asking = false;
        }
        if (missed && failures === 0) {
          missed = false;
          void round();
        } else if (!document.hidden && every > 0) {
          wait(1);
        }
      };
      const wait = (times: number) => {
        window.clearTimeout(timer);
        const pause = every * (live?.on() ? SELDOM : 1) * 2 ** failures;
        timer = window.setTimeout(round, Math.min(pause, 30_000) * times);
      };
      const shown = () => {
        if (!document.hidden) return void round();
        // The next question was planned before the page was hidden.
        window.clearTimeout(timer);
        timer = undefined;
      };
      again = () => void round();
      // After a failure, the next round comes by itself.
      told = () => {
        if (failures === 0 || asking || timer === undefined) void round();
      };
      // All pages lose their streams together, and must not ask together.
      arm = () => {
        if (timer !== undefined) wait(1 + Math.random());
      };
      document.addEventListener('visibilitychange', shown);
      setError(undefined);
      void round();
      onCleanup(() => {
        stop.abort();
        window.clearTimeout(timer);
        timer = undefined;
        document.removeEventListener('visibilitychange', shown);
        // An answer for another key does not belong to this one.
        setData(undefined);
      });
    }),
  );
  if (live) {
    createEffect(on(live.told, () => document.hidden || told(), { defer: true }));
    createEffect(on(live.on, () => arm(), { defer: true }));
  }
  return { data, error, again: () => again() };
}
