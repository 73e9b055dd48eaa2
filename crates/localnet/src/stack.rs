//! The whole product: Postgres, validator, indexer, keeper, webhooks and API.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use solana_client::nonblocking::rpc_client::RpcClient;
use solana_sdk::signer::Signer;
use solana_sdk::signer::keypair::{Keypair, write_keypair_file};

use crate::instance::Instance;
use crate::paths::{built_binary, program_binary};
use crate::ports::ensure_free;
use crate::postgres::{Database, Postgres};
use crate::process::ProcessSpec;
use crate::service::{Service, ServiceSpec};
use crate::validator::{Validator, ValidatorOptions, ensure_ports_free};

/// Lamports of the keeper in the beginning: 10 SOL.
const KEEPER_LAMPORTS: u64 = 10_000_000_000;

/// Options for starting the product.
#[derive(Clone, Debug, Default)]
pub struct StackOptions {
    /// The port of the API; `None`: a free one.
    pub api_port: Option<u16>,
    /// The port of the validator's RPC; `None`: a free one.
    pub rpc_port: Option<u16>,
}

impl StackOptions {
    /// Fails when one of the given ports is in use.
    ///
    /// # Errors
    /// When one is in use; the error names the flag that chooses another.
    pub fn ensure_ports_free(&self) -> Result<()> {
        if let Some(port) = self.api_port {
            ensure_free(port, "API", "--api-port")?;
        }
        if let Some(port) = self.rpc_port {
            ensure_ports_free(port)?;
        }
        Ok(())
    }
}

/// A running product: Postgres, validator, indexer, keeper, webhooks and API. Dropping it stops the parts
/// in the reverse order of their start; [`Stack::stop`] does the same and reports
/// failures.
///
/// Fields are dropped in the order of their declaration.
#[derive(Debug)]
pub struct Stack {
    /// The API.
    pub api: Service,
    /// The keeper, with a key of its own that has SOL.
    pub keeper: Service,
    /// The sender of webhooks. Endpoints may be on this machine.
    pub webhooks: Service,
    /// The indexer.
    pub indexer: Service,
    /// The validator, with the program loaded.
    pub validator: Validator,
    database: Database,
    /// The server of the database.
    pub postgres: Postgres,
    instance: Instance,
}

impl Stack {
    /// Starts all parts in a new folder and waits until they are healthy.
    ///
    /// # Errors
    /// When a part does not start. The parts that had started are stopped; the folder
    /// with the logs is kept and named.
    pub async fn start(options: &StackOptions) -> Result<Self> {
        Self::start_in(Instance::create("run")?, options, |_| ()).await
    }

    /// Like [`Self::start`], but in the caller's folder. `progress` is told which part is
    /// being started.
    ///
    /// # Errors
    /// See [`Self::start`].
    pub async fn start_in(
        instance: Instance,
        options: &StackOptions,
        progress: impl Fn(&str),
    ) -> Result<Self> {
        // Check ports and binaries before anything is started.
        options.ensure_ports_free()?;
        let binaries = Binaries {
            indexer: built_binary("vouch-indexer")?,
            keeper: built_binary("vouch-keeper")?,
            webhooks: built_binary("vouch-webhooks")?,
            api: built_binary("vouch-api")?,
        };
        match Parts::start(instance.dir(), options, binaries, progress).await {
            Ok(parts) => Ok(Self {
                api: parts.api,
                keeper: parts.keeper,
                webhooks: parts.webhooks,
                indexer: parts.indexer,
                validator: parts.validator,
                database: parts.database,
                postgres: parts.postgres,
                instance,
            }),
            Err(error) => {
                instance.keep();
                let dir = instance.dir().display().to_string();
                Err(error.context(format!("could not start; logs are in {dir}")))
            }
        }
    }

    /// The URL of the API, without a slash at the end.
    pub fn api_url(&self) -> String {
        self.api.url()
    }

    /// The URL of the product's database.
    pub fn database_url(&self) -> &str {
        self.database.url()
    }

    /// The folder with the logs.
    pub fn dir(&self) -> &Path {
        self.instance.dir()
    }

    /// Keeps the folder when the stack is dropped or stopped.
    pub fn keep_dir(&mut self) {
        self.instance.keep();
    }

    /// Fails, with the end of its log, when a part has ended by itself.
    ///
    /// # Errors
    /// When a part has ended.
    pub fn ensure_running(&mut self) -> Result<()> {
        self.validator.ensure_running()?;
        self.indexer.ensure_running()?;
        self.keeper.ensure_running()?;
        self.webhooks.ensure_running()?;
        self.api.ensure_running()
    }

    /// Stops everything in order and removes the folder.
    ///
    /// # Errors
    /// When a part had ended before or did not end cleanly. The other parts are stopped
    /// all the same, and the folder is kept.
    pub async fn stop(mut self) -> Result<()> {
        let api = self.api.stop().await;
        let keeper = self.keeper.stop().await;
        let webhooks = self.webhooks.stop().await;
        let indexer = self.indexer.stop().await;
        let validator = self.validator.stop().await;
        let Self {
            database,
            mut postgres,
            instance,
            ..
        } = self;
        // Dropping the database waits for an answer, which must not block the runtime.
        tokio::task::spawn_blocking(move || drop(database)).await?;
        let stopped = postgres.stop().await;
        let outcome = api
            .and(webhooks)
            .and(keeper)
            .and(indexer)
            .and(validator)
            .and(stopped);
        if outcome.is_err() {
            instance.keep();
        }
        outcome
    }
}

