//! Purchases. Numbers in brackets refer to docs/INVARIANTS.md.

use solana_sdk::{
    account::Account,
    instruction::{Instruction, InstructionError},
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
};
use vouch_client::{
    PROGRAM_ID, ProgramError,
    accounts::{
        AccountType as _, Conversion, Funding, Proof, Settings, Status, Terms, Uniqueness, settled,
    },
    instructions::{
        self, Convert, Purchase,
        raw::{ConvertAccounts, PurchaseAccounts},
    },
    pda, token,
};
use vouch_program_tests::{SOL, TOKEN_2022, World, other};

const CODE: &str = "STARTER7";
const NONE: [u8; 32] = [0; 32];
/// The price in lamports: 2 SOL.
const PRICE: u64 = 2_000_000_000;
/// Lamports of a transaction's fee, per signature.
const FEE: u64 = 5_000;

/// Positions of the accounts of `purchase`.
const BUYER: usize = PurchaseAccounts::BUYER;
const TREASURY: usize = PurchaseAccounts::TREASURY;
const REFERRER_ACCOUNT: usize = PurchaseAccounts::REFERRER_ACCOUNT;
const PAYMENT_MINT: usize = PurchaseAccounts::PAYMENT_MINT;
const PAYMENT_SOURCE: usize = PurchaseAccounts::PAYMENT_SOURCE;
const PAYMENT_PROGRAM: usize = PurchaseAccounts::PAYMENT_TOKEN_PROGRAM;
const PARTNER_ACCOUNT: usize = PurchaseAccounts::PARTNER_ACCOUNT;
const VAULT: usize = PurchaseAccounts::VAULT;

const fn terms(funding: Funding) -> Terms {
    Terms {
        funding,
        proof: Proof::Payment,
        uniqueness: Uniqueness::Wallet,
        per_owner: false,
        notice_seconds: 0,
    }
}

/// A reward of a fifth of the price: a quarter of it for the buyer, a quarter for a
/// partner.
fn shared() -> Settings {
    Settings {
        referee_share_bps: 2_500,
        max_partner_share_bps: 2_500,
        ..Settings::percent(2_000, u64::MAX)
    }
}

struct Scene {
    world: World,
    alice: Keypair,
    partner: Keypair,
    bob: Keypair,
    treasury: Pubkey,
}

/// A campaign with payments in SOL, or in tokens of which Bob has ten times the price.
fn scene(funding: Funding, settings: Settings, tokens: bool) -> Scene {
    let mut world = World::new();
    if tokens {
        world.open_for_tokens(terms(funding), settings);
    } else {
        world.open(terms(funding), settings);
    }
    let alice = world.referrer(CODE);
    let partner = if settings.max_partner_share_bps > 0 {
        world.partner(&alice, CODE, settings.max_partner_share_bps)
    } else {
        world.wallet()
    };
    let bob = world.wallet();
    let campaign = world.campaign();
    if tokens {
        world.issue_of(&campaign.payment_mint, &bob.pubkey(), 10 * PRICE);
    }
    if campaign.funding != Funding::PaymentSplit {
        world.open_account(&bob.pubkey());
    }
    let treasury = campaign.settings.treasury;
    Scene {
        world,
        alice,
        partner,
        bob,
        treasury,
    }
}

/// Lamports of a conversion's rent.
fn conversion_rent(world: &World) -> u64 {
    world
        .svm
        .minimum_balance_for_rent_exemption(Conversion::SIZE)
}

impl Scene {
    fn purchase(&self, amount: u64) -> Instruction {
        let args = Purchase::new(&self.bob.pubkey(), amount, NONE);
        self.world.purchase(&self.alice.pubkey(), CODE, &args)
    }

    fn conversion(&self) -> Conversion {
        self.world.converted(CODE, &self.bob.pubkey(), &NONE)
    }

    fn conversion_address(&self) -> Pubkey {
        let bob = self.bob.pubkey();
        self.world.conversion_address(CODE, &bob, &NONE)
    }

    fn rent(&self) -> u64 {
        conversion_rent(&self.world)
    }
}

