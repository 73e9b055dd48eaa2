//! Building one mutant, and looking for a test that notices it.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use vouch_localnet::{ProcessSpec, cargo, workspace_root};

use super::{Part, list::Mutant, scratch};
use crate::build;

/// Names the program that `tests/program` loads.
const PROGRAM: &str = "VOUCH_PROGRAM_SO";
/// The least that a test binary gets, on a machine that does other things, too.
const PATIENCE: Duration = Duration::from_secs(60);

/// What became of a mutant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// This test failed.
    Killed(String),
    /// The tests did not end.
    TimedOut,
    /// Nothing noticed.
    Survived,
    /// The compiler makes the same bytes of it.
    Same,
    /// It does not compile.
    Unviable(String),
}

/// A checkout of its own, with what it is built with.
pub(crate) struct Worker {
    root: PathBuf,
    /// How many tests run at once.
    threads: usize,
}

/// What the tests say of the unchanged code.
pub(crate) struct Baseline {
    /// Of the program; empty for other parts.
    bytes: Vec<u8>,
    tests: Vec<Test>,
    /// Which to run first: quick ones, until another notices something. Mutants come
    /// in the order of the code, and neighbours are often noticed by the same test.
    order: RefCell<Vec<usize>>,
}

struct Test {
    name: String,
    spec: ProcessSpec,
    /// What it takes without a mutant.
    took: Duration,
    limit: Duration,
}

enum End {
    Passed,
    Failed(String),
    TimedOut,
}

impl Worker {
    /// Worker `number` of those that share this machine.
    pub(crate) fn new(folder: &Path, number: usize, all: usize, files: &[String]) -> Result<Self> {
        let root = folder.join(format!("scratch-{number}"));
        scratch::copy(&workspace_root(), files, &root)?;
        let cpus = std::thread::available_parallelism()?.get();
        Ok(Self {
            root,
            threads: (cpus / all).max(1),
        })
    }

    /// Where its checkout is.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Builds the unchanged code: the first time takes a minute.
    pub(crate) async fn warm_up(&self, part: Part) -> Result<()> {
        if let Some(reason) = self.build(part).await? {
            bail!("{} does not build: {reason}", part.package());
        }
        Ok(())
    }

    /// Runs the tests on the unchanged code, which must be built.
    pub(crate) async fn baseline(&self, part: Part, folder: &Path) -> Result<Baseline> {
        let mut tests = match part {
            Part::Rules => vec![Test {
                name: "crates/rules".to_owned(),
                spec: cargo(["test", "-p", part.package(), "--tests"]),
                took: Duration::ZERO,
                limit: PATIENCE,
            }],
            Part::Program => program_tests(folder).await?,
        };
        if part == Part::Program {
            // A test binary that passes without a program does not look at it.
            let missing = folder.join("no-program.so");
            let mut loading = Vec::new();
            for test in tests {
                if matches!(self.run(&test, &missing).await?, End::Failed(_)) {
                    loading.push(test);
                }
            }
            tests = loading;
            ensure!(!tests.is_empty(), "no test loads the program at ${PROGRAM}");
        }
        for test in &mut tests {
            let start = Instant::now();
            match self.run(test, &self.program()).await? {
                End::Passed => {}
                End::Failed(test) => bail!("without any mutant, {test} fails"),
                End::TimedOut => bail!("without any mutant, {} does not end", test.name),
            }
            test.took = start.elapsed();
            test.limit = PATIENCE.max(test.took * 5);
        }
        tests.sort_by_key(|test| test.took);
        let bytes = match part {
            Part::Rules => Vec::new(),
            Part::Program => fs::read(self.program())?,
        };
        let order = RefCell::new((0..tests.len()).collect());
        Ok(Baseline {
            bytes,
            tests,
            order,
        })
    }

    /// Builds and tests one mutant.
    pub(crate) async fn trial(&self, mutant: &Mutant, baseline: &Baseline) -> Result<Outcome> {
        let file = self.root.join(&mutant.file);
        let source = fs::read_to_string(&file)?;
        let mut mutated = source.clone();
        mutated.replace_range(mutant.edit.range.clone(), &mutant.edit.replacement);
        fs::write(&file, mutated)?;
        // An interrupted run leaves the mutant behind; the next copy removes it.
        let outcome = self.judge(mutant.part, baseline).await;
        fs::write(&file, source)?;
        outcome
    }

    async fn judge(&self, part: Part, baseline: &Baseline) -> Result<Outcome> {
        if let Some(reason) = self.build(part).await? {
            return Ok(Outcome::Unviable(reason));
        }
        if part == Part::Program && fs::read(self.program())? == baseline.bytes {
            return Ok(Outcome::Same);
        }
        let order = baseline.order.borrow().clone();
        for place in order {
            let Some(test) = baseline.tests.get(place) else {
                continue;
            };
            match self.run(test, &self.program()).await? {
                End::Passed => {}
                End::Failed(failed) => {
                    let mut order = baseline.order.borrow_mut();
                    order.retain(|other| *other != place);
                    order.insert(0, place);
                    return Ok(Outcome::Killed(failed));
                }
                End::TimedOut => return Ok(Outcome::TimedOut),
            }
        }
        Ok(Outcome::Survived)
    }

