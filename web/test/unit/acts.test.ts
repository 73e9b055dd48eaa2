/** Instructions that the API may not slip into a transaction that a company or a referrer signs. */

import { expect, it } from 'vitest';
import {
  appendTransactionMessageInstructions,
  compileTransaction,
  createNoopSigner,
  createTransactionMessage,
  generateKeyPairSigner,
  getBase64EncodedWireTransaction,
  pipe,
  setTransactionMessageFeePayer,
  setTransactionMessageLifetimeUsingBlockhash,
  type Address,
  type Blockhash,
  type Instruction,
} from '@solana/kit';

import { findAssociatedTokenAddress, findReferralAddress } from '@vouch/client/addresses.js';
import type { Code } from '@vouch/client/code.js';
import type { Campaign } from '@vouch/client/generated/accounts/campaign.js';
import { getClaimInstruction } from '@vouch/client/generated/instructions/claim.js';
import { getFundVaultInstruction } from '@vouch/client/generated/instructions/fundVault.js';
import { getProposeAuthorityInstruction } from '@vouch/client/generated/instructions/proposeAuthority.js';
import { getCloseCampaignInstruction } from '@vouch/client/generated/instructions/closeCampaign.js';
import { getReclaimConversionInstruction } from '@vouch/client/generated/instructions/reclaimConversion.js';
import { getReclaimReferralInstruction } from '@vouch/client/generated/instructions/reclaimReferral.js';
import { getSetPausedInstruction } from '@vouch/client/generated/instructions/setPaused.js';
import { getSetSuspendedInstruction } from '@vouch/client/generated/instructions/setSuspended.js';
import { getUpdateCampaignInstruction } from '@vouch/client/generated/instructions/updateCampaign.js';
import { getWithdrawVaultInstruction } from '@vouch/client/generated/instructions/withdrawVault.js';
import { Funding } from '@vouch/client/generated/types/funding.js';
import { Proof } from '@vouch/client/generated/types/proof.js';
import { Uniqueness } from '@vouch/client/generated/types/uniqueness.js';
import {
  createRewardAccountInstruction,
  reclaimCampaignInstruction,
} from '@vouch/client/instructions.js';
import { openCampaign, usualTerms } from '@vouch/client/opening.js';
import { fixedReward } from '@vouch/client/settings.js';

import { understand, type Act } from '../../src/wallet/acts';

const wallet = async () => (await generateKeyPairSigner()).address;
const [WALLET, OTHER, CAMPAIGN, MINT, VAULT, REFERRAL, ONE, TWO] = (await Promise.all(
  Array.from({ length: 8 }, wallet),
)) as [Address, Address, Address, Address, Address, Address, Address, Address];
const TOKEN = 'TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA' as Address;
const SYSTEM = '11111111111111111111111111111111' as Address;
const BUDGET = 'ComputeBudget111111111111111111111111111111' as Address;
const BLOCKHASH = '11111111111111111111111111111111' as Blockhash;
const CODE = 'AURRA234' as Code;
const signer = createNoopSigner(WALLET);
const stranger = createNoopSigner(OTHER);
const data = { mint: MINT, vault: VAULT, tokenProgram: TOKEN } as Campaign;
const campaign = { address: CAMPAIGN, data };
const OWN = await findAssociatedTokenAddress(WALLET, MINT, TOKEN);
const THEIRS = await findAssociatedTokenAddress(OTHER, MINT, TOKEN);

/** The API's answer: an unsigned transaction of version 0. */
function wire(instructions: readonly Instruction[], payer: Address = WALLET): string {
  const message = pipe(
    createTransactionMessage({ version: 0 }),
    (it) => setTransactionMessageFeePayer(payer, it),
    (it) =>
      setTransactionMessageLifetimeUsingBlockhash(
        { blockhash: BLOCKHASH, lastValidBlockHeight: 1n },
        it,
      ),
    (it) => appendTransactionMessageInstructions(instructions, it),
  );
  return getBase64EncodedWireTransaction(compileTransaction(message));
}

const takes = async (instructions: readonly Instruction[], act: Act) =>
  (await understand(wire(instructions), act, WALLET)) !== undefined;

const limit = (units: number): Instruction => {
  const data = new Uint8Array(5);
  data[0] = 2;
  new DataView(data.buffer).setUint32(1, units, true);
  return { programAddress: BUDGET, data };
};
const price = (micro: bigint): Instruction => {
  const data = new Uint8Array(9);
  data[0] = 3;
  new DataView(data.buffer).setBigUint64(1, micro, true);
  return { programAddress: BUDGET, data };
};
const transfer: Instruction = {
  programAddress: SYSTEM,
  accounts: [
    { address: WALLET, role: 3 },
    { address: OTHER, role: 1 },
  ],
  data: new Uint8Array([2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]),
};

