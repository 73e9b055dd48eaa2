/**
 * A wallet that uses the published client of Solana Actions against the running service.
 * `tests/product/tests/actions.rs` starts everything, runs this, and then looks at the mirror. The
 * answers are written to a file that the compiler then compares with the specification's types.
 */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { before, test } from 'node:test';

import {
  ACTIONS_CORS_HEADERS,
  BLOCKCHAIN_IDS,
  encodeURL,
  fetchTransaction,
  parseURL,
} from '@solana/actions';
import { Connection, Keypair, sendAndConfirmTransaction } from '@solana/web3.js';

const { api, publicUrl, rpcUrl, code, campaign, bob, carol, alice, answers } = JSON.parse(
  readFileSync(process.env.VOUCH_SCENE, 'utf8'),
);

/** The service's answers, with the specification's types. */
const typed = [];
const is = (type, value) => typed.push(`(${JSON.stringify(value, null, 2)}) satisfies ${type};`);

/** A URL of the service, where it listens. */
const here = (url) => String(url).replace(publicUrl, api);
const post = async (path, body) => {
  const answer = await fetch(new URL(path, api), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: await answer.json() };
};

/** The Action of a link of this domain, by the rules of its `actions.json`. */
async function resolve(link) {
  const rules = await (await fetch(new URL('/actions.json', api))).json();
  is('ActionsJson', rules);
  const { pathname, search } = new URL(link);
  for (const { pathPattern, apiPath } of rules.rules) {
    const prefix = pathPattern.replace(/\*+$/, '');
    if (pathname.startsWith(prefix)) {
      return new URL(apiPath.replace(/\*+$/, pathname.slice(prefix.length)) + search, api);
    }
  }
  throw new Error(`no rule for ${link}`);
}

let connection;

before(() => {
  connection = new Connection(rpcUrl, 'confirmed');
  // The client calls a method that nodes no longer have. This one replaced it.
  connection.getRecentBlockhash = (commitment) => connection.getLatestBlockhash(commitment);
});

test('the links of a code are those that the client makes and reads', async () => {
  const shown = await (await fetch(new URL(`/v1/codes/${code}?campaign=${campaign}`, api))).json();
  const action = new URL(`${publicUrl}/v1/actions/codes/${code}`);
  const pay = new URL(`${publicUrl}/v1/actions/codes/${code}?src=pay`);
  assert.equal(shown.action_url, encodeURL({ link: action }).toString());
  assert.equal(shown.solana_pay_url, encodeURL({ link: pay }, 'solana:').toString());
  assert.equal(parseURL(shown.action_url).link.toString(), action.toString());
  assert.equal(parseURL(shown.solana_pay_url).link.toString(), pay.toString());
});

test('the headers are those of the published client', async () => {
  const list = (text) => text.toLowerCase().split(',').map((one) => one.trim());
  const options = await fetch(new URL(`/v1/actions/codes/${code}`, api), {
    method: 'OPTIONS',
    headers: { origin: 'https://dial.to', 'access-control-request-method': 'POST' },
  });
  const shown = await fetch(new URL(`/v1/actions/codes/${code}`, api));
  for (const [name, wanted] of Object.entries(ACTIONS_CORS_HEADERS)) {
    const answer = /Allow-(Methods|Headers)/.test(name) ? options : shown;
    const given = list(answer.headers.get(name));
    for (const one of list(wanted)) {
      assert.ok(given.includes(one), `${name}: ${one} is not among ${given}`);
    }
  }
  // The chain is a local one: its reference is the beginning of the hash of its first block.
  const genesis = await connection.getGenesisHash();
  assert.equal(shown.headers.get('x-blockchain-ids'), `solana:${genesis.slice(0, 32)}`);
  assert.equal(BLOCKCHAIN_IDS.mainnet.length, 'solana:'.length + 32);
});

test('a share link is shown, signed, sent and confirmed', async () => {
  const wallet = Keypair.fromSecretKey(Uint8Array.from(bob));
  const link = await resolve(`${publicUrl}/r/${code}?src=social`);
  const action = await (await fetch(link)).json();
  is('ActionGetResponse', action);
  assert.equal(action.type, 'action');
  assert.equal(action.disabled, undefined);
  const icon = await fetch(here(action.icon));
  assert.equal(icon.status, 200);
  assert.equal(icon.headers.get('content-type'), 'image/png');

  // The client takes the transaction, and refuses one that others have to sign.
  const account = wallet.publicKey.toBase58();
  const built = await fetchTransaction(connection, link, { account }, { commitment: 'confirmed' });
  const { transaction, ...rest } = built;
  is('Omit<TransactionResponse, "transaction">', rest);
  assert.equal(built.type, 'transaction');
  assert.equal(transaction.feePayer.toBase58(), account);
  const signature = await sendAndConfirmTransaction(connection, transaction, [wallet]);

  // The chain of Actions ends when the mirror has the conversion.
  const { next } = built.links;
  assert.equal(next.type, 'post');
  let answer = await post(next.href, { account, signature });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  let shown = answer.body;
  is('NextAction', shown);
  const deadline = Date.now() + 120_000;
  while (shown.type !== 'completed') {
    assert.ok(Date.now() < deadline, JSON.stringify(shown));
    const [button] = shown.links.actions;
    assert.equal(button.type, 'post');
    answer = await post(button.href, { type: 'post', account, signature });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    shown = answer.body.links.next.action;
    await new Promise((done) => setTimeout(done, 100));
  }
  is('CompletedAction', shown);
  // The button's own answer
  const [, path] = next.href.match(/^([^?]*)/);
  const again = await post(`${path}/check?campaign=${campaign}`, { type: 'post', account, signature });
  is('PostResponse', again.body);

  // A second one is refused in words.
  const twice = await post(link, { account });
  assert.equal(twice.status, 409);
  assert.equal(twice.body.code, 'already_converted');
  is('ActionError', { message: twice.body.message });
});

test('a wallet of Solana Pay gets its transaction by the same path', async () => {
  const wallet = Keypair.fromSecretKey(Uint8Array.from(carol));
  const shown = await (await fetch(new URL(`/v1/codes/${code}`, api))).json();
  const { link } = parseURL(shown.solana_pay_url);
  const request = await (await fetch(here(link))).json();
  assert.equal(typeof request.label, 'string');
  assert.match(request.icon, /^https:/);
  const account = wallet.publicKey.toBase58();
  const { transaction, message } = await fetchTransaction(connection, here(link), { account });
  assert.equal(typeof message, 'string');
  await sendAndConfirmTransaction(connection, transaction, [wallet]);
});

test('who owns the code is refused in words', async () => {
  const link = `/v1/actions/codes/${code}`;
  const refused = await post(link, { account: alice });
  assert.equal(refused.status, 422);
  assert.equal(refused.body.code, 'self_referral');
  assert.equal(refused.body.message, refused.body.detail);
  is('ActionError', { message: refused.body.message });
});

test('the answers are written down for the compiler', () => {
  const names = [
    'ActionError',
    'ActionGetResponse',
    'ActionsJson',
    'CompletedAction',
    'NextAction',
    'PostResponse',
    'TransactionResponse',
  ];
  for (const name of names) {
    assert.ok(typed.some((line) => line.includes(`satisfies ${name}`) || line.includes(`<${name}`)));
  }
  const imports = `import type { ${names.join(', ')} } from '@solana/actions-spec';`;
  writeFileSync(answers, `${imports}\n${typed.join('\n')}\n`);
});
