//! Finds the parts of a reward in SOL that a call paid.
//!
//! The program moves SOL out of a conversion's account directly, so no CPI shows it. Two
//! balances do: that of the conversion's account, which only the program can debit, and those of
//! the recipients. Transfers of the System program are in the record. Any other program may credit
//! an account that it was given without a trace; accounts that such a program was given are
//! *blurred*. The rules for the sets of parts that a call may have paid:
//!
//! 1. The program took out of the conversion's account exactly what the account lost; or at least
//!    that, if the account is blurred, because a credit without a trace hides a debit. If a later
//!    call of the transaction may take more, the loss is an upper bound.
//! 2. A later claim of the transaction succeeds only while a part is owed. A later
//!    `reclaim_conversion` succeeds only if none is, until the claim period is over.
//! 3. A recipient gained exactly what it was paid. If it is blurred, or if another call of the
//!    program credited it with an unknown amount, it gained at least that; but a blurred account of
//!    another program may have been debited without a trace, so its balance proves nothing.

use solana_sdk::pubkey::Pubkey;
use vouch_client::{
    PROGRAM_ID,
    delegation::MEMO_PROGRAM_ID,
    instructions::raw::{
        CancelConversionAccounts, ClaimAccounts, InstructionData, PurchaseAccounts,
        ReclaimConversionAccounts,
    },
};

use crate::{
    calls::Call,
    error::{Kind, Need},
    evidence::Open,
    system::{self, Effect},
    transaction::{Executed, Position, Transaction},
};

/// Programs that move lamports by the System program alone, or not at all.
const INERT: [Pubkey; 5] = [
    Pubkey::from_str_const("ComputeBudget111111111111111111111111111111"),
    Pubkey::from_str_const("Ed25519SigVerify111111111111111111111111111"),
    Pubkey::from_str_const("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL"),
    Pubkey::from_str_const("Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo"),
    MEMO_PROGRAM_ID,
];

/// Lamports that earlier calls of the transaction moved directly, without the System program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    /// Lamports taken out of conversions.
    taken: Vec<(Pubkey, u64)>,
    /// Lamports that accounts were credited with.
    credited: Vec<(Pubkey, u64)>,
    /// Accounts that were credited with an amount that is not known.
    unknown: Vec<Pubkey>,
    /// Conversions out of which an amount was taken that is not known.
    uncertain: Vec<Pubkey>,
}

fn total(moves: &[(Pubkey, u64)], account: &Pubkey) -> i128 {
    let of = moves.iter().filter(|(found, _)| found == account);
    of.fold(0, |sum, (_, lamports)| {
        sum.saturating_add(i128::from(*lamports))
    })
}

impl Moved {
    /// Notes a direct transfer out of a conversion's account.
    pub(crate) fn transfer(&mut self, conversion: Pubkey, to: Pubkey, lamports: u64) {
        self.taken.push((conversion, lamports));
        self.credited.push((to, lamports));
    }

    /// Joins the knowledge if a call may have moved either of several amounts: the first value is what
    /// was moved before it, the others with each of its outcomes.
    pub(crate) fn either(before: &Self, outcomes: &[Self]) -> Self {
        if let [first, rest @ ..] = outcomes
            && rest.iter().all(|other| other == first)
        {
            return first.clone();
        }
        let mut moved = before.clone();
        for outcome in outcomes {
            let taken = outcome.taken.iter().skip(before.taken.len());
            moved.uncertain.extend(taken.map(|(from, _)| *from));
            let credited = outcome.credited.iter().skip(before.credited.len());
            moved.unknown.extend(credited.map(|(to, _)| *to));
            let unknown = outcome.unknown.iter().skip(before.unknown.len());
            moved.unknown.extend(unknown);
        }
        moved
    }

    /// Notes a credit of an amount that is not known.
    pub(crate) fn credit_unknown(&mut self, account: Pubkey) {
        self.unknown.push(account);
    }
}

/// Whether a program that can move lamports without a trace was given `account`.
fn is_blurred(tx: &Transaction, account: &Pubkey) -> bool {
    let traceless = |executed: &Executed<'_>| {
        if *executed.program == system::ID {
            system::effect(executed) == Effect::Unknown
        } else {
            *executed.program != PROGRAM_ID && !INERT.contains(executed.program)
        }
    };
    tx.executed()
        .any(|(_, executed)| executed.accounts.contains(account) && traceless(&executed))
}

