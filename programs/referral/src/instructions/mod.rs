//! One instruction, one file, in folders by who calls it.

pub mod admin;
pub mod referrer;
pub mod settlement;
pub mod user;

pub use admin::{
    accept_authority::*, close_campaign::*, create_campaign::*, fund_vault::*,
    propose_authority::*, reclaim_campaign::*, set_paused::*, set_suspended::*, update_campaign::*,
    withdraw_vault::*,
};
pub use referrer::{
    accept_owner::*, check_expiry, close_referral::*, create_referral::*, propose_owner::*,
    remove_partner::*, reward_account, set_partner::*, update_referral::*,
};
pub use settlement::{
    cancel_conversion::*, claim::*, reclaim_conversion::*, reclaim_referee::*, reclaim_referral::*,
};
pub use user::{bind::*, convert::*, purchase::*};
