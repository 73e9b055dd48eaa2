//! A transaction from its simulation to its confirmation.
//!
//! 1. The node simulates it. What would fail is refused in words, and nothing is signed.
//! 2. The person agrees, unless `--yes` stands for that.
//! 3. A note is written ([`crate::journal`]), then the transaction is sent.
//! 4. The same bytes are sent again until the chain knows their signature, which can be executed once.
//!    Only when the chain can no longer execute it, it is called expired.

use std::time::Duration;

use serde_json::{Value, json};
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_sdk::{
    hash::Hash,
    instruction::{Instruction, InstructionError},
    message::{Message, VersionedMessage},
    signature::{Keypair, Signature, Signer as _},
    transaction::{TransactionError, VersionedTransaction},
};
use solana_transaction_status_client_types::TransactionConfirmationStatus as Status;
use tokio::time::{Instant, sleep};
use vouch_client::{
    PROGRAM_ID, ProgramError, Pubkey,
    accounts::Settings,
    budget::{self, MOST_UNITS},
    token,
};

use crate::{
    amount::{SOL, Units},
    config::Commitment,
    context::Context,
    error::{Failure, Outcome},
    journal::{self, Note},
    node::wire,
    output::{self, Progress},
};

/// The most bytes of a transaction.
const LENGTH: usize = 1232;
/// Lamports for one signature.
const SIGNATURE_FEE: u64 = 5000;
/// Millionths of a lamport in a lamport.
const MICRO: u64 = 1_000_000;
/// Instructions before those of the plan: the limit of compute units, and their price.
const BUDGET: usize = 2;
/// Clusters that everybody knows, by their genesis hashes.
const CLUSTERS: [(&str, &str); 3] = [
    (
        "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d",
        "mainnet-beta",
    ),
    ("EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG", "devnet"),
    ("4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY", "testnet"),
];
/// The code of a transaction that a node may have forgotten.
const FORGOTTEN: &str = "outcome_forgotten";
/// Pause between two questions for the outcome.
const POLL: Duration = Duration::from_millis(400);
/// Pause between two sendings of the same bytes.
const RESEND: Duration = Duration::from_secs(2);

/// A transaction to sign.
pub(crate) struct Plan {
    /// The transaction's effect, for people: begins with a capital, has no full stop.
    pub(crate) title: String,
    pub(crate) instructions: Vec<Instruction>,
    /// The state that it was built on, if it signs more than the person has named: read again before it is signed.
    pub(crate) base: Option<Base>,
    /// The request of the person, where the instructions depend on what others, or an earlier run, have
    /// changed: the same command is found again by it.
    pub(crate) command: Option<String>,
}

/// Settings of a campaign that a plan was built on.
pub(crate) struct Base {
    pub(crate) campaign: Pubkey,
    pub(crate) settings: Settings,
}

/// The end of a transaction.
enum End {
    Landed {
        slot: u64,
        error: Option<TransactionError>,
    },
    /// It was never executed, and cannot be any more.
    Expired,
}

/// Whether these instructions fit into a transaction that this wallet alone signs and pays.
pub(crate) fn fits(instructions: &[Instruction], payer: &Pubkey) -> bool {
    let message = message(instructions, payer, (MOST_UNITS, u64::MAX));
    // One byte says how many signatures there are.
    1 + size_of::<Signature>() + message.serialize().len() <= LENGTH
}

fn message(instructions: &[Instruction], payer: &Pubkey, (limit, price): (u32, u64)) -> Message {
    let mut all = vec![
        ComputeBudgetInstruction::set_compute_unit_limit(limit),
        ComputeBudgetInstruction::set_compute_unit_price(price),
    ];
    all.extend(instructions.iter().cloned());
    Message::new(&all, Some(payer))
}

