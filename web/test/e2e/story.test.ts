/** The story of referrals, through the browser, on the whole product. */

import { readFileSync, writeFileSync } from 'node:fs';

import {
  appendTransactionMessageInstruction,
  compileTransaction,
  createTransactionMessage,
  pipe,
  setTransactionMessageFeePayer,
  setTransactionMessageLifetimeUsingBlockhash,
  type Address,
  type Blockhash,
} from '@solana/kit';
import type { Browser, BrowserContext, Page, Request } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { de } from '../../src/i18n/de';
import { en } from '../../src/i18n/en';
import { de as meDe } from '../../src/i18n/me/de';
import { de as consoleDe } from '../../src/i18n/console/de';
import { en as console_ } from '../../src/i18n/console/en';
import { de as boardDe } from '../../src/i18n/board/de';
import { en as boardEn } from '../../src/i18n/board/en';
import { en as conversion } from '../../src/i18n/conversion/en';
import { en as me } from '../../src/i18n/me/en';
import { en as run } from '../../src/i18n/run/en';
import { de as numbersDe } from '../../src/i18n/numbers/de';
import { en as numbers } from '../../src/i18n/numbers/en';
import { formatDay } from '../../src/lib/groups';
import {
  accessible,
  barriers,
  checked,
  DESKTOP,
  expected,
  faults,
  launch,
  LOOKS,
  NARROW,
  open,
  PATIENCE,
  PHONE,
  picture,
} from './browser';
import { timings } from './timings';
import { giveWallet, type TestWallet } from './wallet';

/** The scene that the Rust test has prepared. */
type Scene = {
  apiUrl: string;
  rpcUrl: string;
  /** The address of the API's metrics. */
  probesUrl: string;
  campaign: string;
  held: string;
  paused: string;
  code: string;
  heldCode: string;
  pausedCode: string;
  /** A code that counts once. */
  lastCode: string;
  /** Wallets as 64 secret bytes: the campaigns' authority, the referrer, referees with SOL, one without. */
  company: number[];
  alice: number[];
  aliceAddress: string;
  bob: number[];
  carol: number[];
  dave: number[];
  erin: number[];
  poor: number[];
};

const file = process.env['VOUCH_SCENE'];
if (!file) throw new Error('VOUCH_SCENE names no file: the test of the whole product sets it');
const scene = JSON.parse(readFileSync(file, 'utf8')) as Scene;
const url = (path: string) => scene.apiUrl + path;
/** The code that Alice creates, which nobody has before. */
const CREATED = 'VANCHR34';
/** Alice's name and message: texts, with all characters that mean something in markup. */
const MIRA = "Mira O'Neill & Co";
const MESSAGE = 'We met "by chance" & I <3 it.';

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(async () => {
  await browser.close();
  console.log(checked.join('\n'));
});

type Visitor = { context: BrowserContext; page: Page; wallet: TestWallet };

/** A context with a wallet that has these accounts, and a page in it. */
async function visitor(
  secrets: number[][],
  look = DESKTOP,
  options: { sendsTo?: string } = {},
): Promise<Visitor> {
  const context = await open(browser, look);
  const wallet = await giveWallet(context, secrets, options);
  return { context, page: await context.newPage(), wallet };
}

async function connect(page: Page): Promise<void> {
  await page.getByRole('button', { name: en.landing.look }).click();
  await page.getByRole('button', { name: 'Test Wallet' }).click();
}

/** Signs in on a page that asks for it. */
async function signInHere(page: Page): Promise<void> {
  await page.getByRole('button', { name: me.signIn.button }).click();
  await page.getByRole('button', { name: 'Test Wallet' }).click();
  await page.getByRole('button', { name: me.signIn.sign }).click();
}

async function signIn(page: Page): Promise<void> {
  await page.goto(url('/me'));
  await signInHere(page);
  await page.getByRole('heading', { name: me.title, exact: true }).waitFor();
}

/** The page shows these three parts of an error. */
async function explains(page: Page, [what, means, todo]: [string, string, string]): Promise<void> {
  const alert = page.getByRole('alert');
  await alert.getByRole('heading', { name: what }).waitFor();
  await alert.getByText(means, { exact: true }).waitFor();
  await alert.getByText(todo, { exact: true }).waitFor();
}
const explained = (page: Page, code: string) => explains(page, en.errors[code]!);

/** The figure with this name in the strip of a page. */
function figure(page: Page, name: string) {
  return page
    .locator('.figures div', { has: page.getByText(name, { exact: true }) })
    .locator('dd')
    .first();
}

/** The value beside this name in what is shown before signing. */
function row(page: Page, name: string) {
  const of = page.getByText(name).first();
  return page.locator('.panel .rows > div', { has: of }).locator('dd').first();
}

/** The rows of the table in the section with this heading. */
const rowsOf = (page: Page, id: string) =>
  page.locator(`section[aria-labelledby="${id}"] tbody tr`);

/** The chart with this title. */
const chart = (page: Page, title: string) =>
  page.locator('.chart', { has: page.getByRole('heading', { name: title, exact: true }) });

/** The words of a chart about its columns together, or of the one that is pointed at. */
const said = async (page: Page, title: string) =>
  (await chart(page, title).locator('.keys strong').allInnerTexts()).map((text) =>
    text.replace(/\s+/g, ' '),
  );

const PHONES =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1';
const DESKTOPS =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';
const MACS =
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15';

/** Clicks of people with these browsers on a link. The one that tests use is a bot's. */
async function clicks(code: string, ...of: [agent: string, query: string][]): Promise<void> {
  for (const [agent, query] of of) {
    const headers = { 'user-agent': agent };
    const answer = await fetch(url(`/r/${code}${query}`), { headers, redirect: 'manual' });
    expect(answer.status).toBe(302);
  }
}

/** Asks until it is as expected. */
const eventually = <T>(ask: () => T) => expect.poll(ask, { timeout: PATIENCE });

/** The streams of events that a page opens. */
function followed(page: Page): Set<string> {
  const paths = new Set<string>();
  page.on('request', (request) => {
    if (request.resourceType() === 'eventsource') paths.add(new URL(request.url()).pathname);
  });
  return paths;
}

