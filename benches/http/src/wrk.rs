//! The load: [wrk](https://github.com/wg/wrk) sends requests over a number of connections, each as soon as the one
//! before it is answered.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use vouch_localnet::find_on_path;

/// A browser, so that clicks are those of people.
const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";

/// The results of one run of wrk.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Load {
    pub(crate) connections: u32,
    /// Answers in all.
    pub(crate) answers: u64,
    pub(crate) per_second: f64,
    pub(crate) median_ms: f64,
    pub(crate) p99_ms: f64,
}

/// Finds wrk.
///
/// # Errors
/// When it is not installed.
pub(crate) fn find() -> Result<PathBuf> {
    find_on_path("wrk").context("wrk is not installed: install the package wrk")
}

/// Loads `url` for `seconds`.
///
/// # Errors
/// When wrk fails, or an answer is no success or redirect, or does not come.
pub(crate) fn run(wrk: &PathBuf, url: &str, connections: u32, seconds: u32) -> Result<Load> {
    let output = Command::new(wrk)
        .args(["--threads", "1", "--latency", "--timeout", "30s"])
        .args(["--connections", &connections.to_string()])
        .args(["--duration", &format!("{seconds}s")])
        .args(["--header", &format!("User-Agent: {AGENT}")])
        .arg(url)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "wrk: {text}");
    for refused in ["Socket errors", "Non-2xx"] {
        ensure!(
            !text.contains(refused),
            "not everything was answered: {text}"
        );
    }
    let word = |line: &str, place: usize| {
        let found = text.lines().map(str::trim).find(|it| it.contains(line));
        let found = found.and_then(|it| it.split_whitespace().nth(place));
        found
            .map(str::to_owned)
            .with_context(|| format!("no {line} in {text}"))
    };
    Ok(Load {
        connections,
        answers: word(" requests in ", 0)?.parse()?,
        per_second: word("Requests/sec:", 1)?.parse()?,
        median_ms: milliseconds(&word("50%", 1)?)?,
        p99_ms: milliseconds(&word("99%", 1)?)?,
    })
}

/// Reads a time as wrk writes it, such as `1.25ms`.
fn milliseconds(text: &str) -> Result<f64> {
    let units = [("us", 0.001), ("ms", 1.0), ("s", 1000.0), ("m", 60_000.0)];
    let (number, factor) = units
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))
        .with_context(|| format!("no time: {text}"))?;
    Ok(number.parse::<f64>()? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_every_unit_are_read() {
        let read = |text| milliseconds(text).expect(text);
        assert_eq!(
            ["640.00us", "1.25ms", "2.00s", "1.00m"].map(read),
            [0.64, 1.25, 2000.0, 60_000.0]
        );
        assert_eq!(
            milliseconds("7h").expect_err("hours").to_string(),
            "no time: 7h"
        );
    }
}
