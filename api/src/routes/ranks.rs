//! A referrer's category and region, and its ranks in them.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use vouch_db::api::{
    choices::{self, Choice},
    leaderboard::{self, Standing},
};

use super::leaderboard::Entry;
use crate::{
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    extract::{self, PathAddress, Query},
    groups::{Category, Region},
    rights::Wallet,
    routes::auth::Private,
    schemas,
    state::AppState,
    types::Period,
};

/// The category and region in which a referrer wants to be ranked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReferrerProfile {
    /// One of art, business, education, fashion, finance, food, gaming, health, home, media, music,
    /// science, society, software, sports and travel; null or absent for none.
    #[schema(
        pattern = "^(art|business|education|fashion|finance|food|gaming|health|home|media|music|science|society|software|sports|travel)$"
    )]
    category: Option<String>,
    /// A country as ISO 3166-1 alpha-2, or XK; null or absent for none.
    #[schema(value_type = Option<schemas::Region>)]
    region: Option<String>,
}

/// The choices of a referrer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReferrerProfileAnswer {
    category: GroupChoice,
    region: GroupChoice,
}

/// A choice. A conversion counts in what its referrer had on its day (UTC), for good.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GroupChoice {
    /// The one that conversions of today count in; null for none.
    value: Option<String>,
    /// The one that conversions count in from `next_from` on; null for none, and while nothing is to change.
    next: Option<String>,
    /// The first day of `next` (UTC), such as 2026-06-01; null while nothing is to change.
    next_from: Option<String>,
}

impl From<Choice> for GroupChoice {
    fn from(choice: Choice) -> Self {
        let (from, next) = choice.next.unzip();
        Self {
            value: choice.value,
            next: next.flatten(),
            next_from: from.map(|day| day.to_string()),
        }
    }
}

