import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import {
  assertIsInstructionWithAccounts,
  assertIsInstructionWithData,
  createNoopSigner,
  generateKeyPair,
  getSolanaErrorFromJsonRpcError,
  getSolanaErrorFromTransactionError,
  verifySignature,
  type ReadonlyUint8Array,
} from '@solana/kit';

import {
  Action,
  NO_REFERENCE,
  PROGRAM_ERRORS,
  REFERRAL_PROGRAM_ADDRESS,
  bindInstruction,
  cancelConversionInstruction,
  claimInstruction,
  convertInstruction,
  createReferralInstruction,
  createRewardAccountInstruction,
  findConversionAddress,
  findVaultAddress,
  getCampaignDecoder,
  getCampaignEncoder,
  getConversionDecoder,
  getConversionEncoder,
  getReferralDecoder,
  getReferralEncoder,
  offerAt,
  parseCode,
  parseConvertInstruction,
  paysFromVault,
  programError,
  purchaseInstruction,
  reclaimCampaignInstruction,
  refusal,
  registerReferrerInstruction,
  revokeVoucherInstruction,
  settingsInForce,
  signVoucher,
  voucherDigest,
  voucherInstruction,
  voucherMessage,
  type Statement,
} from '../../src/index.js';
import { bytes, plain, vectors, type AccountVector, type OfferVector } from './vectors.js';

const [payer, referee, attestor] = [
  vectors.wallets.payer,
  vectors.wallets.referee,
  vectors.wallets.attestor,
].map((address) => createNoopSigner(address)) as [Signer, Signer, Signer];
type Signer = ReturnType<typeof createNoopSigner>;

const at = <T>(vector: AccountVector, decoder: { decode(bytes: ReadonlyUint8Array): T }) => ({
  address: vector.address,
  data: decoder.decode(bytes(vector.data)),
});

const offerOf = (vector: OfferVector) => ({
  ...offerAt(
    at(vector.campaign, getCampaignDecoder()),
    at(vector.referral, getReferralDecoder()),
    BigInt(vector.now),
  ),
  conversion: at(vector.conversion, getConversionDecoder()),
});

const code = (text: string) => {
  const parsed = parseCode(text);
  assert.ok(parsed);
  return parsed;
};

describe('the program', () => {
  test('has the address, the errors and the actions of the Rust client', () => {
    assert.equal(REFERRAL_PROGRAM_ADDRESS, vectors.program);
    assert.deepEqual(
      Object.entries(PROGRAM_ERRORS).map(([number, { name, message }]) => [
        Number(number),
        name,
        message,
      ]),
      vectors.errors,
    );
    assert.deepEqual(
      vectors.actions.map((_, number) => Action[number]?.toLowerCase()),
      vectors.actions,
    );
    assert.equal(Action[vectors.actions.length], undefined);
  });

  test('says why it refused, and other programs do not', () => {
    // Given a message with an instruction of our program after one of another program
    const message = {
      instructions: [
        { programAddress: vectors.wallets.payer },
        { programAddress: REFERRAL_PROGRAM_ADDRESS },
      ],
    };
    // And the error of kit when the RPC's simulation fails in one of them
    const failed = (index: number, code: number) =>
      getSolanaErrorFromJsonRpcError({
        code: -32002,
        message: 'Transaction simulation failed',
        data: { err: { InstructionError: [index, { Custom: code }] }, logs: [] },
      });

    // Then our program's errors are named, and the other program's are not
    assert.deepEqual(refusal(failed(1, 6001), message), {
      code: 6001,
      name: 'AlreadyConverted',
      message: 'this conversion was recorded before',
    });
    // Also if the transaction was sent without simulation and failed on the chain
    const landed = getSolanaErrorFromTransactionError({ InstructionError: [1, { Custom: 6001 }] });
    assert.equal(refusal(landed, message)?.name, 'AlreadyConverted');
    assert.equal(refusal(failed(0, 6001), message), undefined);
    assert.equal(refusal(failed(1, 5999), message), undefined);
    assert.equal(refusal(new Error('no connection'), message), undefined);
    assert.equal(programError(6000 + vectors.errors.length), undefined);
  });
});

describe('codes', () => {
  for (const [typed, expected] of vectors.codes) {
    test(`${JSON.stringify(typed)} is ${expected ?? 'none'}`, () => {
      assert.equal(parseCode(typed), expected ?? undefined);
    });
  }
});

