//! The rows of a digest and their bytes.

use solana_sdk::pubkey::Pubkey;
use vouch_replay::{Part, PartPaid, Sale};

const CONVERSION: u8 = 1;
const PAYMENT: u8 = 2;
/// Bytes of an encoded conversion.
const CONVERSION_SIZE: usize = 249;

/// A row. Rows are in the order of their bytes: by transaction, then conversions before payments,
/// then by the address of the conversion, then by part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// A conversion that counts.
    Conversion(Conversion),
    /// A part of a reward that was paid.
    Payment(Payment),
}

/// A conversion that counts, as its transaction made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversion {
    /// Number of the transaction that made it.
    pub seq: u64,
    /// Its account.
    pub conversion: Pubkey,
    /// The campaign.
    pub campaign: Pubkey,
    /// The referral that was credited.
    pub referral: Pubkey,
    /// The referral's owner at that moment.
    pub referrer: Pubkey,
    /// The referral's partner at that moment, if it gets a part.
    pub partner: Option<Pubkey>,
    /// The wallet that was referred.
    pub referee: Pubkey,
    /// Worth of the action.
    pub amount: u64,
    /// The referrer's part, in base units.
    pub reward_referrer: u64,
    /// The referee's part.
    pub reward_referee: u64,
    /// The partner's part.
    pub reward_partner: u64,
    /// Unix seconds of its transaction.
    pub converted_at: i64,
    /// Unix seconds from which nobody can cancel it.
    pub matures_at: i64,
}

/// A part of a reward that was paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Number of the transaction that paid it.
    pub seq: u64,
    /// The conversion.
    pub conversion: Pubkey,
    /// The part.
    pub part: Part,
    /// The wallet that was paid.
    pub recipient: Pubkey,
    /// Base units that were sent.
    pub units: u64,
}

/// Bytes that are no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are no row of a digest")]
pub struct NotARow;

impl Conversion {
    /// The row of a sale by the transaction with this number and time.
    #[must_use]
    pub fn of(seq: u64, time: i64, sale: &Sale) -> Self {
        Self {
            seq,
            conversion: sale.conversion,
            campaign: sale.campaign,
            referral: sale.referral,
            referrer: sale.owner,
            partner: sale.partner,
            referee: sale.referee,
            amount: sale.amount,
            reward_referrer: sale.reward.referrer,
            reward_referee: sale.reward.referee,
            reward_partner: sale.reward.partner,
            converted_at: time,
            matures_at: time.saturating_add(sale.hold_seconds.into()),
        }
    }
}

impl Payment {
    /// The row of a payment by the transaction with this number.
    #[must_use]
    pub fn of(seq: u64, paid: &PartPaid) -> Self {
        Self {
            seq,
            conversion: paid.conversion,
            part: paid.part,
            recipient: paid.recipient,
            units: paid.units,
        }
    }
}

impl Row {
    /// Number of its transaction.
    #[must_use]
    pub fn seq(&self) -> u64 {
        match self {
            Self::Conversion(row) => row.seq,
            Self::Payment(row) => row.seq,
        }
    }

    /// The conversion that it is about.
    #[must_use]
    pub fn conversion(&self) -> &Pubkey {
        match self {
            Self::Conversion(row) => &row.conversion,
            Self::Payment(row) => &row.conversion,
        }
    }

