//! The figures as JSON and as Markdown, and their comparison with the committed ones.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// The cost of one instruction in one variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) instruction: String,
    pub(crate) variant: String,
    /// Least compute units over the wallets.
    pub(crate) min: u64,
    pub(crate) median: u64,
    pub(crate) worst: u64,
    /// Compute units of the floor; `None` without a floor.
    pub(crate) floor_median: Option<u64>,
    /// `median` divided by `floor_median`, to three decimals.
    pub(crate) ratio: Option<f64>,
}

/// Sizes of the binary and of a conversion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sizes {
    pub(crate) binary_bytes: usize,
    pub(crate) conversion_account_bytes: usize,
}

/// One element of the list in the JSON file: rows, then the sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Entry {
    Row(Row),
    Sizes(Sizes),
}

/// The rows, and the other contents of the Markdown page.
pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
    pub(crate) sizes: Sizes,
    /// Number of wallets per row.
    pub(crate) wallets: usize,
    /// Accounts with their bytes and the lamports of their rent.
    pub(crate) rents: Vec<Rent>,
    pub(crate) token_programs: Vec<TokenProgram>,
    /// The compiler and the linker of the program, with their versions.
    pub(crate) compiler: String,
}

pub(crate) struct Rent {
    pub(crate) what: String,
    pub(crate) bytes: usize,
    pub(crate) lamports: u64,
}

pub(crate) struct TokenProgram {
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) bytes: usize,
    pub(crate) sha256: String,
}

impl Row {
    /// Computes a row from the units of each wallet and of its floor.
    pub(crate) fn new(instruction: &str, variant: &str, units: Vec<u64>, floor: Vec<u64>) -> Self {
        let units = sorted(units);
        let middle = |units: &[u64]| units.get(units.len() / 2).copied();
        let median = middle(&units).unwrap_or_default();
        let floor_median = middle(&sorted(floor));
        Self {
            instruction: instruction.to_owned(),
            variant: variant.to_owned(),
            min: units.first().copied().unwrap_or_default(),
            median,
            worst: units.last().copied().unwrap_or_default(),
            floor_median,
            ratio: floor_median
                .map(|floor| (1000.0 * median as f64 / floor as f64).round() / 1000.0),
        }
    }

    fn name(&self) -> String {
        if self.variant.is_empty() {
            self.instruction.clone()
        } else {
            format!("{}, {}", self.instruction, self.variant)
        }
    }
}

fn sorted(mut units: Vec<u64>) -> Vec<u64> {
    units.sort_unstable();
    units
}

impl Report {
    fn entries(&self) -> Vec<Entry> {
        let rows = self.rows.iter().cloned().map(Entry::Row);
        rows.chain([Entry::Sizes(self.sizes.clone())]).collect()
    }

    /// The JSON file.
    pub(crate) fn json(&self) -> serde_json::Result<String> {
        // One line per row, so that a diff shows which rows changed.
        let lines = self
            .entries()
            .iter()
            .map(serde_json::to_string)
            .collect::<serde_json::Result<Vec<_>>>()?;
        Ok(format!("[\n  {}\n]\n", lines.join(",\n  ")))
    }

