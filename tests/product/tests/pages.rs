//! Lists of several pages. The indexer lists three transactions a page here, as it lists 1,000
//! elsewhere. Numbers in brackets refer to `docs/INVARIANTS.md`.

use serde_json::json;
use vouch_product_tests::{Fate, World};

const THREE: [(&str, &str); 1] = [("LIST_PAGE", "3")];

/// [M1] [M6] [M10]
#[tokio::test]
async fn pages_from_the_first_transaction_on() {
    // Given a history of twelve transactions, and nothing that is mirrored
    let mut world = World::new().await;
    world.scene.convert_many(10).await;
    world.until_equal(10).await;
    let before = world.content().await;
    let url = world.node.url();
    world.ask(&url, &THREE).await;
    world.indexer.stop().await.expect("a clean exit");
    world.forget().await;
    // When it is listed in pages of three
    let listed = world.node.calls("getSignaturesForAddress");
    world.indexer.start_again().await.expect("a start");
    // Then the mirror is the same, row by row
    world.until_equal(10).await;
    assert_eq!(world.content().await, before);
    // And there were several pages: four and an empty one, of which all but the newest were read
    // again
    assert!(world.node.calls("getSignaturesForAddress") - listed >= 5 + 3);
    // And every later list repeats what is final, across pages
    world.scene.convert_many(7).await;
    world.until_equal(17).await;
    world.until_status("ok").await;
}

/// [M1] [M11]
#[tokio::test]
async fn a_page_that_changes_while_the_list_is_read_is_refused() {
    // Given a history of several pages
    let mut world = World::new().await;
    world.scene.convert_many(10).await;
    world.until_equal(10).await;
    let before = world.content().await;
    let url = world.node.url();
    world.ask(&url, &THREE).await;
    world.indexer.stop().await.expect("a clean exit");
    world.forget().await;
    // When a page lacks a transaction when it is read for the second time
    let mut seen = Vec::new();
    world.node.behave(move |request, answer| {
        let range = request["params"][1].clone();
        let is_page = request["method"] == "getSignaturesForAddress"
            && range["commitment"] == "finalized"
            && !range["before"].is_null();
        if is_page && seen.contains(&range) {
            let list = answer["result"].as_array_mut().expect("a list");
            list.pop();
        } else if is_page {
            seen.push(range);
        }
        Fate::Sent
    });
    world.indexer.start_again().await.expect("a start");
    // Then nothing of it becomes final
    world
        .until_detail("the node lists final transactions otherwise than before")
        .await;
    let final_ones = "SELECT final_seq FROM indexer_state";
    assert_eq!(world.number(final_ones).await, 0);
    // And when it stays the same, then the mirror is as it was
    world.node.behave_well();
    world.until_equal(10).await;
    assert_eq!(world.content().await, before);
}

/// [M1] [M11]
#[tokio::test]
async fn what_is_cut_off_between_two_pages_is_noticed() {
    // Given a mirror of several pages
    let mut world = World::new().await;
    world.scene.convert_many(10).await;
    world.until_equal(10).await;
    let url = world.node.url();
    world.ask(&url, &THREE).await;
    // When only the first page of each list is there
    world.node.behave(|request, answer| {
        if request["method"] == "getSignaturesForAddress"
            && !request["params"][1]["before"].is_null()
        {
            answer["result"] = json!([]);
        }
        Fate::Sent
    });
    // Then it is refused
    world.until_detail("the list does not reach back to").await;
    let known = world.number("SELECT count(*) FROM transactions").await;
    assert_eq!(known, 12);
    // And when there are all pages again, then the mirror goes on
    world.node.behave_well();
    world.scene.convert_many(1).await;
    world.until_equal(11).await;
    world.until_status("ok").await;
}
