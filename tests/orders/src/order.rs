//! One order: the chain grows, forks and becomes final while nodes answer wrongly and the mirror's
//! process dies, all of it chosen by a seed.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use sqlx::{Executor as _, PgPool};
use tokio::time::sleep;
use vouch_indexer::{Mirroring, Options, Rounds};
use vouch_localnet::{Database, FORGET_MIRROR, Postgres};

use crate::{
    announcer::{Announcer, Habits},
    chain::{Chain, View},
    compare::{self, Checked, State},
    node::{Broken, Fault, Lapse, Manners, Server},
};

/// Time for the mirror to become equal to the chain once nodes behave. Its longest pause after failures
/// is 20 seconds.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(5);
/// Time that a live mirror has to connect to the WebSocket.
const IDLE: Duration = Duration::from_secs(1);
/// Time that it has for a round that is announced: as long as it may wait for the next one.
const PACE: Duration = Duration::from_millis(200);
const POLL: Duration = Duration::from_millis(2);
/// Rounds in a row that fail for a lasting reason before an order ends with it.
const LASTING: u32 = 4;
/// Time for a round of a mirror, or for Postgres to release the lock of a dead one.
const STUCK: Duration = Duration::from_secs(120);

/// Besides the mirror: what is given for good, and of which chain it is.
const EMPTY: &str = "
DELETE FROM awards;
UPDATE indexer_state SET genesis_hash = NULL, indexed_slot = NULL, ranked_slot = NULL";

/// A database and a server for one order after the other.
pub struct Lab {
    pub(crate) chain: Arc<Chain>,
    pub(crate) server: Server,
    pub(crate) announcer: Announcer,
    pub(crate) pool: PgPool,
    database: Database,
}

/// How an order ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Orders.
    pub orders: u64,
    /// Those that ended in a stop which says why, and may: a node has hidden something, and no other
    /// one knew.
    pub stops: u64,
    /// Those of them in which the only node never gave a transaction that it listed.
    pub broken: u64,
    /// Notices of transactions by WebSocket.
    pub notices: u64,
    /// Rounds that began for one which the mirror had not heard of before.
    pub announced: u64,
    /// Requests of the mirror.
    pub requests: u64,
    /// Wrong answers.
    pub faults: u64,
    /// Deaths of the mirror's process.
    pub deaths: u64,
    /// Those in which the second node lied beside an honest one.
    pub lied: u64,
    /// Those of these in which it was named.
    pub named: u64,
    /// Those of these in which the honest one was, for an answer of the other one.
    pub blamed: u64,
    /// Those in which every account was compared with a node's.
    pub compared: u64,
    /// Moments at which the only node had hidden a transaction that decides over later ones, so that the
    /// journal did not tell what the mirror had to hold.
    pub lacking: u64,
    /// Moments at which nodes showed another fork than the one that became final.
    pub forks: u64,
}

impl Report {
    /// Adds another report.
    pub fn add(&mut self, other: &Self) {
        self.orders += other.orders;
        self.stops += other.stops;
        self.broken += other.broken;
        self.notices += other.notices;
        self.announced += other.announced;
        self.requests += other.requests;
        self.faults += other.faults;
        self.deaths += other.deaths;
        self.forks += other.forks;
        self.lied += other.lied;
        self.named += other.named;
        self.blamed += other.blamed;
        self.compared += other.compared;
        self.lacking += other.lacking;
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            orders,
            stops,
            broken,
            notices,
            announced,
            requests,
            faults,
            deaths,
            forks,
            lied,
            named,
            blamed,
            compared,
            lacking,
        } = self;
        write!(
            formatter,
            "{orders} orders with {requests} requests, {faults} faults, {deaths} deaths and {forks} forks; \
             {announced} rounds began for {notices} notices; {stops} ended in a visible stop, {broken} of them at \
             a transaction that no node gave; {named} of {lied} lying second nodes were named, and {blamed} honest ones; \
             {compared} compared all accounts; {lacking} times a decision was hidden"
        )
    }
}

