//! Events, for whoever watches logs. Logs can be truncated by anyone, so nothing
//! of this product reads them: every fact is in an account.

use anchor_lang::prelude::*;

/// A campaign was opened.
#[event]
pub struct CampaignCreated {
    /// The campaign.
    pub campaign: Address,
    /// Who opened it.
    pub creator: Address,
    /// Token of the rewards.
    pub mint: Address,
    /// Base units for each conversion.
    pub reward: u64,
}

/// A campaign was paused or resumed.
#[event]
pub struct CampaignPauseChanged {
    /// The campaign.
    pub campaign: Address,
    /// Whether it was paused before.
    pub old: u8,
    /// Whether it is paused now.
    pub new: u8,
}

/// A code was registered.
#[event]
pub struct ReferralCreated {
    /// The referral.
    pub referral: Address,
    /// Its campaign.
    pub campaign: Address,
    /// Who earns its rewards.
    pub owner: Address,
    /// The code, filled up with zeros.
    pub code: [u8; 12],
}

/// A wallet was converted, and its reward paid.
#[event(bytemuck)]
pub struct ReferralConverted {
    /// The conversion.
    pub conversion: Address,
    /// The referral that is credited.
    pub referral: Address,
    /// The wallet that was referred.
    pub referee: Address,
    /// Base units paid to the referrer.
    pub reward: u64,
}
