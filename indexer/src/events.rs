//! Facts as rows of `events`. Pure.

use serde_json::{Value, json};
use solana_sdk::pubkey::Pubkey;
use vouch_client::accounts::Settings;
use vouch_db::mirror::Event;
use vouch_replay::{AccountKind, Fact, Part, Partner};

use crate::project::code;

/// The columns of an event besides its place.
#[derive(Default)]
struct Columns {
    campaign: Option<Pubkey>,
    referral: Option<Pubkey>,
    subject: Option<Pubkey>,
    wallet: Option<Pubkey>,
    units: Option<u64>,
    detail: Option<Value>,
}

/// The row of a fact.
pub(crate) fn event(seq: i64, place: i16, fact: &Fact) -> Event {
    let (kind, columns) = describe(fact);
    let text = |address: Option<Pubkey>| address.map(|address| address.to_string());
    Event {
        seq,
        place,
        kind: kind.to_owned(),
        campaign: text(columns.campaign),
        referral: text(columns.referral),
        subject: text(columns.subject),
        wallet: text(columns.wallet),
        units: columns.units.map(Into::into),
        detail: columns.detail,
    }
}

#[expect(clippy::too_many_lines, reason = "one arm for each kind of fact")]
fn describe(fact: &Fact) -> (&'static str, Columns) {
    let none = Columns::default();
    match fact {
        // The row of the conversion has the rest.
        Fact::Sale(sale) => (
            "conversion_recorded",
            Columns {
                campaign: Some(sale.campaign),
                referral: Some(sale.referral),
                subject: Some(sale.conversion),
                wallet: Some(sale.referee),
                units: Some(sale.reward.total()),
                ..none
            },
        ),
        Fact::PartPaid(paid) => (
            "part_paid",
            Columns {
                subject: Some(paid.conversion),
                wallet: Some(paid.recipient),
                units: Some(paid.units),
                detail: Some(json!({
                    "part": part(paid.part),
                    "account": paid.account.to_string(),
                    "claimed": paid.claimed,
                })),
                ..none
            },
        ),
        Fact::ConversionReleased { conversion } => (
            "conversion_released",
            Columns {
                subject: Some(*conversion),
                ..none
            },
        ),
        Fact::ConversionCancelled {
            conversion,
            referral,
            forgone,
        } => (
            "conversion_cancelled",
            Columns {
                referral: Some(*referral),
                subject: Some(*conversion),
                units: Some(*forgone),
                ..none
            },
        ),
        Fact::ConversionLapsed {
            conversion,
            forgone,
        } => (
            "conversion_lapsed",
            Columns {
                subject: Some(*conversion),
                units: Some(*forgone),
                ..none
            },
        ),
        Fact::CodeCreated {
            referral,
            campaign,
            code: padded,
            owner,
            usage_limit,
            expires_at,
        } => (
            "code_created",
            Columns {
                campaign: Some(*campaign),
                referral: Some(*referral),
                subject: Some(*referral),
                wallet: Some(*owner),
                detail: Some(json!({
                    "code": code(padded),
                    "usage_limit": usage_limit.to_string(),
                    "expires_at": expires_at,
                })),
                ..none
            },
        ),
        Fact::CodeUpdated {
            referral,
            active,
            usage_limit,
            expires_at,
        } => (
            "code_updated",
            Columns {
                detail: Some(json!({
                    "active": active,
                    "usage_limit": usage_limit.to_string(),
                    "expires_at": expires_at,
                })),
                ..of_code(referral)
            },
        ),
        Fact::CodeSuspended {
            referral,
            suspended,
        } => (
            if *suspended {
                "code_suspended"
            } else {
                "code_resumed"
            },
            of_code(referral),
        ),
        Fact::CodeClosed { referral, owner } => (
            "code_closed",
            Columns {
                wallet: Some(*owner),
                ..of_code(referral)
            },
        ),
        Fact::OwnerProposed { referral, to } => (
            "owner_proposed",
            Columns {
                wallet: present(to),
                ..of_code(referral)
            },
        ),
        Fact::OwnerChanged { referral, old, new } => (
            "owner_changed",
            Columns {
                wallet: Some(*new),
                detail: Some(json!({ "old": old.to_string() })),
                ..of_code(referral)
            },
        ),
        Fact::PartnerChanged { referral, old, new } => (
            "partner_changed",
            Columns {
                wallet: new.map(|partner| partner.wallet),
                detail: Some(json!({
                    "old": old.as_ref().map(partner),
                    "new": new.as_ref().map(partner),
                })),
                ..of_code(referral)
            },
        ),
        Fact::CampaignCreated {
            campaign,
            creator,
            id,
            mint,
            payment_mint,
            settings,
            ..
        } => (
            "campaign_created",
            Columns {
                wallet: Some(*creator),
                detail: Some(json!({
                    "id": id.to_string(),
                    "mint": mint.to_string(),
                    "payment_mint": payment_mint.to_string(),
                    "settings": encoded(settings),
                })),
                ..of_campaign(campaign)
            },
        ),
        Fact::CampaignUpdated {
            campaign,
            settings,
            in_force_from,
            announced,
        } => (
            "campaign_updated",
            Columns {
                detail: Some(json!({
                    "settings": encoded(settings),
                    "in_force_from": in_force_from,
                    "announced": announced,
                })),
                ..of_campaign(campaign)
            },
        ),
        Fact::CampaignPaused { campaign, paused } => (
            if *paused {
                "campaign_paused"
            } else {
                "campaign_resumed"
            },
            of_campaign(campaign),
        ),
        Fact::CampaignClosed { campaign } => ("campaign_closed", of_campaign(campaign)),
        Fact::AuthorityProposed { campaign, to } => (
            "authority_proposed",
            Columns {
                wallet: present(to),
                ..of_campaign(campaign)
            },
        ),
        Fact::AuthorityChanged { campaign, old, new } => (
            "authority_changed",
            Columns {
                wallet: Some(*new),
                detail: Some(json!({ "old": old.to_string() })),
                ..of_campaign(campaign)
            },
        ),
        Fact::Bound {
            binding,
            campaign,
            wallet,
            referral,
            expires_at,
        } => (
            "wallet_bound",
            Columns {
                campaign: Some(*campaign),
                referral: Some(*referral),
                subject: Some(*binding),
                wallet: Some(*wallet),
                detail: Some(json!({ "expires_at": expires_at })),
                ..none
            },
        ),
        Fact::ReferrerRegistered {
            referrer,
            campaign,
            owner,
        } => (
            "referrer_registered",
            Columns {
                campaign: Some(*campaign),
                subject: Some(*referrer),
                wallet: Some(*owner),
                ..none
            },
        ),
        Fact::VoucherRevoked {
            revocation,
            campaign,
            digest,
        } => (
            "voucher_revoked",
            Columns {
                campaign: Some(*campaign),
                subject: Some(*revocation),
                detail: Some(json!({ "digest": hex(digest) })),
                ..none
            },
        ),
        Fact::PartsProven {
            conversion,
            referral,
            settled,
        } => (
            "parts_proven",
            Columns {
                referral: Some(*referral),
                subject: Some(*conversion),
                detail: Some(json!({ "settled": settled })),
                ..none
            },
        ),
        Fact::RentReclaimed {
            account,
            kind,
            rent_payer,
        } => (
            "rent_reclaimed",
            Columns {
                subject: Some(*account),
                wallet: Some(*rent_payer),
                detail: Some(json!({ "account": account_kind(*kind) })),
                ..none
            },
        ),
        Fact::VaultFunded {
            campaign,
            funder,
            amount,
        } => (
            "vault_funded",
            Columns {
                wallet: Some(*funder),
                units: Some(*amount),
                ..of_campaign(campaign)
            },
        ),
        Fact::VaultWithdrawn {
            campaign,
            destination,
            amount,
        } => (
            "vault_withdrawn",
            Columns {
                wallet: Some(*destination),
                units: Some(*amount),
                ..of_campaign(campaign)
            },
        ),
    }
}

