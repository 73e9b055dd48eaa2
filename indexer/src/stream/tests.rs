//! The blocks of a stream: in order, twice, replaced, missing, too many.

use solana_sdk::transaction::VersionedTransaction;

use super::*;
use crate::sent::Effects;

/// The hash of the block in a slot on a fork.
fn hash(slot: u64, fork: char) -> String {
    format!("{slot}{fork}")
}

fn head(slot: u64, fork: char, parent: u64, of: char) -> Head {
    Head {
        slot,
        hash: hash(slot, fork),
        parent_slot: parent,
        parent_hash: hash(parent, of),
        time: Some(1_000),
    }
}

/// A block that follows the one in the slot before, both on fork A.
fn next(slot: u64) -> Head {
    head(slot, 'A', slot - 1, 'A')
}

fn signature(number: u8) -> Signature {
    Signature::from([number; 64])
}

fn sent(slot: u64, index: u32) -> Sent {
    Sent {
        slot,
        index: Some(index),
        block_time: None,
        transaction: VersionedTransaction::default(),
        effects: Effects {
            error: None,
            fee: 0,
            balances: (Vec::new(), Vec::new()),
            inner: None,
            loaded: Vec::new(),
            decimals: Vec::new(),
        },
    }
}

fn delivered(slot: u64, index: u32, number: u8) -> Delivered {
    Delivered {
        signature: signature(number),
        index,
        sent: Some(sent(slot, index)),
        bytes: 1_000,
    }
}

fn known(slot: i64, index: Option<i32>) -> Known {
    Known {
        seq: 1,
        slot,
        block_index: index,
        block_time: 0,
        signature: String::new(),
    }
}

/// The transactions after a place, by the first byte of their signatures.
fn after(stream: &Stream, slot: i64, index: i32, proven: u64) -> Option<Vec<u8>> {
    let found = stream.after(&known(slot, Some(index)), proven)?;
    let numbers = found.iter().map(|(signature, _)| signature.as_ref()[0]);
    Some(numbers.collect())
}

/// A live stream with the slots 10 to 14. Slot 12 has the transactions 1 and 2, slot 14 transaction 3.
fn live() -> Stream {
    let stream = Stream::default();
    stream.configure();
    assert_eq!(stream.begin(), None);
    assert_eq!(stream.block(next(10)), Step::Next(false));
    stream.checked();
    assert_eq!(stream.block(next(11)), Step::Next(false));
    // The second one comes first.
    assert_eq!(
        stream.transaction(12, delivered(12, 7, 2)),
        Arrival::Waiting
    );
    assert_eq!(
        stream.transaction(12, delivered(12, 3, 1)),
        Arrival::Waiting
    );
    assert_eq!(stream.block(next(12)), Step::Next(true));
    assert_eq!(stream.block(next(13)), Step::Next(false));
    assert_eq!(
        stream.transaction(14, delivered(14, 0, 3)),
        Arrival::Waiting
    );
    assert_eq!(stream.block(next(14)), Step::Next(true));
    assert!(*stream.live().borrow());
    stream
}

#[test]
fn transactions_follow_in_the_order_of_the_chain_and_only_behind_what_is_proven() {
    let stream = live();
    // When everything up to slot 11 is mirrored, then all follow, in their order
    assert_eq!(after(&stream, 9, 0, 11), Some(vec![1, 2, 3]));
    assert_eq!(after(&stream, 12, 3, 11), Some(vec![2, 3]));
    assert_eq!(after(&stream, 12, 7, 11), Some(vec![3]));
    assert_eq!(after(&stream, 14, 0, 11), Some(vec![]));
    // A transaction that a list proves is not taken from the stream
    assert_eq!(after(&stream, 9, 0, 13), Some(vec![3]));
    // When the stream began later than what is proven, then nothing is known
    assert_eq!(after(&stream, 9, 0, 9), None);
    // And neither if the place in a block is not known
    assert!(stream.after(&known(12, None), 11).is_none());
    // And each is found by its slot alone, with the time of its block
    let found = stream.sent(&signature(2), 12).expect("it is there");
    assert_eq!((found.index, found.block_time), (Some(7), Some(1_000)));
    assert!(stream.sent(&signature(2), 13).is_none());
}

#[test]
fn blocks_that_no_node_knows_yet_are_not_used() {
    let stream = Stream::default();
    stream.begin();
    stream.block(next(10));
    stream.transaction(11, delivered(11, 0, 1));
    stream.block(next(11));
    assert!(stream.sent(&signature(1), 11).is_none());
    assert_eq!(after(&stream, 9, 0, 10), None);
    assert!(!*stream.live().borrow());
    stream.checked();
    assert!(stream.sent(&signature(1), 11).is_some());
    assert_eq!(after(&stream, 9, 0, 10), Some(vec![1]));
    // When the connection is lost, then what came over it stays, and what comes next waits again
    stream.failed(State::Away, "gone".into());
    assert_eq!(stream.begin(), Some(10));
    stream.transaction(12, delivered(12, 0, 2));
    stream.block(next(12));
    assert!(stream.sent(&signature(1), 11).is_some());
    assert!(stream.sent(&signature(2), 12).is_none());
}

