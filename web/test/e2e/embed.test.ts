/** A page of somebody else, from another origin and under a strict policy, has the elements in it. */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { wordsOf } from '../../src/embed/words';
import { en } from '../../src/i18n/en';
import { en as page_ } from '../../src/i18n/embed/en';
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
import { giveWallet } from './wallet';

const file = process.env['VOUCH_SCENE'];
if (!file) throw new Error('VOUCH_SCENE names no file: the test of the whole product sets it');
const scene = JSON.parse(readFileSync(file, 'utf8')) as {
  apiUrl: string;
  rpcUrl: string;
  campaign: string;
  code: string;
  /** Another code of the same campaign. */
  otherCode: string;
  /** Codes that cannot be used: used up, of a paused and of an ended campaign. */
  usedCode: string;
  pausedCode: string;
  endedCode: string;
  /** A wallet with SOL, as 64 secret bytes. */
  bob: number[];
};
const words = wordsOf('en');
const german = wordsOf('de');
const api = scene.apiUrl;

/** All that the policy of a page has to allow. Everything that it serves by itself is named, too. */
const POLICY = [
  "default-src 'none'",
  `script-src ${api}/embed/`,
  `connect-src ${api}`,
  "style-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

/** The rules of a site that mean every element. */
const STYLE = `
  * { letter-spacing: 3px; }
  html { background: #fff; color: #000; font-family: serif; }
  input, button, a, p, dl, dd, h2, label { color: rgb(255, 0, 0) !important; border: 9px solid red; }
  vouch-panel { --vouch-accent: rgb(0, 80, 0); }
  vouch-code-field { --vouch-radius: 3px; }
  vouch-code-field::part(input) { background-color: rgb(250, 250, 210); }
  .own, .own * { color: #000 !important; border: 0; }
`;

/** The requests that the site was sent, newest last. */
const sent: URLSearchParams[] = [];
let script = `<script type="module" src="${api}/embed/v1.js"></script>`;

/** The pages of the site. A part of them is chosen by the path. */
const PAGES: Record<string, string> = {
  '/join': `<form class="own" method="post" action="/sent"><h1>Join</h1>
    <label for="email">E-mail</label> <input id="email" name="email">
    <vouch-code-field name="referral_code" campaign="${scene.campaign}"></vouch-code-field>
    <button id="send">Join</button></form>`,
  '/any': `<form class="own" method="post" action="/sent"><h1>Join</h1>
    <label for="own">Who sent you?</label>
    <vouch-code-field id="own" name="code" required no-store></vouch-code-field>
    <fieldset id="group"><legend>More</legend>
    <vouch-code-field name="second" label="Another code" value="${scene.otherCode}" no-store></vouch-code-field>
    </fieldset>
    <button type="reset">Begin anew</button> <button id="send">Join</button></form>`,
  '/panel': `<h1 class="own">Your account</h1>
    <vouch-panel code="${scene.code.toLowerCase()}"></vouch-panel>`,
  '/panels': `<h1 class="own">Programmes</h1>
    <vouch-panel campaign="${scene.campaign}"></vouch-panel>
    <vouch-panel code="${scene.endedCode}" heading="Over"></vouch-panel>
    <vouch-panel code="NEVER234"></vouch-panel>`,
};

const site: Server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://site');
  if (request.method === 'POST') {
    let body = '';
    request.on('data', (part) => (body += String(part)));
    request.on('end', () => {
      sent.push(new URLSearchParams(body));
      response.writeHead(200, { 'content-type': 'text/html', 'content-security-policy': POLICY });
      response.end('<!doctype html><html lang="en"><title>Thanks</title><h1>Thanks</h1>');
    });
    return;
  }
  if (pathname === '/site.css') {
    response.writeHead(200, { 'content-type': 'text/css' });
    return void response.end(STYLE);
  }
  const body = PAGES[pathname];
  response.writeHead(body ? 200 : 404, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': POLICY,
  });
  const lang = searchParams.get('lang') ?? 'en';
  response.end(
    `<!doctype html><html lang="${lang}"><title>Site</title><link rel="stylesheet" href="/site.css">` +
      `<meta name="viewport" content="width=device-width">${script}<main>${body ?? ''}</main>`,
  );
});

