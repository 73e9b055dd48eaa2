//! The transaction in which a campaign's authority names a delegate: [`vouch_client::delegation`].

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

use super::{Chain, answered};
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

/// An authority's word, in a final transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delegation {
    /// The address that has signed.
    pub(crate) authority: Pubkey,
    /// The wallet that it names; `None` if it ends a delegation.
    pub(crate) wallet: Option<Pubkey>,
    pub(crate) slot: u64,
}

impl Chain {
    /// The delegation for `campaign` in the transaction with this signature.
    ///
    /// # Errors
    /// `transaction_not_found` unless the node knows it as final, `no_delegation` unless it has succeeded and
    /// has exactly one, `chain_unavailable` or `overloaded`.
    pub(crate) async fn delegation(
        &self,
        signature: &Signature,
        campaign: &Pubkey,
    ) -> ApiResult<Delegation> {
        let genesis = self.genesis().ok_or_else(ApiError::chain_unavailable)?;
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
                Ok(Err(error)) if is_newer(&error) => return Err(ApiError::no_delegation()),
                answer => answered(answer)?,
            }
        };
        let found = found.ok_or_else(ApiError::transaction_not_found)?;
        read(found, signature, genesis, campaign)
    }
}

/// Whether the node refuses because of the transaction's version.
fn is_newer(error: &ClientError) -> bool {
    matches!(
        &*error.kind,
        ErrorKind::RpcError(RpcError::RpcResponseError { code, .. }) if *code == NEWER_VERSION
    )
}

/// An instruction, outer or inner.
struct Ran {
    program: Pubkey,
    accounts: Vec<Pubkey>,
    data: Vec<u8>,
}

/// The delegation in the node's answer.
fn read(
    found: EncodedConfirmedTransactionWithStatusMeta,
    signature: &Signature,
    genesis: &Hash,
    campaign: &Pubkey,
) -> ApiResult<Delegation> {
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
    if effects.err.is_some() {
        return Err(ApiError::no_delegation().saying("the transaction has failed"));
    }
    let ran = ran(&transaction, &effects).ok_or_else(|| unusable("cannot be read"))?;
    let mut words = ran.iter().filter_map(|it| match it.accounts.as_slice() {
        [authority] if it.program == MEMO_PROGRAM_ID => {
            Some((*authority, named(&it.data, genesis, campaign)?))
        }
        _ => None,
    });
    let (Some((authority, wallet)), None) = (words.next(), words.next()) else {
        return Err(ApiError::no_delegation());
    };
    Ok(Delegation {
        authority,
        wallet: (wallet != Pubkey::default()).then_some(wallet),
        slot: found.slot,
    })
}

/// The instructions of the transaction, inner ones included; `None` if the node does not record those.
fn ran(transaction: &VersionedTransaction, effects: &UiTransactionStatusMeta) -> Option<Vec<Ran>> {
    let message = &transaction.message;
    let mut keys = message.static_account_keys().to_vec();
    if let OptionSerializer::Some(loaded) = &effects.loaded_addresses {
        for address in loaded.writable.iter().chain(&loaded.readonly) {
            keys.push(address.parse().ok()?);
        }
    }
    let key = |index: u8| keys.get(usize::from(index)).copied();
    let all = |indexes: &[u8]| -> Option<Vec<Pubkey>> {
        indexes.iter().map(|index| key(*index)).collect()
    };
    let mut found = Vec::new();
    for outer in message.instructions() {
        found.push(Ran {
            program: key(outer.program_id_index)?,
            accounts: all(&outer.accounts)?,
            data: outer.data.clone(),
        });
    }
    let OptionSerializer::Some(inner) = &effects.inner_instructions else {
        return None;
    };
    for inner in inner.iter().flat_map(|inner| &inner.instructions) {
        let UiInstruction::Compiled(inner) = inner else {
            return None;
        };
        let program = key(inner.program_id_index)?;
        // Base58 takes time by the square of the length.
        let is_memo = program == MEMO_PROGRAM_ID && inner.data.len() <= LONGEST_MEMO;
        found.push(Ran {
            program,
            accounts: all(&inner.accounts)?,
            data: if is_memo {
                bs58::decode(&inner.data).into_vec().ok()?
            } else {
                Vec::new()
            },
        });
    }
    Some(found)
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
        let genesis = Hash::new_from_array([4; 32]);
        let member = Keypair::new();
        let outer = Instruction {
            program_id: multisig,
            accounts: vec![
                AccountMeta::new_readonly(vault, false),
                AccountMeta::new_readonly(MEMO_PROGRAM_ID, false),
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

    impl Executed {
        fn read(&self, answer: &Value) -> Result<Delegation, &'static str> {
            let found = serde_json::from_value(answer.clone()).unwrap();
            let signature = &self.transaction.signatures[0];
            let read = read(found, signature, &self.genesis, &self.campaign);
            read.map_err(|error| error.code)
        }
    }

    #[test]
    fn a_program_signs_for_its_vault() {
        // Given a memo that a program's address has signed within a call
        let wallet = Pubkey::from([9; 32]);
        let of = executed(&wallet);
        let delegation = |wallet| {
            Ok(Delegation {
                authority: of.vault,
                wallet,
                slot: 77,
            })
        };
        assert_eq!(of.read(&of.answer), delegation(Some(wallet)));
        // And the zero address names nobody
        let nobody = executed(&Pubkey::default());
        assert_eq!(nobody.read(&nobody.answer), delegation(None));
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
        // The same said twice, and a failed transaction
        let twice = changed(&|answer| {
            let calls = answer.pointer_mut(inner).unwrap().as_array_mut().unwrap();
            calls.push(calls[0].clone());
        });
        assert_eq!(twice, "no_delegation");
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
