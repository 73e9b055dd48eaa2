import { Show } from 'solid-js';

import type { Campaign } from '../api/client';
import { formatBps } from '../format/money';
import { locale } from '../i18n';
import type { Parts } from '../lib/parts';
import { Money, tokenOf } from './format';

/** The whole reward of a conversion: an amount, or a percentage of the amount. */
export function Rule(props: { campaign: Campaign }) {
  return (
    <Show
      when={props.campaign.reward.kind === 'fixed'}
      fallback={<span class="num">{formatBps(props.campaign.reward.bps, locale())}</span>}
    >
      <Money units={props.campaign.reward.fixed} token={tokenOf(props.campaign)} />
    </Show>
  );
}

/** One side's part of it, if that does not depend on the conversion. */
export function PartOf(props: { campaign: Campaign; side: 'referrer' | 'referee'; parts: Parts }) {
  return (
    <Show
      when={props.parts.kind === 'units'}
      fallback={<span class="num">{formatBps(props.parts[props.side], locale())}</span>}
    >
      <Money units={props.parts[props.side]} token={tokenOf(props.campaign)} />
    </Show>
  );
}
