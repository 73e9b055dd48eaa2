//! Where webhooks may be sent to: to public addresses alone.
//!
//! An endpoint's URL, and the addresses of its name, are somebody else's choice. They must not lead
//! to hosts inside our network: databases, metadata of clouds, other services.

use std::{
    error::Error,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use ipnet::{Ipv4Net, Ipv6Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Longest URL of an endpoint.
const LONGEST: usize = 2048;

/// The blocks of IPv4 addresses that are not public: IANA's registry of special purposes, multicast,
/// and Azure's host, which is reached at a public address.
const PRIVATE_V4: [Ipv4Net; 16] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    v4([168, 63, 129, 16], 32),
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([224, 0, 0, 0], 4),
    v4([240, 0, 0, 0], 4),
];

/// The only public block of IPv6 addresses.
const PUBLIC_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);
/// Networks in it that are not public: protocols (Teredo and others), documentation, 6to4.
const PRIVATE_V6: [Ipv6Net; 4] = [
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
];
/// IPv4 addresses behind a NAT64, as the resolver of an IPv6 network gives them.
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

const fn v4([a, b, c, d]: [u8; 4], length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), length)
}

/// Whether an address is on the public Internet.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !PRIVATE_V4.iter().any(|block| block.contains(&address)),
        IpAddr::V6(address) if NAT64.contains(&address) => {
            let [.., a, b, c, d] = address.octets();
            is_public(Ipv4Addr::new(a, b, c, d).into())
        }
        IpAddr::V6(address) => {
            PUBLIC_V6.contains(&address) && !PRIVATE_V6.iter().any(|block| block.contains(&address))
        }
    }
}

/// Why nothing is sent to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the URL is not one, or longer than 2048 bytes")]
    NotAUrl,
    #[error("the URL does not begin with https://")]
    NotHttps,
    #[error("the URL has a user, a password or a fragment")]
    Extras,
    #[error("the port is neither 443 nor above 1023")]
    Port,
    #[error("the address is not on the public Internet")]
    Private,
}

/// Which endpoints are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Those at public addresses, by HTTPS.
    Public,
    /// Also those of this machine and its networks, also by HTTP: for development.
    Anywhere,
}

/// Checks an endpoint's URL. The addresses of its name are checked when a connection is made.
pub(crate) fn check(url: &str, reach: Reach) -> Result<Url, Refusal> {
    if url.len() > LONGEST {
        return Err(Refusal::NotAUrl);
    }
    // It also resolves what is an address in disguise, such as `0x7f.1`.
    let url = Url::parse(url).map_err(|_| Refusal::NotAUrl)?;
    let host = url.host().ok_or(Refusal::NotAUrl)?;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(Refusal::Extras);
    }
    match (reach, url.scheme()) {
        (Reach::Anywhere, "http" | "https") => return Ok(url),
        (Reach::Public, "https") => {}
        _ => return Err(Refusal::NotHttps),
    }
    if !matches!(url.port_or_known_default(), Some(443 | 1024..)) {
        return Err(Refusal::Port);
    }
    let address = match host {
        Host::Domain(_) => return Ok(url),
        Host::Ipv4(address) => IpAddr::from(address),
        Host::Ipv6(address) => IpAddr::from(address),
    };
    if is_public(address) {
        Ok(url)
    } else {
        Err(Refusal::Private)
    }
}

/// Finds the addresses of a name.
pub(crate) trait Lookup: Send + Sync + 'static {
    /// The addresses of this name now.
    fn lookup(&self, name: String)
    -> impl Future<Output = std::io::Result<Vec<SocketAddr>>> + Send;
}

/// As this machine resolves names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct System;

impl Lookup for System {
    async fn lookup(&self, name: String) -> std::io::Result<Vec<SocketAddr>> {
        // The connector puts the URL's port in the place of this one.
        Ok(tokio::net::lookup_host((name, 0)).await?.collect())
    }
}

/// Resolves names for the connections of webhooks. It is asked once for each connection, and the
/// connection goes to what it answers: nobody can change the answer in between.
#[derive(Debug)]
pub(crate) struct Resolver<L> {
    lookup: Arc<L>,
    reach: Reach,
}

impl<L: Lookup> Resolver<L> {
    pub(crate) fn new(lookup: L, reach: Reach) -> Self {
        Self {
            lookup: Arc::new(lookup),
            reach,
        }
    }
}

