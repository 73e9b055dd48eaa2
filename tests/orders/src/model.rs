//! The rows that the mirror has to hold, from the journal of the wallets alone.
//!
//! The model goes through the transactions that the mirror holds, and adds up what their senders know of
//! them. It shares no code with the mirror, and keeps no state between two looks. [`crate::compare`]
//! holds the mirror against it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::recording::{Conversion, Effect};

/// Conversions that earn a badge.
const MILESTONES: [u64; 6] = [1, 5, 10, 25, 50, 100];

/// A mirrored transaction.
pub(crate) struct Held {
    pub(crate) seq: i64,
    /// Its place in the recording.
    pub(crate) place: usize,
    pub(crate) slot: i64,
    /// Unix seconds.
    pub(crate) block_time: i64,
}

/// A conversion, and what has become of it.
struct Made<'a> {
    seq: i64,
    slot: i64,
    at: i64,
    terms: &'a Conversion,
    paid: [bool; 3],
    cancelled: bool,
}

impl Made<'_> {
    fn matures_at(&self) -> i64 {
        self.at + self.terms.hold
    }

    fn is_open(&self, part: usize) -> bool {
        !self.paid[part] && self.terms.rewards[part] > 0
    }

    fn row(&self) -> Value {
        let Conversion {
            campaign,
            referral,
            code,
            referrer,
            partner,
            referee,
            action,
            amount,
            rewards,
            ..
        } = self.terms;
        let open: Vec<_> = (0..3).filter(|part| self.is_open(*part)).collect();
        let status = match (self.cancelled, open.is_empty()) {
            (true, _) => "cancelled",
            (false, true) => "paid",
            (false, false) => "pending",
        };
        let settled = (0..3)
            .filter(|part| !open.contains(part))
            .map(|part| 1 << part)
            .sum::<u8>();
        let [first, second, third] = rewards.map(|units| units.to_string());
        json!([
            self.seq,
            self.slot,
            campaign,
            referral,
            code,
            referrer,
            partner,
            referee,
            action,
            amount.to_string(),
            first,
            second,
            third,
            self.at,
            self.matures_at(),
            status,
            settled
        ])
    }
}

/// A sum of conversions that count.
#[derive(Default)]
struct Sum {
    conversions: u64,
    rewards: u64,
    last: i64,
    volume: u64,
}

impl Sum {
    fn add(&mut self, made: &Made<'_>, rewards: u64, volume: u64) {
        self.conversions += 1;
        self.rewards += rewards;
        self.last = self.last.max(made.at);
        self.volume += volume;
    }

    fn row(&self) -> Value {
        json!([
            self.conversions,
            self.rewards.to_string(),
            self.last,
            self.volume.to_string()
        ])
    }
}

/// The rows after the transactions that were [applied](Self::apply).
pub(crate) struct Model<'a> {
    /// Transactions up to this number are final.
    final_seq: i64,
    /// The chain's clock up to which conversions count.
    final_time: Option<i64>,
    made: BTreeMap<&'a str, Made<'a>>,
    referrals: BTreeMap<&'a str, Value>,
    paid: Vec<Value>,
    cancelled: Vec<Value>,
}

impl<'a> Model<'a> {
    pub(crate) fn new(final_seq: i64, final_time: Option<i64>) -> Self {
        Self {
            final_seq,
            final_time,
            made: BTreeMap::new(),
            referrals: BTreeMap::new(),
            paid: Vec::new(),
            cancelled: Vec::new(),
        }
    }

    /// Adds what one transaction did.
    pub(crate) fn apply(&mut self, held: &Held, effect: &'a Effect) -> Result<()> {
        let lacks = || "the mirror holds a transaction without the one that it follows from";
        match effect {
            Effect::CodeCreated {
                referral,
                campaign,
                code,
                owner,
            } => {
                self.referrals
                    .insert(referral, json!([campaign, code, owner, false, false]));
            }
            Effect::OwnerChanged { referral, owner } => {
                self.referrals
                    .get_mut(referral.as_str())
                    .with_context(lacks)?[2] = json!(owner);
            }
            Effect::Suspended {
                referral,
                suspended,
            } => {
                self.referrals
                    .get_mut(referral.as_str())
                    .with_context(lacks)?[3] = json!(suspended);
            }
            Effect::CodeClosed { referral } => {
                self.referrals
                    .get_mut(referral.as_str())
                    .with_context(lacks)?[4] = json!(true);
            }
            Effect::Converted(terms) => {
                let made = Made {
                    seq: held.seq,
                    slot: held.slot,
                    at: held.block_time,
                    terms,
                    paid: [false; 3],
                    cancelled: false,
                };
                self.made.insert(&terms.address, made);
            }
            Effect::Paid {
                conversion,
                part,
                wallet,
                units,
            } => {
                let made = self.made.get_mut(conversion.as_str()).with_context(lacks)?;
                let place = usize::from(*part);
                ensure!(made.is_open(place), "a part is paid twice");
                made.paid[place] = true;
                let name = ["referrer", "referee", "partner"][place];
                self.paid.push(json!([
                    held.seq,
                    conversion,
                    name,
                    wallet,
                    units.to_string()
                ]));
            }
            Effect::Cancelled { conversion } => {
                self.made
                    .get_mut(conversion.as_str())
                    .with_context(lacks)?
                    .cancelled = true;
                self.cancelled.push(json!([held.seq, conversion]));
            }
        }
        Ok(())
    }

