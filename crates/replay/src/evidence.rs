//! Finds the parts of a reward that a call paid.
//!
//! Only the runtime knows: a part is paid if its recipient could receive it at that moment. The
//! answer follows from the call's CPIs for tokens, and from balances for SOL
//! ([`crate::lamports`]). Each function lists the sets of parts that are consistent with the
//! transaction; [`choose`] accepts one.

use std::cell::Cell;

use solana_sdk::pubkey::Pubkey;
use vouch_client::accounts::settled;
use vouch_rules::reward::Reward;

use crate::{error::Kind, fact::Part, token::Payment};

pub(crate) use vouch_client::accounts::settled::ALL;

/// The parts in the order in which the program pays them.
pub(crate) const PARTS: [(Part, u8); 3] = [
    (Part::Referrer, settled::REFERRER),
    (Part::Referee, settled::REFEREE),
    (Part::Partner, settled::PARTNER),
];

/// The parts of a reward that are open, with the accounts that would receive them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Open {
    /// Bits of the parts.
    pub(crate) bits: u8,
    /// Base units of each part, in the order of [`PARTS`].
    units: [u64; 3],
    /// Account of each part, in the order of [`PARTS`].
    accounts: [Pubkey; 3],
}

impl Open {
    /// The parts of `reward` in `bits`. `accounts` are those of the call, in the order of
    /// [`PARTS`]. Fails if one of the parts has none.
    pub(crate) fn new(
        bits: u8,
        reward: &Reward,
        accounts: [Result<Pubkey, Kind>; 3],
    ) -> Result<Self, Kind> {
        let mut open = Self {
            bits,
            units: [reward.referrer, reward.referee, reward.partner],
            accounts: [Pubkey::default(); 3],
        };
        let wanted = open.accounts.iter_mut().zip(accounts).zip(PARTS);
        for ((place, account), (_, bit)) in wanted {
            if bits & bit != 0 {
                *place = account?;
            }
        }
        Ok(open)
    }

    /// The parts in `bits`, with account and base units.
    pub(crate) fn parts(&self, bits: u8) -> impl Iterator<Item = (Part, Pubkey, u64)> + '_ {
        let all = PARTS.iter().zip(self.accounts).zip(self.units);
        all.filter(move |(((_, bit), _), _)| self.bits & bits & bit != 0)
            .map(|(((part, _), account), units)| (*part, account, units))
    }

    /// Base units of the parts in `bits`. The whole reward has 64 bits.
    pub(crate) fn sum(&self, bits: u8) -> u64 {
        self.parts(bits)
            .fold(0, |sum, (_, _, units)| sum.saturating_add(units))
    }

    /// Every set of these parts.
    pub(crate) fn subsets(&self) -> impl Iterator<Item = u8> + use<> {
        let bits = self.bits;
        (0..=ALL).filter(move |set| set & !bits == 0)
    }
}

/// Base units of the parts of `reward` in `bits`. The whole reward has 64 bits.
pub(crate) fn sum(reward: &Reward, bits: u8) -> u64 {
    let part = |units: u64, bit: u8| if bits & bit == 0 { 0 } else { units };
    part(reward.referrer, settled::REFERRER)
        .saturating_add(part(reward.referee, settled::REFEREE))
        .saturating_add(part(reward.partner, settled::PARTNER))
}

/// The bits of the parts that are zero.
pub(crate) fn empty(reward: &Reward) -> u8 {
    let units = [reward.referrer, reward.referee, reward.partner];
    let zero = PARTS.iter().zip(units).filter(|(_, units)| *units == 0);
    zero.fold(0, |bits, ((_, bit), _)| bits | bit)
}

/// Token payments that a call makes besides the parts that it pays.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Others {
    /// The first payment: what the treasury gets of a split payment.
    pub(crate) rest: Option<(Pubkey, u64)>,
    /// The vault that gets, as the last payment, the parts of a split payment that wait.
    pub(crate) vault: Option<Pubkey>,
}

/// The sets of parts whose payments are exactly `payments`, in the program's order.
pub(crate) fn by_payments(payments: &[Payment], others: &Others, open: &Open) -> Vec<u8> {
    let made = || payments.iter().map(|payment| (payment.to, payment.amount));
    let explains = |paid: &u8| {
        let waiting = open.sum(open.bits & !paid);
        let rest = others.rest.filter(|(_, units)| *units != 0);
        let vault = others.vault.filter(|_| waiting != 0);
        let parts = open.parts(*paid);
        let parts = parts.map(|(_, account, units)| (account, units));
        rest.into_iter()
            .chain(parts)
            .chain(vault.map(|vault| (vault, waiting)))
            .eq(made())
    };
    open.subsets().filter(explains).collect()
}

/// Decisions among outcomes that are consistent with a transaction. The replay of a transaction
/// tries them one after another.
#[derive(Debug, Clone, Default)]
pub(crate) struct Choices {
    /// The outcome to take at each decision.
    script: Vec<usize>,
    /// Decisions so far.
    made: Cell<usize>,
    /// Number of outcomes of the decision at which the script ended.
    pub(crate) open: Cell<Option<usize>>,
}

impl Choices {
    /// Takes these outcomes.
    pub(crate) fn new(script: Vec<usize>) -> Self {
        Self {
            script,
            ..Self::default()
        }
    }

    /// The outcome to take of this many.
    pub(crate) fn next(&self, options: usize) -> Result<usize, Kind> {
        let made = self.made.get();
        let Some(choice) = self.script.get(made) else {
            self.open.set(Some(options));
            return Err(Kind::Ambiguous);
        };
        self.made.set(made.saturating_add(1));
        Ok(*choice)
    }
}

/// The one set of paid parts among the `consistent` ones. If there are several, the choices decide.
pub(crate) fn choose(consistent: &[u8], choices: &Choices) -> Result<u8, Kind> {
    match consistent {
        [] => Err(Kind::Unexplained),
        [paid] => Ok(*paid),
        several => {
            let choice = choices.next(several.len())?;
            several.get(choice).copied().ok_or(Kind::Unexplained)
        }
    }
}
