//! Follows the chain: confirmed transactions as they come, and final ones for good.
//!
//! A node lists the program's transactions in the order of the chain. The mirror holds a prefix
//! of the final ones, and confirmed ones after it. Each round compares its own with the list:
//! what is new is fetched and applied, and if the list has another transaction at a place,
//! everything from that place on is undone first.

use std::{
    collections::HashSet,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use futures::future::join;
use solana_sdk::signature::Signature;
use vouch_db::mirror::{self, Batch, Final, Known, Writer};
use vouch_replay::Transaction;

use crate::{
    agree::{self, Agreed},
    batches::{Batches, Fetched, fetch},
    commitment::Commitment,
    config::Undo,
    failure::Failure,
    health::{MOST_WAITING, gauge},
    history::{self, Anchor, Listed, OVERLAP},
    ledger::{Ledger, Replayed, rewind, slot},
    lists::{equal, in_order, merge},
    mirror::Mirror,
    ranking::{self, Goal},
    sent::Sent,
    transactions::streamed,
    votes::Verdict,
};

/// Transactions in one database transaction: enough for speed, few enough to become visible
/// quickly.
const BATCH: usize = 500;
/// Transactions in one database transaction while nobody waits for a single one of them.
const LARGE_BATCH: usize = 1_000;
/// Batches after which conversions begin to count for ranks while more final transactions are known. All
/// that a step counts of a referrer is one change of each of its totals, so steps should be long. What is left for the
/// end waits in part while the mirror follows the chain already.
pub(crate) const RANKED_BATCHES: usize = 250;
/// Time for which conversions count in long steps after a catch-up, before the mirror shows what is new.
const LONG_STEPS: Duration = Duration::from_secs(10);
/// How many conversions wait is looked at only this often.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// Time after which it is told that no later slot is final. One is every 0.4 seconds.
const STALLED: Duration = Duration::from_secs(10);
/// While transactions become final, conversions count for ranks up to the time of the last one. The node is
/// asked for the time of a later block only this often.
const CLOCK_EVERY: Duration = Duration::from_secs(10);
/// Seconds by which the chain's clock may be ahead of this machine's.
const CLOCK_SKEW: i64 = 30;
/// Time for which the stream may be behind a list before its transactions are asked of a node.
const STREAM_LAG: Duration = Duration::from_secs(1);
/// The constraint that refuses a transaction which is mirrored already.
const ONCE: &str = "transactions_once";
/// With more confirmed transactions than this after the last final one, the mirror is too far
/// behind to show them, and waits until it has the final ones.
const MOST_CONFIRMED: usize = 20_000;

/// The state of the mirror, in memory.
pub(crate) struct Sync<'a> {
    mirror: &'a Mirror<'a>,
    ledger: Ledger,
    /// The last final transactions.
    anchor: Anchor,
    /// The confirmed transactions after it.
    suffix: Vec<Known>,
    /// The slot up to which everything is listed and final.
    covered: Option<u64>,
    /// A slot that the node called final, and when.
    settling: Option<(u64, Instant)>,
    /// When that last grew.
    advanced: Instant,
    /// The confirmed slot of the last round.
    reached: Option<u64>,
    /// Everything up to this confirmed slot is mirrored; `None` if that is not known.
    proven: Option<u64>,
    /// When the node was last asked for the time of a block.
    clock_asked: Option<Instant>,
    /// Up to where conversions should count for ranks, if they do not yet.
    goal: Option<Goal>,
    /// How many waited when that was last looked at, and when it was.
    waiting: (i64, Option<Instant>),
    /// Whether conversions count for ranks between rounds, by [`Self::count`], and not in the database transaction that makes
    /// them final.
    counts_apart: bool,
    /// Whether what is in memory is no longer what is in Postgres.
    is_stale: bool,
}

