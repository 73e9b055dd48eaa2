//! `/v1/totals`: sums over everything, for a front page.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;
use vouch_db::api::totals;

use crate::{
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    state::AppState,
};

/// Sums over all campaigns.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TotalsAnswer {
    /// By token, most conversions first; at most 20.
    tokens: Vec<TokenTotals>,
    /// The sums hold everything confirmed up to this slot.
    as_of_slot: Option<i64>,
}

/// Sums over all campaigns with one token.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenTotals {
    mint: String,
    decimals: i16,
    /// The token's symbol, as the campaigns name it; null if none did, or they do not agree.
    symbol: Option<String>,
    /// Codes that have a conversion.
    codes: i64,
    /// Confirmed and finalized, without cancelled ones.
    conversions: i64,
    /// Base units that were paid to referrers, as a decimal string.
    paid: String,
    /// Base units that are owed to referrers, as a decimal string.
    pending: String,
}

/// Show sums over all campaigns
///
/// At most two seconds old.
#[utoipa::path(get, path = "/v1/totals", tag = "numbers",
    responses(
        (status = 200, body = TotalsAnswer),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn show(State(state): State<AppState>) -> ApiResult<Json<TotalsAnswer>> {
    let sums = async {
        let totals = state
            .database
            .run(async |pool| totals::all(&pool).await)
            .await?;
        Ok::<_, ApiError>(Arc::new(totals))
    };
    let totals = state.known_totals.try_get_with((), sums).await;
    let totals = totals.map_err(|error: Arc<ApiError>| (*error).clone())?;
    let tokens = totals.tokens.iter().map(|total| TokenTotals {
        mint: total.mint.clone(),
        decimals: total.decimals,
        symbol: total.symbol.clone(),
        codes: total.codes,
        conversions: total.conversions,
        paid: total.paid.to_string(),
        pending: total.pending.to_string(),
    });
    Ok(Json(TotalsAnswer {
        tokens: tokens.collect(),
        as_of_slot: totals.as_of_slot,
    }))
}
