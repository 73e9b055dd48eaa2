//! One referral from the first click to the leaderboard, and everything that the product
//! must refuse.

use anyhow::{Context as _, Result};
use serde_json::json;
use solana_sdk::{
    instruction::Instruction,
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
};
use vouch_client::{
    Code,
    accounts::{self, Referral},
    instructions::{self, Convert, Offer},
};

use super::World;
use crate::{
    campaign::{self, Campaign, REWARD},
    http::text,
};

const CODE: &str = "STARTER7";

/// Lamports of a wallet that pays for itself: 1 SOL.
const SOL: u64 = 1_000_000_000;

/// Plays the story and records every check.
pub(super) async fn play(world: &mut World) -> Result<()> {
    let company = Keypair::new();
    let (alice, bob, carol) = (Keypair::new(), Keypair::new(), Keypair::new());
    world.chain.airdrop(&company.pubkey(), 10 * SOL).await?;
    world.chain.airdrop(&alice.pubkey(), SOL).await?;

    let landing = format!("{}/welcome?from=demo", world.api.url());
    let campaign = campaign::open(&world.chain, &world.api, &company, 1, "Demo", &landing).await?;
    println!("\nA company opens a campaign: 5 tokens for each conversion");
    println!("      {}", campaign.signature);
    let units = world.chain.compute_units(&campaign.signature).await?;
    world
        .report
        .units("create_campaign (with a new mint)", units);

    println!("\nAlice creates her code");
    let code: Code = CODE.parse().expect("the constant is a code");
    let body = json!({ "campaign": campaign.address.to_string(),
        "owner": alice.pubkey().to_string(), "code": CODE });
    let answer = world
        .api
        .post("/v1/transactions/create-referral", body)
        .await?
        .ok()?;
    let signature = world.chain.sign_and_send(&answer, &[&alice]).await?;
    let landed = world.chain.confirmed(signature).await?;
    world.report.check(
        "the chain registers the code",
        "paid",
        landed.outcome(),
        Some(signature.to_string()),
    );
    let units = world.chain.compute_units(&signature).await?;
    world.report.units(
        "create_referral (with the creation of the owner's token account)",
        units,
    );
    let path = format!("/v1/codes/{CODE}");
    let (seen, _) = world
        .api
        .until(&path, |answer| answer.status.is_success())
        .await?;
    world.report.check(
        "the API shows its owner",
        alice.pubkey(),
        text(&seen, "owner")?,
        None,
    );
    let share_url = text(&seen, "share_url")?.to_owned();
    world.report.check(
        "its share link",
        format!("{}/r/{CODE}", world.api.url()),
        &share_url,
        None,
    );

    println!("\nBob follows her link and converts; he has no SOL, the company pays the fee");
    click(world, "starter7").await?;
    let body = convert_request(CODE, &bob.pubkey(), &company.pubkey());
    let answer = world
        .api
        .post("/v1/transactions/convert", body)
        .await?
        .ok()?;
    let signature = world
        .chain
        .sign_and_send(&answer, &[&company, &bob])
        .await?;
    let landed = world.chain.confirmed(signature).await?;
    let receipt = Some(signature.to_string());
    world.report.check(
        "Bob's conversion",
        "paid",
        landed.outcome(),
        receipt.clone(),
    );
    let units = world.chain.compute_units(&signature).await?;
    world.report.units("convert", units);
    let balance = world
        .chain
        .balance(&alice.pubkey(), &campaign.mint, &campaign.token_program)
        .await?;
    world
        .report
        .check("Alice's balance in base units", REWARD, balance, receipt);

    println!("\nWhat must be refused, by the API and by the chain itself");
    let opened: accounts::Campaign = world.chain.read(&campaign.address).await?;
    let convert = |referee: &Keypair, code: Code| -> Result<Instruction> {
        let referral = Referral::registered(&campaign.address, &opened, &code, &alice.pubkey());
        // No settings were announced, so they are the same at any time.
        let offer = Offer::at(campaign.address, &opened, &referral, opened.created_at)?;
        let args = Convert {
            payer: company.pubkey(),
            ..Convert::signup(&referee.pubkey())
        };
        Ok(instructions::convert(&offer, &args))
    };
    let unknown: Code = "NEVER234".parse().expect("the constant is a code");
    for (what, referee, asked, http, chain) in [
        (
            "Bob again",
            &bob,
            code,
            "409 already_converted",
            "AlreadyConverted",
        ),
        (
            "Alice for herself",
            &alice,
            code,
            "422 self_referral",
            "SelfReferral",
        ),
        (
            "a code that does not exist",
            &carol,
            unknown,
            "404 code_not_found",
            "ReferralNotFound",
        ),
    ] {
        let body = convert_request(asked.as_str(), &referee.pubkey(), &company.pubkey());
        let answer = world.api.post("/v1/transactions/convert", body).await?;
        world.report.check(
            format!("{what}, asked over HTTP"),
            http,
            answer.outcome(),
            None,
        );
        let landed = world
            .chain
            .run(&[convert(referee, asked)?], &[&company, referee])
            .await?;
        let signature = Some(landed.signature.to_string());
        world.report.check(
            format!("{what}, sent to the chain"),
            chain,
            landed.outcome(),
            signature,
        );
    }
    let answer = world.api.get("/r/NEVER234").await?;
    world.report.check(
        "a link that does not exist",
        "404 code_not_found",
        answer.outcome(),
        None,
    );

    let pause = instructions::set_paused(&company.pubkey(), &campaign.address, true);
    let landed = world.chain.run_ok(&[pause], &[&company]).await?;
    let units = world.chain.compute_units(&landed.signature).await?;
    world.report.units("set_paused", units);
    let body = convert_request(CODE, &carol.pubkey(), &company.pubkey());
    let answer = world.api.post("/v1/transactions/convert", body).await?;
    world.report.check(
        "Carol while paused, asked over HTTP",
        "409 campaign_paused",
        answer.outcome(),
        None,
    );
    let landed = world
        .chain
        .run(&[convert(&carol, code)?], &[&company, &carol])
        .await?;
    world.report.check(
        "Carol while paused, sent to the chain",
        "CampaignPaused",
        landed.outcome(),
        Some(landed.signature.to_string()),
    );

    numbers(
        world,
        &campaign,
        &alice.pubkey(),
        &bob.pubkey(),
        &signature.to_string(),
    )
    .await
}

