//! Lists of nodes that lie, at servers that answer as nodes do.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{Json, Router};
use serde_json::{Value, json};
use solana_sdk::signature::Signature;
use tokio::net::TcpListener;

use super::*;
use crate::source::Limits;

/// The last final slot.
const END: u64 = 1000;

/// The transaction with this number. There is one in each slot.
fn signature(number: u64) -> String {
    let mut bytes = [1; 64];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Signature::from(bytes).to_string()
}

/// A node that lists the transactions of these slots, and knows those of `known` as final.
#[derive(Debug, Clone)]
struct Node {
    lists: Range<u64>,
    known: Range<u64>,
    /// The first block that it has.
    first_block: u64,
    /// Whether it lists inventions instead, all in the last slot, without an end.
    invents: bool,
    /// Whether it calls every transaction final, in the last slot.
    vouches: bool,
}

impl Node {
    /// A node that has everything.
    fn honest() -> Self {
        Self {
            lists: 1..END + 1,
            known: 1..END + 1,
            first_block: 0,
            invents: false,
            vouches: false,
        }
    }

    /// The number of a transaction that there is.
    fn number(text: &Value) -> Option<u64> {
        let parsed: Signature = text.as_str()?.parse().ok()?;
        let (number, _) = parsed.as_array().split_first_chunk()?;
        Some(u64::from_be_bytes(*number)).filter(|number| (1..=END).contains(number))
    }

    fn answer(&self, count: u64, request: &Value) -> Value {
        let asked = &request["params"];
        let entry = |signature: String, slot: u64| json!({ "signature": signature, "slot": slot, "err": null, "memo": null });
        match request["method"].as_str() {
            Some("getSlot") => json!(END + 5),
            Some("getHealth") => json!("ok"),
            Some("getFirstAvailableBlock") => json!(self.first_block),
            Some("getSignaturesForAddress") if self.invents => {
                let invented = (0..100).map(|place| signature(10_000 + count * 100 + place));
                invented.map(|signature| entry(signature, END)).collect()
            }
            Some("getSignaturesForAddress") => {
                let before = Self::number(&asked[1]["before"]).unwrap_or(END + 1);
                let listed = self.lists.clone().rev().filter(|number| *number < before);
                let page = listed.take(100);
                page.map(|number| entry(signature(number), number))
                    .collect()
            }
            Some("getSignatureStatuses") => {
                let asked = asked[0].as_array().expect("signatures");
                let status = |text: &Value| {
                    let number = Self::number(text).filter(|number| self.known.contains(number));
                    let slot = number.or(self.vouches.then_some(END))?;
                    Some(json!({
                        "slot": slot, "confirmations": null, "err": null,
                        "status": { "Ok": null }, "confirmationStatus": "finalized",
                    }))
                };
                let value: Vec<_> = asked.iter().map(status).collect();
                json!({ "context": { "slot": END }, "value": value })
            }
            method => unreachable!("{method:?}"),
        }
    }

    /// Serves it until the test ends. Returns its URL.
    async fn serve(self) -> String {
        let count = Arc::new(AtomicU64::new(0));
        let answer = move |Json(request): Json<Value>| {
            let count = count.fetch_add(1, Ordering::SeqCst);
            let result = self.answer(count, &request);
            async move { Json(json!({ "jsonrpc": "2.0", "id": 1, "result": result })) }
        };
        let router = Router::new().fallback(answer);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async { axum::serve(listener, router).await });
        format!("http://{address}")
    }
}

/// The outcome of listing at these nodes, of which the first two are asked for the list: the number of
/// transactions and the proof, and the nodes that are doubted.
async fn outcome(nodes: Vec<Node>) -> (Result<(usize, &'static str), String>, Vec<String>) {
    let mut urls = Vec::new();
    for node in nodes {
        urls.push(node.serve().await);
    }
    let limits = Limits {
        timeout: Duration::from_secs(60),
        most_bytes: 1 << 20,
        page: 100,
    };
    let chain = Chain::new(&urls, limits).expect("a chain");
    let mut all = chain.sources().ready(0).await.expect("nodes");
    all.sort_by_key(|source| source.name());
    for (source, latency) in all.iter().zip(1..) {
        source.look(true).await.expect("it answers");
        // So that it is known who is asked first.
        source.standing().outrun(Duration::from_secs(latency));
    }
    let listed = list(&chain, &Anchor::default(), END, &HashSet::new()).await;
    let listed = listed.map(|agreed| (agreed.list.len(), agreed.proof));
    let doubted = all.iter().filter(|source| {
        let line = source.standing().line(source.name(), Instant::now());
        serde_json::to_value(line).expect("JSON")["state"] == "unreliable"
    });
    let doubted = doubted.map(|source| source.name().to_owned()).collect();
    (listed.map_err(|failure| failure.to_string()), doubted)
}

#[tokio::test]
async fn who_invents_without_an_end_is_doubted_and_the_others_are_believed() {
    let honest = Node::honest;
    let endless = |vouches| Node {
        invents: true,
        vouches,
        ..honest()
    };
    let whole = Ok((1000, ONE));
    for (nodes, doubted) in [
        // It does not know itself what it lists
        (vec![endless(false), honest()], "rpc1"),
        (vec![honest(), endless(false)], "rpc2"),
        // It calls final what it lists, and most nodes contradict it
        (vec![endless(true), honest(), honest()], "rpc1"),
    ] {
        let said = outcome(nodes.clone()).await;
        assert_eq!(said, (whole.clone(), vec![doubted.to_owned()]), "{nodes:?}");
    }
}

#[tokio::test]
async fn what_one_list_lacks_is_voted_on() {
    let honest = Node::honest;
    // A node that leaves out the last transactions, or the first ones, and does not know them either
    let without = |lists: Range<u64>| Node {
        known: lists.clone(),
        lists,
        ..honest()
    };
    // A node that dropped its old history
    let young = Node {
        first_block: 500,
        ..without(500..END + 1)
    };
    let (both, one) = (Ok((1000, TWO)), Ok((1000, ONE)));
    for (nodes, expected, doubted) in [
        (vec![honest(), honest()], both, vec![]),
        (vec![honest(), without(1..900)], one.clone(), vec!["rpc2"]),
        (
            vec![without(300..END + 1), honest()],
            one.clone(),
            vec!["rpc1"],
        ),
        (vec![young.clone(), honest()], one.clone(), vec!["rpc1"]),
        (
            vec![honest(), without(1..900), honest()],
            one.clone(),
            vec!["rpc2"],
        ),
        // A node that dropped old history is no witness against those that have it
        (
            vec![honest(), young.clone(), young.clone()],
            one,
            vec!["rpc2"],
        ),
        // A transaction that most nodes deny is not final
        (
            vec![honest(), without(1..901), without(1..901)],
            Ok((900, ONE)),
            vec!["rpc1"],
        ),
    ] {
        let said = outcome(nodes.clone()).await;
        let doubted = doubted.into_iter().map(ToOwned::to_owned).collect();
        assert_eq!(said, (expected, doubted), "{nodes:?}");
    }
}
