//! `./dev mutants`: breaks the money code on purpose, one place at a time, and asks
//! whether a test notices. docs/mutants.md says how to read it.
//!
//! cargo-mutants lists mutants and [`operators`] adds what it cannot see. It does not
//! run them: the program's tests are in another workspace and load the built program.

mod list;
mod operators;
mod scratch;
mod trial;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use rand::rngs::StdRng;
use rand::{SeedableRng, seq::SliceRandom};
use serde::{Deserialize, Serialize};
use vouch_localnet::{lock, workspace_root};

use crate::build;
use list::Mutant;
use trial::{Outcome, Worker};

/// Says of each survivor why it may live.
const PAGE: &str = "docs/mutants.md";

/// Breaks rules and program, one place at a time, and lists what no test notices.
///
/// Results are kept in target/mutants until the code or a test changes, so an
/// interrupted run goes on where it was. Ends with an error when something survives
/// that docs/mutants.md does not explain.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this part.
    part: Option<Part>,
    /// Only mutants whose name contains this: a file, a function, a change.
    #[arg(long)]
    only: Option<String>,
    /// Only this many, chosen at random.
    #[arg(long)]
    sample: Option<usize>,
    /// Chooses the sample.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many at once. Each has a checkout and a target folder of its own.
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Lists them and runs nothing.
    #[arg(long)]
    list: bool,
    /// Sums up the results so far and runs nothing.
    #[arg(long)]
    report: bool,
    /// Forgets the results so far.
    #[arg(long)]
    again: bool,
}

/// What is broken, and by which tests that should be noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum)]
pub(crate) enum Part {
    /// crates/rules, by its own tests.
    Rules,
    /// programs/referral, by tests/program and the corpus of tests/fuzz.
    Program,
}

impl Part {
    const ALL: [Self; 2] = [Self::Rules, Self::Program];

    /// Cargo's name.
    const fn package(self) -> &'static str {
        match self {
            Self::Rules => "vouch-rules",
            Self::Program => "vouch-referral",
        }
    }

    /// The folder of the workspace that it is in.
    const fn workspace_prefix(self) -> &'static str {
        match self {
            Self::Rules => "",
            Self::Program => "programs/",
        }
    }

    const fn sources(self) -> &'static str {
        match self {
            Self::Rules => "crates/rules/src",
            Self::Program => "programs/referral/src",
        }
    }

    /// What the answers depend on: a result counts while these do not change.
    const fn basis(self) -> &'static [&'static str] {
        match self {
            Self::Rules => &["crates/rules"],
            Self::Program => &[
                "crates/client",
                "crates/rules",
                "programs",
                "tests/fuzz",
                "tests/program",
                "toolchain",
            ],
        }
    }
}

/// A line of target/mutants/results.jsonl.
#[derive(Clone, Serialize, Deserialize)]
struct Tried {
    /// The code and the tests that this is true of.
    basis: String,
    name: String,
    line: usize,
    replacement: String,
    outcome: Outcome,
    seconds: f64,
}

pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    ensure!(args.jobs > 0, "at least one at once");
    let cargo_mutants = build::cargo_mutants().await?;
    let folder = workspace_root().join("target/mutants");
    fs::create_dir_all(&folder)?;
    let lock = lock(&folder.join("lock"))?;
    ensure!(lock.is_some(), "another run uses {}", folder.display());

    let files = scratch::files()?;
    let workers = (0..args.jobs)
        .map(|number| Worker::new(&folder, number, args.jobs, &files))
        .collect::<Result<Vec<_>>>()?;
    let first = workers.first().context("there is a worker")?;
    let mut mutants = Vec::new();
    let mut basis = HashMap::new();
    for part in Part::ALL {
        basis.insert(part, scratch::hash(first.root(), &files, part.basis())?);
        mutants.extend(list::all(part, first.root(), &cargo_mutants).await?);
    }
    let explained = explained(&fs::read_to_string(workspace_root().join(PAGE))?);
    let known: HashSet<&str> = mutants.iter().map(|mutant| &*mutant.name).collect();
    let stale: Vec<String> = (explained.iter())
        .filter(|name| !known.contains(name.as_str()))
        .cloned()
        .collect();
    let chosen = choose(mutants, &args);
    ensure!(!chosen.is_empty(), "there is no such mutant");
    if args.list {
        for mutant in &chosen {
            println!("{} => {}", mutant.name, one_line(&mutant.edit.replacement));
        }
        println!("{} mutants", chosen.len());
        return Ok(ExitCode::SUCCESS);
    }

    let results = folder.join("results.jsonl");
    if args.again && results.exists() {
        fs::remove_file(&results)?;
    }
    let mut tried = read_results(&results, &basis)?;
    let open: Vec<Mutant> = (chosen.iter())
        .filter(|mutant| !args.report && !tried.contains_key(&mutant.name))
        .cloned()
        .collect();
    println!("{} mutants, {} of them to try", chosen.len(), open.len());
    let progress = Progress {
        results: RefCell::new(
            OpenOptions::new()
                .create(true)
                .append(true)
                .open(&results)?,
        ),
        basis,
        all: open.len(),
        done: RefCell::new(Vec::new()),
    };
    for part in Part::ALL {
        let of_part = open.iter().filter(|mutant| mutant.part == part).cloned();
        try_all(part, of_part.collect(), &workers, &folder, &progress).await?;
    }
    for result in progress.done.into_inner() {
        tried.insert(result.name.clone(), result);
    }
    Ok(report(&chosen, &tried, &explained, &stale))
}

/// What the arguments ask for, in the order of the files.
fn choose(mutants: Vec<Mutant>, args: &Args) -> Vec<Mutant> {
    let mut chosen: Vec<(usize, Mutant)> = (mutants.into_iter().enumerate())
        .filter(|(_, mutant)| args.part.is_none_or(|part| mutant.part == part))
        .filter(|(_, mutant)| {
            (args.only.as_ref()).is_none_or(|text| mutant.name.contains(text.as_str()))
        })
        .collect();
    if let Some(sample) = args.sample {
        chosen.shuffle(&mut StdRng::seed_from_u64(args.seed));
        chosen.truncate(sample);
        chosen.sort_by_key(|(place, _)| *place);
    }
    chosen.into_iter().map(|(_, mutant)| mutant).collect()
}

/// The earlier results that are still true. The others leave the file.
fn read_results(file: &Path, basis: &HashMap<Part, String>) -> Result<HashMap<String, Tried>> {
    let mut tried = HashMap::new();
    if !file.exists() {
        return Ok(tried);
    }
    for line in fs::read_to_string(file)?.lines() {
        // The last line may be half of one.
        if let Ok(result) = serde_json::from_str::<Tried>(line)
            && basis.values().any(|basis| *basis == result.basis)
        {
            tried.insert(result.name.clone(), result);
        }
    }
    let new = file.with_extension("new");
    let mut out = File::create(&new)?;
    for result in tried.values() {
        writeln!(out, "{}", serde_json::to_string(result)?)?;
    }
    fs::rename(&new, file)?;
    Ok(tried)
}

struct Progress {
    results: RefCell<File>,
    basis: HashMap<Part, String>,
    all: usize,
    done: RefCell<Vec<Tried>>,
}

impl Progress {
    fn add(&self, mutant: &Mutant, outcome: Outcome, seconds: f64) -> Result<()> {
        let result = Tried {
            basis: self.basis.get(&mutant.part).cloned().unwrap_or_default(),
            name: mutant.name.clone(),
            line: mutant.line,
            replacement: mutant.edit.replacement.clone(),
            outcome,
            seconds,
        };
        let line = format!("{}\n", serde_json::to_string(&result)?);
        self.results.borrow_mut().write_all(line.as_bytes())?;
        let mut done = self.done.borrow_mut();
        done.push(result.clone());
        let (word, by) = match &result.outcome {
            Outcome::Killed(test) => ("killed", test.as_str()),
            Outcome::TimedOut => ("timed out", ""),
            Outcome::Survived => ("SURVIVED", ""),
            Outcome::Same => ("same", ""),
            Outcome::Unviable(reason) => ("unviable", reason.as_str()),
        };
        println!(
            "{}/{} {word} {seconds:.1}s {}{}{by}",
            done.len(),
            self.all,
            result.name,
            if by.is_empty() { "" } else { " <- " },
        );
        Ok(())
    }
}

