//! Renders the measurements as text and as JSON.

use std::{fmt::Write as _, fs, thread};

use anyhow::Result;
use serde_json::json;
use vouch_localnet::workspace_root;

use crate::{
    boards::{Boards, Times},
    redirects::Redirects,
    stats::Stats,
    wrk::Load,
};

/// How this program, and the API beside it, were compiled.
const BUILD: &str = if cfg!(debug_assertions) {
    "debug"
} else {
    "release"
};

pub(crate) fn write(redirects: &Redirects, stats: &Stats, boards: &[Boards]) -> Result<()> {
    let cores = thread::available_parallelism()?.get();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("unknown");
    let folder = workspace_root().join("benches");
    let json = json!({ "build": BUILD, "cores": cores, "load": load,
        "redirects": redirects, "stats": stats, "leaderboards": boards });
    fs::write(
        folder.join("http.json"),
        serde_json::to_string_pretty(&json)? + "\n",
    )?;
    fs::write(
        folder.join("http.md"),
        text(redirects, stats, boards, cores, load)?,
    )?;
    println!("wrote benches/http.json and benches/http.md");
    Ok(())
}

fn text(
    redirects: &Redirects,
    stats: &Stats,
    boards: &[Boards],
    cores: usize,
    load: &str,
) -> Result<String> {
    let mut text = String::from("# The API's speed\n\n");
    writeln!(
        text,
        "`./dev bench http` writes this file. It was measured in a {BUILD} build on a machine with {cores} \
         cores, the load and Postgres on the same machine, at a load of {load} at the end. The figures depend \
         on the machine as much as on the program.\n"
    )?;
    writeln!(
        text,
        "## Redirects\n\n\
         Each redirect of the API answers when its click is durable in Postgres. The bare one is the same framework, \
         and records nothing. All follow one link, the worst case: all clicks are counted in one row. Afterwards, \
         Postgres has {} clicks of {} answers; requests that were still open at the end of a run explain the \
         difference.\n\n\
         | | connections | per second | median, ms | p99, ms |\n|---|--:|--:|--:|--:|",
        redirects.clicks, redirects.answers
    )?;
    for (name, load) in [
        ("bare", &redirects.bare),
        ("durable", &redirects.durable),
        ("bare, three times the load", &redirects.bare_crowd),
        ("durable, three times the load", &redirects.crowd),
    ] {
        let Load {
            connections,
            per_second,
            median_ms,
            p99_ms,
            ..
        } = load;
        writeln!(
            text,
            "| {name} | {connections} | {per_second:.0} | {median_ms:.2} | {p99_ms:.2} |"
        )?;
    }
    writeln!(
        text,
        "\nA durable redirect has {:.2} of the throughput of a bare one, and {:.1} times its p99. With three times the \
         load it has {:.2} of its own throughput. The API holds {:.0} MB before, at most {:.0} MB with the \
         usual load, and {:.0} MB with three times as much.\n",
        redirects.throughput_to_bare,
        redirects.p99_to_bare,
        redirects.crowd_throughput_to_usual,
        redirects.idle_mb,
        redirects.usual_mb,
        redirects.crowd_mb,
    )?;
    writeln!(
        text,
        "## Stats\n\n\
         The stats of a code with {} clicks take {:.2} ms (median) and {:.2} ms (p99). Counting the clicks in \
         Postgres takes {:.0} ms.\n\n\
         ## Leaderboards\n\n\
         Over HTTP, while conversions are counted. The first page is the only one that is asked for twice; all \
         others are another wallet's rank or another page each time.\n\n\
         | referrers | counted per second | | median, ms | p99, ms |\n|--:|--:|---|--:|--:|",
        stats.clicks, stats.median_ms, stats.p99_ms, stats.counting_ms
    )?;
    for board in boards {
        for (name, Times { median_ms, p99_ms }) in [
            ("the first 100", &board.top),
            ("own rank", &board.own),
            ("100 in the middle", &board.deep),
        ] {
            writeln!(
                text,
                "| {} | {:.0} | {name} | {median_ms:.2} | {p99_ms:.2} |",
                board.referrers, board.counted_per_second
            )?;
        }
        writeln!(
            text,
            "| {} | | `RANK()` for one wallet | {:.0} | |",
            board.referrers, board.rank_ms
        )?;
    }
    Ok(text)
}
