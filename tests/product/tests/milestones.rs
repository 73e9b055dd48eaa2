//! Badges, from the chain to the API, with a real validator. Numbers in brackets refer to
//! `docs/INVARIANTS.md`.

use serde_json::Value;
use solana_sdk::signature::{Keypair, Signer as _};
use vouch_client::{accounts::Settings, instructions, pda};
use vouch_localnet::Service;
use vouch_product_tests::{REWARD, World, recount, start_api, until};

async fn get(api: &Service, path: &str) -> Value {
    let answer = reqwest::get(format!("{}{path}", api.url())).await;
    let answer = answer.expect("an answer").json().await;
    answer.expect("JSON")
}

/// [M14]
#[tokio::test]
async fn five_conversions_give_two_badges_and_a_cancelled_one_gives_none() {
    // Given a campaign that holds rewards for twenty seconds, and an API
    let world = World::with(Settings {
        hold_seconds: 20,
        ..Settings::fixed(REWARD)
    })
    .await;
    let api = start_api(&world).await;
    let (scene, alice) = (&world.scene, world.scene.alice.pubkey());
    // When four wallets convert, a fifth does whose conversion is cancelled within the hold
    scene.convert_many(4).await;
    let referee = Keypair::new();
    scene.send(&[scene.conversion(&referee)], &[&referee]).await;
    let conversion = pda::conversion(&scene.campaign, &referee.pubkey().to_bytes());
    let cancelled = scene.recorded(&conversion).await;
    let cancel = scene.offer(&scene.code, &alice, |offer| {
        instructions::cancel_conversion(offer, &conversion, &cancelled)
    });
    scene.send(&[cancel], &[]).await;
    // And all of them are final and their hold is over
    until("four conversions count", async || {
        world
            .number("SELECT COALESCE(sum(conversions), 0)::bigint FROM referrer_daily")
            .await
            == 4
    })
    .await;
    until("no conversion waits", async || {
        world.number("SELECT count(*) FROM maturing").await == 0
    })
    .await;
    let hold = format!(
        "SELECT count(*) FROM indexer_state WHERE final_time > {}",
        cancelled.converted_at + 20
    );
    until("the cancelled one's hold would be over", async || {
        world.number(&hold).await == 1
    })
    .await;
    // Then Alice has the first badge alone, and four of five conversions
    let badges = format!("/v1/referrers/{alice}/badges");
    let milestones = format!("/v1/referrers/{alice}/milestones");
    let names = |page: &Value| {
        let awards = page["awards"].as_array().expect("awards").iter();
        awards
            .map(|award| award["badge"].as_str().expect("a name").to_owned())
            .collect::<Vec<_>>()
    };
    let answer = get(&api, &badges).await;
    assert_eq!(names(&answer), ["conversions_1"]);
    let progress = get(&api, &milestones).await;
    let of_campaign = &progress["milestones"][0];
    assert_eq!(of_campaign["campaign"], scene.campaign.to_string());
    assert_eq!(of_campaign["conversions"], 4);
    assert_eq!(of_campaign["next"]["conversions"], 5);
    // When a fifth converts, and its hold is over
    scene.convert().await;
    until("two badges", async || {
        names(&get(&api, &badges).await).len() == 2
    })
    .await;
    // Then she has two badges, and the next one is for ten
    let answer = get(&api, &badges).await;
    assert_eq!(names(&answer), ["conversions_5", "conversions_1"]);
    let newest = &answer["awards"][0];
    assert_eq!(newest["campaign"], scene.campaign.to_string());
    assert_eq!(newest["referrer"], alice.to_string());
    assert_eq!(newest["claimed"], false);
    let progress = get(&api, &milestones).await;
    assert_eq!(progress["milestones"][0]["conversions"], 5);
    assert_eq!(progress["milestones"][0]["next"]["conversions"], 10);
    // And the campaign shows the same, and the counters equal a recount
    let of_campaign = format!("/v1/campaigns/{}/badges", scene.campaign);
    assert_eq!(get(&api, &of_campaign).await["awards"], answer["awards"]);
    let board = format!("/v1/leaderboard?campaign={}", scene.campaign);
    let board = get(&api, &board).await;
    assert_eq!(board["entries"][0]["conversions"], 5);
    assert_eq!(board["total_entries"], 1);
    let recount = recount(world.database.url(), &[]).await;
    assert!(recount.status.success(), "{recount:?}");
}
