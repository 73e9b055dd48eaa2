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
use solana_sdk::{account::Account, clock::Clock, hash::Hash, sysvar};
use tokio::sync::{Mutex, watch};
use vouch_client::{
    Code, PROGRAM_ID, ProgramError, Pubkey,
    accounts::{AccountType, Campaign, DecodeError, Funding, Referee, Referral},
    instructions::{Convert, CreateReferral, Offer},
    pda,
    preflight::{self, Reward, Seen},
    token,
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

/// A conversion that the program would take.
pub(crate) struct Checked {
    pub(crate) campaign: Campaign,
    pub(crate) referral: Referral,
    /// Address that it will have.
    pub(crate) conversion: Pubkey,
    /// What it earns.
    pub(crate) reward: Reward,
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

    /// Refuses what `create_referral` would refuse; the code is the first of `codes` that
    /// is free, and the one of `args` has no say.
    ///
    /// # Errors
    /// The refusal of the program, or `chain_unavailable`.
    pub(crate) async fn check_create_referral(
        &self,
        args: &CreateReferral,
        codes: &[Code],
    ) -> ApiResult<Code> {
        let referrals = codes
            .iter()
            .map(|code| pda::referral(&args.campaign, code).0);
        let addresses: Vec<Pubkey> = [args.campaign, sysvar::clock::ID]
            .into_iter()
            .chain(referrals)
            .collect();
        let accounts = self.accounts(&addresses).await?;
        let campaign =
            ours::<Campaign>(accounts.first())?.ok_or_else(ApiError::campaign_not_found)?;
        let now = now(accounts.get(1))?;
        let free = codes
            .iter()
            .zip(accounts.iter().skip(2))
            // What somebody else has sent lamports to is still free.
            .find(|(_, account)| !is_ours(account.as_ref()))
            .map(|(code, _)| *code);
        preflight::check_create_referral(&campaign, args, now, free.is_none())?;
        free.ok_or_else(|| ProgramError::CodeTaken.into())
    }

    /// Refuses what `convert` would refuse.
    ///
    /// # Errors
    /// The refusal of the program, `code_not_found`, `campaign_not_found` or
    /// `chain_unavailable`.
    pub(crate) async fn check_convert(
        &self,
        address: &Pubkey,
        code: &Code,
        args: &Convert,
        voucher_expires_at: Option<i64>,
    ) -> ApiResult<Checked> {
        // Where wallets count once, which is common, one call reads everything.
        let guess = pda::conversion(address, &args.referee).0;
        let addresses = [
            *address,
            pda::referral(address, code).0,
            sysvar::clock::ID,
            guess,
            pda::referee(address, &args.referee).0,
        ];
        let accounts = self.accounts(&addresses).await?;
        let campaign =
            ours::<Campaign>(accounts.first())?.ok_or_else(ApiError::campaign_not_found)?;
        let referral = ours::<Referral>(accounts.get(1))?.ok_or_else(ApiError::code_not_found)?;
        let now = now(accounts.get(2))?;
        let binding = ours::<Referee>(accounts.get(4))?;

        let offer = Offer::at(*address, &campaign, &referral);
        let conversion = offer.conversion(&args.referee, &args.reference);
        let more = if conversion == guess && campaign.funding != Funding::Vault {
            vec![accounts.get(3).cloned().flatten(), None]
        } else {
            self.accounts(&[conversion, campaign.vault]).await?
        };
        let vault = more.get(1).and_then(Option::as_ref);
        let seen = Seen {
            now,
            code: Some(*code),
            binding: binding.as_ref(),
            voucher_expires_at,
            converted: more
                .first()
                .is_some_and(|account| is_ours(account.as_ref())),
            vault_balance: vault
                .and_then(|vault| token::balance(&vault.data))
                .unwrap_or(0),
        };
        let reward = preflight::check_convert(&offer, args, &seen)?;
        Ok(Checked {
            reward,
            conversion,
            campaign,
            referral,
        })
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

/// Unix seconds, as the chain's clock says.
fn now(clock: Option<&Option<Account>>) -> ApiResult<i64> {
    clock
        .and_then(Option::as_ref)
        .and_then(|clock| bincode::deserialize::<Clock>(&clock.data).ok())
        .map(|clock| clock.unix_timestamp)
        .ok_or_else(ApiError::chain_unavailable)
}
