//! `convert` and `purchase`: the calls that record a conversion.

use solana_sdk::pubkey::Pubkey;
use vouch_client::{
    accounts::{
        Account, Action, Campaign, Conversion, Funding, Proof, Referral, Referrer, Status, VERSION,
        settled,
    },
    instructions::raw::*,
};
use vouch_rules::reward::{Facts, Reward};

use super::{
    context::{Context, add, must},
    settlement::{Paid, parties},
};
use crate::{
    error::Kind,
    evidence::{self, ALL, Open, Others},
    fact::{Fact, Sale},
    lamports::Payout,
    token,
    view::{self, View},
};

/// The request of a referee, and the places of the accounts that the two instructions share.
struct Request<'a> {
    code: &'a [u8; 12],
    action: Action,
    amount: u64,
    reference: &'a [u8; 32],
    /// The treasury, if a payment is made.
    treasury: Option<Pubkey>,
    /// Number of accounts if the optional ones at the end are given.
    declared: usize,
    referrer: usize,
    /// Places of the accounts of referrer, referee and partner.
    recipients: [usize; 3],
}

pub(super) fn convert<V: View + ?Sized>(
    context: &mut Context<'_, V>,
    args: &ConvertArgs,
) -> Result<(), Kind> {
    // All accounts that `convert` and `purchase` share are at the same places.
    const {
        assert!(
            ConvertAccounts::PAYER == PurchaseAccounts::PAYER
                && ConvertAccounts::REFEREE == PurchaseAccounts::BUYER
                && ConvertAccounts::CAMPAIGN == PurchaseAccounts::CAMPAIGN
                && ConvertAccounts::REFERRAL == PurchaseAccounts::REFERRAL
                && ConvertAccounts::CONVERSION == PurchaseAccounts::CONVERSION
        );
    }
    sale(
        context,
        &Request {
            code: &args.code,
            action: args.action,
            amount: args.amount,
            reference: &args.reference,
            treasury: None,
            declared: ConvertAccounts::VAULT.saturating_add(1),
            referrer: ConvertAccounts::REFERRER,
            recipients: [
                ConvertAccounts::REFERRER_ACCOUNT,
                ConvertAccounts::REFEREE_ACCOUNT,
                ConvertAccounts::PARTNER_ACCOUNT,
            ],
        },
    )
}

pub(super) fn purchase<V: View + ?Sized>(
    context: &mut Context<'_, V>,
    args: &PurchaseArgs,
) -> Result<(), Kind> {
    let treasury = context.at(PurchaseAccounts::TREASURY)?;
    sale(
        context,
        &Request {
            code: &args.code,
            action: args.action,
            amount: args.amount,
            reference: &args.reference,
            treasury: Some(treasury),
            declared: PurchaseAccounts::VAULT.saturating_add(1),
            referrer: PurchaseAccounts::REFERRER,
            recipients: [
                PurchaseAccounts::REFERRER_ACCOUNT,
                PurchaseAccounts::REFEREE_ACCOUNT,
                PurchaseAccounts::PARTNER_ACCOUNT,
            ],
        },
    )
}

/// A sale, checked against the known accounts.
struct Checked<'a> {
    campaign_address: Pubkey,
    campaign: &'a Campaign,
    referral_address: Pubkey,
    referral: &'a Referral,
    /// The owner's account, in a campaign that counts per owner.
    referrer: Option<(Pubkey, &'a Referrer)>,
    referee: Pubkey,
    reward: Reward,
    hold_seconds: u32,
}

