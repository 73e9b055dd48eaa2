//! The node: reads, simulations and sending.
//!
//! Nothing that it says is believed where a wrong answer would cost more than time: see `resolve`.

use std::{collections::HashMap, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use solana_account_decoder_client_types::UiAccount;
use solana_client::{
    nonblocking::rpc_client::RpcClient,
    rpc_request::RpcRequest,
    rpc_response::{Response, RpcBlockhash, RpcPrioritizationFee, RpcSimulateTransactionResult},
};
use solana_commitment_config::CommitmentConfig;
use solana_sdk::{
    clock::Clock, epoch_info::EpochInfo, hash::Hash, rent::Rent, sysvar,
    transaction::TransactionError,
};
use solana_transaction_status_client_types::TransactionStatus;
use vouch_client::Pubkey;

use crate::failure::Failure;

/// Time limit of a request. The client itself would wait as long as a node that refuses (HTTP 429)
/// asks for.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The most addresses in one `getMultipleAccounts`.
const ADDRESSES_AT_ONCE: usize = 100;
/// The most addresses in one `getRecentPrioritizationFees`.
const FEES_AT_ONCE: usize = 128;

/// Bytes that are read of an account: more than any account of the program, or any token account,
/// has. Anybody can make an account of ten megabytes and be paid there, and reading a hundred of them
/// would take longer than a node may.
const LENGTH: usize = 2048;

/// An account as the node had it.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) lamports: u64,
    pub(crate) owner: Pubkey,
    pub(crate) executable: bool,
    /// Its first 2,048 bytes.
    pub(crate) data: Vec<u8>,
    /// Number of all its bytes.
    pub(crate) length: usize,
}

/// Accounts as the node had them, confirmed.
pub(crate) struct Seen {
    /// The slot of the latest of them.
    pub(crate) slot: u64,
    /// The chain's clock, in unix seconds.
    pub(crate) now: i64,
    /// The rent, which says the least balance of an account.
    pub(crate) rent: Rent,
    accounts: HashMap<Pubkey, Account>,
}

impl Seen {
    /// The account at this address; `None` if there is none.
    pub(crate) fn get(&self, address: &Pubkey) -> Option<&Account> {
        self.accounts
            .get(address)
            .filter(|account| account.lamports > 0)
    }
}

/// The outcome of a simulation.
pub(crate) enum Simulated {
    /// It would succeed, with so many compute units.
    Succeeds(u64),
    /// It would fail.
    Fails(TransactionError),
}

/// A transaction in a block.
pub(crate) struct Landed {
    pub(crate) slot: u64,
    pub(crate) is_final: bool,
    pub(crate) error: Option<TransactionError>,
}

pub(crate) struct Node {
    rpc: RpcClient,
}

impl Node {
    pub(crate) fn new(url: &str) -> Self {
        let commitment = CommitmentConfig::confirmed();
        Self {
            rpc: RpcClient::new_with_timeout_and_commitment(url.to_owned(), TIMEOUT, commitment),
        }
    }

    pub(crate) async fn genesis_hash(&self) -> Result<String, Failure> {
        self.ask(RpcRequest::GetGenesisHash, json!([])).await
    }

    /// Lamports of this account.
    pub(crate) async fn balance(&self, address: &Pubkey) -> Result<u64, Failure> {
        let parameters = json!([address.to_string(), { "commitment": "confirmed" }]);
        let response: Response<u64> = self.ask(RpcRequest::GetBalance, parameters).await?;
        Ok(response.value)
    }

    /// Clock and rent, and these accounts, at `min_slot` or a later slot.
    pub(crate) async fn see(&self, addresses: &[Pubkey], min_slot: u64) -> Result<Seen, Failure> {
        let sysvars = [sysvar::clock::ID, sysvar::rent::ID];
        let all: Vec<_> = sysvars.iter().chain(addresses).copied().collect();
        let mut slot = min_slot;
        let mut accounts = HashMap::new();
        for page in all.chunks(ADDRESSES_AT_ONCE) {
            let (seen, found) = self.accounts(page, slot).await?;
            slot = slot.max(seen);
            let found = page.iter().copied().zip(found);
            accounts.extend(found.filter_map(|(address, account)| Some((address, account?))));
        }
        let sysvar = |address: &Pubkey| {
            let account: Option<&Account> = accounts.get(address);
            let data = account.map(|account| account.data.as_slice());
            data.ok_or_else(|| Failure::Chain(format!("the node has no account {address}")))
        };
        let clock: Clock = bincode::deserialize(sysvar(&sysvar::clock::ID)?)
            .map_err(|error| Failure::chain("clock", error))?;
        let rent: Rent = bincode::deserialize(sysvar(&sysvar::rent::ID)?)
            .map_err(|error| Failure::chain("rent", error))?;
        Ok(Seen {
            slot,
            now: clock.unix_timestamp,
            rent,
            accounts,
        })
    }

