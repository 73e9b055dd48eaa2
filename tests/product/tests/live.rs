//! Live streams, from a wallet's transaction on a real validator to a client. Numbers in brackets refer
//! to `docs/INVARIANTS.md`.

use std::collections::BTreeMap;

use serde_json::Value;
use vouch_localnet::{Event, Events, Service};
use vouch_product_tests::{World, start_api};

async fn get(api: &Service, path: &str) -> Value {
    let answer = reqwest::get(format!("{}{path}", api.url())).await;
    let answer = answer.expect("an answer").json().await;
    answer.expect("JSON")
}

/// A client that resumes.
struct Client {
    path: String,
    events: Events,
    /// The events that it was told, except the beginnings of its streams.
    told: Vec<Event>,
    resumed: usize,
}

impl Client {
    async fn new(api: &Service, path: String) -> Self {
        let events = Events::open(&format!("{}{path}", api.url()), None).await;
        let mut client = Self {
            events: events.expect("a stream"),
            path,
            told: Vec::new(),
            resumed: 0,
        };
        let first = client.next().await;
        assert_eq!(first.kind, "stream.opened");
        client
    }

    async fn next(&mut self) -> Event {
        let event = self.events.next().await.expect("the stream works");
        event.expect("the stream goes on")
    }

    /// Reads the next event of a conversion.
    async fn read(&mut self) -> Event {
        let event = self.next().await;
        assert!(event.kind.starts_with("conversion."), "{event:?}");
        self.told.push(event.clone());
        event
    }

    /// Goes on with another stream, where the last one ended.
    async fn resume(&mut self, api: &Service) {
        let url = format!("{}{}", api.url(), self.path);
        let events = Events::open(&url, Some(&self.events.last_id)).await;
        self.events = events.expect("a stream");
        let first = self.next().await;
        assert_eq!(first.kind, "stream.opened");
        assert_eq!(first.body["data"]["resumed"], true);
        self.resumed += 1;
    }

    /// How often each conversion was told to be this.
    fn count(&self, kind: &str) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for event in self.told.iter().filter(|event| event.kind == kind) {
            let conversion = event.body["data"]["conversion"]
                .as_str()
                .expect("an address");
            *counts.entry(conversion.to_owned()).or_default() += 1;
        }
        counts
    }

    /// Reads until this many conversions were told to be final.
    async fn read_until_final(&mut self, count: usize) {
        while self.count("conversion.final").len() < count {
            self.read().await;
        }
    }
}

