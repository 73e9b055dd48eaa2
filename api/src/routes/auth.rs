//! `/v1/auth`: sign-in with a wallet, and the sessions that it opens.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use vouch_db::api::auth::sessions::{self, LIFE_SECONDS, NewSession, NotOpened, Session};

use crate::{
    auth::{
        SignIn, is_signed_form,
        token::{Kind, Token},
        usual_forms,
    },
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    extract,
    limits::{Meter, Who},
    rights::{Absent, PathId, Wallet, same_origin},
    schemas,
    state::AppState,
    types::{self, WalletAddress, timestamp},
};

/// Characters of a browser's name that are kept.
const USER_AGENT: usize = 200;

/// An answer that nobody may store, because it is for one caller.
pub(crate) struct Private<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Private<T> {
    fn into_response(self) -> Response {
        ([(header::CACHE_CONTROL, "no-store")], Json(self.0)).into_response()
    }
}

/// The wallet that asks to sign in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChallengeRequest {
    /// The wallet.
    #[schema(value_type = schemas::Wallet)]
    wallet: String,
}

/// The message that the wallet has to sign.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChallengeAnswer {
    wallet: String,
    /// To be sent back with the signature.
    nonce: String,
    /// The message, for wallets that sign messages.
    message: String,
    /// The same message as the input of `solana:signIn`.
    input: SignIn,
    /// RFC 3339.
    expires_at: Option<String>,
}

/// Ask for a message to sign in with
///
/// The message is in the format of Sign-In With Solana. It can be used once, within five minutes.
#[utoipa::path(post, path = "/v1/auth/challenge", tag = "auth", operation_id = "create_challenge", request_body = ChallengeRequest,
    responses(
        (status = 200, body = ChallengeAnswer),
        (status = 400, description = "malformed_json, missing_field, unknown_field, wrong_type, invalid_address, not_a_wallet", body = ErrorEnvelope),
        (status = 413, description = "body_too_large", body = ErrorEnvelope),
        (status = 415, description = "unsupported_media_type", body = ErrorEnvelope),
        (status = 429, description = "too_many_requests", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn challenge(
    State(state): State<AppState>,
    extract::Json(request): extract::Json<ChallengeRequest>,
) -> ApiResult<Private<ChallengeAnswer>> {
    let wallet: WalletAddress = request.wallet.parse()?;
    let challenge = state.auth.challenge(&state.database, &wallet).await?;
    Ok(Private(ChallengeAnswer {
        wallet: wallet.to_string(),
        nonce: challenge.nonce.to_string(),
        message: challenge.sign_in.to_string(),
        input: challenge.sign_in,
        expires_at: timestamp(challenge.expires_at.unix_timestamp()),
    }))
}

/// How a session's token is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TokenKind {
    /// As a cookie that scripts cannot read: for pages.
    #[default]
    Cookie,
    /// In the header `Authorization`: for programs.
    Bearer,
}

/// A signed challenge.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SessionRequest {
    /// The wallet that signed.
    #[schema(value_type = schemas::Wallet)]
    wallet: String,
    /// The challenge's.
    #[schema(pattern = "^[0-9a-f]{80}$")]
    nonce: String,
    /// 64 bytes in base58.
    #[schema(value_type = schemas::Signature)]
    signature: String,
    /// The bytes that were signed, in base64, as wallets return them: the message, or a Solana
    /// off-chain message with it as its text. Without it, the message was signed, or what the Solana
    /// CLI makes of it.
    #[schema(pattern = "^[A-Za-z0-9+/]*={0,2}$")]
    signed_message: Option<String>,
    /// cookie when absent.
    #[serde(default)]
    token: TokenKind,
}

/// A session that was opened.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionOpened {
    id: Uuid,
    wallet: String,
    /// RFC 3339: when it ends. Without use it ends after a week.
    expires_at: Option<String>,
    /// The bearer token, if one was asked for. It is shown only here.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// Sign in with a signed challenge
