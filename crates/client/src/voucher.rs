//! Vouchers: an attestor's signature that vouches for one conversion. Anybody can send it
//! to the chain.

use sha2::{Digest as _, Sha256};
use solana_sdk::{instruction::Instruction, pubkey::Pubkey};

use crate::{PROGRAM_ID, accounts::Action};

/// The first bytes of every voucher's message.
pub const DOMAIN: &[u8; 16] = b"vouch:conversion";
/// Bytes of a message.
pub const MESSAGE_LEN: usize = 209;
/// Longest life of a voucher, in seconds: 30 days.
pub const MAX_LIFE: i64 = 2_592_000;
/// Seconds that an attestor's clock may be ahead of the cluster's.
pub const CLOCK_SKEW: i64 = 300;
/// The program that verifies Ed25519 signatures.
pub const ED25519_PROGRAM_ID: Pubkey =
    Pubkey::from_str_const("Ed25519SigVerify111111111111111111111111111");

/// The claim that the attestor signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statement {
    /// The campaign.
    pub campaign: Pubkey,
    /// Unix seconds of the campaign's creation. They differ between clusters, so a
    /// voucher of one cluster is invalid on another.
    pub campaign_created_at: i64,
    /// The referral that is credited.
    pub referral: Pubkey,
    /// The wallet that was referred.
    pub referee: Pubkey,
    /// The referee's action.
    pub action: Action,
    /// The worth of the action, in the units of `convert`'s amount.
    pub amount: u64,
    /// The campaign's own reference; zeros for none.
    pub reference: [u8; 32],
    /// Unix seconds at which the attestor issued the voucher.
    pub issued_at: i64,
    /// Unix seconds at which the voucher expires: at most [`MAX_LIFE`] after `issued_at`.
    pub expires_at: i64,
}

/// The bytes that the attestor signs.
#[must_use]
pub fn message(statement: &Statement) -> [u8; MESSAGE_LEN] {
    let mut message = [0; MESSAGE_LEN];
    let mut rest = message.as_mut_slice();
    for part in [
        DOMAIN.as_slice(),
        PROGRAM_ID.as_ref(),
        statement.campaign.as_ref(),
        &statement.campaign_created_at.to_le_bytes(),
        statement.referral.as_ref(),
        statement.referee.as_ref(),
        &[statement.action as u8],
        &statement.amount.to_le_bytes(),
        &statement.reference,
        &statement.issued_at.to_le_bytes(),
        &statement.expires_at.to_le_bytes(),
    ] {
        let (here, after) = rest.split_at_mut(part.len());
        here.copy_from_slice(part);
        rest = after;
    }
    message
}

/// The SHA-256 of a message. It identifies the voucher when it is revoked.
#[must_use]
pub fn digest(message: &[u8; MESSAGE_LEN]) -> [u8; 32] {
    Sha256::digest(message).into()
}

/// Offset of the public key in the instruction data: after the count, its padding and the
/// offsets of one signature.
const PUBLIC_KEY_AT: u16 = 16;
const SIGNATURE_AT: u16 = PUBLIC_KEY_AT + 32;
const MESSAGE_AT: u16 = SIGNATURE_AT + 64;
/// Index that stands for "this instruction".
const HERE: u16 = u16::MAX;

/// The Ed25519 instruction that carries the voucher. It must be right before `convert`.
///
/// Layout: <https://docs.rs/solana-ed25519-program/3>.
#[must_use]
pub fn instruction(
    attestor: &Pubkey,
    signature: &[u8; 64],
    message: &[u8; MESSAGE_LEN],
) -> Instruction {
    let mut data = vec![1, 0];
    for offset in [
        SIGNATURE_AT,
        HERE,
        PUBLIC_KEY_AT,
        HERE,
        MESSAGE_AT,
        MESSAGE_LEN as u16,
        HERE,
    ] {
        data.extend(offset.to_le_bytes());
    }
    data.extend(attestor.as_ref());
    data.extend(signature);
    data.extend(message);
    Instruction {
        program_id: ED25519_PROGRAM_ID,
        accounts: vec![],
        data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_voucher_has_its_place() {
        // Given a voucher with a distinct byte for each part
        let [campaign, referral, referee, attestor] =
            [1, 2, 3, 4].map(|byte| Pubkey::new_from_array([byte; 32]));
        let message = message(&Statement {
            campaign,
            campaign_created_at: -3,
            referral,
            referee,
            action: Action::Loan,
            amount: 0x0607,
            reference: [8; 32],
            issued_at: -1,
            expires_at: -2,
        });

        // Then the message is the parts in order
        assert_eq!(&message[..16], b"vouch:conversion");
        assert_eq!(message[16..48], PROGRAM_ID.to_bytes());
        assert_eq!(message[48..80], [1; 32]);
        assert_eq!(message[80..88], (-3_i64).to_le_bytes());
        assert_eq!(message[88..120], [2; 32]);
        assert_eq!(message[120..152], [3; 32]);
        assert_eq!(message[152], 5);
        assert_eq!(message[153..161], [7, 6, 0, 0, 0, 0, 0, 0]);
        assert_eq!(message[161..193], [8; 32]);
        assert_eq!(message[193..201], (-1_i64).to_le_bytes());
        assert_eq!(message[201..], (-2_i64).to_le_bytes());

        // And the instruction holds key, signature and message, and points at each
        let instruction = instruction(&attestor, &[9; 64], &message);
        assert!(instruction.accounts.is_empty());
        assert_eq!(
            instruction.data[..16],
            [
                1, 0, 48, 0, 255, 255, 16, 0, 255, 255, 112, 0, 209, 0, 255, 255
            ]
        );
        assert_eq!(instruction.data[16..48], [4; 32]);
        assert_eq!(instruction.data[48..112], [9; 64]);
        assert_eq!(instruction.data[112..], message);
    }
}
