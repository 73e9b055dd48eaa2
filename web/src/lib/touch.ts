/**
 * The code that a visitor came with, kept in this browser alone. The first one of a campaign stays
 * until its time is over, so that one that was swapped on the way is noticed.
 */

export type Touch = { code: string; at: number };

const DAY = 86_400;
/** Seconds that a code is kept for a campaign that counts no first touch. */
const DEFAULT_WINDOW = 30 * DAY;

const key = (campaign: string) => `vouch:code:${campaign}`;

/** The code that the visitor came with before, if its time is not over. */
export function firstTouch(campaign: string, window: number | null, now = Date.now()) {
  try {
    const stored = JSON.parse(localStorage.getItem(key(campaign)) ?? 'null') as Touch | null;
    if (!stored || typeof stored.code !== 'string' || typeof stored.at !== 'number') return;
    const ends = stored.at + (window ?? DEFAULT_WINDOW) * 1000;
    return now < ends && stored.at <= now ? stored : undefined;
  } catch {
    // Storage can be switched off, and hold anything.
    return undefined;
  }
}

/** Keeps this code, as of now. */
export function keepTouch(campaign: string, code: string, now = Date.now()): void {
  try {
    localStorage.setItem(key(campaign), JSON.stringify({ code, at: now } satisfies Touch));
  } catch {
    // Then the code lives as long as the page.
  }
}
