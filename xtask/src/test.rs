//! `./dev test`: every test, on real parts, run by cargo-nextest. `.config/nextest.toml`
//! says which tests may run at the same time. No crate has documentation tests, which
//! nextest would not run.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{ExitCode, ExitStatus};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use vouch_localnet::{Instance, Postgres, ProcessSpec, cargo};

use crate::{build, checks, schemathesis, typescript, web};

/// Runs every test: unit, LiteSVM, Postgres, whole product. Without a filter, also
/// compares compute units with the committed ones.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only tests whose name contains this text.
    filter: Option<String>,
}

/// The sums of nextest's summaries.
#[derive(Default)]
struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
}

pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    build::validator().await?;
    // Only the validator that is built here can load the plugin, whatever is on PATH.
    build::geyser_plugin().await?;
    build::program().await?;
    build::floor().await?;
    typescript::prepare().await?;
    typescript::prepare_published().await?;
    schemathesis::prepare().await?;
    web::prepare().await?;
    web::build().await?;
    let nextest: Vec<_> = build::cargo_nextest().await?.into_iter().collect();
    let path = build::path_with(&nextest)?;
    // The tests of the whole product run these binaries, and nextest builds only the
    // tests.
    build::binaries().await?;

    // Tests of the whole product wait for slots and deadlines half of the time.
    let at_once = (2 * thread::available_parallelism()?.get()).to_string();
    let instance = Instance::create("test-run")?;
    let mut postgres = Postgres::start(instance.dir()).await?;
    let mut counts = Counts::default();
    let mut all_ended_well = true;
    if args.filter.is_none() {
        all_ended_well &= checks::compute_units_hold().await?;
    }
    for (name, manifest) in [("root", "Cargo.toml"), ("programs", "programs/Cargo.toml")] {
        let log = instance.dir().join(format!("{name}.log"));
        // Name `--workspace` again: cargo unites the features of all packages of one
        // build.
        let mut tests = cargo(["nextest", "run", "--workspace", "--no-fail-fast"])
            .args(["--no-tests", "pass", "--manifest-path", manifest])
            .args(["--test-threads", at_once.as_str()])
            .args(args.filter.iter())
            .env("PATH", path.as_str())
            .env("DATABASE_URL", postgres.url("postgres"))
            .env(build::BUILT, "1");
        tests.log = Some(log.clone());
        all_ended_well &= show(tests, &log, &mut counts).await?.success();
    }
    postgres.stop().await?;

    println!();
    let good = all_ended_well && counts.failed == 0 && counts.passed > 0;
    if counts.passed + counts.failed == 0 {
        println!(
            "no test ran{}",
            args.filter
                .map(|f| format!(": none is called {f}"))
                .unwrap_or_default()
        );
    }
    if !good {
        instance.keep();
    }
    drop(instance);
    println!(
        "{} passed, {} failed, {} skipped",
        counts.passed, counts.failed, counts.skipped
    );
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs the process, shows its output as it comes, and counts the summaries.
async fn show(spec: ProcessSpec, log: &Path, counts: &mut Counts) -> Result<ExitStatus> {
    let mut process = spec.spawn()?;
    let mut reader = File::open(log)?;
    let mut line = Vec::new();
    loop {
        // Query the status before reading, so that the last output is still read.
        let status = process.exited()?;
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes)?;
        std::io::stdout().write_all(&bytes)?;
        std::io::stdout().flush()?;
        for byte in bytes {
            if byte == b'\n' {
                counts.add(&String::from_utf8_lossy(&line));
                line.clear();
            } else {
                line.push(byte);
            }
        }
        if let Some(status) = status {
            return Ok(status);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl Counts {
    /// Adds up a summary line, such as
    /// `Summary [   9.876s] 9 tests run: 7 passed (1 slow), 1 failed, 1 timed out, 2 skipped`
    fn add(&mut self, line: &str) {
        let Some(summary) = line.trim_start().strip_prefix("Summary [") else {
            return;
        };
        let Some((_, numbers)) = summary.split_once(" run: ") else {
            return;
        };
        let mut words = numbers.split([' ', ',']).peekable();
        while let Some(word) = words.next() {
            let (Ok(number), Some(&kind)) = (word.parse::<u64>(), words.peek()) else {
                continue;
            };
            match kind {
                "passed" => self.passed += number,
                "skipped" => self.skipped += number,
                // `1 failed`, `1 exec failed`, `1 timed out`.
                "failed" | "exec" | "timed" => self.failed += number,
                // Slow or leaky tests are counted already.
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn summaries_are_added_up_and_other_lines_are_not() {
        // Given nextest's output of two workspaces, one of them with failures
        let mut counts = Counts::default();
        for line in [
            "    Starting 4 tests across 2 binaries",
            "        PASS [   0.005s] (1/3) vouch-rules::code 7 passed",
            "     Summary [   0.024s] 3 tests run: 3 passed, 1 skipped",
            "     Summary [   9.876s] 6/8 tests run: 2 passed (1 slow, 1 leaky), 1 failed \
             (1 due to being leaky), 1 exec failed, 2 timed out, 0 skipped",
        ] {
            // When the lines are read
            counts.add(line);
        }

        // Then the summaries alone count
        assert_eq!((counts.passed, counts.failed, counts.skipped), (5, 4, 1));
    }
}
