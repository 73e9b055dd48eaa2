//! The life of a campaign, from its settings to its end. Numbers in brackets refer to
//! docs/INVARIANTS.md.

use solana_sdk::{
    instruction::{Instruction, InstructionError},
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
};
use vouch_client::{
    PROGRAM_ID, ProgramError,
    accounts::{
        AccountType as _, Bonus, Campaign, Closed, Conversion, Funding, Proof, Referral, Referrer,
        RewardKind, Settings, Status, Terms, Uniqueness,
    },
    instructions::{self, CreateCampaign, CreateReferral, Purchase},
    pda, token,
};
use vouch_program_tests::{REWARD, Refused, TOKEN_2022, World, bonuses, code, other, tiers};

const CODE: &str = "STARTER7";
const NONE: [u8; 32] = [0; 32];
const NOW: i64 = 1_800_000_000;
/// Seconds after a campaign's last hold in which rewards can still be claimed.
const CLAIM_PERIOD: i64 = 30 * 24 * 60 * 60;
const YEAR: u32 = 365 * 24 * 60 * 60;
/// Issuer and schema of a credential.
const ISSUER: Pubkey = Pubkey::new_from_array([7; 32]);
const SCHEMA: Pubkey = Pubkey::new_from_array([8; 32]);
/// Position of the treasury among the accounts of `reclaim_conversion`.
const RECLAIM_TREASURY: usize = 3;
/// The framework's error for an account that must be writable and is not.
const CONSTRAINT_MUT: u32 = 2_000;

fn world() -> World {
    let mut world = World::new();
    world.set_time(NOW);
    world
}

type Change = fn(&mut Settings);

