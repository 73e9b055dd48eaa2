//! A short form of `./dev chaos`.

use vouch_product_tests::chaos::{Options, run};

#[tokio::test]
async fn everything_agrees_after_kills_and_faults() {
    let options = Options {
        seed: 7,
        kills: 12,
        faults: 60,
    };
    let report = run(options).await.expect("everything agrees");
    assert!(report.conversions > 0, "{report}");
}