let browser: Browser;
let origin: string;
beforeAll(async () => {
  await new Promise<void>((ready) => site.listen(0, '127.0.0.1', ready));
  origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  browser = await launch();
});
afterAll(async () => {
  await browser.close();
  site.closeAllConnections();
  site.close();
  console.log(checked.join('\n'));
});

/** The paths that pages of the site have asked the installation for. */
const asked: string[] = [];

async function visit(path: string, look = DESKTOP): Promise<[BrowserContext, Page]> {
  const context = await open(browser, look);
  context.on('request', (request) => {
    const url = new URL(request.url());
    if (url.origin !== origin) asked.push(url.origin + url.pathname);
  });
  const page = await context.newPage();
  await page.goto(origin + path);
  return [context, page];
}

const eventually = <T>(ask: () => T) => expect.poll(ask, { timeout: PATIENCE });
const field = (page: Page, at = 0) => page.locator('vouch-code-field').nth(at);
const hint = (page: Page, at = 0) => field(page, at).locator('[part=hint]');
const says = (page: Page, text: string, at = 0) =>
  eventually(() => hint(page, at).textContent()).toBe(text);
const state = (page: Page) =>
  field(page).evaluate((it) => {
    const { value, validity, validationMessage } = it as HTMLInputElement;
    return { value, valid: validity.valid, message: validationMessage };
  });
const kept = (page: Page) =>
  page.evaluate((key) => localStorage.getItem(key), `vouch:touch:${scene.campaign}`);

it('a visitor of a link joins by keyboard alone, and the form carries the code', async () => {
  // Given a link to a page of somebody else
  const [context, page] = await visit(`/join?ref=${scene.code.toLowerCase()}&click_id=1`);

  // Then the field has its code, and says that it works
  await says(page, words.valid);
  expect(await state(page)).toEqual({ value: scene.code, valid: true, message: '' });
  await accessible(page, 'code field, filled');
  await picture(page, 'embed-field');

  // When the visitor goes on by keyboard alone, then the site gets the code
  await page.keyboard.press('Tab');
  await page.keyboard.type('mira@site.example');
  await page.keyboard.press('Tab');
  expect(await page.evaluate(() => document.activeElement?.localName)).toBe('vouch-code-field');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Thanks' }).waitFor();
  expect(sent.at(-1)!.toString()).toBe(`email=mira%40site.example&referral_code=${scene.code}`);

  // When the visitor comes back without the link, then the code is still there
  await page.goto(`${origin}/join`);
  await says(page, words.valid);
  expect((await state(page)).value).toBe(scene.code);

  // And a link with another code does not swap it silently
  await page.goto(`${origin}/join?ref=${scene.otherCode}`);
  await says(page, words.valid);
  expect((await state(page)).value).toBe(scene.code);
  await page.getByText(words.swapped(scene.code, scene.otherCode)).waitFor();
  await accessible(page, 'code field, another code');
  await page.getByRole('button', { name: words.use(scene.otherCode) }).press('Enter');
  await says(page, words.valid);
  expect((await state(page)).value).toBe(scene.otherCode);
  await page.goto(`${origin}/join`);
  await says(page, words.valid);
  expect((await state(page)).value).toBe(scene.otherCode);

  // And one that has never been is not kept, nor does it stop the form
  await page.evaluate(() => localStorage.clear());
  await page.goto(`${origin}/join?ref=NEVER234`);
  await says(page, words.reasons.not_found);
  expect(await state(page)).toEqual({ value: 'NEVER234', valid: true, message: '' });
  expect(await kept(page)).toBeNull();

  // And one that was good and is over is forgotten at the next visit
  const touch = JSON.stringify({ code: scene.usedCode, at: Date.now() - 1000, window: 86_400 });
  const key = `vouch:touch:${scene.campaign}`;
  await page.evaluate(([key, touch]) => localStorage.setItem(key!, touch!), [key, touch]);
  await page.goto(`${origin}/join`);
  await says(page, words.reasons.limit_reached);
  await eventually(() => kept(page)).toBeNull();
  await context.close();
});

