/** The terms of a campaign: those in force, and what those change that it has announced. */

import { For, Show } from 'solid-js';

import type { Campaign } from '../../api/client';
import { formatBps } from '../../format/money';
import { exactTime, formatDuration } from '../../format/time';
import { locale, t } from '../../i18n';
import { c } from '../../i18n/console';
import { Address, moneyText, short, tokenOf, when } from '../../ui/format';

/** What both the terms in force and the announced ones have. */
type Terms = Pick<Campaign, 'reward' | 'rules' | 'starts_at' | 'ends_at'>;
type Row = readonly [name: string, text: string];

/** Every term that is set, in words. */
function rowsOf(campaign: Campaign, { reward, rules, starts_at, ends_at }: Terms): Row[] {
  if (!rules) return [];
  const token = tokenOf(campaign);
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
    rules.min_amount !== '0' && [c().terms.least, money(rules.min_amount)],
    rules.owner_limit && [c().terms.owner, number(rules.owner_limit)],
    [c().terms.budget, rules.budget ? money(rules.budget) : c().figures.noBudget],
    rules.attestor && [c().terms.attestor, short(rules.attestor)],
    rules.attested_codes && [c().terms.attestedCodes, c().terms.yes],
    rules.treasury && [c().terms.treasury, short(rules.treasury)],
    rules.credential && [
      c().terms.credential,
      `${short(rules.credential.issuer)} ${short(rules.credential.schema)}`,
    ],
    starts_at && [c().terms.starts, time(starts_at)],
    [c().terms.ends, ends_at ? time(ends_at) : t().campaign.noEnd],
  ];
  return all.filter((row): row is Row => Boolean(row));
}

/** What will change, and from when on. */
export function Announced(props: {
  campaign: Campaign;
  announced: NonNullable<Campaign['announced']>;
}) {
  const at = () => Date.parse(props.announced.takes_effect_at ?? '');
  const changes = () => {
    const now = new Map(rowsOf(props.campaign, props.campaign));
    const then = new Map(rowsOf(props.campaign, props.announced));
    return [...new Set([...now.keys(), ...then.keys()])]
      .map((name) => [name, now.get(name) ?? '–', then.get(name) ?? '–'] as const)
      .filter(([, before, after]) => before !== after);
  };
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
        <For each={rowsOf(props.campaign, props.campaign)}>
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
