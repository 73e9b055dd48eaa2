//! Clicks are durable before the answer, even if the service or Postgres dies.

mod common;

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use common::{
    ALICE, Api, BOB, CAMPAIGN, OTHER_CAMPAIGN, campaign, click_ids, referral, send, totals,
};
use reqwest::{Method, header};
use sqlx::PgPool;
use vouch_localnet::{Instance, Postgres};

const CODE: &str = "STARTER7";
const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like \
                     Gecko) Version/26.6.1 Mobile/15E148 Safari/604.1";

/// The service's own time limit for a group of clicks, for a Postgres that exceeds it.
const PROMPT: (&str, &str) = ("CLICK_TIMEOUT_MS", "1000");

async fn seed(url: &str) -> PgPool {
    let pool = PgPool::connect(url).await.unwrap();
    campaign(&pool, CAMPAIGN).await;
    referral(&pool, CAMPAIGN, CODE, ALICE, 1_700_000_000).await;
    pool
}

#[tokio::test]
async fn a_click_is_in_postgres_when_the_redirect_answers() {
    // Given a code of a campaign without a landing page
    let database = Postgres::test_database().await.unwrap();
    let pool = seed(database.url()).await;
    let api = Api::start(database.url()).await.ready().await;
    // When somebody follows the link, in lower case, from a QR code
    let wallet = BOB;
    let path = format!("/r/starter7?src=qr&utm_source=poster&wallet={wallet}");
    let request = api.request(Method::GET, &path).header(
        header::REFERER,
        "https://me:secret@news.example/a?token=1#b",
    );
    let answer = send(request).await;
    // Then the answer redirects to the welcome page with code and click
    assert_eq!(answer.status, 302);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(
        answer
            .header("location")
            .starts_with("https://vouch.example/welcome?ref=STARTER7&")
    );
    // And the row is there already, with the link's parameters and without an address
    let row: (
        String,
        String,
        String,
        String,
        String,
        String,
        String,
        Vec<u8>,
    ) = sqlx::query_as(
        "SELECT id::text, code, referral, source, utm->>'utm_source', wallet, referrer_url, visitor
         FROM clicks",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(row.0, answer.target("click_id"));
    assert_eq!(row.1, CODE);
    assert_eq!(row.2, format!("referral-{CODE}-{CAMPAIGN}"));
    assert_eq!((&*row.3, &*row.4, &*row.5), ("qr", "poster", wallet));
    assert_eq!(row.6, "https://news.example/a");
    assert_eq!(row.7.len(), 32);
    assert_eq!(totals(&pool).await, (1, 0, 1));
}

#[tokio::test]
async fn machines_are_labelled_and_counted_apart() {
    // Given a code
    let database = Postgres::test_database().await.unwrap();
    let pool = seed(database.url()).await;
    let api = Api::start(database.url()).await.ready().await;
    // When a person comes with two browsers, a preview, a prefetch and a HEAD request once each
    let link = "/r/STARTER7";
    api.get(link).await;
    let other = api
        .request(Method::GET, link)
        .header(header::USER_AGENT, PHONE);
    assert_eq!(send(other).await.status, 302);
    let preview = api
        .request(Method::GET, link)
        .header(header::USER_AGENT, "WhatsApp/2.23.20.0 A");
    assert_eq!(send(preview).await.status, 302);
    let prefetch = api
        .request(Method::GET, link)
        .header("sec-purpose", "prefetch");
    assert_eq!(send(prefetch).await.status, 302);
    assert_eq!(send(api.request(Method::HEAD, link)).await.status, 302);
    // Then all are stored, and one visitor is counted
    let reasons: Vec<Option<String>> =
        sqlx::query_scalar("SELECT verdict_reason FROM clicks ORDER BY id")
            .fetch_all(&pool)
            .await
            .unwrap();
    let some = |reason: &str| Some(reason.to_owned());
    let expected = [
        None,
        None,
        some("link_preview"),
        some("prefetch"),
        some("head_request"),
    ];
    assert_eq!(reasons, expected);
    assert_eq!(totals(&pool).await, (5, 3, 1));
    let stats = api.get("/v1/codes/STARTER7/stats").await.json();
    assert_eq!(
        stats["clicks"],
        serde_json::json!({ "total": 5, "unique": 1, "bots": 3, "suspicious": 0 })
    );
    assert_eq!(stats["conversion_rate"], 0.0);
}

/// Reason, time, visitor, referral and user agent of a click.
type Judged = (
    Option<String>,
    time::OffsetDateTime,
    Vec<u8>,
    String,
    Option<String>,
);

/// The verdicts that clicks should have, from the list of all of them, the oldest first: what a network has
/// sent in that hour before, and whether the same browser was on the same link five seconds before.
async fn crowd(pool: &PgPool) -> Vec<(Option<String>, Option<String>)> {
    let rows: Vec<Judged> = sqlx::query_as(
        "SELECT verdict_reason, clicked_at, visitor, referral, user_agent FROM clicks ORDER BY id",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let hour = |at: time::OffsetDateTime| at.unix_timestamp() / 3600;
    let mut verdicts = Vec::new();
    for (n, row) in rows.iter().enumerate() {
        let before = &rows[..n];
        let sent = before
            .iter()
            .filter(|other| other.2 == row.2 && hour(other.1) == hour(row.1));
        let is_bot = |reason: &Option<String>| {
            reason
                .as_deref()
                .is_some_and(|reason| reason == "head_request")
        };
        let again = before.iter().rev().find(|other| {
            !is_bot(&other.0) && (&other.2, &other.3, &other.4) == (&row.2, &row.3, &row.4)
        });
        let expected = if is_bot(&row.0) {
            Some("head_request")
        } else if sent.count() >= 100 {
            Some("flood")
        } else if again.is_some_and(|other| row.1 - other.1 <= time::Duration::seconds(5)) {
            Some("duplicate")
        } else {
            None
        };
        verdicts.push((row.0.clone(), expected.map(str::to_owned)));
    }
    verdicts
}

#[tokio::test]
async fn floods_and_repetitions_are_suspicious_and_none_is_dropped() {
    // Given two links behind a proxy
    let database = Postgres::test_database().await.unwrap();
    let pool = seed(database.url()).await;
    campaign(&pool, OTHER_CAMPAIGN).await;
    referral(&pool, OTHER_CAMPAIGN, "ETHERS77", BOB, 1_700_000_001).await;
    let settings = [("TRUSTED_PROXY_HOPS", "1")];
    let api = Api::start_with(database.url(), &settings)
        .await
        .ready()
        .await;
    let click = async |method: Method, link: &str, agent: &str, from: &str| {
        let request = api
            .request(method, link)
            .header(header::USER_AGENT, agent)
            .header("x-forwarded-for", from);
        assert_eq!(send(request).await.status, 302);
    };
    // When a browser fetches the head and then the page, comes again, and on the other link, and another
    // browser of its network comes
    let (one, other) = ("/r/STARTER7", "/r/ETHERS77");
    for (method, link, agent) in [
        (Method::HEAD, one, PHONE),
        (Method::GET, one, PHONE),
        (Method::GET, one, PHONE),
        (Method::GET, other, PHONE),
        (Method::GET, one, common::FIREFOX),
    ] {
        click(method, link, agent, "192.0.2.1").await;
    }
    // And a network sends 220 clicks on both links, and a stranger one of them in between
    for n in 0..220 {
        let agent = format!("{} {n}", common::FIREFOX);
        let link = if n % 2 == 0 { one } else { other };
        click(Method::GET, link, &agent, "2001:db8::1").await;
        if n == 150 {
            click(Method::GET, link, &agent, "2001:db8:1::1").await;
        }
    }
    // Then all are stored, and each has the verdict that follows from the list
    let verdicts = crowd(&pool).await;
    assert_eq!(verdicts.len(), 226);
    for (n, (found, expected)) in verdicts.iter().enumerate() {
        assert_eq!(found, expected, "{n}");
    }
    // And the counters say how many: in two hours at most 200 of the 220 are no flood
    let count = |reason: &str| {
        let of = verdicts
            .iter()
            .filter(|(found, _)| found.as_deref() == Some(reason));
        i64::try_from(of.count()).unwrap()
    };
    assert!(count("flood") >= 20, "{}", count("flood"));
    let seen: i64 = sqlx::query_scalar(
        "SELECT count(DISTINCT (referral, visitor)) FROM clicks WHERE verdict <> 'bot'",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(totals(&pool).await, (226, 1, seen));
    let suspicious: i64 =
        sqlx::query_scalar("SELECT sum(suspicious_clicks)::bigint FROM referral_clicks")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(suspicious, count("flood") + count("duplicate"));
    let stats = api.get("/v1/codes/STARTER7/stats").await.json();
    let of_link: (i64, i64, i64) = sqlx::query_as(
        "SELECT count(*), count(*) FILTER (WHERE verdict = 'suspicious'),
                count(DISTINCT visitor) FILTER (WHERE verdict <> 'bot')
         FROM clicks WHERE code = 'STARTER7'",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    let expected = serde_json::json!({
        "total": of_link.0, "unique": of_link.2, "bots": 1, "suspicious": of_link.1,
    });
    assert_eq!(stats["clicks"], expected);
}

#[tokio::test]
async fn a_click_says_its_device_and_the_country_that_a_trusted_proxy_says() {
    // Given a service behind a proxy that says the country
    let database = Postgres::test_database().await.unwrap();
    let pool = seed(database.url()).await;
    let click = async |api: &Api, agent: &str, country: &str| {
        let request = api
            .request(Method::GET, "/r/STARTER7")
            .header(header::USER_AGENT, agent)
            .header("cf-ipcountry", country);
        assert_eq!(send(request).await.status, 302);
    };
    let settings = [
        ("TRUSTED_PROXY_HOPS", "1"),
        ("COUNTRY_HEADER", "CF-IPCountry"),
    ];
    let api = Api::start_with(database.url(), &settings)
        .await
        .ready()
        .await;
    click(&api, PHONE, "de").await;
    click(&api, common::FIREFOX, "XX").await;
    drop(api);
    // And one that trusts nobody
    let api = Api::start(database.url()).await.ready().await;
    click(&api, "curl/8.5.0", "FR").await;
    // Then the header counts for the first alone, and only if it says a country
    let rows: Vec<(Option<String>, Option<String>)> =
        sqlx::query_as("SELECT device, country FROM clicks ORDER BY id")
            .fetch_all(&pool)
            .await
            .unwrap();
    let row =
        |device: &str, country: Option<&str>| (Some(device.to_owned()), country.map(str::to_owned));
    let expected = [
        row("phone", Some("DE")),
        row("desktop", None),
        row("other", None),
    ];
    assert_eq!(rows, expected);
    // And without a proxy, the setting is refused, because clients would set the header; so are counters that
    // are kept for less time than the clicks
    for (setting, value, expected) in [
        (
            "COUNTRY_HEADER",
            "CF-IPCountry",
            "COUNTRY_HEADER needs TRUSTED_PROXY_HOPS",
        ),
        (
            "CLICK_ROLLUP_RETENTION_DAYS",
            "394",
            "CLICK_ROLLUP_RETENTION_DAYS must be at least CLICK_RETENTION_DAYS",
        ),
    ] {
        let refused = Command::new(env!("CARGO_BIN_EXE_vouch-api"))
            .env("DATABASE_URL", database.url())
            .env("RPC_URL", "http://127.0.0.1:9")
            .env(setting, value)
            .env("CLICK_SPOOL", api.dir.path().join("other"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success(), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}

#[tokio::test]
async fn a_second_campaign_cannot_take_over_a_link() {
    // Given a code that an older and a newer campaign use
    let database = Postgres::test_database().await.unwrap();
    let pool = seed(database.url()).await;
    let api = Api::start(database.url()).await.ready().await;
    campaign(&pool, OTHER_CAMPAIGN).await;
    referral(&pool, OTHER_CAMPAIGN, CODE, BOB, 1_700_000_001).await;
    // Then the short link is the older one's, and the newer one's names its campaign
    let short = api.get("/v1/codes/STARTER7").await.json();
    assert_eq!(short["campaign"], CAMPAIGN);
    assert_eq!(short["share_url"], "https://vouch.example/r/STARTER7");
    let long = api
        .get(&format!("/v1/codes/STARTER7?campaign={OTHER_CAMPAIGN}"))
        .await
        .json();
    let expected = format!("https://vouch.example/r/STARTER7?campaign={OTHER_CAMPAIGN}");
    assert_eq!(long["share_url"], expected);
    // And clicks follow their links' campaigns
    let answer = api.get("/r/STARTER7").await;
    assert_eq!(answer.target("campaign"), "");
    let answer = api
        .get(&format!("/r/STARTER7?campaign={OTHER_CAMPAIGN}"))
        .await;
    assert_eq!(answer.target("campaign"), OTHER_CAMPAIGN);
    let campaigns: Vec<String> = sqlx::query_scalar("SELECT campaign FROM clicks ORDER BY id")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(campaigns, [CAMPAIGN, OTHER_CAMPAIGN]);
}

#[tokio::test]
async fn clicks_while_postgres_is_down_are_replayed_exactly_once() {
    // Given a link that was followed once
    let instance = Instance::create("api-spool").unwrap();
    let mut postgres = Postgres::private(instance.dir()).await.unwrap();
    let database = postgres.create_database("clicks").await.unwrap();
    let pool = seed(database.url()).await;
    let mut api = Api::start(database.url()).await.ready().await;
    let mut ids = vec![api.get("/r/STARTER7").await.target("click_id")];
    until_empty(&api).await;
    pool.close().await;
    // When Postgres stops and the link is followed five times more
    postgres.stop().await.unwrap();
    for _ in 0..5 {
        let answer = api.get("/r/STARTER7").await;
        assert_eq!(answer.status, 302, "{}", answer.text);
        ids.push(answer.target("click_id"));
    }
    // Then they are in the file, and requests that need Postgres are refused
    let lines = std::fs::read_to_string(api.spool()).unwrap();
    assert_eq!(lines.lines().count(), 5);
    let refusal = api
        .until("/v1/campaigns", |answer| answer.status == 503)
        .await
        .refusal();
    assert_eq!(refusal, (503, "database_unavailable".to_owned()));
    let health = api.get("/healthz").await;
    assert_eq!(
        (health.status.as_u16(), &health.json()["status"]),
        (200, &"database_unavailable".into())
    );
    // And it is ready all the same, because known links work
    let ready = api.get("/readyz").await;
    assert_eq!(ready.status, 200);
    assert_eq!(ready.json()["status"], "database_unavailable");
    assert_eq!(
        ready.json()["cause"],
        "waiting for Postgres; known links work"
    );
    // When the service is killed, a half-written line is left, and both start again
    api.service.kill().await.unwrap();
    let mut spool = OpenOptions::new().append(true).open(api.spool()).unwrap();
    spool.write_all(b"{\"id\":\"0193").unwrap();
    drop(spool);
    postgres.start_again().await.unwrap();
    api.service.start_again().await.unwrap();
    // Then every click is in Postgres exactly once, and counted once
    until_empty(&api).await;
    let pool = PgPool::connect(database.url()).await.unwrap();
    ids.sort();
    assert_eq!(click_ids(&pool).await, ids);
    assert_eq!(totals(&pool).await.0, 6);
    // When the same lines are in the file again, as after a crash between commit and
    // truncate
    api.service.stop().await.unwrap();
    std::fs::write(api.spool(), lines).unwrap();
    api.service.start_again().await.unwrap();
    until_empty(&api).await;
    // Then no click is counted twice
    assert_eq!(click_ids(&pool).await, ids);
    assert_eq!(totals(&pool).await.0, 6);
    pool.close().await;
    api.service.stop().await.unwrap();
    drop(database);
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn postgres_comes_back_without_a_restart() {
    // Given a link that was followed while Postgres was down
    let instance = Instance::create("api-back").unwrap();
    let mut postgres = Postgres::private(instance.dir()).await.unwrap();
    let database = postgres.create_database("clicks").await.unwrap();
    let pool = seed(database.url()).await;
    let mut api = Api::start(database.url()).await.ready().await;
    let first = api.get("/r/STARTER7").await.target("click_id");
    pool.close().await;
    postgres.crash().await.unwrap();
    let second = api.get("/r/STARTER7").await;
    assert_eq!(second.status, 302, "{}", second.text);
    // When Postgres is back
    postgres.start_again().await.unwrap();
    until_empty(&api).await;
    // Then both clicks are there
    let pool = PgPool::connect(database.url()).await.unwrap();
    let mut ids = [first, second.target("click_id")];
    ids.sort();
    assert_eq!(click_ids(&pool).await, ids);
    pool.close().await;
    api.service.stop().await.unwrap();
    drop(database);
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn clicks_while_postgres_is_frozen_are_replayed_exactly_once() {
    // Given a link that was followed once
    let instance = Instance::create("api-frozen").unwrap();
    let mut postgres = Postgres::private(instance.dir()).await.unwrap();
    let database = postgres.create_database("clicks").await.unwrap();
    let pool = seed(database.url()).await;
    let mut api = Api::start_with(database.url(), &[PROMPT])
        .await
        .ready()
        .await;
    let mut ids = vec![api.get("/r/STARTER7").await.target("click_id")];
    until_empty(&api).await;
    // When every process of Postgres is frozen, so that no connection breaks
    let frozen = Frozen::all_of(&instance.dir().join("postgres"));
    // Then clicks are accepted all the same, and go to the file
    for _ in 0..3 {
        let answer = api.get("/r/STARTER7").await;
        assert_eq!(answer.status, 302, "{}", answer.text);
        ids.push(answer.target("click_id"));
    }
    let lines = std::fs::read_to_string(api.spool()).unwrap();
    assert_eq!(lines.lines().count(), 3);
    // When Postgres continues, then every click is there exactly once
    drop(frozen);
    until_empty(&api).await;
    ids.sort();
    assert_eq!(click_ids(&pool).await, ids);
    assert_eq!(totals(&pool).await.0, 4);
    pool.close().await;
    api.service.stop().await.unwrap();
    drop(database);
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn clicks_wait_while_postgres_refuses_to_write() {
    // Given a link that was followed once
    let database = Postgres::test_database().await.unwrap();
    let pool = seed(database.url()).await;
    let api = Api::start(database.url()).await.ready().await;
    let mut ids = vec![api.get("/r/STARTER7").await.target("click_id")];
    // When the table refuses rows, for a reason that does not lie in the click
    sqlx::raw_sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'read-only' USING ERRCODE = '25006'; END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON referral_clicks
             FOR EACH STATEMENT EXECUTE FUNCTION refuse();",
    )
    .execute(&pool)
    .await
    .unwrap();
    for _ in 0..3 {
        let answer = api.get("/r/STARTER7").await;
        assert_eq!(answer.status, 302, "{}", answer.text);
        ids.push(answer.target("click_id"));
    }
    // Then replays fail, no click is set aside, and other requests are served
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !std::fs::read_to_string(api.service.log())
        .unwrap()
        .contains("spooled clicks have to wait")
    {
        assert!(std::time::Instant::now() < deadline, "no replay was tried");
        assert_eq!(api.get("/v1/campaigns").await.status, 200);
    }
    assert_eq!(api.get("/v1/campaigns").await.status, 200);
    assert!(!api.dir.path().join("spool.rejected").exists());
    // When the table accepts rows again, then every click is there exactly once
    sqlx::raw_sql("DROP TRIGGER refuse ON referral_clicks")
        .execute(&pool)
        .await
        .unwrap();
    until_empty(&api).await;
    ids.sort();
    assert_eq!(click_ids(&pool).await, ids);
    assert_eq!(totals(&pool).await.0, 4);
}

#[tokio::test]
async fn a_client_that_holds_its_connection_does_not_fail_the_stop() {
    // Given a click, and a client that never ends its request
    let database = Postgres::test_database().await.unwrap();
    let pool = seed(database.url()).await;
    let mut api = Api::start(database.url()).await.ready().await;
    let id = api.get("/r/STARTER7").await.target("click_id");
    let mut slow = std::net::TcpStream::connect(api.service.address()).unwrap();
    slow.write_all(b"POST /v1/transactions/convert HTTP/1.1\r\nhost: x\r\n")
        .unwrap();
    // When the service is asked to stop, then it exits with 0 and the click is stored
    api.service.stop().await.unwrap();
    assert_eq!(click_ids(&pool).await, [id]);
    drop(slow);
}

/// Processes that are frozen until this is dropped.
struct Frozen(Vec<String>);

impl Frozen {
    /// Freezes the server of this data folder first, so that it cannot start children.
    fn all_of(cluster: &Path) -> Self {
        let pid_file = [
            cluster.join("postmaster.pid"),
            cluster.join("data/postmaster.pid"),
        ]
        .into_iter()
        .find(|path| path.exists())
        .unwrap();
        let text = std::fs::read_to_string(pid_file).unwrap();
        let server = text.lines().next().unwrap().to_owned();
        let mut frozen = Self(vec![server.clone()]);
        kill("-STOP", &frozen.0);
        let task = format!("/proc/{server}/task/{server}/children");
        let children = std::fs::read_to_string(task).unwrap();
        let children: Vec<String> = children.split_whitespace().map(str::to_owned).collect();
        assert!(!children.is_empty());
        kill("-STOP", &children);
        frozen.0.extend(children);
        frozen
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        kill("-CONT", &self.0);
    }
}

fn kill(signal: &str, pids: &[String]) {
    let status = Command::new("kill")
        .arg(signal)
        .args(pids)
        .status()
        .unwrap();
    assert!(status.success());
}

#[tokio::test]
async fn accepted_clicks_survive_a_stop() {
    // Given many clicks at once
    let database = Postgres::test_database().await.unwrap();
    let pool = seed(database.url()).await;
    let mut api = Api::start(database.url()).await.ready().await;
    let clicks = (0..200).map(|_| api.get("/r/STARTER7"));
    let mut ids: Vec<String> = futures::future::join_all(clicks)
        .await
        .into_iter()
        .map(|answer| {
            assert_eq!(answer.status, 302, "{}", answer.text);
            answer.target("click_id")
        })
        .collect();
    // When the service is asked to stop, then it exits with 0 and all are stored
    api.service.stop().await.unwrap();
    ids.sort();
    assert_eq!(click_ids(&pool).await, ids);
    assert_eq!(totals(&pool).await, (200, 0, 1));
}

#[tokio::test]
async fn a_stalled_table_delays_no_click_and_loses_none() {
    // Given a link that was followed, and somebody who holds the table of clicks
    let database = Postgres::test_database().await.unwrap();
    let pool = seed(database.url()).await;
    let api = Api::start_with(database.url(), &[PROMPT])
        .await
        .ready()
        .await;
    let mut ids = vec![api.get("/r/STARTER7").await.target("click_id")];
    until_empty(&api).await;
    let before = waited(&api);
    let mut lock = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE clicks IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *lock)
        .await
        .unwrap();
    // When people come one after the other, while it is held
    for _ in 0..300 {
        let answer = api.get("/r/STARTER7").await;
        assert_eq!(answer.status, 302, "{}", answer.text);
        ids.push(answer.target("click_id"));
    }
    // Then all were answered, their clicks are in the file, and the service says that it stalls
    let lines = std::fs::read_to_string(api.spool()).unwrap();
    assert_eq!(lines.lines().count(), 300);
    let metrics = api.metrics().await;
    assert!(
        metrics.contains("\nvouch_api_clicks_stalled 1\n"),
        "{metrics}"
    );
    // And only one group waited for Postgres: the others went to the file at once
    assert!(waited(&api) <= before + 1);
    // When the table is free, then every click is there exactly once, and the next goes there at once
    lock.rollback().await.unwrap();
    until_empty(&api).await;
    ids.sort();
    assert_eq!(click_ids(&pool).await, ids);
    assert_eq!(totals(&pool).await, (301, 0, 1));
    let id = until_prompt(&api).await;
    assert!(click_ids(&pool).await.contains(&id));
}

/// How many groups of clicks have waited in vain for Postgres.
fn waited(api: &Api) -> usize {
    let log = std::fs::read_to_string(api.service.log()).unwrap();
    log.matches("Postgres did not take clicks").count()
}

/// Makes what Postgres does for a group of clicks slow or fast again.
async fn slow_down(pool: &PgPool, seconds: f64) {
    let sql = format!(
        "CREATE OR REPLACE FUNCTION slow_down() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN PERFORM pg_sleep({seconds}); RETURN NULL; END'"
    );
    sqlx::query(sql.as_str()).execute(pool).await.unwrap();
}

/// A4.
#[tokio::test]
async fn a_slow_postgres_delays_no_click_after_the_first_one_and_gets_all() {
    // Given a link that was followed, and a Postgres that takes two seconds for each group of clicks: it
    // fails nothing
    let database = Postgres::test_database().await.unwrap();
    let pool = seed(database.url()).await;
    slow_down(&pool, 0.0).await;
    sqlx::query(
        "CREATE TRIGGER slow_down AFTER INSERT ON clicks FOR EACH STATEMENT EXECUTE FUNCTION slow_down()",
    )
    .execute(&pool)
    .await
    .unwrap();
    let api = Api::start_with(database.url(), &[PROMPT])
        .await
        .ready()
        .await;
    let mut ids = vec![api.get("/r/STARTER7").await.target("click_id")];
    until_prompt(&api).await;
    let before = waited(&api);
    slow_down(&pool, 2.0).await;
    // When people come one after the other
    for _ in 0..200 {
        let answer = api.get("/r/STARTER7").await;
        assert_eq!(answer.status, 302, "{}", answer.text);
        ids.push(answer.target("click_id"));
    }
    // Then only one of them waited for Postgres: the others went to the file at once
    assert!(waited(&api) <= before + 1);
    // And Postgres gets them all the same, although it stays slow: each once
    until_empty(&api).await;
    let metrics = api.metrics().await;
    assert!(
        metrics.contains("\nvouch_api_clicks_stalled 1\n"),
        "{metrics}"
    );
    let stored = click_ids(&pool).await;
    for id in &ids {
        assert_eq!(stored.iter().filter(|known| *known == id).count(), 1);
    }
    // When it is fast again, then clicks go there at once
    slow_down(&pool, 0.0).await;
    let id = until_prompt(&api).await;
    assert!(click_ids(&pool).await.contains(&id));
}

#[tokio::test]
async fn redirects_work_while_other_requests_have_every_connection() {
    // Given a service with one connection for reads, a link that was never followed, and somebody who
    // holds the table of campaigns' badges
    let database = Postgres::test_database().await.unwrap();
    let pool = seed(database.url()).await;
    let settings = [("DATABASE_CONNECTIONS", "1")];
    let api = Api::start_with(database.url(), &settings)
        .await
        .ready()
        .await;
    let mut lock = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE badges IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *lock)
        .await
        .unwrap();
    // When reads wait for it, more than there are connections
    let reads = futures::future::join_all((0..8).map(|_| api.get("/v1/badges")));
    let clicks = async {
        let mut ids = Vec::new();
        for _ in 0..50 {
            let answer = api.get("/r/STARTER7").await;
            assert_eq!(answer.status, 302, "{}", answer.text);
            ids.push(answer.target("click_id"));
        }
        ids
    };
    let (reads, mut ids) = tokio::join!(reads, clicks);
    // Then every redirect was served from Postgres
    ids.sort();
    assert_eq!(click_ids(&pool).await, ids);
    // And the reads were told that it is too much now: Postgres was never away
    for read in reads {
        assert_eq!(read.refusal(), (503, "overloaded".to_owned()));
        assert_eq!(read.header("retry-after"), "2");
    }
    let ready = api.get("/readyz").await;
    assert_eq!(
        ready.json()["ages"]["database_away"],
        serde_json::Value::Null
    );
    // When the table is free, then so are they
    lock.rollback().await.unwrap();
    assert_eq!(api.get("/v1/badges").await.status, 200);
}

#[tokio::test]
async fn a_link_never_changes_hands() {
    // Given a code whose first referral is of one campaign, and an attacker's campaign that has it, too,
    // with a smaller address and an earlier time of creation
    let database = Postgres::test_database().await.unwrap();
    let pool = seed(database.url()).await;
    let api = Api::start(database.url()).await.ready().await;
    campaign(&pool, OTHER_CAMPAIGN).await;
    referral(&pool, OTHER_CAMPAIGN, CODE, BOB, 1).await;
    let owner = async || api.get("/v1/codes/STARTER7").await.json()["campaign"].clone();
    assert_eq!(owner().await, CAMPAIGN);
    // When the first one is closed
    sqlx::query("UPDATE referrals SET closed = true WHERE campaign = $1")
        .bind(CAMPAIGN)
        .execute(&pool)
        .await
        .unwrap();
    // Then the short link still is of its campaign, and so is a printed QR code
    assert_eq!(owner().await, CAMPAIGN);
    assert_eq!(api.get("/r/STARTER7?src=qr").await.status, 302);
    let clicked: Vec<String> = sqlx::query_scalar("SELECT campaign FROM clicks")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(clicked, [CAMPAIGN]);
    let validity = api.get("/v1/codes/STARTER7/validate").await.json();
    assert_eq!(validity["reason"], "inactive");
    // When its campaign is closed, then the link says that it has ended, and records nothing
    sqlx::query("UPDATE campaigns SET closed = true WHERE address = $1")
        .bind(CAMPAIGN)
        .execute(&pool)
        .await
        .unwrap();
    let ended = api
        .until("/r/STARTER7", |answer| answer.status != 302)
        .await;
    assert_eq!(ended.refusal(), (410, "link_ended".to_owned()));
    // And the attacker's own link is the one that names its campaign
    let long = format!("/r/STARTER7?campaign={OTHER_CAMPAIGN}");
    assert_eq!(api.get(&long).await.status, 302);
}

/// A4.
#[tokio::test]
async fn each_part_of_the_upkeep_is_done_whatever_becomes_of_the_others() {
    // Given 100,000 old clicks of no day, new ones, an old day, visitors of long ago, and somebody who
    // reads the clicks for long
    let database = Postgres::test_database().await.unwrap();
    let pool = seed(database.url()).await;
    for sql in [
        "SELECT create_click_partition('2020-01-01')",
        "INSERT INTO clicks_default (id, clicked_at, campaign, referral, code, visitor, verdict)
         SELECT gen_random_uuid(), timestamptz '2020-06-01 00:00Z' + n * interval '1 second',
             'C', 'R', 'STARTER7', '\\x00', 'human'
         FROM generate_series(1, 100000) AS n",
        "INSERT INTO clicks_default (id, clicked_at, campaign, referral, code, visitor, verdict)
         SELECT gen_random_uuid(), now() - interval '20 days', 'C', 'R', 'STARTER7', '\\x00', 'human'
         FROM generate_series(1, 1000) AS n",
        "INSERT INTO referral_visitors SELECT 'R', sha256(n::text::bytea), '2020-06-01 00:00Z'
         FROM generate_series(1, 12000) AS n",
        "INSERT INTO click_quarters SELECT 'R', 1577836800 + 900 * n, 2, 1, 0, 1
         FROM generate_series(1, 12000) AS n",
        "INSERT INTO click_quarters VALUES ('R', 0, 24000, 12000, 0, 12000)",
        "INSERT INTO click_days SELECT 'R', '2020-01-01', 'source', n::text, false, 1
         FROM generate_series(1, 12000) AS n",
    ] {
        sqlx::query(sql).execute(&pool).await.unwrap();
    }
    let mut reader = pool.begin().await.unwrap();
    sqlx::query("SELECT count(*) FROM clicks WHERE clicked_at < '2020-02-01'")
        .execute(&mut *reader)
        .await
        .unwrap();
    let number = async |sql: &'static str| -> i64 {
        sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap()
    };
    let old = "SELECT count(*) FROM clicks_default WHERE clicked_at < '2021-01-01'";
    let days = "SELECT count(*) FROM pg_class WHERE relname = 'clicks_20200101'";
    let visitors = "SELECT count(*) FROM referral_visitors WHERE first_clicked_at < '2021-01-01'";
    let until_none = async |sql: &'static str| {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(180);
        while number(sql).await > 0 {
            assert!(std::time::Instant::now() < deadline, "{sql}");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    // When a service starts that keeps clicks for 30 days, then the clicks of no day and the visitors are
    // deleted, although the day cannot be dropped meanwhile
    let api = Api::start_with(database.url(), &[("CLICK_RETENTION_DAYS", "30")])
        .await
        .ready()
        .await;
    until_none(old).await;
    until_none(visitors).await;
    // And so are the counters of old times, whose sums stay
    until_none("SELECT count(*) FROM click_days WHERE day < '2021-01-01'").await;
    until_none("SELECT count(*) FROM click_quarters WHERE quarter BETWEEN 1 AND 1600000000").await;
    let sum = "SELECT clicks FROM click_quarters WHERE subject = 'R' AND quarter = 0";
    assert_eq!(number(sum).await, 24_000);
    assert_eq!(number(days).await, 1);
    // And links work, and younger clicks stay
    assert_eq!(api.get("/r/STARTER7").await.status, 302);
    let young = "SELECT count(*) FROM clicks_default WHERE clicked_at < now() - interval '19 days'";
    assert_eq!(number(young).await, 1000);
    // When nobody reads any more, then the day is dropped, too
    reader.rollback().await.unwrap();
    until_none(days).await;
}

/// Follows the link until its clicks go to Postgres at once, and the file is empty. Returns the id of the
/// last click.
async fn until_prompt(api: &Api) -> String {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(120);
    loop {
        until_empty(api).await;
        let is_prompt = api
            .metrics()
            .await
            .contains("\nvouch_api_clicks_stalled 0\n");
        let id = api.get("/r/STARTER7").await.target("click_id");
        let len = std::fs::metadata(api.spool()).unwrap().len();
        let metrics = api.metrics().await;
        if is_prompt && len == 0 && metrics.contains("\nvouch_api_clicks_stalled 0\n") {
            return id;
        }
        assert!(std::time::Instant::now() < deadline, "{metrics}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Waits until Postgres has all clicks of the file.
async fn until_empty(api: &Api) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let metrics = api.metrics().await;
        let mut lines = metrics.lines();
        if lines.any(|line| line == "vouch_api_click_spool_length 0") {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{metrics}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(std::fs::metadata(api.spool()).unwrap().len(), 0);
}
