//! The mirror's questions to the chain: reads at a commitment, each with its slot.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    sync::Arc,
    time::Duration,
};

use solana_account_decoder_client_types::{UiAccount, UiAccountData, UiAccountEncoding};
#[cfg(feature = "grpc")]
use solana_client::rpc_config::RpcContextConfig;
use solana_client::{
    rpc_config::{
        RpcAccountInfoConfig, RpcProgramAccountsConfig, RpcSignatureStatusConfig,
        RpcTransactionConfig,
    },
    rpc_request::RpcRequest,
    rpc_response::{Response, RpcKeyedAccount},
};
use solana_sdk::{pubkey::Pubkey, signature::Signature};
use solana_transaction_status_client_types::{
    EncodedConfirmedTransactionWithStatusMeta, TransactionStatus,
};
use vouch_client::PROGRAM_ID;

use crate::{
    commitment::{Commitment, config},
    failure::{Failure, cut},
    health::Nodes,
    source::{Limits, Source},
    sources::{Hedge, Sources},
    stream::Stream,
    votes::Testimony,
};

/// Time limit of a request while mirroring.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(15);
/// The most addresses in one `getMultipleAccounts`.
pub(crate) const ADDRESSES_AT_ONCE: usize = 100;
/// The most signatures in one `getSignatureStatuses`.
pub(crate) const STATUSES_AT_ONCE: usize = 256;
/// Signatures in one page of a list: the most that a node returns.
pub(crate) const PAGE: u16 = 1000;
/// Place of the decimals in a mint.
const DECIMALS: usize = 44;

pub(crate) struct Chain {
    sources: Arc<Sources>,
    stream: Arc<Stream>,
}

impl Chain {
    /// The chain that the nodes at these URLs know.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(crate) fn new(urls: &[String], limits: Limits) -> Result<Self, reqwest::Error> {
        Ok(Self {
            sources: Arc::new(Sources::new(urls, limits)?),
            stream: Arc::default(),
        })
    }

    /// The sources, which choose among the nodes.
    pub(crate) fn sources(&self) -> &Arc<Sources> {
        &self.sources
    }

    /// The stream's blocks and transactions; empty without a stream.
    pub(crate) fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// Reports the nodes and the stream of this chain.
    pub(crate) fn report(&self) -> impl Fn() -> Nodes + Send + Sync + 'static {
        let (sources, stream) = (Arc::clone(&self.sources), Arc::clone(&self.stream));
        move || Nodes {
            lines: sources.lines().into_iter().chain(stream.line()).collect(),
            apart: sources.apart(),
        }
    }

    /// Whether the chain up to this confirmed slot has a block with this hash, which must be among its last 150.
    #[cfg(feature = "grpc")]
    pub(crate) async fn knows(&self, hash: &str, slot: u64) -> Result<bool, Failure> {
        let context = RpcContextConfig {
            commitment: Some(config(Commitment::Confirmed)),
            min_context_slot: Some(slot),
        };
        let request = RpcRequest::IsBlockhashValid;
        let response: Response<bool> = self
            .read(slot, Hedge::No, request, &(hash, context))
            .await?;
        Ok(response.value)
    }

    /// The slot that the chain has reached.
    pub(crate) async fn slot(&self, commitment: Commitment) -> Result<u64, Failure> {
        if !self.sources.is_one() {
            return self.sources.tip(commitment).await;
        }
        let parameters = [config(commitment)];
        self.read(0, Hedge::No, RpcRequest::GetSlot, &parameters)
            .await
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
            let data = bytes(&account.data).ok_or_else(|| encoding(&pubkey))?;
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
        let request = RpcRequest::GetProgramAccounts;
        self.read(min_slot, Hedge::No, request, &parameters).await
    }

    /// The bytes of the accounts at `addresses`, as this source has them: final and at `min_slot` or
    /// a later slot; `None` for one that the program does not own. Returns the slot.
    pub(crate) async fn accounts(
        &self,
        source: &Source,
        addresses: &[String],
        min_slot: u64,
    ) -> Result<(u64, Vec<Option<Vec<u8>>>), Failure> {
        let parameters = (addresses, account_config(Commitment::Finalized, min_slot));
        let response: Response<Vec<Option<UiAccount>>> = source
            .insist(RpcRequest::GetMultipleAccounts, &parameters)
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
                    Some(bytes(&account.data).ok_or_else(|| encoding(address))?)
                }
                _ => None,
            });
        }
        Ok((response.context.slot, accounts))
    }

    /// The first answer that `read` accepts among those of the nodes to the question for this
    /// transaction.
    pub(crate) async fn transaction<T>(
        &self,
        signature: &Signature,
        config: RpcTransactionConfig,
        read: impl Fn(Option<EncodedConfirmedTransactionWithStatusMeta>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let parameters = (signature.to_string(), config);
        let ask = async |source: &Source| {
            read(source.ask(RpcRequest::GetTransaction, &parameters).await?)
        };
        self.sources.first(0, Hedge::Yes, ask).await
    }

    /// The bytes of one account, confirmed and at `min_slot` or a later slot.
    pub(crate) async fn data(
        &self,
        address: &Pubkey,
        min_slot: u64,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let config = account_config(Commitment::Confirmed, min_slot);
        let parameters = (address.to_string(), config);
        let request = RpcRequest::GetAccountInfo;
        let response: Response<Option<UiAccount>> =
            self.read(min_slot, Hedge::No, request, &parameters).await?;
        Ok(response.value.and_then(|account| bytes(&account.data)))
    }

    /// The testimonies of all nodes that can be reached on these transactions, even old ones: for each
    /// of them, in this order, which nodes know it as final, and which ones deny that.
    pub(crate) async fn testify(&self, signatures: &[String]) -> Result<Vec<Testimony>, Failure> {
        let mut all = Vec::with_capacity(signatures.len());
        let mut first_blocks = HashMap::new();
        for signatures in signatures.chunks(STATUSES_AT_ONCE) {
            let ask = async |source: &Source| statuses(source, signatures).await;
            let answers = self.sources.every(ask).await?;
            for (place, signature) in signatures.iter().enumerate() {
                let mut testimony = Testimony::of(signature);
                let said = answers.iter().filter_map(|(source, statuses)| {
                    Some((*source, statuses.get(place)?.as_ref()))
                });
                for (source, status) in said.clone() {
                    testimony.claim(source.name(), status);
                }
                // One that has not reached the slot, or no longer has its block, denies nothing.
                if let Some(slot) = testimony.slot() {
                    for (source, _) in said.filter(|(_, status)| status.is_none()) {
                        if !source.standing().has_reached(slot) {
                            continue;
                        }
                        let first = match first_blocks.entry(source.name()) {
                            Entry::Occupied(known) => *known.get(),
                            Entry::Vacant(place) => *place.insert(source.first_block().await),
                        };
                        if first.is_some_and(|first| first <= slot) {
                            testimony.deny(source.name());
                        }
                    }
                }
                all.push(testimony);
            }
        }
        Ok(all)
    }

    /// Unix seconds of a block; `None` if the node does not tell it, for example because the slot
    /// has no block.
    pub(crate) async fn block_time(&self, slot: u64) -> Option<i64> {
        self.read(slot, Hedge::Yes, RpcRequest::GetBlockTime, &[slot])
            .await
            .ok()
    }

    async fn read<T: serde::de::DeserializeOwned>(
        &self,
        min_slot: u64,
        hedge: Hedge,
        request: RpcRequest,
        parameters: &impl serde::Serialize,
    ) -> Result<T, Failure> {
        let ask = async |source: &Source| source.ask(request, parameters).await;
        self.sources.first(min_slot, hedge, ask).await
    }
}

