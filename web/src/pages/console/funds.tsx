/** The promised part of a campaign's budget, the content of its vault, and how long both last. */

import { Show, type JSX } from 'solid-js';

import type { Campaign, Conversion } from '../../api/client';
import { formatBps } from '../../format/money';
import { locale } from '../../i18n';
import { c } from '../../i18n/console';
import { now } from '../../lib/clock';
import { daysLeft, perDay, rateOf } from '../../lib/spend';
import { Money, tokenOf } from '../../ui/format';
import { leftOf, stateOf } from './state';

export function Funds(props: {
  campaign: Campaign;
  /** The newest ones. */
  conversions: readonly Conversion[];
  /** There are no others. */
  isAll: boolean;
}) {
  const token = () => tokenOf(props.campaign);
  const rules = () => props.campaign.rules;
  const rate = () => rateOf(props.conversions, props.isAll, now());
  const left = () => leftOf(props.campaign);
  const seen = () => props.campaign.vault?.seen;
  /** Units in the vault that are not owed. */
  const free = () => {
    const rest = BigInt(seen()!.balance) - BigInt(seen()!.owed);
    return rest > 0n ? rest : 0n;
  };
  const lasts = (units: bigint) => {
    if (stateOf(props.campaign).name !== 'open') return '';
    const current = rate();
    if (!current) return c().figures.noRate;
    const days = daysLeft(units, current);
    if (days === undefined) return c().figures.nothingSpent;
    return days === 0 ? c().figures.lessThanDay : c().figures.days(days);
  };
  const used = () => {
    const budget = rules()?.budget;
    return budget ? Number((BigInt(rules()!.committed) * 10_000n) / BigInt(budget)) : undefined;
  };
  return (
    <>
      <dl class="figures" aria-label={c().figures.label}>
        <Figure name={c().figures.promised} none={c().figures.noBudget} has={used() !== undefined}>
          <dd>
            <Money units={rules()!.committed} token={token()} />
          </dd>
          <dd class="after">{c().figures.used(formatBps(used()!, locale()))}</dd>
        </Figure>
        <Figure name={c().figures.left} none={c().figures.noBudget} has={left() !== undefined}>
          <dd>
            <Money units={left()!} token={token()} />
          </dd>
          <dd class="after">{lasts(left()!)}</dd>
        </Figure>
        <Figure
          name={c().figures.vault}
          none={props.campaign.vault ? c().figures.unseen : c().figures.noVault}
          has={seen() !== undefined && seen() !== null}
        >
          <dd>
            <Money units={seen()!.balance} token={token()} />
          </dd>
          <dd class="after">{lasts(free())}</dd>
        </Figure>
        <Figure
          name={c().figures.owed}
          none={c().figures.noVault}
          has={props.campaign.vault !== null && props.campaign.vault !== undefined}
        >
          <dd>
            <Money units={rules()?.owed ?? '0'} token={token()} />
          </dd>
          <dd class="after">{c().figures.owedNote}</dd>
        </Figure>
      </dl>
      <Show when={used() !== undefined}>
        <p class="budget">
          <meter
            min="0"
            max="10000"
            value={Math.min(used()!, 10_000)}
            aria-label={c().figures.used(formatBps(used()!, locale()))}
          />
        </p>
      </Show>
      <Show when={rate()}>
        {(rate) => (
          <p class="small">
            {c().figures.perDay} <Money units={perDay(rate())} token={token()} />,{' '}
            {c().figures.ofLast(props.conversions.length)}
          </p>
        )}
      </Show>
    </>
  );
}

/** A figure, or the words that say why there is none. */
function Figure(props: { name: string; none: string; has: boolean; children: JSX.Element }) {
  return (
    <div>
      <dt>{props.name}</dt>
      <Show when={props.has} fallback={<dd class="after">{props.none}</dd>}>
        {props.children}
      </Show>
    </div>
  );
}
