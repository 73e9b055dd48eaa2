//! `/v1/clicks/{id}`: which link a visitor has followed.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use vouch_db::api::clicks;

use crate::{
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    rights::PathId,
    state::AppState,
    types::timestamp,
};

/// A click on a share link. Nothing of it says who the visitor is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClickAnswer {
    id: Uuid,
    code: String,
    /// Address of the referral.
    referral: String,
    campaign: String,
    /// RFC 3339.
    clicked_at: Option<String>,
    /// human, bot or suspicious.
    verdict: String,
    /// Why it is not human; else null.
    verdict_reason: Option<String>,
    /// The place where the link was shown: link, qr, email, sms, social or app; blink or pay for a
    /// transaction of a Solana Action or of Solana Pay; null if it did not say.
    source: Option<String>,
}

/// Show the click with this id
///
/// A landing page gets the id as `click_id`, and keeps it with the order. So a company's server knows which
/// code an order is to be credited to. Only who has the id finds the click, for as long as clicks are kept.
#[utoipa::path(get, path = "/v1/clicks/{id}", tag = "links",
    params(("id" = String, Path, description = "`click_id`, as the redirect adds it")),
    responses(
        (status = 200, body = ClickAnswer),
        (status = 404, description = "click_not_found", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn show(
    State(state): State<AppState>,
    PathId(id): PathId,
) -> ApiResult<Json<ClickAnswer>> {
    let id = id.ok_or_else(ApiError::click_not_found)?;
    let found = state
        .database
        .run(async |pool| clicks::find(&pool, id).await)
        .await?
        .ok_or_else(ApiError::click_not_found)?;
    Ok(Json(ClickAnswer {
        id,
        code: found.code,
        referral: found.referral,
        campaign: found.campaign,
        clicked_at: timestamp(found.clicked_at.unix_timestamp()),
        verdict: found.verdict,
        verdict_reason: found.verdict_reason,
        source: found.source,
    }))
}
