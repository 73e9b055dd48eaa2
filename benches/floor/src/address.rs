//! Accounts at derived addresses.

use pinocchio::{
    address::address_eq,
    cpi::{Seed, Signer},
    error::ProgramError,
    sysvars::{rent::Rent, Sysvar},
    AccountView, Address, ProgramResult,
};
use pinocchio_system::instructions::CreateAccount;

/// What the runtime appends to the seeds and the program before it hashes them:
/// <https://solana.com/docs/core/pda>.
const PDA_MARKER: &[u8] = b"ProgramDerivedAddress";

/// Every bump as a seed, so that the search copies none.
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

/// An account to be created at an address of the program.
pub struct NewAccount<'a> {
    pub program: &'a Address,
    pub payer: &'a AccountView,
    pub account: &'a AccountView,
    /// Bytes.
    pub size: usize,
    /// Without the bump.
    pub seeds: [&'a [u8]; 3],
}

impl NewAccount<'_> {
    /// Creates it, exempt from rent, when its address has the canonical bump.
    pub fn create(&self) -> ProgramResult {
        let bump = self.canonical_bump()?;
        let [kind, first, second] = self.seeds;
        let seeds: [Seed; 4] = [kind.into(), first.into(), second.into(), bump.into()];
        CreateAccount {
            from: self.payer,
            to: self.account,
            lamports: Rent::get()?.try_minimum_balance(self.size)?,
            space: self.size as u64,
            owner: self.program,
        }
        .invoke_signed(&[Signer::from(&seeds)])
    }

    /// The first bump, from 255 down, that gives no point of the curve; fails when it
    /// does not give the account's address. Whether that address itself is a point is
    /// left to the runtime, which refuses to sign for one.
    fn canonical_bump(&self) -> Result<&'static [u8; 1], ProgramError> {
        let [kind, first, second] = self.seeds;
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

/// The hash of the parts, one after the other.
#[inline(always)]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = [0; 32];
    #[cfg(target_os = "solana")]
    // SAFETY: a slice of slices is what the syscall reads, and it writes 32 bytes.
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

/// Whether the address is a point of the curve, and so may be a wallet's.
#[inline(always)]
fn is_point(address: &Address) -> bool {
    #[cfg(target_os = "solana")]
    {
        const EDWARDS: u64 = 0;
        // SAFETY: the syscall reads 32 bytes, and writes no point when there is no
        // place for it.
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
