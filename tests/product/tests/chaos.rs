//! A short form of `./dev chaos`.

use std::time::Duration;

use vouch_product_tests::chaos::{Options, clicks, run};

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

/// A4.
#[tokio::test]
async fn every_redirect_is_stored_once_whatever_is_killed() {
    let options = clicks::Options { seed: 7, kills: 5 };
    let report = clicks::run(options).await.expect("each click once");
    assert!(report.redirects > 0, "{report}");
    // Each client may have had one redirect on its way when Postgres was killed for the first time.
    assert!(report.without_postgres > clicks::CLIENTS as u64, "{report}");
    assert!(report.kills.values().sum::<u64>() >= 5, "{report}");
    assert_eq!(report.kills.len(), 2, "{report}");
}
