//! `vouch-indexer rebuild` beside a live mirror, its readers and its writer. Numbers in brackets refer
//! to `docs/INVARIANTS.md`.

use std::process::Stdio;

use serde_json::Value;
use sqlx::Executor as _;
use tokio::process::{Child, Command};
use vouch_localnet::built_binary;
use vouch_product_tests::{FaultyNode, World, until};

/// Starts the command.
fn rebuild(world: &World, rpc_url: &str) -> Child {
    Command::new(built_binary("vouch-indexer").expect("the indexer is built"))
        .args(["rebuild", "--fetch-concurrency", "2"])
        .args(["--database-url", world.database.url(), "--rpc-url", rpc_url])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the command starts")
}

/// Its result: whether it succeeded, and everything that it said.
async fn outcome(command: Child) -> (bool, String) {
    let output = command.wait_with_output().await.expect("an end");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8(said).expect("text"),
    )
}

/// Damage to the mirror: facts, accounts and counters are wrong.
const DAMAGE: [&str; 4] = [
    "DELETE FROM conversions WHERE seq % 3 = 0",
    "UPDATE conversions SET reward_referrer = reward_referrer + 1",
    "UPDATE accounts SET data = '\\x00' WHERE seq = (SELECT max(seq) FROM accounts)",
    "UPDATE referrer_daily SET conversions = 1000000",
];

/// [M13]
#[tokio::test]
async fn a_damaged_mirror_is_replaced_and_readers_notice_nothing() {
    // Given a mirror that somebody has damaged, and the api's rows beside it
    let world = World::new().await;
    world.scene.convert_many(8).await;
    world.until_equal(8).await;
    for damage in DAMAGE {
        world.pool.execute(damage).await.expect(damage);
    }
    let clicks = "INSERT INTO referral_clicks SELECT address, 5, 4, 1 FROM referrals";
    world.pool.execute(clicks).await.expect(clicks);
    // And a reader that looks all the time, on connections of its own
    let readers = vouch_db::api::pool(world.database.url(), 4, std::time::Duration::from_secs(5))
        .expect("a pool");
    let reads = tokio::spawn({
        let readers = readers.clone();
        let code = world.scene.code.to_string();
        async move {
            let mut reads = 0_u64;
            while !readers.is_closed() {
                let found = vouch_db::api::codes::find(&readers, &code, None).await;
                match found {
                    Err(vouch_db::Error::Unavailable(_)) if readers.is_closed() => {}
                    found => assert!(found.expect("an answer").is_some(), "read {reads}"),
                }
                reads += 1;
            }
            reads
        }
    });
    // When the mirror is made anew while wallets convert
    let (rebuilt, ()) = tokio::join!(
        async { outcome(rebuild(&world, &world.node.url())).await },
        world.scene.convert_many(4)
    );
    assert!(rebuilt.0, "{}", rebuilt.1);
    assert!(rebuilt.1.contains("filling a new mirror"), "{}", rebuilt.1);
    assert!(rebuilt.1.contains("rebuilt in "), "{}", rebuilt.1);
    // Then it equals the chain again, and goes on
    world.until_equal(12).await;
    world.until_status("ok").await;
    // And no read has failed or found nothing
    readers.close().await;
    assert!(reads.await.expect("no read failed") > 0);
    // And what does not follow from the chain is as it was
    let clicks = "SELECT clicks FROM referral_clicks";
    assert_eq!(world.number(clicks).await, 5);
    // And nothing is left of the old mirror, and names are as the migrations gave them
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'mirror%'";
    assert_eq!(world.number(schemas).await, 1);
    let names = "SELECT count(*) FROM pg_class
         WHERE relnamespace = 'mirror'::regnamespace AND relname IN (
             'transactions_once', 'conversions_by_time', 'maturing_by_place', 'finality',
             'referrals_code_once_per_campaign', 'campaigns_pkey')";
    assert_eq!(world.number(names).await, 6);
}

/// [M13]
#[tokio::test]
async fn a_rebuild_that_is_killed_changes_nothing_and_goes_on() {
    // Given a live mirror
    let world = World::new().await;
    world.scene.convert_many(12).await;
    world.until_equal(12).await;
    // When a rebuild is killed before it is done, because its node has lost all but five transactions
    let node = FaultyNode::before(&world.scene.validator.rpc_url()).await;
    let mut answered = 0;
    node.change("getTransaction", move |result| {
        answered += 1;
        if answered > 5 {
            *result = Value::Null;
        }
    });
    let mut killed = rebuild(&world, &node.url());
    until("the second copy has begun", async || {
        let sql = "SELECT count(*) FROM pg_namespace WHERE nspname = 'mirror_next'";
        world.number(sql).await == 1
            && world
                .number("SELECT confirmed_seq FROM mirror_next.indexer_state")
                .await
                > 0
    })
    .await;
    // Then a second one refuses to run beside it
    let (succeeded, said) = outcome(rebuild(&world, &world.node.url())).await;
    assert!(!succeeded);
    assert!(
        said.contains("another rebuild of this database is running"),
        "{said}"
    );
    killed.kill().await.expect("it ran");
    world.until_equal(12).await;
    // When it is started again, then it goes on where it was
    let (succeeded, said) = outcome(rebuild(&world, &world.node.url())).await;
    assert!(succeeded, "{said}");
    assert!(said.contains("going on with the rebuild"), "{said}");
    world.until_equal(12).await;
    world.until_status("ok").await;
}

#[tokio::test]
async fn a_view_that_would_read_the_old_mirror_is_named() {
    // Given a view of the company's own on the mirror
    let world = World::new().await;
    let view = "CREATE VIEW public.report AS SELECT count(*) FROM mirror.conversions";
    world.pool.execute(view).await.expect(view);
    // When the mirror is to be made anew
    let (succeeded, said) = outcome(rebuild(&world, &world.node.url())).await;
    // Then it is refused, and the view is named
    assert!(!succeeded);
    assert!(
        said.contains("these views would go on reading the old mirror: report."),
        "{said}"
    );
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'mirror_next'";
    assert_eq!(world.number(schemas).await, 0);
}
