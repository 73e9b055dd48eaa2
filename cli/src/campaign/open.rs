//! `vouch campaign open`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use solana_sdk::{rent::Rent, signature::Signer as _};
use vouch_client::{
    ProgramError, Pubkey,
    accounts::{Funding, Proof, RewardKind, Settings, Terms, Uniqueness},
    opening::{Currency, DECIMALS, MissingSetting, Opening, new_mint, usual_terms},
    token,
};

use super::payments::{previewed, self_referral};
use crate::{
    amount::{SOL, Units},
    context::{Context, warning},
    error::{Failure, Outcome},
    node::Seen,
    send::Plan,
    settings::{self, SettingsArgs, Text, Tokens, pubkey},
    span,
};

/// The most decimals of a new mint: more than any amount of 64 bits has digits would show nothing.
const MOST_DECIMALS: u8 = 18;

const FUNDINGS: [(&str, Funding); 3] = [
    ("mint_authority", Funding::MintAuthority),
    ("vault", Funding::Vault),
    ("payment_split", Funding::PaymentSplit),
];
const PROOFS: [(&str, Proof); 3] = [
    ("open", Proof::Open),
    ("attested", Proof::Attested),
    ("payment", Proof::Payment),
];
const UNIQUENESSES: [(&str, Uniqueness); 3] = [
    ("wallet", Uniqueness::Wallet),
    ("wallet_and_code", Uniqueness::WalletAndCode),
    ("order", Uniqueness::Order),
];

/// A campaign to open.
#[derive(Debug, Args)]
pub(crate) struct OpenArgs {
    /// File with the tables [campaign] and [settings]; options win
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) campaign: CampaignArgs,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// Everything but the settings.
#[derive(Debug, Default, Args, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CampaignArgs {
    /// The wallet's own number for the campaign; part of its address
    #[arg(long, value_name = "NUMBER", conflicts_with = "name")]
    id: Option<Text>,
    /// The wallet's own name for the campaign, of which the number is made
    #[arg(long)]
    name: Option<String>,
    /// mint_authority, vault or payment_split [default: mint_authority, but required with --mint]
    #[arg(long)]
    funding: Option<String>,
    /// open, attested or payment [default: open, or payment in a split]
    #[arg(long)]
    proof: Option<String>,
    /// wallet, wallet_and_code or order [default: wallet, or order with payments]
    #[arg(long)]
    uniqueness: Option<String>,
    /// Whether tiers, bonuses and the owner limit count all codes of an owner [default: false]
    #[arg(long, value_name = "BOOL")]
    per_owner: Option<bool>,
    /// Time between the announcement of a cut and its effect [default: 7d]
    #[arg(long, value_name = "DURATION")]
    notice: Option<Text>,
    /// Mint of the rewards [default: a new token, or SOL in a split]
    #[arg(long, value_name = "ADDRESS")]
    mint: Option<String>,
    /// Decimals of a new token [default: 6]
    #[arg(long)]
    decimals: Option<u8>,
    /// Mint of payments, where buyers pay and it is no split [default: SOL]
    #[arg(long, value_name = "ADDRESS")]
    payment_mint: Option<String>,
    /// The amount that the vault starts with [default: 0]
    #[arg(long, value_name = "AMOUNT")]
    funds: Option<Text>,
    /// Amount of the conversions in the preview
    #[arg(long, value_name = "AMOUNT")]
    pub(super) example_amount: Option<Text>,
}

/// A file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    campaign: CampaignArgs,
    settings: SettingsArgs,
}

fn read_file(path: &Path) -> Outcome<File> {
    let refuse = |cause: String| {
        Failure::usage(
            "file_unreadable",
            format!("{}: {}", path.display(), cause.trim_end()),
            "write TOML with the tables [campaign] and [settings], as docs/cli.md shows",
        )
    };
    let text = fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
    toml::from_str(&text).map_err(|error| refuse(error.to_string()))
}

/// The settings of a file and of options, which win.
pub(super) fn settings_of(args: SettingsArgs, file: Option<&Path>) -> Outcome<SettingsArgs> {
    let file = file.map(read_file).transpose()?.unwrap_or_default();
    Ok(args.over(file.settings))
}

impl CampaignArgs {
    fn over(self, under: Self) -> Self {
        let (id, name) = if self.id.is_some() || self.name.is_some() {
            (self.id, self.name)
        } else {
            (under.id, under.name)
        };
        Self {
            id,
            name,
            funding: self.funding.or(under.funding),
            proof: self.proof.or(under.proof),
            uniqueness: self.uniqueness.or(under.uniqueness),
            per_owner: self.per_owner.or(under.per_owner),
            notice: self.notice.or(under.notice),
            mint: self.mint.or(under.mint),
            decimals: self.decimals.or(under.decimals),
            payment_mint: self.payment_mint.or(under.payment_mint),
            funds: self.funds.or(under.funds),
            example_amount: self.example_amount.or(under.example_amount),
        }
    }
}

