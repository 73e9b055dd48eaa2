//! The real `solana-test-validator`, with the program loaded.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};
use solana_client::nonblocking::rpc_client::RpcClient;
use solana_commitment_config::CommitmentConfig;

use crate::binaries::{find_on_path, is_executable};
use crate::paths::{cache_dir, workspace_root};
use crate::ports::{PortBlock, ensure_free};
use crate::process::{POLL, Process, ProcessSpec};

/// The version of the crate `agave-validator` to build when PATH has no validator.
pub const VALIDATOR_VERSION: &str = "4.1.2";
/// The patch of the validator; docs/decisions/idle-validator.md says why.
const VALIDATOR_PATCH: &str = include_str!("../../../toolchain/validator/idle.patch");
/// The source files of the Geyser plugin.
const PLUGIN_SOURCES: [&str; 8] = [
    include_str!("../../../toolchain/geyser/Cargo.toml"),
    include_str!("../../../toolchain/geyser/Cargo.lock"),
    include_str!("../../../toolchain/geyser/src/lib.rs"),
    include_str!("../../../toolchain/geyser/src/blocks.rs"),
    include_str!("../../../toolchain/geyser/src/convert.rs"),
    include_str!("../../../toolchain/geyser/src/server.rs"),
    include_str!("../../../toolchain/geyser/status/Cargo.toml"),
    include_str!("../../../toolchain/geyser/status/src/lib.rs"),
];
/// The file name of the built Geyser plugin.
pub const PLUGIN: &str = if cfg!(target_os = "macos") {
    "libvouch_geyser.dylib"
} else {
    "libvouch_geyser.so"
};
/// Time for the genesis and the first slots on a busy machine.
const START_DEADLINE: Duration = Duration::from_secs(120);
/// Data shreds that the ledger keeps. A slot has 50 to 60 of them, also without a transaction, so this is the
/// history of about two hours, in 2.5 GB. A mirror that is made later than that lacks its beginning.
const LEDGER_SHREDS: &str = "1000000";

/// Offsets of the validator's ports within its block.
const FAUCET: u16 = 2;
const GOSSIP: u16 = 3;
const DYNAMIC: u16 = 4;
const GRPC: u16 = PortBlock::LEN - 2;
/// The last port of the block is free for a service.
const SPARE: u16 = PortBlock::LEN - 1;

/// Options for starting a validator.
#[derive(Clone, Debug, Default)]
pub struct ValidatorOptions {
    /// The port of the JSON RPC; the WebSocket has the next one. `None`: free ones.
    pub rpc_port: Option<u16>,
    /// The built program to load at its address; `None` for none.
    pub program: Option<PathBuf>,
    /// Ticks of 6.25 ms in a slot. `None`: 64, as on a public cluster, which is 0.4 seconds. With
    /// fewer, everything is final sooner.
    pub ticks_per_slot: Option<u16>,
    /// Serves Yellowstone gRPC, by our own plugin. Only the validator that `./dev` builds can load it.
    pub grpc: Option<GrpcOptions>,
}

/// How a validator serves Yellowstone gRPC.
#[derive(Clone, Debug)]
pub struct GrpcOptions {
    /// The `x-token` that clients have to send; `None` if they need none.
    pub token: Option<String>,
    /// Blocks that can be replayed.
    pub blocks: u16,
}

/// A running validator; dropping it stops it.
#[derive(Debug)]
pub struct Validator {
    process: Option<Process>,
    spec: ProcessSpec,
    rpc_port: u16,
    ports: PortBlock,
}

