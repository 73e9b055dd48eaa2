//! The parts of a reward in SOL that were paid follow from balances, or are ambiguous.
//!
//! The parts of referrer and partner are equal, 1,000,000 lamports each, so the conversion's
//! balance alone does not tell them apart.

mod support;

use support::*;
use vouch_client::{ProgramError, accounts::Account};
use vouch_replay::{
    Doubt, Fact, Kind, Need, Transaction, View as _,
    transaction::{Balance, Outcome},
};

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

/// The transaction leaves the sale uncertain: the conversion may have settled any of these parts.
#[track_caller]
fn expect_doubt(transaction: &Transaction, possible: &[u8]) {
    let mut world = World::sol();
    let facts = world.take(transaction);
    // A part that is not paid in every case is not told as paid, and counts as owed
    let least = possible.iter().fold(7, |least, settled| least & settled);
    assert_eq!(world.settled(BUYER), Some(least));
    let told = paid(&facts).iter().map(|paid| paid.units).sum::<u64>();
    assert_eq!(told, PART * u64::from((least & 5).count_ones()));
    assert_eq!(world.possible(BUYER), possible);
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
fn a_credit_without_a_trace_makes_the_sale_uncertain() {
    // Given a foreign program that has both wallets, and equal parts of which one was paid
    let mut bought = bought(&[OWNER]);
    bought
        .instructions
        .push(foreign(&[key(OWNER), key(PARTNER)]));
    expect_doubt(&bought, &[2 | 1, 2 | 4]);

    // With only one wallet, the other one decides
    bought.instructions.pop();
    bought.instructions.push(foreign(&[key(OWNER)]));
    expect(&bought, &[OWNER]);
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
    expect_doubt(&wrapped(&[OWNER]), &[2 | 1, 2 | 4, 7]);

    // A wallet that held nothing before is the System program's
    let mut empty = wrapped(&[OWNER]);
    empty.balances[3] = balance(key(PARTNER), 0, 0);
    expect(&empty, &[OWNER]);
    // Unless it was given away in the same transaction
    let assigned = inner(3, SYSTEM, &[key(PARTNER)], vec![1, 0, 0, 0]);
    empty.instructions[0].inner.push(assigned);
    expect_doubt(&empty, &[2 | 1, 2 | 4, 7]);
    empty.instructions[0].inner.pop();
    // And somebody else may have paid it, too
    empty.balances[3].after = PART;
    expect_doubt(&empty, &[2 | 1, 2 | 4, 7]);
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
    let mut world = World::sol();
    let facts = world.take(&both);
    assert_eq!(world.possible(BUYER), [2 | 1, 2 | 4]);
    assert_eq!(world.possible(other), [7]);
    // And only what the second one paid is told
    assert_eq!(payees(&facts), [(key(OWNER), PART), (key(PARTNER), PART)]);
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
    assert_eq!(world.settled(BUYER), Some(7));
    assert!(world.doubts.is_empty());
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
    // Another program may have returned the rent: then nobody knows whether the account is there
    reclaimed.instructions.push(foreign(&[conversion(BUYER)]));
    let mut uncertain = world.clone();
    uncertain.take(&reclaimed);
    let Some(Doubt::Conversion(states)) = uncertain.doubt(&conversion(BUYER)) else {
        panic!("no doubt");
    };
    assert!(states.has_ended());
    assert_eq!(states.settled(), 2);
    // A claim that is refused for another account says nothing of it
    for error in [
        ProgramError::CampaignNotFound,
        ProgramError::ReferralNotFound,
        ProgramError::ConversionNotFound,
        ProgramError::StillHeld,
    ] {
        let before = uncertain.doubt(&conversion(BUYER));
        assert_eq!(uncertain.take(&refused(error)), []);
        assert_eq!(uncertain.doubt(&conversion(BUYER)), before);
    }
    // And when it is closed again, then it was, and is no more
    let mut again = reclaimed.clone();
    again.instructions.pop();
    again.balances[0] = balance(conversion(BUYER), RENT + 778, 0);
    uncertain.take(&again);
    assert_eq!(uncertain.settled(BUYER), None);
    assert_eq!(uncertain.doubt(&conversion(BUYER)), None);
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

    // If a foreign program has the wallets, nobody knows which part was paid
    reclaimed
        .instructions
        .push(foreign(&[key(OWNER), key(PARTNER)]));
    let mut world = world.clone();
    assert_eq!(payees(&world.take(&reclaimed)), []);
    assert_eq!(world.settled(BUYER), None);
    assert_eq!(world.possible(BUYER), [2 | 1, 2 | 4, 7]);
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
fn any_number_of_uncertain_sales_in_a_transaction_stops_nothing() {
    // Given nine sales, with two explanations each: more combinations than are tried
    let buyers = 100..109;
    let mut bought = several(buyers.clone());
    // And after them a sale to somebody else, which pays both parts
    let call = top(&purchase(BUYER), payment(2, BUYER));
    bought.instructions.push(call);
    bought.balances.push(balance(conversion(BUYER), 0, RENT));
    let mut world = World::sol();
    let facts = world.take(&bought);
    // Then each of the nine may have paid either, and the other one is certain
    for buyer in buyers {
        assert_eq!(world.possible(buyer), [2 | 1, 2 | 4]);
        assert_eq!(world.settled(buyer), Some(2));
    }
    assert_eq!(world.possible(BUYER), [7]);
    assert_eq!(payees(&facts), [(key(OWNER), PART), (key(PARTNER), PART)]);
    // And so is the sum of what is owed: nine parts of eighteen, nobody knows whose
    let referral = world.referral();
    assert_eq!(referral.open_conversions, 9);
    assert_eq!(referral.rewards_pending, 9 * PART);
    assert_eq!(referral.partner_pending, 9 * PART);
    let Some(Doubt::Referral(less)) = world.doubt(&support::referral()) else {
        panic!("no doubt");
    };
    assert_eq!(
        (less.open, less.rewards, less.partner),
        (0, 9 * PART, 9 * PART)
    );
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

/// A world in which a sale paid the owner, and nobody knows whether it paid the partner, too.
fn uncertain() -> World {
    let mut world = World::sol();
    let mut bought = bought(&[OWNER]);
    bought
        .instructions
        .push(foreign(&[conversion(BUYER), key(PARTNER)]));
    assert_eq!(payees(&world.take(&bought)), [(key(OWNER), PART)]);
    assert_eq!(world.possible(BUYER), [2 | 1, 7]);
    world
}

#[test]
fn a_claim_proves_what_was_owed_before() {
    // Given a sale of which the partner's part may have been paid
    let mut world = uncertain();
    let referral = world.referral();
    assert_eq!(
        (referral.open_conversions, referral.partner_pending),
        (1, PART)
    );
    // When a claim pays it
    let mut all = balances(BUYER, &[PARTNER]);
    all[0] = balance(conversion(BUYER), RENT + PART, RENT);
    let facts = world.take(&transaction(vec![top(&claim(BUYER, true), vec![])], all));
    // Then it had not been paid before, and everything is certain
    assert_eq!(payees(&facts), [(key(PARTNER), PART)]);
    assert_eq!(world.settled(BUYER), Some(7));
    assert!(world.doubts.is_empty());
    let referral = world.referral();
    assert_eq!(
        (referral.open_conversions, referral.partner_pending),
        (0, 0)
    );
}

#[test]
fn a_claim_that_names_no_account_of_a_paid_part_is_possible_only_if_it_was_paid() {
    // Given a sale that paid either the owner or the partner
    let mut world = World::sol();
    let mut bought = bought(&[PARTNER]);
    let wallets = foreign(&[key(OWNER), key(PARTNER)]);
    bought.instructions.push(wallets.clone());
    let mut claim = top(&claim(BUYER, true), vec![]);
    claim.accounts.truncate(6);
    assert!(!claim.accounts.contains(&key(PARTNER)));
    let all = vec![
        balance(conversion(BUYER), RENT + PART, RENT),
        balance(key(OWNER), 5, 5 + PART),
    ];
    let mut both = bought.clone();
    world.take(&bought);
    assert_eq!(world.possible(BUYER), [2 | 1, 2 | 4]);

    // When a claim pays one part, and names no account for the partner's
    let facts = world.take(&transaction(vec![claim.clone()], all.clone()));
    // Then it was the owner's, and the partner's was paid before
    assert_eq!(payees(&facts), [(key(OWNER), PART)]);
    assert_eq!(world.settled(BUYER), Some(7));
    assert!(world.doubts.is_empty());

    // And so in one transaction
    both.instructions.push(claim);
    both.balances[0].after = RENT;
    both.balances[2].after += PART;
    let mut world = World::sol();
    let facts = world.take(&both);
    assert_eq!(payees(&facts), [(key(PARTNER), PART), (key(OWNER), PART)]);
    assert_eq!(world.settled(BUYER), Some(7));
    assert!(world.doubts.is_empty());
}

#[test]
fn a_closing_before_the_end_of_claims_proves_that_everything_was_paid() {
    // Given a sale of which the partner's part may have been paid, in a campaign that is closed
    let mut world = uncertain();
    world.take(&transaction(vec![top(&close(), vec![])], vec![]));
    let reclaimed = |world: &mut World, days: i64| {
        let all = vec![balance(conversion(BUYER), RENT + PART, 0)];
        let mut reclaimed = transaction(vec![top(&reclaim(BUYER), vec![])], all);
        reclaimed.block_time = NOW + days * 86_400;
        world.take(&reclaimed)
    };
    // When its rent is returned while rewards can be claimed, then it was paid
    let mut early = world.clone();
    let facts = reclaimed(&mut early, 1);
    assert!(matches!(
        facts.as_slice(),
        [
            Fact::PartsProven { settled: 7, .. },
            Fact::RentReclaimed { .. }
        ]
    ));
    assert!(early.doubts.is_empty());
    let referral = early.referral();
    assert_eq!(
        (referral.open_conversions, referral.partner_pending),
        (0, 0)
    );
    // When it is returned later, then nobody will ever know
    let facts = reclaimed(&mut world, 31);
    assert!(matches!(facts.as_slice(), [Fact::RentReclaimed { .. }]));
    assert_eq!(world.possible(BUYER), [2 | 1, 7]);
    assert_eq!(world.settled(BUYER), None);
    let referral = world.referral();
    assert_eq!(
        (referral.open_conversions, referral.partner_pending),
        (1, PART)
    );
}

#[test]
fn a_partner_that_may_be_owed_nothing_stops_nothing() {
    // Given a sale of which the partner's part may have been paid
    let mut world = uncertain();
    // When the partner leaves
    world.take(&transaction(vec![top(&leave(), vec![])], vec![]));
    // Then the program has removed it if it was owed nothing
    let Some(Doubt::Referral(less)) = world.doubt(&support::referral()) else {
        panic!("no doubt");
    };
    assert!(less.partnership);
    // And then it buys by the code, and the owner finds another partner, as the program allows then
    let mut sold = balances(PARTNER, &[OWNER]);
    sold[0].after = RENT;
    let mut world = {
        let call = top(&purchase(PARTNER), payment(2, PARTNER));
        world.take(&transaction(vec![call], sold));
        world
    };
    world.take(&transaction(vec![top(&engage(50), vec![])], vec![]));
    let referral = world.referral();
    assert_eq!(referral.partner, key(50));
    let Some(Doubt::Referral(less)) = world.doubt(&support::referral()) else {
        panic!("no doubt");
    };
    assert!(!less.partnership);
    // And the owner can close the code, because nothing is owed
    world.take(&transaction(vec![top(&close_code(), vec![])], vec![]));
    assert!(matches!(
        world.accounts.get(&support::referral()),
        Some(Account::Closed(_))
    ));
    assert_eq!(world.doubt(&support::referral()), None);
}

#[test]
fn a_node_may_have_any_account_that_is_possible() {
    // Given a sale of which the partner's part may have been paid
    let world = uncertain();
    let doubt = |address| world.doubt(&address).expect("a doubt");
    let of = |address| world.accounts.get(&address);
    let (conversion, referral) = (conversion(BUYER), support::referral());
    // Then an account in which it was paid is right, and so is one in which it was not
    let Some(Account::Conversion(owed)) = of(conversion) else {
        panic!("no conversion");
    };
    let mut paid = (**owed).clone();
    paid.settled = 7;
    paid.status = vouch_client::accounts::Status::Paid;
    let allows = |account: &vouch_client::accounts::Conversion| {
        let found = Account::Conversion(Box::new(account.clone()));
        doubt(conversion).allows(of(conversion), Some(&found))
    };
    assert!(allows(owed) && allows(&paid));
    // But not one in which the owner was not paid, of another status, or none
    let mut other = paid.clone();
    other.settled = 2;
    assert!(!allows(&other));
    other = paid.clone();
    other.rent_payer = key(60);
    assert!(!allows(&other));
    assert!(!doubt(conversion).allows(of(conversion), None));
    // And the referral owes the part or not, and nothing else differs
    let Some(Account::Referral(most)) = of(referral) else {
        panic!("no referral");
    };
    let allows = |change: &dyn Fn(&mut vouch_client::accounts::Referral)| {
        let mut found = (**most).clone();
        change(&mut found);
        let found = Account::Referral(Box::new(found));
        doubt(referral).allows(of(referral), Some(&found))
    };
    assert!(allows(&|_| {}));
    assert!(allows(&|it| {
        it.partner_pending = 0;
        it.open_conversions = 0;
    }));
    assert!(!allows(&|it| it.partner_pending = PART + 1));
    assert!(!allows(&|it| it.open_conversions = 2));
    assert!(!allows(&|it| it.conversions = 0));
    assert!(!allows(&|it| it.partner = key(60)));
}

/// A claim of the conversion of [`BUYER`] that the program refused.
fn refused(error: ProgramError) -> Transaction {
    let mut refused = transaction(vec![top(&claim(BUYER, true), vec![])], vec![]);
    refused.outcome = Outcome::Failed {
        instruction: Some(0),
        code: Some(error.code()),
    };
    refused
}

#[test]
fn a_claim_that_is_refused_proves_what_it_was_refused_for() {
    // Given a sale of which the partner's part may have been paid
    let world = uncertain();
    // When a claim is refused because nothing is owed, then it was paid
    let mut paid = world.clone();
    let facts = paid.take(&refused(ProgramError::NotPending));
    assert!(matches!(
        facts.as_slice(),
        [Fact::PartsProven { settled: 7, .. }]
    ));
    assert_eq!(paid.settled(BUYER), Some(7));
    assert!(paid.doubts.is_empty());
    let referral = paid.referral();
    assert_eq!(
        (referral.open_conversions, referral.partner_pending),
        (0, 0)
    );
    // When it is refused because what is owed cannot be paid, then it was not
    let mut owed = world.clone();
    assert_eq!(owed.take(&refused(ProgramError::NothingToClaim)), []);
    assert_eq!(owed.settled(BUYER), Some(2 | 1));
    assert!(owed.doubts.is_empty());
    let referral = owed.referral();
    assert_eq!(
        (referral.open_conversions, referral.partner_pending),
        (1, PART)
    );
    // And another refusal, another call before it, and an error of another program prove nothing
    let mut behind = refused(ProgramError::NotPending);
    behind
        .instructions
        .insert(0, top(&claim(BUYER, true), vec![]));
    behind.outcome = Outcome::Failed {
        instruction: Some(1),
        code: Some(ProgramError::NotPending.code()),
    };
    let mut calling = refused(ProgramError::NotPending);
    let cpi = transfer(2, key(50), conversion(BUYER), 1);
    calling.instructions[0].inner.push(cpi);
    let mut within = refused(ProgramError::NotPending);
    within.instructions = vec![wrapped(&claim(BUYER, true), vec![])];
    for other in [refused(ProgramError::StillHeld), behind, calling, within] {
        assert_eq!(world.apply(&other), Ok(vec![]), "{other:?}");
    }
}
