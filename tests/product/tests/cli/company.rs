//! A company's campaign, from its opening to its closing.

use std::fs;

use serde_json::{Value, json};
use solana_sdk::{pubkey::Pubkey, signature::Keypair};
use vouch_client::accounts::{Campaign, Funding, Settings};
use vouch_localnet::Instance;
use vouch_product_tests::{fund, validator};

use crate::home::{Home, OPEN, account, balance, key, mint_own, shape, transaction_shape};

#[tokio::test]
async fn a_company_runs_a_campaign_from_its_opening_to_its_closing() {
    // Given a company with SOL, and no campaign
    let instance = Instance::create("cli-test").expect("a folder");
    let (mut validator, rpc) = validator(&instance).await;
    let company = Home::new(&instance, &validator.rpc_url(), Keypair::new());
    let poor = company.sign(&OPEN).await;
    assert_eq!(poor.failure(), (1, "payer_needs_sol".into()));
    fund(&rpc, &company.wallet()).await;

    // When it only looks, then nothing is on the chain
    let dry: Vec<&str> = OPEN.into_iter().chain(["--dry-run"]).collect();
    let looked = company.json(&dry).await.ok();
    let at = key(&looked["campaign"]);
    assert_eq!(looked["transaction"]["status"], "dry_run");
    assert_eq!(
        looked["transaction"]["signers"],
        json!([company.wallet().to_string()])
    );
    assert_eq!(rpc.get_balance(&at).await.expect("a balance"), 0);
    // And nobody signs who was not asked
    let unasked = company.json(&OPEN).await;
    assert_eq!(unasked.failure(), (5, "confirmation_required".into()));
    assert_eq!(rpc.get_balance(&at).await.expect("a balance"), 0);

    // When it opens the campaign by options over a file, then the chain has all of it
    let file = company.dir.join("campaign.toml");
    let text = "[campaign]\nname = \"Spring\"\nfunding = \"vault\"\nfunds = 7\nnotice = \"1h\"\n\
                [settings]\nreward = \"1.5\"\nhold = \"10m\"\nreferee_percent = 20\ntiers = [\"10:1.5\"]\n";
    fs::write(&file, text).expect("a file");
    let file = file.to_str().expect("text");
    let args = [
        "campaign", "open", "--file", file, "--reward", "5", "--funds", "1000",
    ];
    let opened = company.sign(&args).await.ok();
    assert_eq!(key(&opened["campaign"]), at);
    let campaign: Campaign = account(&rpc, &at).await;
    let mut expected = Settings {
        hold_seconds: 600,
        referee_share_bps: 2000,
        ..Settings::fixed(5_000_000)
    };
    expected.tiers[0].min_conversions = 10;
    expected.tiers[0].multiplier_bps = 15_000;
    assert_eq!(campaign.settings, expected);
    assert_eq!(
        (campaign.funding, campaign.notice_seconds),
        (Funding::Vault, 3600)
    );
    assert_eq!(balance(&rpc, &campaign.vault).await, 1_000_000_000);
    assert_eq!(opened["settings"], looked_settings(&company, &at).await);
    // And the preview says what conversions pay, and that referring oneself pays
    let conversions = &opened["preview"]["conversions"];
    assert_eq!(conversions[0]["referrer"]["tokens"], "4.000000");
    assert_eq!(conversions[0]["referee"]["tokens"], "1.000000");
    assert_eq!(conversions[1]["number"], "10");
    assert_eq!(conversions[1]["referrer"]["tokens"], "6.000000");
    assert_eq!(opened["preview"]["self_referral"]["tokens"], "7.500000");
    assert_eq!(opened["warnings"][0]["code"], "self_referral_pays");
    assert_eq!(opened["warnings"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        shape(&opened),
        json!({
            "campaign": "text", "id": "text", "authority": "text", "mint": "text",
            "new_mint": "bool", "decimals": "number", "vault": "text", "funds": "amount",
            "payment_mint": null,
            "terms": {
                "funding": "text", "proof": "text", "uniqueness": "text", "per_owner": "bool",
                "notice_seconds": "number",
            },
            "settings": settings_shape(),
            "preview": preview_shape(),
            "warnings": [{ "code": "text", "message": "text" }],
            "transaction": transaction_shape(),
        })
    );
    let address = at.to_string();
    let previewed = company.json(&["preview", &address]).await.ok();
    assert_eq!(previewed["preview"], opened["preview"]);
    // And it cannot be opened twice
    let twice = company.sign(&args).await;
    assert_eq!(twice.failure(), (1, "campaign_exists".into()));

    // When it funds the vault, then the tokens are there, and what it does not have is refused
    let source = mint_own(&rpc, &company.key, &campaign.mint, 300_000_000).await;
    let funded = company
        .sign(&["campaign", "fund", &address, "250.5"])
        .await
        .ok();
    assert_eq!(
        funded["amount"],
        json!({ "units": "250500000", "tokens": "250.500000" })
    );
    assert_eq!(balance(&rpc, &campaign.vault).await, 1_250_500_000);
    let raw = ["campaign", "fund", &address, "500000", "--raw"];
    company.sign(&raw).await.ok();
    assert_eq!(balance(&rpc, &campaign.vault).await, 1_251_000_000);
    for (amount, refusal) in [
        ("49.000001", (1, "insufficient_tokens")),
        ("1.0000001", (2, "invalid_amount")),
        ("-1", (2, "usage")),
        ("1e3", (2, "invalid_amount")),
        ("0", (2, "invalid_amount")),
        ("99999999999999999999", (2, "invalid_amount")),
    ] {
        let refused = company.sign(&["campaign", "fund", &address, amount]).await;
        assert_eq!(
            refused.failure(),
            (refusal.0, refusal.1.to_owned()),
            "{amount}"
        );
    }
    assert_eq!(balance(&rpc, &source).await, 49_000_000);
    // And takes some out again
    company
        .sign(&["campaign", "withdraw", &address, "1"])
        .await
        .ok();
    assert_eq!(balance(&rpc, &source).await, 50_000_000);
    let refused = company
        .sign(&["campaign", "withdraw", &address, "5000"])
        .await;
    assert_eq!(refused.failure(), (1, "insufficient_vault".into()));

    // When it cuts the reward, then that waits for the notice, on the chain as it was said
    let cut = company
        .sign(&["campaign", "update", &address, "--reward", "4"])
        .await
        .ok();
    assert_eq!(cut["is_cut"], true);
    let codes: Vec<&Value> = cut["warnings"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| &it["code"])
        .collect();
    assert_eq!(
        codes,
        ["self_referral_pays", "is_cut", "settings_unchanged"]
    );
    let kept = cut["warnings"][2]["message"].as_str().expect("a text");
    for words in ["treasury none", "attestor none", "budget none"] {
        assert!(kept.contains(&format!("unchanged {words}")), "{kept}");
    }
    assert_eq!(
        cut["changes"],
        json!([{ "setting": "reward_fixed",
            "from": { "units": "5000000", "tokens": "5.000000" },
            "to": { "units": "4000000", "tokens": "4.000000" } }])
    );
    let campaign: Campaign = account(&rpc, &at).await;
    assert_eq!(campaign.next.reward_fixed, 4_000_000);
    let shown = company.json(&["campaign", "show", &address]).await.ok();
    assert_eq!(shown["settings"]["reward_fixed"]["tokens"], "5.000000");
    assert_eq!(shown["announced"]["changes"], cut["changes"]);
    // And what gives more holds at once
    let raised = company
        .sign(&["campaign", "update", &address, "--reward", "6"])
        .await
        .ok();
    assert_eq!(raised["is_cut"], false);
    let campaign: Campaign = account(&rpc, &at).await;
    assert_eq!(
        (campaign.settings.reward_fixed, campaign.next_from),
        (6_000_000, 0)
    );
    let nothing = company.sign(&["campaign", "update", &address]).await;
    assert_eq!(nothing.failure(), (2, "missing_option".into()));

    // When it pauses and resumes, then the chain does
    for (act, paused, state) in [("pause", true, "paused"), ("resume", false, "open")] {
        company.sign(&["campaign", act, &address]).await.ok();
        assert_eq!(account::<Campaign>(&rpc, &at).await.paused, paused);
        let shown = company.json(&["campaign", "show", &address]).await.ok();
        assert_eq!(shown["state"], state);
    }
    // And nobody else can
    let other = Home::new(&instance, &validator.rpc_url(), Keypair::new());
    fund(&rpc, &other.wallet()).await;
    for act in ["pause", "resume"] {
        let refused = other.sign(&["campaign", act, &address]).await;
        assert_eq!(refused.failure(), (1, "unauthorized".into()));
    }
    let refused = other.sign(&["campaign", "close", &address]).await;
    assert_eq!(refused.failure(), (1, "unauthorized".into()));

    // When it hands the campaign over, then the other one has to accept
    let name = other.wallet().to_string();
    company
        .sign(&["campaign", "transfer-authority", &address, &name])
        .await
        .ok();
    assert_eq!(
        account::<Campaign>(&rpc, &at).await.pending_authority,
        other.wallet()
    );
    let refused = company
        .sign(&["campaign", "accept-authority", &address])
        .await;
    assert_eq!(refused.failure(), (1, "not_pending_authority".into()));
    other
        .sign(&["campaign", "accept-authority", &address])
        .await
        .ok();
    assert_eq!(
        account::<Campaign>(&rpc, &at).await.authority,
        other.wallet()
    );

    // When the new authority closes it, then it is closed for good
    let closed = other.sign(&["campaign", "close", &address]).await.ok();
    assert_eq!(closed["warnings"][0]["code"], "closes_for_good");
    assert!(account::<Campaign>(&rpc, &at).await.closed);
    let refused = company
        .sign(&["code", "create", "MYSHARE2", "--campaign", &address])
        .await;
    assert_eq!(refused.failure(), (1, "campaign_closed".into()));
    validator.stop().await.expect("it stops");
}

/// The settings that `vouch campaign show` shows.
async fn looked_settings(company: &Home, at: &Pubkey) -> Value {
    let shown = company
        .json(&["campaign", "show", &at.to_string()])
        .await
        .ok();
    assert_eq!(
        shape(&shown),
        json!({
            "campaign": "text", "state": "text", "creator": "text", "id": "text",
            "authority": "text", "pending_authority": null, "mint": "text", "decimals": "number",
            "payment_mint": null, "created_at": "text", "closed_at": null, "committed": "amount",
            "vault": { "address": "text", "holds": "amount", "owed": "amount", "free": "amount" },
            "terms": shape(&shown["terms"]),
            "settings": settings_shape(),
            "announced": null,
        })
    );
    shown["settings"].clone()
}

fn settings_shape() -> Value {
    json!({
        "reward_kind": "text", "reward_fixed": "amount", "reward_bps": null, "reward_max": null,
        "min_amount": "amount", "referee_share_bps": "number", "referee_fixed": "amount",
        "max_partner_share_bps": "number", "max_partner_fixed": "amount", "owner_limit": null,
        "tiers": [{ "min_conversions": "text", "multiplier_bps": "number" }], "bonuses": [],
        "hold_seconds": "number", "attribution_window": "number", "starts_at": null,
        "ends_at": null, "gate_credential": null, "gate_schema": null, "budget": null,
        "attested_codes": "bool", "attestor": null, "treasury": null,
    })
}

fn preview_shape() -> Value {
    json!({
        "amount": "amount",
        "conversions": [{
            "number": "text", "referrer": "amount", "referee": "amount", "partner_at_most": "amount",
        }],
        "self_referral": "amount",
    })
}
