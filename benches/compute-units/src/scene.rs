//! The state on the chain that a row needs: a campaign, and for each wallet a code and
//! its owner.

use anyhow::Result;
use solana_sdk::{
    account::Account,
    instruction::{AccountMeta, Instruction},
    pubkey::Pubkey,
};
use vouch_client::{
    Share,
    accounts::{AccountType, Action, Campaign, Conversion, Referral, Settings, Terms},
    instructions::{self, Convert, CreateCampaign, CreateReferral, Offer},
    pda, token,
};

use crate::chain::{Binaries, Chain, NOW, code, wallet};

/// Base units for each conversion: 5 whole tokens of 6 decimals.
pub(crate) const REWARD: u64 = 5_000_000;
/// The id of each company's campaign.
pub(crate) const ID: u64 = 1;
/// Seconds after which everything of a closed campaign without a hold is over, and every
/// voucher has expired: 31 days.
pub(crate) const LAPSE: i64 = 31 * 86_400;
const NOBODY: Pubkey = Pubkey::new_from_array([0; 32]);

/// The terms and the tokens of a campaign.
pub(crate) struct Plan {
    pub(crate) terms: Terms,
    pub(crate) settings: Settings,
    /// Token program of the rewards; `None` for rewards in SOL.
    pub(crate) token_program: Option<Pubkey>,
    /// Whether payments are in the rewards' token; otherwise they are in SOL.
    pub(crate) paid_in_token: bool,
}

impl Default for Plan {
    /// Mints a fixed reward per wallet at once, without evidence.
    fn default() -> Self {
        Self {
            terms: Terms::default(),
            settings: Settings {
                reward_fixed: REWARD,
                ..Settings::default()
            },
            token_program: Some(token::TOKEN_PROGRAM_ID),
            paid_in_token: false,
        }
    }
}

/// A campaign on a chain.
pub(crate) struct Scene {
    pub(crate) chain: Chain,
    pub(crate) company: Pubkey,
    pub(crate) address: Pubkey,
    /// The campaign as it was opened.
    pub(crate) campaign: Campaign,
}

impl Scene {
    /// Opens the campaign of company 0.
    pub(crate) fn open(binaries: &Binaries, plan: &Plan) -> Result<Self> {
        let mut chain = Chain::new(binaries)?;
        let create = prepare_campaign(&mut chain, plan, 0)?;
        let company = wallet("company", 0);
        chain.send(&company, &[create])?;
        let (address, _) = pda::campaign(&company, ID);
        let campaign = Campaign::decode(&chain.get(&address)?.data)?;
        Ok(Self {
            chain,
            company,
            address,
            campaign,
        })
    }

    /// Registers wallet `index`'s code, and its owner where the campaign counts per owner.
    /// The owner needs [`Self::receives`] to receive tokens.
    pub(crate) fn register(&mut self, index: usize) -> Result<Pubkey> {
        let owner = wallet("owner", index);
        self.chain.fund(&owner)?;
        if self.campaign.per_owner {
            let register = self.register_referrer(index);
            self.chain.send(&owner, &[register])?;
        }
        let create = self.create_referral(index)?;
        self.chain.send(&owner, &[create])?;
        Ok(pda::referral(&self.address, &code(index)?))
    }

    pub(crate) fn create_referral(&self, index: usize) -> Result<Instruction> {
        let owner = wallet("owner", index);
        let args = CreateReferral {
            per_owner: self.campaign.per_owner,
            ..CreateReferral::new(&owner, &owner, &self.address, &code(index)?)
        };
        Ok(instructions::create_referral(&args))
    }

    /// The registration of wallet `index`'s owner.
    pub(crate) fn register_referrer(&self, index: usize) -> Instruction {
        let owner = wallet("owner", index);
        instructions::register_referrer(&owner, &owner, &self.address)
    }