impl<'a> Sync<'a> {
    /// Reads from Postgres how far the mirror is.
    pub(crate) async fn new(mirror: &'a Mirror<'a>) -> Result<Self, Failure> {
        let state = vouch_db::mirror::state(mirror.pool).await?;
        let overlap = i64::try_from(OVERLAP).unwrap_or(i64::MAX);
        let known = mirror::known(mirror.pool, state.final_seq - overlap).await?;
        let (known, suffix): (Vec<_>, Vec<_>) = known
            .into_iter()
            .partition(|known| known.seq <= state.final_seq);
        let covered = state.finalized_slot;
        let covered = covered.and_then(|slot| u64::try_from(slot).ok());
        if let Some(covered) = covered {
            mirror.chain.sources().covers(covered);
        }
        // The last process may have ended before everything counted that can.
        let goal = known.last().map(|last| Goal {
            clock: plausible(last.block_time),
            slot: last.slot - 1,
        });
        Ok(Self {
            mirror,
            ledger: Ledger::default(),
            anchor: Anchor::new(known),
            suffix,
            covered,
            advanced: Instant::now(),
            settling: None,
            reached: state.indexed_slot.and_then(|slot| u64::try_from(slot).ok()),
            proven: None,
            clock_asked: None,
            goal,
            waiting: (0, None),
            counts_apart: false,
            is_stale: false,
        })
    }

    /// Reads again what a refused batch has left.
    async fn refresh(&mut self) -> Result<(), Failure> {
        if self.is_stale {
            *self = Self {
                counts_apart: self.counts_apart,
                ..Self::new(self.mirror).await?
            };
        }
        Ok(())
    }

    /// Lets conversions count for ranks between rounds from now on, where the caller calls [`Self::count`]. So a new
    /// transaction waits for one short step at most.
    pub(crate) fn count_apart(&mut self) {
        self.counts_apart = true;
    }

    /// The last final transaction.
    fn last_final(&self) -> Option<&Known> {
        self.anchor.last()
    }

    /// The number of the last mirrored transaction.
    fn last_seq(&self) -> i64 {
        let last = self.suffix.last().or(self.last_final());
        last.map_or(0, |known| known.seq)
    }

    /// Makes final what the node lists as final. Returns whether everything is that the node called
    /// final a while ago.
    pub(crate) async fn finalize(&mut self) -> Result<bool, Failure> {
        self.refresh().await?;
        match self.undo_abandoned().await {
            // A final transaction is no longer undone, so this may leave few enough.
            Err(Failure::TooMuch { .. }) => {}
            outcome => outcome?,
        }
        let chain = self.mirror.chain;
        let tip = chain.slot(Commitment::Finalized).await?;
        let now = Instant::now();
        let (end, since) = match self.settling.take() {
            Some((end, since)) if end <= tip => (end, since),
            // The slot that was told before was wrong, or there was none.
            _ => (tip, now),
        };
        if since.elapsed() < self.mirror.settle {
            self.settling = Some((end, since));
            return Ok(false);
        }
        self.settling = Some((tip, now));
        if let Some(covered) = self.covered.filter(|covered| *covered >= end) {
            self.ask_clock(covered).await?;
            let stalled = self.advanced.elapsed() > STALLED;
            self.mirror.health.stalled(stalled.then_some(covered));
            return Ok(!stalled);
        }
        self.finalize_to(end).await?;
        Ok(true)
    }

    /// Asks for the time of the last final slot, if nobody has since this process began: the last one may have ended before
    /// everything counted that can.
    async fn ask_clock(&mut self, covered: u64) -> Result<(), Failure> {
        if self.clock_asked.is_some() || self.last_final().is_none() {
            return Ok(());
        }
        self.clock_asked = Some(Instant::now());
        if let Some(clock) = self.mirror.chain.block_time(covered).await {
            self.goal = Some(Goal {
                clock: plausible(clock),
                slot: slot(covered)?,
            });
        }
        Ok(())
    }

