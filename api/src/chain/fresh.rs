//! The slot that a read has to reach, so that a node that is behind does not answer for the chain.

use std::{
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use solana_client::{
    client_error::{ClientError, ClientErrorKind as ErrorKind},
    rpc_custom_error::JSON_RPC_SERVER_ERROR_MIN_CONTEXT_SLOT_NOT_REACHED as NOT_REACHED,
    rpc_request::RpcError,
    rpc_response::Response,
};

use super::{Chain, answered};
use crate::{
    config::RPC_TIMEOUT,
    error::{ApiError, ApiResult},
};

/// A slot is forgotten so long after an answer has named it, unless a later one has come.
const LIFE: Duration = Duration::from_secs(60);
/// Slots of a minute. One answer alone is not believed if its slot is further ahead.
const JUMP: u64 = 150;
/// A slot that no answer has reached for this long, although reads have asked for it, is forgotten: the
/// cluster was set back, or nodes have named a slot that does not exist.
const GIVE_UP: Duration = Duration::from_secs(10);
/// First pause before the same question, half a slot. Each pause is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause.
const LAST_PAUSE: Duration = Duration::from_millis(800);

/// The newest slot that answers of nodes have named, and whether nodes reach it.
#[derive(Debug)]
pub(super) struct Floor {
    /// Time for a node to catch up, or for the balancer to choose one that has.
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// With the time of the answer that named it first.
    newest: Option<(u64, Instant)>,
    /// The slot of an answer that was not believed.
    doubted: Option<u64>,
    /// The first and the last answer of nodes that have not reached it, since one has.
    behind: Option<(Instant, Instant)>,
    /// Whether the log says that they are behind.
    is_logged: bool,
}

impl State {
    fn newest(&self, now: Instant) -> Option<u64> {
        let newest = self.newest.as_ref();
        newest
            .filter(|(_, at)| now.saturating_duration_since(*at) <= LIFE)
            .map(|(slot, _)| *slot)
    }

    /// An answer was of this slot. True if it ends a time that the log tells of.
    fn reached(&mut self, slot: u64, now: Instant) -> bool {
        let newest = self.newest(now);
        if newest.is_some_and(|newest| slot < newest) {
            return false;
        }
        self.behind = None;
        if newest.is_none_or(|newest| newest < slot) {
            let is_far = newest.is_some_and(|newest| slot - newest > JUMP);
            let agrees = |doubted: u64| doubted.abs_diff(slot) <= JUMP;
            if is_far && !self.doubted.is_some_and(agrees) {
                self.doubted = Some(slot);
            } else {
                self.newest = Some((slot, now));
                self.doubted = None;
            }
        }
        std::mem::take(&mut self.is_logged)
    }

    /// An answer was not of this slot, which is forgotten after a while.
    fn missed(&mut self, floor: Option<u64>, now: Instant) {
        // The answer says nothing about one that was named meanwhile.
        if self.newest(now) != floor {
            return;
        }
        let (since, _) = self
            .behind
            .filter(|(_, last)| now.saturating_duration_since(*last) <= GIVE_UP)
            .unwrap_or((now, now));
        self.behind = Some((since, now));
        if now.saturating_duration_since(since) > GIVE_UP {
            self.newest = None;
            self.behind = None;
        }
    }

    /// Until when a read that begins now asks again: not at all, if others have done so in vain.
    fn deadline(&self, now: Instant, patience: Duration) -> Instant {
        let is_in_vain = self.behind.is_some_and(|(since, last)| {
            let long = now.saturating_duration_since(since) > patience;
            long && now.saturating_duration_since(last) <= GIVE_UP
        });
        if is_in_vain { now } else { now + patience }
    }
}

impl Floor {
    pub(super) fn new(patience: Duration) -> Self {
        Self {
            patience,
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The slot that a node has to have reached; `None` if none is known.
    pub(super) fn get(&self) -> Option<u64> {
        self.lock().newest(Instant::now())
    }

    /// An answer of a node is of this slot.
    pub(super) fn reached(&self, slot: u64) {
        let is_over = self.lock().reached(slot, Instant::now());
        if is_over {
            tracing::info!(slot, "the node has caught up");
        }
    }

    /// An answer of a node is of an older slot than this.
    pub(super) fn missed(&self, floor: Option<u64>) {
        metrics::counter!("vouch_api_node_behind_total").increment(1);
        self.lock().missed(floor, Instant::now());
    }

    /// Until when a question is asked again that begins now.
    pub(super) fn pauses(&self) -> Pauses {
        let now = Instant::now();
        Pauses {
            deadline: self.lock().deadline(now, self.patience),
            next: FIRST_PAUSE,
        }
    }

    /// Nobody waits any more for a node to reach this slot. The log says so once.
    pub(super) fn give_up(&self, floor: Option<u64>) {
        let was_logged = std::mem::replace(&mut self.lock().is_logged, true);
        if !was_logged {
            tracing::warn!(floor, "the node is behind what it has answered before");
        }
    }
}

/// Pauses between questions.
pub(super) struct Pauses {
    deadline: Instant,
    next: Duration,
}

impl Pauses {
    /// Waits; false when the time is over.
    pub(super) async fn wait(&mut self) -> bool {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        tokio::time::sleep(self.next.min(left)).await;
        self.next = (self.next * 2).min(LAST_PAUSE);
        true
    }
}

/// The slots that a read asks a node for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Least {
    /// If no node has reached this slot, the read fails.
    pub(super) floor: Option<u64>,
    /// If no node reaches this slot in time, the read does without.
    pub(super) wish: Option<u64>,
}

impl Chain {
    /// The slots that a read which begins now asks for.
    pub(super) fn least(&self, wish: Option<u64>) -> Least {
        let floor = self.floor.get();
        Least {
            floor,
            wish: wish.filter(|wish| floor.is_none_or(|floor| floor < *wish)),
        }
    }

    /// Runs a read until a node answers that has reached what is asked.
    ///
    /// # Errors
    /// `chain_unavailable`, also if none has reached the floor in time, or `overloaded`.
    pub(super) async fn fresh<T, F>(
        &self,
        least: Least,
        read: impl Fn(Option<u64>) -> F,
    ) -> ApiResult<T>
    where
        F: Future<Output = Result<Response<T>, ClientError>>,
    {
        let Least { floor, mut wish } = least;
        let mut pauses = self.floor.pauses();
        loop {
            let slot = floor.max(wish);
            let answer = {
                let _turn = self.turn().await?;
                tokio::time::timeout(RPC_TIMEOUT, read(slot)).await
            };
            match answer {
                // A proxy may not know the condition.
                Ok(Ok(answer)) if slot.is_none_or(|slot| answer.context.slot >= slot) => {
                    self.floor.reached(answer.context.slot);
                    return Ok(answer.value);
                }
                Ok(Ok(_)) => {}
                Ok(Err(error)) if is_behind(&error) => {}
                other => return answered(other).map(|answer| answer.value),
            }
            self.floor.missed(slot);
            // Without the wish, the question is asked once more.
            if !pauses.wait().await && wish.take().is_none() {
                self.floor.give_up(floor);
                return Err(behind());
            }
        }
    }
}

/// The refusal while no node has caught up.
fn behind() -> ApiError {
    ApiError::chain_unavailable()
        .saying("the node is behind what this service has seen already; try again in a few seconds")
}

/// Whether the node says that it has not reached the slot.
pub(super) fn is_behind(error: &ClientError) -> bool {
    matches!(
        &*error.kind,
        ErrorKind::RpcError(RpcError::RpcResponseError { code, .. }) if *code == NOT_REACHED
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_floor_rises_and_does_not_fall() {
        let mut state = State::default();
        let start = Instant::now();
        assert_eq!(state.newest(start), None);
        state.reached(7, start);
        state.reached(6, start);
        assert_eq!(state.newest(start), Some(7));
        state.reached(8, start);
        assert_eq!(state.newest(start + LIFE), Some(8));
        // The same slot again does not keep it alive
        state.reached(8, start + LIFE);
        assert_eq!(state.newest(start + LIFE + SECOND), None);
        // And then a lower one takes its place.
        state.reached(5, start + LIFE + SECOND);
        assert_eq!(state.newest(start + LIFE + SECOND), Some(5));
    }

    #[test]
    fn one_answer_far_ahead_is_not_believed() {
        let mut state = State::default();
        let start = Instant::now();
        state.reached(1_000, start);
        state.reached(1_000_000, start);
        state.reached(2_000_000, start);
        assert_eq!(state.newest(start), Some(1_000));
        state.reached(1_001 + JUMP - 1, start);
        assert_eq!(state.newest(start), Some(1_000 + JUMP));
        // Two that agree are.
        state.reached(1_000_000, start);
        state.reached(1_000_000 + JUMP, start);
        assert_eq!(state.newest(start), Some(1_000_000 + JUMP));
    }

    #[test]
    fn a_slot_that_nobody_reaches_is_forgotten() {
        let mut state = State::default();
        let start = Instant::now();
        state.reached(1_000_000, start);
        for second in 0..=10 {
            state.missed(Some(1_000_000), start + second * SECOND);
            assert_eq!(
                state.newest(start + second * SECOND),
                Some(1_000_000),
                "after {second} s"
            );
        }
        state.missed(Some(1_000_000), start + 11 * SECOND);
        assert_eq!(state.newest(start + 11 * SECOND), None);
        // But not while one node reaches it now and then, and not for misses long ago.
        state.reached(1_000_000, start);
        for second in 0..=40 {
            state.missed(Some(1_000_000), start + second * SECOND);
            if second % 8 == 0 {
                state.reached(1_000_000, start + second * SECOND);
            }
        }
        state.missed(Some(1_000_000), start + 55 * SECOND);
        assert_eq!(state.newest(start + 55 * SECOND), Some(1_000_000));
    }

    #[test]
    fn who_comes_while_nodes_are_behind_asks_once() {
        let mut state = State::default();
        let start = Instant::now();
        let patience = 2 * SECOND;
        state.reached(9, start);
        state.missed(Some(9), start);
        assert_eq!(state.deadline(start + SECOND, patience), start + 3 * SECOND);
        state.missed(Some(9), start + 3 * SECOND);
        // A slot of a caller's own says nothing about others.
        state.missed(Some(500), start + 3 * SECOND);
        let later = start + 4 * SECOND;
        assert_eq!(state.deadline(later, patience), later);
        state.reached(10, later);
        assert_eq!(state.deadline(later, patience), later + patience);
    }
}
