//! Runs attacks and determines their outcomes.

use std::{collections::BTreeSet, fmt::Write as _};

use borsh::BorshSerialize;
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
    accounts::{AccountType, Campaign, Conversion, Referral, Status, settled},
    token,
};
use vouch_program_tests::TOKEN_2022;

use crate::{
    attacks::{self, Attack, Class, Fork, Life, Plan},
    idl,
    scenes::Scene,
    state::{Change, Changes, account},
};

/// A scene whose honest instruction has succeeded.
pub(crate) struct Proven {
    pub(crate) scene: Scene,
    honest: LiteSVM,
    /// The changes of the honest instruction.
    changes: Changes,
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

    /// Sends the steps. On a refusal, returns the error's name.
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
}

/// The error's name, prefixed by its program unless that is this program or the runtime.
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
        TOKEN_2022 => format!("Token-2022: {code}"),
        attacks::SYSTEM => format!("System: {code}"),
        other => format!("{other}: {code}"),
    }
}

/// The account of type `T` at `address`, if it exists.
fn read<T: AccountType>(svm: &LiteSVM, address: &Pubkey) -> Option<T> {
    let account = svm.get_account(address)?;
    let ours = account.owner == PROGRAM_ID;
    ours.then(|| T::decode(&account.data).ok()).flatten()
}

/// The data of an account with this value.
fn bytes<T: AccountType + BorshSerialize>(value: &T) -> Vec<u8> {
    let mut data = T::DISCRIMINATOR.to_vec();
    data.extend(borsh::to_vec(value).expect("no account fails to serialize"));
    data
}

impl Proven {
    /// Runs the honest instruction.
    ///
    /// # Panics
    /// When it is refused, because attacks on it would prove nothing.
    pub(crate) fn new(scene: Scene) -> Self {
        let mut honest = scene.fork();
        let outcome = scene.send(&mut honest);
        assert_eq!(outcome, Ok(()), "the honest way, {}", scene.name);
        Self {
            changes: Changes::between(&scene.svm, &honest.svm, &scene.relay),
            honest: honest.svm,
            scene,
        }
    }

    /// Whether the scene has the account at `index`.
    pub(crate) fn has(&self, index: usize) -> bool {
        // The last accounts may be left out.
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

    /// Passes two of a neighbour's accounts at once, each of which is refused alone,
    /// because the first check may hide the second. Returns the pairs that are accepted.
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
                // Then it is the neighbour's own instruction.
                let own = fork.last() == other;
                let sent = self.scene.send(&mut fork);
                if sent.is_err() {
                    let changes = Changes::between(&self.scene.svm, &fork.svm, &self.scene.relay);
                    assert!(changes.is_empty(), "{indices:?} changed {changes:?}");
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

    /// Attacks the account at `index`. Returns the name of the error or of the success,
    /// as in [`crate::expected::Outcome`]; if it is neither, returns the differences.
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
        let changes = Changes::between(&before, &fork.svm, &self.scene.relay);
        if let Err(error) = sent {
            assert!(
                changes.is_empty(),
                "{error}, and yet it changed {changes:?}"
            );
            return error;
        }
        let success = Success {
            proven: self,
            accounts,
            index,
            step: fork.last().clone(),
            before,
            after: fork.svm,
            changes,
        };
        success.name(attack.class)
    }
}

/// An attack that was not refused.
struct Success<'a> {
    proven: &'a Proven,
    accounts: &'a [idl::Account],
    index: usize,
    step: Instruction,
    before: LiteSVM,
    after: LiteSVM,
    changes: Changes,
}

