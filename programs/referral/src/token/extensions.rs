//! Token-2022's extensions, as they follow the base of a mint or an account:
//! <https://docs.rs/spl-token-2022-interface/2/spl_token_2022_interface/extension/>.

/// Offset of the byte that tells mints and accounts apart; extensions follow.
const TYPE_AT: usize = 165;
/// Value of this byte in a mint.
const MINT: u8 = 1;
/// Value of this byte in an account.
const ACCOUNT: u8 = 2;

/// Type and value of one extension.
type Extension<'a> = (u16, &'a [u8]);

/// Splits off the first extension; `None` at the end, `Some(Err(()))` if the bytes are not an
/// extension.
fn next<'a>(rest: &mut &'a [u8]) -> Option<core::result::Result<Extension<'a>, ()>> {
    // Fewer bytes than a header, or type 0: padding up to the end.
    let (header, after) = rest.split_first_chunk::<4>()?;
    let [a, b, c, d] = *header;
    let kind = u16::from_le_bytes([a, b]);
    if kind == 0 {
        return rest.iter().any(|byte| *byte != 0).then_some(Err(()));
    }
    let length = usize::from(u16::from_le_bytes([c, d]));
    Some(match after.split_at_checked(length) {
        Some((value, after)) => {
            *rest = after;
            Ok((kind, value))
        }
        None => Err(()),
    })
}

/// The bytes of the extensions of an account of this `kind`.
fn extensions(data: &[u8], kind: u8) -> Option<&[u8]> {
    let (found, rest) = data.get(TYPE_AT..)?.split_first()?;
    (*found == kind).then_some(rest)
}

/// A fee is taken from each transfer.
const TRANSFER_FEE_CONFIG: u16 = 1;

/// Extensions of a mint that change neither amounts nor who controls an account.
///
/// Unknown ones are refused. Left out on purpose: 3 mint close authority, 4 and 16 confidential
/// transfers, 6 default account state (frozen), 9 non-transferable, 12 permanent delegate, 14
/// transfer hook, 26 pausable.
const HARMLESS: [u16; 8] = [
    10, // interest-bearing: changes what wallets show, not amounts
    18, // metadata pointer
    19, // token metadata
    20, // group pointer
    21, // token group
    22, // group member pointer
    23, // token group member
    25, // scaled UI amount: changes what wallets show, not amounts
];

/// Whether a mint has only extensions that are allowed. With `fees`, also one that
/// takes a fee from each transfer.
pub fn allowed(data: &[u8], fees: bool) -> bool {
    let Some(mut rest) = extensions(data, MINT) else {
        return false;
    };
    // The base is padded with zeros up to the length of an account.
    let padding = data.get(super::MINT_LEN..TYPE_AT);
    if padding.is_none_or(|padding| padding.iter().any(|byte| *byte != 0)) {
        return false;
    }
    while let Some(extension) = next(&mut rest) {
        match extension {
            Ok((TRANSFER_FEE_CONFIG, _)) if fees => {}
            Ok((kind, _)) if HARMLESS.contains(&kind) => {}
            _ => return false,
        }
    }
    true
}

/// An incoming transfer needs a memo, when the value's byte is 1.
const MEMO_TRANSFER: u16 = 8;

/// Whether a transfer into this account would be refused for want of a memo, or the
/// account cannot be read.
pub fn refuses_transfers(data: &[u8]) -> bool {
    let Some(mut rest) = extensions(data, ACCOUNT) else {
        return true;
    };
    while let Some(extension) = next(&mut rest) {
        match extension {
            Ok((MEMO_TRANSFER, value)) if value.first() != Some(&0) => return true,
            Ok(_) => {}
            Err(()) => return true,
        }
    }
    false
}
