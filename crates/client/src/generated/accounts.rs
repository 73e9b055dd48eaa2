//! The program's accounts.
//!
//! Written by `./dev generate` from `idl/referral.json`.

use borsh::{BorshDeserialize, BorshSerialize};
use solana_sdk::pubkey::Pubkey;

use super::types::{Bonus, Settings};
use crate::bytes::{AccountType, DecodeError, Funding, Proof, Status, Uniqueness};
/// Any account of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// A [`Binding`].
    Binding(Box<Binding>),
    /// A [`Campaign`].
    Campaign(Box<Campaign>),
    /// A [`Closed`].
    Closed(Box<Closed>),
    /// A [`Conversion`].
    Conversion(Box<Conversion>),
    /// A [`Referral`].
    Referral(Box<Referral>),
    /// A [`Referrer`].
    Referrer(Box<Referrer>),
    /// A [`RevokedVoucher`].
    RevokedVoucher(Box<RevokedVoucher>),
}

impl Account {
    /// Reads any account of the program.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are none of these types.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let head = data.first_chunk::<8>().copied().unwrap_or_default();
        match head {
            Binding::DISCRIMINATOR => {
                Binding::decode(data).map(|account| Self::Binding(Box::new(account)))
            }
            Campaign::DISCRIMINATOR => {
                Campaign::decode(data).map(|account| Self::Campaign(Box::new(account)))
            }
            Closed::DISCRIMINATOR => {
                Closed::decode(data).map(|account| Self::Closed(Box::new(account)))
            }
            Conversion::DISCRIMINATOR => {
                Conversion::decode(data).map(|account| Self::Conversion(Box::new(account)))
            }
            Referral::DISCRIMINATOR => {
                Referral::decode(data).map(|account| Self::Referral(Box::new(account)))
            }
            Referrer::DISCRIMINATOR => {
                Referrer::decode(data).map(|account| Self::Referrer(Box::new(account)))
            }
            RevokedVoucher::DISCRIMINATOR => {
                RevokedVoucher::decode(data).map(|account| Self::RevokedVoucher(Box::new(account)))
            }
            _ => Err(DecodeError::UnknownType(head)),
        }
    }
}

/// A binding: the referral that first brought a wallet, signed by that wallet.
///
/// Exists only in campaigns with an attribution window, where no other referral is credited for
/// the wallet until it expires. Address: [`crate::address::binding_key`].
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Binding {
    /// Layout version.
    pub version: u8,
    /// The campaign.
    pub campaign: Pubkey,
    /// The wallet that was referred.
    pub wallet: Pubkey,
    /// The referral that brought it.
    pub referral: Pubkey,
    /// Wallet that paid the rent, and gets it back.
    pub rent_payer: Pubkey,
    /// Unix seconds.
    pub bound_at: i64,
    /// Unix seconds from which the binding no longer counts.
    pub expires_at: i64,
}

impl AccountType for Binding {
    const NAME: &'static str = "Binding";
    const SIZE: usize = 153;
    const DISCRIMINATOR: [u8; 8] = [148, 194, 179, 54, 81, 210, 85, 178];
}

