import { beforeAll, expect, it, vi } from 'vitest';

type Refused = import('../../src/api/client').Refusal;

let Refusal: typeof import('../../src/api/client').Refusal;
let firstClaimable: typeof import('../../src/lib/claimable').firstClaimable;
let QUESTIONS: number;

beforeAll(async () => {
  vi.stubGlobal('location', new URL('http://127.0.0.1:3000/'));
  ({ Refusal } = await import('../../src/api/client'));
  ({ firstClaimable, QUESTIONS } = await import('../../src/lib/claimable'));
});

const refused = (code: string, next?: string, status = 409) =>
  new Refusal(code, undefined, false, { status, next });

/** Asks a list whose pages these are, by their cursors, and notes what was asked and told. */
function list(pages: Record<string, Refused | string>) {
  const asked: (string | undefined)[] = [];
  let place: string | undefined;
  return {
    asked,
    place: () => place,
    first: () =>
      firstClaimable(
        async (cursor) => {
          asked.push(cursor);
          const page = pages[cursor ?? ''];
          if (page instanceof Refusal) throw page;
          return page;
        },
        place,
        (cursor) => (place = cursor),
      ),
  };
}

it('the first page that can be paid is found behind others', async () => {
  const found = list({ '': refused('nothing_to_claim', 'b'), b: 'paid' });
  expect(await found.first()).toBe('paid');
  expect(found.asked).toEqual([undefined, 'b']);
});

it('at the end of the list, a reason says more than that there is nothing', async () => {
  const missing = refused('token_account_missing', 'b');
  const found = list({ '': missing, b: refused('nothing_to_claim') });
  await expect(found.first()).rejects.toBe(missing);
  // And the next try begins at the beginning
  expect(found.place()).toBeUndefined();
});

it('the list also ends with a page that has a reason', async () => {
  const frozen = refused('account_frozen', 'b');
  const found = list({ '': frozen, b: refused('token_account_missing') });
  await expect(found.first()).rejects.toBe(frozen);
  expect(found.place()).toBeUndefined();
});

it.each([
  ['offline', 0],
  ['rate_limited', 429],
  ['database_unavailable', 503],
])(
  'a failure (%s) is told as it is, and the next try goes on where it was',
  async (code, status) => {
    const failure = refused(code, undefined, status);
    const pages: Record<string, Refused | string> = {
      '': refused('token_account_missing', 'b'),
      b: failure,
    };
    const found = list(pages);
    await expect(found.first()).rejects.toBe(failure);
    pages['b'] = 'paid';
    expect(await found.first()).toBe('paid');
    expect(found.asked).toEqual([undefined, 'b', 'b']);
  },
);

it('what is behind more pages than one try reads is reached by further tries', async () => {
  const pages: Record<string, Refused | string> = { '': refused('nothing_to_claim', '1') };
  for (let page = 1; page < 20; page += 1) {
    pages[page] = refused('nothing_to_claim', `${page + 1}`);
  }
  pages[20] = 'paid';
  const found = list(pages);
  await expect(found.first()).rejects.toMatchObject({ code: 'too_many_waiting' });
  expect(found.asked.length).toBe(QUESTIONS);
  await expect(found.first()).rejects.toMatchObject({ code: 'too_many_waiting' });
  expect(await found.first()).toBe('paid');
  expect(found.asked.length).toBe(21);
});
