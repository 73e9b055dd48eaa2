//! The sources of the chain, and what chooses among them.
//!
//! The best one is asked first: one that keeps up, does not fail, and is fast. If it fails, the next
//! one is asked; if it takes longer than usual, the next one is asked, too, and the first answer
//! wins. Gaps in a source's list are not handled here: see `agree.rs`.

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::{
    FutureExt as _, StreamExt as _,
    future::{join_all, select_all},
    stream::FuturesUnordered,
};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::{
    commitment::Commitment,
    failure::Failure,
    health::Health,
    heights,
    source::{CATCH_UP, CATCH_UP_POLL, FIRST_PAUSE, LAST_PAUSE, Limits, Source},
    standing::Line,
};

/// Time between two looks at a source.
const LOOK: Duration = Duration::from_secs(1);
/// Every so many looks, a source is also asked whether it calls itself behind.
const HEALTH_EVERY: u32 = 5;
/// Time that a source has at the start to tell its slot and its chain before the others are
/// believed without it.
const GRACE: Duration = Duration::from_secs(2);
const TIP_POLL: Duration = Duration::from_millis(20);
/// Time for which a source comes first after rounds with another one failed.
const PREFERENCE: Duration = Duration::from_secs(60);

/// Whether a second source is asked when the first one is slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hedge {
    /// People wait for the answer.
    Yes,
    /// Nobody waits, or the question is dear.
    No,
}

/// All sources of one chain.
pub(crate) struct Sources {
    all: Vec<Source>,
    /// The genesis hash of the mirrored chain, once it is known.
    chain: Arc<OnceLock<String>>,
    /// Notes that the work goes on.
    health: Arc<OnceLock<Arc<Health>>>,
    since: Instant,
    /// Everything up to this slot is mirrored and final.
    mirrored: AtomicU64,
    /// Why sources that may be right are too far apart.
    apart: Mutex<Option<String>>,
    /// The source that comes first, and until when.
    preferred: Mutex<Option<(usize, Instant)>>,
}

