//! The calls of the program in a transaction, and the CPIs that each made.

use solana_sdk::pubkey::Pubkey;
use vouch_client::PROGRAM_ID;

use crate::{
    error::Kind,
    system, token,
    transaction::{Executed, Inner, Instruction, Position, Transaction},
};

/// A call of the program.
#[derive(Debug, Clone, Copy)]
pub struct Call<'t> {
    /// Its place.
    pub position: Position,
    /// Its accounts, in their order.
    pub accounts: &'t [Pubkey],
    /// Its data.
    pub data: &'t [u8],
    /// The message's instruction that it is, or is caused by.
    outer: &'t Instruction,
}

impl Transaction {
    /// The calls of the program in the order in which they began: instructions of the message
    /// and CPIs from other programs at any depth. None if the transaction failed.
    pub fn calls(&self) -> impl Iterator<Item = Call<'_>> {
        self.succeeded()
            .then(|| self.attempts())
            .into_iter()
            .flatten()
    }

    /// [`Self::calls`], also of a failed transaction: instructions of the message that name the
    /// program, and CPIs until the failure.
    pub fn attempts(&self) -> impl Iterator<Item = Call<'_>> {
        let instructions = self.instructions.iter().enumerate();
        instructions.flat_map(|(index, outer)| {
            let inner = outer.inner.iter().enumerate();
            let inner = inner.map(|(at, inner)| (Some(at), inner.executed()));
            let all = std::iter::once((None, outer.executed())).chain(inner);
            all.filter(|(_, executed)| *executed.program == PROGRAM_ID)
                .map(move |(inner, executed)| Call {
                    position: Position {
                        instruction: index,
                        inner,
                    },
                    accounts: executed.accounts,
                    data: executed.data,
                    outer,
                })
        })
    }

    /// Everything that was executed, in the order in which it began, with its place.
    pub(crate) fn executed(&self) -> impl Iterator<Item = (Position, Executed<'_>)> {
        let instructions = self.instructions.iter().enumerate();
        instructions.flat_map(|(instruction, outer)| {
            let place = move |inner| Position { instruction, inner };
            let inner = outer.inner.iter().enumerate();
            let inner = inner.map(move |(at, inner)| (place(Some(at)), inner.executed()));
            std::iter::once((place(None), outer.executed())).chain(inner)
        })
    }
}

/// Whether the program makes no CPIs of its own when this program calls it: mints with transfer
/// hooks are refused.
fn is_leaf(program: &Pubkey) -> bool {
    *program == system::ID || token::is_program(program)
}

/// Whether the replay reads the data of CPIs to this program: the program itself, System and the
/// token programs.
#[must_use]
pub fn reads_cpis_of(program: &Pubkey) -> bool {
    *program == PROGRAM_ID || is_leaf(program)
}

impl<'t> Call<'t> {
    /// The CPIs that this call made itself, in their order.
    ///
    /// # Errors
    /// [`Kind::StackHeightMissing`] if a record without stack heights does not decide whose CPIs
    /// they are. [`Kind::StackHeightInvalid`] if a CPI is deeper than its predecessors allow.
    pub fn cpis(&self) -> Result<Vec<&'t Inner>, Kind> {
        let all = self.outer.inner.as_slice();
        let (height, rest) = match self.position.inner {
            None => (Some(1), all),
            Some(at) => {
                let this = all.get(at).and_then(|inner| inner.stack_height);
                let rest = all.get(at.saturating_add(1)..);
                (this, rest.unwrap_or_default())
            }
        };
        if rest.is_empty() {
            return Ok(Vec::new());
        }
        let Some(height) = height else {
            return Err(Kind::StackHeightMissing);
        };
        let below = height.saturating_add(1);
        let mut before = height;
        let mut cpis = Vec::new();
        for inner in rest {
            let Some(found) = inner.stack_height else {
                // Without heights, the CPIs are this call's if nothing below it can have made
                // them.
                let leaves = all.iter().all(|inner| is_leaf(&inner.program));
                return if self.position.inner.is_none() && leaves {
                    Ok(all.iter().collect())
                } else {
                    Err(Kind::StackHeightMissing)
                };
            };
            if found <= height {
                break;
            }
            if found > before.saturating_add(1) {
                return Err(Kind::StackHeightInvalid);
            }
            if found == below {
                cpis.push(inner);
            }
            before = found;
        }
        Ok(cpis)
    }
}
