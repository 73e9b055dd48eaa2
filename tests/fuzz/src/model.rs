//! The model's accounts, and the movement of tokens and lamports.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use solana_sdk::pubkey::Pubkey;
use vouch_client::{PROGRAM_ID, ProgramError as E};

use crate::{
    state::Account,
    step::{Meta, Step},
};

/// The Token program.
pub const TOKEN: Pubkey = Pubkey::from_str_const("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");
/// The Token-2022 program.
pub const TOKEN_2022: Pubkey =
    Pubkey::from_str_const("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb");
/// The Associated Token Account program.
pub const ASSOCIATED: Pubkey =
    Pubkey::from_str_const("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL");
/// The System program's address, which also means "none".
pub const SYSTEM: Pubkey = Pubkey::new_from_array([0; 32]);
/// The sysvar that holds a transaction's instructions.
pub const INSTRUCTIONS: Pubkey =
    Pubkey::from_str_const("Sysvar1nstructions1111111111111111111111111");

/// The Solana Attestation Service.
pub const ATTESTATIONS: Pubkey =
    Pubkey::from_str_const("22zoJMtdu4tQc2PzL74ZUT7FrwgB1Udec8DdW4yw4BdG");
/// A program that has nothing to do with the campaigns.
pub const STRANGER: Pubkey = Pubkey::new_from_array([9; 32]);
/// The Ed25519 program.
pub const ED25519: Pubkey = Pubkey::from_str_const("Ed25519SigVerify111111111111111111111111111");
/// Size of the program that a wallet becomes: the first version of the Memo program.
pub const PROGRAM_LEN: usize = 17_280;

/// Extension of a mint: a fee for each transfer.
pub const FEE: u16 = 1;
/// Extension of a mint: the address of its metadata; harmless.
pub const METADATA_POINTER: u16 = 18;
/// The fee, in basis points.
pub const FEE_BPS: u16 = 250;
/// The most that one transfer costs, in base units.
pub const FEE_MAX: u64 = 1_000;

/// A mint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mint {
    /// Token program of the mint.
    pub program: Pubkey,
    /// The mint authority.
    pub authority: Option<Pubkey>,
    /// Base units.
    pub supply: u64,
    /// Decimals of the token.
    pub decimals: u8,
    /// Extension of Token-2022. One per mint is enough here.
    pub extension: Option<u16>,
}

/// A token account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenAccount {
    /// Token program of the account.
    pub program: Pubkey,
    /// Its mint.
    pub mint: Pubkey,
    /// The owner, who may spend.
    pub owner: Pubkey,
    /// Base units.
    pub amount: u64,
    /// 1 initialised, 2 frozen.
    pub state: u8,
    /// Whether incoming transfers need a memo.
    pub memo: bool,
    /// Transfer fees that are withheld here; `None` without the extension.
    pub withheld: Option<u64>,
}

/// The content of an account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Body {
    /// Nothing, or only lamports.
    #[default]
    Nothing,
    /// A mint.
    Mint(Mint),
    /// A token account.
    Token(TokenAccount),
    /// An account of the program.
    Vouch(Account),
    /// An account of another program.
    Foreign {
        /// The program.
        owner: Pubkey,
        /// Its data.
        data: Vec<u8>,
    },
    /// An executable program. It cannot receive lamports from another program.
    Program,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cell {
    /// Lamports.
    pub lamports: u64,
    /// The content.
    pub body: Body,
}

static NOTHING: Cell = Cell {
    lamports: 0,
    body: Body::Nothing,
};

impl Mint {
    /// Size of the account in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        match self.extension {
            None => 82,
            Some(kind) => 166 + 4 + extension_len(kind),
        }
    }
}

/// Size of this extension's value in bytes.
#[must_use]
pub fn extension_len(kind: u16) -> usize {
    match kind {
        FEE => 108,
        METADATA_POINTER => 64,
        _ => 32,
    }
}

impl TokenAccount {
    /// Size of the account in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        if self.program == TOKEN {
            return 165;
        }
        // Associated accounts of Token-2022 have the extension ImmutableOwner: 4 bytes.
        let fee = if self.withheld.is_some() { 12 } else { 0 };
        let memo = if self.memo { 5 } else { 0 };
        166 + 4 + fee + memo
    }
}

