/** The story of an invitation, through the browser, on the whole product. */

import { readFileSync } from 'node:fs';

import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { de } from '../../src/i18n/de';
import { en } from '../../src/i18n/en';
import {
  accessible,
  barriers,
  checked,
  DESKTOP,
  faults,
  launch,
  LOOKS,
  open,
  PHONE,
  picture,
} from './browser';
import { giveWallet, type TestWallet } from './wallet';

/** What the Rust test has prepared. */
type Scene = {
  apiUrl: string;
  campaign: string;
  held: string;
  paused: string;
  code: string;
  heldCode: string;
  pausedCode: string;
  /** Wallets as 64 secret bytes: the referrer, referees with SOL, one without. */
  alice: number[];
  bob: number[];
  carol: number[];
  poor: number[];
};

const file = process.env['VOUCH_SCENE'];
if (!file) throw new Error('VOUCH_SCENE names no file: the test of the whole product sets it');
const scene = JSON.parse(readFileSync(file, 'utf8')) as Scene;
const url = (path: string) => scene.apiUrl + path;

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(async () => {
  await browser.close();
  console.log(checked.join('\n'));
});

/** A context with this wallet, and a page in it. */
async function visitor(
  secret: number[],
  look = DESKTOP,
): Promise<{ context: BrowserContext; page: Page; wallet: TestWallet }> {
  const context = await open(browser, look);
  const wallet = await giveWallet(context, secret);
  return { context, page: await context.newPage(), wallet };
}

async function connect(page: Page): Promise<void> {
  await page.getByRole('button', { name: en.landing.look }).click();
  await page.getByRole('button', { name: 'Test Wallet' }).click();
}

/** The panel shows this error in its three parts. */
async function explained(page: Page, code: keyof typeof en.errors): Promise<void> {
  const [what, means, todo] = en.errors[code]!;
  const alert = page.getByRole('alert');
  await alert.getByRole('heading', { name: what }).waitFor();
  await alert.getByText(means, { exact: true }).waitFor();
  await alert.getByText(todo, { exact: true }).waitFor();
}

/** The figure with this name in the strip of the front page. */
function figure(page: Page, name: string) {
  return page.locator('.figures div', { has: page.getByText(name, { exact: true }) }).locator('dd');
}

it('a visitor follows a link, converts, and the figures move without a reload', async () => {
  // Given the front page, which stays open
  const { context, page, wallet } = await visitor(scene.bob);
  const home = await context.newPage();
  await home.goto(url('/'));
  const paid = figure(home, en.home.paid).first();
  await expect.poll(() => paid.innerText(), { timeout: 60_000 }).toMatch(/^20\s*VCH$/);
  await home.getByRole('heading', { name: 'Aurora' }).waitFor();
  await accessible(home, 'home');

  // When Bob follows the link of the demo
  await page.goto(url(`/r/${scene.code}?src=link`));

  // Then it leads to the campaign, which names the code and both rewards
  expect(new URL(page.url()).pathname).toBe(`/c/${scene.campaign}`);
  expect(new URL(page.url()).searchParams.get('ref')).toBe(scene.code);
  await page.getByRole('heading', { name: /vouches for you/ }).waitFor();
  await page.getByRole('button', { name: en.landing.look }).waitFor();
  await accessible(page, 'landing');
  await picture(page, 'landing');

  // When he connects, then he sees what he will sign, and what it costs
  await connect(page);
  await page.getByRole('button', { name: en.landing.sign }).waitFor();
  const row = (name: string) =>
    page
      .locator('.rows > div', { has: page.getByText(name, { exact: true }) })
      .locator('dd')
      .first();
  expect(await row(en.landing.paysYou).innerText()).toMatch(/^1\s*VCH$/);
  expect(await row(en.landing.fee).innerText()).toMatch(/^0\.000005\s*SOL$/);
  await accessible(page, 'what to sign');
  await picture(page, 'signing');
  const cost = await row(en.landing.costs).innerText();

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

  // When he signs, then the receipt appears
  wallet.behaviour = 'signs';
  await page.getByRole('button', { name: en.common.again }).click();
  await page.getByRole('button', { name: en.landing.sign }).click();
  await page.getByRole('heading', { name: en.landing.doneTitle }).waitFor();
  await page.getByText(en.landing.youToo('1 VCH')).waitFor();
  expect(await page.locator('.receipt .sum').innerText()).toMatch(/^4/);
  await accessible(page, 'receipt');
  await picture(page, 'receipt');
  console.log(`cost shown before signing: ${cost.replace(/\s+/g, ' ')}`);

  // And the front page, which was not reloaded, has moved
  await expect.poll(() => paid.innerText(), { timeout: 60_000 }).toMatch(/^24\s*VCH$/);
  await expect.poll(() => figure(home, en.home.conversions).innerText()).toBe('6');

  // When he comes back with the same wallet, then he gets his receipt instead of another one
  await page.goto(url(`/c/${scene.campaign}?ref=${scene.code}`));
  await connect(page);
  await page.getByRole('heading', { name: en.landing.already }).waitFor();
  await accessible(page, 'already converted');

  // And its page says what happened, with each payment
  await page.getByRole('link', { name: en.landing.receipt }).click();
  await page.getByRole('heading', { name: /every part of the reward is paid/ }).waitFor();
  await page.getByRole('heading', { name: en.conversion.paid['referrer']! }).waitFor();
  await page.getByRole('heading', { name: en.conversion.paid['referee']! }).waitFor();
  await accessible(page, 'conversion');
  await picture(page, 'conversion');
  await context.close();
});

