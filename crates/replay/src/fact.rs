//! The facts that calls establish.

use solana_sdk::pubkey::Pubkey;
use vouch_client::accounts::{Action, Settings, Terms};
use vouch_rules::reward::{Reward, Share};

/// A fact that a call established. The call's transaction tells when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A conversion was recorded.
    Sale(Box<Sale>),
    /// A part of a reward was paid.
    PartPaid(PartPaid),
    /// A held conversion that owed nothing became final, because it was claimed.
    ConversionReleased {
        /// The conversion.
        conversion: Pubkey,
    },
    /// A conversion was cancelled within its hold.
    ConversionCancelled {
        /// The conversion.
        conversion: Pubkey,
        /// Its referral.
        referral: Pubkey,
        /// Base units of its parts that were owed, and no longer are.
        forgone: u64,
    },
    /// The claim period ended before all parts of a conversion were claimed.
    ConversionLapsed {
        /// The conversion.
        conversion: Pubkey,
        /// Base units of its parts that were owed, and no longer are.
        forgone: u64,
    },
    /// A code was registered.
    CodeCreated {
        /// Its account.
        referral: Pubkey,
        /// Its campaign.
        campaign: Pubkey,
        /// The code, padded with zeros.
        code: [u8; 12],
        /// Its owner.
        owner: Pubkey,
        /// Most conversions that it may have; 0 for no limit.
        usage_limit: u64,
        /// Unix seconds from which it no longer earns; 0 for never.
        expires_at: i64,
    },
    /// A code's owner changed its bounds.
    CodeUpdated {
        /// Its account.
        referral: Pubkey,
        /// Whether its owner lets it earn.
        active: bool,
        /// Most conversions that it may have; 0 for no limit.
        usage_limit: u64,
        /// Unix seconds from which it no longer earns; 0 for never.
        expires_at: i64,
    },
    /// A campaign suspended a code, or let it earn again.
    CodeSuspended {
        /// Its account.
        referral: Pubkey,
        /// Whether it is suspended.
        suspended: bool,
    },
    /// A code's owner closed it for good.
    CodeClosed {
        /// Its account, now a tombstone.
        referral: Pubkey,
        /// Its last owner.
        owner: Pubkey,
    },
    /// A code was offered to another owner.
    OwnerProposed {
        /// Its account.
        referral: Pubkey,
        /// Wallet that may take it over; zero for nobody.
        to: Pubkey,
    },
    /// A code changed hands, with its pending rewards.
    OwnerChanged {
        /// Its account.
        referral: Pubkey,
        /// The owner before.
        old: Pubkey,
        /// The owner from now on.
        new: Pubkey,
    },
    /// A code got a partner, or its partnership changed or ended.
    PartnerChanged {
        /// Its account.
        referral: Pubkey,
        /// The partner before, if there was one.
        old: Option<Partner>,
        /// The partner from now on, if there is one.
        new: Option<Partner>,
    },
    /// A campaign was opened.
    CampaignCreated {
        /// Its account.
        campaign: Pubkey,
        /// Wallet that opened it.
        creator: Pubkey,
        /// The creator's own number for it.
        id: u64,
        /// Token of the rewards; zero for SOL.
        mint: Pubkey,
        /// Token of the payments; zero for SOL.
        payment_mint: Pubkey,
        /// Its terms.
        terms: Terms,
        /// Its first settings.
        settings: Box<Settings>,
    },
    /// A campaign's settings were replaced.
    CampaignUpdated {
        /// Its account.
        campaign: Pubkey,
        /// The new settings.
        settings: Box<Settings>,
        /// Unix seconds from which they are in force, apart from budget, attestor, attested codes
        /// and treasury, which are at once.
        in_force_from: i64,
        /// Whether they wait for the campaign's notice.
        announced: bool,
    },
    /// A campaign was paused or resumed.
    CampaignPaused {
        /// Its account.
        campaign: Pubkey,
        /// Whether it is paused.
        paused: bool,
    },
    /// A campaign was closed for good.
    CampaignClosed {
        /// Its account.
        campaign: Pubkey,
    },
    /// A campaign was offered to another authority.
    AuthorityProposed {
        /// Its account.
        campaign: Pubkey,
        /// Signer that may take it over; zero for nobody.
        to: Pubkey,
    },
    /// A campaign changed hands.
    AuthorityChanged {
        /// Its account.
        campaign: Pubkey,
        /// The authority before.
        old: Pubkey,
        /// The authority from now on.
        new: Pubkey,
    },
    /// A wallet bound itself to a code, perhaps instead of another one.
    Bound {
        /// The binding's account.
        binding: Pubkey,
        /// The campaign.
        campaign: Pubkey,
        /// The wallet.
        wallet: Pubkey,
        /// The code's account.
        referral: Pubkey,
        /// Unix seconds from which the binding no longer counts.
        expires_at: i64,
    },
    /// An owner's account was created, in a campaign that counts per owner.
    ReferrerRegistered {
        /// The account.
        referrer: Pubkey,
        /// The campaign.
        campaign: Pubkey,
        /// The owner.
        owner: Pubkey,
    },
    /// An attestor revoked a voucher.
    VoucherRevoked {
        /// The revocation's account.
        revocation: Pubkey,
        /// The campaign.
        campaign: Pubkey,
        /// SHA-256 of the voucher's message.
        digest: [u8; 32],
    },
    /// Earlier calls had paid parts of a conversion, which their transactions did not tell. That this
    /// call succeeded proves it.
    PartsProven {
        /// The conversion.
        conversion: Pubkey,
        /// Its referral.
        referral: Pubkey,
        /// All parts that were not owed before this call, as [`vouch_client::accounts::settled`] has
        /// them.
        settled: u8,
    },
    /// An account was closed and its rent returned.
    RentReclaimed {
        /// The account.
        account: Pubkey,
        /// Its type before.
        kind: AccountKind,
        /// Wallet that had paid the rent. If it became a program, the rent may have stayed.
        rent_payer: Pubkey,
    },
    /// Tokens were moved into a vault.
    VaultFunded {
        /// The campaign.
        campaign: Pubkey,
        /// Owner or delegate of the tokens.
        funder: Pubkey,
        /// Base units that were sent. A transfer fee makes less arrive.
        amount: u64,
    },
    /// Tokens were moved out of a vault, by its campaign's authority.
    VaultWithdrawn {
        /// The campaign.
        campaign: Pubkey,
        /// Token account that received them.
        destination: Pubkey,
        /// Base units that were sent. A transfer fee makes less arrive.
        amount: u64,
    },
}