/// The choices of a seed for a whole order.
struct Plan {
    nodes: usize,
    page: u16,
    concurrency: usize,
    /// Transactions that become final at once, at most.
    pace: usize,
    fork: f64,
    death: f64,
    /// Whether a stop is allowed.
    may_stop: bool,
    /// Whether the second node lies, and the first one is honest.
    second_lies: bool,
    /// Final transactions from which on the mirror catches up in large batches.
    many: usize,
    /// The transaction that the only node conceals until the end. The right end is a stop.
    hidden: Option<usize>,
    /// The transaction that the only node never gives, and what it says instead. The right end is a stop
    /// in front of it.
    broken: Option<(usize, Broken)>,
    /// How the WebSocket tells of transactions.
    habits: Habits,
    /// Share of the sessions in which the WebSocket begins rounds.
    live: f64,
    /// The answer of the nodes about an account at the end, before they are right.
    lapse: Lapse,
}

impl Plan {
    fn new(random: &mut StdRng, server: &Server, seed: u64) -> Self {
        let hides = random.gen_ratio(1, 16);
        let breaks = !hides && random.gen_ratio(1, 12);
        let nodes = if !hides && !breaks && random.gen_ratio(1, 3) {
            2
        } else {
            1
        };
        let second_lies = nodes == 2 && random.gen_bool(0.5);
        let leaves = server.nodes.chain.leaves();
        let hidden = leaves.choose(random).copied().filter(|_| hides);
        let near = server.nodes.chain.len().saturating_sub(40)..server.nodes.chain.len();
        let how = Broken::ALL.choose(random).copied();
        let broken = how.map(|how| (random.gen_range(near), how));
        let broken = broken.filter(|_| breaks);
        let rate = *[0.0, 0.02, 0.08, 0.2].choose(random).unwrap_or(&0.0);
        let lies = random.gen_ratio(1, 4);
        let mut manners = Manners {
            rate,
            faults: Vec::new(),
        };
        let kinds: [&[Fault]; 4] = [
            &Fault::OUTAGES,
            &Fault::VIEWS,
            &Fault::TRANSACTIONS,
            &Fault::LISTS,
        ];
        for kind in kinds {
            if random.gen_bool(0.5) {
                manners.faults.extend(kind);
            }
        }
        if lies {
            manners.faults.extend(Fault::LIES);
        }
        let lies = lies && rate > 0.0;
        // A sound node is only slow at times.
        let sound = Manners {
            rate: 0.02,
            faults: vec![Fault::Late],
        };
        if second_lies {
            manners.rate = 0.2;
            manners.faults.extend(Fault::LIES);
            server.nodes.begin(0, seed, sound);
            server.nodes.begin(1, seed, manners);
        } else if let Some(hidden) = hidden {
            server.nodes.begin(0, seed, sound);
            server.nodes.hide(0, hidden);
        } else if let Some((place, how)) = broken {
            server.nodes.begin(0, seed, sound);
            server.nodes.break_at(0, place, how);
        } else {
            server.nodes.begin(0, seed, manners);
            server.nodes.begin(1, seed, sound);
        }
        Self {
            nodes,
            page: *[3, 7, 25, 1000].choose(random).unwrap_or(&1000),
            concurrency: *[1, 4].choose(random).unwrap_or(&1),
            pace: random.gen_range(4..30),
            fork: *[0.0, 0.3, 0.7].choose(random).unwrap_or(&0.0),
            death: *[0.0, 0.2, 0.5].choose(random).unwrap_or(&0.0),
            may_stop: (lies && nodes == 1 && !breaks) || hides,
            second_lies,
            hidden,
            broken,
            habits: Habits::new(random),
            live: *[0.0, 0.1, 0.2].choose(random).unwrap_or(&0.0),
            lapse: *Lapse::ALL.choose(random).unwrap_or(&Lapse::Missing),
            many: match seed % 3 {
                0 => 10_000,
                1 => 20,
                _ => 2,
            },
        }
    }
}

