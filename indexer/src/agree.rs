//! Final lists of two sources, compared before anything in them is made final.
//!
//! A source may leave out a transaction, and nobody sees that from its list. So two sources are asked
//! for the same list. If one has transactions that the other lacks, the nodes vote on them. The longer
//! list is taken if they are final, and the other source is noted as unreliable; or the other way
//! round. They are voted on while the lists are read, so that a list of inventions comes to no end
//! without being noticed.

mod compare;

use std::{collections::HashSet, time::Duration};

use tokio::time::{Instant, timeout};

use self::compare::{Comparison, Next, Side, invented};
use crate::{
    chain::Chain,
    failure::Failure,
    history::{Anchor, List, Listed},
    source::Source,
    votes::Verdict,
};

/// Time that a source has for a page after the other one has sent its own.
const PATIENCE: Duration = Duration::from_secs(3);
/// Pages of a list that only one source lists, between two votes on what is in it.
const VOTE_EVERY: usize = 16;

/// A final list that can be believed.
pub(crate) struct Agreed<'a> {
    pub(crate) list: List<'a>,
    /// Its proof, for `coverage.source`: `rpc` for one source, `rpc+rpc` for two that agree.
    pub(crate) proof: &'static str,
}

const ONE: &str = "rpc";
const TWO: &str = "rpc+rpc";

/// The final list after the anchor, up to slot `end`. The signatures in `held` are expected in it.
pub(crate) async fn list<'a>(
    chain: &'a Chain,
    anchor: &Anchor,
    end: u64,
    held: &HashSet<String>,
) -> Result<Agreed<'a>, Failure> {
    let sources = chain.sources();
    let new = |source| List::new(source, anchor, end, held.clone());
    let ready = sources.ready(end).await?;
    let (first, second) = match ready.as_slice() {
        [first, second, ..] => (*first, *second),
        [one, ..] => return alone(chain, new(one), end).await,
        [] => return Err(Failure::Silent("there is no node".into())),
    };
    let (mut left, mut right) = (new(first), new(second));
    let mut comparison = Comparison::default();
    loop {
        let next = comparison.next();
        // Before more is read: a list that fails later may be full of inventions until then.
        if comparison.left.is_due()
            && let Some(failure) = comparison.left.vote(chain, (first, second)).await?
        {
            return survive(chain, right, first, failure, end).await;
        }
        if comparison.right.is_due()
            && let Some(failure) = comparison.right.vote(chain, (second, first)).await?
        {
            return survive(chain, left, second, failure, end).await;
        }
        if next == Next::End {
            break;
        }
        let (one, other) = read(&mut left, &mut right, next).await;
        if let Err(failure) = take(&mut comparison.left, one, end) {
            return survive(chain, right, first, failure, end).await;
        }
        if let Err(failure) = take(&mut comparison.right, other, end) {
            return survive(chain, left, second, failure, end).await;
        }
    }
    decide(chain, left, right, comparison).await
}

/// A page that was asked for.
type Page = Option<Result<Option<Vec<Listed>>, Failure>>;

/// Reads the next pages. The slower source is not waited for much longer than the other one.
async fn read(left: &mut List<'_>, right: &mut List<'_>, next: Next) -> (Page, Page) {
    let began = Instant::now();
    let sources = (left.source(), right.source());
    let (one, other) = match next {
        Next::Left => (Some(timeout(PATIENCE, left.read_page()).await), None),
        Next::Right => (None, Some(timeout(PATIENCE, right.read_page()).await)),
        Next::Both => {
            let (one, other) = (left.read_page(), right.read_page());
            tokio::pin!(one, other);
            let (one, other) = tokio::select! {
                page = &mut one => (Ok(page), timeout(PATIENCE, other).await),
                page = &mut other => (timeout(PATIENCE, one).await, Ok(page)),
            };
            (Some(one), Some(other))
        }
        Next::End => (None, None),
    };
    let judge = |source: &Source, page: Result<_, _>| {
        source.judge(page.unwrap_or_else(|_| Err(source.too_late(began))))
    };
    (
        one.map(|page| judge(sources.0, page)),
        other.map(|page| judge(sources.1, page)),
    )
}