/// A source's statuses of these transactions, from its whole history.
async fn statuses(
    source: &Source,
    signatures: &[String],
) -> Result<Vec<Option<TransactionStatus>>, Failure> {
    let whole_history = RpcSignatureStatusConfig {
        search_transaction_history: true,
    };
    let parameters = (signatures, whole_history);
    let statuses: Response<Vec<Option<TransactionStatus>>> = source
        .insist(RpcRequest::GetSignatureStatuses, &parameters)
        .await?;
    if statuses.value.len() != signatures.len() {
        let reason = "getSignatureStatuses: the node left out transactions";
        return Err(Failure::Chain(reason.into()));
    }
    Ok(statuses.value)
}

/// Whether the program has not written these bytes. Anybody can create an account of zeros and
/// assign it to the program.
fn is_blank(data: &[u8]) -> bool {
    data.iter().all(|byte| *byte == 0)
}

/// The bytes in the encoding that was asked for. Base58 takes a time that grows with the square of its
/// length, and what is compressed could fill the memory.
fn bytes(data: &UiAccountData) -> Option<Vec<u8>> {
    match data {
        UiAccountData::Binary(_, UiAccountEncoding::Base64) => data.decode(),
        _ => None,
    }
}

fn encoding(address: &str) -> Failure {
    let address = cut(address);
    Failure::Chain(format!(
        "the node sent {address} in another encoding than was asked for"
    ))
}

fn is_program(owner: &str) -> bool {
    owner
        .parse::<Pubkey>()
        .is_ok_and(|owner| owner == PROGRAM_ID)
}

pub(crate) fn account_config(commitment: Commitment, min_slot: u64) -> RpcAccountInfoConfig {
    RpcAccountInfoConfig {
        encoding: Some(UiAccountEncoding::Base64),
        commitment: Some(config(commitment)),
        min_context_slot: Some(min_slot),
        data_slice: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read_in_the_encoding_that_was_asked_for_alone() {
        let text = || "AQID".to_owned();
        let data = UiAccountData::Binary(text(), UiAccountEncoding::Base64);
        assert_eq!(bytes(&data), Some(vec![1, 2, 3]));
        for encoding in [
            UiAccountEncoding::Base58,
            UiAccountEncoding::Binary,
            UiAccountEncoding::Base64Zstd,
        ] {
            assert_eq!(bytes(&UiAccountData::Binary(text(), encoding)), None);
        }
        assert_eq!(bytes(&UiAccountData::LegacyBinary(text())), None);
    }
}
