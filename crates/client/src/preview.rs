//! Payments of a campaign's conversions, before the campaign exists.

use vouch_rules::reward::{Facts, Reward, RewardKind, RewardRule, WHOLE_BPS};

use crate::accounts::{Funding, Proof, RewardKind as Kind, Settings, Terms};

/// A conversion that is imagined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imagined {
    /// The worth of the conversion, or the price before any discount.
    pub amount: u64,
    /// Its number among the conversions that count together, from 1.
    pub ordinal: u64,
    /// Whether the code has a partner, who gets as much as the campaign allows.
    pub partner: bool,
}

/// The reward of an imagined conversion, in base units. All earlier bonuses count as paid.
#[must_use]
pub fn reward(terms: Terms, settings: &Settings, imagined: Imagined) -> Reward {
    let rule: RewardRule = settings.rule([0, 1, 2, 3]);
    let earlier = settings
        .bonuses
        .iter()
        .enumerate()
        .fold(0, |paid, (place, bonus)| {
            let was_reached = bonus.amount > 0 && bonus.threshold < imagined.ordinal;
            if was_reached { paid | 1 << place } else { paid }
        });
    rule.reward(&Facts {
        amount: imagined.amount,
        conversions: imagined.ordinal.saturating_sub(1),
        bonuses_paid: earlier,
        partner: if imagined.partner {
            rule.max_partner
        } else {
            Default::default()
        },
        at_most: match terms.funding {
            Funding::PaymentSplit => imagined.amount,
            Funding::MintAuthority | Funding::Vault => u64::MAX,
        },
    })
}

/// Base units of the rewards' token that a referrer nets who refers himself with a second wallet:
/// all parts of the reward, less what the second wallet pays in that token. Negative if he loses.
/// Fees and rent are not deducted, nor is what he bought worth anything here.
#[must_use]
pub fn payback(reward: &Reward, paid: u64) -> i128 {
    i128::from(reward.total()).saturating_sub(i128::from(paid))
}

/// The most that a referrer nets who refers himself, over all [`steps`], whatever any example. Where
/// buyers pay in the rewards' token (`same_token`), he chooses the least payment. Elsewhere the amount
/// costs him nothing of that token, so he chooses the largest.
#[must_use]
pub fn most_payback(terms: Terms, settings: &Settings, same_token: bool) -> i128 {
    let (amount, paid) = if pays_back(terms, same_token) {
        let least = settings.min_amount.max(1);
        (least, least)
    } else {
        (u64::MAX, 0)
    };
    let nets = steps(settings).into_iter().map(|ordinal| {
        let imagined = Imagined {
            amount,
            ordinal,
            partner: false,
        };
        payback(&reward(terms, settings, imagined), paid)
    });
    nets.max().unwrap_or_default()
}

/// The parts of a conversion's reward, in base units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paid {
    /// The conversion's number among those that count together, from 1.
    pub ordinal: u64,
    /// The referrer's part without a partner, bonuses included.
    pub referrer: u64,
    /// The referee's part. In a split this is a discount for the buyer.
    pub referee: u64,
    /// The most that a partner can get, out of the referrer's part.
    pub partner_at_most: u64,
}

/// The parts of each of the [`steps`], for conversions of this amount.
#[must_use]
pub fn paid(terms: Terms, settings: &Settings, amount: u64) -> Vec<Paid> {
    let steps = steps(settings).into_iter();
    let parts = steps.map(|ordinal| {
        let at = |partner| {
            let imagined = Imagined {
                amount,
                ordinal,
                partner,
            };
            reward(terms, settings, imagined)
        };
        let alone = at(false);
        Paid {
            ordinal,
            referrer: alone.referrer,
            referee: alone.referee,
            partner_at_most: at(true).partner,
        }
    });
    parts.collect()
}

/// The warning that a referrer gains by referring himself, with the gain in whole tokens as `tokens`
/// says it; `None` if `net` base units are no gain. See [`most_payback`].
#[must_use]
pub fn self_referral_warning(terms: Terms, net: i128, tokens: &str) -> Option<String> {
    let remedy = match terms.proof {
        Proof::Open => {
            "anybody can make wallets, so let an attestor vouch for conversions, or ask for a \
             credential"
        }
        Proof::Attested => "so the attestor has to know people from wallets",
        Proof::Payment => {
            "what he pays is in another token, so see that it is worth more than this"
        }
    };
    (net > 0).then(|| {
        format!(
            "a referrer who refers himself with a second wallet nets {tokens} tokens by one conversion: {remedy}"
        )
    })
}

