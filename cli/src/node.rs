//! The node: reads, simulations and sending.
//!
//! The client of Solana's SDK waits for minutes, silently, when a node refuses (HTTP 429). A person at a
//! terminal wants to know at once, so requests are made here; their types are the SDK's.

use std::{collections::HashMap, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::{StatusCode, header::RETRY_AFTER};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use solana_client::rpc_response::{
    Response, RpcBlockhash, RpcPrioritizationFee, RpcSimulateTransactionResult,
};
use solana_sdk::{
    clock::Clock, epoch_info::EpochInfo, hash::Hash, rent::Rent, sysvar,
    transaction::VersionedTransaction,
};
use solana_transaction_status_client_types::TransactionStatus;
use url::Url;
use vouch_client::{
    PROGRAM_ID, ProgramError, Pubkey,
    accounts::{AccountType, Campaign},
};

use crate::{
    config::{Commitment, shown},
    error::{Failure, Outcome},
};

/// Time limit of a request.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Times that a request is made while the node refuses it.
const ATTEMPTS: u32 = 3;
/// The longest pause between two of them, whatever the node asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// The most addresses in one `getMultipleAccounts`.
const ADDRESSES_AT_ONCE: usize = 100;
/// The most addresses in one `getRecentPrioritizationFees`.
const FEES_AT_ONCE: usize = 128;
/// Most characters of a stranger's text: more than a transaction in base64 has.
const LONGEST_TEXT: usize = 2000;
/// Most bytes of an answer.
const ANSWER: usize = 256 << 20;
/// The code of JSON RPC with which a node says that it has no history of transactions.
const NO_HISTORY: i64 = -32_011;
/// The code of that failure here.
const HISTORY_MISSING: &str = "history_missing";

/// An account as the node has it.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) lamports: u64,
    pub(crate) owner: Pubkey,
    pub(crate) executable: bool,
    pub(crate) data: Vec<u8>,
}

/// Accounts, with the chain's clock and rent.
#[derive(Debug)]
pub(crate) struct Seen {
    /// The chain's clock, in unix seconds.
    pub(crate) now: i64,
    pub(crate) rent: Rent,
    accounts: HashMap<Pubkey, Account>,
}

impl Seen {
    /// The account at this address; `None` if there is none.
    pub(crate) fn get(&self, address: &Pubkey) -> Option<&Account> {
        let account = self.accounts.get(address);
        account.filter(|account| account.lamports > 0)
    }

    /// The program's account of this type; `None` if there is none.
    pub(crate) fn read<T: AccountType>(&self, address: &Pubkey) -> Option<T> {
        let account = self.get(address)?;
        (account.owner == PROGRAM_ID)
            .then(|| T::decode(&account.data).ok())
            .flatten()
    }
}

/// An account in an answer.
#[derive(Deserialize)]
struct Sent {
    lamports: u64,
    owner: String,
    executable: bool,
    data: (String, String),
}

impl Sent {
    fn decode(self) -> Option<Account> {
        Some(Account {
            lamports: self.lamports,
            owner: self.owner.parse().ok()?,
            executable: self.executable,
            data: BASE64_STANDARD.decode(self.data.0).ok()?,
        })
    }
}

/// An account that a search has found.
#[derive(Deserialize)]
struct Found {
    pubkey: String,
    account: Sent,
}

/// An answer of JSON RPC.
#[derive(Deserialize)]
struct Answer {
    result: Option<Value>,
    error: Option<Value>,
}

/// A condition of a search: these bytes stand at this place.
pub(crate) struct At<'a>(pub(crate) usize, pub(crate) &'a [u8]);

/// A node's knowledge of a transaction.
pub(crate) struct Known {
    /// As of this slot.
    pub(crate) slot: u64,
    pub(crate) status: Option<TransactionStatus>,
    /// Whether it has looked into its history, and not into the status cache alone.
    pub(crate) from_history: bool,
}

/// A Solana node.
pub(crate) struct Node {
    http: reqwest::Client,
    url: Url,
    commitment: Commitment,
}

impl Node {
    pub(crate) fn new(url: &Url, commitment: Commitment) -> Outcome<Self> {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build();
        Ok(Self {
            http: http.map_err(|error| {
                Failure::unavailable("internal", error.to_string(), "report it")
            })?,
            url: url.clone(),
            commitment,
        })
    }

