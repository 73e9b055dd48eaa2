//! The accounts and rows that a history leaves in a store. Numbers in brackets refer to `docs/INVARIANTS.md`.

use solana_sdk::pubkey::Pubkey;
use vouch_audit::{Board, Bounds, Head, Moment, Row, Store, Tally};
use vouch_client::accounts::{Account, Action, Closed};
use vouch_replay::{Change, Effects, Fact, Part, PartPaid, Position, Sale, encode};
use vouch_rules::reward::Reward;

const ALICE: u8 = 100;
const BOB: u8 = 101;

fn key(byte: u8) -> Pubkey {
    Pubkey::new_from_array([byte; 32])
}

fn facts(facts: Vec<Fact>) -> Effects {
    Effects {
        position: Position::default(),
        changes: Vec::new(),
        facts,
    }
}

fn sale(conversion: u8, owner: u8, hold_seconds: u32, referrer: u64) -> Effects {
    facts(vec![Fact::Sale(Box::new(Sale {
        conversion: key(conversion),
        campaign: key(1),
        referral: key(2),
        code: [0; 12],
        owner: key(owner),
        partner: None,
        referee: key(3),
        action: Action::Signup,
        amount: 1,
        reference: [0; 32],
        reward: Reward {
            referrer,
            ..Reward::default()
        },
        settled: 6,
        hold_seconds,
        rent_payer: key(3),
        budgeted: false,
    }))])
}

fn cancel(conversion: u8) -> Effects {
    facts(vec![Fact::ConversionCancelled {
        conversion: key(conversion),
        referral: key(2),
        forgone: 0,
    }])
}

fn pay(conversion: u8, part: Part, units: u64) -> Effects {
    facts(vec![Fact::PartPaid(PartPaid {
        conversion: key(conversion),
        part,
        units,
        recipient: key(ALICE),
        account: key(4),
        claimed: true,
    })])
}

/// Alice converts with 10 at once, with 11 and 12 held for a minute, Bob with 13 held; 11 is
/// cancelled; 12 is paid, to both parties.
fn story() -> Store {
    let mut store = Store::new().expect("a file");
    let steps = [
        (1, 1000, sale(10, ALICE, 0, 5)),
        (2, 1010, sale(11, ALICE, 60, 7)),
        (3, 1020, sale(12, ALICE, 60, 11)),
        (4, 1030, cancel(11)),
        (6, 1080, pay(12, Part::Referrer, 11)),
        (7, 1081, pay(12, Part::Referee, 3)),
        (9, 1090, sale(13, BOB, 60, 2)),
    ];
    for (seq, time, effects) in steps {
        store.apply(seq, time, &[effects]).expect("applied");
    }
    store
}

/// Conversions, rewards, and what was paid, as of a transaction and its time.
fn sums(store: &Store, seq: u64, time: i64) -> (u64, u128, u128) {
    let head = Head {
        genesis_hash: key(9),
        slot: 1,
        seq,
        signature: [5; 64],
        time,
    };
    let digest = store.digest(head).expect("a digest");
    (digest.conversions, digest.rewards, digest.paid)
}

/// [M13]
#[test]
fn each_moment_has_what_nobody_could_cancel_then() {
    let store = story();
    for (seq, time, expected) in [
        (1, 1000, (1, 5, 0)),
        // Held, and the one of them is cancelled later
        (3, 1020, (1, 5, 0)),
        // The last second in which 12 can be cancelled, and the next
        (5, 1079, (1, 5, 0)),
        (5, 1080, (2, 16, 0)),
        (6, 1080, (2, 16, 11)),
        (7, 1081, (2, 16, 11)),
        (9, 1090, (2, 16, 11)),
        (9, 1150, (3, 18, 11)),
    ] {
        assert_eq!(sums(&store, seq, time), expected, "{seq} {time}");
    }
}

#[test]
fn rows_are_found_by_their_transactions() {
    let store = story();
    let rows = |after, upto| {
        let mut found = Vec::new();
        let each = |row: Row| {
            found.push((row.seq(), row.conversion().to_bytes()[0]));
            Ok(())
        };
        store.rows(after, upto, each).expect("rows");
        found
    };
    assert_eq!(
        rows(0, u64::MAX - 1),
        [(1, 10), (3, 12), (6, 12), (7, 12), (9, 13)]
    );
    assert_eq!(rows(1, 3), [(3, 12)]);
    assert_eq!(rows(3, 6), [(6, 12)]);
    assert_eq!(rows(7, 8), []);
}

#[test]
fn a_board_has_bounds_where_history_does_not_tell_the_clock() {
    let store = story();
    let tally = |conversions, rewards| Tally {
        conversions,
        rewards,
    };
    // Given a slot whose last transaction is the payment, and a next one with Bob's conversion
    let earliest = Moment { seq: 7, time: 1079 };
    let latest = Moment { seq: 9, time: 1150 };
    let board = Board::new(&store, earliest, latest).expect("a board");
    // Then Alice's second conversion counts or not, and Bob's, too
    let alice = Bounds {
        least: tally(1, 5),
        most: tally(2, 16),
    };
    let bob = Bounds {
        least: tally(0, 0),
        most: tally(1, 2),
    };
    assert_eq!(board.of(&key(ALICE)).expect("read"), alice);
    assert_eq!(board.of(&key(BOB)).expect("read"), bob);
    assert_eq!(board.of(&key(1)).expect("read"), Bounds::default());
    let mut all = Vec::new();
    board
        .all(|wallet, bounds| all.push((wallet, bounds)))
        .expect("read");
    assert_eq!(all, [(key(ALICE), alice), (key(BOB), bob)]);
}

#[test]
fn accounts_are_what_the_last_change_made_them() {
    let closed = |version| {
        Account::Closed(Box::new(Closed {
            version,
            campaign: key(1),
            rent_payer: key(2),
            treasury: key(3),
        }))
    };
    let change = |address: u8, account| Change {
        doubt: None,
        address: key(address),
        account,
    };
    let effects = |changes| Effects {
        position: Position::default(),
        changes,
        facts: Vec::new(),
    };
    let mut store = Store::new().expect("a file");
    // More changes than between two commits
    let rounds = 20_001;
    for seq in 1..=rounds {
        let changes = vec![
            change(1, Some(closed(u8::try_from(seq % 200).expect("a byte")))),
            change(2, Some(closed(1))),
        ];
        store.apply(seq, 0, &[effects(changes)]).expect("applied");
    }
    let removed = effects(vec![change(2, None), change(3, Some(closed(7)))]);
    store.apply(rounds + 1, 0, &[removed]).expect("applied");
    let account = |address| store.account(&key(address)).expect("read");
    assert_eq!(account(1), Some(encode(&closed(1))));
    assert_eq!(account(2), None);
    assert_eq!(account(3), Some(encode(&closed(7))));
    let mut addresses = Vec::new();
    store
        .addresses(|address| addresses.push(address))
        .expect("read");
    assert_eq!(addresses, [key(1), key(3)]);
}
