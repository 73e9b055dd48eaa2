//! The standing of a source, by this machine's clock: how fast it answers, how often it fails, how
//! high it is, and whether its answers were wrong.

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::{
    commitment::Commitment,
    heights::{Height, Told},
};

/// Pause after the first failure. It doubles with each failure in a row.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// The longest pause that a source gets by asking for it (`Retry-After`).
const LONGEST_WISH: Duration = Duration::from_secs(30);
/// Time within which the slot of a source has to grow.
const STUCK: Duration = Duration::from_secs(10);
/// Time within which its final slot has to grow. After the start of a chain it is zero for a while.
const STUCK_FINAL: Duration = Duration::from_secs(30);
/// Time for which a source that answered wrongly is asked last.
pub(crate) const DOUBT: Duration = Duration::from_secs(600);
/// A second source is asked when the first takes this many times as long as it usually does, but not
/// before the shortest and not after the longest patience.
const PATIENCE: u32 = 3;
const SHORTEST_PATIENCE: Duration = Duration::from_millis(100);
const LONGEST_PATIENCE: Duration = Duration::from_secs(2);
/// Patience with a source that has not answered yet.
const FIRST_PATIENCE: Duration = Duration::from_millis(500);
/// Weight of a new latency: one part of this many.
const SMOOTHING: u32 = 4;

/// Whether a source can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// It answers.
    Ok,
    /// It has not answered yet.
    Unknown,
    /// It failed, and is asked again later.
    Away,
    /// It says so itself, its slot does not grow, or the slots that it tells cannot be right.
    Behind,
    /// An answer of it was wrong or incomplete.
    Unreliable,
    /// Its genesis hash is not the mirror's. It is left out.
    OtherChain,
}

/// A source in /healthz.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Line {
    name: String,
    state: State,
    /// The last confirmed slot that it told.
    slot: Option<u64>,
    /// How long its answers take.
    latency_ms: Option<u64>,
    /// The reason for its state.
    detail: Option<String>,
}

impl Line {
    /// The line of a stream, which is not asked anything.
    pub(crate) fn of_stream(
        name: &str,
        state: State,
        slot: Option<u64>,
        detail: Option<String>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            state,
            slot,
            latency_ms: None,
            detail,
        }
    }
}

/// The place of a source when one is chosen: the lowest is asked first.
type Rank = (bool, bool, bool, Duration);

/// The standing of a source.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// How long it takes to answer, as a moving mean.
    latency: Option<Duration>,
    /// Failures in a row.
    failures: u32,
    /// The last failure, and its reason.
    failed: Option<(Instant, String)>,
    /// It is not asked before this.
    due: Option<Instant>,
    confirmed: Height,
    finalized: Height,
    /// Why it calls itself behind.
    behind: Option<String>,
    /// Why the slots that it tells cannot be right.
    misplaced: Option<String>,
    /// When an answer of it was last found wrong, and why.
    doubt: Option<(Instant, String)>,
    /// Whether its genesis hash was compared since its last failure.
    checked: bool,
    /// Its genesis hash, if that is not the mirror's.
    other: Option<String>,
}

impl Standing {
    /// It answered. Failures before that no longer count.
    pub(crate) fn answered(&mut self, took: Duration) {
        self.failures = 0;
        self.failed = None;
        self.due = None;
        let mean = self.latency.unwrap_or(took);
        self.latency = Some((mean * (SMOOTHING - 1) + took) / SMOOTHING);
    }

    /// It was no longer waited for after this time.
    pub(crate) fn outrun(&mut self, after: Duration) {
        self.latency = Some(self.latency.map_or(after, |mean| mean.max(after)));
    }

    /// A request that began at `began` failed. `wish` is how long the source asks not to be asked.
    /// Requests that ran at the same time count as one failure.
    pub(crate) fn failed(
        &mut self,
        began: Instant,
        now: Instant,
        wish: Option<Duration>,
        reason: String,
    ) {
        self.checked = false;
        let is_new = self.failed.as_ref().is_none_or(|(last, _)| *last < began);
        self.failed = Some((now, reason));
        if is_new {
            self.failures += 1;
        }
        let doublings = (self.failures - 1).min(16);
        let pause = (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE);
        let pause = wish.map_or(pause, |wish| pause.max(wish.min(LONGEST_WISH)));
        self.due = Some(self.due.unwrap_or(now).max(now + pause));
    }

