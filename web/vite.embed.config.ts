import { createHash } from 'node:crypto';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';

import { compress } from './vite.compressed.ts';

/** The version of the elements' attributes, events, parts and properties. */
const VERSION = 'v1';
/** The scripts that other sites may have pinned, and their names from the first on. */
const PINNED = fileURLToPath(new URL('pinned', import.meta.url));

/**
 * Adds every script that was ever pinned, and a file that names the newest of them with its hash for
 * `integrity` (https://www.w3.org/TR/sri-2/). `npm run pin` adds the built script to them, and nothing takes one
 * away: other sites have its address.
 */
function pinned(): Plugin {
  return {
    name: 'vouch:pinned',
    apply: 'build',
    writeBundle({ dir }) {
      compress(`${dir}/embed/${VERSION}.js`);
      const all = JSON.parse(readFileSync(`${PINNED}/all.json`, 'utf8')) as string[];
      for (const name of all) {
        copyFileSync(`${PINNED}/${name}`, `${dir}/embed/${name}`);
        compress(`${dir}/embed/${name}`);
      }
      const newest = all.at(-1)!;
      const hash = createHash('sha384').update(readFileSync(`${PINNED}/${newest}`));
      const facts = {
        script: `/embed/${VERSION}.js`,
        pinned: `/embed/${newest}`,
        integrity: `sha384-${hash.digest('base64')}`,
      };
      writeFileSync(`${dir}/embed/${VERSION}.json`, `${JSON.stringify(facts, null, 2)}\n`);
    },
  };
}

/** One script without imports. The first build has emptied the folder. */
export default defineConfig({
  plugins: [pinned()],
  build: {
    target: 'es2022',
    // Browsers with light-dark.
    cssTarget: ['chrome123', 'safari17.5', 'firefox128'],
    emptyOutDir: false,
    copyPublicDir: false,
    modulePreload: { polyfill: false },
    sourcemap: false,
    rolldownOptions: {
      input: 'src/embed/index.ts',
      output: { entryFileNames: `embed/${VERSION}.js`, codeSplitting: false },
    },
  },
});
