//! SOL and the tokens that wrap it.

use vouch_rules::money::{WRAPPED_SOL, WRAPPED_SOL_2022, is_same};

#[test]
fn sol_is_the_same_money_whatever_wraps_it() {
    let sol = [[0; 32], WRAPPED_SOL, WRAPPED_SOL_2022];
    let tokens = [[1; 32], [2; 32]];
    for (at, one) in sol.iter().enumerate() {
        for other in &sol {
            assert!(is_same(one, other));
        }
        for token in &tokens {
            assert!(!is_same(one, token) && !is_same(token, one), "{at}");
        }
    }
    assert!(is_same(&tokens[0], &tokens[0]));
    assert!(!is_same(&tokens[0], &tokens[1]));
}
