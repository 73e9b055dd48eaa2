//! The private Postgres server, tested with a real server.

use anyhow::{Result, anyhow};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor};
use vouch_localnet::{Instance, Postgres};

#[tokio::test]
async fn a_private_server_keeps_what_was_committed_before_a_crash() -> Result<()> {
    // Given a private server (as root: one that runs as another user)
    let instance = Instance::create("test")?;
    let mut postgres = Postgres::private(instance.dir()).await?;
    let database = postgres.create_empty_database("crash").await?;
    let mut connection = PgConnection::connect(database.url()).await?;
    connection
        .execute("CREATE TABLE t (v int); INSERT INTO t VALUES (7)")
        .await?;
    for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
        let value: String = sqlx::query_scalar(&format!("SHOW {setting}"))
            .fetch_one(&mut connection)
            .await?;
        assert_eq!(value, "on", "{setting}");
    }

    // When it crashes and is started again
    postgres.crash().await?;
    assert!(PgConnection::connect(database.url()).await.is_err());
    postgres.start_again().await?;

    // Then the row is there, under the same URL
    let mut connection = PgConnection::connect(database.url()).await?;
    let value: i32 = sqlx::query_scalar("SELECT v FROM t")
        .fetch_one(&mut connection)
        .await?;
    assert_eq!(value, 7);

    // And it stops cleanly, with its folder
    let dir = instance.dir().to_owned();
    connection.close().await?;
    postgres.stop().await?;
    drop(instance);
    assert!(!dir.exists());
    Ok(())
}

#[tokio::test]
async fn databases_are_migrated_copies_that_do_not_see_each_other() -> Result<()> {
    // Given two databases from the template, made at the same time
    let (one, two) = tokio::try_join!(Postgres::test_database(), Postgres::test_database())?;
    let mut first = PgConnection::connect(one.url()).await?;
    let mut second = PgConnection::connect(two.url()).await?;

    // When a table is made in one
    first.execute("CREATE TABLE only_here (v int)").await?;

    // Then the other does not have it
    let error = second
        .execute("SELECT FROM only_here")
        .await
        .expect_err("the databases are separate");
    let code = error
        .as_database_error()
        .and_then(|error| error.code().map(|code| code.into_owned()))
        .ok_or_else(|| anyhow!("no database error: {error}"))?;
    assert_eq!(code, "42P01");

    // And both have the migrations
    for connection in [&mut first, &mut second] {
        let failed: i64 =
            sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations WHERE NOT success")
                .fetch_one(connection)
                .await?;
        assert_eq!(failed, 0);
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    // Given a URL at which no server listens
    let url = "postgres://nobody@127.0.0.1:1/none";

    // When it is used
    let error = Postgres::connect(url).await.expect_err("nothing listens");

    // Then the error names the setting to check
    assert_eq!(
        error.to_string(),
        "cannot connect to the server of DATABASE_URL; unset it to use a private one"
    );
}
