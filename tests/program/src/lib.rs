//! A campaign in LiteSVM, with the built program, for the tests beside.
//!
//! `./dev test` builds the program first; a stale one is the caller's mistake.

use std::path::Path;

use borsh::BorshSerialize;
use litesvm::{
    LiteSVM,
    types::{FailedTransactionMetadata, TransactionMetadata},
};
use solana_sdk::{
    account::Account as ChainAccount,
    clock::Clock,
    instruction::{Instruction, InstructionError},
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
    transaction::{Transaction, TransactionError},
};
use vouch_client::{
    Code, PROGRAM_ID, ProgramError,
    accounts::{AccountType, Action},
    instructions::{self, Convert, CreateCampaign},
    pda, token,
};

/// Base units for each conversion: 5 whole tokens of 6 decimals.
pub const REWARD: u64 = 5_000_000;
/// The Token-2022 program.
pub const TOKEN_2022: Pubkey =
    Pubkey::from_str_const("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb");
/// Lamports of a wallet: 10 SOL.
pub const SOL: u64 = 10_000_000_000;

/// The built program's bytes.
///
/// # Panics
/// When it was not built.
#[must_use]
pub fn program_bytes() -> Vec<u8> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/deploy/referral.so");
    std::fs::read(&file).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; run `./dev build-program` first",
            file.display()
        )
    })
}

/// What a refused transaction failed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The program's own error.
    Program(ProgramError),
    /// Any other error, of the framework, the runtime or another program.
    Other(TransactionError),
}

/// A chain with a campaign on it.
pub struct World {
    /// The chain.
    pub svm: LiteSVM,
    /// Authority of the campaign; pays whatever nobody else pays.
    pub company: Keypair,
    /// Token of the rewards.
    pub mint: Keypair,
    /// The campaign.
    pub campaign: Pubkey,
    /// Program of the mint.
    pub token_program: Pubkey,
}

/// A wallet with SOL.
pub fn wallet(svm: &mut LiteSVM) -> Keypair {
    let wallet = Keypair::new();
    svm.airdrop(&wallet.pubkey(), SOL).expect("an airdrop");
    wallet
}

/// A chain with the program, and nothing else.
#[must_use]
pub fn chain() -> LiteSVM {
    let mut svm = LiteSVM::new();
    svm.add_program(PROGRAM_ID, &program_bytes())
        .expect("the program loads");
    svm
}

/// The code that this text is.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn code(text: &str) -> Code {
    text.parse().expect("a code")
}

impl World {
    /// A campaign that is open and pays [`REWARD`].
    #[must_use]
    pub fn new() -> Self {
        Self::with_schedule(0, 0)
    }

    /// A campaign that is open from `starts_at` until before `ends_at`.
    #[must_use]
    pub fn with_schedule(starts_at: i64, ends_at: i64) -> Self {
        let mut svm = chain();
        let company = wallet(&mut svm);
        let mut world = Self {
            svm,
            company,
            mint: Keypair::new(),
            campaign: Pubkey::default(),
            token_program: token::TOKEN_PROGRAM_ID,
        };
        world.campaign = world.open_campaign(1, starts_at, ends_at);
        world
    }

    /// Opens another campaign of the company, with a mint of its own, and makes
    /// that mint the world's.
    pub fn open_campaign(&mut self, id: u64, starts_at: i64, ends_at: i64) -> Pubkey {
        let campaign = self.new_mint(id);
        let create = instructions::create_campaign(&CreateCampaign {
            starts_at,
            ends_at,
            ..self.campaign_args(id)
        });
        let company = self.company.insecure_clone();
        self.send(&[create], &[&company]).expect("a campaign");
        campaign
    }

    /// Like [`Self::open_campaign`]; also gives the compute units it took.
    pub fn open_campaign_measured(&mut self, id: u64) -> (Pubkey, u64) {
        let campaign = self.new_mint(id);
        let create = instructions::create_campaign(&self.campaign_args(id));
        let company = self.company.insecure_clone();
        let sent = self.send(&[create], &[&company]).expect("a campaign");
        (campaign, sent.compute_units_consumed)
    }