#[test]
fn a_payment_in_sol_is_split_at_once() {
    // Given Bob, who buys for 2 SOL
    let Scene {
        mut world,
        alice,
        partner,
        bob,
        treasury,
    } = scene(Funding::PaymentSplit, shared(), false);
    let before = [&bob, &alice, &partner].map(|wallet| world.lamports(&wallet.pubkey()));
    let treasury_before = world.lamports(&treasury);

    // When he buys
    let args = Purchase::new(&bob.pubkey(), PRICE, NONE);
    let purchase = world.purchase(&alice.pubkey(), CODE, &args);
    world.land(&[purchase], &[&bob]);

    // Then a fifth of it is shared, the buyer's part is a discount, and nothing is left
    // over
    let rent = conversion_rent(&world);
    assert_eq!(world.lamports(&treasury) - treasury_before, 1_600_000_000);
    assert_eq!(world.lamports(&alice.pubkey()) - before[1], 200_000_000);
    assert_eq!(world.lamports(&partner.pubkey()) - before[2], 100_000_000);
    assert_eq!(
        before[0] - world.lamports(&bob.pubkey()),
        PRICE - 100_000_000 + rent + FEE
    );
    let conversion = world.converted(CODE, &bob.pubkey(), &NONE);
    assert_eq!((conversion.status, conversion.settled), (Status::Paid, 7));
    assert_eq!(
        (
            conversion.reward_referrer,
            conversion.reward_referee,
            conversion.reward_partner
        ),
        (200_000_000, 100_000_000, 100_000_000)
    );
    let address = world.conversion_address(CODE, &bob.pubkey(), &NONE);
    assert_eq!(world.lamports(&address), rent);
}

#[test]
fn a_partner_has_a_part_of_a_fixed_reward_for_a_payment() {
    // Given a fixed reward, of which a partner has a quarter
    let settings = Settings {
        min_amount: PRICE,
        max_partner_share_bps: 2_500,
        ..Settings::fixed(1_000)
    };
    let mut scene = scene(Funding::MintAuthority, settings, false);

    // When Bob buys, then both have their parts
    let (purchase, bob) = (scene.purchase(PRICE), scene.bob.insecure_clone());
    scene.world.land(&[purchase], &[&bob]);
    let conversion = scene.conversion();
    assert_eq!(
        (
            conversion.reward_referrer,
            conversion.reward_referee,
            conversion.reward_partner
        ),
        (750, 0, 250)
    );
    assert_eq!(scene.world.rewards(&scene.alice.pubkey()), 750);
    assert_eq!(scene.world.rewards(&scene.partner.pubkey()), 250);
}

#[test]
fn a_payment_in_tokens_is_split_at_once() {
    // Given Bob with tokens
    let mut scene = scene(Funding::PaymentSplit, shared(), true);

    // When he buys for 1,000 base units
    let (purchase, bob) = (scene.purchase(1_000), scene.bob.insecure_clone());
    scene.world.land(&[purchase], &[&bob]);

    // Then a fifth of it is shared, the buyer's part is a discount, and nothing is left
    // over
    let world = &scene.world;
    assert_eq!(world.tokens(&scene.treasury), 800);
    assert_eq!(world.rewards(&scene.alice.pubkey()), 100);
    assert_eq!(world.rewards(&scene.partner.pubkey()), 50);
    assert_eq!(world.rewards(&bob.pubkey()), 10 * PRICE - 950);
    assert_eq!(world.campaign().owed, 0);
    assert_eq!(scene.conversion().status, Status::Paid);
}

