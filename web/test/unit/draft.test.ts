import { expect, it } from 'vitest';

import { Proof } from '@vouch/client/generated/types/proof.js';
import { RewardKind } from '@vouch/client/generated/types/rewardKind.js';
import type { Settings } from '@vouch/client/generated/types/settings.js';

import { bpsOf, typedOf, unitsOf } from '../../src/format/enter';
import {
  canCompare,
  changed,
  changedStill,
  changeOf,
  EMPTY,
  faultsOf,
  inputOf,
  mintOf,
  newDraft,
  NOTHING,
  paymentOf,
  restarts,
  settingsOf,
  termsOf,
  typed,
  type Draft,
  type Terms,
} from '../../src/pages/console/draft';

it.each([
  ['1', 6, 1_000_000n],
  ['2.5', 6, 2_500_000n],
  ['2,5', 6, 2_500_000n],
  ['0.000001', 6, 1n],
  ['1.500', 1, 15n],
  [' 3 ', 0, 3n],
  ['18446744073709551615', 0, 18_446_744_073_709_551_615n],
  ['18446744073709551616', 0, undefined],
  ['0.0000001', 6, undefined],
  ['1.000,5', 6, undefined],
  ['1 000', 6, undefined],
  ['1,000', 6, undefined],
  ['12,345', 0, undefined],
  ['1.000', 6, 1_000_000n],
  ['0,125', 6, 125_000n],
  ['1,00', 6, 1_000_000n],
  ['-1', 6, undefined],
  ['1e3', 6, undefined],
  ['', 6, undefined],
  ['.', 6, undefined],
] as const)('%s with %i decimals', (text, decimals, units) => {
  expect(unitsOf(text, decimals)).toBe(units);
});

it.each([
  ['1.000', 6, undefined],
  ['12.345', 6, undefined],
  ['1,000', 6, 1_000_000n],
  ['1,5', 6, 1_500_000n],
  ['1.5', 6, 1_500_000n],
  ['0.125', 6, 125_000n],
] as const)('%s with %i decimals, in German', (text, decimals, units) => {
  expect(unitsOf(text, decimals, 'de')).toBe(units);
});

it('types what it reads in German, too', () => {
  for (const units of [1_000n, 1_125n, 1_000_000n, 12_345_678n]) {
    expect(unitsOf(typedOf(units, 3, 'de'), 3, 'de')).toBe(units);
  }
  expect(typedOf(1_125n, 3, 'de')).toBe('1,125');
});

it('types what it reads', () => {
  for (const [units, decimals, text] of [
    [2_500_000n, 6, '2.5'],
    [0n, 6, '0'],
    [1n, 6, '0.000001'],
    [7n, 0, '7'],
    [18_446_744_073_709_551_615n, 9, '18446744073.709551615'],
  ] as const) {
    expect(typedOf(units, decimals)).toBe(text);
    expect(unitsOf(text, decimals)).toBe(units);
  }
  expect(bpsOf('2.5')).toBe(250);
  expect(bpsOf('100.01')).toBeUndefined();
});

/** Settings in force, with a hold of 90 seconds. */
const BASE: Settings = {
  ...NOTHING,
  rewardFixed: 10_000_000n,
  holdSeconds: 90,
  endsAt: 1_900_000_001n,
  maxPartnerShareBps: 500,
  tiers: Array.from({ length: 4 }, () => ({ minConversions: 0n, multiplierBps: 0 })),
  bonuses: Array.from({ length: 4 }, () => ({ threshold: 0n, amount: 0n })),
};

const TOKENS = { reward: 6, payment: 9 };
const TERMS: Terms = { ...EMPTY, reward: '10', referee: '20', budget: '1000', holdDays: '2' };

it('means these settings', () => {
  const found = settingsOf(TERMS, NOTHING, TOKENS, true);
  expect(found).toMatchObject({
    settings: {
      rewardFixed: 10_000_000n,
      refereeShareBps: 2000,
      budget: 1_000_000_000n,
      holdSeconds: 172_800,
      endsAt: 0n,
    },
  });
  expect('settings' in found && found.settings.tiers.length).toBe(4);
});