/// Lamports that these instructions of the System program take from their first account.
fn moved(instructions: &[Instruction]) -> u64 {
    let moved = instructions.iter().filter_map(|step| {
        if step.program_id != solana_sdk_ids() {
            return None;
        }
        let (kind, rest) = step.data.split_first_chunk::<4>()?;
        let lamports = match u32::from_le_bytes(*kind) {
            // `CreateAccount` and `Transfer`.
            0 | 2 => rest.first_chunk::<8>()?,
            // `CreateAccountWithSeed` ends with lamports, size and owner.
            3 => rest
                .get(rest.len().checked_sub(48)?..)?
                .first_chunk::<8>()?,
            _ => return None,
        };
        Some(u64::from_le_bytes(*lamports))
    });
    moved.fold(0, u64::saturating_add)
}

impl Context {
    /// Sends a plan, and adds the transaction to the result of the command.
    pub(crate) async fn carry_out(
        &self,
        key: &Keypair,
        plan: Plan,
        mut result: Value,
    ) -> Outcome<Value> {
        for warning in result["warnings"].as_array().into_iter().flatten() {
            output::warn(warning["message"].as_str().unwrap_or_default());
        }
        let transaction = self.send(key, plan, &result).await?;
        result["transaction"] = transaction;
        Ok(result)
    }

    /// Simulates, asks, signs, sends and waits. `shown` is what the person is asked about. Returns the
    /// field `transaction` of the command's result.
    ///
    /// # Errors
    /// The refusal of the simulation or of the chain; `payer_needs_sol`, `transaction_expired`,
    /// `outcome_unknown`, `confirmation_required`, `declined`, `settings_changed`, `state_unwritable`,
    /// `state_unreadable`.
    pub(crate) async fn send(&self, key: &Keypair, plan: Plan, shown: &Value) -> Outcome<Value> {
        let payer = key.pubkey();
        let digest = match &plan.command {
            Some(command) => journal::digest_of_command(command, &payer),
            None => journal::digest(&plan.instructions, &payer),
        };
        let genesis_hash = self.node.genesis_hash().await?;
        if !self.options.dry_run
            && let Some(resumed) = self.resume(&genesis_hash, &digest).await?
        {
            return Ok(resumed);
        }
        let trial = self.try_out(&plan, &payer).await?;
        if self.options.dry_run {
            return Ok(trial.dry(&plan, &payer));
        }
        if !self.options.yes {
            output::show(shown);
            let fee = Units {
                decimals: SOL,
                raw: false,
            };
            let cost = trial.fee().saturating_add(trial.rent);
            let cluster = CLUSTERS.iter().find(|(hash, _)| *hash == genesis_hash);
            let cluster = cluster.map_or("another cluster", |(_, name)| name);
            output::confirm(&format!(
                "{} as {payer} on {cluster} by {}, for {} SOL (fee and rent)?",
                plan.title,
                self.node.shown(),
                fee.show(cost.into())
            ))?;
        }
        if let Some(base) = &plan.base {
            self.still(base).await?;
        }
        // Another command may have done the same while this one asked.
        let (lock, (blockhash, last_valid_block_height, sent_slot)) = loop {
            let blockhash = self.node.blockhash().await?;
            let lock = self.journal.lock()?;
            if self.journal.find(&genesis_hash, &digest)?.is_empty() {
                break (lock, blockhash);
            }
            drop(lock);
            if let Some(resumed) = self.resume(&genesis_hash, &digest).await? {
                return Ok(resumed);
            }
        };
        let transaction = trial.signed(&plan, key, blockhash)?;
        let signature = transaction.signatures.first().map(ToString::to_string);
        let signature = signature.unwrap_or_default();
        let note = Note {
            version: journal::VERSION,
            signature,
            digest,
            genesis_hash,
            sent_slot,
            last_valid_block_height,
            title: plan.title,
        };
        self.journal.write(&lock, &note)?;
        drop(lock);
        let progress = Progress::new();
        progress.keep(&format!("sending {}", note.signature));
        let end = self.wait(&note, Some(&transaction), &progress).await?;
        drop(progress);
        self.journal.remove(&note.signature);
        let fields = |slot| {
            trial.json(json!({
                "status": self.node.commitment().name(),
                "signature": note.signature,
                "slot": slot,
                "resumed": false,
            }))
        };
        match end {
            End::Landed { slot, error: None } => Ok(fields(slot)),
            End::Landed {
                error: Some(error), ..
            } => Err(refusal(&error, &trial.instructions, &[]).about(&note.signature)),
            End::Expired => Err(expired(&note.signature)),
        }
    }

