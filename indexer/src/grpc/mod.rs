//! A Yellowstone gRPC stream of confirmed blocks and the program's transactions in them. It announces
//! transactions instead of the WebSocket, and brings them. Without it, the mirror works as before.

mod convert;

use std::{collections::HashMap, time::Duration};

use futures::{SinkExt as _, StreamExt as _};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tonic::{Code, Status, transport::ClientTlsConfig};
use vouch_client::PROGRAM_ID;
use yellowstone_grpc_client::{GeyserGrpcBuilderError, GeyserGrpcClient, GeyserGrpcClientError};
use yellowstone_grpc_proto::geyser::{
    CommitmentLevel, SubscribeRequest, SubscribeRequestFilterBlocksMeta,
    SubscribeRequestFilterTransactions, SubscribeRequestPing, subscribe_update::UpdateOneof,
};

use crate::{
    chain::Chain,
    config::Config,
    failure::{Failure, cut},
    health::{Health, gauge},
    standing::State,
    stream::{Arrival, Step, Stream},
    wake::Wake,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time within which a block has to come. One comes every 0.4 seconds.
const STALL: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(30);
/// A node is asked whether it knows a block of the stream when a connection begins, and then this often.
const CHECK_EVERY: Duration = Duration::from_secs(30);
const CHECK_AGAIN: Duration = Duration::from_secs(1);
/// Time within which a node has to know a block.
const CHECK_WITHIN: Duration = Duration::from_secs(20);
/// Time for which the stream's reader waits for an answer. Meanwhile nothing is read.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// Slots by which a block may be behind the chain to be asked for: a node remembers 150 blockhashes.
const MOST_BEHIND: u64 = 100;
/// Slots by which the stream may be ahead of the nodes.
const MOST_AHEAD: u64 = 150;
/// Time for which a slot that the nodes told says how far the chain is.
const TIP_AGE: Duration = Duration::from_secs(5);
/// The name of our filters.
const OURS: &str = "vouch";

/// Why a connection ended.
#[derive(Debug)]
struct Lost {
    state: State,
    reason: String,
}

impl Lost {
    fn away(what: &str, reason: impl std::fmt::Display) -> Self {
        Self {
            state: State::Away,
            reason: format!("{what}: {}", cut(reason)),
        }
    }

    fn status(what: &str, status: &Status) -> Self {
        Self::away(what, format!("{:?}: {}", status.code(), status.message()))
    }
}

/// Follows the stream, if there is one, until the process ends.
pub(crate) async fn run(config: &Config, chain: &Chain, health: &Health, wake: &Wake) {
    let Some(url) = &config.grpc_url else {
        return std::future::pending().await;
    };
    let stream = chain.stream();
    stream.configure();
    let mut pause = FIRST_PAUSE;
    loop {
        if stream.doubted().is_some() {
            sleep(CHECK_AGAIN).await;
            continue;
        }
        let start = Instant::now();
        let connection = Connection {
            config,
            url: url.as_str(),
            chain,
            health,
            wake,
            stream,
        };
        let Lost { state, reason } = connection.follow().await;
        metrics::counter!("vouch_indexer_grpc_failures_total").increment(1);
        stream.failed(state, reason.clone());
        if start.elapsed() > LAST_PAUSE {
            pause = FIRST_PAUSE;
        }
        if state == State::OtherChain {
            stream.forget();
            pause = LAST_PAUSE;
        }
        tracing::warn!(retry_in = ?pause, "going on without the gRPC stream: {reason}");
        sleep(pause).await;
        pause = (pause * 2).min(LAST_PAUSE);
    }
}

struct Connection<'a> {
    config: &'a Config,
    url: &'a str,
    chain: &'a Chain,
    health: &'a Health,
    wake: &'a Wake,
    stream: &'a Stream,
}

/// Whether the blocks are of the chain that the nodes know.
struct Check {
    /// The block that a node is asked for.
    asked: Option<(u64, String)>,
    /// When it is asked next.
    due: Instant,
    /// When it may be asked next, whatever happens.
    floor: Instant,
    /// When a node has to have known a block.
    end: Instant,
    /// Whether one has.
    is_passed: bool,
}

