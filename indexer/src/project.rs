//! Computes how projections and counters change when an account changes. Pure.

use std::collections::{BTreeMap, BTreeSet};

use solana_sdk::pubkey::Pubkey;
use vouch_client::accounts::{
    self, Account, DecodeError, Funding, Proof, RewardKind, Uniqueness, settled,
};
use vouch_db::{
    amount::Unsigned,
    mirror::{
        Campaign, Conversion, Maturing, Projections, Referral, Settlement, Status, TotalsMove,
    },
};
use vouch_replay::{Sale, encode};

/// The transaction that changed an account.
#[derive(Debug, Clone, Copy)]
pub(crate) struct By {
    pub(crate) seq: i64,
    pub(crate) slot: i64,
    /// Unix seconds.
    pub(crate) time: i64,
}

/// Changes of projections, each row once.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    campaigns: BTreeMap<Pubkey, Campaign>,
    referrals: BTreeMap<Pubkey, Referral>,
    sales: BTreeMap<Pubkey, Conversion>,
    settlements: BTreeMap<Pubkey, Settlement>,
    maturing: BTreeMap<Pubkey, Maturing>,
    cancelled: BTreeSet<Pubkey>,
    totals: BTreeMap<String, TotalsMove>,
}

/// The state of a conversion's reward, as its row has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Standing {
    status: Status,
    settled: u8,
}

impl Standing {
    fn of(conversion: &accounts::Conversion) -> Self {
        let status = match conversion.status {
            accounts::Status::Pending => Status::Pending,
            accounts::Status::Paid => Status::Paid,
            accounts::Status::Cancelled => Status::Cancelled,
        };
        Self {
            status,
            settled: conversion.settled,
        }
    }

    /// The conversion after its account was closed: if it was pending, it has lapsed.
    fn ended(self) -> Self {
        let status = match self.status {
            Status::Pending => Status::Lapsed,
            status => status,
        };
        Self { status, ..self }
    }

    /// Its share in the counters of its referral.
    fn counts(self, reward_referrer: u64) -> TotalsMove {
        let reward = i128::from(reward_referrer);
        let is_settled = self.settled & settled::REFERRER != 0;
        match self.status {
            Status::Cancelled => TotalsMove::default(),
            _ if is_settled => TotalsMove {
                conversions: 1,
                paid: reward,
                pending: 0,
            },
            Status::Lapsed => TotalsMove {
                conversions: 1,
                ..TotalsMove::default()
            },
            Status::Pending | Status::Paid => TotalsMove {
                conversions: 1,
                paid: 0,
                pending: reward,
            },
        }
    }
}

impl Draft {
    /// A conversion was recorded.
    pub(crate) fn sale(&mut self, sale: &Sale, account: &accounts::Conversion, by: By) {
        let standing = Standing::of(account);
        let row = conversion(sale, standing, by);
        self.maturing.insert(
            sale.conversion,
            Maturing {
                conversion: row.address.clone(),
                seq: by.seq,
                matures_at: row.matures_at,
                campaign: row.campaign.clone(),
                converted_at: row.converted_at,
            },
        );
        self.count(&row.referral, standing.counts(sale.reward.referrer), 1);
        self.sales.insert(sale.conversion, row);
    }

    /// An account changed, other than by a sale.
    pub(crate) fn change(
        &mut self,
        address: Pubkey,
        before: Option<&Account>,
        after: Option<&Account>,
        by: By,
    ) -> Result<(), DecodeError> {
        match (before, after) {
            (_, Some(Account::Campaign(account))) => {
                let row = campaign(address, account, None, by);
                self.campaigns.insert(address, row);
            }
            // A tombstone takes the place of the account, so the row keeps the last bytes.
            (Some(last @ Account::Campaign(account)), _) => {
                let row = campaign(address, account, Some(encode(last)), by);
                self.campaigns.insert(address, row);
            }
            (_, Some(Account::Referral(account))) => {
                let row = referral(address, account, false, by)?;
                self.referrals.insert(address, row);
            }
            (Some(Account::Referral(account)), _) => {
                let row = referral(address, account, true, by)?;
                self.referrals.insert(address, row);
            }
            (Some(Account::Conversion(before)), after) => {
                let from = Standing::of(before);
                let to = match after {
                    Some(Account::Conversion(after)) => Standing::of(after),
                    _ => from.ended(),
                };
                self.settle(address, before, from, to);
            }
            // A tombstone, or an account that no query reads.
            _ => {}
        }
        Ok(())
    }

