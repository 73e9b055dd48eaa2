//! One module per resource. A handler is: typed parameters, authorisation, one
//! query, typed answer.

pub(crate) mod actions;
pub(crate) mod analytics;
pub(crate) mod attestations;
pub(crate) mod auth;
pub(crate) mod badges;
pub(crate) mod campaigns;
pub(crate) mod clicks;
pub(crate) mod codes;
pub(crate) mod conversions;
pub(crate) mod coverage;
pub(crate) mod delegates;
pub(crate) mod digest;
pub(crate) mod health;
pub(crate) mod keys;
pub(crate) mod leaderboard;
pub(crate) mod live;
pub(crate) mod me;
pub(crate) mod names;
pub(crate) mod profiles;
pub(crate) mod qr;
pub(crate) mod ranks;
pub(crate) mod redirect;
pub(crate) mod totals;
pub(crate) mod transactions;
pub(crate) mod why;