describe('registrations', () => {
  const { campaign, ...expected } = vectors.registrations;
  const registered = code(expected.code);

  test('a code is registered', async () => {
    const args = { payer, owner: referee, campaign, code: registered };
    assert.deepEqual(plain(await createReferralInstruction(args)), expected.createReferral);
  });

  test('a code with bounds is registered, with the attestor', async () => {
    const instruction = await createReferralInstruction({
      payer,
      owner: referee,
      campaign,
      code: registered,
      usageLimit: 7n,
      expiresAt: 1_900_000_000n,
      attestor,
    });
    assert.deepEqual(plain(instruction), expected.createBoundedReferral);
  });

  test('an owner is registered where the campaign counts per owner, and then a code', async () => {
    const args = { payer, owner: referee, campaign };
    assert.deepEqual(plain(await registerReferrerInstruction(args)), expected.registerReferrer);
    assert.deepEqual(
      plain(await createReferralInstruction({ ...args, code: registered, perOwner: true })),
      expected.createPerOwnerReferral,
    );
  });

  test('a binding is recorded, and another where the first referral is lost', async () => {
    const args = { payer, wallet: referee, campaign, code: registered };
    assert.deepEqual(plain(await bindInstruction(args)), expected.bind);
    const { boundReferral, boundReferrer } = expected;
    const anew = await bindInstruction({ ...args, boundReferral, boundReferrer });
    assert.deepEqual(plain(anew), expected.bindAnew);
  });
});

describe('offers', () => {
  for (const [number, vector] of vectors.offers.entries()) {
    const reference = bytes(vector.reference);
    const maxPayment = BigInt(vector.maxPayment);
    const voucher = { voucher: bytes(vector.voucher) };
    const evidence = { none: undefined, attestor, voucher }[vector.evidence];

    test(`${number}: accounts are read and written`, () => {
      const offer = offerOf(vector);

      // Then fields have the values that the Rust client reads
      const { settings } = offer;
      for (const kind of ['campaign', 'settings', 'referral', 'conversion'] as const) {
        const fields: Record<string, unknown> = kind === 'settings' ? settings : offer[kind].data;
        for (const [name, expected] of Object.entries(vector.decoded[kind])) {
          const found = fields[name];
          assert.equal(typeof found === 'bigint' ? found.toString() : found, expected, name);
        }
      }
      // And written again, they are the same bytes
      const { campaign, referral, conversion } = offer;
      assert.deepEqual(getCampaignEncoder().encode(campaign.data), bytes(vector.campaign.data));
      assert.deepEqual(getReferralEncoder().encode(referral.data), bytes(vector.referral.data));
      assert.deepEqual(
        getConversionEncoder().encode(conversion.data),
        bytes(vector.conversion.data),
      );
    });

    test(`${number}: addresses are those of the Rust client`, async () => {
      const { campaign, referral, conversion } = offerOf(vector);
      const found = await findConversionAddress(
        { campaign, referral },
        conversion.data.referee,
        bytes(vector.conversion.reference),
      );
      assert.equal(found, vector.conversion.address);
      if (paysFromVault(campaign.data)) {
        const { mint, tokenProgram, vault } = campaign.data;
        assert.equal(await findVaultAddress(campaign.address, mint, tokenProgram), vault);
      }
    });

    test(`${number}: a wallet signs up`, async () => {
      const instruction = await convertInstruction({ ...offerOf(vector), referee });
      assert.deepEqual(plain(instruction), vector.signup);
    });

    test(`${number}: what was built is read back`, async () => {
      const offer = offerOf(vector);
      const { campaign, referral } = offer;
      const instruction = await convertInstruction({ ...offer, referee, reference });
      assertIsInstructionWithAccounts(instruction);
      assertIsInstructionWithData(instruction);
      const { accounts, data } = parseConvertInstruction(instruction);
      const { vault } = campaign.data;
      assert.equal(accounts.vault?.address, paysFromVault(campaign.data) ? vault : undefined);
      assert.equal(accounts.attestor, undefined);
      assert.equal(accounts.campaign.address, campaign.address);
      assert.equal(data.code, referral.data.code);
      assert.deepEqual(data.reference, reference);
    });

    test(`${number}: a sponsor pays, with ${vector.evidence} for evidence`, async () => {
      const instruction = await convertInstruction({
        ...offerOf(vector),
        payer,
        referee,
        action: Action.Booking,
        amount: 77n,
        reference,
        ...(evidence && { evidence }),
      });
      assert.deepEqual(plain(instruction), vector.sponsored);
    });

    test(`${number}: a wallet buys`, async () => {
      const args = {
        ...offerOf(vector),
        buyer: referee,
        amount: 1_000_000n,
        maxPayment,
        reference,
      };
      assert.deepEqual(plain(await purchaseInstruction(args)), vector.purchase);
    });

    test(`${number}: a wallet buys with another token account, sponsored`, async () => {
      const instruction = await purchaseInstruction({
        ...offerOf(vector),
        payer,
        buyer: referee,
        action: Action.Rental,
        amount: 1_000_000n,
        maxPayment,
        reference,
        paymentTokenProgram: vector.paymentTokenProgram,
        paymentSource: vector.paymentSource,
      });
      assert.deepEqual(plain(instruction), vector.sponsoredPurchase);
    });

    test(`${number}: what is pending is claimed`, async () => {
      assert.deepEqual(plain(await claimInstruction(offerOf(vector))), vector.claim);
    });

    test(`${number}: the authority cancels, and takes back what the campaign holds`, async () => {
      const offer = offerOf(vector);
      const authority = createNoopSigner(offer.campaign.data.authority);
      const cancel = await cancelConversionInstruction({ ...offer, authority });
      assert.deepEqual(plain(cancel), vector.cancel);
      const { campaign } = offer;
      const { destination } = vector;
      const reclaim = reclaimCampaignInstruction({ authority, campaign, destination });
      assert.deepEqual(plain(reclaim), vector.reclaim);
    });

    test(`${number}: an account for rewards is created where rewards are a token`, async () => {
      const { campaign } = offerOf(vector);
      const instruction = await createRewardAccountInstruction(
        payer,
        referee.address,
        campaign.data,
      );
      assert.deepEqual(instruction ? plain(instruction) : null, vector.rewardAccount);
    });
  }

  test('announced settings are in force from their time on', () => {
    const [vector] = vectors.offers;
    assert.ok(vector);
    const { data } = offerOf(vector).campaign;
    const announced = { ...data, nextFrom: 100n };
    assert.equal(settingsInForce(announced, 99n), data.settings);
    assert.equal(settingsInForce(announced, 100n), data.next);
    assert.equal(settingsInForce({ ...data, nextFrom: 0n }, 100n), data.settings);
  });

  test('a reference that does not have 32 bytes is refused', async () => {
    const [vector] = vectors.offers;
    assert.ok(vector);
    const reference = new Uint8Array(31);
    const refused = new RangeError('a reference has 32 bytes, not 31');
    await assert.rejects(convertInstruction({ ...offerOf(vector), referee, reference }), refused);
    await assert.rejects(
      purchaseInstruction({
        ...offerOf(vector),
        buyer: referee,
        amount: 1n,
        maxPayment: 1n,
        reference,
      }),
      refused,
    );
    assert.throws(() => voucherMessage({ ...statement(), reference }), refused);
  });
});

