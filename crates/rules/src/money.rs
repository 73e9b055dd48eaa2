//! Mints of the same money.

/// The mint of wrapped SOL in the Token program,
/// `So11111111111111111111111111111111111111112`.
pub const WRAPPED_SOL: [u8; 32] = [
    6, 155, 136, 87, 254, 171, 129, 132, 251, 104, 127, 99, 70, 24, 192, 53, 218, 196, 57, 220, 26,
    235, 59, 85, 152, 160, 240, 0, 0, 0, 0, 1,
];

/// The mint of wrapped SOL in Token-2022, `9pan9bMn5HatX4EJdBwg9VgCa7Uz5HL8N1m5D3NdXejP`.
pub const WRAPPED_SOL_2022: [u8; 32] = [
    131, 13, 252, 159, 222, 95, 230, 184, 170, 124, 4, 164, 118, 233, 30, 138, 198, 187, 38, 74,
    173, 144, 250, 25, 201, 223, 73, 216, 92, 62, 91, 94,
];

/// Whether a base unit of one mint is worth a base unit of the other one, because they are
/// equal or both are SOL. Zeros stand for SOL itself.
#[must_use]
#[inline(never)]
pub fn is_same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    let is_sol = |mint: &[u8; 32]| {
        [&[0; 32], &WRAPPED_SOL, &WRAPPED_SOL_2022]
            .into_iter()
            .any(|sol| sol == mint)
    };
    one == other || (is_sol(one) && is_sol(other))
}
