//! The rights of the services' roles: what each needs, and nothing else.
//!
//! The owner of the schema runs the migrations, and grants. No service runs as the owner.

use sqlx::{Connection, Executor, PgConnection};

use crate::Error;

/// The roles of the services, in the order of the columns below.
pub const ROLES: [&str; 4] = [
    "vouch_indexer",
    "vouch_api",
    "vouch_keeper",
    "vouch_webhooks",
];

/// The schema of the tables in [`MIRROR`].
pub const MIRROR_SCHEMA: &str = "mirror";
/// The schema of the tables in [`KEPT`].
pub const KEPT_SCHEMA: &str = "public";

const NONE: &str = "";
const READ: &str = "SELECT";
const ADD: &str = "SELECT, INSERT";
const KEEP: &str = "SELECT, INSERT, UPDATE";
const WRITE: &str = "SELECT, INSERT, UPDATE, DELETE";
/// Adds rows, and deletes old ones.
const LOG: &str = "SELECT, INSERT, DELETE";
/// Reads awards, and notes that they are claimed.
const CLAIM: &str = "SELECT, UPDATE (claimed_at)";

/// A table or view, and the rights of each role.
pub type Line = (&'static str, [&'static str; ROLES.len()]);

/// Tables that follow from the chain alone. Only the indexer writes them.
#[rustfmt::skip]
pub const MIRROR: &[Line] = &[
    //                      indexer api   keeper webhooks
    ("accounts",           [WRITE, READ, READ, READ]),
    ("accounts_before",    [WRITE, NONE, NONE, READ]),
    ("board_fences",       [WRITE, READ, NONE, NONE]),
    ("board_places",       [READ,  READ, NONE, NONE]),
    ("boards",             [WRITE, READ, NONE, NONE]),
    ("calls",              [WRITE, READ, NONE, NONE]),
    ("campaigns",          [WRITE, READ, READ, READ]),
    ("conversions",        [WRITE, READ, READ, READ]),
    ("counted_boards",     [READ,  NONE, NONE, NONE]),
    ("counted_everywhere", [READ,  NONE, NONE, NONE]),
    ("counted_mints",      [READ,  NONE, NONE, NONE]),
    ("counted_referrals",  [READ,  NONE, NONE, NONE]),
    ("counted_referrers",  [READ,  NONE, NONE, NONE]),
    ("code_days",          [NONE,  NONE, NONE, NONE]),
    ("conversion_quarters", [WRITE, READ, NONE, NONE]),
    ("coverage",           [WRITE, READ, NONE, NONE]),
    ("doubts",             [READ,  READ, NONE, NONE]),
    ("events",             [WRITE, READ, NONE, READ]),
    ("finality",           [READ,  READ, READ, NONE]),
    ("indexer_state",      [WRITE, READ, READ, READ]),
    ("maturing",           [WRITE, NONE, NONE, READ]),
    ("ranked_conversions", [READ,  NONE, NONE, NONE]),
    ("mint_totals",        [WRITE, READ, NONE, NONE]),
    ("referral_totals",    [WRITE, READ, NONE, NONE]),
    ("referrals",          [WRITE, READ, NONE, READ]),
    ("referrer_daily",     [WRITE, READ, NONE, NONE]),
    ("referrer_totals",    [WRITE, READ, NONE, NONE]),
    ("short_links",        [WRITE, READ, NONE, NONE]),
    ("transactions",       [WRITE, READ, READ, READ]),
];

/// Tables that the chain does not know, so that no rebuild brings them back.
#[rustfmt::skip]
pub const KEPT: &[Line] = &[
    //                         indexer api   keeper webhooks
    ("_sqlx_migrations",      [READ,  READ, READ,  READ]),
    ("api_keys",              [NONE,  WRITE, NONE, NONE]),
    ("attestation_days",      [NONE,  WRITE, NONE, NONE]),
    ("attestation_rules",     [NONE,  KEEP, NONE,  NONE]),
    // Signed vouchers stay.
    ("attestations",          [NONE,  ADD,  NONE,  NONE]),
    ("awards",                [ADD,   CLAIM, NONE, READ]),
    ("badges",                [READ,  READ, NONE,  READ]),
    ("campaign_delegates",    [NONE,  KEEP, NONE,  NONE]),
    ("campaign_profiles",     [NONE,  KEEP, NONE,  NONE]),
    ("click_days",            [NONE,  READ, NONE,  NONE]),
    ("click_quarters",        [NONE,  READ, NONE,  NONE]),
    ("clicks",                [NONE,  ADD,  NONE,  NONE]),
    ("code_profiles",         [NONE,  WRITE, NONE, NONE]),
    ("digests",               [WRITE, READ, NONE,  NONE]),
    ("keeper_intents",        [NONE,  NONE, WRITE, NONE]),
    ("keeper_tasks",          [NONE,  NONE, WRITE, NONE]),
    ("limits",                [NONE,  WRITE, NONE, NONE]),
    ("mirror_log",            [LOG,   READ, NONE,  NONE]),
    ("referral_clicks",       [NONE,  KEEP, NONE,  NONE]),
    ("referral_visitors",     [NONE,  WRITE, NONE, NONE]),
    // A choice that has begun stays, because conversions are counted by it.
    ("referrer_choices",      [READ,  KEEP, NONE,  NONE]),
    ("schema_compatibility",  [READ,  READ, READ,  READ]),
    ("sessions",              [NONE,  WRITE, NONE, NONE]),
    ("sign_in_key",           [NONE,  ADD,  NONE,  NONE]),
    // Sums of a day grow, and are deleted after a week.
    ("sponsor_days",          [NONE,  WRITE, NONE, NONE]),
    // Transactions that the sponsor has signed stay.
    ("sponsored_transactions", [NONE, ADD,  NONE,  NONE]),
    ("uncounted_clicks",      [NONE,  ADD,  NONE,  NONE]),
    ("used_nonces",           [NONE,  WRITE, NONE, NONE]),
    ("vaults",                [NONE,  READ, WRITE, READ]),
    ("webhook_budgets",       [NONE,  NONE, NONE,  WRITE]),
    ("webhook_confirmations", [NONE,  NONE, NONE,  WRITE]),
    ("webhook_cursor",        [NONE,  NONE, NONE,  WRITE]),
    ("webhook_deliveries",    [NONE,  NONE, NONE,  WRITE]),
    ("webhook_endpoints",     [NONE,  NONE, NONE,  WRITE]),
    ("webhook_maturing",      [NONE,  NONE, NONE,  WRITE]),
    ("webhook_messages",      [NONE,  NONE, NONE,  WRITE]),
    ("webhook_secrets",       [NONE,  NONE, NONE,  WRITE]),
    ("webhook_vaults",        [NONE,  NONE, NONE,  WRITE]),
];

