//! Follows the mirror's log while somebody listens.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use vouch_db::{
    Error,
    api::live::{Entry, Fact, Notices, Snapshot},
};

use super::{
    Item, Live,
    event::{self, CONVERSION, TOLD},
    plan::{Change, Span, changes, withdrawn},
    position::{Known, Phase, Position},
};
use crate::database::Database;

/// A look happens at least this often, in case a notification was lost.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// And at most this often, however many batches are written.
const LEAST_PAUSE: Duration = Duration::from_millis(50);
/// Leaderboards are told at most this often, and this long after a change. No cached page is older:
/// who asks then sees the change.
const BOARDS_EVERY: Duration = crate::config::BOARD_AGE;
/// Pause after a failure.
const PAUSE: Duration = Duration::from_millis(250);
/// Time limit for a look, which is several statements.
const SLOW: Duration = Duration::from_secs(20);
/// Streams end when nothing could be read for this long.
const BLIND: Duration = Duration::from_secs(30);
/// The task sleeps when nobody has listened for this long.
const LINGER: Duration = Duration::from_secs(30);

/// Rows of the log that are read at once. If the task is further behind, it begins anew.
const ENTRIES: i64 = 5_000;
/// Transactions whose facts are read at once, and facts that were undone.
const SPAN: i64 = 2_000;
/// Most transactions and undone facts between two looks. With more, all streams are reset.
const BACKLOG: i64 = 20_000;
/// Rows of the log from which the last events are read when the task wakes up.
const RECENT: i64 = 500;

/// The result of one look at the log.
pub(super) struct Look {
    /// The row at which the look began.
    pub(super) base: Known,
    /// Earlier events may be wrong, or some are missing: the streams are reset.
    pub(super) is_lost: bool,
    /// Events, in their order.
    pub(super) items: Vec<Item>,
    /// The rows after `base` of which everything is among them.
    pub(super) passed: Vec<Known>,
    /// Campaigns whose leaderboards have changed; `''` for all.
    pub(super) ranked: BTreeSet<String>,
    /// Everything confirmed up to this slot is in the mirror.
    pub(super) slot: Option<i64>,
    /// There is more to read.
    pub(super) has_more: bool,
}

/// Leaderboards that have changed, and when that is told. They outlive a connection, because no later
/// look finds them again.
#[derive(Default)]
struct Boards {
    ranked: BTreeSet<String>,
    at: Option<tokio::time::Instant>,
}

impl Boards {
    fn add(&mut self, ranked: &BTreeSet<String>) {
        if !ranked.is_empty() {
            self.ranked.extend(ranked.iter().cloned());
            self.at
                .get_or_insert_with(|| tokio::time::Instant::now() + BOARDS_EVERY);
        }
    }

    /// Tells them if it is time.
    fn tell(&mut self, live: &Live) {
        if self.at.is_some_and(|at| at <= tokio::time::Instant::now()) {
            live.tell_boards(std::mem::take(&mut self.ranked));
            self.at = None;
        }
    }
}

