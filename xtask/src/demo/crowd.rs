//! Many wallets convert at once, with several codes. No conversion may be lost or counted
//! twice, and each must be visible soon after its confirmation.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use solana_sdk::{
    pubkey::Pubkey,
    signature::{Keypair, Signature, Signer as _},
};
use tokio::sync::mpsc;
use vouch_client::pda;

use super::{World, story::number};
use crate::{
    campaign::{self, Campaign, REWARD},
    http::{Api, text},
};

/// Parallel requests and transactions.
const CONCURRENCY: usize = 16;

/// Lamports for a company that pays every fee and every rent: 100 SOL.
const FUNDS: u64 = 100_000_000_000;

/// Time limit without a newly visible conversion.
const VISIBLE: Duration = Duration::from_secs(60);

/// Plays `wallets` referees with `codes` codes and records every check. With
/// `kill_indexer`, kills the indexer in the middle and starts it again.
pub(super) async fn play(
    world: &mut World,
    wallets: usize,
    codes: usize,
    kill_indexer: bool,
) -> Result<()> {
    let company = Keypair::new();
    world.chain.airdrop(&company.pubkey(), FUNDS).await?;
    let landing = format!("{}/welcome", world.api.url());
    let campaign = campaign::open(&world.chain, &world.api, &company, 1, "Crowd", &landing).await?;

    println!("\n{codes} people create a code each");
    let owners = create_codes(world, &campaign, &company, codes).await?;

    println!("{wallets} wallets follow their links and convert, {CONCURRENCY} at a time");
    let referees: Vec<(Keypair, String)> = (0..wallets)
        .map(|i| (Keypair::new(), owners[i % codes].0.clone()))
        .collect();
    let addresses: Vec<Pubkey> = referees
        .iter()
        .map(|(referee, _)| pda::conversion(&campaign.address, &referee.pubkey().to_bytes()))
        .collect();

    let (sent, to_confirm) = mpsc::unbounded_channel();
    let (early, late) = referees.split_at(wallets / 2);
    let work = async {
        let mut signatures = convert(world, &campaign, &company, early, &sent).await?;
        if kill_indexer {
            println!("the indexer is killed");
            world.kill_indexer().await?;
        }
        signatures.extend(convert(world, &campaign, &company, late, &sent).await?);
        drop(sent);
        if kill_indexer {
            println!("the indexer is started again");
            world.start_indexer().await?;
        }
        anyhow::Ok(signatures)
    };
    let (signatures, landed, visible) = tokio::try_join!(
        work,
        world.chain.confirm_all(to_confirm),
        watch(&world.api, &campaign, wallets)
    )?;

    let refused = landed
        .values()
        .filter(|landed| landed.error.is_some())
        .count();
    let mut samples = Vec::with_capacity(wallets);
    for (address, signature) in addresses.iter().zip(&signatures) {
        let seen = visible
            .get(&address.to_string())
            .context("a conversion never seen")?;
        let landed = landed
            .get(signature)
            .context("a transaction never confirmed")?;
        let delay = seen.saturating_duration_since(landed.confirmed_at);
        samples.push(u64::try_from(delay.as_millis())?);
    }
    world.report.check("conversions refused", 0, refused, None);
    if !kill_indexer {
        world.report.set_visibility(samples);
    }

    numbers(world, &campaign, &owners, wallets, &addresses, &signatures).await
}

/// Lets `codes` new wallets create a generated code each. Returns codes and owners.
async fn create_codes(
    world: &World,
    campaign: &Campaign,
    company: &Keypair,
    codes: usize,
) -> Result<Vec<(String, Pubkey)>> {
    let created: Vec<(String, Pubkey, Signature)> = stream::iter(0..codes)
        .map(async |_| {
            let owner = Keypair::new();
            let body = json!({ "campaign": campaign.address.to_string(),
                "owner": owner.pubkey().to_string(), "payer": company.pubkey().to_string() });
            let answer = world
                .api
                .post("/v1/transactions/create-referral", body)
                .await?
                .ok()?;
            let signature = world
                .chain
                .sign_and_send(&answer, &[company, &owner])
                .await?;
            anyhow::Ok((text(&answer, "code")?.to_owned(), owner.pubkey(), signature))
        })
        .buffer_unordered(CONCURRENCY)
        .try_collect()
        .await?;
    let signatures: Vec<Signature> = created.iter().map(|(_, _, signature)| *signature).collect();
    for signature in signatures {
        if let Some(error) = world.chain.confirmed(signature).await?.error {
            bail!("a code was not registered: {error}");
        }
    }
    for (code, ..) in &created {
        let path = format!("/v1/codes/{code}");
        world
            .api
            .until(&path, |answer| answer.status.is_success())
            .await?;
    }
    Ok(created
        .into_iter()
        .map(|(code, owner, _)| (code, owner))
        .collect())
}

