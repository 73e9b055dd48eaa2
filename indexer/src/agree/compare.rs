//! Two lists beside each other, and the votes on what only one of them has.

use std::collections::{HashSet, VecDeque};

use crate::{
    chain::{Chain, STATUSES_AT_ONCE},
    failure::Failure,
    history::Listed,
    source::Source,
    votes::{Testimony, Verdict},
};

/// Additional transactions that are voted on at once: the most in one request.
const CHECKED_AT_ONCE: usize = STATUSES_AT_ONCE;
/// After so many additional transactions that were not voted on, the next ones are. All are fetched
/// before they count.
const MOST_UNCHECKED: usize = 64_000;
/// Most additional transactions of a list if the nodes disagree on them. A node that hides as many from
/// one that is honest is as improbable as one that invents them, so neither is believed.
const MOST_DISPUTED: usize = 100_000;

/// Compares two lists slot by slot, newest first, while they are read.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    pub(super) left: Side,
    pub(super) right: Side,
}

/// One of two lists.
#[derive(Debug, Default)]
pub(super) struct Side {
    /// Entries that were read and not compared yet, newest first.
    pub(super) waiting: VecDeque<Listed>,
    pub(super) is_read: bool,
    /// A slot of which there may be more entries, and the signatures that were taken of it.
    part: (u64, HashSet<String>),
    /// How many the other list lacks.
    pub(super) count: usize,
    /// The first one of those.
    first: Option<Listed>,
    /// Those that are voted on next.
    unchecked: Vec<Listed>,
    /// How many there were after the last vote.
    checked: usize,
}

/// Which list has to be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Left,
    Right,
    Both,
    End,
}

impl Comparison {
    /// Compares what can be compared.
    pub(super) fn next(&mut self) -> Next {
        loop {
            let fronts = [&self.left, &self.right].map(|side| side.waiting.front());
            let slot = fronts.into_iter().flatten().map(|listed| listed.slot).max();
            let slot = slot.unwrap_or_default();
            match (self.left.has_all_of(slot), self.right.has_all_of(slot)) {
                (false, false) => return Next::Both,
                (false, true) => {
                    self.left.take_part(slot, &self.right);
                    return Next::Left;
                }
                (true, false) => {
                    self.right.take_part(slot, &self.left);
                    return Next::Right;
                }
                (true, true) if self.left.is_done() && self.right.is_done() => return Next::End,
                (true, true) => {
                    let (left, right) = (self.left.take(slot), self.right.take(slot));
                    let more_left = self.right.lacks(slot, &right, &left);
                    let more_right = self.left.lacks(slot, &left, &right);
                    self.left.note(more_left);
                    self.right.note(more_right);
                }
            }
        }
    }
}

impl Side {
    fn is_done(&self) -> bool {
        self.is_read && self.waiting.is_empty()
    }

    /// Whether everything was read that is in this slot or a later one.
    fn has_all_of(&self, slot: u64) -> bool {
        self.is_read || self.waiting.back().is_some_and(|oldest| oldest.slot < slot)
    }

    /// Takes what is in this slot, which is the newest one.
    fn take(&mut self, slot: u64) -> Vec<Listed> {
        let count = self.waiting.partition_point(|listed| listed.slot >= slot);
        self.waiting.drain(..count).collect()
    }

    /// Takes what was read of this slot, of which the other list is known as a whole. So a list that
    /// goes on within a slot is compared as well.
    fn take_part(&mut self, slot: u64, other: &Self) {
        let part = self.take(slot);
        let others = other.waiting.iter().take_while(|it| it.slot >= slot);
        let others: HashSet<&str> = others.map(|it| it.signature.as_str()).collect();
        if self.part.0 != slot {
            self.part = (slot, HashSet::new());
        }
        let signatures = part.iter().map(|listed| listed.signature.clone());
        self.part.1.extend(signatures);
        let more = part.into_iter();
        let more = more.filter(|listed| !others.contains(listed.signature.as_str()));
        self.note(more.collect());
    }

    /// Those of `these`, which are in this slot, that this side lacks. `rest` is what it has of the slot
    /// besides what was taken before.
    fn lacks(&self, slot: u64, rest: &[Listed], these: &[Listed]) -> Vec<Listed> {
        let rest: HashSet<&str> = rest.iter().map(|it| it.signature.as_str()).collect();
        let was_taken = |it: &Listed| self.part.0 == slot && self.part.1.contains(&it.signature);
        let these = these.iter();
        these
            .filter(|it| !rest.contains(it.signature.as_str()) && !was_taken(it))
            .cloned()
            .collect()
    }

    /// Notes these transactions, which the other list lacks.
    fn note(&mut self, more: Vec<Listed>) {
        for listed in more {
            self.count += 1;
            self.first.get_or_insert_with(|| listed.clone());
            // The first ones, and later some of ever more.
            let pause = self.checked.min(MOST_UNCHECKED);
            if self.count > self.checked + pause && self.unchecked.len() < CHECKED_AT_ONCE {
                self.unchecked.push(listed);
            }
        }
    }

    /// Whether the nodes should vote before the list is read on.
    pub(super) fn is_due(&self) -> bool {
        self.unchecked.len() >= CHECKED_AT_ONCE
    }

