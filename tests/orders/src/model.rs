//! The rows that the mirror has to hold, from the journal of the wallets alone.
//!
//! The model goes through the transactions that the mirror holds, and adds up what their senders know of
//! them. It shares no code with the mirror, and keeps no state between two looks.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use sqlx::PgPool;
use time::OffsetDateTime;

use crate::{
    chain::{Chain, View},
    recording::{Conversion, Effect},
};

/// Conversions that earn a badge.
const MILESTONES: [u64; 6] = [1, 5, 10, 25, 50, 100];

/// Everything in the mirror, as one value of one moment.
const MIRROR: &str = "
SELECT json_build_object(
    'state', (SELECT json_build_object(
        'confirmed_seq', confirmed_seq, 'final_seq', final_seq, 'final_time', final_time,
        'indexed_slot', indexed_slot, 'ranked_slot', ranked_slot, 'finalized_slot', (SELECT finalized_slot FROM finality))
        FROM indexer_state),
    'transactions', (SELECT json_agg(json_build_array(
        seq, signature, slot, block_time, succeeded) ORDER BY seq) FROM transactions),
    'conversions', (SELECT json_object_agg(address, json_build_array(
        seq, slot, campaign, referral, code, referrer, partner, referee, action, amount::text,
        reward_referrer::text, reward_referee::text, reward_partner::text, converted_at, matures_at,
        status, settled)) FROM conversions),
    'paid', (SELECT json_agg(json_build_array(
        seq, subject, detail->>'part', wallet, units::text) ORDER BY seq, place)
        FROM events WHERE kind = 'part_paid'),
    'cancelled', (SELECT json_agg(json_build_array(seq, subject) ORDER BY seq, place)
        FROM events WHERE kind = 'conversion_cancelled'),
    'referrals', (SELECT json_object_agg(address, json_build_array(
        campaign, code, owner, suspended, closed)) FROM referrals),
    'referral_totals', (SELECT json_object_agg(referral, json_build_array(
        conversions, conversions_final, rewards_paid::text, rewards_pending::text))
        FROM referral_totals
        WHERE conversions <> 0 OR conversions_final <> 0 OR rewards_paid <> 0 OR rewards_pending <> 0),
    'days', (SELECT json_object_agg(concat_ws(' ', campaign, referrer, day), json_build_array(
        conversions, rewards::text, last_converted_at, volume::text)) FROM referrer_daily),
    'ranks', (SELECT json_object_agg(concat_ws(' ', campaign, referrer, period), json_build_array(
        conversions, rewards::text, last_converted_at, volume::text)) FROM referrer_totals
        WHERE period NOT LIKE '@%'),
    'boards', (SELECT json_object_agg(concat_ws(' ', campaign, period), referrers) FROM boards
        WHERE period NOT LIKE '@%'),
    'maturing', (SELECT json_object_agg(conversion, json_build_array(
        seq, matures_at, campaign, converted_at)) FROM maturing),
    'badges', (SELECT json_agg(concat_ws(' ', campaign, referrer, badge)
        ORDER BY campaign, referrer, badge) FROM awards),
    'kept for undoing what is final', (SELECT count(*) FROM accounts_before, indexer_state
        WHERE seq <= final_seq)
)";

const ACCOUNTS: &str = "
SELECT json_object_agg(address, translate(encode(data, 'base64'), E'\\n', ''))
FROM accounts WHERE data IS NOT NULL";

/// How far the mirror is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) confirmed_seq: i64,
    pub(crate) final_seq: i64,
    pub(crate) final_time: Option<i64>,
    pub(crate) indexed_slot: Option<i64>,
    pub(crate) finalized_slot: Option<i64>,
    /// Everything that counts there counts.
    pub(crate) ranked_slot: Option<i64>,
}

/// A mirrored transaction.
struct Held {
    seq: i64,
    place: usize,
    slot: i64,
    block_time: i64,
}

/// The mirror as it was checked.
pub(crate) struct Checked {
    pub(crate) state: State,
    /// Place of the last transaction that the mirror holds.
    pub(crate) last: usize,
    /// The first thing that does not follow from the journal, if the mirror lacks a transaction that
    /// decides over later ones: the journal does not tell what those do without it.
    pub(crate) unexplained: Option<String>,
}

