//! Effect and price of a transaction: a simulation, and the fees of recent blocks.
//!
//! A build never fails because the node cannot say it. It then gets the highest limit of compute
//! units, and no priority fee.

use std::time::{Duration, Instant};

use moka::future::Cache;
use solana_client::{
    client_error::{ClientError, ClientErrorKind as ErrorKind},
    rpc_config::RpcSimulateTransactionConfig,
    rpc_request::RpcError,
};
use solana_commitment_config::CommitmentConfig;
use solana_sdk::{
    instruction::InstructionError,
    transaction::{TransactionError, VersionedTransaction},
};
use tokio::sync::Mutex;
use vouch_client::Pubkey;

use super::{
    Chain, fresh, turn,
    turns::{Caller, Turns},
};

/// The most compute units of a transaction.
pub(crate) const MOST_UNITS: u32 = 1_400_000;
/// The highest price of a compute unit, in millionths of a lamport. A conversion then costs its
/// payer some 3000 lamports more.
const HIGHEST_PRICE: u64 = 50_000;
/// A price is kept for this long.
const PRICE_AGE: Duration = Duration::from_secs(1);
/// Number of kept prices.
const PRICES: u64 = 10_000;
/// The most addresses in one `getRecentPrioritizationFees`.
const FEES_AT_ONCE: usize = 128;
/// Simulations that run at the same time. They take no turns of reads.
const TRIALS: usize = 8;
/// Time limit of a simulation, and of a question for fees.
const PATIENCE: Duration = Duration::from_secs(2);
/// After a simulation that was not answered, none is tried for this long.
const BLIND_FOR: Duration = Duration::from_secs(10);

/// Outcome of a simulation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trial {
    /// It would succeed, with so many compute units.
    Succeeds(u64),
    /// An instruction at this place would fail.
    Fails {
        place: usize,
        error: InstructionError,
        /// The last lines that the programs logged.
        logs: Vec<String>,
    },
    /// The payer, or somebody else who pays, lacks lamports.
    TooPoor,
    /// The transaction as a whole would be refused, because of the account at this place if there is one.
    Refused {
        place: Option<usize>,
        error: TransactionError,
    },
    /// The node cannot say.
    Unknown,
}

/// Kept prices, turns, and since when simulations are not answered.
pub(super) struct Trials {
    prices: Cache<Vec<Pubkey>, u64>,
    /// Calls for prices that run, by the written accounts.
    asked: Cache<(Vec<Pubkey>, Option<Caller>), u64>,
    turns: Turns,
    blind_since: Mutex<Option<Instant>>,
}

impl Trials {
    pub(super) fn new() -> Self {
        Self {
            prices: Cache::builder()
                .max_capacity(PRICES)
                .time_to_live(PRICE_AGE)
                .build(),
            asked: Cache::new(PRICES),
            turns: Turns::new(TRIALS),
            blind_since: Mutex::new(None),
        }
    }
}

impl Chain {
    /// Lets the node execute a transaction whose signatures and blockhash do not count.
    pub(crate) async fn try_out(&self, transaction: &VersionedTransaction) -> Trial {
        if self.is_blind().await {
            return Trial::Unknown;
        }
        // Answers of other calls that come meanwhile do not count.
        let floor = self.floor.get();
        let mut pauses = self.floor.pauses();
        let answer = loop {
            let config = RpcSimulateTransactionConfig {
                sig_verify: false,
                replace_recent_blockhash: true,
                commitment: Some(CommitmentConfig::confirmed()),
                min_context_slot: floor,
                ..RpcSimulateTransactionConfig::default()
            };
            // A queue of other calls says nothing about the node.
            let Some(turn) = turn(&self.trials.turns).await else {
                return Trial::Unknown;
            };
            // Those that went before may have learned it.
            if self.is_blind().await {
                return Trial::Unknown;
            }
            let call = self
                .rpc
                .simulate_transaction_with_config(transaction, config);
            let answer = tokio::time::timeout(PATIENCE, call).await;
            drop(turn);
            let is_behind = match &answer {
                // A proxy may not know the condition.
                Ok(Ok(answer)) => floor.is_some_and(|floor| answer.context.slot < floor),
                Ok(Err(error)) => fresh::is_behind(error),
                Err(_) => false,
            };
            if !is_behind {
                break answer;
            }
            self.floor.missed(floor);
            if !pauses.wait().await {
                self.floor.give_up(floor);
                return Trial::Unknown;
            }
        };
        let failed = match answer {
            Ok(Ok(answer)) => {
                self.floor.reached(answer.context.slot);
                let result = answer.value;
                let error = result.err.map(TransactionError::from);
                return read(
                    error,
                    result.units_consumed,
                    result.logs.unwrap_or_default(),
                );
            }
            Ok(Err(error)) if is_answer(&error) => {
                tracing::warn!(
                    cause = super::without_url(error),
                    "the node refuses to simulate a transaction"
                );
                return Trial::Unknown;
            }
            Ok(Err(error)) => Some(super::without_url(error)),
            Err(_elapsed) => None,
        };
        tracing::warn!(cause = failed, "the node does not simulate transactions");
        *self.trials.blind_since.lock().await = Some(Instant::now());
        Trial::Unknown
    }

