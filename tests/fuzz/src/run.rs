//! A run: the same steps on a chain and on the model.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result, bail, ensure};
use solana_sdk::{account::AccountSharedData, pubkey::Pubkey};

use crate::{
    actions::{Maker, Rng},
    chain::{Chain, Refused},
    invariants::{Changes, History},
    model::{Cell, Model, Predicted, Reason},
    program::{SPECS, called},
    replayed::Replayed,
    step::Step,
    world::{START, WORLDS, World},
};

/// Number of steps of a run.
pub const STEPS: usize = 250;

/// The built program, or the one that `VOUCH_PROGRAM_SO` names.
#[must_use]
pub fn program_file() -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/deploy/referral.so");
    std::env::var_os("VOUCH_PROGRAM_SO").map_or(built, PathBuf::from)
}

/// How often each instruction was accepted, and refused with which error. The entry [`REPLAYED`]
/// has the outcomes of the replay.
pub type Coverage = BTreeMap<&'static str, BTreeMap<String, u64>>;

/// Name of the replay's outcomes in [`Coverage`].
pub const REPLAYED: &str = "replayed";

/// Accounts in the state in which they were last read.
type Seen = HashMap<Pubkey, AccountSharedData>;

/// The initial states of all runs.
pub struct Start {
    chain: Chain,
    worlds: Vec<(Arc<World>, Chain, Model, Seen)>,
}

/// A failed run.
#[derive(Debug)]
pub struct Failure {
    /// Index of the step that failed.
    pub step: usize,
    /// The difference or the violated invariant.
    pub what: String,
}

impl Start {
    /// Prepares the worlds, with the program from this file.
    ///
    /// # Errors
    /// When the file is not a program.
    pub fn new(program: &Path) -> Result<Self> {
        let mut chain = Chain::new(program)?;
        chain.set_time(START);
        let mut worlds = Vec::new();
        for number in 0..WORLDS {
            let world = World::new(number);
            let model = world.model(chain.rent());
            let mut chain = chain.clone();
            for (key, cell) in &model.cells {
                if *cell != Cell::default() {
                    chain.put(key, cell)?;
                }
            }
            let raw = |key| chain.raw(key).map(|raw| (*key, raw.clone()));
            let seen = model.cells.keys().filter_map(raw).collect();
            worlds.push((Arc::new(world), chain, model, seen));
        }
        Ok(Self { chain, worlds })
    }

    /// Rent of an account without data, and rent per byte, in lamports.
    #[must_use]
    pub fn rent(&self) -> (u64, u64) {
        self.chain.rent()
    }

    /// A new run in the world with this number.
    #[must_use]
    pub fn run(&self, world: u64) -> Run {
        let (world, chain, model, seen) = &self.worlds[(world % WORLDS) as usize];
        let mut history = History::default();
        history.begin(model.now, model.rent(148), &model.cells);
        Run {
            world: Arc::clone(world),
            chain: chain.clone(),
            model: model.clone(),
            history,
            seen: seen.clone(),
            coverage: Coverage::new(),
            replayed: Replayed::default(),
        }
    }

    /// Runs the steps that this seed generates, until the first failure.
    pub fn fuzz(&self, seed: u64, coverage: &mut Coverage) -> (Vec<Step>, Option<Failure>) {
        let mut rng = Rng(seed);
        let mut run = self.run(rng.number());
        let mut steps = Vec::new();
        let mut failure = None;
        for index in 0..STEPS {
            let step = Maker {
                rng: &mut rng,
                world: &run.world,
                model: &run.model,
            }
            .step();
            steps.push(step);
            if let Err(error) = run.step(&steps[index]) {
                failure = Some(Failure {
                    step: index,
                    what: format!("{error:#}"),
                });
                break;
            }
        }
        for (name, outcomes) in run.coverage {
            for (outcome, count) in outcomes {
                *coverage
                    .entry(name)
                    .or_default()
                    .entry(outcome)
                    .or_default() += count;
            }
        }
        (steps, failure)
    }

    /// Runs these steps. Returns the first failure.
    #[must_use]
    pub fn replay(&self, world: u64, steps: &[Step]) -> Option<Failure> {
        let mut run = self.run(world);
        for (index, step) in steps.iter().enumerate() {
            if let Err(error) = run.step(step) {
                return Some(Failure {
                    step: index,
                    what: format!("{error:#}"),
                });
            }
        }
        None
    }