impl Lab {
    /// A database on this server, and nodes.
    ///
    /// # Errors
    /// When the recording cannot be read, or Postgres does not answer.
    pub async fn new(postgres: &Postgres) -> Result<Self> {
        let chain = Chain::load()?;
        compare::check_recording(&chain)?;
        let database = postgres.create_database("vouch_orders").await?;
        Ok(Self {
            server: Server::start(Arc::clone(&chain)).await?,
            announcer: Announcer::start().await?,
            pool: vouch_db::connect(database.url()).await?,
            chain,
            database,
        })
    }

    /// Plays the order of this seed.
    ///
    /// # Errors
    /// With the first thing in which the mirror differs from the model.
    pub async fn play(&self, seed: u64) -> Result<Report> {
        let outcome = self.order(seed).await;
        outcome.with_context(|| format!("seed {seed}"))
    }

    /// A mirror with one node and usual options.
    pub(crate) fn plain(&self) -> Result<Mirroring> {
        self.with(1, 1000, 4, 10_000)
    }

    /// A mirror that catches up whenever more than one transaction is new.
    pub(crate) fn catching_up(&self) -> Result<Mirroring> {
        self.with(1, 1000, 4, 1)
    }

    fn mirroring(&self, plan: &Plan) -> Result<Mirroring> {
        self.with(plan.nodes, plan.page, plan.concurrency, plan.many)
    }

    fn with(&self, nodes: usize, page: u16, concurrency: usize, many: usize) -> Result<Mirroring> {
        let options = Options {
            rpc_url: self.server.urls(nodes),
            database_url: self.database.url().to_owned(),
            page,
            concurrency,
            max_undo: 5000,
            settle: Duration::ZERO,
            many,
        };
        Mirroring::new(options, self.pool.clone()).map_err(anyhow::Error::msg)
    }

    async fn order(&self, seed: u64) -> Result<Report> {
        self.pool.execute(FORGET_MIRROR).await?;
        self.pool.execute(EMPTY).await?;
        let mut random = StdRng::seed_from_u64(seed);
        let plan = Plan::new(&mut random, &self.server, seed);
        let mut order = Order {
            lab: self,
            seed,
            random,
            view: View::default(),
            late: Vec::new(),
            state: State::default(),
            unanchored: 0,
            report: Report {
                orders: 1,
                ..Report::default()
            },
            plan,
        };
        let mut mirroring = self.mirroring(&order.plan)?;
        order.advance();
        while order.view.finalized < self.chain.len() {
            if order.session(&mirroring).await? {
                order.report.deaths += 1;
                mirroring = self.mirroring(&order.plan)?;
            }
            order.check().await?;
        }
        // The concealed transaction is missing only if something after it is final for the mirror.
        let held = usize::try_from(order.state.final_seq)?;
        order.plan.hidden = order.plan.hidden.filter(|hidden| held > *hidden);
        // Everything is final, and nodes behave from now on.
        let end = Arc::new(self.chain.end());
        for node in 0..2 {
            self.server.nodes.behave(node);
            self.server.nodes.show(node, &end);
        }
        order.view = self.chain.end();
        if order.random.gen_bool(0.5) {
            mirroring = self.mirroring(&order.plan)?;
        }
        order.settle(&mirroring).await?;
        order.end(&mirroring)?;
        for node in 0..2 {
            let (requests, faults) = self.server.nodes.counts(node);
            order.report.requests += requests;
            order.report.faults += faults;
        }
        Ok(order.report)
    }
}

/// Waits until more rounds have begun, for some time at most.
async fn until_more(begun: &dyn Fn() -> u64, before: u64, time: Duration) {
    let end = Instant::now() + time;
    while begun() <= before && Instant::now() < end {
        sleep(POLL).await;
    }
}

