//! The client against the committed IDL. `./dev generated` holds the IDL against
//! the program.

use std::{fs, path::Path};

use serde_json::Value;
use solana_sdk::{instruction::Instruction, pubkey::Pubkey};
use vouch_client::{
    PROGRAM_ID, ProgramError,
    accounts::{AccountType, Action, Campaign, Conversion, Referral},
    instructions::{self, Convert, CreateCampaign},
};
use vouch_program_tests::{TOKEN_2022, code};

fn idl() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../idl/referral.json");
    let text = fs::read_to_string(file).expect("the IDL is committed");
    serde_json::from_str(&text).expect("the IDL is JSON")
}

/// The element of `list` with this name.
fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    let list = list.as_array().expect("a list");
    list.iter()
        .find(|item| item["name"] == name)
        .unwrap_or_else(|| panic!("no {name}"))
}

fn bytes(list: &Value) -> Vec<u8> {
    serde_json::from_value(list.clone()).expect("a list of bytes")
}

/// Bytes that a value of this type has.
fn size(idl: &Value, of: &Value) -> usize {
    if let Some(name) = of.as_str() {
        return match name {
            "u8" | "bool" => 1,
            "u16" => 2,
            "u32" => 4,
            "u64" | "i64" => 8,
            "pubkey" => 32,
            other => panic!("{other} has no size here"),
        };
    }
    if let Some(array) = of.get("array") {
        let count = array[1].as_u64().expect("a count");
        return size(idl, &array[0]) * usize::try_from(count).expect("a small count");
    }
    let definition = named(
        &idl["types"],
        of["defined"]["name"].as_str().expect("a name"),
    );
    let fields = definition["type"]["fields"].as_array().expect("fields");
    fields.iter().map(|field| size(idl, &field["type"])).sum()
}

/// Every instruction, with a value for each account and argument that occurs once.
fn built() -> [(&'static str, Instruction); 4] {
    let [payer, signer, mint] = [1, 2, 3].map(|byte| Pubkey::new_from_array([byte; 32]));
    let campaign = Pubkey::new_from_array([4; 32]);
    [
        (
            "create_campaign",
            instructions::create_campaign(&CreateCampaign {
                payer,
                authority: signer,
                id: 0x0101,
                mint,
                token_program: TOKEN_2022,
                reward: 0x0202,
                starts_at: 0x0303,
                ends_at: 0x0404,
            }),
        ),
        (
            "create_referral",
            instructions::create_referral(&payer, &signer, &campaign, &code("STARTER7")),
        ),
        (
            "convert",
            instructions::convert(&Convert {
                payer,
                referee: signer,
                campaign,
                mint,
                token_program: TOKEN_2022,
                referrer: Pubkey::new_from_array([5; 32]),
                code: code("STARTER7"),
                action: Action::Custom,
                amount: 0x0606,
                reference: [7; 32],
            }),
        ),
        (
            "set_paused",
            instructions::set_paused(&signer, &campaign, true),
        ),
    ]
}

/// The bytes that [`built`]'s argument of this name has.
fn argument(name: &str) -> Vec<u8> {
    let number = |value: u64| value.to_le_bytes().to_vec();
    match name {
        "id" => number(0x0101),
        "reward" => number(0x0202),
        "starts_at" => number(0x0303),
        "ends_at" => number(0x0404),
        "code" => b"STARTER7\0\0\0\0".to_vec(),
        "action" => vec![8],
        "amount" => number(0x0606),
        "reference" => vec![7; 32],
        "paused" => vec![1],
        other => panic!("the client has no argument {other}"),
    }
}

#[test]
fn the_address_is_the_same() {
    assert_eq!(idl()["address"], PROGRAM_ID.to_string());
}

#[test]
fn instructions_are_built_byte_for_byte() {
    // Given the instructions of the IDL and those of the client
    let idl = idl();
    let built = built();
    assert_eq!(
        idl["instructions"].as_array().map(Vec::len),
        Some(built.len())
    );

    for (name, instruction) in built {
        let described = named(&idl["instructions"], name);
        // Then the data is the discriminator and the arguments in order
        let mut data = bytes(&described["discriminator"]);
        for arg in described["args"].as_array().expect("arguments") {
            let value = argument(arg["name"].as_str().expect("a name"));
            assert_eq!(value.len(), size(&idl, &arg["type"]), "{name}: {arg}");
            data.extend(value);
        }
        assert_eq!(instruction.data, data, "{name}");

        // And the accounts have the same order and flags
        let accounts = described["accounts"].as_array().expect("accounts");
        let expected: Vec<_> = accounts
            .iter()
            .map(|account| (account["signer"] == true, account["writable"] == true))
            .collect();
        let actual: Vec<_> = instruction
            .accounts
            .iter()
            .map(|meta| (meta.is_signer, meta.is_writable))
            .collect();
        assert_eq!(actual, expected, "{name}");

        // And what the IDL knows of an address is what the client passes
        for (account, meta) in accounts.iter().zip(&instruction.accounts) {
            if let Some(address) = account["address"].as_str() {
                assert_eq!(meta.pubkey.to_string(), address, "{name}: {account}");
            }
            if let Some(seeds) = account["pda"]["seeds"].as_array() {
                let seeds: Vec<Vec<u8>> = seeds
                    .iter()
                    .map(|seed| match seed["kind"].as_str() {
                        Some("const") => bytes(&seed["value"]),
                        Some("arg") => argument(seed["path"].as_str().expect("a path")),
                        Some("account") => {
                            let at = accounts
                                .iter()
                                .position(|other| other["name"] == seed["path"]);
                            instruction.accounts[at.expect("an account")]
                                .pubkey
                                .to_bytes()
                                .to_vec()
                        }
                        other => panic!("a seed of kind {other:?}"),
                    })
                    .collect();
                let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
                let (address, _) = Pubkey::find_program_address(&seeds, &PROGRAM_ID);
                assert_eq!(meta.pubkey, address, "{name}: {account}");
            }
        }
        // The conversion's position is public
        if name == "convert" {
            assert_eq!(
                accounts[instructions::CONVERT_CONVERSION_INDEX]["name"],
                "conversion"
            );
        }
    }
}

#[test]
fn accounts_have_the_same_type_and_size() {
    fn check<T: AccountType>(idl: &Value) {
        let account = named(&idl["accounts"], T::NAME);
        assert_eq!(
            bytes(&account["discriminator"]),
            T::discriminator(),
            "{}",
            T::NAME
        );
        let defined = serde_json::json!({ "defined": { "name": T::NAME } });
        assert_eq!(8 + size(idl, &defined), T::SIZE, "{}", T::NAME);
    }
    let idl = idl();
    assert_eq!(idl["accounts"].as_array().map(Vec::len), Some(3));
    check::<Campaign>(&idl);
    check::<Referral>(&idl);
    check::<Conversion>(&idl);
}

#[test]
fn errors_have_the_same_names_numbers_and_messages() {
    let idl = idl();
    let described: Vec<_> = idl["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .map(|error| {
            (
                error["code"].as_u64().expect("a number"),
                error["name"].as_str().expect("a name").to_owned(),
                error["msg"].as_str().expect("a message").to_owned(),
            )
        })
        .collect();
    let known: Vec<_> = ProgramError::ALL
        .iter()
        .map(|error| {
            (
                u64::from(error.code()),
                error.name().to_owned(),
                error.to_string(),
            )
        })
        .collect();
    assert_eq!(described, known);
}
