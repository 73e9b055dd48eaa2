//! What must hold whatever the model says, computed from the chain's accounts alone.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use solana_sdk::pubkey::Pubkey;
use vouch_client::{
    PROGRAM_ID,
    accounts::{Account, Campaign, Conversion, Funding, Referral, RewardKind, Status},
};

use crate::{
    model::{Body, Cell, SYSTEM},
    program::key_of,
    step::Step,
};

/// What is remembered of the accounts, also of those that are gone.
#[derive(Debug, Clone, Default)]
pub struct History {
    campaigns: BTreeMap<Pubkey, Campaign>,
    referrals: BTreeMap<Pubkey, Referral>,
    conversions: BTreeMap<Pubkey, Conversion>,
    /// Referrals and conversions that are still there.
    alive: BTreeMap<Pubkey, ()>,
    /// Base units of each mint that came from elsewhere.
    issued: BTreeMap<Pubkey, i128>,
}

/// Parts of a conversion with their bits.
fn parts(conversion: &Conversion) -> [(u8, u64); 3] {
    [
        (1, conversion.reward_referrer),
        (2, conversion.reward_referee),
        (4, conversion.reward_partner),
    ]
}

/// Base units of the parts that are settled, or of those that are not.
fn sum(conversion: &Conversion, settled: bool) -> u64 {
    let parts = parts(conversion);
    let chosen = parts
        .iter()
        .filter(|(bit, _)| (conversion.settled & bit != 0) == settled);
    chosen.map(|(_, units)| *units).sum()
}

impl History {
    /// Notes what a step outside of the program does to supplies, `before` it happens.
    pub fn note(
        &mut self,
        step: &Step,
        before: &BTreeMap<Pubkey, Cell>,
        after: &BTreeMap<Pubkey, Cell>,
    ) {
        if matches!(step, Step::Call { .. }) {
            return;
        }
        for (key, cell) in after {
            let Body::Mint(new) = &cell.body else {
                continue;
            };
            let old = match before.get(key).map(|cell| &cell.body) {
                Some(Body::Mint(old)) => old.supply,
                _ => 0,
            };
            *self.issued.entry(*key).or_default() += i128::from(new.supply) - i128::from(old);
        }
    }

    /// Takes the supply at the start as issued elsewhere.
    pub fn begin(&mut self, cells: &BTreeMap<Pubkey, Cell>) {
        for (key, cell) in cells {
            if let Body::Mint(mint) = &cell.body {
                self.issued.insert(*key, mint.supply.into());
            }
        }
    }

    /// Checks the chain's accounts after a step.
    ///
    /// # Errors
    /// The first invariant that does not hold.
    pub fn check(&mut self, cells: &BTreeMap<Pubkey, Cell>) -> Result<()> {
        self.alive.clear();
        for (key, cell) in cells {
            let Body::Vouch(account) = &cell.body else {
                continue;
            };
            self.alive.insert(*key, ());
            match account {
                Account::Conversion(conversion) => {
                    if !self.conversions.contains_key(key) {
                        self.check_new(key, conversion, cells)?;
                    }
                    self.conversions.insert(*key, (**conversion).clone());
                }
                Account::Campaign(_) | Account::Referral(_) => {}
                Account::Referee(_) | Account::Closed(_) => {}
            }
        }
        for (key, cell) in cells {
            match &cell.body {
                Body::Vouch(Account::Campaign(campaign)) => {
                    self.campaigns.insert(*key, (**campaign).clone());
                }
                Body::Vouch(Account::Referral(referral)) => {
                    self.referrals.insert(*key, (**referral).clone());
                }
                _ => {}
            }
        }
        self.check_referrals()?;
        self.check_campaigns(cells)?;
        self.check_supply(cells)
    }

    /// A conversion that was not there before: allowed by campaign and referral as they
    /// were, within all caps, and the only one of its key.
    fn check_new(
        &self,
        key: &Pubkey,
        conversion: &Conversion,
        cells: &BTreeMap<Pubkey, Cell>,
    ) -> Result<()> {
        let Some(referral) = self.referrals.get(&conversion.referral) else {
            anyhow::bail!("the conversion {key} is of a referral that was not there");
        };
        let Some(campaign) = self.campaigns.get(&referral.campaign) else {
            anyhow::bail!("the conversion {key} is of a campaign that was not there");
        };
        ensure!(
            !campaign.paused && !campaign.closed,
            "the conversion {key} was made while its campaign was paused or closed"
        );
        ensure!(
            referral.active && !referral.suspended,
            "the conversion {key} was made by a code that was off"
        );
        ensure!(
            conversion.referee != referral.owner && conversion.referee != referral.partner,
            "the conversion {key} is somebody's own"
        );
        ensure!(
            conversion.amount >= campaign.min_amount,
            "the conversion {key} is below the minimum"
        );
        let once = key_of(
            campaign,
            &conversion.referee,
            &conversion.referral,
            &conversion.reference,
        );
        let (address, _) = Pubkey::find_program_address(
            &[b"conversion", referral.campaign.as_ref(), &once],
            &PROGRAM_ID,
        );
        ensure!(address == *key, "the conversion {key} is not at its key");

        let total: u128 = parts(conversion)
            .iter()
            .map(|(_, units)| u128::from(*units))
            .sum();
        let bonuses: u128 = campaign
            .bonuses
            .iter()
            .enumerate()
            .filter(|(index, _)| conversion.bonuses & (1 << index) != 0)
            .map(|(_, bonus)| u128::from(bonus.amount))
            .sum();
        ensure!(
            conversion.bonuses & referral.bonuses_paid == 0,
            "the conversion {key} pays a bonus again"
        );
        let shared = total.checked_sub(bonuses);
        let Some(shared) = shared else {
            anyhow::bail!("the conversion {key} is worth less than its bonuses");
        };
        if campaign.reward_kind == RewardKind::Percent {
            ensure!(
                shared <= u128::from(campaign.reward_max),
                "the conversion {key} is above the campaign's maximum"
            );
        }
        if campaign.funding == Funding::PaymentSplit {
            ensure!(
                total <= u128::from(conversion.amount),
                "the conversion {key} is above its payment"
            );
        }
        ensure!(
            u128::from(conversion.reward_referee) * 10_000
                <= shared * u128::from(campaign.referee_share_bps)
                && u128::from(conversion.reward_partner) * 10_000
                    <= shared * u128::from(campaign.max_partner_share_bps),
            "the conversion {key} gives a share that is too large"
        );
        if let Some(Cell {
            body: Body::Vouch(Account::Campaign(after)),
            ..
        }) = cells.get(&referral.campaign)
        {
            let counted = campaign.budget == 0
                || u128::from(after.committed) == u128::from(campaign.committed) + total;
            ensure!(counted, "the conversion {key} is not in the budget");
        }
        Ok(())
    }

