//! What the TypeScript client is held to: accounts, addresses, instructions and a
//! voucher as this client has them, as JSON in `clients/ts/test/vectors.json`.
//!
//! `cargo run -p vouch-client --example vectors` prints it; `./dev generate` writes
//! it; the test below and `clients/ts/test/unit` both read it.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use borsh::BorshSerialize;
use serde_json::{Value, json};
use solana_sdk::instruction::Instruction;
use vouch_client::{
    Code, PROGRAM_ID, ProgramError, Pubkey,
    accounts::{
        AccountType, Action, Bonus, Campaign, Conversion, Funding, Proof, Referral, RewardKind,
        Settings, Status, Terms, Tier, Uniqueness, settled,
    },
    instructions::{
        self, Convert, CreateReferral, Evidence, Offer, Purchase, claim, convert, purchase,
    },
    pda, token,
    voucher::{self, Statement},
};

const PAYER: Pubkey = address(201);
const REFEREE: Pubkey = address(202);
const ATTESTOR: Pubkey = address(203);

fn main() {
    print!("{}", document());
}

/// All of it, ending with a line break.
fn document() -> String {
    let document = json!({
        "program": PROGRAM_ID.to_string(),
        "wallets": {
            "payer": PAYER.to_string(),
            "referee": REFEREE.to_string(),
            "attestor": ATTESTOR.to_string(),
        },
        "codes": codes(),
        "errors": ProgramError::ALL
            .iter()
            .map(|error| json!([error.code(), error.name(), error.to_string()]))
            .collect::<Vec<_>>(),
        "actions": Action::ALL.map(Action::name),
        "voucher": voucher(),
        "registrations": registrations(),
        "offers": (0..24).map(offer).collect::<Vec<_>>(),
    });
    let mut text = serde_json::to_string_pretty(&document).expect("JSON has no failures");
    text.push('\n');
    text
}

/// What people type, with the code that it is, if it is one.
fn codes() -> Value {
    let typed = [
        "MYSHARE2",
        "myshare2",
        "MyShare2",
        "ABCDEF",
        "ABCDEFGHJKMN",
        "999999",
        "",
        "ABCDE",
        "ABCDEFGHJKMNP",
        "ABCDE0",
        "ABCDE1",
        "ABCDEO",
        "ABCDEI",
        "ABCDEL",
        "abcdel",
        "ABC-DEF",
        " ABCDEF",
        "ABCDEF\n",
        "ABCDE\u{df}",
        "ABCDE\u{131}",
        "ABCDE\u{17f}",
    ];
    let read = |text: &str| text.parse::<Code>().ok().map(|code| code.to_string());
    typed.map(|text| json!([text, read(text)])).into()
}

fn voucher() -> Value {
    let statement = Statement {
        campaign: address(1),
        referral: address(2),
        referee: REFEREE,
        action: Action::Loan,
        amount: u64::MAX - 1,
        reference: [8; 32],
        expires_at: -2,
    };
    let message = voucher::message(&statement);
    json!({
        "campaign": statement.campaign.to_string(),
        "referral": statement.referral.to_string(),
        "referee": statement.referee.to_string(),
        "action": statement.action as u8,
        "amount": statement.amount.to_string(),
        "reference": base64(statement.reference),
        "expiresAt": statement.expires_at.to_string(),
        "signature": base64([9; 64]),
        "message": base64(message),
        "instruction": instruction(&voucher::instruction(&ATTESTOR, &[9; 64], &message)),
    })
}

/// A code's registration, and a first touch by it.
fn registrations() -> Value {
    let campaign = address(1);
    let code = code();
    let mut args = CreateReferral::new(&PAYER, &REFEREE, &campaign, &code);
    let plain = instructions::create_referral(&args);
    args.usage_limit = 7;
    args.expires_at = 1_900_000_000;
    args.attestor = Some(ATTESTOR);
    json!({
        "campaign": campaign.to_string(),
        "code": code.as_str(),
        "createReferral": instruction(&plain),
        "createBoundedReferral": instruction(&instructions::create_referral(&args)),
        "bind": instruction(&instructions::bind(&PAYER, &REFEREE, &campaign, &code)),
    })
}