const pause = (of = CAMPAIGN, paused = true) =>
  getSetPausedInstruction({ authority: signer, campaign: of, paused });
const PAUSE: Act = { act: 'pause', campaign: CAMPAIGN, paused: true };

it('takes a pause, with a limit and a price as the API says', async () => {
  expect(await takes([pause()], PAUSE)).toBe(true);
  expect(await takes([limit(1_400_000), price(50_000n), pause()], PAUSE)).toBe(true);
});

it.each([
  ['the pause of another campaign', [pause(OTHER)]],
  ['the opposite', [pause(CAMPAIGN, false)]],
  ['a second one', [pause(), pause()]],
  ['nothing', []],
  ['a transfer beside it', [pause(), transfer]],
  ['a transfer before it', [transfer, pause()]],
  ['more data', [{ ...pause(), data: new Uint8Array([...pause().data, 0]) }]],
  [
    'one account more',
    [{ ...pause(), accounts: [...pause().accounts, { address: OTHER, role: 1 }] }],
  ],
  [
    'an offer of the campaign',
    [
      getProposeAuthorityInstruction({
        authority: signer,
        campaign: CAMPAIGN,
        newAuthority: OTHER,
      }),
    ],
  ],
  [
    'an offer beside it',
    [
      pause(),
      getProposeAuthorityInstruction({
        authority: signer,
        campaign: CAMPAIGN,
        newAuthority: OTHER,
      }),
    ],
  ],
  ['a dear price', [limit(1_400_000), price(60_000n), pause()]],
  ['a dear price without a limit', [price(60_000n), pause()]],
  ['two prices', [price(1n), price(1n), pause()]],
  ['two limits', [limit(1), limit(2), pause()]],
  ['a price of other bytes', [{ ...price(1n), data: new Uint8Array([3, 1]) }, pause()]],
  [
    'another instruction for the budget',
    [{ programAddress: BUDGET, data: new Uint8Array([1, 0, 0, 0, 1]) }, pause()],
  ],
] as [string, Instruction[]][])('refuses as a pause: %s', async (_, instructions) => {
  expect(await takes(instructions, PAUSE)).toBe(false);
});

it('refuses what somebody else pays or signs, and what is no transaction', async () => {
  expect(await understand(wire([pause()], OTHER), PAUSE, WALLET)).toBeUndefined();
  const two = getSetPausedInstruction({ authority: stranger, campaign: CAMPAIGN, paused: true });
  expect(await takes([two], PAUSE)).toBe(false);
  for (const text of ['', 'AAAA', 'not base64 !']) {
    expect(await understand(text, PAUSE, WALLET)).toBeUndefined();
  }
});

const settings = fixedReward(10n, { budget: 1000n, attestor: OTHER, treasury: OTHER });
const update = (change: Partial<typeof settings> = {}, of = CAMPAIGN) =>
  getUpdateCampaignInstruction({
    authority: signer,
    campaign: of,
    settings: { ...settings, ...change },
  });
const SETTINGS: Act = { act: 'settings', campaign: CAMPAIGN, settings };

it('takes the closing of the campaign that was shown, and of no other', async () => {
  const close = (campaign: Address) => getCloseCampaignInstruction({ authority: signer, campaign });
  const act: Act = { act: 'close', campaign: CAMPAIGN };
  expect(await takes([close(CAMPAIGN)], act)).toBe(true);
  expect(await takes([close(OTHER)], act)).toBe(false);
  expect(await takes([pause()], act)).toBe(false);
  // And the act of pausing does not allow closing
  expect(await takes([close(CAMPAIGN)], PAUSE)).toBe(false);
  expect(await takes([pause(), close(CAMPAIGN)], PAUSE)).toBe(false);
});

it('takes exactly the settings that were shown', async () => {
  expect(await takes([update()], SETTINGS)).toBe(true);
  expect(await takes([update({}, OTHER)], SETTINGS)).toBe(false);
});

// Each setting by itself: none may change without being shown.
const MORE = {
  rewardKind: 1,
  rewardFixed: 11n,
  rewardBps: 1,
  rewardMax: 1n,
  minAmount: 1n,
  refereeShareBps: 1,
  refereeFixed: 1n,
  maxPartnerShareBps: 1,
  maxPartnerFixed: 1n,
  ownerLimit: 1n,
  tiers: settings.tiers.map(() => ({ minConversions: 1n, multiplierBps: 20_000 })),
  bonuses: settings.bonuses.map(() => ({ threshold: 1n, amount: 1n })),
  holdSeconds: 1,
  attributionWindow: 1,
  startsAt: 1n,
  endsAt: 1n,
  gateCredential: MINT,
  gateSchema: MINT,
  budget: 0n,
  attestedCodes: true,
  attestor: MINT,
  treasury: MINT,
};
it('knows every setting', () => {
  expect(Object.keys(MORE).sort()).toEqual(Object.keys(settings).sort());
});
it.each(Object.entries(MORE))('refuses another %s than was shown', async (name, value) => {
  expect(await takes([update({ [name]: value })], SETTINGS)).toBe(false);
});

