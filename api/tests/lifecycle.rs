//! Start and stop under adverse conditions.

mod common;

use std::process::Command;

use common::Api;
use vouch_localnet::{Instance, Postgres};

#[tokio::test]
async fn postgres_down_at_start_is_waited_for() {
    // Given a Postgres that is stopped
    let instance = Instance::create("api-start").unwrap();
    let mut postgres = Postgres::private(instance.dir()).await.unwrap();
    let database = postgres.create_database("start").await.unwrap();
    postgres.stop().await.unwrap();
    // When the service starts, then it is alive and not ready, because it knows no link
    let mut api = Api::start(database.url()).await;
    assert_eq!(api.get("/livez").await.json()["alive"], true);
    let ready = api.get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert_eq!(
        ready.json()["cause"],
        "waiting for Postgres; no link is known yet"
    );
    assert!(ready.json()["ages"]["database_away"].as_f64() >= Some(0.0));
    // And it listens and reports that it waits for Postgres
    let health = api.get("/healthz").await;
    assert_eq!(health.status, 503);
    assert_eq!(health.json()["status"], "database_unavailable");
    let parts = health.json()["parts"].clone();
    assert_eq!(
        (&parts[0]["name"], &parts[0]["up"]),
        (&"postgres".into(), &false.into())
    );
    let expected = (503, "database_unavailable".to_owned());
    assert_eq!(api.get("/v1/leaderboard").await.refusal(), expected);
    assert_eq!(api.get("/r/STARTER7").await.refusal(), expected);
    let log = std::fs::read_to_string(api.service.log()).unwrap();
    assert!(log.contains("waiting for Postgres"), "{log}");
    // When Postgres starts, then the service works
    postgres.start_again().await.unwrap();
    api.until("/v1/leaderboard", |answer| answer.status == 200)
        .await;
    api.service.stop().await.unwrap();
    drop(database);
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_wrong_start_is_one_clear_line() {
    // Given a service that runs
    let database = Postgres::test_database().await.unwrap();
    let api = Api::start(database.url()).await.ready().await;
    let address = api.service.address().to_string();
    let spool = api.spool();
    let other = api.dir.path().join("other");
    // When a second one uses its port or its spool file
    for (listen, spool, line) in [
        (
            address.as_str(),
            &other,
            format!("vouch-api: cannot listen on {address}: another process already does"),
        ),
        (
            "127.0.0.1:0",
            &spool,
            format!(
                "vouch-api: the click spool {} belongs to another process that is running",
                spool.display()
            ),
        ),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_vouch-api"))
            .env("DATABASE_URL", database.url())
            .env("RPC_URL", "http://127.0.0.1:9")
            .env("LISTEN", listen)
            .env("PROBES_LISTEN", "127.0.0.1:0")
            .env("CLICK_SPOOL", spool)
            .output()
            .unwrap();
        // Then it prints the reason and exits with 1
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(
            String::from_utf8(output.stderr).unwrap(),
            format!("{line}\n")
        );
    }
}
