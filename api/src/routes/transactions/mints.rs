//! Warnings of a mint, for those who are paid in its token.
//!
//! The program refuses mints whose extensions let somebody take tokens away, or keep them from being
//! paid (`programs/referral/src/token/extensions.rs`): a permanent delegate, a transfer hook, frozen
//! or non-transferable tokens, a close authority, pauses and confidential transfers. This module
//! warns of the properties that the program accepts and that are worth knowing.

use solana_sdk::{account::Account, program_option::COption};
use spl_token_2022_interface::{
    extension::{
        BaseStateWithExtensions as _, StateWithExtensions,
        interest_bearing_mint::InterestBearingConfig, scaled_ui_amount::ScaledUiAmountConfig,
        transfer_fee::TransferFeeConfig,
    },
    state::Mint,
};
use vouch_client::{Pubkey, token};

use super::{Warning, WarningCode};

/// Warnings about the mint with this account; none if it is not a mint.
pub(super) fn warnings(mint: &Pubkey, account: Option<&Account>) -> Vec<Warning> {
    let mut all = Vec::new();
    let account = account.filter(|account| {
        [token::TOKEN_PROGRAM_ID, token::TOKEN_2022_PROGRAM_ID].contains(&account.owner)
    });
    let read = account.and_then(|it| StateWithExtensions::<Mint>::unpack(&it.data).ok());
    let Some(read) = read else {
        return all;
    };
    if let COption::Some(authority) = read.base.freeze_authority {
        let message = format!(
            "{authority} can freeze any account of the token {mint}: a part that is owed to a frozen \
             account waits until it is thawed, and nothing is paid out of a frozen vault"
        );
        all.push(Warning::new(WarningCode::MintCanFreeze, message));
    }
    if let Ok(config) = read.get_extension::<TransferFeeConfig>() {
        all.extend(fee(mint, config));
    }
    // Extensions before a long text are read, although the end of the account is missing.
    let is_scaled = read.get_extension::<InterestBearingConfig>().is_ok()
        || read.get_extension::<ScaledUiAmountConfig>().is_ok();
    if is_scaled {
        let message = format!(
            "wallets multiply amounts of the token {mint} by a factor that changes: amounts of this \
             service are base units, without it"
        );
        all.push(Warning::new(WarningCode::ShownAmountsDiffer, message));
    }
    all
}

/// The warning of a fee on transfers; none if there is none, and nobody can introduce one.
fn fee(mint: &Pubkey, config: &TransferFeeConfig) -> Option<Warning> {
    let fees = [config.older_transfer_fee, config.newer_transfer_fee];
    let bps = fees.map(|fee| u16::from(fee.transfer_fee_basis_points));
    let most = fees.map(|fee| u64::from(fee.maximum_fee));
    let bps = bps.into_iter().max().unwrap_or_default();
    let most = most.into_iter().max().unwrap_or_default();
    let authority: Option<Pubkey> = config.transfer_fee_config_authority.into();
    let changes = authority.map_or_else(
        || "nobody can change it".to_owned(),
        |authority| format!("{authority} can change it"),
    );
    if bps == 0 && authority.is_none() {
        return None;
    }
    let message = format!(
        "each transfer of the token {mint} takes up to {bps} basis points, at most {most} base units, \
         out of what is received; {changes}"
    );
    Some(Warning::new(WarningCode::TransferFee, message))
}

#[cfg(test)]
mod tests {
    use spl_token_2022_interface::extension::{
        BaseStateWithExtensionsMut as _, ExtensionType, StateWithExtensionsMut,
    };

    use super::*;

    #[test]
    fn a_long_text_in_a_mint_hides_no_warning() {
        let kinds = [ExtensionType::ScaledUiAmount];
        let length = ExtensionType::try_calculate_account_len::<Mint>(&kinds).unwrap();
        let mut data = vec![0; length];
        let mut state = StateWithExtensionsMut::<Mint>::unpack_uninitialized(&mut data).unwrap();
        state.init_extension::<ScaledUiAmountConfig>(true).unwrap();
        state.base.is_initialized = true;
        state.pack_base();
        state.init_account_type().unwrap();
        // Metadata (19) of 4000 bytes follows, of which a read has the beginning.
        data.extend(19_u16.to_le_bytes());
        data.extend(4000_u16.to_le_bytes());
        data.resize(2048, 1);
        let account = Account {
            owner: token::TOKEN_2022_PROGRAM_ID,
            data,
            ..Account::default()
        };
        let codes = warnings(&Pubkey::new_unique(), Some(&account));
        let codes: Vec<WarningCode> = codes.into_iter().map(|it| it.code).collect();
        assert_eq!(codes, [WarningCode::ShownAmountsDiffer]);
    }
}
