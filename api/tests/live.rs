//! Live streams of the real service, on a real Postgres that the indexer's writer fills. Numbers in
//! brackets refer to `docs/INVARIANTS.md`.

mod common;
mod written;

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use common::{ALICE, Api, CAMPAIGN, OTHER_CAMPAIGN, campaign, referral, send};
use reqwest::Method;
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use sqlx::PgPool;
use vouch_db::mirror::rebuild::{Rebuild, Start};
use vouch_localnet::{Database, Event, Events, Instance, Postgres};
use written::Mirror;

const CODE: &str = "STARTER7";

struct World {
    database: Database,
    pool: PgPool,
    mirror: Mirror,
}

impl World {
    /// Two campaigns, and a code in the first one.
    async fn new() -> Self {
        Self::on(Postgres::test_database().await.unwrap()).await
    }

    async fn on(database: Database) -> Self {
        let pool = PgPool::connect(database.url()).await.unwrap();
        campaign(&pool, CAMPAIGN).await;
        campaign(&pool, OTHER_CAMPAIGN).await;
        referral(&pool, CAMPAIGN, CODE, ALICE, 1_700_000_000).await;
        let mirror = Mirror::new(database.url()).await;
        Self {
            database,
            pool,
            mirror,
        }
    }

    async fn api(&self, settings: &[(&str, &str)]) -> Api {
        Api::start_with(self.database.url(), settings)
            .await
            .ready()
            .await
    }

    async fn number(&self, sql: &str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }
}

async fn open(api: &Api, path: &str, last_id: Option<&str>) -> Events {
    let url = format!("{}{path}", api.service.url());
    Events::open(&url, last_id).await.unwrap()
}

/// Opens a stream, and reads its first event.
async fn opened(api: &Api, path: &str) -> Events {
    let mut events = open(api, path, None).await;
    let first = next(&mut events).await;
    assert_eq!(first.kind, "stream.opened");
    assert_eq!(first.body["data"]["resumed"], false);
    events
}

async fn next(events: &mut Events) -> Event {
    events.next().await.unwrap().expect("the stream goes on")
}

/// The types of the next events, each with the conversion that it is about.
async fn told(events: &mut Events, count: usize) -> Vec<String> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(brief(&next(events).await));
    }
    all
}

fn brief(event: &Event) -> String {
    assert_eq!(event.body["type"], event.kind);
    let conversion = event.body["data"]["conversion"].as_str();
    format!("{} {}", event.kind, conversion.unwrap_or("-"))
}

fn of_campaign(campaign: &str) -> String {
    format!("/v1/campaigns/{campaign}/live")
}

/// The events of these conversions, in the order in which they are told.
fn recorded(numbers: impl IntoIterator<Item = i64>) -> Vec<String> {
    let each = |number| {
        let kinds = ["conversion.confirmed", "conversion.paid"];
        kinds.map(|kind| format!("{kind} sale-{number}"))
    };
    numbers.into_iter().flat_map(each).collect()
}

fn all(kind: &str, numbers: impl IntoIterator<Item = i64>) -> Vec<String> {
    let each = |number| format!("{kind} sale-{number}");
    numbers.into_iter().map(each).collect()
}

