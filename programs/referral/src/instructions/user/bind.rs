use anchor_lang::{address_eq, prelude::*};

use crate::{
    account::{self, view},
    address, clock,
    code::same_code,
    log,
    math::later,
    Binding, Campaign, Existing, Referral, ReferralError as E, Referrer, Shared, WalletBound,
    VERSION,
};

/// Accounts of `bind`.
#[derive(Accounts)]
pub struct Bind {
    /// Pays the rent, and may be a sponsor.
    // Safe: it signs. May be any other account: nothing here keeps a typed view of its data.
    #[account(mut, unsafe(dup))]
    pub payer: Signer,
    /// The wallet that was referred.
    // Safe: it signs, so nobody is bound without knowing.
    pub wallet: Signer,
    /// The campaign.
    // Safe: owned by this program, with its discriminator.
    pub campaign: Existing<Campaign>,
    /// The referral that brought it.
    // Safe: owned by this program, with its discriminator; campaign and code are compared.
    pub referral: Existing<Referral>,
    /// The binding.
    // Safe: the System program checks the address of a new one; of one that exists,
    // campaign and wallet are compared.
    #[account(mut)]
    pub binding: UncheckedAccount,
    /// The referral of an unexpired binding; the wallet binds again if that referral cannot earn.
    // Safe: compared with the binding's.
    pub bound_referral: Option<UncheckedAccount>,
    /// The account of that referral's owner, if the owner has reached the campaign's limit.
    // Safe: owned by this program, with its discriminator; campaign and owner are compared.
    pub bound_referrer: Option<Existing<Referrer>>,
    /// Creates the account.
    // Safe: checked by address.
    pub system_program: Program<System>,
}

impl Bind {
    /// Binds the wallet. Replaces a binding that has expired or whose code cannot earn.
    pub fn handle(ctx: &mut Context<Self>, code: [u8; 12]) -> Result<()> {
        let now = clock::now()?;
        let accounts = &mut ctx.accounts;
        let campaign = accounts.campaign.shared();
        let referral = &accounts.referral;
        let wallet = *accounts.wallet.address();
        require!(
            address_eq(&referral.campaign, campaign.address()),
            E::WrongCampaign
        );
        require!(same_code(&referral.code, &code), E::CodeMismatch);
        require!(
            !address_eq(&referral.owner, &wallet) && !address_eq(&referral.partner, &wallet),
            E::SelfReferral
        );
        let settings = campaign.in_force(now);
        let window = settings.attribution_window.get();
        require!(window != 0, E::BindingNotNeeded);
        campaign.check_open(settings.settings, now)?;
        referral.check_earning(now)?;

        let expires_at = later(now, window);
        let mut binding = Binding {
            version: VERSION,
            campaign: *campaign.address(),
            wallet,
            referral: *referral.address(),
            rent_payer: *accounts.payer.address(),
            bound_at: now.into(),
            expires_at: expires_at.into(),
        };
        let account = accounts.binding.account();
        if account::is_owned(account, &crate::ID) {
            let bound = account::read::<Binding>(account).ok_or(E::BindingNotFound)?;
            let same = address_eq(&bound.campaign, &binding.campaign)
                && address_eq(&bound.wallet, &wallet);
            require!(same, E::BindingNotFound);
            let lasts = now < bound.expires_at.get();
            if lasts {
                let referral = view(&accounts.bound_referral);
                let referrer = accounts.bound_referrer.as_ref();
                require!(
                    is_lost(campaign, referral, referrer, &bound, now)?,
                    E::AlreadyBound
                );
            }
            binding.rent_payer = bound.rent_payer;
            account::write(account, &binding)?;
        } else {
            let key = address::binding_key(&wallet);
            let payer = accounts.payer.account();
            account::create_keyed(payer, account, campaign, &key, |new| *new = binding)?;
        }
        log(WalletBound {
            campaign: binding.campaign,
            wallet,
            referral: binding.referral,
            expires_at,
        });
        Ok(())
    }
}

/// Whether the referral that `bound` names is known to be unable to earn now.
fn is_lost(
    campaign: Shared<Campaign>,
    referral: Option<&AccountView>,
    referrer: Option<&Existing<Referrer>>,
    bound: &Binding,
    now: i64,
) -> Result<bool> {
    let Some(account) = referral else {
        return Ok(false);
    };
    require!(
        address_eq(account.address(), &bound.referral),
        E::WrongReferral
    );
    // An account that is not a referral any more was closed.
    let Some(referral) = account::read::<Referral>(account) else {
        return Ok(true);
    };
    let limit = campaign.in_force(now).owner_limit.get();
    let used_up = campaign.per_owner == 1
        && limit != 0
        && referrer.is_some_and(|referrer| {
            address_eq(&referrer.campaign, campaign.address())
                && address_eq(&referrer.owner, &referral.owner)
                && referrer.conversions.get() >= limit
        });
    Ok(used_up || !referral.earns(now))
}
