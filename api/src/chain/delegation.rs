//! The transaction in which a campaign's authority names a delegate: [`vouch_client::delegation`].

use std::{sync::Arc, time::Duration};

use moka::future::Cache;
use serde_json::json;
use solana_client::{
    client_error::{ClientError, ClientErrorKind as ErrorKind},
    rpc_config::RpcTransactionConfig,
    rpc_request::{RpcError, RpcRequest},
};
use solana_commitment_config::CommitmentConfig;
use solana_sdk::{hash::Hash, signature::Signature, transaction::VersionedTransaction};
use solana_transaction_status_client_types::{
    EncodedConfirmedTransactionWithStatusMeta, EncodedTransaction, TransactionBinaryEncoding,
    UiInstruction, UiTransactionEncoding, UiTransactionStatusMeta,
    option_serializer::OptionSerializer,
};
use vouch_client::{
    Pubkey,
    delegation::{MEMO_PROGRAM_ID, named},
};

use super::{Chain, answered, turns};
use crate::{
    config::RPC_TIMEOUT,
    error::{ApiError, ApiResult},
};

/// The newest version of transactions that is read.
const NEWEST_VERSION: u8 = 0;
/// Digits of the longest memo that is read, in base58: more than any text of a delegation has.
const LONGEST_MEMO: usize = 400;
/// A node's refusal to send a transaction of a newer version.
const NEWER_VERSION: i64 = -32015;

/// Seconds after which a transaction is no longer taken: nobody brings up what was said years ago and never
/// shown. Nodes keep transactions for less than this or for ever.
const OLDEST: i64 = 604_800;
/// Transactions that are remembered, with what they say.
const REMEMBERED: u64 = 1000;
/// A transaction that the node could not send in time is not asked for again for this long.
const UNANSWERED_FOR: Duration = Duration::from_secs(300);

/// Transactions that were read, and those that the node has not sent in time. A final one never changes.
pub(super) struct Words {
    read: Cache<Signature, Arc<Said>>,
    unanswered: Cache<Signature, ()>,
}

impl Words {
    pub(super) fn new() -> Self {
        Self {
            read: Cache::new(REMEMBERED),
            unanswered: Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(UNANSWERED_FOR)
                .build(),
        }
    }
}

/// A final transaction, as far as delegations need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) slot: u64,
    /// Unix seconds of its block.
    time: i64,
    /// Each memo that one account has signed, and that account; none if the transaction has failed.
    memos: Vec<(Pubkey, Vec<u8>)>,
}

/// The last word of one authority in a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// It names this wallet, or nobody. Nobody also if it names two.
    Names(Option<Pubkey>),
    /// Only this other address has said something.
    OfAnother(Pubkey),
}

impl Said {
    /// Reads the word of `authority` about `campaign` on the cluster with this genesis hash. Memos of others in the same
    /// transaction change nothing: the wallet that executes a multisig's transaction decides what stands beside it.
    ///
    /// # Errors
    /// `no_delegation` if nobody says anything about the campaign, or too long before `now`, in unix seconds.
    pub(crate) fn by(
        &self,
        authority: &Pubkey,
        genesis: &Hash,
        campaign: &Pubkey,
        now: i64,
    ) -> ApiResult<Word> {
        let words = self.memos.iter().filter_map(|(signer, memo)| {
            let wallet = named(memo, genesis, campaign)?;
            Some((*signer, wallet))
        });
        let (own, others): (Vec<_>, Vec<_>) = words.partition(|(signer, _)| signer == authority);
        let Some((_, first)) = own.first() else {
            let (other, _) = others.first().ok_or_else(ApiError::no_delegation)?;
            return Ok(Word::OfAnother(*other));
        };
        if self.time < now.saturating_sub(OLDEST) {
            let message = "the transaction is older than a week: the authority has to say it again";
            return Err(ApiError::no_delegation().saying(message));
        }
        let is_one = own.iter().all(|(_, wallet)| wallet == first);
        let wallet = (is_one && *first != Pubkey::default()).then_some(*first);
        Ok(Word::Names(wallet))
    }
}