/// Reads the mirror, and fails unless everything in it follows from the transactions that it holds.
pub(crate) async fn check(chain: &Chain, pool: &PgPool) -> Result<Checked> {
    let mut mirror: Value = sqlx::query_scalar(MIRROR).fetch_one(pool).await?;
    let state = State::of(&mirror["state"]);
    let held = held(chain, &mirror["transactions"], &state)?;
    let last = held.iter().map(|held| held.place).max();
    let last = last.unwrap_or_default();
    let mut model = Model::new(&state);
    for held in &held {
        for effect in &chain.recording.transactions[held.place].effects {
            model.apply(held, effect)?;
        }
    }
    for (name, expected) in model.finish() {
        let found = mirror[&name].take();
        if found != expected {
            let unexplained = format!("{name}: {}", difference(&found, &expected));
            let lacking = lacks(chain, &held);
            ensure!(!lacking.is_empty(), "{unexplained}");
            return Ok(Checked {
                unexplained: Some(format!("{unexplained}, without {lacking:?}")),
                state,
                last,
            });
        }
    }
    Ok(Checked {
        unexplained: None,
        state,
        last,
    })
}

/// Places of the transactions that are missing and decide over later ones which are there.
fn lacks(chain: &Chain, held: &[Held]) -> Vec<usize> {
    let places: BTreeSet<usize> = held.iter().map(|held| held.place).collect();
    let last = places.last().copied().unwrap_or_default();
    (0..last)
        .filter(|place| !places.contains(place) && chain.decides(*place))
        .collect()
}

/// Fails unless what the mirror calls final is the beginning of the chain, and complete up to its
/// `finalized_slot`, and everything counts that counts at its `ranked_slot`. Nothing may be final that is not so on the chain.
pub(crate) async fn check_finality(
    chain: &Chain,
    pool: &PgPool,
    state: &State,
    told: &View,
) -> Result<()> {
    let signatures: Vec<String> =
        sqlx::query_scalar("SELECT signature FROM transactions WHERE seq <= $1 ORDER BY seq")
            .bind(state.final_seq)
            .fetch_all(pool)
            .await?;
    for (place, signature) in signatures.iter().enumerate() {
        ensure!(
            chain.places.get(signature) == Some(&place),
            "the final transaction {} is {signature}, which is not the chain's",
            place + 1
        );
    }
    ensure!(
        signatures.len() <= told.finalized,
        "more is final than on the chain"
    );
    if let Some(slot) = state.finalized_slot {
        let slot = u64::try_from(slot)?;
        ensure!(
            slot <= told.finalized_slot,
            "finalized_slot {slot} is above the chain's {}",
            told.finalized_slot
        );
        let complete = chain
            .recording
            .transactions
            .partition_point(|it| it.slot <= slot);
        ensure!(
            complete <= signatures.len(),
            "finalized_slot is {slot}, and {} of {complete} transactions up to it are mirrored as final",
            signatures.len()
        );
    }
    if let Some(ranked) = state.ranked_slot {
        ensure!(
            Some(ranked) <= state.finalized_slot,
            "ranked_slot {ranked} is above finalized_slot {:?}",
            state.finalized_slot
        );
        // [`check`] compares those that count by the time of the mirror.
        let time = chain.time(u64::try_from(ranked)?);
        ensure!(
            state.final_time >= time,
            "ranked_slot is {ranked}, of {time:?}, but conversions count up to {:?}",
            state.final_time
        );
    }
    Ok(())
}

/// Fails unless the accounts are those of the chain's end, byte by byte.
pub(crate) async fn check_accounts(chain: &Chain, pool: &PgPool) -> Result<()> {
    let found: Value = sqlx::query_scalar(ACCOUNTS).fetch_one(pool).await?;
    let expected = json!(chain.recording.accounts);
    ensure!(
        found == expected,
        "accounts: {}",
        difference(&found, &expected)
    );
    Ok(())
}

impl State {
    fn of(value: &Value) -> Self {
        Self {
            confirmed_seq: value["confirmed_seq"].as_i64().unwrap_or_default(),
            final_seq: value["final_seq"].as_i64().unwrap_or_default(),
            final_time: value["final_time"].as_i64(),
            indexed_slot: value["indexed_slot"].as_i64(),
            finalized_slot: value["finalized_slot"].as_i64(),
            ranked_slot: value["ranked_slot"].as_i64(),
        }
    }

    /// Fails if anything went back that must not (M8).
    pub(crate) fn follows(&self, before: &Self) -> Result<()> {
        ensure!(self.final_seq >= before.final_seq, "final_seq went back");
        ensure!(self.final_time >= before.final_time, "final_time went back");
        ensure!(
            self.indexed_slot >= before.indexed_slot,
            "indexed_slot went back"
        );
        ensure!(
            self.finalized_slot >= before.finalized_slot,
            "finalized_slot went back"
        );
        ensure!(
            self.ranked_slot >= before.ranked_slot,
            "ranked_slot went back"
        );
        Ok(())
    }
}

