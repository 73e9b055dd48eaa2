//! The program's errors, by the names and numbers of the IDL.

macro_rules! program_errors {
    ($($variant:ident = $code:literal, $message:literal;)*) => {
        /// An error that the program itself returns, as `custom program error`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
        #[repr(u32)]
        pub enum ProgramError {
            $(
                #[doc = $message]
                #[error($message)]
                $variant = $code,
            )*
        }

        impl ProgramError {
            /// Every error, in the order of its code.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The error with this custom code, if the program has it.
            #[must_use]
            pub const fn from_code(code: u32) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// Name in the IDL.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($variant),)*
                }
            }

            /// Number in `custom program error`.
            #[must_use]
            pub const fn code(self) -> u32 {
                self as u32
            }
        }
    };
}

program_errors! {
    SelfReferral = 6000, "a wallet cannot refer itself";
    AlreadyConverted = 6001, "this wallet was already converted in this campaign";
    InvalidCode = 6002, "a code has 6 to 12 characters of A-Z and 2-9, without O, I and L";
    CodeMismatch = 6003, "the code is not that of the referral";
    CodeTaken = 6004, "the code is already taken in this campaign";
    ReferralInactive = 6005, "the referral is not active";
    ReferralExpired = 6006, "the referral has expired";
    UsageLimitReached = 6007, "the referral has reached its usage limit";
    CampaignExists = 6008, "the creator already has a campaign with this number";
    CampaignPaused = 6009, "the campaign is paused";
    CampaignClosed = 6010, "the campaign is closed";
    CampaignNotStarted = 6011, "the campaign has not started";
    CampaignEnded = 6012, "the campaign has ended";
    InvalidSchedule = 6013, "a campaign must end after it starts and after now";
    InvalidReward = 6014, "a reward must be at least one base unit, and the mint must have room for it";
    InvalidAction = 6015, "there is no such action";
    WrongMint = 6016, "the mint is not the campaign's";
    WrongTokenProgram = 6017, "the token program is not the campaign's";
    WrongTokenAccount = 6018, "the token account is not the referrer's associated token account";
    TokenAccountUnavailable = 6019, "the referrer's token account is missing, frozen or no longer the referrer's";
    MintAuthorityMismatch = 6020, "the mint authority must be the campaign";
    UnsupportedMint = 6021, "the mint is not an initialised mint without extensions";
    Unauthorized = 6022, "the signer is not the campaign's authority";
    WrongCampaign = 6023, "the referral belongs to another campaign";
    CampaignNotFound = 6024, "there is no such campaign";
    ReferralNotFound = 6025, "there is no such code in this campaign";
    NotFirstTouch = 6026, "the wallet was first brought by another code";
    NotBound = 6027, "the wallet is not bound to a code";
    BindingExpired = 6028, "the binding has expired";
    AlreadyBound = 6029, "the wallet is already bound to a code";
    NoAttribution = 6030, "the campaign has no attribution window";
    AttestationRequired = 6031, "the campaign's attestor must sign, or a voucher must come right before";
    WrongAttestor = 6032, "the signer is not the campaign's attestor";
    InvalidVoucher = 6033, "the voucher is not one for this conversion";
    VoucherExpired = 6034, "the voucher has expired";
    PaymentRequired = 6035, "this campaign counts purchases only";
    PaymentNotAccepted = 6036, "this campaign counts no purchases";
    AmountTooSmall = 6037, "the amount is below the campaign's minimum";
    BudgetExhausted = 6038, "the campaign's budget is exhausted";
    VaultExhausted = 6039, "the vault does not hold the reward";
    CampaignNotWritable = 6040, "the campaign must be writable, for it counts a budget or a vault";
    InvalidTerms = 6041, "these terms do not go together";
    InvalidShares = 6042, "the shares are more than the whole";
    InvalidTiers = 6043, "tiers must ascend, with multipliers above 1x and up to 100x";
    InvalidBonuses = 6044, "bonuses must ascend and be worth something, and no payment split has any";
    InvalidHold = 6045, "a reward can be held for at most 365 days";
    InvalidAttributionWindow = 6046, "a first touch can count for at most 365 days";
    InvalidBudget = 6047, "the budget is below what is committed already";
    InvalidAttestor = 6048, "an attestor is needed";
    InvalidTreasury = 6049, "a treasury is needed exactly where payments are counted";
    WrongVault = 6050, "the token account is not the campaign's vault";
    WrongTreasury = 6051, "the account is not the campaign's treasury";
    WrongBeneficiary = 6052, "the account is not the beneficiary's";
    MissingAccount = 6053, "an account that this campaign needs is missing";
    MissingReference = 6054, "an order needs a reference";
    NotPending = 6055, "the conversion is not pending";
    StillHeld = 6056, "the reward is still held";
    NothingToClaim = 6057, "no beneficiary can receive now";
    HoldOver = 6058, "the hold is over";
    NotPendingAuthority = 6059, "the campaign was not offered to the signer";
    NotReferralOwner = 6060, "the signer is not the referral's owner";
    NotPendingOwner = 6061, "the referral was not offered to the signer";
    InvalidPartner = 6062, "a partner must be another wallet, with a share that the campaign allows";
    PartnerExists = 6063, "the referral has another partner";
    NotPartner = 6064, "the signer is not the referral's partner";
    RewardsPending = 6065, "rewards are pending";
    InvalidUsageLimit = 6066, "a usage limit must not be below the conversions so far";
    InvalidExpiry = 6067, "a referral must expire after now";
    CampaignNotClosed = 6068, "the campaign is not closed";
    ClaimPeriodOpen = 6069, "rewards can still be claimed";
    WrongRentPayer = 6070, "the account is not whoever paid the rent";
    InsufficientVault = 6071, "the vault does not hold that much beyond what is owed";
    NoVault = 6072, "the campaign has no vault";
    ConversionNotFound = 6073, "there is no such conversion";
    BindingNotFound = 6074, "there is no such binding";
    WrongReferral = 6075, "the conversion belongs to another referral";
    WrongPaymentMint = 6076, "the payment mint is not the campaign's";
}
