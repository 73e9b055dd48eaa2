//! The indexer with a real validator and a real Postgres, and the failures that it
//! survives. Numbers in brackets refer to `docs/INVARIANTS.md`.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use serde_json::Value;
use solana_client::nonblocking::rpc_client::RpcClient;
use solana_commitment_config::CommitmentConfig;
use solana_sdk::{
    instruction::{AccountMeta, Instruction},
    pubkey::Pubkey,
    signature::{Keypair, Signature, Signer},
};
use solana_system_interface::instruction;
use sqlx::{Connection, PgConnection, PgPool, Row};
use tokio::time::{Instant, sleep};
use vouch_client::{
    Code, PROGRAM_ID,
    accounts::{AccountType as _, Campaign, Referral, Settings, Terms},
    instructions::{self, Convert, CreateCampaign, CreateReferral, Offer},
    pda, token,
};
use vouch_localnet::{
    Database, Instance, Postgres, Service, ServiceSpec, Signal, Validator, ValidatorOptions,
    built_binary, program_binary, signal,
};
use vouch_product_tests::send;

const REWARD: u64 = 5_000_000;
const SOL: u64 = 1_000_000_000;
const DEADLINE: Duration = Duration::from_secs(90);

struct World {
    indexer: Service,
    validator: Validator,
    pool: PgPool,
    rpc: RpcClient,
    company: Keypair,
    opened: Option<Campaign>,
    campaign: Pubkey,
    alice: Pubkey,
    code: Code,
    database: Database,
    _postgres: Postgres,
    instance: Instance,
}

impl World {
    /// A validator with a campaign and Alice's code, a database and a healthy indexer.
    async fn new() -> Self {
        let instance = Instance::create("mirror-test").expect("a folder");
        let postgres = Postgres::start(instance.dir()).await.expect("Postgres");
        Self::on(instance, postgres).await
    }

    /// Like [`Self::new`], with a private Postgres.
    async fn with_private_postgres() -> Self {
        let instance = Instance::create("mirror-test").expect("a folder");
        let postgres = Postgres::private(instance.dir()).await.expect("Postgres");
        Self::on(instance, postgres).await
    }

    async fn on(instance: Instance, postgres: Postgres) -> Self {
        let database = postgres
            .create_database("vouch_mirror")
            .await
            .expect("a database");
        let validator = Validator::start(
            instance.dir(),
            &ValidatorOptions {
                program: Some(program_binary()),
                ..ValidatorOptions::default()
            },
        )
        .await
        .expect("a validator");
        let indexer = start_indexer("indexer", &instance, &database, &validator).await;
        let rpc =
            RpcClient::new_with_commitment(validator.rpc_url(), CommitmentConfig::confirmed());
        let pool = vouch_db::connect(database.url()).await.expect("a pool");
        let company = Keypair::new();
        let (campaign, _) = pda::campaign(&company.pubkey(), 1);
        let mut world = Self {
            indexer,
            validator,
            pool,
            rpc,
            company,
            opened: None,
            campaign,
            alice: Pubkey::default(),
            code: "AZURE234".parse().expect("a code"),
            database,
            _postgres: postgres,
            instance,
        };
        world.open_campaign().await;
        world
            .indexer
            .wait_healthy()
            .await
            .expect("a healthy indexer");
        world
    }

    async fn open_campaign(&mut self) {
        let company = self.company.pubkey();
        let airdrop = self
            .rpc
            .request_airdrop(&company, 1000 * SOL)
            .await
            .expect("an airdrop");
        let deadline = Instant::now() + DEADLINE;
        while !self
            .rpc
            .confirm_transaction(&airdrop)
            .await
            .expect("an answer")
        {
            assert!(Instant::now() < deadline, "no airdrop");
            sleep(Duration::from_millis(100)).await;
        }
        let (mint, alice) = (Keypair::new(), Keypair::new());
        let rent = self
            .rpc
            .get_minimum_balance_for_rent_exemption(82)
            .await
            .expect("a rent");
        let [create, initialise] = token::create_mint(&company, &mint.pubkey(), &company, 6, rent);
        self.send(
            &[
                create,
                initialise,
                token::set_mint_authority(&mint.pubkey(), &company, &self.campaign),
                instructions::create_campaign(&CreateCampaign {
                    payer: company,
                    authority: company,
                    id: 1,
                    mint: mint.pubkey(),
                    payment_mint: Pubkey::default(),
                    token_program: token::TOKEN_PROGRAM_ID,
                    terms: Terms::default(),
                    settings: Settings::fixed(REWARD),
                }),
            ],
            &[&mint],
        )
        .await;
        self.send(
            &[
                instructions::create_referral(&CreateReferral::new(
                    &company,
                    &alice.pubkey(),
                    &self.campaign,
                    &self.code,
                )),
                token::create_associated_token(
                    &company,
                    &alice.pubkey(),
                    &mint.pubkey(),
                    &token::TOKEN_PROGRAM_ID,
                ),
            ],
            &[&alice],
        )
        .await;
        let opened = self.rpc.get_account_data(&self.campaign).await;
        let opened = opened.expect("the campaign");
        self.opened = Some(Campaign::decode(&opened).expect("a campaign"));
        self.alice = alice.pubkey();
    }

