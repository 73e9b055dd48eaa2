//! Leaderboards, from conversions alone that are final and can no longer be cancelled.
//!
//! They are read from kept totals, in the order of an index, and ranks from the kept parts of
//! leaderboards: a page and a rank take about the same time at any depth. `migrations/0024` says how
//! parts are kept.

use sqlx::{Executor as _, PgConnection, PgPool, types::BigDecimal};

use crate::{Error, amount::sum_from_numeric};

/// A leaderboard.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Board {
    /// Address of the campaign; `None` for all of them.
    pub campaign: Option<String>,
    /// The period (UTC): 2026, 2026-Q2, 2026-05 or 2026-W21 (ISO 8601); empty for all time.
    pub period: String,
    /// Its order.
    pub measure: Measure,
}

/// What a leaderboard is sorted by, the most first. Of equals, the one whose last conversion is
/// earlier comes first, then the smaller address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Measure {
    /// The number of conversions.
    Conversions,
    /// The referrer's rewards. Only campaigns have such a leaderboard, because different campaigns
    /// pay in different tokens.
    Rewards,
    /// The sum of the conversions' amounts. Only campaigns have such a leaderboard, because different
    /// campaigns state amounts in different units.
    Volume,
}

impl Measure {
    /// Its name in the mirror.
    fn name(self) -> &'static str {
        match self {
            Self::Conversions => "conversions",
            Self::Rewards => "rewards",
            Self::Volume => "volume",
        }
    }
}

/// One place on a leaderboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// From 1; no two entries share one.
    pub rank: i64,
    /// The referrer.
    pub wallet: String,
    /// Conversions within the period.
    pub conversions: i64,
    /// The referrer's rewards for them, in base units of the campaign's token; 0 over all campaigns.
    pub rewards: u128,
    /// The sum of their amounts, in the units of the campaign; 0 over all campaigns.
    pub volume: u128,
    /// Unix seconds of the last one of these conversions.
    pub last_converted_at: i64,
}

/// The place after which a page begins.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct After {
    /// The order of the leaderboard: conversions, rewards or volume.
    pub value: u128,
    /// Unix seconds of the last conversion.
    pub last_converted_at: i64,
    /// The wallet.
    pub wallet: String,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Start {
    /// At the entry with this rank, from 1.
    Rank(i64),
    /// After this place, whether somebody has it or not.
    After(After),
}

/// A page of a leaderboard. All of it is of the same moment.
#[derive(Debug, Clone)]
pub struct Leaderboard {
    /// The entries, in order.
    pub entries: Vec<Entry>,
    /// How many referrers have a rank.
    pub total_entries: i64,
    /// The entry of the requested wallet; `None` when it has no rank.
    pub own: Option<Entry>,
    /// Everything that counts at this slot is counted.
    pub as_of_slot: Option<i64>,
    /// Unix seconds of the chain's clock: what no longer can be cancelled at this time is counted, and
    /// nothing else. It is later than the clock of `as_of_slot` while very many mature together.
    pub as_of_time: Option<i64>,
}

/// At most `limit` entries from `start` on, and the entry of `wallet`.
///
/// # Errors
/// See [`Error`].
pub async fn page(
    pool: &PgPool,
    board: &Board,
    start: &Start,
    limit: i64,
    wallet: Option<&str>,
) -> Result<Leaderboard, Error> {
    let mut transaction = pool.begin().await?;
    // All queries see the same moment.
    transaction
        .execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await?;
    let head = sqlx::query!(
        r#"SELECT ranked_slot, final_time, COALESCE((
               SELECT referrers FROM boards WHERE campaign = $1 AND period = $2
           ), 0) AS "total!"
           FROM indexer_state"#,
        board.campaign(),
        board.period,
    )
    .fetch_one(&mut *transaction)
    .await?;
    let mut found = Leaderboard {
        entries: Vec::new(),
        total_entries: head.total,
        own: None,
        as_of_slot: head.ranked_slot,
        as_of_time: head.final_time,
    };
    if board.campaign.is_none() && board.measure != Measure::Conversions {
        return Ok(Leaderboard {
            total_entries: 0,
            ..found
        });
    }
    found.entries = entries(&mut transaction, board, start, limit).await?;
    if let Some(wallet) = wallet {
        found.own = own(&mut transaction, board, wallet).await?;
    }
    transaction.commit().await?;
    Ok(found)
}

/// A place in the order of an index: see `board_places`.
struct Place {
    score: BigDecimal,
    last_converted_at: i64,
    referrer: String,
}

impl From<&After> for Place {
    fn from(after: &After) -> Self {
        Self {
            score: -BigDecimal::from(after.value),
            last_converted_at: after.last_converted_at,
            referrer: after.wallet.clone(),
        }
    }
}

impl Board {
    fn campaign(&self) -> &str {
        self.campaign.as_deref().unwrap_or_default()
    }
}

