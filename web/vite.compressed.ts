import { readFileSync, writeFileSync } from 'node:fs';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { type Plugin } from 'vite';

/** Writes `.br` and `.gz` beside a file, so that the API compresses nothing. */
export function compress(file: string): void {
  const source = readFileSync(file);
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } };
  writeFileSync(`${file}.br`, brotliCompressSync(source, quality));
  writeFileSync(`${file}.gz`, gzipSync(source, { level: 9 }));
}

/** Compresses every asset. */
export function compressed(): Plugin {
  return {
    name: 'vouch:compressed',
    apply: 'build',
    // After Vite's own last changes of the files.
    writeBundle({ dir }, bundle) {
      const names = Object.keys(bundle).filter((name) => /\.(js|css|svg)$/.test(name));
      names.forEach((name) => compress(`${dir}/${name}`));
    },
  };
}
