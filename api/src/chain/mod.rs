//! Reads of the chain for the transaction builders, at `confirmed`.

mod fresh;
mod seen;
mod trial;
pub(crate) mod turns;

use fresh::{Floor, Least};
use turns::{Caller, Turn, Turns};

use std::{
    future::Future,
    hash::Hash as Key,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use moka::future::Cache;
use serde_json::json;
use solana_account_decoder_client_types::UiAccountEncoding;
use solana_client::{
    client_error::{ClientError, ClientErrorKind as ErrorKind},
    nonblocking::rpc_client::RpcClient,
    rpc_config::{RpcAccountInfoConfig, RpcContextConfig, RpcSendTransactionConfig},
    rpc_request::RpcRequest,
    rpc_response::{Response, RpcBlockhash},
};
use solana_commitment_config::CommitmentConfig;
use solana_sdk::{
    account::Account,
    clock::Clock,
    hash::{Hash, ParseHashError},
    signature::Signature,
    sysvar,
    transaction::VersionedTransaction,
};
use tokio::{sync::watch, time::error::Elapsed};
use vouch_client::{
    Code, PROGRAM_ID, ProgramError, Pubkey,
    accounts::{AccountType, Binding, Campaign, DecodeError, Funding, Referral, Referrer, VERSION},
    instructions::{Bind, Convert, CreateReferral, Evidence, Offer},
    pda,
    preflight::{self, ChainState, Reward, VoucherState},
    token,
    voucher::{self, Statement},
};

pub(crate) use seen::Seen;
pub(crate) use trial::{MOST_UNITS, Trial, limit};

use crate::{
    config::RPC_TIMEOUT,
    error::{ApiError, ApiResult},
};

/// A blockhash is reused for this long.
const BLOCKHASH_AGE: Duration = Duration::from_secs(1);
/// Calls of the node that run at the same time. The others wait, for at most [`PATIENCE`].
const CALLS: usize = 16;
/// Time limit for the turn of a call.
const PATIENCE: Duration = Duration::from_secs(2);
/// Blocks after which a blockhash is too old.
const BLOCKHASH_LIFE: u64 = 150;
/// Interval of the probes.
const PROBE_EVERY: Duration = Duration::from_millis(500);

/// The chain's RPC and whether it answers.
pub(crate) struct Chain {
    rpc: RpcClient,
    turns: Turns,
    /// Calls for accounts that run, by what is asked for.
    answers: Cache<Asked, Arc<Vec<Option<Account>>>>,
    /// Calls of [`Chain::see`] that run.
    seen: Cache<Asked, Arc<Seen>>,
    /// The slot that a node has to have reached.
    floor: Floor,
    /// The newest one, and the call for it that runs.
    blockhash: Cache<(), RecentBlockhash>,
    trials: trial::Trials,
    /// The hash of the first block, once the node has said it.
    genesis: OnceLock<Hash>,
    /// Since when it does not answer; `None` while it does.
    down: watch::Sender<Option<Instant>>,
}

/// The slots and the accounts that a call asks for. If it has to wait, also whose call it is: nobody waits
/// in the queue of another network.
type Asked = (Least, Vec<Pubkey>, Option<Caller>);

/// A code that the program would accept for registration.
pub(crate) struct FreeCode {
    pub(crate) code: Code,
    pub(crate) campaign: Campaign,
    /// Whether the owner has a referrer account, if the campaign counts per owner.
    pub(crate) owner_registered: bool,
}

/// The times that a voucher's attestor signed, in unix seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VoucherTimes {
    pub(crate) issued_at: i64,
    pub(crate) expires_at: i64,
}

/// A conversion that the program would accept.
pub(crate) struct Checked {
    pub(crate) campaign: Campaign,
    pub(crate) referral: Referral,
    /// The chain's time, in unix seconds.
    pub(crate) now: i64,
    /// The arguments of the conversion, with the evidence.
    pub(crate) args: Convert,
    /// The message that the attestor must have signed, if there is a voucher.
    pub(crate) message: Option<[u8; voucher::MESSAGE_LEN]>,
    /// How the wallet has to be bound to the code before, in the same transaction.
    pub(crate) bind: Option<Bind>,
    /// Address of the conversion.
    pub(crate) conversion: Pubkey,
    /// The reward of the conversion.
    pub(crate) reward: Reward,
}

/// A blockhash, and the last block height for its use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecentBlockhash {
    pub(crate) hash: Hash,
    /// The last block height at which a transaction with it is accepted.
    pub(crate) last_valid_block_height: u64,
}