impl Check {
    /// Nothing is known of the blocks that come now.
    fn begin() -> Self {
        let now = Instant::now();
        Self {
            asked: None,
            due: now,
            floor: now,
            end: now + CHECK_WITHIN,
            is_passed: false,
        }
    }

    /// Drops the node's last answer, which says nothing of the blocks that come now.
    fn again(&mut self) {
        *self = Self {
            due: self.floor,
            floor: self.floor,
            ..Self::begin()
        };
    }
}

impl Connection<'_> {
    /// Follows the stream until it fails.
    async fn follow(&self) -> Lost {
        match self.try_follow().await {
            Ok(()) => Lost::away("Subscribe", "the server ended the stream"),
            Err(lost) => lost,
        }
    }

    async fn connect(&self) -> Result<GeyserGrpcClient, Lost> {
        let what = |error: GeyserGrpcBuilderError| Lost::away("connect", deepest(&error));
        let builder = GeyserGrpcClient::build_from_shared(self.url.to_owned()).map_err(what)?;
        let builder = builder.x_token(self.config.grpc_token.clone());
        let mut builder = builder.map_err(what)?;
        if self.url.starts_with("https:") {
            let tls = ClientTlsConfig::new().with_native_roots();
            builder = builder.tls_config(tls).map_err(what)?;
        }
        builder
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .max_decoding_message_size(self.config.limits().most_bytes)
            .connect()
            .await
            .map_err(what)
    }

    async fn try_follow(&self) -> Result<(), Lost> {
        let from_slot = self.stream.begin();
        let mut client = timeout(CONNECT_TIMEOUT, self.connect())
            .await
            .map_err(|_| Lost::away("connect", "no answer"))??;
        let subscribed = client.subscribe_with_request(Some(request(from_slot)));
        let subscribed = timeout(CONNECT_TIMEOUT, subscribed).await;
        let subscribed = subscribed.map_err(|_| Lost::away("Subscribe", "no answer"))?;
        let (mut requests, mut updates) = subscribed.map_err(|error| match error {
            GeyserGrpcClientError::TonicStatus(status) => self.refused(from_slot, &status),
            error => Lost::away("Subscribe", error),
        })?;
        let mut progress = Instant::now();
        let mut check = Check::begin();
        let mut is_new = true;
        let mut newest = None;
        loop {
            let update = timeout_at(progress + STALL, updates.next()).await;
            let update =
                update.map_err(|_| Lost::away("Subscribe", format!("no block in {STALL:?}")))?;
            let Some(update) = update else {
                return Ok(());
            };
            let update = update.map_err(|status| match is_new {
                true => self.refused(from_slot, &status),
                false => self.broken(&status),
            })?;
            match update.update_oneof {
                Some(UpdateOneof::Transaction(update)) => {
                    let (slot, delivered) =
                        convert::delivered(update).map_err(|reason| self.wrong(reason))?;
                    self.tip(slot)?;
                    let signature = delivered.signature;
                    match self.stream.transaction(slot, delivered) {
                        Arrival::Last if self.stream.is_checked() => self.wake.stream(),
                        // A list has to say in which order they follow.
                        Arrival::Late if self.stream.is_checked() => {
                            self.wake.expect(signature.to_string());
                        }
                        _ => {}
                    }
                }
                Some(UpdateOneof::BlockMeta(update)) => {
                    is_new = false;
                    let head = convert::head(update).map_err(|reason| self.wrong(reason))?;
                    let slot = head.slot;
                    let tip = self.tip(slot)?;
                    match self.stream.block(head) {
                        Step::Old => continue,
                        Step::Next(true) if self.stream.is_checked() => self.wake.stream(),
                        Step::Gap => {
                            metrics::counter!("vouch_indexer_grpc_gaps_total").increment(1);
                            tracing::warn!(slot, "the stream lacks blocks before this one");
                            // Before the first block of a connection, they may be those of the pause.
                            if newest.is_some() && self.stream.gap() {
                                let reason = "it leaves out blocks again and again";
                                return Err(Lost::away("Subscribe", reason));
                            }
                        }
                        Step::Fork(_) if self.stream.is_restless() => {
                            // Without a node's word, the lists tell what is to be undone.
                            if matches!(self.check_replaced(slot, tip).await?, Ok(true)) {
                                self.stream.abandon();
                            }
                            return Err(self.wrong("it replaces blocks again and again"));
                        }
                        Step::Fork(_) | Step::Next(_) | Step::Known => {}
                    }
                    // Blocks that come twice are no progress.
                    if newest.is_none_or(|newest| newest < slot) {
                        newest = Some(slot);
                        progress = Instant::now();
                    }
                    gauge("vouch_indexer_grpc_slot", slot);
                    // While blocks are repeated, the last one that is known may be replaced by one that comes.
                    if self.stream.last().is_some_and(|(last, _)| last == slot) {
                        self.check(&mut check, tip).await?;
                    }
                }
                Some(UpdateOneof::Ping(_)) => {
                    // Proxies of providers close what is silent in one direction.
                    let ping = SubscribeRequest {
                        ping: Some(SubscribeRequestPing { id: 1 }),
                        ..SubscribeRequest::default()
                    };
                    let sent = timeout(CONNECT_TIMEOUT, requests.send(ping)).await;
                    let sent = sent.map_err(|_| Lost::away("ping", "not sent"))?;
                    sent.map_err(|error| Lost::away("ping", error))?;
                }
                _ => {}
            }
            if let Some(reason) = self.stream.doubted() {
                return Err(Lost {
                    state: State::Unreliable,
                    reason,
                });
            }
        }
    }

    /// How far the chain is, if the nodes have told it lately. Fails if this slot is far ahead of it.
    fn tip(&self, slot: u64) -> Result<Option<u64>, Lost> {
        let tip = self.health.chain(TIP_AGE);
        match tip.filter(|tip| slot > tip.saturating_add(MOST_AHEAD)) {
            None => Ok(tip),
            Some(tip) => {
                Err(self.wrong(format!("it is at slot {slot}, but the chain is at {tip}")))
            }
        }
    }

    /// The server does not serve this. Perhaps it no longer has the slot from which blocks should be repeated.
    fn refused(&self, from_slot: Option<u64>, status: &Status) -> Lost {
        let is_of_request = matches!(
            status.code(),
            Code::InvalidArgument
                | Code::OutOfRange
                | Code::FailedPrecondition
                | Code::NotFound
                | Code::Internal
                | Code::Unimplemented
                | Code::DataLoss
        );
        if from_slot.is_none() && status.code() == Code::OutOfRange {
            // No slot was asked for, so it is the length of the first message.
            return self.broken(status);
        }
        if from_slot.is_some() && is_of_request {
            metrics::counter!("vouch_indexer_grpc_gaps_total").increment(1);
            self.stream.forget();
        }
        Lost::status("Subscribe", status)
    }

    /// The stream ended. A message above the limit would come again if blocks were asked for again.
    fn broken(&self, status: &Status) -> Lost {
        if status.code() != Code::OutOfRange {
            return Lost::status("Subscribe", status);
        }
        metrics::counter!("vouch_indexer_grpc_gaps_total").increment(1);
        self.stream.forget();
        Lost::away(
            "Subscribe",
            format!("{} (MAX_ANSWER_MIB)", status.message()),
        )
    }

    fn wrong(&self, reason: impl Into<String>) -> Lost {
        let reason = reason.into();
        self.stream.doubt(reason.clone());
        Lost {
            state: State::Unreliable,
            reason,
        }
    }

    /// Asks a node now and then whether it knows the stream's last block, so a stream of another chain is not
    /// taken for one of this.
    async fn check(&self, check: &mut Check, tip: Option<u64>) -> Result<(), Lost> {
        let now = Instant::now();
        let is_checked = self.stream.is_checked();
        if check.is_passed && !is_checked {
            check.again();
        }
        if now < check.due {
            return Ok(());
        }
        check.floor = now + CHECK_AGAIN;
        check.due = check.floor;
        let Some(tip) = tip else {
            // Nobody asks the nodes for it while the mirror catches up.
            check.end = now + CHECK_WITHIN;
            return Ok(());
        };
        let asked = check.asked.take().filter(|(slot, _)| is_recent(*slot, tip));
        let asked = asked.filter(|(slot, hash)| self.stream.has(*slot, hash));
        let last = || self.stream.last().filter(|(slot, _)| is_recent(*slot, tip));
        let answer = match asked.or_else(last) {
            None => Err(Failure::Behind("no block of it is new enough".into())),
            Some((slot, hash)) => {
                let answer = self.knows(&hash, slot).await;
                if matches!(answer, Ok(false)) {
                    return Err(Lost {
                        state: State::OtherChain,
                        reason: format!("no node knows its block {hash} in slot {slot}"),
                    });
                }
                check.asked = Some((slot, hash));
                match answer {
                    Ok(_) => self.check_replaced(slot, Some(tip)).await?,
                    failed => failed,
                }
            }
        };
        match answer {
            Ok(_) => {
                check.asked = None;
                check.due = now + CHECK_EVERY;
                check.end = check.due + CHECK_WITHIN;
                check.is_passed = true;
                if !is_checked {
                    self.stream.checked();
                    self.wake.stream();
                }
                Ok(())
            }
            Err(failure) if now > check.end => Err(Lost::away("isBlockhashValid", failure)),
            Err(_) => Ok(()),
        }
    }
}

