//! The indexer with a real validator and a real Postgres, and the failures that it
//! survives. Numbers in brackets refer to `docs/INVARIANTS.md`.

use std::net::SocketAddr;

use solana_client::rpc_config::RpcSendTransactionConfig;
use solana_sdk::{
    instruction::{AccountMeta, Instruction},
    pubkey::Pubkey,
    signature::{Keypair, Signer},
    transaction::Transaction,
};
use solana_system_interface::instruction;
use sqlx::{Connection, PgConnection, Row};
use vouch_client::{
    PROGRAM_ID,
    accounts::{Settings, Terms},
    instructions::{self, CreateCampaign},
    pda, token,
};
use vouch_localnet::{Instance, Postgres, Service, ServiceSpec, Signal, built_binary, signal};
use vouch_product_tests::{SOL, World, health, recount, start_indexer, until, validator};

/// [M6]
#[tokio::test]
async fn gap_while_down() {
    // Given an indexer that has seen some conversions
    let mut world = World::new().await;
    world.scene.convert_many(3).await;
    world.until_equal(3).await;
    // When it is stopped, and conversions happen
    world.indexer.stop().await.expect("a clean exit");
    world.scene.convert_many(5).await;
    // And it is started again
    world.indexer.start_again().await.expect("a start");
    // Then the mirror equals the chain
    world.until_equal(8).await;
    world.until_status("ok").await;
    let health = health(&world.indexer).await;
    assert!(
        health["slots_behind"].as_u64().expect("a number") <= 50,
        "{health}"
    );
}

/// [M4]
#[tokio::test]
async fn counters_that_drift_are_found_and_repaired_beside_the_mirror() {
    // Given a live mirror whose counters somebody changed
    let world = World::new().await;
    world.scene.convert_many(2).await;
    world.until_equal(2).await;
    sqlx::query("UPDATE referral_totals SET conversions = 7")
        .execute(&world.pool)
        .await
        .expect("a change");
    // When they are counted again, then the difference is named, and that of the token's sum, which follows
    // from them
    let url = world.database.url();
    let found = recount(url, &[]).await;
    assert_eq!(found.status.code(), Some(1));
    let said = String::from_utf8_lossy(&found.stdout).into_owned();
    let referral = pda::referral(&world.scene.campaign, &world.scene.code);
    assert_eq!(
        said,
        format!(
            "referral {referral}: 7 conversions, 2 final, 10000000 paid, 0 pending; counted: \
             2 conversions, 2 final, 10000000 paid, 0 pending\n\
             token {}: 1 codes, 2 conversions, 10000000 paid, 0 pending; counted: \
             1 codes, 7 conversions, 10000000 paid, 0 pending\n",
            world.scene.opened.mint
        )
    );
    let error = String::from_utf8_lossy(&found.stderr).into_owned();
    assert!(
        error.contains("2 counters differ from a recount, of 1 referrals, 1 referrers and 1 days"),
        "{error}"
    );
    // When they are repaired while wallets convert, then they are right
    let (repaired, ()) = tokio::join!(recount(url, &["--repair"]), world.scene.convert_many(3));
    assert!(repaired.status.success(), "{repaired:?}");
    world.until_equal(5).await;
}

/// [M2] [M4]
#[tokio::test]
async fn killed_in_the_middle_of_a_crowd() {
    // Given 40 wallets that convert at the same time
    let mut world = World::new().await;
    let pool = world.pool.clone();
    let mut indexer = {
        // Taken out of the world, so that it can be killed while the wallets convert.
        let spare = start_indexer(
            "standby",
            &world.scene.instance,
            &world.database,
            &world.node.url(),
            &world.scene.validator.ws_url(),
        )
        .await;
        std::mem::replace(&mut world.indexer, spare)
    };
    // And a standby that waits
    world.until_status("standby").await;
    let crowd = world.scene.convert_many(40);
    // When the writer is killed as soon as it has written some of them
    let kill = async {
        until("some conversions are mirrored", async || {
            let row = sqlx::query("SELECT count(*) FROM conversions")
                .fetch_one(&pool)
                .await;
            row.expect("a count").get::<i64, _>(0) > 0
        })
        .await;
        indexer.kill().await.expect("it ran");
    };
    tokio::join!(crowd, kill);
    // Then the standby takes over, and every conversion is counted once
    world.until_equal(40).await;
    world.until_status("ok").await;
    // And when the killed one is started again, it stands by
    indexer.start_again().await.expect("a start");
    until("the first one stands by", async || {
        health(&indexer).await["status"] == "standby"
    })
    .await;
    indexer.stop().await.expect("a clean exit");
}

