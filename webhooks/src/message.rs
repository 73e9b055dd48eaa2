//! Messages: their types, and their payloads.
//!
//! Addresses and signatures are base58, amounts base units as decimal strings, times RFC 3339.
//! `docs/webhooks.md` has an example of each type.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use vouch_db::webhooks::Message;

/// A type of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    ConversionConfirmed,
    ConversionRetracted,
    ConversionFinal,
    ConversionPaid,
    ConversionCancelled,
    ConversionMatured,
    CodeCreated,
    CodeSuspended,
    CodeResumed,
    CodeClosed,
    CampaignBudget80,
    CampaignBudget100,
    CampaignVaultShort,
    MilestoneReached,
}

impl Kind {
    pub(crate) const ALL: [Self; 14] = [
        Self::ConversionConfirmed,
        Self::ConversionRetracted,
        Self::ConversionFinal,
        Self::ConversionPaid,
        Self::ConversionCancelled,
        Self::ConversionMatured,
        Self::CodeCreated,
        Self::CodeSuspended,
        Self::CodeResumed,
        Self::CodeClosed,
        Self::CampaignBudget80,
        Self::CampaignBudget100,
        Self::CampaignVaultShort,
        Self::MilestoneReached,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ConversionConfirmed => "conversion.confirmed",
            Self::ConversionRetracted => "conversion.retracted",
            Self::ConversionFinal => "conversion.final",
            Self::ConversionPaid => "conversion.paid",
            Self::ConversionCancelled => "conversion.cancelled",
            Self::ConversionMatured => "conversion.matured",
            Self::CodeCreated => "code.created",
            Self::CodeSuspended => "code.suspended",
            Self::CodeResumed => "code.resumed",
            Self::CodeClosed => "code.closed",
            Self::CampaignBudget80 => "campaign.budget_80",
            Self::CampaignBudget100 => "campaign.budget_100",
            Self::CampaignVaultShort => "campaign.vault_short",
            Self::MilestoneReached => "milestone.reached",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == text);
        found.ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|kind| kind.name()).collect();
            format!("the types are {}", names.join(", "))
        })
    }
}

/// Base units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Units(pub(crate) u64);

impl Serialize for Units {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) i64);

impl Time {
    pub(crate) fn now() -> Self {
        Self(OffsetDateTime::now_utc().unix_timestamp())
    }

    /// RFC 3339; `None` if the year does not have four digits.
    fn text(self) -> Option<String> {
        OffsetDateTime::from_unix_timestamp(self.0)
            .ok()?
            .format(&Rfc3339)
            .ok()
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text().serialize(serializer)
    }
}

/// Whether a fact can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Commitment {
    /// The cluster may abandon it. Then it is retracted.
    Confirmed,
    /// It stands.
    Finalized,
}

/// The transaction of a fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Proof {
    pub(crate) commitment: Commitment,
    pub(crate) slot: i64,
    pub(crate) signature: String,
}

/// Parts of a reward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Rewards {
    pub(crate) referrer: Units,
    pub(crate) referee: Units,
    pub(crate) partner: Units,
}

/// The content of `data`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Data {
    Conversion(Box<Conversion>),
    Paid(Paid),
    Cancelled(Cancelled),
    CodeCreated(CodeCreated),
    Code(Code),
    Budget(Budget),
    Vault(Vault),
    Reached(Reached),
}

/// A conversion as its transaction made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Conversion {
    pub(crate) conversion: String,
    pub(crate) campaign: String,
    pub(crate) referral: String,
    pub(crate) code: String,
    /// The referral's owner and partner at that moment.
    pub(crate) referrer: String,
    pub(crate) partner: Option<String>,
    pub(crate) referee: String,
    pub(crate) action: String,
    pub(crate) amount: Units,
    /// 64 hexadecimal digits.
    pub(crate) reference: Option<String>,
    pub(crate) rewards: Rewards,
    pub(crate) converted_at: Time,
    /// The end of its hold.
    pub(crate) claimable_from: Time,
    #[serde(flatten)]
    pub(crate) proof: Proof,
}

