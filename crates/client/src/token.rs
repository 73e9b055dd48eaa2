//! The token instructions that a campaign needs beside the program's own.

use solana_sdk::{instruction::Instruction, pubkey::Pubkey};
use spl_token_interface::instruction::AuthorityType;

/// The SPL Token program.
pub const TOKEN_PROGRAM_ID: Pubkey = spl_token_interface::ID;

/// The program of associated token accounts.
pub const ASSOCIATED_TOKEN_PROGRAM_ID: Pubkey = spl_associated_token_account_interface::program::ID;

/// Token-2022.
pub const TOKEN_2022_PROGRAM_ID: Pubkey =
    Pubkey::from_str_const("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb");

/// A mint, as far as a campaign needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mint {
    /// The mint authority; `None` if nobody may mint any more.
    pub authority: Option<Pubkey>,
    /// Base units that exist.
    pub supply: u64,
    /// Digits after the decimal point.
    pub decimals: u8,
}

/// Reads the mint with this data; `None` when the data is not an initialised mint. Both token
/// programs store it alike.
#[must_use]
pub fn mint(data: &[u8]) -> Option<Mint> {
    use solana_sdk::{program_option::COption, program_pack::Pack};

    let base = data.get(..spl_token_interface::state::Mint::LEN)?;
    let mint = spl_token_interface::state::Mint::unpack(base).ok()?;
    Some(Mint {
        authority: match mint.mint_authority {
            COption::Some(authority) => Some(authority),
            COption::None => None,
        },
        supply: mint.supply,
        decimals: mint.decimals,
    })
}

/// Bytes of a mint account without extensions.
pub const MINT_SIZE: u64 = 82;

/// Creates the mint account `mint` and makes `authority` its mint authority.
/// `payer` and `mint` sign; `rent` is the rent-exempt balance in lamports of
/// [`MINT_SIZE`] bytes.
#[must_use]
pub fn create_mint(
    payer: &Pubkey,
    mint: &Pubkey,
    authority: &Pubkey,
    decimals: u8,
    rent: u64,
) -> [Instruction; 2] {
    [
        solana_system_interface::instruction::create_account(
            payer,
            mint,
            rent,
            MINT_SIZE,
            &TOKEN_PROGRAM_ID,
        ),
        spl_token_interface::instruction::initialize_mint2(
            &TOKEN_PROGRAM_ID,
            mint,
            authority,
            None,
            decimals,
        )
        .expect("the SPL Token program's own id is accepted"),
    ]
}

/// Hands the mint authority of `mint` from `current` (who signs) to `new`.
#[must_use]
pub fn set_mint_authority(mint: &Pubkey, current: &Pubkey, new: &Pubkey) -> Instruction {
    spl_token_interface::instruction::set_authority(
        &TOKEN_PROGRAM_ID,
        mint,
        Some(new),
        AuthorityType::MintTokens,
        current,
        &[],
    )
    .expect("the SPL Token program's own id is accepted")
}

/// Mints `amount` base units of `mint` to the token account `account`. The mint authority
/// `authority` signs.
#[must_use]
pub fn mint_to(
    token_program: &Pubkey,
    mint: &Pubkey,
    account: &Pubkey,
    authority: &Pubkey,
    amount: u64,
) -> Instruction {
    let mut instruction = spl_token_interface::instruction::mint_to(
        &TOKEN_PROGRAM_ID,
        mint,
        account,
        authority,
        &[],
        amount,
    )
    .expect("the SPL Token program's own id is accepted");
    // Token-2022 has the same instruction.
    instruction.program_id = *token_program;
    instruction
}

/// Creates `owner`'s associated token account for `mint` unless it exists.
/// `payer` signs and pays the rent.
#[must_use]
pub fn create_associated_token(
    payer: &Pubkey,
    owner: &Pubkey,
    mint: &Pubkey,
    token_program: &Pubkey,
) -> Instruction {
    spl_associated_token_account_interface::instruction::create_associated_token_account_idempotent(
        payer,
        owner,
        mint,
        token_program,
    )
}

/// Base units in the token account with this data; `None` when the data is not an
/// initialised token account.
#[must_use]
pub fn balance(data: &[u8]) -> Option<u64> {
    use solana_sdk::program_pack::Pack;

    let base = data.get(..spl_token_interface::state::Account::LEN)?;
    spl_token_interface::state::Account::unpack(base)
        .ok()
        .map(|account| account.amount)
}
