//! Commands of a referrer: codes.

use clap::Subcommand;
use rand::seq::SliceRandom as _;
use serde_json::{Value, json};
use solana_sdk::signature::Signer as _;
use vouch_client::{
    Code, ProgramError, Pubkey,
    accounts::{Campaign, Referral, Referrer},
    instructions::{self, CreateReferral},
    pda, preflight, token,
};

use crate::{
    amount::{SOL, Units},
    api::Api,
    context::{Context, address, warning},
    error::{Failure, Outcome},
    node::At,
    places,
    send::Plan,
    settings::{COUNT, limit},
    span,
};

/// Characters of a code that nobody has chosen.
const LENGTH: usize = 8;

/// Commands of `vouch code`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Register a code of the wallet in a campaign
    Create {
        /// 6 to 12 characters of A-Z and 2-9, without O, I and L [default: chosen at random]
        code: Option<String>,
        #[arg(long, env = "VOUCH_CAMPAIGN")]
        campaign: Pubkey,
        /// Most conversions that the code may ever have, or none [default: none]
        #[arg(
            long,
            value_name = "NUMBER",
            default_value = "none",
            hide_default_value = true
        )]
        usage_limit: String,
        /// From when on it earns no more: RFC 3339 [default: never]
        #[arg(
            long,
            value_name = "TIME",
            default_value = "never",
            hide_default_value = true
        )]
        expires_at: String,
    },
    /// Show a code, and its share link if an API is named
    Show {
        code: String,
        #[arg(long, env = "VOUCH_CAMPAIGN")]
        campaign: Pubkey,
    },
    /// List the codes of a wallet
    List {
        /// [default: the wallet that signs]
        #[arg(long, value_name = "ADDRESS")]
        owner: Option<Pubkey>,
        /// Only those of this campaign
        #[arg(long, env = "VOUCH_CAMPAIGN")]
        campaign: Option<Pubkey>,
    },
}

/// Runs a command of `vouch code`.
///
/// # Errors
/// See `docs/cli.md`.
pub(crate) async fn run(context: &Context, command: Command) -> Outcome<Value> {
    match command {
        Command::Create {
            code,
            campaign,
            usage_limit,
            expires_at,
        } => {
            let usage_limit = limit(&usage_limit, COUNT, "--usage-limit")?;
            let expires_at = span::moment(&expires_at, "--expires-at", span::NEVER)?;
            let code = match code {
                Some(text) => parse(&text)?,
                None => random(),
            };
            create(context, &campaign, &code, (usage_limit, expires_at)).await
        }
        Command::Show { code, campaign } => show(context, &campaign, &parse(&code)?).await,
        Command::List { owner, campaign } => list(context, owner, campaign).await,
    }
}

/// Reads a code in either case.
///
/// # Errors
/// `invalid_code`.
pub(crate) fn parse(text: &str) -> Outcome<Code> {
    text.to_ascii_uppercase().parse().map_err(|_| {
        let error = ProgramError::InvalidCode;
        Failure::usage("invalid_code", error.message(), error.advice())
    })
}

fn random() -> Code {
    let mut random = rand::thread_rng();
    let letters = (0..LENGTH).map(|_| *Code::ALPHABET.choose(&mut random).unwrap_or(&b'A'));
    let letters: Vec<u8> = letters.collect();
    Code::from_bytes(&letters).unwrap_or_else(|_| unreachable!("letters of the alphabet"))
}

async fn create(
    context: &Context,
    at: &Pubkey,
    code: &Code,
    (usage_limit, expires_at): (u64, i64),
) -> Outcome<Value> {
    let key = context.key()?;
    let owner = key.pubkey();
    let place = pda::referral(at, code);
    let own = pda::referrer(at, &owner);
    let (campaign, seen) = context.node.campaign(at, &[place, own]).await?;
    let attestor = campaign.settings.attestor;
    let args = CreateReferral {
        usage_limit,
        expires_at,
        attestor: (campaign.settings.attested_codes && attestor == owner).then_some(attestor),
        per_owner: campaign.per_owner,
        ..CreateReferral::new(&owner, &owner, at, code)
    };
    // Whether it is taken, the program says: an earlier run may have registered it.
    preflight::check_create_referral(&campaign, &args, seen.now, false)?;
    let mut all = Vec::new();
    if campaign.per_owner && seen.read::<Referrer>(&own).is_none() {
        all.push(instructions::register_referrer(&owner, &owner, at));
    }
    if let Some(mint) = campaign.reward_mint() {
        let program = &campaign.token_program;
        all.push(token::create_associated_token(
            &owner, &owner, &mint, program,
        ));
    }
    all.push(instructions::create_referral(&args));
    let plan = Plan {
        command: Some(format!("code {at} {code} {usage_limit} {expires_at}")),
        base: None,
        title: format!("Register the code {code}"),
        instructions: all,
    };
    let mut warnings = Vec::new();
    if let Err(error) = preflight::check_open(&campaign, seen.now) {
        warnings.push(warning(
            error.snake_name(),
            format!("the code earns nothing now: {}", error.message()),
        ));
    }
    let result = json!({
        "code": code.as_str(),
        "campaign": at.to_string(),
        "referral": place.to_string(),
        "owner": owner.to_string(),
        "usage_limit": (usage_limit != 0).then(|| usage_limit.to_string()),
        "expires_at": span::shown(expires_at),
        "warnings": warnings,
    });
    context.carry_out(&key, plan, result).await
}