async fn entries(
    connection: &mut PgConnection,
    board: &Board,
    start: &Start,
    limit: i64,
) -> Result<Vec<Entry>, Error> {
    // The place from which the index is read, how many entries are passed over, and the first rank.
    let (from, skipped, rank) = match start {
        Start::Rank(rank) => {
            let (from, before) = part_of(&mut *connection, board, *rank).await?;
            (from, rank - 1 - before, *rank)
        }
        Start::After(after) => {
            let from = Place::from(after);
            let (before, upto) = count(&mut *connection, board, &from).await?;
            (from, upto - before, upto + 1)
        }
    };
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT referrer AS "referrer!", conversions AS "conversions!", rewards AS "rewards!",
                  volume AS "volume!", last_converted_at AS "last_converted_at!"
           FROM board_places
           WHERE campaign = $1 AND period = $2 AND measure = $3
             AND (score, last_converted_at, referrer) >= ($4, $5, $6)
           ORDER BY score, last_converted_at, referrer OFFSET $7 LIMIT $8"#,
        board.campaign(),
        board.period,
        board.measure.name(),
        from.score,
        from.last_converted_at,
        from.referrer,
        skipped,
        limit,
    )
    .fetch_all(connection)
    .await?;
    (rank..)
        .zip(rows)
        .map(|(rank, row)| row.entry(rank))
        .collect()
}

async fn own(
    connection: &mut PgConnection,
    board: &Board,
    wallet: &str,
) -> Result<Option<Entry>, Error> {
    let row = sqlx::query_as!(
        Row,
        "SELECT referrer, conversions, rewards, volume, last_converted_at FROM referrer_totals
         WHERE campaign = $1 AND period = $2 AND referrer = $3",
        board.campaign(),
        board.period,
        wallet,
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let place = Place {
        score: -match board.measure {
            Measure::Conversions => BigDecimal::from(row.conversions),
            Measure::Rewards => row.rewards.clone(),
            Measure::Volume => row.volume.clone(),
        },
        last_converted_at: row.last_converted_at,
        referrer: row.referrer.clone(),
    };
    let (before, _) = count(connection, board, &place).await?;
    Ok(Some(row.entry(before + 1)?))
}

/// How many entries come before a place, and how many come before it or have it. Adds up the parts
/// before the place's own part, and counts within that.
async fn count(
    connection: &mut PgConnection,
    board: &Board,
    place: &Place,
) -> Result<(i64, i64), Error> {
    let row = sqlx::query!(
        r#"WITH part AS (
               SELECT score, last_converted_at, referrer, entries FROM board_fences
               WHERE campaign = $1 AND period = $2 AND measure = $3
                 AND (score, last_converted_at, referrer) <= ($4, $5, $6)
               ORDER BY score DESC, last_converted_at DESC, referrer DESC LIMIT 1
           ), earlier AS (
               SELECT COALESCE(sum(entries), 0)::bigint AS entries FROM board_fences
               WHERE campaign = $1 AND period = $2 AND measure = $3
                 AND (score, last_converted_at, referrer) < (
                     (SELECT score FROM part), (SELECT last_converted_at FROM part),
                     (SELECT referrer FROM part))
           ), within AS (
               SELECT score, last_converted_at, referrer FROM board_places
               WHERE campaign = $1 AND period = $2 AND measure = $3
                 AND (score, last_converted_at, referrer) >= (
                     -- A leaderboard without parts is one.
                     COALESCE((SELECT score FROM part), -1e39),
                     COALESCE((SELECT last_converted_at FROM part), 0),
                     COALESCE((SELECT referrer FROM part), ''))
               ORDER BY score, last_converted_at, referrer
               -- The second row comparison would end the scan of the index late: it reads all
               -- entries with the place's score.
               LIMIT (SELECT entries FROM part)
           )
           SELECT (SELECT entries FROM earlier) + count(*) FILTER (
                      WHERE (score, last_converted_at, referrer) < ($4, $5, $6)) AS "before!",
                  (SELECT entries FROM earlier) + count(*) FILTER (
                      WHERE (score, last_converted_at, referrer) <= ($4, $5, $6)) AS "upto!"
           FROM within"#,
        board.campaign(),
        board.period,
        board.measure.name(),
        place.score,
        place.last_converted_at,
        place.referrer,
    )
    .fetch_one(connection)
    .await?;
    Ok((row.before, row.upto))
}

/// The place at which the part with this rank begins, and how many entries come before that.
async fn part_of(
    connection: &mut PgConnection,
    board: &Board,
    rank: i64,
) -> Result<(Place, i64), Error> {
    let row = sqlx::query!(
        r#"SELECT score, last_converted_at, referrer, before AS "before!" FROM (
               SELECT score, last_converted_at, referrer,
                      (sum(entries) OVER (ORDER BY score, last_converted_at, referrer)
                          - entries)::bigint AS before
               FROM board_fences WHERE campaign = $1 AND period = $2 AND measure = $3
           ) AS part
           WHERE before < $4
           ORDER BY score DESC, last_converted_at DESC, referrer DESC LIMIT 1"#,
        board.campaign(),
        board.period,
        board.measure.name(),
        rank,
    )
    .fetch_optional(connection)
    .await?;
    Ok(match row {
        Some(row) => (
            Place {
                score: row.score,
                last_converted_at: row.last_converted_at,
                referrer: row.referrer,
            },
            row.before,
        ),
        // A leaderboard without parts begins before every entry.
        None => (
            Place {
                score: BigDecimal::new((-1).into(), -39),
                last_converted_at: 0,
                referrer: String::new(),
            },
            0,
        ),
    })
}

struct Row {
    referrer: String,
    conversions: i64,
    rewards: BigDecimal,
    volume: BigDecimal,
    last_converted_at: i64,
}

impl Row {
    fn entry(self, rank: i64) -> Result<Entry, Error> {
        Ok(Entry {
            rank,
            rewards: sum_from_numeric(&self.rewards)?,
            volume: sum_from_numeric(&self.volume)?,
            wallet: self.referrer,
            conversions: self.conversions,
            last_converted_at: self.last_converted_at,
        })
    }
}
