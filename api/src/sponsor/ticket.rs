//! Tickets: the proof that this service has built a message, and what it has found out about it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use vouch_client::Pubkey;

/// Bytes before the MAC: version, campaign, wallet, fee, rent, last valid block height.
const BODY: usize = 1 + 2 * 32 + 3 * 8;
/// Bytes of the MAC.
const TAG: usize = 32;
/// The version of the format.
const VERSION: u8 = 2;

/// The builder's knowledge of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) campaign: Pubkey,
    /// The wallet that acts, and that it counts for.
    pub(crate) wallet: Pubkey,
    /// Lamports.
    pub(crate) fee: u64,
    /// Lamports, at most, that the sponsor pays for accounts.
    pub(crate) rent: u64,
    /// The last block height that takes the transaction.
    pub(crate) last_valid_height: u64,
}

impl Ticket {
    /// The most that it costs the sponsor, in lamports.
    pub(crate) fn lamports(&self) -> u64 {
        self.fee.saturating_add(self.rent)
    }

    /// The ticket as text, with a MAC over it and the message.
    pub(super) fn sealed(&self, key: &Hmac<Sha256>, message: &[u8]) -> String {
        let body = self.body();
        let tag = mac(key, &body, message).finalize().into_bytes();
        BASE64.encode([body.as_slice(), &tag].concat())
    }

    /// The ticket of a text, if its MAC is of it and of this message.
    pub(super) fn opened(key: &Hmac<Sha256>, text: &str, message: &[u8]) -> Option<Self> {
        let bytes: [u8; BODY + TAG] = BASE64.decode(text).ok()?.try_into().ok()?;
        let (body, tag) = bytes.split_at(BODY);
        mac(key, body, message).verify_slice(tag).ok()?;
        let (version, body) = body.split_first()?;
        if *version != VERSION {
            return None;
        }
        let (campaign, body) = body.split_first_chunk::<32>()?;
        let (wallet, body) = body.split_first_chunk::<32>()?;
        let (fee, body) = body.split_first_chunk::<8>()?;
        let (rent, body) = body.split_first_chunk::<8>()?;
        let (height, _) = body.split_first_chunk::<8>()?;
        Some(Self {
            campaign: Pubkey::new_from_array(*campaign),
            wallet: Pubkey::new_from_array(*wallet),
            fee: u64::from_le_bytes(*fee),
            rent: u64::from_le_bytes(*rent),
            last_valid_height: u64::from_le_bytes(*height),
        })
    }

    fn body(&self) -> Vec<u8> {
        let mut body = vec![VERSION];
        body.extend(self.campaign.to_bytes());
        body.extend(self.wallet.to_bytes());
        for number in [self.fee, self.rent, self.last_valid_height] {
            body.extend(number.to_le_bytes());
        }
        body
    }
}

/// The body has a fixed length, so no two pairs of body and message are the same bytes.
fn mac(key: &Hmac<Sha256>, body: &[u8], message: &[u8]) -> Hmac<Sha256> {
    let mut mac = key.clone();
    mac.update(body);
    mac.update(message);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_of_its_message_its_words_and_its_key() {
        let key = Hmac::<Sha256>::new_from_slice(&[7; 32]).unwrap();
        let other = Hmac::<Sha256>::new_from_slice(&[8; 32]).unwrap();
        let ticket = Ticket {
            campaign: Pubkey::new_from_array([3; 32]),
            wallet: Pubkey::new_from_array([4; 32]),
            fee: 10_000,
            rent: u64::MAX,
            last_valid_height: 1,
        };
        let text = ticket.sealed(&key, b"message");
        assert_eq!(Ticket::opened(&key, &text, b"message"), Some(ticket));
        assert_eq!(Ticket::opened(&key, &text, b"messagE"), None);
        assert_eq!(Ticket::opened(&key, &text, b"message."), None);
        assert_eq!(Ticket::opened(&other, &text, b"message"), None);
        for wrong in ["", "x", &text[1..], &format!("{text}AAAA")] {
            assert_eq!(Ticket::opened(&key, wrong, b"message"), None, "{wrong}");
        }
        // No byte can be changed
        let bytes = BASE64.decode(&text).unwrap();
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let text = BASE64.encode(changed);
            assert_eq!(Ticket::opened(&key, &text, b"message"), None, "{place}");
        }
    }
}
