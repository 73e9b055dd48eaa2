//! A campaign's terms in the words of an Action, and the reason why a campaign has no Action.

use vouch_client::{
    ProgramError, Pubkey, Share,
    accounts::{Bonus, Campaign, Proof, RewardKind, Settings, Tier, Uniqueness},
    preflight::{self, Reward},
};
use vouch_db::api::campaigns;
use vouch_rules::reward::Facts;

use crate::{
    error::{ApiError, ApiResult},
    routes::transactions,
    types::Amount,
};

/// The names that the words need.
#[derive(Debug, Clone)]
pub(super) struct Names {
    /// The campaign's name in quotes, chosen by its authority; `None` if it has none.
    pub(super) campaign: Option<String>,
    /// The rewards' unit: SOL, or a token with its mint. Its symbol is in quotes, because the campaign's
    /// authority chose it, and may have chosen that of another token.
    pub(super) unit: String,
    /// Its decimals.
    pub(super) decimals: u8,
}

impl Names {
    pub(super) fn of(campaign: &campaigns::Campaign) -> Self {
        Self {
            campaign: campaign.name.as_deref().map(quoted),
            unit: unit(&campaign.mint, campaign.symbol.as_deref()),
            decimals: u8::try_from(campaign.mint_decimals).unwrap_or_default(),
        }
    }

    /// Those of a campaign whose profile is not known.
    pub(super) fn without_profile(campaign: &Campaign) -> Self {
        Self {
            campaign: None,
            unit: unit(&campaign.mint.to_string(), None),
            decimals: campaign.mint_decimals,
        }
    }

    /// An amount in whole tokens, such as `2.5 "VOUCH" (token 4P9L…kBbx)`.
    pub(super) fn amount(&self, units: u64) -> String {
        format!("{} {}", decimal(units, self.decimals), self.unit)
    }
}

/// A text that somebody chose, in quotes that it cannot end.
pub(super) fn quoted(chosen: &str) -> String {
    let inside = chosen.replace(['"', '“', '”', '„', '«', '»'], "'");
    format!("\"{inside}\"")
}

/// The unit of a mint's amounts.
fn unit(mint: &str, symbol: Option<&str>) -> String {
    if mint == Pubkey::default().to_string() {
        return "SOL".to_owned();
    }
    let short = match (mint.get(..4), mint.len().checked_sub(4)) {
        (Some(first), Some(at)) => format!("{first}…{}", mint.get(at..).unwrap_or_default()),
        _ => mint.to_owned(),
    };
    match symbol {
        Some(symbol) => format!("{} (token {short})", quoted(symbol)),
        None => format!("tokens (token {short})"),
    }
}

/// Base units as a decimal number of whole tokens, without zeros at the end.
fn decimal(units: u64, decimals: u8) -> String {
    let decimals = usize::from(decimals);
    let digits = format!("{units:0>width$}", width = decimals + 1);
    let (whole, rest) = digits.split_at(digits.len() - decimals);
    let rest = rest.trim_end_matches('0');
    if rest.is_empty() {
        whole.to_owned()
    } else {
        format!("{whole}.{rest}")
    }
}

const PURCHASES: &str = "this campaign rewards purchases: buy on its page";
const ATTESTED: &str = "this campaign vouches for each conversion itself: go on at its page";
const ORDERS: &str = "this campaign counts orders: place one on its page";
const SHARES: &str =
    "this campaign rewards a share of what an order is worth: place one on its page";
const LEAST: &str = "this campaign counts orders of a least amount: place one on its page";

/// Refuses a campaign whose conversions need what an Action cannot give: the program refuses their
/// sign-ups, too, which [`refused`] says in the same way.
///
/// # Errors
/// `action_unsupported`, with the reason.
pub(super) fn check(campaign: &Campaign, now: i64) -> ApiResult<()> {
    let settings = campaign.in_force(now);
    let reason = if campaign.proof == Proof::Payment {
        PURCHASES
    } else if campaign.proof == Proof::Attested {
        ATTESTED
    } else if campaign.uniqueness == Uniqueness::Order {
        ORDERS
    } else if settings.reward_kind == RewardKind::Percent {
        SHARES
    } else if settings.min_amount > 0 {
        LEAST
    } else {
        return Ok(());
    };
    Err(ApiError::action_unsupported().saying(reason))
}

/// The refusal of a conversion. Where the program's is that of a campaign that [`check`] refuses, it is
/// said in the same words.
pub(super) fn refused(error: ApiError) -> ApiError {
    let reason = match error.code {
        "payment_required" => PURCHASES,
        "attestation_required" => ATTESTED,
        "missing_reference" => ORDERS,
        "amount_too_small" => LEAST,
        _ => return error,
    };
    ApiError::action_unsupported().saying(reason)
}

