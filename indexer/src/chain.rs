//! The node: reads at a commitment, each with its slot.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use solana_account_decoder_client_types::{UiAccount, UiAccountEncoding};
use solana_client::{
    client_error::{ClientError, ClientErrorKind},
    nonblocking::rpc_client::RpcClient,
    rpc_config::{
        RpcAccountInfoConfig, RpcProgramAccountsConfig, RpcSignatureStatusConfig,
        RpcTransactionConfig,
    },
    rpc_custom_error::JSON_RPC_SERVER_ERROR_MIN_CONTEXT_SLOT_NOT_REACHED,
    rpc_request::{RpcError, RpcRequest},
    rpc_response::{Response, RpcKeyedAccount},
};
use solana_commitment_config::CommitmentConfig;
use solana_sdk::{pubkey::Pubkey, signature::Signature};
use solana_transaction_status_client_types::{
    EncodedConfirmedTransactionWithStatusMeta, TransactionStatus,
};
use vouch_client::PROGRAM_ID;

use crate::{failure::Failure, health::Health};

/// Time limit of a request while mirroring. The client itself would wait as long as a node that
/// refuses (HTTP 429) asks for.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(15);
/// The most addresses in one `getMultipleAccounts`.
pub(crate) const ADDRESSES_AT_ONCE: usize = 100;
/// Place of the decimals in a mint.
const DECIMALS: usize = 44;
/// Time that a node may lag behind a slot that another one at the same address has told.
const CATCH_UP: Duration = Duration::from_secs(5);
const CATCH_UP_POLL: Duration = Duration::from_millis(100);
/// Pauses before a request without an answer is repeated: 100, 200 and 400 ms.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_millis(400);

/// How settled something is that was read from the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Commitment {
    /// Two thirds of the stake have voted for it. Shown to people.
    Confirmed,
    /// Cannot be rolled back. Counts for money and ranks.
    Finalized,
}

pub(crate) struct Chain {
    rpc: RpcClient,
    timeout: Duration,
    /// Who is told that the work goes on whenever the node has answered, or has not in time.
    health: Option<Arc<Health>>,
}

impl Chain {
    pub(crate) fn new(url: &str, timeout: Duration) -> Self {
        let rpc = RpcClient::new_with_timeout_and_commitment(
            url.to_owned(),
            timeout,
            CommitmentConfig::confirmed(),
        );
        Self {
            rpc,
            timeout,
            health: None,
        }
    }

    /// Every answer of the node shows that the work goes on.
    pub(crate) fn told(mut self, health: &Arc<Health>) -> Self {
        self.health = Some(Arc::clone(health));
        self
    }

    pub(crate) async fn genesis_hash(&self) -> Result<String, Failure> {
        self.read(RpcRequest::GetGenesisHash, &[(); 0]).await
    }

    pub(crate) async fn slot(&self, commitment: Commitment) -> Result<u64, Failure> {
        self.read(RpcRequest::GetSlot, &[config(commitment)]).await
    }

    /// The bytes of all accounts that the program has written, and their slot.
    pub(crate) async fn bytes(
        &self,
        commitment: Commitment,
    ) -> Result<(u64, BTreeMap<Pubkey, Vec<u8>>), Failure> {
        let response = self.every_account(commitment, 0).await?;
        let mut accounts = BTreeMap::new();
        for RpcKeyedAccount { pubkey, account } in response.value {
            let address = pubkey
                .parse()
                .map_err(|error| Failure::chain("address", error))?;
            let data = account.data.decode().ok_or_else(|| encoding(&pubkey))?;
            if !is_blank(&data) {
                accounts.insert(address, data);
            }
        }
        Ok((response.context.slot, accounts))
    }

    /// Number of decimals of a mint.
    pub(crate) async fn decimals(&self, mint: &Pubkey) -> Result<u8, Failure> {
        let data = self.data(mint, 0).await?;
        // Mints of both token programs begin with the same fields.
        data.and_then(|data| data.get(DECIMALS).copied())
            .ok_or_else(|| Failure::Chain(format!("{mint} is not a mint")))
    }

    async fn every_account(
        &self,
        commitment: Commitment,
        min_slot: u64,
    ) -> Result<Response<Vec<RpcKeyedAccount>>, Failure> {
        let parameters = (
            PROGRAM_ID.to_string(),
            RpcProgramAccountsConfig {
                account_config: account_config(commitment, min_slot),
                with_context: Some(true),
                ..Default::default()
            },
        );
        self.read(RpcRequest::GetProgramAccounts, &parameters).await
    }

    /// The bytes of the accounts at `addresses`, final and at `min_slot` or a later slot; `None` for
    /// one that the program does not own. Returns the slot.
    pub(crate) async fn accounts(
        &self,
        addresses: &[String],
        min_slot: u64,
    ) -> Result<(u64, Vec<Option<Vec<u8>>>), Failure> {
        let parameters = (addresses, account_config(Commitment::Finalized, min_slot));
        let response: Response<Vec<Option<UiAccount>>> = self
            .read(RpcRequest::GetMultipleAccounts, &parameters)
            .await?;
        if response.value.len() != addresses.len() {
            return Err(Failure::Chain(
                "getMultipleAccounts: the node left out accounts".into(),
            ));
        }
        let mut accounts = Vec::with_capacity(addresses.len());
        for (address, account) in addresses.iter().zip(response.value) {
            accounts.push(match account {
                Some(account) if account.lamports > 0 && is_program(&account.owner) => {
                    Some(account.data.decode().ok_or_else(|| encoding(address))?)
                }
                _ => None,
            });
        }
        Ok((response.context.slot, accounts))
    }

