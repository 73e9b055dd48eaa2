/** The draft of a campaign as it is typed, and the terms and settings that it means. */

import { Funding } from '@vouch/client/generated/types/funding.js';
import { Proof } from '@vouch/client/generated/types/proof.js';
import { RewardKind } from '@vouch/client/generated/types/rewardKind.js';
import type { Settings } from '@vouch/client/generated/types/settings.js';
import type { TermsArgs } from '@vouch/client/generated/types/terms.js';
import { Uniqueness } from '@vouch/client/generated/types/uniqueness.js';

import { bpsOf, typedOf, unitsOf } from '../../format/enter';

/** The fields that both a new campaign and a change of one have. All are texts as typed. */
export type Terms = {
  kind: 'fixed' | 'percent';
  /** Tokens, or a percentage. */
  reward: string;
  /** Most tokens for one conversion, of a percentage; empty for as much as fits. */
  max: string;
  /** Least amount that counts, of purchases; empty for the usual one. */
  least: string;
  /** Percent of the reward for the wallet that was referred. */
  referee: string;
  tiers: { from: string; times: string }[];
  bonuses: { at: string; amount: string }[];
  /** Tokens; empty for no limit. */
  budget: string;
  holdDays: string;
  /** A day as browsers write it, `2026-12-31`; empty for never. */
  ends: string;
  /** Address of the key that vouches for conversions or codes; empty for nobody, or the authority where one is needed. */
  attestor: string;
  /** Whether a code needs the attestor's signature. */
  attestedCodes: boolean;
  /** Days that a first touch counts; 0 for none. */
  windowDays: string;
  /** Most conversions of all codes of one owner; empty for no limit. */
  ownerLimit: string;
  /** Issuer and schema of the credential that a referred wallet needs; both empty for none. */
  gateIssuer: string;
  gateSchema: string;
};

/** A campaign to open. */
export type Draft = Terms & {
  /** The creator's own number for it: a draft that is opened twice is the same campaign. */
  id: string;
  step: number;
  name: string;
  goal: 'signup' | 'purchase';
  /** Whether each sign-up needs a voucher of the attestor. */
  attested: boolean;
  source: 'new' | 'vault' | 'split';
  symbol: string;
  mint: string;
  funds: string;
  /** Mint of the payments; empty for SOL. */
  payment: string;
  noticeDays: string;
  /** An amount for the preview of a percentage. */
  example: string;
};

/** A field that is wrong. */
export type Field = keyof Draft;
type Fault = 'idle' | 'number' | 'required' | 'address' | 'account' | 'days' | 'percent' | 'zero';
export type Faults = ReadonlyMap<Field, Fault>;

export const TIERS = 4;
/** No address, in settings. */
const NOBODY = '11111111111111111111111111111111' as Settings['attestor'];
const DAY = 86_400;
const MOST_DAYS = 365;
/** Digits of a day after the point: the fewest that tell each second from the next. */
const DAY_DIGITS = 6;
const DAY_PARTS = 10 ** DAY_DIGITS;
const ADDRESS = /^[1-9A-HJ-NP-Za-km-z]{32,44}$/;
const SOL_DECIMALS = 9;
const NEW_DECIMALS = 6;

export const EMPTY: Terms = {
  kind: 'fixed',
  reward: '',
  max: '',
  least: '',
  referee: '0',
  tiers: [],
  bonuses: [],
  budget: '',
  holdDays: '0',
  ends: '',
  attestor: '',
  attestedCodes: false,
  windowDays: '0',
  ownerLimit: '',
  gateIssuer: '',
  gateSchema: '',
};

/** A new draft. `id` is 64 random bits. */
export function newDraft(): Draft {
  const [id] = crypto.getRandomValues(new BigUint64Array(1));
  return {
    ...EMPTY,
    id: id!.toString(),
    step: 0,
    name: '',
    goal: 'signup',
    attested: false,
    source: 'new',
    symbol: '',
    mint: '',
    funds: '',
    payment: '',
    noticeDays: '7',
    example: '1',
  };
}

/** The tokens of a campaign: their programs, which the node knows, and their decimals. */
export type Tokens = {
  /** Decimals of the rewards. */
  readonly reward: number;
  /** Decimals of the payments. */
  readonly payment: number;
};

