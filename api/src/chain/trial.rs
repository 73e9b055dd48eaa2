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

use super::{Chain, fresh};

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

/// Kept prices, and since when simulations are not answered.
pub(super) struct Trials {
    prices: Cache<Vec<Pubkey>, u64>,
    blind_since: Mutex<Option<Instant>>,
}

impl Trials {
    pub(super) fn new() -> Self {
        Self {
            prices: Cache::builder()
                .max_capacity(PRICES)
                .time_to_live(PRICE_AGE)
                .build(),
            blind_since: Mutex::new(None),
        }
    }
}

impl Chain {
    /// Lets the node execute a transaction whose signatures and blockhash do not count.
    pub(crate) async fn try_out(&self, transaction: &VersionedTransaction) -> Trial {
        let blind = *self.trials.blind_since.lock().await;
        if blind.is_some_and(|since| since.elapsed() < BLIND_FOR) {
            return Trial::Unknown;
        }
        let deadline = Instant::now() + fresh::PATIENCE;
        let answer = loop {
            let config = RpcSimulateTransactionConfig {
                sig_verify: false,
                replace_recent_blockhash: true,
                commitment: Some(CommitmentConfig::confirmed()),
                min_context_slot: self.floor.get(),
                ..RpcSimulateTransactionConfig::default()
            };
            // A queue of other calls says nothing about the node.
            let Ok(turn) = self.turn().await else {
                return Trial::Unknown;
            };
            let call = self
                .rpc
                .simulate_transaction_with_config(transaction, config);
            let answer = tokio::time::timeout(PATIENCE, call).await;
            let is_behind = matches!(&answer, Ok(Err(error)) if fresh::is_behind(error));
            if !is_behind || Instant::now() >= deadline {
                break answer;
            }
            drop(turn);
            tokio::time::sleep(fresh::PAUSE).await;
        };
        let failed = match answer {
            Ok(Ok(answer)) => {
                self.floor.raise(answer.context.slot);
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

    /// The price of a compute unit for a transaction that writes these accounts, in millionths of a
    /// lamport: what three of four recent blocks took, at most [`HIGHEST_PRICE`]. It is kept for a
    /// second, and 0 if the node does not say.
    pub(crate) async fn price(&self, mut written: Vec<Pubkey>) -> u64 {
        written.sort_unstable();
        written.dedup();
        written.truncate(FEES_AT_ONCE);
        let ask = async {
            let call = self.call(self.rpc.get_recent_prioritization_fees(&written));
            match tokio::time::timeout(PATIENCE, call).await {
                Ok(Ok(fees)) => price(fees.iter().map(|fee| fee.prioritization_fee).collect()),
                // Kept as well, so that a node that does not answer is not asked by everybody.
                _ => 0,
            }
        };
        self.trials.prices.get_with(written.clone(), ask).await
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
    use super::*;

    /// A transaction without instructions, which is never executed.
    fn nothing() -> VersionedTransaction {
        VersionedTransaction::default()
    }

    /// A node that answers every call with an error of the transaction.
    async fn refusing() -> String {
        let answer = || async {
            let error = serde_json::json!({ "code": -32602, "message": "invalid transaction" });
            axum::Json(serde_json::json!({ "jsonrpc": "2.0", "id": 0, "error": error }))
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback(answer);
        tokio::spawn(async { axum::serve(listener, router).await });
        url
    }

    async fn is_blind(chain: &Chain) -> bool {
        chain.trials.blind_since.lock().await.is_some()
    }

    #[tokio::test]
    async fn only_a_silent_node_ends_trials_for_everybody() {
        // An answer about one transaction says nothing about others.
        let chain = Chain::new(refusing().await);
        assert_eq!(chain.try_out(&nothing()).await, Trial::Unknown);
        assert!(!is_blind(&chain).await);
        // Nor does a queue, although it takes longer than the node may.
        let busy = Chain::new("http://127.0.0.1:1".to_owned());
        let turns = busy.turns.acquire_many(16).await.unwrap();
        assert_eq!(busy.try_out(&nothing()).await, Trial::Unknown);
        assert!(!is_blind(&busy).await);
        // A node that cannot be reached does.
        drop(turns);
        assert_eq!(busy.try_out(&nothing()).await, Trial::Unknown);
        assert!(is_blind(&busy).await);
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
