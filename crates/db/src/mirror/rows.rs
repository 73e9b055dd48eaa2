//! The rows of the mirror.
//!
//! Addresses and signatures are base58, amounts base units, times unix seconds. `None` stands for
//! a zero that means "none" on the chain. The fields are the columns of the tables, in their
//! order: a batch goes to Postgres as one array of rows for each table. `migrations/` describes
//! the columns.

use sqlx::types::JsonValue;

use crate::amount::Unsigned;

/// A transaction that names the program.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "transactions")]
#[expect(missing_docs, reason = "the migration documents each column")]
pub struct Transaction {
    pub seq: i64,
    pub slot: i64,
    pub block_index: Option<i32>,
    pub block_time: i64,
    pub signature: String,
    pub succeeded: bool,
    pub failed_instruction: Option<i16>,
    pub error_code: Option<i64>,
}

/// A call of the program.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "calls")]
#[expect(missing_docs, reason = "the migration documents each column")]
pub struct Call {
    pub seq: i64,
    pub instruction: i16,
    pub inner_index: i16,
    pub name: Option<String>,
    pub campaign: Option<String>,
    pub referral: Option<String>,
    pub conversion: Option<String>,
    pub wallet: Option<String>,
}

/// A fact that a call established.
#[derive(Debug, Clone, PartialEq, sqlx::Type)]
#[sqlx(type_name = "events")]
#[expect(missing_docs, reason = "the migration documents each column")]
pub struct Event {
    pub seq: i64,
    pub place: i16,
    pub kind: String,
    pub campaign: Option<String>,
    pub referral: Option<String>,
    pub subject: Option<String>,
    pub wallet: Option<String>,
    pub units: Option<Unsigned>,
    pub detail: Option<JsonValue>,
}

/// The bytes of an account.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "accounts")]
#[expect(missing_docs, reason = "the migration documents each column")]
pub struct Account {
    pub address: String,
    pub data: Option<Vec<u8>>,
    pub seq: i64,
    pub slot: i64,
    pub doubt: Option<Vec<u8>>,
}

/// An account as it was before a transaction that is not final.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "accounts_before")]
#[expect(missing_docs, reason = "the migration documents each column")]
pub struct Before {
    pub seq: i64,
    pub address: String,
    pub data: Option<Vec<u8>>,
    pub before_seq: Option<i64>,
    pub before_slot: Option<i64>,
    pub doubt: Option<Vec<u8>>,
}

/// A campaign.
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
    pub data: Option<Vec<u8>>,
    pub seq: i64,
    pub slot: i64,
}

/// A referral.
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
    pub closed: bool,
    pub seq: i64,
    pub slot: i64,
}

/// A conversion.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "conversions")]
#[expect(missing_docs, reason = "the migration documents each column")]
pub struct Conversion {
    pub address: String,
    pub seq: i64,
    pub slot: i64,
    pub campaign: String,
    pub referral: String,
    pub code: String,
    pub referrer: String,
    pub partner: Option<String>,
    pub referee: String,
    pub action: String,
    pub amount: Unsigned,
    pub reference: Option<Vec<u8>>,
    pub reward_referrer: Unsigned,
    pub reward_referee: Unsigned,
    pub reward_partner: Unsigned,
    pub converted_at: i64,
    pub matures_at: i64,
    pub status: Status,
    pub settled: i16,
}

/// The state of a conversion's reward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Status {
    /// A part is owed.
    Pending,
    /// No part is owed.
    Paid,
    /// Cancelled within the hold.
    Cancelled,
    /// The period for claims ended before all parts were claimed.
    Lapsed,
}

impl Status {
    /// The status as the column has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::Cancelled => "cancelled",
            Self::Lapsed => "lapsed",
        }
    }
}

/// A conversion that does not count for ranks yet.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "maturing")]
#[expect(missing_docs, reason = "the migration documents each column")]
pub struct Maturing {
    pub conversion: String,
    pub seq: i64,
    pub matures_at: i64,
    pub campaign: String,
    pub converted_at: i64,
}

/// The columns of a conversion that change after its sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// Address of the conversion.
    pub conversion: String,
    /// Its new state.
    pub status: Status,
    /// Parts that are not owed: bit 0 referrer, 1 referee, 2 partner.
    pub settled: i16,
}

/// A difference to add to a row of `referral_totals`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TotalsMove {
    /// Conversions that are not cancelled.
    pub conversions: i64,
    /// Base units that the referrer was paid.
    pub paid: i128,
    /// Base units that the referrer is owed.
    pub pending: i128,
}
