//! Values that the caller knows besides the transaction.

use solana_sdk::pubkey::Pubkey;

/// Values that the caller knows besides the transaction. Empty by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// Decimals of mints, for `create_campaign`; asked for by
    /// [`Need::MintDecimals`](crate::Need::MintDecimals). Those of the transaction come first.
    pub decimals: Vec<(Pubkey, u8)>,
}

impl Given {
    pub(crate) fn decimals(&self, mint: &Pubkey) -> Option<u8> {
        let mut known = self.decimals.iter();
        known
            .find(|(known, _)| known == mint)
            .map(|(_, decimals)| *decimals)
    }
}
