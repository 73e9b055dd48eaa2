//! The HTTP API of Vouch: share links with durable clicks, statistics, and unsigned
//! transactions.
//!
//! The API holds no keys. It writes only clicks and campaign profiles; the indexer writes
//! the mirror that it reads.

mod app;
mod chain;
mod clicks;
mod config;
mod cursor;
mod database;
mod envelope;
mod error;
mod extract;
mod links;
mod routes;
mod serve;
mod state;
mod types;
mod web;

pub use app::openapi;
pub use config::Config;
pub use serve::serve;
pub use web::Chain;