/** Says to the page that it is hidden, or seen again: a browser without a screen never does. */
const show = (page: Page, isSeen: boolean) =>
  page.evaluate((hidden) => {
    Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, !isSeen);

/** How many streams of events the server has open, as its metrics say. */
async function streams(): Promise<number> {
  const text = await (await fetch(`${scene.probesUrl}/metrics`)).text();
  const [, count] = /^vouch_api_live_streams(?:\{[^}]*\})? (\d+)$/m.exec(text) ?? [];
  return Number(count);
}

/** The text of the element that has the focus. */
const focused = (page: Page) => page.evaluate(() => document.activeElement?.textContent ?? '');

it('a referrer signs in, sees what was earned, names herself and creates a code', async () => {
  // Given Alice's wallet, and what search engines and chats see of her link before
  const { context, page, wallet } = await visitor([scene.alice, scene.bob]);
  const alice = wallet.address;
  await clicks(
    scene.code,
    [PHONES, '?utm_source=newsletter'],
    [DESKTOPS, '?utm_source=Newsletter'],
    [MACS, '?src=qr'],
  );
  await page.goto(url('/me'));
  await page.getByRole('button', { name: me.signIn.button }).waitFor();
  await accessible(page, 'me, signed out');

  // When she refuses to sign the message, then nothing is opened
  await page.getByRole('button', { name: me.signIn.button }).click();
  await page.getByRole('button', { name: 'Test Wallet' }).click();
  const message = page.locator('.message');
  await message.waitFor();
  expect(await message.innerText()).toContain(alice);
  await accessible(page, 'me, message to sign');
  await picture(page, 'me-sign-in');
  wallet.behaviour = 'refuses';
  await page.getByRole('button', { name: me.signIn.sign }).click();
  await explained(page, 'refused');

  // When she signs it, then she sees what her codes have earned
  wallet.behaviour = 'signs';
  await page.getByRole('button', { name: en.common.again }).click();
  await page.getByRole('button', { name: me.signIn.sign }).click();
  await page.getByRole('heading', { name: me.title, exact: true }).waitFor();
  const paid = figure(page, me.summary.paid);
  await eventually(() => paid.innerText()).toMatch(/^20\s*VCH$/);
  await eventually(() => figure(page, me.summary.conversions).innerText()).toBe('5');
  await eventually(() => figure(page, me.summary.rank).innerText()).toBe('1');
  const rewards = rowsOf(page, 'rewards');
  await eventually(() => rewards.count()).toBe(5);
  await page.getByRole('heading', { name: 'First referral' }).waitFor();
  await accessible(page, 'me');

  // And charts say the same, with a table beside each: five conversions, each with 4 of 5 for her
  const earned = numbers.mine.earned;
  await eventually(() => said(page, earned)).toEqual(['20 VCH', '0 VCH']);
  expect(await said(page, numbers.conversions)).toEqual(['5']);
  await chart(page, earned).locator('.drawn canvas').waitFor();
  await chart(page, earned).locator('summary').click();
  const sum = chart(page, earned).locator('tfoot td');
  expect(await sum.allInnerTexts()).toEqual(['20 VCH', '0 VCH']);
  const columns = chart(page, earned).locator('tbody tr');
  expect(await columns.count()).toBe(30);
  // And the last one is not over
  const newest = columns.last().locator('th');
  await eventually(() => newest.innerText()).toMatch(/^\w+ \d+, so far$/);
  // And each column is read by the keyboard
  const slider = page.getByRole('slider', { name: numbers.read(earned) });
  await slider.focus();
  await page.keyboard.press('End');
  await page.keyboard.press('ArrowLeft');
  expect(await slider.getAttribute('aria-valuenow')).toBe('28');
  const day = await columns.nth(28).locator('th').innerText();
  expect(await slider.getAttribute('aria-valuetext')).toContain(`${day}: ${numbers.paid} `);
  await accessible(page, 'me, a day of a chart');
  await page.keyboard.press('Escape');
  expect(await said(page, earned)).toEqual(['20 VCH', '0 VCH']);
  // And clicks stand by where they come from
  await eventually(() => page.locator('[aria-labelledby=by-source] tbody').innerText()).toMatch(
    /^newsletter\s+2\s+67%\s+qr\s+1\s+33%$/,
  );
  await eventually(() => said(page, numbers.clicks)).toEqual(['3']);
  await page.locator('section.over-time').evaluate((section) => section.scrollIntoView());
  await picture(page, 'me-earnings');
  // And the period and one code stand in the address, beside what else is there
  await page.getByRole('link', { name: numbers.periods['7d'], exact: true }).click();
  await eventually(() => columns.count()).toBe(7);
  expect(new URL(page.url()).search).toBe('?period=7d');
  await page.getByRole('link', { name: numbers.by.only(scene.code) }).click();
  await page.getByRole('link', { name: numbers.allCodes }).waitFor();
  expect(new URL(page.url()).search).toBe(
    `?period=7d&code=${scene.code}&campaign=${scene.campaign}`,
  );
  await eventually(() => said(page, earned)).toEqual(['20 VCH', '0 VCH']);
  await accessible(page, 'me, one code for a week');
  await page.getByRole('link', { name: numbers.allCodes }).click();
  await page.getByRole('link', { name: numbers.periods['12m'], exact: true }).click();
  await chart(page, earned).locator('summary').click();
  await eventually(() => columns.count()).toBe(12);
  await eventually(() => said(page, earned)).toEqual(['20 VCH', '0 VCH']);
  await page.goBack();
  await page.goBack();
  await page.goBack();
  await page.goBack();
  await eventually(() => new URL(page.url()).search).toBe('');

  // And a badge is claimed once, for good
  const badge = page.locator('.badge', {
    has: page.getByRole('heading', { name: 'First referral' }),
  });
  await badge.getByRole('button').click();
  await badge.getByText(me.badges.claimed).waitFor();

  // And she is told from when another category and a first region count, before she saves them
  const groups = page.locator('form.groups');
  await groups.getByText(me.groups.today('Music')).waitFor();
  await groups.getByLabel(boardEn.category, { exact: true }).selectOption('gaming');
  const told = groups.locator('#group-category-hint strong');
  const from = await told.innerText();
  await groups.getByLabel(boardEn.region, { exact: true }).selectOption('DE');
  await groups.locator('#group-region-hint strong').waitFor();
  await accessible(page, 'me, other groups');
  await groups.scrollIntoViewIfNeeded();
  await picture(page, 'me-groups');
  await groups.getByRole('button', { name: me.groups.save }).click();
  const undo = groups.getByRole('button', { name: me.groups.undo });
  await undo.waitFor();
  const chosen = async () => (await page.request.get(url('/v1/me/profile'))).json();
  const { category, region } = await chosen();
  expect([category.value, category.next, category.next_from.slice(-3)]).toEqual([
    'music',
    'gaming',
    '-01',
  ]);
  expect([region.value, region.next]).toEqual([null, 'DE']);
  const first = formatDay(category.next_from, 'en');
  expect(from).toBe(me.groups.from('Gaming', first));
  await groups.getByText(me.groups.next(first, 'Gaming')).waitFor();
  await groups.getByText(me.groups.next(formatDay(region.next_from, 'en'), 'Germany')).waitFor();
  // And she takes it back
  await undo.click();
  await groups.getByText(me.groups.next(first, 'Gaming')).waitFor({ state: 'detached' });
  const none = { value: null, next: null, next_from: null };
  expect(await chosen()).toEqual({ category: { ...none, value: 'music' }, region: none });

  // And a filter stands in the address
  await page.getByRole('link', { name: me.rewards.filters['pending']! }).click();
  await page.getByRole('heading', { name: me.rewards.noneOf }).waitFor();
  expect(new URL(page.url()).searchParams.get('status')).toBe('pending');
  await page.goBack();
  await eventually(() => rewards.count()).toBe(5);

  // When she says who she is, then it is kept as text
  const card = page.locator('.card.link', { has: page.getByRole('heading', { name: scene.code }) });
  await card.getByText(me.codes.appearance).click();
  await card.getByLabel(me.codes.nickname).fill(MIRA);
  await card.getByLabel(me.codes.message).fill(MESSAGE);
  await card.getByRole('button', { name: me.codes.save }).click();
  await card.getByText(me.codes.saved).waitFor();
  // And the link and its picture are there to be passed on
  await card.getByRole('button', { name: me.codes.copy }).click();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  expect(copied).toBe(url(`/r/${scene.code}`));
  await card.getByText(me.codes.qr).click();
  const download = page.waitForEvent('download');
  await card.getByRole('link', { name: me.codes.png }).click();
  expect((await download).suggestedFilename()).toBe(`${scene.code}.png`);
  await accessible(page, 'me, QR code');
  await card.getByRole('button', { name: run.act.close }).click();

  // And what she types is not taken away by newer figures
  await card.getByLabel(me.codes.message).fill('Not saved');
  for (let times = 0; times < 2; times += 1) {
    await page.waitForResponse((response) => response.url().includes('/v1/me/codes'));
  }
  expect(await card.getByLabel(me.codes.message).inputValue()).toBe('Not saved');

  // When she types a code, then each letter that cannot be is named, and free ones are proposed
  await page.getByRole('button', { name: me.codes.another }).click();
  const code = page.getByLabel(me.create.code);
  await page.getByLabel(me.create.campaign).selectOption(scene.campaign);
  await code.fill('OLIVIA');
  await page.getByText(me.create.letter('O', 1)).waitFor();
  await page.getByRole('button', { name: me.create.take('QKJVJA'), exact: true }).waitFor();
  await accessible(page, 'me, wrong letter');
  await code.fill(scene.code);
  await page.getByText(me.create.taken).waitFor();
  await page
    .getByRole('button', { name: me.create.take(scene.code) })
    .first()
    .click();
  await page.getByText(me.create.free).waitFor();
  await code.fill(scene.heldCode);
  await page.getByText(me.create.freeHere).waitFor();
  await code.fill(CREATED);
  await page.getByText(me.create.free).waitFor();
  await picture(page, 'me-create', true);

  // Then she sees what she signs, and the code is hers within seconds
  await page.getByRole('button', { name: me.create.next }).click();
  await page.getByRole('button', { name: me.create.sign }).waitFor();
  expect(await row(page, me.create.registers).innerText()).toBe(CREATED);
  await accessible(page, 'me, code to sign');
  await page.getByRole('button', { name: me.create.sign }).click();
  await page.getByRole('heading', { name: me.create.done(CREATED) }).waitFor();
  await page.getByRole('heading', { name: CREATED, exact: true }).waitFor();
  await page.locator('.create').getByRole('button', { name: en.landing.steps.done }).click();
  await accessible(page, 'me, code created');
  await picture(page, 'me', true);

  // When her wallet shows another account, then nothing of her stays, here, in the address or at the server
  await page.getByRole('link', { name: numbers.by.only(scene.code) }).click();
  await page.getByRole('link', { name: numbers.allCodes }).waitFor();
  const second = await context.newPage();
  await second.goto(url('/me'));
  await second.getByRole('heading', { name: me.title, exact: true }).waitFor();
  // The form shows that this tab has the wallet, too
  await second.getByRole('button', { name: me.codes.another }).click();
  await second.getByLabel(me.create.code).waitFor();
  await wallet.show(1, [page]);
  for (const left of [page, second]) {
    await left.getByRole('heading', { name: me.signIn.title }).waitFor();
    const text = await left.locator('body').innerText();
    for (const trace of [alice, alice.slice(0, 4), CREATED, scene.code, 'VCH']) {
      expect(text).not.toContain(trace);
    }
  }
  await page.getByText(me.signIn.switched).first().waitFor();
  await eventually(() => new URL(page.url()).search).toBe('');
  // Not even what the wallet of the other tab shows
  await second.getByRole('button', { name: 'Test Wallet' }).waitFor();
  await second.close();
  await accessible(page, 'me, wallet switched');
  await eventually(async () => (await page.request.get(url('/v1/me'))).status()).toBe(401);
  const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  expect(kept).not.toContain(alice);

  // And the other account sees its own, which is nothing yet
  await page.getByRole('button', { name: me.signIn.sign }).click();
  await page.getByRole('heading', { name: me.codes.none }).waitFor();
  await page.getByRole('heading', { name: me.rewards.none }).waitFor();
  await accessible(page, 'me, empty');
  await picture(page, 'me-empty', true);
  expect(await page.locator('body').innerText()).not.toContain(alice.slice(0, 4));
  // And who signs out is out, also when going back
  await page.getByRole('button', { name: me.signOut, exact: true }).click();
  await page.getByRole('heading', { name: me.signIn.title }).waitFor();
  await eventually(async () => (await page.request.get(url('/v1/me'))).status()).toBe(401);
  await context.close();
});

