//! What the api asks of Postgres.