impl Validator {
    /// Starts a validator on an empty ledger in the folder `ledger` of `dir`, on
    /// loopback, and waits until it has processed a slot.
    ///
    /// The faucet listens on all addresses, because the validator has no setting for it.
    ///
    /// # Errors
    /// When a port is taken, the program is not built, or the validator ends or does not
    /// answer.
    pub async fn start(dir: &Path, options: &ValidatorOptions) -> Result<Self> {
        let binary = match options.grpc {
            None => validator_binary()?,
            // The compiler that built the plugin has to have built the validator.
            Some(_) => built_validator()?,
        };
        let ports = PortBlock::take()?;
        let rpc_port = options.rpc_port.unwrap_or(ports.first);
        ensure_ports_free(rpc_port)?;

        let mut spec = ProcessSpec::new("solana-test-validator", binary)
            .args(["--ledger".as_ref(), dir.join("ledger").as_os_str()])
            .args(["--reset", "--quiet", "--limit-ledger-size", LEDGER_SHREDS])
            .args(["--bind-address", "127.0.0.1"])
            .args(["--rpc-port", &rpc_port.to_string()])
            .args(["--faucet-port", &(ports.first + FAUCET).to_string()])
            .args(["--gossip-port", &(ports.first + GOSSIP).to_string()])
            .args([
                "--dynamic-port-range",
                &format!("{}-{}", ports.first + DYNAMIC, ports.first + GRPC - 1),
            ]);
        if let Some(grpc) = &options.grpc {
            let config = geyser_config(dir, ports.first + GRPC, grpc)?;
            spec = spec.args(["--geyser-plugin-config".as_ref(), config.as_os_str()]);
        }
        if let Some(ticks) = options.ticks_per_slot {
            spec = spec.args(["--ticks-per-slot", &ticks.to_string()]);
        }
        if let Some(program) = &options.program {
            ensure!(
                program.is_file(),
                "{} was not built: run ./dev build-program",
                program.display()
            );
            spec = spec
                .args(["--bpf-program", &vouch_client::PROGRAM_ID.to_string()])
                .args([program]);
        }
        spec.log = Some(dir.join("validator.log"));
        // With this variable, the validator would send metrics to a remote server.
        spec.env_remove = vec!["SOLANA_METRICS_CONFIG".into()];

        let mut validator = Self {
            process: None,
            spec,
            rpc_port,
            ports,
        };
        validator.run().await?;
        Ok(validator)
    }

    /// Starts it again on the same ports and an empty ledger, after [`Self::kill`].
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn restart_empty(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "the validator runs already");
        self.run().await
    }

    /// Starts it again on the same ports and the same ledger, after [`Self::kill`].
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn resume(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "the validator runs already");
        let all = self.spec.args.clone();
        self.spec.args.retain(|arg| arg != "--reset");
        let outcome = self.run().await;
        self.spec.args = all;
        outcome
    }

    async fn run(&mut self) -> Result<()> {
        let mut process = self.spec.clone().spawn()?;
        let rpc = RpcClient::new_with_commitment(self.rpc_url(), CommitmentConfig::processed());
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            process.ensure_running()?;
            let answer = match rpc.get_health().await {
                Ok(()) => match rpc.get_slot().await {
                    Ok(0) => "no slot was processed yet".to_owned(),
                    Ok(_) => {
                        self.process = Some(process);
                        return Ok(());
                    }
                    Err(error) => error.to_string(),
                },
                Err(error) => error.to_string(),
            };
            if Instant::now() > deadline {
                bail!(
                    "the validator does not come up: {answer}{}",
                    process.log_tail()
                );
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// The URL of its JSON RPC.
    pub fn rpc_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.rpc_port)
    }

    /// The URL of its WebSocket.
    pub fn ws_url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.rpc_port + 1)
    }

    /// The URL at which it serves Yellowstone gRPC, if it does.
    pub fn grpc_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.first + GRPC)
    }

    /// A port that stays free while the validator exists, for a service that must know
    /// its port before it binds.
    pub fn spare_port(&self) -> u16 {
        self.ports.first + SPARE
    }

    /// Its process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Fails, with the end of the log, when the validator is no longer running.
    ///
    /// # Errors
    /// When the validator has ended.
    pub fn ensure_running(&mut self) -> Result<()> {
        self.process
            .as_mut()
            .context("the validator was stopped")?
            .ensure_running()
    }

    /// Kills the validator at once, as a crash would.
    ///
    /// # Errors
    /// When the validator was not running.
    pub async fn kill(&mut self) -> Result<()> {
        let process = self.process.take().context("the validator was stopped")?;
        process.kill().await
    }

    /// Stops the validator.
    ///
    /// # Errors
    /// When the validator had ended before or had to be killed.
    pub async fn stop(&mut self) -> Result<()> {
        match self.process.take() {
            // SIGTERM kills the validator, so it has no exit status to check.
            Some(process) => process.stop().await.map(drop),
            None => Ok(()),
        }
    }
}

/// Fails when the RPC port or the WebSocket port, the next one, is in use.
pub(crate) fn ensure_ports_free(rpc_port: u16) -> Result<()> {
    let websocket_port = rpc_port
        .checked_add(1)
        .context("the RPC port must be below 65535: the WebSocket has the next one")?;
    ensure_free(rpc_port, "validator's RPC", "--rpc-port")?;
    ensure_free(
        websocket_port,
        "validator's WebSocket (RPC port + 1)",
        "--rpc-port",
    )
}

