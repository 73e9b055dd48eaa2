//! Predicts the program's verdict before anything is sent.
//!
//! The checks read decoded accounts and the clock alone, in the program's order. They
//! skip the addresses and the writability that the builders of [`crate::instructions`]
//! set, because those are always right.

use solana_sdk::pubkey::Pubkey;
pub use vouch_rules::reward::Reward;
use vouch_rules::{Code, eligibility::Refusal, reward::Facts};

use crate::{
    ProgramError,
    accounts::{
        Binding, Campaign, Conversion, Funding, Proof, Referral, Referrer, Status, Uniqueness,
        settled,
    },
    instructions::{Convert, CreateReferral, Evidence, Offer, Purchase},
    voucher,
};

/// On-chain facts besides the campaign and the referral.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChainState<'a> {
    /// The code that the instruction names; `None` to take the referral's.
    pub code: Option<Code>,
    /// The wallet's binding in the campaign.
    pub binding: Option<&'a Binding>,
    /// The account of the referral's owner, if the campaign counts per owner.
    pub referrer: Option<&'a Referrer>,
    /// Unix seconds at which the wallet's credential expires, 0 for never; `None` without
    /// a credential.
    pub credential_expires_at: Option<i64>,
    /// The voucher, if one is used.
    pub voucher: Option<VoucherState>,
    /// Whether the conversion's account exists.
    pub converted: bool,
    /// Base units in the campaign's vault.
    pub vault_balance: u64,
}

/// A voucher for exactly this conversion, as the chain would see it.
#[derive(Debug, Clone, Copy)]
pub struct VoucherState {
    /// Unix seconds at which the voucher was issued.
    pub issued_at: i64,
    /// Unix seconds at which the voucher expires.
    pub expires_at: i64,
    /// Whether its attestor has revoked it.
    pub revoked: bool,
}