it('a visitor follows a link, converts, and the figures move without a reload', async () => {
  // Given the front page and Alice's own, which stay open
  const { context, page, wallet } = await visitor([scene.bob]);
  const home = await context.newPage();
  await home.goto(url('/'));
  const paid = figure(home, en.home.paid);
  await eventually(() => paid.innerText()).toMatch(/^20\s*VCH$/);
  await home.getByRole('heading', { name: 'Aurora' }).waitFor();
  // The card says the referrer's part, and the part of the visitor who signs
  const card = home.locator('.card', { has: home.getByRole('heading', { name: 'Aurora' }) });
  expect(await card.locator('.pays').innerText()).toMatch(/^4\s*VCH/);
  await card.getByText(en.campaign.refereeToo).waitFor();
  await accessible(home, 'home');
  const own = await visitor([scene.alice]);
  const [hersFollows, follows] = [followed(own.page), followed(page)];
  await signIn(own.page);
  await eventually(() => figure(own.page, me.summary.paid).innerText()).toMatch(/^20\s*VCH$/);

  // When Bob follows the link
  await page.goto(url(`/r/${scene.code}?src=link`));

  // Then it leads to the campaign, by the name that she chose, and with both rewards
  expect(new URL(page.url()).pathname).toBe(`/c/${scene.campaign}`);
  expect(new URL(page.url()).searchParams.get('ref')).toBe(scene.code);
  await page.getByRole('heading', { name: `${MIRA} ${en.landing.headline}` }).waitFor();
  await page.getByText(MESSAGE, { exact: true }).waitFor();
  await page.getByText(en.landing.chosenByThem).waitFor();
  await page.getByRole('button', { name: en.landing.look }).waitFor();
  await accessible(page, 'landing');
  await picture(page, 'landing');
  // And a chat that shows the link says the same, as text
  const source = await (await page.request.get(page.url())).text();
  const title = 'Mira O&#39;Neill &amp; Co vouches for you: Aurora';
  expect(source).toContain(`<title>${title}</title>`);
  expect(source).toContain(`<meta property="og:title" content="${title}">`);
  const described = 'We met &quot;by chance&quot; &amp; I &lt;3 it.';
  expect(source).toContain(`<meta property="og:description" content="${described}">`);

  const image = source.match(/<meta property="og:image" content="([^"]*)">/)?.[1];
  expect(image).toBe(url('/card.png'));
  const shown = await page.request.get(image!);
  expect([shown.status(), shown.headers()['content-type']]).toEqual([200, 'image/png']);

  // When he connects, then he sees what he will sign, and what it costs
  await connect(page);
  await page.getByRole('button', { name: en.landing.sign }).waitFor();
  expect(await focused(page)).toBe(en.landing.signTitle);
  expect(await row(page, en.landing.paysYou).innerText()).toMatch(/^1\s*VCH$/);
  expect(await row(page, en.landing.pays(MIRA)).innerText()).toMatch(/^4\s*VCH$/);
  expect(await row(page, en.landing.fee).innerText()).toMatch(/^0\.000005\s*SOL$/);
  await page.locator('.panel').getByText(en.landing.tokenNote).waitFor();
  await accessible(page, 'what to sign');
  await picture(page, 'signing');
  const cost = await row(page, en.landing.costs).innerText();

  // When he refuses in his wallet, then nothing happened, and the page says so
  wallet.behaviour = 'refuses';
  await page.getByRole('button', { name: en.landing.sign }).click();
  await explained(page, 'refused');
  await accessible(page, 'refused');

  // When his wallet changes the transaction, then it is not sent
  wallet.behaviour = 'tampers';
  await page.getByRole('button', { name: en.common.again }).click();
  await page.getByRole('button', { name: en.landing.sign }).click();
  await explained(page, 'tampered');

  // When he signs, then the receipt appears, with his own gain first
  wallet.behaviour = 'signs';
  await page.getByRole('button', { name: en.common.again }).click();
  await page.getByRole('button', { name: en.landing.sign }).click();
  await page.getByRole('heading', { name: en.landing.doneTitle }).waitFor();
  expect(await focused(page)).toBe(en.landing.doneTitle);
  expect(await page.locator('.receipt .sum').innerText()).toMatch(/^1\s/);
  await page.getByText(en.landing.youPaid).waitFor();
  await page.getByText(en.landing.alsoPaid(MIRA, '4 VCH')).waitFor();
  await accessible(page, 'receipt');
  await picture(page, 'receipt');
  console.log(`cost shown before signing: ${cost.replace(/\s+/g, ' ')}`);

  // And both other pages, which were not reloaded, have moved
  await eventually(() => paid.innerText()).toMatch(/^24\s*VCH$/);
  await eventually(() => figure(home, en.home.conversions).innerText()).toBe('6');
  await home.locator('.entry', { hasText: MIRA }).first().waitFor();
  const hers = figure(own.page, me.summary.paid);
  await eventually(() => hers.innerText()).toMatch(/^24\s*VCH$/);
  await own.context.close();
  // And each page has followed one stream
  expect([...hersFollows]).toEqual([`/v1/referrers/${own.wallet.address}/live`]);
  expect([...follows]).toEqual([`/v1/codes/${scene.code}/live`]);
  // And its stream, which is the only one that the server has, ends while it is hidden
  await eventually(streams).toBe(1);
  await show(page, false);
  await eventually(streams).toBe(0);
  // And it asks for nothing while another page asks for its figures twice
  const asked: string[] = [];
  const note = (request: Request) => asked.push(request.url());
  page.on('request', note);
  const isFigures = (request: Request) => request.url().includes('/v1/totals');
  for (let times = 0; times < 2; times += 1) await home.waitForRequest(isFigures);
  expect(asked).toEqual([]);
  expect(await streams()).toBe(0);
  // And another stream begins when it is seen again
  await show(page, true);
  await eventually(streams).toBe(1);
  page.off('request', note);
  expect(asked).toContain(url(`/v1/codes/${scene.code}/live?campaign=${scene.campaign}`));

  // When he comes back with the same wallet, then he gets his receipt instead of another one
  await page.goto(url(`/c/${scene.campaign}?ref=${scene.code}`));
  await connect(page);
  await page.getByRole('heading', { name: en.landing.already }).waitFor();
  await accessible(page, 'already converted');

  // And its page says what happened, with each payment
  await page.getByRole('link', { name: en.landing.receipt }).click();
  await page.getByRole('heading', { name: /every part of the reward is paid/ }).waitFor();
  await page.getByRole('heading', { name: conversion.paid['referrer']! }).waitFor();
  await page.getByRole('heading', { name: conversion.paid['referee']! }).waitFor();
  await page.getByText(MIRA, { exact: true }).first().waitFor();
  const record = await (await page.request.get(page.url())).text();
  expect(record).toContain(`<title>A referral through ${scene.code}</title>`);
  expect(record).toContain('content="Every part of the reward is paid. ');
  await accessible(page, 'conversion');
  await picture(page, 'conversion');
  await context.close();
});

