//! The failure of a simulated transaction, in the product's words.

use solana_sdk::instruction::{Instruction, InstructionError};
use vouch_client::{PROGRAM_ID, ProgramError};

use crate::error::ApiError;

/// The refusal for an instruction that would fail with `error`, after the programs have logged `logs`.
pub(super) fn of(
    step: Option<&Instruction>,
    error: &InstructionError,
    logs: &[String],
) -> ApiError {
    let is_ours = step.is_some_and(|step| step.program_id == PROGRAM_ID);
    if let (true, InstructionError::Custom(code)) = (is_ours, error)
        && let Some(error) = ProgramError::from_code(*code)
    {
        let refusal = ApiError::from(error);
        if refusal.code != "internal" {
            return refusal;
        }
    }
    let said = |words: &str| logs.iter().any(|line| line.contains(words));
    // Both token programs use the same words.
    if said("Error: insufficient funds") {
        return ApiError::insufficient_tokens();
    }
    if said("Error: Account is frozen") {
        return ApiError::account_frozen();
    }
    if said("Error: owner does not match") {
        return ApiError::transaction_would_fail()
            .saying("the signer does not own the token account, or is not the mint's authority");
    }
    ApiError::transaction_would_fail()
        .saying(format!("the transaction would fail: {error}"))
        .because(anyhow::anyhow!("{error:?}: {}", logs.join("; ")))
}
