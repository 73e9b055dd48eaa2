//! A Yellowstone gRPC server whose stream is wrong on demand.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::{Stream, StreamExt as _};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Server, server::TcpIncoming},
};
use yellowstone_grpc_client::GeyserGrpcClient;
use yellowstone_grpc_proto::geyser::{
    geyser_server::{Geyser, GeyserServer},
    *,
};

/// Decides over an update, which it may change: whether it is sent.
type Rule = Box<dyn FnMut(&mut SubscribeUpdate) -> bool + Send>;
type Updates<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;
type Answer<T> = Result<Response<T>, Status>;

#[derive(Default)]
struct State {
    rule: Option<Rule>,
    is_away: bool,
    /// The slot from which each subscription wanted blocks again.
    asked: Vec<Option<u64>>,
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

    /// From now on, every update is passed on, and everybody is served.
    pub fn behave_well(&self) {
        let mut state = self.shared.state();
        state.rule = None;
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
        let passed = updates.filter_map(move |update| {
            let passed = match update {
                Err(status) => Some(Err(status)),
                Ok(mut update) => {
                    let mut state = shared.state();
                    let rule = state.rule.as_mut();
                    let is_sent = rule.is_none_or(|rule| rule(&mut update));
                    is_sent.then_some(Ok(update))
                }
            };
            // The stream lives as long as the sink of its requests.
            let _ = &sink;
            std::future::ready(passed)
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
