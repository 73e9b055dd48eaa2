//! Test vectors for the TypeScript client: accounts, addresses, instructions and a
//! voucher as this client builds them, as JSON in `clients/ts/test/vectors.json`.
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
        self, Bind, Convert, CreateReferral, Evidence, Offer, Purchase, cancel_conversion, claim,
        convert, purchase, reclaim_campaign,
    },
    opening::{Currency, MissingSetting, Opening},
    pda, token,
    voucher::{self, Statement},
};

const PAYER: Pubkey = address(201);
const REFEREE: Pubkey = address(202);
const ATTESTOR: Pubkey = address(203);
/// The time at which the offers are read, in unix seconds.
const NOW: i64 = 1_750_000_000;

fn main() {
    print!("{}", document());
}

/// The whole document, ending with a line break.
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
        "openings": openings(),
        "unusualOpenings": unusual_openings(),
        "offers": (0..36).map(offer).collect::<Vec<_>>(),
    });
    let mut text = serde_json::to_string_pretty(&document).expect("JSON has no failures");
    text.push('\n');
    text
}

/// Typed text, each with the code that it parses to; null if it does not.
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
        campaign_created_at: 1_700_000_000,
        referral: address(2),
        referee: REFEREE,
        action: Action::Loan,
        amount: u64::MAX - 1,
        reference: [8; 32],
        issued_at: -3,
        expires_at: -2,
    };
    let message = voucher::message(&statement);
    let digest = voucher::digest(&message);
    let revoke = instructions::revoke_voucher(
        &PAYER,
        &ATTESTOR,
        &statement.campaign,
        digest,
        statement.expires_at,
    );
    json!({
        "campaign": statement.campaign.to_string(),
        "campaignCreatedAt": statement.campaign_created_at.to_string(),
        "referral": statement.referral.to_string(),
        "referee": statement.referee.to_string(),
        "action": statement.action as u8,
        "amount": statement.amount.to_string(),
        "reference": base64(statement.reference),
        "issuedAt": statement.issued_at.to_string(),
        "expiresAt": statement.expires_at.to_string(),
        "signature": base64([9; 64]),
        "message": base64(message),
        "digest": base64(digest),
        "revoke": instruction(&revoke),
        "instruction": instruction(&voucher::instruction(&ATTESTOR, &[9; 64], &message)),
    })
}

/// Campaigns that are opened, each with everything that it takes: every source of rewards, with tokens
/// that are new, old or lamports, and the usual value for everything that is zero.
fn openings() -> Value {
    let old = Currency::Token {
        mint: address(30),
        program: address(31),
    };
    let other = Currency::Token {
        mint: address(32),
        program: token::TOKEN_PROGRAM_ID,
    };
    let fixed = Settings::fixed(1_000);
    let mut tiered = Settings::percent(250, 0);
    tiered.bonuses[0] = Bonus {
        threshold: 3,
        amount: 77,
    };
    let mut multiplied = fixed;
    multiplied.tiers[0] = Tier {
        min_conversions: 2,
        multiplier_bps: 12_345,
    };
    let named = Settings {
        attestor: ATTESTOR,
        treasury: address(33),
        min_amount: 5_000,
        ..multiplied
    };
    let opening = |id, funding, settings| Opening {
        payer: PAYER,
        ..Opening::new(&REFEREE, id, funding, settings, 1_461_600)
    };
    let with_proof = |mut opening: Opening, proof| {
        opening.terms.proof = proof;
        opening
    };
    let (mint, vault, split) = (
        Funding::MintAuthority,
        Funding::Vault,
        Funding::PaymentSplit,
    );
    let all = [
        opening(0, mint, fixed),
        Opening {
            rewards: old,
            hands_over: true,
            ..opening(1, mint, fixed)
        },
        Opening {
            rewards: old,
            ..with_proof(opening(2, mint, tiered), Proof::Attested)
        },
        Opening {
            funds: 12,
            ..opening(3, vault, fixed)
        },
        Opening {
            rewards: old,
            funds: u64::MAX,
            payments: old,
            ..with_proof(opening(4, vault, multiplied), Proof::Payment)
        },
        with_proof(opening(5, vault, named), Proof::Payment),
        opening(6, split, tiered),
        Opening {
            rewards: other,
            ..opening(u64::MAX, split, multiplied)
        },
    ];
    all.map(|opening| opening_vector(&opening)).into()
}

