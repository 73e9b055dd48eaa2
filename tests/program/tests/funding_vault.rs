//! Rewards from a vault. Numbers in brackets refer to docs/INVARIANTS.md.

use solana_sdk::{
    instruction::{Instruction, InstructionError},
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
};
use vouch_client::{
    PROGRAM_ID, ProgramError,
    accounts::{Funding, Settings, Status, Terms},
    instructions::{self, CreateCampaign},
    pda, token,
};
use vouch_program_tests::{SOL, TOKEN_2022, World, other};

const CODE: &str = "STARTER7";
/// Positions of the campaign and of the vault among the accounts of `convert`.
const CAMPAIGN: usize = 2;
const VAULT: usize = 17;
/// Position of the vault among the accounts of `create_campaign`.
const CREATED_VAULT: usize = 6;

const VAULT_TERMS: Terms = Terms {
    funding: Funding::Vault,
    proof: vouch_client::accounts::Proof::Open,
    uniqueness: vouch_client::accounts::Uniqueness::Wallet,
    per_owner: false,
    notice_seconds: 0,
};

/// A campaign with these settings, this many base units in its vault, and Alice's code.
fn scene(settings: Settings, funded: u64) -> (World, Keypair) {
    let mut world = World::new();
    world.open(VAULT_TERMS, settings);
    if funded > 0 {
        world.fund_vault(funded);
    }
    let alice = world.referrer(CODE);
    (world, alice)
}

fn signup(world: &World, bob: &Keypair, alice: &Keypair) -> Instruction {
    world.conversion(&bob.pubkey(), &alice.pubkey(), CODE)
}

fn withdraw(world: &World, destination: &Pubkey, amount: u64) -> Instruction {
    instructions::withdraw_vault(&world.campaign, &world.campaign(), destination, amount)
}

#[test]
fn a_vault_pays_until_it_is_empty_and_no_further() {
    // Given a vault with two rewards and a base unit too few for a third
    let (mut world, alice) = scene(Settings::fixed(100), 299);

    // When three wallets convert
    for (expected, left) in [(Ok(()), 199), (Ok(()), 99), (Err(()), 99)] {
        let bob = world.receiver();
        let convert = signup(&world, &bob, &alice);
        match expected {
            Ok(()) => world.land(&[convert], &[&bob]),
            Err(()) => world.refuse(&[convert], &[&bob], ProgramError::VaultExhausted),
        }
        assert_eq!(world.vault(), left);
    }

    // Then two were paid from it, nothing was minted, and nothing is owed (I4)
    assert_eq!(world.rewards(&alice.pubkey()), 200);
    assert_eq!(world.supply(), 299);
    assert_eq!(world.campaign().owed, 0);
    assert_eq!(world.referral(CODE).conversions, 2);

    // And one more base unit is enough
    world.fund_vault(1);
    let bob = world.receiver();
    let convert = signup(&world, &bob, &alice);
    world.land(&[convert], &[&bob]);
    assert_eq!((world.vault(), world.rewards(&alice.pubkey())), (0, 300));
}

#[test]
fn a_campaign_is_not_opened_without_its_vault() {
    // Given the arguments of a vault campaign whose vault does not exist
    let mut world = World::new();
    let company = world.company.insecure_clone();
    let args = CreateCampaign {
        id: 7,
        ..world.opening(VAULT_TERMS, Settings::fixed(100), Pubkey::default())
    };
    let good = instructions::create_campaign(&args);
    let vault = args.vault().expect("a vault");
    assert_eq!(good.accounts[CREATED_VAULT].pubkey, vault);

    // When it is opened, also where somebody sent lamports to the vault's address
    let missing = ProgramError::VaultMissing;
    world.refuse(std::slice::from_ref(&good), &[&company], missing);
    world.fund(&vault, SOL);
    // Then it is refused, because pending rewards could not be held in the vault
    world.refuse(std::slice::from_ref(&good), &[&company], missing);

    // And another account of the mint, or none, is refused as its vault
    world.open_vault(&args);
    let companys = world.issue_of(&args.mint, &company.pubkey(), 0);
    for (wrong, expected) in [
        (companys, ProgramError::WrongVault),
        (PROGRAM_ID, ProgramError::MissingAccount),
    ] {
        let mut create = good.clone();
        create.accounts[CREATED_VAULT].pubkey = wrong;
        world.refuse(&[create], &[&company], expected);
    }

    // And it is opened when the vault exists
    world.land(&[good], &[&company]);
    world.campaign = pda::campaign(&args.authority, args.id).0;
    assert_eq!((world.campaign().vault, world.vault()), (vault, 0));
}

