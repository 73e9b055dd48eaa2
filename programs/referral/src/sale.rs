//! A sale, from its checks to its record: the path that `convert` and `purchase` share.
//!
//! In this order: [`Sale::check`] checks that the referral may be credited, [`Sale::earn`]
//! computes the reward, [`Sale::settle`] finds the parts to pay at once, [`record`] creates the
//! conversion, [`commit`] charges the campaign. [`crate::payout`] pays.

use core::mem::MaybeUninit;

use anchor_lang::{address_eq, cpi::CpiSigner, likely, prelude::*};
use vouch_rules::reward::{Facts, Reward};

use crate::{
    account::{self, view},
    address::hash_both,
    code::same_code,
    credential,
    math::{add, later},
    payout::{self, Parties, Purse, Recipients},
    Binding, Campaign, Conversion, Existing, InForce, Referral, ReferralError as E, Referrer,
    Shared, ACTION_MAX, FUNDING_PAYMENT_SPLIT, PROOF_ATTESTED, PROOF_PAYMENT, SETTLED_ALL,
    SETTLED_REFERRER, STATUS_PAID, STATUS_PENDING, UNIQUENESS_ORDER, UNIQUENESS_WALLET, VERSION,
};

/// A referee's request to record a conversion.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The wallet that was referred, and signed.
    pub referee: &'a Address,
    /// The code, padded with zeros.
    pub code: &'a [u8; 12],
    /// Number of the action.
    pub action: u8,
    /// Value of the action.
    pub amount: u64,
    /// The campaign's own reference.
    pub reference: &'a [u8; 32],
}

/// Accounts that some campaigns require of a referee.
pub struct Evidence<'a> {
    /// The wallet's binding.
    pub binding: &'a Option<Existing<Binding>>,
    /// The wallet's credential.
    pub credential: &'a Option<UncheckedAccount>,
}

/// A sale to be checked.
#[derive(Clone, Copy)]
pub struct Sale<'a, 'r> {
    /// The campaign.
    pub campaign: Shared<'a, Campaign>,
    /// The campaign's settings at `now`.
    pub settings: InForce<'a>,
    /// The referral to credit.
    pub referral: Shared<'a, Referral>,
    /// The account of the referral's owner, in campaigns that count per owner.
    pub referrer: Option<Shared<'a, Referrer>>,
    /// The request.
    pub request: Request<'r>,
    /// Unix seconds.
    pub now: i64,
    /// Whether the referral's owner alone gets the fixed reward, by no further rule.
    pub plain: bool,
}

/// A sale that may be recorded.
pub struct Earned<'a> {
    /// The key of the conversion's address.
    pub key: &'a [u8; 32],
    /// The parts of the reward.
    pub reward: Reward,
}

