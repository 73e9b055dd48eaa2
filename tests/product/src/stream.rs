//! A Yellowstone gRPC server whose stream is wrong on demand.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::{Stream, StreamExt as _, stream};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Server, server::TcpIncoming},
};
use yellowstone_grpc_client::GeyserGrpcClient;
use yellowstone_grpc_proto::geyser::{
    geyser_server::{Geyser, GeyserServer},
    subscribe_update::UpdateOneof,
    *,
};

/// Decides over an update, which it may change: whether it is sent.
type Rule = Box<dyn FnMut(&mut SubscribeUpdate) -> bool + Send>;
type Updates<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;
type Answer<T> = Result<Response<T>, Status>;

#[derive(Default)]
struct State {
    rule: Option<Rule>,
    disorder: Option<Disorder>,
    /// Transactions that are sent after their block; `None` if all are sent before it.
    after: Option<Vec<SubscribeUpdate>>,
    is_away: bool,
    /// The slot from which each subscription wanted blocks again.
    asked: Vec<Option<u64>>,
}

/// How often a stream in disorder did each of these.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mess {
    /// Updates that were not sent.
    pub lost: u32,
    /// Updates that were sent twice.
    pub repeated: u32,
    /// Updates that were sent after later ones.
    pub late: u32,
    /// Streams that were ended.
    pub cut: u32,
}

/// Loses, repeats and reorders updates, and ends streams.
struct Disorder {
    random: StdRng,
    /// Updates that are sent later.
    held: Vec<SubscribeUpdate>,
    mess: Mess,
}

impl Disorder {
    /// The updates that are sent instead of this one, and whether the stream ends then.
    fn pass(&mut self, update: SubscribeUpdate) -> (Vec<SubscribeUpdate>, bool) {
        let mut sent = Vec::new();
        let mut ends = false;
        // Blocks come ten times a second, and transactions in a few of them.
        let scale = match update.update_oneof {
            Some(UpdateOneof::BlockMeta(_)) => 400,
            _ => 40,
        };
        match self.random.gen_range(0..scale) {
            0..4 => {
                self.mess.lost += 1;
                return (sent, ends);
            }
            4..8 => {
                self.mess.repeated += 1;
                sent.push(update.clone());
                sent.push(update);
            }
            8..12 => {
                self.mess.late += 1;
                self.held.push(update);
                return (sent, ends);
            }
            12 => {
                self.mess.cut += 1;
                ends = true;
            }
            _ => sent.push(update),
        }
        sent.append(&mut self.held);
        (sent, ends)
    }
}

#[derive(Clone)]
struct Shared {
    url: String,
    token: Option<String>,
    state: Arc<Mutex<State>>,
    /// How often connections were cut.
    cuts: watch::Sender<u64>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The updates that are sent instead of this one.
    fn pass(&self, mut update: SubscribeUpdate) -> Vec<Result<SubscribeUpdate, Status>> {
        let mut state = self.state();
        let rule = state.rule.as_mut();
        if !rule.is_none_or(|rule| rule(&mut update)) {
            return Vec::new();
        }
        if let Some(held) = &mut state.after {
            match update.update_oneof {
                Some(UpdateOneof::Transaction(_)) => {
                    held.push(update);
                    return Vec::new();
                }
                Some(UpdateOneof::BlockMeta(_)) => {
                    let block = std::iter::once(update);
                    return block.chain(held.drain(..)).map(Ok).collect();
                }
                _ => {}
            }
        }
        let Some(disorder) = &mut state.disorder else {
            return vec![Ok(update)];
        };
        let (sent, ends) = disorder.pass(update);
        let end = ends.then(|| Err(away("cut")));
        sent.into_iter().map(Ok).chain(end).collect()
    }
}

/// A server that passes a real stream on, and changes what comes over it.
pub struct FaultyStream {
    address: SocketAddr,
    shared: Shared,
    server: JoinHandle<()>,
}

