use anchor_lang::prelude::*;
use vouch_rules::eligibility::Refusal;

/// Errors of the program, numbered from 6000. Once deployed, numbers never change; new errors
/// are appended.
#[error_code]
pub enum ReferralError {
    /// A wallet cannot refer itself.
    #[msg("a wallet cannot refer itself")]
    SelfReferral,
    /// This conversion was recorded before.
    #[msg("this conversion was recorded before")]
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
    /// A reward must be at least one base unit, fit the mint, and give back no more than was paid.
    #[msg("a reward must be at least one base unit, fit the mint, and give back no more than was paid")]
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
    /// The mint authority must be the campaign.
    #[msg("the mint authority must be the campaign")]
    MintAuthorityMismatch,
    /// The mint is not initialised, or has an extension that is not allowed.
    #[msg("the mint is not initialised, or has an extension that is not allowed")]
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
    /// The wallet was first brought by another code.
    #[msg("the wallet was first brought by another code")]
    BoundElsewhere,
    /// The wallet is not bound to a code.
    #[msg("the wallet is not bound to a code")]
    NotBound,
    /// The binding has expired.
    #[msg("the binding has expired")]
    BindingExpired,
    /// The wallet is already bound to a code.
    #[msg("the wallet is already bound to a code")]
    AlreadyBound,
    /// The campaign has no attribution window.
    #[msg("the campaign has no attribution window")]
    BindingNotNeeded,
    /// The campaign's attestor must sign, or a voucher must come right before.
    #[msg("the campaign's attestor must sign, or a voucher must come right before")]
    AttestationRequired,
    /// The signer is not the campaign's attestor.
    #[msg("the signer is not the campaign's attestor")]
    WrongAttestor,
    /// The voucher does not match this conversion, or its times are not allowed.
    #[msg("the voucher does not match this conversion, or its times are not allowed")]
    InvalidVoucher,
    /// The voucher has expired.
    #[msg("the voucher has expired")]
    VoucherExpired,
    /// This campaign counts purchases only.
    #[msg("this campaign counts purchases only")]
    PaymentRequired,
    /// This campaign counts no purchases.
    #[msg("this campaign counts no purchases")]
    PaymentNotAccepted,
    /// The amount is below the campaign's minimum.
    #[msg("the amount is below the campaign's minimum")]
    AmountTooSmall,
    /// The campaign's budget is exhausted.
    #[msg("the campaign's budget is exhausted")]
    BudgetExhausted,
    /// The vault does not hold the reward.
    #[msg("the vault does not hold the reward")]
    VaultExhausted,
    /// The campaign must be writable, for it counts a budget or a vault.
    #[msg("the campaign must be writable, for it counts a budget or a vault")]
    CampaignNotWritable,
    /// These terms do not go together.
    #[msg("these terms do not go together")]
    InvalidTerms,
    /// A part is both share and fixed, or referee's and partner's parts exceed the reward.
    #[msg("a part is both share and fixed, or referee's and partner's parts exceed the reward")]
    InvalidShares,
    /// Tiers must ascend, with multipliers above 1x and up to 100x.
    #[msg("tiers must ascend, with multipliers above 1x and up to 100x")]
    InvalidTiers,
    /// Bonuses must ascend, be worth something and stay below what was paid; a payment split has none.
    #[msg("bonuses must ascend, be worth something and stay below what was paid; a payment split has none")]
    InvalidBonuses,
    /// A reward can be held for at most 365 days.
    #[msg("a reward can be held for at most 365 days")]
    InvalidHold,
    /// A binding can last for at most 365 days.
    #[msg("a binding can last for at most 365 days")]
    InvalidAttributionWindow,
    /// The budget is below what is committed already.
    #[msg("the budget is below what is committed already")]
    InvalidBudget,
    /// The campaign needs an attestor.
    #[msg("the campaign needs an attestor")]
    InvalidAttestor,
    /// Set a treasury if and only if the campaign takes payments.
    #[msg("set a treasury if and only if the campaign takes payments")]
    InvalidTreasury,
    /// The token account is not the campaign's vault.
    #[msg("the token account is not the campaign's vault")]
    WrongVault,
    /// The account is not the campaign's treasury.
    #[msg("the account is not the campaign's treasury")]
    WrongTreasury,
    /// The account is not the beneficiary's.
    #[msg("the account is not the beneficiary's")]
    WrongBeneficiary,
    /// An account that this campaign needs is missing.
    #[msg("an account that this campaign needs is missing")]
    MissingAccount,
    /// An order needs a reference.
    #[msg("an order needs a reference")]
    MissingReference,
    /// The conversion is not pending.
    #[msg("the conversion is not pending")]
    NotPending,
    /// The reward is still held.
    #[msg("the reward is still held")]
    StillHeld,
    /// No beneficiary can receive now.
    #[msg("no beneficiary can receive now")]
    NothingToClaim,
    /// The hold is over.
    #[msg("the hold is over")]
    HoldOver,
    /// The campaign was not offered to the signer.
    #[msg("the campaign was not offered to the signer")]
    NotPendingAuthority,
    /// The signer is not the referral's owner.
    #[msg("the signer is not the referral's owner")]
    NotReferralOwner,
    /// The referral was not offered to the signer.
    #[msg("the referral was not offered to the signer")]
    NotPendingOwner,
    /// A partner must be another wallet, with a part that the campaign allows.
    #[msg("a partner must be another wallet, with a part that the campaign allows")]
    InvalidPartner,
    /// The referral has another partner.
    #[msg("the referral has another partner")]
    PartnerExists,
    /// The signer is neither owner nor partner of this referral, or it has no partner.
    #[msg("the signer is neither owner nor partner of this referral, or it has no partner")]
    NotPartner,
    /// Rewards are pending.
    #[msg("rewards are pending")]
    RewardsPending,
    /// A usage limit must not be below the conversions so far.
    #[msg("a usage limit must not be below the conversions so far")]
    InvalidUsageLimit,
    /// A referral must expire after now.
    #[msg("a referral must expire after now")]
    InvalidExpiry,
    /// The campaign is not closed.
    #[msg("the campaign is not closed")]
    CampaignNotClosed,
    /// Rewards can still be claimed.
    #[msg("rewards can still be claimed")]
    ClaimPeriodOpen,
    /// Wrong rent payer.
    #[msg("wrong rent payer")]
    WrongRentPayer,
    /// The vault does not hold that much beyond what is owed.
    #[msg("the vault does not hold that much beyond what is owed")]
    InsufficientVault,
    /// The campaign has no vault.
    #[msg("the campaign has no vault")]
    NoVault,
    /// There is no such conversion.
    #[msg("there is no such conversion")]
    ConversionNotFound,
    /// There is no such binding.
    #[msg("there is no such binding")]
    BindingNotFound,
    /// The conversion belongs to another referral.
    #[msg("the conversion belongs to another referral")]
    WrongReferral,
    /// The payment mint is not the campaign's.
    #[msg("the payment mint is not the campaign's")]
    WrongPaymentMint,
    /// The payment is more than the buyer agreed to.
    #[msg("the payment is more than the buyer agreed to")]
    PaymentAboveMaximum,
    /// A notice can last for at most 365 days.
    #[msg("a notice can last for at most 365 days")]
    InvalidNotice,
    /// Only a campaign that counts per owner limits an owner's conversions.
    #[msg("only a campaign that counts per owner limits an owner's conversions")]
    InvalidOwnerLimit,
    /// A gate needs both the issuer and the schema of a credential.
    #[msg("a gate needs both the issuer and the schema of a credential")]
    InvalidGate,
    /// A campaign can offer 32 different bonuses in its life.
    #[msg("a campaign can offer 32 different bonuses in its life")]
    TooManyBonuses,
    /// The campaign's vault does not exist yet.
    #[msg("the campaign's vault does not exist yet")]
    VaultMissing,
    /// The owner's codes have reached the campaign's limit.
    #[msg("the owner's codes have reached the campaign's limit")]
    OwnerLimitReached,
    /// The campaign does not count per owner.
    #[msg("the campaign does not count per owner")]
    NotPerOwner,
    /// The owner is not registered in this campaign.
    #[msg("the owner is not registered in this campaign")]
    ReferrerNotFound,
    /// The owner is registered in this campaign already.
    #[msg("the owner is registered in this campaign already")]
    ReferrerExists,
    /// The account is another referrer's.
    #[msg("the account is another referrer's")]
    WrongReferrer,
    /// The referee needs a credential of the campaign's issuer and schema.
    #[msg("the referee needs a credential of the campaign's issuer and schema")]
    CredentialRequired,
    /// The referee's credential has expired.
    #[msg("the referee's credential has expired")]
    CredentialExpired,
    /// The voucher was revoked.
    #[msg("the voucher was revoked")]
    VoucherRevoked,
    /// The account is not at the address of the voucher's revocation.
    #[msg("the account is not at the address of the voucher's revocation")]
    WrongRevocation,
    /// There is no such revocation.
    #[msg("there is no such revocation")]
    RevocationNotFound,
    /// The revoked voucher has not expired.
    #[msg("the revoked voucher has not expired")]
    VoucherNotExpired,
}

impl From<Refusal> for ReferralError {
    #[inline]
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::CampaignClosed => Self::CampaignClosed,
            Refusal::CampaignPaused => Self::CampaignPaused,
            Refusal::CampaignNotStarted => Self::CampaignNotStarted,
            Refusal::CampaignEnded => Self::CampaignEnded,
            Refusal::Inactive => Self::ReferralInactive,
            Refusal::Expired => Self::ReferralExpired,
            Refusal::UsageLimitReached => Self::UsageLimitReached,
        }
    }
}