/// Settings that no campaign may have, each with its refusal. The campaign is attested,
/// its reward is a percentage, and each code counts separately.
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
    (
        |s| (s.referee_share_bps, s.referee_fixed) = (1, 1),
        ProgramError::InvalidShares,
    ),
    (
        |s| (s.max_partner_share_bps, s.max_partner_fixed) = (1, 1),
        ProgramError::InvalidShares,
    ),
    (
        |s| {
            *s = Settings {
                attestor: s.attestor,
                referee_fixed: 6,
                max_partner_fixed: 5,
                ..Settings::fixed(10)
            }
        },
        ProgramError::InvalidShares,
    ),
    (
        |s| {
            *s = Settings {
                attestor: s.attestor,
                referee_fixed: 6,
                max_partner_share_bps: 5_000,
                ..Settings::fixed(10)
            }
        },
        ProgramError::InvalidShares,
    ),
    (
        |s| {
            *s = Settings {
                attestor: s.attestor,
                max_partner_fixed: u64::MAX,
                ..Settings::fixed(10)
            }
        },
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
    (|s| s.owner_limit = 1, ProgramError::InvalidOwnerLimit),
    (|s| s.gate_credential = ISSUER, ProgramError::InvalidGate),
    (|s| s.gate_schema = SCHEMA, ProgramError::InvalidGate),
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
    |s| (s.referee_fixed, s.max_partner_fixed) = (u64::MAX, u64::MAX),
    |s| (s.referee_fixed, s.max_partner_share_bps) = (u64::MAX, 10_000),
    |s| s.min_amount = u64::MAX,
    |s| (s.gate_credential, s.gate_schema) = (ISSUER, SCHEMA),
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
    |s| {
        *s = Settings {
            attestor: s.attestor,
            referee_fixed: 6,
            max_partner_fixed: 4,
            ..Settings::fixed(10)
        };
    },
    |s| {
        *s = Settings {
            attestor: s.attestor,
            referee_fixed: 5,
            max_partner_share_bps: 5_000,
            ..Settings::fixed(10)
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
    per_owner: false,
    notice_seconds: 0,
};

#[test]
fn every_rate_is_checked_when_a_campaign_is_opened_and_when_it_is_changed() {
    // Given a campaign, and the arguments to open another one
    let mut world = world();
    world.open(ATTESTED, good());
    let campaign = world.campaign;
    let before: Campaign = world.campaign();
    let company = world.company.insecure_clone();
    let mut args = world.opening(ATTESTED, good(), Pubkey::default());

    for (case, (change, expected)) in IMPOSSIBLE.iter().enumerate() {
        // When the settings are impossible, then both opening and changing are refused
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
        // And when they are possible, then both succeed
        let mut settings = good();
        change(&mut settings);
        let update = instructions::update_campaign(&company.pubkey(), &campaign, &settings);
        world.land(&[update], &[&company]);
        let args = world.opening(ATTESTED, settings, Pubkey::default());
        world.open_with(&args);
        assert_eq!(world.campaign().settings, settings);
        world.campaign = campaign;
        assert_eq!(world.campaign().settings, settings);
    }

    // And the terms, which never change, are unchanged
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
    // Given an update, and the positions of its bytes that have few valid values
    let mut world = world();
    world.open(ATTESTED, good());
    let company = world.company.insecure_clone();
    let update = instructions::update_campaign(&company.pubkey(), &world.campaign, &good());
    let attested_codes = update.data.len() - 32 - 32 - 1;

    // When a kind is invalid, then it is refused
    for kind in [2, 255] {
        let mut wrong = update.clone();
        wrong.data[8] = kind;
        world.refuse(&[wrong], &[&company], ProgramError::InvalidReward);
    }
    // And a boolean that is neither 0 nor 1
    for yes in [2, 255] {
        let mut wrong = update.clone();
        wrong.data[attested_codes] = yes;
        world.refuse(&[wrong], &[&company], ProgramError::InvalidAttestor);
    }

    // And terms that are invalid
    let args = world.opening(ATTESTED, good(), Pubkey::default());
    let create = instructions::create_campaign(&args);
    for (at, value) in [(16, 3), (17, 3), (18, 3), (19, 2), (19, 255)] {
        let mut wrong = create.clone();
        wrong.data[at] = value;
        world.refuse(&[wrong], &[&company], ProgramError::InvalidTerms);
    }
    // And a notice that is too long
    for notice_seconds in [YEAR + 1, u32::MAX] {
        let terms = Terms {
            notice_seconds,
            ..ATTESTED
        };
        let create = instructions::create_campaign(&CreateCampaign { terms, ..args });
        world.refuse(&[create], &[&company], ProgramError::InvalidNotice);
    }
    // But every field at its maximum is possible
    let terms = Terms {
        per_owner: true,
        notice_seconds: YEAR,
        ..ATTESTED
    };
    let settings = Settings {
        owner_limit: u64::MAX,
        ..good()
    };
    world.open_with(&CreateCampaign {
        terms,
        settings,
        ..args
    });
    assert_eq!(world.campaign().terms(), terms);
    assert_eq!(world.campaign().settings, settings);
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
                        ..Terms::default()
                    };
                    let settings = Settings {
                        min_amount: 1,
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

                    // Then a split needs payments, an order needs attestation or
                    // payments, and a percentage needs an amount that is attested or paid
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
        ..Terms::default()
    };
    let price = Settings {
        min_amount: 1,
        ..Settings::fixed(1)
    };
    let mint = world.issue_mint(&company.pubkey());
    let foreign = world.issue_mint(&company.pubkey());
    let split = world.opening(paid(Funding::PaymentSplit), price, mint);
    let sol = world.opening(paid(Funding::PaymentSplit), price, Pubkey::default());
    let minted = world.opening(paid(Funding::MintAuthority), price, mint);
    let open = world.opening(Terms::default(), Settings::fixed(1), Pubkey::default());
    let mut bonus = split;
    bonus.settings.bonuses = bonuses(&[(1, 1)]);
    // The payment would suffice for it.
    bonus.settings.min_amount = 1_000;
    let mut free = minted;
    free.settings.min_amount = 0;
    let mut greedy = split;
    greedy.settings.reward_fixed = 2;
    let nobody = Pubkey::default();
    let wallet = world.wallet().pubkey();

    // When they are opened with arguments that do not fit, then they are refused
    let cases: Vec<(CreateCampaign, ProgramError)> = vec![
        // A split pays rewards in the payment token.
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
        // A campaign without payments has no payment mint.
        (
            CreateCampaign {
                payment_mint: mint,
                ..open
            },
            ProgramError::WrongPaymentMint,
        ),
        // A campaign with payments in tokens needs a valid mint.
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
                settings: price,
                ..minted
            },
            ProgramError::InvalidTreasury,
        ),
        // A fixed reward needs a payment, and is at most the payment.
        (free, ProgramError::InvalidReward),
        (greedy, ProgramError::InvalidReward),
        // A split in tokens needs a vault for pending rewards.
        (
            CreateCampaign {
                id: split.id + 1_000,
                ..split
            },
            ProgramError::VaultMissing,
        ),
    ];
    for (case, (args, expected)) in cases.into_iter().enumerate() {
        let create = instructions::create_campaign(&args);
        let outcome = world.send(&[create], &[&company]);
        let expected = Err(Refused::Program(expected));
        assert_eq!(outcome.map(|_| ()), expected, "{case}");
    }
    // And with arguments that fit, they are opened
    for args in [split, sol, minted, open] {
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
fn a_campaign_of_another_layout_is_left_alone() {
    // Given campaigns in whose bytes the version, the pause or the closing is of no campaign that this
    // program writes
    let (version, paused, closed) = (8, 14, 15);
    for place in [version, paused, closed] {
        let mut world = world();
        let company = world.company.insecure_clone();
        let campaign = world.campaign;
        world.change(&campaign, |account| account.data[place] = 2);
        let before = world.svm.get_account(&campaign);

        // When the authority changes one, then that is refused
        let offer = instructions::propose_authority(
            &company.pubkey(),
            &campaign,
            Some(&Pubkey::new_unique()),
        );
        let strange = other(0, InstructionError::InvalidAccountData);
        world.refuse(&[offer], &[&company], strange);
        assert_eq!(world.svm.get_account(&campaign), before);
    }
}

#[test]
fn an_end_that_has_passed_may_stay() {
    // Given a campaign that has ended
    let mut world = world();
    let alice = world.referrer(CODE);
    world.update(|settings| settings.ends_at = NOW + 10);
    world.set_time(NOW + 20);
    let company = world.company.insecure_clone();

    // When its reward is changed, then the end may stay, but a new end must not be in the
    // past
    world.update(|settings| settings.reward_fixed = 7);
    let update = world.updating(|settings| settings.ends_at = NOW + 11);
    world.refuse(&[update], &[&company], ProgramError::InvalidSchedule);

    // And when the end is postponed, then it pays again
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

    // Then the company still owns it, and nobody else can accept
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

    // And after the offer is withdrawn, Dora cannot accept either
    world.land(&[offer(None)], &[&company]);
    world.refuse(&[accept(&dora)], &[&dora], not_offered);
    world.land(&[offer(Some(&dora.pubkey()))], &[&company]);

    // When she accepts, then she owns it, and it has the same address; she can accept
    // only once
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
    // Given a campaign that is closed
    let mut world = world();
    let alice = world.referrer(CODE);
    let (company, bob) = (world.company.insecure_clone(), world.wallet());
    let (campaign, own) = (world.campaign, company.pubkey());
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
    ] {
        world.refuse(&[change], &[&company], closed);
    }
    world.refuse(&[convert], &[&bob], closed);
    let create = world.registration(&bob.pubkey(), "STARTER8");
    world.refuse(&[create], &[&bob], closed);
    assert_eq!(world.supply(), 0);
}

