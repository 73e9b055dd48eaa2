//! Reads of the chain for the transaction builders, at `confirmed`.

mod check;
pub(crate) mod delegation;
mod fresh;
mod seen;
mod trial;
pub(crate) mod turns;

use fresh::{Floor, Least};
use turns::{Caller, Turn, Turns};

use std::{
    future::Future,
    hash::Hash as Key,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use moka::future::Cache;
use serde_json::json;
use solana_account_decoder_client_types::UiAccountEncoding;
use solana_client::{
    client_error::{ClientError, ClientErrorKind as ErrorKind},
    nonblocking::rpc_client::RpcClient,
    rpc_config::{RpcAccountInfoConfig, RpcContextConfig, RpcSendTransactionConfig},
    rpc_request::RpcRequest,
    rpc_response::{Response, RpcBlockhash},
};
use solana_commitment_config::CommitmentConfig;
use solana_sdk::{
    account::Account,
    hash::{Hash, ParseHashError},
    signature::Signature,
    transaction::VersionedTransaction,
};
use tokio::{sync::watch, time::error::Elapsed};
use vouch_client::Pubkey;

pub(crate) use check::{Checked, VoucherTimes};
pub(crate) use seen::Seen;
pub(crate) use trial::Trial;
pub(crate) use vouch_client::budget::{MOST_UNITS, limit};

use crate::{
    config::RPC_TIMEOUT,
    error::{ApiError, ApiResult},
};

/// A blockhash is reused for this long.
const BLOCKHASH_AGE: Duration = Duration::from_secs(1);
/// Calls of the node that run at the same time. The others wait, for at most [`PATIENCE`].
const CALLS: usize = 16;
/// Time limit for the turn of a call.
const PATIENCE: Duration = Duration::from_secs(2);
/// Blocks after which a blockhash is too old.
const BLOCKHASH_LIFE: u64 = 150;
/// Interval of the probes.
const PROBE_EVERY: Duration = Duration::from_millis(500);

/// The chain's RPC and whether it answers.
pub(crate) struct Chain {
    rpc: RpcClient,
    turns: Turns,
    /// Calls for accounts that run, by what is asked for.
    answers: Cache<Asked, Arc<Vec<Option<Account>>>>,
    /// Calls of [`Chain::see`] that run.
    seen: Cache<Asked, Arc<Seen>>,
    /// The slot that a node has to have reached.
    floor: Floor,
    /// The newest one, and the call for it that runs.
    blockhash: Cache<(), RecentBlockhash>,
    trials: trial::Trials,
    words: delegation::Words,
    /// The hash of the first block, once the node has said it.
    genesis: OnceLock<Hash>,
    /// Since when it does not answer; `None` while it does.
    down: watch::Sender<Option<Instant>>,
}

/// The slots and the accounts that a call asks for. If it has to wait, also whose call it is: nobody waits
/// in the queue of another network.
type Asked = (Least, Vec<Pubkey>, Option<Caller>);

/// A blockhash, and the last block height for its use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecentBlockhash {
    pub(crate) hash: Hash,
    /// The last block height at which a transaction with it is accepted.
    pub(crate) last_valid_block_height: u64,
}

impl RecentBlockhash {
    /// The block height of the chain when this was its newest blockhash.
    pub(crate) fn height(&self) -> u64 {
        self.last_valid_block_height.saturating_sub(BLOCKHASH_LIFE)
    }
}

impl Chain {
    /// The node at `url`, which has `patience` to reach what was seen of the chain.
    pub(crate) fn new(url: String, patience: Duration) -> Self {
        let commitment = CommitmentConfig::confirmed();
        Self {
            rpc: RpcClient::new_with_timeout_and_commitment(url, RPC_TIMEOUT, commitment),
            turns: Turns::new(CALLS),
            answers: Cache::new(CALLS as u64),
            seen: Cache::new(CALLS as u64),
            floor: Floor::new(patience),
            blockhash: Cache::builder().time_to_live(BLOCKHASH_AGE).build(),
            trials: trial::Trials::new(),
            words: delegation::Words::new(),
            genesis: OnceLock::new(),
            down: watch::Sender::new(Some(Instant::now())),
        }
    }

