//! Errors between Vouch and Postgres.

use crate::Unfit;

/// An error of the database.
///
/// `Display` is safe to show to clients: it never holds text from Postgres.
/// [`std::error::Error::source`] is the cause, for the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Postgres cannot be reached, shuts down or has no connection left. Retrying helps.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// Postgres or its URL has to be set up in another way. Retrying does not help.
    #[error("Postgres is not set up for this service")]
    Refused(#[source] Refusal),
    /// The schema does not fit this version. Retrying does not help.
    #[error("the schema of the database does not fit")]
    Unfit(#[source] Unfit),
    /// A named constraint refused the row: the input is at fault.
    #[error("refused by the constraint {constraint}")]
    Constraint {
        /// Name of the constraint in `migrations/`.
        constraint: String,
        /// The cause.
        #[source]
        source: sqlx::Error,
    },
    /// Postgres holds a value that this crate never writes.
    #[error("the database holds {0}")]
    Corrupt(&'static str),
    /// The migrations cannot be applied.
    #[error("the database migrations do not apply")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// Anything else: a defect of this crate or of the database.
    #[error("the database refused a query")]
    Query(#[source] sqlx::Error),
}

/// Why Postgres does not let a service work, and what to do about it. Its text has what Postgres
/// said, without any password. It is for operators.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// `DATABASE_URL` cannot be used.
    #[error(
        "DATABASE_URL is wrong: {0}: it has to look like \
         postgres://user:password@host/database?sslmode=verify-full"
    )]
    Url(String),
    /// The two sides do not agree on TLS, or a certificate does not verify.
    #[error(
        "no connection by TLS: {0}: check sslmode, sslrootcert and the host in DATABASE_URL, and \
         the certificate of the server"
    )]
    Tls(String),
    /// The role does not exist, its password is wrong, or the server does not let it in.
    #[error("{0}: check user and password in DATABASE_URL, and pg_hba.conf of the server")]
    Login(String),
    /// The database does not exist.
    #[error("{0}: create it, or correct its name in DATABASE_URL")]
    Database(String),
    /// The role lacks a right.
    #[error("{0}: run `vouch-indexer migrate --grants` as the owner, or connect as another role")]
    Rights(String),
}

impl Error {
    /// Whether this can never succeed as it is set up, so that the service should end and say why.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Unfit(_) | Self::Migrate(_))
    }

    /// The constraint that refused the row, if one did.
    #[must_use]
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Constraint { constraint, .. } => Some(constraint),
            _ => None,
        }
    }

    /// Whether Postgres cancelled the statement, most likely because it took too long. The connection can still be
    /// used.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Unavailable(sqlx::Error::Database(cause))
            if cause.code().as_deref() == Some("57014"))
    }

    /// Whether what was to be done took too long: Postgres cancelled a statement, or was silent. Less at once may
    /// succeed.
    #[must_use]
    pub fn is_too_long(&self) -> bool {
        let is_silent = matches!(self, Self::Unavailable(sqlx::Error::Io(cause))
            if cause.kind() == std::io::ErrorKind::TimedOut);
        is_silent || self.is_cancelled()
    }

    /// Whether retrying later can help.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            // rustls reports a broken handshake or certificate with this kind.
            sqlx::Error::Io(cause) if cause.kind() == std::io::ErrorKind::InvalidData => {
                Self::Refused(Refusal::Tls(cause.to_string()))
            }
            sqlx::Error::Tls(cause) => Self::Refused(Refusal::Tls(cause.to_string())),
            sqlx::Error::Configuration(cause) => {
                // One is inside the other where a parameter is wrong.
                let cause = match cause.downcast_ref() {
                    Some(sqlx::Error::Configuration(cause)) => cause,
                    _ => cause,
                };
                Self::Refused(Refusal::Url(cause.to_string()))
            }
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            sqlx::Error::Database(database) => {
                if let Some(constraint) = database.constraint() {
                    return Self::Constraint {
                        constraint: constraint.to_owned(),
                        source: error,
                    };
                }
                // Classes of SQLSTATE: connection, resources, operator intervention
                // (shutdown, recovery) and transaction rollback (deadlock,
                // serialization).
                let code = database.code().unwrap_or_default();
                let refusal = match &*code {
                    "28000" | "28P01" => Some(Refusal::Login as fn(String) -> Refusal),
                    "3D000" => Some(Refusal::Database as fn(String) -> Refusal),
                    "42501" => Some(Refusal::Rights as fn(String) -> Refusal),
                    _ => None,
                };
                if let Some(refusal) = refusal {
                    return Self::Refused(refusal(database.message().to_owned()));
                }
                if ["08", "53", "57", "40"].contains(&code.get(..2).unwrap_or_default()) {
                    Self::Unavailable(error)
                } else {
                    Self::Query(error)
                }
            }
            _ => Self::Query(error),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for Error {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        match error {
            sqlx::migrate::MigrateError::Execute(error) => match Self::from(error) {
                plain @ (Self::Unavailable(_) | Self::Refused(_)) => plain,
                Self::Constraint { source, .. } | Self::Query(source) => {
                    Self::Migrate(sqlx::migrate::MigrateError::Execute(source))
                }
                other => other,
            },
            other => Self::Migrate(other),
        }
    }
}
