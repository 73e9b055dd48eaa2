//! The mirrored accounts, as rows.
//!
//! Addresses are base58, amounts base units, times unix seconds; `None` stands for
//! what the chain writes as zero to mean "none".

/// One decoded account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// A campaign.
    Campaign(Box<Campaign>),
    /// A referral.
    Referral(Box<Referral>),
    /// A conversion.
    Conversion(Box<Conversion>),
    /// A first touch.
    Referee(Box<Referee>),
    /// What is left of a campaign or a referral that ended.
    Closed,
}

/// A campaign. The fields are those of the table `campaigns`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the IDL documents each field")]
pub struct Campaign {
    pub creator: String,
    pub campaign_id: u64,
    pub authority: String,
    pub pending_authority: Option<String>,
    pub mint: String,
    pub mint_decimals: u8,
    pub token_program: String,
    pub vault: Option<String>,
    pub attestor: Option<String>,
    pub treasury: Option<String>,
    pub payment_mint: Option<String>,
    pub funding: &'static str,
    pub proof: &'static str,
    pub uniqueness: &'static str,
    pub reward_kind: &'static str,
    pub paused: bool,
    pub closed: bool,
    pub attested_codes: bool,
    pub reward_fixed: u64,
    pub reward_bps: u16,
    pub referee_share_bps: u16,
    pub max_partner_share_bps: u16,
    pub reward_max: Option<u64>,
    pub min_amount: u64,
    pub hold_seconds: u32,
    pub attribution_window: u32,
    pub starts_at: Option<i64>,
    pub ends_at: Option<i64>,
    pub budget: Option<u64>,
    pub committed: u64,
    pub created_at: i64,
    pub closed_at: Option<i64>,
    pub owed: u64,
    pub longest_hold: u32,
}

/// A referral. The fields are those of the table `referrals`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the IDL documents each field")]
pub struct Referral {
    pub campaign: String,
    pub code: String,
    pub owner: String,
    pub pending_owner: Option<String>,
    pub partner: Option<String>,
    pub partner_share_bps: u16,
    pub active: bool,
    pub suspended: bool,
    pub usage_limit: Option<u64>,
    pub conversions: u64,
    pub expires_at: Option<i64>,
    pub created_at: i64,
    pub rewards_total: u64,
    pub rewards_pending: u64,
    pub reward_account: String,
    pub partner_pending: u64,
    pub open_conversions: u64,
}

/// A conversion. Its campaign, code and referrer are added from its referral.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the IDL documents each field")]
pub struct Conversion {
    pub referral: String,
    pub referee: String,
    pub action: &'static str,
    pub status: Status,
    pub settled: u8,
    pub amount: u64,
    pub reference: Option<[u8; 32]>,
    pub reward_referrer: u64,
    pub reward_referee: u64,
    pub reward_partner: u64,
    pub converted_at: i64,
    pub hold_seconds: u32,
    pub bonuses: u8,
}

/// A first touch. The fields are those of the table `referees`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the IDL documents each field")]
pub struct Referee {
    pub campaign: String,
    pub wallet: String,
    pub referral: String,
    pub bound_at: i64,
    pub expires_at: i64,
}

/// How far a conversion's reward has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Owed.
    Pending,
    /// Paid.
    Paid,
    /// Cancelled within the hold.
    Cancelled,
}

impl Status {
    /// As it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::Cancelled => "cancelled",
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, crate::Error> {
        match text {
            "pending" => Ok(Self::Pending),
            "paid" => Ok(Self::Paid),
            "cancelled" => Ok(Self::Cancelled),
            _ => Err(crate::Error::Corrupt("an unknown status")),
        }
    }
}
