//! Referrers, and those whom they bring.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::{Value, json};
use solana_sdk::{
    clock::Clock,
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
    sysvar,
};
use vouch_client::{
    accounts::{Campaign, Conversion, Referral, Settings, Status},
    pda, token,
};
use vouch_localnet::Instance;
use vouch_product_tests::{REWARD, Scene, fund, send, until, validator};

use crate::home::{Home, account, balance, key, opened, shape, transaction_shape};

#[tokio::test]
async fn a_referrer_shares_a_code_and_a_held_conversion_is_cancelled() {
    // Given a campaign that holds rewards for ten minutes
    let (instance, mut validator, rpc, company, campaign) = opened("cli-code-test").await;
    let url = validator.rpc_url();
    let address = campaign["campaign"].as_str().expect("an address");
    let at = key(&campaign["campaign"]);
    let [alice, bob] = [(); 2].map(|()| Home::new(&instance, &url, Keypair::new()));
    for home in [&alice, &bob] {
        fund(&rpc, &home.wallet()).await;
    }

    // When Alice registers a code, then it is hers
    let create = ["code", "create", "myshare2", "--campaign", address];
    let created = alice.sign(&create).await.ok();
    let place = key(&created["referral"]);
    assert_eq!(
        account::<Referral>(&rpc, &place).await.owner,
        alice.wallet()
    );
    assert_eq!(
        shape(&created),
        json!({
            "code": "text", "campaign": "text", "referral": "text", "owner": "text",
            "usage_limit": null, "expires_at": null, "warnings": [],
            "transaction": transaction_shape(),
        })
    );
    let taken = bob.sign(&create).await;
    assert_eq!(taken.failure(), (1, "code_taken".into()));
    let wrong = alice
        .sign(&["code", "create", "O0O0O0", "--campaign", address])
        .await;
    assert_eq!(wrong.failure(), (2, "invalid_code".into()));
    // And one that she has not chosen has the form of a code
    let chosen = alice
        .sign(&["code", "create", "--campaign", address])
        .await
        .ok();
    let listed = alice.json(&["code", "list"]).await.ok();
    let mut codes: Vec<&str> = listed["codes"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|code| code["code"].as_str())
        .collect();
    let mut expected = ["MYSHARE2", chosen["code"].as_str().expect("a code")];
    expected.sort_unstable();
    codes.sort_unstable();
    assert_eq!(codes, expected);

    // When Bob converts, then the conversion is held; Alice cannot refer herself
    let convert = ["convert", "MYSHARE2", "--campaign", address];
    let converted = bob.sign(&convert).await.ok();
    let conversion = key(&converted["conversion"]);
    assert_eq!(converted["reward"]["referrer"]["tokens"], "5.000000");
    assert_eq!(
        account::<Conversion>(&rpc, &conversion).await.status,
        Status::Pending
    );
    let refused = bob.sign(&convert).await;
    assert_eq!(refused.failure(), (1, "already_converted".into()));
    let refused = alice.sign(&convert).await;
    assert_eq!(refused.failure(), (1, "self_referral".into()));
    let refused = bob
        .sign(&["purchase", "MYSHARE2", "--campaign", address])
        .await;
    assert_eq!(refused.failure(), (1, "payment_not_accepted".into()));
    let refused = bob
        .sign(&["convert", "NEVER234", "--campaign", address])
        .await;
    assert_eq!(refused.failure(), (1, "code_not_found".into()));

    // And Alice sees what is held, and cannot have it paid yet
    let waits = alice.json(&["claim", "--list"]).await.ok();
    assert_eq!(
        waits["campaigns"][0]["held"],
        json!({ "conversions": 1, "amount": { "units": "5000000", "tokens": "5.000000" } })
    );
    assert_eq!(waits["campaigns"][0]["due"]["conversions"], 0);
    let early = alice.sign(&["claim"]).await;
    assert_eq!(early.failure(), (1, "nothing_to_claim".into()));
    let next = waits["campaigns"][0]["next_due_at"]
        .as_str()
        .expect("a time");
    let advice = early.error()["advice"].as_str().expect("a text").to_owned();
    assert!(advice.contains(next), "{advice}");

    // When the company cancels it, then nothing waits any more
    let conversion = conversion.to_string();
    let refused = bob.sign(&["cancel", &conversion]).await;
    assert_eq!(refused.failure(), (1, "unauthorized".into()));
    company.sign(&["cancel", &conversion]).await.ok();
    let waits = alice.json(&["claim", "--list"]).await.ok();
    assert_eq!(waits["campaigns"], json!([]));
    let refused = company.sign(&["cancel", &conversion]).await;
    assert_eq!(refused.failure(), (1, "not_pending".into()));
    let refused = company.sign(&["cancel", address]).await;
    assert_eq!(refused.failure(), (1, "conversion_not_found".into()));

    // And in words, a failure names its code and what to do
    let missing = Pubkey::new_unique().to_string();
    let output = alice.plain(&["campaign", "show", &missing]).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error[campaign_not_found]: there is no such campaign\n  help: check the address and the network\n"
    );
    let output = alice.plain(&["campaign", "show", address]).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.contains(&format!("{at}\n")) && !said.contains('{'),
        "{said}"
    );

    // And a key file that others can read is warned about
    let file = alice.dir.join("id.json");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("a mode");
    let warned = alice.sign(&["claim"]).await;
    assert!(
        warned.stderr.contains("(mode 644): run chmod 600"),
        "{}",
        warned.stderr
    );
    let ledger = alice.sign(&["claim", "-k", "usb://ledger"]).await;
    assert_eq!(ledger.failure(), (2, "ledger_unsupported".into()));
    validator.stop().await.expect("it stops");
}