    /// Whether the last probe was answered.
    pub(crate) fn is_up(&self) -> bool {
        self.down.borrow().is_none()
    }

    /// The hash of the first block; `None` until the node has said it.
    pub(crate) fn genesis(&self) -> Option<&Hash> {
        self.genesis.get()
    }

    /// For how long probes have not been answered; `None` while they are.
    pub(crate) fn away(&self) -> Option<Duration> {
        self.down.borrow().map(|since| since.elapsed())
    }

    /// Probes the chain for ever.
    pub(crate) async fn watch(&self) {
        loop {
            let answer = timed(self.rpc.get_health()).await;
            if answer.is_ok()
                && self.genesis.get().is_none()
                && let Ok(hash) = timed(self.rpc.get_genesis_hash()).await
            {
                self.genesis.get_or_init(|| hash);
            }
            if let Err(error) = &answer
                && self.is_up()
            {
                let cause = error.cause.as_ref().map(|cause| format!("{cause:#}"));
                tracing::warn!(cause, "the chain's RPC does not answer");
            }
            self.down.send_modify(|down| {
                *down = answer.is_err().then(|| down.unwrap_or_else(Instant::now));
            });
            tokio::time::sleep(PROBE_EVERY).await;
        }
    }

    /// Returns a blockhash that is at most about a second old.
    ///
    /// # Errors
    /// `chain_unavailable` or `overloaded`.
    pub(crate) async fn blockhash(&self) -> ApiResult<RecentBlockhash> {
        // Many callers cause one request, and its failure is that of all who wait for it.
        // It waits in no network's queue.
        let ask = turns::for_all(self.new_blockhash());
        let found = self.blockhash.try_get_with((), ask).await;
        found.map_err(|error| ApiError::clone(&error))
    }

    /// Sends a signed transaction. The node goes on sending it until its blockhash is too old.
    ///
    /// # Errors
    /// `chain_unavailable` or `overloaded`.
    pub(crate) async fn send(&self, transaction: &VersionedTransaction) -> ApiResult<()> {
        let config = RpcSendTransactionConfig {
            // It was tried before it was signed.
            skip_preflight: true,
            ..RpcSendTransactionConfig::default()
        };
        let _turn = self.turn().await?;
        timed(self.rpc.send_transaction_with_config(transaction, config)).await?;
        Ok(())
    }

    /// Whether the transaction of each signature is in a confirmed block, whatever has become of it there. The node
    /// is asked about recent ones alone.
    ///
    /// # Errors
    /// `chain_unavailable` or `overloaded`.
    pub(crate) async fn landed(&self, signatures: &[Signature]) -> ApiResult<Vec<bool>> {
        let _turn = self.turn().await?;
        let found = timed(self.rpc.get_signature_statuses(signatures)).await?;
        if found.value.len() != signatures.len() {
            let cause = anyhow::anyhow!("the RPC's statuses are not those that were asked for");
            return Err(ApiError::chain_unavailable().because(cause));
        }
        let confirmed = CommitmentConfig::confirmed();
        let statuses = found.value.into_iter();
        let landed = statuses
            .map(|status| status.is_some_and(|status| status.satisfies_commitment(confirmed)));
        Ok(landed.collect())
    }

    async fn new_blockhash(&self) -> ApiResult<RecentBlockhash> {
        let found = self
            .fresh(self.least(None), |min_context_slot| {
                let config = RpcContextConfig {
                    commitment: Some(CommitmentConfig::confirmed()),
                    min_context_slot,
                };
                self.rpc
                    .send::<Response<RpcBlockhash>>(RpcRequest::GetLatestBlockhash, json!([config]))
            })
            .await?;
        let hash = found.blockhash.parse();
        let hash = hash.map_err(|error: ParseHashError| {
            ApiError::chain_unavailable().because(anyhow::anyhow!("the blockhash is none: {error}"))
        })?;
        Ok(RecentBlockhash {
            hash,
            last_valid_block_height: found.last_valid_block_height,
        })
    }