/// The numbers of the conversions that pay differently from the one before: the first, and those
/// that reach a tier or a bonus, ascending.
#[must_use]
pub fn steps(settings: &Settings) -> Vec<u64> {
    let tiers = settings.tiers.iter();
    let tiers = tiers.filter(|tier| tier.multiplier_bps > 0);
    let bonuses = settings.bonuses.iter().filter(|bonus| bonus.amount > 0);
    let mut steps: Vec<u64> = std::iter::once(1)
        .chain(tiers.map(|tier| tier.min_conversions))
        .chain(bonuses.map(|bonus| bonus.threshold))
        .filter(|step| *step > 0)
        .collect();
    steps.sort_unstable();
    steps.dedup();
    steps
}

/// Whether buyers prove conversions by a payment in the money of the rewards, so that what they
/// pay and what they earn can be compared.
#[must_use]
pub fn pays_back(terms: Terms, same_money: bool) -> bool {
    terms.proof == Proof::Payment && same_money
}

/// An amount for an example: `least` or more, allowed by the settings, and worth at least one base
/// unit of reward.
#[must_use]
pub fn example_amount(settings: &Settings, least: u64) -> u64 {
    let amount = settings.min_amount.max(least);
    match (settings.reward_kind, settings.rule([0; 4]).kind) {
        (Kind::Percent, RewardKind::Percent { bps, .. }) if bps > 0 => {
            // Enough for a reward of one base unit.
            let one = u64::from(WHOLE_BPS).div_ceil(u64::from(bps));
            amount.max(one)
        }
        _ => amount,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::{Bonus, Tier};

    #[test]
    fn wrapped_sol_is_known_by_its_published_mints() {
        use solana_sdk::pubkey::Pubkey;
        use vouch_rules::money::{WRAPPED_SOL, WRAPPED_SOL_2022};
        for (mint, text) in [
            (WRAPPED_SOL, "So11111111111111111111111111111111111111112"),
            (
                WRAPPED_SOL_2022,
                "9pan9bMn5HatX4EJdBwg9VgCa7Uz5HL8N1m5D3NdXejP",
            ),
        ] {
            assert_eq!(Pubkey::new_from_array(mint).to_string(), text);
        }
    }

    #[test]
    fn a_preview_counts_what_each_conversion_would_pay() {
        // Given 1000 for each conversion, a fifth of it for the referee and a tenth for a partner,
        // one and a half times as much from the third on, and a bonus with the second
        let mut settings = Settings {
            referee_share_bps: 2000,
            max_partner_share_bps: 1000,
            ..Settings::fixed(1000)
        };
        settings.tiers[0] = Tier {
            min_conversions: 3,
            multiplier_bps: 15_000,
        };
        settings.bonuses[0] = Bonus {
            threshold: 2,
            amount: 77,
        };
        let at = |ordinal, partner| {
            let imagined = Imagined {
                amount: 0,
                ordinal,
                partner,
            };
            let Reward {
                referrer,
                referee,
                partner,
                ..
            } = reward(Terms::default(), &settings, imagined);
            (referrer, referee, partner)
        };
        // Then the steps are those three, and the bonus is paid once
        assert_eq!(steps(&settings), [1, 2, 3]);
        assert_eq!(at(1, false), (800, 200, 0));
        assert_eq!(at(1, true), (700, 200, 100));
        assert_eq!(at(2, true), (777, 200, 100));
        assert_eq!(at(3, true), (1050, 300, 150));
        // And who refers himself gets everything, less what he pays
        let whole = reward(
            Terms::default(),
            &settings,
            Imagined {
                amount: 0,
                ordinal: 2,
                partner: true,
            },
        );
        assert_eq!(payback(&whole, 0), 1077);
        assert_eq!(payback(&whole, 2000), -923);
    }

    #[test]
    fn the_worst_case_does_not_hang_on_the_example() {
        // Given 1000 for a payment of at least 900 in the same token, and a bonus with the third
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
        // Then the worst is the least payment at the bonus, however much the example pays
        assert_eq!(most_payback(paid, &settings, true), 150);
        // And who pays in another token, or nothing, nets the whole reward
        assert_eq!(most_payback(paid, &settings, false), 1050);
        assert_eq!(most_payback(Terms::default(), &settings, true), 1050);
        // And a percentage of what he does not pay is as much as its maximum
        let percent = Settings::percent(1000, 500);
        assert_eq!(most_payback(Terms::default(), &percent, true), 500);
        assert_eq!(most_payback(paid, &percent, false), 500);
        let most = Settings::percent(10_000, u64::MAX);
        assert_eq!(
            most_payback(Terms::default(), &most, true),
            i128::from(u64::MAX)
        );
    }

    #[test]
    fn an_example_earns_something() {
        let percent = Settings::percent(3, 10);
        let amount = example_amount(&percent, 0);
        assert_eq!(amount, 3334);
        let imagined = Imagined {
            amount,
            ordinal: 1,
            partner: false,
        };
        assert_eq!(reward(Terms::default(), &percent, imagined).total(), 1);
        assert_eq!(example_amount(&percent, 5000), 5000);
        assert_eq!(example_amount(&Settings::fixed(1), 0), 0);
    }
}