/// The validator on PATH, else the one that `./dev` built into the cache.
///
/// # Errors
/// When neither exists.
pub fn validator_binary() -> Result<PathBuf> {
    if let Some(installed) = find_on_path("solana-test-validator") {
        return Ok(installed);
    }
    built_validator().context("no solana-test-validator is on PATH")
}

/// The validator that `./dev` built into the cache.
fn built_validator() -> Result<PathBuf> {
    let built = cached_validator_root()?.join("bin/solana-test-validator");
    ensure!(
        is_executable(&built),
        "no solana-test-validator at {}: run ./dev validator, which builds it once",
        built.display()
    );
    Ok(built)
}

/// Writes the settings of the plugin. Returns the file.
fn geyser_config(dir: &Path, port: u16, options: &GrpcOptions) -> Result<PathBuf> {
    let library = cached_plugin_root()?.join(PLUGIN);
    ensure!(
        library.is_file(),
        "no Geyser plugin at {}: run ./dev validator, which builds it once",
        library.display()
    );
    let file = dir.join("geyser.json");
    let config = serde_json::json!({
        "libpath": library,
        "listen": format!("127.0.0.1:{port}"),
        "x_token": options.token,
        "most_blocks": options.blocks,
    });
    fs::write(&file, config.to_string())?;
    Ok(file)
}

/// The compiler that built the validator in the cache, as `rustc -vV` describes itself. `cargo install` notes it.
///
/// # Errors
/// When the validator is not in the cache, or the note cannot be read.
pub fn validator_compiler() -> Result<String> {
    built_validator()?;
    let notes = cached_validator_root()?.join(".crates2.json");
    let text = fs::read_to_string(&notes);
    let text = text.with_context(|| format!("cannot read {}", notes.display()))?;
    compiler_of(&text).with_context(|| format!("{} names no compiler", notes.display()))
}

fn compiler_of(notes: &str) -> Option<String> {
    let notes: serde_json::Value = serde_json::from_str(notes).ok()?;
    let install = notes["installs"].as_object()?.values().next()?;
    install["rustc"].as_str().map(str::to_owned)
}

/// The folder of the built Geyser plugin. Its name holds the validator's, and the first eight digits of the
/// hash of the plugin's sources and of the compiler that built the validator.
///
/// # Errors
/// See [`validator_compiler`] and [`cache_dir`].
pub fn cached_plugin_root() -> Result<PathBuf> {
    plugin_root(&validator_compiler()?)
}

fn plugin_root(compiler: &str) -> Result<PathBuf> {
    let mut hash = Sha256::new();
    for source in PLUGIN_SOURCES.into_iter().chain([compiler]) {
        hash.update(source);
        hash.update([0]);
    }
    let hash = hash.finalize();
    let sources: String = hash[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    let validator = cached_validator_root()?;
    let mut name = validator.into_os_string();
    name.push(format!("-geyser-{sources}"));
    Ok(name.into())
}

/// The `--root` of `cargo install` for the validator. Its name holds the version and the
/// first eight digits of the patch's hash, so another patch is another build.
///
/// # Errors
/// See [`cache_dir`].
pub fn cached_validator_root() -> Result<PathBuf> {
    let hash = Sha256::digest(VALIDATOR_PATCH);
    let patch: String = hash[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    let name = format!("solana-test-validator-{VALIDATOR_VERSION}-patched-{patch}");
    Ok(cache_dir()?.join(name))
}

/// The patch of the crate `solana-core`, as a file.
pub fn validator_patch() -> PathBuf {
    workspace_root().join("toolchain/validator/idle.patch")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_of_another_compiler_is_another_plugin() {
        let notes =
            r#"{"installs":{"agave-validator 4.1.2 (path+file:///x)":{"rustc":"rustc 1.95.0\n"}}}"#;
        assert_eq!(compiler_of(notes).as_deref(), Some("rustc 1.95.0\n"));
        assert_eq!(compiler_of(r#"{"installs":{}}"#), None);
        assert_eq!(compiler_of("no notes"), None);
        let of = |compiler| plugin_root(compiler).expect("a folder");
        assert_eq!(of("rustc 1.95.0\n"), of("rustc 1.95.0\n"));
        assert_ne!(of("rustc 1.95.0\n"), of("rustc 1.96.0\n"));
    }
}
