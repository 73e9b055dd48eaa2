//! All parts of the product, and how one of them is killed.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use solana_sdk::signature::{Keypair, Signer as _, write_keypair_file};
use tokio::time::{Instant, sleep};
use vouch_client::accounts::Settings;
use vouch_db::PgPool;
use vouch_localnet::{Database, Instance, Postgres, Service, ServiceSpec, built_binary};

use super::{Memory, PATH, faults::Faults};
use crate::{FaultyNode, REWARD, Receiver, Scene, fund, start_webhooks, until, webhooks_json};

/// Seconds within which the company can cancel.
const HOLD: u32 = 15;
/// Time between two looks at the services while Postgres is away.
const LOOK: Duration = Duration::from_secs(1);

/// The running product.
pub(super) struct Stage {
    /// The endpoint's secret.
    secret: String,
    services: [Service; 3],
    pool: PgPool,
    database: Database,
    postgres: Postgres,
    scene: Arc<Scene>,
    _nodes: [FaultyNode; 2],
}

impl Stage {
    /// Starts everything. The receiver's endpoint is added.
    pub(super) async fn start(faults: &Faults, receiver: &Receiver) -> Result<Self> {
        let instance = Instance::create("chaos")?;
        let dir = instance.dir().to_owned();
        let postgres = Postgres::private(&dir).await?;
        let database = postgres.create_database("vouch_chaos").await?;
        let settings = Settings {
            hold_seconds: HOLD,
            ..Settings::fixed(REWARD)
        };
        let scene = Scene::with(instance, settings).await;
        let url = scene.validator.rpc_url();
        let nodes = [
            FaultyNode::before(&url).await,
            FaultyNode::before(&url).await,
        ];
        faults.govern(&nodes);
        let rpc = nodes.each_ref().map(FaultyNode::url).join(",");
        let ws = scene.validator.ws_url();

        let key = Keypair::new();
        fund(&scene.rpc, &key.pubkey()).await;
        let file = dir.join("keeper.json");
        write_keypair_file(&key, &file).map_err(|error| anyhow::anyhow!("{error}"))?;
        let service = async |name: &str, args: &[&str], env: &[(&str, &str)]| {
            let mut all = vec![("DATABASE_URL", database.url()), ("RPC_URL", rpc.as_str())];
            all.extend(env);
            Service::start(ServiceSpec {
                name: name.to_owned(),
                binary: built_binary(&format!("vouch-{name}"))?,
                args: args.iter().map(ToString::to_string).collect(),
                dir: dir.clone(),
                listen: SocketAddr::from(([127, 0, 0, 1], 0)),
                env: all
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect(),
            })
            .await
        };
        let file = file.to_string_lossy().into_owned();
        let mut indexer = service("indexer", &["run"], &[("WS_URL", &ws)]).await?;
        indexer.wait_healthy().await?;
        let services = [
            indexer,
            service(
                "keeper",
                &[],
                &[
                    ("RPC_URL", &nodes[0].url()),
                    ("KEEPER_KEYPAIR", &file),
                    ("KEEPER_FIRST_PAUSE_SECONDS", "1"),
                    ("KEEPER_LAST_PAUSE_SECONDS", "3"),
                    ("KEEPER_FAILURES_PER_DAY", "1000"),
                    ("KEEPER_FAILED_LAMPORTS_PER_DAY", "50000000"),
                ],
            )
            .await?,
            start_webhooks(
                "webhooks",
                &scene.instance,
                &database,
                // An outage must not make it give up.
                &[("WEBHOOKS_RETRY_FOR_SECONDS", "7200")],
            )
            .await,
        ];
        let pool = vouch_db::pool(database.url())?;
        until("the campaign is mirrored", async || {
            let campaigns = sqlx::query("SELECT FROM campaigns").fetch_all(&pool).await;
            campaigns.is_ok_and(|campaigns| !campaigns.is_empty())
        })
        .await;
        let (campaign, to) = (scene.campaign.to_string(), receiver.url(PATH));
        let add = [
            "endpoint",
            "add",
            "--allow-private",
            "--campaign",
            &campaign,
            "--url",
            &to,
        ];
        let added = webhooks_json(&database, &add).await;
        let secret = added["secret"].as_str().context("no secret")?.to_owned();
        Ok(Self {
            secret,
            services,
            pool,
            database,
            postgres,
            scene: Arc::new(scene),
            _nodes: nodes,
        })
    }

    pub(super) fn scene(&self) -> Arc<Scene> {
        Arc::clone(&self.scene)
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    pub(super) fn database_url(&self) -> &str {
        self.database.url()
    }

    /// Kills the part that this number in a hundred stands for, and starts it again after some time.
    /// Returns its name.
    pub(super) async fn kill(&mut self, number: u32, away: Duration) -> Result<&'static str> {
        let (name, place) = match number {
            0..12 => {
                self.postgres.crash().await?;
                sleep(away).await;
                self.postgres.start_again().await?;
                return Ok("Postgres");
            }
            12..45 => ("indexer", 0),
            45..75 => ("keeper", 1),
            _ => ("webhooks", 2),
        };
        let service = &mut self.services[place];
        service.kill().await?;
        sleep(away).await;
        service.start_again().await?;
        Ok(name)
    }

    /// Takes Postgres away for so long. No service may end. Returns the memory of each.
    pub(super) async fn outage(&mut self, length: Duration) -> Result<BTreeMap<String, Memory>> {
        let mut memory = BTreeMap::new();
        for service in &self.services {
            let before = resident(service)?;
            let most = before;
            memory.insert(service.name().to_owned(), Memory { before, most });
        }
        self.postgres.crash().await?;
        let end = Instant::now() + length;
        while Instant::now() < end {
            sleep(LOOK).await;
            self.ensure_running()?;
            for service in &self.services {
                let now = resident(service)?;
                if let Some(Memory { most, .. }) = memory.get_mut(service.name()) {
                    *most = now.max(*most);
                }
            }
        }
        self.postgres.start_again().await?;
        Ok(memory)
    }

    /// Fails when a service has ended by itself.
    pub(super) fn ensure_running(&mut self) -> Result<()> {
        self.services
            .iter_mut()
            .try_for_each(Service::ensure_running)
    }

    /// Stops everything cleanly.
    pub(super) async fn stop(mut self) -> Result<()> {
        for service in &mut self.services {
            service.stop().await?;
        }
        self.pool.close().await;
        Ok(())
    }

    /// Keeps the folder with the logs and the database.
    pub(super) fn keep(&self) {
        self.scene.instance.keep();
    }

    /// The logs.
    pub(super) fn dir(&self) -> PathBuf {
        self.scene.instance.dir().to_owned()
    }
}

/// Resident memory of a service, in KiB.
fn resident(service: &Service) -> Result<u64> {
    let pid = service.pid().context("it does not run")?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let amount = line.and_then(|line| line.trim().strip_suffix("kB"));
    Ok(amount.context("no VmRSS")?.trim().parse()?)
}
