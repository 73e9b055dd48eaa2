//! The rewards of conversions: the program pays what `vouch_rules` computes. Numbers in
//! brackets refer to docs/INVARIANTS.md.

use solana_sdk::signature::{Keypair, Signer as _};
use vouch_client::{
    ProgramError,
    accounts::{Conversion, Settings, Status, Terms, settled},
    instructions::{Convert, raw::ConvertAccounts},
    preflight::{self, ChainState},
};
use vouch_program_tests::{World, attested, bonuses, tiers};

const CODE: &str = "STARTER7";

/// An attested campaign with these settings, and Alice's code.
fn scene(settings: Settings) -> (World, Keypair, Keypair) {
    let mut world = World::new();
    let attestor = world.open_attested(Terms::default(), settings);
    let alice = world.referrer(CODE);
    (world, attestor, alice)
}

/// Converts a new wallet and compares its reward with the host's computation.
fn convert(world: &mut World, attestor: &Keypair, amount: u64) -> Conversion {
    let referee = world.receiver();
    let args = attested(&referee.pubkey(), &attestor.pubkey(), amount);
    let expected = world
        .offer(&referee.pubkey(), CODE, |offer| {
            preflight::check_convert(offer, &args, &ChainState::default())
        })
        .expect("it counts");
    let sale = world.convert(&referee.pubkey(), CODE, &args);
    world.land(&[sale], &[&referee, attestor]);

    let conversion = world.converted(CODE, &referee.pubkey(), &[0; 32]);
    assert_eq!(
        (
            conversion.reward_referrer,
            conversion.reward_referee,
            conversion.reward_partner,
            conversion.bonuses,
        ),
        (
            expected.referrer,
            expected.referee,
            expected.partner,
            expected.bonuses,
        )
    );
    // The referee has its part, too.
    assert_eq!(world.rewards(&referee.pubkey()), expected.referee);
    assert_eq!((conversion.status, conversion.settled), (Status::Paid, 7));
    conversion
}

#[test]
fn a_fixed_reward_is_the_same_for_every_amount() {
    let mut world = World::new();
    let alice = world.referrer(CODE);
    for (round, amount) in (1..).zip([0, 1, u64::MAX]) {
        // When a wallet converts for this amount
        let bob = world.wallet();
        let args = Convert {
            amount,
            ..Convert::signup(&bob.pubkey())
        };
        let convert = world.convert(&alice.pubkey(), CODE, &args);
        world.land(&[convert], &[&bob]);

        // Then Alice earns the same each time
        assert_eq!(world.balance(&alice.pubkey()), round * 5_000_000);
    }
}

#[test]
fn a_percentage_is_rounded_down_and_capped() {
    for (amount, bps, max, expected) in [
        (10_000, 250, 1_000, 250),
        (9_999, 250, 1_000, 249),
        (39, 250, 1_000, 0),
        (40, 250, 1_000, 1),
        (0, 250, 1_000, 0),
        (40_000, 250, 1_000, 1_000),
        (40_001, 250, 1_000, 1_000),
        (u64::MAX, 10_000, u64::MAX, u64::MAX),
        (u64::MAX, 9_999, u64::MAX, 18_444_899_399_302_180_659),
        (u64::MAX, 1, 7, 7),
    ] {
        // Given this rule
        let (mut world, attestor, alice) = scene(Settings::percent(bps, max));

        // When a wallet converts for this amount
        let conversion = convert(&mut world, &attestor, amount);

        // Then Alice has exactly that, and nobody else has anything (I4)
        assert_eq!(conversion.reward_referrer, expected, "{bps} of {amount}");
        assert_eq!(world.rewards(&alice.pubkey()), expected);
        assert_eq!(world.supply(), expected);
        // And a conversion that earns nothing does not count (I23)
        let referral = world.referral(CODE);
        assert_eq!(
            (referral.conversions, referral.rewards_total),
            (u64::from(expected > 0), expected)
        );
    }
}

#[test]
fn an_amount_below_the_minimum_does_not_count() {
    // Given a minimum of 100, for a percentage and for a fixed reward
    for settings in [Settings::percent(1_000, 50), Settings::fixed(10)] {
        let (mut world, attestor, alice) = scene(Settings {
            min_amount: 100,
            ..settings
        });
        let bob = world.receiver();

        // When Bob converts for 99, then he is refused
        let sale = world.sale(CODE, &bob.pubkey(), &attestor.pubkey(), 99);
        world.refuse(&[sale], &[&bob, &attestor], ProgramError::AmountTooSmall);
        assert_eq!(world.supply(), 0);

        // And when he converts for 100, he counts
        let sale = world.sale(CODE, &bob.pubkey(), &attestor.pubkey(), 100);
        world.land(&[sale], &[&bob, &attestor]);
        assert_eq!(world.rewards(&alice.pubkey()), 10);
    }
}

