//! How often somebody may ask for what costs something. docs/decisions/limits.md says who, and why so.

use std::{
    borrow::Cow,
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    extract::{ConnectInfo, FromRequestParts, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use moka::future::Cache;
use uuid::Uuid;
use vouch_db::api::{
    attestations,
    limits::{self, Quota, Standing},
};

use crate::{
    Config,
    auth::Auth,
    chain::turns::for_client,
    clicks::visitor::client_address,
    connections::Peer,
    database::Database,
    error::{ApiError, ApiResult},
};

/// Seconds in which a quota that was used up is whole again.
const WINDOW: f64 = 60.0;
/// Added to the window: Postgres rounds each step to a microsecond.
const ROUNDING: f64 = 0.001;
/// Quotas that are remembered, so that the memory is bounded.
const REMEMBERED: u64 = 100_000;
/// Time that Postgres has to count a request. After it, the replica counts for itself.
const PATIENCE: Duration = Duration::from_millis(500);

static RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
static RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// A name for what is limited, and the number of requests a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Policy {
    name: &'static str,
    per_minute: u32,
}

/// The one who asks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Who<'a> {
    /// The client's network, and each wider one around it.
    Network,
    /// A wallet that has proved that it asks.
    Wallet(&'a str),
    /// A wallet that somebody on the client's network has named. Others who name it have a quota of
    /// their own, so that nobody can use up that of the wallet.
    NamedWallet(&'a str),
    /// An API key.
    Key(Uuid),
}

/// The quotas that this replica remembers, and the policies.
pub(crate) struct Limits {
    /// Transactions that a network lets be built.
    builds: Policy,
    /// Transactions that a network lets be built by Actions. A client's proxy asks for all of its users.
    actions: Policy,
    /// Those of them for one wallet.
    action_accounts: Policy,
    /// Transactions that register a code.
    codes: Policy,
    /// Transactions that a network shows, in which an authority names its delegate.
    delegations: Policy,
    /// Messages to sign in with.
    challenges: Policy,
    /// Attempts to sign in.
    pub(crate) sign_ins: Policy,
    /// Changes by a wallet that has signed in, or by a key.
    pub(crate) changes: Policy,
    whole_at: Cache<String, Arc<Mutex<Instant>>>,
    trusted_proxy_hops: usize,
    database: Arc<Database>,
    /// Names subjects, so that Postgres does not learn them.
    auth: Arc<Auth>,
}

impl Limits {
    pub(crate) fn new(config: &Config, database: Arc<Database>, auth: Arc<Auth>) -> Self {
        let policy = |name, per_minute| Policy { name, per_minute };
        Self {
            builds: policy("builds", config.builds_per_minute),
            actions: policy("actions", config.actions_per_minute),
            action_accounts: policy("action-accounts", config.action_accounts_per_minute),
            codes: policy("codes", config.codes_per_minute),
            delegations: policy("delegations", config.delegations_per_minute),
            challenges: policy("challenges", config.sign_ins_per_minute),
            sign_ins: policy("sign-ins", config.sign_ins_per_minute),
            changes: policy("changes", config.changes_per_minute),
            whole_at: Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_idle(Duration::from_secs(61))
                .build(),
            trusted_proxy_hops: config.trusted_proxy_hops,
            database,
            auth,
        }
    }

    /// The policy of a route that is limited by network.
    fn of_route(&self, method: &Method, path: &str) -> Option<Policy> {
        match path {
            _ if method != Method::POST => None,
            "/v1/auth/challenge" => Some(self.challenges),
            "/v1/auth/sessions" => Some(self.sign_ins),
            _ if path.starts_with("/v1/transactions/") => Some(self.builds),
            _ if path.starts_with("/v1/campaigns/") && path.ends_with("/delegate") => {
                Some(self.delegations)
            }
            // The routes that tell the outcome of a transaction build nothing, and read the mirror alone.
            _ if path.starts_with("/v1/actions/") && !path.contains("/conversions/") => {
                Some(self.actions)
            }
            _ => None,
        }
    }
}

/// A share of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Share {
    subject: String,
    per_minute: u32,
}

impl Share {
    /// Seconds in which it gets one more request.
    fn step(&self) -> f64 {
        WINDOW / f64::from(self.per_minute.max(1))
    }

    /// Whether it has room for another request.
    fn has_room(&self, whole_in: f64) -> bool {
        whole_in + self.step() <= WINDOW + ROUNDING
    }

    /// The number of requests for which it has room.
    fn left(&self, whole_in: f64) -> u32 {
        let left = (WINDOW + ROUNDING - whole_in) / self.step();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast of a float saturates"
        )]
        let left = left as u32;
        left
    }
}

