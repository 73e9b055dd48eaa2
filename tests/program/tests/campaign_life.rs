//! The life of a campaign, from its settings to its end. Numbers in brackets are
//! those of docs/INVARIANTS.md.

use solana_sdk::{
    instruction::{Instruction, InstructionError},
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
};
use vouch_client::{
    ProgramError,
    accounts::{
        AccountType as _, Bonus, Campaign, Closed, Conversion, Funding, Proof, Referral,
        RewardKind, Settings, Status, Terms, Tier, Uniqueness,
    },
    instructions::{self, CreateCampaign, CreateReferral, Purchase},
    pda, token,
};
use vouch_program_tests::{REWARD, Refused, World, code, other};

const CODE: &str = "STARTER7";
const NONE: [u8; 32] = [0; 32];
const NOW: i64 = 1_800_000_000;
/// Seconds after a campaign's last hold in which rewards can still be claimed.
const CLAIM_PERIOD: i64 = 30 * 24 * 60 * 60;
const YEAR: u32 = 365 * 24 * 60 * 60;

fn world() -> World {
    let mut world = World::new();
    world.set_time(NOW);
    world
}

fn tiers(used: &[(u64, u32)]) -> [Tier; 4] {
    let mut tiers = [Tier::default(); 4];
    for (tier, &(min_conversions, multiplier_bps)) in tiers.iter_mut().zip(used) {
        *tier = Tier {
            min_conversions,
            multiplier_bps,
        };
    }
    tiers
}

fn bonuses(used: &[(u64, u64)]) -> [Bonus; 4] {
    let mut bonuses = [Bonus::default(); 4];
    for (bonus, &(threshold, amount)) in bonuses.iter_mut().zip(used) {
        *bonus = Bonus { threshold, amount };
    }
    bonuses
}

type Change = fn(&mut Settings);

/// Settings that no campaign may have, and the refusal; the campaign's proof is the
/// attestor's word and its reward a percentage.
const IMPOSSIBLE: &[(Change, ProgramError)] = &[
    (|s| s.reward_bps = 0, ProgramError::InvalidReward),
    (|s| s.reward_bps = 10_001, ProgramError::InvalidReward),
    (|s| s.reward_bps = u16::MAX, ProgramError::InvalidReward),
    (|s| s.reward_max = 0, ProgramError::InvalidReward),
    (|s| s.reward_fixed = 1, ProgramError::InvalidReward),
    (
        |s| (s.reward_kind, s.reward_fixed) = (RewardKind::Fixed, 5),
        ProgramError::InvalidReward,
    ),
    (
        |s| {
            *s = Settings {
                attestor: s.attestor,
                ..Settings::fixed(0)
            }
        },
        ProgramError::InvalidReward,
    ),
    (
        |s| {
            *s = Settings {
                attestor: s.attestor,
                reward_max: 1,
                ..Settings::fixed(1)
            }
        },
        ProgramError::InvalidReward,
    ),
    (
        |s| {
            *s = Settings {
                attestor: s.attestor,
                tiers: tiers(&[(1, 10_001)]),
                ..Settings::fixed(u64::MAX)
            }
        },
        ProgramError::InvalidReward,
    ),
    (
        |s| (s.reward_max, s.bonuses) = (u64::MAX, bonuses(&[(1, 1)])),
        ProgramError::InvalidReward,
    ),
    (
        |s| s.bonuses = bonuses(&[(1, u64::MAX), (2, 1)]),
        ProgramError::InvalidReward,
    ),
    (
        |s| s.tiers = tiers(&[(0, 20_000)]),
        ProgramError::InvalidTiers,
    ),
    (|s| s.tiers = tiers(&[(1, 0)]), ProgramError::InvalidTiers),
    (
        |s| s.tiers = tiers(&[(1, 10_000)]),
        ProgramError::InvalidTiers,
    ),
    (
        |s| s.tiers = tiers(&[(1, 1_000_001)]),
        ProgramError::InvalidTiers,
    ),
    (
        |s| s.tiers = tiers(&[(1, u32::MAX)]),
        ProgramError::InvalidTiers,
    ),
    (
        |s| s.tiers = tiers(&[(2, 20_000), (2, 30_000)]),
        ProgramError::InvalidTiers,
    ),
    (
        |s| s.tiers = tiers(&[(3, 20_000), (2, 30_000)]),
        ProgramError::InvalidTiers,
    ),
    (
        |s| s.tiers = tiers(&[(0, 0), (1, 20_000)]),
        ProgramError::InvalidTiers,
    ),
    (
        |s| s.bonuses = bonuses(&[(0, 1)]),
        ProgramError::InvalidBonuses,
    ),
    (
        |s| s.bonuses = bonuses(&[(1, 0)]),
        ProgramError::InvalidBonuses,
    ),
    (
        |s| s.bonuses = bonuses(&[(2, 1), (2, 1)]),
        ProgramError::InvalidBonuses,
    ),
    (
        |s| s.bonuses = bonuses(&[(0, 0), (1, 1)]),
        ProgramError::InvalidBonuses,
    ),
    (
        |s| s.referee_share_bps = 10_001,
        ProgramError::InvalidShares,
    ),
    (
        |s| s.max_partner_share_bps = 10_001,
        ProgramError::InvalidShares,
    ),
    (
        |s| (s.referee_share_bps, s.max_partner_share_bps) = (5_000, 5_001),
        ProgramError::InvalidShares,
    ),
    (
        |s| (s.referee_share_bps, s.max_partner_share_bps) = (u16::MAX, 2),
        ProgramError::InvalidShares,
    ),
    (|s| s.hold_seconds = YEAR + 1, ProgramError::InvalidHold),
    (|s| s.hold_seconds = u32::MAX, ProgramError::InvalidHold),
    (
        |s| s.attribution_window = YEAR + 1,
        ProgramError::InvalidAttributionWindow,
    ),
    (|s| s.starts_at = -1, ProgramError::InvalidSchedule),
    (|s| s.ends_at = -1, ProgramError::InvalidSchedule),
    (|s| s.ends_at = NOW, ProgramError::InvalidSchedule),
    (|s| s.ends_at = 1, ProgramError::InvalidSchedule),
    (
        |s| (s.starts_at, s.ends_at) = (NOW + 9, NOW + 9),
        ProgramError::InvalidSchedule,
    ),
    (
        |s| s.attestor = Pubkey::default(),
        ProgramError::InvalidAttestor,
    ),
    (
        |s| s.treasury = Pubkey::new_from_array([7; 32]),
        ProgramError::InvalidTreasury,
    ),
];

