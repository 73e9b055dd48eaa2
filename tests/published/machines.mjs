// Prints the patterns of the package isbot, one a line, for `api/src/clicks/agents/machines.txt`.

import { readFileSync } from 'node:fs';

import { list } from 'isbot';

const { version, license } = JSON.parse(
  readFileSync(new URL('node_modules/isbot/package.json', import.meta.url), 'utf8'),
);
const lines = [
  `# Patterns of user agents of machines: isbot ${version}, ${license},`,
  '# https://github.com/omrilotan/isbot. Written by `./dev generate`.',
  // A class as a bound of a range is a literal hyphen in JavaScript, and an error in Rust.
  ...list.map((pattern) => pattern.replaceAll('\\d-.', '\\d.\\-')),
];
process.stdout.write(`${lines.join('\n')}\n`);
