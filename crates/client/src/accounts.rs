//! The program's accounts, decoded.
//!
//! Bytes are little-endian and packed: an eight-byte discriminator, then the fields in
//! order. The structs are generated from the IDL. This module adds the enums of single
//! bytes and the values that follow from the fields.

use borsh::{BorshDeserialize, BorshSerialize};
use solana_sdk::pubkey::Pubkey;
use vouch_rules::{
    Code,
    eligibility::{CampaignState, CodeState},
    promise::Promise,
    reward::{self, Reward, RewardRule, Share},
};

pub use crate::generated::{accounts::*, types::*};
use crate::pda;

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

impl Campaign {
    /// The terms of the campaign, which never change.
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

    /// The settings in force at `now`, in unix seconds: the announced ones from
    /// `next_from` on.
    #[must_use]
    pub fn in_force(&self, now: i64) -> &Settings {
        self.arrived(now).unwrap_or(&self.settings)
    }

    /// The announced settings if they are in force at `now`, in unix seconds. Nothing is written to the
    /// chain when they come into force, so an account that nobody has touched since shows them only here.
    #[must_use]
    pub fn arrived(&self, now: i64) -> Option<&Settings> {
        (self.next_from != 0 && now >= self.next_from).then_some(&self.next)
    }

    /// The announced settings and the unix seconds from which they apply; `None` when
    /// none are announced or they are in force at `now`, in unix seconds.
    #[must_use]
    pub fn announced(&self, now: i64) -> Option<(i64, &Settings)> {
        (self.next_from != 0 && now < self.next_from).then_some((self.next_from, &self.next))
    }

    /// Unix seconds from which `new` would be in force if the authority set them at `now`: `now`
    /// itself, or after the notice if they cut something.
    #[must_use]
    pub fn in_force_from(&self, new: &Settings, now: i64) -> i64 {
        let notice = i64::from(self.notice_seconds);
        let old = self.in_force(now);
        // A bonus that was offered before does not make up for another one.
        let mut promised = *new;
        for bonus in &mut promised.bonuses {
            if self.offered.contains(bonus) && !old.bonuses.contains(bonus) {
                bonus.amount = 0;
            }
        }
        let waits = notice != 0 && promised.promise().cuts(&old.promise(), now);
        now.saturating_add(if waits { notice } else { 0 })
    }

    /// Whether rewards are lamports.
    #[must_use]
    pub fn rewards_are_sol(&self) -> bool {
        self.mint == Pubkey::default()
    }

    /// Whether payments are lamports. Meaningful only if the campaign takes payments.
    #[must_use]
    pub fn payments_are_sol(&self) -> bool {
        self.payment_mint == Pubkey::default()
    }

    /// The account that receives the rewards of `owner`: the associated token account, or the
    /// wallet itself when rewards are lamports.
    #[must_use]
    pub fn reward_account(&self, owner: &Pubkey) -> Pubkey {
        if self.rewards_are_sol() {
            *owner
        } else {
            pda::associated_token(owner, &self.mint, &self.token_program).0
        }
    }

    /// Whether conversions change the campaign account, so that it must be writable. They
    /// do if it counts a budget or pays from a vault.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.settings.budget > 0 || self.pays_from_vault()
    }

    /// Whether rewards come out of a vault, at once or later.
    #[must_use]
    pub fn pays_from_vault(&self) -> bool {
        self.vault != Pubkey::default()
    }

    /// The vault, if rewards come out of one.
    #[must_use]
    pub fn vault(&self) -> Option<Pubkey> {
        self.pays_from_vault().then_some(self.vault)
    }

    /// The mint of the rewards; `None` when rewards are lamports.
    #[must_use]
    pub fn reward_mint(&self) -> Option<Pubkey> {
        (!self.rewards_are_sol()).then_some(self.mint)
    }

    /// The token program of the reward mint; `None` when rewards are lamports.
    #[must_use]
    pub fn reward_token_program(&self) -> Option<Pubkey> {
        (!self.rewards_are_sol()).then_some(self.token_program)
    }

    /// The reward rule at `now`, in unix seconds, as the program applies it.
    #[must_use]
    pub fn reward_rule(&self, now: i64) -> RewardRule {
        let places = if self.arrived(now).is_some() {
            self.next_bonus_places
        } else {
            self.bonus_places
        };
        self.in_force(now).rule(places)
    }

    /// The state that decides whether conversions count at `now`, in unix seconds.
    #[must_use]
    pub fn state(&self, now: i64) -> CampaignState {
        let settings = self.in_force(now);
        CampaignState {
            closed: self.closed,
            paused: self.paused,
            starts_at: settings.starts_at,
            ends_at: settings.ends_at,
        }
    }
}

