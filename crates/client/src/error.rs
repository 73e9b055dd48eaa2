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
}
