//! `claim` and `cancel_conversion`: the calls that settle a conversion.

use solana_sdk::pubkey::Pubkey;
use vouch_client::{
    accounts::{Account, Campaign, Conversion, Funding, Referral, Referrer, Status, settled},
    instructions::raw::*,
};
use vouch_rules::reward::Reward;

use super::context::{Context, must, sub};
use crate::{
    error::Kind,
    evidence::{self, ALL, Open, Others},
    fact::{Fact, Part, PartPaid},
    lamports::Payout,
    token,
    view::{self, View},
};

/// The wallets of referrer, referee and partner.
pub(super) fn parties(referral: &Referral, referee: &Pubkey) -> [Pubkey; 3] {
    [referral.owner, *referee, referral.partner]
}

/// Parts that a call paid.
pub(super) struct Paid<'a> {
    pub(super) conversion: Pubkey,
    pub(super) open: &'a Open,
    pub(super) bits: u8,
    pub(super) parties: [Pubkey; 3],
    pub(super) claimed: bool,
}

impl Paid<'_> {
    /// Adds one fact for each part.
    pub(super) fn note(&self, facts: &mut Vec<Fact>) {
        let [referrer, referee, partner] = self.parties;
        for (part, account, units) in self.open.parts(self.bits) {
            facts.push(Fact::PartPaid(PartPaid {
                conversion: self.conversion,
                part,
                units,
                recipient: match part {
                    Part::Referrer => referrer,
                    Part::Referee => referee,
                    Part::Partner => partner,
                },
                account,
                claimed: self.claimed,
            }));
        }
    }
}

/// Takes `parts` of a conversion, which are no longer owed, off its referral's pending rewards.
fn settle(referral: &mut Referral, reward: &Reward, parts: u8, over: bool) -> Result<(), Kind> {
    if parts & settled::REFERRER != 0 {
        let pending = referral.rewards_pending;
        referral.rewards_pending = sub(pending, reward.referrer, "rewards_pending")?;
    }
    if parts & settled::PARTNER != 0 {
        let pending = referral.partner_pending;
        referral.partner_pending = sub(pending, reward.partner, "partner_pending")?;
    }
    if over {
        referral.open_conversions = sub(referral.open_conversions, 1, "open_conversions")?;
    }
    Ok(())
}

/// A conversion to be settled.
struct Pending<'a> {
    campaign_address: Pubkey,
    campaign: &'a Campaign,
    referral_address: Pubkey,
    referral: &'a Referral,
    address: Pubkey,
    conversion: &'a Conversion,
}

/// The accounts at these places.
fn pending<'a, V: View + ?Sized>(
    context: &Context<'a, V>,
    [campaign, referral, conversion]: [usize; 3],
) -> Result<Pending<'a>, Kind> {
    let (campaign_address, campaign) = context.campaign(campaign)?;
    let (referral_address, referral) = context.referral_of(&campaign_address, referral)?;
    let (address, conversion) = context.read::<Conversion>(conversion)?;
    must(conversion.referral == referral_address, "another referral")?;
    must(
        conversion.status == Status::Pending,
        "the conversion is not pending",
    )?;
    Ok(Pending {
        campaign_address,
        campaign,
        referral_address,
        referral,
        address,
        conversion,
    })
}

pub(super) fn claim<V: View + ?Sized>(context: &mut Context<'_, V>) -> Result<(), Kind> {
    let pending = pending(
        context,
        [
            ClaimAccounts::CAMPAIGN,
            ClaimAccounts::REFERRAL,
            ClaimAccounts::CONVERSION,
        ],
    )?;
    let Pending {
        campaign,
        conversion,
        ..
    } = pending;
    must(
        conversion.hold_seconds == 0 || context.now >= conversion.claimable_from(),
        "the conversion is held",
    )?;
    let reward = conversion.reward();
    let declared = ClaimAccounts::VAULT.saturating_add(1);
    let accounts = [
        context.at(ClaimAccounts::REFERRER_ACCOUNT),
        context.trailing(ClaimAccounts::REFEREE_ACCOUNT, declared),
        context.trailing(ClaimAccounts::PARTNER_ACCOUNT, declared),
    ];
    let open = Open::new(ALL & !conversion.settled, &reward, accounts)?;
    let bits = if open.bits == 0 {
        0
    } else {
        claimed(context, &pending, &open)?
    };
    let sol = campaign.rewards_are_sol();
    if sol {
        for (_, account, units) in open.parts(bits) {
            context.moved.transfer(pending.address, account, units);
        }
    }

    let done = conversion.settled | bits;
    let over = done == ALL;
    let mut referral = pending.referral.clone();
    settle(&mut referral, &reward, bits, over)?;
    let mut changed = conversion.clone();
    changed.settled = done;
    if over {
        changed.status = Status::Paid;
    }
    if bits == 0 {
        context.fact(Fact::ConversionReleased {
            conversion: pending.address,
        });
    }
    Paid {
        conversion: pending.address,
        open: &open,
        bits,
        parties: parties(&referral, &conversion.referee),
        claimed: true,
    }
    .note(&mut context.facts);
    if bits != 0 && campaign.pays_from_vault() {
        let mut campaign = campaign.clone();
        campaign.owed = sub(campaign.owed, open.sum(bits), "owed")?;
        context.write_campaign(pending.campaign_address, campaign);
    }
    context.write_referral(pending.referral_address, referral);
    context.write(pending.address, Account::Conversion(Box::new(changed)));
    Ok(())
}

