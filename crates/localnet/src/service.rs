//! The product's services, run from their built binaries.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::process::{POLL, Process, ProcessSpec, Signal};

/// Time from the start of the process until its address is known.
const BIND_DEADLINE: Duration = Duration::from_secs(30);
/// Time from then until it is healthy.
const HEALTH_DEADLINE: Duration = Duration::from_secs(60);
/// All environment variables of the services. Those that the caller's shell has set must
/// not reach a service that is configured here.
const CONFIGURATION: &[&str] = &[
    "ACTIONS_PER_MINUTE",
    "ACTION_ACCOUNTS_PER_MINUTE",
    "ATTESTOR_KEYS",
    "BUILDS_PER_MINUTE",
    "CHANGES_PER_MINUTE",
    "CLICK_RETENTION_DAYS",
    "CLICK_ROLLUP_RETENTION_DAYS",
    "CLICK_SPOOL",
    "CODES_PER_MINUTE",
    "DATABASE_URL",
    "DEFAULT_LANDING_URL",
    "DELEGATIONS_PER_MINUTE",
    "GRPC_TOKEN",
    "GRPC_URL",
    "KEEPER_CAMPAIGNS",
    "KEEPER_CAMPAIGN_LAMPORTS_PER_DAY",
    "KEEPER_FAILED_LAMPORTS_PER_DAY",
    "KEEPER_FAILURES_PER_DAY",
    "KEEPER_FIRST_PAUSE_SECONDS",
    "KEEPER_HIGHEST_PRIORITY",
    "KEEPER_KEYPAIR",
    "KEEPER_LAMPORTS_PER_DAY",
    "KEEPER_LAST_PAUSE_SECONDS",
    "KEEPER_LEAST_BALANCE",
    "KEEPER_LEAST_PART",
    "KEEPER_RECLAIM_LAMPORTS_PER_DAY",
    "KEEPER_WATCH_SECONDS",
    "LISTEN",
    "LIVE_SECONDS",
    "LIVE_STREAMS",
    "LIVE_STREAMS_PER_NETWORK",
    "NODE_PATIENCE_MS",
    "PORT_FILE",
    "PROBES_LISTEN",
    "PROBES_PORT_FILE",
    "PUBLIC_URL",
    "RPC_URL",
    "SIGN_INS_PER_MINUTE",
    "SPONSOR_CAMPAIGNS",
    "SPONSOR_CAMPAIGN_LAMPORTS_PER_DAY",
    "SPONSOR_CAMPAIGN_TRANSACTIONS_PER_DAY",
    "SPONSOR_HIGHEST_FEE",
    "SPONSOR_KEYPAIR",
    "SPONSOR_LAMPORTS_PER_DAY",
    "SPONSOR_LEAST_BALANCE",
    "SPONSOR_NETWORK_LAMPORTS_PER_DAY",
    "SPONSOR_NETWORK_TRANSACTIONS_PER_DAY",
    "SPONSOR_RENT",
    "SPONSOR_TRANSACTIONS_PER_DAY",
    "SPONSOR_WALLET_LAMPORTS_PER_DAY",
    "SPONSOR_WALLET_TRANSACTIONS_PER_DAY",
    "WEBHOOKS_ALLOW_PRIVATE",
    "WS_URL",
];

/// A service to run, with its settings.
#[derive(Clone, Debug)]
pub struct ServiceSpec {
    /// The service's name, used for its files in `dir` and in messages.
    pub name: String,
    /// The binary; see [`crate::built_binary`].
    pub binary: PathBuf,
    /// The binary's arguments.
    pub args: Vec<String>,
    /// The folder for its log and its port file.
    pub dir: PathBuf,
    /// The address it listens on; port 0: a free one.
    pub listen: SocketAddr,
    /// Its other settings.
    pub env: Vec<(String, String)>,
}

/// A running service; dropping it stops it.
#[derive(Debug)]
pub struct Service {
    spec: ServiceSpec,
    process: Option<Process>,
    address: SocketAddr,
}

impl Service {
    /// Starts the service and waits until its address is known. It may not be healthy
    /// yet: see [`Self::wait_healthy`].
    ///
    /// # Errors
    /// When the service ends or does not bind.
    pub async fn start(spec: ServiceSpec) -> Result<Self> {
        let (process, address) = launch(&spec).await?;
        Ok(Self {
            spec,
            process: Some(process),
            address,
        })
    }

