//! A LiteSVM chain with the built program, or with the floor program in its place.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use litesvm::LiteSVM;
use sha2::{Digest, Sha256};
use solana_program_runtime::declare_process_instruction;
use solana_sdk::{
    account::Account,
    clock::Clock,
    instruction::Instruction,
    message::Message,
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
    transaction::Transaction,
};
use vouch_client::{Code, PROGRAM_ID, accounts::AccountType, token, voucher};

/// The Token-2022 program.
pub(crate) const TOKEN_2022: Pubkey =
    Pubkey::from_str_const("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb");
const UPGRADEABLE_LOADER: Pubkey =
    Pubkey::from_str_const("BPFLoaderUpgradeab1e11111111111111111111111");
/// Bytes before the binary in the data account of an upgradeable program.
const PROGRAM_DATA_HEAD: usize = 45;
/// Lamports of a wallet: 100 SOL.
const SOL: u64 = 100_000_000_000;
/// The chain's time, in unix seconds: 1 October 2025.
pub(crate) const NOW: i64 = 1_759_276_800;

/// The root of the checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The built binaries.
#[derive(Clone)]
pub(crate) struct Binaries {
    pub(crate) program: Vec<u8>,
    pub(crate) floor: Vec<u8>,
}

impl Binaries {
    pub(crate) fn read() -> Result<Self> {
        let read = |name| {
            let file = root().join("target/deploy").join(name);
            std::fs::read(&file)
                .with_context(|| format!("{}: use ./dev bench cu, which builds it", file.display()))
        };
        Ok(Self {
            program: read("referral.so")?,
            floor: read("floor.so")?,
        })
    }
}

/// One wallet's transaction and its floor.
pub(crate) struct Case {
    pub(crate) payer: Pubkey,
    /// The instructions; the last one is measured.
    pub(crate) instructions: Vec<Instruction>,
    /// The floor's instruction; `None` where nothing remains without the rules.
    pub(crate) floor: Option<Instruction>,
}

/// The chain. It verifies no signatures, neither a transaction's nor the Ed25519
/// program's, because compute units do not include them.
pub(crate) struct Chain {
    svm: LiteSVM,
    floor: Vec<u8>,
}

// The program must consume something; this unit counts as its own.
declare_process_instruction!(AnySignature, 1, |_context| { Ok(()) });

impl Chain {
    pub(crate) fn new(binaries: &Binaries) -> Result<Self> {
        let mut svm = LiteSVM::new()
            .with_sigverify(false)
            .with_blockhash_check(false)
            .with_transaction_history(0);
        svm.add_builtin(voucher::ED25519_PROGRAM_ID, AnySignature::vm);
        add_program(&mut svm, &binaries.program)?;
        let clock: Clock = svm.get_sysvar();
        svm.set_sysvar(&Clock {
            unix_timestamp: NOW,
            ..clock
        });
        Ok(Self {
            svm,
            floor: binaries.floor.clone(),
        })
    }

    /// Sets the time, in unix seconds.
    pub(crate) fn set_time(&mut self, unix_timestamp: i64) {
        let clock: Clock = self.svm.get_sysvar();
        self.svm.set_sysvar(&Clock {
            unix_timestamp,
            ..clock
        });
    }

    /// Gives the wallet SOL.
    pub(crate) fn fund(&mut self, wallet: &Pubkey) -> Result<()> {
        let account = Account {
            lamports: SOL,
            ..Account::default()
        };
        self.set(wallet, account)
    }

    pub(crate) fn set(&mut self, address: &Pubkey, account: Account) -> Result<()> {
        let set = self.svm.set_account(*address, account);
        set.with_context(|| format!("{address} cannot be set"))
    }

    pub(crate) fn get(&self, address: &Pubkey) -> Result<Account> {
        let account = self.svm.get_account(address);
        account.with_context(|| format!("there is no account {address}"))
    }

    /// Rewrites the program's account at `address` with `change`, in place of the many
    /// transactions that would lead there.
    pub(crate) fn rewrite<T>(&mut self, address: &Pubkey, change: impl FnOnce(&mut T)) -> Result<()>
    where
        T: AccountType + borsh::BorshSerialize,
    {
        let mut account = self.get(address)?;
        let mut value = T::decode(&account.data)?;
        change(&mut value);
        account.data.truncate(8);
        borsh::to_writer(&mut account.data, &value)?;
        self.set(address, account)
    }

    pub(crate) fn rent(&self, bytes: usize) -> u64 {
        self.svm.minimum_balance_for_rent_exemption(bytes)
    }

    /// Sends a transaction that prepares a case.
    pub(crate) fn send(&mut self, payer: &Pubkey, instructions: &[Instruction]) -> Result<()> {
        match self.svm.send_transaction(unsigned(payer, instructions)) {
            Ok(_) => Ok(()),
            Err(failed) => bail!("{}\n{}", failed.err, failed.meta.logs.join("\n")),
        }
    }

