/** A purchase and a confirmed sign-up by a company's link, and deposits that come back, on the whole product. */

import { readFileSync } from 'node:fs';

import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { en } from '../../src/i18n/en';
import { en as me } from '../../src/i18n/me/en';
import { en as words } from '../../src/i18n/order/en';
import { en as run } from '../../src/i18n/run/en';
import {
  accessible,
  barriers,
  checked,
  DESKTOP,
  faults,
  launch,
  LOOKS,
  NARROW,
  open,
  PHONE,
  picture,
} from './browser';
import { giveWallet, type TestWallet } from './wallet';

type Scene = {
  apiUrl: string;
  rpcUrl: string;
  /** Paths of the company's links: an order of 2 SOL, Carol's sign-up, and the same with a voucher that is over. */
  sale: string;
  attested: string;
  late: string;
  /** The order's reference, in hexadecimal digits. */
  reference: string;
  /** Lamports that Alice's code in a closed campaign keeps. */
  deposit: number;
  /** Wallets as 64 secret bytes. */
  alice: number[];
  bob: number[];
  carol: number[];
};

const file = process.env['VOUCH_SCENE'];
if (!file) throw new Error('VOUCH_SCENE names no file: the test of the whole product sets it');
const scene = JSON.parse(readFileSync(file, 'utf8')) as Scene;
const LAMPORTS = 1_000_000_000;

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(async () => {
  await browser.close();
  console.log(checked.join('\n'));
});

async function visitor(secret: number[], look = DESKTOP) {
  const context = await open(browser, look);
  const wallet = await giveWallet(context, [secret]);
  return { context, page: await context.newPage(), wallet };
}

async function connect(page: Page): Promise<void> {
  await page.getByRole('button', { name: en.landing.look }).click();
  await page.getByRole('button', { name: 'Test Wallet' }).click();
}

/** The value beside exactly this name in what is shown before signing, without spaces. */
const row = async (page: Page, name: string) => {
  const of = page.getByText(name, { exact: true });
  const found = page.locator('.panel .rows > div, dialog .rows > div', { has: of });
  return (await found.locator('dd').first().innerText()).replace(/\s+/g, '');
};

/** SOL as the page shows it, as lamports. */
const lamportsIn = (shown: string) => Math.round(parseFloat(shown.replace('−', '-')) * LAMPORTS);

/** Lamports of a wallet, by the node. */
async function balance({ address }: TestWallet): Promise<number> {
  const params = [address, { commitment: 'confirmed' }];
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'getBalance', params });
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(scene.rpcUrl, { method: 'POST', headers, body });
  return ((await answer.json()) as { result: { value: number } }).result.value;
}

/** The page shows these three parts of an error. */
async function explains(page: Page, [what, means, todo]: [string, string, string]): Promise<void> {
  const alert = page.getByRole('alert');
  await alert.getByRole('heading', { name: what }).waitFor();
  await alert.getByText(means, { exact: true }).waitFor();
  await alert.getByText(todo, { exact: true }).waitFor();
}

const at = (path: string) => scene.apiUrl + path;
const WHO = 'HARBUR23';

it('a link without its order, or with half of one, says so and asks for nothing', async () => {
  const { context, page } = await visitor(scene.bob, PHONE);
  const { pathname, searchParams } = new URL(at(scene.sale));
  await page.goto(at(`${pathname}?ref=${WHO}`));
  await page.getByText(en.landing.notHere).waitFor();
  await accessible(page, 'purchase without an order');
  searchParams.set('amount', '1.5');
  await page.goto(at(`${pathname}?${searchParams}`));
  await explains(page, words.broken);
  await accessible(page, 'broken order');
  await context.close();
});

it('a buyer sees the price, the discount, every part and the whole cost, and pays exactly that', async () => {
  const { context, page, wallet } = await visitor(scene.bob);
  await page.goto(at(scene.sale));
  await page.getByText(en.landing.leadPays('Harbour shop')).waitFor();
  await page.getByText(en.landing.youSave).waitFor();
  await accessible(page, 'order');

  // When the API builds another amount, or lets more be taken, then nothing can be signed
  for (const [field, value] of [
    ['amount', '3000000000'],
    ['max_payment', '3000000000'],
  ] as const) {
    await page.route('**/v1/transactions/purchase', (route) => {
      const body = {
        ...route.request().postDataJSON(),
        [field]: value,
        ...(field === 'amount' && { max_payment: value }),
      };
      return route.continue({ postData: JSON.stringify(body) });
    });
    await connect(page);
    await explains(page, en.errors['not_as_shown']!);
    await page.unroute('**/v1/transactions/purchase');
    await page.reload();
  }

  // When it does not, then each part is shown, and the sum is what the wallet will lose
  await connect(page);
  await page.getByRole('button', { name: words.pay }).waitFor();
  expect(await row(page, words.price)).toBe('2SOL');
  expect(await row(page, words.discount)).toMatch(/^[-−]0\.05SOL$/);
  expect(await row(page, words.youPay)).toBe('1.95SOL');
  expect(await row(page, words.ofIt(WHO))).toBe('0.15SOL');
  expect(await row(page, words.ofItCompany)).toBe('1.8SOL');
  const reference = page.locator('.panel .rows > div', { hasText: words.order });
  expect(await reference.getByRole('button').getAttribute('aria-label')).toContain(scene.reference);
  const sum = lamportsIn(await row(page, en.landing.costs));
  const fee = lamportsIn(await row(page, en.landing.fee));
  const deposit = lamportsIn(await row(page, en.landing.deposit));
  expect(sum).toBe(1.95 * LAMPORTS + fee + deposit);
  await accessible(page, 'order to sign');
  await picture(page, 'order', true);
  const before = await balance(wallet);

  // When he refuses, then nothing is paid; when he signs, then the receipt says what he has saved
  wallet.behaviour = 'refuses';
  await page.getByRole('button', { name: words.pay }).click();
  await explains(page, en.errors['refused']!);
  expect(await balance(wallet)).toBe(before);
  wallet.behaviour = 'signs';
  await page.getByRole('button', { name: en.common.again }).click();
  await page.getByRole('button', { name: words.pay }).click();
  await page.getByRole('heading', { name: en.landing.doneTitle }).waitFor();
  expect(await page.locator('.receipt .sum').innerText()).toMatch(/^0\.05\s/);
  await page.getByText(words.saved).waitFor();
  await page.getByText(en.landing.alsoPaid(WHO, '0.15 SOL')).waitFor();
  expect(before - (await balance(wallet))).toBe(sum);
  await accessible(page, 'receipt of an order');
  await picture(page, 'order-receipt');

  // And the same link shows the receipt, and takes nothing
  await page.goto(at(scene.sale));
  await connect(page);
  await page.getByRole('heading', { name: words.already[0] }).waitFor();
  await page.getByText(words.already[1]).waitFor();
  expect(before - (await balance(wallet))).toBe(sum);
  await context.close();
});

