//! A campaign and a code on a validator of one's own.

use std::time::Duration;

use solana_client::nonblocking::rpc_client::RpcClient;
use solana_commitment_config::CommitmentConfig;
use solana_sdk::{
    instruction::Instruction,
    pubkey::Pubkey,
    signature::{Keypair, Signature, Signer as _},
    transaction::Transaction,
};
use tokio::time::{Instant, sleep};
use vouch_client::{
    Code,
    accounts::{AccountType as _, Campaign, Conversion, Funding, Referral, Settings, Terms},
    instructions::{self, Convert, CreateCampaign, CreateReferral, Offer},
    pda, token,
};
use vouch_localnet::{GrpcOptions, Instance, Validator, ValidatorOptions, program_binary};

/// Time limit of everything that is waited for.
pub const DEADLINE: Duration = Duration::from_secs(90);
/// Lamports.
pub const SOL: u64 = 1_000_000_000;
/// Base units that the referrer earns with each conversion in the campaign.
pub const REWARD: u64 = 5_000_000;
const POLL: Duration = Duration::from_millis(50);
/// A slot takes 0.1 seconds, so that what is confirmed is final 3 seconds later instead of 13.
const TICKS_PER_SLOT: u16 = 16;

/// A validator with the program, and a client of it at `confirmed`.
///
/// # Panics
/// When it does not start.
pub async fn validator(instance: &Instance) -> (Validator, RpcClient) {
    validator_with(instance, None).await
}

/// [`validator`], which also serves Yellowstone gRPC.
async fn validator_with(instance: &Instance, grpc: Option<GrpcOptions>) -> (Validator, RpcClient) {
    let options = ValidatorOptions {
        program: Some(program_binary()),
        ticks_per_slot: Some(TICKS_PER_SLOT),
        grpc,
        ..ValidatorOptions::default()
    };
    let validator = Validator::start(instance.dir(), &options)
        .await
        .expect("a validator");
    let rpc = RpcClient::new_with_commitment(validator.rpc_url(), CommitmentConfig::confirmed());
    (validator, rpc)
}

/// Waits until the condition holds.
///
/// # Panics
/// When it does not hold in time.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds().await {
        assert!(Instant::now() < deadline, "still not so: {what}");
        sleep(POLL).await;
    }
}

/// Sends a transaction that `payer` pays, and waits until it is confirmed.
///
/// # Panics
/// When it fails, or the node does not answer.
pub async fn send(
    rpc: &RpcClient,
    payer: &Keypair,
    instructions: &[Instruction],
    signers: &[&Keypair],
) -> Signature {
    let mut all = vec![payer];
    all.extend(signers);
    let blockhash = rpc.get_latest_blockhash().await.expect("a blockhash");
    let payer = payer.pubkey();
    let transaction =
        Transaction::new_signed_with_payer(instructions, Some(&payer), &all, blockhash);
    rpc.send_and_confirm_transaction(&transaction)
        .await
        .expect("a confirmed transaction")
}

/// A validator on which a company has opened a campaign that mints [`REWARD`] for each sign-up,
/// and Alice has registered a code.
pub struct Scene {
    /// The validator.
    pub validator: Validator,
    /// A client of it, at `confirmed`.
    pub rpc: RpcClient,
    /// The campaign's authority, which pays everything.
    pub company: Keypair,
    /// The campaign's address.
    pub campaign: Pubkey,
    /// The campaign as it was opened.
    pub opened: Campaign,
    /// The code's owner.
    pub alice: Keypair,
    /// The code.
    pub code: Code,
    /// The transactions so far.
    pub story: Vec<Signature>,
    /// The folder of all parts.
    pub instance: Instance,
}

/// A campaign that pays from a vault, with a code.
#[derive(Debug)]
pub struct VaultCampaign {
    /// The campaign's address.
    pub address: Pubkey,
    /// The campaign as it was opened.
    pub opened: Campaign,
    referral: Referral,
}

impl Scene {
    /// Starts the validator in this folder, and plays the story.
    pub async fn new(instance: Instance) -> Self {
        Self::with(instance, Settings::fixed(REWARD)).await
    }

    /// [`Self::new`], with a campaign that has these settings.
    ///
    /// # Panics
    /// When a part of it fails.
    pub async fn with(instance: Instance, settings: Settings) -> Self {
        Self::serving(instance, settings, None).await
    }