/// [L1]
#[tokio::test]
async fn what_happens_is_told_to_whom_it_concerns_in_order_and_once() {
    let mut world = World::new().await;
    let api = world.api(&[]).await;
    // Given nobody who listens, then nothing is read
    let connections =
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'vouch-api live'
         AND datname = current_database()";
    assert_eq!(world.number(connections).await, 0);
    // Given streams of everything
    let code = format!("/v1/codes/{}/live?campaign={CAMPAIGN}", CODE.to_lowercase());
    let mut streams = Vec::new();
    for path in [
        of_campaign(CAMPAIGN),
        code,
        format!("/v1/referrers/{ALICE}/live"),
    ] {
        streams.push(opened(&api, &path).await);
    }
    let mut other = opened(&api, &of_campaign(OTHER_CAMPAIGN)).await;
    let mut board = opened(&api, &format!("/v1/leaderboard/live?campaign={CAMPAIGN}")).await;
    let mut everywhere = opened(&api, "/v1/leaderboard/live").await;
    // When two wallets convert, and that becomes final
    let mut seen = vec![Vec::new(); streams.len()];
    for (settled, expected) in [
        (false, recorded([1, 2])),
        (true, all("conversion.final", [1, 2])),
    ] {
        if settled {
            world.mirror.settle(2).await;
        } else {
            world.mirror.sales(CAMPAIGN, 2).await;
        }
        // Then each is told in the order of the chain, then that it is final
        for (stream, seen) in streams.iter_mut().zip(&mut seen) {
            let mut events = Vec::new();
            for _ in 0..expected.len() {
                events.push(next(stream).await);
            }
            assert_eq!(events.iter().map(brief).collect::<Vec<_>>(), expected);
            seen.extend(events);
        }
    }
    // And it is the same for all, with the same ids, which differ
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
    let ids: std::collections::BTreeSet<_> = seen[0].iter().map(|event| &event.id).collect();
    assert_eq!(ids.len(), 6);
    // And what is told is what the list of conversions says
    let list = api
        .get(&format!("/v1/conversions?campaign={CAMPAIGN}"))
        .await
        .json();
    let listed = list["conversions"].as_array().unwrap();
    assert_eq!(listed.len(), 2);
    for event in &seen[0] {
        let data = &event.body["data"];
        let row = listed
            .iter()
            .find(|row| row["address"] == data["conversion"])
            .unwrap();
        for same in ["campaign", "referral", "code", "signature"] {
            assert_eq!(data[same], row[same], "{same} {event:?}");
        }
        if event.kind == "conversion.final" {
            for same in [
                "referrer",
                "referee",
                "partner",
                "action",
                "amount",
                "reference",
                "converted_at",
            ] {
                assert_eq!(data[same], row[same], "{same} {event:?}");
            }
            assert_eq!(data["commitment"], "finalized");
        } else {
            assert_eq!(data["commitment"], "confirmed");
        }
    }
    assert_eq!(seen[0][1].body["data"]["part"], "referrer");
    assert_eq!(seen[0][1].body["data"]["recipient"], ALICE);
    assert_eq!(seen[0][1].body["data"]["units"], "5000000");
    // And when the leaderboards are told to have changed, then who reads them sees it
    for (stream, query, campaign) in [
        (&mut board, format!("?campaign={CAMPAIGN}"), json!(CAMPAIGN)),
        (&mut everywhere, String::new(), Value::Null),
    ] {
        let event = next(stream).await;
        assert_eq!(event.kind, "leaderboard.changed");
        assert_eq!(event.body["data"], json!({ "campaign": campaign }));
        let found = api.get(&format!("/v1/leaderboard{query}")).await.json();
        assert_eq!(found["entries"][0]["conversions"], 2, "{found}");
    }
    // And the other campaign was told nothing of that
    world.mirror.sales(OTHER_CAMPAIGN, 1).await;
    assert_eq!(told(&mut other, 2).await, recorded([3]));
    // And when a conversion is cancelled, and a code made and closed, then those are told, too
    world.mirror.cancel(CAMPAIGN, 2).await;
    world.mirror.code(CAMPAIGN, "BRAVE234").await;
    let expected = [
        "conversion.cancelled sale-2",
        "code.created -",
        "code.closed -",
    ];
    let mut events = Vec::new();
    for _ in 0..3 {
        events.push(next(&mut streams[0]).await);
    }
    assert_eq!(events.iter().map(brief).collect::<Vec<_>>(), expected);
    assert_eq!(events[0].body["data"]["forgone"], "7");
    assert_eq!(events[1].body["data"]["code"], "BRAVE234");
    assert_eq!(events[1].body["data"]["owner"], ALICE);
    assert_eq!(events[1].body["data"]["usage_limit"], Value::Null);
    // And the streams are counted
    let metrics = api.metrics().await;
    assert!(
        metrics.contains("\nvouch_api_live_streams 6\n"),
        "{metrics}"
    );
    // And a stream of nothing is refused
    for (path, status, code) in [
        (of_campaign(ALICE), 404, "campaign_not_found"),
        (of_campaign("x"), 400, "invalid_address"),
        (
            format!("/v1/leaderboard/live?campaign={ALICE}"),
            404,
            "campaign_not_found",
        ),
        (
            "/v1/leaderboard/live?period=week".to_owned(),
            400,
            "invalid_query",
        ),
        ("/v1/codes/NAVY2345/live".to_owned(), 404, "code_not_found"),
        (
            format!("{}?x=1", of_campaign(CAMPAIGN)),
            400,
            "invalid_query",
        ),
    ] {
        assert_eq!(
            api.get(&path).await.refusal(),
            (status, code.to_owned()),
            "{path}"
        );
    }
}

