//! Writes everything that follows from a run of transactions.

use std::collections::BTreeMap;

use sqlx::{PgConnection, types::BigDecimal};

use super::{
    copy::copy,
    finality::{self, Final},
    log, quarters,
    ranks::{self, Counted},
    rows::{
        Account, Before, Call, Campaign, Conversion, Event, Maturing, Referral, Settlement,
        TotalsMove, Transaction,
    },
};
use crate::Error;

/// The kind of the event that registers a code.
pub(super) const CODE_CREATED: &str = "code_created";

/// Everything that a run of transactions changes. Of accounts and their projections it holds the
/// state after the last one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// The transactions, in their order.
    pub transactions: Vec<Transaction>,
    /// Their calls of the program.
    pub calls: Vec<Call>,
    /// The events that the calls caused, in their order.
    pub events: Vec<Event>,
    /// The accounts that they changed.
    pub accounts: Vec<Account>,
    /// The accounts before each transaction; empty if the transactions are final.
    pub before: Vec<Before>,
    /// The changes of projections.
    pub projections: Projections,
}

/// Changes of projections and counters.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Projections {
    /// New and changed campaigns.
    pub campaigns: Vec<Campaign>,
    /// New and changed referrals.
    pub referrals: Vec<Referral>,
    /// New conversions.
    pub sales: Vec<Conversion>,
    /// Changes of older conversions.
    pub settlements: Vec<Settlement>,
    /// Conversions that will count for ranks when they are final and mature.
    pub maturing: Vec<Maturing>,
    /// Conversions that will not, after all.
    pub cancelled: Vec<String>,
    /// Differences of counters, by referral.
    pub totals: BTreeMap<String, TotalsMove>,
}

/// Writes the batch, and up to where it is final. At most `most` conversions begin to count for ranks. If
/// the mirror is `live`, badges are given and streams are told. The caller commits. Returns what counts from now on.
pub(super) async fn write(
    connection: &mut PgConnection,
    batch: &Batch,
    range: Option<&Final>,
    most: i64,
    live: bool,
) -> Result<Counted, Error> {
    write_rows(&mut *connection, batch).await?;
    let maturing = &batch.projections.maturing;
    let counted = match range {
        Some(range) => finality::write(&mut *connection, range, maturing, most, live).await?,
        None => {
            ranks::wait(&mut *connection, maturing).await?;
            Counted::default()
        }
    };
    if live {
        log::note(connection, log::Withdrawn::Nothing, &counted.campaigns()).await?;
    }
    Ok(counted)
}

async fn write_rows(connection: &mut PgConnection, batch: &Batch) -> Result<(), Error> {
    let Some(last) = batch.transactions.last() else {
        return Ok(());
    };
    // This row comes first, so that a lock on it keeps the writer out.
    sqlx::query!("UPDATE indexer_state SET confirmed_seq = $1", last.seq)
        .execute(&mut *connection)
        .await?;
    copy(&mut *connection, "transactions", &batch.transactions).await?;
    copy(&mut *connection, "calls", &batch.calls).await?;
    copy(&mut *connection, "events", &batch.events).await?;
    let created = batch.events.iter().filter(|it| it.kind == CODE_CREATED);
    let created: Vec<_> = created.cloned().collect();
    if !created.is_empty() {
        // The first registration of a code keeps its link.
        sqlx::query!(
            "INSERT INTO short_links
             SELECT DISTINCT ON (detail->>'code') detail->>'code', referral, campaign, seq, place
             FROM UNNEST($1::events[]) AS event
             ORDER BY detail->>'code', seq, place
             ON CONFLICT (code) DO NOTHING",
            &created as &[Event],
        )
        .execute(&mut *connection)
        .await?;
    }
    copy(&mut *connection, "accounts_before", &batch.before).await?;
    write_accounts(&mut *connection, &batch.accounts).await?;
    project(connection, &batch.projections).await
}

pub(super) async fn write_accounts(
    connection: &mut PgConnection,
    rows: &[Account],
) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO accounts SELECT * FROM UNNEST($1::accounts[])
         ON CONFLICT (address) DO UPDATE SET
             data = EXCLUDED.data, seq = EXCLUDED.seq, slot = EXCLUDED.slot,
             doubt = EXCLUDED.doubt",
        rows as &[Account],
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes the changes of projections and counters.
pub(super) async fn project(
    connection: &mut PgConnection,
    projections: &Projections,
) -> Result<(), Error> {
    let Projections {
        campaigns,
        referrals,
        sales,
        settlements,
        // The caller knows whether they wait.
        maturing: _,
        cancelled,
        totals,
    } = projections;
    if !campaigns.is_empty() {
        write_campaigns(&mut *connection, campaigns).await?;
    }
    if !referrals.is_empty() {
        write_referrals(&mut *connection, referrals).await?;
    }
    if !sales.is_empty() {
        copy(&mut *connection, "conversions", sales).await?;
        quarters::add(&mut *connection, sales).await?;
    }
    if !settlements.is_empty() {
        quarters::settle(&mut *connection, settlements).await?;
        settle(&mut *connection, settlements).await?;
    }
    if !cancelled.is_empty() {
        // The leader of their month may be known now, unless others wait, too.
        sqlx::query!(
            "WITH gone AS (
                 DELETE FROM maturing WHERE conversion = ANY($1) RETURNING campaign, converted_at
             )
             UPDATE boards AS board SET decide_at = ends_at FROM gone
             WHERE board.campaign = gone.campaign AND converted_at < ends_at
               AND decide_at > ends_at",
            cancelled,
        )
        .execute(&mut *connection)
        .await?;
    }
    count(connection, totals).await
}

