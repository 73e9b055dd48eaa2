//! What a wallet does that was referred.

use solana_sdk::{instruction::Instruction, pubkey::Pubkey};
use vouch_rules::Code;

use super::{Offer, raw};
use crate::{
    accounts::{Action, Campaign, Funding},
    pda,
    raw::trim,
};

/// The sysvar that holds a transaction's instructions.
const INSTRUCTIONS: Pubkey = Pubkey::from_str_const("Sysvar1nstructions1111111111111111111111111");

/// Notes that `code` brought `wallet` to the campaign first. `payer` and `wallet`
/// sign.
#[must_use]
pub fn bind(payer: &Pubkey, wallet: &Pubkey, campaign: &Pubkey, code: &Code) -> Instruction {
    raw::BindAccounts {
        payer: *payer,
        wallet: *wallet,
        campaign: *campaign,
        referral: pda::referral(campaign, code).0,
        referee: pda::referee(campaign, wallet).0,
    }
    .instruction(&raw::BindArgs {
        code: code.to_padded(),
    })
}

/// Who says that a conversion happened, besides the referee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Evidence {
    /// Nobody.
    #[default]
    None,
    /// This attestor, who signs the transaction.
    Attestor(Pubkey),
    /// The instruction right before: [`crate::voucher::instruction`].
    Voucher,
}

/// What `convert` takes.
#[derive(Debug, Clone, Copy)]
pub struct Convert {
    /// Pays the rent, may be a sponsor; signs.
    pub payer: Pubkey,
    /// The wallet that was referred; signs.
    pub referee: Pubkey,
    /// What the referee did.
    pub action: Action,
    /// What it was worth, in units of the campaign's own choice; 0 when it has no price.
    pub amount: u64,
    /// The campaign's own reference, such as a hash of an order; zeros for none.
    pub reference: [u8; 32],
    /// Who else says so.
    pub evidence: Evidence,
}

impl Convert {
    /// A sign-up of `referee`, who also pays for it.
    #[must_use]
    pub fn signup(referee: &Pubkey) -> Self {
        Self {
            payer: *referee,
            referee: *referee,
            action: Action::Signup,
            amount: 0,
            reference: [0; 32],
            evidence: Evidence::None,
        }
    }
}

/// Records a conversion and pays its reward, or holds it, as the campaign says.
///
/// A beneficiary's token account that does not exist leaves that part pending: put
/// [`crate::token::create_associated_token`] before this instruction in the same
/// transaction.
#[must_use]
pub fn convert(offer: &Offer<'_>, args: &Convert) -> Instruction {
    let campaign = offer.campaign;
    let at_once = campaign.hold_seconds == 0;
    let accounts = raw::ConvertAccounts {
        payer: args.payer,
        referee: args.referee,
        campaign: offer.address,
        referral: offer.referral_address,
        conversion: offer.conversion(&args.referee, &args.reference),
        // What is held moves no token yet.
        mint: campaign.reward_mint().filter(|_| at_once),
        referrer_account: offer.referral.reward_account,
        token_program: campaign.token_program,
        attestor: match args.evidence {
            Evidence::Attestor(attestor) => Some(attestor),
            Evidence::None | Evidence::Voucher => None,
        },
        instructions: (args.evidence == Evidence::Voucher).then_some(INSTRUCTIONS),
        binding: offer.binding(&args.referee),
        referee_account: offer.referee_account(&args.referee).filter(|_| at_once),
        partner_account: offer.partner_account().filter(|_| at_once),
        vault: campaign.vault(),
    };
    let instruction = accounts.instruction(&raw::ConvertArgs {
        code: offer.referral.padded_code,
        action: args.action,
        amount: args.amount,
        reference: args.reference,
    });
    let instruction = offer.counting(instruction, raw::ConvertAccounts::CAMPAIGN);
    trim(instruction, raw::ConvertAccounts::ATTESTOR)
}

/// What `purchase` takes.
#[derive(Debug, Clone, Copy)]
pub struct Purchase {
    /// Pays the rent, may be a sponsor; signs.
    pub payer: Pubkey,
    /// The wallet that was referred, and pays the price; signs.
    pub buyer: Pubkey,
    /// What the buyer did.
    pub action: Action,
    /// The price, in base units of the payment token, before any discount.
    pub amount: u64,
    /// The seller's own reference, such as a hash of an order; zeros for none.
    pub reference: [u8; 32],
    /// Program of the payment token; of no effect where payments are lamports.
    pub payment_token_program: Pubkey,
    /// The buyer's token account that pays; `None` for the associated one.
    pub payment_source: Option<Pubkey>,
}

impl Purchase {
    /// A purchase of `buyer`, who also pays the rent, with lamports or with a token
    /// of the Token program.
    #[must_use]
    pub fn new(buyer: &Pubkey, amount: u64, reference: [u8; 32]) -> Self {
        Self {
            payer: *buyer,
            buyer: *buyer,
            action: Action::Purchase,
            amount,
            reference,
            payment_token_program: crate::token::TOKEN_PROGRAM_ID,
            payment_source: None,
        }
    }

    /// The account that pays in `campaign`.
    #[must_use]
    pub fn source(&self, campaign: &Campaign) -> Pubkey {
        if campaign.payments_are_sol() {
            return self.buyer;
        }
        let (mint, program) = (&campaign.payment_mint, &self.payment_token_program);
        self.payment_source
            .unwrap_or_else(|| pda::associated_token(&self.buyer, mint, program).0)
    }
}

/// Pays the price to the campaign's treasury, records the conversion and pays its
/// reward, or holds it, as the campaign says.
#[must_use]
pub fn purchase(offer: &Offer<'_>, args: &Purchase) -> Instruction {
    let campaign = offer.campaign;
    let split = campaign.funding == Funding::PaymentSplit;
    let at_once = campaign.hold_seconds == 0;
    // A split pays rewards in the token of the payment, which is there already; what
    // is held moves no other.
    let moves = at_once && !split;
    let payment_mint = (!campaign.payments_are_sol()).then_some(campaign.payment_mint);
    let accounts = raw::PurchaseAccounts {
        payer: args.payer,
        buyer: args.buyer,
        campaign: offer.address,
        referral: offer.referral_address,
        conversion: offer.conversion(&args.buyer, &args.reference),
        treasury: campaign.treasury,
        referrer_account: offer.referral.reward_account,
        payment_mint,
        payment_source: payment_mint.map(|_| args.source(campaign)),
        payment_token_program: payment_mint.map(|_| args.payment_token_program),
        mint: campaign.reward_mint().filter(|_| moves),
        token_program: campaign.reward_token_program().filter(|_| moves),
        binding: offer.binding(&args.buyer),
        // In a split, the buyer's part is a discount.
        referee_account: offer.referee_account(&args.buyer).filter(|_| moves),
        partner_account: offer.partner_account().filter(|_| at_once),
        vault: campaign.vault(),
    };
    let instruction = accounts.instruction(&raw::PurchaseArgs {
        code: offer.referral.padded_code,
        action: args.action,
        amount: args.amount,
        reference: args.reference,
    });
    let instruction = offer.counting(instruction, raw::PurchaseAccounts::CAMPAIGN);
    trim(instruction, raw::PurchaseAccounts::PAYMENT_MINT)
}