    /// The compute units of each case's last instruction, CPIs included, and those of its
    /// floor. Fails unless both make the same CPIs.
    pub(crate) fn measure(&self, cases: &[Case]) -> Result<(Vec<u64>, Vec<u64>)> {
        let mut with_floor = self.svm.clone();
        add_program(&mut with_floor, &self.floor)?;
        let (mut units, mut floors) = (Vec::new(), Vec::new());
        for case in cases {
            let run = simulate(&self.svm, &case.payer, &case.instructions)?;
            units.push(run.units);
            if let Some(floor) = &case.floor {
                let floor = std::slice::from_ref(floor);
                let floor = simulate(&with_floor, &case.payer, floor).context("the floor")?;
                ensure!(!floor.calls.is_empty(), "the floor makes no call");
                ensure!(
                    run.calls == floor.calls,
                    "the floor makes other calls: {:?} instead of {:?}",
                    floor.calls,
                    run.calls
                );
                floors.push(floor.units);
            }
        }
        Ok((units, floors))
    }

    /// The binary that runs at `program`, and whether the program can be upgraded.
    pub(crate) fn loaded(&self, program: &Pubkey) -> Result<(Vec<u8>, bool)> {
        let account = self.get(program)?;
        if account.owner != UPGRADEABLE_LOADER {
            return Ok((account.data, false));
        }
        let (data, _) = Pubkey::find_program_address(&[program.as_ref()], &UPGRADEABLE_LOADER);
        let binary = self.get(&data)?.data.split_off(PROGRAM_DATA_HEAD);
        Ok((binary, true))
    }
}

fn add_program(svm: &mut LiteSVM, binary: &[u8]) -> Result<()> {
    svm.add_program(PROGRAM_ID, binary)
        .context("the program does not load")
}

fn unsigned(payer: &Pubkey, instructions: &[Instruction]) -> Transaction {
    Transaction::new_unsigned(Message::new(instructions, Some(payer)))
}

/// The effects of a transaction's last instruction.
struct Run {
    /// The compute units that the program reports, its CPIs included.
    units: u64,
    calls: Vec<Call>,
}

/// A CPI: the program's address, the first byte of the data, which identifies the
/// instruction in all programs here, and the accounts.
#[derive(Debug, PartialEq)]
struct Call {
    program: Pubkey,
    kind: Option<u8>,
    accounts: Vec<Pubkey>,
}

fn simulate(svm: &LiteSVM, payer: &Pubkey, instructions: &[Instruction]) -> Result<Run> {
    let transaction = unsigned(payer, instructions);
    let keys = transaction.message.account_keys.clone();
    let meta = match svm.simulate_transaction(transaction) {
        Ok(simulated) => simulated.meta,
        Err(failed) => bail!("{}\n{}", failed.err, failed.meta.logs.join("\n")),
    };
    let said = format!("Program {PROGRAM_ID} consumed ");
    let mut all = meta
        .logs
        .iter()
        .filter_map(|line| line.strip_prefix(&said)?.split(' ').next());
    let units = all.next().context("the program did not run")?.parse()?;
    ensure!(all.next().is_none(), "the program ran more than once");

    let key = |&index: &u8| keys.get(usize::from(index)).copied().context("a key");
    let inner = meta.inner_instructions.last().into_iter().flatten();
    let calls = inner
        .map(|inner| {
            let call = &inner.instruction;
            Ok(Call {
                program: key(&call.program_id_index)?,
                kind: call.data.first().copied(),
                accounts: call.accounts.iter().map(key).collect::<Result<_>>()?,
            })
        })
        .collect::<Result<_>>()?;
    Ok(Run { units, calls })
}

/// A deterministic wallet. Wallets are the same in every run and row, so two rows differ
/// only in their instruction.
pub(crate) fn wallet(role: &str, index: usize) -> Pubkey {
    key(role, index).pubkey()
}

/// The key of a [`wallet`], for a signature that is verified.
pub(crate) fn key(role: &str, index: usize) -> Keypair {
    Keypair::new_from_array(seed(role, index))
}

/// A code of 6 to 12 characters.
pub(crate) fn code(index: usize) -> Result<Code> {
    let seed = seed("code", index);
    let (&length, characters) = seed.split_first().context("32 bytes")?;
    let length = Code::MIN_LEN + usize::from(length) % (Code::MAX_LEN - Code::MIN_LEN + 1);
    let alphabet = Code::ALPHABET;
    let code: Vec<u8> = characters[..length]
        .iter()
        .map(|byte| alphabet[usize::from(*byte) % alphabet.len()])
        .collect();
    Code::from_bytes(&code).context("not a code")
}

/// 32 bytes that differ for each role and index.
pub(crate) fn seed(role: &str, index: usize) -> [u8; 32] {
    Sha256::digest(format!("vouch compute units, {role} {index}")).into()
}

/// The name of the program that LiteSVM loads at the Token program's address: p-token
/// with the upgradeable loader, SPL Token 3.5.0 with the older one.
pub(crate) fn token_program_name(upgradeable: bool) -> &'static str {
    if upgradeable { "p-token" } else { "SPL Token" }
}

/// Addresses of SPL's token programs.
pub(crate) const TOKEN_PROGRAMS: [Pubkey; 2] = [token::TOKEN_PROGRAM_ID, TOKEN_2022];