    /// Refuses if the campaign has other settings than those that a plan was built on.
    async fn still(&self, base: &Base) -> Outcome<()> {
        let (campaign, seen) = self.node.campaign(&base.campaign, &[]).await?;
        if *campaign.latest(seen.now) == base.settings {
            return Ok(());
        }
        Err(Failure::refused(
            "settings_changed",
            "the campaign's settings have changed while this was prepared",
            "look at them with `vouch campaign show`, then repeat the command",
        ))
    }

    /// Asks the chain about transactions of earlier runs that did the same and whose outcome nobody has
    /// seen. Returns the one that has landed.
    async fn resume(&self, genesis_hash: &str, digest: &str) -> Outcome<Option<Value>> {
        for note in self.journal.find(genesis_hash, digest)? {
            let progress = Progress::new();
            progress.keep(&format!(
                "an earlier run was interrupted after it had sent {}: asking for its outcome",
                note.signature
            ));
            let end = self.wait(&note, None, &progress).await?;
            drop(progress);
            self.journal.remove(&note.signature);
            if let End::Landed { slot, error: None } = end {
                return Ok(Some(json!({
                    "status": self.node.commitment().name(),
                    "signature": note.signature,
                    "slot": slot,
                    "resumed": true,
                })));
            }
        }
        Ok(None)
    }

    /// Waits for the outcome of a transaction, and sends it again and again if its bytes are there.
    async fn wait(
        &self,
        note: &Note,
        transaction: Option<&VersionedTransaction>,
        progress: &Progress,
    ) -> Outcome<End> {
        let deadline = Instant::now() + Duration::from_secs(self.options.wait_seconds);
        let mut resend = Instant::now();
        let mut last: Option<Failure> = None;
        loop {
            if let Some(transaction) = transaction
                && Instant::now() >= resend
            {
                // An error says nothing: the node may have passed it on.
                if let Err(failure) = self.node.send(transaction).await {
                    last = Some(failure);
                }
                resend = Instant::now() + RESEND;
            }
            match self.ask_for(note, progress).await {
                Ok(Some(end)) => return Ok(end),
                Ok(None) => {}
                Err(failure) if failure.code == FORGOTTEN => return Err(failure),
                Err(failure) => last = Some(failure),
            }
            if Instant::now() >= deadline {
                let cause = last.map_or_else(String::new, |last| format!("; {}", last.message));
                let failure = Failure::unknown(
                    format!("nobody knows yet whether the transaction was executed{cause}"),
                    "repeat the same command: it asks for the outcome of this transaction before it sends another one",
                );
                return Err(failure.about(&note.signature));
            }
            sleep(POLL).await;
        }
    }

    /// The outcome of a transaction, if there is one.
    async fn ask_for(&self, note: &Note, progress: &Progress) -> Outcome<Option<End>> {
        // Heights first: what is not executed at or after a later slot was not executed at all.
        let (final_slot, final_height) = self.node.finalized().await?;
        let known = self.node.status(&note.signature).await?;
        let Some(status) = known.status else {
            let is_over = final_height > note.last_valid_block_height && known.slot >= final_slot;
            // A node says the same of what it has forgotten, or has never had.
            if is_over && !note.is_cached(final_height) {
                // Asked last, because a node drops the beginning of its history.
                let reaches = known.from_history && self.node.first_slot().await? <= note.sent_slot;
                if !reaches {
                    return Err(self.forgotten(note));
                }
            }
            if !is_over {
                progress.say(&format!(
                    "waiting for a block: {final_height} are final, until {} it can be executed",
                    note.last_valid_block_height
                ));
            }
            return Ok(is_over.then_some(End::Expired));
        };
        let is_done = match self.node.commitment() {
            Commitment::Finalized => status.confirmations.is_none(),
            Commitment::Confirmed => {
                status.confirmations.is_none()
                    || matches!(
                        status.confirmation_status,
                        Some(Status::Confirmed | Status::Finalized)
                    )
            }
        };
        if !is_done {
            progress.say("in a block, waiting for votes");
            return Ok(None);
        }
        Ok(Some(End::Landed {
            slot: status.slot,
            error: status.err,
        }))
    }

