//! Renders the measurements as text and as JSON.

use std::{fmt::Write as _, fs, thread};

use anyhow::Result;
use serde::Serialize;
use vouch_localnet::{VALIDATOR_VERSION, workspace_root};

use super::{
    Args,
    flood::CONCURRENCY,
    scene::{REFERRERS, Scene},
};

/// Cost units per block that may write to one account, before and since SIMD-0306.
const ACCOUNT_LIMITS: [u64; 2] = [12_000_000, 24_000_000];

/// One mode in the report.
#[derive(Serialize)]
struct Row {
    mode: &'static str,
    all_write: &'static str,
    per_second_median: u64,
    per_second_min: u64,
    per_second_max: u64,
    to_transfers: f64,
    per_slot_min: u64,
    per_slot_median: u64,
    per_slot_max: u64,
    compute_units_median: u64,
    cost_units_median: u64,
    /// Most transactions per block that write to one account, for each limit.
    account_ceiling: [u64; 2],
}

/// Formats 12345 as `12,345`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The minimum, the median and the maximum.
fn spread<T: Copy + PartialOrd>(values: impl Iterator<Item = T>) -> (T, T, T) {
    let mut values: Vec<T> = values.collect();
    values.sort_by(|a, b| a.partial_cmp(b).expect("no rate is not a number"));
    (
        values[0],
        values[values.len() / 2],
        values[values.len() - 1],
    )
}

fn rows(scenes: &[Scene]) -> Vec<Row> {
    let rate = |scene: &Scene| spread(scene.rounds.iter().map(|round| round.per_second));
    let (_, transfers, _) = rate(&scenes[0]);
    let row = |scene: &Scene| {
        let rounds = || scene.rounds.iter();
        let (low, middle, high) = rate(scene);
        let (least, usual, most) = spread(rounds().flat_map(|round| round.per_slot.clone()));
        let units = || rounds().flat_map(|round| &round.units);
        let (_, cost, _) = spread(units().map(|units| units.1));
        let [mode, all_write] = scene.mode.names();
        Row {
            mode,
            all_write,
            per_second_median: middle.round() as u64,
            per_second_min: low.round() as u64,
            per_second_max: high.round() as u64,
            to_transfers: (middle / transfers * 100.0).round() / 100.0,
            per_slot_min: least,
            per_slot_median: usual,
            per_slot_max: most,
            compute_units_median: spread(units().map(|units| units.0)).1,
            cost_units_median: cost,
            account_ceiling: ACCOUNT_LIMITS.map(|limit| limit / cost),
        }
    };
    scenes.iter().map(row).collect()
}

pub(super) fn report(args: &Args, scenes: &[Scene]) -> Result<()> {
    let rows = rows(scenes);
    let cores = thread::available_parallelism()?;
    let mut rates = String::new();
    let mut ceilings = String::new();
    for row in &rows {
        writeln!(
            rates,
            "| {} | {} | {} | {}–{} | {:.2} | {} | {} | {} |",
            row.mode,
            row.all_write,
            grouped(row.per_second_median),
            grouped(row.per_second_min),
            grouped(row.per_second_max),
            row.to_transfers,
            grouped(row.per_slot_min),
            grouped(row.per_slot_median),
            grouped(row.per_slot_max)
        )?;
        let [before, since] = row.account_ceiling;
        writeln!(
            ceilings,
            "| {} | {} | {} | {} | {} |",
            row.mode,
            grouped(row.compute_units_median),
            grouped(row.cost_units_median),
            grouped(before),
            grouped(since)
        )?;
    }
    let text = TEXT
        .replace("{count}", &grouped(args.conversions.into()))
        .replace("{rounds}", &args.rounds.to_string())
        .replace("{cores}", &cores.to_string())
        .replace("{validator}", VALIDATOR_VERSION)
        .replace("{rates}", &rates)
        .replace("{ceilings}", &ceilings);
    let json = serde_json::json!({
        "referrers": REFERRERS, "conversions": args.conversions, "rounds": args.rounds,
        "concurrency": CONCURRENCY, "cores": cores, "account_limits": ACCOUNT_LIMITS, "rows": rows,
    });
    let folder = workspace_root().join("benches");
    fs::write(folder.join("parallelism.md"), &text)?;
    let json = serde_json::to_string_pretty(&json)? + "\n";
    fs::write(folder.join("parallelism.json"), json)?;
    print!("{text}");
    Ok(())
}

const TEXT: &str = include_str!("text.md");