    fn settle(
        &mut self,
        address: Pubkey,
        account: &accounts::Conversion,
        from: Standing,
        to: Standing,
    ) {
        // A closing changes nothing that was not owed.
        if from == to {
            return;
        }
        let referral = account.referral.to_string();
        self.count(&referral, from.counts(account.reward_referrer), -1);
        self.count(&referral, to.counts(account.reward_referrer), 1);
        if to.status == Status::Cancelled && self.maturing.remove(&address).is_none() {
            self.cancelled.insert(address);
        }
        if let Some(row) = self.sales.get_mut(&address) {
            row.status = to.status;
            row.settled = to.settled.into();
        } else {
            let row = settlement(address.to_string(), to);
            self.settlements.insert(address, row);
        }
    }

    fn count(&mut self, referral: &str, counts: TotalsMove, sign: i8) {
        let totals = self.totals.entry(referral.to_owned()).or_default();
        totals.conversions += counts.conversions * i64::from(sign);
        totals.paid += counts.paid * i128::from(sign);
        totals.pending += counts.pending * i128::from(sign);
    }

    pub(crate) fn finish(self) -> Projections {
        Projections {
            campaigns: self.campaigns.into_values().collect(),
            referrals: self.referrals.into_values().collect(),
            sales: self.sales.into_values().collect(),
            settlements: self.settlements.into_values().collect(),
            maturing: self.maturing.into_values().collect(),
            cancelled: self.cancelled.iter().map(ToString::to_string).collect(),
            totals: self.totals,
        }
    }

    /// An account becomes again what it was; `None` if it did not exist.
    pub(crate) fn undo(
        &mut self,
        address: Pubkey,
        restored: Option<&Account>,
        by: By,
    ) -> Result<(), DecodeError> {
        if let Some(Account::Campaign(_) | Account::Referral(_)) = restored {
            self.change(address, None, restored, by)?;
        }
        Ok(())
    }

    /// A conversion becomes again what it was; `None` if its sale is undone.
    pub(crate) fn undo_conversion(
        &mut self,
        address: Pubkey,
        row: &Conversion,
        restored: Option<&accounts::Conversion>,
    ) {
        let from = Standing {
            status: row.status,
            // Bits 0 to 2.
            settled: u8::try_from(row.settled).unwrap_or_default(),
        };
        let to = restored.map(Standing::of);
        // The account of a lapsed conversion may survive its end.
        if from.status == Status::Lapsed && to.is_some_and(|to| to.status == Status::Paid) {
            return;
        }
        self.count(&row.referral, from.counts(row.reward_referrer.0), -1);
        let Some(to) = to else {
            return;
        };
        self.count(&row.referral, to.counts(row.reward_referrer.0), 1);
        if from.status == Status::Cancelled && to.status != Status::Cancelled {
            self.maturing.insert(
                address,
                Maturing {
                    conversion: row.address.clone(),
                    seq: row.seq,
                    matures_at: row.matures_at,
                    campaign: row.campaign.clone(),
                    converted_at: row.converted_at,
                },
            );
        }
        self.settlements
            .insert(address, settlement(row.address.clone(), to));
    }
}

fn settlement(conversion: String, standing: Standing) -> Settlement {
    Settlement {
        conversion,
        status: standing.status,
        settled: standing.settled.into(),
    }
}

fn conversion(sale: &Sale, standing: Standing, by: By) -> Conversion {
    Conversion {
        address: sale.conversion.to_string(),
        seq: by.seq,
        slot: by.slot,
        campaign: sale.campaign.to_string(),
        referral: sale.referral.to_string(),
        code: code(&sale.code),
        referrer: sale.owner.to_string(),
        partner: sale.partner.as_ref().map(ToString::to_string),
        referee: sale.referee.to_string(),
        action: sale.action.name().to_owned(),
        amount: sale.amount.into(),
        reference: (sale.reference != [0; 32]).then(|| sale.reference.to_vec()),
        reward_referrer: sale.reward.referrer.into(),
        reward_referee: sale.reward.referee.into(),
        reward_partner: sale.reward.partner.into(),
        converted_at: by.time,
        matures_at: by.time.saturating_add(sale.hold_seconds.into()),
        status: standing.status,
        settled: standing.settled.into(),
    }
}

