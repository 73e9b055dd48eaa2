use anchor_lang::{address_eq, prelude::*};

use super::{give_back, over, Over};
use crate::{
    account::{self, view, Recipient},
    address, clock, payout, Conversion, Existing, ReferralError as E, SETTLED_ALL, STATUS_PAID,
    STATUS_PENDING,
};

/// Accounts of `reclaim_conversion`. Nobody has to sign.
#[derive(Accounts)]
pub struct ReclaimConversion {
    /// The campaign, or its tombstone.
    // Safe: read as an account of this program; the conversion's address is derived from it.
    pub campaign: UncheckedAccount,
    /// The conversion.
    // Safe: owned by this program, with its discriminator.
    #[account(mut)]
    pub conversion: Existing<Conversion>,
    /// Paid the rent, and gets it back.
    // Safe: compared with the conversion's. May be the treasury: nothing here keeps a typed
    // view of its data.
    #[account(mut, unsafe(dup))]
    pub rent_payer: Recipient,
    /// The campaign's treasury, which gets the SOL that nobody claimed.
    // Safe: compared with the campaign's. May be the rent payer: nothing here keeps a typed
    // view of its data.
    #[account(mut, unsafe(dup))]
    pub treasury: Option<Recipient>,
}

impl ReclaimConversion {
    /// Returns the rent of a conversion. SOL that nobody claimed in time goes to the campaign's
    /// treasury.
    pub fn handle(ctx: &mut Context<Self>, key: [u8; 32]) -> Result<()> {
        let now = clock::now()?;
        let accounts = &mut ctx.accounts;
        let conversion = &accounts.conversion;
        // Only the conversion's campaign and key give its address.
        let address = address::keyed(accounts.campaign.address(), &key);
        require!(address_eq(&address, conversion.address()), E::WrongCampaign);
        let over = over(accounts.campaign.account(), now)?;
        require!(over.closed, E::CampaignNotClosed);
        let pending = conversion.status == STATUS_PENDING;
        require!(!pending || over.claims, E::RewardsPending);
        let rent_payer = conversion.rent_payer;
        let destination = accounts.rent_payer.account();
        require!(
            address_eq(&rent_payer, destination.address()),
            E::WrongRentPayer
        );
        let mut lapsed = 0;
        if pending {
            let unclaimed = payout::unsettled(conversion.settled);
            let unclaimed = payout::sum(&conversion.reward(), unclaimed);
            let treasury = view(&accounts.treasury);
            lapsed = lapse(conversion.account(), treasury, &over, unclaimed)?;
        }
        if destination.executable() {
            // The rent payer is a wallet that became a program, which can receive nothing. Its
            // rent stays, so the instruction must at least have paid the treasury.
            require!(lapsed != 0, ErrorCode::ConstraintMut);
            accounts.conversion.status = STATUS_PAID;
            accounts.conversion.settled = SETTLED_ALL;
            return Ok(());
        }
        give_back(&mut accounts.conversion, rent_payer, destination)
    }
}

/// Moves `unclaimed` lamports of an escrow to the campaign's treasury; returns how many it moved.
/// Unclaimed tokens stay in the vault, which the campaign's authority empties.
fn lapse(
    escrow: &AccountView,
    treasury: Option<&AccountView>,
    over: &Over,
    unclaimed: u64,
) -> Result<u64> {
    if unclaimed == 0 || address::address_is_zero(&over.treasury) {
        return Ok(0);
    }
    let treasury = treasury.ok_or(E::MissingAccount)?;
    require!(
        address_eq(treasury.address(), &over.treasury),
        E::WrongTreasury
    );
    // A treasury that became a program can never be paid. The rent payer then gets these lamports
    // too, because its rent must not stay locked.
    if treasury.executable() {
        return Ok(0);
    }
    require!(treasury.is_writable(), ErrorCode::ConstraintMut);
    account::move_lamports(escrow, treasury, unclaimed)?;
    Ok(unclaimed)
}
