//! The builder that opens a campaign.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use solana_sdk::rent::Rent;
use utoipa::ToSchema;
use vouch_client::{
    ProgramError, Pubkey,
    accounts::{Funding, Proof, Settings, Terms},
    opening::{Currency, DECIMALS, MissingSetting, Opening, new_mint, usual_terms},
    token,
};
use vouch_rules::money;

use super::{
    Built, Plan, Warning, WarningCode, address, address_or, amount,
    previews::{Paying, Preview, SOL_DECIMALS, Tokens, previewed, warning},
    settings::{
        FUNDINGS, PROOFS, SettingsAnswer, SettingsInput, TermsAnswer, UNIQUENESSES, named, small,
    },
};
use crate::{
    chain::Seen,
    envelope::ErrorEnvelope,
    error::{ApiError, ApiResult},
    extract, schemas,
    state::AppState,
    types::Amount,
};

/// The most decimals of a new mint: more than any amount of 64 bits has digits would show nothing.
const MOST_DECIMALS: i64 = 18;

/// A campaign to open.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateCampaignRequest {
    /// The wallet that becomes creator and authority; signs.
    #[schema(value_type = schemas::Address)]
    authority: String,
    /// The creator's own number for the campaign, as a decimal string. Either this or `name`.
    #[schema(value_type = Option<Amount>)]
    id: Option<String>,
    /// The creator's own name for the campaign: 1 to 100 characters, of which the number is made.
    #[schema(format = "plain-text", min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Pays fee and rent, and signs; the authority when absent.
    #[schema(value_type = Option<schemas::Address>)]
    payer: Option<String>,
    /// mint_authority, vault or payment_split. mint_authority when absent, but required with `mint`.
    #[schema(pattern = "^(mint_authority|vault|payment_split)$")]
    funding: Option<String>,
    /// open, attested or payment. When absent: payment for a split, otherwise open.
    #[schema(pattern = "^(open|attested|payment)$")]
    proof: Option<String>,
    /// wallet, wallet_and_code or order. When absent: order with payments, otherwise wallet.
    #[schema(pattern = "^(wallet|wallet_and_code|order)$")]
    uniqueness: Option<String>,
    /// Whether tiers, bonuses and owner_limit count all codes of an owner; false when absent.
    per_owner: Option<bool>,
    /// Seconds between the announcement of a cut and its effect; 604800 when absent, which is a week.
    #[schema(minimum = 0, maximum = 4294967295u32)]
    notice_seconds: Option<i64>,
    /// Mint of the rewards. When absent: a new token, or SOL in a split. If the campaign mints, the
    /// authority must be the mint's, and hands that over: then `settings.budget` is required, "0" for
    /// no limit.
    #[schema(value_type = Option<schemas::Address>)]
    mint: Option<String>,
    /// Decimals of a new token, at most 18; 6 when absent.
    #[schema(minimum = 0, maximum = 18)]
    decimals: Option<i64>,
    /// Mint of payments, where buyers pay and it is no split; SOL when absent.
    #[schema(value_type = Option<schemas::Address>)]
    payment_mint: Option<String>,
    /// `reward` is required. In a new campaign, times absent mean at once and never, limits none, parts
    /// for others zero.
    settings: SettingsInput,
    /// Base units that the vault starts with: minted if the token is new, else from the authority's
    /// associated token account.
    #[schema(value_type = Option<Amount>)]
    funds: Option<String>,
    /// Amount of the conversion in the preview.
    #[schema(value_type = Option<Amount>)]
    example_amount: Option<String>,
}

/// A transaction that opens a campaign.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreateCampaignAnswer {
    #[serde(flatten)]
    built: Built,
    /// Address that the campaign will have.
    campaign: String,
    /// The creator's number for it.
    id: Amount,
    /// Mint of the rewards; null for SOL.
    mint: Option<String>,
    /// Whether the transaction creates the mint.
    new_mint: bool,
    /// Token account that rewards come out of; null if the campaign has none.
    vault: Option<String>,
    /// Mint of the payments; null for SOL, or without payments.
    payment_mint: Option<String>,
    terms: TermsAnswer,
    settings: SettingsAnswer,
    preview: Preview,
}

