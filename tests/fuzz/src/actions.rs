//! Random steps. Most are possible, many are at a boundary, some are hostile.

use borsh::BorshSerialize;
use solana_sdk::pubkey::Pubkey;
use vouch_client::PROGRAM_ID;

use crate::{
    model::{
        ATTESTATIONS, Body, INSTRUCTIONS, Model, STRANGER, SYSTEM, TOKEN, associated, keyed, sha256,
    },
    program::{
        CLAIM_PERIOD, SPECS, Statement, binding_at, campaign_at, declared, discriminator, key_of,
        referral_at, referrer_at, revocation_at, reward_account,
    },
    rules,
    state::{
        ATTESTED, Account, Binding, Bonus, Campaign, Conversion, FIXED, OPEN, ORDER, PAYMENT,
        PENDING, PERCENT, Referral, Referrer, Revoked, SPLIT, Settings, Terms, Tier, VAULT,
    },
    step::{Meta, Step},
    world::World,
};

/// Codes to register; the last three are invalid.
const CODES: [&[u8; 12]; 6] = [
    b"ABCDEF\0\0\0\0\0\0",
    b"BEAR22\0\0\0\0\0\0",
    b"ZZZZZZZZZZZZ",
    b"ABCDE\0\0\0\0\0\0\0",
    b"abcdefg\0\0\0\0\0",
    b"CODE22\0\0\0\0\0\0",
];
/// References of orders; the first one means none.
const REFERENCES: [[u8; 32]; 4] = [[0; 32], [1; 32], [2; 32], [3; 32]];
const DAY: u32 = 86_400;
const YEAR: u32 = rules::YEAR;
/// Number of vouchers that an attestor issues repeatedly, so that it can revoke one
/// before its use.
const VOUCHERS: u64 = 4;

/// SplitMix64. A seed gives the same numbers on every machine.
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

    /// A number less than `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end.max(1)
    }

    /// True with a probability of `percent` in 100.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of `of`.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// Makes steps that suit a model.