impl FaultyStream {
    /// Starts a server before the one at this URL, which wants this token. At first it changes nothing.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn before(url: &str, token: Option<&str>) -> Self {
        let shared = Shared {
            url: url.to_owned(),
            token: token.map(ToOwned::to_owned),
            state: Arc::default(),
            cuts: watch::Sender::new(0),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let service = GeyserServer::new(shared.clone());
        let server = tokio::spawn(async move {
            let incoming = TcpIncoming::from(listener);
            let served = Server::builder().add_service(service);
            served
                .serve_with_incoming(incoming)
                .await
                .expect("it serves");
        });
        Self {
            address,
            shared,
            server,
        }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on, this rule decides over every update.
    pub fn behave(&self, rule: impl FnMut(&mut SubscribeUpdate) -> bool + Send + 'static) {
        self.shared.state().rule = Some(Box::new(rule));
    }

    /// From now on, updates are lost, repeated and reordered, and streams end, as the seed says.
    pub fn disorder(&self, seed: u64) {
        self.shared.state().disorder = Some(Disorder {
            random: StdRng::seed_from_u64(seed),
            held: Vec::new(),
            mess: Mess::default(),
        });
    }

    /// From now on, blocks are sent before their transactions, as the providers' servers do at times.
    pub fn blocks_first(&self) {
        self.shared.state().after = Some(Vec::new());
    }

    /// The faults of the disorder so far.
    pub fn mess(&self) -> Mess {
        let state = self.shared.state();
        state
            .disorder
            .as_ref()
            .map_or_else(Mess::default, |it| it.mess)
    }

    /// From now on, every update is passed on, and everybody is served.
    pub fn behave_well(&self) {
        let mut state = self.shared.state();
        state.rule = None;
        state.disorder = None;
        state.after = None;
        state.is_away = false;
    }

    /// Ends all streams. Whoever comes again is served.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Ends all streams, and serves nobody.
    pub fn go_away(&self) {
        self.shared.state().is_away = true;
        self.cut();
    }

    /// The slot from which each subscription so far wanted blocks again.
    pub fn asked(&self) -> Vec<Option<u64>> {
        self.shared.state().asked.clone()
    }
}

impl Drop for FaultyStream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn away(error: impl std::fmt::Display) -> Status {
    Status::unavailable(error.to_string())
}

fn no<T>() -> Answer<T> {
    Err(Status::unimplemented("not passed on"))
}

#[tonic::async_trait]
impl Geyser for Shared {
    type SubscribeStream = Updates<SubscribeUpdate>;
    type SubscribeDeshredStream = Updates<SubscribeUpdateDeshred>;
    type SubscribeGossipStream = Updates<SubscribeUpdateGossip>;

    async fn subscribe(
        &self,
        request: Request<Streaming<SubscribeRequest>>,
    ) -> Answer<Self::SubscribeStream> {
        let mut requests = request.into_inner();
        let first = requests.message().await?;
        let first = first.ok_or_else(|| Status::invalid_argument("no request"))?;
        {
            let mut state = self.state();
            if state.is_away {
                return Err(away("away"));
            }
            state.asked.push(first.from_slot);
        }
        let client = GeyserGrpcClient::build_from_shared(self.url.clone()).map_err(away)?;
        let client = client.x_token(self.token.clone()).map_err(away)?;
        let mut client = client.connect().await.map_err(away)?;
        let subscribed = client.subscribe_with_request(Some(first)).await;
        let (sink, updates) = subscribed.map_err(away)?;
        let mut cuts = self.cuts.subscribe();
        let shared = self.clone();
        let passed = updates.flat_map(move |update| {
            let passed = match update {
                Err(status) => vec![Err(status)],
                Ok(update) => shared.pass(update),
            };
            // The stream lives as long as the sink of its requests.
            let _ = &sink;
            stream::iter(passed)
        });
        let cut = async move {
            // The sender lives as long as the server.
            let _ = cuts.changed().await;
        };
        Ok(Response::new(passed.take_until(Box::pin(cut)).boxed()))
    }

    async fn subscribe_deshred(
        &self,
        _: Request<Streaming<SubscribeDeshredRequest>>,
    ) -> Answer<Self::SubscribeDeshredStream> {
        no()
    }

    async fn subscribe_gossip(
        &self,
        _: Request<SubscribeGossipRequest>,
    ) -> Answer<Self::SubscribeGossipStream> {
        no()
    }

    async fn subscribe_replay_info(
        &self,
        _: Request<SubscribeReplayInfoRequest>,
    ) -> Answer<SubscribeReplayInfoResponse> {
        no()
    }

    async fn ping(&self, _: Request<PingRequest>) -> Answer<PongResponse> {
        no()
    }

    async fn get_latest_blockhash(
        &self,
        _: Request<GetLatestBlockhashRequest>,
    ) -> Answer<GetLatestBlockhashResponse> {
        no()
    }

    async fn get_block_height(
        &self,
        _: Request<GetBlockHeightRequest>,
    ) -> Answer<GetBlockHeightResponse> {
        no()
    }

    async fn get_slot(&self, _: Request<GetSlotRequest>) -> Answer<GetSlotResponse> {
        no()
    }

    async fn is_blockhash_valid(
        &self,
        _: Request<IsBlockhashValidRequest>,
    ) -> Answer<IsBlockhashValidResponse> {
        no()
    }

    async fn get_version(&self, _: Request<GetVersionRequest>) -> Answer<GetVersionResponse> {
        no()
    }
}