impl Sources {
    /// A source for each URL.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(crate) fn new(urls: &[String], limits: Limits) -> Result<Self, reqwest::Error> {
        let chain = Arc::<OnceLock<String>>::default();
        let health = Arc::<OnceLock<Arc<Health>>>::default();
        let is_alone = urls.len() == 1;
        let all = urls.iter().enumerate().map(|(place, url)| {
            let name = if is_alone {
                "rpc".to_owned()
            } else {
                format!("rpc{}", place + 1)
            };
            let shared = (Arc::clone(&chain), Arc::clone(&health));
            Source::new(name, is_alone, url.clone(), limits, shared)
        });
        Ok(Self {
            all: all.collect::<Result<_, _>>()?,
            chain,
            health,
            since: Instant::now(),
            mirrored: AtomicU64::new(0),
            apart: Mutex::default(),
            preferred: Mutex::default(),
        })
    }

    /// Notes that an answer of the source with this name was wrong.
    pub(crate) fn doubt(&self, name: &str, reason: &str) {
        let named = self.all.iter().filter(|source| source.name() == name);
        named.for_each(|source| source.doubt(reason));
    }

    /// Whether there is one source only.
    pub(crate) fn is_one(&self) -> bool {
        self.all.len() == 1
    }

    /// Every answer of a node to the mirror's requests shows that the work goes on.
    pub(crate) fn tell(&self, health: &Arc<Health>) {
        // There is one mirror in a process.
        let _ = self.health.set(Arc::clone(health));
    }

    /// The lines of /healthz.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let now = Instant::now();
        let line = |source: &Source| source.standing().line(source.name(), now);
        self.all.iter().map(line).collect()
    }

    /// The sources of which an answer was wrong lately, each with the reason.
    pub(crate) fn unreliable(&self) -> Vec<(String, String)> {
        let now = Instant::now();
        let doubted = self.all.iter().filter_map(|source| {
            let reason = source.standing().doubt(now)?.to_owned();
            Some((source.name().to_owned(), reason))
        });
        doubted.collect()
    }

    /// From now on, sources of another chain than this are left out.
    pub(crate) fn expect_chain(&self, genesis_hash: String) {
        // The chain of a database never changes.
        let _ = self.chain.set(genesis_hash);
    }

    /// After a round that failed: the chain of each source is compared again, and another source
    /// comes first. So one that answers wrongly in a way that nobody notices at once stops nothing.
    pub(crate) fn turn(&self) {
        let now = Instant::now();
        let first = self.ranked(now, 0).first().map(|source| source.name());
        let place = self.all.iter().position(|it| Some(it.name()) == first);
        let next = place.map_or(0, |place| (place + 1) % self.all.len());
        *self.preference() = Some((next, now + PREFERENCE));
        for source in &self.all {
            source.standing().recheck();
        }
    }

    fn preference(&self) -> std::sync::MutexGuard<'_, Option<(usize, Instant)>> {
        self.preferred
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The sources that can be asked now, the best first, for a request that needs `min_slot`.
    pub(crate) fn ranked(&self, now: Instant, min_slot: u64) -> Vec<&Source> {
        let preferred = self.preference().filter(|(_, until)| *until > now);
        let mut ranked: Vec<_> = self
            .all
            .iter()
            .enumerate()
            .filter_map(|(place, source)| {
                let standing = source.standing();
                let is_preferred = preferred.is_some_and(|(preferred, _)| preferred == place);
                let rank = (!is_preferred, standing.rank(now, min_slot));
                (standing.due(now).is_none()).then_some((rank, source))
            })
            .collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        ranked.into_iter().map(|(_, source)| source).collect()
    }

    /// As [`Self::ranked`]. If all sources have failed lately, it waits for the first that can be
    /// asked again.
    pub(crate) async fn ready(&self, min_slot: u64) -> Result<Vec<&Source>, Failure> {
        let deadline = Instant::now() + CATCH_UP;
        loop {
            let now = Instant::now();
            let ranked = self.ranked(now, min_slot);
            if !ranked.is_empty() {
                return Ok(ranked);
            }
            let dues = self.all.iter().filter_map(|it| it.standing().due(now));
            let due = dues.min().unwrap_or(now);
            if due > deadline {
                return Err(self.why());
            }
            sleep_until(due).await;
        }
    }

    /// The last failure of the first source that failed.
    fn why(&self) -> Failure {
        let reason = self.all.iter().find_map(|source| {
            let standing = source.standing();
            Some(Failure::Silent(standing.failure()?.to_owned()))
        });
        reason.unwrap_or_else(|| Failure::Silent("no node has answered yet".into()))
    }

    /// The first good answer. Sources are asked in their order: the next one if one fails, and, with
    /// a hedge, once the next one if one is slow. It goes on while no source has reached `min_slot`,
    /// and for a few times if none answers.
    pub(crate) async fn first<'a, T>(
        &'a self,
        min_slot: u64,
        hedge: Hedge,
        ask: impl AsyncFn(&'a Source) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let deadline = Instant::now() + CATCH_UP;
        let mut pause = FIRST_PAUSE;
        loop {
            match self.pass(min_slot, hedge, &ask).await {
                Err(Failure::Behind(_)) if Instant::now() < deadline => {
                    sleep(CATCH_UP_POLL).await;
                }
                Err(Failure::Silent(_)) if pause <= LAST_PAUSE => {
                    metrics::counter!("vouch_indexer_requests_repeated_total").increment(1);
                    sleep(pause).await;
                    pause *= 2;
                }
                outcome => return outcome,
            }
        }
    }

    /// Asks each source at most once.
    async fn pass<'a, T>(
        &'a self,
        min_slot: u64,
        hedge: Hedge,
        ask: &impl AsyncFn(&'a Source) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut rest = self.ready(min_slot).await?.into_iter();
        let mut running = FuturesUnordered::new();
        let put = async |source: &'a Source| source.judge(ask(source).await);
        let mut patience = Duration::ZERO;
        if let Some(best) = rest.next() {
            patience = best.standing().patience();
            running.push(put(best));
        }
        let late = sleep(patience);
        tokio::pin!(late);
        let mut may_hedge = hedge == Hedge::Yes;
        let mut worst = None;
        loop {
            tokio::select! {
                biased;
                Some(outcome) = running.next() => match outcome {
                    Err(failure) if failure.is_of_a_source() => {
                        self.check_majority()?;
                        worst = Some(weigh(worst, failure));
                    }
                    outcome => return outcome,
                },
                () = &mut late, if may_hedge => {
                    may_hedge = false;
                    if let Some(next) = rest.next() {
                        metrics::counter!("vouch_indexer_hedges_total").increment(1);
                        running.push(put(next));
                    }
                }
            }
            if running.is_empty() {
                match rest.next() {
                    Some(next) => running.push(put(next)),
                    None => return Err(worst.unwrap_or_else(|| self.why())),
                }
            }
        }
    }

    /// The answers of all sources that can be asked now.
    pub(crate) async fn every<'a, T>(
        &'a self,
        ask: impl AsyncFn(&'a Source) -> Result<T, Failure>,
    ) -> Result<Vec<(&'a Source, T)>, Failure> {
        let asked = self.ready(0).await?;
        let answers = asked
            .iter()
            .map(async |source| (*source, source.judge(ask(source).await)));
        let mut good = Vec::new();
        let mut worst = None;
        for (source, answer) in join_all(answers).await {
            match answer {
                Ok(answer) => good.push((source, answer)),
                Err(failure) if failure.is_of_a_source() => {
                    self.check_majority()?;
                    worst = Some(weigh(worst, failure));
                }
                Err(failure) => return Err(failure),
            }
        }
        if good.is_empty() {
            return Err(worst.unwrap_or_else(|| self.why()));
        }
        Ok(good)
    }

    /// Everything up to this slot is mirrored and final.
    pub(crate) fn covers(&self, slot: u64) {
        self.mirrored.fetch_max(slot, Ordering::Relaxed);
    }

    /// Which sources are so far apart that one of them is wrong, though each may be right.
    pub(crate) fn apart(&self) -> Option<String> {
        let apart = self.apart.lock().unwrap_or_else(PoisonError::into_inner);
        apart.clone()
    }

    /// Compares the slots that the sources tell.
    fn compare_heights(&self) {
        let now = Instant::now();
        let mirrored = self.mirrored.load(Ordering::Relaxed);
        let mut reasons = vec![None; self.all.len()];
        let mut apart = None;
        for (commitment, mirrored) in [
            (Commitment::Confirmed, 0),
            (Commitment::Finalized, mirrored),
        ] {
            let told = self.all.iter().enumerate().filter_map(|(place, source)| {
                let told = source.standing().told_by(source.name(), commitment, now);
                Some((place, told?))
            });
            let (places, told): (Vec<_>, Vec<_>) = told.unzip();
            let mut right = Vec::new();
            let wrong = heights::wrong(&told, mirrored);
            for ((place, told), wrong) in places.into_iter().zip(told).zip(wrong) {
                match (wrong, reasons.get_mut(place)) {
                    (Some(wrong), Some(reason)) => *reason = Some(wrong),
                    _ => right.push(told),
                }
            }
            apart = heights::apart(&right);
        }
        for (source, reason) in self.all.iter().zip(reasons) {
            source.standing().misplaced(reason);
        }
        *self.apart.lock().unwrap_or_else(PoisonError::into_inner) = apart;
    }

    /// The slot that the chain has reached: the lowest that a source tells among those that keep
    /// up. So one that tells slots that are too high is without effect, and one that stands still,
    /// calls itself behind, or is far behind most others or the mirror holds up nobody.
    ///
    /// With several sources it is what [`Self::watch`] saw last.
    pub(crate) async fn tip(&self, commitment: Commitment) -> Result<u64, Failure> {
        let deadline = Instant::now() + CATCH_UP;
        loop {
            let now = Instant::now();
            let is_settled = now >= self.since + GRACE
                || self.all.iter().all(|source| source.standing().is_known());
            let slots: Vec<_> = self
                .all
                .iter()
                .filter_map(|source| {
                    let standing = source.standing();
                    Some((!standing.keeps_up(now), standing.slot(commitment, now)?))
                })
                .collect();
            if let Some((_, slot)) = slots.iter().min().filter(|_| is_settled) {
                return Ok(*slot);
            }
            if now > deadline {
                return Err(self.why());
            }
            sleep(TIP_POLL).await;
        }
    }

    /// The genesis hash that most sources tell. Sources that do not answer are not waited for longer
    /// than the others need.
    pub(crate) async fn genesis(&self) -> Result<String, Failure> {
        let mut asked: FuturesUnordered<_> = self
            .all
            .iter()
            .map(async |source| source.judge(source.genesis_hash().await))
            .collect();
        let mut hashes: Vec<(String, usize)> = Vec::new();
        let mut told = 0;
        let mut failure = None;
        let mut end = None;
        loop {
            let next = asked.next();
            let answer = match end {
                None => next.await,
                Some(end) => timeout(end - Instant::now(), next).await.unwrap_or(None),
            };
            match answer {
                None => break,
                Some(Err(reason)) => failure = Some(reason),
                Some(Ok(hash)) => {
                    told += 1;
                    end.get_or_insert(Instant::now() + GRACE);
                    match hashes.iter_mut().find(|(known, _)| *known == hash) {
                        Some((_, count)) => *count += 1,
                        None => hashes.push((hash, 1)),
                    }
                }
            }
        }
        match hashes.iter().max_by_key(|(_, count)| *count) {
            None => Err(failure.unwrap_or_else(|| self.why())),
            Some((hash, count)) if count * 2 > told => Ok(hash.clone()),
            Some(_) => Err(Failure::SeveralChains(
                hashes.into_iter().map(|(hash, _)| hash).collect(),
            )),
        }
    }

    /// Looks at every source again and again, if there are several. Ends when most of them are of
    /// another chain.
    pub(crate) async fn watch(&self) -> Failure {
        if self.is_one() {
            return std::future::pending().await;
        }
        let all = self
            .all
            .iter()
            .map(|source| self.watch_one(source).boxed_local());
        select_all(all).await.0
    }

    async fn watch_one(&self, source: &Source) -> Failure {
        for look in 0_u32.. {
            if source.standing().due(Instant::now()).is_none() {
                // The source's standing keeps the outcome.
                let _ = source.look(look % HEALTH_EVERY == 0).await;
            }
            self.compare_heights();
            // The last look at a source may have found out of which chain it is.
            if let Err(failure) = self.check_majority() {
                return failure;
            }
            sleep(LOOK).await;
        }
        std::future::pending().await
    }

    /// Fails if most sources are of another chain than the mirror.
    fn check_majority(&self) -> Result<(), Failure> {
        let others = self.all.iter();
        let others: Vec<_> = others.filter_map(|it| it.standing().other()).collect();
        match (self.chain.get(), others.first()) {
            (Some(mirrored), Some(node)) if others.len() * 2 > self.all.len() => {
                Err(Failure::OtherChain {
                    mirrored: mirrored.clone(),
                    node: node.clone(),
                })
            }
            _ => Ok(()),
        }
    }
}

/// The failure of a question that several sources did not answer: waiting helps, if one is behind.
fn weigh(before: Option<Failure>, failure: Failure) -> Failure {
    // One of another chain is left out. Only if most are is the mirror itself wrong.
    let failure = match failure {
        Failure::OtherChain { .. } => Failure::Silent(failure.to_string()),
        // The failure was noted of the source that answered. The caller may have the list of another
        // source, which must not be called wrong for it.
        Failure::Wrong(reason) => Failure::Chain(reason),
        failure => failure,
    };
    match before {
        Some(before @ Failure::Behind(_)) => before,
        Some(before @ Failure::Extra { .. }) if !matches!(failure, Failure::Behind(_)) => before,
        _ => failure,
    }
}
