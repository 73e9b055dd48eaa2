//! Attacks every account of every instruction of the IDL in every way that applies to it.
//!
//! `scenes` builds worlds in which an instruction succeeds, `attacks` lists the attacks
//! on an account, `expected` has the outcome of each, and `state` compares the lamports
//! and the bytes of every account of the chain. The test fails for an instruction without
//! a scene, an account of unknown role, an attack without a row, and a row without an
//! attack.

mod attacks;
mod expected;
mod idl;
mod page;
mod run;
mod scenes;
mod state;

use std::fmt::Write as _;

use run::Proven;

/// The instruction with this name, in each of its scenes.
fn proven(name: &str) -> (idl::Instruction, Vec<Proven>) {
    let instruction = idl::instructions()
        .into_iter()
        .find(|instruction| instruction.name == name)
        .expect("an instruction of the IDL");
    let scenes = scenes::of(name);
    assert!(!scenes.is_empty(), "no scene for {name}");
    let scenes: Vec<Proven> = scenes.into_iter().map(Proven::new).collect();
    for (index, account) in instruction.accounts.iter().enumerate() {
        assert!(
            scenes.iter().any(|scene| scene.has(index)),
            "no scene of {name} has {}",
            account.name
        );
    }
    (instruction, scenes)
}

/// Runs every attack on this instruction, and compares the outcomes with the table.
fn attack(name: &str) {
    // Given worlds in which the instruction succeeds
    let (instruction, scenes) = proven(name);
    let accounts = &instruction.accounts;
    let mut wrong = String::new();
    for proven in &scenes {
        for (index, account) in accounts.iter().enumerate() {
            if !proven.has(index) {
                continue;
            }
            let scene = proven.scene.name;
            for attack in &proven.plan(accounts, index).attacks {
                // When one account is attacked in one way
                let outcome = proven.attack(accounts, index, attack);

                // Then the outcome is exactly that of the table
                let (class, variation) = (attack.class, attack.variation.as_str());
                let row = expected::row(name, scene, &account.name, class, variation);
                let expected = row.map_or("no cell", |row| expected::ROWS[row].5.name());
                if outcome != expected {
                    writeln!(
                        wrong,
                        "{name} | {scene} | {} | {} | {variation} | {outcome} | {expected}",
                        account.name,
                        class.name(),
                    )
                    .expect("a string");
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");

    // When two of a neighbour's accounts are passed that are refused alone
    for proven in &scenes {
        let accepted = proven.pairs(accounts);

        // Then they are refused together, unless they belong to each other
        let scene = proven.scene.name;
        let expected = expected::PAIRS
            .iter()
            .filter(|pair| (pair.0, pair.1) == (name, scene))
            .map(|pair| (pair.2, pair.3))
            .collect();
        assert_eq!(accepted, expected, "{name}, {scene}");
    }
}

macro_rules! attacked {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                attack(stringify!($name));
            }
        )*

        /// Each instruction has its own test, so that the tests run in parallel.
        const ATTACKED: &[&str] = &[$(stringify!($name)),*];
    };
}

attacked! {
    accept_authority accept_owner bind cancel_conversion claim close_campaign
    close_referral convert create_campaign create_referral end_partnership fund_vault
    propose_authority propose_owner purchase reclaim_binding reclaim_campaign
    reclaim_conversion reclaim_referral reclaim_referrer reclaim_voucher
    register_referrer revoke_voucher set_partner set_paused set_suspended
    update_campaign update_referral withdraw_vault
}

#[test]
fn every_instruction_is_attacked() {
    // Given the instructions of the IDL, then each has its test, and there is no other
    // test
    let names: Vec<String> = idl::instructions()
        .into_iter()
        .map(|instruction| instruction.name)
        .collect();
    assert_eq!(names, ATTACKED);
}

#[test]
fn the_page_is_current() {
    // Given every cell, each with an attack or a reason for none
    let matrix = page::Matrix::new();

    // Then every row of the table is used
    let unused: Vec<_> = (0..expected::ROWS.len())
        .filter(|row| !matrix.rows.contains(row))
        .map(|row| expected::ROWS[row])
        .collect();
    assert_eq!(unused, []);

    // And the page in docs/ is up to date
    page::compare(&matrix.page());
}
