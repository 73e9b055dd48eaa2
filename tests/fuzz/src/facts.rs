//! The replay's facts about accounts, compared with the accounts before and after a call.

use anyhow::{Context as _, Result, bail, ensure};
use solana_sdk::pubkey::Pubkey;
use vouch_client::{
    Share,
    accounts::{Account, Campaign, Conversion, Referral, Status},
};
use vouch_replay::{AccountKind, Fact, Partner, Sale};

/// The accounts around a call, as the chain has them.
pub(crate) struct Around<'a> {
    /// The account before the call.
    pub(crate) before: &'a dyn Fn(&Pubkey) -> Option<Account>,
    /// The account after it.
    pub(crate) after: &'a dyn Fn(&Pubkey) -> Option<Account>,
    /// Unix seconds.
    pub(crate) now: i64,
}

fn referral(account: Option<Account>) -> Result<Referral> {
    match account {
        Some(Account::Referral(account)) => Ok(*account),
        other => bail!("{other:?} is not a referral"),
    }
}

fn campaign(account: Option<Account>) -> Result<Campaign> {
    match account {
        Some(Account::Campaign(account)) => Ok(*account),
        other => bail!("{other:?} is not a campaign"),
    }
}

fn conversion(account: Option<Account>) -> Result<Conversion> {
    match account {
        Some(Account::Conversion(account)) => Ok(*account),
        other => bail!("{other:?} is not a conversion"),
    }
}

/// Base units of the parts that are not settled.
fn owed(conversion: &Conversion) -> u64 {
    let parts = [
        (1, conversion.reward_referrer),
        (2, conversion.reward_referee),
        (4, conversion.reward_partner),
    ];
    let owed = parts
        .iter()
        .filter(|(bit, _)| conversion.settled & bit == 0);
    owed.map(|(_, units)| units).sum()
}

fn is_partner(referral: &Referral, partner: &Option<Partner>) -> bool {
    let (wallet, share, ends_at) = partner.map_or_else(Default::default, |partner| {
        (partner.wallet, partner.share, partner.ends_at)
    });
    referral.partner == wallet
        && share
            == Share {
                bps: referral.partner_share_bps,
                fixed: referral.partner_fixed,
            }
        && referral.partner_ends_at == ends_at
}

