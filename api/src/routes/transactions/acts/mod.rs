//! Builders whose answer is the transaction alone: one table, and for each a request that makes a
//! [`Plan`].

mod company;
mod reclaim;
mod referrer;
mod user;

use axum::{Json, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};
use vouch_client::{Code, Pubkey};

use company::{
    AcceptAuthorityRequest, CancelConversionRequest, CloseCampaignRequest, DelegateRequest,
    FundVaultRequest, ProposeAuthorityRequest, ReclaimCampaignRequest, RevokeVoucherRequest,
    SetPausedRequest, SetSuspendedRequest, WithdrawVaultRequest,
};
use reclaim::ReclaimRequest;
use referrer::{
    AcceptOwnerRequest, CloseReferralRequest, EndPartnershipRequest, ProposeOwnerRequest,
    SetPartnerRequest, UpdateReferralRequest,
};
use user::{BindRequest, PurchaseRequest};

use super::{Built, Payers, Plan, address, address_or, amount, target};
use crate::{
    chain::Seen, envelope::ErrorEnvelope, error::ApiResult, extract, state::AppState, types,
};

/// A request for a transaction.
trait Act {
    /// The payer and the instructions.
    ///
    /// # Errors
    /// The program's refusal, as far as the accounts show it. The simulation shows the rest.
    async fn plan(self, state: &AppState) -> ApiResult<Plan>;
}

/// One line for each builder: its handler, its path, its request, and what it refuses with 404, 409
/// and 422 besides what all refuse; and with 429 and 503, if a sponsor can pay for it.
macro_rules! acts {
    ($(
        $(#[doc = $doc:tt])*
        $handler:ident $path:tt $request:ident $missing:tt [$($conflicts:tt)?] $invalid:tt
        $([$limited:tt, $away:tt])?;
    )*) => {
        $(
            $(#[doc = $doc])*
            #[utoipa::path(post, path = $path, tag = "transactions",
                request_body = $request,
                responses(
                    (status = 200, body = Built),
                    (status = 400, description = "malformed_json, missing_field, unknown_field, wrong_type, invalid_address, invalid_code, invalid_amount, invalid_time, invalid_reference, invalid_action, conflicting_fields, not_a_wallet", body = ErrorEnvelope),
                    (status = 404, description = $missing, body = ErrorEnvelope),
                    $((status = 409, description = $conflicts, body = ErrorEnvelope),)?
                    (status = 413, description = "body_too_large", body = ErrorEnvelope),
                    (status = 415, description = "unsupported_media_type", body = ErrorEnvelope),
                    (status = 422, description = $invalid, body = ErrorEnvelope),
                    (status = 429, description = "too_many_requests", body = ErrorEnvelope),
                    (status = 503, description = "overloaded, chain_unavailable, database_unavailable", body = ErrorEnvelope),
                    // Of two for one status, the document has the second.
                    $((status = 429, description = $limited, body = ErrorEnvelope),
                    (status = 503, description = $away, body = ErrorEnvelope),)?
                ))]
            pub(super) async fn $handler(
                State(state): State<AppState>,
                extract::Json(request): extract::Json<$request>,
            ) -> ApiResult<Json<Built>> {
                request.plan(&state).await?.build(&state).await.map(Json)
            }
        )*

        /// Every builder of the table.
        pub(super) fn router() -> OpenApiRouter<AppState> {
            OpenApiRouter::new()$(.routes(routes!($handler)))*
        }
    };
}

