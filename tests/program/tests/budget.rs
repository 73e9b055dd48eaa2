//! The limit of a campaign's liabilities. Numbers in brackets refer to
//! docs/INVARIANTS.md.

use solana_sdk::signature::{Keypair, Signer as _};
use vouch_client::{
    ProgramError,
    accounts::{Funding, Proof, Settings, Status, Terms, Uniqueness},
    instructions::{self, Purchase},
};
use vouch_program_tests::World;

const CODE: &str = "STARTER7";
const NONE: [u8; 32] = [0; 32];

fn scene(settings: Settings) -> (World, Keypair) {
    let mut world = World::new();
    world.open(Terms::default(), settings);
    let alice = world.referrer(CODE);
    (world, alice)
}

/// Lets a new wallet convert.
fn convert(world: &mut World, alice: &Keypair, expected: Result<(), ProgramError>) -> Keypair {
    let bob = world.receiver();
    let convert = world.conversion(&bob.pubkey(), &alice.pubkey(), CODE);
    let outcome = world.send(&[convert], &[&bob]);
    assert_eq!(
        outcome.map(|_| ()),
        expected.map_err(vouch_program_tests::Refused::Program)
    );
    bob
}

#[test]
fn a_budget_is_spent_to_the_last_whole_reward() {
    // Given a budget of two rewards and most of a third, shared with the referee
    let (mut world, alice) = scene(Settings {
        budget: 299,
        referee_share_bps: 5_000,
        ..Settings::fixed(100)
    });

    // When three wallets convert, then the third is refused and does not count
    for (committed, expected) in [
        (100, Ok(())),
        (200, Ok(())),
        (200, Err(ProgramError::BudgetExhausted)),
    ] {
        convert(&mut world, &alice, expected);
        assert_eq!(world.campaign().committed, committed);
        assert_eq!(world.supply(), committed);
    }
    assert_eq!(world.referral(CODE).conversions, 2);

    // And it counts once the budget covers it, to the unit
    world.update(|settings| settings.budget = 300);
    convert(&mut world, &alice, Ok(()));
    convert(&mut world, &alice, Err(ProgramError::BudgetExhausted));
    assert_eq!(world.campaign().committed, 300);
}

#[test]
fn a_campaign_with_a_budget_must_be_writable_and_one_without_need_not() {
    for budget in [0, 1_000] {
        let (mut world, alice) = scene(Settings {
            budget,
            ..Settings::fixed(100)
        });
        let bob = world.receiver();
        let good = world.conversion(&bob.pubkey(), &alice.pubkey(), CODE);
        assert_eq!(good.accounts[2].is_writable, budget != 0);

        // When it is passed with the wrong flag
        let mut convert = good.clone();
        convert.accounts[2].is_writable = budget == 0;
        if budget == 0 {
            // Then write access without need is harmless
            world.land(&[convert], &[&bob]);
        } else {
            // And missing write access is refused, before anything is counted
            let refused = ProgramError::CampaignNotWritable;
            world.refuse(&[convert], &[&bob], refused);
            assert_eq!((world.supply(), world.campaign().committed), (0, 0));
            world.land(&[good], &[&bob]);
        }
    }
}

#[test]
fn a_budget_is_never_below_what_is_committed() {
    // Given a budget of which 200 are committed
    let (mut world, alice) = scene(Settings {
        budget: 1_000,
        ..Settings::fixed(100)
    });
    convert(&mut world, &alice, Ok(()));
    convert(&mut world, &alice, Ok(()));
    let company = world.company.insecure_clone();

    // When it is lowered below that, then it is refused
    let mut settings = world.settings();
    for budget in [1, 199] {
        settings.budget = budget;
        let update = instructions::update_campaign(&company.pubkey(), &world.campaign, &settings);
        world.refuse(&[update], &[&company], ProgramError::InvalidBudget);
    }
    // And when it is lowered to exactly that, then it is spent
    world.update(|settings| settings.budget = 200);
    convert(&mut world, &alice, Err(ProgramError::BudgetExhausted));

    // And without a budget, nothing is counted any more
    world.update(|settings| settings.budget = 0);
    convert(&mut world, &alice, Ok(()));
    assert_eq!(world.campaign().committed, 200);
}

#[test]
fn what_is_cancelled_can_be_spent_again() {
    // Given a budget of one held reward, spent
    let (mut world, alice) = scene(Settings {
        budget: 100,
        hold_seconds: 60,
        ..Settings::fixed(100)
    });
    let bob = convert(&mut world, &alice, Ok(()));
    convert(&mut world, &alice, Err(ProgramError::BudgetExhausted));

    // When it is cancelled, then another one fits
    let company = world.company.insecure_clone();
    let cancel = world.cancel(CODE, &bob.pubkey(), &NONE);
    world.land(&[cancel], &[&company]);
    assert_eq!(world.campaign().committed, 0);
    let carol = convert(&mut world, &alice, Ok(()));

    // But a claim changes nothing, because the conversion was counted when it was made
    world.wait(60);
    let claim = world.claim(CODE, &carol.pubkey(), &NONE);
    world.land(&[claim], &[&carol]);
    assert_eq!(world.campaign().committed, 100);
    assert_eq!(
        world.converted(CODE, &carol.pubkey(), &NONE).status,
        Status::Paid
    );
}