it('names every field that is wrong', () => {
  const wrong: Terms = {
    ...TERMS,
    reward: 'ten',
    referee: '101',
    budget: '-1',
    holdDays: '366',
    ends: 'soon',
    tiers: [{ from: 'x', times: '2' }],
    bonuses: [{ at: '3', amount: '' }],
  };
  const found = settingsOf(wrong, NOTHING, TOKENS, true);
  const fields = ['bonuses', 'budget', 'ends', 'holdDays', 'referee', 'reward', 'tiers'];
  expect('faults' in found && [...found.faults.keys()].sort()).toEqual(fields);
  // A multiplier that does not fit into 16 bits
  const large = settingsOf({ ...TERMS, tiers: [{ from: '5', times: '7' }] }, NOTHING, TOKENS, true);
  expect('faults' in large && [...large.faults.keys()]).toEqual(['tiers']);
});

it('changes nothing but what was typed', () => {
  // Given settings with an end in the middle of a day, which no form can hold
  const base = BASE;
  const terms = typed(base, TOKENS);
  expect(changed(terms, base, TOKENS, Proof.Payment)).toEqual({ settings: base });
  // When one is typed, then that one is named alone
  const found = changed({ ...terms, reward: '8' }, base, TOKENS, Proof.Payment);
  expect(found).toEqual({ settings: { ...base, rewardFixed: 8_000_000n } });
  expect('settings' in found && changeOf(found.settings, base)).toEqual({
    reward: { fixed: '8000000' },
  });
});

it('gives each draft a number of its own', () => {
  const ids = new Set(Array.from({ length: 50 }, () => newDraft().id));
  expect(ids.size).toBe(50);
  for (const id of ids) expect(BigInt(id)).toBeLessThan(2n ** 64n);
});

/** The faults of terms in a new campaign. */
function faults(terms: Partial<Terms>): Record<string, string> {
  const found = settingsOf({ ...TERMS, ...terms }, NOTHING, TOKENS, true);
  return 'faults' in found ? Object.fromEntries(found.faults) : {};
}

it('never takes a zero for no limit', () => {
  for (const zero of ['0', '0.00', ' 0 ']) {
    expect(faults({ budget: zero })).toEqual({ budget: 'zero' });
    expect(faults({ kind: 'percent', max: zero })).toEqual({ max: 'zero' });
  }
  expect(faults({ budget: '' })).toEqual({});
  expect(faults({ kind: 'percent', max: '' })).toEqual({});
});

it('takes no tier and no bonus from conversion zero', () => {
  expect(faults({ tiers: [{ from: '0', times: '2' }] })).toEqual({ tiers: 'number' });
  expect(faults({ bonuses: [{ at: '0', amount: '2' }] })).toEqual({ bonuses: 'number' });
  expect(
    faults({ tiers: [{ from: '1', times: '2' }], bonuses: [{ at: '1', amount: '2' }] }),
  ).toEqual({});
});

it('asks nobody for a price where nobody pays', () => {
  // Given a least amount and a token of payments that were typed before a sign-up was chosen
  const draft: Draft = { ...newDraft(), ...TERMS, name: 'Aurora', least: '5', payment: 'bad' };
  expect([draft.goal, paymentOf(draft)]).toEqual(['signup', '']);
  expect([...faultsOf(draft)]).toEqual([]);
  expect(settingsOf(draft, NOTHING, TOKENS, false)).toMatchObject({ settings: { minAmount: 0n } });
  // And a change of such a campaign leaves what it has
  const base = { ...BASE, minAmount: 7n };
  expect(changed(typed(base, TOKENS), base, TOKENS, Proof.Open)).toEqual({ settings: base });
});

it('asks for what nobody can compare', () => {
  const MINT = 'So11111111111111111111111111111111111111112';
  const sale: Draft = { ...newDraft(), ...TERMS, name: 'Aurora', goal: 'purchase' };
  expect([...faultsOf(sale)]).toEqual([['least', 'required']]);
  expect([...faultsOf({ ...sale, kind: 'percent' })]).toEqual([['max', 'required']]);
  expect([...faultsOf({ ...sale, least: '0' })]).toEqual([['least', 'zero']]);
  expect([...faultsOf({ ...sale, least: '5' })]).toEqual([]);
  // But payments and rewards of one token compare
  const own: Draft = { ...sale, source: 'vault', mint: MINT, payment: ` ${MINT}` };
  for (const same of [own, { ...sale, source: 'split', payment: 'bad' } as Draft]) {
    expect(canCompare(same)).toBe(true);
    expect([...faultsOf(same)]).toEqual([]);
  }
});

