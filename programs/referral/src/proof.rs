//! Attestations: the attestor signs the transaction, or has signed a voucher.
//!
//! A voucher is a message that the attestor signed before, checked by the Ed25519
//! program in the instruction right before the conversion's:
//! <https://solana.com/docs/core/programs/precompiles#verify-with-ed25519>. It names
//! one conversion, whose address makes the voucher usable once. It also names the campaign's
//! time of creation, which differs for the same campaign on another cluster. A voucher is
//! valid for at most 30 days, and its attestor can revoke it.

use anchor_lang::{address_eq, prelude::*};
use pinocchio::sysvars::instructions::{Instructions, INSTRUCTIONS_ID};

use crate::{
    account::{self, view},
    address,
    sale::Sale,
    ReferralError as E,
};

/// Longest life of a voucher, in seconds: 30 days.
pub const MAX_VOUCHER_LIFE: i64 = 2_592_000;
/// Seconds that the attestor's clock may be ahead of the cluster's.
pub const CLOCK_SKEW: i64 = 300;

/// The Ed25519 program.
const ED25519: Address = anchor_lang::address!("Ed25519SigVerify111111111111111111111111111");

/// First bytes of a voucher's message.
const DOMAIN: &[u8; 16] = b"vouch:conversion";
/// Bytes of the message before its times: domain, program, campaign, the campaign's time
/// of creation, referral, referee, action, amount, reference.
const NAMED_LEN: usize = 16 + 32 + 32 + 8 + 32 + 32 + 1 + 8 + 32;
/// Bytes of the message: the same, and the times of issue and expiry.
const MESSAGE_LEN: usize = NAMED_LEN + 8 + 8;

/// Header of the Ed25519 instruction: one signature, with key, signature and message in the same
/// instruction, in the order that common builders use.
const HEADER: [u8; 16] = header();
const KEY_AT: usize = 16;
const SIGNATURE_AT: usize = KEY_AT + 32;
const MESSAGE_AT: usize = SIGNATURE_AT + 64;
const DATA_LEN: usize = MESSAGE_AT + MESSAGE_LEN;

const fn header() -> [u8; 16] {
    let (key, signature) = (
        (KEY_AT as u16).to_le_bytes(),
        (SIGNATURE_AT as u16).to_le_bytes(),
    );
    let (message, length) = (
        (MESSAGE_AT as u16).to_le_bytes(),
        (MESSAGE_LEN as u16).to_le_bytes(),
    );
    // One signature, a byte of padding; offsets, each with "this instruction".
    [
        1,
        0,
        signature[0],
        signature[1],
        0xff,
        0xff,
        key[0],
        key[1],
        0xff,
        0xff,
        message[0],
        message[1],
        length[0],
        length[1],
        0xff,
        0xff,
    ]
}

/// The accounts that carry an attestation.
pub struct Attestation<'a> {
    /// The attestor, if it signs.
    pub signer: &'a Option<Signer>,
    /// The instructions sysvar, if a voucher is used.
    pub instructions: &'a Option<UncheckedAccount>,
    /// The address of that voucher's revocation.
    pub revocation: &'a Option<UncheckedAccount>,
}

impl Attestation<'_> {
    /// Fails unless the campaign's attestor vouches for the sale, by its signature or by a
    /// voucher that is valid now.
    #[inline(never)]
    pub fn check(&self, sale: &Sale) -> Result<()> {
        let attestor = &sale.campaign.settings.attestor;
        if let Some(signer) = self.signer {
            require!(address_eq(signer.address(), attestor), E::WrongAttestor);
            return Ok(());
        }
        let account = view(self.instructions).ok_or(E::AttestationRequired)?;
        require!(
            address_eq(account.address(), &INSTRUCTIONS_ID),
            E::AttestationRequired
        );
        let data = account.try_borrow()?;
        // SAFETY: these are the sysvar's bytes; its address was compared.
        let all = unsafe { Instructions::new_unchecked(&*data) };
        let before = all
            .load_current_index()
            .checked_sub(1)
            .ok_or(E::AttestationRequired)?;
        let instruction = all.load_instruction_at(usize::from(before))?;
        require!(
            address_eq(instruction.get_program_id(), &ED25519),
            E::AttestationRequired
        );
        let voucher = Voucher::read(instruction.get_instruction_data(), attestor, sale)
            .ok_or(E::InvalidVoucher)?;
        let life = voucher.expires_at.checked_sub(voucher.issued_at);
        require!(
            life.is_some_and(|life| (0..=MAX_VOUCHER_LIFE).contains(&life))
                && voucher.issued_at <= sale.now.saturating_add(CLOCK_SKEW),
            E::InvalidVoucher
        );
        require!(sale.now < voucher.expires_at, E::VoucherExpired);
        let revocation = view(self.revocation).ok_or(E::MissingAccount)?;
        let key = address::revocation_key(&sha256(voucher.message));
        require!(
            address_eq(
                revocation.address(),
                &address::keyed(sale.campaign.address(), &key)
            ),
            E::WrongRevocation
        );
        account::check_vacant(revocation, E::VoucherRevoked)
    }
}

/// A voucher for exactly one sale.
struct Voucher<'a> {
    message: &'a [u8; MESSAGE_LEN],
    issued_at: i64,
    expires_at: i64,
}

impl<'a> Voucher<'a> {
    /// Reads a voucher by `attestor` for `sale`; returns `None` if the data is anything else.
    fn read(data: &'a [u8], attestor: &Address, sale: &Sale) -> Option<Self> {
        let data: &[u8; DATA_LEN] = data.try_into().ok()?;
        let (header, rest) = data.split_first_chunk::<16>()?;
        let (key, rest) = rest.split_first_chunk::<32>()?;
        // The runtime has verified the signature; otherwise the transaction would have failed.
        let (_signature, message) = rest.split_first_chunk::<64>()?;
        let message: &[u8; MESSAGE_LEN] = message.try_into().ok()?;
        let (named, times) = message.split_first_chunk::<NAMED_LEN>()?;
        let (issued_at, expires_at) = times.split_first_chunk::<8>()?;

        let mut expected = [0; NAMED_LEN];
        let mut rest = expected.as_mut_slice();
        for part in [
            DOMAIN.as_slice(),
            crate::ID.as_ref(),
            sale.campaign.address().as_ref(),
            &sale.campaign.created_at.get().to_le_bytes(),
            sale.referral.address().as_ref(),
            sale.request.referee.as_ref(),
            &[sale.request.action],
            &sale.request.amount.to_le_bytes(),
            sale.request.reference,
        ] {
            let (here, after) = rest.split_at_mut_checked(part.len())?;
            here.copy_from_slice(part);
            rest = after;
        }
        let same = *header == HEADER && key == attestor.as_array() && *named == expected;
        same.then(|| Self {
            message,
            issued_at: i64::from_le_bytes(*issued_at),
            expires_at: i64::from_le_bytes(expires_at.try_into().unwrap_or_default()),
        })
    }
}
