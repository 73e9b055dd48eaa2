//! The body of a stream.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Bytes;
use rand::Rng as _;
use tokio::{
    sync::mpsc,
    time::{Instant, Interval, MissedTickBehavior, Sleep},
};

use super::{Live, Seat, Topic};

/// A comment goes out this often, so that both ends and all proxies know that the connection works.
const HEARTBEAT: Duration = Duration::from_secs(15);
const COMMENT: Bytes = Bytes::from_static(b":\n\n");
/// Milliseconds after which a client connects again: each of them another number, so that not all come
/// at once.
const RETRY: std::ops::Range<u32> = 1_000..5_000;

/// The body of a stream. It ends after its life, when the service stops, or when the client is too slow.
pub(crate) struct Stream {
    live: Arc<Live>,
    topic: Topic,
    id: u64,
    receiver: mpsc::Receiver<Bytes>,
    /// Frames to send before all that is received.
    first: VecDeque<Bytes>,
    heartbeat: Pin<Box<Interval>>,
    end: Pin<Box<Sleep>>,
    /// It counts as long as the connection lasts.
    _seat: Seat,
}

impl Stream {
    pub(super) fn new(
        live: Arc<Live>,
        topic: Topic,
        id: u64,
        receiver: mpsc::Receiver<Bytes>,
        mut first: VecDeque<Bytes>,
        seat: Seat,
        life: Duration,
    ) -> Self {
        let mut random = rand::thread_rng();
        let retry = random.gen_range(RETRY);
        first.push_front(format!("retry: {retry}\n\n").into());
        // Streams that began together do not end together.
        let life = life.mul_f64(random.gen_range(0.8..=1.0));
        let mut heartbeat = tokio::time::interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            live,
            topic,
            id,
            receiver,
            first,
            heartbeat: Box::pin(heartbeat),
            end: Box::pin(tokio::time::sleep(life)),
            _seat: seat,
        }
    }
}

impl futures::Stream for Stream {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(frame) = self.first.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        if let Poll::Ready(received) = self.receiver.poll_recv(context) {
            return Poll::Ready(received.map(Ok));
        }
        if self.end.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        self.heartbeat.poll_tick(context).map(|_| Some(Ok(COMMENT)))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.live.leave(&self.topic, self.id);
    }
}
