//! A split of payments, bindings, and a token that can be frozen.

use serde_json::{Value, json};
use solana_sdk::{
    instruction::{AccountMeta, Instruction},
    signature::{Keypair, Signer},
};
use spl_token_2022_interface::{
    extension::{
        ExtensionType, interest_bearing_mint,
        transfer_fee::instruction::initialize_transfer_fee_config,
    },
    instruction::initialize_mint2,
    state::Mint,
};
use vouch_client::{
    accounts::{Action, Binding, Campaign, Conversion, Proof, Uniqueness},
    pda, token,
    voucher::{self, Statement},
};

use crate::world::{World, code, cost, key, text};

/// A campaign that splits payments in SOL.
pub(crate) async fn split(world: &World) {
    let World {
        company,
        alice,
        bob,
        ..
    } = world;
    let treasury = Keypair::new();
    world.airdrop(&treasury.pubkey()).await;
    // Given a tenth of each payment, a fifth of that for the buyer
    let body = json!({
        "authority": text(company), "id": "4", "funding": "payment_split",
        "settings": { "reward": { "percent_bps": 1000 }, "referee_share_bps": 2000,
            "treasury": text(&treasury) },
        "example_amount": "1000000000",
    });
    let answer = world.act("create-campaign", &body, &[company]).await;
    let at = key(&answer, "campaign");
    let campaign: Campaign = world.read(&at).await;
    assert_eq!(
        (campaign.proof, campaign.uniqueness),
        (Proof::Payment, Uniqueness::Order)
    );
    assert_eq!(campaign.settings.reward_max, u64::MAX);
    assert_eq!(campaign.settings.treasury, treasury.pubkey());
    let units = |units: &str, tokens: &str| json!({ "units": units, "tokens": tokens });
    let preview = &answer["preview"];
    assert_eq!(
        (&preview["mint"], &preview["decimals"]),
        (&Value::Null, &json!(9))
    );
    assert_eq!(preview["payment"], json!({ "mint": null, "decimals": 9 }));
    assert_eq!(
        preview["conversions"][0]["referrer"],
        units("80000000", "0.080000000")
    );
    assert_eq!(
        preview["conversions"][0]["referee"],
        units("20000000", "0.020000000")
    );
    // A referrer who refers himself loses the seller's part, so nobody is warned. The least payment, one
    // lamport, leaves no part for anybody.
    assert_eq!(preview["self_referral"], units("-1", "-0.000000001"));
    assert_eq!(answer["warnings"], json!([]));

    // When Bob buys by Alice's code, then everybody gets the previewed part
    let at_text = at.to_string();
    let register = json!({ "campaign": at_text, "code": "STARTER7", "owner": text(alice) });
    world.act("create-referral", &register, &[alice]).await;
    let before = [
        world.lamports(&alice.pubkey()).await,
        world.lamports(&treasury.pubkey()).await,
    ];
    let order = "ab".repeat(32);
    let buy = json!({
        "campaign": at_text, "code": "STARTER7", "buyer": text(bob), "payer": text(company),
        "amount": "1000000000", "max_payment": "980000000", "reference": order,
    });
    let mut dear = buy.clone();
    dear["max_payment"] = "979999999".into();
    world
        .refuses("purchase", &dear, 422, "payment_above_maximum")
        .await;
    let mut nameless = buy.clone();
    nameless.as_object_mut().unwrap().remove("reference");
    world
        .refuses("purchase", &nameless, 422, "missing_reference")
        .await;
    let bobs = world.lamports(&bob.pubkey()).await;
    world.act("purchase", &buy, &[company, bob]).await;
    assert_eq!(bobs - world.lamports(&bob.pubkey()).await, 980_000_000);
    let after = [
        world.lamports(&alice.pubkey()).await,
        world.lamports(&treasury.pubkey()).await,
    ];
    assert_eq!(
        [after[0] - before[0], after[1] - before[1]],
        [80_000_000, 900_000_000]
    );
    world
        .refuses("purchase", &buy, 409, "already_converted")
        .await;
    let convert = json!({ "campaign": at_text, "code": "STARTER7", "referee": text(company) });
    world
        .refuses("convert", &convert, 409, "payment_required")
        .await;
    let mut own = buy.clone();
    own["buyer"] = text(alice).into();
    world.refuses("purchase", &own, 422, "self_referral").await;
    let fund = json!({ "campaign": at_text, "funder": text(bob), "amount": "1" });
    world.refuses("fund-vault", &fund, 409, "no_vault").await;
    let withdraw = json!({ "campaign": at_text, "amount": "1" });
    world
        .refuses("withdraw-vault", &withdraw, 409, "no_vault")
        .await;
    // A percentage that changes keeps its maximum.
    let raise = json!({ "campaign": at_text, "settings": { "reward": { "percent_bps": 1100 } } });
    let answer = world.ask("update-campaign", &raise).await.json();
    assert_eq!(
        answer["settings"]["reward"]["max"],
        u64::MAX.to_string(),
        "{answer}"
    );
    // A payer that is a program is refused, and the next transaction is tried nevertheless.
    let program = vouch_client::PROGRAM_ID.to_string();
    let pause = json!({ "campaign": at_text, "paused": true, "payer": program });
    let answer = world.ask("set-paused", &pause).await;
    assert_eq!(answer.refusal(), (400, "invalid_address".to_owned()));
    assert_eq!(answer.json()["field"], "payer");
    let pause = json!({ "campaign": at_text, "paused": true });
    let answer = world.ask("set-paused", &pause).await.json();
    assert_eq!(answer["cost"]["simulated"], true, "{answer}");
    // A payer without lamports is told so, and the transaction is built nevertheless.
    let poor = Keypair::new();
    let pause = json!({ "campaign": at_text, "paused": true, "payer": text(&poor) });
    let answer = world.ask("set-paused", &pause).await.json();
    assert_eq!(answer["warnings"][0]["code"], "payer_needs_sol", "{answer}");
    assert_eq!(
        (
            &answer["cost"]["simulated"],
            &answer["cost"]["compute_units"]
        ),
        (&json!(false), &json!(1_400_000))
    );
}

