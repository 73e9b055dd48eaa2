//! Which events each stream gets, without Postgres.

use std::task::Poll;

use clap::Parser;
use futures::{FutureExt as _, StreamExt as _};

use vouch_db::api::live::Fact;

use super::{
    event::{self, frame},
    position::Phase,
    *,
};

const HERE: &str = "192.0.2.1/32";

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    config: Config,
}

/// Nothing connects to Postgres here.
fn live(settings: &[&str]) -> Arc<Live> {
    let url = "postgres://vouch@127.0.0.1:9/nothing";
    let usual = [
        "x",
        "--database-url",
        url,
        "--rpc-url",
        "http://127.0.0.1:9",
    ];
    let cli = Cli::parse_from(usual.iter().chain(settings));
    let pool = vouch_db::api::live::live_pool(url, PATIENCE).expect("a URL");
    Arc::new(Live::new(&cli.config, pool))
}

fn known(id: i64) -> Known {
    Known {
        id,
        mark: 5,
        confirmed_seq: 0,
        final_seq: 0,
    }
}

fn campaign(name: &str) -> Topic {
    Topic::Campaign(name.into())
}

/// An event of the row `entry` about `topic`, whose text is its position.
fn item(entry: i64, seq: i64, topic: &Topic) -> Item {
    let position = Position {
        entry,
        phase: Phase::Written,
        seq,
        place: 0,
        mark: 5,
    };
    Item {
        position,
        topics: vec![topic.clone()],
        frame: frame(Some(&position), "it", &seq),
    }
}

/// A look that found these events in the rows after `base`.
fn look(base: i64, passed: impl IntoIterator<Item = i64>, items: Vec<Item>) -> Look {
    Look {
        base: known(base),
        is_lost: false,
        items,
        passed: passed.into_iter().map(known).collect(),
        ranked: std::collections::BTreeSet::new(),
        slot: Some(passed_slot(base)),
        has_more: false,
    }
}

fn passed_slot(base: i64) -> i64 {
    base * 10
}

async fn open(live: &Arc<Live>, topic: &Topic, last: Option<&str>) -> Stream {
    let seat = live.seat(vec![(HERE.to_owned(), 1)]).expect("a seat");
    let connection = Connection::default();
    let opened = Arc::clone(live).open(topic.clone(), seat, last, &connection);
    opened.await.unwrap_or_else(|error| panic!("{error:?}"))
}

/// The types of the events that are there already, with their ids; and whether the stream has ended.
fn told(stream: &mut Stream) -> (Vec<String>, bool) {
    let mut all = Vec::new();
    let is_over = loop {
        // All of it, though a task may do only so much at a time.
        match tokio::task::unconstrained(stream.next()).now_or_never() {
            Some(Some(Ok(frame))) => {
                let text = String::from_utf8(frame.to_vec()).expect("text");
                if !text.starts_with("retry: ") {
                    let of = |name: &str| {
                        let line = text.lines().find_map(|line| line.strip_prefix(name));
                        line.unwrap_or("-").to_owned()
                    };
                    all.push(format!("{} {}", of("event: "), of("id: ")));
                }
            }
            Some(None) => break true,
            None => break false,
        }
    };
    (all, is_over)
}

fn texts(all: &[&str]) -> Vec<String> {
    all.iter().map(|text| (*text).to_owned()).collect()
}

