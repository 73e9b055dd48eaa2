//! `/v1/why`: why a wallet or an order was credited to a code, or not.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use vouch_client::{
    ProgramError, Pubkey,
    accounts::{self, AccountType as _, Proof, Uniqueness},
    pda,
};
use vouch_db::api::{
    campaigns,
    conversions::{self, Filter},
    why::{self, Of},
};

use crate::{
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    extract::Query,
    routes::conversions::ConversionAnswer,
    schemas,
    state::AppState,
    types::{self, Address, commitment, timestamp},
};

/// Names the campaign, and the wallet or the order.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhyQuery {
    /// Address of the campaign.
    #[param(value_type = schemas::Address, inline)]
    campaign: String,
    /// The wallet that was referred. Needed in campaigns that count orders and take payments.
    #[param(value_type = Option<schemas::Address>, inline)]
    wallet: Option<String>,
    /// The campaign's own number of the order, whose SHA-256 is the conversion's `reference`.
    #[param(min_length = 1, max_length = 256)]
    order: Option<String>,
    /// The conversion's `reference`: 64 hexadecimal digits. Instead of `order`.
    #[param(value_type = Option<schemas::Hash>, inline)]
    reference: Option<String>,
}

/// Why it was credited, or not.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WhyAnswer {
    campaign: String,
    /// Whether a conversion counts that was not cancelled.
    credited: bool,
    /// credited; cancelled: within its hold; no_attempt: nothing has reached the chain; touched: the wallet has
    /// only bound itself to a code; failed: the last attempt failed outside of the program; or the error with
    /// which the program refused the last attempt.
    reason: String,
    /// For people.
    message: String,
    /// The subject that the campaign counts once: wallet, wallet_and_code or order.
    counts_once: String,
    /// The conversion, which names its code, its transaction and its status.
    conversion: Option<ConversionAnswer>,
    /// The code that the wallet has bound itself to last, in campaigns with an attribution window. Only this
    /// one is credited as long as it is valid.
    touch: Option<AttemptAnswer>,
    /// At most the last 20 attempts on chain, newest first, also those that failed.
    attempts: Vec<AttemptAnswer>,
}

/// An attempt to bind the wallet to a code, or to convert.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AttemptAnswer {
    /// bind, convert or purchase.
    instruction: String,
    /// The wallet that it named as the referred one.
    wallet: Option<String>,
    /// The code; null if it named none that exists.
    code: Option<String>,
    /// Address of the referral that it named.
    referral: Option<String>,
    /// RFC 3339: the time of its transaction.
    at: Option<String>,
    succeeded: bool,
    /// The program's error; null if it succeeded, or failed for another reason.
    error: Option<String>,
    /// The transaction.
    signature: String,
    /// confirmed or finalized.
    commitment: String,
}

