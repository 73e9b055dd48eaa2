use anchor_lang::prelude::*;

use crate::{
    clock,
    credit::{self, Record, Request},
    payout::{self, Parties, Purse, Receivers},
    proof, token,
    trailing::trailing,
    view, Campaign, Existing, Referee, Referral, ReferralError, FUNDING_VAULT, PROOF_ATTESTED,
};

/// Accounts of `convert`.
#[derive(Accounts)]
pub struct Convert {
    /// Pays the rent, and may be a sponsor. Safe: it signs.
    /// May be any other account: nothing here keeps a typed view of its data.
    #[account(mut, unsafe(dup))]
    pub payer: Signer,
    /// The wallet that was referred. Safe: it signs, so nobody is converted
    /// without knowing.
    pub referee: Signer,
    /// The campaign. Safe: owned by this program, with its discriminator. Writable
    /// only where it counts a budget or what its vault owes, so that conversions
    /// of different referrers run in parallel elsewhere.
    pub campaign: Existing<Campaign>,
    /// The referral that is credited. Safe: owned by this program, with its
    /// discriminator; the handler compares its campaign and its code.
    #[account(mut)]
    pub referral: Existing<Referral>,
    /// The conversion to be. Safe: the handler derives its address with the
    /// canonical bump, and the account must not exist yet.
    #[account(mut)]
    pub conversion: UncheckedAccount,
    /// Token of the rewards; absent where they are held. Safe: the handler
    /// compares it with the campaign's.
    #[account(mut)]
    pub mint: Option<UncheckedAccount>,
    /// The referrer's associated token account. Safe: the handler compares it with
    /// the referral's, and reads its owner, mint and state.
    #[account(mut)]
    pub referrer_account: UncheckedAccount,
    /// Program of the mint. Safe: the handler compares it with the campaign's.
    pub token_program: UncheckedAccount,
    /// Creates the account. Safe: checked by address.
    pub system_program: Program<System>,
}

/// The accounts of `convert` that some campaigns need: all of them, or none.
#[derive(Accounts, Default)]
pub struct ConvertExtras {
    /// Vouches for an attested conversion, if it is there to sign. Safe: it signs,
    /// and the handler compares it.
    pub attestor: Option<Signer>,
    /// The instructions sysvar, where a voucher comes before. Safe: the handler
    /// compares the address.
    pub instructions: Option<UncheckedAccount>,
    /// The referee's first touch, in campaigns that count it. Safe: owned by this
    /// program, with its discriminator; the handler compares campaign and wallet.
    pub binding: Option<Existing<Referee>>,
    /// The referee's associated token account, where it gets a share. Safe: the
    /// handler derives its address and reads its owner, mint and state.
    #[account(mut)]
    pub referee_account: Option<UncheckedAccount>,
    /// The partner's associated token account, where there is one. Safe: as above.
    #[account(mut)]
    pub partner_account: Option<UncheckedAccount>,
    /// The campaign's vault, where it pays from one. Safe: the handler compares it.
    #[account(mut)]
    pub vault: Option<UncheckedAccount>,
}

impl ConvertExtras {
    /// What is there of them. Most campaigns need none, and then nothing looks.
    #[inline(always)]
    fn of(ctx: &mut Context<Convert>) -> Result<Self> {
        let (campaign, referral) = (&ctx.accounts.campaign, &ctx.accounts.referral);
        let needed = campaign.proof == PROOF_ATTESTED
            || campaign.attribution_window.get() != 0
            || campaign.referee_share_bps.get() != 0
            || referral.partner_share_bps.get() != 0
            || campaign.has_vault();
        if !needed {
            return Ok(Self::default());
        }
        trailing(&ctx.remaining_accounts()?)
    }
}

impl Convert {
    /// Records the conversion and pays whoever can take their part now.
    pub fn handle(
        ctx: &mut Context<Self>,
        code: [u8; 12],
        action: u8,
        amount: u64,
        reference: [u8; 32],
    ) -> Result<()> {
        let now = clock::now()?;
        let extras = ConvertExtras::of(ctx)?;
        let accounts = &mut ctx.accounts;
        let referee = *accounts.referee.address();
        let request = Request {
            referee: &referee,
            code: &code,
            action,
            amount,
            reference: &reference,
        };
        let (campaign, referral) = (&accounts.campaign, &accounts.referral);
        credit::check(
            campaign,
            referral,
            extras.binding.as_ref(),
            &request,
            false,
            now,
        )?;
        if campaign.proof == PROOF_ATTESTED {
            proof::check_attested(
                &campaign.attestor,
                extras.attestor.as_ref(),
                view(&extras.instructions),
                campaign.address(),
                referral.address(),
                &request,
                now,
            )?;
        }
        let key = credit::key(campaign, referral.address(), &request)?;
        let bump = credit::find_vacant(accounts.conversion.account(), campaign.address(), &key)?;
        let reward = credit::reward(campaign, referral, amount);
        let total = reward.total();
        let receivers = Receivers {
            referrer: accounts.referrer_account.account(),
            referee: view(&extras.referee_account),
            partner: view(&extras.partner_account),
        };
        let purse = Purse {
            campaign,
            mint: view(&accounts.mint),
            vault: view(&extras.vault),
            token_program: Some(accounts.token_program.account()),
        };
        if campaign.funding == FUNDING_VAULT {
            let free = token::balance(purse.check_vault()?, &campaign.token_program)?
                .checked_sub(campaign.owed.get());
            require!(
                free.is_some_and(|free| free >= total),
                ReferralError::VaultExhausted
            );
        }
        let nothing = payout::nothing(&reward);
        let payable = if campaign.hold_seconds.get() == 0 && total != 0 {
            let parties = Parties {
                campaign,
                referral,
                referee: &referee,
            };
            let payable = parties.payable(&receivers, &reward, nothing)?;
            purse.check(payable, total)?
        } else {
            0
        };
        let settled = nothing | payable;

        let record = Record {
            account: accounts.conversion.account(),
            payer: accounts.payer.account(),
            key: &key,
            bump,
            reward: &reward,
            settled,
            now,
        };
        credit::record(campaign, &mut accounts.referral, &request, record)?;
        if payable != 0 {
            purse.pay(&receivers, &reward, payable)?;
        }
        if !accounts.campaign.counts() {
            return Ok(());
        }
        let owed = payout::sum(&reward, payout::open(settled));
        let owed = if accounts.campaign.has_vault() {
            owed
        } else {
            0
        };
        credit::commit(&mut accounts.campaign, total, owed)
    }
}