impl<L: Lookup> Resolve for Resolver<L> {
    fn resolve(&self, name: Name) -> Resolving {
        let lookup = Arc::clone(&self.lookup);
        let reach = self.reach;
        Box::pin(async move {
            let found = lookup.lookup(name.as_str().to_owned()).await?;
            // One private address makes the name suspect.
            if reach == Reach::Public && found.iter().any(|address| !is_public(address.ip())) {
                return Err(Refusal::Private.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// The refusal among the causes of an error, if there is one.
pub(crate) fn refusal(error: &(dyn Error + 'static)) -> Option<Refusal> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(refusal) = error.downcast_ref::<Refusal>() {
            return Some(*refusal);
        }
        cause = error.source();
    }
    None
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Anywhere => "anywhere",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for (address, expected) in [
            ("1.1.1.1", true),
            ("9.255.255.255", true),
            ("11.0.0.0", true),
            ("100.63.255.255", true),
            ("100.128.0.0", true),
            ("172.15.255.255", true),
            ("172.32.0.0", true),
            ("192.0.1.0", true),
            ("192.167.255.255", true),
            ("198.17.255.255", true),
            ("198.20.0.0", true),
            ("223.255.255.255", true),
            ("0.0.0.0", false),
            ("0.1.2.3", false),
            ("10.0.0.1", false),
            ("100.64.0.1", false),
            ("100.100.100.200", false),
            ("127.0.0.1", false),
            ("127.255.255.254", false),
            ("168.63.129.16", false),
            ("169.254.169.254", false),
            ("172.16.0.1", false),
            ("172.31.255.255", false),
            ("192.0.0.192", false),
            ("192.0.2.1", false),
            ("192.88.99.1", false),
            ("192.168.1.1", false),
            ("198.18.0.1", false),
            ("198.19.255.255", false),
            ("198.51.100.7", false),
            ("203.0.113.9", false),
            ("224.0.0.1", false),
            ("239.255.255.250", false),
            ("240.0.0.1", false),
            ("255.255.255.255", false),
            ("2606:4700:4700::1111", true),
            ("2001:4860:4860::8888", true),
            ("2a00::1", true),
            // NAT64 of a public address, then of private ones.
            ("64:ff9b::1.1.1.1", true),
            ("64:ff9b::10.0.0.1", false),
            ("64:ff9b::169.254.169.254", false),
            ("64:ff9b:1::1.1.1.1", false),
            ("::", false),
            ("::1", false),
            // IPv4-mapped and IPv4-compatible.
            ("::ffff:127.0.0.1", false),
            ("::ffff:1.1.1.1", false),
            ("::127.0.0.1", false),
            // Teredo, ORCHID, 6to4 of 10.0.0.1, documentation, discard.
            ("2001::1", false),
            ("2001:20::1", false),
            ("2002:a00:1::1", false),
            ("2001:db8::1", false),
            ("3fff::1", false),
            ("100::1", false),
            // Segment routing, unique local (also Amazon's metadata), link-local, site-local,
            // multicast.
            ("5f00::1", false),
            ("fc00::1", false),
            ("fd00:ec2::254", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
        ] {
            let parsed = address.parse().expect(address);
            assert_eq!(is_public(parsed), expected, "{address}");
        }
    }

    #[test]
    fn a_url_names_a_public_server() {
        for (url, expected) in [
            ("https://example.com/hook?key=1", None),
            ("https://example.com:443/", None),
            ("https://example.com:8443/", None),
            ("https://1.1.1.1/", None),
            ("https://[2606:4700:4700::1111]/", None),
            // Names are resolved when a connection is made.
            ("https://localhost/", None),
            ("http://example.com/", Some(Refusal::NotHttps)),
            ("ftp://example.com/", Some(Refusal::NotHttps)),
            ("file:///etc/passwd", Some(Refusal::NotAUrl)),
            ("example.com", Some(Refusal::NotAUrl)),
            ("https://", Some(Refusal::NotAUrl)),
            ("https://user@example.com/", Some(Refusal::Extras)),
            ("https://user:word@example.com/", Some(Refusal::Extras)),
            ("https://example.com/#part", Some(Refusal::Extras)),
            ("https://example.com:22/", Some(Refusal::Port)),
            ("https://example.com:80/", Some(Refusal::Port)),
            ("https://127.0.0.1/", Some(Refusal::Private)),
            // The same in disguise.
            ("https://2130706433/", Some(Refusal::Private)),
            ("https://0x7f.1/", Some(Refusal::Private)),
            ("https://0177.0.0.1/", Some(Refusal::Private)),
            ("https://127.1/", Some(Refusal::Private)),
            ("https://\u{ff11}27.0.0.1/", Some(Refusal::Private)),
            ("https://169.254.169.254/latest", Some(Refusal::Private)),
            ("https://[::1]/", Some(Refusal::Private)),
            ("https://[::ffff:10.0.0.1]/", Some(Refusal::Private)),
        ] {
            assert_eq!(check(url, Reach::Public).err(), expected, "{url}");
        }
        let long = format!("https://example.com/{}", "a".repeat(LONGEST));
        assert_eq!(check(&long, Reach::Public).err(), Some(Refusal::NotAUrl));
    }

    #[test]
    fn in_development_a_url_names_any_server() {
        for url in [
            "http://127.0.0.1:22/",
            "https://[::1]/",
            "http://localhost/",
        ] {
            assert!(check(url, Reach::Anywhere).is_ok(), "{url}");
        }
        let file = check("file:///etc/passwd", Reach::Anywhere);
        assert_eq!(file.err(), Some(Refusal::NotAUrl));
        let data = check("data://host/", Reach::Anywhere);
        assert_eq!(data.err(), Some(Refusal::NotHttps));
    }
}
