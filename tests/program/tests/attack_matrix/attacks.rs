//! The attacks on one account of an instruction, by class. The account's role decides
//! which classes apply; this module does not know any instruction by name.

use litesvm::LiteSVM;
use solana_sdk::{
    account::Account as ChainAccount,
    instruction::{AccountMeta, Instruction},
    pubkey::Pubkey,
};
use vouch_client::{
    PROGRAM_ID,
    accounts::{
        AccountType as _, Binding, Campaign, Closed, Conversion, Referral, Referrer,
        RevokedVoucher, VERSION,
    },
    pda,
    token::TOKEN_PROGRAM_ID,
};
use vouch_program_tests::{TOKEN_2022, program_bytes};

use crate::{idl, scenes::Scene};

/// The classes of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    MissingSigner,
    WrongOwner,
    WrongType,
    WrongProgram,
    WrongMint,
    WrongPda,
    NonCanonicalBump,
    ReInitialisation,
    Aliasing,
    ClosedAndRevived,
    ForeignCampaign,
}

impl Class {
    pub(crate) const ALL: [Self; 11] = [
        Self::MissingSigner,
        Self::WrongOwner,
        Self::WrongType,
        Self::WrongProgram,
        Self::WrongMint,
        Self::WrongPda,
        Self::NonCanonicalBump,
        Self::ReInitialisation,
        Self::Aliasing,
        Self::ClosedAndRevived,
        Self::ForeignCampaign,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::MissingSigner => "missing signer",
            Self::WrongOwner => "wrong owner",
            Self::WrongType => "wrong type",
            Self::WrongProgram => "wrong program",
            Self::WrongMint => "wrong mint",
            Self::WrongPda => "wrong PDA",
            Self::NonCanonicalBump => "non-canonical bump",
            Self::ReInitialisation => "re-initialisation",
            Self::Aliasing => "aliasing",
            Self::ClosedAndRevived => "closed and revived",
            Self::ForeignCampaign => "foreign campaign",
        }
    }
}

/// The reason why a class has no attack on an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    NotASigner,
    AnySigner,
    FixedAddress,
    NotThereYet,
    AnyData,
    NotAProgram,
    NoToken,
    NotDerived,
    NoBump,
    NotCreated,
    ReadOnly,
    OnlyWritable,
    Shared,
}

impl Reason {
    pub(crate) const ALL: [Self; 13] = [
        Self::NotASigner,
        Self::AnySigner,
        Self::FixedAddress,
        Self::NotThereYet,
        Self::AnyData,
        Self::NotAProgram,
        Self::NoToken,
        Self::NotDerived,
        Self::NoBump,
        Self::NotCreated,
        Self::ReadOnly,
        Self::OnlyWritable,
        Self::Shared,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::NotASigner => "the IDL asks for no signature",
            Self::AnySigner => "any wallet can sign: its data is not read",
            Self::FixedAddress => "only one address is taken, and nobody can write there",
            Self::NotThereYet => "the instruction creates it: see re-initialisation",
            Self::AnyData => "only its address counts, its data is not read",
            Self::NotAProgram => "no program",
            Self::NoToken => "holds no token and is none",
            Self::NotDerived => "its address is derived from nothing",
            Self::NoBump => "its address is derived with a seed and has no bump",
            Self::NotCreated => "the instruction creates no such account",
            Self::ReadOnly => "the IDL does not let it be written",
            Self::OnlyWritable => "nothing else is written",
            Self::Shared => "every campaign has the same here",
        }
    }
}

/// The role of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Signs.
    Wallet,
    Program,
    /// An account of this program, of that type.
    Record(&'static str),
    Mint,
    /// A token account, or a wallet if the campaign moves SOL.
    Holder,
    /// A token account that the signer chooses.
    Choice,
    RentPayer,
    Sysvar,
    /// An account of the Solana Attestation Service.
    Credential,
}

fn role(account: &idl::Account) -> Role {
    match account.name.as_str() {
        _ if account.signer => Role::Wallet,
        "campaign" => Role::Record("Campaign"),
        "referral" | "bound_referral" => Role::Record("Referral"),
        "conversion" => Role::Record("Conversion"),
        "binding" => Role::Record("Binding"),
        "referrer" | "bound_referrer" => Role::Record("Referrer"),
        "revocation" => Role::Record("RevokedVoucher"),
        "credential" => Role::Credential,
        "mint" | "payment_mint" => Role::Mint,
        "vault" | "treasury" | "referrer_account" | "referee_account" | "partner_account" => {
            Role::Holder
        }
        "source" | "payment_source" | "destination" => Role::Choice,
        "token_program" | "payment_token_program" | "system_program" => Role::Program,
        "rent_payer" => Role::RentPayer,
        "instructions" => Role::Sysvar,
        other => panic!("no cell for the account {other}: what is it for?"),
    }
}

