//! A slow node, and those who ask for transactions meanwhile.

mod common;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Json, Router, extract::State, routing::post};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use common::{ALICE, Answer, Api, CAMPAIGN, campaign, conversion, progress, send};
use reqwest::Method;
use serde_json::{Value, json};
use solana_sdk::{
    clock::Clock,
    pubkey::Pubkey,
    rent::Rent,
    signature::{Keypair, Signer as _},
    sysvar,
};
use sqlx::PgPool;
use tokio::{net::TcpListener, sync::watch};
use vouch_client::{
    PROGRAM_ID,
    accounts::{AccountType, Campaign, Conversion, Referral, Settings, Status, VERSION},
    pda,
};
use vouch_localnet::Postgres;

const CONVERT: &str = "/v1/transactions/convert";
const CLAIM: &str = "/v1/transactions/claim";
const FLOOD: &str = "192.0.2.1";
const OTHER: &str = "198.51.100.7";
/// The system program, which owns wallets.
const SYSTEM: Pubkey = solana_sdk::pubkey!("11111111111111111111111111111111");
/// Unix seconds of the node's clock.
const NOW: i64 = 1_800_000_000;
/// Time that a slow node takes for an answer.
const SLOW: Duration = Duration::from_secs(4);
/// Conversions that the service reads at once.
const PAGE: usize = 32;

/// Owner, lamports and bytes of an account.
type Account = (Pubkey, u64, Vec<u8>);

/// A node. It tells its accounts, and can be slow.
#[derive(Clone)]
struct Node {
    accounts: Arc<Mutex<HashMap<String, Account>>>,
    /// Calls for one of these are never answered.
    unanswered: Arc<Mutex<HashSet<String>>>,
    /// Calls that are not answered, and the most of them at one time.
    held: watch::Sender<(usize, usize)>,
    /// The account from which on calls for accounts are slow, once somebody has asked for it.
    slow_from: Arc<Mutex<Option<String>>>,
    is_slow: Arc<AtomicBool>,
}