#[tokio::test]
async fn buyers_pay_by_a_code_and_an_existing_token_is_minted() {
    // Given a company, a referrer and a buyer with SOL
    let instance = Instance::create("cli-purchase-test").expect("a folder");
    let (mut validator, rpc) = validator(&instance).await;
    let url = validator.rpc_url();
    let [company, alice, bob] = [(); 3].map(|()| Home::new(&instance, &url, Keypair::new()));
    for home in [&company, &alice, &bob] {
        fund(&rpc, &home.wallet()).await;
    }

    // When the company shares a tenth of each payment, a quarter of it with the buyer, by first touch
    let args = [
        "campaign",
        "open",
        "--id",
        "7",
        "--funding",
        "payment_split",
        "--reward-percent",
        "10",
        "--referee-percent",
        "25",
        "--window",
        "1h",
    ];
    let opened = company.sign(&args).await.ok();
    // Then who refers himself loses, so there is no warning
    assert_eq!(opened["warnings"], json!([]));
    assert_eq!(
        (&opened["decimals"], &opened["mint"]),
        (&json!(9), &Value::Null)
    );
    let address = opened["campaign"].as_str().expect("an address");
    alice
        .sign(&["code", "create", "MYSHARE2", "--campaign", address])
        .await
        .ok();

    // When Bob buys for 2 SOL, which also binds him to the code
    let before = [&alice, &company].map(Home::wallet);
    let [alice_before, company_before] = [
        rpc.get_balance(&before[0]).await.expect("a balance"),
        rpc.get_balance(&before[1]).await.expect("a balance"),
    ];
    let buy = [
        "purchase",
        "MYSHARE2",
        "--campaign",
        address,
        "--amount",
        "2",
        "--order",
        "A-1",
    ];
    let bought = bob.sign(&buy).await.ok();
    // Then Alice has 0.15 SOL, the company 1.8, and Bob has paid 0.05 less
    assert_eq!(bought["reward"]["referrer"]["tokens"], "0.150000000");
    assert_eq!(bought["reward"]["referee"]["tokens"], "0.050000000");
    let now = rpc.get_balance(&alice.wallet()).await.expect("a balance");
    assert_eq!(now - alice_before, 150_000_000);
    let now = rpc.get_balance(&company.wallet()).await.expect("a balance");
    assert_eq!(now - company_before, 1_800_000_000);
    // And an order counts once, and a sign-up does not count
    assert_eq!(
        bob.sign(&buy).await.failure(),
        (1, "already_converted".into())
    );
    let convert = ["convert", "MYSHARE2", "--campaign", address];
    assert_eq!(
        bob.sign(&convert).await.failure(),
        (1, "payment_required".into())
    );
    let fund_it = ["campaign", "fund", address, "1"];
    assert_eq!(
        company.sign(&fund_it).await.failure(),
        (1, "no_vault".into())
    );

    // Given a token of the company
    let mint = Keypair::new();
    let rent = rpc
        .get_minimum_balance_for_rent_exemption(82)
        .await
        .expect("a rent");
    let owner = company.wallet();
    let create = token::create_mint(&owner, &mint.pubkey(), &owner, 2, rent);
    send(&rpc, &company.key, &create, &[&mint]).await;
    let mint = mint.pubkey().to_string();
    // When a campaign is to mint it, then the company has to say how much of it
    let mut args = vec![
        "campaign",
        "open",
        "--id",
        "8",
        "--reward",
        "1.25",
        "--mint",
        &mint,
        "--funding",
        "mint_authority",
    ];
    assert_eq!(
        company.sign(&args).await.failure(),
        (2, "missing_option".into())
    );
    args.extend(["--budget", "1000"]);
    // And nobody else can hand it over
    assert_eq!(
        bob.sign(&args).await.failure(),
        (1, "mint_authority_mismatch".into())
    );
    let opened = company.sign(&args).await.ok();
    let codes: Vec<&Value> = opened["warnings"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| &it["code"])
        .collect();
    assert_eq!(codes, ["self_referral_pays", "mint_authority_moves"]);
    let campaign: Campaign = account(&rpc, &key(&opened["campaign"])).await;
    assert_eq!(campaign.settings.reward_fixed, 125);
    assert_eq!(campaign.settings.budget, 100_000);
    let data = rpc
        .get_account_data(&campaign.mint)
        .await
        .expect("the mint");
    let minter = token::mint(&data).expect("a mint").authority;
    assert_eq!(minter, Some(key(&opened["campaign"])));
    validator.stop().await.expect("it stops");
}

