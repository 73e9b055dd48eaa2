//! What a code's owner does, and its partner.

use solana_sdk::{instruction::Instruction, pubkey::Pubkey};
use vouch_rules::Code;

use super::raw;
use crate::{PROGRAM_ID, pda};

/// What `create_referral` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreateReferral {
    /// Pays the rent; signs.
    pub payer: Pubkey,
    /// Who will earn the code's rewards; signs.
    pub owner: Pubkey,
    /// The campaign.
    pub campaign: Pubkey,
    /// The code.
    pub code: Code,
    /// Most conversions it may ever have; 0 for no limit.
    pub usage_limit: u64,
    /// Unix seconds from which it no longer earns; 0 for never.
    pub expires_at: i64,
    /// The campaign's attestor, where codes need one; signs.
    pub attestor: Option<Pubkey>,
}

impl CreateReferral {
    /// A code without limit or expiry, in a campaign that lets everybody register.
    #[must_use]
    pub fn new(payer: &Pubkey, owner: &Pubkey, campaign: &Pubkey, code: &Code) -> Self {
        Self {
            payer: *payer,
            owner: *owner,
            campaign: *campaign,
            code: *code,
            usage_limit: 0,
            expires_at: 0,
            attestor: None,
        }
    }
}

/// Registers a code.
#[must_use]
pub fn create_referral(args: &CreateReferral) -> Instruction {
    let (referral, _) = pda::referral(&args.campaign, &args.code);
    raw::CreateReferralAccounts {
        payer: args.payer,
        owner: args.owner,
        campaign: args.campaign,
        referral,
        attestor: args.attestor,
    }
    .instruction(&raw::CreateReferralArgs {
        code: args.code.to_padded(),
        usage_limit: args.usage_limit,
        expires_at: args.expires_at,
    })
}

/// What a `create_referral` instruction of the program asked for, from its accounts and
/// data; `None` when it is another instruction.
#[must_use]
pub fn read_create_referral(accounts: &[Pubkey], data: &[u8]) -> Option<CreateReferral> {
    let data = data.strip_prefix(&raw::CreateReferralAccounts::DISCRIMINATOR)?;
    let args: raw::CreateReferralArgs = borsh::from_slice(data).ok()?;
    let &[payer, owner, campaign, _referral, attestor, ..] = accounts else {
        return None;
    };
    Some(CreateReferral {
        payer,
        owner,
        campaign,
        code: Code::from_padded(&args.code).ok()?,
        usage_limit: args.usage_limit,
        expires_at: args.expires_at,
        attestor: (attestor != PROGRAM_ID).then_some(attestor),
    })
}

/// Changes what the owner may change of a code; `usage_limit` and `expires_at` are
/// 0 for none. `owner` signs.
#[must_use]
pub fn update_referral(
    owner: &Pubkey,
    referral: &Pubkey,
    active: bool,
    usage_limit: u64,
    expires_at: i64,
) -> Instruction {
    raw::UpdateReferralAccounts {
        owner: *owner,
        referral: *referral,
    }
    .instruction(&raw::UpdateReferralArgs {
        active,
        usage_limit,
        expires_at,
    })
}

/// Gives `partner` basis points of each later reward. Both sign.
#[must_use]
pub fn set_partner(
    owner: &Pubkey,
    partner: &Pubkey,
    campaign: &Pubkey,
    referral: &Pubkey,
    share_bps: u16,
) -> Instruction {
    raw::SetPartnerAccounts {
        owner: *owner,
        partner: *partner,
        campaign: *campaign,
        referral: *referral,
    }
    .instruction(&raw::SetPartnerArgs { share_bps })
}

/// Ends the partnership. `partner` signs.
#[must_use]
pub fn remove_partner(partner: &Pubkey, referral: &Pubkey) -> Instruction {
    raw::RemovePartnerAccounts {
        partner: *partner,
        referral: *referral,
    }
    .instruction()
}

/// Offers the code to another owner; `None` withdraws the offer. `owner` signs.
#[must_use]
pub fn propose_owner(owner: &Pubkey, referral: &Pubkey, new_owner: Option<&Pubkey>) -> Instruction {
    raw::ProposeOwnerAccounts {
        owner: *owner,
        referral: *referral,
    }
    .instruction(&raw::ProposeOwnerArgs {
        new_owner: new_owner.copied().unwrap_or_default(),
    })
}

/// Takes over a code that was offered to `new_owner`, who signs. Its pending
/// rewards come with it.
#[must_use]
pub fn accept_owner(new_owner: &Pubkey, campaign: &Pubkey, referral: &Pubkey) -> Instruction {
    raw::AcceptOwnerAccounts {
        new_owner: *new_owner,
        campaign: *campaign,
        referral: *referral,
    }
    .instruction()
}

/// Closes a code that nothing is pending of; its rent goes back to `rent_payer`,
/// the referral's own. `owner` signs. Nobody can take the code again.
#[must_use]
pub fn close_referral(owner: &Pubkey, referral: &Pubkey, rent_payer: &Pubkey) -> Instruction {
    raw::CloseReferralAccounts {
        owner: *owner,
        referral: *referral,
        rent_payer: *rent_payer,
    }
    .instruction()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_is_read_back_as_it_was_built() {
        let [payer, owner, campaign, attestor] =
            [1, 2, 3, 4].map(|byte| Pubkey::new_from_array([byte; 32]));
        for attestor in [None, Some(attestor)] {
            // Given a registration
            let args = CreateReferral {
                payer,
                owner,
                campaign,
                code: "STARTER7".parse().expect("a code"),
                usage_limit: 5,
                expires_at: 6,
                attestor,
            };
            let built = create_referral(&args);
            let accounts: Vec<Pubkey> = built.accounts.iter().map(|meta| meta.pubkey).collect();

            // Then reading gives the same, and its position is the referral's
            assert_eq!(read_create_referral(&accounts, &built.data), Some(args));
            let (referral, _) = pda::referral(&campaign, &args.code);
            assert_eq!(accounts[raw::CreateReferralAccounts::REFERRAL], referral);

            // And another instruction is none
            let other = accept_owner(&owner, &campaign, &referral);
            assert_eq!(read_create_referral(&accounts, &other.data), None);
        }
    }
}