#[test]
fn tiers_count_the_conversion_itself() {
    // Given 2x from the second conversion on, 2.5x from the fourth
    let (mut world, attestor, alice) = scene(Settings {
        tiers: tiers(&[(2, 20_000), (4, 25_000)]),
        ..Settings::fixed(101)
    });

    // When five wallets convert, then each reward follows from its number, rounded down
    let mut sum = 0;
    for expected in [101, 202, 202, 252, 252] {
        let conversion = convert(&mut world, &attestor, 0);
        assert_eq!(conversion.reward_referrer, expected);
        sum += expected;
    }
    assert_eq!(world.rewards(&alice.pubkey()), sum);
    assert_eq!(world.referral(CODE).rewards_total, sum);
}

#[test]
fn the_cap_of_a_percentage_holds_after_the_tier() {
    // Given 10%, at most 150, doubled at once
    let (mut world, attestor, _) = scene(Settings {
        tiers: tiers(&[(1, 20_000)]),
        ..Settings::percent(1_000, 150)
    });

    for (amount, expected) in [(500, 100), (750, 150), (1_000, 150)] {
        // When a wallet converts, then the doubled reward is capped
        let conversion = convert(&mut world, &attestor, amount);
        assert_eq!(conversion.reward_referrer, expected);
    }
}

#[test]
fn a_bonus_is_paid_once() {
    // Given bonuses of 7 at the first conversion and of 70 at the third
    let (mut world, attestor, alice) = scene(Settings {
        bonuses: bonuses(&[(1, 7), (3, 70)]),
        ..Settings::fixed(100)
    });

    // When four wallets convert, then each bonus comes once
    let mut sum = 0;
    for (expected, granted, so_far) in [(107, 1, 1), (100, 0, 1), (170, 2, 3), (100, 0, 3)] {
        let conversion = convert(&mut world, &attestor, 0);
        assert_eq!(
            (conversion.reward_referrer, conversion.bonuses),
            (expected, granted)
        );
        assert_eq!(world.referral(CODE).bonuses_paid, so_far);
        sum += expected;
    }
    assert_eq!(world.rewards(&alice.pubkey()), sum);
}

#[test]
fn bonuses_that_come_later_are_paid_with_the_next_conversion() {
    // Given a referral with two conversions and no bonus
    let (mut world, attestor, alice) = scene(Settings::fixed(100));
    convert(&mut world, &attestor, 0);
    convert(&mut world, &attestor, 0);

    // When the campaign adds bonuses at one, two and four conversions
    world.update(|settings| settings.bonuses = bonuses(&[(1, 1), (2, 10), (4, 1_000)]));

    // Then the third conversion gets the two that were reached, the fourth gets the last
    assert_eq!(
        convert(&mut world, &attestor, 0).reward_referrer,
        100 + 1 + 10
    );
    assert_eq!(convert(&mut world, &attestor, 0).reward_referrer, 1_100);
    assert_eq!(world.rewards(&alice.pubkey()), 200 + 111 + 1_100);
}

#[test]
fn a_reward_is_shared_between_three() {
    // Given a third of 100 for the referee, a third for the partner, and a bonus
    let (mut world, attestor, alice) = scene(Settings {
        referee_share_bps: 3_333,
        max_partner_share_bps: 3_333,
        bonuses: bonuses(&[(1, 5)]),
        ..Settings::fixed(100)
    });
    let partner = world.partner(&alice, CODE, 3_333);

    // When a wallet converts
    let conversion = convert(&mut world, &attestor, 0);

    // Then the shares are rounded down, and Alice gets the rest and the bonus
    assert_eq!(
        (
            conversion.reward_referrer,
            conversion.reward_referee,
            conversion.reward_partner
        ),
        (34 + 5, 33, 33)
    );
    assert_eq!(world.rewards(&alice.pubkey()), 39);
    assert_eq!(world.rewards(&partner.pubkey()), 33);
    assert_eq!(world.supply(), 105);
    assert_eq!(world.referral(CODE).rewards_total, 39);
}

#[test]
fn a_partner_never_gets_more_than_the_campaign_allows_now() {
    // Given a partner with 40%
    let (mut world, attestor, alice) = scene(Settings {
        max_partner_share_bps: 4_000,
        ..Settings::fixed(1_000)
    });
    let partner = world.partner(&alice, CODE, 4_000);

    for (allowed, expected) in [(4_000, 400), (1_500, 150), (0, 0), (3_000, 300)] {
        // When the campaign allows this much
        let before = world.rewards(&partner.pubkey());
        world.update(|settings| settings.max_partner_share_bps = allowed);
        let conversion = convert(&mut world, &attestor, 0);

        // Then the partner gets at most that, and Alice the rest
        assert_eq!(conversion.reward_partner, expected);
        assert_eq!(conversion.reward_referrer, 1_000 - expected);
        assert_eq!(world.rewards(&partner.pubkey()) - before, expected);
    }
}

