//! A transaction as the ledger keeps it, in no encoding of any node.

use solana_sdk::pubkey::Pubkey;

/// A transaction of a block, with what the runtime recorded about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// The first signature, which identifies it.
    pub signature: [u8; 64],
    /// Slot of its block.
    pub slot: u64,
    /// Its index in the block, if the node told it.
    pub index: Option<u32>,
    /// Unix seconds of its block. Equal to the clock that the program read.
    pub block_time: i64,
    /// Account that paid the fee.
    pub fee_payer: Pubkey,
    /// The fee in lamports, if the node told it.
    pub fee: Option<u64>,
    /// Accounts that signed it.
    pub signers: Vec<Pubkey>,
    /// Whether it succeeded. A failed transaction changes no account of the program.
    pub outcome: Outcome,
    /// Lamports of each account that it names, each account once.
    pub balances: Vec<Balance>,
    /// Decimals of each mint of which it names a token account, if the node told them.
    pub decimals: Vec<(Pubkey, u8)>,
    /// The instructions of its message, in their order.
    ///
    /// A node that does not record inner instructions cannot be replayed from: the code that builds this
    /// value must fail if the node gives none at all.
    pub instructions: Vec<Instruction>,
}

/// The place of a call in its transaction. Ordered as the calls began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Index of the message's instruction.
    pub instruction: usize,
    /// Index among the CPIs of that instruction; `None` for the instruction itself.
    pub inner: Option<usize>,
}

/// The outcome of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Every instruction succeeded.
    Succeeded,
    /// It failed and changed nothing but the fee payer's lamports.
    Failed {
        /// Index of the instruction that failed, if one did.
        instruction: Option<u8>,
        /// The failed program's own error code, if it gave one.
        code: Option<u32>,
    },
}

/// An account's lamports before and after a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// The account.
    pub account: Pubkey,
    /// Lamports before the transaction.
    pub before: u64,
    /// Lamports after it.
    pub after: u64,
}

/// An instruction of the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// The program.
    pub program: Pubkey,
    /// Its accounts, in their order.
    pub accounts: Vec<Pubkey>,
    /// Its data.
    pub data: Vec<u8>,
    /// The CPIs that it caused at any depth, in the order in which they began.
    pub inner: Vec<Inner>,
}

/// A CPI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inner {
    /// 2 if an instruction of the message made it, one more for each level between. Old records
    /// have none.
    pub stack_height: Option<u32>,
    /// The program.
    pub program: Pubkey,
    /// Its accounts, in their order.
    pub accounts: Vec<Pubkey>,
    /// Its data.
    pub data: Vec<u8>,
}

/// An instruction of the message or a CPI.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Executed<'t> {
    pub(crate) program: &'t Pubkey,
    pub(crate) accounts: &'t [Pubkey],
    pub(crate) data: &'t [u8],
}

impl Instruction {
    pub(crate) fn executed(&self) -> Executed<'_> {
        Executed {
            program: &self.program,
            accounts: &self.accounts,
            data: &self.data,
        }
    }
}

impl Inner {
    pub(crate) fn executed(&self) -> Executed<'_> {
        Executed {
            program: &self.program,
            accounts: &self.accounts,
            data: &self.data,
        }
    }
}

impl Transaction {
    /// Whether it succeeded.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.outcome == Outcome::Succeeded
    }

    /// Lamports of `account` before and after; `None` if the transaction does not name it.
    #[must_use]
    pub fn balance(&self, account: &Pubkey) -> Option<&Balance> {
        self.balances
            .iter()
            .find(|balance| balance.account == *account)
    }

    /// Decimals of `mint`, if the node told them.
    #[must_use]
    pub fn decimals(&self, mint: &Pubkey) -> Option<u8> {
        let mut known = self.decimals.iter();
        known
            .find(|(known, _)| known == mint)
            .map(|(_, decimals)| *decimals)
    }
}