    /// Finds fewer steps that still fail: removes halves first, then single steps, until no
    /// step can be removed. Then it merges neighbouring moves of the clock.
    #[must_use]
    pub fn shrink(&self, world: u64, steps: &[Step]) -> Vec<Step> {
        let mut best = steps.to_vec();
        if let Some(failure) = self.replay(world, &best) {
            best.truncate(failure.step + 1);
        }
        let mut size = best.len() / 2;
        while size > 0 {
            let mut at = 0;
            let mut smaller = false;
            while at < best.len() {
                let end = (at + size).min(best.len());
                let mut fewer = best.clone();
                fewer.drain(at..end);
                match self.replay(world, &fewer) {
                    Some(failure) => {
                        fewer.truncate(failure.step + 1);
                        best = fewer;
                        smaller = true;
                    }
                    None => at = end,
                }
            }
            if size == 1 && smaller {
                continue;
            }
            size /= 2;
        }
        let fewer = merged(&best);
        match self.replay(world, &fewer) {
            Some(_) => fewer,
            None => best,
        }
    }
}

/// Returns the same steps, with neighbouring moves of the clock merged into one.
fn merged(steps: &[Step]) -> Vec<Step> {
    let mut merged: Vec<Step> = Vec::new();
    for step in steps {
        match (merged.last_mut(), step) {
            (Some(Step::Time(before)), Step::Time(more)) => *before += more,
            _ => merged.push(step.clone()),
        }
    }
    merged
}

/// A chain and its model.
pub struct Run {
    /// The keys and mints.
    pub world: Arc<World>,
    /// The expected state.
    pub model: Model,
    /// The chain.
    pub(crate) chain: Chain,
    history: History,
    seen: Seen,
    /// The calls so far.
    pub coverage: Coverage,
    /// The accounts as `vouch-replay` computes them from the transactions.
    replayed: Replayed,
}

impl Run {
    /// Runs one step on the chain and on the model.
    ///
    /// # Errors
    /// Any difference, and any violated invariant.
    pub fn step(&mut self, step: &Step) -> Result<()> {
        let predicted = self.model.predict(step);
        let mut touched = Vec::new();
        let mut accepted = true;
        let mut recorded = None;
        match step {
            Step::Call {
                voucher,
                data,
                metas,
            } => {
                self.replayed.before(&self.chain, metas);
                let sent = self.chain.send(voucher.as_deref(), data, metas);
                let sent = sent.map(|record| recorded = Some(record));
                self.count(data, &predicted, &sent);
                touched.extend(metas.iter().map(|meta| meta.key));
                agree(&predicted, &sent)?;
                accepted = sent.is_ok();
            }
            Step::Time(seconds) => self.chain.set_time(self.model.now + seconds),
            _ => {
                if let Predicted::Accepted(writes) = &predicted {
                    for (key, cell) in writes {
                        self.chain.put(key, cell)?;
                    }
                }
            }
        }
        let mut written = BTreeSet::new();
        if let Predicted::Accepted(writes) | Predicted::Either(writes, _) = predicted
            && accepted
        {
            written.extend(writes.keys().copied());
            self.model.commit(step, writes);
        }
        let changes = self.compare(&touched, &written)?;
        if accepted {
            self.history.take(step, changes)?;
        } else {
            ensure!(changes.is_empty(), "a refused call changed something");
        }
        if let Some(record) = recorded {
            let outcome = self.replayed.compare(&self.chain, &record)?;
            let counts = self.coverage.entry(REPLAYED).or_default();
            *counts.entry(outcome.to_owned()).or_default() += 1;
        }
        Ok(())
    }

    /// Runs one step, and returns whether it was accepted.
    ///
    /// # Errors
    /// Those of [`Self::step`].
    pub fn accepts(&mut self, step: &Step) -> Result<bool> {
        let before = self.replayed.count;
        self.step(step)?;
        Ok(self.replayed.count > before)
    }

    fn count(&mut self, data: &[u8], predicted: &Predicted, sent: &Result<(), Refused>) {
        let name = called(data).map_or("unknown", |index| SPECS[index].0);
        let outcome = match sent {
            Ok(()) => "accepted".to_owned(),
            Err(Refused::Program(error)) => error.name().to_owned(),
            Err(Refused::Rent | Refused::Elsewhere(_)) => "elsewhere".to_owned(),
        };
        let outcome = match predicted {
            Predicted::Either(_, reasons) => format!("{outcome} (open: {})", list(reasons)),
            _ => outcome,
        };
        let outcomes = self.coverage.entry(name).or_default();
        *outcomes.entry(outcome).or_default() += 1;
    }

