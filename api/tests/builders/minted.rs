//! A campaign that mints a new token, from its opening to the rents of its codes.

use serde_json::{Value, json};
use solana_sdk::signature::{Keypair, Signer};
use vouch_client::{
    accounts::{Campaign, Closed, Funding, Proof, Referral, Settings, Uniqueness},
    pda, token,
};

use crate::world::{World, code, cost, key, text};

/// A campaign that mints a new token, and its code: everything that is not chosen is usual.
pub(crate) async fn play(world: &World) {
    let World {
        company,
        alice,
        bob,
        ..
    } = world;
    // When a company names only itself, the campaign and the reward
    let body = json!({
        "authority": text(company), "name": "Spring", "settings": { "reward": { "fixed": "5000000" } },
    });
    let before = world.lamports(&company.pubkey()).await;
    let answer = world.act("create-campaign", &body, &[company]).await;
    // Then it costs exactly what the answer says
    let after = world.lamports(&company.pubkey()).await;
    assert_eq!(before - after, cost(&answer));
    // And the campaign is as the answer shows it
    let at = key(&answer, "campaign");
    let campaign: Campaign = world.read(&at).await;
    assert_eq!(campaign.id.to_string(), answer["id"].as_str().unwrap());
    assert_eq!(campaign.authority, company.pubkey());
    assert_eq!(campaign.settings, Settings::fixed(5_000_000));
    assert_eq!(campaign.funding, Funding::MintAuthority);
    assert_eq!(
        (campaign.proof, campaign.uniqueness, campaign.per_owner),
        (Proof::Open, Uniqueness::Wallet, false)
    );
    assert_eq!(campaign.notice_seconds, 604_800);
    assert_eq!(campaign.mint, key(&answer, "mint"));
    let mint = world.rpc.get_account_data(&campaign.mint).await.unwrap();
    assert_eq!(token::mint(&mint).unwrap().authority, Some(at));
    assert_eq!(
        answer["terms"],
        json!({ "funding": "mint_authority", "proof": "open", "uniqueness": "wallet",
            "per_owner": false, "notice_seconds": 604_800 })
    );
    assert_eq!(answer["settings"]["reward"]["fixed"], "5000000");
    assert_eq!(answer["new_mint"], true);
    assert_eq!(answer["vault"], Value::Null);
    // And the preview warns, because anybody can make a second wallet
    let preview = &answer["preview"];
    assert_eq!(preview["payment"], Value::Null);
    let referrer = json!({ "units": "5000000", "tokens": "5.000000" });
    assert_eq!(preview["conversions"][0]["referrer"], referrer);
    assert_eq!(preview["self_referral"], referrer);
    assert_eq!(answer["warnings"][0]["code"], "self_referral_pays");
    // And nobody opens it twice, nor without what is required
    world
        .refuses("create-campaign", &body, 409, "campaign_exists")
        .await;
    for (wrong, status, code) in [
        (
            json!({ "authority": text(company), "settings": { "reward": { "fixed": "1" } } }),
            400,
            "missing_field",
        ),
        (
            json!({ "authority": text(company), "id": "1", "settings": {} }),
            400,
            "missing_field",
        ),
        (
            json!({ "authority": text(company), "id": "1", "name": "x", "settings": { "reward": { "fixed": "1" } } }),
            400,
            "conflicting_fields",
        ),
        (
            json!({ "authority": text(company), "id": "1", "settings": { "reward": { "fixed": "1", "percent_bps": 1 } } }),
            400,
            "conflicting_fields",
        ),
        (
            json!({ "authority": text(company), "id": "1", "settings": { "reward": { "fixed": "x" } } }),
            400,
            "invalid_amount",
        ),
        (
            json!({ "authority": text(company), "id": "1", "settings": { "reward": { "fixed": "1" }, "ends_at": "soon" } }),
            400,
            "invalid_time",
        ),
        (
            json!({ "authority": text(company), "id": "1", "settings": { "reward": { "fixed": "1" }, "ends_at": "1999-01-01T00:00:00Z" } }),
            422,
            "invalid_schedule",
        ),
        (
            json!({ "authority": text(company), "id": "1", "settings": { "reward": { "fixed": "0" } } }),
            422,
            "invalid_reward",
        ),
        (
            json!({ "authority": text(company), "id": "1", "settings": { "reward": { "percent_bps": 100 } } }),
            422,
            "invalid_reward",
        ),
        (
            json!({ "authority": text(company), "id": "1", "settings": { "reward": { "fixed": "1" }, "hold_seconds": -1 } }),
            400,
            "wrong_type",
        ),
        (
            json!({ "authority": text(company), "id": "1", "settings": { "reward": { "fixed": "1" }, "hold_seconds": 31_536_001 } }),
            422,
            "invalid_hold",
        ),
        (
            json!({ "authority": text(company), "id": "1", "funds": "1", "settings": { "reward": { "fixed": "1" } } }),
            400,
            "conflicting_fields",
        ),
        (
            json!({ "authority": text(company), "id": "1", "funding": "gift", "settings": { "reward": { "fixed": "1" } } }),
            400,
            "wrong_type",
        ),
        (
            json!({ "authority": text(company), "id": "1", "mint": text(bob), "funding": "mint_authority", "settings": { "reward": { "fixed": "1" }, "budget": "0" } }),
            422,
            "unsupported_mint",
        ),
        (
            json!({ "authority": text(bob), "id": "1", "mint": campaign.mint.to_string(), "funding": "mint_authority", "settings": { "reward": { "fixed": "1" }, "budget": "0" } }),
            422,
            "mint_authority_mismatch",
        ),
    ] {
        world.refuses("create-campaign", &wrong, status, code).await;
    }
    // And an example that no conversion may have is no preview
    let mut small = json!({ "authority": text(company), "id": "1", "example_amount": "9",
        "settings": { "reward": { "fixed": "1" }, "min_amount": "10" } });
    let answer = world.ask("create-campaign", &small).await;
    assert_eq!(answer.refusal(), (400, "invalid_amount".to_owned()));
    assert_eq!(answer.json()["field"], "example_amount");
    // And no example hides what he gains who refers himself by the least payment of a token
    small["funding"] = "payment_split".into();
    small["settings"] = json!({ "reward": { "fixed": "20" }, "min_amount": "20" });
    small["example_amount"] = "1000000000".into();
    let answer = world.ask("create-campaign", &small).await.json();
    assert_eq!(answer["preview"]["self_referral"]["units"], "0", "{answer}");
    // And nobody gives a token away, or compares two of them, without saying so
    let mint = campaign.mint.to_string();
    for (more, field) in [
        (json!({ "mint": mint }), "funding"),
        (
            json!({ "mint": mint, "funding": "mint_authority" }),
            "settings.budget",
        ),
        (
            json!({ "funding": "vault", "proof": "payment" }),
            "settings.min_amount",
        ),
        (
            json!({ "funding": "vault", "proof": "payment", "settings": { "reward": { "percent_bps": 100 } } }),
            "settings.reward.max",
        ),
    ] {
        let mut asked = json!({ "authority": text(company), "id": "1", "settings": { "reward": { "fixed": "1" } } });
        let more = more.as_object().unwrap().clone();
        asked.as_object_mut().unwrap().extend(more);
        let answer = world.ask("create-campaign", &asked).await;
        assert_eq!(answer.refusal(), (400, "missing_field".to_owned()));
        assert_eq!(answer.json()["field"], field, "{}", answer.text);
    }
    // And lamports at the address of a mint, which anybody can send, are named before they fail
    let blocked = json!({ "authority": text(company), "id": "77", "settings": { "reward": { "fixed": "1" } } });
    world
        .airdrop(&vouch_client::opening::new_mint(&company.pubkey(), 77))
        .await;
    world
        .refuses("create-campaign", &blocked, 409, "mint_address_taken")
        .await;

    // When Alice registers a code, changes it, and offers it to Bob, who takes it and gives it back
    let campaign_text = at.to_string();
    let named = json!({ "campaign": campaign_text, "code": "STARTER7" });
    let with = |more: Value| {
        let mut body = named.clone();
        let more = more.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(more);
        body
    };
    let register = with(json!({ "owner": text(alice) }));
    world.act("create-referral", &register, &[alice]).await;
    let referral = pda::referral(&at, &code("STARTER7"));
    let later = "2100-01-01T00:00:00Z";
    let change = with(json!({ "active": false, "usage_limit": "9", "expires_at": later }));
    world.act("update-referral", &change, &[alice]).await;
    let read: Referral = world.read(&referral).await;
    assert_eq!(
        (read.active, read.usage_limit, read.expires_at),
        (false, 9, 4_102_444_800)
    );
    let change = with(json!({ "active": true, "expires_at": "never" }));
    world.act("update-referral", &change, &[alice]).await;
    let read: Referral = world.read(&referral).await;
    assert_eq!(
        (read.active, read.usage_limit, read.expires_at),
        (true, 9, 0)
    );
    let past = with(json!({ "expires_at": "1999-01-01T00:00:00Z" }));
    world
        .refuses("update-referral", &past, 422, "invalid_expiry")
        .await;
    world.refuses("accept-owner", &named, 409, "no_offer").await;
    world
        .act(
            "propose-owner",
            &with(json!({ "new_owner": text(bob) })),
            &[alice],
        )
        .await;
    world.act("accept-owner", &named, &[bob]).await;
    assert_eq!(world.read::<Referral>(&referral).await.owner, bob.pubkey());
    world
        .act(
            "propose-owner",
            &with(json!({ "new_owner": text(alice) })),
            &[bob],
        )
        .await;
    world.act("accept-owner", &named, &[alice]).await;
    assert_eq!(
        world.read::<Referral>(&referral).await.owner,
        alice.pubkey()
    );

    // When the company suspends the code, and pauses the campaign, then nobody converts
    let convert = with(json!({ "referee": text(bob) }));
    world
        .act(
            "set-suspended",
            &with(json!({ "suspended": true })),
            &[company],
        )
        .await;
    world
        .refuses("convert", &convert, 409, "code_inactive")
        .await;
    world
        .act(
            "set-suspended",
            &with(json!({ "suspended": false })),
            &[company],
        )
        .await;
    let pause = |paused: bool| json!({ "campaign": campaign_text, "paused": paused });
    world.act("set-paused", &pause(true), &[company]).await;
    world
        .refuses("convert", &convert, 409, "campaign_paused")
        .await;
    world.act("set-paused", &pause(false), &[company]).await;
    // And afterwards Bob does
    let answer = world.act("convert", &convert, &[bob]).await;
    assert_eq!(
        world.tokens(&alice.pubkey(), &campaign.mint).await,
        Some(5_000_000)
    );
    // And there is nothing to claim or to cancel
    let conversion = json!({ "conversion": answer["conversion"] });
    world
        .refuses("claim", &conversion, 409, "already_paid")
        .await;
    world
        .refuses("cancel-conversion", &conversion, 409, "already_paid")
        .await;

    // When the company raises the reward, then it holds at once; when it cuts it, after a week
    let update = |settings: Value| json!({ "campaign": campaign_text, "settings": settings });
    let raise = update(json!({ "reward": { "fixed": "6000000" } }));
    let answer = world.act("update-campaign", &raise, &[company]).await;
    assert_eq!(answer["is_cut"], false);
    assert_eq!(
        world.read::<Campaign>(&at).await.settings,
        Settings::fixed(6_000_000)
    );
    let cut = update(json!({ "hold_seconds": 60 }));
    let answer = world.act("update-campaign", &cut, &[company]).await;
    assert_eq!(answer["is_cut"], true);
    let cut: Campaign = world.read(&at).await;
    assert_eq!(cut.settings, Settings::fixed(6_000_000));
    let next = Settings {
        hold_seconds: 60,
        ..Settings::fixed(6_000_000)
    };
    assert_eq!(cut.next, next);
    let said = answer["in_force_from"].as_str().unwrap();
    let said = time::OffsetDateTime::parse(said, &time::format_description::well_known::Rfc3339);
    // The transaction is sent later than it was built.
    assert!(said.unwrap().unix_timestamp() <= cut.next_from);
    assert_eq!(answer["settings"]["hold_seconds"], 60);
    // And a further change, in a later second, starts from what was announced
    world.wait_for(cut.next_from - 604_800 + 1).await;
    let answer = world
        .ask(
            "update-campaign",
            &update(json!({ "budget": "1000000000" })),
        )
        .await;
    let answer = answer.json();
    assert_eq!(answer["settings"]["hold_seconds"], 60);
    // And it says that the announced cut waits anew
    let told = answer["warnings"].as_array().unwrap().iter();
    let told: Vec<&Value> = told
        .filter(|warning| warning["code"] == "announced_cut_restarts")
        .collect();
    let [told] = told[..] else {
        panic!("{answer}");
    };
    let old = time::OffsetDateTime::from_unix_timestamp(cut.next_from).unwrap();
    let old = old
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap();
    let message = told["message"].as_str().unwrap();
    assert!(message.contains(&old), "{message}");
    let new = answer["in_force_from"].as_str().unwrap();
    assert!(message.ends_with(new), "{message}");
    // And a reward that becomes a percentage needs a maximum
    let percent = update(json!({ "reward": { "percent_bps": 100 } }));
    let answer = world.ask("update-campaign", &percent).await;
    assert_eq!(answer.refusal(), (400, "missing_field".to_owned()));
    assert_eq!(answer.json()["field"], "settings.reward.max");
    let bad = update(json!({ "referee_share_bps": 10_001 }));
    world
        .refuses("update-campaign", &bad, 422, "invalid_shares")
        .await;

    // When the company hands the campaign to Bob, and back
    let this = json!({ "campaign": campaign_text });
    world
        .refuses("accept-authority", &this, 409, "no_offer")
        .await;
    let offer = |to: &Keypair| json!({ "campaign": campaign_text, "new_authority": text(to) });
    world
        .act("propose-authority", &offer(bob), &[company])
        .await;
    world.act("accept-authority", &this, &[bob]).await;
    assert_eq!(world.read::<Campaign>(&at).await.authority, bob.pubkey());
    world
        .act("propose-authority", &offer(company), &[bob])
        .await;
    world.act("accept-authority", &this, &[company]).await;

    // When Alice closes a second code, then its rent goes back, and nobody gets it again
    let second = json!({ "campaign": campaign_text, "code": "STARTER8", "owner": text(alice) });
    world.act("create-referral", &second, &[alice]).await;
    let close = json!({ "campaign": campaign_text, "code": "STARTER8" });
    world.act("close-referral", &close, &[alice]).await;
    let tombstone = pda::referral(&at, &code("STARTER8"));
    assert_eq!(world.read::<Closed>(&tombstone).await.campaign, at);
    world
        .refuses("create-referral", &second, 409, "code_taken")
        .await;

    // When the campaign is closed, then its rents go back
    world
        .refuses("reclaim-campaign", &this, 409, "campaign_not_closed")
        .await;
    let rents =
        json!({ "accounts": [tombstone.to_string(), referral.to_string()], "payer": text(bob) });
    world
        .refuses("reclaim", &rents, 409, "campaign_not_closed")
        .await;
    world.act("close-campaign", &this, &[company]).await;
    assert!(world.read::<Campaign>(&at).await.closed);
    world
        .refuses("close-campaign", &this, 409, "campaign_closed")
        .await;
    world
        .refuses("set-paused", &pause(true), 409, "campaign_closed")
        .await;
    world
        .refuses("update-campaign", &raise, 409, "campaign_closed")
        .await;
    world.act("reclaim", &rents, &[bob]).await;
    for gone in [&tombstone, &referral] {
        assert_eq!(world.lamports(gone).await, 0);
    }
    world
        .refuses("reclaim", &rents, 404, "account_not_found")
        .await;
    // And the campaign itself only after the claim period
    world
        .refuses("reclaim-campaign", &this, 409, "claim_period_open")
        .await;
}
