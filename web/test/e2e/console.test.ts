/** A company opens a campaign and runs it, through the browser, on the whole product. */

import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';

import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { de as runDe } from '../../src/i18n/run/de';
import { en } from '../../src/i18n/en';
import { en as console_ } from '../../src/i18n/console/en';
import { en as me } from '../../src/i18n/me/en';
import { en as find } from '../../src/i18n/find/en';
import { en as run } from '../../src/i18n/run/en';
import {
  accessible,
  barriers,
  checked,
  DESKTOP,
  expected,
  faults,
  launch,
  open,
  PATIENCE,
  PHONE,
  picture,
} from './browser';
import { giveWallet, signedWire, type TestWallet } from './wallet';

const file = process.env['VOUCH_SCENE'];
if (!file) throw new Error('VOUCH_SCENE names no file: the test of the whole product sets it');
const scene = JSON.parse(readFileSync(file, 'utf8')) as {
  apiUrl: string;
  rpcUrl: string;
  /** A campaign of somebody else, and a code of it. */
  campaign: string;
  code: string;
};
const url = (path: string) => scene.apiUrl + path;
const LAMPORTS = 5_000_000_000;

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(async () => {
  await browser.close();
  console.log(checked.join('\n'));
});

/** Asks until it is as expected. */
const eventually = <T>(ask: () => T) => expect.poll(ask, { timeout: PATIENCE });

/** A new wallet: 64 secret bytes. */
function newKey(): number[] {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const raw = (der: Buffer) => [...der.subarray(der.length - 32)];
  return [
    ...raw(privateKey.export({ format: 'der', type: 'pkcs8' })),
    ...raw(publicKey.export({ format: 'der', type: 'spki' })),
  ];
}

async function rpc<T>(method: string, params: unknown[]): Promise<T> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(scene.rpcUrl, { method: 'POST', headers, body });
  const { result, error } = (await answer.json()) as { result: T; error?: unknown };
  if (error) throw new Error(JSON.stringify(error));
  return result;
}

type Visitor = { context: BrowserContext; page: Page; wallet: TestWallet };

/** A page with a wallet that has SOL. */
async function visitor(secret: number[], look = DESKTOP): Promise<Visitor> {
  const context = await open(browser, look);
  const wallet = await giveWallet(context, [secret]);
  // A validator that is short of time is slow to make anything final.
  const confirmed = { commitment: 'confirmed' };
  const balance = () => rpc<{ value: number }>('getBalance', [wallet.address, confirmed]);
  if ((await balance()).value === 0) {
    await rpc('requestAirdrop', [wallet.address, LAMPORTS, confirmed]);
    await eventually(async () => (await balance()).value).toBeGreaterThan(0);
  }
  return { context, page: await context.newPage(), wallet };
}

/** Signs in on a page that asks for it. */
async function signIn(page: Page): Promise<void> {
  await page.getByRole('button', { name: me.signIn.button }).click();
  await page.getByRole('button', { name: 'Test Wallet' }).click();
  await page.getByRole('button', { name: me.signIn.sign }).click();
}

/** The page shows these three parts of an error. */
async function explains(page: Page, [what, means, todo]: [string, string, string]): Promise<void> {
  const alert = page.getByRole('dialog').getByRole('alert');
  await alert.getByRole('heading', { name: what }).waitFor();
  await alert.getByText(means, { exact: true }).waitFor();
  await alert.getByText(todo, { exact: true }).waitFor();
}

/** The value beside this name in what is shown before signing. */
function row(page: Page, name: string) {
  const of = page.getByText(name, { exact: true }).first();
  return page.getByRole('dialog').locator('.rows > div', { has: of }).locator('dd').first();
}

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const dialog = (page: Page) => page.getByRole('dialog');
/** The text that the dialog shows at first, or the later one. */
const either = (page: Page, first: string, later: string) =>
  dialog(page).getByText(first).or(dialog(page).getByText(later));

/** An account of the program, as base64. */
async function bytes(address: string): Promise<string | undefined> {
  const options = { encoding: 'base64', commitment: 'confirmed' };
  type Found = { value: { data: [string, string] } | null };
  return (await rpc<Found>('getAccountInfo', [address, options])).value?.data[0];
}

const founder = newKey();
let campaign = '';