///
/// Sets the session's cookie, or returns a bearer token if `token` asks for it. A wallet has at most
/// 20 sessions; a further one ends the oldest.
#[utoipa::path(post, path = "/v1/auth/sessions", tag = "auth", operation_id = "open_session", request_body = SessionRequest,
    responses(
        (status = 201, body = SessionOpened),
        (status = 400, description = "malformed_json, missing_field, unknown_field, wrong_type, invalid_address, not_a_wallet, invalid_challenge, invalid_signature, wrong_message", body = ErrorEnvelope),
        (status = 401, description = "wrong_signature", body = ErrorEnvelope),
        (status = 403, description = "cross_site_request", body = ErrorEnvelope),
        (status = 409, description = "challenge_expired, challenge_used", body = ErrorEnvelope),
        (status = 413, description = "body_too_large", body = ErrorEnvelope),
        (status = 415, description = "unsupported_media_type", body = ErrorEnvelope),
        (status = 429, description = "too_many_requests", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn open(
    State(state): State<AppState>,
    meter: Meter,
    headers: HeaderMap,
    extract::Json(request): extract::Json<SessionRequest>,
) -> ApiResult<Response> {
    let cookie = request.token == TokenKind::Cookie;
    // Another site must not sign its visitors in as somebody else.
    if cookie && !same_origin(&headers, &state.auth, Absent::Program) {
        return Err(ApiError::cross_site_request());
    }
    let wallet: WalletAddress = request.wallet.parse()?;
    let signature = types::signature(&request.signature)?;
    let nonce = request.nonce.parse()?;
    let challenge = state
        .auth
        .challenge_of(&state.database, &wallet, nonce)
        .await?;
    let message = challenge.sign_in.to_string().into_bytes();
    let signed = match &request.signed_message {
        None => usual_forms(&message),
        Some(text) => {
            let bytes = STANDARD
                .decode(text)
                .map_err(|_| ApiError::wrong_message())?;
            if !is_signed_form(&bytes, &message, &wallet.0.to_bytes()) {
                return Err(ApiError::wrong_message());
            }
            vec![bytes]
        }
    };
    // Strict: neither a malleable signature nor a key of small order passes.
    if !signed
        .iter()
        .any(|bytes| signature.verify(wallet.0.as_ref(), bytes))
    {
        return Err(ApiError::wrong_signature());
    }

    let token = Token::new(Kind::Session);
    let address = wallet.to_string();
    // Only now: nobody else may use up the wallet's limit.
    meter
        .take(&state.limits, state.limits.sign_ins, Who::Wallet(&address))
        .await?;
    let user_agent: Option<String> = headers
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok())
        .map(|text| text.chars().take(USER_AGENT).collect());
    let new = NewSession {
        id: Uuid::now_v7(),
        wallet: &address,
        token_hash: &token.hash(),
        cookie,
        user_agent: user_agent.as_deref(),
        nonce: challenge.nonce.as_bytes(),
        nonce_expires_at: challenge.expires_at,
    };
    let opened = state
        .database
        .run(async |pool| sessions::open(&pool, &new).await)
        .await?;
    let expires_at = opened.map_err(|refusal| match refusal {
        NotOpened::Expired => ApiError::challenge_expired(),
        NotOpened::Used => ApiError::challenge_used(),
    })?;
    let answer = SessionOpened {
        id: new.id,
        wallet: address.clone(),
        expires_at: timestamp(expires_at.unix_timestamp()),
        token: (!cookie).then(|| token.expose().to_owned()),
    };
    let mut response = (StatusCode::CREATED, Private(answer)).into_response();
    if cookie {
        #[expect(clippy::cast_possible_truncation, reason = "30 days")]
        let life = LIFE_SECONDS as i64;
        set_cookie(&mut response, &state.auth.cookie(token.expose(), life))?;
    }
    Ok(response)
}

fn set_cookie(response: &mut Response, cookie: &str) -> ApiResult<()> {
    let mut value =
        HeaderValue::from_str(cookie).map_err(|error| ApiError::internal().because(error))?;
    value.set_sensitive(true);
    response.headers_mut().insert(header::SET_COOKIE, value);
    Ok(())
}

/// A session of the caller.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionAnswer {
    id: Uuid,
    /// Whether this request belongs to it.
    current: bool,
    /// cookie or bearer.
    kind: String,
    /// The beginning of the name of the browser that signed in.
    user_agent: Option<String>,
    /// RFC 3339.
    created_at: Option<String>,
    /// RFC 3339, to a minute.
    last_used_at: Option<String>,
    /// RFC 3339.
    expires_at: Option<String>,
}