acts! {
    /// Build a transaction that pauses or resumes a campaign
    ///
    /// The campaign's authority signs. It holds from the next transaction on.
    set_paused "/v1/transactions/set-paused" SetPausedRequest
        "campaign_not_found" ["campaign_closed"] "transaction_would_fail";
    /// Build a transaction that funds a vault
    ///
    /// Anybody may fund a vault.
    fund_vault "/v1/transactions/fund-vault" FundVaultRequest
        "campaign_not_found" ["campaign_closed, no_vault, account_frozen"]
        "insufficient_tokens, transaction_would_fail";
    /// Build a transaction that withdraws from a vault
    ///
    /// The campaign's authority signs. Units that the campaign owes stay in the vault.
    withdraw_vault "/v1/transactions/withdraw-vault" WithdrawVaultRequest
        "campaign_not_found" ["no_vault, insufficient_vault, account_frozen"] "transaction_would_fail";
    /// Build a transaction that suspends a code, or lifts the suspension
    ///
    /// The campaign's authority signs. It holds from the next transaction on; earned rewards stay.
    set_suspended "/v1/transactions/set-suspended" SetSuspendedRequest
        "campaign_not_found, code_not_found" [] "transaction_would_fail";
    /// Build a transaction that cancels a conversion
    ///
    /// The campaign's authority signs, within the hold.
    cancel_conversion "/v1/transactions/cancel-conversion" CancelConversionRequest
        "conversion_not_found, campaign_not_found" ["already_paid, conversion_cancelled, hold_over"]
        "transaction_would_fail";
    /// Build a transaction that offers a campaign to another authority, or withdraws the offer
    ///
    /// The campaign's authority signs.
    propose_authority "/v1/transactions/propose-authority" ProposeAuthorityRequest
        "campaign_not_found" [] "transaction_would_fail";
    /// Build a transaction that names the wallet which acts for a campaign's authority off chain
    ///
    /// The campaign's authority signs a memo. Show the transaction to
    /// `/v1/campaigns/{address}/delegate` when it is final.
    delegate "/v1/transactions/delegate" DelegateRequest
        "campaign_not_found" [] "transaction_would_fail";
    /// Build a transaction that takes over a campaign
    ///
    /// The wallet to which it was offered signs.
    accept_authority "/v1/transactions/accept-authority" AcceptAuthorityRequest
        "campaign_not_found" ["no_offer"] "transaction_would_fail";
    /// Build a transaction that closes a campaign for good
    ///
    /// The campaign's authority signs; anybody may from 30 days after the campaign's end.
    close_campaign "/v1/transactions/close-campaign" CloseCampaignRequest
        "campaign_not_found" ["campaign_closed"] "transaction_would_fail";
    /// Build a transaction that takes back what a closed campaign holds
    ///
    /// The mint's authority, the rest of the vault, and the rent, after the claim period. The campaign's
    /// authority signs.
    reclaim_campaign "/v1/transactions/reclaim-campaign" ReclaimCampaignRequest
        "campaign_not_found" ["campaign_not_closed, claim_period_open"] "transaction_would_fail";
    /// Build a transaction that revokes a voucher
    ///
    /// The campaign's attestor signs.
    revoke_voucher "/v1/transactions/revoke-voucher" RevokeVoucherRequest
        "campaign_not_found" [] "invalid_attestor, voucher_revoked, voucher_expired, transaction_would_fail";
    /// Build a transaction that returns rents of a campaign that is over
    ///
    /// The rent of conversions, codes, bindings, owners' accounts and revocations goes to the wallet that paid it.
    /// Anybody may send the transaction.
    reclaim "/v1/transactions/reclaim" ReclaimRequest
        "account_not_found, campaign_not_found, conversion_not_found"
        ["campaign_not_closed, rewards_pending, claim_period_open, voucher_not_expired"]
        "transaction_too_large, transaction_would_fail";
    /// Build a transaction that changes a code
    ///
    /// Its owner signs. Absent fields keep their values.
    update_referral "/v1/transactions/update-referral" UpdateReferralRequest
        "campaign_not_found, code_not_found" [] "invalid_usage_limit, invalid_expiry, transaction_would_fail";
    /// Build a transaction that gives a partner a part of each later reward of a code
    ///
    /// Owner and partner sign. It creates the partner's token account, where it is missing.
    set_partner "/v1/transactions/set-partner" SetPartnerRequest
        "campaign_not_found, code_not_found" ["partner_exists"] "invalid_partner, transaction_would_fail";
    /// Build a transaction that ends a partnership for later conversions
    ///
    /// At once if the partner signs, in 7 days if the owner does.
    end_partnership "/v1/transactions/end-partnership" EndPartnershipRequest
        "campaign_not_found, code_not_found" ["no_partner, rewards_pending"] "transaction_would_fail";
    /// Build a transaction that offers a code to another owner, or withdraws the offer
    ///
    /// Its owner signs.
    propose_owner "/v1/transactions/propose-owner" ProposeOwnerRequest
        "campaign_not_found, code_not_found" [] "transaction_would_fail";
    /// Build a transaction that takes over a code, with its pending rewards
    ///
    /// The wallet to which it was offered signs. It registers the wallet in a campaign that counts per
    /// owner, and creates its token account, where they are missing.
    accept_owner "/v1/transactions/accept-owner" AcceptOwnerRequest
        "campaign_not_found, code_not_found" ["no_offer, rewards_pending"] "invalid_partner, transaction_would_fail";
    /// Build a transaction that closes a code for good
    ///
    /// Its owner signs. Nobody can register the code again.
    close_referral "/v1/transactions/close-referral" CloseReferralRequest
        "campaign_not_found, code_not_found" ["rewards_pending"] "transaction_would_fail";
    /// Build a transaction that binds a wallet to the code that has brought it
    ///
    /// The wallet signs. Only campaigns with an attribution window need it.
    bind "/v1/transactions/bind" BindRequest
        "campaign_not_found, code_not_found"
        ["binding_not_needed, already_bound, campaign_paused, campaign_closed, campaign_not_started, campaign_ended, code_inactive, code_expired, usage_limit_reached, sponsor_off"]
        "self_referral, transaction_would_fail, not_sponsored"
        ["too_many_requests, sponsor_limit_reached", "overloaded, chain_unavailable, database_unavailable, sponsor_balance_low"];
    /// Build a transaction that pays a price and records the conversion
    ///
    /// The buyer signs. The program moves the payment, and pays the rewards in the same transaction.
    purchase "/v1/transactions/purchase" PurchaseRequest
        "campaign_not_found, code_not_found"
        ["payment_not_accepted, already_converted, campaign_paused, campaign_closed, campaign_not_started, campaign_ended, code_inactive, code_expired, usage_limit_reached, binding_not_found, binding_expired, bound_elsewhere, owner_limit_reached, budget_exhausted, vault_exhausted, sponsor_off"]
        "self_referral, amount_too_small, missing_reference, payment_above_maximum, credential_required, credential_expired, insufficient_tokens, transaction_too_large, transaction_would_fail, not_sponsored"
        ["too_many_requests, sponsor_limit_reached", "overloaded, chain_unavailable, database_unavailable, sponsor_balance_low"];
}

/// The code of a request, and the address of its campaign.
async fn named(state: &AppState, code: &str, campaign: Option<&str>) -> ApiResult<(Code, Pubkey)> {
    let code = types::code(code)?;
    let campaign = campaign.map(|text| address(text, "campaign")).transpose()?;
    let campaign = target(state, &code, campaign.map(types::Address)).await?;
    Ok((code, campaign))
}

/// Whether there is an account of the program, or a token account, at this address.
fn exists(seen: &Seen, address: &Pubkey) -> bool {
    seen.get(address).is_some_and(|it| !it.data.is_empty())
}
