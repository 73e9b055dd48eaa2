//! Calls of a campaign's authority and its attestor.

use solana_sdk::pubkey::Pubkey;
use vouch_client::{
    accounts::{Account, Bonus, Campaign, Funding, Proof, RevokedVoucher, Settings, VERSION},
    instructions::raw::*,
    pda, voucher,
};
use vouch_rules::money;

use super::context::{Context, must};
use crate::{
    error::{Kind, Need},
    fact::Fact,
    view::View,
};

pub(super) fn create<V: View + ?Sized>(
    context: &mut Context<'_, V>,
    args: &CreateCampaignArgs,
) -> Result<(), Kind> {
    let CreateCampaignArgs {
        id,
        terms,
        settings,
    } = *args;
    let address = context.vacant(CreateCampaignAccounts::CAMPAIGN)?;
    let creator = context.at(CreateCampaignAccounts::AUTHORITY)?;
    let (derived, bump) = pda::campaign(&creator, id);
    must(derived == address, "another campaign's address")?;
    let mint = context.at(CreateCampaignAccounts::MINT)?;
    let token_program = context.at(CreateCampaignAccounts::TOKEN_PROGRAM)?;
    let sol = terms.funding == Funding::PaymentSplit && mint == Pubkey::default();
    let mint_decimals = if sol {
        0
    } else {
        let known = context.tx.decimals(&mint);
        let known = known.or_else(|| context.given.decimals(&mint));
        known.ok_or(Kind::Needs(Need::MintDecimals(mint)))?
    };
    let vault = if sol || terms.funding == Funding::MintAuthority {
        Pubkey::default()
    } else {
        pda::vault(&address, &mint, &token_program).0
    };
    let mut campaign = Campaign {
        version: VERSION,
        bump,
        funding: terms.funding,
        proof: terms.proof,
        uniqueness: terms.uniqueness,
        per_owner: terms.per_owner,
        paused: false,
        closed: false,
        mint_decimals,
        notice_seconds: terms.notice_seconds,
        creator,
        id,
        authority: creator,
        pending_authority: Pubkey::default(),
        mint,
        token_program,
        vault,
        payment_mint: context.at(CreateCampaignAccounts::PAYMENT_MINT)?,
        rent_payer: context.at(CreateCampaignAccounts::PAYER)?,
        created_at: context.now,
        closed_at: 0,
        longest_hold: settings.hold_seconds,
        least_margin: u64::MAX,
        committed: 0,
        owed: 0,
        settings,
        bonus_places: [0; 4],
        next_from: 0,
        next: Settings::default(),
        next_bonus_places: [0; 4],
        offered: [Bonus::default(); 32],
        reserved: [0; 56],
    };
    campaign.bonus_places = offer(&mut campaign.offered, &settings)?;
    note_margin(&mut campaign, &settings);
    let payment_mint = campaign.payment_mint;
    context.write_campaign(address, campaign);
    context.fact(Fact::CampaignCreated {
        campaign: address,
        creator,
        id,
        mint,
        payment_mint,
        terms,
        settings: Box::new(settings),
    });
    Ok(())
}

/// Enters the bonuses of `settings` into the register, unless they are there, and returns their
/// places.
fn offer(offered: &mut [Bonus; 32], settings: &Settings) -> Result<[u8; 4], Kind> {
    let mut places = [0; 4];
    for (bonus, place) in settings.bonuses.iter().zip(&mut places) {
        if bonus.amount == 0 {
            continue;
        }
        let mut known = (0_u8..).zip(offered.iter_mut());
        let (found, known) = known
            .find(|(_, known)| *known == bonus || known.amount == 0)
            .ok_or(Kind::Overflow("the register of bonuses"))?;
        *known = *bonus;
        *place = found;
    }
    Ok(places)
}

/// Lowers the least margin to that of `settings`, if rewards are of the money that buyers pay
/// with.
fn note_margin(campaign: &mut Campaign, settings: &Settings) {
    let same = money::is_same(campaign.mint.as_array(), campaign.payment_mint.as_array());
    if campaign.proof == Proof::Payment && same {
        let margin = settings.rule([0; 4]).margin(settings.min_amount);
        campaign.least_margin = campaign.least_margin.min(margin.unwrap_or(0));
    }
}

pub(super) fn update<V: View + ?Sized>(
    context: &mut Context<'_, V>,
    new: &Settings,
) -> Result<(), Kind> {
    let (address, campaign) = context.own_campaign(
        UpdateCampaignAccounts::CAMPAIGN,
        UpdateCampaignAccounts::AUTHORITY,
    )?;
    must(!campaign.closed, "the campaign is closed")?;
    let now = context.now;
    let mut campaign = campaign.clone();
    let old = *campaign.in_force(now);
    must(
        new.ends_at == 0 || new.ends_at > now || new.ends_at == old.ends_at,
        "the end is in the past",
    )?;
    if campaign.next_from != 0 && now >= campaign.next_from {
        campaign.settings = campaign.next;
        campaign.bonus_places = campaign.next_bonus_places;
    }
    campaign.next = Settings::default();
    campaign.next_bonus_places = [0; 4];
    campaign.next_from = 0;

    // Before `new` is entered into the register.
    let in_force_from = campaign.in_force_from(new, now);
    let cut = in_force_from != now;
    let places = offer(&mut campaign.offered, new)?;
    note_margin(&mut campaign, new);
    campaign.longest_hold = campaign.longest_hold.max(new.hold_seconds);
    if cut {
        campaign.settings.budget = new.budget;
        campaign.settings.attested_codes = new.attested_codes;
        campaign.settings.attestor = new.attestor;
        campaign.settings.treasury = new.treasury;
        campaign.next = *new;
        campaign.next_bonus_places = places;
        campaign.next_from = in_force_from;
    } else {
        campaign.settings = *new;
        campaign.bonus_places = places;
    }
    context.write_campaign(address, campaign);
    context.fact(Fact::CampaignUpdated {
        campaign: address,
        settings: Box::new(*new),
        in_force_from,
        announced: cut,
    });
    Ok(())
}