    /// Sends a transaction that the company pays, and waits until it is confirmed.
    async fn send(&self, instructions: &[Instruction], signers: &[&Keypair]) -> Signature {
        send(&self.rpc, &self.company, instructions, signers).await
    }

    fn conversion(&self, referee: &Keypair) -> Instruction {
        let campaign = self.opened.as_ref().expect("the campaign is open");
        let referral = Referral::registered(&self.campaign, campaign, &self.code, &self.alice);
        // No settings were announced, so they are the same at any time.
        let offer = Offer::at(self.campaign, campaign, &referral, campaign.created_at)
            .expect("the code of a referral");
        let args = Convert {
            payer: self.company.pubkey(),
            amount: u64::MAX,
            ..Convert::signup(&referee.pubkey())
        };
        instructions::convert(&offer, &args)
    }

    /// Lets a new wallet convert. Returns the conversion and its transaction.
    async fn convert(&self) -> (Pubkey, Signature) {
        let referee = Keypair::new();
        let signature = self.send(&[self.conversion(&referee)], &[&referee]).await;
        let key = referee.pubkey().to_bytes();
        (pda::conversion(&self.campaign, &key), signature)
    }

    /// Lets many wallets convert at the same time.
    async fn convert_many(&self, count: usize) {
        let all = (0..count).map(|_| self.convert());
        futures::future::join_all(all).await;
    }

    /// Every account of the program, read from the chain.
    async fn on_chain(&self) -> BTreeMap<String, Vec<u8>> {
        let accounts = self
            .rpc
            .get_program_accounts(&PROGRAM_ID)
            .await
            .expect("accounts");
        accounts
            .into_iter()
            .map(|(address, account)| (address.to_string(), account.data))
            .collect()
    }

    /// Waits until Postgres equals the chain, everything is final, and `conversions`
    /// conversions are counted once in every table. [M4] [M5] [M6]
    async fn until_equal(&self, conversions: i64) {
        let chain = self.on_chain().await;
        let count = usize::try_from(conversions).expect("a count");
        assert_eq!(
            chain.len(),
            count + 2,
            "a campaign, a referral, the conversions"
        );
        until("Postgres equals the chain", async || {
            let stored = vouch_db::mirror::live_accounts(&self.pool)
                .await
                .expect("rows");
            stored.into_iter().collect::<BTreeMap<_, _>>() == chain
        })
        .await;
        until("everything is final, with its signature", async || {
            self.number(
                "SELECT count(*) FROM accounts JOIN conversion_receipts ON conversion = address
                 WHERE commitment = 'finalized' AND signature IS NOT NULL",
            )
            .await
                == conversions
        })
        .await;
        let reward = i64::try_from(REWARD).expect("a reward");
        for (sql, expected) in [
            (
                "SELECT sum(conversions)::bigint FROM referral_totals",
                conversions,
            ),
            (
                "SELECT sum(conversions_finalized)::bigint FROM referral_totals",
                conversions,
            ),
            (
                "SELECT sum(rewards_paid)::bigint FROM referral_totals",
                conversions * reward,
            ),
            (
                "SELECT sum(conversions)::bigint FROM referrer_daily",
                conversions,
            ),
            (
                "SELECT sum(rewards)::bigint FROM referrer_daily",
                conversions * reward,
            ),
            (
                "SELECT count(DISTINCT signature) FROM conversion_receipts",
                conversions,
            ),
        ] {
            assert_eq!(self.number(sql).await, expected, "{sql}");
        }
    }

    async fn number(&self, sql: &str) -> i64 {
        let row = sqlx::query(sql).fetch_one(&self.pool).await.expect(sql);
        row.get(0)
    }

    async fn until_status(&self, expected: &str) {
        until(expected, async || {
            health(&self.indexer).await["status"] == expected
        })
        .await;
    }
}