impl Connection<'_> {
    /// Whether a node that has reached this slot knows the block with this hash.
    async fn knows(&self, hash: &str, slot: u64) -> Result<bool, Failure> {
        let answer = timeout(CHECK_TIMEOUT, self.chain.knows(hash, slot)).await;
        answer.unwrap_or_else(|_| Err(Failure::Chain("no answer".into())))
    }

    /// Asks a node that has reached this slot whether it still knows the block that the stream has replaced.
    /// Returns `Ok(true)` if there is none, or it does not. Fails if the node knows no block that old.
    async fn check_replaced(
        &self,
        slot: u64,
        tip: Option<u64>,
    ) -> Result<Result<bool, Failure>, Lost> {
        let Some((replaced, hash)) = self.stream.replaced() else {
            return Ok(Ok(true));
        };
        if !tip.is_some_and(|tip| is_recent(replaced, tip)) {
            return Err(self.wrong(format!(
                "it replaced the block {hash} of slot {replaced} or later, too late to ask a node for it"
            )));
        }
        match self.knows(&hash, slot).await {
            Ok(false) => Ok(Ok(true)),
            Ok(true) => Err(self.wrong(format!(
                "it replaced the block {hash}, which a node still has"
            ))),
            Err(failure) => Ok(Err(failure)),
        }
    }
}

/// Whether a node whose chain is at the slot `tip` remembers the hash of a block in this slot.
fn is_recent(slot: u64, tip: u64) -> bool {
    slot.saturating_add(MOST_BEHIND) > tip
}

/// Confirmed blocks, and the transactions that name the program.
fn request(from_slot: Option<u64>) -> SubscribeRequest {
    let transactions = SubscribeRequestFilterTransactions {
        vote: Some(false),
        account_include: vec![PROGRAM_ID.to_string()],
        ..SubscribeRequestFilterTransactions::default()
    };
    SubscribeRequest {
        transactions: HashMap::from([(OURS.to_owned(), transactions)]),
        blocks_meta: HashMap::from([(OURS.to_owned(), SubscribeRequestFilterBlocksMeta {})]),
        commitment: Some(CommitmentLevel::Confirmed.into()),
        from_slot,
        ..SubscribeRequest::default()
    }
}

/// The deepest cause, which says most.
fn deepest(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
