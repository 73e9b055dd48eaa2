//! Delegates of campaigns, named in any order.

use std::collections::BTreeSet;

use sqlx::PgPool;
use uuid::Uuid;
use vouch_db::api::auth::{
    delegates::{Actors, Named, Naming, actors, name, of_wallet},
    keys::{self, NewKey, Terms},
};
use vouch_localnet::Postgres;

const CAMPAIGN: &str = "campaign";
const OTHER: &str = "other campaign";

async fn campaign(pool: &PgPool, address: &str, authority: &str) {
    sqlx::query(
        "INSERT INTO campaigns (address, creator, campaign_id, authority, mint, mint_decimals,
             token_program, funding, proof, uniqueness, reward_kind, paused, closed, reward_fixed,
             reward_bps, created_at, data, seq, slot)
         VALUES ($1, 'creator', 1, $2, 'mint', 6, 'token', 'mint_authority', 'open', 'wallet',
             'fixed', false, false, 1, 0, 1700000000, '', 1, 7)",
    )
    .bind(address)
    .bind(authority)
    .execute(pool)
    .await
    .expect("a campaign");
}

/// The delegate after these were named, computed from the list: the wallet of the latest slot, if that is
/// one.
fn truth(said: &[(i64, Option<&str>)]) -> Option<String> {
    let last = said.iter().map(|(slot, _)| *slot).max()?;
    let of_last = said.iter().filter(|(slot, _)| *slot == last);
    let wallets: BTreeSet<_> = of_last.map(|(_, wallet)| *wallet).collect();
    let only = wallets.first().filter(|_| wallets.len() == 1)?;
    only.map(str::to_owned)
}

fn permutations<T: Clone>(of: &[T]) -> Vec<Vec<T>> {
    if of.is_empty() {
        return vec![Vec::new()];
    }
    let mut found = Vec::new();
    for place in 0..of.len() {
        let mut rest = of.to_vec();
        let first = rest.remove(place);
        for mut tail in permutations(&rest) {
            tail.insert(0, first.clone());
            found.push(tail);
        }
    }
    found
}

/// [S10]
#[tokio::test]
async fn the_latest_word_holds_in_every_order() {
    let database = Postgres::test_database().await.expect("a database");
    let pool = PgPool::connect(database.url()).await.expect("a pool");
    campaign(&pool, CAMPAIGN, "company").await;
    let sets: [&[(i64, Option<&str>)]; 5] = [
        &[
            (5, Some("alice")),
            (6, Some("bob")),
            (7, None),
            (8, Some("alice")),
        ],
        // Two in the last slot
        &[(5, Some("alice")), (6, Some("bob")), (6, Some("carol"))],
        &[(6, Some("bob")), (6, None), (5, Some("alice"))],
        // The same wallet twice in one slot
        &[(6, Some("bob")), (6, Some("bob")), (5, Some("alice"))],
        &[
            (5, Some("alice")),
            (5, Some("bob")),
            (6, Some("alice")),
            (7, Some("carol")),
        ],
    ];
    for set in sets {
        for said in permutations(set) {
            sqlx::query("DELETE FROM campaign_delegates")
                .execute(&pool)
                .await
                .expect("none");
            for (place, (slot, wallet)) in said.iter().enumerate() {
                let naming = Naming {
                    campaign: CAMPAIGN,
                    authority: "company",
                    wallet: *wallet,
                    slot: *slot,
                    signature: "signature",
                };
                let named = name(&pool, &naming).await.expect("an answer");
                let known = &said[..=place];
                // Then it is what the list of those shown so far says, or an older one is refused
                let newest = known.iter().map(|(slot, _)| *slot).max();
                let expected = if newest == Some(*slot) {
                    Named::Holds(truth(known))
                } else {
                    Named::Superseded
                };
                assert_eq!(named, expected, "{said:?} at {place}");
            }
            let found = actors(&pool, CAMPAIGN).await.expect("an answer");
            let expected = Actors {
                authority: "company".to_owned(),
                delegate: truth(set),
            };
            assert_eq!(found, Some(expected), "{said:?}");
        }
    }
}

