//! The program's instructions, read from their data.

use borsh::BorshDeserialize;
use solana_sdk::pubkey::Pubkey;
use vouch_client::instructions::raw::*;

use crate::{calls::Call, error::Kind};

/// An instruction with its arguments.
pub(crate) enum Instruction {
    AcceptAuthority,
    AcceptOwner,
    Bind(BindArgs),
    CancelConversion,
    Claim,
    CloseCampaign,
    CloseReferral,
    Convert(ConvertArgs),
    CreateCampaign(Box<CreateCampaignArgs>),
    CreateReferral(CreateReferralArgs),
    EndPartnership,
    FundVault(FundVaultArgs),
    ProposeAuthority(ProposeAuthorityArgs),
    ProposeOwner(ProposeOwnerArgs),
    Purchase(PurchaseArgs),
    ReclaimBinding,
    ReclaimCampaign,
    ReclaimConversion,
    ReclaimReferral,
    ReclaimReferrer,
    ReclaimVoucher,
    RegisterReferrer,
    RevokeVoucher(RevokeVoucherArgs),
    SetPartner(SetPartnerArgs),
    SetPaused(SetPausedArgs),
    SetSuspended(SetSuspendedArgs),
    UpdateCampaign(Box<UpdateCampaignArgs>),
    UpdateReferral(UpdateReferralArgs),
    WithdrawVault(WithdrawVaultArgs),
}

/// The arguments at the front of `data`. The program ignores bytes behind them, so anybody may
/// add some.
fn args<T: BorshDeserialize>(name: &'static str, mut data: &[u8]) -> Result<T, Kind> {
    T::deserialize(&mut data).map_err(|_| Kind::InvalidArguments(name))
}

impl Instruction {
    /// Reads an instruction.
    pub(crate) fn read(data: &[u8]) -> Result<Self, Kind> {
        let unknown = || {
            let head = data.get(..8).unwrap_or(data);
            Kind::UnknownInstruction(head.to_vec())
        };
        let (head, rest) = data.split_first_chunk::<8>().ok_or_else(unknown)?;
        Ok(match *head {
            ConvertAccounts::DISCRIMINATOR => Self::Convert(args("convert", rest)?),
            PurchaseAccounts::DISCRIMINATOR => Self::Purchase(args("purchase", rest)?),
            ClaimAccounts::DISCRIMINATOR => Self::Claim,
            BindAccounts::DISCRIMINATOR => Self::Bind(args("bind", rest)?),
            CancelConversionAccounts::DISCRIMINATOR => Self::CancelConversion,
            CreateReferralAccounts::DISCRIMINATOR => {
                Self::CreateReferral(args("create_referral", rest)?)
            }
            UpdateReferralAccounts::DISCRIMINATOR => {
                Self::UpdateReferral(args("update_referral", rest)?)
            }
            RegisterReferrerAccounts::DISCRIMINATOR => Self::RegisterReferrer,
            SetPartnerAccounts::DISCRIMINATOR => Self::SetPartner(args("set_partner", rest)?),
            EndPartnershipAccounts::DISCRIMINATOR => Self::EndPartnership,
            ProposeOwnerAccounts::DISCRIMINATOR => Self::ProposeOwner(args("propose_owner", rest)?),
            AcceptOwnerAccounts::DISCRIMINATOR => Self::AcceptOwner,
            CloseReferralAccounts::DISCRIMINATOR => Self::CloseReferral,
            SetSuspendedAccounts::DISCRIMINATOR => Self::SetSuspended(args("set_suspended", rest)?),
            CreateCampaignAccounts::DISCRIMINATOR => {
                Self::CreateCampaign(args("create_campaign", rest)?)
            }
            UpdateCampaignAccounts::DISCRIMINATOR => {
                Self::UpdateCampaign(args("update_campaign", rest)?)
            }
            SetPausedAccounts::DISCRIMINATOR => Self::SetPaused(args("set_paused", rest)?),
            ProposeAuthorityAccounts::DISCRIMINATOR => {
                Self::ProposeAuthority(args("propose_authority", rest)?)
            }
            AcceptAuthorityAccounts::DISCRIMINATOR => Self::AcceptAuthority,
            CloseCampaignAccounts::DISCRIMINATOR => Self::CloseCampaign,
            FundVaultAccounts::DISCRIMINATOR => Self::FundVault(args("fund_vault", rest)?),
            WithdrawVaultAccounts::DISCRIMINATOR => {
                Self::WithdrawVault(args("withdraw_vault", rest)?)
            }
            RevokeVoucherAccounts::DISCRIMINATOR => {
                Self::RevokeVoucher(args("revoke_voucher", rest)?)
            }
            ReclaimVoucherAccounts::DISCRIMINATOR => Self::ReclaimVoucher,
            ReclaimReferralAccounts::DISCRIMINATOR => Self::ReclaimReferral,
            ReclaimConversionAccounts::DISCRIMINATOR => {
                // The key only proves the address, which is among the accounts.
                let _: ReclaimConversionArgs = args("reclaim_conversion", rest)?;
                Self::ReclaimConversion
            }
            ReclaimBindingAccounts::DISCRIMINATOR => Self::ReclaimBinding,
            ReclaimReferrerAccounts::DISCRIMINATOR => Self::ReclaimReferrer,
            ReclaimCampaignAccounts::DISCRIMINATOR => Self::ReclaimCampaign,
            _ => return Err(unknown()),
        })
    }

