//! Values that the caller knows besides the transaction.

use solana_sdk::pubkey::Pubkey;

/// Values that the caller knows besides the transaction. Empty by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// Decimals of mints, for `create_campaign`; asked for by
    /// [`Need::MintDecimals`](crate::Need::MintDecimals). Those of the transaction come first.
    pub decimals: Vec<(Pubkey, u8)>,
    /// The `settled` bits that conversions have after the call. Used only to choose among
    /// outcomes that are consistent with the transaction, where the answer would be
    /// [`Kind::Ambiguous`](crate::Kind::Ambiguous).
    pub settled: Vec<(Pubkey, u8)>,
}

fn find(values: &[(Pubkey, u8)], key: &Pubkey) -> Option<u8> {
    let mut values = values.iter();
    values
        .find(|(known, _)| known == key)
        .map(|(_, value)| *value)
}

impl Given {
    pub(crate) fn decimals(&self, mint: &Pubkey) -> Option<u8> {
        find(&self.decimals, mint)
    }

    pub(crate) fn settled(&self, conversion: &Pubkey) -> Option<u8> {
        find(&self.settled, conversion)
    }
}