/// The networks around an address, the narrowest first, and how many times the quota each has: for IPv4
/// the address and its /24; for IPv6 the /64, which a household or a phone has for itself, the /48 of a
/// site, and the /32 of a provider.
pub(crate) fn networks(address: IpAddr) -> Vec<(String, u32)> {
    match address.to_canonical() {
        IpAddr::V4(address) => [(32, 1), (24, 10)]
            .map(|(bits, times)| {
                let network = address.to_bits() & u32::MAX << (32 - bits);
                (format!("{}/{bits}", Ipv4Addr::from_bits(network)), times)
            })
            .to_vec(),
        IpAddr::V6(address) => [(64, 1), (48, 10), (32, 100)]
            .map(|(bits, times)| {
                let network = address.to_bits() & u128::MAX << (128 - bits);
                (format!("{}/{bits}", Ipv6Addr::from_bits(network)), times)
            })
            .to_vec(),
    }
}

/// The shares of the policy that a request counts on.
fn shares(policy: Policy, who: Who<'_>, address: IpAddr) -> Vec<Share> {
    let share = |who: Cow<'_, str>, times: u32| Share {
        subject: format!("{} {who}", policy.name),
        per_minute: policy.per_minute.saturating_mul(times),
    };
    match who {
        Who::Network => networks(address)
            .into_iter()
            .map(|(network, times)| share(network.into(), times))
            .collect(),
        Who::Wallet(wallet) => vec![share(wallet.into(), 1)],
        Who::NamedWallet(wallet) => networks(address)
            .first()
            .map(|(network, _)| share(format!("{wallet} {network}").into(), 1))
            .into_iter()
            .collect(),
        Who::Key(key) => vec![share(key.to_string().into(), 1)],
    }
}

/// The rest of a policy after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Left {
    policy: &'static str,
    per_minute: u32,
    left: u32,
    /// Seconds until there is one more.
    seconds: u64,
}

impl Left {
    /// The standing of a share that is whole in so many seconds, after a request that was counted.
    fn counted(policy: Policy, share: &Share, whole_in: f64) -> Self {
        Self {
            policy: policy.name,
            per_minute: share.per_minute,
            left: share.left(whole_in),
            seconds: whole_seconds(share.step()),
        }
    }

    /// The standing of a share that has no room.
    fn full(policy: Policy, share: &Share, whole_in: f64) -> Self {
        Self {
            policy: policy.name,
            per_minute: share.per_minute,
            left: 0,
            seconds: whole_seconds(whole_in + share.step() - WINDOW),
        }
    }
}

/// At least as many seconds, and at least one.
fn whole_seconds(seconds: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast of a float saturates"
    )]
    let seconds = seconds.ceil() as u64;
    seconds.max(1)
}

/// The quotas of one request.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    address: IpAddr,
    left: Arc<Mutex<Vec<Left>>>,
}

impl<S: Send + Sync> FromRequestParts<S> for Meter {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        Self::of(parts)
    }
}

impl Meter {
    /// The request's.
    ///
    /// # Errors
    /// Never behind [`layer`].
    pub(crate) fn of(parts: &Parts) -> ApiResult<Self> {
        let meter = parts.extensions.get::<Self>();
        meter.cloned().ok_or_else(ApiError::internal)
    }

