/** How a transaction is built while the node is busy. */

import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { Refusal } from '../../src/api/client';
import type { Connection } from '../../src/lib/connection';
import { createFlow, type Ready } from '../../src/lib/flow';

vi.mock('../../src/wallet', () => ({ prepare: vi.fn(), sign: vi.fn() }));
vi.mock('../../src/api/client', () => ({
  Refusal: class extends Error {
    constructor(readonly code: string) {
      super(code);
    }
  },
}));
beforeEach(() => {
  vi.stubGlobal('window', globalThis);
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A flow whose order fails with these codes first, and how often it was asked for. */
function flowOf(...codes: string[]) {
  const connection = { account: () => ({ address: 'A' }) } as unknown as Connection;
  const ready = { prepared: {} } as Ready;
  let asked = 0;
  const flow = createFlow<string, Ready>(connection, {
    order: () => {
      const code = codes[asked];
      asked += 1;
      return code ? Promise.reject(new Refusal(code, undefined)) : Promise.resolve(ready);
    },
    arrived: () => Promise.resolve('done'),
  });
  return { flow, asked: () => asked };
}

it('asks a busy node again, and then the reader', async () => {
  const busy = 'chain_unavailable';
  const { flow, asked } = flowOf(busy, busy);
  const prepared = flow.prepare();
  await vi.advanceTimersByTimeAsync(0);
  expect(flow.stage().at).toBe('preparing');
  await vi.runAllTimersAsync();
  await prepared;
  expect([flow.stage().at, asked()]).toEqual(['review', 3]);

  const away = flowOf(busy, busy, busy, busy, busy);
  const refused = away.flow.prepare();
  await vi.runAllTimersAsync();
  await refused;
  expect([away.flow.stage().at, away.asked()]).toEqual(['problem', 4]);
});

it('asks for nothing again that is refused, or that nobody waits for', async () => {
  const refused = flowOf('campaign_closed');
  await refused.flow.prepare();
  expect([refused.flow.stage().at, refused.asked()]).toEqual(['problem', 1]);

  const left = flowOf('chain_unavailable');
  const prepared = left.flow.prepare();
  await vi.advanceTimersByTimeAsync(0);
  left.flow.reset();
  await vi.runAllTimersAsync();
  await prepared;
  expect([left.flow.stage().at, left.asked()]).toEqual(['idle', 1]);
});