#[test]
fn a_split_is_never_more_than_the_payment() {
    // Given a fixed reward of 500 million, doubled, half of it for the buyer
    let mut tiers = Settings::default().tiers;
    (tiers[0].min_conversions, tiers[0].multiplier_bps) = (1, 20_000);
    let settings = |min_amount| Settings {
        min_amount,
        referee_share_bps: 5_000,
        tiers,
        ..Settings::fixed(500_000_000)
    };
    for tokens in [false, true] {
        // When a campaign would accept smaller payments than that, then it is not opened
        let mut world = World::new();
        let company = world.company.insecure_clone();
        let mint = if tokens {
            world.issue_mint(&company.pubkey())
        } else {
            Pubkey::default()
        };
        for min_amount in [0, 1, 999_999_999] {
            let args = world.opening(terms(Funding::PaymentSplit), settings(min_amount), mint);
            let create = instructions::create_campaign(&args);
            let refused = ProgramError::InvalidReward;
            world.refuse(&[create], &[&company], refused);
        }

        // And when its minimum is high enough, and Bob pays less, then he is refused
        let mut scene = scene(Funding::PaymentSplit, settings(1_000_000_000), tokens);
        let before = scene.world.rewards(&scene.alice.pubkey());
        let treasury = scene.world.lamports(&scene.treasury);
        let (cheap, bob) = (scene.purchase(999_999_999), scene.bob.insecure_clone());
        let small = ProgramError::AmountTooSmall;
        scene.world.refuse(&[cheap], &[&bob], small);

        // And when he pays exactly that, then the whole price is the reward
        let purchase = scene.purchase(1_000_000_000);
        scene.world.land(&[purchase], &[&bob]);
        let gain = scene.world.rewards(&scene.alice.pubkey()) - before;
        assert_eq!(gain, 500_000_000);
        assert_eq!(scene.conversion().reward_referee, 500_000_000);
        if tokens {
            assert_eq!(scene.world.tokens(&scene.treasury), 0);
        } else {
            assert_eq!(scene.world.lamports(&scene.treasury), treasury);
        }
    }
}

#[test]
fn a_buyer_pays_no_more_than_agreed() {
    for (funding, discount) in [
        (Funding::PaymentSplit, 50_000),
        (Funding::MintAuthority, 0),
        (Funding::Vault, 0),
    ] {
        // Given a price; in a split, the buyer gets a part back
        let mut scene = scene(funding, shared(), false);
        if funding == Funding::Vault {
            scene.world.fund_vault(200_000);
        }
        let bob = scene.bob.insecure_clone();
        let before = scene.world.lamports(&bob.pubkey());
        let purchase = |max_payment| {
            let args = Purchase {
                max_payment,
                ..Purchase::new(&bob.pubkey(), 1_000_000, NONE)
            };
            scene.world.purchase(&scene.alice.pubkey(), CODE, &args)
        };
        let paid = 1_000_000 - discount;
        let (good, dear) = (purchase(paid), [0, paid - 1].map(purchase));

        // When Bob agreed to one base unit less than that, then he is refused
        for dear in dear {
            let above = ProgramError::PaymentAboveMaximum;
            scene.world.refuse(&[dear], &[&bob], above);
        }

        // And when he agreed to exactly that, then he pays it
        let fees = before - scene.world.lamports(&bob.pubkey());
        scene.world.land(&[good], &[&bob]);
        let spent = before - scene.world.lamports(&bob.pubkey()) - fees;
        assert_eq!(spent, paid + scene.rent() + FEE, "{funding:?}");
    }
}

#[test]
fn everything_may_be_a_discount() {
    for tokens in [false, true] {
        // Given a campaign whose whole reward, the whole price, goes to the buyer
        let settings = Settings {
            referee_share_bps: 10_000,
            ..Settings::percent(10_000, u64::MAX)
        };
        let mut scene = scene(Funding::PaymentSplit, settings, tokens);
        let bob = scene.bob.insecure_clone();
        let before = scene.world.lamports(&bob.pubkey());

        // When Bob buys, then he pays only the rent and the fee
        let purchase = scene.purchase(PRICE);
        scene.world.land(&[purchase], &[&bob]);
        let spent = before - scene.world.lamports(&bob.pubkey());
        assert_eq!(spent, scene.rent() + FEE);
        assert_eq!(scene.conversion().status, Status::Paid);
        if tokens {
            assert_eq!(scene.world.tokens(&scene.treasury), 0);
        }
    }
}

#[test]
fn a_payment_is_rewarded_with_new_tokens() {
    for tokens in [false, true] {
        // Given rewards that are minted, for payments in SOL or another token
        let mut scene = scene(Funding::MintAuthority, shared(), tokens);
        let bob = scene.bob.insecure_clone();
        let before = scene.world.lamports(&scene.treasury);

        // When Bob buys for 1,000,000
        let purchase = scene.purchase(1_000_000);
        scene.world.land(&[purchase], &[&bob]);

        // Then the treasury has all of it, and the three have their parts of a fifth
        let world = &scene.world;
        let paid = if tokens {
            world.tokens(&scene.treasury)
        } else {
            world.lamports(&scene.treasury) - before
        };
        assert_eq!(paid, 1_000_000);
        assert_eq!(world.rewards(&scene.alice.pubkey()), 100_000);
        assert_eq!(world.rewards(&scene.partner.pubkey()), 50_000);
        assert_eq!(world.rewards(&bob.pubkey()), 50_000);
    }
}

