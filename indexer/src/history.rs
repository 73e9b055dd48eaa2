//! Lists of the program's transactions, as a node has them.

use std::collections::{HashSet, VecDeque};

use solana_client::{
    rpc_config::RpcSignaturesForAddressConfig, rpc_request::RpcRequest,
    rpc_response::RpcConfirmedTransactionStatusWithSignature,
};
use solana_sdk::{pubkey::Pubkey, signature::Signature};
use vouch_client::PROGRAM_ID;
use vouch_db::mirror::Known;

use crate::{
    chain::Chain,
    commitment::{Commitment, config},
    failure::Failure,
    source::Source,
    sources::Hedge,
};

/// A transaction in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) signature: String,
    pub(crate) slot: u64,
    /// Whether the transaction failed.
    pub(crate) failed: bool,
}

/// A page of a list, as it was first read. Old pages never change, so that it can be read again.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    before: Option<String>,
    newest: Listed,
    oldest: Listed,
    count: usize,
}

/// More transactions than a block can hold: 100 million compute units at about 1,100 for one that does
/// nothing but pay its fee.
const MOST_IN_SLOT: usize = 100_000;
/// Transactions in front of the part of a list that is asked for. They have become final since its end
/// was: a few thousand at most.
const MOST_NEWER: usize = 100_000;
/// Final transactions that a list has to repeat, besides the one up to which it is asked for.
pub(crate) const OVERLAP: usize = 64;

/// The last transactions that the mirror holds as final, oldest first. Every list has to repeat them
/// as they are. So an answer that is empty, cut off or from another history is noticed, and so is a
/// transaction that an earlier list left out among them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Anchor {
    known: VecDeque<Known>,
}

impl Anchor {
    /// `known` are the last final ones.
    pub(crate) fn new(known: impl IntoIterator<Item = Known>) -> Self {
        let mut anchor = Self::default();
        for known in known {
            anchor.push(known);
        }
        anchor
    }

    /// This transaction is final, too.
    pub(crate) fn push(&mut self, known: Known) {
        self.known.push_back(known);
        if self.known.len() > OVERLAP + 1 {
            self.known.pop_front();
        }
    }

    /// The last final transaction.
    pub(crate) fn last(&self) -> Option<&Known> {
        self.known.back()
    }

    /// The last final transactions.
    pub(crate) fn known(&self) -> impl Iterator<Item = &Known> {
        self.known.iter()
    }

    /// The transaction up to which a list is asked for; `None` for the whole history.
    fn until(&self) -> Option<String> {
        let first = self.known.front().filter(|known| known.seq > 1);
        first.map(|known| known.signature.clone())
    }

    /// The transactions that a list repeats, newest first.
    fn repeated(&self) -> impl Iterator<Item = &Known> {
        let skipped = usize::from(self.until().is_some());
        self.known.iter().skip(skipped).rev()
    }
}

/// Separates a list from the transactions that it repeats.
#[derive(Debug)]
struct Overlap {
    /// Those that were not repeated yet, newest first.
    repeated: VecDeque<Known>,
    begun: bool,
}

impl Overlap {
    fn of(anchor: &Anchor) -> Self {
        Self {
            repeated: anchor.repeated().cloned().collect(),
            begun: false,
        }
    }

    /// Whether the list has repeated everything. Without an anchor it never has.
    fn is_complete(&self) -> bool {
        self.begun && self.repeated.is_empty()
    }

    /// Cuts what is repeated off the page.
    fn cut(&mut self, page: &mut Vec<Listed>) -> Result<(), Failure> {
        let mut new = page.len();
        for (place, listed) in page.iter().enumerate() {
            let Some(expected) = self.repeated.front() else {
                break;
            };
            if is(expected, listed) {
                new = new.min(place);
                self.begun = true;
                self.repeated.pop_front();
            } else if self.begun
                || u64::try_from(expected.slot).is_ok_and(|slot| listed.slot < slot)
            {
                let reason = format!(
                    "getSignaturesForAddress: the list has {} in slot {} where the mirror has {} \
                     in slot {}, which is final",
                    listed.signature, listed.slot, expected.signature, expected.slot
                );
                let is_held = |known: &Known| known.signature == listed.signature;
                if self.repeated.iter().any(is_held) {
                    return Err(Failure::Wrong(reason));
                }
                return Err(Failure::Extra {
                    signature: listed.signature.clone(),
                    reason,
                });
            }
        }
        page.truncate(new);
        Ok(())
    }

    /// Fails unless the list has repeated everything that it had to.
    fn finish(&self) -> Result<(), Failure> {
        match self.repeated.front() {
            None => Ok(()),
            Some(missing) => Err(Failure::Wrong(format!(
                "getSignaturesForAddress: the list does not reach back to {} in slot {}, which is \
                 final",
                missing.signature, missing.slot
            ))),
        }
    }
}

