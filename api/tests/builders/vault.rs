//! A campaign that holds rewards and pays them from a vault: funds, partners, claims [A9], cancellations.

use serde_json::{Value, json};
use solana_sdk::{
    instruction::{AccountMeta, Instruction},
    pubkey::Pubkey,
    signature::{Keypair, Signer},
};
use vouch_client::{
    accounts::{Campaign, Conversion, Referral, Status},
    pda, token,
};

use crate::world::{World, code, cost, key, text};

/// A campaign that holds rewards and pays them from a vault.
pub(crate) async fn play(world: &World) {
    let World {
        company,
        alice,
        bob,
        ..
    } = world;
    // Given a campaign with a new token, funds, parts for the referee, and a hold of two seconds
    let body = json!({
        "authority": text(company), "id": "2", "funding": "vault", "funds": "100000", "decimals": 2,
        "settings": { "reward": { "fixed": "1000" }, "referee_share_bps": 2500, "hold_seconds": 2,
            "max_partner_share_bps": 1000, "tiers": [{ "min_conversions": "3", "multiplier_bps": 20_000 }] },
    });
    let before = world.lamports(&company.pubkey()).await;
    let answer = world.act("create-campaign", &body, &[company]).await;
    let after = world.lamports(&company.pubkey()).await;
    assert_eq!(before - after, cost(&answer));
    let at = key(&answer, "campaign");
    let campaign: Campaign = world.read(&at).await;
    let mint = campaign.mint;
    assert_eq!(campaign.vault, key(&answer, "vault"));
    assert_eq!(campaign.mint_decimals, 2);
    let vault = world.rpc.get_account_data(&campaign.vault).await.unwrap();
    assert_eq!(token::balance(&vault), Some(100_000));
    // And the preview shows the first conversion, and the one that reaches the tier
    let units = |units: &str, tokens: &str| json!({ "units": units, "tokens": tokens });
    assert_eq!(
        answer["preview"]["conversions"],
        json!([
            { "number": "1", "referrer": units("750", "7.50"), "referee": units("250", "2.50"),
              "partner_at_most": units("100", "1.00") },
            { "number": "3", "referrer": units("1500", "15.00"), "referee": units("500", "5.00"),
              "partner_at_most": units("200", "2.00") },
        ])
    );
    assert_eq!(answer["preview"]["self_referral"], units("2000", "20.00"));
    let campaign_text = at.to_string();
    let this = json!({ "campaign": campaign_text });

    // When funds are withdrawn and put back, then the balances follow
    let withdraw = |amount: &str| json!({ "campaign": campaign_text, "amount": amount });
    world
        .act("withdraw-vault", &withdraw("4000"), &[company])
        .await;
    assert_eq!(world.tokens(&company.pubkey(), &mint).await, Some(4000));
    let fund = |amount: &str| json!({ "campaign": campaign_text, "funder": text(company), "amount": amount });
    world.act("fund-vault", &fund("1500"), &[company]).await;
    assert_eq!(world.tokens(&company.pubkey(), &mint).await, Some(2500));
    let said = world
        .refuses("fund-vault", &fund("2501"), 422, "insufficient_tokens")
        .await;
    assert!(said.contains("holds 2500 base units"), "{said}");
    world
        .refuses(
            "withdraw-vault",
            &withdraw("97501"),
            409,
            "insufficient_vault",
        )
        .await;

    // Given a code with a partner, which agrees by signing
    let named = json!({ "campaign": campaign_text, "code": "STARTER7" });
    let with = |more: Value| {
        let mut body = named.clone();
        let more = more.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(more);
        body
    };
    world
        .act(
            "create-referral",
            &with(json!({ "owner": text(alice) })),
            &[alice],
        )
        .await;
    let partner = Keypair::new();
    let share = |bps: i64| {
        with(json!({ "partner": text(&partner), "payer": text(alice), "share_bps": bps }))
    };
    world
        .refuses("set-partner", &share(1001), 422, "invalid_partner")
        .await;
    world
        .refuses(
            "end-partnership",
            &with(json!({ "by_partner": true })),
            409,
            "no_partner",
        )
        .await;
    world
        .act("set-partner", &share(1000), &[alice, &partner])
        .await;
    let referral = pda::referral(&at, &code("STARTER7"));
    let read: Referral = world.read(&referral).await;
    assert_eq!(
        (read.partner, read.partner_share_bps),
        (partner.pubkey(), 1000)
    );

    // When a wallet without a token account converts, and the hold is not over
    let carol = Keypair::new();
    let convert =
        |referee: &Keypair| with(json!({ "referee": text(referee), "payer": text(company) }));
    let answer = world
        .act("convert", &convert(&carol), &[company, &carol])
        .await;
    let conversion = key(&answer, "conversion");
    let one = json!({ "conversion": conversion.to_string(), "payer": text(bob) });
    let pending: Conversion = world.read(&conversion).await;
    if world.now().await < pending.claimable_from() {
        let answer = world.ask("claim", &one).await;
        // The hold may end meanwhile.
        if answer.status != 200 {
            assert_eq!(answer.refusal(), (409, "still_held".to_owned()));
        }
    }
    // Then anybody claims it afterwards, and pays for nobody's account: Carol could close it, keep the
    // lamports, and have the next claim pay them again
    world.wait_for(pending.claimable_from()).await;
    let conversion_text = conversion.to_string();
    let before = world.lamports(&bob.pubkey()).await;
    let answer = world.act("claim", &one, &[bob]).await;
    assert_eq!(before - world.lamports(&bob.pubkey()).await, cost(&answer));
    assert_eq!(answer["cost"]["rent"], "0");
    assert_eq!(
        (&answer["creates"], &answer["warnings"]),
        (&json!([]), &json!([]))
    );
    let (place, _) = pda::associated_token(&carol.pubkey(), &mint, &token::TOKEN_PROGRAM_ID);
    let message = format!(
        "{place}: no token account, its owner has to create it or to claim as payer, \
         or create_accounts has to be all"
    );
    let waiting = json!([{ "part": "referee", "units": "250", "owner": text(&carol),
        "account": place.to_string(), "code": "token_account_missing", "message": message }]);
    assert_eq!(
        answer["claims"],
        json!([{ "conversion": conversion_text, "referrer": "650", "referee": "0", "partner": "100",
            "waiting": waiting }])
    );
    assert_eq!(world.tokens(&carol.pubkey(), &mint).await, None);
    // And the part that is left is refused with the reason
    let said = world
        .refuses("claim", &one, 409, "token_account_missing")
        .await;
    assert_eq!(said, format!("nobody can be paid now: {message}"));
    let mut generous = one.clone();
    generous["create_accounts"] = "everybody".into();
    let answer = world.ask("claim", &generous).await;
    assert_eq!(answer.refusal(), (400, "wrong_type".to_owned()));
    assert_eq!(answer.json()["field"], "create_accounts");
    // And a payer who chooses to pay for it is told the owner
    generous["create_accounts"] = "all".into();
    let before = world.lamports(&bob.pubkey()).await;
    let answer = world.act("claim", &generous, &[bob]).await;
    assert_eq!(before - world.lamports(&bob.pubkey()).await, cost(&answer));
    assert_eq!(answer["cost"]["rent"], "2039280");
    assert_eq!(
        answer["claims"],
        json!([{ "conversion": conversion_text, "referrer": "0", "referee": "250", "partner": "0",
            "waiting": [] }])
    );
    assert_eq!(
        answer["creates"],
        json!([{ "address": place.to_string(), "owner": text(&carol) }])
    );
    let warning = &answer["warnings"][0];
    assert_eq!(warning["code"], "pays_for_others");
    let message = warning["message"].as_str().unwrap();
    assert!(message.ends_with(&text(&carol)), "{message}");
    for (wallet, units) in [(alice, 650), (&carol, 250), (&partner, 100)] {
        assert_eq!(world.tokens(&wallet.pubkey(), &mint).await, Some(units));
    }
    world.refuses("claim", &one, 409, "already_paid").await;
    world
        .refuses(
            "end-partnership",
            &with(json!({ "by_partner": "x" })),
            400,
            "wrong_type",
        )
        .await;
    world
        .act(
            "end-partnership",
            &with(json!({ "by_partner": true, "payer": text(alice) })),
            &[alice, &partner],
        )
        .await;
    assert_eq!(
        world.read::<Referral>(&referral).await.partner,
        Pubkey::default()
    );

    // Given conversions of twenty wallets without token accounts, and then of Bob, who has one
    let wallets: Vec<Keypair> = std::iter::repeat_with(Keypair::new).take(20).collect();
    let mut due = Vec::new();
    for wallet in wallets.iter().chain([bob]) {
        let answer = world
            .act("convert", &convert(wallet), &[company, wallet])
            .await;
        let at_conversion = key(&answer, "conversion");
        let read: Conversion = world.read(&at_conversion).await;
        world.mirror(&at_conversion, &at, &read).await;
        due.push((at_conversion, read));
    }
    let (bobs, last) = due[20].clone();
    let program = token::TOKEN_PROGRAM_ID;
    let create = token::create_associated_token(&bob.pubkey(), &bob.pubkey(), &mint, &program);
    world.run(&[create], &[bob]).await;
    // And Alice has closed hers, and has got its lamports
    let units = world.tokens(&alice.pubkey(), &mint).await.unwrap();
    world
        .run(&burn_and_close(&alice.pubkey(), &mint, units), &[alice])
        .await;
    world.wait_for(last.claimable_from()).await;
    // When the company claims for her, then it pays for no account, and what can be paid is found behind
    // all that cannot
    let all = json!({ "campaign": campaign_text, "wallet": text(alice) });
    let mut by_company = all.clone();
    by_company["payer"] = text(company).into();
    let answer = world.act("claim", &by_company, &[company]).await;
    let claims = answer["claims"].as_array().unwrap();
    assert_eq!(claims.len(), 1, "{answer}");
    assert_eq!(
        (&claims[0]["conversion"], &claims[0]["referee"]),
        (&json!(bobs.to_string()), &json!("500"))
    );
    assert_eq!(claims[0]["waiting"][0]["part"], "referrer");
    assert_eq!(answer["creates"], json!([]));
    let skipped = answer["skipped"].as_array().unwrap();
    let reasons = skipped
        .iter()
        .map(|it| (&it["code"], it["waiting"].as_array().unwrap().len()));
    let reasons: Vec<_> = reasons.collect();
    assert_eq!(reasons, vec![(&json!("token_account_missing"), 2); 20]);
    assert_eq!(
        (&answer["left"], &answer["next_cursor"]),
        (&json!("0"), &Value::Null)
    );
    let refused = world.ask("claim", &by_company).await;
    assert_eq!(refused.refusal(), (409, "token_account_missing".to_owned()));
    assert_eq!(refused.json()["next_cursor"], Value::Null);
    // And one request looks at 128 conversions, and says where to go on
    let old = Conversion {
        converted_at: 1_000,
        ..last
    };
    for _ in 0..130 {
        world.mirror(&Pubkey::new_unique(), &at, &old).await;
    }
    let refused = world.ask("claim", &all).await;
    assert_eq!(refused.refusal(), (409, "nothing_to_claim".to_owned()));
    let mut further = all.clone();
    further["cursor"] = refused.json()["next_cursor"].clone();
    let answer = world.act("claim", &further, &[alice]).await;
    // Alice pays for her own account, and for no other.
    let creates = answer["creates"].as_array().unwrap();
    assert_eq!(creates.len(), 1, "{answer}");
    assert_eq!(creates[0]["owner"], text(alice));
    assert_eq!(answer["warnings"], json!([]));
    let paid = answer["claims"].as_array().unwrap().len();
    assert_eq!(answer["left"], (21 - paid).to_string());
    assert!(answer["next_cursor"].is_string(), "{answer}");
    for (wrong, code) in [("x", "invalid_query"), ("", "invalid_query")] {
        further["cursor"] = wrong.into();
        world.refuses("claim", &further, 400, code).await;
    }
    sqlx::query("DELETE FROM conversions WHERE converted_at = 1000")
        .execute(&world.pool)
        .await
        .unwrap();
    // When Alice claims all of them for everybody, then each transaction pays as many as fit, and says
    // how many are left
    let mut for_all = all.clone();
    for_all["create_accounts"] = "all".into();
    let mut left = 21;
    while left > 0 {
        let answer = world.act("claim", &for_all, &[alice]).await;
        let claims = answer["claims"].as_array().unwrap();
        assert!((1..21).contains(&claims.len()), "{answer}");
        left -= claims.len();
        assert_eq!(answer["left"], left.to_string());
        assert_eq!(answer["skipped"], json!([]));
        let paid: Vec<String> = claims
            .iter()
            .map(|claim| claim["conversion"].as_str().unwrap().to_owned())
            .collect();
        // Each of these wallets gets its account now; Bob has one.
        let new = paid.iter().filter(|it| **it != bobs.to_string()).count();
        assert_eq!(answer["creates"].as_array().unwrap().len(), new);
        if left > 0 {
            sqlx::query(
                "UPDATE conversions SET status = 'paid', settled = 7 WHERE address = ANY($1)",
            )
            .bind(paid)
            .execute(&world.pool)
            .await
            .unwrap();
        }
    }
    // The second conversion of the code earns 1000, the others, from the third on, 2000.
    let paid = world.tokens(&alice.pubkey(), &mint).await.unwrap();
    assert_eq!(paid, 750 + 20 * 1500);
    for (address, _) in &due {
        assert_eq!(world.read::<Conversion>(address).await.status, Status::Paid);
    }
    // And what the mirror does not know yet is not paid twice
    let said = world.refuses("claim", &all, 409, "nothing_to_claim").await;
    assert!(said.contains("has been paid"), "{said}");
    let nobody = json!({ "campaign": campaign_text, "wallet": text(&Keypair::new()) });
    world
        .refuses("claim", &nobody, 409, "nothing_to_claim")
        .await;
    for (wrong, code) in [
        (json!({}), "missing_field"),
        (json!({ "campaign": campaign_text }), "missing_field"),
        (json!({ "wallet": text(alice) }), "missing_field"),
        (
            json!({ "conversion": conversion.to_string(), "wallet": text(alice) }),
            "conflicting_fields",
        ),
        (
            json!({ "conversion": conversion.to_string(), "cursor": "x" }),
            "invalid_query",
        ),
    ] {
        world.refuses("claim", &wrong, 400, code).await;
    }
    let none = json!({ "conversion": text(alice) });
    world
        .refuses("claim", &none, 404, "conversion_not_found")
        .await;

    // Given a longer hold, which is a cut, and so needs a campaign of its own
    let held = json!({
        "authority": text(company), "id": "3", "funding": "vault", "mint": mint.to_string(), "funds": "2500",
        "notice_seconds": 0, "settings": { "reward": { "fixed": "1000" }, "hold_seconds": 3600 },
    });
    let answer = world.act("create-campaign", &held, &[company]).await;
    assert_eq!(answer["new_mint"], false);
    assert_eq!(world.tokens(&company.pubkey(), &mint).await, Some(0));
    let held_text = answer["campaign"].as_str().unwrap();
    let register = json!({ "campaign": held_text, "code": "STARTER7", "owner": text(alice) });
    world.act("create-referral", &register, &[alice]).await;
    let convert = json!({ "campaign": held_text, "code": "STARTER7", "referee": text(bob) });
    let answer = world.act("convert", &convert, &[bob]).await;
    // When somebody claims within the hold, then the refusal says from when
    let one = json!({ "conversion": answer["conversion"] });
    let said = world.refuses("claim", &one, 409, "still_held").await;
    assert!(said.contains("it can be claimed from 20"), "{said}");
    let close = json!({ "campaign": held_text, "code": "STARTER7" });
    world
        .refuses("close-referral", &close, 409, "rewards_pending")
        .await;
    // And what is owed cannot be withdrawn
    let most = json!({ "campaign": held_text, "amount": "1501" });
    let said = world
        .refuses("withdraw-vault", &most, 409, "insufficient_vault")
        .await;
    assert!(said.contains("at most 1500"), "{said}");
    // When the company cancels it, then nothing is owed
    world.act("cancel-conversion", &one, &[company]).await;
    let cancelled: Conversion = world.read(&key(&answer, "conversion")).await;
    assert_eq!(cancelled.status, Status::Cancelled);
    world
        .refuses("claim", &one, 409, "conversion_cancelled")
        .await;
    world
        .refuses("cancel-conversion", &one, 409, "conversion_cancelled")
        .await;
    world.act("withdraw-vault", &most, &[company]).await;

    world
        .refuses(
            "fund-vault",
            &json!({ "campaign": text(bob), "funder": text(bob), "amount": "1" }),
            404,
            "campaign_not_found",
        )
        .await;
    world.act("close-campaign", &this, &[company]).await;
}

/// Burns all that the owner's associated token account holds, and closes it: the Token program's
/// instructions `Burn` and `CloseAccount`.
fn burn_and_close(owner: &Pubkey, mint: &Pubkey, units: u64) -> [Instruction; 2] {
    let program_id = token::TOKEN_PROGRAM_ID;
    let (account, _) = pda::associated_token(owner, mint, &program_id);
    let signer = AccountMeta::new_readonly(*owner, true);
    let mut burn = vec![8];
    burn.extend(units.to_le_bytes());
    [
        Instruction {
            program_id,
            accounts: vec![
                AccountMeta::new(account, false),
                AccountMeta::new(*mint, false),
                signer.clone(),
            ],
            data: burn,
        },
        Instruction {
            program_id,
            accounts: vec![
                AccountMeta::new(account, false),
                AccountMeta::new(*owner, false),
                signer,
            ],
            data: vec![9],
        },
    ]
}
