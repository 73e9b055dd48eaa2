//! The services with the rights of their own roles.

use std::net::SocketAddr;

use serde_json::Value;
use solana_client::rpc_config::RpcSendTransactionConfig;
use solana_sdk::{signature::Signer as _, transaction::Transaction};
use sqlx::{Executor, PgPool, Row as _};
use tokio::process::Command;
use vouch_client::accounts::Settings;
use vouch_localnet::{Instance, Postgres, Service, ServiceSpec, built_binary, sign_in};
use vouch_product_tests::{REWARD, Scene, until};

/// The URL of the database for this role.
fn for_role(url: &str, role: &str) -> String {
    let other = url.replace("://vouch@", &format!("://{role}@"));
    assert_ne!(other, url);
    other
}

#[tokio::test]
async fn indexer_and_api_need_no_other_rights_than_their_roles() {
    // Given a server with the four roles, and a database that the command has prepared
    let instance = Instance::create("roles-test").expect("a folder");
    let postgres = Postgres::private(instance.dir()).await.expect("Postgres");
    let database = postgres.create_empty_database("vouch").await;
    let database = database.expect("a database");
    let owner = PgPool::connect(database.url()).await.expect("Postgres");
    for role in vouch_db::grants::ROLES {
        let sql = format!("CREATE ROLE {role} LOGIN");
        owner.execute(sql.as_str()).await.expect("created");
    }
    let migrate = async || {
        Command::new(built_binary("vouch-indexer").expect("the indexer is built"))
            .args(["migrate", "--grants", "--database-url", database.url()])
            .output()
            .await
            .expect("the command starts")
    };
    let output = migrate().await;
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let last = vouch_db::MIGRATOR.iter().count();
    assert_eq!(
        said,
        format!(
            "migrations applied: {last}\n\
             rights granted to: vouch_indexer, vouch_api, vouch_keeper, vouch_webhooks\n"
        )
    );

    // When the services run with these roles on a validator
    let scene = Scene::with(instance, Settings::fixed(REWARD)).await;
    let dir = scene.instance.dir().to_owned();
    let service = async |name: &str, role: &str, args: &[&str], more: &[(&str, String)]| {
        let mut env = vec![
            ("DATABASE_URL".into(), for_role(database.url(), role)),
            ("RPC_URL".into(), scene.validator.rpc_url()),
        ];
        env.extend(
            more.iter()
                .map(|(name, value)| ((*name).into(), value.clone())),
        );
        let binary = built_binary(&format!("vouch-{name}")).expect("it is built");
        let started = Service::start(ServiceSpec {
            name: name.into(),
            binary,
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            dir: dir.clone(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            env,
        });
        let mut service = started.await.expect("it listens");
        service.wait_healthy().await.expect("healthy");
        service
    };
    let more = [
        ("WS_URL", scene.validator.ws_url()),
        ("RECONCILE_SECONDS", "1".to_owned()),
    ];
    let mut indexer = service("indexer", "vouch_indexer", &["run"], &more).await;
    let spool = dir.join("spool").display().to_string();
    let more = [("CLICK_SPOOL", spool)];
    let mut api = service("api", "vouch_api", &[], &more).await;
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client");

    // Then a link, a conversion, its finality and a profile work
    let code = format!("{}/r/{}", api.url(), scene.code.as_str());
    until("the link works", async || {
        http.get(&code).send().await.expect("an answer").status() == 302
    })
    .await;
    let (_, converted) = scene.convert().await;
    let campaign = scene.campaign;
    let url = format!("{}/v1/conversions?campaign={campaign}", api.url());
    until("the conversion is final", async || {
        let answer = http.get(&url).send().await.expect("an answer");
        let answer: Value = answer.json().await.expect("JSON");
        answer["conversions"][0]["commitment"] == "finalized"
    })
    .await;
    // And the transaction is found, and says why it was credited
    let get = async |path: &str| -> Value {
        let url = format!("{}{path}", api.url());
        let answer = http.get(&url).send().await.expect("an answer");
        answer.json().await.expect("JSON")
    };
    let found = get(&format!("/v1/conversions?signature={converted}")).await;
    let referee = found["conversions"][0]["referee"].as_str();
    let referee = referee.expect("the conversion of that transaction");
    let why = get(&format!("/v1/why?campaign={campaign}&wallet={referee}")).await;
    assert_eq!(why["reason"], "credited", "{why}");
    assert_eq!(why["conversion"]["signature"], converted.to_string());
    assert_eq!(why["attempts"][0]["signature"], converted.to_string());
    // And an attempt that the program refuses on chain says which rule it broke
    let blockhash = scene.rpc.get_latest_blockhash().await.expect("a blockhash");
    let own = Transaction::new_signed_with_payer(
        &[scene.conversion(&scene.alice)],
        Some(&scene.company.pubkey()),
        &[&scene.company, &scene.alice],
        blockhash,
    );
    let config = RpcSendTransactionConfig {
        skip_preflight: true,
        ..RpcSendTransactionConfig::default()
    };
    let refused = scene.rpc.send_transaction_with_config(&own, config).await;
    let refused = refused.expect("the node takes it").to_string();
    let path = format!(
        "/v1/why?campaign={campaign}&wallet={}",
        scene.alice.pubkey()
    );
    until("the refusal is known", async || {
        get(&path).await["reason"] != "no_attempt"
    })
    .await;
    let why = get(&path).await;
    assert_eq!(why["reason"], "self_referral", "{why}");
    assert_eq!(why["conversion"], Value::Null);
    assert_eq!(why["attempts"][0]["error"], "self_referral");
    assert_eq!(why["attempts"][0]["code"], scene.code.as_str());
    assert_eq!(why["attempts"][0]["signature"], refused);
    let url = format!("{}/v1/campaigns/{campaign}/profile", api.url());
    let body = serde_json::json!({ "name": "Acme", "landing_url": "https://acme.example" });
    let token = sign_in(&api.url(), &scene.company).await;
    let token = token.expect("the authority signs in");
    let request = http.put(&url).bearer_auth(token).json(&body);
    let answer = request.send().await.expect("an answer");
    assert!(
        answer.status().is_success(),
        "{}",
        answer.text().await.expect("text")
    );
    until("the accounts are compared", async || {
        let url = format!("{}/readyz", indexer.url());
        let answer = reqwest::get(&url).await.expect("an answer");
        let answer: Value = answer.json().await.expect("JSON");
        answer["status"] == "ok" && answer["ages"]["accounts"].is_number()
    })
    .await;
    until(
        "the days of clicks are made: today and the next seven",
        async || {
            let sql = "SELECT count(*) FROM pg_class WHERE relname ~ '^clicks_2.......$'";
            owner.fetch_one(sql).await.expect(sql).get::<i64, _>(0) >= 8
        },
    )
    .await;
    for sql in [
        "SELECT count(*) FROM clicks",
        "SELECT count(*) FROM campaign_profiles",
    ] {
        let one: i64 = owner.fetch_one(sql).await.expect(sql).get(0);
        assert_eq!(one, 1, "{sql}");
    }
    // And the command changes nothing while they run
    let output = migrate().await;
    assert!(output.status.success(), "{output:?}");
    scene.convert().await;
    until("the second conversion is there", async || {
        let sql = "SELECT count(*) FROM conversions";
        owner.fetch_one(sql).await.expect(sql).get::<i64, _>(0) == 2
    })
    .await;
    for service in [&mut indexer, &mut api] {
        service.stop().await.expect("a clean end");
        let log = std::fs::read_to_string(service.log()).expect("a log");
        assert!(!log.contains("denied"), "{log}");
        assert!(!log.contains("ERROR"), "{log}");
    }
}

#[tokio::test]
async fn services_end_with_one_clear_line_when_the_database_is_not_set_up() {
    let instance = Instance::create("roles-test").expect("a folder");
    let postgres = Postgres::private(instance.dir()).await.expect("Postgres");
    let empty = postgres.create_empty_database("vouch").await;
    let empty = empty.expect("a database");
    let ready = postgres.create_database("vouch").await.expect("a database");
    let pool = PgPool::connect(ready.url()).await.expect("Postgres");
    let role = "CREATE ROLE vouch_api LOGIN; CREATE ROLE vouch_indexer LOGIN";
    pool.execute(role).await.expect("created");
    let fatal = |cause: &str| format!("Postgres is not set up for this service: {cause}");
    for (url, expected) in [
        (
            empty.url().to_owned(),
            "the schema of the database does not fit: the database has no schema yet: run \
             `vouch-indexer migrate` on it"
                .to_owned(),
        ),
        (
            ready.url().replace(ready.name(), "other"),
            fatal(
                "database \"other\" does not exist: create it, or correct its name in DATABASE_URL",
            ),
        ),
        (
            for_role(ready.url(), "nobody"),
            fatal(
                "role \"nobody\" does not exist: check user and password in DATABASE_URL, and \
                 pg_hba.conf of the server",
            ),
        ),
        (
            for_role(ready.url(), "vouch_api"),
            fatal(
                "permission denied for table _sqlx_migrations: run `vouch-indexer migrate \
                 --grants` as the owner, or connect as another role",
            ),
        ),
        (
            format!("{}&sslmode=require", ready.url()),
            fatal(
                "no connection by TLS: server does not support TLS: check sslmode, sslrootcert \
                 and the host in DATABASE_URL, and the certificate of the server",
            ),
        ),
    ] {
        for (binary, args, prefix) in [
            ("vouch-indexer", &["run"][..], "error: "),
            ("vouch-indexer", &["recount"][..], "error: "),
            ("vouch-api", &[][..], "vouch-api: "),
        ] {
            let output = Command::new(built_binary(binary).expect("it is built"))
                .args(args)
                .env("DATABASE_URL", &url)
                .env("RPC_URL", "http://127.0.0.1:9")
                .env("WS_URL", "ws://127.0.0.1:9")
                .env("LISTEN", "127.0.0.1:0")
                .env("PROBES_LISTEN", "127.0.0.1:0")
                .env("CLICK_SPOOL", instance.dir().join("spool"))
                .output()
                .await
                .expect("the command starts");
            let said = String::from_utf8_lossy(&output.stderr);
            let line = said.lines().last().unwrap_or_default();
            assert_eq!(line, format!("{prefix}{expected}"), "{binary} {args:?}");
            assert_eq!(output.status.code(), Some(1));
        }
    }
}