    /// Places of the accounts of the program that it reads or writes.
    fn places(&self) -> &'static [usize] {
        match self {
            Self::AcceptAuthority => &[AcceptAuthorityAccounts::CAMPAIGN],
            Self::AcceptOwner => &[AcceptOwnerAccounts::CAMPAIGN, AcceptOwnerAccounts::REFERRAL],
            Self::Bind(_) => &[
                BindAccounts::CAMPAIGN,
                BindAccounts::REFERRAL,
                BindAccounts::BINDING,
            ],
            Self::CancelConversion => &[
                CancelConversionAccounts::CAMPAIGN,
                CancelConversionAccounts::REFERRAL,
                CancelConversionAccounts::CONVERSION,
                CancelConversionAccounts::REFERRER,
            ],
            Self::Claim => &[
                ClaimAccounts::CAMPAIGN,
                ClaimAccounts::REFERRAL,
                ClaimAccounts::CONVERSION,
            ],
            Self::CloseCampaign => &[CloseCampaignAccounts::CAMPAIGN],
            Self::CloseReferral => &[CloseReferralAccounts::REFERRAL],
            Self::Convert(_) => &[
                ConvertAccounts::CAMPAIGN,
                ConvertAccounts::REFERRAL,
                ConvertAccounts::CONVERSION,
                ConvertAccounts::REFERRER,
            ],
            Self::CreateCampaign(_) => &[CreateCampaignAccounts::CAMPAIGN],
            Self::CreateReferral(_) => &[
                CreateReferralAccounts::CAMPAIGN,
                CreateReferralAccounts::REFERRAL,
            ],
            Self::EndPartnership => &[EndPartnershipAccounts::REFERRAL],
            Self::FundVault(_) => &[FundVaultAccounts::CAMPAIGN],
            Self::ProposeAuthority(_) => &[ProposeAuthorityAccounts::CAMPAIGN],
            Self::ProposeOwner(_) => &[ProposeOwnerAccounts::REFERRAL],
            Self::Purchase(_) => &[
                PurchaseAccounts::CAMPAIGN,
                PurchaseAccounts::REFERRAL,
                PurchaseAccounts::CONVERSION,
                PurchaseAccounts::REFERRER,
            ],
            Self::ReclaimBinding => &[ReclaimBindingAccounts::BINDING],
            Self::ReclaimCampaign => &[ReclaimCampaignAccounts::CAMPAIGN],
            Self::ReclaimConversion => &[
                ReclaimConversionAccounts::CAMPAIGN,
                ReclaimConversionAccounts::CONVERSION,
            ],
            Self::ReclaimReferral => &[ReclaimReferralAccounts::REFERRAL],
            Self::ReclaimReferrer => &[ReclaimReferrerAccounts::REFERRER],
            Self::ReclaimVoucher => &[ReclaimVoucherAccounts::REVOCATION],
            Self::RegisterReferrer => &[
                RegisterReferrerAccounts::CAMPAIGN,
                RegisterReferrerAccounts::REFERRER,
            ],
            Self::RevokeVoucher(_) => &[
                RevokeVoucherAccounts::CAMPAIGN,
                RevokeVoucherAccounts::REVOCATION,
            ],
            Self::SetPartner(_) => &[SetPartnerAccounts::CAMPAIGN, SetPartnerAccounts::REFERRAL],
            Self::SetPaused(_) => &[SetPausedAccounts::CAMPAIGN],
            Self::SetSuspended(_) => &[
                SetSuspendedAccounts::CAMPAIGN,
                SetSuspendedAccounts::REFERRAL,
            ],
            Self::UpdateCampaign(_) => &[UpdateCampaignAccounts::CAMPAIGN],
            Self::UpdateReferral(_) => &[UpdateReferralAccounts::REFERRAL],
            Self::WithdrawVault(_) => &[WithdrawVaultAccounts::CAMPAIGN],
        }
    }
}

/// The addresses that [`crate::apply`] asks the view for, so that a caller can load those of many
/// calls at once. Some may have no account: those that the call creates.
///
/// # Errors
/// [`Kind::UnknownInstruction`], [`Kind::InvalidArguments`].
pub fn touches(call: &Call<'_>) -> Result<Vec<Pubkey>, Kind> {
    let places = Instruction::read(call.data)?.places().iter();
    Ok(places
        .filter_map(|place| call.accounts.get(*place).copied())
        .collect())
}
