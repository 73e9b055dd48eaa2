//! Attacks on `convert`. Numbers in brackets refer to docs/INVARIANTS.md.

use solana_sdk::{
    account::Account,
    instruction::{AccountMeta, Instruction, InstructionError},
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
};
use vouch_client::{
    PROGRAM_ID, ProgramError,
    accounts::{
        AccountType as _, Campaign, Conversion, Referral, Referrer, Settings, Status, Terms,
        settled,
    },
    instructions::{Convert, raw::ConvertAccounts},
    pda, token,
};
use vouch_program_tests::{REWARD, Refused, TOKEN_2022, World, code, other, token_account};

const CODE: &str = "STARTER7";

/// Positions of the accounts of `convert`.
const PAYER: usize = ConvertAccounts::PAYER;
const REFEREE: usize = ConvertAccounts::REFEREE;
const CAMPAIGN: usize = ConvertAccounts::CAMPAIGN;
const REFERRAL: usize = ConvertAccounts::REFERRAL;
const CONVERSION: usize = ConvertAccounts::CONVERSION;
const MINT: usize = ConvertAccounts::MINT;
const REFERRER_TOKEN: usize = ConvertAccounts::REFERRER_ACCOUNT;
const TOKEN_PROGRAM: usize = ConvertAccounts::TOKEN_PROGRAM;
const SYSTEM_PROGRAM: usize = ConvertAccounts::SYSTEM_PROGRAM;

/// Offsets of the code and of the action in the data.
const CODE_AT: usize = 8;
const ACTION_AT: usize = 20;

struct Scene {
    world: World,
    alice: Keypair,
    bob: Keypair,
}

/// Alice has a code; Bob has not converted.
fn scene() -> Scene {
    let mut world = World::new();
    let alice = world.referrer(CODE);
    let bob = world.wallet();
    Scene { world, alice, bob }
}

impl Scene {
    fn convert(&self) -> Instruction {
        self.world
            .conversion(&self.bob.pubkey(), &self.alice.pubkey(), CODE)
    }

    fn referral(&self) -> Pubkey {
        self.world.referral_address(CODE)
    }

    /// Sends it as Bob. Expects this refusal, and that nothing was paid or recorded.
    #[track_caller]
    fn refuses(&mut self, instruction: Instruction, expected: &Refused) {
        let before = self.world.svm.get_account(&self.referral());
        let bob = self.bob.insecure_clone();
        let outcome = self.world.send(&[instruction], &[&bob]);
        assert_eq!(outcome.map(|_| ()), Err(expected.clone()));
        assert_eq!(self.world.svm.get_account(&self.referral()), before);
        assert_eq!(self.world.supply(), 0);
        let conversion = self.world.conversion_address(CODE, &bob.pubkey(), &[0; 32]);
        assert_eq!(self.world.svm.get_account(&conversion), None);
    }
}

fn program(error: ProgramError) -> Refused {
    Refused::Program(error)
}

#[test]
fn a_wallet_counts_once_in_a_campaign() {
    // Given Bob, who converted with Alice's code, and Dora's code in the same campaign
    let Scene {
        mut world,
        alice,
        bob,
    } = scene();
    let dora = world.referrer("STARTER8");
    let first = world.conversion(&bob.pubkey(), &alice.pubkey(), CODE);
    world
        .send(std::slice::from_ref(&first), &[&bob])
        .expect("paid");

    // When he converts again, with either code
    for again in [
        first,
        world.conversion(&bob.pubkey(), &dora.pubkey(), "STARTER8"),
    ] {
        let outcome = world.send(&[again], &[&bob]);

        // Then he is refused, and nobody is paid twice (I1)
        assert_eq!(
            outcome.unwrap_err(),
            program(ProgramError::AlreadyConverted)
        );
    }
    assert_eq!(world.supply(), REWARD);

    // And twice in one transaction is refused, too
    let eve = world.wallet();
    let convert = world.conversion(&eve.pubkey(), &alice.pubkey(), CODE);
    let twice = world.send(&[convert.clone(), convert], &[&eve]);
    assert_eq!(twice.unwrap_err(), program(ProgramError::AlreadyConverted));
    assert_eq!(world.supply(), REWARD);
}

