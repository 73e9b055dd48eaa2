//! Ranks on large leaderboards against a plain sort, while conversions are counted. Numbers in brackets
//! refer to `docs/INVARIANTS.md`.

mod store;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use sqlx::{PgPool, Row as _, types::BigDecimal, types::time::OffsetDateTime};
use store::Store;
use vouch_db::{
    api::leaderboard::{self, After, Board, Measure, Start},
    mirror::{Batch, Final, Writer},
};

/// The first second of 2026, UTC.
const JANUARY: i64 = 1_767_225_600;
const DAY: i64 = 86_400;
const MEASURES: [Measure; 3] = [Measure::Conversions, Measure::Rewards, Measure::Volume];

/// Conversions, rewards, volume and the last time of a referrer.
#[derive(Debug, Clone, Copy, Default)]
struct Total {
    values: [u128; 3],
    last: i64,
}

/// A plain model: the totals of each leaderboard.
#[derive(Default)]
struct Model {
    boards: BTreeMap<(&'static str, String), BTreeMap<String, Total>>,
}

impl Model {
    fn add(&mut self, sale: &Sale) {
        let at = OffsetDateTime::from_unix_timestamp(sale.at).expect("a time");
        let (year, week, _) = at.to_iso_week_date();
        let periods = [
            String::new(),
            at.year().to_string(),
            format!("{}-Q{}", at.year(), u8::from(at.month()).div_ceil(3)),
            format!("{}-{:02}", at.year(), u8::from(at.month())),
            format!("{year}-W{week:02}"),
        ];
        for period in periods {
            for (campaign, values) in [
                (sale.campaign, [1, sale.reward, sale.amount]),
                ("", [1, 0, 0]),
            ] {
                let board = self.boards.entry((campaign, period.clone())).or_default();
                let total = board.entry(sale.referrer()).or_default();
                for (sum, value) in total.values.iter_mut().zip(values) {
                    *sum += u128::from(value);
                }
                total.last = total.last.max(sale.at);
            }
        }
    }

    /// The places of a leaderboard, in order.
    fn sorted(&self, board: &Board) -> Vec<(Reverse<u128>, i64, &str)> {
        let campaign = board.campaign.as_deref().unwrap_or_default();
        let (_, totals) = self
            .boards
            .iter()
            .find(|((of, period), _)| *of == campaign && *period == board.period)
            .expect("a leaderboard");
        let index = MEASURES.iter().position(|it| *it == board.measure);
        let index = index.expect("a measure");
        let mut places: Vec<_> = totals
            .iter()
            .map(|(wallet, total)| (Reverse(total.values[index]), total.last, wallet.as_str()))
            .collect();
        places.sort_unstable();
        places
    }
}

struct Sale {
    campaign: &'static str,
    number: u64,
    reward: u64,
    amount: u64,
    at: i64,
}

impl Sale {
    fn referrer(&self) -> String {
        // The order of wallets is another than that of their numbers.
        format!("{:05}wallet", self.number * 7919 % 100_003)
    }
}

/// `SplitMix64`: the same numbers for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// Inserts conversions that are not final, as the mirror holds them.
async fn insert(pool: &PgPool, first: i64, sales: &[Sale]) {
    sqlx::query(
        "WITH sale AS (
             SELECT * FROM UNNEST($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
                 WITH ORDINALITY AS sale (campaign, referrer, reward, amount, at, n)
         ), inserted AS (
             INSERT INTO conversions
             SELECT 'sale-' || $1 + n, $1 + n, $1 + n, campaign, 'code of ' || referrer, 'AZURE23',
                    referrer, NULL, 'Zoe', 'signup', amount, NULL, reward, 0, 0, at, at, 'paid', 7
             FROM sale
         ), told AS (UPDATE indexer_state SET confirmed_seq = $1 + (SELECT count(*) FROM sale))
         INSERT INTO maturing SELECT 'sale-' || $1 + n, $1 + n, at, campaign, at FROM sale",
    )
    .bind(first)
    .bind(sales.iter().map(|sale| sale.campaign).collect::<Vec<_>>())
    .bind(sales.iter().map(Sale::referrer).collect::<Vec<_>>())
    .bind(signed(sales, |sale| sale.reward))
    .bind(signed(sales, |sale| sale.amount))
    .bind(sales.iter().map(|sale| sale.at).collect::<Vec<_>>())
    .execute(pool)
    .await
    .expect("inserted");
}

fn signed(sales: &[Sale], value: fn(&Sale) -> u64) -> Vec<i64> {
    let values = sales.iter().map(value);
    values
        .map(|value| value.try_into().expect("small"))
        .collect()
}

async fn finalize(writer: &mut Writer, seq: i64, time: i64) {
    let range = Final {
        seq,
        first_slot: 0,
        last_slot: seq,
        time: Some(time),
        source: "test".into(),
    };
    let outcome = writer.write(&Batch::default(), Some(&range)).await;
    outcome.expect("written");
}

/// The parts of a leaderboard: score, time and wallet of where each begins, and its entries.
async fn parts(pool: &PgPool, board: &Board) -> Vec<(BigDecimal, i64, String, i64)> {
    let rows = sqlx::query(
        "SELECT score, last_converted_at, referrer, entries FROM board_fences
         WHERE campaign = $1 AND period = $2 AND measure = $3
         ORDER BY score, last_converted_at, referrer",
    )
    .bind(board.campaign.as_deref().unwrap_or_default())
    .bind(&board.period)
    .bind(match board.measure {
        Measure::Conversions => "conversions",
        Measure::Rewards => "rewards",
        Measure::Volume => "volume",
    })
    .fetch_all(pool)
    .await
    .expect("parts");
    rows.iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3)))
        .collect()
}