impl<'r> Sale<'_, 'r> {
    /// Fails unless the referral can be credited. `payment`: the instruction takes a payment.
    /// Not inlined, so that the compared values stay in registers.
    #[inline(never)]
    pub fn check(&self, evidence: &Evidence, payment: bool) -> Result<()> {
        self.check_inlined(evidence, payment)
    }

    /// [`Self::check`], inlined.
    #[inline(always)]
    pub fn check_inlined(&self, evidence: &Evidence, payment: bool) -> Result<()> {
        let (campaign, referral) = (self.campaign, self.referral);
        let referee = self.request.referee;
        require!(
            address_eq(&referral.campaign, campaign.address()),
            E::WrongCampaign
        );
        require!(
            same_code(&referral.code, self.request.code),
            E::CodeMismatch
        );
        require!(
            !address_eq(&referral.owner, referee) && !address_eq(&referral.partner, referee),
            E::SelfReferral
        );
        require!(self.request.action <= ACTION_MAX, E::InvalidAction);
        match (campaign.proof == PROOF_PAYMENT, payment) {
            (true, false) => return Err(E::PaymentRequired.into()),
            (false, true) => return Err(E::PaymentNotAccepted.into()),
            _ => {}
        }
        campaign.check_open(self.settings.settings, self.now)?;
        referral.check_earning(self.now)?;
        require!(
            self.request.amount >= self.settings.min_amount.get(),
            E::AmountTooSmall
        );
        if campaign.per_owner == 1 {
            self.check_owner_limit()?;
        }
        if self.settings.attribution_window.get() != 0 {
            self.check_binding(evidence.binding)?;
        }
        if self.settings.has_gate() {
            credential::check(view(evidence.credential), self.settings, referee, self.now)?;
        }
        Ok(())
    }

    /// Fails unless the account of the referral's owner was given, and the owner may have one
    /// more conversion.
    #[inline(never)]
    fn check_owner_limit(&self) -> Result<()> {
        let referrer = self.referrer.ok_or(E::MissingAccount)?;
        let its = address_eq(&referrer.campaign, self.campaign.address())
            && address_eq(&referrer.owner, &self.referral.owner);
        require!(its, E::WrongReferrer);
        let limit = self.settings.owner_limit.get();
        require!(
            limit == 0 || referrer.conversions.get() < limit,
            E::OwnerLimitReached
        );
        Ok(())
    }

    /// Fails unless this referral brought the wallet, within the campaign's window.
    #[inline(never)]
    fn check_binding(&self, binding: &Option<Existing<Binding>>) -> Result<()> {
        let binding = binding.as_ref().ok_or(E::MissingAccount)?;
        // The address needs no check: the program creates one binding per campaign and wallet.
        let bound = address_eq(&binding.campaign, self.campaign.address())
            && address_eq(&binding.wallet, self.request.referee);
        require!(bound, E::NotBound);
        require!(self.now < binding.expires_at.get(), E::BindingExpired);
        require!(
            address_eq(&binding.referral, self.referral.address()),
            E::BoundElsewhere
        );
        Ok(())
    }

    /// The conversion's key and its reward; fails when it was recorded before. A key that
    /// is a hash is written to `hash`.
    #[inline(always)]
    pub fn earn<'k>(
        &self,
        conversion: &AccountView,
        hash: &'k mut MaybeUninit<[u8; 32]>,
    ) -> Result<Earned<'k>>
    where
        'r: 'k,
    {
        let key = self.key(hash)?;
        account::check_vacant(conversion, E::AlreadyConverted)?;
        Ok(Earned {
            key,
            reward: self.reward(),
        })
    }

    /// The key of the conversion's address: what the campaign counts once.
    #[inline(always)]
    fn key<'k>(&self, hash: &'k mut MaybeUninit<[u8; 32]>) -> Result<&'k [u8; 32]>
    where
        'r: 'k,
    {
        if self.campaign.uniqueness == UNIQUENESS_WALLET {
            return Ok(self.request.referee.as_array());
        }
        let Request {
            referee, reference, ..
        } = self.request;
        hash_key(self.campaign, self.referral, referee, reference, hash)
            .ok_or(E::MissingReference.into())
    }

    #[inline(always)]
    fn reward(&self) -> Reward {
        if self.plain {
            return Reward {
                referrer: self.settings.reward_fixed.get(),
                ..Reward::default()
            };
        }
        self.reward_by_rule()
    }

    #[inline(never)]
    fn reward_by_rule(&self) -> Reward {
        let (conversions, bonuses_paid) = match self.referrer {
            Some(referrer) => (referrer.conversions.get(), referrer.bonuses_paid.get()),
            None => (
                self.referral.conversions.get(),
                self.referral.bonuses_paid.get(),
            ),
        };
        let rule = self.settings.rule(self.settings.bonus_places());
        rule.reward(&Facts {
            amount: self.request.amount,
            conversions,
            bonuses_paid,
            partner: self.referral.partner_share(self.now),
            at_most: match self.campaign.funding {
                FUNDING_PAYMENT_SPLIT => self.request.amount,
                _ => u64::MAX,
            },
        })
    }

    /// Returns the parts that this sale settles, and those of them to pay now.
    ///
    /// Parts of zero and the discount of a split are settled. Another part is settled and paid if
    /// the reward is not held and the recipient can be paid.
    #[inline(always)]
    pub fn settle(
        &self,
        reward: &Reward,
        recipients: &Recipients,
        purse: &Purse,
    ) -> Result<Settlement> {
        let split = !purse.mints && self.campaign.funding == FUNDING_PAYMENT_SPLIT;
        let mut settled = payout::empty_parts(reward);
        if split {
            settled |= crate::SETTLED_REFEREE;
        }
        let hold_seconds = self.settings.hold_seconds.get();
        let mut paid = 0;
        if likely(hold_seconds == 0) && likely(settled != SETTLED_ALL) {
            let parties = Parties {
                campaign: self.campaign,
                referral: self.referral.get(),
                referee: self.request.referee,
                pays_sol: split && self.campaign.pays_sol(),
            };
            paid = parties.payable(recipients, reward, settled)?;
            if !split {
                paid = purse.check(paid, payout::sum(reward, paid))?;
            }
        }
        Ok(Settlement {
            paid,
            settled: settled | paid,
            hold_seconds,
        })
    }
}