/// Show the caller's category and region
#[utoipa::path(get, path = "/v1/me/profile", tag = "me", operation_id = "show_own_profile",
    security(("session" = []), ("cookie" = [])),
    responses(
        (status = 200, body = ReferrerProfileAnswer),
        (status = 401, description = "unauthenticated", body = ErrorEnvelope),
        (status = 403, description = "session_required", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn show_profile(
    Wallet(session): Wallet,
    State(state): State<AppState>,
) -> ApiResult<Private<ReferrerProfileAnswer>> {
    profile(&state, &session.wallet).await
}

/// Choose the category and region in which the caller is ranked
///
/// Replaces both. The first choice begins on the next day (UTC), a change with the next month, so that
/// nobody leads two categories in one month. Conversions stay where they counted. It may be chosen
/// again until it begins.
#[utoipa::path(put, path = "/v1/me/profile", tag = "me", operation_id = "set_own_profile",
    request_body = ReferrerProfile,
    security(("session" = []), ("cookie" = [])),
    responses(
        (status = 200, body = ReferrerProfileAnswer),
        (status = 400, description = "malformed_json, unknown_field, wrong_type, unknown_category, unknown_region", body = ErrorEnvelope),
        (status = 401, description = "unauthenticated", body = ErrorEnvelope),
        (status = 403, description = "not_a_referrer, session_required, cross_site_request", body = ErrorEnvelope),
        (status = 413, description = "body_too_large", body = ErrorEnvelope),
        (status = 415, description = "unsupported_media_type", body = ErrorEnvelope),
        (status = 429, description = "too_many_requests", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn set_profile(
    Wallet(session): Wallet,
    State(state): State<AppState>,
    extract::Json(wanted): extract::Json<ReferrerProfile>,
) -> ApiResult<Private<ReferrerProfileAnswer>> {
    let category: Option<Category> = wanted.category.as_deref().map(str::parse).transpose()?;
    let region: Option<Region> = wanted.region.as_deref().map(str::parse).transpose()?;
    let category = category.map(|category| category.to_string());
    let region = region.map(|region| region.to_string());
    let (wallet, now) = (&session.wallet, OffsetDateTime::now_utc());
    let is_referrer = state
        .database
        .run(async |pool| {
            let (category, region) = (category.as_deref(), region.as_deref());
            choices::set(&pool, wallet, category, region, now).await
        })
        .await?;
    if !is_referrer {
        return Err(ApiError::not_a_referrer());
    }
    profile(&state, wallet).await
}

async fn profile(state: &AppState, wallet: &str) -> ApiResult<Private<ReferrerProfileAnswer>> {
    let today = OffsetDateTime::now_utc().date();
    let [category, region] = state
        .database
        .run(async |pool| choices::find(&pool, wallet, today).await)
        .await?;
    Ok(Private(ReferrerProfileAnswer {
        category: category.into(),
        region: region.into(),
    }))
}

/// Selects a period.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RanksQuery {
    /// all, year, quarter, month or week: the current calendar period in UTC; all when absent.
    #[param(value_type = Option<Period>, inline)]
    period: Option<String>,
}

/// The ranks of a referrer by conversions, over all campaigns. All are of the same moment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RanksAnswer {
    period: Period,
    /// Among all referrers.
    overall: RankAnswer,
    /// Among those of its category; null while it has none.
    category: Option<RankAnswer>,
    /// Among those of its region; null while it has none.
    region: Option<RankAnswer>,
    /// Everything that counts at this slot is counted.
    as_of_slot: Option<i64>,
    /// Unix seconds of the chain's clock: conversions that can no longer be cancelled at this time are
    /// counted, and no others.
    as_of_time: Option<i64>,
    /// Unix seconds of the chain's clock, about a day earlier: `previous_rank` is of this time. Null
    /// while nobody knows.
    compared_at: Option<i64>,
}

/// A referrer on one leaderboard.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RankAnswer {
    /// The category or region; null among all referrers.
    group: Option<String>,
    /// How many referrers have a rank.
    total_entries: i64,
    /// Null when it has none.
    own: Option<Entry>,
}

/// Show the ranks of a referrer: overall, in its category and in its region
#[utoipa::path(get, path = "/v1/referrers/{wallet}/ranks", tag = "numbers",
    params(("wallet" = inline(schemas::Address), Path, description = "The referrer's wallet"), RanksQuery),
    responses(
        (status = 200, body = RanksAnswer),
        (status = 400, description = "invalid_query, invalid_address", body = ErrorEnvelope),
        (status = 503, description = "overloaded, database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn of_referrer(
    State(state): State<AppState>,
    PathAddress(wallet): PathAddress,
    Query(query): Query<RanksQuery>,
) -> ApiResult<Json<RanksAnswer>> {
    let period: Period = query
        .period
        .as_deref()
        .map_or(Ok(Period::All), str::parse)?;
    let today = OffsetDateTime::now_utc().date();
    let name = period.name(today);
    let wallet = wallet.to_string();
    let key = (name, wallet);
    let read = async {
        let (name, wallet) = &key;
        let query = async |pool| leaderboard::standings(&pool, name, wallet, today).await;
        Ok::<_, ApiError>(Arc::new(state.database.run(query).await?))
    };
    let found = state.ranks.try_get_with_by_ref(&key, read).await;
    let found = found.map_err(|error| ApiError::clone(&error))?;
    let [overall, category, region] = found.as_ref();
    // Everybody is among all referrers.
    let overall = overall.as_ref().ok_or_else(ApiError::internal)?;
    let answer = |standing: &Standing| RankAnswer {
        group: standing.group.clone(),
        total_entries: standing.board.total_entries,
        own: standing
            .board
            .own
            .as_ref()
            .map(|own| Entry::new(own, &standing.board, false)),
    };
    Ok(Json(RanksAnswer {
        period,
        overall: answer(overall),
        category: category.as_ref().map(answer),
        region: region.as_ref().map(answer),
        as_of_slot: overall.board.as_of_slot,
        as_of_time: overall.board.as_of_time,
        compared_at: overall.board.earlier_time,
    }))
}