#[test]
fn an_empty_vault_pays_nothing() {
    // Given a campaign whose vault is empty
    let (mut world, alice) = scene(Settings::fixed(100), 0);
    let bob = world.receiver();

    // When Bob converts, then he is refused, and succeeds once the vault is funded
    let convert = signup(&world, &bob, &alice);
    let convert = std::slice::from_ref(&convert);
    world.refuse(convert, &[&bob], ProgramError::VaultExhausted);
    world.fund_vault(100);
    world.land(convert, &[&bob]);
}

#[test]
fn three_are_paid_out_of_the_vault() {
    // Given shares for the referee and a partner
    let settings = Settings {
        referee_share_bps: 1_000,
        max_partner_share_bps: 2_000,
        ..Settings::fixed(1_000)
    };
    let (mut world, alice) = scene(settings, 1_000);
    let partner = world.partner(&alice, CODE, 2_000);
    let bob = world.receiver();

    // When Bob converts
    let convert = signup(&world, &bob, &alice);
    world.land(&[convert], &[&bob]);

    // Then all three have their parts, and the vault is empty
    for (wallet, units) in [(&alice, 700), (&bob, 100), (&partner, 200)] {
        assert_eq!(world.rewards(&wallet.pubkey()), units);
    }
    assert_eq!(world.vault(), 0);
}

#[test]
fn what_is_owed_stays_in_the_vault() {
    // Given a hold, and a vault with two rewards
    let settings = Settings {
        hold_seconds: 60,
        ..Settings::fixed(100)
    };
    let (mut world, alice) = scene(settings, 250);
    let (bob, carol, dave) = (world.wallet(), world.wallet(), world.wallet());
    for (referee, owed) in [(&bob, 100), (&carol, 200)] {
        // When a wallet converts, then its reward is owed
        let convert = signup(&world, referee, &alice);
        world.land(&[convert], &[referee]);
        assert_eq!((world.campaign().owed, world.vault()), (owed, 250));
    }

    // When a third one converts, then the vault is exhausted, because its tokens are owed
    let convert = signup(&world, &dave, &alice);
    world.refuse(&[convert], &[&dave], ProgramError::VaultExhausted);

    // And its authority can withdraw exactly the tokens that are not owed
    let company = world.company.insecure_clone();
    let destination = world.open_account(&company.pubkey());
    let before = world.tokens(&destination);
    let more = withdraw(&world, &destination, 51);
    world.refuse(&[more], &[&company], ProgramError::InsufficientVault);
    let rest = withdraw(&world, &destination, 50);
    world.land(&[rest], &[&company]);
    assert_eq!(world.tokens(&destination) - before, 50);
    for amount in [1, u64::MAX] {
        let more = withdraw(&world, &destination, amount);
        world.refuse(&[more], &[&company], ProgramError::InsufficientVault);
    }

    // And both are paid when the hold is over
    world.wait(60);
    for (referee, owed) in [(&bob, 100), (&carol, 0)] {
        let claim = world.claim(CODE, &referee.pubkey(), &[0; 32]);
        world.land(&[claim], &[referee]);
        assert_eq!((world.campaign().owed, world.vault()), (owed, owed));
    }
    assert_eq!(world.rewards(&alice.pubkey()), 200);
}

