//! Instructions after the conversion: paying what was held, cancelling it, and
//! giving back the rent of what is over.

pub mod cancel_conversion;
pub mod claim;
pub mod reclaim_binding;
pub mod reclaim_conversion;
pub mod reclaim_referral;
pub mod reclaim_referrer;
pub mod reclaim_voucher;

use anchor_lang::{address_eq, prelude::*};

use crate::{
    account, log, Campaign, Closed, Conversion, Existing, Expected, Referral, ReferralError as E,
    RentReclaimed, Shared,
};

/// Fails unless the three belong together.
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

/// How far a campaign is over.
struct Over {
    /// Nothing can be earned any more.
    closed: bool,
    /// Nothing can be claimed any more.
    claims: bool,
    /// Receives the SOL that nobody claimed; zero where rewards are tokens.
    treasury: Address,
}

/// How far the campaign at `account` is over, at `now` in unix seconds. One that was
/// reclaimed is over altogether.
fn over(account: &AccountView, now: i64) -> Result<Over> {
    if let Some(closed) = account::read::<Closed>(account) {
        // A tombstone of a referral must not pass as one of a campaign.
        require!(
            address_eq(&closed.campaign, account.address()),
            E::CampaignNotFound
        );
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

/// Closes an account that is over; its lamports go to its `rent_payer`, which has to be
/// `destination`.
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
    log(&RentReclaimed {
        account: address,
        rent_payer,
    });
    Ok(())
}