/// Whether the System program owns the account throughout, so that no debit of it is without a
/// trace. It owns those that hold nothing before the transaction, and the one that pays the fee.
fn is_systems(tx: &Transaction, account: &Pubkey) -> bool {
    let empty = tx
        .balance(account)
        .is_some_and(|balance| balance.before == 0);
    (empty || *account == tx.fee_payer)
        && !tx.executed().any(|(_, executed)| {
            *executed.program == system::ID && system::may_assign(&executed, account)
        })
}

/// Lamports that the System program moved to the account, less those that it moved away.
fn system_net(tx: &Transaction, account: &Pubkey, within: impl Fn(&Position) -> bool) -> i128 {
    let mut net = 0_i128;
    for (position, executed) in tx.executed() {
        if *executed.program != system::ID || !within(&position) {
            continue;
        }
        if let Effect::Moves { from, to, lamports } = system::effect(&executed) {
            let lamports = i128::from(lamports);
            if to == *account {
                net = net.saturating_add(lamports);
            }
            if from == *account {
                net = net.saturating_sub(lamports);
            }
        }
    }
    net
}

/// The conversion out of whose account the call may take lamports.
fn debited(call: &Call<'_>) -> Option<Pubkey> {
    let place = match InstructionData::read(call.data) {
        Ok(InstructionData::Claim) => ClaimAccounts::CONVERSION,
        Ok(InstructionData::CancelConversion) => CancelConversionAccounts::CONVERSION,
        Ok(InstructionData::ReclaimConversion(_)) => ReclaimConversionAccounts::CONVERSION,
        Ok(InstructionData::Purchase(_)) => PurchaseAccounts::CONVERSION,
        _ => return None,
    };
    call.accounts.get(place).copied()
}

/// The treasury that the call may credit. It is the only account that is credited and has never
/// signed, so it may be the account of a conversion.
fn treasury(call: &Call<'_>) -> Option<Pubkey> {
    let place = match InstructionData::read(call.data) {
        Ok(InstructionData::CancelConversion) => CancelConversionAccounts::TREASURY,
        Ok(InstructionData::ReclaimConversion(_)) => ReclaimConversionAccounts::TREASURY,
        Ok(InstructionData::Purchase(_)) => PurchaseAccounts::TREASURY,
        _ => return None,
    };
    call.accounts.get(place).copied()
}

/// The calls of the transaction after this one.
fn later<'t>(tx: &'t Transaction, call: &Call<'_>) -> impl Iterator<Item = Call<'t>> {
    let position = call.position;
    tx.calls().filter(move |other| other.position > position)
}

/// Whether the account of this conversion may have been credited without a trace.
fn is_hidden(tx: &Transaction, call: &Call<'_>, moved: &Moved, conversion: &Pubkey) -> bool {
    is_blurred(tx, conversion)
        || moved.unknown.contains(conversion)
        || later(tx, call).any(|other| treasury(&other) == Some(*conversion))
}

/// Lamports that the account lost in the transaction, less what earlier calls took out of it.
fn lost(tx: &Transaction, moved: &Moved, conversion: &Pubkey) -> Result<i128, Kind> {
    let balance = tx.balance(conversion);
    let balance = balance.ok_or(Kind::Needs(Need::Balance(*conversion)))?;
    Ok(system_net(tx, conversion, |_| true)
        .saturating_add(total(&moved.credited, conversion))
        .saturating_add(i128::from(balance.before))
        .saturating_sub(i128::from(balance.after))
        .saturating_sub(total(&moved.taken, conversion)))
}

/// A call that pays parts of a reward in SOL.
pub(crate) struct Payout<'a> {
    pub(crate) tx: &'a Transaction,
    pub(crate) call: &'a Call<'a>,
    pub(crate) moved: &'a Moved,
    /// The conversion's account, from which the parts are paid.
    pub(crate) conversion: Pubkey,
    /// The treasury and its lamports from the same account, if the call is a purchase.
    pub(crate) rest: Option<(Pubkey, u64)>,
    /// The parts that the call may pay.
    pub(crate) open: Open,
    /// Whether it pays at least one.
    pub(crate) some: bool,
    /// Whether the campaign's claim period is over.
    pub(crate) over: bool,
}

