//! Notifications of new transactions. They only make the next round begin at once: what a
//! notification says is not believed, and one that never comes is not missed.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures::{StreamExt as _, future::join_all};
use solana_client::{
    nonblocking::pubsub_client::PubsubClient,
    rpc_config::{RpcTransactionLogsConfig, RpcTransactionLogsFilter},
};
use solana_sdk::signature::Signature;
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};
use vouch_client::PROGRAM_ID;

use crate::{
    commitment::{Commitment, config},
    failure::Failure,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(30);
/// A transaction that was announced is looked for this often and this long, because a node may
/// announce it before it lists it.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(50);
const LOOK_FOR: Duration = Duration::from_secs(5);
/// Most announced transactions that are remembered.
const MOST_EXPECTED: usize = 10_000;
/// Rounds begin at once for this many announcements, and then once in this time. A slot takes 0.4 seconds,
/// and its transactions are announced together, so each slot is shown before the next one. Announcements
/// that come faster share a round.
const AT_ONCE: u32 = 4;
const PACE: Duration = Duration::from_millis(200);

/// The announced transactions that are not mirrored yet.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    expected: Mutex<Expected>,
    announced: Notify,
}

#[derive(Debug, Default)]
struct Expected {
    /// Each with the time of its first announcement.
    signatures: HashMap<String, Instant>,
    /// Whether one of them was announced after the last round began.
    is_new: bool,
    /// Whether a subscription has begun since: what happened before was not announced.
    is_connected: bool,
    /// When the last announced round began.
    looked: Option<Instant>,
    /// Whether the stream has brought transactions since the last round.
    is_streamed: bool,
    /// How many announced rounds have begun.
    begun: u64,
    /// Those of them that began for a transaction which was announced since the last one.
    told: u64,
    allowance: Allowance,
}

/// How many announced rounds may begin.
#[derive(Debug, Default)]
struct Allowance {
    /// When all of it will be there again.
    whole: Option<Instant>,
}

impl Allowance {
    /// The moment from which a round may begin.
    fn due(&self, now: Instant) -> Instant {
        let due = self
            .whole
            .and_then(|it| it.checked_sub(PACE * (AT_ONCE - 1)));
        due.map_or(now, |due| due.max(now))
    }

    /// A round begins.
    fn take(&mut self, now: Instant) {
        self.whole = Some(self.whole.map_or(now, |whole| whole.max(now)) + PACE);
    }
}

impl Expected {
    fn announce(&mut self, signature: String, now: Instant) {
        if self.signatures.len() < MOST_EXPECTED && !self.signatures.contains_key(&signature) {
            self.signatures.insert(signature, now);
            self.is_new = true;
        }
    }

    /// Forgets what is mirrored, or was looked for long enough.
    fn forget(&mut self, now: Instant, is_mirrored: impl Fn(&str) -> bool) {
        self.signatures.retain(|signature, since| {
            now.saturating_duration_since(*since) < LOOK_FOR && !is_mirrored(signature)
        });
    }

    /// When the next announced round begins; `None` if nothing is missing.
    fn due(&self, now: Instant) -> Option<Instant> {
        let due = self.allowance.due(now);
        match (self.looked, self.signatures.is_empty()) {
            _ if self.is_connected => Some(due),
            (_, true) => None,
            (Some(looked), false) if !self.is_new => Some(due.max(looked + LOOK_AGAIN)),
            (_, false) => Some(due),
        }
    }

    fn begin(&mut self, now: Instant) {
        self.told += u64::from(self.is_new);
        self.is_new = false;
        self.is_connected = false;
        self.looked = Some(now);
        self.begun += 1;
        self.allowance.take(now);
    }
}

/// Why a round begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begin {
    /// The time has come.
    Due,
    /// A transaction was announced that is not mirrored yet.
    Announced,
    /// The stream has brought transactions.
    Streamed,
}