/// A campaign that needs a binding, of an existing token whose authority is handed over.
pub(crate) async fn binding(world: &World) {
    let World {
        company,
        alice,
        bob,
        ..
    } = world;
    let mint = Keypair::new();
    let rent = world
        .rpc
        .get_minimum_balance_for_rent_exemption(82)
        .await
        .unwrap();
    let create = token::create_mint(
        &company.pubkey(),
        &mint.pubkey(),
        &company.pubkey(),
        6,
        rent,
    );
    world.run(&create, &[company, &mint]).await;
    let body = json!({
        "authority": text(company), "id": "5", "mint": text(&mint), "funding": "mint_authority",
        "proof": "attested",
        "settings": { "reward": { "fixed": "7" }, "attribution_window": 3600, "budget": "0" },
    });
    let answer = world.act("create-campaign", &body, &[company]).await;
    assert_eq!(
        codes(&answer),
        ["self_referral_pays", "mint_authority_moves"]
    );
    let at = key(&answer, "campaign");
    let campaign: Campaign = world.read(&at).await;
    assert_eq!(
        (campaign.mint, campaign.settings.attestor),
        (mint.pubkey(), company.pubkey())
    );
    let data = world.rpc.get_account_data(&mint.pubkey()).await.unwrap();
    assert_eq!(token::mint(&data).unwrap().authority, Some(at));

    // When Bob follows Alice's link, then he is bound to her code
    let at_text = at.to_string();
    let register = json!({ "campaign": at_text, "code": "STARTER7", "owner": text(alice) });
    world.act("create-referral", &register, &[alice]).await;
    let bind = |wallet: &Keypair| json!({ "campaign": at_text, "code": "STARTER7", "wallet": text(wallet) });
    world.act("bind", &bind(bob), &[bob]).await;
    let binding: Binding = world.read(&pda::binding(&at, &bob.pubkey())).await;
    assert_eq!(binding.referral, pda::referral(&at, &code("STARTER7")));
    world
        .refuses("bind", &bind(bob), 409, "already_bound")
        .await;
    world
        .refuses("bind", &bind(alice), 422, "self_referral")
        .await;
    // And when the code is switched off, then another one binds him
    let second = json!({ "campaign": at_text, "code": "STARTER8", "owner": text(alice) });
    world.act("create-referral", &second, &[alice]).await;
    let off = json!({ "campaign": at_text, "code": "STARTER7", "active": false });
    world.act("update-referral", &off, &[alice]).await;
    let again = json!({ "campaign": at_text, "code": "STARTER8", "wallet": text(bob) });
    world.act("bind", &again, &[bob]).await;
    let binding: Binding = world.read(&pda::binding(&at, &bob.pubkey())).await;
    assert_eq!(binding.referral, pda::referral(&at, &code("STARTER8")));
    // And a voucher's signature is charged for, too
    let issued_at = world.now().await;
    let expires_at = issued_at + 600;
    let message = voucher::message(&Statement {
        campaign: at,
        campaign_created_at: campaign.created_at,
        referral: binding.referral,
        referee: bob.pubkey(),
        action: Action::Signup,
        amount: 0,
        reference: [0; 32],
        issued_at,
        expires_at,
    });
    let signature = company.sign_message(&message).to_string();
    let attested = json!({ "campaign": at_text, "code": "STARTER8", "referee": text(bob),
        "voucher": { "signature": signature, "issued_at": issued_at, "expires_at": expires_at } });
    let before = world.lamports(&bob.pubkey()).await;
    let answer = world.act("convert", &attested, &[bob]).await;
    assert_eq!(before - world.lamports(&bob.pubkey()).await, cost(&answer));
    // And the attestor revokes a voucher, once
    let revoke = json!({ "campaign": at_text, "digest": "cd".repeat(32), "expires_at": "2100-01-01T00:00:00Z" });
    world.act("revoke-voucher", &revoke, &[company]).await;
    world
        .refuses("revoke-voucher", &revoke, 422, "voucher_revoked")
        .await;
}

