//! The recorded chain as nodes see it: final up to some transaction, and behind that the fork that the
//! cluster currently agrees on.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use anyhow::{Context as _, Result};
use rand::{Rng as _, rngs::StdRng};

use crate::recording::{Effect, Recording};

/// Most transactions that are confirmed and not final.
const LONGEST_TAIL: usize = 24;
/// Slots by which a fork moves transactions at most.
const MOST_MOVED: u64 = 4;

/// A recorded chain, prepared for a node.
pub(crate) struct Chain {
    pub(crate) recording: Recording,
    /// Place of each transaction, by its signature.
    pub(crate) places: HashMap<String, usize>,
    /// The error of each transaction as JSON, and its answer without slot, time and index.
    pub(crate) texts: Vec<(String, String)>,
    /// The addresses that each transaction creates, and those that it needs.
    links: Vec<(BTreeSet<String>, BTreeSet<String>)>,
}

/// A transaction as the cluster has it at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Its place in the recording.
    pub(crate) place: usize,
    pub(crate) slot: u64,
    /// Seconds by which its block is later than the recorded one.
    pub(crate) later: i64,
}

/// The transactions that a node has seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    /// Oldest first.
    pub(crate) seen: Vec<Seen>,
    /// How many of them are final. They are as recorded.
    pub(crate) finalized: usize,
    pub(crate) confirmed_slot: u64,
    pub(crate) finalized_slot: u64,
}

impl Chain {
    pub(crate) fn load() -> Result<Arc<Self>> {
        let recording = Recording::load()?;
        let mut places = HashMap::new();
        let mut texts = Vec::new();
        let mut links = Vec::new();
        for (place, recorded) in recording.transactions.iter().enumerate() {
            places.insert(recorded.signature.clone(), place);
            let mut answer = recorded.answer.clone();
            let fields = answer.as_object_mut().context("an answer is an object")?;
            for told_anew in ["slot", "blockTime", "transactionIndex"] {
                fields.remove(told_anew);
            }
            let error = fields["meta"]["err"].clone();
            texts.push((error.to_string(), answer.to_string()));
            links.push(link(&recorded.effects));
        }
        Ok(Arc::new(Self {
            recording,
            places,
            texts,
            links,
        }))
    }

    pub(crate) fn len(&self) -> usize {
        self.recording.transactions.len()
    }

    /// Unix seconds of a slot. Those without a transaction are spread evenly between their neighbours.
    pub(crate) fn time(&self, slot: u64) -> Option<i64> {
        let Recording {
            transactions,
            end_slot,
            end_time,
            ..
        } = &self.recording;
        if slot >= *end_slot {
            return Some(*end_time);
        }
        let behind = transactions.partition_point(|recorded| recorded.slot <= slot);
        let before = transactions.get(behind.checked_sub(1)?)?;
        let next = transactions.get(behind);
        let (next_slot, next_time) =
            next.map_or((*end_slot, *end_time), |next| (next.slot, next.block_time));
        let gone = i64::try_from(slot - before.slot).ok()?;
        let all = i64::try_from(next_slot - before.slot).ok()?;
        Some(before.block_time + (next_time - before.block_time) * gone / all)
    }

    /// Transactions near the end on which no later one depends.
    pub(crate) fn leaves(&self) -> Vec<usize> {
        let near = self.len().saturating_sub(40)..self.len().saturating_sub(2);
        let is_leaf = |place: &usize| {
            let created = &self.links[*place].0;
            let later = self.links.iter().skip(place + 1);
            !later
                .into_iter()
                .any(|(_, needed)| !created.is_disjoint(needed))
        };
        near.filter(is_leaf).collect()
    }

    /// The end, where everything is final.
    pub(crate) fn end(&self) -> View {
        View {
            seen: (0..self.len()).map(|place| self.recorded(place)).collect(),
            finalized: self.len(),
            confirmed_slot: self.recording.end_slot,
            finalized_slot: self.recording.end_slot,
        }
    }

    fn recorded(&self, place: usize) -> Seen {
        Seen {
            place,
            slot: self.recording.transactions[place].slot,
            later: 0,
        }
    }

    /// The cluster somewhat later than `before`: about `pace` more transactions are final, and with
    /// `fork` what follows them is not what will be final.
    pub(crate) fn later(
        &self,
        random: &mut StdRng,
        before: &View,
        pace: usize,
        fork: bool,
    ) -> View {
        let all = &self.recording.transactions;
        let mut finalized = (before.finalized + random.gen_range(0..=pace)).min(self.len());
        // A block is final as a whole.
        while finalized < self.len()
            && finalized > 0
            && all[finalized].slot == all[finalized - 1].slot
        {
            finalized += 1;
        }
        let end = (finalized + random.gen_range(0..=LONGEST_TAIL)).min(self.len());
        let mut seen: Vec<_> = (0..finalized).map(|place| self.recorded(place)).collect();
        let mut tail: Vec<_> = (finalized..end).map(|place| self.recorded(place)).collect();
        if fork {
            self.fork(random, &mut tail);
        }
        let lowest = finalized.checked_sub(1).map_or(0, |last| all[last].slot);
        let next = all
            .get(finalized)
            .map_or(self.recording.end_slot, |next| next.slot - 1);
        let finalized_slot = random
            .gen_range(lowest..=next.max(lowest))
            .max(before.finalized_slot);
        let highest = tail.last().map_or(finalized_slot, |last| last.slot);
        let ahead = highest.max(finalized_slot) + random.gen_range(0..3);
        let confirmed_slot = ahead
            .min(self.recording.end_slot)
            .max(before.confirmed_slot);
        seen.extend(tail);
        View {
            seen,
            finalized,
            confirmed_slot,
            finalized_slot,
        }
    }

