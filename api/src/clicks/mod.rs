//! Clicks: durable before the redirect answers.
//!
//! [`recorder`] commits clicks in groups, [`spool`] keeps them while Postgres is down,
//! [`visitor`] turns network addresses into daily pseudonyms and [`verdict`] labels
//! clicks of machines, by the list in [`machines`]. [`crowd`] finds floods and
//! repetitions, [`device`] and [`country`] describe where a click comes from,
//! [`referrer`] the page with the link. [`upkeep`] makes and deletes their days, [`count`] counts them by time.

pub(crate) mod count;
pub(crate) mod country;
pub(crate) mod crowd;
pub(crate) mod device;
pub(crate) mod machines;
pub(crate) mod recorder;
pub(crate) mod referrer;
pub(crate) mod spool;
pub(crate) mod upkeep;
pub(crate) mod verdict;
pub(crate) mod visitor;
