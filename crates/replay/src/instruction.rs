//! The program's accounts that an instruction names.

use solana_sdk::pubkey::Pubkey;
use vouch_client::instructions::{Layout, raw::InstructionData};

use crate::{calls::Call, error::Kind};

/// Whether the account with this name in an instruction's layout is one that [`crate::apply`] may read
/// or write. A conversion proves its voucher and its binding to the program alone.
fn is_read(instruction: &InstructionData, name: &str) -> bool {
    let converts = matches!(
        instruction,
        InstructionData::Convert(_) | InstructionData::Purchase(_)
    );
    match name {
        "campaign" | "referral" | "conversion" | "referrer" => true,
        "binding" | "revocation" => !converts,
        _ => false,
    }
}

/// The addresses that [`crate::apply`] asks the view for, so that a caller can load those of many
/// calls at once. Some may have no account: those that the call creates.
///
/// # Errors
/// [`Kind::UnknownInstruction`], [`Kind::InvalidArguments`].
pub fn touches(call: &Call<'_>) -> Result<Vec<Pubkey>, Kind> {
    let instruction = InstructionData::read(call.data)?;
    let layout =
        Layout::of(call.data).ok_or_else(|| Kind::UnknownInstruction(call.data.to_vec()))?;
    let named = layout.accounts.iter().zip(call.accounts);
    Ok(named
        .filter(|((name, _), _)| is_read(&instruction, name))
        .map(|(_, address)| *address)
        .collect())
}