/// The offer with this number. The numbers go through the ways in which offers
/// differ, each at a pace of its own, so that most pairs of them occur.
fn offer(number: u8) -> Value {
    let bit = |bit: u8| number & (1 << bit) != 0;
    let split = number % 3 == 2;
    let sol = split && bit(3);
    let uniqueness = [
        Uniqueness::Wallet,
        Uniqueness::WalletAndCode,
        Uniqueness::Order,
    ][usize::from(number / 2 % 3)];
    let proof = match number / 3 % 3 {
        _ if split => Proof::Payment,
        0 if uniqueness != Uniqueness::Order => Proof::Open,
        2 => Proof::Payment,
        _ => Proof::Attested,
    };
    let terms = Terms {
        funding: [
            Funding::MintAuthority,
            Funding::Vault,
            Funding::PaymentSplit,
        ][usize::from(number % 3)],
        proof,
        uniqueness,
    };
    let settings = Settings {
        reward_kind: if bit(1) {
            RewardKind::Percent
        } else {
            RewardKind::Fixed
        },
        reward_fixed: 5_000_000,
        reward_bps: 250,
        reward_max: u64::MAX,
        min_amount: 3,
        referee_share_bps: if bit(1) { 1_000 } else { 0 },
        max_partner_share_bps: if number % 5 == 4 { 0 } else { 3_000 },
        tiers: [1, 2, 3, 4].map(|nth| Tier {
            min_conversions: nth * 10,
            multiplier_bps: 10_000 + u32::try_from(nth).unwrap_or_default(),
        }),
        bonuses: [1, 2, 3, 4].map(|nth| Bonus {
            threshold: nth * 100,
            amount: nth,
        }),
        hold_seconds: if bit(0) { 86_400 } else { 0 },
        attribution_window: if number % 7 < 3 { 604_800 } else { 0 },
        starts_at: -5,
        ends_at: i64::MAX,
        budget: if number % 4 == 1 { 1 << 60 } else { 0 },
        attested_codes: bit(2),
        attestor: ATTESTOR,
        treasury: address(30),
    };
    let campaign = campaign(number, terms, &settings, sol);
    let (at, _) = pda::campaign(&campaign.creator, campaign.id);
    let referral = referral(number, &campaign, &at);
    let offer = Offer::at(at, &campaign, &referral);
    let conversion = conversion(number, &offer);

    let reference = [number; 32];
    let evidence = [
        Evidence::None,
        Evidence::Attestor(ATTESTOR),
        Evidence::Voucher,
    ][usize::from(number / 4 % 3)];
    let sponsored = Convert {
        payer: PAYER,
        referee: REFEREE,
        action: Action::Booking,
        amount: 77,
        reference,
        evidence,
    };
    let mut bought = Purchase::new(&REFEREE, 1_000_000, reference);
    let plain = purchase(&offer, &bought);
    bought.payer = PAYER;
    bought.action = Action::Rental;
    bought.payment_token_program = address(31);
    bought.payment_source = Some(address(32));
    json!({
        "campaign": account(&at, &campaign),
        "referral": account(&offer.referral_address, &referral),
        "conversion": account(
            &offer.conversion(&conversion.referee, &conversion.reference),
            &conversion,
        ),
        "decoded": decoded(&campaign, &referral, &conversion),
        "reference": base64(reference),
        "evidence": match evidence {
            Evidence::None => "none",
            Evidence::Attestor(_) => "attestor",
            Evidence::Voucher => "voucher",
        },
        "signup": instruction(&convert(&offer, &Convert::signup(&REFEREE))),
        "sponsored": instruction(&convert(&offer, &sponsored)),
        "purchase": instruction(&plain),
        "sponsoredPurchase": instruction(&purchase(&offer, &bought)),
        "paymentTokenProgram": bought.payment_token_program.to_string(),
        "paymentSource": bought.payment_source.map(|source| source.to_string()),
        "claim": instruction(&claim(&offer, &conversion)),
        "rewardAccount": (!sol).then(|| instruction(&token::create_associated_token(
            &PAYER,
            &REFEREE,
            &campaign.mint,
            &campaign.token_program,
        ))),
    })
}