/// Build a transaction that opens a campaign
///
/// Makes mint and vault, too, where they are needed. Only `authority`, `id` or `name`, and
/// `settings.reward` are required; the answer has everything as it will stand, what it costs, and what
/// conversions would pay.
#[utoipa::path(post, path = "/v1/transactions/create-campaign", tag = "transactions",
    request_body = CreateCampaignRequest,
    responses(
        (status = 200, body = CreateCampaignAnswer),
        (status = 400, description = "malformed_json, missing_field, unknown_field, wrong_type, invalid_address, invalid_amount, invalid_time, conflicting_fields", body = ErrorEnvelope),
        (status = 409, description = "campaign_exists, mint_address_taken, vault_missing", body = ErrorEnvelope),
        (status = 413, description = "body_too_large", body = ErrorEnvelope),
        (status = 415, description = "unsupported_media_type", body = ErrorEnvelope),
        (status = 422, description = "invalid_terms, invalid_reward, invalid_shares, invalid_tiers, invalid_bonuses, invalid_hold, invalid_attribution_window, invalid_schedule, invalid_owner_limit, invalid_gate, invalid_budget, invalid_attestor, invalid_treasury, invalid_notice, wrong_payment_mint, unsupported_mint, mint_authority_mismatch, insufficient_tokens, transaction_too_large, transaction_would_fail", body = ErrorEnvelope),
        (status = 429, description = "too_many_requests", body = ErrorEnvelope),
        (status = 503, description = "overloaded, chain_unavailable", body = ErrorEnvelope),
    ))]
pub(crate) async fn create_campaign(
    State(state): State<AppState>,
    extract::Json(request): extract::Json<CreateCampaignRequest>,
) -> ApiResult<Json<CreateCampaignAnswer>> {
    let asked = Asked::read(&request)?;
    let campaign = asked.campaign();
    let mut addresses = vec![campaign];
    addresses.extend(
        [asked.mint, asked.payment_mint, asked.new_mint()]
            .into_iter()
            .flatten(),
    );
    let seen = state.chain.see(&addresses).await?;
    let opening = asked.opening(&seen)?;

    let create = opening.create().map_err(missing)?;
    let settings = create.settings;
    let tokens = asked.tokens(&opening, &seen);
    let preview = previewed(opening.terms, &settings, tokens, asked.example_amount)?;
    let mut plan = Plan::new(opening.payer, opening.instructions().map_err(missing)?);
    plan.mints
        .extend([asked.mint, asked.payment_mint].into_iter().flatten());
    plan.warnings.extend(warning(opening.terms, &preview));
    if opening.hands_over {
        let message = "from this transaction on only the campaign can mint this token, until its \
             authority reclaims a campaign that is closed and whose claim period is over";
        plan.warnings
            .push(Warning::new(WarningCode::MintAuthorityMoves, message));
    }
    Ok(Json(CreateCampaignAnswer {
        built: plan.build(&state).await?,
        campaign: campaign.to_string(),
        id: Amount(opening.id),
        mint: opening.reward_token().map(|(mint, _)| mint.to_string()),
        new_mint: matches!(opening.rewards, Currency::New { .. }),
        vault: create.vault().map(|vault| vault.to_string()),
        payment_mint: opening.payment_token().map(|(mint, _)| mint.to_string()),
        terms: opening.terms.into(),
        settings: (&settings).into(),
        preview,
    }))
}

/// A request whose fields have been read.
struct Asked {
    payer: Pubkey,
    authority: Pubkey,
    id: u64,
    terms: Terms,
    settings: Settings,
    mint: Option<Pubkey>,
    new_decimals: u8,
    payment_mint: Option<Pubkey>,
    funds: u64,
    example_amount: Option<u64>,
}

