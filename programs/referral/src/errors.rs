use anchor_lang::prelude::*;

/// What the program refuses, numbered from 6000. Numbers never change; new
/// errors are appended.
#[error_code]
pub enum ReferralError {
    /// A wallet cannot refer itself.
    #[msg("a wallet cannot refer itself")]
    SelfReferral,
    /// This wallet was already converted in this campaign.
    #[msg("this wallet was already converted in this campaign")]
    AlreadyConverted,
    /// A code has 6 to 12 characters of A-Z and 2-9, without O, I and L.
    #[msg("a code has 6 to 12 characters of A-Z and 2-9, without O, I and L")]
    InvalidCode,
    /// The code is not that of the referral.
    #[msg("the code is not that of the referral")]
    CodeMismatch,
    /// The code is already taken in this campaign.
    #[msg("the code is already taken in this campaign")]
    CodeTaken,
    /// The referral is not active.
    #[msg("the referral is not active")]
    ReferralInactive,
    /// The referral has expired.
    #[msg("the referral has expired")]
    ReferralExpired,
    /// The referral has reached its usage limit.
    #[msg("the referral has reached its usage limit")]
    UsageLimitReached,
    /// The creator already has a campaign with this number.
    #[msg("the creator already has a campaign with this number")]
    CampaignExists,
    /// The campaign is paused.
    #[msg("the campaign is paused")]
    CampaignPaused,
    /// The campaign is closed.
    #[msg("the campaign is closed")]
    CampaignClosed,
    /// The campaign has not started.
    #[msg("the campaign has not started")]
    CampaignNotStarted,
    /// The campaign has ended.
    #[msg("the campaign has ended")]
    CampaignEnded,
    /// A campaign must end after it starts and after now.
    #[msg("a campaign must end after it starts and after now")]
    InvalidSchedule,
    /// A reward must be at least one base unit, and the mint must have room for it.
    #[msg("a reward must be at least one base unit, and the mint must have room for it")]
    InvalidReward,
    /// There is no such action.
    #[msg("there is no such action")]
    InvalidAction,
    /// The mint is not the campaign's.
    #[msg("the mint is not the campaign's")]
    WrongMint,
    /// The token program is not the campaign's.
    #[msg("the token program is not the campaign's")]
    WrongTokenProgram,
    /// The token account is not the referrer's associated token account.
    #[msg("the token account is not the referrer's associated token account")]
    WrongTokenAccount,
    /// The referrer's token account is missing, frozen or no longer the referrer's.
    #[msg("the referrer's token account is missing, frozen or no longer the referrer's")]
    TokenAccountUnavailable,
    /// The mint authority must be the campaign.
    #[msg("the mint authority must be the campaign")]
    MintAuthorityMismatch,
    /// The mint is not an initialised mint without extensions.
    #[msg("the mint is not an initialised mint without extensions")]
    UnsupportedMint,
    /// The signer is not the campaign's authority.
    #[msg("the signer is not the campaign's authority")]
    Unauthorized,
    /// The referral belongs to another campaign.
    #[msg("the referral belongs to another campaign")]
    WrongCampaign,
    /// There is no such campaign.
    #[msg("there is no such campaign")]
    CampaignNotFound,
    /// There is no such code in this campaign.
    #[msg("there is no such code in this campaign")]
    ReferralNotFound,
}
