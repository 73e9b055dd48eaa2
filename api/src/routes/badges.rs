//! Badges: their kinds, who has earned which, and what a referrer earns next.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use vouch_db::api::awards::{self, Filter};

use crate::{
    cursor::{After, cut},
    envelope::ErrorEnvelope,
    error::ApiResult,
    extract::{PathAddress, Query},
    schemas,
    state::AppState,
    types::{Address, Limit, timestamp},
};

/// A kind of badge.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Badge {
    /// Its name, which never changes: `conversions_5`, `monthly_leader`.
    badge: String,
    /// How many conversions of one referrer within a campaign earn it; null if something else does.
    conversions: Option<i64>,
    title: String,
    description: String,
    /// The reward for it, in words.
    reward: String,
    /// Name of an icon in the Lucide set.
    icon: String,
    /// #rrggbb.
    colour: String,
}

/// Every kind of badge.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BadgesAnswer {
    badges: Vec<Badge>,
}

/// A badge that somebody has earned.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Award {
    /// To claim it with.
    id: i64,
    #[serde(flatten)]
    badge: Badge,
    /// Null for the leader of a category.
    campaign: Option<String>,
    /// The category of a leader's badge; null for other badges.
    category: Option<String>,
    referrer: String,
    /// The month of a leader in UTC, such as 2026-01. Null for a milestone.
    month: Option<String>,
    /// RFC 3339.
    awarded_at: Option<String>,
    /// Whether the referrer has claimed it.
    claimed: bool,
}

/// Awards, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AwardsAnswer {
    awards: Vec<Award>,
    /// For the next page; null on the last one.
    next_cursor: Option<String>,
}

/// How far a referrer is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MilestonesAnswer {
    /// By the address of the campaign.
    milestones: Vec<Milestone>,
    /// For the next page; null on the last one.
    next_cursor: Option<String>,
}

/// How far a referrer is in one campaign.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Milestone {
    campaign: String,
    /// Conversions that are final and can no longer be cancelled.
    conversions: i64,
    /// The next milestone: it is reached with its `conversions`. Null after the last one.
    next: Option<Badge>,
}

/// Selects a page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// How many, from 1 to 200; 50 when absent.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200)]
    limit: Option<String>,
    /// `next_cursor` of an earlier answer.
    #[param(value_type = Option<schemas::Cursor>, inline)]
    cursor: Option<String>,
}

/// Selects a page of what a referrer has.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReferrerPage {
    /// Address of a campaign; without it, of all campaigns.
    #[param(value_type = Option<schemas::Address>, inline)]
    campaign: Option<String>,
    /// How many, from 1 to 200; 50 when absent.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200)]
    limit: Option<String>,
    /// `next_cursor` of an earlier answer.
    #[param(value_type = Option<schemas::Cursor>, inline)]
    cursor: Option<String>,
}