/// The units of a campaign's rewards.
pub(crate) fn units(context: &Context, campaign: &Campaign) -> Units {
    let decimals = if campaign.rewards_are_sol() {
        SOL
    } else {
        campaign.mint_decimals
    };
    Units {
        decimals,
        raw: context.options.raw,
    }
}

/// A code for `--json`.
fn shown(place: &Pubkey, referral: &Referral, units: Units, now: i64) -> Value {
    let earns = preflight::check_earning(referral, now);
    json!({
        "code": referral.code().map(|code| code.to_string()).unwrap_or_default(),
        "campaign": referral.campaign.to_string(),
        "referral": place.to_string(),
        "owner": referral.owner.to_string(),
        "pending_owner": address(&referral.pending_owner),
        "partner": address(&referral.partner),
        "state": earns.map_or_else(|error| Failure::from(error).code, |()| "earning".into()),
        "conversions": referral.conversions.to_string(),
        "usage_limit": (referral.usage_limit != 0).then(|| referral.usage_limit.to_string()),
        "expires_at": span::shown(referral.expires_at),
        "created_at": span::shown(referral.created_at),
        "rewards_total": units.json(referral.rewards_total),
        "rewards_pending": units.json(referral.rewards_pending),
    })
}

async fn show(context: &Context, at: &Pubkey, code: &Code) -> Outcome<Value> {
    let place = pda::referral(at, code);
    let (campaign, seen) = context.node.campaign(at, &[place]).await?;
    let referral: Referral = seen.read(&place).ok_or(ProgramError::ReferralNotFound)?;
    let mut result = shown(&place, &referral, units(context, &campaign), seen.now);
    result["share_url"] = Value::Null;
    if context.options.api.is_some() {
        let api = Api::new(&context.options)?;
        let found = api
            .get(&format!("/v1/codes/{code}?campaign={at}"), None)
            .await?;
        result["share_url"] = found["share_url"].clone();
    }
    Ok(result)
}

async fn list(
    context: &Context,
    owner: Option<Pubkey>,
    campaign: Option<Pubkey>,
) -> Outcome<Value> {
    let owner = context.wallet(owner)?;
    let owner_bytes = owner.to_bytes();
    let campaign_bytes = campaign.map(|campaign| campaign.to_bytes());
    let mut conditions = vec![At(places::REFERRAL_OWNER, &owner_bytes)];
    if let Some(bytes) = &campaign_bytes {
        conditions.push(At(places::REFERRAL_CAMPAIGN, bytes));
    }
    let mut found: Vec<(Pubkey, Referral)> = context.node.search(&conditions).await?;
    found.sort_by_key(|(_, referral)| (referral.campaign, referral.code));
    let mut campaigns: Vec<Pubkey> = found.iter().map(|(_, it)| it.campaign).collect();
    campaigns.dedup();
    let seen = context.node.see(&campaigns).await?;
    let codes = found.iter().filter_map(|(place, referral)| {
        let campaign: Campaign = seen.read(&referral.campaign)?;
        Some(shown(place, referral, units(context, &campaign), seen.now))
    });
    Ok(json!({ "owner": owner.to_string(), "codes": codes.collect::<Vec<_>>() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_in_either_case() {
        assert_eq!(parse("myshare2").expect("a code").as_str(), "MYSHARE2");
        for text in ["", "SHORT", "LETTERO0", "TOOLONGACODE2", "ÄCODE22"] {
            assert_eq!(parse(text).expect_err(text).code, "invalid_code");
        }
        let chosen = random();
        assert_eq!(chosen.as_str().len(), LENGTH);
    }
}