/// Checks that a list goes on, page after page: towards older slots, with nothing twice and no more in
/// a slot than there can be. So no list is without end, and its size in memory is limited.
#[derive(Debug, Default)]
struct Order {
    slot: Option<u64>,
    /// The signatures that are listed in this slot.
    seen: HashSet<String>,
}

impl Order {
    fn check(&mut self, page: &[Listed]) -> Result<(), Failure> {
        for listed in page {
            if let Some(before) = self.slot.filter(|before| listed.slot > *before) {
                return Err(Failure::Wrong(format!(
                    "getSignaturesForAddress: slot {} comes after slot {before}, but newer ones \
                     come first",
                    listed.slot
                )));
            }
            if self.slot != Some(listed.slot) {
                self.slot = Some(listed.slot);
                self.seen.clear();
            }
            if !self.seen.insert(listed.signature.clone()) {
                return Err(Failure::Wrong(format!(
                    "getSignaturesForAddress: {} is listed twice",
                    listed.signature
                )));
            }
            if self.seen.len() > MOST_IN_SLOT {
                return Err(Failure::Wrong(format!(
                    "getSignaturesForAddress: more than {MOST_IN_SLOT} transactions are listed in \
                     slot {}",
                    listed.slot
                )));
            }
        }
        Ok(())
    }
}

/// Whether both are the same transaction in the same slot.
pub(crate) fn is(known: &Known, listed: &Listed) -> bool {
    known.signature == listed.signature && u64::try_from(known.slot) == Ok(listed.slot)
}

/// The final transactions after a known one, as one source lists them. It remembers where pages begin
/// and not what they hold, so that its size does not matter.
pub(crate) struct List<'a> {
    source: &'a Source,
    until: Option<String>,
    min_slot: u64,
    order: Order,
    /// Transactions after `min_slot` so far, and how many there may be.
    newer: (usize, usize),
    /// Newest first.
    marks: Vec<Mark>,
    /// The content of the newest page: if it were read again, it could begin later.
    newest: Vec<Listed>,
    /// The expected signatures that it lacks.
    absent: HashSet<String>,
    overlap: Overlap,
    /// The last transaction of the last page.
    before: Option<String>,
    is_read: bool,
}

impl<'a> List<'a> {
    /// The list of the final transactions after the anchor, or of all, at a node that has reached
    /// `min_slot`. The signatures in `absent` are expected in it. It has to be read page by page.
    pub(crate) fn new(
        source: &'a Source,
        anchor: &Anchor,
        min_slot: u64,
        absent: HashSet<String>,
    ) -> Self {
        Self {
            source,
            until: anchor.until(),
            min_slot,
            order: Order::default(),
            newer: (0, MOST_NEWER),
            marks: Vec::new(),
            newest: Vec::new(),
            absent,
            overlap: Overlap::of(anchor),
            before: None,
            is_read: false,
        }
    }

    /// The whole list of final transactions, up to `end` and beyond, however old that is.
    pub(crate) async fn whole(source: &'a Source, end: u64) -> Result<Self, Failure> {
        let mut list = Self::new(source, &Anchor::default(), end, HashSet::new());
        list.newer.1 = usize::MAX;
        while list.read_page().await?.is_some() {}
        Ok(list)
    }

    /// The source that lists it.
    pub(crate) fn source(&self) -> &'a Source {
        self.source
    }

    /// Reads the next page, and returns what is new on it, newest first; `None` at the end.
    ///
    /// Without an anchor only an empty page is the end, because a node may return less than a full
    /// page before it.
    pub(crate) async fn read_page(&mut self) -> Result<Option<Vec<Listed>>, Failure> {
        if self.is_read {
            return Ok(None);
        }
        let before = self.before.clone();
        let mut page = self.page(before.clone()).await?;
        let Some(last) = page.last() else {
            self.overlap.finish()?;
            self.is_read = true;
            return Ok(None);
        };
        self.before = Some(last.signature.clone());
        let full = page.len() >= self.source.page();
        self.order.check(&page)?;
        self.newer.0 += page.partition_point(|listed| listed.slot > self.min_slot);
        if self.newer.0 > self.newer.1 {
            return Err(Failure::Wrong(format!(
                "getSignaturesForAddress: more than {} transactions are listed after slot {}",
                self.newer.1, self.min_slot
            )));
        }
        self.overlap.cut(&mut page)?;
        if let (Some(newest), Some(oldest)) = (page.first(), page.last()) {
            for listed in &page {
                self.absent.remove(&listed.signature);
            }
            self.marks.push(Mark {
                before,
                newest: newest.clone(),
                oldest: oldest.clone(),
                count: page.len(),
            });
            if self.marks.len() == 1 {
                self.newest.clone_from(&page);
            }
        }
        // A page that is not full, and ends in what it repeats, is cut off.
        if self.overlap.begun && !full {
            self.overlap.finish()?;
        }
        self.is_read = self.overlap.is_complete();
        Ok(Some(page))
    }

    /// The expected signatures that it lacks.
    pub(crate) fn absent(&self) -> &HashSet<String> {
        &self.absent
    }

    /// Number of listed transactions.
    pub(crate) fn len(&self) -> usize {
        self.marks.iter().map(|mark| mark.count).sum()
    }

    /// The oldest page that was not taken yet, with its oldest transaction first; `None` at the
    /// end.
    pub(crate) async fn take_page(&mut self) -> Result<Option<Vec<Listed>>, Failure> {
        let Some(mark) = self.marks.last().cloned() else {
            return Ok(None);
        };
        let mut page = match mark.before {
            None => std::mem::take(&mut self.newest),
            before => self.page(before).await?,
        };
        // The page may go on behind the end of the list, or have been shorter before.
        page.truncate(mark.count);
        if page.len() != mark.count
            || page.first() != Some(&mark.newest)
            || page.last() != Some(&mark.oldest)
        {
            return Err(Failure::Wrong(
                "getSignaturesForAddress: the node lists final transactions otherwise than before"
                    .into(),
            ));
        }
        self.marks.pop();
        page.reverse();
        Ok(Some(page))
    }

    async fn page(&self, before: Option<String>) -> Result<Vec<Listed>, Failure> {
        let range = Range {
            address: &PROGRAM_ID,
            commitment: Commitment::Finalized,
            before,
            until: self.until.clone(),
            min_slot: self.min_slot,
        };
        range.insist(self.source).await
    }
}

