//! Sends attacks, and says what came of them.

use std::collections::BTreeSet;

use litesvm::{LiteSVM, types::FailedTransactionMetadata};
use solana_sdk::{
    account::Account as ChainAccount,
    instruction::{Instruction, InstructionError},
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
    transaction::{Transaction, TransactionError},
};
use vouch_client::{
    PROGRAM_ID, ProgramError,
    accounts::{AccountType as _, Campaign, Conversion, settled},
    token,
};

use crate::{
    attacks::{self, Attack, Class, Fork, Life, Plan},
    idl,
    scenes::Scene,
};

/// A scene whose honest instruction has been seen to succeed.
pub(crate) struct Proven {
    pub(crate) scene: Scene,
    honest: LiteSVM,
}

impl Scene {
    /// The attacked instruction.
    pub(crate) fn last(&self) -> &Instruction {
        self.steps.last().expect("an instruction")
    }

    /// The key of this wallet, if it is one of the scene's.
    pub(crate) fn key(&self, address: &Pubkey) -> Option<&Keypair> {
        self.keys.iter().find(|key| key.pubkey() == *address)
    }

    fn fork(&self) -> Fork {
        Fork {
            svm: self.svm.clone(),
            steps: self.steps.clone(),
        }
    }

    /// Sends it; when it is refused, gives the error's name.
    fn send(&self, fork: &mut Fork) -> Result<(), String> {
        let mut addresses = BTreeSet::from([self.relay]);
        for step in &fork.steps {
            let signing = step.accounts.iter().filter(|meta| meta.is_signer);
            addresses.extend(signing.map(|meta| meta.pubkey));
        }
        let signers: Vec<&Keypair> = addresses
            .iter()
            .map(|address| self.key(address).expect("a key for each signer"))
            .collect();
        fork.svm.expire_blockhash();
        let transaction = Transaction::new_signed_with_payer(
            &fork.steps,
            Some(&self.relay),
            &signers,
            fork.svm.latest_blockhash(),
        );
        match fork.svm.send_transaction(transaction) {
            Ok(_) => Ok(()),
            Err(failed) => Err(name(&failed)),
        }
    }

    /// Every account that the scene, its neighbours or the attack name, but for the
    /// one that pays fees.
    fn watched(&self, fork: &Fork) -> BTreeSet<Pubkey> {
        let steps = self.steps.iter().chain(&fork.steps);
        steps
            .chain([&self.other_party])
            .chain(self.elsewhere.iter().map(|(_, step)| step))
            .flat_map(|step| step.accounts.iter().map(|meta| meta.pubkey))
            .filter(|address| *address != self.relay)
            .collect()
    }
}

/// The error's name, and whose it is unless it is this program's or the runtime's.
fn name(failed: &FailedTransactionMetadata) -> String {
    let TransactionError::InstructionError(_, error) = &failed.err else {
        return format!("{:?}", failed.err);
    };
    let InstructionError::Custom(code) = error else {
        return format!("{error:?}");
    };
    let failing = failed.meta.logs.iter().find_map(|line| {
        let (program, _) = line.strip_prefix("Program ")?.split_once(" failed")?;
        program.parse().ok()
    });
    match failing.unwrap_or_default() {
        PROGRAM_ID => match code {
            2007 => "ConstraintExecutable".to_owned(),
            2040 => "ConstraintDuplicateMutableAccount".to_owned(),
            code => ProgramError::from_code(*code).map_or_else(
                || format!("framework: {code}"),
                |error| error.name().to_owned(),
            ),
        },
        token::TOKEN_PROGRAM_ID => format!("Token: {code}"),
        attacks::SYSTEM => format!("System: {code}"),
        other => format!("{other}: {code}"),
    }
}

fn account(svm: &LiteSVM, address: &Pubkey) -> ChainAccount {
    svm.get_account(address).unwrap_or_default()
}

/// Base units where there are tokens, otherwise lamports.
fn money(svm: &LiteSVM, address: &Pubkey) -> i128 {
    let account = account(svm, address);
    let tokens = (account.owner == token::TOKEN_PROGRAM_ID)
        .then(|| token::balance(&account.data))
        .flatten();
    i128::from(tokens.unwrap_or(account.lamports))
}

/// What an instruction moved, and to or from which of its accounts.
struct Moved<'a> {
    accounts: &'a [idl::Account],
    deltas: Vec<i128>,
    conversion: Option<Conversion>,
}

