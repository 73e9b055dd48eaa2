//! The whole product under load, while its nodes answer wrongly and its processes are killed.
//!
//! Wallets convert on a real validator, straight at it. Indexer, keeper and webhook sender ask it
//! through two [`crate::FaultyNode`]s, of which one also lies. A seed decides which fault or kill
//! comes next. In the end everything is left alone, and has to agree with the journal of what the
//! wallets did: see `truth.rs`.

pub mod clicks;
mod faults;
mod load;
mod stage;
mod truth;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value;
use tokio::time::sleep;

use self::{faults::Faults, load::Load, stage::Stage};
use crate::{Reaction, Receiver};

/// Shortest and longest time between two kills.
const BETWEEN_KILLS: std::ops::Range<u64> = 500..2500;
/// Longest time for which a part stays away, in milliseconds.
const AWAY: u64 = 1500;

/// Attempts to deliver the same message that fail because of the receiver.
const MOST_FAILED: u32 = 4;
/// Path of the receiver's URL.
const PATH: &str = "/";

/// How much has to go wrong.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Decides what goes wrong, and in which order.
    pub seed: u64,
    /// The run goes on until so many processes were killed.
    pub kills: u64,
    /// And so many answers were wrong, late or lost.
    pub faults: u64,
    /// For so long, Postgres is away before the first kill.
    pub outage: Duration,
}

/// Resident memory of a service, in KiB.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Before Postgres went away.
    pub before: u64,
    /// The most until it was back.
    pub most: u64,
}

/// The outcome of a run.
#[derive(Debug)]
pub struct Report {
    /// Kills, by the part that was killed.
    pub kills: BTreeMap<&'static str, u64>,
    /// Memory of each service while Postgres was away.
    pub memory: BTreeMap<String, Memory>,
    /// Faults, by their kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Conversions of the wallets.
    pub conversions: usize,
    /// Those that the company cancelled within their hold.
    pub cancelled: usize,
    /// Requests that the receiver of webhooks got.
    pub deliveries: usize,
    /// Different messages among them.
    pub messages: usize,
    /// Time under faults and kills.
    pub chaos: Duration,
    /// Time from then until everything agreed.
    pub settled: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} conversions, {} of them cancelled, {:.0} s under {} faults and {} kills",
            self.conversions,
            self.cancelled,
            self.chaos.as_secs_f64(),
            self.faults.values().sum::<u64>(),
            self.kills.values().sum::<u64>(),
        )?;
        for (part, memory) in &self.memory {
            let Memory { before, most } = memory;
            writeln!(f, "  without Postgres: {part}: from {before} to {most} KiB")?;
        }
        for (kind, count) in &self.faults {
            writeln!(f, "  fault: {kind}: {count}")?;
        }
        for (part, count) in &self.kills {
            writeln!(f, "  killed: {part}: {count}")?;
        }
        write!(
            f,
            "{} messages in {} deliveries; everything agrees {:.0} s later",
            self.messages,
            self.deliveries,
            self.settled.as_secs_f64()
        )
    }
}

/// Runs it.
///
/// # Errors
/// When a part does not start again, and when anything disagrees with the journal in the end.
///
/// # Panics
/// When the validator does not take a transaction that is in order.
pub async fn run(options: Options) -> Result<Report> {
    let mut random = StdRng::seed_from_u64(options.seed);
    let faults = Faults::new(&mut random);
    let receiver = Receiver::start().await;
    let mut stage = Stage::start(&faults, &receiver).await?;
    let outcome = play(&mut stage, &receiver, &faults, options, &mut random).await;
    match outcome {
        Ok(report) => {
            stage.stop().await?;
            Ok(report)
        }
        Err(error) => {
            stage.keep();
            Err(error)
        }
    }
}

async fn play(
    stage: &mut Stage,
    receiver: &Receiver,
    faults: &Faults,
    options: Options,
    random: &mut StdRng,
) -> Result<Report> {
    let load = Load::new(stage.scene(), random.r#gen()).await;

    let began = Instant::now();
    faults.begin();
    receiver.react(moody(StdRng::seed_from_u64(random.r#gen())));
    let harm = async {
        let outcome = harm(stage, random, faults, options).await;
        load.stop();
        outcome
    };
    let (outcome, ()) = tokio::join!(harm, load.run());
    let (kills, memory) = outcome.context("a part does not start again")?;
    faults.end();
    receiver.react(|_, _| Reaction::Status(200));
    let chaos = began.elapsed();

    let settling = Instant::now();
    truth::until_settled(stage, &load, receiver).await?;
    let settled = settling.elapsed();
    truth::check(stage, &load, receiver).await?;
    Ok(Report {
        kills,
        memory,
        faults: faults.counts(),
        conversions: load.sales().len(),
        cancelled: load.sales().iter().filter(|sale| sale.cancelled).count(),
        deliveries: receiver.arrivals(PATH).len(),
        messages: receiver.accepted(PATH).len(),
        chaos,
        settled,
    })
}

/// A receiver that fails in every way, but not too often with the same message: in the end each has to
/// arrive, and a sender gives up some time.
fn moody(mut moods: StdRng) -> impl FnMut(&str, &Value) -> Reaction + Send + 'static {
    let mut failed = HashMap::<String, u32>::new();
    move |_, message| {
        let failed = failed.entry(message.to_string()).or_default();
        let reaction = match moods.gen_range(0..9) {
            0 => Reaction::Status(500),
            1 => Reaction::Close,
            2 => Reaction::Silence,
            _ => Reaction::Status(200),
        };
        if reaction == Reaction::Status(200) || *failed == MOST_FAILED {
            return Reaction::Status(200);
        }
        *failed += 1;
        reaction
    }
}

/// Takes Postgres away for a while, then kills one part after the other, until enough went wrong.
async fn harm(
    stage: &mut Stage,
    random: &mut StdRng,
    faults: &Faults,
    options: Options,
) -> Result<(BTreeMap<&'static str, u64>, BTreeMap<String, Memory>)> {
    let memory = if options.outage.is_zero() {
        BTreeMap::new()
    } else {
        stage.outage(options.outage).await?
    };
    let mut kills = BTreeMap::new();
    while kills.values().sum::<u64>() < options.kills || faults.count() < options.faults {
        sleep(Duration::from_millis(random.gen_range(BETWEEN_KILLS))).await;
        let away = Duration::from_millis(random.gen_range(0..AWAY));
        let killed = stage.kill(random.gen_range(0..100), away).await?;
        *kills.entry(killed).or_default() += 1;
    }
    Ok((kills, memory))
}
