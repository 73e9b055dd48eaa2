//! Chains on which the story can be played: a validator, or the program in LiteSVM.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use litesvm::LiteSVM;
use serde_json::{Value, json};
use solana_client::{
    nonblocking::rpc_client::RpcClient, rpc_config::RpcSendTransactionConfig,
    rpc_request::RpcRequest, rpc_response::RpcConfirmedTransactionStatusWithSignature,
};
use solana_commitment_config::CommitmentConfig;
use solana_sdk::{
    bs58,
    clock::Clock,
    instruction::Instruction,
    pubkey::Pubkey,
    signature::{Keypair, Signature, Signer as _},
    transaction::{Transaction, TransactionError},
};
use tokio::time::sleep;
use vouch_client::PROGRAM_ID;
use vouch_localnet::{Instance, Validator};
use vouch_product_tests::{fund, until, validator};

/// Lamports that a wallet gets.
const FUNDS: u64 = 1_000_000_000_000;

/// A transaction in a block.
pub(crate) struct Landed {
    pub(crate) signature: String,
    pub(crate) slot: u64,
    pub(crate) block_time: i64,
    /// As a node answers `getTransaction`.
    pub(crate) answer: Value,
}

/// A chain when everything is final.
pub(crate) struct End {
    pub(crate) genesis_hash: String,
    /// Those that name the program, oldest first.
    pub(crate) transactions: Vec<Landed>,
    /// Those of the program.
    pub(crate) accounts: BTreeMap<Pubkey, Vec<u8>>,
    pub(crate) slot: u64,
    pub(crate) time: i64,
}

/// A chain.
pub(crate) trait Ledger {
    /// Gives a wallet SOL.
    async fn fund(&self, wallet: &Pubkey) -> Result<()>;
    /// Lands a transaction that the first signer pays. Returns whether it succeeded.
    async fn land(
        &self,
        instructions: &[Instruction],
        signers: &[&Keypair],
    ) -> Result<(Signature, bool)>;
    /// The bytes of an account.
    async fn account(&self, address: &Pubkey) -> Option<Vec<u8>>;
    /// Its clock, in unix seconds.
    async fn time(&self) -> Result<i64>;
    /// Lets seconds pass.
    async fn pass(&self, seconds: u64);
    /// Everything, when it is final.
    async fn end(&self) -> Result<End>;
}

/// A validator of one's own.
pub(crate) struct Validated {
    rpc: RpcClient,
    _validator: Validator,
    _instance: Instance,
}

impl Validated {
    pub(crate) async fn start() -> Result<Self> {
        let instance = Instance::create("recording")?;
        let (validator, rpc) = validator(&instance).await;
        Ok(Self {
            rpc,
            _validator: validator,
            _instance: instance,
        })
    }
}

impl Ledger for Validated {
    async fn fund(&self, wallet: &Pubkey) -> Result<()> {
        fund(&self.rpc, wallet).await;
        Ok(())
    }

    async fn land(
        &self,
        instructions: &[Instruction],
        signers: &[&Keypair],
    ) -> Result<(Signature, bool)> {
        let blockhash = self.rpc.get_latest_blockhash().await?;
        let payer = signers.first().context("a payer")?.pubkey();
        let transaction =
            Transaction::new_signed_with_payer(instructions, Some(&payer), signers, blockhash);
        // A transaction that fails has to land, too.
        let config = RpcSendTransactionConfig {
            skip_preflight: true,
            ..Default::default()
        };
        let sent = self.rpc.send_transaction_with_config(&transaction, config);
        let signature = sent.await?;
        let mut succeeded = false;
        until("the transaction is confirmed", async || {
            let status = self.rpc.get_signature_status(&signature).await;
            let status = status.expect("an answer");
            succeeded = status.as_ref().is_some_and(Result::is_ok);
            status.is_some()
        })
        .await;
        Ok((signature, succeeded))
    }