impl Chain {
    /// The memos of the transaction with this signature.
    ///
    /// # Errors
    /// `transaction_not_found` unless the node knows it as final, `no_delegation` if its version is not read here,
    /// `chain_unavailable` or `overloaded`.
    pub(crate) async fn said(&self, signature: &Signature) -> ApiResult<Arc<Said>> {
        if self.words.unanswered.contains_key(signature) {
            let cause = anyhow::anyhow!("getTransaction: {signature}: not answered in time before");
            return Err(ApiError::chain_unavailable().because(cause));
        }
        // Many who show it cause one request.
        let ask = turns::for_all(self.transaction(signature));
        let found = self.words.read.try_get_with_by_ref(signature, ask).await;
        found.map_err(|error| ApiError::clone(&error))
    }

    async fn transaction(&self, signature: &Signature) -> ApiResult<Arc<Said>> {
        let config = RpcTransactionConfig {
            encoding: Some(UiTransactionEncoding::Base64),
            commitment: Some(CommitmentConfig::finalized()),
            max_supported_transaction_version: Some(NEWEST_VERSION),
        };
        let found = {
            let _turn = self.turn().await?;
            let asked = json!([signature.to_string(), config]);
            let call = self
                .rpc
                .send::<Option<EncodedConfirmedTransactionWithStatusMeta>>(
                    RpcRequest::GetTransaction,
                    asked,
                );
            match tokio::time::timeout(RPC_TIMEOUT, call).await {
                Ok(Err(error)) if is_newer(&error) => {
                    let message = "this service does not read transactions of this version";
                    return Err(ApiError::no_delegation().saying(message));
                }
                answer => {
                    if answer.is_err() {
                        // The node may go on with it.
                        self.words.unanswered.insert(*signature, ()).await;
                    }
                    answered(answer)?
                }
            }
        };
        let found = found.ok_or_else(ApiError::transaction_not_found)?;
        read(found, signature).map(Arc::new)
    }
}

/// Whether the node refuses because of the transaction's version.
fn is_newer(error: &ClientError) -> bool {
    matches!(
        &*error.kind,
        ErrorKind::RpcError(RpcError::RpcResponseError { code, .. }) if *code == NEWER_VERSION
    )
}

/// The memos in the node's answer.
fn read(
    found: EncodedConfirmedTransactionWithStatusMeta,
    signature: &Signature,
) -> ApiResult<Said> {
    let unusable = |reason: &str| {
        let cause = anyhow::anyhow!("getTransaction: {signature}: {reason}");
        ApiError::chain_unavailable().because(cause)
    };
    // Base58 of any length would take hours.
    let transaction = match &found.transaction.transaction {
        EncodedTransaction::Binary(_, TransactionBinaryEncoding::Base64) => {
            found.transaction.transaction.decode()
        }
        _ => None,
    };
    let transaction = transaction.ok_or_else(|| unusable("cannot be decoded"))?;
    if transaction.signatures.first() != Some(signature) {
        return Err(unusable("the node sent another transaction"));
    }
    if transaction.verify_with_results().contains(&false) {
        return Err(unusable("its signers have not signed it"));
    }
    let effects = found.transaction.meta;
    let effects = effects.ok_or_else(|| unusable("the node does not know its effects"))?;
    let time = found.block_time;
    Ok(Said {
        slot: found.slot,
        time: time.ok_or_else(|| unusable("the node does not know its time"))?,
        // A failed transaction says nothing, and is remembered as well.
        memos: if effects.err.is_some() {
            Vec::new()
        } else {
            memos(&transaction, &effects).ok_or_else(|| unusable("cannot be read"))?
        },
    })
}

