use futures::{FutureExt, future::BoxFuture};

use super::*;

const TURNS: usize = 16;

/// Somebody who waits.
type Waits<'a> = BoxFuture<'a, Option<Turn>>;

fn ask<'a>(turns: &'a Turns, address: &str) -> Waits<'a> {
    let address = address.parse().unwrap();
    let mut waits = for_client(address, turns.take()).boxed();
    // Takes the place in the queue.
    match (&mut waits).now_or_never() {
        Some(turn) => std::future::ready(turn).boxed(),
        None => waits,
    }
}

/// The turns that these get at once; the others wait on.
fn served<'a>(waits: Vec<Waits<'a>>) -> (Vec<Turn>, Vec<Waits<'a>>) {
    let (mut turns, mut rest) = (Vec::new(), Vec::new());
    for mut waits in waits {
        match (&mut waits).now_or_never() {
            Some(turn) => turns.push(turn.expect("a turn")),
            None => rest.push(waits),
        }
    }
    (turns, rest)
}

#[test]
fn a_network_has_half_at_most_and_another_one_waits_for_nothing() {
    // Given a network of which two hundred wait
    let turns = Turns::new(TURNS);
    let flood = (0..200).map(|_| ask(&turns, "192.0.2.1")).collect();
    let (mut held, rest) = served(flood);
    assert_eq!((held.len(), rest.len(), turns.free()), (8, 192, 8));
    // Then others find turns at once
    let others = [
        "198.51.100.7",
        "203.0.113.1",
        "203.0.113.2",
        "100.64.0.1",
        "2001:db8::1",
        "2001:db8:0:1::1",
        "2001:db8:1::1",
        "2001:db9::1",
    ];
    let others = others.map(|address| ask(&turns, address)).into();
    let (others, _) = served(others);
    assert_eq!((others.len(), turns.free()), (8, 0));
    // And who comes after them gets the next one, before the flood
    let late = ask(&turns, "198.51.100.9");
    held.pop();
    let (late, _) = served(vec![late]);
    let (none, rest) = served(rest);
    assert_eq!((late.len(), none.len(), rest.len()), (1, 0, 192));
}

#[test]
fn networks_that_wait_get_equal_shares() {
    // Given three networks of which a hundred each wait, one after the other
    let turns = Turns::new(TURNS);
    let hundred = |address| served((0..100).map(|_| ask(&turns, address)).collect());
    let (mut first, _waits) = hundred("192.0.2.1");
    let (mut second, _wait) = hundred("198.51.100.7");
    let (mut third, mut rest) = hundred("203.0.113.1");
    assert_eq!((first.len(), second.len(), third.len()), (8, 8, 0));
    // When turns of the first two end, then the third one gets them until all have as many
    for part in 0..5 {
        let ends = if part % 2 == 0 {
            &mut first
        } else {
            &mut second
        };
        ends.pop();
        let (more, others) = served(rest);
        third.extend(more);
        rest = others;
        assert_eq!(third.len(), part + 1);
    }
    // And then each gets its own back
    for _ in 0..10 {
        third.pop();
        let (more, others) = served(rest);
        third.extend(more);
        rest = others;
        assert_eq!(third.len(), 5);
    }
}

#[test]
fn many_addresses_of_a_wide_network_are_one_network() {
    for (first, last, most, other) in [
        ("192.0.2.", "", 10, "198.51.100.7"),
        ("2001:db8:0:", "::1", 10, "2001:db8:1::1"),
        ("2001:db8:", "::1", 12, "2001:db9::1"),
    ] {
        let turns = Turns::new(TURNS);
        let flood = (1..100).map(|place| ask(&turns, &format!("{first}{place}{last}")));
        let (held, _rest) = served(flood.collect());
        // However many of its addresses ask
        assert_eq!((held.len(), turns.free()), (most, TURNS - most), "{first}");
        let (other, _) = served(vec![ask(&turns, other)]);
        assert_eq!(other.len(), 1, "{first}");
    }
}

