//! `vouch convert` and `vouch purchase`, which the referred wallet signs, and `vouch cancel`.

use clap::Args;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use solana_sdk::signature::Signer as _;
use vouch_client::{
    ProgramError, Pubkey,
    accounts::{Action, Binding, Campaign, Conversion, Proof, Referral, Referrer},
    instructions::{self, Bind, Convert, Evidence, Offer, Purchase},
    pda,
    preflight::{self, ChainState},
    token,
};

use crate::{
    campaign::tokens,
    code,
    context::Context,
    error::{Failure, Outcome},
    node::Seen,
    send::Plan,
    span,
};

/// Arguments of `vouch convert` and `vouch purchase`.
#[derive(Debug, Args)]
pub(crate) struct SaleArgs {
    /// The code that brought the wallet
    code: String,
    #[arg(long, env = "VOUCH_CAMPAIGN")]
    campaign: Pubkey,
    /// Worth of the action, or the price [default: 0]
    #[arg(long, default_value = "0", hide_default_value = true)]
    amount: String,
    /// signup, mint, purchase, booking, enrollment, loan, rental, subscription or custom
    #[arg(long)]
    action: Option<String>,
    /// The campaign's own number of the order, whose SHA-256 is the reference
    #[arg(long, conflicts_with = "reference")]
    order: Option<String>,
    /// The reference itself: 64 hexadecimal digits
    #[arg(long)]
    reference: Option<String>,
}

impl SaleArgs {
    fn action(&self, usual: Action) -> Outcome<Action> {
        let Some(name) = &self.action else {
            return Ok(usual);
        };
        let found = Action::ALL.into_iter().find(|action| action.name() == name);
        found.ok_or_else(|| {
            let error = ProgramError::InvalidAction;
            Failure::usage("invalid_action", error.message(), error.advice())
        })
    }

    fn reference(&self) -> Outcome<[u8; 32]> {
        match (&self.order, &self.reference) {
            (Some(order), _) => Ok(Sha256::digest(order).into()),
            (None, Some(text)) => hex(text).ok_or_else(|| {
                Failure::usage(
                    "invalid_reference",
                    "--reference: a reference is 64 hexadecimal digits",
                    "write the SHA-256 of the order, or the order itself with --order",
                )
            }),
            (None, None) => Ok([0; 32]),
        }
    }
}

/// 32 bytes in hexadecimal digits.
fn hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// Records a conversion, or a purchase, of the wallet that signs.
///
/// # Errors
/// The program's refusals, before anything is signed.
pub(crate) async fn run(context: &Context, args: SaleArgs, buys: bool) -> Outcome<Value> {
    let code = code::parse(&args.code)?;
    let action = args.action(if buys {
        Action::Purchase
    } else {
        Action::Signup
    })?;
    let reference = args.reference()?;
    let key = context.key()?;
    let (wallet, at) = (key.pubkey(), args.campaign);
    let place = pda::referral(&at, &code);
    let (campaign, seen) = context.node.campaign(&at, &[place]).await?;
    let referral: Referral = seen.read(&place).ok_or(ProgramError::ReferralNotFound)?;
    let tokens = tokens(context, &campaign).await?;
    let amount = tokens.payment.parse(&args.amount, "--amount")?;
    let offer = Offer::at(at, &campaign, &referral, seen.now)
        .map_err(|_| ProgramError::ReferralNotFound)?;

    let addresses = Addresses::of(&offer, &wallet, &reference);
    let facts = context.node.see(&addresses.all()).await?;
    let mut steps = Vec::new();
    // A wallet that no code has brought yet is bound to this one.
    let mut binding: Option<Binding> = facts.read(&addresses.binding);
    let window = offer.settings().attribution_window;
    if window > 0 && binding.is_none() {
        steps.push(instructions::bind(&Bind {
            payer: wallet,
            wallet,
            campaign: at,
            code,
            bound: None,
        }));
        binding = Some(Binding {
            version: 1,
            campaign: at,
            wallet,
            referral: place,
            rent_payer: wallet,
            bound_at: facts.now,
            expires_at: facts.now.saturating_add(window.into()),
        });
    }
    let referrer: Option<Referrer> = facts.read(&addresses.referrer);
    let state = ChainState {
        code: Some(code),
        binding: binding.as_ref(),
        referrer: referrer.as_ref(),
        // The program reads the credential itself, in the simulation.
        credential_expires_at: Some(0),
        voucher: None,
        // An earlier run may have recorded it, so that is asked first.
        converted: false,
        vault_balance: addresses.vault_holds(&facts),
    };
    let at_once = offer.settings().hold_seconds == 0;
    if let (true, true, Some(mint)) = (
        at_once,
        offer.settings().pays_referee(),
        campaign.reward_mint(),
    ) {
        let program = &campaign.token_program;
        steps.push(token::create_associated_token(
            &wallet, &wallet, &mint, program,
        ));
    }
    let reward = if buys {
        let mut purchase = Purchase {
            action,
            ..Purchase::new(&wallet, amount, reference)
        };
        if campaign.proof == Proof::Payment && !campaign.payments_are_sol() {
            let mint = context.node.see(&[campaign.payment_mint]).await?;
            let owner = mint.get(&campaign.payment_mint).map(|mint| mint.owner);
            purchase.payment_token_program = owner.unwrap_or(token::TOKEN_PROGRAM_ID);
        }
        let reward = preflight::check_purchase(&offer, &purchase, &state)?;
        steps.push(instructions::purchase(&offer, &purchase));
        reward
    } else {
        let is_own = campaign.proof == Proof::Attested && campaign.settings.attestor == wallet;
        let convert = Convert {
            action,
            amount,
            reference,
            evidence: if is_own {
                Evidence::Attestor(wallet)
            } else {
                Evidence::None
            },
            ..Convert::signup(&wallet)
        };
        let reward = preflight::check_convert(&offer, &convert, &state)?;
        steps.push(instructions::convert(&offer, &convert));
        reward
    };
    let units = tokens.reward;
    let result = json!({
        "campaign": at.to_string(),
        "code": code.as_str(),
        "conversion": addresses.conversion.to_string(),
        "referee": wallet.to_string(),
        "action": action.name(),
        "amount": tokens.payment.json(amount),
        "reward": {
            "referrer": units.json(reward.referrer),
            "referee": units.json(reward.referee),
            "partner": units.json(reward.partner),
        },
        "hold_seconds": offer.settings().hold_seconds,
        "warnings": [],
    });
    // A first run also binds the wallet, so a second one would sign something else.
    let command = format!(
        "sale {buys} {at} {code} {amount} {} {reference:?}",
        action.name()
    );
    let title = if buys {
        let price = tokens.payment.show(amount.into());
        format!("Buy for {price} ({amount} base units) by the code {code}")
    } else {
        format!("Convert by the code {code}")
    };
    context
        .carry_out(
            &key,
            Plan {
                command: Some(command),
                base: None,
                title,
                instructions: steps,
            },
            result,
        )
        .await
}