    /// The reason when it does not compile.
    async fn build(&self, part: Part) -> Result<Option<String>> {
        let log = self.log("build.log")?;
        let mut build = match part {
            Part::Rules => cargo(["test", "-p", part.package(), "--tests", "--no-run"]),
            Part::Program => cargo(["build-sbf", "--arch", "v3", "--manifest-path"])
                .args([self.root.join("programs/referral/Cargo.toml")])
                .args(["--sbf-out-dir".as_ref(), self.root.join("so").as_os_str()])
                .env("PATH", build::path_with(&build::program_tools())?),
        };
        build.dir = Some(self.root.clone());
        build.env_remove.push("CARGO_TARGET_DIR".to_owned());
        build.log = Some(log.clone());
        let status = build.spawn()?.wait().await?;
        if status.success() {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        let reason = text.lines().find(|line| line.starts_with("error"));
        Ok(Some(reason.unwrap_or("it failed").to_owned()))
    }

    /// Runs one test binary until its end, or until its first failure.
    async fn run(&self, test: &Test, program: &Path) -> Result<End> {
        let log = self.log("test.log")?;
        let mut spec = test.spec.clone();
        spec.log = Some(log.clone());
        spec.grace = Duration::from_secs(1);
        spec.dir.get_or_insert_with(|| self.root.clone());
        if test.spec.name == "cargo" {
            spec.dir = Some(self.root.clone());
            spec.env_remove.push("CARGO_TARGET_DIR".to_owned());
        }
        let spec = spec
            .env(PROGRAM, program.to_str().context("a path is not UTF-8")?)
            .env("RUST_TEST_THREADS", self.threads.to_string())
            .env("RUST_BACKTRACE", "0");
        let start = Instant::now();
        let mut process = spec.spawn()?;
        loop {
            // Asked first: what it wrote before it ended is then read below.
            let status = process.exited()?;
            let text = fs::read(&log)?;
            if let Some(failed) = first_failure(&String::from_utf8_lossy(&text)) {
                process.kill().await?;
                return Ok(End::Failed(format!("{}: {failed}", test.name)));
            }
            match status {
                Some(status) if status.success() => return Ok(End::Passed),
                Some(status) => return Ok(End::Failed(format!("{}: {status}", test.name))),
                None if start.elapsed() > test.limit => {
                    process.kill().await?;
                    return Ok(End::TimedOut);
                }
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// Where its program is built to.
    fn program(&self) -> PathBuf {
        self.root.join("so/referral.so")
    }

    /// An empty log.
    fn log(&self, name: &str) -> Result<PathBuf> {
        let folder = self.root.join("target");
        fs::create_dir_all(&folder)?;
        let log = folder.join(name);
        fs::write(&log, "")?;
        Ok(log)
    }
}

/// The test binaries that load the program, copied to where no other build replaces them.
async fn program_tests(folder: &Path) -> Result<Vec<Test>> {
    let log = folder.join("tests.log");
    fs::write(&log, "")?;
    let mut build = cargo(["test", "--tests", "--no-run", "--message-format", "json"]).args([
        "-p",
        "vouch-program-tests",
        "-p",
        "vouch-fuzz",
    ]);
    build.log = Some(log.clone());
    let mut build = build.spawn()?;
    let status = build.wait().await?;
    ensure!(
        status.success(),
        "the program's tests do not build{}",
        build.log_tail()
    );

    #[derive(Deserialize)]
    struct Built {
        executable: Option<PathBuf>,
        manifest_path: PathBuf,
        profile: Profile,
    }
    #[derive(Deserialize)]
    struct Profile {
        test: bool,
    }
    let binaries = folder.join("tests");
    if binaries.exists() {
        fs::remove_dir_all(&binaries)?;
    }
    fs::create_dir_all(&binaries)?;
    let mut tests = Vec::new();
    for line in String::from_utf8_lossy(&fs::read(&log)?).lines() {
        let Ok(built) = serde_json::from_str::<Built>(line) else {
            continue;
        };
        let Some(executable) = built.executable.filter(|_| built.profile.test) else {
            continue;
        };
        let hashed = executable.file_name().and_then(|name| name.to_str());
        let hashed = hashed.context("a test binary has a name")?;
        let name = hashed.rsplit_once('-').map_or(hashed, |(name, _)| name);
        let package = built
            .manifest_path
            .parent()
            .context("a package is somewhere")?;
        let place = package.strip_prefix(workspace_root())?;
        let copy = binaries.join(hashed);
        fs::copy(&executable, &copy)?;
        let mut spec = ProcessSpec::new(name, copy);
        spec.dir = Some(package.to_owned());
        tests.push(Test {
            name: format!("{} {name}", place.display()),
            spec,
            took: Duration::ZERO,
            limit: PATIENCE,
        });
    }
    Ok(tests)
}

/// The first test that failed: `test name ... FAILED`.
fn first_failure(log: &str) -> Option<&str> {
    log.lines().find_map(|line| {
        let test = line.strip_prefix("test ")?;
        test.strip_suffix(" ... FAILED")
    })
}

#[cfg(test)]
mod tests {
    use super::first_failure;

    #[test]
    fn the_first_failure_is_found_while_tests_still_run() {
        let log = "running 3 tests\ntest a ... ok\ntest b::c ... FAILED\ntest d ... ";
        assert_eq!(first_failure(log), Some("b::c"));
        assert_eq!(
            first_failure("test a ... ok\nFAILED\ntest result: FAILED."),
            None
        );
    }
}