impl RecentBlockhash {
    /// The block height of the chain when this was its newest blockhash.
    pub(crate) fn height(&self) -> u64 {
        self.last_valid_block_height.saturating_sub(BLOCKHASH_LIFE)
    }
}

impl Chain {
    /// The node at `url`, which has `patience` to reach what was seen of the chain.
    pub(crate) fn new(url: String, patience: Duration) -> Self {
        let commitment = CommitmentConfig::confirmed();
        Self {
            rpc: RpcClient::new_with_timeout_and_commitment(url, RPC_TIMEOUT, commitment),
            turns: Turns::new(CALLS),
            answers: Cache::new(CALLS as u64),
            seen: Cache::new(CALLS as u64),
            floor: Floor::new(patience),
            blockhash: Cache::builder().time_to_live(BLOCKHASH_AGE).build(),
            trials: trial::Trials::new(),
            genesis: OnceLock::new(),
            down: watch::Sender::new(Some(Instant::now())),
        }
    }

    /// Whether the last probe was answered.
    pub(crate) fn is_up(&self) -> bool {
        self.down.borrow().is_none()
    }

    /// The hash of the first block; `None` until the node has said it.
    pub(crate) fn genesis(&self) -> Option<&Hash> {
        self.genesis.get()
    }

    /// For how long probes have not been answered; `None` while they are.
    pub(crate) fn away(&self) -> Option<Duration> {
        self.down.borrow().map(|since| since.elapsed())
    }

    /// Probes the chain for ever.
    pub(crate) async fn watch(&self) {
        loop {
            let answer = timed(self.rpc.get_health()).await;
            if answer.is_ok()
                && self.genesis.get().is_none()
                && let Ok(hash) = timed(self.rpc.get_genesis_hash()).await
            {
                self.genesis.get_or_init(|| hash);
            }
            if let Err(error) = &answer
                && self.is_up()
            {
                let cause = error.cause.as_ref().map(|cause| format!("{cause:#}"));
                tracing::warn!(cause, "the chain's RPC does not answer");
            }
            self.down.send_modify(|down| {
                *down = answer.is_err().then(|| down.unwrap_or_else(Instant::now));
            });
            tokio::time::sleep(PROBE_EVERY).await;
        }
    }

    /// Returns a blockhash that is at most about a second old.
    ///
    /// # Errors
    /// `chain_unavailable` or `overloaded`.
    pub(crate) async fn blockhash(&self) -> ApiResult<RecentBlockhash> {
        // Many callers cause one request, and its failure is that of all who wait for it.
        // It waits in no network's queue.
        let ask = turns::for_all(self.new_blockhash());
        let found = self.blockhash.try_get_with((), ask).await;
        found.map_err(|error| ApiError::clone(&error))
    }

    /// Sends a signed transaction. The node goes on sending it until its blockhash is too old.
    ///
    /// # Errors
    /// `chain_unavailable` or `overloaded`.
    pub(crate) async fn send(&self, transaction: &VersionedTransaction) -> ApiResult<()> {
        let config = RpcSendTransactionConfig {
            // It was tried before it was signed.
            skip_preflight: true,
            ..RpcSendTransactionConfig::default()
        };
        let _turn = self.turn().await?;
        timed(self.rpc.send_transaction_with_config(transaction, config)).await?;
        Ok(())
    }

    /// Whether the transaction of each signature is in a confirmed block, whatever has become of it there. The node
    /// is asked about recent ones alone.
    ///
    /// # Errors
    /// `chain_unavailable` or `overloaded`.
    pub(crate) async fn landed(&self, signatures: &[Signature]) -> ApiResult<Vec<bool>> {
        let _turn = self.turn().await?;
        let found = timed(self.rpc.get_signature_statuses(signatures)).await?;
        if found.value.len() != signatures.len() {
            let cause = anyhow::anyhow!("the RPC's statuses are not those that were asked for");
            return Err(ApiError::chain_unavailable().because(cause));
        }
        let confirmed = CommitmentConfig::confirmed();
        let statuses = found.value.into_iter();
        let landed = statuses
            .map(|status| status.is_some_and(|status| status.satisfies_commitment(confirmed)));
        Ok(landed.collect())
    }