#[tokio::test]
async fn validator_down() {
    // Given a live indexer
    let mut world = World::new().await;
    world.scene.convert_many(2).await;
    world.until_equal(2).await;
    // When the validator is killed, then health reports it
    world.scene.validator.kill().await.expect("it ran");
    world.until_status("chain_unavailable").await;
    // When it is back with its ledger, then the mirror continues
    world.scene.validator.resume().await.expect("a validator");
    world.until_status("ok").await;
    world.scene.convert_many(2).await;
    world.until_equal(4).await;
    // When it is back with another ledger, then the indexer does not mix the two
    world.scene.validator.kill().await.expect("it ran");
    world
        .scene
        .validator
        .restart_empty()
        .await
        .expect("a validator");
    until("the indexer ends", async || {
        world.indexer.ensure_running().is_err()
    })
    .await;
    let end = world
        .indexer
        .ensure_running()
        .expect_err("it ended")
        .to_string();
    assert!(
        end.contains("the mirror in this database is of the chain with"),
        "{end}"
    );
    assert_eq!(world.number("SELECT count(*) FROM conversions").await, 4);
}

/// [M2] [M6]
#[tokio::test]
async fn postgres_down_at_start_and_in_between() {
    // Given a private Postgres that is not running
    let instance = Instance::create("mirror-test").expect("a folder");
    let mut postgres = Postgres::private(instance.dir()).await.expect("Postgres");
    let database = postgres
        .create_database("vouch_mirror")
        .await
        .expect("a database");
    let (validator, _) = validator(&instance).await;
    postgres.stop().await.expect("a clean stop");

    // When the indexer starts, then it waits and names what it waits for
    let mut indexer = start_indexer(
        "indexer",
        &instance,
        &database,
        &validator.rpc_url(),
        &validator.ws_url(),
    )
    .await;
    let seen = health(&indexer).await;
    assert_eq!(seen["status"], "database_unavailable", "{seen}");
    let log = std::fs::read_to_string(indexer.log()).expect("a log");
    assert!(!log.contains("ERROR"), "{log}");

    // And when Postgres is up, it becomes healthy
    postgres.start_again().await.expect("Postgres");
    indexer.wait_healthy().await.expect("a healthy indexer");

    // When Postgres crashes later, then health reports it, and recovers with it
    postgres.crash().await.expect("a crash");
    until("the database is missed", async || {
        health(&indexer).await["status"] == "database_unavailable"
    })
    .await;
    postgres.start_again().await.expect("Postgres");
    indexer.wait_healthy().await.expect("a healthy indexer");

    // And Ctrl-C ends it cleanly
    indexer.signal(Signal::INT);
    until("the indexer ends", async || {
        indexer.ensure_running().is_err()
    })
    .await;
    let ended = indexer.ensure_running().expect_err("it ended").to_string();
    assert!(ended.contains("exit status: 0"), "{ended}");
}

#[tokio::test]
async fn writer_connection_lost() {
    // Given a live indexer
    let world = World::new().await;
    world.scene.convert_many(2).await;
    // When Postgres terminates its writer's connection
    let mut connection = PgConnection::connect(world.database.url())
        .await
        .expect("Postgres");
    let cut: i64 = sqlx::query(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'vouch-indexer writer'",
    )
    .fetch_one(&mut connection)
    .await
    .expect("an answer")
    .get(0);
    assert_eq!(cut, 1);
    world.scene.convert_many(2).await;
    // Then it becomes the writer again, and nothing is missing
    world.until_equal(4).await;
    world.until_status("ok").await;
}

/// All processes of a private Postgres, frozen like a machine or a network that goes
/// silent: connections stay open and nothing answers. Dropping this resumes them.
struct Silence(Vec<u32>);