#[test]
fn a_payment_is_rewarded_out_of_a_vault() {
    // Given a vault of another token than that of the payment
    let mut scene = scene(Funding::Vault, shared(), false);
    scene.world.fund_vault(200_000);
    let bob = scene.bob.insecure_clone();

    // When Bob buys for 1,000,000
    let purchase = scene.purchase(1_000_000);
    scene.world.land(&[purchase], &[&bob]);

    // Then the vault is empty, and the three have their parts
    let world = &scene.world;
    assert_eq!(world.vault(), 0);
    assert_eq!(world.rewards(&scene.alice.pubkey()), 100_000);
    assert_eq!(world.rewards(&scene.partner.pubkey()), 50_000);
    assert_eq!(world.rewards(&bob.pubkey()), 50_000);
}

#[test]
fn rewards_may_be_the_payments_own_token() {
    for funding in [Funding::Vault, Funding::MintAuthority] {
        // Given a campaign with rewards in the payment token, from a vault or by minting,
        // and a share for the buyer
        let mut world = World::new();
        let company = world.company.pubkey();
        let mut args = world.opening(terms(funding), shared(), Pubkey::default());
        world.issue_mint(&company);
        let (campaign, _) = pda::campaign(&args.authority, args.id);
        let mint = world.mint.pubkey();
        (args.mint, args.payment_mint) = (mint, mint);
        let bob = world.wallet();
        let source = world.issue(&bob.pubkey(), 1_000);
        let seller = world.wallet();
        args.settings.treasury = world.issue(&seller.pubkey(), 0);
        if funding == Funding::MintAuthority {
            let company = world.company.insecure_clone();
            let hand_over = token::set_mint_authority(&mint, &company.pubkey(), &campaign);
            world.land(&[hand_over], &[&company]);
        }
        world.open_with(&args);
        if funding == Funding::Vault {
            world.fund_vault(200);
        }
        let alice = world.referrer(CODE);
        let partner = world.partner(&alice, CODE, 2_500);

        // When Bob buys for 1,000
        let buy = Purchase::new(&bob.pubkey(), 1_000, NONE);
        let purchase = world.purchase(&alice.pubkey(), CODE, &buy);
        world.land(&[purchase], &[&bob]);

        // Then he paid all of it and received his part
        assert_eq!(world.tokens(&source), 50, "{funding:?}");
        assert_eq!(world.tokens(&args.settings.treasury), 1_000);
        assert_eq!(world.rewards(&alice.pubkey()), 100);
        assert_eq!(world.rewards(&partner.pubkey()), 50);
    }
}

#[test]
fn a_payment_in_a_token_of_token_2022() {
    // Given a split of a payment in such a token
    let mut world = World::new();
    world.token_program = TOKEN_2022;
    world.open_for_tokens(terms(Funding::PaymentSplit), shared());
    let alice = world.referrer(CODE);
    let bob = world.wallet();
    world.issue(&bob.pubkey(), 1_000);

    // When Bob buys for 1,000
    let args = Purchase {
        payment_token_program: TOKEN_2022,
        ..Purchase::new(&bob.pubkey(), 1_000, NONE)
    };
    let purchase = world.purchase(&alice.pubkey(), CODE, &args);
    world.land(&[purchase], &[&bob]);

    // Then the payment is split
    assert_eq!(world.tokens(&world.campaign().settings.treasury), 800);
    assert_eq!(world.rewards(&alice.pubkey()), 150);
    assert_eq!(world.rewards(&bob.pubkey()), 50);
}

