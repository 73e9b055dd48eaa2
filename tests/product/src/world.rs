//! An indexer with all the parts around it.

use std::{collections::BTreeMap, net::SocketAddr};

use serde_json::Value;
use sqlx::{PgPool, Row as _};
use vouch_client::{PROGRAM_ID, accounts::Settings};
use vouch_localnet::{Database, Instance, Postgres, Service, ServiceSpec, built_binary};

use crate::{FaultyNode, REWARD, Scene, recount, until};

/// A campaign and a code on a validator, a database, and an indexer.
pub struct World {
    /// The indexer, which asks [`Self::node`].
    pub indexer: Service,
    /// A node before the validator, whose answers can be made wrong.
    pub node: FaultyNode,
    /// The indexer's database.
    pub pool: PgPool,
    /// The validator, the campaign and the code.
    pub scene: Scene,
    /// The indexer's database.
    pub database: Database,
    _postgres: Postgres,
}

impl World {
    /// With the shared Postgres, if there is one.
    pub async fn new() -> Self {
        let instance = Instance::create("mirror-test").expect("a folder");
        let postgres = Postgres::start(instance.dir()).await.expect("Postgres");
        Self::on(instance, postgres, Settings::fixed(REWARD)).await
    }

    /// With a campaign that has these settings.
    pub async fn with(settings: Settings) -> Self {
        let instance = Instance::create("mirror-test").expect("a folder");
        let postgres = Postgres::start(instance.dir()).await.expect("Postgres");
        Self::on(instance, postgres, settings).await
    }

    /// With a private Postgres.
    pub async fn with_private_postgres() -> Self {
        let instance = Instance::create("mirror-test").expect("a folder");
        let postgres = Postgres::private(instance.dir()).await.expect("Postgres");
        Self::on(instance, postgres, Settings::fixed(REWARD)).await
    }

    async fn on(instance: Instance, postgres: Postgres, settings: Settings) -> Self {
        let database = postgres
            .create_database("vouch_mirror")
            .await
            .expect("a database");
        let scene = Scene::with(instance, settings).await;
        let pool = vouch_db::connect(database.url()).await.expect("a pool");
        let node = FaultyNode::before(&scene.validator.rpc_url()).await;
        let mut indexer = start_indexer(
            "indexer",
            &scene.instance,
            &database,
            &node.url(),
            &scene.validator.ws_url(),
        )
        .await;
        indexer.wait_healthy().await.expect("a healthy indexer");
        Self {
            indexer,
            node,
            pool,
            scene,
            database,
            _postgres: postgres,
        }
    }

    /// Every account of the program, read from the chain.
    pub async fn on_chain(&self) -> BTreeMap<String, Vec<u8>> {
        let accounts = self
            .scene
            .rpc
            .get_program_accounts(&PROGRAM_ID)
            .await
            .expect("accounts");
        accounts
            .into_iter()
            .map(|(address, account)| (address.to_string(), account.data))
            .collect()
    }

    /// Waits until Postgres equals the chain, everything is final, and `conversions`
    /// conversions are counted once in every table. [M4] [M5] [M6]
    pub async fn until_equal(&self, conversions: i64) {
        let chain = self.on_chain().await;
        let count = usize::try_from(conversions).expect("a count");
        assert_eq!(
            chain.len(),
            count + 2,
            "a campaign, a referral, the conversions"
        );
        until("Postgres equals the chain", async || {
            let stored = vouch_db::mirror::live_accounts(&self.pool)
                .await
                .expect("rows");
            stored.into_iter().collect::<BTreeMap<_, _>>() == chain
        })
        .await;
        until("everything is final", async || {
            self.number("SELECT count(*) FROM conversions, finality WHERE slot <= finalized_slot")
                .await
                == conversions
        })
        .await;
        let reward = i64::try_from(REWARD).expect("a reward");
        for (sql, expected) in [
            (
                "SELECT sum(conversions)::bigint FROM referral_totals",
                conversions,
            ),
            (
                "SELECT sum(conversions_final)::bigint FROM referral_totals",
                conversions,
            ),
            (
                "SELECT sum(rewards_paid)::bigint FROM referral_totals",
                conversions * reward,
            ),
            (
                "SELECT sum(conversions)::bigint FROM referrer_daily",
                conversions,
            ),
            (
                "SELECT sum(rewards)::bigint FROM referrer_daily",
                conversions * reward,
            ),
            (
                "SELECT count(DISTINCT signature) FROM conversions JOIN transactions USING (seq)",
                conversions,
            ),
        ] {
            assert_eq!(self.number(sql).await, expected, "{sql}");
        }
        let recount = recount(self.database.url(), &[]).await;
        let said = String::from_utf8_lossy(&recount.stdout).into_owned();
        assert!(recount.status.success(), "{said}{recount:?}");
        assert!(said.contains("equal a recount"), "{said}");
    }

    /// The number that a query returns.
    pub async fn number(&self, sql: &str) -> i64 {
        let row = sqlx::query(sql).fetch_one(&self.pool).await.expect(sql);
        row.get(0)
    }

    /// Waits until /healthz says this.
    pub async fn until_status(&self, expected: &str) {
        until(expected, async || {
            health(&self.indexer).await["status"] == expected
        })
        .await;
    }
}

/// Starts an indexer.
///
/// # Panics
/// When it does not listen.
pub async fn start_indexer(
    name: &str,
    instance: &Instance,
    database: &Database,
    rpc_url: &str,
    ws_url: &str,
) -> Service {
    Service::start(ServiceSpec {
        name: name.into(),
        binary: built_binary("vouch-indexer").expect("the indexer is built"),
        args: vec!["run".into()],
        dir: instance.dir().to_owned(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        env: vec![
            ("DATABASE_URL".into(), database.url().into()),
            ("RPC_URL".into(), rpc_url.to_owned()),
            ("WS_URL".into(), ws_url.to_owned()),
            // So that tests do not wait long for what is noticed by time alone.
            ("MAX_SECONDS_BEHIND".into(), "10".into()),
            ("RECONCILE_SECONDS".into(), "3".into()),
            ("DIGEST_SECONDS".into(), "1".into()),
        ],
    })
    .await
    .expect("the indexer listens")
}

/// Starts an API.
///
/// # Panics
/// When it does not become healthy.
pub async fn start_api(instance: &Instance, database: &Database, rpc_url: &str) -> Service {
    let mut api = Service::start(ServiceSpec {
        name: "api".into(),
        binary: built_binary("vouch-api").expect("the API is built"),
        args: Vec::new(),
        dir: instance.dir().to_owned(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        env: vec![
            ("DATABASE_URL".into(), database.url().into()),
            ("RPC_URL".into(), rpc_url.to_owned()),
        ],
    })
    .await
    .expect("the API listens");
    api.wait_healthy().await.expect("a healthy API");
    api
}

/// The answer of /healthz.
///
/// # Panics
/// When there is none.
pub async fn health(indexer: &Service) -> Value {
    let url = format!("{}/healthz", indexer.url());
    let answer = reqwest::get(url).await.expect("an answer");
    answer.json().await.expect("JSON")
}