/// Follows for ever.
pub(crate) async fn follow(live: &Live, database: &Database) {
    let mut read_at = Instant::now();
    let mut boards = Boards::default();
    let mut said = None::<Instant>;
    loop {
        live.seats.wanted().await;
        if live.known().is_none() {
            read_at = Instant::now();
        }
        match session(live, database, &mut read_at, &mut boards).await {
            Ok(()) => continue,
            Err(error) => {
                if said.is_none_or(|said| said.elapsed() > BLIND) {
                    let cause = format!("{:#}", anyhow::Error::from(error));
                    tracing::warn!(cause, "cannot read what happens for live streams");
                    said = Some(Instant::now());
                }
            }
        }
        if read_at.elapsed() > BLIND {
            live.end_all();
            read_at = Instant::now();
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Follows until nobody listens any more.
async fn session(
    live: &Live,
    database: &Database,
    read_at: &mut Instant,
    boards: &mut Boards,
) -> Result<(), Error> {
    let mut notices = database
        .unsuspected(SLOW, Notices::listen(&live.pool))
        .await?;
    tokio::select! {
        ended = listen(live, &mut notices) => ended.map(|never| match never {}),
        ended = looks(live, database, read_at, boards) => ended,
    }
}

async fn listen(live: &Live, notices: &mut Notices) -> Result<Infallible, Error> {
    loop {
        notices.next().await?;
        live.wake.notify_one();
    }
}

async fn looks(
    live: &Live,
    database: &Database,
    read_at: &mut Instant,
    boards: &mut Boards,
) -> Result<(), Error> {
    let mut idle_since = None::<Instant>;
    loop {
        let look = database.unsuspected(SLOW, look(live)).await?;
        *read_at = Instant::now();
        let has_more = look.has_more;
        // Before the rows count as told, so that they are not lost if this is dropped.
        boards.add(&look.ranked);
        live.tell(look).await;
        boards.tell(live);
        if has_more {
            continue;
        }
        tokio::time::sleep(LEAST_PAUSE).await;
        let next = tokio::time::Instant::now() + LOOK_EVERY;
        loop {
            let boards_at = boards.at.unwrap_or(next);
            let is_over = tokio::select! {
                () = live.wake.notified() => true,
                () = tokio::time::sleep_until(next.min(boards_at)) => boards_at >= next,
            };
            boards.tell(live);
            if is_over {
                break;
            }
        }
        if live.seats.taken() > 0 {
            idle_since = None;
        } else if idle_since.get_or_insert_with(Instant::now).elapsed() > LINGER && live.sleep() {
            return Ok(());
        }
    }
}

/// Reads what is new since the last look, up to a bound.
async fn look(live: &Live) -> Result<Look, Error> {
    live.begun.fetch_add(1, Ordering::SeqCst);
    let mut snapshot = Snapshot::take(&live.pool).await?;
    let known = live.known();
    let (base, entries) = match known {
        Some((id, mark)) => {
            let mut entries = snapshot.entries_from(id, ENTRIES).await?;
            let is_known = entries
                .first()
                .is_some_and(|first| first.mark == mark && first.id == id);
            if !is_known || i64::try_from(entries.len()).unwrap_or(ENTRIES) >= ENTRIES {
                return lost(snapshot).await;
            }
            let base = Known::from(&entries.remove(0));
            (base, entries)
        }
        None => {
            let first = snapshot.entry_before_last(RECENT).await?;
            let mut entries = snapshot
                .entries_from(first.unwrap_or_default(), RECENT + 1)
                .await?;
            // Nothing goes on across a new mirror.
            let anew = entries.iter().rposition(|entry| entry.is_new);
            entries.drain(..anew.unwrap_or_default());
            let base = recent(&entries);
            let base = base.ok_or(Error::Corrupt("no row in mirror_log"))?;
            entries.retain(|entry| entry.id > base.id);
            (base, entries)
        }
    };
    let first = base;
    let (is_new, mut all) = changes(base, entries);
    if is_new || all.iter().map(Change::cost).sum::<i64>() > BACKLOG {
        return lost(snapshot).await;
    }
    let mut cost = 0;
    let fitting = all.iter().take_while(|change| {
        cost += change.cost();
        cost <= SPAN
    });
    let fitting = fitting.count();
    if fitting == 0 && !all.is_empty() {
        // One row alone is too much.
        return lost(snapshot).await;
    }
    let has_more = fitting < all.len();
    all.truncate(fitting);
    let items = items(&mut snapshot, &all).await?;
    Ok(Look {
        base: first,
        is_lost: false,
        items,
        passed: all.iter().map(|change| change.known).collect(),
        ranked: all.into_iter().flat_map(|change| change.ranked).collect(),
        slot: snapshot.indexed_slot,
        has_more,
    })
}

/// The first row after which there are few enough transactions.
fn recent(rows: &[Entry]) -> Option<Known> {
    let mut rows = rows.iter().rev();
    let mut next = rows.next()?;
    let mut cost = 0;
    for row in rows {
        cost += (next.confirmed_seq - row.confirmed_seq).max(0)
            + (next.final_seq - row.final_seq).max(0)
            + withdrawn(&next.withdrawn);
        if cost > SPAN {
            break;
        }
        next = row;
    }
    Some(Known::from(next))
}

/// Everybody reads again, and goes on from the last row.
async fn lost(mut snapshot: Snapshot) -> Result<Look, Error> {
    let last = snapshot.entry_before_last(0).await?;
    let entries = snapshot.entries_from(last.unwrap_or_default(), 1).await?;
    let base = entries.first().map(Known::from);
    metrics::counter!("vouch_api_live_resets_total").increment(1);
    Ok(Look {
        base: base.ok_or(Error::Corrupt("no row in mirror_log"))?,
        is_lost: true,
        items: Vec::new(),
        passed: Vec::new(),
        // A client that reads a leaderboard at once may get an old page, so all leaderboards are told again.
        ranked: BTreeSet::from([String::new()]),
        slot: snapshot.indexed_slot,
        has_more: false,
    })
}

/// The events of these rows, in their order.
async fn items(snapshot: &mut Snapshot, changes: &[Change]) -> Result<Vec<Item>, Error> {
    let final_seq = snapshot.final_seq;
    let written = changes.iter().map(|change| change.written);
    let mut written = written.filter(|span| span.len() > 0);
    let settled = changes.iter().map(|change| change.settled);
    let mut settled = settled.filter(|span| span.len() > 0);
    let mut added = Vec::new();
    if let (Some(first), Some(last)) = (written.clone().next(), written.next_back()) {
        let kinds = TOLD.map(str::to_owned);
        added = snapshot.facts(first.after, last.to, &kinds).await?;
    }
    let mut finals = Vec::new();
    if let (Some(first), Some(last)) = (settled.clone().next(), settled.next_back()) {
        let kinds = [CONVERSION.to_owned()];
        finals = snapshot.facts(first.after, last.to, &kinds).await?;
    }
    let mut items = Vec::new();
    for change in changes {
        let withdrawn = change.withdrawn.iter();
        let undone = withdrawn.filter_map(|fact| {
            let told = event::undone(fact, &change.withdrawn, snapshot.indexed_slot)?;
            Some((Phase::Withdrawn, fact.seq, fact.place, told))
        });
        let written = within(&added, change.written).iter().filter_map(|fact| {
            let told = event::added(fact, final_seq)?;
            Some((Phase::Written, fact.seq, fact.place, told))
        });
        let settled = within(&finals, change.settled).iter().map(|fact| {
            let told = event::settled(fact);
            (Phase::Settled, fact.seq, fact.place, told)
        });
        for (phase, seq, place, told) in undone.chain(written).chain(settled) {
            let position = Position {
                entry: change.known.id,
                phase,
                seq,
                place,
                mark: change.known.mark,
            };
            if told.topics.is_empty() {
                continue;
            }
            items.push(Item {
                position,
                frame: event::frame(Some(&position), told.kind, &told.body),
                topics: told.topics,
            });
        }
    }
    Ok(items)
}

/// The facts of these transactions. `facts` are in the order of their transactions.
fn within(facts: &[Fact], span: Span) -> &[Fact] {
    let from = facts.partition_point(|fact| fact.seq <= span.after);
    let to = facts.partition_point(|fact| fact.seq <= span.to);
    facts.get(from..to).unwrap_or_default()
}