#[test]
fn a_closed_campaign_still_changes_hands() {
    // Given a closed campaign, whose authority wants to give up its key
    let mut world = world();
    let (company, dora) = (world.company.insecure_clone(), world.wallet());
    let campaign = world.campaign;
    world.close();

    // When it is offered to Dora and she accepts, then she owns it
    let offer = instructions::propose_authority(&company.pubkey(), &campaign, Some(&dora.pubkey()));
    world.land(std::slice::from_ref(&offer), &[&company]);
    let accept = instructions::accept_authority(&dora.pubkey(), &campaign);
    world.land(&[accept], &[&dora]);
    assert_eq!(world.campaign().authority, dora.pubkey());
    world.refuse(&[offer], &[&company], ProgramError::Unauthorized);

    // And she gets what is reclaimed from it
    world.wait(CLAIM_PERIOD);
    let mut old = reclaim(&world, None);
    old.accounts[0].pubkey = company.pubkey();
    world.refuse(&[old], &[&company], ProgramError::Unauthorized);
    let end = reclaim(&world, None);
    world.land(&[end], &[&dora]);
    let left: Closed = world.read(&campaign);
    assert_eq!(left.rent_payer, company.pubkey());
}

#[test]
fn anybody_closes_a_campaign_that_is_long_over() {
    // Given a campaign with an end, and one without
    let mut world = world();
    let eve = world.wallet();
    let endless = world.campaign;
    let campaign = world.open_campaign(2, 0, NOW + 10);
    let close = |campaign: &Pubkey| instructions::close_campaign(&eve.pubkey(), campaign);

    // When less than 30 days have passed since the end, then only its authority closes it
    world.set_time(NOW + 10 + CLAIM_PERIOD - 1);
    let refused = ProgramError::Unauthorized;
    world.refuse(&[close(&campaign)], &[&eve], refused);

    // When they have passed, then anybody does, but never a campaign without an end
    world.set_time(NOW + 10 + CLAIM_PERIOD);
    world.refuse(&[close(&endless)], &[&eve], refused);
    world.land(&[close(&campaign)], &[&eve]);
    let closed: Campaign = world.read(&campaign);
    assert_eq!(
        (closed.closed, closed.closed_at),
        (true, NOW + 10 + CLAIM_PERIOD)
    );
    let again = ProgramError::CampaignClosed;
    world.refuse(&[close(&campaign)], &[&eve], again);
}

#[test]
fn a_campaign_that_announces_something_is_not_given_up() {
    // Given a campaign whose end is almost 30 days ago, and which announces a cut
    let mut world = world();
    let eve = world.wallet();
    let terms = Terms {
        notice_seconds: 1_000,
        ..Terms::default()
    };
    world.open(
        terms,
        Settings {
            ends_at: NOW + 10,
            ..Settings::fixed(REWARD)
        },
    );
    world.set_time(NOW + 9 + CLAIM_PERIOD);
    world.update(|settings| settings.reward_fixed = 1);
    let announced = NOW + 1_009 + CLAIM_PERIOD;
    assert_eq!(world.campaign().next_from, announced);

    // When the 30 days are over, then only its authority closes it, until 30 days have
    // passed since the cut
    let close = instructions::close_campaign(&eve.pubkey(), &world.campaign);
    let close = std::slice::from_ref(&close);
    for now in [
        NOW + 10 + CLAIM_PERIOD,
        announced,
        announced + CLAIM_PERIOD - 1,
    ] {
        world.set_time(now);
        world.refuse(close, &[&eve], ProgramError::Unauthorized);
    }
    world.set_time(announced + CLAIM_PERIOD);
    world.land(close, &[&eve]);
}

