//! The bytes of campaigns, which are kept once.

use sqlx::{Executor as _, migrate::Migrator};
use vouch_db::{
    api::{campaigns, codes},
    keeper::campaigns_with_vault,
    mirror::{Batch, Campaign, Projections},
};

use crate::{
    store::Store,
    world::{World, account, registration, transaction},
};

/// The row of the campaign C, with its bytes if it has ended.
fn campaign(data: Option<&str>, seq: i64) -> Campaign {
    Campaign {
        address: "C".into(),
        creator: "A".into(),
        campaign_id: 1.into(),
        authority: "A".into(),
        mint: "M".into(),
        mint_decimals: 6,
        token_program: "T".into(),
        funding: "vault".into(),
        proof: "open".into(),
        uniqueness: "wallet".into(),
        reward_kind: "fixed".into(),
        paused: false,
        closed: data.is_some(),
        reward_fixed: 1.into(),
        reward_bps: 0,
        reward_max: None,
        starts_at: None,
        ends_at: None,
        created_at: 1,
        data: data.map(|data| data.as_bytes().to_vec()),
        seq,
        slot: seq,
    }
}

/// Transaction `seq` leaves this account and this row of the campaign.
fn change(seq: i64, bytes: &str, row: Campaign) -> Batch {
    Batch {
        transactions: vec![transaction(seq)],
        accounts: vec![account("C", Some(bytes), seq)],
        projections: Projections {
            campaigns: vec![row],
            ..Projections::default()
        },
        ..Batch::default()
    }
}

/// The bytes that each reader of a campaign gets.
async fn read(world: &Store) -> [Vec<u8>; 3] {
    let found = campaigns::find(&world.pool, "C").await.expect("an answer");
    let code = codes::find(&world.pool, "AZURE23", Some("C")).await;
    let state = code.expect("an answer").expect("a code").campaign_state;
    let vaults = campaigns_with_vault(&world.pool, "", 9, None).await;
    let [(_, vault)] = vaults.expect("rows").try_into().expect("one");
    [found.expect("it").data, state.expect("its").data, vault]
}

#[tokio::test]
async fn everybody_reads_the_bytes_of_a_campaign_while_it_runs_and_after_its_end() {
    // Given a campaign whose bytes its account has
    let mut world = World::new().await;
    world.write(&registration()).await;
    world.write(&change(2, "first", campaign(None, 2))).await;
    let all = |bytes: &str| [(); 3].map(|()| bytes.as_bytes().to_vec());
    assert_eq!(read(&world).await, all("first"));
    // When the account changes, then everybody reads that
    world.write(&change(3, "second", campaign(None, 3))).await;
    assert_eq!(read(&world).await, all("second"));
    // When a tombstone takes its place, then everybody reads the last bytes
    let ended = campaign(Some("second"), 4);
    world.write(&change(4, "tombstone", ended)).await;
    assert_eq!(read(&world).await, all("second"));
}

#[tokio::test]
async fn a_mirror_that_kept_the_bytes_twice_keeps_them_once() {
    // Given a database of the version before, with a campaign that runs and one that has ended
    let world = Store::new().await;
    let pool = &world.pool;
    let empty = "DROP SCHEMA mirror, public CASCADE; CREATE SCHEMA public";
    pool.execute(empty).await.expect("an empty database");
    let older = vouch_db::MIGRATOR
        .iter()
        .take_while(|step| step.version < 60);
    let older = Migrator {
        migrations: older.cloned().collect::<Vec<_>>().into(),
        ..Migrator::DEFAULT
    };
    older.run(pool).await.expect("the older schema");
    for (address, account, kept) in [("C", "c", "c"), ("D", "tombstone", "d")] {
        let sql = format!(
            "INSERT INTO mirror.campaigns (address, creator, campaign_id, authority, mint, mint_decimals,
                 token_program, funding, proof, uniqueness, reward_kind, paused, closed, reward_fixed,
                 reward_bps, created_at, data, seq, slot)
             VALUES ('{address}', 'A', 1, 'A', 'M', 6, 'T', 'vault', 'open', 'wallet', 'fixed', false,
                     false, 1, 0, 1, '{kept}', 1, 1);
             INSERT INTO mirror.accounts VALUES ('{address}', '{account}', 1, 1)"
        );
        world.run(&sql).await;
    }
    // When it is migrated
    vouch_db::migrate(pool).await.expect("the new schema");
    // Then only the bytes are there that no account has
    let kept = "SELECT concat_ws(' ', address, convert_from(data, 'UTF8')) FROM mirror.campaigns
         ORDER BY address";
    assert_eq!(world.texts(kept).await, ["C", "D d"]);
    // And everybody reads the same as before
    for (address, bytes) in [("C", "c"), ("D", "d")] {
        let found = campaigns::find(pool, address).await.expect("an answer");
        assert_eq!(found.expect("it").data, bytes.as_bytes());
    }
}
