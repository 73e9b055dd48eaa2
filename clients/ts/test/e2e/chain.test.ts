/**
 * Conversions that this client sends to a real validator. `tests/product/tests/typescript.rs`
 * starts the validator, opens the campaigns, runs this test and then checks the chain itself.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';

import { createKeyPairSignerFromBytes, type Address, type KeyPairSigner } from '@solana/kit';

import {
  Action,
  Status,
  claimInstruction,
  convertInstruction,
  createRewardAccountInstruction,
  fetchConversion,
  fetchOffer,
  findConversionAddress,
  parseCode,
  purchaseInstruction,
  revokeVoucherInstruction,
  signVoucher,
  voucherDigest,
  voucherInstruction,
  voucherMessage,
  NO_REFERENCE,
  type Offer,
  type Statement,
} from '../../src/index.js';
import { commitment, connect } from '../chain.js';

const sceneFile = process.env['VOUCH_SCENE'];
assert.ok(sceneFile, 'VOUCH_SCENE is not set: cargo test -p vouch-product-tests --test typescript');
const scene = JSON.parse(readFileSync(sceneFile, 'utf8')) as {
  rpcUrl: string;
  wsUrl: string;
  code: string;
  /** Secret keys in the format of the Solana CLI. */
  payer: number[];
  referee: number[];
  attestor: number[];
  /** Campaigns. */
  open: Address;
  attested: Address;
  sale: Address;
  order: number[];
  amount: string;
};

const { rpc, send, refuses } = connect(scene.rpcUrl, scene.wsUrl, () => payer);
const reference = new Uint8Array(scene.order);
const amount = BigInt(scene.amount);

let payer: KeyPairSigner;
let referee: KeyPairSigner;
let attestor: KeyPairSigner;

before(async () => {
  const signer = (bytes: number[]) => createKeyPairSignerFromBytes(new Uint8Array(bytes));
  [payer, referee, attestor] = await Promise.all([
    signer(scene.payer),
    signer(scene.referee),
    signer(scene.attestor),
  ]);
});

async function offer(campaign: Address) {
  const code = parseCode(scene.code);
  assert.ok(code);
  return await fetchOffer(rpc, campaign, code, { commitment });
}

const conversionOf = async (of: Offer, reference: Uint8Array) =>
  await fetchConversion(rpc, await findConversionAddress(of, referee.address, reference), {
    commitment,
  });

/** The attestor's statement that the referee booked, with this reference. */
function booking(attested: Offer, reference: Uint8Array): Statement {
  return {
    campaign: attested.campaign.address,
    campaignCreatedAt: attested.campaign.data.createdAt,
    referral: attested.referral.address,
    referee: referee.address,
    action: Action.Booking,
    amount,
    reference,
    issuedAt: attested.now,
    expiresAt: attested.now + 3_600n,
  };
}

/** The instructions that convert with the voucher of `statement`. */
async function withVoucher(attested: Offer, statement: Statement) {
  const { action, reference } = statement;
  const message = voucherMessage(statement);
  const signature = await signVoucher(attestor.keyPair.privateKey, statement);
  return [
    voucherInstruction(attestor.address, signature, message),
    await convertInstruction({
      ...attested,
      payer,
      referee,
      action,
      amount,
      ...(reference && { reference }),
      evidence: { voucher: message },
    }),
  ];
}

describe('on a validator', { concurrency: false }, () => {
  test('a wallet signs up, and the referrer is paid', async () => {
    // Given an open campaign, whose referrer has a token account
    const open = await offer(scene.open);
    const { owner } = open.referral.data;
    await send(await createRewardAccountInstruction(payer, owner, open.campaign.data));

    // When the wallet converts
    await send(await convertInstruction({ ...open, payer, referee }));

    // Then it is recorded as paid
    const { data } = await conversionOf(open, new Uint8Array(NO_REFERENCE));
    assert.equal(data.status, Status.Paid);
    assert.equal(data.referee, referee.address);
    assert.equal(data.rewardReferrer, open.settings.rewardFixed);
  });

  test('the same wallet is refused a second time, by name', async () => {
    const again = await convertInstruction({ ...(await offer(scene.open)), payer, referee });
    await refuses('AlreadyConverted', again);
  });

  test('a voucher proves an order, and what waits is claimed', async () => {
    // Given an attested campaign, the attestor's voucher, and a token account for the referee
    // only
    const attested = await offer(scene.attested);
    const statement = booking(attested, reference);

    // When the wallet converts with it
    await send(
      await createRewardAccountInstruction(payer, referee.address, attested.campaign.data),
      ...(await withVoucher(attested, statement)),
    );

    // Then the referrer's part is owed, because its token account does not exist
    const pending = await conversionOf(attested, reference);
    assert.equal(pending.data.status, Status.Pending);

    // And it is paid once the account exists, by a claim of any sender
    const { owner } = attested.referral.data;
    await send(
      await createRewardAccountInstruction(payer, owner, attested.campaign.data),
      await claimInstruction({ ...attested, conversion: pending }),
    );
    const paid = await conversionOf(attested, reference);
    assert.equal(paid.data.status, Status.Paid);
  });

  test('a voucher that the attestor has revoked proves nothing', async () => {
    // Given another order's voucher, and its revocation
    const attested = await offer(scene.attested);
    const statement = booking(attested, new Uint8Array(32).fill(8));
    const revoke = await revokeVoucherInstruction({
      payer,
      attestor,
      campaign: statement.campaign,
      digest: await voucherDigest(voucherMessage(statement)),
      expiresAt: statement.expiresAt,
    });
    await send(revoke);

    // When the wallet converts with it, then it is refused
    await refuses('VoucherRevoked', ...(await withVoucher(attested, statement)));
  });

  test('a wallet buys, and the payment is split', async () => {
    // Given a campaign that splits payments in SOL, and the price after the wallet's part
    const sale = await offer(scene.sale);
    const share = (whole: bigint, bps: number) => (whole * BigInt(bps)) / 10_000n;
    const reward = share(amount, sale.settings.rewardBps);
    const discount = share(reward, sale.settings.refereeShareBps);
    const price = amount - discount;
    const order = { ...sale, payer, buyer: referee, amount, reference };

    // When the wallet agrees to a lower price, then it does not pay
    const tooMuch = await purchaseInstruction({ ...order, maxPayment: price - 1n });
    await refuses('PaymentAboveMaximum', tooMuch);

    // When it agrees to the price
    await send(await purchaseInstruction({ ...order, maxPayment: price }));

    // Then the purchase is recorded as paid, with the discount as the wallet's part
    const { data } = await conversionOf(sale, reference);
    assert.equal(data.status, Status.Paid);
    assert.equal(data.rewardReferee, discount);
    assert.equal(data.rewardReferrer, reward - discount);
  });
});
