//! The program's accounts and arguments, byte by byte.
//!
//! Written from the IDL, without the client's types, for two reasons: a mistake in those
//! does not affect this module, and every byte can be sent, including values that the
//! types do not allow.

use anyhow::{Result, bail, ensure};
use borsh::{BorshDeserialize, BorshSerialize};
use solana_sdk::pubkey::Pubkey;

use crate::model::sha256;

/// Layout version that the program writes.
pub const VERSION: u8 = 1;
/// [`Campaign::funding`]: rewards are minted.
pub const MINTED: u8 = 0;
/// [`Campaign::funding`]: rewards come from a vault.
pub const VAULT: u8 = 1;
/// [`Campaign::funding`]: rewards are a part of the payment.
pub const SPLIT: u8 = 2;
/// [`Campaign::proof`]: none.
pub const OPEN: u8 = 0;
/// [`Campaign::proof`]: the attestor's signature or voucher.
pub const ATTESTED: u8 = 1;
/// [`Campaign::proof`]: a payment.
pub const PAYMENT: u8 = 2;
/// [`Campaign::uniqueness`]: a wallet counts once.
pub const WALLET: u8 = 0;
/// [`Campaign::uniqueness`]: a wallet counts once with each code.
pub const WALLET_AND_CODE: u8 = 1;
/// [`Campaign::uniqueness`]: an order counts once.
pub const ORDER: u8 = 2;
/// [`Settings::reward_kind`]: a fixed number of base units.
pub const FIXED: u8 = 0;
/// [`Settings::reward_kind`]: basis points of the amount.
pub const PERCENT: u8 = 1;
/// [`Conversion::status`]: owed or held.
pub const PENDING: u8 = 0;
/// [`Conversion::status`]: nothing is owed.
pub const PAID: u8 = 1;
/// [`Conversion::status`]: cancelled within the hold.
pub const CANCELLED: u8 = 2;

/// Multiplies rewards from conversion number `min_conversions` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "the IDL documents each field")]
pub struct Tier {
    pub min_conversions: u64,
    pub multiplier_bps: u32,
}

/// A bonus, paid once, with the conversion that reaches `threshold`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, BorshSerialize, BorshDeserialize,
)]
#[expect(missing_docs, reason = "the IDL documents each field")]
pub struct Bonus {
    pub threshold: u64,
    pub amount: u64,
}

/// The terms of a campaign, which never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "the IDL documents each field")]
pub struct Terms {
    pub funding: u8,
    pub proof: u8,
    pub uniqueness: u8,
    pub per_owner: u8,
    pub notice_seconds: u32,
}

/// The settings of a campaign, which its authority may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "the IDL documents each field")]
pub struct Settings {
    pub reward_kind: u8,
    pub reward_fixed: u64,
    pub reward_bps: u16,
    pub reward_max: u64,
    pub min_amount: u64,
    pub referee_share_bps: u16,
    pub referee_fixed: u64,
    pub max_partner_share_bps: u16,
    pub max_partner_fixed: u64,
    pub owner_limit: u64,
    pub tiers: [Tier; 4],
    pub bonuses: [Bonus; 4],
    pub hold_seconds: u32,
    pub attribution_window: u32,
    pub starts_at: i64,
    pub ends_at: i64,
    pub gate_credential: Pubkey,
    pub gate_schema: Pubkey,
    pub budget: u64,
    pub attested_codes: u8,
    pub attestor: Pubkey,
    pub treasury: Pubkey,
}