    /// These accounts, at most 100, all at one slot, which is `min_slot` or later.
    pub(crate) async fn accounts(
        &self,
        addresses: &[Pubkey],
        min_slot: u64,
    ) -> Result<(u64, Vec<Option<Account>>), Failure> {
        let names: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        let parameters = json!([
            names,
            {
                "encoding": "base64", "commitment": "confirmed", "minContextSlot": min_slot,
                "dataSlice": { "offset": 0, "length": LENGTH },
            },
        ]);
        let response: Response<Vec<Option<UiAccount>>> = self
            .ask(RpcRequest::GetMultipleAccounts, parameters)
            .await?;
        if response.value.len() != addresses.len() || response.context.slot < min_slot {
            return Err(Failure::Chain(
                "getMultipleAccounts: the answer is incomplete or too old".into(),
            ));
        }
        let accounts = response.value.into_iter().zip(&names);
        let accounts =
            accounts.map(|(account, name)| account.map(|it| decode(&it, name)).transpose());
        Ok((response.context.slot, accounts.collect::<Result<_, _>>()?))
    }

    /// A blockhash, and the last block height that takes it.
    pub(crate) async fn blockhash(&self) -> Result<(Hash, u64), Failure> {
        let parameters = json!([{ "commitment": "confirmed" }]);
        let response: Response<RpcBlockhash> =
            self.ask(RpcRequest::GetLatestBlockhash, parameters).await?;
        let hash = response.value.blockhash.parse();
        let hash = hash.map_err(|error| Failure::chain("getLatestBlockhash", error))?;
        Ok((hash, response.value.last_valid_block_height))
    }

    /// The priority fees with which transactions that wrote these accounts got into recent blocks, in
    /// millionths of a lamport for each compute unit: one for each block.
    pub(crate) async fn recent_fees(&self, written: &[Pubkey]) -> Result<Vec<u64>, Failure> {
        let names = written.iter().take(FEES_AT_ONCE).map(ToString::to_string);
        let parameters = json!([names.collect::<Vec<_>>()]);
        let fees: Vec<RpcPrioritizationFee> = self
            .ask(RpcRequest::GetRecentPrioritizationFees, parameters)
            .await?;
        Ok(fees.into_iter().map(|fee| fee.prioritization_fee).collect())
    }

    /// Lets the node execute a transaction whose signature and blockhash do not count.
    pub(crate) async fn simulate(
        &self,
        transaction: &[u8],
        min_slot: u64,
    ) -> Result<Simulated, Failure> {
        let parameters = json!([
            BASE64_STANDARD.encode(transaction),
            {
                "encoding": "base64", "commitment": "confirmed", "minContextSlot": min_slot,
                "sigVerify": false, "replaceRecentBlockhash": true,
            },
        ]);
        let response: Response<RpcSimulateTransactionResult> = self
            .ask(RpcRequest::SimulateTransaction, parameters)
            .await?;
        match (response.value.err, response.value.units_consumed) {
            (Some(error), _) => Ok(Simulated::Fails(error.into())),
            (None, Some(units)) => Ok(Simulated::Succeeds(units)),
            (None, None) => Err(Failure::Chain(
                "simulateTransaction: no compute units".into(),
            )),
        }
    }

    /// Sends a transaction. Success does not mean that it will be in a block.
    pub(crate) async fn send(&self, transaction: &[u8]) -> Result<(), Failure> {
        let parameters = json!([
            BASE64_STANDARD.encode(transaction),
            // It was simulated.
            { "encoding": "base64", "skipPreflight": true },
        ]);
        let _: Value = self.ask(RpcRequest::SendTransaction, parameters).await?;
        Ok(())
    }

    /// The last final slot, and its block height.
    pub(crate) async fn finalized(&self) -> Result<(u64, u64), Failure> {
        let parameters = json!([{ "commitment": "finalized" }]);
        let info: EpochInfo = self.ask(RpcRequest::GetEpochInfo, parameters).await?;
        Ok((info.absolute_slot, info.block_height))
    }

    /// The outcomes of these signatures, at most 256, in the node's whole history, and its slot.
    pub(crate) async fn landed(
        &self,
        signatures: &[String],
    ) -> Result<(u64, Vec<Option<Landed>>), Failure> {
        let parameters = json!([signatures, { "searchTransactionHistory": true }]);
        let response: Response<Vec<Option<TransactionStatus>>> = self
            .ask(RpcRequest::GetSignatureStatuses, parameters)
            .await?;
        if response.value.len() != signatures.len() {
            return Err(Failure::Chain(
                "getSignatureStatuses: the answer is incomplete".into(),
            ));
        }
        let landed = response.value.into_iter().map(|status| {
            let status = status?;
            Some(Landed {
                slot: status.slot,
                is_final: status.satisfies_commitment(CommitmentConfig::finalized()),
                error: status.err,
            })
        });
        Ok((response.context.slot, landed.collect()))
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        request: RpcRequest,
        parameters: Value,
    ) -> Result<T, Failure> {
        let name = request.to_string();
        match tokio::time::timeout(TIMEOUT, self.rpc.send(request, parameters)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Failure::rpc(&name, error)),
            Err(_) => Err(Failure::Chain(format!("{name}: no answer in {TIMEOUT:?}"))),
        }
    }
}

fn decode(account: &UiAccount, address: &str) -> Result<Account, Failure> {
    let unknown = || Failure::Chain(format!("the node sent {address} in an unknown encoding"));
    let data = account.data.decode().ok_or_else(unknown)?;
    let length = account.space.map_or(Ok(data.len()), usize::try_from);
    Ok(Account {
        lamports: account.lamports,
        owner: account.owner.parse().map_err(|_| unknown())?,
        executable: account.executable,
        length: length.map_err(|_| unknown())?,
        data,
    })
}
