//! Final lists of two sources, compared before anything in them is made final.
//!
//! A source may leave out a transaction, and nobody sees that from its list. So two sources are asked
//! for the same list. If one has transactions that the other lacks, the longer list is taken once the
//! additional transactions are known as final, and the other source is noted as unreliable.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use tokio::time::{Instant, timeout};

use crate::{
    chain::Chain,
    failure::Failure,
    history::{Anchor, List, Listed},
    source::Source,
};

/// Time that a source has for a page after the other one has sent its own.
const PATIENCE: Duration = Duration::from_secs(3);
/// Additional transactions that are checked one by one before a list is believed. Those beyond are
/// fetched before they count, as all are.
const MOST_CHECKED: usize = 256;

/// A final list that can be believed.
pub(crate) struct Agreed<'a> {
    pub(crate) list: List<'a>,
    /// What proved it, for `coverage.source`: `rpc` for one source, `rpc+rpc` for two that agree.
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
        [one, ..] => {
            let list = List::read(one, anchor, end, held.clone()).await;
            let list = one.judge(list)?;
            return Ok(Agreed { list, proof: ONE });
        }
        [] => return Err(Failure::Silent("there is no node".into())),
    };
    let (mut left, mut right) = (new(first), new(second));
    let mut comparison = Comparison::default();
    loop {
        match comparison.next() {
            Next::End => break,
            next => {
                let (one, other) = read(&mut left, &mut right, next).await;
                if let Err(failure) = take(&mut comparison.left, one, end) {
                    return survive(chain, right, first, failure).await;
                }
                if let Err(failure) = take(&mut comparison.right, other, end) {
                    return survive(chain, left, second, failure).await;
                }
            }
        }
    }
    decide(chain, left, right, &comparison).await
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
    mut list: List<'a>,
    failed: &Source,
    failure: Failure,
) -> Result<Agreed<'a>, Failure> {
    loop {
        let page = list.read_page().await;
        if list.source().judge(page)?.is_none() {
            break;
        }
    }
    // The other one has more than the mirror among what is final. If that is true, the mirror cannot
    // go on: it would never be complete.
    if let Failure::Extra { signature, reason } = failure {
        let landed = chain.landed(std::slice::from_ref(&signature)).await?;
        if !landed.is_empty() {
            return Err(Failure::Incomplete { signature, reason });
        }
        failed.doubt(&reason);
    }
    Ok(Agreed { list, proof: ONE })
}

