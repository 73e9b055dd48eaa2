//! Helpers of the tests in `tests/`: they send transactions and run `vouch-indexer verify`.

use std::{process::Output, time::Duration};

use solana_client::nonblocking::rpc_client::RpcClient;
use solana_commitment_config::CommitmentConfig;
use solana_sdk::{
    instruction::Instruction,
    signature::{Keypair, Signature, Signer as _},
    transaction::Transaction,
};
use tokio::{
    process::Command,
    time::{Instant, sleep},
};
use vouch_localnet::built_binary;

const DEADLINE: Duration = Duration::from_secs(90);

/// Sends a transaction that `payer` pays, and waits until it is confirmed.
///
/// # Panics
/// When it fails, or the node does not answer.
pub async fn send(
    rpc: &RpcClient,
    payer: &Keypair,
    instructions: &[Instruction],
    signers: &[&Keypair],
) -> Signature {
    let mut all = vec![payer];
    all.extend(signers);
    let blockhash = rpc.get_latest_blockhash().await.expect("a blockhash");
    let payer = payer.pubkey();
    let transaction =
        Transaction::new_signed_with_payer(instructions, Some(&payer), &all, blockhash);
    rpc.send_and_confirm_transaction(&transaction)
        .await
        .expect("a confirmed transaction")
}

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

/// Waits until everything confirmed is final, and fails unless the node's history then
/// explains every account of the program.
///
/// # Panics
/// When it does not, or the node does not answer.
pub async fn assert_history_explains_accounts(rpc: &RpcClient) {
    let slot = |commitment| rpc.get_slot_with_commitment(commitment);
    let confirmed = slot(CommitmentConfig::confirmed()).await.expect("a slot");
    let deadline = Instant::now() + DEADLINE;
    while slot(CommitmentConfig::finalized()).await.expect("a slot") < confirmed {
        assert!(Instant::now() < deadline, "slot {confirmed} is not final");
        sleep(Duration::from_millis(100)).await;
    }
    let output = verify(&rpc.url()).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
