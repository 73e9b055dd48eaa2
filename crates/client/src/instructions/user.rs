//! Instructions of a wallet that was referred.

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

/// Arguments of [`bind`].
#[derive(Debug, Clone, Copy)]
pub struct Bind {
    /// Pays the rent, may be a sponsor; signs.
    pub payer: Pubkey,
    /// The wallet to bind; signs.
    pub wallet: Pubkey,
    /// The campaign.
    pub campaign: Pubkey,
    /// The code that brought the wallet.
    pub code: Code,
    /// The referral that the wallet is bound to already and that cannot earn any more,
    /// with the account of its owner if the campaign counts per owner.
    pub bound: Option<(Pubkey, Option<Pubkey>)>,
}

/// Records that a code was the first to bring a wallet to the campaign.
#[must_use]
pub fn bind(args: &Bind) -> Instruction {
    raw::BindAccounts {
        payer: args.payer,
        wallet: args.wallet,
        campaign: args.campaign,
        referral: pda::referral(&args.campaign, &args.code),
        binding: pda::binding(&args.campaign, &args.wallet),
        bound_referral: args.bound.map(|(referral, _)| referral),
        bound_referrer: args.bound.and_then(|(_, referrer)| referrer),
    }
    .instruction(&raw::BindArgs {
        code: args.code.to_padded(),
    })
}

/// The evidence for a conversion, besides the referee's signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Evidence {
    /// No evidence.
    #[default]
    None,
    /// The signature of this attestor, on the transaction.
    Attestor(Pubkey),
    /// A voucher: [`crate::voucher::instruction`], right before `convert`.
    Voucher {
        /// [`crate::voucher::digest`] of the voucher's message.
        digest: [u8; 32],
    },
}

/// Arguments of [`convert()`].
#[derive(Debug, Clone, Copy)]
pub struct Convert {
    /// Pays the rent, may be a sponsor; signs.
    pub payer: Pubkey,
    /// The wallet that was referred; signs.
    pub referee: Pubkey,
    /// The referee's action.
    pub action: Action,
    /// The worth of the action, in units that the campaign chooses; 0 when it has no
    /// price.
    pub amount: u64,
    /// The campaign's own reference, such as a hash of an order; zeros for none.
    pub reference: [u8; 32],
    /// The evidence for the conversion.
    pub evidence: Evidence,
}

