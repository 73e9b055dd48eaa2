//! The program's accounts.
//!
//! Written by `./dev generate` from `idl/referral.json`.

use borsh::{BorshDeserialize, BorshSerialize};
use solana_sdk::pubkey::Pubkey;

use crate::accounts::{
    AccountType, Action, Bonus, DecodeError, Funding, Proof, RewardKind, Status, Tier, Uniqueness,
};
/// Any account of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// A [`Campaign`].
    Campaign(Box<Campaign>),
    /// A [`Closed`].
    Closed(Box<Closed>),
    /// A [`Conversion`].
    Conversion(Box<Conversion>),
    /// A [`Referee`].
    Referee(Box<Referee>),
    /// A [`Referral`].
    Referral(Box<Referral>),
}

impl Account {
    /// Reads any account of the program.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are none of these types.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let head = data.first_chunk::<8>().copied().unwrap_or_default();
        match head {
            Campaign::DISCRIMINATOR => {
                Campaign::decode(data).map(|account| Self::Campaign(Box::new(account)))
            }
            Closed::DISCRIMINATOR => {
                Closed::decode(data).map(|account| Self::Closed(Box::new(account)))
            }
            Conversion::DISCRIMINATOR => {
                Conversion::decode(data).map(|account| Self::Conversion(Box::new(account)))
            }
            Referee::DISCRIMINATOR => {
                Referee::decode(data).map(|account| Self::Referee(Box::new(account)))
            }
            Referral::DISCRIMINATOR => {
                Referral::decode(data).map(|account| Self::Referral(Box::new(account)))
            }
            _ => Err(DecodeError::UnknownType(head)),
        }
    }
}

/// A campaign: who pays what for which conversions.
///
/// Address: `["campaign", creator, id]`. It is also the mint authority of its
/// token.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Campaign {
    /// Layout version.
    pub version: u8,
    /// Canonical bump of the address.
    pub bump: u8,
    /// Where rewards come from: 0 mint authority, 1 vault, 2 split of the payment.
    pub funding: Funding,
    /// What a conversion must prove: 0 nothing, 1 the attestor's word, 2 a payment.
    pub proof: Proof,
    /// What counts once: 0 a wallet, 1 a wallet with a code, 2 an order.
    pub uniqueness: Uniqueness,
    /// How the reward is found: 0 fixed, 1 percent of the amount.
    pub reward_kind: RewardKind,
    /// 1 while conversions are refused.
    pub paused: bool,
    /// 1 for good, once the campaign is closed.
    pub closed: bool,
    /// 1 when a code needs the attestor's signature.
    pub attested_codes: bool,
    /// Decimals of the mint.
    pub mint_decimals: u8,
    /// Who opened it; part of the address.
    pub creator: Pubkey,
    /// The creator's own number; part of the address.
    pub id: u64,
    /// Who may change it.
    pub authority: Pubkey,
    /// Who may take over `authority`; zero for nobody.
    pub pending_authority: Pubkey,
    /// Token of the rewards.
    pub mint: Pubkey,
    /// Program of the mint.
    pub token_program: Pubkey,
    /// Token account that pays the rewards; zero for none.
    pub vault: Pubkey,
    /// Who vouches for conversions; zero for nobody.
    pub attestor: Pubkey,
    /// Who receives payments; zero for nobody.
    pub treasury: Pubkey,
    /// Token of payments; zero for SOL.
    pub payment_mint: Pubkey,
    /// Who paid the rent, and gets it back.
    pub rent_payer: Pubkey,
    /// Base units for each conversion, when the kind is fixed.
    pub reward_fixed: u64,
    /// Basis points of the amount, when the kind is percent.
    pub reward_bps: u16,
    /// Basis points of the reward that the referee gets.
    pub referee_share_bps: u16,
    /// Most basis points of the reward that a partner may get.
    pub max_partner_share_bps: u16,
    /// Most base units for one conversion, when the kind is percent.
    pub reward_max: u64,
    /// Least amount of a conversion.
    pub min_amount: u64,
    /// Multipliers by a referral's conversions; unused ones are zero.
    pub tiers: [Tier; 4],
    /// Bonuses by a referral's conversions; unused ones are zero.
    pub bonuses: [Bonus; 4],
    /// Seconds that a reward is held before it can be claimed.
    pub hold_seconds: u32,
    /// Seconds that a first touch counts; 0 for no first touch.
    pub attribution_window: u32,
    /// Unix seconds from which conversions count; 0 for at once.
    pub starts_at: i64,
    /// Unix seconds from which they no longer do; 0 for never.
    pub ends_at: i64,
    /// Most base units the campaign may ever owe; 0 for no limit.
    pub budget: u64,
    /// Base units owed or paid so far, while there is a budget.
    pub committed: u64,
    /// Unix seconds of its creation.
    pub created_at: i64,
    /// Unix seconds of its closing; 0 while it is not closed.
    pub closed_at: i64,
    /// Base units that the vault owes: rewards that wait in it.
    pub owed: u64,
    /// Largest `hold_seconds` that it ever had.
    pub longest_hold: u32,
    /// Zeros, for later versions.
    pub reserved: [u8; 108],
}

impl AccountType for Campaign {
    const NAME: &'static str = "Campaign";
    const SIZE: usize = 664;
    const DISCRIMINATOR: [u8; 8] = [50, 40, 49, 11, 157, 220, 229, 192];
}