/** Decimals as long as no token is named that exists. */
export function usualTokens(draft: Pick<Draft, 'source'>): Tokens {
  const reward = draft.source === 'split' ? SOL_DECIMALS : NEW_DECIMALS;
  return { reward, payment: SOL_DECIMALS };
}

/** Whether the conversions of a draft are payments. */
export const isPaid = (draft: Pick<Draft, 'goal'>) => draft.goal === 'purchase';

/** The mint of the payments of a draft; empty for SOL, or for none. */
export const paymentOf = (draft: Pick<Draft, 'goal' | 'source' | 'payment'>): string =>
  isPaid(draft) && draft.source !== 'split' ? draft.payment.trim() : '';

/** The mint of the rewards of a draft; empty for a new token, or for SOL. */
export const mintOf = (draft: Pick<Draft, 'source' | 'mint'>): string =>
  draft.source === 'new' ? '' : draft.mint.trim();

/** Whether payments and rewards of a draft are of one token. */
export const canCompare = (draft: Pick<Draft, 'goal' | 'source' | 'payment' | 'mint'>): boolean =>
  draft.source === 'split' ||
  (draft.source === 'vault' && draft.mint.trim() !== '' && draft.mint.trim() === paymentOf(draft));

/** Proofs as the API writes them. */
export const PROOFS: Record<Proof, string> = {
  [Proof.Open]: 'open',
  [Proof.Attested]: 'attested',
  [Proof.Payment]: 'payment',
};

/** The terms that never change. */
export function termsOf(draft: Draft): TermsArgs {
  const pays = isPaid(draft);
  const funding = { new: Funding.MintAuthority, vault: Funding.Vault, split: Funding.PaymentSplit };
  return {
    funding: funding[draft.source],
    proof: pays ? Proof.Payment : draft.attested ? Proof.Attested : Proof.Open,
    uniqueness: pays ? Uniqueness.Order : Uniqueness.Wallet,
    perOwner: draft.ownerLimit.trim() !== '',
    noticeSeconds: seconds(draft.noticeDays) ?? 0,
  };
}

function seconds(days: string): number | undefined {
  const parts = unitsOf(days || '0', DAY_DIGITS);
  if (parts === undefined || parts > BigInt(MOST_DAYS * DAY_PARTS)) return undefined;
  return Math.round((Number(parts) * DAY) / DAY_PARTS);
}

/** Unix seconds of the end of a day in the reader's zone; 0 for never. */
export function endOf(day: string): bigint | undefined {
  if (day === '') return 0n;
  const at = new Date(`${day}T23:59:59`).getTime();
  return Number.isNaN(at) ? undefined : BigInt(Math.floor(at / 1000));
}

/** A number of conversions, from one on. */
const count = (text: string) =>
  /^0*[1-9]\d{0,11}$/.test(text.trim()) ? BigInt(text.trim()) : undefined;

/**
 * The settings that are typed, on top of `base`; the fields that are wrong if it means none. Fields that are hidden
 * where nobody pays are ignored.
 */
