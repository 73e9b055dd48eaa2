//! Delivers messages: many at the same time, few to each endpoint.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use metrics::{counter, gauge, histogram};
use rand::Rng as _;
use tokio::task::JoinSet;
use uuid::Uuid;
use vouch_db::{
    Error, PgPool,
    webhooks::deliveries::{self, Failed, Taken, Wanted},
};

use crate::{
    config::Config,
    health::{Health, Part},
    message::Time,
    post::{Attempt, Post},
};

/// Pause after a failure of Postgres.
const PAUSE: Duration = Duration::from_millis(500);
/// Postgres counts as silent, and the action as failed, after this time.
const SILENCE: Duration = Duration::from_secs(60);
/// Shortest time between two looks at Postgres.
const PACE: Duration = Duration::from_millis(20);
/// An answer after this time is slow.
const SLOW: Duration = Duration::from_secs(3);
/// Each pause is this many times as long as the one before.
const GROWTH: f64 = 3.0;

/// The things that attempts need.
struct Office {
    pool: PgPool,
    config: Config,
    post: Post,
}

/// The two kinds of endpoints. Each has connections of its own, so that endpoints that fail or are
/// slow keep none of those that the others need.
const POOLS: [bool; 2] = [false, true];

/// The current work of the sender.
#[derive(Default)]
struct Desk {
    attempts: JoinSet<(Uuid, bool)>,
    /// Attempts of each endpoint.
    busy: HashMap<Uuid, i32>,
    /// Attempts of each kind of endpoint.
    used: [usize; 2],
}

impl Desk {
    fn begin(&mut self, office: &Arc<Office>, taken: Taken, troubled: bool) {
        *self.busy.entry(taken.endpoint).or_default() += 1;
        self.used[usize::from(troubled)] += 1;
        let office = Arc::clone(office);
        self.attempts.spawn(async move {
            let endpoint = taken.endpoint;
            attempt(&office, &taken).await;
            (endpoint, troubled)
        });
    }

    fn ended(&mut self, outcome: Result<(Uuid, bool), tokio::task::JoinError>) {
        match outcome {
            Ok((endpoint, troubled)) => {
                self.used[usize::from(troubled)] -= 1;
                if let Some(count) = self.busy.get_mut(&endpoint) {
                    *count -= 1;
                    if *count == 0 {
                        self.busy.remove(&endpoint);
                    }
                }
            }
            // It panicked. Its lease ends, and its place stays taken.
            Err(error) => tracing::error!("an attempt ended badly: {error}"),
        }
    }
}

/// Delivers until `stop` is ready, then waits for the attempts that were begun.
pub(crate) async fn run(
    pool: &PgPool,
    config: &Config,
    post: Post,
    health: &Arc<Health>,
    stop: impl Future<Output = ()>,
) {
    let office = Arc::new(Office {
        pool: pool.clone(),
        config: config.clone(),
        post,
    });
    let mut desk = Desk::default();
    let mut stop = std::pin::pin!(stop);
    loop {
        while let Some(ended) = desk.attempts.try_join_next() {
            desk.ended(ended);
        }
        let start = Instant::now();
        let outcome = in_time(fill(&office, &mut desk)).await;
        // A look takes long when many endpoints wait. Postgres rests in between.
        let pace = start.elapsed().max(PACE);
        let pause = match outcome {
            Ok(()) => {
                health.well(Part::Sender);
                config.poll().max(pace * 4)
            }
            Err(error) => {
                health.failed(Part::Sender, &error);
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(cause, "cannot take deliveries: {error}");
                PAUSE
            }
        };
        health.passed(Part::Sender);
        gauge!("vouch_webhooks_attempts_open").set(f64::from(
            u32::try_from(desk.attempts.len()).unwrap_or(u32::MAX),
        ));
        tokio::select! {
            () = &mut stop => break,
            Some(ended) = desk.attempts.join_next() => {
                desk.ended(ended);
                // Others may end meanwhile.
                tokio::time::sleep(pace).await;
            }
            () = tokio::time::sleep(pause) => {}
        }
    }
    while desk.attempts.join_next().await.is_some() {}
}