    /// Makes final what the node lists as final up to this slot.
    async fn finalize_to(&mut self, end: u64) -> Result<(), Failure> {
        let chain = self.mirror.chain;
        let below = slot(end)?;
        let held = self.suffix.iter().filter(|known| known.slot <= below);
        let held = held.map(|known| known.signature.clone()).collect();
        let Agreed { list, proof } = agree::list(chain, &self.anchor, end, &held).await?;
        let source = list.source();
        // Transactions before the first one that the nodes do not agree on do not wait for it.
        let disputed = self.check_absent(list.absent()).await?;
        let (end, disputed) = match disputed {
            None => (end, None),
            Some((slot, failure)) => (slot.saturating_sub(1), Some(failure)),
        };
        let below = slot(end)?;
        let total = list.len();
        let is_far = total > self.mirror.many;
        let size = self.batch(if is_far { LARGE_BATCH } else { BATCH });
        let mut list = Batches::new(list, source, end, size);
        let (mut done, mut batches) = (0, 0_usize);
        let mut next = list.next().await?.map(Fetched::unasked);
        while let Some(batch) = next.take() {
            done += batch.listed.len();
            batches += 1;
            // The list also has transactions after the end.
            let is_last = list.is_over();
            let is_ranked = is_last || batches.is_multiple_of(RANKED_BATCHES);
            // While a batch is written, the next one is fetched, unless the mirror may hold it already.
            let ahead = list.fetch_next(self.mirror, is_far && self.suffix.is_empty());
            let (written, ahead) = join(self.finalize_batch(batch, is_ranked, proof), ahead).await;
            source.judge(written)?;
            if is_ranked && !is_last {
                self.count_while(|writer, _| writer.is_waited_for()).await?;
            }
            self.look().await;
            next = ahead?;
            if total > BATCH {
                tracing::info!(done, total, "mirrored final transactions");
                gauge("vouch_indexer_backlog", total.saturating_sub(done) as u64);
            }
        }
        // Transactions up to this slot that are still held are on no final block.
        if self.suffix.iter().any(|known| known.slot <= below) {
            self.rewind_to(0).await?;
        }
        // Before the first transaction an empty list would prove nothing: every answer that is
        // wrong may be empty.
        if self.anchor.last().is_some() {
            let is_fresh = |asked: Instant| asked.elapsed() < CLOCK_EVERY;
            // Conversions count up to the time of the last transaction already. The end of the range may be
            // later than that, so it says nothing about what counts there.
            let time = if done > 0 && self.clock_asked.is_some_and(is_fresh) {
                None
            } else {
                self.clock_asked = Some(Instant::now());
                chain.block_time(end).await
            };
            self.advance(&Batch::default(), end, time, proof).await?;
        }
        if is_far {
            let goes_on = |writer: &Writer, since| writer.is_waited_for() && since < LONG_STEPS;
            self.count_while(goes_on).await?;
        }
        disputed.map_or(Ok(()), Err)
    }

    /// Lets the nodes vote on the transactions that the mirror holds and the list lacks. A list alone
    /// does not prove that the cluster abandoned what it lacks. Fails if one of them is final: then
    /// the list is not complete. Returns the first slot of one on which the nodes do not agree, and
    /// why.
    async fn check_absent(
        &self,
        absent: &HashSet<String>,
    ) -> Result<Option<(u64, Failure)>, Failure> {
        let sources = self.mirror.chain.sources();
        let absent: Vec<_> = absent.iter().cloned().collect();
        let mut disputed: Option<(u64, Failure)> = None;
        for said in self.mirror.chain.testify(&absent).await? {
            let (Some(claimant), Some(slot)) = (said.claimant(), said.slot()) else {
                continue;
            };
            let (who, knows) = match sources.is_one() {
                true => ("the node", "knows".to_owned()),
                false => ("the list", format!("{claimant} knows")),
            };
            let failure = Failure::Chain(format!(
                "getSignaturesForAddress: {who} lacks {}, but {knows} it in slot {slot}",
                said.signature
            ));
            match said.verdict() {
                Verdict::Final => return Err(failure),
                Verdict::No => {
                    let reason = format!("{}: {}", said.signature, said.contradiction());
                    said.claimants()
                        .for_each(|name| sources.doubt(name, &reason));
                }
                Verdict::Open => {
                    let held = self.suffix.iter();
                    let mut held = held.filter(|known| known.signature == said.signature);
                    let held = held.next().and_then(|known| u64::try_from(known.slot).ok());
                    let first = held.map_or(slot, |held| held.min(slot));
                    if disputed.as_ref().is_none_or(|(known, _)| first < *known) {
                        disputed = Some((first, failure));
                    }
                }
            }
        }
        Ok(disputed)
    }

