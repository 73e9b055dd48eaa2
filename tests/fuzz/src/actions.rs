//! Random steps: most of them possible, many at a boundary, some hostile.

use borsh::BorshSerialize;
use solana_sdk::pubkey::Pubkey;
use vouch_client::{
    PROGRAM_ID,
    accounts::{
        Account, Bonus, Campaign, Conversion, Funding, Proof, Referee, Referral, Status, Tier,
    },
    voucher,
};

use crate::{
    model::{Body, INSTRUCTIONS, Model, SYSTEM, TOKEN, associated},
    program::{
        SPECS, binding_at, campaign_at, conversion_at, declared, discriminator, key_of,
        referral_at, reward_account,
    },
    rules::{self, RawSettings, RawTerms},
    step::{Meta, Step},
    world::World,
};

/// Codes that anybody registers; the last two are none.
const CODES: [&[u8; 12]; 5] = [
    b"ABCDEF\0\0\0\0\0\0",
    b"CODE22\0\0\0\0\0\0",
    b"ZZZZZZZZZZZZ",
    b"ABCDE\0\0\0\0\0\0\0",
    b"abcdefg\0\0\0\0\0",
];
/// References of orders; the first is none.
const REFERENCES: [[u8; 32]; 4] = [[0; 32], [1; 32], [2; 32], [3; 32]];
const DAY: u32 = 86_400;
const YEAR: u32 = 31_536_000;

/// SplitMix64: the same numbers everywhere, for ever.
#[derive(Debug, Clone)]
pub struct Rng(pub u64);

impl Rng {
    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end.max(1)
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// Makes steps for a model.
pub struct Maker<'a> {
    /// Where chance comes from.
    pub rng: &'a mut Rng,
    /// Who there is.
    pub world: &'a World,
    /// What there is.
    pub model: &'a Model,
}

fn meta(key: Pubkey, flags: &str) -> Meta {
    Meta {
        key,
        signer: flags.contains('s'),
        writable: flags.contains('w'),
    }
}

fn optional(key: Option<Pubkey>, flags: &str) -> Meta {
    key.map_or(meta(PROGRAM_ID, ""), |key| meta(key, flags))
}

fn call(name: &str, args: &impl BorshSerialize, metas: Vec<Meta>) -> Step {
    let mut data = discriminator(name).to_vec();
    args.serialize(&mut data)
        .expect("a vector takes every byte");
    Step::Call {
        voucher: None,
        data,
        metas,
    }
}

/// An account of the program with its address.
type Found<T> = (Pubkey, T);