    async fn new_blockhash(&self) -> ApiResult<RecentBlockhash> {
        let found = self
            .fresh(self.least(None), |min_context_slot| {
                let config = RpcContextConfig {
                    commitment: Some(CommitmentConfig::confirmed()),
                    min_context_slot,
                };
                self.rpc
                    .send::<Response<RpcBlockhash>>(RpcRequest::GetLatestBlockhash, json!([config]))
            })
            .await?;
        let hash = found.blockhash.parse();
        let hash = hash.map_err(|error: ParseHashError| {
            ApiError::chain_unavailable().because(anyhow::anyhow!("the blockhash is none: {error}"))
        })?;
        Ok(RecentBlockhash {
            hash,
            last_valid_block_height: found.last_valid_block_height,
        })
    }

    /// Returns the first of `codes` that is free, ignoring the code in `args`.
    ///
    /// # Errors
    /// The error of `create_referral` that the program would return, or
    /// `chain_unavailable`.
    pub(crate) async fn check_create_referral(
        &self,
        args: &CreateReferral,
        codes: &[Code],
    ) -> ApiResult<FreeCode> {
        let referrals = codes.iter().map(|code| pda::referral(&args.campaign, code));
        let referrer = pda::referrer(&args.campaign, &args.owner);
        let addresses: Vec<Pubkey> = [args.campaign, sysvar::clock::ID, referrer]
            .into_iter()
            .chain(referrals)
            .collect();
        let accounts = self.accounts(addresses).await?;
        let campaign =
            ours::<Campaign>(accounts.first())?.ok_or_else(ApiError::campaign_not_found)?;
        let now = now(accounts.get(1))?;
        let free = codes
            .iter()
            .zip(accounts.iter().skip(3))
            // An address that merely received lamports is still free.
            .find(|(_, account)| !is_ours(account.as_ref()))
            .map(|(code, _)| *code);
        preflight::check_create_referral(&campaign, args, now, free.is_none())?;
        let code = free.ok_or(ProgramError::CodeTaken)?;
        Ok(FreeCode {
            code,
            campaign,
            owner_registered: is_ours(accounts.get(2).and_then(Option::as_ref)),
        })
    }

    /// Returns the conversion if `convert` would succeed. The evidence is the `voucher`,
    /// if there is one; the evidence in `asked` is ignored. With `bind_first`, a wallet that is not
    /// bound to any code that can earn is taken as one that is bound to this code.
    ///
    /// # Errors
    /// The error of `convert` that the program would return, `code_not_found`,
    /// `campaign_not_found` or `chain_unavailable`.
    pub(crate) async fn check_convert(
        &self,
        address: &Pubkey,
        code: &Code,
        asked: &Convert,
        voucher: Option<VoucherTimes>,
        bind_first: bool,
    ) -> ApiResult<Checked> {
        // If wallets count once, which is common, one call reads everything.
        let guess = pda::conversion(address, &asked.referee.to_bytes());
        let addresses = [
            *address,
            pda::referral(address, code),
            sysvar::clock::ID,
            guess,
            pda::binding(address, &asked.referee),
        ];
        let accounts = self.accounts(addresses.to_vec()).await?;
        let campaign =
            ours::<Campaign>(accounts.first())?.ok_or_else(ApiError::campaign_not_found)?;
        let referral = ours::<Referral>(accounts.get(1))?.ok_or_else(ApiError::code_not_found)?;
        let now = now(accounts.get(2))?;
        let binding = ours::<Binding>(accounts.get(4))?;

        let offer = Offer::at(*address, &campaign, &referral, now)
            .map_err(|error| ApiError::internal().because(error))?;
        let message = voucher.map(|voucher| {
            voucher::message(&Statement {
                campaign: *address,
                campaign_created_at: campaign.created_at,
                referral: offer.referral_address,
                referee: asked.referee,
                action: asked.action,
                amount: asked.amount,
                reference: asked.reference,
                issued_at: voucher.issued_at,
                expires_at: voucher.expires_at,
            })
        });
        let digest = message.as_ref().map(voucher::digest);
        let args = Convert {
            evidence: digest.map_or(Evidence::None, |digest| Evidence::Voucher { digest }),
            ..*asked
        };
        let conversion = offer.conversion(&args.referee, &args.reference);
        let settings = offer.settings();
        let bind = if bind_first && settings.attribution_window > 0 {
            let bound = binding.as_ref().filter(|it| now < it.expires_at);
            self.bind(&offer, code, &args, bound).await?
        } else {
            None
        };
        let binding = if bind.is_some() {
            Some(Binding {
                version: VERSION,
                campaign: *address,
                wallet: asked.referee,
                referral: offer.referral_address,
                rent_payer: asked.payer,
                bound_at: now,
                expires_at: now.saturating_add(settings.attribution_window.into()),
            })
        } else {
            binding
        };
        let [elsewhere, vault, referrer, credential, revocation] = self
            .some_accounts([
                (conversion != guess).then_some(conversion),
                (campaign.funding == Funding::Vault).then_some(campaign.vault),
                campaign
                    .per_owner
                    .then(|| pda::referrer(address, &referral.owner)),
                settings.has_gate().then(|| {
                    let (issuer, schema) = (&settings.gate_credential, &settings.gate_schema);
                    pda::attestation(issuer, schema, &args.referee)
                }),
                digest.map(|digest| pda::revocation(address, &digest)),
            ])
            .await?;
        let at_conversion = if conversion == guess {
            accounts.get(3).and_then(Option::as_ref)
        } else {
            elsewhere.as_ref()
        };
        let referrer = ours::<Referrer>(Some(&referrer))?;
        let seen = ChainState {
            code: Some(*code),
            binding: binding.as_ref(),
            referrer: referrer.as_ref(),
            credential_expires_at: credential.as_ref().and_then(credential_expiry),
            voucher: voucher.map(|voucher| VoucherState {
                issued_at: voucher.issued_at,
                expires_at: voucher.expires_at,
                revoked: is_ours(revocation.as_ref()),
            }),
            converted: is_ours(at_conversion),
            vault_balance: vault
                .and_then(|vault| token::balance(&vault.data))
                .unwrap_or(0),
        };
        let reward = preflight::check_convert(&offer, &args, &seen)?;
        Ok(Checked {
            now,
            args,
            message,
            reward,
            bind,
            conversion,
            campaign,
            referral,
        })
    }