#[tokio::test]
async fn a_referrer_claims_many_rewards_in_few_transactions() {
    // Given twelve conversions whose hold is over
    let settings = Settings {
        hold_seconds: 1,
        ..Settings::fixed(REWARD)
    };
    let mut scene = Scene::with(
        Instance::create("cli-claim-test").expect("a folder"),
        settings,
    )
    .await;
    let mut conversions = Vec::new();
    for _ in 0..12 {
        conversions.push(scene.convert().await.0);
    }
    let last = scene.recorded(&conversions[11]).await;
    until("the hold is over", async || {
        let clock = scene.rpc.get_account_data(&sysvar::clock::ID).await;
        let clock: Clock = bincode::deserialize(&clock.expect("the clock")).expect("a clock");
        clock.unix_timestamp >= last.claimable_from()
    })
    .await;
    let url = scene.validator.rpc_url();
    let alice = Home::new(&scene.instance, &url, scene.alice.insecure_clone());
    fund(&scene.rpc, &alice.wallet()).await;

    // When Alice looks, then she sees all of them
    let campaign = scene.campaign.to_string();
    let waits = alice
        .json(&["claim", "--list", "--campaign", &campaign])
        .await
        .ok();
    let due = &waits["campaigns"][0]["due"];
    assert_eq!(due["conversions"], 12);
    assert_eq!(due["amount"]["units"], (12 * REWARD).to_string());

    // When she claims, then all are paid, by fewer transactions, each once
    let claimed = alice.sign(&["claim"]).await.ok();
    let transactions = claimed["campaigns"][0]["transactions"]
        .as_array()
        .expect("a list");
    assert!((1..=3).contains(&transactions.len()), "{claimed}");
    let paid: Vec<Pubkey> = transactions
        .iter()
        .flat_map(|it| it["claims"].as_array().expect("a list"))
        .map(|claim| key(&claim["conversion"]))
        .collect();
    let mut expected = conversions.clone();
    expected.sort_unstable();
    let mut sorted = paid.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected);
    assert_eq!(
        shape(&claimed),
        json!({
            "wallet": "text",
            "campaigns": [{
                "campaign": "text", "mint": "text",
                "due": { "conversions": "number", "amount": "amount" },
                "held": { "conversions": "number", "amount": "amount" },
                "next_due_at": null,
                "transactions": [{
                    "claims": [{
                        "conversion": "text", "referrer": "amount", "referee": "amount",
                        "partner": "amount",
                    }],
                    "creates": [], "warnings": [], "transaction": transaction_shape(),
                }],
                "blocked": [],
            }],
        })
    );
    let (account, _) = pda::associated_token(
        &alice.wallet(),
        &scene.opened.mint,
        &token::TOKEN_PROGRAM_ID,
    );
    assert_eq!(balance(&scene.rpc, &account).await, 12 * REWARD);
    // And then there is nothing left
    let again = alice.sign(&["claim"]).await;
    assert_eq!(again.failure(), (1, "nothing_to_claim".into()));
    scene.validator.stop().await.expect("it stops");
}