/// The widest settings that a campaign may have.
const POSSIBLE: &[Change] = &[
    |s| (s.reward_bps, s.reward_max) = (10_000, u64::MAX),
    |s| s.tiers = tiers(&[(1, 10_001), (2, 1_000_000), (3, 10_001), (u64::MAX, 20_000)]),
    |s| {
        (s.reward_max, s.bonuses) = (
            u64::MAX - 10,
            bonuses(&[(1, 1), (2, 2), (3, 3), (u64::MAX, 4)]),
        );
    },
    |s| (s.referee_share_bps, s.max_partner_share_bps) = (10_000, 0),
    |s| (s.referee_share_bps, s.max_partner_share_bps) = (0, 10_000),
    |s| (s.hold_seconds, s.attribution_window) = (YEAR, YEAR),
    |s| (s.starts_at, s.ends_at) = (0, NOW + 1),
    |s| (s.starts_at, s.ends_at) = (i64::MAX - 1, i64::MAX),
    |s| s.attested_codes = true,
    |s| s.budget = u64::MAX,
    |s| {
        *s = Settings {
            attestor: s.attestor,
            ..Settings::fixed(u64::MAX)
        };
    },
];

fn good() -> Settings {
    Settings {
        attestor: Pubkey::new_from_array([9; 32]),
        ..Settings::percent(1_000, 1_000)
    }
}

const ATTESTED: Terms = Terms {
    funding: Funding::MintAuthority,
    proof: Proof::Attested,
    uniqueness: Uniqueness::Wallet,
};

