//! What a wallet does that was referred.

use std::sync::LazyLock;

use solana_sdk::{
    instruction::{AccountMeta, Instruction},
    pubkey::Pubkey,
};
use vouch_rules::Code;

use super::{
    Offer, SYSTEM_PROGRAM, absent, instruction, optional, optional_readonly, optional_signer,
    with_trailing,
};
use crate::{
    accounts::{Action, Campaign, Funding},
    discriminator, pda,
};

/// The sysvar that holds a transaction's instructions.
const INSTRUCTIONS: Pubkey = Pubkey::from_str_const("Sysvar1nstructions1111111111111111111111111");

/// First eight bytes of a `convert` instruction's data.
#[must_use]
pub fn convert_discriminator() -> [u8; 8] {
    static DISCRIMINATOR: LazyLock<[u8; 8]> = LazyLock::new(|| discriminator("global", "convert"));
    *DISCRIMINATOR
}

/// First eight bytes of a `purchase` instruction's data.
#[must_use]
pub fn purchase_discriminator() -> [u8; 8] {
    static DISCRIMINATOR: LazyLock<[u8; 8]> = LazyLock::new(|| discriminator("global", "purchase"));
    *DISCRIMINATOR
}

/// Notes that `code` brought `wallet` to the campaign first. `payer` and `wallet`
/// sign.
#[must_use]
pub fn bind(payer: &Pubkey, wallet: &Pubkey, campaign: &Pubkey, code: &Code) -> Instruction {
    instruction(
        "bind",
        &code.to_padded(),
        vec![
            AccountMeta::new(*payer, true),
            AccountMeta::new_readonly(*wallet, true),
            AccountMeta::new_readonly(*campaign, false),
            AccountMeta::new_readonly(pda::referral(campaign, code).0, false),
            AccountMeta::new(pda::referee(campaign, wallet).0, false),
            AccountMeta::new_readonly(SYSTEM_PROGRAM, false),
        ],
    )
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
    let attestor = match args.evidence {
        Evidence::Attestor(attestor) => Some(attestor),
        Evidence::None | Evidence::Voucher => None,
    };
    let instructions = (args.evidence == Evidence::Voucher).then_some(INSTRUCTIONS);
    instruction(
        "convert",
        &(
            offer.referral.padded_code,
            args.action,
            args.amount,
            args.reference,
        ),
        with_trailing(
            vec![
                AccountMeta::new(args.payer, true),
                AccountMeta::new_readonly(args.referee, true),
                offer.campaign_meta(),
                AccountMeta::new(offer.referral_address, false),
                AccountMeta::new(offer.conversion(&args.referee, &args.reference), false),
                // What is held moves no token yet.
                if at_once { offer.mint_meta() } else { absent() },
                offer.referrer_meta(),
                AccountMeta::new_readonly(campaign.token_program, false),
                AccountMeta::new_readonly(SYSTEM_PROGRAM, false),
            ],
            vec![
                optional_signer(attestor),
                optional_readonly(instructions),
                offer.binding_meta(&args.referee),
                offer.referee_meta(&args.referee, at_once),
                offer.partner_meta(at_once),
                offer.vault_meta(),
            ],
        ),
    )
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
    let payment = (!campaign.payments_are_sol()).then_some(campaign.payment_mint);
    let source = payment.map(|_| args.source(campaign));
    instruction(
        "purchase",
        &(
            offer.referral.padded_code,
            args.action,
            args.amount,
            args.reference,
        ),
        with_trailing(
            vec![
                AccountMeta::new(args.payer, true),
                AccountMeta::new(args.buyer, true),
                offer.campaign_meta(),
                AccountMeta::new(offer.referral_address, false),
                AccountMeta::new(offer.conversion(&args.buyer, &args.reference), false),
                AccountMeta::new(campaign.treasury, false),
                offer.referrer_meta(),
                AccountMeta::new_readonly(SYSTEM_PROGRAM, false),
            ],
            vec![
                optional_readonly(payment),
                optional(source),
                optional_readonly(payment.map(|_| args.payment_token_program)),
                if moves { offer.mint_meta() } else { absent() },
                if moves {
                    offer.token_program_meta()
                } else {
                    absent()
                },
                offer.binding_meta(&args.buyer),
                // In a split, the buyer's part is a discount.
                offer.referee_meta(&args.buyer, moves),
                offer.partner_meta(at_once),
                offer.vault_meta(),
            ],
        ),
    )
}