impl Wake {
    /// Listens to all nodes until the process ends, but not while the stream is live. Without a
    /// WebSocket the mirror polls, so nothing fails, and one that is silent holds up nobody.
    pub(crate) async fn listen(&self, urls: &[String], mut live: watch::Receiver<bool>) {
        loop {
            // The sender of the stream is dropped after this.
            let _ = live.wait_for(|live| !live).await;
            let all = join_all(urls.iter().map(|url| self.listen_to(url)));
            tokio::select! {
                _ = all => return,
                _ = live.wait_for(|live| *live) => {}
            }
        }
    }

    async fn listen_to(&self, url: &str) {
        let mut pause = FIRST_PAUSE;
        loop {
            let start = Instant::now();
            let failure = self.session(url).await;
            if start.elapsed() > LAST_PAUSE {
                pause = FIRST_PAUSE;
            }
            metrics::counter!("vouch_indexer_websocket_failures_total").increment(1);
            tracing::warn!(retry_in = ?pause, "polling without notifications: {failure}");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    /// Listens until the connection fails.
    async fn session(&self, url: &str) -> Failure {
        match self.try_session(url).await {
            Ok(()) => Failure::Chain("WebSocket: the node closed the connection".into()),
            Err(failure) => failure,
        }
    }

    async fn try_session(&self, url: &str) -> Result<(), Failure> {
        let client = within("WebSocket", PubsubClient::new(url)).await?;
        let filter = RpcTransactionLogsFilter::Mentions(vec![PROGRAM_ID.to_string()]);
        let config = RpcTransactionLogsConfig {
            commitment: Some(config(Commitment::Confirmed)),
        };
        let subscribe = client.logs_subscribe(filter, config);
        let (mut notifications, _unsubscribe) = within("logsSubscribe", subscribe).await?;
        self.expected().is_connected = true;
        self.announced.notify_one();
        while let Some(notification) = notifications.next().await {
            // Anything may come as a signature, of any length.
            if let Ok(signature) = notification.value.signature.parse::<Signature>() {
                self.expect(signature.to_string());
            }
        }
        Ok(())
    }

    fn expected(&self) -> MutexGuard<'_, Expected> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stream has brought transactions, or replaced blocks.
    #[cfg(feature = "grpc")]
    pub(crate) fn stream(&self) {
        self.expected().is_streamed = true;
        self.announced.notify_one();
    }

    /// This transaction was announced.
    pub(crate) fn expect(&self, signature: String) {
        self.expected().announce(signature, Instant::now());
        self.announced.notify_one();
    }

    /// How many rounds have begun for announcements.
    pub(crate) fn begun(&self) -> u64 {
        self.expected().begun
    }

    /// How many of them have begun for a transaction that was announced since the last one.
    pub(crate) fn told(&self) -> u64 {
        self.expected().told
    }

    /// Waits until a round should begin: soon if an announced transaction is not mirrored yet, and at
    /// the latest after `pause`.
    pub(crate) async fn wait(&self, pause: Duration, is_mirrored: impl Fn(&str) -> bool) -> Begin {
        let end = Instant::now() + pause;
        // Meanwhile nothing is mirrored. So announcements, of which there may be very many, do not ask again
        // for all that are expected.
        self.expected().forget(Instant::now(), &is_mirrored);
        loop {
            let now = Instant::now();
            let due = {
                let mut expected = self.expected();
                if std::mem::take(&mut expected.is_streamed) {
                    return Begin::Streamed;
                }
                let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now);
                let mut due = expected.due(now);
                if is_due(due) {
                    // Transactions announced since may be mirrored already.
                    expected.forget(now, &is_mirrored);
                    due = expected.due(now);
                }
                if is_due(due) {
                    expected.begin(now);
                    return Begin::Announced;
                }
                due
            };
            if now >= end {
                return Begin::Due;
            }
            let until = due.map_or(end, |due| due.min(end));
            // The end of the pause is no error.
            let _ = timeout(until - now, self.announced.notified()).await;
        }
    }
}

async fn within<T, E: std::fmt::Display>(
    what: &str,
    future: impl Future<Output = Result<T, E>>,
) -> Result<T, Failure> {
    match timeout(CONNECT_TIMEOUT, future).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Failure::chain(what, error)),
        Err(_) => Err(Failure::Chain(format!("{what}: no answer"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(10);

    /// The ticks at which rounds begin, when `announce` says what is announced at each tick, and
    /// `is_mirrored` what is mirrored after so many rounds.
    fn rounds(
        ticks: u32,
        announce: impl Fn(u32) -> Option<u32>,
        is_mirrored: impl Fn(u32) -> bool,
    ) -> Vec<u32> {
        let start = Instant::now();
        let mut expected = Expected::default();
        let mut begun = Vec::new();
        for tick in 0..ticks {
            let now = start + TICK * tick;
            if let Some(number) = announce(tick) {
                expected.announce(number.to_string(), now);
            }
            expected.forget(now, |signature| {
                // A round mirrors what was announced until it began.
                let number: u32 = signature.parse().expect("a number");
                is_mirrored(number) && begun.iter().any(|begun| *begun >= number)
            });
            if expected.due(now).is_some_and(|due| due <= now) {
                expected.begin(now);
                begun.push(tick);
            }
        }
        begun
    }

    #[test]
    fn announcements_begin_rounds_at_once_and_many_share_them() {
        // Given an announcement every second, then each begins a round at once
        let seldom = |tick: u32| tick.is_multiple_of(100).then_some(tick);
        assert_eq!(rounds(500, seldom, |_| true), [0, 100, 200, 300, 400]);
        // Given one every ten milliseconds, then a few begin rounds at once, and later ones share one
        // every 200 ms
        let often = rounds(200, Some, |_| true);
        assert_eq!(often[..7], [0, 1, 2, 3, 20, 40, 60]);
        assert_eq!(often.len(), 4 + 9);
    }

    #[test]
    fn what_was_announced_is_looked_for_again_and_not_for_ever() {
        // Given a transaction that is announced and never listed
        let once = |tick: u32| (tick == 0).then_some(0);
        let looked = rounds(2000, once, |_| false);
        // Then it is looked for soon, more seldom, and for five seconds
        assert_eq!(looked[..6], [0, 5, 10, 15, 20, 40]);
        assert_eq!(looked.last(), Some(&480));
        // And one that is announced again and again is looked for no longer
        let again = rounds(700, |tick| (tick < 400).then_some(0), |_| false);
        assert!(again.last() < Some(&500), "{again:?}");
        // And one that is mirrored begins one round, however often it is announced
        let twice = rounds(100, |tick| tick.is_multiple_of(7).then_some(0), |_| true);
        assert_eq!(twice, [0]);
    }

    #[tokio::test]
    async fn announcements_do_not_ask_again_for_all_that_are_expected() {
        // Given no round that may begin soon
        let wake = Wake::default();
        for _ in 0..10_000 {
            wake.expected().begin(Instant::now());
        }
        for number in 0..1000 {
            wake.expect(number.to_string());
        }
        let asked = std::cell::Cell::new(0);
        let is_mirrored = |_: &str| {
            asked.set(asked.get() + 1);
            false
        };
        // When more are announced while it waits
        let announce = async {
            for number in 1000..1100 {
                wake.expect(number.to_string());
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            _ = wake.wait(Duration::from_secs(3600), is_mirrored) => panic!("a round begins"),
            () = announce => {}
        }
        // Then it has asked once for each that was there
        assert_eq!(asked.get(), 1000);
        assert_eq!(wake.expected().signatures.len(), 1100);
    }

    #[test]
    fn as_many_are_remembered_as_fit() {
        let now = Instant::now();
        let mut expected = Expected::default();
        for number in 0..2 * MOST_EXPECTED {
            expected.announce(number.to_string(), now);
        }
        assert_eq!(expected.signatures.len(), MOST_EXPECTED);
        // And what is left out begins a round as well
        expected.forget(now, |_| false);
        assert_eq!(expected.due(now), Some(now));
    }
}