/// Settings in which each promise can be cut and raised.
fn promised() -> Settings {
    Settings {
        min_amount: 100,
        referee_share_bps: 1_000,
        max_partner_share_bps: 2_000,
        owner_limit: 50,
        tiers: tiers(&[(3, 20_000), (6, 30_000)]),
        bonuses: bonuses(&[(2, 10), (4, 20)]),
        hold_seconds: 60,
        attribution_window: 1_000,
        starts_at: NOW + 50,
        ends_at: NOW + 5_000,
        attestor: Pubkey::new_from_array([9; 32]),
        ..Settings::percent(1_000, 1_000)
    }
}

/// Changes of [`promised`] that give somebody less.
const CUTS: &[Change] = &[
    |s| s.reward_bps = 999,
    |s| s.reward_max = 999,
    |s| (s.reward_bps, s.reward_max) = (999, 2_000),
    |s| {
        (s.reward_kind, s.reward_fixed) = (RewardKind::Fixed, u64::MAX / 10);
        (s.reward_bps, s.reward_max) = (0, 0);
    },
    |s| s.min_amount = 101,
    // More conversions use up the owner's limit sooner.
    |s| s.min_amount = 99,
    |s| s.starts_at = 0,
    |s| s.referee_share_bps = 999,
    |s| s.referee_share_bps = 1_001,
    |s| (s.referee_share_bps, s.referee_fixed) = (0, 1_000),
    |s| s.max_partner_share_bps = 1_999,
    |s| (s.max_partner_share_bps, s.max_partner_fixed) = (0, 1_000),
    |s| s.tiers = tiers(&[(3, 20_000)]),
    |s| s.tiers = tiers(&[(4, 20_000), (6, 30_000)]),
    |s| s.tiers = tiers(&[(3, 19_999), (6, 30_000)]),
    |s| s.tiers = tiers(&[(3, 20_000), (6, 30_000), (9, 29_999)]),
    |s| s.bonuses = bonuses(&[(2, 10)]),
    |s| s.bonuses = bonuses(&[(2, 9), (4, 21)]),
    |s| s.bonuses = bonuses(&[(3, 10), (4, 20)]),
    |s| s.bonuses = bonuses(&[(2, 10), (5, 20)]),
    |s| s.hold_seconds = 61,
    |s| s.attribution_window = 999,
    |s| s.attribution_window = 0,
    |s| s.starts_at = NOW + 51,
    |s| s.ends_at = NOW + 4_999,
    |s| s.owner_limit = 49,
    |s| (s.gate_credential, s.gate_schema) = (ISSUER, SCHEMA),
];

/// Changes of [`promised`] that give nobody less, or cut something that is no promise.
const NO_CUTS: &[Change] = &[
    |_| {},
    |s| (s.reward_bps, s.reward_max) = (1_001, 1_001),
    |s| s.max_partner_share_bps = 2_001,
    |s| s.tiers = tiers(&[(2, 20_000), (6, 30_001)]),
    |s| s.tiers = tiers(&[(1, 30_000)]),
    |s| s.bonuses = bonuses(&[(2, 11), (4, 20)]),
    |s| s.bonuses = bonuses(&[(1, 30)]),
    |s| s.hold_seconds = 0,
    |s| s.attribution_window = YEAR,
    |s| s.ends_at = 0,
    |s| s.owner_limit = 0,
    |s| s.owner_limit = 51,
    |s| s.budget = 1,
    |s| s.attested_codes = true,
    |s| s.attestor = Pubkey::new_from_array([10; 32]),
];

const NOTICE: Terms = Terms {
    per_owner: true,
    notice_seconds: 1_000,
    ..ATTESTED
};

#[test]
fn a_cut_waits_for_its_notice_and_a_raise_does_not() {
    let mut world = world();
    for (changes, cut) in [(CUTS, true), (NO_CUTS, false)] {
        for (case, change) in changes.iter().enumerate() {
            // Given a campaign with a notice, and one without
            let mut settings = promised();
            change(&mut settings);
            for notice_seconds in [0, 1_000] {
                world.set_time(NOW);
                let terms = Terms {
                    notice_seconds,
                    ..NOTICE
                };
                world.open(terms, promised());

                // When it is changed, then a cut is announced, and any other change
                // applies at once
                world.update(|old| *old = settings);
                let campaign = world.campaign();
                let name = format!("{cut} {case} {notice_seconds}");
                if cut && notice_seconds != 0 {
                    assert_eq!(campaign.next_from, NOW + 1_000, "{name}");
                    assert_eq!(campaign.settings, promised(), "{name}");
                    assert_eq!(campaign.next, settings, "{name}");
                    assert_eq!(*campaign.in_force(NOW + 999), promised(), "{name}");
                } else {
                    assert_eq!(campaign.next_from, 0, "{name}");
                    assert_eq!(campaign.settings, settings, "{name}");
                    assert_eq!(campaign.next, Settings::default(), "{name}");
                }
                assert_eq!(*campaign.in_force(NOW + 1_000), settings, "{name}");
            }
        }
    }
}

