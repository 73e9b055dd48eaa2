import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { createNoopSigner } from '@solana/kit';

import {
  DECIMALS,
  getSettingsDecoder,
  getSettingsEncoder,
  getTermsDecoder,
  openCampaign,
  usualTerms,
  type Currency,
} from '../../src/index.js';
import { bytes, plain, vectors, type OpeningVector } from './vectors.js';

const payer = createNoopSigner(vectors.wallets.payer);
const authority = createNoopSigner(vectors.wallets.referee);

const currency = (of: OpeningVector['rewards']): Currency =>
  of.kind === 'new' ? { ...of, rent: BigInt(of.rent) } : of;

describe('openings', () => {
  for (const vector of vectors.openings) {
    test(`campaign ${vector.id} is opened as the Rust client opens it`, async () => {
      // Given what was chosen
      const terms = getTermsDecoder().decode(bytes(vector.terms));
      const opened = await openCampaign({
        payer,
        authority,
        id: BigInt(vector.id),
        terms,
        settings: getSettingsDecoder().decode(bytes(vector.chosen)),
        rewards: currency(vector.rewards),
        payments: currency(vector.payments),
        handsOver: vector.handsOver,
        funds: BigInt(vector.funds),
      });
      // Then the rest is as usual, and each instruction is the same
      assert.deepEqual(
        Buffer.from(getSettingsEncoder().encode(opened.settings)).toString('base64'),
        vector.settings,
      );
      assert.equal(opened.campaign, vector.campaign);
      assert.equal(opened.mint ?? null, vector.mint);
      assert.equal(opened.vault ?? null, vector.vault);
      assert.deepEqual(opened.instructions.map(plain), vector.instructions);
      if (vector.usual) assert.deepEqual(terms, usualTerms(terms.funding));
    });
  }

  test('a new token has as many decimals as in the Rust client', () => {
    const [first] = vectors.openings;
    assert.ok(first?.rewards.kind === 'new');
    assert.equal(first.rewards.decimals, DECIMALS);
  });
});