function statement(): Statement {
  const { campaign, referral, ...vector } = vectors.voucher;
  return {
    campaign,
    campaignCreatedAt: BigInt(vector.campaignCreatedAt),
    referral,
    referee: vector.referee,
    action: vector.action,
    amount: BigInt(vector.amount),
    reference: bytes(vector.reference),
    issuedAt: BigInt(vector.issuedAt),
    expiresAt: BigInt(vector.expiresAt),
  };
}

describe('vouchers', () => {
  test('the message and its instruction are those of the Rust client', () => {
    const message = voucherMessage(statement());
    assert.deepEqual(message, bytes(vectors.voucher.message));
    const signature = bytes(vectors.voucher.signature);
    const instruction = voucherInstruction(attestor.address, signature, message);
    assert.deepEqual(plain(instruction), vectors.voucher.instruction);
  });

  test('a voucher is revoked by the digest of its message', async () => {
    const digest = await voucherDigest(voucherMessage(statement()));
    assert.deepEqual(digest, bytes(vectors.voucher.digest));
    const { campaign, expiresAt } = statement();
    const args = { payer, attestor, campaign, digest, expiresAt };
    assert.deepEqual(plain(await revokeVoucherInstruction(args)), vectors.voucher.revoke);
  });

  test('a signature is the attestor’s, over that message', async () => {
    const key = await generateKeyPair();
    const signature = await signVoucher(key.privateKey, statement());
    assert.ok(await verifySignature(key.publicKey, signature, voucherMessage(statement())));
  });

  test('no reference is zeros', () => {
    const { reference: _, ...without } = statement();
    const zeros = { ...without, reference: NO_REFERENCE };
    assert.deepEqual(voucherMessage(without), voucherMessage(zeros));
  });
});
