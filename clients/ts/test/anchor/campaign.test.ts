/**
 * The life of a campaign, on the validator that `anchor test` has started: the Anchor CLI names
 * its RPC in ANCHOR_PROVIDER_URL, and a wallet with SOL in ANCHOR_WALLET. Anchor.toml's script
 * runs this; so does `./dev test`.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';

import {
  createKeyPairSignerFromBytes,
  generateKeyPairSigner,
  type Address,
  type KeyPairSigner,
} from '@solana/kit';
import { getCreateAccountInstruction, getTransferSolInstruction } from '@solana-program/system';
import {
  fetchToken,
  getInitializeMint2Instruction,
  getMintSize,
  TOKEN_PROGRAM_ADDRESS,
} from '@solana-program/token';

import {
  Funding,
  NO_ADDRESS,
  NO_REFERENCE,
  Proof,
  Status,
  Uniqueness,
  claimInstruction,
  convertInstruction,
  createReferralInstruction,
  createRewardAccountInstruction,
  fetchCampaign,
  fetchConversion,
  fetchOffer,
  findCampaignPda,
  findConversionAddress,
  fixedReward,
  getCloseCampaignInstruction,
  getCreateCampaignInstructionAsync,
  getSetPausedInstruction,
  parseCode,
  type Code,
} from '../../src/index.js';
import { commitment, connect } from '../chain.js';

const url = process.env['ANCHOR_PROVIDER_URL'];
const walletFile = process.env['ANCHOR_WALLET'];
assert.ok(url && walletFile, 'ANCHOR_PROVIDER_URL and ANCHOR_WALLET are not set: use anchor test');

/** The WebSocket of a validator has the port after that of its RPC. */
function webSocketOf(rpcUrl: string): string {
  const ws = new URL(rpcUrl);
  ws.protocol = ws.protocol === 'https:' ? 'wss:' : 'ws:';
  if (ws.port !== '') ws.port = String(Number(ws.port) + 1);
  return ws.href;
}

/** Base units for each conversion. */
const REWARD = 5_000_000n;
/** Seconds that a reward is held. */
const HOLD = 2;
/** Milliseconds between two polls of the cluster's clock. */
const POLL = 100;
/** Milliseconds that the cluster's clock may need to pass the hold, on a busy machine. */
const PATIENCE = 30_000;
const CODE = parseCode('MYSHARE2') as Code;

const { rpc, send, refuses } = connect(url, webSocketOf(url), () => company);

let company: KeyPairSigner;
let alice: KeyPairSigner;
let bob: KeyPairSigner;
let carol: KeyPairSigner;
let campaign: Address;

before(async () => {
  const secret = JSON.parse(readFileSync(walletFile, 'utf8')) as number[];
  company = await createKeyPairSignerFromBytes(new Uint8Array(secret));
  [alice, bob, carol] = await Promise.all([
    generateKeyPairSigner(),
    generateKeyPairSigner(),
    generateKeyPairSigner(),
  ]);
});

const offer = () => fetchOffer(rpc, campaign, CODE, { commitment });

/** The conversion of `referee`, sponsored by the company. */
const conversionBy = async (referee: KeyPairSigner) =>
  await convertInstruction({ ...(await offer()), payer: company, referee });

async function conversionOf(referee: KeyPairSigner) {
  const address = await findConversionAddress(await offer(), referee.address, NO_REFERENCE);
  return await fetchConversion(rpc, address, { commitment });
}

async function claimOf(referee: KeyPairSigner) {
  return await claimInstruction({ ...(await offer()), conversion: await conversionOf(referee) });
}

/** Waits until the cluster's clock has passed the hold of the conversion. */
async function holdIsOver(referee: KeyPairSigner) {
  const { data } = await conversionOf(referee);
  const over = data.convertedAt + BigInt(data.holdSeconds);
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const { now } = await offer();
    if (now >= over) return;
    assert.ok(Date.now() < deadline, `the cluster's clock stays at ${now}, before ${over}`);
    await setTimeout(POLL);
  }
}

/** Base units in Alice's reward account. */
async function alicesTokens(): Promise<bigint> {
  const { referral } = await offer();
  const { data } = await fetchToken(rpc, referral.data.rewardAccount, { commitment });
  return data.amount;
}

