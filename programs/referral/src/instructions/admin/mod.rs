//! Instructions of a campaign's authority.

mod accept_authority;
mod close_campaign;
mod create_campaign;
mod fund_vault;
mod propose_authority;
mod reclaim_campaign;
mod revoke_voucher;
mod set_paused;
mod set_suspended;
mod update_campaign;
mod withdraw_vault;

pub use {
    accept_authority::*, close_campaign::*, create_campaign::*, fund_vault::*,
    propose_authority::*, reclaim_campaign::*, revoke_voucher::*, set_paused::*, set_suspended::*,
    update_campaign::*, withdraw_vault::*,
};