#[test]
fn a_part_that_waits_is_owed_by_the_vault() {
    // Given a referrer without a token account
    let settings = Settings {
        referee_share_bps: 2_500,
        ..Settings::fixed(1_000)
    };
    let (mut world, alice) = scene(settings, 1_500);
    let account = world.reward_account(&alice.pubkey());
    let good = world.svm.get_account(&account).expect("an account");
    world
        .svm
        .set_account(account, solana_sdk::account::Account::default())
        .expect("set");
    let bob = world.receiver();

    // When Bob converts
    let convert = signup(&world, &bob, &alice);
    world.land(&[convert], &[&bob]);

    // Then Bob is paid, and the vault owes Alice
    assert_eq!(world.rewards(&bob.pubkey()), 250);
    assert_eq!((world.campaign().owed, world.vault()), (750, 1_250));

    // So that nobody else can be promised these tokens
    let carol = world.receiver();
    let second = signup(&world, &carol, &alice);
    world.refuse(&[second], &[&carol], ProgramError::VaultExhausted);
    world.svm.set_account(account, good).expect("set");
    let claim = world.claim(CODE, &bob.pubkey(), &[0; 32]);
    world.land(&[claim], &[&carol]);
    assert_eq!((world.campaign().owed, world.vault()), (0, 500));
    let status = world.converted(CODE, &bob.pubkey(), &[0; 32]).status;
    assert_eq!(status, Status::Paid);
}

#[test]
fn the_vault_and_a_writable_campaign_must_be_given() {
    let (mut world, alice) = scene(Settings::fixed(100), 1_000);
    let bob = world.receiver();
    let good = signup(&world, &bob, &alice);

    // Given other accounts as the vault: an unused address, Bob's, another campaign's,
    // none at all
    let (vault, campaign) = (world.campaign().vault, world.campaign);
    assert_eq!(good.accounts[VAULT].pubkey, vault);
    let bobs = world.reward_account(&bob.pubkey());
    for (wrong, expected) in [
        (Pubkey::new_unique(), ProgramError::WrongVault),
        (bobs, ProgramError::WrongVault),
        (PROGRAM_ID, ProgramError::MissingAccount),
    ] {
        // When one is passed, then it is refused (I5)
        let mut convert = good.clone();
        convert.accounts[VAULT].pubkey = wrong;
        convert.accounts[VAULT].is_writable = wrong != PROGRAM_ID;
        world.refuse(&[convert], &[&bob], expected);
    }

    // And a campaign that is passed as read-only is refused, too
    let mut convert = good.clone();
    convert.accounts[CAMPAIGN].is_writable = false;
    world.refuse(&[convert], &[&bob], ProgramError::CampaignNotWritable);
    assert_eq!((world.vault(), campaign), (1_000, world.campaign));
    world.land(&[good], &[&bob]);
}

#[test]
fn anybody_may_fund_a_vault_with_their_own_tokens() {
    // Given Eve with 500 tokens, and a vault of 100
    let (mut world, _) = scene(Settings::fixed(100), 100);
    let (eve, mallory) = (world.wallet(), world.wallet());
    let source = world.issue(&eve.pubkey(), 500);
    let (campaign, address) = (world.campaign(), world.campaign);
    let fund = |funder: &Keypair, amount| {
        instructions::fund_vault(&funder.pubkey(), &address, &campaign, &source, amount)
    };

    // When she funds it, then it has her tokens
    world.land(&[fund(&eve, 400)], &[&eve]);
    assert_eq!((world.vault(), world.tokens(&source)), (500, 100));

    // But more than she has, or somebody else's tokens, are refused
    let custom = InstructionError::Custom;
    world.refuse(&[fund(&eve, 101)], &[&eve], other(0, custom(1)));
    world.refuse(&[fund(&mallory, 1)], &[&mallory], other(0, custom(4)));

    // And another account, mint or program is refused, too
    let good = fund(&eve, 100);
    let other_mint = world.issue_mint(&eve.pubkey());
    for (index, wrong, expected) in [
        (2, other_mint, ProgramError::WrongMint),
        (4, source, ProgramError::WrongVault),
        (5, TOKEN_2022, ProgramError::WrongTokenProgram),
    ] {
        let mut fund = good.clone();
        fund.accounts[index].pubkey = wrong;
        if index == 4 {
            fund.accounts[3].pubkey = Pubkey::new_unique();
        }
        world.refuse(&[fund], &[&eve], expected);
    }

    // And a closed campaign is refused, too
    world.close();
    world.refuse(&[good], &[&eve], ProgramError::CampaignClosed);
}