it('typed codes are checked, and a bad one stops the form in words', async () => {
  const [context, page] = await visit('/join');
  const input = field(page).getByRole('textbox', { name: words.label });
  await says(page, words.hint);
  await accessible(page, 'code field, empty');

  // When codes are typed, then each is called what it is
  for (const [typed, text, stops] of [
    // That a code is not there may pass: the installation may not have read it yet
    ['NEVER234', words.reasons.not_found, false],
    [scene.usedCode, words.reasons.limit_reached, true],
    // A code of another campaign is none of this one
    [scene.endedCode, words.reasons.not_found, false],
    ['AB', words.form, true],
    ['ABCDEF0', words.reasons.bad_format, true],
  ] as const) {
    await input.fill('');
    await input.pressSequentially(typed.toLowerCase());
    await says(page, text);
    const { value, valid, message } = await state(page);
    expect([value, valid, message]).toEqual([
      typed,
      !stops,
      !stops ? '' : typed === 'AB' ? words.reasons.bad_format : await hint(page).textContent(),
    ]);
  }
  await accessible(page, 'code field, wrong');
  await picture(page, 'embed-field-wrong');

  // And the form is not sent
  const before = sent.length;
  await input.press('Enter');
  await eventually(() => input.getAttribute('aria-invalid')).toBe('true');
  await page.getByRole('button', { name: 'Join' }).click();
  expect([new URL(page.url()).pathname, sent.length]).toEqual(['/join', before]);

  // And half a code is not called wrong before the field is left
  await input.fill('AB');
  expect(await input.getAttribute('aria-invalid')).toBe('false');
  await input.press('Tab');
  await eventually(() => input.getAttribute('aria-invalid')).toBe('true');

  // When a good one is typed in lower case, or its link pasted, then it works
  for (const typed of [scene.code.toLowerCase(), ` ${api}/r/${scene.code}?src=mail `]) {
    await input.fill('');
    await input.fill(typed);
    await says(page, words.valid);
    expect(await state(page)).toEqual({ value: scene.code, valid: true, message: '' });
  }
  // And what was typed is kept nowhere
  expect(await kept(page)).toBeNull();

  // When the page refuses the key, or its button is disabled, then Enter sends nothing
  const sending = page.locator('#send');
  // The effects of a key are over before the next task but one
  const settled = () =>
    page.evaluate(() => new Promise<void>((resume) => setTimeout(() => setTimeout(resume))));
  const enter = async () => {
    await input.press('Enter');
    await settled();
  };
  await page.evaluate(() => {
    document.addEventListener('keydown', (event) => event.preventDefault(), { once: true });
    document.querySelector('form')!.addEventListener('submit', (event) => {
      event.preventDefault();
      const { submitter } = event;
      (window as unknown as { by: string[] }).by.push(submitter?.id ?? '');
    });
    (window as unknown as { by: string[] }).by = [];
  });
  const by = () => page.evaluate(() => (window as unknown as { by: string[] }).by);
  await enter();
  await sending.evaluate((it) => it.toggleAttribute('disabled', true));
  await enter();
  expect(await by()).toEqual([]);
  // And a key that is held down presses the button once
  await sending.evaluate((it) => it.toggleAttribute('disabled', false));
  await input.focus();
  await page.keyboard.down('Enter');
  await page.keyboard.down('Enter');
  await page.keyboard.up('Enter');
  await settled();
  expect(await by()).toEqual(['send']);

  // When a code is not there at first, then the field asks again without a key
  await page.goto(`${origin}/join`);
  let isThere = false;
  const headers = { 'access-control-allow-origin': '*' };
  await page.route('**/validate*', (route) =>
    isThere
      ? route.continue()
      : route.fulfill({ headers, json: { code: scene.code, valid: false, reason: 'not_found' } }),
  );
  await input.fill(scene.code);
  await says(page, words.reasons.not_found);
  expect((await state(page)).valid).toBe(true);
  isThere = true;
  await says(page, words.valid);
  await input.press('Enter');
  await page.getByRole('heading', { name: 'Thanks' }).waitFor();
  expect(sent.at(-1)!.get('referral_code')).toBe(scene.code);
  await context.close();
});

