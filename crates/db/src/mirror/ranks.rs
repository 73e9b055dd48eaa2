//! Counts conversions for ranks, in steps: days, totals, leaderboards and their parts, milestones.

use std::collections::BTreeSet;

use sqlx::{Executor as _, PgConnection};

use super::{
    awards,
    copy::copy,
    fences::{self, Fence},
    log::MOST_RANKED,
    place::{self, Place},
    prune,
    rows::Maturing,
};
use crate::Error;

/// Most conversions that a step counts, unless another number is said.
pub(super) const STEP: i64 = 2_000;
/// Most that can be said. They are about as many as an array of addresses should have.
pub(super) const MOST: i64 = 250_000;
/// Seconds between a leaderboard and the one that its ranks are compared with.
const DAY: i64 = 86_400;

/// How far conversions count already.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) final_seq: i64,
    pub(super) final_time: Option<i64>,
    pub(super) final_address: String,
    pub(super) earlier_time: Option<i64>,
    pub(super) earlier_address: String,
}

/// How far they should count, and how many do so in one database transaction.
#[derive(Debug)]
pub(super) struct Step {
    /// The chain's clock; `None` if it has not gone on.
    pub(super) clock: Option<i64>,
    /// The slot of that clock, or a later one before which no other conversion matures.
    pub(super) slot: i64,
    /// Most conversions that one statement counts: those that mature and those that have counted for a day,
    /// together. Each changes up to 20 totals, and Postgres cancels a statement that takes too long. In one
    /// transaction the mirror goes only so far that at most as many mature or have counted for a day.
    pub(super) most: i64,
    /// Whether the step is for the leaderboards of a day earlier, also if conversions wait.
    pub(super) is_earlier: bool,
    /// Whether badges are given.
    pub(super) award: bool,
}

/// Conversions that count for ranks from now on.
#[derive(Debug, Default)]
pub(super) struct Counted {
    /// The number of conversions.
    pub(super) conversions: u64,
    /// The number of those, and of those that count for the leaderboards of a day earlier from now on.
    pub(super) moved: i64,
    /// Whether others wait that mature by the clock.
    pub(super) is_waited_for: bool,
    /// Whether they do, or others have counted for a day.
    pub(super) is_behind: bool,
    /// Their campaigns: if they are too many, only some of them.
    ranked: BTreeSet<String>,
}

impl Counted {
    /// The campaigns whose leaderboards have changed; `['']` if they are too many to name.
    pub(super) fn campaigns(&self) -> Vec<String> {
        if self.ranked.len() > MOST_RANKED {
            return vec![String::new()];
        }
        self.ranked.iter().cloned().collect()
    }
}

/// Lets conversions wait until they count for ranks.
pub(super) async fn wait(connection: &mut PgConnection, rows: &[Maturing]) -> Result<(), Error> {
    copy(connection, "maturing", rows).await
}

/// How far conversions count. The writer of the mirror changes this row first, always.
pub(super) async fn progress(connection: &mut PgConnection) -> Result<Progress, Error> {
    Ok(sqlx::query_as!(
        Progress,
        "SELECT final_seq, final_time, final_address, earlier_time, earlier_address
         FROM indexer_state FOR UPDATE",
    )
    .fetch_one(connection)
    .await?)
}

