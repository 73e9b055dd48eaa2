//! The counters and ranks that follow from conversions, and their repair.

use sqlx::{Connection as _, Executor as _, PgConnection};
use vouch_db::{
    api::totals,
    mirror::{Projections, Settlement, Status, recount},
};

use crate::world::{
    NEW_YEAR, World, account, before, conversion, moved, referral, registration, sale, settlement,
    transaction,
};

/// [M4] [M5]
#[tokio::test]
async fn a_conversion_counts_for_ranks_once_when_it_is_final_and_mature() {
    // Given a conversion that is paid at once, and one that is held for a minute
    let mut world = World::new().await;
    world.write(&registration()).await;
    world.write(&sale("D", 2, 5, 0)).await;
    world.write(&sale("E", 3, 7, 60)).await;
    // Then people see both, and no rank does
    assert_eq!(
        world.totals().await,
        "2 conversions, 0 final, 5 paid, 7 pending"
    );
    assert_eq!(world.days().await, "nothing");
    // When time passes and nothing is final, then nothing counts
    assert_eq!(world.finalize(1, NEW_YEAR + 1000).await, 0);
    assert_eq!(
        world.totals().await,
        "2 conversions, 0 final, 5 paid, 7 pending"
    );
    // When both are final, then both count, because both are mature
    assert_eq!(world.finalize(3, NEW_YEAR).await, 2);
    let both = "C Alice 2026-01-01: 2 for 12, last 1767225603";
    assert_eq!(world.days().await, both);
    assert_eq!(
        world.totals().await,
        "2 conversions, 2 final, 5 paid, 7 pending"
    );
    // And never again
    assert_eq!(world.finalize(3, NEW_YEAR + 1000).await, 0);
    // When the held one is claimed, then its rank stays
    world.write(&settlement("E", 4, Status::Paid, 7)).await;
    world.finalize(4, NEW_YEAR + 1000).await;
    assert_eq!(world.days().await, both);
    assert_eq!(
        world.totals().await,
        "2 conversions, 2 final, 12 paid, 0 pending"
    );
}

/// [M4]
#[tokio::test]
async fn the_sums_of_a_token_follow_every_change_and_are_repaired() {
    // Given a campaign with the token M and its code R
    let mut world = World::new().await;
    world
        .run(
            "INSERT INTO campaigns (address, creator, campaign_id, authority, mint, mint_decimals,
                 token_program, funding, proof, uniqueness, reward_kind, paused, closed, reward_fixed,
                 reward_bps, created_at, data, seq, slot)
             VALUES ('C', 'A', 1, 'A', 'M', 6, 'T', 'mint_authority', 'open', 'wallet', 'fixed', false,
                     false, 1, 0, 1, '', 0, 0)",
        )
        .await;
    let sums = "SELECT total::text FROM mint_totals AS total";
    world.write(&registration()).await;
    assert_eq!(world.text(sums).await, "nothing");
    // When it converts twice, then its code counts once
    world.write(&sale("D", 2, 5, 0)).await;
    assert_eq!(world.text(sums).await, "(M,1,1,5,0)");
    world.write(&sale("E", 3, 7, 60)).await;
    assert_eq!(world.text(sums).await, "(M,1,2,5,7)");
    // When the second is paid, and that is undone, and it is cancelled
    world.write(&settlement("E", 4, Status::Paid, 7)).await;
    assert_eq!(world.text(sums).await, "(M,1,2,12,0)");
    let before = world.writer.before(3).await.expect("rows");
    let back = Projections {
        settlements: vec![Settlement {
            conversion: "E".into(),
            status: Status::Pending,
            settled: 6,
        }],
        totals: moved(0, -7, 7),
        ..Projections::default()
    };
    let undone = world.writer.rewind(3, &before, &back).await;
    undone.expect("undone");
    assert_eq!(world.text(sums).await, "(M,1,2,5,7)");
    world.write(&settlement("E", 4, Status::Cancelled, 7)).await;
    assert_eq!(world.text(sums).await, "(M,1,1,5,0)");
    let totals = totals::all(&world.pool).await.expect("sums").tokens;
    let [token] = totals.as_slice() else {
        panic!("{totals:?}")
    };
    assert_eq!(
        (
            token.mint.as_str(),
            token.decimals,
            token.codes,
            token.conversions,
            token.paid,
            token.pending
        ),
        ("M", 6, 1, 1, 5, 0)
    );
    // Then a recount finds no difference
    let mut connection = PgConnection::connect(world.database.url())
        .await
        .expect("Postgres");
    let found = recount::mint(&mut connection, None, false).await;
    let found = found.expect("counted");
    assert_eq!((found.last.as_deref(), found.drift), (Some("M"), vec![]));
    // When somebody changes the sums, and adds a token, then both are named and repaired
    world
        .run(
            "UPDATE mint_totals SET codes = 3, rewards_paid = 4;
             INSERT INTO mint_totals VALUES ('N', 1, 1, 1, 1)",
        )
        .await;
    let mut drift = Vec::new();
    let mut after = None;
    loop {
        let range = recount::mint(&mut connection, after.as_deref(), true).await;
        let range = range.expect("counted");
        drift.extend(range.drift.into_iter().map(|drift| {
            let recount::Drift { of, kept, counted } = drift;
            format!("{of}: {kept}; counted: {counted}")
        }));
        after = range.last;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(
        drift,
        [
            "token M: 3 codes, 1 conversions, 4 paid, 0 pending; counted: 1 codes, 1 conversions, 5 \
             paid, 0 pending",
            "token N: 1 codes, 1 conversions, 1 paid, 1 pending; counted: 0 codes, 0 conversions, 0 \
             paid, 0 pending",
        ]
    );
    assert_eq!(world.texts(sums).await, ["(M,1,1,5,0)"]);
}