#[test]
fn a_sponsor_pays_the_rent_and_not_the_price() {
    // Given Bob, who has the price, and a sponsor
    let mut scene = scene(Funding::PaymentSplit, shared(), false);
    let (sponsor, bob) = (scene.world.wallet(), scene.bob.insecure_clone());
    let before = scene.world.lamports(&bob.pubkey());

    // When he buys
    let args = Purchase {
        payer: sponsor.pubkey(),
        ..Purchase::new(&bob.pubkey(), PRICE, NONE)
    };
    let purchase = scene.world.purchase(&scene.alice.pubkey(), CODE, &args);
    scene.world.land(&[purchase], &[&sponsor, &bob]);

    // Then each paid their own part
    let spent = before - scene.world.lamports(&bob.pubkey());
    assert_eq!(spent, PRICE - 100_000_000);
    let spent = SOL - scene.world.lamports(&sponsor.pubkey());
    assert_eq!(spent, scene.rent() + 2 * FEE);
    assert_eq!(scene.conversion().rent_payer, sponsor.pubkey());
}

#[test]
fn held_sol_waits_in_the_conversion() {
    // Given a hold
    let settings = Settings {
        hold_seconds: 100,
        ..shared()
    };
    let mut scene = scene(Funding::PaymentSplit, settings, false);
    let bob = scene.bob.insecure_clone();
    let wallets = [scene.alice.pubkey(), scene.partner.pubkey()];
    let before = wallets.map(|wallet| scene.world.lamports(&wallet));
    let treasury = scene.world.lamports(&scene.treasury);

    // When Bob buys
    let purchase = scene.purchase(PRICE);
    scene.world.land(&[purchase], &[&bob]);

    // Then the treasury has its part at once, and the held parts are in the conversion's
    // account
    let gain = scene.world.lamports(&scene.treasury) - treasury;
    assert_eq!(gain, 1_600_000_000);
    let address = scene.conversion_address();
    let rent = scene.rent();
    assert_eq!(scene.world.lamports(&address), rent + 300_000_000);
    let conversion = scene.conversion();
    assert_eq!(
        (conversion.status, conversion.settled),
        (Status::Pending, settled::REFEREE)
    );
    let referral = scene.world.referral(CODE);
    assert_eq!(
        (referral.rewards_pending, referral.partner_pending),
        (200_000_000, 100_000_000)
    );

    // And both get their parts when the hold is over, from a claim of anybody
    let eve = scene.world.wallet();
    let claim = scene.world.claim(CODE, &bob.pubkey(), &NONE);
    let claim = std::slice::from_ref(&claim);
    scene.world.wait(99);
    scene.world.refuse(claim, &[&eve], ProgramError::StillHeld);
    scene.world.wait(1);
    scene.world.land(claim, &[&eve]);
    let gains = [0, 1].map(|i| scene.world.lamports(&wallets[i]) - before[i]);
    assert_eq!(gains, [200_000_000, 100_000_000]);
    assert_eq!(scene.world.lamports(&address), rent);
    assert_eq!(scene.conversion().status, Status::Paid);
    scene.world.refuse(claim, &[&eve], ProgramError::NotPending);
}

#[test]
fn held_tokens_wait_in_the_vault() {
    // Given a hold
    let settings = Settings {
        hold_seconds: 100,
        ..shared()
    };
    let mut scene = scene(Funding::PaymentSplit, settings, true);
    let bob = scene.bob.insecure_clone();

    // When Bob buys for 1,000
    let purchase = scene.purchase(1_000);
    scene.world.land(&[purchase], &[&bob]);

    // Then the treasury has its part, and the vault owes the rest
    let world = &mut scene.world;
    assert_eq!(world.tokens(&scene.treasury), 800);
    assert_eq!((world.vault(), world.campaign().owed), (150, 150));
    let company = world.company.insecure_clone();
    let take = instructions::withdraw_vault(&world.campaign, &world.campaign(), &scene.treasury, 1);
    world.refuse(&[take], &[&company], ProgramError::InsufficientVault);

    // And the vault pays it when the hold is over
    world.wait(100);
    let claim = world.claim(CODE, &bob.pubkey(), &NONE);
    world.land(&[claim], &[&bob]);
    assert_eq!((world.vault(), world.campaign().owed), (0, 0));
    assert_eq!(world.rewards(&scene.alice.pubkey()), 100);
    assert_eq!(world.rewards(&scene.partner.pubkey()), 50);
}