it('what cannot count is explained in words', async () => {
  // A wallet's own code
  const alice = await visitor(scene.alice);
  await alice.page.goto(url(`/c/${scene.campaign}?ref=${scene.code}`));
  await connect(alice.page);
  await explained(alice.page, 'self_referral');
  await accessible(alice.page, 'self-referral');
  await picture(alice.page, 'self-referral');
  await alice.context.close();

  // A wallet without SOL
  const poor = await visitor(scene.poor, PHONE);
  await poor.page.goto(url(`/c/${scene.campaign}?ref=${scene.code}`));
  await connect(poor.page);
  await explained(poor.page, 'too_little_sol');
  await accessible(poor.page, 'too little SOL');
  await poor.context.close();

  // No wallet, no code, a wrong code, a code of nobody, a paused campaign, no campaign
  const context = await open(browser, PHONE);
  const page = await context.newPage();
  await page.goto(url(`/c/${scene.campaign}?ref=${scene.code}`));
  await page.getByRole('button', { name: en.landing.look }).click();
  await page.getByRole('heading', { name: en.landing.noWallet }).waitFor();
  await accessible(page, 'no wallet');
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
  await context.close();
});

it('a held reward waits, and says until when', async () => {
  const { context, page } = await visitor(scene.carol, PHONE);
  await page.goto(url(`/welcome?ref=${scene.heldCode}`));
  await page.getByText('1 day').first().waitFor();
  await connect(page);
  await page.getByRole('button', { name: en.landing.sign }).click();
  await page.getByRole('heading', { name: en.landing.doneTitle }).waitFor();
  await page.getByText(en.status.pending, { exact: true }).waitFor();
  await page.getByRole('link', { name: en.landing.receipt }).click();
  await page.getByText(en.conversion.heldText).waitFor();
  await accessible(page, 'held conversion');
  await picture(page, 'held-phone', true);
  await context.close();
});

it('every page stands in every look, and in German', async () => {
  const wallet = (await visitor(scene.alice)).wallet.address;
  for (const look of LOOKS) {
    const context = await open(browser, look);
    const page = await context.newPage();
    await page.goto(url('/'));
    await page.getByRole('heading', { name: 'Aurora' }).waitFor();
    await page.locator('.entry .money').first().waitFor();
    await accessible(page, `home, ${look.name}`);
    await picture(page, `home-${look.name}`, look.phone);

    // The leaderboard counts what is final
    await page.getByRole('link', { name: en.frame.leaderboard }).first().click();
    await page.goto(url(`/leaderboard?campaign=${scene.campaign}&wallet=${wallet}`));
    await page.locator('tr.own').waitFor();
    await accessible(page, `leaderboard, ${look.name}`);
    await picture(page, `leaderboard-${look.name}`);

    await page.goto(url(`/c/${scene.campaign}?ref=${scene.code}`));
    await page.getByRole('button', { name: en.landing.look }).waitFor();
    await accessible(page, `landing, ${look.name}`);
    await picture(page, `landing-${look.name}`, look.phone);
    await context.close();
  }

  // A period without conversions, a wallet without a place, and what is no wallet
  const context = await open(browser, DESKTOP);
  const page = await context.newPage();
  await page.goto(url('/leaderboard'));
  await page.getByLabel(en.board.find).fill('not a wallet');
  await page.getByRole('button', { name: en.board.findButton }).click();
  await page.getByText(en.board.badWallet).first().waitFor();
  await accessible(page, 'leaderboard, wrong address');
  // What is no page is refused as by the API
  const nothing = await page.request.get(url('/nothing-here'));
  expect([nothing.status(), (await nothing.json()).error.code]).toEqual([404, 'route_not_found']);

  // And the other language, which is kept
  await page.goto(url('/'));
  await page.getByRole('button', { name: 'Deutsch' }).click();
  await page.getByRole('heading', { name: de.home.headline }).waitFor();
  await accessible(page, 'home, German');
  await page.reload();
  await page.getByRole('heading', { name: de.home.headline }).waitFor();
  expect(await page.locator('html').getAttribute('lang')).toBe('de');
  await context.close();
});

it('every page and state is accessible', () => {
  expect(checked.length).toBeGreaterThan(25);
  expect(barriers).toEqual([]);
});

it('nothing violated the policy, failed in a page or went to a third party', () => {
  expect(faults).toEqual([]);
});
