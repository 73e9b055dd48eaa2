//! Sign-in: challenges, tokens, cookies. docs/decisions/sign-in.md says why it is so.

pub(crate) mod challenge;
mod siws;
pub(crate) mod token;

use std::time::Duration;

use anyhow::{Context, Result};
use hmac::{Hmac, Mac as _};
use rand::{RngCore as _, rngs::OsRng};
use sha2::Sha256;
use tokio::sync::OnceCell;
use url::{Host, Url};
use vouch_db::api::auth::{self, Ended, sessions};

use crate::{
    cluster::Cluster,
    database::Database,
    error::{ApiError, ApiResult},
};
pub(crate) use siws::{SignIn, is_signed_form, usual_forms};

/// Interval between two sweeps.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// The settings of this service that sign-in uses.
#[derive(Debug)]
pub(crate) struct Auth {
    /// Host of the public URL, and its port unless it is the scheme's own.
    domain: String,
    /// The public URL.
    uri: String,
    /// Scheme, host and port of the public URL, as browsers send it in `Origin`.
    pub(crate) origin: String,
    /// The cluster, as messages spell it.
    chain: Cluster,
    /// Whether cookies are sent over TLS only.
    secure: bool,
    key: OnceCell<[u8; 32]>,
}

impl Auth {
    /// # Errors
    /// When the URL has no host.
    pub(crate) fn new(public_url: &Url, chain: Cluster) -> Result<Self> {
        let host = public_url.host_str().context("PUBLIC_URL has no host")?;
        let domain = match public_url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        Ok(Self {
            domain,
            uri: public_url.as_str().to_owned(),
            origin: public_url.origin().ascii_serialization(),
            chain,
            secure: !(public_url.scheme() == "http" && is_this_machine(public_url)),
            key: OnceCell::new(),
        })
    }

    /// Name of the session's cookie. Browsers accept the prefix only from this very host over TLS, so
    /// no other host can set the cookie.
    pub(crate) fn cookie_name(&self) -> &'static str {
        if self.secure {
            "__Host-vouch_session"
        } else {
            "vouch_session"
        }
    }

    /// The header that sets the session's cookie, for this number of seconds; 0 removes it.
    pub(crate) fn cookie(&self, token: &str, seconds: i64) -> String {
        let name = self.cookie_name();
        let secure = if self.secure { "; Secure" } else { "" };
        format!("{name}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
    }

    /// A name for the subject of a limit, which replicas share and nobody without the key can make.
    ///
    /// # Errors
    /// `database_unavailable` until the key is known.
    pub(crate) async fn pseudonym(
        &self,
        database: &Database,
        subject: &str,
    ) -> ApiResult<[u8; 16]> {
        let tag = self.mac(database, "vouch limit 1", &[subject]).await?;
        Ok(std::array::from_fn(|place| {
            tag.get(place).copied().unwrap_or_default()
        }))
    }

    /// HMAC-SHA256 of these texts for this purpose, the same on every replica.
    ///
    /// # Errors
    /// `database_unavailable` until the key is known.
    pub(crate) async fn mac(
        &self,
        database: &Database,
        purpose: &str,
        texts: &[&str],
    ) -> ApiResult<[u8; 32]> {
        let key = self.key(database).await?;
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        for text in std::iter::once(&purpose).chain(texts) {
            // No list of texts is the beginning of another one.
            mac.update(&text.len().to_be_bytes());
            mac.update(text.as_bytes());
        }
        Ok(mac.finalize().into_bytes().into())
    }

    /// The key of nonces, of the subjects of limits and of repeated requests, which all replicas share.
    ///
    /// # Errors
    /// `database_unavailable`.
    async fn key(&self, database: &Database) -> ApiResult<&[u8; 32]> {
        self.key
            .get_or_try_init(async || {
                let mut fresh = [0; 32];
                OsRng.fill_bytes(&mut fresh);
                database
                    .run(async |pool| sessions::nonce_key(&pool, &fresh).await)
                    .await
                    .map_err(ApiError::from)
            })
            .await
    }
}

/// Whether the URL is of this machine, where browsers accept cookies without TLS.
fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Deletes what has ended, for ever.
pub(crate) async fn sweep(database: &Database) {
    loop {
        database.came_up().await;
        for ended in Ended::ALL {
            // One query in each run: what takes longer than one may means that Postgres is down.
            while match database
                .run(async |pool| auth::sweep(&pool, ended).await)
                .await
            {
                Ok(more) => more,
                Err(error) => {
                    let cause = format!("{:#}", anyhow::Error::from(error));
                    tracing::warn!(cause, "could not delete sessions that have ended");
                    false
                }
            } {}
        }
        tokio::time::sleep(SWEEP_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth(url: &str) -> Auth {
        Auth::new(&url.parse().unwrap(), Cluster::Mainnet).unwrap()
    }

    #[test]
    fn the_domain_has_the_port_and_the_cookie_is_locked_to_the_host() {
        // Given public URLs, then domain and origin are what browsers and wallets compare
        for (url, domain, origin) in [
            (
                "https://vouch.example",
                "vouch.example",
                "https://vouch.example",
            ),
            (
                "https://vouch.example:443/",
                "vouch.example",
                "https://vouch.example",
            ),
            (
                "https://vouch.example:8443/a",
                "vouch.example:8443",
                "https://vouch.example:8443",
            ),
            ("http://[::1]:80/", "[::1]", "http://[::1]"),
        ] {
            let auth = auth(url);
            assert_eq!(
                (auth.domain.as_str(), auth.origin.as_str()),
                (domain, origin),
                "{url}"
            );
        }
        // And the cookie needs TLS, except on this machine
        let cookie = auth("https://vouch.example").cookie("vs_x", 60);
        assert_eq!(
            cookie,
            "__Host-vouch_session=vs_x; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure"
        );
        for url in [
            "http://localhost:8080",
            "http://127.0.0.1:8080",
            "http://[::1]",
            "http://a.localhost",
        ] {
            let cookie = auth(url).cookie("vs_x", 60);
            let plain = "vouch_session=vs_x; Path=/; Max-Age=60; HttpOnly; SameSite=Strict";
            assert_eq!(cookie, plain, "{url}");
        }
        for url in [
            "http://vouch.example",
            "http://localhost.example",
            "https://localhost",
        ] {
            assert!(auth(url).cookie("", 0).ends_with("; Secure"), "{url}");
        }
    }
}
