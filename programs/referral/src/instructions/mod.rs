//! One instruction, one file, in folders by who calls it.

pub mod admin;
pub mod referrer;
pub mod user;

pub use admin::{create_campaign::*, set_paused::*};
pub use referrer::create_referral::*;
pub use user::convert::*;
