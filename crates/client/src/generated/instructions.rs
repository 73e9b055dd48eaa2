//! Builds the program's instructions from addresses and arguments.
//!
//! Written by `./dev generate` from `idl/referral.json`.

use borsh::{BorshDeserialize, BorshSerialize};
use solana_sdk::{
    instruction::{AccountMeta, Instruction},
    pubkey::Pubkey,
};

use super::types::{Settings, Terms};
use crate::bytes::Action;
use crate::raw::{InvalidInstruction, Layout, build, head_of, optional, read_args};

/// Accounts of `accept_authority`.
///
/// Takes over a campaign that was offered to the signer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcceptAuthorityAccounts {
    /// The campaign's pending authority.
    pub new_authority: Pubkey,
    /// The campaign.
    pub campaign: Pubkey,
}

impl AcceptAuthorityAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [107, 86, 198, 91, 33, 12, 107, 160];
    /// Position of `new_authority`.
    pub const NEW_AUTHORITY: usize = 0;
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 1;

    /// Builds the instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            &(),
            vec![
                AccountMeta::new_readonly(self.new_authority, true),
                AccountMeta::new(self.campaign, false),
            ],
        )
    }
}

/// Accounts of `accept_owner`.
///
/// Takes over a code that was offered to the signer, with its pending rewards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcceptOwnerAccounts {
    /// The referral's pending owner.
    pub new_owner: Pubkey,
    /// The campaign.
    pub campaign: Pubkey,
    /// The referral.
    pub referral: Pubkey,
    /// The new owner's account, in campaigns that count per owner.
    pub referrer: Option<Pubkey>,
}

impl AcceptOwnerAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [176, 23, 41, 28, 23, 111, 8, 4];
    /// Position of `new_owner`.
    pub const NEW_OWNER: usize = 0;
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 1;
    /// Position of `referral`.
    pub const REFERRAL: usize = 2;
    /// Position of `referrer`.
    pub const REFERRER: usize = 3;

    /// Builds the instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            &(),
            vec![
                AccountMeta::new_readonly(self.new_owner, true),
                AccountMeta::new_readonly(self.campaign, false),
                AccountMeta::new(self.referral, false),
                optional(self.referrer, AccountMeta::new_readonly, false),
            ],
        )
    }
}

/// Arguments of `bind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "as in the IDL")]
pub struct BindArgs {
    pub code: [u8; 12],
}

/// Accounts of `bind`.
///
/// Binds a wallet to the code that first brought it, for the campaign's attribution window. A
/// wallet whose code can no longer earn may bind again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BindAccounts {
    /// Pays the rent, and may be a sponsor.
    pub payer: Pubkey,
    /// The wallet that was referred.
    pub wallet: Pubkey,
    /// The campaign.
    pub campaign: Pubkey,
    /// The referral that brought it.
    pub referral: Pubkey,
    /// The binding.
    pub binding: Pubkey,
    /// The referral of an unexpired binding; the wallet binds again if that referral cannot earn.
    pub bound_referral: Option<Pubkey>,
    /// The account of that referral's owner, if the owner has reached the campaign's limit.
    pub bound_referrer: Option<Pubkey>,
}

impl BindAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [178, 57, 187, 254, 138, 43, 99, 134];
    /// Position of `payer`.
    pub const PAYER: usize = 0;
    /// Position of `wallet`.
    pub const WALLET: usize = 1;
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 2;
    /// Position of `referral`.
    pub const REFERRAL: usize = 3;
    /// Position of `binding`.
    pub const BINDING: usize = 4;
    /// Position of `bound_referral`.
    pub const BOUND_REFERRAL: usize = 5;
    /// Position of `bound_referrer`.
    pub const BOUND_REFERRER: usize = 6;
    /// Position of `system_program`.
    pub const SYSTEM_PROGRAM: usize = 7;

    /// Builds the instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self, args: &BindArgs) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            args,
            vec![
                AccountMeta::new(self.payer, true),
                AccountMeta::new_readonly(self.wallet, true),
                AccountMeta::new_readonly(self.campaign, false),
                AccountMeta::new_readonly(self.referral, false),
                AccountMeta::new(self.binding, false),
                optional(self.bound_referral, AccountMeta::new_readonly, false),
                optional(self.bound_referrer, AccountMeta::new_readonly, false),
                AccountMeta::new_readonly(
                    Pubkey::from_str_const("11111111111111111111111111111111"),
                    false,
                ),
            ],
        )
    }
}

/// Accounts of `cancel_conversion`.
///
/// Cancels a conversion within its hold, for example after a refund or fraud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CancelConversionAccounts {
    /// The campaign's authority.
    pub authority: Pubkey,
    /// The campaign; writable only if it has a vault or the conversion was charged to its budget.
    pub campaign: Pubkey,
    /// The referral.
    pub referral: Pubkey,
    /// The conversion.
    pub conversion: Pubkey,
    /// The account of the referral's owner, in campaigns that count per owner.
    pub referrer: Option<Pubkey>,
    /// The campaign's treasury, which gets back the unpaid parts of a payment split.
    pub treasury: Option<Pubkey>,
    /// Token of the rewards; only for a payment split in tokens.
    pub mint: Option<Pubkey>,
    /// The campaign's vault; only for a payment split in tokens.
    pub vault: Option<Pubkey>,
    /// Program of the mint.
    pub token_program: Option<Pubkey>,
}

impl CancelConversionAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [98, 192, 249, 41, 59, 248, 76, 34];
    /// Position of `authority`.
    pub const AUTHORITY: usize = 0;
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 1;
    /// Position of `referral`.
    pub const REFERRAL: usize = 2;
    /// Position of `conversion`.
    pub const CONVERSION: usize = 3;
    /// Position of `referrer`.
    pub const REFERRER: usize = 4;
    /// Position of `treasury`.
    pub const TREASURY: usize = 5;
    /// Position of `mint`.
    pub const MINT: usize = 6;
    /// Position of `vault`.
    pub const VAULT: usize = 7;
    /// Position of `token_program`.
    pub const TOKEN_PROGRAM: usize = 8;

    /// Builds the instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            &(),
            vec![
                AccountMeta::new_readonly(self.authority, true),
                AccountMeta::new_readonly(self.campaign, false),
                AccountMeta::new(self.referral, false),
                AccountMeta::new(self.conversion, false),
                optional(self.referrer, AccountMeta::new, false),
                optional(self.treasury, AccountMeta::new, false),
                optional(self.mint, AccountMeta::new_readonly, false),
                optional(self.vault, AccountMeta::new, false),
                optional(self.token_program, AccountMeta::new_readonly, false),
            ],
        )
    }
}

/// Accounts of `claim`.
///
/// Pays the parts of a reward that are owed and no longer held. Anybody may send it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimAccounts {
    /// The campaign; writable only if it has a vault.
    pub campaign: Pubkey,
    /// The referral.
    pub referral: Pubkey,
    /// The conversion.
    pub conversion: Pubkey,
    /// The referrer's associated token account, or wallet where rewards are SOL.
    pub referrer_account: Pubkey,
    /// Token of the rewards; absent for SOL, writable if it is minted.
    pub mint: Option<Pubkey>,
    /// Program of the mint; absent for SOL.
    pub token_program: Option<Pubkey>,
    /// The referee's account, if it is owed a part.
    pub referee_account: Option<Pubkey>,
    /// The partner's account, if it is owed a part.
    pub partner_account: Option<Pubkey>,
    /// The campaign's vault, if it has one.
    pub vault: Option<Pubkey>,
}

