//! The parts of a reward in SOL that were paid follow from balances, or are ambiguous.
//!
//! The parts of referrer and partner are equal, 1,000,000 lamports each, so the conversion's
//! balance alone does not tell them apart.

mod support;

use support::*;
use vouch_client::accounts::Account;
use vouch_replay::{Kind, Need, Transaction, transaction::Balance};

const PART: u64 = 1_000_000;

/// The balances after a purchase that paid these owners.
fn balances(buyer: u8, payees: &[u8]) -> Vec<Balance> {
    let waiting = PART * (2 - payees.len() as u64);
    let wallet = |owner: u8| {
        let gained = if payees.contains(&owner) { PART } else { 0 };
        balance(key(owner), 1_000_000_000, 1_000_000_000 + gained)
    };
    vec![
        balance(conversion(buyer), 0, RENT + waiting),
        balance(key(TREASURY), 5, 5 + 8_000_000),
        wallet(OWNER),
        wallet(PARTNER),
    ]
}

fn bought(payees: &[u8]) -> Transaction {
    let call = top(&purchase(BUYER), payment(2, BUYER));
    transaction(vec![call], balances(BUYER, payees))
}

#[track_caller]
fn expect(transaction: &Transaction, owners: &[u8]) {
    let mut world = World::sol();
    let facts = world.take(transaction);
    let expected: Vec<_> = owners.iter().map(|owner| (key(*owner), PART)).collect();
    assert_eq!(payees(&facts), expected);
    let Some(Account::Conversion(account)) = world.accounts.get(&conversion(BUYER)) else {
        panic!("no conversion");
    };
    let bit = |owner: u8, bit: u8| if owners.contains(&owner) { bit } else { 0 };
    assert_eq!(account.settled, 2 | bit(OWNER, 1) | bit(PARTNER, 4));
}

#[track_caller]
fn expect_error(transaction: &Transaction, kind: &Kind) {
    let error = World::sol().apply(transaction).expect_err("an error");
    assert_eq!(error.kind, *kind);
}

#[test]
fn balances_tell_which_parts_were_paid() {
    for owners in [&[][..], &[OWNER], &[PARTNER], &[OWNER, PARTNER]] {
        expect(&bought(owners), owners);
    }
}

#[test]
fn lamports_at_the_address_before_the_sale_change_nothing() {
    // Given an address that already holds more than the rent
    let mut bought = bought(&[OWNER]);
    bought.instructions[0].inner.remove(0);
    bought.balances[0].before = 3 * RENT;
    bought.balances[0].after = 3 * RENT + PART;
    expect(&bought, &[OWNER]);
}

#[test]
fn transfers_and_fees_of_the_recipients_are_known() {
    // Given a referrer that pays the fee and sends lamports elsewhere
    let mut bought = bought(&[OWNER]);
    bought.fee_payer = key(OWNER);
    let sent = transfer(1, key(OWNER), key(50), 777);
    bought
        .instructions
        .push(vouch_replay::transaction::Instruction {
            program: sent.program,
            accounts: sent.accounts,
            data: sent.data,
            inner: vec![],
        });
    bought.balances[2].after -= 777 + 5_000;
    expect(&bought, &[OWNER]);

    // And if the fee is not known, the partner's balance decides
    bought.fee = None;
    expect(&bought, &[OWNER]);
}

#[test]
fn a_credit_without_a_trace_makes_the_sale_ambiguous() {
    // Given a foreign program that has both wallets, and equal parts of which one was paid
    let mut bought = bought(&[OWNER]);
    bought
        .instructions
        .push(foreign(&[key(OWNER), key(PARTNER)]));
    expect_error(&bought, &Kind::Ambiguous);

    // When the caller knows the conversion's bits, then they decide
    let mut world = World::sol();
    world.given.settled.push((conversion(BUYER), 1 | 2));
    assert_eq!(payees(&world.take(&bought)), [(key(OWNER), PART)]);
    // Unless they fit no consistent answer
    let mut world = World::sol();
    world.given.settled.push((conversion(BUYER), 7));
    let error = world.apply(&bought).expect_err("an error");
    assert_eq!(error.kind, Kind::Unexplained);

    // With only one wallet, the other one decides
    bought.instructions.pop();
    bought.instructions.push(foreign(&[key(OWNER)]));
    expect(&bought, &[OWNER]);
}

