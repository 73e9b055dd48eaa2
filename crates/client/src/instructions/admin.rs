//! Instructions of a campaign's authority and attestor, and of funders of its vault.

use solana_sdk::{instruction::Instruction, pubkey::Pubkey};

use super::raw;
use crate::{
    accounts::{Campaign, Funding, Settings, Terms},
    pda,
};

/// Arguments of [`create_campaign`].
#[derive(Debug, Clone, Copy)]
pub struct CreateCampaign {
    /// Pays the rent; signs.
    pub payer: Pubkey,
    /// Becomes the campaign's creator and authority; signs.
    pub authority: Pubkey,
    /// The creator's own number for the campaign, part of its address.
    pub id: u64,
    /// Mint of the rewards; zero for lamports. If the campaign mints its rewards, the
    /// mint authority must already be the campaign's address: put
    /// [`crate::token::set_mint_authority`] before this instruction in the same
    /// transaction.
    pub mint: Pubkey,
    /// Mint of the payments; zero for lamports, or if the campaign takes no payments.
    pub payment_mint: Pubkey,
    /// The reward mint's token program; zero if rewards are lamports.
    pub token_program: Pubkey,
    /// Terms, which never change.
    pub terms: Terms,
    /// Settings, which the authority may change later.
    pub settings: Settings,
}

impl CreateCampaign {
    /// The campaign's vault; `None` if rewards are minted or are lamports. It must exist:
    /// put [`crate::token::create_associated_token`] for the campaign before this
    /// instruction.
    #[must_use]
    pub fn vault(&self) -> Option<Pubkey> {
        let minted = self.terms.funding == Funding::MintAuthority;
        let sol = self.mint == Pubkey::default();
        let (campaign, _) = pda::campaign(&self.authority, self.id);
        (!minted && !sol).then(|| pda::vault(&campaign, &self.mint, &self.token_program).0)
    }
}

/// Opens a campaign.
#[must_use]
pub fn create_campaign(args: &CreateCampaign) -> Instruction {
    let (campaign, _) = pda::campaign(&args.authority, args.id);
    // The System program's address is all zeros, so zero can stand for "none".
    raw::CreateCampaignAccounts {
        payer: args.payer,
        authority: args.authority,
        campaign,
        mint: args.mint,
        payment_mint: args.payment_mint,
        token_program: args.token_program,
        vault: args.vault(),
    }
    .instruction(&raw::CreateCampaignArgs {
        id: args.id,
        terms: args.terms,
        settings: args.settings,
    })
}

/// Replaces the settings of `campaign`. Settings that cut something apply only after the
/// notice. `authority` signs.
#[must_use]
pub fn update_campaign(authority: &Pubkey, campaign: &Pubkey, settings: &Settings) -> Instruction {
    raw::UpdateCampaignAccounts {
        authority: *authority,
        campaign: *campaign,
    }
    .instruction(&raw::UpdateCampaignArgs {
        settings: *settings,
    })
}

/// Pauses or resumes `campaign`. `authority` signs.
#[must_use]
pub fn set_paused(authority: &Pubkey, campaign: &Pubkey, paused: bool) -> Instruction {
    raw::SetPausedAccounts {
        authority: *authority,
        campaign: *campaign,
    }
    .instruction(&raw::SetPausedArgs { paused })
}

/// Offers `campaign` to another authority; `None` withdraws the offer. `authority`
/// signs.
#[must_use]
pub fn propose_authority(
    authority: &Pubkey,
    campaign: &Pubkey,
    new_authority: Option<&Pubkey>,
) -> Instruction {
    raw::ProposeAuthorityAccounts {
        authority: *authority,
        campaign: *campaign,
    }
    .instruction(&raw::ProposeAuthorityArgs {
        new_authority: new_authority.copied().unwrap_or_default(),
    })
}

/// Takes over `campaign`, which was offered to `new_authority`. `new_authority` signs.
#[must_use]
pub fn accept_authority(new_authority: &Pubkey, campaign: &Pubkey) -> Instruction {
    raw::AcceptAuthorityAccounts {
        new_authority: *new_authority,
        campaign: *campaign,
    }
    .instruction()
}

/// Closes `campaign` for good. `authority` signs; anybody may from 30 days after the
/// campaign's end.
#[must_use]
pub fn close_campaign(authority: &Pubkey, campaign: &Pubkey) -> Instruction {
    raw::CloseCampaignAccounts {
        authority: *authority,
        campaign: *campaign,
    }
    .instruction()
}

/// Takes back what a closed campaign still holds after its claim period: the mint
/// authority, the rest of the vault (to `destination`) and the rent. `campaign.authority`
/// signs. A campaign without a vault needs no `destination`.
#[must_use]
pub fn reclaim_campaign(
    address: &Pubkey,
    campaign: &Campaign,
    destination: Option<&Pubkey>,
) -> Instruction {
    let vault = campaign.vault();
    let accounts = raw::ReclaimCampaignAccounts {
        authority: campaign.authority,
        campaign: *address,
        rent_payer: campaign.rent_payer,
        mint: campaign.reward_mint(),
        vault,
        destination: vault.and(destination.copied()),
        token_program: campaign.reward_token_program(),
    };
    let mut instruction = accounts.instruction();
    instruction.accounts[raw::ReclaimCampaignAccounts::MINT].is_writable =
        campaign.funding == Funding::MintAuthority;
    instruction
}

/// Moves `amount` base units from `source`, a token account of `funder`, into the
/// campaign's vault. `funder` signs.
#[must_use]
pub fn fund_vault(
    funder: &Pubkey,
    address: &Pubkey,
    campaign: &Campaign,
    source: &Pubkey,
    amount: u64,
) -> Instruction {
    raw::FundVaultAccounts {
        funder: *funder,
        campaign: *address,
        mint: campaign.mint,
        source: *source,
        vault: campaign.vault,
        token_program: campaign.token_program,
    }
    .instruction(&raw::FundVaultArgs { amount })
}

/// Withdraws `amount` base units that the campaign does not owe from its vault.
/// `campaign.authority` signs.
#[must_use]
pub fn withdraw_vault(
    address: &Pubkey,
    campaign: &Campaign,
    destination: &Pubkey,
    amount: u64,
) -> Instruction {
    raw::WithdrawVaultAccounts {
        authority: campaign.authority,
        campaign: *address,
        mint: campaign.mint,
        vault: campaign.vault,
        destination: *destination,
        token_program: campaign.token_program,
    }
    .instruction(&raw::WithdrawVaultArgs { amount })
}

/// Suspends a code of the campaign, or lifts the suspension. `authority` signs.
#[must_use]
pub fn set_suspended(
    authority: &Pubkey,
    campaign: &Pubkey,
    referral: &Pubkey,
    suspended: bool,
) -> Instruction {
    raw::SetSuspendedAccounts {
        authority: *authority,
        campaign: *campaign,
        referral: *referral,
    }
    .instruction(&raw::SetSuspendedArgs { suspended })
}

/// Revokes the voucher with this [`crate::voucher::digest`]. `expires_at` is the
/// voucher's own expiry, in unix seconds. `payer` and the campaign's `attestor` sign.
#[must_use]
pub fn revoke_voucher(
    payer: &Pubkey,
    attestor: &Pubkey,
    campaign: &Pubkey,
    digest: [u8; 32],
    expires_at: i64,
) -> Instruction {
    raw::RevokeVoucherAccounts {
        payer: *payer,
        attestor: *attestor,
        campaign: *campaign,
        revocation: pda::revocation(campaign, &digest),
    }
    .instruction(&raw::RevokeVoucherArgs { digest, expires_at })
}
