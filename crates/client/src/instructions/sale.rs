//! Facts of a conversion that only the instruction holds, not an account.

use borsh::BorshDeserialize;

use super::raw::{ConvertAccounts, PurchaseAccounts};
use crate::accounts::Action;

/// Position of the conversion among the accounts of `convert` and of `purchase`.
pub const SALE_CONVERSION: usize = ConvertAccounts::CONVERSION;

const _: () = assert!(SALE_CONVERSION == PurchaseAccounts::CONVERSION);

/// The arguments of a `convert` or `purchase` instruction that its conversion does not
/// store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sale {
    /// The referee's action.
    pub action: Action,
    /// The worth of the action, in units that the campaign chooses, or the price before
    /// any discount.
    pub amount: u64,
    /// The campaign's own reference; zeros for none.
    pub reference: [u8; 32],
}

/// Reads the data of a `convert` or `purchase` instruction; `None` when it is another
/// instruction. Arguments after the reference are skipped.
#[must_use]
pub fn read_sale(data: &[u8]) -> Option<Sale> {
    let mut arguments = data
        .strip_prefix(&ConvertAccounts::DISCRIMINATOR)
        .or_else(|| data.strip_prefix(&PurchaseAccounts::DISCRIMINATOR))?;
    let (_code, action, amount, reference) =
        <([u8; 12], Action, u64, [u8; 32])>::deserialize(&mut arguments).ok()?;
    Some(Sale {
        action,
        amount,
        reference,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Instruction data as the program reads it.
    fn data(discriminator: [u8; 8]) -> Vec<u8> {
        let mut data = discriminator.to_vec();
        data.extend(b"AZURE234\0\0\0\0");
        data.push(3);
        data.extend(u64::MAX.to_le_bytes());
        data.extend([7; 32]);
        data
    }

    #[test]
    fn a_sale_is_read_from_both_instructions() {
        let sale = Sale {
            action: Action::Booking,
            amount: u64::MAX,
            reference: [7; 32],
        };
        for discriminator in [
            ConvertAccounts::DISCRIMINATOR,
            PurchaseAccounts::DISCRIMINATOR,
        ] {
            let mut data = data(discriminator);
            assert_eq!(read_sale(&data), Some(sale));
            // Bytes that a later version appends change nothing.
            data.extend([1; 8]);
            assert_eq!(read_sale(&data), Some(sale));
        }
    }

    #[test]
    fn nothing_else_is_a_sale() {
        // Given another instruction, an unknown action and data that ends early
        let other = data(super::super::raw::ClaimAccounts::DISCRIMINATOR);
        let mut unknown = data(ConvertAccounts::DISCRIMINATOR);
        unknown[20] = 9;
        let mut short = data(ConvertAccounts::DISCRIMINATOR);
        short.pop();
        for data in [other, unknown, short, Vec::new()] {
            assert_eq!(read_sale(&data), None);
        }
    }
}
