//! The calls of the program in a transaction, and whose CPIs are whose.

mod support;

use support::*;
use vouch_client::PROGRAM_ID;
use vouch_replay::{Kind, Position, transaction::Outcome};

fn place(instruction: usize, inner: Option<usize>) -> Position {
    Position { instruction, inner }
}

#[test]
fn calls_are_found_at_every_depth_in_the_order_in_which_they_began() {
    // Given a call, a foreign program that makes two calls at different depths, and another call
    let call = convert(BUYER, 1);
    let mut outer = foreign(&[]);
    outer.inner = vec![
        inner(2, FOREIGN, &[], vec![]),
        as_inner(3, &call),
        inner(4, SYSTEM, &[], vec![]),
        as_inner(2, &call),
    ];
    let instructions = vec![top(&call, vec![]), outer, top(&call, vec![])];
    let mut transaction = transaction(instructions, vec![]);

    // Then all four are found
    let places: Vec<_> = transaction.calls().map(|call| call.position).collect();
    let expected = [
        place(0, None),
        place(1, Some(1)),
        place(1, Some(3)),
        place(2, None),
    ];
    assert_eq!(places, expected);

    // And none if the transaction failed
    transaction.outcome = Outcome::Failed {
        instruction: Some(0),
        code: None,
    };
    assert_eq!(transaction.calls().count(), 0);
}

#[test]
fn a_call_has_exactly_the_cpis_that_it_made_itself() {
    // Given two calls of a foreign program, and CPIs before, below, between and after them
    let call = convert(BUYER, 1);
    let other = |height, tag| inner(height, SYSTEM, &[], vec![tag]);
    let mut outer = foreign(&[]);
    outer.inner = vec![
        other(2, 0),
        as_inner(2, &call),
        other(3, 1),
        other(4, 2),
        other(3, 3),
        other(2, 4),
        as_inner(2, &call),
        other(3, 5),
    ];
    let transaction = transaction(
        vec![outer, top(&call, vec![other(2, 6), other(3, 7)])],
        vec![],
    );

    // Then each has its own
    let tags: Vec<Vec<u8>> = transaction
        .calls()
        .map(|call| {
            let cpis = call.cpis().expect("they are known");
            cpis.iter().map(|cpi| cpi.data[0]).collect()
        })
        .collect();
    assert_eq!(tags, [vec![1, 3], vec![5], vec![6]]);
}

#[test]
fn records_without_stack_heights_are_used_only_if_they_decide() {
    let call = convert(BUYER, 1);
    let bare = |mut cpis: Vec<vouch_replay::transaction::Inner>| {
        cpis.iter_mut().for_each(|cpi| cpi.stack_height = None);
        cpis
    };
    let cpis_of = |instruction| {
        let transaction = transaction(vec![instruction], vec![]);
        let call = transaction.calls().next().expect("a call");
        call.cpis().map(|cpis| cpis.len())
    };

    // CPIs of an instruction of the message, to programs that make none
    let cpis = mints(2, BUYER, &[(OWNER, 100)]);
    assert_eq!(cpis_of(top(&call, bare(cpis))), Ok(2));
    // One of them may have made the other
    let cpis = vec![
        inner(2, FOREIGN, &[], vec![]),
        transfer(3, key(1), key(2), 1),
    ];
    assert_eq!(
        cpis_of(top(&call, bare(cpis))),
        Err(Kind::StackHeightMissing)
    );
    // Nobody knows who made the CPI after an inner call
    let mut outer = foreign(&[]);
    outer.inner = bare(vec![as_inner(2, &call), transfer(3, key(1), key(2), 1)]);
    assert_eq!(cpis_of(outer.clone()), Err(Kind::StackHeightMissing));
    // There is none
    outer.inner.truncate(1);
    assert_eq!(cpis_of(outer), Ok(0));
}

#[test]
fn impossible_stack_heights_are_an_error() {
    let call = convert(BUYER, 1);
    for heights in [&[3][..], &[2, 4]] {
        let cpis = heights
            .iter()
            .map(|height| transfer(*height, key(1), key(2), 1));
        let transaction = transaction(vec![top(&call, cpis.collect())], vec![]);
        let call = transaction.calls().next().expect("a call");
        assert_eq!(
            call.cpis().map(|cpis| cpis.len()),
            Err(Kind::StackHeightInvalid)
        );
    }
}

#[test]
fn other_programs_are_not_calls() {
    let mut built = convert(BUYER, 1);
    built.program_id = FOREIGN;
    let transaction = transaction(vec![top(&built, vec![])], vec![]);
    assert_eq!(transaction.calls().count(), 0);
    assert_ne!(FOREIGN, PROGRAM_ID);
}
