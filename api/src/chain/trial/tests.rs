use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use serde_json::json;
use tokio::sync::Notify;

use super::*;
use crate::chain::turns::for_client;

/// A transaction without instructions, which is never executed.
fn nothing() -> VersionedTransaction {
    VersionedTransaction::default()
}

/// A node that gives this answer to every call, and how often it has.
async fn answering(answer: serde_json::Value) -> (String, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let answer = move || {
        counted.fetch_add(1, Ordering::SeqCst);
        let mut answer = answer.clone();
        answer["jsonrpc"] = "2.0".into();
        answer["id"] = 0.into();
        async { axum::Json(answer) }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = axum::Router::new().fallback(answer);
    tokio::spawn(async { axum::serve(listener, router).await });
    (url, calls)
}

/// All turns of simulations.
async fn all(turns: &Turns) -> Vec<Option<crate::chain::turns::Turn>> {
    futures::future::join_all((0..8).map(|_| turns.take())).await
}

/// A chain that does not wait for its node.
fn hasty(url: String) -> Chain {
    Chain::new(url, Duration::ZERO)
}

#[tokio::test]
async fn only_a_silent_node_ends_trials_for_everybody() {
    // An answer about one transaction says nothing about others.
    let error = json!({ "code": -32602, "message": "invalid transaction" });
    let (url, _) = answering(json!({ "error": error })).await;
    let chain = hasty(url);
    assert_eq!(chain.try_out(&nothing()).await, Trial::Unknown);
    assert!(!chain.is_blind().await);
    // A full queue does not end trials either, although it takes longer than the node may.
    let busy = hasty("http://127.0.0.1:1".to_owned());
    let turns = all(&busy.trials.turns).await;
    assert_eq!(busy.try_out(&nothing()).await, Trial::Unknown);
    assert!(!busy.is_blind().await);
    // A node that cannot be reached does.
    drop(turns);
    assert_eq!(busy.try_out(&nothing()).await, Trial::Unknown);
    assert!(busy.is_blind().await);
}

#[tokio::test]
async fn a_simulation_of_an_older_slot_says_nothing() {
    let value = json!({ "err": null, "logs": [], "unitsConsumed": 7 });
    let result = json!({ "context": { "slot": 99 }, "value": value });
    let (url, _) = answering(json!({ "result": result })).await;
    let chain = hasty(url);
    assert_eq!(chain.try_out(&nothing()).await, Trial::Succeeds(7));
    chain.floor.reached(100);
    assert_eq!(chain.try_out(&nothing()).await, Trial::Unknown);
    // And this node does not count as silent.
    assert!(!chain.is_blind().await);
}

#[tokio::test]
async fn simulations_that_hang_keep_neither_reads_nor_those_that_wait() {
    let (url, calls) = answering(json!({})).await;
    let chain = hasty(url);
    let transaction = nothing();
    let turns = all(&chain.trials.turns).await;
    let mut waits = Box::pin(chain.try_out(&transaction));
    assert!(futures::poll!(&mut waits).is_pending());
    assert_eq!((chain.turns.free(), chain.trials.turns.free()), (16, 0));
    // Given one that learns meanwhile that the node is silent
    *chain.trials.blind_since.lock().await = Some(Instant::now());
    drop(turns);
    // Then the others do not ask it again.
    assert_eq!(waits.await, Trial::Unknown);
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_network_that_waits_spoils_the_price_of_nobody_else() {
    let fees = json!([{ "slot": 1, "prioritizationFee": 7 }]);
    let (url, calls) = answering(json!({ "result": fees })).await;
    let chain = hasty(url);
    let (one, other) = ([192, 0, 2, 1].into(), [198, 51, 100, 7].into());
    // Given a network that has all of its turns
    let held = (0..8).map(|_| for_client(one, chain.turns.take()));
    let held = futures::future::join_all(held).await;
    let written = || vec![Pubkey::new_from_array([1; 32])];
    let mut waits = Box::pin(for_client(one, chain.price(written())));
    assert!(futures::poll!(&mut waits).is_pending());
    // Then another one is told the price of the same accounts
    assert_eq!(for_client(other, chain.price(written())).await, 7);
    // And where the first one gives up, nothing is kept
    let written = || vec![Pubkey::new_from_array([2; 32])];
    assert_eq!(for_client(one, chain.price(written())).await, 0);
    assert_eq!(for_client(other, chain.price(written())).await, 7);
    assert_eq!((held.len(), calls.load(Ordering::SeqCst)), (8, 2));
}

#[tokio::test]
async fn a_read_that_is_shared_waits_for_no_other_network() {
    let value = json!({ "context": { "slot": 9 }, "value": [null] });
    let (url, _) = answering(json!({ "result": value })).await;
    let chain = hasty(url);
    let (one, other) = ([192, 0, 2, 1].into(), [198, 51, 100, 7].into());
    let asked = || vec![Pubkey::new_from_array([1; 32])];
    // Given a network that has all of its turns, and asks for an account
    let held = (0..8).map(|_| for_client(one, chain.turns.take()));
    let _held = futures::future::join_all(held).await;
    let mut waits = Box::pin(for_client(one, chain.accounts(asked())));
    assert!(futures::poll!(&mut waits).is_pending());
    // Then another one gets it
    let found = for_client(other, chain.accounts(asked())).await.unwrap();
    assert_eq!(*found, [None]);
    assert_eq!(waits.await.unwrap_err().code, "overloaded");
}

#[tokio::test]
async fn whoever_shares_a_read_that_got_no_turn_asks_alone() {
    // Given a node that is behind, for which a network waits
    let is_behind = Arc::new(AtomicBool::new(true));
    let state = Arc::clone(&is_behind);
    let calls = Arc::new(Notify::new());
    let called = Arc::clone(&calls);
    let answer = move || {
        let is_behind = state.load(Ordering::SeqCst);
        called.notify_one();
        async move {
            let error = json!({ "code": -32016, "message": "behind", "data": null });
            let value = json!({ "context": { "slot": 100 }, "value": [null] });
            let mut answer = json!({ "jsonrpc": "2.0", "id": 0 });
            if is_behind {
                answer["error"] = error;
            } else {
                answer["result"] = value;
            }
            axum::Json(answer)
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = axum::Router::new().fallback(answer);
    tokio::spawn(async { axum::serve(listener, router).await });
    let chain = Chain::new(url, Duration::from_secs(60));
    chain.floor.reached(100);
    let (one, other) = ([192, 0, 2, 1].into(), [198, 51, 100, 7].into());
    let asked = || vec![Pubkey::new_from_array([1; 32])];
    let first = for_client(one, chain.accounts(asked()));
    let second = async {
        calls.notified().await;
        is_behind.store(false, Ordering::SeqCst);
        // When it has all of its turns meanwhile, and another one shares its read
        let held = (0..8).map(|_| for_client(one, chain.turns.take()));
        let _held = futures::future::join_all(held).await;
        for_client(other, chain.accounts(asked())).await
    };
    let (_, second) = futures::future::join(first, second).await;
    // Then that one gets its answer
    assert_eq!(*second.unwrap(), [None]);
}

#[tokio::test]
async fn builds_share_the_failure_of_a_node_that_is_behind() {
    let error = json!({ "code": -32016, "message": "behind", "data": { "contextSlot": 1 } });
    let (url, calls) = answering(json!({ "error": error })).await;
    let chain = hasty(url);
    chain.floor.reached(100);
    let all = futures::future::join_all((0..10).map(|_| chain.blockhash())).await;
    let codes = all.into_iter().map(|it| it.unwrap_err().code);
    assert_eq!(codes.collect::<Vec<_>>(), ["chain_unavailable"; 10]);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[test]
fn a_want_of_lamports_is_told_from_other_failures() {
    let failed = |error, logs: &[&str]| {
        let logs = logs.iter().map(ToString::to_string).collect();
        read(
            Some(TransactionError::InstructionError(3, error)),
            None,
            logs,
        )
    };
    let lamports = "Transfer: insufficient lamports 5, need 9";
    assert_eq!(
        failed(InstructionError::Custom(1), &[lamports]),
        Trial::TooPoor
    );
    let other = failed(InstructionError::Custom(1), &["Error: insufficient funds"]);
    assert!(matches!(other, Trial::Fails { place: 3, .. }), "{other:?}");
    let payer = read(Some(TransactionError::AccountNotFound), None, Vec::new());
    assert_eq!(payer, Trial::TooPoor);
    // Nobody else's lack, and no other refusal, is that of the payer.
    let rent = |account_index| TransactionError::InsufficientFundsForRent { account_index };
    assert_eq!(read(Some(rent(0)), None, Vec::new()), Trial::TooPoor);
    for (error, place) in [
        (rent(3), Some(3)),
        (TransactionError::InvalidAccountForFee, Some(0)),
        (TransactionError::ProgramAccountNotFound, None),
    ] {
        let refused = read(Some(error.clone()), None, Vec::new());
        assert_eq!(refused, Trial::Refused { place, error });
    }
    // An error that says nothing about the transaction itself is unknown.
    let busy = read(Some(TransactionError::AccountInUse), None, Vec::new());
    assert_eq!(busy, Trial::Unknown);
    assert_eq!(read(None, None, Vec::new()), Trial::Unknown);
    assert_eq!(read(None, Some(7), Vec::new()), Trial::Succeeds(7));
}
