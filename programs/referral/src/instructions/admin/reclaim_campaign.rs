use anchor_lang::{address_eq, prelude::*};

use crate::{
    account::{view, Recipient},
    clock, log,
    payout::Purse,
    token, Campaign, Closed, Existing, ReferralError as E, RentReclaimed, FUNDING_MINT_AUTHORITY,
    VERSION,
};

/// Accounts of `reclaim_campaign`.
#[derive(Accounts)]
pub struct ReclaimCampaign {
    /// The campaign's authority.
    // Safe: it signs, and is compared with the campaign's authority.
    pub authority: Signer,
    /// The campaign.
    // Safe: owned by this program, with its discriminator.
    #[account(mut)]
    pub campaign: Existing<Campaign>,
    /// Paid the rent, and gets it back.
    // Safe: compared with the campaign's. May be `authority` as well: nothing here keeps a
    // typed view of its data.
    #[account(mut, unsafe(dup))]
    pub rent_payer: Recipient,
    /// The mint, if the campaign is its authority (then writable) or has a vault.
    // Safe: compared with the campaign's.
    pub mint: Option<UncheckedAccount>,
    /// The campaign's vault, if it has one.
    // Safe: compared with the campaign's.
    #[account(mut)]
    pub vault: Option<UncheckedAccount>,
    /// Token account that receives the vault's tokens; the authority chooses it.
    // Safe: the token program checks it.
    #[account(mut)]
    pub destination: Option<UncheckedAccount>,
    /// Program of the mint.
    // Safe: compared with the campaign's.
    pub token_program: Option<UncheckedAccount>,
}

impl ReclaimCampaign {
    /// Returns everything that a closed campaign holds, and leaves a tombstone.
    pub fn handle(ctx: &mut Context<Self>) -> Result<()> {
        let now = clock::now()?;
        let accounts = &mut ctx.accounts;
        let campaign = accounts.campaign.shared();
        campaign.check_authority(accounts.authority.address())?;
        require!(campaign.closed == 1, E::CampaignNotClosed);
        require!(campaign.claims_are_over(now), E::ClaimPeriodOpen);
        require!(
            address_eq(&campaign.rent_payer, accounts.rent_payer.address()),
            E::WrongRentPayer
        );
        let purse = Purse {
            campaign,
            mints: campaign.funding == FUNDING_MINT_AUTHORITY,
            mint: view(&accounts.mint),
            vault: view(&accounts.vault),
            token_program: view(&accounts.token_program),
            signers: None,
        };
        if campaign.funding == FUNDING_MINT_AUTHORITY {
            let mint = purse.check_mint()?;
            require!(mint.is_writable(), ErrorCode::ConstraintMut);
            token::hand_back_mint(campaign, mint, &campaign.authority)?;
        } else if campaign.has_vault() {
            let (mint, vault) = (purse.check_mint()?, purse.check_vault()?);
            let balance = token::balance(vault, &campaign.token_program)?;
            if balance != 0 {
                let destination = view(&accounts.destination).ok_or(E::MissingAccount)?;
                token::transfer_from_vault(campaign, mint, vault, destination, balance)?;
            }
            // If the rent payer became a program, the vault keeps its rent: see `leave_closed`.
            let rent_payer = accounts.rent_payer.account();
            if !rent_payer.executable() {
                token::close_vault(campaign, vault, rent_payer)?;
            }
        }
        let address = *campaign.address();
        let rent_payer = campaign.rent_payer;
        let closed = Closed {
            version: VERSION,
            campaign: address,
            rent_payer,
            treasury: campaign.sol_treasury(),
        };
        accounts
            .campaign
            .leave_closed(accounts.rent_payer.account(), &closed)?;
        log(RentReclaimed {
            account: address,
            rent_payer,
        });
        Ok(())
    }
}
