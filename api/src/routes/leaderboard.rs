//! `/v1/leaderboard`: referrers ranked by conversions, rewards or volume.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use vouch_db::{
    PgPool,
    api::{
        choices::Kind,
        leaderboard::{self, After, Board, Leaderboard, Start, group_key},
    },
};

use crate::{
    cursor::Place,
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    extract::Query,
    groups::{Category, Region},
    schemas,
    state::{AppState, BoardKey},
    types::{Address, Limit, Measure, Period, timestamp},
};

/// Ranks that can be asked for: more than there can be.
const RANKS: std::ops::RangeInclusive<i64> = 1..=1 << 48;

/// Selects a leaderboard.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LeaderboardQuery {
    /// Address of a campaign; without it, over all campaigns.
    #[param(value_type = Option<schemas::Address>, inline)]
    campaign: Option<String>,
    /// Only conversions whose referrers had this category on their day, over all campaigns; not together
    /// with `campaign` or `region`.
    #[param(
        pattern = "^(art|business|education|fashion|finance|food|gaming|health|home|media|music|science|society|software|sports|travel)$"
    )]
    category: Option<String>,
    /// Only conversions whose referrers had this region (ISO 3166-1 alpha-2) on their day, over all
    /// campaigns; not together with `campaign` or `category`.
    #[param(value_type = Option<schemas::Region>, inline)]
    region: Option<String>,
    /// all, year, quarter, month or week: the current calendar period in UTC; all when absent.
    #[param(value_type = Option<Period>, inline)]
    period: Option<String>,
    /// conversions, rewards or volume (the sum of the amounts): what it is sorted by; conversions when
    /// absent. Only a campaign can be sorted by rewards or volume, because campaigns count them in
    /// different units.
    #[param(value_type = Option<Measure>, inline)]
    measure: Option<String>,
    /// How many, from 1 to 200; 50 when absent.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200)]
    limit: Option<String>,
    /// `next_cursor` of an earlier answer for the same leaderboard.
    #[param(value_type = Option<schemas::Cursor>, inline)]
    cursor: Option<String>,
    /// The rank at which the page begins, from 1; not together with `cursor`.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 281474976710656i64)]
    rank: Option<String>,
    /// A wallet whose own rank is wanted.
    #[param(value_type = Option<schemas::Address>, inline)]
    wallet: Option<String>,
}

/// A page of a leaderboard. Counts only conversions that are final and can no longer be
/// cancelled.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LeaderboardAnswer {
    period: Period,
    measure: Measure,
    entries: Vec<Entry>,
    /// How many referrers have a rank.
    total_entries: i64,
    /// The place of `wallet`; null when it was not asked for or has none.
    own: Option<Entry>,
    /// That place with at most two before it and two after it, in order; empty without it.
    neighbours: Vec<Entry>,
    /// Unix seconds of the chain's clock, about a day before `as_of_time`: `previous_rank` is of this
    /// time. Null while nobody knows, for example after an upgrade.
    compared_at: Option<i64>,
    /// Everything that counts at this slot is counted, in every number of this answer.
    as_of_slot: Option<i64>,
    /// Unix seconds of the chain's clock: conversions that can no longer be cancelled at this time are
    /// counted, and no others, but for some of those of the next second while very many end their holds in
    /// it. It is later than the clock at `as_of_slot` while very many conversions begin to count together.
    as_of_time: Option<i64>,
    /// For the next page; null on the last one.
    next_cursor: Option<String>,
}

/// A place on the leaderboard.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Entry {
    /// From 1; no two share one. As of `as_of_slot`, on every page.
    rank: i64,
    wallet: String,
    conversions: i64,
    /// Base units of the campaign's token as a decimal string; null over all campaigns, because
    /// amounts of different tokens are not added.
    rewards: Option<String>,
    /// The sum of the conversions' amounts in the campaign's units, as a decimal string; null over all
    /// campaigns.
    volume: Option<String>,
    /// RFC 3339.
    last_converted_at: Option<String>,
    /// The rank on the same leaderboard at `compared_at`; null if it had none, or if nobody knows.
    previous_rank: Option<i64>,
    /// `previous_rank` less `rank`: positive for who has risen. Null without `previous_rank`.
    change: Option<i64>,
    /// Null if nobody knows.
    trend: Option<Trend>,
}

/// The change of a rank since `compared_at`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Trend {
    /// It is nearer to the first.
    Up,
    /// It is further from the first.
    Down,
    /// It is the same.
    Same,
    /// There was none.
    New,
}

impl Entry {
    /// An entry of the leaderboard `found`. `has_units` says whether its amounts are of one unit.
    pub(crate) fn new(entry: &leaderboard::Entry, found: &Leaderboard, has_units: bool) -> Self {
        let change = entry.earlier_rank.map(|earlier| earlier - entry.rank);
        let trend = match change {
            Some(change) => Some(match change.signum() {
                1 => Trend::Up,
                -1 => Trend::Down,
                _ => Trend::Same,
            }),
            None => found.earlier_time.map(|_| Trend::New),
        };
        Self {
            rank: entry.rank,
            wallet: entry.wallet.clone(),
            conversions: entry.conversions,
            rewards: has_units.then(|| entry.rewards.to_string()),
            volume: has_units.then(|| entry.volume.to_string()),
            last_converted_at: timestamp(entry.last_converted_at),
            previous_rank: entry.earlier_rank,
            change,
            trend,
        }
    }
}

