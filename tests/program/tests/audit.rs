//! Defects that an audit proved in the program's first version: at least one test per row
//! of its table, in the order of the table. For each row one test fails with the first
//! version's rules, except row 3, where the API's transactions were wrong, not the
//! program. Numbers in brackets refer to docs/INVARIANTS.md.

use solana_sdk::{
    account::Account,
    instruction::{Instruction, InstructionError},
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
};
use vouch_client::{
    PROGRAM_ID, ProgramError, Share,
    accounts::{
        AccountType as _, Closed, Conversion, Funding, Proof, Referral, RevokedVoucher, Settings,
        Status, Terms, settled,
    },
    instructions::{
        self, Convert, CreateCampaign, CreateReferral, Purchase,
        raw::{
            ClaimAccounts, ConvertAccounts, PurchaseAccounts, ReclaimConversionAccounts,
            RevokeVoucherAccounts,
        },
    },
    pda,
    voucher::{self, Statement},
};
use vouch_program_tests::{
    REWARD, Refused, World, bonuses, code, other, program_bytes, signed, tiers, vouched_by,
};

const CODE: &str = "STARTER7";
const OTHER: &str = "STARTER8";
const NONE: [u8; 32] = [0; 32];
const NOW: i64 = 1_800_000_000;
const HOLD: u32 = 60;
const DAY: i64 = 24 * 60 * 60;
/// The price in lamports: 2 SOL.
const PRICE: u64 = 2_000_000_000;
/// Lamports of a transaction's fee, per signature.
const FEE: u64 = 5_000;
/// The framework's `ConstraintMut`: an account must be writable.
const NOT_WRITABLE: InstructionError = InstructionError::Custom(2000);

fn paying(funding: Funding) -> Terms {
    Terms {
        funding,
        proof: Proof::Payment,
        ..Terms::default()
    }
}

/// A chain at [`NOW`].
fn world() -> World {
    let mut world = World::new();
    world.set_time(NOW);
    world
}

/// A campaign whose rewards are split out of payments in SOL.
fn sol_split(settings: Settings) -> World {
    let mut world = world();
    world.open(paying(Funding::PaymentSplit), settings);
    world
}

/// A purchase of `buyer` for [`PRICE`].
fn purchase(world: &World, buyer: &Keypair) -> Instruction {
    let args = Purchase::new(&buyer.pubkey(), PRICE, NONE);
    world.purchase(&Pubkey::default(), CODE, &args)
}

/// Lets a new wallet buy for [`PRICE`].
#[track_caller]
fn buy(world: &mut World) -> Conversion {
    let buyer = world.wallet();
    let purchase = purchase(world, &buyer);
    world.land(&[purchase], &[&buyer]);
    world.converted(CODE, &buyer.pubkey(), &NONE)
}

/// Expects the refusal of a sale of `amount` to a new wallet.
#[track_caller]
fn refuse_sale(world: &mut World, attestor: &Keypair, amount: u64, expected: ProgramError) {
    let referee = world.receiver();
    let sale = world.sale(CODE, &referee.pubkey(), &attestor.pubkey(), amount);
    world.refuse(&[sale], &[&referee, attestor], expected);
}

/// Cancels the conversion of `referee`.
#[track_caller]
fn cancel(world: &mut World, referee: &Keypair) {
    let company = world.company.insecure_clone();
    let cancel = world.cancel(CODE, &referee.pubkey(), &NONE);
    world.land(&[cancel], &[&company]);
}

/// Deploys a program at the address of a wallet, as the owner of its key can.
fn deploy_at(world: &mut World, wallet: &Pubkey) {
    world
        .svm
        .add_program(*wallet, &program_bytes())
        .expect("a program");
}

/// Removes the account at this address.
fn remove(world: &mut World, address: &Pubkey) {
    world
        .svm
        .set_account(*address, Account::default())
        .expect("removed");
}

/// Whether the instruction passes this account as writable.
fn writes(instruction: &Instruction, account: &Pubkey) -> bool {
    instruction
        .accounts
        .iter()
        .any(|meta| meta.pubkey == *account && meta.is_writable)
}

/// Row 1 (I16): a wallet that became a program delays only its own part.
#[test]
fn a_wallet_that_became_a_program_makes_its_own_part_wait() {
    for spoilt in [settled::REFERRER, settled::PARTNER] {
        // Given a split of payments in SOL, and a referrer or partner who deploys a
        // program at the address of the wallet
        let mut world = sol_split(Settings {
            max_partner_share_bps: 5_000,
            ..Settings::percent(1_000, u64::MAX)
        });
        let alice = world.referrer(CODE);
        let partner = world.partner(&alice, CODE, 1);
        let treasury = world.campaign().settings.treasury;
        let (alice, partner) = (alice.pubkey(), partner.pubkey());
        let of_program = if spoilt == settled::REFERRER {
            alice
        } else {
            partner
        };
        deploy_at(&mut world, &of_program);
        let wallets = [treasury, alice, partner];
        let before = wallets.map(|wallet| world.lamports(&wallet));

        // When Bob buys, then all others are paid
        let bob = world.wallet();
        let purchase = purchase(&world, &bob);
        world.land(&[purchase], &[&bob]);
        let (for_alice, for_partner) = (199_980_000, 20_000);
        let waits = if spoilt == settled::REFERRER {
            for_alice
        } else {
            for_partner
        };
        let paid = |wallet: Pubkey, units: u64| if wallet == of_program { 0 } else { units };
        let expected = [
            PRICE - for_alice - for_partner,
            paid(alice, for_alice),
            paid(partner, for_partner),
        ];
        for ((wallet, before), expected) in wallets.iter().zip(before).zip(expected) {
            assert_eq!(world.lamports(wallet) - before, expected);
        }

        // And that one part is held in the conversion's account
        let conversion = world.converted(CODE, &bob.pubkey(), &NONE);
        assert_eq!(
            (conversion.status, conversion.settled),
            (Status::Pending, 7 & !spoilt)
        );
        let address = world.conversion_address(CODE, &bob.pubkey(), &NONE);
        let rent = world
            .svm
            .minimum_balance_for_rent_exemption(Conversion::SIZE);
        assert_eq!(world.lamports(&address), rent + waits);
    }
}

