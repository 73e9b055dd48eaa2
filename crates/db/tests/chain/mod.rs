//! Conversions and cancellations in the order of the chain, how the mirror is told of them, and a
//! plain model of what follows.
#![allow(unreachable_pub, reason = "a module of test files")]
#![allow(dead_code, reason = "no test file uses all of it")]

mod world;

use std::collections::{BTreeMap, BTreeSet};

use sqlx::types::time::OffsetDateTime;
use vouch_db::mirror::{
    Account, Batch, Before, Conversion, Final, Maturing, Projections, Settlement, Status,
    Transaction,
};
pub use world::{World, lines};

pub const DAY: i64 = 86_400;
/// The first second of each month of 2026, UTC.
pub const JANUARY: i64 = 1_767_225_600;
pub const FEBRUARY: i64 = JANUARY + 31 * DAY;
pub const MARCH: i64 = FEBRUARY + 28 * DAY;
pub const APRIL: i64 = MARCH + 31 * DAY;

/// A conversion.
#[derive(Debug, Clone)]
pub struct Sale {
    campaign: &'static str,
    referrer: &'static str,
    reward: u64,
    at: i64,
    matures_at: i64,
}

impl Sale {
    /// In the campaign C, without a hold, worth 7.
    pub fn of(referrer: &'static str, at: i64) -> Self {
        Self {
            campaign: "C",
            referrer,
            reward: 7,
            at,
            matures_at: at,
        }
    }

    pub fn held(self, seconds: i64) -> Self {
        Self {
            matures_at: self.at + seconds,
            ..self
        }
    }

    /// The month, and the first second after it.
    fn month(&self) -> (String, i64) {
        let at = OffsetDateTime::from_unix_timestamp(self.at).expect("a time");
        let (year, month) = (at.year(), at.month());
        let next_year = if month.next() < month { year + 1 } else { year };
        let end = at
            .replace_time(sqlx::types::time::Time::MIDNIGHT)
            .replace_day(1)
            .and_then(|day| day.replace_month(month.next()))
            .and_then(|day| day.replace_year(next_year))
            .expect("a day");
        let name = format!("{year}-{:02}", u8::from(month));
        (name, end.unix_timestamp())
    }

    /// Every period that it is in.
    fn periods(&self) -> [String; 5] {
        let at = OffsetDateTime::from_unix_timestamp(self.at).expect("a time");
        let (week_year, week, _) = at.to_iso_week_date();
        let quarter = u8::from(at.month()).div_ceil(3);
        [
            String::new(),
            at.year().to_string(),
            format!("{}-Q{quarter}", at.year()),
            self.month().0,
            format!("{week_year}-W{week:02}"),
        ]
    }
}

/// A transaction.
#[derive(Debug, Clone)]
enum Step {
    Sale(Sale),
    /// Cancels the conversion that the step with this index made.
    Cancel {
        index: usize,
        at: i64,
    },
}

/// The transactions of the chain. The number of one is its index and 1.
#[derive(Debug, Clone, Default)]
pub struct Chain {
    steps: Vec<Step>,
}

/// The rows that follow from final transactions.
#[derive(Debug, Default)]
pub struct Model {
    /// Sorted.
    pub awards: Vec<String>,
    /// By campaign, referrer and period; those over all campaigns first.
    pub totals: Vec<String>,
    /// The referrers of each leaderboard, by campaign and period, the best one first: by
    /// conversions, and by rewards.
    pub boards: BTreeMap<(&'static str, String), [Vec<&'static str>; 2]>,
}

fn seq(index: usize) -> i64 {
    i64::try_from(index + 1).expect("a number")
}

fn address(index: usize) -> String {
    format!("sale-{index}")
}

impl Chain {
    pub fn sale(&mut self, sale: &Sale) {
        self.steps.push(Step::Sale(sale.clone()));
    }

    pub fn cancel(&mut self, index: usize, at: i64) {
        self.steps.push(Step::Cancel { index, at });
    }

    /// Some dozen transactions over some months.
    pub fn random(random: &mut Random) -> Self {
        let mut chain = Self::default();
        let mut at = JANUARY + 10 * DAY;
        for _ in 0..20 + random.below(40) {
            at += i64::try_from(random.below(4)).expect("days") * DAY
                + i64::try_from(random.below(3)).expect("seconds");
            let held: Vec<_> = (0..chain.len())
                .filter(|index| {
                    chain.sold(*index).is_some_and(|sale| sale.matures_at > at)
                        && chain.cancelled(*index, chain.len()).is_none()
                })
                .collect();
            if !held.is_empty() && random.below(4) == 0 {
                chain.cancel(held[random.below(held.len())], at);
                continue;
            }
            chain.sale(&Sale {
                campaign: ["C", "D"][random.below(2)],
                referrer: ["Alice", "Bob", "Carol"][random.below(3)],
                reward: 1 + random.below(2) as u64,
                at,
                matures_at: at + [0, 0, 3, 40][random.below(4)] * DAY,
            });
        }
        chain
    }

