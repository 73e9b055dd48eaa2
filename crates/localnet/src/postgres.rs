//! Postgres: the server of `DATABASE_URL`, or a private one.

mod cluster;

use std::env;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor};
use tokio::sync::OnceCell;
use url::Url;
use uuid::Uuid;

use crate::instance::Instance;
use crate::paths::workspace_root;
use cluster::Cluster;

/// Advisory lock: only one process on a server makes the template at a time.
const TEMPLATE_LOCK: i64 = 0x566f_7563_6854_706c;
/// Deletes everything that follows from the chain, from every table of the mirror, but keeps
/// of which chain the mirror is. Nobody may write the mirror meanwhile.
pub const FORGET_MIRROR: &str = "
    DO $$
    DECLARE name text;
    BEGIN
        FOR name IN SELECT relname FROM pg_class
            WHERE relnamespace = 'mirror'::regnamespace AND relkind = 'r'
              AND relname <> 'indexer_state'
        LOOP
            EXECUTE format('DELETE FROM mirror.%I', name);
        END LOOP;
    END
    $$;
    UPDATE mirror.indexer_state SET confirmed_seq = 0, final_seq = 0, final_time = NULL,
        final_address = '~', earlier_time = NULL, earlier_address = '~'";

/// A Postgres server that can create databases.
///
/// Dropping it stops a private server.
#[derive(Debug)]
pub struct Postgres {
    /// The database to connect to when creating others.
    maintenance: Url,
    /// `None` when the server is not ours.
    cluster: Option<Cluster>,
}

impl Postgres {
    /// The server of `DATABASE_URL` when that is set, else a private one in `dir`.
    ///
    /// # Errors
    /// When the server cannot be reached or started.
    pub async fn start(dir: &Path) -> Result<Self> {
        match env::var("DATABASE_URL").ok().filter(|url| !url.is_empty()) {
            Some(url) => Self::connect(&url).await,
            None => Self::private(dir).await,
        }
    }

    /// A private server in the folder `postgres` of `dir`. It listens on a Unix socket
    /// there, which only its own user and root can open. If this process is root, the
    /// server runs as the user `postgres` or `nobody`, who must be able to reach `dir`.
    /// Its durability settings are the defaults.
    ///
    /// # Errors
    /// When no server is installed or it does not start.
    pub async fn private(dir: &Path) -> Result<Self> {
        Self::private_with(dir, &[]).await
    }

    /// Like [`Self::private`], with these settings of the server, which come after the others. With
    /// `listen_addresses` and `port`, it listens on TCP, too; the socket's URL has the port then.
    ///
    /// # Errors
    /// As [`Self::private`].
    pub async fn private_with(dir: &Path, settings: &[(&str, &str)]) -> Result<Self> {
        let cluster = Cluster::create(dir, settings)?;
        let mut postgres = Self {
            maintenance: cluster.url()?,
            cluster: Some(cluster),
        };
        postgres.start_again().await?;
        Ok(postgres)
    }

