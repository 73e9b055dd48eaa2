//! Renders docs/attack-matrix.md.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    fs,
    path::Path,
};

use crate::{
    ATTACKED,
    attacks::{Class, Reason},
    expected::{self, Outcome, Why},
};

/// If set, the page is written instead of compared.
const WRITE: &str = "VOUCH_WRITE_ATTACK_MATRIX";

/// The attacks on one account in one class.
#[derive(Default)]
struct Cell {
    /// Number of attacks per outcome.
    outcomes: BTreeMap<Outcome, usize>,
    reasons: BTreeSet<Reason>,
}

/// Every cell.
pub(crate) struct Matrix {
    cells: BTreeMap<(usize, usize, String, Class), Cell>,
    /// The rows of the table that at least one attack uses.
    pub(crate) rows: BTreeSet<usize>,
}

impl Matrix {
    /// Reads the IDL and builds every scene, without running attacks.
    ///
    /// # Panics
    /// When a cell has neither an attack nor a reason for none, or an attack has no row
    /// in the table.
    pub(crate) fn new() -> Self {
        let mut matrix = Self {
            cells: BTreeMap::new(),
            rows: BTreeSet::new(),
        };
        for (number, name) in ATTACKED.iter().enumerate() {
            let (instruction, scenes) = crate::proven(name);
            for (index, account) in instruction.accounts.iter().enumerate() {
                let cell = |class| (number, index, account.name.clone(), class);
                for proven in scenes.iter().filter(|scene| scene.has(index)) {
                    let plan = proven.plan(&instruction.accounts, index);
                    for (class, reason) in plan.none {
                        let cell = matrix.cells.entry(cell(class)).or_default();
                        cell.reasons.insert(reason);
                    }
                    for attack in plan.attacks {
                        let row = expected::row(
                            name,
                            proven.scene.name,
                            &account.name,
                            attack.class,
                            &attack.variation,
                        );
                        let row = row.unwrap_or_else(|| {
                            panic!(
                                "no cell for {name}, {}, {}, {}",
                                account.name,
                                attack.class.name(),
                                attack.variation
                            )
                        });
                        matrix.rows.insert(row);
                        let cell = matrix.cells.entry(cell(attack.class)).or_default();
                        *cell.outcomes.entry(expected::ROWS[row].5).or_default() += 1;
                    }
                }
                for class in Class::ALL {
                    assert!(
                        matrix.cells.contains_key(&cell(class)),
                        "no cell for {name}, {}, {}",
                        account.name,
                        class.name()
                    );
                }
            }
        }
        matrix
    }

    /// The page's text.
    pub(crate) fn page(&self) -> String {
        let mut page = INTRODUCTION.to_owned();
        self.counts(&mut page).expect("a string");
        self.tables(&mut page).expect("a string");
        page
    }

    fn counts(&self, page: &mut String) -> std::fmt::Result {
        writeln!(
            page,
            "| class | cells with tests | cells without | tests | refused | waits | same | instead | less |"
        )?;
        writeln!(page, "|---|--:|--:|--:|--:|--:|--:|--:|--:|")?;
        let mut totals = [0; 8];
        for class in Class::ALL {
            let cells = self.cells.iter().filter(|((.., of), _)| *of == class);
            let mut counts = [0; 8];
            for (_, cell) in cells {
                counts[usize::from(cell.outcomes.is_empty())] += 1;
                for (outcome, count) in &cell.outcomes {
                    counts[2] += count;
                    counts[match outcome {
                        Outcome::Refused(_) => 3,
                        Outcome::Waits => 4,
                        Outcome::Same(_) => 5,
                        Outcome::Instead(_) => 6,
                        Outcome::Less(_) => 7,
                    }] += count;
                }
            }
            line(page, class.name(), &counts)?;
            for (total, count) in totals.iter_mut().zip(counts) {
                *total += count;
            }
        }
        line(page, "all", &totals)?;

        writeln!(page, "\n## No test, because\n")?;
        for (number, reason) in Reason::ALL.iter().enumerate() {
            writeln!(page, "{}. {}", number + 1, reason.name())?;
        }
        writeln!(page, "\n## Not refused, because\n")?;
        for (number, why) in Why::ALL.iter().enumerate() {
            writeln!(page, "{}. {}", number + 1, why.name())?;
        }
        Ok(())
    }