it('a receipt stays after the last use of a code, also when a wallet sends by itself', async () => {
  // Given a wallet that signs and sends in one step, and a code that counts once
  const { context, page, wallet } = await visitor([scene.dave], DESKTOP, {
    sendsTo: scene.rpcUrl,
  });
  await page.goto(url(`/c/${scene.campaign}?ref=${scene.lastCode}`));
  await connect(page);
  await page.getByRole('button', { name: en.landing.sign }).waitFor();

  // When the wallet sends something else, then the page has read it and says so
  wallet.behaviour = 'strays';
  wallet.instead = await transfer(wallet.address as Address);
  await page.getByRole('button', { name: en.landing.sign }).click();
  await explained(page, 'sent_otherwise');

  // When it sends, but reports an error, then the page looks for itself
  wallet.behaviour = 'lies';
  await page.getByRole('button', { name: en.common.again }).click();
  await page.getByRole('button', { name: en.landing.sign }).click();
  await page.getByRole('heading', { name: en.landing.doneTitle }).waitFor();

  // And the receipt stays when the code is used up, which the page has read
  await page.waitForResponse(
    async (response) =>
      response.url().includes('/validate') &&
      (await response.json().catch(() => ({}))).reason === 'limit_reached',
  );
  const next = await page.waitForResponse((response) => response.url().includes('/validate'));
  expect((await next.json()).reason).toBe('limit_reached');
  await page.getByRole('heading', { name: en.landing.doneTitle }).waitFor();

  // When he leaves the wallet, then the page says what it is
  await page.getByRole('button', { name: en.landing.disconnect }).click();
  await page.getByRole('heading', { name: en.codeReasons['limit_reached']![0] }).waitFor();
  await accessible(page, 'used up');
  await context.close();
});

