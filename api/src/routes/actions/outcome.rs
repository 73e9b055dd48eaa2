//! The outcome of an Action's transaction, as the mirror knows it.

use axum::{
    Json,
    extract::{Path, Query, State, rejection},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vouch_client::{Code, ProgramError};
use vouch_db::api::{
    campaigns,
    conversions::{self, Conversion},
    why::{self, Of},
};

use super::{
    Action, ActionError, ActionLinks, LinkedAction, NextLink, NextLinks, icon, terms::Names,
};
use crate::{
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    extract,
    links::Links,
    schemas,
    state::AppState,
    types::{self, Address},
};

/// The body that a client posts after the transaction. Other fields are ignored.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NextRequest {
    /// The wallet.
    #[schema(value_type = schemas::Address)]
    account: String,
    /// The signature of the transaction that it has sent.
    #[schema(value_type = Option<schemas::Signature>)]
    signature: Option<String>,
}

/// An Action to show next.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PostAnswer {
    /// Always `post`.
    #[serde(rename = "type")]
    #[schema(example = "post")]
    kind: &'static str,
    links: NextLinks,
}

/// The query of [`path`].
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Within {
    campaign: Option<String>,
}

type Parts = Result<Path<(String, String)>, rejection::PathRejection>;
type Named = Result<Query<Within>, rejection::QueryRejection>;

/// The path to ask what became of a conversion.
pub(super) fn path(code: &str, campaign: &str, conversion: &str) -> String {
    format!("/v1/actions/codes/{code}/conversions/{conversion}?campaign={campaign}")
}

/// The path of the button that asks again.
fn check_path(code: &str, campaign: &str, conversion: &str) -> String {
    format!("/v1/actions/codes/{code}/conversions/{conversion}/check?campaign={campaign}")
}

