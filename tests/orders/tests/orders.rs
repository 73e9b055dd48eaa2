//! A short form of `./dev orders`.

use vouch_localnet::{Instance, Postgres};
use vouch_order_tests::run;

/// [M1, M2, M4, M5, M6, M8, M10, M11]
#[tokio::test(flavor = "multi_thread")]
async fn the_mirror_follows_the_chain_in_every_order() {
    let instance = Instance::create("orders-test").expect("a folder");
    let postgres = Postgres::start(instance.dir()).await.expect("Postgres");
    let report = run(&postgres, 1, 24, 16).await.expect("no order diverges");
    // They were not without faults.
    assert_eq!(report.orders, 24, "{report}");
    assert!(
        report.faults > 100
            && report.deaths > 10
            && report.forks > 30
            && report.lied > 0
            && report.stops > 0
            && report.broken > 0
            && report.announced > 0
            && report.compared > 12,
        "{report}"
    );
}
