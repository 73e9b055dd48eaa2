//! The program's accounts, decoded.
//!
//! Bytes are little-endian and packed: an eight-byte discriminator, then the
//! fields in the order they stand here.

use std::sync::LazyLock;

use borsh::{BorshDeserialize, BorshSerialize};
use solana_sdk::pubkey::Pubkey;
use vouch_rules::{
    Code,
    reward::{self, RewardRule},
};

use crate::{discriminator, pda};

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
    /// A first touch: which code brought a wallet to a campaign first.
    Referee(Box<Referee>),
    /// What is left of a campaign or a referral.
    Closed(Box<Closed>),
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
account_type!(Conversion, 186);
account_type!(Referee, 154);
account_type!(Closed, 73);

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
        } else if head == Referee::discriminator() {
            Referee::decode(data).map(|account| Self::Referee(Box::new(account)))
        } else if head == Closed::discriminator() {
            Closed::decode(data).map(|account| Self::Closed(Box::new(account)))
        } else {
            Err(DecodeError::UnknownType(head))
        }
    }
}

/// Where rewards come from.
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

/// What a conversion must prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Proof {
    /// Nothing beyond the referee's signature.
    #[default]
    Open = 0,
    /// The campaign's attestor vouches for it.
    Attested = 1,
    /// A payment in the same instruction.
    Payment = 2,
}

/// What counts only once.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Tier {
    /// Conversions a referral needs for this tier.
    pub min_conversions: u64,
    /// Multiplier in basis points (10,000 = 1x).
    pub multiplier_bps: u32,
}

/// Paid once, when a referral reaches `threshold` conversions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
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
    pub closed_at: i64,
    pub owed: u64,
    pub longest_hold: u32,
    pub reserved: [u8; 108],
}

impl Campaign {
    /// What was settled for good when it was opened.
    #[must_use]
    pub fn terms(&self) -> Terms {
        Terms {
            funding: self.funding,
            proof: self.proof,
            uniqueness: self.uniqueness,
        }
    }

    /// What its authority may change.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
            reward_kind: self.reward_kind,
            reward_fixed: self.reward_fixed,
            reward_bps: self.reward_bps,
            reward_max: self.reward_max,
            min_amount: self.min_amount,
            referee_share_bps: self.referee_share_bps,
            max_partner_share_bps: self.max_partner_share_bps,
            tiers: self.tiers,
            bonuses: self.bonuses,
            hold_seconds: self.hold_seconds,
            attribution_window: self.attribution_window,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            budget: self.budget,
            attested_codes: self.attested_codes,
            attestor: self.attestor,
            treasury: self.treasury,
        }
    }

    /// Whether rewards are lamports.
    #[must_use]
    pub fn rewards_are_sol(&self) -> bool {
        self.mint == Pubkey::default()
    }

    /// Whether payments are lamports, where there are any.
    #[must_use]
    pub fn payments_are_sol(&self) -> bool {
        self.payment_mint == Pubkey::default()
    }

    /// Whether conversions change it, so that it must be writable: it counts a
    /// budget, or what its vault owes.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.budget > 0 || self.pays_from_vault()
    }

    /// Whether rewards come out of a vault, at once or later.
    #[must_use]
    pub fn pays_from_vault(&self) -> bool {
        self.vault != Pubkey::default()
    }

    /// The rule of its rewards, as the program applies it.
    #[must_use]
    pub fn reward_rule(&self) -> RewardRule {
        RewardRule {
            kind: match self.reward_kind {
                RewardKind::Fixed => reward::RewardKind::Fixed(self.reward_fixed),
                RewardKind::Percent => reward::RewardKind::Percent {
                    bps: self.reward_bps,
                    max: self.reward_max,
                },
            },
            tiers: self.tiers.map(|tier| reward::Tier {
                min_conversions: tier.min_conversions,
                multiplier_bps: tier.multiplier_bps,
            }),
            bonuses: self.bonuses.map(|bonus| reward::Bonus {
                threshold: bonus.threshold,
                amount: bonus.amount,
            }),
            referee_share_bps: self.referee_share_bps,
            max_partner_share_bps: self.max_partner_share_bps,
        }
    }
}

/// What a campaign is for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Terms {
    /// Where rewards come from.
    pub funding: Funding,
    /// What a conversion must prove.
    pub proof: Proof,
    /// What counts only once.
    pub uniqueness: Uniqueness,
}