    /// A transaction as the node encodes it; `None` if the node does not have it.
    pub(crate) async fn transaction(
        &self,
        signature: &Signature,
        config: RpcTransactionConfig,
    ) -> Result<Option<EncodedConfirmedTransactionWithStatusMeta>, Failure> {
        let parameters = (signature.to_string(), config);
        self.read(RpcRequest::GetTransaction, &parameters).await
    }

    /// The bytes of one account, confirmed and at `min_slot` or a later slot.
    pub(crate) async fn data(
        &self,
        address: &Pubkey,
        min_slot: u64,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let config = account_config(Commitment::Confirmed, min_slot);
        let parameters = (address.to_string(), config);
        let response: Response<Option<UiAccount>> =
            self.read(RpcRequest::GetAccountInfo, &parameters).await?;
        Ok(response.value.and_then(|account| account.data.decode()))
    }

    /// The slot of a transaction that is final, however old; `None` if the node does not know it as
    /// final.
    pub(crate) async fn landed(&self, signature: &Signature) -> Result<Option<u64>, Failure> {
        let whole_history = RpcSignatureStatusConfig {
            search_transaction_history: true,
        };
        let parameters = ([signature.to_string()], whole_history);
        let statuses: Response<Vec<Option<TransactionStatus>>> = self
            .read(RpcRequest::GetSignatureStatuses, &parameters)
            .await?;
        let status = statuses.value.into_iter().flatten().next();
        let is_final =
            |status: &TransactionStatus| status.satisfies_commitment(CommitmentConfig::finalized());
        Ok(status.filter(is_final).map(|status| status.slot))
    }

    /// Unix seconds of a block; `None` if the node does not tell it, for example because the slot
    /// has no block.
    pub(crate) async fn block_time(&self, slot: u64) -> Option<i64> {
        self.read(RpcRequest::GetBlockTime, &[slot]).await.ok()
    }

    /// Sends a request. It repeats it while the node has not reached the requested slot, because
    /// several nodes may share one address, and a few times if there is no answer.
    pub(crate) async fn read<T: serde::de::DeserializeOwned>(
        &self,
        request: RpcRequest,
        parameters: &impl serde::Serialize,
    ) -> Result<T, Failure> {
        let name = request.to_string();
        let parameters = serde_json::to_value(parameters)
            .map_err(|error| Failure::chain("parameters", error))?;
        let deadline = tokio::time::Instant::now() + CATCH_UP;
        let mut pause = FIRST_PAUSE;
        loop {
            let sent = self.rpc.send(request, parameters.clone());
            let outcome = tokio::time::timeout(self.timeout, sent).await;
            if let Some(health) = &self.health {
                health.beat();
            }
            let error = match outcome {
                Ok(Ok(response)) => return Ok(response),
                Ok(Err(error)) => error,
                // The client waited longer than we do, because the node asked for that.
                Err(_) => {
                    let failure = format!("{name}: no answer in {:?}", self.timeout);
                    return Err(Failure::Chain(failure));
                }
            };
            if is_behind(&error) && tokio::time::Instant::now() < deadline {
                tokio::time::sleep(CATCH_UP_POLL).await;
            } else if !is_refusal(&error) && pause <= LAST_PAUSE {
                metrics::counter!("vouch_indexer_requests_repeated_total").increment(1);
                tokio::time::sleep(pause).await;
                pause *= 2;
            } else {
                return Err(Failure::rpc(&name, error));
            }
        }
    }
}

fn is_behind(error: &ClientError) -> bool {
    matches!(
        error.kind(),
        ClientErrorKind::RpcError(RpcError::RpcResponseError { code, .. })
            if *code == JSON_RPC_SERVER_ERROR_MIN_CONTEXT_SLOT_NOT_REACHED
    )
}

/// Whether the node answered, with an error of its own.
fn is_refusal(error: &ClientError) -> bool {
    matches!(
        error.kind(),
        ClientErrorKind::RpcError(RpcError::RpcResponseError { .. })
    )
}

/// Whether the program has not written these bytes. Anybody can create an account of zeros and
/// assign it to the program.
fn is_blank(data: &[u8]) -> bool {
    data.iter().all(|byte| *byte == 0)
}

fn encoding(address: &str) -> Failure {
    Failure::Chain(format!("the node sent {address} in an unknown encoding"))
}

fn is_program(owner: &str) -> bool {
    owner
        .parse::<Pubkey>()
        .is_ok_and(|owner| owner == PROGRAM_ID)
}

pub(crate) fn config(commitment: Commitment) -> CommitmentConfig {
    match commitment {
        Commitment::Confirmed => CommitmentConfig::confirmed(),
        Commitment::Finalized => CommitmentConfig::finalized(),
    }
}

pub(crate) fn account_config(commitment: Commitment, min_slot: u64) -> RpcAccountInfoConfig {
    RpcAccountInfoConfig {
        encoding: Some(UiAccountEncoding::Base64),
        commitment: Some(config(commitment)),
        min_context_slot: Some(min_slot),
        data_slice: None,
    }
}
