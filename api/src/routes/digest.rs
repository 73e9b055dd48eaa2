//! `/v1/digest`: hashes of everything that stats and ranks add up from, and the rows behind them.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use vouch_db::digest::{self, ConversionRow, Digest, PaymentRow};

use crate::{
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    extract::Query,
    state::AppState,
    types::Amount,
};

/// Transactions in a page of rows. It bounds the cost of a request.
const PAGE: i64 = 256;
/// Bytes of a bucket's hash.
const HASH: usize = 32;

/// Selects a digest.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DigestQuery {
    /// The newest digest at or before this slot; without it, the newest.
    #[param(minimum = 0)]
    slot: Option<u64>,
}

/// Which conversions count and which rewards were paid, as of one final transaction.
/// `docs/digest.md` says how anybody computes the same.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DigestAnswer {
    /// Genesis hash of the mirrored chain.
    genesis_hash: String,
    /// Everything up to this slot is in the digest.
    slot: i64,
    /// The number of the last transaction: how many name the program up to this slot.
    seq: i64,
    /// The signature of that transaction.
    signature: String,
    /// Unix seconds of its block: a conversion counts if nobody can cancel it by then.
    time: i64,
    /// Transactions in one bucket.
    bucket_size: i64,
    /// Conversions that count.
    conversions: i64,
    /// The referrers' parts of their rewards in base units, as a decimal string. Over campaigns with
    /// different tokens it is a sum of different things.
    rewards: String,
    /// The sum of the referrers' parts that were paid.
    paid: String,
    /// 64 hexadecimal digits: the hash of all of the above and the buckets.
    root: String,
    /// The hash of each bucket, 64 hexadecimal digits; at most 256.
    buckets: Vec<String>,
}

/// Selects a page of rows.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RowsQuery {
    /// Slot of a digest: the newest one at or before it.
    #[param(minimum = 0)]
    slot: u64,
    /// The bucket, from 0.
    #[param(minimum = 0)]
    bucket: u64,
    /// The last transaction of the page before; without it, the first page.
    #[param(minimum = 0)]
    after: Option<u64>,
}

/// The rows of up to 256 transactions of a bucket.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RowsAnswer {
    /// Slot of the digest.
    slot: i64,
    /// The last transaction of the digest.
    seq: i64,
    /// The last transaction of the page; `after` of the next one, unless it is the bucket's last.
    upto: i64,
    /// The bucket's last transaction.
    last: i64,
    /// The conversions that count as of the digest.
    conversions: Vec<DigestConversion>,
    /// The parts of rewards that were paid.
    payments: Vec<DigestPayment>,
}

/// A conversion that counts. Times are unix seconds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DigestConversion {
    /// Number of the transaction that made it.
    seq: i64,
    conversion: String,
    campaign: String,
    referral: String,
    /// The referral's owner at that moment.
    referrer: String,
    /// The referral's partner at that moment; null if it gets nothing.
    partner: Option<String>,
    referee: String,
    amount: Amount,
    reward_referrer: Amount,
    reward_referee: Amount,
    reward_partner: Amount,
    converted_at: i64,
    /// From then on nobody can cancel it.
    matures_at: i64,
}

/// A part of a reward that was paid.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DigestPayment {
    /// Number of the transaction that paid it.
    seq: i64,
    conversion: String,
    /// referrer, referee or partner.
    part: String,
    recipient: String,
    units: Amount,
}

