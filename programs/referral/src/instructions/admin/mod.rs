//! Instructions of a campaign's authority.

pub mod accept_authority;
pub mod close_campaign;
pub mod create_campaign;
pub mod fund_vault;
pub mod propose_authority;
pub mod reclaim_campaign;
pub mod revoke_voucher;
pub mod set_paused;
pub mod set_suspended;
pub mod update_campaign;
pub mod withdraw_vault;
