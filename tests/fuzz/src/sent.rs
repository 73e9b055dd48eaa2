//! A call to send, and a program through which it can go.

use solana_program_runtime::declare_process_instruction;
use solana_sdk::{
    instruction::{AccountMeta, Instruction},
    pubkey::Pubkey,
};
use vouch_client::PROGRAM_ID;

use crate::{model::ED25519, step::Meta};

/// A program that forwards calls to the Vouch program: [`Sent::depth`].
pub(crate) const ROUTER: Pubkey = Pubkey::new_from_array([8; 32]);

// The first byte of its data is the number of further levels to itself. The rest is the data of
// the call.
mod router {
    #![allow(missing_docs, reason = "the macro makes it public")]

    use solana_sdk::instruction::{AccountMeta, Instruction, InstructionError};
    use vouch_client::PROGRAM_ID;

    use super::{ROUTER, declare_process_instruction};

    declare_process_instruction!(Router, 1, |invoke_context| {
        let context = &invoke_context.transaction_context;
        let context = context.get_current_instruction_context()?;
        let data = context.get_instruction_data();
        let (depth, call) = data
            .split_first()
            .ok_or(InstructionError::InvalidInstructionData)?;
        let mut accounts = Vec::new();
        for index in 0..context.get_number_of_instruction_accounts() {
            accounts.push(AccountMeta {
                pubkey: *context.get_key_of_instruction_account(index)?,
                is_signer: context.is_instruction_account_signer(index)?,
                is_writable: context.is_instruction_account_writable(index)?,
            });
        }
        let (program_id, data) = match depth.checked_sub(1) {
            Some(depth) => (ROUTER, [&[depth][..], call].concat()),
            None => {
                // The two programs come last.
                accounts.truncate(accounts.len().saturating_sub(2));
                (PROGRAM_ID, call.to_vec())
            }
        };
        let instruction = Instruction {
            program_id,
            accounts,
            data,
        };
        invoke_context.native_invoke_signed(instruction, &[])
    });
}

pub(crate) use router::Router;

/// A call to send.
#[derive(Debug, Clone, Copy)]
pub struct Sent<'a> {
    /// Data of an Ed25519 instruction right before it.
    pub voucher: Option<&'a [u8]>,
    /// The instruction's data.
    pub data: &'a [u8],
    /// The instruction's accounts.
    pub metas: &'a [Meta],
    /// Number of levels of another program above the call; 0 for none, at most 2.
    pub depth: u8,
}

impl Sent<'_> {
    /// The instructions of the message.
    pub(crate) fn instructions(&self) -> Vec<Instruction> {
        let mut accounts: Vec<_> = self
            .metas
            .iter()
            .map(|meta| AccountMeta {
                pubkey: meta.key,
                is_signer: meta.signer,
                is_writable: meta.writable,
            })
            .collect();
        let mut instructions = Vec::new();
        if let Some(voucher) = self.voucher {
            instructions.push(Instruction {
                program_id: ED25519,
                accounts: vec![],
                data: voucher.to_vec(),
            });
        }
        let (program_id, data) = match self.depth.checked_sub(1) {
            None => (PROGRAM_ID, self.data.to_vec()),
            Some(more) => {
                for program in [ROUTER, PROGRAM_ID] {
                    accounts.push(AccountMeta::new_readonly(program, false));
                }
                (ROUTER, [&[more][..], self.data].concat())
            }
        };
        instructions.push(Instruction {
            program_id,
            accounts,
            data,
        });
        instructions
    }
}