impl Silence {
    fn of(instance: &Instance) -> Self {
        let file = instance.dir().join("postgres/data/postmaster.pid");
        let lines = std::fs::read_to_string(file).expect("the server's process id");
        let server: u32 = lines
            .lines()
            .next()
            .and_then(|line| line.parse().ok())
            .expect("a process id");
        // Freeze the server first, so that it starts no further processes.
        let mut silence = Self(Vec::new());
        silence.stop(server);
        for process in children(server) {
            silence.stop(process);
        }
        silence
    }

    fn stop(&mut self, process: u32) {
        signal(process, Signal::STOP).expect("a process of Postgres");
        self.0.push(process);
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        for process in &self.0 {
            if let Err(error) = signal(*process, Signal::CONT) {
                eprintln!("warning: a process of Postgres stays stopped: {error:#}");
            }
        }
    }
}

fn children(parent: u32) -> Vec<u32> {
    let mut children = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("processes").flatten() {
        // "pid (name) state parent ...", where the name may hold anything.
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        let is_child = stat
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok())
            == Some(parent);
        if let (true, Some(process)) = (is_child, entry.file_name().to_str()) {
            children.push(process.parse().expect("a process id"));
        }
    }
    assert!(!children.is_empty(), "Postgres is several processes");
    children
}

/// [M6]
#[tokio::test]
async fn postgres_goes_silent() {
    // Given a live indexer
    let world = World::with_private_postgres().await;
    world.scene.convert_many(2).await;
    world.until_equal(2).await;
    // When Postgres goes silent and no connection is closed
    let silence = Silence::of(&world.scene.instance);
    // Then health reports it, also while wallets go on converting
    world.scene.convert_many(2).await;
    world.until_status("database_unavailable").await;
    // And when Postgres continues, the mirror does, too
    drop(silence);
    world.until_status("ok").await;
    world.until_equal(4).await;
}

#[tokio::test]
async fn idle_is_told_from_stuck() {
    // Given a live indexer, and a standby that counts as stuck after two seconds
    let world = World::with_private_postgres().await;
    let standby = Service::start(ServiceSpec {
        name: "standby".into(),
        binary: built_binary("vouch-indexer").expect("the indexer is built"),
        args: vec!["run".into()],
        dir: world.scene.instance.dir().to_owned(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        env: vec![
            ("DATABASE_URL".into(), world.database.url().into()),
            ("RPC_URL".into(), world.node.url()),
            ("WS_URL".into(), world.scene.validator.ws_url()),
            ("STUCK_AFTER_SECONDS".into(), "2".into()),
        ],
    });
    let standby = standby.await.expect("it listens");
    // Then both serve their purpose, though one of them has nothing to do
    for (indexer, expected) in [(&world.indexer, "ok"), (&standby, "standby")] {
        until(expected, async || {
            let (status, body) = probe(indexer, "readyz").await;
            status == 200 && body["status"] == expected
        })
        .await;
        assert_eq!(probe(indexer, "livez").await.0, 200);
    }
    // When Postgres goes silent
    let silence = Silence::of(&world.scene.instance);
    // Then the standby waits for an answer that does not come, and says for how long
    until("the standby is stuck", async || {
        probe(&standby, "livez").await.0 == 503
    })
    .await;
    let (_, body) = probe(&standby, "livez").await;
    assert_eq!(body["heartbeat_limit"], 2.0, "{body}");
    assert!(body["heartbeat_age"].as_f64() > Some(2.0), "{body}");
    // And the other one is not ready and names the cause, but has more patience
    until("the database is missed", async || {
        let (status, body) = probe(&world.indexer, "readyz").await;
        status == 503 && body["status"] == "database_unavailable"
    })
    .await;
    let (_, body) = probe(&world.indexer, "readyz").await;
    assert_eq!(body["cause"], "the database is not available", "{body}");
    assert_eq!(probe(&world.indexer, "livez").await.0, 200);
    // When Postgres answers again, then both go on
    drop(silence);
    for indexer in [&world.indexer, &standby] {
        until("it goes on", async || {
            probe(indexer, "livez").await.0 == 200 && probe(indexer, "readyz").await.0 == 200
        })
        .await;
    }
}

/// Status and body of an answer.
async fn probe(service: &Service, path: &str) -> (u16, serde_json::Value) {
    let url = format!("{}/{path}", service.url());
    let answer = reqwest::get(url).await.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.json().await.expect("JSON"))
}