it('a company opens a campaign step by step, and sees what it pays before it signs', async () => {
  // Given a wallet that runs nothing
  const { context, page, wallet } = await visitor(founder);
  await page.goto(url('/console'));
  await signIn(page);
  await page.getByRole('heading', { name: console_.none }).waitFor();
  await accessible(page, 'console, nothing run');
  await page.getByRole('link', { name: run.open.entry }).click();
  await page.getByRole('heading', { name: run.open.title, level: 1 }).waitFor();

  // When a step lacks something, then it says so, and stays
  await button(page, run.open.next).click();
  await page.getByText(run.open.faults.required).waitFor();
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('new-name');
  await accessible(page, 'new campaign, name missing');
  await page.getByLabel(run.open.name).fill('Meridian');
  await button(page, run.open.next).click();
  await page.getByRole('heading', { name: run.open.steps[1]!, level: 2 }).waitFor();
  await accessible(page, 'new campaign, who pays');
  await page.getByLabel(run.open.symbol).fill('MRD');
  await button(page, run.open.next).click();

  // When a reward is typed, then the page shows what it pays, and what self-referral nets
  await page.getByLabel(run.open.reward, { exact: true }).fill('10');
  await page.locator('#new-referee').fill('20');
  const preview = page.locator('.preview');
  const first = preview.locator('tbody tr').first();
  await eventually(() => first.innerText()).toMatch(/8\s*MRD[\s\S]*2\s*MRD/);
  await preview.getByText(run.open.preview.self).waitFor();
  // And a bonus has a row of its own
  await button(page, run.open.addBonus).click();
  await page.getByLabel(run.open.bonusAt).fill('3');
  await page.getByLabel(run.open.bonusAmount).fill('50');
  await eventually(() => preview.locator('tbody tr').count()).toBe(2);
  await eventually(() => preview.locator('tbody tr').nth(1).innerText()).toMatch(/58\s*MRD/);
  await accessible(page, 'new campaign, reward');
  await picture(page, 'console-new', true);

  // When the page is loaded anew, then the draft is there, at the same step
  await page.reload();
  await page.getByRole('heading', { name: run.open.steps[2]!, level: 2 }).waitFor();
  expect(await page.locator('#new-reward').inputValue()).toBe('10');
  await button(page, run.open.next).click();
  await page.getByLabel(run.open.budget).fill('1000');
  await page.getByLabel(run.open.hold).fill('lots');
  await button(page, run.open.review).click();
  await page.getByText(run.open.faults.days).waitFor();
  await page.getByLabel(run.open.hold).fill('2');

  // When it is reviewed, then the dialog has every rule, from the transaction itself
  await button(page, run.open.review).click();
  await button(page, run.open.sign).waitFor();
  expect(await row(page, console_.terms.reward).innerText()).toBe('10 MRD');
  expect(await row(page, console_.terms.budget).innerText()).toBe('1,000 MRD');
  expect(await row(page, console_.terms.hold).innerText()).toBe('2 days');
  expect(await row(page, console_.terms.notice).innerText()).toBe('7 days');
  expect(await row(page, console_.terms.bonus('3')).innerText()).toBe('50 MRD');
  await accessible(page, 'new campaign, what to sign');
  await picture(page, 'console-new-sign');

  // When the wallet refuses, or changes it, then nothing is sent, and the page says so
  wallet.behaviour = 'refuses';
  await button(page, run.open.sign).click();
  await explains(page, en.errors['refused']!);
  await accessible(page, 'new campaign, refused');
  wallet.behaviour = 'tampers';
  await button(page, en.common.again).click();
  await button(page, run.open.sign).click();
  await explains(page, en.errors['tampered']!);

  // When it signs, and the node is away for a while, then the campaign is open all the same
  wallet.behaviour = 'signs';
  await button(page, en.common.again).click();
  await button(page, run.open.sign).waitFor();
  expected.failures = true;
  let asked = 0;
  await context.route(`${scene.rpcUrl}/**`, async (route) => {
    asked += 1;
    // The first request, which sends the transaction, arrives; its answer does not.
    if (asked === 1) await route.fetch();
    await route.abort();
  });
  await button(page, run.open.sign).click();
  await eventually(() => asked).toBeGreaterThan(3);
  const sending = either(page, en.landing.sending, en.landing.sendingLong);
  await sending.waitFor();
  // And nobody leaves it by accident, however often Escape is pressed
  for (let times = 0; times < 3; times += 1) await page.keyboard.press('Escape');
  await sending.waitFor();
  await context.unroute(`${scene.rpcUrl}/**`);
  await dialog(page).getByRole('heading', { name: run.open.done }).waitFor();
  expected.failures = false;
  await accessible(page, 'new campaign, open');

  // And its console has its name, and proposes the first code
  await dialog(page).getByRole('link', { name: run.open.toConsole }).click();
  await page.getByRole('heading', { name: 'Meridian', level: 1 }).waitFor();
  await page.getByRole('heading', { name: run.first.title }).waitFor();
  campaign = new URL(page.url()).pathname.split('/').pop()!;
  expect(await bytes(campaign)).toBeDefined();
  await accessible(page, 'console, just opened');
  await picture(page, 'console-opened', true);
  // And the draft is gone
  expect(await page.evaluate(() => sessionStorage.getItem('vouch:draft'))).toBeNull();
  await context.close();
});

/** The code that the company registers. */
const CODE = 'MERDAN22';

