//! Attacks on `create_campaign`, `create_referral` and `set_paused`. Numbers in brackets
//! refer to docs/INVARIANTS.md.

use sha2::{Digest as _, Sha256};
use solana_sdk::{
    instruction::{Instruction, InstructionError},
    pubkey::Pubkey,
    signature::Signer as _,
};
use vouch_client::{
    PROGRAM_ID, ProgramError,
    accounts::{AccountType as _, Campaign, Referral, Settings, Terms},
    instructions::{self, CreateCampaign, CreateReferral},
    pda,
};
use vouch_program_tests::{REWARD, Refused, TOKEN_2022, World, code, other, token_account};

const CAMPAIGN: usize = 2;
/// The System program's `AddressWithSeedMismatch`.
const WRONG_ADDRESS: InstructionError = InstructionError::Custom(5);

fn program(error: ProgramError) -> Refused {
    Refused::Program(error)
}

#[track_caller]
fn refuses(world: &mut World, args: &CreateCampaign, expected: Refused) {
    let company = world.company.insecure_clone();
    let outcome = world.send(&[instructions::create_campaign(args)], &[&company]);
    assert_eq!(outcome.map(|_| ()), Err(expected));
    let (address, _) = pda::campaign(&args.authority, args.id);
    assert_eq!(world.svm.get_account(&address), None);
}

#[test]
fn terms_that_make_no_sense_are_refused() {
    // Given a valid mint, and the time
    let mut world = World::new();
    world.set_time(1_800_000_000);
    world.new_mint(2);
    let good = world.campaign_args(2);

    for (args, expected) in [
        (
            CreateCampaign {
                settings: Settings::fixed(0),
                ..good
            },
            ProgramError::InvalidReward,
        ),
        (
            CreateCampaign {
                settings: Settings {
                    starts_at: -1,
                    ..good.settings
                },
                ..good
            },
            ProgramError::InvalidSchedule,
        ),
        (
            CreateCampaign {
                settings: Settings {
                    ends_at: -1,
                    ..good.settings
                },
                ..good
            },
            ProgramError::InvalidSchedule,
        ),
        (
            CreateCampaign {
                settings: Settings {
                    ends_at: i64::MIN,
                    ..good.settings
                },
                ..good
            },
            ProgramError::InvalidSchedule,
        ),
        (
            CreateCampaign {
                settings: Settings {
                    ends_at: 1_800_000_000,
                    ..good.settings
                },
                ..good
            },
            ProgramError::InvalidSchedule,
        ),
        (
            CreateCampaign {
                settings: Settings {
                    starts_at: 1_900_000_000,
                    ends_at: 1_900_000_000,
                    ..good.settings
                },
                ..good
            },
            ProgramError::InvalidSchedule,
        ),
        (
            CreateCampaign {
                settings: Settings {
                    starts_at: i64::MAX,
                    ends_at: 1_900_000_000,
                    ..good.settings
                },
                ..good
            },
            ProgramError::InvalidSchedule,
        ),
        (
            CreateCampaign {
                terms: Terms {
                    notice_seconds: 31_536_001,
                    ..good.terms
                },
                ..good
            },
            ProgramError::InvalidNotice,
        ),
        // A limit per owner without counting per owner
        (
            CreateCampaign {
                settings: Settings {
                    owner_limit: 1,
                    ..good.settings
                },
                ..good
            },
            ProgramError::InvalidOwnerLimit,
        ),
        // An issuer without a schema, and a schema without an issuer
        (
            CreateCampaign {
                settings: Settings {
                    gate_credential: Pubkey::new_unique(),
                    ..good.settings
                },
                ..good
            },
            ProgramError::InvalidGate,
        ),
        (
            CreateCampaign {
                settings: Settings {
                    gate_schema: Pubkey::new_unique(),
                    ..good.settings
                },
                ..good
            },
            ProgramError::InvalidGate,
        ),
        // A share with both basis points and base units, and shares above the whole
        (
            CreateCampaign {
                settings: Settings {
                    referee_share_bps: 1,
                    referee_fixed: 1,
                    ..good.settings
                },
                ..good
            },
            ProgramError::InvalidShares,
        ),
        (
            CreateCampaign {
                settings: Settings {
                    referee_fixed: REWARD - 1,
                    max_partner_fixed: 2,
                    ..good.settings
                },
                ..good
            },
            ProgramError::InvalidShares,
        ),
    ] {
        // When a campaign is opened with them, then it is refused
        refuses(&mut world, &args, program(expected));
    }

    // But the widest terms are accepted
    let company = world.company.insecure_clone();
    let widest = CreateCampaign {
        terms: Terms {
            notice_seconds: 31_536_000,
            ..good.terms
        },
        settings: Settings {
            ends_at: i64::MAX,
            ..Settings::fixed(u64::MAX)
        },
        ..good
    };
    world
        .send(&[instructions::create_campaign(&widest)], &[&company])
        .expect("a campaign");

    // But not if the mint has no room for a single reward
    world.new_mint(9);
    let mint = world.mint.pubkey();
    world.change(&mint, |mint| {
        mint.data[36..44].copy_from_slice(&1_u64.to_le_bytes())
    });
    let args = CreateCampaign {
        settings: Settings::fixed(u64::MAX),
        ..world.campaign_args(9)
    };
    refuses(&mut world, &args, program(ProgramError::InvalidReward));
}

