//! The payments of conversions that are imagined, and the net of a referrer who refers himself.

use serde_json::{Value, json};
use vouch_client::{
    accounts::{Settings, Terms},
    preview,
};

use crate::{
    context::warning,
    error::{Failure, Outcome},
    settings::Tokens,
};

/// Whole tokens of an example's amount, unless one is chosen.
const USUAL_TOKENS: u64 = 100;

/// The payments of conversions in a campaign with these terms and settings.
///
/// # Errors
/// `invalid_amount` if the example is below the least amount.
pub(super) fn previewed(
    terms: Terms,
    settings: &Settings,
    tokens: Tokens,
    same_token: bool,
    example: Option<&str>,
) -> Outcome<Value> {
    let one = 10_u64
        .checked_pow(tokens.payment.decimals.into())
        .unwrap_or(1);
    let usual = one.saturating_mul(USUAL_TOKENS);
    let amount = match example {
        Some(text) => tokens.payment.parse(text, "--example-amount")?,
        None => preview::example_amount(settings, usual),
    };
    if amount < settings.min_amount {
        let least = tokens.payment.show(settings.min_amount.into());
        return Err(Failure::usage(
            "invalid_amount",
            "--example-amount: no conversion may be that small",
            format!("write at least the campaign's least amount, {least}"),
        ));
    }
    let conversions = preview::paid(terms, settings, amount).into_iter();
    let conversions = conversions.map(|paid| {
        json!({
            "number": paid.ordinal.to_string(),
            "referrer": tokens.reward.json(paid.referrer),
            "referee": tokens.reward.json(paid.referee),
            "partner_at_most": tokens.reward.json(paid.partner_at_most),
        })
    });
    let net = preview::most_payback(terms, settings, same_token);
    Ok(json!({
        "amount": tokens.payment.json(amount),
        "conversions": conversions.collect::<Vec<_>>(),
        "self_referral": tokens.reward.json(net),
    }))
}

/// The warning that somebody gains by referring himself, if he does.
pub(super) fn self_referral(terms: Terms, previewed: &Value) -> Option<Value> {
    let net = previewed["self_referral"]["units"].as_str()?;
    let tokens = previewed["self_referral"]["tokens"].as_str().unwrap_or(net);
    let message = preview::self_referral_warning(terms, net.parse().ok()?, tokens);
    Some(warning("self_referral_pays", message?))
}

#[cfg(test)]
mod tests {
    use vouch_client::accounts::{Bonus, Proof};

    use super::*;
    use crate::amount::Units;

    const TOKENS: Tokens = Tokens {
        reward: Units {
            decimals: 2,
            raw: false,
        },
        payment: Units {
            decimals: 2,
            raw: false,
        },
    };

    #[test]
    fn a_warning_stands_above_zero_alone() {
        // Given 10.00 for a payment of at least 9.00 in the same token, and 0.50 once, with the third
        let mut settings = Settings {
            min_amount: 900,
            ..Settings::fixed(1000)
        };
        settings.bonuses[0] = Bonus {
            threshold: 3,
            amount: 50,
        };
        let paid = Terms {
            proof: Proof::Payment,
            ..Terms::default()
        };
        let net = |settings: &Settings, same, example| {
            let preview = previewed(paid, settings, TOKENS, same, example).expect("a preview");
            let warns = self_referral(paid, &preview).is_some();
            (
                preview["self_referral"]["tokens"]
                    .as_str()
                    .map(str::to_owned),
                warns,
            )
        };
        // Then who refers himself nets 1.50 by the least payment, whatever the example pays
        let worst = (Some("1.50".to_owned()), true);
        assert_eq!(net(&settings, true, None), worst);
        assert_eq!(net(&settings, true, Some("5000")), worst);
        // And all of it if he pays in another token, and nothing if he has to pay as much
        assert_eq!(
            net(&settings, false, None),
            (Some("10.50".to_owned()), true)
        );
        settings.min_amount = 1050;
        assert_eq!(net(&settings, true, None), (Some("0.00".to_owned()), false));
        settings.min_amount = 2000;
        assert_eq!(
            net(&settings, true, None),
            (Some("-9.50".to_owned()), false)
        );
        // And an example has to be allowed
        let small = previewed(paid, &settings, TOKENS, true, Some("19.99"));
        assert_eq!(small.expect_err("refused").code, "invalid_amount");
    }
}
