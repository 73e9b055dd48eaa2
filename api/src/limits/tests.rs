use super::*;

const BUILDS: Policy = Policy {
    name: "builds",
    per_minute: 2,
};

/// The memory of one replica, without Postgres.
#[derive(Default)]
struct Alone(std::collections::BTreeMap<String, Arc<Mutex<Instant>>>);

impl Alone {
    /// The requests that are left, or the seconds to wait for the next one.
    fn take(&mut self, address: &str, now: Instant) -> Result<u32, u64> {
        let shares = shares(BUILDS, Who::Network, address.parse().unwrap());
        let known: Vec<_> = shares
            .iter()
            .map(|share| {
                let whole_at = self.0.entry(share.subject.clone());
                Arc::clone(whole_at.or_insert_with(|| Arc::new(Mutex::new(now))))
            })
            .collect();
        let standings = take_alone(&shares, &known, now);
        let each = || shares.iter().zip(&standings);
        match each().find(|(_, standing)| !standing.has_room) {
            Some((share, standing)) => Err(Left::full(BUILDS, share, standing.whole_in).seconds),
            None => Ok(each()
                .map(|(share, standing)| share.left(standing.whole_in))
                .min()
                .unwrap()),
        }
    }
}

#[test]
fn a_network_has_one_quota_and_others_have_theirs() {
    // Given two requests a minute
    let start = Instant::now();
    let mut alone = Alone::default();
    let mut take =
        |address: &str, after: u64| alone.take(address, start + Duration::from_secs(after));
    // When addresses of one /64 ask, then they share them
    assert_eq!(take("2001:db8:0:1::1", 0), Ok(1));
    assert_eq!(take("2001:db8:0:1:ffff::2", 0), Ok(0));
    assert_eq!(take("2001:db8:0:1::3", 0), Err(30));
    // And who is refused does not wait longer for that
    assert_eq!(take("2001:db8:0:1::3", 29), Err(1));
    assert_eq!(take("2001:db8:0:1::3", 30), Ok(0));
    assert_eq!(take("2001:db8:0:1::3", 59), Err(1));
    assert_eq!(take("2001:db8:0:1::3", 120), Ok(1));
    // And others have their own, also by IPv4, however it is written
    assert_eq!(take("2001:db8:0:2::1", 120), Ok(1));
    assert_eq!(take("192.0.2.7", 120), Ok(1));
    assert_eq!(take("::ffff:192.0.2.7", 120), Ok(0));
    assert_eq!(take("192.0.2.8", 120), Ok(1));
}

#[test]
fn wider_networks_are_bounded_and_a_refused_request_uses_up_nothing_of_them() {
    // Given two requests a minute, and one /64 that asks a hundred times
    let now = Instant::now();
    let mut alone = Alone::default();
    for _ in 0..100 {
        let _ = alone.take("2001:db8:1:1::1", now);
    }
    // Then the others of its /48 have all but the two that it got: 10 times the quota
    let of_48 = |n: u32| format!("2001:db8:1:{:x}::1", n + 2);
    for n in 0..9 {
        assert!(alone.take(&of_48(n), now).is_ok());
        assert!(alone.take(&of_48(n), now).is_ok());
    }
    assert_eq!(alone.take(&of_48(9), now), Err(3));
    // And other sites of the provider have theirs, up to 100 times the quota
    for n in 0..180_u32 {
        let site = format!("2001:db8:{:x}:1::1", 2 + n);
        assert!(alone.take(&site, now).is_ok(), "{n}");
    }
    assert_eq!(alone.take("2001:db8:ffff:1::1", now), Err(1));
    // And other providers do not notice, nor do IPv4 networks
    assert_eq!(alone.take("2001:db9::1", now), Ok(1));
    assert_eq!(alone.take("192.0.2.1", now), Ok(1));
}

#[test]
fn a_wallet_that_somebody_names_has_a_quota_for_each_network() {
    let of = |who, address: &str| shares(BUILDS, who, address.parse().unwrap());
    // Given a wallet that others name, then they do not use up its quota
    let named = Who::NamedWallet("alice");
    assert_ne!(of(named, "192.0.2.1"), of(named, "192.0.2.2"));
    assert_eq!(of(named, "2001:db8::1"), of(named, "2001:db8::2"));
    // And one that has proved that it asks has one quota everywhere
    let proved = Who::Wallet("alice");
    assert_eq!(of(proved, "192.0.2.1"), of(proved, "2001:db8::1"));
}

#[test]
fn the_headers_have_each_policy_once_with_what_is_least() {
    let meter = Meter {
        address: "192.0.2.1".parse().unwrap(),
        left: Arc::default(),
    };
    let left = |policy, left| Left {
        policy,
        per_minute: 60,
        left,
        seconds: 1,
    };
    let mut headers = HeaderMap::new();
    meter.describe(&mut headers);
    assert!(headers.is_empty());
    for one in [left("sign-ins", 5), left("changes", 9), left("sign-ins", 3)] {
        meter.note(one);
    }
    meter.note(left("sign-ins", 4));
    meter.describe(&mut headers);
    assert_eq!(
        headers["ratelimit"],
        "\"sign-ins\";r=3;t=1, \"changes\";r=9;t=1"
    );
    let policies = "\"sign-ins\";q=60;w=60, \"changes\";q=60;w=60";
    assert_eq!(headers["ratelimit-policy"], policies);
}
