//! The demo's report, for people and for machines.

use std::fmt::Write as _;

use serde::Serialize;

/// Version of the JSON form.
const FORMAT: u32 = 1;

/// The results of one run of the demo.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    format: u32,
    /// Whether every check held.
    pub(crate) ok: bool,
    /// Address of the program.
    pub(crate) program_id: String,
    /// Bytes of the program's binary.
    pub(crate) program_bytes: u64,
    /// Wall time of the whole run, start-up included, in milliseconds.
    pub(crate) total_ms: u64,
    /// Wall time until all parts were ready, in milliseconds.
    pub(crate) startup_ms: u64,
    /// Each check, in order.
    pub(crate) checks: Vec<Check>,
    /// Compute units of one transaction for each instruction, as the validator counted them.
    pub(crate) compute_units: Vec<ComputeUnits>,
    /// Times from a conversion's confirmation to its visibility in the API.
    pub(crate) visibility: Option<Visibility>,
    /// Resident memory of the services at the end, in KiB.
    pub(crate) memory_kib: Vec<Memory>,
}

/// A check with its outcome.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    /// The subject of the check.
    pub(crate) what: String,
    /// The value that was expected.
    pub(crate) expected: String,
    /// The value that was seen.
    pub(crate) seen: String,
    /// Whether both are the same.
    pub(crate) ok: bool,
    /// The transaction, if the check is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) signature: Option<String>,
}

/// Compute units of a transaction.
#[derive(Debug, Serialize)]
pub(crate) struct ComputeUnits {
    /// The transaction's main instruction.
    pub(crate) transaction: String,
    /// Compute units of all of its instructions together.
    pub(crate) units: u64,
}

/// Distribution of the time from a confirmed conversion to its visibility.
#[derive(Debug, Serialize)]
pub(crate) struct Visibility {
    /// Conversions measured.
    pub(crate) samples: usize,
    /// Median, in milliseconds.
    pub(crate) median_ms: u64,
    /// 95th percentile, in milliseconds.
    pub p95_ms: u64,
    /// Worst, in milliseconds.
    pub(crate) worst_ms: u64,
}

/// Resident memory of a service.
#[derive(Debug, Serialize)]
pub(crate) struct Memory {
    /// The service.
    pub(crate) service: String,
    /// Resident set size in KiB.
    pub(crate) resident_kib: u64,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self {
            format: FORMAT,
            ..Self::default()
        }
    }

    /// Records a check, and prints it.
    pub(crate) fn check(
        &mut self,
        what: impl Into<String>,
        expected: impl ToString,
        seen: impl ToString,
        signature: Option<String>,
    ) {
        let (expected, seen) = (expected.to_string(), seen.to_string());
        let check = Check {
            what: what.into(),
            ok: expected == seen,
            expected,
            seen,
            signature,
        };
        println!("{}", check.line());
        self.checks.push(check);
    }

    /// Records the compute units of a transaction.
    pub(crate) fn units(&mut self, transaction: &str, units: u64) {
        self.compute_units.push(ComputeUnits {
            transaction: transaction.to_owned(),
            units,
        });
    }

    /// Records the resident memory of a service.
    pub(crate) fn memory(&mut self, service: &str, resident_kib: u64) {
        self.memory_kib.push(Memory {
            service: service.to_owned(),
            resident_kib,
        });
    }

    /// Computes the distribution of `samples`, in milliseconds.
    pub(crate) fn set_visibility(&mut self, mut samples: Vec<u64>) {
        samples.sort_unstable();
        let at = |percent: usize| samples.get((samples.len() - 1) * percent / 100).copied();
        if samples.is_empty() {
            return;
        }
        self.visibility = Some(Visibility {
            samples: samples.len(),
            median_ms: at(50).unwrap_or_default(),
            p95_ms: at(95).unwrap_or_default(),
            worst_ms: at(100).unwrap_or_default(),
        });
    }

    /// Sets `ok`: all checks held, and there was at least one.
    pub(crate) fn finish(&mut self) {
        self.ok = !self.checks.is_empty() && self.checks.iter().all(|check| check.ok);
    }

    /// The end of the readable report.
    pub(crate) fn summary(&self) -> String {
        let mut out = String::new();
        let failed: Vec<&Check> = self.checks.iter().filter(|check| !check.ok).collect();
        let _ = writeln!(
            out,
            "\nprogram {} ({} bytes)",
            self.program_id, self.program_bytes
        );
        for ComputeUnits { transaction, units } in &self.compute_units {
            let _ = writeln!(out, "  {transaction}: {units} compute units");
        }
        if let Some(v) = &self.visibility {
            let _ = writeln!(
                out,
                "confirmed to visible over HTTP: median {} ms, p95 {} ms, worst {} ms ({} conversions)",
                v.median_ms, v.p95_ms, v.worst_ms, v.samples
            );
        }
        for Memory {
            service,
            resident_kib,
        } in &self.memory_kib
        {
            let _ = writeln!(
                out,
                "{service}: {:.1} MiB resident",
                *resident_kib as f64 / 1024.0
            );
        }
        let _ = writeln!(
            out,
            "ready after {:.1} s, done after {:.1} s",
            self.startup_ms as f64 / 1000.0,
            self.total_ms as f64 / 1000.0
        );
        if failed.is_empty() {
            let _ = writeln!(out, "{} checks, all hold", self.checks.len());
        } else {
            let _ = writeln!(
                out,
                "{} of {} checks differ:",
                failed.len(),
                self.checks.len()
            );
            for check in failed {
                let _ = writeln!(out, "{}", check.line());
            }
        }
        out
    }
}

impl Check {
    fn line(&self) -> String {
        let mark = if self.ok { "ok  " } else { "DIFF" };
        let mut line = format!("{mark}  {}: {}", self.what, self.seen);
        if !self.ok {
            let _ = write!(line, " (expected {})", self.expected);
        }
        if let Some(signature) = &self.signature {
            let _ = write!(line, "\n      {signature}");
        }
        line
    }
}
