//! One file for each instruction, in folders by caller.

pub mod admin;
pub mod referrer;
pub mod settlement;
pub mod user;

pub use admin::{
    accept_authority::*, close_campaign::*, create_campaign::*, fund_vault::*,
    propose_authority::*, reclaim_campaign::*, revoke_voucher::*, set_paused::*, set_suspended::*,
    update_campaign::*, withdraw_vault::*,
};
pub use referrer::{
    accept_owner::*, close_referral::*, create_referral::*, end_partnership::*, propose_owner::*,
    register_referrer::*, set_partner::*, update_referral::*,
};
pub use settlement::{
    cancel_conversion::*, claim::*, reclaim_binding::*, reclaim_conversion::*, reclaim_referral::*,
    reclaim_referrer::*, reclaim_voucher::*,
};
pub use user::{bind::*, convert::*, purchase::*};