#[test]
fn only_the_mints_authority_can_open_a_campaign_for_it() {
    let mut world = World::new();
    let (first, eve) = (world.campaign, world.wallet());

    // Given the mint of the company's first campaign
    for authority in [world.company.insecure_clone(), eve] {
        // When the company or Eve opens another campaign for it
        let args = CreateCampaign {
            payer: authority.pubkey(),
            authority: authority.pubkey(),
            ..world.campaign_args(2)
        };
        let outcome = world.send(&[instructions::create_campaign(&args)], &[&authority]);

        // Then it is refused: only the first campaign can mint it (I10)
        assert_eq!(
            outcome.unwrap_err(),
            program(ProgramError::MintAuthorityMismatch)
        );
    }
    let mint = world
        .svm
        .get_account(&world.mint.pubkey())
        .expect("the mint");
    assert_eq!(mint.data[4..36], *first.as_ref());

    // And a mint without mint authority is refused, too
    world.new_mint(2);
    let address = world.mint.pubkey();
    world.change(&address, |mint| mint.data[0] = 0);
    let args = world.campaign_args(2);
    refuses(
        &mut world,
        &args,
        program(ProgramError::MintAuthorityMismatch),
    );
}

#[test]
fn a_campaign_cannot_be_opened_before_its_creator() {
    // Given the company's mint, whose authority is its campaign 2, which does not exist
    // yet
    let mut world = World::new();
    world.new_mint(2);
    let eve = world.wallet();

    // When Eve opens it in the company's name without its signature
    let mut create = instructions::create_campaign(&CreateCampaign {
        payer: eve.pubkey(),
        ..world.campaign_args(2)
    });
    create.accounts[1].is_signer = false;
    let outcome = world.send(&[create], &[&eve]);

    // Then she is refused (I3)
    assert_eq!(
        outcome.unwrap_err(),
        other(0, InstructionError::MissingRequiredSignature)
    );

    // And in her own name at the company's address she is refused, too
    let mut create = instructions::create_campaign(&CreateCampaign {
        payer: eve.pubkey(),
        authority: eve.pubkey(),
        ..world.campaign_args(2)
    });
    create.accounts[CAMPAIGN].pubkey = pda::campaign(&world.company.pubkey(), 2).0;
    let outcome = world.send(&[create], &[&eve]);
    assert_eq!(
        outcome.unwrap_err(),
        other(0, InstructionError::InvalidSeeds)
    );

    // And the company still can open it
    let company = world.company.insecure_clone();
    let create = instructions::create_campaign(&world.campaign_args(2));
    world.send(&[create], &[&company]).expect("a campaign");
}

#[test]
fn a_campaign_exists_once() {
    // Given the company's campaign 1 with its mint
    let mut world = World::new();
    let before = world.svm.get_account(&world.campaign);

    // When it is opened again with another reward, then it does not change (I1)
    let again = CreateCampaign {
        id: 1,
        settings: Settings::fixed(1),
        ..world.campaign_args(2)
    };
    let company = world.company.insecure_clone();
    let outcome = world.send(&[instructions::create_campaign(&again)], &[&company]);
    assert_eq!(outcome.unwrap_err(), program(ProgramError::CampaignExists));
    assert_eq!(world.svm.get_account(&world.campaign), before);
}

