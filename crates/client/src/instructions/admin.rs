//! Instructions of a campaign's authority and attestor, and of those who fund its vault.

use solana_sdk::{instruction::Instruction, pubkey::Pubkey};

use super::raw;
use crate::{
    accounts::{Campaign, Funding, Settings, Terms},
    pda,
};

/// What `create_campaign` takes.
#[derive(Debug, Clone, Copy)]
pub struct CreateCampaign {
    /// Pays the rent; signs.
    pub payer: Pubkey,
    /// Becomes the campaign's creator and authority; signs.
    pub authority: Pubkey,
    /// The creator's own number for the campaign, part of its address.
    pub id: u64,
    /// Token of the rewards; zero for lamports. Where the campaign is to mint, its
    /// mint authority must already be the campaign's address: put
    /// [`crate::token::set_mint_authority`] before this instruction in the same
    /// transaction.
    pub mint: Pubkey,
    /// Token of the payments; zero for lamports, and where there are none.
    pub payment_mint: Pubkey,
    /// The reward mint's token program; zero where rewards are lamports.
    pub token_program: Pubkey,
    /// Terms, which never change.
    pub terms: Terms,
    /// Settings, which the authority may change later.
    pub settings: Settings,
}

impl CreateCampaign {
    /// The campaign's vault, where rewards come from one or wait in one. It must exist: put
    /// [`crate::token::create_associated_token`] for the campaign before this instruction.
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
    // The System program's address is all zeros: it stands for "none" by itself.
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

/// Replaces the settings of `campaign`, after its notice where they cut something.
/// `authority` signs.
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

/// Takes over `campaign`, which was offered to `new_authority`, who signs.
#[must_use]
pub fn accept_authority(new_authority: &Pubkey, campaign: &Pubkey) -> Instruction {
    raw::AcceptAuthorityAccounts {
        new_authority: *new_authority,
        campaign: *campaign,
    }
    .instruction()
}

/// Closes `campaign` for good. `authority` signs; from 30 days after the campaign's end,
/// anybody may.
#[must_use]
pub fn close_campaign(authority: &Pubkey, campaign: &Pubkey) -> Instruction {
    raw::CloseCampaignAccounts {
        authority: *authority,
        campaign: *campaign,
    }
    .instruction()
}

/// Takes back what a closed campaign still has, once its claim period is over: the
/// mint's authority, the vault's rest, which goes to `destination`, and the rent.
/// `campaign.authority` signs. A campaign without a vault needs no `destination`.
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

/// Puts `amount` base units of `source`, a token account of `funder`, who signs,
/// into the campaign's vault.
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

/// Takes `amount` base units out of the campaign's vault that it does not owe.
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

/// Stops a code of the campaign, or lets it earn again. `authority` signs.
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

/// Revokes the voucher with this [`crate::voucher::digest`] until it expires. `payer` and
/// `attestor`, the campaign's own, sign.
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
