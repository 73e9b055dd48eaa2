/**
 * The code that a visitor came with, in the storage of the page's own site. The first one of a campaign
 * stays until its time is over, so that one that was swapped on the way is noticed.
 */

type Touch = { code: string; at: number; window: number };

/** Seconds that a code is kept where the campaign does not say for how long a first touch counts. */
export const USUAL_WINDOW = 30 * 86_400;

const key = (campaign: string) => `vouch:touch:${campaign}`;

/** The code that is kept, if its time is not over. */
export function kept(campaign: string, now = Date.now()): string | undefined {
  try {
    const found = JSON.parse(
      localStorage.getItem(key(campaign)) ?? 'null',
    ) as Partial<Touch> | null;
    const { code, at, window } = found ?? {};
    if (typeof code !== 'string' || typeof at !== 'number' || typeof window !== 'number') return;
    return at <= now && now < at + window * 1000 ? code : undefined;
  } catch {
    // Storage can be switched off, and hold anything.
    return undefined;
  }
}

/** Keeps this code from now on, for `window` seconds. */
export function keep(campaign: string, code: string, window: number, now = Date.now()): void {
  try {
    const touch: Touch = { code, at: now, window };
    localStorage.setItem(key(campaign), JSON.stringify(touch));
  } catch {
    // Then it lasts as long as the page.
  }
}

/** Keeps nothing any more, if it is this code. */
export function forget(campaign: string, code: string): void {
  try {
    if (kept(campaign) === code) localStorage.removeItem(key(campaign));
  } catch {
    // There is nothing then.
  }
}