impl ClaimAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [62, 198, 214, 193, 213, 159, 108, 210];
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 0;
    /// Position of `referral`.
    pub const REFERRAL: usize = 1;
    /// Position of `conversion`.
    pub const CONVERSION: usize = 2;
    /// Position of `referrer_account`.
    pub const REFERRER_ACCOUNT: usize = 3;
    /// Position of `mint`.
    pub const MINT: usize = 4;
    /// Position of `token_program`.
    pub const TOKEN_PROGRAM: usize = 5;
    /// Position of `referee_account`.
    pub const REFEREE_ACCOUNT: usize = 6;
    /// Position of `partner_account`.
    pub const PARTNER_ACCOUNT: usize = 7;
    /// Position of `vault`.
    pub const VAULT: usize = 8;

    /// Builds the instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            &(),
            vec![
                AccountMeta::new_readonly(self.campaign, false),
                AccountMeta::new(self.referral, false),
                AccountMeta::new(self.conversion, false),
                AccountMeta::new(self.referrer_account, false),
                optional(self.mint, AccountMeta::new_readonly, false),
                optional(self.token_program, AccountMeta::new_readonly, false),
                optional(self.referee_account, AccountMeta::new, false),
                optional(self.partner_account, AccountMeta::new, false),
                optional(self.vault, AccountMeta::new, false),
            ],
        )
    }
}

/// Accounts of `close_campaign`.
///
/// Closes a campaign for good. Earned rewards stay claimable until 30 days after its longest
/// hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloseCampaignAccounts {
    /// The campaign's authority; or anybody, 30 days after the campaign's end.
    pub authority: Pubkey,
    /// The campaign.
    pub campaign: Pubkey,
}

impl CloseCampaignAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [65, 49, 110, 7, 63, 238, 206, 77];
    /// Position of `authority`.
    pub const AUTHORITY: usize = 0;
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 1;

    /// Builds the instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            &(),
            vec![
                AccountMeta::new_readonly(self.authority, true),
                AccountMeta::new(self.campaign, false),
            ],
        )
    }
}

/// Accounts of `close_referral`.
///
/// Closes a code for good; fails while conversions are pending. The code stays taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloseReferralAccounts {
    /// The referral's owner.
    pub owner: Pubkey,
    /// The referral.
    pub referral: Pubkey,
    /// Paid the rent, and gets it back.
    pub rent_payer: Pubkey,
}

impl CloseReferralAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [166, 14, 199, 240, 241, 4, 175, 45];
    /// Position of `owner`.
    pub const OWNER: usize = 0;
    /// Position of `referral`.
    pub const REFERRAL: usize = 1;
    /// Position of `rent_payer`.
    pub const RENT_PAYER: usize = 2;

    /// Builds the instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            &(),
            vec![
                AccountMeta::new_readonly(self.owner, true),
                AccountMeta::new(self.referral, false),
                AccountMeta::new(self.rent_payer, false),
            ],
        )
    }
}

/// Arguments of `convert`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "as in the IDL")]
pub struct ConvertArgs {
    pub code: [u8; 12],
    pub action: Action,
    pub amount: u64,
    pub reference: [u8; 32],
}

/// Accounts of `convert`.
///
/// Records a conversion of the referee by `code`, and pays the reward.
///
/// `amount` is the value of the action, in units that the campaign chooses. `reference` is
/// the campaign's own reference; zeros for none. A part whose recipient cannot be paid now is
/// owed, and the conversion succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvertAccounts {
    /// Pays the rent, and may be a sponsor.
    pub payer: Pubkey,
    /// The wallet that was referred.
    pub referee: Pubkey,
    /// The campaign; writable only if it has a budget or a vault.
    pub campaign: Pubkey,
    /// The referral that is credited.
    pub referral: Pubkey,
    /// The conversion to create.
    pub conversion: Pubkey,
    /// Token of the rewards; absent if they are held, writable if they are minted.
    pub mint: Option<Pubkey>,
    /// The referrer's associated token account.
    pub referrer_account: Pubkey,
    /// Program of the mint.
    pub token_program: Pubkey,
    /// The campaign's attestor, if it signs the conversion.
    pub attestor: Option<Pubkey>,
    /// The instructions sysvar, if a voucher is used.
    pub instructions: Option<Pubkey>,
    /// The address of the voucher's revocation, if a voucher is used.
    pub revocation: Option<Pubkey>,
    /// The referee's binding, in campaigns with an attribution window.
    pub binding: Option<Pubkey>,
    /// The account of the referral's owner, in campaigns that count per owner.
    pub referrer: Option<Pubkey>,
    /// The referee's credential, in campaigns with a gate.
    pub credential: Option<Pubkey>,
    /// The referee's associated token account, if it gets a part.
    pub referee_account: Option<Pubkey>,
    /// The partner's associated token account, if there is a partner.
    pub partner_account: Option<Pubkey>,
    /// The campaign's vault, if it pays from one.
    pub vault: Option<Pubkey>,
}

impl ConvertAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [122, 80, 212, 208, 92, 200, 34, 161];
    /// Position of `payer`.
    pub const PAYER: usize = 0;
    /// Position of `referee`.
    pub const REFEREE: usize = 1;
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 2;
    /// Position of `referral`.
    pub const REFERRAL: usize = 3;
    /// Position of `conversion`.
    pub const CONVERSION: usize = 4;
    /// Position of `mint`.
    pub const MINT: usize = 5;
    /// Position of `referrer_account`.
    pub const REFERRER_ACCOUNT: usize = 6;
    /// Position of `token_program`.
    pub const TOKEN_PROGRAM: usize = 7;
    /// Position of `system_program`.
    pub const SYSTEM_PROGRAM: usize = 8;
    /// Position of `attestor`.
    pub const ATTESTOR: usize = 9;
    /// Position of `instructions`.
    pub const INSTRUCTIONS: usize = 10;
    /// Position of `revocation`.
    pub const REVOCATION: usize = 11;
    /// Position of `binding`.
    pub const BINDING: usize = 12;
    /// Position of `referrer`.
    pub const REFERRER: usize = 13;
    /// Position of `credential`.
    pub const CREDENTIAL: usize = 14;
    /// Position of `referee_account`.
    pub const REFEREE_ACCOUNT: usize = 15;
    /// Position of `partner_account`.
    pub const PARTNER_ACCOUNT: usize = 16;
    /// Position of `vault`.
    pub const VAULT: usize = 17;

    /// Builds the instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self, args: &ConvertArgs) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            args,
            vec![
                AccountMeta::new(self.payer, true),
                AccountMeta::new_readonly(self.referee, true),
                AccountMeta::new_readonly(self.campaign, false),
                AccountMeta::new(self.referral, false),
                AccountMeta::new(self.conversion, false),
                optional(self.mint, AccountMeta::new_readonly, false),
                AccountMeta::new(self.referrer_account, false),
                AccountMeta::new_readonly(self.token_program, false),
                AccountMeta::new_readonly(
                    Pubkey::from_str_const("11111111111111111111111111111111"),
                    false,
                ),
                optional(self.attestor, AccountMeta::new_readonly, true),
                optional(self.instructions, AccountMeta::new_readonly, false),
                optional(self.revocation, AccountMeta::new_readonly, false),
                optional(self.binding, AccountMeta::new_readonly, false),
                optional(self.referrer, AccountMeta::new, false),
                optional(self.credential, AccountMeta::new_readonly, false),
                optional(self.referee_account, AccountMeta::new, false),
                optional(self.partner_account, AccountMeta::new, false),
                optional(self.vault, AccountMeta::new, false),
            ],
        )
    }
}