/// Which of two lists is believed.
async fn decide<'a>(
    chain: &Chain,
    left: List<'a>,
    right: List<'a>,
    comparison: &Comparison,
) -> Result<Agreed<'a>, Failure> {
    let Comparison {
        left: of_left,
        right: of_right,
    } = comparison;
    let (one, two) = (left.source(), right.source());
    let more = (
        of_left.are_known(chain).await?,
        of_right.are_known(chain).await?,
    );
    match more {
        (None, None) => Ok(Agreed {
            list: left,
            proof: TWO,
        }),
        (Some(Ok(())), None | Some(Err(_))) => {
            two.doubt(&of_left.lack());
            Ok(Agreed {
                list: left,
                proof: ONE,
            })
        }
        (None | Some(Err(_)), Some(Ok(()))) => {
            one.doubt(&of_right.lack());
            Ok(Agreed {
                list: right,
                proof: ONE,
            })
        }
        (Some(Err(unknown)), None) => {
            one.doubt(&unknown);
            Ok(Agreed {
                list: right,
                proof: ONE,
            })
        }
        (None, Some(Err(unknown))) => {
            two.doubt(&unknown);
            Ok(Agreed {
                list: left,
                proof: ONE,
            })
        }
        (Some(_), Some(_)) => {
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

/// Compares two lists slot by slot, newest first, while they are read.
#[derive(Debug, Default)]
struct Comparison {
    left: Side,
    right: Side,
}

/// One of two lists.
#[derive(Debug, Default)]
struct Side {
    /// What was read and not compared yet, newest first.
    waiting: VecDeque<Listed>,
    is_read: bool,
    /// The first transactions that the other list lacks.
    more: Vec<Listed>,
    /// How many the other list lacks.
    count: usize,
}

/// Which list has to be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Left,
    Right,
    Both,
    End,
}

impl Comparison {
    /// Compares what can be compared.
    fn next(&mut self) -> Next {
        loop {
            let fronts = [&self.left, &self.right].map(|side| side.waiting.front());
            let slot = fronts.into_iter().flatten().map(|listed| listed.slot).max();
            let slot = slot.unwrap_or_default();
            match (self.left.has_all_of(slot), self.right.has_all_of(slot)) {
                (false, false) => return Next::Both,
                (false, true) => return Next::Left,
                (true, false) => return Next::Right,
                (true, true) if self.left.is_done() && self.right.is_done() => return Next::End,
                (true, true) => {
                    let (left, right) = (self.left.take(slot), self.right.take(slot));
                    self.left.note(left.iter().filter(|it| !has(&right, it)));
                    self.right.note(right.iter().filter(|it| !has(&left, it)));
                }
            }
        }
    }
}

fn has(list: &[Listed], listed: &Listed) -> bool {
    list.iter().any(|it| it.signature == listed.signature)
}

impl Side {
    fn is_done(&self) -> bool {
        self.is_read && self.waiting.is_empty()
    }

    /// Whether everything was read that is in this slot or a later one.
    fn has_all_of(&self, slot: u64) -> bool {
        self.is_read || self.waiting.back().is_some_and(|oldest| oldest.slot < slot)
    }

    /// Takes what is in this slot, which is the newest one.
    fn take(&mut self, slot: u64) -> Vec<Listed> {
        let count = self.waiting.partition_point(|listed| listed.slot >= slot);
        self.waiting.drain(..count).collect()
    }

    fn note<'a>(&mut self, more: impl Iterator<Item = &'a Listed>) {
        for listed in more {
            self.count += 1;
            if self.more.len() < MOST_CHECKED {
                self.more.push(listed.clone());
            }
        }
    }

    /// Whether any source knows as final what the other list lacks; `None` if that lacks nothing.
    async fn are_known(&self, chain: &Chain) -> Result<Option<Result<(), String>>, Failure> {
        if self.more.is_empty() {
            return Ok(None);
        }
        let signatures: Vec<_> = self.more.iter().map(|it| it.signature.clone()).collect();
        let landed = chain.landed(&signatures).await?;
        let unknown = self.more.iter().find(|listed| {
            let same = |it: &crate::chain::Landed| {
                it.signature == listed.signature && it.slot == listed.slot
            };
            !landed.iter().any(same)
        });
        Ok(Some(match unknown {
            None => Ok(()),
            Some(listed) => Err(format!(
                "it lists {} in slot {}, which no node knows as final there",
                listed.signature, listed.slot
            )),
        }))
    }

    /// What the other list lacks, in words.
    fn lack(&self) -> String {
        match self.more.first() {
            None => String::new(),
            Some(listed) => format!(
                "its list lacks {} in slot {}, one of {} that another node lists",
                listed.signature, listed.slot, self.count
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Transactions such as `9A`: A in slot 9.
    fn listed(text: &str) -> Vec<Listed> {
        text.split_whitespace()
            .map(|entry| Listed {
                slot: entry[..1].parse().expect("a slot"),
                signature: entry[1..].to_owned(),
                failed: false,
            })
            .collect()
    }

    /// Compares lists that come in pages of this size. Returns what each has and the other lacks.
    fn compare(left: &str, right: &str, page: usize) -> (String, String) {
        let mut lists = [listed(left), listed(right)].map(VecDeque::from);
        let mut comparison = Comparison::default();
        let read = |side: &mut Side, list: &mut VecDeque<Listed>| {
            assert!(side.waiting.len() <= 3 + page, "{side:?}");
            side.is_read = list.is_empty();
            side.waiting.extend(list.drain(..page.min(list.len())));
        };
        loop {
            let next = comparison.next();
            if matches!(next, Next::Left | Next::Both) {
                read(&mut comparison.left, &mut lists[0]);
            }
            if matches!(next, Next::Right | Next::Both) {
                read(&mut comparison.right, &mut lists[1]);
            }
            if next == Next::End {
                break;
            }
        }
        let more = |side: &Side| {
            assert_eq!(side.more.len(), side.count);
            side.more.iter().map(|it| it.signature.as_str()).collect()
        };
        (more(&comparison.left), more(&comparison.right))
    }

    #[test]
    fn whatever_one_list_lacks_is_found_in_pages_of_any_size() {
        let whole = "9H 9G 9F 7E 7D 4C 2B 1A";
        for page in 1..10 {
            for (left, right, more) in [
                (whole, whole, ("", "")),
                (whole, "", ("HGFEDCBA", "")),
                ("", whole, ("", "HGFEDCBA")),
                ("", "", ("", "")),
                // The first, the last, one in the middle of a slot, a whole slot
                (whole, "9H 9G 9F 7E 7D 4C 2B", ("A", "")),
                (whole, "9G 9F 7E 7D 4C 2B 1A", ("H", "")),
                ("9H 9F 7E 7D 4C 2B 1A", whole, ("", "G")),
                (whole, "9H 9G 9F 7E 7D 2B 1A", ("C", "")),
                // Both lack something
                ("9H 9G 9F 7E 4C 2B 1A", "9H 9G 9F 7E 7D 4C 1A", ("B", "D")),
                // The same transaction in another slot is another one
                ("9H 2B", "9H 3B", ("B", "B")),
                // The order within a slot is not what is compared
                ("9H 9G", "9G 9H", ("", "")),
            ] {
                let (one, other) = compare(left, right, page);
                assert_eq!((one.as_str(), other.as_str()), more, "{left} | {right}");
            }
        }
    }
}