#[test]
fn a_cancelled_purchase_goes_to_the_treasury() {
    for tokens in [false, true] {
        // Given a held purchase
        let settings = Settings {
            hold_seconds: 100,
            ..shared()
        };
        let mut scene = scene(Funding::PaymentSplit, settings, tokens);
        let bob = scene.bob.insecure_clone();
        let purchase = scene.purchase(PRICE);
        scene.world.land(&[purchase], &[&bob]);
        let before = (
            scene.world.tokens(&scene.treasury),
            scene.world.lamports(&scene.treasury),
        );

        // When the company cancels it
        let company = scene.world.company.insecure_clone();
        let cancel = scene.world.cancel(CODE, &bob.pubkey(), &NONE);
        scene.world.land(&[cancel], &[&company]);

        // Then the held parts go to the treasury, and the code's counters are as before
        if tokens {
            let gain = scene.world.tokens(&scene.treasury) - before.0;
            assert_eq!(gain, 300_000_000);
            assert_eq!((scene.world.vault(), scene.world.campaign().owed), (0, 0));
        } else {
            let gain = scene.world.lamports(&scene.treasury) - before.1;
            assert_eq!(gain, 300_000_000);
            let address = scene.conversion_address();
            assert_eq!(scene.world.lamports(&address), scene.rent());
        }
        let referral = scene.world.referral(CODE);
        assert_eq!(
            (
                referral.conversions,
                referral.rewards_total,
                referral.rewards_pending,
                referral.partner_pending,
                referral.open_conversions
            ),
            (0, 0, 0, 0, 0)
        );
        assert_eq!(scene.conversion().status, Status::Cancelled);
        // And Bob cannot convert again
        let again = scene.purchase(PRICE);
        let again = &[again];
        scene
            .world
            .refuse(again, &[&bob], ProgramError::AlreadyConverted);
    }
}

#[test]
fn a_part_that_cannot_be_taken_waits() {
    for tokens in [false, true] {
        // Given a campaign without a hold, and a referrer who cannot receive: without a
        // token account, or with a wallet that does not exist and a part below its rent
        let settings = Settings {
            referee_share_bps: 0,
            ..shared()
        };
        let mut scene = scene(Funding::PaymentSplit, settings, tokens);
        let account = scene.world.reward_account(&scene.alice.pubkey());
        let good = scene.world.svm.get_account(&account).expect("an account");
        scene
            .world
            .svm
            .set_account(account, Account::default())
            .expect("set");
        let bob = scene.bob.insecure_clone();

        // When Bob buys
        let purchase = scene.purchase(1_000_000);
        scene.world.land(&[purchase], &[&bob]);

        // Then the partner is paid, and the referrer is owed
        let conversion = scene.conversion();
        assert_eq!(
            (conversion.status, conversion.settled),
            (Status::Pending, settled::REFEREE | settled::PARTNER)
        );
        let address = scene.conversion_address();
        let expected = if tokens { 0 } else { 150_000 };
        let held = scene.world.lamports(&address) - scene.rent();
        assert_eq!(held, expected);
        if tokens {
            assert_eq!(scene.world.campaign().owed, 150_000);
        }

        // And the referrer is paid once the account can receive it
        let claim = scene.world.claim(CODE, &bob.pubkey(), &NONE);
        let claim = std::slice::from_ref(&claim);
        scene
            .world
            .refuse(claim, &[&bob], ProgramError::NothingToClaim);
        let before = if tokens { 0 } else { good.lamports };
        scene.world.svm.set_account(account, good).expect("set");
        scene.world.land(claim, &[&bob]);
        let gain = scene.world.rewards(&scene.alice.pubkey()) - before;
        assert_eq!(gain, 150_000);
    }
}

#[test]
fn the_payment_goes_to_the_treasury_and_nowhere_else() {
    for tokens in [false, true] {
        let mut scene = scene(Funding::PaymentSplit, shared(), tokens);
        let bob = scene.bob.insecure_clone();
        let good = scene.purchase(1_000_000);
        assert_eq!(good.accounts[TREASURY].pubkey, scene.treasury);

        // When Bob passes another treasury: himself, his own account, Alice's account
        let own = scene.world.reward_account(&bob.pubkey());
        let alice = scene.world.reward_account(&scene.alice.pubkey());
        for wrong in [bob.pubkey(), own, alice, Pubkey::new_unique()] {
            let mut purchase = good.clone();
            purchase.accounts[TREASURY].pubkey = wrong;
            // Then it is refused
            scene
                .world
                .refuse(&[purchase], &[&bob], ProgramError::WrongTreasury);
        }
        scene.world.land(&[good], &[&bob]);
    }
}