/// Arguments of `create_campaign`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "as in the IDL")]
pub struct CreateCampaignArgs {
    pub id: u64,
    pub terms: Terms,
    pub settings: Settings,
}

/// Accounts of `create_campaign`.
///
/// Opens a campaign.
///
/// `id` is the creator's own number for it. A campaign that mints its rewards must already be
/// the mint's authority. A campaign with a vault needs its associated token account, which
/// anybody can fund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreateCampaignAccounts {
    /// Pays the rent.
    pub payer: Pubkey,
    /// Becomes creator and authority.
    pub authority: Pubkey,
    /// The campaign to create.
    pub campaign: Pubkey,
    /// Token of the rewards; the System program for SOL.
    pub mint: Pubkey,
    /// Token of the payments; the System program for SOL or none.
    pub payment_mint: Pubkey,
    /// Program of the mint; the System program for SOL.
    pub token_program: Pubkey,
    /// The campaign's vault, its associated token account, which must exist; absent if it has
    /// none.
    pub vault: Option<Pubkey>,
}

impl CreateCampaignAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [111, 131, 187, 98, 160, 193, 114, 244];
    /// Position of `payer`.
    pub const PAYER: usize = 0;
    /// Position of `authority`.
    pub const AUTHORITY: usize = 1;
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 2;
    /// Position of `mint`.
    pub const MINT: usize = 3;
    /// Position of `payment_mint`.
    pub const PAYMENT_MINT: usize = 4;
    /// Position of `token_program`.
    pub const TOKEN_PROGRAM: usize = 5;
    /// Position of `vault`.
    pub const VAULT: usize = 6;
    /// Position of `system_program`.
    pub const SYSTEM_PROGRAM: usize = 7;

    /// Builds the instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self, args: &CreateCampaignArgs) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            args,
            vec![
                AccountMeta::new(self.payer, true),
                AccountMeta::new_readonly(self.authority, true),
                AccountMeta::new(self.campaign, false),
                AccountMeta::new_readonly(self.mint, false),
                AccountMeta::new_readonly(self.payment_mint, false),
                AccountMeta::new_readonly(self.token_program, false),
                optional(self.vault, AccountMeta::new_readonly, false),
                AccountMeta::new_readonly(
                    Pubkey::from_str_const("11111111111111111111111111111111"),
                    false,
                ),
            ],
        )
    }
}

/// Arguments of `create_referral`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "as in the IDL")]
pub struct CreateReferralArgs {
    pub code: [u8; 12],
    pub usage_limit: u64,
    pub expires_at: i64,
}

/// Accounts of `create_referral`.
///
/// Registers a code for its owner. `code` is padded with zeros. `usage_limit` is its maximum
/// of conversions and `expires_at` its expiry in unix seconds; 0 for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreateReferralAccounts {
    /// Pays the rent.
    pub payer: Pubkey,
    /// The owner, who earns the code's rewards.
    pub owner: Pubkey,
    /// The campaign.
    pub campaign: Pubkey,
    /// The referral to create.
    pub referral: Pubkey,
    /// The campaign's attestor, if codes need its signature.
    pub attestor: Option<Pubkey>,
    /// The owner's account, in campaigns that count per owner.
    pub referrer: Option<Pubkey>,
}

impl CreateReferralAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [61, 17, 240, 245, 172, 66, 159, 232];
    /// Position of `payer`.
    pub const PAYER: usize = 0;
    /// Position of `owner`.
    pub const OWNER: usize = 1;
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 2;
    /// Position of `referral`.
    pub const REFERRAL: usize = 3;
    /// Position of `attestor`.
    pub const ATTESTOR: usize = 4;
    /// Position of `referrer`.
    pub const REFERRER: usize = 5;
    /// Position of `system_program`.
    pub const SYSTEM_PROGRAM: usize = 6;

    /// Builds the instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self, args: &CreateReferralArgs) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            args,
            vec![
                AccountMeta::new(self.payer, true),
                AccountMeta::new_readonly(self.owner, true),
                AccountMeta::new_readonly(self.campaign, false),
                AccountMeta::new(self.referral, false),
                optional(self.attestor, AccountMeta::new_readonly, true),
                optional(self.referrer, AccountMeta::new_readonly, false),
                AccountMeta::new_readonly(
                    Pubkey::from_str_const("11111111111111111111111111111111"),
                    false,
                ),
            ],
        )
    }
}

/// Accounts of `end_partnership`.
///
/// Ends a partnership for later conversions: at once if the partner sends it, after 7 days if
/// the owner does. Earned parts stay owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndPartnershipAccounts {
    /// The partner, or the referral's owner.
    pub party: Pubkey,
    /// The referral.
    pub referral: Pubkey,
}

impl EndPartnershipAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [11, 67, 253, 222, 223, 88, 167, 135];
    /// Position of `party`.
    pub const PARTY: usize = 0;
    /// Position of `referral`.
    pub const REFERRAL: usize = 1;

    /// Builds the instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            &(),
            vec![
                AccountMeta::new_readonly(self.party, true),
                AccountMeta::new(self.referral, false),
            ],
        )
    }
}

/// Arguments of `fund_vault`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "as in the IDL")]
pub struct FundVaultArgs {
    pub amount: u64,
}

/// Accounts of `fund_vault`.
///
/// Moves `amount` base units into a campaign's vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FundVaultAccounts {
    /// Owner or delegate of `source`.
    pub funder: Pubkey,
    /// The campaign.
    pub campaign: Pubkey,
    /// Token of the vault.
    pub mint: Pubkey,
    /// Token account that pays.
    pub source: Pubkey,
    /// The campaign's vault.
    pub vault: Pubkey,
    /// Program of the mint.
    pub token_program: Pubkey,
}

impl FundVaultAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [26, 33, 207, 242, 119, 108, 134, 73];
    /// Position of `funder`.
    pub const FUNDER: usize = 0;
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 1;
    /// Position of `mint`.
    pub const MINT: usize = 2;
    /// Position of `source`.
    pub const SOURCE: usize = 3;
    /// Position of `vault`.
    pub const VAULT: usize = 4;
    /// Position of `token_program`.
    pub const TOKEN_PROGRAM: usize = 5;

    /// Builds the instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self, args: &FundVaultArgs) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            args,
            vec![
                AccountMeta::new_readonly(self.funder, true),
                AccountMeta::new_readonly(self.campaign, false),
                AccountMeta::new_readonly(self.mint, false),
                AccountMeta::new(self.source, false),
                AccountMeta::new(self.vault, false),
                AccountMeta::new_readonly(self.token_program, false),
            ],
        )
    }
}