    /// How the referee of `args` is bound to the referral of `offer` before it converts: `None` if it is
    /// `bound`, to this referral or to another one that can earn.
    ///
    /// # Errors
    /// `chain_unavailable` or `overloaded`.
    async fn bind(
        &self,
        offer: &Offer<'_>,
        code: &Code,
        args: &Convert,
        bound: Option<&Binding>,
    ) -> ApiResult<Option<Bind>> {
        let new = Bind {
            payer: args.payer,
            wallet: args.referee,
            campaign: offer.address,
            code: *code,
            bound: None,
        };
        let Some(bound) = bound else {
            return Ok(Some(new));
        };
        if bound.referral == offer.referral_address {
            return Ok(None);
        }
        let accounts = self.accounts(vec![bound.referral]).await?;
        let referral = ours::<Referral>(accounts.first())?;
        let referrer = referral
            .as_ref()
            .filter(|_| offer.campaign.per_owner)
            .map(|referral| pda::referrer(&offer.address, &referral.owner));
        let [account] = self.some_accounts([referrer]).await?;
        let account = ours::<Referrer>(Some(&account))?;
        let (referral, account) = (referral.as_ref(), account.as_ref());
        let is_lost = preflight::is_lost(offer.campaign, referral, account, offer.now);
        Ok(is_lost.then_some(Bind {
            bound: Some((bound.referral, referrer)),
            ..new
        }))
    }

    /// The accounts at those of `addresses` that are `Some`, each at its position.
    async fn some_accounts<const N: usize>(
        &self,
        addresses: [Option<Pubkey>; N],
    ) -> ApiResult<[Option<Account>; N]> {
        let asked: Vec<Pubkey> = addresses.iter().flatten().copied().collect();
        if asked.is_empty() {
            return Ok([const { None }; N]);
        }
        let answer = self.accounts(asked).await?;
        let mut found = answer.iter();
        Ok(addresses.map(|address| address.and_then(|_| found.next().cloned().flatten())))
    }

    /// The accounts. Callers that ask for the same meanwhile share the answer. It is not kept for later,
    /// because a wallet that has just converted has to read so.
    async fn accounts(&self, addresses: Vec<Pubkey>) -> ApiResult<Arc<Vec<Option<Account>>>> {
        let (least, addresses) = (self.least(None), &addresses);
        let read = || async move {
            let accounts = self
                .fresh(least, |min_context_slot| {
                    self.rpc.get_multiple_ui_accounts_with_config(
                        addresses,
                        RpcAccountInfoConfig {
                            encoding: Some(UiAccountEncoding::Base64),
                            data_slice: None,
                            commitment: Some(CommitmentConfig::confirmed()),
                            min_context_slot,
                        },
                    )
                })
                .await?;
            let accounts: Option<Vec<Option<Account>>> = accounts
                .into_iter()
                .map(|account| match account {
                    None => Some(None),
                    Some(account) => account.to_account().map(Some),
                })
                .collect();
            let accounts = accounts.filter(|accounts| accounts.len() == addresses.len());
            accounts.map(Arc::new).ok_or_else(|| {
                let cause = anyhow::anyhow!("the RPC's accounts are not those that were asked for");
                ApiError::chain_unavailable().because(cause)
            })
        };
        let key = |queue| (least, addresses.clone(), queue);
        self.share(&self.answers, key, read).await
    }

