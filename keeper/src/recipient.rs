//! Whether an account can receive a part of a reward.

use vouch_client::{
    Pubkey,
    accounts::Campaign,
    recipient::{Unpayable, Wallet, token_account_takes, wallet_takes},
};

use crate::node::Seen;

/// Checks that `account` can receive `units` for `owner` now. Returns the reason if it cannot.
pub(crate) fn takes(
    seen: &Seen,
    campaign: &Campaign,
    account: &Pubkey,
    owner: &Pubkey,
    units: u64,
) -> Result<(), String> {
    let account = seen.get(account);
    if campaign.rewards_are_sol() {
        let (lamports, length) = account.map_or((0, 0), |it| (it.lamports, it.length));
        let wallet = Wallet {
            lamports,
            rent: seen.rent.minimum_balance(length),
            executable: account.is_some_and(|it| it.executable),
        };
        return wallet_takes(wallet, units).map_err(|reason| reason.to_string());
    }
    let account = account.filter(|it| it.owner == campaign.token_program);
    let account = account.ok_or_else(|| Unpayable::NoTokenAccount.to_string())?;
    // Only its first bytes were read.
    if account.length > account.data.len() {
        return Err("the token account is too long".into());
    }
    token_account_takes(&account.data, &campaign.mint, owner, units)
        .map_err(|reason| reason.to_string())
}