#[test]
fn nobody_refers_themselves() {
    // Given Alice's code, when Alice converts with it, then she is refused (I2)
    let Scene {
        mut world, alice, ..
    } = scene();
    let convert = world.conversion(&alice.pubkey(), &alice.pubkey(), CODE);
    let outcome = world.send(&[convert], &[&alice]);
    assert_eq!(outcome.unwrap_err(), program(ProgramError::SelfReferral));
    assert_eq!(world.supply(), 0);
}

#[test]
fn payer_and_referee_must_sign() {
    // Given a conversion that a sponsor pays for
    let mut scene = scene();
    let sponsor = scene.world.wallet();
    let args = Convert {
        payer: sponsor.pubkey(),
        ..Convert::signup(&scene.bob.pubkey())
    };
    let eve = scene.world.wallet();
    for (unsigned, signer) in [(PAYER, &scene.bob), (REFEREE, &sponsor)] {
        // When Eve sends it without one of the two signatures
        let mut convert = scene.world.convert(&scene.alice.pubkey(), CODE, &args);
        convert.accounts[unsigned].is_signer = false;
        let outcome = scene.world.send(&[convert], &[&eve, signer]);

        // Then it is refused (I3)
        assert_eq!(
            outcome.unwrap_err(),
            other(0, InstructionError::MissingRequiredSignature),
            "account {unsigned}"
        );
    }
    assert_eq!(scene.world.supply(), 0);
}

#[test]
fn the_code_is_part_of_what_was_signed() {
    // Given Bob's conversion with Alice's code
    let mut scene = scene();
    let dora = scene.world.referrer("STARTER8");

    // When Dora's accounts are passed with the signed code of Alice
    let mut convert = scene
        .world
        .conversion(&scene.bob.pubkey(), &dora.pubkey(), "STARTER8");
    convert.data[CODE_AT..ACTION_AT].copy_from_slice(&code(CODE).to_padded());

    // Then it is refused
    scene.refuses(convert, &program(ProgramError::CodeMismatch));
}

#[test]
fn a_referral_earns_in_its_own_campaign_only() {
    // Given another campaign of the same company, and its mint
    let mut scene = scene();
    let referral = scene.referral();
    let (campaign, mint) = (scene.world.campaign, scene.world.mint.insecure_clone());
    scene.world.campaign = scene.world.open_campaign(2, 0, 0);

    // When Alice's referral is used there
    let mut convert = scene
        .world
        .conversion(&scene.bob.pubkey(), &scene.alice.pubkey(), CODE);
    convert.accounts[REFERRAL].pubkey = referral;

    // Then it is refused, and neither campaign paid or recorded anything
    scene.refuses(convert.clone(), &program(ProgramError::WrongCampaign));
    (scene.world.campaign, scene.world.mint) = (campaign, mint);
    scene.refuses(convert, &program(ProgramError::WrongCampaign));
}

#[test]
fn what_is_written_must_be_passed_as_writable() {
    let mut scene = scene();
    // When an account that the program writes is passed as read-only
    for (index, expected) in [
        (REFERRAL, InstructionError::Custom(2000)),
        (CONVERSION, InstructionError::Custom(2000)),
        (MINT, InstructionError::Custom(2000)),
        (REFERRER_TOKEN, InstructionError::Custom(2000)),
    ] {
        let mut convert = scene.convert();
        convert.accounts[index].is_writable = false;
        // Then it is refused before anything happens (I5)
        scene.refuses(convert, &other(0, expected));
    }
}

#[test]
fn what_is_not_written_may_be_read_only() {
    // Given Alice without a token account
    let mut scene = scene();
    let mut convert = scene.convert();
    let account = convert.accounts[REFERRER_TOKEN].pubkey;
    let gone = scene.world.svm.set_account(account, Account::default());
    gone.expect("a valid account");

    // When her account and the mint are passed as read-only, then Bob's conversion
    // succeeds, because nothing is minted and she is owed
    convert.accounts[REFERRER_TOKEN].is_writable = false;
    convert.accounts[MINT].is_writable = false;
    let bob = scene.bob.insecure_clone();
    scene.world.land(&[convert], &[&bob]);
    assert_eq!(scene.world.referral(CODE).rewards_pending, REWARD);
    assert_eq!(scene.world.supply(), 0);
}