    async fn account(&self, address: &Pubkey) -> Option<Vec<u8>> {
        self.rpc.get_account_data(address).await.ok()
    }

    async fn time(&self) -> Result<i64> {
        let slot = self.rpc.get_slot().await?;
        Ok(self.rpc.get_block_time(slot).await?)
    }

    async fn pass(&self, seconds: u64) {
        sleep(Duration::from_secs(seconds)).await;
    }

    async fn end(&self) -> Result<End> {
        let rpc = &self.rpc;
        let finalized = CommitmentConfig::finalized();
        let confirmed = rpc.get_slot().await?;
        until("everything is final", async || {
            let slot = rpc.get_slot_with_commitment(finalized).await;
            slot.expect("a slot") >= confirmed
        })
        .await;
        let config = json!({ "commitment": "finalized" });
        let parameters = json!([PROGRAM_ID.to_string(), config]);
        let request = RpcRequest::GetSignaturesForAddress;
        let mut listed: Vec<RpcConfirmedTransactionStatusWithSignature> =
            rpc.send(request, parameters).await?;
        listed.reverse();
        let mut transactions = Vec::new();
        for listed in listed {
            let config = json!({
                "encoding": "base64",
                "commitment": "finalized",
                "maxSupportedTransactionVersion": 0,
            });
            let parameters = json!([listed.signature, config]);
            let answer = rpc.send(RpcRequest::GetTransaction, parameters).await?;
            transactions.push(Landed {
                slot: listed.slot,
                block_time: listed.block_time.context("a block time")?,
                signature: listed.signature,
                answer,
            });
        }
        let accounts = rpc.get_program_accounts(&PROGRAM_ID).await?;
        let slot = rpc.get_slot_with_commitment(finalized).await?;
        Ok(End {
            genesis_hash: rpc.get_genesis_hash().await?.to_string(),
            transactions,
            accounts: accounts
                .into_iter()
                .map(|(address, account)| (address, account.data))
                .collect(),
            slot,
            time: rpc.get_block_time(slot).await?,
        })
    }
}

/// Transactions in a simulated block.
const PER_SLOT: usize = 3;
/// Slots of an end that is final.
const FINALITY: u64 = 40;
/// Unix seconds of the first simulated slot.
const BEGINNING: i64 = 1_790_000_000;

/// The program in LiteSVM, with the records that a node would keep.
pub(crate) struct Simulated {
    inner: Mutex<Inner>,
}

struct Inner {
    svm: LiteSVM,
    slot: u64,
    time: i64,
    /// Those of the current block.
    count: usize,
    landed: Vec<Landed>,
    accounts: Vec<Pubkey>,
}