impl Node {
    async fn start() -> (Self, String) {
        let node = Self {
            accounts: Arc::default(),
            unanswered: Arc::default(),
            held: watch::Sender::new((0, 0)),
            slow_from: Arc::default(),
            is_slow: Arc::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .fallback(post(answer))
            .with_state(node.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (node, url)
    }

    fn put(&self, address: &Pubkey, owner: Pubkey, data: Vec<u8>) {
        let mut accounts = self.accounts.lock().unwrap();
        accounts.insert(address.to_string(), (owner, 1_000_000_000, data));
    }

    /// An account of the program, of zeros but for what is changed.
    fn put_ours<T>(&self, address: &Pubkey, change: impl FnOnce(&mut T))
    where
        T: AccountType + borsh::BorshSerialize + borsh::BorshDeserialize,
    {
        let mut account: T = borsh::from_slice(&vec![0; T::SIZE - 8]).unwrap();
        change(&mut account);
        let mut data = T::DISCRIMINATOR.to_vec();
        borsh::to_writer(&mut data, &account).unwrap();
        self.put(address, PROGRAM_ID, data);
    }

    fn account(&self, address: &str) -> Value {
        let accounts = self.accounts.lock().unwrap();
        let Some((owner, lamports, data)) = accounts.get(address) else {
            return Value::Null;
        };
        json!({
            "data": [BASE64_STANDARD.encode(data), "base64"],
            "executable": false,
            "lamports": lamports,
            "owner": owner.to_string(),
            "rentEpoch": u64::MAX,
            "space": data.len(),
        })
    }
}

/// A call that is not answered. The client ends it.
struct Held(watch::Sender<(usize, usize)>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.send_modify(|(now, _)| *now -= 1);
    }
}

async fn answer(State(node): State<Node>, Json(request): Json<Value>) -> Json<Value> {
    let result = match request["method"].as_str().unwrap() {
        "getHealth" => json!("ok"),
        "getGenesisHash" => json!(Pubkey::new_unique().to_string()),
        "getLatestBlockhash" => json!({
            "context": { "slot": 9 },
            "value": { "blockhash": Pubkey::new_unique().to_string(), "lastValidBlockHeight": 99 },
        }),
        "getMultipleAccounts" => {
            let asked = request["params"][0].as_array().unwrap();
            let asked: Vec<&str> = asked.iter().map(|it| it.as_str().unwrap()).collect();
            let is_held = {
                let unanswered = node.unanswered.lock().unwrap();
                asked.iter().any(|account| unanswered.contains(*account))
            };
            if is_held {
                node.held.send_modify(|(now, most)| {
                    *now += 1;
                    *most = (*most).max(*now);
                });
                let _held = Held(node.held.clone());
                return std::future::pending().await;
            }
            let slow_from = node.slow_from.lock().unwrap().clone();
            if slow_from.is_some_and(|first| asked.contains(&first.as_str())) {
                node.is_slow.store(true, Ordering::SeqCst);
            }
            if node.is_slow.load(Ordering::SeqCst) {
                tokio::time::sleep(SLOW).await;
            }
            let accounts: Vec<_> = asked.into_iter().map(|it| node.account(it)).collect();
            json!({ "context": { "slot": 9 }, "value": accounts })
        }
        // Neither simulations nor fees: a build needs none of them.
        _ => {
            let error = json!({ "code": -32601, "message": "Method not found" });
            return Json(json!({ "jsonrpc": "2.0", "id": request["id"], "error": error }));
        }
    };
    Json(json!({ "jsonrpc": "2.0", "id": request["id"], "result": result }))
}

/// Asks for a transaction from this network.
async fn ask(api: &Api, client: &str, path: &str, body: &Value) -> Answer {
    let request = api.request(Method::POST, path).json(body);
    send(request.header("x-forwarded-for", client)).await
}

/// A campaign that pays in SOL, with a code of Alice's, in Postgres and at the node. Returns its referral.
async fn paying(node: &Node, pool: &PgPool) -> Pubkey {
    let (at, alice): (Pubkey, Pubkey) = (CAMPAIGN.parse().unwrap(), ALICE.parse().unwrap());
    campaign(pool, CAMPAIGN).await;
    progress(pool, 9, 9).await;
    let clock = Clock {
        unix_timestamp: NOW,
        ..Clock::default()
    };
    node.put(
        &sysvar::clock::ID,
        sysvar::ID,
        bincode::serialize(&clock).unwrap(),
    );
    let rent = bincode::serialize(&Rent::default()).unwrap();
    node.put(&sysvar::rent::ID, sysvar::ID, rent);
    node.put(&alice, SYSTEM, Vec::new());
    node.put_ours::<Campaign>(&at, |campaign| {
        campaign.version = VERSION;
        // In lamports, because it has no mint.
        campaign.settings = Settings::fixed(1000);
    });
    let referral = pda::referral(&at, &"STARTER7".parse().unwrap());
    node.put_ours::<Referral>(&referral, |referral| {
        referral.version = VERSION;
        referral.code_len = 8;
        referral.code[..8].copy_from_slice(b"STARTER7");
        referral.campaign = at;
        referral.owner = alice;
    });
    referral
}

/// A7.
#[tokio::test]
async fn a_network_that_floods_a_slow_node_leaves_turns_for_another_one() {
    // Given twenty referees who are owed a reward, and a node that does not answer for two hundred campaigns
    let (node, url) = Node::start().await;
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    let referral = paying(&node, &pool).await;
    let mut referees = Vec::new();
    for number in 0..20 {
        let (address, referee) = (Pubkey::new_unique(), Keypair::new().pubkey());
        conversion(&pool, &address.to_string(), 1_700_000_000, number).await;
        sqlx::query(
            "UPDATE conversions SET status = 'pending', settled = 5, reward_referrer = 0,
                 reward_referee = 1000, referee = $2 WHERE address = $1",
        )
        .bind(address.to_string())
        .bind(referee.to_string())
        .execute(&pool)
        .await
        .unwrap();
        node.put(&referee, SYSTEM, Vec::new());
        node.put_ours::<Conversion>(&address, |it| {
            it.version = VERSION;
            it.status = Status::Pending;
            it.settled = 0b101;
            it.referral = referral;
            it.referee = referee;
            it.reward_referee = 1000;
            it.converted_at = 1_700_000_000;
        });
        referees.push((referee, address));
    }
    let settings = [
        ("RPC_URL", url.as_str()),
        ("BUILDS_PER_MINUTE", "10000"),
        ("TRUSTED_PROXY_HOPS", "1"),
    ];
    let api = Api::start_with(database.url(), &settings).await;
    let api = Arc::new(api.ready().await);
    let campaigns: Vec<_> = (0..200).map(|_| Pubkey::new_unique().to_string()).collect();
    node.unanswered.lock().unwrap().extend(campaigns.clone());
    // When one network asks for two hundred builds, each in one of these
    let flood: Vec<_> = campaigns
        .into_iter()
        .map(|campaign| {
            let api = Arc::clone(&api);
            let referee = Pubkey::new_unique().to_string();
            let body = json!({ "campaign": campaign, "code": "STARTER7", "referee": referee });
            tokio::spawn(async move { ask(&api, FLOOD, CONVERT, &body).await })
        })
        .collect();
    let mut held = node.held.subscribe();
    held.wait_for(|(_, most)| *most >= 8).await.unwrap();
    // Then another one's builds end well, however often it asks
    for (referee, conversion) in referees {
        let body = json!({ "campaign": CAMPAIGN, "wallet": referee.to_string() });
        let answer = ask(&api, OTHER, CLAIM, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let claims = answer.json()["claims"].clone();
        assert_eq!(claims.as_array().unwrap().len(), 1, "{claims}");
        assert_eq!(claims[0]["conversion"], conversion.to_string());
    }
    // And those of the flood that got no turn are told so, or that the node did not answer
    let mut told = HashSet::new();
    for answer in flood {
        let (status, code) = answer.await.unwrap().refusal();
        assert_eq!(status, 503);
        told.insert(code);
    }
    let expected = ["chain_unavailable", "overloaded"].map(str::to_owned);
    assert_eq!(told, HashSet::from(expected));
}

#[tokio::test]
async fn claims_of_a_slow_node_stop_in_time_and_lose_nothing() {
    let (node, url) = Node::start().await;
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    // Given a campaign that pays Alice in SOL
    let referral = paying(&node, &pool).await;
    // And forty rewards that the mirror knows as due, of which all but one of the first page are paid
    let mut due = Vec::new();
    for number in 0..40 {
        let address = Pubkey::new_unique();
        let slot = i64::try_from(number).unwrap();
        conversion(&pool, &address.to_string(), 1_700_000_000 + slot, slot).await;
        let is_due = number >= PAGE - 1;
        node.put_ours::<Conversion>(&address, |it| {
            it.version = VERSION;
            it.status = if is_due {
                Status::Pending
            } else {
                Status::Paid
            };
            it.settled = 0b110;
            it.referral = referral;
            it.referee = Pubkey::new_unique();
            it.reward_referrer = 1000;
            it.converted_at = 1_700_000_000;
        });
        if number == PAGE {
            *node.slow_from.lock().unwrap() = Some(address.to_string());
        }
        if is_due {
            due.push(address.to_string());
        }
    }
    sqlx::query("UPDATE conversions SET status = 'pending', settled = 6, reward_referrer = 1000")
        .execute(&pool)
        .await
        .unwrap();
    let settings = [("RPC_URL", url.as_str()), ("BUILDS_PER_MINUTE", "10000")];
    let api = Api::start_with(database.url(), &settings).await;
    let api = api.ready().await;
    // When the node becomes slow on the second page
    let mut body = json!({ "campaign": CAMPAIGN, "wallet": ALICE });
    let answer = api.post(CLAIM, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let first = answer.json();
    assert!(node.is_slow.load(Ordering::SeqCst));
    // Then the answer claims what was found, and says where to go on
    let of = |answer: &Value| -> Vec<String> {
        let claims = answer["claims"].as_array().unwrap();
        let address = |claim: &Value| claim["conversion"].as_str().unwrap().to_owned();
        claims.iter().map(address).collect()
    };
    let mut claimed = of(&first);
    assert_eq!(
        (claimed.as_slice(), &first["left"]),
        (&due[..1], &json!("8"))
    );
    // And the next ones claim all the rest, each once
    *node.slow_from.lock().unwrap() = None;
    node.is_slow.store(false, Ordering::SeqCst);
    let mut cursor = first["next_cursor"].clone();
    while !cursor.is_null() {
        body["cursor"] = cursor;
        let answer = api.post(CLAIM, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        claimed.extend(of(&answer.json()));
        cursor = answer.json()["next_cursor"].clone();
    }
    assert_eq!(claimed, due);
}