fn convert_request(code: &str, referee: &Pubkey, payer: &Pubkey) -> serde_json::Value {
    json!({ "code": code, "referee": referee.to_string(), "payer": payer.to_string() })
}

/// Follows a link, and looks up the click of the answer in Postgres.
async fn click(world: &mut World, code: &str) -> Result<()> {
    let answer = world
        .api
        .get(&format!("/r/{code}?src=link&utm_source=demo"))
        .await?;
    world
        .report
        .check("Bob's click", "302", answer.outcome(), None);
    let location = answer.location.context("a redirect without a location")?;
    let url = url::Url::parse(&location)?;
    let query = |name: &str| {
        url.query_pairs()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    world.report.check(
        "the landing page learns the code",
        CODE,
        query("ref").unwrap_or_default(),
        None,
    );
    world.report.check(
        "and keeps its own query",
        "demo",
        query("from").unwrap_or_default(),
        None,
    );
    let click_id = query("click_id").context("a redirect without a click id")?;
    let stored = world.mirror.click_code(&click_id).await?;
    world.report.check(
        "the click is in Postgres",
        CODE,
        stored.unwrap_or_default(),
        None,
    );
    Ok(())
}

/// Checks stats and leaderboard, once the conversion is final.
async fn numbers(
    world: &mut World,
    campaign: &Campaign,
    alice: &Pubkey,
    bob: &Pubkey,
    signature: &str,
) -> Result<()> {
    println!("\nWhat everybody can see, once the chain has finalized it");
    let path = format!("/v1/leaderboard?campaign={}&period=all", campaign.address);
    let (board, _) = world
        .api
        .until(&path, |answer| {
            answer.body["entries"]
                .as_array()
                .is_some_and(|e| !e.is_empty())
        })
        .await?;
    let entry = &board["entries"][0];
    world.report.check(
        "entries on the leaderboard",
        1,
        &board["total_entries"],
        None,
    );
    world.report.check(
        "first on the leaderboard",
        alice,
        text(entry, "wallet")?,
        None,
    );
    world
        .report
        .check("with conversions", 1, number(&entry["conversions"]), None);
    world
        .report
        .check("with base units", REWARD, number(&entry["rewards"]), None);

    let path = format!("/v1/conversions?referee={bob}");
    let (found, _) = world
        .api
        .until(&path, |answer| {
            let first = &answer.body["conversions"][0];
            first["signature"].is_string() && first["commitment"] == "finalized"
        })
        .await?;
    let first = &found["conversions"][0];
    world
        .report
        .check("Bob's receipt", signature, text(first, "signature")?, None);
    world
        .report
        .check("its status", "paid", text(first, "status")?, None);

    let stats = world
        .api
        .get(&format!("/v1/codes/{CODE}/stats"))
        .await?
        .ok()?;
    world.report.check(
        "clicks on the code",
        1,
        number(&stats["clicks"]["total"]),
        None,
    );
    world.report.check(
        "of them by people",
        1,
        number(&stats["clicks"]["unique"]),
        None,
    );
    world.report.check(
        "conversions of the code",
        1,
        number(&stats["conversions"]["total"]),
        None,
    );
    world.report.check(
        "base units paid",
        REWARD,
        number(&stats["rewards"]["paid"]),
        None,
    );
    world.report.check(
        "base units pending",
        0,
        number(&stats["rewards"]["pending"]),
        None,
    );
    let supply = world.chain.rpc().get_token_supply(&campaign.mint).await?;
    world
        .report
        .check("base units ever minted", REWARD, supply.amount, None);
    Ok(())
}

/// A number that the API returns as a number or as a string.
pub(super) fn number(value: &serde_json::Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