/// Arguments of `propose_authority`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "as in the IDL")]
pub struct ProposeAuthorityArgs {
    pub new_authority: Pubkey,
}

/// Accounts of `propose_authority`.
///
/// Offers a campaign to another authority, who has to accept; zero withdraws the offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProposeAuthorityAccounts {
    /// The campaign's authority.
    pub authority: Pubkey,
    /// The campaign.
    pub campaign: Pubkey,
}

impl ProposeAuthorityAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [20, 148, 236, 198, 76, 119, 99, 142];
    /// Position of `authority`.
    pub const AUTHORITY: usize = 0;
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 1;

    /// Builds the instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self, args: &ProposeAuthorityArgs) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            args,
            vec![
                AccountMeta::new_readonly(self.authority, true),
                AccountMeta::new(self.campaign, false),
            ],
        )
    }
}

/// Arguments of `propose_owner`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "as in the IDL")]
pub struct ProposeOwnerArgs {
    pub new_owner: Pubkey,
}

/// Accounts of `propose_owner`.
///
/// Offers a code to another owner, who has to accept; zero withdraws the offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProposeOwnerAccounts {
    /// The referral's owner.
    pub owner: Pubkey,
    /// The referral.
    pub referral: Pubkey,
}

impl ProposeOwnerAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [90, 57, 141, 110, 196, 241, 172, 39];
    /// Position of `owner`.
    pub const OWNER: usize = 0;
    /// Position of `referral`.
    pub const REFERRAL: usize = 1;

    /// Builds the instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self, args: &ProposeOwnerArgs) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            args,
            vec![
                AccountMeta::new_readonly(self.owner, true),
                AccountMeta::new(self.referral, false),
            ],
        )
    }
}

/// Arguments of `purchase`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "as in the IDL")]
pub struct PurchaseArgs {
    pub code: [u8; 12],
    pub action: Action,
    pub amount: u64,
    pub reference: [u8; 32],
    pub max_payment: u64,
}

/// Accounts of `purchase`.
///
/// Moves a payment to the campaign's treasury and records it as a conversion by `code`.
/// `amount` is the list price. In a payment split, the buyer pays it less the discount, and
/// the reward is paid out of it. Fails if the buyer would pay more than `max_payment`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PurchaseAccounts {
    /// Pays the rent, and may be a sponsor.
    pub payer: Pubkey,
    /// The buyer, who pays and was referred.
    pub buyer: Pubkey,
    /// The campaign; writable only if it has a budget or a vault.
    pub campaign: Pubkey,
    /// The referral that is credited.
    pub referral: Pubkey,
    /// The conversion to create.
    pub conversion: Pubkey,
    /// The campaign's treasury, which receives the payment.
    pub treasury: Pubkey,
    /// The referrer's associated token account, or wallet where rewards are SOL.
    pub referrer_account: Pubkey,
    /// Token of the payment; absent for SOL.
    pub payment_mint: Option<Pubkey>,
    /// The buyer's token account, which may also receive the buyer's part.
    pub payment_source: Option<Pubkey>,
    /// Program of the payment's mint.
    pub payment_token_program: Option<Pubkey>,
    /// Token of the rewards, if they are minted (then writable) or paid from a vault.
    pub mint: Option<Pubkey>,
    /// Program of the mint.
    pub token_program: Option<Pubkey>,
    /// The buyer's binding, in campaigns with an attribution window.
    pub binding: Option<Pubkey>,
    /// The account of the referral's owner, in campaigns that count per owner.
    pub referrer: Option<Pubkey>,
    /// The buyer's credential, in campaigns with a gate.
    pub credential: Option<Pubkey>,
    /// The buyer's associated token account, if it gets a part that is minted or paid from a
    /// vault.
    pub referee_account: Option<Pubkey>,
    /// The partner's associated token account, or wallet where rewards are SOL.
    pub partner_account: Option<Pubkey>,
    /// The campaign's vault, if it pays from one or rewards wait in one.
    pub vault: Option<Pubkey>,
}

impl PurchaseAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [21, 93, 113, 154, 193, 160, 242, 168];
    /// Position of `payer`.
    pub const PAYER: usize = 0;
    /// Position of `buyer`.
    pub const BUYER: usize = 1;
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 2;
    /// Position of `referral`.
    pub const REFERRAL: usize = 3;
    /// Position of `conversion`.
    pub const CONVERSION: usize = 4;
    /// Position of `treasury`.
    pub const TREASURY: usize = 5;
    /// Position of `referrer_account`.
    pub const REFERRER_ACCOUNT: usize = 6;
    /// Position of `system_program`.
    pub const SYSTEM_PROGRAM: usize = 7;
    /// Position of `payment_mint`.
    pub const PAYMENT_MINT: usize = 8;
    /// Position of `payment_source`.
    pub const PAYMENT_SOURCE: usize = 9;
    /// Position of `payment_token_program`.
    pub const PAYMENT_TOKEN_PROGRAM: usize = 10;
    /// Position of `mint`.
    pub const MINT: usize = 11;
    /// Position of `token_program`.
    pub const TOKEN_PROGRAM: usize = 12;
    /// Position of `binding`.
    pub const BINDING: usize = 13;
    /// Position of `referrer`.
    pub const REFERRER: usize = 14;
    /// Position of `credential`.
    pub const CREDENTIAL: usize = 15;
    /// Position of `referee_account`.
    pub const REFEREE_ACCOUNT: usize = 16;
    /// Position of `partner_account`.
    pub const PARTNER_ACCOUNT: usize = 17;
    /// Position of `vault`.
    pub const VAULT: usize = 18;

    /// Builds the instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self, args: &PurchaseArgs) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            args,
            vec![
                AccountMeta::new(self.payer, true),
                AccountMeta::new(self.buyer, true),
                AccountMeta::new_readonly(self.campaign, false),
                AccountMeta::new(self.referral, false),
                AccountMeta::new(self.conversion, false),
                AccountMeta::new(self.treasury, false),
                AccountMeta::new(self.referrer_account, false),
                AccountMeta::new_readonly(
                    Pubkey::from_str_const("11111111111111111111111111111111"),
                    false,
                ),
                optional(self.payment_mint, AccountMeta::new_readonly, false),
                optional(self.payment_source, AccountMeta::new, false),
                optional(self.payment_token_program, AccountMeta::new_readonly, false),
                optional(self.mint, AccountMeta::new_readonly, false),
                optional(self.token_program, AccountMeta::new_readonly, false),
                optional(self.binding, AccountMeta::new_readonly, false),
                optional(self.referrer, AccountMeta::new, false),
                optional(self.credential, AccountMeta::new_readonly, false),
                optional(self.referee_account, AccountMeta::new, false),
                optional(self.partner_account, AccountMeta::new, false),
                optional(self.vault, AccountMeta::new, false),
            ],
        )
    }
}

/// Accounts of `reclaim_binding`.
///
/// Returns the rent of a binding that has expired or whose campaign is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReclaimBindingAccounts {
    /// The campaign, or its tombstone.
    pub campaign: Pubkey,
    /// The binding.
    pub binding: Pubkey,
    /// Paid the rent, and gets it back.
    pub rent_payer: Pubkey,
}

