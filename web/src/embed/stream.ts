/** The installation's events, one stream for all elements that follow the same. */

/** The types of events after which numbers can be others. */
const TYPES = [
  'stream.opened',
  'stream.reset',
  ...['confirmed', 'final', 'paid', 'cancelled', 'retracted'].map((it) => `conversion.${it}`),
  ...['suspended', 'resumed', 'closed'].map((it) => `code.${it}`),
];
/** Milliseconds after which a stream that was refused is asked for again, at least; at most twice. */
const AGAIN = 40_000;

type Stream = { source: EventSource; tell: Set<(isOpen: boolean) => void> };
const streams = new Map<string, Stream>();

/**
 * Calls `tell` after each event, and with `false` when events no longer arrive. Returns what ends it.
 * Browsers allow few connections to one server, so a page has one for each URL.
 */
export function follow(url: string, tell: (isOpen: boolean) => void): () => void {
  let timer: number | undefined;
  let isOver = false;
  const begin = () => {
    if (isOver) return;
    let stream = streams.get(url);
    if (!stream) {
      const source = new EventSource(url);
      const made: Stream = { source, tell: new Set() };
      const all = (isOpen: boolean) => [...made.tell].forEach((each) => each(isOpen));
      TYPES.forEach((type) => source.addEventListener(type, () => all(true)));
      source.onerror = () => {
        // The browser connects again by itself unless it was refused.
        if (source.readyState === EventSource.CLOSED) streams.delete(url);
        all(false);
      };
      streams.set(url, (stream = made));
    }
    stream.tell.add(heard);
  };
  const heard = (isOpen: boolean) => {
    if (!isOpen && !streams.has(url)) {
      timer = window.setTimeout(begin, AGAIN * (1 + Math.random()));
    }
    tell(isOpen);
  };
  begin();
  return () => {
    isOver = true;
    window.clearTimeout(timer);
    const stream = streams.get(url);
    stream?.tell.delete(heard);
    if (stream?.tell.size === 0) {
      stream.source.close();
      streams.delete(url);
    }
  };
}
