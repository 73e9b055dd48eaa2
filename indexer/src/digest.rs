//! Computes digests from the list of conversions, beside the live stream.
//!
//! `docs/digest.md` documents them. A failure is told and tried again; it holds nothing up.

use std::time::{Duration, Instant};

use solana_sdk::{pubkey::Pubkey, signature::Signature};
use tokio::time::{MissedTickBehavior, interval};
use vouch_audit::{Builder, Conversion, Digest, Head, Payment, Row};
use vouch_db::{
    PgPool,
    digest::{self, Rows, Snapshot},
};
use vouch_replay::Part;

use crate::{failure::Failure, health::gauge};

/// Transactions whose rows are in memory.
const STEP: i64 = 2048;

/// Time until the first digest is tried again while nothing is final.
const FIRST: Duration = Duration::from_secs(10);

/// Computes a digest as soon as something is final and then every so often, if there are new final
/// transactions. Keeps them for some days.
pub(crate) async fn run(pool: PgPool, every: Duration, days: u16) {
    let mut pace = interval(every);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first one is always computed: somebody may have repaired the database since the stored one.
    let mut last = None;
    loop {
        pace.tick().await;
        let began = Instant::now();
        match compute(&pool, last).await {
            Ok(None) if last.is_none() => pace.reset_after(FIRST.min(every)),
            Ok(None) => {}
            Ok(Some(digest)) => {
                let head = digest.head;
                gauge("vouch_indexer_digest_slot", head.slot);
                metrics::histogram!("vouch_indexer_digest_seconds")
                    .record(began.elapsed().as_secs_f64());
                tracing::info!(
                    slot = head.slot,
                    transactions = head.seq,
                    "computed a digest"
                );
                last = Some(head.seq);
                if let Err(error) = digest::thin(&pool, days.into()).await {
                    tracing::warn!("old digests were not deleted: {error}");
                }
            }
            Err(failure) => {
                metrics::counter!("vouch_indexer_digests_failed_total").increment(1);
                tracing::error!("no digest was computed: {failure}");
            }
        }
    }
}

/// Computes and stores the digest of this moment, unless it is that of transaction `last`.
async fn compute(pool: &PgPool, last: Option<u64>) -> Result<Option<Digest>, Failure> {
    let Some(mut snapshot) = Snapshot::new(pool).await? else {
        return Ok(None);
    };
    let head = head(snapshot.head())?;
    if last == Some(head.seq) {
        return Ok(None);
    }
    let upto = snapshot.head().seq;
    let mut builder = Builder::new(head);
    // A row of no transaction belongs to the first bucket.
    let mut after = i64::MIN;
    let mut next = STEP;
    while after < upto {
        let step = next.min(upto);
        for row in sorted(snapshot.rows(after, step).await?)? {
            builder
                .push(&row)
                .map_err(|error| Failure::Corrupt(format!("{row:?}: {error}")))?;
        }
        after = step;
        next = step.saturating_add(STEP);
    }
    let digest = builder.finish();
    digest::store(pool, &stored(&digest, snapshot.head())).await?;
    Ok(Some(digest))
}

fn head(head: &digest::Head) -> Result<Head, Failure> {
    let signature: Signature = head
        .signature
        .parse()
        .map_err(|error| unreadable(&head.signature, error))?;
    Ok(Head {
        genesis_hash: address(&head.genesis_hash)?,
        slot: number(head.slot)?,
        seq: number(head.seq)?,
        signature: signature.into(),
        time: head.time,
    })
}

fn stored(digest: &Digest, head: &digest::Head) -> digest::Digest {
    digest::Digest {
        head: head.clone(),
        bucket_size: i64::try_from(digest.bucket_size).unwrap_or(i64::MAX),
        conversions: i64::try_from(digest.conversions).unwrap_or(i64::MAX),
        rewards: digest.rewards,
        paid: digest.paid,
        root: digest.root().to_vec(),
        buckets: digest.buckets.concat(),
    }
}

/// The rows in the order of a digest, which differs from that of base58.
fn sorted(rows: Rows) -> Result<Vec<Row>, Failure> {
    let conversions = rows.conversions.into_iter().map(|row| {
        Ok(Row::Conversion(Conversion {
            seq: number(row.seq)?,
            conversion: address(&row.conversion)?,
            campaign: address(&row.campaign)?,
            referral: address(&row.referral)?,
            referrer: address(&row.referrer)?,
            partner: row.partner.as_deref().map(address).transpose()?,
            referee: address(&row.referee)?,
            amount: row.amount.into(),
            reward_referrer: row.reward_referrer.into(),
            reward_referee: row.reward_referee.into(),
            reward_partner: row.reward_partner.into(),
            converted_at: row.converted_at,
            matures_at: row.matures_at,
        }))
    });
    let payments = rows.payments.into_iter().map(|row| {
        Ok(Row::Payment(Payment {
            seq: number(row.seq)?,
            conversion: address(&row.conversion)?,
            part: match row.part.as_str() {
                "referrer" => Part::Referrer,
                "referee" => Part::Referee,
                "partner" => Part::Partner,
                other => return Err(unreadable(other, "it is no part of a reward")),
            },
            recipient: address(&row.recipient)?,
            units: row.units.into(),
        }))
    });
    let mut rows = conversions
        .chain(payments)
        .collect::<Result<Vec<_>, Failure>>()?;
    rows.sort_by_cached_key(Row::encode);
    Ok(rows)
}

fn address(text: &str) -> Result<Pubkey, Failure> {
    text.parse().map_err(|error| unreadable(text, error))
}

fn number(number: i64) -> Result<u64, Failure> {
    u64::try_from(number).map_err(|error| unreadable(&number.to_string(), error))
}

fn unreadable(what: &str, error: impl std::fmt::Display) -> Failure {
    Failure::Corrupt(format!("{what}: {error}"))
}