impl<'a> Moved<'a> {
    fn new(
        accounts: &'a [idl::Account],
        instruction: &Instruction,
        before: &LiteSVM,
        after: &LiteSVM,
    ) -> Self {
        let delta = |address| money(after, address) - money(before, address);
        let metas = instruction.accounts.iter();
        let at = accounts
            .iter()
            .position(|account| account.name == "conversion");
        let conversion = at.and_then(|at| after.get_account(&instruction.accounts[at].pubkey));
        Self {
            accounts,
            deltas: metas.map(|meta| delta(&meta.pubkey)).collect(),
            conversion: conversion.and_then(|account| Conversion::decode(&account.data).ok()),
        }
    }

    fn settled(&self) -> u8 {
        self.conversion.as_ref().map_or(0, |found| found.settled)
    }

    /// The part of the reward that this account of the instruction is there for.
    fn part(&self, index: usize) -> Option<(u8, i128)> {
        let found = self.conversion.as_ref()?;
        let (bit, units) = match self.accounts[index].name.as_str() {
            "referrer_account" => (settled::REFERRER, found.reward_referrer),
            "referee_account" => (settled::REFEREE, found.reward_referee),
            "partner_account" => (settled::PARTNER, found.reward_partner),
            _ => return None,
        };
        Some((bit, i128::from(units)))
    }

    /// Whether the only difference from `honest` is that parts of the reward wait, in
    /// `escrow` if there is one, and nobody else has them.
    fn only_waits(&self, honest: &Self, escrow: Option<&str>, apart: &[usize]) -> bool {
        let missing = honest.settled() & !self.settled();
        if missing == 0 || self.settled() & !honest.settled() != 0 {
            return false;
        }
        let parts = (0..self.deltas.len()).filter_map(|index| self.part(index));
        let waiting: i128 = parts
            .filter(|(bit, _)| missing & bit != 0)
            .map(|(_, units)| units)
            .sum();
        (0..self.deltas.len()).all(|index| {
            let (delta, expected) = (self.deltas[index], honest.deltas[index]);
            match self.part(index) {
                Some((bit, _)) if missing & bit != 0 => delta == 0,
                _ if escrow == Some(self.accounts[index].name.as_str()) => {
                    delta == expected + waiting
                }
                _ => apart.contains(&index) || delta == expected,
            }
        })
    }
}

impl Proven {
    /// Runs the honest instruction.
    ///
    /// # Panics
    /// When it is refused: attacks on it would prove nothing.
    pub(crate) fn new(scene: Scene) -> Self {
        let mut honest = scene.fork();
        let outcome = scene.send(&mut honest);
        assert_eq!(outcome, Ok(()), "the honest way, {}", scene.name);
        Self {
            honest: honest.svm,
            scene,
        }
    }

    /// Whether the scene has the account at `index`.
    pub(crate) fn has(&self, index: usize) -> bool {
        // Those at the end may be left out.
        let meta = self.scene.last().accounts.get(index);
        meta.is_some_and(|meta| meta.pubkey != PROGRAM_ID)
    }

    /// The attacks on the account at `index`.
    pub(crate) fn plan<'a>(&'a self, accounts: &'a [idl::Account], index: usize) -> Plan<'a> {
        let address = &self.scene.last().accounts[index].pubkey;
        let before = account(&self.scene.svm, address);
        let after = account(&self.honest, address);
        let life = match (before.owner == PROGRAM_ID, after.owner == PROGRAM_ID) {
            (false, true) => Life::Begins,
            (true, false) => Life::Ends,
            (true, true) if after.data.len() < before.data.len() => Life::Ends,
            _ => Life::GoesOn,
        };
        attacks::plan(&self.scene, accounts, index, life)
    }