    /// Starts the service again on the same address, after [`Self::kill`] or
    /// [`Self::stop`].
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_again(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "{} runs already", self.spec.name);
        self.spec.listen = self.address;
        let (process, _) = launch(&self.spec).await?;
        self.process = Some(process);
        Ok(())
    }

    /// Waits until `GET /healthz` answers 200.
    ///
    /// # Errors
    /// When the service ends or does not become healthy; the error has its last answer.
    pub async fn wait_healthy(&mut self) -> Result<()> {
        let url = format!("{}/healthz", self.url());
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(5))
            .build()?;
        let deadline = Instant::now() + HEALTH_DEADLINE;
        loop {
            self.ensure_running()?;
            let answer = match http.get(&url).send().await {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                Ok(answer) => format!(
                    "{} {}",
                    answer.status(),
                    answer.text().await.unwrap_or_default()
                ),
                Err(error) => error.to_string(),
            };
            if Instant::now() > deadline {
                let tail = self.process.as_ref().map(Process::log_tail);
                bail!(
                    "{} does not become healthy: {answer}{}",
                    self.spec.name,
                    tail.unwrap_or_default()
                );
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://` and its address, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address of its probes, if they have one of their own: the API's /metrics is there alone.
    ///
    /// # Errors
    /// When the service has none, or has not bound it yet.
    pub fn probes_url(&self) -> Result<String> {
        let path = probes_path(&self.spec);
        let address = fs::read_to_string(&path)
            .with_context(|| format!("{} has no probes of its own", self.spec.name))?;
        Ok(format!("http://{}", address.trim()))
    }

    /// Its process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Its log file.
    pub fn log(&self) -> PathBuf {
        log_path(&self.spec)
    }

    /// Fails, with the end of the log, when the service is no longer running.
    ///
    /// # Errors
    /// When the service has ended.
    pub fn ensure_running(&mut self) -> Result<()> {
        self.process
            .as_mut()
            .with_context(|| format!("{} was stopped", self.spec.name))?
            .ensure_running()
    }

    /// Sends it a signal.
    pub fn signal(&mut self, signal: Signal) {
        if let Some(process) = &mut self.process {
            process.signal(signal);
        }
    }

    /// Kills the service at once, as a crash would.
    ///
    /// # Errors
    /// When the service was not running.
    pub async fn kill(&mut self) -> Result<()> {
        let process = self.process.take();
        let process = process.with_context(|| format!("{} was stopped", self.spec.name))?;
        process.kill().await
    }

    /// Sends SIGTERM and expects the service to exit with 0.
    ///
    /// # Errors
    /// When the service had ended before, had to be killed, or exits with another status.
    pub async fn stop(&mut self) -> Result<()> {
        let Some(process) = self.process.take() else {
            return Ok(());
        };
        let status = process.stop().await?;
        ensure!(status.success(), "{} ended with {status}", self.spec.name);
        Ok(())
    }
}

async fn launch(spec: &ServiceSpec) -> Result<(Process, SocketAddr)> {
    let port_file = spec.dir.join(format!("{}.port", spec.name));
    match fs::remove_file(&port_file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let mut process = ProcessSpec::new(&spec.name, &spec.binary).args(&spec.args);
    process.env_remove = CONFIGURATION.iter().map(ToString::to_string).collect();
    process.env.clone_from(&spec.env);
    process.log = Some(log_path(spec));
    let mut process = process
        .env("PROBES_LISTEN", "127.0.0.1:0")
        .env("PROBES_PORT_FILE", probes_path(spec).to_string_lossy())
        .env("LISTEN", spec.listen.to_string())
        .env("PORT_FILE", port_file.to_string_lossy())
        .spawn()?;

    let deadline = Instant::now() + BIND_DEADLINE;
    loop {
        // The port file is written atomically: if it exists, it is complete.
        if let Ok(text) = fs::read_to_string(&port_file) {
            let address = text.trim().parse();
            let address = address.with_context(|| format!("{}: bad address: {text}", spec.name))?;
            return Ok((process, address));
        }
        process.ensure_running()?;
        if Instant::now() > deadline {
            bail!("{} does not listen{}", spec.name, process.log_tail());
        }
        tokio::time::sleep(POLL).await;
    }
}

fn probes_path(spec: &ServiceSpec) -> PathBuf {
    spec.dir.join(format!("{}.probes.port", spec.name))
}

fn log_path(spec: &ServiceSpec) -> PathBuf {
    spec.dir.join(format!("{}.log", spec.name))
}
