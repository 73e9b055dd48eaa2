/** Adds the built script of the elements to those that other sites may pin: `npm run pin`, once for each release. */

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

const here = (path) => new URL(path, import.meta.url);
const script = readFileSync(here('dist/embed/v1.js'));
const hash = createHash('sha384').update(script).digest('hex');
const name = `v1-${hash.slice(0, 16)}.js`;
const all = JSON.parse(readFileSync(here('pinned/all.json'), 'utf8'));
if (!all.includes(name)) {
  writeFileSync(here(`pinned/${name}`), script);
  writeFileSync(here('pinned/all.json'), `${JSON.stringify([...all, name], null, 2)}\n`);
}
console.log(`pinned: /embed/${name}`);
