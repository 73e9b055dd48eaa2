//! The slot guard: decides, without Postgres, how an observation changes the row of its
//! account.

use std::collections::HashMap;

use super::{Commitment, Projection, Slot, StoredAccount};

/// An observation of an address at a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The address.
    pub address: String,
    /// The slot at whose end the address had this content.
    pub slot: u64,
    /// The commitment of that slot.
    pub commitment: Commitment,
    /// The content of the address.
    pub found: Found,
}

/// The content of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// An account of the program.
    Account(ObservedAccount),
    /// A tombstone: the account at this address was closed, and the address stays taken.
    Tombstone,
    /// No account of the program.
    Nothing,
}

/// An account of the program, as it was observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedAccount {
    /// Its bytes.
    pub data: Vec<u8>,
    /// The columns that queries read; `None` for an account that no query reads.
    pub projection: Option<Projection>,
}

/// The effect of an observation on the stored row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// No change: the observation is known already, or older than the row.
    Ignore,
    /// The account is new or has other bytes.
    Store(StoredAccount, Option<Projection>),
    /// The stored bytes are final.
    Finalize(StoredAccount),
    /// The account ended; its row keeps the last bytes.
    End(StoredAccount),
    /// The account existed only on an abandoned fork.
    Remove,
}

/// Decides how `observation` changes the `known` row of its account.
///
/// - An older slot never replaces a newer one. In the same slot the later
///   observation wins, so that the order of delivery decides, but a finalized row
///   yields only to a newer slot.
/// - Known bytes change nothing, except that they may become final.
/// - An account that is gone or a tombstone keeps its last bytes. But if it was never
///   final and is gone, it existed only on an abandoned fork.
pub(super) fn slot_guard(known: Option<StoredAccount>, observation: Observation) -> Verdict {
    let Observation {
        address,
        slot,
        commitment,
        found,
    } = observation;
    let slot = Slot(slot);
    let is_final = commitment == Commitment::Finalized;
    if let Some(known) = &known
        && (known.slot, known.commitment) > (slot, commitment)
    {
        return Verdict::Ignore;
    }
    match (known, found) {
        (None, Found::Tombstone | Found::Nothing) => Verdict::Ignore,
        (Some(known), Found::Account(seen)) if !known.gone && known.data == seen.data => {
            known_already(known, slot, commitment)
        }
        (Some(known), Found::Tombstone | Found::Nothing) if known.gone => {
            known_already(known, slot, commitment)
        }
        (known, Found::Account(seen)) => {
            let account = StoredAccount {
                address,
                kind: kind(seen.projection.as_ref()).to_owned(),
                data: seen.data,
                slot,
                commitment,
                gone: false,
                was_final: is_final || known.is_some_and(|known| known.was_final),
            };
            Verdict::Store(account, seen.projection)
        }
        (Some(known), Found::Nothing) if !known.was_final => Verdict::Remove,
        (Some(known), Found::Tombstone | Found::Nothing) => Verdict::End(StoredAccount {
            slot,
            commitment,
            gone: true,
            ..known
        }),
    }
}

/// The row has the same content already; at most, it becomes final.
fn known_already(known: StoredAccount, slot: Slot, commitment: Commitment) -> Verdict {
    if commitment <= known.commitment {
        return Verdict::Ignore;
    }
    Verdict::Finalize(StoredAccount {
        slot,
        commitment,
        was_final: true,
        ..known
    })
}

/// The kind, as the database spells it.
fn kind(projection: Option<&Projection>) -> &'static str {
    match projection {
        Some(Projection::Campaign(_)) => "campaign",
        Some(Projection::Referral(_)) => "referral",
        Some(Projection::Conversion(_)) => "conversion",
        None => "other",
    }
}