/// A recorded conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sale {
    /// Its account.
    pub conversion: Pubkey,
    /// The campaign.
    pub campaign: Pubkey,
    /// The referral that was credited.
    pub referral: Pubkey,
    /// Its code, padded with zeros.
    pub code: [u8; 12],
    /// The owner that was credited: the referral's at that moment.
    pub owner: Pubkey,
    /// The partner that was credited: the referral's at that moment, if it gets a part.
    pub partner: Option<Pubkey>,
    /// The wallet that was referred.
    pub referee: Pubkey,
    /// The action.
    pub action: Action,
    /// Worth of the action; for a purchase, the list price.
    pub amount: u64,
    /// The campaign's own reference; zeros for none.
    pub reference: [u8; 32],
    /// The parts of the reward and the bonuses among them. In a payment split, the referee's part
    /// is a discount.
    pub reward: Reward,
    /// The parts that are not owed, as [`vouch_client::accounts::settled`] has them: zero, a
    /// discount, or paid with the sale.
    pub settled: u8,
    /// Seconds from the sale until its reward can be claimed; 0 if it is not held.
    pub hold_seconds: u32,
    /// Wallet that paid the rent.
    pub rent_payer: Pubkey,
    /// Whether the campaign's budget was charged.
    pub budgeted: bool,
}

/// A party of a reward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The referral's owner.
    Referrer,
    /// The wallet that was referred.
    Referee,
    /// The referral's partner.
    Partner,
}

/// A part of a reward that was paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartPaid {
    /// The conversion.
    pub conversion: Pubkey,
    /// The part.
    pub part: Part,
    /// Base units that were sent. A transfer fee makes less arrive.
    pub units: u64,
    /// Wallet that was paid: the part's owner at that moment.
    pub recipient: Pubkey,
    /// Its account that received them: a token account, or the wallet itself for SOL.
    pub account: Pubkey,
    /// Whether a claim paid it, and not the sale.
    pub claimed: bool,
}

/// A partnership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partner {
    /// The partner.
    pub wallet: Pubkey,
    /// Its share of each reward.
    pub share: Share,
    /// Unix seconds from which conversions give it nothing; 0 for no end.
    pub ends_at: i64,
}

/// A type of account whose rent can be returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccountKind {
    /// A binding.
    Binding,
    /// A campaign, which leaves a tombstone.
    Campaign,
    /// A conversion.
    Conversion,
    /// A referral.
    Referral,
    /// The tombstone of a referral.
    ReferralTombstone,
    /// An owner's account.
    Referrer,
    /// The revocation of a voucher.
    Revocation,
}