export function settingsOf(
  terms: Terms,
  base: Settings,
  tokens: Tokens,
  pays: boolean,
): { settings: Settings } | { faults: Faults } {
  const faults = new Map<Field, Fault>();
  const need = <T>(value: T | undefined, field: Field, why: Fault, or: T) => {
    if (value === undefined) faults.set(field, why);
    return value ?? or;
  };
  const tokensOf = (text: string, field: Field, decimals = tokens.reward) =>
    text.trim() === '' ? 0n : need(unitsOf(text, decimals), field, 'number', 0n);
  /** Zero means no limit on chain, and nobody who types it means that. */
  const limitOf = (text: string, field: Field, decimals = tokens.reward) => {
    const units = tokensOf(text, field, decimals);
    if (text.trim() !== '' && units === 0n && !faults.has(field)) faults.set(field, 'zero');
    return units;
  };
  const addressOf = (text: string, field: Field) => {
    const address = text.trim();
    if (address !== '' && !ADDRESS.test(address)) faults.set(field, 'account');
    return (address || NOBODY) as Settings['attestor'];
  };
  if (terms.reward.trim() === '') faults.set('reward', 'required');
  const gates = [terms.gateIssuer.trim(), terms.gateSchema.trim()];
  if (gates[0] === '' && gates[1] !== '') faults.set('gateIssuer', 'required');
  if (gates[1] === '' && gates[0] !== '') faults.set('gateSchema', 'required');
  const isFixed = terms.kind === 'fixed';
  const tier = { minConversions: 0n, multiplierBps: 0 };
  const bonus = { threshold: 0n, amount: 0n };
  const tiers = terms.tiers.map(({ from, times }) => ({
    minConversions: need(count(from), 'tiers', 'number', 0n),
    multiplierBps: Number(need(unitsOf(times, 4), 'tiers', 'number', 0n)),
  }));
  if (tiers.some(({ multiplierBps }) => multiplierBps > 65_535)) faults.set('tiers', 'number');
  const bonuses = terms.bonuses.map(({ at, amount }) => ({
    threshold: need(count(at), 'bonuses', 'number', 0n),
    amount: need(unitsOf(amount, tokens.reward), 'bonuses', 'number', 0n),
  }));
  const referee = need(bpsOf(terms.referee || '0'), 'referee', 'percent', 0);
  const settings: Settings = {
    ...base,
    rewardKind: isFixed ? RewardKind.Fixed : RewardKind.Percent,
    rewardFixed: isFixed ? tokensOf(terms.reward, 'reward') : 0n,
    rewardBps: isFixed ? 0 : need(bpsOf(terms.reward), 'reward', 'percent', 0),
    rewardMax: isFixed ? 0n : limitOf(terms.max, 'max'),
    minAmount: pays ? tokensOf(terms.least, 'least', tokens.payment) : base.minAmount,
    refereeShareBps: referee,
    tiers: [...tiers, ...Array.from({ length: TIERS - tiers.length }, () => tier)],
    bonuses: [...bonuses, ...Array.from({ length: TIERS - bonuses.length }, () => bonus)],
    holdSeconds: need(seconds(terms.holdDays), 'holdDays', 'days', 0),
    endsAt: need(endOf(terms.ends), 'ends', 'days', 0n),
    budget: limitOf(terms.budget, 'budget'),
    attestor: addressOf(terms.attestor, 'attestor'),
    attestedCodes: terms.attestedCodes,
    attributionWindow: need(seconds(terms.windowDays), 'windowDays', 'days', 0),
    ownerLimit: limitOf(terms.ownerLimit, 'ownerLimit', 0),
    gateCredential: addressOf(terms.gateIssuer, 'gateIssuer'),
    gateSchema: addressOf(terms.gateSchema, 'gateSchema'),
  };
  return faults.size > 0 ? { faults } : { settings };
}

/** Settings without any reward, as a base of a new campaign's. */
export const NOTHING: Settings = {
  rewardKind: RewardKind.Fixed,
  rewardFixed: 0n,
  rewardBps: 0,
  rewardMax: 0n,
  minAmount: 0n,
  refereeShareBps: 0,
  refereeFixed: 0n,
  maxPartnerShareBps: 0,
  maxPartnerFixed: 0n,
  ownerLimit: 0n,
  tiers: [],
  bonuses: [],
  holdSeconds: 0,
  attributionWindow: 0,
  startsAt: 0n,
  endsAt: 0n,
  gateCredential: NOBODY,
  gateSchema: NOBODY,
  budget: 0n,
  attestedCodes: false,
  attestor: NOBODY,
  treasury: NOBODY,
};

/**
 * The fault of an attestor that nothing asks, although the company would believe that it decides what counts.
 * `vouches` says whether each conversion needs it.
 */
export const attestorFault = (
  { attestor, attestedCodes }: Pick<Terms, 'attestor' | 'attestedCodes'>,
  vouches: boolean,
): Fault | undefined => (attestor.trim() !== '' && !vouches && !attestedCodes ? 'idle' : undefined);