/// What is left of a referral that its owner closed, or of a campaign that was
/// reclaimed: its address can never be taken again, by whomever, so nothing that
/// was counted under it starts over.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Closed {
    /// Layout version.
    pub version: u8,
    /// The campaign; its own address when it was one.
    pub campaign: Pubkey,
    /// Who paid the rent, and gets it back; that of a campaign stays.
    pub rent_payer: Pubkey,
}

impl AccountType for Closed {
    const NAME: &'static str = "Closed";
    const SIZE: usize = 73;
    const DISCRIMINATOR: [u8; 8] = [253, 72, 45, 124, 74, 228, 168, 157];
}

/// A conversion: who was referred, and what is paid for it.
///
/// Address: `["conversion", campaign, key]`; the key is what the campaign counts
/// once. That makes a second one impossible, whatever anybody sends.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Conversion {
    /// Layout version.
    pub version: u8,
    /// Canonical bump of the address.
    pub bump: u8,
    /// 0 pending, 1 paid, 2 cancelled.
    pub status: Status,
    /// Which parts were paid: bit 0 referrer, 1 referee, 2 partner.
    pub settled: u8,
    /// What the referee did; see [`ACTION_MAX`].
    pub action: Action,
    /// Bonuses of the campaign that are part of the reward, one bit each.
    pub bonuses: u8,
    /// The referral that is credited; the campaign is the referral's.
    pub referral: Pubkey,
    /// The wallet that was referred.
    pub referee: Pubkey,
    /// Who paid the rent, and gets it back.
    pub rent_payer: Pubkey,
    /// The campaign's own reference; zeros for none.
    pub reference: [u8; 32],
    /// What the action was worth, in units of the campaign's choice.
    pub amount: u64,
    /// Base units for the referrer.
    pub reward_referrer: u64,
    /// Base units for the referee.
    pub reward_referee: u64,
    /// Base units for the partner.
    pub reward_partner: u64,
    /// Unix seconds.
    pub converted_at: i64,
    /// Seconds from then until the reward can be claimed.
    pub hold_seconds: u32,
}

impl AccountType for Conversion {
    const NAME: &'static str = "Conversion";
    const SIZE: usize = 186;
    const DISCRIMINATOR: [u8; 8] = [166, 162, 161, 65, 158, 55, 109, 27];
}

/// A first touch: which referral first brought a wallet, signed by that wallet.
///
/// Address: `["referee", campaign, wallet]`. Only in campaigns with an attribution
/// window; there, no other referral is credited while it lasts.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Referee {
    /// Layout version.
    pub version: u8,
    /// Canonical bump of the address.
    pub bump: u8,
    /// The campaign.
    pub campaign: Pubkey,
    /// The wallet that was brought.
    pub wallet: Pubkey,
    /// The referral that brought it.
    pub referral: Pubkey,
    /// Who paid the rent, and gets it back.
    pub rent_payer: Pubkey,
    /// Unix seconds.
    pub bound_at: i64,
    /// Unix seconds from which it no longer counts.
    pub expires_at: i64,
}

impl AccountType for Referee {
    const NAME: &'static str = "Referee";
    const SIZE: usize = 154;
    const DISCRIMINATOR: [u8; 8] = [164, 89, 18, 68, 251, 148, 56, 200];
}

/// A referral: a code, its owner and its counters.
///
/// Address: `["referral", campaign, code]`, the code without its zeros.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Referral {
    /// Layout version.
    pub version: u8,
    /// Canonical bump of the address.
    pub bump: u8,
    /// Characters of the code.
    pub code_len: u8,
    /// 1 while its owner wants it to earn.
    pub active: bool,
    /// 1 while the campaign does not want it to earn.
    pub suspended: bool,
    /// One bit for each of the campaign's bonuses that was paid.
    pub bonuses_paid: u8,
    /// Canonical bump of the partner's associated token account; 0 when rewards are SOL.
    pub partner_account_bump: u8,
    /// Basis points of the reward that the partner gets.
    pub partner_share_bps: u16,
    /// The code, filled up with zeros.
    pub code: [u8; 12],
    /// The campaign it belongs to.
    pub campaign: Pubkey,
    /// Who earns its rewards.
    pub owner: Pubkey,
    /// Who may take over `owner`; zero for nobody.
    pub pending_owner: Pubkey,
    /// Who earns a share of each reward; zero for nobody.
    pub partner: Pubkey,
    /// Who paid the rent, and gets it back.
    pub rent_payer: Pubkey,
    /// Where the owner's rewards go: the associated token account, or the wallet
    /// itself when they are SOL.
    pub reward_account: Pubkey,
    /// Most conversions it may ever have; 0 for no limit.
    pub usage_limit: u64,
    /// Conversions so far.
    pub conversions: u64,
    /// Unix seconds from which it no longer earns; 0 for never.
    pub expires_at: i64,
    /// Unix seconds of its creation.
    pub created_at: i64,
    /// Base units owed or paid to the owner so far.
    pub rewards_total: u64,
    /// Base units of those that are not paid yet.
    pub rewards_pending: u64,
    /// Base units that the partner is owed.
    pub partner_pending: u64,
    /// Conversions that are not paid in full.
    pub open_conversions: u64,
    /// Zeros, for later versions.
    pub reserved: [u8; 17],
}

impl AccountType for Referral {
    const NAME: &'static str = "Referral";
    const SIZE: usize = 302;
    const DISCRIMINATOR: [u8; 8] = [30, 235, 136, 224, 106, 107, 49, 64];
}
