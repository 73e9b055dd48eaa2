//! Starts the real parts of Vouch on this machine: Postgres, a Solana
//! validator and the services, alone or as a [`Stack`].
//!
//! Every part lives in an [`Instance`] folder, listens on loopback or on a Unix socket,
//! and is stopped in order. It dies with the process that started it, however that
//! process ends.

mod binaries;
mod cargo;
mod events;
mod instance;
mod node;
mod paths;
mod ports;
mod postgres;
mod process;
mod python;
mod queries;
mod service;
mod sign_in;
mod stack;
mod validator;

pub use binaries::find_on_path;
pub use cargo::{cargo, finish};
pub use events::{Event, Events};
pub use instance::{Instance, lock};
pub use node::{NODE_VERSION, cached_node_root, has_node, npm, npm_in, typescript_client, web};
pub use paths::{built_binary, cache_dir, program_binary, state_dir, workspace_root};
pub use ports::{PortBlock, ensure_free};
pub use postgres::{Database, FORGET_MIRROR, Postgres};
pub use process::{Process, ProcessSpec, Signal, signal};
pub use python::{cached_schemathesis_root, schemathesis, schemathesis_folder};
pub use queries::prepare_queries;
pub use service::{Service, ServiceSpec};
pub use sign_in::sign_in;
pub use stack::{Stack, StackOptions};
pub use validator::{
    GrpcOptions, PLUGIN, VALIDATOR_VERSION, Validator, ValidatorOptions, cached_plugin_root,
    cached_validator_root, validator_binary, validator_compiler, validator_patch,
};