    pub fn len(&self) -> usize {
        self.steps.len()
    }

    fn sold(&self, index: usize) -> Option<&Sale> {
        match self.steps.get(index) {
            Some(Step::Sale(sale)) => Some(sale),
            _ => None,
        }
    }

    /// The step that cancels this conversion, among the first `count` of them.
    fn cancelled(&self, sale: usize, count: usize) -> Option<usize> {
        self.steps[..count]
            .iter()
            .position(|step| matches!(step, Step::Cancel { index, .. } if *index == sale))
    }

    fn at(&self, index: usize) -> i64 {
        match &self.steps[index] {
            Step::Sale(sale) => sale.at,
            Step::Cancel { at, .. } => *at,
        }
    }

    /// The times at which exactly `count` transactions may be final.
    pub fn clock(&self, count: usize) -> (i64, i64) {
        let from = self.at(count - 1);
        let to = if count < self.len() {
            self.at(count)
        } else {
            from + 10 * DAY
        };
        (from, to)
    }

    /// A time at which every hold and every month is over.
    pub fn end(&self) -> i64 {
        self.at(self.len() - 1) + 100 * DAY
    }

    /// The rows that follow if the first `count` transactions are final at `time`.
    pub fn model(&self, count: usize, time: i64) -> Model {
        type Total = (i64, u64, i64);
        let mut totals: BTreeMap<(&str, &str, String), Total> = BTreeMap::new();
        let mut waiting = BTreeSet::new();
        let mut ends = BTreeMap::new();
        for index in 0..count {
            let Some(sale) = self.sold(index) else {
                continue;
            };
            if self.cancelled(index, count).is_some() {
                continue;
            }
            let (month, end) = sale.month();
            if sale.matures_at > time {
                waiting.insert((sale.campaign, month));
                continue;
            }
            ends.insert((sale.campaign, month.clone()), end);
            for (campaign, reward) in [(sale.campaign, sale.reward), ("", 0)] {
                for period in sale.periods() {
                    let key = (campaign, sale.referrer, period);
                    let total = totals.entry(key).or_default();
                    *total = (total.0 + 1, total.1 + reward, total.2.max(sale.at));
                }
            }
        }
        let places = |campaign: &str, period: &str, value: fn(&Total) -> u64| {
            let mut places: Vec<_> = totals
                .iter()
                .filter(|((of, _, when), _)| *of == campaign && when == period)
                .map(|((_, referrer, _), total)| {
                    (std::cmp::Reverse(value(total)), total.2, *referrer)
                })
                .collect();
            places.sort_unstable();
            places.into_iter().map(|place| place.2)
        };
        let conversions: fn(&Total) -> u64 = |total| total.0.unsigned_abs();
        let rewards: fn(&Total) -> u64 = |total| total.1;
        let mut model = Model::default();
        for ((campaign, month), end) in &ends {
            if *end <= time && !waiting.contains(&(*campaign, month.clone())) {
                let leader = places(campaign, month, conversions)
                    .next()
                    .expect("somebody");
                let line = format!("{campaign} {leader} monthly_leader {month}");
                model.awards.push(line);
            }
        }
        for (campaign, _, period) in totals.keys() {
            let board = [conversions, rewards]
                .map(|value| places(campaign, period, value).map(known).collect());
            model.boards.insert((*campaign, period.clone()), board);
        }
        for ((campaign, referrer, month), (conversions, rewards, last)) in &totals {
            for step in [1, 5, 10, 25, 50, 100] {
                if month.is_empty() && !campaign.is_empty() && *conversions >= step {
                    let line = format!("{campaign} {referrer} conversions_{step}");
                    model.awards.push(line);
                }
            }
            model.totals.push(format!(
                "{campaign} {referrer} {month}: {conversions} for {rewards}, last {last}"
            ));
        }
        model.awards.sort_unstable();
        model
    }

