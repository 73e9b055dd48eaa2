//! Steps that many tests take.

use solana_sdk::{
    account::Account as ChainAccount,
    instruction::Instruction,
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
};
use vouch_client::{
    ProgramError, Share,
    accounts::{Action, Conversion, Proof, Referral, Referrer, Settings, Terms},
    instructions::{self, Bind, Convert, Evidence},
    pda, token,
};

use crate::{Refused, SOL, World, code};

impl From<ProgramError> for Refused {
    fn from(error: ProgramError) -> Self {
        Self::Program(error)
    }
}

impl World {
    /// Sends a transaction and expects exactly this refusal.
    ///
    /// # Panics
    /// When it succeeds, or fails for another reason.
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

    /// Sends a transaction and expects success.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn land(&mut self, instructions: &[Instruction], signers: &[&Keypair]) {
        let outcome = self.send(instructions, signers);
        assert_eq!(outcome.map(|_| ()), Ok(()));
    }

    /// The address of the referral with the code `text`.
    #[must_use]
    pub fn referral_address(&self, text: &str) -> Pubkey {
        pda::referral(&self.campaign, &code(text))
    }

    /// The key of `referee`'s conversion with the code `text` and this `reference`.
    #[must_use]
    pub fn conversion_key(&self, text: &str, referee: &Pubkey, reference: &[u8; 32]) -> [u8; 32] {
        let terms = self.campaign().terms();
        terms.conversion_key(referee, &self.referral_address(text), reference)
    }

    /// The address of `referee`'s conversion with the code `text` and this `reference`.
    #[must_use]
    pub fn conversion_address(&self, text: &str, referee: &Pubkey, reference: &[u8; 32]) -> Pubkey {
        let key = self.conversion_key(text, referee, reference);
        pda::conversion(&self.campaign, &key)
    }

    /// The instruction that returns the rent of `referee`'s conversion with the code
    /// `text` and this `reference`.
    ///
    /// # Panics
    /// When the conversion does not exist.
    #[must_use]
    pub fn reclaim(&self, text: &str, referee: &Pubkey, reference: &[u8; 32]) -> Instruction {
        let key = self.conversion_key(text, referee, reference);
        let conversion: Conversion = self.read(&pda::conversion(&self.campaign, &key));
        instructions::reclaim_conversion(&self.campaign, &self.campaign(), key, &conversion)
    }

    /// The address of `owner`'s account in a campaign that counts per owner.
    #[must_use]
    pub fn referrer_address(&self, owner: &Pubkey) -> Pubkey {
        pda::referrer(&self.campaign, owner)
    }

    /// `owner`'s account in a campaign that counts per owner.
    #[must_use]
    pub fn counted(&self, owner: &Pubkey) -> Referrer {
        self.read(&self.referrer_address(owner))
    }

    /// Registers `owner` in a campaign that counts per owner. [`World::referrer`]
    /// includes this.
    ///
    /// # Panics
    /// When the program refuses.
    pub fn register(&mut self, owner: &Keypair) {
        let wallet = owner.pubkey();
        let register = instructions::register_referrer(&wallet, &wallet, &self.campaign);
        self.send(&[register], &[owner]).expect("registered");
    }

    /// Registers another code for `owner`, whose other accounts exist.
    ///
    /// # Panics
    /// When the program refuses.
    pub fn another_code(&mut self, owner: &Keypair, text: &str) {
        let create = self.registration(&owner.pubkey(), text);
        self.send(&[create], &[owner]).expect("a referral");
    }

    /// The address of `wallet`'s binding.
    #[must_use]
    pub fn binding_address(&self, wallet: &Pubkey) -> Pubkey {
        pda::binding(&self.campaign, wallet)
    }

    /// The binding of `wallet`, which is bound to the code `lost`, to the code `text`. It
    /// needs a `lost` code that cannot earn any more.
    ///
    /// # Panics
    /// When the campaign counts per owner and `lost` was closed, because its owner is
    /// unknown.
    #[must_use]
    pub fn bind_anew(&self, wallet: &Pubkey, lost: &str, text: &str) -> Instruction {
        let bound = self.referral_address(lost);
        let referrer = self.campaign().per_owner.then(|| {
            let referral: Referral = self.read(&bound);
            self.referrer_address(&referral.owner)
        });
        instructions::bind(&Bind {
            bound: Some((bound, referrer)),
            ..self.touch(wallet, wallet, text)
        })
    }

    /// Gives `wallet` the credential that the settings in force require, valid until
    /// before `expiry` in unix seconds, 0 for ever. Returns its address.
    ///
    /// # Panics
    /// When the chain refuses.
    pub fn give_credential(&mut self, wallet: &Pubkey, expiry: i64) -> Pubkey {
        let campaign = self.campaign();
        let settings = campaign.in_force(self.time());
        let (issuer, schema) = (&settings.gate_credential, &settings.gate_schema);
        let address = pda::attestation(issuer, schema, wallet);
        let account = credential(issuer, schema, wallet, expiry);
        self.svm
            .set_account(address, account)
            .expect("a valid account");
        address
    }

    /// The account that receives `owner`'s rewards.
    #[must_use]
    pub fn reward_account(&self, owner: &Pubkey) -> Pubkey {
        self.campaign().reward_account(owner)
    }

    /// `owner`'s balance in base units of the reward token, or in lamports.
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

    /// A new wallet with SOL and, unless rewards are SOL, a token account for them.
    pub fn receiver(&mut self) -> Keypair {
        let wallet = self.wallet();
        if !self.campaign().rewards_are_sol() {
            self.open_account(&wallet.pubkey());
        }
        wallet
    }

    /// Sets a new partner for the code `text` of `owner`, with `share_bps` of each
    /// reward.
    ///
    /// # Panics
    /// When the program refuses.
    pub fn partner(&mut self, owner: &Keypair, text: &str, share_bps: u16) -> Keypair {
        let share = Share {
            bps: share_bps,
            fixed: 0,
        };
        self.partner_with(owner, text, share)
    }

    /// Sets a new partner for the code `text` of `owner`, with this share of each reward.
    ///
    /// # Panics
    /// When the program refuses.
    pub fn partner_with(&mut self, owner: &Keypair, text: &str, share: Share) -> Keypair {
        let partner = self.receiver();
        let set = instructions::set_partner(
            &owner.pubkey(),
            &partner.pubkey(),
            &self.campaign,
            &self.referral_address(text),
            share,
        );
        self.send(&[set], &[owner, &partner]).expect("a partner");
        partner
    }

    /// The settings in force at the chain's time.
    #[must_use]
    pub fn settings(&self) -> Settings {
        *self.campaign().in_force(self.time())
    }

    /// The company's instruction that changes the settings in force.
    #[must_use]
    pub fn updating(&self, change: impl FnOnce(&mut Settings)) -> Instruction {
        let mut settings = self.settings();
        change(&mut settings);
        instructions::update_campaign(&self.company.pubkey(), &self.campaign, &settings)
    }

    /// Changes the settings in force. A cut takes effect after the campaign's notice.
    ///
    /// # Panics
    /// When the program refuses.
    pub fn update(&mut self, change: impl FnOnce(&mut Settings)) {
        let update = self.updating(change);
        let company = self.company.insecure_clone();
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

    /// Moves the chain's clock forward by this many seconds.
    pub fn wait(&mut self, seconds: i64) {
        let now = self.time();
        self.set_time(now + seconds);
    }

    /// Lamports at this address; 0 without an account.
    #[must_use]
    pub fn lamports(&self, address: &Pubkey) -> u64 {
        self.svm.get_balance(address).unwrap_or(0)
    }

    /// Opens a campaign with a new attestor, who must sign its conversions. It becomes
    /// the world's campaign.
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

    /// A conversion of `referee` worth `amount` with the code `text`, signed by
    /// `attestor`.
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

    /// Sends a [`Self::sale`] to a new wallet that can receive its part.
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

/// An attestation of the Solana Attestation Service about `wallet`, by `issuer` with
/// `schema`: <https://github.com/solana-foundation/solana-attestation-service>,
/// `program/src/state/attestation.rs`. `expiry` is in unix seconds, 0 for never.
#[must_use]
pub fn credential(issuer: &Pubkey, schema: &Pubkey, wallet: &Pubkey, expiry: i64) -> ChainAccount {
    let content = b"verified";
    let length = (content.len() as u32).to_le_bytes();
    let mut data = vec![2];
    // The program does not read the signer and the token account.
    let parts: [&[u8]; 8] = [
        wallet.as_ref(),
        issuer.as_ref(),
        schema.as_ref(),
        &length,
        content,
        &[0; 32],
        &expiry.to_le_bytes(),
        &[0; 32],
    ];
    for part in parts {
        data.extend_from_slice(part);
    }
    ChainAccount {
        lamports: SOL,
        data,
        owner: pda::ATTESTATION_SERVICE_ID,
        ..ChainAccount::default()
    }
}

/// The arguments of [`World::sale`].
#[must_use]
pub fn attested(referee: &Pubkey, attestor: &Pubkey, amount: u64) -> Convert {
    Convert {
        action: Action::Purchase,
        amount,
        evidence: Evidence::Attestor(*attestor),
        ..Convert::signup(referee)
    }
}
