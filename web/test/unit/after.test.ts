/** The choices after a refusal. */

import { beforeAll, expect, it } from 'vitest';

import { en } from '../../src/i18n/run/en';
import { useRun } from '../../src/i18n/run';
import { afterRefusal } from '../../src/ui/after';

beforeAll(() => useRun('en'));

const ADDS = { adds: true, sent: true };

it.each(['expired', 'wallet_failed', 'unexpected'])(
  'never says that it is safe to pay a second time after %s',
  (code) => {
    const { words, again } = afterRefusal(code, ADDS);
    expect(again).toBe(false);
    expect(words[code]).toEqual(en.errors['unclear']);
  },
);

it.each(['wallet_unclear', 'sent_otherwise'])('lets nobody pay again at once after %s', (code) => {
  expect(afterRefusal(code, ADDS).again).toBe(false);
});

it('lets somebody try again what was not signed, or what does nothing a second time', () => {
  expect(afterRefusal('expired', { adds: true, sent: false }).again).toBe(true);
  expect(afterRefusal('expired', { adds: false, sent: true }).again).toBe(true);
  expect(afterRefusal('expired', { adds: false, sent: true }).words['expired']).toBeUndefined();
  // And what a block or the node's trial has refused
  expect(afterRefusal('insufficient_tokens', ADDS).again).toBe(true);
  expect(afterRefusal('settings_moved', { adds: false, sent: false }).again).toBe(false);
  expect(afterRefusal('refused', { adds: true, sent: false }).again).toBe(true);
});
