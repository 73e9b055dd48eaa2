//! Instructions after the conversion: they pay or cancel held rewards, and return rent.

mod cancel_conversion;
mod claim;
mod reclaim_binding;
mod reclaim_conversion;
mod reclaim_referral;
mod reclaim_referrer;
mod reclaim_voucher;

pub use {
    cancel_conversion::*, claim::*, reclaim_binding::*, reclaim_conversion::*, reclaim_referral::*,
    reclaim_referrer::*, reclaim_voucher::*,
};

use anchor_lang::{address_eq, prelude::*};

use crate::{
    account, log, Campaign, Closed, Conversion, Existing, Expected, Referral, ReferralError as E,
    RentReclaimed, Shared,
};

/// Fails unless the conversion is the referral's and the referral is the campaign's.
#[inline]
fn check_chain(
    campaign: Shared<Campaign>,
    referral: Shared<Referral>,
    conversion: &Conversion,
) -> Result<()> {
    require!(
        address_eq(&referral.campaign, campaign.address()),
        E::WrongCampaign
    );
    require!(
        address_eq(&conversion.referral, referral.address()),
        E::WrongReferral
    );
    Ok(())
}

/// How far a campaign has ended.
struct Over {
    /// Closed: nothing can be earned any more.
    closed: bool,
    /// The claim period is over.
    claims: bool,
    /// Receives the SOL that nobody claimed; zero where rewards are tokens.
    treasury: Address,
}

/// How far the campaign at `account` has ended at `now`, in unix seconds. The tombstone of a
/// reclaimed campaign means that everything is over.
///
/// The caller has compared the account's address with that of a campaign: a tombstone there is the
/// campaign's own.
fn over(account: &AccountView, now: i64) -> Result<Over> {
    if let Some(closed) = account::read::<Closed>(account) {
        return Ok(Over {
            closed: true,
            claims: true,
            treasury: closed.treasury,
        });
    }
    let campaign = account::read::<Campaign>(account).ok_or(E::CampaignNotFound)?;
    Ok(Over {
        closed: campaign.closed == 1,
        claims: campaign.claims_are_over(now),
        treasury: campaign.sol_treasury(),
    })
}

/// Closes an account; its lamports go to `destination`. Fails unless that is its `rent_payer`.
fn give_back<T: Expected>(
    account: &mut Existing<T>,
    rent_payer: Address,
    destination: &AccountView,
) -> Result<()> {
    require!(
        address_eq(&rent_payer, destination.address()),
        E::WrongRentPayer
    );
    let address = *account.address();
    account.close_to(destination)?;
    log(RentReclaimed {
        account: address,
        rent_payer,
    });
    Ok(())
}
