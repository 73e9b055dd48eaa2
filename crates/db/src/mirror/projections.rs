//! Columns that queries read of the mirrored accounts: the tables `campaigns`,
//! `referrals` and `conversions`.
//!
//! Addresses are base58, amounts base units, times unix seconds. `None` stands for a zero
//! that means "none" on the chain. The fields are the columns of the tables, in their
//! order: a batch goes to Postgres as one array of rows.

use std::collections::HashMap;

use sqlx::PgConnection;

use crate::{Error, amount::Unsigned};

/// The columns that queries read of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Projection {
    /// Of a campaign.
    Campaign(Box<Campaign>),
    /// Of a referral.
    Referral(Box<Referral>),
    /// Of a conversion.
    Conversion(Box<Conversion>),
}

/// A row of `campaigns`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "campaigns")]
#[expect(missing_docs, reason = "the IDL documents each field")]
pub struct Campaign {
    pub address: String,
    pub creator: String,
    pub campaign_id: Unsigned,
    pub authority: String,
    pub mint: String,
    pub mint_decimals: i16,
    pub token_program: String,
    pub funding: String,
    pub proof: String,
    pub uniqueness: String,
    pub reward_kind: String,
    pub paused: bool,
    pub closed: bool,
    pub reward_fixed: Unsigned,
    pub reward_bps: i32,
    pub reward_max: Option<Unsigned>,
    pub starts_at: Option<i64>,
    pub ends_at: Option<i64>,
    pub created_at: i64,
}

/// A row of `referrals`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "referrals")]
#[expect(missing_docs, reason = "the IDL documents each field")]
pub struct Referral {
    pub address: String,
    pub campaign: String,
    pub code: String,
    pub owner: String,
    pub active: bool,
    pub suspended: bool,
    pub usage_limit: Option<Unsigned>,
    pub conversions: Unsigned,
    pub expires_at: Option<i64>,
    pub created_at: i64,
}

/// A conversion. Its row also has the campaign, code and owner of its referral.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the IDL documents each field")]
pub struct Conversion {
    pub address: String,
    pub referral: String,
    pub referee: String,
    pub status: Status,
    pub reward_referrer: u64,
    pub reward_referee: u64,
    pub reward_partner: u64,
    pub converted_at: i64,
    pub hold_seconds: u32,
}

/// The state of a conversion's reward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Status {
    /// Owed.
    Pending,
    /// Paid.
    Paid,
    /// Cancelled within the hold.
    Cancelled,
}

/// The referrer who is credited through a referral, with campaign and code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Credit {
    pub(super) campaign: String,
    pub(super) code: String,
    pub(super) referrer: String,
}

/// A row of `conversions`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "conversions")]
pub(super) struct CreditedConversion {
    address: String,
    pub(super) campaign: String,
    pub(super) referral: String,
    code: String,
    pub(super) referrer: String,
    referee: String,
    pub(super) status: Status,
    pub(super) reward_referrer: Unsigned,
    reward_referee: Unsigned,
    reward_partner: Unsigned,
    pub(super) converted_at: i64,
    hold_seconds: i64,
}

impl CreditedConversion {
    pub(super) fn new(conversion: Conversion, credit: Credit) -> Self {
        Self {
            address: conversion.address,
            campaign: credit.campaign,
            referral: conversion.referral,
            code: credit.code,
            referrer: credit.referrer,
            referee: conversion.referee,
            status: conversion.status,
            reward_referrer: conversion.reward_referrer.into(),
            reward_referee: conversion.reward_referee.into(),
            reward_partner: conversion.reward_partner.into(),
            converted_at: conversion.converted_at,
            hold_seconds: conversion.hold_seconds.into(),
        }
    }

    pub(super) fn credit(&self) -> Credit {
        Credit {
            campaign: self.campaign.clone(),
            code: self.code.clone(),
            referrer: self.referrer.clone(),
        }
    }

