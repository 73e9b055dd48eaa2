//! The one error of the API: a status and a stable code for the client, a cause
//! for the log.

use std::sync::Arc;

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use vouch_client::ProgramError;

/// Why a request was refused. Rendered as the error envelope by
/// [`crate::envelope`], which alone knows the request's id.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// For the log, never for the client.
    pub(crate) cause: Option<Arc<anyhow::Error>>,
}

/// What a handler gives.
pub(crate) type ApiResult<T> = Result<T, ApiError>;

macro_rules! errors {
    ($($name:ident = $status:ident, $message:literal;)*) => {
        impl ApiError {
            $(
                #[doc = $message]
                pub(crate) fn $name() -> Self {
                    Self::new(StatusCode::$status, stringify!($name), $message)
                }
            )*
        }
    };
}

errors! {
    route_not_found = NOT_FOUND, "there is nothing at this path";
    method_not_allowed = METHOD_NOT_ALLOWED, "this path does not have this method";
    malformed_json = BAD_REQUEST, "the body is not the JSON this route expects";
    unsupported_media_type = UNSUPPORTED_MEDIA_TYPE, "send the body as application/json";
    body_too_large = PAYLOAD_TOO_LARGE, "a body may have at most 64 KiB";
    request_timeout = REQUEST_TIMEOUT, "the request took too long";
    invalid_query = BAD_REQUEST, "the query string is not what this route expects";
    invalid_address = BAD_REQUEST, "an address is 32 bytes in base58";
    not_a_wallet = BAD_REQUEST, "this address cannot sign: it is not on the ed25519 curve";
    invalid_code = BAD_REQUEST, "a code has 6 to 12 characters of A-Z and 2-9, without O, I and L";
    invalid_amount = BAD_REQUEST, "an amount is a decimal string from 0 to 18446744073709551615";
    invalid_action = BAD_REQUEST, "there is no such action";
    invalid_reference = BAD_REQUEST, "a reference is 64 hexadecimal digits";
    invalid_name = BAD_REQUEST, "a name has 1 to 100 characters and no control characters";
    invalid_landing_url = BAD_REQUEST,
        "a landing URL is an absolute http or https URL of at most 2048 characters, without \
         credentials and without the query parameters ref, click_id and campaign";
    code_not_found = NOT_FOUND, "there is no such code";
    campaign_not_found = NOT_FOUND, "there is no such campaign";
    code_taken = CONFLICT, "the code is already taken in this campaign";
    campaign_paused = CONFLICT, "the campaign is paused";
    campaign_closed = CONFLICT, "the campaign is closed";
    campaign_not_started = CONFLICT, "the campaign has not started";
    campaign_ended = CONFLICT, "the campaign has ended";
    code_inactive = CONFLICT, "the code is not active";
    code_expired = CONFLICT, "the code has expired";
    usage_limit_reached = CONFLICT, "the code has reached its usage limit";
    already_converted = CONFLICT, "this wallet was already converted in this campaign";
    token_account_unavailable = CONFLICT,
        "the referrer's token account is frozen or no longer the referrer's";
    self_referral = UNPROCESSABLE_ENTITY, "a wallet cannot refer itself";
    unauthorized = UNAUTHORIZED, "this route needs the admin token as a bearer token";
    admin_disabled = FORBIDDEN, "admin routes are switched off: no admin token is configured";
    chain_unavailable = SERVICE_UNAVAILABLE, "the chain cannot be reached right now";
    database_unavailable = SERVICE_UNAVAILABLE, "the database cannot be reached right now";
    click_not_stored = SERVICE_UNAVAILABLE, "the click could not be stored; try again";
    invalid_signature = BAD_REQUEST, "a signature is 64 bytes in base58";
    transaction_too_large = UNPROCESSABLE_ENTITY, "so many accounts do not fit into one transaction";
    internal = INTERNAL_SERVER_ERROR, "something went wrong here";
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, message: &str) -> Self {
        Self {
            status,
            code,
            message: message.to_owned(),
            cause: None,
        }
    }

    /// The same refusal with a message that fits this request better. The
    /// message goes to the client: it must not hold anything internal.
    pub(crate) fn saying(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// The same refusal, with its cause for the log.
    pub(crate) fn because(mut self, cause: impl Into<anyhow::Error>) -> Self {
        self.cause = Some(Arc::new(cause.into()));
        self
    }
}

