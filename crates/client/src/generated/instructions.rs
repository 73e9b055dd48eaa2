//! The program's instructions, from addresses and arguments.
//!
//! Written by `./dev generate` from `idl/referral.json`.

use borsh::{BorshDeserialize, BorshSerialize};
use solana_sdk::{
    instruction::{AccountMeta, Instruction},
    pubkey::Pubkey,
};

use crate::accounts::{Action, Settings, Terms};
use crate::raw::{build, optional};

/// Accounts of `accept_authority`.
///
/// Takes over a campaign that was offered to the signer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcceptAuthorityAccounts {
    /// Whom the campaign was offered to. Safe: it signs, and the handler compares it.
    pub new_authority: Pubkey,
    /// The campaign. Safe: owned by this program, with its discriminator.
    pub campaign: Pubkey,
}

impl AcceptAuthorityAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [107, 86, 198, 91, 33, 12, 107, 160];
    /// Position of `new_authority`.
    pub const NEW_AUTHORITY: usize = 0;
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 1;

    /// The instruction, with the flags of the IDL.
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
    /// Whom the referral was offered to. Safe: it signs, and the handler compares it.
    pub new_owner: Pubkey,
    /// The campaign. Safe: owned by this program, with its discriminator.
    pub campaign: Pubkey,
    /// The referral. Safe: owned by this program, with its discriminator.
    pub referral: Pubkey,
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

    /// The instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            &(),
            vec![
                AccountMeta::new_readonly(self.new_owner, true),
                AccountMeta::new_readonly(self.campaign, false),
                AccountMeta::new(self.referral, false),
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
/// Records which code first brought a wallet, for the campaign's window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BindAccounts {
    /// Pays the rent, and may be a sponsor. Safe: it signs.
    /// May be any other account: nothing here keeps a typed view of its data.
    pub payer: Pubkey,
    /// The wallet that was brought. Safe: it signs, so nobody is bound without
    /// knowing.
    pub wallet: Pubkey,
    /// The campaign. Safe: owned by this program, with its discriminator.
    pub campaign: Pubkey,
    /// The referral that brought it. Safe: owned by this program, with its
    /// discriminator; the handler compares its campaign and its code.
    pub referral: Pubkey,
    /// The binding. Safe: the address is derived here with the canonical bump.
    pub referee: Pubkey,
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
    /// Position of `referee`.
    pub const REFEREE: usize = 4;
    /// Position of `system_program`.
    pub const SYSTEM_PROGRAM: usize = 5;

    /// The instruction, with the flags of the IDL.
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
                AccountMeta::new(self.referee, false),
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
/// Cancels a conversion within its hold: a refund, or fraud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CancelConversionAccounts {
    /// The campaign's authority. Safe: it signs, and the handler compares it.
    pub authority: Pubkey,
    /// The campaign. Safe: owned by this program, with its discriminator. Writable
    /// only where it counts a budget or what its vault owes.
    pub campaign: Pubkey,
    /// The referral. Safe: owned by this program, with its discriminator; the handler
    /// compares its campaign.
    pub referral: Pubkey,
    /// The conversion. Safe: owned by this program, with its discriminator; the
    /// handler compares its referral.
    pub conversion: Pubkey,
    /// Gets back what a payment split had put aside. Safe: the handler compares it.
    /// May be any other account: nothing here keeps a typed view of its data.
    pub treasury: Option<Pubkey>,
    /// Token of the rewards, to move it. Safe: the handler compares it.
    pub mint: Option<Pubkey>,
    /// The campaign's vault, to move from. Safe: the handler compares it.
    pub vault: Option<Pubkey>,
    /// Program of the mint. Safe: the handler compares it.
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
    /// Position of `treasury`.
    pub const TREASURY: usize = 4;
    /// Position of `mint`.
    pub const MINT: usize = 5;
    /// Position of `vault`.
    pub const VAULT: usize = 6;
    /// Position of `token_program`.
    pub const TOKEN_PROGRAM: usize = 7;

    /// The instruction, with the flags of the IDL.
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
    /// The campaign. Safe: owned by this program, with its discriminator. Writable
    /// only where it has a vault.
    pub campaign: Pubkey,
    /// The referral. Safe: owned by this program, with its discriminator; the handler
    /// compares its campaign.
    pub referral: Pubkey,
    /// The conversion. Safe: owned by this program, with its discriminator; the
    /// handler compares its referral.
    pub conversion: Pubkey,
    /// The referrer's associated token account, or wallet where rewards are SOL.
    /// Safe: the handler compares it with the referral's, and reads its state.
    /// May be any other account: nothing here keeps a typed view of its data.
    pub referrer_account: Pubkey,
    /// Token of the rewards; absent for SOL. Safe: the handler compares it.
    pub mint: Option<Pubkey>,
    /// Program of the mint; absent for SOL. Safe: the handler compares it.
    pub token_program: Option<Pubkey>,
    /// The referee's account, where it is owed a share. Safe: the handler derives it.
    pub referee_account: Option<Pubkey>,
    /// The partner's account, where it is owed a share. Safe: the handler derives it.
    pub partner_account: Option<Pubkey>,
    /// The campaign's vault, where it has one. Safe: the handler compares it.
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

    /// The instruction, with the flags of the IDL.
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
                optional(self.mint, AccountMeta::new, false),
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
/// Closes a campaign for good. What was earned stays claimable until 30 days after
/// its longest hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloseCampaignAccounts {
    /// The campaign's authority. Safe: it signs, and the handler compares it.
    pub authority: Pubkey,
    /// The campaign. Safe: owned by this program, with its discriminator.
    pub campaign: Pubkey,
}