const fund = (amount = 5n, vault = VAULT) =>
  getFundVaultInstruction({
    funder: signer,
    campaign: CAMPAIGN,
    mint: MINT,
    source: OWN,
    vault,
    tokenProgram: TOKEN,
    amount,
  });

it('takes exactly what is put into the vault', async () => {
  const act: Act = { act: 'fund', campaign, units: 5n };
  expect(await takes([fund()], act)).toBe(true);
  expect(await takes([fund(6n)], act)).toBe(false);
  expect(await takes([fund(5n, THEIRS)], act)).toBe(false);
  expect(await takes([fund(), fund()], act)).toBe(false);
});

it('takes out of the vault into the own account alone', async () => {
  const act: Act = { act: 'withdraw', campaign, units: 5n };
  const create = await createRewardAccountInstruction(signer, WALLET, data);
  const foreign = await createRewardAccountInstruction(signer, OTHER, data);
  const out = (destination = OWN, amount = 5n) =>
    getWithdrawVaultInstruction({
      authority: signer,
      campaign: CAMPAIGN,
      mint: MINT,
      vault: VAULT,
      destination,
      tokenProgram: TOKEN,
      amount,
    });
  expect(await takes([create!, out()], act)).toBe(true);
  expect(await takes([create!, out(THEIRS)], act)).toBe(false);
  expect(await takes([create!, out(OWN, 6n)], act)).toBe(false);
  expect(await takes([foreign!, out()], act)).toBe(false);
});

it('reclaims the campaign that was shown, into the own account alone', async () => {
  const of = { ...data, funding: Funding.Vault, rentPayer: OTHER };
  const shown = { address: CAMPAIGN, data: of };
  const act: Act = { act: 'reclaim', campaign: shown };
  const create = await createRewardAccountInstruction(signer, WALLET, data);
  const back = (change: Partial<Campaign> = {}, destination = OWN, address = CAMPAIGN) =>
    reclaimCampaignInstruction({
      authority: signer,
      campaign: { address, data: { ...of, ...change } },
      destination,
    });
  expect(await takes([create!, back()], act)).toBe(true);
  expect(await takes([create!, back({}, THEIRS)], act)).toBe(false);
  expect(await takes([create!, back({}, OWN, OTHER)], act)).toBe(false);
  expect(await takes([create!, back({ vault: THEIRS })], act)).toBe(false);
  expect(await takes([create!, back({ rentPayer: WALLET })], act)).toBe(false);
  expect(await takes([create!, back(), back()], act)).toBe(false);
  expect(await takes([back()], act)).toBe(false);

  // One that mints has no vault, and gets the right to mint back
  const minted = { ...of, funding: Funding.MintAuthority, vault: SYSTEM };
  const mints: Act = { act: 'reclaim', campaign: { address: CAMPAIGN, data: minted } };
  expect(await takes([back(minted)], mints)).toBe(true);
  expect(await takes([create!, back()], mints)).toBe(false);
  expect(await takes([pause()], mints)).toBe(false);
});

it('suspends the code that was shown alone', async () => {
  const act: Act = { act: 'suspend', campaign: CAMPAIGN, code: CODE, suspended: true };
  const of = async (code: string, suspended = true) =>
    getSetSuspendedInstruction({
      authority: signer,
      campaign: CAMPAIGN,
      referral: await findReferralAddress(CAMPAIGN, code as Code),
      suspended,
    });
  expect(await takes([await of(CODE)], act)).toBe(true);
  expect(await takes([await of('AURRA235')], act)).toBe(false);
  expect(await takes([await of(CODE, false)], act)).toBe(false);
});

const claim = (conversion: Address, of = CAMPAIGN) =>
  getClaimInstruction({
    campaign: of,
    referral: REFERRAL,
    conversion,
    referrerAccount: OWN,
    mint: MINT,
    tokenProgram: TOKEN,
    vault: VAULT,
  });
const CLAIM: Act = { act: 'claim', campaign };

it('takes claims in the campaign, and names their conversions', async () => {
  const own = await createRewardAccountInstruction(signer, WALLET, data);
  const found = await understand(wire([own!, claim(ONE), claim(TWO)]), CLAIM, WALLET);
  expect(found?.claims).toEqual([ONE, TWO]);
  expect(found?.createsPlace).toBe(true);
});

