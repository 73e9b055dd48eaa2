//! Lists of the program's transactions, as a node has them.

use std::collections::{HashSet, VecDeque};

use solana_client::{
    rpc_config::RpcSignaturesForAddressConfig, rpc_request::RpcRequest,
    rpc_response::RpcConfirmedTransactionStatusWithSignature,
};
use solana_sdk::pubkey::Pubkey;
use vouch_client::PROGRAM_ID;
use vouch_db::mirror::Known;

use crate::{
    chain::{Chain, Commitment, config},
    failure::Failure,
};

/// Transactions in one answer: the most that a node returns.
pub(crate) const PAGE: usize = 1000;

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
                return Err(Failure::Chain(format!(
                    "getSignaturesForAddress: the list has {} in slot {} where the mirror has {} \
                     in slot {}, which is final",
                    listed.signature, listed.slot, expected.signature, expected.slot
                )));
            }
        }
        page.truncate(new);
        Ok(())
    }

    /// Fails unless the list has repeated everything that it had to.
    fn finish(&self) -> Result<(), Failure> {
        match self.repeated.front() {
            None => Ok(()),
            Some(missing) => Err(Failure::Chain(format!(
                "getSignaturesForAddress: the list does not reach back to {} in slot {}, which is \
                 final",
                missing.signature, missing.slot
            ))),
        }
    }
}

/// Whether both are the same transaction in the same slot.
pub(crate) fn is(known: &Known, listed: &Listed) -> bool {
    known.signature == listed.signature && u64::try_from(known.slot) == Ok(listed.slot)
}

/// The final transactions after a known one. It remembers where pages begin and not what they
/// hold, so that its size does not matter.
#[derive(Debug)]
pub(crate) struct List {
    until: Option<String>,
    min_slot: u64,
    /// Newest first.
    marks: Vec<Mark>,
    /// The content of the newest page: if it were read again, it could begin later.
    newest: Vec<Listed>,
    /// The expected signatures that it lacks.
    absent: HashSet<String>,
}

