//! The program's accounts, decoded.
//!
//! Bytes are little-endian and packed: an eight-byte discriminator, then the
//! fields in the order they stand here.

use std::sync::LazyLock;

use borsh::{BorshDeserialize, BorshSerialize};
use solana_sdk::pubkey::Pubkey;
use vouch_rules::Code;

use crate::discriminator;

/// Layout version that this crate reads and the program writes.
pub const VERSION: u8 = 1;

/// One account of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// A campaign: who pays what for which conversions.
    Campaign(Box<Campaign>),
    /// A referral: a code, its owner and its counters.
    Referral(Box<Referral>),
    /// A conversion: who was referred, and what was paid for it.
    Conversion(Box<Conversion>),
}

/// Why bytes are not an account of the program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The first eight bytes name no account type that this crate knows.
    #[error("unknown account type {0:02x?}")]
    UnknownType([u8; 8]),
    /// The account is not as long as its type.
    #[error("a {name} account has {expected} bytes, this one has {actual}")]
    WrongSize {
        /// Name of the account type.
        name: &'static str,
        /// Bytes the type has, its discriminator included.
        expected: usize,
        /// Bytes the account has.
        actual: usize,
    },
    /// The account was written by a newer program.
    #[error("a {name} account of layout version {version}, which is not known here")]
    UnknownVersion {
        /// Name of the account type.
        name: &'static str,
        /// The version found.
        version: u8,
    },
    /// A field holds a value that the program never writes.
    #[error("a {name} account with an impossible field")]
    Invalid {
        /// Name of the account type.
        name: &'static str,
    },
}

/// An account type: its name, its size and its decoder.
pub trait AccountType: BorshDeserialize + Sized {
    /// Name in the IDL.
    const NAME: &'static str;
    /// Bytes of the account, its discriminator included.
    const SIZE: usize;

    /// The eight bytes that every account of this type begins with.
    fn discriminator() -> [u8; 8];

    /// Reads one account of exactly this type.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are of another type, size or version.
    fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let name = Self::NAME;
        let (head, body) = data
            .split_first_chunk::<8>()
            .ok_or(DecodeError::WrongSize {
                name,
                expected: Self::SIZE,
                actual: data.len(),
            })?;
        if *head != Self::discriminator() {
            return Err(DecodeError::UnknownType(*head));
        }
        if data.len() != Self::SIZE {
            return Err(DecodeError::WrongSize {
                name,
                expected: Self::SIZE,
                actual: data.len(),
            });
        }
        if body[0] != VERSION {
            return Err(DecodeError::UnknownVersion {
                name,
                version: body[0],
            });
        }
        Self::try_from_slice(body).map_err(|_| DecodeError::Invalid { name })
    }
}

macro_rules! account_type {
    ($type:ident, $size:literal) => {
        impl AccountType for $type {
            const NAME: &'static str = stringify!($type);
            const SIZE: usize = $size;

            fn discriminator() -> [u8; 8] {
                static DISCRIMINATOR: LazyLock<[u8; 8]> =
                    LazyLock::new(|| discriminator("account", stringify!($type)));
                *DISCRIMINATOR
            }
        }
    };
}

account_type!(Campaign, 664);
account_type!(Referral, 302);
account_type!(Conversion, 185);

impl Account {
    /// Reads any account of the program.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are none of the known types.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let head = data.first_chunk::<8>().copied().unwrap_or_default();
        if head == Campaign::discriminator() {
            Campaign::decode(data).map(|account| Self::Campaign(Box::new(account)))
        } else if head == Referral::discriminator() {
            Referral::decode(data).map(|account| Self::Referral(Box::new(account)))
        } else if head == Conversion::discriminator() {
            Conversion::decode(data).map(|account| Self::Conversion(Box::new(account)))
        } else {
            Err(DecodeError::UnknownType(head))
        }
    }
}

/// Where rewards come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Funding {
    /// The campaign holds the mint authority and mints each reward.
    MintAuthority = 0,
    /// The campaign pays from a vault.
    Vault = 1,
    /// The reward is split out of the payment.
    PaymentSplit = 2,
}

/// What a conversion must prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Proof {
    /// Nothing beyond the referee's signature.
    Open = 0,
    /// The campaign's attestor vouches for it.
    Attested = 1,
    /// A payment in the same instruction.
    Payment = 2,
}

/// What counts only once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Uniqueness {
    /// A wallet, in the whole campaign.
    Wallet = 0,
    /// A wallet with a code.
    WalletAndCode = 1,
    /// An order.
    Order = 2,
}

/// How the reward follows from the conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum RewardKind {
    /// A fixed number of base units.
    Fixed = 0,
    /// Basis points of the amount.
    Percent = 1,
}

/// How far a conversion's reward has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Status {
    /// Owed, not paid yet.
    Pending = 0,
    /// Paid in full.
    Paid = 1,
    /// Cancelled within the hold.
    Cancelled = 2,
}

/// What the referee did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Action {
    /// Signed up.
    #[default]
    Signup = 0,
    /// Minted.
    Mint = 1,
    /// Bought.
    Purchase = 2,
    /// Booked.
    Booking = 3,
    /// Enrolled.
    Enrollment = 4,
    /// Took a loan.
    Loan = 5,
    /// Rented.
    Rental = 6,
    /// Subscribed.
    Subscription = 7,
    /// What the campaign says it is.
    Custom = 8,
}

impl Action {
    /// Every action, in the order of its number.
    pub const ALL: [Self; 9] = [
        Self::Signup,
        Self::Mint,
        Self::Purchase,
        Self::Booking,
        Self::Enrollment,
        Self::Loan,
        Self::Rental,
        Self::Subscription,
        Self::Custom,
    ];

