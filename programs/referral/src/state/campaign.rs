use anchor_lang::{address_eq, prelude::*};
use bytemuck::Zeroable;
use vouch_rules::eligibility::CampaignState;
use vouch_rules::money;
use vouch_rules::reward::{self, bonuses_within, InvalidRule};

use crate::{
    address::address_is_zero, Bonus, ReferralError as E, Settings, Terms, MAX_PERIOD, REWARD_FIXED,
    REWARD_PERCENT, VERSION,
};

/// `Campaign::funding`: the campaign holds the mint authority and mints each reward.
pub const FUNDING_MINT_AUTHORITY: u8 = 0;
/// `Campaign::funding`: the campaign pays from its vault.
pub const FUNDING_VAULT: u8 = 1;
/// `Campaign::funding`: the reward is a part of the payment.
pub const FUNDING_PAYMENT_SPLIT: u8 = 2;
/// `Campaign::proof`: the referee's signature is enough.
pub const PROOF_OPEN: u8 = 0;
/// `Campaign::proof`: the campaign's attestor vouches for it.
pub const PROOF_ATTESTED: u8 = 1;
/// `Campaign::proof`: a payment in the same instruction.
pub const PROOF_PAYMENT: u8 = 2;
/// `Campaign::uniqueness`: a wallet counts once in the campaign.
pub const UNIQUENESS_WALLET: u8 = 0;
/// `Campaign::uniqueness`: a wallet counts once for each code.
pub const UNIQUENESS_WALLET_AND_CODE: u8 = 1;
/// `Campaign::uniqueness`: an order counts once.
pub const UNIQUENESS_ORDER: u8 = 2;

/// Seconds after a campaign's last hold in which its rewards can still be claimed:
/// 30 days.
pub const CLAIM_PERIOD: i64 = 2_592_000;
/// Seconds after a campaign's end from which anybody may close it: 30 days.
pub const CLOSE_PERIOD: i64 = 2_592_000;
/// Different bonuses that a campaign can ever offer.
pub const MAX_BONUSES: usize = 32;

/// A campaign: its terms, its settings and what it owes.
///
/// Address: `["campaign", creator, id]`. It is also the mint authority of its token.
#[account]
pub struct Campaign {
    /// Layout version.
    pub version: u8,
    /// Canonical bump of the address.
    pub bump: u8,
    /// Source of rewards: 0 mint authority, 1 vault, 2 split of the payment.
    pub funding: u8,
    /// Proof that a conversion needs: 0 none, 1 an attestation, 2 a payment.
    pub proof: u8,
    /// Counted once: 0 a wallet, 1 a wallet with a code, 2 an order.
    pub uniqueness: u8,
    /// 1 when tiers, bonuses and `owner_limit` count all codes of an owner.
    pub per_owner: u8,
    /// 1 while conversions are refused.
    pub paused: u8,
    /// 1 for good, once the campaign is closed.
    pub closed: u8,
    /// Decimals of the mint.
    pub mint_decimals: u8,
    /// Seconds between the announcement of a cut and its effect.
    pub notice_seconds: PodU32,
    /// Wallet that opened it; part of the address.
    pub creator: Address,
    /// The creator's own number; part of the address.
    pub id: PodU64,
    /// Signer that may change it.
    pub authority: Address,
    /// Signer that may take over `authority`; zero for nobody.
    pub pending_authority: Address,
    /// Token of the rewards; zero for SOL.
    pub mint: Address,
    /// Program of the mint.
    pub token_program: Address,
    /// Token account that pays the rewards; zero for none.
    pub vault: Address,
    /// Token of payments; zero for SOL.
    pub payment_mint: Address,
    /// Wallet that paid the rent, and gets it back.
    pub rent_payer: Address,
    /// Unix seconds of its creation.
    pub created_at: PodI64,
    /// Unix seconds of its closing; 0 while it is not closed.
    pub closed_at: PodI64,
    /// Largest `hold_seconds` that it ever had.
    pub longest_hold: PodU32,
    /// Least base units that a conversion under any of its settings leaves to the treasury,
    /// bonuses apart, if rewards are of the token that buyers pay with.
    pub least_margin: PodU64,
    /// Base units that budgeted conversions owe or were paid.
    pub committed: PodU64,
    /// Base units that the vault owes: rewards that wait in it.
    pub owed: PodU64,
    /// Settings in force, unless `next` are.
    pub settings: Settings,
    /// Places of the bonuses of `settings` in `offered`.
    pub bonus_places: [u8; 4],
    /// Unix seconds from which `next` are in force; 0 when nothing was announced.
    pub next_from: PodI64,
    /// Settings that were announced; zeros for none.
    pub next: Settings,
    /// Places of the bonuses of `next` in `offered`.
    pub next_bonus_places: [u8; 4],
    /// Register of every bonus ever offered. Places never change, because paid bonuses are
    /// recorded by place.
    pub offered: [Bonus; MAX_BONUSES],
    /// Zeros, for later versions.
    pub reserved: [u8; 56],
}