#[tokio::test]
async fn each_topic_gets_its_events_and_who_resumes_gets_what_it_has_missed() {
    let live = live(&[]);
    let (a, b) = (campaign("A"), campaign("B"));
    live.tell(look(3, 4..=4, vec![item(4, 1, &a), item(4, 2, &b)]))
        .await;
    // Given a stream of A
    let mut stream = open(&live, &a, None).await;
    assert_eq!(
        told(&mut stream),
        (texts(&["stream.opened 4.3.0.0.5"]), false)
    );
    // When something happens in both campaigns
    let items = vec![item(5, 3, &a), item(5, 4, &b), item(6, 5, &a)];
    live.tell(look(4, 5..=6, items)).await;
    // Then it gets what is about A
    let expected = texts(&["it 5.1.3.0.5", "it 6.1.5.0.5"]);
    assert_eq!(told(&mut stream), (expected, false));
    // And a client that has seen a part of it gets the rest, once
    for (last, expected) in [
        ("5.1.3.0.5", vec!["stream.opened -", "it 6.1.5.0.5"]),
        (
            "4.3.0.0.5",
            vec!["stream.opened -", "it 5.1.3.0.5", "it 6.1.5.0.5"],
        ),
        (
            "4.1.1.0.5",
            vec!["stream.opened -", "it 5.1.3.0.5", "it 6.1.5.0.5"],
        ),
        (
            "3.3.0.0.5",
            vec![
                "stream.opened -",
                "it 4.1.1.0.5",
                "it 5.1.3.0.5",
                "it 6.1.5.0.5",
            ],
        ),
        ("6.3.0.0.5", vec!["stream.opened -"]),
        // And who comes from before, from another log, from the future or from elsewhere reads again
        ("2.3.0.0.5", vec!["stream.reset 6.3.0.0.5"]),
        ("5.1.3.0.6", vec!["stream.reset 6.3.0.0.5"]),
        ("7.1.3.0.5", vec!["stream.reset 6.3.0.0.5"]),
        ("hello", vec!["stream.reset 6.3.0.0.5"]),
        ("", vec!["stream.reset 6.3.0.0.5"]),
    ] {
        let mut resumed = open(&live, &a, Some(last)).await;
        assert_eq!(told(&mut resumed), (texts(&expected), false), "{last}");
    }
    // And when it is not known any more what has happened, then everybody reads again
    let mut lost = look(9, [], Vec::new());
    lost.is_lost = true;
    live.tell(lost).await;
    assert_eq!(
        told(&mut stream),
        (texts(&["stream.reset 9.3.0.0.5"]), false)
    );
    let mut resumed = open(&live, &a, Some("6.3.0.0.5")).await;
    assert_eq!(
        told(&mut resumed),
        (texts(&["stream.reset 9.3.0.0.5"]), false)
    );
}

#[tokio::test]
async fn who_has_seen_more_than_this_process_waits_for_a_look() {
    let live = live(&[]);
    let connection = Connection::default();
    let a = campaign("A");
    live.tell(look(3, 4..=4, Vec::new())).await;
    // Given a client that another replica has told of the fifth row, while a look is under way
    live.begun.fetch_add(1, Ordering::SeqCst);
    let seat = live.seat(Vec::new()).expect("a seat");
    let mut opening =
        Box::pin(Arc::clone(&live).open(a.clone(), seat, Some("5.3.0.0.5"), &connection));
    assert!(matches!(futures::poll!(&mut opening), Poll::Pending));
    // Then it causes the next one, and that one decides
    live.wake.notified().await;
    live.tell(look(4, [], Vec::new())).await;
    assert!(matches!(futures::poll!(&mut opening), Poll::Pending));
    live.begun.fetch_add(1, Ordering::SeqCst);
    live.tell(look(4, 5..=5, vec![item(5, 1, &a)])).await;
    let mut stream = opening.await.unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(told(&mut stream), (texts(&["stream.opened -"]), false));
}

#[tokio::test]
async fn a_burst_in_one_topic_is_one_event_and_others_notice_nothing() {
    let live = live(&[]);
    let (a, b) = (campaign("A"), campaign("B"));
    live.tell(look(3, 4..=4, Vec::new())).await;
    let (mut of_a, mut of_b) = (open(&live, &a, None).await, open(&live, &b, None).await);
    // When more happens in A than is told at once
    let more = i64::try_from(BURST + 1).expect("a number");
    let mut items: Vec<_> = (1..=more).map(|seq| item(5, seq, &a)).collect();
    items.push(item(5, 1000, &b));
    live.tell(look(4, 5..=5, items)).await;
    // Then those who follow it read again, and the others get their event
    let expected = texts(&["stream.opened 4.3.0.0.5", "stream.reset 5.3.0.0.5"]);
    assert_eq!(told(&mut of_a), (expected, false));
    let expected = texts(&["stream.opened 4.3.0.0.5", "it 5.1.1000.0.5"]);
    assert_eq!(told(&mut of_b), (expected, false));
    // And so does who has missed it
    let mut resumed = open(&live, &a, Some("4.3.0.0.5")).await;
    assert_eq!(
        told(&mut resumed),
        (texts(&["stream.reset 5.3.0.0.5"]), false)
    );
    // When as much happens as is told at once
    let items = (2..=more).map(|seq| item(6, seq, &a)).collect();
    live.tell(look(5, 6..=6, items)).await;
    assert_eq!(told(&mut of_a).0.len(), BURST);
}

