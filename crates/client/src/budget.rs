//! The compute budget of a transaction: its limit of compute units, and their price.

/// The most compute units of a transaction.
pub const MOST_UNITS: u32 = 1_400_000;
/// The highest price of a compute unit that recent blocks can ask for, in millionths of a lamport. A
/// conversion then costs its payer some 3000 lamports more.
pub const HIGHEST_PRICE: u64 = 50_000;

/// The price of a compute unit that three of four recent blocks took, in millionths of a lamport; at most
/// [`HIGHEST_PRICE`]. `recent` are the prices of recent blocks, in any order; 0 without any.
#[must_use]
pub fn price(mut recent: Vec<u64>) -> u64 {
    recent.sort_unstable();
    let place = recent.len().saturating_mul(3) / 4;
    recent
        .get(place)
        .copied()
        .unwrap_or_default()
        .min(HIGHEST_PRICE)
}

/// The limit of compute units for a transaction that took `used` in a simulation: a fifth more,
/// because accounts change in between, and at most [`MOST_UNITS`].
#[must_use]
pub fn limit(used: u64) -> u32 {
    let limit = used.saturating_add(used / 5).saturating_add(2000);
    u32::try_from(limit).map_or(MOST_UNITS, |limit| limit.min(MOST_UNITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_price_follows_the_market_up_to_a_limit() {
        assert_eq!(price(vec![]), 0);
        assert_eq!(price(vec![4, 1, 3, 2]), 4);
        assert_eq!(price((1..=100).collect()), 76);
        assert_eq!(price(vec![u64::MAX]), HIGHEST_PRICE);
    }

    #[test]
    fn the_limit_has_a_margin_and_a_ceiling() {
        assert_eq!(limit(10_000), 14_000);
        assert_eq!(limit(1_165_000), MOST_UNITS);
        assert_eq!(limit(u64::MAX), MOST_UNITS);
    }
}
