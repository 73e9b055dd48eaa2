//! Challenges. They are not stored: a nonce proves that this service made it, when and for which wallet.

use hmac::{Hmac, Mac};
use rand::{RngCore as _, rngs::OsRng};
use sha2::Sha256;
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Auth, SignIn};
use crate::{
    database::Database,
    error::{ApiError, ApiResult},
    types::WalletAddress,
};

/// A challenge can be answered for this long. Phantom accepts messages that are at most 10 minutes
/// old.
const LIFE: Duration = Duration::minutes(5);
/// The sentence that a wallet shows above the fields of the message.
const STATEMENT: &str =
    "Signing in proves that this wallet is yours. It sends no transaction and costs nothing.";
/// Separates these tags from every other use of a key.
const PURPOSE: &[u8] = b"vouch sign-in nonce 1";
/// Bytes of randomness, of the time in unix seconds, and of the tag.
const SIZES: [usize; 3] = [16, 8, 16];
/// Bytes of a nonce.
const SIZE: usize = SIZES[0] + SIZES[1] + SIZES[2];

/// A nonce: 128 random bits, the time of its making, and a tag of both and the wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Nonce([u8; SIZE]);

/// A challenge for one wallet.
#[derive(Debug)]
pub(crate) struct Challenge {
    pub(crate) nonce: Nonce,
    pub(crate) sign_in: SignIn,
    pub(crate) expires_at: OffsetDateTime,
}

impl Nonce {
    fn new(key: &[u8; 32], wallet: &WalletAddress, now: OffsetDateTime) -> Self {
        let mut random = [0; 16];
        OsRng.fill_bytes(&mut random);
        Self::of(key, wallet, random, now.unix_timestamp())
    }

    fn of(key: &[u8; 32], wallet: &WalletAddress, random: [u8; 16], issued_at: i64) -> Self {
        let mut bytes = [0; SIZE];
        let (head, tag) = bytes.split_at_mut(24);
        head[..16].copy_from_slice(&random);
        head[16..].copy_from_slice(&issued_at.to_be_bytes());
        tag.copy_from_slice(&mac(key, wallet, head).finalize().into_bytes()[..16]);
        Self(bytes)
    }

    /// The time in it, if it was made with this key for this wallet.
    fn issued_at(&self, key: &[u8; 32], wallet: &WalletAddress) -> Option<OffsetDateTime> {
        let (head, tag) = self.0.split_at(24);
        mac(key, wallet, head).verify_truncated_left(tag).ok()?;
        let seconds = i64::from_be_bytes(head.get(16..)?.try_into().ok()?);
        OffsetDateTime::from_unix_timestamp(seconds).ok()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn mac(key: &[u8; 32], wallet: &WalletAddress, head: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(PURPOSE);
    mac.update(wallet.0.as_ref());
    mac.update(head);
    mac
}

/// Hexadecimal, because the standard wants letters and digits only.
impl std::fmt::Display for Nonce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::str::FromStr for Nonce {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        let is_one = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
        if text.len() != 2 * SIZE || !text.as_bytes().iter().all(is_one) {
            return Err(ApiError::invalid_challenge());
        }
        let mut bytes = [0; SIZE];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = std::str::from_utf8(pair)
                .ok()
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                .ok_or_else(ApiError::invalid_challenge)?;
        }
        Ok(Self(bytes))
    }
}

impl Auth {
    /// A new challenge for this wallet.
    ///
    /// # Errors
    /// `database_unavailable` until the key of nonces is known.
    pub(crate) async fn challenge(
        &self,
        database: &Database,
        wallet: &WalletAddress,
    ) -> ApiResult<Challenge> {
        let key = self.key(database).await?;
        let now = OffsetDateTime::now_utc();
        self.of_nonce(wallet, Nonce::new(key, wallet, now), now)
    }

    /// The challenge that was made with this nonce.
    ///
    /// # Errors
    /// `invalid_challenge` if this service has not made it for this wallet, `challenge_expired`,
    /// or `database_unavailable`.
    pub(crate) async fn challenge_of(
        &self,
        database: &Database,
        wallet: &WalletAddress,
        nonce: Nonce,
    ) -> ApiResult<Challenge> {
        let key = self.key(database).await?;
        let issued_at = nonce
            .issued_at(key, wallet)
            .ok_or_else(ApiError::invalid_challenge)?;
        let challenge = self.of_nonce(wallet, nonce, issued_at)?;
        if OffsetDateTime::now_utc() >= challenge.expires_at {
            return Err(ApiError::challenge_expired());
        }
        Ok(challenge)
    }

    fn of_nonce(
        &self,
        wallet: &WalletAddress,
        nonce: Nonce,
        issued_at: OffsetDateTime,
    ) -> ApiResult<Challenge> {
        let internal = |error| ApiError::internal().because(error);
        // Whole seconds, as in the nonce.
        let issued_at = issued_at
            .replace_nanosecond(0)
            .map_err(|error| ApiError::internal().because(error))?;
        let expires_at = issued_at.saturating_add(LIFE);
        Ok(Challenge {
            nonce,
            sign_in: SignIn {
                domain: self.domain.clone(),
                address: wallet.to_string(),
                statement: Some(STATEMENT.to_owned()),
                uri: Some(self.uri.clone()),
                version: Some("1".to_owned()),
                chain_id: Some(self.chain.name().to_owned()),
                nonce: Some(nonce.to_string()),
                issued_at: Some(issued_at.format(&Rfc3339).map_err(internal)?),
                expiration_time: Some(expires_at.format(&Rfc3339).map_err(internal)?),
            },
            expires_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_for_one_wallet_and_one_time_under_one_key() {
        let wallet: WalletAddress = "5ZWj7a1f8tWkjBESHKgrLmXshuXxqeY9SYcfbshpAqPG"
            .parse()
            .unwrap();
        let other: WalletAddress = "3WyEHKZ1qqGTgNLYuJdQBBq6cUUNbCMXwJFdeUAJwBnM"
            .parse()
            .unwrap();
        let now = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        // Given a nonce, then it comes back from its text, with its time
        let nonce = Nonce::new(&[1; 32], &wallet, now);
        let text = nonce.to_string();
        assert!(text.len() == 80 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let read: Nonce = text.parse().unwrap();
        assert_eq!(read, nonce);
        assert_eq!(read.issued_at(&[1; 32], &wallet), Some(now));
        // And not for another wallet, under another key, or with another bit
        assert_eq!(read.issued_at(&[1; 32], &other), None);
        assert_eq!(read.issued_at(&[2; 32], &wallet), None);
        for place in 0..SIZE {
            let mut changed = nonce;
            changed.0[place] ^= 1;
            assert_eq!(changed.issued_at(&[1; 32], &wallet), None, "{place}");
        }
        // And no two are equal
        assert_ne!(Nonce::new(&[1; 32], &wallet, now), nonce);
        // And other texts are no nonce
        for bad in [
            "",
            "00",
            &text[1..],
            &text.to_uppercase(),
            &format!("{text}0"),
            &format!("+{}", &text[1..]),
        ] {
            assert_eq!(
                bad.parse::<Nonce>().unwrap_err().code,
                "invalid_challenge",
                "{bad}"
            );
        }
    }
}
