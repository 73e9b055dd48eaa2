//! The modes, each with its own campaign, and the sending of their transactions.

use anyhow::{Context as _, Result, ensure};
use solana_sdk::{
    instruction::Instruction,
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
    transaction::Transaction,
};
use solana_system_interface::instruction::{transfer, transfer_many};
use vouch_client::{
    accounts::{Campaign, Funding, Proof, Referral, Settings, Terms},
    instructions::{self, Convert, CreateCampaign, CreateReferral, Offer, Purchase},
    pda, token,
};

use super::flood::{flood, on_chain, signed};
use crate::{
    campaign::{DECIMALS, REWARD},
    chain::Chain,
};

/// Number of referrers of a campaign, and of pairs for plain transfers.
pub(super) const REFERRERS: usize = 50;
/// Lamports that the faucet gives each company: 100 SOL.
const FUNDS: u64 = 100_000_000_000;
/// Lamports of a fresh wallet: enough for the price, the conversion's rent, the fee, and
/// its own rent.
const WALLET: u64 = 10_000_000;
/// Lamports that a buyer pays; a tenth is the reward.
const PRICE: u64 = 5_000_000;
/// The kind of transaction: conversions of a campaign, or plain transfers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Transfers,
    Minted,
    Vault,
    SplitSol,
    Held,
}

impl Mode {
    pub(super) const ALL: [Self; 5] = [
        Self::Transfers,
        Self::Minted,
        Self::Vault,
        Self::SplitSol,
        Self::Held,
    ];

    /// The mode's name, and the accounts that all of its transactions write.
    pub(super) const fn names(self) -> [&'static str; 2] {
        match self {
            Self::Transfers => ["plain transfers of SOL", "none"],
            Self::Minted => ["`convert`, minted", "mint"],
            Self::Vault => ["`convert`, from a vault", "campaign, vault"],
            Self::SplitSol => ["`purchase`, split in SOL", "treasury"],
            Self::Held => ["`convert`, minted, with a hold", "none"],
        }
    }
}

/// The accounts and keys of one mode.
pub(super) struct Scene {
    pub(super) mode: Mode,
    /// Pays for everything.
    company: Keypair,
    /// Owners of the codes, or receivers of the plain transfers.
    people: Vec<Keypair>,
    /// Senders of the plain transfers.
    senders: Vec<Keypair>,
    campaign: Option<(Pubkey, Campaign)>,
    referrals: Vec<Referral>,
    pub(super) rounds: Vec<Round>,
}

/// The result of one round of a mode.
pub(super) struct Round {
    pub(super) per_second: f64,
    /// Transactions per slot, from the first slot with one to the last.
    pub(super) per_slot: Vec<u64>,
    /// Compute units and cost units of each transaction.
    pub(super) units: Vec<(u64, u64)>,
}

impl Scene {
    /// Opens a campaign of this mode with referrers whose reward accounts exist.
    pub(super) async fn open(chain: &Chain, mode: Mode) -> Result<Self> {
        let keys = |count| (0..count).map(|_| Keypair::new()).collect::<Vec<_>>();
        let mut scene = Self {
            mode,
            company: Keypair::new(),
            people: keys(REFERRERS),
            senders: keys(if mode == Mode::Transfers {
                REFERRERS
            } else {
                0
            }),
            campaign: None,
            referrals: Vec::new(),
            rounds: Vec::new(),
        };
        chain.airdrop(&scene.company.pubkey(), FUNDS).await?;
        let wallets: Vec<Pubkey> = scene.people.iter().map(Keypair::pubkey).collect();
        scene.fund(chain, &wallets, WALLET).await?;
        let senders: Vec<Pubkey> = scene.senders.iter().map(Keypair::pubkey).collect();
        scene.fund(chain, &senders, 100 * WALLET).await?;
        if mode == Mode::Transfers {
            return Ok(scene);
        }
        let (address, campaign) = scene.open_campaign(chain).await?;
        let blockhash = chain.rpc().get_latest_blockhash().await?;
        let mut transactions = Vec::new();
        for (i, owner) in scene.people.iter().enumerate() {
            let code = format!("BENCH{}{}", 2 + i / 8, 2 + i % 8).parse()?;
            let [company, wallet] = [&scene.company, owner].map(Keypair::pubkey);
            let args = CreateReferral::new(&company, &wallet, &address, &code);
            let mut steps = vec![instructions::create_referral(&args)];
            if !campaign.rewards_are_sol() {
                let (mint, program) = (&campaign.mint, &campaign.token_program);
                let account = token::create_associated_token(&company, &wallet, mint, program);
                steps.push(account);
            }
            let signers = [&scene.company, owner];
            transactions.push(Transaction::new_signed_with_payer(
                &steps,
                Some(&company),
                &signers,
                blockhash,
            ));
            let referral = Referral::registered(&address, &campaign, &code, &wallet);
            scene.referrals.push(referral);
        }
        flood(chain, &transactions).await?;
        scene.campaign = Some((address, campaign));
        Ok(scene)
    }

