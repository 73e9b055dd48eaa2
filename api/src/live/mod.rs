//! Server-sent events: one task follows the mirror's log for all streams of the process.
//!
//! [`follow`] reads, [`Live`] hands out, [`stream`] is what a client gets. docs/decisions/live.md says
//! what is guaranteed.

mod event;
mod follow;
mod plan;
mod position;
mod seats;
mod stream;

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::body::Bytes;
use tokio::sync::{Notify, mpsc, watch};
use vouch_db::PgPool;

use follow::Look;
pub(crate) use follow::follow;
use position::{Known, Position};
pub(crate) use seats::Seat;
use seats::Seats;
pub(crate) use stream::Stream;

use crate::{
    Config,
    connections::Connection,
    error::{ApiError, ApiResult},
};

/// Events that wait for a slow client. One more, and its stream ends.
const BUFFER: usize = 256;
/// Events that are kept for clients that resume, of everything together.
const TAIL: usize = 4_096;
/// Most events of one topic that are told at once, or to a client that resumes. Instead of more, the
/// client is told to read again.
const BURST: usize = 200;
/// Rows of the log by which a client's position is known.
const ROWS: usize = 10_000;
/// Events that are handed out before other tasks get their turn.
const TURN: usize = 256;
/// Time for a client to take the rest of a stream that has ended. Then its connection ends, too.
const GRACE: Duration = Duration::from_secs(5);
/// Time for the first look at Postgres.
const PATIENCE: Duration = Duration::from_secs(5);

/// Time for a look on behalf of a client that has seen more than this process.
const AHEAD: Duration = Duration::from_secs(2);

/// The subject of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Topic {
    /// A campaign, by its address.
    Campaign(Arc<str>),
    /// A code, by the address of its referral.
    Referral(Arc<str>),
    /// A referrer, by the wallet.
    Referrer(Arc<str>),
    /// The leaderboard of a campaign; `None` over all campaigns.
    Board(Option<Arc<str>>),
}

/// An event that is kept.
#[derive(Debug, Clone)]
struct Item {
    position: Position,
    /// The topics whose streams get it.
    topics: Vec<Topic>,
    frame: Bytes,
}

/// How far the process has told what happened.
struct Current {
    /// The last place.
    head: Position,
    /// The last row of which everything was told, and the number of that row.
    done: (i64, i32),
    /// Everything confirmed up to this slot was told.
    slot: Option<i64>,
    /// Rows of the log up to that place, with the number of each.
    rows: VecDeque<(i64, i32)>,
    /// The last events, in their order: all after `floor`.
    tail: VecDeque<Item>,
    floor: Position,
}

impl Current {
    fn new(known: Known) -> Self {
        Self {
            head: Position::end(known),
            done: (known.id, known.mark),
            slot: None,
            rows: VecDeque::from([(known.id, known.mark)]),
            tail: VecDeque::new(),
            floor: Position::end(known),
        }
    }

    fn keep(&mut self, item: Item) {
        self.tail.push_back(item);
        while self.tail.len() > TAIL
            && let Some(gone) = self.tail.pop_front()
        {
            self.floor = gone.position;
        }
    }

    /// Goes on to this place.
    fn pass(&mut self, place: Position) {
        self.head = place;
        if self.rows.back().is_none_or(|(id, _)| *id < place.entry) {
            self.rows.push_back((place.entry, place.mark));
        }
        while self.rows.len() > ROWS {
            self.rows.pop_front();
        }
    }

    /// The events after `last` that a client with this topic has missed; `None` if they are not known.
    fn missed(&self, last: Position, topic: &Topic) -> Option<Vec<Bytes>> {
        let row = self.rows.binary_search_by_key(&last.entry, |(id, _)| *id);
        let (_, mark) = self.rows.get(row.ok()?)?;
        if *mark != last.mark || last < self.floor || last > self.head {
            return None;
        }
        let missed: Vec<_> = self
            .tail
            .iter()
            .filter(|item| item.position > last && item.topics.contains(topic))
            .map(|item| item.frame.clone())
            .take(BURST + 1)
            .collect();
        (missed.len() <= BURST).then_some(missed)
    }
}

