//! Every error, with the call's position.

mod support;

use solana_sdk::pubkey::Pubkey;
use support::*;
use vouch_client::{
    accounts::Account,
    instructions::raw::{ClaimAccounts, SetPausedAccounts, SetPausedArgs},
};
use vouch_replay::{
    Given, Kind, Need, Position, Progress, Transaction,
    transaction::{Instruction, Outcome},
};

#[track_caller]
fn expect(world: &World, instruction: Instruction, kind: &Kind) {
    // Behind a foreign instruction, so that the position is not zero.
    let transaction = transaction(vec![foreign(&[]), instruction], vec![]);
    let error = world.apply(&transaction).expect_err("an error");
    assert_eq!(error.kind, *kind);
    assert_eq!(error.position.instruction, 1);
    assert!(error.to_string().starts_with("instruction 1"), "{error}");
}

/// A minted conversion with both parts paid.
fn converted(payments: &[(u8, u64)]) -> Instruction {
    top(&convert(BUYER, 1), mints(2, BUYER, payments))
}

fn both() -> Instruction {
    converted(&[(OWNER, 100), (PARTNER, 100)])
}

#[test]
fn an_unknown_instruction() {
    for length in [0, 7, 8, 100] {
        let mut call = both();
        call.data = vec![5; length];
        let head = vec![5; length.min(8)];
        expect(&World::minted(), call, &Kind::UnknownInstruction(head));
    }
}

#[test]
fn arguments_that_end_early_or_are_refused() {
    let mut call = both();
    call.data.pop();
    expect(&World::minted(), call, &Kind::InvalidArguments("convert"));
    let mut call = both();
    call.data[8 + 12] = 9;
    expect(&World::minted(), call, &Kind::InvalidArguments("convert"));
}

#[test]
fn bytes_behind_the_arguments_are_ignored_as_by_the_program() {
    let mut call = both();
    call.data.push(1);
    let facts = World::minted().take(&transaction(vec![call], vec![]));
    assert_eq!(payees(&facts), [(key(OWNER), 100), (key(PARTNER), 100)]);
}

#[test]
fn too_few_accounts() {
    let mut call = both();
    call.accounts.truncate(3);
    expect(&World::minted(), call, &Kind::TooFewAccounts(4));
    // A trailing account counts only if all of them are there.
    let mut call = both();
    call.accounts.truncate(17);
    expect(&World::minted(), call, &Kind::TooFewAccounts(16));
}

#[test]
fn an_account_that_the_view_lacks() {
    for address in [campaign(), referral()] {
        let mut world = World::minted();
        world.accounts.remove(&address);
        expect(&world, both(), &Kind::UnknownAccount(address));
    }
}

#[test]
fn an_account_of_another_type() {
    let mut world = World::minted();
    let campaign_account = world.accounts[&campaign()].clone();
    world.accounts.insert(referral(), campaign_account);
    let kind = Kind::WrongType {
        address: referral(),
        expected: "Referral",
        found: "Campaign",
    };
    expect(&world, both(), &kind);
}

#[test]
fn an_account_that_exists_already() {
    let mut world = World::minted();
    world.take(&transaction(vec![both()], vec![]));
    expect(&world, both(), &Kind::AlreadyExists(conversion(BUYER)));
}

#[test]
fn a_call_that_the_known_accounts_forbid() {
    let mut world = World::minted();
    let pause = SetPausedAccounts {
        authority: key(AUTHORITY),
        campaign: campaign(),
    };
    let pause = |paused| top(&pause.instruction(&SetPausedArgs { paused }), vec![]);
    world.take(&transaction(vec![pause(true)], vec![]));
    let kind = Kind::Contradiction("the code earns nothing");
    expect(&world, both(), &kind);

    let mut other = pause(false);
    other.accounts[0] = key(50);
    expect(&world, other, &Kind::Contradiction("another authority"));
}

#[test]
fn a_counter_that_would_overflow() {
    let mut world = World::minted();
    if let Some(Account::Referral(referral)) = world.accounts.get_mut(&referral()) {
        referral.rewards_total = u64::MAX;
    }
    expect(&world, both(), &Kind::Overflow("rewards_total"));
}

#[test]
fn stack_heights_that_are_missing_or_impossible() {
    let mut call = both();
    for cpi in &mut call.inner {
        cpi.stack_height = None;
    }
    // Token programs make no CPIs.
    let transaction = transaction(vec![call.clone()], vec![]);
    assert_eq!(payees(&World::minted().take(&transaction)).len(), 2);
    // Another program may have made the payments.
    call.inner[0].program = FOREIGN;
    expect(&World::minted(), call, &Kind::StackHeightMissing);

    let mut call = both();
    call.inner[0].stack_height = Some(3);
    expect(&World::minted(), call, &Kind::StackHeightInvalid);
}

#[test]
fn stack_heights_that_nobody_needs_may_be_missing() {
    // Given a held conversion, which pays nothing
    let mut call = top(&convert(BUYER, 1), mints(2, BUYER, &[]));
    call.inner[0].stack_height = None;
    call.inner[0].program = FOREIGN;
    let facts = World::held().take(&transaction(vec![call], vec![]));
    assert_eq!(payees(&facts), []);
}

