//! `./dev test`: every test, on real parts.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use anyhow::Result;
use vouch_localnet::{Instance, Postgres, ProcessSpec, cargo, finish};

use crate::{build, checks, typescript};

/// Runs every test: unit, LiteSVM, Postgres, whole product. Without a filter, also
/// compares compute units with the committed ones.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only tests whose name contains this.
    filter: Option<String>,
}

/// What the test runner said at the end of each test binary, added up.
#[derive(Default)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    build::validator().await?;
    build::program().await?;
    build::floor().await?;
    typescript::prepare().await?;
    // The tests of the whole product run these; `cargo test` alone does not build them.
    finish(cargo(["build", "--workspace", "--bins"])).await?;

    let mut instance = Instance::create("test-run")?;
    let mut postgres = Postgres::start(instance.dir()).await?;
    let mut counts = Counts::default();
    let mut all_ended_well = true;
    if args.filter.is_none() {
        all_ended_well &= checks::compute_units_hold().await?;
    }
    for (name, manifest) in [("root", "Cargo.toml"), ("programs", "programs/Cargo.toml")] {
        let log = instance.dir().join(format!("{name}.log"));
        let mut tests = cargo([
            "test",
            "--workspace",
            "--no-fail-fast",
            "--manifest-path",
            manifest,
        ])
        .args(args.filter.iter())
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
        counts.passed, counts.failed, counts.ignored
    );
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs it, shows its output as it comes, and counts.
async fn show(spec: ProcessSpec, log: &Path, counts: &mut Counts) -> Result<ExitStatus> {
    let mut process = spec.spawn()?;
    let mut reader = File::open(log)?;
    let mut line = Vec::new();
    loop {
        // Asked first: what it wrote before it ended is then read below.
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
    /// `test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; ...`
    fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else {
            return;
        };
        let result = result.split_once(". ").map_or("", |(_, numbers)| numbers);
        for part in result.split(';') {
            let mut words = part.split_whitespace();
            if let (Some(Ok(number)), Some(kind)) =
                (words.next().map(str::parse::<u64>), words.next())
            {
                match kind {
                    "passed" => self.passed += number,
                    "failed" => self.failed += number,
                    "ignored" => self.ignored += number,
                    _ => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn results_are_added_up_and_other_lines_are_not() {
        // Given what two test binaries print, one of them with a failure
        let mut counts = Counts::default();
        for line in [
            "running 4 tests",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 9 filtered out; finished in 0.00s",
            "7 passed; 7 failed",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
        ] {
            // When the lines are read
            counts.add(line);
        }

        // Then the closing lines alone count
        assert_eq!((counts.passed, counts.failed, counts.ignored), (4, 2, 1));
    }
}
