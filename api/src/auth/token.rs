//! Opaque tokens: 256 random bits behind a prefix that says what they open. Only their hash is stored.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::{RngCore as _, rngs::OsRng};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

/// Begins the token of a session.
const SESSION: &str = "vs_";
/// Begins an API key.
const KEY: &str = "vk_live_";
/// Characters of 256 bits in base64.
const RANDOM: usize = 43;
/// Random characters of an API key that are shown. The others keep more than 200 bits.
const SHOWN: usize = 8;

/// The kind of access that a token gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A wallet's session.
    Session,
    /// An API key of a campaign.
    Key,
}

/// A new bearer token: everybody who holds it has its rights.
#[derive(Debug)]
pub(crate) struct Token(SecretString);

impl Token {
    pub(crate) fn new(kind: Kind) -> Self {
        let mut bytes = [0; 32];
        OsRng.fill_bytes(&mut bytes);
        Self::of(kind, bytes)
    }

    /// The token of these bytes, which nobody else may be able to guess.
    pub(crate) fn of(kind: Kind, bytes: [u8; 32]) -> Self {
        let prefix = match kind {
            Kind::Session => SESSION,
            Kind::Key => KEY,
        };
        Self(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)).into())
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    pub(crate) fn hash(&self) -> [u8; 32] {
        hash(self.expose())
    }

    /// The beginning, by which its owner recognises it.
    pub(crate) fn shown(&self) -> &str {
        let text = self.expose();
        text.get(..KEY.len() + SHOWN).unwrap_or_default()
    }
}

/// The hash of a token that somebody sent, and what such a token opens. `None` if it has not the form
/// of one.
pub(crate) fn read(text: &str) -> Option<(Kind, [u8; 32])> {
    let (kind, random) = match (text.strip_prefix(SESSION), text.strip_prefix(KEY)) {
        (Some(random), _) => (Kind::Session, random),
        (None, Some(random)) => (Kind::Key, random),
        (None, None) => return None,
    };
    (random.len() == RANDOM).then(|| (kind, hash(text)))
}

/// The text has 256 random bits, so no salt and no slow hash is needed.
fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_and_shows_only_its_beginning() {
        for (kind, prefix) in [(Kind::Session, "vs_"), (Kind::Key, "vk_live_")] {
            // Given a new token, then reading it gives its kind and hash
            let token = Token::new(kind);
            assert!(token.expose().starts_with(prefix));
            assert_eq!(read(token.expose()), Some((kind, token.hash())));
            // And nothing shows the whole
            assert_eq!(token.shown().len(), 16);
            assert!(token.expose().starts_with(token.shown()));
            assert!(!format!("{token:?}").contains(token.expose()));
            // And what is shorter or longer is none
            assert_eq!(read(&token.expose()[1..]), None);
            assert_eq!(read(&format!("{}A", token.expose())), None);
            assert_ne!(Token::new(kind).hash(), token.hash());
        }
        for other in ["", "vs_", "0123456789abcdef0123456789abcdef", "vk_live_"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
