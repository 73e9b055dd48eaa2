//! Solana Actions (blinks) and Solana Pay: a wallet joins a campaign without leaving the page, chat or
//! poster that shows the link.
//!
//! Types and headers are those of version 2.4 of the specification of Solana Actions,
//! <https://github.com/solana-developers/solana-actions/tree/main/packages/actions-spec>. The same routes
//! answer transaction requests of Solana Pay, <https://docs.solanapay.com/spec>.

mod headers;
mod outcome;
mod terms;

use std::net::SocketAddr;

use axum::{
    Json,
    extract::{ConnectInfo, RawQuery, State},
    http::HeaderMap,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tracing::warn;
use utoipa::ToSchema;
use vouch_client::{
    Code,
    accounts::{AccountType as _, Campaign},
};
use vouch_db::api::{campaigns, codes::Referral, profiles};

use self::terms::{Names, quoted};
pub(crate) use self::{
    headers::layer,
    outcome::{__path_check, __path_next, check, next},
};
use super::{
    codes,
    redirect::{Crowded, Of, Tracking},
    transactions::{self, ConvertRequest},
};
use crate::{
    clicks::verdict,
    connections::Peer,
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    extract::{self, PathAddress, PathCode},
    limits::Meter,
    links::Links,
    schemas,
    state::AppState,
    types::{self, Address},
};

/// `src` of transaction requests of Solana Pay.
const PAY: &str = "pay";
/// The source of clicks by other clients of Actions.
const BLINK: &str = "blink";

/// Which links of this domain are Actions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ActionsJson {
    rules: [ActionRule; 3],
}

/// An Action for all links of a form.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ActionRule {
    /// Path of a link; `*` is any text without a slash, `**` any text.
    #[serde(rename = "pathPattern")]
    path_pattern: &'static str,
    /// Path of its Action.
    #[serde(rename = "apiPath")]
    api_path: &'static str,
}

/// Which links are Actions
///
/// Share links and landing pages that name a code. Clients keep the query of a link.
#[utoipa::path(get, path = "/actions.json", tag = "actions",
    responses((status = 200, body = ActionsJson)))]
pub(crate) async fn rules() -> Json<ActionsJson> {
    let rule = |path_pattern, api_path| ActionRule {
        path_pattern,
        api_path,
    };
    Json(ActionsJson {
        rules: [
            rule("/r/*", "/v1/actions/codes/*"),
            rule("/c/*", "/v1/actions/campaigns/*"),
            rule("/v1/actions/**", "/v1/actions/**"),
        ],
    })
}

/// An Action, as a client shows it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Action {
    /// action or completed.
    #[serde(rename = "type")]
    #[schema(example = "action")]
    kind: &'static str,
    /// URL of a PNG.
    icon: String,
    title: String,
    description: String,
    /// Text of the button.
    label: String,
    /// Whether the button does nothing; absent if it works.
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    links: Option<ActionLinks>,
    /// Why it does nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ActionError>,
}

/// Buttons of an Action, instead of one for the Action itself.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ActionLinks {
    actions: Vec<LinkedAction>,
}

/// A button.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LinkedAction {
    /// transaction or post.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Path of the request that it makes.
    href: String,
    label: &'static str,
}

/// A text for people.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ActionError {
    message: String,
}

/// The body that a client of Actions or of Solana Pay posts. Other fields are ignored.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ActionRequest {
    /// The wallet.
    #[schema(value_type = schemas::Address)]
    account: String,
}

/// An unsigned transaction, and where to ask what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ActionTransaction {
    /// Always `transaction`.
    #[serde(rename = "type")]
    #[schema(example = "transaction")]
    kind: &'static str,
    /// The unsigned wire transaction in base64; the wallet is its only signer and pays for it.
    transaction: String,
    /// Text that tells the user the effect of the transaction.
    message: String,
    links: NextLinks,
}

/// The link to the next step.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NextLinks {
    next: NextLink,
}

