//! `share` with all arguments, where these are few enough. The proof in the code says why
//! this covers every amount.

use vouch_rules::reward::{MAX_MULTIPLIER_BPS, Share, WHOLE_BPS, share};

const WHOLE: u64 = WHOLE_BPS as u64;

/// Whether `part` is the floor of `product / 10,000`, without dividing.
fn is_floor(part: u64, product: u64) -> bool {
    part * WHOLE <= product && product < (part + 1) * WHOLE
}

#[test]
fn every_rest_with_every_share_is_rounded_down() {
    for bps in 0..=u32::from(WHOLE_BPS) {
        for rest in 0..WHOLE {
            // When a rest is shared, then the part is the floor
            let part = share(rest, bps).unwrap_or(u64::MAX / WHOLE - 1);
            assert!(
                is_floor(part, rest * u64::from(bps)),
                "{rest} at {bps}: {part}"
            );
        }
    }
}

#[test]
fn rests_with_every_multiplier_are_rounded_down() {
    for bps in u32::from(WHOLE_BPS)..=MAX_MULTIPLIER_BPS {
        // Given rests that differ from multiplier to multiplier, and both ends
        for rest in [0, 1, u64::from(bps) * 7_919 % WHOLE, WHOLE - 1] {
            let part = share(rest, bps).unwrap_or(u64::MAX / WHOLE - 1);
            assert!(
                is_floor(part, rest * u64::from(bps)),
                "{rest} at {bps}: {part}"
            );
        }
    }
}

#[test]
fn whole_amounts_are_multiplied() {
    for bps in 0..=u32::from(WHOLE_BPS) {
        // Given the largest amounts that are multiples of the whole
        for whole in [1, 2, 9_999, 10_000, u64::MAX / WHOLE - 1, u64::MAX / WHOLE] {
            // Then nothing is rounded
            assert_eq!(share(whole * WHOLE, bps), Some(whole * u64::from(bps)));
        }
    }
}

#[test]
fn every_share_of_the_largest_amount_fits() {
    for bps in 0..=u32::from(WHOLE_BPS) {
        let exact = u128::from(u64::MAX) * u128::from(bps) / u128::from(WHOLE);
        assert_eq!(share(u64::MAX, bps).map(u128::from), Some(exact), "{bps}");
    }
}

#[test]
fn every_multiplier_stops_where_64_bits_do() {
    // Given every multiplier above the whole, and some of 32 bits
    let wide = (0..12).map(|by| u32::MAX >> by);
    for bps in (u32::from(WHOLE_BPS) + 1..=MAX_MULTIPLIER_BPS).chain(wide) {
        // When the amount is the last one whose product is below 2^64 * 10,000
        let last = ((1u128 << 64) * u128::from(WHOLE) - 1) / u128::from(bps);
        let last = u64::try_from(last).expect("more than the whole makes it larger");

        // Then it fits, exactly, and the next does not
        let exact = u128::from(last) * u128::from(bps) / u128::from(WHOLE);
        assert_eq!(share(last, bps).map(u128::from), Some(exact), "{bps}");
        assert_eq!(share(last + 1, bps), None, "{bps}");
        assert_eq!(share(u64::MAX, bps), None, "{bps}");
    }
}

#[test]
fn only_a_share_of_nothing_is_none() {
    for (bps, fixed, is_none) in [(0, 0, true), (1, 0, false), (0, 1, false), (1, 1, false)] {
        assert_eq!(Share { bps, fixed }.is_none(), is_none, "{bps} {fixed}");
    }
}