/// Campaigns whose rewards and payments are different tokens, each with the setting that nobody can
/// choose for its creator.
fn unusual_openings() -> Value {
    let opening = |id, settings, payments| {
        let mut opening = Opening {
            payer: PAYER,
            payments,
            ..Opening::new(&REFEREE, id, Funding::Vault, settings, 1_461_600)
        };
        opening.terms.proof = Proof::Payment;
        opening
    };
    let other = Currency::Token {
        mint: address(32),
        program: token::TOKEN_PROGRAM_ID,
    };
    let all = [
        opening(0, Settings::fixed(1_000), Currency::Sol),
        opening(1, Settings::fixed(1_000), other),
        opening(2, Settings::percent(250, 0), Currency::Sol),
        opening(3, Settings::percent(250, 0), other),
    ];
    all.map(|opening| {
        let missing = match opening.settings() {
            Err(MissingSetting::MinAmount) => Some("minAmount"),
            Err(MissingSetting::RewardMax) => Some("rewardMax"),
            Ok(_) => None,
        };
        let mut chosen = chosen(&opening);
        chosen["missing"] = missing.into();
        chosen
    })
    .into()
}

/// Fields of an opening that its caller chooses.
fn chosen(opening: &Opening) -> Value {
    let currency = |currency| match currency {
        Currency::Sol => json!({ "kind": "sol" }),
        Currency::Token { mint, program } => {
            json!({ "kind": "token", "mint": mint.to_string(), "program": program.to_string() })
        }
        Currency::New { decimals, rent } => {
            json!({ "kind": "new", "decimals": decimals, "rent": rent.to_string() })
        }
    };
    json!({
        "id": opening.id.to_string(),
        "terms": base64(borsh::to_vec(&opening.terms).expect("bytes")),
        "usual": opening.terms == vouch_client::opening::usual_terms(opening.terms.funding),
        "chosen": base64(borsh::to_vec(&opening.settings).expect("bytes")),
        "rewards": currency(opening.rewards),
        "payments": currency(opening.payments),
        "handsOver": opening.hands_over,
        "funds": opening.funds.to_string(),
    })
}

/// An opening, and everything that follows from it.
fn opening_vector(opening: &Opening) -> Value {
    let create = opening.create().expect("every setting is chosen or usual");
    let instructions = opening.instructions().expect("as before");
    let mint = opening.reward_token().map(|(mint, _)| mint.to_string());
    let mut vector = chosen(opening);
    vector["settings"] = base64(borsh::to_vec(&create.settings).expect("bytes")).into();
    vector["campaign"] = opening.campaign().to_string().into();
    vector["mint"] = mint.into();
    vector["vault"] = create.vault().map(|vault| vault.to_string()).into();
    vector["instructions"] = instructions.iter().map(instruction).collect();
    vector
}

/// The registration of a code, and a binding to it.
fn registrations() -> Value {
    let campaign = address(1);
    let code = code();
    let mut args = CreateReferral::new(&PAYER, &REFEREE, &campaign, &code);
    let plain = instructions::create_referral(&args);
    args.usage_limit = 7;
    args.expires_at = 1_900_000_000;
    args.attestor = Some(ATTESTOR);
    let mut per_owner = CreateReferral::new(&PAYER, &REFEREE, &campaign, &code);
    per_owner.per_owner = true;
    let bind = Bind {
        payer: PAYER,
        wallet: REFEREE,
        campaign,
        code,
        bound: None,
    };
    let (referral, referrer) = (address(3), address(4));
    let anew = Bind {
        bound: Some((referral, Some(referrer))),
        ..bind
    };
    let register = instructions::register_referrer(&PAYER, &REFEREE, &campaign);
    json!({
        "campaign": campaign.to_string(),
        "code": code.as_str(),
        "createReferral": instruction(&plain),
        "createBoundedReferral": instruction(&instructions::create_referral(&args)),
        "registerReferrer": instruction(&register),
        "createPerOwnerReferral": instruction(&instructions::create_referral(&per_owner)),
        "bind": instruction(&instructions::bind(&bind)),
        "boundReferral": referral.to_string(),
        "boundReferrer": referrer.to_string(),
        "bindAnew": instruction(&instructions::bind(&anew)),
    })
}

