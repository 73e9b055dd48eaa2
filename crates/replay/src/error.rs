//! The reasons why a call cannot be applied.

use solana_sdk::pubkey::Pubkey;
use vouch_client::instructions::InvalidInstruction;

use crate::transaction::Position;

/// A call that cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("instruction {}{}: {kind}", .position.instruction, inner(.position))]
pub struct Error {
    /// The call's place in its transaction.
    pub position: Position,
    /// The reason.
    pub kind: Kind,
}

fn inner(position: &Position) -> String {
    position
        .inner
        .map_or_else(String::new, |inner| format!(", CPI {inner}"))
}

/// A reason why a call cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Kind {
    /// The transaction failed, so its calls changed nothing.
    #[error("the transaction failed")]
    TransactionFailed,
    /// The calls before this one were not applied.
    #[error("the calls before it were not applied")]
    OutOfOrder,
    /// The data does not begin with a known discriminator.
    #[error("unknown instruction {0:02x?}")]
    UnknownInstruction(Vec<u8>),
    /// The arguments end early or have a value that the program refuses.
    #[error("the arguments of {0} cannot be read")]
    InvalidArguments(&'static str),
    /// The call names fewer accounts than the instruction needs, or leaves out one that it needs.
    #[error("there is no account at place {0}")]
    TooFewAccounts(usize),
    /// The view does not have an account that the call reads.
    #[error("the account {0} is not known")]
    UnknownAccount(Pubkey),
    /// The view has an account of another type.
    #[error("the account {address} should be a {expected} and is a {found}")]
    WrongType {
        /// The account.
        address: Pubkey,
        /// The type that the call reads.
        expected: &'static str,
        /// The type that the view has.
        found: &'static str,
    },
    /// The view already has an account that the call creates.
    #[error("the account {0} exists already")]
    AlreadyExists(Pubkey),
    /// The program would have refused the call with the accounts of the view.
    #[error("the program accepted what the known accounts forbid: {0}")]
    Contradiction(&'static str),
    /// A counter would overflow.
    #[error("{0} would overflow")]
    Overflow(&'static str),
    /// The record has no stack heights, and the call's own CPIs cannot be told without them.
    #[error("the stack heights are missing")]
    StackHeightMissing,
    /// A CPI is more than one level below the one before it.
    #[error("the stack heights are impossible")]
    StackHeightInvalid,
    /// A CPI to a token program cannot be read.
    #[error("a token CPI cannot be read")]
    InvalidCpi,
    /// More than one outcome is consistent with the transaction: the call may have paid any of
    /// several sets of parts.
    #[error("the transaction does not decide which parts were paid")]
    Ambiguous,
    /// No outcome is consistent with the transaction.
    #[error("no set of paid parts explains the transaction")]
    Unexplained,
    /// The transaction lacks a value.
    #[error("{0} is needed")]
    Needs(Need),
}

impl Kind {
    /// Whether the accounts of the view are not those that the program had, or it would have refused
    /// the call.
    pub(crate) fn contradicts(&self) -> bool {
        matches!(
            self,
            // The program asks for no account of a part that is not owed.
            Self::TooFewAccounts(_)
                | Self::UnknownAccount(_)
                | Self::WrongType { .. }
                | Self::AlreadyExists(_)
                | Self::Contradiction(_)
                | Self::Overflow(_)
                | Self::Unexplained
        )
    }
}

/// A value that the transaction lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Need {
    /// The decimals of this mint, which [`crate::Given::decimals`] can provide.
    #[error("the number of decimals of the mint {0}")]
    MintDecimals(Pubkey),
    /// The lamports of this account before and after the transaction.
    #[error("the balance of {0}")]
    Balance(Pubkey),
}

impl From<InvalidInstruction> for Kind {
    fn from(error: InvalidInstruction) -> Self {
        match error {
            InvalidInstruction::Unknown(head) => Self::UnknownInstruction(head),
            InvalidInstruction::Arguments(name) => Self::InvalidArguments(name),
        }
    }
}
