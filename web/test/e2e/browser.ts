/** The browser, and the faults that fail a test besides its assertions. */

import axe from 'axe-core';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';

export type Look = { name: string; width: number; height: number; dark: boolean; phone: boolean };

export const DESKTOP: Look = {
  name: 'desktop',
  width: 1280,
  height: 880,
  dark: false,
  phone: false,
};
export const PHONE: Look = { name: 'phone', width: 390, height: 844, dark: false, phone: true };
/** The narrowest screen, or a desktop at 400 percent: https://www.w3.org/TR/WCAG22/#reflow. */
export const NARROW: Look = { ...PHONE, name: 'narrow', width: 320, height: 568 };
export const LOOKS: Look[] = [
  DESKTOP,
  { ...DESKTOP, name: 'desktop-dark', dark: true },
  PHONE,
  { ...PHONE, name: 'phone-dark', dark: true },
];

/**
 * Milliseconds that anything may take on a busy machine: also a transaction that is dropped until its blockhash, which
 * lasts a minute there, is over.
 */
export const PATIENCE = 120_000;

export async function launch(): Promise<Browser> {
  const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
  // Chromium's sandbox does not work for root; the pages are our own.
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
}

/** Everything that went wrong in any page: errors in the console, exceptions, violations. */
export const faults: string[] = [];
/** While it is set, the browser says that requests fail: the test makes them fail. */
export const expected = { failures: false };
/** How many violations axe found, by page and state. */
export const checked: string[] = [];
/** Violations that axe found, and pages that are wider than the screen. */
export const barriers: string[] = [];

export async function open(
  browser: Browser,
  look: Look,
  locale = 'en-GB',
): Promise<BrowserContext> {
  const context = await browser.newContext({
    viewport: { width: look.width, height: look.height },
    deviceScaleFactor: 1.5,
    colorScheme: look.dark ? 'dark' : 'light',
    // A frame in the middle of a fade is neither the one nor the other.
    reducedMotion: 'reduce',
    hasTouch: look.phone,
    isMobile: look.phone,
    locale,
    timezoneId: 'Europe/Berlin',
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  context.setDefaultTimeout(PATIENCE);
  await context.exposeFunction('vouchTestFault', (text: string) => faults.push(text));
  await context.addInitScript(() => {
    type Tell = { vouchTestFault: (text: string) => void };
    document.addEventListener('securitypolicyviolation', (event) => {
      const text = `${event.violatedDirective}: ${event.blockedURI} ${event.sample}`;
      (globalThis as unknown as Tell).vouchTestFault(`policy violated: ${text}`);
    });
  });
  context.on('weberror', (error) => faults.push(`exception: ${error.error().stack}`));
  context.on('console', (message) => {
    const refused = /status of (400|401|403|404|409|422)/.test(message.text());
    // The browser logs every refusal of the API, also those that the page explains.
    if (refused && message.location().url.includes('/v1/')) return;
    // And the status of a page that is shown for a broken link.
    if (refused && /\/(r\/|nothing-here)/.test(message.location().url)) return;
    if (expected.failures && /net::ERR_|status of 503/.test(message.text())) return;
    if (['error', 'warning'].includes(message.type())) faults.push(`console: ${message.text()}`);
  });
  context.on('request', (request) => {
    const { hostname, protocol } = new URL(request.url());
    if (protocol.startsWith('http') && hostname !== '127.0.0.1') {
      faults.push(`a request to a third party: ${request.url()}`);
    }
  });
  return context;
}

/** Notes what axe finds in the page as it stands, and whether it is wider than the screen. */
export async function accessible(page: Page, state: string): Promise<void> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: typeof axe }).axe.run(document, {
      resultTypes: ['violations'],
    }),
  );
  for (const { id, nodes } of violations) {
    const [node] = nodes;
    barriers.push(`${state}: ${id}: ${node?.html} ${node?.failureSummary}`);
  }
  checked.push(`${state}: ${violations.length} violations`);
  const wider = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  if (wider > 0) barriers.push(`${state}: scrolls sideways`);
}

/** Writes what the page shows to the folder of pictures, if there is one. */
export async function picture(page: Page, name: string, whole = false): Promise<void> {
  const folder = process.env['VOUCH_SCREENS'];
  if (!folder) return;
  await page.screenshot({ path: `${folder}/${name}.png`, fullPage: whole });
}