    /// The agreement of wallet `index`'s owner with its partner, for a fifth of each
    /// reward.
    pub(crate) fn set_partner(&self, referral: &Pubkey, index: usize) -> Instruction {
        let (owner, partner) = (wallet("owner", index), wallet("partner", index));
        let share = Share {
            bps: 2_000,
            fixed: 0,
        };
        instructions::set_partner(&owner, &partner, &self.address, referral, share)
    }

    /// Gives `wallet` the credential that the campaign's gate asks for.
    pub(crate) fn certify(&mut self, wallet: &Pubkey) -> Result<()> {
        let settings = &self.campaign.settings;
        let (issuer, schema) = (settings.gate_credential, settings.gate_schema);
        let address = pda::attestation(&issuer, &schema, wallet);
        let data = attestation(&issuer, &schema, wallet);
        let account = Account {
            lamports: self.chain.rent(data.len()),
            data,
            owner: pda::ATTESTATION_SERVICE_ID,
            ..Account::default()
        };
        self.chain.set(&address, account)
    }

    /// Registers the code, opens its owner's token account, and funds the referee.
    pub(crate) fn pair(&mut self, index: usize) -> Result<Pubkey> {
        let referral = self.register(index)?;
        self.receives(&wallet("owner", index))?;
        self.chain.fund(&wallet("referee", index))?;
        Ok(referral)
    }

    /// Opens `owner`'s account for the rewards' token, unless rewards are SOL.
    pub(crate) fn receives(&mut self, owner: &Pubkey) -> Result<Pubkey> {
        if !self.campaign.rewards_are_sol() {
            let (mint, program) = (self.campaign.mint, self.campaign.token_program);
            open_account(&mut self.chain, &self.company, owner, &mint, &program)?;
        }
        Ok(self.campaign.reward_account(owner))
    }

    /// Opens `owner`'s account for the campaign's token and mints plenty to it.
    pub(crate) fn rich(&mut self, owner: &Pubkey) -> Result<Pubkey> {
        let account = self.receives(owner)?;
        let mint = mint_to(
            &self.campaign.token_program,
            &self.campaign.mint,
            &account,
            &self.company,
        );
        self.chain.send(&self.company, &[mint])?;
        Ok(account)
    }

