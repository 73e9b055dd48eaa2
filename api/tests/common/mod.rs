//! The real service on a real Postgres, with rows in the form that the indexer writes.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use reqwest::{Client, Method, RequestBuilder, StatusCode, header, redirect};
use serde_json::Value;
use solana_sdk::signature::{Keypair, Signer as _};
use sqlx::PgPool;
use vouch_localnet::{Service, ServiceSpec};

/// Addresses: two wallets, and one that is not on the curve.
pub const ALICE: &str = "5ZWj7a1f8tWkjBESHKgrLmXshuXxqeY9SYcfbshpAqPG";
pub const BOB: &str = "3WyEHKZ1qqGTgNLYuJdQBBq6cUUNbCMXwJFdeUAJwBnM";
pub const OFF_CURVE: &str = "FAJXA2GggZNkutTfJDi89x7FtL6kjFUhxhbgxxc3StGX";
pub const CAMPAIGN: &str = "4P9LqUjQAnspnDpVTXfX1GKWdQQDNgaB27b5E495akBb";
pub const OTHER_CAMPAIGN: &str = "SysvarC1ock11111111111111111111111111111111";
pub const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";

/// A running service with a folder for its files.
pub struct Api {
    pub service: Service,
    pub dir: tempfile::TempDir,
    client: Client,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("{error}: {} {:?}", self.status, self.text))
    }

    /// Status and code of a refusal; checks that it is a problem of RFC 9457, with today's envelope in it.
    pub fn refusal(&self) -> (u16, String) {
        let body = self.json();
        let error = &body["error"];
        let has_field = error["field"].is_string();
        let fields = if has_field { 4 } else { 3 };
        assert_eq!(error.as_object().unwrap().len(), fields, "{body}");
        assert!(!error["message"].as_str().unwrap().is_empty());
        assert_eq!(error["request_id"], self.header("x-request-id"), "{body}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        // After a list that was read in part, it says where to go on.
        let optional = [&body["field"], &body["next_cursor"]];
        let fields = 7 + optional.iter().filter(|it| it.is_string()).count();
        assert_eq!(body.as_object().unwrap().len(), fields, "{body}");
        assert_eq!(body["type"], "about:blank");
        assert_eq!(body["status"], self.status.as_u16());
        assert_eq!(body["title"], self.status.canonical_reason().unwrap());
        assert_eq!(body["detail"], error["message"]);
        for same in ["code", "request_id", "field"] {
            assert_eq!(body[same], error[same], "{body}");
        }
        (
            self.status.as_u16(),
            error["code"].as_str().unwrap().to_owned(),
        )
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// A query parameter of the redirect's target.
    pub fn target(&self, name: &str) -> String {
        let url = reqwest::Url::parse(self.header("location")).unwrap();
        let found = url.query_pairs().find(|(key, _)| key == name);
        found
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    }
}

impl Api {
    pub async fn start(database_url: &str) -> Self {
        Self::start_with(database_url, &[]).await
    }

    /// Starts the service with more settings, which replace the defaults.
    pub async fn start_with(database_url: &str, more: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut env = vec![
            ("DATABASE_URL".to_owned(), database_url.to_owned()),
            // A port on which nothing answers, unless a test says otherwise.
            ("RPC_URL".to_owned(), "http://127.0.0.1:9".to_owned()),
            ("PUBLIC_URL".to_owned(), "https://vouch.example".to_owned()),
            (
                "PUBLIC_RPC_URL".to_owned(),
                "http://node.example:8899/?key=1".to_owned(),
            ),
            ("CLICK_SPOOL".to_owned(), path(dir.path().join("spool"))),
            // On a busy machine a sound Postgres may need more than the default: only tests of a slow
            // one set that.
            ("CLICK_TIMEOUT_MS".to_owned(), "60000".to_owned()),
        ];
        for (name, value) in more {
            env.retain(|(known, _)| known != name);
            if !value.is_empty() {
                env.push(((*name).to_owned(), (*value).to_owned()));
            }
        }
        let service = Service::start(ServiceSpec {
            name: "api".into(),
            binary: PathBuf::from(env!("CARGO_BIN_EXE_vouch-api")),
            args: Vec::new(),
            dir: dir.path().to_owned(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            env,
        })
        .await
        .unwrap();
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .user_agent(FIREFOX)
            .build()
            .unwrap();
        Self {
            service,
            dir,
            client,
        }
    }

    /// Waits until Postgres has been reached.
    pub async fn ready(self) -> Self {
        self.until("/v1/campaigns", |answer| answer.status == 200)
            .await;
        self
    }

    pub fn spool(&self) -> PathBuf {
        self.dir.path().join("spool")
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.service.url()))
    }

    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    /// Signs in with the wallet. Returns the bearer token.
    pub async fn sign_in(&self, wallet: &Keypair) -> String {
        vouch_localnet::sign_in(&self.service.url(), wallet)
            .await
            .unwrap()
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, path).json(body)).await
    }

    /// The metrics, which the public address does not have.
    pub async fn metrics(&self) -> String {
        let url = format!("{}/metrics", self.service.probes_url().unwrap());
        send(self.client.get(url)).await.text
    }

    /// Repeats the request until `holds`, for at most a minute.
    pub async fn until(&self, path: &str, holds: impl Fn(&Answer) -> bool) -> Answer {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let answer = self.get(path).await;
            if holds(&answer) {
                return answer;
            }
            assert!(
                Instant::now() < deadline,
                "{path} still answers {} {}",
                answer.status,
                answer.text
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

pub async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    Answer {
        status: response.status(),
        headers: response.headers().clone(),
        text: String::from_utf8_lossy(&response.bytes().await.unwrap()).into_owned(),
    }
}

fn path(path: impl AsRef<Path>) -> String {
    path.as_ref().to_str().unwrap().to_owned()
}

/// Inserts a campaign as the indexer mirrors it, just now.
pub async fn campaign(pool: &PgPool, address: &str) {
    sqlx::query(
        "INSERT INTO campaigns (address, creator, campaign_id, authority, mint, mint_decimals,
             token_program, funding, proof, uniqueness, reward_kind, paused, closed, reward_fixed,
             reward_bps, created_at, data, seq, slot)
         VALUES ($1, $2, 18446744073709551615, $2, $3, 6, $3, 'mint_authority', 'open', 'wallet',
             'fixed', false, false, 18446744073709551615, 0, 1700000000,
             '', 1, 7)",
    )
    .bind(address)
    .bind(ALICE)
    .bind(OFF_CURVE)
    .execute(pool)
    .await
    .unwrap();
    mirrored_ago(pool, "0 seconds").await;
}