/// A campaign: its terms, its settings and what it owes.
///
/// Address: `["campaign", creator, id]`. It is also the mint authority of its token.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Campaign {
    /// Layout version.
    pub version: u8,
    /// Canonical bump of the address.
    pub bump: u8,
    /// Source of rewards: 0 mint authority, 1 vault, 2 split of the payment.
    pub funding: Funding,
    /// Proof that a conversion needs: 0 none, 1 an attestation, 2 a payment.
    pub proof: Proof,
    /// Counted once: 0 a wallet, 1 a wallet with a code, 2 an order.
    pub uniqueness: Uniqueness,
    /// 1 when tiers, bonuses and `owner_limit` count all codes of an owner.
    pub per_owner: bool,
    /// 1 while conversions are refused.
    pub paused: bool,
    /// 1 for good, once the campaign is closed.
    pub closed: bool,
    /// Decimals of the mint.
    pub mint_decimals: u8,
    /// Seconds between the announcement of a cut and its effect.
    pub notice_seconds: u32,
    /// Wallet that opened it; part of the address.
    pub creator: Pubkey,
    /// The creator's own number; part of the address.
    pub id: u64,
    /// Signer that may change it.
    pub authority: Pubkey,
    /// Signer that may take over `authority`; zero for nobody.
    pub pending_authority: Pubkey,
    /// Token of the rewards; zero for SOL.
    pub mint: Pubkey,
    /// Program of the mint.
    pub token_program: Pubkey,
    /// Token account that pays the rewards; zero for none.
    pub vault: Pubkey,
    /// Token of payments; zero for SOL.
    pub payment_mint: Pubkey,
    /// Wallet that paid the rent, and gets it back.
    pub rent_payer: Pubkey,
    /// Unix seconds of its creation.
    pub created_at: i64,
    /// Unix seconds of its closing; 0 while it is not closed.
    pub closed_at: i64,
    /// Largest `hold_seconds` that it ever had.
    pub longest_hold: u32,
    /// Least base units that a conversion under any of its settings leaves to the treasury,
    /// bonuses apart, if rewards are of the token that buyers pay with.
    pub least_margin: u64,
    /// Base units that budgeted conversions owe or were paid.
    pub committed: u64,
    /// Base units that the vault owes: rewards that wait in it.
    pub owed: u64,
    /// Settings in force, unless `next` are.
    pub settings: Settings,
    /// Places of the bonuses of `settings` in `offered`.
    pub bonus_places: [u8; 4],
    /// Unix seconds from which `next` are in force; 0 when nothing was announced.
    pub next_from: i64,
    /// Settings that were announced; zeros for none.
    pub next: Settings,
    /// Places of the bonuses of `next` in `offered`.
    pub next_bonus_places: [u8; 4],
    /// Register of every bonus ever offered. Places never change, because paid bonuses are
    /// recorded by place.
    pub offered: [Bonus; 32],
    /// Zeros, for later versions.
    pub reserved: [u8; 56],
}

impl AccountType for Campaign {
    const NAME: &'static str = "Campaign";
    const SIZE: usize = 1569;
    const DISCRIMINATOR: [u8; 8] = [50, 40, 49, 11, 157, 220, 229, 192];
}

/// The tombstone of a referral that its owner closed, or of a campaign that was reclaimed:
/// its address can never be taken again, so nothing that was counted under it starts over.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Closed {
    /// Layout version.
    pub version: u8,
    /// The campaign; its own address when it was one.
    pub campaign: Pubkey,
    /// Wallet that paid the rent, and gets it back unless the account was a campaign.
    pub rent_payer: Pubkey,
    /// Treasury of a campaign that paid in SOL, for unclaimed SOL; else zero.
    pub treasury: Pubkey,
}

impl AccountType for Closed {
    const NAME: &'static str = "Closed";
    const SIZE: usize = 105;
    const DISCRIMINATOR: [u8; 8] = [253, 72, 45, 124, 74, 228, 168, 157];
}

/// A conversion: the wallet that was referred, and the parts of the reward for it.
///
/// Its address is derived from what the campaign counts once, so there is no second conversion of
/// it: [`crate::sale::Sale::key`]. Action, amount and reference are in the data of the
/// instruction that made it; no rule needs them later.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Conversion {
    /// Layout version.
    pub version: u8,
    /// 0 pending, 1 paid, 2 cancelled.
    pub status: Status,
    /// Parts that are not owed: bit 0 referrer, 1 referee, 2 partner.
    pub settled: u8,
    /// 1 when the campaign's budget was charged with it.
    pub budgeted: bool,
    /// Bonuses that are part of the reward, by their place in the campaign's register.
    pub bonuses: u32,
    /// The referral that is credited; the campaign is the referral's.
    pub referral: Pubkey,
    /// The wallet that was referred.
    pub referee: Pubkey,
    /// Wallet that paid the rent, and gets it back.
    pub rent_payer: Pubkey,
    /// Base units for the referrer.
    pub reward_referrer: u64,
    /// Base units for the referee.
    pub reward_referee: u64,
    /// Base units for the partner.
    pub reward_partner: u64,
    /// Unix seconds.
    pub converted_at: i64,
    /// Seconds from `converted_at` until the reward can be claimed.
    pub hold_seconds: u32,
}

impl AccountType for Conversion {
    const NAME: &'static str = "Conversion";
    const SIZE: usize = 148;
    const DISCRIMINATOR: [u8; 8] = [166, 162, 161, 65, 158, 55, 109, 27];
}