/** The message of a transfer of one lamport to oneself. */
async function transfer(of: Address): Promise<Uint8Array> {
  const body = { jsonrpc: '2.0', id: 1, method: 'getLatestBlockhash', params: [] };
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(scene.rpcUrl, { method: 'POST', headers, body: JSON.stringify(body) });
  type Latest = { result: { value: { blockhash: string; lastValidBlockHeight: number } } };
  const { value } = ((await answer.json()) as Latest).result;
  const lifetime = {
    blockhash: value.blockhash as Blockhash,
    lastValidBlockHeight: BigInt(value.lastValidBlockHeight),
  };
  const instruction = {
    programAddress: '11111111111111111111111111111111' as Address,
    accounts: [
      { address: of, role: 3 as const },
      { address: of, role: 1 as const },
    ],
    data: new Uint8Array([2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]),
  };
  const message = pipe(
    createTransactionMessage({ version: 'legacy' }),
    (it) => setTransactionMessageFeePayer(of, it),
    (it) => setTransactionMessageLifetimeUsingBlockhash(lifetime, it),
    (it) => appendTransactionMessageInstruction(instruction, it),
  );
  return new Uint8Array(compileTransaction(message).messageBytes);
}

it('a node that fails in the middle loses nothing', async () => {
  // Given a visitor who has seen what to sign
  const { context, page } = await visitor([scene.erin], PHONE);
  let asked = 0;
  await page.goto(url(`/c/${scene.campaign}?ref=${scene.code}`));
  await connect(page);
  await page.getByRole('button', { name: en.landing.sign }).waitFor();

  // When the node takes the transaction, and is away before it answers
  expected.failures = true;
  await context.route(`${scene.rpcUrl}/**`, async (route) => {
    asked += 1;
    // The first request, which sends the transaction, arrives; its answer does not.
    if (asked === 1) await route.fetch();
    await route.abort();
  });
  await page.getByRole('button', { name: en.landing.sign }).click();
  await eventually(() => asked).toBeGreaterThan(3);
  await page.getByText(en.landing.sending).first().waitFor();
  await accessible(page, 'sending, node away');

  // Then the receipt is there as soon as the node is
  await context.unroute(`${scene.rpcUrl}/**`);
  await page.getByRole('heading', { name: en.landing.doneTitle }).waitFor();
  expect(await page.locator('.receipt .sum').innerText()).toMatch(/^1\s/);

  // When the whole server is away, then the page keeps what it shows, and says that it is old
  await page.goto(url(`/leaderboard?campaign=${scene.campaign}`));
  await page.locator('tbody tr').first().waitFor();
  await context.route(url('/v1/**'), (route) => route.abort());
  await page.getByText(en.common.stale).waitFor();
  await page.locator('tbody tr').first().waitFor();
  await accessible(page, 'leaderboard, server away');
  await context.unroute(url('/v1/**'));
  await page.getByText(en.common.stale).waitFor({ state: 'detached' });
  expected.failures = false;
  await context.close();
});