/// The campaign to open, read and checked.
struct Asked {
    opening: Opening,
    create_settings: Settings,
    tokens: Tokens,
    example: Option<String>,
}

impl OpenArgs {
    /// Whether anything but the example is chosen.
    pub(super) fn has_choices(&self) -> bool {
        let CampaignArgs {
            id,
            name,
            funding,
            proof,
            uniqueness,
            per_owner,
            notice,
            mint,
            decimals,
            payment_mint,
            funds,
            example_amount: _,
        } = &self.campaign;
        let texts = [name, funding, proof, uniqueness, mint, payment_mint];
        texts.iter().any(|text| text.is_some())
            || [id, notice, funds].iter().any(|text| text.is_some())
            || per_owner.is_some()
            || decimals.is_some()
            || self.file.is_some()
            || !self.settings.is_empty()
    }

    async fn read(self, context: &Context, authority: &Pubkey) -> Outcome<(Asked, Seen)> {
        let file = self
            .file
            .as_deref()
            .map(read_file)
            .transpose()?
            .unwrap_or_default();
        let campaign = self.campaign.over(file.campaign);
        let settings = self.settings.over(file.settings);
        let id = campaign.id()?;
        if settings.reward.is_none() && settings.reward_percent.is_none() {
            return Err(missing(
                "choose what a conversion pays",
                "add --reward or --reward-percent",
            ));
        }
        let terms = campaign.terms()?;
        let address = |text: &Option<String>, option| {
            text.as_deref().map(|text| pubkey(text, option)).transpose()
        };
        let mint = address(&campaign.mint, "--mint")?;
        let payment_mint = address(&campaign.payment_mint, "--payment-mint")?;
        let is_new = mint.is_none() && terms.funding != Funding::PaymentSplit;
        if terms.funding == Funding::MintAuthority && mint.is_some() && settings.budget.is_none() {
            return Err(missing(
                "say how much of the token that exists the campaign may mint",
                "add --budget, none for no limit",
            ));
        }
        let takes_payments = terms.proof == Proof::Payment;
        if payment_mint.is_some() && (!takes_payments || terms.funding == Funding::PaymentSplit) {
            return Err(Failure::usage(
                "conflicting_options",
                "only a campaign that pays rewards of their own for payments has a --payment-mint",
                "leave it out; in a split it is the mint",
            ));
        }
        let decimals = match campaign.decimals {
            Some(_) if !is_new => {
                return Err(Failure::usage(
                    "conflicting_options",
                    "only a new token gets --decimals",
                    "leave --decimals out",
                ));
            }
            Some(decimals) if decimals > MOST_DECIMALS => {
                return Err(Failure::usage(
                    "invalid_number",
                    format!("--decimals: {decimals} is more than {MOST_DECIMALS}"),
                    "choose 0 to 18",
                ));
            }
            Some(decimals) => decimals,
            None => DECIMALS,
        };

        let at = vouch_client::pda::campaign(authority, id).0;
        let mut addresses = vec![at, new_mint(authority, id)];
        addresses.extend(mint);
        addresses.extend(payment_mint);
        let seen = context.node.see(&addresses).await?;
        let existing = |mint: Pubkey| existing(&seen, mint);
        let mint_size = usize::try_from(token::MINT_SIZE).unwrap_or(usize::MAX);
        let rent = mint_rent(&seen.rent, mint_size)
            .ok_or_else(|| context.node.nonsense("getMultipleAccounts"))?;
        let mut opening = Opening::new(authority, id, terms.funding, Settings::default(), rent);
        opening.terms = terms;
        let mut reward_decimals = if terms.funding == Funding::PaymentSplit {
            SOL
        } else {
            decimals
        };
        if let Currency::New {
            decimals: chosen, ..
        } = &mut opening.rewards
        {
            *chosen = decimals;
        }
        if let Some(mint) = mint {
            let (currency, facts) = existing(mint)?;
            opening.rewards = currency;
            reward_decimals = facts.decimals;
            if terms.funding == Funding::MintAuthority {
                opening.hands_over = facts.authority == Some(*authority);
                if !opening.hands_over && facts.authority != Some(at) {
                    return Err(ProgramError::MintAuthorityMismatch.into());
                }
            }
        }
        let mut payment_decimals = if !takes_payments || terms.funding == Funding::PaymentSplit {
            reward_decimals
        } else {
            SOL
        };
        if let Some(mint) = payment_mint {
            let (currency, facts) = existing(mint)?;
            opening.payments = currency;
            payment_decimals = facts.decimals;
        }
        let raw = context.options.raw;
        let tokens = Tokens {
            reward: Units {
                decimals: reward_decimals,
                raw,
            },
            payment: Units {
                decimals: payment_decimals,
                raw,
            },
        };
        if let Some(Text(funds)) = &campaign.funds {
            opening.funds = tokens.reward.parse(funds, "--funds")?;
        }
        if opening.funds > 0 && terms.funding != Funding::Vault {
            return Err(Failure::usage(
                "conflicting_options",
                "only a campaign that pays from a vault takes --funds",
                "leave --funds out, or choose --funding vault",
            ));
        }
        opening.settings = settings.apply(Settings::default(), tokens)?;
        checked_percentage(terms.proof, &opening.settings)?;
        let create = opening.create().map_err(missing_setting)?;
        let asked = Asked {
            opening,
            create_settings: create.settings,
            tokens,
            example: campaign.example_amount.map(|text| text.0),
        };
        Ok((asked, seen))
    }
}

