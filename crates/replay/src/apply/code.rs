//! Calls of a code's owner and its partner, and of wallets that bind themselves.

use solana_sdk::pubkey::Pubkey;
use vouch_client::{
    Code,
    accounts::{Account, Binding, Closed, Referral, Referrer, VERSION},
    instructions::raw::*,
    pda,
};
use vouch_rules::reward::Share;

use super::context::{Context, must};
use crate::{
    doubt::Less,
    error::Kind,
    fact::{Fact, Partner},
    view::{self, View},
};

/// Seconds from the owner's `end_partnership` to its effect: 7 days.
const PARTNER_NOTICE: i64 = 604_800;

pub(super) fn create<V: View + ?Sized>(
    context: &mut Context<'_, V>,
    args: &CreateReferralArgs,
) -> Result<(), Kind> {
    let (campaign_address, campaign) = context.campaign(CreateReferralAccounts::CAMPAIGN)?;
    must(!campaign.closed, "the campaign is closed")?;
    let address = context.vacant(CreateReferralAccounts::REFERRAL)?;
    let owner = context.at(CreateReferralAccounts::OWNER)?;
    let invalid = |_| Kind::Contradiction("the code is invalid");
    let code = Code::from_padded(&args.code).map_err(invalid)?;
    let referral = Referral {
        usage_limit: args.usage_limit,
        expires_at: args.expires_at,
        created_at: context.now,
        rent_payer: context.at(CreateReferralAccounts::PAYER)?,
        ..Referral::registered(&campaign_address, campaign, &code, &owner)
    };
    context.write_referral(address, referral);
    context.fact(Fact::CodeCreated {
        referral: address,
        campaign: campaign_address,
        code: args.code,
        owner,
        usage_limit: args.usage_limit,
        expires_at: args.expires_at,
    });
    Ok(())
}

pub(super) fn update<V: View + ?Sized>(
    context: &mut Context<'_, V>,
    args: &UpdateReferralArgs,
) -> Result<(), Kind> {
    let (address, referral) = context.own_referral(
        UpdateReferralAccounts::REFERRAL,
        UpdateReferralAccounts::OWNER,
    )?;
    let UpdateReferralArgs {
        active,
        usage_limit,
        expires_at,
    } = *args;
    must(
        usage_limit == 0 || referral.conversions <= usage_limit,
        "the limit is already exceeded",
    )?;
    let mut referral = referral.clone();
    referral.active = active;
    referral.usage_limit = usage_limit;
    referral.expires_at = expires_at;
    context.write_referral(address, referral);
    context.fact(Fact::CodeUpdated {
        referral: address,
        active,
        usage_limit,
        expires_at,
    });
    Ok(())
}

pub(super) fn set_suspended<V: View + ?Sized>(
    context: &mut Context<'_, V>,
    suspended: bool,
) -> Result<(), Kind> {
    let (campaign, _) = context.own_campaign(
        SetSuspendedAccounts::CAMPAIGN,
        SetSuspendedAccounts::AUTHORITY,
    )?;
    let (address, referral) = context.referral_of(&campaign, SetSuspendedAccounts::REFERRAL)?;
    let mut referral = referral.clone();
    referral.suspended = suspended;
    context.write_referral(address, referral);
    context.fact(Fact::CodeSuspended {
        referral: address,
        suspended,
    });
    Ok(())
}

/// The partnership of a referral.
fn partnership(referral: &Referral) -> Option<Partner> {
    referral.partner().map(|wallet| Partner {
        wallet,
        share: Share {
            bps: referral.partner_share_bps,
            fixed: referral.partner_fixed,
        },
        ends_at: referral.partner_ends_at,
    })
}

/// Writes a referral whose partnership changed.
fn write_partnership<V: View + ?Sized>(
    context: &mut Context<'_, V>,
    address: Pubkey,
    old: &Referral,
    referral: Referral,
    less: Less,
) {
    context.fact(Fact::PartnerChanged {
        referral: address,
        old: partnership(old),
        new: partnership(&referral),
    });
    context.write_uncertain(address, referral, less);
}

