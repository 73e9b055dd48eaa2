/** Answers of an API that do not fit the question. */

import { beforeAll, beforeEach, expect, it, vi } from 'vitest';

let campaigns: typeof import('../../src/lib/campaigns');
let asked: string[] = [];
let answers: (url: string) => Response;

const json = (body: object, status = 200) =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });

beforeAll(async () => {
  vi.stubGlobal('location', new URL('http://127.0.0.1:3000/'));
  vi.stubGlobal('document', { querySelector: () => null });
  vi.stubGlobal('fetch', async (request: Request) => {
    asked.push(new URL(request.url).pathname);
    return answers(request.url);
  });
  campaigns = await import('../../src/lib/campaigns');
});
beforeEach(() => {
  asked = [];
});

it('takes a campaign of another address for none', async () => {
  answers = () => json({ address: 'theirs' });
  await expect(campaigns.campaignAt('mine')).rejects.toMatchObject({ code: 'not_as_shown' });
  answers = () => json({ address: 'mine' });
  expect(await campaigns.campaignAt('mine')).toEqual({ address: 'mine' });
  expect(asked).toEqual(['/v1/campaigns/mine', '/v1/campaigns/mine']);
});
