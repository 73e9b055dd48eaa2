/**
 * Conversions that this client sends to a real validator. `tests/product/tests/typescript.rs`
 * starts it, opens the campaigns, runs this and then looks at the chain itself.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';

import {
  appendTransactionMessageInstructions,
  assertIsTransactionWithBlockhashLifetime,
  createKeyPairSignerFromBytes,
  createSolanaRpc,
  createSolanaRpcSubscriptions,
  createTransactionMessage,
  pipe,
  sendAndConfirmTransactionFactory,
  setTransactionMessageFeePayerSigner,
  setTransactionMessageLifetimeUsingBlockhash,
  signTransactionMessageWithSigners,
  type Address,
  type Instruction,
  type KeyPairSigner,
} from '@solana/kit';

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
  refusal,
  signVoucher,
  voucherInstruction,
  voucherMessage,
  NO_REFERENCE,
  type Statement,
} from '../../src/index.js';

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

const rpc = createSolanaRpc(scene.rpcUrl);
const rpcSubscriptions = createSolanaRpcSubscriptions(scene.wsUrl);
const sendAndConfirm = sendAndConfirmTransactionFactory({ rpc, rpcSubscriptions });
const commitment = 'confirmed';
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

async function messageOf(instructions: (Instruction | undefined)[]) {
  const { value: blockhash } = await rpc.getLatestBlockhash({ commitment }).send();
  const present = instructions.filter((instruction) => instruction !== undefined);
  return pipe(
    createTransactionMessage({ version: 0 }),
    (message) => setTransactionMessageFeePayerSigner(payer, message),
    (message) => setTransactionMessageLifetimeUsingBlockhash(blockhash, message),
    (message) => appendTransactionMessageInstructions(present, message),
  );
}

async function send(message: Awaited<ReturnType<typeof messageOf>>) {
  const transaction = await signTransactionMessageWithSigners(message);
  assertIsTransactionWithBlockhashLifetime(transaction);
  await sendAndConfirm(transaction, { commitment });
}

const conversionOf = async (of: Awaited<ReturnType<typeof offer>>, reference: Uint8Array) =>
  await fetchConversion(rpc, await findConversionAddress(of, referee.address, reference), {
    commitment,
  });

describe('on a validator', { concurrency: false }, () => {
  test('a wallet signs up, and the referrer is paid', async () => {
    // Given an open campaign, whose referrer has no token account yet
    const open = await offer(scene.open);

    // When the wallet converts, in a transaction that creates the account
    await send(
      await messageOf([
        await createRewardAccountInstruction(payer, open.referral.data.owner, open.campaign.data),
        await convertInstruction({ ...open, payer, referee }),
      ]),
    );

    // Then it is recorded as paid
    const { data } = await conversionOf(open, new Uint8Array(NO_REFERENCE));
    assert.equal(data.status, Status.Paid);
    assert.equal(data.referee, referee.address);
    assert.equal(data.rewardReferrer, open.campaign.data.rewardFixed);
  });

  test('the same wallet is refused a second time, by name', async () => {
    const again = await convertInstruction({ ...(await offer(scene.open)), payer, referee });
    const message = await messageOf([again]);
    await assert.rejects(send(message), (error) => {
      assert.equal(refusal(error, message)?.name, 'AlreadyConverted');
      return true;
    });
  });

  test('a voucher proves an order, and what waits is claimed', async () => {
    // Given an attested campaign, the attestor's voucher, and an account for the referee alone
    const attested = await offer(scene.attested);
    const statement: Statement = {
      campaign: attested.campaign.address,
      referral: attested.referral.address,
      referee: referee.address,
      action: Action.Booking,
      amount,
      reference,
      expiresAt: 4_000_000_000n,
    };
    const voucher = voucherInstruction(
      attestor.address,
      await signVoucher(attestor.keyPair.privateKey, statement),
      voucherMessage(statement),
    );

    // When the wallet converts with it
    const { action } = statement;
    await send(
      await messageOf([
        await createRewardAccountInstruction(payer, referee.address, attested.campaign.data),
        voucher,
        await convertInstruction({
          ...attested,
          payer,
          referee,
          action,
          amount,
          reference,
          evidence: 'voucher',
        }),
      ]),
    );

    // Then the referrer's part waits, for there is no account to take it
    const pending = await conversionOf(attested, reference);
    assert.equal(pending.data.status, Status.Pending);

    // And is paid once there is one, whoever asks
    await send(
      await messageOf([
        await createRewardAccountInstruction(
          payer,
          attested.referral.data.owner,
          attested.campaign.data,
        ),
        await claimInstruction({ ...attested, conversion: pending }),
      ]),
    );
    const paid = await conversionOf(attested, reference);
    assert.equal(paid.data.status, Status.Paid);
  });

  test('a wallet buys, and the payment is split', async () => {
    // Given a campaign that splits payments in SOL
    const sale = await offer(scene.sale);

    // When the wallet buys
    const purchase = await purchaseInstruction({
      ...sale,
      payer,
      buyer: referee,
      amount,
      reference,
    });
    await send(await messageOf([purchase]));

    // Then it is recorded with the price, as paid
    const { data } = await conversionOf(sale, reference);
    assert.equal(data.status, Status.Paid);
    assert.equal(data.amount, amount);
    assert.equal(data.action, Action.Purchase);
  });
});
