//! Whether an account can receive a part of a reward: the program's own rules
//! (`programs/referral/src/payout.rs`), because a claim of which no part can be paid fails, and costs
//! its fee.

use vouch_client::{Pubkey, accounts::Campaign};

use crate::node::{Account, Seen};

/// Bytes of a token account before its extensions.
const LENGTH: usize = 165;
/// Places of its mint, its owner, its balance and its state.
const MINT: usize = 0;
const OWNER: usize = 32;
const AMOUNT: usize = 64;
const STATE: usize = 108;
const INITIALIZED: u8 = 1;
const FROZEN: u8 = 2;
/// The byte after those says what the extensions are of.
const ACCOUNT: u8 = 2;
/// An extension: incoming transfers need a memo if its first byte is not zero.
const MEMO_TRANSFER: u16 = 8;

/// Checks that `account` can receive `units` for `owner` now. Returns the reason if it cannot.
pub(crate) fn takes(
    seen: &Seen,
    campaign: &Campaign,
    account: &Pubkey,
    owner: &Pubkey,
    units: u64,
) -> Result<(), &'static str> {
    let account = seen.get(account);
    if campaign.rewards_are_sol() {
        return wallet_takes(seen, account, units);
    }
    let account = account.ok_or("no token account")?;
    if account.owner != campaign.token_program {
        return Err("no token account");
    }
    if account.length > account.data.len() {
        return Err("the token account is too long");
    }
    token_account_takes(&account.data, &campaign.mint, owner, units)
}

/// The runtime refuses to leave an account below its rent, or to pay a program.
fn wallet_takes(seen: &Seen, wallet: Option<&Account>, units: u64) -> Result<(), &'static str> {
    let (lamports, length) = wallet.map_or((0, 0), |wallet| (wallet.lamports, wallet.length));
    if wallet.is_some_and(|wallet| wallet.executable) {
        return Err("the wallet became a program");
    }
    let after = lamports.checked_add(units).ok_or("the wallet is full")?;
    if after < seen.rent.minimum_balance(length) {
        return Err("the wallet would be below its rent");
    }
    Ok(())
}

fn token_account_takes(
    data: &[u8],
    mint: &Pubkey,
    owner: &Pubkey,
    units: u64,
) -> Result<(), &'static str> {
    let (base, extensions) = data
        .split_first_chunk::<LENGTH>()
        .ok_or("no token account")?;
    if base[MINT..OWNER] != mint.to_bytes() {
        return Err("a token account of another mint");
    }
    if base[OWNER..AMOUNT] != owner.to_bytes() {
        return Err("the token account was given away");
    }
    match base[STATE] {
        INITIALIZED => {}
        FROZEN => return Err("the token account is frozen"),
        _ => return Err("no token account"),
    }
    let amount = base[AMOUNT..AMOUNT + 8]
        .try_into()
        .map_or(u64::MAX, u64::from_le_bytes);
    if amount.checked_add(units).is_none() {
        return Err("the token account is full");
    }
    if !extensions.is_empty() && needs_memo(extensions) {
        return Err("the token account asks for memos");
    }
    Ok(())
}

/// Whether the token account is frozen.
pub(crate) fn is_frozen(data: &[u8]) -> bool {
    data.get(STATE) == Some(&FROZEN)
}

/// Whether a transfer into an account with these extensions needs a memo, or they cannot be read.
fn needs_memo(extensions: &[u8]) -> bool {
    let Some((&ACCOUNT, mut rest)) = extensions.split_first() else {
        return true;
    };
    // Fewer bytes than a header, or type 0: padding up to the end.
    while let Some(([a, b, c, d], after)) = rest.split_first_chunk::<4>() {
        let kind = u16::from_le_bytes([*a, *b]);
        if kind == 0 {
            return rest.iter().any(|byte| *byte != 0);
        }
        let length = usize::from(u16::from_le_bytes([*c, *d]));
        let Some((value, after)) = after.split_at_checked(length) else {
            return true;
        };
        if kind == MEMO_TRANSFER && value.first() != Some(&0) {
            return true;
        }
        rest = after;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A token account of mint 1 and owner 2 with 3 base units.
    fn account() -> Vec<u8> {
        let mut data = vec![0; LENGTH];
        data[MINT..OWNER].fill(1);
        data[OWNER..AMOUNT].fill(2);
        data[AMOUNT] = 3;
        data[STATE] = INITIALIZED;
        data
    }

    fn verdict(data: &[u8], units: u64) -> Result<(), &'static str> {
        let [mint, owner] = [
            Pubkey::new_from_array([1; 32]),
            Pubkey::new_from_array([2; 32]),
        ];
        token_account_takes(data, &mint, &owner, units)
    }

    #[test]
    fn a_token_account_takes_what_the_program_would_pay() {
        assert_eq!(verdict(&account(), u64::MAX - 3), Ok(()));
        assert_eq!(
            verdict(&account(), u64::MAX - 2),
            Err("the token account is full")
        );
        for (place, value, reason) in [
            (MINT, 9, "a token account of another mint"),
            (OWNER, 9, "the token account was given away"),
            (STATE, FROZEN, "the token account is frozen"),
            (STATE, 0, "no token account"),
        ] {
            let mut data = account();
            data[place] = value;
            assert_eq!(verdict(&data, 1), Err(reason));
        }
        assert_eq!(verdict(&account()[1..], 1), Err("no token account"));
        assert_eq!(verdict(&[], 1), Err("no token account"));
    }

    #[test]
    fn extensions_are_read_to_their_end() {
        let with = |extensions: &[u8]| {
            let mut data = account();
            data.extend(extensions);
            verdict(&data, 1)
        };
        let memo = Err("the token account asks for memos");
        assert_eq!(with(&[ACCOUNT]), Ok(()));
        assert_eq!(with(&[ACCOUNT, 7, 0, 0, 0]), Ok(()), "immutable owner");
        assert_eq!(with(&[ACCOUNT, 7, 0, 0, 0, 8, 0, 1, 0, 0]), Ok(()));
        assert_eq!(with(&[ACCOUNT, 7, 0, 0, 0, 8, 0, 1, 0, 1]), memo);
        assert_eq!(with(&[ACCOUNT, 8, 0, 0, 0]), memo, "no value");
        assert_eq!(with(&[ACCOUNT, 9, 0, 4, 0, 1]), memo, "cut off");
        assert_eq!(with(&[ACCOUNT, 0, 0, 0, 0, 1]), memo, "no padding");
        assert_eq!(with(&[ACCOUNT, 0, 0, 0, 0, 0]), Ok(()), "padding");
        assert_eq!(with(&[1]), memo, "a mint");
    }
}