    /// The batch of the `count` transactions after the first `written`, and that they are final.
    pub fn next(&self, written: usize, count: usize) -> (Batch, Final) {
        let mut batch = Batch::default();
        let projections = &mut batch.projections;
        for index in written..written + count {
            let (seq, at) = (seq(index), self.at(index));
            batch.transactions.push(Transaction {
                seq,
                slot: seq,
                block_index: None,
                block_time: at,
                signature: format!("signature-{seq}"),
                succeeded: true,
                failed_instruction: None,
                error_code: None,
            });
            match &self.steps[index] {
                Step::Sale(sale) => {
                    // The rows have the state after the last transaction of the batch.
                    let cancelled = self.cancelled(index, written + count).is_some();
                    if !cancelled {
                        projections.maturing.push(waiting(index, sale));
                    }
                    projections.sales.push(conversion(index, sale, cancelled));
                }
                Step::Cancel { index: sold, .. } if *sold < written => {
                    projections.settlements.push(Settlement {
                        conversion: address(*sold),
                        status: Status::Cancelled,
                        settled: 7,
                    });
                    projections.cancelled.push(address(*sold));
                }
                Step::Cancel { .. } => {}
            }
        }
        batch.accounts = self.accounts(written, written + count);
        let last = written + count - 1;
        let range = Final {
            seq: seq(last),
            first_slot: 0,
            last_slot: seq(last),
            time: Some(self.at(last)),
            source: "test".into(),
        };
        (batch, range)
    }

    /// The accounts that these transactions changed, as they are afterwards.
    fn accounts(&self, from: usize, to: usize) -> Vec<Account> {
        let mut accounts = BTreeMap::new();
        for index in from..to {
            let sold = match self.steps[index] {
                Step::Cancel { index: sold, .. } => sold,
                Step::Sale(_) => index,
            };
            let account = Account {
                address: address(sold),
                data: Some(vec![u8::from(sold != index)]),
                seq: seq(index),
                slot: seq(index),
                doubt: None,
            };
            accounts.insert(sold, account);
        }
        accounts.into_values().collect()
    }

    /// The accounts before each of these transactions.
    fn before(&self, from: usize, to: usize) -> Vec<Before> {
        let before = |index| match &self.steps[index] {
            Step::Sale(_) => Before {
                seq: seq(index),
                address: address(index),
                data: None,
                before_seq: None,
                before_slot: None,
                doubt: None,
            },
            Step::Cancel { index: sold, .. } => Before {
                seq: seq(index),
                address: address(*sold),
                data: Some(vec![0]),
                before_seq: Some(seq(*sold)),
                before_slot: Some(seq(*sold)),
                doubt: None,
            },
        };
        (from..to).map(before).collect()
    }

    /// How the projections change if the transactions from `to` to `written` are undone.
    fn undo(&self, to: usize, written: usize) -> Projections {
        let mut projections = Projections::default();
        for index in to..written {
            if let Step::Cancel { index: sold, .. } = self.steps[index]
                && sold < to
                && let Some(sale) = self.sold(sold)
            {
                projections.settlements.push(Settlement {
                    conversion: address(sold),
                    status: Status::Pending,
                    settled: 6,
                });
                projections.maturing.push(waiting(sold, sale));
            }
        }
        projections
    }
}

fn known(referrer: &str) -> &'static str {
    let mut all = ["Alice", "Bob", "Carol"].into_iter();
    all.find(|name| *name == referrer).expect("a referrer")
}

fn waiting(index: usize, sale: &Sale) -> Maturing {
    Maturing {
        conversion: address(index),
        seq: seq(index),
        matures_at: sale.matures_at,
        campaign: sale.campaign.into(),
        converted_at: sale.at,
    }
}

fn conversion(index: usize, sale: &Sale, cancelled: bool) -> Conversion {
    let held = sale.matures_at > sale.at;
    let (status, settled) = match (cancelled, held) {
        (true, _) => (Status::Cancelled, 7),
        (false, true) => (Status::Pending, 6),
        (false, false) => (Status::Paid, 7),
    };
    Conversion {
        address: address(index),
        seq: seq(index),
        slot: seq(index),
        campaign: sale.campaign.into(),
        referral: format!("code of {} in {}", sale.referrer, sale.campaign),
        code: "AZURE23".into(),
        referrer: sale.referrer.into(),
        partner: None,
        referee: "Zoe".into(),
        action: "signup".into(),
        amount: 1.into(),
        reference: None,
        reward_referrer: sale.reward.into(),
        reward_referee: 0.into(),
        reward_partner: 0.into(),
        converted_at: sale.at,
        matures_at: sale.matures_at,
        status,
        settled,
    }
}

/// `SplitMix64`: the same numbers for the same seed.
pub struct Random(pub u64);

impl Random {
    /// A number from 0 to `bound` - 1.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % bound as u64).expect("below the bound")
    }
}