#[test]
fn who_is_paid_buys_nothing_from_itself() {
    // Given a seller whose wallet is the treasury, and a treasury that is Bob's token
    // account
    let mut world = World::new();
    let seller = world.wallet();
    world.open(
        terms(Funding::PaymentSplit),
        Settings {
            treasury: seller.pubkey(),
            ..shared()
        },
    );
    let alice = world.referrer(CODE);

    // When the seller buys, then it is refused, because nothing would be paid
    let args = Purchase::new(&seller.pubkey(), 1_000, NONE);
    let purchase = world.purchase(&alice.pubkey(), CODE, &args);
    world.refuse(&[purchase], &[&seller], ProgramError::WrongTreasury);

    let company = world.company.pubkey();
    world.issue_mint(&company);
    let treasury = world.issue(&seller.pubkey(), 1_000);
    let mint = world.mint.pubkey();
    let args = world.opening(
        terms(Funding::PaymentSplit),
        Settings {
            treasury,
            ..shared()
        },
        mint,
    );
    world.open_with(&args);
    let alice = world.referrer(CODE);
    let args = Purchase::new(&seller.pubkey(), 1_000, NONE);
    let purchase = world.purchase(&alice.pubkey(), CODE, &args);
    world.refuse(&[purchase], &[&seller], ProgramError::WrongTreasury);
}

#[test]
fn the_accounts_of_a_payment_must_be_right() {
    let mut scene = scene(Funding::PaymentSplit, shared(), true);
    let (bob, eve) = (scene.bob.insecure_clone(), scene.world.wallet());
    let good = scene.purchase(1_000);
    let campaign = scene.world.campaign();
    let eves = scene
        .world
        .issue_of(&campaign.payment_mint, &eve.pubkey(), 1_000);
    let mint = scene.world.mint.insecure_clone();
    let company = scene.world.company.pubkey();
    let foreign_mint = scene.world.issue_mint(&company);
    let foreign = scene.world.issue(&bob.pubkey(), 1_000);
    scene.world.mint = mint;

    // Given wrong accounts, when Bob buys, then each is refused with its own error (I5)
    let custom = |code| other(0, InstructionError::Custom(code));
    for (index, wrong, expected) in [
        (
            PAYMENT_MINT,
            foreign_mint,
            ProgramError::WrongPaymentMint.into(),
        ),
        (
            PAYMENT_MINT,
            PROGRAM_ID,
            ProgramError::MissingAccount.into(),
        ),
        (
            PAYMENT_PROGRAM,
            TOKEN_2022,
            ProgramError::WrongTokenProgram.into(),
        ),
        (
            PAYMENT_PROGRAM,
            Pubkey::default(),
            ProgramError::WrongTokenProgram.into(),
        ),
        (
            PAYMENT_PROGRAM,
            PROGRAM_ID,
            ProgramError::MissingAccount.into(),
        ),
        (
            PAYMENT_SOURCE,
            PROGRAM_ID,
            ProgramError::MissingAccount.into(),
        ),
        // Somebody else's tokens, and tokens of another mint: errors of the token program
        (PAYMENT_SOURCE, eves, custom(4)),
        (PAYMENT_SOURCE, foreign, custom(3)),
        (
            REFERRER_ACCOUNT,
            eves,
            ProgramError::WrongBeneficiary.into(),
        ),
        (PARTNER_ACCOUNT, eves, ProgramError::WrongBeneficiary.into()),
        (
            PARTNER_ACCOUNT,
            PROGRAM_ID,
            ProgramError::MissingAccount.into(),
        ),
    ] {
        let mut purchase = good.clone();
        purchase.accounts[index].pubkey = wrong;
        if wrong == PROGRAM_ID {
            purchase.accounts[index].is_writable = false;
        }
        scene.world.refuse(&[purchase], &[&bob], expected);
    }
    assert_eq!(scene.world.tokens(&scene.treasury), 0);
    assert_eq!(scene.world.tokens(&eves), 1_000);
    scene.world.land(&[good], &[&bob]);
}

