//! The calls that return rent.

use solana_sdk::pubkey::Pubkey;
use vouch_client::{
    accounts::{
        Account, Binding, Campaign, Closed, Conversion, Funding, Referrer, RevokedVoucher, Status,
        VERSION,
    },
    instructions::raw::*,
};

use super::{
    context::{Context, must},
    settlement::claims_are_over,
};
use crate::{
    error::Kind,
    evidence::{self, ALL},
    fact::{AccountKind, Fact},
    lamports, token,
    view::{self, View},
};

/// Removes an account, whose lamports go to its rent payer.
fn give_back<V: View + ?Sized>(
    context: &mut Context<'_, V>,
    account: Pubkey,
    kind: AccountKind,
    rent_payer: Pubkey,
    place: usize,
) -> Result<(), Kind> {
    must(context.at(place)? == rent_payer, "another rent payer")?;
    context.moved.credit_unknown(rent_payer);
    context.remove(account);
    context.fact(Fact::RentReclaimed {
        account,
        kind,
        rent_payer,
    });
    Ok(())
}

pub(super) fn binding<V: View + ?Sized>(context: &mut Context<'_, V>) -> Result<(), Kind> {
    let (address, binding) = context.read::<Binding>(ReclaimBindingAccounts::BINDING)?;
    let place = ReclaimBindingAccounts::RENT_PAYER;
    give_back(
        context,
        address,
        AccountKind::Binding,
        binding.rent_payer,
        place,
    )
}

pub(super) fn referrer<V: View + ?Sized>(context: &mut Context<'_, V>) -> Result<(), Kind> {
    let (address, referrer) = context.read::<Referrer>(ReclaimReferrerAccounts::REFERRER)?;
    let place = ReclaimReferrerAccounts::RENT_PAYER;
    give_back(
        context,
        address,
        AccountKind::Referrer,
        referrer.rent_payer,
        place,
    )
}

pub(super) fn voucher<V: View + ?Sized>(context: &mut Context<'_, V>) -> Result<(), Kind> {
    let (address, revocation) =
        context.read::<RevokedVoucher>(ReclaimVoucherAccounts::REVOCATION)?;
    must(
        context.now >= revocation.expires_at,
        "the voucher has not expired",
    )?;
    let place = ReclaimVoucherAccounts::RENT_PAYER;
    give_back(
        context,
        address,
        AccountKind::Revocation,
        revocation.rent_payer,
        place,
    )
}

pub(super) fn referral<V: View + ?Sized>(context: &mut Context<'_, V>) -> Result<(), Kind> {
    let address = context.at(ReclaimReferralAccounts::REFERRAL)?;
    let (kind, campaign, rent_payer) = match context.view.account(&address) {
        Some(Account::Referral(referral)) => (
            AccountKind::Referral,
            referral.campaign,
            referral.rent_payer,
        ),
        _ => {
            let closed: &Closed = view::read(context.view, &address)?;
            must(closed.campaign != address, "a campaign's tombstone stays")?;
            let kind = AccountKind::ReferralTombstone;
            (kind, closed.campaign, closed.rent_payer)
        }
    };
    must(
        campaign == context.at(ReclaimReferralAccounts::CAMPAIGN)?,
        "another campaign",
    )?;
    let place = ReclaimReferralAccounts::RENT_PAYER;
    give_back(context, address, kind, rent_payer, place)
}

/// The treasury that gets the SOL that nobody claimed; zero if rewards are tokens.
fn sol_treasury(campaign: &Campaign) -> Pubkey {
    if campaign.rewards_are_sol() {
        campaign.settings.treasury
    } else {
        Pubkey::default()
    }
}

pub(super) fn conversion<V: View + ?Sized>(context: &mut Context<'_, V>) -> Result<(), Kind> {
    let (address, conversion) =
        context.read::<Conversion>(ReclaimConversionAccounts::CONVERSION)?;
    let rent_payer = conversion.rent_payer;
    let place = ReclaimConversionAccounts::RENT_PAYER;
    if conversion.status != Status::Pending {
        return give_back(context, address, AccountKind::Conversion, rent_payer, place);
    }
    let forgone = evidence::sum(&conversion.reward(), ALL & !conversion.settled);
    let campaign = context.at(ReclaimConversionAccounts::CAMPAIGN)?;
    let treasury = match context.view.account(&campaign) {
        Some(Account::Closed(closed)) => closed.treasury,
        _ => {
            let campaign = view::read(context.view, &campaign)?;
            must(
                claims_are_over(campaign, context.now),
                "rewards are pending",
            )?;
            sol_treasury(campaign)
        }
    };
    context.fact(Fact::ConversionLapsed {
        conversion: address,
        forgone,
    });
    if forgone == 0 || treasury == Pubkey::default() {
        return give_back(context, address, AccountKind::Conversion, rent_payer, place);
    }
    let survives = lamports::survives(context.tx, context.call, context.moved, &address, forgone)?;
    // The treasury gets nothing if it became a program.
    context.moved.credit_unknown(treasury);
    let survives = match survives {
        Some(survives) => survives,
        None => context.choices.next(2)? == 1,
    };
    if survives {
        let mut changed = conversion.clone();
        changed.status = Status::Paid;
        changed.settled = ALL;
        context.write(address, Account::Conversion(Box::new(changed)));
        return Ok(());
    }
    give_back(context, address, AccountKind::Conversion, rent_payer, place)
}

pub(super) fn campaign<V: View + ?Sized>(context: &mut Context<'_, V>) -> Result<(), Kind> {
    let (address, campaign) = context.own_campaign(
        ReclaimCampaignAccounts::CAMPAIGN,
        ReclaimCampaignAccounts::AUTHORITY,
    )?;
    must(campaign.closed, "the campaign is not closed")?;
    let rent_payer = campaign.rent_payer;
    must(
        rent_payer == context.at(ReclaimCampaignAccounts::RENT_PAYER)?,
        "another rent payer",
    )?;
    if campaign.funding != Funding::MintAuthority && campaign.pays_from_vault() {
        for payment in token::payments(&context.call.cpis()?, &address)? {
            context.fact(Fact::VaultWithdrawn {
                campaign: address,
                destination: payment.to,
                amount: payment.amount,
            });
        }
    }
    let closed = Closed {
        version: VERSION,
        campaign: address,
        rent_payer,
        treasury: sol_treasury(campaign),
    };
    context.moved.credit_unknown(rent_payer);
    context.write(address, Account::Closed(Box::new(closed)));
    context.fact(Fact::RentReclaimed {
        account: address,
        kind: AccountKind::Campaign,
        rent_payer,
    });
    Ok(())
}