#[test]
fn blocks_that_are_repeated_are_compared() {
    let stream = live();
    stream.failed(State::Away, "gone".into());
    assert_eq!(stream.begin(), Some(10));
    // When the same blocks come again, with their transactions, then nothing changes
    for slot in 10..=14 {
        if slot == 12 {
            let known = stream.transaction(12, delivered(12, 3, 1));
            assert_eq!(known, Arrival::Known);
        }
        assert_eq!(stream.block(next(slot)), Step::Known);
    }
    assert_eq!(stream.block(next(15)), Step::Next(false));
    assert_eq!(stream.block(next(9)), Step::Old);
    stream.checked();
    assert_eq!(stream.abandoned(), None);
    assert_eq!(after(&stream, 9, 0, 11), Some(vec![1, 2, 3]));
}

#[test]
fn replaced_blocks_are_abandoned_once_a_node_knows_the_new_ones() {
    // Whether another block is in a slot, one appears between, or one follows an older one
    for (block, from) in [
        (head(13, 'B', 12, 'A'), 13),
        (head(15, 'A', 12, 'A'), 13),
        (head(15, 'A', 14, 'B'), 14),
        (head(15, 'A', 9, 'A'), 9),
    ] {
        let stream = live();
        let slot = block.slot;
        assert_eq!(stream.block(block.clone()), Step::Fork(from), "{block:?}");
        // Then nothing of it counts, and nothing is undone
        assert!(!*stream.live().borrow());
        assert_eq!(stream.abandoned(), None);
        assert!(stream.sent(&signature(3), 14).is_none());
        // Until a node knows it
        stream.checked();
        assert_eq!(stream.abandoned(), Some(from));
        assert_eq!(after(&stream, 9, 0, 11), None, "it is not undone yet");
        stream.undone(from);
        assert_eq!(stream.abandoned(), None);
        assert_eq!(
            stream.block(next(slot + 1)),
            match slot {
                13 => Step::Fork(13),
                _ => Step::Next(false),
            }
        );
    }
    // And if no node knows it, then nothing is undone
    let stream = live();
    assert_eq!(stream.block(head(13, 'B', 12, 'A')), Step::Fork(13));
    stream.doubt("no".into());
    stream.begin();
    stream.block(next(20));
    stream.checked();
    assert_eq!(stream.abandoned(), None);
}

#[test]
fn the_first_replaced_block_is_named_and_a_stream_that_replaces_often_is_noticed() {
    let stream = live();
    assert_eq!(stream.replaced(), None);
    // Given blocks that are replaced twice before a node was asked
    assert_eq!(stream.block(head(14, 'B', 13, 'A')), Step::Fork(14));
    assert_eq!(stream.replaced(), Some((14, hash(14, 'A'))));
    assert_eq!(stream.block(head(13, 'B', 12, 'A')), Step::Fork(13));
    // Then the first one is asked for, and what came after it is undone once
    assert_eq!(stream.replaced(), Some((13, hash(13, 'A'))));
    assert!(!stream.is_restless());
    stream.checked();
    assert_eq!((stream.replaced(), stream.abandoned()), (None, Some(13)));
    // When blocks are replaced again and again, then that is noticed
    stream.undone(13);
    assert_eq!(stream.block(head(13, 'C', 12, 'A')), Step::Fork(13));
    assert!(!stream.is_restless());
    assert_eq!(stream.block(head(13, 'D', 12, 'A')), Step::Fork(13));
    assert!(stream.is_restless());
    // And what was taken from them is undone, once a node has said that it lacks them
    stream.abandon();
    assert_eq!((stream.replaced(), stream.abandoned()), (None, Some(13)));
}

#[test]
fn a_stream_that_nobody_follows_is_not_live() {
    let stream = live();
    stream.ended();
    assert!(!*stream.live().borrow());
    assert!(!stream.is_checked());
    // Its transactions stay, and are compared when it is followed again
    assert!(stream.sent(&signature(3), 14).is_some());
    assert_eq!(stream.begin(), Some(10));
}

