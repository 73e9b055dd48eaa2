/** What a campaign has promised, what it owes, and how long what it has lasts. */

import { Match, Show, Switch } from 'solid-js';

import type { Campaign, Conversion } from '../../api/client';
import { formatBps } from '../../format/money';
import { locale } from '../../i18n';
import { c } from '../../i18n/console';
import { now } from '../../lib/clock';
import { daysLeft, perDay, rateOf } from '../../lib/spend';
import { Address, Money, tokenOf } from '../../ui/format';

export function Funds(props: { campaign: Campaign; conversions: readonly Conversion[] }) {
  const token = () => tokenOf(props.campaign);
  const rules = () => props.campaign.rules;
  const rate = () => rateOf(props.conversions, now());
  const committed = () => BigInt(rules()?.committed ?? 0);
  const budget = () => {
    const all = rules()?.budget;
    return all ? BigInt(all) : undefined;
  };
  const left = () => {
    const all = budget();
    if (all === undefined) return undefined;
    return all > committed() ? all - committed() : 0n;
  };
  /** What nobody is owed yet. */
  const free = () => {
    const seen = props.campaign.vault?.seen;
    if (!seen) return undefined;
    const rest = BigInt(seen.balance) - BigInt(seen.owed);
    return rest > 0n ? rest : 0n;
  };
  const lasts = (units: bigint) => {
    const current = rate();
    const days = current && daysLeft(units, current);
    if (days === undefined) return c().figures.noRate;
    return days === 0 ? c().figures.lessThanDay : c().figures.days(days);
  };
  const used = () => {
    const all = budget();
    return all === undefined ? undefined : Number((committed() * 10_000n) / all);
  };

  return (
    <>
      <dl class="figures" aria-label={c().figures.label}>
        <div>
          <dt>{c().figures.promised}</dt>
          <dd>
            <Money units={committed()} token={token()} />
          </dd>
          <dd class="after">{c().figures.promisedNote}</dd>
        </div>
        <div>
          <dt>{c().figures.owed}</dt>
          <dd>
            <Money units={rules()?.owed ?? '0'} token={token()} />
          </dd>
          <dd class="after">{c().figures.owedNote}</dd>
        </div>
        <div>
          <dt>{c().figures.left}</dt>
          <Show when={left() !== undefined} fallback={<dd>{c().figures.noBudget}</dd>}>
            <dd>
              <Money units={left()!} token={token()} />
            </dd>
            <dd class="after">{lasts(left()!)}</dd>
          </Show>
        </div>
        <div>
          <dt>{c().figures.vault}</dt>
          <Switch fallback={<dd>{c().figures.noVault}</dd>}>
            <Match when={props.campaign.vault?.seen}>
              {(seen) => (
                <>
                  <dd>
                    <Money units={seen().balance} token={token()} />
                  </dd>
                  <dd class="after">
                    {lasts(free()!)}, {c().figures.asOf(String(seen().slot))}
                  </dd>
                </>
              )}
            </Match>
            <Match when={props.campaign.vault}>
              {(vault) => (
                <>
                  <dd>{c().figures.unseen}</dd>
                  <dd class="after">
                    <Address address={vault().address} />
                  </dd>
                </>
              )}
            </Match>
          </Switch>
        </div>
      </dl>
      <Show when={used() !== undefined}>
        <p class="budget">
          <meter
            min="0"
            max="10000"
            high="9000"
            optimum="0"
            value={Math.min(used()!, 10_000)}
            aria-label={c().figures.used(formatBps(used()!, locale()))}
          />
          <span class="small">{c().figures.used(formatBps(used()!, locale()))}</span>
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