impl Asked {
    fn read(request: &CreateCampaignRequest) -> ApiResult<Self> {
        let authority = address(&request.authority, "authority")?;
        let payer = address_or(request.payer.as_deref(), authority, "payer")?;
        let id = match (&request.id, &request.name) {
            (Some(id), None) => amount(id, "id")?,
            (None, Some(name)) => id_of(name)?,
            (None, None) => return Err(ApiError::missing_field().of_field("id")),
            (Some(_), Some(_)) => return Err(conflicting("id", "send an id or a name, not both")),
        };
        if !request.settings.has_reward() {
            return Err(ApiError::missing_field().of_field("settings.reward"));
        }
        let funding = match &request.funding {
            Some(text) => named(text, &FUNDINGS, "funding")?,
            // Nobody gives the authority of a token away by default.
            None if request.mint.is_some() => {
                let message = "say what the campaign does with the token that exists: \
                     mint_authority takes the right to mint it over, vault and payment_split do not";
                return Err(ApiError::missing_field()
                    .saying(message)
                    .of_field("funding"));
            }
            None => Funding::MintAuthority,
        };
        let mints_existing = request.mint.is_some() && funding == Funding::MintAuthority;
        if mints_existing && !request.settings.has_budget() {
            let message = "say how much of the token that exists the campaign may mint: \"0\" for no \
                 limit";
            return Err(ApiError::missing_field()
                .saying(message)
                .of_field("settings.budget"));
        }
        let mut terms = usual_terms(funding);
        if let Some(text) = &request.proof {
            terms.proof = named(text, &PROOFS, "proof")?;
            if terms.proof == Proof::Payment {
                terms.uniqueness = vouch_client::accounts::Uniqueness::Order;
            }
        }
        if let Some(text) = &request.uniqueness {
            terms.uniqueness = named(text, &UNIQUENESSES, "uniqueness")?;
        }
        terms.per_owner = request.per_owner.unwrap_or_default();
        if let Some(notice) = request.notice_seconds {
            terms.notice_seconds = small(notice, u32::MAX, "notice_seconds")?;
        }
        let mint = request.mint.as_deref();
        let mint = mint.map(|text| address(text, "mint")).transpose()?;
        let payment_mint = request.payment_mint.as_deref();
        let payment_mint = payment_mint
            .map(|text| address(text, "payment_mint"))
            .transpose()?;
        let is_new = mint.is_none() && funding != Funding::PaymentSplit;
        let new_decimals = match request.decimals {
            Some(_) if !is_new => {
                return Err(conflicting("decimals", "only a new token gets decimals"));
            }
            Some(decimals) if !(0..=MOST_DECIMALS).contains(&decimals) => {
                let message = "this field has to be an integer from 0 to 18";
                return Err(ApiError::wrong_type().saying(message).of_field("decimals"));
            }
            Some(decimals) => small(decimals, 18, "decimals")?,
            None => DECIMALS,
        };
        if payment_mint.is_some()
            && (terms.proof != Proof::Payment || funding == Funding::PaymentSplit)
        {
            let message = "only a campaign that pays rewards of their own for payments has a \
                 payment_mint; in a split it is the mint";
            return Err(conflicting("payment_mint", message));
        }
        let funds = request.funds.as_deref();
        let funds = funds.map_or(Ok(0), |text| amount(text, "funds"))?;
        if funds > 0 && funding != Funding::Vault {
            return Err(conflicting("funds", "only the funding vault takes funds"));
        }
        let example = request.example_amount.as_deref();
        Ok(Self {
            payer,
            authority,
            id,
            terms,
            settings: request.settings.apply(Settings::default())?,
            mint,
            new_decimals,
            payment_mint,
            funds,
            example_amount: example
                .map(|text| amount(text, "example_amount"))
                .transpose()?,
        })
    }

    fn campaign(&self) -> Pubkey {
        vouch_client::pda::campaign(&self.authority, self.id).0
    }

    /// Address of the mint that the opening creates, if it does.
    fn new_mint(&self) -> Option<Pubkey> {
        let creates = self.mint.is_none() && self.terms.funding != Funding::PaymentSplit;
        creates.then(|| new_mint(&self.authority, self.id))
    }