/** The faults of a draft besides those of its settings. */
export function faultsOf(draft: Draft): Faults {
  const faults = new Map<Field, Fault>();
  if (draft.name.trim() === '') faults.set('name', 'required');
  const mint = mintOf(draft);
  if (draft.source === 'vault' && mint === '') faults.set('mint', 'address');
  if (mint !== '' && !ADDRESS.test(mint)) faults.set('mint', 'address');
  const payment = paymentOf(draft);
  if (payment !== '' && !ADDRESS.test(payment)) {
    faults.set('payment', 'address');
  }
  const fault = attestorFault(draft, !isPaid(draft) && draft.attested);
  if (fault) faults.set('attestor', fault);
  if (seconds(draft.noticeDays) === undefined) faults.set('noticeDays', 'days');
  const [isNone, isEmpty] = [/^[0.,]+$/, (text: string) => text.trim() === ''];
  if (isPaid(draft) && isNone.test(draft.least.trim())) faults.set('least', 'zero');
  if (isPaid(draft) && !canCompare(draft)) {
    const field = draft.kind === 'fixed' ? 'least' : 'max';
    if (isEmpty(draft[field])) faults.set(field, 'required');
  }
  return faults;
}

const timeOf = (unix: bigint) => new Date(Number(unix) * 1000).toISOString();

/** Settings as the API takes them. `isChange` sends a least amount of zero, too, which replaces the usual one. */
function allOf(settings: Settings, isChange: boolean) {
  const isFixed = settings.rewardKind === RewardKind.Fixed;
  return {
    reward: isFixed
      ? { fixed: settings.rewardFixed.toString() }
      : {
          percent_bps: settings.rewardBps,
          ...(settings.rewardMax > 0n && { max: settings.rewardMax.toString() }),
        },
    ...((isChange || settings.minAmount > 0n) && { min_amount: settings.minAmount.toString() }),
    referee_share_bps: settings.refereeShareBps,
    tiers: settings.tiers
      .filter(({ minConversions }) => minConversions > 0n)
      .map((tier) => ({
        min_conversions: tier.minConversions.toString(),
        multiplier_bps: tier.multiplierBps,
      })),
    bonuses: settings.bonuses
      .filter(({ threshold }) => threshold > 0n)
      .map((bonus) => ({ threshold: bonus.threshold.toString(), amount: bonus.amount.toString() })),
    hold_seconds: settings.holdSeconds,
    ends_at: settings.endsAt === 0n ? 'never' : timeOf(settings.endsAt),
    budget: settings.budget.toString(),
    attestor: nameOf(settings.attestor),
    attested_codes: settings.attestedCodes,
    attribution_window: settings.attributionWindow,
    owner_limit: settings.ownerLimit.toString(),
    gate_credential: nameOf(settings.gateCredential),
    gate_schema: nameOf(settings.gateSchema),
  };
}

/** An address as the API takes it in settings. */
const nameOf = (address: string) => (address === NOBODY ? 'none' : address);

/** The settings of a new campaign: an attestor that is needed and not named is the authority. */
export function inputOf(settings: Settings) {
  const { attestor, ...all } = allOf(settings, false);
  return { ...all, ...(settings.attestor !== NOBODY && { attestor }) };
}

/** The settings that a change names: those that differ. */
export function changeOf(settings: Settings, base: Settings): Partial<ReturnType<typeof allOf>> {
  const before: Record<string, unknown> = allOf(base, true);
  const isChanged = ([name, value]: [string, unknown]) =>
    JSON.stringify(value) !== JSON.stringify(before[name]);
  return Object.fromEntries(Object.entries(allOf(settings, true)).filter(isChanged));
}

/** Settings as they are typed. */
export function typed(settings: Settings, tokens: Tokens): Terms {
  const isFixed = settings.rewardKind === RewardKind.Fixed;
  const units = (value: bigint) => (value === 0n ? '' : typedOf(value, tokens.reward));
  return {
    kind: isFixed ? 'fixed' : 'percent',
    reward: isFixed ? units(settings.rewardFixed) : typedOf(BigInt(settings.rewardBps), 2),
    max: units(settings.rewardMax),
    least: settings.minAmount === 0n ? '' : typedOf(settings.minAmount, tokens.payment),
    referee: typedOf(BigInt(settings.refereeShareBps), 2),
    tiers: settings.tiers
      .filter(({ minConversions }) => minConversions > 0n)
      .map((tier) => ({
        from: tier.minConversions.toString(),
        times: typedOf(BigInt(tier.multiplierBps), 4),
      })),
    bonuses: settings.bonuses
      .filter(({ threshold }) => threshold > 0n)
      .map((bonus) => ({ at: bonus.threshold.toString(), amount: units(bonus.amount) })),
    budget: units(settings.budget),
    holdDays: daysOf(settings.holdSeconds),
    ends: settings.endsAt === 0n ? '' : dayOf(settings.endsAt),
    attestor: addressText(settings.attestor),
    attestedCodes: settings.attestedCodes,
    windowDays: daysOf(settings.attributionWindow),
    ownerLimit: settings.ownerLimit === 0n ? '' : settings.ownerLimit.toString(),
    gateIssuer: addressText(settings.gateCredential),
    gateSchema: addressText(settings.gateSchema),
  };
}