    fn forgotten(&self, note: &Note) -> Failure {
        Failure::refused(
            FORGOTTEN,
            "an earlier run sent this transaction and has not seen its outcome, and the history of this node does not reach back to it",
            format!(
                "repeat the command with a --url whose node has an archive; or look the signature up in an explorer, then remove {} and repeat the command",
                self.journal.path(&note.signature).display()
            ),
        )
        .about(&note.signature)
    }

    /// Simulates a transaction.
    async fn try_out(&self, plan: &Plan, payer: &Pubkey) -> Outcome<Trial> {
        let message = message(&plan.instructions, payer, (MOST_UNITS, 0));
        if !fits(&plan.instructions, payer) {
            return Err(Failure::refused(
                "transaction_too_large",
                "so many accounts do not fit into one transaction",
                "do less at once",
            ));
        }
        let keys = message.account_keys.clone();
        let written = (0..keys.len()).filter(|at| message.is_maybe_writable(*at, None));
        let written: Vec<Pubkey> = written.filter_map(|at| keys.get(at).copied()).collect();
        let transaction = VersionedTransaction {
            signatures: vec![Signature::default()],
            message: VersionedMessage::Legacy(message),
        };
        let result = self.node.simulate(&transaction).await?;
        let logs = result.logs.unwrap_or_default();
        if let Some(error) = result.err {
            let error = TransactionError::from(error);
            return Err(refusal(&error, &plan.instructions, &logs));
        }
        let price = match self.options.with_compute_unit_price {
            Some(price) => price,
            None => budget::price(self.node.recent_fees(&written).await?),
        };
        // Lamports of the accounts that the transaction creates.
        let before = result.pre_balances.unwrap_or_default();
        let after = result.post_balances.unwrap_or_default();
        let created = before
            .iter()
            .zip(&after)
            .filter(|(before, _)| **before == 0);
        let rent = created.fold(0_u64, |sum, (_, after)| sum.saturating_add(*after));
        Ok(Trial {
            instructions: plan.instructions.clone(),
            limit: budget::limit(result.units_consumed.unwrap_or_default()),
            price,
            // A node's balances may be wrong; the signed instructions are not.
            rent: rent.max(moved(&plan.instructions)),
        })
    }
}

/// A simulation that succeeded.
struct Trial {
    instructions: Vec<Instruction>,
    limit: u32,
    price: u64,
    /// Lamports of the accounts that it creates.
    rent: u64,
}

impl Trial {
    fn fee(&self) -> u64 {
        let priority = u64::from(self.limit)
            .saturating_mul(self.price)
            .div_ceil(MICRO);
        SIGNATURE_FEE.saturating_add(priority)
    }

    fn message(&self, plan: &Plan, payer: &Pubkey) -> Message {
        message(&plan.instructions, payer, (self.limit, self.price))
    }

    fn signed(&self, plan: &Plan, key: &Keypair, blockhash: Hash) -> Outcome<VersionedTransaction> {
        let mut message = self.message(plan, &key.pubkey());
        message.recent_blockhash = blockhash;
        let message = VersionedMessage::Legacy(message);
        VersionedTransaction::try_new(message, &[key]).map_err(|_| {
            Failure::usage(
                "missing_signer",
                "the transaction needs the signature of another wallet, too",
                "use the wallet that has to sign with --keypair",
            )
        })
    }