it('what cannot count is explained in words', async () => {
  // A wallet's own code
  const alice = await visitor([scene.alice]);
  await alice.page.goto(url(`/c/${scene.campaign}?ref=${scene.code}`));
  await connect(alice.page);
  await explained(alice.page, 'self_referral');
  await accessible(alice.page, 'self-referral');
  await picture(alice.page, 'self-referral');
  await alice.context.close();

  // A wallet without SOL
  const poor = await visitor([scene.poor], PHONE);
  await poor.page.goto(url(`/c/${scene.campaign}?ref=${scene.code}`));
  await connect(poor.page);
  await explained(poor.page, 'too_little_sol');
  await accessible(poor.page, 'too little SOL');
  await poor.context.close();

  // No wallet, no code, a wrong code, a code of nobody, a paused campaign, no campaign
  const context = await open(browser, PHONE);
  const page = await context.newPage();
  const touched = () => page.evaluate(() => Object.keys({ ...localStorage }).length);
  await page.goto(url(`/c/${scene.campaign}?ref=NNNNNN22`));
  await page.getByRole('heading', { name: en.codeReasons['not_found']![0] }).waitFor();
  // A code of nobody is not kept
  expect(await touched()).toBe(0);
  await page.goto(url(`/c/${scene.campaign}?ref=${scene.code}`));
  await page.getByRole('button', { name: en.landing.look }).click();
  await page.getByRole('heading', { name: en.landing.noWallet }).waitFor();
  await accessible(page, 'no wallet');
  expect(await touched()).toBe(1);
  await page.goto(url(`/c/${scene.campaign}`));
  await page.getByRole('heading', { name: en.landing.noCode }).waitFor();
  await accessible(page, 'no code');
  await page.getByLabel(en.landing.typeCode).fill('oops');
  await page.getByRole('button', { name: en.landing.useCode }).click();
  await page.getByText(en.landing.badCode).waitFor();
  await accessible(page, 'wrong code');
  // Then a code that is one
  await page.getByLabel(en.landing.typeCode).fill('nnnnnn22');
  await page.getByRole('button', { name: en.landing.useCode }).click();
  await page.getByRole('heading', { name: en.codeReasons['not_found']![0] }).waitFor();
  // And the code that came first is remembered
  await page.getByText(en.landing.otherText('NNNNNN22')).waitFor();
  await accessible(page, 'another code than at first');
  await page.goto(url(`/c/${scene.paused}?ref=${scene.pausedCode}`));
  await page.getByRole('heading', { name: en.codeReasons['campaign_paused']![0] }).waitFor();
  await accessible(page, 'paused');
  await page.goto(url('/c/11111111111111111111111111111111'));
  await page.getByRole('heading', { name: en.errors['campaign_not_found']![0] }).waitFor();
  await accessible(page, 'no campaign');

  // Links that lead nowhere get a page, with their status; programs get JSON
  const broken = await page.goto(url('/r/NNNNNN22'));
  expect([broken!.status(), broken!.headers()['cache-control']]).toEqual([404, 'no-store']);
  await explained(page, 'code_not_found');
  await accessible(page, 'link of nobody');
  await picture(page, 'broken-link-phone');
  await page.getByLabel(en.landing.typeCode).fill(scene.code);
  await page.getByRole('button', { name: en.landing.useCode }).click();
  await page.getByRole('heading', { name: /vouches for you/ }).waitFor();
  expect((await page.goto(url('/r/MYSHARE0')))!.status()).toBe(400);
  await explained(page, 'invalid_code');
  expect((await page.goto(url('/nothing-here')))!.status()).toBe(404);
  await page.getByRole('heading', { name: en.missing.title }).waitFor();
  await accessible(page, 'nothing here');
  for (const [path, code] of [
    ['/r/NNNNNN22', 'code_not_found'],
    ['/nothing-here', 'route_not_found'],
  ] as const) {
    const answer = await page.request.get(url(path), { headers: { accept: '*/*' } });
    expect([answer.status(), (await answer.json()).error.code]).toEqual([404, code]);
  }
  await context.close();
});

it('a held reward waits, and says until when', async () => {
  const { context, page } = await visitor([scene.carol], PHONE);
  await page.goto(url(`/welcome?ref=${scene.heldCode}`));
  await page.getByText('1 day').first().waitFor();
  await connect(page);
  await page.getByRole('button', { name: en.landing.sign }).click();
  await page.getByRole('heading', { name: en.landing.doneTitle }).waitFor();
  await page.getByText(en.status.pending, { exact: true }).waitFor();
  await page.getByRole('link', { name: en.landing.receipt }).click();
  await page.getByText(conversion.heldText).waitFor();
  await accessible(page, 'held conversion');
  await picture(page, 'held-phone', true);
  await context.close();

  // And its owner sees that it waits, until when, and why
  const alice = await visitor([scene.alice], PHONE);
  await signIn(alice.page);
  await alice.page.getByRole('link', { name: me.rewards.filters['pending']! }).click();
  const waiting = rowsOf(alice.page, 'rewards');
  await eventually(() => waiting.count()).toBe(1);
  expect(await waiting.first().innerText()).toMatch(/paid (in|on) /);
  await alice.page.getByText(me.waits.title).click();
  await alice.page.getByText(me.waits.held).waitFor();
  await accessible(alice.page, 'me, waiting, phone');
  await picture(alice.page, 'me-phone', true);
  // And in German
  await alice.page.getByRole('button', { name: 'Deutsch' }).click();
  await alice.page.getByRole('heading', { name: meDe.rewards.title }).waitFor();
  await alice.page.getByRole('heading', { name: meDe.groups.title }).waitFor();
  await alice.page.getByRole('heading', { name: numbersDe.mine.title }).waitFor();
  await eventually(() => said(alice.page, numbersDe.mine.earned)).toEqual(['32 VCH', '0 VCH']);
  // And the token of the other campaign is another one, under any name
  const tokens = alice.page.getByRole('navigation', { name: numbersDe.token }).getByRole('link');
  expect(await tokens.count()).toBe(2);
  await tokens.nth(1).click();
  await eventually(() => said(alice.page, numbersDe.mine.earned)).toEqual(['0 VCH', '4 VCH']);
  await accessible(alice.page, 'me, German');
  await picture(alice.page, 'me-phone-german', true);
  await alice.context.close();
});