    /// Compares every account on the chain with the model. An account is skipped if its
    /// bytes are the same as before and the model did not write it. Returns the changes.
    fn compare(&mut self, touched: &[Pubkey], written: &BTreeSet<Pubkey>) -> Result<Changes> {
        let mut changes = Changes::new();
        for (key, expected) in &self.model.cells {
            let raw = self.chain.raw(key);
            let same = self.seen.get(key) == raw;
            if same && !written.contains(key) {
                continue;
            }
            let found = self.chain.cell(key);
            let found = found.with_context(|| format!("{key} cannot be read"))?;
            let Some(found) = found else {
                bail!("{} is not an account that the model knows", self.named(key));
            };
            if found != *expected {
                bail!(
                    "{} should be\n  {expected:?}\nand is\n  {found:?}",
                    self.named(key)
                );
            }
            if same {
                continue;
            }
            changes.insert(*key, found);
            match raw {
                Some(raw) => self.seen.insert(*key, raw.clone()),
                None => self.seen.remove(key),
            };
        }
        for key in touched {
            if self.model.cells.contains_key(key) {
                continue;
            }
            // The model does not track programs and sysvars.
            if let Some(found) = self.chain.cell(key)? {
                ensure!(
                    found == Cell::default(),
                    "{} should be nothing and is {found:?}",
                    self.named(key)
                );
            }
        }
        Ok(changes)
    }

    fn named(&self, key: &Pubkey) -> String {
        match self.world.name(key) {
            Some(name) => format!("{key} ({name})"),
            None => key.to_string(),
        }
    }
}

/// Checks that the chain's answer is the predicted one, or one of the predicted ones.
fn agree(predicted: &Predicted, sent: &Result<(), Refused>) -> Result<()> {
    let reasons = match (predicted, sent) {
        (Predicted::Accepted(_) | Predicted::Either(..), Ok(())) => return Ok(()),
        (Predicted::Accepted(_), Err(refused)) => {
            bail!("should be accepted, was refused with {refused:?}")
        }
        (Predicted::Refused(reasons), Ok(())) => {
            bail!("was accepted, should be refused: {}", list(reasons))
        }
        (Predicted::Refused(reasons) | Predicted::Either(_, reasons), Err(_)) => reasons,
    };
    match sent {
        Ok(()) | Err(Refused::Rent) => {}
        Err(Refused::Program(error)) => ensure!(
            reasons
                .iter()
                .any(|reason| reason.program() == Some(*error)),
            "was refused with {error:?}, should be with {}",
            list(reasons)
        ),
        Err(Refused::Elsewhere(error)) => ensure!(
            reasons.iter().any(|reason| reason.program().is_none()),
            "was refused with {error}, should be with {}",
            list(reasons)
        ),
    }
    Ok(())
}

fn list(reasons: &[Reason]) -> String {
    let words: Vec<_> = reasons
        .iter()
        .map(|reason| match reason {
            Reason::Elsewhere(why) => format!("an error elsewhere ({why})"),
            own => own
                .program()
                .map_or("?".into(), |error| error.name().to_owned()),
        })
        .collect();
    words.join(" or ")
}

/// Writes a run as text: the world's number, then one step per line.
#[must_use]
pub fn write(world: u64, why: &str, steps: &[Step]) -> String {
    let mut text = String::new();
    for line in why.lines() {
        let _ = writeln!(text, "# {line}");
    }
    let _ = writeln!(text, "world {world}");
    for step in steps {
        if let Step::Call { data, .. } = step {
            let name = called(data).map_or("unknown", |index| SPECS[index].0);
            let _ = writeln!(text, "# {name}");
        }
        let _ = writeln!(text, "{step}");
    }
    text
}

/// Reads the output of [`write`].
///
/// # Errors
/// When a line is not a step.
pub fn read(text: &str) -> Result<(u64, Vec<Step>)> {
    let mut lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let world = lines
        .next()
        .and_then(|line| line.strip_prefix("world "))
        .context("the first line is not the number of a world")?;
    let steps = lines.map(str::parse).collect::<Result<_>>()?;
    Ok((world.parse()?, steps))
}