/// Keeps the last observation of each address: the one of the newest slot, and in that
/// slot the one that came last. Returns them and the number of dropped ones.
pub(super) fn newest(observations: Vec<Observation>) -> (Vec<Observation>, u64) {
    let mut newest: HashMap<String, Observation> = HashMap::with_capacity(observations.len());
    let mut overtaken = 0;
    for observation in observations {
        match newest.get_mut(&observation.address) {
            Some(known) => {
                overtaken += 1;
                let (new, old) = (&observation, &*known);
                if (new.slot, new.commitment) >= (old.slot, old.commitment) {
                    *known = observation;
                }
            }
            None => {
                newest.insert(observation.address.clone(), observation);
            }
        }
    }
    (newest.into_values().collect(), overtaken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Commitment::{Confirmed, Finalized};

    fn observation(slot: u64, commitment: Commitment, found: Found) -> Observation {
        Observation {
            address: "A".into(),
            slot,
            commitment,
            found,
        }
    }

    fn account(data: &str) -> Found {
        Found::Account(ObservedAccount {
            data: data.into(),
            projection: None,
        })
    }

    /// The row after a first observation at slot 10.
    fn known(commitment: Commitment) -> StoredAccount {
        match slot_guard(None, observation(10, commitment, account("old"))) {
            Verdict::Store(row, None) => row,
            other => panic!("not stored: {other:?}"),
        }
    }

    #[test]
    fn of_several_observations_the_newest_counts() {
        for (order, expected) in [
            (vec![(7, Confirmed), (8, Confirmed)], (8, Confirmed)),
            (vec![(8, Confirmed), (7, Finalized)], (8, Confirmed)),
            (vec![(8, Finalized), (8, Confirmed)], (8, Finalized)),
        ] {
            let all = order
                .iter()
                .map(|(slot, commitment)| observation(*slot, *commitment, Found::Nothing))
                .collect();
            let (newest, overtaken) = newest(all);
            assert_eq!((newest[0].slot, newest[0].commitment), expected);
            assert_eq!((newest.len(), overtaken), (1, 1));
        }
    }

    /// [M1] [M11]
    #[test]
    fn the_verdict_on_every_observation_of_a_known_account() {
        // Given a stored row, and an observation with its slot, commitment and content
        for (stored, slot, commitment, found, verdict) in [
            (Confirmed, 9, Finalized, account("new"), "ignore"),
            (Confirmed, 10, Confirmed, account("new"), "store"),
            (Confirmed, 11, Confirmed, account("new"), "store"),
            (Confirmed, 11, Confirmed, account("old"), "ignore"),
            (Confirmed, 10, Finalized, account("old"), "finalize"),
            (Confirmed, 11, Confirmed, Found::Nothing, "remove"),
            (Confirmed, 11, Confirmed, Found::Tombstone, "end"),
            (Finalized, 10, Confirmed, account("new"), "ignore"),
            (Finalized, 11, Confirmed, account("new"), "store"),
            (Finalized, 11, Confirmed, account("old"), "ignore"),
            (Finalized, 11, Finalized, account("old"), "ignore"),
            (Finalized, 11, Confirmed, Found::Nothing, "end"),
            (Finalized, 11, Finalized, Found::Tombstone, "end"),
        ] {
            let case = format!("{stored:?}, then {slot} {commitment:?} {found:?}");
            // When it is judged, then this is the verdict
            let observation = observation(slot, commitment, found);
            let name = match slot_guard(Some(known(stored)), observation) {
                Verdict::Ignore => "ignore",
                Verdict::Store(row, _) => {
                    // A row that was final once stays marked as such.
                    assert_eq!(row.was_final, stored == Finalized, "{case}");
                    "store"
                }
                Verdict::Finalize(row) => {
                    assert!(row.was_final && !row.gone, "{case}");
                    "finalize"
                }
                Verdict::End(row) => {
                    assert!(row.gone && row.data == b"old", "{case}");
                    "end"
                }
                Verdict::Remove => "remove",
            };
            assert_eq!(name, verdict, "{case}");
        }
    }
}