/// [M5]
#[tokio::test]
async fn a_conversion_that_can_be_cancelled_counts_for_no_rank() {
    // Given a final conversion within its hold
    let mut world = World::new().await;
    world.write(&registration()).await;
    world.write(&sale("D", 2, 5, 60)).await;
    assert_eq!(world.finalize(2, NEW_YEAR + 61).await, 0);
    assert_eq!(
        world.totals().await,
        "1 conversions, 0 final, 0 paid, 5 pending"
    );
    // When it is cancelled, then it never counts
    world.write(&settlement("D", 3, Status::Cancelled, 5)).await;
    assert_eq!(world.finalize(3, NEW_YEAR + 1000).await, 0);
    assert_eq!(
        world.totals().await,
        "0 conversions, 0 final, 0 paid, 0 pending"
    );
    assert_eq!(world.days().await, "nothing");
    // And a conversion on the next day is its own row
    let mut next = sale("E", 4, 3, 0);
    if let Some(row) = next.projections.sales.first_mut() {
        row.converted_at += 86_400;
    }
    world.write(&next).await;
    world.finalize(4, NEW_YEAR + 100_000).await;
    assert_eq!(
        world.days().await,
        "C Alice 2026-01-02: 1 for 3, last 1767312004"
    );
}

#[tokio::test]
async fn the_largest_amounts_are_exact() {
    // Given two conversions with the largest reward
    let mut world = World::new().await;
    world.write(&registration()).await;
    world.write(&sale("D", 2, u64::MAX, 0)).await;
    world.write(&sale("E", 3, u64::MAX, 0)).await;
    world.finalize(3, NEW_YEAR + 3).await;
    // Then their sums are exact
    let sum = (u128::from(u64::MAX) * 2).to_string();
    assert_eq!(
        world.totals().await,
        format!("2 conversions, 2 final, {sum} paid, 0 pending")
    );
    assert!(world.days().await.contains(&format!("2 for {sum},")));
    let stored = world.writer.conversions(&["D".into()]).await.expect("rows");
    assert_eq!(stored, [conversion("D", 2, u64::MAX, 0)]);
}