/// The confirmed transactions after the anchor, oldest first, and the source that lists them; `None`
/// if there are more than `most`.
///
/// Without an anchor it trusts a page that is not full to be the last one: what it misses is found
/// when it is final.
pub(crate) async fn confirmed<'a>(
    chain: &'a Chain,
    anchor: &Anchor,
    min_slot: u64,
    most: usize,
) -> Result<Option<(&'a Source, Vec<Listed>)>, Failure> {
    let ask = async |source: &'a Source| {
        let listed = confirmed_at(source, anchor, min_slot, most).await?;
        Ok(listed.map(|listed| (source, listed)))
    };
    chain.sources().first(min_slot, Hedge::Yes, ask).await
}

async fn confirmed_at(
    source: &Source,
    anchor: &Anchor,
    min_slot: u64,
    most: usize,
) -> Result<Option<Vec<Listed>>, Failure> {
    let mut all: Vec<Listed> = Vec::new();
    let mut overlap = Overlap::of(anchor);
    let mut order = Order::default();
    let mut before = None;
    loop {
        let range = Range {
            address: &PROGRAM_ID,
            commitment: Commitment::Confirmed,
            before,
            until: anchor.until(),
            min_slot,
        };
        let mut page = range.page(source).await?;
        before = page.last().map(|last| last.signature.clone());
        let full = page.len() >= source.page();
        order.check(&page)?;
        overlap.cut(&mut page)?;
        all.extend(page);
        if all.len() > most {
            return Ok(None);
        }
        if overlap.is_complete() || !full {
            overlap.finish()?;
            break;
        }
    }
    all.reverse();
    Ok(Some(all))
}

const REQUEST: RpcRequest = RpcRequest::GetSignaturesForAddress;

/// A part of a list, newest first.
struct Range<'a> {
    address: &'a Pubkey,
    commitment: Commitment,
    before: Option<String>,
    until: Option<String>,
    min_slot: u64,
}

impl Range<'_> {
    fn parameters(&self, source: &Source) -> (String, RpcSignaturesForAddressConfig) {
        let config = RpcSignaturesForAddressConfig {
            before: self.before.clone(),
            until: self.until.clone(),
            limit: Some(source.page()),
            commitment: Some(config(self.commitment)),
            min_context_slot: Some(self.min_slot),
        };
        (self.address.to_string(), config)
    }

    /// Its first page, asked for once.
    async fn page(&self, source: &Source) -> Result<Vec<Listed>, Failure> {
        let page = source.ask(REQUEST, &self.parameters(source)).await?;
        listed(page, source.page())
    }

    /// Its first page, asked for until it comes.
    async fn insist(&self, source: &Source) -> Result<Vec<Listed>, Failure> {
        let page = source.insist(REQUEST, &self.parameters(source)).await?;
        listed(page, source.page())
    }
}

/// The entries of a page. Fails if there are more than were asked for, or one is no signature.
fn listed(
    page: Vec<RpcConfirmedTransactionStatusWithSignature>,
    most: usize,
) -> Result<Vec<Listed>, Failure> {
    if page.len() > most {
        return Err(Failure::Wrong(format!(
            "getSignaturesForAddress: {} transactions came where {most} were asked for",
            page.len()
        )));
    }
    let entry = |entry: RpcConfirmedTransactionStatusWithSignature| {
        let parsed = entry.signature.parse::<Signature>();
        parsed.map_err(|error| Failure::Wrong(format!("getSignaturesForAddress: {error}")))?;
        Ok(Listed {
            signature: entry.signature,
            slot: entry.slot,
            failed: entry.err.is_some(),
        })
    };
    page.into_iter().map(entry).collect()
}

#[cfg(test)]
mod tests;