fn check<'a, V: View + ?Sized>(
    context: &Context<'a, V>,
    request: &Request<'_>,
) -> Result<Checked<'a>, Kind> {
    let now = context.now;
    let (campaign_address, campaign) = context.campaign(ConvertAccounts::CAMPAIGN)?;
    let (referral_address, referral) =
        context.referral_of(&campaign_address, ConvertAccounts::REFERRAL)?;
    let referee = context.at(ConvertAccounts::REFEREE)?;
    let settings = campaign.in_force(now);
    must(referral.code == *request.code, "another code")?;
    // A partner that was perhaps removed is none here: the program has checked it.
    let is_partner = referral.partner == referee && !context.less(&referral_address).partnership;
    must(
        referral.owner != referee && !is_partner,
        "the referee is the referrer",
    )?;
    must(
        (campaign.proof == Proof::Payment) == request.treasury.is_some(),
        "the campaign demands another proof",
    )?;
    let earns = campaign.state(now).check(now).is_ok() && referral.state().check(now).is_ok();
    must(earns, "the code earns nothing")?;
    must(
        request.amount >= settings.min_amount,
        "the amount is too small",
    )?;
    let referrer = if campaign.per_owner {
        let address = context.trailing(request.referrer, request.declared)?;
        let referrer: &Referrer = view::read(context.view, &address)?;
        let its = referrer.campaign == campaign_address && referrer.owner == referral.owner;
        must(its, "another owner's account")?;
        let limit = settings.owner_limit;
        must(
            limit == 0 || referrer.conversions < limit,
            "the owner's limit is reached",
        )?;
        Some((address, referrer))
    } else {
        None
    };
    let (conversions, bonuses_paid) = match referrer {
        Some((_, referrer)) => (referrer.conversions, referrer.bonuses_paid),
        None => (referral.conversions, referral.bonuses_paid),
    };
    let reward = campaign.reward_rule(now).reward(&Facts {
        amount: request.amount,
        conversions,
        bonuses_paid,
        partner: referral.partner_share(now),
        at_most: match campaign.funding {
            Funding::PaymentSplit => request.amount,
            Funding::MintAuthority | Funding::Vault => u64::MAX,
        },
    });
    Ok(Checked {
        campaign_address,
        campaign,
        referral_address,
        referral,
        referrer,
        referee,
        reward,
        hold_seconds: settings.hold_seconds,
    })
}

/// The parts that the call paid: those of `open` whose recipients could be paid.
fn paid<V: View + ?Sized>(
    context: &Context<'_, V>,
    request: &Request<'_>,
    sale: &Checked<'_>,
    conversion: Pubkey,
    open: &Open,
) -> Result<u8, Kind> {
    let campaign = sale.campaign;
    let split = campaign.funding == Funding::PaymentSplit;
    let rest = match request.treasury {
        Some(treasury) if split => {
            let rest = request.amount.checked_sub(sale.reward.total());
            let rest = rest.ok_or(Kind::Overflow("the rest of the payment"))?;
            Some((treasury, rest))
        }
        _ => None,
    };
    let consistent = if campaign.rewards_are_sol() {
        Payout {
            tx: context.tx,
            call: context.call,
            moved: context.moved,
            conversion,
            rest,
            open: *open,
            some: false,
            // The campaign is open.
            over: false,
        }
        .consistent()?
    } else {
        // The buyer pays the parts of a split, the campaign pays all others.
        let from = if split {
            &sale.referee
        } else {
            &sale.campaign_address
        };
        let vault = split.then_some(campaign.vault);
        let others = Others { rest, vault };
        let payments = token::payments(&context.call.cpis()?, from)?;
        evidence::by_payments(&payments, &others, open)
    };
    evidence::choose(&consistent, context.choices)
}

fn sale<V: View + ?Sized>(context: &mut Context<'_, V>, request: &Request<'_>) -> Result<(), Kind> {
    let conversion = context.vacant(ConvertAccounts::CONVERSION)?;
    let sale = check(context, request)?;
    let Checked {
        campaign, reward, ..
    } = sale;
    let split = campaign.funding == Funding::PaymentSplit;
    let held = sale.hold_seconds != 0;
    let mut done = evidence::empty(&reward);
    if split {
        // The discount.
        done |= settled::REFEREE;
    }
    let bits = if held { 0 } else { ALL & !done };
    let recipients = request.recipients;
    let accounts = recipients.map(|place| {
        if place == ConvertAccounts::REFERRER_ACCOUNT {
            context.at(place)
        } else {
            context.trailing(place, request.declared)
        }
    });
    let open = Open::new(bits, &reward, accounts)?;
    let now_paid = if bits == 0 {
        0
    } else {
        paid(context, request, &sale, conversion, &open)?
    };
    if split && campaign.rewards_are_sol() {
        let rest = request.amount.saturating_sub(reward.total());
        if let Some(treasury) = request.treasury {
            context.moved.transfer(conversion, treasury, rest);
        }
        for (_, account, units) in open.parts(now_paid) {
            context.moved.transfer(conversion, account, units);
        }
    }
    record(context, request, &sale, conversion, done | now_paid)?;
    Paid {
        conversion,
        open: &open,
        bits: now_paid,
        parties: parties(sale.referral, &sale.referee),
        claimed: false,
    }
    .note(&mut context.facts);
    Ok(())
}

