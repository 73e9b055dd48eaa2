/** The possible meanings of a text, and the campaigns, codes, conversions and wallets that it finds. */

import { answer, api, Refusal, type Campaign, type Conversion } from '../api/client';
import { t } from '../i18n';
import { f } from '../i18n/find';
import { short } from '../ui/format';

export type Found = {
  readonly kind: 'page' | 'campaign' | 'console' | 'code' | 'conversion' | 'wallet';
  readonly title: string;
  readonly detail?: string;
  readonly href: string;
  /** Another page than those of this script. */
  readonly isOutside?: boolean;
};

/** The forms that a text has. An order can have any form. */
export type Meaning = { code: boolean; address: boolean; signature: boolean };

const BASE58 = /^[1-9A-HJ-NP-Za-km-z]+$/;
const CODE = /^[A-HJKMNP-Z2-9]{6,12}$/;
/** Most conversions of one question. */
const MOST = 5;

/** The meanings that the text can have by its form alone. */
export function meaningOf(text: string): Meaning {
  const isBase58 = BASE58.test(text);
  return {
    code: CODE.test(text.toUpperCase()),
    address: isBase58 && text.length >= 32 && text.length <= 44,
    signature: isBase58 && text.length >= 64 && text.length <= 88,
  };
}

/** The pages whose names contain the text. */
export function pagesFor(text: string): Found[] {
  const names = f().page;
  const pages: [string, string, boolean?][] = [
    [names.me, '/me'],
    [names.console, '/console'],
    [names.new, '/console/new'],
    [names.board, '/leaderboard'],
    [names.home, '/'],
    [names.api, '/docs/', true],
  ];
  const wanted = text.trim().toLowerCase();
  return pages
    .filter(([title]) => title.toLowerCase().includes(wanted))
    .map(([title, href, isOutside = false]) => ({ kind: 'page', title, href, isOutside }));
}

/** Everything that the text names. Throws a `Refusal` if the API cannot be asked. */
export async function lookUp(
  text: string,
  signal: AbortSignal,
  campaigns: Names,
): Promise<Found[]> {
  const { code, address, signature } = meaningOf(text);
  const questions: Promise<Found[]>[] = [];
  if (signature) questions.push(conversions({ signature: text }, signal));
  if (address) {
    questions.push(
      one(text, signal, campaignAt),
      one(text, signal, conversionAt),
      conversions({ wallet: text }, signal),
    );
  }
  if (code) questions.push(one(text.toUpperCase(), signal, codeOf));
  if (!address && !signature) {
    questions.push(named(text, campaigns), conversions({ order: text }, signal));
  }
  const found = (await Promise.all(questions)).flat();
  // An address that is neither campaign nor conversion can be a wallet that has done nothing yet.
  if (address && !found.some(({ kind }) => kind === 'campaign' || isOf(text, kind, found))) {
    const href = `/leaderboard?wallet=${text}`;
    found.push({ kind: 'wallet', title: short(text), detail: f().place, href });
  }
  return found;
}

const isOf = (address: string, kind: string, found: Found[]) =>
  kind === 'conversion' && found.some(({ href }) => href === `/conversion/${address}`);

/** Nothing, if there is none. */
async function one(
  text: string,
  signal: AbortSignal,
  ask: (text: string, signal: AbortSignal) => Promise<Found[]>,
): Promise<Found[]> {
  try {
    return await ask(text, signal);
  } catch (error) {
    const isMissing = error instanceof Refusal && /_not_found$|^invalid_/.test(error.code);
    if (isMissing) return [];
    throw error;
  }
}

async function campaignAt(address: string, signal: AbortSignal): Promise<Found[]> {
  const params = { path: { address } };
  const { name } = await answer(api.GET('/v1/campaigns/{address}', { params, signal }));
  return ofCampaign(address, name);
}

function ofCampaign(address: string, name: string | null | undefined): Found[] {
  const title = name ?? t().home.unnamed;
  const detail = short(address);
  return [
    { kind: 'campaign', title, detail, href: `/c/${address}` },
    { kind: 'console', title: f().of(title), detail, href: `/console/${address}` },
  ];
}

async function conversionAt(address: string, signal: AbortSignal): Promise<Found[]> {
  const params = { path: { address } };
  const found = await answer(api.GET('/v1/conversions/{address}', { params, signal }));
  return [ofConversion(found.conversion)];
}

const ofConversion = ({ address, code, referee, status }: Conversion): Found => ({
  kind: 'conversion',
  title: `${code} · ${short(referee)}`,
  detail: (t().status as Record<string, string>)[status] ?? status,
  href: `/conversion/${address}`,
});

type Question = { signature: string } | { wallet: string } | { order: string };

function conversions(by: Question, signal: AbortSignal): Promise<Found[]> {
  return one('', signal, async (_, signal) => {
    const query = { ...by, limit: MOST };
    const found = await answer(api.GET('/v1/conversions', { params: { query }, signal }));
    return found.conversions.map(ofConversion);
  });
}

async function codeOf(code: string, signal: AbortSignal): Promise<Found[]> {
  const found = await answer(api.GET('/v1/codes/{code}', { params: { path: { code } }, signal }));
  const href = `/c/${found.campaign}?ref=${code}`;
  const query = { code, limit: MOST };
  const made = await answer(api.GET('/v1/conversions', { params: { query }, signal }));
  return [
    { kind: 'code', title: code, detail: short(found.owner), href },
    ...made.conversions.map(ofConversion),
  ];
}

type Names = () => Promise<readonly Pick<Campaign, 'address' | 'name'>[]>;

/** The newest campaigns, asked for when they are needed first, and again only after a failure. */
export function namesOnce(): Names {
  let asked: ReturnType<Names> | undefined;
  return () => {
    const params = { query: { limit: 200 } };
    asked ??= answer(api.GET('/v1/campaigns', { params })).then(
      ({ campaigns }) => campaigns,
      (error: unknown) => {
        asked = undefined;
        throw error;
      },
    );
    return asked;
  };
}

/** Campaigns of which the name contains the text, among the newest. */
async function named(text: string, campaigns: Names): Promise<Found[]> {
  const wanted = text.toLowerCase();
  return (await campaigns())
    .filter(({ name }) => name?.toLowerCase().includes(wanted))
    .slice(0, MOST)
    .flatMap(({ address, name }) => ofCampaign(address, name).slice(0, 1));
}
