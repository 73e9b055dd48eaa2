/** How a campaign goes: clicks, conversions and rewards over time, and where clicks come from. */

import { useSearchParams } from '@solidjs/router';
import { Show } from 'solid-js';

import { answer, api, type Campaign } from '../../api/client';
import { t } from '../../i18n';
import { words } from '../../i18n/console';
import { n } from '../../i18n/numbers';
import { periodOf } from '../../lib/analytics';
import { createNumbers } from '../../lib/numbers';
import { tokenOf } from '../../ui/format';
import { Known } from '../../ui/known';
import { By, Charts, Codes, Compare, Periods, type Shown } from '../../ui/numbers';

export function CampaignNumbers(props: { campaign: Campaign }) {
  const [query] = useSearchParams<{ period?: string }>();
  const period = () => periodOf(query.period);
  const numbers = createNumbers(
    () => props.campaign.address,
    period,
    (address) => (days, signal) =>
      answer(
        api.GET('/v1/campaigns/{address}/analytics', {
          params: { path: { address }, query: days },
          signal,
        }),
      ),
  );
  const shown = (): Shown => ({ mint: props.campaign.mint, token: tokenOf(props.campaign) });
  return (
    <section class="section over-time" aria-labelledby="numbers">
      <header class="across">
        <h2 id="numbers">{n().campaign.title}</h2>
        <Periods period={period()} />
      </header>
      <Compare of={numbers.today} shown={shown()} earned={n().spentBoth} perClick words={words()} />
      <Known of={numbers.period} height="28rem" sheet words={words()}>
        {(found) => (
          <>
            <Charts found={found()} shown={shown()} earned={n().campaign.earned} />
            <p class="small">
              <Show when={numbers.period.error()}>
                <strong>{t().common.stale}.</strong>{' '}
              </Show>
              {n().zone(found().zone)} {n().campaign.note}
            </p>
            <div class="sides">
              <By dimension="source" shares={found().by_source} zone={found().zone} />
              <Codes codes={found().top_codes} />
              <By dimension="device" shares={found().by_device} zone={found().zone} />
              <By dimension="country" shares={found().by_country} zone={found().zone} />
            </div>
          </>
        )}
      </Known>
    </section>
  );
}
