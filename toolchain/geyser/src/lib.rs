//! A Geyser plugin for the test validator: it serves the part of Yellowstone gRPC that an indexer needs, at the
//! commitment `confirmed`, from the official protocol. The plugin of the providers is not on crates.io.

mod blocks;
mod convert;
mod server;

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use agave_geyser_plugin_interface::geyser_plugin_interface::{
    GeyserPlugin, GeyserPluginError, ReplicaBlockInfoVersions, ReplicaTransactionInfoVersions,
    Result, SlotStatus,
};
use serde::Deserialize;
use tokio::runtime::{Builder, Runtime};

use crate::blocks::Blocks;

/// The settings, in the file that the validator gets.
#[derive(Deserialize)]
struct Config {
    listen: SocketAddr,
    /// What clients have to send as `x-token`; without it, all are served.
    #[serde(default)]
    x_token: Option<String>,
    /// Blocks that can be replayed.
    #[serde(default = "most_blocks")]
    most_blocks: usize,
}

fn most_blocks() -> usize {
    1_000
}

#[derive(Debug, Default)]
struct Plugin {
    blocks: Arc<Blocks>,
    runtime: Option<Runtime>,
}

impl GeyserPlugin for Plugin {
    fn name(&self) -> &'static str {
        "vouch-geyser"
    }

    fn on_load(&mut self, config_file: &str, _is_reload: bool) -> Result<()> {
        let text = fs::read_to_string(config_file)?;
        let config: Config = serde_json::from_str(&text).map_err(custom)?;
        let listener = TcpListener::bind(config.listen)?;
        listener.set_nonblocking(true)?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        self.blocks.keep(config.most_blocks);
        runtime.spawn(server::serve(
            listener,
            config.x_token,
            Arc::clone(&self.blocks),
        ));
        self.runtime = Some(runtime);
        Ok(())
    }

    fn on_unload(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    fn account_data_notifications_enabled(&self) -> bool {
        false
    }

    fn transaction_notifications_enabled(&self) -> bool {
        true
    }

    fn notify_transaction(
        &self,
        transaction: ReplicaTransactionInfoVersions<'_>,
        slot: u64,
    ) -> Result<()> {
        match transaction {
            ReplicaTransactionInfoVersions::V0_0_3(found) => {
                self.blocks.transaction(slot, convert::transaction(found)?);
                Ok(())
            }
            _ => Err(custom("transactions of an old version")),
        }
    }

    fn notify_block_metadata(&self, block: ReplicaBlockInfoVersions<'_>) -> Result<()> {
        match block {
            ReplicaBlockInfoVersions::V0_0_4(found) => {
                self.blocks.meta(convert::meta(found));
                Ok(())
            }
            _ => Err(custom("blocks of an old version")),
        }
    }

    fn update_slot_status(
        &self,
        slot: u64,
        _parent: Option<u64>,
        status: &SlotStatus,
    ) -> Result<()> {
        if *status == SlotStatus::Confirmed {
            self.blocks.confirmed(slot);
        }
        Ok(())
    }
}

fn custom(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> GeyserPluginError {
    GeyserPluginError::Custom(error.into())
}

/// What the validator calls after it has loaded the library.
#[unsafe(no_mangle)]
#[expect(unsafe_code, reason = "the validator looks for this name")]
#[expect(
    improper_ctypes_definitions,
    reason = "the interface of the validator: both sides are built by one compiler"
)]
pub extern "C" fn _create_plugin() -> *mut dyn GeyserPlugin {
    Box::into_raw(Box::new(Plugin::default()))
}
