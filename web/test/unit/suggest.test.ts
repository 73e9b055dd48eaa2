import { expect, it } from 'vitest';

import { parseCode } from '@vouch/client/code.js';

import { suggest } from '../../src/pages/me/suggest';

/** The same numbers each time. */
const sequence = () => {
  let seed = 1;
  return () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
};

it.each(['OLIVIA', 'zoë', 'x', '1000000000000', 'MYSHARE2', 'ABCDEFGHJKMN', '¡¿', ''])(
  'proposes codes, and not what was typed, for %s',
  (text) => {
    const found = suggest(text, sequence());
    expect(found.length).toBeGreaterThanOrEqual(6);
    expect(new Set(found).size).toBe(found.length);
    expect(found.filter((code) => parseCode(code) === undefined)).toEqual([]);
    expect(found).not.toContain(text);
  },
);

it('stays close', () => {
  expect(suggest('OLIVIA', sequence())[0]).toBe('QKJVJA');
  expect(suggest('MYSHARE2', sequence())[0]).toMatch(/^MYSHARE2[2-9]{2}$/);
});