it('types the least amount in the token of the payments', () => {
  // Given rewards of nine decimals, and payments of six
  const tokens = { reward: 9, payment: 6 };
  const base = { ...BASE, minAmount: 5_000_000n };
  expect(typed(base, tokens).least).toBe('5');
  expect(changed({ ...typed(base, tokens), least: '7.5' }, base, tokens, Proof.Payment)).toEqual({
    settings: { ...base, minAmount: 7_500_000n },
  });
});

it('sets a hold of a few seconds to none', () => {
  const terms = typed(BASE, TOKENS);
  expect(terms.holdDays).not.toBe('0');
  for (const [holdDays, holdSeconds] of [
    ['0', 0],
    ['1', 86_400],
    [terms.holdDays, 90],
  ] as const) {
    expect(changed({ ...terms, holdDays }, BASE, TOKENS, Proof.Payment)).toEqual({
      settings: { ...BASE, holdSeconds },
    });
  }
  // And each hold is what is typed of it
  for (const holdSeconds of [1, 2, 59, 86_399, 86_401, 31_535_999, 31_536_000]) {
    const { holdDays } = typed({ ...BASE, holdSeconds }, TOKENS);
    expect(settingsOf({ ...TERMS, holdDays }, NOTHING, TOKENS, true)).toMatchObject({
      settings: { holdSeconds },
    });
  }
});

it('keeps the maximum of a percentage, as the API does', () => {
  const base = {
    ...BASE,
    rewardKind: RewardKind.Percent,
    rewardFixed: 0n,
    rewardBps: 500,
    rewardMax: 9n,
  };
  const terms = { ...typed(base, TOKENS), max: '' };
  expect(changed(terms, base, TOKENS, Proof.Payment)).toEqual({ settings: base });
  // But a fixed reward that becomes a percentage has none to keep
  const other: Terms = { ...typed(BASE, TOKENS), kind: 'percent', reward: '5', max: '' };
  const found = changed(other, BASE, TOKENS, Proof.Payment);
  expect('faults' in found && [...found.faults]).toEqual([['max', 'required']]);
});

it('changes nothing that somebody else has changed meanwhile', () => {
  // Given a form that began with one budget, and a campaign that has another one since
  const terms = { ...typed(BASE, TOKENS), reward: '8' };
  const fresh = { ...BASE, budget: 5n };
  expect(changedStill(terms, BASE, fresh, TOKENS, Proof.Payment)).toBeUndefined();
  expect(changedStill(terms, BASE, { ...BASE, tiers: [] }, TOKENS, Proof.Payment)).toBeUndefined();
  const found = changedStill(terms, BASE, { ...BASE }, TOKENS, Proof.Payment);
  expect(found).toEqual({ settings: { ...BASE, rewardFixed: 8_000_000n } });
});

it('knows when an announced cut waits anew', () => {
  expect(restarts(200n, 300n, 100n)).toBe(true);
  // Not without one, nor one that holds already, nor by a change that holds at once
  expect(restarts(0n, 300n, 100n)).toBe(false);
  expect(restarts(200n, 500n, 300n)).toBe(false);
  expect(restarts(200n, 0n, 100n)).toBe(false);
});

const [ATTESTOR, ISSUER, SCHEMA] = [
  'So11111111111111111111111111111111111111112',
  'TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA',
  'ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL',
] as const;
const MORE: Partial<Terms> = {
  attestor: ` ${ATTESTOR} `,
  attestedCodes: true,
  windowDays: '1.5',
  ownerLimit: '18446744073709551615',
  gateIssuer: ISSUER,
  gateSchema: SCHEMA,
};

it('means the further settings, and names them to the API', () => {
  const found = settingsOf({ ...TERMS, ...MORE }, NOTHING, TOKENS, false);
  if (!('settings' in found)) throw new Error(JSON.stringify([...found.faults]));
  expect(found.settings).toMatchObject({
    attestor: ATTESTOR,
    attestedCodes: true,
    attributionWindow: 129_600,
    ownerLimit: 18_446_744_073_709_551_615n,
    gateCredential: ISSUER,
    gateSchema: SCHEMA,
  });
  const named = {
    attestor: ATTESTOR,
    attested_codes: true,
    attribution_window: 129_600,
    owner_limit: '18446744073709551615',
    gate_credential: ISSUER,
    gate_schema: SCHEMA,
  };
  expect(inputOf(found.settings)).toMatchObject(named);
  // And they are typed again as they were, and a change names those alone that differ
  const terms = typed(found.settings, TOKENS);
  expect(terms).toMatchObject({ ...MORE, attestor: ATTESTOR });
  expect(changed(terms, found.settings, TOKENS, Proof.Open)).toEqual(found);
  const cleared = changed(
    {
      ...terms,
      ...{ attestor: '', attestedCodes: false, gateIssuer: '', gateSchema: '', ownerLimit: '' },
    },
    found.settings,
    TOKENS,
    Proof.Open,
  );
  expect('settings' in cleared && changeOf(cleared.settings, found.settings)).toEqual({
    attestor: 'none',
    attested_codes: false,
    owner_limit: '0',
    gate_credential: 'none',
    gate_schema: 'none',
  });
});