/// [L1]
#[tokio::test]
async fn after_a_fork_every_replica_takes_back_what_was_told() {
    let mut world = World::new().await;
    let (one, other) = (world.api(&[]).await, world.api(&[]).await);
    let path = of_campaign(CAMPAIGN);
    // Given a client that has seen three conversions, of which one is final, and stays
    let mut stays = opened(&one, &path).await;
    world.mirror.sales(CAMPAIGN, 3).await;
    world.mirror.settle(1).await;
    let expected = [recorded([1, 2, 3]), all("conversion.final", [1])].concat();
    assert_eq!(told(&mut stays, 7).await, expected);
    let last = stays.last_id.clone();
    // When the cluster abandons the second and the third, and others come instead
    world.mirror.undo(1).await;
    world.mirror.sales(CAMPAIGN, 2).await;
    // Then they are taken back, and the others told
    let expected = [all("conversion.retracted", [2, 3]), recorded([4, 5])].concat();
    let mut seen = Vec::new();
    for _ in 0..6 {
        seen.push(next(&mut stays).await);
    }
    assert_eq!(seen.iter().map(brief).collect::<Vec<_>>(), expected);
    // And a client that was away meanwhile gets the same from the other replica
    let mut resumed = open(&other, &path, Some(&last)).await;
    let first = next(&mut resumed).await;
    assert_eq!(first.kind, "stream.opened");
    assert_eq!(
        (&*first.id, &first.body["data"]["resumed"]),
        ("", &json!(true))
    );
    for event in &seen {
        assert_eq!(next(&mut resumed).await, *event);
    }
    // And from the middle of it, too
    let mut resumed = open(&one, &path, Some(&seen[3].id)).await;
    assert_eq!(told(&mut resumed, 1).await, ["stream.opened -"]);
    for event in &seen[4..] {
        assert_eq!(next(&mut resumed).await, *event);
    }
    // And when what is undone is no conversion, then who follows it reads again
    world.mirror.cancel(CAMPAIGN, 4).await;
    assert_eq!(told(&mut stays, 1).await, ["conversion.cancelled sale-4"]);
    let seq = world.mirror.seq;
    world.mirror.undo(seq - 1).await;
    assert_eq!(told(&mut stays, 1).await, ["stream.reset -"]);
    // And what is true in the end is what the list says
    let list = one
        .get(&format!("/v1/conversions?campaign={CAMPAIGN}"))
        .await
        .json();
    let mut listed: Vec<_> = list["conversions"].as_array().unwrap().iter().collect();
    listed.sort_by_key(|row| row["address"].as_str());
    let listed: Vec<_> = listed
        .iter()
        .map(|row| row["address"].as_str().unwrap())
        .collect();
    assert_eq!(listed, ["sale-1", "sale-4", "sale-5"]);
}