#[test]
fn what_is_no_plain_mint_is_refused() {
    let mut world = World::new();
    world.new_mint(2);
    let (args, address) = (world.campaign_args(2), world.mint.pubkey());
    let good = world.svm.get_account(&address).expect("the mint");
    let holder = world.company.pubkey();

    // Given a mint: not initialised, of another owner, too short, with an extension's
    // bytes, a token account, and no account at all (I11)
    let mut uninitialised = good.clone();
    uninitialised.data[45] = 0;
    let mut foreign = good.clone();
    foreign.owner = Pubkey::new_unique();
    let mut other_program = good.clone();
    other_program.owner = TOKEN_2022;
    let mut short = good.clone();
    short.data.truncate(81);
    let mut extended = good.clone();
    extended.data.resize(170, 0);
    extended.lamports = world.svm.minimum_balance_for_rent_exemption(170);
    let account = token_account(&world.svm, &address, &holder, 1);
    for mint in [
        uninitialised,
        foreign,
        other_program,
        short,
        extended.clone(),
        account,
    ] {
        world.svm.set_account(address, mint).expect("set");
        // When a campaign is opened for it, then it is refused
        refuses(&mut world, &args, program(ProgramError::UnsupportedMint));
    }

    // And a Token-2022 mint with an extension is refused, too
    extended.owner = TOKEN_2022;
    world.svm.set_account(address, extended).expect("set");
    let args_2022 = CreateCampaign {
        token_program: TOKEN_2022,
        ..args
    };
    refuses(
        &mut world,
        &args_2022,
        program(ProgramError::UnsupportedMint),
    );

    // And a mint of a program that is not a token program is refused, too
    let mut own = good;
    own.owner = PROGRAM_ID;
    world.svm.set_account(address, own).expect("set");
    let args = CreateCampaign {
        token_program: PROGRAM_ID,
        ..args
    };
    refuses(&mut world, &args, program(ProgramError::WrongTokenProgram));
}

#[test]
fn a_plain_mint_of_token_2022_works_from_end_to_end() {
    // Given a campaign for a Token-2022 mint without extensions
    let mut world = World::new();
    world.token_program = TOKEN_2022;
    world.campaign = world.open_campaign(2, 0, 0);
    let alice = world.referrer("STARTER7");
    let bob = world.wallet();

    // When Bob converts
    let convert = world.conversion(&bob.pubkey(), &alice.pubkey(), "STARTER7");
    world.send(&[convert], &[&bob]).expect("paid");

    // Then Alice has her reward
    assert_eq!(world.balance(&alice.pubkey()), REWARD);
}

/// `create_referral` for these twelve bytes, at the address that follows from them.
fn registration(world: &World, owner: &Pubkey, padded: [u8; 12]) -> Instruction {
    let mut create = instructions::create_referral(&CreateReferral::new(
        owner,
        owner,
        &world.campaign,
        &code("STARTER7"),
    ));
    create.data[8..20].copy_from_slice(&padded);
    let end = padded
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |last| last + 1);
    // Derived as `CreateAccountWithSeed` does; an invalid code need not be text.
    let hash: [u8; 32] = Sha256::new()
        .chain_update(world.campaign)
        .chain_update(&padded[..end])
        .chain_update(PROGRAM_ID)
        .finalize()
        .into();
    create.accounts[3].pubkey = Pubkey::new_from_array(hash);
    create
}

fn padded(text: &[u8]) -> [u8; 12] {
    let mut padded = [0; 12];
    padded[..text.len()].copy_from_slice(text);
    padded
}

#[test]
fn the_program_holds_the_rule_of_codes() {
    let mut world = World::new();
    let alice = world.wallet();
    for text in [
        &b""[..],
        b"A",
        b"ABCDE",
        b"abcdef",
        b"ABCDEf",
        b"ABCDE0",
        b"ABCDE1",
        b"ABCDEO",
        b"ABCDEI",
        b"ABCDEL",
        b"ABC DEF",
        b"ABC-DEF",
        b"ABCDE\n",
        b"ABC\0DEF",
        b"\0ABCDEF",
        b"ABCDE\xc3\x84",
        b"\xff\xff\xff\xff\xff\xff",
        b"ABCDEFGHJKM\x01",
    ] {
        // When an invalid code is registered, then it is refused (I12)
        let create = registration(&world, &alice.pubkey(), padded(text));
        let outcome = world.send(std::slice::from_ref(&create), &[&alice]);
        assert_eq!(
            outcome.unwrap_err(),
            program(ProgramError::InvalidCode),
            "{text:?}"
        );
        assert_eq!(world.svm.get_account(&create.accounts[3].pubkey), None);
    }
    for text in [&b"ABCDEF"[..], b"ABCDEFGHJKMN", b"PQRSTUVWXYZ2", b"3456789"] {
        // And a valid code is accepted
        let create = registration(&world, &alice.pubkey(), padded(text));
        world
            .send(std::slice::from_ref(&create), &[&alice])
            .expect("a referral");
        let referral: Referral = world.read(&create.accounts[3].pubkey);
        assert_eq!(
            (referral.code, usize::from(referral.code_len)),
            (padded(text), text.len())
        );
    }
}

