//! The text of events: type, `id:` and JSON, by the names and in the form of webhooks.

use std::fmt::Display;

use axum::body::Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use vouch_db::{
    amount::Unsigned,
    api::live::{Fact, Withdrawn},
};

use super::Topic;
use crate::types::{Amount, timestamp};

/// The kinds of facts that are told when they are confirmed.
pub(crate) const TOLD: [&str; 7] = [
    CONVERSION,
    "part_paid",
    "conversion_cancelled",
    "code_created",
    "code_suspended",
    "code_resumed",
    "code_closed",
];
/// The kind of the facts that are told when they become final, too.
pub(crate) const CONVERSION: &str = "conversion_recorded";

/// The first event of a stream.
pub(crate) const OPENED: &str = "stream.opened";
/// Earlier events may be wrong, or some are missing.
pub(crate) const RESET: &str = "stream.reset";
/// A leaderboard has changed.
pub(crate) const BOARD: &str = "leaderboard.changed";

/// An event, for everybody who follows one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) topics: Vec<Topic>,
    pub(crate) kind: &'static str,
    pub(crate) body: String,
}

/// The bytes of an event. Without `id`, a client that resumes does so from the event before.
pub(crate) fn frame(id: Option<&dyn Display>, kind: &str, body: &dyn Display) -> Bytes {
    // JSON has no line breaks.
    let text = match id {
        Some(id) => format!("id: {id}\nevent: {kind}\ndata: {body}\n\n"),
        None => format!("event: {kind}\ndata: {body}\n\n"),
    };
    text.into()
}

/// The first event of a stream: everything confirmed up to this slot is in what is read from now on,
/// or told.
pub(crate) fn open(slot: Option<i64>, resumed: bool) -> Value {
    json!({ "type": OPENED, "data": { "slot": slot, "resumed": resumed } })
}

/// The event after which a client reads the state again: earlier events may be wrong, or some are missing.
pub(crate) fn reset(slot: Option<i64>) -> Value {
    json!({ "type": RESET, "data": { "slot": slot } })
}

/// The leaderboard of a campaign, or over all, has changed.
pub(crate) fn board(campaign: Option<&str>) -> Value {
    json!({ "type": BOARD, "data": { "campaign": campaign } })
}

/// Whether a fact can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Commitment {
    Confirmed,
    Finalized,
}

#[derive(Serialize)]
struct Body<'a, T> {
    r#type: &'static str,
    timestamp: Option<String>,
    data: Data<'a, T>,
}

/// The fields of every fact, and those of this kind of fact.
#[derive(Serialize)]
struct Data<'a, T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    conversion: Option<&'a str>,
    campaign: Option<&'a str>,
    referral: Option<&'a str>,
    code: Option<&'a str>,
    #[serde(flatten)]
    more: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    commitment: Option<Commitment>,
    slot: i64,
    signature: &'a str,
}

#[derive(Serialize)]
struct Conversion<'a> {
    referrer: Option<&'a str>,
    partner: Option<&'a str>,
    referee: Option<&'a str>,
    action: Option<&'a str>,
    amount: Option<Amount>,
    reference: Option<String>,
    rewards: Rewards,
    converted_at: Option<String>,
    claimable_from: Option<String>,
}

#[derive(Serialize)]
struct Rewards {
    referrer: Option<Amount>,
    referee: Option<Amount>,
    partner: Option<Amount>,
}

#[derive(Serialize)]
struct Paid<'a> {
    part: &'a Value,
    recipient: Option<&'a str>,
    account: &'a Value,
    units: Option<Amount>,
    claimed: &'a Value,
}

#[derive(Serialize)]
struct Cancelled {
    forgone: Option<Amount>,
}

#[derive(Serialize)]
struct Created<'a> {
    owner: Option<&'a str>,
    usage_limit: Option<&'a str>,
    expires_at: Option<String>,
}

#[derive(Serialize)]
struct Nothing {}

/// The topics whose streams get a fact.
fn topics(campaign: Option<&str>, referral: Option<&str>, referrer: Option<&str>) -> Vec<Topic> {
    let campaign = campaign.map(|address| Topic::Campaign(address.into()));
    let referral = referral.map(|address| Topic::Referral(address.into()));
    let referrer = referrer.map(|wallet| Topic::Referrer(wallet.into()));
    [campaign, referral, referrer]
        .into_iter()
        .flatten()
        .collect()
}

fn units(amount: Option<Unsigned>) -> Option<Amount> {
    amount.map(|amount| Amount(amount.into()))
}

