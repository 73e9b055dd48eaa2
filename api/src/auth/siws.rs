//! Messages of Sign-In With Solana, in the grammar of
//! <https://github.com/phantom/sign-in-with-solana>, and the forms in which wallets sign them.

use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

/// The input of a wallet's `solana:signIn`, with the names of the wallet standard. Displays as the
/// message that a wallet makes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SignIn {
    /// Host of this service, and its port unless it is the scheme's own.
    pub(crate) domain: String,
    /// The wallet.
    pub(crate) address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) statement: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    /// mainnet, testnet, devnet or localnet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) chain_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) nonce: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) issued_at: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expiration_time: Option<String>,
}

impl fmt::Display for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (domain, address) = (&self.domain, &self.address);
        write!(
            f,
            "{domain} wants you to sign in with your Solana account:\n{address}"
        )?;
        if let Some(statement) = &self.statement {
            write!(f, "\n\n{statement}")?;
        }
        let fields = [
            ("URI", &self.uri),
            ("Version", &self.version),
            ("Chain ID", &self.chain_id),
            ("Nonce", &self.nonce),
            ("Issued At", &self.issued_at),
            ("Expiration Time", &self.expiration_time),
        ];
        // An empty line comes before the first field.
        let mut separator = "\n\n";
        for (name, value) in fields {
            if let Some(value) = value {
                write!(f, "{separator}{name}: {value}")?;
                separator = "\n";
            }
        }
        Ok(())
    }
}

/// Begins every off-chain message. No transaction begins with this first byte.
const OFF_CHAIN: &[u8] = b"\xffsolana offchain";
/// Formats of off-chain messages that a hardware wallet signs: ASCII and UTF-8. Ledger allows line
/// feeds in both.
const FORMATS: [u8; 2] = [0, 1];

/// Whether `signed` is `message` itself, or an off-chain message of `wallet` alone with this text. The
/// forms are those of <https://docs.anza.xyz/proposals/off-chain-message-signing>:
///
/// - version 0: application domain (32 bytes), format, number of signers, signers, length, text.
///   The domain is any, because the text names ours;
/// - version 0 as the Solana CLI and older Ledger applications write it: format, length, text;
/// - version 1: number of signers, signers, text.
pub(crate) fn is_signed_form(signed: &[u8], message: &[u8], wallet: &[u8; 32]) -> bool {
    if signed == message {
        return true;
    }
    let (Some(rest), Ok(length)) = (
        signed.strip_prefix(OFF_CHAIN),
        u16::try_from(message.len()).map(u16::to_le_bytes),
    ) else {
        return false;
    };
    let signer = [&[1], wallet.as_slice()].concat();
    match rest.split_first() {
        Some((1, rest)) => rest == [signer.as_slice(), message].concat(),
        Some((0, rest)) => FORMATS.iter().any(|format| {
            let short = [&[*format], length.as_slice(), message].concat();
            let full = [&[*format], signer.as_slice(), &length, message].concat();
            rest == short || rest.get(32..) == Some(&full)
        }),
        _ => false,
    }
}

