//! Redirects at full speed, while the API and Postgres are killed with SIGKILL at random moments.
//!
//! The truth is what the clients heard: each request has a mark of its own, which the table of clicks keeps. A mark
//! that was answered with 302 has to be in the table exactly once, with the id that the answer told; one that was
//! not may be there once or not at all. In the end every counter equals a count of the table.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use reqwest::{Client, StatusCode, header, redirect};
use solana_sdk::pubkey::Pubkey;
use sqlx::Row as _;
use tokio::time::sleep;
use vouch_db::{PgPool, api::clicks::recount};
use vouch_localnet::{Instance, Postgres, Service, ServiceSpec, built_binary};

const CODE: &str = "STARTER7";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
/// Clients that follow the link one time after the other.
pub const CLIENTS: usize = 16;
/// Shortest and longest time between two kills, in milliseconds.
const BETWEEN_KILLS: std::ops::Range<u64> = 100..1_500;
/// Longest time for which a killed process stays away, in milliseconds.
const AWAY: u64 = 1_000;
/// Time after which a client gives up an answer.
const CLIENT_PATIENCE: Duration = Duration::from_secs(30);
/// Pause of a client that got no redirect.
const PAUSE: Duration = Duration::from_millis(5);
/// Time for the first redirect after a start, and for all clicks to be in Postgres.
const PATIENCE: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(50);

/// How much is killed.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Decides what is killed, and when.
    pub seed: u64,
    /// The run goes on until so many processes were killed.
    pub kills: u64,
}

/// The outcome of a run.
#[derive(Debug)]
pub struct Report {
    /// Kills, by the part that was killed.
    pub kills: BTreeMap<&'static str, u64>,
    /// Requests that were answered with 302: each is in the table exactly once.
    pub redirects: usize,
    /// Requests with another answer.
    pub refused: u64,
    /// Requests whose answer did not come.
    pub lost: usize,
    /// Those of them that are in the table all the same, each once.
    pub lost_and_stored: usize,
    /// Redirects that were answered while Postgres was away, as far as the client knows.
    pub without_postgres: u64,
    /// Time under load.
    pub load: Duration,
    /// Time from then until every click was in Postgres.
    pub settled: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.load.as_secs_f64();
        writeln!(
            f,
            "{} redirects in {seconds:.0} s ({:.0} a second) under {} kills, {} of them while Postgres was away: \
             each is stored exactly once",
            self.redirects,
            self.redirects as f64 / seconds,
            self.kills.values().sum::<u64>(),
            self.without_postgres,
        )?;
        for (part, count) in &self.kills {
            writeln!(f, "  killed: {part}: {count}")?;
        }
        write!(
            f,
            "{} requests were refused, {} lost their answer, {} of these are stored once; all clicks were in \
             Postgres {:.0} s later, and every counter equals a recount",
            self.refused,
            self.lost,
            self.lost_and_stored,
            self.settled.as_secs_f64(),
        )
    }
}

/// Counts and answers of the clients.
#[derive(Default)]
struct Clients {
    stopped: AtomicBool,
    postgres_is_away: AtomicBool,
    redirects: AtomicU64,
    without_postgres: AtomicU64,
    refused: AtomicU64,
}

/// Marks of requests that were answered with 302, with the click's id, and of those whose answer did not come.
#[derive(Default)]
struct Heard {
    redirects: Vec<(String, String)>,
    lost: Vec<String>,
}

/// Runs it.
///
/// # Errors
/// When a part does not start again, when a click that was answered is not in the table exactly once, and when a
/// counter differs from a recount.
pub async fn run(options: Options) -> Result<Report> {
    let instance = Instance::create("chaos-clicks")?;
    let outcome = play(&instance, options).await;
    if outcome.is_err() {
        instance.keep();
    }
    outcome.with_context(|| format!("logs: {}", instance.dir().display()))
}

