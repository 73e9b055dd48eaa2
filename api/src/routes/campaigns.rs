//! `/v1/campaigns`: campaigns, and the profile that their authority sets.

mod terms;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use vouch_client::accounts::{self, AccountType as _};
use vouch_db::api::campaigns;

use self::terms::{Announced, OnChain, RewardRule, Rules};

use crate::{
    cursor::Cursor,
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    extract::{self, PathAddress, Query},
    links::landing_url_of,
    rights::{AuthorityOrKey, WriteProfile},
    schemas,
    state::AppState,
    text,
    types::{Address, Amount, Limit, commitment, timestamp},
};

/// A campaign.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CampaignAnswer {
    address: String,
    creator: String,
    /// The creator's own number for it.
    id: Amount,
    authority: String,
    /// The wallet that the authority has named to act for it off chain; null for nobody.
    delegate: Option<String>,
    mint: String,
    mint_decimals: i16,
    token_program: String,
    /// mint_authority, vault or payment_split.
    funding: String,
    /// open, attested or payment.
    proof: String,
    /// wallet, wallet_and_code or order.
    uniqueness: String,
    reward: RewardRule,
    paused: bool,
    closed: bool,
    /// RFC 3339; null for at once.
    starts_at: Option<String>,
    /// RFC 3339; null for never.
    ends_at: Option<String>,
    /// RFC 3339.
    created_at: Option<String>,
    /// Null if this version does not know the account's layout.
    rules: Option<Rules>,
    /// The terms that will replace these; null if nothing is announced.
    announced: Option<Announced>,
    /// Null if there is none.
    vault: Option<VaultAnswer>,
    /// Mint of the payment of which the chain sees a proof: for SOL, the default address. Null if payments
    /// are no proof.
    payment_mint: Option<String>,
    /// Address of the program that enforces all of it.
    program: String,
    /// Chosen by the campaign's authority, as are symbol and landing page; null if it has chosen none.
    name: Option<String>,
    /// Symbol of its token.
    symbol: Option<String>,
    landing_url: Option<String>,
    /// Slot at which the account was last read.
    slot: i64,
    /// confirmed or finalized.
    commitment: String,
}

/// The account that holds what a campaign has to pay: all of it where it pays from a vault, and only
/// parts that wait where it splits payments.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VaultAnswer {
    address: String,
    /// The keeper's last view of it. Null until it has looked, and where the campaign does not pay from it.
    seen: Option<VaultSeen>,
}

/// A vault at one slot.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VaultSeen {
    /// Base units in it.
    balance: Amount,
    /// Base units of them that are owed already.
    owed: Amount,
    /// Base units of the smallest reward that the next conversion can have; 0 if there can be none.
    next_reward: Amount,
    /// RFC 3339: since when it is known to hold less than what is owed and the next reward; null while it
    /// holds enough.
    short_since: Option<String>,
    /// The slot.
    slot: i64,
}

/// Campaigns, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CampaignsAnswer {
    campaigns: Vec<CampaignAnswer>,
    /// For the next page; null on the last one.
    next_cursor: Option<String>,
}

/// Parameters of the list of campaigns.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CampaignsQuery {
    /// How many, from 1 to 200; 50 when absent.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200)]
    limit: Option<String>,
    /// `next_cursor` of an earlier answer.
    #[param(value_type = Option<schemas::Cursor>, inline)]
    cursor: Option<String>,
    /// Only campaigns with this authority.
    #[param(value_type = Option<schemas::Address>, inline)]
    authority: Option<String>,
}

