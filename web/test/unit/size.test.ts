import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';

import { expect, it } from 'vitest';

const DIST = new URL('../../dist/', import.meta.url);
type Chunk = { file: string; imports?: string[]; dynamicImports?: string[] };
const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', DIST), 'utf8')) as Record<
  string,
  Chunk
>;

/** The files that are loaded when these chunks are, without what they load later. */
function files(chunks: string[], found = new Set<string>()): Set<string> {
  for (const name of chunks) {
    const chunk = manifest[name]!;
    if (found.has(chunk.file)) continue;
    found.add(chunk.file);
    files(chunk.imports ?? [], found);
  }
  return found;
}

/** Bytes of script after gzip. */
function size(chunks: string[]): number {
  const all = [...files(chunks)].filter((file) => file.endsWith('.js'));
  const sizes = all.map((file) => gzipSync(readFileSync(new URL(file, DIST)), { level: 9 }).length);
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** The longer one of the languages; a visitor loads one. */
const LANGUAGE = 'src/i18n/de.ts';
const OF_RUN = ['src/i18n/run/de.ts', 'src/wallet/acting.ts', 'src/wallet/rents.ts'];
const OF_NUMBERS = ['src/i18n/numbers/de.ts', 'src/ui/plot.ts'];
const OF_ME = [
  'src/pages/me/index.tsx',
  'src/i18n/me/de.ts',
  'src/i18n/board/de.ts',
  ...OF_RUN,
  ...OF_NUMBERS,
];
const OF_CONSOLE = [
  'src/pages/console/index.tsx',
  'src/pages/console/new.tsx',
  'src/i18n/console/de.ts',
  'src/i18n/me/de.ts',
  ...OF_RUN,
  ...OF_NUMBERS,
];
const OF_CONVERSION = 'src/i18n/conversion/de.ts';
const FINDER = ['src/ui/find.tsx', 'src/i18n/find/de.ts'];
const WALLET = 'src/wallet/index.ts';
const PAGES = ['home', 'landing', 'embed', 'welcome', 'link', 'missing'];
const KIB = 1024;

it.each([
  ['conversion', OF_CONVERSION],
  ['board', 'src/i18n/board/de.ts'],
])('the page %s has less than 200 KB of script, with its words', (page, words) => {
  const bytes = size(['index.html', `src/pages/${page}.tsx`, words, LANGUAGE]);
  console.log(`${page}: ${bytes} bytes of script after gzip`);
  expect(bytes).toBeLessThan(200 * KIB);
});

it('an invitation with an order has less than 200 KB of script, with the code for wallets', () => {
  const order = ['src/pages/order.tsx', 'src/wallet/order.ts', 'src/i18n/order/de.ts'];
  const page = ['index.html', 'src/pages/landing.tsx', LANGUAGE, WALLET];
  const bytes = size([...page, ...order, OF_CONVERSION]);
  console.log(`landing with an order: ${bytes} bytes of script after gzip`);
  expect(bytes).toBeLessThan(200 * KIB);
  // And nobody else loads it.
  for (const name of order) expect(files(page)).not.toContain(manifest[name]!.file);
});

it.each(PAGES)('the page %s has less than 200 KB of script', (page) => {
  const bytes = size(['index.html', `src/pages/${page}.tsx`, LANGUAGE]);
  console.log(`${page}: ${bytes} bytes of script after gzip`);
  expect(bytes).toBeLessThan(200 * KIB);
});

it('the page of my referrals has less than 200 KB of script, with the code for wallets', () => {
  const bytes = size(['index.html', ...OF_ME, LANGUAGE, WALLET]);
  console.log(`me: ${bytes} bytes of script after gzip`);
  expect(bytes).toBeLessThan(200 * KIB);
});

it('the console has less than 200 KB of script, with the code for wallets', () => {
  const bytes = size(['index.html', ...OF_CONSOLE, ...FINDER, LANGUAGE, WALLET]);
  console.log(`console: ${bytes} bytes of script after gzip`);
  expect(bytes).toBeLessThan(200 * KIB);
});

it('the landing page has less than 60 KB of script, with the code for wallets', () => {
  const before = size(['index.html', 'src/pages/landing.tsx', LANGUAGE]);
  const after = size(['index.html', 'src/pages/landing.tsx', LANGUAGE, WALLET]);
  console.log(`landing: ${before} bytes, with a wallet ${after} bytes of script after gzip`);
  expect(after).toBeLessThan(60 * KIB);
  // And the code for wallets is not loaded before.
  expect(after).toBeGreaterThan(before);
  // Charts are loaded where they are drawn.
  const plot = manifest['src/ui/plot.ts']!.file;
  expect(files(['index.html', 'src/pages/landing.tsx', LANGUAGE, WALLET])).not.toContain(plot);
  expect(files(['src/pages/me/index.tsx'])).not.toContain(plot);
});

it('the elements for other sites have less than 12 KB, and stand alone', () => {
  const script = readFileSync(new URL('embed/v1.js', DIST));
  const bytes = gzipSync(script, { level: 9 }).length;
  console.log(`embed: ${bytes} bytes of script after gzip`);
  expect(bytes).toBeLessThan(12 * KIB);
  expect(script.toString()).not.toMatch(/\bimport\s*[({"']|\bfrom\s*["']|innerHTML|\beval\(/);
});

it('every script that was pinned is served with the bytes of its name', () => {
  const folder = new URL('../../pinned/', import.meta.url);
  const all = JSON.parse(readFileSync(new URL('all.json', folder), 'utf8')) as string[];
  expect(readdirSync(folder).sort()).toEqual([...all, 'all.json'].sort());
  for (const name of all) {
    const script = readFileSync(new URL(name, folder));
    const hash = createHash('sha384').update(script).digest();
    expect(name).toBe(`v1-${hash.toString('hex').slice(0, 16)}.js`);
    expect(readFileSync(new URL(`embed/${name}`, DIST)).equals(script), name).toBe(true);
  }
  // And pages are told the newest one, with its hash
  const facts = JSON.parse(readFileSync(new URL('embed/v1.json', DIST), 'utf8'));
  const newest = readFileSync(new URL(all.at(-1)!, folder));
  expect(facts).toEqual({
    script: '/embed/v1.js',
    pinned: `/embed/${all.at(-1)}`,
    integrity: `sha384-${createHash('sha384').update(newest).digest('base64')}`,
  });
});

it('no script of the production build is for development', () => {
  expect(Object.keys(manifest)).not.toContain('src/pages/states.tsx');
});

it('the compressed files are those beside them', () => {
  const read = (name: string) => readFileSync(new URL(name, DIST));
  const names = ['assets', 'embed'].flatMap((folder) =>
    readdirSync(new URL(folder, DIST)).map((name) => `${folder}/${name}`),
  );
  const originals = names.filter((name) => /\.(js|css)$/.test(name));
  expect(originals.length).toBeGreaterThan(8);
  for (const name of originals) {
    expect(brotliDecompressSync(read(`${name}.br`)).equals(read(name)), name).toBe(true);
    expect(gunzipSync(read(`${name}.gz`)).equals(read(name)), name).toBe(true);
  }
});
