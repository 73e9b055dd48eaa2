//! A campaign's promises to referrers: cuts are delayed, raises apply at once, and earned
//! rewards stay. Also counting per owner, and the gate. Numbers in brackets refer to
//! docs/INVARIANTS.md.

use solana_sdk::{
    account::Account,
    instruction::{AccountMeta, Instruction, InstructionError},
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
};
use vouch_client::{
    PROGRAM_ID, ProgramError, Share,
    accounts::{Conversion, Proof, Referrer, RewardKind, Settings, Status, Terms},
    instructions::{
        self, Bind, CreateReferral, Purchase,
        raw::{
            CancelConversionAccounts, ConvertAccounts, CreateReferralAccounts, PurchaseAccounts,
        },
    },
    pda,
};
use vouch_program_tests::{REWARD, World, bonuses, code, credential, other, tiers};

const CODE: &str = "STARTER7";
const OTHER: &str = "STARTER8";
const NONE: [u8; 32] = [0; 32];
const NOW: i64 = 1_800_000_000;
const HOLD: u32 = 600;
const NOTICE: u32 = 1_000;
/// The time from which an announced cut is in force.
const CUT_FROM: i64 = NOW + NOTICE as i64;
const ISSUER: Pubkey = Pubkey::new_from_array([1; 32]);
const SCHEMA: Pubkey = Pubkey::new_from_array([2; 32]);

/// A chain at [`NOW`].
fn world() -> World {
    let mut world = World::new();
    world.set_time(NOW);
    world
}

/// Terms with a notice of [`NOTICE`].
fn with_notice() -> Terms {
    Terms {
        notice_seconds: NOTICE,
        ..Terms::default()
    }
}

/// Settings in which every promise has a value.
fn promising() -> Settings {
    Settings {
        min_amount: 100,
        referee_share_bps: 1_000,
        max_partner_share_bps: 2_000,
        owner_limit: 5,
        tiers: tiers(&[(2, 20_000)]),
        bonuses: bonuses(&[(1, 10), (3, 30)]),
        hold_seconds: HOLD,
        attribution_window: 500,
        ends_at: NOW + 100_000,
        ..Settings::fixed(1_000)
    }
}

/// Changes the reward to a percentage: a half, at most 1,000.
fn percent(settings: &mut Settings) {
    settings.reward_kind = RewardKind::Percent;
    settings.reward_fixed = 0;
    settings.reward_bps = 5_000;
    settings.reward_max = 1_000;
}

/// Changes the referee's share to exactly 100 base units.
fn exact_referee(settings: &mut Settings) {
    settings.referee_share_bps = 0;
    settings.referee_fixed = 100;
}

/// Changes the partner's share to at most 200 base units.
fn exact_partner(settings: &mut Settings) {
    settings.max_partner_share_bps = 0;
    settings.max_partner_fixed = 200;
}

fn gate(settings: &mut Settings) {
    settings.gate_credential = ISSUER;
    settings.gate_schema = SCHEMA;
}

fn no_gate(settings: &mut Settings) {
    settings.gate_credential = Pubkey::default();
    settings.gate_schema = Pubkey::default();
}

fn unchanged(_: &mut Settings) {}

