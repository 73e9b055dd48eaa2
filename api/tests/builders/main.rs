//! A campaign's life by the API alone: every builder's transaction is signed and sent to a real
//! validator, and the accounts are compared with what was asked for.

#[path = "../common/mod.rs"]
mod common;
mod delegates;
mod minted;
mod others;
mod vault;
#[allow(dead_code, reason = "the tests of the sponsor use the rest")]
mod world;

use world::World;

#[tokio::test]
async fn a_company_opens_and_runs_a_campaign_by_the_api_alone() {
    let world = World::new().await;
    minted::play(&world).await;
    vault::play(&world).await;
    others::split(&world).await;
    others::binding(&world).await;
    others::frozen(&world).await;
    others::token_2022(&world).await;
    delegates::play(&world).await;
}
