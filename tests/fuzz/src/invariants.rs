//! Invariants that hold independently of the model.
//!
//! This module keeps its own ledger of accepted conversions: the reward under the terms
//! of that moment, the bonuses, whether a budget was charged, and the payments. From the
//! ledger it computes budgets, vaults, supplies, counters and bonuses, and compares them
//! with the chain. It does not read counters or registers of the program to compute what
//! is due.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};
use solana_sdk::pubkey::Pubkey;

use crate::{
    model::{ATTESTATIONS, Body, Cell, SYSTEM},
    program::{CLAIM_PERIOD, SPECS, called, credential_until, key_of, reward_account},
    rules::{self, Deal},
    state::{
        Account, Bonus, CANCELLED, Campaign, Conversion, MINTED, PAID, PAYMENT, PENDING, PERCENT,
        Referral, Referrer, SPLIT, Settings,
    },
    step::{Meta, Step},
};

/// Bits of the parts of referrer, referee and partner.
const BITS: [u8; 3] = [1, 2, 4];

/// An accepted conversion.
#[derive(Debug, Clone)]
struct Entry {
    campaign: Pubkey,
    referral: Pubkey,
    /// The referral's owner at the time of the conversion.
    owner: Pubkey,
    referee: Pubkey,
    /// The mint, if rewards are minted.
    minted: Option<Pubkey>,
    /// The key of the conversion.
    once: [u8; 32],
    /// The buyer's payment if rewards are in the same token, else 0.
    paid: u64,
    units: [u64; 3],
    bonuses: Vec<Bonus>,
    budgeted: bool,
    converted_at: i64,
    hold_seconds: u32,
    status: u8,
    settled: u8,
    /// Reclaimed before all of its parts were claimed.
    lapsed: bool,
}

impl Entry {
    fn total(&self) -> u128 {
        self.units.iter().map(|units| u128::from(*units)).sum()
    }

    fn open(&self, bits: u8) -> u128 {
        let parts = BITS.into_iter().zip(self.units);
        let open = parts.filter(|(bit, _)| bits & bit != 0 && self.settled & bit == 0);
        open.map(|(_, units)| u128::from(units)).sum()
    }

    /// Whether the conversion counts for tiers, bonuses and limits.
    fn counts(&self) -> bool {
        self.status != CANCELLED && self.total() != 0
    }
}

/// The ledger, and the accounts after the last step.
#[derive(Debug, Clone, Default)]
pub struct History {
    now: i64,
    /// Rent of a conversion, in lamports.
    rent: u64,
    cells: BTreeMap<Pubkey, Cell>,
    entries: BTreeMap<Pubkey, Entry>,
    /// For each mint, the supply that the program did not mint.
    issued: Deltas,
    /// For each campaign, every bonus that it has ever offered.
    offered: BTreeMap<Pubkey, BTreeSet<Bonus>>,
}

/// The accounts that a step changed, in their new state.
pub type Changes = BTreeMap<Pubkey, Cell>;

/// Expected changes of accounts in lamports or tokens.
type Deltas = BTreeMap<Pubkey, i128>;

fn add(deltas: &mut Deltas, key: Pubkey, units: impl Into<i128>) {
    *deltas.entry(key).or_default() += units.into();
}

/// The account's mint and tokens, including withheld transfer fees.
fn tokens(cell: Option<&Cell>) -> Option<(Pubkey, i128)> {
    match &cell?.body {
        Body::Token(account) => {
            let units = i128::from(account.amount) + i128::from(account.withheld.unwrap_or(0));
            Some((account.mint, units))
        }
        _ => None,
    }
}

fn campaign_of(cell: Option<&Cell>) -> Option<&Campaign> {
    match &cell?.body {
        Body::Vouch(Account::Campaign(campaign)) => Some(campaign),
        _ => None,
    }
}

fn referral_of(cell: Option<&Cell>) -> Option<&Referral> {
    match &cell?.body {
        Body::Vouch(Account::Referral(referral)) => Some(referral),
        _ => None,
    }
}

fn conversion_of(cell: Option<&Cell>) -> Option<&Conversion> {
    match &cell?.body {
        Body::Vouch(Account::Conversion(conversion)) => Some(conversion),
        _ => None,
    }
}

impl History {
    /// Starts the ledger with these accounts.
    pub fn begin(&mut self, now: i64, rent: u64, cells: &BTreeMap<Pubkey, Cell>) {
        self.now = now;
        self.rent = rent;
        self.cells.clone_from(cells);
        for (key, cell) in cells {
            if let Body::Mint(mint) = &cell.body {
                add(&mut self.issued, *key, mint.supply);
            }
        }
    }