it('a company registers a code, cancels a conversion, and changes what it pays with notice', async () => {
  // Given its console, and a first code
  const { context, page, wallet } = await visitor(founder);
  await page.goto(url(`/console/${campaign}`));
  await signIn(page);
  await page.getByRole('heading', { name: 'Meridian', level: 1 }).waitFor();
  await button(page, run.first.button).click();
  await page.getByLabel(me.create.code).fill(CODE);
  await page.getByText(me.create.free).waitFor();
  expect(await page.getByLabel(me.create.campaign, { exact: true }).inputValue()).toBe(campaign);
  await button(page, me.create.next).click();
  await button(page, me.create.sign).click();
  await page.getByRole('heading', { name: me.create.done(CODE) }).waitFor();
  await accessible(page, 'console, first code');

  // And two wallets that sign up by it
  const referees = [newKey(), newKey()];
  for (const referee of referees) {
    const other = await visitor(referee, PHONE);
    await other.page.goto(url(`/c/${campaign}?ref=${CODE}`));
    await button(other.page, en.landing.look).click();
    await button(other.page, 'Test Wallet').click();
    await button(other.page, en.landing.sign).click();
    await other.page.getByRole('heading', { name: en.landing.doneTitle }).waitFor();
    await other.context.close();
  }
  const cancels = button(page, run.manage.cancelOne(CODE));
  await eventually(() => cancels.count()).toBe(2);
  await accessible(page, 'console, held conversions');

  // When the reader's clock is ahead of every hold, then all that is held is there still
  const late = await context.newPage();
  await late.clock.setSystemTime(Date.now() + 3 * 86_400_000);
  await late.goto(url(`/console/${campaign}`));
  await eventually(() => button(late, run.manage.cancelOne(CODE)).count()).toBe(2);
  // When the service does not answer, then nobody reads that nothing is held
  expected.failures = true;
  await late.route('**/v1/conversions?*status=held*', (route) =>
    route.fulfill({ status: 503, json: { code: 'overloaded', message: '', request_id: '1' } }),
  );
  await late.reload();
  const list = late.locator('section', { has: late.locator('#held') });
  await list.getByRole('alert').waitFor();
  expect(await list.getByText(run.manage.noneHeld).count()).toBe(0);
  await accessible(late, 'console, held unknown');
  await late.unroute('**/v1/conversions?*status=held*');
  await list.getByRole('button', { name: en.common.again }).click();
  await eventually(() => button(late, run.manage.cancelOne(CODE)).count()).toBe(2);
  expected.failures = false;
  await late.close();

  // When it cancels one, then it sees what that does before the wallet opens
  await cancels.first().click();
  await dialog(page).getByText(run.manage.cancelText).waitFor();
  await button(page, run.manage.cancelButton).waitFor();
  expect(await row(page, run.manage.nobodyGets).innerText()).toMatch(/^10\s*MRD$/);
  await accessible(page, 'console, cancel');
  await picture(page, 'console-cancel');
  wallet.behaviour = 'refuses';
  await button(page, run.manage.cancelButton).click();
  await explains(page, en.errors['refused']!);
  wallet.behaviour = 'signs';
  await button(page, en.common.again).click();
  await button(page, run.manage.cancelButton).click();
  await dialog(page).getByRole('heading', { name: run.manage.cancelled }).waitFor();
  await button(page, run.act.close).click();
  await eventually(() => cancels.count()).toBe(1);
  await eventually(() => page.locator('tbody').getByText(en.status.cancelled).count()).toBe(1);

  // When it changes nothing, then there is nothing to sign
  await button(page, run.manage.change).click();
  const reward = page.locator('#change-reward');
  await reward.waitFor();
  expect(await reward.inputValue()).toBe('10');
  await page.getByText(run.manage.nothing).waitFor();
  await accessible(page, 'console, settings');
  // When it cuts the reward, then the page says so, and from when on, before it signs
  await reward.fill('6');
  await page.locator('.card').getByText(run.manage.cut).waitFor();
  await picture(page, 'console-change', true);
  await button(page, run.manage.settingsButton).click();
  const sign = dialog(page).getByRole('button', { name: run.manage.change });
  await sign.waitFor();
  const texts = await row(page, console_.terms.reward).innerText();
  expect(texts.replace(/\s+/g, ' ')).toBe('10 MRD → 6 MRD');
  // By the node's trial: the notice is a week
  const day = new Intl.DateTimeFormat('en', { dateStyle: 'medium' });
  const holds = await row(page, run.manage.cut).innerText();
  const around = [6.9, 7, 7.1].map((days) => day.format(Date.now() + days * 86_400_000));
  expect(around.some((date) => holds.includes(date))).toBe(true);
  await accessible(page, 'console, cut to sign');
  await picture(page, 'console-cut');
  await sign.click();
  await dialog(page).getByRole('heading', { name: run.manage.changedSettings }).waitFor();
  await button(page, run.act.close).click();
  await page.getByText(console_.announced.text).waitFor();
  await accessible(page, 'console, cut announced');

  // When it pauses, then invitations are refused, until it goes on
  await button(page, run.manage.pause).click();
  await dialog(page).getByText(run.manage.pauseText).waitFor();
  await accessible(page, 'console, pause');
  await dialog(page).getByRole('button', { name: run.manage.pause }).click();
  await dialog(page).getByRole('heading', { name: run.manage.paused }).waitFor();
  await button(page, run.act.close).click();
  const third = await visitor(newKey());
  await third.page.goto(url(`/c/${campaign}?ref=${CODE}`));
  await third.page.getByRole('heading', { name: en.codeReasons['campaign_paused']![0] }).waitFor();
  await button(page, run.manage.resume).click();
  await dialog(page).getByRole('button', { name: run.manage.resume }).click();
  await dialog(page).getByRole('heading', { name: run.manage.resumed }).waitFor();
  await button(page, run.act.close).click();
  await button(third.page, en.landing.look).waitFor();

  // When the API is away after it was confirmed, then the dialog can be closed all the same
  await button(page, run.manage.pause).click();
  const again = dialog(page).getByRole('button', { name: run.manage.pause });
  await again.waitFor();
  expected.failures = true;
  await page.route(`**/v1/campaigns/${campaign}`, (route) => route.abort());
  await again.click();
  await either(page, run.act.mirroring, run.act.mirroringLong).waitFor();
  await page.keyboard.press('Escape');
  await dialog(page).waitFor({ state: 'detached' });
  await page.unroute(`**/v1/campaigns/${campaign}`);
  await button(page, run.manage.resume).waitFor();
  expected.failures = false;
  await button(page, run.manage.resume).click();
  await dialog(page).getByRole('button', { name: run.manage.resume }).click();
  await dialog(page).getByRole('heading', { name: run.manage.resumed }).waitFor();
  await button(page, run.act.close).click();

  // When it suspends the code, then that one is refused
  await button(page, run.manage.suspend).click();
  await page.locator('#suspend').fill('NNNNNN22');
  await button(page, run.manage.look).click();
  await page.getByRole('heading', { name: en.errors['code_not_found']![0] }).waitFor();
  await page.locator('#suspend').fill(CODE.toLowerCase());
  await button(page, run.manage.look).click();
  await page.getByText(run.manage.codeState.works).waitFor();
  await accessible(page, 'console, suspend');
  await button(page, run.manage.suspendButton).click();
  await dialog(page).getByRole('button', { name: run.manage.suspendButton }).click();
  await dialog(page)
    .getByRole('heading', { name: run.manage.suspended(CODE) })
    .waitFor();
  await button(page, run.act.close).click();
  await third.page.getByRole('heading', { name: en.codeReasons['inactive']![0] }).waitFor();
  await third.context.close();
  await context.close();
});