pub struct Maker<'a> {
    /// The source of randomness.
    pub rng: &'a mut Rng,
    /// The keys and mints of the run.
    pub world: &'a World,
    /// The present state.
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
        // Steps that the model accepts are chosen more often than by chance alone.
        let tries = if self.rng.percent(80) { 8 } else { 1 };
        let mut last = None;
        for _ in 0..tries {
            let Some(step) = self.call_of(kind) else {
                continue;
            };
            let accepted = self.model.predict(&step).accepts();
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

    /// Usually leaves out the last accounts, if all of them are absent.
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
        let now = self.model.now;
        let any = |holds: &dyn Fn(&Campaign) -> bool| campaigns.iter().any(|(_, it)| holds(it));
        let closed = any(&|it| it.closed == 1) || campaigns.len() < self.tombstones();
        let paused = any(&|it| it.paused == 1 && it.closed == 0);
        let windows = any(&|it| it.in_force(now).attribution_window > 0);
        let owners = any(&|it| it.per_owner == 1 && it.closed == 0);
        let vouchers = any(&|it| it.proof == ATTESTED);
        let stopped = self.referrals().iter().any(|(_, r)| r.suspended == 1);
        let partners = self.referrals().iter().any(|(_, r)| r.partner != SYSTEM);
        let often = |name: &str| match name {
            "convert" => 18,
            "purchase" => 18,
            "claim" => 12,
            "create_referral" | "cancel_conversion" | "fund_vault" => 6,
            "bind" if windows => 12,
            "bind" => 1,
            "update_campaign" => 8,
            "register_referrer" if owners => 8,
            "set_partner" | "create_campaign" => 5,
            "end_partnership" if partners => 5,
            "revoke_voucher" if vouchers => 3,
            "withdraw_vault" | "update_referral" | "accept_owner" | "propose_owner" => 3,
            "set_paused" if paused => 5,
            "set_suspended" if stopped => 5,
            "set_paused" | "set_suspended" => 2,
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

    fn bindings(&self) -> Vec<Found<Binding>> {
        self.ours(|account| match account {
            Account::Binding(binding) => Some((**binding).clone()),
            _ => None,
        })
    }

    fn referrers(&self) -> Vec<Found<Referrer>> {
        self.ours(|account| match account {
            Account::Referrer(referrer) => Some((**referrer).clone()),
            _ => None,
        })
    }

    fn revocations(&self) -> Vec<Found<Revoked>> {
        self.ours(|account| match account {
            Account::Revoked(revoked) => Some((**revoked).clone()),
            _ => None,
        })
    }

    /// One of `all`.
    fn one<T>(&mut self, all: Vec<T>) -> Option<T> {
        let index = self.rng.below(all.len() as u64) as usize;
        all.into_iter().nth(index)
    }

    /// Number of conversions and bonuses paid so far, of the referral or of its owner.
    fn counted(&self, key: &Pubkey, campaign: &Campaign, referral: &Referral) -> (u64, u32) {
        if campaign.per_owner == 0 {
            return (referral.conversions, referral.bonuses_paid);
        }
        match &self.model.cell(&referrer_at(key, &referral.owner)).body {
            Body::Vouch(Account::Referrer(it)) => (it.conversions, it.bonuses_paid),
            _ => (0, 0),
        }
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

    /// A referral and its campaign, if the campaign still exists.
    fn pair(&mut self) -> Option<(Found<Campaign>, Found<Referral>)> {
        let all = self.referrals();
        let index = self.rng.below(all.len() as u64) as usize;
        let referral = all.into_iter().nth(index)?;
        let campaign = self.campaign_at(&referral.1.campaign)?;
        Some(((referral.1.campaign, campaign), referral))
    }

    /// Like [`Self::pair`], but usually one that can earn now.
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
            referral.active == 1
                && referral.suspended == 0
                && !expired
                && !full
                && campaign.is_some_and(|campaign| {
                    let settings = campaign.in_force(now);
                    let ended = settings.ends_at != 0 && now >= settings.ends_at;
                    wanted(&campaign)
                        && campaign.closed == 0
                        && campaign.paused == 0
                        && !ended
                        && now >= settings.starts_at
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

    /// Usually `right`, otherwise any wallet.
    fn or_anybody(&mut self, right: Pubkey) -> Pubkey {
        if self.world.people.contains(&right) && self.rng.percent(93) {
            right
        } else {
            self.person()
        }
    }

    /// Times at which something begins or ends, and the seconds before and after them.
    fn moments(&self) -> Vec<i64> {
        let mut moments = Vec::new();
        for (_, campaign) in self.campaigns() {
            for settings in [&campaign.settings, &campaign.next] {
                moments.extend([settings.starts_at, settings.ends_at]);
                if settings.ends_at != 0 {
                    let last = settings.ends_at.max(campaign.next_from);
                    moments.push(last.saturating_add(CLAIM_PERIOD));
                }
            }
            moments.push(campaign.next_from);
            if campaign.closed == 1 {
                let hold = i64::from(campaign.longest_hold);
                moments.push(campaign.closed_at + hold + CLAIM_PERIOD);
            }
        }
        for (_, referral) in self.referrals() {
            moments.extend([referral.expires_at, referral.partner_ends_at]);
        }
        moments.extend(self.conversions().iter().map(|(_, c)| c.held_until()));
        moments.extend(self.bindings().iter().map(|(_, it)| it.expires_at));
        moments.extend(self.revocations().iter().map(|(_, it)| it.expires_at));
        moments.retain(|moment| *moment > self.model.now && *moment < i64::MAX / 2);
        moments.sort_unstable();
        moments
    }

    fn time(&mut self) -> Step {
        let moments = self.moments();
        if moments.is_empty() || self.rng.percent(20) {
            return Step::Time(self.rng.pick(&[0, 1, 60, 3600, i64::from(DAY)]));
        }
        // Prefer near times, because a year's hold would end everything.
        let near = if self.rng.percent(85) {
            3
        } else {
            moments.len()
        };
        let index = self.rng.below(near.min(moments.len()) as u64) as usize;
        let beside = self.rng.pick(&[-1, 0, 0, 0, 1]);
        Step::Time((moments[index] + beside - self.model.now).max(0))
    }

    /// Token accounts of wallets. Those of campaigns cannot be given away.
    fn tokens(&self) -> Vec<Pubkey> {
        let campaigns: Vec<_> = self
            .world
            .campaigns()
            .map(|(creator, id)| campaign_at(&creator, id).0)
            .collect();
        let cells = self.model.cells.iter();
        cells
            .filter(|(_, cell)| match &cell.body {
                Body::Token(account) => !campaigns.contains(&account.owner),
                _ => false,
            })
            .map(|(key, _)| *key)
            .collect()
    }

    /// Creates, removes or spoils a credential.
    fn credential(&mut self) -> Step {
        let wallet = self.rng.below(self.world.people.len() as u64) as usize;
        let key = self.world.credentials[wallet];
        let now = self.model.now;
        let expires_at = self
            .rng
            .pick(&[0, 0, 0, now, now + 1, now + 500, -1, i64::MAX]);
        let mut data = self.world.credential(wallet, expires_at);
        let mut owner = ATTESTATIONS;
        match self.rng.below(12) {
            0 => data.clear(),
            1 => data[0] = self.rng.pick(&[0, 1, 3]),
            2 => {
                let other = self.person();
                data[1..33].copy_from_slice(other.as_ref());
            }
            3 => data[33..65].copy_from_slice(self.world.issuers[1].as_ref()),
            4 => data[65..97].copy_from_slice(self.world.schemas[1].as_ref()),
            // Lengths that do not match the data.
            5 => data[97] = self.rng.pick(&[0, 2, 4, 255]),
            6 => data[100] = 255,
            7 => data.truncate(self.rng.pick(&[1, 97, 101, 143])),
            8 => owner = STRANGER,
            _ => {}
        }
        Step::Foreign(key, owner, data)
    }

    /// A step outside of the program.
    fn elsewhere(&mut self) -> Step {
        let tokens = self.tokens();
        let campaigns = self.campaigns();
        match self.rng.below(20) {
            16 | 17 => self.credential(),
            18 => {
                let sol = campaigns.iter().any(|(_, it)| it.pays_sol());
                if !self.rng.percent(if sol { 60 } else { 5 }) {
                    return self.soon();
                }
                Step::Deploy(self.rng.pick(&self.world.people[1..]))
            }
            // Create a vault before its campaign.
            19 => {
                let index = self.rng.below(2 * crate::world::IDS) as usize;
                let Some((creator, id)) = self.world.campaigns().nth(index) else {
                    return self.soon();
                };
                let mint = self.rng.pick(&self.world.issued[..3]);
                Step::Open(campaign_at(&creator, id).0, mint, false)
            }
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
                // If it was given away before, its owner takes it back.
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
            // Create the account that a pending reward needs.
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
                // Create a vault, or issue tokens to it.
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
                // Bring the supply of a mint near its limit.
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

    /// Advances the clock by a few seconds.
    fn soon(&mut self) -> Step {
        Step::Time(self.rng.pick(&[0, 1, 1, 20]))
    }

    /// Creates, thaws or takes back the account of somebody who is owed a reward.
    fn wanted(&mut self) -> Option<Step> {
        let mut pending = self.conversions();
        pending.retain(|(_, conversion)| conversion.status == PENDING);
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

    /// An address at which the program may create an account later.
    fn future_address(&mut self) -> Pubkey {
        let Some((key, campaign)) = self.campaign() else {
            let creator = self.rng.pick(&self.world.people[..2]);
            return campaign_at(&creator, 1 + self.rng.below(crate::world::IDS)).0;
        };
        let person = self.person();
        match self.rng.below(4) {
            0 => referral_at(&key, self.rng.pick(&CODES)),
            1 => binding_at(&key, &person),
            2 => referrer_at(&key, &person),
            _ => {
                let referral = referral_at(&key, self.rng.pick(&CODES));
                let reference = self.rng.pick(&REFERENCES);
                keyed(&key, &key_of(&campaign, &person, &referral, &reference))
            }
        }
    }

    /// Base units: small, round, or at a limit.
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

    fn terms(&mut self) -> Terms {
        let notice_seconds = if self.rng.percent(50) {
            0
        } else {
            self.rng.pick(&[1, 100, DAY, 30 * DAY, YEAR])
        };
        if self.rng.percent(3) {
            return Terms {
                funding: self.rng.below(4) as u8,
                proof: self.rng.below(4) as u8,
                uniqueness: self.rng.below(4) as u8,
                per_owner: self.rng.below(3) as u8,
                notice_seconds: self.rng.pick(&[YEAR, YEAR + 1, u32::MAX]),
            };
        }
        let funding = self.rng.below(3) as u8;
        let proof = if funding == SPLIT {
            PAYMENT
        } else {
            self.rng.below(3) as u8
        };
        let uniqueness = self.rng.below(if proof == OPEN { 2 } else { 3 }) as u8;
        Terms {
            funding,
            proof,
            uniqueness,
            per_owner: u8::from(self.rng.percent(30)),
            notice_seconds,
        }
    }

    fn tiers(&mut self) -> [Tier; 4] {
        let mut tiers = [Tier::default(); 4];
        if self.rng.percent(45) {
            let (mut least, mut multiplier) = (0, 10_000);
            for tier in tiers.iter_mut().take(1 + self.rng.below(4) as usize) {
                least += 1 + self.rng.below(3);
                multiplier = if self.rng.percent(80) {
                    (multiplier + self.rng.pick(&[1, 5_000, 10_000, 23_333])).min(1_000_000)
                } else {
                    self.rng.pick(&[10_001, 15_000, 33_333, 1_000_000])
                };
                *tier = Tier {
                    min_conversions: least,
                    multiplier_bps: multiplier,
                };
            }
        }
        tiers
    }

    /// Sets shares of referee and partner that fit together.
    fn shares(&mut self, settings: &mut Settings) {
        let whole = match settings.reward_kind {
            FIXED => settings.reward_fixed,
            _ => settings.reward_max.min(2_000),
        };
        if self.rng.percent(60) {
            if self.rng.percent(60) {
                settings.referee_share_bps = self.rng.below(5_001) as u16;
            } else {
                settings.referee_fixed = self.rng.below(whole / 2 + 1);
            }
        }
        if self.rng.percent(70) {
            if self.rng.percent(60) {
                settings.max_partner_share_bps = self.rng.pick(&[1, 1_000, 3_333, 5_000]);
            } else {
                settings.max_partner_fixed = self.rng.below(whole / 2 + 1);
            }
        }
    }

    /// Settings that usually suit these terms. `treasury` is an account that could
    /// receive payments. `same` says whether rewards are in the payment token.
    fn settings(
        &mut self,
        terms: &Terms,
        treasury: Pubkey,
        committed: u64,
        same: bool,
    ) -> Settings {
        let percent = terms.proof != OPEN && self.rng.percent(60);
        let mut tiers = self.tiers();
        let reward_bps = if percent {
            self.rng.pick(&[1, 250, 1_000, 3_333, 10_000])
        } else {
            0
        };
        let highest = |tiers: &[Tier; 4]| {
            let all = tiers.iter().map(|tier| u64::from(tier.multiplier_bps));
            all.max().unwrap_or(0).max(10_000)
        };
        if same && percent && highest(&tiers) * u64::from(reward_bps) > 100_000_000 {
            tiers = [Tier::default(); 4];
        }
        let now = self.model.now;
        let mut settings = Settings {
            reward_kind: if percent { PERCENT } else { FIXED },
            reward_fixed: if percent {
                0
            } else {
                1 + self.rng.below(1_000)
            },
            reward_bps,
            reward_max: if percent {
                self.rng.pick(&[1, 500, 100_000, 3_000_000, u64::MAX / 2])
            } else {
                0
            },
            min_amount: if self.rng.percent(75) {
                u64::from(!percent && terms.proof == PAYMENT)
            } else {
                self.rng.pick(&[1, 100, 1_000])
            },
            tiers,
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
            treasury: if terms.proof == PAYMENT {
                treasury
            } else {
                Pubkey::default()
            },
            ..Settings::default()
        };
        self.shares(&mut settings);
        let most = settings.reward_fixed * highest(&settings.tiers) / 10_000;
        if same && !percent {
            settings.min_amount = most + self.rng.pick(&[0, 0, 1, 50, 2_000]);
        }
        if terms.funding != SPLIT && self.rng.percent(45) {
            let left = settings.min_amount.saturating_sub(most);
            let (mut threshold, mut so_far) = (0, 0);
            for bonus in settings
                .bonuses
                .iter_mut()
                .take(1 + self.rng.below(4) as usize)
            {
                threshold += 1 + self.rng.below(2);
                let room = if same { threshold * left - so_far } else { 500 };
                if room == 0 {
                    break;
                }
                // Use few amounts, so that a bonus is offered again.
                let amount = self.rng.pick(&[1, 10, 77, 500]).min(room);
                so_far += amount;
                *bonus = Bonus { threshold, amount };
            }
        }
        if terms.per_owner == 1 && self.rng.percent(20) {
            settings.owner_limit = 1 + self.rng.below(6);
        }
        if self.rng.percent(15) {
            let other = usize::from(self.rng.percent(15));
            settings.gate_credential = self.world.issuers[other];
            settings.gate_schema = self.world.schemas[0];
        }
        if self.rng.percent(15) {
            self.spoil_settings(&mut settings);
        }
        settings
    }

    /// The settings in force, with some fields of `new`.
    fn mixed(&mut self, old: &Settings, new: &Settings) -> Settings {
        let mut s = *old;
        for _ in 0..1 + self.rng.below(2) {
            match self.rng.below(14) {
                0 => {
                    s.reward_kind = new.reward_kind;
                    s.reward_fixed = new.reward_fixed;
                    s.reward_bps = new.reward_bps;
                    s.reward_max = new.reward_max;
                }
                1 => s.reward_fixed = self.beside(s.reward_fixed),
                2 => s.reward_max = self.beside(s.reward_max),
                3 => s.min_amount = self.beside(s.min_amount),
                4 => {
                    s.referee_share_bps = new.referee_share_bps;
                    s.referee_fixed = new.referee_fixed;
                }
                5 => {
                    s.max_partner_share_bps = new.max_partner_share_bps;
                    s.max_partner_fixed = new.max_partner_fixed;
                }
                6 => s.tiers = new.tiers,
                7 | 8 => s.bonuses = new.bonuses,
                9 => s.hold_seconds = new.hold_seconds,
                10 => s.attribution_window = new.attribution_window,
                11 => {
                    s.starts_at = new.starts_at;
                    s.ends_at = new.ends_at;
                }
                12 => {
                    s.gate_credential = new.gate_credential;
                    s.gate_schema = new.gate_schema;
                    s.owner_limit = new.owner_limit;
                }
                _ => s.budget = new.budget,
            }
        }
        s
    }

    /// A number near this one; 0 stays 0.
    fn beside(&mut self, number: u64) -> u64 {
        match number {
            0 => 0,
            _ => match self.rng.below(4) {
                0 => number - 1,
                1 => number.saturating_add(1),
                2 => number / 2,
                _ => number.saturating_mul(2),
            },
        }
    }

    /// Sets one field to a boundary value or beyond.
    fn spoil_settings(&mut self, s: &mut Settings) {
        match self.rng.below(20) {
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
            15 => s.referee_fixed = self.units(),
            16 => s.max_partner_fixed = self.units(),
            17 => s.owner_limit = self.rng.below(4),
            18 => s.gate_schema = self.rng.pick(&[Pubkey::default(), self.world.schemas[1]]),
            _ => {
                s.treasury = if self.rng.percent(50) {
                    Pubkey::default()
                } else {
                    self.person()
                };
            }
        }
    }

    /// An account that could receive payments in `mint`.
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

    /// A call of this instruction; `None` if the accounts that it needs do not exist.
    fn call_of(&mut self, name: &'static str) -> Option<Step> {
        match name {
            "create_campaign" => self.create_campaign(),
            "update_campaign" | "set_paused" | "propose_authority" | "accept_authority"
            | "close_campaign" => self.on_campaign(name),
            "reclaim_campaign" => self.reclaim_campaign(),
            "fund_vault" | "withdraw_vault" => self.on_vault(name),
            "register_referrer" => self.register_referrer(),
            "create_referral" => self.create_referral(),
            "update_referral" | "end_partnership" | "propose_owner" | "close_referral"
            | "set_suspended" | "set_partner" | "accept_owner" => self.on_referral(name),
            "bind" => self.bind(),
            "convert" => self.convert(),
            "purchase" => self.purchase(),
            "claim" => self.claim(),
            "cancel_conversion" => self.cancel(),
            "revoke_voucher" => self.revoke_voucher(),
            "reclaim_voucher" => self.reclaim_voucher(),
            "reclaim_conversion" => self.reclaim_conversion(),
            "reclaim_referral" => self.reclaim_referral(),
            _ => self.reclaim_small(name),
        }
    }

    fn create_campaign(&mut self) -> Option<Step> {
        let index = self.rng.below(2 * crate::world::IDS) as usize;
        let (creator, id) = self.world.campaigns().nth(index)?;
        let terms = self.terms();
        let issued = self.world.issued.clone();
        let mut payment = if terms.proof == PAYMENT && self.rng.percent(50) {
            self.rng.pick(&issued[..2])
        } else {
            SYSTEM
        };
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
        let same = terms.proof == PAYMENT && mint == payment;
        let settings = self.settings(&terms, treasury, 0, same);
        let payer = self.or_anybody(creator);
        let (address, _) = campaign_at(&creator, id);
        let has_vault = terms.funding != 0 && mint != SYSTEM;
        let vault = (has_vault || self.rng.percent(5))
            .then(|| associated(&address, &mint, &program).0)
            .filter(|_| self.rng.percent(97));
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
                optional(vault, ""),
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
                .find(|(_, it)| it.paused == 1 && it.closed == 0);
            (key, campaign) = paused.unwrap_or((key, campaign));
        }
        let right = if name == "accept_authority" {
            campaign.pending_authority
        } else {
            campaign.authority
        };
        let signer = if name == "close_campaign" && self.rng.percent(30) {
            self.person()
        } else {
            self.or_anybody(right)
        };
        let metas = vec![meta(signer, "s"), meta(key, "w")];
        let now = self.model.now;
        Some(match name {
            "update_campaign" => {
                let terms = campaign.terms();
                let in_force = *campaign.in_force(now);
                let treasury = if self.rng.percent(60) {
                    in_force.treasury
                } else {
                    self.treasury(&campaign.payment_mint)
                };
                let same = terms.proof == PAYMENT && campaign.mint == campaign.payment_mint;
                let mut settings = self.settings(&terms, treasury, campaign.committed, same);
                if self.rng.percent(70) {
                    settings = self.mixed(&in_force, &settings);
                }
                call(name, &settings, metas)
            }
            "set_paused" => {
                let paused = campaign.paused == 0 || self.rng.percent(10);
                call(name, &paused, metas)
            }
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
        let closed: Vec<_> = all.iter().filter(|(_, it)| it.closed == 1).collect();
        let (key, campaign) = if closed.is_empty() {
            self.campaign()?
        } else {
            closed[self.rng.below(closed.len() as u64) as usize].clone()
        };
        let vault = campaign.has_vault().then_some(campaign.vault);
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

    /// A token account of some wallet for the reward token.
    fn account_of(&mut self, campaign: &Campaign) -> Option<Pubkey> {
        let owner = self.person();
        (campaign.mint != SYSTEM).then(|| reward_account(campaign, &owner).0)
    }

    fn on_vault(&mut self, name: &'static str) -> Option<Step> {
        let mut all = self.campaigns();
        if self.rng.percent(95) {
            all.retain(|(_, campaign)| campaign.has_vault());
        }
        if name == "fund_vault" && self.rng.percent(95) {
            all.retain(|(_, campaign)| campaign.funding == VAULT);
        }
        let (key, campaign) = self.one(all)?;
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

    fn register_referrer(&mut self) -> Option<Step> {
        let mut all = self.campaigns();
        if self.rng.percent(95) {
            all.retain(|(_, campaign)| campaign.per_owner == 1);
        }
        let (key, _) = self.one(all)?;
        let owner = self.person();
        let payer = self.or_anybody(owner);
        Some(call(
            "register_referrer",
            &(),
            vec![
                meta(payer, "sw"),
                meta(owner, "s"),
                meta(key, ""),
                meta(referrer_at(&key, &owner), "w"),
                meta(SYSTEM, ""),
            ],
        ))
    }

    /// The owner's account, if the campaign counts per owner.
    fn referrer_of(&mut self, key: &Pubkey, campaign: &Campaign, owner: &Pubkey) -> Option<Pubkey> {
        (campaign.per_owner == 1 || self.rng.percent(3))
            .then(|| referrer_at(key, owner))
            .filter(|_| self.rng.percent(98))
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
        let mut owner = self.person();
        if campaign.per_owner == 1 && self.rng.percent(90) {
            let mut registered = self.referrers();
            registered.retain(|(_, referrer)| referrer.campaign == key);
            if let Some((_, referrer)) = self.one(registered) {
                owner = referrer.owner;
            }
        }
        let payer = self.person();
        let settings = *campaign.in_force(self.model.now);
        let attestor = (settings.attested_codes == 1 || self.rng.percent(5))
            .then(|| self.or_anybody(settings.attestor))
            .filter(|_| self.rng.percent(95));
        let referrer = self.referrer_of(&key, &campaign, &owner);
        Some(call(
            "create_referral",
            &(*code, usage_limit, expires_at),
            vec![
                meta(payer, "sw"),
                meta(owner, "s"),
                meta(key, ""),
                meta(referral_at(&key, code), "w"),
                optional(attestor, "s"),
                optional(referrer, ""),
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

    /// A campaign and referral, usually one that this instruction can act on.
    fn pair_for(&mut self, name: &str) -> Option<(Found<Campaign>, Found<Referral>)> {
        if self.rng.percent(70) {
            let mut all = self.referrals();
            match name {
                "end_partnership" => all.retain(|(_, it)| it.partner != SYSTEM),
                "accept_owner" => all.retain(|(_, it)| it.pending_owner != SYSTEM),
                "set_suspended" => all.retain(|(_, it)| it.suspended == 1),
                _ => all.clear(),
            }
            if let Some((at, referral)) = self.one(all)
                && let Some(campaign) = self.campaign_at(&referral.campaign)
            {
                return Some(((referral.campaign, campaign), (at, referral)));
            }
        }
        self.pair()
    }

    fn on_referral(&mut self, name: &'static str) -> Option<Step> {
        let ((key, campaign), (at, referral)) = self.pair_for(name)?;
        let right = match name {
            "end_partnership" if self.rng.percent(50) => referral.partner,
            "accept_owner" => referral.pending_owner,
            "set_suspended" => campaign.authority,
            _ => referral.owner,
        };
        let signer = self.or_anybody(right);
        let short = vec![meta(signer, "s"), meta(at, "w")];
        let long = vec![meta(signer, "s"), meta(key, ""), meta(at, "w")];
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
            "end_partnership" => call(name, &(), short),
            "propose_owner" => {
                let new = if self.rng.percent(90) {
                    self.person()
                } else {
                    SYSTEM
                };
                call(name, &new, short)
            }
            "close_referral" => {
                let mut metas = short;
                metas.push(meta(referral.rent_payer, "w"));
                call(name, &(), metas)
            }
            "set_suspended" => {
                let suspended = referral.suspended == 0 || self.rng.percent(10);
                call(name, &suspended, long)
            }
            "set_partner" => self.set_partner(signer, (key, &campaign), (at, &referral)),
            _ => {
                let mut metas = long;
                metas.push(optional(self.referrer_of(&key, &campaign, &signer), ""));
                call(name, &(), metas)
            }
        })
    }

    fn set_partner(
        &mut self,
        signer: Pubkey,
        (key, campaign): (Pubkey, &Campaign),
        (at, referral): (Pubkey, &Referral),
    ) -> Step {
        let settings = *campaign.in_force(self.model.now);
        let (bps, fixed) = (settings.max_partner_share_bps, settings.max_partner_fixed);
        let shares = [bps, bps.saturating_add(1), bps / 2, 1, 0];
        let amounts = [fixed, fixed.saturating_add(1), fixed / 2, 1, 0];
        let mut deal = if fixed > 0 {
            (0, self.rng.pick(&amounts))
        } else {
            (self.rng.pick(&shares), 0)
        };
        if self.rng.percent(5) {
            deal = (self.rng.pick(&shares), self.rng.pick(&amounts));
        }
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
        call("set_partner", &deal, metas)
    }

    fn bind(&mut self) -> Option<Step> {
        let now = self.model.now;
        let ((key, _), (at, referral)) =
            self.open_pair(|campaign| campaign.in_force(now).attribution_window > 0)?;
        let wallet = self.person();
        let payer = self.or_anybody(wallet);
        let binding = binding_at(&key, &wallet);
        let bound = match &self.model.cell(&binding).body {
            Body::Vouch(Account::Binding(bound)) => Some(bound.referral),
            _ => None,
        };
        let bound = bound.filter(|_| self.rng.percent(90));
        let owner = bound.and_then(|bound| self.referral_at(&bound));
        let owner = owner.map(|bound| referrer_at(&key, &bound.owner));
        let owner = owner.filter(|_| self.rng.percent(70));
        Some(call(
            "bind",
            &referral.code,
            vec![
                meta(payer, "sw"),
                meta(wallet, "s"),
                meta(key, ""),
                meta(at, ""),
                meta(binding, "w"),
                optional(bound, ""),
                optional(owner, ""),
                meta(SYSTEM, ""),
            ],
        ))
    }

    /// The campaign's meta: usually writable if and only if conversions count something.
    fn campaign_meta(&mut self, key: Pubkey, counts: bool) -> Meta {
        let writable = counts != self.rng.percent(3);
        meta(key, if writable { "w" } else { "" })
    }

    /// The accounts that receive the parts, as far as they are needed; sometimes more.
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

    /// A beneficiary's account: usually writable, sometimes read-only as the runtime
    /// makes a program.
    fn paid_meta(&mut self, key: Option<Pubkey>) -> Meta {
        let program = key.is_some_and(|key| self.model.cell(&key).is_program());
        let read_only = self.rng.percent(if program { 50 } else { 2 });
        optional(key, if read_only { "" } else { "w" })
    }

    /// The mint's meta: usually writable if and only if rewards are minted.
    fn mint_meta(&mut self, mint: Option<Pubkey>, minted: bool) -> Meta {
        let writable = minted != self.rng.percent(2);
        optional(mint, if writable { "w" } else { "" })
    }

    /// The address of this wallet's credential.
    fn credential_of(&mut self, settings: &Settings, wallet: &Pubkey) -> Option<Pubkey> {
        if settings.gate_credential == SYSTEM && !self.rng.percent(3) {
            return None;
        }
        let people = &self.world.people;
        let index = people.iter().position(|person| person == wallet)?;
        Some(self.world.credentials[index]).filter(|_| self.rng.percent(97))
    }

    fn binding_of(&self, key: &Pubkey, settings: &Settings, wallet: &Pubkey) -> Option<Pubkey> {
        (settings.attribution_window > 0)
            .then(|| binding_at(key, wallet))
            .filter(|binding| self.model.cell(binding).is_ours())
    }

    fn reference(&mut self, campaign: &Campaign) -> [u8; 32] {
        if campaign.uniqueness == ORDER && self.rng.percent(95) {
            self.rng.pick(&REFERENCES[1..])
        } else {
            self.rng.pick(&REFERENCES)
        }
    }

    fn amount(&mut self, settings: &Settings) -> u64 {
        let least = settings.min_amount;
        match self.rng.below(10) {
            0 => least,
            1 => least.saturating_sub(1),
            2 => self.units(),
            3 => self.rng.below(3_000_000_000),
            _ => least.saturating_add(self.rng.below(20_000)),
        }
    }

    /// A voucher that the attestor issues repeatedly.
    fn known_voucher(
        &self,
        (key, campaign): (Pubkey, &Campaign),
        (at, referral): (Pubkey, &Referral),
        slot: u64,
    ) -> Option<Statement> {
        let mut rng = Rng(slot);
        rng.0 ^= u64::from_le_bytes(*at.as_ref().first_chunk()?);
        let people = &self.world.people;
        let mut referee = rng.pick(people);
        if referee == referral.owner || referee == referral.partner {
            referee = rng.pick(people);
        }
        let issued_at = campaign.created_at.max(referral.created_at);
        Some(Statement {
            campaign: key,
            campaign_created_at: campaign.created_at,
            referral: at,
            referee,
            action: rng.below(9) as u8,
            amount: campaign
                .settings
                .min_amount
                .saturating_add(rng.below(20_000)),
            reference: rng.pick(&REFERENCES[1..]),
            issued_at,
            expires_at: issued_at + rng.pick(&[100, i64::from(DAY), CLAIM_PERIOD]),
        })
    }

    /// The statement of a voucher for this conversion; sometimes of another one.
    fn statement(&mut self, mut right: Statement) -> Statement {
        let now = self.model.now;
        right.issued_at = now + self.rng.pick(&[0, 0, 0, 300, 301, -1_000]);
        let life = self.rng.pick(&[1, 100, CLAIM_PERIOD, CLAIM_PERIOD + 1]);
        right.expires_at = match self.rng.below(10) {
            0 => now + self.rng.pick(&[0, -1]),
            1..=3 => now + 1,
            _ => right.issued_at + life,
        };
        match self.rng.below(30) {
            0 => right.amount = right.amount.wrapping_add(1),
            1 => right.referee = self.person(),
            2 => right.reference = self.rng.pick(&REFERENCES),
            3 => right.referral = right.campaign,
            4 => right.campaign_created_at -= 1,
            5 => right.issued_at = self.rng.pick(&[i64::MIN, i64::MAX]),
            _ => {}
        }
        right
    }

    fn convert(&mut self) -> Option<Step> {
        let ((key, campaign), (at, referral)) =
            self.open_pair(|campaign| campaign.proof != PAYMENT)?;
        if campaign.proof == PAYMENT && !self.rng.percent(5) {
            return None;
        }
        let now = self.model.now;
        let settings = *campaign.in_force(now);
        let mut statement = Statement {
            campaign: key,
            campaign_created_at: campaign.created_at,
            referral: at,
            referee: self.person(),
            action: if self.rng.percent(97) {
                self.rng.below(9) as u8
            } else {
                9
            },
            amount: self.amount(&settings),
            reference: self.reference(&campaign),
            issued_at: now,
            expires_at: now + 1,
        };
        let (mut attestor, mut voucher, mut revocation) = (None, None, None);
        if campaign.proof == ATTESTED {
            match self.rng.below(20) {
                0 => {}
                1 => attestor = Some(self.person()),
                2..=8 => attestor = Some(settings.attestor),
                roll => {
                    let said = if roll < 14 {
                        let slot = self.rng.below(VOUCHERS);
                        statement = self.known_voucher((key, &campaign), (at, &referral), slot)?;
                        statement.clone()
                    } else {
                        self.statement(statement.clone())
                    };
                    let signer = if self.rng.percent(96) {
                        settings.attestor
                    } else {
                        self.person()
                    };
                    voucher = Some(said.signed(&signer));
                    revocation = Some(revocation_at(&key, &sha256(&[&said.message()])));
                }
            }
        }
        let Statement {
            referee,
            action,
            amount,
            reference,
            ..
        } = statement;
        let payer = self.or_anybody(referee);
        let counted = self.counted(&key, &campaign, &referral);
        let parts = rules::next_reward(&campaign, &referral, counted, amount, now);
        let at_once = settings.hold_seconds == 0 && parts.total() != 0;
        let accounts = self.accounts(&campaign, &referral, &referee, parts.units, at_once);
        let once = key_of(&campaign, &referee, &at, &reference);
        let binding = self.binding_of(&key, &settings, &referee);
        let credential = self.credential_of(&settings, &referee);
        let referrer = self.referrer_of(&key, &campaign, &referral.owner);
        let instructions = voucher.is_some().then_some(INSTRUCTIONS);
        let mint = (at_once || self.rng.percent(5)).then_some(campaign.mint);
        let vault = campaign.has_vault().then_some(campaign.vault);
        let owner_account = reward_account(&campaign, &referral.owner).0;
        let metas = vec![
            meta(payer, "sw"),
            meta(referee, "s"),
            self.campaign_meta(key, settings.budget > 0 || campaign.has_vault()),
            meta(at, "w"),
            meta(keyed(&key, &once), "w"),
            self.mint_meta(mint, at_once && !campaign.has_vault()),
            self.paid_meta(Some(owner_account)),
            meta(campaign.token_program, ""),
            meta(SYSTEM, ""),
            optional(attestor, "s"),
            optional(instructions, ""),
            optional(revocation, ""),
            optional(binding, ""),
            optional(referrer, "w"),
            optional(credential, ""),
            self.paid_meta(accounts[1]),
            self.paid_meta(accounts[2]),
            optional(vault, "w"),
        ];
        let mut step = call(
            "convert",
            &(referral.code, action, amount, reference),
            metas,
        );
        if let Step::Call { voucher: slot, .. } = &mut step {
            *slot = voucher;
        }
        Some(step)
    }

    fn purchase(&mut self) -> Option<Step> {
        let ((key, campaign), (at, referral)) =
            self.open_pair(|campaign| campaign.proof == PAYMENT)?;
        if campaign.proof != PAYMENT && !self.rng.percent(5) {
            return None;
        }
        let now = self.model.now;
        let settings = *campaign.in_force(now);
        let buyer = self.person();
        let payer = self.or_anybody(buyer);
        let amount = self.amount(&settings);
        let reference = self.reference(&campaign);
        let counted = self.counted(&key, &campaign, &referral);
        let parts = rules::next_reward(&campaign, &referral, counted, amount, now);
        let at_once = settings.hold_seconds == 0;
        let split = campaign.funding == SPLIT;
        let price = amount - if split { parts.units[1].min(amount) } else { 0 };
        let max_payment = match self.rng.below(30) {
            0 => price.saturating_sub(1),
            1 => self.units(),
            2..=10 => u64::MAX,
            _ => price,
        };
        let mut accounts = self.accounts(&campaign, &referral, &buyer, parts.units, at_once);
        if split && self.rng.percent(90) {
            accounts[1] = None;
        }
        let once = key_of(&campaign, &buyer, &at, &reference);
        let binding = self.binding_of(&key, &settings, &buyer);
        let credential = self.credential_of(&settings, &buyer);
        let referrer = self.referrer_of(&key, &campaign, &referral.owner);
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
        let vault = campaign.has_vault().then_some(campaign.vault);
        let owner_account = reward_account(&campaign, &referral.owner).0;
        let minted = moves && !campaign.has_vault() && parts.total() != 0;
        let metas = vec![
            meta(payer, "sw"),
            meta(buyer, "sw"),
            self.campaign_meta(key, settings.budget > 0 || campaign.has_vault()),
            meta(at, "w"),
            meta(keyed(&key, &once), "w"),
            meta(settings.treasury, "w"),
            self.paid_meta(Some(owner_account)),
            meta(SYSTEM, ""),
            optional(payment, ""),
            optional(source, "w"),
            optional(payment_program, ""),
            self.mint_meta(mint, minted),
            optional(program, ""),
            optional(binding, ""),
            optional(referrer, "w"),
            optional(credential, ""),
            self.paid_meta(accounts[1]),
            self.paid_meta(accounts[2]),
            optional(vault, "w"),
        ];
        let args = (
            (referral.code, self.rng.below(9) as u8),
            (amount, reference, max_payment),
        );
        Some(call("purchase", &args, metas))
    }

    /// A conversion to claim or cancel.
    fn pending(&mut self, due: bool) -> Option<(Found<Campaign>, Referral, Found<Conversion>)> {
        let mut all = self.conversions();
        if self.rng.percent(90) {
            all.retain(|(_, conversion)| conversion.status == PENDING);
        }
        let now = self.model.now;
        let fits = |conversion: &Conversion| (conversion.held_until() <= now) == due;
        if self.rng.percent(80) && all.iter().any(|(_, conversion)| fits(conversion)) {
            all.retain(|(_, conversion)| fits(conversion));
        }
        let (at, conversion) = self.one(all)?;
        let referral = self.referral_at(&conversion.referral)?;
        let campaign = self.campaign_at(&referral.campaign)?;
        Some(((referral.campaign, campaign), referral, (at, conversion)))
    }

    fn claim(&mut self) -> Option<Step> {
        let ((key, campaign), referral, (at, conversion)) = self.pending(true)?;
        let mut units = conversion.units();
        for (index, units) in units.iter_mut().enumerate() {
            if conversion.settled & (1 << index) != 0 {
                *units = 0;
            }
        }
        let accounts = self.accounts(&campaign, &referral, &conversion.referee, units, true);
        let token = campaign.mint != SYSTEM;
        let mint = token.then_some(campaign.mint);
        let program = token.then_some(campaign.token_program);
        let vault = campaign.has_vault().then_some(campaign.vault);
        let owner_account = reward_account(&campaign, &referral.owner).0;
        let metas = vec![
            self.campaign_meta(key, campaign.has_vault()),
            meta(conversion.referral, "w"),
            meta(at, "w"),
            self.paid_meta(Some(owner_account)),
            self.mint_meta(mint, token && !campaign.has_vault()),
            optional(program, ""),
            self.paid_meta(accounts[1]),
            self.paid_meta(accounts[2]),
            optional(vault, "w"),
        ];
        Some(call("claim", &(), metas))
    }

    fn cancel(&mut self) -> Option<Step> {
        let ((key, campaign), referral, (at, conversion)) = self.pending(false)?;
        let token = campaign.mint != SYSTEM;
        let split = campaign.funding == SPLIT;
        let treasury = split.then(|| campaign.in_force(self.model.now).treasury);
        let authority = self.or_anybody(campaign.authority);
        let referrer = self.referrer_of(&key, &campaign, &referral.owner);
        let counts = campaign.has_vault() || conversion.budgeted == 1;
        let metas = vec![
            meta(authority, "s"),
            self.campaign_meta(key, counts),
            meta(conversion.referral, "w"),
            meta(at, "w"),
            optional(referrer, "w"),
            optional(treasury, "w"),
            optional((split && token).then_some(campaign.mint), ""),
            optional((split && token).then_some(campaign.vault), "w"),
            optional((split && token).then_some(campaign.token_program), ""),
        ];
        Some(call("cancel_conversion", &(), metas))
    }

    fn revoke_voucher(&mut self) -> Option<Step> {
        let ((key, campaign), (at, referral)) =
            self.open_pair(|campaign| campaign.proof == ATTESTED)?;
        let slot = self.rng.below(VOUCHERS);
        let statement = self.known_voucher((key, &campaign), (at, &referral), slot)?;
        let digest = sha256(&[&statement.message()]);
        let settings = *campaign.in_force(self.model.now);
        let attestor = self.or_anybody(settings.attestor);
        let payer = self.or_anybody(attestor);
        let expires_at = if self.rng.percent(90) {
            statement.expires_at
        } else {
            self.rng.pick(&[0, -1, i64::MAX])
        };
        let metas = vec![
            meta(payer, "sw"),
            meta(attestor, "s"),
            meta(key, ""),
            meta(revocation_at(&key, &digest), "w"),
            meta(SYSTEM, ""),
        ];
        Some(call("revoke_voucher", &(digest, expires_at), metas))
    }

    fn reclaim_voucher(&mut self) -> Option<Step> {
        let all = self.revocations();
        let (at, revoked) = self.one(all)?;
        let metas = vec![meta(at, "w"), meta(revoked.rent_payer, "w")];
        Some(call("reclaim_voucher", &(), metas))
    }

    fn reclaim_conversion(&mut self) -> Option<Step> {
        let all = self.conversions();
        let (at, conversion) = self.one(all)?;
        // If the referral is gone already, the campaign follows from the address.
        let campaign = match self.referral_at(&conversion.referral) {
            Some(referral) => Some(referral.campaign),
            None => self
                .world
                .campaigns()
                .map(|(creator, id)| campaign_at(&creator, id).0)
                .find(|campaign| {
                    let of = |code: &&[u8; 12]| referral_at(campaign, code) == conversion.referral;
                    CODES.iter().any(of)
                }),
        }?;
        // A reclaimed campaign no longer says which key it used, so try each.
        let wallet = conversion.referee.as_ref();
        let mut keys = vec![
            conversion.referee.to_bytes(),
            sha256(&[wallet, conversion.referral.as_ref()]),
        ];
        for reference in &REFERENCES {
            keys.extend([sha256(&[reference]), sha256(&[wallet, reference])]);
        }
        keys.sort_by_key(|once| keyed(&campaign, once) != at);
        let once = if self.rng.percent(95) {
            keys[0]
        } else {
            keys[1]
        };
        let treasury = match &self.model.cell(&campaign).body {
            Body::Vouch(Account::Campaign(it)) => Some(it.in_force(self.model.now).treasury),
            Body::Vouch(Account::Closed(closed)) => Some(closed.treasury),
            _ => None,
        };
        let treasury = treasury.filter(|key| *key != SYSTEM && self.rng.percent(95));
        let metas = vec![
            meta(campaign, ""),
            meta(at, "w"),
            meta(conversion.rent_payer, "w"),
            self.paid_meta(treasury),
        ];
        Some(call("reclaim_conversion", &once, metas))
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
            all.retain(|(_, campaign, _)| self.is_over(campaign));
        }
        let (at, campaign, payer) = self.one(all)?;
        let metas = vec![meta(campaign, ""), meta(at, "w"), meta(payer, "w")];
        Some(call("reclaim_referral", &(), metas))
    }

    fn is_over(&self, campaign: &Pubkey) -> bool {
        self.campaign_at(campaign)
            .is_none_or(|campaign| campaign.closed == 1)
    }

    /// `reclaim_binding` or `reclaim_referrer`.
    fn reclaim_small(&mut self, name: &'static str) -> Option<Step> {
        let mut all: Vec<(Pubkey, Pubkey, Pubkey)> = if name == "reclaim_binding" {
            let all = self.bindings().into_iter();
            all.map(|(at, it)| (at, it.campaign, it.rent_payer))
                .collect()
        } else {
            let all = self.referrers().into_iter();
            all.map(|(at, it)| (at, it.campaign, it.rent_payer))
                .collect()
        };
        if name == "reclaim_referrer" && self.rng.percent(90) {
            all.retain(|(_, campaign, _)| self.is_over(campaign));
        }
        let (at, campaign, payer) = self.one(all)?;
        let metas = vec![meta(campaign, ""), meta(at, "w"), meta(payer, "w")];
        Some(call(name, &(), metas))
    }

    /// Spoils one thing of a call.
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
                // Replace an account by another one of the same type, or of any type.
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