describe('a campaign', { concurrency: false }, () => {
  test('is opened, and mints its rewards', async () => {
    // Given a token whose mint authority is the future campaign
    const mint = await generateKeyPairSigner();
    // An id that the wallet has not used on this chain.
    const id = BigInt(Date.now());
    [campaign] = await findCampaignPda({ authority: company.address, id });
    const space = BigInt(getMintSize());
    const createMint = [
      getCreateAccountInstruction({
        payer: company,
        newAccount: mint,
        lamports: await rpc.getMinimumBalanceForRentExemption(space).send(),
        space,
        programAddress: TOKEN_PROGRAM_ADDRESS,
      }),
      getInitializeMint2Instruction({ mint: mint.address, decimals: 6, mintAuthority: campaign }),
    ];

    // When the company opens it
    const open = await getCreateCampaignInstructionAsync({
      payer: company,
      authority: company,
      mint: mint.address,
      paymentMint: NO_ADDRESS,
      tokenProgram: TOKEN_PROGRAM_ADDRESS,
      id,
      terms: {
        funding: Funding.MintAuthority,
        proof: Proof.Open,
        uniqueness: Uniqueness.Wallet,
        perOwner: false,
        noticeSeconds: 0,
      },
      settings: fixedReward(REWARD, { holdSeconds: HOLD }),
    });
    await send(...createMint, open);

    // Then its terms are on the chain
    const { data } = await fetchCampaign(rpc, campaign, { commitment });
    assert.equal(data.authority, company.address);
    assert.equal(data.mint, mint.address);
    assert.equal(data.settings.rewardFixed, REWARD);
    assert.deepEqual([data.paused, data.closed], [false, false]);
  });

  test('gives Alice a code, who pays for the account of her rewards', async () => {
    const { data } = await fetchCampaign(rpc, campaign, { commitment });
    await send(
      getTransferSolInstruction({
        source: company,
        destination: alice.address,
        amount: 10_000_000n,
      }),
      await createReferralInstruction({ payer: company, owner: alice, campaign, code: CODE }),
      await createRewardAccountInstruction(alice, alice.address, data),
    );
    const { referral } = await offer();
    assert.equal(referral.data.owner, alice.address);
    assert.equal(referral.data.code, CODE);
  });

  test('refuses Alice’s own conversion', async () => {
    await refuses('SelfReferral', await conversionBy(alice));
  });

  test('holds the reward for Bob’s conversion', async () => {
    // When Bob converts
    await send(await conversionBy(bob));

    // Then it is pending, and Alice has nothing yet
    const { data } = await conversionOf(bob);
    assert.equal(data.status, Status.Pending);
    assert.equal(data.rewardReferrer, REWARD);
    assert.equal(data.holdSeconds, HOLD);
    assert.equal(await alicesTokens(), 0n);
    const { referral } = await offer();
    assert.deepEqual([referral.data.conversions, referral.data.rewardsPending], [1n, REWARD]);
  });

  test('refuses Bob a second time', async () => {
    await refuses('AlreadyConverted', await conversionBy(bob));
  });

  test('refuses to pay while the reward is held', async () => {
    // Given Carol's conversion and its claim in one transaction, so that no time passes between
    const held = await conversionOf(bob);
    const address = await findConversionAddress(await offer(), carol.address, NO_REFERENCE);
    const conversion = { address, data: { ...held.data, referee: carol.address } };
    const claim = await claimInstruction({ ...(await offer()), conversion });

    await refuses('StillHeld', await conversionBy(carol), claim);
  });

  test('pays Alice when the hold is over, once', async () => {
    await holdIsOver(bob);
    const claim = await claimOf(bob);
    await send(claim);
    assert.equal((await conversionOf(bob)).data.status, Status.Paid);
    assert.equal(await alicesTokens(), REWARD);
    // A later blockhash makes it a different transaction.
    await refuses('NotPending', claim);
    assert.equal(await alicesTokens(), REWARD);
  });

  test('refuses Carol while it is paused, and takes her afterwards', async () => {
    const pause = (paused: boolean) =>
      getSetPausedInstruction({ authority: company, campaign, paused });
    await send(pause(true));
    await refuses('CampaignPaused', await conversionBy(carol));
    await send(pause(false));
    await send(await conversionBy(carol));
    assert.equal((await conversionOf(carol)).data.status, Status.Pending);
  });

  test('refuses everybody once it is closed, and still pays what was earned', async () => {
    // When the company closes it
    await send(getCloseCampaignInstruction({ authority: company, campaign }));

    // Then nobody can convert any more
    await refuses('CampaignClosed', await conversionBy(await generateKeyPairSigner()));

    // And Carol's conversion is paid like Bob's
    await holdIsOver(carol);
    await send(await claimOf(carol));
    assert.equal(await alicesTokens(), 2n * REWARD);
    const { referral } = await offer();
    assert.equal(referral.data.rewardsTotal, 2n * REWARD);
    assert.deepEqual([referral.data.rewardsPending, referral.data.openConversions], [0n, 0n]);
  });
});