    /// Whether what later transactions do depends on this one in a way that only the program knows: it
    /// changes an owner or settings. A fork lacks it only together with everything behind it.
    pub(crate) fn decides(&self, place: usize) -> bool {
        let recorded = &self.recording.transactions[place];
        let succeeded = recorded.answer["meta"]["err"].is_null();
        let changes_owner = |effect: &Effect| matches!(effect, Effect::OwnerChanged { .. });
        succeeded && (recorded.effects.is_empty() || recorded.effects.iter().any(changes_owner))
    }

    /// Makes of the tail what a minority of the cluster might have built: transactions are missing, come
    /// in another order, or stand in later blocks.
    fn fork(&self, random: &mut StdRng, tail: &mut Vec<Seen>) {
        if random.gen_bool(0.3) {
            tail.truncate(random.gen_range(0..=tail.len()));
        }
        if random.gen_bool(0.5) {
            let mut lacking = BTreeSet::new();
            let dropped: BTreeSet<usize> = tail
                .iter()
                .map(|seen| seen.place)
                .filter(|place| !self.decides(*place) && random.gen_bool(0.15))
                .collect();
            tail.retain(|seen| {
                let (creates, needs) = &self.links[seen.place];
                let stays = !dropped.contains(&seen.place) && needs.is_disjoint(&lacking);
                if !stays {
                    lacking.extend(creates.iter().cloned());
                }
                stays
            });
        }
        if random.gen_bool(0.4) && tail.len() > 1 {
            let first = random.gen_range(0..tail.len() - 1);
            let (one, two) = (tail[first], tail[first + 1]);
            let depends = !self.links[two.place]
                .1
                .is_disjoint(&self.links[one.place].0);
            if !depends && !self.decides(one.place) && !self.decides(two.place) {
                tail[first] = Seen {
                    slot: one.slot,
                    later: 0,
                    ..two
                };
                tail[first + 1] = Seen {
                    slot: two.slot.max(one.slot),
                    later: 0,
                    ..one
                };
            }
        }
        if random.gen_bool(0.5) && !tail.is_empty() {
            let first = random.gen_range(0..tail.len());
            let moved = random.gen_range(1..=MOST_MOVED);
            let later = i64::from(random.gen_bool(0.5));
            for seen in &mut tail[first..] {
                seen.slot += moved;
                seen.later = later;
            }
        }
    }
}

/// The addresses that the effects of a transaction create, and those that they need.
fn link(effects: &[Effect]) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut creates, mut needs) = (BTreeSet::new(), BTreeSet::new());
    for effect in effects {
        match effect {
            Effect::CodeCreated {
                referral, owner, ..
            } => {
                creates.insert(referral.clone());
                creates.insert(format!("{referral} {owner}"));
            }
            Effect::Converted(made) => {
                creates.insert(made.address.clone());
                needs.insert(format!("{} {}", made.referral, made.referrer));
            }
            Effect::Paid { conversion, .. } | Effect::Cancelled { conversion } => {
                needs.insert(conversion.clone());
            }
            Effect::OwnerChanged { referral, owner } => {
                needs.insert(referral.clone());
                creates.insert(format!("{referral} {owner}"));
            }
            Effect::Suspended { referral, .. } | Effect::CodeClosed { referral } => {
                needs.insert(referral.clone());
            }
        }
    }
    needs.retain(|needed| !creates.contains(needed));
    (creates, needs)
}

impl View {
    /// The transactions that are at least this settled.
    pub(crate) fn visible(&self, only_final: bool) -> &[Seen] {
        if only_final {
            &self.seen[..self.finalized]
        } else {
            &self.seen
        }
    }

    pub(crate) fn slot(&self, only_final: bool) -> u64 {
        if only_final {
            self.finalized_slot
        } else {
            self.confirmed_slot
        }
    }

    /// Place of the transaction within its block.
    pub(crate) fn index(&self, place: usize) -> usize {
        let slot = self.seen[place].slot;
        self.seen[..place]
            .iter()
            .rev()
            .take_while(|seen| seen.slot == slot)
            .count()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn the_final_part_is_always_as_recorded() {
        let chain = Chain::load().expect("the recording");
        let mut random = StdRng::seed_from_u64(1);
        let mut view = View::default();
        while view.finalized < chain.len() {
            let before = view.clone();
            view = chain.later(&mut random, &before, 10, true);
            assert!(
                view.finalized >= before.finalized && view.finalized_slot >= before.finalized_slot
            );
            let last = view.finalized.checked_sub(1).map(|last| view.seen[last]);
            assert!(last.is_none_or(|last| last.slot <= view.finalized_slot));
            assert!(
                view.seen[view.finalized..]
                    .iter()
                    .all(|seen| seen.slot > view.finalized_slot)
            );
            assert!(view.seen.is_sorted_by_key(|seen| seen.slot));
            assert_eq!(
                view.seen[..view.finalized],
                chain.end().seen[..view.finalized]
            );
        }
    }
}
