//! Reads from rows of the mirror's log which facts to tell. Pure.

use vouch_db::api::live::{Entry, Withdrawn};

use super::position::Known;

/// Transactions after the first number, up to the second one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    pub(crate) after: i64,
    pub(crate) to: i64,
}

impl Span {
    /// The number of its transactions.
    pub(crate) fn len(self) -> i64 {
        (self.to - self.after).max(0)
    }
}

/// The content of a row of the log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// The row.
    pub(crate) known: Known,
    /// Facts that were undone.
    pub(crate) withdrawn: Vec<Withdrawn>,
    /// Transactions that were added, and not undone by a later row.
    pub(crate) written: Span,
    /// Transactions that became final.
    pub(crate) settled: Span,
    /// Campaigns whose leaderboards have changed; `''` for all.
    pub(crate) ranked: Vec<String>,
}

impl Change {
    /// The number of transactions whose facts are read, and of facts that were undone.
    pub(crate) fn cost(&self) -> i64 {
        self.written.len() + self.settled.len() + withdrawn(&self.withdrawn)
    }
}

/// The cost of facts that were undone.
pub(crate) fn withdrawn(facts: &[Withdrawn]) -> i64 {
    i64::try_from(facts.len()).unwrap_or(i64::MAX)
}

/// The changes of the rows after `before`, and whether everything before them is to be read
/// again. All rows up to the moment of the snapshot have to be there: the facts of transactions that a
/// later row has undone cannot be read any more.
pub(crate) fn changes(before: Known, entries: Vec<Entry>) -> (bool, Vec<Change>) {
    let anew = entries.iter().rposition(|entry| entry.is_new);
    let mut before = match anew.and_then(|index| entries.get(index)) {
        Some(entry) => Known::from(entry),
        None => before,
    };
    let mut changes = Vec::new();
    for entry in entries.into_iter().skip(anew.map_or(0, |index| index + 1)) {
        let known = Known::from(&entry);
        changes.push(Change {
            known,
            withdrawn: entry.withdrawn,
            written: Span {
                after: before.confirmed_seq,
                to: known.confirmed_seq,
            },
            settled: Span {
                after: before.final_seq,
                to: known.final_seq,
            },
            ranked: entry.ranked,
        });
        before = known;
    }
    // Up to where what was written stood until the end.
    let mut stands = i64::MAX;
    for change in changes.iter_mut().rev() {
        let written = change.written.to;
        change.written.to = written.min(stands);
        stands = stands.min(written);
    }
    (anew.is_some(), changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: i64, confirmed_seq: i64, final_seq: i64) -> Entry {
        Entry {
            id,
            mark: 1,
            confirmed_seq,
            final_seq,
            withdrawn: Vec::new(),
            ranked: Vec::new(),
            is_new: false,
        }
    }

    /// The transactions that a row adds, and those that it makes final.
    type Spans = (Vec<i64>, Vec<i64>);

    /// Whether a row says that everything is new, and what each row adds.
    fn spans(before: (i64, i64), entries: Vec<Entry>) -> (bool, Vec<Spans>) {
        let before = Known::from(&entry(1, before.0, before.1));
        let (is_new, changes) = changes(before, entries);
        let all = |span: Span| (span.after + 1..=span.to).collect();
        let spans = changes
            .iter()
            .map(|change| {
                let (written, settled): (Vec<i64>, Vec<i64>) =
                    (all(change.written), all(change.settled));
                let count = written.len() + settled.len();
                assert_eq!(usize::try_from(change.cost()), Ok(count));
                (written, settled)
            })
            .collect();
        (is_new, spans)
    }

    #[test]
    fn rows_add_and_settle_what_comes_after_the_row_before() {
        let rows = vec![entry(2, 12, 9), entry(3, 12, 11), entry(5, 14, 14)];
        let expected = vec![
            (vec![11, 12], vec![]),
            (vec![], vec![10, 11]),
            (vec![13, 14], vec![12, 13, 14]),
        ];
        assert_eq!(spans((10, 9), rows), (false, expected));
    }

    #[test]
    fn what_a_later_row_undid_is_not_read_as_what_came_instead() {
        // Given 11 to 14, of which 13 and 14 are undone, and others come instead; and all of that is
        // undone down to 12
        let rows = vec![
            entry(2, 14, 9),
            entry(3, 12, 9),
            entry(4, 15, 9),
            entry(5, 12, 9),
            entry(6, 13, 9),
        ];
        let expected = vec![
            (vec![11, 12], vec![]),
            (vec![], vec![]),
            (vec![], vec![]),
            (vec![], vec![]),
            (vec![13], vec![]),
        ];
        assert_eq!(spans((10, 9), rows), (false, expected));
        // And what was told before is undone, too
        let rows = vec![entry(2, 12, 9), entry(3, 9, 9), entry(4, 10, 9)];
        let expected = vec![(vec![], vec![]), (vec![], vec![]), (vec![10], vec![])];
        assert_eq!(spans((10, 9), rows), (false, expected));
    }

    #[test]
    fn nothing_before_a_new_mirror_is_told() {
        let mut anew = entry(3, 50, 50);
        anew.is_new = true;
        let rows = vec![entry(2, 12, 9), anew, entry(4, 51, 50)];
        assert_eq!(spans((10, 9), rows), (true, vec![(vec![51], vec![])]));
    }
}
