/** The tokens that a campaign pays and takes, as the node has them, beside those that a page shows. */

import { NO_ADDRESS } from '@vouch/client/addresses.js';
import type { Campaign } from '@vouch/client/generated/accounts/campaign.js';
import { Proof } from '@vouch/client/generated/types/proof.js';

export const SOL_DECIMALS = 9;
type Tokens = Pick<Campaign, 'mint' | 'mintDecimals' | 'proof' | 'paymentMint'>;

/** A campaign's tokens as a page shows them. */
export type ShownTokens = {
  readonly mint: string;
  readonly mint_decimals: number;
  /** Mint of the payments; absent if it takes none. */
  readonly payment_mint?: string | null;
};

/** Whether a page shows the tokens that the campaign has. */
export function isAsShown(data: Tokens, shown: ShownTokens): boolean {
  const payment = data.proof === Proof.Payment ? data.paymentMint : undefined;
  return (
    data.mint === shown.mint &&
    // No page asks the API how lamports are divided.
    (data.mint === NO_ADDRESS || data.mintDecimals === shown.mint_decimals) &&
    payment === (shown.payment_mint ?? undefined)
  );
}

/** Decimals of the rewards. An account whose rewards are lamports says zero. */
export const decimalsOf = ({ mint, mintDecimals }: Pick<Tokens, 'mint' | 'mintDecimals'>) =>
  mint === NO_ADDRESS ? SOL_DECIMALS : mintDecimals;