/// Accounts that decide over a conversion.
struct Addresses {
    conversion: Pubkey,
    binding: Pubkey,
    referrer: Pubkey,
    vault: Option<Pubkey>,
}

impl Addresses {
    fn of(offer: &Offer<'_>, wallet: &Pubkey, reference: &[u8; 32]) -> Self {
        Self {
            conversion: offer.conversion(wallet, reference),
            binding: pda::binding(&offer.address, wallet),
            referrer: pda::referrer(&offer.address, &offer.referral.owner),
            vault: offer.campaign.vault(),
        }
    }

    fn all(&self) -> Vec<Pubkey> {
        let mut all = vec![self.conversion, self.binding, self.referrer];
        all.extend(self.vault);
        all
    }

    fn vault_holds(&self, seen: &Seen) -> u64 {
        let vault = self.vault.and_then(|vault| seen.get(&vault));
        vault
            .and_then(|vault| token::balance(&vault.data))
            .unwrap_or_default()
    }
}

/// Cancels a conversion within its hold.
///
/// # Errors
/// `conversion_not_found`, `hold_over`, `not_pending`, `unauthorized`.
pub(crate) async fn cancel(context: &Context, address: &Pubkey) -> Outcome<Value> {
    let key = context.key()?;
    let seen = context.node.see(&[*address]).await?;
    let conversion: Conversion = seen.read(address).ok_or(ProgramError::ConversionNotFound)?;
    let seen = context.node.see(&[conversion.referral]).await?;
    let referral: Referral = seen
        .read(&conversion.referral)
        .ok_or(ProgramError::ReferralNotFound)?;
    let at = referral.campaign;
    let (campaign, seen): (Campaign, _) = context.node.campaign(&at, &[]).await?;
    if campaign.authority != key.pubkey() {
        return Err(ProgramError::Unauthorized.into());
    }
    let offer = Offer::at(at, &campaign, &referral, seen.now)
        .map_err(|_| ProgramError::ReferralNotFound)?;
    let units = code::units(context, &campaign);
    let plan = Plan {
        command: None,
        base: None,
        title: format!("Cancel the conversion {address}"),
        instructions: vec![instructions::cancel_conversion(
            &offer,
            address,
            &conversion,
        )],
    };
    let result = json!({
        "conversion": address.to_string(),
        "campaign": at.to_string(),
        "code": referral.code().map(|code| code.to_string()).unwrap_or_default(),
        "referee": conversion.referee.to_string(),
        "reward": {
            "referrer": units.json(conversion.reward_referrer),
            "referee": units.json(conversion.reward_referee),
            "partner": units.json(conversion.reward_partner),
        },
        "converted_at": span::shown(conversion.converted_at),
        "held_until": span::shown(conversion.claimable_from()),
        "warnings": [],
    });
    context.carry_out(&key, plan, result).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_becomes_its_hash() {
        let args = |order: Option<&str>, reference: Option<&str>| SaleArgs {
            code: String::new(),
            campaign: Pubkey::default(),
            amount: "0".into(),
            action: None,
            order: order.map(str::to_owned),
            reference: reference.map(str::to_owned),
        };
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        // SHA-256 of "abc": FIPS 180-2, appendix B.1.
        let by_order = args(Some("abc"), None).reference().expect("a reference");
        let by_hash = args(None, Some(hash)).reference().expect("a reference");
        assert_eq!(by_order, by_hash);
        assert_eq!(args(None, None).reference().ok(), Some([0; 32]));
        for text in ["", "ba", &hash.replace('b', "é"), &hash.replace('b', "+")] {
            let failure = args(None, Some(text)).reference().expect_err("refused");
            assert_eq!(failure.code, "invalid_reference");
        }
    }
}