#[test]
fn every_rate_is_checked_when_a_campaign_is_opened_and_when_it_is_changed() {
    // Given a campaign, and what would open another
    let mut world = world();
    world.open(ATTESTED, good());
    let campaign = world.campaign;
    let before: Campaign = world.campaign();
    let company = world.company.insecure_clone();
    let mut args = world.opening(ATTESTED, good(), Pubkey::default());

    for (case, (change, expected)) in IMPOSSIBLE.iter().enumerate() {
        // When the settings are impossible, then neither is done
        let mut settings = good();
        change(&mut settings);
        args.settings = settings;
        for (step, name) in [
            (instructions::create_campaign(&args), "create"),
            (
                instructions::update_campaign(&company.pubkey(), &campaign, &settings),
                "update",
            ),
        ] {
            let outcome = world.send(&[step], &[&company]);
            let expected = Err(Refused::Program(*expected));
            assert_eq!(outcome.map(|_| ()), expected, "{name} {case}");
        }
    }
    assert_eq!(world.campaign(), before);

    for change in POSSIBLE {
        // And when they are possible, then both are
        let mut settings = good();
        change(&mut settings);
        let update = instructions::update_campaign(&company.pubkey(), &campaign, &settings);
        world.land(&[update], &[&company]);
        let args = world.opening(ATTESTED, settings, Pubkey::default());
        world.open_with(&args);
        assert_eq!(world.campaign().settings(), settings);
        world.campaign = campaign;
        assert_eq!(world.campaign().settings(), settings);
    }

    // And what is for good is as it was
    let after = world.campaign();
    assert_eq!(after.terms(), ATTESTED);
    assert_eq!(
        (after.mint, after.authority, after.created_at),
        (before.mint, before.authority, before.created_at)
    );
    assert_eq!(after.longest_hold, YEAR);
}

#[test]
fn bytes_that_are_no_settings_are_refused() {
    // Given an update, and where its bytes stand that have few values
    let mut world = world();
    world.open(ATTESTED, good());
    let company = world.company.insecure_clone();
    let update = instructions::update_campaign(&company.pubkey(), &world.campaign, &good());
    let attested_codes = update.data.len() - 32 - 32 - 1;

    // When a kind is none, then it is refused
    for kind in [2, 255] {
        let mut wrong = update.clone();
        wrong.data[8] = kind;
        world.refuse(&[wrong], &[&company], ProgramError::InvalidReward);
    }
    // And a yes that is neither yes nor no
    for yes in [2, 255] {
        let mut wrong = update.clone();
        wrong.data[attested_codes] = yes;
        let invalid = other(0, InstructionError::InvalidAccountData);
        world.refuse(&[wrong], &[&company], invalid);
    }

    // And terms that are none
    let args = world.opening(ATTESTED, good(), Pubkey::default());
    let create = instructions::create_campaign(&args);
    for at in 16..19 {
        let mut wrong = create.clone();
        wrong.data[at] = 3;
        world.refuse(&[wrong], &[&company], ProgramError::InvalidTerms);
    }
}

#[test]
fn terms_that_do_not_go_together_are_refused() {
    let mut world = world();
    let company = world.company.insecure_clone();
    let treasury = world.wallet().pubkey();
    for funding in [
        Funding::MintAuthority,
        Funding::Vault,
        Funding::PaymentSplit,
    ] {
        for proof in [Proof::Open, Proof::Attested, Proof::Payment] {
            for uniqueness in [
                Uniqueness::Wallet,
                Uniqueness::WalletAndCode,
                Uniqueness::Order,
            ] {
                for percent in [false, true] {
                    // Given terms, and settings that fit them, with a fixed reward or a
                    // percentage
                    let terms = Terms {
                        funding,
                        proof,
                        uniqueness,
                    };
                    let settings = Settings {
                        attestor: Pubkey::new_unique(),
                        treasury: if proof == Proof::Payment {
                            treasury
                        } else {
                            Pubkey::default()
                        },
                        ..if percent {
                            Settings::percent(1, 1)
                        } else {
                            Settings::fixed(1)
                        }
                    };
                    let args = world.opening(terms, settings, Pubkey::default());

                    // When a campaign is opened with them
                    let create = instructions::create_campaign(&args);
                    let outcome = world.send(&[create], &[&company]).map(|_| ());

                    // Then a split needs a payment, an order somebody's word or a
                    // payment, and a percentage an amount that is not made up
                    let split = funding == Funding::PaymentSplit && proof != Proof::Payment;
                    let order = uniqueness == Uniqueness::Order && proof == Proof::Open;
                    let expected = if split || order {
                        Err(ProgramError::InvalidTerms.into())
                    } else if percent && proof == Proof::Open {
                        Err(ProgramError::InvalidReward.into())
                    } else {
                        Ok(())
                    };
                    assert_eq!(outcome, expected, "{terms:?} {percent}");
                }
            }
        }
    }
}

