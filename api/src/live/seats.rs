//! How many streams there may be: in the process, and of one network.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

use crate::error::{ApiError, ApiResult};

/// Seconds after which a client that found no seat may try again.
const RETRY_AFTER: u64 = 30;

/// The seats of a process.
pub(super) struct Seats {
    most: usize,
    per_network: u32,
    networks: Mutex<HashMap<String, u32>>,
    /// How many are taken.
    taken: watch::Sender<usize>,
}

impl Seats {
    pub(super) fn new(most: u32, per_network: u32) -> Self {
        Self {
            most: usize::try_from(most).unwrap_or(usize::MAX),
            per_network,
            networks: Mutex::default(),
            taken: watch::Sender::new(0),
        }
    }

    /// The seats of a network that may have this many times the number of one network: at most a
    /// quarter of all, so that nobody takes them from everybody else.
    fn most_of(&self, times: u32) -> u32 {
        let quarter = u32::try_from(self.most / 4).unwrap_or(u32::MAX).max(1);
        self.per_network.saturating_mul(times).min(quarter)
    }

    pub(super) fn taken(&self) -> usize {
        *self.taken.borrow()
    }

    /// Returns when one is taken.
    pub(super) async fn wanted(&self) {
        // The sender lives as long as the service.
        let _ = self.taken.subscribe().wait_for(|taken| *taken > 0).await;
    }

    pub(super) fn take(seats: &Arc<Self>, networks: Vec<(String, u32)>) -> ApiResult<Seat> {
        let mut known = seats
            .networks
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let is_full = networks.iter().any(|(network, times)| {
            let taken = known.get(network).copied().unwrap_or_default();
            taken >= seats.most_of(*times)
        });
        if is_full {
            let message = "this network has as many streams open as it may; close one first";
            return Err(ApiError {
                retry_after: Some(RETRY_AFTER),
                ..ApiError::too_many_requests().saying(message)
            });
        }
        if seats.taken() >= seats.most {
            let message = "as many streams are open as this service has; try again later";
            return Err(ApiError {
                retry_after: Some(RETRY_AFTER),
                ..ApiError::overloaded().saying(message)
            });
        }
        let networks: Vec<_> = networks.into_iter().map(|(network, _)| network).collect();
        for network in &networks {
            *known.entry(network.clone()).or_default() += 1;
        }
        // Still under the lock, so that no two take the last one.
        seats.count(|taken| taken + 1);
        drop(known);
        Ok(Seat {
            seats: Arc::clone(seats),
            networks,
        })
    }

    fn count(&self, change: impl FnOnce(usize) -> usize) {
        self.taken.send_modify(|taken| {
            *taken = change(*taken);
            let streams = u32::try_from(*taken).unwrap_or(u32::MAX);
            metrics::gauge!("vouch_api_live_streams").set(f64::from(streams));
        });
    }
}

/// A seat. Dropping it gives it back.
pub(crate) struct Seat {
    seats: Arc<Seats>,
    networks: Vec<String>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let networks = &self.seats.networks;
        let mut known = networks.lock().unwrap_or_else(PoisonError::into_inner);
        for network in &self.networks {
            if let Some(taken) = known.get_mut(network) {
                *taken -= 1;
                if *taken == 0 {
                    known.remove(network);
                }
            }
        }
        self.seats.count(|taken| taken.saturating_sub(1));
    }
}