/// Writes the key of a conversion that is not one for each wallet to `hash`, or returns `None` if
/// it needs a reference that is zero.
#[inline(never)]
fn hash_key<'k>(
    campaign: Shared<Campaign>,
    referral: Shared<Referral>,
    referee: &Address,
    reference: &[u8; 32],
    hash: &'k mut MaybeUninit<[u8; 32]>,
) -> Option<&'k [u8; 32]> {
    let referee = referee.as_array();
    let key = if campaign.uniqueness != UNIQUENESS_ORDER {
        hash_both(referee, referral.address().as_array())
    } else if *reference == [0; 32] {
        return None;
    } else if campaign.proof == PROOF_ATTESTED {
        sha256(reference)
    } else {
        // Nobody attests whose order it is, so the key includes the wallet: nobody can use up
        // another wallet's order.
        hash_both(referee, reference)
    };
    Some(hash.write(key))
}

/// The parts that a sale settles at once.
#[derive(Clone, Copy)]
pub struct Settlement {
    /// Parts to pay now.
    pub paid: u8,
    /// Parts of which nothing is owed.
    pub settled: u8,
    /// Seconds that the reward is held.
    pub hold_seconds: u32,
}

impl Settlement {
    /// The reward is the referrer's alone, and paid at once.
    pub const PAID: Self = Self {
        paid: SETTLED_REFERRER,
        settled: SETTLED_ALL,
        hold_seconds: 0,
    };

    /// Base units of `reward` that stay owed.
    #[inline(always)]
    pub fn waiting(&self, reward: &Reward) -> u64 {
        payout::sum(reward, payout::unsettled(self.settled))
    }
}

/// The accounts and the time of a new conversion.
pub struct Record<'a> {
    /// The conversion's account.
    pub account: AccountView,
    /// Pays the rent.
    pub payer: AccountView,
    /// The wallet that was referred.
    pub referee: &'a Address,
    /// Unix seconds.
    pub now: i64,
}

/// Creates the conversion, and counts it for its referral and its owner.
#[inline(never)]
pub fn record(
    campaign: Shared<Campaign>,
    referral: &mut Existing<Referral>,
    referrer: Option<&mut Existing<Referrer>>,
    earned: &Earned,
    settlement: Settlement,
    its: &Record,
) -> Result<()> {
    account::signed(campaign, |signers| {
        record_inlined(
            campaign, referral, referrer, earned, settlement, its, signers,
        )
    })
}

