//! The builder of claims: of one conversion, or of all that is due to a wallet in a campaign.

mod pack;

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use utoipa::ToSchema;
use vouch_client::{
    ProgramError, Pubkey,
    accounts::{Conversion, Referral, Status},
};
use vouch_db::api::claims;

use self::pack::{Due, Packed};
use super::{Built, address, settings::named};
use crate::{
    cursor::Cursor,
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    extract, schemas,
    state::AppState,
    types::{Address, Amount, timestamp},
};

/// Conversions that are read from the node at once: they have at most 96 recipients, and a call of the
/// node reads 100 accounts.
const PAGE: usize = 32;
/// Pages that are read for one transaction, with three calls each.
const PAGES: usize = 4;
/// Time after which no page begins or goes on, so that what was packed is returned within the time of a
/// request.
const PAGING: Duration = Duration::from_secs(6);
/// Conversions of a wallet that are read from the mirror.
const MOST: usize = 1_000;
/// Names of [`Creates`].
const CREATES: [(&str, Creates); 2] = [("payer", Creates::Payer), ("all", Creates::All)];

/// Owners whose missing token accounts a transaction creates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Creates {
    /// The payer alone. Others could close the account, keep the lamports, and have the next claim pay
    /// them again.
    Payer,
    /// Everybody who is paid.
    All,
}

/// The rewards to claim: of a conversion, or everything that is due to a wallet in a campaign.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClaimRewardsRequest {
    /// Address of the conversion.
    #[schema(value_type = Option<schemas::Address>)]
    conversion: Option<String>,
    /// Address of the campaign, with `wallet`.
    #[schema(value_type = Option<schemas::Address>)]
    campaign: Option<String>,
    /// The wallet that is owed something: as referrer, referee or partner.
    #[schema(value_type = Option<schemas::Address>)]
    wallet: Option<String>,
    /// Pays fee and rent, and signs: anybody. The wallet when absent, or the referrer.
    #[schema(value_type = Option<schemas::Address>)]
    payer: Option<String>,
    /// The missing token accounts that the transaction creates at the payer's cost: payer (when absent), so
    /// none but its own, or all, so those of everybody who is paid. The owners can close them and keep
    /// the lamports.
    #[schema(pattern = "^(payer|all)$")]
    create_accounts: Option<String>,
    /// With `campaign` and `wallet`: the `next_cursor` of an answer or a refusal, to go on after the
    /// conversions that it has looked at.
    #[schema(value_type = Option<schemas::Cursor>)]
    cursor: Option<String>,
}

/// A transaction that pays rewards.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClaimRewardsAnswer {
    #[serde(flatten)]
    built: Built,
    campaign: String,
    /// Payments of the transaction, by conversion.
    claims: Vec<Claim>,
    /// Conversions that are due, but of which nothing can be paid now.
    skipped: Vec<Skipped>,
    /// Token accounts that the transaction creates.
    creates: Vec<NewAccount>,
    /// Conversions that are due to the wallet and that were not looked at, because the transaction is
    /// full or 128 were looked at. At most 1000 are counted.
    left: Amount,
    /// Where those begin: ask for them with this `cursor`. Null if there are none.
    next_cursor: Option<String>,
}

/// Parts of a conversion's reward that are paid, in base units.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Claim {
    conversion: String,
    referrer: Amount,
    referee: Amount,
    partner: Amount,
    /// Parts that are owed, but that this transaction cannot pay.
    waiting: Vec<Waiting>,
}

/// A part of a reward that cannot be paid now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Waiting {
    /// referrer, referee or partner.
    part: &'static str,
    /// Base units.
    units: Amount,
    /// The wallet that it is owed to.
    owner: String,
    /// The account that would receive it.
    account: String,
    /// The code of the refusal that a claim of it alone gets: account_frozen, token_account_missing or
    /// nothing_to_claim.
    code: &'static str,
    /// For people: the reason, and what its owner has to do.
    message: String,
}

/// A conversion of which nothing can be paid now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Skipped {
    conversion: String,
    /// The code of the refusal that a claim of it alone gets.
    code: &'static str,
    /// For people.
    message: String,
    /// Its parts.
    waiting: Vec<Waiting>,
}

/// A token account that a transaction creates.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewAccount {
    address: String,
    /// The wallet that it belongs to.
    owner: String,
}

