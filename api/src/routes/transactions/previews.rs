//! The preview of a campaign: payments of its conversions, and the gain of a referrer who refers
//! himself.

use serde::Serialize;
use utoipa::ToSchema;
use vouch_client::{
    Pubkey,
    accounts::{Settings, Terms},
    preview,
};

use super::{Warning, WarningCode};
use crate::{
    error::{ApiError, ApiResult},
    types::Amount,
};

/// Decimals of SOL.
pub(super) const SOL_DECIMALS: u8 = 9;

/// Payments of conversions, before there are any.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Preview {
    /// The amount of each of these conversions: base units of the payment's token, where buyers pay,
    /// otherwise in the campaign's own measure.
    amount: Amount,
    /// Mint of the rewards; null for SOL.
    mint: Option<String>,
    /// Decimals of the rewards' token.
    decimals: u8,
    /// The token that buyers pay with; null if the campaign takes no payments.
    payment: Option<Paying>,
    /// The first conversion, and those that reach a tier or a bonus.
    conversions: Vec<PreviewedConversion>,
    /// The most that a referrer who refers himself with a second wallet nets by one of them: all parts,
    /// less the least price that the second wallet can pay in the same token, independent of the example.
    self_referral: Units,
    /// Its base units.
    #[serde(skip)]
    net: i128,
}

/// Payments of one conversion.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PreviewedConversion {
    /// Its number among those that count together, from 1.
    number: Amount,
    /// Bonuses included, without a partner.
    referrer: Units,
    /// In a split this is a discount for the buyer.
    referee: Units,
    /// The most that a partner can get, out of the referrer's part.
    partner_at_most: Units,
}

/// The token of payments.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Paying {
    /// Its mint; null for SOL.
    mint: Option<String>,
    /// Its decimals.
    decimals: u8,
}

impl Paying {
    pub(super) fn new(mint: Option<&Pubkey>, decimals: u8) -> Self {
        Self {
            mint: mint.map(ToString::to_string),
            decimals,
        }
    }
}

/// The tokens of a campaign.
pub(super) struct Tokens {
    /// `None` for SOL.
    pub(super) reward_mint: Option<Pubkey>,
    pub(super) reward_decimals: u8,
    /// `None` without payments.
    pub(super) payment: Option<Paying>,
    /// Whether payments and rewards are of the same money.
    pub(super) same: bool,
}

/// An amount of a token.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Units {
    /// Base units, as a decimal string with a sign if it is negative.
    units: String,
    /// The same in whole tokens.
    tokens: String,
}

impl Units {
    fn new(units: i128, decimals: u8) -> Self {
        let digits = units.unsigned_abs().to_string();
        let decimals = usize::from(decimals);
        let digits = format!("{digits:0>width$}", width = decimals + 1);
        let (whole, part) = digits.split_at(digits.len() - decimals);
        let sign = if units < 0 { "-" } else { "" };
        let point = if part.is_empty() { "" } else { "." };
        Self {
            units: units.to_string(),
            tokens: format!("{sign}{whole}{point}{part}"),
        }
    }
}

/// Payments of conversions in a campaign with these terms and settings.
pub(super) fn previewed(
    terms: Terms,
    settings: &Settings,
    tokens: Tokens,
    example_amount: Option<u64>,
) -> ApiResult<Preview> {
    let decimals = tokens.reward_decimals;
    let one_token = 10_u64.checked_pow(u32::from(decimals)).unwrap_or(1);
    let least = one_token.saturating_mul(100);
    let amount = example_amount.unwrap_or_else(|| preview::example_amount(settings, least));
    if amount < settings.min_amount {
        let message = format!(
            "no conversion may be that small: the campaign's least amount is {}",
            settings.min_amount
        );
        return Err(ApiError::invalid_amount()
            .saying(message)
            .of_field("example_amount"));
    }
    let conversions = preview::paid(terms, settings, amount).into_iter();
    let conversions = conversions.map(|paid| PreviewedConversion {
        number: Amount(paid.ordinal),
        referrer: Units::new(paid.referrer.into(), decimals),
        referee: Units::new(paid.referee.into(), decimals),
        partner_at_most: Units::new(paid.partner_at_most.into(), decimals),
    });
    let net = preview::most_payback(terms, settings, tokens.same);
    Ok(Preview {
        amount: Amount(amount),
        mint: tokens.reward_mint.map(|mint| mint.to_string()),
        decimals,
        payment: tokens.payment,
        conversions: conversions.collect(),
        self_referral: Units::new(net, decimals),
        net,
    })
}

/// The warning that somebody gains by referring himself.
pub(super) fn warning(terms: Terms, previewed: &Preview) -> Option<Warning> {
    let message =
        preview::self_referral_warning(terms, previewed.net, &previewed.self_referral.tokens);
    Some(Warning::new(WarningCode::SelfReferralPays, message?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_example_hides_what_a_self_referral_nets() {
        // Given 10% of what a conversion says it is worth, at most 500, which costs the referee nothing
        let settings = Settings::percent(1000, 500);
        for example in [None, Some(1), Some(5_000)] {
            let tokens = Tokens {
                reward_mint: None,
                reward_decimals: 0,
                payment: None,
                same: false,
            };
            let shown = previewed(Terms::default(), &settings, tokens, example);
            let shown = shown.map_err(|refusal| refusal.code).expect("a preview");
            // Then who refers himself nets all of that, whatever the example is worth
            assert_eq!(shown.self_referral.units, "500", "{example:?}");
            let warning = warning(Terms::default(), &shown);
            assert!(warning.is_some(), "{example:?}");
        }
    }

    #[test]
    fn base_units_are_shown_as_tokens() {
        for (units, decimals, tokens) in [
            (0, 6, "0.000000"),
            (5_000_000, 6, "5.000000"),
            (-1, 6, "-0.000001"),
            (i128::from(u64::MAX), 9, "18446744073.709551615"),
            (7, 0, "7"),
            (7, 20, "0.00000000000000000007"),
        ] {
            assert_eq!(Units::new(units, decimals).tokens, tokens);
        }
    }
}
