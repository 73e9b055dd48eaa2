//! A private Postgres server from the installed binaries.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use url::Url;

use crate::binaries::{find_on_path, is_executable};
use crate::paths::is_root;
use crate::process::{POLL, Process, ProcessSpec, Signal, signal};

/// Enough for recovery after a crash on a slow disk.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// Length limit of `sockaddr_un`, less the file name that Postgres adds.
const LONGEST_SOCKET_DIR: usize = 107 - "/.s.PGSQL.5432.lock".len();

#[derive(Debug)]
pub(super) struct Cluster {
    bin: PathBuf,
    dir: PathBuf,
    log: PathBuf,
    user: Option<(u32, u32)>,
    server: Option<Process>,
    settings: Vec<(String, String)>,
}

impl Cluster {
    /// Initialises the data folder; the server is not started yet.
    pub(super) fn create(parent: &Path, settings: &[(&str, &str)]) -> Result<Self> {
        let bin = server_binaries()?;
        let dir = parent.join("postgres");
        ensure!(
            dir.as_os_str().len() <= LONGEST_SOCKET_DIR,
            "{} is too long a path for a Unix socket: set VOUCH_STATE to a shorter one",
            dir.display()
        );
        fs::create_dir(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700))?;
        let user = if is_root() {
            let user = unprivileged_user()?;
            chown(&dir, Some(user.0), Some(user.1))?;
            Some(user)
        } else {
            None
        };
        let cluster = Self {
            bin,
            log: parent.join("postgres.log"),
            dir,
            user,
            server: None,
            settings: settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        };
        cluster.initdb()?;
        Ok(cluster)
    }

    /// The URL of the superuser. The folder's mode restricts the socket to the server's
    /// user and root.
    pub(super) fn url(&self) -> Result<Url> {
        let mut url = Url::parse("postgres://vouch@localhost/postgres")?;
        url.query_pairs_mut()
            .append_pair("host", &self.dir.to_string_lossy());
        let port = self.settings.iter().find(|(name, _)| name == "port");
        if let Some((name, port)) = port {
            url.query_pairs_mut().append_pair(name, port);
        }
        Ok(url)
    }

    fn spec(&self, program: &str) -> ProcessSpec {
        let mut spec = ProcessSpec::new("postgres", self.bin.join(program));
        spec.user = self.user;
        spec.log = Some(self.log.clone());
        // The server's user may not be able to enter our working directory.
        spec.dir = Some(PathBuf::from("/"));
        spec.env = vec![("LC_ALL".into(), "C".into())];
        // Variables such as PGPORT and PGDATA would change the server's behaviour.
        spec.env_remove = std::env::vars()
            .map(|(name, _)| name)
            .filter(|name| name.starts_with("PG"))
            .collect();
        spec
    }

    fn initdb(&self) -> Result<()> {
        let mut initdb = self
            .spec("initdb")
            .args(["--username=vouch", "--auth=trust", "--encoding=UTF8"])
            .args(["--locale=C", "--no-instructions"])
            // Affects only the files that initdb creates; the server itself syncs.
            .args(["--no-sync", "--pgdata"])
            .args([self.data()])
            .spawn()?;
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            match initdb.exited()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("initdb ended with {status}{}", initdb.log_tail()),
                None if Instant::now() > deadline => bail!("initdb hangs{}", initdb.log_tail()),
                None => std::thread::sleep(POLL),
            }
        }
    }

    pub(super) async fn start(&mut self) -> Result<()> {
        ensure!(self.server.is_none(), "postgres runs already");
        let mut spec = self
            .spec("postgres")
            .args(["-D".into(), self.data()])
            .args(["-c", "listen_addresses=", "-c", "max_connections=300"])
            .args(["-c", "unix_socket_permissions=0700"])
            .args(["-k".into(), self.dir.clone()]);
        for (name, value) in &self.settings {
            spec = spec.args(["-c".to_owned(), format!("{name}={value}")]);
        }
        // SIGINT is Postgres' "fast shutdown".
        spec.stop_signal = Signal::INT;
        let mut server = spec.spawn()?;
        let url = self.url()?;
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            server.ensure_running()?;
            match PgConnection::connect(url.as_str()).await {
                Ok(connection) => {
                    connection.close().await?;
                    self.server = Some(server);
                    return Ok(());
                }
                Err(error) if Instant::now() > deadline => {
                    bail!("postgres does not answer: {error}{}", server.log_tail())
                }
                Err(_) => tokio::time::sleep(POLL).await,
            }
        }
    }

    pub(super) async fn stop(&mut self) -> Result<()> {
        let server = self.server.take().context("postgres is not running")?;
        let status = server.stop().await?;
        ensure!(status.success(), "postgres ended with {status}");
        Ok(())
    }

    pub(super) async fn crash(&mut self) -> Result<()> {
        let mut server = self.server.take().context("postgres is not running")?;
        // SIGKILL would leave the workers and the shared memory behind for a moment.
        // SIGQUIT ends them all without writing anything: the same crash.
        server.signal(Signal::QUIT);
        tokio::time::timeout(START_DEADLINE, server.wait())
            .await
            .context("postgres does not end on SIGQUIT")??;
        Ok(())
    }

    pub(super) async fn kill(&mut self) -> Result<()> {
        let mut server = self.server.take().context("postgres is not running")?;
        let pid = server.id();
        // Stopped, it starts no more of them.
        server.signal(Signal::STOP);
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
        let children: Vec<u32> = children
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        server.signal(Signal::KILL);
        for child in &children {
            // One that has ended by itself needs no signal.
            let _ = signal(*child, Signal::KILL);
        }
        tokio::time::timeout(START_DEADLINE, server.wait())
            .await
            .context("postgres does not end on SIGKILL")??;
        // The next server waits for none of them: it refuses to start while one is attached to the shared memory.
        let deadline = Instant::now() + START_DEADLINE;
        while children.iter().any(|child| is_running(*child)) {
            ensure!(
                Instant::now() < deadline,
                "a process of postgres does not end"
            );
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    pub(super) fn data(&self) -> PathBuf {
        self.dir.join("data")
    }
}

/// The folder with `postgres` and `initdb`: the one on PATH, else the newest version that
/// Debian's packages installed.
fn server_binaries() -> Result<PathBuf> {
    let complete = |dir: &Path| {
        ["postgres", "initdb"]
            .iter()
            .all(|b| is_executable(&dir.join(b)))
    };
    if let Some(dir) = find_on_path("initdb").and_then(|file| Some(file.parent()?.to_owned()))
        && complete(&dir)
    {
        return Ok(dir);
    }
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, bin)| complete(bin))
        .collect();
    versions.sort_unstable();
    let (_, bin) = versions.pop().context(
        "no Postgres server is installed: install the package postgresql, \
         or set DATABASE_URL to a server that lets you create databases",
    )?;
    Ok(bin)
}

/// The user to run Postgres as when we are root, because Postgres refuses to run as root.
fn unprivileged_user() -> Result<(u32, u32)> {
    for name in ["postgres", "nobody"] {
        if let (Some(uid), Some(gid)) = (id("-u", name), id("-g", name)) {
            return Ok((uid, gid));
        }
    }
    bail!("Postgres must not run as root, and there is no user postgres or nobody")
}

fn id(kind: &str, name: &str) -> Option<u32> {
    let output = Command::new("id").args([kind, name]).output().ok()?;
    output.status.success().then_some(())?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// Whether a process exists and is no zombie.
fn is_running(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name of the program, in brackets, may have any characters.
    let state = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.split_whitespace().next());
    !matches!(state, None | Some("Z" | "X"))
}