    pub(crate) const fn commitment(&self) -> Commitment {
        self.commitment
    }

    /// The node, without what may be secret in its URL.
    pub(crate) fn shown(&self) -> String {
        shown(&self.url)
    }

    /// The hash that names the cluster.
    pub(crate) async fn genesis_hash(&self) -> Outcome<String> {
        self.ask("getGenesisHash", json!([])).await
    }

    /// These accounts, with clock and rent.
    ///
    /// # Errors
    /// `wrong_cluster` if the program is not there, besides those of every request.
    pub(crate) async fn see(&self, addresses: &[Pubkey]) -> Outcome<Seen> {
        let common = [sysvar::clock::ID, sysvar::rent::ID, PROGRAM_ID];
        let all: Vec<Pubkey> = common.iter().chain(addresses).copied().collect();
        let mut accounts = HashMap::new();
        for page in all.chunks(ADDRESSES_AT_ONCE) {
            let names: Vec<String> = page.iter().map(ToString::to_string).collect();
            let parameters = json!([names,
                { "encoding": "base64", "commitment": self.commitment.name() }]);
            let answer: Response<Vec<Option<Sent>>> =
                self.ask("getMultipleAccounts", parameters).await?;
            if answer.value.len() != page.len() {
                return Err(self.nonsense("getMultipleAccounts"));
            }
            for (address, account) in page.iter().zip(answer.value) {
                if let Some(account) = account {
                    let account = account.decode();
                    let account = account.ok_or_else(|| self.nonsense("getMultipleAccounts"))?;
                    accounts.insert(*address, account);
                }
            }
        }
        let is_there = |account: &Account| account.executable;
        if !accounts.get(&PROGRAM_ID).is_some_and(is_there) {
            return Err(Failure::refused(
                "wrong_cluster",
                format!(
                    "the program {PROGRAM_ID} is not on the cluster of {}",
                    self.shown()
                ),
                "name the cluster that the program is on with --url",
            ));
        }
        let clock: Clock = self.sysvar(&accounts, &sysvar::clock::ID)?;
        Ok(Seen {
            now: clock.unix_timestamp,
            rent: self.sysvar(&accounts, &sysvar::rent::ID)?,
            accounts,
        })
    }

    fn sysvar<T: DeserializeOwned>(
        &self,
        accounts: &HashMap<Pubkey, Account>,
        address: &Pubkey,
    ) -> Outcome<T> {
        let account = accounts.get(address);
        account
            .and_then(|account| bincode::deserialize(&account.data).ok())
            .ok_or_else(|| self.nonsense("getMultipleAccounts"))
    }

    /// The campaign at this address, with clock, rent and these other accounts.
    ///
    /// # Errors
    /// `campaign_not_found`, `wrong_cluster`.
    pub(crate) async fn campaign(
        &self,
        address: &Pubkey,
        others: &[Pubkey],
    ) -> Outcome<(Campaign, Seen)> {
        let mut all = vec![*address];
        all.extend(others);
        let seen = self.see(&all).await?;
        let campaign = seen.read(address).ok_or(ProgramError::CampaignNotFound)?;
        Ok((campaign, seen))
    }