    /// Makes the next listed transactions final. They do not have to be the last ones of their
    /// slot. Unless `is_ranked`, their conversions count for ranks only with a later batch.
    async fn finalize_batch(
        &mut self,
        batch: Fetched,
        is_ranked: bool,
        proof: &'static str,
    ) -> Result<(), Failure> {
        let Fetched { listed, answers } = batch;
        let Some(last) = listed.last() else {
            return Ok(());
        };
        let same = equal(&self.suffix, &listed);
        if same > 0 {
            let confirmed: Vec<_> = self.suffix.drain(..same).collect();
            confirmed
                .into_iter()
                .for_each(|known| self.anchor.push(known));
        }
        let rest = listed.get(same..).unwrap_or_default();
        let mut stopped = None;
        let mut batch = Batch::default();
        if !rest.is_empty() {
            if !self.suffix.is_empty() {
                self.rewind_to(0).await?;
            }
            let (transactions, missing) = match answers {
                // Of all, because the mirror held none.
                Some(answers) if same == 0 => answers,
                _ => fetch(self.mirror, rest, Commitment::Finalized).await,
            };
            (batch, stopped) = self.replay(&transactions, false).await?;
            stopped = stopped.or(missing);
            let rows = batch.transactions.iter().map(known);
            rows.for_each(|known| self.anchor.push(known));
        }
        // The slot of the last transaction may hold more of them.
        let reached = match &stopped {
            None => last.slot,
            Some(_) => self
                .last_final()
                .map_or(0, |known| u64::try_from(known.slot).unwrap_or_default()),
        };
        // Before the first transaction, nothing is called final.
        if let Some(last) = self.last_final() {
            let end = reached.saturating_sub(1);
            // A range that ends before what is covered has an earlier clock than that.
            let is_ranked = is_ranked && self.covered.is_none_or(|covered| covered <= end);
            let time = is_ranked.then_some(last.block_time);
            self.advance(&batch, end, time, proof).await?;
        }
        stopped.map_or(Ok(()), Err)
    }

    /// Writes the batch, and that everything up to `end` is listed and final.
    async fn advance(
        &mut self,
        batch: &Batch,
        end: u64,
        time: Option<i64>,
        proof: &'static str,
    ) -> Result<(), Failure> {
        let end = end.max(self.covered.unwrap_or_default());
        let time = time.map(plausible);
        let range = Final {
            seq: self.last_final().map_or(0, |known| known.seq),
            first_slot: self.covered.map_or(Ok(0), |covered| slot(covered + 1))?,
            last_slot: slot(end)?,
            time: time.filter(|_| !self.counts_apart),
            source: proof.into(),
        };
        // Without a new slot, the range that is covered stays as it is.
        let range = Final {
            first_slot: range.first_slot.min(range.last_slot),
            ..range
        };
        self.write(batch, Some(&range)).await?;
        if let Some(clock) = time {
            let is_behind = self.counts_apart || self.mirror.writer.lock().await.is_behind();
            let goal = Goal {
                clock,
                slot: range.last_slot,
            };
            self.goal = is_behind.then_some(goal);
        }
        if self.covered.replace(end) != Some(end) {
            self.advanced = Instant::now();
            self.mirror.health.stalled(None);
        }
        self.mirror.chain.sources().covers(end);
        self.mirror.health.finalized_slot(end);
        Ok(())
    }

    /// Looks how many conversions wait that should count by now, and tells health. That they are not known stops
    /// nothing.
    pub(crate) async fn look(&mut self) {
        let is_fresh = |looked: Instant| looked.elapsed() < LOOK_EVERY;
        if self.waiting.1.is_some_and(is_fresh) {
            return;
        }
        self.waiting.1 = Some(Instant::now());
        // While the mirror catches up, there is no goal for most of the time.
        let clock = self.goal.map(|goal| goal.clock);
        let clock = clock.max(self.last_final().map(|known| known.block_time));
        let Some(clock) = clock else { return };
        match mirror::waiting(self.mirror.pool, clock, MOST_WAITING).await {
            Ok(waiting) => self.wait_for(waiting),
            Err(error) => {
                tracing::warn!(%error, "it is not known how many conversions wait for ranks");
            }
        }
    }

    fn wait_for(&mut self, waiting: i64) {
        self.waiting.0 = waiting;
        self.mirror.health.waiting(waiting);
    }

