//! Distinguishes visitors without identifying them.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Mutex, Once, PoisonError},
};

use axum::http::HeaderMap;
use hmac::{Hmac, Mac};
use rand::{RngCore, rngs::OsRng};
use sha2::Sha256;
use time::Date;

/// Turns addresses into pseudonyms that are valid for one UTC day.
///
/// The key is random and exists only in this process's memory, so nobody can match stored
/// pseudonyms by trying all addresses. The same visitor gets a new pseudonym the next
/// day, after a restart, and on another replica.
#[derive(Default)]
pub(crate) struct Pseudonyms {
    today: Mutex<Option<(Date, [u8; 32])>>,
}

impl Pseudonyms {
    /// HMAC-SHA256 of the address under the day's key.
    pub(crate) fn of(&self, address: IpAddr, day: Date) -> Vec<u8> {
        let mut mac = self.mac(day);
        match address.to_canonical() {
            IpAddr::V4(address) => mac.update(&address.octets()),
            // A household or phone has a whole /64 and changes its address within it.
            IpAddr::V6(address) => mac.update(&Ipv6Addr::octets(&address)[..8]),
        }
        mac.finalize().into_bytes().to_vec()
    }

    /// HMAC-SHA256 of texts under the day's key. No list of texts has that of an address, or of the
    /// beginning of another list.
    pub(crate) fn of_texts(&self, texts: &[&[u8]], day: Date) -> [u8; 32] {
        let mut mac = self.mac(day);
        mac.update(b"texts");
        for text in texts {
            mac.update(&text.len().to_be_bytes());
            mac.update(text);
        }
        mac.finalize().into_bytes().into()
    }

    fn mac(&self, day: Date) -> Hmac<Sha256> {
        let key = {
            let mut today = self.today.lock().unwrap_or_else(PoisonError::into_inner);
            match *today {
                // A clock that steps back over midnight keeps using the newer key.
                Some((current, key)) if current >= day => key,
                _ => {
                    let mut key = [0; 32];
                    OsRng.fill_bytes(&mut key);
                    *today = Some((day, key));
                    key
                }
            }
        };
        Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length")
    }
}

/// Says once that a proxy seems to be in front.
static NO_PROXY: Once = Once::new();

/// The client's address: the peer's without proxies; behind `hops` proxies the address
/// that the outermost proxy saw. Entries further left in `X-Forwarded-For` come from the
/// client and are ignored.
pub(crate) fn client_address(peer: SocketAddr, headers: &HeaderMap, hops: usize) -> IpAddr {
    if hops == 0 {
        if headers.contains_key("x-forwarded-for") {
            // Behind a proxy all clicks would be those of one network, and a flood.
            NO_PROXY.call_once(|| {
                tracing::warn!(
                    "a request has X-Forwarded-For, and TRUSTED_PROXY_HOPS is 0: behind a proxy, all clients \
                     are taken for one"
                );
            });
        }
        return peer.ip();
    }
    let forwarded: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    forwarded
        .len()
        .checked_sub(hops)
        .and_then(|index| forwarded.get(index))
        .and_then(|text| {
            text.parse::<IpAddr>()
                .ok()
                .or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
        })
        .unwrap_or_else(|| peer.ip())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use time::macros::date;

    const DAY: Date = date!(2026 - 03 - 01);

    fn headers(values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("x-forwarded-for", HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_pseudonym_holds_for_one_day_and_one_process() {
        // Given an address
        let address: IpAddr = "192.0.2.7".parse().unwrap();
        let (one, other) = (Pseudonyms::default(), Pseudonyms::default());
        let first = one.of(address, DAY);
        // Then it has one pseudonym within the day, also as an IPv4-mapped IPv6 address
        assert_eq!(one.of(address, DAY), first);
        assert_eq!(one.of("::ffff:192.0.2.7".parse().unwrap(), DAY), first);
        // And another one on the next day, in another process, for another address
        assert_ne!(one.of(address, date!(2026 - 03 - 02)), first);
        assert_ne!(other.of(address, DAY), first);
        assert_ne!(
            other.of("192.0.2.8".parse().unwrap(), DAY),
            other.of(address, DAY)
        );
    }

    #[test]
    fn an_ipv6_visitor_is_its_network() {
        // Given two addresses of one /64 and one of another
        let names = Pseudonyms::default();
        let of = |text: &str| names.of(text.parse().unwrap(), DAY);
        // Then the first two are one visitor
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    }

    #[test]
    fn forwarded_addresses_are_read_from_the_right_and_only_when_configured() {
        // Given a client that forges an address, behind two proxies
        let peer: SocketAddr = "10.0.0.2:1000".parse().unwrap();
        let sent = headers(&["6.6.6.6, 192.0.2.7", "10.0.0.1"]);
        let with = |hops| client_address(peer, &sent, hops).to_string();
        // Then without configured proxies, the peer's address counts
        assert_eq!(with(0), "10.0.0.2");
        // And with them, the address that the outermost proxy saw
        assert_eq!(with(1), "10.0.0.1");
        assert_eq!(with(2), "192.0.2.7");
        // And with more hops than entries, the peer's address
        assert_eq!(with(4), "10.0.0.2");
        let garbage = headers(&["not an address"]);
        assert_eq!(client_address(peer, &garbage, 1).to_string(), "10.0.0.2");
    }
}