#[test]
fn what_a_conversion_has_settled_later_leaves_out_what_it_never_settled() {
    // Given a sale of which one of two equal parts was paid, and a foreign program that has both wallets
    let mut bought = bought(&[OWNER]);
    bought
        .instructions
        .push(foreign(&[key(OWNER), key(PARTNER)]));
    let outcome = |later: u8| {
        let mut world = World::sol();
        world.given.later.push((conversion(BUYER), later));
        world.apply(&bought)?;
        world.take(&bought);
        match world.accounts.get(&conversion(BUYER)) {
            Some(Account::Conversion(account)) => Ok(account.settled),
            _ => panic!("no conversion"),
        }
    };
    let outcome = |later| outcome(later).map_err(|error: vouch_replay::Error| error.kind);
    // When the conversion has settled only one of the two at a later time, then it was that one
    assert_eq!(outcome(2 | 1), Ok(2 | 1));
    assert_eq!(outcome(2 | 4), Ok(2 | 4));
    // When it has settled both, then nobody knows which one was first
    assert_eq!(outcome(7), Err(Kind::Ambiguous));
    // And what it never settled was not paid
    assert_eq!(outcome(0), Err(Kind::Ambiguous));
}

#[test]
fn a_call_by_another_program_is_certain_if_everybody_was_paid() {
    // Given a program that wraps the purchase and so has all of its accounts
    let wrapped = |owners: &[u8]| {
        let call = wrapped(&purchase(BUYER), payment(3, BUYER));
        transaction(vec![call], balances(BUYER, owners))
    };
    // Then nobody else can have taken the parts out of the conversion's account
    expect(&wrapped(&[OWNER, PARTNER]), &[OWNER, PARTNER]);
    // But it may have put one back, if it owns the partner's wallet
    expect_error(&wrapped(&[OWNER]), &Kind::Ambiguous);

    // A wallet that held nothing before is the System program's
    let mut empty = wrapped(&[OWNER]);
    empty.balances[3] = balance(key(PARTNER), 0, 0);
    expect(&empty, &[OWNER]);
    // Unless it was given away in the same transaction
    let assigned = inner(3, SYSTEM, &[key(PARTNER)], vec![1, 0, 0, 0]);
    empty.instructions[0].inner.push(assigned);
    expect_error(&empty, &Kind::Ambiguous);
    empty.instructions[0].inner.pop();
    // And somebody else may have paid it, too
    empty.balances[3].after = PART;
    expect_error(&empty, &Kind::Ambiguous);
}

#[test]
fn several_sales_of_a_transaction_are_told_apart() {
    // Given two purchases, and a transaction that pays all parts of both
    let other = 40;
    let calls = [BUYER, other].map(|buyer| top(&purchase(buyer), payment(2, buyer)));
    let wallet = |owner: u8| balance(key(owner), 0, 2 * PART);
    let all = vec![
        balance(conversion(BUYER), 0, RENT),
        balance(conversion(other), 0, RENT),
        wallet(OWNER),
        wallet(PARTNER),
    ];
    let mut both = transaction(calls.to_vec(), all);
    assert_eq!(payees(&World::sol().take(&both)).len(), 4);

    // When the second one does not pay the partner, then the second one is certain: the first
    // one paid everything, and the wallets tell the rest
    both.balances[1].after += PART;
    both.balances[3].after -= PART;
    let facts = World::sol().take(&both);
    let paid = payees(&facts);
    assert_eq!(
        paid.iter()
            .filter(|(owner, _)| *owner == key(PARTNER))
            .count(),
        1
    );

    // When the first one does not pay the partner, then the second one may have instead
    both.balances.swap(0, 1);
    both.balances[0].account = conversion(BUYER);
    both.balances[1].account = conversion(other);
    expect_error(&both, &Kind::Ambiguous);
}

#[test]
fn a_claim_in_the_same_transaction_leaves_the_same_accounts_whichever_part_came_first() {
    // Given a purchase of which a part is claimed in the same transaction
    let mut bought = bought(&[OWNER, PARTNER]);
    bought.instructions.push(top(&claim(BUYER, true), vec![]));

    // Then nobody knows which part was paid when, and the accounts are the same: one possibility is
    // taken, always the same
    let mut world = World::sol();
    let taken = paid(&world.take(&bought));
    let taken: Vec<_> = taken
        .iter()
        .map(|paid| (paid.recipient, paid.claimed))
        .collect();
    assert_eq!(taken, [(key(PARTNER), false), (key(OWNER), true)]);

    // And if the caller knows the bits after the sale, the claim follows
    let mut world = World::sol();
    world.given.settled.push((conversion(BUYER), 2 | 4));
    let paid = paid(&world.take(&bought));
    let paid: Vec<_> = paid
        .iter()
        .map(|paid| (paid.recipient, paid.claimed))
        .collect();
    assert_eq!(paid, [(key(PARTNER), false), (key(OWNER), true)]);
}

