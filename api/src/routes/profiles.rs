//! `/v1/codes/{code}/profile`: what the owner of a code says about it.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vouch_db::api::profiles;

use crate::{
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    extract::{self, CodeQuery},
    rights::OwnerOf,
    schemas,
    state::AppState,
    text,
};

/// The owner's profile of a code: plain text, to be escaped where it is shown. Lengths are in
/// characters. Control characters and those that change the direction of text are refused. A field that
/// is null or absent is not set.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CodeProfile {
    /// 1 to 40 characters.
    #[schema(format = "plain-text", min_length = 1, max_length = 40)]
    nickname: Option<String>,
    /// 1 to 500 characters.
    #[schema(format = "plain-text", min_length = 1, max_length = 500)]
    description: Option<String>,
    /// Shown to people who follow the link: 1 to 280 characters.
    #[schema(format = "plain-text", min_length = 1, max_length = 280)]
    message: Option<String>,
    /// At most 32 lower-case letters, digits and single hyphens between them.
    #[schema(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 32)]
    category: Option<String>,
    /// A country as ISO 3166-1 alpha-2: two upper-case letters.
    #[schema(pattern = "^[A-Z]{2}$")]
    region: Option<String>,
}

/// Set the profile of one's own code
///
/// Replaces the whole profile. It is shown as long as the caller owns the code.
#[utoipa::path(put, path = "/v1/codes/{code}/profile", tag = "codes", operation_id = "set_code_profile",
    params(("code" = inline(schemas::Code), Path, description = "The code, in either case"), CodeQuery),
    request_body = CodeProfile,
    security(("session" = ["code_owner"]), ("cookie" = ["code_owner"])),
    responses(
        (status = 200, body = CodeProfile),
        (status = 400, description = "invalid_code, invalid_address, invalid_query, malformed_json, missing_field, unknown_field, wrong_type, invalid_profile", body = ErrorEnvelope),
        (status = 401, description = "unauthenticated", body = ErrorEnvelope),
        (status = 403, description = "not_code_owner, session_required, cross_site_request", body = ErrorEnvelope),
        (status = 404, description = "code_not_found", body = ErrorEnvelope),
        (status = 413, description = "body_too_large", body = ErrorEnvelope),
        (status = 415, description = "unsupported_media_type", body = ErrorEnvelope),
        (status = 429, description = "too_many_requests", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable, mirror_stale", body = ErrorEnvelope),
    ))]
pub(crate) async fn set(
    OwnerOf { referral, .. }: OwnerOf,
    State(state): State<AppState>,
    extract::Json(profile): extract::Json<CodeProfile>,
) -> ApiResult<Json<CodeProfile>> {
    let profile = profile.checked()?;
    let stored = profiles::CodeProfile::from(profile);
    let set = state
        .database
        .run(async |pool| profiles::set(&pool, &referral.address, &referral.owner, &stored).await)
        .await?;
    if set {
        Ok(Json(stored.into()))
    } else {
        // It was given away meanwhile.
        Err(ApiError::not_code_owner())
    }
}

impl CodeProfile {
    fn checked(self) -> ApiResult<Self> {
        let text = |field: &str, text: Option<String>, most| match text {
            None => Ok(None),
            Some(text) => text::plain(&text, most).map(Some).ok_or_else(|| {
                ApiError::invalid_profile().saying(format!(
                    "{field} has 1 to {most} characters, all of which can be seen"
                ))
            }),
        };
        if !self.category.as_deref().is_none_or(is_category) {
            return Err(ApiError::invalid_profile().saying(
                "category has at most 32 lower-case letters, digits and single hyphens between them",
            ));
        }
        if !self.region.as_deref().is_none_or(is_region) {
            return Err(ApiError::invalid_profile().saying("region is two upper-case letters"));
        }
        Ok(Self {
            nickname: text("nickname", self.nickname, 40)?,
            description: text("description", self.description, 500)?,
            message: text("message", self.message, 280)?,
            category: self.category,
            region: self.region,
        })
    }
}

fn is_category(text: &str) -> bool {
    let is_part = |part: &str| {
        let is_good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        !part.is_empty() && part.bytes().all(is_good)
    };
    text.len() <= 32 && text.split('-').all(is_part)
}

fn is_region(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

impl From<CodeProfile> for profiles::CodeProfile {
    fn from(profile: CodeProfile) -> Self {
        Self {
            nickname: profile.nickname,
            description: profile.description,
            message: profile.message,
            category: profile.category,
            region: profile.region,
        }
    }
}

impl From<profiles::CodeProfile> for CodeProfile {
    fn from(profile: profiles::CodeProfile) -> Self {
        Self {
            nickname: profile.nickname,
            description: profile.description,
            message: profile.message,
            category: profile.category,
            region: profile.region,
        }
    }
}