#[test]
fn a_token_cpi_that_cannot_be_read() {
    let mut call = both();
    call.inner[1].data.pop();
    expect(&World::minted(), call, &Kind::InvalidCpi);
}

#[test]
fn payments_that_no_outcome_explains() {
    for payments in [
        &[(OWNER, 101)][..],
        &[(BUYER, 100)],
        &[(OWNER, 100), (OWNER, 100)],
        &[(PARTNER, 100), (OWNER, 100)],
        &[(OWNER, 100), (PARTNER, 100), (PARTNER, 100)],
    ] {
        expect(&World::minted(), converted(payments), &Kind::Unexplained);
    }
}

#[test]
fn every_set_of_payments_is_told_apart() {
    for payments in [
        &[][..],
        &[(OWNER, 100)],
        &[(PARTNER, 100)],
        &[(OWNER, 100), (PARTNER, 100)],
    ] {
        let facts = World::minted().take(&transaction(vec![converted(payments)], vec![]));
        let expected: Vec<_> = payments
            .iter()
            .map(|(who, units)| (key(*who), *units))
            .collect();
        assert_eq!(payees(&facts), expected);
    }
}

#[test]
fn one_payment_for_two_equal_parts_of_one_wallet_is_uncertain() {
    // Given a conversion that owes two parts, and a code that the partner's account shares
    let mut world = World::minted();
    world.take(&transaction(vec![converted(&[])], vec![]));
    let claimed = |count: usize| {
        let mut call = top(&claim(BUYER, false), vec![]);
        call.accounts[ClaimAccounts::PARTNER_ACCOUNT] = token_account(OWNER);
        let mint = mint_to(2, token_account(OWNER), campaign(), 100);
        call.inner = vec![mint; count];
        call
    };
    // Then one payment may be either
    let mut either = world.clone();
    assert_eq!(either.take(&transaction(vec![claimed(1)], vec![])), []);
    assert_eq!(either.possible(BUYER), [2 | 1, 2 | 4]);
    // And two are both
    let facts = world.take(&transaction(vec![claimed(2)], vec![]));
    assert_eq!(payees(&facts).len(), 2);
}

#[test]
fn decimals_that_nobody_gave() {
    let world = World::minted();
    let created = |decimals: &[(Pubkey, u8)]| {
        let mut transaction = create_again();
        transaction.decimals = decimals.to_vec();
        let mut world = World::default();
        let error = world.apply(&transaction).map(|_| ());
        if error.is_ok() {
            world.take(&transaction);
        }
        (error, world)
    };
    let (error, _) = created(&[]);
    let needs = error.map_err(|error| error.kind);
    assert_eq!(needs, Err(Kind::Needs(Need::MintDecimals(key(MINT)))));
    // The transaction's own are taken
    let (error, found) = created(&[(key(MINT), 6)]);
    assert_eq!(error, Ok(()));
    let Some(Account::Campaign(found)) = found.accounts.get(&campaign()) else {
        panic!("no campaign");
    };
    let Some(Account::Campaign(expected)) = world.accounts.get(&campaign()) else {
        panic!("no campaign");
    };
    assert_eq!(found, expected);
}

/// The transaction that opens the campaign of [`World::minted`].
fn create_again() -> Transaction {
    use vouch_client::{
        accounts::Terms,
        instructions::raw::{CreateCampaignAccounts, CreateCampaignArgs},
        token::TOKEN_PROGRAM_ID,
    };
    let create = CreateCampaignAccounts {
        payer: key(AUTHORITY),
        authority: key(AUTHORITY),
        campaign: campaign(),
        mint: key(MINT),
        payment_mint: SYSTEM,
        token_program: TOKEN_PROGRAM_ID,
        vault: None,
    };
    let create = create.instruction(&CreateCampaignArgs {
        id: 1,
        terms: Terms::default(),
        settings: fixed(200),
    });
    transaction(vec![top(&create, vec![])], vec![])
}

#[test]
fn a_failed_transaction_and_calls_out_of_order() {
    let world = World::minted();
    let mut two = transaction(vec![both(), both()], vec![]);
    let given = Given::default();
    let calls: Vec<_> = two.calls().collect();

    // Given the second call before the first one, and the first one twice
    let mut progress = Progress::default();
    let mut apply = |index: usize| {
        vouch_replay::apply(&world.accounts, &two, &calls[index], &mut progress, &given)
            .map(|effects| effects.position)
            .map_err(|error| error.kind)
    };
    assert_eq!(apply(1), Err(Kind::OutOfOrder));
    let first = Position {
        instruction: 0,
        inner: None,
    };
    assert_eq!(apply(0), Ok(first));
    assert_eq!(apply(0), Err(Kind::OutOfOrder));

    // Given a call of a transaction that failed
    let successful = two.clone();
    let call = successful.calls().next().expect("a call");
    two.outcome = Outcome::Failed {
        instruction: None,
        code: None,
    };
    let mut progress = Progress::default();
    let error = vouch_replay::apply(&world.accounts, &two, &call, &mut progress, &given);
    let error = error.expect_err("an error");
    assert_eq!(error.kind, Kind::TransactionFailed);
    assert_eq!(world.apply(&two), Ok(vec![]));
}