async fn start_indexer(
    name: &str,
    instance: &Instance,
    database: &Database,
    validator: &Validator,
) -> Service {
    Service::start(ServiceSpec {
        name: name.into(),
        binary: built_binary("vouch-indexer").expect("the indexer is built"),
        args: vec!["run".into()],
        dir: instance.dir().to_owned(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        env: vec![
            ("DATABASE_URL".into(), database.url().into()),
            ("RPC_URL".into(), validator.rpc_url()),
            ("WS_URL".into(), validator.ws_url()),
        ],
    })
    .await
    .expect("the indexer listens")
}

async fn health(indexer: &Service) -> Value {
    let url = format!("{}/healthz", indexer.url());
    let answer = reqwest::get(url).await.expect("an answer");
    answer.json().await.expect("JSON")
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds().await {
        assert!(Instant::now() < deadline, "still not so: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// [M6]
#[tokio::test]
async fn gap_while_down() {
    // Given an indexer that has seen some conversions
    let mut world = World::new().await;
    world.convert_many(3).await;
    world.until_equal(3).await;
    // When it is stopped, conversions happen, and somebody changes its rows
    world.indexer.stop().await.expect("a clean exit");
    world.convert_many(5).await;
    sqlx::query("UPDATE accounts SET data = 'nonsense', slot = 0 WHERE kind = 'referral'")
        .execute(&world.pool)
        .await
        .expect("a change");
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
            &world.instance,
            &world.database,
            &world.validator,
        )
        .await;
        std::mem::replace(&mut world.indexer, spare)
    };
    // And a standby that waits
    world.until_status("standby").await;
    let crowd = world.convert_many(40);
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
    world.convert_many(2).await;
    world.until_equal(2).await;
    // When the validator is killed, then health reports it
    world.validator.kill().await.expect("it ran");
    world.until_status("chain_unavailable").await;
    // When it is back with its ledger, then the mirror continues
    world.validator.resume().await.expect("a validator");
    world.until_status("ok").await;
    world.convert_many(2).await;
    world.until_equal(4).await;
    // When it is back with another ledger, then the indexer does not mix the two
    world.validator.kill().await.expect("it ran");
    world.validator.restart_empty().await.expect("a validator");
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
        .create_empty_database("vouch_mirror")
        .await
        .expect("a database");
    let validator = Validator::start(
        instance.dir(),
        &ValidatorOptions {
            program: Some(program_binary()),
            ..ValidatorOptions::default()
        },
    )
    .await
    .expect("a validator");
    postgres.stop().await.expect("a clean stop");

    // When the indexer starts, then it waits and names what it waits for
    let mut indexer = start_indexer("indexer", &instance, &database, &validator).await;
    let seen = health(&indexer).await;
    assert_eq!(seen["status"], "database_unavailable", "{seen}");
    let log = std::fs::read_to_string(indexer.log()).expect("a log");
    assert!(!log.contains("ERROR"), "{log}");

    // And when Postgres is up, it migrates the database and becomes healthy
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
    world.convert_many(2).await;
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
    world.convert_many(2).await;
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
    world.convert_many(2).await;
    world.until_equal(2).await;
    // When Postgres goes silent and no connection is closed
    let silence = Silence::of(&world.instance);
    // Then health reports it, also while wallets go on converting
    world.convert_many(2).await;
    world.until_status("database_unavailable").await;
    // And when Postgres continues, the mirror does, too
    drop(silence);
    world.until_status("ok").await;
    world.until_equal(4).await;
}

/// [M10]
#[tokio::test]
async fn a_gap_is_not_called_final() {
    // Given an indexer that was stopped before wallets converted, and conversions that
    // are final
    let mut world = World::new().await;
    world.convert_many(1).await;
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
    let claim = "SELECT finalized_slot FROM indexer_state";
    let claimed = world.number(claim).await;
    world.convert_many(2).await;
    let converted = world.rpc.get_slot().await.expect("a slot");
    until("the conversions are final", async || {
        let slot = world
            .rpc
            .get_slot_with_commitment(CommitmentConfig::finalized())
            .await;
        slot.expect("a slot") >= converted
    })
    .await;
    // When it starts again, and cannot apply its snapshot
    let mut keeper = world.pool.begin().await.expect("a transaction");
    sqlx::query("LOCK TABLE conversions IN SHARE MODE")
        .execute(&mut *keeper)
        .await
        .expect("a lock");
    world.indexer.start_again().await.expect("a start");
    until("the snapshot waits", async || {
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
    // And when the snapshot is applied, it does
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
    let conversion = pda::conversion(&world.campaign, &referee.pubkey().to_bytes());
    let mention = |lamports: u64| {
        let to = Pubkey::new_unique();
        let mut transfer = instruction::transfer(&world.company.pubkey(), &to, lamports);
        transfer
            .accounts
            .push(AccountMeta::new_readonly(conversion, false));
        transfer
    };
    // When a stranger mentions it before and after the wallet converts
    let before = world.send(&[mention(SOL)], &[]).await;
    let signature = world.send(&[world.conversion(&referee)], &[&referee]).await;
    let after = world.send(&[mention(SOL + 1)], &[]).await;
    // Then its receipt is the transaction that created it
    world.until_equal(1).await;
    let row = sqlx::query(
        "SELECT signature, action, amount::text FROM conversion_receipts WHERE conversion = $1",
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
        .rpc
        .get_minimum_balance_for_rent_exemption(185)
        .await
        .expect("a rent");
    let create = instruction::create_account(
        &world.company.pubkey(),
        &junk.pubkey(),
        rent,
        185,
        &PROGRAM_ID,
    );
    world.send(&[create], &[&junk]).await;
    // When a wallet converts after that
    let (conversion, _) = world.convert().await;
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