impl CloseCampaignAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [65, 49, 110, 7, 63, 238, 206, 77];
    /// Position of `authority`.
    pub const AUTHORITY: usize = 0;
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 1;

    /// The instruction, with the flags of the IDL.
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
/// Closes a code for good, once nothing is pending. Nobody gets it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloseReferralAccounts {
    /// The referral's owner. Safe: it signs, and the handler compares it.
    pub owner: Pubkey,
    /// The referral. Safe: owned by this program, with its discriminator.
    pub referral: Pubkey,
    /// Who paid the rent. Safe: the handler compares it.
    /// May be `owner` as well: nothing here keeps a typed view of its data.
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

    /// The instruction, with the flags of the IDL.
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
/// Records that the referee was brought by `code`, and pays the reward.
///
/// `amount` is what the action was worth in units of the campaign's choice,
/// `reference` the campaign's own reference; zeros for none. A part that its
/// beneficiary cannot take now is owed, and does not stop the conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvertAccounts {
    /// Pays the rent, and may be a sponsor. Safe: it signs.
    /// May be any other account: nothing here keeps a typed view of its data.
    pub payer: Pubkey,
    /// The wallet that was referred. Safe: it signs, so nobody is converted
    /// without knowing.
    pub referee: Pubkey,
    /// The campaign. Safe: owned by this program, with its discriminator. Writable
    /// only where it counts a budget or what its vault owes, so that conversions
    /// of different referrers run in parallel elsewhere.
    pub campaign: Pubkey,
    /// The referral that is credited. Safe: owned by this program, with its
    /// discriminator; the handler compares its campaign and its code.
    pub referral: Pubkey,
    /// The conversion to be. Safe: the handler derives its address with the
    /// canonical bump, and the account must not exist yet.
    pub conversion: Pubkey,
    /// Token of the rewards; absent where they are held. Safe: the handler
    /// compares it with the campaign's.
    pub mint: Option<Pubkey>,
    /// The referrer's associated token account. Safe: the handler compares it with
    /// the referral's, and reads its owner, mint and state.
    pub referrer_account: Pubkey,
    /// Program of the mint. Safe: the handler compares it with the campaign's.
    pub token_program: Pubkey,
    /// Vouches for an attested conversion, if it is there to sign. Safe: it signs,
    /// and the handler compares it.
    pub attestor: Option<Pubkey>,
    /// The instructions sysvar, where a voucher comes before. Safe: the handler
    /// compares the address.
    pub instructions: Option<Pubkey>,
    /// The referee's first touch, in campaigns that count it. Safe: owned by this
    /// program, with its discriminator; the handler compares campaign and wallet.
    pub binding: Option<Pubkey>,
    /// The referee's associated token account, where it gets a share. Safe: the
    /// handler derives its address and reads its owner, mint and state.
    pub referee_account: Option<Pubkey>,
    /// The partner's associated token account, where there is one. Safe: as above.
    pub partner_account: Option<Pubkey>,
    /// The campaign's vault, where it pays from one. Safe: the handler compares it.
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
    /// Position of `binding`.
    pub const BINDING: usize = 11;
    /// Position of `referee_account`.
    pub const REFEREE_ACCOUNT: usize = 12;
    /// Position of `partner_account`.
    pub const PARTNER_ACCOUNT: usize = 13;
    /// Position of `vault`.
    pub const VAULT: usize = 14;

    /// The instruction, with the flags of the IDL.
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
                optional(self.mint, AccountMeta::new, false),
                AccountMeta::new(self.referrer_account, false),
                AccountMeta::new_readonly(self.token_program, false),
                AccountMeta::new_readonly(
                    Pubkey::from_str_const("11111111111111111111111111111111"),
                    false,
                ),
                optional(self.attestor, AccountMeta::new_readonly, true),
                optional(self.instructions, AccountMeta::new_readonly, false),
                optional(self.binding, AccountMeta::new_readonly, false),
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
/// `id` is the creator's own number for it. Where it mints its rewards, it must be
/// the mint's authority already; where it pays from a vault, that is its associated
/// token account, for anybody to fund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreateCampaignAccounts {
    /// Pays the rent. Safe: it signs.
    /// May be `authority` as well: nothing here keeps a typed view of its data.
    pub payer: Pubkey,
    /// Becomes creator and authority. Safe: it signs, and its address is part of
    /// the campaign's, so nobody can take the place of somebody else.
    pub authority: Pubkey,
    /// The campaign to be. Safe: the address is derived here with the canonical
    /// bump, and the account must not exist yet.
    pub campaign: Pubkey,
    /// Token of the rewards; the System program for SOL. Safe: owned by the token
    /// program, initialised, without extensions that are not allowed; where the
    /// campaign mints, it is the mint authority already: only who controlled the
    /// mint can have done that.
    pub mint: Pubkey,
    /// Token of the payments; the System program for SOL or none. Safe: as the mint.
    pub payment_mint: Pubkey,
    /// Program of the mint; the System program for SOL. Safe: one of the two token
    /// programs, by address.
    pub token_program: Pubkey,
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
    /// Position of `system_program`.
    pub const SYSTEM_PROGRAM: usize = 6;

    /// The instruction, with the flags of the IDL.
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
/// Registers a code for its owner. `code` is filled up with zeros, `usage_limit` the
/// most conversions it may have, `expires_at` in unix seconds; 0 for no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreateReferralAccounts {
    /// Pays the rent. Safe: it signs.
    /// May be `owner` as well: nothing here keeps a typed view of its data.
    pub payer: Pubkey,
    /// Who will earn the code's rewards. Safe: it signs, so nobody is made a
    /// referrer without knowing.
    pub owner: Pubkey,
    /// The campaign. Safe: owned by this program, with its discriminator.
    pub campaign: Pubkey,
    /// The referral to be. Safe: the address is derived here with the canonical
    /// bump, and the account must not exist yet.
    pub referral: Pubkey,
    /// The campaign's attestor, where codes need its signature. Safe: it signs, and
    /// the handler compares it.
    pub attestor: Option<Pubkey>,
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
    /// Position of `system_program`.
    pub const SYSTEM_PROGRAM: usize = 5;

    /// The instruction, with the flags of the IDL.
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
                AccountMeta::new_readonly(
                    Pubkey::from_str_const("11111111111111111111111111111111"),
                    false,
                ),
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
    /// Owner or delegate of `source`. Safe: it signs, and the token program checks it.
    pub funder: Pubkey,
    /// The campaign. Safe: owned by this program, with its discriminator.
    pub campaign: Pubkey,
    /// Token of the vault. Safe: the handler compares it with the campaign's.
    pub mint: Pubkey,
    /// Where the tokens come from. Safe: the token program checks it.
    pub source: Pubkey,
    /// The campaign's vault. Safe: the handler compares it.
    pub vault: Pubkey,
    /// Program of the mint. Safe: the handler compares it.
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

    /// The instruction, with the flags of the IDL.
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
/// Offers a campaign to another authority, who has to accept; zero for nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProposeAuthorityAccounts {
    /// The campaign's authority. Safe: it signs, and the handler compares it.
    pub authority: Pubkey,
    /// The campaign. Safe: owned by this program, with its discriminator.
    pub campaign: Pubkey,
}