    /// Lets the nodes vote on what the other list lacks. Returns why this list is wrong, if they say
    /// so. `sources` are this list's and the other one's.
    pub(super) async fn vote(
        &mut self,
        chain: &Chain,
        sources: (&Source, &Source),
    ) -> Result<Option<Failure>, Failure> {
        let unchecked = std::mem::take(&mut self.unchecked);
        self.checked = self.count;
        let signatures: Vec<_> = unchecked.iter().map(|it| it.signature.clone()).collect();
        let testimonies = chain.testify(&signatures).await?;
        for (listed, said) in unchecked.iter().zip(&testimonies) {
            match said.verdict_in(listed.slot) {
                Verdict::Final => {}
                Verdict::No => return Ok(Some(Failure::Invented(invented(listed, said)))),
                // As long as it may be a node that leaves out something, the longer list is right.
                Verdict::Open if self.count <= MOST_DISPUTED => {}
                Verdict::Open => {
                    let (this, other) = sources;
                    this.doubt(&invented(listed, said));
                    return Err(Failure::Chain(format!(
                        "{} lists {} and more transactions that {} lacks: {}: one of both lies, and a \
                         third node would decide",
                        this.name(),
                        self.count,
                        other.name(),
                        invented(listed, said)
                    )));
                }
            }
        }
        Ok(None)
    }

    /// Describes the entries that the other list lacks; empty if there are none.
    pub(super) fn lack(&self) -> String {
        match &self.first {
            None => String::new(),
            Some(listed) => format!(
                "its list lacks {} in slot {}, one of {} that another node lists",
                listed.signature, listed.slot, self.count
            ),
        }
    }
}

/// Why a listed transaction is not final, by what the nodes say.
pub(super) fn invented(listed: &Listed, said: &Testimony) -> String {
    format!(
        "getSignaturesForAddress: {} is listed in slot {}, but {}",
        listed.signature,
        listed.slot,
        said.contradiction()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Transactions such as `9A`: A in slot 9.
    fn listed(text: &str) -> Vec<Listed> {
        text.split_whitespace()
            .map(|entry| Listed {
                slot: entry[..1].parse().expect("a slot"),
                signature: entry[1..].to_owned(),
                failed: false,
            })
            .collect()
    }

    /// Compares lists that come in pages of this size. Returns what each has and the other lacks.
    fn compare(left: &str, right: &str, page: usize) -> (String, String) {
        let mut lists = [listed(left), listed(right)].map(VecDeque::from);
        let mut comparison = Comparison::default();
        let read = |side: &mut Side, list: &mut VecDeque<Listed>| {
            assert!(side.waiting.len() <= 3 + page, "{side:?}");
            side.is_read = list.is_empty();
            side.waiting.extend(list.drain(..page.min(list.len())));
        };
        loop {
            let next = comparison.next();
            if matches!(next, Next::Left | Next::Both) {
                read(&mut comparison.left, &mut lists[0]);
            }
            if matches!(next, Next::Right | Next::Both) {
                read(&mut comparison.right, &mut lists[1]);
            }
            if next == Next::End {
                break;
            }
        }
        let more = |side: &Side| {
            assert_eq!(side.unchecked.len(), side.count);
            let unchecked = side.unchecked.iter();
            unchecked.map(|it| it.signature.as_str()).collect()
        };
        (more(&comparison.left), more(&comparison.right))
    }

    #[test]
    fn whatever_one_list_lacks_is_found_in_pages_of_any_size() {
        let whole = "9H 9G 9F 7E 7D 4C 2B 1A";
        for page in 1..10 {
            for (left, right, more) in [
                (whole, whole, ("", "")),
                (whole, "", ("HGFEDCBA", "")),
                ("", whole, ("", "HGFEDCBA")),
                ("", "", ("", "")),
                // The first, the last, one in the middle of a slot, a whole slot
                (whole, "9H 9G 9F 7E 7D 4C 2B", ("A", "")),
                (whole, "9G 9F 7E 7D 4C 2B 1A", ("H", "")),
                ("9H 9F 7E 7D 4C 2B 1A", whole, ("", "G")),
                (whole, "9H 9G 9F 7E 7D 2B 1A", ("C", "")),
                // Both lack something
                ("9H 9G 9F 7E 4C 2B 1A", "9H 9G 9F 7E 7D 4C 1A", ("B", "D")),
                // The same transaction in another slot is another one
                ("9H 2B", "9H 3B", ("B", "B")),
                // The order within a slot is not what is compared
                ("9H 9G", "9G 9H", ("", "")),
            ] {
                let (one, other) = compare(left, right, page);
                assert_eq!((one.as_str(), other.as_str()), more, "{left} | {right}");
            }
        }
    }

    #[test]
    fn of_ever_more_that_one_list_lacks_some_are_voted_on() {
        // Given a list without end, where the other one has nothing
        let mut side = Side::default();
        let mut votes = Vec::new();
        for place in 0..400_000_u64 {
            let listed = Listed {
                slot: 400_000 - place,
                signature: place.to_string(),
                failed: false,
            };
            side.note(vec![listed]);
            if side.is_due() {
                assert_eq!(side.unchecked.len(), CHECKED_AT_ONCE);
                votes.push(side.count);
                // The effect of a vote
                side.unchecked.clear();
                side.checked = side.count;
            }
        }
        // Then the first ones are voted on, and after that never more than a limited number are not
        assert_eq!(votes[..3], [256, 768, 1792]);
        let gaps = votes.windows(2).map(|pair| pair[1] - pair[0]);
        assert_eq!(gaps.max(), Some(MOST_UNCHECKED + CHECKED_AT_ONCE));
        assert!(votes.iter().any(|count| *count > MOST_DISPUTED));
        assert_eq!(side.first.map(|first| first.slot), Some(400_000));
    }
}