/// Writes the accounts of a sale of which the parts in `done` are not owed.
fn record<V: View + ?Sized>(
    context: &mut Context<'_, V>,
    request: &Request<'_>,
    sale: &Checked<'_>,
    conversion: Pubkey,
    done: u8,
) -> Result<(), Kind> {
    let Checked {
        campaign, reward, ..
    } = *sale;
    let held = sale.hold_seconds != 0;
    let pending = held || done != ALL;
    let budgeted = campaign.settings.budget != 0;
    let rent_payer = context.at(ConvertAccounts::PAYER)?;
    let account = Conversion {
        version: VERSION,
        status: if pending {
            Status::Pending
        } else {
            Status::Paid
        },
        settled: done,
        budgeted,
        bonuses: reward.bonuses,
        referral: sale.referral_address,
        referee: sale.referee,
        rent_payer,
        reward_referrer: reward.referrer,
        reward_referee: reward.referee,
        reward_partner: reward.partner,
        converted_at: context.now,
        hold_seconds: sale.hold_seconds,
    };
    let waiting = evidence::sum(&reward, ALL & !done);
    let counts = reward.total() != 0;

    let mut referral = sale.referral.clone();
    if counts {
        referral.conversions = add(referral.conversions, 1, "conversions")?;
        referral.rewards_total = add(referral.rewards_total, reward.referrer, "rewards_total")?;
    }
    if pending {
        referral.open_conversions = add(referral.open_conversions, 1, "open_conversions")?;
        if done & settled::REFERRER == 0 {
            let pending = referral.rewards_pending;
            referral.rewards_pending = add(pending, reward.referrer, "rewards_pending")?;
        }
        if done & settled::PARTNER == 0 {
            let pending = referral.partner_pending;
            referral.partner_pending = add(pending, reward.partner, "partner_pending")?;
        }
    }
    if held {
        referral.held_until = referral.held_until.max(account.claimable_from());
    }
    match sale.referrer {
        Some((address, referrer)) if counts => {
            let mut referrer = referrer.clone();
            referrer.conversions = add(referrer.conversions, 1, "conversions")?;
            referrer.bonuses_paid |= reward.bonuses;
            context.write(address, Account::Referrer(Box::new(referrer)));
        }
        Some(_) => {}
        None => referral.bonuses_paid |= reward.bonuses,
    }
    if campaign.is_counted() {
        let mut changed = campaign.clone();
        if budgeted {
            changed.committed = add(changed.committed, reward.total(), "committed")?;
            must(
                changed.committed <= changed.settings.budget,
                "the budget is exhausted",
            )?;
        }
        if campaign.pays_from_vault() {
            changed.owed = add(changed.owed, waiting, "owed")?;
        }
        context.write_campaign(sale.campaign_address, changed);
    }
    context.fact(Fact::Sale(Box::new(Sale {
        conversion,
        campaign: sale.campaign_address,
        referral: sale.referral_address,
        code: referral.code,
        owner: referral.owner,
        partner: (reward.partner != 0).then_some(referral.partner),
        referee: sale.referee,
        action: request.action,
        amount: request.amount,
        reference: *request.reference,
        reward,
        settled: done,
        hold_seconds: sale.hold_seconds,
        rent_payer,
        budgeted,
    })));
    context.write_referral(sale.referral_address, referral);
    context.write(conversion, Account::Conversion(Box::new(account)));
    Ok(())
}