macro_rules! refusals {
    ($($variant:ident = $status:ident, $code:literal;)*) => {
        /// Status and code of what the program refuses in words that fit the API, too.
        fn refusal(error: ProgramError) -> Option<(StatusCode, &'static str)> {
            match error {
                $(ProgramError::$variant => Some((StatusCode::$status, $code)),)*
                _ => None,
            }
        }
    };
}

refusals! {
    NotFirstTouch = CONFLICT, "not_first_touch";
    NotBound = CONFLICT, "not_bound";
    BindingExpired = CONFLICT, "binding_expired";
    AlreadyBound = CONFLICT, "already_bound";
    NoAttribution = CONFLICT, "no_attribution";
    AttestationRequired = UNPROCESSABLE_ENTITY, "attestation_required";
    WrongAttestor = UNPROCESSABLE_ENTITY, "wrong_attestor";
    InvalidVoucher = UNPROCESSABLE_ENTITY, "invalid_voucher";
    VoucherExpired = UNPROCESSABLE_ENTITY, "voucher_expired";
    PaymentRequired = CONFLICT, "payment_required";
    PaymentNotAccepted = CONFLICT, "payment_not_accepted";
    AmountTooSmall = UNPROCESSABLE_ENTITY, "amount_too_small";
    BudgetExhausted = CONFLICT, "budget_exhausted";
    VaultExhausted = CONFLICT, "vault_exhausted";
    CampaignNotWritable = INTERNAL_SERVER_ERROR, "campaign_not_writable";
    InvalidTerms = UNPROCESSABLE_ENTITY, "invalid_terms";
    InvalidShares = UNPROCESSABLE_ENTITY, "invalid_shares";
    InvalidTiers = UNPROCESSABLE_ENTITY, "invalid_tiers";
    InvalidBonuses = UNPROCESSABLE_ENTITY, "invalid_bonuses";
    InvalidHold = UNPROCESSABLE_ENTITY, "invalid_hold";
    InvalidAttributionWindow = UNPROCESSABLE_ENTITY, "invalid_attribution_window";
    InvalidBudget = UNPROCESSABLE_ENTITY, "invalid_budget";
    InvalidAttestor = UNPROCESSABLE_ENTITY, "invalid_attestor";
    InvalidTreasury = UNPROCESSABLE_ENTITY, "invalid_treasury";
    WrongVault = UNPROCESSABLE_ENTITY, "wrong_vault";
    WrongTreasury = UNPROCESSABLE_ENTITY, "wrong_treasury";
    WrongBeneficiary = UNPROCESSABLE_ENTITY, "wrong_beneficiary";
    MissingAccount = UNPROCESSABLE_ENTITY, "missing_account";
    MissingReference = UNPROCESSABLE_ENTITY, "missing_reference";
    NotPending = CONFLICT, "not_pending";
    StillHeld = CONFLICT, "still_held";
    NothingToClaim = CONFLICT, "nothing_to_claim";
    HoldOver = CONFLICT, "hold_over";
    NotPendingAuthority = FORBIDDEN, "not_pending_authority";
    NotReferralOwner = FORBIDDEN, "not_referral_owner";
    NotPendingOwner = FORBIDDEN, "not_pending_owner";
    InvalidPartner = UNPROCESSABLE_ENTITY, "invalid_partner";
    PartnerExists = CONFLICT, "partner_exists";
    NotPartner = FORBIDDEN, "not_partner";
    RewardsPending = CONFLICT, "rewards_pending";
    InvalidUsageLimit = UNPROCESSABLE_ENTITY, "invalid_usage_limit";
    InvalidExpiry = UNPROCESSABLE_ENTITY, "invalid_expiry";
    CampaignNotClosed = CONFLICT, "campaign_not_closed";
    ClaimPeriodOpen = CONFLICT, "claim_period_open";
    WrongRentPayer = UNPROCESSABLE_ENTITY, "wrong_rent_payer";
    InsufficientVault = CONFLICT, "insufficient_vault";
    NoVault = CONFLICT, "no_vault";
    ConversionNotFound = NOT_FOUND, "conversion_not_found";
    BindingNotFound = CONFLICT, "binding_not_found";
    WrongReferral = UNPROCESSABLE_ENTITY, "wrong_referral";
    WrongPaymentMint = UNPROCESSABLE_ENTITY, "wrong_payment_mint";
}