fn campaign(number: u8, terms: Terms, settings: &Settings, sol: bool) -> Campaign {
    let creator = address(10);
    let id = u64::from(number) << 40;
    let (at, bump) = pda::campaign(&creator, id);
    let (mint, token_program) = if sol {
        (Pubkey::default(), Pubkey::default())
    } else {
        // Some of Token-2022, by another address.
        let program = [token::TOKEN_PROGRAM_ID, address(12)][usize::from(number / 5 % 2)];
        (address(11), program)
    };
    let split = terms.funding == Funding::PaymentSplit;
    let has_vault = terms.funding == Funding::Vault || (split && !sol);
    Campaign {
        version: 1,
        bump,
        funding: terms.funding,
        proof: terms.proof,
        uniqueness: terms.uniqueness,
        reward_kind: settings.reward_kind,
        paused: number % 2 == 1,
        closed: number % 3 == 1,
        attested_codes: settings.attested_codes,
        mint_decimals: 6,
        creator,
        id,
        authority: address(13),
        pending_authority: address(14),
        mint,
        token_program,
        vault: if has_vault {
            pda::vault(&at, &mint, &token_program).0
        } else {
            Pubkey::default()
        },
        attestor: settings.attestor,
        treasury: settings.treasury,
        payment_mint: match (split, number % 2) {
            (true, _) => mint,
            (false, 0) => address(15),
            _ => Pubkey::default(),
        },
        rent_payer: address(16),
        reward_fixed: settings.reward_fixed,
        reward_bps: settings.reward_bps,
        referee_share_bps: settings.referee_share_bps,
        max_partner_share_bps: settings.max_partner_share_bps,
        reward_max: settings.reward_max,
        min_amount: settings.min_amount,
        tiers: settings.tiers,
        bonuses: settings.bonuses,
        hold_seconds: settings.hold_seconds,
        attribution_window: settings.attribution_window,
        starts_at: settings.starts_at,
        ends_at: settings.ends_at,
        budget: settings.budget,
        committed: 1 << 50,
        created_at: 1_700_000_000,
        closed_at: 1_700_000_001,
        owed: 1 << 51,
        longest_hold: 86_401,
        reserved: [0; 108],
    }
}

fn referral(number: u8, campaign: &Campaign, at: &Pubkey) -> Referral {
    let code = code();
    let owner = address(20);
    Referral {
        version: 1,
        bump: pda::referral(at, &code).1,
        code_len: code.len(),
        active: number.is_multiple_of(2),
        suspended: number.is_multiple_of(3),
        bonuses_paid: 3,
        partner_account_bump: 250,
        partner_share_bps: if number % 11 == 10 { 0 } else { 2_000 },
        code: code.to_padded(),
        campaign: *at,
        owner,
        pending_owner: address(21),
        partner: if (number / 2).is_multiple_of(2) {
            address(22)
        } else {
            Pubkey::default()
        },
        rent_payer: address(23),
        reward_account: pda::reward_account(&owner, campaign),
        usage_limit: 1_000,
        conversions: 12,
        expires_at: 1_800_000_000,
        created_at: 1_700_000_002,
        rewards_total: 1 << 52,
        rewards_pending: 1 << 53,
        partner_pending: 1 << 54,
        open_conversions: 4,
        reserved: [0; 17],
    }
}