/// A campaign whose token can be frozen.
pub(crate) async fn frozen(world: &World) {
    let World {
        company,
        alice,
        bob,
        ..
    } = world;
    let mint = Keypair::new();
    let rent = world
        .rpc
        .get_minimum_balance_for_rent_exemption(82)
        .await
        .unwrap();
    let [create, mut initialise] = token::create_mint(
        &company.pubkey(),
        &mint.pubkey(),
        &company.pubkey(),
        6,
        rent,
    );
    // `InitializeMint2` with a freeze authority, after the layout of the Token program.
    initialise.data.truncate(34);
    initialise.data.push(1);
    initialise.data.extend(company.pubkey().to_bytes());
    world.run(&[create, initialise], &[company, &mint]).await;
    let body = json!({
        "authority": text(company), "id": "6", "mint": text(&mint), "funding": "mint_authority",
        "settings": { "reward": { "fixed": "7" }, "hold_seconds": 1, "budget": "0" },
    });
    let answer = world.act("create-campaign", &body, &[company]).await;
    // Then company and referrer are told that it can be frozen, and which account can freeze it
    assert_eq!(
        codes(&answer),
        [
            "self_referral_pays",
            "mint_authority_moves",
            "mint_can_freeze"
        ]
    );
    let at = answer["campaign"].as_str().unwrap();
    let register = json!({ "campaign": at, "code": "STARTER7", "owner": text(alice) });
    let answer = world.act("create-referral", &register, &[alice]).await;
    assert_eq!(codes(&answer), ["mint_can_freeze"]);
    let told = answer["warnings"][0]["message"].as_str().unwrap();
    assert!(told.starts_with(&text(company)), "{told}");
    let convert = json!({ "campaign": at, "code": "STARTER7", "referee": text(bob) });
    let answer = world.act("convert", &convert, &[bob]).await;
    let conversion = key(&answer, "conversion");
    let pending: Conversion = world.read(&conversion).await;
    world.wait_for(pending.claimable_from()).await;

    // When Alice's account is frozen, then the refusal names it
    let (account, _) =
        pda::associated_token(&alice.pubkey(), &mint.pubkey(), &token::TOKEN_PROGRAM_ID);
    let freezing = |instruction: u8| Instruction {
        program_id: token::TOKEN_PROGRAM_ID,
        accounts: vec![
            AccountMeta::new(account, false),
            AccountMeta::new_readonly(mint.pubkey(), false),
            AccountMeta::new_readonly(company.pubkey(), true),
        ],
        data: vec![instruction],
    };
    // `FreezeAccount` and `ThawAccount`.
    world.run(&[freezing(10)], &[company]).await;
    let one = json!({ "conversion": conversion.to_string() });
    let said = world.refuses("claim", &one, 409, "account_frozen").await;
    let expected = format!("nobody can be paid now: {account}: the token account is frozen");
    assert_eq!(said, expected);
    // And when it is thawed, then she is paid
    world.run(&[freezing(11)], &[company]).await;
    world.act("claim", &one, &[alice]).await;
    assert_eq!(world.tokens(&alice.pubkey(), &mint.pubkey()).await, Some(7));
}

/// Codes of an answer's warnings.
fn codes(answer: &Value) -> Vec<&str> {
    let warnings = answer["warnings"].as_array().unwrap().iter();
    warnings.map(|it| it["code"].as_str().unwrap()).collect()
}