impl Cell {
    /// Size of the data in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        match &self.body {
            Body::Nothing => 0,
            Body::Mint(mint) => mint.size(),
            Body::Token(account) => account.size(),
            Body::Vouch(account) => account.size(),
            Body::Foreign { data, .. } => data.len(),
            Body::Program => PROGRAM_LEN,
        }
    }

    /// Whether the account is a program.
    #[must_use]
    pub fn is_program(&self) -> bool {
        self.body == Body::Program
    }

    /// Whether the Vouch program owns the account.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        matches!(self.body, Body::Vouch(_))
    }
}

/// The address derived from `base` with `seed`, for an account of the program.
#[must_use]
pub fn seeded(base: &Pubkey, seed: &[u8]) -> Pubkey {
    Pubkey::new_from_array(sha256(&[base.as_ref(), seed, PROGRAM_ID.as_ref()]))
}

/// Like [`seeded`], with the lower 7 bits of each byte of `key` as the seed.
#[must_use]
pub fn keyed(base: &Pubkey, key: &[u8; 32]) -> Pubkey {
    seeded(base, &key.map(|byte| byte & 0x7f))
}

/// A PDA of `program`, cached.
#[must_use]
pub fn derive(seeds: &[&[u8]], program: &Pubkey) -> (Pubkey, u8) {
    use std::cell::RefCell;

    thread_local! {
        static KNOWN: RefCell<std::collections::HashMap<Vec<u8>, (Pubkey, u8)>> = RefCell::default();
    }
    let mut key = program.to_bytes().to_vec();
    for seed in seeds {
        key.push(u8::try_from(seed.len()).expect("a seed has at most 32 bytes"));
        key.extend_from_slice(seed);
    }
    KNOWN.with_borrow_mut(|known| {
        *known
            .entry(key)
            .or_insert_with(|| Pubkey::find_program_address(seeds, program))
    })
}

/// The associated token account of `owner` for `mint`.
#[must_use]
pub fn associated(owner: &Pubkey, mint: &Pubkey, program: &Pubkey) -> (Pubkey, u8) {
    derive(
        &[owner.as_ref(), program.as_ref(), mint.as_ref()],
        &ASSOCIATED,
    )
}

/// SHA-256 of the concatenated parts.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// A reason for a refusal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The program's own error.
    Program(E2),
    /// An error of the framework, of another program or of the runtime.
    Elsewhere(&'static str),
}

/// An error of the program, comparable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct E2(u32);

impl From<E> for Reason {
    fn from(error: E) -> Self {
        Self::Program(E2(error.code()))
    }
}

impl Reason {
    /// The program's error, if it is one.
    #[must_use]
    pub fn program(&self) -> Option<E> {
        match self {
            Self::Program(E2(code)) => E::from_code(*code),
            Self::Elsewhere(_) => None,
        }
    }
}

/// All accounts, and the clock.
#[derive(Debug, Clone)]
pub struct Model {
    /// Unix seconds.
    pub now: i64,
    /// Every account that the model tracks.
    pub cells: BTreeMap<Pubkey, Cell>,
    /// Rent of an account without data, and rent per byte, in lamports.
    pub rent: (u64, u64),
}

/// The accounts that a step writes.
pub type Writes = BTreeMap<Pubkey, Cell>;

/// The predicted outcome of a step.
#[derive(Debug, Clone)]
pub enum Predicted {
    /// The step is accepted and writes these accounts.
    Accepted(Writes),
    /// The step is refused for one of these reasons.
    Refused(Vec<Reason>),
    /// The contract does not decide: the step is refused for one of these reasons, or
    /// writes these accounts.
    Either(Writes, Vec<Reason>),
}

impl Predicted {
    /// Whether the step may be accepted.
    #[must_use]
    pub fn accepts(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }
}

impl Model {
    /// The account at `key`.
    #[must_use]
    pub fn cell(&self, key: &Pubkey) -> &Cell {
        self.cells.get(key).unwrap_or(&NOTHING)
    }

    /// Rent of an account with this many bytes, in lamports.
    #[must_use]
    pub fn rent(&self, len: usize) -> u64 {
        self.rent.0 + self.rent.1 * len as u64
    }

