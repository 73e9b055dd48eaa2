//! The part of the committed IDL that the matrix needs.

use std::{fs, path::Path};

use serde_json::Value;

/// One account of one instruction.
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) signer: bool,
    pub(crate) writable: bool,
    pub(crate) optional: bool,
}

/// One instruction, its accounts in order.
pub(crate) struct Instruction {
    pub(crate) name: String,
    pub(crate) accounts: Vec<Account>,
}

fn text(value: &Value) -> String {
    value.as_str().expect("a name").to_owned()
}

fn document() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../idl/referral.json");
    let text = fs::read_to_string(file).expect("the IDL is committed");
    serde_json::from_str(&text).expect("the IDL is JSON")
}

/// Every instruction.
pub(crate) fn instructions() -> Vec<Instruction> {
    let document = document();
    let instructions = document["instructions"].as_array().expect("instructions");
    instructions
        .iter()
        .map(|instruction| Instruction {
            name: text(&instruction["name"]),
            accounts: instruction["accounts"]
                .as_array()
                .expect("accounts")
                .iter()
                .map(|account| Account {
                    name: text(&account["name"]),
                    signer: account["signer"] == true,
                    writable: account["writable"] == true,
                    optional: account["optional"] == true,
                })
                .collect(),
        })
        .collect()
}

/// Name and discriminator of every account type.
pub(crate) fn types() -> Vec<(String, [u8; 8])> {
    let document = document();
    let types = document["accounts"].as_array().expect("account types");
    types
        .iter()
        .map(|of| {
            let discriminator = serde_json::from_value(of["discriminator"].clone());
            (text(&of["name"]), discriminator.expect("eight bytes"))
        })
        .collect()
}
