//! The error type of the API: a status and a stable code for the client, a cause for the
//! log.

use std::sync::Arc;

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use vouch_client::ProgramError;

/// A refused request. [`crate::envelope`] renders it, because only that module knows the
/// request's id.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// The field of the body or the parameter of the query that is wrong.
    pub(crate) field: Option<String>,
    /// The place to go on after a list that was read in part.
    pub(crate) next_cursor: Option<String>,
    /// Seconds after which the client may try again.
    pub(crate) retry_after: Option<u64>,
    /// For the log, never for the client.
    pub(crate) cause: Option<Arc<anyhow::Error>>,
}

/// Seconds after which a client may try again when it is not its fault.
const RETRY_AFTER: u64 = 2;

/// The result of a handler.
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
    malformed_json = BAD_REQUEST, "the body is not a JSON object, or has a field twice";
    missing_field = BAD_REQUEST, "the body lacks a field";
    unknown_field = BAD_REQUEST, "the body has a field that this route does not know";
    wrong_type = BAD_REQUEST, "a field of the body has another type";
    unsupported_media_type = UNSUPPORTED_MEDIA_TYPE, "send the body as application/json";
    body_too_large = PAYLOAD_TOO_LARGE, "a body may have at most 64 KiB";
    request_timeout = REQUEST_TIMEOUT, "the body took too long to arrive";
    overloaded = SERVICE_UNAVAILABLE, "too much is being asked for right now; try again";
    too_many_requests = TOO_MANY_REQUESTS, "too many requests; try again after the time in Retry-After";
    invalid_query = BAD_REQUEST, "the query string is not what this route expects";
    invalid_address = BAD_REQUEST, "an address is 32 bytes in base58";
    not_a_wallet = BAD_REQUEST, "nobody can sign in with this address: it is not on the ed25519 curve";
    invalid_code = BAD_REQUEST, "a code has 6 to 12 characters of A-Z and 2-9, without O, I and L";
    invalid_amount = BAD_REQUEST, "an amount is a decimal string from 0 to 18446744073709551615";
    invalid_action = BAD_REQUEST, "there is no such action";
    invalid_reference = BAD_REQUEST, "a reference is 64 hexadecimal digits";
    invalid_name = BAD_REQUEST, "a name has 1 to 100 characters and no control characters";
    invalid_symbol = BAD_REQUEST, "a symbol has 1 to 10 letters, digits or dollar signs";
    invalid_landing_url = BAD_REQUEST,
        "a landing URL is an absolute http or https URL of at most 2048 characters, without \
         credentials and without the query parameters ref, click_id and campaign";
    code_not_found = NOT_FOUND, "there is no such code";
    conversion_not_found = NOT_FOUND, "there is no such conversion";
    click_not_found = NOT_FOUND, "there is no such click, or it was deleted";
    campaign_not_found = NOT_FOUND, "there is no such campaign";
    link_ended = GONE, "the campaign of this link is over";
    digest_not_found = NOT_FOUND, "there is no digest at or before this slot";
    bucket_not_found = NOT_FOUND, "the digest has no such bucket";
    code_inactive = CONFLICT, "the code is not active";
    code_expired = CONFLICT, "the code has expired";
    usage_limit_reached = CONFLICT, "the code has reached its usage limit";
    action_unsupported = CONFLICT, "an Action cannot give what this campaign's conversions need";
    unauthenticated = UNAUTHORIZED, "sign in, or send a token that is valid";
    session_required = FORBIDDEN, "an API key cannot do this: sign in with the wallet";
    cross_site_request = FORBIDDEN, "this request comes from the page of another site";
    not_code_owner = FORBIDDEN, "this wallet does not own the code";
    not_a_referrer = FORBIDDEN, "this wallet owns no code, so it has no rank in a category or region";
    not_award_owner = FORBIDDEN, "another wallet has earned this badge";
    not_campaign_authority = FORBIDDEN, "this is for the campaign's authority and its keys";
    missing_scope = FORBIDDEN, "the key lacks a scope";
    invalid_challenge = BAD_REQUEST, "this nonce was not made for this wallet";
    wrong_message = BAD_REQUEST, "the signed bytes are not the message of the challenge";
    wrong_signature = UNAUTHORIZED, "this is not the wallet's signature of the message";
    challenge_expired = CONFLICT, "the challenge has expired: ask for a new one";
    challenge_used = CONFLICT, "the challenge was used before: ask for a new one";
    session_not_found = NOT_FOUND, "this wallet has no such session";
    mirror_stale = SERVICE_UNAVAILABLE,
        "the chain has not been read for minutes, so nobody knows whether this is still yours";
    invalid_idempotency_key = BAD_REQUEST, "an idempotency key has 16 to 128 visible ASCII characters";
    idempotency_key_reused = UNPROCESSABLE_ENTITY,
        "a request with another body was made with this idempotency key";
    key_not_found = NOT_FOUND, "the campaign has no such key that has not ended";
    award_not_found = NOT_FOUND, "there is no such badge";
    too_many_keys = CONFLICT, "an authority has at most 20 keys for a campaign, and 200 with those that ended in 90 days";
    invalid_key_name = BAD_REQUEST, "a name has 1 to 60 characters, all of which can be seen";
    unknown_scope = BAD_REQUEST, "scopes are at least one of read:analytics, write:attestations, write:events, write:profile";
    invalid_expiry_days = BAD_REQUEST, "a key ends after 1 to 3650 days";
    invalid_overlap = BAD_REQUEST, "the old key goes on working for 0 to 604800 seconds";
    unknown_category = BAD_REQUEST, "there is no such category";
    unknown_region = BAD_REQUEST, "a region is a country of ISO 3166-1 alpha-2, such as DE";
    invalid_profile = BAD_REQUEST, "a profile has texts of limited length without hidden characters";
    chain_unavailable = SERVICE_UNAVAILABLE, "the chain cannot be reached right now";
    database_unavailable = SERVICE_UNAVAILABLE, "the database cannot be reached right now";
    click_not_stored = SERVICE_UNAVAILABLE, "the click could not be stored; try again";
    invalid_signature = BAD_REQUEST, "a signature is 64 bytes in base58";
    transaction_too_large = UNPROCESSABLE_ENTITY, "so many accounts do not fit into one transaction";
    transaction_would_fail = UNPROCESSABLE_ENTITY, "the node has tried the transaction, and it would fail";
    insufficient_tokens = UNPROCESSABLE_ENTITY, "the token account that pays holds too few tokens: add some first";
    mint_address_taken = CONFLICT,
        "somebody has sent lamports to the address of the new mint, so it cannot be created: choose another id or name";
    transaction_not_found = NOT_FOUND,
        "the node knows no final transaction with this signature: it may not be final yet, or be older than what the node keeps";
    no_delegation = UNPROCESSABLE_ENTITY,
        "this transaction names no delegate for the campaign, or has failed";
    delegation_superseded = CONFLICT, "the authority has said something else in a later transaction";
    already_paid = CONFLICT, "this reward is paid already: there is nothing to claim";
    conversion_cancelled = CONFLICT, "the campaign has cancelled this conversion: nothing is owed for it";
    account_frozen = CONFLICT, "the token account is frozen: ask the mint's freeze authority to thaw it";
    token_account_missing = CONFLICT,
        "there is no token account to pay to: its owner has to create it, or to claim as payer";
    conflicting_fields = BAD_REQUEST, "these fields do not go together";
    account_not_found = NOT_FOUND, "there is no such account of the program";
    no_offer = CONFLICT, "it was offered to nobody: its owner has to propose a new one first";
    no_partner = CONFLICT, "the code has no partner";
    invalid_time = BAD_REQUEST, "a time is of RFC 3339, such as 2027-01-31T12:00:00Z, from 1970 on";
    sponsor_off = CONFLICT, "this service has no sponsor of fees: a wallet has to pay";
    not_sponsored = UNPROCESSABLE_ENTITY, "the sponsor does not pay for this transaction: a wallet has to pay";
    sponsor_limit_reached = TOO_MANY_REQUESTS, "the sponsor pays no more on this day (UTC)";
    sponsor_balance_low = SERVICE_UNAVAILABLE, "the sponsor has too few lamports left: a wallet has to pay";
    invalid_transaction = BAD_REQUEST, "a transaction is of the wire format, in base64, with at most 1232 bytes";
    invalid_sponsorship = BAD_REQUEST,
        "the sponsorship is not of these bytes: send the transaction as it was built, and signed since";
    missing_signature = BAD_REQUEST, "each signer but the sponsor signs before it does";
    transaction_expired = CONFLICT, "the blockhash of the transaction is too old: build a new one";
    sponsorship_pending = CONFLICT,
        "the sponsor has signed another transaction of this wallet: wait until it has landed, or is too old";
    attestor_off = CONFLICT, "this service does not have the key of the campaign's attestor";
    attestor_changed = CONFLICT, "the campaign has another attestor than the one whose key this service has";
    no_attestation_rules = NOT_FOUND, "the campaign's authority has not set rules for what may be signed";
    amount_out_of_bounds = UNPROCESSABLE_ENTITY, "the campaign's rules allow no such amount";
    order_attested = CONFLICT, "a voucher with other words was signed for this order, and has not expired";
    attestation_limit_reached = TOO_MANY_REQUESTS, "the campaign's rules allow no more vouchers on this day (UTC)";
    invalid_rules = BAD_REQUEST,
        "rules have amounts in order, and vouchers that live for 60 to 2592000 seconds";
    internal = INTERNAL_SERVER_ERROR, "something went wrong here";
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, message: &str) -> Self {
        Self {
            status,
            code,
            message: message.to_owned(),
            field: None,
            next_cursor: None,
            retry_after: (status == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_AFTER),
            cause: None,
        }
    }

    /// Replaces the message. The message goes to the client, so it must not contain
    /// anything internal.
    pub(crate) fn saying(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// Names the field of the body, or the parameter, that is wrong.
    pub(crate) fn of_field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Says from where on a list can be read that was read in part.
    pub(crate) fn going_on_at(mut self, next_cursor: String) -> Self {
        self.next_cursor = Some(next_cursor);
        self
    }

    /// Adds the cause, for the log.
    pub(crate) fn because(mut self, cause: impl Into<anyhow::Error>) -> Self {
        self.cause = Some(Arc::new(cause.into()));
        self
    }
}