/// A fact that was added; `None` for kinds that are not told.
pub(crate) fn added(fact: &Fact, final_seq: i64) -> Option<Told> {
    let commitment = if fact.seq <= final_seq {
        Commitment::Finalized
    } else {
        Commitment::Confirmed
    };
    let nothing = &Value::Null;
    let detail = |key: &str| fact.detail.as_ref().map_or(nothing, |detail| &detail[key]);
    match fact.kind.as_str() {
        // Its finality is told by an event of its own.
        CONVERSION => Some(conversion(
            fact,
            "conversion.confirmed",
            Commitment::Confirmed,
        )),
        "part_paid" => {
            let paid = Paid {
                part: detail("part"),
                recipient: fact.wallet.as_deref(),
                account: detail("account"),
                units: units(fact.units),
                claimed: detail("claimed"),
            };
            Some(told(fact, "conversion.paid", commitment, paid))
        }
        "conversion_cancelled" => {
            let forgone = units(fact.units);
            let cancelled = Cancelled { forgone };
            Some(told(fact, "conversion.cancelled", commitment, cancelled))
        }
        "code_created" => {
            // Zero means "none" on the chain.
            let limit = detail("usage_limit").as_str();
            let expires_at = detail("expires_at").as_i64();
            let created = Created {
                owner: fact.wallet.as_deref(),
                usage_limit: limit.filter(|limit| *limit != "0"),
                expires_at: expires_at.filter(|at| *at != 0).and_then(timestamp),
            };
            Some(told(fact, "code.created", commitment, created))
        }
        "code_suspended" => Some(told(fact, "code.suspended", commitment, Nothing {})),
        "code_resumed" => Some(told(fact, "code.resumed", commitment, Nothing {})),
        "code_closed" => Some(told(fact, "code.closed", commitment, Nothing {})),
        _ => None,
    }
}

/// A conversion that became final.
pub(crate) fn settled(fact: &Fact) -> Told {
    conversion(fact, "conversion.final", Commitment::Finalized)
}

fn conversion(fact: &Fact, kind: &'static str, commitment: Commitment) -> Told {
    let reference = fact.reference.as_ref();
    let conversion = Conversion {
        referrer: fact.referrer.as_deref(),
        partner: fact.partner.as_deref(),
        referee: fact.referee.as_deref(),
        action: fact.action.as_deref(),
        amount: units(fact.amount),
        reference: reference.map(|bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
        rewards: Rewards {
            referrer: units(fact.reward_referrer),
            referee: units(fact.reward_referee),
            partner: units(fact.reward_partner),
        },
        converted_at: fact.converted_at.and_then(timestamp),
        claimable_from: fact.matures_at.and_then(timestamp),
    };
    told(fact, kind, commitment, conversion)
}

fn told(fact: &Fact, kind: &'static str, commitment: Commitment, more: impl Serialize) -> Told {
    let is_conversion = kind.starts_with("conversion.");
    let data = Data {
        conversion: fact.subject.as_deref().filter(|_| is_conversion),
        campaign: fact.campaign.as_deref(),
        referral: fact.referral.as_deref(),
        code: fact.code.as_deref(),
        more,
        commitment: Some(commitment),
        slot: fact.slot,
        signature: &fact.signature,
    };
    of_data(kind, fact.block_time, fact.referrer.as_deref(), data)
}

fn of_data<T: Serialize>(
    kind: &'static str,
    time: i64,
    referrer: Option<&str>,
    data: Data<'_, T>,
) -> Told {
    let topics = topics(data.campaign, data.referral, referrer);
    let body = Body {
        r#type: kind,
        timestamp: timestamp(time),
        data,
    };
    Told {
        topics,
        kind,
        // Maps whose keys are strings can always be serialised.
        body: serde_json::to_string(&body).unwrap_or_default(),
    }
}

/// The event for a fact that a fork has undone; `all` has every fact that was undone with it. A retracted
/// conversion stands for its payments, too. For any other fact, the streams are reset, because nobody knows
/// which client has seen it.
pub(crate) fn undone(fact: &Withdrawn, all: &[Withdrawn], slot: Option<i64>) -> Option<Told> {
    if fact.kind == CONVERSION {
        let data = Data {
            conversion: fact.subject.as_deref(),
            campaign: fact.campaign.as_deref(),
            referral: fact.referral.as_deref(),
            code: fact.code.as_deref(),
            more: Nothing {},
            commitment: None,
            slot: fact.slot,
            signature: &fact.signature,
        };
        return Some(of_data(
            "conversion.retracted",
            fact.block_time,
            fact.referrer.as_deref(),
            data,
        ));
    }
    let is_covered = all
        .iter()
        .any(|other| other.kind == CONVERSION && other.subject == fact.subject);
    (!is_covered).then(|| Told {
        topics: topics(
            fact.campaign.as_deref(),
            fact.referral.as_deref(),
            fact.referrer.as_deref(),
        ),
        kind: RESET,
        body: reset(slot).to_string(),
    })
}