    /// The client's address.
    pub(crate) fn address(&self) -> IpAddr {
        self.address
    }

    /// Counts the request for the registration of a code by this wallet.
    ///
    /// # Errors
    /// `too_many_requests`.
    pub(crate) async fn code(&self, limits: &Limits, wallet: &str) -> ApiResult<()> {
        self.take(limits, limits.codes, Who::NamedWallet(wallet))
            .await
    }

    /// Counts the request for an Action of this wallet.
    ///
    /// # Errors
    /// `too_many_requests`.
    pub(crate) async fn action(&self, limits: &Limits, wallet: &str) -> ApiResult<()> {
        let policy = limits.action_accounts;
        self.take(limits, policy, Who::NamedWallet(wallet)).await
    }

    /// Counts the request.
    ///
    /// # Errors
    /// `too_many_requests`.
    pub(crate) async fn take(
        &self,
        limits: &Limits,
        policy: Policy,
        who: Who<'_>,
    ) -> ApiResult<()> {
        let shares = shares(policy, who, self.address);
        let standings = limits.take(&shares).await;
        // The narrowest that is full, else the one with the least room.
        let full = shares
            .iter()
            .zip(&standings)
            .find(|(_, standing)| !standing.has_room);
        if let Some((share, standing)) = full {
            let left = Left::full(policy, share, standing.whole_in);
            self.note(left);
            return Err(ApiError {
                retry_after: Some(left.seconds),
                ..ApiError::too_many_requests()
            });
        }
        let counted = shares
            .iter()
            .zip(&standings)
            .map(|(share, standing)| Left::counted(policy, share, standing.whole_in));
        if let Some(left) = counted.min_by_key(|left| left.left) {
            self.note(left);
        }
        Ok(())
    }

    /// Keeps what is left of each policy, and of a policy the least.
    fn note(&self, new: Left) {
        let mut all = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        match all.iter_mut().find(|left| left.policy == new.policy) {
            Some(known) if known.left <= new.left => {}
            Some(known) => *known = new,
            None => all.push(new),
        }
    }

    /// Writes the standard's headers: the policies, what is left, and the seconds until there is one
    /// more. <https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/>
    fn describe(&self, headers: &mut HeaderMap) {
        let all = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut policies, mut states) = (String::new(), String::new());
        for left in &*all {
            let separator = if policies.is_empty() { "" } else { ", " };
            let (name, quota) = (left.policy, left.per_minute);
            // Writing to a string cannot fail.
            let _ = write!(policies, "{separator}\"{name}\";q={quota};w={WINDOW}");
            let (left, seconds) = (left.left, left.seconds);
            let _ = write!(states, "{separator}\"{name}\";r={left};t={seconds}");
        }
        for (name, value) in [(&RATE_LIMIT_POLICY, policies), (&RATE_LIMIT, states)] {
            if let Ok(value) = HeaderValue::from_str(&value)
                && !value.is_empty()
            {
                headers.insert(name.clone(), value);
            }
        }
    }
}

impl Limits {
    /// Counts a request on all of these shares if each has room for it; else on none. Postgres counts for
    /// all replicas, except requests of shares that are known to be full. While it is away or slow, each
    /// replica counts for itself.
    async fn take(&self, shares: &[Share]) -> Vec<Standing> {
        let now = Instant::now();
        let mut known = Vec::with_capacity(shares.len());
        for share in shares {
            let fresh = async { Arc::new(Mutex::new(now)) };
            let whole_at = &self.whole_at;
            known.push(whole_at.get_with_by_ref(&share.subject, fresh).await);
        }
        // Counted here first: of requests at the same time, no more than have room reach Postgres.
        let alone = take_alone(shares, &known, now);
        if !alone.iter().all(|standing| standing.has_room) {
            return alone;
        }
        let shared = tokio::time::timeout(PATIENCE, self.take_shared(shares)).await;
        let Ok(Ok(standings)) = shared else {
            metrics::counter!("vouch_api_limits_counted_alone_total").increment(1);
            return alone;
        };
        let is_counted = standings.iter().all(|standing| standing.has_room);
        for ((share, known), standing) in shares.iter().zip(&known).zip(&standings) {
            let mut whole_at = known.lock().unwrap_or_else(PoisonError::into_inner);
            if !is_counted {
                let step = Duration::from_secs_f64(share.step());
                *whole_at = whole_at.checked_sub(step).unwrap_or(now);
            }
            // The standing of a share that has room contains a request that was counted on none.
            if is_counted || !standing.has_room {
                *whole_at = (*whole_at).max(now + Duration::from_secs_f64(standing.whole_in));
            }
        }
        standings
    }