    /// Whether the conversion counts for ranks: it is final, and can no longer be cancelled.
    fn counts(&self, made: &Made<'_>) -> bool {
        made.seq <= self.final_seq
            && !made.cancelled
            && self
                .final_time
                .is_some_and(|time| made.matures_at() <= time)
    }

    /// The rows, by the names of the query.
    pub(crate) fn finish(self) -> Vec<(String, Value)> {
        let mut totals: BTreeMap<&str, (u64, u64, u64, u64)> = BTreeMap::new();
        let mut days: BTreeMap<String, Sum> = BTreeMap::new();
        let mut ranks: BTreeMap<String, Sum> = BTreeMap::new();
        let mut boards: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        let mut maturing = BTreeMap::new();
        for (address, made) in &self.made {
            let Conversion {
                campaign,
                referrer,
                referral,
                rewards,
                amount,
                ..
            } = made.terms;
            if !made.cancelled {
                let total = totals.entry(referral).or_default();
                total.0 += 1;
                total.1 += u64::from(self.counts(made));
                if made.paid[0] {
                    total.2 += rewards[0];
                } else {
                    total.3 += rewards[0];
                }
                if !self.counts(made) {
                    maturing.insert(
                        *address,
                        json!([made.seq, made.matures_at(), campaign, made.at]),
                    );
                }
            }
            if self.counts(made) {
                let at = OffsetDateTime::from_unix_timestamp(made.at)
                    .unwrap_or(OffsetDateTime::UNIX_EPOCH);
                days.entry(format!("{campaign} {referrer} {}", at.date()))
                    .or_default()
                    .add(made, rewards[0], *amount);
                for period in periods(at) {
                    // Over all campaigns, only conversions are added.
                    for (board, rewards, volume) in
                        [(campaign.as_str(), rewards[0], *amount), ("", 0, 0)]
                    {
                        ranks
                            .entry(format!("{board} {referrer} {period}"))
                            .or_default()
                            .add(made, rewards, volume);
                        boards
                            .entry(format!("{board} {period}"))
                            .or_default()
                            .insert(referrer);
                    }
                }
            }
        }
        let mut badges: Vec<(&str, &str, String)> = Vec::new();
        for (of, sum) in &ranks {
            if let Some((campaign, referrer)) =
                of.strip_suffix(' ').and_then(|of| of.split_once(' '))
                && !campaign.is_empty()
            {
                let reached = MILESTONES
                    .iter()
                    .filter(|threshold| sum.conversions >= **threshold);
                badges.extend(
                    reached
                        .map(|threshold| (campaign, referrer, format!("conversions_{threshold}"))),
                );
            }
        }
        badges.sort_unstable();
        let badges: Vec<_> = badges
            .iter()
            .map(|(campaign, referrer, badge)| json!(format!("{campaign} {referrer} {badge}")))
            .collect();
        let totals = totals
            .iter()
            .map(|(referral, (all, counted, paid, pending))| {
                (
                    (*referral).to_owned(),
                    json!([all, counted, paid.to_string(), pending.to_string()]),
                )
            });
        let rows =
            |sums: BTreeMap<String, Sum>| object(sums.into_iter().map(|(of, sum)| (of, sum.row())));
        let owned = |(address, row): (&&str, &Value)| ((*address).to_owned(), row.clone());
        let conversions = self
            .made
            .iter()
            .map(|(address, made)| ((*address).to_owned(), made.row()));
        [
            ("conversions", object(conversions)),
            ("paid", list(self.paid)),
            ("cancelled", list(self.cancelled)),
            ("referrals", object(self.referrals.iter().map(owned))),
            ("referral_totals", object(totals)),
            ("days", rows(days)),
            ("ranks", rows(ranks)),
            (
                "boards",
                object(
                    boards
                        .iter()
                        .map(|(of, who)| (of.clone(), json!(who.len()))),
                ),
            ),
            ("maturing", object(maturing.iter().map(owned))),
            ("badges", list(badges)),
            ("kept for undoing what is final", json!(0)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

/// As Postgres aggregates: nothing is NULL.
fn object(entries: impl Iterator<Item = (String, Value)>) -> Value {
    let entries: serde_json::Map<_, _> = entries.collect();
    if entries.is_empty() {
        Value::Null
    } else {
        entries.into()
    }
}

fn list(entries: Vec<Value>) -> Value {
    if entries.is_empty() {
        Value::Null
    } else {
        entries.into()
    }
}

/// The periods of leaderboards that a time is in: all, its year, quarter, month and ISO week.
fn periods(at: OffsetDateTime) -> [String; 5] {
    let (year, month) = (at.year(), u8::from(at.month()));
    let (of_week, week, _) = at.to_iso_week_date();
    [
        String::new(),
        format!("{year:04}"),
        format!("{year:04}-Q{}", month.div_ceil(3)),
        format!("{year:04}-{month:02}"),
        format!("{of_week:04}-W{week:02}"),
    ]
}
