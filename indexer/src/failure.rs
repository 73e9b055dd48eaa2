//! Reasons why the mirror does not go on. Nothing is skipped: what failed is tried again.

/// A failure. /healthz and the log show its `Display`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Postgres does not answer, or refuses a query.
    #[error("{0}")]
    Database(#[from] vouch_db::Error),
    /// The node refuses, or its answer is of no use.
    #[error("{0}")]
    Chain(String),
    /// The node does not answer.
    #[error("{0}")]
    Silent(String),
    /// The node has not reached the slot that was asked for.
    #[error("{0}")]
    Behind(String),
    /// The node's answer contradicts itself, or what is final.
    #[error("{0}")]
    Wrong(String),
    /// A list puts a transaction before one that precedes it in its block. The place in the block may be
    /// another node's answer, or one of another fork, so it is not known who is wrong.
    #[error("getSignaturesForAddress: {0} is listed out of order")]
    Misplaced(String),
    /// The node lists as final what the other nodes say is not.
    #[error("{0}")]
    Invented(String),
    /// The node lists a transaction among those that are final, and the mirror does not hold it.
    #[error("{reason}")]
    Extra { signature: String, reason: String },
    /// A final transaction is missing before others that the mirror holds as final.
    #[error(
        "{signature} is final and not in the mirror, though later ones are: the mirror followed a \
         node that left it out ({reason}). Mirror again from the first transaction"
    )]
    Incomplete { signature: String, reason: String },
    /// So many transactions would be undone at once that somebody has to look at it first.
    #[error(
        "{undone} confirmed transactions after number {seq} would be undone at once, more than \
         MAX_UNDO={most}: if the cluster abandoned them, start once with ALLOW_UNDO_AFTER={seq}"
    )]
    TooMuch {
        undone: usize,
        seq: i64,
        most: usize,
    },
    /// A transaction does not follow from those before it. Either the node left one out, or the
    /// program is newer than this version.
    #[error("{signature} in slot {slot} does not follow from what came before: {reason}")]
    Replay {
        signature: String,
        slot: u64,
        reason: String,
    },
    /// The database holds what this version cannot read.
    #[error("the database holds what this version cannot read: {0}")]
    Corrupt(String),
    /// The node belongs to another chain than the mirror.
    #[error(
        "the mirror in this database is of the chain with genesis hash {mirrored}, but the node \
         is of {node}: use the node of that chain, or an empty database"
    )]
    OtherChain { mirrored: String, node: String },
    /// The nodes belong to several chains, and the database to none yet.
    #[error("the nodes are of different chains, with genesis hashes {0:?}: use nodes of one chain")]
    SeveralChains(Vec<String>),
}

/// Longest text of somebody else in a message, in characters.
const LONGEST: usize = 300;

/// A text of somebody else, as far as it belongs into a message: one line of limited length.
pub(crate) fn cut(text: impl std::fmt::Display) -> String {
    struct Line(String, usize);
    impl std::fmt::Write for Line {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            for character in text.chars() {
                self.1 = self.1.checked_sub(1).ok_or(std::fmt::Error)?;
                self.0.push(match character.is_control() {
                    true => ' ',
                    false => character,
                });
            }
            Ok(())
        }
    }
    let mut line = Line(String::new(), LONGEST);
    match std::fmt::write(&mut line, format_args!("{text}")) {
        Ok(()) => line.0,
        Err(std::fmt::Error) => format!("{}…", line.0),
    }
}

impl Failure {
    pub(crate) fn chain(what: &str, error: impl std::fmt::Display) -> Self {
        Self::Chain(format!("{what}: {}", cut(error)))
    }

    /// Whether Postgres cancelled a statement, most likely because it took too long.
    pub(crate) fn is_cancelled(&self) -> bool {
        matches!(self, Self::Database(error) if error.is_cancelled())
    }

    /// Whether another source may answer better.
    pub(crate) fn is_of_a_source(&self) -> bool {
        matches!(
            self,
            Self::Chain(_)
                | Self::Silent(_)
                | Self::Behind(_)
                | Self::Wrong(_)
                | Self::Invented(_)
                | Self::Extra { .. }
                | Self::OtherChain { .. }
        )
    }

    /// The same failure, with the name of the source.
    pub(crate) fn of(self, source: &str) -> Self {
        let named = |reason: String| format!("{source}: {reason}");
        match self {
            Self::Chain(reason) => Self::Chain(named(reason)),
            Self::Silent(reason) => Self::Silent(named(reason)),
            Self::Behind(reason) => Self::Behind(named(reason)),
            Self::Wrong(reason) => Self::Wrong(named(reason)),
            Self::Invented(reason) => Self::Invented(named(reason)),
            Self::Extra { signature, reason } => Self::Extra {
                signature,
                reason: named(reason),
            },
            failure => failure,
        }
    }

    /// Whether waiting does not help: the process ends.
    pub(crate) fn is_fatal(&self) -> bool {
        matches!(self, Self::OtherChain { .. } | Self::SeveralChains(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_others_are_one_line_of_limited_length() {
        assert_eq!(cut("a reason"), "a reason");
        assert_eq!(cut("two\nlines\u{1b}[31m"), "two lines [31m");
        let exact = "ä".repeat(LONGEST);
        assert_eq!(cut(&exact), exact);
        assert_eq!(cut("ä".repeat(1_000_000)), format!("{exact}…"));
        let failure = Failure::chain("WebSocket", "x".repeat(1_000_000));
        assert_eq!(failure.to_string().chars().count(), 11 + LONGEST + 1);
    }
}
