//! `/v1/conversions`: conversions with their rewards and transactions.

use axum::{Json, extract::State};
use jiff::Timestamp;
use serde::{
    Deserialize, Serialize,
    de::{IntoDeserializer, value},
};
use utoipa::{IntoParams, ToSchema};
use vouch_db::api::conversions::{self, Filter, Standing};

use crate::{
    cursor::{Cursor, HoldCursor, cut},
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    extract::{PathAddress, Query},
    schemas,
    state::AppState,
    types::{self, Address, Amount, Limit, commitment, timestamp},
};

/// Selects conversions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ConversionsQuery {
    /// Address of a campaign.
    #[param(value_type = Option<schemas::Address>, inline)]
    campaign: Option<String>,
    /// A code; without a campaign, of the referral that owns its short link.
    #[param(value_type = Option<schemas::Code>, inline)]
    code: Option<String>,
    /// The referee's wallet.
    #[param(value_type = Option<schemas::Address>, inline)]
    referee: Option<String>,
    /// The same as `referee`.
    #[param(value_type = Option<schemas::Address>, inline)]
    wallet: Option<String>,
    /// The campaign's own number of the order, whose SHA-256 is `reference`.
    #[param(min_length = 1, max_length = 256)]
    order: Option<String>,
    /// The campaign's own reference: 64 hexadecimal digits.
    #[param(value_type = Option<schemas::Hash>, inline)]
    reference: Option<String>,
    /// The transaction that made it.
    #[param(value_type = Option<schemas::Signature>, inline)]
    signature: Option<String>,
    /// How it stands. It needs `campaign`, and no other filter can stand beside it. Those that are held or
    /// waiting come in the order in which their holds end, the others newest first.
    #[param(value_type = Option<StandingQuery>, inline)]
    status: Option<String>,
    /// How many, from 1 to 200; 50 when absent.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200)]
    limit: Option<String>,
    /// `next_cursor` of an earlier answer.
    #[param(value_type = Option<schemas::Cursor>, inline)]
    cursor: Option<String>,
}

/// How conversions stand: `held` within the hold, so that the campaign can cancel it; `waiting` after it, while some
/// of its reward is owed; `paid`; `cancelled`; or `lapsed`, when the period for claims ended before all of it was
/// claimed. The rows of `held` and `waiting` have the status `pending`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StandingQuery {
    Held,
    Waiting,
    Paid,
    Cancelled,
    Lapsed,
}

impl From<StandingQuery> for Standing {
    fn from(query: StandingQuery) -> Self {
        match query {
            StandingQuery::Held => Self::Held,
            StandingQuery::Waiting => Self::Waiting,
            StandingQuery::Paid => Self::Paid,
            StandingQuery::Cancelled => Self::Cancelled,
            StandingQuery::Lapsed => Self::Lapsed,
        }
    }
}

/// A conversion.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConversionAnswer {
    address: String,
    referral: String,
    code: String,
    campaign: String,
    referrer: String,
    referee: String,
    /// The wallet that gets a part by agreement with the referrer; null for none.
    partner: Option<String>,
    /// signup, mint, purchase, booking, enrollment, loan, rental, subscription or custom.
    action: String,
    amount: Amount,
    /// 64 hexadecimal digits; null for none.
    reference: Option<String>,
    rewards: Rewards,
    /// pending, paid, cancelled, or lapsed: the period for claims ended before all parts were
    /// claimed.
    status: String,
    /// Whether its transactions do not tell which of its parts were paid. Parts without a proof of payment
    /// count as owed.
    uncertain: bool,
    /// RFC 3339.
    converted_at: Option<String>,
    /// RFC 3339: from when on the reward is owed.
    claimable_from: Option<String>,
    /// The transaction that made it.
    signature: String,
    /// confirmed or finalized.
    commitment: String,
}

/// Base units for each beneficiary.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Rewards {
    referrer: Amount,
    referee: Amount,
    partner: Amount,
}

/// Conversions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConversionsAnswer {
    conversions: Vec<ConversionAnswer>,
    /// For the next page; null on the last one.
    next_cursor: Option<String>,
}