#[test]
fn who_gives_up_loses_neither_a_turn_nor_the_count() {
    let turns = Turns::new(TURNS);
    let flood = (0..50).map(|_| ask(&turns, "192.0.2.1")).collect();
    let (held, rest) = served(flood);
    // When those who wait give up, some of them after their turn has come unseen
    drop(held);
    drop(rest);
    assert_eq!(turns.free(), TURNS);
    let state = turns.shared.state();
    assert!(state.waiting.is_empty() && state.held.is_empty());
    assert!(state.crowds.is_empty() && state.served.is_empty() && state.count == 0);
}

#[test]
fn whoever_gives_up_leaves_the_queue_at_once() {
    let turns = Turns::new(TURNS);
    let flood = (0..10).map(|_| ask(&turns, "192.0.2.1")).collect();
    let (held, rest) = served(flood);
    assert_eq!((held.len(), rest.len(), turns.is_idle()), (8, 2, false));
    drop(rest);
    // Although no turn has ended
    assert_eq!(turns.shared.state().count, 0);
    assert!(turns.is_idle());
    // But its network would have to wait.
    let address = "192.0.2.1".parse().unwrap();
    let own = for_client(address, async { turns.is_idle() });
    assert_eq!(own.now_or_never(), Some(false));
}

#[test]
fn in_a_wide_network_who_has_none_comes_before_those_who_have_some() {
    for (first, last, most, innocent) in [
        ("192.0.2.", "", 10, "192.0.2.200"),
        ("2001:db8:0:", "::1", 10, "2001:db8:0:200::1"),
        ("2001:db8:", "::1", 12, "2001:db8:200::1"),
    ] {
        // Given a wide network that has all turns it may have, two for each address, which wait for more
        let turns = Turns::new(TURNS);
        let flood = (0..200).map(|it| {
            let place = 1 + it % (most / 2);
            ask(&turns, &format!("{first}{place}{last}"))
        });
        let (mut held, rest) = served(flood.collect());
        assert_eq!(held.len(), most, "{first}");
        // When another address of it comes last, and a turn ends
        let innocent = ask(&turns, innocent);
        let (none, mut innocent) = served(vec![innocent]);
        assert!(none.is_empty(), "{first}");
        held.pop();
        // Then it is the next one
        let (more, _rest) = served(rest);
        assert_eq!(more.len(), 0, "{first}");
        let innocent = innocent.pop().and_then(FutureExt::now_or_never).flatten();
        assert!(innocent.is_some(), "{first}");
    }
}

#[test]
fn in_a_wide_network_nobody_has_a_second_turn_before_a_newcomer_has_one() {
    // Addresses of a wide network, and which of them are one narrow network: the first number. The second one
    // differs for each request.
    type Address = fn(usize, usize) -> String;
    let of: [(usize, Address); 3] = [
        (10, |place, _| format!("192.0.2.{place}")),
        (10, |place, other| format!("2001:db8:0:{place}::{other}")),
        (12, |place, other| format!("2001:db8:{place}:{other}::1")),
    ];
    for (most, address) in of {
        let said = address(1, 1);
        // Given a wide network whose addresses have one turn each, and each of them waits for twenty more
        let turns = Turns::new(TURNS);
        let flood = (0..21 * most).map(|it| ask(&turns, &address(1 + it % most, it)));
        let (mut held, rest) = served(flood.collect());
        assert_eq!((held.len(), rest.len()), (most, 20 * most), "{said}");
        // When two others come last, each with one request, and each turn ends once
        let newcomers = [200, 201].map(|place| ask(&turns, &address(place, 0)));
        let (mut again, mut rest) = (Vec::new(), rest);
        for turn in held.drain(..) {
            drop(turn);
            let (next, others) = served(rest);
            assert_eq!(next.len(), 1, "{said}");
            again.extend(next);
            rest = others;
        }
        // Then each of the others has one again, and none has two, and the next two turns are the newcomers'
        let (none, newcomers) = served(newcomers.into());
        assert!(none.is_empty(), "{said}");
        let released = again.split_off(most - 2);
        let state = turns.shared.state();
        let narrow = |turn: &Turn| turn.caller.0[0];
        let different: std::collections::HashSet<_> = again.iter().map(narrow).collect();
        assert_eq!(different.len(), most - 2, "{said}");
        drop(state);
        drop(released);
        let (first, newcomers) = served(newcomers);
        assert_eq!((first.len(), newcomers.len()), (2, 0), "{said}");
        let (none, rest) = served(rest);
        assert!(none.is_empty(), "{said}");
        // When more newcomers come than turns end, then who waited before them is the next one
        let more = (0..8).map(|place| ask(&turns, &address(202 + place, 0)));
        let more: Vec<_> = more.collect();
        drop(first);
        let (next, more) = served(more);
        assert!(next.is_empty(), "{said}");
        let (next, rest) = served(rest);
        assert_eq!(next.len(), 2, "{said}");
        drop((more, rest));
    }
}