type Builder = { transaction: string } & Record<string, string>;

/** Builds by the API, signs with this key and confirms: a transaction that somebody else has sent before. */
async function done(path: string, body: object, key: number[]): Promise<Builder> {
  const headers = { 'content-type': 'application/json' };
  const address = `${scene.apiUrl}/v1/transactions/${path}`;
  const asked = await fetch(address, { method: 'POST', headers, body: JSON.stringify(body) });
  const built = (await asked.json()) as Builder;
  if (!asked.ok) throw new Error(JSON.stringify(built));
  const wire = signedWire(key, Buffer.from(built.transaction, 'base64'));
  const options = { encoding: 'base64', preflightCommitment: 'confirmed' };
  const signature = await rpc<string>('sendTransaction', [wire.toString('base64'), options]);
  type Statuses = { value: ({ confirmationStatus: string } | null)[] };
  await eventually(async () => {
    const { value } = await rpc<Statuses>('getSignatureStatuses', [[signature]]);
    // A validator that is short of time drops transactions; the same one again counts once.
    if (!value[0]) {
      const again = { ...options, skipPreflight: true };
      await rpc<string>('sendTransaction', [wire.toString('base64'), again]);
    }
    return value[0]?.confirmationStatus ?? 'unknown';
  }).toMatch(/confirmed|finalized/);
  return built;
}

/** Base units that a wallet has of a token. */
async function balance(owner: string, mint: string): Promise<string> {
  type Accounts = {
    value: { account: { data: { parsed: { info: { tokenAmount: { amount: string } } } } } }[];
  };
  const found = await rpc<Accounts>('getTokenAccountsByOwner', [
    owner,
    { mint },
    { encoding: 'jsonParsed', commitment: 'confirmed' },
  ]);
  return found.value[0]?.account.data.parsed.info.tokenAmount.amount ?? 'no account';
}