/// Seconds after a campaign's last hold in which its rewards can still be claimed: 30 days.
const CLAIM_PERIOD: i64 = 2_592_000;

/// Whether the campaign is closed and its claim period is over at `now`, in unix seconds.
pub(super) fn claims_are_over(campaign: &Campaign, now: i64) -> bool {
    let held = i64::from(campaign.longest_hold);
    let over = campaign.closed_at.saturating_add(held);
    campaign.closed && now >= over.saturating_add(CLAIM_PERIOD)
}

/// The parts that a claim paid: at least one.
fn claimed<V: View + ?Sized>(
    context: &Context<'_, V>,
    pending: &Pending<'_>,
    open: &Open,
) -> Result<u8, Kind> {
    let consistent = if pending.campaign.rewards_are_sol() {
        Payout {
            tx: context.tx,
            call: context.call,
            moved: context.moved,
            conversion: pending.address,
            rest: None,
            open: *open,
            some: true,
            over: claims_are_over(pending.campaign, context.now),
        }
        .consistent()?
    } else {
        let payments = token::payments(&context.call.cpis()?, &pending.campaign_address)?;
        let mut sets = evidence::by_payments(&payments, &Others::default(), open);
        sets.retain(|paid| *paid != 0);
        sets
    };
    evidence::choose(&consistent, context.choices)
}

pub(super) fn cancel<V: View + ?Sized>(context: &mut Context<'_, V>) -> Result<(), Kind> {
    let pending = pending(
        context,
        [
            CancelConversionAccounts::CAMPAIGN,
            CancelConversionAccounts::REFERRAL,
            CancelConversionAccounts::CONVERSION,
        ],
    )?;
    let Pending {
        campaign,
        conversion,
        ..
    } = pending;
    must(
        campaign.authority == context.at(CancelConversionAccounts::AUTHORITY)?,
        "another authority",
    )?;
    must(
        context.now < conversion.claimable_from(),
        "the hold is over",
    )?;
    let reward = conversion.reward();
    let unsettled = ALL & !conversion.settled;
    let waiting = evidence::sum(&reward, unsettled);
    if waiting != 0 && campaign.funding == Funding::PaymentSplit && campaign.rewards_are_sol() {
        let treasury = context.given_at(CancelConversionAccounts::TREASURY)?;
        context.moved.transfer(pending.address, treasury, waiting);
    }

    let mut referral = pending.referral.clone();
    settle(&mut referral, &reward, unsettled, true)?;
    if reward.total() != 0 {
        referral.conversions = sub(referral.conversions, 1, "conversions")?;
        referral.rewards_total = sub(referral.rewards_total, reward.referrer, "rewards_total")?;
        if campaign.per_owner {
            let address = context.given_at(CancelConversionAccounts::REFERRER)?;
            let mut referrer = view::read::<Referrer>(context.view, &address)?.clone();
            let its =
                referrer.campaign == pending.campaign_address && referrer.owner == referral.owner;
            must(its, "another owner's account")?;
            referrer.conversions = sub(referrer.conversions, 1, "conversions")?;
            referrer.bonuses_paid &= !reward.bonuses;
            context.write(address, Account::Referrer(Box::new(referrer)));
        } else {
            referral.bonuses_paid &= !reward.bonuses;
        }
    }
    let mut changed = conversion.clone();
    changed.status = Status::Cancelled;
    let has_vault = campaign.pays_from_vault();
    if conversion.budgeted || has_vault {
        let mut campaign = campaign.clone();
        if has_vault {
            campaign.owed = sub(campaign.owed, waiting, "owed")?;
        }
        if conversion.budgeted {
            campaign.committed = sub(campaign.committed, reward.total(), "committed")?;
        }
        context.write_campaign(pending.campaign_address, campaign);
    }
    context.write_referral(pending.referral_address, referral);
    context.write(pending.address, Account::Conversion(Box::new(changed)));
    context.fact(Fact::ConversionCancelled {
        conversion: pending.address,
        referral: pending.referral_address,
        forgone: waiting,
    });
    Ok(())
}
