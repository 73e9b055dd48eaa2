//! Warnings: what the caller of a builder should know, although the transaction was built.

use serde::Serialize;
use utoipa::ToSchema;
use vouch_client::Pubkey;

/// Something that the caller of a builder should know.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Warning {
    pub(crate) code: WarningCode,
    /// For people.
    message: String,
}

/// The meaning of a warning. There are no others than these; a later version may add some.
///
/// - `payer_needs_sol`: the payer has too few lamports for fee and rent, so the transaction was not tried.
/// - `not_simulated`: the node could not try the transaction, so nobody knows whether it would succeed.
/// - `self_referral_pays`: a referrer who refers himself with a second wallet gains by it.
/// - `mint_authority_moves`: from this transaction on, only the campaign can mint the token.
/// - `announced_cut_restarts`: a cut that was announced is replaced, and its notice begins again.
/// - `pays_for_others`: the payer pays deposits of token accounts whose owners can close them and keep
///   the lamports.
/// - `mint_can_freeze`: somebody can freeze accounts of this token. A part that is owed to a frozen
///   account waits, and nothing is paid out of a frozen vault.
/// - `transfer_fee`: transfers of this token take a fee out of what is received, or somebody can
///   introduce one (Token-2022). Minting takes none.
/// - `shown_amounts_differ`: wallets show amounts of this token multiplied by a factor that changes
///   (interest-bearing or scaled amounts of Token-2022). Amounts here are base units, without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WarningCode {
    PayerNeedsSol,
    NotSimulated,
    SelfReferralPays,
    MintAuthorityMoves,
    AnnouncedCutRestarts,
    PaysForOthers,
    MintCanFreeze,
    TransferFee,
    ShownAmountsDiffer,
}

impl Warning {
    pub(crate) fn new(code: WarningCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

/// The warning that the payer pays for token accounts of these owners; none if there are none.
pub(super) fn pays_for(owners: &[Pubkey]) -> Option<Warning> {
    if owners.is_empty() {
        return None;
    }
    let owners: Vec<String> = owners.iter().map(ToString::to_string).collect();
    let message = format!(
        "the payer pays the deposits of token accounts of others, who can close them and keep the \
         lamports: {}",
        owners.join(", ")
    );
    Some(Warning::new(WarningCode::PaysForOthers, message))
}
