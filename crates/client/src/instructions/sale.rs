//! What a `convert` or `purchase` instruction says that no account keeps.

use borsh::BorshDeserialize;

use super::{convert_discriminator, purchase_discriminator};
use crate::accounts::Action;

/// What a `convert` or `purchase` instruction says of what it records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sale {
    /// What the referee did.
    pub action: Action,
    /// What it was worth, in units of the campaign's own choice, or the price before
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
        .strip_prefix(&convert_discriminator())
        .or_else(|| data.strip_prefix(&purchase_discriminator()))?;
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

    /// As the program reads them.
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
        for discriminator in [convert_discriminator(), purchase_discriminator()] {
            let mut data = data(discriminator);
            assert_eq!(read_sale(&data), Some(sale));
            // What a later version appends changes nothing.
            data.extend([1; 8]);
            assert_eq!(read_sale(&data), Some(sale));
        }
    }

    #[test]
    fn nothing_else_is_a_sale() {
        // Given another instruction, an unknown action and data that ends early
        let other = data(crate::discriminator("global", "claim"));
        let mut unknown = data(convert_discriminator());
        unknown[20] = 9;
        let mut short = data(convert_discriminator());
        short.pop();
        for data in [other, unknown, short, Vec::new()] {
            assert_eq!(read_sale(&data), None);
        }
    }
}
