//! Applying what was seen on the chain: one batch, one transaction.

use std::collections::HashMap;

use sqlx::PgConnection;

use super::{
    Commitment,
    existing::{Existing, credits, existing},
    rollups::{Counted, Moves},
    rows::Row,
    upsert::{self, NewConversion},
};
use crate::Error;

/// An account, seen at a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Address of the account.
    pub address: String,
    /// The slot at whose end it looked so.
    pub slot: u64,
    /// How settled that slot was.
    pub commitment: Commitment,
    /// The account, or `None` when the program has no account at this address.
    pub account: Option<Seen>,
}

/// An account that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its bytes.
    pub data: Vec<u8>,
    /// Its bytes, decoded.
    pub row: Row,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Applied {
    /// Rows that are new.
    pub inserted: u64,
    /// Rows whose bytes changed.
    pub replaced: u64,
    /// Rows of accounts that ended; they stay.
    pub ended: u64,
    /// Rows whose account never was: only a fork had it.
    pub removed: u64,
    /// Rows whose bytes are now known to be final.
    pub finalized: u64,
    /// Observations that were known already, or older than what is known.
    pub ignored: u64,
}

/// What an observation does to what is stored.
enum Effect {
    Ignore,
    Store(Seen),
    Finalize,
    End,
    Remove,
}

/// The slot guard.
///
/// - An older slot never replaces a newer one. In the same slot the later
///   observation wins, so that the order of delivery decides, but a finalized row
///   yields only to a newer slot.
/// - Known bytes are no news, except that they may now be final.
/// - An account that is no more, or of which only a tombstone is left, stays as it was
///   known last. But one that was never final, and does not exist, never did.
fn effect(known: Option<&Existing>, seen: Observation) -> Effect {
    // A tombstone says no more than that there is nothing else.
    let tombstone = matches!(&seen.account, Some(account) if account.row == Row::Closed);
    let account = seen.account.filter(|_| !tombstone);
    let Some(known) = known else {
        return account.map_or(Effect::Ignore, Effect::Store);
    };
    let stale =
        known.slot > seen.slot || (known.slot == seen.slot && known.commitment > seen.commitment);
    if stale {
        return Effect::Ignore;
    }
    let known_already = match &account {
        None => known.gone,
        Some(account) => !known.gone && account.data == known.data,
    };
    match account {
        _ if known_already && seen.commitment > known.commitment => Effect::Finalize,
        _ if known_already => Effect::Ignore,
        Some(account) => Effect::Store(account),
        None if tombstone || known.was_final => Effect::End,
        None => Effect::Remove,
    }
}

/// Only the last observation of an address counts: of the newest slot, and of several
/// in that slot the one that came last.
fn newest(observations: Vec<Observation>) -> (HashMap<String, Observation>, u64) {
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
    (newest, overtaken)
}

