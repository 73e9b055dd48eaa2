//! `/v1/leaderboard`: referrers ranked by conversions or rewards.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use vouch_db::api::leaderboard::{self, After, Board, Leaderboard};

use crate::{
    cursor::Place,
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    extract::Query,
    state::{AppState, BoardKey},
    types::{Address, Limit, Measure, Period, timestamp},
};

/// Selects a leaderboard.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LeaderboardQuery {
    /// Address of a campaign; without it, over all campaigns.
    campaign: Option<String>,
    /// all, year, quarter, month or week: the current calendar period in UTC; all when absent.
    period: Option<String>,
    /// conversions or rewards: what it is sorted by; conversions when absent. Only a campaign can be
    /// sorted by rewards, because campaigns pay in different tokens.
    measure: Option<String>,
    /// How many, from 1 to 200; 50 when absent.
    limit: Option<String>,
    /// `next_cursor` of an earlier answer for the same leaderboard.
    cursor: Option<String>,
    /// A wallet whose own rank is wanted.
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
    /// Everything up to this slot is counted, in every number of this answer.
    as_of_slot: Option<i64>,
    /// For the next page; null on the last one.
    next_cursor: Option<String>,
}

/// A place on the leaderboard.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Entry {
    /// From 1; no two share one. On later pages it goes on from the page before, as of that page.
    rank: i64,
    wallet: String,
    conversions: i64,
    /// Base units of the campaign's token as a decimal string; null over all campaigns, because
    /// amounts of different tokens are not added.
    rewards: Option<String>,
    /// RFC 3339.
    last_converted_at: Option<String>,
}

/// Show who has referred the most
///
/// The most first. Of equals, the one whose last conversion is earlier comes first.
#[utoipa::path(get, path = "/v1/leaderboard", tag = "numbers", params(LeaderboardQuery),
    responses(
        (status = 200, body = LeaderboardAnswer),
        (status = 400, description = "invalid_query, invalid_address", body = ErrorEnvelope),
        (status = 404, description = "campaign_not_found", body = ErrorEnvelope),
        (status = 503, description = "overloaded, database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn show(
    State(state): State<AppState>,
    Query(query): Query<LeaderboardQuery>,
) -> ApiResult<Json<LeaderboardAnswer>> {
    let campaign: Option<Address> = query.campaign.as_deref().map(str::parse).transpose()?;
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
    let after: Option<Place> = query.cursor.as_deref().map(str::parse).transpose()?;
    if campaign.is_none() && measure == Measure::Rewards {
        let message = "only a campaign can be sorted by rewards";
        return Err(ApiError::invalid_query()
            .saying(message)
            .of_field("measure"));
    }
    state.check_campaign(campaign.as_ref()).await?;
    let key = BoardKey {
        board: Board {
            campaign: campaign.map(|campaign| campaign.to_string()),
            period: period.name(OffsetDateTime::now_utc().date()),
            measure: match measure {
                Measure::Conversions => leaderboard::Measure::Conversions,
                Measure::Rewards => leaderboard::Measure::Rewards,
            },
        },
        after: after.map(|Place(after)| after),
        limit,
        wallet: wallet.map(|wallet| wallet.to_string()),
    };
    let found = page(&state, &key).await?;
    let value = |entry: &leaderboard::Entry| match measure {
        Measure::Conversions => u128::from(entry.conversions.unsigned_abs()),
        Measure::Rewards => entry.rewards,
    };
    let is_full = found.entries.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let last = found.entries.last().filter(|_| is_full);
    let next_cursor = last.map(|last| {
        Place::encode(&After {
            rank: last.rank,
            value: value(last),
            last_converted_at: last.last_converted_at,
            wallet: last.wallet.clone(),
        })
    });
    let shown = |entry: &leaderboard::Entry| Entry {
        rank: entry.rank,
        wallet: entry.wallet.clone(),
        conversions: entry.conversions,
        rewards: key
            .board
            .campaign
            .is_some()
            .then(|| entry.rewards.to_string()),
        last_converted_at: timestamp(entry.last_converted_at),
    };
    Ok(Json(LeaderboardAnswer {
        period,
        measure,
        entries: found.entries.iter().map(shown).collect(),
        total_entries: found.total_entries,
        own: found.own.as_ref().map(shown),
        as_of_slot: found.as_of_slot,
        next_cursor,
    }))
}

/// The page: at most a second old, and read once for all who ask for it meanwhile. An own rank counts
/// rows, so only few are counted at the same time.
async fn page(state: &AppState, key: &BoardKey) -> ApiResult<Arc<Leaderboard>> {
    let read = async {
        let query = async |pool| {
            let wallet = key.wallet.as_deref();
            leaderboard::page(&pool, &key.board, key.after.as_ref(), key.limit, wallet).await
        };
        let found = if key.wallet.is_some() {
            state.database.run_heavy(query).await?
        } else {
            state.database.run(query).await?
        };
        Ok::<_, ApiError>(Arc::new(found))
    };
    let found = state.boards.try_get_with_by_ref(key, read).await;
    found.map_err(|error| ApiError::clone(&error))
}