    async fn open_campaign(&self, chain: &Chain) -> Result<(Pubkey, Campaign)> {
        let (mint, treasury) = (Keypair::new(), Keypair::new());
        let company = self.company.pubkey();
        let (address, _) = pda::campaign(&company, 1);
        let mut args = CreateCampaign {
            payer: company,
            authority: company,
            id: 1,
            mint: mint.pubkey(),
            payment_mint: Pubkey::default(),
            token_program: token::TOKEN_PROGRAM_ID,
            terms: Terms::default(),
            settings: Settings::fixed(REWARD),
        };
        let mut steps = Vec::new();
        let mut signers = vec![&self.company];
        if self.mode == Mode::SplitSol {
            args.mint = Pubkey::default();
            args.token_program = Pubkey::default();
            args.terms.funding = Funding::PaymentSplit;
            args.terms.proof = Proof::Payment;
            args.settings = Settings::percent(1_000, PRICE);
            args.settings.treasury = treasury.pubkey();
            steps.push(transfer(&company, &treasury.pubkey(), WALLET));
        } else {
            let size = token::MINT_SIZE as usize;
            let rent = chain.rpc().get_minimum_balance_for_rent_exemption(size);
            steps.extend(token::create_mint(
                &company,
                &args.mint,
                &company,
                DECIMALS,
                rent.await?,
            ));
            signers.push(&mint);
        }
        let program = &args.token_program;
        match self.mode {
            Mode::Vault => {
                args.terms.funding = Funding::Vault;
                let (vault, _) = pda::vault(&address, &args.mint, program);
                steps.extend([
                    token::create_associated_token(&company, &address, &args.mint, program),
                    token::mint_to(program, &args.mint, &vault, &company, 1_000_000 * REWARD),
                ]);
            }
            Mode::Minted | Mode::Held => {
                steps.push(token::set_mint_authority(&args.mint, &company, &address));
            }
            Mode::Transfers | Mode::SplitSol => {}
        }
        if self.mode == Mode::Held {
            args.settings.hold_seconds = 86_400;
        }
        steps.push(instructions::create_campaign(&args));
        chain.run_ok(&steps, &signers).await?;
        Ok((address, chain.read(&address).await?))
    }

    /// Gives each of `wallets` this many lamports.
    async fn fund(&self, chain: &Chain, wallets: &[Pubkey], lamports: u64) -> Result<()> {
        let blockhash = chain.rpc().get_latest_blockhash().await?;
        let transactions: Vec<Transaction> = wallets
            .chunks(20)
            .map(|some| {
                let transfers: Vec<_> = some.iter().map(|wallet| (*wallet, lamports)).collect();
                let steps = transfer_many(&self.company.pubkey(), &transfers);
                signed(&steps, &self.company, blockhash)
            })
            .collect();
        flood(chain, &transactions).await.map(drop)
    }

    /// Sends `count` transactions, one per wallet, and measures.
    pub(super) async fn play(&mut self, chain: &Chain, count: usize) -> Result<()> {
        let fresh: Vec<Keypair> = match self.mode {
            Mode::Transfers => Vec::new(),
            _ => (0..count).map(|_| Keypair::new()).collect(),
        };
        let wallets: Vec<Pubkey> = fresh.iter().map(Keypair::pubkey).collect();
        let funds = u64::try_from(wallets.len() + 10)? * WALLET;
        chain.airdrop(&self.company.pubkey(), funds).await?;
        let funded = self.fund(chain, &wallets, WALLET).await;
        funded.context("cannot fund the fresh wallets")?;
        let steps: Vec<(Instruction, &Keypair)> = (0..count)
            .map(|i| {
                let Some((address, campaign)) = &self.campaign else {
                    // The amount differs each time, so no two transactions are equal.
                    let sender = &self.senders[i % REFERRERS];
                    let receiver = self.people[i % REFERRERS].pubkey();
                    let lamports = 1 + u64::try_from(i + self.rounds.len() * count)?;
                    return Ok((transfer(&sender.pubkey(), &receiver, lamports), sender));
                };
                let (wallet, referral) = (&fresh[i], &self.referrals[i % REFERRERS]);
                // No settings were announced, so they are the same at any time.
                let now = campaign.created_at;
                let offer = Offer::at(*address, campaign, referral, now)?;
                let step = if self.mode == Mode::SplitSol {
                    let purchase = Purchase::new(&wallet.pubkey(), PRICE, [0; 32]);
                    instructions::purchase(&offer, &purchase)
                } else {
                    instructions::convert(&offer, &Convert::signup(&wallet.pubkey()))
                };
                Ok((step, wallet))
            })
            .collect::<Result<_>>()?;
        let blockhash = chain.rpc().get_latest_blockhash().await?;
        let transactions: Vec<Transaction> = steps
            .into_iter()
            .map(|(step, payer)| signed(&[step], payer, blockhash))
            .collect();
        let (signatures, elapsed) = flood(chain, &transactions).await?;
        let (per_slot, units) = on_chain(chain, &signatures).await?;
        self.rounds.push(Round {
            per_second: count as f64 / elapsed.as_secs_f64(),
            per_slot,
            units,
        });
        Ok(())
    }

    /// Checks that every conversion is counted, and paid unless it is held.
    pub(super) async fn check(&self, chain: &Chain, expected: u64) -> Result<()> {
        let Some((address, _)) = &self.campaign else {
            return Ok(());
        };
        let (mut conversions, mut open) = (0, 0);
        for referral in &self.referrals {
            let referral: Referral = chain
                .read(&pda::referral(address, &referral.code()?))
                .await?;
            conversions += referral.conversions;
            open += referral.open_conversions;
        }
        let held = if self.mode == Mode::Held { expected } else { 0 };
        ensure!(
            (conversions, open) == (expected, held),
            "{}: {conversions} conversions, {open} open, of {expected}",
            self.mode.names()[0]
        );
        Ok(())
    }
}