/// Build a transaction that pays rewards that are due
///
/// Pays one `conversion`, or the oldest of all that is due to `wallet` in `campaign`: as many as fit.
/// Anybody may claim for anybody: a claim changes who is paid as little as how much. A missing token
/// account of the payer's own is created; those of others, which the payer would pay for, only with
/// `create_accounts`.
#[utoipa::path(post, path = "/v1/transactions/claim", tag = "transactions",
    request_body = ClaimRewardsRequest,
    responses(
        (status = 200, body = ClaimRewardsAnswer),
        (status = 400, description = "malformed_json, missing_field, unknown_field, wrong_type, invalid_address, invalid_query, conflicting_fields", body = ErrorEnvelope),
        (status = 404, description = "conversion_not_found, campaign_not_found", body = ErrorEnvelope),
        (status = 409, description = "still_held, already_paid, conversion_cancelled, account_frozen, token_account_missing, nothing_to_claim, vault_exhausted", body = ErrorEnvelope),
        (status = 413, description = "body_too_large", body = ErrorEnvelope),
        (status = 415, description = "unsupported_media_type", body = ErrorEnvelope),
        (status = 422, description = "transaction_too_large, transaction_would_fail", body = ErrorEnvelope),
        (status = 429, description = "too_many_requests", body = ErrorEnvelope),
        (status = 503, description = "overloaded, chain_unavailable, database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn claim(
    State(state): State<AppState>,
    extract::Json(request): extract::Json<ClaimRewardsRequest>,
) -> ApiResult<Json<ClaimRewardsAnswer>> {
    let payer = request.payer.as_deref();
    let payer = payer.map(|text| address(text, "payer")).transpose()?;
    let creates = request.create_accounts.as_deref();
    let creates = creates.map_or(Ok(Creates::Payer), |text| {
        named(text, &CREATES, "create_accounts")
    })?;
    let after: Option<Cursor> = request.cursor.as_deref().map(str::parse).transpose()?;
    match (&request.conversion, &request.campaign, &request.wallet) {
        (Some(_), None, None) if after.is_some() => Err(ApiError::conflicting_fields()
            .saying("a cursor goes with a campaign and a wallet")
            .of_field("cursor")),
        (Some(conversion), None, None) => {
            let conversion = address(conversion, "conversion")?;
            one(&state, conversion, payer, creates).await.map(Json)
        }
        (None, Some(campaign), Some(wallet)) => {
            let campaign = address(campaign, "campaign")?;
            let wallet = address(wallet, "wallet")?;
            let payer = payer.unwrap_or(wallet);
            all(&state, campaign, wallet, payer, creates, after)
                .await
                .map(Json)
        }
        (None, None, None) => Err(ApiError::missing_field().of_field("conversion")),
        (None, Some(_), None) => Err(ApiError::missing_field().of_field("wallet")),
        (None, None, Some(_)) => Err(ApiError::missing_field().of_field("campaign")),
        _ => Err(ApiError::conflicting_fields()
            .saying("name a conversion, or a campaign and a wallet, not both")),
    }
}

/// Claims one conversion.
async fn one(
    state: &AppState,
    address: Pubkey,
    payer: Option<Pubkey>,
    creates: Creates,
) -> ApiResult<ClaimRewardsAnswer> {
    let seen = state.chain.see(&[address]).await?;
    let conversion = seen.read::<Conversion>(&address)?;
    let conversion = conversion.ok_or_else(ApiError::conversion_not_found)?;
    check(&conversion, seen.now)?;
    let seen = state.chain.see(&[conversion.referral]).await?;
    let referral = seen.read::<Referral>(&conversion.referral)?;
    let referral = referral.ok_or_else(ApiError::campaign_not_found)?;
    let payer = payer.unwrap_or(referral.owner);
    let at = referral.campaign;
    let (campaign, _) = state.chain.campaign(&at, &[]).await?;
    let mut packed = Packed::new(at, campaign, payer, creates);
    let due = Due {
        address,
        conversion,
        referral,
    };
    packed.add(state, &[due]).await?;
    match packed.skipped.pop() {
        Some((_, refusal)) => Err(refusal),
        None => packed.answer(state, 0, None).await,
    }
}

/// Claims what is due to a wallet in a campaign, oldest first, from the cursor on.
async fn all(
    state: &AppState,
    at: Pubkey,
    wallet: Pubkey,
    payer: Pubkey,
    creates: Creates,
    after: Option<Cursor>,
) -> ApiResult<ClaimRewardsAnswer> {
    let (of, whose) = (at.to_string(), wallet.to_string());
    let limit = i64::try_from(MOST).unwrap_or(i64::MAX);
    let until = Instant::now() + PAGING;
    let after = after.as_ref().map(|it| (it.time, it.address.as_str()));
    let (slot, owed) = state
        .database
        .run(async |pool| {
            let owed = claims::owed(&pool, &of, &whose, after, limit).await?;
            Ok((claims::slot(&pool).await?, owed))
        })
        .await?;
    // A node that is behind the mirror would not know the newest of them.
    let slot = slot.and_then(|slot| u64::try_from(slot).ok());
    let (campaign, clock) = state.chain.campaign_at(slot, &at).await?;
    let nothing = |message: &str| ApiError::from(ProgramError::NothingToClaim).saying(message);
    let earliest = owed.iter().map(|owed| owed.matures_at).min();
    let earliest = earliest.ok_or_else(|| {
        nothing("this campaign owes the wallet nothing that the service knows of")
    })?;
    let position = |owed: &claims::Owed| Cursor::encode(owed.converted_at, &owed.conversion);
    // The mirror may know more.
    let beyond = owed.last().filter(|_| owed.len() == MOST).map(position);
    if earliest > clock.now {
        return Err(match beyond {
            None => still_held(earliest),
            Some(cursor) => {
                nothing("of 1000 rewards none is due: go on after them with the cursor")
                    .going_on_at(cursor)
            }
        });
    }
    let due: Vec<&claims::Owed> = owed
        .iter()
        .filter(|owed| owed.matures_at <= clock.now)
        .collect();
    let mut packed = Packed::new(at, campaign, payer, creates);
    let mut looked = 0;
    for page in due.chunks(PAGE).take(PAGES) {
        let paged = tokio::time::timeout_at(until, async {
            let (read, places) = read(state, &at, page).await?;
            let added = packed.add(state, &read).await?;
            ApiResult::Ok((added, places))
        });
        let (added, places) = match paged.await {
            Ok(Ok(paged)) => paged,
            // The next request goes on here.
            Ok(Err(error)) if looked > 0 && error.status == StatusCode::SERVICE_UNAVAILABLE => {
                break;
            }
            Err(_elapsed) if looked > 0 => break,
            Ok(Err(error)) => return Err(error),
            Err(elapsed) => return Err(ApiError::chain_unavailable().because(elapsed)),
        };
        match places.get(added) {
            // This one did not fit.
            Some(place) => {
                looked += place;
                break;
            }
            None => looked += page.len(),
        }
    }
    let left = due.len() - looked;
    let last = looked.checked_sub(1).and_then(|place| due.get(place));
    let next_cursor = match (left, last) {
        (1.., Some(last)) => Some(position(last)),
        _ => beyond,
    };
    if packed.claims.is_empty() {
        let skipped = packed.skipped.into_iter().next();
        let refusal = skipped.map_or_else(
            || nothing("everything that was due has been paid: ask again in a few seconds"),
            |(_, refusal)| refusal,
        );
        return Err(match next_cursor {
            None => refusal,
            Some(cursor) => refusal.going_on_at(cursor),
        });
    }
    packed.answer(state, left, next_cursor).await
}

/// Reads conversions and their referrals, and the place of each on the page. Conversions that were
/// paid, or closed, are left out: the mirror may not have seen it yet.
async fn read(
    state: &AppState,
    campaign: &Pubkey,
    page: &[&claims::Owed],
) -> ApiResult<(Vec<Due>, Vec<usize>)> {
    let mut known: Vec<Pubkey> = Vec::with_capacity(page.len());
    for owed in page {
        let Address(address) = owed.conversion.parse().map_err(|error: ApiError| {
            ApiError::internal().because(anyhow::anyhow!(error.message))
        })?;
        known.push(address);
    }
    let seen = state.chain.see(&known).await?;
    let mut conversions = Vec::new();
    for (place, address) in known.into_iter().enumerate() {
        let conversion = seen.read::<Conversion>(&address)?;
        let conversion = conversion.filter(|it| check(it, seen.now).is_ok());
        conversions.extend(conversion.map(|it| (place, address, it)));
    }
    let mut referrals: Vec<Pubkey> = conversions.iter().map(|(.., it)| it.referral).collect();
    referrals.sort_unstable();
    referrals.dedup();
    let seen = state.chain.see(&referrals).await?;
    let mut due = Vec::new();
    let mut places = Vec::new();
    for (place, address, conversion) in conversions {
        let referral = seen.read::<Referral>(&conversion.referral)?;
        if let Some(referral) = referral.filter(|referral| referral.campaign == *campaign) {
            places.push(place);
            due.push(Due {
                address,
                conversion,
                referral,
            });
        }
    }
    Ok((due, places))
}

/// Fails unless the conversion is pending, and its hold is over.
fn check(conversion: &Conversion, now: i64) -> ApiResult<()> {
    match conversion.status {
        Status::Paid => return Err(ApiError::already_paid()),
        Status::Cancelled => return Err(ApiError::conversion_cancelled()),
        Status::Pending => {}
    }
    if conversion.hold_seconds != 0 && now < conversion.claimable_from() {
        return Err(still_held(conversion.claimable_from()));
    }
    Ok(())
}

fn still_held(from: i64) -> ApiError {
    let from = timestamp(from).unwrap_or_else(|| from.to_string());
    ApiError::from(ProgramError::StillHeld)
        .saying(format!("the reward is held: it can be claimed from {from}"))
}
