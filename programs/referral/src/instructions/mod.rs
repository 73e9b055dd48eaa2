//! One file for each instruction, in folders by caller.

mod admin;
mod referrer;
mod settlement;
mod user;

pub use {admin::*, referrer::*, settlement::*, user::*};
