//! What the program would say, before anything is sent.
//!
//! Over decoded accounts and the clock alone, in the program's own order of checks.
//! What the builders of [`crate::instructions`] resolve by themselves (addresses,
//! writability) is not checked: it cannot be wrong.

use solana_sdk::pubkey::Pubkey;
pub use vouch_rules::reward::Reward;
use vouch_rules::{Code, reward::Facts};

use crate::{
    ProgramError,
    accounts::{
        Campaign, Conversion, Funding, Proof, Referee, Referral, Status, Uniqueness, settled,
    },
    instructions::{Convert, CreateReferral, Evidence, Offer, Purchase},
};

/// What the chain holds besides the campaign and the referral.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen<'a> {
    /// The clock, in unix seconds.
    pub now: i64,
    /// The code that the instruction names, if that is not taken from the referral.
    pub code: Option<Code>,
    /// The wallet's first touch in the campaign.
    pub binding: Option<&'a Referee>,
    /// Unix seconds before which the voucher can be used, if there is one.
    pub voucher_expires_at: Option<i64>,
    /// Whether the conversion's address is taken.
    pub converted: bool,
    /// Base units in the campaign's vault.
    pub vault_balance: u64,
}

/// Whether a code can be registered at `now`, in unix seconds; `taken` says whether its
/// address is.
///
/// # Errors
/// The program's error.
pub fn check_create_referral(
    campaign: &Campaign,
    args: &CreateReferral,
    now: i64,
    taken: bool,
) -> Result<(), ProgramError> {
    if campaign.closed {
        return Err(ProgramError::CampaignClosed);
    }
    if campaign.attested_codes {
        match args.attestor {
            None => return Err(ProgramError::AttestationRequired),
            Some(attestor) if attestor != campaign.attestor => {
                return Err(ProgramError::WrongAttestor);
            }
            Some(_) => {}
        }
    }
    if args.expires_at != 0 && args.expires_at <= now {
        return Err(ProgramError::InvalidExpiry);
    }
    if taken {
        return Err(ProgramError::CodeTaken);
    }
    Ok(())
}

/// What this conversion would earn, or why the program would refuse it.
///
/// # Errors
/// The program's error.
pub fn check_convert(
    offer: &Offer<'_>,
    args: &Convert,
    seen: &Seen<'_>,
) -> Result<Reward, ProgramError> {
    check_pair(offer, &args.referee, seen)?;
    if offer.campaign.proof == Proof::Payment {
        return Err(ProgramError::PaymentRequired);
    }
    check_terms(offer, &args.referee, args.amount, seen)?;
    if offer.campaign.proof == Proof::Attested {
        check_evidence(offer.campaign, args.evidence, seen)?;
    }
    check_vacant(offer.campaign, &args.reference, seen)?;
    let reward = check_vault(offer, args.amount, seen)?;
    check_budget(offer.campaign, &reward)?;
    Ok(reward)
}

/// What this purchase would earn, or why the program would refuse it.
///
/// # Errors
/// The program's error.
pub fn check_purchase(
    offer: &Offer<'_>,
    args: &Purchase,
    seen: &Seen<'_>,
) -> Result<Reward, ProgramError> {
    check_pair(offer, &args.buyer, seen)?;
    if offer.campaign.proof != Proof::Payment {
        return Err(ProgramError::PaymentNotAccepted);
    }
    check_terms(offer, &args.buyer, args.amount, seen)?;
    // Nothing paid is no purchase.
    if args.amount == 0 {
        return Err(ProgramError::AmountTooSmall);
    }
    check_vacant(offer.campaign, &args.reference, seen)?;
    let reward = check_vault(offer, args.amount, seen)?;
    // A payment to oneself is none.
    if offer.campaign.treasury == args.source(offer.campaign) {
        return Err(ProgramError::WrongTreasury);
    }
    check_budget(offer.campaign, &reward)?;
    Ok(reward)
}

/// Whether something of this conversion can be claimed at `now`, in unix seconds.
/// `receives` says which beneficiaries' accounts can take their part, as bits of
/// [`settled`].
///
/// # Errors
/// The program's error.
pub fn check_claim(
    offer: &Offer<'_>,
    conversion: &Conversion,
    now: i64,
    receives: u8,
) -> Result<(), ProgramError> {
    if offer.referral.campaign != offer.address {
        return Err(ProgramError::WrongCampaign);
    }
    if conversion.referral != offer.referral_address {
        return Err(ProgramError::WrongReferral);
    }
    if conversion.status != Status::Pending {
        return Err(ProgramError::NotPending);
    }
    if now < conversion.claimable_from() {
        return Err(ProgramError::StillHeld);
    }
    let all = settled::REFERRER | settled::REFEREE | settled::PARTNER;
    if !conversion.settled & receives & all == 0 {
        return Err(ProgramError::NothingToClaim);
    }
    Ok(())
}