impl Terms {
    /// The key of a conversion's address. It is made of the things that a campaign with
    /// these terms counts once: `referee`, the address `referral`, or the campaign's own
    /// `reference`.
    #[must_use]
    pub fn conversion_key(
        self,
        referee: &Pubkey,
        referral: &Pubkey,
        reference: &[u8; 32],
    ) -> [u8; 32] {
        match (self.uniqueness, self.proof) {
            (Uniqueness::Wallet, _) => referee.to_bytes(),
            (Uniqueness::WalletAndCode, _) => pda::hash(referee, referral),
            // The attestor vouches for the order number. Without an attestor, a buyer could
            // use somebody else's.
            (Uniqueness::Order, Proof::Attested) => pda::hash(reference, []),
            (Uniqueness::Order, _) => pda::hash(referee, reference),
        }
    }
}

impl Settings {
    /// The smallest reward in base units of a conversion by these settings that is worth something:
    /// at least 1. Tiers and bonuses only add to it.
    #[must_use]
    pub fn least_reward(&self) -> u64 {
        let least = match self.reward_kind {
            RewardKind::Fixed => self.reward_fixed,
            RewardKind::Percent => {
                let whole = u128::from(reward::WHOLE_BPS);
                let share = u128::from(self.min_amount) * u128::from(self.reward_bps) / whole;
                u64::try_from(share).map_or(self.reward_max, |share| share.min(self.reward_max))
            }
        };
        least.max(1)
    }

    /// The reward rule. `places` are the positions of the bonuses in the campaign's list
    /// of offered bonuses, one bit each in `bonuses_paid`.
    #[must_use]
    pub fn rule(&self, places: [u8; 4]) -> RewardRule {
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
            bonus_bits: places,
            referee: Share {
                bps: self.referee_share_bps,
                fixed: self.referee_fixed,
            },
            max_partner: Share {
                bps: self.max_partner_share_bps,
                fixed: self.max_partner_fixed,
            },
        }
    }

    /// The promise to referrers.
    fn promise(&self) -> Promise {
        Promise {
            rule: self.rule([0; 4]),
            min_amount: self.min_amount,
            hold_seconds: self.hold_seconds,
            attribution_window: self.attribution_window,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            owner_limit: self.owner_limit,
            gate: [self.gate_credential.to_bytes(), self.gate_schema.to_bytes()],
        }
    }

    /// Whether the referee gets a part of each reward.
    #[must_use]
    pub fn pays_referee(&self) -> bool {
        self.referee_share_bps > 0 || self.referee_fixed > 0
    }

    /// Whether a referee needs a credential.
    #[must_use]
    pub fn has_gate(&self) -> bool {
        self.gate_credential != Pubkey::default()
    }

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

impl Referral {
    /// The referral that registering `code` for `owner` creates in `campaign`, which is
    /// at `address`: without limit or expiry, with `owner` as rent payer and `created_at`
    /// 0.
    #[must_use]
    pub fn registered(address: &Pubkey, campaign: &Campaign, code: &Code, owner: &Pubkey) -> Self {
        Self {
            version: VERSION,
            code_len: code.len(),
            active: true,
            suspended: false,
            bonuses_paid: 0,
            partner_account_bump: 0,
            partner_share_bps: 0,
            partner_fixed: 0,
            partner_ends_at: 0,
            code: code.to_padded(),
            campaign: *address,
            owner: *owner,
            pending_owner: Pubkey::default(),
            partner: Pubkey::default(),
            rent_payer: *owner,
            reward_account: campaign.reward_account(owner),
            usage_limit: 0,
            conversions: 0,
            expires_at: 0,
            created_at: 0,
            rewards_total: 0,
            rewards_pending: 0,
            partner_pending: 0,
            open_conversions: 0,
            held_until: 0,
            reserved: [0; 8],
        }
    }

    /// The code, without its padding.
    ///
    /// # Errors
    /// [`DecodeError::Invalid`] when the bytes are not a valid code, which the program
    /// never writes.
    pub fn code(&self) -> Result<Code, DecodeError> {
        Code::from_padded(&self.code).map_err(|_| DecodeError::Invalid { name: Self::NAME })
    }