/// The offer with this number. Each property depends on the number with a different
/// period, so most pairs of properties occur together.
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
        per_owner: bit(4),
        notice_seconds: 77,
    };
    let campaign = campaign(number, terms, sol);
    let (at, _) = pda::campaign(&campaign.creator, campaign.id);
    let referral = referral(number, &campaign, &at);
    let offer = Offer::at(at, &campaign, &referral, NOW).expect("the code is one");
    let conversion = conversion(number, &offer);
    let of = [number.wrapping_add(100); 32];
    let conversion_address = offer.conversion(&REFEREE, &of);

    let reference = [number; 32];
    let message = [number; voucher::MESSAGE_LEN];
    let digest = voucher::digest(&message);
    let evidence = [
        Evidence::None,
        Evidence::Attestor(ATTESTOR),
        Evidence::Voucher { digest },
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
    bought.max_payment = 999_000 + u64::from(number);
    let plain = purchase(&offer, &bought);
    bought.payer = PAYER;
    bought.action = Action::Rental;
    bought.payment_token_program = address(31);
    bought.payment_source = Some(address(32));
    let destination = address(33);
    let mut conversion_vector = account(&conversion_address, &conversion);
    conversion_vector["reference"] = base64(of).into();
    json!({
        "campaign": account(&at, &campaign),
        "referral": account(&offer.referral_address, &referral),
        "conversion": conversion_vector,
        "decoded": decoded(&campaign, offer.settings(), &referral, &conversion),
        "now": NOW.to_string(),
        "reference": base64(reference),
        "evidence": match evidence {
            Evidence::None => "none",
            Evidence::Attestor(_) => "attestor",
            Evidence::Voucher { .. } => "voucher",
        },
        "voucher": base64(message),
        "signup": instruction(&convert(&offer, &Convert::signup(&REFEREE))),
        "sponsored": instruction(&convert(&offer, &sponsored)),
        "purchase": instruction(&plain),
        "sponsoredPurchase": instruction(&purchase(&offer, &bought)),
        "paymentTokenProgram": bought.payment_token_program.to_string(),
        "paymentSource": bought.payment_source.map(|source| source.to_string()),
        "maxPayment": bought.max_payment.to_string(),
        "claim": instruction(&claim(&offer, &conversion_address, &conversion)),
        "cancel": instruction(&cancel_conversion(&offer, &conversion_address, &conversion)),
        "reclaim": instruction(&reclaim_campaign(&at, &campaign, Some(&destination))),
        "destination": destination.to_string(),
        "rewardAccount": (!sol).then(|| instruction(&token::create_associated_token(
            &PAYER,
            &REFEREE,
            &campaign.mint,
            &campaign.token_program,
        ))),
    })
}