it('a company sees its campaigns, names one, and gives its server a key', async () => {
  // Given the wallet that is the authority of three campaigns
  const { context, page, wallet } = await visitor([scene.company, scene.bob]);
  await clicks(
    scene.heldCode,
    [PHONES, ''],
    [DESKTOPS, '?utm_source=blog'],
    [MACS, '?utm_source=blog'],
  );
  await page.goto(url('/console'));
  await page.getByRole('heading', { name: console_.signIn.title }).waitFor();
  await accessible(page, 'console, signed out');
  await signInHere(page);

  // When it signs in, then it sees all of them, each with its state
  await page.getByRole('heading', { name: console_.title }).waitFor();
  const cards = page.locator('.card');
  await eventually(() => cards.count()).toBe(3);
  await page.locator('.card', { hasText: 'Winter offer' }).getByText('Paused').waitFor();
  await page.locator('.card', { hasText: 'Aurora' }).getByText('Open').waitFor();
  await accessible(page, 'console');
  await picture(page, 'console');

  // When it opens the one with a budget of 100, then the reward of 5 that waits is promised
  await page.getByRole('link', { name: 'Northwind' }).click();
  await page.getByRole('heading', { name: 'Northwind', level: 1 }).waitFor();
  const money = (name: string) => figure(page, name).innerText();
  await eventually(() => money(console_.figures.promised)).toMatch(/^5\s*VCH$/);
  expect(await money(console_.figures.left)).toMatch(/^95\s*VCH$/);
  await page.getByText(console_.figures.used('5%')).first().waitFor();
  // And it is minted, so there is no vault
  expect(await money(console_.figures.vault)).toBe(console_.figures.noVault);
  await page.getByText(console_.figures.noRate).waitFor();
  const rows = rowsOf(page, 'conversions');
  await eventually(() => rows.count()).toBe(1);
  expect(await rows.first().innerText()).toContain(en.status.pending);
  // And it is held, with a chart of what the referrer waits for: four of five
  await page.getByRole('button', { name: run.manage.cancelOne(scene.heldCode) }).waitFor();
  await eventually(() => said(page, numbers.campaign.earned)).toEqual(['0 VCH', '4 VCH']);
  expect(await said(page, numbers.conversions)).toEqual(['1']);
  await eventually(() => page.locator('[aria-labelledby=by-device] tbody').innerText()).toMatch(
    /^Desktop\s+2\s+67%\s+Phone\s+1\s+33%$/,
  );
  const week = page.getByRole('row', { name: numbers.conversions }).locator('td');
  // A week that ends with today is not called better or worse than one that is over
  await eventually(() => week.nth(1).innerText()).toMatch(/^1\s+before: 0$/);
  await chart(page, numbers.campaign.earned).locator('.drawn canvas').waitFor();
  await accessible(page, 'console, campaign');
  await page.locator('section.over-time').evaluate((section) => section.scrollIntoView());
  await picture(page, 'console-numbers');

  // When it changes the name, then the page has it without a reload
  await page.locator('#profile-name').fill('Northwind & "Sons" <b>');
  await page.getByRole('button', { name: console_.profile.save }).click();
  await page.getByRole('heading', { name: 'Northwind & "Sons" <b>', level: 1 }).waitFor();
  // And what cannot be a landing page is explained
  await page.getByLabel(console_.profile.landing).fill('ftp://shop.example');
  await page.getByRole('button', { name: console_.profile.save }).click();
  await page.getByText(console_.errors['invalid_landing_url']![0]).waitFor();
  await accessible(page, 'console, landing page refused');

  // When it makes a key, then the key is shown once, and works
  await page.locator('summary', { hasText: console_.keys.make }).click();
  await page.locator('#key-name').fill('Shop server');
  await page.getByRole('button', { name: console_.keys.make }).click();
  const secret = page.locator('.secret');
  await secret.waitFor();
  const key = await secret.innerText();
  expect(key).toMatch(/^vk_live_/);
  /** The status for a server that names the campaign with this key. */
  const ask = async (key: string) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const body = { name: 'Northwind & "Sons" <b>', landing_url: url(`/c/${scene.held}`) };
    const path = url(`/v1/campaigns/${scene.held}/profile`);
    return (await fetch(path, { method: 'PUT', headers, body: JSON.stringify(body) })).status;
  };
  expect(await ask(key)).toBe(200);
  await accessible(page, 'console, new key');
  await picture(page, 'console-campaign', true);
  await page.getByRole('button', { name: console_.keys.done }).click();
  expect(await page.content()).not.toContain(key);

  // When it replaces the key, then there is another one, and the old one goes on for a while
  await page.getByRole('button', { name: `${console_.keys.rotate}: Shop server` }).click();
  await page.getByText(console_.keys.sureText.rotate).waitFor();
  await page.getByRole('button', { name: console_.keys.rotate, exact: true }).click();
  await secret.waitFor();
  const next = await secret.innerText();
  expect(next).not.toBe(key);
  expect([await ask(key), await ask(next)]).toEqual([200, 200]);

  // When it revokes the new one, then it is asked first, and the key is refused from then on
  const revoke = page.getByRole('button', { name: `${console_.keys.revoke}: Shop server` });
  await eventually(() => revoke.count()).toBe(2);
  await revoke.first().click();
  await accessible(page, 'console, revoke a key');
  await page.getByRole('button', { name: console_.keys.keep }).click();
  expect(await ask(next)).toBe(200);
  await revoke.first().click();
  await page.getByRole('button', { name: console_.keys.revoke, exact: true }).click();
  // It is announced besides.
  await page.locator('#content').getByText(console_.keys.state.revoked).waitFor();
  expect([await ask(key), await ask(next)]).toEqual([200, 401]);

  // When the server has forgotten the session, then the page asks to sign in again
  expect(await context.cookies()).toHaveLength(1);
  await context.clearCookies();
  await page.reload();
  await page.getByRole('heading', { name: console_.signIn.title }).waitFor();
  await page.getByRole('button', { name: 'Test Wallet' }).click();
  await page.getByRole('button', { name: me.signIn.sign }).click();
  await page.getByRole('heading', { name: 'Northwind & "Sons" <b>', level: 1 }).waitFor();

  // When the wallet shows another account, then nothing of the company stays
  await wallet.show(1, [page]);
  await page.getByRole('heading', { name: console_.signIn.title }).waitFor();
  expect(await page.locator('body').innerText()).not.toContain('Northwind');
  expect(await page.title()).not.toContain('Northwind');
  // And the other account may not see the console of a campaign that it does not run
  await page.getByRole('button', { name: me.signIn.sign }).click();
  await page.getByRole('heading', { name: console_.notYours[0] }).waitFor();
  await accessible(page, 'console, of another wallet');
  await page.getByRole('link', { name: console_.back }).click();
  await page.getByRole('heading', { name: console_.none }).waitFor();
  await accessible(page, 'console, empty');
  await context.close();

  // And it stands on a phone, in the dark and in German
  const phone = await visitor([scene.company], { ...PHONE, dark: true });
  await phone.page.goto(url(`/console/${scene.held}`));
  await signInHere(phone.page);
  await phone.page.getByRole('heading', { name: 'Northwind & "Sons" <b>', level: 1 }).waitFor();
  await rowsOf(phone.page, 'conversions').first().waitFor();
  await phone.page.locator('.plot.drawn').first().waitFor();
  await accessible(phone.page, 'console, phone in the dark');
  await picture(phone.page, 'console-phone-dark', true);
  await phone.page.getByRole('button', { name: 'Deutsch' }).click();
  await phone.page.getByRole('heading', { name: consoleDe.keys.title }).waitFor();
  await accessible(phone.page, 'console, German');
  await phone.context.close();
});

