//! Whether an account can receive a part of a reward: the program's own rules
//! (`programs/referral/src/payout.rs`). A claim of which no part can be paid fails, and costs its
//! fee.

use solana_sdk::pubkey::Pubkey;

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

/// Why an account cannot receive a part of a reward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unpayable {
    /// There is no token account at the address.
    #[error("no token account")]
    NoTokenAccount,
    /// The account holds another token.
    #[error("a token account of another mint")]
    OtherMint,
    /// The account has another owner by now.
    #[error("the token account was given away")]
    GivenAway,
    /// The mint's freeze authority has frozen the account.
    #[error("the token account is frozen")]
    Frozen,
    /// The balance would not fit into 64 bits.
    #[error("the token account is full")]
    Full,
    /// The owner has asked for memos on transfers.
    #[error("the token account asks for memos")]
    NeedsMemo,
    /// Nobody can send lamports to a program.
    #[error("the wallet became a program")]
    Executable,
    /// The wallet's lamports would not fit into 64 bits.
    #[error("the wallet is full")]
    WalletFull,
    /// The runtime refuses to leave an account below its rent.
    #[error("the wallet would be below its rent")]
    BelowRent,
}

/// A wallet that is paid lamports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wallet {
    /// Its lamports.
    pub lamports: u64,
    /// Lamports that an account of its length has to hold.
    pub rent: u64,
    /// Whether it is a program.
    pub executable: bool,
}

/// Checks that `wallet` can receive `units` lamports.
///
/// # Errors
/// The reason why it cannot.
pub fn wallet_takes(wallet: Wallet, units: u64) -> Result<(), Unpayable> {
    if wallet.executable {
        return Err(Unpayable::Executable);
    }
    let after = wallet
        .lamports
        .checked_add(units)
        .ok_or(Unpayable::WalletFull)?;
    if after < wallet.rent {
        return Err(Unpayable::BelowRent);
    }
    Ok(())
}

/// Checks that the token account with this `data` can receive `units` base units of `mint` for
/// `owner`.
///
/// # Errors
/// The reason why it cannot.
pub fn token_account_takes(
    data: &[u8],
    mint: &Pubkey,
    owner: &Pubkey,
    units: u64,
) -> Result<(), Unpayable> {
    let (base, extensions) = data
        .split_first_chunk::<LENGTH>()
        .ok_or(Unpayable::NoTokenAccount)?;
    if base[MINT..OWNER] != mint.to_bytes() {
        return Err(Unpayable::OtherMint);
    }
    if base[OWNER..AMOUNT] != owner.to_bytes() {
        return Err(Unpayable::GivenAway);
    }
    match base[STATE] {
        INITIALIZED => {}
        FROZEN => return Err(Unpayable::Frozen),
        _ => return Err(Unpayable::NoTokenAccount),
    }
    let amount = base[AMOUNT..AMOUNT + 8]
        .try_into()
        .map_or(u64::MAX, u64::from_le_bytes);
    if amount.checked_add(units).is_none() {
        return Err(Unpayable::Full);
    }
    if !extensions.is_empty() && needs_memo(extensions) {
        return Err(Unpayable::NeedsMemo);
    }
    Ok(())
}

/// Whether the token account with this data is frozen.
#[must_use]
pub fn is_frozen(data: &[u8]) -> bool {
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

    fn verdict(data: &[u8], units: u64) -> Result<(), Unpayable> {
        let [mint, owner] = [
            Pubkey::new_from_array([1; 32]),
            Pubkey::new_from_array([2; 32]),
        ];
        token_account_takes(data, &mint, &owner, units)
    }

    #[test]
    fn a_token_account_takes_what_the_program_would_pay() {
        assert_eq!(verdict(&account(), u64::MAX - 3), Ok(()));
        assert_eq!(verdict(&account(), u64::MAX - 2), Err(Unpayable::Full));
        for (place, value, reason) in [
            (MINT, 9, Unpayable::OtherMint),
            (OWNER, 9, Unpayable::GivenAway),
            (STATE, FROZEN, Unpayable::Frozen),
            (STATE, 0, Unpayable::NoTokenAccount),
        ] {
            let mut data = account();
            data[place] = value;
            assert_eq!(verdict(&data, 1), Err(reason));
        }
        assert_eq!(verdict(&account()[1..], 1), Err(Unpayable::NoTokenAccount));
        assert_eq!(verdict(&[], 1), Err(Unpayable::NoTokenAccount));
    }

    #[test]
    fn extensions_are_read_to_their_end() {
        let with = |extensions: &[u8]| {
            let mut data = account();
            data.extend(extensions);
            verdict(&data, 1)
        };
        let memo = Err(Unpayable::NeedsMemo);
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

    #[test]
    fn a_wallet_takes_what_the_runtime_lets_it_hold() {
        let wallet = Wallet {
            lamports: 5,
            rent: 10,
            executable: false,
        };
        assert_eq!(wallet_takes(wallet, 5), Ok(()));
        assert_eq!(wallet_takes(wallet, 4), Err(Unpayable::BelowRent));
        assert_eq!(wallet_takes(wallet, u64::MAX), Err(Unpayable::WalletFull));
        let program = Wallet {
            executable: true,
            ..wallet
        };
        assert_eq!(wallet_takes(program, 5), Err(Unpayable::Executable));
    }
}