    /// Records an accepted step and checks all invariants.
    ///
    /// # Errors
    /// The first violated invariant.
    pub fn take(&mut self, step: &Step, changes: Changes) -> Result<()> {
        if let Step::Time(seconds) = step {
            self.now += seconds;
        }
        self.conserve(step, &changes)?;
        if let Step::Call { data, metas, .. } = step {
            let name = called(data).map_or("", |index| SPECS[index].0);
            match name {
                "convert" | "purchase" => self.converted(name, data, metas, &changes)?,
                "claim" => self.claimed(metas, &changes)?,
                "cancel_conversion" => self.cancelled(metas, &changes)?,
                "reclaim_conversion" => self.lapsed(metas, &changes)?,
                "update_campaign" => self.updated(metas, &changes)?,
                _ => {}
            }
        }
        self.check_frozen(&changes)?;
        for (key, cell) in &changes {
            if let Some(campaign) = campaign_of(Some(cell)) {
                let known = self.offered.entry(*key).or_default();
                known.extend(campaign.settings.bonuses);
                known.extend(campaign.next.bonuses);
            }
        }
        self.cells.extend(changes);
        self.check_counters()?;
        self.check_campaigns()?;
        self.check_supplies()
    }

    /// Checks that a call neither creates nor destroys lamports, and tokens only as the
    /// supply changes.
    fn conserve(&mut self, step: &Step, changes: &Changes) -> Result<()> {
        let mut lamports = 0_i128;
        let mut by_mint: Deltas = Deltas::new();
        for (key, after) in changes {
            let before = self.cells.get(key);
            lamports += i128::from(after.lamports);
            lamports -= i128::from(before.map_or(0, |cell| cell.lamports));
            if let Some((mint, units)) = tokens(Some(after)) {
                add(&mut by_mint, mint, units);
            }
            if let Some((mint, units)) = tokens(before) {
                add(&mut by_mint, mint, -units);
            }
            let supply = |cell: Option<&Cell>| match cell.map(|cell| &cell.body) {
                Some(Body::Mint(mint)) => i128::from(mint.supply),
                _ => 0,
            };
            let issued = supply(Some(after)) - supply(before);
            add(&mut by_mint, *key, -issued);
            if !matches!(step, Step::Call { .. }) && issued != 0 {
                add(&mut self.issued, *key, issued);
            }
        }
        if let Step::Supply(mint, units) = step
            && by_mint.get(mint).is_some_and(|delta| *delta != 0)
        {
            // Tokens in accounts that the fuzzer does not track.
            add(&mut by_mint, *mint, *units);
        }
        if matches!(step, Step::Call { .. }) {
            ensure!(lamports == 0, "{lamports} lamports came from nowhere");
        }
        for (mint, delta) in by_mint {
            ensure!(
                delta == 0,
                "of the mint {mint} {delta} are in accounts beyond what was issued"
            );
        }
        Ok(())
    }

    fn delta(&self, changes: &Changes, key: &Pubkey, of: fn(Option<&Cell>) -> i128) -> i128 {
        let before = self.cells.get(key);
        changes
            .get(key)
            .map_or(0, |after| of(Some(after)) - of(before))
    }

    /// Checks that lamports of wallets and tokens of accounts changed by exactly these
    /// amounts.
    fn expect(&self, changes: &Changes, lamports: &Deltas, units: &Deltas) -> Result<()> {
        for (what, expected, of) in [
            (
                "lamports",
                lamports,
                (|cell: Option<&Cell>| cell.map_or(0, |cell| i128::from(cell.lamports)))
                    as fn(Option<&Cell>) -> i128,
            ),
            ("tokens", units, |cell: Option<&Cell>| {
                tokens(cell).map_or(0, |(_, units)| units)
            }),
        ] {
            let keys: BTreeSet<_> = changes.keys().chain(expected.keys()).collect();
            for key in keys {
                let should = expected.get(key).copied().unwrap_or(0);
                let is = self.delta(changes, key, of);
                ensure!(
                    is == should,
                    "{key} got {is} {what} and should have got {should}"
                );
            }
        }
        Ok(())
    }