/// Makes the schema, as an operator does before the services start.
async fn migrate(dir: &Path, indexer: &Path, database_url: &str) -> Result<()> {
    let mut migrate = ProcessSpec::new("vouch-indexer migrate", indexer)
        .args(["migrate"])
        .env("DATABASE_URL", database_url);
    migrate.log = Some(dir.join("migrate.log"));
    let mut process = migrate.spawn()?;
    let status = process.wait().await?;
    ensure!(
        status.success(),
        "the schema could not be made: {status}{}",
        process.log_tail()
    );
    Ok(())
}

/// The built services.
struct Binaries {
    indexer: PathBuf,
    keeper: PathBuf,
    webhooks: PathBuf,
    api: PathBuf,
}

/// The parts, in the order in which they are stopped when one fails to start.
struct Parts {
    api: Service,
    keeper: Service,
    webhooks: Service,
    indexer: Service,
    validator: Validator,
    database: Database,
    postgres: Postgres,
}

impl Parts {
    async fn start(
        dir: &Path,
        options: &StackOptions,
        binaries: Binaries,
        progress: impl Fn(&str),
    ) -> Result<Self> {
        progress("Postgres");
        let postgres = Postgres::start(dir).await?;
        let database = postgres.create_empty_database("vouch").await?;

        migrate(dir, &binaries.indexer, database.url()).await?;

        progress("the validator");
        let validator = Validator::start(
            dir,
            &ValidatorOptions {
                rpc_port: options.rpc_port,
                program: Some(program_binary()),
                ..ValidatorOptions::default()
            },
        )
        .await?;

        progress("the indexer");
        let common = [
            ("DATABASE_URL".to_owned(), database.url().to_owned()),
            ("RPC_URL".to_owned(), validator.rpc_url()),
        ];
        let mut env = common.to_vec();
        env.push(("WS_URL".to_owned(), validator.ws_url()));
        let mut indexer = Service::start(ServiceSpec {
            name: "indexer".into(),
            binary: binaries.indexer,
            args: vec!["run".into()],
            dir: dir.to_owned(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            env,
        })
        .await?;

        progress("the keeper");
        let mut env = common.to_vec();
        let key = funded_keypair(&validator.rpc_url(), dir).await?;
        env.push(("KEEPER_KEYPAIR".to_owned(), key));
        let mut keeper = Service::start(ServiceSpec {
            name: "keeper".into(),
            binary: binaries.keeper,
            args: Vec::new(),
            dir: dir.to_owned(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            env,
        })
        .await?;

        progress("the webhooks");
        let mut webhooks = Service::start(ServiceSpec {
            name: "webhooks".into(),
            binary: binaries.webhooks,
            args: vec!["run".into()],
            dir: dir.to_owned(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            env: vec![
                ("DATABASE_URL".to_owned(), database.url().to_owned()),
                ("WEBHOOKS_ALLOW_PRIVATE".to_owned(), "true".to_owned()),
            ],
        })
        .await?;

        progress("the API");
        let port = options.api_port.unwrap_or(validator.spare_port());
        let mut env = common.to_vec();
        // Share links contain the port, so it must be known before the API binds.
        env.push(("PUBLIC_URL".to_owned(), format!("http://127.0.0.1:{port}")));
        env.push(("PUBLIC_RPC_URL".to_owned(), validator.rpc_url()));
        env.push(("PUBLIC_CHAIN".to_owned(), "localnet".to_owned()));
        let spool = dir.join("clicks.spool").to_string_lossy().into_owned();
        env.push(("CLICK_SPOOL".to_owned(), spool));
        // The demo's whole crowd comes from this machine.
        for limit in [
            "ACTIONS_PER_MINUTE",
            "ACTION_ACCOUNTS_PER_MINUTE",
            "BUILDS_PER_MINUTE",
            "CODES_PER_MINUTE",
            "SIGN_INS_PER_MINUTE",
        ] {
            env.push((limit.to_owned(), "100000".to_owned()));
        }
        let mut api = Service::start(ServiceSpec {
            name: "api".into(),
            binary: binaries.api,
            args: Vec::new(),
            dir: dir.to_owned(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            env,
        })
        .await?;

        indexer.wait_healthy().await?;
        keeper.wait_healthy().await?;
        webhooks.wait_healthy().await?;
        api.wait_healthy().await?;
        Ok(Self {
            api,
            keeper,
            webhooks,
            indexer,
            validator,
            database,
            postgres,
        })
    }
}

/// Writes a new key to a file in `dir`, and asks the validator for SOL for it. Returns the path of the
/// file, in the format of the Solana CLI.
async fn funded_keypair(rpc_url: &str, dir: &Path) -> Result<String> {
    let key = Keypair::new();
    let file = dir.join("keeper.json").to_string_lossy().into_owned();
    write_keypair_file(&key, &file).map_err(|error| anyhow!("cannot write {file}: {error}"))?;
    let rpc = RpcClient::new(rpc_url.to_owned());
    let airdrop = rpc.request_airdrop(&key.pubkey(), KEEPER_LAMPORTS).await;
    airdrop.context("the keeper gets no SOL")?;
    Ok(file)
}
