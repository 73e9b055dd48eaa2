use anchor_lang::{address_eq, prelude::*};
use bytemuck::Zeroable;

use super::{check_expiry, check_registered, reward_account};
use crate::{
    account, clock, code::parse_code, log, Campaign, Existing, Referral, ReferralCreated,
    ReferralError, Referrer, VERSION,
};

/// Accounts of `create_referral`.
#[derive(Accounts)]
pub struct CreateReferral {
    /// Pays the rent.
    // Safe: it signs. May be `owner` as well: nothing here keeps a typed view of its data.
    #[account(mut, unsafe(dup))]
    pub payer: Signer,
    /// The owner, who earns the code's rewards.
    // Safe: it signs, so nobody is made a referrer without knowing.
    pub owner: Signer,
    /// The campaign.
    // Safe: owned by this program, with its discriminator.
    pub campaign: Existing<Campaign>,
    /// The referral to create.
    // Safe: the System program checks the address, and the account must not exist yet.
    #[account(mut)]
    pub referral: UncheckedAccount,
    /// The campaign's attestor, if codes need its signature.
    // Safe: it signs, and is compared with the campaign's attestor.
    pub attestor: Option<Signer>,
    /// The owner's account, in campaigns that count per owner.
    // Safe: owned by this program, with its discriminator; campaign and owner are compared.
    pub referrer: Option<Existing<Referrer>>,
    /// Creates the account.
    // Safe: checked by address.
    pub system_program: Program<System>,
}

impl CreateReferral {
    /// Registers the code.
    pub fn handle(
        ctx: &mut Context<Self>,
        padded: &[u8; 12],
        usage_limit: u64,
        expires_at: i64,
    ) -> Result<()> {
        let now = clock::now()?;
        let accounts = &mut ctx.accounts;
        let code = parse_code(padded)?;
        require!(accounts.campaign.closed == 0, ReferralError::CampaignClosed);
        if accounts.campaign.settings.attested_codes == 1 {
            let attestor = accounts.attestor.as_ref();
            let attestor = attestor.ok_or(ReferralError::AttestationRequired)?;
            require!(
                address_eq(attestor.address(), &accounts.campaign.settings.attestor),
                ReferralError::WrongAttestor
            );
        }
        if accounts.campaign.per_owner == 1 {
            let owner = accounts.owner.address();
            check_registered(&accounts.referrer, &accounts.campaign, owner)?;
        }
        check_expiry(expires_at, now)?;
        account::check_vacant(accounts.referral.account(), ReferralError::CodeTaken)?;

        let address = *accounts.referral.address();
        let campaign = *accounts.campaign.address();
        let owner = *accounts.owner.address();
        let referral = Referral {
            version: VERSION,
            code_len: code.len(),
            active: 1,
            code: *padded,
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
        account::create_coded(
            accounts.payer.account(),
            accounts.referral.account(),
            accounts.campaign.shared(),
            &code,
            |new| *new = referral,
        )?;
        log(ReferralCreated {
            referral: address,
            campaign,
            owner,
            code: *padded,
        });
        Ok(())
    }
}