/// The functions that a role may call, besides those that everybody may.
const FUNCTIONS: &[(&str, &str)] = &[
    ("create_click_partition(date)", "vouch_api"),
    ("count_clicks(integer)", "vouch_api"),
    ("delete_click_days(date, integer)", "vouch_api"),
    ("delete_click_quarters(bigint, integer)", "vouch_api"),
    ("delete_default_clicks(date, integer)", "vouch_api"),
    ("drop_click_partition(date)", "vouch_api"),
];

/// Gives every role its rights, and takes all others that it had on these tables. It may be
/// repeated, also while the services run.
///
/// # Errors
/// When a role does not exist, or the connection's role may not grant.
pub async fn grant_all(connection: &mut PgConnection) -> Result<(), Error> {
    let mut transaction = connection.begin().await?;
    for role in ROLES {
        execute(&mut transaction, &on_schema(KEPT_SCHEMA, role)).await?;
        for (table, rights) in KEPT {
            on_table(
                &mut transaction,
                KEPT_SCHEMA,
                table,
                role,
                rights_of(rights, role),
            )
            .await?;
        }
    }
    for (function, role) in FUNCTIONS {
        let grant = format!("GRANT EXECUTE ON FUNCTION {KEPT_SCHEMA}.{function} TO {role}");
        execute(&mut transaction, &grant).await?;
    }
    for role in ROLES {
        mirror(&mut transaction, MIRROR_SCHEMA, role).await?;
    }
    Ok(transaction.commit().await?)
}

/// Gives the roles that exist their rights on the tables of the mirror in `schema`, for example in
/// one that is filled beside the live one. Rights stay with the tables when their schema is renamed.
///
/// # Errors
/// When a table does not exist, or the connection's role may not grant.
pub async fn grants(connection: &mut PgConnection, schema: &str) -> Result<(), Error> {
    let mut transaction = connection.begin().await?;
    let names = ROLES.map(str::to_owned);
    let existing = sqlx::query_scalar!(
        r#"SELECT rolname::text AS "name!" FROM pg_roles WHERE rolname = ANY($1)"#,
        &names[..]
    )
    .fetch_all(&mut *transaction)
    .await?;
    for role in existing {
        mirror(&mut transaction, schema, &role).await?;
    }
    Ok(transaction.commit().await?)
}

async fn mirror(connection: &mut PgConnection, schema: &str, role: &str) -> Result<(), Error> {
    execute(connection, &on_schema(schema, role)).await?;
    for (table, rights) in MIRROR {
        on_table(connection, schema, table, role, rights_of(rights, role)).await?;
    }
    Ok(())
}

async fn on_table(
    connection: &mut PgConnection,
    schema: &str,
    table: &str,
    role: &str,
    rights: &str,
) -> Result<(), Error> {
    let schema = quoted(schema);
    let revoke = format!("REVOKE ALL ON {schema}.{table} FROM {role}");
    execute(connection, &revoke).await?;
    if !rights.is_empty() {
        let grant = format!("GRANT {rights} ON {schema}.{table} TO {role}");
        execute(connection, &grant).await?;
    }
    Ok(())
}

fn on_schema(schema: &str, role: &str) -> String {
    format!("GRANT USAGE ON SCHEMA {} TO {role}", quoted(schema))
}

fn rights_of(rights: &[&'static str; ROLES.len()], role: &str) -> &'static str {
    let place = ROLES.iter().position(|name| *name == role);
    place
        .and_then(|place| rights.get(place))
        .copied()
        .unwrap_or(NONE)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

async fn execute(connection: &mut PgConnection, sql: &str) -> Result<(), Error> {
    connection.execute(sql).await?;
    Ok(())
}