    /// The server behind `url`, whose user must be allowed to create databases.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn connect(url: &str) -> Result<Self> {
        let maintenance = Url::parse(url).context("DATABASE_URL is not a URL")?;
        let postgres = Self {
            maintenance,
            cluster: None,
        };
        postgres.open().await.context(
            "cannot connect to the server of DATABASE_URL; unset it to use a private one",
        )?;
        Ok(postgres)
    }

    /// A new migrated database for one test: on the server of `DATABASE_URL`, or on a
    /// private server that all tests of this process share.
    ///
    /// # Errors
    /// When the server cannot be started or the migrations do not apply.
    pub async fn test_database() -> Result<Database> {
        static SHARED: OnceCell<(Postgres, Instance)> = OnceCell::const_new();
        // A static is never dropped. The kernel stops the server with this process, and
        // the next run removes its folder.
        let (postgres, _) = SHARED
            .get_or_try_init(|| async {
                let instance = Instance::create("test")?;
                let postgres = Self::start(instance.dir()).await?;
                anyhow::Ok((postgres, instance))
            })
            .await?;
        postgres.create_database("vouch_test").await
    }

    /// The URL of a database on this server. Its connections see the mirror's tables without a
    /// prefix.
    pub fn url(&self, database: &str) -> String {
        let mut url = self.maintenance.clone();
        url.set_path(database);
        url.query_pairs_mut()
            .append_pair("options", "-csearch_path=public,mirror");
        url.into()
    }

    /// Whether the server is private, so that it can be stopped, killed and started
    /// again.
    pub fn is_private(&self) -> bool {
        self.cluster.is_some()
    }

    /// A new database whose name is `prefix` and random digits, with the migrations of
    /// this checkout applied. It is a copy of a template, so this is fast.
    ///
    /// # Errors
    /// When the migrations do not apply or the user may not create databases.
    pub async fn create_database(&self, prefix: &str) -> Result<Database> {
        let template = self.template().await?;
        let name = unique_name(prefix);
        self.create(&name, Some(&template)).await
    }

    /// A new database without any migration.
    ///
    /// # Errors
    /// When the user may not create databases.
    pub async fn create_empty_database(&self, prefix: &str) -> Result<Database> {
        self.create(&unique_name(prefix), None).await
    }

    async fn create(&self, name: &str, template: Option<&str>) -> Result<Database> {
        let mut sql = format!("CREATE DATABASE \"{name}\"");
        if let Some(template) = template {
            sql += &format!(" TEMPLATE \"{template}\"");
        }
        let mut connection = self.open().await?;
        connection
            .execute(sql.as_str())
            .await
            .with_context(|| format!("cannot create the database {name}"))?;
        connection.close().await?;
        Ok(Database {
            url: self.url(name),
            name: name.to_owned(),
            maintenance: self.maintenance.to_string(),
            drop: self.cluster.is_none(),
        })
    }

    /// The template's name is a hash of the migrations. So each state of the migrations
    /// has one template, also on a server that outlives this process.
    async fn template(&self) -> Result<String> {
        let migrations = workspace_root().join("migrations");
        let migrator = Migrator::new(migrations.as_path())
            .await
            .context("cannot read the migrations")?;
        let mut hash = Sha256::new();
        for migration in migrator.iter() {
            hash.update(migration.version.to_le_bytes());
            hash.update(&*migration.checksum);
        }
        let name = format!("vouch_template_{}", &hex(&hash.finalize())[..16]);

        // Closing the connection releases the lock, also after a failure.
        let mut connection = self.open().await?;
        sqlx::query("SELECT pg_advisory_lock($1)")
            .bind(TEMPLATE_LOCK)
            .execute(&mut connection)
            .await?;
        let exists: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
                .bind(&name)
                .fetch_one(&mut connection)
                .await?;
        if !exists {
            // Renamed only when complete, so a crash leaves no partial template.
            let raw = self.create(&unique_name("vouch_new"), None).await?;
            let mut target = PgConnection::connect(&raw.url).await?;
            migrator
                .run(&mut target)
                .await
                .context("the migrations do not apply to an empty database")?;
            target.close().await?;
            let sql = format!("ALTER DATABASE \"{}\" RENAME TO \"{name}\"", raw.name);
            connection.execute(sql.as_str()).await?;
            raw.keep();
        }
        connection.close().await?;
        Ok(name)
    }

    async fn open(&self) -> Result<PgConnection> {
        PgConnection::connect(self.maintenance.as_str())
            .await
            .context("cannot connect to Postgres")
    }

    /// The data folder of a private server, with its configuration files.
    ///
    /// # Errors
    /// When the server is not ours.
    pub fn data_dir(&mut self) -> Result<PathBuf> {
        Ok(self.own_cluster()?.data())
    }

    /// Starts a private server that was stopped or killed; its URL stays the same.
    ///
    /// # Errors
    /// When the server is not ours or does not start.
    pub async fn start_again(&mut self) -> Result<()> {
        self.own_cluster()?.start().await
    }

    /// Stops a private server as an administrator would ("fast": cuts sessions, keeps
    /// committed data). Leaves a server that is not ours alone.
    ///
    /// # Errors
    /// When it did not stop cleanly.
    pub async fn stop(&mut self) -> Result<()> {
        match &mut self.cluster {
            Some(cluster) => cluster.stop().await,
            None => Ok(()),
        }
    }

    /// Ends a private server at once, as a crash would ("immediate": it recovers from its
    /// log at the next start).
    ///
    /// # Errors
    /// When the server is not ours.
    pub async fn crash(&mut self) -> Result<()> {
        self.own_cluster()?.crash().await
    }

    /// Kills all processes of a private server with SIGKILL.
    ///
    /// # Errors
    /// When the server is not ours.
    pub async fn kill(&mut self) -> Result<()> {
        self.own_cluster()?.kill().await
    }

    fn own_cluster(&mut self) -> Result<&mut Cluster> {
        self.cluster
            .as_mut()
            .context("the server of DATABASE_URL is not ours to start or stop")
    }
}

/// A database for one user. Dropping it removes it, sessions included, from a server that
/// is not ours; a private server is removed as a whole.
#[derive(Debug)]
pub struct Database {
    url: String,
    name: String,
    maintenance: String,
    drop: bool,
}

impl Database {
    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn keep(mut self) {
        self.drop = false;
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if !self.drop {
            return;
        }
        let sql = format!("DROP DATABASE IF EXISTS \"{}\" WITH (FORCE)", self.name);
        let maintenance = std::mem::take(&mut self.maintenance);
        // A separate thread and runtime, because the caller's runtime may be ending.
        let done = thread::spawn(move || -> Result<()> {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?
                .block_on(async {
                    let mut connection = PgConnection::connect(&maintenance).await?;
                    connection.execute(sql.as_str()).await?;
                    Ok(connection.close().await?)
                })
        })
        .join();
        match done {
            Ok(Ok(())) => {}
            Ok(Err(error)) => eprintln!("warning: database {} is left over: {error:#}", self.name),
            Err(_) => eprintln!("warning: database {} is left over", self.name),
        }
    }
}

fn unique_name(prefix: &str) -> String {
    // The last digits of a version 7 id are random.
    format!("{prefix}_{}", &Uuid::now_v7().simple().to_string()[20..])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
