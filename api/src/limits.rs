//! How often one network may ask for what is expensive: transactions, for which a node is asked.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method},
    middleware::Next,
    response::{IntoResponse, Response},
};
use moka::future::Cache;

use crate::{clicks::visitor::client_address, error::ApiError, state::AppState};

/// The routes that are limited.
const LIMITED: &str = "/v1/transactions/";
/// The time in which a quota that was used up is whole again.
const WINDOW: Duration = Duration::from_secs(60);
/// Networks that are remembered, so that the memory is bounded.
const NETWORKS: u64 = 100_000;

static RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
static RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The quotas of networks. Each process has its own.
///
/// It is the generic cell rate algorithm: of each network it knows the time at which its quota is
/// whole again, which each request moves by the same step, and which is never more than a window
/// ahead. <https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm>
pub(crate) struct Limits {
    per_minute: u32,
    whole_at: Cache<IpAddr, Arc<Mutex<Instant>>>,
}

impl Limits {
    /// Lets each network ask `per_minute` times a minute, also all at once.
    pub(crate) fn new(per_minute: u32) -> Self {
        Self {
            per_minute: per_minute.max(1),
            whole_at: Cache::builder()
                .max_capacity(NETWORKS)
                .time_to_idle(WINDOW)
                .build(),
        }
    }

    /// The time in which a network gets one more request.
    fn step(&self) -> Duration {
        WINDOW / self.per_minute
    }

    /// Counts a request of the network at `now`. Returns how many it has left, or the time that it
    /// has to wait for the next one.
    async fn take(&self, address: IpAddr, now: Instant) -> Result<u32, Duration> {
        let new = async { Arc::new(Mutex::new(now)) };
        let whole_at = self.whole_at.get_with(network(address), new).await;
        let mut whole_at = whole_at.lock().unwrap_or_else(PoisonError::into_inner);
        let used = whole_at.saturating_duration_since(now) + self.step();
        match WINDOW.checked_sub(used) {
            Some(left) => {
                *whole_at = now + used;
                let left = left.as_nanos() / self.step().as_nanos().max(1);
                Ok(u32::try_from(left).unwrap_or(u32::MAX))
            }
            None => Err(used.saturating_sub(WINDOW)),
        }
    }

    /// Writes the standard's headers: the policy, what is left, and the seconds until there is one
    /// more. <https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/>
    fn describe(&self, headers: &mut HeaderMap, left: u32, seconds: u64) {
        let policy = format!("\"builds\";q={};w=60", self.per_minute);
        let state = format!("\"builds\";r={left};t={seconds}");
        for (name, value) in [(&RATE_LIMIT_POLICY, policy), (&RATE_LIMIT, state)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name.clone(), value);
            }
        }
    }
}

/// The network of a client: an IPv4 address, or the /64 of an IPv6 address, which a household or a
/// phone has for itself.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

/// Refuses a client that asks too often.
pub(crate) async fn layer(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    if request.method() != Method::POST || !request.uri().path().starts_with(LIMITED) {
        return next.run(request).await;
    }
    let address = client_address(peer, request.headers(), state.trusted_proxy_hops);
    let limits = &state.limits;
    let (mut response, left, seconds) = match limits.take(address, Instant::now()).await {
        Ok(left) => (next.run(request).await, left, whole_seconds(limits.step())),
        Err(wait) => {
            let seconds = whole_seconds(wait);
            let refusal = ApiError {
                retry_after: Some(seconds),
                ..ApiError::too_many_requests()
            };
            (refusal.into_response(), 0, seconds)
        }
    };
    limits.describe(response.headers_mut(), left, seconds);
    response
}

/// At least as many seconds.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_network_has_one_quota_and_others_have_theirs() {
        // Given two requests a minute
        let limits = Limits::new(2);
        let now = Instant::now();
        let take = async |address: &str, after: u64| {
            let at = now + Duration::from_secs(after);
            limits.take(address.parse().unwrap(), at).await
        };
        // When addresses of one /64 ask, then they share them
        assert_eq!(take("2001:db8:0:1::1", 0).await, Ok(1));
        assert_eq!(take("2001:db8:0:1:ffff::2", 0).await, Ok(0));
        let wait = |seconds| Err(Duration::from_secs(seconds));
        assert_eq!(take("2001:db8:0:1::3", 0).await, wait(30));
        // And who is refused does not wait longer for that
        assert_eq!(take("2001:db8:0:1::3", 29).await, wait(1));
        assert_eq!(take("2001:db8:0:1::3", 30).await, Ok(0));
        assert_eq!(take("2001:db8:0:1::3", 59).await, wait(1));
        assert_eq!(take("2001:db8:0:1::3", 120).await, Ok(1));
        // And others have their own, also by IPv4, however it is written
        assert_eq!(take("2001:db8:0:2::1", 0).await, Ok(1));
        assert_eq!(take("192.0.2.7", 0).await, Ok(1));
        assert_eq!(take("::ffff:192.0.2.7", 0).await, Ok(0));
        assert_eq!(take("192.0.2.8", 0).await, Ok(1));
    }

    #[tokio::test]
    async fn the_memory_is_bounded() {
        // Given more networks than are remembered
        let limits = Limits::new(60);
        for network in 0..150_000_u128 {
            let address = IpAddr::V6(Ipv6Addr::from_bits(network << 64));
            assert_eq!(limits.take(address, Instant::now()).await, Ok(59));
        }
        // Then the others are forgotten
        limits.whole_at.run_pending_tasks().await;
        assert!(limits.whole_at.entry_count() <= NETWORKS);
    }
}