#[test]
fn a_gate_that_is_taken_away_lets_more_in_and_so_waits_with_a_limit() {
    for (owner_limit, waits) in [(0, false), (50, true)] {
        // Given a campaign with a gate
        let mut world = world();
        let settings = Settings {
            owner_limit,
            gate_credential: ISSUER,
            gate_schema: SCHEMA,
            ..Settings::fixed(REWARD)
        };
        let terms = Terms {
            proof: Proof::Open,
            ..NOTICE
        };
        world.open(terms, settings);

        // When the gate is removed, then more conversions count, which is a cut if there
        // is a limit
        world.update(|settings| {
            settings.gate_credential = Pubkey::default();
            settings.gate_schema = Pubkey::default();
        });
        assert_eq!(world.campaign().next_from != 0, waits);
    }
}

#[test]
fn a_cut_reaches_conversions_when_its_notice_is_over() {
    // Given a reward that is to fall from 100 to 70 in 1,000 seconds
    let mut world = world();
    let terms = Terms {
        notice_seconds: 1_000,
        ..Terms::default()
    };
    world.open(terms, Settings::fixed(100));
    let alice = world.referrer(CODE);
    world.update(|settings| settings.reward_fixed = 70);
    let convert = |world: &mut World| {
        let bob = world.wallet();
        let convert = world.conversion(&bob.pubkey(), &alice.pubkey(), CODE);
        world.land(&[convert], &[&bob]);
        world.rewards(&alice.pubkey())
    };

    // When wallets convert before and after, then each gets the reward in force at that
    // time
    world.set_time(NOW + 999);
    assert_eq!(convert(&mut world), 100);
    world.set_time(NOW + 1_000);
    assert_eq!(convert(&mut world), 170);

    // And a second cut is compared with the reward then in force: 70, not 100
    world.update(|settings| settings.reward_fixed = 60);
    let campaign = world.campaign();
    assert_eq!(
        (
            campaign.settings.reward_fixed,
            campaign.next.reward_fixed,
            campaign.next_from
        ),
        (70, 60, NOW + 2_000)
    );
    world.update(|settings| settings.reward_fixed = 80);
    let campaign = world.campaign();
    assert_eq!(
        (campaign.settings.reward_fixed, campaign.next_from),
        (80, 0)
    );
    assert_eq!(convert(&mut world), 250);
}

#[test]
fn a_second_change_replaces_the_first_announcement() {
    // Given an announced cut, 400 seconds old
    let mut world = world();
    world.open(NOTICE, good());
    world.update(|settings| settings.reward_bps = 900);
    world.set_time(NOW + 400);

    // When a deeper one is announced, then it gets a full notice again
    world.update(|settings| settings.reward_bps = 800);
    let campaign = world.campaign();
    assert_eq!(
        (campaign.next_from, campaign.next.reward_bps),
        (NOW + 1_400, 800)
    );

    // And when the settings in force are set again, then the announcement is dropped
    world.update(|_| {});
    let campaign = world.campaign();
    assert_eq!((campaign.next_from, campaign.settings), (0, good()));
    assert_eq!(campaign.next, Settings::default());
}

#[test]
fn what_is_no_promise_applies_at_once_even_with_a_cut() {
    // Given a campaign for payments with a notice
    let mut world = world();
    let terms = Terms {
        proof: Proof::Payment,
        notice_seconds: 1_000,
        ..Terms::default()
    };
    let settings = Settings {
        min_amount: 1,
        ..Settings::fixed(100)
    };
    world.open(terms, settings);
    let old = world.settings();

    // When a cut comes together with a budget, an attestor and another treasury
    let new = Settings {
        reward_fixed: 50,
        budget: 1_000,
        attested_codes: true,
        attestor: Pubkey::new_unique(),
        treasury: world.wallet().pubkey(),
        ..old
    };
    world.update(|settings| *settings = new);

    // Then only the cut is delayed
    let campaign = world.campaign();
    let now = Settings {
        reward_fixed: 100,
        ..new
    };
    assert_eq!((campaign.settings, campaign.next), (now, new));
    assert_eq!(campaign.next_from, NOW + 1_000);
}

#[test]
fn a_bonus_that_was_offered_before_makes_up_for_no_other() {
    // Given a campaign that offered a bonus of 10 for two conversions, and now one of 30
    // for five
    let mut world = world();
    let offered = |bonuses| Settings { bonuses, ..good() };
    world.open(NOTICE, offered(bonuses(&[(2, 10)])));
    world.update(|settings| settings.bonuses = bonuses(&[(2, 10), (5, 30)]));
    world.update(|settings| settings.bonuses = bonuses(&[(5, 30)]));
    world.wait(1_000);
    assert_eq!(world.settings(), offered(bonuses(&[(5, 30)])));

    // When it replaces that by the first one and one of 20, then codes that were paid the
    // first get less, so it is a cut
    world.update(|settings| settings.bonuses = bonuses(&[(2, 10), (5, 20)]));
    assert_eq!(world.campaign().next_from, NOW + 2_000);

    // But the same sum in bonuses that were never paid is not a cut
    world.update(|settings| settings.bonuses = bonuses(&[(2, 11), (5, 19)]));
    let campaign = world.campaign();
    assert_eq!(campaign.next_from, 0);

    // And each of the five bonuses has a place in the register, in the order of their
    // offer
    let expected = [(2, 10), (5, 30), (5, 20), (2, 11), (5, 19)];
    let expected = expected.map(|(threshold, amount)| Bonus { threshold, amount });
    assert_eq!(campaign.offered[..5], expected);
    assert_eq!(campaign.offered[5..], [Bonus::default(); 27]);
    assert_eq!(campaign.bonus_places, [3, 4, 0, 0]);
}