    /// Whether the same transaction may have made both. The status of a conversion is the
    /// only field that changes later, so any other difference means two forks.
    pub(super) fn is_same_sale(&self, other: &Self) -> bool {
        let status = self.status;
        *self
            == Self {
                status,
                ..other.clone()
            }
    }
}

pub(super) async fn write_campaigns(
    connection: &mut PgConnection,
    rows: &[Campaign],
) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO campaigns SELECT * FROM UNNEST($1::campaigns[])
         ON CONFLICT (address) DO UPDATE SET
             creator = EXCLUDED.creator, campaign_id = EXCLUDED.campaign_id,
             authority = EXCLUDED.authority, mint = EXCLUDED.mint,
             mint_decimals = EXCLUDED.mint_decimals, token_program = EXCLUDED.token_program,
             funding = EXCLUDED.funding, proof = EXCLUDED.proof,
             uniqueness = EXCLUDED.uniqueness, reward_kind = EXCLUDED.reward_kind,
             paused = EXCLUDED.paused, closed = EXCLUDED.closed,
             reward_fixed = EXCLUDED.reward_fixed, reward_bps = EXCLUDED.reward_bps,
             reward_max = EXCLUDED.reward_max, starts_at = EXCLUDED.starts_at,
             ends_at = EXCLUDED.ends_at, created_at = EXCLUDED.created_at",
        rows as &[Campaign],
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn write_referrals(
    connection: &mut PgConnection,
    rows: &[Referral],
) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO referrals SELECT * FROM UNNEST($1::referrals[])
         ON CONFLICT (address) DO UPDATE SET
             campaign = EXCLUDED.campaign, code = EXCLUDED.code, owner = EXCLUDED.owner,
             active = EXCLUDED.active, suspended = EXCLUDED.suspended,
             usage_limit = EXCLUDED.usage_limit, conversions = EXCLUDED.conversions,
             expires_at = EXCLUDED.expires_at, created_at = EXCLUDED.created_at",
        rows as &[Referral],
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn write_conversions(
    connection: &mut PgConnection,
    rows: &[CreditedConversion],
) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO conversions SELECT * FROM UNNEST($1::conversions[])
         ON CONFLICT (address) DO UPDATE SET
             campaign = EXCLUDED.campaign, referral = EXCLUDED.referral, code = EXCLUDED.code,
             referrer = EXCLUDED.referrer, referee = EXCLUDED.referee, status = EXCLUDED.status,
             reward_referrer = EXCLUDED.reward_referrer,
             reward_referee = EXCLUDED.reward_referee,
             reward_partner = EXCLUDED.reward_partner, converted_at = EXCLUDED.converted_at,
             hold_seconds = EXCLUDED.hold_seconds",
        rows as &[CreditedConversion],
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The mirrored conversions among `addresses`.
pub(super) async fn read_conversions(
    connection: &mut PgConnection,
    addresses: &[String],
) -> Result<HashMap<String, CreditedConversion>, Error> {
    let rows = sqlx::query_as!(
        CreditedConversion,
        r#"SELECT address, campaign, referral, code, referrer, referee, status AS "status: Status",
                  reward_referrer AS "reward_referrer: Unsigned",
                  reward_referee AS "reward_referee: Unsigned",
                  reward_partner AS "reward_partner: Unsigned", converted_at, hold_seconds
           FROM conversions WHERE address = ANY($1)"#,
        addresses,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.address.clone(), row))
        .collect())
}

/// The credit of each of `referrals` that is mirrored.
pub(super) async fn credits(
    connection: &mut PgConnection,
    referrals: &[String],
) -> Result<HashMap<String, Credit>, Error> {
    let rows = sqlx::query!(
        "SELECT address, campaign, code, owner FROM referrals WHERE address = ANY($1)",
        referrals,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let credit = Credit {
                campaign: row.campaign,
                code: row.code,
                referrer: row.owner,
            };
            (row.address, credit)
        })
        .collect())
}
