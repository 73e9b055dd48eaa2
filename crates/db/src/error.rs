//! Errors between Vouch and Postgres.

/// An error of the database.
///
/// `Display` is safe to show to clients: it never holds text from Postgres.
/// [`std::error::Error::source`] is the cause, for the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Postgres cannot be reached, shuts down or has no connection left. Retrying helps.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
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

impl Error {
    /// The constraint that refused the row, if one did.
    #[must_use]
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Constraint { constraint, .. } => Some(constraint),
            _ => None,
        }
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
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
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
                unavailable @ Self::Unavailable(_) => unavailable,
                Self::Constraint { source, .. } | Self::Query(source) => {
                    Self::Migrate(sqlx::migrate::MigrateError::Execute(source))
                }
                other => other,
            },
            other => Self::Migrate(other),
        }
    }
}