it('a sign-up that the company confirms counts for the wallet that it names, and only in time', async () => {
  // Given a wallet that is not named
  const bob = await visitor(scene.bob);
  await bob.page.goto(at(scene.attested));
  await connect(bob.page);
  await explains(bob.page, words.errors['invalid_voucher']!);
  await accessible(bob.page, 'confirmation for another wallet');
  await bob.context.close();

  // And a confirmation that is over
  const { context, page } = await visitor(scene.carol, PHONE);
  await page.goto(at(scene.late));
  await connect(page);
  await explains(page, words.errors['voucher_expired']!);

  // When the right wallet comes in time, then it sees until when, what it gets, and gets it
  await page.goto(at(scene.attested));
  await connect(page);
  await page.getByRole('button', { name: en.landing.sign }).waitFor();
  const confirmed = page.locator('.panel .rows > div', { hasText: words.confirmed });
  expect(await confirmed.locator('dd').first().innerText()).toBe('sign-up');
  expect(await row(page, en.landing.paysYou)).toBe('1VCH');
  await accessible(page, 'confirmed sign-up to sign');
  await picture(page, 'confirmed', true);
  await page.getByRole('button', { name: en.landing.sign }).click();
  await page.getByRole('heading', { name: en.landing.doneTitle }).waitFor();
  await page.getByText(en.landing.youPaid).waitFor();
  await context.close();
});

it('a referrer takes back the deposit of a code whose campaign is closed', async () => {
  const { context, page, wallet } = await visitor(scene.alice);
  await page.goto(at('/me'));
  await page.getByRole('button', { name: me.signIn.button }).click();
  await page.getByRole('button', { name: 'Test Wallet' }).click();
  await page.getByRole('button', { name: me.signIn.sign }).click();
  const section = page.locator('section[aria-labelledby=deposits]');
  await section.getByText(run.deposits.from(1)).waitFor();
  expect(lamportsIn(await section.locator('dt').innerText())).toBe(scene.deposit);
  await accessible(page, 'me, deposits');

  // When the API puts in another account, then nothing can be signed
  await page.route('**/v1/transactions/reclaim', (route) =>
    route.fulfill({
      json: { transaction: 'AAAA', last_valid_block_height: 1, signers: [], warnings: [] },
    }),
  );
  await section.getByRole('button', { name: run.deposits.button }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('heading', { name: en.errors['not_as_shown']![0] }).waitFor();
  await page.unroute('**/v1/transactions/reclaim');
  await dialog.getByRole('button', { name: en.common.again }).click();

  // When it does not, then exactly the deposit comes back, without the fee
  await dialog.getByRole('button', { name: run.deposits.sign }).waitFor();
  expect(lamportsIn(await row(page, run.deposits.arrives))).toBe(scene.deposit);
  const fee = lamportsIn(await row(page, en.landing.fee));
  await accessible(page, 'me, deposit to take back');
  await picture(page, 'me-deposits');
  const before = await balance(wallet);
  await dialog.getByRole('button', { name: run.deposits.sign }).click();
  await dialog.getByRole('heading', { name: run.deposits.done }).waitFor();
  expect(await balance(wallet)).toBe(before + scene.deposit - fee);
  await dialog.getByRole('button', { name: run.act.close }).click();

  // And it is not offered again
  await section.waitFor({ state: 'detached' });
  await context.close();
});

it('an order looks right on every screen', async () => {
  for (const look of [...LOOKS, NARROW]) {
    const { context, page } = await visitor(scene.alice, look);
    await page.goto(at(scene.sale));
    await connect(page);
    // Her own code
    await explains(page, en.errors['self_referral']!);
    await accessible(page, `own order, ${look.name}`);
    await context.close();
  }
});

it('nothing went wrong in any page', () => {
  expect(faults).toEqual([]);
  expect(barriers).toEqual([]);
  expect(checked.length).toBeGreaterThan(10);
});