/// A code without its padding.
pub(crate) fn code(padded: &[u8; 12]) -> String {
    let text = String::from_utf8_lossy(padded);
    text.trim_end_matches('\0').to_owned()
}

/// The row of a campaign. `data` are its bytes if it has ended.
fn campaign(
    address: Pubkey,
    account: &accounts::Campaign,
    data: Option<Vec<u8>>,
    by: By,
) -> Campaign {
    let funding = match account.funding {
        Funding::MintAuthority => "mint_authority",
        Funding::Vault => "vault",
        Funding::PaymentSplit => "payment_split",
    };
    let proof = match account.proof {
        Proof::Open => "open",
        Proof::Attested => "attested",
        Proof::Payment => "payment",
    };
    let uniqueness = match account.uniqueness {
        Uniqueness::Wallet => "wallet",
        Uniqueness::WalletAndCode => "wallet_and_code",
        Uniqueness::Order => "order",
    };
    // Announced settings come into force without a transaction, so a reader must also look
    // at the bytes.
    let settings = &account.settings;
    let reward_kind = match settings.reward_kind {
        RewardKind::Fixed => "fixed",
        RewardKind::Percent => "percent",
    };
    Campaign {
        address: address.to_string(),
        creator: account.creator.to_string(),
        campaign_id: account.id.into(),
        authority: account.authority.to_string(),
        mint: account.mint.to_string(),
        mint_decimals: account.mint_decimals.into(),
        token_program: account.token_program.to_string(),
        funding: funding.to_owned(),
        proof: proof.to_owned(),
        uniqueness: uniqueness.to_owned(),
        reward_kind: reward_kind.to_owned(),
        paused: account.paused,
        closed: account.closed,
        reward_fixed: settings.reward_fixed.into(),
        reward_bps: settings.reward_bps.into(),
        reward_max: number(settings.reward_max),
        starts_at: time(settings.starts_at),
        ends_at: time(settings.ends_at),
        created_at: account.created_at,
        data,
        seq: by.seq,
        slot: by.slot,
    }
}

fn referral(
    address: Pubkey,
    account: &accounts::Referral,
    closed: bool,
    by: By,
) -> Result<Referral, DecodeError> {
    Ok(Referral {
        address: address.to_string(),
        campaign: account.campaign.to_string(),
        code: account.code()?.to_string(),
        owner: account.owner.to_string(),
        active: account.active,
        suspended: account.suspended,
        usage_limit: number(account.usage_limit),
        conversions: account.conversions.into(),
        expires_at: time(account.expires_at),
        created_at: account.created_at,
        closed,
        seq: by.seq,
        slot: by.slot,
    })
}

/// Zero means "none" in the accounts.
fn number(number: u64) -> Option<Unsigned> {
    (number != 0).then_some(Unsigned(number))
}