/// What a campaign's authority may change. Zero means "none" throughout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct Settings {
    /// How the reward is found.
    pub reward_kind: RewardKind,
    /// Base units for each conversion, when the kind is fixed.
    pub reward_fixed: u64,
    /// Basis points of the amount, when the kind is percent.
    pub reward_bps: u16,
    /// Most base units for one conversion, when the kind is percent.
    pub reward_max: u64,
    /// Least amount of a conversion.
    pub min_amount: u64,
    /// Basis points of the reward that the referee gets.
    pub referee_share_bps: u16,
    /// Most basis points of the reward that a partner may get.
    pub max_partner_share_bps: u16,
    /// Multipliers, ascending; unused ones last.
    pub tiers: [Tier; 4],
    /// Bonuses, ascending; unused ones last.
    pub bonuses: [Bonus; 4],
    /// Seconds that a reward is held, up to 365 days.
    pub hold_seconds: u32,
    /// Seconds that a first touch counts, up to 365 days.
    pub attribution_window: u32,
    /// Unix seconds from which conversions count.
    pub starts_at: i64,
    /// Unix seconds from which they no longer do.
    pub ends_at: i64,
    /// Most base units the campaign may ever owe.
    pub budget: u64,
    /// Whether a code needs the attestor's signature.
    pub attested_codes: bool,
    /// Who vouches for conversions and codes.
    pub attestor: Pubkey,
    /// The account that receives payments: a wallet for SOL, otherwise a token account.
    pub treasury: Pubkey,
}

impl Settings {
    /// `units` base units for each conversion, and nothing else.
    #[must_use]
    pub fn fixed(units: u64) -> Self {
        Self {
            reward_kind: RewardKind::Fixed,
            reward_fixed: units,
            ..Self::default()
        }
    }

    /// `bps` basis points of the amount, at most `max` base units, and nothing else.
    #[must_use]
    pub fn percent(bps: u16, max: u64) -> Self {
        Self {
            reward_kind: RewardKind::Percent,
            reward_bps: bps,
            reward_max: max,
            ..Self::default()
        }
    }
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
    pub partner_account_bump: u8,
    pub partner_share_bps: u16,
    pub padded_code: [u8; 12],
    pub campaign: Pubkey,
    pub owner: Pubkey,
    pub pending_owner: Pubkey,
    pub partner: Pubkey,
    pub rent_payer: Pubkey,
    pub reward_account: Pubkey,
    pub usage_limit: u64,
    pub conversions: u64,
    pub expires_at: i64,
    pub created_at: i64,
    pub rewards_total: u64,
    pub rewards_pending: u64,
    pub partner_pending: u64,
    pub open_conversions: u64,
    pub reserved: [u8; 17],
}

impl Referral {
    /// What registering `code` for `owner` in `campaign`, which is at `address`, leads
    /// to: without a limit, an expiry or a time, and with `owner` as the payer.
    #[must_use]
    pub fn registered(address: &Pubkey, campaign: &Campaign, code: &Code, owner: &Pubkey) -> Self {
        Self {
            version: VERSION,
            bump: pda::referral(address, code).1,
            code_len: code.len(),
            active: true,
            suspended: false,
            bonuses_paid: 0,
            partner_account_bump: 0,
            partner_share_bps: 0,
            padded_code: code.to_padded(),
            campaign: *address,
            owner: *owner,
            pending_owner: Pubkey::default(),
            partner: Pubkey::default(),
            rent_payer: *owner,
            reward_account: pda::reward_account(owner, campaign),
            usage_limit: 0,
            conversions: 0,
            expires_at: 0,
            created_at: 0,
            rewards_total: 0,
            rewards_pending: 0,
            partner_pending: 0,
            open_conversions: 0,
            reserved: [0; 17],
        }
    }

    /// The code, without its padding.
    ///
    /// # Errors
    /// [`DecodeError::Invalid`] when the bytes are no code, which the program
    /// never writes.
    pub fn code(&self) -> Result<Code, DecodeError> {
        Code::from_padded(&self.padded_code).map_err(|_| DecodeError::Invalid { name: Self::NAME })
    }

    /// Who earns a share of each reward.
    #[must_use]
    pub fn partner(&self) -> Option<Pubkey> {
        (self.partner != Pubkey::default()).then_some(self.partner)
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
    pub bonuses: u8,
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

    /// Whether the part with this bit, one of [`settled`], was paid or never was
    /// worth anything.
    #[must_use]
    pub fn is_settled(&self, part: u8) -> bool {
        self.settled & part != 0
    }
}

/// The bits of [`Conversion::settled`].
pub mod settled {
    /// The referrer's part.
    pub const REFERRER: u8 = 1;
    /// The referee's part.
    pub const REFEREE: u8 = 2;
    /// The partner's part.
    pub const PARTNER: u8 = 4;
}

/// A first touch: which code brought a wallet to a campaign first.
///
/// Address: [`crate::pda::referee`].
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "the IDL documents each field")]
pub struct Referee {
    pub version: u8,
    pub bump: u8,
    pub campaign: Pubkey,
    pub wallet: Pubkey,
    pub referral: Pubkey,
    pub rent_payer: Pubkey,
    pub bound_at: i64,
    pub expires_at: i64,
}

/// What is left at the address of a closed referral or a reclaimed campaign, so
/// that it can never be taken again.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "the IDL documents each field")]
pub struct Closed {
    pub version: u8,
    pub campaign: Pubkey,
    pub rent_payer: Pubkey,
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
            (664, 302, 186)
        );
        assert_eq!((size::<Referee>(), size::<Closed>()), (154, 73));
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
                expected: 186,
                actual: 185
            })
        );
    }
}