fn held(chain: &Chain, rows: &Value, state: &State) -> Result<Vec<Held>> {
    let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
    ensure!(
        i64::try_from(rows.len()) == Ok(state.confirmed_seq),
        "{} transactions, and confirmed_seq {}",
        rows.len(),
        state.confirmed_seq
    );
    let mut all = Vec::new();
    let mut seen = BTreeSet::new();
    for (seq, row) in (1_i64..).zip(rows) {
        ensure!(row[0] == seq, "number {seq} is missing");
        let signature = row[1].as_str().context("a signature")?;
        let place = *chain
            .places
            .get(signature)
            .with_context(|| format!("{signature} was made up"))?;
        ensure!(seen.insert(place), "{signature} is there twice");
        let recorded = &chain.recording.transactions[place];
        ensure!(
            row[4] == recorded.answer["meta"]["err"].is_null(),
            "{signature} succeeded, or did not"
        );
        let slot = row[2].as_i64().context("a slot")?;
        let block_time = row[3].as_i64().context("a time")?;
        if seq <= state.final_seq {
            let is_recorded =
                u64::try_from(slot) == Ok(recorded.slot) && block_time == recorded.block_time;
            ensure!(
                is_recorded,
                "{signature} is final in slot {slot} at {block_time}"
            );
        }
        all.push(Held {
            seq,
            place,
            slot,
            block_time,
        });
    }
    Ok(all)
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

struct Model<'a> {
    state: &'a State,
    made: BTreeMap<&'a str, Made<'a>>,
    referrals: BTreeMap<&'a str, Value>,
    paid: Vec<Value>,
    cancelled: Vec<Value>,
}

impl<'a> Model<'a> {
    fn new(state: &'a State) -> Self {
        Self {
            state,
            made: BTreeMap::new(),
            referrals: BTreeMap::new(),
            paid: Vec::new(),
            cancelled: Vec::new(),
        }
    }

    fn apply(&mut self, held: &Held, effect: &'a Effect) -> Result<()> {
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
        made.seq <= self.state.final_seq
            && !made.cancelled
            && self
                .state
                .final_time
                .is_some_and(|time| made.matures_at() <= time)
    }

    fn finish(self) -> Vec<(String, Value)> {
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

/// The first thing that differs, in words.
fn difference(found: &Value, expected: &Value) -> String {
    let keys = |value: &Value| -> BTreeMap<String, Value> {
        match value {
            Value::Object(entries) => entries
                .iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            Value::Array(entries) => entries
                .iter()
                .enumerate()
                .map(|(place, value)| (format!("{place:04}"), value.clone()))
                .collect(),
            Value::Null => BTreeMap::new(),
            other => BTreeMap::from([(String::new(), other.clone())]),
        }
    };
    let (found, expected) = (keys(found), keys(expected));
    let all: BTreeSet<_> = found.keys().chain(expected.keys()).collect();
    let differs = all
        .into_iter()
        .find(|key| found.get(*key) != expected.get(*key));
    differs.map_or_else(
        || "nothing".into(),
        |key| {
            let text =
                |value: Option<&Value>| value.map_or_else(|| "nothing".into(), ToString::to_string);
            format!(
                "{key} is {}, but should be {}",
                text(found.get(key)),
                text(expected.get(key))
            )
        },
    )
}

/// Fails unless the recording agrees with itself: the conversions that wallets know of are those that
/// the chain had at the end.
pub(crate) fn check_recording(chain: &Chain) -> Result<()> {
    use vouch_client::accounts::Account;
    let effects = chain
        .recording
        .transactions
        .iter()
        .flat_map(|it| &it.effects);
    for effect in effects {
        let Effect::Converted(terms) = effect else {
            continue;
        };
        let data = chain
            .recording
            .accounts
            .get(&terms.address)
            .context("the account of a conversion")?;
        let data = BASE64_STANDARD.decode(data)?;
        let Account::Conversion(account) = Account::decode(&data)? else {
            bail!("{} is not a conversion", terms.address);
        };
        let rewards = [
            account.reward_referrer,
            account.reward_referee,
            account.reward_partner,
        ];
        ensure!(
            rewards == terms.rewards,
            "{}: {rewards:?}, but {:?}",
            terms.address,
            terms.rewards
        );
    }
    Ok(())
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