/// Row 1: a treasury that became a program is paid nothing, directly or by a CPI. So no reward
/// that waits beside such a payment can lapse to the payer of the rent.
#[test]
fn a_treasury_that_became_a_program_takes_no_payment() {
    // Given a split in SOL
    let mut world = sol_split(Settings::percent(1_000, u64::MAX));
    world.referrer(CODE);
    let bob = world.wallet();

    // When its treasury becomes a program, then nobody can buy
    let treasury = world.campaign().settings.treasury;
    deploy_at(&mut world, &treasury);
    let sale = purchase(&world, &bob);
    world.refuse(&[sale], &[&bob], other(0, NOT_WRITABLE));
}

/// Row 1: the owner ends a partnership with a partner who cannot be paid. The partner's
/// past rewards stay owed.
#[test]
fn an_owner_ends_a_partnership_that_cannot_be_paid() {
    // Given a partner whose wallet became a program, and who is owed a part
    let mut world = sol_split(Settings {
        max_partner_share_bps: 5_000,
        ..Settings::percent(1_000, u64::MAX)
    });
    let alice = world.referrer(CODE);
    let partner = world.partner(&alice, CODE, 1);
    let dora = world.wallet();
    deploy_at(&mut world, &partner.pubkey());
    assert_eq!(buy(&mut world).reward_partner, 20_000);

    // When the owner ends the partnership, then the partner earns for seven more days
    let referral = world.referral_address(CODE);
    let end = instructions::end_partnership(&alice.pubkey(), &referral);
    let end = std::slice::from_ref(&end);
    world.land(end, &[&alice]);
    let ends_at = NOW + 7 * DAY;
    assert_eq!(world.referral(CODE).partner_ends_at, ends_at);
    world.set_time(ends_at - 1);
    assert_eq!(buy(&mut world).reward_partner, 20_000);

    // And earns nothing from then on, so that nothing is left pending
    world.set_time(ends_at);
    let conversion = buy(&mut world);
    assert_eq!(
        (
            conversion.status,
            conversion.reward_referrer,
            conversion.reward_partner
        ),
        (Status::Paid, 200_000_000, 0)
    );

    // And past rewards stay owed to this partner, and to no other
    assert_eq!(world.referral(CODE).partner_pending, 40_000);
    world.refuse(end, &[&alice], ProgramError::RewardsPending);
    let replace = instructions::set_partner(
        &alice.pubkey(),
        &dora.pubkey(),
        &world.campaign,
        &referral,
        Share { bps: 1, fixed: 0 },
    );
    world.refuse(&[replace], &[&alice, &dora], ProgramError::PartnerExists);
}

/// Row 1, at the end of a life (I16): the payer of a rent deploys a program at its wallet, and
/// so cannot get it back. That stops neither the owner of a code nor a campaign's authority.
#[test]
fn a_rent_payer_that_became_a_program_stops_nobody() {
    for funding in [Funding::MintAuthority, Funding::Vault] {
        // Given a campaign and a code whose rent a relay paid, and a vault with tokens
        let mut world = world();
        let company = world.company.insecure_clone();
        let (relay, alice) = (world.wallet(), world.wallet());
        let terms = Terms {
            funding,
            ..Terms::default()
        };
        let mut args = world.opening(terms, Settings::fixed(REWARD), Pubkey::default());
        args.payer = relay.pubkey();
        world.land(&[instructions::create_campaign(&args)], &[&company, &relay]);
        world.campaign = pda::campaign(&args.authority, args.id).0;
        let create = CreateReferral::new(
            &relay.pubkey(),
            &alice.pubkey(),
            &world.campaign,
            &code(CODE),
        );
        world.land(&[instructions::create_referral(&create)], &[&relay, &alice]);
        if funding == Funding::Vault {
            world.fund_vault(REWARD);
        }

        // When the relay becomes a program
        deploy_at(&mut world, &relay.pubkey());
        let paid = world.lamports(&relay.pubkey());

        // Then Alice can still close her code
        let referral = world.referral_address(CODE);
        let close = instructions::close_referral(&alice.pubkey(), &referral, &relay.pubkey());
        world.land(&[close], &[&company, &alice]);
        let closed: Closed = world.read(&referral);
        assert_eq!(closed.rent_payer, relay.pubkey());

        // And the company gets back its mint, or the rest of its vault
        world.close();
        world.wait(30 * DAY);
        let campaign = world.campaign();
        let (destination, _) =
            pda::associated_token(&company.pubkey(), &campaign.mint, &campaign.token_program);
        let end = instructions::reclaim_campaign(&world.campaign, &campaign, Some(&destination));
        world.land(&[end], &[&company]);
        match funding {
            Funding::MintAuthority => {
                let mint = world.svm.get_account(&campaign.mint).expect("a mint").data;
                assert_eq!(mint[4..36], company.pubkey().to_bytes());
            }
            _ => assert_eq!(world.tokens(&destination), REWARD),
        }
        let closed: Closed = world.read(&world.campaign);
        assert_eq!(closed.rent_payer, relay.pubkey());

        // And the rent is the only thing that stays
        assert_eq!(world.lamports(&relay.pubkey()), paid);
    }
}

