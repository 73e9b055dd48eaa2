//! axum's extractors, with their rejections in the error envelope.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use serde::{Deserialize, de::DeserializeOwned};
use utoipa::{IntoParams, ToSchema};
use vouch_client::Code;

use crate::{
    body,
    config::BODY_TIMEOUT,
    error::{ApiError, ApiResult},
    schemas,
    types::{self, Address},
};

/// A JSON object as body, of the fields in the schema of `T`.
pub(crate) struct Json<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + ToSchema> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(ApiError::unsupported_media_type());
        }
        let read = tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, state)).await;
        let bytes = match read {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(error)) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                return Err(ApiError::body_too_large());
            }
            // The connection broke.
            Ok(Err(_)) => return Err(ApiError::malformed_json()),
            Err(_elapsed) => return Err(ApiError::request_timeout()),
        };
        body::read(&bytes).map(Self)
    }
}

/// Whether the body is said to be JSON.
fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .and_then(|kind| kind.split(';').next())
        .map(|kind| kind.trim().to_ascii_lowercase())
        .is_some_and(|kind| {
            kind == "application/json"
                || (kind.starts_with("application/") && kind.ends_with("+json"))
        })
}

/// A query that may name the campaign of a code.
pub(crate) trait NamesCampaign: DeserializeOwned + IntoParams + Send + Sync {
    /// The campaign; `None` if the short link's is meant.
    ///
    /// # Errors
    /// `invalid_address`.
    fn campaign(&self) -> ApiResult<Option<Address>>;
}

/// Selects the campaign.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CodeQuery {
    /// Address of the campaign; without it the first referral that had the code is meant.
    #[param(value_type = Option<schemas::Address>, inline)]
    campaign: Option<String>,
}

impl NamesCampaign for CodeQuery {
    fn campaign(&self) -> ApiResult<Option<Address>> {
        Self::campaign(self)
    }
}

impl CodeQuery {
    pub(crate) fn campaign(&self) -> ApiResult<Option<Address>> {
        self.campaign.as_deref().map(str::parse).transpose()
    }
}

/// Makes a repeated request the same as the first one:
/// <https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07>.
pub(crate) struct IdempotencyKey(pub(crate) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let mut values = parts.headers.get_all("idempotency-key").iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return if parts.headers.contains_key("idempotency-key") {
                Err(ApiError::invalid_idempotency_key())
            } else {
                Ok(Self(None))
            };
        };
        let text = value.to_str().unwrap_or_default();
        // A string of RFC 8941 stands in quotes.
        let text = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
            .unwrap_or(text);
        if (16..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(Some(text.to_owned())))
        } else {
            Err(ApiError::invalid_idempotency_key())
        }
    }
}

/// The query string.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + IntoParams> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let known: Vec<String> = T::into_params(|| None)
            .into_iter()
            .map(|parameter| parameter.name)
            .collect();
        let query = parts.uri.query().unwrap_or_default();
        let mut seen = Vec::new();
        for (name, _) in url::form_urlencoded::parse(query.as_bytes()) {
            if !known.contains(&name.to_string()) {
                let message = format!("there is no such parameter; known are {}", known.join(", "));
                return Err(ApiError::invalid_query().saying(message).of_field(name));
            }
            if seen.contains(&name) {
                let message = "this parameter is there twice";
                return Err(ApiError::invalid_query().saying(message).of_field(name));
            }
            seen.push(name);
        }
        axum::extract::Query::<T>::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Query(value)| Self(value))
            .map_err(|_| ApiError::invalid_query())
    }
}

/// The single text parameter of the path.
pub(crate) struct PathText(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for PathText {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        axum::extract::Path::<String>::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(text)| Self(text))
            // The parameter is not UTF-8 after percent-decoding.
            .map_err(|_| ApiError::route_not_found())
    }
}

/// The path's code, in either case.
pub(crate) struct PathCode(pub(crate) Code);

impl<S: Send + Sync> FromRequestParts<S> for PathCode {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let axum::extract::Path(text) =
            axum::extract::Path::<String>::from_request_parts(parts, state)
                .await
                .map_err(|_| ApiError::invalid_code())?;
        types::code(&text).map(Self)
    }
}

/// The path's address.
pub(crate) struct PathAddress(pub(crate) types::Address);

impl<S: Send + Sync> FromRequestParts<S> for PathAddress {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let axum::extract::Path(text) =
            axum::extract::Path::<String>::from_request_parts(parts, state)
                .await
                .map_err(|_| ApiError::invalid_address())?;
        text.parse().map(Self)
    }
}
