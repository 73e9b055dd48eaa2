import { readFileSync } from 'node:fs';

import { expect, it } from 'vitest';

import { de } from '../../src/i18n/de';
import { en } from '../../src/i18n/en';
import { de as consoleDe } from '../../src/i18n/console/de';
import { en as console_ } from '../../src/i18n/console/en';
import { de as meDe } from '../../src/i18n/me/de';
import { en as me } from '../../src/i18n/me/en';
import { de as orderDe } from '../../src/i18n/order/de';
import { en as order } from '../../src/i18n/order/en';
import { de as restDe } from '../../src/i18n/rest/de';
import { en as rest } from '../../src/i18n/rest/en';
import { de as runDe } from '../../src/i18n/run/de';
import { en as run } from '../../src/i18n/run/en';

/** The codes with which the API can refuse this, as its document lists them. */
function refusals(path: string, method: string, never = NEVER): string[] {
  const document = JSON.parse(
    readFileSync(new URL('../../../api/openapi.json', import.meta.url), 'utf8'),
  );
  const { responses } = document.paths[path][method];
  const texts = Object.entries(responses as Record<string, { description: string }>)
    .filter(([status]) => status >= '400')
    .flatMap(([, { description }]) => description.split(', '));
  return texts.filter((code) => !never.includes(code));
}

/** Refusals that these pages cannot cause: they send neither such a body nor such parameters. */
const NEVER = [
  'malformed_json',
  'missing_field',
  'unknown_field',
  'wrong_type',
  'unsupported_media_type',
  'body_too_large',
  'invalid_action',
  'invalid_overlap',
  'missing_scope',
  'invalid_amount',
  'invalid_reference',
  'invalid_signature',
  'invalid_voucher',
  'invalid_query',
  'wrong_attestor',
  'voucher_expired',
  'voucher_revoked',
];

/** The requests of `/me`: the words of their refusals are there or on every page. */
const OF_ME = [
  ['/v1/me', 'get'],
  ['/v1/me/codes', 'get'],
  ['/v1/me/rewards', 'get'],
  ['/v1/auth/challenge', 'post'],
  ['/v1/auth/sessions', 'post'],
  ['/v1/auth/sessions', 'delete'],
  ['/v1/transactions/create-referral', 'post'],
  ['/v1/codes/{code}/profile', 'put'],
  ['/v1/me/profile', 'get'],
  ['/v1/me/profile', 'put'],
  ['/v1/badges/{id}/claim', 'post'],
].flatMap(([path, method]) => refusals(path!, method!));

it.each([...new Set(OF_ME)])('%s has words in every language of /me', (code) => {
  for (const words of [me.errors[code] ?? en.errors[code], meDe.errors[code] ?? de.errors[code]]) {
    expect(words).toHaveLength(3);
  }
});

/** The requests of the console. */
const OF_CONSOLE = [
  ['/v1/campaigns', 'get'],
  ['/v1/campaigns/{address}', 'get'],
  ['/v1/campaigns/{address}/profile', 'put'],
  ['/v1/campaigns/{address}/keys', 'get'],
  ['/v1/campaigns/{address}/keys', 'post'],
  ['/v1/campaigns/{address}/keys/{id}', 'delete'],
  ['/v1/campaigns/{address}/keys/{id}/rotate', 'post'],
  ['/v1/conversions', 'get'],
  ['/v1/leaderboard', 'get'],
].flatMap(([path, method]) => refusals(path!, method!));

it.each([...new Set(OF_CONSOLE)])('%s has words in every language of the console', (code) => {
  for (const language of [
    { ...en.errors, ...me.errors, ...console_.errors },
    { ...de.errors, ...meDe.errors, ...consoleDe.errors },
  ]) {
    expect(language[code]).toHaveLength(3);
  }
});

/** The transactions that a company and a referrer sign. */
const OF_RUN = [
  'create-campaign',
  'update-campaign',
  'set-paused',
  'set-suspended',
  'close-campaign',
  'fund-vault',
  'withdraw-vault',
  'cancel-conversion',
  'claim',
  'reclaim',
  'reclaim-campaign',
].flatMap((name) => refusals(`/v1/transactions/${name}`, 'post'));

it.each([...new Set(OF_RUN)])('%s has words in every language of what is signed', (code) => {
  for (const language of [
    { ...en.errors, ...rest.errors, ...run.errors },
    { ...de.errors, ...restDe.errors, ...runDe.errors },
  ]) {
    expect(language[code]).toHaveLength(3);
  }
});

/** What an invitation with an order asks for. Its link may be wrong, so every refusal can come. */
const OF_ORDERS = ['convert', 'purchase'].flatMap((name) =>
  refusals(`/v1/transactions/${name}`, 'post', []),
);

it.each([...new Set(OF_ORDERS)])('%s has words for an order in every language', (code) => {
  for (const language of [
    { ...en.errors, ...order.errors, ...rest.errors },
    { ...de.errors, ...orderDe.errors, ...restDe.errors },
  ]) {
    expect(language[code]).toHaveLength(3);
  }
});

it.each(refusals('/r/{code}', 'get'))('%s has words for a link', (code) => {
  for (const language of [en, de]) expect(language.errors[code]).toHaveLength(3);
});

it.each(refusals('/v1/transactions/convert', 'post'))('%s has words in every language', (code) => {
  for (const language of [en, de]) {
    const words = language.errors[code];
    expect(words).toHaveLength(3);
    expect(words?.every((part) => part.length > 3)).toBe(true);
  }
});

it('has the same errors in every language', () => {
  expect(Object.keys(de.errors).sort()).toEqual(Object.keys(en.errors).sort());
  expect(Object.keys(consoleDe.errors).sort()).toEqual(Object.keys(console_.errors).sort());
  expect(Object.keys(runDe.errors).sort()).toEqual(Object.keys(run.errors).sort());
  expect(Object.keys(runDe.warnings).sort()).toEqual(Object.keys(run.warnings).sort());
  expect(Object.keys(meDe.errors).sort()).toEqual(Object.keys(me.errors).sort());
  expect(Object.keys(de.codeReasons).sort()).toEqual(Object.keys(en.codeReasons).sort());
});
