use anchor_lang::prelude::*;

use crate::{
    account::{view, Recipient},
    clock,
    payout::{Purse, Recipients},
    proof,
    sale::{self, Evidence, Record, Request, Sale},
    trailing::trailing,
    Binding, Campaign, Existing, Referral, Referrer, FUNDING_MINT_AUTHORITY, FUNDING_VAULT,
    PROOF_ATTESTED,
};

/// Accounts of `convert`.
#[derive(Accounts)]
pub struct Convert {
    /// Pays the rent, and may be a sponsor.
    // Safe: it signs. May be any other account: nothing here keeps a typed view of its data.
    #[account(mut, unsafe(dup))]
    pub payer: Signer,
    /// The wallet that was referred.
    // Safe: it signs, so nobody is converted without knowing.
    pub referee: Signer,
    /// The campaign; writable only if it has a budget or a vault.
    // Read-only otherwise, so that conversions of different referrers run in parallel.
    // Safe: owned by this program, with its discriminator.
    pub campaign: Existing<Campaign>,
    /// The referral that is credited.
    // Safe: owned by this program, with its discriminator; the sale compares its campaign
    // and its code.
    #[account(mut)]
    pub referral: Existing<Referral>,
    /// The conversion to create.
    // Safe: the System program checks the address, and the account must not exist yet.
    #[account(mut)]
    pub conversion: UncheckedAccount,
    /// Token of the rewards; absent if they are held, writable if they are minted.
    // Safe: the purse compares it with the campaign's.
    pub mint: Option<UncheckedAccount>,
    /// The referrer's associated token account.
    // Safe: compared with the referral's; its owner, mint and state are read.
    #[account(mut)]
    pub referrer_account: Recipient,
    /// Program of the mint.
    // Safe: the purse compares it with the campaign's.
    pub token_program: UncheckedAccount,
    /// Creates the account.
    // Safe: checked by address.
    pub system_program: Program<System>,
}

/// The accounts of `convert` that some campaigns need: all of them, or none.
#[derive(Accounts, Default)]
pub struct ConvertExtras {
    /// The campaign's attestor, if it signs the conversion.
    // Safe: it signs, and is compared with the campaign's.
    pub attestor: Option<Signer>,
    /// The instructions sysvar, if a voucher is used.
    // Safe: compared by address.
    pub instructions: Option<UncheckedAccount>,
    /// The address of the voucher's revocation, if a voucher is used.
    // Safe: compared with the derived address; most have no account.
    pub revocation: Option<UncheckedAccount>,
    /// The referee's binding, in campaigns with an attribution window.
    // Safe: owned by this program, with its discriminator; campaign and wallet are compared.
    pub binding: Option<Existing<Binding>>,
    /// The account of the referral's owner, in campaigns that count per owner.
    // Safe: owned by this program, with its discriminator; campaign and owner are compared.
    #[account(mut)]
    pub referrer: Option<Existing<Referrer>>,
    /// The referee's credential, in campaigns with a gate.
    // Safe: owner, issuer, schema, wallet and expiry are compared.
    pub credential: Option<UncheckedAccount>,
    /// The referee's associated token account, if it gets a part.
    // Safe: the address is derived; its owner, mint and state are read.
    #[account(mut)]
    pub referee_account: Option<Recipient>,
    /// The partner's associated token account, if there is a partner.
    // Safe: as the referee's.
    #[account(mut)]
    pub partner_account: Option<Recipient>,
    /// The campaign's vault, if it pays from one.
    // Safe: compared with the campaign's.
    #[account(mut)]
    pub vault: Option<UncheckedAccount>,
}

impl ConvertExtras {
    const NONE: Self = Self {
        attestor: None,
        instructions: None,
        revocation: None,
        binding: None,
        referrer: None,
        credential: None,
        referee_account: None,
        partner_account: None,
        vault: None,
    };
}

/// The referee's request, and the time of the conversion.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    code: &'a [u8; 12],
    action: u8,
    amount: u64,
    reference: &'a [u8; 32],
    now: i64,
}

