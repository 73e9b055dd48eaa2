use anchor_lang::{address_eq, cpi::CpiSeed, prelude::*};

use crate::{
    clock, pda, token, Campaign, Conversion, Existing, Referral, ReferralConverted, ReferralError,
    ACTION_MAX, SETTLED_REFERRER, STATUS_PAID, VERSION,
};

/// Accounts of `convert`.
#[derive(Accounts)]
pub struct Convert {
    /// Pays the rent, and may be a sponsor. Safe: it signs.
    /// May be `referee` as well: nothing here keeps a typed view of its data.
    #[account(mut, unsafe(dup))]
    pub payer: Signer,
    /// The wallet that was referred. Safe: it signs, so nobody is converted
    /// without knowing.
    pub referee: Signer,
    /// The campaign. Safe: owned by this program, with its discriminator. Not
    /// written, so that conversions of different referrers run in parallel.
    pub campaign: Existing<Campaign>,
    /// The referral that is credited. Safe: owned by this program, with its
    /// discriminator; the handler compares its campaign and its code.
    #[account(mut)]
    pub referral: Existing<Referral>,
    /// The conversion to be. Safe: the address is derived here with the canonical
    /// bump, and the account must not exist yet.
    #[account(
        mut,
        seeds = [pda::CONVERSION, campaign.address().as_ref(), referee.address().as_ref()],
        bump
    )]
    pub conversion: UncheckedAccount,
    /// Token of the rewards. Safe: the handler compares it with the campaign's.
    #[account(mut)]
    pub mint: UncheckedAccount,
    /// Receives the reward. Safe: the handler derives the address of the
    /// referrer's associated token account and reads its owner, mint and state.
    #[account(mut)]
    pub referrer_token: UncheckedAccount,
    /// Mints. Safe: the handler compares it with the campaign's.
    pub token_program: UncheckedAccount,
    /// Creates the account. Safe: checked by address.
    pub system_program: Program<System>,
}

impl Convert {
    /// Everything that can be refused, before anything is written.
    fn validate(&self, code: &[u8; 12], action: u8, now: i64) -> Result<()> {
        let (campaign, referral) = (&self.campaign, &self.referral);
        require!(
            address_eq(&referral.campaign, campaign.address()),
            ReferralError::WrongCampaign
        );
        require!(referral.code == *code, ReferralError::CodeMismatch);
        require!(
            !address_eq(&referral.owner, self.referee.address()),
            ReferralError::SelfReferral
        );
        require!(action <= ACTION_MAX, ReferralError::InvalidAction);
        campaign.check_open(now)?;
        referral.check_earning(now)?;
        require!(
            address_eq(&campaign.mint, self.mint.address()),
            ReferralError::WrongMint
        );
        require!(
            address_eq(&campaign.token_program, self.token_program.address()),
            ReferralError::WrongTokenProgram
        );
        pda::check_vacant(self.conversion.account(), ReferralError::AlreadyConverted)?;
        token::check_receiver(
            self.referrer_token.account(),
            &referral.owner,
            &campaign.mint,
            &campaign.token_program,
            referral.reward_account_bump,
        )
    }
}

impl Convert {
    /// Records the conversion and pays the referrer.
    pub fn handle(
        ctx: &mut Context<Self>,
        code: [u8; 12],
        action: u8,
        amount: u64,
        reference: [u8; 32],
    ) -> Result<()> {
        let now = clock::now()?;
        ctx.accounts.validate(&code, action, now)?;

        let bump = ctx.bumps.conversion;
        let accounts = &mut ctx.accounts;
        let campaign_address = *accounts.campaign.address();
        let referral_address = *accounts.referral.address();
        let referee = *accounts.referee.address();
        let reward = accounts.campaign.reward_fixed.get();

        let conversion = Conversion {
            version: VERSION,
            bump,
            status: STATUS_PAID,
            settled: SETTLED_REFERRER,
            action,
            referral: referral_address,
            referee,
            rent_payer: *accounts.payer.address(),
            reference,
            amount: amount.into(),
            reward_referrer: reward.into(),
            reward_referee: 0.into(),
            reward_partner: 0.into(),
            converted_at: now.into(),
            hold_seconds: 0.into(),
        };
        pda::create(
            accounts.payer.account(),
            &mut accounts.conversion.account().clone(),
            &[
                pda::CONVERSION,
                campaign_address.as_ref(),
                referee.as_ref(),
                &[bump],
            ],
            &conversion,
        )?;

        accounts.referral.count_paid(reward)?;
        accounts.referral.invariant()?;

        let campaign = &accounts.campaign;
        let id = campaign.id.get().to_le_bytes();
        let campaign_bump = [campaign.bump];
        token::mint_to(
            &campaign.token_program,
            accounts.mint.account(),
            accounts.referrer_token.account(),
            campaign.account(),
            reward,
            &[
                CpiSeed::from(pda::CAMPAIGN),
                CpiSeed::from(campaign.creator.as_ref()),
                CpiSeed::from(id.as_ref()),
                CpiSeed::from(campaign_bump.as_ref()),
            ],
        )?;
        emit!(ReferralConverted {
            conversion: *accounts.conversion.address(),
            referral: referral_address,
            referee,
            reward,
        });
        Ok(())
    }
}