    fn opening(&self, seen: &Seen) -> ApiResult<Opening> {
        let rent: &Rent = &seen.rent;
        let mint_size = usize::try_from(token::MINT_SIZE).unwrap_or(usize::MAX);
        if seen
            .get(&self.campaign())
            .is_some_and(|it| !it.data.is_empty())
        {
            return Err(ProgramError::CampaignExists.into());
        }
        // The System program creates no account where there are lamports, and anybody can send some.
        if self
            .new_mint()
            .is_some_and(|mint| seen.get(&mint).is_some())
        {
            return Err(ApiError::mint_address_taken());
        }
        let mut opening = Opening::new(
            &self.authority,
            self.id,
            self.terms.funding,
            self.settings,
            rent.minimum_balance(mint_size),
        );
        opening.payer = self.payer;
        opening.terms = self.terms;
        opening.funds = self.funds;
        if let Currency::New { decimals, .. } = &mut opening.rewards {
            *decimals = self.new_decimals;
        }
        if let Some(mint) = self.mint {
            let (currency, facts) = existing(seen, mint)?;
            opening.rewards = currency;
            if self.terms.funding == Funding::MintAuthority {
                let minter = facts.authority;
                opening.hands_over = minter == Some(self.authority);
                if !opening.hands_over && minter != Some(self.campaign()) {
                    return Err(ProgramError::MintAuthorityMismatch.into());
                }
            }
        }
        if let Some(mint) = self.payment_mint {
            opening.payments = existing(seen, mint)?.0;
        }
        Ok(opening)
    }

    /// The tokens of rewards and payments.
    fn tokens(&self, opening: &Opening, seen: &Seen) -> Tokens {
        let decimals = |mint| existing(seen, mint).map_or(0, |(_, facts)| facts.decimals);
        let is_split = self.terms.funding == Funding::PaymentSplit;
        let reward_decimals = match self.mint {
            Some(mint) => decimals(mint),
            None if is_split => SOL_DECIMALS,
            None => self.new_decimals,
        };
        let reward_mint = opening.reward_token().map(|(mint, _)| mint);
        let payment_mint = opening.payment_token().map(|(mint, _)| mint);
        let paying = match payment_mint {
            _ if is_split => reward_decimals,
            Some(mint) => decimals(mint),
            None => SOL_DECIMALS,
        };
        Tokens {
            reward_mint,
            reward_decimals,
            payment: (self.terms.proof == Proof::Payment)
                .then(|| Paying::new(payment_mint.as_ref(), paying)),
            same: money::is_same(
                payment_mint.unwrap_or_default().as_array(),
                reward_mint.unwrap_or_default().as_array(),
            ),
        }
    }
}

/// The refusal of an opening whose creator has to choose a setting.
fn missing(setting: MissingSetting) -> ApiError {
    let field = match setting {
        MissingSetting::MinAmount => "settings.min_amount",
        MissingSetting::RewardMax => "settings.reward.max",
    };
    ApiError::missing_field()
        .saying(setting.to_string().replace("reward_max", "max"))
        .of_field(field)
}

fn conflicting(field: &str, message: &str) -> ApiError {
    ApiError::conflicting_fields()
        .saying(message)
        .of_field(field)
}

/// The number that a name stands for: the first eight bytes of its SHA-256.
fn id_of(name: &str) -> ApiResult<u64> {
    if !(1..=100).contains(&name.chars().count()) {
        let message = "a name has 1 to 100 characters";
        return Err(ApiError::wrong_type().saying(message).of_field("name"));
    }
    let digest: [u8; 32] = Sha256::digest(name).into();
    let first = digest.first_chunk::<8>();
    Ok(first.map_or(0, |first| u64::from_be_bytes(*first)))
}

/// The token of a mint that exists.
fn existing(seen: &Seen, mint: Pubkey) -> ApiResult<(Currency, token::Mint)> {
    let account = seen.get(&mint).filter(|account| {
        [token::TOKEN_PROGRAM_ID, token::TOKEN_2022_PROGRAM_ID].contains(&account.owner)
    });
    let found = account.and_then(|account| Some((account.owner, token::mint(&account.data)?)));
    let (program, facts) = found.ok_or(ProgramError::UnsupportedMint)?;
    Ok((Currency::Token { mint, program }, facts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_one_number() {
        // SHA-256 of "abc" begins with these bytes: FIPS 180-2, appendix B.1.
        assert_eq!(id_of("abc").ok(), Some(0xba78_16bf_8f01_cfea));
        let long = "x".repeat(101);
        for bad in ["", &long] {
            assert_eq!(id_of(bad).unwrap_err().code, "wrong_type");
        }
    }
}