#[test]
fn everything_may_go_to_the_referee() {
    // Given a campaign whose referees get the whole reward
    let (mut world, attestor, alice) = scene(Settings {
        referee_share_bps: 10_000,
        ..Settings::fixed(100)
    });

    // When a wallet converts, then it gets everything, and Alice is owed nothing
    let conversion = convert(&mut world, &attestor, 0);
    assert_eq!(conversion.reward_referee, 100);
    assert_eq!(world.rewards(&alice.pubkey()), 0);
    let referral = world.referral(CODE);
    assert_eq!((referral.rewards_total, referral.open_conversions), (0, 0));
}

#[test]
fn a_part_that_cannot_be_paid_waits_alone() {
    // Given thirds, and some of the three without a token account
    for missing in 0..8_u8 {
        let (mut world, attestor, alice) = scene(Settings {
            referee_share_bps: 3_000,
            max_partner_share_bps: 2_000,
            ..Settings::fixed(1_000)
        });
        let partner = world.partner(&alice, CODE, 2_000);
        let bob = world.receiver();
        let wallets = [
            (settled::REFERRER, alice.pubkey(), 500),
            (settled::REFEREE, bob.pubkey(), 300),
            (settled::PARTNER, partner.pubkey(), 200),
        ];
        for (bit, wallet, _) in wallets {
            if missing & bit != 0 {
                let account = world.reward_account(&wallet);
                let gone = solana_sdk::account::Account::default();
                world.svm.set_account(account, gone).expect("set");
            }
        }

        // When Bob converts
        let sale = world.sale(CODE, &bob.pubkey(), &attestor.pubkey(), 0);
        world.land(&[sale], &[&bob, &attestor]);

        // Then exactly those parts are pending, and the others are paid
        let conversion = world.converted(CODE, &bob.pubkey(), &[0; 32]);
        assert_eq!(conversion.settled, 7 & !missing);
        let status = if missing == 0 {
            Status::Paid
        } else {
            Status::Pending
        };
        assert_eq!(conversion.status, status);
        for (bit, wallet, units) in wallets {
            let paid = if missing & bit == 0 { units } else { 0 };
            assert_eq!(world.rewards(&wallet), paid, "{bit} of {missing}");
        }
        let referral = world.referral(CODE);
        let owed = |bit: u8, units: u64| if missing & bit == 0 { 0 } else { units };
        assert_eq!(
            (
                referral.rewards_total,
                referral.rewards_pending,
                referral.partner_pending,
                referral.open_conversions,
            ),
            (
                500,
                owed(settled::REFERRER, 500),
                owed(settled::PARTNER, 200),
                u64::from(missing != 0),
            )
        );
    }
}

#[test]
fn an_account_that_is_needed_must_be_given_and_be_the_right_one() {
    // Given a campaign that pays all three
    let (mut world, attestor, alice) = scene(Settings {
        referee_share_bps: 3_000,
        max_partner_share_bps: 2_000,
        ..Settings::fixed(1_000)
    });
    let partner = world.partner(&alice, CODE, 2_000);
    let (bob, eve) = (world.receiver(), world.receiver());
    let theft = world.reward_account(&eve.pubkey());
    let good = world.sale(CODE, &bob.pubkey(), &attestor.pubkey(), 0);

    let positions = [
        ConvertAccounts::REFERRER_ACCOUNT,
        ConvertAccounts::REFEREE_ACCOUNT,
        ConvertAccounts::PARTNER_ACCOUNT,
    ];
    for (index, owner) in positions.into_iter().zip([&alice, &bob, &partner]) {
        assert_eq!(
            good.accounts[index].pubkey,
            world.reward_account(&owner.pubkey())
        );
        // When the account is somebody else's, then it is refused (I6)
        let mut wrong = good.clone();
        wrong.accounts[index].pubkey = theft;
        world.refuse(&[wrong], &[&bob, &attestor], ProgramError::WrongBeneficiary);
        if index == ConvertAccounts::REFERRER_ACCOUNT {
            continue;
        }
        // And leaving it out, so that the part would stay pending, is refused, too
        let mut absent = good.clone();
        absent.accounts[index].pubkey = vouch_client::PROGRAM_ID;
        absent.accounts[index].is_writable = false;
        world.refuse(&[absent], &[&bob, &attestor], ProgramError::MissingAccount);
    }
    // And leaving out the mint is refused, too
    let mut absent = good.clone();
    absent.accounts[ConvertAccounts::MINT].pubkey = vouch_client::PROGRAM_ID;
    absent.accounts[ConvertAccounts::MINT].is_writable = false;
    world.refuse(&[absent], &[&bob, &attestor], ProgramError::MissingAccount);
    assert_eq!(world.supply(), 0);
    world.land(&[good], &[&bob, &attestor]);
}

