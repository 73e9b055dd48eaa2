//! The digest: hashes of buckets of rows, and a root over them.

use sha2::{Digest as _, Sha256};
use solana_sdk::pubkey::Pubkey;
use vouch_client::PROGRAM_ID;

use crate::row::Row;

/// Most buckets of a digest.
pub const MOST_BUCKETS: u64 = 256;

const BUCKET_DOMAIN: &[u8] = b"vouch:digest:bucket:v1";
const ROOT_DOMAIN: &[u8] = b"vouch:digest:root:v1";

/// The moment of the chain that a digest is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Genesis hash of the chain.
    pub genesis_hash: Pubkey,
    /// A final slot. Everything up to it is in the digest.
    pub slot: u64,
    /// Number of the last transaction at or before the slot, from 1: its place among all
    /// transactions that name the program.
    pub seq: u64,
    /// Its signature.
    pub signature: [u8; 64],
    /// Unix seconds of its block: a conversion counts if it can no longer be cancelled by then.
    pub time: i64,
}

/// The conversions and payments that count as of one moment, hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// The moment.
    pub head: Head,
    /// Transactions in one bucket.
    pub bucket_size: u64,
    /// Conversions that count.
    pub conversions: u64,
    /// The referrers' parts of their rewards, in base units of different tokens.
    pub rewards: u128,
    /// The referrers' parts that were paid.
    pub paid: u128,
    /// The hash of each bucket.
    pub buckets: Vec<[u8; 32]>,
}

/// Transactions in one bucket of a digest of `seq` transactions: the smallest power of two with which
/// there are at most [`MOST_BUCKETS`].
#[must_use]
pub fn bucket_size(seq: u64) -> u64 {
    seq.div_ceil(MOST_BUCKETS).max(1).next_power_of_two()
}

impl Digest {
    /// Whether a row counts: its transaction is in the digest, and nobody can cancel it.
    #[must_use]
    pub fn counts(&self, row: &Row) -> bool {
        let head = &self.head;
        row.seq() <= head.seq
            && match row {
                Row::Conversion(conversion) => conversion.matures_at <= head.time,
                Row::Payment(_) => true,
            }
    }

    /// The bucket of a transaction.
    #[must_use]
    pub fn bucket_of(&self, seq: u64) -> u64 {
        bucket_of(seq, self.bucket_size)
    }

    /// The numbers of the bucket's transactions: those after the first number, up to the second one.
    #[must_use]
    pub fn range(&self, bucket: u64) -> (u64, u64) {
        let after = bucket.saturating_mul(self.bucket_size);
        let upto = after.saturating_add(self.bucket_size).min(self.head.seq);
        (after, upto)
    }

    /// The hash of everything.
    #[must_use]
    pub fn root(&self) -> [u8; 32] {
        let Head {
            genesis_hash,
            slot,
            seq,
            signature,
            time,
        } = &self.head;
        let mut hash = Sha256::new_with_prefix(ROOT_DOMAIN);
        hash.update(PROGRAM_ID.as_array());
        hash.update(genesis_hash.as_array());
        hash.update(slot.to_be_bytes());
        hash.update(seq.to_be_bytes());
        hash.update(signature);
        hash.update(time.to_be_bytes());
        hash.update(self.bucket_size.to_be_bytes());
        hash.update(self.conversions.to_be_bytes());
        hash.update(self.rewards.to_be_bytes());
        hash.update(self.paid.to_be_bytes());
        hash.update((self.buckets.len() as u64).to_be_bytes());
        for bucket in &self.buckets {
            hash.update(bucket);
        }
        hash.finalize().into()
    }
}

fn bucket_of(seq: u64, bucket_size: u64) -> u64 {
    // A row of no transaction is in the first bucket.
    seq.saturating_sub(1) / bucket_size
}

/// Rows that did not come in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("rows of a digest are not in their order")]
pub struct OutOfOrder;

/// Computes a digest from its rows, one after the other.
#[derive(Debug)]
pub struct Builder {
    digest: Digest,
    /// The bucket that is open.
    hash: Sha256,
    last: Option<Vec<u8>>,
}

