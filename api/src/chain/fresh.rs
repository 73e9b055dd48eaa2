//! The slot that a read has to reach, so that a node that is behind does not answer for the chain.

use std::{
    future::Future,
    sync::{Mutex, PoisonError},
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

/// A slot that no answer has reached for this long is forgotten: the cluster was set back, or a node has
/// named a slot that does not exist.
const LIFE: Duration = Duration::from_secs(60);
/// Time for a node to catch up, or for the balancer to choose one that has.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
/// Pause before the next question: half a slot.
pub(super) const PAUSE: Duration = Duration::from_millis(200);

/// The newest slot that the service has seen, of a node or of the mirror.
#[derive(Debug, Default)]
pub(crate) struct Floor(Mutex<Option<(u64, Instant)>>);

impl Floor {
    /// Nothing older than this slot counts any more.
    pub(crate) fn raise(&self, slot: u64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_none_or(|(old, at)| old <= slot || at.elapsed() > LIFE) {
            *known = Some((slot, Instant::now()));
        }
    }

    /// The slot that a node has to have reached; `None` if none is known.
    pub(super) fn get(&self) -> Option<u64> {
        let known = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .filter(|(_, at)| at.elapsed() <= LIFE)
            .map(|(slot, _)| slot)
    }
}

impl Chain {
    /// Runs a read until a node answers that has reached `floor`.
    ///
    /// # Errors
    /// `chain_unavailable`, also if none has reached it after [`PATIENCE`], or `overloaded`.
    pub(super) async fn fresh<T, F>(
        &self,
        floor: Option<u64>,
        read: impl Fn(Option<u64>) -> F,
    ) -> ApiResult<T>
    where
        F: Future<Output = Result<Response<T>, ClientError>>,
    {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = {
                let _turn = self.turn().await?;
                tokio::time::timeout(RPC_TIMEOUT, read(floor)).await
            };
            match answer {
                // A proxy may not know the condition.
                Ok(Ok(answer)) if floor.is_none_or(|floor| answer.context.slot >= floor) => {
                    self.floor.raise(answer.context.slot);
                    return Ok(answer.value);
                }
                Ok(Ok(_)) => {}
                Ok(Err(error)) if is_behind(&error) => {}
                other => return answered(other).map(|answer| answer.value),
            }
            if Instant::now() >= deadline {
                return Err(behind());
            }
            tokio::time::sleep(PAUSE).await;
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

    #[test]
    fn a_floor_rises_and_does_not_fall() {
        let floor = Floor::default();
        assert_eq!(floor.get(), None);
        floor.raise(7);
        floor.raise(6);
        assert_eq!(floor.get(), Some(7));
        floor.raise(8);
        assert_eq!(floor.get(), Some(8));
        // One that nothing has reached for a minute is forgotten, and a lower one takes its place.
        let Some(long_ago) = Instant::now().checked_sub(LIFE + Duration::from_secs(1)) else {
            return;
        };
        *floor.0.lock().unwrap() = Some((u64::MAX, long_ago));
        assert_eq!(floor.get(), None);
        floor.raise(9);
        assert_eq!(floor.get(), Some(9));
    }
}
