//! Analytics: clicks, conversions and rewards by time and by where they come from.

mod answer;
mod span;

use axum::extract::State;
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;
use vouch_db::api::{
    analytics::{self, Subject},
    conversions::{self, Conversion, Filter},
    mirror_state,
};

use self::{
    answer::{AnalyticsAnswer, Found},
    span::{By, Span},
};
use crate::{
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    extract::{NamesCampaign, Query},
    rights::{AuthorityOrKey, OwnerOf, ReadAnalytics, Wallet},
    routes::auth::Private,
    schemas,
    state::AppState,
    types::Address,
};

/// Conversions that are shown.
const NEWEST: i64 = 10;

/// Selects days.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DaysQuery {
    /// The first day, YYYY-MM-DD; 29 days before `to` when absent. At most 366 days are covered.
    #[param(format = Date)]
    from: Option<String>,
    /// The last day; today when absent.
    #[param(format = Date)]
    to: Option<String>,
    /// A name of the IANA time zone database; UTC when absent.
    #[param(value_type = Option<schemas::TimeZone>, inline)]
    zone: Option<String>,
    /// day, week or month; day when absent. Weeks begin on Mondays.
    #[serde(default)]
    by: By,
}

/// Selects a code and days.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CodeDaysQuery {
    /// Address of the campaign; without it the first referral that had the code is meant.
    #[param(value_type = Option<schemas::Address>, inline)]
    campaign: Option<String>,
    /// The first day, YYYY-MM-DD; 29 days before `to` when absent. At most 366 days are covered.
    #[param(format = Date)]
    from: Option<String>,
    /// The last day; today when absent.
    #[param(format = Date)]
    to: Option<String>,
    /// A name of the IANA time zone database; UTC when absent.
    #[param(value_type = Option<schemas::TimeZone>, inline)]
    zone: Option<String>,
    /// day, week or month; day when absent. Weeks begin on Mondays.
    #[serde(default)]
    by: By,
}

impl NamesCampaign for CodeDaysQuery {
    fn campaign(&self) -> ApiResult<Option<Address>> {
        self.campaign.as_deref().map(str::parse).transpose()
    }
}

impl DaysQuery {
    fn span(&self) -> ApiResult<Span> {
        let Self { from, to, zone, by } = self;
        Span::read(
            zone.as_deref(),
            from.as_deref(),
            to.as_deref(),
            *by,
            Timestamp::now(),
        )
    }
}

/// Show the analytics of a code to its owner
///
/// All numbers come from counters, which have clicks some seconds after they were made.
#[utoipa::path(get, path = "/v1/codes/{code}/analytics", tag = "codes",
    params(("code" = inline(schemas::Code), Path, description = "The code, in either case"), CodeDaysQuery),
    security(("session" = ["code_owner"]), ("cookie" = ["code_owner"])),
    responses(
        (status = 200, body = AnalyticsAnswer),
        (status = 400, description = "invalid_code, invalid_address, invalid_query", body = ErrorEnvelope),
        (status = 401, description = "unauthenticated", body = ErrorEnvelope),
        (status = 403, description = "session_required, not_code_owner", body = ErrorEnvelope),
        (status = 404, description = "code_not_found", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable, overloaded", body = ErrorEnvelope),
    ))]
pub(crate) async fn of_code(
    OwnerOf { referral, query }: OwnerOf<CodeDaysQuery>,
    State(state): State<AppState>,
) -> ApiResult<Private<AnalyticsAnswer>> {
    let CodeDaysQuery {
        campaign: _,
        from,
        to,
        zone,
        by,
    } = query;
    let days = DaysQuery { from, to, zone, by };
    let span = days.span()?;
    let subject = state
        .database
        .run(async |pool| analytics::referral(&pool, &referral.address).await)
        .await?
        .ok_or_else(ApiError::code_not_found)?;
    answer(&state, span, vec![subject], Whose::Code).await
}

/// Show the analytics of a campaign to its authority or its key
///
/// All numbers come from counters, which have clicks some seconds after they were made.
#[utoipa::path(get, path = "/v1/campaigns/{address}/analytics", tag = "campaigns",
    params(("address" = inline(schemas::Address), Path, description = "Address of the campaign"), DaysQuery),
    security(("session" = ["campaign_authority"]), ("cookie" = ["campaign_authority"]),
        ("api_key" = ["campaign_authority", "read:analytics"])),
    responses(
        (status = 200, body = AnalyticsAnswer),
        (status = 400, description = "invalid_address, invalid_query", body = ErrorEnvelope),
        (status = 401, description = "unauthenticated", body = ErrorEnvelope),
        (status = 403, description = "not_campaign_authority, missing_scope", body = ErrorEnvelope),
        (status = 404, description = "campaign_not_found", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable, overloaded", body = ErrorEnvelope),
    ))]