    /// [`Self::with`], on a validator that also serves Yellowstone gRPC.
    ///
    /// # Panics
    /// When a part of it fails.
    pub async fn serving(
        instance: Instance,
        settings: Settings,
        grpc: Option<GrpcOptions>,
    ) -> Self {
        let (validator, rpc) = validator_with(&instance, grpc).await;
        let company = Keypair::new();
        fund(&rpc, &company.pubkey()).await;
        let alice = Keypair::new();
        let code: Code = "AZURE234".parse().expect("a code");
        let (campaign, _) = pda::campaign(&company.pubkey(), 1);
        let mint = Keypair::new();
        let rent = rpc
            .get_minimum_balance_for_rent_exemption(82)
            .await
            .expect("a rent");
        let [create, initialise] = token::create_mint(
            &company.pubkey(),
            &mint.pubkey(),
            &company.pubkey(),
            6,
            rent,
        );
        let open = [
            create,
            initialise,
            token::set_mint_authority(&mint.pubkey(), &company.pubkey(), &campaign),
            instructions::create_campaign(&CreateCampaign {
                payer: company.pubkey(),
                authority: company.pubkey(),
                id: 1,
                mint: mint.pubkey(),
                payment_mint: Pubkey::default(),
                token_program: token::TOKEN_PROGRAM_ID,
                terms: Terms::default(),
                settings,
            }),
        ];
        let opening = send(&rpc, &company, &open, &[&mint]).await;
        let data = rpc.get_account_data(&campaign).await.expect("the campaign");
        let opened = Campaign::decode(&data).expect("a campaign");
        let mut scene = Self {
            validator,
            rpc,
            company,
            campaign,
            opened,
            alice,
            code,
            story: vec![opening],
            instance,
        };
        let registration = scene.register(&scene.alice, &scene.code).await;
        scene.story.push(registration);
        scene
    }

    /// Sends a transaction that the company pays, and waits until it is confirmed.
    pub async fn send(&self, instructions: &[Instruction], signers: &[&Keypair]) -> Signature {
        send(&self.rpc, &self.company, instructions, signers).await
    }

    /// Registers a code, with the token account of its owner.
    pub async fn register(&self, owner: &Keypair, code: &Code) -> Signature {
        let company = self.company.pubkey();
        let create = [
            instructions::create_referral(&CreateReferral::new(
                &company,
                &owner.pubkey(),
                &self.campaign,
                code,
            )),
            token::create_associated_token(
                &company,
                &owner.pubkey(),
                &self.opened.mint,
                &token::TOKEN_PROGRAM_ID,
            ),
        ];
        self.send(&create, &[owner]).await
    }

    /// The referee's sign-up with Alice's code.
    pub fn conversion(&self, referee: &Keypair) -> Instruction {
        self.conversion_with(&self.code, &self.alice.pubkey(), referee)
    }

    /// The referee's sign-up with this owner's code. Its amount is the largest one.
    ///
    /// # Panics
    /// Never: the code is one.
    pub fn conversion_with(&self, code: &Code, owner: &Pubkey, referee: &Keypair) -> Instruction {
        let args = Convert {
            payer: self.company.pubkey(),
            amount: u64::MAX,
            ..Convert::signup(&referee.pubkey())
        };
        self.offer(code, owner, |offer| instructions::convert(offer, &args))
    }