/// Checks that a code can be registered at `now`, in unix seconds. `taken` says whether
/// the referral's account exists.
///
/// # Errors
/// The error that the program would return.
pub fn check_create_referral(
    campaign: &Campaign,
    args: &CreateReferral,
    now: i64,
    taken: bool,
) -> Result<(), ProgramError> {
    if campaign.closed {
        return Err(ProgramError::CampaignClosed);
    }
    if campaign.settings.attested_codes {
        match args.attestor {
            None => return Err(ProgramError::AttestationRequired),
            Some(attestor) if attestor != campaign.settings.attestor => {
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

/// Returns the reward that this conversion would earn, in base units.
///
/// # Errors
/// The error that the program would return.
pub fn check_convert(
    offer: &Offer<'_>,
    args: &Convert,
    seen: &ChainState<'_>,
) -> Result<Reward, ProgramError> {
    check_pair(offer, &args.referee, seen)?;
    if offer.campaign.proof == Proof::Payment {
        return Err(ProgramError::PaymentRequired);
    }
    check_terms(offer, &args.referee, args.amount, seen)?;
    if offer.campaign.proof == Proof::Attested {
        check_evidence(offer, args.evidence, seen)?;
    }
    check_vacant(offer.campaign, &args.reference, seen)?;
    let reward = check_vault(offer, args.amount, seen)?;
    check_budget(offer.campaign, &reward)?;
    Ok(reward)
}

/// Returns the reward that this purchase would earn, in base units.
///
/// # Errors
/// The error that the program would return.
pub fn check_purchase(
    offer: &Offer<'_>,
    args: &Purchase,
    seen: &ChainState<'_>,
) -> Result<Reward, ProgramError> {
    check_pair(offer, &args.buyer, seen)?;
    if offer.campaign.proof != Proof::Payment {
        return Err(ProgramError::PaymentNotAccepted);
    }
    check_terms(offer, &args.buyer, args.amount, seen)?;
    // A purchase must pay something.
    if args.amount == 0 {
        return Err(ProgramError::AmountTooSmall);
    }
    check_vacant(offer.campaign, &args.reference, seen)?;
    let reward = check_vault(offer, args.amount, seen)?;
    // In a split, the buyer's part is a discount.
    let split = offer.campaign.funding == Funding::PaymentSplit;
    let discount = if split { reward.referee } else { 0 };
    if args.amount.saturating_sub(discount) > args.max_payment {
        return Err(ProgramError::PaymentAboveMaximum);
    }
    // The treasury must not pay itself.
    if offer.campaign.settings.treasury == args.source(offer.campaign) {
        return Err(ProgramError::WrongTreasury);
    }
    check_budget(offer.campaign, &reward)?;
    Ok(reward)
}

/// Checks that a part of this conversion can be claimed at `now`, in unix seconds.
/// `receives` says which beneficiaries' accounts can take their part, as bits of
/// [`settled`].
///
/// # Errors
/// The error that the program would return.
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
    let open = !conversion.settled & all;
    if open != 0 && open & receives == 0 {
        return Err(ProgramError::NothingToClaim);
    }
    Ok(())
}

/// Checks that conversions count in `campaign` at `now`, in unix seconds.
///
/// # Errors
/// The error that the program would return.
pub fn check_open(campaign: &Campaign, now: i64) -> Result<(), ProgramError> {
    campaign.state(now).check(now).map_err(refused)
}

/// Checks that `referral` earns at `now`, in unix seconds.
///
/// # Errors
/// The error that the program would return.
pub fn check_earning(referral: &Referral, now: i64) -> Result<(), ProgramError> {
    referral.state().check(now).map_err(refused)
}

/// Whether a wallet that is bound to `referral` in `campaign` may bind to another code at `now`, in
/// unix seconds, because that referral cannot earn. `referral` is `None` if it was closed; `referrer`
/// is the account of its owner, if the campaign counts per owner.
#[must_use]
pub fn is_lost(
    campaign: &Campaign,
    referral: Option<&Referral>,
    referrer: Option<&Referrer>,
    now: i64,
) -> bool {
    let limit = campaign.in_force(now).owner_limit;
    let used_up = campaign.per_owner
        && limit != 0
        && referrer.is_some_and(|referrer| referrer.conversions >= limit);
    used_up || referral.is_none_or(|referral| check_earning(referral, now).is_err())
}

/// The program's error for a refusal.
fn refused(refusal: Refusal) -> ProgramError {
    match refusal {
        Refusal::CampaignClosed => ProgramError::CampaignClosed,
        Refusal::CampaignPaused => ProgramError::CampaignPaused,
        Refusal::CampaignNotStarted => ProgramError::CampaignNotStarted,
        Refusal::CampaignEnded => ProgramError::CampaignEnded,
        Refusal::Inactive => ProgramError::ReferralInactive,
        Refusal::Expired => ProgramError::ReferralExpired,
        Refusal::UsageLimitReached => ProgramError::UsageLimitReached,
    }
}

/// Checks that campaign, referral, code and referee belong together.
fn check_pair(
    offer: &Offer<'_>,
    referee: &Pubkey,
    seen: &ChainState<'_>,
) -> Result<(), ProgramError> {
    // The program fails on a missing account before it compares any.
    if offer.settings().attribution_window > 0 && seen.binding.is_none() {
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

/// Checks that campaign and referral accept a conversion of this amount by this wallet
/// now.
fn check_terms(
    offer: &Offer<'_>,
    referee: &Pubkey,
    amount: u64,
    seen: &ChainState<'_>,
) -> Result<(), ProgramError> {
    check_open(offer.campaign, offer.now)?;
    check_earning(offer.referral, offer.now)?;
    if amount < offer.settings().min_amount {
        return Err(ProgramError::AmountTooSmall);
    }
    if offer.campaign.per_owner {
        let referrer = seen.referrer.ok_or(ProgramError::ReferrerNotFound)?;
        let limit = offer.settings().owner_limit;
        if limit != 0 && referrer.conversions >= limit {
            return Err(ProgramError::OwnerLimitReached);
        }
    }
    if offer.settings().attribution_window > 0 {
        let binding = seen.binding.ok_or(ProgramError::BindingNotFound)?;
        if binding.campaign != offer.address || binding.wallet != *referee {
            return Err(ProgramError::NotBound);
        }
        if offer.now >= binding.expires_at {
            return Err(ProgramError::BindingExpired);
        }
        if binding.referral != offer.referral_address {
            return Err(ProgramError::BoundElsewhere);
        }
    }
    if offer.settings().has_gate() {
        match seen.credential_expires_at {
            None => return Err(ProgramError::CredentialRequired),
            Some(expiry) if expiry != 0 && offer.now >= expiry => {
                return Err(ProgramError::CredentialExpired);
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn check_evidence(
    offer: &Offer<'_>,
    evidence: Evidence,
    seen: &ChainState<'_>,
) -> Result<(), ProgramError> {
    match evidence {
        Evidence::None => Err(ProgramError::AttestationRequired),
        Evidence::Attestor(attestor) if attestor != offer.campaign.settings.attestor => {
            Err(ProgramError::WrongAttestor)
        }
        Evidence::Attestor(_) => Ok(()),
        Evidence::Voucher { .. } => check_voucher(seen.voucher, offer.now),
    }
}

fn check_voucher(voucher: Option<VoucherState>, now: i64) -> Result<(), ProgramError> {
    let voucher = voucher.ok_or(ProgramError::InvalidVoucher)?;
    let life = voucher.expires_at.checked_sub(voucher.issued_at);
    let in_time = life.is_some_and(|life| (0..=voucher::MAX_LIFE).contains(&life));
    if !in_time || voucher.issued_at > now.saturating_add(voucher::CLOCK_SKEW) {
        return Err(ProgramError::InvalidVoucher);
    }
    if now >= voucher.expires_at {
        return Err(ProgramError::VoucherExpired);
    }
    if voucher.revoked {
        return Err(ProgramError::VoucherRevoked);
    }
    Ok(())
}

/// Checks that the conversion has not been recorded before.
fn check_vacant(
    campaign: &Campaign,
    reference: &[u8; 32],
    seen: &ChainState<'_>,
) -> Result<(), ProgramError> {
    if campaign.uniqueness == Uniqueness::Order && *reference == [0; 32] {
        return Err(ProgramError::MissingReference);
    }
    if seen.converted {
        return Err(ProgramError::AlreadyConverted);
    }
    Ok(())
}

/// Returns the reward. Fails if the vault that pays it does not hold it.
fn check_vault(
    offer: &Offer<'_>,
    amount: u64,
    seen: &ChainState<'_>,
) -> Result<Reward, ProgramError> {
    let (campaign, referral) = (offer.campaign, offer.referral);
    let (conversions, bonuses_paid) = match seen.referrer.filter(|_| campaign.per_owner) {
        Some(referrer) => (referrer.conversions, referrer.bonuses_paid),
        None => (referral.conversions, referral.bonuses_paid),
    };
    let reward = campaign.reward_rule(offer.now).reward(&Facts {
        amount,
        conversions,
        bonuses_paid,
        partner: referral.partner_share(offer.now),
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

/// Checks that the budget covers the reward.
fn check_budget(campaign: &Campaign, reward: &Reward) -> Result<(), ProgramError> {
    if campaign.settings.budget > 0 {
        let committed = campaign.committed.checked_add(reward.total());
        if committed.is_none_or(|committed| committed > campaign.settings.budget) {
            return Err(ProgramError::BudgetExhausted);
        }
    }
    Ok(())
}
