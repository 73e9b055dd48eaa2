#![allow(
    unused_variables,
    reason = "the derive binds the arguments once more where it does not need them"
)]

use anchor_lang::{address_eq, prelude::*};
use bytemuck::Zeroable;

use crate::{
    check_expiry, clock, log, pda, reward_account, Campaign, Existing, Referral, ReferralCreated,
    ReferralError, VERSION,
};

/// Accounts of `create_referral`.
#[derive(Accounts)]
#[instruction(code: [u8; 12])]
pub struct CreateReferral {
    /// Pays the rent. Safe: it signs.
    /// May be `owner` as well: nothing here keeps a typed view of its data.
    #[account(mut, unsafe(dup))]
    pub payer: Signer,
    /// Who will earn the code's rewards. Safe: it signs, so nobody is made a
    /// referrer without knowing.
    pub owner: Signer,
    /// The campaign. Safe: owned by this program, with its discriminator.
    pub campaign: Existing<Campaign>,
    /// The referral to be. Safe: the address is derived here with the canonical
    /// bump, and the account must not exist yet.
    #[account(
        mut,
        seeds = [pda::REFERRAL, campaign.address().as_ref(), pda::code_seed(&code)],
        bump
    )]
    pub referral: UncheckedAccount,
    /// The campaign's attestor, where codes need its signature. Safe: it signs, and
    /// the handler compares it.
    pub attestor: Option<Signer>,
    /// Creates the account. Safe: checked by address.
    pub system_program: Program<System>,
}

impl CreateReferral {
    /// Registers the code.
    pub fn handle(
        ctx: &mut Context<Self>,
        padded: [u8; 12],
        usage_limit: u64,
        expires_at: i64,
    ) -> Result<()> {
        let now = clock::now()?;
        let accounts = &mut ctx.accounts;
        let code = pda::parse_code(&padded)?;
        require!(accounts.campaign.closed == 0, ReferralError::CampaignClosed);
        if accounts.campaign.attested_codes == 1 {
            let attestor = accounts.attestor.as_ref();
            let attestor = attestor.ok_or(ReferralError::AttestationRequired)?;
            require!(
                address_eq(attestor.address(), &accounts.campaign.attestor),
                ReferralError::WrongAttestor
            );
        }
        check_expiry(expires_at, now)?;
        pda::check_vacant(accounts.referral.account(), ReferralError::CodeTaken)?;

        let address = *accounts.referral.address();
        let campaign = *accounts.campaign.address();
        let owner = *accounts.owner.address();
        let bump = ctx.bumps.referral;
        let referral = Referral {
            version: VERSION,
            bump,
            code_len: code.len(),
            active: 1,
            code: padded,
            campaign,
            owner,
            rent_payer: *accounts.payer.address(),
            reward_account: reward_account(&accounts.campaign, &owner).0,
            usage_limit: usage_limit.into(),
            expires_at: expires_at.into(),
            created_at: now.into(),
            ..Referral::zeroed()
        };
        referral.invariant()?;
        pda::create(
            accounts.payer.account(),
            &mut accounts.referral.account().clone(),
            &[pda::REFERRAL, campaign.as_ref(), code.as_bytes(), &[bump]],
            &referral,
        )?;
        log(&ReferralCreated {
            referral: address,
            campaign,
            owner,
            code: padded,
        });
        Ok(())
    }
}
