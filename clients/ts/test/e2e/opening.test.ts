/**
 * Opens a campaign with a token and a vault of its own, registers a code, converts by it, and claims
 * the reward: a complete example, sent to a real validator by `tests/product/tests/typescript.rs`.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import {
  createKeyPairSignerFromBytes,
  fetchEncodedAccount,
  generateKeyPairSigner,
  type KeyPairSigner,
} from '@solana/kit';

import {
  DECIMALS,
  Funding,
  MINT_SIZE,
  NO_REFERENCE,
  NOTICE_SECONDS,
  Status,
  claimInstruction,
  convertInstruction,
  createReferralInstruction,
  createRewardAccountInstruction,
  fetchCampaign,
  fetchConversion,
  fetchOffer,
  findConversionAddress,
  findRewardAddress,
  fixedReward,
  openCampaign,
  parseCode,
  usualTerms,
} from '../../src/index.js';
import { commitment, connect } from '../chain.js';

const sceneFile = process.env['VOUCH_SCENE'];
assert.ok(sceneFile, 'VOUCH_SCENE is not set: cargo test -p vouch-product-tests --test typescript');
const scene = JSON.parse(readFileSync(sceneFile, 'utf8')) as {
  rpcUrl: string;
  wsUrl: string;
  payer: number[];
};

let company: KeyPairSigner;
const { rpc, send } = connect(scene.rpcUrl, scene.wsUrl, () => company);

test('a company opens a campaign, and its first reward is claimed', async () => {
  company = await createKeyPairSignerFromBytes(new Uint8Array(scene.payer));
  const [alice, bob] = [await generateKeyPairSigner(), await generateKeyPairSigner()];

  // 1. The campaign: 5 tokens for each conversion, a fifth of them for the referred wallet, held for
  // a second. Everything else is as usual.
  const rent = await rpc.getMinimumBalanceForRentExemption(MINT_SIZE).send();
  const { campaign, instructions } = await openCampaign({
    payer: company,
    authority: company,
    id: 77n,
    terms: usualTerms(Funding.Vault),
    settings: fixedReward(5_000_000n, { refereeShareBps: 2_000, holdSeconds: 1 }),
    rewards: { kind: 'new', decimals: DECIMALS, rent },
    funds: 1_000_000_000n,
  });
  await send(...instructions);
  const { data } = await fetchCampaign(rpc, campaign, { commitment });
  assert.equal(data.noticeSeconds, NOTICE_SECONDS);
  assert.equal(data.mintDecimals, DECIMALS);

  // 2. A code. The company pays for it here; usually its owner does.
  const code = parseCode('MYSHARE2');
  assert.ok(code);
  await send(await createReferralInstruction({ payer: company, owner: alice, campaign, code }));

  // 3. A conversion, which the referred wallet signs.
  const offer = await fetchOffer(rpc, campaign, code, { commitment });
  await send(await convertInstruction({ ...offer, payer: company, referee: bob }));

  // 4. The claim. It needs the token accounts of both, so it makes them first.
  const address = await findConversionAddress(offer, bob.address, NO_REFERENCE);
  const conversion = await fetchConversion(rpc, address, { commitment });
  const from = conversion.data.convertedAt + BigInt(conversion.data.holdSeconds);
  for (;;) {
    const slot = await rpc.getSlot({ commitment }).send();
    const now = await rpc.getBlockTime(slot).send();
    if (now > from) break;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  await send(
    await createRewardAccountInstruction(company, alice.address, data),
    await createRewardAccountInstruction(company, bob.address, data),
    await claimInstruction({ ...offer, conversion }),
  );
  assert.equal((await fetchConversion(rpc, address, { commitment })).data.status, Status.Paid);
  for (const [owner, units] of [
    [alice, 4_000_000n],
    [bob, 1_000_000n],
  ] as const) {
    const account = await findRewardAddress(owner.address, data);
    const found = await fetchEncodedAccount(rpc, account, { commitment });
    assert.ok(found.exists);
    // The balance follows mint and owner.
    assert.equal(new DataView(found.data.slice(64, 72).buffer).getBigUint64(0, true), units);
  }
});