/// [`record`], inlined, with the `signers` that are the campaign's.
#[inline(always)]
pub fn record_inlined(
    campaign: Shared<Campaign>,
    referral: &mut Existing<Referral>,
    referrer: Option<&mut Existing<Referrer>>,
    earned: &Earned,
    settlement: Settlement,
    record: &Record,
    signers: &[CpiSigner],
) -> Result<()> {
    let reward = &earned.reward;
    let Settlement {
        settled,
        hold_seconds,
        ..
    } = settlement;
    let held = hold_seconds != 0;
    // A held conversion can be cancelled, even if it is worth nothing.
    let pending = held || settled != SETTLED_ALL;
    let fill = |new: &mut Conversion| {
        // Field by field: an address then goes straight to its place.
        let Conversion {
            version,
            status,
            settled: parts,
            budgeted,
            bonuses,
            referral: address,
            referee,
            rent_payer,
            reward_referrer,
            reward_referee,
            reward_partner,
            converted_at,
            hold_seconds: held_for,
        } = new;
        *version = VERSION;
        *status = if pending { STATUS_PENDING } else { STATUS_PAID };
        *parts = settled;
        *budgeted = u8::from(campaign.settings.budget.get() != 0);
        *bonuses = reward.bonuses.into();
        *address = *referral.address();
        *referee = *record.referee;
        *rent_payer = *record.payer.address();
        *reward_referrer = reward.referrer.into();
        *reward_referee = reward.referee.into();
        *reward_partner = reward.partner.into();
        *converted_at = record.now.into();
        *held_for = hold_seconds.into();
    };
    let (payer, account) = (&record.payer, &record.account);
    account::create_keyed_inlined(payer, account, campaign, earned.key, signers, fill)?;
    referral.record(reward, settled, pending)?;
    if held {
        let until = later(record.now, hold_seconds);
        referral.held_until = until.max(referral.held_until.get()).into();
    }
    match referrer {
        Some(referrer) if reward.total() != 0 => referrer.count(reward)?,
        Some(_) => {}
        None => {
            let paid = referral.bonuses_paid.get() | reward.bonuses;
            referral.bonuses_paid = paid.into();
        }
    }
    referral.invariant()
}

/// Creates and counts a conversion of which nothing is paid now, and whose whole reward is the
/// referrer's. It gets no reference to the instruction's accounts, which then stay in registers.
#[inline(never)]
pub fn record_unpaid(
    mut campaign: Existing<Campaign>,
    mut referral: Existing<Referral>,
    key: &[u8; 32],
    reward: u64,
    settlement: Settlement,
    its: Record,
) -> Result<()> {
    let earned = Earned {
        key,
        reward: Reward {
            referrer: reward,
            ..Reward::default()
        },
    };
    let shared = campaign.shared();
    record(shared, &mut referral, None, &earned, settlement, &its)?;
    if likely(!campaign.is_counted()) {
        return Ok(());
    }
    let waiting = settlement.waiting(&earned.reward);
    commit(&mut campaign, reward, waiting)
}

/// Charges `total` base units to the budget, and `waiting` of them to the vault. A campaign that
/// has neither is not written, so it may be read-only.
#[inline(always)]
pub fn commit(campaign: &mut Existing<Campaign>, total: u64, waiting: u64) -> Result<()> {
    if campaign.is_counted() {
        // SAFETY: `campaign` is not used while this is.
        return charge(unsafe { campaign.again() }, total, waiting);
    }
    Ok(())
}

#[inline(never)]
fn charge(mut campaign: Existing<Campaign>, total: u64, waiting: u64) -> Result<()> {
    campaign.count(|campaign| {
        let budget = campaign.settings.budget.get();
        if budget != 0 {
            let committed = campaign.committed.get().checked_add(total);
            let within = committed.filter(|committed| *committed <= budget);
            campaign.committed = within.ok_or(E::BudgetExhausted)?.into();
        }
        if campaign.has_vault() {
            campaign.owed = add(campaign.owed.get(), waiting)?.into();
        }
        Ok(())
    })
}