#[test]
fn the_escrow_must_be_the_campaigns_vault() {
    // Given a hold
    let settings = Settings {
        hold_seconds: 100,
        ..shared()
    };
    let mut scene = scene(Funding::PaymentSplit, settings, true);
    let bob = scene.bob.insecure_clone();
    let good = scene.purchase(1_000);

    // When held parts should go to Bob himself, or to no account, then it is refused
    let own = scene.world.reward_account(&bob.pubkey());
    for (wrong, expected) in [
        (scene.treasury, ProgramError::WrongVault),
        (
            scene.world.reward_account(&scene.alice.pubkey()),
            ProgramError::WrongVault,
        ),
        (Pubkey::new_unique(), ProgramError::WrongVault),
        (PROGRAM_ID, ProgramError::MissingAccount),
    ] {
        let mut purchase = good.clone();
        purchase.accounts[VAULT].pubkey = wrong;
        purchase.accounts[VAULT].is_writable = wrong != PROGRAM_ID;
        scene.world.refuse(&[purchase], &[&bob], expected);
    }
    let mut read_only = good.clone();
    read_only.accounts[PurchaseAccounts::CAMPAIGN].is_writable = false;
    let read_only = &[read_only];
    scene
        .world
        .refuse(read_only, &[&bob], ProgramError::CampaignNotWritable);
    assert_eq!(scene.world.tokens(&own), 10 * PRICE);
    scene.world.land(&[good], &[&bob]);
}

#[test]
fn a_purchase_needs_a_payment_and_the_buyers_signature() {
    for tokens in [false, true] {
        let mut scene = scene(Funding::PaymentSplit, shared(), tokens);
        let (bob, eve) = (scene.bob.insecure_clone(), scene.world.wallet());

        // When the price is 0, then it does not count
        let nothing = scene.purchase(0);
        scene
            .world
            .refuse(&[nothing], &[&bob], ProgramError::AmountTooSmall);

        // And it does not count when Bob has too few funds
        let dear = scene.purchase(if tokens { 20 * PRICE } else { 10 * SOL });
        let poor = scene.world.send(&[dear], &[&bob]);
        assert_eq!(poor.map(|_| ()), Err(other(0, InstructionError::Custom(1))));

        // And it does not count without his signature (I3)
        let args = Purchase {
            payer: eve.pubkey(),
            ..Purchase::new(&bob.pubkey(), 1_000_000, NONE)
        };
        let mut theft = scene.world.purchase(&scene.alice.pubkey(), CODE, &args);
        theft.accounts[BUYER].is_signer = false;
        let missing = other(0, InstructionError::MissingRequiredSignature);
        scene.world.refuse(&[theft], &[&eve], missing);

        // And a mere sign-up does not count
        let signup = Convert::signup(&bob.pubkey());
        let mut convert = scene.world.convert(&scene.alice.pubkey(), CODE, &signup);
        // If rewards are lamports, Bob's reward account is his wallet.
        let account = &mut convert.accounts[ConvertAccounts::REFEREE_ACCOUNT];
        (account.pubkey, account.is_writable) = (PROGRAM_ID, false);
        scene
            .world
            .refuse(&[convert], &[&bob], ProgramError::PaymentRequired);
        let conversion = scene.conversion_address();
        assert_eq!(scene.world.svm.get_account(&conversion), None);
    }
}

#[test]
fn where_no_payment_is_asked_for_none_is_taken() {
    // Given an open campaign
    let mut world = World::new();
    let alice = world.referrer(CODE);
    let bob = world.wallet();

    // When Bob sends a purchase, then it is refused
    let args = Purchase::new(&bob.pubkey(), 1_000, NONE);
    let mut purchase = world.purchase(&alice.pubkey(), CODE, &args);
    purchase.accounts[TREASURY].pubkey = alice.pubkey();
    world.refuse(&[purchase], &[&bob], ProgramError::PaymentNotAccepted);
}

#[test]
fn buyers_do_not_refer_themselves() {
    // Given Alice's code, with a partner
    let scene = scene(Funding::PaymentSplit, shared(), false);
    let Scene {
        mut world,
        alice,
        partner,
        ..
    } = scene;

    // When either buys with it, then they are refused (I2)
    for buyer in [&alice, &partner] {
        let args = Purchase::new(&buyer.pubkey(), 1_000, NONE);
        let purchase = world.purchase(&alice.pubkey(), CODE, &args);
        world.refuse(&[purchase], &[buyer], ProgramError::SelfReferral);
    }
}
