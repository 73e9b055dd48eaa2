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
use vouch_client::{Pubkey, budget};

use super::{
    Chain, fresh, turn,
    turns::{Caller, Turns},
};

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
    /// Its blockhash is too old, or it was processed already.
    Expired,
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
        self.simulate(transaction, false).await.0
    }

    /// Like [`Chain::try_out`], with the transaction's own blockhash, on the newest state that the node has. Also
    /// returns the lamports that it takes from the first account, if the node says so. It is asked whatever
    /// became of other simulations, and whatever becomes of it counts for no other.
    pub(crate) async fn try_as_is(
        &self,
        transaction: &VersionedTransaction,
    ) -> (Trial, Option<u64>) {
        self.simulate(transaction, true).await
    }

    async fn simulate(
        &self,
        transaction: &VersionedTransaction,
        as_is: bool,
    ) -> (Trial, Option<u64>) {
        let unknown = (Trial::Unknown, None);
        if !as_is && self.is_blind().await {
            return unknown;
        }
        // Answers of other calls that come meanwhile do not count.
        let floor = self.floor.get();
        let mut pauses = self.floor.pauses();
        let answer = loop {
            let config = RpcSimulateTransactionConfig {
                sig_verify: false,
                replace_recent_blockhash: !as_is,
                commitment: Some(if as_is {
                    CommitmentConfig::processed()
                } else {
                    CommitmentConfig::confirmed()
                }),
                min_context_slot: floor,
                ..RpcSimulateTransactionConfig::default()
            };
            // A queue of other calls says nothing about the node.
            let Some(turn) = turn(&self.trials.turns).await else {
                return unknown;
            };
            // Those that went before may have learned it.
            if !as_is && self.is_blind().await {
                return unknown;
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
                return unknown;
            }
        };
        let failed = match answer {
            Ok(Ok(answer)) => {
                // A slot that is only processed may be abandoned.
                if !as_is {
                    self.floor.reached(answer.context.slot);
                }
                let result = answer.value;
                let error = result.err.map(TransactionError::from);
                let first = |balances: Option<Vec<u64>>| balances?.first().copied();
                let before = first(result.pre_balances);
                let taken = before.zip(first(result.post_balances));
                let taken = taken.map(|(before, after)| before.saturating_sub(after));
                let logs = result.logs.unwrap_or_default();
                return (read(error, result.units_consumed, logs), taken);
            }
            Ok(Err(error)) if is_answer(&error) => {
                tracing::warn!(
                    cause = super::without_url(error),
                    "the node refuses to simulate a transaction"
                );
                return unknown;
            }
            Ok(Err(error)) => Some(super::without_url(error)),
            Err(_elapsed) => None,
        };
        tracing::warn!(cause = failed, "the node does not simulate transactions");
        if !as_is {
            *self.trials.blind_since.lock().await = Some(Instant::now());
        }
        unknown
    }

    /// Whether a simulation was not answered lately.
    async fn is_blind(&self) -> bool {
        let blind = *self.trials.blind_since.lock().await;
        blind.is_some_and(|since| since.elapsed() < BLIND_FOR)
    }

    /// The price of a compute unit for a transaction that writes these accounts, in millionths of a
    /// lamport: what three of four recent blocks took, at most [`budget::HIGHEST_PRICE`]. It is kept for a
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
                Ok(Ok(fees)) => {
                    budget::price(fees.iter().map(|fee| fee.prioritization_fee).collect())
                }
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
        (Some(TransactionError::BlockhashNotFound | TransactionError::AlreadyProcessed), _) => {
            Trial::Expired
        }
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
mod tests;