#[test]
fn a_conversion_that_is_reclaimed_in_the_same_transaction_was_paid() {
    // Given a purchase, the closing of its campaign, and the return of its rent, which goes to a
    // wallet that the transaction names again
    let mut bought = bought(&[OWNER, PARTNER]);
    for built in [close(), reclaim(BUYER)] {
        bought.instructions.push(top(&built, vec![]));
    }
    bought.balances[0].after = 0;

    // Then every part was paid: a conversion that owes something keeps its account
    let mut world = World::sol();
    let paid = payees(&world.take(&bought));
    assert_eq!(paid, [(key(OWNER), PART), (key(PARTNER), PART)]);
    assert!(!world.accounts.contains_key(&conversion(BUYER)));
}

/// A world whose conversion owes both parts, 31 days after its campaign was closed.
fn over() -> (World, Transaction) {
    let mut world = World::sol();
    world.take(&bought(&[]));
    world.take(&transaction(vec![top(&close(), vec![])], vec![]));
    let call = top(&reclaim(BUYER), vec![]);
    let mut reclaimed = transaction(vec![call], vec![]);
    reclaimed.block_time = NOW + 31 * 86_400;
    (world, reclaimed)
}

#[test]
fn a_conversion_survives_if_its_rent_payer_cannot_be_paid() {
    let (world, mut reclaimed) = over();
    let survives = |reclaimed: &Transaction| {
        let mut world = world.clone();
        world.take(reclaimed);
        match world.accounts.get(&conversion(BUYER)) {
            Some(Account::Conversion(account)) => Some(account.settled),
            _ => None,
        }
    };
    let full = RENT + 2 * PART;
    // Everything left the account
    reclaimed.balances = vec![balance(conversion(BUYER), full, 0)];
    assert_eq!(survives(&reclaimed), None);
    // Only the unclaimed parts did
    reclaimed.balances[0].after = RENT;
    assert_eq!(survives(&reclaimed), Some(7));
    // Everything left it, and somebody sent lamports to the address afterwards
    let sent = transfer(1, key(50), conversion(BUYER), 777);
    reclaimed
        .instructions
        .push(vouch_replay::transaction::Instruction {
            program: sent.program,
            accounts: sent.accounts,
            data: sent.data,
            inner: vec![],
        });
    reclaimed.balances[0].after = 777;
    assert_eq!(survives(&reclaimed), None);
    // The same, and only the unclaimed parts left it
    reclaimed.balances[0].after = RENT + 777;
    assert_eq!(survives(&reclaimed), Some(7));

    // Neither
    reclaimed.balances[0].after += 1;
    let error = world.apply(&reclaimed).expect_err("an error");
    assert_eq!(error.kind, Kind::Unexplained);
    // Another program may have returned the rent
    reclaimed.instructions.push(foreign(&[conversion(BUYER)]));
    let error = world.apply(&reclaimed).expect_err("an error");
    assert_eq!(error.kind, Kind::Ambiguous);
    // When the caller knows whether the account is there afterwards, then that decides
    for (after, expected) in [(None, None), (Some(7), Some(7))] {
        let mut world = world.clone();
        world.given.after.push((conversion(BUYER), after));
        let effects = world.apply(&reclaimed).expect("decided");
        let mut changes = effects.iter().flat_map(|effects| &effects.changes);
        let left = changes
            .rfind(|change| change.address == conversion(BUYER))
            .expect("a change");
        let bits = left.account.as_ref().map(|account| match account {
            Account::Conversion(account) => account.settled,
            _ => 0,
        });
        assert_eq!(bits, expected);
    }
    // If the bits that the caller knows fit neither outcome, the transaction is unexplained
    let mut other = world.clone();
    other.given.after.push((conversion(BUYER), Some(1)));
    let error = other.apply(&reclaimed).expect_err("an error");
    assert_eq!(error.kind, Kind::Unexplained);
    // Nobody told the balance
    reclaimed.balances.clear();
    let error = world.apply(&reclaimed).expect_err("an error");
    let need = Need::Balance(conversion(BUYER));
    assert_eq!(error.kind, Kind::Needs(need));
}