    /// Counts conversions that wait for ranks, in one short step. Returns whether others wait.
    pub(crate) async fn count(&mut self) -> Result<bool, Failure> {
        let Some(goal) = self.goal else {
            return Ok(false);
        };
        let paces = self.mirror.paces;
        let pace = match self.waiting.0 {
            MOST_WAITING.. => &paces.longer,
            _ => &paces.short,
        };
        let mut writer = self.mirror.writer.lock().await;
        let is_behind = ranking::step(&mut writer, goal, pace).await?;
        drop(writer);
        self.reached_by_step(goal, is_behind);
        Ok(is_behind)
    }

    /// Counts all conversions that wait for ranks, in long steps. Meanwhile nothing new is mirrored.
    pub(crate) async fn count_all(&mut self) -> Result<(), Failure> {
        self.count_while(|_, _| true).await
    }

    /// Counts conversions that wait for ranks, in long steps, until there is none, or `goes_on` denies it after
    /// so much time.
    async fn count_while(
        &mut self,
        goes_on: impl Fn(&Writer, Duration) -> bool,
    ) -> Result<(), Failure> {
        let began = Instant::now();
        while let Some(goal) = self.goal {
            let mut writer = self.mirror.writer.lock().await;
            let is_behind = ranking::step(&mut writer, goal, &self.mirror.paces.long).await?;
            let goes_on = goes_on(&writer, began.elapsed());
            drop(writer);
            self.mirror.health.beat();
            self.reached_by_step(goal, is_behind);
            if !goes_on {
                break;
            }
        }
        Ok(())
    }

    fn reached_by_step(&mut self, goal: Goal, is_behind: bool) {
        self.goal = is_behind.then_some(goal);
        if !is_behind {
            self.wait_for(0);
        }
    }

    /// Applies what is confirmed. Returns whether everything is that the node lists.
    pub(crate) async fn follow(&mut self) -> Result<bool, Failure> {
        self.refresh().await?;
        self.undo_abandoned().await?;
        let chain = self.mirror.chain;
        let tip = chain.slot(Commitment::Confirmed).await?;
        self.mirror.health.chain_slot(tip);
        // A node that is behind what was mirrored has to catch up first.
        let tip = tip.max(self.reached.unwrap_or_default());
        if !self.mirror_listed(tip).await? {
            return Ok(false);
        }
        // A node may index the transactions of its newest slot a little later.
        if let Some(reached) = self.reached.replace(tip) {
            self.mirror
                .writer
                .lock()
                .await
                .indexed(slot(reached)?)
                .await?;
            self.mirror.health.indexed_slot(reached);
            self.proven = Some(reached);
        }
        Ok(true)
    }

    /// Applies what was announced since the last [`Self::follow`]. It asks for the list at the slot of
    /// that, and not for a later slot, so it costs one request less and proves no slot. Several nodes
    /// tell their slots anyway: then it is the same as [`Self::follow`].
    ///
    /// Returns whether it proved a slot.
    pub(crate) async fn follow_announced(&mut self) -> Result<bool, Failure> {
        self.refresh().await?;
        self.undo_abandoned().await?;
        match self
            .reached
            .filter(|_| self.mirror.chain.sources().is_one())
        {
            Some(reached) => {
                self.mirror_listed(reached).await?;
                Ok(false)
            }
            None => self.follow().await,
        }
    }

    /// Applies what the stream has brought, if it has brought everything after what is proven; else it is
    /// the same as [`Self::follow_announced`]. The next poll compares it with the list.
    ///
    /// Returns whether it proved a slot.
    pub(crate) async fn follow_streamed(&mut self) -> Result<bool, Failure> {
        self.refresh().await?;
        self.undo_abandoned().await?;
        let stream = self.mirror.chain.stream();
        let last = self.suffix.last().or(self.last_final());
        let places = last.zip(self.proven);
        let Some(found) = places.and_then(|(last, proven)| stream.after(last, proven)) else {
            return self.follow_announced().await;
        };
        match self.apply_streamed(found).await {
            Ok(()) => Ok(false),
            Err(failure @ Failure::Database(_)) => Err(failure),
            Err(failure) => {
                tracing::warn!("the stream does not go on from what is mirrored: {failure}");
                if let Failure::Wrong(reason) = failure {
                    stream.doubt(reason);
                }
                self.follow_announced().await
            }
        }
    }