impl ProposeAuthorityAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [20, 148, 236, 198, 76, 119, 99, 142];
    /// Position of `authority`.
    pub const AUTHORITY: usize = 0;
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 1;

    /// The instruction, with the flags of the IDL.
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
/// Offers a code to another owner, who has to accept; zero for nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProposeOwnerAccounts {
    /// The referral's owner. Safe: it signs, and the handler compares it.
    pub owner: Pubkey,
    /// The referral. Safe: owned by this program, with its discriminator.
    pub referral: Pubkey,
}

impl ProposeOwnerAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [90, 57, 141, 110, 196, 241, 172, 39];
    /// Position of `owner`.
    pub const OWNER: usize = 0;
    /// Position of `referral`.
    pub const REFERRAL: usize = 1;

    /// The instruction, with the flags of the IDL.
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
}

/// Accounts of `purchase`.
///
/// Moves a payment to the campaign's treasury and records it as a conversion by
/// `code`. `amount` is the list price; where the payment is split, the buyer pays
/// that without the discount, and the reward is a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PurchaseAccounts {
    /// Pays the rent, and may be a sponsor. Safe: it signs.
    /// May be any other account: nothing here keeps a typed view of its data.
    pub payer: Pubkey,
    /// Pays, and is the wallet that was referred. Safe: it signs.
    /// May be any other account: nothing here keeps a typed view of its data.
    pub buyer: Pubkey,
    /// The campaign. Safe: owned by this program, with its discriminator. Writable
    /// only where it counts a budget or what its vault owes.
    pub campaign: Pubkey,
    /// The referral that is credited. Safe: owned by this program, with its
    /// discriminator; the handler compares its campaign and its code.
    pub referral: Pubkey,
    /// The conversion to be. Safe: the handler derives its address with the
    /// canonical bump, and the account must not exist yet.
    pub conversion: Pubkey,
    /// Receives the payment. Safe: the handler compares it with the campaign's.
    /// May be any other account: nothing here keeps a typed view of its data.
    pub treasury: Pubkey,
    /// The referrer's associated token account, or wallet where rewards are SOL.
    /// Safe: the handler compares it with the referral's, and reads its state.
    /// May be any other account: nothing here keeps a typed view of its data.
    pub referrer_account: Pubkey,
    /// Token of the payment; absent for SOL. Safe: the handler compares it with the
    /// campaign's.
    pub payment_mint: Option<Pubkey>,
    /// The buyer's token account. Safe: the token program lets its owner or
    /// delegate alone move tokens, and that has to be the buyer.
    /// May be any other account, such as where the buyer gets its share: nothing
    /// here keeps a typed view of its data.
    pub payment_source: Option<Pubkey>,
    /// Program of the payment's mint. Safe: it is one of the two token programs, and
    /// owns the mint.
    pub payment_token_program: Option<Pubkey>,
    /// Token of the rewards, where they are minted or paid from a vault. Safe: the
    /// handler compares it with the campaign's.
    pub mint: Option<Pubkey>,
    /// Program of the mint. Safe: the handler compares it with the campaign's.
    pub token_program: Option<Pubkey>,
    /// The buyer's first touch, in campaigns that count it. Safe: owned by this
    /// program, with its discriminator; the handler compares campaign and wallet.
    pub binding: Option<Pubkey>,
    /// The buyer's associated token account, where it gets a share of what is
    /// minted or paid from a vault. Safe: the handler derives its address.
    pub referee_account: Option<Pubkey>,
    /// The partner's associated token account, or wallet where rewards are SOL.
    /// Safe: the handler derives its address and reads its state.
    pub partner_account: Option<Pubkey>,
    /// The campaign's vault, where it pays from one or rewards wait in one. Safe:
    /// the handler compares it.
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
    /// Position of `referee_account`.
    pub const REFEREE_ACCOUNT: usize = 14;
    /// Position of `partner_account`.
    pub const PARTNER_ACCOUNT: usize = 15;
    /// Position of `vault`.
    pub const VAULT: usize = 16;

    /// The instruction, with the flags of the IDL.
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
                optional(self.mint, AccountMeta::new, false),
                optional(self.token_program, AccountMeta::new_readonly, false),
                optional(self.binding, AccountMeta::new_readonly, false),
                optional(self.referee_account, AccountMeta::new, false),
                optional(self.partner_account, AccountMeta::new, false),
                optional(self.vault, AccountMeta::new, false),
            ],
        )
    }
}