/// Goes on by one step. `new` are conversions that do not wait yet. The caller commits.
pub(super) async fn count(
    connection: &mut PgConnection,
    progress: Progress,
    new: &[Maturing],
    step: &Step,
) -> Result<Counted, Error> {
    let Progress {
        final_seq,
        final_time,
        final_address,
        earlier_time,
        earlier_address,
    } = progress;
    // More than a step waits and counts in steps.
    let (new, crowd) = match i64::try_from(new.len()) {
        Ok(count) if count <= step.most => (new, &[][..]),
        _ => (&[][..], new),
    };
    wait(&mut *connection, crowd).await?;
    let counted_to = Place::kept(final_time, final_address);
    let is_earlier = step.is_earlier && counted_to.known().is_some();
    let (place, waiting) = match step.clock {
        Some(clock) if Place::end_of(clock) > counted_to && !is_earlier => {
            place::mature(&mut *connection, final_seq, &counted_to, clock, step.most).await?
        }
        _ => (counted_to.clone(), 0),
    };
    let is_there = step
        .clock
        .is_some_and(|clock| place >= Place::end_of(clock));
    let (ripe, unripe): (Vec<_>, Vec<_>) = new.iter().cloned().partition(|row| {
        row.seq <= final_seq
            && (row.matures_at, row.conversion.as_str()) <= (place.time, place.address.as_str())
    });
    wait(&mut *connection, &unripe).await?;
    let mut ripe: Vec<_> = ripe.into_iter().map(|row| row.conversion).collect();
    if step.clock.is_none()
        && ripe.is_empty()
        && !place::is_late(&mut *connection, final_seq, &place).await?
    {
        // Nothing counts, but a cancellation may have become final for which a month has waited.
        if awards::is_due(&mut *connection, place.time).await? {
            awards::decide(connection, place.time, step.award).await?;
        }
        return Ok(Counted::default());
    }
    let before = Place::kept(earlier_time, earlier_address);
    let end = Place::end_of(place.time - DAY);
    // Ranks of now come first. After a long time, most leaderboards of a day earlier are over then. Together they
    // must not become more than one step.
    let left = step.most - waiting - i64::try_from(ripe.len()).unwrap_or(step.most);
    let is_light = is_there && left >= step.most / 2;
    let to = if (is_light || is_earlier) && end > before {
        let (time, most) = (end.time.min(counted_to.time), left.max(1));
        let to = place::mature_earlier(&mut *connection, &before, time, most).await?;
        if to == Place::end_of(time) {
            end.clone()
        } else {
            to
        }
    } else {
        before.clone()
    };
    let mut earlier = Earlier {
        after: before.clone(),
        before,
        counted_to,
        to,
    };
    if step.most > STEP {
        // Enough for the sums of a long step. The usual 4 MB would be sorted in files. A step that takes too long is
        // cancelled before the connection counts as silent, and made shorter.
        connection
            .execute("SET LOCAL work_mem = '32MB'; SET LOCAL statement_timeout = '15s'")
            .await?;
    }
    sqlx::query!(
        "UPDATE indexer_state SET final_time = $1, final_address = $2, earlier_time = $3,
             earlier_address = $4",
        place.time,
        place.address,
        earlier.to.known(),
        earlier.to.address,
    )
    .execute(&mut *connection)
    .await?;
    let (mut counted, mut is_due) = (Counted::default(), false);
    loop {
        let done = rank(&mut *connection, step, final_seq, &place, &ripe, &earlier).await?;
        fences::balance(&mut *connection, done.uneven).await?;
        counted.conversions += u64::try_from(done.counted).unwrap_or_default();
        counted.moved += done.counted + done.day_old;
        counted.ranked.extend(done.ranked);
        is_due |= done.is_due;
        let new = i64::try_from(ripe.len()).unwrap_or(step.most);
        if new + done.waited + done.day_old < step.most {
            break;
        }
        ripe.clear();
        if let Some((time, address)) = done.last_matures_at.zip(done.last_address) {
            earlier.after = Place { time, address };
        }
    }
    if is_due {
        awards::decide(&mut *connection, place.time, step.award).await?;
    }
    counted.is_waited_for = !is_there;
    counted.is_behind = !is_there || earlier.to < end;
    if is_earlier || !counted.is_behind {
        prune::earlier_boards(&mut *connection, place.time).await?;
    }
    if is_there {
        sqlx::query!(
            "UPDATE indexer_state
             SET ranked_slot = CASE WHEN finalized_slot IS NULL THEN ranked_slot
                                    ELSE GREATEST(ranked_slot, LEAST(finalized_slot, $1)) END
             FROM finality",
            step.slot,
        )
        .execute(connection)
        .await?;
    }
    Ok(counted)
}

/// The result of one statement.
struct Ranked {
    /// Conversions that count from now on.
    counted: i64,
    /// Those of them that had waited.
    waited: i64,
    /// Conversions that count for the leaderboards of a day earlier from now on, in their order.
    day_old: i64,
    /// The last one of these.
    last_matures_at: Option<i64>,
    last_address: Option<String>,
    /// Their campaigns, and at most one more than can be named.
    ranked: Vec<String>,
    /// Whether a month has to be decided.
    is_due: bool,
    /// Parts of leaderboards that have too many entries or too few.
    uneven: Vec<Fence>,
}

/// The span that begins to count for the leaderboards of a day earlier.
struct Earlier {
    /// Conversions up to here counted for them before.
    before: Place,
    /// The last conversion that counts for them already. Those after it begin to count.
    after: Place,
    /// Conversions up to here counted for the leaderboards of now before. Those after it begin to count for both at
    /// once.
    counted_to: Place,
    /// The last one that begins to count. At most [`Step::most`] up to `counted_to` are between `before` and this.
    to: Place,
}