/// Begins attempts as long as there is room.
async fn fill(office: &Arc<Office>, desk: &mut Desk) -> Result<(), Error> {
    let config = &office.config;
    let all = usize::from(config.concurrency);
    for troubled in POOLS {
        let (room, each) = if troubled {
            (all / 4, 1)
        } else {
            (all - all / 4, i32::from(config.endpoint_concurrency))
        };
        let free = room.saturating_sub(desk.used[usize::from(troubled)]);
        if free == 0 {
            continue;
        }
        let busy: Vec<_> = desk.busy.iter().map(|(id, count)| (*id, *count)).collect();
        let wanted = Wanted {
            troubled,
            limit: i64::try_from(free).unwrap_or(i64::MAX),
            each,
            busy: &busy,
            lease: config.lease(),
        };
        for taken in deliveries::take(&office.pool, &wanted).await? {
            desk.begin(office, taken, troubled);
        }
    }
    Ok(())
}

/// Sends a message once, and notes what became of it. If that cannot be noted, the lease ends and the
/// message is sent again, under the same id.
async fn attempt(office: &Office, taken: &Taken) {
    let start = Instant::now();
    let attempt = office.post.send(taken, Time::now().0).await;
    let took = start.elapsed();
    histogram!("vouch_webhooks_attempt_seconds").record(took.as_secs_f64());
    if let Err(error) = in_time(note(office, taken, &attempt, took)).await {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        tracing::error!(cause, id = taken.message, "cannot note an attempt: {error}");
    }
}

async fn in_time<T>(action: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let outcome = tokio::time::timeout(SILENCE, action).await;
    outcome.unwrap_or_else(|_| Err(vouch_db::api::busy()))
}

async fn note(
    office: &Office,
    taken: &Taken,
    attempt: &Attempt,
    took: Duration,
) -> Result<(), Error> {
    let Office { pool, config, .. } = office;
    match attempt {
        Attempt::Delivered(status) => {
            deliveries::delivered(pool, taken, *status, took >= SLOW).await?;
            counter!("vouch_webhooks_delivered_total").increment(1);
        }
        Attempt::Gone => {
            counter!("vouch_webhooks_failed_total").increment(1);
            if deliveries::gone(pool, taken).await? {
                notice(taken, "it answered 410 Gone");
            }
        }
        Attempt::Failed { status, error } => {
            counter!("vouch_webhooks_failed_total").increment(1);
            let failed = Failed {
                status: *status,
                error,
                pause: pause(
                    config,
                    taken.attempts,
                    rand::thread_rng().gen_range(0.8..=1.2),
                ),
                keep_trying: config.retry_for,
            };
            let after = deliveries::failed(pool, taken, &failed).await?;
            tracing::debug!(id = taken.message, endpoint = %taken.endpoint, "{error}");
            if after.given_up {
                counter!("vouch_webhooks_given_up_total").increment(1);
                tracing::warn!(id = taken.message, endpoint = %taken.endpoint,
                    "given up: {error}");
            }
            if after.disabled {
                notice(taken, error);
            }
        }
    }
    Ok(())
}

fn notice(taken: &Taken, why: &str) {
    counter!("vouch_webhooks_disabled_total").increment(1);
    tracing::warn!(endpoint = %taken.endpoint, "the endpoint is disabled: {why}");
}

/// The pause after this many attempts failed before, times `jitter`.
fn pause(config: &Config, failed_before: i32, jitter: f64) -> Duration {
    let longest = config.retry_for.as_secs_f64() / 6.0;
    let grown = config.retry.as_secs_f64() * GROWTH.powi(failed_before.clamp(0, 100));
    Duration::from_secs_f64(grown.min(longest) * jitter)
}
