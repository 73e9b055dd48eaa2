/** The terms of a campaign: those in force, and what those change that it has announced. */

import { For, Show } from 'solid-js';

import { RewardKind } from '@vouch/client/generated/types/rewardKind.js';
import type { Settings } from '@vouch/client/generated/types/settings.js';

import type { Campaign } from '../../api/client';
import { formatBps, type Token } from '../../format/money';
import { exactTime, formatDuration } from '../../format/time';
import { locale, t } from '../../i18n';
import { c } from '../../i18n/console';
import { r } from '../../i18n/run';
import { SOL_MINT } from '../../lib/site';
import { Address, moneyText, short, tokenOf, when } from '../../ui/format';

/** The fields that both the terms in force and the announced ones have. */
export type Terms = Pick<Campaign, 'reward' | 'rules' | 'starts_at' | 'ends_at'>;
export type Row = readonly [name: string, text: string];

/**
 * Every term that is set, in words. Addresses are whole: two that are shortened alike must not look like one.
 * `payment` is the token of the least amount, where buyers pay.
 */
export function rowsOf(
  token: Token,
  payment: Token,
  { reward, rules, starts_at, ends_at }: Terms,
): Row[] {
  if (!rules) return [];
  const money = (units: string) => moneyText(units, token);
  const number = (units: string) => new Intl.NumberFormat(locale()).format(BigInt(units));
  const duration = (seconds: number) => formatDuration(seconds, locale());
  const time = (at: string) => exactTime(Date.parse(at), locale());
  const share = (bps: number) => formatBps(bps, locale());
  const part = (units: string, bps: number) =>
    units !== '0' ? money(units) : bps === 0 ? c().terms.nobody : share(bps);
  const all: (Row | undefined | false | null | '' | 0)[] = [
    [c().terms.reward, reward.kind === 'fixed' ? money(reward.fixed) : share(reward.bps)],
    reward.max && [c().terms.max, money(reward.max)],
    [c().terms.referee, part(rules.referee_fixed, rules.referee_share_bps)],
    [c().terms.partner, part(rules.max_partner_fixed, rules.max_partner_share_bps)],
    ...rules.tiers.map(({ min_conversions, multiplier_bps }): Row => [
      c().terms.tier(number(min_conversions)),
      share(multiplier_bps),
    ]),
    ...rules.bonuses.map(({ threshold, amount }): Row => [
      c().terms.bonus(number(threshold)),
      money(amount),
    ]),
    [c().terms.hold, rules.hold_seconds === 0 ? c().terms.noHold : duration(rules.hold_seconds)],
    [
      c().terms.notice,
      rules.notice_seconds === 0 ? c().terms.noNotice : duration(rules.notice_seconds),
    ],
    rules.attribution_window && [c().terms.window, duration(rules.attribution_window)],
    rules.min_amount !== '0' && [c().terms.least, moneyText(rules.min_amount, payment)],
    rules.owner_limit && [c().terms.owner, number(rules.owner_limit)],
    [c().terms.budget, rules.budget ? money(rules.budget) : c().figures.noBudget],
    rules.attestor && [c().terms.attestor, rules.attestor],
    rules.attested_codes && [c().terms.attestedCodes, c().terms.yes],
    rules.treasury && [c().terms.treasury, rules.treasury],
    rules.credential && [
      c().terms.credential,
      `${rules.credential.issuer} ${rules.credential.schema}`,
    ],
    starts_at && [c().terms.starts, time(starts_at)],
    [c().terms.ends, ends_at ? time(ends_at) : t().campaign.noEnd],
  ];
  return all.filter((row): row is Row => Boolean(row));
}

/** The terms that differ, with both texts. */
export function differences(now: Row[], then: Row[]) {
  const [before, after] = [new Map(now), new Map(then)];
  return [...new Set([...before.keys(), ...after.keys()])]
    .map((name) => [name, before.get(name) ?? '–', after.get(name) ?? '–'] as const)
    .filter(([, before, after]) => before !== after);
}

/** The token of a campaign's payments. Nobody has told a page without a node how that of another mint is divided. */
export function paymentOf(campaign: Campaign): Token {
  const [mint, token] = [campaign.payment_mint, tokenOf(campaign)];
  if (!mint || mint === campaign.mint) return token;
  if (mint === SOL_MINT) return tokenOf({ mint, decimals: 9 });
  return { decimals: 0, symbol: c().terms.baseUnits(short(mint)), mint };
}