/// A chain and what is about to be sent to it.
pub(crate) struct Fork {
    pub(crate) svm: LiteSVM,
    pub(crate) steps: Vec<Instruction>,
}

impl Fork {
    /// The attacked instruction.
    pub(crate) fn last(&mut self) -> &mut Instruction {
        self.steps.last_mut().expect("an instruction")
    }

    fn put(&mut self, address: Pubkey, account: ChainAccount) {
        self.svm.set_account(address, account).expect("an account");
    }

    fn change(&mut self, address: Pubkey, change: impl FnOnce(&mut ChainAccount)) {
        let mut account = self.svm.get_account(&address).unwrap_or_default();
        change(&mut account);
        account.lamports = account.lamports.max(
            self.svm
                .minimum_balance_for_rent_exemption(account.data.len()),
        );
        self.put(address, account);
    }
}

type Apply<'a> = Box<dyn Fn(&mut Fork) + 'a>;

/// One attack on one account.
pub(crate) struct Attack<'a> {
    pub(crate) class: Class,
    pub(crate) variation: String,
    pub(crate) apply: Apply<'a>,
}

/// The attacks of every class on an account, and the reasons for classes without any.
pub(crate) struct Plan<'a> {
    pub(crate) attacks: Vec<Attack<'a>>,
    pub(crate) none: Vec<(Class, Reason)>,
}

/// A program that takes no part otherwise; it owns forged accounts.
const FORGER: Pubkey = Pubkey::new_from_array([0xF0; 32]);
/// An address without an account.
const NOWHERE: Pubkey = Pubkey::new_from_array([0xF1; 32]);
/// The address of copies.
const ELSEWHERE: Pubkey = Pubkey::new_from_array([0xF2; 32]);
pub(crate) const SYSTEM: Pubkey = Pubkey::new_from_array([0; 32]);
/// An unrelated mint.
const OTHER_MINT: Pubkey = Pubkey::new_from_array([0xF3; 32]);
const ASSOCIATED: Pubkey = Pubkey::from_str_const("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL");

struct Planner<'a> {
    plan: Plan<'a>,
    index: usize,
}

impl<'a> Planner<'a> {
    fn add(&mut self, class: Class, variation: impl Into<String>, apply: impl Fn(&mut Fork) + 'a) {
        self.plan.attacks.push(Attack {
            class,
            variation: variation.into(),
            apply: Box::new(apply),
        });
    }

    /// Passes another account instead, which signs if it can and `signs` is set.
    fn swap(&mut self, class: Class, variation: impl Into<String>, other: Pubkey, signs: bool) {
        let index = self.index;
        self.add(class, variation, move |fork| {
            let meta = &mut fork.last().accounts[index];
            meta.pubkey = other;
            meta.is_signer &= signs;
        });
    }

    /// Changes the account in place.
    fn change(
        &mut self,
        class: Class,
        variation: impl Into<String>,
        address: Pubkey,
        change: impl Fn(&mut ChainAccount) + 'a,
    ) {
        self.add(class, variation, move |fork| fork.change(address, &change));
    }

    fn none(&mut self, class: Class, reason: Reason) {
        self.plan.none.push((class, reason));
    }
}

/// The honest instruction's effect on an account's existence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// The program creates the account.
    Begins,
    /// The account exists before, and is gone or shrunk after.
    Ends,
    GoesOn,
}

