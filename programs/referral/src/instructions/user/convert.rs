use core::mem::MaybeUninit;

use anchor_lang::{address_eq, cpi::CpiSigner, likely, prelude::*, Records};

use crate::{
    account::{self, view, Recipient},
    clock,
    payout::{Purse, Recipients},
    proof,
    sale::{self, Evidence, Record, Request, Sale, Settlement},
    trailing::trailing,
    Binding, Campaign, Existing, InForce, Referral, Referrer, FUNDING_MINT_AUTHORITY,
    FUNDING_VAULT, PROOF_ATTESTED,
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

/// The data of the instruction, after its discriminator.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, packed)]
pub struct ConvertData {
    code: [u8; 12],
    action: u8,
    amount: u64,
    reference: [u8; 32],
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
        let mut extras = ConvertExtras::default();
        let settings = ctx.accounts.campaign.in_force(wanted.now);
        if ctx.accounts.needs_extras(settings) || settings.pays_referee() {
            trailing(ctx, &mut extras)?;
        }
        ctx.accounts.convert_any(wanted, &mut extras)
    }

    /// Whether the campaign may need an account of [`ConvertExtras`], apart from the referee's.
    /// A plain campaign does not need that.
    #[inline(always)]
    fn needs_extras(&self, settings: InForce) -> bool {
        let campaign = self.campaign.shared();
        campaign.proof == PROOF_ATTESTED
            || campaign.per_owner == 1
            || settings.attribution_window.get() != 0
            || settings.has_gate()
            || self.referral.has_partner_share()
            || campaign.funding != FUNDING_MINT_AUTHORITY
    }

    /// The short way of a plain conversion without extras. It returns `None`, and has changed
    /// nothing, if anything about the accounts is unusual. [`Self::handle`] then does it, or says
    /// what is wrong.
    ///
    /// # Safety
    /// `input` is what the runtime passed.
    #[inline(always)]
    pub unsafe fn shortly(input: *mut u8, data: &ConvertData) -> Option<Result<()>> {
        // SAFETY: the caller's promise.
        let mut accounts = unsafe { Self::usual(input) }?;
        let now = match clock::now() {
            Ok(now) => now,
            Err(error) => return Some(Err(error)),
        };
        if accounts.needs_extras(accounts.campaign.first_settings()) {
            return None;
        }
        let wanted = Wanted {
            code: &data.code,
            action: data.action,
            amount: data.amount,
            reference: &data.reference,
            now,
        };
        Some(accounts.convert(wanted, &ConvertExtras::NONE, None, true))
    }

    /// The declared accounts, checked as declared, of a plain campaign. Returns `None` if one of
    /// them would be refused, has an unusual length, or appears twice, unless the referee pays.
    ///
    /// # Safety
    /// `input` is what the runtime passed.
    #[inline(always)]
    unsafe fn usual(input: *mut u8) -> Option<Self> {
        // SAFETY: nine accounts are read of at least nine. Of these, none but the payer appears
        // twice, and the accounts after them are not read. So no other view reaches the data of
        // this program's accounts.
        unsafe {
            let mut records = Records::of::<Self, ConvertExtras>(input)?;
            let payer = records.sized(0)?;
            let referee = records.sized_or(payer, 0)?;
            let campaign = records.sized(Existing::<Campaign>::SPACE)?;
            if !Existing::<Campaign>::peek(&campaign).is_plain() {
                return None;
            }
            let referral = records.sized(Existing::<Referral>::SPACE)?;
            let conversion = records.sized(0)?;
            let mint = records.any()?;
            let referrer_account = records.any()?;
            let token_program = records.any()?;
            let system_program = records.any()?;
            Some(Self {
                payer: Signer::load_mut(payer).ok()?,
                referee: Signer::load(referee).ok()?,
                campaign: Existing::find(campaign)?,
                referral: Existing::find_mut(referral)?,
                conversion: UncheckedAccount::load_mut(conversion).ok()?,
                system_program: Program::load(system_program).ok()?,
                mint: if address_eq(mint.address(), &crate::ID) {
                    None
                } else {
                    Some(UncheckedAccount::load(mint).ok()?)
                },
                referrer_account: Recipient::load_mut(referrer_account).ok()?,
                token_program: UncheckedAccount::load(token_program).ok()?,
            })
        }
    }

    #[inline(always)]
    fn convert_any(&mut self, wanted: Wanted, extras: &mut ConvertExtras) -> Result<()> {
        // Without counts per owner, the account is another campaign's and must not be counted.
        let per_owner = self.campaign.per_owner == 1;
        let referrer = extras.referrer.take().filter(|_| per_owner);
        self.convert(wanted, extras, referrer, false)
    }

    /// Records the conversion and pays the parts that can be paid now. It is inlined twice: with
    /// `plain` the compiler leaves out everything but a fixed reward for the referrer. No function
    /// that is not inlined may then get a reference to `self`, so that it stays in registers.
    #[inline(always)]
    fn convert(
        &mut self,
        wanted: Wanted,
        extras: &ConvertExtras,
        mut referrer: Option<Existing<Referrer>>,
        plain: bool,
    ) -> Result<()> {
        let now = wanted.now;
        let accounts = self;
        let campaign = accounts.campaign.shared();
        let mints = plain || campaign.funding == FUNDING_MINT_AUTHORITY;
        let settings = if plain {
            campaign.first_settings()
        } else {
            campaign.in_force(now)
        };
        let sale = Sale {
            campaign,
            settings,
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
            // A split needs a payment, so this is none.
            plain: plain || (settings.is_plain() && !accounts.referral.has_partner_share()),
        };
        let evidence = Evidence {
            binding: &extras.binding,
            credential: &extras.credential,
        };
        if plain {
            sale.check_inlined(&evidence, false)?;
        } else {
            sale.check(&evidence, false)?;
        }
        if campaign.proof == PROOF_ATTESTED {
            proof::Attestation {
                signer: &extras.attestor,
                instructions: &extras.instructions,
                revocation: &extras.revocation,
            }
            .check(&sale)?;
        }
        let mut hash = MaybeUninit::uninit();
        let earned = sale.earn(accounts.conversion.account(), &mut hash)?;
        let total = earned.reward.total();
        let recipients = Recipients {
            referrer: accounts.referrer_account.account(),
            referee: &extras.referee_account,
            partner: &extras.partner_account,
        };
        let mut purse = Purse {
            campaign,
            mints,
            mint: view(&accounts.mint),
            vault: view(&extras.vault),
            token_program: Some(accounts.token_program.account()),
            signers: None,
        };
        if !mints && campaign.funding == FUNDING_VAULT {
            purse.check_vault_holds(total)?;
        }
        let mut settlement = sale.settle(&earned.reward, &recipients, &purse)?;
        if plain {
            if !likely(settlement.paid != 0) {
                // SAFETY: campaign and referral are not used again through `accounts`.
                let (campaign, referral) =
                    unsafe { (accounts.campaign.again(), accounts.referral.again()) };
                return sale::record_unpaid(
                    campaign,
                    referral,
                    earned.key,
                    earned.reward.referrer,
                    settlement,
                    Record {
                        account: *accounts.conversion.account(),
                        payer: *accounts.payer.account(),
                        referee: accounts.referee.address(),
                        now,
                    },
                );
            }
            settlement = Settlement::PAID;
        }
        let seeds = account::seeds(campaign);
        let signers = &[CpiSigner::from(&seeds)];
        let record = Record {
            account: *accounts.conversion.account(),
            payer: *accounts.payer.account(),
            referee: accounts.referee.address(),
            now,
        };
        let (referral, referrer) = (&mut accounts.referral, referrer.as_mut());
        if plain {
            purse.signers = Some(signers);
            sale::record_inlined(
                campaign, referral, referrer, &earned, settlement, &record, signers,
            )?;
        } else {
            sale::record(campaign, referral, referrer, &earned, settlement, &record)?;
        }
        if settlement.paid != 0 {
            purse.pay(&recipients, &earned.reward, settlement.paid)?;
        }
        // Before `commit`, which returns the same: its result would stay in memory.
        if !campaign.is_counted() {
            return Ok(());
        }
        let waiting = settlement.waiting(&earned.reward);
        sale::commit(&mut accounts.campaign, total, waiting)
    }
}
