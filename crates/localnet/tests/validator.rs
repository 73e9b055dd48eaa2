//! The real validator.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use solana_client::nonblocking::rpc_client::RpcClient;
use solana_commitment_config::CommitmentConfig;
use vouch_localnet::{Instance, Validator, ValidatorOptions};

fn runs(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[tokio::test]
async fn it_keeps_its_ledger_over_a_crash_and_leaves_nothing_behind() -> Result<()> {
    // Given a validator
    let instance = Instance::create("test")?;
    let mut validator = Validator::start(instance.dir(), &ValidatorOptions::default()).await?;
    let pid = validator.pid().context("it runs")?;
    let rpc = RpcClient::new_with_commitment(validator.rpc_url(), CommitmentConfig::finalized());
    let genesis = rpc.get_genesis_hash().await?;
    // And a first root. A validator that is killed in its very first slots has a
    // half-written slot and no root to start from, and may produce no more slots.
    while rpc.get_slot().await? == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    // When it is killed and started again on the same ledger
    validator.kill().await?;
    assert!(!runs(pid));
    let error = rpc.get_slot().await.expect_err("nothing listens");
    assert!(
        error.to_string().contains("error sending request"),
        "{error}"
    );
    validator.resume().await?;

    // Then it is the same chain, at the same address
    assert_eq!(rpc.get_genesis_hash().await?, genesis);

    // And with an empty ledger it is another chain
    validator.stop().await?;
    validator.restart_empty().await?;
    assert_ne!(rpc.get_genesis_hash().await?, genesis);

    // And when it stops, neither process nor folder is left
    let pid = validator.pid().context("it runs")?;
    let dir = instance.dir().to_owned();
    validator.stop().await?;
    drop(instance);
    assert!(!runs(pid));
    assert!(!dir.exists());
    Ok(())
}

#[tokio::test]
async fn a_taken_port_is_named_before_anything_starts() -> Result<()> {
    // Given a port that another program uses
    let instance = Instance::create("test")?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.port();

    // When a validator is started on it
    let options = ValidatorOptions {
        rpc_port: Some(port),
        ..ValidatorOptions::default()
    };
    let error = Validator::start(instance.dir(), &options)
        .await
        .expect_err("the port is taken");

    // Then the error names the port and the flag, and no ledger was made
    assert_eq!(
        error.to_string(),
        format!(
            "port {port} for the validator's RPC is taken by another program: \
             choose another with --rpc-port"
        )
    );
    assert!(!instance.dir().join("ledger").exists());
    Ok(())
}