async fn try_all(
    part: Part,
    mutants: Vec<Mutant>,
    workers: &[Worker],
    folder: &Path,
    progress: &Progress,
) -> Result<()> {
    if mutants.is_empty() {
        return Ok(());
    }
    eprintln!("building and testing {} without a mutant", part.package());
    for worker in workers {
        worker.warm_up(part).await?;
    }
    let first = workers.first().context("there is a worker")?;
    let baseline = first.baseline(part, folder).await?;
    let queue = RefCell::new(VecDeque::from(mutants));
    let work = workers.iter().map(|worker| async {
        loop {
            let Some(mutant) = queue.borrow_mut().pop_front() else {
                return anyhow::Ok(());
            };
            let start = Instant::now();
            let outcome = worker.trial(&mutant, &baseline).await?;
            progress.add(&mutant, outcome, start.elapsed().as_secs_f64())?;
        }
    });
    try_join_all(work).await?;
    Ok(())
}

/// How many of a file's mutants ended how.
#[derive(Default)]
struct Counts {
    killed: u64,
    survived: u64,
    same: u64,
    unviable: u64,
    untried: u64,
}

impl Counts {
    fn add(&mut self, outcome: Option<&Outcome>) {
        match outcome {
            Some(Outcome::Killed(_) | Outcome::TimedOut) => self.killed += 1,
            Some(Outcome::Survived) => self.survived += 1,
            Some(Outcome::Same) => self.same += 1,
            Some(Outcome::Unviable(_)) => self.unviable += 1,
            None => self.untried += 1,
        }
    }

    fn row(&self, name: &str) -> String {
        let Self {
            killed,
            survived,
            same,
            unviable,
            untried,
        } = self;
        format!("| {name} | {killed} | {survived} | {same} | {unviable} | {untried} |")
    }
}

fn report(
    chosen: &[Mutant],
    tried: &HashMap<String, Tried>,
    explained: &HashSet<String>,
    stale: &[String],
) -> ExitCode {
    let mut by_file: BTreeMap<&str, Counts> = BTreeMap::new();
    let mut all = Counts::default();
    let mut unexplained = Vec::new();
    for mutant in chosen {
        let outcome = tried.get(&mutant.name).map(|result| &result.outcome);
        by_file.entry(&mutant.file).or_default().add(outcome);
        all.add(outcome);
        if outcome == Some(&Outcome::Survived) && !explained.contains(&mutant.name) {
            unexplained.push(mutant);
        }
    }
    println!("\n| file | killed | survived | same bytes | does not compile | not tried |");
    println!("|---|---|---|---|---|---|");
    for (file, counts) in &by_file {
        println!("{}", counts.row(&format!("`{file}`")));
    }
    println!("{}", all.row("all"));

    for mutant in &unexplained {
        println!(
            "\nsurvived, at {}:{}\n{}\n  => {}",
            mutant.file,
            mutant.line,
            mutant.name,
            one_line(&mutant.edit.replacement)
        );
    }
    for name in stale {
        println!("\n{PAGE} explains what is no mutant any more:\n{name}");
    }
    println!(
        "\n{} survived that {PAGE} does not explain",
        unexplained.len()
    );
    if unexplained.is_empty() && stale.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The names of survivors that the page explains: the lines of its blocks of text.
fn explained(page: &str) -> HashSet<String> {
    let mut names = HashSet::new();
    let mut inside = false;
    for line in page.lines() {
        match line.trim() {
            "```text" => inside = true,
            "```" => inside = false,
            name if inside && !name.is_empty() => {
                names.insert(name.to_owned());
            }
            _ => {}
        }
    }
    names
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.is_empty() {
        "nothing".to_owned()
    } else {
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::explained;

    #[test]
    fn survivors_are_explained_by_blocks_of_text_alone() {
        let page = "A reason:\n\n```text\na | b\n\n  c | d\n```\nnot this\n```sh\nnor this\n```\n";
        let mut names: Vec<String> = explained(page).into_iter().collect();
        names.sort();
        assert_eq!(names, ["a | b", "c | d"]);
    }
}