/// The memos with one account each, if that has signed. A wallet's counts only where the transaction has the wallet's own
/// signature over it, which no node can invent, and no program that the wallet calls can make. `None` if the answer
/// cannot be read.
fn memos(
    transaction: &VersionedTransaction,
    effects: &UiTransactionStatusMeta,
) -> Option<Vec<(Pubkey, Vec<u8>)>> {
    let message = &transaction.message;
    let signers = usize::from(message.header().num_required_signatures);
    let mut keys = message.static_account_keys().to_vec();
    if let OptionSerializer::Some(loaded) = &effects.loaded_addresses {
        for address in loaded.writable.iter().chain(&loaded.readonly) {
            keys.push(address.parse().ok()?);
        }
    }
    let key = |index: u8| keys.get(usize::from(index)).copied();
    let mut memos = Vec::new();
    for outer in message.instructions() {
        if key(outer.program_id_index)? == MEMO_PROGRAM_ID
            && let [signer] = outer.accounts.as_slice()
            && usize::from(*signer) < signers
        {
            memos.push((key(*signer)?, outer.data.clone()));
        }
    }
    let OptionSerializer::Some(inner) = &effects.inner_instructions else {
        return None;
    };
    for inner in inner.iter().flat_map(|inner| &inner.instructions) {
        let UiInstruction::Compiled(inner) = inner else {
            return None;
        };
        // Base58 takes time by the square of the length.
        if key(inner.program_id_index)? == MEMO_PROGRAM_ID
            && inner.data.len() <= LONGEST_MEMO
            && let [signer] = inner.accounts.as_slice()
        {
            let signer = key(*signer)?;
            let memo = bs58::decode(&inner.data).into_vec().ok()?;
            if !signer.is_on_curve() {
                memos.push((signer, memo));
            }
        }
    }
    Some(memos)
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
    use serde_json::{Value, json};
    use solana_sdk::{
        instruction::{AccountMeta, Instruction},
        signature::{Keypair, Signer as _},
        transaction::Transaction,
    };
    use vouch_client::delegation::text;

    use super::*;

    /// A transaction in which a multisig's program lets its vault sign a memo, as a node reports it.
    struct Executed {
        transaction: Transaction,
        vault: Pubkey,
        genesis: Hash,
        campaign: Pubkey,
        answer: Value,
    }

    fn executed(wallet: &Pubkey) -> Executed {
        let [multisig, vault, campaign] = [1, 2, 3].map(|byte| Pubkey::from([byte; 32]));
        let (another, _) = Pubkey::find_program_address(&[b"another"], &multisig);
        let genesis = Hash::new_from_array([4; 32]);
        let member = Keypair::new();
        let outer = Instruction {
            program_id: multisig,
            accounts: vec![
                AccountMeta::new_readonly(vault, false),
                AccountMeta::new_readonly(MEMO_PROGRAM_ID, false),
                // Another address that a program signs for
                AccountMeta::new_readonly(another, false),
            ],
            data: vec![7],
        };
        let payer = member.pubkey();
        let transaction =
            Transaction::new_signed_with_payer(&[outer], Some(&payer), &[&member], genesis);
        let keys = &transaction.message.account_keys;
        let place = |of: &Pubkey| keys.iter().position(|key| key == of).unwrap();
        let memo = text(&genesis, &campaign, wallet);
        let inner = json!({
            "programIdIndex": place(&MEMO_PROGRAM_ID), "accounts": [place(&vault)],
            "data": bs58::encode(memo).into_string(), "stackHeight": 2,
        });
        let wire = bincode::serialize(&transaction).unwrap();
        let answer = json!({
            "slot": 77, "blockTime": 1_700_000_000,
            "transaction": [BASE64.encode(wire), "base64"],
            "meta": {
                "err": null, "status": { "Ok": null }, "fee": 5000, "preBalances": [], "postBalances": [],
                "innerInstructions": [{ "index": 0, "instructions": [inner] }],
                "loadedAddresses": { "writable": [], "readonly": [] },
            },
        });
        Executed {
            transaction,
            vault,
            genesis,
            campaign,
            answer,
        }
    }

    const TIME: i64 = 1_700_000_000;

    impl Executed {
        fn said(&self, answer: &Value) -> Result<Said, &'static str> {
            let found = serde_json::from_value(answer.clone()).unwrap();
            read(found, &self.transaction.signatures[0]).map_err(|error| error.code)
        }

        fn word_of(&self, authority: &Pubkey, answer: &Value) -> Result<Word, &'static str> {
            let said = self.said(answer)?;
            let word = said.by(authority, &self.genesis, &self.campaign, TIME);
            word.map_err(|error| error.code)
        }

        fn read(&self, answer: &Value) -> Result<Word, &'static str> {
            self.word_of(&self.vault, answer)
        }
    }

    #[test]
    fn a_program_signs_for_its_vault() {
        // Given a memo that a program's address has signed within a call
        let wallet = Pubkey::from([9; 32]);
        let of = executed(&wallet);
        assert_eq!(of.read(&of.answer), Ok(Word::Names(Some(wallet))));
        assert_eq!(of.said(&of.answer).unwrap().slot, 77);
        // And the zero address names nobody
        let nobody = executed(&Pubkey::default());
        assert_eq!(nobody.read(&nobody.answer), Ok(Word::Names(None)));
        // And it is nobody else's word
        let other = Pubkey::from([8; 32]);
        let word = of.word_of(&other, &of.answer);
        assert_eq!(word, Ok(Word::OfAnother(of.vault)));
        // And it holds for a week
        let said = of.said(&of.answer).unwrap();
        let at = |now| said.by(&of.vault, &of.genesis, &of.campaign, now);
        assert!(at(TIME + OLDEST).is_ok());
        assert_eq!(at(TIME + OLDEST + 1).unwrap_err().code, "no_delegation");
    }

    #[test]
    fn others_in_the_same_transaction_change_nothing() {
        // Given a vault that names a wallet, and other addresses in the same transaction
        let wallet = Pubkey::from([9; 32]);
        let of = executed(&wallet);
        let keys = &of.transaction.message.account_keys;
        let place = |is: &dyn Fn(&Pubkey) -> bool| keys.iter().position(is).unwrap();
        let vault = place(&|key| *key == of.vault);
        let program = place(&|key| *key != of.vault && !key.is_on_curve());
        let with = |signer: usize, wallet: &Pubkey| {
            let memo = text(&of.genesis, &of.campaign, wallet);
            let mut answer = of.answer.clone();
            let calls = answer["meta"]["innerInstructions"][0]["instructions"].as_array_mut();
            let calls = calls.unwrap();
            let mut call = calls[0].clone();
            call["accounts"] = json!([signer]);
            call["data"] = bs58::encode(memo).into_string().into();
            calls.insert(0, call);
            answer
        };
        // When the wallet that pays, or another program's address, names another one
        let other = Pubkey::from([8; 32]);
        for signer in [0, program] {
            // Then the vault's word holds
            let word = of.read(&with(signer, &other));
            assert_eq!(word, Ok(Word::Names(Some(wallet))), "{signer}");
        }
        // And what the vault says twice holds, but if it names two, nobody is named
        let again = of.read(&with(vault, &wallet));
        assert_eq!(again, Ok(Word::Names(Some(wallet))));
        assert_eq!(of.read(&with(vault, &other)), Ok(Word::Names(None)));
    }

    #[test]
    fn a_wallet_names_nobody_by_a_program_that_it_calls() {
        // Given a wallet that has signed a transaction, and a call in it with a memo of that wallet
        let of = executed(&Pubkey::from([9; 32]));
        let member = of.transaction.message.account_keys[0];
        let mut answer = of.answer.clone();
        answer["meta"]["innerInstructions"][0]["instructions"][0]["accounts"] = json!([0]);
        // Then it is not its word: the node may have invented the call, or a program may have made it
        assert_eq!(of.word_of(&member, &answer), Err("no_delegation"));
        // When the memo is an instruction of the transaction, then it is, but not of a wallet that has not signed
        let stranger = Keypair::new().pubkey();
        let memo = |signer: &Pubkey, has_signed: bool| Instruction {
            program_id: MEMO_PROGRAM_ID,
            accounts: vec![AccountMeta::new_readonly(*signer, has_signed)],
            data: text(&of.genesis, &of.campaign, &stranger).into_bytes(),
        };
        let key = Keypair::new();
        let wallet = key.pubkey();
        let steps = [memo(&wallet, true), memo(&stranger, false)];
        let signed = Transaction::new_signed_with_payer(&steps, Some(&wallet), &[&key], of.genesis);
        let mut answer = of.answer.clone();
        answer["transaction"][0] = BASE64.encode(bincode::serialize(&signed).unwrap()).into();
        answer["meta"]["innerInstructions"] = json!([]);
        let outer = Executed {
            transaction: signed,
            ..of
        };
        let named = Ok(Word::Names(Some(stranger)));
        assert_eq!(outer.word_of(&wallet, &answer), named);
        let other = Ok(Word::OfAnother(wallet));
        assert_eq!(outer.word_of(&stranger, &answer), other);
    }

    #[test]
    fn nothing_else_is_a_delegation() {
        let of = executed(&Pubkey::from([9; 32]));
        let changed = |change: &dyn Fn(&mut Value)| {
            let mut answer = of.answer.clone();
            change(&mut answer);
            of.read(&answer).expect_err("a refusal")
        };
        let inner = "/meta/innerInstructions/0/instructions";
        let call = |field: &'static str, value: Value| {
            changed(&move |answer: &mut Value| {
                *answer.pointer_mut(&format!("{inner}/0/{field}")).unwrap() = value.clone();
            })
        };
        assert_eq!(call("accounts", json!([])), "no_delegation");
        assert_eq!(call("accounts", json!([1, 2])), "no_delegation");
        assert_eq!(call("programIdIndex", json!(1)), "no_delegation");
        assert_eq!(call("data", json!("")), "no_delegation");
        assert_eq!(call("data", json!("1".repeat(401))), "no_delegation");
        // A failed transaction
        let failed = changed(&|answer| answer["meta"]["err"] = json!("AccountInUse"));
        assert_eq!(failed, "no_delegation");
        // Places that the transaction does not have, and no record of calls, are the node's fault
        let unrecorded = changed(&|answer| answer["meta"]["innerInstructions"] = Value::Null);
        assert_eq!(unrecorded, "chain_unavailable");
        assert_eq!(call("accounts", json!([200])), "chain_unavailable");
        assert_eq!(call("data", json!("0OIl")), "chain_unavailable");
    }

    #[test]
    fn a_node_cannot_invent_what_a_wallet_signed() {
        let of = executed(&Pubkey::from([9; 32]));
        for wrong in [
            json!([BASE64.encode(b"nothing"), "base64"]),
            json!(["1111", "base58"]),
        ] {
            let mut answer = of.answer.clone();
            answer["transaction"] = wrong;
            assert_eq!(of.read(&answer), Err("chain_unavailable"));
        }
        // Another transaction than the one that was asked for, and one with another byte
        let other = executed(&Pubkey::from([8; 32]));
        assert_eq!(of.read(&other.answer), Err("chain_unavailable"));
        let mut forged = of.transaction.clone();
        forged.message.instructions[0].data = vec![8];
        let mut answer = of.answer.clone();
        let wire = bincode::serialize(&forged).unwrap();
        answer["transaction"][0] = BASE64.encode(wire).into();
        assert_eq!(of.read(&answer), Err("chain_unavailable"));
        let mut answer = of.answer.clone();
        answer["meta"] = Value::Null;
        assert_eq!(of.read(&answer), Err("chain_unavailable"));
    }
}
