//! What `convert` and `purchase` share: who may be credited, for how much, and
//! where it is recorded.

use anchor_lang::{address_eq, prelude::*};
use vouch_rules::reward::{Facts, Reward};

use crate::{
    add, pda, Campaign, Conversion, Existing, Referee, Referral, ReferralError as E, ACTION_MAX,
    FUNDING_PAYMENT_SPLIT, PROOF_ATTESTED, PROOF_PAYMENT, REWARD_FIXED, SETTLED_ALL, STATUS_PAID,
    STATUS_PENDING, UNIQUENESS_ORDER, UNIQUENESS_WALLET, VERSION,
};

/// What the referee asks to have recorded.
pub struct Request<'a> {
    /// The wallet that was referred, and signed.
    pub referee: &'a Address,
    /// The code that brought it, filled up with zeros.
    pub code: &'a [u8; 12],
    /// What it did.
    pub action: u8,
    /// What that was worth.
    pub amount: u64,
    /// The campaign's own reference.
    pub reference: &'a [u8; 32],
}

/// Fails unless the referral can be credited with `request` at `now`, in unix
/// seconds, by an instruction that takes a payment or not.
#[inline(never)]
pub fn check(
    campaign: &Existing<Campaign>,
    referral: &Existing<Referral>,
    binding: Option<&Existing<Referee>>,
    request: &Request,
    payment: bool,
    now: i64,
) -> Result<()> {
    require!(
        address_eq(&referral.campaign, campaign.address()),
        E::WrongCampaign
    );
    require!(same_code(&referral.code, request.code), E::CodeMismatch);
    require!(
        !address_eq(&referral.owner, request.referee)
            && !address_eq(&referral.partner, request.referee),
        E::SelfReferral
    );
    require!(request.action <= ACTION_MAX, E::InvalidAction);
    match (campaign.proof == PROOF_PAYMENT, payment) {
        (true, false) => return Err(E::PaymentRequired.into()),
        (false, true) => return Err(E::PaymentNotAccepted.into()),
        _ => {}
    }
    campaign.check_open(now)?;
    referral.check_earning(now)?;
    require!(
        request.amount >= campaign.min_amount.get(),
        E::AmountTooSmall
    );
    if campaign.attribution_window.get() != 0 {
        check_first_touch(campaign, referral, binding, request.referee, now)?;
    }
    Ok(())
}

/// Whether two codes are the same: two words, not twelve bytes.
#[inline(always)]
pub fn same_code(a: &[u8; 12], b: &[u8; 12]) -> bool {
    let words = |code: &[u8; 12]| {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = *code;
        let head = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        (head, u32::from_le_bytes([i, j, k, l]))
    };
    words(a) == words(b)
}

/// Fails unless it was this referral that brought the wallet, and recently.
#[inline(never)]
fn check_first_touch(
    campaign: &Existing<Campaign>,
    referral: &Existing<Referral>,
    binding: Option<&Existing<Referee>>,
    wallet: &Address,
    now: i64,
) -> Result<()> {
    let binding = binding.ok_or(E::MissingAccount)?;
    // No address is derived: the program writes no other binding for these two.
    let bound =
        address_eq(&binding.campaign, campaign.address()) && address_eq(&binding.wallet, wallet);
    require!(bound, E::NotBound);
    require!(now < binding.expires_at.get(), E::BindingExpired);
    require!(
        address_eq(&binding.referral, referral.address()),
        E::NotFirstTouch
    );
    Ok(())
}

/// What the campaign counts once: the key of the conversion's address.
#[inline(always)]
pub fn key(campaign: &Campaign, referral: &Address, request: &Request) -> Result<[u8; 32]> {
    if campaign.uniqueness == UNIQUENESS_WALLET {
        return Ok(*request.referee.as_array());
    }
    let second = if campaign.uniqueness == UNIQUENESS_ORDER {
        require!(*request.reference != [0; 32], E::MissingReference);
        if campaign.proof == PROOF_ATTESTED {
            return Ok(*request.reference);
        }
        // Nobody vouches for whose order it is: each wallet has its own orders, so
        // that nobody can take somebody else's.
        request.reference
    } else {
        referral.as_array()
    };
    let mut both = [0; 64];
    let (left, right) = both.split_at_mut(32);
    left.copy_from_slice(request.referee.as_ref());
    right.copy_from_slice(second);
    Ok(sha256(&both))
}