/// The settings of the offer with this number, or the settings that its campaign
/// announced.
fn settings(number: u8, announced: bool) -> Settings {
    let bit = |bit: u8| number & (1 << bit) != 0;
    let percent = bit(1) != announced;
    let fixed_part = number % 5 == 3;
    let gate = |byte| {
        if number % 8 == 6 {
            address(byte)
        } else {
            Pubkey::default()
        }
    };
    Settings {
        reward_kind: if percent {
            RewardKind::Percent
        } else {
            RewardKind::Fixed
        },
        reward_fixed: if percent { 0 } else { 5_000_000 },
        reward_bps: if percent { 250 } else { 0 },
        reward_max: if percent { u64::MAX } else { 0 },
        min_amount: 3,
        referee_share_bps: if bit(1) && !fixed_part { 1_000 } else { 0 },
        referee_fixed: if bit(1) && fixed_part { 7 } else { 0 },
        max_partner_share_bps: if number % 5 == 4 || number % 6 == 5 {
            0
        } else {
            3_000
        },
        max_partner_fixed: if number % 6 == 5 { 9 } else { 0 },
        owner_limit: if bit(2) { 11 } else { 0 },
        tiers: [1, 2, 3, 4].map(|nth| Tier {
            min_conversions: nth * 10,
            multiplier_bps: 10_000 + u32::try_from(nth).unwrap_or_default(),
        }),
        bonuses: [1, 2, 3, 4].map(|nth| Bonus {
            threshold: nth * 100,
            amount: nth,
        }),
        hold_seconds: if bit(0) == announced { 0 } else { 86_400 },
        attribution_window: if (number % 7 < 3) == announced {
            0
        } else {
            604_800
        },
        starts_at: -5,
        ends_at: i64::MAX,
        gate_credential: gate(40),
        gate_schema: gate(41),
        budget: if number % 4 == 1 { 1 << 60 } else { 0 },
        attested_codes: bit(2),
        attestor: ATTESTOR,
        treasury: address(30),
    }
}

fn campaign(number: u8, terms: Terms, sol: bool) -> Campaign {
    let creator = address(10);
    let id = u64::from(number) << 40;
    let (at, bump) = pda::campaign(&creator, id);
    let (mint, token_program) = if sol {
        (Pubkey::default(), Pubkey::default())
    } else {
        // Some campaigns use another token program, which stands for Token-2022.
        let program = [token::TOKEN_PROGRAM_ID, address(12)][usize::from(number / 5 % 2)];
        (address(11), program)
    };
    let split = terms.funding == Funding::PaymentSplit;
    // The announced settings are in force now, or from a second later.
    let next_from = match number % 9 {
        3 => NOW,
        4 => NOW + 1,
        _ => 0,
    };
    let announced = next_from != 0;
    let has_vault = terms.funding == Funding::Vault || (split && !sol);
    Campaign {
        version: 1,
        bump,
        funding: terms.funding,
        proof: terms.proof,
        uniqueness: terms.uniqueness,
        per_owner: terms.per_owner,
        paused: number % 2 == 1,
        closed: number % 3 == 1,
        mint_decimals: 6,
        notice_seconds: terms.notice_seconds,
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
        payment_mint: match (split, number % 2) {
            (true, _) => mint,
            (false, 0) => address(15),
            _ => Pubkey::default(),
        },
        rent_payer: address(16),
        created_at: 1_700_000_000,
        closed_at: 1_700_000_001,
        longest_hold: 86_401,
        least_margin: 5,
        committed: 1 << 50,
        owed: 1 << 51,
        settings: settings(number, false),
        bonus_places: [0, 1, 2, 3],
        next_from,
        next: if announced {
            settings(number, true)
        } else {
            Settings::default()
        },
        next_bonus_places: if announced { [0, 1, 2, 4] } else { [0; 4] },
        offered: std::array::from_fn(|place| {
            let threshold = u64::try_from(place).unwrap_or_default();
            Bonus {
                threshold,
                amount: threshold + 1,
            }
        }),
        reserved: [0; 56],
    }
}