    /// Its bytes. Numbers are big-endian. Rows of the same kind have the same length, and the kind is
    /// at a fixed place, so rows one after the other can be read in one way only.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(CONVERSION_SIZE);
        bytes.extend(self.seq().to_be_bytes());
        match self {
            Self::Conversion(row) => {
                bytes.push(CONVERSION);
                for address in [
                    &row.conversion,
                    &row.campaign,
                    &row.referral,
                    &row.referrer,
                    &row.partner.unwrap_or_default(),
                    &row.referee,
                ] {
                    bytes.extend(address.to_bytes());
                }
                for number in [
                    row.amount,
                    row.reward_referrer,
                    row.reward_referee,
                    row.reward_partner,
                ] {
                    bytes.extend(number.to_be_bytes());
                }
                bytes.extend(row.converted_at.to_be_bytes());
                bytes.extend(row.matures_at.to_be_bytes());
            }
            Self::Payment(row) => {
                bytes.push(PAYMENT);
                bytes.extend(row.conversion.to_bytes());
                bytes.push(match row.part {
                    Part::Referrer => 0,
                    Part::Referee => 1,
                    Part::Partner => 2,
                });
                bytes.extend(row.recipient.to_bytes());
                bytes.extend(row.units.to_be_bytes());
            }
        }
        bytes
    }

    /// The row with these bytes.
    ///
    /// # Errors
    /// [`NotARow`] when [`Self::encode`] never returns them.
    pub fn decode(bytes: &[u8]) -> Result<Self, NotARow> {
        let mut rest = Bytes(bytes);
        let seq = rest.u64()?;
        let [kind] = rest.take()?;
        let row = match kind {
            CONVERSION => Self::Conversion(Conversion {
                seq,
                conversion: rest.address()?,
                campaign: rest.address()?,
                referral: rest.address()?,
                referrer: rest.address()?,
                partner: Some(rest.address()?).filter(|partner| *partner != Pubkey::default()),
                referee: rest.address()?,
                amount: rest.u64()?,
                reward_referrer: rest.u64()?,
                reward_referee: rest.u64()?,
                reward_partner: rest.u64()?,
                converted_at: i64::from_be_bytes(rest.take()?),
                matures_at: i64::from_be_bytes(rest.take()?),
            }),
            PAYMENT => Self::Payment(Payment {
                seq,
                conversion: rest.address()?,
                part: match rest.take()? {
                    [0] => Part::Referrer,
                    [1] => Part::Referee,
                    [2] => Part::Partner,
                    _ => return Err(NotARow),
                },
                recipient: rest.address()?,
                units: rest.u64()?,
            }),
            _ => return Err(NotARow),
        };
        if rest.0.is_empty() {
            Ok(row)
        } else {
            Err(NotARow)
        }
    }
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const SIZE: usize>(&mut self) -> Result<[u8; SIZE], NotARow> {
        let (first, rest) = self.0.split_first_chunk().ok_or(NotARow)?;
        self.0 = rest;
        Ok(*first)
    }

    fn u64(&mut self) -> Result<u64, NotARow> {
        self.take().map(u64::from_be_bytes)
    }

    fn address(&mut self) -> Result<Pubkey, NotARow> {
        self.take().map(Pubkey::new_from_array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> Pubkey {
        Pubkey::new_from_array([byte; 32])
    }

    pub(crate) fn conversion(seq: u64, byte: u8) -> Row {
        Row::Conversion(Conversion {
            seq,
            conversion: key(byte),
            campaign: key(2),
            referral: key(3),
            referrer: key(4),
            partner: None,
            referee: key(6),
            amount: u64::MAX,
            reward_referrer: 7,
            reward_referee: 8,
            reward_partner: 9,
            converted_at: -1,
            matures_at: i64::MAX,
        })
    }

    fn payment(seq: u64, byte: u8, part: Part) -> Row {
        Row::Payment(Payment {
            seq,
            conversion: key(byte),
            part,
            recipient: key(4),
            units: 7,
        })
    }

    #[test]
    fn rows_survive_their_bytes_and_are_in_their_order() {
        // Given rows in the documented order
        let rows = [
            conversion(1, 2),
            conversion(1, 200),
            payment(1, 1, Part::Referrer),
            payment(1, 1, Part::Referee),
            payment(1, 1, Part::Partner),
            payment(1, 2, Part::Referrer),
            conversion(2, 1),
            conversion(256, 1),
        ];
        let encoded: Vec<_> = rows.iter().map(Row::encode).collect();
        // Then their bytes are in the same order, of these lengths, and say the same
        assert!(encoded.is_sorted());
        assert_eq!((encoded[0].len(), encoded[2].len()), (249, 82));
        for (row, bytes) in rows.iter().zip(&encoded) {
            assert_eq!(Row::decode(bytes).as_ref(), Ok(row));
        }
    }

    #[test]
    fn what_is_no_row_is_refused() {
        let whole = payment(1, 1, Part::Partner).encode();
        let changed = |place: usize, byte: u8| {
            let mut bytes = whole.clone();
            bytes[place] = byte;
            bytes
        };
        // An unknown kind, an unknown part, bytes that are missing or too many
        for wrong in [
            changed(8, 3),
            changed(41, 3),
            whole[..whole.len() - 1].to_vec(),
            [&whole[..], &[0]].concat(),
            Vec::new(),
        ] {
            assert_eq!(Row::decode(&wrong), Err(NotARow), "{wrong:?}");
        }
    }
}