/// List the kinds of badges
#[utoipa::path(get, path = "/v1/badges", tag = "numbers",
    responses(
        (status = 200, body = BadgesAnswer),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn kinds(State(state): State<AppState>) -> ApiResult<Json<BadgesAnswer>> {
    let badges = state
        .database
        .run(async |pool| awards::badges(&pool).await)
        .await?;
    Ok(Json(BadgesAnswer {
        badges: badges.into_iter().map(Badge::from).collect(),
    }))
}

/// List the badges of a referrer, newest first
#[utoipa::path(get, path = "/v1/referrers/{wallet}/badges", tag = "numbers",
    params(("wallet" = inline(schemas::Address), Path, description = "The referrer's wallet"), ReferrerPage),
    responses(
        (status = 200, body = AwardsAnswer),
        (status = 400, description = "invalid_query, invalid_address", body = ErrorEnvelope),
        (status = 404, description = "campaign_not_found", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn of_referrer(
    State(state): State<AppState>,
    PathAddress(wallet): PathAddress,
    Query(query): Query<ReferrerPage>,
) -> ApiResult<Json<AwardsAnswer>> {
    let campaign: Option<Address> = query.campaign.as_deref().map(str::parse).transpose()?;
    state.check_campaign(campaign.as_ref()).await?;
    let filter = Filter {
        campaign: campaign.map(|campaign| campaign.to_string()),
        referrer: Some(wallet.to_string()),
    };
    list(&state, &filter, query.limit, query.cursor).await
}

/// List the badges that were earned in a campaign, newest first
#[utoipa::path(get, path = "/v1/campaigns/{address}/badges", tag = "campaigns",
    params(("address" = inline(schemas::Address), Path, description = "Address of the campaign"), Page),
    responses(
        (status = 200, body = AwardsAnswer),
        (status = 400, description = "invalid_query, invalid_address", body = ErrorEnvelope),
        (status = 404, description = "campaign_not_found", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn of_campaign(
    State(state): State<AppState>,
    PathAddress(campaign): PathAddress,
    Query(query): Query<Page>,
) -> ApiResult<Json<AwardsAnswer>> {
    state.check_campaign(Some(&campaign)).await?;
    let filter = Filter {
        campaign: Some(campaign.to_string()),
        referrer: None,
    };
    list(&state, &filter, query.limit, query.cursor).await
}

/// Show how far a referrer is, in each campaign
///
/// A campaign is listed from the first conversion on that counts. With `campaign`, that one is
/// listed in any case.
#[utoipa::path(get, path = "/v1/referrers/{wallet}/milestones", tag = "numbers",
    params(("wallet" = inline(schemas::Address), Path, description = "The referrer's wallet"), ReferrerPage),
    responses(
        (status = 200, body = MilestonesAnswer),
        (status = 400, description = "invalid_query, invalid_address", body = ErrorEnvelope),
        (status = 404, description = "campaign_not_found", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn milestones(
    State(state): State<AppState>,
    PathAddress(wallet): PathAddress,
    Query(query): Query<ReferrerPage>,
) -> ApiResult<Json<MilestonesAnswer>> {
    let campaign: Option<Address> = query.campaign.as_deref().map(str::parse).transpose()?;
    let (limit, cursor) = page::<Address>(query.limit, query.cursor)?;
    state.check_campaign(campaign.as_ref()).await?;
    let (wallet, campaign) = (
        wallet.to_string(),
        campaign.map(|campaign| campaign.to_string()),
    );
    let after = cursor.map(|after| after.to_string());
    let (mut found, badges) = state
        .database
        .run(async |pool| {
            let (campaign, after) = (campaign.as_deref(), after.as_deref());
            let found = awards::progress(&pool, &wallet, campaign, after, limit + 1).await?;
            Ok((found, awards::badges(&pool).await?))
        })
        .await?;
    if let (Some(campaign), None, true) = (campaign, after, found.is_empty()) {
        found.push(awards::Progress {
            campaign,
            conversions: 0,
        });
    }
    let next_cursor = cut(&mut found, limit, |last| After::encode(&last.campaign));
    let mut steps: Vec<_> = badges.into_iter().map(Badge::from).collect();
    steps.retain(|badge| badge.conversions.is_some());
    steps.sort_by_key(|badge| badge.conversions);
    let next = |conversions| {
        let mut further = steps.iter();
        further.find(|badge| badge.conversions > Some(conversions))
    };
    let milestones = found.into_iter().map(|found| Milestone {
        next: next(found.conversions).cloned(),
        campaign: found.campaign,
        conversions: found.conversions,
    });
    Ok(Json(MilestonesAnswer {
        milestones: milestones.collect(),
        next_cursor,
    }))
}

async fn list(
    state: &AppState,
    filter: &Filter,
    limit: Option<String>,
    cursor: Option<String>,
) -> ApiResult<Json<AwardsAnswer>> {
    let (limit, before) = page::<i64>(limit, cursor)?;
    let mut found = state
        .database
        .run(async |pool| awards::list(&pool, filter, before, limit + 1).await)
        .await?;
    let next_cursor = cut(&mut found, limit, |last| After::encode(&last.id));
    Ok(Json(AwardsAnswer {
        awards: found.into_iter().map(Award::from).collect(),
        next_cursor,
    }))
}

/// The limit, and the position after which the page begins.
fn page<T: std::str::FromStr>(
    limit: Option<String>,
    cursor: Option<String>,
) -> ApiResult<(i64, Option<T>)> {
    let Limit(limit) = limit.as_deref().map_or(Ok(Limit::DEFAULT), str::parse)?;
    let after: Option<After<T>> = cursor.as_deref().map(str::parse).transpose()?;
    Ok((limit, after.map(|After(position)| position)))
}

impl From<awards::Badge> for Badge {
    fn from(badge: awards::Badge) -> Self {
        Self {
            badge: badge.badge,
            conversions: badge.threshold,
            title: badge.title,
            description: badge.description,
            reward: badge.reward,
            icon: badge.icon,
            colour: badge.colour,
        }
    }
}

impl From<awards::Award> for Award {
    fn from(award: awards::Award) -> Self {
        Self {
            id: award.id,
            badge: award.badge.into(),
            campaign: award.campaign,
            category: award.category,
            referrer: award.referrer,
            month: award.month,
            awarded_at: timestamp(award.awarded_at.unix_timestamp()),
            claimed: award.claimed,
        }
    }
}