/// Lets each referee follow its link and send a conversion. Returns the signatures in the
/// referees' order.
async fn convert(
    world: &World,
    campaign: &Campaign,
    company: &Keypair,
    referees: &[(Keypair, String)],
    sent: &mpsc::UnboundedSender<Signature>,
) -> Result<Vec<Signature>> {
    stream::iter(referees)
        .map(async |(referee, code)| {
            let answer = world.api.get(&format!("/r/{code}?src=qr")).await?;
            if answer.status.as_u16() != 302 {
                bail!("a click was answered {}", answer.outcome());
            }
            let body = json!({ "code": code, "campaign": campaign.address.to_string(),
                "referee": referee.pubkey().to_string(), "payer": company.pubkey().to_string() });
            let answer = world
                .api
                .post("/v1/transactions/convert", body)
                .await?
                .ok()?;
            let signature = world
                .chain
                .sign_and_send(&answer, &[company, referee])
                .await?;
            sent.send(signature)
                .context("the confirmation task has ended")?;
            Ok(signature)
        })
        .buffered(CONCURRENCY)
        .try_collect()
        .await
}

/// Polls the API until it shows `count` conversions of the campaign. Returns the time at
/// which each address was first seen.
async fn watch(api: &Api, campaign: &Campaign, count: usize) -> Result<HashMap<String, Instant>> {
    let mut seen = HashMap::with_capacity(count);
    let mut progress = Instant::now();
    while seen.len() < count {
        let found = conversions(api, campaign).await?;
        let now = Instant::now();
        let before = seen.len();
        for conversion in &found {
            seen.entry(text(conversion, "address")?.to_owned())
                .or_insert(now);
        }
        if seen.len() > before {
            progress = now;
        } else if now.duration_since(progress) > VISIBLE {
            bail!(
                "the API shows {} of {count} conversions, and no new one since {VISIBLE:?}",
                seen.len()
            );
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(seen)
}

/// All conversions of the campaign that the API shows, page by page.
async fn conversions(api: &Api, campaign: &Campaign) -> Result<Vec<Value>> {
    let first = format!("/v1/conversions?campaign={}&limit=200", campaign.address);
    let mut all = Vec::new();
    let mut path = first.clone();
    loop {
        let mut page = api.get(&path).await?.ok()?;
        if let Value::Array(found) = page["conversions"].take() {
            all.extend(found);
        }
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("{first}&cursor={cursor}"),
            None => return Ok(all),
        }
    }
}

/// Compares every number of the API with the expected one, once all conversions are
/// final.
async fn numbers(
    world: &mut World,
    campaign: &Campaign,
    owners: &[(String, Pubkey)],
    wallets: usize,
    addresses: &[Pubkey],
    signatures: &[Signature],
) -> Result<()> {
    println!("\nThe numbers, once the chain has finalized all of it");
    let path = format!(
        "/v1/leaderboard?campaign={}&period=all&limit=100",
        campaign.address
    );
    let (board, _) = world
        .api
        .until(&path, |answer| {
            let counted = answer.body["entries"].as_array().into_iter().flatten();
            let total: u64 = counted
                .filter_map(|e| number(&e["conversions"]).parse::<u64>().ok())
                .sum();
            total >= wallets as u64
        })
        .await?;
    let mut wrong = 0;
    for (i, (code, owner)) in owners.iter().enumerate() {
        let done = wallets / owners.len() + usize::from(i < wallets % owners.len());
        let paid = REWARD * done as u64;
        let owner_text = owner.to_string();
        let entry = board["entries"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|entry| entry["wallet"] == owner_text.as_str());
        let on_board = entry.is_some_and(|entry| {
            number(&entry["conversions"]) == done.to_string()
                && number(&entry["rewards"]) == paid.to_string()
        });
        let stats = world
            .api
            .get(&format!("/v1/codes/{code}/stats"))
            .await?
            .ok()?;
        let in_stats = number(&stats["clicks"]["total"]) == done.to_string()
            && number(&stats["conversions"]["total"]) == done.to_string()
            && number(&stats["rewards"]["paid"]) == paid.to_string();
        let balance = world
            .chain
            .balance(owner, &campaign.mint, &campaign.token_program)
            .await?;
        if done > 0 && !(on_board && in_stats && balance == paid) {
            println!(
                "      {code}: expected {done} and {paid}; balance {balance}, stats {stats}, leaderboard {entry:?}"
            );
            wrong += 1;
        }
    }
    world
        .report
        .check("codes whose stats, rank or balance differ", 0, wrong, None);
    let supply = world.chain.rpc().get_token_supply(&campaign.mint).await?;
    world.report.check(
        "base units ever minted",
        REWARD * wallets as u64,
        supply.amount,
        None,
    );

    // The indexer looks up signatures one by one, after the rows exist.
    let expected: HashMap<String, String> = addresses
        .iter()
        .zip(signatures)
        .map(|(address, signature)| (address.to_string(), signature.to_string()))
        .collect();
    let deadline = Instant::now() + VISIBLE;
    let found = loop {
        let found = conversions(&world.api, campaign).await?;
        if found.iter().all(|c| c["signature"].is_string()) || Instant::now() > deadline {
            break found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    world
        .report
        .check("conversions listed", wallets, found.len(), None);
    let right = found
        .iter()
        .filter(|c| {
            c["address"]
                .as_str()
                .and_then(|address| expected.get(address))
                .map(String::as_str)
                == c["signature"].as_str()
        })
        .count();
    world.report.check(
        "conversions with their own transaction's signature",
        wallets,
        right,
        None,
    );
    Ok(())
}
