import type { Campaign } from '../api/client';
import { formatBps } from '../format/money';
import { locale } from '../i18n';
import { Money, tokenOf } from './format';

/** What a conversion pays in all: an amount, or a percentage of the amount. */
export function Rule(props: { campaign: Campaign }) {
  return props.campaign.reward.kind === 'fixed' ? (
    <Money units={props.campaign.reward.fixed} token={tokenOf(props.campaign)} />
  ) : (
    <span class="num">{formatBps(props.campaign.reward.bps, locale())} %</span>
  );
}
