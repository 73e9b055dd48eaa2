/**
 * Every component in every state looks as in `docs/screens/components`. `npm run looks:accept` takes the pictures
 * anew, to be looked at before they are committed.
 */

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import pixelmatch from 'pixelmatch';
import type { Browser, Page } from 'playwright-core';
import { PNG } from 'pngjs';
import { build } from 'vite';
import solid from 'vite-plugin-solid';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { DESKTOP, faults, launch, open, PHONE, type Look } from '../e2e/browser';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const KEPT = path('../../../docs/screens/components');
/** Pictures that are not as they were, each with what differs. */
const FAILED = path('failed');
const ACCEPT = process.env['VOUCH_LOOKS'] === 'accept';

/** How different the colour of a pixel may be, from 0 to 1: edges of letters differ between versions of a browser. */
const THRESHOLD = 0.15;
/** One of so many pixels may differ more. */
const ONE_OF = 10_000;

/** Every time on the page is relative to this one, and it does not go on. */
const NOW = new Date('2026-03-14T09:26:53Z');
const ORIGIN = 'http://127.0.0.1';
const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.woff2': 'font/woff2',
};
const PLACES = ['controls', 'values', 'figures', 'receipt', 'charts', 'waiting', 'problems'];

let browser: Browser;
let built: string;
beforeAll(async () => {
  built = await mkdtemp(join(tmpdir(), 'vouch-looks-'));
  await build({
    configFile: false,
    root: path('.'),
    logLevel: 'warn',
    plugins: [solid()],
    build: {
      outDir: built,
      emptyOutDir: true,
      target: 'es2022',
      cssTarget: 'chrome123',
      assetsInlineLimit: 0,
    },
  });
  browser = await launch();
  await rm(FAILED, { recursive: true, force: true });
});
afterAll(async () => {
  await browser.close();
  await rm(built, { recursive: true });
});

/** The page of components, whose clock stands still. */
async function components(look: Look): Promise<Page> {
  const context = await open(browser, look);
  await context.route('**/*', async (route) => {
    const { pathname } = new URL(route.request().url());
    const name = pathname === '/' ? '/index.html' : pathname;
    const body = await readFile(join(built, name)).catch(() => undefined);
    if (body) await route.fulfill({ body, contentType: TYPES[extname(name)] ?? 'image/svg+xml' });
    else await route.fulfill({ status: 404 });
  });
  const page = await context.newPage();
  await page.clock.install({ time: NOW.getTime() - 3_600_000 });
  await page.clock.pauseAt(NOW);
  await page.goto(`${ORIGIN}/`);
  // The words of every refusal are no component.
  await page.addStyleTag({ content: '#reasons, #errors { display: none; }' });
  await page.locator('.plot.drawn').first().waitFor();
  await page.evaluate(() => document.fonts.ready);
  return page;
}

/** The contents of the page, and each of its parts. */
async function pictures(page: Page): Promise<(place: string) => PNG> {
  await page.evaluate(() => window.scrollTo(0, 0));
  const whole = PNG.sync.read(
    await page.screenshot({ fullPage: true, animations: 'disabled', caret: 'hide' }),
  );
  const parts = await page.evaluate(
    (places) =>
      places.map((place) => {
        const { x, y, width, height } = document.getElementById(place)!.getBoundingClientRect();
        return [x, y, width, height].map((value) => Math.floor(value * devicePixelRatio));
      }),
    PLACES,
  );
  return (place) => {
    const [x, y, width, height] = parts[PLACES.indexOf(place)]! as [number, number, number, number];
    const part = new PNG({ width, height });
    PNG.bitblt(whole, part, x, y, width, height, 0, 0);
    return part;
  };
}

/** How many pixels differ by more than the threshold, and a picture of them; all, when the sizes differ. */
function compare(was: PNG, is: PNG): { differ: number; of: number; shown: PNG } {
  const { width, height } = is;
  const of = width * height;
  if (was.width !== width || was.height !== height) return { differ: of, of, shown: is };
  const shown = new PNG({ width, height });
  const differ = pixelmatch(was.data, is.data, shown.data, width, height, { threshold: THRESHOLD });
  return { differ, of, shown };
}

it.each([DESKTOP, { ...PHONE, name: 'phone-dark', dark: true }])(
  'components look as they did: $name',
  async (look) => {
    const page = await components(look);
    const part = await pictures(page);
    const changed: string[] = [];
    for (const place of PLACES) {
      const name = `${place}-${look.name}.png`;
      const taken = part(place);
      if (ACCEPT) {
        await mkdir(KEPT, { recursive: true });
        await writeFile(join(KEPT, name), PNG.sync.write(taken));
      }
      const kept = PNG.sync.read(await readFile(join(KEPT, name)));
      const { differ, of, shown } = compare(kept, taken);
      console.log(`${name}: ${differ} of ${of} pixels differ`);
      if (differ * ONE_OF <= of) continue;
      await mkdir(FAILED, { recursive: true });
      await writeFile(join(FAILED, name), PNG.sync.write(taken));
      await writeFile(join(FAILED, `differs-${name}`), PNG.sync.write(shown));
      changed.push(name);
    }
    await page.context().close();
    expect(changed, `look at ${FAILED}, beside ${KEPT}`).toEqual([]);
  },
);

it('a change of a colour, a space or an alignment would be noticed', async () => {
  const page = await components(DESKTOP);
  const before = await pictures(page);
  const again = await pictures(page);
  for (const place of PLACES) expect(compare(before(place), again(place)).differ, place).toBe(0);
  await page.addStyleTag({
    content: `.status.paid { color: var(--ink) !important; }
      .button { padding-inline: 0.9rem !important; }
      td.right { text-align: left !important; }`,
  });
  const after = await pictures(page);
  for (const place of ['values', 'controls', 'figures']) {
    const { differ, of } = compare(before(place), after(place));
    expect(differ * ONE_OF, place).toBeGreaterThan(of);
  }
  await page.context().close();
});

it('nothing failed in the page', () => {
  expect(faults).toEqual([]);
});
