//! Renders the measurements as text and as JSON.

use std::{collections::BTreeSet, fmt::Write as _, fs, thread};

use anyhow::Result;
use serde_json::json;
use vouch_localnet::workspace_root;

use crate::{apply::Applied, resync::Resynced};

/// How this program, and the indexer beside it, were compiled.
const BUILD: &str = if cfg!(debug_assertions) {
    "debug"
} else {
    "release"
};

pub(crate) fn write(applied: &Applied, resynced: &Resynced) -> Result<()> {
    let cores = thread::available_parallelism()?.get();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load
        .split_whitespace()
        .next()
        .unwrap_or("unknown")
        .to_owned();
    let folder = workspace_root().join("benches");
    let json = json!({ "build": BUILD, "cores": cores, "load": load, "apply": applied, "resync": resynced });
    fs::write(
        folder.join("index.json"),
        serde_json::to_string_pretty(&json)? + "\n",
    )?;
    fs::write(
        folder.join("index.md"),
        text(applied, resynced, cores, &load)?,
    )?;
    println!("wrote benches/index.json and benches/index.md");
    Ok(())
}

fn text(applied: &Applied, resynced: &Resynced, cores: usize, load: &str) -> Result<String> {
    let mut text = String::from("# The mirror's speed\n\n");
    writeln!(
        text,
        "`./dev bench index` writes this file. It was measured in a {BUILD} build on a machine with {cores} \
         cores, node and Postgres on the same machine, at a load of {load} at the end. The figures depend \
         on the machine as much as on the program.\n\n\
         The history has {} conversions with many codes and owners, derived from recorded \
         transactions.\n",
        applied.conversions
    )?;
    writeln!(
        text,
        "## Into Postgres\n\n\
         Batches of 1,000 transactions are computed and written as the indexer does it, {} rows in all. COPY puts \
         the same rows into the same tables with the same indexes.\n\n\
         | | seconds | rows per second | to COPY |\n|---|--:|--:|--:|\n\
         | writing | {:.1} | {:.0} | {:.2} |\n\
         | computing and writing | {:.1} | {:.0} | {:.2} |\n\
         | COPY | {:.1} | {:.0} | 1 |\n\n\
         Postgres itself used a processor for {:.1} seconds to write, and for {:.1} seconds to COPY. Other \
         processes on the machine change this less.\n",
        applied.rows,
        applied.write_seconds,
        applied.rows_per_second_written,
        applied.written_to_copied,
        applied.write_seconds + applied.replay_seconds,
        applied.rows_per_second_applied,
        applied.applied_to_copied,
        applied.copy_seconds,
        applied.rows_per_second_copied,
        applied.write_processor_seconds,
        applied.copy_processor_seconds,
    )?;
    writeln!(
        text,
        "## The whole indexer\n\n\
         `vouch-indexer run` mirrors the history into an empty database, and then follows the chain while it \
         grows.\n\n\
         | | |\n|---|--:|\n\
         | transactions | {} |\n\
         | seconds | {:.1} |\n\
         | transactions per second | {:.0} |\n\
         | most memory, MB | {:.0} |\n\
         | requests to the node for each transaction | {:.3} |\n\
         | most memory while it follows, MB | {:.0} |\n\n\
         ## Lag\n\n\
         From the notification of a conversion until its row is visible, {} times in a quiet time, beside the \
         commit of one row on the same server.\n\n\
         | | median, ms | p99, ms |\n|---|--:|--:|\n\
         | visible | {:.1} | {:.1} |\n\
         | one commit | {:.1} | {:.1} |\n\
         | visible, with 40 ms between two conversions | {:.1} | {:.1} |\n\
         | visible, while {} to {} conversions wait for ranks | {:.1} | {:.1} |",
        resynced.transactions,
        resynced.seconds,
        resynced.transactions_per_second,
        resynced.peak_memory_mb,
        resynced.requests_per_transaction,
        resynced.live_peak_memory_mb,
        resynced.lag.conversions,
        resynced.lag.visible_median_ms,
        resynced.lag.visible_p99_ms,
        resynced.lag.commit_median_ms,
        resynced.lag.commit_p99_ms,
        resynced.busy_lag.visible_median_ms,
        resynced.busy_lag.visible_p99_ms,
        resynced.waiting.0,
        resynced.waiting.1,
        resynced.crowd_lag.visible_median_ms,
        resynced.crowd_lag.visible_p99_ms,
    )?;
    live(&mut text, resynced)?;
    Ok(text)
}

/// The requests while the chain grows, by method.
fn live(text: &mut String, resynced: &Resynced) -> Result<()> {
    let parts = &resynced.live;
    let idle = &resynced.idle_requests_per_second;
    let methods: BTreeSet<_> = parts
        .iter()
        .flat_map(|part| part.by_method.keys())
        .chain(idle.keys())
        .collect();
    text.push_str(
        "\n## Requests while it follows the chain\n\n\
         Requests to the node for each conversion at several rates, and requests in a second without a \
         transaction. Below, the milliseconds from a notification until its row is visible at these rates.\n\n| |",
    );
    for part in parts {
        let (conversions, rate) = (part.conversions, part.conversions_per_second);
        write!(text, " {conversions} at {rate:.1} a second |")?;
    }
    text.push_str(" idle, a second |\n|---|");
    text.push_str(&"--:|".repeat(parts.len() + 1));
    text.push('\n');
    for method in methods {
        write!(text, "| {method} |")?;
        for part in parts {
            let share = part.by_method.get(method).copied().unwrap_or_default();
            write!(text, " {share:.3} |")?;
        }
        writeln!(
            text,
            " {:.2} |",
            idle.get(method).copied().unwrap_or_default()
        )?;
    }
    text.push_str("| all |");
    for part in parts {
        write!(text, " {:.3} |", part.requests_per_conversion)?;
    }
    writeln!(text, " {:.2} |", idle.values().sum::<f64>())?;
    text.push_str("| visible, median, ms |");
    for part in parts {
        write!(text, " {:.1} |", part.visible_median_ms)?;
    }
    text.push_str(" |\n| visible, p99, ms |");
    for part in parts {
        write!(text, " {:.1} |", part.visible_p99_ms)?;
    }
    text.push_str(" |\n");
    Ok(())
}