impl CampaignArgs {
    fn id(&self) -> Outcome<u64> {
        match (&self.id, &self.name) {
            (Some(Text(text)), None) => text.parse().map_err(|_| {
                Failure::usage(
                    "invalid_number",
                    format!("--id: {text:?} is no number of 64 bits"),
                    "write a whole number, or choose a --name",
                )
            }),
            (None, Some(name)) => id_of(name),
            (None, None) => Err(missing(
                "a wallet can have many campaigns, so each needs a name",
                "add --name or --id",
            )),
            (Some(_), Some(_)) => Err(Failure::usage(
                "conflicting_options",
                "a campaign has an id or a name, not both",
                "leave one of them out",
            )),
        }
    }

    fn terms(&self) -> Outcome<Terms> {
        let funding = match &self.funding {
            Some(text) => named(text, &FUNDINGS, "--funding")?,
            // Nobody gives the authority of a token away by default.
            None if self.mint.is_some() => {
                return Err(missing(
                    "say what the campaign does with the token that exists: mint_authority takes the right to mint it over, vault and payment_split do not",
                    "add --funding",
                ));
            }
            None => Funding::MintAuthority,
        };
        let mut terms = usual_terms(funding);
        if let Some(text) = &self.proof {
            terms.proof = named(text, &PROOFS, "--proof")?;
            if terms.proof == Proof::Payment {
                terms.uniqueness = Uniqueness::Order;
            }
        }
        if let Some(text) = &self.uniqueness {
            terms.uniqueness = named(text, &UNIQUENESSES, "--uniqueness")?;
        }
        terms.per_owner = self.per_owner.unwrap_or_default();
        if let Some(Text(text)) = &self.notice {
            terms.notice_seconds = span::seconds(text, "--notice")?;
        }
        Ok(terms)
    }
}

/// The number that a name stands for, as in the API: the first eight bytes of its SHA-256.
fn id_of(name: &str) -> Outcome<u64> {
    if !(1..=100).contains(&name.chars().count()) {
        return Err(Failure::usage(
            "invalid_name",
            "--name: a name has 1 to 100 characters",
            "choose another name",
        ));
    }
    let digest: [u8; 32] = Sha256::digest(name).into();
    let first = digest.first_chunk::<8>();
    Ok(first.map_or(0, |first| u64::from_be_bytes(*first)))
}

fn missing(message: &str, advice: &str) -> Failure {
    Failure::usage("missing_option", message, advice)
}

fn missing_setting(setting: MissingSetting) -> Failure {
    let option = match setting {
        MissingSetting::MinAmount => "add --min-amount",
        MissingSetting::RewardMax => "add --reward-max",
    };
    missing(
        "buyers pay in another token than rewards are, so no usual value keeps a reward from being worth more than the payment",
        option,
    )
}

fn named<T: Copy>(text: &str, names: &[(&str, T); 3], option: &str) -> Outcome<T> {
    let found = names.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        Failure::usage(
            "invalid_choice",
            format!("{option}: there is no {text:?}"),
            format!("choose one of {}", names.join(", ")),
        )
    })
}