    fn tables(&self, page: &mut String) -> std::fmt::Result {
        writeln!(
            page,
            "\n## Cells\n\nA number is how many tests come to that outcome, one in brackets why it is not refused; `-` and a number, why there is no test."
        )?;
        for (number, name) in ATTACKED.iter().enumerate() {
            writeln!(page, "\n### {name}\n")?;
            let of: Vec<_> = self
                .cells
                .iter()
                .filter(|((at, ..), _)| *at == number)
                .collect();
            let accounts: BTreeSet<_> = of
                .iter()
                .map(|((_, index, name, _), _)| (index, name))
                .collect();
            write!(page, "| class |")?;
            for (_, account) in &accounts {
                write!(page, " {account} |")?;
            }
            writeln!(page, "\n|---|{}", "---|".repeat(accounts.len()))?;
            for class in Class::ALL {
                write!(page, "| {} |", class.name())?;
                for (index, account) in &accounts {
                    let key = (number, **index, (*account).clone(), class);
                    write!(page, " {} |", self.cells[&key].text())?;
                }
                writeln!(page)?;
            }
        }
        Ok(())
    }
}

fn line(page: &mut String, name: &str, counts: &[usize]) -> std::fmt::Result {
    write!(page, "| {name} |")?;
    for count in counts {
        write!(page, " {count} |")?;
    }
    writeln!(page)
}

impl Cell {
    fn text(&self) -> String {
        if self.outcomes.is_empty() {
            let position = |reason| Reason::ALL.iter().position(|other| *other == reason);
            let reasons = self.reasons.iter().filter_map(|reason| position(*reason));
            let numbers: Vec<_> = reasons.map(|at| (at + 1).to_string()).collect();
            return format!("-{}", numbers.join(","));
        }
        let text = |(outcome, count): (&Outcome, &usize)| {
            let why = outcome
                .why()
                .and_then(|why| Why::ALL.iter().position(|other| *other == why));
            let why = why.map_or(String::new(), |at| format!(" ({})", at + 1));
            format!("{count} {}{why}", outcome.name())
        };
        let outcomes: Vec<_> = self.outcomes.iter().map(text).collect();
        outcomes.join("<br>")
    }
}

const INTRODUCTION: &str = "# Attack matrix

Written by a test; do not edit. Every account of every instruction of the IDL, against
every class of attack. Write it anew with
`VOUCH_WRITE_ATTACK_MATRIX=1 cargo test -p vouch-program-tests --test attack_matrix the_page`.

Each test begins with a world in which the honest instruction is seen to succeed, attacks
one account, and expects exactly one outcome. The whole state is compared: every account of
the chain in lamports, owner and bytes, whether the instruction names it or not. Sysvars and
the wallet that pays the fees are left out.

- an error by its name: refused, and nothing has changed. `Token: 3` is the Token program's
  error 3; names that are not in the IDL are the framework's or the runtime's.
- `waits`: the instruction succeeds, the part of the reward whose account was attacked is
  not paid, and is owed to the same beneficiary, in the records and in the escrow; everything
  else changes as by the honest instruction.
- `same`: every account changes as by the honest instruction.
- `instead`: every account changes as if the honest instruction had named the passed account.
- `less`: the records change as by the honest instruction, and nobody has more.

Two accounts of another campaign, or of other parties of the same, are also passed at once,
for what the first check may hide of the second: all such pairs are refused, but for those
that the test lists.

## Counts

A cell is one account of one instruction in one class.

";

/// Compares the page with the committed one, or writes it.
///
/// # Panics
/// When it differs.
pub(crate) fn compare(page: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/attack-matrix.md");
    if env::var_os(WRITE).is_some() {
        fs::write(&file, page).expect("docs/ can be written");
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == page,
        "docs/attack-matrix.md is out of date: set {WRITE} to write it"
    );
}