/// A request to make next, or an Action to show next.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum NextLink {
    /// Post the wallet and the signature to this path, and get an Action.
    Post {
        /// A path of this service.
        href: String,
    },
    /// Show this Action.
    Inline {
        /// The Action.
        action: Box<Action>,
    },
}

/// The Action that somebody asks for. The query is that of the link, so what only describes the link
/// never makes it fail.
struct Asked {
    code: Code,
    tracking: Tracking,
    /// Whether it is a transaction request of Solana Pay.
    is_pay: bool,
}

impl Asked {
    fn of_code(code: Code, query: Option<&str>) -> ApiResult<Self> {
        let query = query.unwrap_or_default();
        let tracking = Tracking::read(query)?;
        let is_pay = url::form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "src")
            .is_some_and(|(_, source)| source == PAY);
        Ok(Self {
            code,
            tracking,
            is_pay,
        })
    }

    /// Reads the query of a landing page's link, which names the code in `ref`.
    fn of_campaign(campaign: Address, query: Option<&str>) -> ApiResult<Self> {
        let query = query.unwrap_or_default();
        let code = url::form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "ref")
            .map(|(_, code)| types::code(&code))
            .transpose()?
            .ok_or_else(|| {
                ApiError::code_not_found()
                    .saying("this link names no code: use one that was shared")
            })?;
        let mut asked = Self::of_code(code, Some(query))?;
        asked.tracking.campaign = Some(campaign);
        Ok(asked)
    }
}

