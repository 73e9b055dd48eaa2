//! A campaign in LiteSVM, with the built program, for the tests of this crate.
//!
//! `./dev test` builds the program first. Other callers must build it themselves.

mod steps;

use std::path::Path;

use borsh::BorshSerialize;
use litesvm::{
    LiteSVM,
    types::{FailedTransactionMetadata, TransactionMetadata},
};
use solana_program_runtime::declare_process_instruction;
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
    accounts::{
        AccountType, Bonus, Campaign, Conversion, Funding, Proof, Referral, Settings, Terms, Tier,
    },
    instructions::{
        self, Bind, Convert, CreateCampaign, CreateReferral, Evidence, Offer, Purchase,
    },
    pda, token,
    voucher::{self, ED25519_PROGRAM_ID, Statement},
};

pub use steps::{attested, credential};

/// Base units for each conversion: 5 whole tokens of 6 decimals.
pub const REWARD: u64 = 5_000_000;
/// The Token-2022 program.
pub const TOKEN_2022: Pubkey =
    Pubkey::from_str_const("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb");
/// Lamports of a wallet: 10 SOL.
pub const SOL: u64 = 10_000_000_000;

/// The built program's bytes, or those of the file that `VOUCH_PROGRAM_SO` names.
///
/// # Panics
/// When the file cannot be read.
#[must_use]
pub fn program_bytes() -> Vec<u8> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/deploy/referral.so");
    let file = std::env::var_os("VOUCH_PROGRAM_SO").map_or(built, Into::into);
    std::fs::read(&file).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; run `./dev build-program` first",
            file.display()
        )
    })
}

/// The error of a refused transaction.
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
    /// Authority of the campaign; pays everything that nobody else pays.
    pub company: Keypair,
    /// Mint of the rewards.
    pub mint: Keypair,
    /// The campaign.
    pub campaign: Pubkey,
    /// Program of the mint.
    pub token_program: Pubkey,
    /// The id that [`Self::open`] uses for the next campaign.
    next_id: u64,
}

/// A wallet with SOL.
pub fn wallet(svm: &mut LiteSVM) -> Keypair {
    let wallet = Keypair::new();
    svm.airdrop(&wallet.pubkey(), SOL).expect("an airdrop");
    wallet
}

// LiteSVM has no Ed25519 program here. The runtime verifies its signatures for the whole
// transaction before the first instruction runs. Tests that depend on that verify them
// themselves (`tests/proofs.rs`).
mod ed25519 {
    super::declare_process_instruction!(AnySignature, 1, |_context| { Ok(()) });
}

/// A chain with the program. Its Ed25519 program accepts every signature.
#[must_use]
pub fn chain() -> LiteSVM {
    let mut svm = LiteSVM::new();
    svm.add_builtin(ED25519_PROGRAM_ID, ed25519::AnySignature::vm);
    svm.add_program(PROGRAM_ID, &program_bytes())
        .expect("the program loads");
    svm
}

/// Tiers of these ordinals and multipliers in basis points; the rest are unused.
#[must_use]
pub fn tiers(used: &[(u64, u32)]) -> [Tier; 4] {
    let mut tiers = [Tier::default(); 4];
    for (tier, &(min_conversions, multiplier_bps)) in tiers.iter_mut().zip(used) {
        *tier = Tier {
            min_conversions,
            multiplier_bps,
        };
    }
    tiers
}

/// Bonuses of these thresholds and amounts in base units; the rest are unused.
#[must_use]
pub fn bonuses(used: &[(u64, u64)]) -> [Bonus; 4] {
    let mut bonuses = [Bonus::default(); 4];
    for (bonus, &(threshold, amount)) in bonuses.iter_mut().zip(used) {
        *bonus = Bonus { threshold, amount };
    }
    bonuses
}

/// Parses a code.
///
/// # Panics
/// When the text is not a code.
#[must_use]
pub fn code(text: &str) -> Code {
    text.parse().expect("a code")
}

impl World {
    /// A world with an open campaign that pays [`REWARD`].
    #[must_use]
    pub fn new() -> Self {
        Self::with_schedule(0, 0)
    }

