import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import solid from 'vite-plugin-solid';
import { type Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

import { compressed } from './vite.compressed.ts';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/**
 * Solid makes elements of its compiled templates by `innerHTML`, which Trusted Types forbid. This
 * gives it the only policy that the Content-Security-Policy of the pages allows.
 */
function trustedTemplates(): Plugin {
  const found = 't.innerHTML = html;';
  return {
    name: 'vouch:trusted-templates',
    enforce: 'pre',
    apply: 'build',
    transform(code, id) {
      if (!/solid-js\/web\/dist\/web\.js$/.test(id)) return;
      if (code.split(found).length !== 2) {
        throw new Error(`solid-js has changed: adapt ${import.meta.filename}`);
      }
      const policy =
        "const trusted = globalThis.trustedTypes?.createPolicy('solid', { createHTML: (html) => html })" +
        ' ?? { createHTML: (html) => html };\n';
      return policy + code.replace(found, 't.innerHTML = trusted.createHTML(html);');
    },
  };
}

const BASE =
  /\/(solid-js\/(dist|web)|@solidjs|openapi-fetch)\/|\/src\/(api\/client|ui\/(format|frame|states)|lib\/(announce|clock)|format\/(intl|money|time)|i18n\/(rest\/)?index)\.tsx?$/;
const FLOW = /\/src\/(lib\/(connection|flow)|ui\/wallets)\.tsx?$/;
const SIGNING =
  /\/(@solana|@wallet-standard|clients\/ts)\/|\/src\/wallet\/(errors|index|inspect|node|wallets)\.ts/;

/** The code that signs on the console and on `/me`, and the pages that need the client besides. */
const OWN = /\/src\/(wallet\/(act(s|ing)|rents|returnable|tokens)|pages\/console\/\w+)\.tsx?$/;

/**
 * Gives that code copies of its own of the packages that sign. A bundler keeps of each file all that any page
 * uses, so without these copies somebody who was invited would load what only a company needs.
 */
function ownCopies(): Plugin {
  const mark = '?own';
  return {
    name: 'vouch:own-copies',
    enforce: 'pre',
    apply: 'build',
    async resolveId(source, importer, options) {
      if (!importer || !(importer.endsWith(mark) || OWN.test(importer))) return;
      const from = importer.endsWith(mark) ? importer.slice(0, -mark.length) : importer;
      const found = await this.resolve(source, from, { ...options, skipSelf: true });
      const isShared = !found || !/\/(@solana|clients\/ts)\//.test(found.id);
      return isShared ? found : found.id + mark;
    },
    load(id) {
      if (!id.endsWith(mark)) return;
      const file = id.slice(0, -mark.length);
      return { code: readFileSync(file, 'utf8'), moduleType: file.endsWith('.ts') ? 'ts' : 'js' };
    },
  };
}

export default defineConfig({
  // The tests of units need no page, and the others load the built one.
  plugins: process.env.VITEST ? [] : [trustedTemplates(), ownCopies(), solid(), compressed()],
  resolve: {
    alias: { '@vouch/client': here('../clients/ts/src') },
    // The client's sources are outside of this folder, and must use the same packages.
    dedupe: ['@solana/kit'],
  },
  build: {
    target: 'es2022',
    // Browsers with oklch and light-dark.
    cssTarget: ['chrome123', 'safari17.5', 'firefox128'],
    // The test of sizes reads which page needs which file.
    manifest: true,
    modulePreload: { polyfill: false },
    // An inlined file would need `data:` in the policy.
    assetsInlineLimit: 0,
    sourcemap: false,
    rolldownOptions: {
      output: {
        // The code of every page, and that of every signature, each in one file: more and smaller
        // files compress worse, and somebody who was invited loads all of them.
        codeSplitting: {
          includeDependenciesRecursively: false,
          groups: [
            { name: 'base', test: BASE },
            { name: 'flow', test: FLOW },
            { name: 'signing', test: (id: string) => SIGNING.test(id) && !id.endsWith('?own') },
          ],
        },
      },
    },
  },
  server: {
    port: 5173,
    fs: { allow: [here('..')] },
    proxy: Object.fromEntries(
      ['/v1', '/r', '/docs', '/openapi.json', '/healthz'].map((path) => [
        path,
        process.env.VOUCH_API ?? 'http://127.0.0.1:8080',
      ]),
    ),
  },
  test: { testTimeout: 1_200_000, hookTimeout: 300_000, retry: 0, reporters: 'verbose' },
});
