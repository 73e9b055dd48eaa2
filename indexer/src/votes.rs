//! Votes of several nodes on whether a transaction is final, and the verdict.

use solana_commitment_config::CommitmentConfig;
use solana_transaction_status_client_types::TransactionStatus;

/// The votes of the nodes on a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Testimony {
    pub(crate) signature: String,
    /// The nodes that know it as final, each with its slot.
    claims: Vec<(String, u64)>,
    /// The nodes that have the block of the first of these slots, and do not know the transaction.
    denials: Vec<String>,
}

/// Whether a transaction is final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// More nodes say so than deny it.
    Final,
    /// As many nodes say so as deny it.
    Open,
    /// No node says so, or more deny it.
    No,
}

impl Testimony {
    pub(crate) fn of(signature: &str) -> Self {
        Self {
            signature: signature.to_owned(),
            claims: Vec::new(),
            denials: Vec::new(),
        }
    }

    /// Takes over what this node knows of it.
    pub(crate) fn claim(&mut self, source: &str, status: Option<&TransactionStatus>) {
        let is_final = |status: &&TransactionStatus| {
            status.satisfies_commitment(CommitmentConfig::finalized())
        };
        if let Some(status) = status.filter(is_final) {
            self.claims.push((source.to_owned(), status.slot));
        }
    }

    /// This node has the block, and does not know the transaction.
    pub(crate) fn deny(&mut self, source: &str) {
        self.denials.push(source.to_owned());
    }

    /// The slot in which it is final by the word of the first node that knows it.
    pub(crate) fn slot(&self) -> Option<u64> {
        self.claims.first().map(|(_, slot)| *slot)
    }

    /// A node that knows it as final, if any does.
    pub(crate) fn claimant(&self) -> Option<&str> {
        self.claims.first().map(|(source, _)| source.as_str())
    }

    /// The nodes that know it as final.
    pub(crate) fn claimants(&self) -> impl Iterator<Item = &str> {
        self.claims.iter().map(|(source, _)| source.as_str())
    }

    /// Whether it is final, in any slot.
    pub(crate) fn verdict(&self) -> Verdict {
        decide(self.claims.len(), self.denials.len())
    }

    /// Whether it is final in this slot. A node that knows it in another slot contradicts that.
    pub(crate) fn verdict_in(&self, slot: u64) -> Verdict {
        let claims = self.claims.iter().filter(|(_, known)| *known == slot);
        let claims = claims.count();
        decide(claims, self.claims.len() - claims + self.denials.len())
    }

    /// Describes the votes that contradict each other.
    pub(crate) fn contradiction(&self) -> String {
        let claims: Vec<_> = self
            .claims
            .iter()
            .map(|(source, slot)| format!("{source} knows it as final in slot {slot}"))
            .collect();
        let denials = self
            .denials
            .iter()
            .map(|source| format!("{source} has that block without it"));
        let all: Vec<_> = claims.into_iter().chain(denials).collect();
        match all.is_empty() {
            true => "no node knows it as final".to_owned(),
            false => all.join(", "),
        }
    }
}

fn decide(claims: usize, denials: usize) -> Verdict {
    match claims.cmp(&denials) {
        _ if claims == 0 => Verdict::No,
        std::cmp::Ordering::Greater => Verdict::Final,
        std::cmp::Ordering::Equal => Verdict::Open,
        std::cmp::Ordering::Less => Verdict::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The votes of nodes: `5` knows it as final in slot 5, `-` denies it.
    fn testimony(said: &str) -> Testimony {
        let mut testimony = Testimony::of("A");
        for (place, word) in said.chars().enumerate() {
            let name = format!("rpc{}", place + 1);
            match word.to_digit(10) {
                Some(slot) => testimony.claims.push((name, slot.into())),
                None => testimony.deny(&name),
            }
        }
        testimony
    }

    #[test]
    fn most_nodes_decide_and_two_that_differ_do_not() {
        use Verdict::{Final, No, Open};
        for (said, anywhere, in_five) in [
            ("", No, No),
            ("-", No, No),
            // A lone node is believed
            ("5", Final, Final),
            ("5-", Open, Open),
            ("55-", Final, Final),
            ("5--", No, No),
            ("55--", Open, Open),
            // Another slot is a contradiction only for those that ask for the slot
            ("4", Final, No),
            ("45", Final, Open),
            ("455", Final, Final),
            ("445", Final, No),
            ("4-5", Final, No),
        ] {
            let testimony = testimony(said);
            assert_eq!(testimony.verdict(), anywhere, "{said}");
            assert_eq!(testimony.verdict_in(5), in_five, "{said}");
        }
    }

    #[test]
    fn a_contradiction_names_the_nodes() {
        assert_eq!(testimony("").contradiction(), "no node knows it as final");
        assert_eq!(
            testimony("5--").contradiction(),
            "rpc1 knows it as final in slot 5, rpc2 has that block without it, rpc3 has that block \
             without it"
        );
    }
}