    /// Passes two accounts of a neighbour at once, each of which is refused alone: what
    /// the first check hides of the second. Gives the pairs that are accepted.
    ///
    /// # Panics
    /// When a refused pair changed anything.
    pub(crate) fn pairs<'a>(&self, accounts: &'a [idl::Account]) -> BTreeSet<(&'a str, &'a str)> {
        let honest = self.scene.last();
        let elsewhere = self.scene.elsewhere.iter().map(|(_, step)| step);
        let mut accepted = BTreeSet::new();
        for other in elsewhere.chain([&self.scene.other_party]) {
            let mixed = |indices: &[usize]| {
                let mut fork = self.scene.fork();
                for index in indices {
                    fork.last().accounts[*index].pubkey = other.accounts[*index].pubkey;
                }
                // Then it is nothing but the neighbour's own.
                let own = fork.last() == other;
                let sent = self.scene.send(&mut fork);
                if sent.is_err() {
                    for address in self.scene.watched(&fork) {
                        let before = account(&self.scene.svm, &address);
                        assert_eq!(account(&fork.svm, &address), before, "{indices:?}");
                    }
                }
                own || sent.is_ok()
            };
            let refused: Vec<usize> = (0..honest.accounts.len())
                .filter(|at| honest.accounts[*at].pubkey != other.accounts[*at].pubkey)
                .filter(|at| !mixed(&[*at]))
                .collect();
            for (number, first) in refused.iter().enumerate() {
                for second in &refused[number + 1..] {
                    let pair = [*first, *second];
                    let own = (0..honest.accounts.len()).all(|at| {
                        pair.contains(&at)
                            || honest.accounts[at].pubkey == other.accounts[at].pubkey
                    });
                    if !(own && honest.data == other.data) && mixed(&pair) {
                        accepted.insert((
                            accounts[*first].name.as_str(),
                            accounts[*second].name.as_str(),
                        ));
                    }
                }
            }
        }
        accepted
    }

    /// Attacks the account at `index`; gives the error's name, or that of the success, as
    /// [`crate::expected::Outcome`] has them, or what moved where it is none of these.
    ///
    /// # Panics
    /// When a refused attack changed anything.
    pub(crate) fn attack(
        &self,
        accounts: &[idl::Account],
        index: usize,
        attack: &Attack<'_>,
    ) -> String {
        let mut fork = self.scene.fork();
        (attack.apply)(&mut fork);
        let before = fork.svm.clone();
        let sent = self.scene.send(&mut fork);
        if let Err(error) = sent {
            for address in self.scene.watched(&fork) {
                assert_eq!(
                    account(&fork.svm, &address),
                    account(&before, &address),
                    "{error}, and yet {address} changed"
                );
            }
            return error;
        }
        self.success(accounts, index, attack.class, &before, &mut fork)
    }

    fn success(
        &self,
        accounts: &[idl::Account],
        index: usize,
        class: Class,
        before: &LiteSVM,
        fork: &mut Fork,
    ) -> String {
        let step = fork.last().clone();
        let honest = Moved::new(accounts, self.scene.last(), &self.scene.svm, &self.honest);
        let moved = Moved::new(accounts, &step, before, &fork.svm);
        // Accounts of which there is no telling what they would have had.
        let address = step.accounts[index].pubkey;
        let prefunded = class == Class::ClosedAndRevived
            && account(before, &address).owner != PROGRAM_ID
            && account(&fork.svm, &address).owner == PROGRAM_ID;
        let all = 0..step.accounts.len();
        let apart: Vec<usize> = all
            .clone()
            .filter(|at| match class {
                Class::Aliasing => step.accounts[*at].pubkey == address,
                _ => prefunded && (*at == index || accounts[*at].signer),
            })
            .collect();
        let as_expected =
            |at: &usize| apart.contains(at) || moved.deltas[*at] == honest.deltas[*at];
        if moved.settled() == honest.settled() && all.clone().all(|at| as_expected(&at)) {
            return "same".to_owned();
        }
        let campaign = accounts
            .iter()
            .position(|account| account.name == "campaign")
            .and_then(|at| fork.svm.get_account(&step.accounts[at].pubkey))
            .and_then(|account| Campaign::decode(&account.data).ok());
        let escrow = campaign.and_then(|campaign| match campaign {
            campaign if campaign.pays_from_vault() => Some("vault"),
            campaign if campaign.rewards_are_sol() => Some("conversion"),
            _ => None,
        });
        if moved.only_waits(&honest, escrow, &apart) {
            return "waits".to_owned();
        }
        let no_more = all
            .filter(|at| *at != index && !apart.contains(at))
            .all(|at| moved.deltas[at] <= honest.deltas[at]);
        if no_more {
            return "less".to_owned();
        }
        format!("moves {:?} instead of {:?}", moved.deltas, honest.deltas)
    }
}
