//! The record that a node keeps of a transaction, made from LiteSVM's.

use litesvm::types::TransactionMetadata;
use solana_sdk::{account::ReadableAccount as _, message::Message, pubkey::Pubkey};
use vouch_replay::{
    Transaction,
    transaction::{Balance, Inner, Instruction, Outcome},
};

use crate::{chain::Chain, model::Body};

/// Lamports of these accounts.
pub(crate) fn lamports(chain: &Chain, keys: &[Pubkey]) -> Vec<u64> {
    let lamports = |key| chain.raw(key).map_or(0, |account| account.lamports());
    keys.iter().map(lamports).collect()
}

/// The record of a successful transaction. `before` are the lamports of the message's accounts
/// before it; the chain is as after it.
pub(crate) fn record(
    chain: &Chain,
    message: &Message,
    before: &[u64],
    meta: &TransactionMetadata,
) -> Transaction {
    let keys = &message.account_keys;
    let key = |index: u8| keys[usize::from(index)];
    let all = |indices: &[u8]| indices.iter().map(|index| key(*index)).collect();
    let inner = |index: usize| {
        let inner = meta.inner_instructions.get(index).into_iter().flatten();
        inner.map(|inner| Inner {
            stack_height: Some(u32::from(inner.stack_height)),
            program: key(inner.instruction.program_id_index),
            accounts: all(&inner.instruction.accounts),
            data: inner.instruction.data.clone(),
        })
    };
    let after = lamports(chain, keys);
    let balances = keys.iter().zip(before).zip(after);
    let instructions = message.instructions.iter().enumerate();
    Transaction {
        signature: meta.signature.into(),
        slot: 0,
        index: None,
        block_time: chain.time(),
        fee_payer: keys[0],
        fee: Some(meta.fee),
        signers: keys[..usize::from(message.header.num_required_signatures)].to_vec(),
        outcome: Outcome::Succeeded,
        balances: balances
            .map(|((account, before), after)| Balance {
                account: *account,
                before: *before,
                after,
            })
            .collect(),
        decimals: keys.iter().filter_map(|key| decimals(chain, key)).collect(),
        instructions: instructions
            .map(|(index, instruction)| Instruction {
                program: key(instruction.program_id_index),
                accounts: all(&instruction.accounts),
                data: instruction.data.clone(),
                inner: inner(index).collect(),
            })
            .collect(),
    }
}

/// The mint of a token account, and its decimals.
fn decimals(chain: &Chain, key: &Pubkey) -> Option<(Pubkey, u8)> {
    let body = |key: &Pubkey| Some(chain.cell(key).ok()??.body);
    match body(key)? {
        Body::Token(token) => match body(&token.mint)? {
            Body::Mint(mint) => Some((token.mint, mint.decimals)),
            _ => None,
        },
        _ => None,
    }
}
