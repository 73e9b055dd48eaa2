use vouch_client::{accounts::Funding, instructions::set_paused, opening::Opening};

use super::*;

#[test]
fn the_cost_is_what_the_instructions_move() {
    let [wallet, mint] = [1, 2].map(|byte| Pubkey::new_from_array([byte; 32]));
    let create = token::create_mint(&wallet, &mint, &wallet, 6, 1_461_600);
    assert_eq!(moved(&create), 1_461_600);
    // And with a seed, as a campaign's opening creates its mint
    let opening = Opening::new(
        &wallet,
        7,
        Funding::MintAuthority,
        Settings::fixed(1),
        1_461_601,
    );
    let all = opening.instructions().expect("instructions");
    assert_eq!(moved(&all), 1_461_601);
    assert_eq!(moved(&[set_paused(&wallet, &mint, true)]), 0);
}

#[test]
fn an_error_of_the_program_has_its_words_and_others_have_none_of_them() {
    let wallet = Pubkey::new_from_array([7; 32]);
    let plan = [set_paused(&wallet, &wallet, true)];
    let at = |place, code| {
        let error = InstructionError::Custom(code);
        refusal(
            &TransactionError::InstructionError(place, error),
            &plan,
            &[],
        )
    };
    let code = ProgramError::CampaignClosed as u32;
    assert_eq!(at(2, code).code, "campaign_closed");
    // The same number of another instruction means something else
    assert_eq!(at(1, code).code, "transaction_would_fail");
    assert_eq!(at(3, code).code, "transaction_would_fail");
    assert_eq!(at(2, 1).code, "transaction_would_fail");
    let poor = refusal(&TransactionError::AccountNotFound, &plan, &[]);
    assert_eq!(poor.code, "payer_needs_sol");
    let error = TransactionError::InstructionError(2, InstructionError::Custom(1));
    let logs = ["Program log: Error: insufficient funds".to_owned()];
    assert_eq!(refusal(&error, &plan, &logs).code, "insufficient_tokens");
}
