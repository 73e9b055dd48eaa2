//! Builders for the program's instructions, with every account resolved.

use std::sync::LazyLock;

use solana_sdk::{
    instruction::{AccountMeta, Instruction},
    pubkey::Pubkey,
};
use vouch_rules::Code;

use crate::{PROGRAM_ID, accounts::Action, discriminator, pda};

macro_rules! instruction_discriminator {
    ($(#[$doc:meta])* $function:ident, $name:literal) => {
        $(#[$doc])*
        #[must_use]
        pub fn $function() -> [u8; 8] {
            static DISCRIMINATOR: LazyLock<[u8; 8]> =
                LazyLock::new(|| discriminator("global", $name));
            *DISCRIMINATOR
        }
    };
}

instruction_discriminator!(
    /// First eight bytes of a `create_campaign` instruction's data.
    create_campaign_discriminator, "create_campaign"
);
instruction_discriminator!(
    /// First eight bytes of a `create_referral` instruction's data.
    create_referral_discriminator, "create_referral"
);
instruction_discriminator!(
    /// First eight bytes of a `convert` instruction's data.
    convert_discriminator, "convert"
);
instruction_discriminator!(
    /// First eight bytes of a `set_paused` instruction's data.
    set_paused_discriminator, "set_paused"
);

/// Position of the conversion among the accounts of a `convert` instruction.
pub const CONVERT_CONVERSION_INDEX: usize = 4;

/// What `create_campaign` takes.
#[derive(Debug, Clone, Copy)]
pub struct CreateCampaign {
    /// Pays the rent; signs.
    pub payer: Pubkey,
    /// Becomes the campaign's creator and authority; signs.
    pub authority: Pubkey,
    /// The creator's own number for the campaign, part of its address.
    pub id: u64,
    /// Token of the rewards. Its mint authority must already be the campaign's
    /// address: put [`crate::token::set_mint_authority`] before this
    /// instruction in the same transaction.
    pub mint: Pubkey,
    /// The mint's token program.
    pub token_program: Pubkey,
    /// Base units paid for each conversion; at least 1.
    pub reward: u64,
    /// Unix seconds from which conversions count; 0 for "at once".
    pub starts_at: i64,
    /// Unix seconds from which conversions no longer count; 0 for "never".
    pub ends_at: i64,
}

/// Opens a campaign that mints a fixed reward for each conversion.
#[must_use]
pub fn create_campaign(args: &CreateCampaign) -> Instruction {
    let (campaign, _) = pda::campaign(&args.authority, args.id);
    let mut data = create_campaign_discriminator().to_vec();
    data.extend(args.id.to_le_bytes());
    data.extend(args.reward.to_le_bytes());
    data.extend(args.starts_at.to_le_bytes());
    data.extend(args.ends_at.to_le_bytes());
    Instruction {
        program_id: PROGRAM_ID,
        accounts: vec![
            AccountMeta::new(args.payer, true),
            AccountMeta::new_readonly(args.authority, true),
            AccountMeta::new(campaign, false),
            AccountMeta::new_readonly(args.mint, false),
            AccountMeta::new_readonly(args.token_program, false),
            AccountMeta::new_readonly(solana_system_interface::program::ID, false),
        ],
        data,
    }
}

/// Registers `code` for `owner` in `campaign`. `payer` and `owner` sign.
#[must_use]
pub fn create_referral(
    payer: &Pubkey,
    owner: &Pubkey,
    campaign: &Pubkey,
    code: &Code,
) -> Instruction {
    let (referral, _) = pda::referral(campaign, code);
    let mut data = create_referral_discriminator().to_vec();
    data.extend(code.to_padded());
    Instruction {
        program_id: PROGRAM_ID,
        accounts: vec![
            AccountMeta::new(*payer, true),
            AccountMeta::new_readonly(*owner, true),
            AccountMeta::new_readonly(*campaign, false),
            AccountMeta::new(referral, false),
            AccountMeta::new_readonly(solana_system_interface::program::ID, false),
        ],
        data,
    }
}

/// What `convert` takes.
#[derive(Debug, Clone, Copy)]
pub struct Convert {
    /// Pays the rent, may be a sponsor; signs.
    pub payer: Pubkey,
    /// The wallet that was referred; signs.
    pub referee: Pubkey,
    /// The campaign of the referral.
    pub campaign: Pubkey,
    /// The campaign's mint.
    pub mint: Pubkey,
    /// The campaign's token program.
    pub token_program: Pubkey,
    /// Owner of the referral, who is paid.
    pub referrer: Pubkey,
    /// The code that brought the referee.
    pub code: Code,
    /// What the referee did.
    pub action: Action,
    /// What it was worth, in units of the campaign's own choice; 0 when it has no price.
    pub amount: u64,
    /// The campaign's own reference, such as a hash of an order; zeros for none.
    pub reference: [u8; 32],
}

/// Records a conversion and pays its reward to the referrer's associated token
/// account, which must exist: put [`crate::token::create_associated_token`]
/// before this instruction in the same transaction.
#[must_use]
pub fn convert(args: &Convert) -> Instruction {
    let (referral, _) = pda::referral(&args.campaign, &args.code);
    let (conversion, _) = pda::conversion(&args.campaign, &args.referee);
    let (referrer_token, _) =
        pda::associated_token(&args.referrer, &args.mint, &args.token_program);
    let mut data = convert_discriminator().to_vec();
    data.extend(args.code.to_padded());
    data.push(args.action as u8);
    data.extend(args.amount.to_le_bytes());
    data.extend(args.reference);
    Instruction {
        program_id: PROGRAM_ID,
        accounts: vec![
            AccountMeta::new(args.payer, true),
            AccountMeta::new_readonly(args.referee, true),
            AccountMeta::new_readonly(args.campaign, false),
            AccountMeta::new(referral, false),
            AccountMeta::new(conversion, false),
            AccountMeta::new(args.mint, false),
            AccountMeta::new(referrer_token, false),
            AccountMeta::new_readonly(args.token_program, false),
            AccountMeta::new_readonly(solana_system_interface::program::ID, false),
        ],
        data,
    }
}

/// Pauses or resumes `campaign`. `authority` signs.
#[must_use]
pub fn set_paused(authority: &Pubkey, campaign: &Pubkey, paused: bool) -> Instruction {
    let mut data = set_paused_discriminator().to_vec();
    data.push(u8::from(paused));
    Instruction {
        program_id: PROGRAM_ID,
        accounts: vec![
            AccountMeta::new_readonly(*authority, true),
            AccountMeta::new(*campaign, false),
        ],
        data,
    }
}