/// Counts `new` and others that are final and mature up to `place`, each once, and with `award` gives the badges that
/// they earn. None of them can be cancelled any more, so nothing is ever taken off. What counted a day
/// `earlier` begins to count for the leaderboards of that time, whose periods begin with `@`. Together
/// they are at most [`Step::most`].
///
/// Postgres cannot know how many rows the parts of the statement have. If it guesses few, it compares each row
/// of one part with each of another one, and if it guesses many, it reads a whole table to find some rows. So
/// rows are found by an index in a `LATERAL` that nothing else can execute, and parts are joined without nested loops.
async fn rank(
    connection: &mut PgConnection,
    step: &Step,
    final_seq: i64,
    place: &Place,
    new: &[String],
    earlier: &Earlier,
) -> Result<Ranked, Error> {
    sqlx::query!("SET LOCAL enable_nestloop = off")
        .execute(&mut *connection)
        .await?;
    let day_old_to = (&earlier.to).min(&earlier.counted_to);
    let ranked = sqlx::query_as!(
        Ranked,
        r#"WITH waited AS (
               DELETE FROM maturing WHERE conversion = ANY(ARRAY(
                   SELECT conversion FROM (
                       -- With the whole end as a condition, the scan of the index would go on to the end of its second.
                       SELECT matures_at, conversion FROM maturing
                       WHERE matures_at <= $2 AND seq <= $1 ORDER BY matures_at, conversion
                       LIMIT GREATEST($5::bigint - cardinality($3::text[]), 0)
                   ) AS step WHERE (matures_at, conversion) <= ($2, $13)
               )) RETURNING conversion
           ), ripe AS (
               SELECT sale.* FROM (
                   SELECT conversion FROM waited UNION ALL SELECT * FROM UNNEST($3::text[])
               ) AS due CROSS JOIN LATERAL (
                   SELECT address, matures_at, campaign, referrer, referral, converted_at,
                          reward_referrer, amount
                   FROM conversions WHERE address = due.conversion OFFSET 0
               ) AS sale
           ), day_old AS (
               SELECT address, matures_at, campaign, referrer, referral, converted_at,
                      reward_referrer, amount
               FROM (
                   SELECT * FROM conversions
                   WHERE (matures_at, address) > ($10, $11) AND matures_at <= $12
                   ORDER BY matures_at, address LIMIT $5
               ) AS step
               WHERE (matures_at, address) <= ($12, $15) AND seq <= $1 AND status <> 'cancelled'
               ORDER BY matures_at, address
               LIMIT (SELECT GREATEST($5::bigint - cardinality($3::text[]) - count(*), 0) FROM waited)
           ), counted AS (
               SELECT '' AS mark, campaign, referrer, referral, converted_at, reward_referrer, amount
               FROM ripe
               UNION ALL
               -- Those that become known late, those that matured more than a day ago, and those that counted for
               -- a day.
               SELECT '@', campaign, referrer, referral, converted_at, reward_referrer, amount
               FROM ripe WHERE (matures_at, address) <= ($9, $14)
                   OR ((matures_at, address) > ($16, $17) AND (matures_at, address) <= ($18, $19))
               UNION ALL
               SELECT '@', campaign, referrer, referral, converted_at, reward_referrer, amount
               FROM day_old
           ), sums AS (
               SELECT mark, campaign, referrer,
                      (to_timestamp(converted_at) AT TIME ZONE 'UTC')::date AS day,
                      count(*) AS conversions, sum(reward_referrer) AS rewards,
                      max(converted_at) AS last_converted_at, sum(amount) AS volume
               FROM counted GROUP BY 1, 2, 3, 4
           ), days AS (
               INSERT INTO referrer_daily AS daily
               SELECT campaign, referrer, day,
                      COALESCE(sum(conversions) FILTER (WHERE mark = ''), 0),
                      COALESCE(sum(rewards) FILTER (WHERE mark = ''), 0),
                      COALESCE(max(last_converted_at) FILTER (WHERE mark = ''), 0),
                      COALESCE(sum(volume) FILTER (WHERE mark = ''), 0),
                      COALESCE(sum(conversions) FILTER (WHERE mark = '@'), 0),
                      COALESCE(sum(rewards) FILTER (WHERE mark = '@'), 0),
                      COALESCE(max(last_converted_at) FILTER (WHERE mark = '@'), 0),
                      COALESCE(sum(volume) FILTER (WHERE mark = '@'), 0)
               FROM sums GROUP BY 1, 2, 3
               ON CONFLICT (campaign, referrer, day) DO UPDATE SET
                   conversions = daily.conversions + EXCLUDED.conversions,
                   rewards = daily.rewards + EXCLUDED.rewards,
                   last_converted_at = GREATEST(daily.last_converted_at,
                                                EXCLUDED.last_converted_at),
                   volume = daily.volume + EXCLUDED.volume,
                   earlier_conversions = daily.earlier_conversions + EXCLUDED.earlier_conversions,
                   earlier_rewards = daily.earlier_rewards + EXCLUDED.earlier_rewards,
                   earlier_last_converted_at = GREATEST(daily.earlier_last_converted_at,
                                                        EXCLUDED.earlier_last_converted_at),
                   earlier_volume = daily.earlier_volume + EXCLUDED.earlier_volume
           ), totals AS (
               INSERT INTO referral_totals AS total
               SELECT referral, 0, count(*), 0, 0 FROM counted WHERE mark = '' GROUP BY 1
               ON CONFLICT (referral) DO UPDATE SET
                   conversions_final = total.conversions_final + EXCLUDED.conversions_final
           ), placed AS MATERIALIZED (
               -- In the campaign, over all of them and in the groups of the referrer. The units of
               -- campaigns differ.
               SELECT mark, campaign, referrer, day, conversions, rewards, last_converted_at, volume
               FROM sums
               UNION ALL
               SELECT mark, board.campaign, referrer, day, conversions, 0, last_converted_at, 0
               FROM (
                   SELECT mark, referrer, day, sum(conversions)::bigint AS conversions,
                          max(last_converted_at) AS last_converted_at
                   FROM sums GROUP BY 1, 2, 3
               ) AS whole CROSS JOIN LATERAL (
                   SELECT '' AS campaign
                   UNION ALL SELECT own.board FROM referrer_groups(referrer, day) AS own
               ) AS board
           ), added AS (
               SELECT campaign, referrer, mark || span.period AS period,
                      sum(conversions)::bigint AS conversions, sum(rewards) AS rewards,
                      max(last_converted_at) AS last_converted_at, sum(volume) AS volume
               FROM placed CROSS JOIN LATERAL leaderboard_periods(day) AS span
               -- Nobody can ask any more how a period was that has been over for a day. A join with the others
               -- would make the planner expect one row, and loop over all pairs below.
               WHERE NOT is_earlier_and_over(mark || span.period, $2)
               GROUP BY 1, 2, 3
           ), ranks AS (
               INSERT INTO referrer_totals AS total SELECT * FROM added
               ON CONFLICT (campaign, referrer, period) DO UPDATE SET
                   conversions = total.conversions + EXCLUDED.conversions,
                   rewards = total.rewards + EXCLUDED.rewards,
                   last_converted_at = GREATEST(total.last_converted_at,
                                                EXCLUDED.last_converted_at),
                   volume = total.volume + EXCLUDED.volume
               RETURNING total.*
           ), moved AS (
               SELECT campaign, referrer, period, ranks.conversions,
                      ranks.conversions - added.conversions AS before
               FROM ranks JOIN added USING (campaign, referrer, period)
           ), milestones AS (
               INSERT INTO awards (campaign, referrer, badge, month)
               SELECT campaign, referrer, badge, ''
               FROM moved JOIN badges ON threshold > before AND threshold <= conversions
               WHERE period = '' AND campaign >= '1' AND $4
               ORDER BY threshold, campaign, referrer
               ON CONFLICT DO NOTHING
           ), opened AS (
               INSERT INTO boards AS board
               SELECT *, ends_at FROM (
                   SELECT campaign, period, count(*) FILTER (WHERE before = 0) AS referrers,
                          leaderboard_ends_at(campaign, period) AS ends_at
                   FROM moved GROUP BY campaign, period
               ) AS counted
               ON CONFLICT (campaign, period) DO UPDATE SET
                   referrers = board.referrers + EXCLUDED.referrers
                   WHERE EXCLUDED.referrers > 0
               RETURNING campaign, period, referrers, decide_at
           ), parted AS (
               -- The leaderboards that have parts.
               SELECT campaign, period
               FROM (SELECT DISTINCT campaign, period FROM added) AS board CROSS JOIN LATERAL (
                   SELECT FROM board_fences AS fence
                   WHERE fence.campaign = board.campaign AND fence.period = board.period LIMIT 1
               ) AS first
           ), totals_moved AS (
               -- From the place before this statement to the place after it.
               SELECT ranks.*, 1 AS change FROM ranks JOIN parted USING (campaign, period)
               UNION ALL
               SELECT old.*, -1
               FROM (
                   SELECT campaign, referrer, array_agg(period) AS periods
                   FROM added JOIN parted USING (campaign, period) GROUP BY campaign, referrer
               ) AS changed CROSS JOIN LATERAL (
                   SELECT * FROM referrer_totals AS total
                   WHERE total.campaign = changed.campaign AND total.referrer = changed.referrer
                     AND total.period = ANY(changed.periods)
                   OFFSET 0
               ) AS old
           ), shifts AS (
               SELECT fence.*, sum(change)::bigint AS change
               FROM totals_moved AS moved CROSS JOIN LATERAL (
                   VALUES ('conversions', -conversions::numeric), ('rewards', -rewards),
                          ('volume', -volume)
               ) AS sorted (measure, score) CROSS JOIN LATERAL (
                   SELECT campaign, period, measure, score, last_converted_at, referrer
                   FROM board_fences AS fence
                   WHERE fence.campaign = moved.campaign AND fence.period = moved.period
                     AND fence.measure = sorted.measure
                     AND (fence.score, fence.last_converted_at, fence.referrer)
                         <= (sorted.score, moved.last_converted_at, moved.referrer)
                   ORDER BY fence.score DESC, fence.last_converted_at DESC, fence.referrer DESC
                   LIMIT 1
               ) AS fence
               GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(change) <> 0
           ), shifted AS (
               -- All are there already.
               INSERT INTO board_fences AS fence SELECT * FROM shifts
               ON CONFLICT (campaign, period, measure, score, last_converted_at, referrer)
                   DO UPDATE SET entries = fence.entries + EXCLUDED.entries
               RETURNING fence.*
           ), founded AS (
               -- Leaderboards that have become so large that they get parts.
               INSERT INTO board_fences
               SELECT campaign, period, measure, -1e39, 0, '', referrers
               FROM opened CROSS JOIN (
                   VALUES ('conversions'), ('rewards'), ('volume')
               ) AS kind (measure)
               WHERE referrers > $6 AND (campaign >= '1' OR measure = 'conversions')
                 AND NOT EXISTS (SELECT FROM parted WHERE parted.campaign = opened.campaign
                                                      AND parted.period = opened.period)
               RETURNING *
           )
           SELECT (SELECT count(*) FROM counted WHERE mark = '') AS "counted!",
                  (SELECT count(*) FROM waited) AS "waited!",
                  (SELECT count(*) FROM day_old) AS "day_old!",
                  (SELECT max(matures_at) FROM day_old) AS last_matures_at,
                  (SELECT address FROM day_old ORDER BY matures_at DESC, address DESC LIMIT 1)
                      AS last_address,
                  ARRAY(SELECT DISTINCT campaign FROM counted WHERE mark = '' LIMIT $8) AS "ranked!",
                  EXISTS (SELECT FROM opened WHERE decide_at <= $2)
                      OR EXISTS (SELECT FROM boards WHERE decide_at <= $2) AS "is_due!",
                  ARRAY(SELECT ROW(changed.*)::board_fences
                        FROM (SELECT * FROM shifted UNION ALL SELECT * FROM founded) AS changed
                        WHERE entries > $6 OR (entries < $7 AND score > -1e39)
                  ) AS "uneven!: Vec<Fence>""#,
        final_seq,
        place.time,
        new,
        step.award,
        step.most,
        fences::MOST,
        fences::FEWEST,
        i64::try_from(MOST_RANKED + 1).unwrap_or(i64::MAX),
        earlier.before.time,
        earlier.after.time,
        earlier.after.address,
        day_old_to.time,
        place.address,
        earlier.before.address,
        day_old_to.address,
        earlier.counted_to.time,
        earlier.counted_to.address,
        earlier.to.time,
        earlier.to.address,
    )
    .fetch_one(&mut *connection)
    .await?;
    sqlx::query!("SET LOCAL enable_nestloop TO DEFAULT")
        .execute(connection)
        .await?;
    Ok(ranked)
}
