//! Doubts: the transactions may not tell everything about an account.
//!
//! A transaction may leave more than one explanation of which parts of a reward it paid
//! ([`crate::lamports`]). Then the conversion may be in one of several states, and its referral's sums
//! of what is owed are not known exactly. Nothing else of the program depends on it.
//!
//! The bytes of such an account are those of the explanation in which the least was paid, so nothing
//! counts as paid that may not have been. A later call rules out the states in which the program would
//! have refused it.

use std::fmt;

use solana_sdk::pubkey::Pubkey;
use vouch_client::accounts::{Account, Conversion, Referral, Status, settled};

use crate::evidence::ALL;

/// An uncertainty about an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// A conversion: the states that it may be in.
    Conversion(States),
    /// A referral: by how much less may be owed than its sums say.
    Referral(Less),
}

/// A state of a conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct State {
    pub(crate) stage: Stage,
    /// The parts that are not owed, or were not when the conversion ended.
    pub(crate) settled: u8,
}

/// How far a conversion has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Its account exists.
    Open,
    /// Its account was closed.
    Closed,
    /// Its claim period is over, and its account exists, because its rent payer could not be paid.
    Survived,
}

impl State {
    fn bit(self) -> u32 {
        let stage = match self.stage {
            Stage::Open => 0_u32,
            Stage::Closed => 8,
            Stage::Survived => 16,
        };
        1_u32
            .checked_shl(stage.saturating_add(u32::from(self.settled & ALL)))
            .unwrap_or_default()
    }

    fn all() -> impl Iterator<Item = Self> {
        [Stage::Open, Stage::Closed, Stage::Survived]
            .into_iter()
            .flat_map(|stage| (0..=ALL).map(move |settled| Self { stage, settled }))
    }

    /// Whether the account exists.
    pub(crate) fn exists(self) -> bool {
        self.stage != Stage::Closed
    }

    /// The account in this state, of a conversion of which something was paid or owed.
    pub(crate) fn account(self, conversion: &Conversion) -> Conversion {
        let settled = match self.stage {
            Stage::Survived => ALL,
            Stage::Open | Stage::Closed => self.settled,
        };
        Conversion {
            settled,
            status: if settled == ALL {
                Status::Paid
            } else {
                Status::Pending
            },
            ..conversion.clone()
        }
    }
}

/// States that a conversion may be in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct States(u32);

impl States {
    pub(crate) fn insert(&mut self, state: State) {
        self.0 |= state.bit();
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = State> {
        State::all().filter(move |state| self.0 & state.bit() != 0)
    }

    /// The state, if there is only one.
    pub(crate) fn one(self) -> Option<State> {
        let mut all = self.iter();
        all.next().filter(|_| all.next().is_none())
    }

    /// The parts that are settled in every state.
    #[must_use]
    pub fn settled(self) -> u8 {
        self.iter()
            .fold(ALL, |settled, state| settled & state.settled)
    }

    /// The parts that the conversion may have settled: each set of parts that is possible, in ascending order.
    #[must_use]
    pub fn possible(self) -> Vec<u8> {
        let mut all: Vec<_> = self.iter().map(|state| state.settled).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Whether the conversion's claim period may be over with something unclaimed, or its account
    /// closed.
    #[must_use]
    pub fn has_ended(self) -> bool {
        self.iter().any(|state| state.stage != Stage::Open)
    }

    /// The state whose account stands for all of them: of those that exist, the one in which the least
    /// was paid.
    pub(crate) fn canonical(self) -> State {
        let survived = self.iter().any(|state| state.stage == Stage::Survived);
        let open = self.iter().any(|state| state.stage == Stage::Open);
        State {
            stage: match (open, survived) {
                (true, _) => Stage::Open,
                (false, true) => Stage::Survived,
                (false, false) => Stage::Closed,
            },
            settled: self.settled(),
        }
    }

    /// By how much less may be owed than if the least was paid.
    pub(crate) fn less(self, conversion: &Conversion) -> Less {
        let least = self.settled();
        let most = self
            .iter()
            .fold(0, |settled, state| settled | state.settled);
        let differs = |bit: u8, units: u64| if (most & !least) & bit == 0 { 0 } else { units };
        Less {
            open: u64::from(least != ALL && self.iter().any(|state| state.settled == ALL)),
            rewards: differs(settled::REFERRER, conversion.reward_referrer),
            partner: differs(settled::PARTNER, conversion.reward_partner),
            partnership: false,
        }
    }

    /// Whether a node's account can be that of the conversion.
    fn allow(self, mirrored: Option<&Conversion>, found: Option<&Conversion>) -> bool {
        match (mirrored, found) {
            (_, None) => self.iter().any(|state| !state.exists()),
            (None, Some(_)) => false,
            (Some(mirrored), Some(found)) => self
                .iter()
                .any(|state| state.exists() && state.account(mirrored) == *found),
        }
    }
}

impl FromIterator<State> for States {
    fn from_iter<T: IntoIterator<Item = State>>(all: T) -> Self {
        let mut states = Self::default();
        all.into_iter().for_each(|state| states.insert(state));
        states
    }
}

/// By how much less a referral may owe than its sums say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Less {
    /// Conversions that may be paid, though they count as pending.
    pub open: u64,
    /// Base units of the owner's parts.
    pub rewards: u64,
    /// Base units of the partner's parts.
    pub partner: u64,
    /// Whether the partner may have been removed, because it was perhaps owed nothing. It gets no part
    /// of later conversions either way.
    pub partnership: bool,
}

impl Less {
    /// Between what is owed with these parts settled, and with these.
    pub(crate) fn between(conversion: &Conversion, settled: u8, more: u8) -> Self {
        let newly = more & !settled;
        let part = |bit: u8, units: u64| if newly & bit == 0 { 0 } else { units };
        Self {
            open: u64::from(settled != ALL && more == ALL),
            rewards: part(settled::REFERRER, conversion.reward_referrer),
            partner: part(settled::PARTNER, conversion.reward_partner),
            partnership: false,
        }
    }