fn name_of<T: PartialEq>(value: T, names: &[(&'static str, T); 3]) -> &'static str {
    let found = names.iter().find(|(_, known)| *known == value);
    found.map_or("", |(name, _)| *name)
}

/// Terms for `--json`.
pub(super) fn terms_json(terms: Terms) -> Value {
    json!({
        "funding": name_of(terms.funding, &FUNDINGS),
        "proof": name_of(terms.proof, &PROOFS),
        "uniqueness": name_of(terms.uniqueness, &UNIQUENESSES),
        "per_owner": terms.per_owner,
        "notice_seconds": terms.notice_seconds,
    })
}

/// Refuses a percentage of an amount that nobody vouches for, as the program does, and one without a
/// maximum of an amount that nobody pays.
fn checked_percentage(proof: Proof, settings: &Settings) -> Outcome<()> {
    match (settings.reward_kind, proof) {
        (RewardKind::Percent, Proof::Open) => Err(Failure::refused(
            ProgramError::InvalidReward.snake_name(),
            "a percentage needs a proof, because an amount that only the referee claims must not decide the reward",
            "choose --proof attested or payment, or a fixed --reward",
        )),
        (RewardKind::Percent, Proof::Attested) if settings.reward_max == 0 => Err(missing(
            "nobody pays the amount that the percentage is of, so nothing else limits the reward",
            "add --reward-max",
        )),
        _ => Ok(()),
    }
}

/// Lamports of a new mint of this size, which are signed. `None` if the node asks for more than every
/// cluster has ever taken.
fn mint_rent(rent: &Rent, size: usize) -> Option<u64> {
    let lamports = rent.minimum_balance(size);
    (lamports <= Rent::default().minimum_balance(size)).then_some(lamports)
}

/// The token of a mint that exists.
fn existing(seen: &Seen, mint: Pubkey) -> Outcome<(Currency, token::Mint)> {
    let account = seen.get(&mint).filter(|account| {
        [token::TOKEN_PROGRAM_ID, token::TOKEN_2022_PROGRAM_ID].contains(&account.owner)
    });
    let found = account.and_then(|account| Some((account.owner, token::mint(&account.data)?)));
    let (program, facts) = found.ok_or(ProgramError::UnsupportedMint)?;
    Ok((Currency::Token { mint, program }, facts))
}

/// The text that the person sees before signing.
fn described(asked: &Asked) -> Outcome<Value> {
    let Asked {
        opening,
        create_settings,
        tokens,
        example,
    } = asked;
    let mint = |token: Option<(Pubkey, Pubkey)>| token.map(|(mint, _)| mint.to_string());
    let same = opening.pays_in_rewards();
    let preview = previewed(
        opening.terms,
        create_settings,
        *tokens,
        same,
        example.as_deref(),
    )?;
    let mut warnings: Vec<Value> = self_referral(opening.terms, &preview).into_iter().collect();
    if opening.hands_over {
        warnings.push(warning(
            "mint_authority_moves",
            "from this transaction on only the campaign can mint this token, until its authority reclaims a campaign that is closed and whose claim period is over",
        ));
    }
    let create = opening.create().map_err(missing_setting)?;
    Ok(json!({
        "campaign": opening.campaign().to_string(),
        "id": opening.id.to_string(),
        "authority": opening.authority.to_string(),
        "mint": mint(opening.reward_token()),
        "new_mint": matches!(opening.rewards, Currency::New { .. }),
        "decimals": tokens.reward.decimals,
        "vault": create.vault().map(|vault| vault.to_string()),
        "funds": tokens.reward.json(opening.funds),
        "payment_mint": mint(opening.payment_token()),
        "terms": terms_json(opening.terms),
        "settings": settings::shown(create_settings, *tokens),
        "preview": preview,
        "warnings": warnings,
    }))
}

/// Opens a campaign.
pub(super) async fn run(context: &Context, args: OpenArgs) -> Outcome<Value> {
    let key = context.key()?;
    let (asked, seen) = args.read(context, &key.pubkey()).await?;
    let shown = described(&asked)?;
    let opening = &asked.opening;
    let plan = Plan {
        // A first run hands the mint over, so a second one would sign something else.
        command: Some(format!(
            "open {:?}",
            Opening {
                hands_over: false,
                ..*opening
            }
        )),
        base: None,
        title: format!("Open the campaign {}", opening.campaign()),
        instructions: opening.instructions().map_err(missing_setting)?,
    };
    let result = context.carry_out(&key, plan, shown).await;
    // The program is not asked if a step before it fails because of the same.
    result.map_err(|failure| {
        let is_there = |address| seen.get(&address).is_some();
        let is_new = matches!(opening.rewards, Currency::New { .. });
        if failure.code != "transaction_would_fail" {
            failure
        } else if seen.get(&opening.campaign()).is_some_and(|it| !it.data.is_empty()) {
            ProgramError::CampaignExists.into()
        } else if is_new && is_there(new_mint(&opening.authority, opening.id)) {
            Failure::refused(
                "mint_address_taken",
                "somebody has sent lamports to the address of the new mint, so it cannot be created",
                "choose another --id or --name",
            )
        } else {
            failure
        }
    })
}

/// Describes a campaign without opening it.
pub(super) async fn preview(context: &Context, args: OpenArgs) -> Outcome<Value> {
    let authority = context.wallet(None)?;
    let (asked, _) = args.read(context, &authority).await?;
    let mut shown = described(&asked)?;
    // The address is not taken before somebody signs.
    if let Some(fields) = shown.as_object_mut() {
        fields.remove("vault");
    }
    Ok(shown)
}

#[cfg(test)]
mod tests;
