//! No bytes make the replay panic, and the same bytes always give the same answer.

mod support;

use proptest::prelude::*;
use support::*;
use vouch_client::{accounts::Account, instructions::raw::*};
use vouch_replay::{
    Transaction, encode, touches,
    transaction::{Inner, Instruction},
};

/// The first bytes of every instruction.
fn discriminators() -> impl Iterator<Item = [u8; 8]> {
    LAYOUTS.iter().map(|layout| layout.discriminator)
}

/// Worlds of every funding, with a conversion that was paid and one that was not.
fn worlds() -> Vec<World> {
    let mut all = vec![
        World::minted(),
        World::held(),
        World::sol(),
        World::percent(),
    ];
    for world in &mut all {
        for (referee, payments) in [(40, &[][..]), (41, &[(OWNER, 100), (PARTNER, 100)])] {
            let call = top(&convert(referee, 1), mints(2, referee, payments));
            let converted = transaction(vec![call], vec![]);
            if world.apply(&converted).is_ok() {
                world.take(&converted);
            }
        }
    }
    all
}

/// An address that means something, or nothing.
fn address() -> impl Strategy<Value = solana_sdk::pubkey::Pubkey> {
    prop_oneof![
        4 => (0_u8..9).prop_map(key),
        2 => Just(campaign()),
        2 => Just(referral()),
        1 => Just(vouch_client::PROGRAM_ID),
        1 => Just(vouch_client::token::TOKEN_PROGRAM_ID),
        1 => (0_u8..9).prop_map(token_account),
        3 => prop::sample::select(vec![BUYER, 40, 41]).prop_map(conversion),
    ]
}

fn data() -> impl Strategy<Value = Vec<u8>> {
    let head = prop::sample::select(discriminators().collect::<Vec<_>>());
    let byte = prop_oneof![3 => Just(0_u8), 1 => Just(0xff), 1 => any::<u8>()];
    let call = (head, prop::collection::vec(byte, 0..500))
        .prop_map(|(head, rest)| [&head[..], &rest].concat());
    prop_oneof![
        3 => call,
        1 => Just(convert(BUYER, 1).data),
        1 => Just(purchase(BUYER).data),
        1 => prop::collection::vec(any::<u8>(), 0..100),
    ]
}

fn cpi() -> impl Strategy<Value = Inner> {
    let height =
        prop_oneof![1 => Just(None), 8 => (0_u32..6).prop_map(Some), 1 => Just(Some(u32::MAX))];
    (
        height,
        address(),
        prop::collection::vec(address(), 0..12),
        data(),
        any::<bool>(),
    )
        .prop_map(|(stack_height, program, accounts, data, ours)| Inner {
            stack_height,
            program: if ours {
                vouch_client::PROGRAM_ID
            } else {
                program
            },
            accounts,
            data,
        })
}

fn instruction() -> impl Strategy<Value = Instruction> {
    let inner = prop::collection::vec(cpi(), 0..6);
    (
        address(),
        prop::collection::vec(address(), 0..20),
        data(),
        inner,
        any::<bool>(),
    )
        .prop_map(|(program, accounts, data, inner, ours)| Instruction {
            program: if ours {
                vouch_client::PROGRAM_ID
            } else {
                program
            },
            accounts,
            data,
            inner,
        })
}

fn anything() -> impl Strategy<Value = Transaction> {
    let number = prop_oneof![Just(0), Just(u64::MAX), any::<u64>()];
    let balances = prop::collection::vec((address(), number.clone(), number), 0..12);
    let time = prop_oneof![Just(NOW), Just(i64::MAX), Just(i64::MIN), any::<i64>()];
    (prop::collection::vec(instruction(), 0..4), balances, time).prop_map(
        |(instructions, balances, time)| {
            let balances = balances.into_iter();
            let balances = balances.map(|(account, before, after)| balance(account, before, after));
            let mut all = transaction(instructions, balances.collect());
            all.block_time = time;
            all.decimals.push((key(3), 9));
            all
        },
    )
}

/// A valid call with one byte, account or CPI changed.
fn nearly_valid() -> impl Strategy<Value = Transaction> {
    let valid = prop::sample::select(vec![0_u8, 1, 2, 3]);
    (
        valid,
        any::<prop::sample::Index>(),
        any::<u8>(),
        address(),
        any::<u8>(),
    )
        .prop_map(|(kind, at, byte, address, what)| {
            let mut call = match kind {
                0 => top(&convert(BUYER, 1), mints(2, BUYER, &[(OWNER, 100)])),
                1 => top(&purchase(BUYER), payment(2, BUYER)),
                2 => top(&claim(40, false), vec![]),
                _ => top(&claim(40, true), vec![]),
            };
            match what % 5 {
                0 => {
                    let at = at.index(call.data.len());
                    call.data[at] = byte;
                }
                1 => {
                    let at = at.index(call.accounts.len());
                    call.accounts[at] = address;
                }
                2 => call.accounts.truncate(usize::from(byte % 20)),
                3 => call.data.truncate(usize::from(byte)),
                _ => call
                    .inner
                    .push(mint_to(2, address, campaign(), u64::from(byte))),
            }
            let all = [conversion(BUYER), conversion(40), key(OWNER), key(PARTNER)];
            let all = all.map(|account| balance(account, 0, RENT));
            transaction(vec![call], all.to_vec())
        })
}

fn check(transaction: &Transaction) {
    for call in transaction.calls() {
        let _ = touches(&call);
        let _ = call.cpis();
    }
    for world in worlds() {
        let answer = world.apply(transaction);
        assert_eq!(answer, world.apply(transaction), "it is deterministic");
        for change in answer
            .into_iter()
            .flatten()
            .flat_map(|effects| effects.changes)
        {
            // Every account that it writes can be read.
            if let Some(account) = change.account {
                assert_eq!(Account::decode(&encode(&account)), Ok(account));
            }
        }
    }
}

proptest! {
    #[test]
    fn no_transaction_makes_it_panic(transaction in anything()) {
        check(&transaction);
    }

    #[test]
    fn no_change_of_a_valid_call_makes_it_panic(transaction in nearly_valid()) {
        check(&transaction);
    }
}