/// A leaderboard's parts hold each of its entries once, and are of the right size.
fn check_parts(found: &[(BigDecimal, i64, String, i64)], places: &[(Reverse<u128>, i64, &str)]) {
    if found.is_empty() {
        assert!(
            places.len() <= 2048,
            "{} entries without parts",
            places.len()
        );
        return;
    }
    let before_all: BigDecimal = "-1e39".parse().expect("a number");
    assert_eq!(found[0].0, before_all, "begins before every place");
    for (index, (score, last, wallet, entries)) in found.iter().enumerate() {
        let begin = (score, *last, wallet.as_str());
        let end = found.get(index + 1);
        let within = places.iter().filter(|(Reverse(value), last, wallet)| {
            let score = -BigDecimal::from(*value);
            let place = (&score, *last, *wallet);
            place >= begin
                && end
                    .is_none_or(|(score, last, wallet, _)| place < (score, *last, wallet.as_str()))
        });
        let within = i64::try_from(within.count()).expect("a number");
        assert_eq!(*entries, within, "part {index} of {}", found.len());
        let fewest = if index == 0 { 0 } else { 256 };
        assert!(
            (fewest..=2048).contains(entries),
            "{entries} in part {index}"
        );
    }
}

/// Every page, some pages that begin at a rank, and some own places are those of the sorted list.
async fn check_pages(
    pool: &PgPool,
    board: &Board,
    places: &[(Reverse<u128>, i64, &str)],
    random: &mut Random,
) {
    let total = i64::try_from(places.len()).expect("a number");
    let index =
        |random: &mut Random| usize::try_from(random.below(places.len() as u64)).expect("one");
    for place in [0, places.len() - 1, index(random)] {
        let (Reverse(value), last, wallet) = places[place];
        let rank = 1 + i64::try_from(place).expect("a rank");
        let after = Start::After(After {
            value,
            last_converted_at: last,
            wallet: wallet.to_owned(),
        });
        for (start, first) in [(Start::Rank(rank), place), (after, place + 1)] {
            let page = leaderboard::page(pool, board, &start, 40, Some(wallet)).await;
            let page = page.expect("a page");
            assert_eq!(page.total_entries, total);
            let own = page.own.expect("a place");
            assert_eq!((own.rank, own.wallet.as_str()), (rank, wallet), "{board:?}");
            let shown: Vec<_> = page
                .entries
                .iter()
                .map(|entry| (entry.rank, entry.wallet.as_str()))
                .collect();
            let expected: Vec<_> = (1..)
                .zip(places)
                .skip(first)
                .take(40)
                .map(|(rank, (.., wallet))| (rank, *wallet))
                .collect();
            assert_eq!(shown, expected, "{board:?} {start:?}");
        }
    }
}

/// [M4] [A1]
#[tokio::test]
async fn ranks_on_large_leaderboards_equal_a_plain_sort_after_every_change() {
    let store = Store::new().await;
    let mut writer = store.writer().await;
    let (mut model, mut random, mut written) = (Model::default(), Random(9), 0);
    let (mut most, mut added, mut merged) = (0, 0, 0);
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for round in 0..4_i64 {
        // Given conversions of some, then of many more once, then of the last of these once more, who
        // rise, and then of anybody
        let numbers: Vec<u64> = match round {
            0 => (0..1_500).map(|_| random.below(1_500)).collect(),
            1 => (1_500..4_500).collect(),
            2 => (3_000..4_500).collect(),
            _ => (0..1_000).map(|_| random.below(5_000)).collect(),
        };
        let sales: Vec<_> = numbers
            .into_iter()
            .map(|number| Sale {
                campaign: "C",
                number,
                reward: random.below(3),
                amount: random.below(1000),
                at: JANUARY + 5 * round * DAY + i64::try_from(number * 17).expect("a second"),
            })
            .collect();
        let count = i64::try_from(sales.len()).expect("a number");
        insert(&store.pool, written, &sales).await;
        written += count;
        // When they count, in two batches
        for time in [
            JANUARY + 5 * round * DAY + DAY / 2,
            JANUARY + 5 * round * DAY + DAY,
        ] {
            finalize(&mut writer, written, time).await;
        }
        for sale in &sales {
            model.add(sale);
        }
        // Then each leaderboard is the sorted list, and so are its parts
        for (campaign, period) in model.boards.keys() {
            for measure in MEASURES {
                if campaign.is_empty() && measure != Measure::Conversions {
                    continue;
                }
                let board = Board {
                    campaign: (!campaign.is_empty()).then(|| (*campaign).to_owned()),
                    period: period.clone(),
                    measure,
                };
                let places = model.sorted(&board);
                let found = parts(&store.pool, &board).await;
                check_parts(&found, &places);
                most = most.max(found.len());
                let keys: BTreeSet<_> = found
                    .iter()
                    .map(|(score, last, wallet, _)| format!("{score} {last} {wallet}"))
                    .collect();
                let before = known.insert(format!("{board:?}"), keys.clone());
                let before = before.unwrap_or_default();
                added += keys.difference(&before).count();
                merged += before.difference(&keys).count();
                if found.len() > 1 || random.below(4) == 0 {
                    check_pages(&store.pool, &board, &places, &mut random).await;
                }
            }
        }
    }
    // Then leaderboards had several parts, which were split and merged
    assert!(
        most >= 4 && added > 30 && merged > 3,
        "{most} {added} {merged}"
    );
}
