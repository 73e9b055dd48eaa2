//! `/v1/names`: what referrers call themselves, for lists of wallets.

use std::collections::BTreeSet;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use vouch_db::api::names;

use crate::{
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    extract::Query,
    schemas,
    state::AppState,
    types::Address,
};

/// Most wallets of one question.
const MOST: usize = 200;

/// Selects wallets.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct NamesQuery {
    /// 1 to 200 addresses, separated by commas.
    #[param(value_type = schemas::Addresses, inline)]
    wallets: String,
}

/// The name that a referrer has chosen.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Name {
    wallet: String,
    /// The nickname of its newest code that has one. Plain text of its owner, to be escaped where it is
    /// shown, and not unique: show the address beside it.
    nickname: String,
}

/// Names, by the wallet's address.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NamesAnswer {
    /// Only of wallets that have one.
    names: Vec<Name>,
}

/// Show what referrers call themselves
#[utoipa::path(get, path = "/v1/names", tag = "numbers", params(NamesQuery),
    responses(
        (status = 200, body = NamesAnswer),
        (status = 400, description = "invalid_query, invalid_address", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn list(
    State(state): State<AppState>,
    Query(query): Query<NamesQuery>,
) -> ApiResult<Json<NamesAnswer>> {
    let wallets: BTreeSet<String> = query
        .wallets
        .split(',')
        .map(|text| Ok(text.parse::<Address>()?.to_string()))
        .collect::<ApiResult<_>>()?;
    if wallets.len() > MOST {
        return Err(ApiError::invalid_query()
            .saying(format!("at most {MOST} wallets"))
            .of_field("wallets"));
    }
    let wallets: Vec<String> = wallets.into_iter().collect();
    let mut found = state
        .database
        .run(async |pool| names::of_wallets(&pool, &wallets).await)
        .await?;
    found.sort_by(|one, other| one.wallet.cmp(&other.wallet));
    let names = found.into_iter().map(|found| Name {
        wallet: found.wallet,
        nickname: found.nickname,
    });
    Ok(Json(NamesAnswer {
        names: names.collect(),
    }))
}