    /// The Markdown page.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!(
            "# Compute units, size and rent

Written by `./dev bench cu`; `./dev test` fails when a figure is worse than here. The same as JSON:
`compute-units.json`.

Each row is taken over {} wallets, with random owners, codes and referees. They are seeded: every run
and every row has the same ones. A figure counts one instruction with its calls into other programs, in
LiteSVM with the features of mainnet. The bytes were made by {}.

",
            thousands(self.wallets as u64),
            self.compiler
        );
        self.aims(&mut text);
        self.table(&mut text);
        self.stored(&mut text);
        self.programs(&mut text);
        text
    }

    fn aims(&self, text: &mut String) {
        let convert = self.find("convert", HEADLINE);
        let claim = self.find("claim", "minted");
        let purchase = self.find("purchase", "split of SOL");
        text.push_str("| aim | at most | is | met |\n|---|--:|--:|---|\n");
        for (aim, most, is, met) in [
            at_most(
                "`convert` with a minted fixed reward, median",
                3_100,
                convert,
            ),
            near_floor("the same, to its floor", convert),
            at_most("`claim` with a minted reward, median", 1_600, claim),
            near_floor("the same, to its floor", claim),
            at_most("`purchase` split in SOL, median", 5_000, purchase),
            (
                "the program's binary",
                format!("{} bytes", thousands(MOST_BYTES as u64)),
                format!("{} bytes", thousands(self.sizes.binary_bytes as u64)),
                self.sizes.binary_bytes <= MOST_BYTES,
            ),
        ] {
            let met = if met { "yes" } else { "**no**" };
            _ = writeln!(text, "| {aim} | {most} | {is} | {met} |");
        }
    }

    fn table(&self, text: &mut String) {
        text.push_str(
            "
## Compute units

- **min**, **median**, **worst**: over the wallets. They differ because the program looks for the canonical
  bump of a new campaign's address, and of a token account's, from 255 down: about half of all addresses have
  the first, and each further try hashes and checks a point again. Other addresses have no bump.
- **floor**: the median of `benches/floor`, a program without a framework at the same address, with the same
  wallets. It creates an account of the same size at the same address and makes the same calls, and does
  nothing else: no rule is checked, no event written, nothing counted. None where nothing would be left.
- **ratio**: median by floor.

| instruction | variant | min | median | worst | floor | ratio |
|---|---|--:|--:|--:|--:|--:|
",
        );
        for row in &self.rows {
            let or_dash = |text: Option<String>| text.unwrap_or_else(|| String::from("\u{2013}"));
            _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {} |",
                row.instruction,
                row.variant,
                thousands(row.min),
                thousands(row.median),
                thousands(row.worst),
                or_dash(row.floor_median.map(thousands)),
                or_dash(row.ratio.map(times)),
            );
        }
    }

    fn stored(&self, text: &mut String) {
        text.push_str(
            "
## Size and rent

What an account holds so that it is exempt from rent, and gives back when it is closed.

| account | bytes | lamports | SOL |
|---|--:|--:|--:|
",
        );
        for rent in &self.rents {
            let sol = format!(
                "{}.{:09}",
                rent.lamports / 1_000_000_000,
                rent.lamports % 1_000_000_000
            );
            _ = writeln!(
                text,
                "| {} | {} | {} | {sol} |",
                rent.what,
                thousands(rent.bytes as u64),
                thousands(rent.lamports),
            );
        }
    }

    fn programs(&self, text: &mut String) {
        text.push_str(
            "
## Token programs

Those that LiteSVM loads; what they cost is in every figure that mints or transfers.

| program | address | bytes | SHA-256 of the binary |
|---|---|--:|---|
",
        );
        for program in &self.token_programs {
            _ = writeln!(
                text,
                "| {} | `{}` | {} | `{}` |",
                program.name,
                program.address,
                thousands(program.bytes as u64),
                program.sha256,
            );
        }
    }

    fn find(&self, instruction: &str, variant: &str) -> Option<&Row> {
        self.rows
            .iter()
            .find(|row| row.instruction == instruction && row.variant == variant)
    }

    /// Names every figure that is worse than in the committed JSON file, one line each.
    pub(crate) fn worse_than(&self, committed: &str) -> Vec<String> {
        let Ok(committed) = serde_json::from_str::<Vec<Entry>>(committed) else {
            return vec!["the committed file cannot be read".to_owned()];
        };
        let mut worse = Vec::new();
        for row in &self.rows {
            let old = committed.iter().find_map(|entry| match entry {
                Entry::Row(old) if old.name() == row.name() => Some(old),
                _ => None,
            });
            match old {
                Some(old) => worse.extend(row.worse_than(old)),
                None => worse.push(format!("{}: not in the committed file", row.name())),
            }
        }
        for entry in &committed {
            match entry {
                Entry::Row(old) if self.find(&old.instruction, &old.variant).is_none() => {
                    worse.push(format!("{}: no longer measured", old.name()));
                }
                Entry::Row(_) => {}
                Entry::Sizes(old) => worse.extend(
                    [
                        ("binary", old.binary_bytes, self.sizes.binary_bytes),
                        (
                            "conversion account",
                            old.conversion_account_bytes,
                            self.sizes.conversion_account_bytes,
                        ),
                    ]
                    .into_iter()
                    .filter(|(_, old, new)| new > old)
                    .map(|(what, old, new)| format!("{what}: {new} bytes, was {old}")),
                ),
            }
        }
        if !committed
            .iter()
            .any(|entry| matches!(entry, Entry::Sizes(_)))
        {
            worse.push("the sizes: not in the committed file".to_owned());
        }
        worse
    }
}