#[test]
fn payments_and_their_mint_belong_together() {
    // Given campaigns for payments
    let mut world = world();
    let company = world.company.insecure_clone();
    let paid = |funding| Terms {
        funding,
        proof: Proof::Payment,
        uniqueness: Uniqueness::Wallet,
    };
    let mint = world.issue_mint(&company.pubkey());
    let foreign = world.issue_mint(&company.pubkey());
    let split = world.opening(paid(Funding::PaymentSplit), Settings::fixed(1), mint);
    let sol = world.opening(
        paid(Funding::PaymentSplit),
        Settings::fixed(1),
        Pubkey::default(),
    );
    let minted = world.opening(paid(Funding::MintAuthority), Settings::fixed(1), mint);
    let open = world.opening(Terms::default(), Settings::fixed(1), Pubkey::default());
    let mut bonus = split;
    bonus.settings.bonuses = bonuses(&[(1, 1)]);
    let nobody = Pubkey::default();
    let wallet = world.wallet().pubkey();

    // When they are opened with what does not fit, then that is refused
    let cases: Vec<(CreateCampaign, ProgramError)> = vec![
        // A split pays in what it is paid in
        (
            CreateCampaign {
                mint: foreign,
                ..split
            },
            ProgramError::WrongPaymentMint,
        ),
        (
            CreateCampaign {
                mint: nobody,
                token_program: nobody,
                ..split
            },
            ProgramError::WrongPaymentMint,
        ),
        (
            CreateCampaign { mint, ..sol },
            ProgramError::WrongPaymentMint,
        ),
        (
            CreateCampaign {
                token_program: world.token_program,
                ..sol
            },
            ProgramError::WrongTokenProgram,
        ),
        // What is not paid has no mint
        (
            CreateCampaign {
                payment_mint: mint,
                ..open
            },
            ProgramError::WrongPaymentMint,
        ),
        // And what is, a real one
        (
            CreateCampaign {
                payment_mint: wallet,
                ..minted
            },
            ProgramError::UnsupportedMint,
        ),
        (
            CreateCampaign {
                payment_mint: split.settings.treasury,
                ..minted
            },
            ProgramError::UnsupportedMint,
        ),
        (bonus, ProgramError::InvalidBonuses),
        (
            CreateCampaign {
                settings: Settings::fixed(1),
                ..minted
            },
            ProgramError::InvalidTreasury,
        ),
    ];
    for (case, (args, expected)) in cases.into_iter().enumerate() {
        let create = instructions::create_campaign(&args);
        let outcome = world.send(&[create], &[&company]);
        let expected = Err(Refused::Program(expected));
        assert_eq!(outcome.map(|_| ()), expected, "{case}");
    }
    // And what fits is opened
    for args in [split, sol, open] {
        world.open_with(&args);
    }
}

#[test]
fn only_the_authority_changes_a_campaign() {
    // Given a campaign, a referrer, a stranger
    let mut world = world();
    let alice = world.referrer(CODE);
    let (eve, company) = (world.wallet(), world.company.insecure_clone());
    let campaign = world.campaign;
    let before = world.campaign();
    let changes = |who: &Pubkey| {
        [
            instructions::update_campaign(who, &campaign, &Settings::fixed(1)),
            instructions::propose_authority(who, &campaign, Some(who)),
            instructions::close_campaign(who, &campaign),
            instructions::set_paused(who, &campaign, true),
        ]
    };

    // When they change it, then they are refused (I3)
    for stranger in [&alice, &eve] {
        for change in changes(&stranger.pubkey()) {
            world.refuse(&[change], &[stranger], ProgramError::Unauthorized);
        }
    }
    for mut change in changes(&company.pubkey()) {
        change.accounts[0].is_signer = false;
        let missing = other(0, InstructionError::MissingRequiredSignature);
        world.refuse(&[change], &[&eve], missing);
    }
    assert_eq!(world.campaign(), before);
}