/// The attacks on the account at `index`, which must be present in the scene.
pub(crate) fn plan<'a>(
    scene: &'a Scene,
    accounts: &'a [idl::Account],
    index: usize,
    life: Life,
) -> Plan<'a> {
    let created = life == Life::Begins;
    let account = &accounts[index];
    let role = role(account);
    let meta = &scene.last().accounts[index];
    let address = meta.pubkey;
    let now = scene.svm.get_account(&address).unwrap_or_default();
    let holds_tokens = now.owner == TOKEN_PROGRAM_ID || now.owner == TOKEN_2022;
    // The program compares the address; no account is there.
    let vacant = !created && matches!(role, Role::Record(_)) && now.owner != PROGRAM_ID;
    let mut to = Planner {
        plan: Plan {
            attacks: vec![],
            none: vec![],
        },
        index,
    };
    for class in Class::ALL {
        match class {
            Class::MissingSigner => {
                if account.signer {
                    to.swap(class, "unsigned", address, false);
                    to.swap(class, "another's", scene.stranger, true);
                    if account.optional {
                        to.swap(class, "nobody", PROGRAM_ID, false);
                    }
                } else {
                    to.none(class, Reason::NotASigner);
                }
            }
            Class::WrongOwner => match role {
                Role::Wallet if !account.writable => to.none(class, Reason::AnySigner),
                Role::Program | Role::Sysvar => to.none(class, Reason::FixedAddress),
                Role::Mint if !holds_tokens => to.none(class, Reason::FixedAddress),
                _ => to.change(class, "owned by another program", address, |account| {
                    account.owner = FORGER;
                }),
            },
            Class::WrongType => match role {
                Role::Wallet => to.none(class, Reason::AnySigner),
                Role::Program | Role::Sysvar => to.none(class, Reason::FixedAddress),
                Role::RentPayer => to.none(class, Reason::AnyData),
                Role::Record(_) if created => to.none(class, Reason::NotThereYet),
                Role::Record(_) if vacant => {
                    for (name, discriminator) in idl::types() {
                        filled(
                            &mut to,
                            class,
                            format!("a {name}"),
                            address,
                            &name,
                            discriminator,
                        );
                    }
                }
                Role::Credential => {
                    to.change(class, "of another kind", address, |account| {
                        account.data[0] = 1;
                    });
                    to.change(class, "cut short", address, |account| {
                        account.data.truncate(100);
                    });
                }
                Role::Record(own) => wrong_types(&mut to, own, address, &now),
                Role::Mint if !holds_tokens => to.none(class, Reason::FixedAddress),
                Role::Holder if !holds_tokens && account.name.ends_with("_account") => {
                    to.add(class, "a program", move |fork| {
                        fork.svm
                            .add_program(address, &program_bytes())
                            .expect("a program");
                    });
                }
                Role::Holder | Role::Choice if !holds_tokens => to.none(class, Reason::AnyData),
                Role::Mint => to.change(class, "a token account", address, |account| {
                    account.data.resize(165, 0);
                    account.data[108] = 1;
                }),
                Role::Holder | Role::Choice => {
                    to.change(class, "a mint", address, |account| {
                        account.data.truncate(82);
                        account.data[44] = 6;
                        account.data[45] = 1;
                    });
                    to.change(class, "a wallet", address, |account| {
                        account.data.clear();
                        account.owner = SYSTEM;
                    });
                }
            },
            Class::WrongProgram => {
                if role == Role::Program {
                    for (name, other) in [
                        ("Token", TOKEN_PROGRAM_ID),
                        ("Token-2022", TOKEN_2022),
                        ("System", SYSTEM),
                        ("Associated Token", ASSOCIATED),
                        ("the program itself", PROGRAM_ID),
                        ("a wallet", scene.stranger),
                    ] {
                        if other != address {
                            to.swap(class, name, other, false);
                        }
                    }
                } else {
                    to.none(class, Reason::NotAProgram);
                }
            }
            Class::WrongMint => match role {
                Role::Mint if holds_tokens => {
                    to.add(class, "with the same authority", move |fork| {
                        let mint = fork.svm.get_account(&address).unwrap_or_default();
                        fork.put(ELSEWHERE, mint);
                        fork.last().accounts[index].pubkey = ELSEWHERE;
                    });
                    to.swap(class, "nothing", NOWHERE, false);
                    if account.optional {
                        to.swap(class, "none", PROGRAM_ID, false);
                    }
                }
                Role::Mint => to.add(class, "a token instead of SOL", move |fork| {
                    let mut mint = ChainAccount {
                        lamports: 1_000_000_000,
                        data: vec![0; 82],
                        owner: TOKEN_PROGRAM_ID,
                        ..ChainAccount::default()
                    };
                    // The byte that marks a mint as initialised.
                    mint.data[45] = 1;
                    fork.put(ELSEWHERE, mint);
                    fork.last().accounts[index].pubkey = ELSEWHERE;
                }),
                Role::Holder | Role::Choice if holds_tokens => {
                    to.change(class, "of another mint", address, |account| {
                        account.data[..32].copy_from_slice(OTHER_MINT.as_ref());
                    });
                }
                _ => to.none(class, Reason::NoToken),
            },
            Class::WrongPda => match role {
                Role::Record(_) | Role::Holder | Role::RentPayer | Role::Credential => {
                    let other = scene.other_party.accounts[index].pubkey;
                    if other != address {
                        to.swap(class, "another party's", other, false);
                    }
                    to.swap(class, "nothing", NOWHERE, false);
                    if role == Role::Credential {
                        for (name, at) in [("another issuer's", 33), ("of another schema", 65)] {
                            to.change(class, name, address, move |account| {
                                account.data[at] ^= 1;
                            });
                        }
                    }
                    if role == Role::Holder && holds_tokens {
                        to.add(class, "not the associated one", move |fork| {
                            let copy = fork.svm.get_account(&address).unwrap_or_default();
                            fork.put(ELSEWHERE, copy);
                            fork.last().accounts[index].pubkey = ELSEWHERE;
                        });
                    }
                    if account.optional {
                        to.swap(class, "none", PROGRAM_ID, false);
                    }
                }
                Role::Sysvar => {
                    to.add(class, "a copy", move |fork| {
                        let mut copy = fork.svm.get_account(&address).unwrap_or_default();
                        copy.lamports = 1_000_000_000;
                        fork.put(ELSEWHERE, copy);
                        fork.last().accounts[index].pubkey = ELSEWHERE;
                    });
                    to.swap(class, "none", PROGRAM_ID, false);
                }
                Role::Program => to.none(class, Reason::FixedAddress),
                Role::Wallet | Role::Mint | Role::Choice => to.none(class, Reason::NotDerived),
            },
            Class::NonCanonicalBump => match scene.seeds(&account.name) {
                Some((seeds, program)) if !account.signer => {
                    let lower = lower_bump(&seeds, &program, &address);
                    to.add(class, "the next lower bump", move |fork| {
                        if !created {
                            let mut copy = fork.svm.get_account(&address).unwrap_or_default();
                            // Only these programs write accounts of their own.
                            if [PROGRAM_ID, pda::ATTESTATION_SERVICE_ID].contains(&copy.owner) {
                                copy.owner = FORGER;
                            }
                            fork.put(lower, copy);
                        }
                        fork.last().accounts[index].pubkey = lower;
                    });
                }
                _ if matches!(role, Role::Record(_)) => to.none(class, Reason::NoBump),
                _ => to.none(class, Reason::NotDerived),
            },
            Class::ReInitialisation => {
                if let Role::Record(own) = role
                    && created
                {
                    let attacked = scene.last().clone();
                    to.add(class, "once more", move |fork| {
                        fork.steps.push(attacked.clone());
                    });
                    for (name, discriminator) in idl::types() {
                        if name == own {
                            continue;
                        }
                        let variation = format!("over a {name}");
                        filled(&mut to, class, variation, address, &name, discriminator);
                    }
                } else {
                    to.none(class, Reason::NotCreated);
                }
            }
            Class::Aliasing => {
                let others: Vec<_> = (0..scene.last().accounts.len())
                    .filter(|other| {
                        let meta = &scene.last().accounts[*other];
                        let written = accounts[*other].writable || meta.is_writable;
                        written && meta.pubkey != address && meta.pubkey != PROGRAM_ID
                    })
                    .collect();
                if !account.writable && !meta.is_writable {
                    to.none(class, Reason::ReadOnly);
                } else if others.is_empty() {
                    to.none(class, Reason::OnlyWritable);
                } else {
                    for other in others {
                        let pubkey = scene.last().accounts[other].pubkey;
                        let signs = scene.key(&pubkey).is_some();
                        to.swap(class, format!("as {}", accounts[other].name), pubkey, signs);
                    }
                }
            }
            Class::ClosedAndRevived => match role {
                Role::Wallet => to.none(class, Reason::AnySigner),
                Role::Program | Role::Sysvar => to.none(class, Reason::FixedAddress),
                Role::Mint if !holds_tokens => to.none(class, Reason::FixedAddress),
                Role::Record(_) if created || vacant => {
                    to.change(class, "lamports sent before", address, |account| {
                        account.lamports = 1_000_000_000;
                    });
                }
                _ => {
                    to.add(class, "gone", move |fork| {
                        fork.put(address, ChainAccount::default());
                    });
                    to.add(class, "lamports sent again", move |fork| {
                        fork.put(
                            address,
                            ChainAccount {
                                lamports: 1_000_000_000,
                                ..ChainAccount::default()
                            },
                        );
                    });
                    if role == Role::Credential {
                        to.change(class, "expired", address, |account| {
                            // The expiry is followed by the address of a token account.
                            let at = account.data.len() - 32 - 8;
                            account.data[at..at + 8].copy_from_slice(&1_i64.to_le_bytes());
                        });
                    }
                    if let Role::Record(_) = role {
                        if life == Life::Ends {
                            // Closed, funded with rent again, and used once more, all in
                            // one transaction.
                            let attacked = scene.last().clone();
                            let revive = transfer(&scene.relay, &address, 1_000_000_000);
                            to.add(class, "in the same transaction", move |fork| {
                                fork.steps.extend([revive.clone(), attacked.clone()]);
                            });
                        }
                        to.change(class, "zeroed", address, |account| account.data.fill(0));
                        to.change(class, "emptied", address, |account| {
                            account.data.clear();
                        });
                        to.change(class, "its remains", address, move |account| {
                            account.data = remains(scene);
                        });
                    }
                }
            },
            Class::ForeignCampaign => {
                let mut all_the_same = true;
                for (name, other) in &scene.elsewhere {
                    let other = other.accounts[index].pubkey;
                    if other != address {
                        to.swap(class, *name, other, true);
                        all_the_same = false;
                    }
                }
                if all_the_same {
                    to.none(class, Reason::Shared);
                }
            }
        }
    }
    to.plan
}