/// Zero means "none" in the accounts.
fn time(seconds: i64) -> Option<i64> {
    (seconds != 0).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use vouch_client::accounts::AccountType as _;

    use super::*;

    const ADDRESS: Pubkey = Pubkey::new_from_array([7; 32]);
    const BY: By = By {
        seq: 9,
        slot: 90,
        time: 900,
    };

    /// A conversion of which the referrer earned 7, and nobody else anything.
    fn account(status: accounts::Status) -> accounts::Conversion {
        let others = settled::REFEREE | settled::PARTNER;
        accounts::Conversion {
            version: 1,
            status,
            settled: match status {
                accounts::Status::Pending => others,
                _ => others | settled::REFERRER,
            },
            budgeted: false,
            bonuses: 0,
            referral: Pubkey::new_from_array([8; 32]),
            referee: Pubkey::default(),
            rent_payer: Pubkey::default(),
            reward_referrer: 7,
            reward_referee: 0,
            reward_partner: 0,
            converted_at: 100,
            hold_seconds: 0,
        }
    }

    /// Its row.
    fn row(status: Status, account: &accounts::Conversion) -> Conversion {
        Conversion {
            address: ADDRESS.to_string(),
            seq: 3,
            slot: 30,
            campaign: String::new(),
            referral: account.referral.to_string(),
            code: String::new(),
            referrer: String::new(),
            partner: None,
            referee: String::new(),
            action: String::new(),
            amount: 0.into(),
            reference: None,
            reward_referrer: account.reward_referrer.into(),
            reward_referee: 0.into(),
            reward_partner: 0.into(),
            converted_at: account.converted_at,
            matures_at: account.converted_at,
            status,
            settled: account.settled.into(),
        }
    }

    /// The status that is written, and what is added to the counters: conversions, paid, pending.
    fn written(draft: Draft) -> (Option<Status>, [i128; 3]) {
        let written = draft.finish();
        let settlement = written.settlements.first().map(|row| row.status);
        let moves = written.totals.values().next().copied().unwrap_or_default();
        (
            settlement,
            [moves.conversions.into(), moves.paid, moves.pending],
        )
    }

    #[test]
    fn a_campaign_keeps_its_bytes_when_its_account_ends() {
        let zeros = vec![0; accounts::Campaign::SIZE - 8];
        let body = [
            &accounts::Campaign::DISCRIMINATOR[..],
            &[accounts::VERSION],
            &zeros[1..],
        ];
        let bytes = body.concat();
        let account = Account::decode(&bytes).expect("a campaign");
        let change = |before, after| {
            let mut draft = Draft::default();
            draft.change(ADDRESS, before, after, BY).expect("a change");
            let [row] = draft.finish().campaigns.try_into().expect("a row");
            row.data
        };
        // Given a campaign that is opened and changed, then its account has the bytes, and its row none
        assert_eq!(change(None, Some(&account)), None);
        assert_eq!(change(Some(&account), Some(&account)), None);
        // When it ends, then its row has them
        assert_eq!(change(Some(&account), None), Some(bytes));
        // And when that is undone, then the row has none again
        let mut draft = Draft::default();
        draft.undo(ADDRESS, Some(&account), BY).expect("a change");
        assert_eq!(draft.finish().campaigns[0].data, None);
    }

    fn closed(account: &accounts::Conversion) -> (Option<Status>, [i128; 3]) {
        let mut draft = Draft::default();
        let before = Account::Conversion(Box::new(account.clone()));
        draft
            .change(ADDRESS, Some(&before), None, BY)
            .expect("an account that can be read");
        written(draft)
    }

    fn undone(
        row: &Conversion,
        restored: Option<&accounts::Conversion>,
    ) -> (Option<Status>, [i128; 3]) {
        let mut draft = Draft::default();
        draft.undo_conversion(ADDRESS, row, restored);
        written(draft)
    }

    #[test]
    fn the_end_of_a_claim_period_is_undone() {
        // Given a conversion whose reward is owed, when it lapses, then nothing is owed
        let owed = account(accounts::Status::Pending);
        assert_eq!(closed(&owed), (Some(Status::Lapsed), [0, 0, -7]));
        // And when that is undone, then it is owed again
        let lapsed = row(Status::Lapsed, &owed);
        assert_eq!(
            undone(&lapsed, Some(&owed)),
            (Some(Status::Pending), [0, 0, 7])
        );
        // And when the sale is undone as well, then only the conversion has to be taken off
        assert_eq!(undone(&lapsed, None), (None, [-1, 0, 0]));
    }

    #[test]
    fn the_closing_of_what_was_paid_is_undone() {
        // Given a conversion that is paid, when it is closed, then nothing changes
        let paid = account(accounts::Status::Paid);
        assert_eq!(closed(&paid), (None, [0, 0, 0]));
        // And when that is undone, then it is paid
        let kept = row(Status::Paid, &paid);
        assert_eq!(undone(&kept, Some(&paid)), (Some(Status::Paid), [0, 0, 0]));
        // And when the payment is undone as well, then it is owed
        let owed = account(accounts::Status::Pending);
        assert_eq!(
            undone(&kept, Some(&owed)),
            (Some(Status::Pending), [0, -7, 7])
        );
        // And when the sale is undone as well, then it is neither
        assert_eq!(undone(&kept, None), (None, [-1, -7, 0]));
    }
}