/// Show a code as an Action
///
/// Says what the wallet gets and what it costs. Where the code cannot earn, or the campaign's conversions
/// need what an Action cannot give, the Action is disabled, and `error` has the reason. With `src=pay`,
/// which links of Solana Pay have, `label` is the title, because that standard shows it so.
#[utoipa::path(get, path = "/v1/actions/codes/{code}", tag = "actions",
    params(
        ("code" = inline(schemas::Code), Path, description = "The code, in either case"),
        ("campaign" = inline(Option<schemas::Address>), Query, description = "Address of the campaign; without it the first referral that had the code is meant"),
        ("src" = Option<String>, Query, description = "pay for Solana Pay"),
    ),
    responses(
        (status = 200, body = Action),
        (status = 400, description = "invalid_code, invalid_address", body = ErrorEnvelope),
        (status = 404, description = "code_not_found, campaign_not_found", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn show(
    State(state): State<AppState>,
    PathCode(code): PathCode,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<Action>> {
    let asked = Asked::of_code(code, query.as_deref())?;
    metadata(&state, &asked).await.map(Json)
}

/// Show a landing page's code as an Action
///
/// As `/v1/actions/codes/{code}` does, for the link of a landing page.
#[utoipa::path(get, path = "/v1/actions/campaigns/{address}", tag = "actions",
    params(
        ("address" = inline(schemas::Address), Path, description = "Address of the campaign"),
        ("ref" = inline(schemas::Code), Query, description = "The code, in either case"),
    ),
    responses(
        (status = 200, body = Action),
        (status = 400, description = "invalid_code, invalid_address", body = ErrorEnvelope),
        (status = 404, description = "code_not_found, campaign_not_found", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn show_in_campaign(
    State(state): State<AppState>,
    PathAddress(campaign): PathAddress,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<Action>> {
    let asked = Asked::of_campaign(campaign, query.as_deref())?;
    metadata(&state, &asked).await.map(Json)
}

async fn metadata(state: &AppState, asked: &Asked) -> ApiResult<Action> {
    let found = state
        .referral(&asked.code, asked.tracking.campaign.as_ref())
        .await?;
    let campaign = state
        .database
        .run(async |pool| campaigns::find(&pool, &found.campaign).await)
        .await?
        .ok_or_else(ApiError::campaign_not_found)?;
    let profile = state
        .database
        .run(async |pool| profiles::find(&pool, &found.address).await)
        .await?;
    let names = Names::of(&campaign);
    let nickname = profile.and_then(|profile| profile.nickname);
    // A stranger chose the nickname: the quotes mark it as a name.
    let who = nickname.map_or_else(|| found.code.clone(), |nickname| quoted(&nickname));
    let title = match &names.campaign {
        Some(name) => format!("{who} vouches for you: {name}"),
        None => format!("{who} vouches for you"),
    };
    let (description, refusal) = offered(&found, &campaign, &names);
    let label = match (asked.is_pay, &refusal) {
        (true, _) => title.clone(),
        // Without the reward: a button has no room to say which token it is, and when it is paid.
        (false, None) => "Join".to_owned(),
        (false, Some(_)) => "Not available".to_owned(),
    };
    let short = found.owns_short_link;
    let links = &state.links;
    Ok(Action {
        kind: "action",
        icon: links.qr_image(&found.code, &found.campaign, short, "png"),
        title,
        description,
        label,
        disabled: refusal.is_some().then_some(true),
        links: None,
        error: refusal.map(|refusal| ActionError {
            message: refusal.message,
        }),
    })
}

/// The campaign's offer in words, and the refusal that disables the button.
fn offered(
    found: &Referral,
    campaign: &campaigns::Campaign,
    names: &Names,
) -> (String, Option<ApiError>) {
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let invalid = codes::invalid(found, now).map(ApiError::from);
    let Ok(account) = Campaign::decode(&campaign.data) else {
        let unknown = || {
            ApiError::action_unsupported().saying("this campaign is of another version of Vouch")
        };
        let description = "Sign once to join.".to_owned();
        return (description, invalid.or_else(|| Some(unknown())));
    };
    let reward = terms::reward(&account, now, found.conversions);
    let refusal = invalid
        .or_else(|| terms::check(&account, now).err())
        .or_else(|| terms::check_open(&account, now, &reward).err());
    // Without what an order is worth, nobody knows what it pays.
    let description = match &refusal {
        Some(refusal) if refusal.code == "action_unsupported" => match &names.campaign {
            Some(name) => format!("An invitation to {name}."),
            None => "An invitation to a campaign.".to_owned(),
        },
        _ => terms::describe(names, &account, now, &reward),
    };
    (description, refusal)
}

/// Build the transaction of an Action
///
/// The same as `/v1/transactions/convert` builds for a sign-up. `account` signs and pays. The next link
/// says whether the conversion was recorded. The request counts as a click with the source `blink`, or
/// `pay` with `src=pay`: somebody has pressed a button in a wallet. Showing an Action is no click, because
/// clients and previews do so on their own.
#[utoipa::path(post, path = "/v1/actions/codes/{code}", tag = "actions",
    params(
        ("code" = inline(schemas::Code), Path, description = "The code, in either case"),
        ("campaign" = inline(Option<schemas::Address>), Query, description = "Address of the campaign; without it the first referral that had the code is meant"),
        ("src" = Option<String>, Query, description = "pay for Solana Pay"),
    ),
    request_body = ActionRequest,
    responses(
        (status = 200, body = ActionTransaction),
        (status = 400, description = "malformed_json, missing_field, wrong_type, invalid_address, invalid_code", body = ErrorEnvelope),
        (status = 404, description = "code_not_found, campaign_not_found", body = ErrorEnvelope),
        (status = 409, description = "action_unsupported, already_converted, campaign_closed, campaign_paused, campaign_not_started, campaign_ended, code_inactive, code_expired, usage_limit_reached, bound_elsewhere, owner_limit_reached, referrer_not_found, budget_exhausted, vault_exhausted", body = ErrorEnvelope),
        (status = 413, description = "body_too_large", body = ErrorEnvelope),
        (status = 415, description = "unsupported_media_type", body = ErrorEnvelope),
        (status = 422, description = "self_referral, credential_required, credential_expired, transaction_too_large", body = ErrorEnvelope),
        (status = 429, description = "too_many_requests", body = ErrorEnvelope),
        (status = 503, description = "overloaded, chain_unavailable, database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn build(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    meter: Meter,
    PathCode(code): PathCode,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    extract::Json(request): extract::Json<ActionRequest>,
) -> ApiResult<Json<ActionTransaction>> {
    let asked = Asked::of_code(code, query.as_deref())?;
    transaction(&state, asked, peer.address, &meter, &headers, &request)
        .await
        .map(Json)
}

/// Build the transaction of a landing page's Action
///
/// As `/v1/actions/codes/{code}` does.
#[utoipa::path(post, path = "/v1/actions/campaigns/{address}", tag = "actions",
    params(
        ("address" = inline(schemas::Address), Path, description = "Address of the campaign"),
        ("ref" = inline(schemas::Code), Query, description = "The code, in either case"),
    ),
    request_body = ActionRequest,
    responses(
        (status = 200, body = ActionTransaction),
        (status = 400, description = "malformed_json, missing_field, wrong_type, invalid_address, invalid_code", body = ErrorEnvelope),
        (status = 404, description = "code_not_found, campaign_not_found", body = ErrorEnvelope),
        (status = 409, description = "As of /v1/actions/codes/{code}", body = ErrorEnvelope),
        (status = 413, description = "body_too_large", body = ErrorEnvelope),
        (status = 415, description = "unsupported_media_type", body = ErrorEnvelope),
        (status = 422, description = "As of /v1/actions/codes/{code}", body = ErrorEnvelope),
        (status = 429, description = "too_many_requests", body = ErrorEnvelope),
        (status = 503, description = "overloaded, chain_unavailable, database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn build_in_campaign(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    meter: Meter,
    PathAddress(campaign): PathAddress,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    extract::Json(request): extract::Json<ActionRequest>,
) -> ApiResult<Json<ActionTransaction>> {
    let asked = Asked::of_campaign(campaign, query.as_deref())?;
    transaction(&state, asked, peer.address, &meter, &headers, &request)
        .await
        .map(Json)
}

async fn transaction(
    state: &AppState,
    mut asked: Asked,
    peer: SocketAddr,
    meter: &Meter,
    headers: &HeaderMap,
    request: &ActionRequest,
) -> ApiResult<ActionTransaction> {
    let account: Address = request
        .account
        .parse()
        .map_err(|error: ApiError| error.of_field("account"))?;
    meter.action(&state.limits, &account.to_string()).await?;
    let wanted = ConvertRequest::signup(&asked.code, asked.tracking.campaign.as_ref(), &account);
    let (built, checked) = transactions::build_convert(state, wanted)
        .await
        .map_err(terms::refused)?;
    let hold = checked.campaign.in_force(checked.now).hold_seconds;
    let campaign = checked.referral.campaign.to_string();
    let names = state
        .database
        .run(async |pool| campaigns::find(&pool, &campaign).await)
        .await
        .ok()
        .flatten()
        .map_or_else(
            // The transaction is right without the names.
            || Names::without_profile(&checked.campaign),
            |found| Names::of(&found),
        );
    let source = if asked.is_pay { PAY } else { BLINK };
    asked.tracking.source = Some(source.to_owned());
    asked.tracking.wallet = Some(account.to_string());
    let of = Of {
        campaign: campaign.clone(),
        referral: built.referral.clone(),
        code: asked.code.to_string(),
    };
    // Wallets ask by HTTP libraries, so the user agent says nothing here.
    let click = asked
        .tracking
        .click(state, peer, headers, verdict::HUMAN, Crowded::Shared, of);
    if let Err(error) = state.recorder.record(click).await {
        warn!(
            code = error.code,
            "the click of an Action could not be stored"
        );
    }
    Ok(ActionTransaction {
        kind: "transaction",
        message: terms::confirm(&names, &built.reward, hold),
        links: NextLinks {
            next: NextLink::Post {
                href: outcome::path(asked.code.as_str(), &campaign, &built.conversion),
            },
        },
        transaction: built.built.transaction,
    })
}

/// The icon of a code in this campaign.
fn icon(links: &Links, code: &str, campaign: &str) -> String {
    links.qr_image(code, campaign, false, "png")
}
