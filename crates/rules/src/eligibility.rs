//! Whether a code may earn now.
//!
//! These functions take plain values, not accounts, so that the program, the client's
//! pre-flight and the API can call the same ones.

/// The reason why a conversion earns nothing now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The campaign is closed for good.
    CampaignClosed,
    /// The campaign is paused.
    CampaignPaused,
    /// The campaign has not started.
    CampaignNotStarted,
    /// The campaign has ended.
    CampaignEnded,
    /// The code's owner has switched it off, or its campaign has suspended it.
    Inactive,
    /// The code has expired.
    Expired,
    /// The code has as many conversions as it may have.
    UsageLimitReached,
}

/// The state of a campaign that decides whether conversions count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CampaignState {
    /// Closed for good.
    pub closed: bool,
    /// Paused by its authority.
    pub paused: bool,
    /// Unix seconds from which conversions count; 0 for at once.
    pub starts_at: i64,
    /// Unix seconds from which they no longer count; 0 for never.
    pub ends_at: i64,
}

impl CampaignState {
    /// Checks that conversions count at `now`, in unix seconds.
    ///
    /// # Errors
    /// The first reason that applies, in this order: closed, paused, not started, ended.
    #[inline]
    pub const fn check(&self, now: i64) -> Result<(), Refusal> {
        if self.closed {
            return Err(Refusal::CampaignClosed);
        }
        if self.paused {
            return Err(Refusal::CampaignPaused);
        }
        if now < self.starts_at {
            return Err(Refusal::CampaignNotStarted);
        }
        if self.ends_at != 0 && now >= self.ends_at {
            return Err(Refusal::CampaignEnded);
        }
        Ok(())
    }
}

/// The state of a code that decides whether it may be credited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeState {
    /// Switched on by its owner.
    pub active: bool,
    /// Suspended by its campaign.
    pub suspended: bool,
    /// Unix seconds from which the code no longer earns; 0 for never.
    pub expires_at: i64,
    /// Most conversions that the code may have; 0 for no limit.
    pub usage_limit: u64,
    /// Conversions that the code has.
    pub conversions: u64,
}

impl CodeState {
    /// Checks that the code may be credited with one more conversion at `now`, in unix
    /// seconds.
    ///
    /// # Errors
    /// The first reason that applies, in this order: inactive, expired, used up.
    #[inline]
    pub const fn check(&self, now: i64) -> Result<(), Refusal> {
        if !self.active || self.suspended {
            return Err(Refusal::Inactive);
        }
        if self.expires_at != 0 && now >= self.expires_at {
            return Err(Refusal::Expired);
        }
        if self.usage_limit != 0 && self.conversions >= self.usage_limit {
            return Err(Refusal::UsageLimitReached);
        }
        Ok(())
    }
}