impl Convert {
    /// Records the conversion and pays the parts that can be paid now.
    #[inline(always)]
    pub fn handle(
        ctx: &mut Context<Self>,
        code: &[u8; 12],
        action: u8,
        amount: u64,
        reference: &[u8; 32],
    ) -> Result<()> {
        let wanted = Wanted {
            code,
            action,
            amount,
            reference,
            now: clock::now()?,
        };
        let (campaign, referral) = (&ctx.accounts.campaign, &ctx.accounts.referral);
        let settings = campaign.in_force(wanted.now);
        let needs_extras = campaign.proof == PROOF_ATTESTED
            || campaign.per_owner == 1
            || settings.attribution_window.get() != 0
            || settings.has_gate()
            || settings.pays_referee()
            || referral.has_partner_share()
            || campaign.funding != FUNDING_MINT_AUTHORITY;
        if needs_extras || !settings.is_plain() {
            return Self::convert_any(ctx, wanted, needs_extras);
        }
        Self::convert(ctx, wanted, &ConvertExtras::NONE, None, true)
    }

    #[inline(never)]
    fn convert_any(ctx: &mut Context<Self>, wanted: Wanted, needs_extras: bool) -> Result<()> {
        let mut extras = ConvertExtras::default();
        if needs_extras {
            trailing(ctx, &mut extras)?;
        }
        // Without counts per owner, the account is another campaign's and must not be counted.
        let per_owner = ctx.accounts.campaign.per_owner == 1;
        let referrer = extras.referrer.take().filter(|_| per_owner);
        Self::convert(ctx, wanted, &extras, referrer, false)
    }

    /// Records the conversion and pays the parts that can be paid now. It is inlined twice: with
    /// `plain` the compiler leaves out everything but a fixed reward for the referrer.
    #[inline(always)]
    fn convert(
        ctx: &mut Context<Self>,
        wanted: Wanted,
        extras: &ConvertExtras,
        mut referrer: Option<Existing<Referrer>>,
        plain: bool,
    ) -> Result<()> {
        let now = wanted.now;
        let accounts = &mut ctx.accounts;
        let campaign = accounts.campaign.shared();
        let sale = Sale {
            campaign,
            settings: campaign.in_force(now),
            referral: accounts.referral.shared(),
            referrer: referrer.as_ref().map(Existing::shared),
            request: Request {
                referee: accounts.referee.address(),
                code: wanted.code,
                action: wanted.action,
                amount: wanted.amount,
                reference: wanted.reference,
            },
            now,
            plain,
        };
        let evidence = Evidence {
            binding: &extras.binding,
            credential: &extras.credential,
        };
        sale.check(&evidence, false)?;
        if campaign.proof == PROOF_ATTESTED {
            proof::Attestation {
                signer: &extras.attestor,
                instructions: &extras.instructions,
                revocation: &extras.revocation,
            }
            .check(&sale)?;
        }
        let mut hash = [0; 32];
        let earned = sale.earn(accounts.conversion.account(), &mut hash)?;
        let total = earned.reward.total();
        let recipients = Recipients {
            referrer: accounts.referrer_account.account(),
            referee: &extras.referee_account,
            partner: &extras.partner_account,
        };
        let purse = Purse {
            campaign,
            mint: view(&accounts.mint),
            vault: view(&extras.vault),
            token_program: Some(accounts.token_program.account()),
        };
        if campaign.funding == FUNDING_VAULT {
            purse.check_vault_holds(total)?;
        }
        let settlement = sale.settle(&earned.reward, &recipients, &purse)?;
        sale::record(
            campaign,
            &mut accounts.referral,
            referrer.as_mut(),
            &earned,
            settlement,
            Record {
                account: accounts.conversion.account(),
                payer: accounts.payer.account(),
                referee: accounts.referee.address(),
                now,
            },
        )?;
        if settlement.paid != 0 {
            purse.pay(&recipients, &earned.reward, settlement.paid)?;
        }
        let waiting = settlement.waiting(&earned.reward);
        sale::commit(&mut accounts.campaign, total, waiting)
    }
}