impl Builder {
    /// A digest without rows.
    #[must_use]
    pub fn new(head: Head) -> Self {
        let bucket_size = bucket_size(head.seq);
        Self {
            digest: Digest {
                head,
                bucket_size,
                conversions: 0,
                rewards: 0,
                paid: 0,
                buckets: Vec::new(),
            },
            hash: open(0),
            last: None,
        }
    }

    /// Adds the next row, if it counts.
    ///
    /// # Errors
    /// [`OutOfOrder`] when it does not come after the one before.
    pub fn push(&mut self, row: &Row) -> Result<(), OutOfOrder> {
        if !self.digest.counts(row) {
            return Ok(());
        }
        let bytes = row.encode();
        let in_order = self.last.as_ref().is_none_or(|last| *last < bytes);
        if !in_order {
            return Err(OutOfOrder);
        }
        self.close_before(self.digest.bucket_of(row.seq()));
        self.hash.update(&bytes);
        match row {
            Row::Conversion(conversion) => {
                self.digest.conversions += 1;
                self.digest.rewards += u128::from(conversion.reward_referrer);
            }
            Row::Payment(payment) if payment.part == vouch_replay::Part::Referrer => {
                self.digest.paid += u128::from(payment.units);
            }
            Row::Payment(_) => {}
        }
        self.last = Some(bytes);
        Ok(())
    }

    /// The digest of all rows.
    #[must_use]
    pub fn finish(mut self) -> Digest {
        let buckets = self.digest.head.seq.div_ceil(self.digest.bucket_size);
        self.close_before(buckets);
        self.digest
    }

    /// Closes all buckets before this one.
    fn close_before(&mut self, bucket: u64) {
        while (self.digest.buckets.len() as u64) < bucket {
            let next = open(self.digest.buckets.len() as u64 + 1);
            let hash = std::mem::replace(&mut self.hash, next);
            self.digest.buckets.push(hash.finalize().into());
        }
    }
}

