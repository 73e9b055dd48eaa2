//! Accounts as the node had them, all of one slot.

use std::{collections::HashMap, sync::Arc};

use solana_account_decoder_client_types::{UiAccountEncoding, UiDataSliceConfig};
use solana_client::rpc_config::RpcAccountInfoConfig;
use solana_commitment_config::CommitmentConfig;
use solana_sdk::{account::Account, rent::Rent, sysvar};
use vouch_client::{
    Code, Pubkey,
    accounts::{AccountType, Campaign, Closed, Referral},
    pda,
    recipient::{Unpayable, Wallet, token_account_takes, wallet_takes},
};

use super::{
    Chain,
    check::{now, ours},
    fresh::Least,
};
use crate::error::{ApiError, ApiResult};

/// Bytes that are read of an account: more than any account of the program, and any token account
/// or mint that it pays, has. Anybody can make an account of ten megabytes and be paid there.
const LENGTH: usize = 2048;

/// Accounts at `confirmed`, with the chain's clock.
pub(crate) struct Seen {
    /// The chain's time, in unix seconds.
    pub(crate) now: i64,
    /// Rule for the lamports that an account has to hold.
    pub(crate) rent: Rent,
    accounts: HashMap<Pubkey, Found>,
}

struct Found {
    account: Account,
    /// Number of all its bytes, of which at most [`LENGTH`] were read.
    length: usize,
}

impl Chain {
    /// Reads these accounts, at most 98, with clock and rent. Callers that ask for the same meanwhile get
    /// the same answer; like [`Chain::accounts`] it is not kept for later.
    ///
    /// # Errors
    /// `chain_unavailable` or `overloaded`.
    pub(crate) async fn see(&self, addresses: &[Pubkey]) -> ApiResult<Arc<Seen>> {
        self.see_at(None, addresses).await
    }

    /// Like [`Chain::see`], by a node that has reached this slot, unless none reaches it in time.
    async fn see_at(&self, wish: Option<u64>, addresses: &[Pubkey]) -> ApiResult<Arc<Seen>> {
        let least = self.least(wish);
        let read = || async move { self.look(least, addresses).await.map(Arc::new) };
        let key = |queue| (least, addresses.to_vec(), queue);
        self.share(&self.seen, key, read).await
    }

    async fn look(&self, least: Least, addresses: &[Pubkey]) -> ApiResult<Seen> {
        let asked: Vec<Pubkey> = [sysvar::clock::ID, sysvar::rent::ID]
            .into_iter()
            .chain(addresses.iter().copied())
            .collect();
        let answer = self
            .fresh(least, |min_context_slot| {
                self.rpc.get_multiple_ui_accounts_with_config(
                    &asked,
                    RpcAccountInfoConfig {
                        encoding: Some(UiAccountEncoding::Base64),
                        data_slice: Some(UiDataSliceConfig {
                            offset: 0,
                            length: LENGTH,
                        }),
                        commitment: Some(CommitmentConfig::confirmed()),
                        min_context_slot,
                    },
                )
            })
            .await?;
        let unusable = || {
            let cause = anyhow::anyhow!("the RPC's accounts are not those that were asked for");
            ApiError::chain_unavailable().because(cause)
        };
        if answer.len() != asked.len() {
            return Err(unusable());
        }
        let mut found = Vec::with_capacity(answer.len());
        for account in answer {
            found.push(match account {
                None => None,
                Some(ui) => {
                    let account = ui.to_account().ok_or_else(unusable)?;
                    let length = ui.space.and_then(|space| usize::try_from(space).ok());
                    let length = length.unwrap_or(account.data.len());
                    Some(Found { account, length })
                }
            });
        }
        let clock = found.first().and_then(Option::as_ref);
        let now = now(Some(&clock.map(|found| found.account.clone())))?;
        let rent = found
            .get(1)
            .and_then(Option::as_ref)
            .and_then(|found| bincode::deserialize::<Rent>(&found.account.data).ok())
            .ok_or_else(unusable)?;
        let accounts = asked.into_iter().zip(found);
        Ok(Seen {
            now,
            rent,
            accounts: accounts
                .filter_map(|(address, found)| Some((address, found?)))
                .filter(|(_, found)| found.account.lamports > 0)
                .collect(),
        })
    }

