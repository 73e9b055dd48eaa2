//! Finds what there is to do in the mirror, and makes tasks of it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use vouch_db::{
    PgPool,
    keeper::{self, Cursor},
};

use crate::{config::Config, failure::Failure, reclaim};

/// Conversions, or accounts, of one page.
const PAGE: i64 = 1000;
/// Pages of new conversions in one round.
const PAGES: usize = 10;
/// At the start, holds that have ended in this time count as new, in seconds.
const RECENT: i64 = 3600;
/// Time between two walks through all conversions that owe something.
const WALK_EVERY: Duration = Duration::from_mins(10);

/// Where the searches are. They begin again when the process does, because a task is made only once.
pub(crate) struct Search {
    /// The last new conversion.
    new: Option<Cursor>,
    /// The end of the next page of all conversions, from the newest on; `None` between two walks.
    walk: Option<Cursor>,
    walk_at: Instant,
    /// The last account; `None` between two searches for rent.
    rent: Option<String>,
    rent_at: Instant,
}

impl Search {
    pub(crate) fn new() -> Self {
        Self {
            new: None,
            walk: None,
            walk_at: Instant::now(),
            rent: None,
            rent_at: Instant::now(),
        }
    }

    /// Searches for rewards to pay. `final_time` is the chain's clock up to which the mirror is final.
    ///
    /// It follows the conversions whose hold ends. In addition, it walks through all that owe
    /// something, page by page, so that nothing is forgotten even if tasks are lost.
    pub(crate) async fn rewards(
        &mut self,
        pool: &PgPool,
        config: &Config,
        final_time: i64,
    ) -> Result<(), Failure> {
        let served = config.served();
        let admit = async |after: &Cursor| {
            keeper::admit(pool, after, PAGE, served.as_deref(), config.least_part).await
        };
        for _ in 0..PAGES {
            let start = || Cursor::at(final_time.saturating_sub(RECENT));
            let page = admit(self.new.get_or_insert_with(start)).await?;
            self.new = page.last.or(self.new.take());
            if page.rows < PAGE {
                break;
            }
        }
        if self.walk.is_none() && self.walk_at <= Instant::now() {
            self.walk = Some(Cursor::at(final_time));
        }
        if let Some(until) = &self.walk {
            let start = keeper::walk_back(pool, until, PAGE).await?;
            admit(start.as_ref().unwrap_or(&Cursor::at(i64::MIN))).await?;
            self.walk = start;
            self.walk_at = Instant::now() + WALK_EVERY;
        }
        Ok(())
    }

    /// Searches one page of accounts for rent to return.
    pub(crate) async fn rent(&mut self, pool: &PgPool, config: &Config) -> Result<(), Failure> {
        if self.rent.is_none() && self.rent_at > Instant::now() {
            return Ok(());
        }
        let after = self.rent.take().unwrap_or_default();
        let (last, remains) = keeper::remains(pool, &after, PAGE).await?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let served = config.served();
        let candidates: Vec<_> = remains
            .into_iter()
            .filter_map(|row| Some((reclaim::candidate(&row, now)?, row.address)))
            .filter(|((campaign, _), _)| served.as_ref().is_none_or(|it| it.contains(campaign)))
            .collect();
        let campaigns: Vec<_> = candidates.iter().map(|((it, _), _)| it.clone()).collect();
        let closed = keeper::closed(pool, &campaigns).await?;
        let wanted: Vec<_> = candidates
            .into_iter()
            .filter(|((campaign, must_be_closed), _)| !must_be_closed || closed.contains(campaign))
            .map(|((campaign, _), account)| (account, campaign))
            .collect();
        keeper::want_reclaimed(pool, &wanted).await?;
        self.rent = last;
        self.rent_at = Instant::now() + config.watch_every();
        Ok(())
    }
}