pub(crate) async fn of_campaign(
    authority: AuthorityOrKey<ReadAnalytics>,
    State(state): State<AppState>,
    Query(query): Query<DaysQuery>,
) -> ApiResult<Private<AnalyticsAnswer>> {
    let span = query.span()?;
    let subject = state
        .database
        .run(async |pool| analytics::campaign(&pool, &authority.campaign).await)
        .await?
        .ok_or_else(ApiError::campaign_not_found)?;
    answer(&state, span, vec![subject], Whose::Campaign).await
}

/// Show the analytics of all codes of the caller's wallet
///
/// If the wallet has more than 50 codes, the newest 50 are counted; `codes` says how many it has. The days
/// times the codes may be at most 3,660. Amounts of different tokens are never added.
#[utoipa::path(get, path = "/v1/me/analytics", tag = "me", params(DaysQuery),
    security(("session" = []), ("cookie" = [])),
    responses(
        (status = 200, body = AnalyticsAnswer),
        (status = 400, description = "invalid_query", body = ErrorEnvelope),
        (status = 401, description = "unauthenticated", body = ErrorEnvelope),
        (status = 403, description = "session_required", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable, overloaded", body = ErrorEnvelope),
    ))]
pub(crate) async fn of_wallet(
    Wallet(session): Wallet,
    State(state): State<AppState>,
    Query(query): Query<DaysQuery>,
) -> ApiResult<Private<AnalyticsAnswer>> {
    let span = query.span()?;
    let (subjects, all) = state
        .database
        .run(async |pool| analytics::of_wallet(&pool, &session.wallet).await)
        .await?;
    span.for_codes(subjects.len())?;
    answer(&state, span, subjects, Whose::Wallet(all)).await
}

/// The subject of the numbers.
#[derive(Debug, Clone, Copy)]
enum Whose {
    Code,
    Campaign,
    /// With so many codes.
    Wallet(i64),
}

async fn answer(
    state: &AppState,
    span: Span,
    subjects: Vec<Subject>,
    whose: Whose,
) -> ApiResult<Private<AnalyticsAnswer>> {
    let database = &state.database;
    // Read the slot first, so that the numbers are at least as new as it. One query in each run: what takes
    // longer than one may means that Postgres is down.
    let slot = database.run(async |pool| mirror_state(&pool).await).await?;
    let parts = span.parts();
    let bounds = span.bounds(&parts);
    let series = database
        .run_heavy(async |pool| analytics::spans(&pool, &subjects, &bounds).await)
        .await?;
    let windows = span.windows();
    let windows = database
        .run_heavy(async |pool| analytics::spans(&pool, &subjects, &windows).await)
        .await?;
    let all_time = database
        .run_heavy(async |pool| analytics::all_time(&pool, &subjects).await)
        .await?;
    let (first, last) = (day(span.first)?, day(span.last)?);
    let shares = database
        .run_heavy(async |pool| analytics::shares(&pool, &subjects, first, last).await)
        .await?;
    let by_code = match (whose, bounds.first(), bounds.last()) {
        (Whose::Wallet(_), Some(since), Some(until)) => {
            database
                .run_heavy(async |pool| {
                    analytics::by_subject(&pool, &subjects, *since, *until).await
                })
                .await?
        }
        _ => Vec::new(),
    };
    let newest = newest(state, &subjects, whose).await?;
    Ok(Private(AnalyticsAnswer::new(Found {
        codes: match whose {
            Whose::Wallet(all) => Some(all),
            Whose::Code | Whose::Campaign => None,
        },
        span,
        parts,
        subjects,
        series,
        windows,
        all_time,
        shares,
        by_code,
        newest,
        as_of_slot: slot.indexed_slot,
    })))
}

async fn newest(
    state: &AppState,
    subjects: &[Subject],
    whose: Whose,
) -> ApiResult<Vec<Conversion>> {
    let found = match (whose, subjects) {
        (Whose::Campaign, [campaign]) => {
            let filter = Filter {
                campaign: Some(campaign.address.clone()),
                ..Filter::default()
            };
            state
                .database
                .run(async |pool| conversions::list(&pool, &filter, None, NEWEST).await)
                .await?
        }
        _ => {
            state
                .database
                .run(async |pool| analytics::newest(&pool, subjects, NEWEST).await)
                .await?
        }
    };
    Ok(found)
}

/// The day as the database takes it.
fn day(date: jiff::civil::Date) -> ApiResult<time::Date> {
    let month = time::Month::try_from(date.month().unsigned_abs()).map_err(internal)?;
    time::Date::from_calendar_date(date.year().into(), month, date.day().unsigned_abs())
        .map_err(internal)
}

fn internal(error: time::error::ComponentRange) -> ApiError {
    ApiError::internal().because(error)
}