it('refuses claims elsewhere, twice, and places for others', async () => {
  const own = await createRewardAccountInstruction(signer, WALLET, data);
  const theirs = await createRewardAccountInstruction(signer, OTHER, data);
  const another = await createRewardAccountInstruction(signer, WALLET, { ...data, mint: OTHER });
  for (const steps of [
    [],
    [own!],
    [claim(ONE, OTHER)],
    [claim(ONE), claim(ONE)],
    [theirs!, claim(ONE)],
    [another!, claim(ONE)],
    [own!, own!, claim(ONE)],
    [claim(ONE), transfer],
    [claim(ONE), pause()],
  ]) {
    expect(await takes(steps, CLAIM)).toBe(false);
  }
});

const REFEREE_KEY = new Uint8Array(32).fill(5);
const returned = (account: Address, to = WALLET) =>
  getReclaimReferralInstruction({ campaign: CAMPAIGN, referral: account, rentPayer: to });
const conversion = (account: Address) =>
  getReclaimConversionInstruction({
    campaign: CAMPAIGN,
    conversion: account,
    rentPayer: WALLET,
    key: REFEREE_KEY,
  });

it('returns the deposits of the accounts that were shown, to the wallet that signs', async () => {
  const both: Act = { act: 'rents', accounts: [ONE, TWO] };
  expect(await takes([returned(ONE), conversion(TWO)], both)).toBe(true);
  expect(await takes([conversion(TWO), returned(ONE)], both)).toBe(true);
  for (const wrong of [
    [returned(ONE)],
    [returned(ONE), returned(ONE)],
    [returned(ONE), returned(REFERRAL)],
    [returned(ONE), returned(TWO, OTHER)],
    [returned(ONE), returned(TWO), transfer],
    [returned(ONE), returned(TWO), pause()],
    [returned(ONE), claim(TWO)],
  ]) {
    expect(await takes(wrong, both)).toBe(false);
  }
});

const opening = {
  id: 7n,
  terms: usualTerms(Funding.MintAuthority),
  settings: fixedReward(10n, { refereeShareBps: 2000 }),
  rewards: { kind: 'new', decimals: 6, rent: 1_461_600n } as const,
};
const opened = async (change: Partial<Parameters<typeof openCampaign>[0]> = {}) =>
  (await openCampaign({ ...opening, payer: signer, authority: signer, ...change })).instructions;

it('takes exactly the campaign that was shown', async () => {
  expect(await takes(await opened(), { act: 'open', opening })).toBe(true);
});

it.each([
  ['another number', { id: 8n }],
  ['another reward', { settings: fixedReward(11n, { refereeShareBps: 2000 }) }],
  ['an attestor', { settings: fixedReward(10n, { refereeShareBps: 2000, attestor: OTHER }) }],
  ['a shorter notice', { terms: { ...opening.terms, noticeSeconds: 1 } }],
  ['another proof', { terms: { ...opening.terms, proof: Proof.Attested } }],
  ['what counts once', { terms: { ...opening.terms, uniqueness: Uniqueness.WalletAndCode } }],
  ['counts of an owner', { terms: { ...opening.terms, perOwner: true } }],
  ['another decimals', { rewards: { ...opening.rewards, decimals: 9 } }],
  ['more rent', { rewards: { ...opening.rewards, rent: 2_461_600n } }],
] as [string, object][])('refuses a campaign with %s', async (_, change) => {
  expect(await takes(await opened(change), { act: 'open', opening })).toBe(false);
});

it('takes one that is attested, or splits payments in a token, and not one in its place', async () => {
  const attested = {
    ...opening,
    terms: { ...opening.terms, proof: Proof.Attested, perOwner: true },
    settings: fixedReward(10n, { attestor: OTHER, ownerLimit: 3n }),
  };
  const token = { kind: 'token', mint: MINT, program: TOKEN } as const;
  const split = { ...opening, terms: usualTerms(Funding.PaymentSplit), rewards: token };
  for (const shown of [attested, split]) {
    const act: Act = { act: 'open', opening: shown };
    expect(await takes(await opened(shown), act)).toBe(true);
    expect(await takes(await opened(), act)).toBe(false);
  }
  const foreign = { ...split, rewards: { ...token, mint: OTHER } };
  expect(await takes(await opened(foreign), { act: 'open', opening: split })).toBe(false);
  const open = { ...attested, terms: { ...attested.terms, proof: Proof.Open } };
  expect(await takes(await opened(open), { act: 'open', opening: attested })).toBe(false);
});

it('refuses a new token that somebody else mints', async () => {
  const steps = await opened();
  const theirs = steps.map((step) =>
    step.programAddress === TOKEN
      ? {
          ...step,
          data: new Uint8Array([
            ...step.data!.slice(0, 2),
            ...new Uint8Array(32).fill(9),
            ...step.data!.slice(34),
          ]),
        }
      : step,
  );
  expect(theirs.some((step, at) => step !== steps[at])).toBe(true);
  expect(await takes(theirs, { act: 'open', opening })).toBe(false);
  expect(await takes([...steps, transfer], { act: 'open', opening })).toBe(false);
});