fn open(bucket: u64) -> Sha256 {
    let mut hash = Sha256::new_with_prefix(BUCKET_DOMAIN);
    hash.update(bucket.to_be_bytes());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{Conversion, Payment};

    fn head(seq: u64) -> Head {
        Head {
            genesis_hash: Pubkey::new_from_array([9; 32]),
            slot: 100,
            seq,
            signature: [5; 64],
            time: 1_700_000_000,
        }
    }

    fn row(seq: u64, byte: u8) -> Row {
        let key = Pubkey::new_from_array([byte; 32]);
        Row::Conversion(Conversion {
            seq,
            conversion: key,
            campaign: key,
            referral: key,
            referrer: key,
            partner: None,
            referee: key,
            amount: 1,
            reward_referrer: 2,
            reward_referee: 3,
            reward_partner: 4,
            converted_at: 5,
            matures_at: 6,
        })
    }

    fn digest(seq: u64, rows: &[Row]) -> Digest {
        let mut builder = Builder::new(head(seq));
        for row in rows {
            builder.push(row).expect("in order");
        }
        builder.finish()
    }

    #[test]
    fn the_documented_vector_is_right() {
        let vector = include_str!("../../../docs/digest.md");
        let documented = |name: &str| {
            let lines = vector.lines().filter_map(|line| line.split_once(' '));
            let values = lines.filter(|(first, _)| *first == name);
            let values: Vec<_> = values.map(|(_, value)| value.to_owned()).collect();
            assert!(!values.is_empty(), "{name}");
            values
        };
        let hex =
            |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
        let key = |byte| Pubkey::new_from_array([byte; 32]);
        let conversion = Row::Conversion(Conversion {
            seq: 1,
            conversion: key(1),
            campaign: key(2),
            referral: key(3),
            referrer: key(4),
            partner: None,
            referee: key(6),
            amount: u64::MAX,
            reward_referrer: 5_000_000,
            reward_referee: 7,
            reward_partner: 0,
            converted_at: 1_699_999_000,
            matures_at: 1_700_000_000,
        });
        let payment = Row::Payment(Payment {
            seq: 3,
            conversion: key(1),
            part: vouch_replay::Part::Referrer,
            recipient: key(4),
            units: 5_000_000,
        });
        assert_eq!(
            [hex(&conversion.encode())].as_slice(),
            documented("conversion")
        );
        assert_eq!([hex(&payment.encode())].as_slice(), documented("payment"));
        let digest = digest(3, &[conversion, payment]);
        let buckets: Vec<_> = digest.buckets.iter().map(|hash| hex(hash)).collect();
        assert_eq!(buckets, documented("bucket"));
        assert_eq!([hex(&digest.root())].as_slice(), documented("root"));
    }

    #[test]
    fn there_are_at_most_256_buckets_and_every_transaction_has_one() {
        for (seq, size, buckets) in [
            (1, 1, 1),
            (256, 1, 256),
            (257, 2, 129),
            (512, 2, 256),
            (10_000_000, 65_536, 153),
        ] {
            let digest = digest(seq, &[]);
            assert_eq!(digest.bucket_size, size, "{seq}");
            assert_eq!(digest.buckets.len(), buckets, "{seq}");
            assert_eq!(digest.bucket_of(seq), buckets as u64 - 1);
            assert_eq!(digest.range(buckets as u64 - 1).1, seq);
            assert_eq!(digest.bucket_of(1), 0);
            assert_eq!(digest.bucket_of(size), 0);
        }
    }

    #[test]
    fn every_difference_changes_one_bucket_and_the_root() {
        // Given rows of transactions 1, 2 and 4
        let rows = [row(1, 1), row(2, 1), row(4, 1)];
        let digest_of_all = digest(4, &rows);
        // When one is missing, another or more, then only its bucket is another, and the root is
        let changed = |bucket: usize, rows: &[Row]| {
            let other = digest(4, rows);
            for (place, hash) in other.buckets.iter().enumerate() {
                assert_eq!(
                    *hash == digest_of_all.buckets[place],
                    place != bucket,
                    "{place}"
                );
            }
            assert_ne!(other.root(), digest_of_all.root());
        };
        changed(1, &[row(1, 1), row(4, 1)]);
        changed(1, &[row(1, 1), row(2, 2), row(4, 1)]);
        changed(2, &[row(1, 1), row(2, 1), row(3, 1), row(4, 1)]);
        changed(3, &[row(1, 1), row(2, 1), row(4, 1), row(4, 2)]);
        // And equal rows in two buckets have different hashes, as empty buckets do
        assert_ne!(digest(2, &[]).buckets[0], digest(2, &[]).buckets[1]);
    }

    #[test]
    fn the_root_covers_the_head() {
        let original = digest(3, &[row(1, 1)]);
        for change in [
            |digest: &mut Digest| digest.head.genesis_hash = Pubkey::default(),
            |digest: &mut Digest| digest.head.slot += 1,
            |digest: &mut Digest| digest.head.seq += 1,
            |digest: &mut Digest| digest.head.signature = [6; 64],
            |digest: &mut Digest| digest.head.time += 1,
            |digest: &mut Digest| digest.bucket_size *= 2,
            |digest: &mut Digest| digest.conversions += 1,
            |digest: &mut Digest| digest.rewards += 1,
            |digest: &mut Digest| digest.paid += 1,
            |digest: &mut Digest| {
                digest.buckets.pop();
            },
        ] {
            let mut other = original.clone();
            change(&mut other);
            assert_ne!(other.root(), original.root());
        }
    }

    #[test]
    fn rows_out_of_order_are_refused() {
        let mut builder = Builder::new(head(3));
        builder.push(&row(2, 2)).expect("the first row");
        for wrong in [row(2, 2), row(2, 1), row(1, 3)] {
            assert_eq!(builder.push(&wrong), Err(OutOfOrder));
        }
        builder.push(&row(2, 3)).expect("a later row");
    }

    #[test]
    fn a_conversion_counts_from_the_second_on_in_which_nobody_can_cancel_it() {
        let mut digest = digest(3, &[]);
        digest.head.time = 6;
        assert!(digest.counts(&row(3, 1)));
        assert!(!digest.counts(&row(4, 1)));
        digest.head.time = 5;
        assert!(!digest.counts(&row(3, 1)));
    }
}