fn of_code(referral: &Pubkey) -> Columns {
    Columns {
        referral: Some(*referral),
        subject: Some(*referral),
        ..Columns::default()
    }
}

fn of_campaign(campaign: &Pubkey) -> Columns {
    Columns {
        campaign: Some(*campaign),
        subject: Some(*campaign),
        ..Columns::default()
    }
}

/// Zero means "nobody" in the accounts.
fn present(address: &Pubkey) -> Option<Pubkey> {
    (*address != Pubkey::default()).then_some(*address)
}

fn part(part: Part) -> &'static str {
    match part {
        Part::Referrer => "referrer",
        Part::Referee => "referee",
        Part::Partner => "partner",
    }
}

fn partner(partner: &Partner) -> Value {
    json!({
        "wallet": partner.wallet.to_string(),
        "share_bps": partner.share.bps,
        "share_units": partner.share.fixed.to_string(),
        "ends_at": partner.ends_at,
    })
}

fn account_kind(kind: AccountKind) -> &'static str {
    match kind {
        AccountKind::Binding => "binding",
        AccountKind::Campaign => "campaign",
        AccountKind::Conversion => "conversion",
        AccountKind::Referral => "referral",
        AccountKind::ReferralTombstone => "referral_tombstone",
        AccountKind::Referrer => "referrer",
        AccountKind::Revocation => "revocation",
    }
}

/// The settings as the program encodes them, in hexadecimal digits.
fn encoded(settings: &Settings) -> String {
    // A vector takes every byte.
    hex(&borsh::to_vec(settings).unwrap_or_default())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // A string takes every character.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