#[test]
fn after_a_gap_the_stream_begins_anew() {
    let stream = live();
    stream.transaction(15, delivered(15, 0, 4));
    stream.transaction(17, delivered(17, 0, 5));
    assert_eq!(stream.block(next(17)), Step::Gap);
    // Then a node has to know it: it may be of another chain
    assert!(!*stream.live().borrow());
    assert!(stream.sent(&signature(5), 17).is_none());
    assert_eq!(after(&stream, 9, 0, 17), None);
    stream.checked();
    // And a list has to prove what is before it
    assert_eq!(after(&stream, 9, 0, 16), None);
    assert_eq!(after(&stream, 9, 0, 17), Some(vec![]));
    assert!(stream.sent(&signature(3), 14).is_none());
    assert!(stream.sent(&signature(5), 17).is_some());
    assert_eq!(stream.inner().bytes, 1_000);
    // And when that happens again and again, then it is noticed
    for _ in 0..MOST_GAPS {
        assert!(!stream.gap());
    }
    assert!(stream.gap());
}

#[test]
fn a_transaction_after_its_block_is_told() {
    let stream = live();
    let arrive = |slot, index, number| stream.transaction(slot, delivered(slot, index, number));
    assert_eq!(arrive(14, 5, 9), Arrival::Last);
    assert_eq!(arrive(14, 5, 9), Arrival::Known);
    assert_eq!(arrive(9, 5, 8), Arrival::Known);
    // Whether something of its block or another block came before that follows it
    assert_eq!(arrive(14, 4, 8), Arrival::Late);
    assert_eq!(arrive(12, 9, 7), Arrival::Late);
    assert_eq!(after(&stream, 14, 0, 11), Some(vec![8, 9]));
    // And one that only a node can explain ends what is known
    let unread = Delivered {
        sent: None,
        ..delivered(15, 0, 10)
    };
    stream.transaction(15, unread);
    stream.block(next(15));
    assert_eq!(after(&stream, 14, 0, 11), None);
    assert_eq!(after(&stream, 15, 0, 11), Some(vec![]));
}

#[test]
fn memory_is_limited() {
    let stream = live();
    // Given more blocks than are remembered
    for slot in 15..15 + 2 * MOST_BLOCKS as u64 {
        assert_eq!(stream.block(next(slot)), Step::Next(false));
    }
    assert_eq!(stream.inner().blocks.len(), MOST_BLOCKS);
    assert_eq!(stream.inner().bytes, 0);
    // Given transactions of more bytes
    let last = 15 + 2 * MOST_BLOCKS as u64;
    for slot in last..last + 100 {
        let large = Delivered {
            bytes: MOST_BYTES / 50,
            ..delivered(slot, 0, 1)
        };
        stream.transaction(slot, large);
        stream.block(next(slot));
    }
    assert!(stream.inner().bytes <= MOST_BYTES);
    assert_eq!(stream.inner().blocks.len(), 50);
    // Given transactions without an end, of a slot whose block never comes
    assert!(stream.has(last + 99, &hash(last + 99, 'A')));
    assert!(!stream.has(last + 99, &hash(last + 99, 'B')));
    assert!(*stream.live().borrow());
    for number in 0..200 {
        let large = Delivered {
            bytes: MOST_BYTES / 50,
            ..delivered(last + 200, number, 1)
        };
        stream.transaction(last + 200, large);
        assert!(stream.inner().bytes <= MOST_BYTES);
    }
    // Then it began anew, and so is not listened to before a node knows it
    assert!(!stream.has(last + 99, &hash(last + 99, 'A')));
    assert!(!*stream.live().borrow());
}

#[test]
fn random_blocks_keep_the_rules() {
    // Given blocks and transactions of a few slots and forks, in any order
    let mut state = 1_u64;
    let mut random = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % below
    };
    let stream = Stream::default();
    for _ in 0..100_000 {
        let slot = 10 + random(12);
        let (fork, of) = (
            ['A', 'B'][random(2) as usize],
            ['A', 'B'][random(2) as usize],
        );
        match random(8) {
            0 => {
                let delivered = delivered(slot, random(4) as u32, random(200) as u8);
                let _ = stream.transaction(slot, delivered);
            }
            1 => stream.checked(),
            2 => {
                let _ = stream.begin();
            }
            3 if random(100) == 0 => stream.forget(),
            _ => {
                let _ = stream.block(head(slot, fork, slot - 1 - random(3), of));
            }
        }
        // Then each block follows the one before it, and what is held is counted
        let inner = stream.inner();
        for (before, block) in inner.blocks.iter().zip(inner.blocks.iter().skip(1)) {
            assert_eq!(block.head.parent_slot, before.head.slot);
            assert_eq!(block.head.parent_hash, before.head.hash);
        }
        for block in &inner.blocks {
            assert!(block.transactions.is_sorted_by(|a, b| a.index < b.index));
        }
        let held = inner.blocks.iter().map(|block| size(&block.transactions));
        let waiting = inner.waiting.values().map(|waiting| size(waiting));
        assert_eq!(inner.bytes, held.sum::<usize>() + waiting.sum::<usize>());
    }
}