/// Row 2 (I23): a bonus is paid exactly once, in every order of updates. A new bonus
/// is a different one.
#[test]
fn a_bonus_is_remembered_by_what_it_is_and_not_by_its_place() {
    // Given a campaign that changes its bonuses before each conversion of Alice's code
    let mut world = world();
    let attestor = world.open_attested(Terms::default(), Settings::fixed(100));
    world.referrer(CODE);
    type Round = (&'static [(u64, u64)], u64);
    let rounds: [Round; 8] = [
        (&[(2, 1_000_000)], 0),
        (&[(2, 1_000_000)], 1_000_000),
        // Inserted before a bonus that was paid.
        (&[(1, 10), (2, 1_000_000)], 10),
        (&[(1, 10), (2, 1_000_000), (4, 40)], 40),
        // Another season's bonus, at the position of one that was paid.
        (&[(3, 500)], 500),
        // The bonuses of the first season again.
        (&[(2, 1_000_000)], 0),
        (&[(1, 10), (2, 1_000_000), (3, 500), (4, 40)], 0),
        // The same threshold with another amount is another bonus.
        (&[(2, 2_000_000)], 2_000_000),
    ];
    for (round, (offered, bonus)) in rounds.into_iter().enumerate() {
        world.update(|settings| settings.bonuses = bonuses(offered));

        // When a wallet converts, then exactly the bonuses that were not paid are paid
        let referee = world.sell(CODE, &attestor, 0);
        let conversion = world.converted(CODE, &referee.pubkey(), &NONE);
        assert_eq!(conversion.reward_referrer, 100 + bonus, "round {round}");
    }
    // And five distinct bonuses were paid
    assert_eq!(world.referral(CODE).bonuses_paid, 0b1_1111);
}

/// Row 3: beneficiaries pay for their own token accounts. If referrer and partner close
/// theirs before each conversion, they gain nothing, and the payer of the conversion
/// loses nothing: the client's instruction is the whole transaction, and their parts stay
/// pending.
#[test]
fn accounts_that_beneficiaries_close_cost_nobody_else() {
    // Given Alice and a partner
    let mut world = world();
    world.open(
        Terms::default(),
        Settings {
            max_partner_share_bps: 2_000,
            ..Settings::fixed(REWARD)
        },
    );
    let alice = world.referrer(CODE);
    let partner = world.partner(&alice, CODE, 2_000);
    let accounts = [&alice, &partner].map(|wallet| world.reward_account(&wallet.pubkey()));
    let rent = world
        .svm
        .minimum_balance_for_rent_exemption(Conversion::SIZE);

    for _ in 0..10 {
        // When they close their accounts, and a wallet converts
        for account in &accounts {
            remove(&mut world, account);
        }
        let bob = world.wallet();
        let before = [&alice, &partner, &bob].map(|wallet| world.lamports(&wallet.pubkey()));
        let convert = world.conversion(&bob.pubkey(), &alice.pubkey(), CODE);
        world.land(&[convert], &[&bob]);

        // Then the payer pays for the conversion only, and they have gained nothing
        assert_eq!(
            world.lamports(&bob.pubkey()),
            before[2] - FEE - rent,
            "the payer"
        );
        assert_eq!(world.lamports(&alice.pubkey()), before[0]);
        assert_eq!(world.lamports(&partner.pubkey()), before[1]);
        for account in &accounts {
            assert_eq!(world.lamports(account), 0);
        }

        // And their parts stay pending until they have accounts again
        let conversion = world.converted(CODE, &bob.pubkey(), &NONE);
        assert_eq!(conversion.settled, settled::REFEREE);
        for owner in [&alice, &partner] {
            world.open_account(&owner.pubkey());
        }
        let claim = world.claim(CODE, &bob.pubkey(), &NONE);
        world.land(&[claim], &[&bob]);
        assert_eq!(world.rewards(&alice.pubkey()), REWARD / 5 * 4);
        assert_eq!(world.rewards(&partner.pubkey()), REWARD / 5);
    }
}

/// Row 4: conversions and claims that mint nothing pass the mint as read-only.
#[test]
fn a_mint_is_writable_only_where_it_is_minted() {
    // Given a campaign that pays from a vault, at once or after a hold
    for hold_seconds in [0, HOLD] {
        let mut world = world();
        let terms = Terms {
            funding: Funding::Vault,
            ..Terms::default()
        };
        world.open(
            terms,
            Settings {
                hold_seconds,
                ..Settings::fixed(10)
            },
        );
        world.fund_vault(1_000);
        let (alice, bob, mint) = (world.referrer(CODE), world.wallet(), world.mint.pubkey());

        // When Bob converts, and his reward is claimed, then the mint is read-only
        let convert = world.conversion(&bob.pubkey(), &alice.pubkey(), CODE);
        assert!(!writes(&convert, &mint));
        world.land(&[convert], &[&bob]);
        if hold_seconds > 0 {
            world.wait(hold_seconds.into());
            let claim = world.claim(CODE, &bob.pubkey(), &NONE);
            assert_eq!(claim.accounts[ClaimAccounts::MINT].pubkey, mint);
            assert!(!writes(&claim, &mint));
            world.land(&[claim], &[&bob]);
        }
        assert_eq!(world.rewards(&alice.pubkey()), 10);
    }

    // And also if payments are in tokens, with rewards split from them or paid beside
    // them
    for funding in [Funding::PaymentSplit, Funding::Vault] {
        let mut world = world();
        world.open_for_tokens(
            paying(funding),
            Settings {
                min_amount: 10,
                ..Settings::fixed(10)
            },
        );
        if funding == Funding::Vault {
            world.fund_vault(1_000);
        }
        let (alice, bob, campaign) = (world.referrer(CODE), world.wallet(), world.campaign());
        world.issue_of(&campaign.payment_mint, &bob.pubkey(), PRICE);
        let purchase = purchase(&world, &bob);
        assert_eq!(
            purchase.accounts[PurchaseAccounts::PAYMENT_MINT].pubkey,
            campaign.payment_mint
        );
        assert!(!writes(&purchase, &campaign.payment_mint));
        assert!(!writes(&purchase, &campaign.mint));
        world.land(&[purchase], &[&bob]);
        assert_eq!(world.rewards(&alice.pubkey()), 10);
    }
}

/// Row 4: if something is minted, a read-only mint is refused.
#[test]
fn a_mint_that_is_minted_has_to_be_writable() {
    // Given a campaign that mints
    let mut world = world();
    world.open(Terms::default(), Settings::fixed(10));
    let (alice, bob) = (world.referrer(CODE), world.wallet());
    let read_only = |instruction: &Instruction, position: usize| {
        let mut changed = instruction.clone();
        changed.accounts[position].is_writable = false;
        changed
    };

    // When Bob converts with a read-only mint, then he is refused
    let convert = world.conversion(&bob.pubkey(), &alice.pubkey(), CODE);
    let refused = read_only(&convert, ConvertAccounts::MINT);
    world.refuse(&[refused], &[&bob], other(0, NOT_WRITABLE));
    world.land(&[convert], &[&bob]);

    // And a claim that mints needs a writable mint, while a held conversion needs no mint
    world.update(|settings| settings.hold_seconds = HOLD);
    let (carol, mint) = (world.wallet(), world.mint.pubkey());
    let convert = world.conversion(&carol.pubkey(), &alice.pubkey(), CODE);
    assert!(convert.accounts.iter().all(|meta| meta.pubkey != mint));
    world.land(&[convert], &[&carol]);
    world.wait(HOLD.into());
    let claim = world.claim(CODE, &carol.pubkey(), &NONE);
    let refused = read_only(&claim, ClaimAccounts::MINT);
    world.refuse(&[refused], &[&carol], other(0, NOT_WRITABLE));
    world.land(&[claim], &[&carol]);
    assert_eq!(world.rewards(&alice.pubkey()), 20);
}

/// Opens a campaign for payments; `same_token` says whether its rewards are in the
/// payment token.
fn opening(
    world: &mut World,
    funding: Funding,
    same_token: bool,
    settings: Settings,
) -> CreateCampaign {
    let args = world.opening(paying(funding), settings, Pubkey::default());
    CreateCampaign {
        payment_mint: if same_token {
            args.mint
        } else {
            args.payment_mint
        },
        ..args
    }
}

/// Row 5 (I24): terms under which a buyer gets back more than the payment are refused.
#[test]
fn terms_that_give_back_more_than_was_paid_are_refused() {
    use Funding::{MintAuthority, PaymentSplit, Vault};
    let fixed = |units, min_amount| Settings {
        min_amount,
        ..Settings::fixed(units)
    };
    let tiered = |multiplier_bps, settings: Settings| Settings {
        tiers: tiers(&[(2, multiplier_bps)]),
        ..settings
    };
    let with_bonus = |amount, settings: Settings| Settings {
        bonuses: bonuses(&[(2, amount)]),
        ..settings
    };
    let half = Settings::percent(5_000, u64::MAX);
    let (reward, bonus) = (
        Err(ProgramError::InvalidReward),
        Err(ProgramError::InvalidBonuses),
    );
    type Row = (Funding, bool, Settings, Result<(), ProgramError>);
    let rows: [Row; 14] = [
        // A fixed reward for a payment of almost nothing.
        (Vault, false, fixed(5_000_000, 0), reward),
        (Vault, false, fixed(5_000_000, 1), Ok(())),
        (MintAuthority, false, fixed(5_000_000, 0), reward),
        (MintAuthority, false, fixed(5_000_000, 1), Ok(())),
        // In the same token, the highest tier gives back at most the payment.
        (PaymentSplit, false, tiered(20_001, half), reward),
        (PaymentSplit, false, tiered(20_000, half), Ok(())),
        (PaymentSplit, false, fixed(100, 99), reward),
        (PaymentSplit, false, fixed(100, 100), Ok(())),
        (PaymentSplit, false, tiered(20_000, fixed(100, 199)), reward),
        (PaymentSplit, false, tiered(20_000, fixed(100, 200)), Ok(())),
        (Vault, true, fixed(100, 99), reward),
        // And bonuses at most the margin of the conversions that reach them.
        (Vault, true, with_bonus(21, fixed(90, 100)), bonus),
        (Vault, true, with_bonus(20, fixed(90, 100)), Ok(())),
        (Vault, false, with_bonus(21, fixed(90, 100)), Ok(())),
    ];
    let mut world = world();
    let company = world.company.insecure_clone();
    for (row, (funding, same_token, settings, expected)) in rows.into_iter().enumerate() {
        // When a campaign is opened with them, then it is refused
        let args = opening(&mut world, funding, same_token, settings);
        let outcome = world.send(&[instructions::create_campaign(&args)], &[&company]);
        let expected = expected.map_err(Refused::Program);
        assert_eq!(outcome.map(|_| ()), expected, "row {row}");
    }

    // And an update to such terms is refused, too
    world.open(paying(Funding::Vault), fixed(5_000_000, 1));
    let update = world.updating(|settings| settings.min_amount = 0);
    world.refuse(&[update], &[&company], ProgramError::InvalidReward);
}

/// Row 5 (I24): wrapped SOL is the money of buyers who pay in SOL.
#[test]
fn rewards_in_wrapped_sol_give_back_at_most_the_payment_in_sol() {
    let mut world = world();
    let company = world.company.insecure_clone();
    let wrapped = Pubkey::from_str_const("So11111111111111111111111111111111111111112");
    let mint = world.svm.get_account(&world.mint.pubkey()).expect("a mint");
    world.svm.set_account(wrapped, mint).expect("a mint");
    for (multiplier_bps, expected) in [
        (20_001, Err(Refused::Program(ProgramError::InvalidReward))),
        (20_000, Ok(())),
    ] {
        let settings = Settings {
            tiers: tiers(&[(2, multiplier_bps)]),
            ..Settings::percent(5_000, u64::MAX)
        };
        let args = opening(&mut world, Funding::Vault, false, settings);
        let args = CreateCampaign {
            mint: wrapped,
            ..args
        };
        assert_eq!(args.payment_mint, Pubkey::default());
        world.open_vault(&args);
        let outcome = world.send(&[instructions::create_campaign(&args)], &[&company]);
        assert_eq!(outcome.map(|_| ()), expected);
    }
}

/// Row 6 (I19, I23): a held conversion can be cancelled, also if it is worth nothing. A conversion
/// that earns nothing does not count.
#[test]
fn a_conversion_worth_nothing_counts_for_nothing_and_can_be_cancelled() {
    // Given a tenth of each sale, doubled from the third on, and a bonus at the third
    let mut world = world();
    let attestor = world.open_attested(
        Terms::default(),
        Settings {
            tiers: tiers(&[(3, 20_000)]),
            bonuses: bonuses(&[(3, 1_000)]),
            hold_seconds: HOLD,
            ..Settings::percent(1_000, 1_000_000)
        },
    );
    world.referrer(CODE);
    let counters = |world: &World| {
        let referral = world.referral(CODE);
        (
            referral.conversions,
            referral.open_conversions,
            referral.rewards_total,
            referral.bonuses_paid,
        )
    };

    // When nine sales of 9 are held
    let cheap: Vec<Keypair> = (0..9).map(|_| world.sell(CODE, &attestor, 9)).collect();

    // Then they are pending, and do not count
    for referee in &cheap {
        let conversion = world.converted(CODE, &referee.pubkey(), &NONE);
        assert_eq!(
            (conversion.status, conversion.settled, conversion.bonuses),
            (Status::Pending, 7, 0)
        );
        assert_eq!(conversion.reward().total(), 0);
    }
    assert_eq!(counters(&world), (0, 9, 0, 0));

    // And they do not bring the code to a tier or a bonus
    let bob = world.sell(CODE, &attestor, 100);
    let conversion = world.converted(CODE, &bob.pubkey(), &NONE);
    assert_eq!((conversion.reward_referrer, conversion.bonuses), (10, 0));

    // And each can be cancelled, or ends with its hold
    for referee in &cheap[1..] {
        cancel(&mut world, referee);
        let conversion = world.converted(CODE, &referee.pubkey(), &NONE);
        assert_eq!(conversion.status, Status::Cancelled);
    }
    assert_eq!(counters(&world), (1, 2, 10, 0));
    world.wait(HOLD.into());
    let claim = world.claim(CODE, &cheap[0].pubkey(), &NONE);
    world.land(&[claim], &[&bob]);
    let conversion = world.converted(CODE, &cheap[0].pubkey(), &NONE);
    assert_eq!(conversion.status, Status::Paid);
    assert_eq!(counters(&world), (1, 1, 10, 0));
}

/// Row 6: a conversion worth nothing does not earn a cancelled bonus again.
#[test]
fn a_cancelled_bonus_is_earned_again_by_a_real_conversion_alone() {
    // Given a bonus at the first conversion, which is cancelled
    let mut world = world();
    let attestor = world.open_attested(
        Terms::default(),
        Settings {
            bonuses: bonuses(&[(1, 1_000)]),
            hold_seconds: HOLD,
            ..Settings::percent(1_000, 1_000_000)
        },
    );
    world.referrer(CODE);
    for _ in 0..3 {
        let bob = world.sell(CODE, &attestor, 100);
        assert_eq!(world.referral(CODE).rewards_total, 1_010);
        cancel(&mut world, &bob);
        assert_eq!(world.referral(CODE).bonuses_paid, 0);

        // When a sale of 9 follows, then it does not earn the bonus
        let carol = world.sell(CODE, &attestor, 9);
        let conversion = world.converted(CODE, &carol.pubkey(), &NONE);
        assert_eq!((conversion.reward_referrer, conversion.bonuses), (0, 0));
        assert_eq!(world.referral(CODE).rewards_total, 0);
    }
}

/// Row 7 (I15): the budget holds for every order of settings, conversions and
/// cancellations.
#[test]
fn a_cancellation_frees_only_what_the_budget_was_charged() {
    // Given five held conversions of 100, and a budget of 100 that is set after them
    let mut world = world();
    let settings = Settings {
        hold_seconds: HOLD,
        ..Settings::fixed(100)
    };
    let attestor = world.open_attested(Terms::default(), settings);
    world.referrer(CODE);
    let before: Vec<Keypair> = (0..5).map(|_| world.sell(CODE, &attestor, 0)).collect();
    let exhausted = ProgramError::BudgetExhausted;
    let set = |world: &mut World, budget| world.update(|settings| settings.budget = budget);
    set(&mut world, 100);

    // When one of 100 is made under it, and the five are cancelled, then these free
    // nothing
    let charged = world.sell(CODE, &attestor, 0);
    for referee in &before {
        cancel(&mut world, referee);
        assert_eq!(world.campaign().committed, 100);
        refuse_sale(&mut world, &attestor, 0, exhausted);
    }

    // And conversions that are made while the budget is off free nothing either
    set(&mut world, 0);
    let between: Vec<Keypair> = (0..3).map(|_| world.sell(CODE, &attestor, 0)).collect();
    cancel(&mut world, &between[0]);
    set(&mut world, 100);
    for referee in &between[1..] {
        cancel(&mut world, referee);
        assert_eq!(world.campaign().committed, 100);
        refuse_sale(&mut world, &attestor, 0, exhausted);
    }

    // And a conversion that was charged frees exactly its charge, also while the budget
    // is off
    set(&mut world, 0);
    cancel(&mut world, &charged);
    assert_eq!(world.campaign().committed, 0);
    set(&mut world, 100);
    world.sell(CODE, &attestor, 0);
    refuse_sale(&mut world, &attestor, 0, exhausted);
    assert_eq!(world.campaign().committed, 100);
}

/// Row 8 (I20): a wallet can be bound to another code as soon as its own cannot earn.
#[test]
fn a_wallet_is_bound_anew_when_its_code_cannot_earn() {
    type Lose = (&'static str, fn(&mut World, &Keypair));
    let ways: [Lose; 5] = [
        ("closed", |world, alice| {
            let own = alice.pubkey();
            let close = instructions::close_referral(&own, &world.referral_address(CODE), &own);
            world.land(&[close], &[alice]);
        }),
        ("used up", |world, alice| {
            let carol = world.wallet();
            let bind = world.bind(&carol.pubkey(), CODE);
            let convert = world.conversion(&carol.pubkey(), &alice.pubkey(), CODE);
            world.land(&[bind, convert], &[&carol]);
            update(world, alice, true, 1, 0);
        }),
        ("expired", |world, alice| {
            update(world, alice, true, 0, NOW + 1);
            world.wait(1);
        }),
        ("suspended", |world, _| {
            let company = world.company.insecure_clone();
            let referral = world.referral_address(CODE);
            let suspend =
                instructions::set_suspended(&company.pubkey(), &world.campaign, &referral, true);
            world.land(&[suspend], &[&company]);
        }),
        ("inactive", |world, alice| update(world, alice, false, 0, 0)),
    ];
    for (name, lose) in ways {
        // Given Bob, who is bound to Alice's code, and another code
        let mut world = world();
        world.open(
            Terms::default(),
            Settings {
                attribution_window: 31_536_000,
                ..Settings::fixed(REWARD)
            },
        );
        let (alice, dora) = (world.referrer(CODE), world.referrer(OTHER));
        let bob = world.wallet();
        let bind = world.bind(&bob.pubkey(), CODE);
        world.land(&[bind], &[&bob]);
        let (plain, anew) = (
            world.bind(&bob.pubkey(), OTHER),
            world.bind_anew(&bob.pubkey(), CODE, OTHER),
        );
        let convert = world.conversion(&bob.pubkey(), &dora.pubkey(), OTHER);

        // When Alice's code can earn, then Bob stays bound to it
        for again in [&plain, &anew] {
            let bound = ProgramError::AlreadyBound;
            world.refuse(std::slice::from_ref(again), &[&bob], bound);
        }
        let first = ProgramError::BoundElsewhere;
        world.refuse(std::slice::from_ref(&convert), &[&bob], first);

        // And when it cannot earn any more, then he can be bound to the other code, and
        // counts
        lose(&mut world, &alice);
        world.refuse(&[plain], &[&bob], ProgramError::AlreadyBound);
        let outcome = world.send(&[anew, convert], &[&bob]);
        assert_eq!(outcome.map(|_| ()), Ok(()), "{name}");
        assert_eq!(world.rewards(&dora.pubkey()), REWARD);
    }
}

/// Changes Alice's code.
fn update(world: &mut World, alice: &Keypair, active: bool, usage_limit: u64, expires_at: i64) {
    let referral = world.referral_address(CODE);
    let own = alice.pubkey();
    let update = instructions::update_referral(&own, &referral, active, usage_limit, expires_at);
    world.land(&[update], &[alice]);
}

/// Row 9 (I15): cancelling a split purchase frees its discount, too.
#[test]
fn a_cancelled_split_frees_its_discount() {
    // Given a budget for exactly one purchase, half of whose reward is a discount
    let mut world = sol_split(Settings {
        referee_share_bps: 5_000,
        hold_seconds: HOLD,
        budget: PRICE / 10,
        ..Settings::percent(1_000, u64::MAX)
    });
    world.referrer(CODE);
    for _ in 0..3 {
        // When it is used up and the purchase is cancelled, then all of it is free again
        let (bob, carol) = (world.wallet(), world.wallet());
        let [of_bob, of_carol] = [&bob, &carol].map(|buyer| purchase(&world, buyer));
        world.land(&[of_bob], &[&bob]);
        assert_eq!(world.campaign().committed, PRICE / 10);
        world.refuse(&[of_carol], &[&carol], ProgramError::BudgetExhausted);
        cancel(&mut world, &bob);
        assert_eq!(world.campaign().committed, 0);
    }
}

/// Row 10 (I25): a buyer pays at most the signed maximum.
#[test]
fn a_buyer_pays_the_price_that_was_shown_or_nothing() {
    // Given a discount of half the price, and buyers who sign for the other half
    let mut world = sol_split(Settings {
        referee_share_bps: 5_000,
        ..Settings::percent(10_000, u64::MAX)
    });
    world.referrer(CODE);
    let (bob, carol) = (world.wallet(), world.wallet());
    let company = world.company.insecure_clone();
    let shown = |world: &World, buyer: &Keypair, max_payment| {
        let args = Purchase {
            payer: company.pubkey(),
            max_payment,
            ..Purchase::new(&buyer.pubkey(), PRICE, NONE)
        };
        world.purchase(&Pubkey::default(), CODE, &args)
    };
    let above = ProgramError::PaymentAboveMaximum;

    // When nothing changes, then Bob pays exactly that
    let before = world.lamports(&bob.pubkey());
    let too_little = shown(&world, &bob, PRICE / 2 - 1);
    world.refuse(&[too_little], &[&company, &bob], above);
    let enough = shown(&world, &bob, PRICE / 2);
    world.land(&[enough], &[&company, &bob]);
    assert_eq!(world.lamports(&bob.pubkey()), before - PRICE / 2);

    // And when the discount ends before Carol's transaction, then she pays nothing
    let before = world.lamports(&carol.pubkey());
    let signed_for_half = shown(&world, &carol, PRICE / 2);
    world.update(|settings| settings.referee_share_bps = 0);
    world.refuse(&[signed_for_half], &[&company, &carol], above);
    assert_eq!(world.lamports(&carol.pubkey()), before);
}

/// A closed campaign with a held split in SOL: its buyer, and the relay that paid the rent.
fn closed_with_a_held_split() -> (World, Keypair, Keypair) {
    let mut world = sol_split(Settings {
        hold_seconds: HOLD,
        ..Settings::percent(1_000, u64::MAX)
    });
    world.referrer(CODE);
    let (bob, relay) = (world.wallet(), world.wallet());
    let args = Purchase {
        payer: relay.pubkey(),
        ..Purchase::new(&bob.pubkey(), PRICE, NONE)
    };
    let purchase = world.purchase(&Pubkey::default(), CODE, &args);
    world.land(&[purchase], &[&relay, &bob]);
    world.close();
    (world, bob, relay)
}

/// Row 11 (I21): SOL that nobody claims goes to the treasury after the claim period, not
/// to the payer of the rent.
#[test]
fn sol_that_nobody_claims_goes_to_the_treasury() {
    for campaign_reclaimed in [false, true] {
        // Given a held split in SOL, whose rent a relay paid, in a closed campaign
        let (mut world, bob, relay) = closed_with_a_held_split();
        let company = world.company.insecure_clone();
        let campaign = world.campaign();
        let reclaim = world.reclaim(CODE, &bob.pubkey(), &NONE);

        // When it is reclaimed within the claim period, then it is refused
        world.wait(HOLD.into());
        let pending = ProgramError::RewardsPending;
        world.refuse(std::slice::from_ref(&reclaim), &[&company], pending);
        world.wait(30 * DAY - 1);
        world.refuse(std::slice::from_ref(&reclaim), &[&company], pending);
        world.wait(1);
        if campaign_reclaimed {
            let end = instructions::reclaim_campaign(&world.campaign, &campaign, None);
            world.land(&[end], &[&company]);
        }

        // And when the relay replaces the treasury or leaves it out, then it is refused,
        // too
        for (treasury, refused) in [
            (relay.pubkey(), ProgramError::WrongTreasury),
            (PROGRAM_ID, ProgramError::MissingAccount),
        ] {
            let mut theft = reclaim.clone();
            let meta = &mut theft.accounts[ReclaimConversionAccounts::TREASURY];
            meta.pubkey = treasury;
            meta.is_writable = treasury != PROGRAM_ID;
            world.refuse(&[theft], &[&company], refused);
        }

        // And so it is when a program stands in for the relay, as if the relay could receive nothing
        let program = Pubkey::new_unique();
        deploy_at(&mut world, &program);
        let mut theft = reclaim.clone();
        theft.accounts[ReclaimConversionAccounts::RENT_PAYER].pubkey = program;
        let wrong = ProgramError::WrongRentPayer;
        world.refuse(&[theft], &[&company], wrong);

        // And after the claim period, the treasury gets the reward, and the relay its
        // rent
        let wallets = [campaign.settings.treasury, relay.pubkey()];
        let before = wallets.map(|wallet| world.lamports(&wallet));
        world.land(&[reclaim], &[&company]);
        let rent = world
            .svm
            .minimum_balance_for_rent_exemption(Conversion::SIZE);
        for ((wallet, before), gain) in wallets.iter().zip(before).zip([PRICE / 10, rent]) {
            assert_eq!(world.lamports(wallet) - before, gain);
        }
    }
}

/// Row 11 (I21): a payer of the rent that became a program keeps the treasury from nothing.
#[test]
fn the_treasury_gets_its_sol_also_when_the_rent_payer_is_a_program() {
    // Given a held split in SOL, whose rent a relay paid, in a closed campaign whose claims are over
    let (mut world, bob, relay) = closed_with_a_held_split();
    let company = world.company.insecure_clone();
    let reclaim = world.reclaim(CODE, &bob.pubkey(), &NONE);
    world.wait(i64::from(HOLD) + 30 * DAY);

    // When the relay becomes a program, then the treasury gets the reward, and the rent stays
    deploy_at(&mut world, &relay.pubkey());
    let treasury = world.campaign().settings.treasury;
    let before = world.lamports(&treasury);
    world.land(std::slice::from_ref(&reclaim), &[&company]);
    assert_eq!(world.lamports(&treasury) - before, PRICE / 10);
    let address = world.conversion_address(CODE, &bob.pubkey(), &NONE);
    let rent = world
        .svm
        .minimum_balance_for_rent_exemption(Conversion::SIZE);
    assert_eq!(world.lamports(&address), rent);
    let conversion = world.converted(CODE, &bob.pubkey(), &NONE);
    assert_eq!(
        (conversion.status, conversion.settled),
        (Status::Paid, settled::ALL)
    );

    // And there is nothing more to give back
    let again = world.send(&[reclaim], &[&company]);
    assert_eq!(again.map(|_| ()), Err(other(0, NOT_WRITABLE)));
}

/// Row 12 (I3): the authority of a closed campaign can still be transferred.
#[test]
fn the_authority_changes_after_the_end() {
    // Given a closed campaign whose vault is not empty
    let mut world = world();
    let terms = Terms {
        funding: Funding::Vault,
        ..Terms::default()
    };
    world.open(terms, Settings::fixed(10));
    world.fund_vault(1_000);
    let (company, dora) = (world.company.insecure_clone(), world.wallet());
    let destination = world.issue(&dora.pubkey(), 0);
    let campaign = world.campaign;
    world.close();
    let withdraw = |world: &World| {
        instructions::withdraw_vault(&campaign, &world.campaign(), &destination, 1_000)
    };
    let by_company = withdraw(&world);

    // When the company transfers it
    let offer = instructions::propose_authority(&company.pubkey(), &campaign, Some(&dora.pubkey()));
    world.land(&[offer], &[&company]);
    let accept = instructions::accept_authority(&dora.pubkey(), &campaign);
    world.land(&[accept], &[&dora]);
    assert_eq!(world.campaign().authority, dora.pubkey());

    // Then only the new authority controls the vault and the end of the campaign
    world.refuse(&[by_company], &[&company], ProgramError::Unauthorized);
    let by_dora = withdraw(&world);
    world.land(&[by_dora], &[&dora]);
    assert_eq!(world.tokens(&destination), 1_000);
    world.wait(30 * DAY);
    let end = instructions::reclaim_campaign(&campaign, &world.campaign(), None);
    world.land(&[end], &[&dora]);
}

/// Row 13 (I13): the parts of referee and partner can be exact amounts.
#[test]
fn two_sided_rewards_are_exact() {
    // Given 3 tokens of 6 decimals, of which 1 is the referee's
    let mut world = world();
    world.open(
        Terms::default(),
        Settings {
            referee_fixed: 1_000_000,
            max_partner_fixed: 500_000,
            ..Settings::fixed(3_000_000)
        },
    );
    let alice = world.referrer(CODE);
    let convert = |world: &mut World| {
        let bob = world.receiver();
        let convert = world.conversion(&bob.pubkey(), &alice.pubkey(), CODE);
        world.land(&[convert], &[&bob]);
        let conversion = world.converted(CODE, &bob.pubkey(), &NONE);
        assert_eq!(world.rewards(&bob.pubkey()), conversion.reward_referee);
        (
            conversion.reward_referrer,
            conversion.reward_referee,
            conversion.reward_partner,
        )
    };

    // When a wallet converts, then Alice gets 2 and the wallet 1
    assert_eq!(convert(&mut world), (2_000_000, 1_000_000, 0));

    // And a partner's half is taken from Alice's part
    let half = Share {
        bps: 0,
        fixed: 500_000,
    };
    let partner = world.partner_with(&alice, CODE, half);
    assert_eq!(convert(&mut world), (1_500_000, 1_000_000, 500_000));
    assert_eq!(world.rewards(&alice.pubkey()), 3_500_000);
    assert_eq!(world.rewards(&partner.pubkey()), 500_000);
    assert_eq!(world.supply(), 6_000_000);
}

/// Row 14 (I16): a split in tokens is opened with its vault, so a beneficiary who cannot
/// be paid does not block purchases.
#[test]
fn a_split_in_tokens_is_opened_with_its_vault() {
    // Given a split in tokens whose vault does not exist
    let mut world = world();
    let company = world.company.insecure_clone();
    let mint = world.issue_mint(&company.pubkey());
    let settings = Settings::percent(1_000, u64::MAX);
    let args = world.opening(paying(Funding::PaymentSplit), settings, mint);
    let vault = args.vault().expect("a split in tokens has a vault");
    remove(&mut world, &vault);

    // When it is opened, then it is refused
    let create = instructions::create_campaign(&args);
    world.refuse(&[create], &[&company], ProgramError::VaultMissing);

    // And with its vault, a part that cannot be paid is held in it
    world.open_with(&args);
    let (alice, bob) = (world.referrer(CODE), world.wallet());
    let account = world.reward_account(&alice.pubkey());
    remove(&mut world, &account);
    world.issue_of(&mint, &bob.pubkey(), PRICE);
    let purchase = purchase(&world, &bob);
    world.land(&[purchase], &[&bob]);
    assert_eq!(
        (world.vault(), world.campaign().owed),
        (PRICE / 10, PRICE / 10)
    );
}

/// Row 14 (I21): users get their rent back even if the authority never closes the
/// campaign.
#[test]
fn anybody_closes_a_campaign_that_ended_long_ago() {
    // Given a campaign that ended, and Alice's code
    let mut world = world();
    let ends_at = NOW + 100;
    world.open(
        Terms::default(),
        Settings {
            ends_at,
            ..Settings::fixed(REWARD)
        },
    );
    let (alice, eve) = (world.referrer(CODE), world.wallet());
    let (campaign, referral) = (world.campaign, world.referral_address(CODE));
    let close = instructions::close_campaign(&eve.pubkey(), &campaign);
    let close = std::slice::from_ref(&close);

    // When a stranger closes it within 30 days, then it is refused
    for time in [NOW, ends_at, ends_at + 30 * DAY - 1] {
        world.set_time(time);
        world.refuse(close, &[&eve], ProgramError::Unauthorized);
    }

    // And after 30 days, it is closed, and Alice gets her rent back
    world.set_time(ends_at + 30 * DAY);
    world.land(close, &[&eve]);
    let before = world.lamports(&alice.pubkey());
    let reclaim = instructions::reclaim_referral(&campaign, &referral, &alice.pubkey());
    world.land(&[reclaim], &[&eve]);
    let rent = world.svm.minimum_balance_for_rent_exemption(Referral::SIZE);
    assert_eq!(world.lamports(&alice.pubkey()) - before, rent);
}

/// A campaign with Alice's code and an attestor who issues vouchers.
fn vouched() -> (World, Keypair) {
    let mut world = world();
    let attestor = world.open_attested(Terms::default(), Settings::fixed(REWARD));
    world.referrer(CODE);
    (world, attestor)
}

/// The voucher instruction of a statement, and `referee`'s conversion with it.
fn with_voucher(
    world: &World,
    attestor: &Keypair,
    referee: &Keypair,
    statement: &Statement,
) -> [Instruction; 2] {
    let args = Convert {
        evidence: vouched_by(statement),
        ..Convert::signup(&referee.pubkey())
    };
    let convert = world.convert(&Pubkey::default(), CODE, &args);
    [signed(attestor, statement), convert]
}

/// The attestor's statement about a sign-up of `referee`, valid for 30 days from now.
fn statement(world: &World, referee: &Keypair) -> Statement {
    let args = Convert::signup(&referee.pubkey());
    world.statement(CODE, &args, world.time() + voucher::MAX_LIFE)
}

/// Row 14 (I17): a voucher names its cluster, by the campaign's time of creation, and has
/// a maximum life.
#[test]
fn a_voucher_is_for_one_cluster_and_for_thirty_days() {
    // Given a voucher of another cluster's campaign, one that lives too long, one from
    // the future
    let (mut world, attestor) = vouched();
    let bob = world.wallet();
    let good = statement(&world, &bob);
    for wrong in [
        Statement {
            campaign_created_at: good.campaign_created_at - 1,
            ..good
        },
        Statement {
            expires_at: good.expires_at + 1,
            ..good
        },
        Statement {
            issued_at: NOW + 301,
            expires_at: NOW + 302,
            ..good
        },
        Statement {
            issued_at: NOW + 2,
            expires_at: NOW + 1,
            ..good
        },
    ] {
        // When Bob converts with one of them, then he is refused
        let steps = with_voucher(&world, &attestor, &bob, &wrong);
        world.refuse(&steps, &[&bob], ProgramError::InvalidVoucher);
    }

    // And a voucher of 30 days is valid until just before they are over
    let steps = with_voucher(&world, &attestor, &bob, &good);
    world.set_time(good.expires_at);
    world.refuse(&steps, &[&bob], ProgramError::VoucherExpired);
    world.set_time(good.expires_at - 1);
    world.land(&steps, &[&bob]);
}

/// Row 14 (I17): a single voucher can be revoked.
#[test]
fn a_voucher_is_revoked_singly() {
    // Given vouchers for Bob and for Carol
    let (mut world, attestor) = vouched();
    let company = world.company.insecure_clone();
    let (bob, carol, eve) = (world.wallet(), world.wallet(), world.wallet());
    let [of_bob, of_carol] = [&bob, &carol].map(|wallet| statement(&world, wallet));
    let digest = voucher::digest(&voucher::message(&of_bob));
    let campaign = world.campaign;
    let revoke = |who: &Keypair| {
        instructions::revoke_voucher(
            &company.pubkey(),
            &who.pubkey(),
            &campaign,
            digest,
            of_bob.expires_at,
        )
    };

    // When somebody else revokes Bob's, then it is refused; when the attestor does, it
    // succeeds
    for stranger in [&eve, &bob] {
        let refused = ProgramError::WrongAttestor;
        world.refuse(&[revoke(stranger)], &[&company, stranger], refused);
    }
    let revoke = revoke(&attestor);
    let revocation = revoke.accounts[RevokeVoucherAccounts::REVOCATION].pubkey;
    world.land(&[revoke], &[&company, &attestor]);

    // Then it is refused, and Carol's is still valid
    let steps = with_voucher(&world, &attestor, &bob, &of_bob);
    world.refuse(&steps, &[&bob], ProgramError::VoucherRevoked);
    let steps = with_voucher(&world, &attestor, &carol, &of_carol);
    world.land(&steps, &[&carol]);

    // And the rent is returned when no such voucher can be valid any more
    let revoked: RevokedVoucher = world.read(&revocation);
    assert_eq!(
        revoked.expires_at,
        NOW + voucher::MAX_LIFE + voucher::CLOCK_SKEW
    );
    let reclaim = instructions::reclaim_voucher(&campaign, &digest, &company.pubkey());
    let reclaim = std::slice::from_ref(&reclaim);
    world.set_time(revoked.expires_at - 1);
    world.refuse(reclaim, &[&eve], ProgramError::VoucherNotExpired);
    world.set_time(revoked.expires_at);
    let before = world.lamports(&company.pubkey());
    world.land(reclaim, &[&eve]);
    let rent = world
        .svm
        .minimum_balance_for_rent_exemption(RevokedVoucher::SIZE);
    assert_eq!(world.lamports(&company.pubkey()) - before, rent);
}