    /// Wallet that earns a part of each reward; `None` without a partner.
    #[must_use]
    pub fn partner(&self) -> Option<Pubkey> {
        (self.partner != Pubkey::default()).then_some(self.partner)
    }

    /// The partner's share of a conversion at `now`, in unix seconds; none after the
    /// partnership has ended.
    #[must_use]
    pub fn partner_share(&self, now: i64) -> Share {
        if self.partner_ends_at != 0 && now >= self.partner_ends_at {
            return Share::default();
        }
        Share {
            bps: self.partner_share_bps,
            fixed: self.partner_fixed,
        }
    }

    /// The state that decides whether the referral may be credited.
    #[must_use]
    pub fn state(&self) -> CodeState {
        CodeState {
            active: self.active,
            suspended: self.suspended,
            expires_at: self.expires_at,
            usage_limit: self.usage_limit,
            conversions: self.conversions,
        }
    }
}

impl Conversion {
    /// The parts of the reward, in base units.
    #[must_use]
    pub fn reward(&self) -> Reward {
        Reward {
            referrer: self.reward_referrer,
            referee: self.reward_referee,
            partner: self.reward_partner,
            bonuses: self.bonuses,
        }
    }

    /// Unix seconds from which the reward may be claimed.
    #[must_use]
    pub fn claimable_from(&self) -> i64 {
        self.converted_at
            .saturating_add(i64::from(self.hold_seconds))
    }

    /// Whether the part with this bit, one of [`settled`], is paid or was zero from the
    /// start.
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
    /// All parts.
    pub const ALL: u8 = REFERRER | REFEREE | PARTNER;
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    /// Asserts that zeros of the type's size decode.
    #[track_caller]
    fn assert_size<T: AccountType>() {
        let body = T::try_from_slice(&vec![0; T::SIZE - 8]);
        assert!(body.is_ok(), "{} is not {} bytes", T::NAME, T::SIZE);
    }

    #[test]
    fn sizes_are_those_of_the_fields() {
        assert_size::<Campaign>();
        assert_size::<Referral>();
        assert_size::<Conversion>();
        assert_size::<Binding>();
        assert_size::<Referrer>();
        assert_size::<RevokedVoucher>();
        assert_size::<Closed>();
    }

    #[test]
    fn foreign_bytes_are_refused_with_their_reason() {
        let mut data = vec![0; Conversion::SIZE];
        assert_eq!(
            Account::decode(&data),
            Err(DecodeError::UnknownType([0; 8]))
        );
        assert_eq!(Account::decode(&[]), Err(DecodeError::UnknownType([0; 8])));

        data[..8].copy_from_slice(&Conversion::DISCRIMINATOR);
        assert_eq!(
            Account::decode(&data),
            Err(DecodeError::UnknownVersion {
                name: "Conversion",
                version: 0
            })
        );

        data[8] = VERSION;
        data[9] = 3;
        assert_eq!(
            Account::decode(&data),
            Err(DecodeError::Invalid { name: "Conversion" })
        );

        data.pop();
        assert_eq!(
            Account::decode(&data),
            Err(DecodeError::WrongSize {
                name: "Conversion",
                expected: 148,
                actual: 147
            })
        );
    }

    #[test]
    fn a_conversion_is_found_by_what_its_campaign_counts_once() {
        // Given a referee, a referral and an order
        let [referee, referral] = [1, 2].map(|byte| Pubkey::new_from_array([byte; 32]));
        let order = [3; 32];
        let key = |proof, uniqueness| {
            let terms = Terms {
                proof,
                uniqueness,
                ..Terms::default()
            };
            terms.conversion_key(&referee, &referral, &order)
        };
        let hash = |second: u8| {
            let hash: [u8; 32] = Sha256::digest([[1; 32], [second; 32]].concat()).into();
            hash
        };

        // Then the key is the contract's, for each of the terms
        for proof in [Proof::Open, Proof::Attested, Proof::Payment] {
            assert_eq!(key(proof, Uniqueness::Wallet), [1; 32]);
            assert_eq!(key(proof, Uniqueness::WalletAndCode), hash(2));
        }
        let attested: [u8; 32] = Sha256::digest(order).into();
        assert_eq!(key(Proof::Attested, Uniqueness::Order), attested);
        assert_eq!(key(Proof::Payment, Uniqueness::Order), hash(3));
    }
}