/// [M4] [M5]
#[tokio::test]
async fn drift_is_found_and_repaired_and_stops_nothing() {
    // Given a final conversion, a held one, and a code without any
    let mut world = World::new().await;
    world.write(&registration()).await;
    let mut other = registration();
    other.transactions = vec![transaction(2)];
    other.accounts = vec![account("Q", Some("q"), 2)];
    other.before = vec![before(2, "Q", None)];
    other.projections.referrals = vec![referral("Q", "AZURE24", 0, 2)];
    world.write(&other).await;
    world.write(&sale("D", 3, 5, 0)).await;
    world.write(&sale("E", 4, 7, 60)).await;
    world.finalize(4, NEW_YEAR + 4).await;
    let right = world.content().await;
    let mut connection = PgConnection::connect(world.database.url())
        .await
        .expect("Postgres");
    // Then a recount finds no difference
    let found = recount::referrals(&mut connection, "", false).await;
    let found = found.expect("counted");
    assert_eq!((found.compared, found.drift), (2, vec![]));
    assert_eq!(found.last.as_deref(), Some("R"));
    let day = recount::day(&mut connection, None, false)
        .await
        .expect("counted");
    assert_eq!((day.compared, day.drift), (1, vec![]));
    let quarters = recount::quarters(&mut connection, 0, false).await;
    let quarters = quarters.expect("counted");
    assert_eq!((quarters.compared, quarters.drift), (2, vec![]));
    // When somebody changes the counters, even below zero
    world
        .pool
        .execute(
            "UPDATE referral_totals SET conversions = 0, rewards_pending = 0;
             UPDATE referrer_daily SET rewards = 6, last_converted_at = 0;
             UPDATE conversion_quarters SET rewards_paid = 4 WHERE subject = 'C';
             INSERT INTO conversion_quarters VALUES ('X', 1767225600, 1, 0, 0);
             DELETE FROM maturing;
             INSERT INTO maturing VALUES ('D', 3, 0, 'C', 0)",
        )
        .await
        .expect("a change");
    // Then each is named
    let found = recount::referrals(&mut connection, "Q", false).await;
    let drift = &found.expect("counted").drift;
    let line = |drift: &recount::Drift| {
        let recount::Drift { of, kept, counted } = drift;
        format!("{of}: {kept}; counted: {counted}")
    };
    assert_eq!(
        drift.iter().map(line).collect::<Vec<_>>(),
        [
            "referral R: 0 conversions, 1 final, 5 paid, 0 pending; counted: 2 conversions, 1 final, \
          5 paid, 7 pending"
        ]
    );
    let day = recount::day(&mut connection, None, false)
        .await
        .expect("counted");
    let mut lines: Vec<_> = day.drift.iter().map(line).collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "conversion D: waits; counted: does not wait",
            "conversion E: does not wait; counted: waits",
            "day 2026-01-01 of Alice in C: 1 conversions, 6 rewards, 18446744073709551615 volume, \
             the last at 0; counted: 1 conversions, 5 rewards, 18446744073709551615 volume, the last at 1767225603",
        ]
    );
    let quarters = recount::quarters(&mut connection, 0, false).await;
    let mut lines: Vec<_> = quarters.expect("counted").drift.iter().map(line).collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "quarter 1767225600 of C: 2 conversions, 4 paid, 7 pending; counted: 2 conversions, 5 paid, \
             7 pending",
            "quarter 1767225600 of X: 1 conversions, 0 paid, 0 pending; counted: 0 conversions, 0 paid, \
             0 pending",
        ]
    );
    let repaired = recount::quarters(&mut connection, 0, true).await;
    let repaired = repaired.expect("repaired");
    assert_eq!(repaired.drift.len(), 2);
    let end = recount::quarters(&mut connection, repaired.last.expect("a day"), false).await;
    assert_eq!(end.expect("counted").last, None);
    // When they are repaired, then everything is as it was, apart from a row of zeros
    let repaired = recount::referrals(&mut connection, "", true).await;
    assert_eq!(repaired.expect("repaired").drift.len(), 1);
    let repaired = recount::day(&mut connection, None, true).await;
    let repaired = repaired.expect("repaired");
    assert_eq!(repaired.drift.len(), 3);
    world
        .pool
        .execute("DELETE FROM referral_totals WHERE referral = 'Q'")
        .await
        .expect("no zeros");
    assert_eq!(world.content().await, right);
    // And there is no day after that
    let end = recount::day(&mut connection, repaired.last, false).await;
    assert_eq!(end.expect("counted").last, None);
    // When a counter is too low and the held conversion is cancelled, then the mirror goes on
    world
        .pool
        .execute("UPDATE referral_totals SET conversions = 0, rewards_pending = 0")
        .await
        .expect("a change");
    world.write(&settlement("E", 5, Status::Cancelled, 7)).await;
    let quarters = recount::quarters(&mut connection, 0, false).await;
    assert_eq!(quarters.expect("counted").drift, []);
    assert_eq!(
        world.totals().await,
        "-1 conversions, 1 final, 5 paid, -7 pending"
    );
    let repaired = recount::referrals(&mut connection, "", true).await;
    assert_eq!(repaired.expect("repaired").drift.len(), 1);
    assert_eq!(
        world.totals().await,
        "1 conversions, 1 final, 5 paid, 0 pending"
    );
}