/// docs/decisions/live.md says how much memory what is kept for clients that resume takes at most.
#[test]
fn the_longest_event_is_short() {
    // Given a conversion with the longest text and the largest number in each field
    let [address, signature] = [44, 88].map(|length| "C".repeat(length));
    let (address, most) = (Some(address), Some(u64::MAX.into()));
    let fact = Fact {
        seq: i64::MAX,
        place: i16::MAX,
        kind: event::CONVERSION.into(),
        campaign: address.clone(),
        referral: address.clone(),
        code: Some("C".repeat(12)),
        subject: address.clone(),
        wallet: address.clone(),
        units: most,
        detail: None,
        signature,
        slot: i64::MAX,
        block_time: 253_402_300_799,
        referrer: address.clone(),
        partner: address.clone(),
        referee: address,
        action: Some("subscription".into()),
        amount: most,
        reference: Some(vec![255; 32]),
        reward_referrer: most,
        reward_referee: most,
        reward_partner: most,
        converted_at: Some(253_402_300_799),
        matures_at: Some(253_402_300_799),
    };
    let position = Position {
        entry: i64::MAX,
        phase: Phase::Written,
        seq: i64::MAX,
        place: i16::MAX,
        mark: i32::MIN,
    };
    // Then its event has at most 1,200 bytes, and three are told
    let confirmed = event::added(&fact, 0).expect("a conversion is told");
    for told in [confirmed, event::settled(&fact)] {
        let bytes = frame(Some(&position), told.kind, &told.body).len();
        assert!(bytes <= 1_200, "{bytes}");
        assert!(told.topics.len() <= 3, "{:?}", told.topics);
    }
}