/// The bytes that wallets sign when they do not say which: the message, or the off-chain message of version 0
/// that the Solana CLI makes of it, in the short form.
pub(crate) fn usual_forms(message: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![message.to_vec()];
    if let Ok(length) = u16::try_from(message.len()) {
        forms.push([OFF_CHAIN, &[0, 1], &length.to_le_bytes(), message].concat());
    }
    forms
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use serde_json::Value;
    use solana_sdk::{pubkey::Pubkey, signature::Signature};

    use super::*;

    /// Made by the published packages that the file names.
    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../tests/siws/vectors.json")).unwrap()
    }

    fn input(fields: &Value) -> SignIn {
        let text = |name: &str| fields[name].as_str().map(str::to_owned);
        SignIn {
            domain: text("domain").unwrap(),
            address: text("address").unwrap(),
            statement: text("statement"),
            uri: text("uri"),
            version: text("version"),
            chain_id: text("chainId"),
            nonce: text("nonce"),
            issued_at: text("issuedAt"),
            expiration_time: text("expirationTime"),
        }
    }

    #[test]
    fn messages_are_those_of_the_wallet_standard() {
        // Given the input of the published implementation, then the message is the same
        let vectors = vectors();
        let full = input(&vectors["input"]);
        assert_eq!(full.to_string(), vectors["text"].as_str().unwrap());
        // And its JSON is the wallet's input
        assert_eq!(serde_json::to_value(&full).unwrap(), vectors["input"]);
        // Given the vectors in the tests of `@solana/wallet-standard-util`
        let minimal = input(&vectors["minimal"]["input"]);
        assert_eq!(
            minimal.to_string(),
            "solana.com wants you to sign in with your Solana account:\nA"
        );
        let statement = SignIn {
            statement: Some("S".to_owned()),
            ..minimal
        };
        assert_eq!(
            statement.to_string(),
            "solana.com wants you to sign in with your Solana account:\nA\n\nS"
        );
    }

    #[test]
    fn wallets_sign_the_text_or_an_off_chain_message_of_it() {
        let vectors = vectors();
        let message = vectors["text"].as_str().unwrap().as_bytes();
        let wallet: Pubkey = vectors["input"]["address"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        let other = Pubkey::new_from_array([7; 32]);
        for (name, form) in vectors["forms"].as_object().unwrap() {
            // Given each published form, then it is accepted, and its signature is valid
            let decode = |field: &str| STANDARD.decode(form[field].as_str().unwrap()).unwrap();
            let (bytes, signature) = (decode("bytes"), decode("signature"));
            assert!(
                is_signed_form(&bytes, message, &wallet.to_bytes()),
                "{name}"
            );
            let signature = Signature::try_from(signature.as_slice()).unwrap();
            assert!(signature.verify(wallet.as_ref(), &bytes), "{name}");
            // And no change of one byte is, except in the application domain
            for place in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[place] ^= 1;
                let accepted = is_signed_form(&changed, message, &wallet.to_bytes());
                let is_free = name == "v0" && (17..49).contains(&place);
                // Bit 0 of the format makes ASCII of UTF-8.
                let is_format = name == "v0" && place == 49;
                assert_eq!(accepted, is_free || is_format, "{name} {place}");
            }
            // And no longer or shorter form is accepted, and only `raw` for another wallet
            assert!(!is_signed_form(
                &bytes[..bytes.len() - 1],
                message,
                &wallet.to_bytes()
            ));
            let longer = [bytes.as_slice(), b"\n"].concat();
            assert!(!is_signed_form(&longer, message, &wallet.to_bytes()));
            let of_other = is_signed_form(&bytes, message, &other.to_bytes());
            assert_eq!(of_other, name == "raw");
        }
        // Given the form of the Solana CLI, then it is accepted
        let length = u16::try_from(message.len()).unwrap().to_le_bytes();
        let cli = [b"\xffsolana offchain\0\x01", length.as_slice(), message].concat();
        assert!(is_signed_form(&cli, message, &wallet.to_bytes()));
        assert_eq!(usual_forms(message), [message.to_vec(), cli]);
        // And not with two signers
        let two = [
            b"\xffsolana offchain\x01\x02",
            wallet.as_ref(),
            other.as_ref(),
            message,
        ]
        .concat();
        assert!(!is_signed_form(&two, message, &wallet.to_bytes()));
        assert!(!is_signed_form(b"", message, &wallet.to_bytes()));
    }

    #[test]
    fn malleable_and_small_order_signatures_are_refused() {
        let vectors = vectors();
        let message = vectors["text"].as_str().unwrap().as_bytes();
        let wallet: Pubkey = vectors["input"]["address"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        let raw = vectors["forms"]["raw"]["signature"].as_str().unwrap();
        let raw: [u8; 64] = STANDARD.decode(raw).unwrap().try_into().unwrap();
        assert!(Signature::from(raw).verify(wallet.as_ref(), message));
        // Given the same signature with the group's order added to its scalar
        let order: [u8; 32] = [
            0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9,
            0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
        ];
        let mut malleable = raw;
        let mut carry = 0_u16;
        for (byte, add) in malleable[32..].iter_mut().zip(order) {
            carry += u16::from(*byte) + u16::from(add);
            *byte = carry.to_le_bytes()[0];
            carry >>= 8;
        }
        // Then it is refused
        assert!(!Signature::from(malleable).verify(wallet.as_ref(), message));
        // Given keys of small order, whose signature is valid for any message under ZIP 215 (the
        // vector in the tests of `@solana/wallet-standard-util`, and the neutral element)
        let mut identity = [0; 64];
        identity[0] = 1;
        for key in [[0; 32], identity[..32].try_into().unwrap()] {
            assert!(!Signature::from(identity).verify(&key, message), "{key:?}");
        }
    }

    #[test]
    fn a_published_signature_is_valid() {
        // Given a message and its signature from the tests of Argent's `siws` module
        let wallet: Pubkey = "24KebvJCscDwVm5KDMF3BJzZ8F6NqXpPUGGVC9Nz1bG6"
            .parse()
            .unwrap();
        let message = SignIn {
            domain: "https://example.com".to_owned(),
            address: wallet.to_string(),
            statement: Some(
                "Authorize Controller session with hash: 0x1234567890abcdef".to_owned(),
            ),
            uri: None,
            version: None,
            chain_id: None,
            nonce: None,
            issued_at: None,
            expiration_time: None,
        }
        .to_string();
        let signature: Signature = "5xFDgX19fmWMPK8R7pLPR5WtPUPuarYKPxLbZdU4TUZ8KVSvgDX5aDwEy1EySHN1ipDNf2xTQc69cs6tWXc7mFJM".parse().unwrap();
        // Then it is a signature of our message
        assert!(signature.verify(wallet.as_ref(), message.as_bytes()));
    }
}
