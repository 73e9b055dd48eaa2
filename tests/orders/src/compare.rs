//! Holds the mirror against the model and the chain.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::{
    chain::{Chain, View},
    model::{Held, Model},
    recording::Effect,
};

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
    let mut model = Model::new(state.final_seq, state.final_time);
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
