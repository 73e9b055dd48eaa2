//! Faults in the answers of the two nodes.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value;

use crate::{Fate, FaultyNode};

/// One of so many answers is wrong, late or lost.
const ONE_OF: u32 = 6;

/// The faults of both nodes, and their count.
#[derive(Clone)]
pub(super) struct Faults {
    seeds: [u64; 2],
    active: Arc<AtomicBool>,
    counts: Arc<Mutex<BTreeMap<&'static str, u64>>>,
}

impl Faults {
    pub(super) fn new(random: &mut StdRng) -> Self {
        Self {
            seeds: random.r#gen(),
            active: Arc::default(),
            counts: Arc::default(),
        }
    }

    /// From now on, answers are wrong.
    pub(super) fn begin(&self) {
        self.active.store(true, Ordering::SeqCst);
    }

    /// From now on, all answers are right.
    pub(super) fn end(&self) {
        self.active.store(false, Ordering::SeqCst);
    }

    pub(super) fn count(&self) -> u64 {
        self.counts().values().sum()
    }

    pub(super) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Lets both nodes fail. The second one also lies: it leaves out transactions and accounts, and
    /// denies what it knows.
    pub(super) fn govern(&self, nodes: &[FaultyNode; 2]) {
        for ((node, seed), lies) in nodes.iter().zip(self.seeds).zip([false, true]) {
            let mut random = StdRng::seed_from_u64(seed);
            let faults = self.clone();
            node.behave(move |request, answer| {
                if !faults.active.load(Ordering::SeqCst) || !random.gen_ratio(1, ONE_OF) {
                    return Fate::Sent;
                }
                let method = request["method"].as_str().unwrap_or_default();
                let (kind, fate) = spoil(&mut random, lies, method, answer);
                if let Some(kind) = kind {
                    let mut counts = faults.counts.lock().unwrap_or_else(PoisonError::into_inner);
                    *counts.entry(kind).or_default() += 1;
                }
                fate
            });
        }
    }
}

/// Makes an answer wrong, late or lost. Returns the name of what was done.
fn spoil(
    random: &mut StdRng,
    lies: bool,
    method: &str,
    answer: &mut Value,
) -> (Option<&'static str>, Fate) {
    let kinds = if lies { 7 } else { 5 };
    match random.gen_range(0..kinds) {
        0 => {
            let time = Duration::from_millis(random.gen_range(100..3000));
            (Some("late"), Fate::Late(time))
        }
        1 => (Some("refused with 429"), Fate::Refused(60)),
        2 => (Some("connection lost"), Fate::Lost),
        3 => (cut(random, method, &mut answer["result"]), Fate::Sent),
        4 => (stale(random, method, &mut answer["result"]), Fate::Sent),
        _ => (lie(random, method, &mut answer["result"]), Fate::Sent),
    }
}

/// An answer that is empty or cut off.
fn cut(random: &mut StdRng, method: &str, result: &mut Value) -> Option<&'static str> {
    match (method, result) {
        ("getSignaturesForAddress", Value::Array(list)) if !list.is_empty() => {
            let rest = random.gen_range(0..list.len());
            list.truncate(rest);
            Some("list empty or cut off")
        }
        ("getTransaction", result) if !result.is_null() => {
            if random.r#gen() {
                *result = Value::Null;
                Some("transaction missing")
            } else {
                result["meta"] = Value::Null;
                Some("meta missing")
            }
        }
        _ => None,
    }
}

/// An answer from the past, or out of order.
fn stale(random: &mut StdRng, method: &str, result: &mut Value) -> Option<&'static str> {
    match (method, result) {
        ("getSlot", result) => {
            let slot = result.as_u64()?;
            *result = slot.saturating_sub(random.gen_range(1..200)).into();
            Some("stale slot")
        }
        ("getSignaturesForAddress", Value::Array(list)) if list.len() > 1 => {
            let place = random.gen_range(1..list.len());
            if random.r#gen() {
                list.swap(place - 1, place);
                Some("list out of order")
            } else {
                let twice = list.get(place)?.clone();
                list.insert(place, twice);
                Some("transaction listed twice")
            }
        }
        _ => None,
    }
}

/// An answer that looks right and is not.
fn lie(random: &mut StdRng, method: &str, result: &mut Value) -> Option<&'static str> {
    match (method, result) {
        ("getSignaturesForAddress", Value::Array(list)) if !list.is_empty() => {
            list.remove(random.gen_range(0..list.len()));
            Some("transaction left out of a list")
        }
        ("getSignatureStatuses", result) => {
            let statuses = result.get_mut("value")?.as_array_mut()?;
            statuses.fill(Value::Null);
            Some("transaction denied")
        }
        ("getMultipleAccounts", result) => {
            let accounts = result.get_mut("value")?.as_array_mut()?;
            let place = random.gen_range(0..accounts.len().max(1));
            *accounts.get_mut(place)? = Value::Null;
            Some("account denied")
        }
        _ => None,
    }
}