/// The state that streams share with the task that feeds them.
#[derive(Default)]
struct Shared {
    /// `None` while nobody listens.
    current: Option<Current>,
    topics: HashMap<Topic, HashMap<u64, mpsc::Sender<Bytes>>>,
    next: u64,
    /// No stream begins any more.
    closed: bool,
}

/// The streams of this process.
pub(crate) struct Live {
    shared: Mutex<Shared>,
    /// Whether `current` is there.
    ready: watch::Sender<bool>,
    /// Causes a look.
    wake: Notify,
    /// How many looks have begun, and which was the last one that found everything.
    begun: AtomicU64,
    looked: watch::Sender<u64>,
    seats: Arc<Seats>,
    /// The longest life of a stream.
    life: Duration,
    pool: PgPool,
}

impl Live {
    pub(crate) fn new(config: &Config, pool: PgPool) -> Self {
        Self {
            shared: Mutex::default(),
            ready: watch::Sender::new(false),
            wake: Notify::new(),
            begun: AtomicU64::new(0),
            looked: watch::Sender::new(0),
            seats: Arc::new(Seats::new(
                most_streams(config),
                config.live_streams_per_network,
            )),
            life: Duration::from_secs(config.live_seconds.into()),
            pool,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat for a stream of a client of these networks, the narrowest first, each with how many times
    /// the number of streams it may have.
    ///
    /// # Errors
    /// `too_many_requests` if a network has no seat left, `overloaded` if the process has none.
    pub(crate) fn seat(&self, networks: Vec<(String, u32)>) -> ApiResult<Seat> {
        Seats::take(&self.seats, networks)
    }

    /// Begins a stream. `last` is the text of the last `id:` that the client has seen.
    ///
    /// # Errors
    /// `database_unavailable` when Postgres does not answer, `overloaded` when the process stops.
    pub(crate) async fn open(
        self: Arc<Self>,
        topic: Topic,
        seat: Seat,
        last: Option<&str>,
        connection: &Connection,
    ) -> ApiResult<Stream> {
        let mut ready = self.ready.subscribe();
        let is_ready = tokio::time::timeout(PATIENCE, async {
            // `wait_for` returns a guard that holds a lock: `is_ok` drops it.
            ready.wait_for(|ready| *ready).await.is_ok()
        });
        if !matches!(is_ready.await, Ok(true)) {
            return Err(ApiError::database_unavailable());
        }
        self.reach(&topic, last).await;
        let mut shared = self.lock();
        if shared.closed {
            return Err(ApiError::overloaded());
        }
        // It can have gone only now.
        let Some(current) = &shared.current else {
            return Err(ApiError::database_unavailable());
        };
        let first = first(current, &topic, last);
        let id = shared.next;
        shared.next += 1;
        let (sender, receiver) = mpsc::channel(BUFFER);
        let listeners = shared.topics.entry(topic.clone()).or_default();
        listeners.insert(id, sender);
        drop(shared);
        let life = self.life;
        // A client that takes little at a time, or nothing, keeps the stream from seeing its own end.
        connection.end_in(life + GRACE);
        Ok(Stream::new(self, topic, id, receiver, first, seat, life))
    }

    /// Looks once more, if a client has seen more than this process: another replica may have told it
    /// already.
    async fn reach(&self, topic: &Topic, last: Option<&str>) {
        let last = last.and_then(|last| last.parse::<Position>().ok());
        // A leaderboard's event only says that something changed, so its exact place does not matter.
        let Some(last) = last.filter(|_| !matches!(topic, Topic::Board(_))) else {
            return;
        };
        let is_ahead = |live: &Self| {
            let shared = live.lock();
            shared.current.as_ref().is_some_and(|it| it.head < last)
        };
        if !is_ahead(self) {
            return;
        }
        // One that has begun already may have missed it.
        let next = self.begun.load(Ordering::SeqCst) + 1;
        let mut looked = self.looked.subscribe();
        self.wake.notify_one();
        // Even if the wait times out, the client's place is looked up again.
        let _ = tokio::time::timeout(AHEAD, looked.wait_for(|look| *look >= next)).await;
    }

    /// Ends all streams, and lets none begin.
    pub(crate) fn close(&self) {
        let mut shared = self.lock();
        shared.closed = true;
        shared.topics.clear();
    }

    /// Ends all streams, because nobody knows any more what happens. Clients may begin new ones.
    fn end_all(&self) {
        let mut shared = self.lock();
        shared.topics.clear();
        shared.current = None;
        self.ready.send_replace(false);
    }

    /// Forgets everything, unless somebody listens.
    fn sleep(&self) -> bool {
        let mut shared = self.lock();
        let is_idle = self.seats.taken() == 0;
        if is_idle {
            shared.current = None;
            self.ready.send_replace(false);
        }
        is_idle
    }

    fn leave(&self, topic: &Topic, id: u64) {
        let mut shared = self.lock();
        if let Some(listeners) = shared.topics.get_mut(topic) {
            listeners.remove(&id);
            if listeners.is_empty() {
                shared.topics.remove(topic);
            }
        }
    }

    /// The row up to which everything was told, and its number.
    fn known(&self) -> Option<(i64, i32)> {
        let shared = self.lock();
        shared.current.as_ref().map(|current| current.done)
    }

    /// Hands out what a look has found. If it is dropped before its end, the next look finds the rest
    /// again, and nothing is told twice.
    async fn tell(&self, look: Look) {
        self.begin(&look);
        let mut counts: HashMap<Topic, usize> = HashMap::new();
        for topic in look.items.iter().flat_map(|item| &item.topics) {
            *counts.entry(topic.clone()).or_default() += 1;
        }
        counts.retain(|_, count| *count > BURST);
        let mut sent = 0;
        for item in look.items {
            sent += self.tell_item(item, &counts);
            // So many clients must not keep others from beginning.
            if sent >= TURN {
                sent = 0;
                tokio::task::yield_now().await;
            }
        }
        let mut shared = self.lock();
        let Shared {
            current, topics, ..
        } = &mut *shared;
        let Some(current) = current else {
            return;
        };
        for known in look.passed {
            current.pass(Position::end(known));
            current.done = (known.id, known.mark);
        }
        let reset = event::frame(Some(&current.head), event::RESET, &event::reset(look.slot));
        for topic in counts.keys() {
            if let Some(listeners) = topics.get_mut(topic) {
                metrics::counter!("vouch_api_live_resets_total").increment(1);
                send(listeners, &reset);
            }
        }
        if !look.has_more {
            current.slot = look.slot.max(current.slot);
            self.ready.send_replace(true);
            self.looked.send_replace(self.begun.load(Ordering::SeqCst));
        }
    }

    /// Begins at the place where a look began, if that is another one.
    fn begin(&self, look: &Look) {
        let mut shared = self.lock();
        let Shared {
            current, topics, ..
        } = &mut *shared;
        let Some(current) = current else {
            *current = Some(Current::new(look.base));
            return;
        };
        if look.is_lost {
            *current = Current::new(look.base);
            let frame = event::frame(Some(&current.head), event::RESET, &event::reset(look.slot));
            let all = topics.values_mut();
            all.for_each(|listeners| {
                send(listeners, &frame);
            });
        }
    }

    /// Hands out an event, unless its topic is told to read again. Returns how many clients were tried.
    fn tell_item(&self, item: Item, bursts: &HashMap<Topic, usize>) -> usize {
        let mut shared = self.lock();
        let Shared {
            current, topics, ..
        } = &mut *shared;
        let Some(current) = current.as_mut().filter(|it| it.head < item.position) else {
            return 0;
        };
        current.pass(item.position);
        let mut sent = 0;
        for topic in &item.topics {
            if !bursts.contains_key(topic)
                && let Some(listeners) = topics.get_mut(topic)
            {
                sent += send(listeners, &item.frame);
            }
        }
        current.keep(item);
        sent
    }

    /// Tells those who follow a leaderboard that it has changed. `''` stands for all of them.
    fn tell_boards(&self, campaigns: impl IntoIterator<Item = String>) {
        let mut shared = self.lock();
        let Shared {
            current, topics, ..
        } = &mut *shared;
        let Some(current) = current else {
            return;
        };
        let tell = |topic: &Topic, listeners: &mut HashMap<u64, mpsc::Sender<Bytes>>| {
            if let Topic::Board(campaign) = topic {
                let body = event::board(campaign.as_deref());
                let frame = event::frame(Some(&current.head), event::BOARD, &body);
                send(listeners, &frame);
            }
        };
        let mut named = Vec::new();
        for campaign in campaigns {
            if campaign.is_empty() {
                topics
                    .iter_mut()
                    .for_each(|(topic, listeners)| tell(topic, listeners));
                return;
            }
            named.push(Topic::Board(Some(campaign.into())));
        }
        if !named.is_empty() {
            named.push(Topic::Board(None));
        }
        for topic in named {
            if let Some(listeners) = topics.get_mut(&topic) {
                tell(&topic, listeners);
            }
        }
    }
}

/// The streams for which there are seats. Without a file for its connection, no other request would be
/// answered either.
fn most_streams(config: &Config) -> u32 {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let half = files.map_or(u32::MAX, |files| {
        u32::try_from(files / 2).unwrap_or(u32::MAX)
    });
    if half < config.live_streams {
        tracing::warn!(
            streams = half,
            wanted = config.live_streams,
            "fewer live streams than LIVE_STREAMS: the limit of open files is low"
        );
    }
    config.live_streams.min(half)
}

/// The first events of a stream.
fn first(current: &Current, topic: &Topic, last: Option<&str>) -> VecDeque<Bytes> {
    let head: &dyn std::fmt::Display = &current.head;
    let slot = current.slot;
    let Some(last) = last else {
        return [event::frame(
            Some(head),
            event::OPENED,
            &event::open(slot, false),
        )]
        .into();
    };
    let missed = match (topic, last.parse()) {
        // It says only that something has changed, so that is always true enough.
        (Topic::Board(campaign), Ok(_)) => {
            let body = event::board(campaign.as_deref());
            Some(vec![event::frame(Some(head), event::BOARD, &body)])
        }
        (_, Ok(last)) => current.missed(last, topic),
        (_, Err(position::Unknown)) => None,
    };
    match missed {
        // Its position is still that of the last event that it has seen.
        Some(missed) => {
            let open = event::frame(None, event::OPENED, &event::open(slot, true));
            std::iter::once(open).chain(missed).collect()
        }
        None => {
            metrics::counter!("vouch_api_live_resets_total").increment(1);
            [event::frame(Some(head), event::RESET, &event::reset(slot))].into()
        }
    }
}

/// Sends without waiting. A client whose buffer is full is not waited for: its stream ends.
/// Returns how many were tried.
fn send(listeners: &mut HashMap<u64, mpsc::Sender<Bytes>>, frame: &Bytes) -> usize {
    let before = listeners.len();
    listeners.retain(|_, listener| match listener.try_send(frame.clone()) {
        Ok(()) => true,
        Err(mpsc::error::TrySendError::Full(_)) => {
            metrics::counter!("vouch_api_live_dropped_total").increment(1);
            false
        }
        Err(mpsc::error::TrySendError::Closed(_)) => false,
    });
    let sent = listeners.len();
    metrics::counter!("vouch_api_live_events_total").increment(u64::try_from(sent).unwrap_or(0));
    before
}

#[cfg(test)]
mod tests;
