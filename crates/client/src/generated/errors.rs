//! The program's errors.
//!
//! Written by `./dev generate` from `idl/referral.json`.

use std::fmt;

/// An error that the program itself returns, as `custom program error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum ProgramError {
    /// a wallet cannot refer itself
    SelfReferral = 6000,
    /// this conversion was recorded before
    AlreadyConverted = 6001,
    /// a code has 6 to 12 characters of A-Z and 2-9, without O, I and L
    InvalidCode = 6002,
    /// the code is not that of the referral
    CodeMismatch = 6003,
    /// the code is already taken in this campaign
    CodeTaken = 6004,
    /// the referral is not active
    ReferralInactive = 6005,
    /// the referral has expired
    ReferralExpired = 6006,
    /// the referral has reached its usage limit
    UsageLimitReached = 6007,
    /// the creator already has a campaign with this number
    CampaignExists = 6008,
    /// the campaign is paused
    CampaignPaused = 6009,
    /// the campaign is closed
    CampaignClosed = 6010,
    /// the campaign has not started
    CampaignNotStarted = 6011,
    /// the campaign has ended
    CampaignEnded = 6012,
    /// a campaign must end after it starts and after now
    InvalidSchedule = 6013,
    /// a reward must be at least one base unit, fit the mint, and give back no more than was paid
    InvalidReward = 6014,
    /// there is no such action
    InvalidAction = 6015,
    /// the mint is not the campaign's
    WrongMint = 6016,
    /// the token program is not the campaign's
    WrongTokenProgram = 6017,
    /// the mint authority must be the campaign
    MintAuthorityMismatch = 6018,
    /// the mint is not initialised, or has an extension that is not allowed
    UnsupportedMint = 6019,
    /// the signer is not the campaign's authority
    Unauthorized = 6020,
    /// the referral belongs to another campaign
    WrongCampaign = 6021,
    /// there is no such campaign
    CampaignNotFound = 6022,
    /// there is no such code in this campaign
    ReferralNotFound = 6023,
    /// the wallet was first brought by another code
    BoundElsewhere = 6024,
    /// the wallet is not bound to a code
    NotBound = 6025,
    /// the binding has expired
    BindingExpired = 6026,
    /// the wallet is already bound to a code
    AlreadyBound = 6027,
    /// the campaign has no attribution window
    BindingNotNeeded = 6028,
    /// the campaign's attestor must sign, or a voucher must come right before
    AttestationRequired = 6029,
    /// the signer is not the campaign's attestor
    WrongAttestor = 6030,
    /// the voucher does not match this conversion, or its times are not allowed
    InvalidVoucher = 6031,
    /// the voucher has expired
    VoucherExpired = 6032,
    /// this campaign counts purchases only
    PaymentRequired = 6033,
    /// this campaign counts no purchases
    PaymentNotAccepted = 6034,
    /// the amount is below the campaign's minimum
    AmountTooSmall = 6035,
    /// the campaign's budget is exhausted
    BudgetExhausted = 6036,
    /// the vault does not hold the reward
    VaultExhausted = 6037,
    /// the campaign must be writable, for it counts a budget or a vault
    CampaignNotWritable = 6038,
    /// these terms do not go together
    InvalidTerms = 6039,
    /// a part is both share and fixed, or referee's and partner's parts exceed the reward
    InvalidShares = 6040,
    /// tiers must ascend, with multipliers above 1x and up to 100x
    InvalidTiers = 6041,
    /// bonuses must ascend, be worth something and stay below what was paid; a payment split has none
    InvalidBonuses = 6042,
    /// a reward can be held for at most 365 days
    InvalidHold = 6043,
    /// a binding can last for at most 365 days
    InvalidAttributionWindow = 6044,
    /// the budget is below what is committed already
    InvalidBudget = 6045,
    /// the campaign needs an attestor
    InvalidAttestor = 6046,
    /// set a treasury if and only if the campaign takes payments
    InvalidTreasury = 6047,
    /// the token account is not the campaign's vault
    WrongVault = 6048,
    /// the account is not the campaign's treasury
    WrongTreasury = 6049,
    /// the account is not the beneficiary's
    WrongBeneficiary = 6050,
    /// an account that this campaign needs is missing
    MissingAccount = 6051,
    /// an order needs a reference
    MissingReference = 6052,
    /// the conversion is not pending
    NotPending = 6053,
    /// the reward is still held
    StillHeld = 6054,
    /// no beneficiary can receive now
    NothingToClaim = 6055,
    /// the hold is over
    HoldOver = 6056,
    /// the campaign was not offered to the signer
    NotPendingAuthority = 6057,
    /// the signer is not the referral's owner
    NotReferralOwner = 6058,
    /// the referral was not offered to the signer
    NotPendingOwner = 6059,
    /// a partner must be another wallet, with a part that the campaign allows
    InvalidPartner = 6060,
    /// the referral has another partner
    PartnerExists = 6061,
    /// the signer is neither owner nor partner of this referral, or it has no partner
    NotPartner = 6062,
    /// rewards are pending
    RewardsPending = 6063,
    /// a usage limit must not be below the conversions so far
    InvalidUsageLimit = 6064,
    /// a referral must expire after now
    InvalidExpiry = 6065,
    /// the campaign is not closed
    CampaignNotClosed = 6066,
    /// rewards can still be claimed
    ClaimPeriodOpen = 6067,
    /// wrong rent payer
    WrongRentPayer = 6068,
    /// the vault does not hold that much beyond what is owed
    InsufficientVault = 6069,
    /// the campaign has no vault
    NoVault = 6070,
    /// there is no such conversion
    ConversionNotFound = 6071,
    /// there is no such binding
    BindingNotFound = 6072,
    /// the conversion belongs to another referral
    WrongReferral = 6073,
    /// the payment mint is not the campaign's
    WrongPaymentMint = 6074,
    /// the payment is more than the buyer agreed to
    PaymentAboveMaximum = 6075,
    /// a notice can last for at most 365 days
    InvalidNotice = 6076,
    /// only a campaign that counts per owner limits an owner's conversions
    InvalidOwnerLimit = 6077,
    /// a gate needs both the issuer and the schema of a credential
    InvalidGate = 6078,
    /// a campaign can offer 32 different bonuses in its life
    TooManyBonuses = 6079,
    /// the campaign's vault does not exist yet
    VaultMissing = 6080,
    /// the owner's codes have reached the campaign's limit
    OwnerLimitReached = 6081,
    /// the campaign does not count per owner
    NotPerOwner = 6082,
    /// the owner is not registered in this campaign
    ReferrerNotFound = 6083,
    /// the owner is registered in this campaign already
    ReferrerExists = 6084,
    /// the account is another referrer's
    WrongReferrer = 6085,
    /// the referee needs a credential of the campaign's issuer and schema
    CredentialRequired = 6086,
    /// the referee's credential has expired
    CredentialExpired = 6087,
    /// the voucher was revoked
    VoucherRevoked = 6088,
    /// the account is not at the address of the voucher's revocation
    WrongRevocation = 6089,
    /// there is no such revocation
    RevocationNotFound = 6090,
    /// the revoked voucher has not expired
    VoucherNotExpired = 6091,
}