    /// Totals equal the sum of the accounts, and limits hold.
    fn check_referrals(&self) -> Result<()> {
        for (key, referral) in &self.referrals {
            if !self.alive.contains_key(key) {
                continue;
            }
            let mut sums = [0_u128; 5];
            for conversion in self.conversions.values() {
                if conversion.referral != *key || conversion.status == Status::Cancelled {
                    continue;
                }
                let pending = |bit: u8, units: u64| {
                    if conversion.settled & bit == 0 {
                        u128::from(units)
                    } else {
                        0
                    }
                };
                sums[0] += 1;
                sums[1] += u128::from(conversion.reward_referrer);
                sums[2] += pending(1, conversion.reward_referrer);
                sums[3] += pending(4, conversion.reward_partner);
                sums[4] += u128::from(conversion.status == Status::Pending);
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
        }
        Ok(())
    }

    /// Budgets and vaults hold, and what waits lies where it should.
    fn check_campaigns(&self, cells: &BTreeMap<Pubkey, Cell>) -> Result<()> {
        for (key, campaign) in &self.campaigns {
            if !self.alive.contains_key(key)
                || !matches!(
                    cells.get(key).map(|cell| &cell.body),
                    Some(Body::Vouch(Account::Campaign(_)))
                )
            {
                continue;
            }
            ensure!(
                campaign.budget == 0 || campaign.committed <= campaign.budget,
                "the campaign {key} is above its budget"
            );
            if campaign.vault != SYSTEM {
                let owed: u128 = self
                    .conversions_of(key)
                    .filter(|(_, conversion)| conversion.status == Status::Pending)
                    .map(|(_, conversion)| u128::from(sum(conversion, false)))
                    .sum();
                ensure!(
                    u128::from(campaign.owed) == owed,
                    "the campaign {key} owes {}, its conversions wait for {owed}",
                    campaign.owed
                );
                let vault = match cells.get(&campaign.vault).map(|cell| &cell.body) {
                    Some(Body::Token(vault)) => vault.amount,
                    _ => 0,
                };
                ensure!(
                    vault >= campaign.owed,
                    "the vault of {key} has {vault}, and owes {}",
                    campaign.owed
                );
            } else {
                ensure!(
                    campaign.owed == 0,
                    "the campaign {key} owes without a vault"
                );
            }
            if campaign.funding == Funding::PaymentSplit && campaign.mint == SYSTEM {
                for (address, conversion) in self.conversions_of(key) {
                    if conversion.status != Status::Pending {
                        continue;
                    }
                    let Some(cell) = cells.get(address).filter(|cell| cell.is_ours()) else {
                        continue;
                    };
                    let waiting = sum(conversion, false);
                    // Less than the rent of its bytes would be gone from the chain.
                    ensure!(
                        cell.lamports > waiting,
                        "the conversion {address} has not what waits in it"
                    );
                }
            }
        }
        Ok(())
    }

    /// Minted is exactly what was paid.
    fn check_supply(&self, cells: &BTreeMap<Pubkey, Cell>) -> Result<()> {
        let mut paid: BTreeMap<Pubkey, i128> = BTreeMap::new();
        for (key, campaign) in &self.campaigns {
            if campaign.funding == Funding::MintAuthority {
                *paid.entry(campaign.mint).or_default() += self
                    .conversions_of(key)
                    .map(|(_, conversion)| i128::from(sum(conversion, true)))
                    .sum::<i128>();
            }
        }
        for (key, cell) in cells {
            let Body::Mint(mint) = &cell.body else {
                continue;
            };
            let elsewhere = self.issued.get(key).copied().unwrap_or_default();
            let rewards = paid.get(key).copied().unwrap_or_default();
            ensure!(
                i128::from(mint.supply) == elsewhere + rewards,
                "of the mint {key} there are {}, of which {elsewhere} came from elsewhere and \
                 {rewards} were paid",
                mint.supply
            );
        }
        Ok(())
    }

    fn conversions_of(&self, campaign: &Pubkey) -> impl Iterator<Item = (&Pubkey, &Conversion)> {
        self.conversions.iter().filter(move |(_, conversion)| {
            let referral = self.referrals.get(&conversion.referral);
            referral.is_some_and(|referral| referral.campaign == *campaign)
        })
    }
}