/// Takes over a page into the comparison.
fn take(side: &mut Side, page: Page, end: u64) -> Result<(), Failure> {
    match page.transpose()? {
        None => {}
        Some(None) => side.is_read = true,
        Some(Some(page)) => side
            .waiting
            .extend(page.into_iter().filter(|listed| listed.slot <= end)),
    }
    Ok(())
}

/// One source failed: goes on with the list of the other one.
async fn survive<'a>(
    chain: &Chain,
    list: List<'a>,
    failed: &Source,
    failure: Failure,
    end: u64,
) -> Result<Agreed<'a>, Failure> {
    let agreed = alone(chain, list, end).await?;
    match failure {
        // The other one has more than the mirror among what is final. If that is true, the mirror
        // cannot go on: it would never be complete.
        Failure::Extra { signature, reason } => {
            for said in chain.testify(std::slice::from_ref(&signature)).await? {
                if said.verdict() != Verdict::No {
                    return Err(Failure::Incomplete { signature, reason });
                }
            }
            failed.doubt(&reason);
        }
        Failure::Invented(reason) => failed.doubt(&reason),
        failure => {
            let source = failed.name();
            tracing::warn!(source, "the mirror goes on without its list: {failure}");
        }
    }
    Ok(agreed)
}

/// The list of one source, read to its end. Other nodes are asked about some of it.
async fn alone<'a>(chain: &Chain, mut list: List<'a>, end: u64) -> Result<Agreed<'a>, Failure> {
    let source = list.source();
    for pages in 1.. {
        let page = list.read_page().await;
        let Some(page) = source.judge(page)? else {
            break;
        };
        let last = page.last().filter(|last| last.slot <= end);
        if pages % VOTE_EVERY == 0
            && !chain.sources().is_one()
            && let Some(listed) = last
        {
            let said = chain
                .testify(std::slice::from_ref(&listed.signature))
                .await?;
            for said in said {
                match said.verdict_in(listed.slot) {
                    Verdict::Final => {}
                    Verdict::No => {
                        return source.judge(Err(Failure::Wrong(invented(listed, &said))));
                    }
                    // In the next round, the other node is asked for its list as well.
                    Verdict::Open => return Err(Failure::Chain(invented(listed, &said))),
                }
            }
        }
    }
    Ok(Agreed { list, proof: ONE })
}

/// Which of two lists is believed.
async fn decide<'a>(
    chain: &Chain,
    left: List<'a>,
    right: List<'a>,
    comparison: Comparison,
) -> Result<Agreed<'a>, Failure> {
    let Comparison {
        left: mut of_left,
        right: mut of_right,
    } = comparison;
    let (one, two) = (left.source(), right.source());
    let invented = (
        of_left.vote(chain, (one, two)).await?,
        of_right.vote(chain, (two, one)).await?,
    );
    let take = |list| Ok(Agreed { list, proof: ONE });
    match (of_left.count, of_right.count, invented) {
        (0, 0, _) => Ok(Agreed {
            list: left,
            proof: TWO,
        }),
        (_, 0, (None, _)) | (1.., 1.., (None, Some(_))) => {
            two.doubt(&of_left.lack());
            take(left)
        }
        (0, _, (_, None)) | (1.., 1.., (Some(_), None)) => {
            one.doubt(&of_right.lack());
            take(right)
        }
        (_, 0, (Some(unknown), _)) => {
            one.doubt(&unknown.to_string());
            take(right)
        }
        (0, _, (_, Some(unknown))) => {
            two.doubt(&unknown.to_string());
            take(left)
        }
        (1.., 1.., (None, None) | (Some(_), Some(_))) => {
            one.doubt(&of_right.lack());
            two.doubt(&of_left.lack());
            Err(Failure::Chain(format!(
                "no node has a complete list: {}: {}; {}: {}",
                one.name(),
                of_right.lack(),
                two.name(),
                of_left.lack()
            )))
        }
    }
}

#[cfg(test)]
mod tests;