#[test]
fn a_campaign_offers_32_bonuses_in_its_life_and_no_more() {
    // Given a campaign that has offered 32 different bonuses, four at a time
    let mut world = world();
    let four = |first: u64| {
        let of = |threshold: u64| (threshold, first + threshold);
        bonuses(&[of(1), of(2), of(3), of(4)])
    };
    let settings = |first| Settings {
        bonuses: four(first),
        ..good()
    };
    world.open(ATTESTED, settings(0));
    for round in 1..8 {
        world.update(|old| *old = settings(round * 10));
    }
    let last = world.campaign();
    assert_eq!(last.offered[28..], four(70));

    // When it offers another one, then it is refused
    let company = world.company.insecure_clone();
    let update = world.updating(|settings| settings.bonuses = bonuses(&[(1, 999)]));
    world.refuse(&[update], &[&company], ProgramError::TooManyBonuses);
    assert_eq!(world.campaign(), last);

    // But it may offer any of those again, at the place in the register that it has
    world.update(|old| *old = settings(20));
    assert_eq!(world.campaign().offered, last.offered);
    assert_eq!(world.campaign().bonus_places, [8, 9, 10, 11]);
}

#[test]
fn bonuses_take_no_more_than_all_conversions_left() {
    // Given a campaign whose buyers pay at least 100 in the reward token, of which it
    // pays 60, so that a conversion leaves at least 40
    let mut world = world();
    let company = world.company.insecure_clone();
    let mint = world.issue_mint(&company.pubkey());
    let terms = Terms {
        funding: Funding::Vault,
        proof: Proof::Payment,
        ..Terms::default()
    };
    let settings = Settings {
        min_amount: 100,
        bonuses: bonuses(&[(1, 40), (3, 80)]),
        ..Settings::fixed(60)
    };
    let opening = world.opening(terms, settings, mint);
    let args = CreateCampaign { mint, ..opening };
    world.open_with(&args);
    assert_eq!(world.campaign().least_margin, 40);

    // When bonuses exceed what the conversions that reach them leave, then they are
    // refused
    for wrong in [
        bonuses(&[(1, 41)]),
        bonuses(&[(1, 40), (3, 80), (4, 41)]),
        // Together with bonuses that were offered before.
        bonuses(&[(2, 41)]),
    ] {
        let update = world.updating(|settings| settings.bonuses = wrong);
        world.refuse(&[update], &[&company], ProgramError::InvalidBonuses);
    }

    // And a reward above the payment, or one that leaves too little for offered bonuses,
    // is refused
    for (reward, expected) in [
        (101, ProgramError::InvalidReward),
        (61, ProgramError::InvalidBonuses),
    ] {
        let update = world.updating(|settings| settings.reward_fixed = reward);
        world.refuse(&[update], &[&company], expected);
    }

    // And a greater margin later does not cover conversions made at the least one
    world.update(|settings| settings.reward_fixed = 10);
    assert_eq!(world.campaign().least_margin, 40);
    let update = world.updating(|settings| settings.bonuses = bonuses(&[(3, 81)]));
    world.refuse(&[update], &[&company], ProgramError::InvalidBonuses);
}

fn reclaim(world: &World, destination: Option<&Pubkey>) -> Instruction {
    instructions::reclaim_campaign(&world.campaign, &world.campaign(), destination)
}