    /// Whether a simulation was not answered lately.
    async fn is_blind(&self) -> bool {
        let blind = *self.trials.blind_since.lock().await;
        blind.is_some_and(|since| since.elapsed() < BLIND_FOR)
    }

    /// The price of a compute unit for a transaction that writes these accounts, in millionths of a
    /// lamport: what three of four recent blocks took, at most [`HIGHEST_PRICE`]. It is kept for a
    /// second, and 0 if the node does not say. Nobody waits in the queue of another network.
    pub(crate) async fn price(&self, mut written: Vec<Pubkey>) -> u64 {
        written.sort_unstable();
        written.dedup();
        written.truncate(FEES_AT_ONCE);
        let (prices, written) = (&self.trials.prices, &written);
        if let Some(kept) = prices.get(written).await {
            return kept;
        }
        let ask = || async move {
            // A call that has just ended may have kept it.
            if let Some(kept) = prices.get(written).await {
                return Ok(kept);
            }
            // The queue of a network says nothing about the price.
            let _turn = self.turn().await?;
            let call = self.rpc.get_recent_prioritization_fees(written);
            let price = match tokio::time::timeout(PATIENCE, call).await {
                Ok(Ok(fees)) => price(fees.iter().map(|fee| fee.prioritization_fee).collect()),
                // Kept as well, so that a node that does not answer is not asked by everybody.
                _ => 0,
            };
            prices.insert(written.clone(), price).await;
            Ok(price)
        };
        let key = |queue| (written.clone(), queue);
        let found = self.share(&self.trials.asked, key, ask).await;
        found.unwrap_or_default()
    }
}

/// The price that three of four recent blocks took, at most [`HIGHEST_PRICE`].
fn price(mut recent: Vec<u64>) -> u64 {
    recent.sort_unstable();
    let place = recent.len().saturating_mul(3) / 4;
    recent
        .get(place)
        .copied()
        .unwrap_or_default()
        .min(HIGHEST_PRICE)
}

/// The limit of compute units for a transaction that took `used` in a simulation: a fifth more,
/// because accounts change in between, and at most what a transaction may have.
pub(crate) fn limit(used: u64) -> u32 {
    let limit = used.saturating_add(used / 5).saturating_add(2000);
    u32::try_from(limit).map_or(MOST_UNITS, |limit| limit.min(MOST_UNITS))
}

/// Whether the node has answered, with an error that may be that of this transaction alone.
fn is_answer(error: &ClientError) -> bool {
    matches!(
        *error.kind,
        ErrorKind::RpcError(RpcError::RpcResponseError { .. })
    )
}

fn read(error: Option<TransactionError>, units: Option<u64>, logs: Vec<String>) -> Trial {
    match (error, units) {
        (None, Some(units)) => Trial::Succeeds(units),
        (
            Some(
                // The payer has no account, which is an account without lamports.
                TransactionError::AccountNotFound
                | TransactionError::InsufficientFundsForFee
                | TransactionError::InsufficientFundsForRent { account_index: 0 },
            ),
            _,
        ) => Trial::TooPoor,
        (Some(error @ TransactionError::InsufficientFundsForRent { account_index }), _) => {
            Trial::Refused {
                place: Some(usize::from(account_index)),
                error,
            }
        }
        (Some(error @ TransactionError::InvalidAccountForFee), _) => Trial::Refused {
            place: Some(0),
            error,
        },
        (
            Some(
                error @ (TransactionError::ProgramAccountNotFound
                | TransactionError::InvalidProgramForExecution
                | TransactionError::InvalidWritableAccount
                | TransactionError::SanitizeFailure
                | TransactionError::TooManyAccountLocks
                | TransactionError::MaxLoadedAccountsDataSizeExceeded
                | TransactionError::UnbalancedTransaction),
            ),
            _,
        ) => Trial::Refused { place: None, error },
        (Some(TransactionError::InstructionError(place, error)), _) => {
            if lacks_lamports(&error, &logs) {
                return Trial::TooPoor;
            }
            Trial::Fails {
                place: usize::from(place),
                error,
                logs,
            }
        }
        _ => Trial::Unknown,
    }
}

/// Whether the System program refused a transfer, or the creation of an account, for want of
/// lamports. It says so in its log alone, because its error 1 is that of other programs, too.
fn lacks_lamports(error: &InstructionError, logs: &[String]) -> bool {
    *error == InstructionError::Custom(1)
        && logs
            .iter()
            .any(|line| line.contains("insufficient lamports"))
}

#[cfg(test)]
mod tests {
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
        // Nor does a queue, although it takes longer than the node may.
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
        // Nor is the node silent.
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
    fn fees_follow_the_market_up_to_a_limit() {
        assert_eq!(price(vec![]), 0);
        assert_eq!(price(vec![4, 1, 3, 2]), 4);
        assert_eq!(price((1..=100).collect()), 76);
        assert_eq!(price(vec![u64::MAX]), HIGHEST_PRICE);
    }

    #[test]
    fn the_limit_has_a_margin_and_a_ceiling() {
        assert_eq!(limit(10_000), 14_000);
        assert_eq!(limit(1_165_000), MOST_UNITS);
        assert_eq!(limit(u64::MAX), MOST_UNITS);
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
}