/// A name, the preparation of [`promising`], and the change.
type Change = (&'static str, fn(&mut Settings), fn(&mut Settings));

const CUTS: [Change; 32] = [
    ("another kind", unchanged, percent),
    ("a lower reward", unchanged, |s| s.reward_fixed = 999),
    ("a lower rate", percent, |s| s.reward_bps = 4_999),
    ("a lower maximum", percent, |s| s.reward_max = 999),
    ("a higher least amount", unchanged, |s| s.min_amount = 101),
    // More conversions use up the owner's limit.
    ("more under a limit", unchanged, |s| s.min_amount = 99),
    ("a gate less under a limit", gate, no_gate),
    ("a gate", unchanged, gate),
    ("another gate", gate, |s| s.gate_schema = ISSUER),
    ("more for the referee", unchanged, |s| {
        s.referee_share_bps = 1_001;
    }),
    ("less for the referee", unchanged, |s| {
        s.referee_share_bps = 999;
    }),
    ("exactly less for the referee", exact_referee, |s| {
        s.referee_fixed = 99;
    }),
    ("exactly more for the referee", exact_referee, |s| {
        s.referee_fixed = 101;
    }),
    ("exact instead of a share", unchanged, exact_referee),
    ("less for partners", unchanged, |s| {
        s.max_partner_share_bps = 1_999;
    }),
    ("exactly less for partners", exact_partner, |s| {
        s.max_partner_fixed = 199;
    }),
    ("no tier", unchanged, |s| s.tiers = tiers(&[])),
    ("a lower multiplier", unchanged, |s| {
        s.tiers = tiers(&[(2, 19_999)]);
    }),
    ("a later tier", unchanged, |s| {
        s.tiers = tiers(&[(3, 20_000)]);
    }),
    ("a lower tier first", unchanged, |s| {
        s.tiers = tiers(&[(2, 15_000), (3, 20_000)]);
    }),
    ("a lower tier after", unchanged, |s| {
        s.tiers = tiers(&[(2, 20_000), (4, 15_000)]);
    }),
    ("a bonus less", unchanged, |s| {
        s.bonuses = bonuses(&[(3, 30)]);
    }),
    ("a lower bonus", unchanged, |s| {
        s.bonuses = bonuses(&[(1, 9), (3, 31)]);
    }),
    ("a later bonus", unchanged, |s| {
        s.bonuses = bonuses(&[(2, 10), (3, 30)]);
    }),
    ("a longer hold", unchanged, |s| s.hold_seconds = HOLD + 1),
    ("a shorter window", unchanged, |s| {
        s.attribution_window = 499;
    }),
    ("no window", unchanged, |s| s.attribution_window = 0),
    (
        "a window",
        |s| s.attribution_window = 0,
        |s| {
            s.attribution_window = 1;
        },
    ),
    ("a later start", unchanged, |s| s.starts_at = NOW + 1),
    ("an earlier end", unchanged, |s| s.ends_at = NOW + 99_999),
    ("an end", |s| s.ends_at = 0, |s| s.ends_at = NOW + 100_000),
    ("a lower limit", unchanged, |s| s.owner_limit = 4),
];

const RAISES: [Change; 23] = [
    ("a higher reward", unchanged, |s| s.reward_fixed = 1_001),
    ("a higher rate", percent, |s| s.reward_bps = 5_001),
    ("a higher maximum", percent, |s| s.reward_max = 1_001),
    (
        "a lower least amount",
        |s| s.owner_limit = 0,
        |s| {
            s.min_amount = 99;
        },
    ),
    (
        "no gate",
        |s| {
            gate(s);
            s.owner_limit = 0;
        },
        no_gate,
    ),
    ("more of more for the referee", exact_referee, |s| {
        s.reward_fixed = 1_200;
        s.referee_fixed = 110;
    }),
    ("more for partners", unchanged, |s| {
        s.max_partner_share_bps = 2_001;
    }),
    ("exactly more for partners", exact_partner, |s| {
        s.max_partner_fixed = 201;
    }),
    ("a higher multiplier", unchanged, |s| {
        s.tiers = tiers(&[(2, 20_001)]);
    }),
    ("an earlier tier", unchanged, |s| {
        s.tiers = tiers(&[(1, 20_000)]);
    }),
    ("another tier", unchanged, |s| {
        s.tiers = tiers(&[(2, 20_000), (3, 30_000)]);
    }),
    ("a higher bonus", unchanged, |s| {
        s.bonuses = bonuses(&[(1, 11), (3, 30)]);
    }),
    ("another bonus", unchanged, |s| {
        s.bonuses = bonuses(&[(1, 10), (2, 5), (3, 30)]);
    }),
    ("an earlier bonus", unchanged, |s| {
        s.bonuses = bonuses(&[(1, 40)]);
    }),
    ("a shorter hold", unchanged, |s| s.hold_seconds = HOLD - 1),
    ("no hold", unchanged, |s| s.hold_seconds = 0),
    ("a longer window", unchanged, |s| {
        s.attribution_window = 501;
    }),
    ("a later end", unchanged, |s| s.ends_at = NOW + 100_001),
    ("no end", unchanged, |s| s.ends_at = 0),
    ("a higher limit", unchanged, |s| s.owner_limit = 6),
    ("no limit", unchanged, |s| s.owner_limit = 0),
    (
        "an earlier start",
        |s| {
            s.starts_at = NOW + 100;
            s.owner_limit = 0;
        },
        |s| s.starts_at = NOW + 99,
    ),
    ("nothing", unchanged, unchanged),
];

/// Opens a campaign that counts per owner, with a notice and these settings.
fn open(world: &mut World, prepare: fn(&mut Settings)) -> Settings {
    let mut settings = promising();
    prepare(&mut settings);
    let terms = Terms {
        per_owner: true,
        ..with_notice()
    };
    world.open_attested(terms, settings);
    world.campaign().settings
}

#[test]
fn a_cut_is_visible_and_waits() {
    let mut world = world();
    for (name, prepare, change) in CUTS {
        // Given a campaign with this promise
        let old = open(&mut world, prepare);

        // When it cuts it (I22)
        let mut new = old;
        change(&mut new);
        assert_ne!(new, old, "{name}");
        world.update(change);

        // Then the account shows the cut and its time, and the promise holds until then
        let campaign = world.campaign();
        assert_eq!(campaign.settings, old, "{name}");
        assert_eq!(campaign.announced(NOW), Some((CUT_FROM, &new)), "{name}");
        assert_eq!(campaign.in_force(CUT_FROM - 1), &old, "{name}");
        assert_eq!(campaign.in_force(CUT_FROM), &new, "{name}");
    }
}

#[test]
fn a_raise_acts_at_once() {
    let mut world = world();
    for (name, prepare, change) in RAISES {
        // Given a campaign with this promise
        let mut new = open(&mut world, prepare);

        // When it raises it, then the raise is in force, and nothing is announced
        change(&mut new);
        world.update(change);
        let campaign = world.campaign();
        assert_eq!(campaign.settings, new, "{name}");
        assert_eq!(
            (campaign.next_from, campaign.next),
            (0, Settings::default()),
            "{name}"
        );
        assert_eq!(campaign.in_force(NOW), &new, "{name}");
    }
}

#[test]
fn a_campaign_without_a_notice_cuts_at_once() {
    // Given a campaign without a notice
    let mut world = world();
    world.open(Terms::default(), Settings::fixed(REWARD));

    // When it cuts, then the cut is in force at once
    world.update(|settings| settings.reward_fixed = 1);
    let campaign = world.campaign();
    assert_eq!((campaign.settings.reward_fixed, campaign.next_from), (1, 0));
}

#[test]
fn conversions_follow_the_settings_in_force() {
    // Given a campaign that announced a cut from 5,000,000 to 1
    let mut world = world();
    world.open(with_notice(), Settings::fixed(REWARD));
    let alice = world.referrer(CODE);
    world.update(|settings| settings.reward_fixed = 1);

    // When wallets convert, then each earns under the settings in force at that second
    let mut sum = 0;
    for (time, reward) in [
        (NOW, REWARD),
        (CUT_FROM - 1, REWARD),
        (CUT_FROM, 1),
        (CUT_FROM + 1, 1),
    ] {
        world.set_time(time);
        let bob = world.wallet();
        let convert = world.conversion(&bob.pubkey(), &alice.pubkey(), CODE);
        world.land(&[convert], &[&bob]);
        sum += reward;
        assert_eq!(world.rewards(&alice.pubkey()), sum);
    }
}

#[test]
fn what_protects_the_campaign_needs_no_notice() {
    // Given a campaign that lowers its reward, and at the same time sets a budget,
    // another attestor, and codes that need its signature
    let mut world = world();
    let old = open(&mut world, unchanged);
    let attestor = Keypair::new();
    let change = |settings: &mut Settings| {
        settings.budget = 77_000;
        settings.attested_codes = true;
        settings.attestor = attestor.pubkey();
    };
    world.update(|settings| {
        settings.reward_fixed = 999;
        change(settings);
    });

    // Then the lower reward is delayed, and the rest is in force
    let mut expected = old;
    change(&mut expected);
    let campaign = world.campaign();
    assert_eq!(campaign.settings, expected);
    expected.reward_fixed = 999;
    assert_eq!(campaign.announced(NOW), Some((CUT_FROM, &expected)));

    // And a pause applies at once
    let company = world.company.insecure_clone();
    let pause = instructions::set_paused(&company.pubkey(), &world.campaign, true);
    world.land(&[pause], &[&company]);
    assert!(world.campaign().paused);
}

#[test]
fn each_announcement_replaces_the_one_before() {
    // Given a cut that was announced
    let mut world = world();
    world.open(with_notice(), Settings::fixed(1_000));
    let set = |world: &mut World, units| world.update(|settings| settings.reward_fixed = units);
    let announced = |world: &World| {
        let campaign = world.campaign();
        (
            campaign.settings.reward_fixed,
            campaign.next_from,
            campaign.next.reward_fixed,
        )
    };
    set(&mut world, 900);
    assert_eq!(announced(&world), (1_000, CUT_FROM, 900));

    // When another one follows, then the notice begins again
    world.set_time(CUT_FROM - 1);
    set(&mut world, 800);
    let from = CUT_FROM - 1 + i64::from(NOTICE);
    assert_eq!(announced(&world), (1_000, from, 800));

    // And a raise drops the announcement
    set(&mut world, 1_100);
    assert_eq!(announced(&world), (1_100, 0, 0));

    // And after a cut is in force, the next change is compared with it
    set(&mut world, 500);
    world.wait(NOTICE.into());
    assert_eq!(world.settings().reward_fixed, 500);
    set(&mut world, 600);
    assert_eq!(announced(&world), (600, 0, 0));
}

#[test]
fn a_bonus_of_the_past_makes_up_for_no_other() {
    // Given a code that was paid a bonus of 50, which the campaign no longer offers
    let mut world = world();
    let attestor = world.open_attested(
        with_notice(),
        Settings {
            bonuses: bonuses(&[(1, 50)]),
            ..Settings::fixed(100)
        },
    );
    world.referrer(CODE);
    world.sell(CODE, &attestor, 0);
    world.update(|settings| settings.bonuses = bonuses(&[(1, 50), (2, 60)]));
    world.update(|settings| settings.bonuses = bonuses(&[(2, 110)]));
    world.wait(NOTICE.into());
    world.update(|settings| settings.bonuses = bonuses(&[(2, 111)]));
    assert_eq!(world.campaign().next_from, 0);

    // When that bonus is offered instead of another one, then it is a cut
    world.update(|settings| settings.bonuses = bonuses(&[(1, 50), (2, 61)]));
    let campaign = world.campaign();
    assert_eq!(campaign.settings.bonuses, bonuses(&[(2, 111)]));
    assert_eq!(campaign.next.bonuses, bonuses(&[(1, 50), (2, 61)]));
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

/// Changes something that conversions depend on, if the program allows it.
fn stir(world: &mut World, dice: &mut Dice, [alice, partner, attestor]: [&Keypair; 3]) {
    let company = world.company.insecure_clone();
    let (campaign, referral) = (world.campaign, world.referral_address(CODE));
    let (authority, owner) = (company.pubkey(), alice.pubkey());
    let soon = world.time() + 1 + dice.below(1_000) as i64;
    let number = dice.below(10_000);
    let (share, yes) = (number as u16, dice.below(2) == 0);
    let (step, signers): (Instruction, Vec<&Keypair>) = match dice.below(17) {
        0 => (
            world.updating(|s| s.reward_fixed = 1 + number),
            vec![&company],
        ),
        1 => (
            world.updating(|s| s.referee_share_bps = share),
            vec![&company],
        ),
        2 => (
            world.updating(|s| s.max_partner_share_bps = share / 2),
            vec![&company],
        ),
        3 => {
            let multiplier = 10_001 + number as u32;
            (
                world.updating(|s| s.tiers = tiers(&[(1 + number % 3, multiplier)])),
                vec![&company],
            )
        }
        4 => (
            world.updating(|s| s.bonuses = bonuses(&[(1 + number % 5, 1 + number)])),
            vec![&company],
        ),
        5 => (
            world.updating(|s| s.hold_seconds = number as u32),
            vec![&company],
        ),
        6 => (world.updating(|s| s.ends_at = soon), vec![&company]),
        7 => (world.updating(|s| s.budget = 10 * number), vec![&company]),
        8 => (world.updating(percent), vec![&company]),
        9 => (
            instructions::set_paused(&authority, &campaign, yes),
            vec![&company],
        ),
        10 => (
            instructions::set_suspended(&authority, &campaign, &referral, yes),
            vec![&company],
        ),
        11 => (
            instructions::end_partnership(&partner.pubkey(), &referral),
            vec![partner],
        ),
        12 => (
            instructions::end_partnership(&owner, &referral),
            vec![alice],
        ),
        13 => {
            let part = Share {
                bps: 1 + share / 5,
                fixed: 0,
            };
            (
                instructions::set_partner(&owner, &partner.pubkey(), &campaign, &referral, part),
                vec![alice, partner],
            )
        }
        14 => (
            instructions::update_referral(&owner, &referral, yes, 0, soon),
            vec![alice],
        ),
        15 => {
            world.wait(dice.below(300) as i64);
            return;
        }
        _ => {
            let referee = world.receiver();
            let sale = world.sale(CODE, &referee.pubkey(), &attestor.pubkey(), number);
            let _ = world.send(&[sale], &[&referee, attestor]);
            return;
        }
    };
    // A refused step changes nothing, either.
    let _ = world.send(&[step], &signers);
}

#[test]
fn what_a_conversion_earned_is_frozen() {
    let mut dice = Dice(11);
    for round in 0..16_u32 {
        // Given three held conversions, with three parts, a tier and bonuses
        let mut world = world();
        let attestor = world.open_attested(
            Terms {
                notice_seconds: NOTICE * (round % 2),
                ..Terms::default()
            },
            Settings {
                referee_share_bps: 1_000,
                max_partner_share_bps: 2_000,
                tiers: tiers(&[(2, 20_000)]),
                bonuses: bonuses(&[(1, 7), (3, 70)]),
                hold_seconds: HOLD,
                ..Settings::fixed(1_000)
            },
        );
        let alice = world.referrer(CODE);
        let partner = world.partner(&alice, CODE, 2_000);
        let parts = [(707, 100, 200), (1_400, 200, 400), (1_470, 200, 400)];
        let earned = parts.map(|(of_referrer, of_referee, of_partner)| {
            let referee = world.sell(CODE, &attestor, 0);
            let conversion = world.converted(CODE, &referee.pubkey(), &NONE);
            assert_eq!(
                (
                    conversion.reward_referrer,
                    conversion.reward_referee,
                    conversion.reward_partner
                ),
                (of_referrer, of_referee, of_partner)
            );
            (referee, conversion)
        });

        // When everything changes, in any order, and in some rounds the campaign closes
        // at the end
        for _ in 0..12 {
            stir(&mut world, &mut dice, [&alice, &partner, &attestor]);
        }
        if round % 4 == 3 {
            world.close();
        }

        // Then they are unchanged (I22)
        let company = world.company.insecure_clone();
        for (referee, conversion) in &earned {
            let now = world.converted(CODE, &referee.pubkey(), &NONE);
            assert_eq!(&now, conversion, "round {round}");
        }
        // And each part is paid exactly, after the hold that they had
        let claimable = NOW + i64::from(HOLD);
        world.set_time(world.time().max(claimable));
        for (referee, conversion) in &earned {
            let wallets = [&alice, referee, &partner].map(|wallet| wallet.pubkey());
            let before = wallets.map(|wallet| world.rewards(&wallet));
            let claim = world.claim(CODE, &referee.pubkey(), &NONE);
            world.land(&[claim], &[&company]);
            let gains =
                [0, 1, 2].map(|index: usize| world.rewards(&wallets[index]) - before[index]);
            let parts = [
                conversion.reward_referrer,
                conversion.reward_referee,
                conversion.reward_partner,
            ];
            assert_eq!(gains, parts, "round {round}");
            let after: Conversion = world.converted(CODE, &referee.pubkey(), &NONE);
            assert_eq!((after.status, after.settled), (Status::Paid, 7));
        }
    }
}

/// An attested campaign that counts per owner.
fn per_owner(settings: Settings) -> (World, Keypair) {
    let mut world = world();
    let terms = Terms {
        per_owner: true,
        ..Terms::default()
    };
    let attestor = world.open_attested(terms, settings);
    (world, attestor)
}

#[test]
fn more_codes_multiply_neither_tiers_nor_bonuses_nor_limits() {
    // Given Alice with two codes, and Carol with one
    let (mut world, attestor) = per_owner(Settings {
        tiers: tiers(&[(2, 20_000)]),
        bonuses: bonuses(&[(2, 7)]),
        owner_limit: 3,
        ..Settings::fixed(100)
    });
    let alice = world.referrer(CODE);
    world.another_code(&alice, OTHER);
    let carol = world.referrer("STARTER9");

    // When wallets convert, then both of her codes count as one (I4, I23)
    for (text, reward) in [
        (CODE, 100),
        (OTHER, 207),
        (CODE, 200),
        ("STARTER9", 100),
        ("STARTER9", 207),
    ] {
        let referee = world.sell(text, &attestor, 0);
        let conversion = world.converted(text, &referee.pubkey(), &NONE);
        assert_eq!(conversion.reward_referrer, reward, "{text}");
    }
    assert_eq!(
        world.counted(&alice.pubkey()),
        Referrer {
            version: 1,
            campaign: world.campaign,
            owner: alice.pubkey(),
            rent_payer: alice.pubkey(),
            conversions: 3,
            bonuses_paid: 1,
        }
    );
    for (text, conversions) in [(CODE, 2), (OTHER, 1)] {
        let referral = world.referral(text);
        assert_eq!(
            (referral.conversions, referral.bonuses_paid),
            (conversions, 0)
        );
    }

    // And neither code earns beyond her limit, while Carol's can earn one more
    for text in [CODE, OTHER] {
        let referee = world.receiver();
        let sale = world.sale(text, &referee.pubkey(), &attestor.pubkey(), 0);
        let reached = ProgramError::OwnerLimitReached;
        world.refuse(&[sale], &[&referee, &attestor], reached);
    }
    world.sell("STARTER9", &attestor, 0);
    assert_eq!(world.counted(&carol.pubkey()).conversions, 3);
}

#[test]
fn a_cancellation_gives_an_owner_its_place_back() {
    // Given a held conversion that used up the owner's limit and its bonus
    let (mut world, attestor) = per_owner(Settings {
        bonuses: bonuses(&[(1, 7)]),
        owner_limit: 1,
        hold_seconds: HOLD,
        ..Settings::fixed(100)
    });
    let alice = world.referrer(CODE);
    world.another_code(&alice, OTHER);
    let company = world.company.insecure_clone();
    let bob = world.sell(CODE, &attestor, 0);
    let counted = |world: &World| {
        let referrer = world.counted(&alice.pubkey());
        (referrer.conversions, referrer.bonuses_paid)
    };
    assert_eq!(counted(&world), (1, 1));

    // When it is cancelled, then both are free again, also for her other code
    let cancel = world.cancel(CODE, &bob.pubkey(), &NONE);
    world.land(&[cancel], &[&company]);
    assert_eq!(counted(&world), (0, 0));
    let carol = world.sell(OTHER, &attestor, 0);
    let conversion = world.converted(OTHER, &carol.pubkey(), &NONE);
    assert_eq!(conversion.reward_referrer, 107);
    assert_eq!(counted(&world), (1, 1));
}

#[test]
fn an_owner_registers_once_where_owners_are_counted() {
    // Given a campaign that counts per owner, and Alice, who is registered
    let (mut world, _) = per_owner(Settings::fixed(100));
    let alice = world.referrer(CODE);
    let (dora, eve) = (world.wallet(), world.wallet());
    let campaign = world.campaign;
    let register = |payer: &Keypair, owner: &Keypair| {
        instructions::register_referrer(&payer.pubkey(), &owner.pubkey(), &campaign)
    };

    // When she registers again, or somebody registers Dora without her signature, then it
    // is refused (I3)
    let exists = ProgramError::ReferrerExists;
    world.refuse(&[register(&alice, &alice)], &[&alice], exists);
    let mut unasked = register(&eve, &dora);
    unasked.accounts[1].is_signer = false;
    let missing = other(0, InstructionError::MissingRequiredSignature);
    world.refuse(&[unasked], &[&eve], missing);

    // And a code for a wallet that is not registered, or with another's account, is
    // refused, too
    let own = dora.pubkey();
    let plain = CreateReferral::new(&own, &own, &campaign, &code(OTHER));
    let create = instructions::create_referral(&plain);
    world.refuse(&[create], &[&dora], ProgramError::MissingAccount);
    let create = world.registration(&own, OTHER);
    let create = std::slice::from_ref(&create);
    world.refuse(create, &[&dora], ProgramError::ReferrerNotFound);
    let mut borrowed = create[0].clone();
    borrowed.accounts[CreateReferralAccounts::REFERRER].pubkey =
        world.referrer_address(&alice.pubkey());
    world.refuse(&[borrowed], &[&dora], ProgramError::WrongReferrer);

    // And a sponsor may pay for Dora if she signs
    world.land(&[register(&eve, &dora)], &[&eve, &dora]);
    assert_eq!(world.counted(&own).rent_payer, eve.pubkey());
    world.land(create, &[&dora]);

    // But a campaign that does not count per owner has no such accounts
    let campaign = world.open(Terms::default(), Settings::fixed(100));
    let register = instructions::register_referrer(&own, &own, &campaign);
    world.refuse(&[register], &[&dora], ProgramError::NotPerOwner);
}

#[test]
fn a_code_changes_its_counted_owner_after_its_holds() {
    // Given Alice's code with a held conversion; she offers the code to Dora
    let (mut world, attestor) = per_owner(Settings {
        hold_seconds: HOLD,
        ..Settings::fixed(100)
    });
    let alice = world.referrer(CODE);
    let dora = world.receiver();
    let bob = world.sell(CODE, &attestor, 0);
    let (campaign, referral) = (world.campaign, world.referral_address(CODE));
    let offer = instructions::propose_owner(&alice.pubkey(), &referral, Some(&dora.pubkey()));
    world.land(&[offer], &[&alice]);
    let accept = instructions::accept_owner(&dora.pubkey(), &campaign, &referral, true);
    let accept = std::slice::from_ref(&accept);

    // When Dora is not registered, then she cannot accept it
    world.refuse(accept, &[&dora], ProgramError::ReferrerNotFound);
    world.register(&dora);

    // And before the hold is over, she cannot either, because Alice's count could still
    // change
    world.set_time(NOW + i64::from(HOLD) - 1);
    world.refuse(accept, &[&dora], ProgramError::RewardsPending);
    world.wait(1);
    world.land(accept, &[&dora]);

    // And from then on, it counts for Dora, who gets the pending rewards
    let claim = world.claim(CODE, &bob.pubkey(), &NONE);
    world.land(&[claim], &[&bob]);
    assert_eq!(world.rewards(&dora.pubkey()), 100);
    world.sell(CODE, &attestor, 0);
    let counted = [&alice, &dora].map(|owner| world.counted(&owner.pubkey()).conversions);
    assert_eq!(counted, [1, 1]);
}

#[test]
fn a_wallet_is_bound_anew_when_its_owner_has_reached_its_limit() {
    // Given Bob, who is bound to Alice's code, and Carol, who used up Alice's limit
    let (mut world, attestor) = per_owner(Settings {
        owner_limit: 1,
        attribution_window: 1_000,
        ..Settings::fixed(100)
    });
    let (alice, dora) = (world.referrer(CODE), world.referrer(OTHER));
    let (bob, carol) = (world.receiver(), world.receiver());
    for wallet in [&bob, &carol] {
        let bind = world.bind(&wallet.pubkey(), CODE);
        world.land(&[bind], &[wallet]);
    }
    let anew = world.bind_anew(&bob.pubkey(), CODE, OTHER);
    let anew = std::slice::from_ref(&anew);
    world.refuse(anew, &[&bob], ProgramError::AlreadyBound);
    let sale = |world: &World, text: &str, wallet: &Keypair| {
        world.sale(text, &wallet.pubkey(), &attestor.pubkey(), 0)
    };
    let of_carol = sale(&world, CODE, &carol);
    world.land(&[of_carol], &[&carol, &attestor]);
    let of_bob = sale(&world, CODE, &bob);
    let reached = ProgramError::OwnerLimitReached;
    world.refuse(&[of_bob], &[&bob, &attestor], reached);

    // When he is bound to another code without Alice's account, or with another's, then
    // he stays bound, because nothing proves the limit
    let referral = world.referral_address(CODE);
    let others = world.referrer_address(&dora.pubkey());
    for referrer in [None, Some(others)] {
        let bind = instructions::bind(&Bind {
            bound: Some((referral, referrer)),
            ..world.touch(&bob.pubkey(), &bob.pubkey(), OTHER)
        });
        world.refuse(&[bind], &[&bob], ProgramError::AlreadyBound);
    }

    // And with her account, he is bound to Dora's code, and counts (I20)
    world.land(anew, &[&bob]);
    let of_bob = sale(&world, OTHER, &bob);
    world.land(&[of_bob], &[&bob, &attestor]);
    assert_eq!(world.rewards(&dora.pubkey()), 100);
    assert_eq!(world.rewards(&alice.pubkey()), 100);
}

/// Another campaign's account of `owner`, with a hundred conversions. The world's
/// campaign does not change.
fn foreign_account(world: &mut World, owner: &Keypair) -> Pubkey {
    let (campaign, mint) = (world.campaign, world.mint.insecure_clone());
    let terms = Terms {
        per_owner: true,
        ..Terms::default()
    };
    world.open(terms, Settings::fixed(1));
    world.register(owner);
    let address = world.referrer_address(&owner.pubkey());
    let counted = Referrer {
        conversions: 100,
        ..world.counted(&owner.pubkey())
    };
    world.write(&address, &counted);
    (world.campaign, world.mint) = (campaign, mint);
    address
}

#[test]
fn an_account_of_another_campaign_counts_nothing() {
    for proof in [Proof::Attested, Proof::Payment] {
        // Given a campaign that does not count per owner, with a tier and a bonus at
        // fifty conversions, and Eve, who has a hundred in another campaign
        let mut world = world();
        let attestor = Keypair::new();
        let terms = Terms {
            proof,
            ..Terms::default()
        };
        let settings = Settings {
            min_amount: 1,
            tiers: tiers(&[(50, 20_000)]),
            bonuses: bonuses(&[(50, 7)]),
            attestor: attestor.pubkey(),
            ..Settings::fixed(100)
        };
        world.open(terms, settings);
        let eve = world.referrer(CODE);
        let hers = foreign_account(&mut world, &eve);
        let before = world.svm.get_account(&hers);

        // When a wallet converts, and her account is passed
        let bob = world.wallet();
        let (mut step, position) = if proof == Proof::Attested {
            let sale = world.sale(CODE, &bob.pubkey(), &attestor.pubkey(), 1);
            (sale, ConvertAccounts::REFERRER)
        } else {
            let args = Purchase::new(&bob.pubkey(), 1_000_000, NONE);
            let purchase = world.purchase(&eve.pubkey(), CODE, &args);
            (purchase, PurchaseAccounts::REFERRER)
        };
        step.accounts[position] = AccountMeta::new(hers, false);
        let signers = [&bob, &attestor];
        let signers = if proof == Proof::Attested {
            &signers[..]
        } else {
            &signers[..1]
        };
        world.land(&[step], signers);

        // Then the reward follows from the code's own count (I5, I23)
        let conversion = world.converted(CODE, &bob.pubkey(), &NONE);
        assert_eq!((conversion.reward_referrer, conversion.bonuses), (100, 0));
        assert_eq!(world.referral(CODE).conversions, 1);
        assert_eq!(world.svm.get_account(&hers), before);
    }
}

#[test]
fn an_owner_is_counted_in_its_own_account_alone() {
    // Given a campaign that counts per owner, and Eve, who has accounts in this one and
    // another one
    let (mut world, attestor) = per_owner(Settings {
        hold_seconds: HOLD,
        ..Settings::fixed(100)
    });
    let eve = world.referrer(CODE);
    let dora = world.referrer(OTHER);
    let company = world.company.insecure_clone();
    let hers = world.referrer_address(&eve.pubkey());
    let foreign = foreign_account(&mut world, &eve);
    let of_dora = world.referrer_address(&dora.pubkey());
    let bob = world.receiver();
    let good = world.sale(CODE, &bob.pubkey(), &attestor.pubkey(), 0);
    assert_eq!(good.accounts[ConvertAccounts::REFERRER].pubkey, hers);
    let wrong = [
        (foreign, ProgramError::WrongReferrer),
        (of_dora, ProgramError::WrongReferrer),
        (
            world.referral_address(OTHER),
            ProgramError::ReferrerNotFound,
        ),
        (Pubkey::new_unique(), ProgramError::ReferrerNotFound),
    ];
    let absent = AccountMeta::new_readonly(PROGRAM_ID, false);

    // When Bob converts with another's account, or without one, then he is refused (I5)
    for (account, refused) in wrong {
        let mut theft = good.clone();
        theft.accounts[ConvertAccounts::REFERRER].pubkey = account;
        world.refuse(&[theft], &[&bob, &attestor], refused);
    }
    let mut left_out = good.clone();
    left_out.accounts[ConvertAccounts::REFERRER] = absent.clone();
    let missing = ProgramError::MissingAccount;
    world.refuse(&[left_out], &[&bob, &attestor], missing);
    let mut read_only = good.clone();
    read_only.accounts[ConvertAccounts::REFERRER].is_writable = false;
    let not_writable = other(0, InstructionError::Custom(2000));
    world.refuse(&[read_only], &[&bob, &attestor], not_writable);
    world.land(&[good], &[&bob, &attestor]);
    assert_eq!(world.counted(&eve.pubkey()).conversions, 1);

    // And it cannot be cancelled with another's account, or without one
    let cancel = world.cancel(CODE, &bob.pubkey(), &NONE);
    for (account, refused) in wrong {
        let mut theft = cancel.clone();
        theft.accounts[CancelConversionAccounts::REFERRER].pubkey = account;
        world.refuse(&[theft], &[&company], refused);
    }
    let mut left_out = cancel.clone();
    left_out.accounts[CancelConversionAccounts::REFERRER] = absent;
    world.refuse(&[left_out], &[&company], missing);
    world.land(&[cancel], &[&company]);
    let counted = [&eve, &dora].map(|owner| world.counted(&owner.pubkey()).conversions);
    assert_eq!(counted, [0, 0]);
}

/// A credential that the gate refuses, and the error.
type Wrong = (&'static str, Account, ProgramError);

/// Wrong accounts at the address of `wallet`'s credential.
fn wrong_credentials(wallet: &Pubkey) -> Vec<Wrong> {
    let good = credential(&ISSUER, &SCHEMA, wallet, 0);
    let changed = |change: fn(&mut Account)| {
        let mut account = good.clone();
        change(&mut account);
        account
    };
    let required = ProgramError::CredentialRequired;
    let expired = ProgramError::CredentialExpired;
    let stranger = Pubkey::new_from_array([9; 32]);
    vec![
        (
            "another wallet's",
            credential(&ISSUER, &SCHEMA, &stranger, 0),
            required,
        ),
        (
            "another issuer's",
            credential(&stranger, &SCHEMA, wallet, 0),
            required,
        ),
        (
            "another schema's",
            credential(&ISSUER, &stranger, wallet, 0),
            required,
        ),
        (
            "another account's",
            changed(|account| account.data[0] = 1),
            required,
        ),
        (
            "another program's",
            changed(|account| account.owner = PROGRAM_ID),
            required,
        ),
        ("empty", changed(|account| account.data.clear()), required),
        (
            // The data ends one byte before the end of the expiry; the content has 8
            // bytes.
            "cut short",
            changed(|account| account.data.truncate(1 + 96 + 4 + 8 + 32 + 7)),
            required,
        ),
        (
            "longer than it is",
            changed(|account| account.data[97..101].fill(0xff)),
            required,
        ),
        (
            "expired now",
            credential(&ISSUER, &SCHEMA, wallet, NOW),
            expired,
        ),
        (
            "expired long ago",
            credential(&ISSUER, &SCHEMA, wallet, 1),
            expired,
        ),
        (
            "expired before time began",
            credential(&ISSUER, &SCHEMA, wallet, -1),
            expired,
        ),
    ]
}

#[test]
fn a_gate_lets_through_who_has_a_valid_credential() {
    for proof in [Proof::Open, Proof::Payment] {
        // Given a campaign whose referees need a credential with an issuer and a schema
        let mut world = world();
        let mut settings = Settings {
            min_amount: 1,
            ..Settings::fixed(REWARD)
        };
        gate(&mut settings);
        world.open(
            Terms {
                proof,
                ..Terms::default()
            },
            settings,
        );
        let alice = world.referrer(CODE);
        let step = |world: &World, referee: &Keypair| {
            let args = Purchase::new(&referee.pubkey(), 1_000_000, NONE);
            if proof == Proof::Payment {
                let purchase = world.purchase(&alice.pubkey(), CODE, &args);
                (purchase, PurchaseAccounts::CREDENTIAL)
            } else {
                let args = instructions::Convert {
                    amount: 1,
                    ..instructions::Convert::signup(&referee.pubkey())
                };
                let convert = world.convert(&alice.pubkey(), CODE, &args);
                (convert, ConvertAccounts::CREDENTIAL)
            }
        };

        // When Bob converts without one, then he is refused (I25)
        let bob = world.wallet();
        let address = pda::attestation(&ISSUER, &SCHEMA, &bob.pubkey());
        let (good, position) = step(&world, &bob);
        let good = std::slice::from_ref(&good);
        assert_eq!(good[0].accounts[position].pubkey, address);
        let required = ProgramError::CredentialRequired;
        world.refuse(good, &[&bob], required);
        let mut left_out = good[0].clone();
        left_out.accounts[position] = AccountMeta::new_readonly(PROGRAM_ID, false);
        world.refuse(&[left_out], &[&bob], required);

        // And another credential than the required one is refused, too
        for (name, account, refused) in wrong_credentials(&bob.pubkey()) {
            world.svm.set_account(address, account).expect("set");
            let outcome = world.send(good, &[&bob]);
            assert_eq!(outcome.map(|_| ()), Err(refused.into()), "{name}");
        }
        assert_eq!(world.rewards(&alice.pubkey()), 0);

        // And with one that is valid, for a second or for ever, he counts
        world.give_credential(&bob.pubkey(), NOW + 1);
        world.land(good, &[&bob]);
        let carol = world.wallet();
        world.give_credential(&carol.pubkey(), 0);
        let (of_carol, _) = step(&world, &carol);
        world.land(&[of_carol], &[&carol]);
        assert_eq!(world.rewards(&alice.pubkey()), 2 * REWARD);
    }
}