#[test]
fn a_code_is_taken_once_in_a_campaign() {
    // Given Alice's code
    let mut world = World::new();
    let alice = world.referrer("STARTER7");
    let address = pda::referral(&world.campaign, &code("STARTER7"));
    let before = world.svm.get_account(&address);

    // When Eve or Alice registers it again, then it stays Alice's (I1)
    for owner in [world.wallet(), alice] {
        let create = registration(&world, &owner.pubkey(), padded(b"STARTER7"));
        let outcome = world.send(&[create], &[&owner]);
        assert_eq!(outcome.unwrap_err(), program(ProgramError::CodeTaken));
    }
    assert_eq!(world.svm.get_account(&address), before);

    // But the same code is free in another campaign
    world.campaign = world.open_campaign(2, 0, 0);
    world.referrer("STARTER7");
}

#[test]
fn nobody_is_made_a_referrer_unasked() {
    // Given Eve, who pays for Alice's code
    let mut world = World::new();
    let (alice, eve) = (world.wallet(), world.wallet());
    let good = instructions::create_referral(&CreateReferral::new(
        &eve.pubkey(),
        &alice.pubkey(),
        &world.campaign,
        &code("STARTER7"),
    ));
    for (unsigned, signer) in [(0, &alice), (1, &eve)] {
        // When one of the two signatures is missing, then it is refused (I3)
        let mut create = good.clone();
        create.accounts[unsigned].is_signer = false;
        let company = world.company.insecure_clone();
        let outcome = world.send(&[create], &[&company, signer]);
        assert_eq!(
            outcome.unwrap_err(),
            other(0, InstructionError::MissingRequiredSignature),
            "account {unsigned}"
        );
    }
}

#[test]
fn a_referral_needs_a_real_campaign_and_its_own_address() {
    let mut world = World::new();
    let alice = world.wallet();
    let good = registration(&world, &alice.pubkey(), padded(b"STARTER7"));

    // Given the campaign's bytes in an account of another program
    let fake = Pubkey::new_unique();
    let mut copy = world
        .svm
        .get_account(&world.campaign)
        .expect("the campaign");
    copy.owner = Pubkey::new_unique();
    world.svm.set_account(fake, copy).expect("set");
    let mut forged = good.clone();
    forged.accounts[2].pubkey = fake;

    // And the address of another code
    let mut elsewhere = good.clone();
    elsewhere.accounts[3].pubkey = pda::referral(&world.campaign, &code("STARTER8"));

    // When they are used, then both are refused (I5)
    for (create, expected) in [
        (forged, program(ProgramError::CampaignNotFound)),
        (elsewhere, other(0, WRONG_ADDRESS)),
    ] {
        let outcome = world.send(&[create], &[&alice]);
        assert_eq!(outcome.unwrap_err(), expected);
    }

    // And a closed campaign is refused, too
    let campaign = world.campaign;
    let mut closed: Campaign = world.read(&campaign);
    closed.closed = true;
    world.write(&campaign, &closed);
    let outcome = world.send(&[good], &[&alice]);
    assert_eq!(outcome.unwrap_err(), program(ProgramError::CampaignClosed));
}

