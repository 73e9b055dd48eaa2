//! The parts that every command needs: its options, the node, the notes of sent transactions, and the wallet.

use std::path::PathBuf;

use serde_json::{Value, json};
use solana_sdk::signature::{Keypair, Signer as _};
use vouch_client::Pubkey;

use crate::{
    config::{Config, Options},
    error::Outcome,
    journal::Journal,
    node::Node,
    output,
};

/// The surroundings of a command.
pub(crate) struct Context {
    pub(crate) options: Options,
    pub(crate) node: Node,
    pub(crate) journal: Journal,
    config: Config,
}

impl Context {
    pub(crate) fn new(options: Options) -> Outcome<Self> {
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let config = Config::read(&options, home.as_deref())?;
        Ok(Self {
            node: Node::new(&config.url, config.commitment)?,
            journal: Journal::new(&config.state_dir),
            options,
            config,
        })
    }

    /// The wallet that signs. Warns if others can read its file.
    pub(crate) fn key(&self) -> Outcome<Keypair> {
        let (key, warning) = self.config.signer()?;
        if let Some(warning) = warning {
            output::warn(&warning);
        }
        Ok(key)
    }

    /// The wallet that was named, or else the one that signs.
    pub(crate) fn wallet(&self, named: Option<Pubkey>) -> Outcome<Pubkey> {
        named.map_or_else(|| Ok(self.key()?.pubkey()), Ok)
    }
}

/// A warning in a result: a stable code, and words.
pub(crate) fn warning(code: &str, message: impl Into<String>) -> Value {
    json!({ "code": code, "message": message.into() })
}

/// An address, null if it is zero.
pub(crate) fn address(address: &Pubkey) -> Value {
    if *address == Pubkey::default() {
        return Value::Null;
    }
    address.to_string().into()
}