/// [L1]
#[tokio::test]
async fn conversions_arrive_once_and_in_order_whatever_is_cut_or_killed() {
    // Given a client that follows a campaign
    let world = World::new().await;
    let scene = &world.scene;
    let mut api = start_api(&world).await;
    let mut client = Client::new(&api, format!("/v1/campaigns/{}/live", scene.campaign)).await;
    // When somebody converts, then it is told before it is final
    let (conversion, signature) = scene.convert().await;
    let event = client.read().await;
    assert_eq!(event.kind, "conversion.confirmed");
    assert_eq!(event.body["data"]["conversion"], conversion.to_string());
    assert_eq!(event.body["data"]["signature"], signature.to_string());
    assert_eq!(event.body["data"]["commitment"], "confirmed");
    // When the client is cut off, and more convert meanwhile
    scene.convert_many(3).await;
    client.resume(&api).await;
    client.read().await;
    // And the API is killed while it sends
    scene.convert_many(3).await;
    api.kill().await.expect("killed");
    scene.convert_many(2).await;
    api.start_again().await.expect("a start");
    api.wait_healthy().await.expect("a healthy api");
    client.resume(&api).await;
    client.read_until_final(9).await;
    // Then the client was told of what the list has, each once unless it was retracted
    let list = get(
        &api,
        &format!("/v1/conversions?campaign={}", scene.campaign),
    )
    .await;
    let list = list["conversions"].as_array().expect("a list");
    assert_eq!(list.len(), 9);
    let (confirmed, retracted) = (
        client.count("conversion.confirmed"),
        client.count("conversion.retracted"),
    );
    let (paid, settled) = (
        client.count("conversion.paid"),
        client.count("conversion.final"),
    );
    assert_eq!(settled.len(), 9);
    for row in list {
        let address = row["address"].as_str().expect("an address");
        let detail = get(&api, &format!("/v1/conversions/{address}")).await;
        let outcomes = detail["outcomes"].as_array().expect("outcomes").iter();
        let payments = outcomes
            .filter(|outcome| outcome["kind"] == "part_paid")
            .count();
        assert!(payments > 0, "{detail}");
        let times = 1 + retracted.get(address).copied().unwrap_or_default();
        assert_eq!(confirmed.get(address), Some(&times), "{address}");
        assert_eq!(paid.get(address), Some(&(payments * times)), "{address}");
        assert_eq!(settled.get(address), Some(&1), "{address}");
        let of: Vec<_> = client.told.iter().collect();
        let place = |kind: &str| {
            of.iter().rposition(|event| {
                event.kind == kind && event.body["data"]["conversion"] == address
            })
        };
        let order = [
            "conversion.confirmed",
            "conversion.paid",
            "conversion.final",
        ]
        .map(place);
        assert!(order.is_sorted(), "{address} {order:?}");
        for event in of
            .iter()
            .filter(|event| event.body["data"]["conversion"] == address)
        {
            assert_eq!(
                event.body["data"]["signature"], row["signature"],
                "{event:?}"
            );
        }
    }
    // And in the order of the chain, as the node lists it
    let listed = scene.rpc.get_signatures_for_address(&scene.campaign).await;
    let listed = listed
        .expect("signatures")
        .into_iter()
        .rev()
        .map(|it| it.signature);
    let finals = client
        .told
        .iter()
        .filter(|event| event.kind == "conversion.final");
    let finals: Vec<_> = finals
        .map(|event| {
            event.body["data"]["signature"]
                .as_str()
                .expect("a signature")
                .to_owned()
        })
        .collect();
    let listed: Vec<_> = listed
        .filter(|signature| finals.contains(signature))
        .collect();
    assert_eq!(finals, listed);
    assert_eq!(client.resumed, 2);
}

/// [L1]
#[tokio::test]
async fn what_the_cluster_abandons_is_retracted() {
    // Given a client of a code, and a conversion that it was told of
    let world = World::new().await;
    let scene = &world.scene;
    let api = start_api(&world).await;
    let path = format!("/v1/codes/{}/live?campaign={}", scene.code, scene.campaign);
    let mut client = Client::new(&api, path).await;
    // And nothing becomes final any more
    let mut held = None;
    world.node.behave(move |request, answer| {
        if request["method"] == "getSlot" && request["params"][0]["commitment"] == "finalized" {
            answer["result"] = held.get_or_insert(answer["result"].clone()).clone();
        }
        vouch_product_tests::Fate::Sent
    });
    let (conversion, signature) = scene.convert().await;
    let conversion = conversion.to_string();
    while client.count("conversion.paid").is_empty() {
        client.read().await;
    }
    // When the cluster abandons it, then it is retracted
    world.node.hide(&[signature]);
    let event = client.read().await;
    assert_eq!(event.kind, "conversion.retracted");
    assert_eq!(event.body["data"]["conversion"], *conversion);
    assert_eq!(event.body["data"]["signature"], signature.to_string());
    let list = get(&api, "/v1/conversions").await;
    assert_eq!(list["conversions"].as_array().map(Vec::len), Some(0));
    // And when it was not abandoned after all, then it is told again, and becomes final
    world.node.behave_well();
    client.read_until_final(1).await;
    let told: Vec<_> = client
        .told
        .iter()
        .map(|event| event.kind.as_str())
        .collect();
    let once = ["conversion.confirmed", "conversion.paid"];
    let expected = [
        &once[..],
        &["conversion.retracted"],
        &once[..],
        &["conversion.final"],
    ]
    .concat();
    assert_eq!(told, expected);
}
