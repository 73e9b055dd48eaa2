//! How far conversions count for ranks. The mirror goes on in steps, also within a second: even if any number of
//! conversions mature at the same time, no database transaction is long.

use sqlx::PgConnection;

use crate::Error;

/// Sorts after every address, as the end of a second.
const AFTER_EVERY_ADDRESS: &str = "~";

/// How far conversions count, in the order in which they mature, and of one second in that of their addresses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Unix seconds of the chain's clock.
    pub(super) time: i64,
    /// The last conversion of that second.
    pub(super) address: String,
}

impl Place {
    /// After all conversions that mature in this second.
    pub(super) fn end_of(time: i64) -> Self {
        Self {
            time,
            address: AFTER_EVERY_ADDRESS.to_owned(),
        }
    }

    /// The place in these columns; before every conversion if there is none yet.
    pub(super) fn kept(time: Option<i64>, address: String) -> Self {
        time.map_or(Self::end_of(i64::MIN), |time| Self { time, address })
    }

    /// The time for the column; `None` before every conversion.
    pub(super) fn known(&self) -> Option<i64> {
        Some(self.time).filter(|time| *time > i64::MIN)
    }
}

/// The first conversions after a place that mature by a time: at most one more than a step counts.
struct Next {
    count: i64,
    first: Option<i64>,
    last: Option<i64>,
    /// The last one of the step.
    address: Option<String>,
}

impl Next {
    /// How far a step goes, and how many count in it: to the end of the second `time`, or of an earlier one if they are too many, or within
    /// the first second if there are too many in that one.
    fn reaches(self, time: i64, most: i64) -> (Place, i64) {
        let place = match (self.first, self.last, self.address) {
            (Some(first), Some(last), Some(address)) if self.count > most => {
                if first < last {
                    Place::end_of(last - 1)
                } else {
                    Place {
                        time: first,
                        address,
                    }
                }
            }
            _ => Place::end_of(time),
        };
        (place, self.count.min(most))
    }
}

/// How far after `place` conversions count that wait, are final and mature by `clock`, and at most how many do.
pub(super) async fn mature(
    connection: &mut PgConnection,
    final_seq: i64,
    place: &Place,
    clock: i64,
    most: i64,
) -> Result<(Place, i64), Error> {
    let next = sqlx::query_as!(
        Next,
        r#"SELECT count(*) AS "count!", min(matures_at) AS first, max(matures_at) AS last,
                  (array_agg(conversion ORDER BY matures_at, conversion))[$5] AS address
           FROM (
               SELECT matures_at, conversion FROM maturing
               WHERE (matures_at, conversion) > ($1, $2) AND matures_at <= $3 AND seq <= $4
               ORDER BY matures_at, conversion LIMIT $5::integer + 1
           ) AS next"#,
        place.time,
        place.address,
        clock,
        final_seq,
        i32::try_from(most).unwrap_or(i32::MAX),
    )
    .fetch_one(connection)
    .await?;
    Ok(next.reaches(clock, most))
}

/// Whether a conversion waits that is final and matures up to `place`. It has become final in a range without a time.
pub(super) async fn is_late(
    connection: &mut PgConnection,
    final_seq: i64,
    place: &Place,
) -> Result<bool, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (
               -- The planner would read the whole table while it takes most of it for mature, and find none.
               SELECT FROM (
                   SELECT seq FROM maturing WHERE (matures_at, conversion) <= ($1, $2)
                   ORDER BY matures_at, conversion OFFSET 0
               ) AS mature WHERE seq <= $3
           ) AS "is_late!""#,
        place.time,
        place.address,
        final_seq,
    )
    .fetch_one(connection)
    .await?)
}

/// How far after `place` conversions begin to count for the leaderboards of a day earlier that matured by
/// `time`.
pub(super) async fn mature_earlier(
    connection: &mut PgConnection,
    place: &Place,
    time: i64,
    most: i64,
) -> Result<Place, Error> {
    let next = sqlx::query_as!(
        Next,
        r#"SELECT count(*) AS "count!", min(matures_at) AS first, max(matures_at) AS last,
                  (array_agg(address ORDER BY matures_at, address))[$4] AS address
           FROM (
               SELECT matures_at, address FROM conversions
               WHERE (matures_at, address) > ($1, $2) AND matures_at <= $3
               ORDER BY matures_at, address LIMIT $4::integer + 1
           ) AS next"#,
        place.time,
        place.address,
        time,
        i32::try_from(most).unwrap_or(i32::MAX),
    )
    .fetch_one(connection)
    .await?;
    Ok(next.reaches(time, most).0)
}