    /// An instruction of this code.
    ///
    /// # Panics
    /// Never: the code is one.
    pub fn offer(
        &self,
        code: &Code,
        owner: &Pubkey,
        build: impl FnOnce(&Offer<'_>) -> Instruction,
    ) -> Instruction {
        let referral = Referral::registered(&self.campaign, &self.opened, code, owner);
        // No settings were announced, so they are the same at any time.
        let now = self.opened.created_at;
        let offer = Offer::at(self.campaign, &self.opened, &referral, now);
        build(&offer.expect("the code of a referral"))
    }

    /// The conversion as the chain has it.
    ///
    /// # Panics
    /// When there is none.
    pub async fn recorded(&self, conversion: &Pubkey) -> Conversion {
        let data = self.rpc.get_account_data(conversion).await;
        Conversion::decode(&data.expect("the conversion")).expect("a conversion")
    }

    /// Lets a new wallet convert. Returns the conversion and its transaction.
    pub async fn convert(&self) -> (Pubkey, Signature) {
        let referee = Keypair::new();
        let signature = self.send(&[self.conversion(&referee)], &[&referee]).await;
        let key = referee.pubkey().to_bytes();
        (pda::conversion(&self.campaign, &key), signature)
    }

    /// Lets many wallets convert at the same time.
    pub async fn convert_many(&self, count: usize) {
        futures::future::join_all((0..count).map(|_| self.convert())).await;
    }

    /// Opens a second campaign, which holds rewards for ten minutes and pays them from a vault, and
    /// registers a code in it. It has a mint of its own, of which the company is the authority, and
    /// `tokens` base units in the vault.
    ///
    /// # Panics
    /// When a part of it fails.
    pub async fn open_vault(&self, reward: u64, tokens: u64) -> VaultCampaign {
        let company = self.company.pubkey();
        let (mint, owner) = (Keypair::new(), Keypair::new());
        let rent = self.rpc.get_minimum_balance_for_rent_exemption(82).await;
        let (address, _) = pda::campaign(&company, 2);
        let program = token::TOKEN_PROGRAM_ID;
        let vault = pda::vault(&address, &mint.pubkey(), &program).0;
        let rent = rent.expect("a rent");
        let [create, initialise] = token::create_mint(&company, &mint.pubkey(), &company, 6, rent);
        let open = [
            create,
            initialise,
            token::create_associated_token(&company, &address, &mint.pubkey(), &program),
            instructions::create_campaign(&CreateCampaign {
                payer: company,
                authority: company,
                id: 2,
                mint: mint.pubkey(),
                payment_mint: Pubkey::default(),
                token_program: program,
                terms: Terms {
                    funding: Funding::Vault,
                    ..Terms::default()
                },
                settings: Settings {
                    hold_seconds: 600,
                    ..Settings::fixed(reward)
                },
            }),
            token::mint_to(&program, &mint.pubkey(), &vault, &company, tokens),
        ];
        self.send(&open, &[&mint]).await;
        let data = self.rpc.get_account_data(&address).await;
        let opened = Campaign::decode(&data.expect("the campaign")).expect("a campaign");
        let code: Code = "BRAVE234".parse().expect("a code");
        let register = CreateReferral::new(&company, &owner.pubkey(), &address, &code);
        let register = instructions::create_referral(&register);
        self.send(&[register], &[&owner]).await;
        VaultCampaign {
            referral: Referral::registered(&address, &opened, &code, &owner.pubkey()),
            address,
            opened,
        }
    }

    /// Lets a new wallet convert in this campaign.
    ///
    /// # Panics
    /// When it fails.
    pub async fn convert_in(&self, campaign: &VaultCampaign) {
        let VaultCampaign {
            address,
            opened,
            referral,
        } = campaign;
        let referee = Keypair::new();
        let convert = Convert {
            payer: self.company.pubkey(),
            ..Convert::signup(&referee.pubkey())
        };
        let offer = Offer::at(*address, opened, referral, opened.created_at);
        let convert = instructions::convert(&offer.expect("a code"), &convert);
        self.send(&[convert], &[&referee]).await;
    }

    /// Waits until everything that is confirmed now is final. Returns the slot.
    ///
    /// # Panics
    /// When it takes too long.
    pub async fn until_final(&self) -> u64 {
        let confirmed = self.rpc.get_slot().await.expect("a slot");
        until("everything is final", async || {
            let commitment = CommitmentConfig::finalized();
            let slot = self.rpc.get_slot_with_commitment(commitment).await;
            slot.expect("a slot") >= confirmed
        })
        .await;
        confirmed
    }
}

/// Gives a wallet 1,000 SOL.
///
/// # Panics
/// When the validator does not.
pub async fn fund(rpc: &RpcClient, wallet: &Pubkey) {
    let airdrop = rpc.request_airdrop(wallet, 1000 * SOL).await;
    let airdrop = airdrop.expect("an airdrop");
    until("the airdrop is confirmed", async || {
        rpc.confirm_transaction(&airdrop).await.expect("an answer")
    })
    .await;
}