/// [L1]
#[tokio::test]
async fn a_killed_process_and_lost_connections_lose_nothing_and_double_nothing() {
    // Given a Postgres of its own, and a client
    let instance = Instance::create("live-test").unwrap();
    let mut postgres = Postgres::private(instance.dir()).await.unwrap();
    let mut world = World::on(postgres.create_database("live").await.unwrap()).await;
    let mut api = world.api(&[]).await;
    let path = of_campaign(CAMPAIGN);
    let mut events = opened(&api, &path).await;
    world.mirror.sales(CAMPAIGN, 2).await;
    assert_eq!(told(&mut events, 2).await, recorded([1]));
    // When the process is killed, and the next one starts after more has happened
    api.service.kill().await.unwrap();
    world.mirror.sales(CAMPAIGN, 1).await;
    api.service.start_again().await.unwrap();
    let api = api.ready().await;
    // Then the client goes on where it was
    let mut events = open(&api, &path, Some(&events.last_id)).await;
    let expected = [vec!["stream.opened -".to_owned()], recorded([2, 3])].concat();
    assert_eq!(told(&mut events, 5).await, expected);
    // When the connections that listen and read are ended, so that a notification is lost
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE application_name = 'vouch-api live'";
    assert!(world.number(end).await >= 1);
    world.mirror.sales(CAMPAIGN, 1).await;
    // Then nothing is lost
    assert_eq!(told(&mut events, 2).await, recorded([4]));
    // When nobody is notified at all
    let mut board = opened(&api, &format!("/v1/leaderboard/live?campaign={CAMPAIGN}")).await;
    sqlx::query(
        "INSERT INTO mirror_log (confirmed_seq, final_seq, ranked)
         SELECT confirmed_seq, final_seq, ARRAY[$1] FROM indexer_state",
    )
    .bind(CAMPAIGN)
    .execute(&world.pool)
    .await
    .unwrap();
    // Then it is read all the same
    assert_eq!(told(&mut board, 1).await, ["leaderboard.changed -"]);
    // When a client comes from a replica that knows already what this one was not told
    let row: (i64, i32) = sqlx::query_as(
        "INSERT INTO mirror_log (confirmed_seq, final_seq)
         SELECT confirmed_seq, final_seq FROM indexer_state RETURNING id, mark",
    )
    .fetch_one(&world.pool)
    .await
    .unwrap();
    let ahead = format!("{}.3.0.0.{}", row.0, row.1);
    // Then it goes on
    let mut resumed = open(&api, &path, Some(&ahead)).await;
    assert_eq!(told(&mut resumed, 1).await, ["stream.opened -"]);
    drop(resumed);
    // When the connections end after a leaderboard's change was read, and before it is told
    world.mirror.settle(4).await;
    assert_eq!(told(&mut events, 4).await, all("conversion.final", 1..=4));
    assert!(world.number(end).await >= 1);
    // Then it is told all the same
    assert_eq!(told(&mut board, 1).await, ["leaderboard.changed -"]);
    // When Postgres stops and starts again
    world.mirror.release().await;
    postgres.stop().await.unwrap();
    api.until("/v1/campaigns", |answer| answer.status == 503)
        .await;
    let refused = Events::open(&format!("{}{path}", api.service.url()), None).await;
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.contains("503") && refused.contains("database_unavailable"),
        "{refused}"
    );
    postgres.start_again().await.unwrap();
    world.mirror.acquire(world.database.url()).await;
    world.mirror.sales(CAMPAIGN, 1).await;
    // Then the client goes on
    api.until("/v1/campaigns", |answer| answer.status == 200)
        .await;
    let mut events = open(&api, &path, Some(&events.last_id)).await;
    let expected = [vec!["stream.opened -".to_owned()], recorded([5])].concat();
    assert_eq!(told(&mut events, 3).await, expected);
}

/// [L1]
#[tokio::test]
async fn too_much_at_once_and_a_new_mirror_make_clients_read_again() {
    let mut world = World::new().await;
    let api = world.api(&[]).await;
    let mut events = opened(&api, &of_campaign(CAMPAIGN)).await;
    let mut other = opened(&api, &of_campaign(OTHER_CAMPAIGN)).await;
    // When more happens in a campaign than is told at once, then its clients read again
    world.mirror.sales(CAMPAIGN, 150).await;
    assert_eq!(told(&mut events, 1).await, ["stream.reset -"]);
    // And others notice nothing
    world.mirror.sales(OTHER_CAMPAIGN, 1).await;
    assert_eq!(told(&mut other, 2).await, recorded([151]));
    // And the stream goes on behind that
    world.mirror.sales(CAMPAIGN, 1).await;
    assert_eq!(told(&mut events, 2).await, recorded([152]));
    let last = events.last_id.clone();
    let mut board = opened(&api, "/v1/leaderboard/live").await;
    // When there is more than is read at once, then all read again
    world.mirror.sales(CAMPAIGN, 2_001).await;
    assert_eq!(told(&mut events, 1).await, ["stream.reset -"]);
    assert_eq!(told(&mut other, 1).await, ["stream.reset -"]);
    // And once more when no cached leaderboard is older
    assert_eq!(
        told(&mut board, 2).await,
        ["stream.reset -", "leaderboard.changed -"]
    );
    // And so does who comes from before
    let mut resumed = open(&api, &of_campaign(CAMPAIGN), Some(&last)).await;
    assert_eq!(told(&mut resumed, 1).await, ["stream.reset -"]);
    world.mirror.sales(CAMPAIGN, 1).await;
    assert_eq!(told(&mut events, 2).await, recorded([2154]));
    assert_eq!(told(&mut resumed, 2).await, recorded([2154]));
    // When the mirror is made anew, and takes the place of the old one
    let mut rebuild = Rebuild::connect(world.database.url()).await.unwrap();
    assert_eq!(rebuild.prepare().await.unwrap(), Start::Empty);
    world.mirror.release().await;
    let copied = "INSERT INTO mirror_next.campaigns SELECT * FROM mirror.campaigns";
    sqlx::query(copied).execute(&world.pool).await.unwrap();
    rebuild.take_over().await.unwrap();
    assert!(rebuild.swap().await.unwrap());
    // Then everybody reads again
    for stream in [&mut events, &mut other, &mut resumed] {
        assert_eq!(told(stream, 1).await, ["stream.reset -"]);
    }
    let anew = events.last_id.clone();
    // And the streams go on with the new one
    drop(rebuild);
    world.mirror.seq = 0;
    world.mirror.acquire(world.database.url()).await;
    world.mirror.sales(CAMPAIGN, 1).await;
    assert_eq!(told(&mut events, 2).await, recorded([2155]));
    // And a process that begins after that knows it, so that nobody reads again once more
    let begins = world.api(&[]).await;
    world.mirror.sales(CAMPAIGN, 1).await;
    assert_eq!(told(&mut events, 2).await, recorded([2156]));
    let mut resumed = open(&begins, &of_campaign(CAMPAIGN), Some(&anew)).await;
    let expected = [vec!["stream.opened -".to_owned()], recorded([2155, 2156])].concat();
    assert_eq!(told(&mut resumed, 5).await, expected);
}

