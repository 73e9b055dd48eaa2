//! Instructions of a code's owner.

pub mod create_referral;
