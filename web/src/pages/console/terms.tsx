/** The terms of a campaign: those in force, and those that it has announced. */

import { For, Show, type JSX } from 'solid-js';

import type { Campaign } from '../../api/client';
import { formatBps } from '../../format/money';
import { formatDuration } from '../../format/time';
import { locale, t } from '../../i18n';
import { c } from '../../i18n/console';
import { Address, Money, moneyText, Time, tokenOf, when } from '../../ui/format';
import { Rule } from '../../ui/rule';

type Terms = NonNullable<Campaign['rules']>;

const number = (units: string) => new Intl.NumberFormat(locale()).format(BigInt(units));
const duration = (seconds: number) => formatDuration(seconds, locale());

/** What will change, and from when on. */
export function Announced(props: {
  campaign: Campaign;
  announced: NonNullable<Campaign['announced']>;
}) {
  const token = () => tokenOf(props.campaign);
  const at = () => Date.parse(props.announced.takes_effect_at ?? '');
  const rules = () => props.announced.rules;
  return (
    <div class="notice" role="status">
      <p>
        <strong>{c().announced.title(when(at()))}</strong> {c().announced.text}
      </p>
      <dl class="rows">
        <Row name={c().announced.reward}>
          <Rule campaign={{ ...props.campaign, reward: props.announced.reward }} />
        </Row>
        <Row name={c().announced.hold}>
          {rules().hold_seconds === 0 ? c().terms.noHold : duration(rules().hold_seconds)}
        </Row>
        <Row name={c().announced.ends}>
          <Show when={props.announced.ends_at} fallback={t().campaign.noEnd}>
            {(at) => <Time at={at()} />}
          </Show>
        </Row>
        <Row name={c().announced.budget}>
          <Show when={rules().budget} fallback={c().figures.noBudget}>
            {(budget) => <Money units={budget()} token={token()} />}
          </Show>
        </Row>
      </dl>
    </div>
  );
}

function Row(props: { name: string; children: JSX.Element }) {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd>{props.children}</dd>
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
      <Show when={props.campaign.rules}>
        {(rules) => <Table campaign={props.campaign} rules={rules()} />}
      </Show>
    </section>
  );
}

function Table(props: { campaign: Campaign; rules: Terms }) {
  const token = () => tokenOf(props.campaign);
  /** An amount or a share, whichever is set. */
  const part = (units: string, bps: number) =>
    units !== '0'
      ? moneyText(units, token())
      : bps === 0
        ? c().terms.nobody
        : formatBps(bps, locale());
  return (
    <dl class="rows">
      <Row name={c().terms.reward}>
        <Rule campaign={props.campaign} />
      </Row>
      <Row name={c().terms.referee}>
        {part(props.rules.referee_fixed, props.rules.referee_share_bps)}
      </Row>
      <Row name={c().terms.partner}>
        {part(props.rules.max_partner_fixed, props.rules.max_partner_share_bps)}
      </Row>
      <Show when={props.rules.tiers.length > 0}>
        <Row name={c().terms.tiers}>
          <For each={props.rules.tiers}>
            {(tier) => (
              <p>
                {c().terms.tier(
                  number(tier.min_conversions),
                  formatBps(tier.multiplier_bps, locale()),
                )}
              </p>
            )}
          </For>
        </Row>
      </Show>
      <Show when={props.rules.bonuses.length > 0}>
        <Row name={c().terms.bonuses}>
          <For each={props.rules.bonuses}>
            {(bonus) => (
              <p>{c().terms.bonus(number(bonus.threshold), moneyText(bonus.amount, token()))}</p>
            )}
          </For>
        </Row>
      </Show>
      <Row name={c().terms.hold}>
        {props.rules.hold_seconds === 0 ? c().terms.noHold : duration(props.rules.hold_seconds)}
      </Row>
      <Row name={c().terms.notice}>
        {props.rules.notice_seconds === 0
          ? c().terms.noNotice
          : duration(props.rules.notice_seconds)}
      </Row>
      <Row name={c().terms.window}>
        <Show when={props.rules.attribution_window} fallback={c().terms.noWindow}>
          {(window) => duration(window())}
        </Show>
      </Row>
      <Show when={props.rules.min_amount !== '0'}>
        <Row name={c().terms.least}>{moneyText(props.rules.min_amount, token())}</Row>
      </Show>
      <Show when={props.rules.owner_limit}>
        {(limit) => <Row name={c().terms.owner}>{number(limit())}</Row>}
      </Show>
      <Show when={props.rules.attestor}>
        {(attestor) => (
          <Row name={c().terms.attestor}>
            <Address address={attestor()} />
          </Row>
        )}
      </Show>
      <Show when={props.rules.treasury}>
        {(treasury) => (
          <Row name={c().terms.treasury}>
            <Address address={treasury()} />
          </Row>
        )}
      </Show>
      <Show when={props.rules.credential}>
        {(credential) => (
          <Row name={c().terms.credential}>
            <Address address={credential().issuer} /> <Address address={credential().schema} />
          </Row>
        )}
      </Show>
      <Show when={props.campaign.starts_at}>
        {(at) => (
          <Row name={c().terms.starts}>
            <Time at={at()} />
          </Row>
        )}
      </Show>
      <Row name={c().terms.ends}>
        <Show when={props.campaign.ends_at} fallback={t().campaign.noEnd}>
          {(at) => <Time at={at()} />}
        </Show>
      </Row>
    </dl>
  );
}