/// [L2]
#[tokio::test]
async fn who_reads_nothing_is_left_behind_and_holds_up_nobody() {
    let mut world = World::new().await;
    let api = world.api(&[]).await;
    // Given a client that reads, and one that does not
    let mut reads = opened(&api, &of_campaign(CAMPAIGN)).await;
    // Its end of the connection holds little, so that what it has not read waits in the service.
    let address = api.service.address();
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&address.into()).unwrap();
    let mut slow = TcpStream::from(socket);
    let request = format!(
        "GET {} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        of_campaign(CAMPAIGN)
    );
    slow.write_all(request.as_bytes()).unwrap();
    let mut head = [0; 15];
    slow.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    // When so much happens that no buffer between them holds it
    let mut sales = 0;
    loop {
        let metrics = api.metrics().await;
        if metrics.contains("\nvouch_api_live_dropped_total 1\n") {
            break;
        }
        assert!(sales < 100_000, "{metrics}");
        world.mirror.sales(CAMPAIGN, 50).await;
        let numbers = sales + 1..=sales + 50;
        sales += 50;
        // Then who reads gets each event
        assert_eq!(told(&mut reads, 100).await, recorded(numbers));
    }
    world.mirror.sales(CAMPAIGN, 1).await;
    assert_eq!(told(&mut reads, 2).await, recorded([sales + 1]));
    // And the slow one is left behind: it gets the rest of its buffer, and the end
    slow.set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).ok();
    let text = String::from_utf8_lossy(&rest);
    assert!(text.contains("\"sale-1\""));
    assert!(!text.contains(&format!("\"sale-{}\"", sales + 1)));
}

/// [L2]
#[tokio::test]
async fn a_client_that_takes_little_at_a_time_keeps_no_seat() {
    let mut world = World::new().await;
    let api = world.api(&[("LIVE_SECONDS", "30")]).await;
    // And another replica, whose client says how far things are
    let other = world.api(&[]).await;
    let mut reads = opened(&other, &of_campaign(CAMPAIGN)).await;
    // Given a client whose connection is full of what it has not taken, so that its stream is asked for
    // nothing more
    let request = format!("GET {} HTTP/1.1\r\nhost: x\r\n\r\n", of_campaign(CAMPAIGN));
    let address = api.service.address();
    let begin = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        // Room for a whole segment, without which the kernel takes the client for a silent one.
        socket.set_recv_buffer_size(256 << 10).unwrap();
        socket.connect(&address.into()).unwrap();
        let mut slow = TcpStream::from(socket);
        slow.write_all(request.as_bytes()).unwrap();
        let mut head = [0; 15];
        slow.read_exact(&mut head).unwrap();
        assert_eq!(&head, b"HTTP/1.1 200 OK");
        slow
    };
    let mut slow = begin();
    let mut sales = 0;
    while !api
        .metrics()
        .await
        .contains("\nvouch_api_live_dropped_total 1\n")
    {
        assert!(sales < 100_000);
        world.mirror.sales(CAMPAIGN, 50).await;
        let numbers = sales + 1..=sales + 50;
        sales += 50;
        assert_eq!(told(&mut reads, 100).await, recorded(numbers));
        // Streams end meanwhile on a busy machine: then it begins again.
        if api.metrics().await.contains("\nvouch_api_live_streams 0\n") {
            slow = begin();
        }
    }
    // When it takes a few bytes now and then, for as long as it is let
    let trickles = std::thread::spawn(move || {
        let mut few = [0; 2048];
        loop {
            match slow.read(&mut few) {
                Ok(0) => return None,
                Ok(_) => std::thread::sleep(Duration::from_millis(100)),
                Err(error) => return Some(error.kind()),
            }
        }
    });
    // Then its connection ends soon after the life of a stream, in the middle of what was sent
    let deadline = Instant::now() + Duration::from_secs(240);
    while !api.metrics().await.contains("\nvouch_api_live_streams 0\n") {
        assert!(Instant::now() < deadline, "the stream does not end");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let ended = tokio::task::spawn_blocking(|| trickles.join().unwrap()).await;
    assert_eq!(ended.unwrap(), Some(std::io::ErrorKind::ConnectionReset));
}