    /// Lower-case name, as the API spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signup => "signup",
            Self::Mint => "mint",
            Self::Purchase => "purchase",
            Self::Booking => "booking",
            Self::Enrollment => "enrollment",
            Self::Loan => "loan",
            Self::Rental => "rental",
            Self::Subscription => "subscription",
            Self::Custom => "custom",
        }
    }
}

/// From `min_conversions` on, a referral's rewards are multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Tier {
    /// Conversions a referral needs for this tier.
    pub min_conversions: u64,
    /// Multiplier in basis points (10,000 = 1x).
    pub multiplier_bps: u32,
}

/// Paid once, when a referral reaches `threshold` conversions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Bonus {
    /// Conversions a referral needs for this bonus.
    pub threshold: u64,
    /// Base units.
    pub amount: u64,
}

/// A campaign: who pays what for which conversions.
///
/// Address: [`crate::pda::campaign`].
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "the IDL documents each field")]
pub struct Campaign {
    pub version: u8,
    pub bump: u8,
    pub funding: Funding,
    pub proof: Proof,
    pub uniqueness: Uniqueness,
    pub reward_kind: RewardKind,
    pub paused: bool,
    pub closed: bool,
    pub attested_codes: bool,
    pub mint_decimals: u8,
    pub creator: Pubkey,
    pub id: u64,
    pub authority: Pubkey,
    pub pending_authority: Pubkey,
    pub mint: Pubkey,
    pub token_program: Pubkey,
    pub vault: Pubkey,
    pub attestor: Pubkey,
    pub treasury: Pubkey,
    pub payment_mint: Pubkey,
    pub rent_payer: Pubkey,
    pub reward_fixed: u64,
    pub reward_bps: u16,
    pub referee_share_bps: u16,
    pub max_partner_share_bps: u16,
    pub reward_max: u64,
    pub min_amount: u64,
    pub tiers: [Tier; 4],
    pub bonuses: [Bonus; 4],
    pub hold_seconds: u32,
    pub attribution_window: u32,
    pub starts_at: i64,
    pub ends_at: i64,
    pub budget: u64,
    pub committed: u64,
    pub created_at: i64,
    pub reserved: [u8; 128],
}

/// A referral: a code, its owner and its counters.
///
/// Address: [`crate::pda::referral`].
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "the IDL documents each field")]
pub struct Referral {
    pub version: u8,
    pub bump: u8,
    pub code_len: u8,
    pub active: bool,
    pub suspended: bool,
    pub bonuses_paid: u8,
    pub reward_account_bump: u8,
    pub partner_account_bump: u8,
    pub partner_share_bps: u16,
    pub padded_code: [u8; 12],
    pub campaign: Pubkey,
    pub owner: Pubkey,
    pub pending_owner: Pubkey,
    pub partner: Pubkey,
    pub rent_payer: Pubkey,
    pub usage_limit: u64,
    pub conversions: u64,
    pub expires_at: i64,
    pub created_at: i64,
    pub rewards_total: u64,
    pub rewards_pending: u64,
    pub reserved: [u8; 64],
}

impl Referral {
    /// The code, without its padding.
    ///
    /// # Errors
    /// [`DecodeError::Invalid`] when the bytes are no code, which the program
    /// never writes.
    pub fn code(&self) -> Result<Code, DecodeError> {
        Code::from_padded(&self.padded_code).map_err(|_| DecodeError::Invalid { name: Self::NAME })
    }
}

/// A conversion: who was referred, and what was paid for it.
///
/// Address: [`crate::pda::conversion`]. The campaign is the referral's.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "the IDL documents each field")]
pub struct Conversion {
    pub version: u8,
    pub bump: u8,
    pub status: Status,
    pub settled: u8,
    pub action: Action,
    pub referral: Pubkey,
    pub referee: Pubkey,
    pub rent_payer: Pubkey,
    pub reference: [u8; 32],
    pub amount: u64,
    pub reward_referrer: u64,
    pub reward_referee: u64,
    pub reward_partner: u64,
    pub converted_at: i64,
    pub hold_seconds: u32,
}

impl Conversion {
    /// Unix seconds from which the reward may be claimed.
    #[must_use]
    pub fn claimable_from(&self) -> i64 {
        self.converted_at
            .saturating_add(i64::from(self.hold_seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<T: AccountType>() -> usize {
        let body = T::try_from_slice(&vec![0; T::SIZE - 8]);
        assert!(body.is_ok(), "{} is not {} bytes", T::NAME, T::SIZE);
        T::SIZE
    }

    #[test]
    fn sizes_are_those_of_the_fields() {
        assert_eq!(
            (size::<Campaign>(), size::<Referral>(), size::<Conversion>()),
            (664, 302, 185)
        );
    }

    #[test]
    fn foreign_bytes_are_refused_with_their_reason() {
        let mut data = vec![0; Conversion::SIZE];
        assert_eq!(
            Account::decode(&data),
            Err(DecodeError::UnknownType([0; 8]))
        );
        assert_eq!(Account::decode(&[]), Err(DecodeError::UnknownType([0; 8])));

        data[..8].copy_from_slice(&Conversion::discriminator());
        assert_eq!(
            Account::decode(&data),
            Err(DecodeError::UnknownVersion {
                name: "Conversion",
                version: 0
            })
        );

        data[8] = VERSION;
        data[10] = 3;
        assert_eq!(
            Account::decode(&data),
            Err(DecodeError::Invalid { name: "Conversion" })
        );

        data.pop();
        assert_eq!(
            Account::decode(&data),
            Err(DecodeError::WrongSize {
                name: "Conversion",
                expected: 185,
                actual: 184
            })
        );
    }
}
