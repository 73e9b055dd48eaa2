//! A short form of `./dev chaos`.

use std::time::Duration;

use vouch_product_tests::chaos::{Options, run};

#[tokio::test]
async fn everything_agrees_after_kills_and_faults() {
    let options = Options {
        seed: 7,
        kills: 12,
        faults: 60,
        outage: Duration::from_secs(5),
    };
    let report = run(options).await.expect("everything agrees");
    assert_eq!(report.memory.len(), 3, "{report}");
    assert!(report.conversions > 0, "{report}");
}