fn conversion(number: u8, offer: &Offer<'_>) -> Conversion {
    let reference = [number.wrapping_add(100); 32];
    let parts = [settled::REFERRER, settled::REFEREE, settled::PARTNER];
    let key = pda::conversion_key(
        offer.campaign.terms(),
        &REFEREE,
        &offer.referral_address,
        &reference,
    );
    Conversion {
        version: 1,
        bump: pda::conversion(&offer.address, &key).1,
        status: [Status::Pending, Status::Paid, Status::Cancelled][usize::from(number % 3)],
        settled: if number % 4 == 3 {
            0
        } else {
            parts[usize::from(number % 3)]
        },
        action: Action::Subscription,
        bonuses: 2,
        referral: offer.referral_address,
        referee: REFEREE,
        rent_payer: PAYER,
        reference,
        amount: 1 << 55,
        reward_referrer: 1 << 56,
        reward_referee: u64::from(!number.is_multiple_of(5)),
        reward_partner: u64::from(!number.is_multiple_of(4)),
        converted_at: 1_700_000_003,
        hold_seconds: 86_400,
    }
}

/// Fields whose bytes are more than a number, as this client reads them.
fn decoded(campaign: &Campaign, referral: &Referral, conversion: &Conversion) -> Value {
    json!({
        "campaign": {
            "funding": campaign.funding as u8,
            "proof": campaign.proof as u8,
            "uniqueness": campaign.uniqueness as u8,
            "rewardKind": campaign.reward_kind as u8,
            "paused": campaign.paused,
            "closed": campaign.closed,
            "attestedCodes": campaign.attested_codes,
            "id": campaign.id.to_string(),
            "treasury": campaign.treasury.to_string(),
            "startsAt": campaign.starts_at.to_string(),
            "endsAt": campaign.ends_at.to_string(),
            "rewardMax": campaign.reward_max.to_string(),
            "owed": campaign.owed.to_string(),
            "longestHold": campaign.longest_hold,
        },
        "referral": {
            "active": referral.active,
            "suspended": referral.suspended,
            "code": referral.code().expect("it is one").as_str(),
            "rewardAccount": referral.reward_account.to_string(),
            "openConversions": referral.open_conversions.to_string(),
        },
        "conversion": {
            "status": conversion.status as u8,
            "settled": conversion.settled,
            "action": conversion.action as u8,
            "rewardReferrer": conversion.reward_referrer.to_string(),
            "holdSeconds": conversion.hold_seconds,
        },
    })
}

fn account<T: AccountType + BorshSerialize>(address: &Pubkey, account: &T) -> Value {
    let mut data = T::DISCRIMINATOR.to_vec();
    account
        .serialize(&mut data)
        .expect("a vector takes every byte");
    json!({ "address": address.to_string(), "data": base64(data) })
}

/// Accounts as `address`, with `s` when it signs and `w` when it is writable.
fn instruction(instruction: &Instruction) -> Value {
    let accounts = instruction.accounts.iter().map(|meta| {
        let role = match (meta.is_signer, meta.is_writable) {
            (false, false) => "",
            (false, true) => " w",
            (true, false) => " s",
            (true, true) => " sw",
        };
        format!("{}{role}", meta.pubkey)
    });
    json!({
        "program": instruction.program_id.to_string(),
        "accounts": accounts.collect::<Vec<_>>(),
        "data": base64(&instruction.data),
    })
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_STANDARD.encode(bytes)
}

fn code() -> Code {
    "MYSHARE2".parse().expect("it is one")
}

const fn address(byte: u8) -> Pubkey {
    Pubkey::new_from_array([byte; 32])
}

#[test]
fn the_typescript_client_is_held_to_what_this_one_does_now() {
    // Given what the TypeScript client's tests read
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../clients/ts/test/vectors.json"
    );
    let committed = std::fs::read_to_string(file).expect("it is in the repository");

    // Then it is what this client would write
    assert!(
        committed == document(),
        "{file} is out of date: run ./dev generate"
    );
}
