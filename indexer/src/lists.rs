//! The mirror's transactions beside those of a list: what is the same, what is kept, what is in order.

use std::collections::{HashMap, HashSet};

use solana_sdk::signature::Signature;
use vouch_db::mirror::Known;
use vouch_replay::Transaction;

use crate::{
    failure::Failure,
    history::{Listed, is},
};

/// How many transactions at the beginning of both are the same.
pub(crate) fn equal(known: &[Known], listed: &[Listed]) -> usize {
    let pairs = known.iter().zip(listed);
    pairs
        .take_while(|(known, listed)| is(known, listed))
        .count()
}

/// Fails if a transaction comes before another one of its block that is in front of it. The list of a
/// node is in the order of blocks, or the accounts would be wrong.
pub(crate) fn in_order(last: Option<&Known>, transactions: &[Transaction]) -> Result<(), Failure> {
    let place = |known: &Known| {
        let index = known
            .block_index
            .and_then(|index| u32::try_from(index).ok());
        Some((u64::try_from(known.slot).ok()?, index?))
    };
    let mut before = last.and_then(place);
    for transaction in transactions {
        let place = transaction.index.map(|index| (transaction.slot, index));
        if before.is_some() && place.is_some() && place <= before {
            let signature = Signature::from(transaction.signature);
            return Err(Failure::Misplaced(signature.to_string()));
        }
        before = place;
    }
    Ok(())
}

/// The confirmed transactions that the mirror should hold: those of the list, and those that it
/// holds and that the list lacks, at their place. That one answer lacks a transaction does not prove
/// that the cluster abandoned it. When its slot is final, the list of the final ones does.
pub(crate) fn merge(known: &[Known], listed: &[Listed]) -> Vec<Listed> {
    let listed_ones: HashSet<&str> = listed.iter().map(|it| it.signature.as_str()).collect();
    let places: HashMap<&str, usize> = known
        .iter()
        .enumerate()
        .map(|(place, known)| (known.signature.as_str(), place))
        .collect();
    let mut kept = known
        .iter()
        .enumerate()
        .filter(|(_, known)| !listed_ones.contains(known.signature.as_str()))
        .filter_map(|(place, known)| {
            let listed = Listed {
                signature: known.signature.clone(),
                slot: u64::try_from(known.slot).ok()?,
                failed: false,
            };
            Some((place, listed))
        })
        .peekable();
    let mut merged = Vec::with_capacity(listed.len());
    for listed in listed {
        let place = places.get(listed.signature.as_str());
        let comes_first = |(kept_place, kept): &(usize, Listed)| {
            place.is_some_and(|place| kept_place < place) || kept.slot < listed.slot
        };
        while let Some((_, kept)) = kept.next_if(comes_first) {
            merged.push(kept);
        }
        merged.push(listed.clone());
    }
    merged.extend(kept.map(|(_, kept)| kept));
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(seq: i64, slot: i64, signature: &str) -> Known {
        Known {
            seq,
            slot,
            block_index: None,
            block_time: 0,
            signature: signature.into(),
        }
    }

    fn listed(slot: u64, signature: &str) -> Listed {
        Listed {
            signature: signature.into(),
            slot,
            failed: false,
        }
    }

    /// The signatures of the merged list.
    fn merged(known: &[Known], list: &[Listed]) -> String {
        let merged = merge(known, list);
        merged.into_iter().map(|listed| listed.signature).collect()
    }

    #[test]
    fn a_list_that_lacks_held_transactions_keeps_them_at_their_place() {
        // Given A and B in slot 10, and C in slot 11
        let known = [held(1, 10, "A"), held(2, 10, "B"), held(3, 11, "C")];
        // Then an entry that one answer lacks stays where it was, and new entries come behind it
        for (list, expected) in [
            (vec![], "ABC"),
            (vec![listed(10, "B")], "ABC"),
            (vec![listed(10, "A"), listed(11, "C")], "ABC"),
            (vec![listed(11, "C")], "ABC"),
            (vec![listed(11, "C"), listed(11, "D")], "ABCD"),
            (vec![listed(12, "D")], "ABCD"),
            (
                vec![listed(10, "A"), listed(10, "N"), listed(11, "C")],
                "ANBC",
            ),
        ] {
            assert_eq!(merged(&known, &list), expected, "{list:?}");
        }
        // And another order is the list's
        assert_eq!(merged(&known, &[listed(10, "B"), listed(10, "A")]), "BAC");
    }

    #[test]
    fn equal_beginnings_are_counted_by_signature_and_slot() {
        let known = [held(1, 10, "A"), held(2, 10, "B")];
        let same = [listed(10, "A"), listed(10, "B"), listed(11, "C")];
        assert_eq!(equal(&known, &same), 2);
        // A transaction that landed again in another slot is another one
        assert_eq!(equal(&known, &[listed(10, "A"), listed(12, "B")]), 1);
        assert_eq!(equal(&known, &[listed(9, "A")]), 0);
    }
}