impl Maker<'_> {
    /// The next step.
    pub fn step(&mut self) -> Step {
        let roll = self.rng.below(100);
        if roll < 6 {
            return self.time();
        }
        if roll < 14 {
            return self.elsewhere();
        }
        let kind = self.kind();
        // What the model would accept is tried more often than chance alone would.
        let tries = if self.rng.percent(80) { 8 } else { 1 };
        let mut last = None;
        for _ in 0..tries {
            let Some(step) = self.call_of(kind) else {
                continue;
            };
            let accepted = self.model.predict(&step).is_ok();
            last = Some(step);
            if accepted {
                break;
            }
        }
        let Some(mut step) = last else {
            return self.time();
        };
        self.leave_out(kind, &mut step);
        if self.rng.percent(15) {
            self.spoil(&mut step);
        }
        step
    }

    /// Most of the time, leaves out accounts at the end that are all absent.
    fn leave_out(&mut self, kind: &str, step: &mut Step) {
        if let Step::Call { metas, .. } = step
            && let Some(declared) = declared(kind)
            && metas[declared..].iter().all(|meta| meta.key == PROGRAM_ID)
            && self.rng.percent(70)
        {
            metas.truncate(declared);
        }
    }

    fn kind(&mut self) -> &'static str {
        let campaigns = self.campaigns();
        if campaigns.len() < 3 && self.rng.percent(50) {
            return "create_campaign";
        }
        if self.referrals().len() < 3 && self.rng.percent(50) {
            return "create_referral";
        }
        let closed = campaigns.iter().any(|(_, campaign)| campaign.closed)
            || campaigns.len() < self.tombstones();
        let paused = campaigns.iter().any(|(_, campaign)| campaign.paused);
        let windows = campaigns.iter().any(|(_, c)| c.attribution_window > 0);
        let stopped = self.referrals().iter().any(|(_, r)| r.suspended);
        let often = |name: &str| match name {
            "convert" => 18,
            "purchase" => 18,
            "claim" => 12,
            "create_referral" | "cancel_conversion" | "fund_vault" => 6,
            "bind" if windows => 12,
            "bind" => 1,
            "set_partner" | "create_campaign" | "update_campaign" => 5,
            "withdraw_vault" | "update_referral" | "accept_owner" | "propose_owner" => 3,
            "set_paused" if paused => 5,
            "set_suspended" if stopped => 5,
            "set_paused" | "set_suspended" | "remove_partner" => 2,
            "close_referral" | "propose_authority" | "accept_authority" => 2,
            "close_campaign" => 1,
            _ if closed => 4,
            _ => 1,
        };
        let total = SPECS.iter().map(|(name, _)| often(name)).sum();
        let mut roll = self.rng.below(total);
        for (name, _) in SPECS {
            match roll.checked_sub(often(name)) {
                Some(left) => roll = left,
                None => return name,
            }
        }
        "convert"
    }

    fn ours<T>(&self, read: impl Fn(&Account) -> Option<T>) -> Vec<Found<T>> {
        let cells = self.model.cells.iter();
        cells
            .filter_map(|(key, cell)| match &cell.body {
                Body::Vouch(account) => read(account).map(|found| (*key, found)),
                _ => None,
            })
            .collect()
    }

    fn campaigns(&self) -> Vec<Found<Campaign>> {
        self.ours(|account| match account {
            Account::Campaign(campaign) => Some((**campaign).clone()),
            _ => None,
        })
    }

    fn referrals(&self) -> Vec<Found<Referral>> {
        self.ours(|account| match account {
            Account::Referral(referral) => Some((**referral).clone()),
            _ => None,
        })
    }

    fn conversions(&self) -> Vec<Found<Conversion>> {
        self.ours(|account| match account {
            Account::Conversion(conversion) => Some((**conversion).clone()),
            _ => None,
        })
    }

    fn bindings(&self) -> Vec<Found<Referee>> {
        self.ours(|account| match account {
            Account::Referee(binding) => Some((**binding).clone()),
            _ => None,
        })
    }

    fn tombstones(&self) -> usize {
        self.ours(|account| matches!(account, Account::Closed(_)).then_some(()))
            .len()
    }

    fn campaign(&mut self) -> Option<Found<Campaign>> {
        let all = self.campaigns();
        let index = self.rng.below(all.len() as u64) as usize;
        all.into_iter().nth(index)
    }

    /// A referral and its campaign, as far as that is still there.
    fn pair(&mut self) -> Option<(Found<Campaign>, Found<Referral>)> {
        let all = self.referrals();
        let index = self.rng.below(all.len() as u64) as usize;
        let referral = all.into_iter().nth(index)?;
        let campaign = self.campaign_at(&referral.1.campaign)?;
        Some(((referral.1.campaign, campaign), referral))
    }

    /// [`Self::pair`], most of the time one that can earn now.
    fn open_pair(
        &mut self,
        wanted: impl Fn(&Campaign) -> bool,
    ) -> Option<(Found<Campaign>, Found<Referral>)> {
        let now = self.model.now;
        let mut all = self.referrals();
        all.retain(|(_, referral)| {
            let campaign = self.campaign_at(&referral.campaign);
            let expired = referral.expires_at != 0 && now >= referral.expires_at;
            let full = referral.usage_limit != 0 && referral.conversions >= referral.usage_limit;
            referral.active
                && !referral.suspended
                && !expired
                && !full
                && campaign.is_some_and(|campaign| {
                    let ended = campaign.ends_at != 0 && now >= campaign.ends_at;
                    wanted(&campaign)
                        && !campaign.closed
                        && !campaign.paused
                        && !ended
                        && now >= campaign.starts_at
                })
        });
        if all.is_empty() || self.rng.percent(12) {
            return self.pair();
        }
        let index = self.rng.below(all.len() as u64) as usize;
        let referral = all.into_iter().nth(index)?;
        let campaign = self.campaign_at(&referral.1.campaign)?;
        Some(((referral.1.campaign, campaign), referral))
    }

    fn campaign_at(&self, key: &Pubkey) -> Option<Campaign> {
        match &self.model.cell(key).body {
            Body::Vouch(Account::Campaign(campaign)) => Some((**campaign).clone()),
            _ => None,
        }
    }

    fn referral_at(&self, key: &Pubkey) -> Option<Referral> {
        match &self.model.cell(key).body {
            Body::Vouch(Account::Referral(referral)) => Some((**referral).clone()),
            _ => None,
        }
    }

    fn person(&mut self) -> Pubkey {
        self.rng.pick(&self.world.people)
    }

    /// `right` most of the time, otherwise anybody.
    fn or_anybody(&mut self, right: Pubkey) -> Pubkey {
        if self.world.people.contains(&right) && self.rng.percent(93) {
            right
        } else {
            self.person()
        }
    }

    /// Now, or a moment at which something begins or ends, or just beside it.
    fn moments(&self) -> Vec<i64> {
        let mut moments = Vec::new();
        for (_, campaign) in self.campaigns() {
            moments.extend([campaign.starts_at, campaign.ends_at]);
            if campaign.closed {
                let hold = i64::from(campaign.longest_hold);
                moments.push(campaign.closed_at + hold + 2_592_000);
            }
        }
        moments.extend(
            self.referrals()
                .iter()
                .map(|(_, referral)| referral.expires_at),
        );
        moments.extend(self.conversions().iter().map(|(_, c)| c.claimable_from()));
        moments.extend(
            self.bindings()
                .iter()
                .map(|(_, binding)| binding.expires_at),
        );
        moments.retain(|moment| *moment > self.model.now && *moment < i64::MAX / 2);
        moments.sort_unstable();
        moments
    }

    fn time(&mut self) -> Step {
        let moments = self.moments();
        if moments.is_empty() || self.rng.percent(20) {
            return Step::Time(self.rng.pick(&[0, 1, 60, 3600, i64::from(DAY)]));
        }
        // The nearest ones first: a year's hold would end everything.
        let near = if self.rng.percent(85) {
            3
        } else {
            moments.len()
        };
        let index = self.rng.below(near.min(moments.len()) as u64) as usize;
        let beside = self.rng.pick(&[-1, 0, 0, 0, 1]);
        Step::Time((moments[index] + beside - self.model.now).max(0))
    }

    fn tokens(&self) -> Vec<Pubkey> {
        let vaults: Vec<_> = self.campaigns().iter().map(|(_, c)| c.vault).collect();
        let cells = self.model.cells.iter();
        cells
            .filter(|(key, cell)| matches!(cell.body, Body::Token(_)) && !vaults.contains(key))
            .map(|(key, _)| *key)
            .collect()
    }

    /// What happens outside of the program.
    fn elsewhere(&mut self) -> Step {
        let tokens = self.tokens();
        let campaigns = self.campaigns();
        match self.rng.below(16) {
            0 => Step::State(self.rng.pick(&tokens), 2),
            1 => {
                let frozen = |key: &&Pubkey| matches!(&self.model.cell(key).body, Body::Token(token) if token.state != 1);
                let frozen: Vec<_> = self.model.cells.keys().filter(frozen).copied().collect();
                if frozen.is_empty() {
                    return self.soon();
                }
                Step::State(self.rng.pick(&frozen), 1)
            }
            2 => Step::Give(self.rng.pick(&tokens), self.person()),
            3 => {
                let key = self.rng.pick(&tokens);
                let taken = |token: &Pubkey| match &self.model.cell(token).body {
                    Body::Token(account) => {
                        associated(&account.owner, &account.mint, &account.program).0 != *token
                    }
                    _ => false,
                };
                // Given away before: its owner takes it back.
                match tokens.iter().find(|token| taken(token)) {
                    Some(token) if self.rng.percent(60) => {
                        let owner = self.world.people.iter().copied().find(|owner| {
                            matches!(&self.model.cell(token).body, Body::Token(account)
                                if associated(owner, &account.mint, &account.program).0 == *token)
                        });
                        Step::Give(*token, owner.unwrap_or(self.world.people[0]))
                    }
                    _ => Step::Close(key),
                }
            }
            // Somebody makes the account that a reward waits for.
            14 | 15 => self.wanted().unwrap_or_else(|| self.soon()),
            4..=6 => {
                let mints = [&self.world.minted[..], &self.world.issued[..]].concat();
                let mint = match campaigns.as_slice() {
                    [] => self.rng.pick(&mints),
                    some if self.rng.percent(80) => {
                        let index = self.rng.below(some.len() as u64) as usize;
                        some[index].1.mint
                    }
                    _ => self.rng.pick(&mints),
                };
                let owner = self.person();
                Step::Open(owner, mint, self.rng.percent(15))
            }
            7 | 8 => {
                // A vault is made, or gets tokens from nowhere.
                let index = self.rng.below(campaigns.len() as u64) as usize;
                match campaigns.get(index) {
                    Some((key, campaign)) if campaign.vault != SYSTEM => {
                        let made = self.model.cell(&campaign.vault).body != Body::Nothing;
                        if made {
                            Step::Issue(campaign.vault, self.units())
                        } else {
                            Step::Open(*key, campaign.mint, false)
                        }
                    }
                    _ => self.soon(),
                }
            }
            9 => {
                let key = if self.rng.percent(50) {
                    let index = self.rng.below(self.model.cells.len() as u64) as usize;
                    *self.model.cells.keys().nth(index).unwrap_or(&SYSTEM)
                } else {
                    self.future_address()
                };
                if key == SYSTEM {
                    return self.soon();
                }
                Step::Dust(key, self.rng.pick(&[1, 890_880, 2_000_000, 50_000_000]))
            }
            10 => Step::Spend(
                self.rng.pick(&self.world.people[3..]),
                self.rng.pick(&[0, 0, 890_880, 5_000_000]),
            ),
            11 => Step::Dust(self.person(), 50_000_000_000),
            12 => {
                let index = self.rng.below(campaigns.len() as u64) as usize;
                match campaigns.get(index) {
                    Some((_, campaign)) if campaign.vault != SYSTEM => {
                        let state = match &self.model.cell(&campaign.vault).body {
                            Body::Token(vault) if vault.state == 1 => 2,
                            _ => 1,
                        };
                        Step::State(campaign.vault, state)
                    }
                    _ => self.soon(),
                }
            }
            _ => {
                if !self.rng.percent(10) {
                    return self.soon();
                }
                // A mint that has nearly no room.
                let mint = self.rng.pick(&self.world.minted);
                match &self.model.cell(&mint).body {
                    Body::Mint(facts) if facts.supply < 1 << 60 => {
                        let left = self.rng.pick(&[0, 1, 50, 1_000]);
                        Step::Supply(mint, u64::MAX - facts.supply - left)
                    }
                    _ => self.soon(),
                }
            }
        }
    }

    /// A few seconds.
    fn soon(&mut self) -> Step {
        Step::Time(self.rng.pick(&[0, 1, 1, 20]))
    }

    /// The account of somebody who is owed something is made, thawed or given back.
    fn wanted(&mut self) -> Option<Step> {
        let mut pending = self.conversions();
        pending.retain(|(_, conversion)| conversion.status == Status::Pending);
        let index = self.rng.below(pending.len() as u64) as usize;
        let (_, conversion) = pending.into_iter().nth(index)?;
        let referral = self.referral_at(&conversion.referral)?;
        let campaign = self.campaign_at(&referral.campaign)?;
        let owners = [
            (1, referral.owner),
            (2, conversion.referee),
            (4, referral.partner),
        ];
        let open: Vec<_> = owners
            .into_iter()
            .filter(|(bit, owner)| conversion.settled & bit == 0 && *owner != SYSTEM)
            .collect();
        let (_, owner) = open.get(self.rng.below(open.len() as u64) as usize)?;
        let account = reward_account(&campaign, owner).0;
        if campaign.mint == SYSTEM {
            return Some(Step::Dust(account, 2_000_000));
        }
        Some(match &self.model.cell(&account).body {
            Body::Token(token) if token.state != 1 => Step::State(account, 1),
            Body::Token(token) if token.owner != *owner => Step::Give(account, *owner),
            Body::Token(token) if token.memo => Step::Close(account),
            _ => Step::Open(*owner, campaign.mint, false),
        })
    }

    /// An address that the program may write to later.
    fn future_address(&mut self) -> Pubkey {
        let Some((key, campaign)) = self.campaign() else {
            let creator = self.rng.pick(&self.world.people[..2]);
            return campaign_at(&creator, 1 + self.rng.below(crate::world::IDS)).0;
        };
        let person = self.person();
        match self.rng.below(3) {
            0 => referral_at(&key, self.rng.pick(&CODES)).0,
            1 => binding_at(&key, &person).0,
            _ => {
                let (referral, _) = referral_at(&key, self.rng.pick(&CODES));
                let reference = self.rng.pick(&REFERENCES);
                conversion_at(&key, &key_of(&campaign, &person, &referral, &reference)).0
            }
        }
    }

    /// Base units: small, round, or at an end.
    fn units(&mut self) -> u64 {
        match self.rng.below(20) {
            0 => 0,
            1 | 2 => 1,
            3 => self
                .rng
                .pick(&[u64::MAX, u64::MAX / 2, u64::MAX / 100, 1 << 53]),
            4..=7 => self.rng.below(20),
            8..=12 => self.rng.pick(&[9_999, 10_000, 10_001, 100, 1_000]),
            _ => self.rng.below(100_000),
        }
    }

    fn bps(&mut self) -> u16 {
        match self.rng.below(8) {
            0 => 0,
            1 => self.rng.pick(&[1, 9_999, 10_000, 10_001, u16::MAX]),
            _ => self.rng.below(5_000) as u16,
        }
    }

    fn terms(&mut self) -> RawTerms {
        if self.rng.percent(3) {
            return RawTerms {
                funding: self.rng.below(4) as u8,
                proof: self.rng.below(4) as u8,
                uniqueness: self.rng.below(4) as u8,
            };
        }
        let funding = self.rng.below(3) as u8;
        let proof = if funding == 2 {
            2
        } else {
            self.rng.below(3) as u8
        };
        let uniqueness = self.rng.below(if proof == 0 { 2 } else { 3 }) as u8;
        RawTerms {
            funding,
            proof,
            uniqueness,
        }
    }

    /// Settings that mostly go with these terms. `treasury` is what could receive
    /// payments.
    fn settings(&mut self, terms: &RawTerms, treasury: Pubkey, committed: u64) -> RawSettings {
        let nobody = Pubkey::default();
        let percent = terms.proof != 0 && self.rng.percent(60);
        let mut tiers = [Tier::default(); 4];
        if self.rng.percent(45) {
            let mut least = 0;
            for tier in tiers.iter_mut().take(1 + self.rng.below(4) as usize) {
                least += 1 + self.rng.below(3);
                *tier = Tier {
                    min_conversions: least,
                    multiplier_bps: self.rng.pick(&[10_001, 15_000, 20_000, 33_333, 1_000_000]),
                };
            }
        }
        let mut bonuses = [Bonus::default(); 4];
        if terms.funding != 2 && self.rng.percent(45) {
            let mut threshold = 0;
            for bonus in bonuses.iter_mut().take(1 + self.rng.below(4) as usize) {
                threshold += 1 + self.rng.below(2);
                *bonus = Bonus {
                    threshold,
                    amount: 1 + self.rng.below(500),
                };
            }
        }
        let referee_share_bps = if self.rng.percent(60) {
            self.rng.below(5_001) as u16
        } else {
            0
        };
        let max_partner_share_bps = if self.rng.percent(70) {
            self.rng.pick(&[1, 1_000, 3_333, 5_000])
        } else {
            0
        };
        let now = self.model.now;
        let mut settings = RawSettings {
            reward_kind: u8::from(percent),
            reward_fixed: if percent {
                0
            } else {
                1 + self.rng.below(1_000)
            },
            reward_bps: if percent {
                self.rng.pick(&[1, 250, 1_000, 3_333, 10_000])
            } else {
                0
            },
            reward_max: if percent {
                self.rng.pick(&[1, 500, 100_000, 3_000_000, u64::MAX / 2])
            } else {
                0
            },
            min_amount: if self.rng.percent(75) {
                0
            } else {
                self.rng.pick(&[1, 100, 1_000])
            },
            referee_share_bps,
            max_partner_share_bps,
            tiers,
            bonuses,
            hold_seconds: if self.rng.percent(55) {
                0
            } else {
                self.rng.pick(&[1, 100, DAY, 30 * DAY, YEAR])
            },
            attribution_window: if self.rng.percent(75) {
                0
            } else {
                self.rng.pick(&[1, 1_000, DAY, YEAR])
            },
            starts_at: if self.rng.percent(90) {
                0
            } else {
                now + self.rng.below(200) as i64
            },
            ends_at: if self.rng.percent(85) {
                0
            } else {
                now + 201 + self.rng.below(100_000) as i64
            },
            budget: if self.rng.percent(60) {
                0
            } else {
                committed.saturating_add(self.rng.pick(&[0, 1, 500, 1_000, 5_000, 100_000]))
            },
            attested_codes: u8::from(self.rng.percent(12)),
            attestor: if self.rng.percent(90) {
                self.world.people[4]
            } else {
                self.person()
            },
            treasury: if terms.proof == 2 { treasury } else { nobody },
        };
        if self.rng.percent(15) {
            self.spoil_settings(&mut settings);
        }
        settings
    }

    /// One field at a boundary, or beyond.
    fn spoil_settings(&mut self, s: &mut RawSettings) {
        match self.rng.below(16) {
            0 => s.reward_kind = self.rng.below(3) as u8,
            1 => s.reward_fixed = self.units(),
            2 => s.reward_bps = self.bps(),
            3 => s.reward_max = self.units(),
            4 => s.min_amount = self.units(),
            5 => s.referee_share_bps = self.bps(),
            6 => s.max_partner_share_bps = self.bps(),
            7 => {
                let index = self.rng.below(4) as usize;
                let multipliers = [0, 10_000, 10_001, 1_000_000, 1_000_001, u32::MAX];
                s.tiers[index] = Tier {
                    min_conversions: self.rng.below(6),
                    multiplier_bps: self.rng.pick(&multipliers),
                };
            }
            8 => {
                let index = self.rng.below(4) as usize;
                s.bonuses[index] = Bonus {
                    threshold: self.rng.below(6),
                    amount: self.units(),
                };
            }
            9 => s.hold_seconds = self.rng.pick(&[YEAR, YEAR + 1, u32::MAX]),
            10 => s.attribution_window = self.rng.pick(&[YEAR, YEAR + 1, u32::MAX]),
            11 => {
                let now = self.model.now;
                s.starts_at = self.rng.pick(&[-1, now, now + 1, i64::MIN, i64::MAX]);
            }
            12 => {
                let now = self.model.now;
                s.ends_at = self
                    .rng
                    .pick(&[-1, 1, now - 1, now, now + 1, s.starts_at, i64::MAX]);
            }
            13 => s.budget = self.units(),
            14 => s.attestor = Pubkey::default(),
            _ => {
                s.treasury = if self.rng.percent(50) {
                    Pubkey::default()
                } else {
                    self.person()
                };
            }
        }
    }

    /// Something that could receive payments in `mint`.
    fn treasury(&mut self, mint: &Pubkey) -> Pubkey {
        let mut account = SYSTEM;
        for _ in 0..4 {
            let owner = self.person();
            let Body::Mint(facts) = &self.model.cell(mint).body else {
                return owner;
            };
            account = associated(&owner, mint, &facts.program).0;
            if self.model.cell(&account).body != Body::Nothing {
                break;
            }
        }
        account
    }

    /// A call of this instruction; `None` where nothing is there to be named.
    fn call_of(&mut self, name: &'static str) -> Option<Step> {
        match name {
            "create_campaign" => self.create_campaign(),
            "update_campaign" | "set_paused" | "propose_authority" | "accept_authority"
            | "close_campaign" => self.on_campaign(name),
            "reclaim_campaign" => self.reclaim_campaign(),
            "fund_vault" | "withdraw_vault" => self.on_vault(name),
            "create_referral" => self.create_referral(),
            "update_referral" | "remove_partner" | "propose_owner" | "close_referral"
            | "set_suspended" | "set_partner" | "accept_owner" => self.on_referral(name),
            "bind" => self.bind(),
            "convert" => self.convert(),
            "purchase" => self.purchase(),
            "claim" | "cancel_conversion" | "reclaim_conversion" => self.on_conversion(name),
            "reclaim_referral" => self.reclaim_referral(),
            _ => self.reclaim_referee(),
        }
    }

    fn create_campaign(&mut self) -> Option<Step> {
        let index = self.rng.below(2 * crate::world::IDS) as usize;
        let (creator, id) = self.world.campaigns().nth(index)?;
        let terms = self.terms();
        let issued = self.world.issued.clone();
        let payment = if terms.proof == 2 && self.rng.percent(50) {
            self.rng.pick(&issued[..2])
        } else {
            SYSTEM
        };
        let mut payment = payment;
        let mut mint = match terms.funding {
            0 => self.world.minted[index],
            1 => self.rng.pick(&issued[..3]),
            _ => payment,
        };
        if self.rng.percent(6) {
            let all = [&issued[..], &self.world.minted[..], &[SYSTEM]].concat();
            mint = self.rng.pick(&all);
        }
        if self.rng.percent(4) {
            payment = self.rng.pick(&issued);
        }
        let program = match &self.model.cell(&mint).body {
            Body::Mint(mint) => mint.program,
            _ if self.rng.percent(95) => SYSTEM,
            _ => TOKEN,
        };
        let treasury = self.treasury(&payment);
        let settings = self.settings(&terms, treasury, 0);
        let payer = self.or_anybody(creator);
        let (address, _) = campaign_at(&creator, id);
        Some(call(
            "create_campaign",
            &(id, terms, settings),
            vec![
                meta(payer, "sw"),
                meta(creator, "s"),
                meta(address, "w"),
                meta(mint, ""),
                meta(payment, ""),
                meta(program, ""),
                meta(SYSTEM, ""),
            ],
        ))
    }

    fn on_campaign(&mut self, name: &'static str) -> Option<Step> {
        let (mut key, mut campaign) = self.campaign()?;
        if name == "set_paused" && self.rng.percent(70) {
            let paused = self
                .campaigns()
                .into_iter()
                .find(|(_, c)| c.paused && !c.closed);
            (key, campaign) = paused.unwrap_or((key, campaign));
        }
        let right = if name == "accept_authority" {
            campaign.pending_authority
        } else {
            campaign.authority
        };
        let signer = self.or_anybody(right);
        let metas = vec![meta(signer, "s"), meta(key, "w")];
        Some(match name {
            "update_campaign" => {
                let terms = RawTerms {
                    funding: campaign.funding as u8,
                    proof: campaign.proof as u8,
                    uniqueness: campaign.uniqueness as u8,
                };
                let treasury = if self.rng.percent(60) {
                    campaign.treasury
                } else {
                    self.treasury(&campaign.payment_mint)
                };
                let settings = self.settings(&terms, treasury, campaign.committed);
                call(name, &settings, metas)
            }
            "set_paused" => call(name, &(!campaign.paused || self.rng.percent(10)), metas),
            "propose_authority" => {
                let new = if self.rng.percent(85) {
                    self.person()
                } else {
                    SYSTEM
                };
                call(name, &new, metas)
            }
            _ => call(name, &(), metas),
        })
    }

    fn reclaim_campaign(&mut self) -> Option<Step> {
        let all = self.campaigns();
        let closed: Vec<_> = all.iter().filter(|(_, campaign)| campaign.closed).collect();
        let (key, campaign) = if closed.is_empty() {
            self.campaign()?
        } else {
            closed[self.rng.below(closed.len() as u64) as usize].clone()
        };
        let vault = (campaign.vault != SYSTEM).then_some(campaign.vault);
        let to = self.account_of(&campaign);
        let authority = self.or_anybody(campaign.authority);
        Some(call(
            "reclaim_campaign",
            &(),
            vec![
                meta(authority, "s"),
                meta(key, "w"),
                meta(campaign.rent_payer, "w"),
                optional((campaign.mint != SYSTEM).then_some(campaign.mint), "w"),
                optional(vault, "w"),
                optional(vault.and(to), "w"),
                meta(campaign.token_program, ""),
            ],
        ))
    }

    /// Somebody's account of the rewards' token.
    fn account_of(&mut self, campaign: &Campaign) -> Option<Pubkey> {
        let owner = self.person();
        (campaign.mint != SYSTEM).then(|| reward_account(campaign, &owner).0)
    }

    fn on_vault(&mut self, name: &'static str) -> Option<Step> {
        let mut all = self.campaigns();
        if self.rng.percent(95) {
            all.retain(|(_, campaign)| campaign.vault != SYSTEM);
        }
        if name == "fund_vault" && self.rng.percent(95) {
            all.retain(|(_, campaign)| campaign.funding == Funding::Vault);
        }
        let index = self.rng.below(all.len() as u64) as usize;
        let (key, campaign) = all.into_iter().nth(index)?;
        let owner = self.person();
        let account = reward_account(&campaign, &owner).0;
        let balance = match &self.model.cell(&campaign.vault).body {
            Body::Token(vault) => vault.amount,
            _ => 0,
        };
        if name == "fund_vault" {
            let amount = if self.rng.percent(90) {
                self.rng.below(20_000)
            } else {
                self.units()
            };
            let metas = vec![
                meta(owner, "s"),
                meta(key, ""),
                meta(campaign.mint, ""),
                meta(account, "w"),
                meta(campaign.vault, "w"),
                meta(campaign.token_program, ""),
            ];
            return Some(call(name, &amount, metas));
        }
        let free = balance.saturating_sub(campaign.owed);
        let amounts = [0, 1, free, free.saturating_add(1), free / 2, balance];
        let amount = self.rng.pick(&amounts);
        let authority = self.or_anybody(campaign.authority);
        let metas = vec![
            meta(authority, "s"),
            meta(key, ""),
            meta(campaign.mint, ""),
            meta(campaign.vault, "w"),
            meta(account, "w"),
            meta(campaign.token_program, ""),
        ];
        Some(call(name, &amount, metas))
    }

    fn create_referral(&mut self) -> Option<Step> {
        let (key, campaign) = self.campaign()?;
        let code = if self.rng.percent(95) {
            self.rng.pick(&CODES[..3])
        } else {
            self.rng.pick(&CODES)
        };
        let usage_limit = if self.rng.percent(75) {
            0
        } else {
            1 + self.rng.below(4)
        };
        let expires_at = self.expiry();
        let owner = self.person();
        let payer = self.person();
        let attestor = (campaign.attested_codes || self.rng.percent(5))
            .then(|| self.or_anybody(campaign.attestor))
            .filter(|_| self.rng.percent(95));
        Some(call(
            "create_referral",
            &(*code, usage_limit, expires_at),
            vec![
                meta(payer, "sw"),
                meta(owner, "s"),
                meta(key, ""),
                meta(referral_at(&key, code).0, "w"),
                optional(attestor, "s"),
                meta(SYSTEM, ""),
            ],
        ))
    }

    fn expiry(&mut self) -> i64 {
        let now = self.model.now;
        match self.rng.below(10) {
            0 => self.rng.pick(&[now - 1, now, now + 1, -1, i64::MAX]),
            1 | 2 => now + 1 + self.rng.below(10_000) as i64,
            _ => 0,
        }
    }

    fn on_referral(&mut self, name: &'static str) -> Option<Step> {
        let ((mut key, mut campaign), (mut at, mut referral)) = self.pair()?;
        if self.rng.percent(70) {
            // Somebody is there to leave, or to take over.
            let mut all = self.referrals();
            match name {
                "remove_partner" => all.retain(|(_, referral)| referral.partner != SYSTEM),
                "accept_owner" => all.retain(|(_, referral)| referral.pending_owner != SYSTEM),
                _ => all.clear(),
            }
            let index = self.rng.below(all.len() as u64) as usize;
            if let Some((found, one)) = all.into_iter().nth(index)
                && let Some(of) = self.campaign_at(&one.campaign)
            {
                (key, campaign, at, referral) = (one.campaign, of, found, one);
            }
        }
        if name == "set_suspended" && self.rng.percent(70) {
            let all = self.referrals();
            let stopped = all.into_iter().find(|(_, referral)| referral.suspended);
            if let Some((found, stopped)) = stopped
                && let Some(of) = self.campaign_at(&stopped.campaign)
            {
                (key, campaign, at, referral) = (stopped.campaign, of, found, stopped);
            }
        }
        let right = match name {
            "remove_partner" => referral.partner,
            "accept_owner" => referral.pending_owner,
            "set_suspended" => campaign.authority,
            _ => referral.owner,
        };
        let signer = self.or_anybody(right);
        let short = vec![meta(signer, "s"), meta(at, "w")];
        Some(match name {
            "update_referral" => {
                let counts = referral.conversions;
                let limits = [
                    0,
                    0,
                    counts,
                    counts + 1,
                    counts.saturating_sub(1),
                    counts + 5,
                ];
                let expires_at = if self.rng.percent(30) {
                    referral.expires_at
                } else {
                    self.expiry()
                };
                let args = (self.rng.percent(80), self.rng.pick(&limits), expires_at);
                call(name, &args, short)
            }
            "remove_partner" => call(name, &(), short),
            "propose_owner" => {
                let new = if self.rng.percent(90) {
                    self.person()
                } else {
                    SYSTEM
                };
                call(name, &new, short)
            }
            "close_referral" => {
                let metas = vec![
                    meta(signer, "s"),
                    meta(at, "w"),
                    meta(referral.rent_payer, "w"),
                ];
                call(name, &(), metas)
            }
            "set_suspended" => {
                let metas = vec![meta(signer, "s"), meta(key, ""), meta(at, "w")];
                call(name, &(!referral.suspended || self.rng.percent(10)), metas)
            }
            "set_partner" => {
                let most = campaign.max_partner_share_bps;
                let shares = [most, most.saturating_add(1), most / 2, 1, 0];
                let partner = if referral.partner != SYSTEM && self.rng.percent(50) {
                    referral.partner
                } else {
                    self.person()
                };
                let metas = vec![
                    meta(signer, "s"),
                    meta(partner, "s"),
                    meta(key, ""),
                    meta(at, "w"),
                ];
                call(name, &self.rng.pick(&shares), metas)
            }
            _ => {
                let metas = vec![meta(signer, "s"), meta(key, ""), meta(at, "w")];
                call(name, &(), metas)
            }
        })
    }

    fn bind(&mut self) -> Option<Step> {
        let ((key, _), (at, referral)) =
            self.open_pair(|campaign| campaign.attribution_window > 0)?;
        let wallet = self.person();
        let payer = self.or_anybody(wallet);
        Some(call(
            "bind",
            &referral.code,
            vec![
                meta(payer, "sw"),
                meta(wallet, "s"),
                meta(key, ""),
                meta(at, ""),
                meta(binding_at(&key, &wallet).0, "w"),
                meta(SYSTEM, ""),
            ],
        ))
    }

    /// Writable where conversions count something; seldom not.
    fn campaign_meta(&mut self, key: Pubkey, campaign: &Campaign) -> Meta {
        let counts = campaign.budget > 0 || campaign.vault != SYSTEM;
        let writable = counts != self.rng.percent(3);
        meta(key, if writable { "w" } else { "" })
    }

    /// Where each part goes, as far as it is needed; more is named now and then.
    fn accounts(
        &mut self,
        campaign: &Campaign,
        referral: &Referral,
        referee: &Pubkey,
        units: [u64; 3],
        now: bool,
    ) -> [Option<Pubkey>; 3] {
        let mut index = 0;
        [referral.owner, *referee, referral.partner].map(|owner| {
            let needed = now && units[index] > 0;
            index += 1;
            let named = needed || (owner != SYSTEM && self.rng.percent(10));
            named.then(|| reward_account(campaign, &owner).0)
        })
    }

    fn reference(&mut self, campaign: &Campaign) -> [u8; 32] {
        let orders = campaign.uniqueness == vouch_client::accounts::Uniqueness::Order;
        if orders && self.rng.percent(95) {
            self.rng.pick(&REFERENCES[1..])
        } else {
            self.rng.pick(&REFERENCES)
        }
    }

    fn amount(&mut self, campaign: &Campaign) -> u64 {
        let least = campaign.min_amount;
        match self.rng.below(10) {
            0 => least,
            1 => least.saturating_sub(1),
            2 => self.units(),
            3 => self.rng.below(3_000_000_000),
            _ => least.saturating_add(self.rng.below(20_000)),
        }
    }

    fn convert(&mut self) -> Option<Step> {
        let ((key, campaign), (at, referral)) =
            self.open_pair(|campaign| campaign.proof != Proof::Payment)?;
        if campaign.proof == Proof::Payment && !self.rng.percent(5) {
            return None;
        }
        let referee = self.person();
        let payer = self.or_anybody(referee);
        let amount = self.amount(&campaign);
        let reference = self.reference(&campaign);
        let action = if self.rng.percent(97) {
            self.rng.below(9) as u8
        } else {
            9
        };
        let parts = rules::reward(&campaign, &referral, amount);
        let at_once = campaign.hold_seconds == 0;
        let accounts = self.accounts(&campaign, &referral, &referee, parts.units, at_once);
        let once = key_of(&campaign, &referee, &at, &reference);
        let binding = (campaign.attribution_window > 0)
            .then(|| binding_at(&key, &referee).0)
            .filter(|binding| self.model.cell(binding).is_ours());
        let attested = campaign.proof == Proof::Attested;
        let mut attestor = None;
        let mut voucher = None;
        if attested {
            match self.rng.below(20) {
                0 => {}
                1 => attestor = Some(self.person()),
                2..=10 => attestor = Some(campaign.attestor),
                _ => {
                    let statement = voucher::Statement {
                        campaign: key,
                        referral: at,
                        referee,
                        action: vouch_client::accounts::Action::ALL[usize::from(action.min(8))],
                        amount,
                        reference,
                        expires_at: self.model.now + self.rng.pick(&[1, 1, 100, 0, -1]),
                    };
                    voucher = Some(self.voucher(&campaign, statement));
                }
            }
        }
        let instructions = voucher.is_some().then_some(INSTRUCTIONS);
        let mint = at_once.then_some(campaign.mint);
        let vault = (campaign.vault != SYSTEM).then_some(campaign.vault);
        let owner_account = reward_account(&campaign, &referral.owner).0;
        let campaign_meta = self.campaign_meta(key, &campaign);
        let mut step = call(
            "convert",
            &(referral.code, action, amount, reference),
            vec![
                meta(payer, "sw"),
                meta(referee, "s"),
                campaign_meta,
                meta(at, "w"),
                meta(conversion_at(&key, &once).0, "w"),
                optional(mint, "w"),
                meta(owner_account, "w"),
                meta(campaign.token_program, ""),
                meta(SYSTEM, ""),
                optional(attestor, "s"),
                optional(instructions, ""),
                optional(binding, ""),
                optional(accounts[1], "w"),
                optional(accounts[2], "w"),
                optional(vault, "w"),
            ],
        );
        if let Step::Call { voucher: slot, .. } = &mut step {
            *slot = voucher;
        }
        Some(step)
    }

    /// A voucher; now and then somebody else's, or for something else.
    fn voucher(&mut self, campaign: &Campaign, mut statement: voucher::Statement) -> Vec<u8> {
        let right = self
            .world
            .people
            .iter()
            .position(|p| *p == campaign.attestor);
        let mut signer = right.unwrap_or(0);
        match self.rng.below(24) {
            0 => signer = self.rng.below(self.world.people.len() as u64) as usize,
            1 => statement.amount = statement.amount.wrapping_add(1),
            2 => statement.referee = self.person(),
            3 => statement.reference = self.rng.pick(&REFERENCES),
            4 => statement.referral = statement.campaign,
            _ => {}
        }
        let message = voucher::message(&statement);
        // The chain of the fuzzer does not look at the signature itself.
        voucher::instruction(&self.world.people[signer], &[0; 64], &message).data
    }

    fn purchase(&mut self) -> Option<Step> {
        let ((key, campaign), (at, referral)) =
            self.open_pair(|campaign| campaign.proof == Proof::Payment)?;
        if campaign.proof != Proof::Payment && !self.rng.percent(5) {
            return None;
        }
        let buyer = self.person();
        let payer = self.or_anybody(buyer);
        let amount = self.amount(&campaign);
        let reference = self.reference(&campaign);
        let parts = rules::reward(&campaign, &referral, amount);
        let at_once = campaign.hold_seconds == 0;
        let split = campaign.funding == Funding::PaymentSplit;
        let mut accounts = self.accounts(&campaign, &referral, &buyer, parts.units, at_once);
        if split && self.rng.percent(90) {
            accounts[1] = None;
        }
        let once = key_of(&campaign, &buyer, &at, &reference);
        let binding = (campaign.attribution_window > 0)
            .then(|| binding_at(&key, &buyer).0)
            .filter(|binding| self.model.cell(binding).is_ours());
        let payment = (campaign.payment_mint != SYSTEM).then_some(campaign.payment_mint);
        let payment_program = payment.map(|mint| match &self.model.cell(&mint).body {
            Body::Mint(mint) => mint.program,
            _ => TOKEN,
        });
        let source = match (payment, payment_program) {
            (Some(mint), Some(program)) => Some(associated(&buyer, &mint, &program).0),
            _ => None,
        };
        let moves = at_once && !split;
        let mint = moves.then_some(campaign.mint);
        let program = moves.then_some(campaign.token_program);
        let vault = (campaign.vault != SYSTEM).then_some(campaign.vault);
        let owner_account = reward_account(&campaign, &referral.owner).0;
        let campaign_meta = self.campaign_meta(key, &campaign);
        Some(call(
            "purchase",
            &(referral.code, self.rng.below(9) as u8, amount, reference),
            vec![
                meta(payer, "sw"),
                meta(buyer, "sw"),
                campaign_meta,
                meta(at, "w"),
                meta(conversion_at(&key, &once).0, "w"),
                meta(campaign.treasury, "w"),
                meta(owner_account, "w"),
                meta(SYSTEM, ""),
                optional(payment, ""),
                optional(source, "w"),
                optional(payment_program, ""),
                optional(mint, "w"),
                optional(program, ""),
                optional(binding, ""),
                optional(accounts[1], "w"),
                optional(accounts[2], "w"),
                optional(vault, "w"),
            ],
        ))
    }

    fn on_conversion(&mut self, name: &'static str) -> Option<Step> {
        let mut all = self.conversions();
        if name != "reclaim_conversion" && self.rng.percent(90) {
            all.retain(|(_, conversion)| conversion.status == Status::Pending);
        }
        let now = self.model.now;
        let due = |conversion: &Conversion| match name {
            "claim" => conversion.claimable_from() <= now,
            _ => conversion.claimable_from() > now,
        };
        if name != "reclaim_conversion"
            && self.rng.percent(80)
            && all.iter().any(|(_, conversion)| due(conversion))
        {
            all.retain(|(_, conversion)| due(conversion));
        }
        let index = self.rng.below(all.len() as u64) as usize;
        let (at, conversion) = all.into_iter().nth(index)?;
        let referral = self.referral_at(&conversion.referral);
        if name == "reclaim_conversion" {
            // The referral may be gone already; then the address tells.
            let found = self
                .world
                .campaigns()
                .map(|(creator, id)| campaign_at(&creator, id).0);
            let campaign = match &referral {
                Some(referral) => Some(referral.campaign),
                None => found.into_iter().find(|campaign| {
                    CODES
                        .iter()
                        .any(|code| referral_at(campaign, code).0 == conversion.referral)
                }),
            }?;
            // A reclaimed campaign no longer says which key it was: try each.
            let mut keys = [
                conversion.referee.to_bytes(),
                conversion.reference,
                crate::model::sha256(&[conversion.referee.as_ref(), conversion.referral.as_ref()]),
                crate::model::sha256(&[conversion.referee.as_ref(), &conversion.reference]),
            ];
            keys.sort_by_key(|once| conversion_at(&campaign, once).0 != at);
            let once = if self.rng.percent(95) {
                keys[0]
            } else {
                keys[1]
            };
            let metas = vec![
                meta(campaign, ""),
                meta(at, "w"),
                meta(conversion.rent_payer, "w"),
            ];
            return Some(call(name, &once, metas));
        }
        let referral = referral?;
        let campaign = self.campaign_at(&referral.campaign)?;
        let open = |bit: u8, units: u64| {
            if conversion.settled & bit == 0 {
                units
            } else {
                0
            }
        };
        let units = [
            open(1, conversion.reward_referrer),
            open(2, conversion.reward_referee),
            open(4, conversion.reward_partner),
        ];
        let accounts = self.accounts(&campaign, &referral, &conversion.referee, units, true);
        let token = campaign.mint != SYSTEM;
        let mint = token.then_some(campaign.mint);
        let program = token.then_some(campaign.token_program);
        let vault = (campaign.vault != SYSTEM).then_some(campaign.vault);
        let campaign_meta = self.campaign_meta(referral.campaign, &campaign);
        if name == "claim" {
            let owner_account = reward_account(&campaign, &referral.owner).0;
            let metas = vec![
                campaign_meta,
                meta(conversion.referral, "w"),
                meta(at, "w"),
                meta(owner_account, "w"),
                optional(mint, "w"),
                optional(program, ""),
                optional(accounts[1], "w"),
                optional(accounts[2], "w"),
                optional(vault, "w"),
            ];
            return Some(call(name, &(), metas));
        }
        let split = campaign.funding == Funding::PaymentSplit;
        let authority = self.or_anybody(campaign.authority);
        let metas = vec![
            meta(authority, "s"),
            campaign_meta,
            meta(conversion.referral, "w"),
            meta(at, "w"),
            optional(split.then_some(campaign.treasury), "w"),
            optional(mint.filter(|_| split), ""),
            optional(vault.filter(|_| split), "w"),
            optional(program.filter(|_| split), ""),
        ];
        Some(call(name, &(), metas))
    }

    fn reclaim_referral(&mut self) -> Option<Step> {
        let mut all: Vec<(Pubkey, Pubkey, Pubkey)> = self
            .ours(|account| match account {
                Account::Referral(referral) => Some((referral.campaign, referral.rent_payer)),
                Account::Closed(closed) => Some((closed.campaign, closed.rent_payer)),
                _ => None,
            })
            .into_iter()
            .map(|(at, (campaign, payer))| (at, campaign, payer))
            .collect();
        if self.rng.percent(90) {
            all.retain(|(_, campaign, _)| {
                self.campaign_at(campaign)
                    .is_none_or(|campaign| campaign.closed)
            });
        }
        let index = self.rng.below(all.len() as u64) as usize;
        let (at, campaign, payer) = all.into_iter().nth(index)?;
        let metas = vec![meta(campaign, ""), meta(at, "w"), meta(payer, "w")];
        Some(call("reclaim_referral", &(), metas))
    }

    fn reclaim_referee(&mut self) -> Option<Step> {
        let all = self.bindings();
        let index = self.rng.below(all.len() as u64) as usize;
        let (at, binding) = all.into_iter().nth(index)?;
        let metas = vec![
            meta(binding.campaign, ""),
            meta(at, "w"),
            meta(binding.rent_payer, "w"),
        ];
        Some(call("reclaim_referee", &(), metas))
    }

    /// Makes one thing of a call wrong.
    fn spoil(&mut self, step: &mut Step) {
        let Step::Call {
            voucher,
            data,
            metas,
        } = step
        else {
            return;
        };
        let index = self.rng.below(metas.len() as u64) as usize;
        match self.rng.below(13) {
            12 => {
                metas.pop();
            }
            0..=4 => {
                // Another account of the same type, or of any.
                let old = self.model.cell(&metas[index].key);
                let same = self.rng.percent(75);
                let kind = std::mem::discriminant(&old.body);
                let others: Vec<_> = self
                    .model
                    .cells
                    .iter()
                    .filter(|(_, cell)| !same || std::mem::discriminant(&cell.body) == kind)
                    .filter(|(key, _)| !metas[index].signer || self.world.people.contains(key))
                    .map(|(key, _)| *key)
                    .collect();
                if !others.is_empty() {
                    metas[index].key = self.rng.pick(&others);
                }
            }
            5 => metas[index] = meta(PROGRAM_ID, ""),
            6 => {
                let other = metas[self.rng.below(metas.len() as u64) as usize].key;
                let person = self.world.people.contains(&other);
                if person || !metas[index].signer {
                    metas[index].key = other;
                }
            }
            7 => metas[index].writable = false,
            8 => {
                let signers: Vec<_> = (0..metas.len()).filter(|i| metas[*i].signer).collect();
                if !signers.is_empty() {
                    metas[self.rng.pick(&signers)].signer = false;
                }
            }
            9 => *voucher = None,
            _ => {
                if data.len() > 8 {
                    let at = 8 + self.rng.below(data.len() as u64 - 8) as usize;
                    data[at] = data[at].wrapping_add(self.rng.pick(&[1, 1, 255, 128]));
                }
            }
        }
    }
}