/// Show who has referred the most
///
/// The most first. Of equals, the one whose last conversion is earlier comes first.
#[utoipa::path(get, path = "/v1/leaderboard", tag = "numbers", params(LeaderboardQuery),
    responses(
        (status = 200, body = LeaderboardAnswer),
        (status = 400, description = "invalid_query, invalid_address, unknown_category, unknown_region", body = ErrorEnvelope),
        (status = 404, description = "campaign_not_found", body = ErrorEnvelope),
        (status = 503, description = "overloaded, database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn show(
    State(state): State<AppState>,
    Query(query): Query<LeaderboardQuery>,
) -> ApiResult<Json<LeaderboardAnswer>> {
    let campaign: Option<Address> = query.campaign.as_deref().map(str::parse).transpose()?;
    let group = group(&query)?;
    let wallet: Option<Address> = query.wallet.as_deref().map(str::parse).transpose()?;
    let period: Period = query
        .period
        .as_deref()
        .map_or(Ok(Period::All), str::parse)?;
    let measure: Measure = query
        .measure
        .as_deref()
        .map_or(Ok(Measure::Conversions), str::parse)?;
    let Limit(limit) = query
        .limit
        .as_deref()
        .map_or(Ok(Limit::DEFAULT), str::parse)?;
    let start = start(query.cursor.as_deref(), query.rank.as_deref())?;
    if campaign.is_none() && measure != Measure::Conversions {
        let message = "only a campaign can be sorted by rewards or volume";
        return Err(ApiError::invalid_query()
            .saying(message)
            .of_field("measure"));
    }
    state.check_campaign(campaign.as_ref()).await?;
    let key = BoardKey {
        board: Board {
            campaign: campaign.map(|campaign| campaign.to_string()).or(group),
            period: period.name(OffsetDateTime::now_utc().date()),
            measure: match measure {
                Measure::Conversions => leaderboard::Measure::Conversions,
                Measure::Rewards => leaderboard::Measure::Rewards,
                Measure::Volume => leaderboard::Measure::Volume,
            },
        },
        start,
        limit,
        wallet: wallet.map(|wallet| wallet.to_string()),
    };
    let found = page(&state, &key).await?;
    let value = |entry: &leaderboard::Entry| match measure {
        Measure::Conversions => u128::from(entry.conversions.unsigned_abs()),
        Measure::Rewards => entry.rewards,
        Measure::Volume => entry.volume,
    };
    let is_full = found.entries.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let last = found.entries.last().filter(|_| is_full);
    let next_cursor = last.map(|last| {
        Place::encode(&After {
            value: value(last),
            last_converted_at: last.last_converted_at,
            wallet: last.wallet.clone(),
        })
    });
    let shown = |entry: &leaderboard::Entry| Entry::new(entry, &found, campaign.is_some());
    Ok(Json(LeaderboardAnswer {
        period,
        measure,
        entries: found.entries.iter().map(shown).collect(),
        total_entries: found.total_entries,
        own: found.own.as_ref().map(shown),
        neighbours: found.neighbours.iter().map(shown).collect(),
        compared_at: found.earlier_time,
        as_of_slot: found.as_of_slot,
        as_of_time: found.as_of_time,
        next_cursor,
    }))
}

/// The key of the category or region; `None` for all referrers.
fn group(query: &LeaderboardQuery) -> ApiResult<Option<String>> {
    let given = [&query.campaign, &query.category, &query.region];
    if given.into_iter().flatten().count() > 1 {
        return Err(ApiError::invalid_query()
            .saying("give one of campaign, category and region")
            .of_field("category"));
    }
    if let Some(category) = &query.category {
        let category: Category = category.parse()?;
        return Ok(Some(group_key(Kind::Category, &category.to_string())));
    }
    if let Some(region) = &query.region {
        let region: Region = region.parse()?;
        return Ok(Some(group_key(Kind::Region, &region.to_string())));
    }
    Ok(None)
}

/// Where the page begins: at the first entry when neither is given.
fn start(cursor: Option<&str>, rank: Option<&str>) -> ApiResult<Start> {
    match (cursor, rank) {
        (Some(_), Some(_)) => Err(ApiError::invalid_query()
            .saying("give either cursor or rank")
            .of_field("rank")),
        (Some(cursor), None) => {
            let Place(after) = cursor.parse()?;
            Ok(Start::After(after))
        }
        (None, None) => Ok(Start::Rank(1)),
        (None, Some(rank)) => {
            let rank = rank.parse().ok().filter(|rank| RANKS.contains(rank));
            let message = "rank must be a number from 1 to 281474976710656";
            let refusal = || ApiError::invalid_query().saying(message).of_field("rank");
            rank.map(Start::Rank).ok_or_else(refusal)
        }
    }
}

/// The page: at most a second old, and read once for all who ask for it meanwhile.
async fn page(state: &AppState, key: &BoardKey) -> ApiResult<Arc<Leaderboard>> {
    let read = async {
        let turn = state.database.turn_to_compare().await;
        let query = async |pool: PgPool| {
            let (board, start, wallet) = (&key.board, &key.start, key.wallet.as_deref());
            if turn.is_some() {
                leaderboard::page(&pool, board, start, key.limit, wallet).await
            } else {
                leaderboard::page_without_changes(&pool, board, start, key.limit, wallet).await
            }
        };
        Ok::<_, ApiError>(Arc::new(state.database.run(query).await?))
    };
    let found = state.boards.try_get_with_by_ref(key, read).await;
    found.map_err(|error| ApiError::clone(&error))
}