/// List conversions, newest first
///
/// With `status=held` or `status=waiting`, those whose hold ends first come first.
#[utoipa::path(get, path = "/v1/conversions", tag = "numbers", params(ConversionsQuery),
    responses(
        (status = 200, body = ConversionsAnswer),
        (status = 400, description = "invalid_query, invalid_address, invalid_code, invalid_reference, invalid_signature", body = ErrorEnvelope),
        (status = 404, description = "campaign_not_found, code_not_found", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn list(
    State(state): State<AppState>,
    Query(query): Query<ConversionsQuery>,
) -> ApiResult<Json<ConversionsAnswer>> {
    let campaign: Option<Address> = query.campaign.as_deref().map(str::parse).transpose()?;
    let referee = match (query.referee.as_deref(), query.wallet.as_deref()) {
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid_query().saying("referee and wallet are the same"));
        }
        (referee, wallet) => referee.or(wallet),
    };
    let referee: Option<Address> = referee.map(str::parse).transpose()?;
    let reference = types::order_or_reference(query.order.as_deref(), query.reference.as_deref())?;
    let signature = query
        .signature
        .as_deref()
        .map(types::signature)
        .transpose()?;
    let code = query.code.as_deref().map(types::code).transpose()?;
    let Limit(limit) = query
        .limit
        .as_deref()
        .map_or(Ok(Limit::DEFAULT), str::parse)?;
    if let Some(status) = query.status.as_deref() {
        let standing = standing(status)?;
        // No index has these filters and the status.
        if referee.is_some() || reference.is_some() || signature.is_some() || code.is_some() {
            return Err(refusal(
                "status cannot stand beside another filter than campaign",
            ));
        }
        let campaign = campaign.ok_or_else(|| refusal("status needs a campaign"))?;
        state.check_campaign(Some(&campaign)).await?;
        let campaign = campaign.to_string();
        let now = Timestamp::now().as_second();
        let by_hold = matches!(standing, Standing::Held | Standing::Waiting);
        let cursor: Option<Cursor> = match query.cursor.as_deref() {
            Some(text) if by_hold => {
                let HoldCursor(cursor) = text.parse()?;
                Some(cursor)
            }
            text => text.map(str::parse).transpose()?,
        };
        let after = place(cursor.as_ref());
        let found = state
            .database
            .run(async |pool| {
                conversions::of_campaign(&pool, &campaign, standing, now, after, limit + 1).await
            })
            .await?;
        return Ok(page(found, limit, |last| {
            if by_hold {
                HoldCursor::encode(last.matures_at, &last.address)
            } else {
                Cursor::encode(last.converted_at, &last.address)
            }
        }));
    }
    let cursor: Option<Cursor> = query.cursor.as_deref().map(str::parse).transpose()?;
    let after = place(cursor.as_ref());

    state.check_campaign(campaign.as_ref()).await?;
    let referral = match code {
        Some(code) => Some(state.referral(&code, campaign.as_ref()).await?.address),
        None => None,
    };
    let filter = Filter {
        campaign: campaign.map(|campaign| campaign.to_string()),
        referral,
        referee: referee.map(|referee| referee.to_string()),
        reference,
        signature: signature.map(|signature| signature.to_string()),
    };
    let found = state
        .database
        // One more than the limit shows whether there is another page.
        .run(async |pool| conversions::list(&pool, &filter, after, limit + 1).await)
        .await?;
    Ok(page(found, limit, |last| {
        Cursor::encode(last.converted_at, &last.address)
    }))
}

fn place(cursor: Option<&Cursor>) -> Option<(i64, &str)> {
    cursor.map(|cursor| (cursor.time, cursor.address.as_str()))
}

fn standing(status: &str) -> ApiResult<Standing> {
    let named: Result<_, value::Error> = StandingQuery::deserialize(status.into_deserializer());
    named
        .map(Standing::from)
        .map_err(|_| refusal("status must be held, waiting, paid, cancelled or lapsed"))
}

fn refusal(message: &'static str) -> ApiError {
    ApiError::invalid_query().saying(message).of_field("status")
}

/// The first `limit` of these, and the cursor of the next page, which begins after the last of them.
fn page(
    mut found: Vec<conversions::Conversion>,
    limit: i64,
    cursor: impl Fn(&conversions::Conversion) -> String,
) -> Json<ConversionsAnswer> {
    let next_cursor = cut(&mut found, limit, cursor);
    Json(ConversionsAnswer {
        conversions: found.into_iter().map(ConversionAnswer::from).collect(),
        next_cursor,
    })
}

/// A conversion, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConversionDetail {
    conversion: ConversionAnswer,
    /// In the order of the chain.
    outcomes: Vec<Outcome>,
}

/// A payment, or the end of a conversion.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Outcome {
    /// part_paid, conversion_released, conversion_cancelled or conversion_lapsed.
    kind: String,
    /// The wallet that was paid; null for other outcomes.
    wallet: Option<String>,
    /// Base units that were paid, or that are no longer owed.
    units: Option<Amount>,
    /// The part that was paid: referrer, referee or partner. Null for other outcomes.
    part: Option<String>,
    /// RFC 3339: the time of its transaction.
    at: Option<String>,
    /// Its transaction.
    signature: String,
    /// confirmed or finalized.
    commitment: String,
}

/// Show a conversion and what became of it
#[utoipa::path(get, path = "/v1/conversions/{address}", tag = "numbers",
    params(("address" = inline(schemas::Address), Path, description = "Address of the conversion")),
    responses(
        (status = 200, body = ConversionDetail),
        (status = 400, description = "invalid_address", body = ErrorEnvelope),
        (status = 404, description = "conversion_not_found", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn show(
    State(state): State<AppState>,
    PathAddress(address): PathAddress,
) -> ApiResult<Json<ConversionDetail>> {
    let address = address.to_string();
    let (found, outcomes) = state
        .database
        .run(async |pool| {
            let found = conversions::find(&pool, &address).await?;
            Ok((found, conversions::outcomes(&pool, &address).await?))
        })
        .await?;
    let found = found.ok_or_else(ApiError::conversion_not_found)?;
    let outcomes = outcomes.into_iter().map(|outcome| Outcome {
        kind: outcome.kind,
        wallet: outcome.wallet,
        units: outcome.units.map(|units| Amount(units.into())),
        part: outcome.part,
        at: timestamp(outcome.at),
        signature: outcome.signature,
        commitment: commitment(outcome.is_final).to_owned(),
    });
    Ok(Json(ConversionDetail {
        conversion: ConversionAnswer::from(found),
        outcomes: outcomes.collect(),
    }))
}

impl From<conversions::Conversion> for ConversionAnswer {
    fn from(found: conversions::Conversion) -> Self {
        Self {
            address: found.address,
            referral: found.referral,
            code: found.code,
            campaign: found.campaign,
            referrer: found.referrer,
            referee: found.referee,
            partner: found.partner,
            action: found.action,
            amount: Amount(found.amount),
            reference: found
                .reference
                .map(|bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
            rewards: Rewards {
                referrer: Amount(found.reward_referrer),
                referee: Amount(found.reward_referee),
                partner: Amount(found.reward_partner),
            },
            status: found.status,
            uncertain: found.uncertain,
            converted_at: timestamp(found.converted_at),
            claimable_from: timestamp(found.matures_at),
            signature: found.signature,
            commitment: commitment(found.is_final).to_owned(),
        }
    }
}
