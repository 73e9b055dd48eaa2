//! LiteSVM with the program, and conversion of its accounts into the model's.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use litesvm::LiteSVM;
use solana_program_runtime::declare_process_instruction;
use solana_sdk::{
    account::{Account as ChainAccount, AccountSharedData, ReadableAccount as _},
    clock::Clock,
    instruction::InstructionError,
    message::Message,
    pubkey::Pubkey,
    signature::Signature,
    transaction::{Transaction, TransactionError},
};
use vouch_client::{PROGRAM_ID, ProgramError};
use vouch_replay::Transaction as Recorded;

use crate::{
    model::{
        ATTESTATIONS, Body, Cell, ED25519, FEE, FEE_BPS, FEE_MAX, METADATA_POINTER, Mint,
        PROGRAM_LEN, STRANGER, SYSTEM, TOKEN, TOKEN_2022, TokenAccount, extension_len,
    },
    record,
    sent::{ROUTER, Router, Sent},
    state::Account,
    step::Meta,
};

/// The first version of the Memo program, which is part of LiteSVM.
const MEMO: Pubkey = Pubkey::from_str_const("Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo");

/// Pays all fees, and does nothing else.
const SPONSOR: Pubkey = Pubkey::new_from_array([7; 32]);

// The Ed25519 program accepts every signature here, so the maker of a step must name the
// true signer of a voucher. The program must consume something.
mod any_signature {
    #![allow(missing_docs, reason = "the macro makes it public")]

    use super::declare_process_instruction;

    declare_process_instruction!(AnySignature, 1, |_context| { Ok(()) });
}

/// The error of a refused transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The program's own error.
    Program(ProgramError),
    /// Too few lamports for the rent. LiteSVM also checks the rent after a failed
    /// instruction, and then drops the instruction's error.
    Rent,
    /// Any other error.
    Elsewhere(String),
}

/// A chain.
#[derive(Clone)]
pub struct Chain {
    svm: LiteSVM,
}

impl Chain {
    /// A chain with the program from this file.
    ///
    /// # Errors
    /// When the file is not a program.
    pub fn new(program: &Path) -> Result<Self> {
        let bytes =
            std::fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
        let mut svm = LiteSVM::new()
            .with_sigverify(false)
            .with_blockhash_check(false)
            .with_transaction_history(0)
            .with_log_bytes_limit(Some(0));
        svm.add_builtin(ED25519, any_signature::AnySignature::vm);
        svm.add_builtin(ROUTER, Router::vm);
        svm.add_program(PROGRAM_ID, &bytes)
            .context("the program does not load")?;
        let account = ChainAccount {
            lamports: u64::MAX / 4,
            ..ChainAccount::default()
        };
        svm.set_account(SPONSOR, account)?;
        Ok(Self { svm })
    }

    /// Rent of an account without data, and rent per byte, in lamports.
    #[must_use]
    pub fn rent(&self) -> (u64, u64) {
        let rent = |len| self.svm.minimum_balance_for_rent_exemption(len);
        (rent(0), rent(1) - rent(0))
    }

    /// Sets the clock, in unix seconds.
    pub fn set_time(&mut self, now: i64) {
        let mut clock: Clock = self.svm.get_sysvar();
        clock.unix_timestamp = now;
        self.svm.set_sysvar(&clock);
    }

    /// Writes an account that the program does not own, or the lamports of an account
    /// that it owns.
    ///
    /// # Errors
    /// When the chain refuses the account.
    pub fn put(&mut self, key: &Pubkey, cell: &Cell) -> Result<()> {
        let mut account = self.svm.get_account(key).unwrap_or_default();
        account.lamports = cell.lamports;
        match &cell.body {
            Body::Vouch(_) => {}
            Body::Foreign { owner, data } => {
                account.data.clone_from(data);
                account.owner = *owner;
            }
            Body::Program => {
                let memo = self.svm.get_account(&MEMO).context("no Memo program")?;
                ensure!(memo.data.len() == PROGRAM_LEN, "wrong Memo program");
                account.data = memo.data;
                account.owner = memo.owner;
                account.executable = true;
            }
            Body::Nothing => {
                account.data.clear();
                account.owner = SYSTEM;
            }
            Body::Mint(mint) => {
                account.data = mint_bytes(mint);
                account.owner = mint.program;
            }
            Body::Token(token) => {
                account.data = token_bytes(token);
                account.owner = token.program;
            }
        }
        self.svm.set_account(*key, account)?;
        Ok(())
    }

    /// Sends a call, signed by every signer that it names. Returns the record that a node would
    /// keep of it.
    ///
    /// # Errors
    /// The error of the transaction.
    pub fn send(
        &mut self,
        voucher: Option<&[u8]>,
        data: &[u8],
        metas: &[Meta],
    ) -> Result<Recorded, Refused> {
        self.send_all(&[Sent {
            voucher,
            data,
            metas,
            depth: 0,
        }])
    }