/// A campaign: its terms, its settings and its counters.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "the IDL documents each field")]
pub struct Campaign {
    pub version: u8,
    pub bump: u8,
    pub funding: u8,
    pub proof: u8,
    pub uniqueness: u8,
    pub per_owner: u8,
    pub paused: u8,
    pub closed: u8,
    pub mint_decimals: u8,
    pub notice_seconds: u32,
    pub creator: Pubkey,
    pub id: u64,
    pub authority: Pubkey,
    pub pending_authority: Pubkey,
    pub mint: Pubkey,
    pub token_program: Pubkey,
    pub vault: Pubkey,
    pub payment_mint: Pubkey,
    pub rent_payer: Pubkey,
    pub created_at: i64,
    pub closed_at: i64,
    pub longest_hold: u32,
    pub least_margin: u64,
    pub committed: u64,
    pub owed: u64,
    pub settings: Settings,
    pub bonus_places: [u8; 4],
    pub next_from: i64,
    pub next: Settings,
    pub next_bonus_places: [u8; 4],
    pub offered: [Bonus; 32],
    pub reserved: [u8; 56],
}

/// A code with its owner, its partner and its counters.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "the IDL documents each field")]
pub struct Referral {
    pub version: u8,
    pub code_len: u8,
    pub active: u8,
    pub suspended: u8,
    pub partner_account_bump: u8,
    pub partner_share_bps: u16,
    pub partner_fixed: u64,
    pub partner_ends_at: i64,
    pub bonuses_paid: u32,
    pub code: [u8; 12],
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
    pub held_until: i64,
    pub reserved: [u8; 8],
}

/// A conversion, its parts and which of them are settled.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "the IDL documents each field")]
pub struct Conversion {
    pub version: u8,
    pub status: u8,
    pub settled: u8,
    pub budgeted: u8,
    pub bonuses: u32,
    pub referral: Pubkey,
    pub referee: Pubkey,
    pub rent_payer: Pubkey,
    pub reward_referrer: u64,
    pub reward_referee: u64,
    pub reward_partner: u64,
    pub converted_at: i64,
    pub hold_seconds: u32,
}

/// A binding: the code that brought a wallet first, signed by the wallet.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "the IDL documents each field")]
pub struct Binding {
    pub version: u8,
    pub campaign: Pubkey,
    pub wallet: Pubkey,
    pub referral: Pubkey,
    pub rent_payer: Pubkey,
    pub bound_at: i64,
    pub expires_at: i64,
}

/// The account that counts the conversions of all codes of an owner.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "the IDL documents each field")]
pub struct Referrer {
    pub version: u8,
    pub campaign: Pubkey,
    pub owner: Pubkey,
    pub rent_payer: Pubkey,
    pub conversions: u64,
    pub bonuses_paid: u32,
}

/// The revocation of a voucher.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "the IDL documents each field")]
pub struct Revoked {
    pub version: u8,
    pub campaign: Pubkey,
    pub rent_payer: Pubkey,
    pub expires_at: i64,
}

/// Tombstone of a campaign or a referral.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "the IDL documents each field")]
pub struct Closed {
    pub version: u8,
    pub campaign: Pubkey,
    pub rent_payer: Pubkey,
    pub treasury: Pubkey,
}

/// Any account of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "its own types")]
pub enum Account {
    Campaign(Box<Campaign>),
    Referral(Box<Referral>),
    Conversion(Box<Conversion>),
    Binding(Box<Binding>),
    Referrer(Box<Referrer>),
    Revoked(Box<Revoked>),
    Closed(Box<Closed>),
}

/// First eight bytes of an account of this type.
fn discriminator(name: &str) -> [u8; 8] {
    let hash = sha256(&[b"account:", name.as_bytes()]);
    *hash.first_chunk().expect("32 bytes")
}

