//! What a campaign's authority does, and whoever funds its vault.

use solana_sdk::{
    instruction::{AccountMeta, Instruction},
    pubkey::Pubkey,
};

use super::{SYSTEM_PROGRAM, instruction, optional, optional_readonly};
use crate::{
    accounts::{Campaign, Settings, Terms},
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
    /// What never changes.
    pub terms: Terms,
    /// What the authority may change later.
    pub settings: Settings,
}

/// Opens a campaign.
#[must_use]
pub fn create_campaign(args: &CreateCampaign) -> Instruction {
    let (campaign, _) = pda::campaign(&args.authority, args.id);
    // The System program's address is all zeros: it stands for "none" by itself.
    instruction(
        "create_campaign",
        &(args.id, args.terms, args.settings),
        vec![
            AccountMeta::new(args.payer, true),
            AccountMeta::new_readonly(args.authority, true),
            AccountMeta::new(campaign, false),
            AccountMeta::new_readonly(args.mint, false),
            AccountMeta::new_readonly(args.payment_mint, false),
            AccountMeta::new_readonly(args.token_program, false),
            AccountMeta::new_readonly(SYSTEM_PROGRAM, false),
        ],
    )
}

/// `authority` signs for a change of `campaign`.
fn by_authority(authority: &Pubkey, campaign: &Pubkey) -> Vec<AccountMeta> {
    vec![
        AccountMeta::new_readonly(*authority, true),
        AccountMeta::new(*campaign, false),
    ]
}

/// Replaces the settings of `campaign`. `authority` signs.
#[must_use]
pub fn update_campaign(authority: &Pubkey, campaign: &Pubkey, settings: &Settings) -> Instruction {
    instruction(
        "update_campaign",
        settings,
        by_authority(authority, campaign),
    )
}

/// Pauses or resumes `campaign`. `authority` signs.
#[must_use]
pub fn set_paused(authority: &Pubkey, campaign: &Pubkey, paused: bool) -> Instruction {
    instruction("set_paused", &paused, by_authority(authority, campaign))
}

/// Offers `campaign` to another authority; `None` withdraws the offer. `authority`
/// signs.
#[must_use]
pub fn propose_authority(
    authority: &Pubkey,
    campaign: &Pubkey,
    new_authority: Option<&Pubkey>,
) -> Instruction {
    instruction(
        "propose_authority",
        &new_authority.copied().unwrap_or_default(),
        by_authority(authority, campaign),
    )
}

/// Takes over `campaign`, which was offered to `new_authority`, who signs.
#[must_use]
pub fn accept_authority(new_authority: &Pubkey, campaign: &Pubkey) -> Instruction {
    instruction(
        "accept_authority",
        &(),
        by_authority(new_authority, campaign),
    )
}

/// Closes `campaign` for good. `authority` signs.
#[must_use]
pub fn close_campaign(authority: &Pubkey, campaign: &Pubkey) -> Instruction {
    instruction("close_campaign", &(), by_authority(authority, campaign))
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
    let vault = campaign.pays_from_vault().then_some(campaign.vault);
    instruction(
        "reclaim_campaign",
        &(),
        vec![
            AccountMeta::new_readonly(campaign.authority, true),
            AccountMeta::new(*address, false),
            AccountMeta::new(campaign.rent_payer, false),
            optional((!campaign.rewards_are_sol()).then_some(campaign.mint)),
            optional(vault),
            optional(vault.and(destination.copied())),
            optional_readonly((!campaign.rewards_are_sol()).then_some(campaign.token_program)),
        ],
    )
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
    instruction(
        "fund_vault",
        &amount,
        vec![
            AccountMeta::new_readonly(*funder, true),
            AccountMeta::new_readonly(*address, false),
            AccountMeta::new_readonly(campaign.mint, false),
            AccountMeta::new(*source, false),
            AccountMeta::new(campaign.vault, false),
            AccountMeta::new_readonly(campaign.token_program, false),
        ],
    )
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
    instruction(
        "withdraw_vault",
        &amount,
        vec![
            AccountMeta::new_readonly(campaign.authority, true),
            AccountMeta::new_readonly(*address, false),
            AccountMeta::new_readonly(campaign.mint, false),
            AccountMeta::new(campaign.vault, false),
            AccountMeta::new(*destination, false),
            AccountMeta::new_readonly(campaign.token_program, false),
        ],
    )
}

/// Stops a code of the campaign, or lets it earn again. `authority` signs.
#[must_use]
pub fn set_suspended(
    authority: &Pubkey,
    campaign: &Pubkey,
    referral: &Pubkey,
    suspended: bool,
) -> Instruction {
    instruction(
        "set_suspended",
        &suspended,
        vec![
            AccountMeta::new_readonly(*authority, true),
            AccountMeta::new_readonly(*campaign, false),
            AccountMeta::new(*referral, false),
        ],
    )
}