/// List campaigns, newest first
#[utoipa::path(get, path = "/v1/campaigns", tag = "campaigns", params(CampaignsQuery),
    responses(
        (status = 200, body = CampaignsAnswer),
        (status = 400, description = "invalid_query, invalid_address", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn list(
    State(state): State<AppState>,
    Query(query): Query<CampaignsQuery>,
) -> ApiResult<Json<CampaignsAnswer>> {
    let Limit(limit) = query
        .limit
        .as_deref()
        .map_or(Ok(Limit::DEFAULT), str::parse)?;
    let cursor: Option<Cursor> = query.cursor.as_deref().map(str::parse).transpose()?;
    let after = cursor
        .as_ref()
        .map(|cursor| (cursor.time, cursor.address.as_str()));
    let authority = query.authority.as_deref();
    let authority = authority.map(str::parse::<Address>).transpose()?;
    let authority = authority.map(|address| address.to_string());
    let mut found = state
        .database
        .run(async |pool| campaigns::list(&pool, authority.as_deref(), after, limit + 1).await)
        .await?;
    let mut next_cursor = None;
    if found.len() > usize::try_from(limit).unwrap_or(usize::MAX) {
        found.pop();
        next_cursor = found
            .last()
            .map(|last| Cursor::encode(last.created_at, &last.address));
    }
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let campaigns = found
        .into_iter()
        .map(|found| CampaignAnswer::at(now, found))
        .collect();
    Ok(Json(CampaignsAnswer {
        campaigns,
        next_cursor,
    }))
}

/// Show a campaign
#[utoipa::path(get, path = "/v1/campaigns/{address}", tag = "campaigns",
    params(("address" = inline(schemas::Address), Path, description = "Address of the campaign")),
    responses(
        (status = 200, body = CampaignAnswer),
        (status = 400, description = "invalid_address", body = ErrorEnvelope),
        (status = 404, description = "campaign_not_found", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn show(
    State(state): State<AppState>,
    PathAddress(address): PathAddress,
) -> ApiResult<Json<CampaignAnswer>> {
    let address = address.to_string();
    let found = state
        .database
        .run(async |pool| campaigns::find(&pool, &address).await)
        .await?;
    let found = found.ok_or_else(ApiError::campaign_not_found)?;
    let now = OffsetDateTime::now_utc().unix_timestamp();
    Ok(Json(CampaignAnswer::at(now, found)))
}

/// A campaign's off-chain profile.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// 1 to 100 characters.
    #[schema(format = "plain-text", min_length = 1, max_length = 100)]
    name: String,
    /// The symbol of its token: 1 to 10 letters, digits or `$`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[A-Za-z0-9$]{1,10}$")]
    symbol: Option<String>,
    /// Landing page of its links: an absolute http or https URL of at most 2048 characters.
    #[schema(value_type = schemas::LandingUrl)]
    landing_url: String,
}

/// Set a campaign's name and landing page
///
/// They are shown as long as the authority that has set them, itself or by a key, is the campaign's.
#[utoipa::path(put, path = "/v1/campaigns/{address}/profile", tag = "campaigns",
    params(("address" = inline(schemas::Address), Path, description = "Address of the campaign")),
    request_body = Profile,
    security(("session" = ["campaign_authority"]), ("cookie" = ["campaign_authority"]),
        ("api_key" = ["write:profile"])),
    responses(
        (status = 200, body = Profile),
        (status = 400, description = "invalid_address, malformed_json, missing_field, unknown_field, wrong_type, invalid_name, invalid_symbol, invalid_landing_url", body = ErrorEnvelope),
        (status = 401, description = "unauthenticated", body = ErrorEnvelope),
        (status = 403, description = "not_campaign_authority, missing_scope, cross_site_request", body = ErrorEnvelope),
        (status = 404, description = "campaign_not_found", body = ErrorEnvelope),
        (status = 413, description = "body_too_large", body = ErrorEnvelope),
        (status = 415, description = "unsupported_media_type", body = ErrorEnvelope),
        (status = 429, description = "too_many_requests", body = ErrorEnvelope),
        (status = 503, description = "database_unavailable, mirror_stale", body = ErrorEnvelope),
    ))]
pub(crate) async fn set_profile(
    authority: AuthorityOrKey<WriteProfile>,
    State(state): State<AppState>,
    extract::Json(profile): extract::Json<Profile>,
) -> ApiResult<Json<Profile>> {
    let name = text::plain(&profile.name, 100).ok_or_else(ApiError::invalid_name)?;
    let symbol = profile.symbol.as_deref();
    if !symbol.is_none_or(|symbol| {
        (1..=10).contains(&symbol.len())
            && symbol
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'$')
    }) {
        return Err(ApiError::invalid_symbol());
    }
    let profile = Profile {
        name,
        symbol: profile.symbol.clone(),
        landing_url: landing_url_of(&profile.landing_url)?.into(),
    };
    let AuthorityOrKey {
        campaign, wallet, ..
    } = authority;
    let stored = campaigns::Profile {
        name: &profile.name,
        symbol: profile.symbol.as_deref(),
        landing_url: &profile.landing_url,
    };
    let set = state
        .database
        .run(async |pool| campaigns::set_profile(&pool, &campaign, &wallet, &stored).await)
        .await?;
    if set {
        Ok(Json(profile))
    } else {
        // It was given away meanwhile.
        Err(ApiError::not_campaign_authority())
    }
}

impl CampaignAnswer {
    /// The campaign with the settings that are in force at `now`, in unix seconds.
    fn at(now: i64, found: campaigns::Campaign) -> Self {
        let mut reward = RewardRule {
            kind: found.reward_kind,
            fixed: Amount(found.reward_fixed),
            bps: found.reward_bps,
            max: found.reward_max.map(|max| Amount(max.into())),
        };
        let mut starts_at = found.starts_at.and_then(timestamp);
        let mut ends_at = found.ends_at.and_then(timestamp);
        let (mut rules, mut announced, mut vault, mut payment_mint) = (None, None, None, None);
        if let Ok(account) = accounts::Campaign::decode(&found.data) {
            let chain = OnChain::at(now, &account);
            if let Some(arrived) = chain.arrived {
                (reward, starts_at, ends_at) = arrived;
            }
            (rules, announced) = (Some(chain.rules), chain.announced);
            (vault, payment_mint) = (chain.vault, chain.payment_mint);
        }
        let seen = || {
            Some(VaultSeen {
                balance: Amount(found.vault_balance?.into()),
                owed: Amount(found.vault_owed?.into()),
                next_reward: Amount(found.vault_next_reward?.into()),
                short_since: found
                    .vault_short_since
                    .and_then(|since| timestamp(since.unix_timestamp())),
                slot: found.vault_slot?,
            })
        };
        let vault = vault.map(|address| VaultAnswer {
            address,
            seen: seen(),
        });
        Self {
            address: found.address,
            creator: found.creator,
            id: Amount(found.campaign_id),
            authority: found.authority,
            delegate: found.delegate,
            mint: found.mint,
            mint_decimals: found.mint_decimals,
            token_program: found.token_program,
            funding: found.funding,
            proof: found.proof,
            uniqueness: found.uniqueness,
            reward,
            paused: found.paused,
            closed: found.closed,
            starts_at,
            ends_at,
            created_at: timestamp(found.created_at),
            rules,
            announced,
            vault,
            payment_mint,
            program: vouch_client::PROGRAM_ID.to_string(),
            name: found.name,
            symbol: found.symbol,
            landing_url: found.landing_url,
            slot: found.slot,
            commitment: commitment(found.is_final).to_owned(),
        }
    }
}