impl Around<'_> {
    /// Fails unless the fact is what happened to its accounts.
    pub(crate) fn check(&self, fact: &Fact) -> Result<()> {
        let holds = self.holds(fact).with_context(|| format!("{fact:?}"))?;
        ensure!(holds, "{fact:?} is not what happened");
        Ok(())
    }

    fn referrals(&self, key: &Pubkey) -> Result<(Referral, Referral)> {
        Ok((referral((self.before)(key))?, referral((self.after)(key))?))
    }

    fn campaigns(&self, key: &Pubkey) -> Result<(Campaign, Campaign)> {
        Ok((campaign((self.before)(key))?, campaign((self.after)(key))?))
    }

    fn conversions(&self, key: &Pubkey) -> Result<(Conversion, Conversion)> {
        Ok((
            conversion((self.before)(key))?,
            conversion((self.after)(key))?,
        ))
    }

    fn holds(&self, fact: &Fact) -> Result<bool> {
        Ok(match fact {
            Fact::Sale(sale) => self.is_sale(sale)?,
            Fact::ConversionReleased { conversion } => {
                let (before, after) = self.conversions(conversion)?;
                before.status == Status::Pending
                    && after.status == Status::Paid
                    && owed(&before) == 0
            }
            Fact::ConversionCancelled {
                conversion,
                referral,
                forgone,
            } => {
                let (before, after) = self.conversions(conversion)?;
                after.status == Status::Cancelled
                    && before.status == Status::Pending
                    && before.referral == *referral
                    && owed(&before) == *forgone
            }
            Fact::ConversionLapsed {
                conversion: key,
                forgone,
            } => {
                let before = conversion((self.before)(key))?;
                before.status == Status::Pending && owed(&before) == *forgone
            }
            Fact::CodeCreated {
                referral: key,
                campaign,
                code,
                owner,
                usage_limit,
                expires_at,
            } => {
                let after = referral((self.after)(key))?;
                (self.before)(key).is_none()
                    && after.campaign == *campaign
                    && after.code == *code
                    && after.owner == *owner
                    && after.usage_limit == *usage_limit
                    && after.expires_at == *expires_at
            }
            Fact::CodeUpdated {
                referral,
                active,
                usage_limit,
                expires_at,
            } => {
                let (_, after) = self.referrals(referral)?;
                after.active == *active
                    && after.usage_limit == *usage_limit
                    && after.expires_at == *expires_at
            }
            Fact::CodeSuspended {
                referral,
                suspended,
            } => self.referrals(referral)?.1.suspended == *suspended,
            Fact::CodeClosed {
                referral: key,
                owner,
            } => {
                let before = referral((self.before)(key))?;
                before.owner == *owner && matches!((self.after)(key), Some(Account::Closed(_)))
            }
            Fact::OwnerProposed { referral, to } => {
                self.referrals(referral)?.1.pending_owner == *to
            }
            Fact::OwnerChanged { referral, old, new } => {
                let (before, after) = self.referrals(referral)?;
                before.owner == *old && after.owner == *new
            }
            Fact::PartnerChanged { referral, old, new } => {
                let (before, after) = self.referrals(referral)?;
                is_partner(&before, old) && is_partner(&after, new)
            }
            Fact::Bound {
                binding,
                campaign,
                wallet,
                referral,
                expires_at,
            } => match (self.after)(binding) {
                Some(Account::Binding(after)) => {
                    after.campaign == *campaign
                        && after.wallet == *wallet
                        && after.referral == *referral
                        && after.bound_at == self.now
                        && after.expires_at == *expires_at
                }
                _ => false,
            },
            Fact::ReferrerRegistered {
                referrer,
                campaign,
                owner,
            } => match (self.after)(referrer) {
                Some(Account::Referrer(after)) => {
                    after.campaign == *campaign && after.owner == *owner
                }
                _ => false,
            },
            Fact::VoucherRevoked {
                revocation,
                campaign,
                digest: _,
            } => match (self.after)(revocation) {
                Some(Account::RevokedVoucher(after)) => after.campaign == *campaign,
                _ => false,
            },
            Fact::RentReclaimed {
                account,
                kind,
                rent_payer,
            } => self.is_reclaimed(account, *kind, rent_payer),
            Fact::PartsProven {
                conversion: key,
                referral,
                settled,
            } => {
                let before = conversion((self.before)(key))?;
                before.referral == *referral && before.settled & settled == *settled
            }
            // Money is checked elsewhere.
            Fact::PartPaid(_) | Fact::VaultFunded { .. } | Fact::VaultWithdrawn { .. } => true,
            other => self.is_about_campaign(other)?,
        })
    }

    fn is_sale(&self, sale: &Sale) -> Result<bool> {
        let key = &sale.conversion;
        let after = conversion((self.after)(key))?;
        let credited = self.referrals(&sale.referral)?.0;
        Ok((self.before)(key).is_none()
            && after.referral == sale.referral
            && after.referee == sale.referee
            && after.reward() == sale.reward
            && after.settled == sale.settled
            && after.hold_seconds == sale.hold_seconds
            && after.rent_payer == sale.rent_payer
            && after.budgeted == sale.budgeted
            && after.converted_at == self.now
            && credited.campaign == sale.campaign
            && credited.code == sale.code
            && credited.owner == sale.owner
            && sale.partner.is_some() == (after.reward_partner != 0)
            && sale
                .partner
                .is_none_or(|partner| partner == credited.partner))
    }

    fn is_reclaimed(&self, key: &Pubkey, kind: AccountKind, payer: &Pubkey) -> bool {
        let after = (self.after)(key);
        let found = match (self.before)(key) {
            Some(Account::Binding(it)) => (AccountKind::Binding, it.rent_payer),
            Some(Account::Campaign(it)) => (AccountKind::Campaign, it.rent_payer),
            Some(Account::Conversion(it)) => (AccountKind::Conversion, it.rent_payer),
            Some(Account::Referral(it)) => (AccountKind::Referral, it.rent_payer),
            Some(Account::Closed(it)) => (AccountKind::ReferralTombstone, it.rent_payer),
            Some(Account::Referrer(it)) => (AccountKind::Referrer, it.rent_payer),
            Some(Account::RevokedVoucher(it)) => (AccountKind::Revocation, it.rent_payer),
            None => return false,
        };
        let gone = match kind {
            AccountKind::Campaign => matches!(after, Some(Account::Closed(_))),
            _ => after.is_none(),
        };
        found == (kind, *payer) && gone
    }

    fn is_about_campaign(&self, fact: &Fact) -> Result<bool> {
        Ok(match fact {
            Fact::CampaignCreated {
                campaign: key,
                creator,
                id,
                mint,
                payment_mint,
                terms,
                settings,
            } => {
                let after = campaign((self.after)(key))?;
                (self.before)(key).is_none()
                    && after.creator == *creator
                    && after.id == *id
                    && after.mint == *mint
                    && after.payment_mint == *payment_mint
                    && after.terms() == *terms
                    && after.settings == **settings
            }
            Fact::CampaignUpdated {
                campaign,
                settings,
                in_force_from,
                announced,
            } => {
                let (_, after) = self.campaigns(campaign)?;
                if *announced {
                    after.next == **settings && after.next_from == *in_force_from
                } else {
                    after.settings == **settings
                        && after.next_from == 0
                        && *in_force_from == self.now
                }
            }
            Fact::CampaignPaused { campaign, paused } => {
                self.campaigns(campaign)?.1.paused == *paused
            }
            Fact::CampaignClosed { campaign } => {
                let (before, after) = self.campaigns(campaign)?;
                !before.closed && after.closed && after.closed_at == self.now
            }
            Fact::AuthorityProposed { campaign, to } => {
                self.campaigns(campaign)?.1.pending_authority == *to
            }
            Fact::AuthorityChanged { campaign, old, new } => {
                let (before, after) = self.campaigns(campaign)?;
                before.authority == *old && after.authority == *new
            }
            other => bail!("{other:?} is not known here"),
        })
    }
}