impl ReclaimBindingAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [10, 246, 141, 114, 47, 139, 112, 120];
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 0;
    /// Position of `binding`.
    pub const BINDING: usize = 1;
    /// Position of `rent_payer`.
    pub const RENT_PAYER: usize = 2;

    /// Builds the instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            &(),
            vec![
                AccountMeta::new_readonly(self.campaign, false),
                AccountMeta::new(self.binding, false),
                AccountMeta::new(self.rent_payer, false),
            ],
        )
    }
}

/// Accounts of `reclaim_campaign`.
///
/// Returns the mint's authority, the vault's tokens and the rent of a closed campaign whose
/// claim period is over. A tombstone keeps its address taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReclaimCampaignAccounts {
    /// The campaign's authority.
    pub authority: Pubkey,
    /// The campaign.
    pub campaign: Pubkey,
    /// Paid the rent, and gets it back.
    pub rent_payer: Pubkey,
    /// The mint, if the campaign is its authority (then writable) or has a vault.
    pub mint: Option<Pubkey>,
    /// The campaign's vault, if it has one.
    pub vault: Option<Pubkey>,
    /// Token account that receives the vault's tokens; the authority chooses it.
    pub destination: Option<Pubkey>,
    /// Program of the mint.
    pub token_program: Option<Pubkey>,
}

impl ReclaimCampaignAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [10, 110, 103, 179, 254, 5, 73, 135];
    /// Position of `authority`.
    pub const AUTHORITY: usize = 0;
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 1;
    /// Position of `rent_payer`.
    pub const RENT_PAYER: usize = 2;
    /// Position of `mint`.
    pub const MINT: usize = 3;
    /// Position of `vault`.
    pub const VAULT: usize = 4;
    /// Position of `destination`.
    pub const DESTINATION: usize = 5;
    /// Position of `token_program`.
    pub const TOKEN_PROGRAM: usize = 6;

    /// Builds the instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            &(),
            vec![
                AccountMeta::new_readonly(self.authority, true),
                AccountMeta::new(self.campaign, false),
                AccountMeta::new(self.rent_payer, false),
                optional(self.mint, AccountMeta::new_readonly, false),
                optional(self.vault, AccountMeta::new, false),
                optional(self.destination, AccountMeta::new, false),
                optional(self.token_program, AccountMeta::new_readonly, false),
            ],
        )
    }
}

/// Arguments of `reclaim_conversion`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "as in the IDL")]
pub struct ReclaimConversionArgs {
    pub key: [u8; 32],
}

/// Accounts of `reclaim_conversion`.
///
/// Returns the rent of a conversion whose campaign is closed. Its address is derived from
/// `key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReclaimConversionAccounts {
    /// The campaign, or its tombstone.
    pub campaign: Pubkey,
    /// The conversion.
    pub conversion: Pubkey,
    /// Paid the rent, and gets it back.
    pub rent_payer: Pubkey,
    /// The campaign's treasury, which gets the SOL that nobody claimed.
    pub treasury: Option<Pubkey>,
}

impl ReclaimConversionAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [233, 44, 13, 103, 118, 29, 24, 131];
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 0;
    /// Position of `conversion`.
    pub const CONVERSION: usize = 1;
    /// Position of `rent_payer`.
    pub const RENT_PAYER: usize = 2;
    /// Position of `treasury`.
    pub const TREASURY: usize = 3;

    /// Builds the instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self, args: &ReclaimConversionArgs) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            args,
            vec![
                AccountMeta::new_readonly(self.campaign, false),
                AccountMeta::new(self.conversion, false),
                AccountMeta::new(self.rent_payer, false),
                optional(self.treasury, AccountMeta::new, false),
            ],
        )
    }
}

/// Accounts of `reclaim_referral`.
///
/// Returns the rent of a code whose campaign is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReclaimReferralAccounts {
    /// The campaign, or its tombstone.
    pub campaign: Pubkey,
    /// The referral, or its tombstone.
    pub referral: Pubkey,
    /// Paid the rent, and gets it back.
    pub rent_payer: Pubkey,
}

impl ReclaimReferralAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [110, 255, 79, 4, 41, 185, 158, 121];
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 0;
    /// Position of `referral`.
    pub const REFERRAL: usize = 1;
    /// Position of `rent_payer`.
    pub const RENT_PAYER: usize = 2;

    /// Builds the instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            &(),
            vec![
                AccountMeta::new_readonly(self.campaign, false),
                AccountMeta::new(self.referral, false),
                AccountMeta::new(self.rent_payer, false),
            ],
        )
    }
}

/// Accounts of `reclaim_referrer`.
///
/// Returns the rent of a referrer's account once its campaign's claim period is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReclaimReferrerAccounts {
    /// The campaign, or its tombstone.
    pub campaign: Pubkey,
    /// The referrer's account.
    pub referrer: Pubkey,
    /// Paid the rent, and gets it back.
    pub rent_payer: Pubkey,
}

impl ReclaimReferrerAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [179, 128, 157, 128, 114, 16, 8, 71];
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 0;
    /// Position of `referrer`.
    pub const REFERRER: usize = 1;
    /// Position of `rent_payer`.
    pub const RENT_PAYER: usize = 2;

    /// Builds the instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            &(),
            vec![
                AccountMeta::new_readonly(self.campaign, false),
                AccountMeta::new(self.referrer, false),
                AccountMeta::new(self.rent_payer, false),
            ],
        )
    }
}

/// Accounts of `reclaim_voucher`.
///
/// Returns the rent of a revocation whose voucher has expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReclaimVoucherAccounts {
    /// The revocation.
    pub revocation: Pubkey,
    /// Paid the rent, and gets it back.
    pub rent_payer: Pubkey,
}

impl ReclaimVoucherAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [69, 105, 89, 245, 248, 6, 255, 165];
    /// Position of `revocation`.
    pub const REVOCATION: usize = 0;
    /// Position of `rent_payer`.
    pub const RENT_PAYER: usize = 1;

    /// Builds the instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            &(),
            vec![
                AccountMeta::new(self.revocation, false),
                AccountMeta::new(self.rent_payer, false),
            ],
        )
    }
}

/// Accounts of `register_referrer`.
///
/// Creates the account that counts the conversions of all codes of an owner, in a
/// campaign that counts per owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegisterReferrerAccounts {
    /// Pays the rent, and may be a sponsor.
    pub payer: Pubkey,
    /// The owner of codes.
    pub owner: Pubkey,
    /// The campaign.
    pub campaign: Pubkey,
    /// The referrer's account to create.
    pub referrer: Pubkey,
}

impl RegisterReferrerAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [122, 229, 215, 169, 100, 145, 198, 120];
    /// Position of `payer`.
    pub const PAYER: usize = 0;
    /// Position of `owner`.
    pub const OWNER: usize = 1;
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 2;
    /// Position of `referrer`.
    pub const REFERRER: usize = 3;
    /// Position of `system_program`.
    pub const SYSTEM_PROGRAM: usize = 4;

    /// Builds the instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            &(),
            vec![
                AccountMeta::new(self.payer, true),
                AccountMeta::new_readonly(self.owner, true),
                AccountMeta::new_readonly(self.campaign, false),
                AccountMeta::new(self.referrer, false),
                AccountMeta::new_readonly(
                    Pubkey::from_str_const("11111111111111111111111111111111"),
                    false,
                ),
            ],
        )
    }
}

