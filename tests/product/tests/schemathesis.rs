//! A short form of `./dev schemathesis`.

use vouch_product_tests::documented::{Options, run};

/// Operations that no valid request succeeds at in a short run, each with the reason.
const NEVER_SUCCEED: [&str; 7] = [
    // The service has no attestor's key.
    "POST /v1/campaigns/{address}/attestations",
    // The campaign needs no binding.
    "POST /v1/transactions/bind",
    // Rewards are held for ten minutes.
    "POST /v1/transactions/claim",
    // The campaign takes no payments.
    "POST /v1/transactions/purchase",
    // Nothing is closed for long enough.
    "POST /v1/transactions/reclaim",
    "POST /v1/transactions/reclaim-campaign",
    // The campaign has no attestor.
    "POST /v1/transactions/revoke-voucher",
];

/// The sponsor signs what was built within a minute.
const SPONSOR: &str = "POST /v1/transactions/sponsor";

/// [S9]
#[tokio::test]
async fn the_api_does_what_its_document_says() {
    let options = Options {
        seed: 1,
        examples: 10,
    };
    let report = run(options).await.expect("schemathesis comes to its end");
    println!("{report}");
    // Then every check of every answer passed
    assert!(report.passed);
    // And every operation was asked and not only refused. A transaction to sponsor is too old after a minute, so
    // that it depends on the machine whether one is signed; api/tests/sponsor has it signed.
    let mut never = report.without(|status| status < 400);
    never.retain(|operation| *operation != SPONSOR);
    assert_eq!(never, NEVER_SUCCEED);
    // And nobody was refused for asking too often
    let often = report.answers.values().filter(|it| it.contains_key(&429));
    assert_eq!(often.count(), 0);
}
