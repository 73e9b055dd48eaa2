//! QR codes of share links.

use std::io::Cursor;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use image::{ImageFormat, Luma};
use qrcode::{EcLevel, QrCode, render::svg};
use serde::Deserialize;
use utoipa::IntoParams;
use vouch_db::api::codes::Referral;

use crate::{
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    extract::{PathCode, Query},
    links::Links,
    schemas,
    state::AppState,
    types::Address,
};

/// Selects the campaign, and what the picture holds.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct QrQuery {
    /// Address of the campaign; without it the first referral that had the code is meant.
    #[param(value_type = Option<schemas::Address>, inline)]
    campaign: Option<String>,
    /// link (when absent), pay (the transaction request of Solana Pay) or action (the Solana Action).
    #[param(pattern = "^(link|pay|action)$")]
    content: Option<String>,
}

impl QrQuery {
    /// The text of the picture.
    fn text(&self, links: &Links, found: &Referral) -> ApiResult<String> {
        let (code, campaign, short) = (&found.code, &found.campaign, found.owns_short_link);
        match self.content.as_deref() {
            None | Some("link") => Ok(links.qr(code, campaign, short)),
            Some("pay") => Ok(links.pay(code, campaign, short)),
            Some("action") => Ok(links.action(code, campaign, short)),
            Some(_) => Err(ApiError::invalid_query()
                .saying("content must be link, pay or action")
                .of_field("content")),
        }
    }

    fn campaign(&self) -> ApiResult<Option<Address>> {
        self.campaign.as_deref().map(str::parse).transpose()
    }
}

/// Least width and height, in pixels.
const SIZE: u32 = 512;

/// QR code of the share link, as PNG
///
/// It holds the share link with `src=qr`, so that scans can be told apart; or, by `content`, a link for
/// wallets.
#[utoipa::path(get, path = "/v1/codes/{code}/qr.png", tag = "codes",
    params(("code" = inline(schemas::Code), Path, description = "The code, in either case"), QrQuery),
    responses(
        (status = 200, content_type = "image/png", body = Vec<u8>),
        (status = 400, description = "invalid_code, invalid_address, invalid_query", body = ErrorEnvelope),
        (status = 404, description = "code_not_found", body = ErrorEnvelope),
    ))]
pub(crate) async fn png(
    State(state): State<AppState>,
    PathCode(code): PathCode,
    Query(query): Query<QrQuery>,
) -> ApiResult<Response> {
    let found = state.referral(&code, query.campaign()?.as_ref()).await?;
    let qr = encode(&query.text(&state.links, &found)?)?;
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
/// It holds the share link with `src=qr`, so that scans can be told apart; or, by `content`, a link for
/// wallets.
#[utoipa::path(get, path = "/v1/codes/{code}/qr.svg", tag = "codes",
    params(("code" = inline(schemas::Code), Path, description = "The code, in either case"), QrQuery),
    responses(
        (status = 200, content_type = "image/svg+xml", body = String),
        (status = 400, description = "invalid_code, invalid_address, invalid_query", body = ErrorEnvelope),
        (status = 404, description = "code_not_found", body = ErrorEnvelope),
    ))]
pub(crate) async fn svg(
    State(state): State<AppState>,
    PathCode(code): PathCode,
    Query(query): Query<QrQuery>,
) -> ApiResult<Response> {
    let found = state.referral(&code, query.campaign()?.as_ref()).await?;
    let qr = encode(&query.text(&state.links, &found)?)?;
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