/// Arguments of `revoke_voucher`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "as in the IDL")]
pub struct RevokeVoucherArgs {
    pub digest: [u8; 32],
    pub expires_at: i64,
}

/// Accounts of `revoke_voucher`.
///
/// Revokes the voucher of the campaign's attestor whose message has the SHA-256 `digest`.
/// `expires_at` is the voucher's expiry, in unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevokeVoucherAccounts {
    /// Pays the rent.
    pub payer: Pubkey,
    /// The campaign's attestor.
    pub attestor: Pubkey,
    /// The campaign.
    pub campaign: Pubkey,
    /// The revocation to create.
    pub revocation: Pubkey,
}

impl RevokeVoucherAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [185, 151, 207, 103, 189, 174, 160, 214];
    /// Position of `payer`.
    pub const PAYER: usize = 0;
    /// Position of `attestor`.
    pub const ATTESTOR: usize = 1;
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 2;
    /// Position of `revocation`.
    pub const REVOCATION: usize = 3;
    /// Position of `system_program`.
    pub const SYSTEM_PROGRAM: usize = 4;

    /// Builds the instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self, args: &RevokeVoucherArgs) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            args,
            vec![
                AccountMeta::new(self.payer, true),
                AccountMeta::new_readonly(self.attestor, true),
                AccountMeta::new_readonly(self.campaign, false),
                AccountMeta::new(self.revocation, false),
                AccountMeta::new_readonly(
                    Pubkey::from_str_const("11111111111111111111111111111111"),
                    false,
                ),
            ],
        )
    }
}

/// Arguments of `set_partner`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "as in the IDL")]
pub struct SetPartnerArgs {
    pub share_bps: u16,
    pub fixed: u64,
}

/// Accounts of `set_partner`.
///
/// Gives a partner, who signs too, a part of each reward: `share_bps` basis points or
/// `fixed` base units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetPartnerAccounts {
    /// The referral's owner.
    pub owner: Pubkey,
    /// The partner, who gets a part of each reward.
    pub partner: Pubkey,
    /// The campaign.
    pub campaign: Pubkey,
    /// The referral.
    pub referral: Pubkey,
}

impl SetPartnerAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [177, 250, 113, 16, 75, 175, 141, 136];
    /// Position of `owner`.
    pub const OWNER: usize = 0;
    /// Position of `partner`.
    pub const PARTNER: usize = 1;
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 2;
    /// Position of `referral`.
    pub const REFERRAL: usize = 3;

    /// Builds the instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self, args: &SetPartnerArgs) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            args,
            vec![
                AccountMeta::new_readonly(self.owner, true),
                AccountMeta::new_readonly(self.partner, true),
                AccountMeta::new_readonly(self.campaign, false),
                AccountMeta::new(self.referral, false),
            ],
        )
    }
}

/// Arguments of `set_paused`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "as in the IDL")]
pub struct SetPausedArgs {
    pub paused: bool,
}

/// Accounts of `set_paused`.
///
/// Pauses or resumes a campaign. Earned rewards stay claimable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetPausedAccounts {
    /// The campaign's authority.
    pub authority: Pubkey,
    /// The campaign.
    pub campaign: Pubkey,
}

impl SetPausedAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [91, 60, 125, 192, 176, 225, 166, 218];
    /// Position of `authority`.
    pub const AUTHORITY: usize = 0;
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 1;

    /// Builds the instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self, args: &SetPausedArgs) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            args,
            vec![
                AccountMeta::new_readonly(self.authority, true),
                AccountMeta::new(self.campaign, false),
            ],
        )
    }
}

/// Arguments of `set_suspended`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "as in the IDL")]
pub struct SetSuspendedArgs {
    pub suspended: bool,
}

/// Accounts of `set_suspended`.
///
/// Suspends a code, or lets it earn again; sent by the campaign's authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetSuspendedAccounts {
    /// The campaign's authority.
    pub authority: Pubkey,
    /// The campaign.
    pub campaign: Pubkey,
    /// The referral.
    pub referral: Pubkey,
}

impl SetSuspendedAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [240, 182, 200, 60, 209, 54, 180, 240];
    /// Position of `authority`.
    pub const AUTHORITY: usize = 0;
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 1;
    /// Position of `referral`.
    pub const REFERRAL: usize = 2;

    /// Builds the instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self, args: &SetSuspendedArgs) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            args,
            vec![
                AccountMeta::new_readonly(self.authority, true),
                AccountMeta::new_readonly(self.campaign, false),
                AccountMeta::new(self.referral, false),
            ],
        )
    }
}

/// Arguments of `update_campaign`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "as in the IDL")]
pub struct UpdateCampaignArgs {
    pub settings: Settings,
}

/// Accounts of `update_campaign`.
///
/// Replaces a campaign's settings: at once, or after the campaign's notice if they cut what
/// referrers were promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpdateCampaignAccounts {
    /// The campaign's authority.
    pub authority: Pubkey,
    /// The campaign.
    pub campaign: Pubkey,
}

impl UpdateCampaignAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [235, 31, 39, 49, 121, 173, 19, 92];
    /// Position of `authority`.
    pub const AUTHORITY: usize = 0;
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 1;

    /// Builds the instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self, args: &UpdateCampaignArgs) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            args,
            vec![
                AccountMeta::new_readonly(self.authority, true),
                AccountMeta::new(self.campaign, false),
            ],
        )
    }
}

/// Arguments of `update_referral`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "as in the IDL")]
pub struct UpdateReferralArgs {
    pub active: bool,
    pub usage_limit: u64,
    pub expires_at: i64,
}

/// Accounts of `update_referral`.
///
/// Switches a code on or off and sets its usage limit and expiry; sent by its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpdateReferralAccounts {
    /// The referral's owner.
    pub owner: Pubkey,
    /// The referral.
    pub referral: Pubkey,
}

impl UpdateReferralAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [123, 215, 252, 27, 184, 244, 151, 197];
    /// Position of `owner`.
    pub const OWNER: usize = 0;
    /// Position of `referral`.
    pub const REFERRAL: usize = 1;

    /// Builds the instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self, args: &UpdateReferralArgs) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            args,
            vec![
                AccountMeta::new_readonly(self.owner, true),
                AccountMeta::new(self.referral, false),
            ],
        )
    }
}

/// Arguments of `withdraw_vault`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "as in the IDL")]
pub struct WithdrawVaultArgs {
    pub amount: u64,
}

/// Accounts of `withdraw_vault`.
///
/// Moves `amount` base units out of a campaign's vault; fails if they are owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WithdrawVaultAccounts {
    /// The campaign's authority.
    pub authority: Pubkey,
    /// The campaign.
    pub campaign: Pubkey,
    /// Token of the vault.
    pub mint: Pubkey,
    /// The campaign's vault.
    pub vault: Pubkey,
    /// Token account that receives the tokens; the authority chooses it.
    pub destination: Pubkey,
    /// Program of the mint.
    pub token_program: Pubkey,
}

