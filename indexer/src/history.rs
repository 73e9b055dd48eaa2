//! Lists of the program's transactions, as a node has them.

use std::collections::HashSet;

use solana_client::{
    rpc_config::RpcSignaturesForAddressConfig, rpc_request::RpcRequest,
    rpc_response::RpcConfirmedTransactionStatusWithSignature,
};
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

/// Where a list has to end: at the last transaction that the mirror holds as final. The list is asked
/// for up to the one before, so that an answer which is empty or cut off is noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Anchor {
    /// The transaction before it; `None` if it is the first one of all.
    pub(crate) before: Option<Known>,
    pub(crate) last: Known,
}

impl Anchor {
    /// Whether the list has ended. Fails if it goes back beyond the anchor: then the node does not
    /// know it, or it is on another fork.
    fn is_reached(&self, listed: &Listed) -> Result<bool, Failure> {
        if listed.signature == self.last.signature {
            return Ok(true);
        }
        if u64::try_from(self.last.slot).is_ok_and(|slot| listed.slot < slot) {
            return Err(self.missing());
        }
        Ok(false)
    }

    fn missing(&self) -> Failure {
        Failure::Chain(format!(
            "getSignaturesForAddress: the list does not reach back to {} in slot {}, which is final",
            self.last.signature, self.last.slot
        ))
    }
}

/// The transaction up to which a list is asked for.
fn until(anchor: Option<&Anchor>) -> Option<String> {
    let before = anchor.and_then(|anchor| anchor.before.as_ref());
    before.map(|known| known.signature.clone())
}

/// Cuts the page behind the anchor. Returns whether the anchor was in it.
fn cut(page: &mut Vec<Listed>, anchor: Option<&Anchor>) -> Result<bool, Failure> {
    let Some(anchor) = anchor else {
        return Ok(false);
    };
    for (place, listed) in page.iter().enumerate() {
        if anchor.is_reached(listed)? {
            page.truncate(place);
            return Ok(true);
        }
    }
    Ok(false)
}

/// The final transactions after a known one. It remembers where pages begin and not what they
/// hold, so that its size does not matter.
#[derive(Debug)]
pub(crate) struct List {
    until: Option<String>,
    min_slot: u64,
    /// Newest first.
    marks: Vec<Mark>,
    /// The content of the only page, if there is one page.
    only: Option<Vec<Listed>>,
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
        anchor: Option<&Anchor>,
        min_slot: u64,
        absent: HashSet<String>,
    ) -> Result<Self, Failure> {
        let mut list = Self {
            until: until(anchor),
            min_slot,
            marks: Vec::new(),
            only: None,
            absent,
        };
        let mut before = None;
        loop {
            let mut page = list.page(chain, before.clone()).await?;
            let is_empty = page.is_empty();
            let reached = cut(&mut page, anchor)?;
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
                before = Some(oldest.signature.clone());
                list.only = (list.marks.len() == 1).then_some(page);
            }
            if reached {
                return Ok(list);
            }
            if is_empty {
                return anchor.map_or(Ok(list), |anchor| Err(anchor.missing()));
            }
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
        let mut page = match self.only.take() {
            Some(page) => page,
            None => self.page(chain, mark.before.clone()).await?,
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
    anchor: Option<&Anchor>,
    min_slot: u64,
    most: usize,
) -> Result<Option<Vec<Listed>>, Failure> {
    let mut all: Vec<Listed> = Vec::new();
    loop {
        let before = all.last().map(|last| last.signature.clone());
        let commitment = Commitment::Confirmed;
        let mut page = page(chain, commitment, before, until(anchor), min_slot).await?;
        let full = page.len() >= PAGE;
        let reached = cut(&mut page, anchor)?;
        if let (Some(last), Some(newest)) = (all.last(), page.first()) {
            in_order(last, newest)?;
        }
        all.extend(page);
        if all.len() > most {
            return Ok(None);
        }
        match anchor {
            _ if reached => break,
            Some(anchor) if !full => return Err(anchor.missing()),
            None if !full => break,
            _ => {}
        }
    }
    all.reverse();
    Ok(Some(all))
}

/// One page, newest first.
async fn page(
    chain: &Chain,
    commitment: Commitment,
    before: Option<String>,
    until: Option<String>,
    min_slot: u64,
) -> Result<Vec<Listed>, Failure> {
    let parameters = (
        PROGRAM_ID.to_string(),
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
