//! QR codes of share links.

use std::io::Cursor;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use image::{ImageFormat, Luma};
use qrcode::{EcLevel, QrCode, render::svg};

use super::codes::CodeQuery;
use crate::{
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    extract::{PathCode, Query},
    state::AppState,
};

/// Least width and height, in pixels.
const SIZE: u32 = 512;

/// QR code of the share link, as PNG
///
/// It holds the share link with `src=qr`, so that scans can be told apart.
#[utoipa::path(get, path = "/v1/codes/{code}/qr.png", tag = "codes",
    params(("code" = String, Path, description = "The code, in either case"), CodeQuery),
    responses(
        (status = 200, content_type = "image/png", body = Vec<u8>),
        (status = 400, description = "invalid_code, invalid_address, invalid_query", body = ErrorEnvelope),
        (status = 404, description = "code_not_found", body = ErrorEnvelope),
    ))]
pub(crate) async fn png(
    State(state): State<AppState>,
    PathCode(code): PathCode,
    Query(query): Query<CodeQuery>,
) -> ApiResult<Response> {
    let found = state.referral(&code, query.campaign()?.as_ref()).await?;
    let qr = encode(
        &state
            .links
            .qr(&found.code, &found.campaign, found.owns_short_link),
    )?;
    let picture = qr.render::<Luma<u8>>().min_dimensions(SIZE, SIZE).build();
    let mut png = Cursor::new(Vec::new());
    picture
        .write_to(&mut png, ImageFormat::Png)
        .map_err(|error| ApiError::internal().because(error))?;
    Ok((
        [(header::CONTENT_TYPE, "image/png"), CACHE],
        png.into_inner(),
    )
        .into_response())
}

/// QR code of the share link, as SVG
///
/// It holds the share link with `src=qr`, so that scans can be told apart.
#[utoipa::path(get, path = "/v1/codes/{code}/qr.svg", tag = "codes",
    params(("code" = String, Path, description = "The code, in either case"), CodeQuery),
    responses(
        (status = 200, content_type = "image/svg+xml", body = String),
        (status = 400, description = "invalid_code, invalid_address, invalid_query", body = ErrorEnvelope),
        (status = 404, description = "code_not_found", body = ErrorEnvelope),
    ))]
pub(crate) async fn svg(
    State(state): State<AppState>,
    PathCode(code): PathCode,
    Query(query): Query<CodeQuery>,
) -> ApiResult<Response> {
    let found = state.referral(&code, query.campaign()?.as_ref()).await?;
    let qr = encode(
        &state
            .links
            .qr(&found.code, &found.campaign, found.owns_short_link),
    )?;
    let picture = qr
        .render::<svg::Color<'_>>()
        .min_dimensions(SIZE, SIZE)
        .build();
    Ok(([(header::CONTENT_TYPE, "image/svg+xml"), CACHE], picture).into_response())
}

const CACHE: (header::HeaderName, &str) = (header::CACHE_CONTROL, "public, max-age=300");

fn encode(link: &str) -> ApiResult<QrCode> {
    QrCode::with_error_correction_level(link, EcLevel::M)
        .map_err(|error| ApiError::internal().because(error))
}
