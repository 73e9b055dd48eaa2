import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { createNoopSigner } from '@solana/kit';

import {
  DECIMALS,
  MissingSetting,
  getSettingsDecoder,
  getSettingsEncoder,
  getTermsDecoder,
  openCampaign,
  usualTerms,
  type Currency,
  type Opening,
} from '../../src/index.js';
import { bytes, plain, vectors, type ChosenVector } from './vectors.js';

const payer = createNoopSigner(vectors.wallets.payer);
const authority = createNoopSigner(vectors.wallets.referee);

const currency = (of: ChosenVector['rewards']): Currency =>
  of.kind === 'new' ? { ...of, rent: BigInt(of.rent) } : of;

const chosen = (vector: ChosenVector): Opening => ({
  payer,
  authority,
  id: BigInt(vector.id),
  terms: getTermsDecoder().decode(bytes(vector.terms)),
  settings: getSettingsDecoder().decode(bytes(vector.chosen)),
  rewards: currency(vector.rewards),
  payments: currency(vector.payments),
  handsOver: vector.handsOver,
  funds: BigInt(vector.funds),
});

describe('openings', () => {
  for (const vector of vectors.openings) {
    test(`campaign ${vector.id} is opened as the Rust client opens it`, async () => {
      // Given what was chosen
      const opening = chosen(vector);
      const { terms } = opening;
      const opened = await openCampaign(opening);
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

  for (const vector of vectors.unusualOpenings) {
    test(`opening ${vector.id} of different tokens has to choose ${vector.missing}`, async () => {
      await assert.rejects(openCampaign(chosen(vector)), new MissingSetting(vector.missing));
    });
  }

  test('a new token has as many decimals as in the Rust client', () => {
    const [first] = vectors.openings;
    assert.ok(first?.rewards.kind === 'new');
    assert.equal(first.rewards.decimals, DECIMALS);
  });
});