/// The refusal that stands for what the program itself would answer.
impl From<ProgramError> for ApiError {
    fn from(error: ProgramError) -> Self {
        match error {
            ProgramError::SelfReferral => Self::self_referral(),
            ProgramError::AlreadyConverted => Self::already_converted(),
            ProgramError::CampaignNotFound => Self::campaign_not_found(),
            // A referral of another campaign is no code of this one.
            ProgramError::ReferralNotFound
            | ProgramError::WrongCampaign
            | ProgramError::CodeMismatch => Self::code_not_found(),
            ProgramError::InvalidCode => Self::invalid_code(),
            ProgramError::CodeTaken => Self::code_taken(),
            ProgramError::ReferralInactive => Self::code_inactive(),
            ProgramError::ReferralExpired => Self::code_expired(),
            ProgramError::UsageLimitReached => Self::usage_limit_reached(),
            ProgramError::CampaignPaused => Self::campaign_paused(),
            ProgramError::CampaignClosed => Self::campaign_closed(),
            ProgramError::CampaignNotStarted => Self::campaign_not_started(),
            ProgramError::CampaignEnded => Self::campaign_ended(),
            ProgramError::TokenAccountUnavailable => Self::token_account_unavailable(),
            other => match refusal(other) {
                Some((status, code)) => Self::new(status, code, &other.to_string()),
                None => Self::internal().because(other),
            },
        }
    }
}

impl From<vouch_db::Error> for ApiError {
    fn from(error: vouch_db::Error) -> Self {
        if error.is_unavailable() {
            Self::database_unavailable().because(error)
        } else {
            Self::internal().because(error)
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `SelfReferral` as `self_referral`.
    fn snake(name: &str) -> String {
        let mut snake = String::new();
        for letter in name.chars() {
            if letter.is_uppercase() && !snake.is_empty() {
                snake.push('_');
            }
            snake.extend(letter.to_lowercase());
        }
        snake
    }

    #[test]
    fn every_refusal_of_the_program_has_a_code() {
        // Given the errors of the program, without those that name what a caller of the
        // API has no part in
        let ours = [
            ProgramError::CampaignExists,
            ProgramError::InvalidSchedule,
            ProgramError::InvalidReward,
            ProgramError::InvalidAction,
            ProgramError::WrongMint,
            ProgramError::WrongTokenProgram,
            ProgramError::WrongTokenAccount,
            ProgramError::MintAuthorityMismatch,
            ProgramError::UnsupportedMint,
            ProgramError::Unauthorized,
        ];
        for error in ProgramError::ALL {
            let answer = ApiError::from(*error);
            if ours.contains(error) {
                assert_eq!(answer.code, "internal", "{error:?}");
            } else if error.code() > ProgramError::ReferralNotFound.code() {
                // Then the later ones are called as in the program
                assert_eq!(answer.code, snake(error.name()));
                assert_eq!(answer.message, error.to_string());
            } else {
                assert_ne!(answer.code, "internal", "{error:?}");
            }
        }
    }
}