    /// Reads the campaign at `address` and what else `more` names.
    ///
    /// # Errors
    /// `campaign_not_found`, `chain_unavailable` or `overloaded`.
    pub(crate) async fn campaign(
        &self,
        address: &Pubkey,
        more: &[Pubkey],
    ) -> ApiResult<(Campaign, Arc<Seen>)> {
        let asked: Vec<Pubkey> = std::iter::once(*address)
            .chain(more.iter().copied())
            .collect();
        let seen = self.see(&asked).await?;
        Ok((seen.campaign(address)?, seen))
    }

    /// Reads the campaign at `address` by a node that has reached this slot, unless none reaches it in
    /// time: somebody else has named it.
    ///
    /// # Errors
    /// `campaign_not_found`, `chain_unavailable` or `overloaded`.
    pub(crate) async fn campaign_at(
        &self,
        slot: Option<u64>,
        address: &Pubkey,
    ) -> ApiResult<(Campaign, Arc<Seen>)> {
        let seen = self.see_at(slot, &[*address]).await?;
        Ok((seen.campaign(address)?, seen))
    }

    /// Reads the campaign at `address` and its referral with this code.
    ///
    /// # Errors
    /// `campaign_not_found`, `code_not_found`, `chain_unavailable` or `overloaded`.
    pub(crate) async fn code(
        &self,
        address: &Pubkey,
        code: &Code,
    ) -> ApiResult<(Campaign, Referral, Arc<Seen>)> {
        let referral = pda::referral(address, code);
        let (campaign, seen) = self.campaign(address, &[referral]).await?;
        let referral = seen.read::<Referral>(&referral)?;
        let referral = referral.ok_or_else(ApiError::code_not_found)?;
        Ok((campaign, referral, seen))
    }
}

impl Seen {
    /// The account at this address; `None` if there is none.
    pub(crate) fn get(&self, address: &Pubkey) -> Option<&Account> {
        self.accounts.get(address).map(|found| &found.account)
    }

    /// The program's account of this type at this address; `None` if there is another one, or none.
    pub(crate) fn read<T: AccountType>(&self, address: &Pubkey) -> ApiResult<Option<T>> {
        ours(Some(&self.get(address).cloned()))
    }

    /// The campaign at this address.
    pub(crate) fn campaign(&self, address: &Pubkey) -> ApiResult<Campaign> {
        match self.read::<Campaign>(address)? {
            Some(campaign) => Ok(campaign),
            None if self.read::<Closed>(address)?.is_some() => {
                Err(ApiError::campaign_not_found()
                    .saying("everything of this campaign was reclaimed"))
            }
            None => Err(ApiError::campaign_not_found()),
        }
    }

    /// Whether `account`, which receives rewards of `campaign` for `owner`, can receive `units`.
    pub(crate) fn takes(
        &self,
        campaign: &Campaign,
        account: &Pubkey,
        owner: &Pubkey,
        units: u64,
    ) -> Result<(), Unpayable> {
        let found = self.accounts.get(account);
        if campaign.rewards_are_sol() {
            let wallet = Wallet {
                lamports: found.map_or(0, |found| found.account.lamports),
                rent: self
                    .rent
                    .minimum_balance(found.map_or(0, |found| found.length)),
                executable: found.is_some_and(|found| found.account.executable),
            };
            return wallet_takes(wallet, units);
        }
        let found = found.filter(|found| found.account.owner == campaign.token_program);
        let found = found.ok_or(Unpayable::NoTokenAccount)?;
        token_account_takes(&found.account.data, &campaign.mint, owner, units)
    }
}