    /// What opens campaign `id` of the company for the world's mint, without bounds.
    #[must_use]
    pub fn campaign_args(&self, id: u64) -> CreateCampaign {
        CreateCampaign {
            payer: self.company.pubkey(),
            authority: self.company.pubkey(),
            id,
            mint: self.mint.pubkey(),
            token_program: self.token_program,
            reward: REWARD,
            starts_at: 0,
            ends_at: 0,
        }
    }

    /// Gives the world a new mint, whose authority is the company's campaign `id`.
    /// Returns that campaign's address.
    pub fn new_mint(&mut self, id: u64) -> Pubkey {
        self.mint = Keypair::new();
        let (campaign, _) = pda::campaign(&self.company.pubkey(), id);
        let create = self.mint_for(&campaign);
        let (company, mint) = (self.company.insecure_clone(), self.mint.insecure_clone());
        self.send(&create, &[&company, &mint]).expect("a mint");
        campaign
    }

    /// Creates the world's mint with `authority` as its mint authority.
    #[must_use]
    pub fn mint_for(&self, authority: &Pubkey) -> Vec<Instruction> {
        let rent = self.svm.minimum_balance_for_rent_exemption(82);
        let [mut create, mut initialize] = token::create_mint(
            &self.company.pubkey(),
            &self.mint.pubkey(),
            authority,
            6,
            rent,
        );
        // The System program's `CreateAccount` ends with the owner of the account.
        let owner = create.data.len() - 32;
        create.data[owner..].copy_from_slice(self.token_program.as_ref());
        initialize.program_id = self.token_program;
        vec![create, initialize]
    }

    /// Sends a transaction whose first signer pays.
    ///
    /// # Errors
    /// What it failed with.
    pub fn send(
        &mut self,
        instructions: &[Instruction],
        signers: &[&Keypair],
    ) -> Result<TransactionMetadata, Refused> {
        // Otherwise two equal transactions would be one.
        self.svm.expire_blockhash();
        let payer = signers[0].pubkey();
        let blockhash = self.svm.latest_blockhash();
        let transaction =
            Transaction::new_signed_with_payer(instructions, Some(&payer), signers, blockhash);
        self.svm
            .send_transaction(transaction)
            .map_err(|failed| refused(&failed))
    }

    /// A new wallet with SOL.
    pub fn wallet(&mut self) -> Keypair {
        wallet(&mut self.svm)
    }

    /// Registers `text` for a new wallet, with its token account, and gives that wallet.
    pub fn referrer(&mut self, text: &str) -> Keypair {
        let owner = self.wallet();
        let create = instructions::create_referral(
            &owner.pubkey(),
            &owner.pubkey(),
            &self.campaign,
            &code(text),
        );
        let account = token::create_associated_token(
            &owner.pubkey(),
            &owner.pubkey(),
            &self.mint.pubkey(),
            &self.token_program,
        );
        self.send(&[create, account], &[&owner])
            .expect("a referral");
        owner
    }

    /// A conversion of `referee` by the code `text` of `referrer`, paid by `referee`.
    #[must_use]
    pub fn conversion(&self, referee: &Pubkey, referrer: &Pubkey, text: &str) -> Instruction {
        instructions::convert(&self.convert_args(referee, referrer, text))
    }

    /// What [`Self::conversion`] is built from.
    #[must_use]
    pub fn convert_args(&self, referee: &Pubkey, referrer: &Pubkey, text: &str) -> Convert {
        Convert {
            payer: *referee,
            referee: *referee,
            campaign: self.campaign,
            mint: self.mint.pubkey(),
            token_program: self.token_program,
            referrer: *referrer,
            code: code(text),
            action: Action::Signup,
            amount: 0,
            reference: [0; 32],
        }
    }

    /// Base units on `owner`'s associated token account; 0 when it has none.
    #[must_use]
    pub fn balance(&self, owner: &Pubkey) -> u64 {
        let (address, _) = pda::associated_token(owner, &self.mint.pubkey(), &self.token_program);
        let account = self.svm.get_account(&address);
        account
            .and_then(|account| token::balance(&account.data))
            .unwrap_or(0)
    }