    async fn apply_streamed(&mut self, found: Vec<(Signature, Sent)>) -> Result<(), Failure> {
        let mut transactions = Vec::with_capacity(found.len());
        let held = self.held();
        for (signature, sent) in found {
            // One that comes in a second slot is left to the lists.
            if !held.contains(signature.to_string().as_str()) {
                transactions.push(streamed(self.mirror.chain, &signature, sent)?);
            }
        }
        for transactions in transactions.chunks(self.batch(BATCH)) {
            let (batch, stopped) = self.replay(transactions, true).await?;
            let written = self.write(&batch, None).await;
            written.map_err(|failure| match failure {
                Failure::Wrong(_) => {
                    Failure::Wrong("it sent a transaction in two slots".to_owned())
                }
                failure => failure,
            })?;
            self.suffix.extend(batch.transactions.iter().map(known));
            if let Some(failure) = stopped {
                return Err(failure);
            }
        }
        Ok(())
    }

    /// Undoes what is in blocks that the stream has replaced, when a node knows the new ones. Lists cannot
    /// tell this if the new ones hold the same transactions.
    async fn undo_abandoned(&mut self) -> Result<(), Failure> {
        let stream = self.mirror.chain.stream();
        let Some(first) = stream.abandoned() else {
            return Ok(());
        };
        let below = slot(first)?;
        let keep = self.suffix.iter().position(|known| known.slot >= below);
        if let Some(keep) = keep {
            self.rewind_to(keep).await?;
        }
        self.proven = None;
        stream.undone(first);
        Ok(())
    }

    /// Applies what a node at this slot or a later one lists as confirmed. Returns whether that is
    /// everything.
    async fn mirror_listed(&mut self, min_slot: u64) -> Result<bool, Failure> {
        let chain = self.mirror.chain;
        let anchor = &self.anchor;
        let listed = history::confirmed(chain, anchor, min_slot, MOST_CONFIRMED).await?;
        let Some((source, listed)) = listed else {
            // Or the node has made them up.
            chain.sources().turn();
            return Ok(false);
        };
        let merged = merge(&self.suffix, &listed);
        let differs = merged != listed;
        let outcome = match self.follow_to(merged).await {
            // Perhaps the mirror holds a transaction that was abandoned: try without it.
            Err(Failure::Replay { .. } | Failure::Misplaced(_)) if differs => {
                self.follow_to(listed).await
            }
            outcome => outcome,
        };
        source.judge(outcome)?;
        Ok(true)
    }

    /// The transactions that the mirror holds and that are not final, and the last final ones.
    pub(crate) fn held(&self) -> HashSet<&str> {
        let held = self.suffix.iter().chain(self.anchor.known());
        held.map(|known| known.signature.as_str()).collect()
    }

    /// Makes the confirmed transactions equal to `listed`.
    async fn follow_to(&mut self, listed: Vec<Listed>) -> Result<(), Failure> {
        let same = equal(&self.suffix, &listed);
        let mut keep = Some(same).filter(|same| *same < self.suffix.len());
        if let Some(last) = listed.get(same..).and_then(<[_]>::last) {
            self.mirror
                .chain
                .stream()
                .reach(last.slot, STREAM_LAG)
                .await;
        }
        let rest = listed.get(same..).unwrap_or_default();
        for listed in rest.chunks(self.batch(BATCH)) {
            let (transactions, missing) = fetch(self.mirror, listed, Commitment::Confirmed).await;
            // Transactions that are held are undone only if their replacements are there.
            if let Some(keep) = keep.take() {
                if transactions.is_empty()
                    && let Some(missing) = missing
                {
                    return Err(missing);
                }
                let last = keep.checked_sub(1).and_then(|last| self.suffix.get(last));
                in_order(last.or(self.last_final()), &transactions)?;
                self.rewind_to(keep).await?;
            }
            let (batch, stopped) = self.replay(&transactions, true).await?;
            self.write(&batch, None).await?;
            self.suffix.extend(batch.transactions.iter().map(known));
            if let Some(failure) = stopped.or(missing) {
                return Err(failure);
            }
        }
        // The list ends before what is held.
        if let Some(keep) = keep {
            self.rewind_to(keep).await?;
        }
        Ok(())
    }