/// A referral: a code, its owner and its counters.
///
/// Address: derived from the campaign with the code as the seed, as
/// `solana address create-with-seed` does.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Referral {
    /// Layout version.
    pub version: u8,
    /// Characters of the code.
    pub code_len: u8,
    /// 1 while its owner lets it earn.
    pub active: bool,
    /// 1 while the campaign's authority suspends it.
    pub suspended: bool,
    /// Canonical bump of the partner's associated token account; 0 when rewards are SOL.
    pub partner_account_bump: u8,
    /// Basis points of the reward that the partner gets; 0 where its part is fixed.
    pub partner_share_bps: u16,
    /// Base units of the reward that the partner gets; 0 where its part is a share.
    pub partner_fixed: u64,
    /// Unix seconds from which conversions give the partner nothing; 0 for no end.
    pub partner_ends_at: i64,
    /// Bonuses that were paid, by their place in the campaign's register.
    pub bonuses_paid: u32,
    /// The code, padded with zeros.
    pub code: [u8; 12],
    /// The campaign it belongs to.
    pub campaign: Pubkey,
    /// Wallet that earns its rewards.
    pub owner: Pubkey,
    /// Wallet that may take over `owner`; zero for nobody.
    pub pending_owner: Pubkey,
    /// Wallet that earns a part of each reward; zero for nobody.
    pub partner: Pubkey,
    /// Wallet that paid the rent, and gets it back.
    pub rent_payer: Pubkey,
    /// Account that receives the owner's rewards: the associated token account, or the wallet
    /// itself if they are SOL.
    pub reward_account: Pubkey,
    /// Most conversions it may ever have; 0 for no limit.
    pub usage_limit: u64,
    /// Conversions that count: not cancelled, and worth something.
    pub conversions: u64,
    /// Unix seconds from which it no longer earns; 0 for never.
    pub expires_at: i64,
    /// Unix seconds of its creation.
    pub created_at: i64,
    /// Base units owed or paid to the owner so far.
    pub rewards_total: u64,
    /// Base units of `rewards_total` that are not paid yet.
    pub rewards_pending: u64,
    /// Base units that the partner is owed.
    pub partner_pending: u64,
    /// Conversions that are pending.
    pub open_conversions: u64,
    /// Unix seconds from which none of its conversions so far can be cancelled.
    pub held_until: i64,
    /// Zeros, for later versions.
    pub reserved: [u8; 8],
}

impl AccountType for Referral {
    const NAME: &'static str = "Referral";
    const SIZE: usize = 319;
    const DISCRIMINATOR: [u8; 8] = [30, 235, 136, 224, 106, 107, 49, 64];
}

/// A referrer: the conversions of all codes of one owner, in a campaign that counts
/// `per_owner`. Address: [`crate::address::referrer_key`].
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Referrer {
    /// Layout version.
    pub version: u8,
    /// The campaign.
    pub campaign: Pubkey,
    /// The owner of the codes.
    pub owner: Pubkey,
    /// Wallet that paid the rent, and gets it back.
    pub rent_payer: Pubkey,
    /// Conversions that count.
    pub conversions: u64,
    /// Bonuses that were paid, by their place in the campaign's register.
    pub bonuses_paid: u32,
}

impl AccountType for Referrer {
    const NAME: &'static str = "Referrer";
    const SIZE: usize = 117;
    const DISCRIMINATOR: [u8; 8] = [99, 150, 214, 66, 111, 120, 49, 126];
}

/// A voucher that its attestor has revoked; kept until the voucher has expired. Address:
/// [`crate::address::revocation_key`].
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct RevokedVoucher {
    /// Layout version.
    pub version: u8,
    /// The campaign.
    pub campaign: Pubkey,
    /// Wallet that paid the rent, and gets it back.
    pub rent_payer: Pubkey,
    /// Unix seconds from which the voucher has expired in any case.
    pub expires_at: i64,
}

impl AccountType for RevokedVoucher {
    const NAME: &'static str = "RevokedVoucher";
    const SIZE: usize = 81;
    const DISCRIMINATOR: [u8; 8] = [2, 228, 30, 11, 1, 10, 53, 43];
}