async fn play(instance: &Instance, options: Options) -> Result<Report> {
    let mut postgres = Postgres::private(instance.dir()).await?;
    let database = postgres.create_database("vouch_clicks").await?;
    let pool = vouch_db::pool(database.url())?;
    open_link(&pool).await?;
    let env = [
        ("DATABASE_URL", database.url().to_owned()),
        // Nothing answers there: links need no node.
        ("RPC_URL", "http://127.0.0.1:9".to_owned()),
        ("PUBLIC_URL", "https://vouch.example".to_owned()),
        (
            "CLICK_SPOOL",
            instance.dir().join("spool").to_string_lossy().into_owned(),
        ),
    ];
    let mut api = Service::start(ServiceSpec {
        name: "api".to_owned(),
        binary: built_binary("vouch-api")?,
        args: Vec::new(),
        dir: instance.dir().to_owned(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        env: env
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    })
    .await?;

    let clients = Arc::new(Clients::default());
    let tasks: Vec<_> = (0..CLIENTS)
        .map(|number| tokio::spawn(follow(Arc::clone(&clients), api.url(), number)))
        .collect();
    let began = Instant::now();
    let kills = harm(&mut postgres, &mut api, &clients, options).await;
    clients.stopped.store(true, Ordering::SeqCst);
    let mut heard = Heard::default();
    for task in tasks {
        let more = task.await.context("a client ends")??;
        heard.redirects.extend(more.redirects);
        heard.lost.extend(more.lost);
    }
    let (kills, load) = (kills?, began.elapsed());

    let settling = Instant::now();
    until_stored(&mut api, instance).await?;
    let settled = settling.elapsed();
    let lost_and_stored = check(&pool, &heard).await?;
    check_counters(&pool, &api).await?;
    api.stop().await?;
    pool.close().await;
    drop(database);
    postgres.stop().await?;
    Ok(Report {
        kills,
        redirects: heard.redirects.len(),
        refused: clients.refused.load(Ordering::SeqCst),
        lost: heard.lost.len(),
        lost_and_stored,
        without_postgres: clients.without_postgres.load(Ordering::SeqCst),
        load,
        settled,
    })
}

/// Inserts a campaign and a code as the indexer mirrors them.
async fn open_link(pool: &PgPool) -> Result<()> {
    let [campaign, wallet, mint] = [(); 3].map(|()| Pubkey::new_unique().to_string());
    sqlx::query(
        "INSERT INTO campaigns (address, creator, campaign_id, authority, mint, mint_decimals,
             token_program, funding, proof, uniqueness, reward_kind, paused, closed, reward_fixed,
             reward_bps, created_at, data, seq, slot)
         VALUES ($1, $2, 1, $2, $3, 6, $3, 'mint_authority', 'open', 'wallet',
             'fixed', false, false, 1, 0, 1700000000, '', 1, 7)",
    )
    .bind(&campaign)
    .bind(&wallet)
    .bind(mint)
    .execute(pool)
    .await?;
    sqlx::query(
        "INSERT INTO referrals (address, campaign, code, owner, active, suspended, conversions,
             created_at, closed, seq, slot)
         VALUES ('referral', $1, $2, $3, true, false, 0, 1700000000, false, 1, 7)",
    )
    .bind(&campaign)
    .bind(CODE)
    .bind(wallet)
    .execute(pool)
    .await?;
    sqlx::query("INSERT INTO short_links VALUES ($1, 'referral', $2, 1, 0)")
        .bind(CODE)
        .bind(campaign)
        .execute(pool)
        .await?;
    sqlx::query("UPDATE indexer_state SET indexed_slot = 7, updated_at = now()")
        .execute(pool)
        .await?;
    Ok(())
}

/// Follows the link until it is stopped, with another mark each time.
async fn follow(clients: Arc<Clients>, url: String, number: usize) -> Result<Heard> {
    let http = Client::builder()
        .redirect(redirect::Policy::none())
        .user_agent(FIREFOX)
        .timeout(CLIENT_PATIENCE)
        .build()?;
    let mut heard = Heard::default();
    let mut request = 0_u64;
    while !clients.stopped.load(Ordering::SeqCst) {
        request += 1;
        let mark = format!("{number}-{request}");
        let url = format!("{url}/r/{CODE}?utm_source={mark}");
        match http.get(url).send().await {
            Ok(answer) if answer.status() == StatusCode::FOUND => {
                let target = answer.headers().get(header::LOCATION);
                let target = target.context("no location")?.to_str()?;
                let target = reqwest::Url::parse(target)?;
                let id = target.query_pairs().find(|(name, _)| name == "click_id");
                let id = id.context("no click_id")?.1.into_owned();
                heard.redirects.push((mark, id));
                clients.redirects.fetch_add(1, Ordering::SeqCst);
                if clients.postgres_is_away.load(Ordering::SeqCst) {
                    clients.without_postgres.fetch_add(1, Ordering::SeqCst);
                }
            }
            Ok(_) => {
                clients.refused.fetch_add(1, Ordering::SeqCst);
                sleep(PAUSE).await;
            }
            // Nobody listens: the request was not sent.
            Err(error) if error.is_connect() => sleep(PAUSE).await,
            Err(_) => heard.lost.push(mark),
        }
    }
    Ok(heard)
}

