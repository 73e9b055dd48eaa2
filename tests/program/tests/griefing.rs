//! Griefing: actions of strangers that need no permission. None of them stops an honest
//! user. Numbers in brackets refer to docs/INVARIANTS.md.

use solana_sdk::{
    account::Account,
    instruction::{AccountMeta, Instruction},
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
};
use vouch_client::{
    PROGRAM_ID, ProgramError, Share,
    accounts::{
        AccountType as _, Binding, Campaign, Closed, Conversion, Funding, Proof, Referral,
        Settings, Status, Terms, Uniqueness, settled,
    },
    instructions::{
        self, Convert, CreateReferral, Evidence, Purchase,
        raw::{CreateCampaignAccounts, PurchaseAccounts},
    },
    pda, token,
};
use vouch_program_tests::{REWARD, World, code, program_bytes};

const CODE: &str = "STARTER7";
const NONE: [u8; 32] = [0; 32];
const HOLD: u32 = 60;
const CLAIM_PERIOD: i64 = 30 * 24 * 60 * 60;
/// Lamports that a stranger sends to an address: one, the rent of an empty account, the
/// rent of a conversion, and plenty.
const GIFTS: [u64; 4] = [1, 890_880, 1_920_960, 5_000_000_000];

const fn terms(funding: Funding, proof: Proof) -> Terms {
    Terms {
        funding,
        proof,
        uniqueness: Uniqueness::Wallet,
        per_owner: false,
        notice_seconds: 0,
    }
}

/// Every way in which a campaign pays: by minting, from a vault, from a payment in
/// tokens, and from a payment in SOL.
const WAYS: [(Terms, bool); 4] = [
    (terms(Funding::MintAuthority, Proof::Open), false),
    (terms(Funding::Vault, Proof::Open), false),
    (terms(Funding::PaymentSplit, Proof::Payment), true),
    (terms(Funding::PaymentSplit, Proof::Payment), false),
];

/// Rewards of 1,000,000, a quarter for the referee, up to a quarter for a partner. If the
/// campaign takes payments, the minimum is the same amount.
fn shared(terms: Terms) -> Settings {
    let paid = terms.proof == Proof::Payment;
    Settings {
        min_amount: if paid { 1_000_000 } else { 0 },
        referee_share_bps: 2_500,
        max_partner_share_bps: 2_500,
        ..Settings::fixed(1_000_000)
    }
}

/// The partner's share under [`shared`].
const QUARTER: Share = Share {
    bps: 2_500,
    fixed: 0,
};

/// Opens a campaign that pays in this way, with funds.
fn open(world: &mut World, (terms, tokens): (Terms, bool), settings: Settings) {
    if tokens {
        world.open_for_tokens(terms, settings);
    } else {
        world.open(terms, settings);
    }
    if terms.funding == Funding::Vault {
        world.fund_vault(10_000_000);
    }
}

/// Bob's instruction that counts: a sign-up, or a purchase for 4,000,000.
fn step(world: &mut World, bob: &Keypair, text: &str) -> Instruction {
    let campaign = world.campaign();
    if campaign.proof != Proof::Payment {
        return world.conversion(&bob.pubkey(), &Pubkey::default(), text);
    }
    if !campaign.payments_are_sol() {
        world.issue_of(&campaign.payment_mint, &bob.pubkey(), 4_000_000);
    }
    let args = Purchase::new(&bob.pubkey(), 4_000_000, NONE);
    world.purchase(&Pubkey::default(), text, &args)
}

/// The part that is paid to the referee; in a split it is a discount instead.
fn referee_part(world: &World) -> u64 {
    if world.campaign().funding == Funding::PaymentSplit {
        0
    } else {
        250_000
    }
}