it('without a campaign, codes of any are checked, in the language of the page', async () => {
  const [context, page] = await visit('/any?lang=de', PHONE);
  // The page's own label names the field, and leads to it
  const input = page.getByRole('textbox', { name: 'Who sent you?' });
  await page.getByText('Who sent you?').click();
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('own');
  for (const [typed, text] of [
    [scene.endedCode, german.reasons.campaign_ended],
    [scene.pausedCode, german.reasons.campaign_paused],
    [scene.usedCode, german.reasons.limit_reached],
    [scene.code, german.valid],
  ] as const) {
    await input.fill(typed);
    await says(page, text);
  }
  await accessible(page, 'code fields, German, phone');

  // A code that a link has brought stops nothing, also after a visit to another page and back
  await page.goto(`${origin}/any?ref=${scene.endedCode}&lang=de`);
  await says(page, german.reasons.campaign_ended);
  await page.goto(`${origin}/any?lang=de`);
  await page.goBack();
  await says(page, german.reasons.campaign_ended);
  expect((await state(page)).valid).toBe(true);
  await page.reload();
  await says(page, german.reasons.campaign_ended);
  expect((await state(page)).valid).toBe(true);
  // While one that was typed does
  await input.fill(scene.endedCode);
  await says(page, german.reasons.campaign_ended);
  expect((await state(page)).valid).toBe(false);
  await page.goto(`${origin}/any?lang=de`);
  await input.fill(scene.code);
  await says(page, german.valid);

  // When the page changes its language, then the words follow
  await page.evaluate(() => (document.documentElement.lang = 'en'));
  await says(page, words.valid);

  // When the form begins anew, then a required code is asked for before anything is sent
  await page.getByRole('button', { name: 'Begin anew' }).click();
  expect(await state(page)).toEqual({ value: '', valid: false, message: words.required });
  const before = sent.length;
  await page.getByRole('button', { name: 'Join' }).click();
  await says(page, words.required);
  expect(sent.length).toBe(before);

  // And a disabled field is not sent, while one with a value is
  await input.fill(scene.code);
  await says(page, words.valid);
  await says(page, words.valid, 1);
  await page.evaluate(() => document.querySelector('fieldset')!.toggleAttribute('disabled'));
  expect(await field(page, 1).getByRole('textbox').isDisabled()).toBe(true);
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByRole('heading', { name: 'Thanks' }).waitFor();
  expect(sent.at(-1)!.toString()).toBe(`code=${scene.code}`);
  await context.close();
});

it('the newest answer counts, and an installation that is away stops nobody', async () => {
  // Given an installation that answers the first question last
  const [context, page] = await visit('/join');
  const input = field(page).getByRole('textbox');
  let answer = () => {};
  const isHeld = new Promise<void>((resume) => (answer = resume));
  let isAsked = () => {};
  const first = new Promise<void>((resume) => (isAsked = resume));
  await page.route('**/v1/codes/NEVER234/validate*', async (route) => {
    isAsked();
    await isHeld;
    await route.continue().catch(() => {});
  });
  await input.fill('NEVER234');
  await first;
  // While it does not answer, the visitor is told that nothing stops them
  await says(page, words.slow);
  expect((await state(page)).valid).toBe(true);
  // When another code is typed meanwhile, then its answer stays
  await input.fill(scene.code);
  await says(page, words.valid);
  answer();
  await page.unroute('**/v1/codes/NEVER234/validate*');
  await says(page, words.valid);

  // When the installation is away, refuses or talks nonsense, then the form can be sent all the same
  const headers = { 'access-control-allow-origin': '*' };
  expected.failures = true;
  for (const [code, fail] of [
    ['offline', { abort: true }],
    ['overloaded', { status: 503, json: { code: 'overloaded' } }],
    ['unexpected', { status: 200, body: '<p>Wi-Fi: please log in</p>' }],
    ['unexpected', { status: 200, json: { code: 'AAAAAA', valid: true, reason: null } }],
  ] as const) {
    await page.route('**/validate*', (route) =>
      'abort' in fail ? route.abort() : route.fulfill({ ...fail, headers }),
    );
    const told = field(page).evaluate(
      (it) =>
        new Promise((resume) =>
          it.addEventListener('vouch-check', (event) => {
            const { detail } = event as CustomEvent<{ state: string; error: string }>;
            if (detail.state === 'unknown') resume(detail.error);
          }),
        ),
    );
    await input.fill('');
    await input.fill(scene.otherCode);
    await says(page, words.unknown);
    expect(await told).toBe(code);
    expect((await state(page)).valid).toBe(true);
    await page.unroute('**/validate*');
  }
  await accessible(page, 'code field, unknown');
  // And when it is back, then the code is checked without a word of the visitor
  await page.evaluate(() => dispatchEvent(new Event('online')));
  await says(page, words.valid);
  expected.failures = false;
  await context.close();
});

