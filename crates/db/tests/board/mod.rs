//! A mirror with conversions, and what its leaderboards have to be: a plain sort of the conversions.
#![allow(unreachable_pub, reason = "a module of test files")]
#![allow(dead_code, reason = "no test file uses all of it")]

use std::{cmp::Reverse, collections::BTreeMap};

use sqlx::{Connection as _, PgConnection, types::time::OffsetDateTime};
use vouch_db::{
    api::{
        choices::Kind,
        leaderboard::{self, After, Board, Leaderboard, Measure, Start, group_key},
    },
    mirror::{Batch, Final, Writer, recount},
};

use crate::store::Store;

/// The first second of 2026, UTC.
pub const JANUARY: i64 = 1_767_225_600;
pub const DAY: i64 = 86_400;
pub const FEBRUARY: i64 = JANUARY + 31 * DAY;
pub const MARCH: i64 = FEBRUARY + 28 * DAY;
pub const APRIL: i64 = MARCH + 31 * DAY;

/// A moment, in Unix seconds.
pub fn at(time: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(time).expect("a time")
}

/// A conversion of the list.
#[derive(Debug, Clone)]
pub struct Sale {
    pub campaign: &'static str,
    pub referrer: String,
    pub reward: u64,
    pub amount: u64,
    pub at: i64,
    pub matures_at: i64,
}

impl Sale {
    pub fn of(referrer: &str, at: i64) -> Self {
        Self {
            campaign: "C",
            referrer: referrer.to_owned(),
            reward: 7,
            amount: 1,
            at,
            matures_at: at,
        }
    }

    pub fn is_in(&self, period: &str) -> bool {
        let at = OffsetDateTime::from_unix_timestamp(self.at).expect("a time");
        let (year, week, _) = at.to_iso_week_date();
        let month = u8::from(at.month());
        period.is_empty()
            || period == at.year().to_string()
            || period == format!("{}-Q{}", at.year(), month.div_ceil(3))
            || period == format!("{}-{month:02}", at.year())
            || period == format!("{year}-W{week:02}")
    }
}

/// A choice: who, of which kind, from which day of 2026 on (from 0), and what.
pub type Chosen = (String, &'static str, i64, Option<&'static str>);

pub struct World {
    pub store: Store,
    pub writer: Writer,
    pub sales: Vec<Sale>,
    pub chosen: Vec<Chosen>,
    /// The chain's clock.
    pub time: i64,
}

impl World {
    pub async fn new() -> Self {
        let store = Store::new().await;
        let writer = store.writer().await;
        Self {
            store,
            writer,
            sales: Vec::new(),
            chosen: Vec::new(),
            time: 0,
        }
    }

    pub async fn choose(&mut self, chosen: &[Chosen]) {
        sqlx::query(
            "INSERT INTO referrer_choices (referrer, kind, from_day, value, chosen_at)
             SELECT referrer, kind, '2026-01-01'::date + day::integer, value, '2025-01-01'
             FROM UNNEST($1::text[], $2::text[], $3::bigint[], $4::text[])
                 AS chosen (referrer, kind, day, value)",
        )
        .bind(chosen.iter().map(|it| it.0.clone()).collect::<Vec<_>>())
        .bind(chosen.iter().map(|it| it.1).collect::<Vec<_>>())
        .bind(chosen.iter().map(|it| it.2).collect::<Vec<_>>())
        .bind(chosen.iter().map(|it| it.3).collect::<Vec<_>>())
        .execute(&self.store.pool)
        .await
        .expect("choices");
        self.chosen.extend_from_slice(chosen);
    }