    /// Sends several calls in one transaction.
    ///
    /// # Errors
    /// The error of the transaction.
    pub fn send_all(&mut self, calls: &[Sent<'_>]) -> Result<Recorded, Refused> {
        let instructions: Vec<_> = calls.iter().flat_map(Sent::instructions).collect();
        let message = Message::new(&instructions, Some(&SPONSOR));
        let signatures =
            vec![Signature::default(); usize::from(message.header.num_required_signatures)];
        let before = record::lamports(self, &message.account_keys);
        let sent = self.svm.send_transaction(Transaction {
            signatures,
            message: message.clone(),
        });
        match sent {
            Ok(meta) => Ok(record::record(self, &message, &before, &meta)),
            Err(failed) => Err(refused(&failed.err)),
        }
    }

    /// The clock, in unix seconds.
    #[must_use]
    pub fn time(&self) -> i64 {
        self.svm.get_sysvar::<Clock>().unix_timestamp
    }

    /// The account's bytes; `None` if it does not exist.
    #[must_use]
    pub fn raw(&self, key: &Pubkey) -> Option<&AccountSharedData> {
        self.svm.accounts_db().get_account_ref(key)
    }

    /// The account as the model describes it; `None` if the model has no description for
    /// it.
    ///
    /// # Errors
    /// When an account of the program has an unknown type.
    pub fn cell(&self, key: &Pubkey) -> Result<Option<Cell>> {
        let Some(account) = self.raw(key) else {
            return Ok(Some(Cell::default()));
        };
        let (owner, data) = (*account.owner(), account.data());
        let body = if account.executable() {
            (data.len() == PROGRAM_LEN).then_some(Body::Program)
        } else if owner == SYSTEM && data.is_empty() {
            Some(Body::Nothing)
        } else if owner == PROGRAM_ID {
            Some(Body::Vouch(Account::decode(data)?))
        } else if owner == TOKEN || owner == TOKEN_2022 {
            read_token(owner, data)
        } else if owner == ATTESTATIONS || owner == STRANGER {
            let data = data.to_vec();
            Some(Body::Foreign { owner, data })
        } else {
            None
        };
        let lamports = account.lamports();
        Ok(body.map(|body| Cell { lamports, body }))
    }
}

fn refused(error: &TransactionError) -> Refused {
    if let TransactionError::InstructionError(_, InstructionError::Custom(code)) = error
        && let Some(error) = ProgramError::from_code(*code)
    {
        return Refused::Program(error);
    }
    if matches!(error, TransactionError::InsufficientFundsForRent { .. }) {
        return Refused::Rent;
    }
    Refused::Elsewhere(error.to_string())
}

fn push_extension(data: &mut Vec<u8>, kind: u16, value: &[u8]) {
    data.extend(kind.to_le_bytes());
    data.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_le_bytes());
    data.extend(value);
}

fn mint_bytes(mint: &Mint) -> Vec<u8> {
    let mut data = vec![0; 82];
    if let Some(authority) = mint.authority {
        data[0] = 1;
        data[4..36].copy_from_slice(authority.as_ref());
    }
    data[36..44].copy_from_slice(&mint.supply.to_le_bytes());
    data[44] = mint.decimals;
    data[45] = 1;
    if let Some(kind) = mint.extension {
        data.resize(165, 0);
        data.push(1);
        let mut value = vec![0; extension_len(kind)];
        if kind == FEE {
            // The older and the newer fee. Each consists of an epoch, a maximum and a
            // rate.
            for at in [72, 90] {
                value[at + 8..at + 16].copy_from_slice(&FEE_MAX.to_le_bytes());
                value[at + 16..at + 18].copy_from_slice(&FEE_BPS.to_le_bytes());
            }
        }
        push_extension(&mut data, kind, &value);
    }
    data
}

fn token_bytes(account: &TokenAccount) -> Vec<u8> {
    let mut data = vec![0; 165];
    data[..32].copy_from_slice(account.mint.as_ref());
    data[32..64].copy_from_slice(account.owner.as_ref());
    data[64..72].copy_from_slice(&account.amount.to_le_bytes());
    data[108] = account.state;
    if account.program == TOKEN_2022 {
        data.push(2);
        push_extension(&mut data, 7, &[]);
        if account.memo {
            push_extension(&mut data, 8, &[1]);
        }
        if let Some(withheld) = account.withheld {
            push_extension(&mut data, 2, &withheld.to_le_bytes());
        }
    }
    data
}

/// The value of the extension of this kind, in the list that begins at byte 166.
fn extension(data: &[u8], kind: u16) -> Option<&[u8]> {
    let mut rest = data.get(166..)?;
    while let Some((head, after)) = rest.split_first_chunk::<4>() {
        let found = u16::from_le_bytes([head[0], head[1]]);
        let length = usize::from(u16::from_le_bytes([head[2], head[3]]));
        let (value, after) = after.split_at_checked(length)?;
        if found == kind {
            return Some(value);
        }
        rest = after;
    }
    None
}

fn read_token(program: Pubkey, data: &[u8]) -> Option<Body> {
    let key = |at: usize| Pubkey::try_from(data.get(at..at + 32)?).ok();
    let number = |data: &[u8], at: usize| {
        let bytes = data.get(at..at + 8)?.try_into().ok()?;
        Some(u64::from_le_bytes(bytes))
    };
    if data.len() == 82 || data.get(165) == Some(&1) {
        let kinds = [FEE, METADATA_POINTER, 3];
        return Some(Body::Mint(Mint {
            program,
            authority: if data[0] == 1 { key(4) } else { None },
            supply: number(data, 36)?,
            decimals: data[44],
            extension: kinds
                .into_iter()
                .find(|kind| extension(data, *kind).is_some()),
        }));
    }
    Some(Body::Token(TokenAccount {
        program,
        mint: key(0)?,
        owner: key(32)?,
        amount: number(data, 64)?,
        state: *data.get(108)?,
        memo: extension(data, 8).is_some_and(|value| value == [1]),
        withheld: extension(data, 2).and_then(|value| number(value, 0)),
    }))
}