impl Row {
    fn worse_than(&self, old: &Self) -> Option<String> {
        let figures = [
            ("min", self.min, old.min),
            ("median", self.median, old.median),
            ("worst", self.worst, old.worst),
        ];
        let mut worse: Vec<String> = figures
            .into_iter()
            .filter(|(_, new, old)| new > old)
            .map(|(what, new, old)| format!("{what} {new}, was {old}"))
            .collect();
        let ratio = |row: &Self| row.ratio.unwrap_or_default();
        if ratio(self) > ratio(old) {
            worse.push(format!("ratio {}, was {}", ratio(self), ratio(old)));
        }
        (!worse.is_empty()).then(|| format!("{}: {}", self.name(), worse.join("; ")))
    }
}

/// The variant of `convert` that has a target.
pub(crate) const HEADLINE: &str = "minted, fixed reward";
/// Most bytes of the program's binary: 130 KB.
const MOST_BYTES: usize = 130 * 1024;
/// Most that a median may be of its floor.
const MOST_RATIO: f64 = 1.5;

/// An aim: its name, its limit, what is, and whether that is within the limit.
type Aim = (&'static str, String, String, bool);

/// The aim that the row's median is at most `most` units.
fn at_most(aim: &'static str, most: u64, row: Option<&Row>) -> Aim {
    let units = |units| format!("{} units", thousands(units));
    match row {
        Some(row) => (aim, units(most), units(row.median), row.median <= most),
        None => (aim, units(most), "not measured".to_owned(), false),
    }
}

/// The aim that the row's median is at most [`MOST_RATIO`] of its floor.
fn near_floor(aim: &'static str, row: Option<&Row>) -> Aim {
    let ratio = row.and_then(|row| row.ratio).unwrap_or(f64::INFINITY);
    (
        aim,
        MOST_RATIO.to_string(),
        times(ratio),
        ratio <= MOST_RATIO,
    )
}

/// The compiler and the linker of `toolchain/`, as the script that runs them names them.
pub(crate) fn compiler() -> String {
    const SCRIPT: &str = include_str!("../../../toolchain/cargo-build-sbf");
    let settings = SCRIPT
        .lines()
        .filter_map(|line| line.strip_prefix("readonly "))
        .flat_map(str::split_whitespace)
        .filter_map(|setting| setting.split_once('='));
    let version = |name: &str| {
        let found = settings.clone().find(|(setting, _)| *setting == name);
        // PyPI counts its own releases of the same LLVM.
        found.map_or("?", |(_, version)| {
            version.split(".post").next().unwrap_or(version)
        })
    };
    format!(
        "`toolchain/`: rustc {} (Debian), LLVM {}, sbpf-linker {}",
        version("rust"),
        version("llvm"),
        version("linker"),
    )
}

fn times(ratio: f64) -> String {
    format!("{ratio:.3}")
}

/// Formats a number with a comma before each group of three digits.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(rows: Vec<Row>, binary_bytes: usize) -> Report {
        Report {
            rows,
            sizes: Sizes {
                binary_bytes,
                conversion_account_bytes: 148,
            },
            wallets: 3,
            rents: vec![],
            token_programs: vec![],
            compiler: compiler(),
        }
    }

    fn row(units: &[u64], floor: &[u64]) -> Row {
        Row::new("convert", HEADLINE, units.to_vec(), floor.to_vec())
    }

    #[test]
    fn a_row_is_least_middle_most_and_how_far_from_the_floor() {
        // Given the units of three wallets in any order, and their floors
        let row = row(&[4_700, 4_000, 4_340], &[3_600, 3_100, 3_000]);

        // Then the figures are those of the sorted units
        assert_eq!((row.min, row.median, row.worst), (4_000, 4_340, 4_700));
        assert_eq!((row.floor_median, row.ratio), (Some(3_100), Some(1.4)));
    }

    #[test]
    fn what_is_worse_is_named_and_what_is_better_is_not() {
        // Given committed figures
        let committed = report(vec![row(&[4_000, 4_340, 4_700], &[3_100])], 1_000);
        let committed = committed.json().expect("json");

        // When nothing changed, or something got better, then nothing is reported
        let same = report(vec![row(&[4_000, 4_340, 4_700], &[3_100])], 1_000);
        let better = report(vec![row(&[3_999, 4_339, 4_700], &[3_100])], 999);
        assert_eq!(same.worse_than(&committed), Vec::<String>::new());
        assert_eq!(better.worse_than(&committed), Vec::<String>::new());

        // When a unit or a byte is added, or the floor got lower, then it is reported
        let worse = report(vec![row(&[4_000, 4_340, 4_701], &[3_100])], 1_001);
        assert_eq!(
            worse.worse_than(&committed),
            [
                "convert, minted, fixed reward: worst 4701, was 4700",
                "binary: 1001 bytes, was 1000"
            ]
        );
        let lower_floor = report(vec![row(&[4_000, 4_340, 4_700], &[3_000])], 1_000);
        assert_eq!(
            lower_floor.worse_than(&committed),
            ["convert, minted, fixed reward: ratio 1.447, was 1.4"]
        );
    }

    #[test]
    fn a_row_on_one_side_alone_is_named() {
        // Given a committed row that is no longer measured, and a new row
        let committed = report(vec![Row::new("claim", "minted", vec![1], vec![])], 1);
        let fresh = report(vec![Row::new("claim", "vault", vec![1], vec![])], 1);

        // Then both are named
        assert_eq!(
            fresh.worse_than(&committed.json().expect("json")),
            [
                "claim, vault: not in the committed file",
                "claim, minted: no longer measured"
            ]
        );
        assert_eq!(
            fresh.worse_than("[]"),
            [
                "claim, vault: not in the committed file",
                "the sizes: not in the committed file"
            ]
        );
    }

    #[test]
    fn the_compiler_is_named_with_its_versions() {
        // Given the script that builds the program
        let compiler = compiler();

        // Then every version in it is found
        assert!(compiler.starts_with("`toolchain/`: rustc 1."), "{compiler}");
        assert!(!compiler.contains('?'), "{compiler}");
        assert!(!compiler.contains("post"), "{compiler}");
    }

    #[test]
    fn an_aim_is_met_up_to_its_limit() {
        // Given a row of 3,100 units, 1.5 times its floor
        let at = row(&[3_100], &[2_066]);
        let above = row(&[3_101], &[2_066]);

        // Then its median meets an aim of as many, and no lower one
        let met = |(_, _, _, met): Aim| met;
        assert!(met(at_most("units", 3_100, Some(&at))));
        assert!(!met(at_most("units", 3_099, Some(&at))));
        assert!(!met(at_most("units", 3_100, None)));

        // And so does its ratio
        assert!(met(near_floor("ratio", Some(&at))));
        assert!(!met(near_floor("ratio", Some(&above))));
        assert!(!met(near_floor("ratio", None)));
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(thousands),
            ["0", "999", "1,000", "1,234,567"]
        );
    }
}