/// Show a digest of all conversions that count
///
/// The indexer computes one from time to time; this route computes nothing.
#[utoipa::path(get, path = "/v1/digest", tag = "numbers", params(DigestQuery),
    responses(
        (status = 200, body = DigestAnswer),
        (status = 400, description = "invalid_query", body = ErrorEnvelope),
        (status = 404, description = "digest_not_found", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn show(
    State(state): State<AppState>,
    Query(query): Query<DigestQuery>,
) -> ApiResult<Json<DigestAnswer>> {
    let digest = find(&state, query.slot).await?;
    Ok(Json(digest.into()))
}

/// List the rows of a digest's bucket
///
/// A page holds the rows of 256 transactions, however many they are.
#[utoipa::path(get, path = "/v1/digest/rows", tag = "numbers", params(RowsQuery),
    responses(
        (status = 200, body = RowsAnswer),
        (status = 400, description = "invalid_query", body = ErrorEnvelope),
        (status = 404, description = "digest_not_found, bucket_not_found", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn rows(
    State(state): State<AppState>,
    Query(query): Query<RowsQuery>,
) -> ApiResult<Json<RowsAnswer>> {
    let Digest {
        head, bucket_size, ..
    } = find(&state, Some(query.slot)).await?;
    let first = i64::try_from(query.bucket)
        .ok()
        .and_then(|bucket| bucket.checked_mul(bucket_size))
        .filter(|first| *first < head.seq)
        .ok_or_else(ApiError::bucket_not_found)?;
    let last = first.saturating_add(bucket_size).min(head.seq);
    let after = match query.after {
        None => first,
        Some(after) => i64::try_from(after)
            .ok()
            .filter(|after| (first..last).contains(after))
            .ok_or_else(|| {
                ApiError::invalid_query().saying("after is no transaction before the bucket's last")
            })?,
    };
    let upto = after.saturating_add(PAGE).min(last);
    // A row of no transaction, which only a mistake makes, belongs to the first ones.
    let from = if after == 0 { i64::MIN } else { after };
    let of = head.clone();
    let rows = state
        .database
        .run(async |pool| digest::page(&pool, &of, from, upto).await)
        .await?;
    Ok(Json(RowsAnswer {
        slot: head.slot,
        seq: head.seq,
        upto,
        last,
        conversions: rows.conversions.into_iter().map(Into::into).collect(),
        payments: rows.payments.into_iter().map(Into::into).collect(),
    }))
}

async fn find(state: &AppState, slot: Option<u64>) -> ApiResult<Digest> {
    let slot = slot.map(i64::try_from).transpose().map_err(|_| {
        let message = "slot must be a whole number from 0 to 9223372036854775807";
        ApiError::invalid_query().saying(message).of_field("slot")
    })?;
    state
        .database
        .run(async |pool| digest::find(&pool, slot).await)
        .await?
        .ok_or_else(ApiError::digest_not_found)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl From<Digest> for DigestAnswer {
    fn from(digest: Digest) -> Self {
        Self {
            genesis_hash: digest.head.genesis_hash,
            slot: digest.head.slot,
            seq: digest.head.seq,
            signature: digest.head.signature,
            time: digest.head.time,
            bucket_size: digest.bucket_size,
            conversions: digest.conversions,
            rewards: digest.rewards.to_string(),
            paid: digest.paid.to_string(),
            root: hex(&digest.root),
            buckets: digest.buckets.chunks(HASH).map(hex).collect(),
        }
    }
}

impl From<ConversionRow> for DigestConversion {
    fn from(row: ConversionRow) -> Self {
        Self {
            seq: row.seq,
            conversion: row.conversion,
            campaign: row.campaign,
            referral: row.referral,
            referrer: row.referrer,
            partner: row.partner,
            referee: row.referee,
            amount: Amount(row.amount.into()),
            reward_referrer: Amount(row.reward_referrer.into()),
            reward_referee: Amount(row.reward_referee.into()),
            reward_partner: Amount(row.reward_partner.into()),
            converted_at: row.converted_at,
            matures_at: row.matures_at,
        }
    }
}

impl From<PaymentRow> for DigestPayment {
    fn from(row: PaymentRow) -> Self {
        Self {
            seq: row.seq,
            conversion: row.conversion,
            part: row.part,
            recipient: row.recipient,
            units: Amount(row.units.into()),
        }
    }
}