#[test]
fn in_a_wide_network_the_largest_crowd_is_refused() {
    for (first, last, innocent) in [
        ("192.0.2.", "", "192.0.2.200"),
        ("2001:db8:", "::1", "2001:db8:200::1"),
    ] {
        // Given as many of a wide network as may wait, of ten addresses
        let turns = Turns::new(4);
        let (_held, _) = served((0..4).map(|_| for_all(turns.take()).boxed()).collect());
        let flood = (0..MOST_WAITING).map(|it| {
            let place = 1 + it % 10;
            ask(&turns, &format!("{first}{place}{last}"))
        });
        let (_, flood) = served(flood.collect());
        assert_eq!(flood.len(), MOST_WAITING, "{first}");
        // When another address of it comes, then one of the others is refused
        let mut innocent = ask(&turns, innocent);
        assert!((&mut innocent).now_or_never().is_none(), "{first}");
        let refused = flood.into_iter().filter_map(FutureExt::now_or_never);
        let refused: Vec<_> = refused.collect();
        assert!(matches!(refused.as_slice(), [None]), "{first}");
    }
}

#[test]
fn no_more_wait_than_fit_and_the_largest_crowd_is_refused() {
    // Given as many of one network as may wait, while all turns are taken
    let turns = Turns::new(4);
    let many = |count: usize, address| {
        let waits = (0..count).map(|_| ask(&turns, address)).collect();
        served(waits)
    };
    let (_others, _) = many(2, "203.0.113.1");
    let (mut held, flood) = many(2 + MOST_WAITING, "192.0.2.1");
    assert_eq!((turns.free(), flood.len()), (0, MOST_WAITING));
    // When one of another network comes
    let (_, one) = many(1, "198.51.100.7");
    // Then the newest of the crowd is refused, and the other one is not
    let mut flood = flood.into_iter().rev();
    let mut newest = flood.next().expect("somebody who waits");
    assert!(matches!((&mut newest).now_or_never(), Some(None)));
    let mut flood: Vec<_> = flood.collect();
    let waits = |waits: &mut Waits<'_>| waits.now_or_never().is_none();
    assert!(flood.iter_mut().all(waits));
    assert_eq!(turns.shared.state().count, MOST_WAITING);
    held.pop();
    assert_eq!(served(one).0.len(), 1);
}

#[test]
fn what_nobody_has_asked_for_goes_first_and_has_no_share() {
    let turns = Turns::new(4);
    let flood = (0..10).map(|_| ask(&turns, "192.0.2.1")).collect();
    let (held, _rest) = served(flood);
    let ours = (0..3).map(|_| for_all(turns.take()).boxed()).collect();
    let (mine, ours) = served(ours);
    assert_eq!((held.len(), mine.len(), ours.len()), (2, 2, 1));
    drop(held);
    assert_eq!(served(ours).0.len(), 1);
}
