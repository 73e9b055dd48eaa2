//! How fast the mirror writes final conversions, beside plain COPY of the same rows into the same
//! tables with the same indexes.
//!
//! usage: `cargo run --release --package vouch-db --example apply -- [CONVERSIONS] [SECONDS] [groups]`
//!
//! SECONDS lie between two conversions: with 60, most count for the leaderboards of a day earlier, too.
//! With `groups`, each referrer has a category and a region.
//!
//! It creates databases of its own on the server of `DATABASE_URL`, or on a private one. The rows
//! are made up; `crates/replay/examples/speed.rs` measures how they are computed.

use std::{collections::BTreeMap, env, fmt::Write as _, time::Instant};

use sqlx::{Connection, Executor, PgConnection, Row as _};
use vouch_db::mirror::{
    Account, Batch, Call, Conversion, Event, Final, Maturing, Referral, Status, TotalsMove,
    Transaction, Writer,
};
use vouch_localnet::Postgres;

/// Conversions in one batch, as the indexer has it.
const BATCH: i64 = 500;
const REFERRALS: i64 = 2_000;
const REWARD: u64 = 5_000_000;
/// 2026-01-01 00:00:00 UTC.
const START: i64 = 1_767_225_600;

#[tokio::main]
async fn main() {
    let count: i64 = env::args()
        .nth(1)
        .map_or(200_000, |count| count.parse().expect("a number"));
    let step: i64 = env::args()
        .nth(2)
        .map_or(1, |step| step.parse().expect("seconds"));
    let has_groups = env::args().nth(3).is_some_and(|last| last == "groups");
    let dir = tempfile::tempdir().expect("a folder");
    let postgres = Postgres::start(dir.path()).await.expect("Postgres");

    let written = postgres.create_database("apply").await.expect("a database");
    let pool = vouch_db::connect(written.url()).await.expect("a pool");
    vouch_db::migrate(&pool).await.expect("the schema");
    if has_groups {
        choose(&pool).await;
    }
    let mut writer = Writer::try_acquire(written.url())
        .await
        .expect("Postgres")
        .expect("nobody else writes");
    let start = Instant::now();
    let mut making = 0.0;
    for first in (0..count).step_by(usize::try_from(BATCH).expect("a size")) {
        let made = Instant::now();
        let batch = batch(first, count.min(first + BATCH), step);
        making += made.elapsed().as_secs_f64();
        let last = first + BATCH;
        let range = Final {
            seq: count.min(last),
            first_slot: first,
            last_slot: last - 1,
            time: Some(START + last * step),
            source: "bench".into(),
        };
        writer.write(&batch, Some(&range)).await.expect("written");
    }
    let apply = start.elapsed().as_secs_f64() - making;
    let mut connection = PgConnection::connect(written.url())
        .await
        .expect("Postgres");
    let sizes = sizes(&mut connection).await;

    let copied = postgres.create_database("copy").await.expect("a database");
    let pool = vouch_db::connect(copied.url()).await.expect("a pool");
    vouch_db::migrate(&pool).await.expect("the schema");
    let mut target = PgConnection::connect(copied.url()).await.expect("Postgres");
    let mut copy = 0.0;
    for table in [
        "transactions",
        "calls",
        "events",
        "accounts",
        "referrals",
        "conversions",
        "conversion_quarters",
        "referral_totals",
        "referrer_daily",
        "referrer_totals",
        "boards",
        "board_fences",
        "mint_totals",
        "short_links",
        "awards",
    ] {
        let mut rows = Vec::new();
        let mut out = connection
            .copy_out_raw(&format!("COPY {table} TO STDOUT"))
            .await
            .expect("rows");
        while let Some(chunk) = futures::TryStreamExt::try_next(&mut out)
            .await
            .expect("rows")
        {
            rows.extend_from_slice(&chunk);
        }
        drop(out);
        let start = Instant::now();
        let mut sink = target
            .copy_in_raw(&format!("COPY {table} FROM STDIN"))
            .await
            .expect("a copy");
        for chunk in rows.chunks(1 << 20) {
            sink.send(chunk).await.expect("sent");
        }
        sink.finish().await.expect("copied");
        copy += start.elapsed().as_secs_f64();
    }
    let conversions = f64::from(i32::try_from(count).expect("fewer"));
    println!("{sizes}");
    println!("apply: {:.0} conversions/s", conversions / apply);
    println!("copy:  {:.0} conversions/s", conversions / copy);
    println!("apply / copy: {:.2}", copy / apply);
}