/// The caller's sessions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionsAnswer {
    sessions: Vec<SessionAnswer>,
}

/// List one's own sessions, the newest first
#[utoipa::path(get, path = "/v1/auth/sessions", tag = "auth", operation_id = "list_sessions",
    security(("session" = []), ("cookie" = [])),
    responses(
        (status = 200, body = SessionsAnswer),
        (status = 401, description = "unauthenticated", body = ErrorEnvelope),
        (status = 403, description = "session_required", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn list(
    Wallet(current): Wallet,
    State(state): State<AppState>,
) -> ApiResult<Private<SessionsAnswer>> {
    let found = state
        .database
        .run(async |pool| sessions::list(&pool, &current.wallet).await)
        .await?;
    let sessions = found
        .into_iter()
        .map(|session| SessionAnswer::of(session, current.id))
        .collect();
    Ok(Private(SessionsAnswer { sessions }))
}

/// Log out everywhere
///
/// Ends every session of the wallet.
#[utoipa::path(delete, path = "/v1/auth/sessions", tag = "auth", operation_id = "end_all_sessions",
    security(("session" = []), ("cookie" = [])),
    responses(
        (status = 204, description = "All have ended"),
        (status = 401, description = "unauthenticated", body = ErrorEnvelope),
        (status = 403, description = "session_required, cross_site_request", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn end_all(
    Wallet(current): Wallet,
    State(state): State<AppState>,
) -> ApiResult<Response> {
    end(&state, &current, None).await?;
    ended(&state)
}

/// Log out
#[utoipa::path(delete, path = "/v1/auth/sessions/current", tag = "auth", operation_id = "end_current_session",
    security(("session" = []), ("cookie" = [])),
    responses(
        (status = 204, description = "It has ended"),
        (status = 401, description = "unauthenticated", body = ErrorEnvelope),
        (status = 403, description = "session_required, cross_site_request", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn end_current(
    Wallet(current): Wallet,
    State(state): State<AppState>,
) -> ApiResult<Response> {
    end(&state, &current, Some(current.id)).await?;
    ended(&state)
}

/// End one of one's own sessions
#[utoipa::path(delete, path = "/v1/auth/sessions/{id}", tag = "auth", operation_id = "end_session",
    params(("id" = String, Path, description = "The session's id")),
    security(("session" = []), ("cookie" = [])),
    responses(
        (status = 204, description = "It has ended"),
        (status = 401, description = "unauthenticated", body = ErrorEnvelope),
        (status = 403, description = "session_required, cross_site_request", body = ErrorEnvelope),
        (status = 404, description = "session_not_found", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn end_one(
    Wallet(current): Wallet,
    State(state): State<AppState>,
    PathId(id): PathId,
) -> ApiResult<StatusCode> {
    let id = id.ok_or_else(ApiError::session_not_found)?;
    if end(&state, &current, Some(id)).await? == 0 {
        return Err(ApiError::session_not_found());
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn end(state: &AppState, current: &Session, id: Option<Uuid>) -> ApiResult<u64> {
    Ok(state
        .database
        .run(async |pool| sessions::end(&pool, &current.wallet, id).await)
        .await?)
}

/// The answer that also removes the cookie.
fn ended(state: &AppState) -> ApiResult<Response> {
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookie(&mut response, &state.auth.cookie("", 0))?;
    Ok(response)
}

impl SessionAnswer {
    fn of(session: Session, current: Uuid) -> Self {
        Self {
            current: session.id == current,
            id: session.id,
            kind: session.kind,
            user_agent: session.user_agent,
            created_at: timestamp(session.created_at.unix_timestamp()),
            last_used_at: timestamp(session.last_used_at.unix_timestamp()),
            expires_at: timestamp(session.expires_at.unix_timestamp()),
        }
    }
}