/// The least reward of the next conversion of a code with so many: bonuses and a partner's part are
/// not known here.
pub(super) fn reward(campaign: &Campaign, now: i64, conversions: u64) -> Reward {
    campaign.reward_rule(now).reward(&Facts {
        amount: 0,
        // An owner's conversions are not known, and are at least none.
        conversions: if campaign.per_owner { 0 } else { conversions },
        bonuses_paid: u32::MAX,
        partner: Share::default(),
        at_most: u64::MAX,
    })
}

/// Refuses a campaign that does not count now, or whose budget does not hold the reward.
///
/// # Errors
/// The program's.
pub(super) fn check_open(campaign: &Campaign, now: i64, reward: &Reward) -> ApiResult<()> {
    preflight::check_open(campaign, now)?;
    let budget = campaign.settings.budget;
    let committed = campaign.committed.checked_add(reward.total());
    if budget > 0 && committed.is_none_or(|committed| committed > budget) {
        return Err(ProgramError::BudgetExhausted.into());
    }
    Ok(())
}

/// Describes the wallet's reward and its costs, in plain words.
pub(super) fn describe(names: &Names, campaign: &Campaign, now: i64, reward: &Reward) -> String {
    let settings = campaign.in_force(now);
    let mut text = match &names.campaign {
        Some(name) => format!("Sign once to join {name}."),
        None => "Sign once to join.".to_owned(),
    };
    let when = match settings.hold_seconds {
        0 => "at once".to_owned(),
        seconds => format!(
            "after a hold of {}, within which the campaign may cancel it",
            duration(seconds)
        ),
    };
    let at_least = if varies(settings) { "at least " } else { "" };
    let inviter = names.amount(reward.referrer);
    let own = names.amount(reward.referee);
    text.push_str(&match reward.referee {
        0 => format!(
            " The one who invited you gets {at_least}{inviter}, {when}. Your wallet gets no part of it."
        ),
        _ => format!(
            " Your wallet gets {at_least}{own}, and the one who invited you {at_least}{inviter}, {when}."
        ),
    });
    if settings.attribution_window > 0 {
        text.push_str(" Only for wallets that no other code has brought before.");
    }
    if settings.has_gate() {
        text.push_str(" Your wallet needs the credential that the campaign asks for.");
    }
    text.push_str(" Your wallet pays the network's fee and the rent of the record");
    let binds = settings.attribution_window > 0;
    // The builder adds the token account only here: a held reward is paid by the sender of its claim.
    let receives = settings.hold_seconds == 0 && reward.referee > 0;
    text.push_str(
        match (binds, receives && campaign.reward_mint().is_some()) {
            (false, false) => ".",
            (true, false) => ", and of its binding to the code.",
            (false, true) => ", and of its account of that token if it has none.",
            (true, true) => {
                ", of its binding to the code, and of its account of that token if it has none."
            }
        },
    );
    text
}

/// Whether tiers or bonuses can add to the reward.
fn varies(settings: &Settings) -> bool {
    settings.tiers.iter().any(|tier| *tier != Tier::default())
        || settings
            .bonuses
            .iter()
            .any(|bonus| *bonus != Bonus::default())
}

/// Seconds in the largest unit that measures them exactly.
fn duration(seconds: u32) -> String {
    let (number, unit) = match seconds {
        _ if seconds.is_multiple_of(86_400) => (seconds / 86_400, "day"),
        _ if seconds.is_multiple_of(3_600) => (seconds / 3_600, "hour"),
        _ if seconds.is_multiple_of(60) => (seconds / 60, "minute"),
        _ => (seconds, "second"),
    };
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{plural}")
}