#[test]
fn gifts_to_addresses_that_are_not_taken_yet_block_nobody() {
    for lamports in GIFTS {
        for way in WAYS {
            // Given lamports at every address that the program will create
            let mut world = World::new();
            let (tokens, terms) = (way.1, way.0);
            let mint = if tokens {
                let company = world.company.pubkey();
                world.issue_mint(&company)
            } else {
                Pubkey::default()
            };
            let settings = Settings {
                attribution_window: 1_000,
                hold_seconds: HOLD,
                ..shared(terms)
            };
            let args = world.opening(terms, settings, mint);
            let (campaign, _) = pda::campaign(&args.authority, args.id);
            let referral = pda::referral(&campaign, &code(CODE));
            let bob = world.wallet();
            let binding = pda::binding(&campaign, &bob.pubkey());
            let conversion = pda::conversion(&campaign, &bob.pubkey().to_bytes());
            let (vault, _) = pda::vault(&campaign, &args.mint, &args.token_program);
            for address in [campaign, referral, binding, conversion, vault] {
                world.fund(&address, lamports);
            }

            // When honest people use the campaign, whose vault is created after that
            world.open_with(&args);
            if terms.funding == Funding::Vault {
                world.fund_vault(1_000_000);
            }
            let alice = world.referrer(CODE);
            let partner = world.partner(&alice, CODE, 2_500);
            let bind = world.bind(&bob.pubkey(), CODE);
            let convert = step(&mut world, &bob, CODE);
            world.land(&[bind, convert], &[&bob]);

            // Then everything works as usual, and the lamports are part of the rent (I8)
            let held = if world.campaign().rewards_are_sol() {
                750_000
            } else {
                0
            };
            for (address, size, more) in [
                (campaign, Campaign::SIZE, 0),
                (referral, Referral::SIZE, 0),
                (binding, Binding::SIZE, 0),
                (conversion, Conversion::SIZE, held),
            ] {
                let rent = world.svm.minimum_balance_for_rent_exemption(size);
                let account = world.svm.get_account(&address).expect("an account");
                assert_eq!(account.data.len(), size);
                assert_eq!(account.lamports, rent.max(lamports) + more);
            }
            world.wait(HOLD.into());
            if referee_part(&world) > 0 {
                world.open_account(&bob.pubkey());
            }
            let before = [&alice, &partner].map(|wallet| world.rewards(&wallet.pubkey()));
            let claim = world.claim(CODE, &bob.pubkey(), &NONE);
            world.land(&[claim], &[&bob]);
            assert_eq!(world.rewards(&alice.pubkey()) - before[0], 500_000);
            assert_eq!(world.rewards(&partner.pubkey()) - before[1], 250_000);
        }
    }
}

#[test]
fn gifts_to_the_programs_accounts_change_nothing() {
    for way in WAYS {
        // Given held conversions, and dust in every account that they use
        let mut world = World::new();
        let settings = Settings {
            hold_seconds: HOLD,
            ..shared(way.0)
        };
        open(&mut world, way, settings);
        let alice = world.referrer(CODE);
        let partner = world.partner(&alice, CODE, 2_500);
        let (bob, carol) = (world.receiver(), world.receiver());
        for referee in [&bob, &carol] {
            let convert = step(&mut world, referee, CODE);
            world.land(&[convert], &[referee]);
        }
        let [of_bob, of_carol] =
            [&bob, &carol].map(|wallet| world.conversion_address(CODE, &wallet.pubkey(), &NONE));
        let (campaign, referral) = (world.campaign, world.referral_address(CODE));
        let vault = world.campaign().vault;
        for address in [campaign, referral, of_bob, of_carol] {
            world.change(&address, |account| account.lamports += 7);
        }
        if vault != Pubkey::default() {
            // Dust tokens, too
            world.change(&vault, |account| {
                account.lamports += 7;
                account.data[64] += 1;
            });
        }
        let (vault_before, owed) = (world.tokens(&vault), world.campaign().owed);

        // When one is claimed and the other cancelled
        let company = world.company.insecure_clone();
        let cancel = world.cancel(CODE, &carol.pubkey(), &NONE);
        world.land(&[cancel], &[&company]);
        world.wait(HOLD.into());
        let before = [&alice, &partner].map(|wallet| world.rewards(&wallet.pubkey()));
        let claim = world.claim(CODE, &bob.pubkey(), &NONE);
        world.land(&[claim], &[&bob]);

        // Then each wallet has exactly its part
        assert_eq!(world.rewards(&alice.pubkey()) - before[0], 500_000);
        assert_eq!(world.rewards(&partner.pubkey()) - before[1], 250_000);
        assert_eq!(world.campaign().owed, 0);
        let paid = 750_000 + referee_part(&world);
        let expected = match way.0.funding {
            Funding::Vault => vault_before - paid,
            _ => vault_before - owed,
        };
        assert_eq!(world.tokens(&vault), expected);

        // And everything is returned in the end, including the dust
        let now = world.campaign();
        world.close();
        world.wait(i64::from(HOLD) + CLAIM_PERIOD);
        let destination = (vault != Pubkey::default()).then(|| {
            let owner = world.company.pubkey();
            world.open_account(&owner)
        });
        let before = destination.map_or(0, |account| world.tokens(&account));
        let end = instructions::reclaim_campaign(&campaign, &now, destination.as_ref());
        world.land(&[end], &[&company]);
        if let Some(destination) = destination {
            assert_eq!(world.tokens(&destination) - before, expected);
        }
        for (wallet, address) in [(&bob, of_bob), (&carol, of_carol)] {
            let conversion: Conversion = world.read(&address);
            let before = world.lamports(&wallet.pubkey());
            let key = wallet.pubkey().to_bytes();
            let back = instructions::reclaim_conversion(&campaign, &now, key, &conversion);
            world.land(&[back], &[&company]);
            let rent = world
                .svm
                .minimum_balance_for_rent_exemption(Conversion::SIZE);
            assert_eq!(world.lamports(&wallet.pubkey()) - before, rent + 7);
            assert_eq!(world.lamports(&address), 0);
        }
        let before = world.lamports(&alice.pubkey());
        let back = instructions::reclaim_referral(&campaign, &referral, &alice.pubkey());
        world.land(&[back], &[&company]);
        let rent = world.svm.minimum_balance_for_rent_exemption(Referral::SIZE);
        assert_eq!(world.lamports(&alice.pubkey()) - before, rent + 7);
        let left: Closed = world.read(&campaign);
        assert_eq!(left.campaign, campaign);
    }
}