it('what waits after a hold is claimed, and a search says why something was credited', async () => {
  // Given a campaign that holds rewards for a second, and a wallet without a place for its part
  const company = await visitor(newKey());
  const authority = company.wallet.address;
  const settings = { reward: { fixed: '10000000' }, referee_share_bps: 2000, hold_seconds: 1 };
  const opened = await done(
    'create-campaign',
    { authority, id: '1', settings },
    company.wallet.secret,
  );
  const held = opened['campaign']!;
  const code = { campaign: held, owner: authority, code: 'HNESTEY2' };
  await done('create-referral', code, company.wallet.secret);
  await company.context.close();
  const { context, page, wallet } = await visitor(newKey(), PHONE);
  await done(
    'convert',
    { code: 'HNESTEY2', campaign: held, referee: wallet.address },
    wallet.secret,
  );

  // When the hold is over, then its page offers what is due
  await page.goto(url('/me'));
  await signIn(page);
  const claim = page.getByRole('button', { name: run.claim.buttonOf(en.home.unnamed) });
  await claim.waitFor();
  await page.getByRole('heading', { name: run.claim.title }).waitFor();
  await accessible(page, 'me, due');
  await picture(page, 'me-due-phone');
  // When the oldest cannot be paid now, then the page goes on to those after them, but not for ever
  let cursors: unknown[] = [];
  let pages = Infinity;
  await page.route('**/v1/transactions/claim', async (route) => {
    const { cursor, ...body } = route.request().postDataJSON() as { cursor?: string };
    cursors.push(cursor);
    if (cursors.length > pages) return route.continue({ postData: JSON.stringify(body) });
    const code = 'nothing_to_claim';
    const next_cursor = `after-${cursors.length}`;
    const error = { code, message: code, request_id: '1' };
    return route.fulfill({ status: 409, json: { code, next_cursor, error } });
  });
  await claim.click();
  await explains(page, run.errors['too_many_waiting']!);
  expect(cursors).toEqual([undefined, ...[1, 2, 3, 4, 5, 6, 7].map((page) => `after-${page}`)]);
  await button(page, run.act.cancel).click();
  pages = 2;
  cursors = [];
  await claim.click();
  await button(page, run.claim.sign).waitFor();
  // Then the next click goes on where the last one stopped
  expect(cursors.slice(0, 3)).toEqual(['after-8', 'after-1', 'after-2']);
  expect(await row(page, run.claim.arrives).innerText()).toMatch(/^2\s*tokens$/);
  await accessible(page, 'me, claim to sign');
  await picture(page, 'me-claim-phone');

  // When it refuses, then nothing is lost
  wallet.behaviour = 'refuses';
  await button(page, run.claim.sign).click();
  await explains(page, en.errors['refused']!);
  expect(await balance(wallet.address, opened['mint']!)).toBe('no account');
  wallet.behaviour = 'signs';
  await button(page, en.common.again).click();
  await button(page, run.claim.sign).click();
  await dialog(page).getByRole('heading', { name: run.claim.done }).waitFor();
  await page.unroute('**/v1/transactions/claim');
  await accessible(page, 'me, claimed');
  expect(await balance(wallet.address, opened['mint']!)).toBe('2000000');
  await button(page, run.act.close).click();
  await claim.waitFor({ state: 'detached' });

  // And the search tells what was credited, and what was not
  await page.locator('summary', { hasText: run.why.ask }).click();
  await page.locator(`#why-campaign option[value="${held}"]`).waitFor({ state: 'attached' });
  await page.locator('#why-campaign').selectOption(held);
  await button(page, run.why.ask).click();
  await page.getByText(run.why.none).waitFor();
  await page.locator('#why-by').fill(wallet.address);
  await button(page, run.why.ask).click();
  await page.getByText(run.why.reasons['credited']!).first().waitFor();
  await page.getByRole('link', { name: run.why.see }).waitFor();
  await accessible(page, 'me, why');
  await page.locator('#why-by').fill(authority);
  await button(page, run.why.ask).click();
  await page.getByText(run.why.reasons['no_attempt']!).first().waitFor();
  await accessible(page, 'me, why, nothing on chain');
  await picture(page, 'me-why-phone', true);
  await page.locator('#why-by').fill('order 4711');
  await button(page, run.why.ask).click();
  await page.getByRole('button', { name: 'Deutsch' }).click();
  await page.getByRole('heading', { name: runDe.why.title }).waitFor();
  await accessible(page, 'me, why, German');
  await context.close();
});

it('a vault is funded, and what nobody is owed is taken out', async () => {
  // Given a campaign with a vault of 1000 tokens that the company itself mints
  const key = newKey();
  const { context, page, wallet } = await visitor(key);
  const authority = wallet.address;
  const settings = { reward: { fixed: '5000000' } };
  const body = { authority, id: '2', funding: 'vault', funds: '1000000000', settings };
  const opened = await done('create-campaign', body, key);
  const [vault, mint] = [opened['vault']!, opened['mint']!];
  const inVault = async () =>
    (
      await rpc<{ value: { amount: string } }>('getTokenAccountBalance', [
        vault,
        { commitment: 'confirmed' },
      ])
    ).value.amount;
  expect(await inVault()).toBe('1000000000');
  await page.goto(url(`/console/${opened['campaign']}`));
  await signIn(page);
  await page.getByRole('heading', { name: run.manage.title }).waitFor();

  // When it takes out more than there is, then it is told so
  await button(page, run.manage.withdraw).click();
  await button(page, run.manage.next).click();
  await page.getByText(run.manage.amountBad).waitFor();
  await page.locator('#amount').fill('1000.5');
  await button(page, run.manage.next).click();
  await explains(page, run.errors['insufficient_vault']!);
  await accessible(page, 'console, too much from the vault');
  await button(page, run.act.cancel).click();

  // When it takes out a part, then it sees what is left before it signs
  await page.locator('#amount').fill('400.5');
  await button(page, run.manage.next).click();
  await dialog(page).getByRole('button', { name: run.manage.withdraw }).waitFor();
  expect(await row(page, run.manage.vaultAfter).innerText()).toMatch(/^599\.5\s*tokens$/);
  await accessible(page, 'console, take out');
  await dialog(page).getByRole('button', { name: run.manage.withdraw }).click();
  await dialog(page).getByRole('heading', { name: run.manage.withdrawn }).waitFor();
  await button(page, run.act.close).click();
  expect([await inVault(), await balance(authority, mint)]).toEqual(['599500000', '400500000']);

  // And it puts some of it back
  await button(page, run.manage.fund).click();
  await page.locator('#amount').fill('0.5');
  await button(page, run.manage.next).click();
  await dialog(page).getByRole('button', { name: run.manage.fund }).waitFor();
  await accessible(page, 'console, fund');
  await dialog(page).getByRole('button', { name: run.manage.fund }).click();
  await dialog(page).getByRole('heading', { name: run.manage.funded }).waitFor();
  await button(page, run.act.close).click();
  expect([await inVault(), await balance(authority, mint)]).toEqual(['600000000', '400000000']);

  // When an API says that the token has three decimals more, then a thousand times as much is not paid
  await page.route(`**/v1/campaigns/${opened['campaign']}`, async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ json: { ...((await answer.json()) as object), mint_decimals: 9 } });
  });
  await page.reload();
  await button(page, run.manage.fund).click();
  await page.locator('#amount').fill('0.1');
  await button(page, run.manage.next).click();
  await explains(page, en.errors['not_as_shown']!);
  await context.close();
});