/// Show why a wallet or an order was credited, or not
///
/// From what is on chain alone: the conversion, the binding, and the attempts that failed, with the
/// program's error. Attempts that no transaction has reached the chain with are not known.
#[utoipa::path(get, path = "/v1/why", tag = "numbers", params(WhyQuery),
    responses(
        (status = 200, body = WhyAnswer),
        (status = 400, description = "invalid_query, invalid_address, invalid_reference", body = ErrorEnvelope),
        (status = 404, description = "campaign_not_found", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn show(
    State(state): State<AppState>,
    Query(query): Query<WhyQuery>,
) -> ApiResult<Json<WhyAnswer>> {
    let campaign: Address = query.campaign.parse()?;
    let wallet: Option<Address> = query.wallet.as_deref().map(str::parse).transpose()?;
    let reference = types::order_or_reference(query.order.as_deref(), query.reference.as_deref())?;
    if wallet.is_none() && reference.is_none() {
        return Err(ApiError::invalid_query().saying("name a wallet, an order or a reference"));
    }
    let address = campaign.to_string();
    let found = state
        .database
        .run(async |pool| campaigns::find(&pool, &address).await)
        .await?
        .ok_or_else(ApiError::campaign_not_found)?;
    let filter = Filter {
        campaign: Some(address.clone()),
        referee: wallet.map(|wallet| wallet.to_string()),
        reference,
        ..Filter::default()
    };
    let conversion = state
        .database
        .run(async |pool| conversions::list(&pool, &filter, None, 1).await)
        .await?
        .pop();
    // The address of an order's conversion finds the attempts of all wallets.
    let order = reference.and_then(|reference| of_order(&campaign, &found.data, wallet, reference));
    let named = wallet.map(|wallet| wallet.to_string());
    let of = match (&order, &named) {
        (Some(conversion), _) => Some(Of::Conversion(conversion)),
        (None, Some(wallet)) => Some(Of::Wallet {
            wallet,
            campaign: &address,
        }),
        (None, None) => None,
    };
    let attempts = match of {
        Some(of) => {
            state
                .database
                .run(async |pool| why::attempts(&pool, of).await)
                .await?
        }
        None => Vec::new(),
    };
    let (reason, message) = verdict(conversion.as_ref(), &attempts);
    Ok(Json(WhyAnswer {
        campaign: address,
        credited: reason == "credited",
        reason: reason.to_owned(),
        message: message.to_owned(),
        counts_once: found.uniqueness,
        conversion: conversion.map(ConversionAnswer::from),
        touch: attempts
            .iter()
            .find(|attempt| attempt.name == "bind" && attempt.succeeded)
            .map(AttemptAnswer::from),
        attempts: attempts.iter().map(AttemptAnswer::from).collect(),
    }))
}

/// Address of the conversion of an order, if the campaign counts orders and what is known is enough for it.
fn of_order(
    campaign: &Address,
    data: &[u8],
    wallet: Option<Address>,
    reference: [u8; 32],
) -> Option<String> {
    let found = accounts::Campaign::decode(data).ok()?;
    if found.uniqueness != Uniqueness::Order {
        return None;
    }
    let wallet = match (wallet, found.proof) {
        (Some(wallet), _) => wallet.0,
        // It is not part of the key.
        (None, Proof::Attested) => Pubkey::default(),
        (None, _) => return None,
    };
    let key = found
        .terms()
        .conversion_key(&wallet, &Pubkey::default(), &reference);
    Some(pda::conversion(&campaign.0, &key).to_string())
}

/// The reason, and its words.
fn verdict(
    conversion: Option<&conversions::Conversion>,
    attempts: &[why::Attempt],
) -> (&'static str, &'static str) {
    if let Some(conversion) = conversion {
        return if conversion.status == "cancelled" {
            ("cancelled", "the campaign has cancelled the conversion")
        } else {
            ("credited", "the conversion was credited to its code")
        };
    }
    // The last attempt to convert says more than one to bind the wallet.
    let is_sale = |attempt: &&why::Attempt| attempt.name != "bind";
    let last = attempts.iter().find(is_sale).or_else(|| attempts.first());
    match last {
        None => ("no_attempt", "no attempt has reached the chain"),
        Some(last) if last.succeeded => ("touched", "the wallet has only bound itself to a code"),
        Some(last) => error(last).map_or(
            (
                "failed",
                "the last attempt failed outside of the program, for example for lack of SOL",
            ),
            |error| (error.snake_name(), error.message()),
        ),
    }
}

/// The program's error of an attempt.
fn error(attempt: &why::Attempt) -> Option<ProgramError> {
    ProgramError::from_code(u32::try_from(attempt.error_code?).ok()?)
}

impl From<&why::Attempt> for AttemptAnswer {
    fn from(attempt: &why::Attempt) -> Self {
        Self {
            error: error(attempt).map(|error| error.snake_name().to_owned()),
            instruction: attempt.name.clone(),
            wallet: attempt.wallet.clone(),
            code: attempt.code.clone(),
            referral: attempt.referral.clone(),
            at: timestamp(attempt.at),
            succeeded: attempt.succeeded,
            signature: attempt.signature.clone(),
            commitment: commitment(attempt.is_final).to_owned(),
        }
    }
}