#[test]
fn only_a_vault_is_funded_and_only_by_that_name() {
    // Given a campaign that mints
    let mut world = World::new();
    let company = world.company.insecure_clone();
    let (campaign, address) = (world.campaign(), world.campaign);
    let account = world.open_account(&company.pubkey());

    // When somebody funds it or withdraws from it, then it is refused, because it has no
    // vault
    let mut fund = instructions::fund_vault(&company.pubkey(), &address, &campaign, &account, 1);
    fund.accounts[4].pubkey = pda::vault(&address, &campaign.mint, &campaign.token_program).0;
    world.refuse(&[fund], &[&company], ProgramError::NoVault);
    let mut empty = withdraw(&world, &account, 1);
    empty.accounts[3].pubkey = pda::vault(&address, &campaign.mint, &campaign.token_program).0;
    world.refuse(&[empty], &[&company], ProgramError::NoVault);
}

#[test]
fn only_the_authority_empties_a_vault() {
    // Given a vault with 100
    let (mut world, alice) = scene(Settings::fixed(10), 100);
    let company = world.company.insecure_clone();
    let eve = world.receiver();
    let loot = world.reward_account(&eve.pubkey());
    let good = withdraw(&world, &loot, 100);

    // When Eve or Alice withdraws, in her own or in the company's name, then she is
    // refused (I3)
    for stranger in [&eve, &alice] {
        let mut theft = good.clone();
        theft.accounts[0].pubkey = stranger.pubkey();
        world.refuse(&[theft], &[stranger], ProgramError::Unauthorized);
    }
    let mut theft = good.clone();
    theft.accounts[0].is_signer = false;
    world.refuse(
        &[theft],
        &[&eve],
        other(0, InstructionError::MissingRequiredSignature),
    );

    // And the authority of another campaign cannot withdraw from this one's vault
    let vault = world.campaign().vault;
    let mint = world.mint.insecure_clone();
    let first = world.campaign;
    world.open(VAULT_TERMS, Settings::fixed(10));
    let second = world.campaign;
    let mut theft = good.clone();
    theft.accounts[1].pubkey = second;
    world.refuse(&[theft.clone()], &[&company], ProgramError::WrongMint);
    theft.accounts[2].pubkey = world.campaign().mint;
    world.refuse(&[theft], &[&company], ProgramError::WrongVault);
    (world.campaign, world.mint) = (first, mint);
    assert_eq!(world.tokens(&vault), 100);

    // But the authority can, to any account, also when the campaign is closed
    let half = withdraw(&world, &loot, 50);
    world.land(std::slice::from_ref(&half), &[&company]);
    world.close();
    world.land(&[half], &[&company]);
    assert_eq!((world.vault(), world.tokens(&loot)), (0, 100));
}

#[test]
fn a_vault_campaign_needs_no_mint_authority_and_cannot_be_sol() {
    // Given a mint without mint authority
    let mut world = World::new();
    let args = world.opening(VAULT_TERMS, Settings::fixed(1), Pubkey::default());
    let company = world.company.insecure_clone();
    world.issue(&company.pubkey(), 10);
    let revoke = spl_revoke(&args.mint, &company.pubkey());
    world.land(&[revoke], &[&company]);

    // When a campaign pays with it from a vault, then it is opened, with the vault's
    // address
    let address = world.open_with(&args);
    let vault = pda::vault(&address, &args.mint, &args.token_program).0;
    assert_eq!(world.campaign().vault, vault);

    // But SOL cannot have a vault
    let mut sol = world.opening(VAULT_TERMS, Settings::fixed(1), Pubkey::default());
    (sol.mint, sol.token_program) = (Pubkey::default(), Pubkey::default());
    let create = instructions::create_campaign(&sol);
    world.refuse(&[create], &[&company], ProgramError::WrongTokenProgram);
}

/// Removes the mint authority of `mint`.
fn spl_revoke(mint: &Pubkey, authority: &Pubkey) -> Instruction {
    let mut revoke = token::set_mint_authority(mint, authority, &Pubkey::default());
    // No new authority: the option's tag, and nothing after it.
    revoke.data.truncate(2);
    revoke.data.push(0);
    revoke
}
