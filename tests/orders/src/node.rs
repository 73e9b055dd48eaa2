//! Nodes that tell a recorded chain over JSON-RPC, and not always rightly.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Result;
use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::post,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Notify, task::AbortHandle, time::sleep};
use vouch_client::PROGRAM_ID;

use crate::chain::{Chain, Seen, View};

/// A wrong answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// HTTP 500.
    Refused,
    /// HTTP 429, to be asked again at once.
    Busy,
    /// HTTP 200 with something else than JSON.
    Garbage,
    /// HTTP 200 without a body.
    Nothing,
    /// An error of JSON-RPC.
    Error,
    /// Neither a result nor an error.
    NoResult,
    /// Right, but some milliseconds later.
    Late,
    /// Right for an earlier moment, perhaps on another fork.
    Stale,
    /// A list lacks everything before some transaction.
    Cut,
    /// A list has one transaction twice.
    Twice,
    /// Two neighbours of a list have changed places.
    Swapped,
    /// A list is empty.
    EmptyList,
    /// A list lacks a transaction in its middle.
    Omitted,
    /// The node does not have a transaction that it lists.
    NullTransaction,
    /// A transaction without its effects.
    NoMeta,
    /// A transaction without its CPIs.
    NoInner,
    /// A transaction without the time of its block.
    NoTime,
    /// A transaction in another slot.
    OtherSlot,
    /// Another transaction.
    Another,
    /// No transaction is known.
    NullStatuses,
    /// Fewer answers than questions.
    FewStatuses,
}

impl Fault {
    /// No answer, or none that can be read.
    pub(crate) const OUTAGES: [Self; 7] = [
        Self::Refused,
        Self::Busy,
        Self::Garbage,
        Self::Nothing,
        Self::Error,
        Self::NoResult,
        Self::Late,
    ];
    /// An answer of another moment.
    pub(crate) const VIEWS: [Self; 2] = [Self::Stale, Self::Late];
    /// Transactions that are not what was asked for.
    pub(crate) const TRANSACTIONS: [Self; 6] = [
        Self::NullTransaction,
        Self::NoMeta,
        Self::NoInner,
        Self::NoTime,
        Self::OtherSlot,
        Self::Another,
    ];
    /// Lists that contradict themselves or what is final.
    pub(crate) const LISTS: [Self; 4] = [Self::Cut, Self::Twice, Self::Swapped, Self::FewStatuses];
    /// Lists that are wrong, and nothing in them shows it. A single node that answers so can make the
    /// mirror miss something for good, which it has to notice.
    pub(crate) const LIES: [Self; 3] = [Self::Omitted, Self::EmptyList, Self::NullStatuses];

    fn fits(self, method: &str) -> bool {
        match self {
            Self::Cut | Self::Twice | Self::Swapped | Self::EmptyList | Self::Omitted => {
                method == "getSignaturesForAddress"
            }
            Self::NullTransaction
            | Self::NoMeta
            | Self::NoInner
            | Self::NoTime
            | Self::OtherSlot
            | Self::Another => method == "getTransaction",
            Self::NullStatuses | Self::FewStatuses => method == "getSignatureStatuses",
            _ => method != "getGenesisHash" || self != Self::Stale,
        }
    }
}

/// The constant answer of a node for one of its transactions. The mirror cannot go on behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// It does not have it.
    Gone,
    /// It is another one than was signed.
    Forged,
    /// It does not know its effects.
    WithoutEffects,
}

impl Broken {
    pub(crate) const ALL: [Self; 3] = [Self::Gone, Self::Forged, Self::WithoutEffects];

    /// The words of health about it.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Gone => "the node does not have it",
            Self::Forged => "the node sent a transaction that its signers have not signed",
            Self::WithoutEffects => "the node does not know its effects",
        }
    }
}

/// A wrong answer of a node about an account, at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lapse {
    /// It does not exist.
    Missing,
    /// Its last byte is another one.
    Altered,
    /// It has one byte more.
    Longer,
    /// Another program owns it.
    Foreign,
}

impl Lapse {
    pub(crate) const ALL: [Self; 4] = [Self::Missing, Self::Altered, Self::Longer, Self::Foreign];
}