/** The names of those that hold from the next transaction on, also in a cut. */
export const evenInCuts = (): readonly string[] => [
  c().terms.budget,
  c().terms.attestor,
  c().terms.attestedCodes,
  c().terms.treasury,
];

/** Settings as the program has them, as the API writes terms. */
export function asTerms(settings: Settings, noticeSeconds: number): Terms {
  const isFixed = settings.rewardKind === RewardKind.Fixed;
  const address = (of: string) => (of === SOL_MINT ? null : of);
  const limit = (of: bigint) => (of === 0n ? null : of.toString());
  const time = (unix: bigint) => (unix === 0n ? null : new Date(Number(unix) * 1000).toISOString());
  const credential = address(settings.gateCredential);
  return {
    reward: {
      kind: isFixed ? 'fixed' : 'percent',
      fixed: settings.rewardFixed.toString(),
      bps: settings.rewardBps,
      max: isFixed ? null : settings.rewardMax.toString(),
    } as Terms['reward'],
    rules: {
      attested_codes: settings.attestedCodes,
      attestor: address(settings.attestor),
      attribution_window: settings.attributionWindow || null,
      bonuses: settings.bonuses
        .filter(({ threshold }) => threshold > 0n)
        .map((it) => ({ threshold: it.threshold.toString(), amount: it.amount.toString() })),
      budget: limit(settings.budget),
      committed: '0',
      credential: credential ? { issuer: credential, schema: settings.gateSchema } : null,
      credential_required: credential !== null,
      hold_seconds: settings.holdSeconds,
      max_partner_fixed: settings.maxPartnerFixed.toString(),
      max_partner_share_bps: settings.maxPartnerShareBps,
      min_amount: settings.minAmount.toString(),
      notice_seconds: noticeSeconds,
      owed: '0',
      owner_limit: limit(settings.ownerLimit),
      referee_fixed: settings.refereeFixed.toString(),
      referee_share_bps: settings.refereeShareBps,
      tiers: settings.tiers
        .filter(({ minConversions }) => minConversions > 0n)
        .map((it) => ({
          min_conversions: it.minConversions.toString(),
          multiplier_bps: it.multiplierBps,
        })),
      treasury: address(settings.treasury),
      varies: false,
    } as NonNullable<Terms['rules']>,
    starts_at: time(settings.startsAt),
    ends_at: time(settings.endsAt),
  };
}

/** The changes to come, and from when on they hold. */
export function Announced(props: {
  campaign: Campaign;
  announced: NonNullable<Campaign['announced']>;
}) {
  const at = () => Date.parse(props.announced.takes_effect_at ?? '');
  const rows = (terms: Terms) => rowsOf(tokenOf(props.campaign), paymentOf(props.campaign), terms);
  const changes = () => differences(rows(props.campaign), rows(props.announced));
  return (
    <div class="notice">
      <h2>{c().announced.title(when(at()))}</h2>
      <p>{c().announced.text}</p>
      <dl class="rows">
        <For each={changes()}>
          {([name, before, after]) => (
            <div>
              <dt>{name}</dt>
              <dd>
                <s>{before}</s> <span aria-hidden="true">→</span> {after}
              </dd>
            </div>
          )}
        </For>
      </dl>
    </div>
  );
}

/** All terms that are in force. */
export function Rules(props: { campaign: Campaign }) {
  return (
    <section class="section" aria-labelledby="terms">
      <header>
        <h2 id="terms">{c().terms.title}</h2>
      </header>
      <dl class="rows">
        <For each={rowsOf(tokenOf(props.campaign), paymentOf(props.campaign), props.campaign)}>
          {([name, text]) => (
            <div>
              <dt>{name}</dt>
              <dd>{text}</dd>
            </div>
          )}
        </For>
        <div>
          <dt>{c().terms.token}</dt>
          <dd>
            <Address address={props.campaign.mint} />
          </dd>
        </div>
        <div>
          <dt>{r().open.proves}</dt>
          <dd>{r().open.proofOf[props.campaign.proof] ?? props.campaign.proof}</dd>
        </div>
        <Show when={props.campaign.vault}>
          {(vault) => (
            <div>
              <dt>{c().figures.vault}</dt>
              <dd>
                <Address address={vault().address} />
              </dd>
              <dd class="note">{c().terms.vaultNote}</dd>
            </div>
          )}
        </Show>
      </dl>
    </section>
  );
}