    /// It told a slot.
    pub(crate) fn told(&mut self, commitment: Commitment, slot: u64, now: Instant) {
        match commitment {
            Commitment::Confirmed => self.confirmed.told(slot, now),
            Commitment::Finalized => self.finalized.told(slot, now),
        }
    }

    fn height(&self, commitment: Commitment) -> &Height {
        match commitment {
            Commitment::Confirmed => &self.confirmed,
            Commitment::Finalized => &self.finalized,
        }
    }

    /// Its report of its height, for comparison with others; `None` if it does not count anyway.
    pub(crate) fn told_by(&self, name: &str, commitment: Commitment, now: Instant) -> Option<Told> {
        self.slot(commitment, now)?;
        let told = self.height(commitment).told_by(name);
        told.filter(|_| self.is_sound(now))
    }

    /// The slots that it tells cannot be right, or, with `None`, they can.
    pub(crate) fn misplaced(&mut self, reason: Option<String>) {
        self.misplaced = reason;
    }

    /// Whether it has told this slot or a later one as final.
    pub(crate) fn has_reached(&self, slot: u64) -> bool {
        self.finalized.slot().is_some_and(|told| told >= slot)
    }

    /// It says that it is behind the others, or, with `None`, that it is not.
    pub(crate) fn lags(&mut self, reason: Option<String>) {
        self.behind = reason;
    }

    /// An answer of it was wrong.
    pub(crate) fn doubted(&mut self, now: Instant, reason: String) {
        self.doubt = Some((now, reason));
    }

    /// Its genesis hash was compared: `other` is the hash if it is not the mirror's.
    pub(crate) fn compared(&mut self, other: Option<String>) {
        self.checked = other.is_none();
        self.other = other;
    }

    /// Its genesis hash has to be compared again.
    pub(crate) fn recheck(&mut self) {
        self.checked = false;
    }

    pub(crate) fn is_checked(&self) -> bool {
        self.checked
    }

    /// Its genesis hash, if that is not the mirror's.
    pub(crate) fn other(&self) -> Option<String> {
        self.other.clone()
    }

