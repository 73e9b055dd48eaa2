import { createHash } from 'node:crypto';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { defineConfig, type Plugin } from 'vite';

import { compress } from './vite.compressed.ts';

/** The version of the elements' attributes, events, parts and properties. */
const VERSION = 'v1';

/**
 * Writes the same script once more under a name that has its hash, for pages that pin it, and a file that
 * says both names and the hash for `integrity` (https://www.w3.org/TR/sri-2/).
 */
function pinned(): Plugin {
  return {
    name: 'vouch:pinned',
    apply: 'build',
    writeBundle({ dir }) {
      const stable = `${dir}/embed/${VERSION}.js`;
      const hash = createHash('sha384').update(readFileSync(stable)).digest();
      const name = `${VERSION}-${hash.toString('hex').slice(0, 16)}.js`;
      copyFileSync(stable, `${dir}/embed/${name}`);
      compress(stable);
      compress(`${dir}/embed/${name}`);
      const facts = {
        script: `/embed/${VERSION}.js`,
        pinned: `/embed/${name}`,
        integrity: `sha384-${hash.toString('base64')}`,
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
