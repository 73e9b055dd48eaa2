//! An indexer with all the parts around it.

use std::{collections::BTreeMap, net::SocketAddr};

use serde_json::Value;
use solana_sdk::signature::Signature;
use sqlx::{PgPool, Row as _};
use vouch_client::{PROGRAM_ID, accounts::Settings};
use vouch_localnet::{
    Database, FORGET_MIRROR, GrpcOptions, Instance, Postgres, Service, ServiceSpec, built_binary,
};

use crate::{FaultyNode, REWARD, Scene, recount, until};

/// The token of the gRPC server.
pub const TOKEN: &str = "a-token-of-the-tests";

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
        Self::on(instance, postgres, Settings::fixed(REWARD), None).await
    }

    /// With a validator that also serves Yellowstone gRPC to those who have [`TOKEN`], and repeats so many
    /// blocks. The indexer does not ask it yet.
    pub async fn with_grpc(blocks: u16) -> Self {
        let instance = Instance::create("mirror-test").expect("a folder");
        let postgres = Postgres::start(instance.dir()).await.expect("Postgres");
        let grpc = GrpcOptions {
            token: Some(TOKEN.into()),
            blocks,
        };
        Self::on(instance, postgres, Settings::fixed(REWARD), Some(grpc)).await
    }

    /// With a campaign that has these settings.
    pub async fn with(settings: Settings) -> Self {
        let instance = Instance::create("mirror-test").expect("a folder");
        let postgres = Postgres::start(instance.dir()).await.expect("Postgres");
        Self::on(instance, postgres, settings, None).await
    }

    /// With a private Postgres.
    pub async fn with_private_postgres() -> Self {
        let instance = Instance::create("mirror-test").expect("a folder");
        let postgres = Postgres::private(instance.dir()).await.expect("Postgres");
        Self::on(instance, postgres, Settings::fixed(REWARD), None).await
    }

    async fn on(
        instance: Instance,
        postgres: Postgres,
        settings: Settings,
        grpc: Option<GrpcOptions>,
    ) -> Self {
        let database = postgres
            .create_database("vouch_mirror")
            .await
            .expect("a database");
        let scene = Scene::serving(instance, settings, grpc).await;
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
        // Later transactions that are listed, and not settled yet, let ranks follow with the next final round.
        until("everything counts for ranks", async || {
            self.number("SELECT sum(conversions_final)::bigint FROM referral_totals")
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

    /// Replaces the indexer by one that asks these nodes, separated by commas, with these further
    /// settings. It listens, and may not be healthy yet.
    ///
    /// # Panics
    /// When the old one does not stop, or the new one does not listen.
    pub async fn ask(&mut self, rpc_url: &str, settings: &[(&str, &str)]) {
        self.indexer.stop().await.expect("a clean exit");
        self.start(rpc_url, settings).await;
    }

    /// Starts another indexer, as [`Self::ask`] does. The old one must not run.
    ///
    /// # Panics
    /// When it does not listen.
    pub async fn start(&mut self, rpc_url: &str, settings: &[(&str, &str)]) {
        self.indexer = start_indexer_with(
            "indexer",
            &self.scene.instance,
            &self.database,
            rpc_url,
            &self.scene.validator.ws_url(),
            settings,
        )
        .await;
    }

    /// Removes everything that was mirrored. The indexer must not run.
    ///
    /// # Panics
    /// When Postgres refuses.
    pub async fn forget(&self) {
        sqlx::raw_sql(FORGET_MIRROR)
            .execute(&self.pool)
            .await
            .expect("an empty mirror");
    }

    /// Everything that follows from the transactions, apart from what is only kept until they are
    /// final.
    ///
    /// # Panics
    /// When Postgres does not answer.
    pub async fn content(&self) -> Vec<String> {
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT relname::text FROM pg_class
             WHERE relnamespace = 'mirror'::regnamespace AND relkind = 'r' AND relname NOT IN
                 ('accounts_before', 'maturing', 'coverage', 'indexer_state')
             ORDER BY 1",
        )
        .fetch_all(&self.pool)
        .await
        .expect("tables");
        let mut content = Vec::new();
        for table in tables {
            let sql = format!("SELECT row::text FROM {table} AS row ORDER BY 1");
            let rows: Vec<String> = sqlx::query_scalar(&sql)
                .fetch_all(&self.pool)
                .await
                .expect("rows");
            content.push(format!("{table}:\n{}", rows.join("\n")));
        }
        content
    }

    /// Waits until this transaction is mirrored, or is not.
    pub async fn until_mirrored(&self, signature: &Signature, is: bool) {
        let sql = format!("SELECT count(*) FROM transactions WHERE signature = '{signature}'");
        until("the transaction is mirrored, or not", async || {
            self.number(&sql).await == i64::from(is)
        })
        .await;
    }

    /// Waits until the detail in /healthz contains this.
    pub async fn until_detail(&self, expected: &str) {
        until(expected, async || {
            let health = health(&self.indexer).await;
            health["detail"]
                .as_str()
                .is_some_and(|it| it.contains(expected))
        })
        .await;
    }

    /// Waits until /healthz says this of the node with this name. Returns its detail.
    pub async fn until_source(&self, name: &str, state: &str) -> String {
        let mut detail = None;
        until(&format!("{name} is {state}"), async || {
            detail = self.source(name, state).await;
            detail.is_some()
        })
        .await;
        detail.unwrap_or_default()
    }

    /// The detail that health gives for the source with this name, if it is in this state.
    pub async fn source(&self, name: &str, state: &str) -> Option<String> {
        let health = health(&self.indexer).await;
        let mut sources = health["sources"].as_array()?.iter();
        let line = sources.find(|it| it["name"] == name && it["state"] == state)?;
        Some(line["detail"].as_str().unwrap_or_default().to_owned())
    }

    /// The value of a metric without labels; 0 if there is none yet.
    ///
    /// # Panics
    /// When the indexer does not answer.
    pub async fn metric(&self, name: &str) -> u64 {
        let url = format!("{}/metrics", self.indexer.url());
        let text = reqwest::get(url).await.expect("an answer").text().await;
        let text = text.expect("text");
        let mut values = text.lines().filter_map(|line| line.split_once(' '));
        let value = values.find(|(known, _)| *known == name);
        value.map_or(0, |(_, value)| value.parse().expect("a number"))
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
    start_indexer_with(name, instance, database, rpc_url, ws_url, &[]).await
}

/// [`start_indexer`], with further settings.
async fn start_indexer_with(
    name: &str,
    instance: &Instance,
    database: &Database,
    rpc_url: &str,
    ws_url: &str,
    settings: &[(&str, &str)],
) -> Service {
    let mut env = vec![
        ("DATABASE_URL".into(), database.url().into()),
        ("RPC_URL".into(), rpc_url.to_owned()),
        ("WS_URL".into(), ws_url.to_owned()),
        // So that tests do not wait long for what is noticed by time alone.
        ("MAX_SECONDS_BEHIND".into(), "10".into()),
        ("RECONCILE_SECONDS".into(), "3".into()),
        ("DIGEST_SECONDS".into(), "1".into()),
    ];
    let settings = settings.iter();
    env.extend(settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Service::start(ServiceSpec {
        name: name.into(),
        binary: built_binary("vouch-indexer").expect("the indexer is built"),
        args: vec!["run".into()],
        dir: instance.dir().to_owned(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        env,
    })
    .await
    .expect("the indexer listens")
}

/// Starts an API on this database and validator.
///
/// # Panics
/// When it is not healthy in time.
pub async fn start_api(world: &World) -> Service {
    start_api_on(world, &world.scene.validator.rpc_url()).await
}

/// Starts an API on this database and the node at this URL.
///
/// # Panics
/// When it is not healthy in time.
pub async fn start_api_on(world: &World, rpc_url: &str) -> Service {
    start_api_with(world, rpc_url, &[]).await
}

/// Starts an API on this database and the node at this URL, with these settings.
///
/// # Panics
/// When it is not healthy in time.
pub async fn start_api_with(world: &World, rpc_url: &str, settings: &[(&str, &str)]) -> Service {
    let settings = settings.iter();
    let settings = settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let dir = world.scene.instance.dir();
    let mut api = Service::start(ServiceSpec {
        name: "api".into(),
        binary: built_binary("vouch-api").expect("the api is built"),
        args: Vec::new(),
        dir: dir.to_owned(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        env: vec![
            ("DATABASE_URL".into(), world.database.url().into()),
            ("RPC_URL".into(), rpc_url.into()),
            ("PUBLIC_URL".into(), "https://vouch.example".into()),
            (
                "CLICK_SPOOL".into(),
                dir.join("clicks.spool").to_string_lossy().into_owned(),
            ),
        ]
        .into_iter()
        .chain(settings)
        .collect(),
    })
    .await
    .expect("the api listens");
    api.wait_healthy().await.expect("a healthy api");
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
