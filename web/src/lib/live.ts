/** What happens on the server, told while the page is on screen. */

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
/** Milliseconds after which a stream that was refused is asked for again. */
const AGAIN = 60_000;

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
      const tell = () => {
        setOpen(true);
        waiting ??= window.setTimeout(
          () => {
            waiting = undefined;
            next = Date.now() + EVERY;
            setTold((count) => count + 1);
          },
          Math.max(next - Date.now(), Math.random() * SPREAD),
        );
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
          setOpen(false);
          // Otherwise the browser connects again by itself.
          if (opened.readyState !== EventSource.CLOSED || opened !== source) return;
          end();
          refused = window.setTimeout(begin, AGAIN);
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