it('every page stands in every look, by the keyboard, and in German', async () => {
  const measured: Record<string, unknown> = {};
  const seen = await visitor([scene.alice]);
  const { wallet } = seen;
  await seen.context.close();
  for (const look of [...LOOKS, NARROW]) {
    const context = await open(browser, look);
    const page = await context.newPage();
    await page.goto(url('/'));
    await page.getByRole('heading', { name: 'Aurora' }).waitFor();
    await page.locator('.entry .money').first().waitFor();
    await accessible(page, `home, ${look.name}`);
    await picture(page, `home-${look.name}`, look.phone);

    // The leaderboard counts what is final
    await page.goto(url(`/leaderboard?campaign=${scene.campaign}&wallet=${wallet.address}`));
    await page.locator('tr.own').waitFor();
    await page.locator('tr.own', { hasText: MIRA }).waitFor();
    await accessible(page, `leaderboard, ${look.name}`);
    await picture(page, `leaderboard-${look.name}`);

    await page.goto(url(`/c/${scene.campaign}?ref=${scene.code}`));
    await page.getByRole('button', { name: en.landing.look }).waitFor();
    await accessible(page, `landing, ${look.name}`);
    await picture(page, `landing-${look.name}`, look.phone);
    await context.close();

    // And the browser's own figures, with the processor slowed four times
    if (look !== PHONE) continue;
    for (const path of ['/', `/c/${scene.campaign}?ref=${scene.code}`, '/leaderboard', '/me']) {
      const name = `${look.name} ${path.split('?')[0]!.split('/')[1] || 'home'}`;
      measured[name] = await timings(browser, look, url(path));
    }
  }
  console.log(JSON.stringify(measured, undefined, 2));
  const folder = process.env['VOUCH_SCREENS'];
  if (folder) writeFileSync(`${folder}/timings.json`, `${JSON.stringify(measured, null, 2)}\n`);

  // Rows keep their elements while they are read anew
  const context = await open(browser, DESKTOP);
  const page = await context.newPage();
  await page.goto(url('/leaderboard'));
  const first = page.locator('tbody tr').first();
  await first.evaluate((row) => row.setAttribute('data-kept', 'yes'));
  for (let times = 0; times < 2; times += 1) {
    await page.waitForResponse((response) => response.url().includes('/v1/leaderboard'));
  }
  expect(await first.getAttribute('data-kept')).toBe('yes');

  // A wallet without a place, and what is no wallet
  await page.getByLabel(boardEn.find).fill('not a wallet');
  await page.getByRole('button', { name: boardEn.findButton }).click();
  await page.getByText(boardEn.badWallet).first().waitFor();
  await accessible(page, 'leaderboard, wrong address');

  // The leaderboard of a category: Alice is the 61st, and stands below the page with the two before her
  await page.goto(url(`/leaderboard?wallet=${scene.aliceAddress}`));
  await page.getByLabel(boardEn.category, { exact: true }).selectOption('music');
  const pinned = page.locator('tbody.pinned tr');
  await pinned.nth(2).waitFor();
  expect(new URL(page.url()).searchParams.get('category')).toBe('music');
  expect(await pinned.locator('td:first-child').allInnerTexts()).toEqual(['59', '60', '61']);
  expect(await page.locator('tbody').first().locator('tr').count()).toBe(50);
  const own = page.locator('tbody.pinned tr.own');
  expect(await own.locator('.trend').innerText()).toContain('▼ 3');
  expect(await own.locator('.trend .hidden').textContent()).toBe(boardEn.down('3'));
  const shown = page.locator('tbody').first().locator('.trend');
  expect(await shown.nth(0).textContent()).toBe(boardEn.fresh);
  expect(await shown.nth(3).locator('.hidden').textContent()).toBe(boardEn.up('53'));
  await page.getByText(/^61 referrers\. As of slot [\d,]+, read .* The change is since/).waitFor();
  await accessible(page, 'leaderboard of a category');
  await picture(page, 'leaderboard-category');
  // Another filter takes the place of the first, and the address keeps it
  await page.getByLabel(boardEn.region, { exact: true }).selectOption('DE');
  await page.getByText(boardEn.none).waitFor();
  const filters = new URL(page.url()).searchParams;
  expect([filters.get('category'), filters.get('region')]).toEqual([null, 'DE']);
  expect(await page.getByLabel(boardEn.category, { exact: true }).inputValue()).toBe('');
  await accessible(page, 'leaderboard of a region');
  await page.reload();
  await page.getByText(boardEn.none).waitFor();
  expect(await page.getByLabel(boardEn.region, { exact: true }).inputValue()).toBe('DE');

  // The first key leads past the menu, and another page takes the focus to its beginning
  await page.goto(url('/'));
  await page.getByRole('heading', { name: 'Aurora' }).waitFor();
  await page.keyboard.press('Tab');
  expect(await focused(page)).toBe(en.frame.skip);
  await page.keyboard.press('Enter');
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('content');
  await page.getByRole('link', { name: en.frame.leaderboard }).first().click();
  await page.getByRole('heading', { name: boardEn.title }).waitFor();
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('content');

  // And the other language, which is kept
  await page.goto(url('/'));
  await page.getByRole('button', { name: 'Deutsch' }).click();
  await page.getByRole('heading', { name: de.home.headline }).waitFor();
  await accessible(page, 'home, German');
  await page.reload();
  await page.getByRole('heading', { name: de.home.headline }).waitFor();
  expect(await page.locator('html').getAttribute('lang')).toBe('de');
  await page.goto(url(`/leaderboard?category=music&wallet=${scene.aliceAddress}`));
  await page.locator('tbody.pinned tr.own').waitFor();
  const change = page.locator('tbody.pinned tr.own .trend .hidden');
  expect(await change.textContent()).toBe(boardDe.down('3'));
  await accessible(page, 'leaderboard of a category, German');
  await context.close();
});

it('every page and state is accessible', () => {
  expect(checked.length).toBeGreaterThan(40);
  expect(barriers).toEqual([]);
});

it('nothing violated the policy, failed in a page or went to a third party', () => {
  expect(faults).toEqual([]);
});