/// [M10]
#[tokio::test]
async fn a_gap_is_not_called_final() {
    // Given an indexer that was stopped before wallets converted, and conversions that
    // are final
    let mut world = World::new().await;
    world.scene.convert_many(1).await;
    world.until_equal(1).await;
    world.indexer.stop().await.expect("a clean exit");
    // Postgres finishes a statement whose client has gone.
    until("Postgres has finished what the indexer sent", async || {
        world
            .number(
                "SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name LIKE 'vouch-indexer%'",
            )
            .await
            == 0
    })
    .await;
    let claim = "SELECT finalized_slot FROM finality";
    let claimed = world.number(claim).await;
    world.scene.convert_many(2).await;
    let converted = world.scene.until_final().await;
    // When it starts again, and cannot write conversions
    let mut keeper = world.pool.begin().await.expect("a transaction");
    sqlx::query("LOCK TABLE conversions IN SHARE MODE")
        .execute(&mut *keeper)
        .await
        .expect("a lock");
    world.indexer.start_again().await.expect("a start");
    until("the mirror waits", async || {
        world
            .number(
                "SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event_type = 'Lock'
                   AND application_name = 'vouch-indexer writer'",
            )
            .await
            == 1
    })
    .await;
    // Then it does not report the gap as final
    assert_eq!(world.number(claim).await, claimed);
    // And when it has written them, it does
    keeper.commit().await.expect("a commit");
    world.until_equal(3).await;
    let converted = i64::try_from(converted).expect("a slot");
    until("the gap is closed", async || {
        world.number(claim).await >= converted
    })
    .await;
}

/// [M7]
#[tokio::test]
async fn a_stranger_mentions_the_conversion() {
    // Given a wallet that has not converted yet, and the address of its conversion
    let world = World::new().await;
    let referee = Keypair::new();
    let conversion = pda::conversion(&world.scene.campaign, &referee.pubkey().to_bytes());
    let mention = |lamports: u64| {
        let to = Pubkey::new_unique();
        let mut transfer = instruction::transfer(&world.scene.company.pubkey(), &to, lamports);
        transfer
            .accounts
            .push(AccountMeta::new_readonly(conversion, false));
        transfer
    };
    // When a stranger mentions it before and after the wallet converts
    let before = world.scene.send(&[mention(SOL)], &[]).await;
    let signature = world
        .scene
        .send(&[world.scene.conversion(&referee)], &[&referee])
        .await;
    let after = world.scene.send(&[mention(SOL + 1)], &[]).await;
    // Then its transaction is the one that created it
    world.until_equal(1).await;
    let row = sqlx::query(
        "SELECT signature, action, amount::text FROM conversions JOIN transactions USING (seq)
         WHERE address = $1",
    )
    .bind(conversion.to_string())
    .fetch_one(&world.pool)
    .await
    .expect("a row");
    let found: String = row.get(0);
    assert_ne!(found, before.to_string());
    assert_ne!(found, after.to_string());
    assert_eq!(found, signature.to_string());
    // And it has the facts of its instruction
    let said: (String, String) = (row.get(1), row.get(2));
    assert_eq!(said, ("signup".to_owned(), u64::MAX.to_string()));
}

/// [M9]
#[tokio::test]
async fn an_account_that_a_stranger_gives_to_the_program() {
    // Given an account that a stranger created and assigned to the program
    let world = World::new().await;
    let junk = Keypair::new();
    let rent = world
        .scene
        .rpc
        .get_minimum_balance_for_rent_exemption(185)
        .await
        .expect("a rent");
    let create = instruction::create_account(
        &world.scene.company.pubkey(),
        &junk.pubkey(),
        rent,
        185,
        &PROGRAM_ID,
    );
    world.scene.send(&[create], &[&junk]).await;
    // When a wallet converts after that
    let (conversion, _) = world.scene.convert().await;
    // Then it is mirrored, and the stranger's account is not
    until("the conversion is mirrored", async || {
        world
            .number(&format!(
                "SELECT count(*) FROM conversions WHERE address = '{conversion}'"
            ))
            .await
            == 1
    })
    .await;
    assert_eq!(world.number("SELECT count(*) FROM conversions").await, 1);
    world.until_status("ok").await;
}

