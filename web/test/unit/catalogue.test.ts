import { readFileSync } from 'node:fs';

import { expect, it } from 'vitest';

import { de } from '../../src/i18n/de';
import { en } from '../../src/i18n/en';

/** Codes in the table of docs/api.md that can refuse a conversion. */
function refusals(): string[] {
  const document = JSON.parse(
    readFileSync(new URL('../../../api/openapi.json', import.meta.url), 'utf8'),
  );
  const { responses } = document.paths['/v1/transactions/convert'].post;
  const texts = Object.entries(responses as Record<string, { description: string }>)
    .filter(([status]) => status !== '200')
    .flatMap(([, { description }]) => description.split(', '));
  return texts.filter((code) => !NEVER.includes(code));
}

/** What these pages cannot cause: they send neither such a body nor such parameters. */
const NEVER = [
  'malformed_json',
  'missing_field',
  'unknown_field',
  'wrong_type',
  'unsupported_media_type',
  'body_too_large',
  'invalid_action',
  'invalid_amount',
  'invalid_reference',
  'invalid_signature',
  'invalid_voucher',
  'voucher_expired',
  'voucher_revoked',
];

it.each(refusals())('%s has words in every language', (code) => {
  for (const language of [en, de]) {
    const words = language.errors[code];
    expect(words).toHaveLength(3);
    expect(words?.every((part) => part.length > 3)).toBe(true);
  }
});

it('has the same errors in every language', () => {
  expect(Object.keys(de.errors).sort()).toEqual(Object.keys(en.errors).sort());
  expect(Object.keys(de.codeReasons).sort()).toEqual(Object.keys(en.codeReasons).sort());
});
