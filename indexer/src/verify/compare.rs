//! Compares what an API says with the history of a node.

use std::{cmp::Ordering, time::Duration};

use anyhow::{Result, bail, ensure};
use reqwest::Url;
use tokio::time::{Instant, sleep};
use vouch_audit::{Board, Conversion, Digest, Moment, Payment, Row, Store};

use crate::{
    chain::Chain,
    commitment::Commitment,
    verify::{
        api::{Api, Leaderboard, hex},
        history::{self, Claim, History},
    },
};

/// Time within which the node reaches the slots that the API tells.
const REACH: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(500);
/// Seconds that a leaderboard may be ahead of the blocks that are looked at.
const CLOCK_SKEW: i64 = 60;
/// Slots in which a block is looked for: the cluster skips a few in a row.
const SKIPPED: u64 = 64;

/// Runs the comparison. Prints the result.
pub(super) async fn run(
    chain: &Chain,
    concurrency: usize,
    url: &Url,
    slot: Option<u64>,
) -> Result<()> {
    let api = Api::new(url)?;
    let claimed = api.digest(slot).await?;
    let head = &claimed.head;
    let genesis = chain.sources().genesis().await?;
    ensure!(
        genesis == head.genesis_hash.to_string(),
        "the API is of the chain with genesis hash {}, but the node is of {genesis}",
        head.genesis_hash
    );
    let board = api.leaderboard().await?;
    // A digest is of a slot that is ranked.
    ensure!(
        board.is_some(),
        "/v1/leaderboard has no slot or no time, but there is a digest"
    );
    let until = board.as_ref().map_or(head.slot, |board| board.as_of_slot);
    ensure!(
        until >= head.slot,
        "/v1/leaderboard is of slot {until}, before the digest's slot {}",
        head.slot
    );
    // Conversions of the next slot may be counted already.
    let next = until.saturating_add(1);
    let tip = reached(chain, next).await?;
    let (end, latest) = latest(chain, board.as_ref(), next, tip).await?;
    let claim = Claim {
        head: head.clone(),
        until,
    };
    let history = history::replay(chain, end, concurrency, Some(&claim)).await?;
    let own = history.store.digest(head.clone())?;
    if own != claimed {
        bail!(
            "{}",
            difference(&api, &claimed, &own, &history.store).await?
        );
    }
    println!(
        "the digest of slot {} equals the history: {} conversions, {} rewards, {} paid, {} \
         transactions, root {}; it is {} slots old",
        head.slot,
        own.conversions,
        own.rewards,
        own.paid,
        head.seq,
        hex(&own.root()),
        tip.saturating_sub(head.slot)
    );
    super::tell_uncertain(&history)?;
    if let Some(board) = board {
        let latest = Moment {
            seq: history.transactions,
            time: latest,
        };
        check_board(&board, &history, latest)?;
        println!(
            "the leaderboard of slot {until} follows from the history: {} of {} referrers",
            board.entries.len(),
            board.total
        );
    }
    Ok(())
}

/// Waits until the node calls this slot final. Returns the node's last final slot.
async fn reached(chain: &Chain, slot: u64) -> Result<u64> {
    let deadline = Instant::now() + REACH;
    loop {
        let tip = chain.slot(Commitment::Finalized).await?;
        if tip >= slot {
            return Ok(tip);
        }
        ensure!(
            Instant::now() < deadline,
            "the API tells slot {slot}, but for the node {tip} is the last final one"
        );
        sleep(POLL).await;
    }
}

/// The last slot of which conversions may be counted, and the latest time of the chain's clock by which
/// they may count. A leaderboard that counts very many in steps is ahead of the slot that it tells.
async fn latest(
    chain: &Chain,
    board: Option<&Leaderboard>,
    next: u64,
    tip: u64,
) -> Result<(u64, i64)> {
    let time = block_time(chain, next).await?;
    let Some(claimed) = board.map(|board| board.as_of_time).filter(|it| *it >= time) else {
        return Ok((next, time));
    };
    // Some slots of the tip may have no block.
    let reached = block_time(chain, tip.saturating_sub(SKIPPED)).await?;
    ensure!(
        claimed <= reached.saturating_add(CLOCK_SKEW),
        "the leaderboard is of the time {claimed}, but the chain's clock is at {reached}"
    );
    Ok((tip, claimed))
}

/// Unix seconds of the block of this slot, or of the next one that has a block.
async fn block_time(chain: &Chain, slot: u64) -> Result<i64> {
    for slot in slot..slot.saturating_add(SKIPPED) {
        // A slot that the node has not reached has no time either.
        if let Some(time) = chain.block_time(slot).await {
            return Ok(time);
        }
    }
    bail!("the node tells no time of a block from slot {slot} on")
}

