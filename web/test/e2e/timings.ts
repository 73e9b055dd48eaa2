/** Figures that the browser itself measures of a page, with the processor slowed four times. Nothing asserts them. */

import type { Browser } from 'playwright-core';

import { open, type Look } from './browser';

/** All in milliseconds, but for the shift. */
export type Timings = {
  /** Until the first byte of the page has arrived. */
  firstByte: number;
  firstPaint: number | null;
  largestPaint: number | null;
  /** The element of the largest paint. */
  largest: string;
  /** The time of all tasks of more than 50 until the largest paint. */
  longTasks: number;
  /** The longest delay between an input and the next picture. */
  interaction: number | null;
  /** The parts of it: until the page's code runs, until it is done, and until the picture. */
  interactionParts: [number, number, number];
  shift: number;
  /** The element that has moved most. */
  shifted: string;
};

type Entry = PerformanceEntry & {
  element?: Element;
  processingStart: number;
  processingEnd: number;
  value: number;
  hadRecentInput: boolean;
  sources?: { node?: Node }[];
};
type Seen = Omit<Timings, 'firstByte' | 'firstPaint' | 'longTasks'> & {
  tasks: [number, number][];
};
type Marked = { vouchTestSeen: Seen };

export async function timings(browser: Browser, look: Look, address: string): Promise<Timings> {
  const context = await open(browser, look);
  await context.addInitScript(() => {
    const seen: Seen = {
      largestPaint: null,
      largest: '',
      interaction: null,
      interactionParts: [0, 0, 0],
      shift: 0,
      shifted: '',
      tasks: [],
    };
    (globalThis as unknown as Marked).vouchTestSeen = seen;
    const name = (node: Node | null | undefined) => {
      const element = node instanceof Element ? node : node?.parentElement;
      if (!element) return '';
      const text = element.textContent?.trim().replace(/\s+/g, ' ').slice(0, 40);
      return `${element.tagName.toLowerCase()}.${element.className} ${text}`;
    };
    const watch = (type: string, each: (entry: Entry) => void) =>
      new PerformanceObserver((list) => (list.getEntries() as Entry[]).forEach(each)).observe({
        type,
        buffered: true,
        durationThreshold: 16,
      } as PerformanceObserverInit);
    watch('largest-contentful-paint', (entry) => {
      seen.largestPaint = entry.startTime;
      seen.largest = name(entry.element);
    });
    watch('longtask', (entry) => seen.tasks.push([entry.startTime, entry.duration]));
    watch('event', (entry) => {
      if (entry.duration <= (seen.interaction ?? 0)) return;
      seen.interaction = entry.duration;
      seen.interactionParts = [
        entry.processingStart - entry.startTime,
        entry.processingEnd - entry.processingStart,
        entry.startTime + entry.duration - entry.processingEnd,
      ];
    });
    let most = 0;
    watch('layout-shift', (entry) => {
      if (entry.hadRecentInput) return;
      seen.shift += entry.value;
      if (entry.value <= most) return;
      most = entry.value;
      seen.shifted = name(entry.sources?.[0]?.node);
    });
  });
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send('Emulation.setCPUThrottlingRate', { rate: 4 });
  await page.goto(address);
  await page.waitForLoadState('networkidle');
  // The largest paint ends with the first input, so it is read before.
  const before = await page.evaluate(() => {
    const { largestPaint, largest, tasks } = (globalThis as unknown as Marked).vouchTestSeen;
    const [visit] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
    const [paint] = performance.getEntriesByName('first-contentful-paint');
    const until = tasks.filter(([start]) => start < (largestPaint ?? 0));
    return {
      firstByte: visit?.responseStart ?? 0,
      firstPaint: paint?.startTime ?? null,
      largestPaint,
      largest,
      longTasks: until.reduce((sum, [, duration]) => sum + duration, 0),
    };
  });
  await page.getByRole('button', { name: 'Deutsch' }).click();
  await page.locator('html[lang=de]').waitFor();
  await page.evaluate(
    () => new Promise((resume) => requestAnimationFrame(() => requestAnimationFrame(resume))),
  );
  const { interaction, interactionParts, shift, shifted } = await page.evaluate(
    () => (globalThis as unknown as Marked).vouchTestSeen,
  );
  await context.close();
  const whole = (value: number | null) => (value === null ? null : Math.round(value));
  return {
    firstByte: Math.round(before.firstByte),
    firstPaint: whole(before.firstPaint),
    largestPaint: whole(before.largestPaint),
    largest: before.largest,
    longTasks: Math.round(before.longTasks),
    interaction: whole(interaction),
    interactionParts: interactionParts.map(Math.round) as [number, number, number],
    shift: Math.round(shift * 1000) / 1000,
    shifted,
  };
}
