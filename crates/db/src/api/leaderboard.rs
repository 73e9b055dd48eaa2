//! Leaderboards, from conversions alone that are final and can no longer be cancelled.
//!
//! They are read from kept totals, in the order of an index, and ranks from the kept parts of
//! leaderboards: a page and a rank take about the same time at any depth. `migrations/0024` says how
//! parts are kept.

mod earlier;

use sqlx::{Executor as _, PgConnection, PgPool, Postgres, Transaction, types::BigDecimal};
use time::Date;

use super::choices::{self, Kind};
use crate::{Error, amount::sum_from_numeric};

/// Entries before and after the own one.
const NEIGHBOURS: i64 = 2;
/// Seconds within which the ranks of a day earlier have to be: two days.
const OLDEST_EARLIER: i64 = 2 * 86_400;

/// A leaderboard.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Board {
    /// Address of the campaign, or the key of a [group](group_key) over all of them; `None` for all
    /// referrers over all of them.
    pub campaign: Option<String>,
    /// The period (UTC): 2026, 2026-Q2, 2026-05 or 2026-W21 (ISO 8601); empty for all time.
    pub period: String,
    /// Its order.
    pub measure: Measure,
}

/// The measure by which a leaderboard is sorted, the most first. Of equals, the one whose last conversion is
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
    /// The rank that the wallet had at [`Leaderboard::earlier_time`]; `None` if it had none, or if nobody
    /// knows.
    pub earlier_rank: Option<i64>,
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
    /// That entry with at most two before it and two after it, in order; empty without it.
    pub neighbours: Vec<Entry>,
    /// Unix seconds of the chain's clock, about a day before `as_of_time`: earlier ranks are of this
    /// time. `None` while the mirror has not caught up with it, if the period began later, and when it has
    /// been over for a day.
    pub earlier_time: Option<i64>,
    /// Everything that counts at this slot is counted.
    pub as_of_slot: Option<i64>,
    /// Unix seconds of the chain's clock: what no longer can be cancelled at this time is counted, and
    /// nothing else, but for some of those of the next second while very many mature in it. It is later than
    /// the clock of `as_of_slot` while very many mature together.
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
    read(pool, board, start, limit, wallet, true).await
}

/// Like [`page`], without earlier ranks, as if nobody knew them. They cost most of a page: up to one part
/// of the leaderboard for each entry.
///
/// # Errors
/// See [`Error`].
pub async fn page_without_changes(
    pool: &PgPool,
    board: &Board,
    start: &Start,
    limit: i64,
    wallet: Option<&str>,
) -> Result<Leaderboard, Error> {
    read(pool, board, start, limit, wallet, false).await
}

async fn read(
    pool: &PgPool,
    board: &Board,
    start: &Start,
    limit: i64,
    wallet: Option<&str>,
    compares: bool,
) -> Result<Leaderboard, Error> {
    let mut transaction = snapshot(pool).await?;
    let mut found = head(&mut transaction, board).await?;
    if !board.is_of_campaign() && board.measure != Measure::Conversions {
        return Ok(Leaderboard {
            total_entries: 0,
            ..found
        });
    }
    found.entries = entries(&mut transaction, board, start, limit).await?;
    if let Some(wallet) = wallet {
        found.own = own(&mut transaction, board, wallet).await?;
    }
    if let Some(own) = &found.own {
        let first = Start::Rank((own.rank - NEIGHBOURS).max(1));
        let last = own.rank + NEIGHBOURS;
        found.neighbours = entries(&mut transaction, board, &first, 2 * NEIGHBOURS + 1).await?;
        found.neighbours.retain(|entry| entry.rank <= last);
    }
    if !compares {
        found.earlier_time = None;
    }
    earlier::compare(&mut transaction, board, &mut found).await?;
    transaction.commit().await?;
    Ok(found)
}

/// The entry of one wallet on a leaderboard.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The category or the region; `None` among all referrers.
    pub group: Option<String>,
    /// Its entry, and how many there are. No others.
    pub board: Leaderboard,
}

/// The entries of a wallet by conversions over all campaigns: among all referrers, in its category
/// and in its region, of those that it has on `today`, a day in UTC. All are of the same moment.
///
/// # Errors
/// See [`Error`].
pub async fn standings(
    pool: &PgPool,
    period: &str,
    wallet: &str,
    today: Date,
) -> Result<[Option<Standing>; 3], Error> {
    let mut transaction = snapshot(pool).await?;
    let groups = choices::begun(&mut transaction, wallet, today).await?;
    let mut standings = [None, None, None];
    let keys = [None, Some(Kind::Category), Some(Kind::Region)];
    for (standing, kind) in standings.iter_mut().zip(keys) {
        let group = match kind {
            None => None,
            Some(kind) => match groups.iter().find(|(of, _)| *of == kind) {
                Some((_, value)) => Some(value.clone()),
                None => continue,
            },
        };
        let board = Board {
            campaign: kind
                .zip(group.as_deref())
                .map(|(kind, value)| group_key(kind, value)),
            period: period.to_owned(),
            measure: Measure::Conversions,
        };
        let mut found = head(&mut transaction, &board).await?;
        found.own = own(&mut transaction, &board, wallet).await?;
        earlier::compare(&mut transaction, &board, &mut found).await?;
        *standing = Some(Standing {
            group,
            board: found,
        });
    }
    transaction.commit().await?;
    Ok(standings)
}

/// A transaction whose queries see the same moment.
async fn snapshot(pool: &PgPool) -> Result<Transaction<'static, Postgres>, Error> {
    let mut transaction = pool.begin().await?;
    transaction
        .execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await?;
    Ok(transaction)
}

/// A leaderboard without its entries.
async fn head(connection: &mut PgConnection, board: &Board) -> Result<Leaderboard, Error> {
    let head = sqlx::query!(
        r#"SELECT ranked_slot,
                  -- Within a second that counts in steps, all of the one before counts.
                  final_time - (final_address < '~')::integer AS final_time,
                  CASE WHEN earlier_time >= final_time - $3 AND earlier_address = '~'
                            AND NOT is_earlier_and_over('@' || $2, final_time)
                       THEN earlier_time END AS earlier_time,
                  COALESCE((
                      SELECT referrers FROM boards WHERE campaign = $1 AND period = $2
                  ), 0) AS "total!"
           FROM indexer_state"#,
        board.campaign(),
        board.period,
        OLDEST_EARLIER,
    )
    .fetch_one(connection)
    .await?;
    Ok(Leaderboard {
        entries: Vec::new(),
        total_entries: head.total,
        own: None,
        neighbours: Vec::new(),
        // Before the period began, nobody could have a rank.
        earlier_time: head
            .earlier_time
            .filter(|time| earlier::starts_at(&board.period).is_none_or(|start| start <= *time)),
        as_of_slot: head.ranked_slot,
        as_of_time: head.final_time,
    })
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

    /// Whether it is of one campaign, so that its amounts are of one unit. Keys of groups sort before
    /// every address.
    fn is_of_campaign(&self) -> bool {
        self.campaign() >= "1"
    }
}

/// The text that stands for the campaign in the leaderboard of a category or a region.
#[must_use]
pub fn group_key(kind: Kind, value: &str) -> String {
    format!("#{}/{value}", kind.name())
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
            earlier_rank: None,
        })
    }
}
