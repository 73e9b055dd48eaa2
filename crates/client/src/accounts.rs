//! The program's accounts, decoded.
//!
//! The structs are generated from the IDL, and [`AccountType`] reads them. This module adds the values
//! that follow from the fields.

use solana_sdk::pubkey::Pubkey;
use vouch_rules::{
    Code,
    eligibility::{CampaignState, CodeState},
    money,
    promise::Promise,
    reward::{self, Reward, RewardRule, Share},
};

use crate::pda;
pub use crate::{
    bytes::*,
    generated::{accounts::*, types::*},
};

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

    /// The settings that were announced last, or else those in force at `now`, in unix seconds.
    #[must_use]
    pub fn latest(&self, now: i64) -> &Settings {
        let announced = self.announced(now);
        announced.map_or_else(|| self.in_force(now), |(_, settings)| settings)
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

    /// Whether a base unit of the payments is worth a base unit of the rewards: the same token, or both are
    /// SOL, wrapped or not. False if the campaign takes no payments.
    #[must_use]
    pub fn pays_in_rewards(&self) -> bool {
        self.proof == Proof::Payment
            && money::is_same(self.mint.as_array(), self.payment_mint.as_array())
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