/// The words of health if the only node has concealed the transaction at this place.
fn incomplete(chain: &Chain, hidden: usize) -> String {
    let [before, hidden] = [hidden - 1, hidden].map(|place| &chain.recording.transactions[place]);
    format!(
        "getSignaturesForAddress: the list has {} in slot {} where the mirror has {} in slot {}, which is \
         final",
        hidden.signature, hidden.slot, before.signature, before.slot
    )
}

struct Order<'a> {
    lab: &'a Lab,
    seed: u64,
    random: StdRng,
    plan: Plan,
    /// The furthest that a node has shown.
    view: View,
    /// Transactions of which the WebSocket has not told yet.
    late: Vec<(String, u64)>,
    /// The mirror, as it was last seen.
    state: State,
    /// Before the first final transaction, a list that is cut off looks like a whole one. Transactions that were
    /// mirrored from such lists stay until as many transactions are final.
    unanchored: i64,
    report: Report,
}

impl Order<'_> {
    /// The cluster goes on, and nodes see it: all, or not all yet.
    fn advance(&mut self) {
        let fork = self.random.gen_bool(self.plan.fork);
        self.report.forks += u64::from(fork);
        let before: BTreeSet<_> = self
            .view
            .seen
            .iter()
            .map(|it| (it.place, it.slot))
            .collect();
        self.view = self
            .lab
            .chain
            .later(&mut self.random, &self.view, self.plan.pace, fork);
        let view = Arc::new(self.view.clone());
        let new: Vec<_> = view
            .seen
            .iter()
            .filter(|seen| !before.contains(&(seen.place, seen.slot)))
            .map(|seen| {
                let recorded = &self.lab.chain.recording.transactions[seen.place];
                (recorded.signature.clone(), seen.slot)
            })
            .collect();
        for node in 0..2 {
            if node == 0 || self.random.gen_bool(0.8) {
                self.lab.server.nodes.show(node, &view);
            }
        }
        let (random, late) = (&mut self.random, &mut self.late);
        let announcer = &self.lab.announcer;
        self.report.notices += announcer.tell(random, &self.plan.habits, new, late);
    }

    /// A process becomes the writer and does some rounds. Returns whether it died.
    async fn session(&mut self, mirroring: &Mirroring) -> Result<bool> {
        let dies = self.random.gen_bool(self.plan.death);
        let after = dies.then(|| self.random.gen_range(1..15));
        let pause = Duration::from_micros(self.random.gen_range(0..3000));
        let nodes = &self.lab.server.nodes;
        nodes.kill_after(0, after);
        let killed = async {
            nodes.death.notified().await;
            // Long enough to die while it writes.
            sleep(pause).await;
        };
        let rounds = self.random.gen_range(1..6);
        let is_live = self.random.gen_bool(self.plan.live);
        let ws_url = [self.lab.announcer.url()];
        let work = async |writer: &mut Rounds<'_>| {
            if is_live {
                // Rounds begin by themselves while the cluster goes on.
                let goes_on = async |begun: &dyn Fn() -> u64| {
                    // The first one is for the connection.
                    until_more(begun, 0, IDLE).await;
                    for _ in 0..rounds {
                        let before = begun();
                        self.advance();
                        // Its transactions may never be announced.
                        until_more(begun, before, PACE).await;
                        sleep(Duration::from_millis(self.random.gen_range(0..20))).await;
                    }
                };
                // Nodes never end it: Postgres refuses nothing, and all are of one chain.
                self.report.announced += writer.live(&ws_url, goes_on).await?;
                return Ok(());
            }
            for _ in 0..rounds {
                if self.random.gen_bool(0.6) {
                    self.advance();
                }
                // A round that fails is tried again, later.
                if self.random.gen_bool(0.6) {
                    let _ = writer.follow().await;
                }
                if self.random.gen_bool(0.5) {
                    let _ = writer.finalize().await;
                }
            }
            Ok::<_, String>(())
        };
        let died = tokio::select! {
            ended = mirroring.as_writer(work) => {
                match ended {
                    Ok(Ok(())) => {}
                    Ok(Err(reason)) => bail!("what follows announcements ended: {reason}"),
                    // Without a writer, it is as if it had not begun.
                    Err(reason) => {
                        ensure!(mirroring.health().0 != "ok", "failed without a sign: {reason}");
                    }
                }
                false
            }
            () = killed => true,
            () = sleep(STUCK) => bail!("a round hangs"),
        };
        nodes.kill_after(0, None);
        Ok(died)
    }

    /// Compares the mirror with the model of what it holds, and that with the chain.
    async fn check(&mut self) -> Result<()> {
        let state = compare::check(&self.lab.chain, &self.lab.pool).await;
        let Checked {
            state,
            last,
            unexplained,
        } = state.context("while the chain grew")?;
        state.follows(&self.state)?;
        if state.final_seq > 0 && self.state.final_seq == 0 {
            self.unanchored = i64::try_from(last)?;
        }
        if let Some(unexplained) = unexplained {
            // Forks keep what decides over later transactions. A list that hides it does not.
            let may_lack = self.plan.may_stop || state.final_seq <= self.unanchored;
            ensure!(may_lack, "{unexplained}");
            self.report.lacking += 1;
        }
        if !self.plan.may_stop {
            compare::check_finality(&self.lab.chain, &self.lab.pool, &state, &self.view).await?;
        }
        self.state = state;
        Ok(())
    }

    /// Lets the mirror become equal to the chain.
    async fn settle(&mut self, mirroring: &Mirroring) -> Result<()> {
        let began = Instant::now();
        let end = self.lab.chain.recording.end_slot;
        let whole = State {
            confirmed_seq: i64::try_from(self.lab.chain.len())?,
            final_seq: i64::try_from(self.lab.chain.len())?,
            final_time: Some(self.lab.chain.recording.end_time),
            indexed_slot: Some(i64::try_from(end)?),
            finalized_slot: Some(i64::try_from(end)?),
            // The time of the last slot is asked for only if a later one becomes final.
            ranked_slot: None,
        };
        let mut reason = None;
        let mut lasting = 0;
        let is_whole = |state: &State| {
            let ranked_slot = None;
            State {
                ranked_slot,
                ..state.clone()
            } == whole
        };
        while !is_whole(&self.state) {
            let work = async |writer: &mut Rounds<'_>| {
                // Confirmed transactions count as complete at the second look.
                let live = writer.follow().await.and(writer.follow().await).err();
                live.or(writer.finalize().await.err())
                    .or(writer.count().await.err())
            };
            reason = match mirroring.as_writer(work).await {
                Ok(reason) => reason,
                Err(reason) => Some(reason),
            };
            self.check().await?;
            let is_lasting = reason.as_ref().is_some_and(|reason: &String| {
                reason.contains("which is final")
                    || reason.contains("does not follow")
                    || self.broken().is_some_and(|broken| *reason == broken)
            });
            lasting = if is_lasting { lasting + 1 } else { 0 };
            if (self.plan.may_stop || self.plan.broken.is_some()) && lasting >= LASTING {
                break;
            }
            sleep(PAUSE).await;
            ensure!(
                began.elapsed() < PATIENCE,
                "not equal to the chain after {PATIENCE:?}: {reason:?}, {:?}",
                self.state
            );
        }
        if !is_whole(&self.state) {
            let (status, detail) = mirroring.health();
            let is_visible = ["stopped", "chain_unavailable"].contains(&status) && detail.is_some();
            ensure!(
                is_visible,
                "stopped by {reason:?}, but health says {status}"
            );
            self.report.stops += 1;
            return Ok(());
        }
        let may_be_whole = self.plan.hidden.is_none() && self.plan.broken.is_none();
        ensure!(may_be_whole, "a stop was to come");
        ensure!(
            self.state.ranked_slot >= whole.finalized_slot.map(|end| end - 1),
            "everything counts, and ranked_slot is {:?}",
            self.state.ranked_slot
        );
        compare::check_finality(&self.lab.chain, &self.lab.pool, &self.state, &self.view).await?;
        compare::check_accounts(&self.lab.chain, &self.lab.pool).await?;
        self.compare(mirroring).await
    }

    /// The words of health if the only node never gives a transaction.
    fn broken(&self) -> Option<String> {
        let (place, how) = self.plan.broken?;
        let signature = &self.lab.chain.recording.transactions[place].signature;
        Some(format!("getTransaction: {signature}: {}", how.reason()))
    }

    /// Lets the mirror compare all accounts: with a node that is wrong about one, and with one that is
    /// right about all.
    async fn compare(&mut self, mirroring: &Mirroring) -> Result<()> {
        let nodes = &self.lab.server.nodes;
        let work = async |writer: &mut Rounds<'_>| {
            // So that it knows its slots.
            writer.follow().await?;
            writer.follow().await?;
            writer.finalize().await?;
            writer.compare().await
        };
        for node in 0..self.plan.nodes {
            nodes.lapse(node, self.plan.lapse);
        }
        let differing = mirroring.as_writer(work).await.and_then(|it| it);
        let differing = differing.map_err(anyhow::Error::msg)?;
        ensure!(differing > 0, "nobody missed that an account was wrong");
        let whose = match self.plan.nodes {
            1 => "the node's".to_owned(),
            _ => "those of rpc".to_owned(),
        };
        let (status, detail) = mirroring.health();
        let detail = detail.unwrap_or_default();
        ensure!(
            status == "diverged"
                && detail.starts_with(&format!("accounts that differ from {whose}")),
            "an account is wrong, and health says {status}: {detail}"
        );
        for node in 0..self.plan.nodes {
            nodes.behave(node);
        }
        let differing = mirroring.as_writer(work).await.and_then(|it| it);
        ensure!(differing == Ok(0), "accounts differ: {differing:?}");
        ensure!(
            mirroring.health() == ("ok", None),
            "the accounts are equal, and health says {:?}",
            mirroring.health()
        );
        self.report.compared += 1;
        Ok(())
    }

    /// Checks what health says at the end.
    fn end(&mut self, mirroring: &Mirroring) -> Result<()> {
        if let Some(hidden) = self.plan.hidden {
            let expected = incomplete(&self.lab.chain, hidden);
            let said = mirroring.health();
            ensure!(
                said == ("chain_unavailable", Some(expected.clone())),
                "health says {said:?}, and should say {expected}"
            );
        }
        if let (Some(expected), Some((place, _))) = (self.broken(), self.plan.broken) {
            let said = mirroring.health();
            ensure!(
                said == ("chain_unavailable", Some(expected.clone())),
                "health says {said:?}, and should say {expected}"
            );
            // Everything in front of it is mirrored, and final.
            let held = i64::try_from(place)?;
            let State {
                confirmed_seq,
                final_seq,
                ..
            } = self.state;
            ensure!(
                (confirmed_seq, final_seq) == (held, held),
                "{held} transactions are there, and the mirror has {final_seq} of {confirmed_seq} as final"
            );
            self.report.broken += 1;
        }
        if self.plan.second_lies {
            let unreliable = mirroring.unreliable();
            let blamed = unreliable.iter().find(|(name, _)| name == "rpc1");
            if let Some((_, reason)) = blamed {
                eprintln!("seed {}: the honest node is blamed: {reason}", self.seed);
                self.report.blamed += 1;
            }
            self.report.lied += 1;
            let is_named = unreliable.iter().any(|(name, _)| name == "rpc2");
            self.report.named += u64::from(is_named);
        }
        Ok(())
    }
}
