//! Instructions of a campaign's authority.

pub mod create_campaign;
pub mod set_paused;
