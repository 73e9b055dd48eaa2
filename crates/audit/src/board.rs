//! The bounds of a leaderboard's entries, from the rows of a history.
//!
//! A leaderboard counts by the chain's clock at a slot, which history tells only within bounds: it is
//! not before the block of the last transaction, and not after a later block. So each number has a
//! least and a greatest value; they differ only if a hold ended between the two, or if somebody
//! converted in the next slot.

use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use solana_sdk::pubkey::Pubkey;

use crate::{
    row::Row,
    store::{Error, Store},
};

/// Conversions and rewards of a referrer: the least and the most.
type Columns = (u64, u128, u64, u128);

const BOARD: TableDefinition<'_, [u8; 32], Columns> = TableDefinition::new("board");
/// Bytes of the file that are in memory.
const CACHE: usize = 16 << 20;

/// The conversions and rewards of a referrer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tally {
    /// Conversions.
    pub conversions: u64,
    /// The referrer's parts of their rewards.
    pub rewards: u128,
}

/// The least and the most that a referrer may have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounds {
    /// At the earliest moment.
    pub least: Tally,
    /// At the latest moment.
    pub most: Tally,
}

/// A moment of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The last transaction.
    pub seq: u64,
    /// Unix seconds: a conversion counts if it can no longer be cancelled by then.
    pub time: i64,
}

/// The referrers over all campaigns, in a temporary file.
pub struct Board {
    database: Database,
}

impl Board {
    /// Counts what is mature at the earliest and at the latest moment.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn new(store: &Store, earliest: Moment, latest: Moment) -> Result<Self, Error> {
        let file = tempfile::tempfile().map_err(redb::Error::Io)?;
        let database = Database::builder()
            .set_cache_size(CACHE)
            .create_file(file)?;
        let open = database.begin_write()?;
        {
            let mut board = open.open_table(BOARD)?;
            store.rows(0, latest.seq, |row| {
                let Row::Conversion(row) = row else {
                    return Ok(());
                };
                if row.matures_at > latest.time {
                    return Ok(());
                }
                let key = row.referrer.to_bytes();
                let before = board.get(key)?.map(|columns| columns.value());
                let (mut least, mut least_rewards, mut most, mut most_rewards) =
                    before.unwrap_or_default();
                let reward = u128::from(row.reward_referrer);
                most += 1;
                most_rewards += reward;
                if row.seq <= earliest.seq && row.matures_at <= earliest.time {
                    least += 1;
                    least_rewards += reward;
                }
                board.insert(key, (least, least_rewards, most, most_rewards))?;
                Ok(())
            })?;
        }
        open.commit()?;
        Ok(Self { database })
    }

    /// The least and most conversions and rewards that a referrer may have.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn of(&self, referrer: &Pubkey) -> Result<Bounds, Error> {
        let board = self.database.begin_read()?.open_table(BOARD)?;
        let columns = board.get(referrer.to_bytes())?;
        Ok(columns.map_or_else(Bounds::default, |columns| bounds(columns.value())))
    }

    /// Calls `each` with every referrer that may have a conversion, in the order of addresses.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn all(&self, mut each: impl FnMut(Pubkey, Bounds)) -> Result<(), Error> {
        let board = self.database.begin_read()?.open_table(BOARD)?;
        for entry in board.iter()? {
            let (key, columns) = entry?;
            each(Pubkey::new_from_array(key.value()), bounds(columns.value()));
        }
        Ok(())
    }
}

fn bounds((least, least_rewards, most, most_rewards): Columns) -> Bounds {
    Bounds {
        least: Tally {
            conversions: least,
            rewards: least_rewards,
        },
        most: Tally {
            conversions: most,
            rewards: most_rewards,
        },
    }
}