/// HTTP status of an error that the program returns; `None` if a caller of the API cannot
/// cause it. Its code is the error's name in snake case.
fn status(error: ProgramError) -> Option<StatusCode> {
    use ProgramError as E;

    Some(match error {
        E::InvalidAction | E::WrongMint | E::WrongTokenProgram | E::Unauthorized => return None,
        E::InvalidCode => StatusCode::BAD_REQUEST,
        E::NotPendingAuthority | E::NotReferralOwner | E::NotPendingOwner | E::NotPartner => {
            StatusCode::FORBIDDEN
        }
        E::CampaignNotFound | E::ConversionNotFound | E::RevocationNotFound => {
            StatusCode::NOT_FOUND
        }
        // The request is valid, but conflicts with the state of the chain.
        E::CampaignExists
        | E::AlreadyConverted
        | E::CodeTaken
        | E::CampaignPaused
        | E::CampaignClosed
        | E::CampaignNotStarted
        | E::CampaignEnded
        | E::BoundElsewhere
        | E::NotBound
        | E::BindingNotFound
        | E::BindingExpired
        | E::AlreadyBound
        | E::BindingNotNeeded
        | E::PaymentRequired
        | E::PaymentNotAccepted
        | E::BudgetExhausted
        | E::VaultExhausted
        | E::InsufficientVault
        | E::NoVault
        | E::NotPending
        | E::StillHeld
        | E::NothingToClaim
        | E::HoldOver
        | E::PartnerExists
        | E::RewardsPending
        | E::CampaignNotClosed
        | E::ClaimPeriodOpen
        | E::VaultMissing
        | E::OwnerLimitReached
        | E::NotPerOwner
        | E::ReferrerNotFound
        | E::ReferrerExists
        | E::VoucherNotExpired => StatusCode::CONFLICT,
        E::CampaignNotWritable => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    })
}