    /// Calls `build` with the campaign and the referral in their present state.
    pub(crate) fn with_offer<T>(
        &self,
        referral: &Pubkey,
        build: impl FnOnce(&Offer<'_>) -> T,
    ) -> Result<T> {
        let referral = Referral::decode(&self.chain.get(referral)?.data)?;
        let offer = Offer::at(self.address, &self.campaign, &referral, NOW)?;
        Ok(build(&offer))
    }

    pub(crate) fn convert(&self, referral: &Pubkey, args: &Convert) -> Result<Instruction> {
        self.with_offer(referral, |offer| instructions::convert(offer, args))
    }

    /// Sends wallet `index`'s conversion. Returns its address and the account.
    pub(crate) fn converted(
        &mut self,
        referral: &Pubkey,
        index: usize,
    ) -> Result<(Pubkey, Conversion)> {
        let referee = wallet("referee", index);
        let convert = self.convert(referral, &signup(&referee))?;
        let address = convert.accounts[instructions::raw::ConvertAccounts::CONVERSION].pubkey;
        self.chain.send(&referee, &[convert])?;
        let conversion = Conversion::decode(&self.chain.get(&address)?.data)?;
        Ok((address, conversion))
    }

    pub(crate) fn sends(&mut self, instruction: Instruction) -> Result<()> {
        self.chain.send(&self.company, &[instruction])
    }

    /// Closes the campaign, and waits until nothing of it can be claimed any more.
    pub(crate) fn lapse(&mut self) -> Result<()> {
        let close = instructions::close_campaign(&self.company, &self.address);
        self.sends(close)?;
        self.chain.set_time(NOW + LAPSE);
        Ok(())
    }
}

/// A sign-up of `referee`, who also pays.
pub(crate) fn signup(referee: &Pubkey) -> Convert {
    Convert {
        action: Action::Signup,
        ..Convert::signup(referee)
    }
}

/// Prepares `create_campaign` for company `index`, and returns the instruction.
pub(crate) fn prepare_campaign(
    chain: &mut Chain,
    plan: &Plan,
    index: usize,
) -> Result<Instruction> {
    use vouch_client::accounts::{Funding, Proof};

    let company = wallet("company", index);
    let treasury = wallet("treasury", index);
    let (campaign, _) = pda::campaign(&company, ID);
    chain.fund(&company)?;
    chain.fund(&treasury)?;
    let (mut mint, mut settings) = (NOBODY, plan.settings);
    let mints = plan.terms.funding == Funding::MintAuthority;
    if let Some(program) = plan.token_program {
        mint = wallet("mint", index);
        let authority = if mints { &campaign } else { &company };
        let create = create_mint(chain, &company, &mint, authority, &program);
        chain.send(&company, &create)?;
        if !mints {
            open_account(chain, &company, &campaign, &mint, &program)?;
            let (vault, _) = pda::vault(&campaign, &mint, &program);
            chain.send(&company, &[mint_to(&program, &mint, &vault, &company)])?;
        }
    }
    if plan.terms.proof == Proof::Payment {
        settings.treasury = match plan.token_program {
            Some(program) if plan.paid_in_token => {
                open_account(chain, &company, &treasury, &mint, &program)?;
                pda::associated_token(&treasury, &mint, &program).0
            }
            _ => treasury,
        };
    }
    Ok(instructions::create_campaign(&CreateCampaign {
        payer: company,
        authority: company,
        id: ID,
        mint,
        payment_mint: if plan.paid_in_token { mint } else { NOBODY },
        token_program: plan.token_program.unwrap_or_default(),
        terms: plan.terms,
        settings,
    }))
}

fn open_account(
    chain: &mut Chain,
    payer: &Pubkey,
    owner: &Pubkey,
    mint: &Pubkey,
    program: &Pubkey,
) -> Result<()> {
    let open = token::create_associated_token(payer, owner, mint, program);
    chain.send(payer, &[open])
}

/// The instructions to create a mint of either token program; both have the same ones.
fn create_mint(
    chain: &Chain,
    payer: &Pubkey,
    mint: &Pubkey,
    authority: &Pubkey,
    program: &Pubkey,
) -> [Instruction; 2] {
    let rent = chain.rent(82);
    let [mut create, mut initialize] = token::create_mint(payer, mint, authority, 6, rent);
    // The System program's `CreateAccount` ends with the owner of the account.
    let owner = create.data.len() - 32;
    create.data[owner..].copy_from_slice(program.as_ref());
    initialize.program_id = *program;
    [create, initialize]
}

/// The bytes of a credential of the Solana Attestation Service about `wallet` that never
/// expires: <https://github.com/solana-foundation/solana-attestation-service>,
/// `program/src/state/attestation.rs`.
fn attestation(issuer: &Pubkey, schema: &Pubkey, wallet: &Pubkey) -> Vec<u8> {
    const ATTESTATION: u8 = 2;
    let content = b"verified";
    let length = (content.len() as u32).to_le_bytes();
    let parts: [&[u8]; 9] = [
        &[ATTESTATION],
        wallet.as_ref(),
        issuer.as_ref(),
        schema.as_ref(),
        &length,
        content,
        // Its signer, its expiry and its token account.
        &[0; 32],
        &0_i64.to_le_bytes(),
        &[0; 32],
    ];
    parts.concat()
}

/// Mints a million whole tokens.
fn mint_to(program: &Pubkey, mint: &Pubkey, account: &Pubkey, authority: &Pubkey) -> Instruction {
    const MINT_TO: u8 = 7;
    let amount: u64 = 1_000_000_000_000;
    Instruction {
        program_id: *program,
        accounts: vec![
            AccountMeta::new(*mint, false),
            AccountMeta::new(*account, false),
            AccountMeta::new_readonly(*authority, true),
        ],
        data: [&[MINT_TO], amount.to_le_bytes().as_slice()].concat(),
    }
}