    /// `None` if nothing is uncertain.
    pub(crate) fn doubt(self) -> Option<Doubt> {
        (self != Self::default()).then_some(Doubt::Referral(self))
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            open: self.open.saturating_add(other.open),
            rewards: self.rewards.saturating_add(other.rewards),
            partner: self.partner.saturating_add(other.partner),
            partnership: self.partnership || other.partnership,
        }
    }

    /// Without what one conversion contributes.
    pub(crate) fn minus(self, other: Self) -> Self {
        Self {
            open: self.open.saturating_sub(other.open),
            rewards: self.rewards.saturating_sub(other.rewards),
            partner: self.partner.saturating_sub(other.partner),
            ..self
        }
    }

    /// Owes less.
    pub(crate) fn take_off(self, referral: &mut Referral) {
        let Referral {
            open_conversions,
            rewards_pending,
            partner_pending,
            ..
        } = referral;
        *open_conversions = open_conversions.saturating_sub(self.open);
        *rewards_pending = rewards_pending.saturating_sub(self.rewards);
        *partner_pending = partner_pending.saturating_sub(self.partner);
    }

    /// Owes more.
    pub(crate) fn put_on(self, referral: &mut Referral) {
        let Referral {
            open_conversions,
            rewards_pending,
            partner_pending,
            ..
        } = referral;
        *open_conversions = open_conversions.saturating_add(self.open);
        *rewards_pending = rewards_pending.saturating_add(self.rewards);
        *partner_pending = partner_pending.saturating_add(self.partner);
    }

    /// Whether a node's account can be that of the referral.
    fn allow(self, mirrored: &Referral, found: &Referral) -> bool {
        let within = |mirrored: u64, less: u64, found: u64| {
            (mirrored.saturating_sub(less)..=mirrored).contains(&found)
        };
        let mut other = found.clone();
        if self.partnership && found.partner == Pubkey::default() {
            keep_partner(&mut other, mirrored);
        }
        other.open_conversions = mirrored.open_conversions;
        other.rewards_pending = mirrored.rewards_pending;
        other.partner_pending = mirrored.partner_pending;
        other == *mirrored
            && within(mirrored.open_conversions, self.open, found.open_conversions)
            && within(
                mirrored.rewards_pending,
                self.rewards,
                found.rewards_pending,
            )
            && within(
                mirrored.partner_pending,
                self.partner,
                found.partner_pending,
            )
    }
}

