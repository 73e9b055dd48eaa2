import { beforeEach, expect, it, vi } from 'vitest';

import type { Analytics } from '../../src/lib/analytics';

let Refusal: typeof import('../../src/api/client').Refusal;
let inZone: typeof import('../../src/lib/zone').inZone;

beforeEach(async () => {
  // Each test has a page of its own, which remembers nothing
  vi.resetModules();
  vi.stubGlobal('location', new URL('http://127.0.0.1:3000/'));
  vi.spyOn(Intl.DateTimeFormat.prototype, 'resolvedOptions').mockReturnValue({
    timeZone: 'Europe/Berlin',
  } as Intl.ResolvedDateTimeFormatOptions);
  ({ Refusal } = await import('../../src/api/client'));
  ({ inZone } = await import('../../src/lib/zone'));
});

/** A server that refuses some questions by a field, and notes them all. */
function server(refuses: (query: { from: string; zone: string }) => string | undefined) {
  const asked: string[] = [];
  const ask = async (query: { from: string; zone: string }) => {
    asked.push(`${query.zone} ${query.from}`);
    const field = refuses(query);
    if (field) throw new Refusal('invalid_query', undefined, false, { status: 400, field });
    return query as unknown as Analytics;
  };
  const year = () => ({ from: '2025-12-01', to: '2026-11-27', by: 'month' }) as const;
  const read = (subject: string) => inZone(ask, subject, year, new AbortController().signal);
  return { asked, read };
}

it('a zone that the server does not know is asked for once', async () => {
  const { asked, read } = server(({ zone }) => (zone === 'UTC' ? undefined : 'zone'));
  expect((await read('a')).zone).toBe('UTC');
  expect((await read('a')).zone).toBe('UTC');
  expect(asked).toEqual(['Europe/Berlin 2025-12-01', 'UTC 2025-12-01', 'UTC 2025-12-01']);
});

it('a wallet with too many codes for a year gets the last 73 days, and another one its year', async () => {
  const { asked, read } = server(({ from }) => (from < '2026-09-16' ? 'from' : undefined));
  // 50 codes of 73 days are 3,650, and 3,660 are allowed
  expect((await read('many')).from).toBe('2026-09-16');
  expect((Date.parse('2026-11-27') - Date.parse('2026-09-16')) / 86_400_000 + 1).toBe(73);
  await read('many');
  expect(asked).toEqual([
    'Europe/Berlin 2025-12-01',
    'Europe/Berlin 2026-09-16',
    'Europe/Berlin 2026-09-16',
  ]);
  const other = server(() => undefined);
  expect((await other.read('few')).from).toBe('2025-12-01');
});

it.each(['from', 'zone', 'by'])(
  'a server that refuses every %s is not asked for ever',
  async (field) => {
    const { asked, read } = server(() => field);
    await expect(read('a')).rejects.toMatchObject({ code: 'invalid_query' });
    expect(asked.length).toBe(field === 'by' ? 1 : 2);
  },
);