/// Applies a batch within the transaction of `connection`.
pub(super) async fn apply(
    connection: &mut PgConnection,
    observations: Vec<Observation>,
) -> Result<Applied, Error> {
    let (observations, overtaken) = newest(observations);
    let addresses: Vec<String> = observations.keys().cloned().collect();
    let mut known = existing(connection, &addresses).await?;
    let mut applied = Applied {
        ignored: overtaken,
        ..Applied::default()
    };
    let mut moves = Moves::default();
    let mut referrals = Vec::new();
    let mut conversions = Vec::new();
    let mut referees = Vec::new();
    let mut finalized = Vec::new();
    let mut ended = Vec::new();
    let mut removed = Vec::new();

    for (address, observation) in observations {
        let known = known.remove(&address);
        let (slot, commitment) = (observation.slot, observation.commitment);
        match effect(known.as_ref(), observation) {
            Effect::Ignore => applied.ignored += 1,
            Effect::Finalize => {
                applied.finalized += 1;
                if let Some(counted) = known.and_then(|known| known.counted) {
                    moves.remove(&counted)?;
                    moves.add(&Counted {
                        commitment,
                        ..counted
                    })?;
                }
                finalized.push((address, slot));
            }
            Effect::End => {
                applied.ended += 1;
                if let Some(counted) = known.and_then(|known| known.counted) {
                    moves.remove(&counted)?;
                    moves.add(&Counted {
                        commitment,
                        ..counted
                    })?;
                }
                ended.push((address, slot, commitment));
            }
            Effect::Remove => {
                applied.removed += 1;
                if let Some(counted) = known.and_then(|known| known.counted) {
                    moves.remove(&counted)?;
                }
                removed.push(address);
            }
            Effect::Store(Seen { data, row }) => {
                match known {
                    Some(_) => applied.replaced += 1,
                    None => applied.inserted += 1,
                }
                let meta = upsert::Meta {
                    address,
                    data,
                    slot,
                    commitment,
                };
                match row {
                    Row::Campaign(row) => upsert::campaign(connection, meta, *row).await?,
                    Row::Referral(row) => referrals.push((meta, *row)),
                    Row::Conversion(row) => {
                        let counted = known.and_then(|known| known.counted);
                        conversions.push((meta, *row, counted));
                    }
                    Row::Referee(row) => referees.push((meta, *row)),
                    Row::Closed => {}
                }
            }
        }
    }

    upsert::referrals(connection, referrals).await?;
    let conversions = credited(connection, conversions, &mut moves).await?;
    upsert::conversions(connection, conversions).await?;
    upsert::referees(connection, referees).await?;
    upsert::end(connection, &ended).await?;
    upsert::finalize(connection, &finalized).await?;
    upsert::remove(connection, &removed).await?;
    moves.write(connection).await?;
    Ok(applied)
}

/// Finds out whom each conversion credits, and counts it.
///
/// Who was credited once stays credited: a referral that changes hands later takes
/// no past conversions along.
async fn credited(
    connection: &mut PgConnection,
    conversions: Vec<(upsert::Meta, super::Conversion, Option<Counted>)>,
    moves: &mut Moves,
) -> Result<Vec<NewConversion>, Error> {
    let mut referrals: Vec<String> = conversions
        .iter()
        .map(|(_, row, _)| row.referral.clone())
        .collect();
    referrals.sort();
    referrals.dedup();
    let credits = if referrals.is_empty() {
        HashMap::new()
    } else {
        credits(connection, &referrals).await?
    };

    let mut missing = Vec::new();
    let mut new = Vec::with_capacity(conversions.len());
    for (meta, row, old) in conversions {
        let credit = match &old {
            Some(old) if old.referral == row.referral => old.credit.clone(),
            _ => match credits.get(&row.referral) {
                Some(credit) => credit.clone(),
                None => {
                    missing.push(row.referral);
                    continue;
                }
            },
        };
        if let Some(old) = old {
            moves.remove(&old)?;
        }
        moves.add(&Counted {
            referral: row.referral.clone(),
            credit: credit.clone(),
            status: row.status,
            commitment: meta.commitment,
            reward: row.reward_referrer,
            converted_at: row.converted_at,
        })?;
        new.push(NewConversion { meta, row, credit });
    }
    if missing.is_empty() {
        Ok(new)
    } else {
        Err(Error::UnknownReferrals(missing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observation(slot: u64, commitment: Commitment) -> Observation {
        Observation {
            address: "A".into(),
            slot,
            commitment,
            account: None,
        }
    }

    #[test]
    fn of_several_observations_the_newest_counts() {
        use Commitment::{Confirmed, Finalized};
        for (order, expected) in [
            (vec![(7, Confirmed), (8, Confirmed)], (8, Confirmed)),
            (vec![(8, Confirmed), (7, Finalized)], (8, Confirmed)),
            (vec![(8, Finalized), (8, Confirmed)], (8, Finalized)),
        ] {
            let all = order
                .iter()
                .map(|(slot, c)| observation(*slot, *c))
                .collect();
            let (newest, overtaken) = newest(all);
            assert_eq!((newest["A"].slot, newest["A"].commitment), expected);
            assert_eq!(overtaken, 1);
        }
    }
}
