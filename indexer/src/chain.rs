//! The node: reads at a commitment, each with its slot.

use std::{collections::BTreeMap, time::Duration};

use solana_account_decoder_client_types::{UiAccount, UiAccountEncoding};
use solana_client::{
    client_error::{ClientError, ClientErrorKind},
    nonblocking::rpc_client::RpcClient,
    rpc_config::{RpcAccountInfoConfig, RpcProgramAccountsConfig},
    rpc_custom_error::JSON_RPC_SERVER_ERROR_MIN_CONTEXT_SLOT_NOT_REACHED,
    rpc_request::{RpcError, RpcRequest},
    rpc_response::{Response, RpcKeyedAccount},
};
use solana_commitment_config::CommitmentConfig;
use solana_sdk::pubkey::Pubkey;
use vouch_client::PROGRAM_ID;
use vouch_db::mirror::{Commitment, Found, Observation};

use crate::{
    decode::{decode, is_blank},
    failure::Failure,
};

/// Enough for a large snapshot; the heartbeat detects a dead node sooner.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The most addresses in one `getMultipleAccounts`.
pub(crate) const ADDRESSES_AT_ONCE: usize = 100;
/// Place of the decimals in a mint.
const DECIMALS: usize = 44;
/// Time that a node may lag behind the slots that its WebSocket has announced.
const CATCH_UP: Duration = Duration::from_secs(20);
const CATCH_UP_POLL: Duration = Duration::from_millis(100);

pub(crate) struct Chain {
    pub(crate) rpc: RpcClient,
}

impl Chain {
    pub(crate) fn new(url: &str) -> Self {
        let rpc = RpcClient::new_with_timeout_and_commitment(
            url.to_owned(),
            TIMEOUT,
            CommitmentConfig::confirmed(),
        );
        Self { rpc }
    }

    pub(crate) async fn genesis_hash(&self) -> Result<String, Failure> {
        match self.rpc.get_genesis_hash().await {
            Ok(hash) => Ok(hash.to_string()),
            Err(error) => Err(Failure::rpc("getGenesisHash", error)),
        }
    }

    pub(crate) async fn slot(&self, commitment: Commitment) -> Result<u64, Failure> {
        self.rpc
            .get_slot_with_commitment(config(commitment))
            .await
            .map_err(|error| Failure::rpc("getSlot", error))
    }

    /// All accounts of the program, at `min_slot` or a later slot. Returns the slot.
    pub(crate) async fn program_accounts(
        &self,
        commitment: Commitment,
        min_slot: u64,
    ) -> Result<(u64, Vec<Observation>), Failure> {
        let response = self.every_account(commitment, min_slot).await?;
        let slot = response.context.slot;
        let mut observations = Vec::with_capacity(response.value.len());
        for RpcKeyedAccount { pubkey, account } in response.value {
            let observation = observe(pubkey, slot, commitment, Some(account))?;
            observations.push(observation);
        }
        Ok((slot, observations))
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
        let account = self.rpc.get_account(mint).await;
        let data = account
            .map_err(|error| Failure::rpc("getAccountInfo", error))?
            .data;
        // Mints of both token programs begin with the same fields.
        data.get(DECIMALS)
            .copied()
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

    /// The accounts at `addresses`, at `min_slot` or a later slot.
    pub(crate) async fn accounts(
        &self,
        addresses: &[String],
        commitment: Commitment,
        min_slot: u64,
    ) -> Result<Vec<Observation>, Failure> {
        let mut observations = Vec::with_capacity(addresses.len());
        for addresses in addresses.chunks(ADDRESSES_AT_ONCE) {
            let parameters = (addresses, account_config(commitment, min_slot));
            let response: Response<Vec<Option<UiAccount>>> = self
                .read(RpcRequest::GetMultipleAccounts, &parameters)
                .await?;
            if response.value.len() != addresses.len() {
                return Err(Failure::Chain(
                    "getMultipleAccounts: the node left out accounts".into(),
                ));
            }
            for (address, account) in addresses.iter().zip(response.value) {
                let slot = response.context.slot;
                let observation = observe(address.clone(), slot, commitment, account)?;
                observations.push(observation);
            }
        }
        Ok(observations)
    }

    /// Sends a request, and repeats it while the node has not reached the requested slot:
    /// several nodes may share one address.
    async fn read<T: serde::de::DeserializeOwned>(
        &self,
        request: RpcRequest,
        parameters: &impl serde::Serialize,
    ) -> Result<T, Failure> {
        let parameters = serde_json::to_value(parameters)
            .map_err(|error| Failure::chain("parameters", error))?;
        let deadline = tokio::time::Instant::now() + CATCH_UP;
        loop {
            match self.rpc.send(request, parameters.clone()).await {
                Ok(response) => return Ok(response),
                Err(error) if is_behind(&error) && tokio::time::Instant::now() < deadline => {
                    tokio::time::sleep(CATCH_UP_POLL).await;
                }
                Err(error) => return Err(Failure::rpc(&request.to_string(), error)),
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

/// Converts the node's description of an account. An account that another program owns,
/// or that has no lamports left, counts as gone.
pub(crate) fn observe(
    address: String,
    slot: u64,
    commitment: Commitment,
    account: Option<UiAccount>,
) -> Result<Observation, Failure> {
    let found = match account {
        Some(account) if account.lamports > 0 && is_program(&account.owner) => {
            let data = account.data.decode().ok_or_else(|| encoding(&address))?;
            decode(&address, data)?
        }
        _ => Found::Nothing,
    };
    Ok(Observation {
        address,
        slot,
        commitment,
        found,
    })
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