/// Accounts of `reclaim_campaign`.
///
/// Gives back what a closed campaign holds, once nothing can be claimed any more:
/// the mint's authority, the vault's tokens, the rent. Its address stays taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReclaimCampaignAccounts {
    /// The campaign's authority. Safe: it signs, and the handler compares it.
    pub authority: Pubkey,
    /// The campaign. Safe: owned by this program, with its discriminator.
    pub campaign: Pubkey,
    /// Who paid the rent. Safe: the handler compares it.
    /// May be `authority` as well: nothing here keeps a typed view of its data.
    pub rent_payer: Pubkey,
    /// The mint, where the campaign is its authority or has a vault. Safe: the
    /// handler compares it.
    pub mint: Option<Pubkey>,
    /// The campaign's vault, if it has one. Safe: the handler compares it.
    pub vault: Option<Pubkey>,
    /// Where the vault's tokens go, as the authority says. Safe: the token program
    /// checks it.
    pub destination: Option<Pubkey>,
    /// Program of the mint. Safe: the handler compares it.
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

    /// The instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            &(),
            vec![
                AccountMeta::new_readonly(self.authority, true),
                AccountMeta::new(self.campaign, false),
                AccountMeta::new(self.rent_payer, false),
                optional(self.mint, AccountMeta::new, false),
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
/// Gives the rent of a conversion back, when its campaign is closed. `key` is what
/// its address was derived from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReclaimConversionAccounts {
    /// The campaign, or what is left of it. Safe: the handler reads it as one of this
    /// program's, and the conversion's address says that it is the conversion's.
    pub campaign: Pubkey,
    /// The conversion. Safe: owned by this program, with its discriminator.
    pub conversion: Pubkey,
    /// Who paid the rent. Safe: the handler compares it.
    pub rent_payer: Pubkey,
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

    /// The instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self, args: &ReclaimConversionArgs) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            args,
            vec![
                AccountMeta::new_readonly(self.campaign, false),
                AccountMeta::new(self.conversion, false),
                AccountMeta::new(self.rent_payer, false),
            ],
        )
    }
}