impl Success<'_> {
    /// The name of the success, or the accounts that differ from those after the honest
    /// instruction.
    fn name(&self, class: Class) -> String {
        let honest = &self.proven.changes;
        let anew = class == Class::ClosedAndRevived && self.creates();
        if self.changes == *honest || (anew && self.changes == self.anew()) {
            return "same".to_owned();
        }
        if self.address() != self.honest_address() && self.changes == self.instead() {
            return "instead".to_owned();
        }
        if self.waits().is_some_and(|waits| self.changes == waits) {
            return "waits".to_owned();
        }
        if self.is_less() {
            return "less".to_owned();
        }
        let mut text = "changes".to_owned();
        for (address, (change, expected)) in self.changes.differences(honest) {
            let named = |at: usize| self.step.accounts[at].pubkey == address;
            let at = (0..self.step.accounts.len()).find(|at| named(*at));
            let name = at.map_or_else(|| address.to_string(), |at| self.accounts[at].name.clone());
            write!(text, "\n  {name}: {change:?}\n  instead of {expected:?}").expect("a string");
        }
        text
    }

    /// The address that the attack passed.
    fn address(&self) -> Pubkey {
        self.step.accounts[self.index].pubkey
    }

    /// The address in the honest instruction.
    fn honest_address(&self) -> Pubkey {
        self.proven.scene.last().accounts[self.index].pubkey
    }

    /// The address of the account with this name, if the instruction has it.
    fn at(&self, name: &str) -> Option<Pubkey> {
        let at = self
            .accounts
            .iter()
            .position(|account| account.name == name)?;
        let meta = self.step.accounts.get(at)?;
        (meta.pubkey != PROGRAM_ID).then_some(meta.pubkey)
    }

    /// Whether the instruction created the attacked account.
    fn creates(&self) -> bool {
        let address = self.address();
        account(&self.before, &address).owner != PROGRAM_ID
            && account(&self.after, &address).owner == PROGRAM_ID
    }

    /// The honest changes if the attacked account had other lamports before, or did not
    /// exist: the payer pays the rent that is still missing.
    fn anew(&self) -> Changes {
        let Proven {
            scene,
            honest,
            changes,
        } = self.proven;
        let address = self.address();
        let created = account(honest, &address);
        let rent = scene
            .svm
            .minimum_balance_for_rent_exemption(created.data.len());
        let missing = |account: &ChainAccount| {
            let missing = rent.saturating_sub(account.lamports);
            i128::from(if account.owner == PROGRAM_ID {
                0
            } else {
                missing
            })
        };
        let (usual, now) = (
            account(&scene.svm, &address),
            account(&self.before, &address),
        );
        let saved = missing(&usual) - missing(&now);
        let mut expected = changes.clone();
        let mut change = Change::between(&now, &created);
        // The account may hold an escrow besides its rent.
        change.lamports = changes.get(&address).lamports - saved;
        expected.set(&address, change);
        if let Some(payer) = self.at("payer") {
            expected.update(&payer, |change| change.lamports += saved);
        }
        expected
    }

    /// The honest changes with the passed account in place of the honest one: it gets the
    /// other's change, and is named instead of it.
    fn instead(&self) -> Changes {
        let Proven {
            scene,
            honest,
            changes,
        } = self.proven;
        let (from, to) = (self.honest_address(), self.address());
        let names = [
            (from, to),
            (scene.reward_account(&from).0, scene.reward_account(&to).0),
        ];
        let mut expected = Changes::default();
        for (address, change) in changes.iter() {
            if *address == from {
                expected.add(&to, change);
                continue;
            }
            let (before, mut after) = (account(&scene.svm, address), account(honest, address));
            if after.owner == PROGRAM_ID {
                rename(&before.data, &mut after.data, &names);
                if let Ok(mut referral) = Referral::decode(&after.data)
                    && referral.partner == to
                {
                    referral.partner_account_bump = scene.reward_account(&to).1;
                    after.data = bytes(&referral);
                }
            }
            expected.add(address, &Change::between(&before, &after));
        }
        expected
    }

    /// The honest changes, except that unpaid parts of the reward are owed: in the
    /// records, and in the escrow if there is one. `None` if all parts were paid.
    fn waits(&self) -> Option<Changes> {
        let honest = &self.proven.honest;
        let conversion = self.at("conversion")?;
        let paid: Conversion = read(honest, &conversion)?;
        let owing: Conversion = read(&self.after, &conversion)?;
        let missing = paid.settled & !owing.settled;
        if missing == 0 || owing.settled & !paid.settled != 0 {
            return None;
        }
        let (address, referral) = (self.at("campaign")?, self.at("referral")?);
        let campaign: Campaign = read(honest, &address)?;
        let sol = campaign.rewards_are_sol();
        let mut expected = self.proven.changes.clone();
        let mut waiting = 0;
        for (bit, units, recipient) in [
            (settled::REFERRER, paid.reward_referrer, "referrer_account"),
            (settled::REFEREE, paid.reward_referee, "referee_account"),
            (settled::PARTNER, paid.reward_partner, "partner_account"),
        ] {
            if missing & bit == 0 {
                continue;
            }
            waiting += units;
            let units = i128::from(units);
            expected.update(&self.at(recipient)?, |change| {
                *(if sol {
                    &mut change.lamports
                } else {
                    &mut change.units
                }) -= units;
            });
        }
        let over = paid.status == Status::Paid;
        self.rewrite(&mut expected, &conversion, |conversion: &mut Conversion| {
            conversion.settled &= !missing;
            conversion.status = Status::Pending;
        })?;
        self.rewrite(&mut expected, &referral, |referral: &mut Referral| {
            referral.open_conversions += u64::from(over);
            if missing & settled::REFERRER != 0 {
                referral.rewards_pending += paid.reward_referrer;
            }
            if missing & settled::PARTNER != 0 {
                referral.partner_pending += paid.reward_partner;
            }
        })?;
        let units = i128::from(waiting);
        if sol {
            expected.update(&conversion, |change| change.lamports += units);
        } else if let Some(vault) = campaign.vault() {
            expected.update(&vault, |change| change.units += units);
            self.rewrite(&mut expected, &address, |campaign: &mut Campaign| {
                campaign.owed += waiting;
            })?;
        } else {
            // The rewards are not minted yet.
            expected.update(&campaign.mint, |change| change.units -= units);
        }
        Some(expected)
    }

    /// Makes `expected` end in the account that `change` makes of the honest one.
    fn rewrite<T: AccountType + BorshSerialize>(
        &self,
        expected: &mut Changes,
        address: &Pubkey,
        change: impl FnOnce(&mut T),
    ) -> Option<()> {
        let mut value: T = read(&self.proven.honest, address)?;
        change(&mut value);
        let mut after = account(&self.proven.honest, address);
        after.data = bytes(&value);
        let before = account(&self.proven.scene.svm, address);
        expected.set(address, Change::between(&before, &after));
        Some(())
    }

    /// Whether every record is as after the honest instruction, nobody has more, and the
    /// attacked account has nothing. Only the campaign's vault may have kept something.
    fn is_less(&self) -> bool {
        let attacked = [self.address(), self.honest_address()];
        let untouched = |address| self.changes.get(address) == Change::default();
        let vault = self.at("vault");
        attacked.iter().all(untouched)
            && self
                .changes
                .differences(&self.proven.changes)
                .iter()
                .filter(|(address, _)| !attacked.contains(address))
                .all(|(address, (change, expected))| {
                    let no_more =
                        change.lamports <= expected.lamports && change.units <= expected.units;
                    change.record() == expected.record() && (no_more || vault == Some(*address))
                })
    }
}

/// Exchanges addresses in the bytes in which `after` differs from `before`.
fn rename(before: &[u8], after: &mut [u8], names: &[(Pubkey, Pubkey)]) {
    for (from, to) in names
        .iter()
        .map(|(from, to)| (from.to_bytes(), to.to_bytes()))
    {
        for at in 0..after.len().saturating_sub(31) {
            let place = at..at + 32;
            let kept = before.get(place.clone()) == Some(from.as_slice());
            if after[place.clone()] == from && !kept {
                after[place].copy_from_slice(&to);
            }
        }
    }
}