impl ProgramError {
    /// Every error, in the order of its code.
    pub const ALL: &[Self] = &[
        Self::SelfReferral,
        Self::AlreadyConverted,
        Self::InvalidCode,
        Self::CodeMismatch,
        Self::CodeTaken,
        Self::ReferralInactive,
        Self::ReferralExpired,
        Self::UsageLimitReached,
        Self::CampaignExists,
        Self::CampaignPaused,
        Self::CampaignClosed,
        Self::CampaignNotStarted,
        Self::CampaignEnded,
        Self::InvalidSchedule,
        Self::InvalidReward,
        Self::InvalidAction,
        Self::WrongMint,
        Self::WrongTokenProgram,
        Self::MintAuthorityMismatch,
        Self::UnsupportedMint,
        Self::Unauthorized,
        Self::WrongCampaign,
        Self::CampaignNotFound,
        Self::ReferralNotFound,
        Self::BoundElsewhere,
        Self::NotBound,
        Self::BindingExpired,
        Self::AlreadyBound,
        Self::BindingNotNeeded,
        Self::AttestationRequired,
        Self::WrongAttestor,
        Self::InvalidVoucher,
        Self::VoucherExpired,
        Self::PaymentRequired,
        Self::PaymentNotAccepted,
        Self::AmountTooSmall,
        Self::BudgetExhausted,
        Self::VaultExhausted,
        Self::CampaignNotWritable,
        Self::InvalidTerms,
        Self::InvalidShares,
        Self::InvalidTiers,
        Self::InvalidBonuses,
        Self::InvalidHold,
        Self::InvalidAttributionWindow,
        Self::InvalidBudget,
        Self::InvalidAttestor,
        Self::InvalidTreasury,
        Self::WrongVault,
        Self::WrongTreasury,
        Self::WrongBeneficiary,
        Self::MissingAccount,
        Self::MissingReference,
        Self::NotPending,
        Self::StillHeld,
        Self::NothingToClaim,
        Self::HoldOver,
        Self::NotPendingAuthority,
        Self::NotReferralOwner,
        Self::NotPendingOwner,
        Self::InvalidPartner,
        Self::PartnerExists,
        Self::NotPartner,
        Self::RewardsPending,
        Self::InvalidUsageLimit,
        Self::InvalidExpiry,
        Self::CampaignNotClosed,
        Self::ClaimPeriodOpen,
        Self::WrongRentPayer,
        Self::InsufficientVault,
        Self::NoVault,
        Self::ConversionNotFound,
        Self::BindingNotFound,
        Self::WrongReferral,
        Self::WrongPaymentMint,
        Self::PaymentAboveMaximum,
        Self::InvalidNotice,
        Self::InvalidOwnerLimit,
        Self::InvalidGate,
        Self::TooManyBonuses,
        Self::VaultMissing,
        Self::OwnerLimitReached,
        Self::NotPerOwner,
        Self::ReferrerNotFound,
        Self::ReferrerExists,
        Self::WrongReferrer,
        Self::CredentialRequired,
        Self::CredentialExpired,
        Self::VoucherRevoked,
        Self::WrongRevocation,
        Self::RevocationNotFound,
        Self::VoucherNotExpired,
    ];