/// Accounts of `reclaim_referee`.
///
/// Gives the rent of a first touch back, when it has expired or its campaign is
/// closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReclaimRefereeAccounts {
    /// The campaign, or what is left of it. Safe: the handler compares it with the
    /// binding's.
    pub campaign: Pubkey,
    /// The binding. Safe: owned by this program, with its discriminator.
    pub referee: Pubkey,
    /// Who paid the rent. Safe: the handler compares it.
    pub rent_payer: Pubkey,
}

impl ReclaimRefereeAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [86, 71, 122, 49, 49, 85, 208, 248];
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 0;
    /// Position of `referee`.
    pub const REFEREE: usize = 1;
    /// Position of `rent_payer`.
    pub const RENT_PAYER: usize = 2;

    /// The instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            &(),
            vec![
                AccountMeta::new_readonly(self.campaign, false),
                AccountMeta::new(self.referee, false),
                AccountMeta::new(self.rent_payer, false),
            ],
        )
    }
}

/// Accounts of `reclaim_referral`.
///
/// Gives the rent of a code back, when its campaign is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReclaimReferralAccounts {
    /// The campaign, or what is left of it. Safe: the handler compares it with the
    /// referral's, and reads it as one of this program's.
    pub campaign: Pubkey,
    /// The referral, or what its owner left of it. Safe: the handler reads it as one
    /// of this program's.
    pub referral: Pubkey,
    /// Who paid the rent. Safe: the handler compares it.
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

    /// The instruction, with the flags of the IDL.
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

/// Accounts of `remove_partner`.
///
/// Ends a partnership, as the partner wants, once nothing is owed to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemovePartnerAccounts {
    /// The partner. Safe: it signs, and the handler compares it.
    pub partner: Pubkey,
    /// The referral. Safe: owned by this program, with its discriminator.
    pub referral: Pubkey,
}

