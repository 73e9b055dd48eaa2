//! What the transaction builders ask of the chain, at `confirmed`.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use solana_client::{
    client_error::{ClientError, ClientErrorKind as ErrorKind},
    nonblocking::rpc_client::RpcClient,
};
use solana_commitment_config::CommitmentConfig;
use solana_sdk::{account::Account, clock::Clock, hash::Hash, program_pack::Pack, sysvar};
use spl_token_interface::state::Account as TokenAccount;
use tokio::sync::{Mutex, watch};
use vouch_client::{
    Code, PROGRAM_ID, ProgramError, Pubkey,
    accounts::{AccountType, Campaign, DecodeError, Referral},
    pda,
};

use crate::{
    config::RPC_TIMEOUT,
    error::{ApiError, ApiResult},
};

/// How long a blockhash is handed out again.
const BLOCKHASH_AGE: Duration = Duration::from_secs(1);
/// How often the chain is asked whether it is there.
const PROBE_EVERY: Duration = Duration::from_millis(500);

/// The chain's RPC with its state.
pub(crate) struct Chain {
    rpc: RpcClient,
    blockhash: Mutex<Option<(Instant, RecentBlockhash)>>,
    up: watch::Sender<bool>,
}

/// A blockhash and how long it may be used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecentBlockhash {
    pub(crate) hash: Hash,
    /// The last block height at which a transaction with it is accepted.
    pub(crate) last_valid_block_height: u64,
}

impl Chain {
    pub(crate) fn new(url: String) -> Self {
        let commitment = CommitmentConfig::confirmed();
        Self {
            rpc: RpcClient::new_with_timeout_and_commitment(url, RPC_TIMEOUT, commitment),
            blockhash: Mutex::new(None),
            up: watch::Sender::new(false),
        }
    }

    /// Whether the last probe was answered.
    pub(crate) fn is_up(&self) -> bool {
        *self.up.borrow()
    }

    /// Asks the chain again and again whether it is there. Does not end.
    pub(crate) async fn watch(&self) {
        loop {
            let answer = call(self.rpc.get_health()).await;
            if let Err(error) = &answer
                && self.is_up()
            {
                let cause = error.cause.as_ref().map(|cause| format!("{cause:#}"));
                tracing::warn!(cause, "the chain's RPC does not answer");
            }
            let up = answer.is_ok();
            self.up
                .send_if_modified(|known| std::mem::replace(known, up) != up);
            tokio::time::sleep(PROBE_EVERY).await;
        }
    }

    /// A blockhash that is at most about a second old.
    ///
    /// # Errors
    /// `chain_unavailable`.
    pub(crate) async fn blockhash(&self) -> ApiResult<RecentBlockhash> {
        // Held while asking: a crowd asks once.
        let mut cached = self.blockhash.lock().await;
        if let Some((at, blockhash)) = *cached
            && at.elapsed() < BLOCKHASH_AGE
        {
            return Ok(blockhash);
        }
        let (hash, last_valid_block_height) = call(
            self.rpc
                .get_latest_blockhash_with_commitment(CommitmentConfig::confirmed()),
        )
        .await?;
        let blockhash = RecentBlockhash {
            hash,
            last_valid_block_height,
        };
        *cached = Some((Instant::now(), blockhash));
        Ok(blockhash)
    }

    /// Refuses what `create_referral` would refuse.
    ///
    /// # Errors
    /// The refusal of the program, or `chain_unavailable`.
    pub(crate) async fn check_create_referral(
        &self,
        campaign: &Pubkey,
        codes: &[Code],
    ) -> ApiResult<Code> {
        let referrals = codes.iter().map(|code| pda::referral(campaign, code).0);
        let addresses: Vec<Pubkey> = std::iter::once(*campaign).chain(referrals).collect();
        let accounts = self.accounts(&addresses).await?;
        let found = ours::<Campaign>(accounts.first())?.ok_or_else(ApiError::campaign_not_found)?;
        if found.closed {
            return Err(ProgramError::CampaignClosed.into());
        }
        codes
            .iter()
            .zip(accounts.iter().skip(1))
            // What somebody else has sent lamports to is still free.
            .find(|(_, account)| !is_ours(account.as_ref()))
            .map(|(code, _)| *code)
            .ok_or_else(|| ProgramError::CodeTaken.into())
    }

