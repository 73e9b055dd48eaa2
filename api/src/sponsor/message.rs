//! The messages that the sponsor signs.

use solana_sdk::message::{VersionedMessage, compiled_instruction::CompiledInstruction};
use vouch_client::{PROGRAM_ID, Pubkey, instructions::Layout, token, voucher};

/// Instructions whose payer gets the rent back, and nobody else.
const PAYS_RENT: [&str; 5] = [
    "register_referrer",
    "create_referral",
    "bind",
    "convert",
    "purchase",
];
/// Programs that a sponsored message may call.
const CALLED: [Pubkey; 4] = [
    PROGRAM_ID,
    token::ASSOCIATED_TOKEN_PROGRAM_ID,
    solana_compute_budget_interface::ID,
    voucher::ED25519_PROGRAM_ID,
];

/// Checks that the message takes nothing from the sponsor but the fee: the sponsor stands at the first place
/// alone, somebody else signs as well, and no instruction names it, except, `with_rent`, as the payer of an
/// account whose rent comes back.
///
/// # Errors
/// Checks the message; the error says in words what is wrong.
pub(super) fn check(
    message: &VersionedMessage,
    sponsor: &Pubkey,
    with_rent: bool,
) -> Result<(), &'static str> {
    if message
        .address_table_lookups()
        .is_some_and(|tables| !tables.is_empty())
    {
        return Err("it looks accounts up in tables");
    }
    let keys = message.static_account_keys();
    let places: Vec<usize> = keys
        .iter()
        .enumerate()
        .filter(|(_, key)| *key == sponsor)
        .map(|(place, _)| place)
        .collect();
    if places != [0] {
        return Err("the sponsor is not the fee payer alone");
    }
    if message.header().num_required_signatures < 2 {
        return Err("nobody else signs it");
    }
    for step in message.instructions() {
        let program = keys.get(usize::from(step.program_id_index));
        let Some(program) = program.filter(|program| CALLED.contains(program)) else {
            return Err("it calls a program that is not sponsored");
        };
        let names = step.accounts.iter().filter(|place| **place == 0).count();
        let is_allowed =
            names == 0 || (with_rent && names == 1 && *program == PROGRAM_ID && is_payer(step));
        if !is_allowed {
            return Err("an instruction names the sponsor");
        }
    }
    Ok(())
}

/// Whether the first account of the message is the payer of this instruction of the program.
fn is_payer(step: &CompiledInstruction) -> bool {
    let Some(layout) = Layout::of(&step.data).filter(|it| PAYS_RENT.contains(&it.name)) else {
        return false;
    };
    let payer = layout.position("payer");
    payer.and_then(|place| step.accounts.get(place)) == Some(&0)
}

#[cfg(test)]
mod tests {
    use solana_compute_budget_interface::ComputeBudgetInstruction;
    use solana_sdk::{
        hash::Hash,
        instruction::{AccountMeta, Instruction},
        message::v0,
    };
    use vouch_client::{
        Code,
        instructions::{self, CreateReferral},
    };

    use super::*;

    fn compiled(payer: &Pubkey, steps: &[Instruction]) -> VersionedMessage {
        let message = v0::Message::try_compile(payer, steps, &[], Hash::default());
        VersionedMessage::V0(message.unwrap())
    }

    fn create(payer: &Pubkey, owner: &Pubkey) -> Instruction {
        let code: Code = "STARTER7".parse().unwrap();
        let campaign = Pubkey::new_from_array([9; 32]);
        instructions::create_referral(&CreateReferral::new(payer, owner, &campaign, &code))
    }

    #[test]
    fn nothing_is_looked_up_in_tables() {
        let [sponsor, wallet, table] = [1, 2, 3].map(|byte| Pubkey::new_from_array([byte; 32]));
        let mut message = compiled(&sponsor, &[create(&wallet, &wallet)]);
        assert_eq!(check(&message, &sponsor, true), Ok(()));
        // Given a table, whose accounts nobody sees in the message, and which might be the sponsor's
        if let VersionedMessage::V0(message) = &mut message {
            message.address_table_lookups = vec![v0::MessageAddressTableLookup {
                account_key: table,
                writable_indexes: vec![0],
                readonly_indexes: vec![],
            }];
        }
        let found = check(&message, &sponsor, true);
        assert_eq!(found, Err("it looks accounts up in tables"));
    }

    #[test]
    fn the_sponsor_stands_at_the_first_place_and_nowhere_else() {
        let [sponsor, wallet, other] = [1, 2, 3].map(|byte| Pubkey::new_from_array([byte; 32]));
        let budget = ComputeBudgetInstruction::set_compute_unit_limit(1);
        let own = create(&wallet, &wallet);
        // Given a transaction whose fee alone is sponsored, then it passes
        let fair = compiled(&sponsor, &[budget.clone(), own.clone()]);
        for with_rent in [false, true] {
            assert_eq!(check(&fair, &sponsor, with_rent), Ok(()));
        }
        // But not with another fee payer
        let twice = compiled(&wallet, &[create(&sponsor, &wallet)]);
        let elsewhere = Err("the sponsor is not the fee payer alone");
        assert_eq!(check(&twice, &sponsor, true), elsewhere);
        assert_eq!(check(&fair, &other, true), elsewhere);
        // And not without another signer
        let alone = compiled(&sponsor, &[budget]);
        assert_eq!(check(&alone, &sponsor, true), Err("nobody else signs it"));
        // And not if an instruction names it as owner, authority, source, or in a place of no name
        let named = Err("an instruction names the sponsor");
        let owns = compiled(&sponsor, &[create(&wallet, &sponsor)]);
        assert_eq!(check(&owns, &sponsor, true), named);
        let both = compiled(&sponsor, &[create(&sponsor, &sponsor), own.clone()]);
        assert_eq!(check(&both, &sponsor, true), named);
        let mut extra = own.clone();
        extra.accounts.push(AccountMeta::new(sponsor, true));
        let extra = compiled(&sponsor, &[extra]);
        assert_eq!(check(&extra, &sponsor, true), named);
        let pause = instructions::set_paused(&sponsor, &other, true);
        let pause = compiled(&sponsor, &[own.clone(), pause]);
        assert_eq!(check(&pause, &sponsor, true), named);
        // And not if it pays for a token account, because its owner can close it for the rent
        let account =
            token::create_associated_token(&sponsor, &wallet, &other, &token::TOKEN_PROGRAM_ID);
        let account = compiled(&sponsor, &[own.clone(), account]);
        assert_eq!(check(&account, &sponsor, true), named);
        // And not if another program is called
        let transfer = Instruction {
            program_id: Pubkey::default(),
            accounts: vec![AccountMeta::new(wallet, true)],
            data: vec![2, 0, 0, 0],
        };
        let transfer = compiled(&sponsor, &[own, transfer]);
        let program = Err("it calls a program that is not sponsored");
        assert_eq!(check(&transfer, &sponsor, true), program);
        // And the payer of an account is the sponsor only where rent is allowed
        let rent = compiled(&sponsor, &[create(&sponsor, &wallet)]);
        assert_eq!(check(&rent, &sponsor, true), Ok(()));
        assert_eq!(check(&rent, &sponsor, false), named);
    }
}