pub(super) fn set_paused<V: View + ?Sized>(
    context: &mut Context<'_, V>,
    paused: bool,
) -> Result<(), Kind> {
    let (address, campaign) =
        context.own_campaign(SetPausedAccounts::CAMPAIGN, SetPausedAccounts::AUTHORITY)?;
    must(!campaign.closed, "the campaign is closed")?;
    let mut campaign = campaign.clone();
    campaign.paused = paused;
    context.write_campaign(address, campaign);
    context.fact(Fact::CampaignPaused {
        campaign: address,
        paused,
    });
    Ok(())
}

pub(super) fn propose_authority<V: View + ?Sized>(
    context: &mut Context<'_, V>,
    to: Pubkey,
) -> Result<(), Kind> {
    let (address, campaign) = context.own_campaign(
        ProposeAuthorityAccounts::CAMPAIGN,
        ProposeAuthorityAccounts::AUTHORITY,
    )?;
    let mut campaign = campaign.clone();
    campaign.pending_authority = to;
    context.write_campaign(address, campaign);
    context.fact(Fact::AuthorityProposed {
        campaign: address,
        to,
    });
    Ok(())
}

pub(super) fn accept_authority<V: View + ?Sized>(context: &mut Context<'_, V>) -> Result<(), Kind> {
    let new = context.at(AcceptAuthorityAccounts::NEW_AUTHORITY)?;
    let (address, campaign) = context.campaign(AcceptAuthorityAccounts::CAMPAIGN)?;
    must(campaign.pending_authority == new, "it was not offered")?;
    let mut campaign = campaign.clone();
    let old = campaign.authority;
    campaign.authority = new;
    campaign.pending_authority = Pubkey::default();
    context.write_campaign(address, campaign);
    context.fact(Fact::AuthorityChanged {
        campaign: address,
        old,
        new,
    });
    Ok(())
}

pub(super) fn close<V: View + ?Sized>(context: &mut Context<'_, V>) -> Result<(), Kind> {
    // Anybody may close a campaign some time after its end.
    let (address, campaign) = context.campaign(CloseCampaignAccounts::CAMPAIGN)?;
    must(!campaign.closed, "the campaign is closed")?;
    let mut campaign = campaign.clone();
    campaign.closed = true;
    campaign.closed_at = context.now;
    context.write_campaign(address, campaign);
    context.fact(Fact::CampaignClosed { campaign: address });
    Ok(())
}

pub(super) fn fund_vault<V: View + ?Sized>(
    context: &mut Context<'_, V>,
    amount: u64,
) -> Result<(), Kind> {
    let (address, campaign) = context.campaign(FundVaultAccounts::CAMPAIGN)?;
    must(campaign.funding == Funding::Vault, "there is no vault")?;
    let funder = context.at(FundVaultAccounts::FUNDER)?;
    context.fact(Fact::VaultFunded {
        campaign: address,
        funder,
        amount,
    });
    Ok(())
}

pub(super) fn withdraw_vault<V: View + ?Sized>(
    context: &mut Context<'_, V>,
    amount: u64,
) -> Result<(), Kind> {
    let (address, campaign) = context.own_campaign(
        WithdrawVaultAccounts::CAMPAIGN,
        WithdrawVaultAccounts::AUTHORITY,
    )?;
    must(campaign.pays_from_vault(), "there is no vault")?;
    let destination = context.at(WithdrawVaultAccounts::DESTINATION)?;
    context.fact(Fact::VaultWithdrawn {
        campaign: address,
        destination,
        amount,
    });
    Ok(())
}

pub(super) fn revoke_voucher<V: View + ?Sized>(
    context: &mut Context<'_, V>,
    args: &RevokeVoucherArgs,
) -> Result<(), Kind> {
    let (campaign_address, campaign) = context.campaign(RevokeVoucherAccounts::CAMPAIGN)?;
    must(
        campaign.settings.attestor == context.at(RevokeVoucherAccounts::ATTESTOR)?,
        "another attestor",
    )?;
    let address = context.vacant(RevokeVoucherAccounts::REVOCATION)?;
    // The revocation lasts at least as long as any voucher that is valid now.
    let longest = voucher::MAX_LIFE.saturating_add(voucher::CLOCK_SKEW);
    let revocation = RevokedVoucher {
        version: VERSION,
        campaign: campaign_address,
        rent_payer: context.at(RevokeVoucherAccounts::PAYER)?,
        expires_at: args.expires_at.max(context.now.saturating_add(longest)),
    };
    context.write(address, Account::RevokedVoucher(Box::new(revocation)));
    context.fact(Fact::VoucherRevoked {
        revocation: address,
        campaign: campaign_address,
        digest: args.digest,
    });
    Ok(())
}