impl Payout<'_> {
    /// The sets of parts that the call may have paid.
    pub(crate) fn consistent(&self) -> Result<Vec<u8>, Kind> {
        let conversion = &self.conversion;
        let lost = lost(self.tx, self.moved, conversion)?;
        let hidden = is_hidden(self.tx, self.call, self.moved, conversion);
        let uncertain = self.moved.uncertain.contains(conversion);
        let more: Vec<_> = later(self.tx, self.call)
            .filter(|other| debited(other) == Some(*conversion))
            .collect();
        let next = more.first().map(|next| InstructionData::read(next.data));
        let owes = match next {
            Some(Ok(InstructionData::Claim)) => Some(true),
            Some(Ok(InstructionData::ReclaimConversion(_))) if !self.over => Some(false),
            _ => None,
        };
        let last = more.is_empty();
        let rest = self.rest.map_or(0, |(_, lamports)| i128::from(lamports));
        let fits = |paid: &u8| {
            let out = rest.saturating_add(i128::from(self.open.sum(*paid)));
            (!self.some || *paid != 0)
                && owes.is_none_or(|owes| owes == (*paid != self.open.bits))
                && match (hidden, last) {
                    _ if uncertain => true,
                    (false, true) => out == lost,
                    (false, false) => out <= lost,
                    (true, true) => out >= lost,
                    (true, false) => true,
                }
        };
        let mut sets: Vec<u8> = self.open.subsets().filter(fits).collect();
        if sets.len() > 1 {
            for (_, account, _) in self.open.parts(self.open.bits) {
                if let Some(gained) = self.gained(&account) {
                    sets.retain(|paid| gained.fits(self.pays(&account, *paid)));
                }
            }
        }
        Ok(sets)
    }

    /// Lamports that the call moves to `account` if it pays these parts.
    fn pays(&self, account: &Pubkey, paid: u8) -> i128 {
        let parts = self.open.parts(paid).map(|(_, to, units)| (to, units));
        let all = parts.chain(self.rest);
        let to = all.filter(|(to, _)| to == account);
        to.fold(0, |sum, (_, units)| sum.saturating_add(i128::from(units)))
    }

    /// Lamports that the call moved to `account`; `None` if its balance proves nothing.
    fn gained(&self, account: &Pubkey) -> Option<Gained> {
        let blurred = is_blurred(self.tx, account);
        if blurred && !is_systems(self.tx, account) {
            return None;
        }
        let named = later(self.tx, self.call).any(|other| other.accounts.contains(account));
        let exact = !blurred && !named && !self.moved.unknown.contains(account);
        let balance = self.tx.balance(account)?;
        let fee = if *account == self.tx.fee_payer {
            i128::from(self.tx.fee?)
        } else {
            0
        };
        let known = system_net(self.tx, account, |_| true)
            .saturating_add(total(&self.moved.credited, account))
            .saturating_sub(fee);
        let gained = i128::from(balance.after)
            .saturating_sub(i128::from(balance.before))
            .saturating_sub(known);
        Some(if exact {
            Gained::Exactly(gained)
        } else {
            Gained::AtMost(gained)
        })
    }
}

/// Lamports that a call moved to an account.
enum Gained {
    Exactly(i128),
    AtMost(i128),
}

impl Gained {
    fn fits(&self, lamports: i128) -> bool {
        match self {
            Self::Exactly(gained) => lamports == *gained,
            Self::AtMost(most) => lamports <= *most,
        }
    }
}

/// Whether a conversion that owed `unclaimed` lamports still exists after its rent was reclaimed.
/// It does if its rent payer became a program: then only `unclaimed` left it. `None` if both are
/// consistent with the transaction.
pub(crate) fn survives(
    tx: &Transaction,
    call: &Call<'_>,
    moved: &Moved,
    conversion: &Pubkey,
    unclaimed: u64,
) -> Result<Option<bool>, Kind> {
    let balance = tx
        .balance(conversion)
        .ok_or(Kind::Needs(Need::Balance(*conversion)))?;
    // Nobody else can have emptied an account that survived, and its rent is not zero.
    if balance.after == 0 {
        return Ok(Some(false));
    }
    if is_hidden(tx, call, moved, conversion) || moved.uncertain.contains(conversion) {
        return Ok(None);
    }
    let lost = lost(tx, moved, conversion)?;
    let came_later = system_net(tx, conversion, |position| *position > call.position);
    match (
        lost == i128::from(unclaimed),
        i128::from(balance.after) == came_later,
    ) {
        (true, false) => Ok(Some(true)),
        (false, true) => Ok(Some(false)),
        (true, true) => Ok(None),
        (false, false) => Err(Kind::Unexplained),
    }
}