    /// Decodes the program's account at `address`.
    ///
    /// # Panics
    /// When there is none of that type.
    #[must_use]
    pub fn read<T: AccountType>(&self, address: &Pubkey) -> T {
        let account = self.svm.get_account(address).expect("an account");
        assert_eq!(account.owner, PROGRAM_ID);
        T::decode(&account.data).expect("an account of this type")
    }

    /// Overwrites the account at `address` by what `change` makes of it.
    ///
    /// # Panics
    /// When there is none.
    pub fn change(&mut self, address: &Pubkey, change: impl FnOnce(&mut ChainAccount)) {
        let mut account = self.svm.get_account(address).expect("an account");
        change(&mut account);
        self.svm
            .set_account(*address, account)
            .expect("a valid account");
    }

    /// Overwrites the program's account at `address`.
    ///
    /// # Panics
    /// When there is none.
    pub fn write<T: AccountType + BorshSerialize>(&mut self, address: &Pubkey, value: &T) {
        let body = borsh::to_vec(value).expect("no account fails to serialize");
        self.change(address, |account| account.data[8..].copy_from_slice(&body));
    }

    /// Puts `lamports` at an address that has none.
    ///
    /// # Panics
    /// When the chain refuses.
    pub fn fund(&mut self, address: &Pubkey, lamports: u64) {
        let account = ChainAccount {
            lamports,
            ..ChainAccount::default()
        };
        self.svm
            .set_account(*address, account)
            .expect("a valid account");
    }

    /// Base units of the world's mint that exist.
    ///
    /// # Panics
    /// When there is no mint.
    #[must_use]
    pub fn supply(&self) -> u64 {
        let mint = self.svm.get_account(&self.mint.pubkey()).expect("the mint");
        let supply = mint.data[36..44].try_into().expect("eight bytes");
        u64::from_le_bytes(supply)
    }

    /// Opens another campaign with a mint of its own; the world keeps its own.
    pub fn open_campaign_of(&mut self, id: u64) -> Pubkey {
        let mint = self.mint.insecure_clone();
        let campaign = self.open_campaign(id, 0, 0);
        self.mint = mint;
        campaign
    }

    /// Sets the chain's clock, in unix seconds.
    pub fn set_time(&mut self, unix_timestamp: i64) {
        let clock: Clock = self.svm.get_sysvar();
        self.svm.set_sysvar(&Clock {
            unix_timestamp,
            ..clock
        });
    }

    /// The chain's clock, in unix seconds.
    #[must_use]
    pub fn time(&self) -> i64 {
        self.svm.get_sysvar::<Clock>().unix_timestamp
    }
}

/// The bytes of a token account of the Token program with this state byte: 0
/// uninitialised, 1 initialised, 2 frozen.
#[must_use]
pub fn token_account(svm: &LiteSVM, mint: &Pubkey, owner: &Pubkey, state: u8) -> ChainAccount {
    let mut data = vec![0; 165];
    data[..32].copy_from_slice(mint.as_ref());
    data[32..64].copy_from_slice(owner.as_ref());
    data[108] = state;
    ChainAccount {
        lamports: svm.minimum_balance_for_rent_exemption(data.len()),
        data,
        owner: token::TOKEN_PROGRAM_ID,
        ..ChainAccount::default()
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

fn refused(failed: &FailedTransactionMetadata) -> Refused {
    match &failed.err {
        TransactionError::InstructionError(_, InstructionError::Custom(code)) => {
            ProgramError::from_code(*code)
                .map_or_else(|| Refused::Other(failed.err.clone()), Refused::Program)
        }
        other => Refused::Other(other.clone()),
    }
}

/// An error of the runtime or the framework, in the instruction with this index.
#[must_use]
pub const fn other(index: u8, error: InstructionError) -> Refused {
    Refused::Other(TransactionError::InstructionError(index, error))
}