    /// A world with a campaign that is open from `starts_at` until before `ends_at`.
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
            next_id: 1_000,
        };
        world.campaign = world.open_campaign(1, starts_at, ends_at);
        world
    }

    /// Opens another campaign of the company with a new mint, which becomes the world's
    /// mint.
    pub fn open_campaign(&mut self, id: u64, starts_at: i64, ends_at: i64) -> Pubkey {
        let campaign = self.new_mint(id);
        let create = instructions::create_campaign(&CreateCampaign {
            settings: Settings {
                starts_at,
                ends_at,
                ..Settings::fixed(REWARD)
            },
            ..self.campaign_args(id)
        });
        let company = self.company.insecure_clone();
        self.send(&[create], &[&company]).expect("a campaign");
        campaign
    }

    /// Like [`Self::open_campaign`]; also returns the compute units.
    pub fn open_campaign_measured(&mut self, id: u64) -> (Pubkey, u64) {
        let campaign = self.new_mint(id);
        let create = instructions::create_campaign(&self.campaign_args(id));
        let company = self.company.insecure_clone();
        let sent = self.send(&[create], &[&company]).expect("a campaign");
        (campaign, sent.compute_units_consumed)
    }

    /// The arguments that open the company's campaign `id` for the world's mint, without
    /// bounds.
    #[must_use]
    pub fn campaign_args(&self, id: u64) -> CreateCampaign {
        CreateCampaign {
            payer: self.company.pubkey(),
            authority: self.company.pubkey(),
            id,
            mint: self.mint.pubkey(),
            payment_mint: Pubkey::default(),
            token_program: self.token_program,
            terms: Terms::default(),
            settings: Settings::fixed(REWARD),
        }
    }

    /// Opens a campaign of the company with these terms, which becomes the world's
    /// campaign.
    ///
    /// It gets a new mint. The campaign is the mint authority if it mints; otherwise the
    /// company is and can [`Self::issue`] tokens. Payments are lamports if the terms need
    /// any; then a split's rewards are lamports, too. If the terms need a treasury and
    /// `settings` has none, it is a new account.
    ///
    /// # Panics
    /// When the program refuses it.
    pub fn open(&mut self, terms: Terms, settings: Settings) -> Pubkey {
        let args = self.opening(terms, settings, Pubkey::default());
        self.open_with(&args)
    }

    /// Like [`Self::open`], with payments in a new token of the company. A split pays its
    /// rewards in the same token.
    ///
    /// # Panics
    /// When the program refuses it.
    pub fn open_for_tokens(&mut self, terms: Terms, settings: Settings) -> Pubkey {
        let company = self.company.pubkey();
        self.issue_mint(&company);
        let args = self.opening(terms, settings, self.mint.pubkey());
        self.open_with(&args)
    }

    /// The arguments for [`Self::open`], with payments in `payment_mint`. All accounts
    /// that they name exist, the vault included.
    pub fn opening(
        &mut self,
        terms: Terms,
        mut settings: Settings,
        payment_mint: Pubkey,
    ) -> CreateCampaign {
        let id = self.next_id;
        self.next_id += 1;
        let (campaign, _) = pda::campaign(&self.company.pubkey(), id);
        let company = self.company.insecure_clone();
        let mint = match terms.funding {
            Funding::MintAuthority => self.issue_mint(&campaign),
            Funding::Vault => self.issue_mint(&company.pubkey()),
            Funding::PaymentSplit => payment_mint,
        };
        if terms.proof == Proof::Payment && settings.treasury == Pubkey::default() {
            settings.treasury = if payment_mint == Pubkey::default() {
                self.wallet().pubkey()
            } else {
                let owner = self.wallet().pubkey();
                self.issue_of(&payment_mint, &owner, 0)
            };
        }
        let args = CreateCampaign {
            payer: company.pubkey(),
            authority: company.pubkey(),
            id,
            mint,
            payment_mint,
            token_program: if mint == Pubkey::default() {
                Pubkey::default()
            } else {
                self.token_program
            },
            terms,
            settings,
        };
        self.open_vault(&args);
        args
    }

    /// Creates the vault of this campaign, if it needs one that does not exist.
    ///
    /// # Panics
    /// When the chain refuses.
    pub fn open_vault(&mut self, args: &CreateCampaign) {
        if args.vault().is_some() {
            let company = self.company.insecure_clone();
            let (campaign, _) = pda::campaign(&args.authority, args.id);
            let create = token::create_associated_token(
                &company.pubkey(),
                &campaign,
                &args.mint,
                &args.token_program,
            );
            self.send(&[create], &[&company]).expect("a vault");
        }
    }

    /// Opens this campaign of the company, which becomes the world's campaign. Creates
    /// its vault first, if it needs one.
    ///
    /// # Panics
    /// When the program refuses it.
    pub fn open_with(&mut self, args: &CreateCampaign) -> Pubkey {
        self.open_vault(args);
        let company = self.company.insecure_clone();
        self.send(&[instructions::create_campaign(args)], &[&company])
            .expect("a campaign");
        self.campaign = pda::campaign(&args.authority, args.id).0;
        self.campaign
    }

    /// Creates a mint with this mint authority, which becomes the world's mint.
    ///
    /// # Panics
    /// When the chain refuses.
    pub fn issue_mint(&mut self, authority: &Pubkey) -> Pubkey {
        self.mint = Keypair::new();
        let create = self.mint_for(authority);
        let (company, mint) = (self.company.insecure_clone(), self.mint.insecure_clone());
        self.send(&create, &[&company, &mint]).expect("a mint");
        self.mint.pubkey()
    }

    /// Mints `amount` base units of the world's mint to `owner`'s associated token
    /// account, and returns that account. The company must be the mint authority.
    ///
    /// # Panics
    /// When the chain refuses.
    pub fn issue(&mut self, owner: &Pubkey, amount: u64) -> Pubkey {
        let mint = self.mint.pubkey();
        self.issue_of(&mint, owner, amount)
    }

    /// Like [`Self::issue`], for another mint of the company.
    ///
    /// # Panics
    /// When the chain refuses.
    pub fn issue_of(&mut self, mint: &Pubkey, owner: &Pubkey, amount: u64) -> Pubkey {
        let company = self.company.insecure_clone();
        let (address, _) = pda::associated_token(owner, mint, &self.token_program);
        let mut steps = vec![token::create_associated_token(
            &company.pubkey(),
            owner,
            mint,
            &self.token_program,
        )];
        if amount > 0 {
            steps.push(token::mint_to(
                &self.token_program,
                mint,
                &address,
                &company.pubkey(),
                amount,
            ));
        }
        self.send(&steps, &[&company]).expect("tokens");
        address
    }

    /// Mints `amount` base units and puts them into the campaign's vault.
    ///
    /// # Panics
    /// When the program refuses.
    pub fn fund_vault(&mut self, amount: u64) {
        let company = self.company.insecure_clone();
        let campaign: Campaign = self.read(&self.campaign);
        let source = self.issue_of(&campaign.mint, &company.pubkey(), amount);
        let fund = instructions::fund_vault(
            &company.pubkey(),
            &self.campaign,
            &campaign,
            &source,
            amount,
        );
        self.send(&[fund], &[&company]).expect("funded");
    }

    /// Base units in the campaign's vault; 0 without a vault.
    #[must_use]
    pub fn vault(&self) -> u64 {
        let campaign: Campaign = self.read(&self.campaign);
        self.tokens(&campaign.vault)
    }

    /// Base units in this token account; 0 if it does not exist.
    #[must_use]
    pub fn tokens(&self, account: &Pubkey) -> u64 {
        let account = self.svm.get_account(account);
        account
            .and_then(|account| token::balance(&account.data))
            .unwrap_or(0)
    }

    /// The campaign's account in its present state.
    #[must_use]
    pub fn campaign(&self) -> Campaign {
        self.read(&self.campaign)
    }

    /// The referral of the code `text` in its present state.
    #[must_use]
    pub fn referral(&self, text: &str) -> Referral {
        self.read(&self.referral_address(text))
    }

    /// Calls `build` with an offer of the campaign and the code `text` at the chain's
    /// time. If the code is not registered, the offer pretends that `referrer` owns it.
    ///
    /// # Panics
    /// When the campaign does not exist, or another account is at the code's address.
    pub fn offer<T>(
        &self,
        referrer: &Pubkey,
        text: &str,
        build: impl FnOnce(&Offer<'_>) -> T,
    ) -> T {
        let campaign = self.campaign();
        let address = self.referral_address(text);
        let referral = match self.svm.get_account(&address) {
            Some(account) if account.owner == PROGRAM_ID => {
                Referral::decode(&account.data).expect("a referral")
            }
            _ => Referral::registered(&self.campaign, &campaign, &code(text), referrer),
        };
        let offer = Offer::at(self.campaign, &campaign, &referral, self.time());
        build(&offer.expect("a referral with a code"))
    }

    /// Creates a mint whose authority is the company's campaign `id`, and makes it the
    /// world's mint. Returns the campaign's address.
    pub fn new_mint(&mut self, id: u64) -> Pubkey {
        self.mint = Keypair::new();
        let (campaign, _) = pda::campaign(&self.company.pubkey(), id);
        let create = self.mint_for(&campaign);
        let (company, mint) = (self.company.insecure_clone(), self.mint.insecure_clone());
        self.send(&create, &[&company, &mint]).expect("a mint");
        campaign
    }

    /// The instructions that create the world's mint with this mint authority.
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

    /// Sends a transaction. The first signer pays.
    ///
    /// # Errors
    /// The error of the transaction.
    pub fn send(
        &mut self,
        instructions: &[Instruction],
        signers: &[&Keypair],
    ) -> Result<TransactionMetadata, Refused> {
        // Otherwise two equal transactions would have the same signature.
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

    /// Registers `text` for a new wallet with a token account, and returns the wallet. If
    /// the campaign counts per owner, registers the wallet first.
    pub fn referrer(&mut self, text: &str) -> Keypair {
        let owner = self.wallet();
        let mut steps = vec![self.registration(&owner.pubkey(), text)];
        let campaign = self.campaign();
        if campaign.per_owner {
            let register =
                instructions::register_referrer(&owner.pubkey(), &owner.pubkey(), &self.campaign);
            steps.insert(0, register);
        }
        if !campaign.rewards_are_sol() {
            steps.push(token::create_associated_token(
                &owner.pubkey(),
                &owner.pubkey(),
                &self.mint.pubkey(),
                &self.token_program,
            ));
        }
        self.send(&steps, &[&owner]).expect("a referral");
        owner
    }

    /// The registration of the code `text` for `owner`, who also pays, without limit or
    /// expiry.
    #[must_use]
    pub fn registration(&self, owner: &Pubkey, text: &str) -> Instruction {
        instructions::create_referral(&CreateReferral {
            per_owner: self.campaign().per_owner,
            ..CreateReferral::new(owner, owner, &self.campaign, &code(text))
        })
    }

    /// A sign-up of `referee` with the code `text` of `referrer`, paid by `referee`.
    #[must_use]
    pub fn conversion(&self, referee: &Pubkey, referrer: &Pubkey, text: &str) -> Instruction {
        self.convert(referrer, text, &Convert::signup(referee))
    }

    /// This conversion with the code `text` of `referrer`.
    #[must_use]
    pub fn convert(&self, referrer: &Pubkey, text: &str, args: &Convert) -> Instruction {
        self.offer(referrer, text, |offer| instructions::convert(offer, args))
    }

    /// This purchase with the code `text` of `referrer`.
    #[must_use]
    pub fn purchase(&self, referrer: &Pubkey, text: &str, args: &Purchase) -> Instruction {
        self.offer(referrer, text, |offer| instructions::purchase(offer, args))
    }

    /// A claim of the pending parts of `referee`'s conversion with the code `text` and
    /// this `reference`.
    ///
    /// # Panics
    /// When the conversion does not exist.
    #[must_use]
    pub fn claim(&self, text: &str, referee: &Pubkey, reference: &[u8; 32]) -> Instruction {
        self.offer(&Pubkey::default(), text, |offer| {
            let address = offer.conversion(referee, reference);
            let conversion: Conversion = self.read(&address);
            instructions::claim(offer, &address, &conversion)
        })
    }

    /// A cancellation of `referee`'s conversion with the code `text` and this
    /// `reference`.
    ///
    /// # Panics
    /// When the conversion does not exist.
    #[must_use]
    pub fn cancel(&self, text: &str, referee: &Pubkey, reference: &[u8; 32]) -> Instruction {
        self.offer(&Pubkey::default(), text, |offer| {
            let address = offer.conversion(referee, reference);
            let conversion: Conversion = self.read(&address);
            instructions::cancel_conversion(offer, &address, &conversion)
        })
    }

    /// The conversion of `referee` with the code `text` and this `reference`.
    ///
    /// # Panics
    /// When the conversion does not exist.
    #[must_use]
    pub fn converted(&self, text: &str, referee: &Pubkey, reference: &[u8; 32]) -> Conversion {
        self.read(&self.conversion_address(text, referee, reference))
    }

    /// The binding of `wallet` to the code `text`, paid by `wallet`.
    #[must_use]
    pub fn bind(&self, wallet: &Pubkey, text: &str) -> Instruction {
        instructions::bind(&self.touch(wallet, wallet, text))
    }

    /// The binding of `wallet` to the code `text`, paid by `payer`.
    #[must_use]
    pub fn touch(&self, payer: &Pubkey, wallet: &Pubkey, text: &str) -> Bind {
        Bind {
            payer: *payer,
            wallet: *wallet,
            campaign: self.campaign,
            code: code(text),
            bound: None,
        }
    }

    /// An attestor's statement about this conversion with the code `text`, issued now.
    #[must_use]
    pub fn statement(&self, text: &str, args: &Convert, expires_at: i64) -> Statement {
        Statement {
            campaign: self.campaign,
            campaign_created_at: self.campaign().created_at,
            referral: self.referral_address(text),
            referee: args.referee,
            action: args.action,
            amount: args.amount,
            reference: args.reference,
            issued_at: self.time(),
            expires_at,
        }
    }

    /// `attestor`'s voucher for this conversion with the code `text`, issued now.
    #[must_use]
    pub fn voucher(
        &self,
        attestor: &Keypair,
        text: &str,
        args: &Convert,
        expires_at: i64,
    ) -> Instruction {
        signed(attestor, &self.statement(text, args, expires_at))
    }

    /// This conversion with the code `text` of `referrer`, with [`Self::voucher`] before
    /// it.
    #[must_use]
    pub fn vouched(
        &self,
        attestor: &Keypair,
        referrer: &Pubkey,
        text: &str,
        args: &Convert,
        expires_at: i64,
    ) -> [Instruction; 2] {
        let statement = self.statement(text, args, expires_at);
        let args = Convert {
            evidence: vouched_by(&statement),
            ..*args
        };
        let convert = self.convert(referrer, text, &args);
        [signed(attestor, &statement), convert]
    }

    /// Base units in `owner`'s associated token account; 0 if it does not exist.
    #[must_use]
    pub fn balance(&self, owner: &Pubkey) -> u64 {
        let (address, _) = pda::associated_token(owner, &self.mint.pubkey(), &self.token_program);
        self.tokens(&address)
    }

    /// Decodes the program's account at `address`.
    ///
    /// # Panics
    /// When no account of this type is there.
    #[must_use]
    pub fn read<T: AccountType>(&self, address: &Pubkey) -> T {
        let account = self.svm.get_account(address).expect("an account");
        assert_eq!(account.owner, PROGRAM_ID);
        T::decode(&account.data).expect("an account of this type")
    }

    /// Changes the account at `address`.
    ///
    /// # Panics
    /// When the account does not exist.
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
    /// When the account does not exist.
    pub fn write<T: AccountType + BorshSerialize>(&mut self, address: &Pubkey, value: &T) {
        let body = borsh::to_vec(value).expect("no account fails to serialize");
        self.change(address, |account| account.data[8..].copy_from_slice(&body));
    }

    /// Puts `lamports` at an address without an account.
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

    /// The supply of the world's mint, in base units.
    ///
    /// # Panics
    /// When the mint does not exist.
    #[must_use]
    pub fn supply(&self) -> u64 {
        let mint = self.svm.get_account(&self.mint.pubkey()).expect("the mint");
        let supply = mint.data[36..44].try_into().expect("eight bytes");
        u64::from_le_bytes(supply)
    }

    /// Opens another campaign with a new mint; the world keeps its own mint.
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

/// A token account of the Token program with this state byte: 0 uninitialised, 1
/// initialised, 2 frozen.
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

/// The Ed25519 instruction of `attestor`'s voucher with this statement.
#[must_use]
pub fn signed(attestor: &Keypair, statement: &Statement) -> Instruction {
    let message = voucher::message(statement);
    let signature = attestor.sign_message(&message);
    voucher::instruction(&attestor.pubkey(), signature.as_array(), &message)
}

/// The evidence of a conversion whose voucher has this statement.
#[must_use]
pub fn vouched_by(statement: &Statement) -> Evidence {
    Evidence::Voucher {
        digest: voucher::digest(&voucher::message(statement)),
    }
}

/// An error of the runtime or the framework, in the instruction with this index.
#[must_use]
pub const fn other(index: u8, error: InstructionError) -> Refused {
    Refused::Other(TransactionError::InstructionError(index, error))
}