impl WithdrawVaultAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [135, 7, 237, 120, 149, 94, 95, 7];
    /// Position of `authority`.
    pub const AUTHORITY: usize = 0;
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 1;
    /// Position of `mint`.
    pub const MINT: usize = 2;
    /// Position of `vault`.
    pub const VAULT: usize = 3;
    /// Position of `destination`.
    pub const DESTINATION: usize = 4;
    /// Position of `token_program`.
    pub const TOKEN_PROGRAM: usize = 5;

    /// Builds the instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self, args: &WithdrawVaultArgs) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            args,
            vec![
                AccountMeta::new_readonly(self.authority, true),
                AccountMeta::new_readonly(self.campaign, false),
                AccountMeta::new_readonly(self.mint, false),
                AccountMeta::new(self.vault, false),
                AccountMeta::new(self.destination, false),
                AccountMeta::new_readonly(self.token_program, false),
            ],
        )
    }
}

/// Every instruction of the program.
pub const LAYOUTS: &[Layout] = &[
    Layout {
        name: "accept_authority",
        discriminator: AcceptAuthorityAccounts::DISCRIMINATOR,
        accounts: &[("new_authority", true), ("campaign", false)],
    },
    Layout {
        name: "accept_owner",
        discriminator: AcceptOwnerAccounts::DISCRIMINATOR,
        accounts: &[
            ("new_owner", true),
            ("campaign", false),
            ("referral", false),
            ("referrer", false),
        ],
    },
    Layout {
        name: "bind",
        discriminator: BindAccounts::DISCRIMINATOR,
        accounts: &[
            ("payer", true),
            ("wallet", true),
            ("campaign", false),
            ("referral", false),
            ("binding", false),
            ("bound_referral", false),
            ("bound_referrer", false),
            ("system_program", false),
        ],
    },
    Layout {
        name: "cancel_conversion",
        discriminator: CancelConversionAccounts::DISCRIMINATOR,
        accounts: &[
            ("authority", true),
            ("campaign", false),
            ("referral", false),
            ("conversion", false),
            ("referrer", false),
            ("treasury", false),
            ("mint", false),
            ("vault", false),
            ("token_program", false),
        ],
    },
    Layout {
        name: "claim",
        discriminator: ClaimAccounts::DISCRIMINATOR,
        accounts: &[
            ("campaign", false),
            ("referral", false),
            ("conversion", false),
            ("referrer_account", false),
            ("mint", false),
            ("token_program", false),
            ("referee_account", false),
            ("partner_account", false),
            ("vault", false),
        ],
    },
    Layout {
        name: "close_campaign",
        discriminator: CloseCampaignAccounts::DISCRIMINATOR,
        accounts: &[("authority", true), ("campaign", false)],
    },
    Layout {
        name: "close_referral",
        discriminator: CloseReferralAccounts::DISCRIMINATOR,
        accounts: &[("owner", true), ("referral", false), ("rent_payer", false)],
    },
    Layout {
        name: "convert",
        discriminator: ConvertAccounts::DISCRIMINATOR,
        accounts: &[
            ("payer", true),
            ("referee", true),
            ("campaign", false),
            ("referral", false),
            ("conversion", false),
            ("mint", false),
            ("referrer_account", false),
            ("token_program", false),
            ("system_program", false),
            ("attestor", true),
            ("instructions", false),
            ("revocation", false),
            ("binding", false),
            ("referrer", false),
            ("credential", false),
            ("referee_account", false),
            ("partner_account", false),
            ("vault", false),
        ],
    },
    Layout {
        name: "create_campaign",
        discriminator: CreateCampaignAccounts::DISCRIMINATOR,
        accounts: &[
            ("payer", true),
            ("authority", true),
            ("campaign", false),
            ("mint", false),
            ("payment_mint", false),
            ("token_program", false),
            ("vault", false),
            ("system_program", false),
        ],
    },
    Layout {
        name: "create_referral",
        discriminator: CreateReferralAccounts::DISCRIMINATOR,
        accounts: &[
            ("payer", true),
            ("owner", true),
            ("campaign", false),
            ("referral", false),
            ("attestor", true),
            ("referrer", false),
            ("system_program", false),
        ],
    },
    Layout {
        name: "end_partnership",
        discriminator: EndPartnershipAccounts::DISCRIMINATOR,
        accounts: &[("party", true), ("referral", false)],
    },
    Layout {
        name: "fund_vault",
        discriminator: FundVaultAccounts::DISCRIMINATOR,
        accounts: &[
            ("funder", true),
            ("campaign", false),
            ("mint", false),
            ("source", false),
            ("vault", false),
            ("token_program", false),
        ],
    },
    Layout {
        name: "propose_authority",
        discriminator: ProposeAuthorityAccounts::DISCRIMINATOR,
        accounts: &[("authority", true), ("campaign", false)],
    },
    Layout {
        name: "propose_owner",
        discriminator: ProposeOwnerAccounts::DISCRIMINATOR,
        accounts: &[("owner", true), ("referral", false)],
    },
    Layout {
        name: "purchase",
        discriminator: PurchaseAccounts::DISCRIMINATOR,
        accounts: &[
            ("payer", true),
            ("buyer", true),
            ("campaign", false),
            ("referral", false),
            ("conversion", false),
            ("treasury", false),
            ("referrer_account", false),
            ("system_program", false),
            ("payment_mint", false),
            ("payment_source", false),
            ("payment_token_program", false),
            ("mint", false),
            ("token_program", false),
            ("binding", false),
            ("referrer", false),
            ("credential", false),
            ("referee_account", false),
            ("partner_account", false),
            ("vault", false),
        ],
    },
    Layout {
        name: "reclaim_binding",
        discriminator: ReclaimBindingAccounts::DISCRIMINATOR,
        accounts: &[
            ("campaign", false),
            ("binding", false),
            ("rent_payer", false),
        ],
    },
    Layout {
        name: "reclaim_campaign",
        discriminator: ReclaimCampaignAccounts::DISCRIMINATOR,
        accounts: &[
            ("authority", true),
            ("campaign", false),
            ("rent_payer", false),
            ("mint", false),
            ("vault", false),
            ("destination", false),
            ("token_program", false),
        ],
    },
    Layout {
        name: "reclaim_conversion",
        discriminator: ReclaimConversionAccounts::DISCRIMINATOR,
        accounts: &[
            ("campaign", false),
            ("conversion", false),
            ("rent_payer", false),
            ("treasury", false),
        ],
    },
    Layout {
        name: "reclaim_referral",
        discriminator: ReclaimReferralAccounts::DISCRIMINATOR,
        accounts: &[
            ("campaign", false),
            ("referral", false),
            ("rent_payer", false),
        ],
    },
    Layout {
        name: "reclaim_referrer",
        discriminator: ReclaimReferrerAccounts::DISCRIMINATOR,
        accounts: &[
            ("campaign", false),
            ("referrer", false),
            ("rent_payer", false),
        ],
    },
    Layout {
        name: "reclaim_voucher",
        discriminator: ReclaimVoucherAccounts::DISCRIMINATOR,
        accounts: &[("revocation", false), ("rent_payer", false)],
    },
    Layout {
        name: "register_referrer",
        discriminator: RegisterReferrerAccounts::DISCRIMINATOR,
        accounts: &[
            ("payer", true),
            ("owner", true),
            ("campaign", false),
            ("referrer", false),
            ("system_program", false),
        ],
    },
    Layout {
        name: "revoke_voucher",
        discriminator: RevokeVoucherAccounts::DISCRIMINATOR,
        accounts: &[
            ("payer", true),
            ("attestor", true),
            ("campaign", false),
            ("revocation", false),
            ("system_program", false),
        ],
    },
    Layout {
        name: "set_partner",
        discriminator: SetPartnerAccounts::DISCRIMINATOR,
        accounts: &[
            ("owner", true),
            ("partner", true),
            ("campaign", false),
            ("referral", false),
        ],
    },
    Layout {
        name: "set_paused",
        discriminator: SetPausedAccounts::DISCRIMINATOR,
        accounts: &[("authority", true), ("campaign", false)],
    },
    Layout {
        name: "set_suspended",
        discriminator: SetSuspendedAccounts::DISCRIMINATOR,
        accounts: &[
            ("authority", true),
            ("campaign", false),
            ("referral", false),
        ],
    },
    Layout {
        name: "update_campaign",
        discriminator: UpdateCampaignAccounts::DISCRIMINATOR,
        accounts: &[("authority", true), ("campaign", false)],
    },
    Layout {
        name: "update_referral",
        discriminator: UpdateReferralAccounts::DISCRIMINATOR,
        accounts: &[("owner", true), ("referral", false)],
    },
    Layout {
        name: "withdraw_vault",
        discriminator: WithdrawVaultAccounts::DISCRIMINATOR,
        accounts: &[
            ("authority", true),
            ("campaign", false),
            ("mint", false),
            ("vault", false),
            ("destination", false),
            ("token_program", false),
        ],
    },
];