fn referral(number: u8, campaign: &Campaign, at: &Pubkey) -> Referral {
    let code = code();
    let owner = address(20);
    let fixed_part = number % 6 == 5;
    Referral {
        version: 1,
        code_len: code.len(),
        active: number.is_multiple_of(2),
        suspended: number.is_multiple_of(3),
        partner_account_bump: 250,
        partner_share_bps: if number % 11 == 10 || fixed_part {
            0
        } else {
            2_000
        },
        partner_fixed: if fixed_part { 5 } else { 0 },
        partner_ends_at: match (number % 7, number % 3) {
            (5 | 6, 1) => NOW,
            (5 | 6, 2) => NOW + 1,
            _ => 0,
        },
        bonuses_paid: 3,
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
        reward_account: campaign.reward_account(&owner),
        usage_limit: 1_000,
        conversions: 12,
        expires_at: 1_800_000_000,
        created_at: 1_700_000_002,
        rewards_total: 1 << 52,
        rewards_pending: 1 << 53,
        partner_pending: 1 << 54,
        open_conversions: 4,
        held_until: 1_700_086_400,
        reserved: [0; 8],
    }
}

fn conversion(number: u8, offer: &Offer<'_>) -> Conversion {
    let parts = [settled::REFERRER, settled::REFEREE, settled::PARTNER];
    Conversion {
        version: 1,
        status: [Status::Pending, Status::Paid, Status::Cancelled][usize::from(number % 3)],
        settled: if number % 4 == 3 {
            0
        } else {
            parts[usize::from(number % 3)]
        },
        budgeted: number % 2 == 1,
        bonuses: 2,
        referral: offer.referral_address,
        referee: REFEREE,
        rent_payer: PAYER,
        reward_referrer: 1 << 56,
        reward_referee: u64::from(!number.is_multiple_of(5)),
        reward_partner: u64::from(!number.is_multiple_of(4)),
        converted_at: 1_700_000_003,
        hold_seconds: 86_400,
    }
}

/// Fields whose bytes have a meaning beyond a number, as this client reads them.
fn decoded(
    campaign: &Campaign,
    settings: &Settings,
    referral: &Referral,
    conversion: &Conversion,
) -> Value {
    json!({
        "campaign": {
            "funding": campaign.funding as u8,
            "proof": campaign.proof as u8,
            "uniqueness": campaign.uniqueness as u8,
            "perOwner": campaign.per_owner,
            "paused": campaign.paused,
            "closed": campaign.closed,
            "noticeSeconds": campaign.notice_seconds,
            "id": campaign.id.to_string(),
            "owed": campaign.owed.to_string(),
            "committed": campaign.committed.to_string(),
            "longestHold": campaign.longest_hold,
            "nextFrom": campaign.next_from.to_string(),
        },
        "settings": {
            "rewardKind": settings.reward_kind as u8,
            "rewardFixed": settings.reward_fixed.to_string(),
            "rewardMax": settings.reward_max.to_string(),
            "refereeFixed": settings.referee_fixed.to_string(),
            "holdSeconds": settings.hold_seconds,
            "attributionWindow": settings.attribution_window,
            "startsAt": settings.starts_at.to_string(),
            "endsAt": settings.ends_at.to_string(),
            "gateSchema": settings.gate_schema.to_string(),
            "attestedCodes": settings.attested_codes,
            "treasury": settings.treasury.to_string(),
        },
        "referral": {
            "active": referral.active,
            "suspended": referral.suspended,
            "code": referral.code().expect("it is one").as_str(),
            "partnerFixed": referral.partner_fixed.to_string(),
            "partnerEndsAt": referral.partner_ends_at.to_string(),
            "bonusesPaid": referral.bonuses_paid,
            "rewardAccount": referral.reward_account.to_string(),
            "openConversions": referral.open_conversions.to_string(),
        },
        "conversion": {
            "status": conversion.status as u8,
            "settled": conversion.settled,
            "budgeted": conversion.budgeted,
            "bonuses": conversion.bonuses,
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

/// An instruction as JSON. Each account is its address, followed by `s` if it signs and
/// `w` if it is writable.
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
    // Given the vectors that the TypeScript client's tests read
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../clients/ts/test/vectors.json"
    );
    let committed = std::fs::read_to_string(file).expect("it is in the repository");

    // Then they are what this client writes now
    assert!(
        committed == document(),
        "{file} is out of date: run ./dev generate"
    );
}
