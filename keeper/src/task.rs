//! The keeper's decision about one task.

use std::time::Duration;

use solana_sdk::instruction::Instruction;
use vouch_client::{PROGRAM_ID, Pubkey};
use vouch_db::keeper::Task;

/// An instruction that does one task.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// The task's subject.
    pub(crate) subject: String,
    /// How often it had been tried when it was read.
    pub(crate) tries: i32,
    /// Whether a transaction failed because of it. It is sent by itself, so that it makes no other
    /// one fail.
    pub(crate) has_failed: bool,
    pub(crate) instruction: Instruction,
}

/// Why a task is not done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// For people.
    pub(crate) reason: String,
    /// Time until it is looked at again; `None`: the longer, the more often it was tried.
    pub(crate) pause: Option<Duration>,
}

impl Refusal {
    pub(crate) fn because(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            pause: None,
        }
    }

    pub(crate) fn after(seconds: i64, reason: impl Into<String>) -> Self {
        let seconds = u64::try_from(seconds).unwrap_or_default().clamp(1, 86_400);
        Self {
            reason: reason.into(),
            pause: Some(Duration::from_secs(seconds)),
        }
    }
}

/// The address of the task's subject.
pub(crate) fn address(text: &str) -> Result<Pubkey, Refusal> {
    let address = text.parse();
    address.map_err(|_| Refusal::because(format!("{text} is not an address")))
}

/// The item of a task. It is refused unless the instruction is one of the program that neither asks
/// for a signature nor names the keeper: the keeper's key must pay fees, and nothing else.
pub(crate) fn item(
    task: &Task,
    instruction: Instruction,
    keeper: &Pubkey,
) -> Result<Item, Refusal> {
    let names_keeper = instruction
        .accounts
        .iter()
        .any(|account| account.pubkey == *keeper);
    let asks_signature = instruction.accounts.iter().any(|account| account.is_signer);
    if instruction.program_id != PROGRAM_ID || names_keeper || asks_signature {
        return Err(Refusal::because("it would use the keeper's signature"));
    }
    Ok(Item {
        subject: task.subject.clone(),
        tries: task.tries,
        has_failed: task.has_failed,
        instruction,
    })
}

#[cfg(test)]
mod tests {
    use solana_sdk::instruction::AccountMeta;

    use super::*;

    #[test]
    fn nothing_gets_the_keepers_signature() {
        let [keeper, other] = [
            Pubkey::new_from_array([1; 32]),
            Pubkey::new_from_array([2; 32]),
        ];
        let task = Task {
            subject: other.to_string(),
            campaign: String::new(),
            tries: 0,
            has_failed: false,
            referral: None,
            referee: None,
            reference: None,
            is_over: false,
        };
        let with = |program_id, accounts: &[AccountMeta]| {
            let instruction = Instruction {
                program_id,
                accounts: accounts.to_vec(),
                data: Vec::new(),
            };
            item(&task, instruction, &keeper).map(|item| item.subject)
        };
        let refused = Err(Refusal::because("it would use the keeper's signature"));
        assert_eq!(
            with(PROGRAM_ID, &[AccountMeta::new(other, false)]),
            Ok(other.to_string())
        );
        // A recipient or a treasury may be the keeper's own address: then it would be a signer.
        assert_eq!(
            with(PROGRAM_ID, &[AccountMeta::new(keeper, false)]),
            refused
        );
        assert_eq!(
            with(PROGRAM_ID, &[AccountMeta::new_readonly(keeper, false)]),
            refused
        );
        assert_eq!(
            with(PROGRAM_ID, &[AccountMeta::new_readonly(other, true)]),
            refused
        );
        assert_eq!(with(other, &[]), refused);
    }
}