/// A part of a reward that was paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Paid {
    pub(crate) conversion: String,
    pub(crate) campaign: String,
    pub(crate) referral: String,
    pub(crate) code: String,
    /// `referrer`, `referee` or `partner`.
    pub(crate) part: String,
    /// The wallet that was paid, and its account that received it.
    pub(crate) recipient: String,
    pub(crate) account: String,
    /// Base units that were sent. A transfer fee makes less arrive.
    pub(crate) units: Units,
    /// Whether a claim paid it, and not the conversion's own transaction.
    pub(crate) claimed: bool,
    #[serde(flatten)]
    pub(crate) proof: Proof,
}

/// A conversion that was cancelled within its hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Cancelled {
    pub(crate) conversion: String,
    pub(crate) campaign: String,
    pub(crate) referral: String,
    pub(crate) code: String,
    /// Base units that were owed, and no longer are.
    pub(crate) forgone: Units,
    #[serde(flatten)]
    pub(crate) proof: Proof,
}

/// A new code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct CodeCreated {
    pub(crate) campaign: String,
    pub(crate) referral: String,
    pub(crate) code: String,
    pub(crate) owner: String,
    /// Most conversions that it may have.
    pub(crate) usage_limit: Option<Units>,
    pub(crate) expires_at: Option<Time>,
    #[serde(flatten)]
    pub(crate) proof: Proof,
}

/// A code that the campaign suspended or resumed, or that its owner closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Code {
    pub(crate) campaign: String,
    pub(crate) referral: String,
    pub(crate) code: String,
    #[serde(flatten)]
    pub(crate) proof: Proof,
}

/// A campaign's budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Budget {
    pub(crate) campaign: String,
    pub(crate) budget: Units,
    /// Units of the budget that conversions owe or were paid.
    pub(crate) committed: Units,
    pub(crate) remaining: Units,
    #[serde(flatten)]
    pub(crate) proof: Proof,
}

/// A vault that holds less than what is owed and the next reward.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Vault {
    pub(crate) campaign: String,
    pub(crate) balance: Units,
    pub(crate) owed: Units,
    /// The smallest reward that the next conversion can have.
    pub(crate) next_reward: Units,
    /// The slot at which this was so.
    pub(crate) slot: i64,
}

/// A milestone that a referrer has reached in a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Reached {
    pub(crate) campaign: String,
    pub(crate) referrer: String,
    pub(crate) badge: String,
    pub(crate) title: String,
    /// Conversions that earn it.
    pub(crate) conversions: i64,
}

/// The id of a message: the same for the same fact, in every database. `source` and `place` are the
/// fact's transaction and its place in it, or else what identifies the fact; `round` is how often the
/// same was told before, and retracted.
pub(crate) fn id(kind: Kind, source: &str, place: &str, round: i32) -> String {
    let seed = format!("{kind} {source} {place} {round}");
    let digest = Sha256::digest(seed);
    digest
        .iter()
        .take(16)
        .fold("msg_".to_owned(), |mut text, byte| {
            use fmt::Write as _;
            // A string takes every character.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// A message. `time` is when the fact happened.
pub(crate) fn message(id: String, kind: Kind, campaign: &str, time: Time, data: &Data) -> Message {
    of_json(id, kind, campaign, time, &json!(data))
}

/// The message that takes back a message with this payload.
pub(crate) fn retraction(
    id: String,
    campaign: &str,
    time: Time,
    retracts: &str,
    payload: &Value,
) -> Message {
    let mut data = payload["data"].clone();
    data["retracts"] = retracts.into();
    of_json(id, Kind::ConversionRetracted, campaign, time, &data)
}

fn of_json(id: String, kind: Kind, campaign: &str, time: Time, data: &Value) -> Message {
    Message {
        id,
        kind: kind.name().to_owned(),
        campaign: campaign.to_owned(),
        payload: json!({ "type": kind.name(), "timestamp": time, "data": data }),
    }
}