it('a panel shows what is on chain, and moves when somebody signs', async () => {
  const [context, page] = await visit('/panel');
  const panel = page.locator('vouch-panel');
  const number = (name: string) => panel.locator(`[part="number ${name}"]`).innerText();
  await panel.getByRole('heading', { name: `${words.panel.title}: Aurora` }).waitFor();
  // A fifth of five tokens is for the friend
  const terms = panel.locator('[part=terms] dd');
  expect(await terms.allInnerTexts()).toEqual(['4\u00a0VCH', '1\u00a0VCH']);
  expect([await number('conversions'), await number('paid')]).toEqual(['0', '0\u00a0VCH']);
  // And says whose word the token's name is
  await panel.getByText(`VCH: ${words.panel.chosen}`).waitFor();
  await accessible(page, 'panel');
  await picture(page, 'embed-panel');

  // The link can be copied by keyboard, and the others open pages of the installation
  const link = panel.getByRole('textbox', { name: words.panel.link });
  expect(await link.inputValue()).toBe(`${api}/r/${scene.code}`);
  await panel.getByRole('button', { name: words.panel.copy }).press('Enter');
  await panel.getByText(words.panel.copied, { exact: true }).waitFor();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(`${api}/r/${scene.code}`);
  const links = await panel
    .locator('a')
    .evaluateAll((all) =>
      all.map((it) => ['href', 'target', 'rel'].map((name) => it.getAttribute(name))),
    );
  expect(links).toEqual([
    [`${api}/me`, '_blank', 'noopener'],
    [`${api}/c/${scene.campaign}?ref=${scene.code}`, '_blank', 'noopener'],
  ]);

  // And nothing of the site's style gets in, except what the properties let in
  const styles = (part: string) =>
    panel.locator(part).evaluate((it) => {
      const { backgroundColor, borderTopWidth, letterSpacing, color } = getComputedStyle(it);
      return [backgroundColor, borderTopWidth, letterSpacing, color];
    });
  const [white, clear] = ['rgb(255, 255, 255)', 'rgba(0, 0, 0, 0)'];
  expect(await styles('[part~=copy]')).toEqual(['rgb(0, 80, 0)', '1px', 'normal', white]);
  const own = [clear, '0px', 'normal', 'rgb(29, 36, 51)'];
  expect(await styles('[part=heading]')).toEqual(own);
  expect(await styles('[part="number conversions"]')).toEqual(own);

  // When Bob follows the link and signs, then the panel, which was not reloaded, has moved
  const bobs = await open(browser, DESKTOP);
  await giveWallet(bobs, [scene.bob]);
  const landing = await bobs.newPage();
  await landing.goto(await link.inputValue());
  await landing.getByRole('button', { name: en.landing.look }).click();
  await landing.getByRole('button', { name: 'Test Wallet' }).click();
  await landing.getByRole('button', { name: en.landing.sign }).click();
  await landing.getByRole('heading', { name: en.landing.doneTitle }).waitFor();
  await bobs.close();
  await eventually(() => number('conversions')).toBe('1');
  await eventually(() => number('paid')).toBe('4\u00a0VCH');
  await context.close();
});

it('panels of a campaign, of an ended one and of none say what they are', async () => {
  const [context, page] = await visit('/panels', PHONE);
  const [campaign, over, none] = [0, 1, 2].map((at) => page.locator('vouch-panel').nth(at));
  await campaign!.getByText(words.panel.noLimit).waitFor();
  await campaign!.getByRole('link', { name: words.panel.getLink }).waitFor();
  expect(await campaign!.locator('input').isVisible()).toBe(false);
  await over!.getByRole('heading', { name: 'Over', exact: true }).waitFor();
  await over!.getByText(words.reasons.campaign_ended).waitFor();
  await none!.getByText(words.panel.missing).waitFor();
  await accessible(page, 'panels, phone');
  await picture(page, 'embed-panels-phone', true);
  await context.close();
});