    async fn take_shared(&self, shares: &[Share]) -> ApiResult<Vec<Standing>> {
        let mut quotas = Vec::with_capacity(shares.len());
        for share in shares {
            quotas.push(Quota {
                subject: self.auth.pseudonym(&self.database, &share.subject).await?,
                step: share.step(),
                window: WINDOW + ROUNDING,
            });
        }
        Ok(self
            .database
            .run_limit(async |pool| limits::take(&pool, &quotas).await)
            .await?)
    }
}

/// How the shares stand in this replica's memory.
fn standings(shares: &[Share], known: &[Arc<Mutex<Instant>>], now: Instant) -> Vec<Standing> {
    let standing = |(share, known): (&Share, &Arc<Mutex<Instant>>)| {
        let whole_at = *known.lock().unwrap_or_else(PoisonError::into_inner);
        let whole_in = whole_at.saturating_duration_since(now).as_secs_f64();
        Standing {
            has_room: share.has_room(whole_in),
            whole_in,
        }
    };
    shares.iter().zip(known).map(standing).collect()
}

/// Counts a request in this replica's memory.
fn take_alone(shares: &[Share], known: &[Arc<Mutex<Instant>>], now: Instant) -> Vec<Standing> {
    let mut standings = standings(shares, known, now);
    if standings.iter().all(|standing| standing.has_room) {
        for ((share, known), standing) in shares.iter().zip(known).zip(&mut standings) {
            let mut whole_at = known.lock().unwrap_or_else(PoisonError::into_inner);
            *whole_at = (*whole_at).max(now) + Duration::from_secs_f64(share.step());
            standing.whole_in = whole_at.saturating_duration_since(now).as_secs_f64();
        }
    }
    standings
}

/// Refuses a network that asks too often, and says what is left of each quota that the request counted on.
pub(crate) async fn layer(
    State(limits): State<Arc<Limits>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let meter = Meter {
        address: client_address(peer.address, request.headers(), limits.trusted_proxy_hops),
        left: Arc::default(),
    };
    request.extensions_mut().insert(meter.clone());
    let policy = limits.of_route(request.method(), request.uri().path());
    let room = match policy {
        Some(policy) => meter.take(&limits, policy, Who::Network).await,
        None => Ok(()),
    };
    let mut response = match room {
        Ok(()) => for_client(meter.address, next.run(request)).await,
        Err(refusal) => refusal.into_response(),
    };
    meter.describe(response.headers_mut());
    response
}

/// Deletes quotas that are whole, for ever.
pub(crate) async fn sweep(database: &Database) {
    loop {
        database.came_up().await;
        let old = database.run(async |pool| attestations::sweep(&pool).await);
        if let Err(error) = old.await {
            let cause = format!("{:#}", anyhow::Error::from(error));
            tracing::warn!(cause, "could not delete numbers of vouchers of old days");
        }
        while match database.run(async |pool| limits::sweep(&pool).await).await {
            Ok(more) => more,
            Err(error) => {
                let cause = format!("{:#}", anyhow::Error::from(error));
                tracing::warn!(cause, "could not delete limits that have passed");
                false
            }
        } {}
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
}

#[cfg(test)]
mod tests;