    /// The program's accounts of this type that fulfil all conditions.
    pub(crate) async fn search<T: AccountType>(
        &self,
        conditions: &[At<'_>],
    ) -> Outcome<Vec<(Pubkey, T)>> {
        let mut filters = vec![json!({ "dataSize": T::SIZE })];
        let all = [At(0, &T::DISCRIMINATOR)];
        for At(offset, bytes) in all.iter().chain(conditions) {
            let bytes = BASE64_STANDARD.encode(bytes);
            filters.push(json!({
                "memcmp": { "offset": offset, "bytes": bytes, "encoding": "base64" } }));
        }
        let parameters = json!([PROGRAM_ID.to_string(), {
            "encoding": "base64", "commitment": self.commitment.name(), "filters": filters,
        }]);
        let found: Vec<Found> = self.ask("getProgramAccounts", parameters).await?;
        let read = found.into_iter().map(|found| {
            let account = found.account.decode()?;
            Some((found.pubkey.parse().ok()?, T::decode(&account.data).ok()?))
        });
        read.collect::<Option<_>>()
            .ok_or_else(|| self.nonsense("getProgramAccounts"))
    }

    /// A blockhash, the last block height that takes it, and the slot as of which that is so.
    pub(crate) async fn blockhash(&self) -> Outcome<(Hash, u64, u64)> {
        let parameters = json!([{ "commitment": self.commitment.name() }]);
        let answer: Response<RpcBlockhash> = self.ask("getLatestBlockhash", parameters).await?;
        let hash = answer.value.blockhash.parse();
        let hash = hash.map_err(|_| self.nonsense("getLatestBlockhash"))?;
        let last = answer.value.last_valid_block_height;
        Ok((hash, last, answer.context.slot))
    }

    /// Priority fees of recent blocks for transactions that wrote these accounts, in millionths of a
    /// lamport for each compute unit.
    pub(crate) async fn recent_fees(&self, written: &[Pubkey]) -> Outcome<Vec<u64>> {
        let names = written.iter().take(FEES_AT_ONCE).map(ToString::to_string);
        let parameters = json!([names.collect::<Vec<_>>()]);
        let fees: Vec<RpcPrioritizationFee> =
            self.ask("getRecentPrioritizationFees", parameters).await?;
        Ok(fees.into_iter().map(|fee| fee.prioritization_fee).collect())
    }

    /// Lets the node execute a transaction whose signatures and blockhash do not count.
    pub(crate) async fn simulate(
        &self,
        transaction: &VersionedTransaction,
    ) -> Outcome<RpcSimulateTransactionResult> {
        let parameters = json!([wire(transaction), {
            "encoding": "base64", "commitment": self.commitment.name(),
            "sigVerify": false, "replaceRecentBlockhash": true,
        }]);
        let answer: Response<_> = self.ask("simulateTransaction", parameters).await?;
        Ok(answer.value)
    }

    /// Sends a transaction. Success does not mean that it will be in a block.
    pub(crate) async fn send(&self, transaction: &VersionedTransaction) -> Outcome<()> {
        // It was simulated, and whether it has landed is asked here.
        let options = json!({ "encoding": "base64", "skipPreflight": true, "maxRetries": 0 });
        let parameters = json!([wire(transaction), options]);
        self.once("sendTransaction", &parameters).await?;
        Ok(())
    }

    /// The last final slot and its block height.
    pub(crate) async fn finalized(&self) -> Outcome<(u64, u64)> {
        let parameters = json!([{ "commitment": "finalized" }]);
        let info: EpochInfo = self.ask("getEpochInfo", parameters).await?;
        Ok((info.absolute_slot, info.block_height))
    }

    /// The transaction's status in the node's history; its status cache, if it has no history.
    pub(crate) async fn status(&self, signature: &str) -> Outcome<Known> {
        match self.status_from(signature, true).await {
            Err(failure) if failure.code == HISTORY_MISSING => {
                self.status_from(signature, false).await
            }
            other => other,
        }
    }

    async fn status_from(&self, signature: &str, from_history: bool) -> Outcome<Known> {
        let parameters = json!([[signature], { "searchTransactionHistory": from_history }]);
        let answer: Response<Vec<Option<TransactionStatus>>> =
            self.ask("getSignatureStatuses", parameters).await?;
        let [status] =
            <[_; 1]>::try_from(answer.value).map_err(|_| self.nonsense("getSignatureStatuses"))?;
        Ok(Known {
            slot: answer.context.slot,
            status,
            from_history,
        })
    }

    /// The first slot of the node's history.
    pub(crate) async fn first_slot(&self) -> Outcome<u64> {
        self.ask("getFirstAvailableBlock", json!([])).await
    }

    /// Asks, and asks again a few times if the node refuses.
    async fn ask<T: DeserializeOwned>(&self, method: &str, parameters: Value) -> Outcome<T> {
        let mut attempt = 1;
        loop {
            match self.once(method, &parameters).await {
                Err(Refusal::Later(pause, _)) if attempt < ATTEMPTS => {
                    tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
                    attempt += 1;
                }
                Err(refusal) => return Err(refusal.into()),
                Ok(answer) => {
                    return serde_json::from_value(answer).map_err(|_| self.nonsense(method));
                }
            }
        }
    }

    async fn once(&self, method: &str, parameters: &Value) -> Result<Value, Refusal> {
        let node = self.shown();
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": parameters });
        let answer = self.http.post(self.url.clone()).json(&body).send().await;
        let mut answer = answer.map_err(|error| Refusal::Failed(unreachable(&node, &error)))?;
        let status = answer.status();
        if status == StatusCode::TOO_MANY_REQUESTS {
            let wish = answer.headers().get(RETRY_AFTER);
            let wish = wish.and_then(|wish| wish.to_str().ok()?.parse().ok());
            let pause = Duration::from_secs(wish.unwrap_or(1));
            let said = wish.map_or_else(String::new, |wish| {
                format!(", and asks to come back in {wish} seconds")
            });
            let failure = Failure::unavailable(
                "rate_limited",
                format!("the node {node} refuses because it is asked too often (HTTP 429){said}"),
                "wait and repeat the command, or name another node with --url",
            );
            return Err(Refusal::Later(pause, failure));
        }
        let body = read(&mut answer, ANSWER)
            .await
            .map_err(|error| Refusal::Failed(unreachable(&node, &error)))?
            .ok_or_else(|| Refusal::Failed(self.nonsense(method)))?;
        let parsed = serde_json::from_slice::<Answer>(&body);
        match parsed {
            Ok(Answer {
                error: Some(error), ..
            }) => {
                let said = error["message"].as_str().unwrap_or("no reason");
                let code = match error["code"].as_i64() {
                    Some(NO_HISTORY) => HISTORY_MISSING,
                    _ => "node_error",
                };
                Err(Refusal::Failed(Failure::unavailable(
                    code,
                    format!("the node {node} refuses {method}: {}", plain(said)),
                    "repeat the command, or name another node with --url",
                )))
            }
            Ok(Answer {
                result: Some(result),
                ..
            }) => Ok(result),
            _ if !status.is_success() => Err(Refusal::Failed(Failure::unavailable(
                "node_error",
                format!("the node {node} answers HTTP {status} to {method}"),
                "check the node's URL and its key, or name another node with --url",
            ))),
            _ => Err(Refusal::Failed(self.nonsense(method))),
        }
    }

    pub(crate) fn nonsense(&self, method: &str) -> Failure {
        Failure::unavailable(
            "node_invalid",
            format!(
                "{} does not answer {method} as a Solana node does",
                self.shown()
            ),
            "check the URL, or name another node with --url",
        )
    }
}

/// The body of an answer; `None` if it has more bytes than this.
pub(crate) async fn read(
    answer: &mut reqwest::Response,
    most: usize,
) -> reqwest::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        body.extend_from_slice(&piece);
        if body.len() > most {
            return Ok(None);
        }
    }
    Ok(Some(body))
}

