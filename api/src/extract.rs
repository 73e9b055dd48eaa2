//! axum's extractors, with their rejections in the error envelope.

use axum::{
    extract::{FromRequest, FromRequestParts, Request, rejection::JsonRejection},
    http::{StatusCode, request::Parts},
};
use serde::de::DeserializeOwned;
use vouch_client::Code;

use crate::{error::ApiError, types};

/// A JSON body.
pub(crate) struct Json<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(match &rejection {
                // serde's text names the field and the position, nothing internal.
                JsonRejection::JsonDataError(error) => {
                    ApiError::malformed_json().saying(error.body_text())
                }
                JsonRejection::JsonSyntaxError(_) => ApiError::malformed_json(),
                JsonRejection::MissingJsonContentType(_) => ApiError::unsupported_media_type(),
                other if other.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                    ApiError::body_too_large()
                }
                _ => ApiError::malformed_json(),
            }),
        }
    }
}

/// The query string.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        axum::extract::Query::<T>::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Query(value)| Self(value))
            .map_err(|rejection| ApiError::invalid_query().saying(rejection.body_text()))
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

/// The path's wallet.
pub(crate) struct PathWallet(pub(crate) types::WalletAddress);

impl<S: Send + Sync> FromRequestParts<S> for PathWallet {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let axum::extract::Path(text) =
            axum::extract::Path::<String>::from_request_parts(parts, state)
                .await
                .map_err(|_| ApiError::invalid_address())?;
        text.parse().map(Self)
    }
}