impl RemovePartnerAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [205, 64, 184, 235, 182, 107, 63, 15];
    /// Position of `partner`.
    pub const PARTNER: usize = 0;
    /// Position of `referral`.
    pub const REFERRAL: usize = 1;

    /// The instruction, with the flags of the IDL.
    #[must_use]
    pub fn instruction(&self) -> Instruction {
        build(
            &Self::DISCRIMINATOR,
            &(),
            vec![
                AccountMeta::new_readonly(self.partner, true),
                AccountMeta::new(self.referral, false),
            ],
        )
    }
}

/// Arguments of `set_partner`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[expect(missing_docs, reason = "as in the IDL")]
pub struct SetPartnerArgs {
    pub share_bps: u16,
}

/// Accounts of `set_partner`.
///
/// Gives a partner, who signs too, `share_bps` basis points of each reward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetPartnerAccounts {
    /// The referral's owner. Safe: it signs, and the handler compares it.
    pub owner: Pubkey,
    /// Who gets the share. Safe: it signs, so both have agreed.
    pub partner: Pubkey,
    /// The campaign. Safe: owned by this program, with its discriminator.
    pub campaign: Pubkey,
    /// The referral. Safe: owned by this program, with its discriminator.
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

    /// The instruction, with the flags of the IDL.
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
/// Pauses or resumes a campaign, from the next conversion on. What was earned
/// stays claimable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetPausedAccounts {
    /// The campaign's authority. Safe: it signs, and the handler compares it.
    pub authority: Pubkey,
    /// The campaign. Safe: owned by this program, with its discriminator.
    pub campaign: Pubkey,
}

impl SetPausedAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [91, 60, 125, 192, 176, 225, 166, 218];
    /// Position of `authority`.
    pub const AUTHORITY: usize = 0;
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 1;

    /// The instruction, with the flags of the IDL.
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
/// Stops a code from earning, or lets it earn again, as its campaign wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetSuspendedAccounts {
    /// The campaign's authority. Safe: it signs, and the handler compares it.
    pub authority: Pubkey,
    /// The campaign. Safe: owned by this program, with its discriminator.
    pub campaign: Pubkey,
    /// The referral. Safe: owned by this program, with its discriminator.
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

    /// The instruction, with the flags of the IDL.
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
/// Replaces a campaign's settings, for the conversions that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpdateCampaignAccounts {
    /// The campaign's authority. Safe: it signs, and the handler compares it.
    pub authority: Pubkey,
    /// The campaign. Safe: owned by this program, with its discriminator.
    pub campaign: Pubkey,
}

impl UpdateCampaignAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [235, 31, 39, 49, 121, 173, 19, 92];
    /// Position of `authority`.
    pub const AUTHORITY: usize = 0;
    /// Position of `campaign`.
    pub const CAMPAIGN: usize = 1;

    /// The instruction, with the flags of the IDL.
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
/// Switches a code on or off and bounds its use, as its owner wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpdateReferralAccounts {
    /// The referral's owner. Safe: it signs, and the handler compares it.
    pub owner: Pubkey,
    /// The referral. Safe: owned by this program, with its discriminator.
    pub referral: Pubkey,
}

impl UpdateReferralAccounts {
    /// First bytes of the instruction's data.
    pub const DISCRIMINATOR: [u8; 8] = [123, 215, 252, 27, 184, 244, 151, 197];
    /// Position of `owner`.
    pub const OWNER: usize = 0;
    /// Position of `referral`.
    pub const REFERRAL: usize = 1;

    /// The instruction, with the flags of the IDL.
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
/// Moves `amount` base units that nobody is owed out of a campaign's vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WithdrawVaultAccounts {
    /// The campaign's authority. Safe: it signs, and the handler compares it.
    pub authority: Pubkey,
    /// The campaign. Safe: owned by this program, with its discriminator.
    pub campaign: Pubkey,
    /// Token of the vault. Safe: the handler compares it with the campaign's.
    pub mint: Pubkey,
    /// The campaign's vault. Safe: the handler compares it.
    pub vault: Pubkey,
    /// Where the tokens go, as the authority says. Safe: the token program checks it.
    pub destination: Pubkey,
    /// Program of the mint. Safe: the handler compares it.
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

    /// The instruction, with the flags of the IDL.
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