#[test]
fn an_end_that_has_passed_may_stay() {
    // Given a campaign that has ended
    let mut world = world();
    let alice = world.referrer(CODE);
    world.update(|settings| settings.ends_at = NOW + 10);
    world.set_time(NOW + 20);
    let company = world.company.insecure_clone();

    // When its reward is changed, then the end may stay, but no other lie behind
    world.update(|settings| settings.reward_fixed = 7);
    let mut settings = world.campaign().settings();
    settings.ends_at = NOW + 11;
    let update = instructions::update_campaign(&company.pubkey(), &world.campaign, &settings);
    world.refuse(&[update], &[&company], ProgramError::InvalidSchedule);

    // And when it is prolonged, then it pays again
    world.update(|settings| settings.ends_at = NOW + 21);
    let bob = world.wallet();
    let convert = world.conversion(&bob.pubkey(), &alice.pubkey(), CODE);
    world.land(&[convert], &[&bob]);
    assert_eq!(world.rewards(&alice.pubkey()), 7);
}

#[test]
fn a_campaign_changes_hands_in_two_steps() {
    // Given the company, which offers its campaign to Dora
    let mut world = world();
    let (company, dora, eve) = (
        world.company.insecure_clone(),
        world.wallet(),
        world.wallet(),
    );
    let campaign = world.campaign;
    let offer =
        |to: Option<&Pubkey>| instructions::propose_authority(&company.pubkey(), &campaign, to);
    let accept = |who: &Keypair| instructions::accept_authority(&who.pubkey(), &campaign);
    let not_offered = ProgramError::NotPendingAuthority;
    world.refuse(&[accept(&dora)], &[&dora], not_offered);
    world.land(&[offer(Some(&dora.pubkey()))], &[&company]);

    // Then it is still the company's, and nobody else can take it
    for stranger in [&eve, &company] {
        world.refuse(&[accept(stranger)], &[stranger], not_offered);
    }
    let pause = instructions::set_paused(&dora.pubkey(), &campaign, true);
    let pause = std::slice::from_ref(&pause);
    world.refuse(pause, &[&dora], ProgramError::Unauthorized);
    let mut unsigned = accept(&dora);
    unsigned.accounts[0].is_signer = false;
    let missing = other(0, InstructionError::MissingRequiredSignature);
    world.refuse(&[unsigned], &[&eve], missing);

    // Nor can Dora when the offer is withdrawn
    world.land(&[offer(None)], &[&company]);
    world.refuse(&[accept(&dora)], &[&dora], not_offered);
    world.land(&[offer(Some(&dora.pubkey()))], &[&company]);

    // When she accepts, then it is hers, once, and at the same address
    world.land(&[accept(&dora)], &[&dora]);
    let after = world.campaign();
    assert_eq!(
        (after.authority, after.creator, after.pending_authority),
        (dora.pubkey(), company.pubkey(), Pubkey::default())
    );
    world.refuse(&[accept(&dora)], &[&dora], not_offered);
    let own = instructions::set_paused(&company.pubkey(), &campaign, true);
    world.refuse(&[own], &[&company], ProgramError::Unauthorized);
    world.land(pause, &[&dora]);
}

#[test]
fn a_closed_campaign_stays_closed() {
    // Given a campaign that was offered to Dora and is closed
    let mut world = world();
    let alice = world.referrer(CODE);
    let (company, dora, bob) = (
        world.company.insecure_clone(),
        world.wallet(),
        world.wallet(),
    );
    let (campaign, own) = (world.campaign, company.pubkey());
    let offer = instructions::propose_authority(&own, &campaign, Some(&dora.pubkey()));
    world.land(std::slice::from_ref(&offer), &[&company]);
    let convert = world.conversion(&bob.pubkey(), &alice.pubkey(), CODE);
    world.close();
    assert_eq!(
        (world.campaign().closed, world.campaign().closed_at),
        (true, NOW)
    );

    // When anything is done to it, then it is refused (I7)
    let closed = ProgramError::CampaignClosed;
    for change in [
        instructions::update_campaign(&own, &campaign, &Settings::fixed(1)),
        instructions::set_paused(&own, &campaign, false),
        instructions::close_campaign(&own, &campaign),
        offer,
    ] {
        world.refuse(&[change], &[&company], closed);
    }
    let accept = instructions::accept_authority(&dora.pubkey(), &campaign);
    world.refuse(&[accept], &[&dora], closed);
    world.refuse(&[convert], &[&bob], closed);
    let create = instructions::create_referral(&CreateReferral::new(
        &bob.pubkey(),
        &bob.pubkey(),
        &campaign,
        &code("STARTER8"),
    ));
    world.refuse(&[create], &[&bob], closed);
    assert_eq!(world.supply(), 0);
}