async fn write_campaigns(connection: &mut PgConnection, rows: &[Campaign]) -> Result<(), Error> {
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
             ends_at = EXCLUDED.ends_at, created_at = EXCLUDED.created_at,
             data = EXCLUDED.data, seq = EXCLUDED.seq, slot = EXCLUDED.slot",
        rows as &[Campaign],
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn write_referrals(connection: &mut PgConnection, rows: &[Referral]) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO referrals SELECT * FROM UNNEST($1::referrals[])
         ON CONFLICT (address) DO UPDATE SET
             campaign = EXCLUDED.campaign, code = EXCLUDED.code, owner = EXCLUDED.owner,
             active = EXCLUDED.active, suspended = EXCLUDED.suspended,
             usage_limit = EXCLUDED.usage_limit, conversions = EXCLUDED.conversions,
             expires_at = EXCLUDED.expires_at, created_at = EXCLUDED.created_at,
             closed = EXCLUDED.closed, seq = EXCLUDED.seq, slot = EXCLUDED.slot",
        rows as &[Referral],
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn settle(connection: &mut PgConnection, rows: &[Settlement]) -> Result<(), Error> {
    let conversions: Vec<_> = rows.iter().map(|row| row.conversion.clone()).collect();
    let statuses: Vec<_> = rows
        .iter()
        .map(|row| row.status.as_str().to_owned())
        .collect();
    let settled: Vec<_> = rows.iter().map(|row| row.settled).collect();
    let done = sqlx::query!(
        "UPDATE conversions AS conversion SET status = changed.status, settled = changed.settled
         FROM UNNEST($1::text[], $2::text[], $3::smallint[]) AS changed (address, status, settled)
         WHERE conversion.address = changed.address",
        &conversions,
        &statuses,
        &settled,
    )
    .execute(connection)
    .await?;
    if usize::try_from(done.rows_affected()) == Ok(rows.len()) {
        Ok(())
    } else {
        Err(Error::Corrupt(
            "an account of a conversion that it does not have",
        ))
    }
}

async fn count(
    connection: &mut PgConnection,
    totals: &BTreeMap<String, TotalsMove>,
) -> Result<(), Error> {
    let moved = totals
        .iter()
        .filter(|(_, moved)| **moved != TotalsMove::default());
    let (mut referrals, mut conversions) = (Vec::new(), Vec::new());
    let (mut paid, mut pending): (Vec<BigDecimal>, Vec<BigDecimal>) = (Vec::new(), Vec::new());
    for (referral, moved) in moved {
        referrals.push(referral.clone());
        conversions.push(moved.conversions);
        paid.push(moved.paid.into());
        pending.push(moved.pending.into());
    }
    if referrals.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "WITH moved AS (
             SELECT * FROM UNNEST($1::text[], $2::bigint[], $3::numeric[], $4::numeric[])
                 AS moved (referral, conversions, paid, pending)
         ), counted AS (
             INSERT INTO referral_totals AS total
                 (referral, conversions, conversions_final, rewards_paid, rewards_pending)
             SELECT referral, conversions, 0, paid, pending FROM moved
             ON CONFLICT (referral) DO UPDATE SET
                 conversions = total.conversions + EXCLUDED.conversions,
                 rewards_paid = total.rewards_paid + EXCLUDED.rewards_paid,
                 rewards_pending = total.rewards_pending + EXCLUDED.rewards_pending
             RETURNING referral, conversions
         )
         INSERT INTO mint_totals AS total
         SELECT mint,
                sum((counted.conversions > 0)::integer
                    - (counted.conversions > moved.conversions)::integer),
                sum(moved.conversions), sum(paid), sum(pending)
         FROM moved JOIN counted USING (referral) JOIN referrals ON address = referral
              JOIN campaigns ON campaigns.address = campaign
         GROUP BY mint
         ON CONFLICT (mint) DO UPDATE SET
             codes = total.codes + EXCLUDED.codes,
             conversions = total.conversions + EXCLUDED.conversions,
             rewards_paid = total.rewards_paid + EXCLUDED.rewards_paid,
             rewards_pending = total.rewards_pending + EXCLUDED.rewards_pending",
        &referrals,
        &conversions,
        &paid,
        &pending,
    )
    .execute(connection)
    .await?;
    Ok(())
}