impl List {
    /// Lists the final transactions after the anchor, or all, at a node that has reached `min_slot`.
    /// The signatures in `absent` are expected in it.
    ///
    /// Without an anchor only an empty page is the end, because a node may return less than a full
    /// page before it.
    pub(crate) async fn read(
        chain: &Chain,
        anchor: &Anchor,
        min_slot: u64,
        absent: HashSet<String>,
    ) -> Result<Self, Failure> {
        let mut list = Self {
            until: anchor.until(),
            min_slot,
            marks: Vec::new(),
            newest: Vec::new(),
            absent,
        };
        let mut overlap = Overlap::of(anchor);
        let mut before: Option<String> = None;
        loop {
            let mut page = list.page(chain, before.clone()).await?;
            let Some(last) = page.last() else {
                overlap.finish()?;
                return Ok(list);
            };
            let next = Some(last.signature.clone());
            let full = page.len() >= PAGE;
            overlap.cut(&mut page)?;
            if let (Some(newest), Some(oldest)) = (page.first(), page.last()) {
                if let Some(last) = list.marks.last() {
                    in_order(&last.oldest, newest)?;
                    // A node that repeats itself would have no end.
                    if last.newest == *newest {
                        return Err(twice(newest));
                    }
                }
                for listed in &page {
                    list.absent.remove(&listed.signature);
                }
                list.marks.push(Mark {
                    before,
                    newest: newest.clone(),
                    oldest: oldest.clone(),
                    count: page.len(),
                });
                if list.marks.len() == 1 {
                    list.newest = page;
                }
            }
            if overlap.is_complete() {
                return Ok(list);
            }
            // A page that is not full, and ends in what it repeats, is cut off.
            if overlap.begun && !full {
                overlap.finish()?;
            }
            before = next;
        }
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
    pub(crate) async fn take_page(
        &mut self,
        chain: &Chain,
    ) -> Result<Option<Vec<Listed>>, Failure> {
        let Some(mark) = self.marks.last().cloned() else {
            return Ok(None);
        };
        let mut page = match mark.before {
            None => std::mem::take(&mut self.newest),
            before => self.page(chain, before).await?,
        };
        // The page may go on behind the end of the list, or have been shorter before.
        page.truncate(mark.count);
        if page.len() != mark.count
            || page.first() != Some(&mark.newest)
            || page.last() != Some(&mark.oldest)
        {
            return Err(Failure::Chain(
                "getSignaturesForAddress: the node lists final transactions otherwise than before"
                    .into(),
            ));
        }
        self.marks.pop();
        page.reverse();
        Ok(Some(page))
    }

    async fn page(&self, chain: &Chain, before: Option<String>) -> Result<Vec<Listed>, Failure> {
        page(
            chain,
            Commitment::Finalized,
            before,
            self.until.clone(),
            self.min_slot,
        )
        .await
    }
}

/// The confirmed transactions after the anchor, oldest first; `None` if there are more than `most`.
///
/// Without an anchor it trusts a page that is not full to be the last one: what it misses is found
/// when it is final.
pub(crate) async fn confirmed(
    chain: &Chain,
    anchor: &Anchor,
    min_slot: u64,
    most: usize,
) -> Result<Option<Vec<Listed>>, Failure> {
    let mut all: Vec<Listed> = Vec::new();
    let mut overlap = Overlap::of(anchor);
    let mut before = None;
    loop {
        let commitment = Commitment::Confirmed;
        let mut page = page(chain, commitment, before, anchor.until(), min_slot).await?;
        before = page.last().map(|last| last.signature.clone());
        let full = page.len() >= PAGE;
        overlap.cut(&mut page)?;
        if let (Some(last), Some(newest)) = (all.last(), page.first()) {
            in_order(last, newest)?;
        }
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

/// The confirmed transactions that name `address` and came after this one: at most a page.
pub(crate) async fn since(
    chain: &Chain,
    address: &Pubkey,
    signature: &str,
    min_slot: u64,
) -> Result<Vec<Listed>, Failure> {
    let until = Some(signature.to_owned());
    page_of(chain, address, Commitment::Confirmed, None, until, min_slot).await
}

/// One page of the program, newest first.
async fn page(
    chain: &Chain,
    commitment: Commitment,
    before: Option<String>,
    until: Option<String>,
    min_slot: u64,
) -> Result<Vec<Listed>, Failure> {
    page_of(chain, &PROGRAM_ID, commitment, before, until, min_slot).await
}

async fn page_of(
    chain: &Chain,
    address: &Pubkey,
    commitment: Commitment,
    before: Option<String>,
    until: Option<String>,
    min_slot: u64,
) -> Result<Vec<Listed>, Failure> {
    let parameters = (
        address.to_string(),
        RpcSignaturesForAddressConfig {
            before,
            until,
            limit: Some(PAGE),
            commitment: Some(config(commitment)),
            min_context_slot: Some(min_slot),
        },
    );
    let page: Vec<RpcConfirmedTransactionStatusWithSignature> = chain
        .read(RpcRequest::GetSignaturesForAddress, &parameters)
        .await?;
    let page: Vec<_> = page
        .into_iter()
        .map(|entry| Listed {
            signature: entry.signature,
            slot: entry.slot,
            failed: entry.err.is_some(),
        })
        .collect();
    for (newer, older) in page.iter().zip(page.iter().skip(1)) {
        in_order(newer, older)?;
    }
    Ok(page)
}

/// Fails unless `older` may come after `newer` in a list with the newest first.
fn in_order(newer: &Listed, older: &Listed) -> Result<(), Failure> {
    if older.signature == newer.signature {
        return Err(twice(older));
    }
    if older.slot > newer.slot {
        return Err(Failure::Chain(format!(
            "getSignaturesForAddress: slot {} comes after slot {}, but newer ones come first",
            older.slot, newer.slot
        )));
    }
    Ok(())
}

fn twice(listed: &Listed) -> Failure {
    Failure::Chain(format!(
        "getSignaturesForAddress: {} is listed twice",
        listed.signature
    ))
}