    /// Inserts conversions as the mirror holds them, final ones that have not counted.
    pub async fn sell(&mut self, sales: &[Sale]) {
        let signed = |value: fn(&Sale) -> u64| {
            let values = sales.iter().map(value);
            values
                .map(|value| i64::try_from(value).expect("small"))
                .collect::<Vec<_>>()
        };
        sqlx::query(
            "WITH sale AS (
                 SELECT * FROM UNNEST($2::text[], $3::text[], $4::bigint[], $5::bigint[],
                                      $6::bigint[], $7::bigint[])
                     WITH ORDINALITY AS sale (campaign, referrer, reward, amount, at, matures, n)
             ), inserted AS (
                 INSERT INTO conversions
                 SELECT 'sale-' || $1 + n, $1 + n, $1 + n, campaign, 'code of ' || referrer,
                        'AZURE23', referrer, NULL, 'Zoe', 'signup', amount, NULL, reward, 0, 0, at,
                        matures, 'paid', 7
                 FROM sale
             ), told AS (
                 UPDATE indexer_state SET confirmed_seq = $1 + (SELECT count(*) FROM sale)
             )
             INSERT INTO maturing SELECT 'sale-' || $1 + n, $1 + n, matures, campaign, at FROM sale",
        )
        .bind(i64::try_from(self.sales.len()).expect("a number"))
        .bind(sales.iter().map(|sale| sale.campaign).collect::<Vec<_>>())
        .bind(
            sales
                .iter()
                .map(|sale| sale.referrer.clone())
                .collect::<Vec<_>>(),
        )
        .bind(signed(|sale| sale.reward))
        .bind(signed(|sale| sale.amount))
        .bind(sales.iter().map(|sale| sale.at).collect::<Vec<_>>())
        .bind(sales.iter().map(|sale| sale.matures_at).collect::<Vec<_>>())
        .execute(&self.store.pool)
        .await
        .expect("conversions");
        self.sales.extend_from_slice(sales);
    }

    /// Makes everything final at this time of the chain, as far as the mirror goes in one write.
    pub async fn step(&mut self, time: i64) {
        let seq = i64::try_from(self.sales.len()).expect("a number");
        let range = Final {
            seq,
            first_slot: 0,
            last_slot: seq,
            time: Some(time),
            source: "test".into(),
        };
        let outcome = self.writer.write(&Batch::default(), Some(&range)).await;
        outcome.expect("written");
        self.time = time;
    }

    /// Makes everything final, at this time of the chain. Goes on with the same range until the mirror is
    /// there, because very many count in several writes.
    pub async fn finalize(&mut self, time: i64) {
        let done = format!(
            "SELECT count(*) FROM indexer_state WHERE final_time = {time} AND final_address = '~'
                 AND earlier_time = {} AND earlier_address = '~'",
            time - DAY
        );
        let mut writes = 0;
        while writes == 0 || self.store.number(&done).await == 0 {
            self.step(time).await;
            writes += 1;
            assert!(writes < 100, "it does not go on");
        }
    }

    /// The choice of a referrer of a kind on the day of a conversion, by the list of choices.
    pub fn group(&self, kind: &str, sale: &Sale) -> Option<&'static str> {
        let day = (sale.at - JANUARY).div_euclid(DAY);
        let begun = self
            .chosen
            .iter()
            .filter(|it| it.0 == sale.referrer && it.1 == kind && it.2 <= day);
        begun.max_by_key(|it| it.2).and_then(|it| it.3)
    }

    /// The rank of each referrer on a leaderboard at a time, by a plain sort.
    pub fn ranks(&self, board: &Board, time: i64) -> Vec<String> {
        let mut totals: BTreeMap<&str, (u128, i64)> = BTreeMap::new();
        for sale in &self.sales {
            let is_on = match board.campaign.as_deref() {
                None => true,
                Some(key) => match key.strip_prefix('#').and_then(|key| key.split_once('/')) {
                    Some((kind, value)) => self.group(kind, sale) == Some(value),
                    None => sale.campaign == key,
                },
            };
            if is_on && sale.is_in(&board.period) && sale.matures_at <= time {
                let total = totals.entry(&sale.referrer).or_default();
                total.0 += match board.measure {
                    Measure::Conversions => 1,
                    Measure::Rewards => u128::from(sale.reward),
                    Measure::Volume => u128::from(sale.amount),
                };
                total.1 = total.1.max(sale.at);
            }
        }
        let mut places: Vec<_> = totals
            .into_iter()
            .map(|(wallet, (value, last))| (Reverse(value), last, wallet))
            .collect();
        places.sort_unstable();
        let wallets = places.into_iter().map(|place| place.2.to_owned());
        wallets.collect()
    }

    pub async fn page(&self, board: &Board, start: &Start, wallet: Option<&str>) -> Leaderboard {
        let page = leaderboard::page(&self.store.pool, board, start, 200, wallet).await;
        page.expect("a page")
    }

    /// Every entry of a leaderboard has its rank now and its rank a day earlier; so have the own entry and
    /// its neighbours.
    pub async fn check(&self, board: &Board) -> usize {
        let (now, earlier) = (
            self.ranks(board, self.time),
            self.ranks(board, self.time - DAY),
        );
        let rank = |place: usize| i64::try_from(place + 1).expect("a rank");
        // Nobody knows a change before the period is a day old.
        let compared_at = self.time - DAY;
        let mut days = (JANUARY..=compared_at).step_by(usize::try_from(DAY).expect("small"));
        let has_begun = days.any(|day| Sale::of("", day).is_in(&board.period));
        let before: BTreeMap<&str, i64> = earlier
            .iter()
            .enumerate()
            .map(|(place, wallet)| (wallet.as_str(), rank(place)))
            .collect();
        let expected: Vec<_> = now
            .iter()
            .enumerate()
            .map(|(place, wallet)| {
                let wallet = wallet.as_str();
                let earlier = before.get(wallet).copied().filter(|_| has_begun);
                (rank(place), wallet, earlier)
            })
            .collect();
        let line = |entry: &leaderboard::Entry| {
            let wallet = entry.wallet.clone();
            (entry.rank, wallet, entry.earlier_rank)
        };
        let mut found = Vec::new();
        let mut start = Start::Rank(1);
        loop {
            let page = self.page(board, &start, None).await;
            assert_eq!(page.earlier_time, has_begun.then_some(compared_at));
            let plain =
                leaderboard::page_without_changes(&self.store.pool, board, &start, 200, None).await;
            let plain = plain.expect("a page");
            assert_eq!(plain.earlier_time, None);
            let unknown = page
                .entries
                .iter()
                .cloned()
                .map(|entry| leaderboard::Entry {
                    earlier_rank: None,
                    ..entry
                });
            assert_eq!(plain.entries, unknown.collect::<Vec<_>>());
            assert_eq!(page.total_entries, rank(now.len()) - 1, "{board:?}");
            let Some(last) = page.entries.last() else {
                break;
            };
            start = Start::After(After {
                value: match board.measure {
                    Measure::Conversions => last.conversions.unsigned_abs().into(),
                    Measure::Rewards => last.rewards,
                    Measure::Volume => last.volume,
                },
                last_converted_at: last.last_converted_at,
                wallet: last.wallet.clone(),
            });
            found.extend(page.entries.iter().map(line));
        }
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(rank, wallet, before)| (rank, wallet.to_owned(), before))
            .collect();
        assert_eq!(found, expected, "{board:?}");
        for place in [0, now.len() / 2, now.len().saturating_sub(1)] {
            let Some(wallet) = now.get(place) else {
                continue;
            };
            let page = self.page(board, &Start::Rank(1), Some(wallet)).await;
            let own = page.own.as_ref().map(line);
            assert_eq!(own.as_ref(), expected.get(place), "{board:?}");
            let around = place.saturating_sub(2)..(place + 3).min(now.len());
            let neighbours: Vec<_> = page.neighbours.iter().map(line).collect();
            assert_eq!(neighbours, expected[around], "{board:?}");
        }
        now.len()
    }

    /// The drift that `recount` finds; with `repair`, it repairs that.
    pub async fn recount(&self, repair: bool) -> Vec<String> {
        let mut connection = PgConnection::connect(self.store.database.url())
            .await
            .expect("Postgres");
        recount::plan_for_ranges(&mut connection)
            .await
            .expect("a setting");
        let mut drift = Vec::new();
        macro_rules! all {
            ($start:expr, |$after:ident| $call:expr) => {
                let mut last = Some($start);
                while let Some($after) = last {
                    let found = $call.await.expect("counted");
                    drift.extend(found.drift);
                    last = found.last.map(Into::into);
                }
            };
        }
        all!(None, |after| recount::day(&mut connection, after, repair));
        all!(recount::Referrer::default(), |after| recount::referrers(
            &mut connection,
            &after,
            repair
        ));
        all!(String::new(), |after| recount::everywhere(
            &mut connection,
            &after,
            repair
        ));
        all!(None::<recount::Board>, |after| recount::boards(
            &mut connection,
            after.as_ref(),
            repair
        ));
        all!(None::<recount::FencePlace>, |after| recount::fences(
            &mut connection,
            after.as_ref(),
            repair
        ));
        let lines = drift.into_iter();
        lines
            .map(|drift| format!("{}: {}; counted: {}", drift.of, drift.kept, drift.counted))
            .collect()
    }

    pub async fn leaders(&self) -> Vec<String> {
        self.store
            .texts(
                "SELECT concat_ws(' ', campaign, referrer, month) FROM awards
                 WHERE badge = 'category_leader' ORDER BY id",
            )
            .await
    }
}

pub fn board(campaign: Option<String>, period: &str, measure: Measure) -> Board {
    Board {
        campaign,
        period: period.to_owned(),
        measure,
    }
}

pub fn music() -> Option<String> {
    Some(group_key(Kind::Category, "music"))
}

/// `SplitMix64`: the same numbers for the same seed.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }

    pub fn second(&mut self, bound: i64) -> i64 {
        let bound = bound.unsigned_abs();
        i64::try_from(self.below(bound)).expect("a second")
    }
}