    /// Adds what it costs to the fields of a transaction.
    fn json(&self, mut fields: Value) -> Value {
        fields["fee_lamports"] = self.fee().to_string().into();
        fields["rent_lamports"] = self.rent.to_string().into();
        fields["compute_units"] = self.limit.into();
        fields["compute_unit_price"] = self.price.to_string().into();
        fields
    }

    /// A transaction that is not sent.
    fn dry(&self, plan: &Plan, payer: &Pubkey) -> Value {
        let message = self.message(plan, payer);
        let instructions: Vec<Value> = plan.instructions.iter().map(instruction).collect();
        let unsigned = VersionedTransaction {
            signatures: vec![Signature::default()],
            message: VersionedMessage::Legacy(message),
        };
        self.json(json!({
            "status": "dry_run",
            "signers": [payer.to_string()],
            "instructions": instructions,
            "unsigned": wire(&unsigned),
        }))
    }
}

/// An instruction, for people who look before they sign.
fn instruction(instruction: &Instruction) -> Value {
    let accounts = instruction.accounts.iter().map(|meta| {
        let mut text = meta.pubkey.to_string();
        if meta.is_signer {
            text.push_str(" signs");
        }
        if meta.is_writable {
            text.push_str(" written");
        }
        text
    });
    let data: String = instruction
        .data
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    json!({
        "program": program(&instruction.program_id),
        "accounts": accounts.collect::<Vec<_>>(),
        "data": data,
    })
}

fn program(id: &Pubkey) -> String {
    let name = match *id {
        PROGRAM_ID => "vouch",
        token::TOKEN_PROGRAM_ID => "token",
        token::TOKEN_2022_PROGRAM_ID => "token-2022",
        token::ASSOCIATED_TOKEN_PROGRAM_ID => "associated token",
        id if id == solana_sdk_ids() => "system",
        _ => return id.to_string(),
    };
    format!("{id} ({name})")
}

/// The System program: all zeros.
const fn solana_sdk_ids() -> Pubkey {
    Pubkey::new_from_array([0; 32])
}

fn expired(signature: &str) -> Failure {
    Failure::unavailable(
        "transaction_expired",
        "the transaction was not executed, and cannot be executed any more",
        "repeat the command; a higher price by --with-compute-unit-price helps while the cluster is busy",
    )
    .about(signature)
}

/// The refusal of a transaction that fails, or would fail.
fn refusal(error: &TransactionError, plan: &[Instruction], logs: &[String]) -> Failure {
    let poor = || {
        Failure::refused(
            "payer_needs_sol",
            "the wallet that pays lacks SOL for fee and rent",
            "send some SOL to it",
        )
    };
    let would_fail = || {
        Failure::refused(
            "transaction_would_fail",
            format!("the transaction fails: {error}"),
            "read the accounts again with `vouch campaign show`, then repeat the command",
        )
    };
    let (place, cause) = match error {
        TransactionError::AccountNotFound
        | TransactionError::InsufficientFundsForFee
        | TransactionError::InsufficientFundsForRent { account_index: 0 } => return poor(),
        TransactionError::InstructionError(place, cause) => (usize::from(*place), cause),
        _ => return would_fail(),
    };
    let step = place.checked_sub(BUDGET).and_then(|place| plan.get(place));
    let is_ours = step.is_some_and(|step| step.program_id == PROGRAM_ID);
    if let (true, InstructionError::Custom(code)) = (is_ours, cause)
        && let Some(error) = ProgramError::from_code(*code)
    {
        return error.into();
    }
    let said = |words: &str| logs.iter().any(|line| line.contains(words));
    if *cause == InstructionError::Custom(1) && said("insufficient lamports") {
        return poor();
    }
    if said("Error: insufficient funds") {
        return Failure::refused(
            "insufficient_tokens",
            "the token account that pays holds too few tokens",
            "add some first",
        );
    }
    if said("Error: Account is frozen") {
        return Failure::refused(
            "account_frozen",
            "the token account is frozen",
            "ask the mint's freeze authority to thaw it",
        );
    }
    would_fail()
}

#[cfg(test)]
mod tests;