/// Kills one part after the other, or both at once, until enough were.
async fn harm(
    postgres: &mut Postgres,
    api: &mut Service,
    clients: &Clients,
    options: Options,
) -> Result<BTreeMap<&'static str, u64>> {
    let mut random = StdRng::seed_from_u64(options.seed);
    let mut kills = BTreeMap::new();
    until_more(api, clients).await?;
    // First of all links are followed without Postgres, whatever chance does later.
    postgres.kill().await?;
    clients.postgres_is_away.store(true, Ordering::SeqCst);
    *kills.entry("Postgres").or_default() += 1;
    until_without_postgres(api, clients).await?;
    clients.postgres_is_away.store(false, Ordering::SeqCst);
    postgres.start_again().await?;
    until_more(api, clients).await?;
    while kills.values().sum::<u64>() < options.kills {
        sleep(Duration::from_millis(random.gen_range(BETWEEN_KILLS))).await;
        let kind = random.gen_range(0..100);
        let (kills_api, kills_postgres) = (kind < 60, kind >= 50);
        // The other one is killed a little later.
        let apart = Duration::from_millis(random.gen_range(0..50));
        let away = Duration::from_millis(random.gen_range(0..AWAY));
        if kills_postgres {
            postgres.kill().await?;
            clients.postgres_is_away.store(true, Ordering::SeqCst);
            *kills.entry("Postgres").or_default() += 1;
        }
        if kills_api {
            if kills_postgres {
                sleep(apart).await;
            }
            api.kill().await?;
            *kills.entry("api").or_default() += 1;
        }
        sleep(away).await;
        if kills_api {
            api.start_again().await?;
        }
        if kills_postgres {
            clients.postgres_is_away.store(false, Ordering::SeqCst);
            postgres.start_again().await?;
        }
        // Mostly the link works again before the next kill.
        if random.gen_ratio(3, 4) {
            until_more(api, clients).await?;
        }
    }
    until_more(api, clients).await?;
    Ok(kills)
}

/// Waits for a redirect.
async fn until_more(api: &mut Service, clients: &Clients) -> Result<()> {
    let before = clients.redirects.load(Ordering::SeqCst);
    let began = Instant::now();
    while clients.redirects.load(Ordering::SeqCst) == before {
        api.ensure_running()?;
        ensure!(began.elapsed() < PATIENCE, "the link does not work again");
        sleep(POLL).await;
    }
    Ok(())
}

/// Waits until a redirect was asked for and answered while Postgres was away. Each client may have had one on
/// its way before.
async fn until_without_postgres(api: &mut Service, clients: &Clients) -> Result<()> {
    let began = Instant::now();
    while clients.without_postgres.load(Ordering::SeqCst) <= CLIENTS as u64 {
        api.ensure_running()?;
        ensure!(began.elapsed() < PATIENCE, "no link works without Postgres");
        sleep(POLL).await;
    }
    Ok(())
}

/// Waits until Postgres has all clicks of the file.
async fn until_stored(api: &mut Service, instance: &Instance) -> Result<()> {
    let began = Instant::now();
    loop {
        api.ensure_running()?;
        let metrics = reqwest::get(format!("{}/metrics", api.probes_url()?)).await?;
        let metrics = metrics.text().await?;
        let is_empty = metrics
            .lines()
            .any(|line| line == "vouch_api_click_spool_length 0");
        if is_empty && std::fs::metadata(instance.dir().join("spool"))?.len() == 0 {
            break;
        }
        if began.elapsed() > PATIENCE {
            bail!("after {PATIENCE:?}, clicks are still in the file");
        }
        sleep(POLL).await;
    }
    let rejected = instance.dir().join("spool.rejected");
    ensure!(!rejected.exists(), "clicks were set aside");
    Ok(())
}

/// Compares the table with what was heard. Returns how many requests without an answer are in it.
async fn check(pool: &PgPool, heard: &Heard) -> Result<usize> {
    let rows = sqlx::query("SELECT utm->>'utm_source', id::text FROM clicks")
        .fetch_all(pool)
        .await?;
    let mut stored: HashMap<String, Vec<String>> = HashMap::new();
    for row in rows {
        let mark: Option<String> = row.get(0);
        let mark = mark.context("a click without a mark")?;
        stored.entry(mark).or_default().push(row.get(1));
    }
    for (mark, id) in &heard.redirects {
        let found = stored.remove(mark).unwrap_or_default();
        ensure!(
            found == [id.clone()],
            "{mark} was answered with the click {id}, and stored as {found:?}"
        );
    }
    let mut lost_and_stored = 0;
    for mark in &heard.lost {
        if let Some(found) = stored.remove(mark) {
            ensure!(found.len() == 1, "{mark} is stored as {found:?}");
            lost_and_stored += 1;
        }
    }
    ensure!(
        stored.is_empty(),
        "stored, but never asked for or refused: {stored:?}"
    );
    Ok(lost_and_stored)
}

/// Compares the counters with the table.
async fn check_counters(pool: &PgPool, api: &Service) -> Result<()> {
    let rows = sqlx::query("SELECT count(*) FROM clicks").fetch_one(pool);
    let rows: i64 = rows.await?.get(0);
    let stats = reqwest::get(format!("{}/v1/codes/{CODE}/stats", api.url())).await?;
    let stats: serde_json::Value = stats.json().await?;
    ensure!(
        stats["clicks"]["total"] == rows,
        "{rows} clicks are stored, and the code's stats are {stats}"
    );
    let (first, last) = recount::days(pool).await?.context("no clicks")?;
    let mut day = Some(first);
    while let Some(today) = day.filter(|day| *day <= last) {
        let drift = recount::day(pool, today).await?;
        ensure!(drift.is_empty(), "{today}: {drift:?}");
        day = today.next_day();
    }
    Ok(())
}