/// Tokens of Token-2022: one that takes a fee from transfers, as rewards and as payment.
pub(crate) async fn token_2022(world: &World) {
    let World { company, alice, .. } = world;
    let program = token::TOKEN_2022_PROGRAM_ID;
    let (authority, mint) = (company.pubkey(), Keypair::new());
    let size = ExtensionType::try_calculate_account_len::<Mint>(&[
        ExtensionType::TransferFeeConfig,
        ExtensionType::InterestBearingConfig,
    ]);
    let size = size.unwrap();
    let rent = world
        .rpc
        .get_minimum_balance_for_rent_exemption(size)
        .await
        .unwrap();
    let mut create = token::create_mint(&authority, &mint.pubkey(), &authority, 3, rent)[0].clone();
    // `CreateAccount` has the instruction (4 bytes), lamports (8), space (8) and owner.
    create.data[12..20].copy_from_slice(&(size as u64).to_le_bytes());
    create.data[20..].copy_from_slice(program.as_ref());
    let at = mint.pubkey();
    let fee =
        initialize_transfer_fee_config(&program, &at, Some(&authority), None, 250, 7000).unwrap();
    let interest = interest_bearing_mint::instruction::initialize(&program, &at, None, 5).unwrap();
    let open = initialize_mint2(&program, &at, &authority, None, 3).unwrap();
    world
        .run(&[create, fee, interest, open], &[company, &mint])
        .await;
    // When it is the token of rewards, then company and referrer are told of the fee, and that wallets
    // show other amounts
    let body = json!({
        "authority": text(company), "id": "7", "mint": text(&mint), "funding": "vault",
        "proof": "payment", "settings": { "reward": { "fixed": "7" }, "min_amount": "5" },
    });
    let answer = world.act("create-campaign", &body, &[company]).await;
    let expected = ["self_referral_pays", "transfer_fee", "shown_amounts_differ"];
    assert_eq!(codes(&answer), expected);
    let told = answer["warnings"][1]["message"].as_str().unwrap();
    let said = format!(
        "up to 250 basis points, at most 7000 base units, out of what is received; {authority} can change it"
    );
    assert!(told.ends_with(&said), "{told}");
    // And the preview names the payment's token: SOL
    let preview = &answer["preview"];
    assert_eq!(
        (&preview["decimals"], &preview["payment"]),
        (&json!(3), &json!({ "mint": null, "decimals": 9 }))
    );
    let register =
        json!({ "campaign": answer["campaign"], "code": "STARTER7", "owner": text(alice) });
    let answer = world.act("create-referral", &register, &[alice]).await;
    assert_eq!(codes(&answer), ["transfer_fee", "shown_amounts_differ"]);
    // And the program takes it neither as payment, nor in a split
    for wrong in [
        json!({ "funding": "payment_split", "mint": text(&mint) }),
        json!({ "funding": "vault", "proof": "payment", "payment_mint": text(&mint) }),
    ] {
        let mut body = json!({ "authority": text(company), "id": "8",
            "settings": { "reward": { "fixed": "7" }, "min_amount": "7" } });
        let wrong = wrong.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(wrong);
        world
            .refuses("create-campaign", &body, 422, "unsupported_mint")
            .await;
    }

    // Given a payment in another token than the rewards'
    let paid = Keypair::new();
    let rent = world
        .rpc
        .get_minimum_balance_for_rent_exemption(82)
        .await
        .unwrap();
    let create = token::create_mint(&authority, &paid.pubkey(), &authority, 4, rent);
    world.run(&create, &[company, &paid]).await;
    let body = json!({
        "authority": text(company), "id": "8", "funding": "vault", "proof": "payment",
        "decimals": 2, "payment_mint": text(&paid),
        "settings": { "reward": { "fixed": "7" }, "min_amount": "5" },
    });
    // Then the previews of its opening and of a change name both
    let answer = world.act("create-campaign", &body, &[company]).await;
    let change =
        json!({ "campaign": answer["campaign"], "settings": { "reward": { "fixed": "8" } } });
    let changed = world.ask("update-campaign", &change).await.json();
    for preview in [&answer["preview"], &changed["preview"]] {
        let payment = json!({ "mint": text(&paid), "decimals": 4 });
        assert_eq!(
            (&preview["decimals"], &preview["payment"]),
            (&json!(2), &payment),
            "{preview}"
        );
    }
}
