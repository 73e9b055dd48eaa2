//! The bytes of accounts: how a type of account is read, and the enums of single bytes.
//!
//! Bytes are little-endian and packed: an eight-byte discriminator, then the fields in
//! order.

use borsh::{BorshDeserialize, BorshSerialize};

/// Layout version that this crate reads and the program writes.
pub const VERSION: u8 = 1;

/// Why bytes are not an account of the program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The first eight bytes are not the discriminator of a type that this crate knows.
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
    /// The account has a layout version other than [`VERSION`].
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
    const DISCRIMINATOR: [u8; 8];

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
        if *head != Self::DISCRIMINATOR {
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

/// The source of the rewards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Funding {
    /// The campaign holds the mint authority and mints each reward.
    #[default]
    MintAuthority = 0,
    /// The campaign pays from a vault.
    Vault = 1,
    /// The reward is split out of the payment.
    PaymentSplit = 2,
}

/// The proof that a conversion needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Proof {
    /// None beyond the referee's signature.
    #[default]
    Open = 0,
    /// The word of the campaign's attestor: its signature or a voucher.
    Attested = 1,
    /// A payment in the same instruction.
    Payment = 2,
}

/// The thing that converts at most once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Uniqueness {
    /// A wallet, in the whole campaign.
    #[default]
    Wallet = 0,
    /// A wallet with a code.
    WalletAndCode = 1,
    /// An order.
    Order = 2,
}

/// How the reward follows from the conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum RewardKind {
    /// A fixed number of base units.
    #[default]
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

/// The referee's action.
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
    /// The campaign defines it.
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
