//! Clicks: durable before the redirect answers.
//!
//! [`recorder`] commits them in groups, [`spool`] keeps them while Postgres is
//! away, [`visitor`] turns network addresses into daily pseudonyms and
//! [`verdict`] labels what is not a person.

pub(crate) mod recorder;
pub(crate) mod spool;
pub(crate) mod verdict;
pub(crate) mod visitor;