/// [S10]
#[tokio::test]
async fn nobody_but_the_authority_names_a_delegate_or_ends_what_it_has_said() {
    // Given a campaign that belonged to somebody else before
    let database = Postgres::test_database().await.expect("a database");
    let pool = PgPool::connect(database.url()).await.expect("a pool");
    campaign(&pool, CAMPAIGN, "company").await;
    campaign(&pool, OTHER, "company").await;
    let said = |campaign, authority, wallet, slot| Naming {
        campaign,
        authority,
        wallet,
        slot,
        signature: "signature",
    };
    let mine = said(CAMPAIGN, "company", Some("alice"), 5);
    let named = name(&pool, &mine).await.expect("an answer");
    assert_eq!(named, Named::Holds(Some("alice".to_owned())));
    // When a former authority says something later, or somebody speaks of no campaign
    for (naming, expected) in [
        (
            said(CAMPAIGN, "former", Some("bob"), 9),
            Named::NotAuthority,
        ),
        (said(CAMPAIGN, "former", None, 10), Named::NotAuthority),
        (said("nothing", "company", Some("bob"), 9), Named::NotFound),
    ] {
        assert_eq!(name(&pool, &naming).await.expect("an answer"), expected);
    }
    // Then nothing has changed, and the other campaign has no delegate
    let found = actors(&pool, CAMPAIGN)
        .await
        .expect("an answer")
        .expect("one");
    assert_eq!(found.delegate.as_deref(), Some("alice"));
    let other = actors(&pool, OTHER).await.expect("an answer").expect("one");
    assert_eq!(other.delegate, None);
    assert_eq!(actors(&pool, "nothing").await.expect("an answer"), None);
    // And the wallet's campaigns are those that have named it, page by page
    let second = said(OTHER, "company", Some("alice"), 6);
    name(&pool, &second).await.expect("an answer");
    let page = async |after: Option<&str>, limit| {
        let found = of_wallet(&pool, "alice", after, limit)
            .await
            .expect("a page");
        found.into_iter().map(|it| it.campaign).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 10).await, [CAMPAIGN, OTHER]);
    assert_eq!(page(None, 1).await, [CAMPAIGN]);
    assert_eq!(page(Some(CAMPAIGN), 10).await, [OTHER]);
    assert!(page(Some(OTHER), 10).await.is_empty());
    // And not those that have gone to another authority
    sqlx::query("UPDATE campaigns SET authority = 'former' WHERE address = $1")
        .bind(CAMPAIGN)
        .execute(&pool)
        .await
        .expect("a change");
    assert_eq!(page(None, 10).await, [OTHER]);
    let found = actors(&pool, CAMPAIGN)
        .await
        .expect("an answer")
        .expect("one");
    assert_eq!(found.delegate, None);
}

/// [S6] [S10]
#[tokio::test]
async fn a_key_works_while_its_maker_acts_for_the_campaign() {
    // Given keys of an authority, by itself, by its delegate, and by an older API that names no maker
    let database = Postgres::test_database().await.expect("a database");
    let pool = PgPool::connect(database.url()).await.expect("a pool");
    campaign(&pool, CAMPAIGN, "company").await;
    let says = async |authority, wallet, slot| {
        let naming = Naming {
            campaign: CAMPAIGN,
            authority,
            wallet,
            slot,
            signature: "signature",
        };
        name(&pool, &naming).await.expect("an answer")
    };
    says("company", Some("alice"), 5).await;
    let makers = [("company", 1_u8), ("alice", 2), ("older", 3), ("rich", 4)];
    for (made_by, byte) in makers {
        let new = NewKey {
            id: Uuid::from_u128(byte.into()),
            campaign: CAMPAIGN,
            created_by: "company",
            made_by,
            prefix: "vk_live_",
            key_hash: &[byte; 32],
        };
        let scope = if made_by == "rich" {
            "write:attestations"
        } else {
            "read:analytics"
        };
        let terms = Terms {
            name: made_by,
            scopes: &[scope.to_owned()],
            life_seconds: None,
        };
        keys::add(&pool, &new, &terms).await.expect("a key");
    }
    // The last one has the scope that moves money, and the delegate has made it.
    for change in [
        "UPDATE api_keys SET made_by = NULL WHERE made_by = 'older'",
        "UPDATE api_keys SET made_by = 'alice' WHERE made_by = 'rich'",
    ] {
        sqlx::query(change).execute(&pool).await.expect("a change");
    }
    let working = async || {
        let mut found = Vec::new();
        for (maker, byte) in makers {
            let key = keys::of_token(&pool, &[byte; 32]).await.expect("an answer");
            if key.is_some() {
                found.push(maker);
            }
        }
        let listed = keys::list(&pool, CAMPAIGN).await.expect("keys");
        let listed = listed.iter().filter(|key| key.works).count();
        assert_eq!(listed, found.len());
        found
    };
    assert_eq!(working().await, ["company", "alice", "older"]);
    // When another wallet is named, nobody, or her again, then hers works only while she is the delegate
    says("company", Some("bob"), 6).await;
    assert_eq!(working().await, ["company", "older"]);
    says("company", None, 7).await;
    assert_eq!(working().await, ["company", "older"]);
    says("company", Some("alice"), 8).await;
    assert_eq!(working().await, ["company", "alice", "older"]);
    // And none while the campaign is somebody else's, also if that one has named her
    sqlx::query("UPDATE campaigns SET authority = 'other'")
        .execute(&pool)
        .await
        .expect("a change");
    says("other", Some("alice"), 9).await;
    assert!(working().await.is_empty());
}