    /// Conversions that count and have paid bonuses, of the code or of its owner.
    fn counted<'a>(
        &'a self,
        campaign: &'a Campaign,
        key: &'a Pubkey,
        referral: &'a Pubkey,
        owner: &'a Pubkey,
    ) -> impl Iterator<Item = &'a Entry> + 'a {
        let per_owner = campaign.per_owner == 1;
        self.entries.values().filter(move |entry| {
            entry.counts()
                && if per_owner {
                    entry.campaign == *key && entry.owner == *owner
                } else {
                    entry.referral == *referral
                }
        })
    }

    /// Checks an accepted conversion: all rules allowed it, and it has the right worth.
    fn converted(
        &mut self,
        name: &str,
        data: &[u8],
        metas: &[Meta],
        changes: &Changes,
    ) -> Result<()> {
        let [payer, referee, campaign_key, referral_key, key] =
            [0, 1, 2, 3, 4].map(|i| metas[i].key);
        let campaign = campaign_of(self.cells.get(&campaign_key)).context("no campaign")?;
        let referral = referral_of(self.cells.get(&referral_key)).context("no referral")?;
        ensure!(
            conversion_of(self.cells.get(&key)).is_none() && !self.entries.contains_key(&key),
            "the conversion {key} replaces one"
        );
        let conversion = conversion_of(changes.get(&key)).context("no conversion")?;
        let number = |at: usize| {
            let bytes = data.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
            bytes.map(u64::from_le_bytes).context("short data")
        };
        let amount = number(21)?;
        let reference: [u8; 32] = data
            .get(29..61)
            .and_then(|bytes| bytes.try_into().ok())
            .context("short data")?;
        let settings = campaign.in_force(self.now);

        ensure!(
            referral.campaign == campaign_key,
            "the code is another campaign's"
        );
        ensure!(
            campaign.paused == 0 && campaign.closed == 0,
            "the campaign is off"
        );
        ensure!(
            self.now >= settings.starts_at
                && (settings.ends_at == 0 || self.now < settings.ends_at),
            "the campaign has not begun or is over"
        );
        ensure!(
            referral.active == 1 && referral.suspended == 0,
            "the code is off"
        );
        ensure!(
            referral.expires_at == 0 || self.now < referral.expires_at,
            "the code has expired"
        );
        ensure!(
            referee != referral.owner && referee != referral.partner,
            "somebody refers itself"
        );
        ensure!(amount >= settings.min_amount, "below the minimum");
        ensure!(
            [payer, referee]
                .iter()
                .all(|key| metas.iter().any(|meta| meta.key == *key && meta.signer)),
            "referee or payer did not sign"
        );
        if settings.attribution_window != 0 {
            let at = if name == "purchase" { 13 } else { 12 };
            let bound = metas.get(at).and_then(|meta| self.cells.get(&meta.key));
            let Some(Body::Vouch(Account::Binding(binding))) = bound.map(|cell| &cell.body) else {
                bail!("the referee is not bound");
            };
            ensure!(
                binding.wallet == referee
                    && binding.referral == referral_key
                    && self.now < binding.expires_at,
                "the referee is bound to another code, or no more"
            );
        }
        if settings.gate_credential != SYSTEM {
            let at = if name == "purchase" { 15 } else { 14 };
            let shown = metas.get(at).and_then(|meta| self.cells.get(&meta.key));
            let Some(Body::Foreign { owner, data }) = shown.map(|cell| &cell.body) else {
                bail!("the referee has no credential");
            };
            let until = credential_until(
                data,
                &settings.gate_credential,
                &settings.gate_schema,
                &referee,
            );
            ensure!(
                *owner == ATTESTATIONS && until.is_some_and(|at| at == 0 || self.now < at),
                "the credential is another one, or has expired"
            );
        }
        let once = key_of(campaign, &referee, &referral_key, &reference);
        ensure!(
            !self
                .entries
                .values()
                .any(|entry| entry.campaign == campaign_key && entry.once == once),
            "the conversion {key} was counted before"
        );

        // The expected worth.
        let counted: Vec<_> = self
            .counted(campaign, &campaign_key, &referral_key, &referral.owner)
            .collect();
        let paid: BTreeSet<Bonus> = counted
            .iter()
            .flat_map(|entry| entry.bonuses.iter().copied())
            .collect();
        let parts = rules::reward(
            settings,
            campaign.funding == SPLIT,
            rules::deal(referral, self.now),
            counted.len() as u64,
            amount,
            |index| paid.contains(&settings.bonuses[index]),
        );
        ensure!(
            conversion.units() == parts.units,
            "the conversion {key} is worth {:?} and should be {:?}",
            conversion.units(),
            parts.units
        );
        if campaign.per_owner == 1 && settings.owner_limit != 0 {
            ensure!(
                (counted.len() as u64) < settings.owner_limit,
                "the owner is above its limit"
            );
        }
        let due = settings.bonuses.iter().zip(parts.bonuses);
        let bonuses: Vec<Bonus> = due.filter(|(_, due)| *due).map(|(b, _)| *b).collect();
        let recorded: Vec<Bonus> = (0..32)
            .filter(|place| conversion.bonuses & (1 << place) != 0)
            .map(|place| campaign.offered[place])
            .collect();
        ensure!(
            bonuses.iter().collect::<BTreeSet<_>>() == recorded.iter().collect::<BTreeSet<_>>(),
            "the conversion {key} paid the bonuses {recorded:?} and should have paid {bonuses:?}"
        );
        let budgeted = settings.budget != 0;
        ensure!(
            (conversion.budgeted == 1) == budgeted,
            "the conversion {key} is in the budget, or not, against the settings"
        );
        ensure!(
            conversion.hold_seconds == settings.hold_seconds
                && conversion.converted_at == self.now
                && conversion.referral == referral_key
                && conversion.referee == referee
                && conversion.rent_payer == payer,
            "the conversion {key} records something else than what happened"
        );
        let split = campaign.funding == SPLIT;
        let zeros = BITS.into_iter().zip(parts.units);
        let zeros = zeros.fold(0, |bits, (bit, units)| {
            bits | if units == 0 || (split && bit == 2) {
                bit
            } else {
                0
            }
        });
        ensure!(
            conversion.settled & zeros == zeros
                && (settings.hold_seconds == 0 || conversion.settled == zeros),
            "the conversion {key} settles {} of {zeros}",
            conversion.settled
        );
        let pending = settings.hold_seconds != 0 || conversion.settled != 7;
        ensure!(
            conversion.status == if pending { PENDING } else { PAID },
            "the conversion {key} has the status {}",
            conversion.status
        );

        let entry = Entry {
            campaign: campaign_key,
            referral: referral_key,
            owner: referral.owner,
            referee,
            minted: (campaign.funding == MINTED).then_some(campaign.mint),
            once,
            paid: if campaign.proof == PAYMENT && campaign.mint == campaign.payment_mint {
                amount
            } else {
                0
            },
            units: parts.units,
            bonuses,
            budgeted,
            converted_at: self.now,
            hold_seconds: settings.hold_seconds,
            status: conversion.status,
            settled: conversion.settled,
            lapsed: false,
        };

        // The expected payments.
        let (mut lamports, mut units) = (Deltas::new(), Deltas::new());
        let paid_now = conversion.settled & !zeros;
        self.pay(
            &entry,
            campaign,
            referral,
            paid_now,
            &mut lamports,
            &mut units,
        );
        let waiting = if split { entry.open(7) as i128 } else { 0 };
        if name == "purchase" {
            let discount = if split { parts.units[1] } else { 0 };
            let price = amount - discount;
            ensure!(price <= number(61)?, "the buyer pays more than it signed");
            let taken = if split { parts.total() } else { 0 };
            let moved = if campaign.payment_mint == SYSTEM {
                &mut lamports
            } else {
                &mut units
            };
            let from = if campaign.payment_mint == SYSTEM {
                referee
            } else {
                metas.get(9).context("no source")?.key
            };
            add(moved, from, -i128::from(price));
            add(moved, settings.treasury, amount - taken);
            if split {
                // Parts that were paid at once came from the payment, not from the
                // escrow.
                let at_once = entry.total() as i128 - waiting - i128::from(discount);
                let escrow = if campaign.has_vault() {
                    campaign.vault
                } else {
                    key
                };
                add(moved, escrow, at_once + waiting);
            }
        }
        let held = |cell: Option<&Cell>| cell.map_or(0, |cell| i128::from(cell.lamports));
        let in_escrow = if campaign.pays_sol() { waiting } else { 0 };
        let rent = self.delta(changes, &key, held) - in_escrow;
        ensure!(
            (0..=i128::from(self.rent)).contains(&rent),
            "the conversion {key} cost {rent} lamports of rent"
        );
        add(&mut lamports, key, rent);
        add(&mut lamports, payer, -rent);
        self.expect(changes, &lamports, &units)?;
        self.entries.insert(key, entry);
        Ok(())
    }

    /// Adds the movements that paying these parts causes.
    fn pay(
        &self,
        entry: &Entry,
        campaign: &Campaign,
        referral: &Referral,
        bits: u8,
        lamports: &mut Deltas,
        units: &mut Deltas,
    ) {
        let people = [referral.owner, entry.referee, referral.partner];
        for (index, bit) in BITS.into_iter().enumerate() {
            if bits & bit == 0 {
                continue;
            }
            let part = entry.units[index];
            let to = reward_account(campaign, &people[index]).0;
            if campaign.pays_sol() {
                add(lamports, to, part);
            } else {
                add(units, to, part);
            }
        }
        let paid: u64 = BITS
            .into_iter()
            .zip(entry.units)
            .filter(|(bit, _)| bits & bit != 0)
            .map(|(_, units)| units)
            .sum();
        if campaign.pays_sol() {
            let key = self.key_of_escrow(entry);
            add(lamports, key, -i128::from(paid));
        } else if campaign.has_vault() {
            add(units, campaign.vault, -i128::from(paid));
        }
    }

    /// The account that holds the entry's SOL.
    fn key_of_escrow(&self, entry: &Entry) -> Pubkey {
        crate::model::keyed(&entry.campaign, &entry.once)
    }

    fn claimed(&mut self, metas: &[Meta], changes: &Changes) -> Result<()> {
        let [campaign_key, referral_key, key] = [0, 1, 2].map(|i| metas[i].key);
        let campaign = campaign_of(self.cells.get(&campaign_key)).context("no campaign")?;
        let referral = referral_of(self.cells.get(&referral_key)).context("no referral")?;
        let after = conversion_of(changes.get(&key)).context("no conversion")?;
        let entry = self.entries.get(&key).context("an unknown conversion")?;
        ensure!(
            entry.campaign == campaign_key && entry.referral == referral_key,
            "the claim {key} names another campaign or referral"
        );
        ensure!(entry.status == PENDING, "the claim {key} pays again");
        ensure!(
            self.now >= entry.converted_at + i64::from(entry.hold_seconds),
            "the claim {key} comes within the hold"
        );
        let (mut lamports, mut units) = (Deltas::new(), Deltas::new());
        let bits = after.settled & !entry.settled;
        ensure!(
            after.settled & entry.settled == entry.settled,
            "the claim {key} owes again what was paid"
        );
        ensure!(
            bits != 0 || entry.settled == 7,
            "the claim {key} pays nothing"
        );
        self.pay(entry, campaign, referral, bits, &mut lamports, &mut units);
        self.expect(changes, &lamports, &units)?;
        let (settled, status) = (after.settled, after.status);
        ensure!(
            (status == PAID) == (settled == 7) && status != CANCELLED,
            "the claim {key} left the status {status}"
        );
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.settled = settled;
            entry.status = status;
        }
        Ok(())
    }

    fn cancelled(&mut self, metas: &[Meta], changes: &Changes) -> Result<()> {
        let [authority, campaign_key, _, key] = [0, 1, 2, 3].map(|i| metas[i].key);
        let campaign = campaign_of(self.cells.get(&campaign_key)).context("no campaign")?;
        let entry = self.entries.get(&key).context("an unknown conversion")?;
        ensure!(
            authority == campaign.authority && metas[0].signer,
            "the authority did not cancel {key}"
        );
        ensure!(
            entry.campaign == campaign_key
                && entry.status == PENDING
                && self.now < entry.converted_at + i64::from(entry.hold_seconds),
            "{key} cannot be cancelled"
        );
        let (mut lamports, mut units) = (Deltas::new(), Deltas::new());
        if campaign.funding == SPLIT {
            let waiting = entry.open(7) as i128;
            let treasury = campaign.in_force(self.now).treasury;
            let (moved, escrow) = if campaign.pays_sol() {
                (&mut lamports, key)
            } else {
                (&mut units, campaign.vault)
            };
            // Tokens that the treasury cannot receive stay in the vault.
            let stays = !campaign.pays_sol() && {
                let of = |cell: Option<&Cell>| tokens(cell).map_or(0, |(_, units)| units);
                self.delta(changes, &campaign.vault, of) == 0
            };
            if !stays {
                add(moved, escrow, -waiting);
                add(moved, treasury, waiting);
            }
        }
        self.expect(changes, &lamports, &units)?;
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.status = CANCELLED;
        }
        Ok(())
    }

    /// Checks a reclaimed conversion: SOL that nobody claimed goes to the treasury.
    fn lapsed(&mut self, metas: &[Meta], changes: &Changes) -> Result<()> {
        let [campaign_key, key, rent_payer] = [0, 1, 2].map(|i| metas[i].key);
        let entry = self.entries.get(&key).context("an unknown conversion")?;
        ensure!(
            entry.campaign == campaign_key,
            "{key} is of another campaign"
        );
        let mut lamports = Deltas::new();
        let all = self.cells.get(&key).map_or(0, |cell| cell.lamports);
        let treasury = match self.cells.get(&campaign_key).map(|cell| &cell.body) {
            Some(Body::Vouch(Account::Campaign(campaign))) => {
                ensure!(campaign.closed == 1, "{key} is reclaimed too early");
                ensure!(
                    entry.status != PENDING
                        || self.now
                            >= campaign.closed_at + i64::from(campaign.longest_hold) + CLAIM_PERIOD,
                    "{key} is reclaimed while it can be claimed"
                );
                campaign
                    .pays_sol()
                    .then(|| campaign.in_force(self.now).treasury)
            }
            Some(Body::Vouch(Account::Closed(closed))) => {
                (closed.treasury != SYSTEM).then_some(closed.treasury)
            }
            _ => bail!("{key} belongs to no campaign"),
        };
        let program = |key: &Pubkey| self.cells.get(key).is_some_and(Cell::is_program);
        let lapsed = match treasury {
            Some(treasury) if entry.status == PENDING && !program(&treasury) => {
                let lapsed = entry.open(7) as i128;
                add(&mut lamports, treasury, lapsed);
                lapsed
            }
            _ => 0,
        };
        if program(&rent_payer) {
            add(&mut lamports, key, -lapsed);
        } else {
            add(&mut lamports, key, -i128::from(all));
            add(&mut lamports, rent_payer, i128::from(all) - lapsed);
        }
        self.expect(changes, &lamports, &Deltas::new())?;
        // SOL that remains as a program's rent is owed to nobody any more.
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.lapsed = entry.status == PENDING;
        }
        Ok(())
    }

    /// Checks changed settings: nobody gets less before the notice is over.
    fn updated(&self, metas: &[Meta], changes: &Changes) -> Result<()> {
        let key = metas[1].key;
        let before = campaign_of(self.cells.get(&key)).context("no campaign")?;
        let Some(after) = campaign_of(changes.get(&key)) else {
            return Ok(());
        };
        ensure!(before.terms() == after.terms(), "terms of {key} changed");
        let notice = i64::from(before.notice_seconds);
        let known = |place: usize| before.offered[place] == Bonus::default();
        ensure!(
            (0..32).all(|place| known(place) || before.offered[place] == after.offered[place]),
            "the register of {key} forgot a bonus"
        );
        if notice == 0 {
            return Ok(());
        }
        let (old, new) = (before.in_force(self.now), after.in_force(self.now));
        let offered = self.offered.get(&key).cloned().unwrap_or_default();
        worse(old, new, &offered, self.now)
            .with_context(|| format!("{key} was cut without notice"))?;
        if after.next_from != 0 && self.now < after.next_from {
            let announced = before.next_from == after.next_from && before.next == after.next;
            ensure!(
                announced || after.next_from >= self.now + notice,
                "the settings of {key} are in force before the notice is over"
            );
        }
        Ok(())
    }

    /// Checks that the reward of a conversion never changes.
    fn check_frozen(&self, changes: &Changes) -> Result<()> {
        for (key, cell) in changes {
            let Some(after) = conversion_of(Some(cell)) else {
                continue;
            };
            let entry = self.entries.get(key).context("an unknown conversion")?;
            ensure!(
                after.units() == entry.units
                    && after.referral == entry.referral
                    && after.referee == entry.referee
                    && after.converted_at == entry.converted_at
                    && after.hold_seconds == entry.hold_seconds
                    && (after.budgeted == 1) == entry.budgeted
                    && after.bonuses.count_ones() as usize == entry.bonuses.len(),
                "what {key} earned was changed"
            );
            ensure!(
                entry.lapsed || (after.status == entry.status && after.settled == entry.settled),
                "{key} was settled by nobody"
            );
        }
        Ok(())
    }

    /// Checks that the totals of referrals and owners match the ledger.
    fn check_counters(&self) -> Result<()> {
        for (key, cell) in &self.cells {
            match &cell.body {
                Body::Vouch(Account::Referral(referral)) => self.check_referral(key, referral)?,
                Body::Vouch(Account::Referrer(referrer)) => self.check_referrer(key, referrer)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn check_referral(&self, key: &Pubkey, referral: &Referral) -> Result<()> {
        let mut sums = [0_u128; 5];
        let of = self.entries.values().filter(|it| it.referral == *key);
        for entry in of.filter(|entry| entry.status != CANCELLED) {
            sums[0] += u128::from(entry.counts());
            sums[1] += u128::from(entry.units[0]);
            sums[2] += entry.open(1);
            sums[3] += entry.open(4);
            sums[4] += u128::from(entry.status == PENDING);
        }
        let counted = [
            referral.conversions,
            referral.rewards_total,
            referral.rewards_pending,
            referral.partner_pending,
            referral.open_conversions,
        ];
        ensure!(
            counted.map(u128::from) == sums,
            "the referral {key} counts {counted:?}, its conversions are {sums:?}"
        );
        ensure!(
            referral.usage_limit == 0 || referral.conversions <= referral.usage_limit,
            "the referral {key} is above its limit"
        );
        Ok(())
    }

    fn check_referrer(&self, key: &Pubkey, referrer: &Referrer) -> Result<()> {
        let of = self.entries.values().filter(|entry| {
            entry.campaign == referrer.campaign && entry.owner == referrer.owner && entry.counts()
        });
        let counted = of.count() as u64;
        ensure!(
            referrer.conversions == counted,
            "the referrer {key} counts {}, its conversions are {counted}",
            referrer.conversions
        );
        Ok(())
    }

    /// Checks that budgets and vaults match the ledger, and that owed rewards are
    /// covered.
    fn check_campaigns(&self) -> Result<()> {
        for (key, cell) in &self.cells {
            let Some(campaign) = campaign_of(Some(cell)) else {
                continue;
            };
            let of = || self.entries.iter().filter(|(_, it)| it.campaign == *key);
            let committed: u128 = of()
                .filter(|(_, entry)| entry.budgeted && entry.status != CANCELLED)
                .map(|(_, entry)| entry.total())
                .sum();
            ensure!(
                u128::from(campaign.committed) == committed,
                "the campaign {key} committed {}, its conversions {committed}",
                campaign.committed
            );
            for budget in [campaign.settings.budget, campaign.next.budget] {
                ensure!(
                    budget == 0 || committed <= u128::from(budget),
                    "the campaign {key} is above its budget"
                );
            }
            let waiting: u128 = of()
                .filter(|(_, entry)| entry.status == PENDING)
                .map(|(_, entry)| entry.open(7))
                .sum();
            let owed = if campaign.has_vault() { waiting } else { 0 };
            ensure!(
                u128::from(campaign.owed) == owed,
                "the campaign {key} owes {}, its conversions wait for {owed}",
                campaign.owed
            );
            if campaign.has_vault() {
                let vault = match self.cells.get(&campaign.vault).map(|cell| &cell.body) {
                    Some(Body::Token(vault)) => u128::from(vault.amount),
                    _ => 0,
                };
                ensure!(
                    vault >= owed,
                    "the vault of {key} has {vault}, and owes {owed}"
                );
            }
            if campaign.pays_sol() {
                let waits = |entry: &Entry| entry.status == PENDING && !entry.lapsed;
                for (address, entry) in of().filter(|(_, entry)| waits(entry)) {
                    let cell = self.cells.get(address).filter(|cell| cell.is_ours());
                    ensure!(
                        cell.is_some_and(|cell| u128::from(cell.lamports)
                            >= entry.open(7) + u128::from(self.rent)),
                        "the conversion {address} has not what waits in it"
                    );
                }
            }
            self.check_bonuses(key, campaign)?;
            self.check_paid_for(key, campaign)?;
        }
        Ok(())
    }

    /// Checks that no code, or owner, was paid a bonus twice.
    fn check_bonuses(&self, key: &Pubkey, campaign: &Campaign) -> Result<()> {
        let mut paid = BTreeSet::new();
        for entry in self.entries.values() {
            if entry.campaign != *key || entry.status == CANCELLED {
                continue;
            }
            let whose = if campaign.per_owner == 1 {
                entry.owner
            } else {
                entry.referral
            };
            for bonus in &entry.bonuses {
                ensure!(
                    paid.insert((whose, *bonus)),
                    "{whose} was paid the bonus {bonus:?} twice"
                );
            }
        }
        Ok(())
    }

    /// Checks that no code, or owner, has earned more than its buyers paid.
    fn check_paid_for(&self, key: &Pubkey, campaign: &Campaign) -> Result<()> {
        if campaign.proof != PAYMENT || campaign.mint != campaign.payment_mint {
            return Ok(());
        }
        let mut sums: BTreeMap<Pubkey, (u128, u128)> = BTreeMap::new();
        for entry in self.entries.values().filter(|it| it.campaign == *key) {
            let whose = if campaign.per_owner == 1 {
                entry.owner
            } else {
                entry.referral
            };
            let (earned, paid) = sums.entry(whose).or_default();
            *paid += u128::from(entry.paid);
            if entry.status != CANCELLED {
                *earned += entry.total();
            }
        }
        for (whose, (earned, paid)) in sums {
            ensure!(
                earned <= paid,
                "with the codes of {whose} {paid} were paid, and {earned} given back"
            );
        }
        Ok(())
    }

    /// Checks that exactly the paid rewards were minted.
    fn check_supplies(&self) -> Result<()> {
        let mut paid = Deltas::new();
        for entry in self.entries.values() {
            if let Some(mint) = entry.minted {
                let open = if entry.status == CANCELLED { 7 } else { 0 };
                let units = BITS.into_iter().zip(entry.units);
                let units = units.filter(|(bit, _)| entry.settled & !open & bit != 0);
                add(
                    &mut paid,
                    mint,
                    units.map(|(_, units)| i128::from(units)).sum::<i128>(),
                );
            }
        }
        for (mint, issued) in &self.issued {
            let supply = match self.cells.get(mint).map(|cell| &cell.body) {
                Some(Body::Mint(mint)) => i128::from(mint.supply),
                _ => 0,
            };
            let rewards = paid.get(mint).copied().unwrap_or(0);
            ensure!(
                supply == issued + rewards,
                "of the mint {mint} there are {supply}, of which {issued} came from elsewhere \
                 and {rewards} were paid"
            );
        }
        Ok(())
    }
}

/// Fails if `new` promises somebody less than `old`, for a conversion of the same kind at
/// the same moment.
///
/// A bonus that was offered before `old` and is not in `old` may have been paid already, so
/// it does not compensate for another one.
fn worse(old: &Settings, new: &Settings, offered: &BTreeSet<Bonus>, now: i64) -> Result<()> {
    let never = |at: i64| if at == 0 { i64::MAX } else { at };
    let unbounded = |limit: u64| if limit == 0 { u64::MAX } else { limit };
    ensure!(new.min_amount <= old.min_amount, "a higher minimum");
    ensure!(new.hold_seconds <= old.hold_seconds, "a longer hold");
    ensure!(
        (new.attribution_window == 0) == (old.attribution_window == 0)
            && new.attribution_window >= old.attribution_window,
        "another window"
    );
    ensure!(new.starts_at <= old.starts_at.max(now), "a later start");
    ensure!(never(new.ends_at) >= never(old.ends_at), "an earlier end");
    ensure!(
        unbounded(new.owner_limit) >= unbounded(old.owner_limit),
        "a lower limit"
    );
    ensure!(
        new.gate_credential == SYSTEM
            || (new.gate_credential, new.gate_schema) == (old.gate_credential, old.gate_schema),
        "another gate"
    );
    let mut ordinals: Vec<u64> = (0..12).collect();
    for settings in [old, new] {
        ordinals.extend(settings.tiers.iter().map(|tier| tier.min_conversions));
        ordinals.extend(settings.bonuses.iter().map(|bonus| bonus.threshold));
    }
    let mut amounts = vec![1, 7, 99, 10_000, 12_345, 1_000_003, 1 << 40, u64::MAX];
    amounts.extend([old.min_amount, old.min_amount.saturating_add(1)]);
    amounts.retain(|amount| *amount >= old.min_amount);
    let fixed = old.reward_kind != PERCENT && new.reward_kind != PERCENT;
    if fixed {
        amounts.truncate(1);
    }
    let deals = [
        None,
        Some(Deal {
            bps: old.max_partner_share_bps,
            fixed: old.max_partner_fixed,
        }),
        Some(Deal {
            bps: old.max_partner_share_bps / 3,
            fixed: old.max_partner_fixed / 3,
        }),
    ];
    for before in ordinals {
        for amount in &amounts {
            for deal in deals {
                let of = |settings: &Settings| {
                    rules::reward(settings, false, deal, before, *amount, |index| {
                        let bonus = &settings.bonuses[index];
                        offered.contains(bonus) && !old.bonuses.contains(bonus)
                    })
                };
                let [was, is] = [of(old), of(new)].map(|parts| parts.units.map(u128::from));
                ensure!(
                    is[1] >= was[1] && is[2] >= was[2] && is[0] + is[2] >= was[0] + was[2]
                        // Two shares are rounded down.
                        && is[0] + 1 >= was[0],
                    "conversion {} of {amount} with {deal:?} earned {was:?}, now {is:?}",
                    before + 1
                );
            }
        }
    }
    Ok(())
}