    /// When it can be asked again; `None` if it can be asked now.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        self.due.filter(|due| *due > now)
    }

    /// Whether it has answered or failed before.
    pub(crate) fn is_known(&self) -> bool {
        self.confirmed.slot().is_some() || self.failed.is_some()
    }

    /// The reason of the last failure.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failed.as_ref().map(|(_, reason)| reason.as_str())
    }

    /// The slot that it told, if it can be asked now.
    pub(crate) fn slot(&self, commitment: Commitment, now: Instant) -> Option<u64> {
        let slot = self.height(commitment).slot();
        slot.filter(|_| self.due(now).is_none() && self.other.is_none())
    }

    /// Whether its slots grow and can be right, it does not call itself behind, and its answers were
    /// right.
    pub(crate) fn keeps_up(&self, now: Instant) -> bool {
        self.is_sound(now) && self.misplaced.is_none()
    }

    /// [`Self::keeps_up`] without a look at the others.
    fn is_sound(&self, now: Instant) -> bool {
        self.stuck(now).is_none() && self.behind.is_none() && self.doubt(now).is_none()
    }

    /// Which of its slots does not grow.
    fn stuck(&self, now: Instant) -> Option<&'static str> {
        if self.confirmed.is_stuck(now, STUCK) {
            return Some("its slot does not grow");
        }
        let is_stuck = self.finalized.is_stuck(now, STUCK_FINAL);
        is_stuck.then_some("its final slot does not grow")
    }

    /// Why an answer was wrong lately.
    pub(crate) fn doubt(&self, now: Instant) -> Option<&str> {
        let doubt = self.doubt.as_ref()?;
        (now - doubt.0 < DOUBT).then_some(doubt.1.as_str())
    }

    /// Its place for a request that needs `min_slot`. Sources that keep up come first, then those
    /// that do not fail, then the fastest.
    pub(crate) fn rank(&self, now: Instant, min_slot: u64) -> Rank {
        (
            self.confirmed.slot().is_some_and(|slot| slot < min_slot),
            !self.keeps_up(now),
            self.failures > 0,
            self.latency.unwrap_or(FIRST_PATIENCE),
        )
    }

    /// How long to wait for an answer before another source is asked, too.
    pub(crate) fn patience(&self) -> Duration {
        self.latency.map_or(FIRST_PATIENCE, |latency| {
            (latency * PATIENCE).clamp(SHORTEST_PATIENCE, LONGEST_PATIENCE)
        })
    }

    /// The line of /healthz.
    pub(crate) fn line(&self, name: &str, now: Instant) -> Line {
        let (state, detail) = if let Some(other) = &self.other {
            let detail = format!("its genesis hash is {other}");
            (State::OtherChain, Some(detail))
        } else if let Some(reason) = self.doubt(now) {
            (State::Unreliable, Some(reason.to_owned()))
        } else if let Some((_, reason)) = &self.failed {
            (State::Away, Some(reason.clone()))
        } else if let Some(reason) = &self.behind {
            (State::Behind, Some(reason.clone()))
        } else if let Some(reason) = self.stuck(now) {
            (State::Behind, Some(reason.to_owned()))
        } else if let Some(reason) = &self.misplaced {
            (State::Behind, Some(reason.clone()))
        } else if self.latency.is_none() {
            (State::Unknown, None)
        } else {
            (State::Ok, None)
        };
        Line {
            name: name.to_owned(),
            state,
            slot: self.confirmed.slot(),
            latency_ms: self
                .latency
                .and_then(|latency| u64::try_from(latency.as_millis()).ok()),
            detail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A source that answers in this many milliseconds, and is at slot 100.
    fn answering(now: Instant, millis: u64) -> Standing {
        let mut standing = Standing::default();
        standing.compared(None);
        standing.answered(Duration::from_millis(millis));
        standing.told(Commitment::Confirmed, 100, now);
        standing.told(Commitment::Finalized, 68, now);
        standing
    }

    fn fail(standing: &mut Standing, now: Instant, wish: Option<Duration>) -> Duration {
        standing.failed(now, now, wish, "gone".into());
        standing.due(now).expect("a pause") - now
    }

    #[test]
    fn pauses_double_up_to_a_limit_and_end_with_an_answer() {
        // Given a source
        let mut now = Instant::now();
        let mut standing = answering(now, 10);
        assert_eq!(standing.due(now), None);
        // When it fails again and again, each time that it is due, then the pauses double
        let mut pauses = Vec::new();
        for _ in 0..9 {
            let pause = fail(&mut standing, now, None);
            pauses.push(pause.as_millis());
            now += pause;
            assert_eq!(standing.due(now), None);
        }
        assert_eq!(
            pauses,
            [250, 500, 1000, 2000, 4000, 8000, 16000, 20000, 20000]
        );
        assert_eq!(standing.line("rpc1", now).state, State::Away);
        // When it answers, then it is as before
        standing.answered(Duration::from_millis(10));
        standing.told(Commitment::Confirmed, 101, now);
        standing.told(Commitment::Finalized, 69, now);
        assert_eq!(standing.line("rpc1", now).state, State::Ok);
        assert_eq!(fail(&mut standing, now, None), Duration::from_millis(250));
    }

    #[test]
    fn requests_that_fail_together_count_once() {
        let now = Instant::now();
        let mut standing = answering(now, 10);
        for _ in 0..8 {
            standing.failed(now, now + SECOND, None, "gone".into());
        }
        let due = standing.due(now + SECOND).expect("a pause");
        assert_eq!(due, now + SECOND + FIRST_PAUSE);
    }

    #[test]
    fn a_wish_is_respected_up_to_our_limit() {
        let now = Instant::now();
        for (wish, pause) in [(0, 0.25), (7, 7.0), (3600, 30.0)] {
            let mut standing = answering(now, 10);
            let wish = Some(Duration::from_secs(wish));
            assert_eq!(
                fail(&mut standing, now, wish),
                Duration::from_secs_f64(pause)
            );
            // And a failure without a wish does not shorten it
            standing.failed(now, now, None, "gone".into());
            assert_eq!(
                standing.due(now),
                Some(now + Duration::from_secs_f64(pause))
            );
        }
    }

    #[test]
    fn the_best_comes_first() {
        let now = Instant::now();
        let later = now + STUCK + SECOND;
        let (fast, slow) = (answering(later, 10), answering(later, 200));
        assert!(fast.rank(later, 100) < slow.rank(later, 100));
        // Slower than others, but better than one that fails, that is stuck, that calls itself
        // behind, that was wrong, or that has not reached the slot
        let mut failing = answering(later, 10);
        fail(&mut failing, later, None);
        let stuck = answering(now, 10);
        let mut lagging = answering(later, 10);
        lagging.lags(Some("Node is behind by 200 slots".into()));
        let mut wrong = answering(later, 10);
        wrong.doubted(later, "it lacks a transaction".into());
        let mut low = answering(later, 10);
        low.misplaced(Some(
            "it tells slot 100, but most others 5000 or more".into(),
        ));
        for worse in [&failing, &stuck, &lagging, &wrong, &low] {
            assert!(slow.rank(later, 100) < worse.rank(later, 100), "{worse:?}");
        }
        let mut higher = answering(later, 200);
        higher.told(Commitment::Confirmed, 101, later);
        assert!(higher.rank(later, 101) < fast.rank(later, 101));
        // And a doubt ends
        assert!(!wrong.keeps_up(later));
        wrong.told(Commitment::Confirmed, 101, later + DOUBT);
        wrong.told(Commitment::Finalized, 69, later + DOUBT);
        assert!(wrong.keeps_up(later + DOUBT));
        // And one that lost a race is slower than it was
        let mut outrun = answering(later, 10);
        outrun.outrun(Duration::from_millis(300));
        assert!(slow.rank(later, 100) < outrun.rank(later, 100));
    }

    #[test]
    fn a_final_slot_that_stands_still_is_noticed_while_the_confirmed_one_grows() {
        // Given a source whose confirmed slot grows, and whose final one does not
        let mut now = Instant::now();
        let mut standing = answering(now, 10);
        for slot in 101..=130 {
            assert!(standing.keeps_up(now));
            now += SECOND;
            standing.told(Commitment::Confirmed, slot, now);
            standing.told(Commitment::Finalized, 68, now);
        }
        now += SECOND;
        standing.told(Commitment::Confirmed, 131, now);
        // Then it does not keep up, and is compared with no other one, until it grows
        assert!(!standing.keeps_up(now));
        assert!(
            standing
                .told_by("rpc1", Commitment::Finalized, now)
                .is_none()
        );
        let detail = standing.line("rpc1", now).detail;
        assert_eq!(detail.as_deref(), Some("its final slot does not grow"));
        standing.told(Commitment::Finalized, 69, now);
        assert!(standing.keeps_up(now));
        assert!(standing.has_reached(69) && !standing.has_reached(70));
    }

    #[test]
    fn patience_follows_the_latency_within_limits() {
        assert_eq!(Standing::default().patience(), FIRST_PATIENCE);
        for (latency, patience) in [(1, 100), (50, 150), (400, 1200), (5000, 2000)] {
            let standing = answering(Instant::now(), latency);
            assert_eq!(standing.patience(), Duration::from_millis(patience));
        }
    }

    #[test]
    fn a_source_that_is_away_or_of_another_chain_tells_no_slot() {
        let now = Instant::now();
        let mut standing = answering(now, 10);
        assert_eq!(standing.slot(Commitment::Confirmed, now), Some(100));
        assert_eq!(standing.slot(Commitment::Finalized, now), Some(68));
        let pause = fail(&mut standing, now, None);
        assert_eq!(standing.slot(Commitment::Confirmed, now), None);
        assert!(!standing.is_checked());
        assert_eq!(standing.slot(Commitment::Confirmed, now + pause), Some(100));
        standing.compared(Some("other".into()));
        assert_eq!(standing.slot(Commitment::Confirmed, now + pause), None);
        let line = standing.line("rpc2", now);
        assert_eq!(line.state, State::OtherChain);
        assert_eq!(line.detail.as_deref(), Some("its genesis hash is other"));
    }
}
