//! Values that the caller knows besides the transaction.

use solana_sdk::pubkey::Pubkey;
use vouch_client::accounts::Account;

use crate::apply::After;

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
    /// The `settled` bits that conversions have after the transaction; `None` for one whose account
    /// does not exist then. Used only by [`transaction`](crate::transaction()), to choose among
    /// outcomes that are consistent with the transaction.
    pub after: Vec<(Pubkey, Option<u8>)>,
    /// The `settled` bits that conversions have at any time after the transaction. Bits are never taken
    /// back, and a conversion that exists was not closed before. Used as [`Self::after`].
    pub later: Vec<(Pubkey, u8)>,
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

    /// Whether a transaction may have left these accounts.
    pub(crate) fn fits(&self, accounts: &After) -> bool {
        accounts.iter().all(|(address, account)| {
            let (after, later) = (self.after(address), find(&self.later, address));
            match account {
                Some(Account::Conversion(conversion)) => {
                    let settled = conversion.settled;
                    after.is_none_or(|after| after == Some(settled))
                        && later.is_none_or(|later| settled & !later == 0)
                }
                Some(_) => true,
                None => after.is_none_or(|after| after.is_none()) && later.is_none(),
            }
        })
    }

    pub(crate) fn after(&self, conversion: &Pubkey) -> Option<Option<u8>> {
        let mut known = self.after.iter();
        known
            .find(|(known, _)| known == conversion)
            .map(|(_, settled)| *settled)
    }

    pub(crate) fn settled(&self, conversion: &Pubkey) -> Option<u8> {
        find(&self.settled, conversion)
    }
}