pub(super) fn set_partner<V: View + ?Sized>(
    context: &mut Context<'_, V>,
    args: &SetPartnerArgs,
) -> Result<(), Kind> {
    let (campaign_address, campaign) = context.campaign(SetPartnerAccounts::CAMPAIGN)?;
    let (address, old) = context.referral_of(&campaign_address, SetPartnerAccounts::REFERRAL)?;
    must(
        old.owner == context.at(SetPartnerAccounts::OWNER)?,
        "another owner",
    )?;
    let partner = context.at(SetPartnerAccounts::PARTNER)?;
    must(old.owner != partner, "the owner is the partner")?;
    let ended = old.partner_ends_at != 0 && context.now >= old.partner_ends_at;
    let mut less = context.less(&address);
    let may_be_owed_nothing = old.partner_pending == less.partner || old.partner_pending == 0;
    must(
        old.partner().is_none()
            || old.partner == partner
            || less.partnership
            || (ended && may_be_owed_nothing),
        "there is another partner",
    )?;
    less.partnership = false;
    let mut referral = old.clone();
    referral.partner = partner;
    referral.partner_share_bps = args.share_bps;
    referral.partner_fixed = args.fixed;
    referral.partner_ends_at = 0;
    referral.partner_account_bump = if campaign.rewards_are_sol() {
        0
    } else {
        pda::associated_token(&partner, &campaign.mint, &campaign.token_program).1
    };
    write_partnership(context, address, old, referral, less);
    Ok(())
}

pub(super) fn end_partnership<V: View + ?Sized>(context: &mut Context<'_, V>) -> Result<(), Kind> {
    let now = context.now;
    let party = context.at(EndPartnershipAccounts::PARTY)?;
    let (address, old) = context.read::<Referral>(EndPartnershipAccounts::REFERRAL)?;
    let by_partner = old.partner == party;
    must(
        old.partner().is_some() && (by_partner || old.owner == party),
        "there is no such partnership",
    )?;
    let ended = old.partner_ends_at != 0 && now >= old.partner_ends_at;
    let mut less = context.less(&address);
    let least = old.partner_pending.saturating_sub(less.partner);
    must(!(ended && least != 0), "the partner is owed something")?;
    // The program has checked that a partnership which had ended owed nothing.
    let owed = old.partner_pending != 0 && !ended;
    less.partnership = by_partner && owed && least == 0;
    let mut referral = old.clone();
    if !owed && (by_partner || ended) {
        referral.partner = Pubkey::default();
        referral.partner_share_bps = 0;
        referral.partner_fixed = 0;
        referral.partner_ends_at = 0;
        referral.partner_account_bump = 0;
    } else if by_partner {
        referral.partner_ends_at = now;
    } else if old.partner_ends_at == 0 {
        referral.partner_ends_at = now.saturating_add(PARTNER_NOTICE);
    }
    write_partnership(context, address, old, referral, less);
    Ok(())
}

pub(super) fn propose_owner<V: View + ?Sized>(
    context: &mut Context<'_, V>,
    to: Pubkey,
) -> Result<(), Kind> {
    let (address, referral) =
        context.own_referral(ProposeOwnerAccounts::REFERRAL, ProposeOwnerAccounts::OWNER)?;
    let mut referral = referral.clone();
    referral.pending_owner = to;
    context.write_referral(address, referral);
    context.fact(Fact::OwnerProposed {
        referral: address,
        to,
    });
    Ok(())
}

pub(super) fn accept_owner<V: View + ?Sized>(context: &mut Context<'_, V>) -> Result<(), Kind> {
    let new = context.at(AcceptOwnerAccounts::NEW_OWNER)?;
    let (campaign_address, campaign) = context.campaign(AcceptOwnerAccounts::CAMPAIGN)?;
    let (address, referral) =
        context.referral_of(&campaign_address, AcceptOwnerAccounts::REFERRAL)?;
    must(referral.pending_owner == new, "it was not offered")?;
    let is_partner = referral.partner == new && !context.less(&address).partnership;
    must(!is_partner, "the owner is the partner")?;
    must(
        !campaign.per_owner || context.now >= referral.held_until,
        "conversions can still be cancelled",
    )?;
    let mut referral = referral.clone();
    let old = referral.owner;
    referral.owner = new;
    referral.pending_owner = Pubkey::default();
    referral.reward_account = campaign.reward_account(&new);
    context.write_referral(address, referral);
    context.fact(Fact::OwnerChanged {
        referral: address,
        old,
        new,
    });
    Ok(())
}

