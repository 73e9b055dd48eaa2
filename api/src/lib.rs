//! The HTTP API of Vouch: share links with durable clicks, statistics, and unsigned
//! transactions.
//!
//! The API holds no keys of the chain, except that of a sponsor of fees, if it is given one. It writes only
//! clicks, profiles, sessions, API keys and what the sponsor signs; the
//! indexer writes the mirror that it reads.

mod app;
mod attestor;
mod auth;
mod body;
mod chain;
mod clicks;
mod cluster;
mod conditional;
mod config;
mod connections;
mod cursor;
mod database;
mod envelope;
mod error;
mod extract;
mod groups;
mod limits;
mod links;
mod live;
mod pages;
mod recount;
mod rights;
mod routes;
mod schemas;
mod serve;
mod sponsor;
mod state;
mod text;
mod types;
mod web;

pub use app::openapi;
pub use cluster::Cluster;
pub use config::Config;
pub use recount::{RecountConfig, recount};
pub use serve::serve;
pub use sponsor::config::SponsorConfig;
