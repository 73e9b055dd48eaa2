//! `/v1/coverage`: up to where the mirror is proven complete.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;
use vouch_db::api::{coverage, mirror_state};

use crate::{envelope::ErrorEnvelope, error::ApiResult, state::AppState, types::timestamp};

/// Most ranges in an answer. There is one for each proof, and one more for each gap.
const MOST_RANGES: i64 = 200;
/// Most uncertain conversions in an answer.
const MOST_UNCERTAIN: i64 = 200;

/// Up to where the numbers are complete, and how that is known.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CoverageAnswer {
    /// Everything confirmed up to this slot is counted; null before the first transaction.
    indexed_slot: Option<i64>,
    /// Everything up to this slot is counted, final and proven without a gap; null before the first
    /// proof.
    finalized_slot: Option<i64>,
    /// The proven ranges of slots, at most 200.
    ranges: Vec<CoverageRange>,
    /// Conversions of which the transactions do not tell which parts were paid, at most 200. Parts without a
    /// proof of payment count as owed. Nothing else depends on them.
    uncertain: Vec<UncertainConversion>,
}

/// A conversion of which it is not certain what was paid.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UncertainConversion {
    conversion: String,
    campaign: String,
    /// The slot that changed it last.
    slot: i64,
}

/// Slots that are proven, by one proof.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CoverageRange {
    /// listed: a node listed every transaction of these slots after it had called them final.
    /// accounts: every account of the program equalled the node's.
    proof: String,
    first_slot: i64,
    last_slot: i64,
    /// Where the proof is from.
    source: String,
    /// RFC 3339: time of the last proof.
    proven_at: Option<String>,
}

/// Show up to where the numbers are proven complete
#[utoipa::path(get, path = "/v1/coverage", tag = "numbers",
    responses(
        (status = 200, body = CoverageAnswer),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn show(State(state): State<AppState>) -> ApiResult<Json<CoverageAnswer>> {
    let (progress, ranges, uncertain) = state
        .database
        .run(async |pool| {
            let progress = mirror_state(&pool).await?;
            let ranges = coverage::ranges(&pool, MOST_RANGES).await?;
            let uncertain = coverage::uncertain(&pool, MOST_UNCERTAIN).await?;
            Ok((progress, ranges, uncertain))
        })
        .await?;
    let ranges = ranges.into_iter().map(|range| CoverageRange {
        proof: range.proof,
        first_slot: range.first_slot,
        last_slot: range.last_slot,
        source: range.source,
        proven_at: timestamp(range.proven_at.unix_timestamp()),
    });
    let uncertain = uncertain.into_iter().map(|row| UncertainConversion {
        conversion: row.conversion,
        campaign: row.campaign,
        slot: row.slot,
    });
    Ok(Json(CoverageAnswer {
        indexed_slot: progress.indexed_slot,
        finalized_slot: progress.finalized_slot,
        ranges: ranges.collect(),
        uncertain: uncertain.collect(),
    }))
}