/// Says what differs first.
async fn difference(api: &Api, claimed: &Digest, own: &Digest, store: &Store) -> Result<String> {
    let pairs = claimed.buckets.iter().zip(&own.buckets);
    let Some(bucket) = (0_u64..)
        .zip(pairs)
        .find_map(|(bucket, (claimed, own))| (claimed != own).then_some(bucket))
    else {
        return Ok(format!(
            "the API sums up its rows wrongly: it says {} conversions, {} rewards, {} paid; the \
             history has {}, {}, {}",
            claimed.conversions,
            claimed.rewards,
            claimed.paid,
            own.conversions,
            own.rewards,
            own.paid
        ));
    };
    let (mut after, last) = claimed.range(bucket);
    while after < last {
        let (upto, rows) = api.rows(claimed, bucket, after).await?;
        let mut expected = Vec::new();
        store.rows(after, upto, |row| {
            if claimed.counts(&row) {
                expected.push(row);
            }
            Ok(())
        })?;
        if let Some(difference) = first_difference(&rows, &expected) {
            return Ok(format!(
                "the digest of slot {} differs from the history: {difference}",
                claimed.head.slot
            ));
        }
        after = upto;
    }
    Ok(format!(
        "the API's hash of the transactions {} to {last} is not that of the rows that it sends, which \
         equal the history",
        claimed.range(bucket).0 + 1
    ))
}

/// The key that identifies a row: the beginning of its bytes.
fn key(row: &Row) -> Vec<u8> {
    let mut bytes = row.encode();
    bytes.truncate(match row {
        Row::Conversion(_) => 41,
        Row::Payment(_) => 42,
    });
    bytes
}

/// Names the first row that differs. Both are in their order.
fn first_difference(claimed: &[Row], own: &[Row]) -> Option<String> {
    let place = claimed
        .iter()
        .zip(own)
        .position(|(one, other)| one != other);
    let place = place.unwrap_or(claimed.len().min(own.len()));
    match (claimed.get(place), own.get(place)) {
        (None, None) => None,
        (Some(extra), None) => Some(format!("the API has {}, the history has not", said(extra))),
        (None, Some(missing)) => Some(format!("the API lacks {}", said(missing))),
        (Some(theirs), Some(ours)) => Some(match key(theirs).cmp(&key(ours)) {
            Ordering::Equal => format!(
                "the API has {}; the history has {}",
                said(theirs),
                said(ours)
            ),
            Ordering::Less => format!("the API has {}, the history has not", said(theirs)),
            Ordering::Greater => format!("the API lacks {}", said(ours)),
        }),
    }
}

/// A row for people.
fn said(row: &Row) -> String {
    match row {
        Row::Conversion(Conversion {
            seq,
            conversion,
            campaign,
            referral,
            referrer,
            partner,
            referee,
            amount,
            reward_referrer,
            reward_referee,
            reward_partner,
            converted_at,
            matures_at,
        }) => {
            let partner = partner.map_or("nobody".to_owned(), |partner| partner.to_string());
            format!(
                "conversion {conversion} of transaction {seq} (campaign {campaign}, referral \
                 {referral}, referrer {referrer}, partner {partner}, referee {referee}, amount \
                 {amount}, rewards {reward_referrer} {reward_referee} {reward_partner}, from \
                 {converted_at}, not cancellable from {matures_at})"
            )
        }
        Row::Payment(Payment {
            seq,
            conversion,
            part,
            recipient,
            units,
        }) => format!(
            "payment of {units} by transaction {seq} to {recipient} ({part:?} of {conversion})"
        ),
    }
}

/// Fails if the leaderboard does not follow from the history.
fn check_board(claimed: &Leaderboard, history: &History, latest: Moment) -> Result<()> {
    let latest = Moment {
        time: latest.time.max(history.last.time),
        ..latest
    };
    let board = Board::new(&history.store, history.last, latest)?;
    let at = claimed.as_of_slot;
    for (place, (wallet, conversions)) in claimed.entries.iter().enumerate() {
        let bounds = board.of(wallet)?;
        let (least, most) = (bounds.least.conversions, bounds.most.conversions);
        ensure!(
            (least..=most).contains(conversions),
            "the leaderboard of slot {at} says {conversions} conversions of {wallet}; the history has {}",
            between(least, most)
        );
        let before = place
            .checked_sub(1)
            .and_then(|place| claimed.entries.get(place));
        ensure!(
            before.is_none_or(|(_, better)| conversions <= better),
            "the leaderboard of slot {at} has {wallet} after somebody with less"
        );
    }
    let worst = claimed
        .entries
        .last()
        .map_or(0, |(_, conversions)| *conversions);
    let is_whole = claimed.entries.len() as u64 == claimed.total;
    let listed: std::collections::HashSet<_> =
        claimed.entries.iter().map(|(wallet, _)| *wallet).collect();
    ensure!(
        listed.len() == claimed.entries.len(),
        "the leaderboard of slot {at} has a referrer twice"
    );
    let (mut least, mut most, mut missing) = (0_u64, 0_u64, None);
    board.all(|wallet, bounds| {
        most += 1;
        if bounds.least.conversions > 0 {
            least += 1;
            let belongs = is_whole || bounds.least.conversions > worst;
            if belongs && !listed.contains(&wallet) {
                missing.get_or_insert((wallet, bounds.least));
            }
        }
    })?;
    if let Some((wallet, tally)) = missing {
        bail!(
            "the leaderboard of slot {at} lacks {wallet} with {} conversions",
            tally.conversions
        );
    }
    ensure!(
        least <= claimed.total && claimed.total <= most,
        "the leaderboard of slot {at} says {} referrers; the history has {least} to {most}",
        claimed.total
    );
    Ok(())
}

fn between(least: u64, most: u64) -> String {
    if least == most {
        least.to_string()
    } else {
        format!("{least} to {most}")
    }
}
