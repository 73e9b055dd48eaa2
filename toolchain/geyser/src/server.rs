//! The service: `Subscribe` at the commitment `confirmed`, and the small questions beside it.

use std::{
    collections::{HashMap, HashSet},
    net::TcpListener,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use futures::{Stream, StreamExt as _, stream};
use tokio::{
    sync::{broadcast::error::RecvError, mpsc},
    time::{MissedTickBehavior, interval},
};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use yellowstone_grpc_proto::{
    geyser::{
        geyser_server::{Geyser, GeyserServer},
        subscribe_update::UpdateOneof,
        *,
    },
    tonic::{
        Request, Response, Status, Streaming,
        transport::{Error, Server},
    },
};

use crate::blocks::{Block, Blocks};

/// Updates that wait for a client.
const QUEUE: usize = 256;
const PING_EVERY: Duration = Duration::from_secs(10);

struct Service {
    blocks: Arc<Blocks>,
}

type Answer<T> = Result<Response<T>, Status>;
type Updates<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Serves until the validator ends.
pub(crate) async fn serve(
    listener: TcpListener,
    x_token: Option<String>,
    blocks: Arc<Blocks>,
) -> Result<(), Error> {
    let check = move |request: Request<()>| {
        let sent = request.metadata().get("x-token").map(|it| it.as_bytes());
        match &x_token {
            Some(expected) if sent != Some(expected.as_bytes()) => {
                Err(Status::unauthenticated("No valid auth token"))
            }
            _ => Ok(request),
        }
    };
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return Ok(());
    };
    Server::builder()
        .add_service(GeyserServer::with_interceptor(Service { blocks }, check))
        .serve_with_incoming(TcpListenerStream::new(listener))
        .await
}

/// What a client has subscribed to.
struct Filters {
    transactions: Vec<(String, Transactions)>,
    slots: Vec<String>,
    blocks_meta: Vec<String>,
}

struct Transactions {
    vote: Option<bool>,
    failed: Option<bool>,
    include: HashSet<Vec<u8>>,
    exclude: HashSet<Vec<u8>>,
    required: HashSet<Vec<u8>>,
}

fn addresses(texts: Vec<String>) -> Result<HashSet<Vec<u8>>, Status> {
    let decode = |text: String| {
        let bytes = bs58::decode(&text).into_vec();
        let bytes = bytes.ok().filter(|bytes| bytes.len() == 32);
        bytes.ok_or_else(|| Status::invalid_argument(format!("no address: {text}")))
    };
    texts.into_iter().map(decode).collect()
}

fn names<T>(filters: HashMap<String, T>) -> Vec<String> {
    filters.into_keys().collect()
}

impl Filters {
    /// Refuses what is not served, so that nobody waits for it.
    fn of(request: SubscribeRequest) -> Result<Self, Status> {
        let is_served = request.accounts.is_empty()
            && request.transactions_status.is_empty()
            && request.blocks.is_empty()
            && request.entry.is_empty()
            && request.block_footer.is_empty();
        if !is_served {
            return Err(Status::unimplemented(
                "only transactions, slots and blocks_meta",
            ));
        }
        if request.commitment() != CommitmentLevel::Confirmed {
            return Err(Status::unimplemented("only the commitment confirmed"));
        }
        let transactions = request.transactions.into_iter().map(|(name, filter)| {
            let filter = Transactions {
                vote: filter.vote,
                failed: filter.failed,
                include: addresses(filter.account_include)?,
                exclude: addresses(filter.account_exclude)?,
                required: addresses(filter.account_required)?,
            };
            Ok((name, filter))
        });
        Ok(Self {
            transactions: transactions.collect::<Result<_, Status>>()?,
            slots: names(request.slots),
            blocks_meta: names(request.blocks_meta),
        })
    }

    /// The updates of a block: its transactions, the block, its slot.
    fn updates(&self, block: &Block) -> Vec<SubscribeUpdate> {
        let slot = block.meta.slot;
        let mut updates = Vec::new();
        for transaction in &block.transactions {
            let passing = self.transactions.iter();
            let passing = passing.filter(|(_, filter)| filter.lets_pass(transaction));
            let filters: Vec<_> = passing.map(|(name, _)| name.clone()).collect();
            let update = SubscribeUpdateTransaction {
                transaction: Some(transaction.clone()),
                slot,
                ..SubscribeUpdateTransaction::default()
            };
            updates.push(update_of(filters, UpdateOneof::Transaction(update)));
        }
        let meta = UpdateOneof::BlockMeta(block.meta.clone());
        updates.push(update_of(self.blocks_meta.clone(), meta));
        let status = SubscribeUpdateSlot {
            slot,
            parent: Some(block.meta.parent_slot),
            status: SlotStatus::SlotConfirmed.into(),
            ..SubscribeUpdateSlot::default()
        };
        updates.push(update_of(self.slots.clone(), UpdateOneof::Slot(status)));
        updates.retain(|update| !update.filters.is_empty());
        updates
    }
}

impl Transactions {
    fn lets_pass(&self, transaction: &SubscribeUpdateTransactionInfo) -> bool {
        let meta = transaction.meta.as_ref();
        let has_failed = meta.is_some_and(|meta| meta.err.is_some());
        let message = transaction.transaction.as_ref();
        let message = message.and_then(|it| it.message.as_ref());
        let own = message.into_iter().flat_map(|it| &it.account_keys);
        let loaded = meta.into_iter().flat_map(|meta| {
            let writable = &meta.loaded_writable_addresses;
            writable.iter().chain(&meta.loaded_readonly_addresses)
        });
        let keys: HashSet<&Vec<u8>> = own.chain(loaded).collect();
        let names = |key: &Vec<u8>| keys.contains(key);
        self.vote.is_none_or(|vote| vote == transaction.is_vote)
            && self.failed.is_none_or(|failed| failed == has_failed)
            && (self.include.is_empty() || self.include.iter().any(names))
            && !self.exclude.iter().any(names)
            && self.required.iter().all(names)
    }
}