it('takes an attestor only where something asks it', () => {
  const draft = (of: Partial<Draft>) =>
    faultsOf({ ...newDraft(), ...TERMS, name: 'Aurora', attestor: ATTESTOR, ...of }).get(
      'attestor',
    );
  expect(draft({})).toBe('idle');
  // A purchase is proven by its payment, even if something else was chosen for sign-ups before
  expect(draft({ goal: 'purchase', attested: true })).toBe('idle');
  expect(draft({ attested: true })).toBeUndefined();
  expect(draft({ attestedCodes: true })).toBeUndefined();
  expect(draft({ attestor: '' })).toBeUndefined();

  // In a change, one that was there before stays, and one that is asked cannot be taken away
  const change = (of: Partial<Terms>, base: Partial<Settings>, proof: Proof) => {
    const from = { ...BASE, ...base };
    const found = changed({ ...typed(from, TOKENS), ...of }, from, TOKENS, proof);
    return 'faults' in found ? found.faults.get('attestor') : 'settings';
  };
  const attestor = ATTESTOR as Settings['attestor'];
  expect(change({ attestor: ATTESTOR }, {}, Proof.Open)).toBe('idle');
  expect(change({ reward: '9' }, { attestor }, Proof.Open)).toBe('settings');
  expect(change({ attestor: ISSUER }, { attestor }, Proof.Attested)).toBe('settings');
  expect(change({ attestor: '' }, { attestor }, Proof.Attested)).toBe('required');
  expect(change({ attestor: '' }, { attestor, attestedCodes: true }, Proof.Open)).toBe('required');
});

it('leaves the attestor to the API where nobody is named', () => {
  const found = settingsOf(TERMS, NOTHING, TOKENS, false);
  expect('settings' in found && 'attestor' in inputOf(found.settings)).toBe(false);
});

it('names every further setting that is wrong', () => {
  const wrong = { attestor: 'me', windowDays: '366', ownerLimit: '0', gateIssuer: ISSUER };
  expect(faults(wrong)).toEqual({
    attestor: 'account',
    windowDays: 'days',
    ownerLimit: 'zero',
    gateSchema: 'required',
  });
  expect(faults({ ownerLimit: '1.5', gateSchema: SCHEMA, gateIssuer: 'x' })).toEqual({
    ownerLimit: 'number',
    gateIssuer: 'account',
  });
  expect(faults({ gateSchema: SCHEMA })).toEqual({ gateIssuer: 'required' });
});

it('keeps a window that no number of days says exactly', () => {
  const base = { ...BASE, attributionWindow: 7 };
  expect(changed(typed(base, TOKENS), base, TOKENS, Proof.Open)).toEqual({ settings: base });
});

it('counts by owner if a limit needs it, and attests sign-ups alone', () => {
  const draft: Draft = { ...newDraft(), ...TERMS, name: 'Aurora' };
  expect(termsOf(draft)).toMatchObject({ perOwner: false, proof: Proof.Open });
  expect(termsOf({ ...draft, ownerLimit: '5' }).perOwner).toBe(true);
  expect(termsOf({ ...draft, attested: true }).proof).toBe(Proof.Attested);
  expect(termsOf({ ...draft, attested: true, goal: 'purchase' }).proof).toBe(Proof.Payment);
});

it('splits payments in SOL or in a token', () => {
  const split: Draft = { ...newDraft(), ...TERMS, name: 'A', goal: 'purchase', source: 'split' };
  expect([mintOf(split), ...faultsOf(split)]).toEqual(['']);
  const inToken = { ...split, mint: ` ${ATTESTOR} ` };
  expect([mintOf(inToken), paymentOf(inToken), ...faultsOf(inToken)]).toEqual([ATTESTOR, '']);
  expect([...faultsOf({ ...split, mint: 'USDC' })]).toEqual([['mint', 'address']]);
  // And a new token has no mint, even if one was typed before
  expect(mintOf({ ...inToken, source: 'new' })).toBe('');
});