#[test]
fn funded_addresses_block_neither_campaigns_nor_codes() {
    for lamports in [1, 890_880, 5_000_000_000] {
        // Given lamports that somebody sent to both addresses
        let mut world = World::new();
        let (campaign, _) = pda::campaign(&world.company.pubkey(), 2);
        let referral = pda::referral(&campaign, &code("STARTER7"));
        world.fund(&campaign, lamports);
        world.fund(&referral, lamports);

        // When the campaign is opened and the code registered
        world.campaign = world.open_campaign(2, 0, 0);
        world.referrer("STARTER7");

        // Then both exist, and the lamports are part of their rent (I8)
        for (address, size) in [(campaign, 1_569), (referral, 319)] {
            let rent = world.svm.minimum_balance_for_rent_exemption(size);
            assert_eq!(world.svm.get_balance(&address), Some(rent.max(lamports)));
        }
        let (campaign, referral): (Campaign, Referral) =
            (world.read(&campaign), world.read(&referral));
        assert_eq!((campaign.id, referral.campaign), (2, world.campaign));
    }
}

#[test]
fn only_the_authority_pauses() {
    let mut world = World::new();
    let (campaign, company) = (world.campaign, world.company.insecure_clone());
    let (eve, alice) = (world.wallet(), world.referrer("STARTER7"));
    let before = world.svm.get_account(&campaign);

    // When a stranger or a referrer pauses it, then they are refused (I3)
    for stranger in [&eve, &alice] {
        let pause = instructions::set_paused(&stranger.pubkey(), &campaign, true);
        let outcome = world.send(&[pause], &[stranger]);
        assert_eq!(outcome.unwrap_err(), program(ProgramError::Unauthorized));
    }

    // And in the authority's name without its signature, it is refused, too
    let mut pause = instructions::set_paused(&company.pubkey(), &campaign, true);
    pause.accounts[0].is_signer = false;
    let outcome = world.send(&[pause], &[&eve]);
    assert_eq!(
        outcome.unwrap_err(),
        other(0, InstructionError::MissingRequiredSignature)
    );
    assert_eq!(world.svm.get_account(&campaign), before);

    // And a value other than 0 and 1 is refused, too
    let mut pause = instructions::set_paused(&company.pubkey(), &campaign, true);
    pause.data[8] = 2;
    let outcome = world.send(&[pause], &[&company]);
    assert_eq!(
        outcome.unwrap_err(),
        other(0, InstructionError::InvalidInstructionData)
    );

    // And these accounts are refused as the campaign: a copy that Eve made, an account of
    // another type, with its own size or a campaign's size, and no account
    let forged = Pubkey::new_unique();
    let mut copy = before.expect("the campaign");
    copy.owner = Pubkey::new_unique();
    world.svm.set_account(forged, copy).expect("set");
    let referral = pda::referral(&campaign, &code("STARTER7"));
    let long = Pubkey::new_unique();
    let mut copy = world.svm.get_account(&referral).expect("the referral");
    copy.data.resize(Campaign::SIZE, 0);
    copy.lamports = world.svm.minimum_balance_for_rent_exemption(Campaign::SIZE);
    world.svm.set_account(long, copy).expect("set");
    for wrong in [forged, referral, long, Pubkey::new_unique()] {
        let pause = instructions::set_paused(&company.pubkey(), &wrong, true);
        let outcome = world.send(&[pause], &[&company]);
        assert_eq!(
            outcome.unwrap_err(),
            program(ProgramError::CampaignNotFound)
        );
    }

    // And a campaign that is passed as read-only is refused, too
    let mut pause = instructions::set_paused(&company.pubkey(), &campaign, true);
    pause.accounts[1].is_writable = false;
    let outcome = world.send(&[pause], &[&company]);
    assert_eq!(
        outcome.unwrap_err(),
        other(0, InstructionError::Custom(2000))
    );

    // And a closed campaign is refused, too
    let mut closed: Campaign = world.read(&campaign);
    closed.closed = true;
    world.write(&campaign, &closed);
    let pause = instructions::set_paused(&company.pubkey(), &campaign, true);
    let outcome = world.send(&[pause], &[&company]);
    assert_eq!(outcome.unwrap_err(), program(ProgramError::CampaignClosed));
}

#[test]
fn a_paused_campaign_still_registers_codes() {
    // Given a paused campaign
    let mut world = World::new();
    let company = world.company.insecure_clone();
    let pause = instructions::set_paused(&company.pubkey(), &world.campaign, true);
    world.send(&[pause], &[&company]).expect("paused");

    // When Alice registers, then she has a code for the time after the pause
    let alice = world.referrer("STARTER7");
    let referral: Referral = world.read(&pda::referral(&world.campaign, &code("STARTER7")));
    assert_eq!(referral.owner, alice.pubkey());
}