    /// The error with this custom code, if the program has it.
    #[must_use]
    pub const fn from_code(code: u32) -> Option<Self> {
        match code {
            6000 => Some(Self::SelfReferral),
            6001 => Some(Self::AlreadyConverted),
            6002 => Some(Self::InvalidCode),
            6003 => Some(Self::CodeMismatch),
            6004 => Some(Self::CodeTaken),
            6005 => Some(Self::ReferralInactive),
            6006 => Some(Self::ReferralExpired),
            6007 => Some(Self::UsageLimitReached),
            6008 => Some(Self::CampaignExists),
            6009 => Some(Self::CampaignPaused),
            6010 => Some(Self::CampaignClosed),
            6011 => Some(Self::CampaignNotStarted),
            6012 => Some(Self::CampaignEnded),
            6013 => Some(Self::InvalidSchedule),
            6014 => Some(Self::InvalidReward),
            6015 => Some(Self::InvalidAction),
            6016 => Some(Self::WrongMint),
            6017 => Some(Self::WrongTokenProgram),
            6018 => Some(Self::MintAuthorityMismatch),
            6019 => Some(Self::UnsupportedMint),
            6020 => Some(Self::Unauthorized),
            6021 => Some(Self::WrongCampaign),
            6022 => Some(Self::CampaignNotFound),
            6023 => Some(Self::ReferralNotFound),
            6024 => Some(Self::BoundElsewhere),
            6025 => Some(Self::NotBound),
            6026 => Some(Self::BindingExpired),
            6027 => Some(Self::AlreadyBound),
            6028 => Some(Self::BindingNotNeeded),
            6029 => Some(Self::AttestationRequired),
            6030 => Some(Self::WrongAttestor),
            6031 => Some(Self::InvalidVoucher),
            6032 => Some(Self::VoucherExpired),
            6033 => Some(Self::PaymentRequired),
            6034 => Some(Self::PaymentNotAccepted),
            6035 => Some(Self::AmountTooSmall),
            6036 => Some(Self::BudgetExhausted),
            6037 => Some(Self::VaultExhausted),
            6038 => Some(Self::CampaignNotWritable),
            6039 => Some(Self::InvalidTerms),
            6040 => Some(Self::InvalidShares),
            6041 => Some(Self::InvalidTiers),
            6042 => Some(Self::InvalidBonuses),
            6043 => Some(Self::InvalidHold),
            6044 => Some(Self::InvalidAttributionWindow),
            6045 => Some(Self::InvalidBudget),
            6046 => Some(Self::InvalidAttestor),
            6047 => Some(Self::InvalidTreasury),
            6048 => Some(Self::WrongVault),
            6049 => Some(Self::WrongTreasury),
            6050 => Some(Self::WrongBeneficiary),
            6051 => Some(Self::MissingAccount),
            6052 => Some(Self::MissingReference),
            6053 => Some(Self::NotPending),
            6054 => Some(Self::StillHeld),
            6055 => Some(Self::NothingToClaim),
            6056 => Some(Self::HoldOver),
            6057 => Some(Self::NotPendingAuthority),
            6058 => Some(Self::NotReferralOwner),
            6059 => Some(Self::NotPendingOwner),
            6060 => Some(Self::InvalidPartner),
            6061 => Some(Self::PartnerExists),
            6062 => Some(Self::NotPartner),
            6063 => Some(Self::RewardsPending),
            6064 => Some(Self::InvalidUsageLimit),
            6065 => Some(Self::InvalidExpiry),
            6066 => Some(Self::CampaignNotClosed),
            6067 => Some(Self::ClaimPeriodOpen),
            6068 => Some(Self::WrongRentPayer),
            6069 => Some(Self::InsufficientVault),
            6070 => Some(Self::NoVault),
            6071 => Some(Self::ConversionNotFound),
            6072 => Some(Self::BindingNotFound),
            6073 => Some(Self::WrongReferral),
            6074 => Some(Self::WrongPaymentMint),
            6075 => Some(Self::PaymentAboveMaximum),
            6076 => Some(Self::InvalidNotice),
            6077 => Some(Self::InvalidOwnerLimit),
            6078 => Some(Self::InvalidGate),
            6079 => Some(Self::TooManyBonuses),
            6080 => Some(Self::VaultMissing),
            6081 => Some(Self::OwnerLimitReached),
            6082 => Some(Self::NotPerOwner),
            6083 => Some(Self::ReferrerNotFound),
            6084 => Some(Self::ReferrerExists),
            6085 => Some(Self::WrongReferrer),
            6086 => Some(Self::CredentialRequired),
            6087 => Some(Self::CredentialExpired),
            6088 => Some(Self::VoucherRevoked),
            6089 => Some(Self::WrongRevocation),
            6090 => Some(Self::RevocationNotFound),
            6091 => Some(Self::VoucherNotExpired),
            _ => None,
        }
    }