it('a company splits payments in a token, sets who vouches, and closes for good', async () => {
  // Given a wallet with a token of its own
  const key = newKey();
  const { context, page, wallet } = await visitor(key);
  const authority = wallet.address;
  // And a campaign with a vault, which owes a held reward
  const settings = { reward: { fixed: '5000000' }, hold_seconds: 86_400 };
  const body = { authority, id: '7', funding: 'vault', funds: '1000000000', settings };
  const { mint, campaign: other } = await done('create-campaign', body, key);
  const code = { campaign: other, owner: authority, code: 'HACYAN22' };
  await done('create-referral', code, key);
  const referee = await visitor(newKey(), PHONE);
  await referee.context.close();
  const convert = { code: code.code, campaign: other, referee: referee.wallet.address };
  await done('convert', convert, referee.wallet.secret);
  await page.goto(url('/console/new'));
  await signIn(page);

  // When it opens a campaign that splits payments in that token, with limits of every kind
  await page.getByLabel(run.open.name).fill('Halcyon');
  await page.getByText(run.open.proofs['attested']![0]).waitFor();
  await page.getByText(run.open.goals['purchase']![0]).click();
  await button(page, run.open.next).click();
  await page.getByText(run.open.sources['split']![0]).click();
  await page.locator('#new-mint').fill('USDC');
  await button(page, run.open.next).click();
  await page.getByText(run.open.faults.address).waitFor();
  await page.locator('#new-mint').fill(mint!);
  await page.getByLabel(run.open.symbol).fill('HLC');
  await button(page, run.open.next).click();
  await page.locator('#new-reward').fill('2');
  await button(page, run.open.next).click();
  await page.getByText(run.open.more).click();
  await page.locator('#new-windowDays').fill('3');
  await page.locator('#new-ownerLimit').fill('40');
  // An attestor that nothing asks is not taken, and its section stays open
  await page.locator('#new-attestor').fill(authority);
  await button(page, run.open.review).click();
  await page.getByText(run.open.faults.idle).waitFor();
  await page.locator('#new-windowDays').fill('');
  await page.locator('#new-ownerLimit').fill('');
  await page.locator('#new-attestor').fill('');
  await page.locator('#new-windowDays').fill('3');
  await page.locator('#new-ownerLimit').fill('40');
  await page.locator('#new-gateIssuer').fill(scene.campaign);
  await button(page, run.open.review).click();
  await page.getByText(run.open.faults.required).waitFor();
  await page.locator('#new-gateSchema').fill(authority);
  await page.locator('#new-notice').fill('0');
  await accessible(page, 'new campaign, further limits');
  await picture(page, 'console-new-limits', true);
  await button(page, run.open.review).click();
  await button(page, run.open.sign).waitFor();
  expect(await row(page, console_.terms.reward).innerText()).toBe('2 HLC');
  expect(await row(page, console_.terms.least).innerText()).toBe('2 HLC');
  expect(await row(page, console_.terms.window).innerText()).toBe('3 days');
  expect(await row(page, console_.terms.owner).innerText()).toBe('40');
  expect(await row(page, run.open.proves).innerText()).toBe(run.open.proofOf['payment']);
  // Addresses are whole, and a credential that cannot be is called so
  const gate = await row(page, console_.terms.credential).innerText();
  expect(gate).toBe(`${scene.campaign} ${authority}`);
  await dialog(page).getByText(run.open.gateUnknown).waitFor();
  await button(page, run.open.sign).click();
  await dialog(page).getByRole('heading', { name: run.open.done }).waitFor();
  await dialog(page).getByRole('link', { name: run.open.toConsole }).click();
  await page.getByRole('heading', { name: 'Halcyon', level: 1 }).waitFor();
  const opened = new URL(page.url()).pathname.split('/').pop()!;

  // Then the chain has all of it
  type Found = {
    mint: string;
    funding: string;
    closed: boolean;
    rules: Record<string, unknown>;
  };
  const found = async (of = opened) =>
    (await (await fetch(url(`/v1/campaigns/${of}`))).json()) as Found;
  expect(await found()).toMatchObject({
    mint,
    funding: 'payment_split',
    rules: {
      attribution_window: 259_200,
      owner_limit: '40',
      credential: { issuer: scene.campaign, schema: authority },
      attestor: null,
    },
  });

  // When it names who vouches for codes, and drops the credential, then it signs exactly that
  await button(page, run.manage.change).click();
  const attestor = page.locator('#change-attestor');
  await attestor.waitFor();
  expect(await page.locator('#change-ownerLimit').inputValue()).toBe('40');
  // An attestor that is needed is asked for
  await page.getByText(run.open.attestedCodes).click();
  await button(page, run.manage.settingsButton).click();
  await page.getByText(run.open.faults.required).waitFor();
  await attestor.fill(scene.campaign);
  await page.locator('#change-gateIssuer').fill('');
  await page.locator('#change-gateSchema').fill('');
  await button(page, run.manage.settingsButton).click();
  const sign = dialog(page).getByRole('button', { name: run.manage.change });
  await sign.waitFor();
  expect(await row(page, console_.terms.attestedCodes).innerText()).toContain(console_.terms.yes);
  expect(await row(page, console_.terms.attestor).innerText()).toContain(scene.campaign);
  await accessible(page, 'console, attestor to sign');
  await sign.click();
  await dialog(page).getByRole('heading', { name: run.manage.changedSettings }).waitFor();
  await button(page, run.act.close).click();
  expect((await found()).rules).toMatchObject({
    attestor: scene.campaign,
    attested_codes: true,
    credential: null,
    owner_limit: '40',
  });

  // When it closes the campaign with a vault, then it sees what comes back, and closes that one alone
  await page.goto(url(`/console/${other}`));
  const cancels = button(page, run.manage.cancelOne(code.code));
  await eventually(() => cancels.count()).toBe(1);
  await button(page, run.manage.close).click();
  const close = dialog(page).getByRole('button', { name: run.manage.closeButton });
  await close.waitFor();
  expect(await row(page, run.manage.closeVault).innerText()).toMatch(/^1,000\s*tokens/);
  expect(await row(page, run.manage.closeOwed).innerText()).toMatch(/^5\s*tokens/);
  await dialog(page).getByText(run.manage.closeVaultBack).waitFor();
  await row(page, run.manage.depositTo)
    .getByRole('button', { name: new RegExp(authority) })
    .waitFor();
  await accessible(page, 'console, close');
  await picture(page, 'console-close');
  await close.click();
  await dialog(page).getByRole('heading', { name: run.manage.closed }).waitFor();
  await button(page, run.act.close).click();
  await eventually(() => button(page, run.manage.pause).count()).toBe(0);
  expect([(await found(other!)).closed, (await found()).closed]).toEqual([true, false]);

  // And of the closed one it still cancels what is held, and takes out the vault at once
  await page.getByRole('heading', { name: run.manage.leftTitle }).waitFor();
  await button(page, run.manage.withdraw).waitFor();
  expect(await button(page, run.manage.reclaim).count()).toBe(0);
  await accessible(page, 'console, closed');
  await picture(page, 'console-closed', true);
  await cancels.click();
  await button(page, run.manage.cancelButton).click();
  await dialog(page).getByRole('heading', { name: run.manage.cancelled }).waitFor();
  await button(page, run.act.close).click();
  await eventually(() => cancels.count()).toBe(0);
  await button(page, run.manage.withdraw).click();
  await page.locator('#amount').fill('1000');
  await button(page, run.manage.next).click();
  await dialog(page).getByRole('button', { name: run.manage.withdraw }).click();
  await dialog(page).getByRole('heading', { name: run.manage.withdrawn }).waitFor();
  await button(page, run.act.close).click();
  expect(await balance(authority, mint!)).toBe('1000000000');

  // And closing the one that splits payments says that held parts stay in a vault, too
  await page.goto(url(`/console/${opened}`));
  await button(page, run.manage.close).click();
  await close.waitFor();
  expect(await row(page, run.manage.closeVault).innerText()).toMatch(/^0\s*HLC$/);
  await button(page, run.act.cancel).click();
  await context.close();
});