/// Replaces the discriminator by that of each other type of the program, and keeps the
/// account's bytes.
fn wrong_types<'a>(to: &mut Planner<'a>, own: &str, address: Pubkey, now: &ChainAccount) {
    let found = now.data.first_chunk::<8>().copied().unwrap_or_default();
    for (name, discriminator) in idl::types() {
        if name == own || found == discriminator {
            continue;
        }
        to.change(
            Class::WrongType,
            format!("a {name}"),
            address,
            move |account| {
                account.data[..8].copy_from_slice(&discriminator);
            },
        );
    }
}

/// Puts an account of the program there: of the type `name`, filled with zeros.
fn filled<'a>(
    to: &mut Planner<'a>,
    class: Class,
    variation: String,
    address: Pubkey,
    name: &str,
    discriminator: [u8; 8],
) {
    let size = size(name);
    to.change(class, variation, address, move |account| {
        account.owner = PROGRAM_ID;
        account.data = vec![0; size];
        account.data[..8].copy_from_slice(&discriminator);
    });
}

/// Bytes of an account of this type.
fn size(name: &str) -> usize {
    match name {
        Binding::NAME => Binding::SIZE,
        Campaign::NAME => Campaign::SIZE,
        Closed::NAME => Closed::SIZE,
        Conversion::NAME => Conversion::SIZE,
        Referral::NAME => Referral::SIZE,
        Referrer::NAME => Referrer::SIZE,
        RevokedVoucher::NAME => RevokedVoucher::SIZE,
        other => panic!("no cell for the account type {other}"),
    }
}