    /// Does `ask`, unless somebody does with the same key: then both get the outcome of that. The key names
    /// the caller if the call has to wait in that caller's queue. Otherwise all callers share it. If a shared
    /// call got no turn, because it asked the node again later, each caller asks once more in its own queue.
    async fn share<K, V, F>(
        &self,
        running: &Cache<K, V>,
        key: impl Fn(Option<Caller>) -> K,
        ask: impl Fn() -> F,
    ) -> ApiResult<V>
    where
        K: Clone + Eq + Key + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
        F: Future<Output = ApiResult<V>>,
    {
        let mut queue = self.queue();
        loop {
            let key = key(queue);
            let is_ours = AtomicBool::new(false);
            let ask = async {
                is_ours.store(true, Ordering::Relaxed);
                ask().await
            };
            let found = running.try_get_with_by_ref(&key, ask).await;
            running.invalidate(&key).await;
            let error = match found {
                Ok(found) => return Ok(found),
                Err(error) => ApiError::clone(&error),
            };
            let is_ours = is_ours.load(Ordering::Relaxed);
            if is_ours || queue.is_some() || error.code != ApiError::overloaded().code {
                return Err(error);
            }
            queue = Some(Caller::current());
        }
    }

    /// The caller in whose queue a call has to wait; `None` if it does not have to.
    fn queue(&self) -> Option<Caller> {
        (!self.turns.is_idle()).then(Caller::current)
    }

    /// The turn of a call.
    async fn turn(&self) -> ApiResult<Turn> {
        turn(&self.turns).await.ok_or_else(|| {
            let cause = anyhow::anyhow!("too many calls of the node wait");
            ApiError::overloaded().because(cause)
        })
    }
}

/// One of these turns; `None` if none is free in time.
async fn turn(turns: &Turns) -> Option<Turn> {
    let turn = tokio::time::timeout(PATIENCE, turns.take()).await;
    turn.ok()?
}

/// Runs one call within its time limit, which includes the client's own retries of a busy
/// RPC.
async fn timed<T>(call: impl Future<Output = Result<T, ClientError>>) -> ApiResult<T> {
    answered(tokio::time::timeout(RPC_TIMEOUT, call).await)
}

/// The answer of a call, or what keeps it from being one.
fn answered<T>(answer: Result<Result<T, ClientError>, Elapsed>) -> ApiResult<T> {
    match answer {
        Ok(Ok(answer)) => Ok(answer),
        // The error's text may contain the RPC's URL, and with it an API key.
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

/// Decodes the account; `None` if the program does not own it or it has another type.
fn ours<T: AccountType>(account: Option<&Option<Account>>) -> ApiResult<Option<T>> {
    let account = account.and_then(Option::as_ref);
    match account.filter(|account| is_ours(Some(account))) {
        None => Ok(None),
        Some(account) => match T::decode(&account.data) {
            Ok(account) => Ok(Some(account)),
            // The caller named an account of the program that has another type.
            Err(DecodeError::UnknownType(_)) => Ok(None),
            Err(error) => Err(ApiError::internal().because(error)),
        },
    }
}

/// Unix seconds at which the credential expires, 0 for never; `None` when the account is
/// not an attestation. `programs/referral/src/credential.rs` describes the layout.
/// Wallet, issuer and schema need no check, because the address is derived from them.
fn credential_expiry(account: &Account) -> Option<i64> {
    const ATTESTATION: u8 = 2;
    let (kind, rest) = account.data.split_first()?;
    if account.owner != pda::ATTESTATION_SERVICE_ID || *kind != ATTESTATION {
        return None;
    }
    let (_wallet_issuer_schema, rest) = rest.split_at_checked(3 * 32)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (_data, rest) = rest.split_at_checked(length)?;
    let (_signer, rest) = rest.split_at_checked(32)?;
    Some(i64::from_le_bytes(*rest.first_chunk::<8>()?))
}

/// The time of the chain's clock, in unix seconds.
fn now(clock: Option<&Option<Account>>) -> ApiResult<i64> {
    clock
        .and_then(Option::as_ref)
        .and_then(|clock| bincode::deserialize::<Clock>(&clock.data).ok())
        .map(|clock| clock.unix_timestamp)
        .ok_or_else(ApiError::chain_unavailable)
}
