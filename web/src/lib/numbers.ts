/** Analytics that stay current while they are on screen, in the reader's days. */

import { createEffect, createMemo, createSignal, on, onCleanup, type Accessor } from 'solid-js';

import { dayIn, daysOf, plusDays, type Analytics, type Period } from './analytics';
import { now } from './clock';
import type { Live } from './live';
import { poll, type Polled } from './poll';
import { inZone, zoneOf, type AskNumbers } from './zone';

/** Milliseconds between two questions; an answer reads counters of many days. */
const EVERY = 15_000;
/** Milliseconds between two questions that events cause. */
const CALM = 8_000;
/** The same events as `live`, at most one every {@link CALM} milliseconds. */
function calm(live: Live): Live {
  const [told, setTold] = createSignal(0);
  let next = 0;
  let waiting: number | undefined;
  createEffect(
    on(
      live.told,
      () => {
        waiting ??= window.setTimeout(
          () => {
            waiting = undefined;
            next = Date.now() + CALM;
            setTold((count) => count + 1);
          },
          Math.max(0, next - Date.now()),
        );
      },
      { defer: true },
    ),
  );
  onCleanup(() => window.clearTimeout(waiting));
  return { on: live.on, told };
}

/**
 * The numbers of a period, and those of today with the weeks and months before. `of` says whose they are: a
 * change asks anew, `undefined` not at all. So does another day.
 */
export function createNumbers<K extends string>(
  of: Accessor<K | undefined>,
  period: Accessor<Period>,
  ask: (of: K) => AskNumbers,
  live?: Live,
): { period: Polled<Analytics>; today: Polled<Analytics> } {
  const changes = live && calm(live);
  const today = createMemo(() => dayIn(zoneOf(), now()));
  const subject = createMemo(of);
  const both = <T>(rest: () => T) =>
    createMemo(() => subject() && { of: subject()!, rest: rest(), today: today() }, undefined, {
      equals: (one, other) => JSON.stringify(one) === JSON.stringify(other),
    });
  const current = poll(
    both(period),
    async ({ of, rest }, signal) => {
      const found = await inZone(ask(of), of, (today) => daysOf(rest, today), signal);
      return { of, found };
    },
    EVERY,
    changes,
  );
  /** While another period of the same subject is on its way, the one before stays, so that nothing jumps. */
  const shown = createMemo<{ of: K; found: Analytics } | undefined>((before) => {
    const now = current.data() ?? before;
    return now?.of === subject() && !(current.error() && !current.data()) ? now : undefined;
  });
  return {
    period: { ...current, data: () => shown()?.found },
    today: poll(
      both(() => ''),
      ({ of }, signal) =>
        inZone(
          ask(of),
          of,
          (today) => ({ from: plusDays(today, -1), to: today, by: 'day' }),
          signal,
        ),
      EVERY,
      changes,
    ),
  };
}