    /// Predicts the writes of a step, or all reasons that it may be refused for.
    #[must_use]
    pub fn predict(&self, step: &Step) -> Predicted {
        let Step::Call {
            voucher,
            data,
            metas,
        } = step
        else {
            return Predicted::Accepted(self.happen(step));
        };
        let mut tx = Tx {
            model: self,
            now: self.now,
            voucher: voucher.as_deref(),
            metas,
            visible: 0,
            writes: BTreeMap::new(),
            reasons: Vec::new(),
            late: Vec::new(),
            open: Vec::new(),
        };
        crate::program::run(&mut tx, data);
        tx.check_rent();
        let mut reasons = tx.reasons;
        reasons.extend(tx.late);
        let refused = !reasons.is_empty();
        reasons.extend(tx.open);
        reasons.sort_unstable();
        reasons.dedup();
        if refused {
            Predicted::Refused(reasons)
        } else if reasons.is_empty() {
            Predicted::Accepted(tx.writes)
        } else {
            Predicted::Either(tx.writes, reasons)
        }
    }

    /// Applies the writes of a step.
    pub fn commit(&mut self, step: &Step, writes: Writes) {
        if let Step::Time(seconds) = step {
            self.now += seconds;
        }
        self.cells.extend(writes);
    }

    /// The writes of a step outside of the program. Impossible steps write nothing.
    fn happen(&self, step: &Step) -> Writes {
        let mut writes = Writes::new();
        let mut token = |key: &Pubkey, change: &mut dyn FnMut(&mut TokenAccount)| {
            let mut cell = self.cell(key).clone();
            if let Body::Token(account) = &mut cell.body {
                change(account);
                writes.insert(*key, cell);
            }
        };
        match step {
            Step::Call { .. } | Step::Time(_) => {}
            Step::State(key, state) => token(key, &mut |account| account.state = *state),
            Step::Give(key, owner) => token(key, &mut |account| account.owner = *owner),
            Step::Dust(key, lamports) => {
                let mut cell = self.cell(key).clone();
                cell.lamports += lamports;
                writes.insert(*key, cell);
            }
            Step::Spend(key, left) => {
                let mut cell = self.cell(key).clone();
                if cell.body == Body::Nothing && cell.lamports >= *left {
                    cell.lamports = *left;
                    writes.insert(*key, cell);
                }
            }
            Step::Close(key) => {
                let Body::Token(account) = &self.cell(key).body else {
                    return writes;
                };
                let mut mint = self.cell(&account.mint).clone();
                if let Body::Mint(mint) = &mut mint.body {
                    mint.supply -= account.amount + account.withheld.unwrap_or(0);
                }
                writes.insert(account.mint, mint);
                writes.insert(*key, Cell::default());
            }
            Step::Foreign(key, owner, data) => {
                let old = self.cell(key);
                if !matches!(old.body, Body::Nothing | Body::Foreign { .. }) {
                    return writes;
                }
                let mut cell = Cell::default();
                if !data.is_empty() {
                    cell.lamports = old.lamports.max(self.rent(data.len()));
                    cell.body = Body::Foreign {
                        owner: *owner,
                        data: data.clone(),
                    };
                }
                writes.insert(*key, cell);
            }
            Step::Deploy(key) => {
                let old = self.cell(key);
                if old.body == Body::Nothing {
                    let lamports = old.lamports.max(self.rent(PROGRAM_LEN));
                    let body = Body::Program;
                    writes.insert(*key, Cell { lamports, body });
                }
            }
            Step::Open(owner, mint, memo) => {
                let Body::Mint(facts) = &self.cell(mint).body else {
                    return writes;
                };
                let (key, _) = associated(owner, mint, &facts.program);
                let old = self.cell(&key);
                if old.body != Body::Nothing {
                    return writes;
                }
                let account = TokenAccount {
                    program: facts.program,
                    mint: *mint,
                    owner: *owner,
                    amount: 0,
                    state: 1,
                    memo: *memo && facts.program == TOKEN_2022,
                    withheld: (facts.extension == Some(FEE)).then_some(0),
                };
                let lamports = old.lamports.max(self.rent(account.size()));
                let body = Body::Token(account);
                writes.insert(key, Cell { lamports, body });
            }
            Step::Issue(key, amount) => {
                let mut cell = self.cell(key).clone();
                let Body::Token(account) = &mut cell.body else {
                    return writes;
                };
                let mint_key = account.mint;
                let mut mint = self.cell(&mint_key).clone();
                if let Body::Mint(facts) = &mut mint.body
                    && let Some(supply) = facts.supply.checked_add(*amount)
                {
                    facts.supply = supply;
                    account.amount += amount;
                    writes.insert(mint_key, mint);
                    writes.insert(*key, cell);
                }
            }
            Step::Supply(key, amount) => {
                let mut cell = self.cell(key).clone();
                if let Body::Mint(mint) = &mut cell.body
                    && let Some(supply) = mint.supply.checked_add(*amount)
                {
                    mint.supply = supply;
                    writes.insert(*key, cell);
                }
            }
        }
        writes
    }
}

