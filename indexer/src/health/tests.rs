use vouch_service::Health as _;

use super::{status::MAX_SLOTS_UNFINALIZED, *};
use axum::http::StatusCode;

const AGE: Duration = Duration::from_secs(3600);

/// A health of which both layers have made progress at these slots.
fn live(indexed: u64, chain: u64) -> Health {
    let health = Health::new(10, AGE, Heartbeat::new(AGE));
    health.succeeded(Layer::Confirmed);
    health.succeeded(Layer::Final);
    health.indexed_slot(indexed);
    health.chain_slot(chain);
    health
}

#[test]
fn too_far_behind_turns_red_and_back() {
    // Given a live indexer
    let health = live(100, 110);
    assert_eq!(health.report().status, Status::Ok);
    // When the chain runs ahead, then it is behind
    health.chain_slot(111);
    assert_eq!(health.report().status, Status::Behind);
    assert_eq!(health.report().slots_behind, Some(11));
    // When it has caught up, then it is healthy again
    health.indexed_slot(111);
    assert_eq!(health.report().status, Status::Ok);
    // When the node is away, then being close does not make it healthy
    let gone = Failure::Chain("gone".into());
    health.failed(Layer::Confirmed, &gone);
    assert_eq!(health.report().status, Status::ChainUnavailable);
    assert_eq!(health.report().detail.as_deref(), Some("gone"));
    // When only finality fails, then that is told too
    health.succeeded(Layer::Confirmed);
    health.failed(Layer::Final, &gone);
    assert_eq!(health.report().status, Status::ChainUnavailable);
    health.succeeded(Layer::Final);
    assert_eq!(health.report().status, Status::Ok);
    // When accounts differ, then it is not healthy
    health.differences(2, "the node's".into());
    assert_eq!(health.report().status, Status::Diverged);
}

#[test]
fn finality_that_stands_still_turns_red_and_back() {
    // Given a live indexer that mirrors everything
    let health = live(1000, 1000);
    let reach = |slot| {
        health.indexed_slot(slot);
        health.chain_slot(slot);
    };
    // When nothing is final yet, or finality lags as much as is normal, then it is
    // healthy
    assert_eq!(health.report().status, Status::Ok);
    health.finalized_slot(968);
    reach(968 + MAX_SLOTS_UNFINALIZED);
    assert_eq!(health.report().status, Status::Ok);
    // When finality stands still, then it is behind
    reach(968 + MAX_SLOTS_UNFINALIZED + 1);
    assert_eq!(health.report().status, Status::Behind);
    assert_eq!(health.report().slots_behind, Some(0));
    // When finality goes on, then it is healthy again
    health.finalized_slot(969);
    assert_eq!(health.report().status, Status::Ok);
}

#[test]
fn readiness_names_the_cause_and_the_ages() {
    // Given an indexer that is too far behind
    let health = live(100, 111);
    // Then it is not ready, with the cause and the age of all that happened
    let readiness = health.readiness();
    assert!(!readiness.ready);
    assert_eq!(readiness.status, "behind");
    let cause = "the mirror is 11 slots behind the chain";
    assert_eq!(readiness.cause.as_deref(), Some(cause));
    let ages: Vec<_> = readiness.ages.keys().copied().collect();
    assert_eq!(ages, ["chain_slot", "confirmed", "finalized"]);
    // When it has caught up, then it is
    health.indexed_slot(111);
    assert_eq!(health.readiness().status, "ok");
    assert!(health.readiness().ready);
    // When another one is the writer, then it is ready, but /healthz says what it is
    health.set(
        Status::Standby,
        Some("another indexer is the writer".into()),
    );
    assert_eq!(health.readiness().status, "standby");
    assert!(health.readiness().ready);
    assert_eq!(health.healthz().status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[test]
fn accounts_that_are_not_compared_turn_red() {
    // Given a live indexer whose accounts are compared
    let health = live(100, 100);
    health.expect_accounts(AGE);
    assert_eq!(health.report().status, Status::Ok);
    // When no comparison is complete in time, then it is behind
    health.expect_accounts(Duration::ZERO);
    let report = health.report();
    assert_eq!(report.status, Status::Behind);
    assert_eq!(
        report.detail.as_deref(),
        Some("the accounts were not compared for long")
    );
    // And when one is, then it is healthy again
    health.succeeded(Layer::Accounts);
    health.expect_accounts(AGE);
    assert_eq!(health.report().status, Status::Ok);
}

#[test]
fn silence_turns_red_without_any_slot() {
    // Given an indexer whose node told the same slots for longer than is allowed
    let health = Health {
        max_age: Duration::ZERO,
        ..live(100, 100)
    };
    // Then it is behind, though no slot says so
    assert_eq!(health.report().slots_behind, Some(0));
    assert_eq!(health.report().status, Status::Behind);
    let cause = "the node has told no new slot for 0 s";
    assert_eq!(health.report().detail.as_deref(), Some(cause));
}

#[test]
fn finality_that_does_not_advance_names_its_cause() {
    // Given an indexer that mirrors everything, and for which no later slot becomes final
    let health = Health {
        max_age: Duration::ZERO,
        ..live(100, 100)
    };
    health.stalled(Some(68));
    // When it is live otherwise
    health.change(|inner| {
        let ahead = Instant::now() + AGE;
        inner.chain_slot_at = Some(ahead);
        inner.confirmed.at = Some(ahead);
    });
    // Then that is the cause
    let report = health.report();
    assert_eq!(report.status, Status::Behind);
    let cause = "no slot after 68, which is mirrored, is told to be final for 0 s";
    assert_eq!(report.detail.as_deref(), Some(cause));
    // And when one becomes final, but is not mirrored, then the cause is another one
    health.stalled(None);
    let cause = "not everything final is mirrored for 0 s";
    assert_eq!(health.report().detail.as_deref(), Some(cause));
}