/// [M9]
#[tokio::test]
async fn strange_transactions_do_not_stop_the_mirror() {
    // Given a transaction that names the program, and fails while its accounts are loaded: the
    // program that it calls does not exist
    let world = World::new().await;
    let (company, scene) = (&world.scene.company, &world.scene);
    let nobody = Instruction::new_with_bytes(
        Pubkey::new_unique(),
        &[],
        vec![AccountMeta::new_readonly(PROGRAM_ID, false)],
    );
    let blockhash = scene.rpc.get_latest_blockhash().await.expect("a blockhash");
    let payer = company.pubkey();
    let fails = Transaction::new_signed_with_payer(&[nobody], Some(&payer), &[company], blockhash);
    let config = RpcSendTransactionConfig {
        skip_preflight: true,
        ..RpcSendTransactionConfig::default()
    };
    let failed = scene
        .rpc
        .send_transaction_with_config(&fails, config)
        .await
        .expect("sent");
    let listed =
        format!("SELECT count(*) FROM transactions WHERE signature = '{failed}' AND NOT succeeded");
    until("the failed transaction is mirrored", async || {
        world.number(&listed).await == 1
    })
    .await;
    // And a failed conversion, with the program's error
    let referee = Keypair::new();
    scene.send(&[scene.conversion(&referee)], &[&referee]).await;
    let again = Transaction::new_signed_with_payer(
        &[scene.conversion(&referee)],
        Some(&payer),
        &[company, &referee],
        scene.rpc.get_latest_blockhash().await.expect("a blockhash"),
    );
    let again = scene.rpc.send_transaction_with_config(&again, config).await;
    let again = again.expect("sent");
    let refused = format!(
        "SELECT count(*) FROM transactions JOIN calls USING (seq)
         WHERE signature = '{again}' AND failed_instruction = instruction AND name = 'convert'
           AND error_code IS NOT NULL AND campaign = '{}' AND wallet = '{}'",
        scene.campaign,
        referee.pubkey()
    );
    until("the failed conversion is mirrored", async || {
        world.number(&refused).await == 1
    })
    .await;
    // And one transaction that opens two campaigns, and names no token account that would tell the
    // decimals of their mints
    let mints = [Keypair::new(), Keypair::new()];
    let rent = scene.rpc.get_minimum_balance_for_rent_exemption(82).await;
    let rent = rent.expect("a rent");
    let mut create = Vec::new();
    let mut open = Vec::new();
    for (id, mint) in (2..).zip(&mints) {
        let (campaign, _) = pda::campaign(&payer, id);
        let decimals = u8::try_from(id).expect("a small number");
        create.extend(token::create_mint(
            &payer,
            &mint.pubkey(),
            &payer,
            decimals,
            rent,
        ));
        create.push(token::set_mint_authority(&mint.pubkey(), &payer, &campaign));
        open.push(instructions::create_campaign(&CreateCampaign {
            payer,
            authority: payer,
            id,
            mint: mint.pubkey(),
            payment_mint: Pubkey::default(),
            token_program: token::TOKEN_PROGRAM_ID,
            terms: Terms::default(),
            settings: Settings::fixed(1),
        }));
    }
    scene.send(&create, &[&mints[0], &mints[1]]).await;
    scene.send(&open, &[]).await;
    // When a wallet converts after all of them
    scene.convert().await;
    // Then everything is mirrored
    until("everything is final", async || {
        let sql = "SELECT count(*) FROM conversions, finality WHERE slot <= finalized_slot";
        world.number(sql).await == 2
    })
    .await;
    let decimals = "SELECT sum(mint_decimals)::bigint FROM campaigns";
    assert_eq!(world.number(decimals).await, 6 + 2 + 3);
    world.until_status("ok").await;
}