/// Gives each referrer one of 16 categories and one of 26 regions.
async fn choose(pool: &sqlx::PgPool) {
    sqlx::query(
        "INSERT INTO referrer_choices (referrer, kind, from_day, value, chosen_at)
         SELECT owner, kind, '2026-01-01', CASE kind WHEN 'region' THEN 'A' || chr(64 + n % 26 + 1)
             ELSE (ARRAY['art', 'business', 'education', 'fashion', 'finance', 'food', 'gaming',
                 'health', 'home', 'media', 'music', 'science', 'society', 'software', 'sports',
                 'travel'])[n % 16 + 1] END, '2025-12-01'
         FROM UNNEST($1::text[]) WITH ORDINALITY AS owner (owner, ordinal),
              LATERAL (SELECT ordinal::integer AS n) AS number,
              (VALUES ('category'), ('region')) AS kinds (kind)",
    )
    .bind(
        (0..REFERRALS)
            .map(|owner| address('O', owner))
            .collect::<Vec<_>>(),
    )
    .execute(pool)
    .await
    .expect("choices");
}

async fn sizes(connection: &mut PgConnection) -> String {
    let mut text = String::new();
    let sql = "SELECT relname::text, n_live_tup, pg_total_relation_size(relid)
               FROM pg_stat_user_tables WHERE n_live_tup > 0 ORDER BY 3 DESC";
    connection.execute("ANALYZE").await.expect("statistics");
    for row in connection.fetch_all(sql).await.expect("sizes") {
        let (name, rows, bytes): (String, i64, i64) = (row.get(0), row.get(1), row.get(2));
        writeln!(text, "{name}: {rows} rows, {} MB", bytes >> 20).expect("text");
    }
    text
}

/// An address with this number, as long as a real one.
fn address(kind: char, number: i64) -> String {
    // The digits vary at the front, as those of real addresses do.
    let mixed = number.unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15);
    format!("{mixed:016x}{kind}{number:027}")
}

fn batch(first: i64, end: i64, step: i64) -> Batch {
    let mut batch = Batch::default();
    let mut referrals = BTreeMap::new();
    let mut totals: BTreeMap<String, TotalsMove> = BTreeMap::new();
    for number in first..end {
        let seq = number + 1;
        let (slot, time) = (number, START + number * step);
        let owner = number.wrapping_mul(7919) % REFERRALS;
        let (campaign, referral) = (address('C', owner % 10), address('R', owner));
        let (conversion, referee) = (address('V', number), address('W', number));
        batch.transactions.push(Transaction {
            seq,
            slot,
            block_index: Some(0),
            block_time: time,
            signature: format!("{}{}", address('S', number), address('T', number)),
            succeeded: true,
            failed_instruction: None,
            error_code: None,
        });
        batch.calls.push(Call {
            seq,
            instruction: 0,
            inner_index: -1,
            name: Some("convert".into()),
            campaign: Some(campaign.clone()),
            referral: Some(referral.clone()),
            conversion: Some(conversion.clone()),
            wallet: Some(referee.clone()),
        });
        batch.events.push(Event {
            seq,
            place: 0,
            kind: "conversion_recorded".into(),
            campaign: Some(campaign.clone()),
            referral: Some(referral.clone()),
            subject: Some(conversion.clone()),
            wallet: Some(referee.clone()),
            units: Some(REWARD.into()),
            detail: None,
        });
        batch.events.push(Event {
            seq,
            place: 1,
            kind: "part_paid".into(),
            campaign: None,
            referral: None,
            subject: Some(conversion.clone()),
            wallet: Some(address('O', owner)),
            units: Some(REWARD.into()),
            detail: Some(serde_json::json!({
                "part": "referrer", "account": address('A', owner), "claimed": false
            })),
        });
        batch.accounts.push(Account {
            doubt: None,
            address: conversion.clone(),
            data: Some(vec![7; 148]),
            seq,
            slot,
        });
        referrals.insert(owner, (campaign.clone(), seq));
        let moved = totals.entry(referral.clone()).or_default();
        moved.conversions += 1;
        moved.paid += i128::from(REWARD);
        batch.projections.maturing.push(Maturing {
            conversion: conversion.clone(),
            seq,
            matures_at: time,
            campaign: campaign.clone(),
            converted_at: time,
        });
        batch.projections.sales.push(Conversion {
            address: conversion,
            seq,
            slot,
            campaign,
            referral,
            code: format!("CODE{owner:04}"),
            referrer: address('O', owner),
            partner: None,
            referee,
            action: "signup".into(),
            amount: 1.into(),
            reference: None,
            reward_referrer: REWARD.into(),
            reward_referee: 0.into(),
            reward_partner: 0.into(),
            converted_at: time,
            matures_at: time,
            status: Status::Paid,
            settled: 7,
        });
    }
    for (owner, (campaign, seq)) in referrals {
        batch.accounts.push(Account {
            doubt: None,
            address: address('R', owner),
            data: Some(vec![9; 338]),
            seq,
            slot: seq,
        });
        batch.projections.referrals.push(Referral {
            address: address('R', owner),
            campaign,
            code: format!("CODE{owner:04}"),
            owner: address('O', owner),
            active: true,
            suspended: false,
            usage_limit: None,
            conversions: seq.unsigned_abs().into(),
            expires_at: None,
            created_at: START,
            closed: false,
            seq,
            slot: seq,
        });
    }
    batch.projections.totals = totals;
    batch
}