#[test]
fn a_cancellation_gives_back_exactly_what_the_budget_was_charged() {
    // Given a held reward from before the budget, and one within it
    let (mut world, alice) = scene(Settings {
        hold_seconds: 60,
        ..Settings::fixed(100)
    });
    let company = world.company.insecure_clone();
    let bob = convert(&mut world, &alice, Ok(()));
    world.update(|settings| settings.budget = 100);
    assert_eq!(world.campaign().committed, 0);
    let carol = convert(&mut world, &alice, Ok(()));
    let budgeted =
        |world: &World, wallet: &Keypair| world.converted(CODE, &wallet.pubkey(), &NONE).budgeted;
    assert_eq!(
        (budgeted(&world, &bob), budgeted(&world, &carol)),
        (false, true)
    );

    // When the first is cancelled, then the budget stays spent, because it was not
    // charged for it
    let cancel = world.cancel(CODE, &bob.pubkey(), &NONE);
    world.land(&[cancel], &[&company]);
    assert_eq!(world.campaign().committed, 100);
    convert(&mut world, &alice, Err(ProgramError::BudgetExhausted));

    // When the second is cancelled while there is no budget, then its charge is freed
    world.update(|settings| settings.budget = 0);
    let cancel = world.cancel(CODE, &carol.pubkey(), &NONE);
    let mut read_only = cancel.clone();
    read_only.accounts[1].is_writable = false;
    world.refuse(&[read_only], &[&company], ProgramError::CampaignNotWritable);
    world.land(&[cancel], &[&company]);
    assert_eq!(world.campaign().committed, 0);

    // And a new budget has room for one reward again
    world.update(|settings| settings.budget = 100);
    convert(&mut world, &alice, Ok(()));
    convert(&mut world, &alice, Err(ProgramError::BudgetExhausted));
}

#[test]
fn a_budget_applies_at_once_where_cuts_have_a_notice() {
    // Given a campaign with a notice, and an announced cut
    let mut world = World::new();
    let terms = Terms {
        notice_seconds: 1_000,
        ..Terms::default()
    };
    world.open(terms, Settings::fixed(100));
    let alice = world.referrer(CODE);
    world.update(|settings| settings.reward_fixed = 50);
    assert_eq!(world.campaign().next_from, world.time() + 1_000);

    // When a budget comes with the next cut, then the old reward is charged to it
    world.update(|settings| {
        settings.reward_fixed = 60;
        settings.budget = 150;
    });
    let campaign = world.campaign();
    assert_eq!(
        (campaign.settings.budget, campaign.settings.reward_fixed),
        (150, 100)
    );
    assert_eq!(
        (campaign.next.budget, campaign.next.reward_fixed),
        (150, 60)
    );
    convert(&mut world, &alice, Ok(()));
    convert(&mut world, &alice, Err(ProgramError::BudgetExhausted));

    // And the new reward, once the notice is over
    world.wait(1_000);
    convert(&mut world, &alice, Err(ProgramError::BudgetExhausted));
    world.update(|settings| settings.budget = 160);
    convert(&mut world, &alice, Ok(()));
    assert_eq!(world.campaign().committed, 160);
}

#[test]
fn a_budget_bounds_a_split_and_a_vault_too() {
    for funding in [Funding::PaymentSplit, Funding::Vault] {
        // Given a budget of 1,000, and a fifth of each payment as a reward
        let mut world = World::new();
        let terms = Terms {
            funding,
            proof: Proof::Payment,
            uniqueness: Uniqueness::Order,
            ..Terms::default()
        };
        world.open(
            terms,
            Settings {
                budget: 1_000,
                ..Settings::percent(2_000, u64::MAX)
            },
        );
        if funding == Funding::Vault {
            world.fund_vault(5_000);
        }
        let alice = world.referrer(CODE);
        let bob = world.receiver();

        // When Bob buys for 4,000, 1,005 and 1,000, then only the second is too much
        for (order, price, committed, expected) in [
            (1, 4_000, 800, Ok(())),
            (2, 1_005, 800, Err(ProgramError::BudgetExhausted)),
            (3, 1_000, 1_000, Ok(())),
        ] {
            let args = Purchase::new(&bob.pubkey(), price, [order; 32]);
            let purchase = world.purchase(&alice.pubkey(), CODE, &args);
            match expected {
                Ok(()) => world.land(&[purchase], &[&bob]),
                Err(error) => world.refuse(&[purchase], &[&bob], error),
            }
            assert_eq!(world.campaign().committed, committed);
        }
    }
}