    /// Undoes all but the first `keep` transactions that are not final.
    async fn rewind_to(&mut self, keep: usize) -> Result<(), Failure> {
        let seq = match keep.checked_sub(1).and_then(|last| self.suffix.get(last)) {
            Some(known) => known.seq,
            None => self.last_final().map_or(0, |known| known.seq),
        };
        let undone = self.suffix.len().saturating_sub(keep);
        let Undo {
            most,
            allowed_after,
        } = self.mirror.undo;
        if undone > most && allowed_after != Some(seq) {
            return Err(Failure::TooMuch { undone, seq, most });
        }
        tracing::warn!(
            undone,
            seq,
            "the cluster abandoned transactions: undoing them"
        );
        metrics::counter!("vouch_indexer_undone_transactions_total").increment(undone as u64);
        self.ledger.forget();
        self.proven = None;
        rewind(&mut *self.mirror.writer.lock().await, seq).await?;
        self.suffix.truncate(keep);
        Ok(())
    }

    async fn replay(
        &mut self,
        transactions: &[Transaction],
        revocable: bool,
    ) -> Result<(Batch, Option<Failure>), Failure> {
        let last = self.suffix.last().or(self.last_final());
        in_order(last, transactions)?;
        let seq = self.last_seq() + 1;
        let mut writer = self.mirror.writer.lock().await;
        let replayed = self
            .ledger
            .replay(self.mirror.chain, &mut writer, transactions, seq, revocable)
            .await;
        self.mirror.health.beat();
        if replayed.is_err() {
            self.ledger.forget();
        }
        let Replayed { batch, stopped } = replayed?;
        Ok((batch, stopped))
    }

    /// How many transactions the next batch has, at most `most`.
    fn batch(&self, most: usize) -> usize {
        let size = usize::try_from(self.mirror.paces.batch.get().most());
        size.unwrap_or(most).clamp(1, most)
    }

    async fn write(&mut self, batch: &Batch, range: Option<&Final>) -> Result<(), Failure> {
        let paces = self.mirror.paces;
        let mut writer = self.mirror.writer.lock().await;
        writer.count_at_most(paces.short.get().most());
        let start = Instant::now();
        let outcome = writer.write(batch, range).await;
        drop(writer);
        self.mirror.health.beat();
        if let Err(error) = &outcome {
            self.ledger.forget();
            // The state in memory goes on already as if the batch was written.
            self.is_stale = true;
            if error.is_too_long() {
                if !batch.transactions.is_empty() {
                    paces.batch.get().too_long();
                }
                // It may be one of those that count conversions.
                paces.short.get().too_long();
                tracing::warn!(%error, transactions = batch.transactions.len(), "a batch took too long");
            }
        } else if let Ok(count @ 1..) = i64::try_from(batch.transactions.len()) {
            paces.batch.get().took(count, start.elapsed());
        }
        match outcome {
            // Nothing of it was written.
            Err(vouch_db::Error::Constraint { constraint, .. }) if constraint == ONCE => {
                return Err(Failure::Wrong(
                    "getSignaturesForAddress: a transaction is listed in two slots".into(),
                ));
            }
            outcome => metrics::counter!(ranking::RANKED).increment(outcome?),
        }
        if !batch.transactions.is_empty() {
            metrics::histogram!("vouch_indexer_apply_seconds")
                .record(start.elapsed().as_secs_f64());
            metrics::counter!("vouch_indexer_transactions_total")
                .increment(batch.transactions.len() as u64);
        }
        Ok(())
    }
}

fn known(row: &mirror::Transaction) -> Known {
    Known {
        seq: row.seq,
        slot: row.slot,
        block_index: row.block_index,
        block_time: row.block_time,
        signature: row.signature.clone(),
    }
}

/// A time of the chain, or an earlier one: a wrong time must not make conversions count before nobody can cancel them.
fn plausible(time: i64) -> i64 {
    time.min(now().saturating_add(CLOCK_SKEW))
}

/// Unix seconds, by this machine's clock.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}