fn reclaim(world: &World, destination: Option<&Pubkey>) -> Instruction {
    instructions::reclaim_campaign(&world.campaign, &world.campaign(), destination)
}

#[test]
fn the_end_gives_everything_back_to_whom_it_was() {
    // Given a campaign whose rent a sponsor paid, a code and conversions that others
    // paid for, the last one held
    let mut world = world();
    let [sponsor, second, third, eve] = [(); 4].map(|()| world.wallet());
    let company = world.company.insecure_clone();
    let args = CreateCampaign {
        payer: sponsor.pubkey(),
        ..world.opening(
            Terms::default(),
            Settings {
                attribution_window: YEAR,
                ..Settings::fixed(REWARD)
            },
            Pubkey::default(),
        )
    };
    let create = instructions::create_campaign(&args);
    world.land(&[create], &[&sponsor, &company]);
    world.campaign = pda::campaign(&args.authority, args.id).0;
    let (campaign, alice) = (world.campaign, world.receiver());
    let register = instructions::create_referral(&CreateReferral::new(
        &second.pubkey(),
        &alice.pubkey(),
        &campaign,
        &code(CODE),
    ));
    world.land(&[register], &[&second, &alice]);
    let referral = world.referral_address(CODE);
    let convert = |world: &mut World| {
        let bob = world.wallet();
        let bind = instructions::bind(&third.pubkey(), &bob.pubkey(), &campaign, &code(CODE));
        let args = instructions::Convert {
            payer: third.pubkey(),
            ..instructions::Convert::signup(&bob.pubkey())
        };
        let convert = world.convert(&alice.pubkey(), CODE, &args);
        world.land(&[bind, convert], &[&third, &bob]);
        bob
    };
    let bob = convert(&mut world);
    world.update(|settings| settings.hold_seconds = 60);
    let carol = convert(&mut world);
    world.close();
    let now: Campaign = world.campaign();
    let [paid, pending]: [Conversion; 2] =
        [&bob, &carol].map(|wallet| world.converted(CODE, &wallet.pubkey(), &NONE));
    assert_eq!(
        (paid.status, pending.status),
        (Status::Paid, Status::Pending)
    );

    // When the campaign is closed, then what is paid gives its rent back, to whom it was
    let rent = |size| world.svm.minimum_balance_for_rent_exemption(size);
    let (of_referral, of_conversion, of_campaign, of_closed) = (
        rent(Referral::SIZE),
        rent(Conversion::SIZE),
        rent(Campaign::SIZE),
        rent(Closed::SIZE),
    );
    let give_back = |conversion: &Conversion, to: &Keypair| {
        let mut conversion = conversion.clone();
        conversion.rent_payer = to.pubkey();
        instructions::reclaim_conversion(&campaign, &now, &conversion)
    };
    for thief in [&eve, &sponsor] {
        let theft = give_back(&paid, thief);
        world.refuse(&[theft], &[&eve], ProgramError::WrongRentPayer);
    }
    let before = world.lamports(&third.pubkey());
    world.land(&[give_back(&paid, &third)], &[&eve]);
    assert_eq!(world.lamports(&third.pubkey()) - before, of_conversion);
    let again = ProgramError::ConversionNotFound;
    world.refuse(&[give_back(&paid, &third)], &[&eve], again);

    // But what is pending does not, and neither does its code
    let wait = ProgramError::RewardsPending;
    world.refuse(&[give_back(&pending, &third)], &[&eve], wait);
    let code_back =
        |to: &Keypair| instructions::reclaim_referral(&campaign, &referral, &to.pubkey());
    world.refuse(&[code_back(&second)], &[&eve], wait);

    // Nor with the key of another conversion, or another campaign
    let mut wrong = give_back(&pending, &third);
    wrong.data[8..40].copy_from_slice(bob.pubkey().as_ref());
    world.refuse(&[wrong], &[&eve], ProgramError::WrongCampaign);
    let elsewhere = world.open_campaign_of(7);
    let mut wrong = give_back(&pending, &third);
    wrong.accounts[0].pubkey = elsewhere;
    world.refuse(&[wrong], &[&eve], ProgramError::WrongCampaign);
    let mut wrong = code_back(&second);
    wrong.accounts[0].pubkey = elsewhere;
    world.refuse(&[wrong], &[&eve], ProgramError::WrongCampaign);

    // When the time for claims is over, then the mint is the authority's again
    let end = reclaim(&world, None);
    world.set_time(NOW + 60 + CLAIM_PERIOD - 1);
    let open = ProgramError::ClaimPeriodOpen;
    world.refuse(std::slice::from_ref(&end), &[&company], open);
    world.set_time(NOW + 60 + CLAIM_PERIOD);
    let mut theft = end.clone();
    theft.accounts[0].pubkey = eve.pubkey();
    world.refuse(&[theft], &[&eve], ProgramError::Unauthorized);
    let mut theft = end.clone();
    theft.accounts[2].pubkey = company.pubkey();
    world.refuse(&[theft], &[&company], ProgramError::WrongRentPayer);
    let before = world.lamports(&sponsor.pubkey());
    world.land(std::slice::from_ref(&end), &[&company]);
    let mint = world.svm.get_account(&world.mint.pubkey()).expect("a mint");
    assert_eq!(mint.data[..36], {
        let mut authority = [0; 36];
        authority[0] = 1;
        authority[4..].copy_from_slice(company.pubkey().as_ref());
        authority
    });
    // And the rent the sponsor's, all but the tombstone's
    assert_eq!(
        world.lamports(&sponsor.pubkey()) - before,
        of_campaign - of_closed
    );
    let left: Closed = world.read(&campaign);
    assert_eq!(
        left,
        Closed {
            version: 1,
            campaign,
            rent_payer: sponsor.pubkey()
        }
    );

    // And the address is taken for good (I1)
    let own = company.pubkey();
    let hand_over = token::set_mint_authority(&world.mint.pubkey(), &own, &campaign);
    let create = instructions::create_campaign(&args);
    let again = ProgramError::CampaignExists;
    world.refuse(&[hand_over, create], &[&sponsor, &company], again);
    world.refuse(&[end], &[&company], ProgramError::CampaignNotFound);
    let theft = instructions::reclaim_referral(&campaign, &campaign, &sponsor.pubkey());
    let twice = other(0, InstructionError::Custom(2040));
    world.refuse(&[theft], &[&eve], twice);

    // And what was pending gives its rent back, too, with the code's and the bindings'
    let before = world.lamports(&third.pubkey());
    world.land(&[give_back(&pending, &third)], &[&eve]);
    assert_eq!(world.lamports(&third.pubkey()) - before, of_conversion);
    let before = world.lamports(&second.pubkey());
    let theft = ProgramError::WrongRentPayer;
    world.refuse(&[code_back(&alice)], &[&eve], theft);
    world.land(&[code_back(&second)], &[&eve]);
    assert_eq!(world.lamports(&second.pubkey()) - before, of_referral);
    let binding = instructions::reclaim_referee(&campaign, &bob.pubkey(), &third.pubkey());
    world.land(&[binding], &[&eve]);
}