/// The API's error for an error that the program would return.
impl From<ProgramError> for ApiError {
    fn from(error: ProgramError) -> Self {
        match error {
            // The API identifies codes: to it, a referral of another campaign is an
            // unknown code.
            ProgramError::ReferralNotFound
            | ProgramError::WrongCampaign
            | ProgramError::CodeMismatch => Self::code_not_found(),
            ProgramError::ReferralInactive => Self::code_inactive(),
            ProgramError::ReferralExpired => Self::code_expired(),
            ProgramError::UsageLimitReached => Self::usage_limit_reached(),
            other => match status(other) {
                Some(status) => {
                    let message = format!("{}: {}", other.message(), other.advice());
                    Self::new(status, other.snake_name(), &message)
                }
                None => Self::internal().because(other),
            },
        }
    }
}

impl From<vouch_db::Error> for ApiError {
    fn from(error: vouch_db::Error) -> Self {
        if vouch_db::api::is_busy(&error) {
            Self::overloaded().because(error)
        } else if error.is_unavailable() || vouch_db::api::is_away(&error) {
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
    use std::collections::BTreeSet;

    use super::*;

    /// Statuses and codes in the table of docs/api.md that lists the program's errors.
    fn documented() -> BTreeSet<(u16, &'static str)> {
        let (_, table) = include_str!("../../docs/api.md")
            .split_once("Refusals that stand for the program's own:")
            .expect("the table");
        let (table, _) = table.split_once("\n## ").expect("a section after it");
        let mut codes = BTreeSet::new();
        for row in table.lines() {
            let Some((status, list)) = row.trim_start_matches("| ").split_once(" | ") else {
                continue;
            };
            if let Some(Ok(status)) = status.get(..3).map(str::parse) {
                codes.extend(
                    list.split('`')
                        .skip(1)
                        .step_by(2)
                        .map(|code| (status, code)),
                );
            }
        }
        codes
    }

    #[test]
    fn the_documentation_lists_the_refusals_of_the_program() {
        let given: BTreeSet<(u16, &str)> = ProgramError::ALL
            .iter()
            .map(|error| ApiError::from(*error))
            .filter(|answer| answer.code != "internal")
            .map(|answer| (answer.status.as_u16(), answer.code))
            .collect();
        assert_eq!(given, documented());
    }
}
