//! Connections: what a URL says, and who waits for Postgres.

use std::{fs::File, time::Duration};

use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions, PgSslMode},
};
use url::Url;

use crate::{Error, Refusal, STATEMENT_TIMEOUT};

const RETRY_EVERY: Duration = Duration::from_millis(500);
const LOG_EVERY: u32 = 10;

/// The parameters of a URL that have an effect. Another one may be a misspelt `sslmode`.
const PARAMETERS: [&str; 13] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];
/// Those that name a file in PEM format.
const FILES: [&str; 3] = ["sslrootcert", "sslcert", "sslkey"];

/// A copy of the mirror. Unqualified names of tables lead to it after `public`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// The one that everybody reads.
    Live,
    /// The one that a rebuild fills, to take the place of the live one.
    Next,
}

impl Schema {
    /// The setting of a connection that makes it see this copy.
    pub(crate) fn search_path(self) -> (&'static str, &'static str) {
        let path = match self {
            Self::Live => "public,mirror",
            Self::Next => "public,mirror_next",
        };
        ("search_path", path)
    }
}

/// The settings of connections to the database at `url`, which see the live mirror and are shown to Postgres as those of
/// `application`.
///
/// `sslmode` is one of libpq's values. `allow` asks for TLS, too, and goes without if the server has
/// none: the same as `prefer`, which is the default. `verify-full` trusts the certificate authorities
/// of this machine and those in `sslrootcert`. `verify-ca` is the same: without the name of the host,
/// every certificate of a public authority would pass.
///
/// # Errors
/// [`Error::Refused`] when `url` is not the URL of a Postgres database, or names a file that cannot
/// be read.
pub(crate) fn options(url: &str, application: &str) -> Result<PgConnectOptions, Error> {
    let parsed = Url::parse(url).map_err(refuse)?;
    if !matches!(parsed.scheme(), "postgres" | "postgresql") {
        return Err(refuse(format!("its scheme is {}", parsed.scheme())));
    }
    for (name, value) in parsed.query_pairs() {
        if !PARAMETERS.contains(&&*name) && !name.starts_with("options[") {
            // The name may be the end of a password that holds a `?` or `&`.
            let known = PARAMETERS.join(", ");
            return Err(refuse(format!(
                "it has an unknown parameter; known are {known}"
            )));
        }
        if FILES.contains(&&*name) && !value.trim_start().starts_with("-----BEGIN") {
            // The value may be a key.
            File::open(&*value)
                .map_err(|error| refuse(format!("{name}: cannot read the file: {error}")))?;
        }
    }
    let options: PgConnectOptions = url.parse()?;
    let mode = match options.get_ssl_mode() {
        PgSslMode::Allow => PgSslMode::Prefer,
        PgSslMode::VerifyCa => PgSslMode::VerifyFull,
        mode => mode,
    };
    Ok(options
        .ssl_mode(mode)
        .application_name(application)
        // Compiling takes longer than the statements, which read few rows of large tables.
        .options([("jit", "off")])
        .options([Schema::Live.search_path()]))
}

fn refuse(cause: impl std::fmt::Display) -> Error {
    Error::Refused(Refusal::Url(cause.to_string()))
}

/// A pool of connections to the database at `url`. It connects on first use.
///
/// A query waits at most 5 seconds for a connection. Postgres cancels it after 30
/// seconds. Both fail with [`Error::Unavailable`].
///
/// # Errors
/// [`Error::Refused`] when `url` is not the URL of a Postgres database.
pub fn pool(url: &str) -> Result<PgPool, Error> {
    pool_of(url, Schema::Live)
}

/// [`pool`], with the tables of this copy of the mirror.
///
/// # Errors
/// As [`pool`].
pub fn pool_of(url: &str, schema: Schema) -> Result<PgPool, Error> {
    let options = options(url, "vouch")?
        .options([statement_timeout()])
        .options([schema.search_path()]);
    Ok(PgPoolOptions::new()
        .max_connections(16)
        .acquire_timeout(Duration::from_secs(5))
        .connect_lazy_with(options))
}

/// A pool of connections to the database at `url`, after a first connection succeeded.
///
/// While Postgres is down, this function waits and logs that it does.
///
/// # Errors
/// [`Error::Refused`] when waiting does not help: `url` is not the URL of a Postgres database, or
/// Postgres refuses the login, the database or the kind of connection.
pub async fn connect(url: &str) -> Result<PgPool, Error> {
    connect_with(url, || ()).await
}

/// Like [`connect`]. It calls `attempted` after each attempt, every few seconds.
///
/// # Errors
/// As [`connect`].
pub async fn connect_with(url: &str, mut attempted: impl FnMut()) -> Result<PgPool, Error> {
    let pool = pool(url)?;
    let mut attempt = 0_u32;
    loop {
        let outcome = pool.acquire().await.map_err(Error::from);
        attempted();
        match outcome {
            Ok(connection) => {
                drop(connection);
                if attempt > 0 {
                    tracing::info!("connected to Postgres");
                }
                return Ok(pool);
            }
            Err(Error::Unavailable(cause)) => {
                if attempt.is_multiple_of(LOG_EVERY) {
                    tracing::warn!(%cause, "waiting for Postgres");
                }
            }
            Err(refusal) => return Err(refusal),
        }
        attempt = attempt.saturating_add(1);
        tokio::time::sleep(RETRY_EVERY).await;
    }
}

/// The statement timeout as a setting of a connection.
pub(crate) fn statement_timeout() -> (&'static str, String) {
    let milliseconds = STATEMENT_TIMEOUT.as_millis();
    ("statement_timeout", milliseconds.to_string())
}