    /// Refuses what `convert` would refuse, in its order.
    ///
    /// `receiver` is the referrer's token account as far as the mirror knows it, so
    /// that one call reads everything; without it, or when it is out of date, the
    /// program alone judges the token account.
    ///
    /// # Errors
    /// The refusal of the program, `code_not_found`, `campaign_not_found` or
    /// `chain_unavailable`.
    pub(crate) async fn check_convert(
        &self,
        campaign: &Pubkey,
        code: &Code,
        referee: &Pubkey,
        receiver: Option<Pubkey>,
    ) -> ApiResult<(Campaign, Referral)> {
        let mut addresses = vec![
            *campaign,
            pda::referral(campaign, code).0,
            pda::conversion(campaign, referee).0,
            sysvar::clock::ID,
        ];
        addresses.extend(receiver);
        let accounts = self.accounts(&addresses).await?;
        let campaign =
            ours::<Campaign>(accounts.first())?.ok_or_else(ApiError::campaign_not_found)?;
        let referral = ours::<Referral>(accounts.get(1))?.ok_or_else(ApiError::code_not_found)?;
        let now = accounts
            .get(3)
            .and_then(Option::as_ref)
            .and_then(|clock| bincode::deserialize::<Clock>(&clock.data).ok())
            .ok_or_else(ApiError::chain_unavailable)?
            .unix_timestamp;

        if referral.owner == *referee {
            return Err(ProgramError::SelfReferral.into());
        }
        check_open(&campaign, now)?;
        check_earning(&referral, now)?;
        if accounts
            .get(2)
            .is_some_and(|account| is_ours(account.as_ref()))
        {
            return Err(ProgramError::AlreadyConverted.into());
        }
        let expected =
            pda::associated_token(&referral.owner, &campaign.mint, &campaign.token_program).0;
        if receiver == Some(expected)
            && let Some(Some(account)) = accounts.get(4)
        {
            check_receiver(account, &campaign, &referral)?;
        }
        Ok((campaign, referral))
    }

    async fn accounts(&self, addresses: &[Pubkey]) -> ApiResult<Vec<Option<Account>>> {
        let accounts = call(self.rpc.get_multiple_accounts(addresses)).await?;
        if accounts.len() == addresses.len() {
            Ok(accounts)
        } else {
            let cause = anyhow::anyhow!("the RPC gave another number of accounts than asked for");
            Err(ApiError::chain_unavailable().because(cause))
        }
    }
}

/// Runs one call within its time. The client's own retries of a busy RPC are part of it.
async fn call<T>(call: impl Future<Output = Result<T, ClientError>>) -> ApiResult<T> {
    match tokio::time::timeout(RPC_TIMEOUT, call).await {
        Ok(Ok(answer)) => Ok(answer),
        // The error's text may hold the RPC's address, and with it an API key.
        Ok(Err(error)) => {
            let cause = anyhow::anyhow!("RPC: {}", without_url(error));
            Err(ApiError::chain_unavailable().because(cause))
        }
        Err(elapsed) => Err(ApiError::chain_unavailable().because(elapsed)),
    }
}

fn without_url(error: ClientError) -> String {
    match *error.kind {
        ErrorKind::Reqwest(error) => error.without_url().to_string(),
        kind => kind.to_string(),
    }
}

fn is_ours(account: Option<&Account>) -> bool {
    account.is_some_and(|account| account.owner == PROGRAM_ID)
}

/// The account if it is one of the program's, of this type.
fn ours<T: AccountType>(account: Option<&Option<Account>>) -> ApiResult<Option<T>> {
    let account = account.and_then(Option::as_ref);
    match account.filter(|account| is_ours(Some(account))) {
        None => Ok(None),
        Some(account) => match T::decode(&account.data) {
            Ok(account) => Ok(Some(account)),
            // The caller named an account of the program that is something else.
            Err(DecodeError::UnknownType(_)) => Ok(None),
            Err(error) => Err(ApiError::internal().because(error)),
        },
    }
}

fn check_open(campaign: &Campaign, now: i64) -> Result<(), ProgramError> {
    if campaign.closed {
        Err(ProgramError::CampaignClosed)
    } else if campaign.paused {
        Err(ProgramError::CampaignPaused)
    } else if now < campaign.starts_at {
        Err(ProgramError::CampaignNotStarted)
    } else if campaign.ends_at != 0 && now >= campaign.ends_at {
        Err(ProgramError::CampaignEnded)
    } else {
        Ok(())
    }
}

fn check_earning(referral: &Referral, now: i64) -> Result<(), ProgramError> {
    if !referral.active || referral.suspended {
        Err(ProgramError::ReferralInactive)
    } else if referral.expires_at != 0 && now >= referral.expires_at {
        Err(ProgramError::ReferralExpired)
    } else if referral.usage_limit != 0 && referral.conversions >= referral.usage_limit {
        Err(ProgramError::UsageLimitReached)
    } else {
        Ok(())
    }
}

/// A token account that does not exist yet is made by the transaction itself.
fn check_receiver(
    account: &Account,
    campaign: &Campaign,
    referral: &Referral,
) -> Result<(), ProgramError> {
    if account.owner != campaign.token_program {
        return Ok(());
    }
    let state = account
        .data
        .get(..TokenAccount::LEN)
        .and_then(|data| TokenAccount::unpack(data).ok());
    match state {
        Some(state) if state.owner == referral.owner && !state.is_frozen() => Ok(()),
        _ => Err(ProgramError::TokenAccountUnavailable),
    }
}
