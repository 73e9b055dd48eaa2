//! The keys, mints and accounts at the start of a run.

use std::collections::BTreeMap;

use solana_sdk::{
    pubkey::Pubkey,
    signature::{Keypair, SeedDerivable as _, Signer as _},
};

use crate::{
    model::{
        ATTESTATIONS, Body, Cell, FEE, METADATA_POINTER, Mint, Model, SYSTEM, TOKEN, TOKEN_2022,
        TokenAccount, associated, sha256,
    },
    program::campaign_at,
};

/// The clock at the start, in unix seconds.
pub const START: i64 = 1_700_000_000;
/// Number of wallets; the last one has few lamports.
pub const WALLETS: usize = 6;
/// Number of campaign ids that each creator may use.
pub const IDS: u64 = 4;
/// Number of different worlds.
pub const WORLDS: u64 = 8;
/// Lamports of a wallet.
const SOL: u64 = 100_000_000_000;

/// The fixed part of a run: keys and mints.
#[derive(Debug)]
pub struct World {
    /// Number of the world.
    pub number: u64,
    /// All wallets.
    pub people: Vec<Pubkey>,
    /// Mints whose authority is a future campaign, in the order of creators and ids.
    pub minted: Vec<Pubkey>,
    /// Mints whose authority is the first wallet. A campaign cannot use the last one.
    pub issued: Vec<Pubkey>,
    /// Address of each wallet's credential, which may not exist.
    pub credentials: Vec<Pubkey>,
    /// Issuers of credentials.
    pub issuers: Vec<Pubkey>,
    /// Schemas of credentials.
    pub schemas: Vec<Pubkey>,
}

impl World {
    /// The world with this number.
    #[must_use]
    pub fn new(number: u64) -> Self {
        let number = number % WORLDS;
        let key = |what: &str, index: usize| -> Pubkey {
            let seed = sha256(&[
                b"vouch fuzz",
                what.as_bytes(),
                &number.to_le_bytes(),
                &index.to_le_bytes(),
            ]);
            let keypair = Keypair::from_seed(&seed).expect("32 bytes are a seed");
            keypair.pubkey()
        };
        let keys = |what, count| (0..count).map(|index| key(what, index)).collect();
        Self {
            number,
            people: keys("wallet", WALLETS),
            minted: keys("minted", 2 * IDS as usize),
            issued: keys("issued", 4),
            credentials: keys("credential", WALLETS),
            issuers: keys("issuer", 2),
            schemas: keys("schema", 2),
        }
    }

