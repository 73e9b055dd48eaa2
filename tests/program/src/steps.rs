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
        pda::referral(&self.campaign, &code(text))
    }

    /// The key of the conversion of `referee` by the code `text`, which has this
    /// `reference`.
    #[must_use]
    pub fn conversion_key(&self, text: &str, referee: &Pubkey, reference: &[u8; 32]) -> [u8; 32] {
        let terms = self.campaign().terms();
        pda::conversion_key(terms, referee, &self.referral_address(text), reference)
    }

    /// The address of the conversion of `referee` by the code `text`, which has this
    /// `reference`.
    #[must_use]
    pub fn conversion_address(&self, text: &str, referee: &Pubkey, reference: &[u8; 32]) -> Pubkey {
        let key = self.conversion_key(text, referee, reference);
        pda::conversion(&self.campaign, &key)
    }

    /// What gives the rent back of the conversion of `referee` by the code `text`, which
    /// has this `reference`.
    ///
    /// # Panics
    /// When there is no such conversion.
    #[must_use]
    pub fn reclaim(&self, text: &str, referee: &Pubkey, reference: &[u8; 32]) -> Instruction {
        let key = self.conversion_key(text, referee, reference);
        let conversion: Conversion = self.read(&pda::conversion(&self.campaign, &key));
        instructions::reclaim_conversion(&self.campaign, &self.campaign(), key, &conversion)
    }

    /// The account of `owner` in a campaign that counts per owner.
    #[must_use]
    pub fn referrer_address(&self, owner: &Pubkey) -> Pubkey {
        pda::referrer(&self.campaign, owner)
    }

    /// What a campaign that counts per owner counts of `owner`.
    #[must_use]
    pub fn counted(&self, owner: &Pubkey) -> Referrer {
        self.read(&self.referrer_address(owner))
    }

    /// Registers `owner`, in a campaign that counts per owner. [`World::referrer`] does so
    /// by itself.
    ///
    /// # Panics
    /// When the program refuses.
    pub fn register(&mut self, owner: &Keypair) {
        let wallet = owner.pubkey();
        let register = instructions::register_referrer(&wallet, &wallet, &self.campaign);
        self.send(&[register], &[owner]).expect("registered");
    }

    /// Registers another code for `owner`, who has what that takes.
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

    /// The touch of `wallet`, which is bound to the code `lost`, by the code `text`; for
    /// codes that cannot earn any more.
    ///
    /// # Panics
    /// When the campaign counts per owner and `lost` was closed: its owner is not known.
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

    /// Gives `wallet` the credential that the settings in force ask for, valid until before
    /// `expiry` in unix seconds, 0 for ever. Returns its address.
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

    /// Gives the code `text` of `owner` a new partner with `share_bps` of each reward.
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

    /// Gives the code `text` of `owner` a new partner with this part of each reward.
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

    /// The company's update of the settings in force to what `change` makes of them.
    #[must_use]
    pub fn updating(&self, change: impl FnOnce(&mut Settings)) -> Instruction {
        let mut settings = self.settings();
        change(&mut settings);
        instructions::update_campaign(&self.company.pubkey(), &self.campaign, &settings)
    }

    /// Replaces the settings in force by what `change` makes of them; a cut takes effect
    /// after the campaign's notice.
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

/// An attestation of the Solana Attestation Service about `wallet`, by `issuer` with
/// `schema`: <https://github.com/solana-foundation/solana-attestation-service>,
/// `program/src/state/attestation.rs`. `expiry` is in unix seconds, 0 for never.
#[must_use]
pub fn credential(issuer: &Pubkey, schema: &Pubkey, wallet: &Pubkey, expiry: i64) -> ChainAccount {
    let content = b"verified";
    let length = (content.len() as u32).to_le_bytes();
    let mut data = vec![2];
    // Signer and token account are not read.
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