it('the installation shows both, with lines that work as they stand', async () => {
  const context = await open(browser, DESKTOP);
  const page = await context.newPage();
  // From the third door of the home page
  await page.goto(`${api}/`);
  await page.getByRole('link', { name: en.home.buildLink }).click();
  await page.getByRole('heading', { name: page_.title, level: 1 }).waitFor();
  // Without a campaign there is nothing to copy
  await page.getByText(page_.chooseFirst).waitFor();
  expect(await page.getByRole('button', { name: page_.copy }).count()).toBe(0);
  await page.getByLabel(page_.campaign).selectOption(scene.campaign);
  await page.locator('#embed-code').fill(scene.code);
  await page.locator('vouch-panel').getByRole('heading').waitFor();
  await says(page, words.valid);
  await page.getByLabel(page_.email).fill('a@b.example');
  await page.getByRole('button', { name: page_.signUp }).click();
  await page.getByText(`email=a@b.example&referral_code=${scene.code}`).waitFor();
  await accessible(page, 'page of the elements');
  await picture(page, 'embed', true);
  await page.getByRole('button', { name: page_.copy }).click();
  const lines = await page.evaluate(() => navigator.clipboard.readText());
  await page.getByRole('button', { name: page_.copyPinned }).click();
  const pinned = await page.evaluate(() => navigator.clipboard.readText());
  const policy = await page.locator('pre[aria-labelledby=policy]').innerText();
  expect(policy).toBe(`script-src ${api}/embed/; connect-src ${api}`);
  await context.close();

  // When a page of the site has exactly what was copied, then it works
  const [, ...elements] = lines.split('\n');
  PAGES['/copied'] = `<h1 class="own">Copied</h1><div class="own">${elements.join('\n')}</div>`;
  expect(lines).toContain(script);
  script = pinned;
  const [foreign, copied] = await visit(`/copied?ref=${scene.code}`);
  await says(copied, words.valid);
  await copied.locator('vouch-panel [part="number conversions"]').waitFor();
  await foreign.close();
});

it('the script is served for every site, and told when it is the same', async () => {
  const headers = { origin: 'https://site.example' };
  const stable = await fetch(`${api}/embed/v1.js`, { headers });
  expect((await stable.arrayBuffer()).byteLength).toBeGreaterThan(1000);
  const header = (answer: Response, name: string) => answer.headers.get(name);
  expect(header(stable, 'access-control-allow-origin')).toBe('*');
  expect(header(stable, 'access-control-allow-credentials')).toBeNull();
  expect(header(stable, 'content-type')).toBe('text/javascript; charset=utf-8');
  expect(header(stable, 'cache-control')).toMatch(/^public, max-age=300,/);
  const tag = header(stable, 'etag')!;
  const again = await fetch(`${api}/embed/v1.js`, {
    headers: { ...headers, 'if-none-match': tag },
  });
  expect([again.status, (await again.arrayBuffer()).byteLength]).toEqual([304, 0]);

  // And what names the pinned one is never old
  expect(header(await fetch(`${api}/embed/v1.json`), 'cache-control')).toBe('no-cache');
  // And the pinned one has the bytes of its hash, for ever
  const facts = (await (await fetch(`${api}/embed/v1.json`)).json()) as Record<string, string>;
  const pinned = await fetch(api + facts['pinned']!);
  const kept = Buffer.from(await pinned.arrayBuffer());
  expect(header(pinned, 'cache-control')).toBe('public, max-age=31536000, immutable');
  const hash = createHash('sha384').update(kept).digest('base64');
  expect(facts['integrity']).toBe(`sha384-${hash}`);

  // And nothing else is there, under any name
  for (const name of ['nothing.js', 'v1.js.br', '..%2Findex.html', '%2e%2e%2findex.html']) {
    const refused = await fetch(`${api}/embed/${name}`);
    expect([name, refused.status]).toEqual([name, 404]);
    expect(((await refused.json()) as { code: string }).code).toBe('route_not_found');
  }
});

it('pages of other sites ask for public reads alone', () => {
  const at = (path: string) => `${api}/${path}`;
  const isRead = (url: string) =>
    /^\/(embed\/v1(-[0-9a-f]+)?\.js|v1\/(codes\/\w+(\/(validate|stats|live))?|campaigns\/\w+(\/live)?|leaderboard))$/.test(
      url.slice(api.length),
    );
  expect(asked.filter((url) => !url.startsWith(at('')) || !isRead(url))).toEqual([]);
  expect(asked).toContain(at('embed/v1.js'));
});

it('every state of the elements is accessible', () => {
  expect(barriers).toEqual([]);
  expect(checked.length).toBeGreaterThan(8);
});

it('nothing violated a policy, failed in a page or went to a third party', () => {
  expect(faults).toEqual([]);
});