it('the command bar finds what is pasted, by the keyboard alone, and loads nothing before', async () => {
  const context = await open(browser, DESKTOP);
  const page = await context.newPage();
  const scripts: string[] = [];
  page.on('request', (request) => {
    if (request.resourceType() === 'script') scripts.push(request.url());
  });
  await page.goto(url('/'));
  await page.getByRole('heading', { name: 'Aurora' }).waitFor();
  const isLoaded = () => scripts.some((script) => /\/find-[^/]*\.js$/.test(script));
  expect(isLoaded()).toBe(false);

  // When a key opens it, then it is there, with the pages
  await page.keyboard.press('Control+k');
  const field = page.getByRole('combobox', { name: find.label });
  await field.waitFor();
  expect(isLoaded()).toBe(true);
  const options = page.locator('#found > [role=option]');
  await eventually(() => options.count()).toBe(6);
  await accessible(page, 'command bar');
  await page.keyboard.press('Escape');
  await field.waitFor({ state: 'detached' });

  // When a code is typed, then Enter leads to its invitation
  await page.keyboard.press('Control+k');
  await field.waitFor();
  await page.keyboard.type(scene.code.toLowerCase());
  await options.filter({ hasText: scene.code }).first().waitFor();
  await accessible(page, 'command bar, a code');
  await picture(page, 'command-bar');
  await page.keyboard.press('Enter');
  await page.waitForURL(url(`/c/${scene.campaign}?ref=${scene.code}`));
  await field.waitFor({ state: 'detached' });

  // And a campaign, a conversion, its signature and its wallet lead to their pages
  type Found = { conversions: { address: string; signature: string; referee: string }[] };
  const list = await fetch(url(`/v1/conversions?campaign=${scene.campaign}&limit=1`));
  const [one] = ((await list.json()) as Found).conversions;
  for (const [typed, kind, path] of [
    [scene.campaign, find.kinds.campaign, `/c/${scene.campaign}`],
    [one!.address, find.kinds.conversion, `/conversion/${one!.address}`],
    [one!.signature, find.kinds.conversion, `/conversion/${one!.address}`],
    [one!.referee, find.kinds.conversion, `/conversion/${one!.address}`],
    ['Auror', find.kinds.campaign, `/c/${scene.campaign}`],
    [find.page.board, find.kinds.page, '/leaderboard'],
  ] as const) {
    await page.goto(url('/'));
    await page.getByRole('heading', { name: 'Aurora' }).waitFor();
    await page.keyboard.press('Control+k');
    await field.fill(typed);
    await options.first().filter({ hasText: kind }).waitFor();
    await page.keyboard.press('Enter');
    await page.waitForURL(url(path));
  }

  // And arrows choose, and what is not there is said
  await page.keyboard.press('Control+k');
  await field.waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowUp');
  expect(await options.nth(1).getAttribute('aria-selected')).toBe('true');
  expect(await field.getAttribute('aria-activedescendant')).toBe('found-1');
  await field.fill('no such thing');
  await page.getByText(find.none).waitFor();
  await page.keyboard.press('Escape');
  await context.close();
});