impl Convert {
    /// A sign-up of `referee`, who also pays the rent.
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

/// Records a conversion. Its reward is paid at once, or held if the campaign has a hold.
///
/// A part whose beneficiary has no token account stays pending. To pay it at once, put
/// [`crate::token::create_associated_token`] before this instruction in the same
/// transaction.
#[must_use]
pub fn convert(offer: &Offer<'_>, args: &Convert) -> Instruction {
    let campaign = offer.campaign;
    let at_once = offer.settings().hold_seconds == 0;
    let voucher = match args.evidence {
        Evidence::Voucher { digest } => Some(digest),
        Evidence::None | Evidence::Attestor(_) => None,
    };
    let accounts = raw::ConvertAccounts {
        payer: args.payer,
        referee: args.referee,
        campaign: offer.address,
        referral: offer.referral_address,
        conversion: offer.conversion(&args.referee, &args.reference),
        // A held reward moves no token yet.
        mint: campaign.reward_mint().filter(|_| at_once),
        referrer_account: offer.referral.reward_account,
        token_program: campaign.token_program,
        attestor: match args.evidence {
            Evidence::Attestor(attestor) => Some(attestor),
            Evidence::None | Evidence::Voucher { .. } => None,
        },
        instructions: voucher.map(|_| INSTRUCTIONS),
        revocation: voucher.map(|digest| pda::revocation(&offer.address, &digest)),
        binding: offer.binding(&args.referee),
        referrer: offer.referrer(),
        credential: offer.credential(&args.referee),
        referee_account: offer.referee_account(&args.referee).filter(|_| at_once),
        partner_account: offer.partner_account().filter(|_| at_once),
        vault: campaign.vault(),
    };
    let instruction = accounts.instruction(&raw::ConvertArgs {
        code: offer.referral.code,
        action: args.action,
        amount: args.amount,
        reference: args.reference,
    });
    let instruction = offer.counting(instruction, raw::ConvertAccounts::CAMPAIGN);
    let instruction = offer.minting(instruction, raw::ConvertAccounts::MINT);
    trim(instruction, raw::ConvertAccounts::ATTESTOR)
}

/// Arguments of [`purchase`].
#[derive(Debug, Clone, Copy)]
pub struct Purchase {
    /// Pays the rent, may be a sponsor; signs.
    pub payer: Pubkey,
    /// The wallet that was referred and pays the price; signs.
    pub buyer: Pubkey,
    /// The buyer's action.
    pub action: Action,
    /// The price, in base units of the payment token, before any discount.
    pub amount: u64,
    /// The seller's own reference, such as a hash of an order; zeros for none.
    pub reference: [u8; 32],
    /// The most that the buyer agrees to pay, in base units of the payment token: the
    /// price that the buyer was shown.
    pub max_payment: u64,
    /// Program of the payment token; ignored if payments are lamports.
    pub payment_token_program: Pubkey,
    /// The buyer's token account that pays; `None` for the associated token account.
    pub payment_source: Option<Pubkey>,
}

impl Purchase {
    /// A purchase by `buyer`, who also pays the rent, in lamports or in a token of the
    /// SPL Token program.
    #[must_use]
    pub fn new(buyer: &Pubkey, amount: u64, reference: [u8; 32]) -> Self {
        Self {
            payer: *buyer,
            buyer: *buyer,
            action: Action::Purchase,
            amount,
            reference,
            max_payment: amount,
            payment_token_program: crate::token::TOKEN_PROGRAM_ID,
            payment_source: None,
        }
    }

    /// The account that the payment comes from: the wallet if payments are lamports.
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

/// Pays the price to the campaign's treasury and records the conversion. Its reward is
/// paid at once, or held if the campaign has a hold.
#[must_use]
pub fn purchase(offer: &Offer<'_>, args: &Purchase) -> Instruction {
    let campaign = offer.campaign;
    let split = campaign.funding == Funding::PaymentSplit;
    let at_once = offer.settings().hold_seconds == 0;
    // A split pays rewards in the payment token, whose accounts are there already. A held
    // reward moves no other token.
    let moves = at_once && !split;
    let payment_mint = (!campaign.payments_are_sol()).then_some(campaign.payment_mint);
    let accounts = raw::PurchaseAccounts {
        payer: args.payer,
        buyer: args.buyer,
        campaign: offer.address,
        referral: offer.referral_address,
        conversion: offer.conversion(&args.buyer, &args.reference),
        treasury: campaign.settings.treasury,
        referrer_account: offer.referral.reward_account,
        payment_mint,
        payment_source: payment_mint.map(|_| args.source(campaign)),
        payment_token_program: payment_mint.map(|_| args.payment_token_program),
        mint: campaign.reward_mint().filter(|_| moves),
        token_program: campaign.reward_token_program().filter(|_| moves),
        binding: offer.binding(&args.buyer),
        referrer: offer.referrer(),
        credential: offer.credential(&args.buyer),
        // In a split, the buyer's part is a discount.
        referee_account: offer.referee_account(&args.buyer).filter(|_| moves),
        partner_account: offer.partner_account().filter(|_| at_once),
        vault: campaign.vault(),
    };
    let instruction = accounts.instruction(&raw::PurchaseArgs {
        code: offer.referral.code,
        action: args.action,
        amount: args.amount,
        reference: args.reference,
        max_payment: args.max_payment,
    });
    let instruction = offer.counting(instruction, raw::PurchaseAccounts::CAMPAIGN);
    let instruction = offer.minting(instruction, raw::PurchaseAccounts::MINT);
    trim(instruction, raw::PurchaseAccounts::PAYMENT_MINT)
}