impl Simulated {
    pub(crate) fn new() -> Self {
        let mut inner = Inner {
            svm: vouch_program_tests::chain(),
            slot: 1000,
            time: BEGINNING,
            count: 0,
            landed: Vec::new(),
            accounts: Vec::new(),
        };
        inner.tick(0);
        Self {
            inner: Mutex::new(inner),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The next block, so many seconds later.
    fn tick(&mut self, seconds: i64) {
        self.slot += 1 + u64::try_from(seconds).unwrap_or_default() * 2;
        self.time += seconds;
        self.count = 0;
        let clock: Clock = self.svm.get_sysvar();
        self.svm.set_sysvar(&Clock {
            slot: self.slot,
            unix_timestamp: self.time,
            ..clock
        });
    }

    fn lamports(&self, keys: &[Pubkey]) -> Vec<u64> {
        let lamports = |key| {
            self.svm
                .get_account(key)
                .map_or(0, |account| account.lamports)
        };
        keys.iter().map(lamports).collect()
    }

    fn land(
        &mut self,
        instructions: &[Instruction],
        signers: &[&Keypair],
    ) -> Result<(Signature, bool)> {
        if self.count == PER_SLOT {
            self.tick(i64::from(self.slot.is_multiple_of(2)));
        }
        self.count += 1;
        // Otherwise two equal transactions would have the same signature.
        self.svm.expire_blockhash();
        let payer = signers.first().context("a payer")?.pubkey();
        let blockhash = self.svm.latest_blockhash();
        let transaction =
            Transaction::new_signed_with_payer(instructions, Some(&payer), signers, blockhash);
        let signature = transaction.signatures[0];
        let keys = transaction.message.account_keys.clone();
        let before = self.lamports(&keys);
        let bytes = serialize(&transaction)?;
        let outcome = self.svm.send_transaction(transaction);
        let (error, meta): (Option<TransactionError>, _) = match outcome {
            Ok(meta) => (None, meta),
            Err(failed) => (Some(failed.err), failed.meta),
        };
        if !keys.contains(&PROGRAM_ID) {
            return Ok((signature, error.is_none()));
        }
        let inner: Vec<Value> = meta
            .inner_instructions
            .iter()
            .enumerate()
            .filter(|(_, inner)| !inner.is_empty())
            .map(|(index, inner)| {
                let inner: Vec<Value> = inner
                    .iter()
                    .map(|inner| {
                        json!({
                            "programIdIndex": inner.instruction.program_id_index,
                            "accounts": inner.instruction.accounts,
                            "data": bs58::encode(&inner.instruction.data).into_string(),
                            "stackHeight": inner.stack_height,
                        })
                    })
                    .collect();
                json!({ "index": index, "instructions": inner })
            })
            .collect();
        let status = match &error {
            None => json!({ "Ok": null }),
            Some(error) => json!({ "Err": error }),
        };
        let answer = json!({
            "slot": self.slot,
            "blockTime": self.time,
            "version": "legacy",
            "transaction": [BASE64_STANDARD.encode(bytes), "base64"],
            "meta": {
                "err": error,
                "status": status,
                "fee": 5000 * signers.len(),
                "preBalances": before,
                "postBalances": self.lamports(&keys),
                "innerInstructions": inner,
                "preTokenBalances": [],
                "postTokenBalances": [],
                "rewards": [],
                "loadedAddresses": { "writable": [], "readonly": [] },
                "computeUnitsConsumed": meta.compute_units_consumed,
            },
        });
        self.accounts.extend(keys);
        self.landed.push(Landed {
            signature: signature.to_string(),
            slot: self.slot,
            block_time: self.time,
            answer,
        });
        Ok((signature, error.is_none()))
    }
}

fn serialize(transaction: &Transaction) -> Result<Vec<u8>> {
    Ok(bincode::serialize(transaction)?)
}

impl Ledger for Simulated {
    async fn fund(&self, wallet: &Pubkey) -> Result<()> {
        let funded = self.inner().svm.airdrop(wallet, FUNDS);
        funded.map_err(|failed| anyhow!("{:?}", failed.err))?;
        Ok(())
    }

    async fn land(
        &self,
        instructions: &[Instruction],
        signers: &[&Keypair],
    ) -> Result<(Signature, bool)> {
        self.inner().land(instructions, signers)
    }

    async fn account(&self, address: &Pubkey) -> Option<Vec<u8>> {
        Some(self.inner().svm.get_account(address)?.data)
    }

    async fn time(&self) -> Result<i64> {
        Ok(self.inner().time)
    }

    async fn pass(&self, seconds: u64) {
        self.inner()
            .tick(i64::try_from(seconds).unwrap_or_default());
    }

    async fn end(&self) -> Result<End> {
        let mut inner = self.inner();
        inner.tick(1);
        let accounts = inner.accounts.iter().filter_map(|address| {
            let account = inner.svm.get_account(address)?;
            (account.owner == PROGRAM_ID && account.lamports > 0)
                .then_some((*address, account.data))
        });
        Ok(End {
            genesis_hash: Pubkey::new_from_array([7; 32]).to_string(),
            accounts: accounts.collect(),
            slot: inner.slot + FINALITY,
            time: inner.time + 1,
            transactions: std::mem::take(&mut inner.landed),
        })
    }
}