#[test]
fn accounts_of_another_owner_or_type_are_refused() {
    let mut scene = scene();
    let (campaign, referral) = (scene.world.campaign, scene.referral());

    // Given copies of the campaign and of the referral that another program owns
    for (index, original, expected) in [
        (CAMPAIGN, campaign, ProgramError::CampaignNotFound),
        (REFERRAL, referral, ProgramError::ReferralNotFound),
    ] {
        let fake = Pubkey::new_unique();
        let mut account = scene.world.svm.get_account(&original).expect("an account");
        account.owner = Pubkey::new_unique();
        scene.world.svm.set_account(fake, account).expect("set");
        // When one takes the original's place, then it is refused (I5)
        let mut convert = scene.convert();
        convert.accounts[index].pubkey = fake;
        scene.refuses(convert, &program(expected));
    }

    // Given accounts that do not exist, and accounts of the program of another type
    let mut campaign_for_referral = scene.convert();
    campaign_for_referral.accounts[REFERRAL].pubkey = scene.world.open_campaign_of(7);
    let mut nothing_for_campaign = scene.convert();
    nothing_for_campaign.accounts[CAMPAIGN].pubkey = Pubkey::new_unique();
    let mut nothing_for_referral = scene.convert();
    nothing_for_referral.accounts[REFERRAL].pubkey = Pubkey::new_unique();
    // Long enough, so that the type is the reason for the refusal
    let typed_wrong = Pubkey::new_unique();
    let mut account = scene.world.svm.get_account(&referral).expect("an account");
    account.data.resize(Campaign::SIZE, 0);
    account.lamports = scene
        .world
        .svm
        .minimum_balance_for_rent_exemption(Campaign::SIZE);
    scene
        .world
        .svm
        .set_account(typed_wrong, account)
        .expect("set");
    let mut referral_for_campaign = scene.convert();
    referral_for_campaign.accounts[CAMPAIGN].pubkey = typed_wrong;

    // When they are used, then each is refused (I5)
    for (convert, expected) in [
        (campaign_for_referral, ProgramError::ReferralNotFound),
        (referral_for_campaign, ProgramError::CampaignNotFound),
        (nothing_for_campaign, ProgramError::CampaignNotFound),
        (nothing_for_referral, ProgramError::ReferralNotFound),
    ] {
        scene.refuses(convert, &program(expected));
    }
}

#[test]
fn programs_cannot_be_replaced() {
    let mut scene = scene();
    let not_executable = InstructionError::Custom(2007);
    for (fake, expected) in [
        (TOKEN_2022, InstructionError::IncorrectProgramId),
        (PROGRAM_ID, InstructionError::IncorrectProgramId),
        (Pubkey::new_unique(), not_executable),
    ] {
        // When another program is passed as the token program, then it is refused (I5)
        let mut convert = scene.convert();
        convert.accounts[TOKEN_PROGRAM].pubkey = fake;
        scene.refuses(convert, &program(ProgramError::WrongTokenProgram));

        // And another program as the System program is refused, too
        let mut convert = scene.convert();
        convert.accounts[SYSTEM_PROGRAM].pubkey = fake;
        scene.refuses(convert, &other(0, expected));
    }
}

#[test]
fn the_mint_cannot_be_replaced() {
    // Given another mint
    let mut scene = scene();
    let real = scene.world.mint.insecure_clone();
    scene.world.open_campaign(2, 0, 0);
    let foreign = std::mem::replace(&mut scene.world.mint, real);

    // When it is passed, then it is refused
    let mut convert = scene.convert();
    convert.accounts[MINT].pubkey = foreign.pubkey();
    scene.refuses(convert, &program(ProgramError::WrongMint));
}

#[test]
fn the_reward_goes_to_the_owners_associated_account_only() {
    // Given four token accounts: one of the attacker, another one of Alice's, the
    // attacker's associated one, and Alice's for another token program
    let mut scene = scene();
    let (alice, bob) = (scene.alice.pubkey(), scene.bob.insecure_clone());
    let mint = scene.world.mint.pubkey();
    let mut receivers = vec![Pubkey::new_unique(), alice];
    for owner in [bob.pubkey(), alice] {
        let address = Pubkey::new_unique();
        let account = token_account(&scene.world.svm, &mint, &owner, 1);
        scene.world.svm.set_account(address, account).expect("set");
        receivers.push(address);
    }
    let create = token::create_associated_token(
        &bob.pubkey(),
        &bob.pubkey(),
        &mint,
        &scene.world.token_program,
    );
    scene.world.send(&[create], &[&bob]).expect("an account");
    receivers.push(pda::associated_token(&bob.pubkey(), &mint, &scene.world.token_program).0);

    for receiver in receivers {
        // When it is to receive the reward, then it is refused (I6)
        let mut convert = scene.convert();
        convert.accounts[REFERRER_TOKEN].pubkey = receiver;
        scene.refuses(convert, &program(ProgramError::WrongBeneficiary));
    }
}