/// How a node behaves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Manners {
    /// Share of its answers that are wrong.
    pub(crate) rate: f64,
    pub(crate) faults: Vec<Fault>,
}

#[derive(Default)]
struct Node {
    view: Arc<View>,
    /// The views that it had before.
    earlier: Vec<Arc<View>>,
    manners: Manners,
    seed: u64,
    /// Requests so far.
    asked: u64,
    /// Faults so far.
    faults: u64,
    /// The process that asks dies at this request.
    fatal: Option<u64>,
    /// The place of a transaction that the node conceals everywhere.
    hidden: Option<usize>,
    /// The fault of the first account of each answer.
    lapse: Option<Lapse>,
    /// The place of a transaction that it never gives, and what it says instead.
    broken: Option<(usize, Broken)>,
}

/// Several nodes at one address, each with a path of its own.
pub(crate) struct Nodes {
    pub(crate) chain: Arc<Chain>,
    nodes: [Mutex<Node>; 2],
    /// Told when a fatal request came.
    pub(crate) death: Notify,
}

/// A server. Dropping it ends it.
pub(crate) struct Server {
    pub(crate) nodes: Arc<Nodes>,
    address: SocketAddr,
    task: AbortHandle,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn start(chain: Arc<Chain>) -> Result<Self> {
        let nodes = Arc::new(Nodes {
            chain,
            nodes: Default::default(),
            death: Notify::new(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let router = Router::new()
            .route("/{node}", post(answer))
            .with_state(Arc::clone(&nodes));
        let task = tokio::spawn(async move { axum::serve(listener, router).await }).abort_handle();
        Ok(Self {
            nodes,
            address,
            task,
        })
    }

    /// The addresses of the first `count` nodes.
    pub(crate) fn urls(&self, count: usize) -> Vec<String> {
        (0..count)
            .map(|node| format!("http://{}/{node}", self.address))
            .collect()
    }
}

impl Nodes {
    fn node(&self, node: usize) -> MutexGuard<'_, Node> {
        self.nodes[node]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins anew.
    pub(crate) fn begin(&self, node: usize, seed: u64, manners: Manners) {
        *self.node(node) = Node {
            manners,
            seed,
            ..Node::default()
        };
    }

    /// From now on the node behaves.
    pub(crate) fn behave(&self, node: usize) {
        let mut node = self.node(node);
        node.manners = Manners::default();
        node.fatal = None;
        node.hidden = None;
        node.lapse = None;
    }

    /// From now on, until it begins anew, the node does not give the transaction at this place.
    pub(crate) fn break_at(&self, node: usize, place: usize, how: Broken) {
        self.node(node).broken = Some((place, how));
    }

    /// From now on the node conceals the transaction at this place.
    pub(crate) fn hide(&self, node: usize, place: usize) {
        self.node(node).hidden = Some(place);
    }

    /// From now on the node is wrong about the first account of those that it is asked for.
    pub(crate) fn lapse(&self, node: usize, lapse: Lapse) {
        self.node(node).lapse = Some(lapse);
    }

    /// The node has seen this.
    pub(crate) fn show(&self, node: usize, view: &Arc<View>) {
        let mut node = self.node(node);
        let before = std::mem::replace(&mut node.view, Arc::clone(view));
        node.earlier.push(before);
    }

    /// The process that asks dies after so many more requests.
    pub(crate) fn kill_after(&self, node: usize, requests: Option<u64>) {
        let mut node = self.node(node);
        node.fatal = requests.map(|requests| node.asked + requests);
    }

    /// Requests and faults so far.
    pub(crate) fn counts(&self, node: usize) -> (u64, u64) {
        let node = self.node(node);
        (node.asked, node.faults)
    }
}

async fn answer(
    State(nodes): State<Arc<Nodes>>,
    Path(number): Path<usize>,
    body: Bytes,
) -> Response {
    let Ok(request) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let method = request["method"].as_str().unwrap_or_default();
    let (view, fault, mut random, hidden, lapse, broken) = {
        let mut node = nodes.node(number);
        node.asked += 1;
        if node.fatal.is_some_and(|fatal| node.asked >= fatal) {
            node.fatal = None;
            nodes.death.notify_one();
        }
        let mut random = StdRng::seed_from_u64(
            node.seed ^ (node.asked << 8) ^ u64::try_from(number).unwrap_or_default(),
        );
        let fault = if random.gen_bool(node.manners.rate) {
            let chosen = node.manners.faults.choose(&mut random).copied();
            chosen.filter(|fault| fault.fits(method))
        } else {
            None
        };
        let mut view = Arc::clone(&node.view);
        if fault == Some(Fault::Stale)
            && let Some(earlier) = node.earlier.choose(&mut random)
        {
            view = Arc::clone(earlier);
        }
        node.faults += u64::from(fault.is_some());
        (view, fault, random, node.hidden, node.lapse, node.broken)
    };
    let json = |body: String| ([(header::CONTENT_TYPE, "application/json")], body).into_response();
    match fault {
        Some(Fault::Refused) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Some(Fault::Busy) => {
            return (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "0")]).into_response();
        }
        Some(Fault::Garbage) => return "<html>".into_response(),
        Some(Fault::Nothing) => return json(String::new()),
        Some(Fault::NoResult) => return json(r#"{"jsonrpc":"2.0","id":1}"#.into()),
        Some(Fault::Error) => return json(error(-32603, "Internal error")),
        Some(Fault::Late) => sleep(Duration::from_millis(random.gen_range(1..20))).await,
        _ => {}
    }
    let question = Question {
        chain: &nodes.chain,
        view: &view,
        parameters: &request["params"],
        hidden,
        lapse,
        broken,
    };
    json(match question.result(method, fault, &mut random) {
        Ok(result) => format!(r#"{{"jsonrpc":"2.0","result":{result},"id":1}}"#),
        Err(error) => error,
    })
}

fn error(code: i64, message: &str) -> String {
    json!({ "jsonrpc": "2.0", "error": { "code": code, "message": message }, "id": 1 }).to_string()
}

struct Question<'a> {
    chain: &'a Chain,
    view: &'a View,
    parameters: &'a Value,
    hidden: Option<usize>,
    lapse: Option<Lapse>,
    broken: Option<(usize, Broken)>,
}

impl Question<'_> {
    fn result(
        &self,
        method: &str,
        fault: Option<Fault>,
        random: &mut StdRng,
    ) -> Result<String, String> {
        match method {
            "getGenesisHash" => Ok(json!(self.chain.recording.genesis_hash).to_string()),
            "getHealth" => Ok(r#""ok""#.into()),
            "getSlot" => Ok(self.view.slot(is_final(&self.parameters[0])).to_string()),
            "getBlockTime" => self.block_time(),
            "getAccountInfo" => self.mint(),
            "getMultipleAccounts" => self.accounts(),
            "getSignaturesForAddress" => self.list(fault, random),
            "getTransaction" => self.transaction(fault, random),
            "getSignatureStatuses" => Ok(self.statuses(fault)),
            _ => Err(error(-32601, &format!("Method not found: {method}"))),
        }
    }

    fn block_time(&self) -> Result<String, String> {
        let slot = self.parameters[0].as_u64().unwrap_or_default();
        let time = self
            .chain
            .time(slot)
            .filter(|_| slot <= self.view.confirmed_slot);
        time.map(|time| time.to_string())
            .ok_or_else(|| error(-32004, "Block not available"))
    }

    /// The only accounts that are asked for are mints, and all mints have six decimals.
    fn mint(&self) -> Result<String, String> {
        self.reached(&self.parameters[1])?;
        let mut data = [0; 82];
        data[44] = 6;
        Ok(json!({
            "context": { "slot": self.view.confirmed_slot },
            "value": {
                "data": [BASE64_STANDARD.encode(data), "base64"],
                "executable": false,
                "lamports": 1_461_600,
                "owner": vouch_client::token::TOKEN_PROGRAM_ID.to_string(),
                "rentEpoch": u64::MAX,
                "space": 82,
            },
        })
        .to_string())
    }

    /// The accounts, which are recorded as they are at the end.
    fn accounts(&self) -> Result<String, String> {
        self.reached(&self.parameters[1])?;
        if self.view.finalized < self.chain.len() {
            return Err(error(-32603, "accounts are recorded at the end"));
        }
        let asked = self.parameters[0].as_array().into_iter().flatten();
        let mut accounts: Vec<_> = asked
            .map(|address| {
                let data = self.chain.recording.accounts.get(address.as_str()?)?;
                Some(json!({
                    "data": [data, "base64"],
                    "executable": false,
                    "lamports": 1_461_600,
                    "owner": PROGRAM_ID.to_string(),
                    "rentEpoch": u64::MAX,
                }))
            })
            .collect();
        if let Some(lapse) = self.lapse
            && let Some(existing) = accounts.iter_mut().find(|account| account.is_some())
        {
            *existing = existing.take().and_then(|account| wrong(account, lapse));
        }
        let slot = self.view.finalized_slot;
        Ok(json!({ "context": { "slot": slot }, "value": accounts }).to_string())
    }

    /// Fails if the node has not reached the slot that was asked for.
    fn reached(&self, config: &Value) -> Result<(), String> {
        let minimum = config["minContextSlot"].as_u64().unwrap_or_default();
        if self.view.slot(is_final(config)) < minimum {
            return Err(error(-32016, "Minimum context slot has not been reached"));
        }
        Ok(())
    }

    fn signature(&self, seen: &Seen) -> &str {
        &self.chain.recording.transactions[seen.place].signature
    }

    fn list(&self, fault: Option<Fault>, random: &mut StdRng) -> Result<String, String> {
        if self.parameters[0] != PROGRAM_ID.to_string() {
            return Err(error(
                -32603,
                "only the program's transactions are recorded",
            ));
        }
        let config = &self.parameters[1];
        self.reached(config)?;
        let only_final = is_final(config);
        let limit = usize::try_from(config["limit"].as_u64().unwrap_or(1000)).unwrap_or(1000);
        let visible = self.view.visible(only_final).iter().rev();
        let shown = visible.filter(|seen| self.hidden != Some(seen.place));
        let mut page: Vec<Seen> = shown.copied().collect();
        if let Some(before) = config["before"].as_str() {
            let place = page.iter().position(|seen| self.signature(seen) == before);
            page.drain(..place.map_or(page.len(), |place| place + 1));
        }
        if let Some(until) = config["until"].as_str()
            && let Some(place) = page.iter().position(|seen| self.signature(seen) == until)
        {
            page.truncate(place);
        }
        page.truncate(limit);
        if !page.is_empty() {
            let place = random.gen_range(0..page.len());
            match fault {
                Some(Fault::Cut) => page.truncate(place.max(1)),
                Some(Fault::Twice) => page.insert(place, page[place]),
                Some(Fault::Swapped) if place > 0 => page.swap(place, place - 1),
                Some(Fault::EmptyList) => page.clear(),
                Some(Fault::Omitted) => {
                    page.remove(place);
                }
                _ => {}
            }
        }
        let mut text = String::from("[");
        for (number, seen) in page.iter().enumerate() {
            let comma = if number > 0 { "," } else { "" };
            let (failure, _) = &self.chain.texts[seen.place];
            let signature = self.signature(seen);
            let slot = seen.slot;
            let time = self.chain.recording.transactions[seen.place].block_time + seen.later;
            // A string takes everything.
            let _ = write!(
                text,
                r#"{comma}{{"signature":"{signature}","slot":{slot},"err":{failure},"memo":null,"blockTime":{time},"confirmationStatus":"finalized"}}"#
            );
        }
        text.push(']');
        Ok(text)
    }

    fn transaction(&self, fault: Option<Fault>, random: &mut StdRng) -> Result<String, String> {
        let signature = self.parameters[0].as_str().unwrap_or_default();
        let visible = self.view.visible(is_final(&self.parameters[1]));
        let known = self.chain.places.get(signature);
        let known = known.filter(|place| self.hidden != Some(**place));
        let found = known.and_then(|place| visible.iter().position(|seen| seen.place == *place));
        let Some(number) = found.filter(|_| fault != Some(Fault::NullTransaction)) else {
            return Ok("null".into());
        };
        let mut seen = visible[number];
        let index = self.view.index(number);
        match fault {
            Some(Fault::OtherSlot) => seen.slot += 1,
            Some(Fault::Another) => seen.place = random.gen_range(0..self.chain.len()),
            _ => {}
        }
        let mut time =
            (self.chain.recording.transactions[seen.place].block_time + seen.later).to_string();
        if fault == Some(Fault::NoTime) {
            time = "null".into();
        }
        let mut text = self.chain.texts[seen.place].1.clone();
        match self.broken.filter(|(place, _)| *place == seen.place) {
            Some((_, Broken::Gone)) => return Ok("null".into()),
            Some((_, Broken::Forged)) => text = forged(&text),
            Some((_, Broken::WithoutEffects)) => text = changed(&text, |it| it["meta"].take()),
            None => {}
        }
        match fault {
            Some(Fault::NoMeta) => text = changed(&text, |it| it["meta"].take()),
            Some(Fault::NoInner) => {
                text = changed(&text, |it| it["meta"]["innerInstructions"].take());
            }
            _ => {}
        }
        let rest = text.strip_prefix('{').unwrap_or_default();
        Ok(format!(
            r#"{{"slot":{},"blockTime":{time},"transactionIndex":{index},{rest}"#,
            seen.slot
        ))
    }

    fn statuses(&self, fault: Option<Fault>) -> String {
        let asked = self.parameters[0]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let mut statuses: Vec<Value> = asked
            .iter()
            .map(|signature| {
                let place = self.chain.places.get(signature.as_str()?)?;
                if self.hidden == Some(*place) {
                    return None;
                }
                let number = self.view.seen.iter().position(|seen| seen.place == *place)?;
                let failure: Value = serde_json::from_str(&self.chain.texts[*place].0).ok()?;
                let is_final = number < self.view.finalized;
                Some(json!({
                    "slot": self.view.seen[number].slot,
                    "confirmations": if is_final { Value::Null } else { json!(1) },
                    "err": failure,
                    "status": if failure.is_null() { json!({ "Ok": null }) } else { json!({ "Err": failure }) },
                    "confirmationStatus": if is_final { "finalized" } else { "confirmed" },
                }))
            })
            .map(Option::unwrap_or_default)
            .collect();
        match fault {
            Some(Fault::NullStatuses) => statuses.fill(Value::Null),
            Some(Fault::FewStatuses) => {
                statuses.pop();
            }
            _ => {}
        }
        json!({ "context": { "slot": self.view.confirmed_slot }, "value": statuses }).to_string()
    }
}

/// An answer in which something is taken away.
fn changed(text: &str, take: impl Fn(&mut Value) -> Value) -> String {
    let mut answer: Value = serde_json::from_str(text).unwrap_or_default();
    take(&mut answer);
    answer.to_string()
}

/// An answer whose transaction has another recent blockhash than was signed.
fn forged(text: &str) -> String {
    let mut answer: Value = serde_json::from_str(text).unwrap_or_default();
    let encoded = answer["transaction"][0].as_str().unwrap_or_default();
    let mut bytes = BASE64_STANDARD.decode(encoded).unwrap_or_default();
    // Behind the signatures: the version if there is one, three bytes, and the accounts with their number.
    let signatures = usize::from(bytes.first().copied().unwrap_or_default());
    let message = 1 + 64 * signatures;
    let versioned = bytes.get(message).is_some_and(|byte| byte & 0x80 != 0);
    let accounts = message + usize::from(versioned) + 3;
    let count = usize::from(bytes.get(accounts).copied().unwrap_or_default());
    if let Some(byte) = bytes.get_mut(accounts + 1 + 32 * count) {
        *byte ^= 1;
    }
    answer["transaction"][0] = BASE64_STANDARD.encode(bytes).into();
    answer.to_string()
}

/// The answer of a node about an account about which it is wrong.
fn wrong(mut account: Value, lapse: Lapse) -> Option<Value> {
    let encoded = account["data"][0].as_str().unwrap_or_default();
    let mut data = BASE64_STANDARD.decode(encoded).unwrap_or_default();
    match lapse {
        Lapse::Missing => return None,
        Lapse::Foreign => {
            account["owner"] = vouch_client::token::TOKEN_PROGRAM_ID.to_string().into()
        }
        Lapse::Longer => data.push(1),
        Lapse::Altered => {
            if let Some(last) = data.last_mut() {
                *last ^= 1;
            }
        }
    }
    account["data"][0] = BASE64_STANDARD.encode(data).into();
    Some(account)
}

fn is_final(config: &Value) -> bool {
    // A node takes `finalized` where nothing is said.
    config["commitment"] != "confirmed"
}