#[test]
fn the_end_gives_everything_back_to_whom_it_was() {
    // Given a campaign whose rent a sponsor paid, with a code and conversions whose rents
    // others paid; the last conversion is held
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
        let bind = instructions::bind(&world.touch(&third.pubkey(), &bob.pubkey(), CODE));
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

    // When the campaign is closed, then paid conversions return their rents to their
    // payers
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
        let key = conversion.referee.to_bytes();
        instructions::reclaim_conversion(&campaign, &now, key, &conversion)
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

    // But a pending conversion does not, and neither does its code
    let wait = ProgramError::RewardsPending;
    world.refuse(&[give_back(&pending, &third)], &[&eve], wait);
    let code_back =
        |to: &Keypair| instructions::reclaim_referral(&campaign, &referral, &to.pubkey());
    world.refuse(&[code_back(&second)], &[&eve], wait);

    // And another conversion's key or another campaign is refused, too
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

    // When the claim period is over, then the authority gets the mint authority back
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
    // And the sponsor gets the rent back, except for the tombstone's
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
            rent_payer: sponsor.pubkey(),
            treasury: Pubkey::default(),
        }
    );

    // And the address stays taken for ever (I1)
    let own = company.pubkey();
    let hand_over = token::set_mint_authority(&world.mint.pubkey(), &own, &campaign);
    let create = instructions::create_campaign(&args);
    let again = ProgramError::CampaignExists;
    world.refuse(&[hand_over, create], &[&sponsor, &company], again);
    world.refuse(&[end], &[&company], ProgramError::CampaignNotFound);
    let theft = instructions::reclaim_referral(&campaign, &campaign, &sponsor.pubkey());
    let twice = other(0, InstructionError::Custom(2040));
    world.refuse(&[theft], &[&eve], twice);

    // And the pending conversion returns its rent, too, and so do the code and the
    // bindings
    let before = world.lamports(&third.pubkey());
    world.land(&[give_back(&pending, &third)], &[&eve]);
    assert_eq!(world.lamports(&third.pubkey()) - before, of_conversion);
    let before = world.lamports(&second.pubkey());
    let theft = ProgramError::WrongRentPayer;
    world.refuse(&[code_back(&alice)], &[&eve], theft);
    world.land(&[code_back(&second)], &[&eve]);
    assert_eq!(world.lamports(&second.pubkey()) - before, of_referral);
    let binding = instructions::reclaim_binding(&campaign, &bob.pubkey(), &third.pubkey());
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
    let address = world.campaign;
    let referral = world.referral_address(CODE);
    let back = world.reclaim(CODE, &bob.pubkey(), &NONE);

    // When anybody reclaims something, then it is refused, because a wallet would count
    // again
    let open = ProgramError::CampaignNotClosed;
    for step in [
        back.clone(),
        instructions::reclaim_referral(&address, &referral, &alice.pubkey()),
        reclaim(&world, None),
    ] {
        world.refuse(&[step], &[&company], open);
    }

    // And a code, open or closed, does not help
    let close = instructions::close_referral(&alice.pubkey(), &referral, &alice.pubkey());
    world.land(&[close], &[&alice]);
    let mut step = back;
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

    // When its authority reclaims it, then it must give an account for the tokens
    let nowhere = reclaim(&world, None);
    world.refuse(&[nowhere], &[&company], ProgramError::MissingAccount);
    let destination = world.open_account(&company.pubkey());
    let before = world.tokens(&destination);
    let good = reclaim(&world, Some(&destination));
    for (index, wrong, expected) in [
        (3, Pubkey::new_unique(), ProgramError::WrongMint),
        (4, Pubkey::new_unique(), ProgramError::WrongVault),
        (6, TOKEN_2022, ProgramError::WrongTokenProgram),
    ] {
        let mut step = good.clone();
        step.accounts[index].pubkey = wrong;
        world.refuse(&[step], &[&company], expected);
    }
    let lamports = world.lamports(&company.pubkey());
    world.land(&[good], &[&company]);

    // And the authority gets all tokens and rents
    assert_eq!(world.tokens(&destination) - before, 1_000);
    assert_eq!(world.lamports(&vault), 0);
    let rent = |size| world.svm.minimum_balance_for_rent_exemption(size);
    let expected = rent(Campaign::SIZE) - rent(Closed::SIZE) + rent(165) - 5_000;
    assert_eq!(world.lamports(&company.pubkey()) - lamports, expected);
}

#[test]
fn the_end_of_an_empty_vault() {
    // Given a vault campaign that was never funded
    let mut world = world();
    let terms = Terms {
        funding: Funding::Vault,
        ..Terms::default()
    };
    world.open(terms, Settings::fixed(100));
    let company = world.company.insecure_clone();
    world.close();
    world.wait(CLAIM_PERIOD);
    let vault = world.campaign().vault;

    // When its authority reclaims it, then only the rents have to be returned
    let end = reclaim(&world, None);
    let before = world.lamports(&company.pubkey());
    world.land(&[end], &[&company]);
    let left: Closed = world.read(&world.campaign);
    assert_eq!(left.campaign, world.campaign);
    assert_eq!(world.lamports(&vault), 0);
    let rent = |size| world.svm.minimum_balance_for_rent_exemption(size);
    let expected = rent(Campaign::SIZE) - rent(Closed::SIZE) + rent(165) - 5_000;
    assert_eq!(world.lamports(&company.pubkey()) - before, expected);
}

