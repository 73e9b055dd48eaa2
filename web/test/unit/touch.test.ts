import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { forget, keep, kept } from '../../src/embed/touch';

const AT = 1_700_000_000_000;
const stored = new Map<string, string>();

beforeEach(() => {
  stored.clear();
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => void stored.set(key, value),
    removeItem: (key: string) => void stored.delete(key),
  });
});
afterEach(() => vi.unstubAllGlobals());

it('keeps a code for exactly the window of its campaign', () => {
  keep('A', 'STARTER7', 60, AT);
  expect(kept('A', AT)).toBe('STARTER7');
  expect(kept('A', AT + 59_999)).toBe('STARTER7');
  expect(kept('A', AT + 60_000)).toBeUndefined();
  // A clock that was set back does not make it last longer.
  expect(kept('A', AT - 1)).toBeUndefined();
  expect(kept('B', AT)).toBeUndefined();
});

it('forgets the code that is named, and no other', () => {
  keep('A', 'STARTER7', 60);
  forget('A', 'NEWERA22');
  expect(kept('A')).toBe('STARTER7');
  forget('A', 'STARTER7');
  expect(kept('A')).toBeUndefined();
});

it.each(['', '{', 'null', '7', '{"code":7,"at":0,"window":1}', '{"code":"STARTER7","at":0}'])(
  'takes %j in the storage for nothing',
  (text) => {
    stored.set('vouch:touch:A', text);
    expect(kept('A', 0)).toBeUndefined();
  },
);

it('lives without a storage', () => {
  vi.stubGlobal('localStorage', {
    getItem: () => {
      throw new DOMException('refused', 'SecurityError');
    },
    setItem: () => {
      throw new DOMException('full', 'QuotaExceededError');
    },
  });
  keep('A', 'STARTER7', 60);
  forget('A', 'STARTER7');
  expect(kept('A')).toBeUndefined();
});