    /// The number in `custom program error`.
    #[must_use]
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// Name in the IDL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SelfReferral => "SelfReferral",
            Self::AlreadyConverted => "AlreadyConverted",
            Self::InvalidCode => "InvalidCode",
            Self::CodeMismatch => "CodeMismatch",
            Self::CodeTaken => "CodeTaken",
            Self::ReferralInactive => "ReferralInactive",
            Self::ReferralExpired => "ReferralExpired",
            Self::UsageLimitReached => "UsageLimitReached",
            Self::CampaignExists => "CampaignExists",
            Self::CampaignPaused => "CampaignPaused",
            Self::CampaignClosed => "CampaignClosed",
            Self::CampaignNotStarted => "CampaignNotStarted",
            Self::CampaignEnded => "CampaignEnded",
            Self::InvalidSchedule => "InvalidSchedule",
            Self::InvalidReward => "InvalidReward",
            Self::InvalidAction => "InvalidAction",
            Self::WrongMint => "WrongMint",
            Self::WrongTokenProgram => "WrongTokenProgram",
            Self::MintAuthorityMismatch => "MintAuthorityMismatch",
            Self::UnsupportedMint => "UnsupportedMint",
            Self::Unauthorized => "Unauthorized",
            Self::WrongCampaign => "WrongCampaign",
            Self::CampaignNotFound => "CampaignNotFound",
            Self::ReferralNotFound => "ReferralNotFound",
            Self::BoundElsewhere => "BoundElsewhere",
            Self::NotBound => "NotBound",
            Self::BindingExpired => "BindingExpired",
            Self::AlreadyBound => "AlreadyBound",
            Self::BindingNotNeeded => "BindingNotNeeded",
            Self::AttestationRequired => "AttestationRequired",
            Self::WrongAttestor => "WrongAttestor",
            Self::InvalidVoucher => "InvalidVoucher",
            Self::VoucherExpired => "VoucherExpired",
            Self::PaymentRequired => "PaymentRequired",
            Self::PaymentNotAccepted => "PaymentNotAccepted",
            Self::AmountTooSmall => "AmountTooSmall",
            Self::BudgetExhausted => "BudgetExhausted",
            Self::VaultExhausted => "VaultExhausted",
            Self::CampaignNotWritable => "CampaignNotWritable",
            Self::InvalidTerms => "InvalidTerms",
            Self::InvalidShares => "InvalidShares",
            Self::InvalidTiers => "InvalidTiers",
            Self::InvalidBonuses => "InvalidBonuses",
            Self::InvalidHold => "InvalidHold",
            Self::InvalidAttributionWindow => "InvalidAttributionWindow",
            Self::InvalidBudget => "InvalidBudget",
            Self::InvalidAttestor => "InvalidAttestor",
            Self::InvalidTreasury => "InvalidTreasury",
            Self::WrongVault => "WrongVault",
            Self::WrongTreasury => "WrongTreasury",
            Self::WrongBeneficiary => "WrongBeneficiary",
            Self::MissingAccount => "MissingAccount",
            Self::MissingReference => "MissingReference",
            Self::NotPending => "NotPending",
            Self::StillHeld => "StillHeld",
            Self::NothingToClaim => "NothingToClaim",
            Self::HoldOver => "HoldOver",
            Self::NotPendingAuthority => "NotPendingAuthority",
            Self::NotReferralOwner => "NotReferralOwner",
            Self::NotPendingOwner => "NotPendingOwner",
            Self::InvalidPartner => "InvalidPartner",
            Self::PartnerExists => "PartnerExists",
            Self::NotPartner => "NotPartner",
            Self::RewardsPending => "RewardsPending",
            Self::InvalidUsageLimit => "InvalidUsageLimit",
            Self::InvalidExpiry => "InvalidExpiry",
            Self::CampaignNotClosed => "CampaignNotClosed",
            Self::ClaimPeriodOpen => "ClaimPeriodOpen",
            Self::WrongRentPayer => "WrongRentPayer",
            Self::InsufficientVault => "InsufficientVault",
            Self::NoVault => "NoVault",
            Self::ConversionNotFound => "ConversionNotFound",
            Self::BindingNotFound => "BindingNotFound",
            Self::WrongReferral => "WrongReferral",
            Self::WrongPaymentMint => "WrongPaymentMint",
            Self::PaymentAboveMaximum => "PaymentAboveMaximum",
            Self::InvalidNotice => "InvalidNotice",
            Self::InvalidOwnerLimit => "InvalidOwnerLimit",
            Self::InvalidGate => "InvalidGate",
            Self::TooManyBonuses => "TooManyBonuses",
            Self::VaultMissing => "VaultMissing",
            Self::OwnerLimitReached => "OwnerLimitReached",
            Self::NotPerOwner => "NotPerOwner",
            Self::ReferrerNotFound => "ReferrerNotFound",
            Self::ReferrerExists => "ReferrerExists",
            Self::WrongReferrer => "WrongReferrer",
            Self::CredentialRequired => "CredentialRequired",
            Self::CredentialExpired => "CredentialExpired",
            Self::VoucherRevoked => "VoucherRevoked",
            Self::WrongRevocation => "WrongRevocation",
            Self::RevocationNotFound => "RevocationNotFound",
            Self::VoucherNotExpired => "VoucherNotExpired",
        }
    }

    /// The name in snake case.
    #[must_use]
    pub const fn snake_name(self) -> &'static str {
        match self {
            Self::SelfReferral => "self_referral",
            Self::AlreadyConverted => "already_converted",
            Self::InvalidCode => "invalid_code",
            Self::CodeMismatch => "code_mismatch",
            Self::CodeTaken => "code_taken",
            Self::ReferralInactive => "referral_inactive",
            Self::ReferralExpired => "referral_expired",
            Self::UsageLimitReached => "usage_limit_reached",
            Self::CampaignExists => "campaign_exists",
            Self::CampaignPaused => "campaign_paused",
            Self::CampaignClosed => "campaign_closed",
            Self::CampaignNotStarted => "campaign_not_started",
            Self::CampaignEnded => "campaign_ended",
            Self::InvalidSchedule => "invalid_schedule",
            Self::InvalidReward => "invalid_reward",
            Self::InvalidAction => "invalid_action",
            Self::WrongMint => "wrong_mint",
            Self::WrongTokenProgram => "wrong_token_program",
            Self::MintAuthorityMismatch => "mint_authority_mismatch",
            Self::UnsupportedMint => "unsupported_mint",
            Self::Unauthorized => "unauthorized",
            Self::WrongCampaign => "wrong_campaign",
            Self::CampaignNotFound => "campaign_not_found",
            Self::ReferralNotFound => "referral_not_found",
            Self::BoundElsewhere => "bound_elsewhere",
            Self::NotBound => "not_bound",
            Self::BindingExpired => "binding_expired",
            Self::AlreadyBound => "already_bound",
            Self::BindingNotNeeded => "binding_not_needed",
            Self::AttestationRequired => "attestation_required",
            Self::WrongAttestor => "wrong_attestor",
            Self::InvalidVoucher => "invalid_voucher",
            Self::VoucherExpired => "voucher_expired",
            Self::PaymentRequired => "payment_required",
            Self::PaymentNotAccepted => "payment_not_accepted",
            Self::AmountTooSmall => "amount_too_small",
            Self::BudgetExhausted => "budget_exhausted",
            Self::VaultExhausted => "vault_exhausted",
            Self::CampaignNotWritable => "campaign_not_writable",
            Self::InvalidTerms => "invalid_terms",
            Self::InvalidShares => "invalid_shares",
            Self::InvalidTiers => "invalid_tiers",
            Self::InvalidBonuses => "invalid_bonuses",
            Self::InvalidHold => "invalid_hold",
            Self::InvalidAttributionWindow => "invalid_attribution_window",
            Self::InvalidBudget => "invalid_budget",
            Self::InvalidAttestor => "invalid_attestor",
            Self::InvalidTreasury => "invalid_treasury",
            Self::WrongVault => "wrong_vault",
            Self::WrongTreasury => "wrong_treasury",
            Self::WrongBeneficiary => "wrong_beneficiary",
            Self::MissingAccount => "missing_account",
            Self::MissingReference => "missing_reference",
            Self::NotPending => "not_pending",
            Self::StillHeld => "still_held",
            Self::NothingToClaim => "nothing_to_claim",
            Self::HoldOver => "hold_over",
            Self::NotPendingAuthority => "not_pending_authority",
            Self::NotReferralOwner => "not_referral_owner",
            Self::NotPendingOwner => "not_pending_owner",
            Self::InvalidPartner => "invalid_partner",
            Self::PartnerExists => "partner_exists",
            Self::NotPartner => "not_partner",
            Self::RewardsPending => "rewards_pending",
            Self::InvalidUsageLimit => "invalid_usage_limit",
            Self::InvalidExpiry => "invalid_expiry",
            Self::CampaignNotClosed => "campaign_not_closed",
            Self::ClaimPeriodOpen => "claim_period_open",
            Self::WrongRentPayer => "wrong_rent_payer",
            Self::InsufficientVault => "insufficient_vault",
            Self::NoVault => "no_vault",
            Self::ConversionNotFound => "conversion_not_found",
            Self::BindingNotFound => "binding_not_found",
            Self::WrongReferral => "wrong_referral",
            Self::WrongPaymentMint => "wrong_payment_mint",
            Self::PaymentAboveMaximum => "payment_above_maximum",
            Self::InvalidNotice => "invalid_notice",
            Self::InvalidOwnerLimit => "invalid_owner_limit",
            Self::InvalidGate => "invalid_gate",
            Self::TooManyBonuses => "too_many_bonuses",
            Self::VaultMissing => "vault_missing",
            Self::OwnerLimitReached => "owner_limit_reached",
            Self::NotPerOwner => "not_per_owner",
            Self::ReferrerNotFound => "referrer_not_found",
            Self::ReferrerExists => "referrer_exists",
            Self::WrongReferrer => "wrong_referrer",
            Self::CredentialRequired => "credential_required",
            Self::CredentialExpired => "credential_expired",
            Self::VoucherRevoked => "voucher_revoked",
            Self::WrongRevocation => "wrong_revocation",
            Self::RevocationNotFound => "revocation_not_found",
            Self::VoucherNotExpired => "voucher_not_expired",
        }
    }

    /// The message.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::SelfReferral => "a wallet cannot refer itself",
            Self::AlreadyConverted => "this conversion was recorded before",
            Self::InvalidCode => "a code has 6 to 12 characters of A-Z and 2-9, without O, I and L",
            Self::CodeMismatch => "the code is not that of the referral",
            Self::CodeTaken => "the code is already taken in this campaign",
            Self::ReferralInactive => "the referral is not active",
            Self::ReferralExpired => "the referral has expired",
            Self::UsageLimitReached => "the referral has reached its usage limit",
            Self::CampaignExists => "the creator already has a campaign with this number",
            Self::CampaignPaused => "the campaign is paused",
            Self::CampaignClosed => "the campaign is closed",
            Self::CampaignNotStarted => "the campaign has not started",
            Self::CampaignEnded => "the campaign has ended",
            Self::InvalidSchedule => "a campaign must end after it starts and after now",
            Self::InvalidReward => {
                "a reward must be at least one base unit, fit the mint, and give back no more than was paid"
            }
            Self::InvalidAction => "there is no such action",
            Self::WrongMint => "the mint is not the campaign's",
            Self::WrongTokenProgram => "the token program is not the campaign's",
            Self::MintAuthorityMismatch => "the mint authority must be the campaign",
            Self::UnsupportedMint => {
                "the mint is not initialised, or has an extension that is not allowed"
            }
            Self::Unauthorized => "the signer is not the campaign's authority",
            Self::WrongCampaign => "the referral belongs to another campaign",
            Self::CampaignNotFound => "there is no such campaign",
            Self::ReferralNotFound => "there is no such code in this campaign",
            Self::BoundElsewhere => "the wallet was first brought by another code",
            Self::NotBound => "the wallet is not bound to a code",
            Self::BindingExpired => "the binding has expired",
            Self::AlreadyBound => "the wallet is already bound to a code",
            Self::BindingNotNeeded => "the campaign has no attribution window",
            Self::AttestationRequired => {
                "the campaign's attestor must sign, or a voucher must come right before"
            }
            Self::WrongAttestor => "the signer is not the campaign's attestor",
            Self::InvalidVoucher => {
                "the voucher does not match this conversion, or its times are not allowed"
            }
            Self::VoucherExpired => "the voucher has expired",
            Self::PaymentRequired => "this campaign counts purchases only",
            Self::PaymentNotAccepted => "this campaign counts no purchases",
            Self::AmountTooSmall => "the amount is below the campaign's minimum",
            Self::BudgetExhausted => "the campaign's budget is exhausted",
            Self::VaultExhausted => "the vault does not hold the reward",
            Self::CampaignNotWritable => {
                "the campaign must be writable, for it counts a budget or a vault"
            }
            Self::InvalidTerms => "these terms do not go together",
            Self::InvalidShares => {
                "a part is both share and fixed, or referee's and partner's parts exceed the reward"
            }
            Self::InvalidTiers => "tiers must ascend, with multipliers above 1x and up to 100x",
            Self::InvalidBonuses => {
                "bonuses must ascend, be worth something and stay below what was paid; a payment split has none"
            }
            Self::InvalidHold => "a reward can be held for at most 365 days",
            Self::InvalidAttributionWindow => "a binding can last for at most 365 days",
            Self::InvalidBudget => "the budget is below what is committed already",
            Self::InvalidAttestor => "the campaign needs an attestor",
            Self::InvalidTreasury => "set a treasury if and only if the campaign takes payments",
            Self::WrongVault => "the token account is not the campaign's vault",
            Self::WrongTreasury => "the account is not the campaign's treasury",
            Self::WrongBeneficiary => "the account is not the beneficiary's",
            Self::MissingAccount => "an account that this campaign needs is missing",
            Self::MissingReference => "an order needs a reference",
            Self::NotPending => "the conversion is not pending",
            Self::StillHeld => "the reward is still held",
            Self::NothingToClaim => "no beneficiary can receive now",
            Self::HoldOver => "the hold is over",
            Self::NotPendingAuthority => "the campaign was not offered to the signer",
            Self::NotReferralOwner => "the signer is not the referral's owner",
            Self::NotPendingOwner => "the referral was not offered to the signer",
            Self::InvalidPartner => {
                "a partner must be another wallet, with a part that the campaign allows"
            }
            Self::PartnerExists => "the referral has another partner",
            Self::NotPartner => {
                "the signer is neither owner nor partner of this referral, or it has no partner"
            }
            Self::RewardsPending => "rewards are pending",
            Self::InvalidUsageLimit => "a usage limit must not be below the conversions so far",
            Self::InvalidExpiry => "a referral must expire after now",
            Self::CampaignNotClosed => "the campaign is not closed",
            Self::ClaimPeriodOpen => "rewards can still be claimed",
            Self::WrongRentPayer => "wrong rent payer",
            Self::InsufficientVault => "the vault does not hold that much beyond what is owed",
            Self::NoVault => "the campaign has no vault",
            Self::ConversionNotFound => "there is no such conversion",
            Self::BindingNotFound => "there is no such binding",
            Self::WrongReferral => "the conversion belongs to another referral",
            Self::WrongPaymentMint => "the payment mint is not the campaign's",
            Self::PaymentAboveMaximum => "the payment is more than the buyer agreed to",
            Self::InvalidNotice => "a notice can last for at most 365 days",
            Self::InvalidOwnerLimit => {
                "only a campaign that counts per owner limits an owner's conversions"
            }
            Self::InvalidGate => "a gate needs both the issuer and the schema of a credential",
            Self::TooManyBonuses => "a campaign can offer 32 different bonuses in its life",
            Self::VaultMissing => "the campaign's vault does not exist yet",
            Self::OwnerLimitReached => "the owner's codes have reached the campaign's limit",
            Self::NotPerOwner => "the campaign does not count per owner",
            Self::ReferrerNotFound => "the owner is not registered in this campaign",
            Self::ReferrerExists => "the owner is registered in this campaign already",
            Self::WrongReferrer => "the account is another referrer's",
            Self::CredentialRequired => {
                "the referee needs a credential of the campaign's issuer and schema"
            }
            Self::CredentialExpired => "the referee's credential has expired",
            Self::VoucherRevoked => "the voucher was revoked",
            Self::WrongRevocation => {
                "the account is not at the address of the voucher's revocation"
            }
            Self::RevocationNotFound => "there is no such revocation",
            Self::VoucherNotExpired => "the revoked voucher has not expired",
        }
    }
}

impl fmt::Display for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for ProgramError {}