/// Say what became of an Action's transaction
///
/// `completed` as soon as the conversion is in the mirror, which is a second or two after the cluster has
/// confirmed it. Before that, an Action with a button that asks again; and if the transaction named by
/// `signature` has failed, one with the program's error.
#[utoipa::path(post, path = "/v1/actions/codes/{code}/conversions/{conversion}", tag = "actions",
    params(
        ("code" = inline(schemas::Code), Path, description = "The code, in either case"),
        ("conversion" = inline(schemas::Address), Path, description = "Address of the conversion"),
        ("campaign" = inline(schemas::Address), Query, description = "Address of the campaign"),
    ),
    request_body = NextRequest,
    responses(
        (status = 200, body = Action),
        (status = 400, description = "malformed_json, missing_field, wrong_type, invalid_address, invalid_code, invalid_query, invalid_signature", body = ErrorEnvelope),
        (status = 404, description = "conversion_not_found: it is another wallet's", body = ErrorEnvelope),
        (status = 413, description = "body_too_large", body = ErrorEnvelope),
        (status = 415, description = "unsupported_media_type", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn next(
    State(state): State<AppState>,
    parts: Parts,
    named: Named,
    extract::Json(request): extract::Json<NextRequest>,
) -> ApiResult<Json<Action>> {
    let asked = Asked::read(parts, named, &request)?;
    asked.action(&state).await.map(Json)
}

/// Ask again what became of an Action's transaction
///
/// The same in the form that a button of an Action gets.
#[utoipa::path(post, path = "/v1/actions/codes/{code}/conversions/{conversion}/check", tag = "actions",
    params(
        ("code" = inline(schemas::Code), Path, description = "The code, in either case"),
        ("conversion" = inline(schemas::Address), Path, description = "Address of the conversion"),
        ("campaign" = inline(schemas::Address), Query, description = "Address of the campaign"),
    ),
    request_body = NextRequest,
    responses(
        (status = 200, body = PostAnswer),
        (status = 400, description = "malformed_json, missing_field, wrong_type, invalid_address, invalid_code, invalid_query, invalid_signature", body = ErrorEnvelope),
        (status = 404, description = "conversion_not_found: it is another wallet's", body = ErrorEnvelope),
        (status = 413, description = "body_too_large", body = ErrorEnvelope),
        (status = 415, description = "unsupported_media_type", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn check(
    State(state): State<AppState>,
    parts: Parts,
    named: Named,
    extract::Json(request): extract::Json<NextRequest>,
) -> ApiResult<Json<PostAnswer>> {
    let asked = Asked::read(parts, named, &request)?;
    let action = asked.action(&state).await?;
    Ok(Json(PostAnswer {
        kind: "post",
        links: NextLinks {
            next: NextLink::Inline {
                action: Box::new(action),
            },
        },
    }))
}

struct Asked {
    code: Code,
    campaign: Address,
    conversion: Address,
    account: Address,
    signature: Option<String>,
}

impl Asked {
    fn read(parts: Parts, named: Named, request: &NextRequest) -> ApiResult<Self> {
        let Path((code, conversion)) = parts.map_err(|_| ApiError::route_not_found())?;
        let Query(within) = named.map_err(|_| ApiError::invalid_query())?;
        let campaign = within.campaign.ok_or_else(|| {
            ApiError::invalid_query()
                .saying("name the campaign")
                .of_field("campaign")
        })?;
        let signature = request.signature.as_deref().map(types::signature);
        Ok(Self {
            code: types::code(&code)?,
            campaign: campaign.parse()?,
            conversion: conversion.parse()?,
            account: request
                .account
                .parse()
                .map_err(|error: ApiError| error.of_field("account"))?,
            signature: signature.transpose()?.map(|it| it.to_string()),
        })
    }

    async fn action(&self, state: &AppState) -> ApiResult<Action> {
        let address = self.conversion.to_string();
        let found = state
            .database
            .run(async |pool| conversions::find(&pool, &address).await)
            .await?;
        let Some(found) = found else {
            return self.missing(state, &address).await;
        };
        if found.referee != self.account.to_string() {
            return Err(ApiError::conversion_not_found());
        }
        let campaign = state
            .database
            .run(async |pool| campaigns::find(&pool, &found.campaign).await)
            .await?
            .ok_or_else(ApiError::campaign_not_found)?;
        let outcomes = state
            .database
            .run(async |pool| conversions::outcomes(&pool, &address).await)
            .await?;
        let has_own = outcomes
            .iter()
            .any(|it| it.kind == "part_paid" && it.part.as_deref() == Some("referee"));
        Ok(completed(
            &state.links,
            &found,
            &Names::of(&campaign),
            has_own,
        ))
    }

    /// Why an attempt failed: the program's error, also if it is that of the binding before it in the same
    /// transaction.
    async fn reason(&self, state: &AppState, attempt: why::Attempt) -> ApiResult<String> {
        let mut code = attempt.error_code;
        if code.is_none() {
            let (wallet, campaign) = (self.account.to_string(), self.campaign.to_string());
            let of = Of::Wallet {
                wallet: &wallet,
                campaign: &campaign,
            };
            let attempts = state
                .database
                .run(async |pool| why::attempts(&pool, of).await)
                .await?;
            code = attempts
                .into_iter()
                .filter(|other| other.signature == attempt.signature)
                .find_map(|other| other.error_code);
        }
        let error = code.and_then(|code| ProgramError::from_code(u32::try_from(code).ok()?));
        Ok(match error {
            Some(error) => error.message().to_owned(),
            None => "it failed outside of the program, for example for lack of SOL".to_owned(),
        })
    }

    /// The Action for a conversion that the mirror does not have.
    async fn missing(&self, state: &AppState, address: &str) -> ApiResult<Action> {
        let failed = match &self.signature {
            None => None,
            Some(signature) => {
                let attempts = state
                    .database
                    .run(async |pool| why::attempts(&pool, Of::Conversion(address)).await)
                    .await?;
                attempts
                    .into_iter()
                    .find(|attempt| attempt.signature == *signature && !attempt.succeeded)
            }
        };
        let failed = match failed {
            Some(attempt) => Some(self.reason(state, attempt).await?),
            None => None,
        };
        let (code, campaign) = (self.code.as_str(), self.campaign.to_string());
        let (title, description, button, error) = match failed {
            Some(reason) => (
                "Not recorded",
                "The transaction failed, so nothing was recorded or paid.",
                LinkedAction {
                    kind: "transaction",
                    href: Links::action_path(code, &campaign, false),
                    label: "Try again",
                },
                Some(reason),
            ),
            None => (
                "Not recorded yet",
                "The network has not told us of the transaction yet. It takes a second or two after \
                 your wallet has sent it.",
                LinkedAction {
                    kind: "post",
                    href: check_path(code, &campaign, address),
                    label: "Check again",
                },
                None,
            ),
        };
        Ok(Action {
            kind: "action",
            icon: icon(&state.links, code, &campaign),
            title: title.to_owned(),
            description: description.to_owned(),
            label: button.label.to_owned(),
            disabled: None,
            links: Some(ActionLinks {
                actions: vec![button],
            }),
            error: error.map(|message| ActionError { message }),
        })
    }
}

fn completed(links: &Links, found: &Conversion, names: &Names, has_own: bool) -> Action {
    let own = match (found.status.as_str(), found.reward_referee) {
        ("cancelled", _) => "The campaign cancelled it within its hold.".to_owned(),
        (_, units) if has_own => format!("Your wallet has got {}.", names.amount(units)),
        ("lapsed", 0) => {
            "The period for claims ended before the one who invited you was paid.".to_owned()
        }
        ("lapsed", units) => format!(
            "The period for claims ended before your wallet got {}: it is no longer owed.",
            names.amount(units)
        ),
        (_, 0) => format!(
            "The one who invited you gets {}.",
            names.amount(found.reward_referrer)
        ),
        ("paid", units) => format!("Your wallet has got {}.", names.amount(units)),
        (_, units) => format!(
            "Your wallet gets {}, and the record says when.",
            names.amount(units)
        ),
    };
    let safety = if found.is_final {
        "The record is final."
    } else {
        "The record is confirmed, and final within seconds."
    };
    Action {
        kind: "completed",
        icon: icon(links, &found.code, &found.campaign),
        title: match &names.campaign {
            Some(name) => format!("Recorded: {name}"),
            None => "Recorded".to_owned(),
        },
        description: format!(
            "{own} {safety} {}",
            links.absolute(&format!("/conversion/{}", found.address))
        ),
        label: "Recorded".to_owned(),
        disabled: None,
        links: None,
        error: None,
    }
}
