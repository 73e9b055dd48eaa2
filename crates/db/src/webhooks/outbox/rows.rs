//! Rows that are read from the mirror for messages, and written about them.

use sqlx::types::JsonValue;
use time::OffsetDateTime;

use crate::amount::Unsigned;

/// A fact of a campaign that has an endpoint, with its transaction. The values of its conversion or
/// its code never change after the fact.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "migrations describe the columns")]
pub struct Fact {
    pub seq: i64,
    pub place: i16,
    pub kind: String,
    pub campaign: String,
    pub referral: Option<String>,
    pub code: Option<String>,
    pub subject: Option<String>,
    pub wallet: Option<String>,
    pub units: Option<Unsigned>,
    pub detail: Option<JsonValue>,
    pub signature: String,
    pub slot: i64,
    pub block_time: i64,
    pub referrer: Option<String>,
    pub partner: Option<String>,
    pub referee: Option<String>,
    pub action: Option<String>,
    pub amount: Option<Unsigned>,
    pub reference: Option<Vec<u8>>,
    pub reward_referrer: Option<Unsigned>,
    pub reward_referee: Option<Unsigned>,
    pub reward_partner: Option<Unsigned>,
    pub converted_at: Option<i64>,
    pub matures_at: Option<i64>,
    /// Whether it was told as confirmed, in this slot, and not retracted.
    pub is_told: bool,
    /// How often it was told as confirmed in all.
    pub rounds: i32,
}

/// A message about a fact.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Derived from the fact.
    pub id: String,
    /// Its type, such as `conversion.final`.
    pub kind: String,
    /// The campaign's address.
    pub campaign: String,
    /// The body that is sent.
    pub payload: JsonValue,
}

/// A conversion that is told as confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    /// The conversion's transaction.
    pub signature: String,
    /// The fact's place in it.
    pub place: i16,
    /// The transaction's slot.
    pub slot: i64,
    /// How often it was told before.
    pub round: i32,
    /// The message's id.
    pub message: String,
}

/// A conversion that was told as confirmed, and is not confirmed any more.
#[derive(Debug, Clone, PartialEq)]
pub struct Withdrawn {
    /// The confirmation that was told.
    pub told: Confirmation,
    /// The campaign's address.
    pub campaign: String,
    /// The payload of the message.
    pub payload: JsonValue,
}

/// A final conversion whose hold is not over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maturing {
    /// The conversion's address.
    pub conversion: String,
    /// The campaign's address.
    pub campaign: String,
    /// The number of its transaction.
    pub seq: i64,
    /// The fact's place in it.
    pub place: i16,
    /// Unix seconds.
    pub matures_at: i64,
}

/// A campaign as its last final transaction left it.
#[derive(Debug, Clone, PartialEq)]
pub struct FundedCampaign {
    /// Its address.
    pub campaign: String,
    /// Number of that transaction.
    pub seq: i64,
    /// Signature of that transaction.
    pub signature: String,
    /// Slot of that transaction.
    pub slot: i64,
    /// Unix seconds of that transaction.
    pub block_time: i64,
    /// The account's bytes.
    pub data: Vec<u8>,
    /// The budget of which something was told.
    pub budget: Option<Unsigned>,
    /// The percentage of it that was told.
    pub told: Option<i16>,
}

/// How much of a campaign's budget was told to be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetNote {
    /// The campaign's address.
    pub campaign: String,
    /// Number of the transaction that was looked at.
    pub seq: i64,
    /// The budget then, in base units; 0 for none.
    pub budget: u64,
    /// 0, 80 or 100.
    pub told: i16,
}

/// A milestone that a referrer has reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Milestone {
    /// The campaign's address.
    pub campaign: String,
    /// The referrer's wallet.
    pub referrer: String,
    /// The badge, which is awarded once.
    pub badge: String,
    /// The badge's name for people.
    pub title: String,
    /// Conversions that earn it.
    pub threshold: i64,
    /// When it was awarded.
    pub awarded_at: OffsetDateTime,
}

/// Milestones that are to be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Milestones {
    /// The last award that was looked at.
    pub award: i64,
    /// Those up to it of campaigns that have an endpoint, in their order.
    pub reached: Vec<Milestone>,
}

/// A vault that holds less than what is owed and the next reward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShortVault {
    /// The campaign's address.
    pub campaign: String,
    /// Base units in the vault.
    pub balance: Unsigned,
    /// Base units that are owed.
    pub owed: Unsigned,
    /// Base units of the smallest reward that the next conversion can have.
    pub next_reward: Unsigned,
    /// The slot at which this was so.
    pub slot: i64,
    /// When it was first seen to be short. It identifies the shortage.
    pub short_since: OffsetDateTime,
}

/// Everything that follows from one look at the mirror.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Writes {
    /// The last transaction whose facts are among the messages, or were before.
    pub cursor: i64,
    /// The last award that is among the messages, or was before.
    pub award: i64,
    /// The number of the last message; that of the last look if there is none.
    pub sequence: i64,
    /// New messages, in the order in which they are queued.
    pub messages: Vec<Message>,
    /// Conversions that are told as confirmed.
    pub confirmed: Vec<Confirmation>,
    /// Signature and place of conversions that are told as retracted.
    pub retracted: Vec<(String, i16)>,
    /// Signature and place of conversions that are final: they cannot be retracted any more.
    pub settled: Vec<(String, i16)>,
    /// Final conversions that mature later.
    pub maturing: Vec<Maturing>,
    /// Conversions that matured, or never will.
    pub ended: Vec<String>,
    /// Budgets that were looked at.
    pub budgets: Vec<BudgetNote>,
    /// Shortages that are told: the campaign, and the beginning.
    pub short: Vec<(String, OffsetDateTime)>,
}