/// Moves lamports; `from` signs.
fn transfer(from: &Pubkey, to: &Pubkey, lamports: u64) -> Instruction {
    let mut data = vec![2, 0, 0, 0];
    data.extend(lamports.to_le_bytes());
    Instruction {
        program_id: SYSTEM,
        accounts: vec![AccountMeta::new(*from, true), AccountMeta::new(*to, false)],
        data,
    }
}

/// The tombstone that the program leaves for a closed account of the scene's campaign.
fn remains(scene: &Scene) -> Vec<u8> {
    let closed = Closed {
        version: VERSION,
        campaign: scene.campaign(),
        rent_payer: FORGER,
        treasury: scene.sol_treasury(),
    };
    let mut data = Closed::DISCRIMINATOR.to_vec();
    data.extend(borsh::to_vec(&closed).expect("no account fails to serialize"));
    data
}

/// The address with the next lower bump that is valid.
fn lower_bump(seeds: &[Vec<u8>], program: &Pubkey, canonical: &Pubkey) -> Pubkey {
    let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
    let (found, bump) = Pubkey::find_program_address(&seeds, program);
    assert_eq!(found, *canonical, "the seeds are those of the account");
    (0..bump)
        .rev()
        .find_map(|bump| {
            let bump = [bump];
            let mut seeds = seeds.clone();
            seeds.push(&bump);
            Pubkey::create_program_address(&seeds, program).ok()
        })
        .expect("a lower bump")
}
