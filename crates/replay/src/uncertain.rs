//! Accounts of which something is uncertain: how a call's are read, and how they change.

use solana_sdk::pubkey::Pubkey;
use vouch_client::{
    accounts::{Account, Conversion, Referral},
    instructions::raw::{
        CancelConversionAccounts, ClaimAccounts, InstructionData, ReclaimConversionAccounts,
    },
};

use crate::{
    calls::Call,
    doubt::{Doubt, Less, States},
    view::{Change, View},
};

/// The conversion that the call settles or closes.
fn settles(call: &Call<'_>) -> Option<Pubkey> {
    let place = match InstructionData::read(call.data) {
        Ok(InstructionData::Claim) => ClaimAccounts::CONVERSION,
        Ok(InstructionData::CancelConversion) => CancelConversionAccounts::CONVERSION,
        Ok(InstructionData::ReclaimConversion(_)) => ReclaimConversionAccounts::CONVERSION,
        _ => return None,
    };
    call.accounts.get(place).copied()
}

/// The conversion that the call settles or closes, and the states that it may be in, if they are
/// several.
pub(crate) fn uncertain<'v>(
    view: &'v (impl View + ?Sized),
    call: &Call<'_>,
) -> Option<(Pubkey, States, &'v Conversion)> {
    let address = settles(call)?;
    match (view.doubt(&address)?, view.account(&address)?) {
        (Doubt::Conversion(states), Account::Conversion(conversion)) => {
            Some((address, states, conversion))
        }
        _ => None,
    }
}

/// A referral, and by how much less it may owe.
pub(crate) fn referral(view: &(impl View + ?Sized), address: &Pubkey) -> Option<(Referral, Less)> {
    let Some(Account::Referral(referral)) = view.account(address) else {
        return None;
    };
    let less = match view.doubt(address) {
        Some(Doubt::Referral(less)) => less,
        _ => Less::default(),
    };
    Some(((**referral).clone(), less))
}

/// The change of a conversion that is in one of these states afterwards. All but what is settled is as
/// in `conversion`.
pub(crate) fn conversion_change(
    address: Pubkey,
    states: States,
    conversion: &Conversion,
) -> Change {
    let canonical = states.canonical();
    let account = canonical.exists().then(|| canonical.account(conversion));
    Change {
        address,
        account: account.map(|account| Account::Conversion(Box::new(account))),
        doubt: states.one().is_none().then_some(Doubt::Conversion(states)),
    }
}

/// The change of a referral.
pub(crate) fn referral_change(address: Pubkey, referral: Referral, less: Less) -> Change {
    Change {
        address,
        account: Some(Account::Referral(Box::new(referral))),
        doubt: less.doubt(),
    }
}