#[test]
fn nothing_comes_back_from_a_campaign_that_is_open() {
    // Given an open campaign with a paid conversion
    let mut world = world();
    let alice = world.referrer(CODE);
    let (bob, company) = (world.wallet(), world.company.insecure_clone());
    let convert = world.conversion(&bob.pubkey(), &alice.pubkey(), CODE);
    world.land(&[convert], &[&bob]);
    let (address, campaign) = (world.campaign, world.campaign());
    let conversion = world.converted(CODE, &bob.pubkey(), &NONE);
    let referral = world.referral_address(CODE);

    // When anybody wants something back, then it is refused: a wallet would count again
    let open = ProgramError::CampaignNotClosed;
    for step in [
        instructions::reclaim_conversion(&address, &campaign, &conversion),
        instructions::reclaim_referral(&address, &referral, &alice.pubkey()),
        reclaim(&world, None),
    ] {
        world.refuse(&[step], &[&company], open);
    }

    // Nor in the name of a code, closed or not
    let close = instructions::close_referral(&alice.pubkey(), &referral, &alice.pubkey());
    world.land(&[close], &[&alice]);
    let mut step = instructions::reclaim_conversion(&address, &campaign, &conversion);
    step.accounts[0].pubkey = referral;
    world.refuse(&[step], &[&company], ProgramError::WrongCampaign);
}