impl Account {
    /// Decodes an account of the program.
    ///
    /// # Errors
    /// When the bytes are not of a known type, too few or too many.
    pub fn decode(data: &[u8]) -> Result<Self> {
        use std::sync::LazyLock;

        static KNOWN: LazyLock<[[u8; 8]; 7]> = LazyLock::new(|| {
            [
                "Campaign",
                "Referral",
                "Conversion",
                "Binding",
                "Referrer",
                "RevokedVoucher",
                "Closed",
            ]
            .map(discriminator)
        });
        let Some((head, body)) = data.split_first_chunk::<8>() else {
            bail!("{} bytes are not an account of the program", data.len());
        };
        let account = match KNOWN.iter().position(|known| known == head) {
            Some(0) => Self::Campaign(Box::new(Campaign::try_from_slice(body)?)),
            Some(1) => Self::Referral(Box::new(Referral::try_from_slice(body)?)),
            Some(2) => Self::Conversion(Box::new(Conversion::try_from_slice(body)?)),
            Some(3) => Self::Binding(Box::new(Binding::try_from_slice(body)?)),
            Some(4) => Self::Referrer(Box::new(Referrer::try_from_slice(body)?)),
            Some(5) => Self::Revoked(Box::new(Revoked::try_from_slice(body)?)),
            Some(6) => Self::Closed(Box::new(Closed::try_from_slice(body)?)),
            _ => bail!("{head:02x?} is not the discriminator of an account"),
        };
        ensure!(body[0] == VERSION, "layout version {}", body[0]);
        Ok(account)
    }

    /// Size of the account in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Campaign(_) => 1_569,
            Self::Referral(_) => 319,
            Self::Conversion(_) => 148,
            Self::Binding(_) => 153,
            Self::Referrer(_) => 117,
            Self::Revoked(_) => 81,
            Self::Closed(_) => 105,
        }
    }
}

impl Campaign {
    /// The terms.
    #[must_use]
    pub fn terms(&self) -> Terms {
        Terms {
            funding: self.funding,
            proof: self.proof,
            uniqueness: self.uniqueness,
            per_owner: self.per_owner,
            notice_seconds: self.notice_seconds,
        }
    }

    /// The settings in force at `now`, in unix seconds.
    #[must_use]
    pub fn in_force(&self, now: i64) -> &Settings {
        if self.next_from != 0 && now >= self.next_from {
            &self.next
        } else {
            &self.settings
        }
    }

    /// Positions of the bonuses in force in the register.
    #[must_use]
    pub fn places_in_force(&self, now: i64) -> [u8; 4] {
        if self.next_from != 0 && now >= self.next_from {
            self.next_bonus_places
        } else {
            self.bonus_places
        }
    }

    /// Whether the campaign has a vault.
    #[must_use]
    pub fn has_vault(&self) -> bool {
        self.vault != Pubkey::default()
    }

    /// Whether rewards are lamports.
    #[must_use]
    pub fn pays_sol(&self) -> bool {
        self.mint == Pubkey::default()
    }
}

impl Referral {
    /// The partner who shares in a conversion at `now`.
    #[must_use]
    pub fn partner_now(&self, now: i64) -> Option<Pubkey> {
        let ended = self.partner_ends_at != 0 && now >= self.partner_ends_at;
        (self.partner != Pubkey::default() && !ended).then_some(self.partner)
    }
}

impl Conversion {
    /// Base units of referrer, referee and partner, in the order of their bits.
    #[must_use]
    pub fn units(&self) -> [u64; 3] {
        [
            self.reward_referrer,
            self.reward_referee,
            self.reward_partner,
        ]
    }

    /// Unix seconds at which the hold ends.
    #[must_use]
    pub fn held_until(&self) -> i64 {
        self.converted_at
            .saturating_add(i64::from(self.hold_seconds))
    }

    /// Sum of the parts that are settled, or that are not.
    #[must_use]
    pub fn sum(&self, settled: bool) -> u64 {
        let parts = self.units().into_iter().enumerate();
        parts
            .filter(|(index, _)| (self.settled & (1 << index) != 0) == settled)
            .map(|(_, units)| units)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_fields() {
        fn zeros<T: BorshDeserialize>(size: usize) -> Box<T> {
            Box::new(T::try_from_slice(&vec![0; size - 8]).expect("zeros of the type's size"))
        }
        for account in [
            Account::Campaign(zeros(1_569)),
            Account::Referral(zeros(319)),
            Account::Conversion(zeros(148)),
            Account::Binding(zeros(153)),
            Account::Referrer(zeros(117)),
            Account::Revoked(zeros(81)),
            Account::Closed(zeros(105)),
        ] {
            assert!(account.size() > 8);
        }
    }
}