/// Gives a referral the partnership of another one.
pub(crate) fn keep_partner(referral: &mut Referral, other: &Referral) {
    referral.partner = other.partner;
    referral.partner_share_bps = other.partner_share_bps;
    referral.partner_fixed = other.partner_fixed;
    referral.partner_ends_at = other.partner_ends_at;
    referral.partner_account_bump = other.partner_account_bump;
}

/// First byte of an encoded [`Doubt`].
const CONVERSION: u8 = 1;
const REFERRAL: u8 = 2;

/// Bytes that are no encoded [`Doubt`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoDoubt;

impl fmt::Display for NoDoubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes do not say what is uncertain about an account")
    }
}

impl std::error::Error for NoDoubt {}

impl Doubt {
    /// Bytes to keep it in.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Conversion(states) => {
                let mut bytes = vec![CONVERSION];
                bytes.extend(states.0.to_le_bytes());
                bytes
            }
            Self::Referral(less) => {
                let mut bytes = vec![REFERRAL];
                for units in [less.open, less.rewards, less.partner] {
                    bytes.extend(units.to_le_bytes());
                }
                bytes.push(less.partnership.into());
                bytes
            }
        }
    }

    /// Reads the bytes of [`Self::encode`].
    ///
    /// # Errors
    /// [`NoDoubt`] for other bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, NoDoubt> {
        let (kind, rest) = bytes.split_first().ok_or(NoDoubt)?;
        match *kind {
            CONVERSION => {
                let states = rest.try_into().map_err(|_| NoDoubt)?;
                Ok(Self::Conversion(States(u32::from_le_bytes(states))))
            }
            REFERRAL => {
                let (open, rest) = number(rest)?;
                let (rewards, rest) = number(rest)?;
                let (partner, rest) = number(rest)?;
                let [partnership @ 0..=1] = rest else {
                    return Err(NoDoubt);
                };
                Ok(Self::Referral(Less {
                    open,
                    rewards,
                    partner,
                    partnership: *partnership == 1,
                }))
            }
            _ => Err(NoDoubt),
        }
    }

    /// Whether a node's account can be the one that was computed: whether it is one of those that the
    /// transactions leave possible.
    #[must_use]
    pub fn allows(&self, computed: Option<&Account>, found: Option<&Account>) -> bool {
        match (self, computed, found) {
            (Self::Conversion(states), computed, found) => {
                let conversion = |account: Option<&Account>| match account {
                    None => Some(None),
                    Some(Account::Conversion(account)) => Some(Some((**account).clone())),
                    Some(_) => None,
                };
                let Some((computed, found)) = conversion(computed).zip(conversion(found)) else {
                    return false;
                };
                states.allow(computed.as_ref(), found.as_ref())
            }
            (
                Self::Referral(less),
                Some(Account::Referral(computed)),
                Some(Account::Referral(found)),
            ) => less.allow(computed, found),
            (Self::Referral(_), ..) => false,
        }
    }
}

fn number(bytes: &[u8]) -> Result<(u64, &[u8]), NoDoubt> {
    let (number, rest) = bytes.split_first_chunk().ok_or(NoDoubt)?;
    Ok((u64::from_le_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubts_survive_their_encoding() {
        let mut states = States::default();
        for state in State::all() {
            states.insert(state);
            let doubt = Doubt::Conversion(states);
            assert_eq!(Doubt::decode(&doubt.encode()), Ok(doubt));
        }
        assert_eq!(states.iter().count(), 24);
        for partnership in [false, true] {
            let doubt = Doubt::Referral(Less {
                open: 1,
                rewards: u64::MAX,
                partner: 3,
                partnership,
            });
            let bytes = doubt.encode();
            assert_eq!(Doubt::decode(&bytes), Ok(doubt));
            // Bytes that are cut, longer or unknown are no doubt
            let cut = bytes.split_last().map(|(_, cut)| cut).unwrap_or_default();
            assert_eq!(Doubt::decode(cut), Err(NoDoubt));
            assert_eq!(Doubt::decode(&[bytes, vec![0]].concat()), Err(NoDoubt));
        }
        assert_eq!(Doubt::decode(&[]), Err(NoDoubt));
        assert_eq!(Doubt::decode(&[3, 0, 0, 0, 0]), Err(NoDoubt));
    }
}