pub(super) fn close<V: View + ?Sized>(context: &mut Context<'_, V>) -> Result<(), Kind> {
    let (address, referral) = context.own_referral(
        CloseReferralAccounts::REFERRAL,
        CloseReferralAccounts::OWNER,
    )?;
    let open = referral.open_conversions;
    must(
        open == context.less(&address).open,
        "conversions are pending",
    )?;
    let closed = Closed {
        version: VERSION,
        campaign: referral.campaign,
        rent_payer: referral.rent_payer,
        treasury: Pubkey::default(),
    };
    context.moved.credit_unknown(referral.rent_payer);
    context.write(address, Account::Closed(Box::new(closed)));
    context.fact(Fact::CodeClosed {
        referral: address,
        owner: referral.owner,
    });
    Ok(())
}

pub(super) fn register_referrer<V: View + ?Sized>(
    context: &mut Context<'_, V>,
) -> Result<(), Kind> {
    let (campaign_address, campaign) = context.campaign(RegisterReferrerAccounts::CAMPAIGN)?;
    must(campaign.per_owner, "the campaign counts per code")?;
    must(!campaign.closed, "the campaign is closed")?;
    let address = context.vacant(RegisterReferrerAccounts::REFERRER)?;
    let owner = context.at(RegisterReferrerAccounts::OWNER)?;
    let referrer = Referrer {
        version: VERSION,
        campaign: campaign_address,
        owner,
        rent_payer: context.at(RegisterReferrerAccounts::PAYER)?,
        conversions: 0,
        bonuses_paid: 0,
    };
    context.write(address, Account::Referrer(Box::new(referrer)));
    context.fact(Fact::ReferrerRegistered {
        referrer: address,
        campaign: campaign_address,
        owner,
    });
    Ok(())
}

/// The payer of the rent of the binding that the call replaces; `None` if the call created it. A
/// binding is created by a CPI and replaced without one, so a view that lacks an account is found
/// out.
fn replaced<V: View + ?Sized>(
    context: &Context<'_, V>,
    address: &Pubkey,
    campaign: &Pubkey,
    wallet: &Pubkey,
) -> Result<Option<Pubkey>, Kind> {
    let created = context.call.cpis().ok().map(|cpis| !cpis.is_empty());
    if context.view.account(address).is_none() {
        return match created {
            Some(false) => Err(Kind::UnknownAccount(*address)),
            Some(true) | None => Ok(None),
        };
    }
    let old = view::read::<Binding>(context.view, address)?;
    if created == Some(true) {
        return Err(Kind::AlreadyExists(*address));
    }
    must(
        old.campaign == *campaign && old.wallet == *wallet,
        "another wallet's binding",
    )?;
    Ok(Some(old.rent_payer))
}

pub(super) fn bind<V: View + ?Sized>(
    context: &mut Context<'_, V>,
    args: &BindArgs,
) -> Result<(), Kind> {
    let now = context.now;
    let wallet = context.at(BindAccounts::WALLET)?;
    let (campaign_address, campaign) = context.campaign(BindAccounts::CAMPAIGN)?;
    let (referral_address, referral) =
        context.referral_of(&campaign_address, BindAccounts::REFERRAL)?;
    must(referral.code == args.code, "another code")?;
    let earns = campaign.state(now).check(now).is_ok() && referral.state().check(now).is_ok();
    must(earns, "the code earns nothing")?;
    let window = campaign.in_force(now).attribution_window;
    must(window != 0, "the campaign binds no wallets")?;
    let address = context.at(BindAccounts::BINDING)?;
    let rent_payer = match replaced(context, &address, &campaign_address, &wallet)? {
        Some(payer) => payer,
        None => context.at(BindAccounts::PAYER)?,
    };
    let expires_at = now.saturating_add(i64::from(window));
    let binding = Binding {
        version: VERSION,
        campaign: campaign_address,
        wallet,
        referral: referral_address,
        rent_payer,
        bound_at: now,
        expires_at,
    };
    context.write(address, Account::Binding(Box::new(binding)));
    context.fact(Fact::Bound {
        binding: address,
        campaign: campaign_address,
        wallet,
        referral: referral_address,
        expires_at,
    });
    Ok(())
}
