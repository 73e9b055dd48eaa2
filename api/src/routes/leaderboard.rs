//! `/v1/leaderboard`: referrers ranked by conversions.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use vouch_db::api::leaderboard::{self, Span};

use crate::{
    envelope::ErrorEnvelope,
    error::ApiResult,
    extract::Query,
    state::AppState,
    types::{Address, Limit, Period, WalletAddress},
};

/// Selects a leaderboard.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeaderboardQuery {
    /// Address of a campaign; without it, over all campaigns.
    campaign: Option<String>,
    /// all, year, quarter, month or week: the current calendar period in UTC; all when absent.
    period: Option<String>,
    /// How many, from 1 to 200; 50 when absent.
    limit: Option<String>,
    /// A wallet whose own rank is wanted.
    wallet: Option<String>,
}

/// A leaderboard. Counts only conversions that are final and can no longer be
/// cancelled.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LeaderboardAnswer {
    period: Period,
    entries: Vec<Entry>,
    /// How many referrers have a rank.
    total_entries: i64,
    /// The place of `wallet`; null when it was not asked for or has none.
    own: Option<Entry>,
    /// Everything up to this slot is counted.
    as_of_slot: Option<i64>,
}

/// A place on the leaderboard.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Entry {
    /// From 1; no two share one.
    rank: i64,
    wallet: String,
    conversions: i64,
    /// Base units as a decimal string. Over campaigns with different tokens it is a sum
    /// of different things.
    rewards: String,
}

/// Show who has referred the most
///
/// More conversions first, then more rewards, then whose last conversion is earlier.
#[utoipa::path(get, path = "/v1/leaderboard", tag = "numbers", params(LeaderboardQuery),
    responses(
        (status = 200, body = LeaderboardAnswer),
        (status = 400, description = "invalid_query, invalid_address, not_a_wallet", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn show(
    State(state): State<AppState>,
    Query(query): Query<LeaderboardQuery>,
) -> ApiResult<Json<LeaderboardAnswer>> {
    let campaign: Option<Address> = query.campaign.as_deref().map(str::parse).transpose()?;
    let wallet: Option<WalletAddress> = query.wallet.as_deref().map(str::parse).transpose()?;
    let period: Period = query
        .period
        .as_deref()
        .map_or(Ok(Period::All), str::parse)?;
    let Limit(limit) = query
        .limit
        .as_deref()
        .map_or(Ok(Limit::DEFAULT), str::parse)?;

    let campaign = campaign.map(|campaign| campaign.to_string());
    let wallet = wallet.map(|wallet| wallet.to_string());
    let span = match period {
        Period::All => Span::All,
        shorter => Span::Since(shorter.first_day(OffsetDateTime::now_utc().date())),
    };
    let board = state
        .database
        .run(async |pool| {
            leaderboard::top(&pool, campaign.as_deref(), span, limit, wallet.as_deref()).await
        })
        .await?;
    Ok(Json(LeaderboardAnswer {
        period,
        entries: board.entries.into_iter().map(Entry::from).collect(),
        total_entries: board.total_entries,
        own: board.own.map(Entry::from),
        as_of_slot: board.as_of_slot,
    }))
}

impl From<leaderboard::Entry> for Entry {
    fn from(entry: leaderboard::Entry) -> Self {
        Self {
            rank: entry.rank,
            wallet: entry.wallet,
            conversions: entry.conversions,
            rewards: entry.rewards.to_string(),
        }
    }
}