    /// The accounts. Callers that ask for the same meanwhile share the answer. It is not kept for later,
    /// because a wallet that has just converted has to read so.
    async fn accounts(&self, addresses: Vec<Pubkey>) -> ApiResult<Arc<Vec<Option<Account>>>> {
        let (least, addresses) = (self.least(None), &addresses);
        let read = || async move {
            let accounts = self
                .fresh(least, |min_context_slot| {
                    self.rpc.get_multiple_ui_accounts_with_config(
                        addresses,
                        RpcAccountInfoConfig {
                            encoding: Some(UiAccountEncoding::Base64),
                            data_slice: None,
                            commitment: Some(CommitmentConfig::confirmed()),
                            min_context_slot,
                        },
                    )
                })
                .await?;
            let accounts: Option<Vec<Option<Account>>> = accounts
                .into_iter()
                .map(|account| match account {
                    None => Some(None),
                    Some(account) => account.to_account().map(Some),
                })
                .collect();
            let accounts = accounts.filter(|accounts| accounts.len() == addresses.len());
            accounts.map(Arc::new).ok_or_else(|| {
                let cause = anyhow::anyhow!("the RPC's accounts are not those that were asked for");
                ApiError::chain_unavailable().because(cause)
            })
        };
        let key = |queue| (least, addresses.clone(), queue);
        self.share(&self.answers, key, read).await
    }

    /// Does `ask`, unless somebody does with the same key: then both get the outcome of that. The key names
    /// the caller if the call has to wait in that caller's queue. Otherwise all callers share it. If a shared
    /// call got no turn, because it asked the node again later, each caller asks once more in its own queue.
    async fn share<K, V, F>(
        &self,
        running: &Cache<K, V>,
        key: impl Fn(Option<Caller>) -> K,
        ask: impl Fn() -> F,
    ) -> ApiResult<V>
    where
        K: Clone + Eq + Key + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
        F: Future<Output = ApiResult<V>>,
    {
        let mut queue = self.queue();
        loop {
            let key = key(queue);
            let is_ours = AtomicBool::new(false);
            let ask = async {
                is_ours.store(true, Ordering::Relaxed);
                ask().await
            };
            let found = running.try_get_with_by_ref(&key, ask).await;
            running.invalidate(&key).await;
            let error = match found {
                Ok(found) => return Ok(found),
                Err(error) => ApiError::clone(&error),
            };
            let is_ours = is_ours.load(Ordering::Relaxed);
            if is_ours || queue.is_some() || error.code != ApiError::overloaded().code {
                return Err(error);
            }
            queue = Some(Caller::current());
        }
    }

    /// The caller in whose queue a call has to wait; `None` if it does not have to.
    fn queue(&self) -> Option<Caller> {
        (!self.turns.is_idle()).then(Caller::current)
    }

    /// The turn of a call.
    async fn turn(&self) -> ApiResult<Turn> {
        turn(&self.turns).await.ok_or_else(|| {
            let cause = anyhow::anyhow!("too many calls of the node wait");
            ApiError::overloaded().because(cause)
        })
    }
}

/// One of these turns; `None` if none is free in time.
async fn turn(turns: &Turns) -> Option<Turn> {
    let turn = tokio::time::timeout(PATIENCE, turns.take()).await;
    turn.ok()?
}

/// Runs one call within its time limit, which includes the client's own retries of a busy
/// RPC.
async fn timed<T>(call: impl Future<Output = Result<T, ClientError>>) -> ApiResult<T> {
    answered(tokio::time::timeout(RPC_TIMEOUT, call).await)
}

/// The answer of a call, or what keeps it from being one.
fn answered<T>(answer: Result<Result<T, ClientError>, Elapsed>) -> ApiResult<T> {
    match answer {
        Ok(Ok(answer)) => Ok(answer),
        // The error's text may contain the RPC's URL, and with it an API key.
        Ok(Err(error)) => {
            let cause = anyhow::anyhow!("RPC: {}", without_url(error));
            Err(ApiError::chain_unavailable().because(cause))
        }
        Err(elapsed) => Err(ApiError::chain_unavailable().because(elapsed)),
    }
}

fn without_url(error: ClientError) -> String {
    match *error.kind {
        ErrorKind::Reqwest(error) => error.without_url().to_string(),
        kind => kind.to_string(),
    }
}
