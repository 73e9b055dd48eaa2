//! The client against the committed IDL. `./dev generated` holds the IDL against
//! the program.

use std::{collections::BTreeSet, fs, path::Path};

use borsh::BorshDeserialize as _;
use serde_json::Value;
use solana_sdk::{instruction::Instruction, pubkey::Pubkey};
use vouch_client::{
    PROGRAM_ID, ProgramError,
    accounts::{
        AccountType, Action, Campaign, Closed, Conversion, Funding, Proof, Referee, Referral,
        Settings, Terms, Uniqueness,
    },
    instructions::{self, Convert, CreateCampaign, CreateReferral, Evidence, Offer, Purchase},
    pda,
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

/// Seconds that only the settings hold.
const STARTS_AT: i64 = 0x0303;

fn key(byte: u8) -> Pubkey {
    Pubkey::new_from_array([byte; 32])
}

fn settings() -> Settings {
    Settings {
        starts_at: STARTS_AT,
        attested_codes: true,
        attestor: key(30),
        treasury: key(31),
        ..Settings::percent(0x0405, 0x0506)
    }
}

fn terms() -> Terms {
    Terms {
        funding: Funding::PaymentSplit,
        proof: Proof::Payment,
        uniqueness: Uniqueness::WalletAndCode,
    }
}

/// A campaign that needs every account: rewards from a vault, with shares for referee
/// and partner, payments in tokens, and a first touch.
fn campaign() -> Campaign {
    let mut campaign = Campaign::try_from_slice(&[0; Campaign::SIZE - 8]).expect("zeros");
    campaign.funding = Funding::Vault;
    campaign.creator = key(10);
    campaign.authority = key(11);
    campaign.mint = key(12);
    campaign.token_program = TOKEN_2022;
    campaign.vault = key(13);
    campaign.treasury = key(14);
    campaign.payment_mint = key(15);
    campaign.rent_payer = key(16);
    campaign.referee_share_bps = 1;
    campaign.max_partner_share_bps = 1;
    campaign.attribution_window = 1;
    campaign
}

fn referral(campaign: &Campaign) -> Referral {
    let (address, _) = pda::campaign(&campaign.creator, campaign.id);
    Referral {
        partner: key(21),
        partner_share_bps: 1,
        ..Referral::registered(&address, campaign, &code("STARTER7"), &key(20))
    }
}

fn conversion(offer: &Offer<'_>) -> Conversion {
    let mut conversion = Conversion::try_from_slice(&[0; Conversion::SIZE - 8]).expect("zeros");
    conversion.referral = offer.referral_address;
    conversion.referee = key(22);
    conversion.rent_payer = key(23);
    (conversion.reward_referee, conversion.reward_partner) = (1, 1);
    conversion
}

/// Every instruction, with a value for each account and argument that occurs once. Those
/// with accounts that exclude each other stand here more than once.
fn built() -> Vec<(&'static str, Instruction)> {
    let campaign = campaign();
    let referral = referral(&campaign);
    let offer = Offer::new(&campaign, &referral);
    let conversion = conversion(&offer);
    let mut split = campaign.clone();
    split.funding = Funding::PaymentSplit;
    let split = Offer::new(&split, &referral);
    let (address, referral_address) = (offer.address, offer.referral_address);
    let [payer, signer, other, third] = [1, 2, 3, 4].map(key);
    let convert = |evidence| Convert {
        payer,
        referee: signer,
        action: Action::Custom,
        amount: 0x0606,
        reference: [7; 32],
        evidence,
    };
    vec![
        (
            "create_campaign",
            instructions::create_campaign(&CreateCampaign {
                payer,
                authority: signer,
                id: 0x0101,
                mint: other,
                payment_mint: third,
                token_program: TOKEN_2022,
                terms: terms(),
                settings: settings(),
            }),
        ),
        (
            "update_campaign",
            instructions::update_campaign(&signer, &address, &settings()),
        ),
        (
            "set_paused",
            instructions::set_paused(&signer, &address, true),
        ),
        (
            "propose_authority",
            instructions::propose_authority(&signer, &address, Some(&key(8))),
        ),
        (
            "accept_authority",
            instructions::accept_authority(&signer, &address),
        ),
        (
            "close_campaign",
            instructions::close_campaign(&signer, &address),
        ),
        (
            "reclaim_campaign",
            instructions::reclaim_campaign(&address, &campaign, Some(&other)),
        ),
        (
            "fund_vault",
            instructions::fund_vault(&signer, &address, &campaign, &other, 0x0606),
        ),
        (
            "withdraw_vault",
            instructions::withdraw_vault(&address, &campaign, &other, 0x0606),
        ),
        (
            "set_suspended",
            instructions::set_suspended(&signer, &address, &referral_address, true),
        ),
        (
            "create_referral",
            instructions::create_referral(&CreateReferral {
                payer,
                owner: signer,
                campaign: address,
                code: code("STARTER7"),
                usage_limit: 0x0707,
                expires_at: 0x0808,
                attestor: Some(third),
            }),
        ),
        (
            "update_referral",
            instructions::update_referral(&signer, &referral_address, true, 0x0707, 0x0808),
        ),
        (
            "set_partner",
            instructions::set_partner(&signer, &other, &address, &referral_address, 0x0909),
        ),
        (
            "remove_partner",
            instructions::remove_partner(&signer, &referral_address),
        ),
        (
            "propose_owner",
            instructions::propose_owner(&signer, &referral_address, Some(&key(8))),
        ),
        (
            "accept_owner",
            instructions::accept_owner(&signer, &address, &referral_address),
        ),
        (
            "close_referral",
            instructions::close_referral(&signer, &referral_address, &other),
        ),
        (
            "bind",
            instructions::bind(&payer, &signer, &address, &code("STARTER7")),
        ),
        (
            "convert",
            instructions::convert(&offer, &convert(Evidence::Attestor(third))),
        ),
        (
            "convert",
            instructions::convert(&offer, &convert(Evidence::Voucher)),
        ),
        (
            "purchase",
            instructions::purchase(
                &offer,
                &Purchase {
                    payer,
                    action: Action::Custom,
                    ..Purchase::new(&signer, 0x0606, [7; 32])
                },
            ),
        ),
        ("claim", instructions::claim(&offer, &conversion)),
        (
            "cancel_conversion",
            instructions::cancel_conversion(&split, &conversion),
        ),
        (
            "reclaim_referral",
            instructions::reclaim_referral(&address, &referral_address, &other),
        ),
        (
            "reclaim_conversion",
            instructions::reclaim_conversion(&address, &campaign, &conversion),
        ),
        (
            "reclaim_referee",
            instructions::reclaim_referee(&address, &signer, &other),
        ),
    ]
}

/// The bytes that [`built`]'s argument of this name has.
fn argument(name: &str) -> Vec<u8> {
    let number = |value: u64| value.to_le_bytes().to_vec();
    match name {
        "id" => number(0x0101),
        "terms" => vec![2, 2, 1],
        "settings" => [
            vec![1],
            number(0),
            vec![5, 4],
            number(0x0506),
            vec![0; 8 + 2 + 2 + 4 * (8 + 4) + 4 * (8 + 8) + 4 + 4],
            number(STARTS_AT.cast_unsigned()),
            number(0),
            number(0),
            vec![1],
            vec![30; 32],
            vec![31; 32],
        ]
        .concat(),
        "code" => b"STARTER7\0\0\0\0".to_vec(),
        "action" => vec![8],
        "amount" => number(0x0606),
        "reference" => vec![7; 32],
        "paused" | "suspended" | "active" => vec![1],
        "new_authority" | "new_owner" => vec![8; 32],
        "usage_limit" => number(0x0707),
        "expires_at" => number(0x0808),
        "share_bps" => vec![9, 9],
        // Of a campaign that counts wallets once
        "key" => vec![22; 32],
        other => panic!("the client has no argument {other}"),
    }
}

/// Whether `account` of this instruction is read-only in the IDL, and writable where it
/// counts, as in [`campaign`].
fn counts(instruction: &str, account: &Value) -> bool {
    account["name"] == "campaign"
        && matches!(
            instruction,
            "convert" | "purchase" | "claim" | "cancel_conversion"
        )
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
    let described: BTreeSet<&str> = idl["instructions"]
        .as_array()
        .expect("instructions")
        .iter()
        .map(|instruction| instruction["name"].as_str().expect("a name"))
        .collect();
    let names: BTreeSet<&str> = built.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, described);
    // Each optional account has to be passed by one of them
    let mut absent = BTreeSet::new();
    let mut present = BTreeSet::new();

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
        assert_eq!(instruction.accounts.len(), accounts.len(), "{name}");
        for (account, meta) in accounts.iter().zip(&instruction.accounts) {
            let label = (name, account["name"].to_string());
            if account["optional"] == true && meta.pubkey == PROGRAM_ID {
                assert!(!meta.is_signer && !meta.is_writable, "{label:?}");
                absent.insert(label);
                continue;
            }
            let writable = account["writable"] == true || counts(name, account);
            let expected = (account["signer"] == true, writable);
            assert_eq!((meta.is_signer, meta.is_writable), expected, "{label:?}");
            present.insert(label);
        }

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
        if name == "convert" || name == "purchase" {
            assert_eq!(
                accounts[instructions::CONVERT_CONVERSION_INDEX]["name"],
                "conversion"
            );
        }
    }
    assert_eq!(
        absent.difference(&present).collect::<Vec<_>>(),
        Vec::<&(&str, String)>::new()
    );
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
    assert_eq!(idl["accounts"].as_array().map(Vec::len), Some(5));
    check::<Campaign>(&idl);
    check::<Referral>(&idl);
    check::<Conversion>(&idl);
    check::<Referee>(&idl);
    check::<Closed>(&idl);
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
