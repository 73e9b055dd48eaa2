//! The demo's access to the chain, as a wallet would have it.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use solana_client::{
    nonblocking::rpc_client::RpcClient,
    rpc_config::{RpcSendTransactionConfig, RpcTransactionConfig},
};
use solana_commitment_config::CommitmentConfig;
use solana_sdk::{
    instruction::{Instruction, InstructionError},
    pubkey::Pubkey,
    signature::{Keypair, Signature, Signer as _},
    transaction::{Transaction, TransactionError, VersionedTransaction},
};
use solana_transaction_status_client_types::UiTransactionEncoding;
use tokio::sync::mpsc;
use vouch_client::{ProgramError, accounts::AccountType};

use crate::http;

/// Time limit for the confirmation of a transaction on a local validator.
const CONFIRMATION: Duration = Duration::from_secs(60);

/// Pause between two polls.
const POLL: Duration = Duration::from_millis(20);

/// A connection to the validator, at `confirmed`.
pub(crate) struct Chain {
    rpc: RpcClient,
}

/// A transaction that the chain has processed.
pub(crate) struct Landed {
    pub(crate) signature: Signature,
    /// `None` when it succeeded.
    pub(crate) error: Option<TransactionError>,
    /// The time at which this process first saw it confirmed.
    pub(crate) confirmed_at: Instant,
}

impl Landed {
    /// The program's error, if it made the transaction fail.
    pub(crate) fn program_error(&self) -> Option<ProgramError> {
        match self.error {
            Some(TransactionError::InstructionError(_, InstructionError::Custom(code))) => {
                ProgramError::from_code(code)
            }
            _ => None,
        }
    }

    /// Returns the transaction itself if it succeeded.
    ///
    /// # Errors
    /// With the transaction's error.
    pub(crate) fn ok(self) -> Result<Self> {
        match &self.error {
            None => Ok(self),
            Some(error) => bail!("transaction {} failed: {error}", self.signature),
        }
    }

    /// The outcome in one word.
    pub(crate) fn outcome(&self) -> String {
        match (&self.error, self.program_error()) {
            (None, _) => "paid".to_owned(),
            (Some(_), Some(error)) => error.name().to_owned(),
            (Some(error), None) => format!("{error:?}"),
        }
    }
}

impl Chain {
    pub(crate) fn new(url: &str) -> Self {
        let rpc = RpcClient::new_with_commitment(url.to_owned(), CommitmentConfig::confirmed());
        Self { rpc }
    }

    pub(crate) const fn rpc(&self) -> &RpcClient {
        &self.rpc
    }

    /// The program's account at `address`.
    ///
    /// # Errors
    /// When no account of this type is there.
    pub(crate) async fn read<T: AccountType>(&self, address: &Pubkey) -> Result<T> {
        let data = self.rpc.get_account_data(address).await?;
        Ok(T::decode(&data)?)
    }

    /// Signs `instructions` with `signers`, the first of which pays, and sends them. Waits
    /// until the transaction is confirmed, whether it succeeds or fails.
    pub(crate) async fn run(
        &self,
        instructions: &[Instruction],
        signers: &[&Keypair],
    ) -> Result<Landed> {
        let payer = signers
            .first()
            .context("a transaction needs a payer")?
            .pubkey();
        let blockhash = self.rpc.get_latest_blockhash().await?;
        let transaction =
            Transaction::new_signed_with_payer(instructions, Some(&payer), signers, blockhash);
        let signature = self.send(&transaction.into()).await?;
        self.confirmed(signature).await
    }

    /// Like [`Self::run`], for a transaction that must succeed.
    pub(crate) async fn run_ok(
        &self,
        instructions: &[Instruction],
        signers: &[&Keypair],
    ) -> Result<Landed> {
        self.run(instructions, signers).await?.ok()
    }

    /// Sends without preflight, so that the chain itself refuses and the refusal can be
    /// looked up by its signature.
    pub(crate) async fn send(&self, transaction: &VersionedTransaction) -> Result<Signature> {
        let config = RpcSendTransactionConfig {
            skip_preflight: true,
            ..Default::default()
        };
        Ok(self
            .rpc
            .send_transaction_with_config(transaction, config)
            .await?)
    }

