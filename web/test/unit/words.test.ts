/** Every refusal of the program and of the API has its three parts in words, in every language. */

import { readdirSync, readFileSync } from 'node:fs';

import { expect, it } from 'vitest';

import { apiCode } from '../../src/wallet/errors';

type Words = Record<string, [string, string, string]>;
const ROOT = new URL('../../../', import.meta.url);
const I18N = new URL('../../src/i18n/', import.meta.url);
const LANGUAGES = ['en', 'de'];

/** The words of a language in all catalogues together. */
async function wordsOf(language: string): Promise<Words> {
  const folders = readdirSync(I18N, { withFileTypes: true }).filter((it) => it.isDirectory());
  const files = ['.', ...folders.map(({ name }) => name)];
  const all = files.map(async (folder): Promise<Words> => {
    const file = new URL(`${folder}/${language}.ts`, I18N);
    const catalogue = ((await import(file.pathname)) as Record<string, { errors?: Words }>)[
      language
    ];
    return catalogue?.errors ?? {};
  });
  return Object.assign({}, ...(await Promise.all(all))) as Words;
}

/** The codes that the API itself makes, by the list in its source. */
function codesOfApi(): string[] {
  const source = readFileSync(new URL('api/src/error.rs', ROOT), 'utf8');
  const list = /\nerrors! \{\n(.*?)\n\}\n/s.exec(source)![1]!;
  return [...list.matchAll(/^ {4}(\w+) = [A-Z_]+,/gm)].map(([, code]) => code!);
}

/** The errors of the program, by its IDL, with the codes that the API and these pages give them. */
function codesOfProgram(): string[] {
  const idl = JSON.parse(readFileSync(new URL('idl/referral.json', ROOT), 'utf8')) as {
    errors: { name: string }[];
  };
  return idl.errors.map(({ name }) => apiCode(name));
}

const codes = [...new Set([...codesOfApi(), ...codesOfProgram()])].sort();

it('finds the codes', () => {
  expect(codesOfApi().length).toBeGreaterThan(70);
  expect(codesOfProgram().length).toBeGreaterThan(60);
  expect(codes).toContain('self_referral');
});

it.each(LANGUAGES)('every code has words in %s', async (language) => {
  const words = await wordsOf(language);
  const lacking = codes.filter((code) => words[code]?.length !== 3);
  expect(lacking).toEqual([]);
  for (const parts of Object.values(words)) {
    expect(parts.every((part) => /^\S.{3,}[^\s]$/.test(part))).toBe(true);
    // The third part is a sentence.
    expect(parts[2]).toMatch(/[.?]$/);
  }
});