#[test]
fn a_mint_without_room_leaves_everything_pending() {
    // Given a mint with room for 99 or 50 base units, and a reward of 100
    for (shares, room) in [(0, 99), (5_000, 99), (5_000, 50)] {
        let (mut world, attestor, alice) = scene(Settings {
            referee_share_bps: shares,
            ..Settings::fixed(100)
        });
        let mint = world.mint.pubkey();
        world.change(&mint, |mint| {
            mint.data[36..44].copy_from_slice(&(u64::MAX - room).to_le_bytes());
        });

        // When a wallet converts
        let bob = world.sell(CODE, &attestor, 0);

        // Then it counts, and all of it is owed
        assert_eq!(world.rewards(&alice.pubkey()), 0);
        assert_eq!(world.supply(), u64::MAX - room);
        let conversion = world.converted(CODE, &bob.pubkey(), &[0; 32]);
        assert_eq!(conversion.status, Status::Pending);

        // And it is paid once the mint has room again
        world.change(&mint, |mint| {
            mint.data[36..44].copy_from_slice(&(u64::MAX - 100).to_le_bytes());
        });
        let claim = world.claim(CODE, &bob.pubkey(), &[0; 32]);
        world.land(&[claim], &[&bob]);
        assert_eq!(world.supply(), u64::MAX);
        assert_eq!(
            world.rewards(&alice.pubkey()) + world.rewards(&bob.pubkey()),
            100
        );
    }
}

/// A deterministic pseudo-random number generator.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

#[test]
fn any_rule_pays_what_the_host_computes() {
    // Given thirty campaigns with rules of every kind
    let mut dice = Dice(7);
    let mut world = World::new();
    for _ in 0..30 {
        let mut settings = if dice.below(2) == 0 {
            Settings::fixed(1 + dice.below(1_000_000))
        } else {
            Settings::percent(1 + dice.below(10_000) as u16, 1 + dice.below(1_000_000))
        };
        let (mut at, mut multiplier) = (0, 10_000);
        for tier in settings.tiers.iter_mut().take(dice.below(5) as usize) {
            at += 1 + dice.below(2);
            multiplier += 1 + dice.below(20_000) as u32;
            (tier.min_conversions, tier.multiplier_bps) = (at, multiplier);
        }
        let mut at = 0;
        for bonus in settings.bonuses.iter_mut().take(dice.below(5) as usize) {
            at += 1 + dice.below(2);
            (bonus.threshold, bonus.amount) = (at, 1 + dice.below(1_000));
        }
        if dice.below(3) == 0 {
            // At most half of a fixed reward, so that the rest suffices for any partner
            // below.
            let most = match settings.reward_fixed {
                0 => 1_000,
                units => units.div_ceil(2),
            };
            settings.referee_fixed = 1 + dice.below(most);
            settings.max_partner_share_bps = dice.below(5_001) as u16;
        } else {
            settings.referee_share_bps = dice.below(10_001) as u16;
            let rest = 10_000 - settings.referee_share_bps;
            settings.max_partner_share_bps = dice.below(u64::from(rest) + 1) as u16;
        }
        let attestor = world.open_attested(Terms::default(), settings);
        let alice = world.referrer(CODE);
        let partner = (settings.max_partner_share_bps > 0).then(|| {
            let share = 1 + dice.below(settings.max_partner_share_bps.into()) as u16;
            world.partner(&alice, CODE, share)
        });

        // When five wallets convert, then each reward is the one that the host computes
        let (mut total, mut referrers, mut partners) = (0, 0, 0);
        for _ in 0..5 {
            let conversion = convert(&mut world, &attestor, dice.below(10_000_000));
            total +=
                conversion.reward_referrer + conversion.reward_referee + conversion.reward_partner;
            referrers += conversion.reward_referrer;
            partners += conversion.reward_partner;
        }
        // And the parts sum to the supply (I4)
        assert_eq!(world.supply(), total);
        assert_eq!(world.rewards(&alice.pubkey()), referrers);
        assert_eq!(world.referral(CODE).rewards_total, referrers);
        if let Some(partner) = partner {
            assert_eq!(world.rewards(&partner.pubkey()), partners);
        }
    }
}
