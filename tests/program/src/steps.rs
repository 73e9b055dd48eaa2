//! Steps that many tests take.

use solana_sdk::{
    instruction::Instruction,
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
};
use vouch_client::{
    ProgramError,
    accounts::{Action, Campaign, Proof, Settings, Terms},
    instructions::{self, Convert, Evidence},
    pda, token,
};

use crate::{Refused, World, code};

impl From<ProgramError> for Refused {
    fn from(error: ProgramError) -> Self {
        Self::Program(error)
    }
}

impl World {
    /// Sends it and expects exactly this refusal.
    ///
    /// # Panics
    /// When it lands, or is refused for another reason.
    #[track_caller]
    pub fn refuse(
        &mut self,
        instructions: &[Instruction],
        signers: &[&Keypair],
        expected: impl Into<Refused>,
    ) {
        let outcome = self.send(instructions, signers);
        assert_eq!(outcome.map(|_| ()), Err(expected.into()));
    }

    /// Sends it and expects that it lands.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn land(&mut self, instructions: &[Instruction], signers: &[&Keypair]) {
        let outcome = self.send(instructions, signers);
        assert_eq!(outcome.map(|_| ()), Ok(()));
    }

    /// The address of the code `text`.
    #[must_use]
    pub fn referral_address(&self, text: &str) -> Pubkey {
        pda::referral(&self.campaign, &code(text)).0
    }

    /// Where `owner` receives the campaign's rewards.
    #[must_use]
    pub fn reward_account(&self, owner: &Pubkey) -> Pubkey {
        pda::reward_account(owner, &self.campaign())
    }

    /// Base units, or lamports, that `owner` has in the campaign's rewards.
    #[must_use]
    pub fn rewards(&self, owner: &Pubkey) -> u64 {
        let account = self.reward_account(owner);
        if self.campaign().rewards_are_sol() {
            self.svm.get_balance(&account).unwrap_or(0)
        } else {
            self.tokens(&account)
        }
    }

    /// Creates `owner`'s token account for the campaign's rewards.
    ///
    /// # Panics
    /// When the chain refuses.
    pub fn open_account(&mut self, owner: &Pubkey) -> Pubkey {
        let campaign = self.campaign();
        let company = self.company.insecure_clone();
        let create = token::create_associated_token(
            &company.pubkey(),
            owner,
            &campaign.mint,
            &campaign.token_program,
        );
        self.send(&[create], &[&company]).expect("a token account");
        pda::associated_token(owner, &campaign.mint, &campaign.token_program).0
    }

    /// A new wallet with SOL and, where rewards are tokens, its account for them.
    pub fn receiver(&mut self) -> Keypair {
        let wallet = self.wallet();
        if !self.campaign().rewards_are_sol() {
            self.open_account(&wallet.pubkey());
        }
        wallet
    }

    /// Gives the code `text` of `owner` a new partner.
    ///
    /// # Panics
    /// When the program refuses.
    pub fn partner(&mut self, owner: &Keypair, text: &str, share_bps: u16) -> Keypair {
        let partner = self.receiver();
        let set = instructions::set_partner(
            &owner.pubkey(),
            &partner.pubkey(),
            &self.campaign,
            &self.referral_address(text),
            share_bps,
        );
        self.send(&[set], &[owner, &partner]).expect("a partner");
        partner
    }

    /// Replaces the campaign's settings by what `change` makes of them.
    ///
    /// # Panics
    /// When the program refuses.
    pub fn update(&mut self, change: impl FnOnce(&mut Settings)) {
        let campaign: Campaign = self.campaign();
        let mut settings = campaign.settings();
        change(&mut settings);
        let company = self.company.insecure_clone();
        let update = instructions::update_campaign(&company.pubkey(), &self.campaign, &settings);
        self.send(&[update], &[&company]).expect("updated");
    }

    /// Closes the campaign.
    ///
    /// # Panics
    /// When the program refuses.
    pub fn close(&mut self) {
        let company = self.company.insecure_clone();
        let close = instructions::close_campaign(&company.pubkey(), &self.campaign);
        self.send(&[close], &[&company]).expect("closed");
    }

    /// Moves the chain's clock on by this many seconds.
    pub fn wait(&mut self, seconds: i64) {
        let now = self.time();
        self.set_time(now + seconds);
    }

    /// Lamports at this address; 0 where there is nothing.
    #[must_use]
    pub fn lamports(&self, address: &Pubkey) -> u64 {
        self.svm.get_balance(address).unwrap_or(0)
    }

    /// Opens a campaign whose conversions this new attestor signs, and makes it the
    /// world's.
    ///
    /// # Panics
    /// When the program refuses it.
    pub fn open_attested(&mut self, terms: Terms, settings: Settings) -> Keypair {
        let attestor = Keypair::new();
        self.open(
            Terms {
                proof: Proof::Attested,
                ..terms
            },
            Settings {
                attestor: attestor.pubkey(),
                ..settings
            },
        );
        attestor
    }

    /// A conversion of `referee` worth `amount` by the code `text`, which `attestor`
    /// signs.
    #[must_use]
    pub fn sale(
        &self,
        text: &str,
        referee: &Pubkey,
        attestor: &Pubkey,
        amount: u64,
    ) -> Instruction {
        let args = attested(referee, attestor, amount);
        self.convert(&Pubkey::default(), text, &args)
    }

    /// Lands a [`Self::sale`] to a new wallet, which can receive its part.
    ///
    /// # Panics
    /// When the program refuses.
    #[track_caller]
    pub fn sell(&mut self, text: &str, attestor: &Keypair, amount: u64) -> Keypair {
        let referee = self.receiver();
        let sale = self.sale(text, &referee.pubkey(), &attestor.pubkey(), amount);
        self.land(&[sale], &[&referee, attestor]);
        referee
    }
}

/// What [`World::sale`] converts with.
#[must_use]
pub fn attested(referee: &Pubkey, attestor: &Pubkey, amount: u64) -> Convert {
    Convert {
        action: Action::Purchase,
        amount,
        evidence: Evidence::Attestor(*attestor),
        ..Convert::signup(referee)
    }
}