    /// Waits until `signature` is confirmed.
    pub(crate) async fn confirmed(&self, signature: Signature) -> Result<Landed> {
        let (sender, receiver) = mpsc::unbounded_channel();
        sender.send(signature)?;
        drop(sender);
        self.confirm_all(receiver)
            .await?
            .remove(&signature)
            .context("no result for the signature")
    }

    /// Signs the transaction in an API answer, as the wallets of `signers` would, and
    /// sends it.
    pub(crate) async fn sign_and_send(
        &self,
        answer: &Value,
        signers: &[&Keypair],
    ) -> Result<Signature> {
        let message = http::transaction(answer)?.message;
        let transaction = VersionedTransaction::try_new(message, signers)
            .context("the transaction needs other signers")?;
        self.send(&transaction).await
    }

    /// Those of `signatures` that are confirmed.
    pub(crate) async fn landed(&self, signatures: &[Signature]) -> Result<Vec<Landed>> {
        let mut landed = Vec::new();
        // getSignatureStatuses takes at most 256 at a time.
        for asked in signatures.chunks(256) {
            let statuses = self.rpc.get_signature_statuses(asked).await?.value;
            let confirmed_at = Instant::now();
            for (&signature, status) in asked.iter().zip(statuses) {
                let Some(status) = status else { continue };
                if status.satisfies_commitment(CommitmentConfig::confirmed()) {
                    landed.push(Landed {
                        signature,
                        error: status.err,
                        confirmed_at,
                    });
                }
            }
        }
        Ok(landed)
    }

    /// Waits until `incoming` is closed and all of its signatures are confirmed.
    pub(crate) async fn confirm_all(
        &self,
        mut incoming: mpsc::UnboundedReceiver<Signature>,
    ) -> Result<HashMap<Signature, Landed>> {
        let mut confirmed = HashMap::new();
        let mut waiting = Vec::new();
        let mut progress = Instant::now();
        loop {
            if waiting.is_empty() && incoming.recv_many(&mut waiting, usize::MAX).await == 0 {
                return Ok(confirmed);
            }
            while let Ok(signature) = incoming.try_recv() {
                waiting.push(signature);
            }
            let landed = self.landed(&waiting).await?;
            if landed.is_empty() && progress.elapsed() > CONFIRMATION {
                bail!("{} transactions were not confirmed", waiting.len());
            }
            if !landed.is_empty() {
                progress = Instant::now();
            }
            confirmed.extend(landed.into_iter().map(|landed| (landed.signature, landed)));
            waiting.retain(|signature| !confirmed.contains_key(signature));
            tokio::time::sleep(POLL).await;
        }
    }

    /// Gives `wallet` this many lamports from the validator's faucet.
    pub(crate) async fn airdrop(&self, wallet: &Pubkey, lamports: u64) -> Result<()> {
        let signature = self.rpc.request_airdrop(wallet, lamports).await?;
        match self.confirmed(signature).await?.error {
            None => Ok(()),
            Some(error) => bail!("the faucet's transfer failed: {error}"),
        }
    }

    /// Base units in `owner`'s associated token account; 0 if it does not exist.
    pub(crate) async fn balance(
        &self,
        owner: &Pubkey,
        mint: &Pubkey,
        token_program: &Pubkey,
    ) -> Result<u64> {
        let (address, _) = vouch_client::pda::associated_token(owner, mint, token_program);
        let account = self
            .rpc
            .get_account_with_commitment(&address, self.rpc.commitment())
            .await?
            .value;
        Ok(account
            .and_then(|account| vouch_client::token::balance(&account.data))
            .unwrap_or(0))
    }

    /// Compute units of a confirmed transaction, all instructions together.
    pub(crate) async fn compute_units(&self, signature: &Signature) -> Result<u64> {
        let config = RpcTransactionConfig {
            encoding: Some(UiTransactionEncoding::Base64),
            commitment: Some(CommitmentConfig::confirmed()),
            max_supported_transaction_version: Some(0),
        };
        let transaction = self
            .rpc
            .get_transaction_with_config(signature, config)
            .await?;
        let meta = transaction
            .transaction
            .meta
            .context("a transaction without metadata")?;
        Option::from(meta.compute_units_consumed).context("no compute units in the metadata")
    }
}
