//! The demo is the product's acceptance test: it plays the whole story through HTTP and
//! real transactions, and checks every number itself. These tests check its report.

use std::{
    process::Command,
    sync::{Mutex, PoisonError},
};

use serde_json::Value;
use vouch_localnet::built_binary;

/// Two products at the same time would be too slow on a small machine.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn demo(args: &[&str]) -> Value {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("report.json");
    let output = Command::new(built_binary("xtask").expect("xtask is built"))
        .arg("demo")
        .arg("--json")
        .arg(&file)
        .args(args)
        .output()
        .expect("the demo starts");
    let printed = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{}\n{printed}", output.status);
    let json = std::fs::read(&file).expect("the demo writes its report");
    serde_json::from_slice(&json).expect("the report is JSON")
}

/// The value that the report saw for the check `what`.
fn seen<'a>(report: &'a Value, what: &str) -> &'a str {
    let checks = report["checks"].as_array().expect("checks");
    let check = checks.iter().find(|check| check["what"] == what);
    check.unwrap_or_else(|| panic!("no check «{what}»"))["seen"]
        .as_str()
        .expect("text")
}

#[test]
fn one_referral_from_click_to_leaderboard() {
    // When the story is played
    let report = demo(&[]);

    // Then every check held, and the report has the story's numbers
    assert_eq!(report["ok"], true);
    assert_eq!(seen(&report, "Alice's balance in base units"), "5000000");
    assert_eq!(
        seen(&report, "the API's numbers, computed again from the chain"),
        "equal"
    );
    assert_eq!(
        seen(&report, "Bob again, asked over HTTP"),
        "409 already_converted"
    );
    assert_eq!(
        seen(&report, "Bob again, sent to the chain"),
        "AlreadyConverted"
    );
    assert_eq!(
        seen(&report, "Alice for herself, asked over HTTP"),
        "422 self_referral"
    );
    assert_eq!(
        seen(&report, "Alice for herself, sent to the chain"),
        "SelfReferral"
    );
    assert_eq!(
        seen(&report, "a code that does not exist, asked over HTTP"),
        "404 code_not_found"
    );
    assert_eq!(
        seen(&report, "Carol while paused, asked over HTTP"),
        "409 campaign_paused"
    );
    assert_eq!(
        seen(&report, "Carol while paused, sent to the chain"),
        "CampaignPaused"
    );
}

#[test]
fn two_hundred_wallets_while_the_indexer_is_killed() {
    // When 200 wallets convert over 10 codes, and the indexer is killed half way and started again
    let report = demo(&["--wallets", "200", "--kill-indexer"]);

    // Then the final numbers are those of an undisturbed run
    assert_eq!(report["ok"], true);
    assert_eq!(seen(&report, "conversions listed"), "200");
    assert_eq!(
        seen(
            &report,
            "conversions with their own transaction's signature"
        ),
        "200"
    );
    assert_eq!(
        seen(&report, "codes whose stats, rank or balance differ"),
        "0"
    );
    assert_eq!(
        seen(&report, "accounts that differ between chain and Postgres"),
        "0"
    );
}