/// An instruction of the program with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstructionData {
    /// `accept_authority`.
    AcceptAuthority,
    /// `accept_owner`.
    AcceptOwner,
    /// `bind`.
    Bind(BindArgs),
    /// `cancel_conversion`.
    CancelConversion,
    /// `claim`.
    Claim,
    /// `close_campaign`.
    CloseCampaign,
    /// `close_referral`.
    CloseReferral,
    /// `convert`.
    Convert(ConvertArgs),
    /// `create_campaign`.
    CreateCampaign(Box<CreateCampaignArgs>),
    /// `create_referral`.
    CreateReferral(CreateReferralArgs),
    /// `end_partnership`.
    EndPartnership,
    /// `fund_vault`.
    FundVault(FundVaultArgs),
    /// `propose_authority`.
    ProposeAuthority(ProposeAuthorityArgs),
    /// `propose_owner`.
    ProposeOwner(ProposeOwnerArgs),
    /// `purchase`.
    Purchase(PurchaseArgs),
    /// `reclaim_binding`.
    ReclaimBinding,
    /// `reclaim_campaign`.
    ReclaimCampaign,
    /// `reclaim_conversion`.
    ReclaimConversion(ReclaimConversionArgs),
    /// `reclaim_referral`.
    ReclaimReferral,
    /// `reclaim_referrer`.
    ReclaimReferrer,
    /// `reclaim_voucher`.
    ReclaimVoucher,
    /// `register_referrer`.
    RegisterReferrer,
    /// `revoke_voucher`.
    RevokeVoucher(RevokeVoucherArgs),
    /// `set_partner`.
    SetPartner(SetPartnerArgs),
    /// `set_paused`.
    SetPaused(SetPausedArgs),
    /// `set_suspended`.
    SetSuspended(SetSuspendedArgs),
    /// `update_campaign`.
    UpdateCampaign(Box<UpdateCampaignArgs>),
    /// `update_referral`.
    UpdateReferral(UpdateReferralArgs),
    /// `withdraw_vault`.
    WithdrawVault(WithdrawVaultArgs),
}

impl InstructionData {
    /// Reads an instruction. The program ignores bytes behind the arguments, so anybody may
    /// add some.
    ///
    /// # Errors
    /// [`InvalidInstruction`].
    pub fn read(data: &[u8]) -> Result<Self, InvalidInstruction> {
        let (head, rest) = head_of(data)?;
        Ok(match *head {
            AcceptAuthorityAccounts::DISCRIMINATOR => Self::AcceptAuthority,
            AcceptOwnerAccounts::DISCRIMINATOR => Self::AcceptOwner,
            BindAccounts::DISCRIMINATOR => Self::Bind(read_args("bind", rest)?),
            CancelConversionAccounts::DISCRIMINATOR => Self::CancelConversion,
            ClaimAccounts::DISCRIMINATOR => Self::Claim,
            CloseCampaignAccounts::DISCRIMINATOR => Self::CloseCampaign,
            CloseReferralAccounts::DISCRIMINATOR => Self::CloseReferral,
            ConvertAccounts::DISCRIMINATOR => Self::Convert(read_args("convert", rest)?),
            CreateCampaignAccounts::DISCRIMINATOR => {
                Self::CreateCampaign(Box::new(read_args("create_campaign", rest)?))
            }
            CreateReferralAccounts::DISCRIMINATOR => {
                Self::CreateReferral(read_args("create_referral", rest)?)
            }
            EndPartnershipAccounts::DISCRIMINATOR => Self::EndPartnership,
            FundVaultAccounts::DISCRIMINATOR => Self::FundVault(read_args("fund_vault", rest)?),
            ProposeAuthorityAccounts::DISCRIMINATOR => {
                Self::ProposeAuthority(read_args("propose_authority", rest)?)
            }
            ProposeOwnerAccounts::DISCRIMINATOR => {
                Self::ProposeOwner(read_args("propose_owner", rest)?)
            }
            PurchaseAccounts::DISCRIMINATOR => Self::Purchase(read_args("purchase", rest)?),
            ReclaimBindingAccounts::DISCRIMINATOR => Self::ReclaimBinding,
            ReclaimCampaignAccounts::DISCRIMINATOR => Self::ReclaimCampaign,
            ReclaimConversionAccounts::DISCRIMINATOR => {
                Self::ReclaimConversion(read_args("reclaim_conversion", rest)?)
            }
            ReclaimReferralAccounts::DISCRIMINATOR => Self::ReclaimReferral,
            ReclaimReferrerAccounts::DISCRIMINATOR => Self::ReclaimReferrer,
            ReclaimVoucherAccounts::DISCRIMINATOR => Self::ReclaimVoucher,
            RegisterReferrerAccounts::DISCRIMINATOR => Self::RegisterReferrer,
            RevokeVoucherAccounts::DISCRIMINATOR => {
                Self::RevokeVoucher(read_args("revoke_voucher", rest)?)
            }
            SetPartnerAccounts::DISCRIMINATOR => Self::SetPartner(read_args("set_partner", rest)?),
            SetPausedAccounts::DISCRIMINATOR => Self::SetPaused(read_args("set_paused", rest)?),
            SetSuspendedAccounts::DISCRIMINATOR => {
                Self::SetSuspended(read_args("set_suspended", rest)?)
            }
            UpdateCampaignAccounts::DISCRIMINATOR => {
                Self::UpdateCampaign(Box::new(read_args("update_campaign", rest)?))
            }
            UpdateReferralAccounts::DISCRIMINATOR => {
                Self::UpdateReferral(read_args("update_referral", rest)?)
            }
            WithdrawVaultAccounts::DISCRIMINATOR => {
                Self::WithdrawVault(read_args("withdraw_vault", rest)?)
            }
            _ => return Err(InvalidInstruction::Unknown(head.to_vec())),
        })
    }
}