/// A transaction in progress.
pub struct Tx<'a> {
    model: &'a Model,
    /// Unix seconds.
    pub now: i64,
    /// Data of the Ed25519 instruction right before, if there is one.
    pub voucher: Option<&'a [u8]>,
    /// The instruction's accounts.
    pub metas: &'a [Meta],
    /// Number of accounts that the instruction reads.
    pub visible: usize,
    writes: Writes,
    reasons: Vec<Reason>,
    /// Reasons found after the first effect. The chain may fail for others before them.
    late: Vec<Reason>,
    /// Reasons for which the contract leaves open whether the chain refuses.
    open: Vec<Reason>,
}

impl Tx<'_> {
    /// The account at this point of the transaction.
    #[must_use]
    pub fn cell(&self, key: &Pubkey) -> &Cell {
        self.writes.get(key).unwrap_or_else(|| self.model.cell(key))
    }

    /// The account at this point of the transaction, to be changed.
    pub fn cell_mut(&mut self, key: &Pubkey) -> &mut Cell {
        let model = self.model;
        self.writes
            .entry(*key)
            .or_insert_with(|| model.cell(key).clone())
    }

    /// [`Model::rent`].
    #[must_use]
    pub fn rent(&self, len: usize) -> u64 {
        self.model.rent(len)
    }

    /// Refuses with `error` unless `holds`.
    pub fn need(&mut self, holds: bool, error: E) {
        if !holds {
            self.reasons.push(error.into());
        }
    }

    /// Refuses with `error` unless `holds`, after the first effects.
    pub fn need_late(&mut self, holds: bool, error: E) {
        if !holds {
            self.late.push(error.into());
        }
    }

    /// Refuses with an error that is not the program's.
    pub fn fail(&mut self, why: &'static str) {
        self.reasons.push(Reason::Elsewhere(why));
    }

    /// Refuses with an error that is not the program's, after the first effects.
    pub fn fail_late(&mut self, why: &'static str) {
        self.late.push(Reason::Elsewhere(why));
    }

    /// May refuse with `reason` unless `holds`, because the contract does not decide.
    pub fn may_need(&mut self, holds: bool, reason: impl Into<Reason>) {
        if !holds {
            self.open.push(reason.into());
        }
    }

    /// Adds another possible reason if the step is `refused`.
    pub fn or(&mut self, refused: bool, reason: impl Into<Reason>) {
        if refused {
            self.reasons.push(reason.into());
        }
    }

    /// Whether there is no reason for a refusal so far.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.reasons.is_empty()
    }

    /// Whether the transaction names the account as a signer.
    #[must_use]
    pub fn signs(&self, key: &Pubkey) -> bool {
        self.metas
            .iter()
            .any(|meta| meta.key == *key && meta.signer)
    }

    /// Whether the transaction may write the account.
    #[must_use]
    pub fn writable(&self, key: &Pubkey) -> bool {
        let reserved = [PROGRAM_ID, SYSTEM, INSTRUCTIONS];
        !reserved.contains(key)
            && self
                .metas
                .iter()
                .any(|meta| meta.key == *key && meta.writable)
    }

    /// Moves lamports out of an account of the program.
    pub fn move_lamports(&mut self, from: &Pubkey, to: &Pubkey, lamports: u64) {
        let Some(left) = self.cell(from).lamports.checked_sub(lamports) else {
            self.fail("too few lamports");
            return;
        };
        self.cell_mut(from).lamports = left;
        self.cell_mut(to).lamports += lamports;
    }

    /// Moves lamports of a wallet with the System program. The wallet must sign.
    pub fn send_lamports(&mut self, from: &Pubkey, to: &Pubkey, lamports: u64) {
        if lamports == 0 {
            return;
        }
        if self.cell(from).body != Body::Nothing {
            return self.fail("the sender is not a wallet");
        }
        if self.cell(to).is_program() {
            return self.fail("a program receives nothing");
        }
        self.move_lamports(from, to, lamports);
    }

    /// Creates an account of the program; lamports that are already there count.
    pub fn create(&mut self, payer: &Pubkey, key: &Pubkey, account: Account) {
        let new = Cell {
            lamports: 0,
            body: Body::Vouch(account),
        };
        let missing = self
            .rent(new.size())
            .saturating_sub(self.cell(key).lamports);
        self.send_lamports(payer, key, missing);
        self.cell_mut(key).body = new.body;
    }

    /// Moves tokens with a checked transfer; `authority` signs.
    pub fn transfer(
        &mut self,
        program: &Pubkey,
        from: &Pubkey,
        mint: &Pubkey,
        to: &Pubkey,
        authority: &Pubkey,
        amount: u64,
    ) {
        let fee_mint = match &self.cell(mint).body {
            Body::Mint(facts) if facts.program == *program => facts.extension == Some(FEE),
            _ => return self.fail("no such mint"),
        };
        let Body::Token(source) = self.cell(from).body.clone() else {
            return self.fail("no such source");
        };
        let Body::Token(target) = self.cell(to).body.clone() else {
            return self.fail("no such destination");
        };
        let possible = source.program == *program
            && target.program == *program
            && source.mint == *mint
            && target.mint == *mint
            && source.state == 1
            && target.state == 1
            && source.owner == *authority
            && source.amount >= amount;
        if !possible {
            return self.fail("the tokens cannot be moved");
        }
        if from == to {
            return;
        }
        if target.memo {
            return self.fail("the destination wants a memo");
        }
        let fee = if fee_mint {
            let fee = (u128::from(amount) * u128::from(FEE_BPS)).div_ceil(10_000);
            u64::try_from(fee).map_or(FEE_MAX, |fee| fee.min(FEE_MAX))
        } else {
            0
        };
        if let Body::Token(account) = &mut self.cell_mut(from).body {
            account.amount -= amount;
        }
        if let Body::Token(account) = &mut self.cell_mut(to).body {
            account.amount += amount - fee;
            if let Some(withheld) = &mut account.withheld {
                *withheld += fee;
            }
        }
    }

    /// Mints tokens; `authority` signs.
    pub fn mint_to(&mut self, mint: &Pubkey, to: &Pubkey, authority: &Pubkey, amount: u64) {
        let Body::Mint(facts) = self.cell(mint).body.clone() else {
            return self.fail("no such mint");
        };
        let Body::Token(target) = self.cell(to).body.clone() else {
            return self.fail("no such destination");
        };
        let supply = facts.supply.checked_add(amount);
        let possible = target.mint == *mint
            && target.state == 1
            && facts.authority == Some(*authority)
            && supply.is_some();
        if !possible {
            return self.fail("the tokens cannot be minted");
        }
        if let Body::Mint(facts) = &mut self.cell_mut(mint).body {
            facts.supply += amount;
        }
        if let Body::Token(account) = &mut self.cell_mut(to).body {
            account.amount += amount;
        }
    }

    /// Checks the rent: the runtime refuses an account with fewer lamports than its rent.
    fn check_rent(&mut self) {
        if !self.is_good() || !self.late.is_empty() {
            return;
        }
        let poor = self.writes.iter().any(|(key, after)| {
            let before = self.model.cell(key);
            let short = |cell: &Cell| cell.lamports != 0 && cell.lamports < self.rent(cell.size());
            short(after)
                && !(short(before)
                    && before.size() == after.size()
                    && after.lamports <= before.lamports)
        });
        if poor {
            self.fail("an account would have less than its rent");
        }
    }
}
