//! Helpers of the tests in `tests/`: a campaign on a validator, a node whose answers are wrong, a
//! receiver of webhooks, and `vouch-indexer`.

mod api;
pub mod chaos;
pub mod documented;
mod node;
mod receiver;
mod scene;
mod stream;
mod world;

use std::process::Output;

pub use api::{Answer, FaultyApi};
pub use node::{Fate, FaultyNode};
pub use receiver::{Arrival, Reaction, Receiver, key, start_webhooks, webhooks, webhooks_json};
pub use scene::{DEADLINE, REWARD, SOL, Scene, VaultCampaign, fund, send, until, validator};
use solana_client::nonblocking::rpc_client::RpcClient;
use solana_commitment_config::CommitmentConfig;
pub use stream::{FaultyStream, Mess};
use tokio::process::Command;
use vouch_localnet::built_binary;
pub use world::{TOKEN, World, health, start_api, start_api_on, start_api_with, start_indexer};

/// Runs `vouch-indexer verify` against this node.
///
/// # Panics
/// When the command does not start.
pub async fn verify(rpc_url: &str) -> Output {
    Command::new(built_binary("vouch-indexer").expect("the indexer is built"))
        .args(["verify", "--rpc-url", rpc_url])
        .output()
        .await
        .expect("the command starts")
}

/// Runs `vouch-indexer verify` against this node and this API.
///
/// # Panics
/// When the command does not start.
pub async fn verify_api(rpc_url: &str, api_url: &str, slot: Option<u64>) -> Output {
    let mut command = Command::new(built_binary("vouch-indexer").expect("the indexer is built"));
    command.args(["verify", "--rpc-url", rpc_url, "--api", api_url]);
    if let Some(slot) = slot {
        command.args(["--slot", &slot.to_string()]);
    }
    command.output().await.expect("the command starts")
}

/// Runs `vouch-indexer recount` on this database.
///
/// # Panics
/// When the command does not start.
pub async fn recount(database_url: &str, options: &[&str]) -> Output {
    Command::new(built_binary("vouch-indexer").expect("the indexer is built"))
        .args(["recount", "--database-url", database_url])
        .args(options)
        .output()
        .await
        .expect("the command starts")
}

/// Waits until everything confirmed is final, and fails unless the node's history then
/// explains every account of the program.
///
/// # Panics
/// When it does not, or the node does not answer.
pub async fn assert_history_explains_accounts(rpc: &RpcClient) {
    let slot = |commitment| rpc.get_slot_with_commitment(commitment);
    let confirmed = slot(CommitmentConfig::confirmed()).await.expect("a slot");
    until("everything is final", async || {
        slot(CommitmentConfig::finalized()).await.expect("a slot") >= confirmed
    })
    .await;
    let output = verify(&rpc.url()).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