const _: () = assert!(core::mem::align_of::<Campaign>() == 1);

/// The settings in force at some time.
#[derive(Clone, Copy)]
pub struct InForce<'a> {
    /// The settings.
    pub settings: &'a Settings,
    campaign: &'a Campaign,
}

impl InForce<'_> {
    /// Places of their bonuses in the campaign's register.
    pub fn bonus_places(&self) -> [u8; 4] {
        if core::ptr::eq(self.settings, &self.campaign.next) {
            self.campaign.next_bonus_places
        } else {
            self.campaign.bonus_places
        }
    }
}

impl core::ops::Deref for InForce<'_> {
    type Target = Settings;

    #[inline(always)]
    fn deref(&self) -> &Settings {
        self.settings
    }
}

impl Campaign {
    /// The settings in force at `now`, in unix seconds.
    #[inline(always)]
    pub fn in_force(&self, now: i64) -> InForce<'_> {
        InForce {
            settings: if self.next_is_in_force(now) {
                &self.next
            } else {
                &self.settings
            },
            campaign: self,
        }
    }

    /// The settings in force, if no others were announced.
    #[inline(always)]
    pub fn first_settings(&self) -> InForce<'_> {
        InForce {
            settings: &self.settings,
            campaign: self,
        }
    }

    /// Whether each conversion earns a fixed reward for the referrer alone, without tiers or
    /// bonuses, under settings that are not announced to change. A partner is not considered.
    #[inline(always)]
    pub fn is_plain(&self) -> bool {
        self.settings.is_plain() && self.next_from.get() == 0
    }

    #[inline(always)]
    fn next_is_in_force(&self, now: i64) -> bool {
        let from = self.next_from.get();
        from != 0 && now >= from
    }

    /// The campaign's terms.
    pub fn terms(&self) -> Terms {
        Terms {
            funding: self.funding,
            proof: self.proof,
            uniqueness: self.uniqueness,
            per_owner: self.per_owner,
            notice_seconds: self.notice_seconds,
        }
    }

    /// Sets the first settings.
    pub fn open_with(&mut self, settings: &Settings) -> Result<()> {
        self.bonus_places = self.offer(settings)?;
        self.settings = *settings;
        self.least_margin = u64::MAX.into();
        self.note_margin(settings);
        self.longest_hold = settings.hold_seconds;
        Ok(())
    }

    /// Takes over `new` at `now`, in unix seconds: at once, or after the notice if they cut
    /// something. Returns the time from which they are in force.
    #[inline(never)]
    pub fn change(&mut self, new: &Settings, now: i64) -> Result<i64> {
        if self.next_from.get() != 0 {
            if self.next_is_in_force(now) {
                self.settings = self.next;
                self.bonus_places = self.next_bonus_places;
            }
            self.next = Settings::zeroed();
            self.next_bonus_places = [0; 4];
            self.next_from = 0.into();
        }

        let notice = i64::from(self.notice_seconds.get());
        let waits = notice != 0 && self.is_cut_by(new, now);
        let places = self.offer(new)?;
        self.note_margin(new);
        let longest = self.longest_hold.get().max(new.hold_seconds.get());
        self.longest_hold = longest.into();
        if !waits {
            self.settings = *new;
            self.bonus_places = places;
            return Ok(now);
        }
        self.settings.budget = new.budget;
        self.settings.attested_codes = new.attested_codes;
        self.settings.attestor = new.attestor;
        self.settings.treasury = new.treasury;
        self.next = *new;
        self.next_bonus_places = places;
        let from = now.saturating_add(notice);
        self.next_from = from.into();
        Ok(from)
    }

    /// Whether `new`, which is not entered into the register yet, gives somebody less than the
    /// settings do, at `now` in unix seconds.
    #[inline(never)]
    fn is_cut_by(&self, new: &Settings, now: i64) -> bool {
        // A bonus that was offered before may have been paid already, so offering it again does
        // not make up for another one.
        let mut promised = *new;
        for bonus in &mut promised.bonuses {
            if self.offered.contains(bonus) && !self.settings.bonuses.contains(bonus) {
                bonus.amount = 0.into();
            }
        }
        promised.cut(&self.settings, now)
    }

    /// Whether rewards are of the money that buyers pay with: the same token, or both are SOL.
    fn pays_back(&self) -> bool {
        self.proof == PROOF_PAYMENT
            && money::is_same(self.mint.as_array(), self.payment_mint.as_array())
    }

    /// Lowers the least margin to that of `settings`.
    #[inline(never)]
    fn note_margin(&mut self, settings: &Settings) {
        if self.pays_back() {
            let margin = settings.rule([0; 4]).margin(settings.min_amount.get());
            let least = self.least_margin.get().min(margin.unwrap_or(0));
            self.least_margin = least.into();
        }
    }

    /// Enters the bonuses of `settings` into the register, unless they are there, and
    /// returns their places.
    #[inline(never)]
    fn offer(&mut self, settings: &Settings) -> Result<[u8; 4]> {
        // Most changes keep the bonuses, which are in the register.
        if settings.bonuses == self.settings.bonuses {
            return Ok(self.bonus_places);
        }
        let mut places = [0; 4];
        for (bonus, place) in settings.bonuses.iter().zip(&mut places) {
            if bonus.amount.get() == 0 {
                continue;
            }
            let free = |known: &Bonus| known.amount.get() == 0;
            let found = self
                .offered
                .iter()
                .position(|known| known == bonus || free(known))
                .ok_or(E::TooManyBonuses)?;
            if let Some(known) = self.offered.get_mut(found) {
                *known = *bonus;
            }
            *place = u8::try_from(found).map_err(|_| E::TooManyBonuses)?;
        }
        Ok(places)
    }

    /// Fails unless everything holds that must hold of a campaign. Each instruction that
    /// writes its terms or settings calls this last.
    #[inline(never)]
    pub fn invariant(&self) -> Result<()> {
        let terms = self.funding <= FUNDING_PAYMENT_SPLIT
            && self.proof <= PROOF_PAYMENT
            && self.uniqueness <= UNIQUENESS_ORDER
            && self.per_owner <= 1
            && (self.proof == PROOF_PAYMENT || self.funding != FUNDING_PAYMENT_SPLIT)
            && (self.proof != PROOF_OPEN || self.uniqueness != UNIQUENESS_ORDER);
        require!(terms, E::InvalidTerms);
        require!(self.notice_seconds.get() <= MAX_PERIOD, E::InvalidNotice);
        self.check_settings(&self.settings)?;
        if self.next_from.get() != 0 {
            self.check_settings(&self.next)?;
        }
        self.invariant_of_state()
    }

    /// [`Self::invariant`] for an instruction that leaves terms and settings as they are.
    #[inline]
    pub fn invariant_of_state(&self) -> Result<()> {
        require!(
            self.version == VERSION && self.paused <= 1 && self.closed <= 1,
            ProgramError::InvalidAccountData
        );
        Ok(())
    }

    /// Fails unless this campaign may have these settings.
    #[inline(never)]
    fn check_settings(&self, settings: &Settings) -> Result<()> {
        let split = self.funding == FUNDING_PAYMENT_SPLIT;
        let payment = self.proof == PROOF_PAYMENT;
        let fixed = settings.reward_kind == REWARD_FIXED;
        // An amount that nobody vouches for must not decide what is paid.
        let kind = match settings.reward_kind {
            REWARD_FIXED => settings.reward_bps.get() == 0 && settings.reward_max.get() == 0,
            REWARD_PERCENT => settings.reward_fixed.get() == 0 && self.proof != PROOF_OPEN,
            _ => false,
        };
        require!(kind, E::InvalidReward);
        let rule = settings.rule([0; 4]);
        rule.check().map_err(wrong)?;
        let min_amount = settings.min_amount.get();
        // Otherwise payments of next to nothing could empty the campaign.
        require!(!payment || !fixed || min_amount != 0, E::InvalidReward);
        if split {
            // A split pays from the payment alone.
            require!(
                settings.bonuses.iter().all(|bonus| bonus.amount.get() == 0),
                E::InvalidBonuses
            );
        }
        if self.pays_back() {
            rule.margin(min_amount).map_err(wrong)?;
            // Conversions that count for a bonus may have been made under any settings.
            let mut offered = [reward::Bonus::default(); MAX_BONUSES];
            for (bonus, known) in offered.iter_mut().zip(&self.offered) {
                *bonus = known.rule();
            }
            let within = bonuses_within(&offered, self.least_margin.get());
            require!(within, E::InvalidBonuses);
        }
        require!(settings.hold_seconds.get() <= MAX_PERIOD, E::InvalidHold);
        require!(
            settings.attribution_window.get() <= MAX_PERIOD,
            E::InvalidAttributionWindow
        );
        let (starts, ends) = (settings.starts_at.get(), settings.ends_at.get());
        require!(
            starts >= 0 && ends >= 0 && (ends == 0 || ends > starts),
            E::InvalidSchedule
        );
        require!(
            settings.owner_limit.get() == 0 || self.per_owner == 1,
            E::InvalidOwnerLimit
        );
        require!(
            address_is_zero(&settings.gate_credential) == address_is_zero(&settings.gate_schema),
            E::InvalidGate
        );
        let budget = settings.budget.get();
        require!(
            budget == 0 || budget >= self.committed.get(),
            E::InvalidBudget
        );
        require!(settings.attested_codes <= 1, E::InvalidAttestor);
        let attests = self.proof == PROOF_ATTESTED || settings.attested_codes == 1;
        require!(
            !attests || !address_is_zero(&settings.attestor),
            E::InvalidAttestor
        );
        require!(
            address_is_zero(&settings.treasury) != payment,
            E::InvalidTreasury
        );
        Ok(())
    }

    /// Whether a conversion changes the campaign, so that it must be writable.
    #[inline(always)]
    pub fn is_counted(&self) -> bool {
        self.settings.budget.get() != 0 || self.has_vault()
    }

    /// Whether the campaign has a vault, for all rewards or for those that wait.
    #[inline(always)]
    pub fn has_vault(&self) -> bool {
        self.funding != FUNDING_MINT_AUTHORITY && !self.pays_sol()
    }

    /// Whether rewards are SOL, split out of a payment.
    #[inline(always)]
    pub fn pays_sol(&self) -> bool {
        self.funding == FUNDING_PAYMENT_SPLIT && address_is_zero(&self.mint)
    }

    /// The treasury that receives unclaimed SOL; zero if rewards are tokens.
    pub fn sol_treasury(&self) -> Address {
        if self.pays_sol() {
            self.settings.treasury
        } else {
            Address::default()
        }
    }

    /// Fails unless conversions count at `now`, in unix seconds, under the `settings` that
    /// are then in force.
    #[inline(always)]
    pub fn check_open(&self, settings: &Settings, now: i64) -> Result<()> {
        let state = CampaignState {
            closed: self.closed != 0,
            paused: self.paused != 0,
            starts_at: settings.starts_at.get(),
            ends_at: settings.ends_at.get(),
        };
        Ok(state.check(now).map_err(E::from)?)
    }

    /// Whether anybody may close it at `now`, in unix seconds: 30 days after its end, or after
    /// announced settings came into force if that was later.
    pub fn is_abandoned(&self, now: i64) -> bool {
        let (ends, from) = (self.in_force(now).ends_at.get(), self.next_from.get());
        ends != 0 && now >= ends.max(from).saturating_add(CLOSE_PERIOD)
    }

    /// Whether it is closed and its claim period is over.
    pub fn claims_are_over(&self, now: i64) -> bool {
        let held = i64::from(self.longest_hold.get());
        let over = self.closed_at.get().saturating_add(held);
        self.closed == 1 && now >= over.saturating_add(CLAIM_PERIOD)
    }

    /// Fails unless `authority` is the campaign's.
    #[inline]
    pub fn check_authority(&self, authority: &Address) -> Result<()> {
        require!(address_eq(&self.authority, authority), E::Unauthorized);
        Ok(())
    }
}

/// The error for a rule that is refused.
fn wrong(rule: InvalidRule) -> E {
    match rule {
        InvalidRule::Reward => E::InvalidReward,
        InvalidRule::Tiers => E::InvalidTiers,
        InvalidRule::Bonuses => E::InvalidBonuses,
        InvalidRule::Shares => E::InvalidShares,
    }
}