it('the console stands on a phone, in the dark and in German', async () => {
  const { context, page } = await visitor(founder, { ...PHONE, dark: true });
  await page.goto(url('/console/new'));
  await signIn(page);
  await page.getByLabel(run.open.name).fill('Polaris');
  await page.getByText(run.open.goals['purchase']![0]).click();
  await button(page, run.open.next).click();
  await page.getByText(run.open.sources['split']![0]).click();
  await button(page, run.open.next).click();
  await page.getByText(run.open.kinds['percent']!).click();
  await page.locator('#new-reward').fill('12.5');
  await page.locator('#new-example').fill('2');
  // An eighth of two SOL, by hand
  const first = page.locator('.preview tbody tr').first();
  await eventually(() => first.innerText()).toMatch(/0\.25\s*SOL/);
  await page.getByText(run.open.preview.selfNone).waitFor();
  await accessible(page, 'new campaign, phone in the dark');
  await picture(page, 'console-new-phone-dark', true);
  await page.getByRole('button', { name: 'Deutsch' }).click();
  await page.getByRole('heading', { name: runDe.open.title }).waitFor();
  await accessible(page, 'new campaign, German');
  await page.goto(url(`/console/${campaign}`));
  await page.getByRole('button', { name: runDe.manage.pause, exact: true }).click();
  await page.getByText(runDe.manage.pauseText).waitFor();
  await button(page, runDe.manage.pause).last().waitFor();
  await accessible(page, 'console, pause, German');
  await picture(page, 'console-pause-phone-dark');
  await context.close();
});

it('an API that lies gets nothing signed', async () => {
  // Given the console, and an API that answers a pause with another transaction
  const { context, page, wallet } = await visitor(founder);
  await page.goto(url(`/console/${campaign}`));
  await signIn(page);
  await page.getByRole('heading', { name: 'Meridian', level: 1 }).waitFor();
  let asked = 0;
  wallet.watch(() => (asked += 1));
  const headers = { 'content-type': 'application/json' };
  const build = async (path: string, body: object) => {
    const url = `${scene.apiUrl}/v1/transactions/${path}`;
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
    return answer.json() as Promise<object>;
  };
  const instead = {
    'the campaign given away': await build('propose-authority', {
      campaign,
      new_authority: scene.campaign,
    }),
    'the campaign closed': await build('close-campaign', { campaign }),
    'no transaction': { transaction: 'AAAA', last_valid_block_height: 1, warnings: [] },
  };
  for (const [name, body] of Object.entries(instead)) {
    await page.route('**/v1/transactions/set-paused', (route) => route.fulfill({ json: body }));
    await button(page, run.manage.pause).click();
    await explains(page, en.errors['not_as_shown']!);
    await accessible(page, `console, ${name}`);
    await button(page, run.act.cancel).click();
    await page.unroute('**/v1/transactions/set-paused');
  }
  // And one that says that a campaign of somebody else is this wallet's
  await page.route(`**/v1/campaigns/${scene.campaign}`, async (route) => {
    const answer = await route.fetch();
    const found = (await answer.json()) as object;
    await route.fulfill({ json: { ...found, authority: wallet.address } });
  });
  await page.goto(url(`/console/${scene.campaign}`));
  await button(page, run.manage.pause).click();
  await explains(page, run.errors['not_campaign_authority']!);
  expect(asked).toBe(0);
  await context.close();
});

it('every page and state of the console is accessible', () => {
  expect(barriers).toEqual([]);
  expect(checked.length).toBeGreaterThan(30);
});

it('nothing violated the policy, failed in a page or went to a third party', () => {
  expect(faults).toEqual([]);
});
