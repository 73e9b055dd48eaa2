//! Accounts at derived addresses: a campaign's is a PDA, all others follow from the
//! campaign with a seed.

use pinocchio::{
    address::address_eq,
    cpi::{Seed, Signer},
    error::ProgramError,
    sysvars::{rent::Rent, Sysvar},
    AccountView, Address, ProgramResult,
};
use pinocchio_system::instructions::{CreateAccount, CreateAccountWithSeed};

use crate::calls::campaign_seeds;

/// The suffix that the runtime hashes after the seeds and the program:
/// <https://solana.com/docs/core/pda>.
const PDA_MARKER: &[u8] = b"ProgramDerivedAddress";

/// Every bump as a seed, so that the search copies nothing.
#[allow(clippy::indexing_slicing, reason = "checked at compile time")]
static BUMPS: [[u8; 1]; 256] = {
    let mut bumps = [[0; 1]; 256];
    let mut bump = 0;
    while bump < 256 {
        bumps[bump][0] = bump as u8;
        bump += 1;
    }
    bumps
};

/// An account to create.
pub struct NewAccount<'a> {
    pub program: &'a Address,
    pub payer: &'a AccountView,
    pub account: &'a AccountView,
    /// Bytes.
    pub size: usize,
}

impl NewAccount<'_> {
    /// Creates the campaign of this creator and id, rent-exempt. Fails unless its address
    /// has the canonical bump.
    pub fn create_campaign(&self, creator: &Address, id: &[u8]) -> ProgramResult {
        let seeds: [&[u8]; 3] = [b"campaign", creator.as_ref(), id];
        let bump = self.canonical_bump(seeds)?;
        let [kind, creator, id] = seeds;
        let seeds: [Seed; 4] = [kind.into(), creator.into(), id.into(), bump.into()];
        CreateAccount {
            from: self.payer,
            to: self.account,
            lamports: self.rent()?,
            space: self.size as u64,
            owner: self.program,
        }
        .invoke_signed(&[Signer::from(&seeds)])
    }

    /// Creates the account of `campaign` with this seed, rent-exempt. The System program
    /// checks the address.
    pub fn create_with_seed(&self, campaign: &AccountView, seed: &str) -> ProgramResult {
        let data = campaign.try_borrow()?;
        let seeds = campaign_seeds(&data)?;
        CreateAccountWithSeed {
            from: self.payer,
            to: self.account,
            base: Some(campaign),
            seed,
            lamports: self.rent()?,
            space: self.size as u64,
            owner: self.program,
        }
        .invoke_signed(&[Signer::from(&seeds)])
    }

    /// [`Self::create_with_seed`], with the lower seven bits of each byte of `key` as the
    /// seed.
    pub fn create_keyed(&self, campaign: &AccountView, key: &[u8; 32]) -> ProgramResult {
        // SAFETY: the read covers exactly 32 bytes, and needs no alignment.
        let words: [u64; 4] = unsafe { core::ptr::read_unaligned(key.as_ptr().cast()) };
        let words = words.map(|word| word & 0x7f7f_7f7f_7f7f_7f7f);
        // SAFETY: both types have 32 bytes.
        let seed = unsafe { core::mem::transmute::<[u64; 4], [u8; 32]>(words) };
        // SAFETY: every byte is below 128, so the text is ASCII.
        let seed = unsafe { core::str::from_utf8_unchecked(&seed) };
        self.create_with_seed(campaign, seed)
    }

    fn rent(&self) -> Result<u64, ProgramError> {
        Rent::get()?.try_minimum_balance(self.size)
    }

    /// The first bump, from 255 down, whose address is not a point of the curve. Fails if
    /// it differs from the account's address. The runtime refuses to sign for an address
    /// on the curve, so that is not checked here.
    fn canonical_bump(&self, seeds: [&[u8]; 3]) -> Result<&'static [u8; 1], ProgramError> {
        let [kind, first, second] = seeds;
        for bump in BUMPS.iter().rev() {
            let address = Address::new_from_array(sha256(&[
                kind,
                first,
                second,
                bump,
                self.program.as_ref(),
                PDA_MARKER,
            ]));
            if address_eq(&address, self.account.address()) {
                return Ok(bump);
            }
            if !is_point(&address) {
                break;
            }
        }
        Err(ProgramError::InvalidSeeds)
    }
}

/// The SHA-256 of the concatenated parts.
#[inline(always)]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = [0; 32];
    #[cfg(target_os = "solana")]
    // SAFETY: the syscall reads a slice of slices and writes 32 bytes.
    unsafe {
        pinocchio::syscalls::sol_sha256(
            parts.as_ptr().cast(),
            parts.len() as u64,
            hash.as_mut_ptr(),
        );
    }
    #[cfg(not(target_os = "solana"))]
    core::hint::black_box((parts, &mut hash));
    hash
}

/// Whether the address is a point of the curve, so that it may be a wallet's.
#[inline(always)]
fn is_point(address: &Address) -> bool {
    #[cfg(target_os = "solana")]
    {
        const EDWARDS: u64 = 0;
        // SAFETY: the syscall reads 32 bytes. It writes no point, because the pointer for
        // the result is null.
        let result = unsafe {
            pinocchio::syscalls::sol_curve_validate_point(
                EDWARDS,
                address.as_ref().as_ptr(),
                core::ptr::null_mut(),
            )
        };
        result == 0
    }
    #[cfg(not(target_os = "solana"))]
    core::hint::black_box(address.as_ref().is_empty())
}
