//! Transfers of lamports by the System program, read from its instructions:
//! <https://docs.rs/solana-system-interface/2/solana_system_interface/instruction/>.

use solana_sdk::pubkey::Pubkey;

use crate::transaction::Executed;

/// The System program.
pub(crate) const ID: Pubkey = Pubkey::new_from_array([0; 32]);

/// The effect of an instruction of the System program on lamports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// None.
    Nothing,
    /// Moves lamports.
    Moves {
        from: Pubkey,
        to: Pubkey,
        lamports: u64,
    },
    /// The instruction is not known.
    Unknown,
}

fn number(data: &[u8], at: usize) -> Option<u64> {
    let bytes = data.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
}

fn moves(executed: &Executed<'_>, from: usize, to: usize, lamports: u64) -> Option<Effect> {
    Some(Effect::Moves {
        from: *executed.accounts.get(from)?,
        to: *executed.accounts.get(to)?,
        lamports,
    })
}

fn read(executed: &Executed<'_>) -> Option<Effect> {
    let (tag, data) = executed.data.split_first_chunk::<4>()?;
    match u32::from_le_bytes(*tag) {
        // CreateAccount, Transfer.
        0 | 2 => moves(executed, 0, 1, number(data, 0)?),
        // CreateAccountWithSeed: the base, the seed with its length, then the lamports.
        3 => {
            let length = usize::try_from(number(data, 32)?).ok()?;
            moves(executed, 0, 1, number(data, length.checked_add(40)?)?)
        }
        // WithdrawNonceAccount.
        5 => moves(executed, 0, 1, number(data, 0)?),
        // TransferWithSeed, with the base between.
        11 => moves(executed, 0, 2, number(data, 0)?),
        // CreateAccountAllowPrefund needs no payer if it moves nothing.
        13 => match number(data, 0)? {
            0 => Some(Effect::Nothing),
            lamports => moves(executed, 1, 0, lamports),
        },
        // Assign, AdvanceNonceAccount, InitializeNonceAccount, AuthorizeNonceAccount, Allocate,
        // AllocateWithSeed, AssignWithSeed, UpgradeNonceAccount.
        1 | 4 | 6..=10 | 12 => Some(Effect::Nothing),
        _ => None,
    }
}

/// The effect of this instruction of the System program.
pub(crate) fn effect(executed: &Executed<'_>) -> Effect {
    read(executed).unwrap_or(Effect::Unknown)
}

/// Whether this instruction of the System program may give `account` to another program.
pub(crate) fn may_assign(executed: &Executed<'_>, account: &Pubkey) -> bool {
    let place = match executed
        .data
        .first_chunk::<4>()
        .map(|tag| u32::from_le_bytes(*tag))
    {
        // CreateAccount, CreateAccountWithSeed: the payer comes first.
        Some(0 | 3) => 1,
        // Assign, AllocateWithSeed, AssignWithSeed, CreateAccountAllowPrefund.
        Some(1 | 9 | 10 | 13) => 0,
        Some(2 | 4..=8 | 11 | 12) => return false,
        _ => return executed.accounts.contains(account),
    };
    executed.accounts.get(place) == Some(account)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(data: &[u8]) -> Effect {
        let accounts = [1, 2, 3].map(|byte| Pubkey::new_from_array([byte; 32]));
        effect(&Executed {
            program: &ID,
            accounts: &accounts,
            data,
        })
    }

    fn moved(from: u8, to: u8, lamports: u64) -> Effect {
        Effect::Moves {
            from: Pubkey::new_from_array([from; 32]),
            to: Pubkey::new_from_array([to; 32]),
            lamports,
        }
    }

    #[test]
    fn every_instruction_that_moves_lamports_is_read() {
        // Given the bytes of each instruction, the amount 7
        let seven = 7_u64.to_le_bytes();
        let with = |tag: u32, rest: &[&[u8]]| [&tag.to_le_bytes()[..], &rest.concat()].concat();

        // Then payer, recipient and amount are read
        assert_eq!(of(&with(0, &[&seven, &[0; 40]])), moved(1, 2, 7));
        assert_eq!(of(&with(2, &[&seven])), moved(1, 2, 7));
        let seed: [&[u8]; 4] = [&[9; 32], &3_u64.to_le_bytes(), b"abc", &seven];
        assert_eq!(of(&with(3, &seed)), moved(1, 2, 7));
        assert_eq!(of(&with(5, &[&seven])), moved(1, 2, 7));
        assert_eq!(of(&with(11, &[&seven, &[0; 40]])), moved(1, 3, 7));
        assert_eq!(of(&with(13, &[&seven, &[0; 40]])), moved(2, 1, 7));
        assert_eq!(of(&with(13, &[&[0; 48]])), Effect::Nothing);
        for tag in [1, 4, 6, 7, 8, 9, 10, 12] {
            assert_eq!(of(&with(tag, &[&seven])), Effect::Nothing);
        }
    }

    #[test]
    fn every_instruction_that_assigns_an_account_is_read() {
        let accounts = [1, 2, 3].map(|byte| Pubkey::new_from_array([byte; 32]));
        for (tag, assigned) in [
            (0_u32, &[1_usize][..]),
            (1, &[0]),
            (3, &[1]),
            (9, &[0]),
            (10, &[0]),
            (13, &[0]),
            (14, &[0, 1, 2]),
        ]
        .into_iter()
        .chain([2, 4, 5, 6, 7, 8, 11, 12].map(|tag| (tag, &[][..])))
        {
            let data = tag.to_le_bytes();
            let executed = Executed {
                program: &ID,
                accounts: &accounts,
                data: &data,
            };
            for (place, account) in accounts.iter().enumerate() {
                let expected = assigned.contains(&place);
                assert_eq!(may_assign(&executed, account), expected, "{tag}");
            }
        }
    }

    #[test]
    fn other_bytes_are_unknown() {
        for data in [
            &[][..],
            &[2, 0, 0],
            &[2, 0, 0, 0, 1, 2],
            &[14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[3, 0, 0, 0, 1],
        ] {
            assert_eq!(of(data), Effect::Unknown);
        }
        // A seed of impossible length.
        let data = [&[3, 0, 0, 0][..], &[9; 32], &[0xff; 8], &[0; 20]].concat();
        assert_eq!(of(&data), Effect::Unknown);
    }
}
