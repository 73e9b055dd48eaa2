/** Events of the server, told while the page is on screen. */

import { createEffect, createMemo, createSignal, on, onCleanup, type Accessor } from 'solid-js';

/** The types of events. After each, what the page shows may have changed. */
const TYPES = [
  'stream.opened',
  'stream.reset',
  'leaderboard.changed',
  ...['confirmed', 'final', 'paid', 'cancelled', 'retracted'].map((it) => `conversion.${it}`),
  ...['created', 'suspended', 'resumed', 'closed'].map((it) => `code.${it}`),
];
/** Milliseconds between two questions that events cause. */
const EVERY = 2000;
/** Milliseconds within which the first question comes, so that not all pages ask at once. */
const SPREAD = 300;
/** The same when all pages are told at once: after a reset, or when the server is back. */
const WIDE = 10_000;
/** Milliseconds after which a stream that was refused is asked for again, at least; at most twice. */
const AGAIN = 40_000;

export type Live = {
  /** Whether events arrive. */
  on: Accessor<boolean>;
  /** Changes when there is something to ask. */
  told: Accessor<number>;
};

/** The stream at this path. A page has one, because browsers allow few connections to one server. */
export function live(path: Accessor<string | undefined | false>): Live {
  const [open, setOpen] = createSignal(false);
  const [told, setTold] = createSignal(0);
  createEffect(
    on(createMemo(path), (path) => {
      if (!path) return;
      let source: EventSource | undefined;
      let refused: number | undefined;
      let waiting: number | undefined;
      let next = 0;
      let spread = SPREAD;
      const tell = (event: Event) => {
        setOpen(true);
        if (event.type === 'stream.reset') spread = WIDE;
        waiting ??= window.setTimeout(
          () => {
            waiting = undefined;
            next = Date.now() + EVERY;
            setTold((count) => count + 1);
          },
          Math.max(next - Date.now(), Math.random() * spread),
        );
        spread = SPREAD;
      };
      const end = () => {
        window.clearTimeout(refused);
        window.clearTimeout(waiting);
        waiting = undefined;
        source?.close();
        source = undefined;
        setOpen(false);
      };
      const begin = () => {
        if (document.hidden || source) return;
        const opened = (source = new EventSource(path));
        TYPES.forEach((type) => opened.addEventListener(type, tell));
        opened.onerror = () => {
          spread = WIDE;
          setOpen(false);
          // Otherwise the browser connects again by itself.
          if (opened.readyState !== EventSource.CLOSED || opened !== source) return;
          end();
          refused = window.setTimeout(begin, AGAIN * (1 + Math.random()));
        };
      };
      const shown = () => (document.hidden ? end() : begin());
      document.addEventListener('visibilitychange', shown);
      begin();
      onCleanup(() => {
        document.removeEventListener('visibilitychange', shown);
        end();
      });
    }),
  );
  return { on: open, told };
}