/// The parts of a reward that a transaction pays, in words, for its `message`.
/// `hold` is in seconds.
pub(super) fn confirm(names: &Names, reward: &transactions::Reward, hold: u32) -> String {
    let Amount(own) = reward.referee;
    let Amount(inviter) = reward.referrer;
    let inviter = names.amount(inviter);
    let mut text = if own == 0 {
        format!("You join, and the one who invited you gets {inviter}.")
    } else {
        let own = names.amount(own);
        format!("You join and get {own}; the one who invited you gets {inviter}.")
    };
    if hold > 0 {
        text.push_str(&format!(
            " It is paid after a hold of {}, within which the campaign may cancel it.",
            duration(hold)
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names {
            campaign: Some(quoted("Shop")),
            unit: "SOL".to_owned(),
            decimals: 6,
        }
    }

    #[test]
    fn the_program_refuses_the_sign_ups_that_no_action_gives() {
        use vouch_client::{
            accounts::{Funding, Referral},
            instructions::{Convert, Offer},
            preflight::ChainState,
        };

        use crate::routes::transactions::sizes;

        // Given a campaign of each kind that there can be: only proven conversions earn percentages
        let (mut refusals, mut sign_ups) = (0, 0);
        for proof in [Proof::Open, Proof::Attested, Proof::Payment] {
            for uniqueness in [
                Uniqueness::Wallet,
                Uniqueness::WalletAndCode,
                Uniqueness::Order,
            ] {
                for settings in [Settings::fixed(10), Settings::percent(100, 7)] {
                    if proof == Proof::Open && settings.reward_kind == RewardKind::Percent {
                        continue;
                    }
                    for min_amount in [0, 5] {
                        let settings = Settings {
                            min_amount,
                            attestor: Pubkey::new_from_array([42; 32]),
                            ..settings
                        };
                        let campaign = Campaign {
                            uniqueness,
                            per_owner: false,
                            settings,
                            ..sizes::campaign(Funding::MintAuthority, proof)
                        };
                        let referral: Referral = sizes::referral(30);
                        let offer = Offer::at(referral.campaign, &campaign, &referral, 7).unwrap();
                        let signup = Convert::signup(&Pubkey::new_from_array([8; 32]));
                        let outcome =
                            preflight::check_convert(&offer, &signup, &ChainState::default());
                        // Then the Action is refused exactly if its transaction would be
                        match check(&campaign, 7) {
                            Ok(()) => {
                                sign_ups += 1;
                                assert_eq!(outcome.map(|reward| reward.total()), Ok(10));
                            }
                            Err(shown) => {
                                refusals += 1;
                                let said = refused(outcome.unwrap_err().into());
                                let codes = (shown.code, said.code);
                                assert_eq!(codes, ("action_unsupported", "action_unsupported"));
                            }
                        }
                    }
                }
            }
        }
        assert_eq!((refusals, sign_ups), (28, 2));
    }

    #[test]
    fn amounts_are_whole_tokens() {
        for (units, decimals, expected) in [
            (0, 6, "0"),
            (1, 6, "0.000001"),
            (2_500_000, 6, "2.5"),
            (5_000_000, 6, "5"),
            (12, 0, "12"),
            (u64::MAX, 9, "18446744073.709551615"),
            (u64::MAX, 0, "18446744073709551615"),
        ] {
            assert_eq!(decimal(units, decimals), expected);
        }
    }

    #[test]
    fn a_chosen_symbol_is_quoted_beside_its_mint() {
        let mint = "4P9LrXJbnMpEwTGhJnTyLYGMzKfeXbFwB2ZtJbQAkBbx";
        for (symbol, expected) in [
            (Some("USDC"), "\"USDC\" (token 4P9L…kBbx)"),
            (Some("SOL"), "\"SOL\" (token 4P9L…kBbx)"),
            (Some("A\" (token B"), "\"A' (token B\" (token 4P9L…kBbx)"),
            (None, "tokens (token 4P9L…kBbx)"),
        ] {
            assert_eq!(unit(mint, symbol), expected);
        }
        // And nobody chooses that of SOL
        let sol = "11111111111111111111111111111111";
        assert_eq!(unit(sol, Some("USDC")), "SOL");
    }

    #[test]
    fn times_have_the_largest_unit_that_fits() {
        for (seconds, expected) in [
            (1, "1 second"),
            (90, "90 seconds"),
            (120, "2 minutes"),
            (3_600, "1 hour"),
            (259_200, "3 days"),
        ] {
            assert_eq!(duration(seconds), expected);
        }
    }

    #[test]
    fn what_the_program_refuses_for_the_same_reason_is_said_in_the_same_words() {
        // Given the program's refusals of campaigns that need more than an Action has
        for (error, reason) in [
            (ProgramError::PaymentRequired, PURCHASES),
            (ProgramError::AttestationRequired, ATTESTED),
            (ProgramError::MissingReference, ORDERS),
            (ProgramError::AmountTooSmall, LEAST),
        ] {
            let said = refused(error.into());
            assert_eq!((said.code, &*said.message), ("action_unsupported", reason));
        }
        // And others stay as they are
        let other = refused(ProgramError::AlreadyConverted.into());
        assert_eq!(other.code, "already_converted");
    }

    #[test]
    fn the_message_names_both_parts() {
        let reward = |referrer, referee| transactions::Reward {
            referrer: Amount(referrer),
            referee: Amount(referee),
            partner: Amount(0),
        };
        assert_eq!(
            confirm(&names(), &reward(4_000_000, 1_000_000), 0),
            "You join and get 1 SOL; the one who invited you gets 4 SOL."
        );
        assert_eq!(
            confirm(&names(), &reward(5_000_000, 0), 3_600),
            "You join, and the one who invited you gets 5 SOL. It is paid after a hold of 1 hour, within \
             which the campaign may cancel it."
        );
    }
}