/// Sets for how long the indexer has noted no progress.
pub async fn mirrored_ago(pool: &PgPool, interval: &str) {
    sqlx::query(
        "UPDATE indexer_state SET indexed_slot = COALESCE(indexed_slot, 7),
             updated_at = now() - $1::interval",
    )
    .bind(interval)
    .execute(pool)
    .await
    .unwrap();
}

/// Makes the wallet the authority of every campaign.
pub async fn give_campaigns(pool: &PgPool, to: &Keypair) {
    sqlx::query("UPDATE campaigns SET authority = $1")
        .bind(to.pubkey().to_string())
        .execute(pool)
        .await
        .unwrap();
}

/// Inserts a referral as the indexer mirrors it, after those that are there; its address is `referral-CODE-` and the
/// campaign.
pub async fn referral(pool: &PgPool, campaign: &str, code: &str, owner: &str, created_at: i64) {
    let address = format!("referral-{code}-{campaign}");
    sqlx::query(
        "INSERT INTO referrals (address, campaign, code, owner, active, suspended, conversions,
             created_at, closed, seq, slot)
         VALUES ($1, $2, $3, $4, true, false, 0, $5, false, 1, 7)",
    )
    .bind(&address)
    .bind(campaign)
    .bind(code)
    .bind(owner)
    .bind(created_at)
    .execute(pool)
    .await
    .unwrap();
    sqlx::query("INSERT INTO short_links VALUES ($1, $2, $3, 1, 0) ON CONFLICT DO NOTHING")
        .bind(code)
        .bind(address)
        .bind(campaign)
        .execute(pool)
        .await
        .unwrap();
}

/// Inserts a conversion of Bob's as the indexer mirrors it: with the code STARTER7 of the
/// campaign, worth the largest amount, made at `slot` by a transaction whose signature is
/// `signature-SLOT`.
pub async fn conversion(pool: &PgPool, address: &str, converted_at: i64, slot: i64) {
    sqlx::query(
        "WITH transaction AS (
             INSERT INTO transactions (seq, slot, block_time, signature, succeeded)
             SELECT COALESCE(max(seq), 0) + 1, $7, $6, 'signature-' || $7, true
             FROM transactions RETURNING seq
         )
         INSERT INTO conversions (address, seq, slot, campaign, referral, code, referrer, referee,
             action, amount, reference, reward_referrer, reward_referee, reward_partner,
             converted_at, matures_at, status, settled)
         SELECT $1, seq, $7, $2, $3, 'STARTER7', $4, $5, 'signup', 18446744073709551615,
             decode(repeat('ab', 32), 'hex'), 18446744073709551615, 0, 0, $6, $6, 'paid', 7
         FROM transaction",
    )
    .bind(address)
    .bind(CAMPAIGN)
    .bind(format!("referral-STARTER7-{CAMPAIGN}"))
    .bind(ALICE)
    .bind(BOB)
    .bind(converted_at)
    .bind(slot)
    .execute(pool)
    .await
    .unwrap();
}

/// Sets how far the mirror is.
pub async fn progress(pool: &PgPool, indexed_slot: i64, finalized_slot: i64) {
    sqlx::query("UPDATE indexer_state SET indexed_slot = $1, ranked_slot = $2")
        .bind(indexed_slot)
        .bind(finalized_slot)
        .execute(pool)
        .await
        .unwrap();
    sqlx::query("INSERT INTO coverage VALUES ('listed', 0, $1, 'rpc', '2026-01-01T00:00:00Z')")
        .bind(finalized_slot)
        .execute(pool)
        .await
        .unwrap();
}

/// The ids of all clicks in Postgres.
pub async fn click_ids(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar("SELECT id::text FROM clicks ORDER BY id")
        .fetch_all(pool)
        .await
        .unwrap()
}

/// clicks, bot_clicks and unique_visitors over all referrals.
pub async fn totals(pool: &PgPool) -> (i64, i64, i64) {
    sqlx::query_as(
        "SELECT coalesce(sum(clicks), 0)::bigint, coalesce(sum(bot_clicks), 0)::bigint,
                coalesce(sum(unique_visitors), 0)::bigint FROM referral_clicks",
    )
    .fetch_one(pool)
    .await
    .unwrap()
}