const daysOf = (seconds: number) =>
  typedOf(BigInt(Math.round((seconds * DAY_PARTS) / DAY)), DAY_DIGITS);
const addressText = (address: string) => (address === NOBODY ? '' : address);

/** The day in the reader's zone, as browsers write it. */
function dayOf(unix: bigint): string {
  const at = new Date(Number(unix) * 1000);
  const two = (value: number) => value.toString().padStart(2, '0');
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/**
 * The settings with what was typed, but every value that was not touched exactly as it was: an end in the middle
 * of a day cannot be typed. Without a maximum, a percentage keeps the one that it has. An attestor is needed where
 * one is asked, and refused where a new one is not.
 */
export function changed(
  terms: Terms,
  base: Settings,
  tokens: Tokens,
  proof: Proof,
): { settings: Settings } | { faults: Faults } {
  const found = settingsOf(terms, base, tokens, proof === Proof.Payment);
  if ('faults' in found) return found;
  const before = typed(base, tokens);
  const vouches = proof === Proof.Attested;
  const idle = terms.attestor.trim() !== before.attestor && attestorFault(terms, vouches);
  if (idle) return { faults: new Map([['attestor', idle]]) };
  if (terms.attestor.trim() === '' && (vouches || terms.attestedCodes)) {
    return { faults: new Map([['attestor', 'required']]) };
  }
  const settings = { ...found.settings };
  if (terms.holdDays === before.holdDays) settings.holdSeconds = base.holdSeconds;
  if (terms.ends === before.ends) settings.endsAt = base.endsAt;
  if (terms.windowDays === before.windowDays) settings.attributionWindow = base.attributionWindow;
  if (terms.kind === 'percent' && terms.max.trim() === '') {
    if (base.rewardKind !== RewardKind.Percent) return { faults: new Map([['max', 'required']]) };
    settings.rewardMax = base.rewardMax;
  }
  return { settings };
}

/**
 * The same as {@link changed}, if the settings are still those with which the form began: who changed one must not
 * bring back another that somebody has changed meanwhile. `undefined` if they are others.
 */
export function changedStill(
  terms: Terms,
  base: Settings,
  fresh: Settings,
  tokens: Tokens,
  proof: Proof,
): ReturnType<typeof changed> | undefined {
  return textOf(fresh) === textOf(base) ? changed(terms, fresh, tokens, proof) : undefined;
}

/**
 * Whether a cut that was announced, to hold from `announced`, waits anew by a change that holds from `from`, in unix
 * seconds; 0 for none, and for at once.
 */
export const restarts = (announced: bigint, from: bigint, now: bigint): boolean =>
  announced > now && from > announced;

const textOf = (settings: Settings) =>
  JSON.stringify(settings, (_, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );

/** That is in `sessionStorage` until the tab is closed, or the wallet is left. */
const KEY = 'vouch:draft';

/** The draft of this wallet that this tab has kept. */
export function keptDraft(wallet: string): Draft | undefined {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? 'null') as {
      wallet?: unknown;
      draft?: Partial<Draft>;
    } | null;
    if (kept?.wallet !== wallet || typeof kept.draft !== 'object') return undefined;
    const fresh = newDraft();
    // Only fields of the right kind: an older version of the page may have kept it.
    const right = Object.entries(kept.draft).filter(
      ([name, value]) =>
        name in fresh &&
        typeof value === typeof fresh[name as Field] &&
        Array.isArray(value) === Array.isArray(fresh[name as Field]),
    );
    return { ...fresh, ...Object.fromEntries(right) };
  } catch {
    // It can hold anything, and can be switched off.
    return undefined;
  }
}

export function keepDraft(wallet: string, draft: Draft): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ wallet, draft }));
  } catch {
    // Then it lasts as long as the page.
  }
}

export function dropDraft(): void {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // Nothing is kept.
  }
}
