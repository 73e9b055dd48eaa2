//! Prints how much memory a history of conversions takes: `cargo run -p vouch-audit --example memory
//! 1000000`. Every tenth is cancelled, and all others are claimed a thousand transactions later.

use std::{collections::VecDeque, time::Instant};

use solana_sdk::pubkey::Pubkey;
use vouch_audit::{Error, Head, Store};
use vouch_client::accounts::{Account, Action, Conversion, Status};
use vouch_replay::{Change, Effects, Fact, Part, PartPaid, Position, Sale};
use vouch_rules::reward::Reward;

const TIME: i64 = 1_700_000_000;
const WAITING: usize = 1000;

fn main() -> Result<(), Error> {
    let count: u64 = std::env::args()
        .nth(1)
        .and_then(|count| count.parse().ok())
        .unwrap_or(100_000);
    let began = Instant::now();
    let before = peak();
    let mut store = Store::new()?;
    let mut waiting = VecDeque::new();
    let mut seq = 0;
    for number in 0..count {
        seq += 1;
        let conversion = Pubkey::new_unique();
        store.apply(seq, TIME, &[sale(conversion)])?;
        waiting.push_back(conversion);
        if waiting.len() > WAITING
            && let Some(conversion) = waiting.pop_front()
        {
            seq += 1;
            store.apply(seq, TIME + 60, &[settlement(conversion, number % 10 == 0)])?;
        }
    }
    let replayed = began.elapsed();
    let digest = store.digest(Head {
        genesis_hash: Pubkey::default(),
        slot: seq,
        seq,
        signature: [0; 64],
        time: TIME + 60,
    })?;
    println!(
        "{count} conversions, {} counted: {} MB at the peak, {} MB before; stored in {replayed:?}, \
         digest after {:?}",
        digest.conversions,
        peak() >> 10,
        before >> 10,
        began.elapsed()
    );
    Ok(())
}

/// KiB of memory at the peak, as Linux tells it.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn account(status: Status) -> Account {
    Account::Conversion(Box::new(Conversion {
        version: 1,
        status,
        settled: 6,
        budgeted: false,
        bonuses: 0,
        referral: Pubkey::default(),
        referee: Pubkey::default(),
        rent_payer: Pubkey::default(),
        reward_referrer: 5,
        reward_referee: 0,
        reward_partner: 0,
        converted_at: TIME,
        hold_seconds: 60,
    }))
}

fn effects(conversion: Pubkey, status: Status, fact: Fact) -> Effects {
    Effects {
        position: Position::default(),
        changes: vec![Change {
            doubt: None,
            address: conversion,
            account: Some(account(status)),
        }],
        facts: vec![fact],
    }
}

fn sale(conversion: Pubkey) -> Effects {
    let sale = Sale {
        conversion,
        campaign: Pubkey::default(),
        referral: Pubkey::default(),
        code: [0; 12],
        owner: Pubkey::default(),
        partner: None,
        referee: conversion,
        action: Action::Signup,
        amount: 1,
        reference: [0; 32],
        reward: Reward {
            referrer: 5,
            ..Reward::default()
        },
        settled: 6,
        hold_seconds: 60,
        rent_payer: Pubkey::default(),
        budgeted: false,
    };
    effects(conversion, Status::Pending, Fact::Sale(Box::new(sale)))
}

fn settlement(conversion: Pubkey, cancelled: bool) -> Effects {
    if cancelled {
        let fact = Fact::ConversionCancelled {
            conversion,
            referral: Pubkey::default(),
            forgone: 5,
        };
        return effects(conversion, Status::Cancelled, fact);
    }
    let fact = Fact::PartPaid(PartPaid {
        conversion,
        part: Part::Referrer,
        units: 5,
        recipient: Pubkey::default(),
        account: Pubkey::default(),
        claimed: true,
    });
    effects(conversion, Status::Paid, fact)
}