/// Why there is no answer.
enum Refusal {
    /// The node asks to come back after this time.
    Later(Duration, Failure),
    Failed(Failure),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Later(_, failure) | Refusal::Failed(failure) => failure,
        }
    }
}

fn unreachable(node: &str, error: &reqwest::Error) -> Failure {
    let cause = if error.is_timeout() {
        format!("does not answer within {} seconds", TIMEOUT.as_secs())
    } else if error.is_connect() {
        "cannot be reached".to_owned()
    } else {
        "breaks the connection".to_owned()
    };
    Failure::unavailable(
        "node_unreachable",
        format!("the node {node} {cause}"),
        "check the network and --url, then repeat the command",
    )
}

/// A text of a stranger, without what a terminal would obey, and not too long.
pub(crate) fn plain(text: &str) -> String {
    // Characters that change the direction of writing make a text read as another one.
    let moves = |it| matches!(it, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let visible = text.chars().map(|it| {
        if it.is_control() || moves(it) {
            ' '
        } else {
            it
        }
    });
    visible.take(LONGEST_TEXT).collect()
}

/// The transaction in base64.
pub(crate) fn wire(transaction: &VersionedTransaction) -> String {
    BASE64_STANDARD.encode(bincode::serialize(transaction).unwrap_or_default())
}