/// Whether conversions count in `campaign` at `now`, in unix seconds.
///
/// # Errors
/// The program's error.
pub fn check_open(campaign: &Campaign, now: i64) -> Result<(), ProgramError> {
    if campaign.closed {
        return Err(ProgramError::CampaignClosed);
    }
    if campaign.paused {
        return Err(ProgramError::CampaignPaused);
    }
    if now < campaign.starts_at {
        return Err(ProgramError::CampaignNotStarted);
    }
    if campaign.ends_at != 0 && now >= campaign.ends_at {
        return Err(ProgramError::CampaignEnded);
    }
    Ok(())
}

/// Whether `referral` earns at `now`, in unix seconds.
///
/// # Errors
/// The program's error.
pub fn check_earning(referral: &Referral, now: i64) -> Result<(), ProgramError> {
    if !referral.active || referral.suspended {
        return Err(ProgramError::ReferralInactive);
    }
    if referral.expires_at != 0 && now >= referral.expires_at {
        return Err(ProgramError::ReferralExpired);
    }
    if referral.usage_limit != 0 && referral.conversions >= referral.usage_limit {
        return Err(ProgramError::UsageLimitReached);
    }
    Ok(())
}

/// Whether the parties go together.
fn check_pair(offer: &Offer<'_>, referee: &Pubkey, seen: &Seen<'_>) -> Result<(), ProgramError> {
    // An account that is missing is noticed before anything is compared.
    if offer.campaign.attribution_window > 0 && seen.binding.is_none() {
        return Err(ProgramError::BindingNotFound);
    }
    if offer.referral.campaign != offer.address {
        return Err(ProgramError::WrongCampaign);
    }
    if seen
        .code
        .is_some_and(|code| code.to_padded() != offer.referral.code)
    {
        return Err(ProgramError::CodeMismatch);
    }
    if *referee == offer.referral.owner || offer.referral.partner() == Some(*referee) {
        return Err(ProgramError::SelfReferral);
    }
    Ok(())
}

/// Whether both take conversions now, of this amount and of this wallet.
fn check_terms(
    offer: &Offer<'_>,
    referee: &Pubkey,
    amount: u64,
    seen: &Seen<'_>,
) -> Result<(), ProgramError> {
    check_open(offer.campaign, seen.now)?;
    check_earning(offer.referral, seen.now)?;
    if amount < offer.campaign.min_amount {
        return Err(ProgramError::AmountTooSmall);
    }
    if offer.campaign.attribution_window > 0 {
        let binding = seen.binding.ok_or(ProgramError::BindingNotFound)?;
        if binding.campaign != offer.address || binding.wallet != *referee {
            return Err(ProgramError::NotBound);
        }
        if seen.now >= binding.expires_at {
            return Err(ProgramError::BindingExpired);
        }
        if binding.referral != offer.referral_address {
            return Err(ProgramError::NotFirstTouch);
        }
    }
    Ok(())
}

fn check_evidence(
    campaign: &Campaign,
    evidence: Evidence,
    seen: &Seen<'_>,
) -> Result<(), ProgramError> {
    match evidence {
        Evidence::None => Err(ProgramError::AttestationRequired),
        Evidence::Attestor(attestor) if attestor != campaign.attestor => {
            Err(ProgramError::WrongAttestor)
        }
        Evidence::Attestor(_) => Ok(()),
        Evidence::Voucher => match seen.voucher_expires_at {
            None => Err(ProgramError::InvalidVoucher),
            Some(expires_at) if seen.now >= expires_at => Err(ProgramError::VoucherExpired),
            Some(_) => Ok(()),
        },
    }
}

/// Whether it counts for the first time.
fn check_vacant(
    campaign: &Campaign,
    reference: &[u8; 32],
    seen: &Seen<'_>,
) -> Result<(), ProgramError> {
    if campaign.uniqueness == Uniqueness::Order && *reference == [0; 32] {
        return Err(ProgramError::MissingReference);
    }
    if seen.converted {
        return Err(ProgramError::AlreadyConverted);
    }
    Ok(())
}

/// What it earns, which the vault must hold where rewards come from one.
fn check_vault(offer: &Offer<'_>, amount: u64, seen: &Seen<'_>) -> Result<Reward, ProgramError> {
    let (campaign, referral) = (offer.campaign, offer.referral);
    let reward = campaign.reward_rule().reward(&Facts {
        amount,
        conversions: referral.conversions,
        bonuses_paid: referral.bonuses_paid,
        partner_share_bps: referral.partner_share_bps,
        at_most: match campaign.funding {
            Funding::PaymentSplit => amount,
            Funding::MintAuthority | Funding::Vault => u64::MAX,
        },
    });
    if campaign.funding == Funding::Vault {
        let free = seen.vault_balance.checked_sub(campaign.owed);
        if free.is_none_or(|free| free < reward.total()) {
            return Err(ProgramError::VaultExhausted);
        }
    }
    Ok(reward)
}

/// Whether the budget allows for it.
fn check_budget(campaign: &Campaign, reward: &Reward) -> Result<(), ProgramError> {
    if campaign.budget > 0 {
        let committed = campaign.committed.checked_add(reward.total());
        if committed.is_none_or(|committed| committed > campaign.budget) {
            return Err(ProgramError::BudgetExhausted);
        }
    }
    Ok(())
}