/// An instruction of the Token program on `account`, signed by its owner.
fn call(owner: &Keypair, account: &Pubkey, data: Vec<u8>, second: Option<Pubkey>) -> Instruction {
    let mut accounts = vec![AccountMeta::new(*account, false)];
    accounts.extend(second.map(|second| AccountMeta::new(second, false)));
    accounts.push(AccountMeta::new_readonly(owner.pubkey(), true));
    Instruction {
        program_id: token::TOKEN_PROGRAM_ID,
        accounts,
        data,
    }
}

/// Gives a token account's authority of this kind to `to`.
fn give_away(owner: &Keypair, account: &Pubkey, kind: u8, to: &Pubkey) -> Instruction {
    let data = [&[6, kind, 1], to.as_ref()].concat();
    call(owner, account, data, None)
}

#[test]
fn a_token_account_that_its_owner_spoilt_harms_its_owner_alone() {
    type Spoil = (&'static str, bool, fn(&mut World, &Keypair, &Pubkey));
    let spoils: [Spoil; 5] = [
        ("given away", false, |world, owner, account| {
            let eve = world.wallet().pubkey();
            let away = give_away(owner, account, 2, &eve);
            world.land(&[away], &[owner]);
        }),
        ("closed", false, |world, owner, account| {
            let close = call(owner, account, vec![9], Some(owner.pubkey()));
            world.land(&[close], &[owner]);
        }),
        ("frozen", false, |world, _, account| {
            world.change(account, |account| account.data[108] = 2);
        }),
        ("with a close authority", true, |world, owner, account| {
            let eve = world.wallet().pubkey();
            let away = give_away(owner, account, 3, &eve);
            world.land(&[away], &[owner]);
        }),
        ("delegated", true, |world, owner, account| {
            let eve = world.wallet().pubkey();
            let data = [&[4][..], &u64::MAX.to_le_bytes()].concat();
            let approve = call(owner, account, data, Some(eve));
            world.land(&[approve], &[owner]);
        }),
    ];
    for way in [WAYS[0], WAYS[1], WAYS[2]] {
        for (name, harmless, spoil) in spoils {
            for bit in [settled::REFERRER, settled::REFEREE, settled::PARTNER] {
                let split = way.0.funding == Funding::PaymentSplit;
                if split && bit == settled::REFEREE {
                    continue;
                }
                // Given a campaign that pays three wallets, and one of them spoils its own account
                let mut world = World::new();
                open(&mut world, way, shared(way.0));
                let alice = world.referrer(CODE);
                let partner = world.partner(&alice, CODE, 2_500);
                let bob = world.receiver();
                let of = |bit| match bit {
                    settled::REFERRER => &alice,
                    settled::REFEREE => &bob,
                    _ => &partner,
                };
                let account = world.reward_account(&of(bit).pubkey());
                let convert = step(&mut world, &bob, CODE);
                spoil(&mut world, of(bit), &account);
                let before = [settled::REFERRER, settled::REFEREE, settled::PARTNER]
                    .map(|bit| world.rewards(&of(bit).pubkey()));

                // When Bob converts
                world.land(&[convert], &[&bob]);

                // Then the others have their parts, and at most that one is owed
                let conversion = world.converted(CODE, &bob.pubkey(), &NONE);
                let open = if harmless { 0 } else { bit };
                assert_eq!(conversion.settled, 7 & !open, "{name} {bit}");
                let parts = [(settled::REFERRER, 500_000), (settled::PARTNER, 250_000)];
                for (other, units) in parts {
                    let index = if other == settled::REFERRER { 0 } else { 2 };
                    let gain = world
                        .rewards(&of(other).pubkey())
                        .saturating_sub(before[index]);
                    let expected = if other == open { 0 } else { units };
                    assert_eq!(gain, expected, "{name} {bit}");
                }
                if !split {
                    let expected = if open == settled::REFEREE { 0 } else { 250_000 };
                    assert_eq!(world.rewards(&bob.pubkey()), expected);
                }
            }
        }
    }
}

/// The instruction without the account at this position.
fn without(instruction: &Instruction, position: usize) -> Instruction {
    let mut instruction = instruction.clone();
    instruction.accounts[position] = AccountMeta::new_readonly(PROGRAM_ID, false);
    instruction
}

#[test]
fn a_campaign_whose_rewards_can_wait_in_a_vault_opens_with_it() {
    for way in [WAYS[1], WAYS[2]] {
        // Given such a campaign whose vault does not exist
        let mut world = World::new();
        let company = world.company.insecure_clone();
        let mint = if way.1 {
            world.issue_mint(&company.pubkey())
        } else {
            Pubkey::default()
        };
        let args = world.opening(way.0, shared(way.0), mint);
        let vault = args.vault().expect("a vault");
        let made = world.svm.get_account(&vault).expect("a vault");
        world
            .svm
            .set_account(vault, Account::default())
            .expect("set");
        let create = instructions::create_campaign(&args);

        // When it is opened, then it is refused: pending rewards could not be held, and a
        // referrer could block every sale
        let missing = ProgramError::VaultMissing;
        world.refuse(std::slice::from_ref(&create), &[&company], missing);
        // Also if somebody sent lamports to the address, or the vault is left out or
        // another account
        world.fund(&vault, 2_039_280);
        world.refuse(std::slice::from_ref(&create), &[&company], missing);
        let position = CreateCampaignAccounts::VAULT;
        let left_out = without(&create, position);
        world.refuse(&[left_out], &[&company], ProgramError::MissingAccount);
        let mut foreign = create.clone();
        foreign.accounts[position].pubkey = world.issue_of(&args.mint, &company.pubkey(), 0);
        world.refuse(&[foreign], &[&company], ProgramError::WrongVault);

        // And with its vault, it is opened
        world.svm.set_account(vault, made).expect("set");
        world.land(&[create], &[&company]);
    }
}

#[test]
fn a_split_in_tokens_uses_its_vault_only_when_something_waits() {
    // Given such a campaign, and purchases without the vault's account
    let mut world = World::new();
    open(&mut world, WAYS[2], shared(WAYS[2].0));
    let alice = world.referrer(CODE);
    let (bob, carol) = (world.receiver(), world.receiver());

    // When Bob buys, and everybody can be paid, then the account is not needed
    let purchase = step(&mut world, &bob, CODE);
    let purchase = without(&purchase, PurchaseAccounts::VAULT);
    world.land(&[purchase], &[&bob]);

    // And when Alice has no token account, then Carol's purchase is refused, because it
    // is missing
    let account = world.reward_account(&alice.pubkey());
    world.change(&account, |account| account.data[64..72].fill(0));
    let close = call(&alice, &account, vec![9], Some(alice.pubkey()));
    world.land(&[close], &[&alice]);
    let purchase = step(&mut world, &carol, CODE);
    let left_out = without(&purchase, PurchaseAccounts::VAULT);
    let missing = ProgramError::MissingAccount;
    world.refuse(&[left_out], &[&carol], missing);

    // And with the account, it counts
    world.land(&[purchase], &[&carol]);
    assert_eq!((world.vault(), world.campaign().owed), (750_000, 750_000));
}

#[test]
fn a_code_that_a_stranger_took_is_one_code() {
    // Given Eve, who registered the code that Alice wanted
    let mut world = World::new();
    let eve = world.referrer(CODE);
    let (alice, company) = (world.receiver(), world.company.insecure_clone());
    let register = |owner: &Keypair, text: &str, attestor: Option<Pubkey>| {
        let own = owner.pubkey();
        instructions::create_referral(&CreateReferral {
            attestor,
            ..CreateReferral::new(&own, &own, &world.campaign, &code(text))
        })
    };
    let (taken, other_code) = (
        register(&alice, CODE, None),
        register(&alice, "STARTER8", None),
    );
    let attestor = Keypair::new();
    let (squat, good) = (
        register(&eve, "STARTER9", None),
        register(&alice, "STARTER9", Some(attestor.pubkey())),
    );

    // When Alice registers it, then it is refused, and any other code is free
    world.refuse(&[taken], &[&alice], ProgramError::CodeTaken);
    world.land(&[other_code], &[&alice]);

    // And the campaign can suspend Eve's code, and require its attestor's signature for
    // new ones
    let referral = world.referral_address(CODE);
    let suspend = instructions::set_suspended(&company.pubkey(), &world.campaign, &referral, true);
    world.land(&[suspend], &[&company]);
    let bob = world.wallet();
    let convert = world.conversion(&bob.pubkey(), &eve.pubkey(), CODE);
    world.refuse(&[convert], &[&bob], ProgramError::ReferralInactive);
    world.update(|settings| {
        settings.attested_codes = true;
        settings.attestor = attestor.pubkey();
    });
    world.refuse(&[squat], &[&eve], ProgramError::AttestationRequired);
    world.land(&[good], &[&alice, &attestor]);
    let convert = world.conversion(&bob.pubkey(), &alice.pubkey(), "STARTER9");
    world.land(&[convert], &[&bob]);
    assert_eq!(world.rewards(&alice.pubkey()), REWARD);
}

#[test]
fn one_wallet_may_be_many_things_in_a_conversion() {
    // Given the company, which owns a code, attests, and pays the rent
    let mut world = World::new();
    let company = world.company.insecure_clone();
    let terms = terms(Funding::Vault, Proof::Attested);
    world.open(
        terms,
        Settings {
            attestor: company.pubkey(),
            ..shared(terms)
        },
    );
    world.fund_vault(10_000_000);
    let own = company.pubkey();
    let register = instructions::create_referral(&CreateReferral::new(
        &own,
        &own,
        &world.campaign,
        &code(CODE),
    ));
    world.land(&[register], &[&company]);
    let alice = world.referrer("STARTER8");
    let set = instructions::set_partner(
        &alice.pubkey(),
        &own,
        &world.campaign,
        &world.referral_address("STARTER8"),
        QUARTER,
    );
    world.land(&[set], &[&alice, &company]);
    let convert = |world: &World, payer: &Keypair, referee: &Keypair, text: &str| {
        let args = Convert {
            payer: payer.pubkey(),
            evidence: Evidence::Attestor(own),
            ..Convert::signup(&referee.pubkey())
        };
        world.convert(&own, text, &args)
    };

    // When wallets convert with it, then one wallet can have any two of the roles
    let before = world.rewards(&own);
    let bob = world.receiver();
    let sponsored = convert(&world, &company, &bob, CODE);
    world.land(&[sponsored], &[&company, &bob]);
    let gain = world.rewards(&own) - before;
    assert_eq!((gain, world.rewards(&bob.pubkey())), (750_000, 250_000));

    // The referrer pays for its referee, and the attestor is its partner.
    let carol = world.receiver();
    let sponsored = convert(&world, &alice, &carol, "STARTER8");
    world.land(&[sponsored], &[&alice, &carol, &company]);
    assert_eq!(world.rewards(&alice.pubkey()), 500_000);

    // And the referee is the attestor of another campaign, and then of this one.
    let dora = world.referrer("STARTER9");
    let own_word = convert(&world, &company, &company, "STARTER9");
    world.land(&[own_word], &[&company]);
    assert_eq!(world.rewards(&dora.pubkey()), 750_000);
}

#[test]
fn one_wallet_may_be_many_things_in_a_purchase() {
    for tokens in [false, true] {
        // The roles of the treasury and of the payer, besides referrer and partner.
        for (treasury_is, payer_is) in [
            ("referrer", "referrer"),
            ("referrer", "partner"),
            ("partner", "referrer"),
            ("partner", "partner"),
            ("company", "company"),
        ] {
            // Given a split of payments, with one of the other wallets as treasury
            let mut world = World::new();
            let (alice, partner) = (world.wallet(), world.wallet());
            let company = world.company.insecure_clone();
            let who = |name| match name {
                "referrer" => &alice,
                "partner" => &partner,
                _ => &company,
            };
            let mint = if tokens {
                world.issue_mint(&company.pubkey())
            } else {
                Pubkey::default()
            };
            let treasury = if tokens {
                world.issue(&who(treasury_is).pubkey(), 0)
            } else {
                who(treasury_is).pubkey()
            };
            let terms = terms(Funding::PaymentSplit, Proof::Payment);
            let settings = Settings {
                treasury,
                ..shared(terms)
            };
            let args = world.opening(terms, settings, mint);
            world.open_with(&args);
            let own = alice.pubkey();
            let campaign = world.campaign;
            let register = instructions::create_referral(&CreateReferral::new(
                &own,
                &own,
                &campaign,
                &code(CODE),
            ));
            let set = instructions::set_partner(
                &own,
                &partner.pubkey(),
                &campaign,
                &world.referral_address(CODE),
                QUARTER,
            );
            world.land(&[register, set], &[&alice, &partner]);
            let bob = world.wallet();
            if tokens {
                for wallet in [&alice, &partner] {
                    world.open_account(&wallet.pubkey());
                }
                world.issue(&bob.pubkey(), 4_000_000);
            }
            let before = [&alice, &partner].map(|wallet| world.rewards(&wallet.pubkey()));

            // When Bob buys, and one of them pays the rent
            let payer = who(payer_is);
            let args = Purchase {
                payer: payer.pubkey(),
                ..Purchase::new(&bob.pubkey(), 4_000_000, NONE)
            };
            let purchase = world.purchase(&own, CODE, &args);
            world.land(&[purchase], &[payer, &bob]);

            // Then each wallet has all of its parts
            let cost = if tokens {
                0
            } else {
                world
                    .svm
                    .minimum_balance_for_rent_exemption(Conversion::SIZE)
                    + 10_000
            };
            for (i, (name, part)) in [("referrer", 500_000), ("partner", 250_000)]
                .into_iter()
                .enumerate()
            {
                let mut expected = before[i] + part;
                if treasury_is == name {
                    expected += 3_000_000;
                }
                if payer_is == name {
                    expected -= cost;
                }
                let now = world.rewards(&who(name).pubkey());
                assert_eq!(now, expected, "{name}: {treasury_is}, {payer_is}, {tokens}");
            }
            assert_eq!(
                world.converted(CODE, &bob.pubkey(), &NONE).status,
                Status::Paid
            );
        }
    }
}

#[test]
fn a_wallet_that_is_somebody_elses_program_still_receives() {
    // Given a split in SOL, and a referrer whose wallet is an account of another program,
    // with data and exactly its rent
    let mut world = World::new();
    open(&mut world, WAYS[3], shared(WAYS[3].0));
    let alice = world.referrer(CODE);
    let rent = world.svm.minimum_balance_for_rent_exemption(500);
    world.change(&alice.pubkey(), |account| {
        account.owner = Pubkey::new_unique();
        account.data = vec![1; 500];
        account.lamports = rent;
    });
    let bob = world.wallet();

    // When Bob buys, then the referrer is paid all the same
    let purchase = step(&mut world, &bob, CODE);
    world.land(&[purchase], &[&bob]);
    assert_eq!(world.lamports(&alice.pubkey()), rent + 750_000);
}

#[test]
fn a_wallet_that_became_a_program_harms_its_owner_alone() {
    // Given a split in SOL, and a referrer or partner whose wallet became a program
    for bit in [settled::REFERRER, settled::PARTNER] {
        let mut world = World::new();
        open(&mut world, WAYS[3], shared(WAYS[3].0));
        let alice = world.referrer(CODE);
        let partner = world.partner(&alice, CODE, 2_500);
        let (victim, other, owed, paid) = if bit == settled::REFERRER {
            (&alice, &partner, 500_000, 250_000)
        } else {
            (&partner, &alice, 250_000, 500_000)
        };
        let deployed = world.svm.add_program(victim.pubkey(), &program_bytes());
        deployed.expect("a program");
        let bob = world.wallet();
        let before = world.lamports(&other.pubkey());

        // When Bob buys, then the other one is paid, and this one is owed
        let purchase = step(&mut world, &bob, CODE);
        world.land(&[purchase], &[&bob]);
        assert_eq!(world.lamports(&other.pubkey()) - before, paid);
        let conversion = world.converted(CODE, &bob.pubkey(), &NONE);
        assert_eq!(
            (conversion.status, conversion.settled),
            (Status::Pending, 7 & !bit)
        );
        let claim = world.claim(CODE, &bob.pubkey(), &NONE);
        let nothing = ProgramError::NothingToClaim;
        world.refuse(&[claim], &[&bob], nothing);

        // And in the end the unpaid part goes to the treasury, and the rent to Bob
        let back = world.reclaim(CODE, &bob.pubkey(), &NONE);
        let wallets = [world.campaign().settings.treasury, bob.pubkey()];
        world.close();
        world.wait(CLAIM_PERIOD);
        let before = wallets.map(|wallet| world.lamports(&wallet));
        let company = world.company.insecure_clone();
        world.land(&[back], &[&company]);
        let rent = world
            .svm
            .minimum_balance_for_rent_exemption(Conversion::SIZE);
        let gains = [0, 1].map(|i| world.lamports(&wallets[i]) - before[i]);
        assert_eq!(gains, [owed, rent]);
    }
}

#[test]
fn a_victim_that_was_bound_by_a_trick_is_free_after_the_window() {
    // Given Bob, who is bound to Eve's code by a trick
    let mut world = World::new();
    let settings = Settings {
        attribution_window: 1_000,
        ..Settings::fixed(REWARD)
    };
    world.open(Terms::default(), settings);
    world.referrer(CODE);
    let alice = world.referrer("STARTER8");
    let (bob, carol) = (world.wallet(), world.wallet());
    let bind = world.bind(&bob.pubkey(), CODE);
    world.land(&[bind], &[&bob]);

    // When she binds him again, as often as she likes, then the window does not get
    // longer
    world.wait(999);
    let again = world.bind(&bob.pubkey(), CODE);
    world.refuse(&[again], &[&bob], ProgramError::AlreadyBound);
    world.wait(1);
    let bind = world.bind(&bob.pubkey(), "STARTER8");
    let convert = world.conversion(&bob.pubkey(), &alice.pubkey(), "STARTER8");
    world.land(&[bind, convert], &[&bob]);

    // But nobody else was bound with him
    let bind = world.bind(&carol.pubkey(), "STARTER8");
    let convert = world.conversion(&carol.pubkey(), &alice.pubkey(), "STARTER8");
    world.land(&[bind, convert], &[&carol]);
    assert_eq!(world.rewards(&alice.pubkey()), 2 * REWARD);
}

#[test]
fn a_full_log_hides_nothing() {
    // Given earlier instructions that fill the log, so that the program's event is lost
    let mut world = World::new();
    let alice = world.referrer(CODE);
    let bob = world.wallet();
    let noise = token::create_associated_token(
        &bob.pubkey(),
        &alice.pubkey(),
        &world.mint.pubkey(),
        &world.token_program,
    );
    let mut steps = vec![noise; 40];
    steps.push(world.conversion(&bob.pubkey(), &alice.pubkey(), CODE));

    // When Bob converts after them
    let landed = world.send(&steps, &[&bob]).expect("paid");

    // Then the log is truncated, and all facts are in the accounts
    assert_eq!(
        landed.logs.last().map(String::as_str),
        Some("Log truncated")
    );
    assert!(
        !landed
            .logs
            .iter()
            .any(|line| line.starts_with("Program data: "))
    );
    let conversion = world.converted(CODE, &bob.pubkey(), &NONE);
    assert_eq!(
        (conversion.status, conversion.reward_referrer),
        (Status::Paid, REWARD)
    );
    assert_eq!(world.rewards(&alice.pubkey()), REWARD);
}