#[test]
fn the_end_of_owners_that_were_counted() {
    // Given a campaign that counts per owner, and Alice, whose rent a sponsor paid
    let mut world = world();
    let terms = Terms {
        per_owner: true,
        ..Terms::default()
    };
    world.open(terms, Settings::fixed(REWARD));
    let (sponsor, alice, eve) = (world.wallet(), world.receiver(), world.wallet());
    let (campaign, owner) = (world.campaign, alice.pubkey());
    let register = instructions::register_referrer(&sponsor.pubkey(), &owner, &campaign);
    world.land(&[register], &[&sponsor, &alice]);
    let back = |to: &Keypair| instructions::reclaim_referrer(&campaign, &owner, &to.pubkey());

    // When anybody reclaims the rent before the claim period is over, then it is refused
    let refused = ProgramError::CampaignNotClosed;
    world.refuse(&[back(&sponsor)], &[&eve], refused);
    world.close();
    world.set_time(NOW + CLAIM_PERIOD - 1);
    let refused = ProgramError::ClaimPeriodOpen;
    world.refuse(&[back(&sponsor)], &[&eve], refused);

    // And afterwards it goes to the sponsor only, also when the campaign has been
    // reclaimed
    world.set_time(NOW + CLAIM_PERIOD);
    let (end, company) = (reclaim(&world, None), world.company.insecure_clone());
    world.land(&[end], &[&company]);
    for thief in [&eve, &alice] {
        world.refuse(&[back(thief)], &[&eve], ProgramError::WrongRentPayer);
    }
    let mut foreign = back(&sponsor);
    foreign.accounts[0].pubkey = world.open_campaign_of(7);
    world.refuse(&[foreign], &[&eve], ProgramError::WrongCampaign);
    let before = world.lamports(&sponsor.pubkey());
    world.land(&[back(&sponsor)], &[&eve]);
    let rent = (world.svm).minimum_balance_for_rent_exemption(Referrer::SIZE);
    assert_eq!(world.lamports(&sponsor.pubkey()) - before, rent);
}

/// A closed campaign that splits payments in SOL, after its claim period, with a held
/// purchase of Bob's of which Alice never claimed 100,000 lamports.
fn unclaimed() -> (World, Keypair) {
    let mut world = world();
    let terms = Terms {
        funding: Funding::PaymentSplit,
        proof: Proof::Payment,
        ..Terms::default()
    };
    world.open(
        terms,
        Settings {
            hold_seconds: 60,
            ..Settings::percent(1_000, u64::MAX)
        },
    );
    let (alice, bob) = (world.referrer(CODE), world.wallet());
    let args = Purchase::new(&bob.pubkey(), 1_000_000, NONE);
    let purchase = world.purchase(&alice.pubkey(), CODE, &args);
    world.land(&[purchase], &[&bob]);
    world.close();
    world.wait(60 + CLAIM_PERIOD);
    (world, bob)
}

#[test]
fn what_nobody_claims_of_a_split_in_sol_goes_to_the_treasury() {
    for reclaimed in [false, true] {
        // Given a held purchase that nobody claimed, and its campaign, reclaimed or not
        let (mut world, bob) = unclaimed();
        let (company, eve) = (world.company.insecure_clone(), world.wallet());
        let treasury = world.campaign().settings.treasury;
        let back = world.reclaim(CODE, &bob.pubkey(), &NONE);
        let (end, address) = (reclaim(&world, None), world.campaign);
        if reclaimed {
            world.land(&[end], &[&company]);
            let left: Closed = world.read(&address);
            assert_eq!((left.campaign, left.treasury), (address, treasury));
        }

        // When somebody names another receiver, then it is refused
        for (wrong, expected) in [
            (eve.pubkey(), ProgramError::WrongTreasury),
            (PROGRAM_ID, ProgramError::MissingAccount),
        ] {
            let mut theft = back.clone();
            theft.accounts[RECLAIM_TREASURY].pubkey = wrong;
            theft.accounts[RECLAIM_TREASURY].is_writable = wrong != PROGRAM_ID;
            world.refuse(&[theft], &[&eve], expected);
        }
        let mut read_only = back.clone();
        read_only.accounts[RECLAIM_TREASURY].is_writable = false;
        let constraint = other(0, InstructionError::Custom(CONSTRAINT_MUT));
        world.refuse(&[read_only], &[&eve], constraint);

        // And Bob, who paid the rent, gets it back, and the treasury gets what Alice did
        // not claim
        let before = [bob.pubkey(), treasury].map(|wallet| world.lamports(&wallet));
        world.land(&[back], &[&eve]);
        let after = [bob.pubkey(), treasury].map(|wallet| world.lamports(&wallet));
        let rent = (world.svm).minimum_balance_for_rent_exemption(Conversion::SIZE);
        assert_eq!(after, [before[0] + rent, before[1] + 100_000]);
    }
}

#[test]
fn what_was_claimed_of_a_split_in_sol_leaves_the_rent_alone() {
    // Given a purchase whose reward Alice claimed at the last moment
    let (mut world, bob) = unclaimed();
    let eve = world.wallet();
    let claim = world.claim(CODE, &bob.pubkey(), &NONE);
    world.land(&[claim], &[&eve]);
    let treasury = world.campaign().settings.treasury;

    // When its rent is returned, then the treasury is not needed
    let back = world.reclaim(CODE, &bob.pubkey(), &NONE);
    assert_eq!(back.accounts[RECLAIM_TREASURY].pubkey, PROGRAM_ID);
    let before = [bob.pubkey(), treasury].map(|wallet| world.lamports(&wallet));
    world.land(&[back], &[&eve]);
    let after = [bob.pubkey(), treasury].map(|wallet| world.lamports(&wallet));
    let rent = (world.svm).minimum_balance_for_rent_exemption(Conversion::SIZE);
    assert_eq!(after, [before[0] + rent, before[1]]);
}