#[tokio::test]
async fn what_is_kept_is_bounded_and_who_has_seen_less_reads_again() {
    let live = live(&[]);
    let (a, b) = (campaign("A"), campaign("B"));
    live.tell(look(0, 1..=1, vec![item(1, 1, &b)])).await;
    // Given as many events as are kept, in two rows
    let kept = i64::try_from(TAIL).expect("a number");
    for entry in [2, 3] {
        let items = (0..kept / 2).map(|seq| item(entry, seq, &a)).collect();
        live.tell(look(entry - 1, entry..=entry, items)).await;
    }
    assert_eq!(
        live.lock().current.as_ref().map(|it| it.tail.len()),
        Some(TAIL)
    );
    // Then who has seen the first event has missed nothing of B, and who has not reads again
    let mut resumed = open(&live, &b, Some("1.1.1.0.5")).await;
    assert_eq!(told(&mut resumed), (texts(&["stream.opened -"]), false));
    let mut resumed = open(&live, &b, Some("0.3.0.0.5")).await;
    assert_eq!(
        told(&mut resumed),
        (texts(&["stream.reset 3.3.0.0.5"]), false)
    );
    // And of one row alone, only a part may be kept
    let items = (0..kept + 10).map(|seq| item(4, seq, &a)).collect();
    live.tell(look(3, 4..=4, items)).await;
    let mut resumed = open(&live, &b, Some("4.1.8.0.5")).await;
    assert_eq!(
        told(&mut resumed),
        (texts(&["stream.reset 4.3.0.0.5"]), false)
    );
    let mut resumed = open(&live, &b, Some("4.1.9.0.5")).await;
    assert_eq!(told(&mut resumed), (texts(&["stream.opened -"]), false));
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_left_behind_and_its_stream_ends() {
    let live = live(&[]);
    let a = campaign("A");
    live.tell(look(3, 4..=4, Vec::new())).await;
    let (mut slow, mut fast) = (open(&live, &a, None).await, open(&live, &a, None).await);
    // When more happens than waits for a client, and one of two reads
    let count = BUFFER + 1;
    let mut seen = 0;
    for entry in (5..).take(count) {
        live.tell(look(entry - 1, entry..=entry, vec![item(entry, 1, &a)]))
            .await;
        let (all, is_over) = told(&mut fast);
        seen += all.iter().filter(|text| text.starts_with("it ")).count();
        assert!(!is_over);
    }
    // Then that one has seen everything
    assert_eq!(seen, count);
    // And the other one gets what has waited, and its stream ends: it resumes where it was
    let (all, is_over) = told(&mut slow);
    assert!(is_over);
    assert_eq!(all.len(), 1 + BUFFER);
    let last = all
        .last()
        .and_then(|text| text.split(' ').nth(1))
        .expect("an id");
    let mut resumed = open(&live, &a, Some(last)).await;
    let expected = format!("it {}.1.1.0.5", 4 + count);
    assert_eq!(
        told(&mut resumed),
        (vec!["stream.opened -".to_owned(), expected], false)
    );
}

#[tokio::test]
async fn boards_are_told_of_their_campaigns_and_of_all() {
    let live = live(&[]);
    live.tell(look(3, 4..=4, Vec::new())).await;
    let topics = [
        Topic::Board(Some("A".into())),
        Topic::Board(Some("B".into())),
        Topic::Board(None),
        campaign("A"),
    ];
    let mut streams = Vec::new();
    for topic in &topics {
        let mut stream = open(&live, topic, None).await;
        told(&mut stream);
        streams.push(stream);
    }
    let mut changed = |campaigns: &[&str]| {
        live.tell_boards(campaigns.iter().map(|name| (*name).to_owned()));
        let counts = streams.iter_mut().map(|stream| told(stream).0.len());
        counts.collect::<Vec<_>>()
    };
    assert_eq!(changed(&["A"]), [1, 0, 1, 0]);
    assert_eq!(changed(&["A", "B", "C"]), [1, 1, 1, 0]);
    assert_eq!(changed(&[""]), [1, 1, 1, 0]);
    assert_eq!(changed(&[]), [0, 0, 0, 0]);
    // And a client that resumes reads the board again, from any position
    for last in ["4.3.0.0.5", "1.3.0.0.9"] {
        let mut resumed = open(&live, &topics[2], Some(last)).await;
        let expected = texts(&["stream.opened -", "leaderboard.changed 4.3.0.0.5"]);
        assert_eq!(told(&mut resumed), (expected, false));
    }
}

#[tokio::test]
async fn seats_are_limited_by_network_and_in_all_and_come_back() {
    let live = live(&["--live-streams", "16", "--live-streams-per-network", "2"]);
    let seat = |narrow: &str, wide: &str| {
        live.seat(vec![(narrow.to_owned(), 1), (wide.to_owned(), 2)])
            .map_err(|error| (error.status.as_u16(), error.code, error.retry_after))
    };
    let full = (429, "too_many_requests", Some(30));
    // Given a network with two seats
    let first = seat("1", "w").expect("a seat");
    let second = seat("1", "w").expect("a seat");
    assert_eq!(seat("1", "w").err(), Some(full));
    // Then its neighbours have as many as the wider network has left, and others are not concerned
    let third = seat("2", "w").expect("a seat");
    let fourth = seat("3", "w").expect("a seat");
    assert_eq!(seat("4", "w").err(), Some(full));
    let mut others = Vec::new();
    for number in 0..12 {
        let wide = format!("x{}", number / 4);
        let narrow = format!("{wide}-{}", number / 2);
        others.push(seat(&narrow, &wide).expect("a seat"));
    }
    // And when all are taken, then nobody gets one
    assert_eq!(seat("10", "y").err(), Some((503, "overloaded", Some(30))));
    // And each comes back
    drop(first);
    let again = seat("1", "w").expect("a seat");
    drop((second, third, fourth, others, again));
    assert_eq!(live.seats.taken(), 0);
    assert!(seat("1", "w").is_ok());
    // And however many a network may have, it is a quarter of all
    let live = self::live(&["--live-streams", "16", "--live-streams-per-network", "9"]);
    let seat = |narrow: &str| live.seat(vec![(narrow.to_owned(), 1), ("w".to_owned(), 64)]);
    let seats: Vec<_> = (0..4)
        .map(|number| seat(&number.to_string()).expect("a seat"))
        .collect();
    let refused = seat("5").err().expect("no seat");
    assert_eq!(
        (refused.status.as_u16(), refused.code, refused.retry_after),
        full
    );
    drop(seats);
}

#[tokio::test]
async fn streams_end_when_the_service_stops_and_none_begins() {
    let live = live(&[]);
    let connection = Connection::default();
    let a = campaign("A");
    live.tell(look(3, 4..=4, Vec::new())).await;
    let mut stream = open(&live, &a, None).await;
    live.close();
    assert_eq!(
        told(&mut stream),
        (texts(&["stream.opened 4.3.0.0.5"]), true)
    );
    let seat = live.seat(Vec::new()).expect("a seat");
    let refused = Arc::clone(&live)
        .open(a.clone(), seat, None, &connection)
        .await;
    assert_eq!(refused.err().map(|error| error.code), Some("overloaded"));
    // And nothing is kept of a stream that is gone
    drop(stream);
    assert_eq!(live.seats.taken(), 0);
    assert!(live.lock().topics.is_empty());
}

#[tokio::test]
async fn a_stream_begins_when_the_first_look_is_done() {
    let live = live(&[]);
    let connection = Connection::default();
    let a = campaign("A");
    let seat = live.seat(Vec::new()).expect("a seat");
    let mut opening = Box::pin(Arc::clone(&live).open(a.clone(), seat, None, &connection));
    assert!(matches!(futures::poll!(&mut opening), Poll::Pending));
    // Given a look that has not read everything
    let mut part = look(3, 4..=4, Vec::new());
    part.has_more = true;
    live.tell(part).await;
    assert!(matches!(futures::poll!(&mut opening), Poll::Pending));
    // When the rest is read, then it begins at the end of that
    live.tell(look(4, 5..=5, Vec::new())).await;
    let mut stream = opening.await.unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(
        told(&mut stream),
        (texts(&["stream.opened 5.3.0.0.5"]), false)
    );
    // And nobody sleeps while somebody listens
    assert!(!live.sleep());
    drop(stream);
    assert!(live.sleep());
    assert!(live.known().is_none());
}

#[tokio::test]
async fn what_a_look_that_was_dropped_has_told_is_not_told_again() {
    let live = live(&[]);
    let a = campaign("A");
    live.tell(look(3, 4..=4, Vec::new())).await;
    let (mut one, mut other) = (open(&live, &a, None).await, open(&live, &a, None).await);
    // Given a look whose events take more than one turn, in two rows, that is dropped after the first
    let count = i64::try_from(BURST / 2).expect("a number");
    let items = || {
        let rows = [5, 6].into_iter();
        let items = rows.flat_map(|entry| (1..=count).map(move |seq| (entry, seq)));
        items.map(|(entry, seq)| item(entry, seq, &a)).collect()
    };
    {
        let mut telling = Box::pin(live.tell(look(4, 5..=6, items())));
        assert!(matches!(futures::poll!(&mut telling), Poll::Pending));
    }
    let (first, _) = told(&mut one);
    assert_eq!(first.len(), 1 + TURN / 2);
    // Then the next one begins at the same row
    assert_eq!(live.known(), Some((4, 5)));
    // And a client that comes between resumes where it was
    let last = first.last().and_then(|text| text.split(' ').nth(1));
    let mut resumed = open(&live, &a, last).await;
    // When it is told to its end
    live.tell(look(4, 5..=6, items())).await;
    assert_eq!(live.known(), Some((6, 5)));
    // Then everybody has got everything once, in order
    let (rest, _) = told(&mut one);
    let all = [first, rest.clone()].concat();
    assert_eq!(all.len(), 1 + BURST);
    assert_eq!(told(&mut other).0, all);
    let expected = [vec!["stream.opened -".to_owned()], rest].concat();
    assert_eq!(told(&mut resumed), (expected, false));
}
