//! The terms of a campaign, now and from an announced moment on.

use serde::Serialize;
use utoipa::ToSchema;
use vouch_client::{
    Pubkey,
    accounts::{self, Bonus, Proof, RewardKind, Settings, Tier},
};

use crate::types::{Amount, timestamp};

/// How the reward follows from a conversion.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RewardRule {
    /// fixed or percent.
    pub(super) kind: String,
    /// Base units, for fixed.
    pub(super) fixed: Amount,
    /// Basis points of the amount, for percent.
    pub(super) bps: i32,
    /// Most base units, for percent; null for no maximum.
    pub(super) max: Option<Amount>,
}

/// The other settings that decide over a conversion and its reward.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Rules {
    /// Seconds within which the campaign can cancel a conversion, and its reward waits.
    hold_seconds: u32,
    /// Seconds between the announcement of a cut and its effect.
    notice_seconds: u32,
    /// Basis points of the reward for the wallet that was referred.
    referee_share_bps: u16,
    /// Base units of the reward for the wallet that was referred.
    referee_fixed: Amount,
    /// Most basis points of the reward that a code's owner can give to a partner.
    max_partner_share_bps: u16,
    /// Most base units of the reward that a code's owner can give to a partner.
    max_partner_fixed: Amount,
    /// Least amount of a conversion.
    min_amount: Amount,
    /// Seconds that a binding lasts; null if the campaign needs no binding.
    attribution_window: Option<u32>,
    /// Most conversions that all codes of one owner can have; null for no limit.
    owner_limit: Option<Amount>,
    /// Multipliers of the reward, by the number of conversions.
    tiers: Vec<TierRule>,
    /// Amounts that are paid once, by the number of conversions.
    bonuses: Vec<BonusRule>,
    /// Most base units that the campaign pays in all; null for no limit.
    budget: Option<Amount>,
    /// Base units of that budget that are owed or paid. Without a budget nothing is counted.
    committed: Amount,
    /// Base units that the vault owes: of conversions within their hold, and of parts that could not be
    /// paid. Without a vault nothing is counted.
    owed: Amount,
    /// Whether the wallet that is referred needs a credential.
    credential_required: bool,
    /// The credential that it needs, of the Solana Attestation Service; null for none.
    credential: Option<Credential>,
    /// Signs conversions where the campaign attests them, and codes where `attested_codes` says so; null
    /// for nobody.
    attestor: Option<String>,
    /// Whether a code needs the attestor's signature.
    attested_codes: bool,
    /// Receives the rest of the payment, where rewards are split from it; null elsewhere.
    treasury: Option<String>,
    /// Whether tiers or bonuses change the reward with the number of conversions.
    varies: bool,
}

/// A multiplier of the reward.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TierRule {
    /// The conversion from which it applies, counted from 1.
    min_conversions: Amount,
    /// Basis points: 10000 is once the reward.
    multiplier_bps: u32,
}

/// A reward that a referrer gets once, besides the others.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BonusRule {
    /// The conversion that earns it, counted from 1.
    threshold: Amount,
    /// Base units.
    amount: Amount,
}

/// Which attestations of the Solana Attestation Service are accepted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Credential {
    /// Address of the issuer's credential.
    issuer: String,
    /// Address of the schema.
    schema: String,
}

/// Terms that apply from a moment on. A cut is announced at least the notice ahead; nothing has to be
/// signed when it comes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Announced {
    /// RFC 3339: from when they apply.
    takes_effect_at: Option<String>,
    reward: RewardRule,
    /// RFC 3339; null for at once.
    starts_at: Option<String>,
    /// RFC 3339; null for never.
    ends_at: Option<String>,
    rules: Rules,
}

/// Terms that only a campaign's account holds.
pub(super) struct OnChain {
    pub(super) rules: Rules,
    /// Null if nothing is announced.
    pub(super) announced: Option<Announced>,
    /// Those of the reward, the start and the end that have come into force without a transaction; `None`
    /// if the mirror's columns hold them.
    pub(super) arrived: Option<(RewardRule, Option<String>, Option<String>)>,
    pub(super) vault: Option<String>,
    pub(super) payment_mint: Option<String>,
}

impl OnChain {
    /// Those of the campaign at `now`, in unix seconds.
    pub(super) fn at(now: i64, campaign: &accounts::Campaign) -> Self {
        let announced = campaign.announced(now).map(|(from, settings)| Announced {
            takes_effect_at: timestamp(from),
            reward: RewardRule::of(settings),
            starts_at: timestamp(settings.starts_at),
            ends_at: timestamp(settings.ends_at),
            rules: Rules::of(campaign, settings),
        });
        let arrived = campaign.arrived(now).map(|settings| {
            let (starts_at, ends_at) = (settings.starts_at, settings.ends_at);
            (
                RewardRule::of(settings),
                timestamp(starts_at),
                timestamp(ends_at),
            )
        });
        Self {
            rules: Rules::of(campaign, campaign.in_force(now)),
            announced,
            arrived,
            vault: unless_default(campaign.vault),
            payment_mint: (campaign.proof == Proof::Payment)
                .then(|| campaign.payment_mint.to_string()),
        }
    }
}

impl Rules {
    fn of(campaign: &accounts::Campaign, settings: &Settings) -> Self {
        let tiers: Vec<TierRule> = settings
            .tiers
            .iter()
            .filter(|tier| **tier != Tier::default())
            .map(|tier| TierRule {
                min_conversions: Amount(tier.min_conversions),
                multiplier_bps: tier.multiplier_bps,
            })
            .collect();
        let bonuses: Vec<BonusRule> = settings
            .bonuses
            .iter()
            .filter(|bonus| **bonus != Bonus::default())
            .map(|bonus| BonusRule {
                threshold: Amount(bonus.threshold),
                amount: Amount(bonus.amount),
            })
            .collect();
        let credential = unless_default(settings.gate_credential).map(|issuer| Credential {
            issuer,
            schema: settings.gate_schema.to_string(),
        });
        Self {
            hold_seconds: settings.hold_seconds,
            notice_seconds: campaign.notice_seconds,
            referee_share_bps: settings.referee_share_bps,
            referee_fixed: Amount(settings.referee_fixed),
            max_partner_share_bps: settings.max_partner_share_bps,
            max_partner_fixed: Amount(settings.max_partner_fixed),
            min_amount: Amount(settings.min_amount),
            attribution_window: (settings.attribution_window != 0)
                .then_some(settings.attribution_window),
            owner_limit: (settings.owner_limit != 0).then_some(Amount(settings.owner_limit)),
            varies: !(tiers.is_empty() && bonuses.is_empty()),
            tiers,
            bonuses,
            budget: (settings.budget != 0).then_some(Amount(settings.budget)),
            committed: Amount(campaign.committed),
            owed: Amount(campaign.owed),
            credential_required: credential.is_some(),
            credential,
            attestor: unless_default(settings.attestor),
            attested_codes: settings.attested_codes,
            treasury: unless_default(settings.treasury),
        }
    }
}

impl RewardRule {
    fn of(settings: &Settings) -> Self {
        let kind = match settings.reward_kind {
            RewardKind::Fixed => "fixed",
            RewardKind::Percent => "percent",
        };
        Self {
            kind: kind.to_owned(),
            fixed: Amount(settings.reward_fixed),
            bps: settings.reward_bps.into(),
            max: (settings.reward_max != 0).then_some(Amount(settings.reward_max)),
        }
    }
}

/// The address, unless the setting is not used.
fn unless_default(address: Pubkey) -> Option<String> {
    (address != Pubkey::default()).then(|| address.to_string())
}