    /// Creators and ids of the future campaigns.
    pub fn campaigns(&self) -> impl Iterator<Item = (Pubkey, u64)> + '_ {
        let creators = self.people.iter().take(2);
        creators.flat_map(|creator| (1..=IDS).map(|id| (*creator, id)))
    }

    /// The accounts at the start, on a chain with this rent.
    #[must_use]
    pub fn model(&self, rent: (u64, u64)) -> Model {
        let mut model = Model {
            now: START,
            cells: BTreeMap::new(),
            rent,
        };
        let put = |model: &mut Model, key, body| {
            let mut cell = Cell { lamports: 0, body };
            cell.lamports = model.rent(cell.size());
            model.cells.insert(key, cell);
        };
        let (last, rich) = self.people.split_last().expect("there are wallets");
        for wallet in rich {
            put(&mut model, *wallet, Body::Nothing);
            model.cells.entry(*wallet).or_default().lamports = SOL;
        }
        model.cells.insert(*last, Cell::default());

        for (index, (creator, id)) in self.campaigns().enumerate() {
            let (program, extension) = match index % 4 {
                0 | 2 => (TOKEN, None),
                1 => (TOKEN_2022, None),
                _ => (TOKEN_2022, Some(METADATA_POINTER)),
            };
            let mint = Mint {
                program,
                authority: Some(campaign_at(&creator, id).0),
                supply: 0,
                decimals: 6,
                extension,
            };
            put(&mut model, self.minted[index], Body::Mint(mint));
        }
        // The last mint can be closed and created again, because of extension 3.
        let kinds = [
            (TOKEN, None),
            (TOKEN_2022, None),
            (TOKEN_2022, Some(FEE)),
            (TOKEN_2022, Some(3)),
        ];
        for (key, (program, extension)) in self.issued.iter().zip(kinds) {
            let mint = Mint {
                program,
                authority: Some(self.people[0]),
                supply: 0,
                decimals: 2,
                extension,
            };
            put(&mut model, *key, Body::Mint(mint));
        }
        // Most token accounts of wallets exist already.
        let mints: Vec<_> = self.minted.iter().chain(&self.issued[..3]).collect();
        for mint in mints {
            let Body::Mint(facts) = model.cell(mint).body.clone() else {
                continue;
            };
            for (index, owner) in self.people.iter().enumerate() {
                if (index as u64 + self.number) % 5 == 4 {
                    continue;
                }
                let ours = self.issued.contains(mint);
                let amount = if ours { 1_000_000_000 } else { 0 };
                let account = TokenAccount {
                    program: facts.program,
                    mint: *mint,
                    owner: *owner,
                    amount,
                    state: 1,
                    memo: false,
                    withheld: (facts.extension == Some(FEE)).then_some(0),
                };
                let (key, _) = associated(owner, mint, &facts.program);
                put(&mut model, key, Body::Token(account));
                if let Body::Mint(facts) = &mut model.cells.entry(*mint).or_default().body {
                    facts.supply += amount;
                }
            }
        }
        // Most vaults exist, because a campaign cannot be opened without its vault.
        for (index, (creator, id)) in self.campaigns().enumerate() {
            for (place, mint) in self.issued[..3].iter().enumerate() {
                let Body::Mint(facts) = model.cell(mint).body.clone() else {
                    continue;
                };
                if (index + place + self.number as usize) % 7 == 6 {
                    continue;
                }
                let owner = campaign_at(&creator, id).0;
                let account = TokenAccount {
                    program: facts.program,
                    mint: *mint,
                    owner,
                    amount: 0,
                    state: 1,
                    memo: false,
                    withheld: (facts.extension == Some(FEE)).then_some(0),
                };
                let (key, _) = associated(&owner, mint, &facts.program);
                put(&mut model, key, Body::Token(account));
            }
        }
        // Some wallets have a credential that never expires.
        for (index, key) in self.credentials.iter().enumerate() {
            if index % 2 == 0 {
                let body = Body::Foreign {
                    owner: ATTESTATIONS,
                    data: self.credential(index, 0),
                };
                put(&mut model, *key, body);
            } else {
                model.cells.insert(*key, Cell::default());
            }
        }
        model
    }

    /// Data of this wallet's credential, from the first issuer with the first schema.
    #[must_use]
    pub fn credential(&self, wallet: usize, expires_at: i64) -> Vec<u8> {
        let mut data = vec![2];
        data.extend(self.people[wallet].as_ref());
        data.extend(self.issuers[0].as_ref());
        data.extend(self.schemas[0].as_ref());
        data.extend(3_u32.to_le_bytes());
        data.extend([1, 2, 3]);
        data.extend(self.issuers[0].as_ref());
        data.extend(expires_at.to_le_bytes());
        data.extend([0; 32]);
        data
    }

    /// The name of the address, if it has one.
    #[must_use]
    pub fn name(&self, key: &Pubkey) -> Option<String> {
        if *key == SYSTEM {
            return Some("none".into());
        }
        let find = |keys: &[Pubkey]| keys.iter().position(|known| known == key);
        if let Some(index) = find(&self.people) {
            return Some(format!("wallet{index}"));
        }
        if let Some(index) = find(&self.minted) {
            return Some(format!("minted{index}"));
        }
        if let Some(index) = find(&self.issued) {
            return Some(format!("issued{index}"));
        }
        if let Some(index) = find(&self.credentials) {
            return Some(format!("credential{index}"));
        }
        let mut campaigns = self.campaigns();
        let index = campaigns.position(|(creator, id)| campaign_at(&creator, id).0 == *key);
        index.map(|index| format!("campaign{index}"))
    }
}