#[test]
fn a_claim_before_a_late_reclaim_is_told_by_the_recipients() {
    // Given a claim of one part and the return of the rent, after the claim period
    let (world, mut reclaimed) = over();
    reclaimed
        .instructions
        .insert(0, top(&claim(BUYER, true), vec![]));
    reclaimed.balances = balances(BUYER, &[PARTNER]);
    reclaimed.balances[0] = balance(conversion(BUYER), RENT + 2 * PART, 0);
    let facts = world.clone().take(&reclaimed);
    assert_eq!(payees(&facts), [(key(PARTNER), PART)]);
    assert!(facts.iter().any(|fact| matches!(
        fact,
        vouch_replay::Fact::ConversionLapsed { forgone: PART, .. }
    )));

    // If the rent goes to the wallets, nobody knows
    reclaimed
        .instructions
        .push(foreign(&[key(OWNER), key(PARTNER)]));
    let error = world.apply(&reclaimed).expect_err("an error");
    assert_eq!(error.kind, Kind::Ambiguous);
}

#[test]
fn a_claim_pays_what_the_conversion_loses() {
    // Given a conversion that owes both parts
    let mut world = World::sol();
    world.take(&bought(&[]));
    let claimed = |owners: &[u8]| {
        let mut all = balances(BUYER, owners);
        all[0].before = RENT + 2 * PART;
        transaction(vec![top(&claim(BUYER, true), vec![])], all)
    };
    for owners in [&[OWNER][..], &[PARTNER], &[OWNER, PARTNER]] {
        let expected: Vec<_> = owners.iter().map(|owner| (key(*owner), PART)).collect();
        assert_eq!(payees(&world.clone().take(&claimed(owners))), expected);
    }
    // A claim that pays nothing fails
    let error = world.apply(&claimed(&[])).expect_err("an error");
    assert_eq!(error.kind, Kind::Unexplained);
}

#[test]
fn a_record_that_fits_no_outcome_is_an_error() {
    let mut bought = bought(&[OWNER]);
    bought.balances[0].after += 1;
    expect_error(&bought, &Kind::Unexplained);
    bought.balances.remove(0);
    let need = Need::Balance(conversion(BUYER));
    expect_error(&bought, &Kind::Needs(need));
}

#[test]
fn another_calls_trailing_account_decides_nothing() {
    // Given a purchase that paid everything, and a claim of another conversion, which names the
    // first conversion among accounts that nothing reads
    let mut world = World::sol();
    let other = 40;
    let before = transaction(
        vec![top(&purchase(other), payment(2, other))],
        balances(other, &[]),
    );
    world.take(&before);
    let mut claim = top(&claim(other, true), vec![]);
    claim.accounts.push(conversion(BUYER));
    let all = vec![
        balance(conversion(BUYER), 0, RENT),
        balance(conversion(other), RENT + 2 * PART, RENT),
        balance(key(OWNER), 0, 2 * PART),
        balance(key(PARTNER), 0, 2 * PART),
    ];
    let calls = vec![top(&purchase(BUYER), payment(2, BUYER)), claim];

    // Then all four parts are known
    let facts = world.take(&transaction(calls, all));
    assert_eq!(payees(&facts).len(), 4);
}

/// Purchases of these buyers in one transaction, each of which paid one of two equal parts. A
/// foreign program had both wallets.
fn several(buyers: std::ops::Range<u8>) -> Transaction {
    let mut all = balances(BUYER, &[]);
    all.retain(|balance| balance.account != conversion(BUYER));
    let mut calls = Vec::new();
    for buyer in buyers {
        calls.push(top(&purchase(buyer), payment(2, buyer)));
        all.push(balance(conversion(buyer), 0, RENT + PART));
    }
    let mut bought = transaction(calls, all);
    bought
        .instructions
        .push(foreign(&[key(OWNER), key(PARTNER)]));
    bought
}

#[test]
fn what_a_node_still_has_decides_any_number_of_sales() {
    // Given nine sales, with two explanations each: more combinations than are tried
    let buyers = 100..109;
    let bought = several(buyers.clone());
    let mut world = World::sol();
    let error = world.apply(&bought).expect_err("an error");
    assert_eq!(error.kind, Kind::Ambiguous);
    // When what they left is known, then each is decided
    for buyer in buyers.clone() {
        let paid = if buyer % 2 == 0 { 1 } else { 4 };
        world.given.after.push((conversion(buyer), Some(2 | paid)));
    }
    let facts = world.take(&bought);
    let expected: Vec<_> = buyers
        .map(|buyer| if buyer % 2 == 0 { OWNER } else { PARTNER })
        .map(|owner| (key(owner), PART))
        .collect();
    assert_eq!(payees(&facts), expected);
}

#[test]
fn a_missing_value_is_asked_for_also_while_outcomes_are_tried() {
    // Given an ambiguous sale, and a sale whose balance nobody told
    let mut bought = several(100..102);
    bought
        .balances
        .retain(|balance| balance.account != conversion(101));
    // Then the missing balance is named, because no outcome makes up for it
    expect_error(&bought, &Kind::Needs(Need::Balance(conversion(101))));
}
