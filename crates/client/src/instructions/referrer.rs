//! Instructions of a code's owner, and of its partner.

use solana_sdk::{instruction::Instruction, pubkey::Pubkey};
use vouch_rules::{Code, reward::Share};

use super::raw;
use crate::{PROGRAM_ID, pda};

/// Arguments of [`create_referral`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreateReferral {
    /// Pays the rent; signs.
    pub payer: Pubkey,
    /// Earns the code's rewards; signs.
    pub owner: Pubkey,
    /// The campaign.
    pub campaign: Pubkey,
    /// The code.
    pub code: Code,
    /// Most conversions that the code may ever have; 0 for no limit.
    pub usage_limit: u64,
    /// Unix seconds from which the code no longer earns; 0 for never.
    pub expires_at: i64,
    /// The campaign's attestor, if codes need its signature; signs.
    pub attestor: Option<Pubkey>,
    /// Whether the campaign counts per owner. Then [`register_referrer`] must come first.
    pub per_owner: bool,
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
            per_owner: false,
        }
    }
}

/// Registers a code.
#[must_use]
pub fn create_referral(args: &CreateReferral) -> Instruction {
    raw::CreateReferralAccounts {
        payer: args.payer,
        owner: args.owner,
        campaign: args.campaign,
        referral: pda::referral(&args.campaign, &args.code),
        attestor: args.attestor,
        referrer: (args.per_owner).then(|| pda::referrer(&args.campaign, &args.owner)),
    }
    .instruction(&raw::CreateReferralArgs {
        code: args.code.to_padded(),
        usage_limit: args.usage_limit,
        expires_at: args.expires_at,
    })
}

/// Reads the accounts and the data of a `create_referral` instruction of the program;
/// `None` when they are of another instruction.
#[must_use]
pub fn read_create_referral(accounts: &[Pubkey], data: &[u8]) -> Option<CreateReferral> {
    let data = data.strip_prefix(&raw::CreateReferralAccounts::DISCRIMINATOR)?;
    let args: raw::CreateReferralArgs = borsh::from_slice(data).ok()?;
    let &[payer, owner, campaign, _referral, attestor, referrer, ..] = accounts else {
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
        per_owner: referrer != PROGRAM_ID,
    })
}

/// Changes the settings of a code that its owner controls. `usage_limit` and `expires_at`
/// (unix seconds) are 0 for none. `owner` signs.
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

/// Gives `partner` a part of each later reward: either basis points or base units.
/// `owner` and `partner` sign.
#[must_use]
pub fn set_partner(
    owner: &Pubkey,
    partner: &Pubkey,
    campaign: &Pubkey,
    referral: &Pubkey,
    share: Share,
) -> Instruction {
    raw::SetPartnerAccounts {
        owner: *owner,
        partner: *partner,
        campaign: *campaign,
        referral: *referral,
    }
    .instruction(&raw::SetPartnerArgs {
        share_bps: share.bps,
        fixed: share.fixed,
    })
}

/// Ends the partnership for later conversions: at once if the partner is the `party`, in
/// 7 days if the owner is. `party` signs.
#[must_use]
pub fn end_partnership(party: &Pubkey, referral: &Pubkey) -> Instruction {
    raw::EndPartnershipAccounts {
        party: *party,
        referral: *referral,
    }
    .instruction()
}

/// Creates the account that counts the conversions of all codes of `owner`, in a campaign
/// that counts per owner. `payer` and `owner` sign.
#[must_use]
pub fn register_referrer(payer: &Pubkey, owner: &Pubkey, campaign: &Pubkey) -> Instruction {
    raw::RegisterReferrerAccounts {
        payer: *payer,
        owner: *owner,
        campaign: *campaign,
        referrer: pda::referrer(campaign, owner),
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

/// Takes over a code that was offered to `new_owner`, together with its pending rewards.
/// `new_owner` signs. If the campaign counts `per_owner`, the new owner must have
/// registered before: [`register_referrer`].
#[must_use]
pub fn accept_owner(
    new_owner: &Pubkey,
    campaign: &Pubkey,
    referral: &Pubkey,
    per_owner: bool,
) -> Instruction {
    raw::AcceptOwnerAccounts {
        new_owner: *new_owner,
        campaign: *campaign,
        referral: *referral,
        referrer: per_owner.then(|| pda::referrer(campaign, new_owner)),
    }
    .instruction()
}

/// Closes a code without pending rewards. Its rent goes back to `rent_payer`, which must
/// be the referral's. `owner` signs. Nobody can register the code again.
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
                per_owner: attestor.is_some(),
            };
            let built = create_referral(&args);
            let accounts: Vec<Pubkey> = built.accounts.iter().map(|meta| meta.pubkey).collect();

            // Then reading returns the same arguments, and the referral is at its
            // position
            assert_eq!(read_create_referral(&accounts, &built.data), Some(args));
            let referral = pda::referral(&campaign, &args.code);
            assert_eq!(accounts[raw::CreateReferralAccounts::REFERRAL], referral);

            // And another instruction is refused
            let other = accept_owner(&owner, &campaign, &referral, false);
            assert_eq!(read_create_referral(&accounts, &other.data), None);
        }
    }
}