/// The canonical bump of the conversion's address; fails when the account is not at
/// that address, or was recorded before.
#[inline(always)]
pub fn find_vacant(account: &AccountView, campaign: &Address, key: &[u8; 32]) -> Result<u8> {
    let bump = pda::find_conversion(account.address(), campaign, key)?;
    pda::check_vacant(account, E::AlreadyConverted)?;
    Ok(bump)
}

/// What the conversion earns.
#[inline(always)]
pub fn reward(campaign: &Campaign, referral: &Referral, amount: u64) -> Reward {
    // A fixed reward for the referrer alone needs no rule: most campaigns.
    let plain = campaign.reward_kind == REWARD_FIXED
        && campaign.funding != FUNDING_PAYMENT_SPLIT
        && campaign
            .tiers
            .first()
            .is_none_or(|tier| tier.multiplier_bps.get() == 0)
        && campaign
            .bonuses
            .first()
            .is_none_or(|bonus| bonus.amount.get() == 0)
        && campaign.referee_share_bps.get() == 0
        && referral.partner_share_bps.get() == 0;
    if plain {
        return Reward {
            referrer: campaign.reward_fixed.get(),
            ..Reward::default()
        };
    }
    reward_by_rule(campaign, referral, amount)
}

#[inline(never)]
fn reward_by_rule(campaign: &Campaign, referral: &Referral, amount: u64) -> Reward {
    campaign.rule().reward(&Facts {
        amount,
        conversions: referral.conversions.get(),
        bonuses_paid: referral.bonuses_paid,
        partner_share_bps: referral.partner_share_bps.get(),
        at_most: match campaign.funding {
            FUNDING_PAYMENT_SPLIT => amount,
            _ => u64::MAX,
        },
    })
}

/// Counts `total` base units against the budget, and `owed` of them as what the vault
/// owes. A campaign that has neither stays as it is, and may be read-only.
#[inline(never)]
pub fn commit(campaign: &mut Existing<Campaign>, total: u64, owed: u64) -> Result<()> {
    if !campaign.counts() {
        return Ok(());
    }
    campaign.count(|campaign| {
        let budget = campaign.budget.get();
        if budget != 0 {
            let committed = campaign.committed.get().checked_add(total);
            let within = committed.filter(|committed| *committed <= budget);
            campaign.committed = within.ok_or(E::BudgetExhausted)?.into();
        }
        campaign.owed = add(campaign.owed.get(), owed)?.into();
        Ok(())
    })
}

/// What a conversion is recorded with, beside the request.
pub struct Record<'a> {
    /// Where.
    pub account: &'a AccountView,
    /// Who pays the rent.
    pub payer: &'a AccountView,
    /// The key of the address.
    pub key: &'a [u8; 32],
    /// The bump of the address.
    pub bump: u8,
    /// What it earns.
    pub reward: &'a Reward,
    /// Which parts are paid at once.
    pub settled: u8,
    /// Unix seconds.
    pub now: i64,
}

/// Creates the conversion, and counts it for its referral.
#[inline(never)]
pub fn record(
    campaign: &Existing<Campaign>,
    referral: &mut Existing<Referral>,
    request: &Request,
    record: Record,
) -> Result<()> {
    let Record {
        account,
        payer,
        key,
        bump,
        reward,
        settled,
        now,
    } = record;
    let conversion = Conversion {
        version: VERSION,
        bump,
        status: if settled == SETTLED_ALL {
            STATUS_PAID
        } else {
            STATUS_PENDING
        },
        settled,
        action: request.action,
        bonuses: reward.bonuses,
        referral: *referral.address(),
        referee: *request.referee,
        rent_payer: *payer.address(),
        reference: *request.reference,
        amount: request.amount.into(),
        reward_referrer: reward.referrer.into(),
        reward_referee: reward.referee.into(),
        reward_partner: reward.partner.into(),
        converted_at: now.into(),
        hold_seconds: campaign.hold_seconds,
    };
    let seeds = [
        pda::CONVERSION,
        campaign.address().as_ref(),
        key.as_slice(),
        &[bump],
    ];
    pda::create(payer, &mut account.clone(), &seeds, &conversion)?;
    referral.count(reward, settled)?;
    referral.invariant()
}