/// [L2]
#[tokio::test]
async fn streams_are_limited_and_a_question_for_the_head_takes_none() {
    let world = World::new().await;
    let settings = [
        ("TRUSTED_PROXY_HOPS", "1"),
        ("LIVE_STREAMS_PER_NETWORK", "2"),
        ("LIVE_STREAMS", "8"),
    ];
    let api = world.api(&settings).await;
    let path = of_campaign(CAMPAIGN);
    let ask = |method: Method, client: &str| {
        let request = api.request(method, &path);
        request.header("x-forwarded-for", client.to_owned())
    };
    let begin = async |client: &str| ask(Method::GET, client).send().await.unwrap();
    let refused = async |client: &str| {
        let answer = send(ask(Method::GET, client)).await;
        assert_eq!(answer.header("retry-after"), "30");
        answer.refusal()
    };
    // Given a network with as many streams as it may have
    let first = begin("2001:db8::1").await;
    let second = begin("2001:db8::2").await;
    assert_eq!(
        (first.status(), second.status()),
        (reqwest::StatusCode::OK, reqwest::StatusCode::OK)
    );
    // Then it gets no more, and others do, until there are none
    let too_many = (429, "too_many_requests".to_owned());
    assert_eq!(refused("2001:db8::3").await, too_many);
    let mut others = Vec::new();
    for client in ["192.0.2.1", "198.51.100.1", "203.0.113.1"] {
        for _ in 0..2 {
            let other = begin(client).await;
            assert_eq!(other.status(), 200);
            others.push(other);
        }
    }
    assert_eq!(refused("2001:db9::1").await, (503, "overloaded".to_owned()));
    // And a client that only asks for the head gets it, without a stream
    let head = send(ask(Method::HEAD, "2001:db8::3")).await;
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-type"), "text/event-stream");
    assert_eq!(head.text, "");
    for headers in [first.headers(), &head.headers] {
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["x-accel-buffering"], "no");
        assert!(!headers.contains_key("etag"));
    }
    // And when one ends, then there is room
    drop(first);
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    let again = loop {
        let answer = ask(Method::GET, "2001:db8::3")
            .header("if-none-match", "*")
            .send();
        let answer = answer.await.unwrap();
        if answer.status() == 200 {
            break answer;
        }
        assert!(std::time::Instant::now() < deadline, "{}", answer.status());
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(again.headers()["content-type"], "text/event-stream");
    // And everything else is served all the time
    assert_eq!(api.get("/v1/campaigns").await.status, 200);
}

/// [L2]
#[tokio::test]
async fn streams_end_with_their_life_and_with_the_service() {
    let world = World::new().await;
    // Given a service whose streams live for a second
    let short = world.api(&[("LIVE_SECONDS", "1")]).await;
    let mut events = opened(&short, "/v1/leaderboard/live").await;
    // Then they end
    assert_eq!(events.next().await.unwrap(), None);
    // And the client goes on with the next one
    let mut events = open(&short, &of_campaign(CAMPAIGN), Some(&events.last_id)).await;
    assert_eq!(told(&mut events, 1).await, ["stream.opened -"]);
    // When a service with streams stops, then they end, and it waits for none of them
    let mut api = world.api(&[]).await;
    let mut events = opened(&api, &of_campaign(CAMPAIGN)).await;
    let log = api.service.log();
    api.service.stop().await.unwrap();
    assert_eq!(events.next().await.unwrap(), None);
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("stopped"), "{log}");
    assert!(
        !log.contains("some connections did not end in time"),
        "{log}"
    );
}