#[test]
fn a_token_account_that_cannot_receive_leaves_the_reward_pending() {
    // Given Alice's associated account: frozen, not initialised, given away, of another
    // mint, of another program, too short, full, or missing
    type Case = (&'static str, fn(&mut Vec<u8>, &mut Pubkey));
    let cases: [Case; 8] = [
        ("frozen", |data, _| data[108] = 2),
        ("not initialised", |data, _| data[108] = 0),
        ("given away", |data, _| data[32..64].fill(7)),
        ("of another mint", |data, _| data[..32].fill(7)),
        ("of another program", |_, owner| {
            *owner = Pubkey::new_unique()
        }),
        ("cut short", |data, _| data.truncate(164)),
        ("full", |data, _| {
            data[64..72].copy_from_slice(&(u64::MAX - REWARD + 1).to_le_bytes())
        }),
        ("gone", |data, owner| {
            (data.clear(), *owner = Pubkey::default()).0
        }),
    ];
    for (name, spoil) in cases {
        let mut scene = scene();
        let (alice, mint) = (scene.alice.pubkey(), scene.world.mint.pubkey());
        let (address, _) = pda::associated_token(&alice, &mint, &scene.world.token_program);
        let good = token_account(&scene.world.svm, &mint, &alice, 1);
        let mut spoilt = good.clone();
        spoil(&mut spoilt.data, &mut spoilt.owner);
        if spoilt.data.is_empty() {
            spoilt.lamports = 0;
        }
        scene.world.svm.set_account(address, spoilt).expect("set");

        // When Bob converts
        let (convert, bob) = (scene.convert(), scene.bob.insecure_clone());
        scene.world.land(&[convert], &[&bob]);

        // Then the conversion counts, nothing is minted, and Alice is owed her reward
        // (I6)
        let conversion = scene.world.converted(CODE, &bob.pubkey(), &[0; 32]);
        assert_eq!(
            (
                conversion.status,
                conversion.settled,
                conversion.reward_referrer
            ),
            (Status::Pending, settled::REFEREE | settled::PARTNER, REWARD),
            "{name}"
        );
        let referral = scene.world.referral(CODE);
        assert_eq!(
            (referral.conversions, referral.rewards_total),
            (1, REWARD),
            "{name}"
        );
        assert_eq!(
            (referral.rewards_pending, referral.open_conversions),
            (REWARD, 1),
            "{name}"
        );
        assert_eq!(scene.world.supply(), 0, "{name}");

        // And it cannot be claimed until the account is valid again
        let claim = scene.world.claim(CODE, &bob.pubkey(), &[0; 32]);
        let claim = std::slice::from_ref(&claim);
        scene
            .world
            .refuse(claim, &[&bob], ProgramError::NothingToClaim);
        scene.world.svm.set_account(address, good).expect("set");
        scene.world.land(claim, &[&bob]);
        assert_eq!(scene.world.balance(&alice), REWARD, "{name}");
        scene.world.refuse(claim, &[&bob], ProgramError::NotPending);
    }
}

#[test]
fn a_funded_address_blocks_nobody() {
    // Given lamports that somebody sent to the conversion's future address
    for lamports in [1, 890_880, 1_920_960, 5_000_000_000] {
        let Scene {
            mut world,
            alice,
            bob,
        } = scene();
        let address = world.conversion_address(CODE, &bob.pubkey(), &[0; 32]);
        world.fund(&address, lamports);

        // When Bob converts
        let convert = world.conversion(&bob.pubkey(), &alice.pubkey(), CODE);
        world.send(&[convert], &[&bob]).expect("paid");

        // Then it counts, and the lamports are part of the rent (I8)
        let conversion: Conversion = world.read(&address);
        assert_eq!(conversion.referee, bob.pubkey());
        let rent = world
            .svm
            .minimum_balance_for_rent_exemption(Conversion::SIZE);
        assert_eq!(world.svm.get_balance(&address), Some(rent.max(lamports)));
        assert_eq!(world.balance(&alice.pubkey()), REWARD);
    }
}

#[test]
fn one_account_cannot_stand_for_two() {
    let mut scene = scene();
    let convert = scene.convert();
    let duplicate = InstructionError::Custom(2040);
    for (copy, original, expected) in [
        (CONVERSION, REFERRAL, &duplicate),
        (REFERRER_TOKEN, REFERRAL, &duplicate),
        (REFERRER_TOKEN, CONVERSION, &duplicate),
        (REFERRER_TOKEN, MINT, &duplicate),
        (MINT, REFERRAL, &duplicate),
        (CAMPAIGN, REFERRAL, &duplicate),
        (CONVERSION, PAYER, &duplicate),
        (REFERRAL, CAMPAIGN, &duplicate),
    ] {
        // When one account is passed in two places, one of which is writable
        let mut convert = convert.clone();
        let pubkey = convert.accounts[original].pubkey;
        convert.accounts[copy].pubkey = pubkey;

        // Then it is refused (I5)
        scene.refuses(convert, &other(0, expected.clone()));
    }
}

#[test]
fn a_payer_may_be_the_referee() {
    // Given Bob, who pays for himself, so that his account is passed twice
    let mut scene = scene();
    let convert = scene.convert();
    assert_eq!(
        convert.accounts[PAYER].pubkey,
        convert.accounts[REFEREE].pubkey
    );

    // When he converts, then Alice is paid
    let bob = scene.bob.insecure_clone();
    scene.world.send(&[convert], &[&bob]).expect("paid");
    assert_eq!(scene.world.balance(&scene.alice.pubkey()), REWARD);
}

#[test]
fn the_conversion_is_at_its_own_address() {
    // Given Bob's conversion; the addresses of Eve's conversion and of Bob's in another
    // campaign; and two unused addresses, one of them with lamports
    let mut scene = scene();
    let eve = scene.world.wallet();
    let bob = scene.bob.pubkey().to_bytes();
    let second = scene.world.open_campaign_of(7);
    let funded = Pubkey::new_unique();
    scene.world.fund(&funded, 5_000_000_000);
    for address in [
        pda::conversion(&scene.world.campaign, &eve.pubkey().to_bytes()),
        pda::conversion(&second, &bob),
        Pubkey::new_unique(),
        funded,
    ] {
        // When Bob's is sent with such an address, to count again, then the System
        // program refuses it, because the address does not match the seed (I1)
        let mut convert = scene.convert();
        convert.accounts[CONVERSION].pubkey = address;
        scene.refuses(convert, &other(0, InstructionError::Custom(5)));
    }
}

#[test]
#[expect(deprecated, reason = "the name that the framework's error still has")]
fn malformed_instructions_are_refused() {
    let mut scene = scene();

    // An action that does not exist
    for action in [9, 255] {
        let mut convert = scene.convert();
        convert.data[ACTION_AT] = action;
        scene.refuses(convert, &program(ProgramError::InvalidAction));
    }
    // Data cut off at every length, and empty data
    for len in 0..61 {
        let mut convert = scene.convert();
        convert.data.truncate(len);
        scene.refuses(convert, &other(0, InstructionError::InvalidInstructionData));
    }
    // An instruction that does not exist
    let mut convert = scene.convert();
    convert.data[0] ^= 1;
    scene.refuses(convert, &other(0, InstructionError::InvalidInstructionData));
    // Required accounts missing at the end
    for len in 0..9 {
        let mut convert = scene.convert();
        convert.accounts.truncate(len);
        // Bob still pays the fee; only the instruction lacks accounts.
        scene.refuses(convert, &other(0, InstructionError::NotEnoughAccountKeys));
    }
}

/// Announces a change of the campaign's settings.
fn announce(campaign: &mut Campaign, from: i64, change: fn(&mut Settings)) {
    (campaign.next_from, campaign.next) = (from, campaign.settings);
    change(&mut campaign.next);
}

#[test]
fn a_referral_or_campaign_that_does_not_earn_says_why() {
    /// A change to an account, and the refusal that follows.
    type Case<T> = (fn(&mut T), ProgramError);
    let mut scene = scene();
    let (referral, campaign) = (scene.referral(), scene.world.campaign);
    scene.world.set_time(1_800_000_000);
    let earning: Referral = scene.world.read(&referral);
    let open: Campaign = scene.world.read(&campaign);

    // Given referrals that no longer earn (I7)
    let cases: [Case<Referral>; 6] = [
        (|r| r.active = false, ProgramError::ReferralInactive),
        (|r| r.suspended = true, ProgramError::ReferralInactive),
        (
            |r| r.expires_at = 1_800_000_000,
            ProgramError::ReferralExpired,
        ),
        (|r| r.expires_at = 1, ProgramError::ReferralExpired),
        (
            |r| (r.usage_limit, r.conversions) = (1, 1),
            ProgramError::UsageLimitReached,
        ),
        (
            |r| (r.usage_limit, r.conversions) = (1, 2),
            ProgramError::UsageLimitReached,
        ),
    ];
    for (change, expected) in cases {
        let mut changed = earning.clone();
        change(&mut changed);
        scene.world.write(&referral, &changed);
        // When Bob converts, then the refusal names the reason
        let convert = scene.convert();
        scene.refuses(convert, &program(expected));
    }
    scene.world.write(&referral, &earning);

    // And campaigns that accept no conversion
    let cases: [Case<Campaign>; 7] = [
        (|c| c.closed = true, ProgramError::CampaignClosed),
        (|c| c.paused = true, ProgramError::CampaignPaused),
        (
            |c| c.settings.starts_at = 1_800_000_001,
            ProgramError::CampaignNotStarted,
        ),
        (
            |c| c.settings.ends_at = 1_800_000_000,
            ProgramError::CampaignEnded,
        ),
        // Announced settings, from their time on
        (
            |c| announce(c, 1_800_000_000, |next| next.min_amount = 1),
            ProgramError::AmountTooSmall,
        ),
        (
            |c| announce(c, 1, |next| next.ends_at = 1_800_000_000),
            ProgramError::CampaignEnded,
        ),
        // The present settings, until then
        (
            |c| {
                announce(c, 1_800_000_001, |_| {});
                c.settings.ends_at = 1_800_000_000;
            },
            ProgramError::CampaignEnded,
        ),
    ];
    for (change, expected) in cases {
        let mut changed = open.clone();
        change(&mut changed);
        scene.world.write(&campaign, &changed);
        let convert = scene.convert();
        scene.refuses(convert, &program(expected));
    }
    scene.world.write(&campaign, &open);

    // But the last use, a second before the expiry and a second before the announced end,
    // counts
    let mut last = earning;
    (last.usage_limit, last.expires_at) = (1, 1_800_000_001);
    scene.world.write(&referral, &last);
    let mut closing = open;
    announce(&mut closing, 1_800_000_001, |next| {
        next.ends_at = 1_800_000_001
    });
    scene.world.write(&campaign, &closing);
    let (convert, bob) = (scene.convert(), scene.bob.insecure_clone());
    scene.world.send(&[convert], &[&bob]).expect("paid");
    assert_eq!(scene.world.balance(&scene.alice.pubkey()), REWARD);
}

/// Terms and settings that allow each owner three conversions, and double the second and
/// third.
fn three_per_owner() -> (Terms, Settings) {
    let terms = Terms {
        per_owner: true,
        ..Terms::default()
    };
    let mut settings = Settings {
        owner_limit: 3,
        ..Settings::fixed(REWARD)
    };
    let tier = &mut settings.tiers[0];
    (tier.min_conversions, tier.multiplier_bps) = (2, 20_000);
    (terms, settings)
}

#[test]
fn an_owner_is_counted_over_all_codes() {
    // Given Alice with two codes, and Dora with one
    let mut world = World::new();
    let (terms, settings) = three_per_owner();
    world.open(terms, settings);
    let alice = world.referrer(CODE);
    world.another_code(&alice, "STARTER8");
    let dora = world.referrer("STARTER9");

    // When three wallets convert with Alice's codes, then they count together
    for (text, rewards) in [(CODE, 1), ("STARTER8", 3), (CODE, 5)] {
        let bob = world.wallet();
        let convert = world.conversion(&bob.pubkey(), &alice.pubkey(), text);
        world.land(&[convert], &[&bob]);
        assert_eq!(world.rewards(&alice.pubkey()), rewards * REWARD);
    }
    assert_eq!(world.counted(&alice.pubkey()).conversions, 3);
    assert_eq!(world.referral(CODE).conversions, 2);

    // And a fourth conversion with either code is refused
    let bob = world.wallet();
    for text in [CODE, "STARTER8"] {
        let convert = world.conversion(&bob.pubkey(), &alice.pubkey(), text);
        let full = ProgramError::OwnerLimitReached;
        world.refuse(&[convert], &[&bob], full);
    }

    // But Dora has her own limit
    let convert = world.conversion(&bob.pubkey(), &dora.pubkey(), "STARTER9");
    world.land(&[convert], &[&bob]);
    assert_eq!(world.rewards(&dora.pubkey()), REWARD);
}

#[test]
fn a_conversion_counts_for_the_codes_own_owner() {
    // Given Alice's accounts in this campaign and in another one, and Dora's account
    let mut world = World::new();
    let (terms, settings) = three_per_owner();
    world.open(terms, settings);
    let (first, mint) = (world.campaign, world.mint.insecure_clone());
    let alice = world.referrer(CODE);
    let dora = world.referrer("STARTER8");
    let doras = world.referrer_address(&dora.pubkey());
    world.open(terms, settings);
    world.register(&alice);
    let foreign = world.referrer_address(&alice.pubkey());
    (world.campaign, world.mint) = (first, mint);
    let bob = world.wallet();
    let good = world.conversion(&bob.pubkey(), &alice.pubkey(), CODE);

    // When another account than Alice's in this campaign is passed, or none, then it is
    // refused
    let position = ConvertAccounts::REFERRER;
    for (wrong, expected) in [
        (PROGRAM_ID, ProgramError::MissingAccount),
        (doras, ProgramError::WrongReferrer),
        (foreign, ProgramError::WrongReferrer),
        (Pubkey::new_unique(), ProgramError::ReferrerNotFound),
    ] {
        let mut convert = good.clone();
        let account = &mut convert.accounts[position];
        (account.pubkey, account.is_writable) = (wrong, wrong != PROGRAM_ID);
        world.refuse(&[convert], &[&bob], expected);
    }
    let mut short = good.clone();
    short.accounts.truncate(ConvertAccounts::ATTESTOR);
    world.refuse(&[short], &[&bob], ProgramError::MissingAccount);
    let mut read_only = good.clone();
    read_only.accounts[position].is_writable = false;
    let written = other(0, InstructionError::Custom(2000));
    world.refuse(&[read_only], &[&bob], written);
    world.land(&[good], &[&bob]);
    assert_eq!(world.counted(&alice.pubkey()).conversions, 1);

    // And in a campaign that does not count per owner, an account of another campaign
    // does not change
    world.open(
        Terms::default(),
        Settings {
            referee_share_bps: 5_000,
            ..Settings::fixed(REWARD)
        },
    );
    let eve = world.referrer(CODE);
    let mut convert = world.conversion(&bob.pubkey(), &eve.pubkey(), CODE);
    convert.accounts[position] = AccountMeta::new(foreign, false);
    world.land(&[convert], &[&bob]);
    assert_eq!(world.read::<Referrer>(&foreign).conversions, 0);
    assert_eq!(world.referral(CODE).conversions, 1);
}

#[test]
fn counters_do_not_wrap() {
    // Given a referral at the end of its counters (I4)
    let mut scene = scene();
    let referral = scene.referral();
    let fresh: Referral = scene.world.read(&referral);
    let mut full = fresh.clone();
    full.conversions = u64::MAX;
    let mut rich = fresh;
    rich.rewards_total = u64::MAX - REWARD + 1;
    for changed in [full, rich] {
        scene.world.write(&referral, &changed);
        // When Bob converts, then it is refused, and no counter wraps
        let convert = scene.convert();
        scene.refuses(convert, &other(0, InstructionError::ArithmeticOverflow));
    }
}

#[test]
fn further_accounts_change_nothing() {
    // Given a conversion with additional accounts
    let mut scene = scene();
    let mut convert = scene.convert();
    convert
        .accounts
        .push(AccountMeta::new(Pubkey::new_unique(), false));

    // When Bob sends it, then Alice is paid once
    let bob = scene.bob.insecure_clone();
    scene.world.send(&[convert], &[&bob]).expect("paid");
    assert_eq!(scene.world.supply(), REWARD);
}