#[test]
fn the_end_empties_the_vault() {
    // Given a vault campaign with a pending reward that nobody claims
    let mut world = world();
    let terms = Terms {
        funding: Funding::Vault,
        ..Terms::default()
    };
    world.open(
        terms,
        Settings {
            hold_seconds: 60,
            ..Settings::fixed(100)
        },
    );
    world.fund_vault(1_000);
    let alice = world.referrer(CODE);
    let (bob, company) = (world.wallet(), world.company.insecure_clone());
    let convert = world.conversion(&bob.pubkey(), &alice.pubkey(), CODE);
    world.land(&[convert], &[&bob]);
    world.close();
    world.wait(60 + CLAIM_PERIOD);
    let vault = world.campaign().vault;

    // When its authority takes it back, then it needs somewhere to put the tokens
    let nowhere = reclaim(&world, None);
    world.refuse(&[nowhere], &[&company], ProgramError::MissingAccount);
    let destination = world.open_account(&company.pubkey());
    let before = world.tokens(&destination);
    let good = reclaim(&world, Some(&destination));
    for (index, wrong, expected) in [
        (3, Pubkey::new_unique(), ProgramError::WrongMint),
        (4, Pubkey::new_unique(), ProgramError::WrongVault),
        (
            6,
            vouch_program_tests::TOKEN_2022,
            ProgramError::WrongTokenProgram,
        ),
    ] {
        let mut step = good.clone();
        step.accounts[index].pubkey = wrong;
        world.refuse(&[step], &[&company], expected);
    }
    let lamports = world.lamports(&company.pubkey());
    world.land(&[good], &[&company]);

    // And has all of them, and the rents
    assert_eq!(world.tokens(&destination) - before, 1_000);
    assert_eq!(world.lamports(&vault), 0);
    let rent = |size| world.svm.minimum_balance_for_rent_exemption(size);
    let expected = rent(Campaign::SIZE) - rent(Closed::SIZE) + rent(165) - 5_000;
    assert_eq!(world.lamports(&company.pubkey()) - lamports, expected);
}

#[test]
fn the_end_of_a_vault_that_never_was() {
    // Given a vault campaign that nobody funded
    let mut world = world();
    let terms = Terms {
        funding: Funding::Vault,
        ..Terms::default()
    };
    world.open(terms, Settings::fixed(100));
    let company = world.company.insecure_clone();
    world.close();
    world.wait(CLAIM_PERIOD);

    // When its authority takes it back, then there is nothing but its rent
    let end = reclaim(&world, None);
    world.land(&[end], &[&company]);
    let left: Closed = world.read(&world.campaign);
    assert_eq!(left.campaign, world.campaign);
}

#[test]
fn the_end_of_a_split_in_sol() {
    // Given a held purchase that nobody claims
    let mut world = world();
    let terms = Terms {
        funding: Funding::PaymentSplit,
        proof: Proof::Payment,
        uniqueness: Uniqueness::Wallet,
    };
    world.open(
        terms,
        Settings {
            hold_seconds: 60,
            ..Settings::percent(1_000, u64::MAX)
        },
    );
    let alice = world.referrer(CODE);
    let (bob, company) = (world.wallet(), world.company.insecure_clone());
    let purchase = world.purchase(
        &alice.pubkey(),
        CODE,
        &Purchase::new(&bob.pubkey(), 1_000_000, NONE),
    );
    world.land(&[purchase], &[&bob]);
    let (address, campaign) = (world.campaign, world.campaign());
    let conversion = world.converted(CODE, &bob.pubkey(), &NONE);
    world.close();
    world.wait(60 + CLAIM_PERIOD);

    // When the campaign is taken back, then its rent is there, and with the conversion's
    // what waited in vain
    let end = reclaim(&world, None);
    world.land(&[end], &[&company]);
    let before = world.lamports(&bob.pubkey());
    let back = instructions::reclaim_conversion(&address, &campaign, &conversion);
    world.land(&[back], &[&company]);
    let rent = world
        .svm
        .minimum_balance_for_rent_exemption(Conversion::SIZE);
    assert_eq!(world.lamports(&bob.pubkey()) - before, rent + 100_000);
}