fn update_of(filters: Vec<String>, update: UpdateOneof) -> SubscribeUpdate {
    SubscribeUpdate {
        filters,
        update_oneof: Some(update),
        created_at: None,
    }
}

/// Sends a client what it has subscribed to, until it goes away or is too slow.
async fn follow(
    blocks: Arc<Blocks>,
    mut requests: Streaming<SubscribeRequest>,
    sender: mpsc::Sender<Result<SubscribeUpdate, Status>>,
) {
    let outcome = async {
        let first = requests.message().await?;
        let first = first.ok_or_else(|| Status::invalid_argument("no request"))?;
        let (old, mut new) = blocks.from(first.from_slot).map_err(|first| {
            let first = first.map_or("none".to_owned(), |first| first.to_string());
            Status::invalid_argument(format!(
                "from_slot is not available, first available slot: {first}"
            ))
        })?;
        let mut filters = Filters::of(first)?;
        for block in old {
            send(&sender, filters.updates(&block)).await?;
        }
        let mut asks = true;
        let mut pings = interval(PING_EVERY);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                block = new.recv() => match block {
                    Ok(block) => send(&sender, filters.updates(&block)).await?,
                    Err(RecvError::Lagged(_)) => {
                        return Err(Status::data_loss("the client is too slow"));
                    }
                    Err(RecvError::Closed) => return Ok(()),
                },
                request = requests.message(), if asks => match request? {
                    // It wants nothing else, and goes on listening.
                    None => asks = false,
                    Some(SubscribeRequest { ping: Some(ping), .. }) => {
                        let pong = UpdateOneof::Pong(SubscribeUpdatePong { id: ping.id });
                        send(&sender, vec![update_of(Vec::new(), pong)]).await?;
                    }
                    Some(request) => filters = Filters::of(request)?,
                },
                _ = pings.tick() => {
                    let ping = UpdateOneof::Ping(SubscribeUpdatePing {});
                    send(&sender, vec![update_of(Vec::new(), ping)]).await?;
                }
            }
        }
    };
    if let Err(status) = outcome.await {
        // It may have gone away.
        let _ = sender.send(Err(status)).await;
    }
}

async fn send(
    sender: &mpsc::Sender<Result<SubscribeUpdate, Status>>,
    updates: Vec<SubscribeUpdate>,
) -> Result<(), Status> {
    for update in updates {
        let sent = sender.send(Ok(update)).await;
        sent.map_err(|_| Status::cancelled("the client went away"))?;
    }
    Ok(())
}

fn not_served<T>() -> Result<T, Status> {
    Err(Status::unimplemented("not served by the test validator"))
}

#[yellowstone_grpc_proto::tonic::async_trait]
impl Geyser for Service {
    type SubscribeStream = Updates<SubscribeUpdate>;
    type SubscribeDeshredStream = Updates<SubscribeUpdateDeshred>;
    type SubscribeGossipStream = Updates<SubscribeUpdateGossip>;

    async fn subscribe(
        &self,
        request: Request<Streaming<SubscribeRequest>>,
    ) -> Answer<Self::SubscribeStream> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let blocks = Arc::clone(&self.blocks);
        tokio::spawn(follow(blocks, request.into_inner(), sender));
        Ok(Response::new(ReceiverStream::new(receiver).boxed()))
    }

    async fn get_version(&self, _: Request<GetVersionRequest>) -> Answer<GetVersionResponse> {
        let version = concat!("vouch-geyser ", env!("CARGO_PKG_VERSION")).to_owned();
        Ok(Response::new(GetVersionResponse { version }))
    }

    async fn ping(&self, request: Request<PingRequest>) -> Answer<PongResponse> {
        let count = request.into_inner().count;
        Ok(Response::new(PongResponse { count }))
    }

    async fn get_slot(&self, _: Request<GetSlotRequest>) -> Answer<GetSlotResponse> {
        let slot = self.blocks.last();
        let slot = slot.ok_or_else(|| Status::unavailable("no block yet"))?;
        Ok(Response::new(GetSlotResponse { slot }))
    }

    async fn subscribe_replay_info(
        &self,
        _: Request<SubscribeReplayInfoRequest>,
    ) -> Answer<SubscribeReplayInfoResponse> {
        let first_available = self.blocks.first();
        Ok(Response::new(SubscribeReplayInfoResponse {
            first_available,
        }))
    }

    async fn subscribe_deshred(
        &self,
        _: Request<Streaming<SubscribeDeshredRequest>>,
    ) -> Answer<Self::SubscribeDeshredStream> {
        not_served::<()>().map(|()| Response::new(stream::empty().boxed()))
    }

    async fn subscribe_gossip(
        &self,
        _: Request<SubscribeGossipRequest>,
    ) -> Answer<Self::SubscribeGossipStream> {
        not_served::<()>().map(|()| Response::new(stream::empty().boxed()))
    }

    async fn get_latest_blockhash(
        &self,
        _: Request<GetLatestBlockhashRequest>,
    ) -> Answer<GetLatestBlockhashResponse> {
        not_served()
    }

    async fn get_block_height(
        &self,
        _: Request<GetBlockHeightRequest>,
    ) -> Answer<GetBlockHeightResponse> {
        not_served()
    }

    async fn is_blockhash_valid(
        &self,
        _: Request<IsBlockhashValidRequest>,
    ) -> Answer<IsBlockhashValidResponse> {
        not_served()
    }
}
