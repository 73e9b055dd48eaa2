//! How settled something is that was read from the chain.

use solana_commitment_config::CommitmentConfig;

/// How settled something is that was read from the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Commitment {
    /// Two thirds of the stake have voted for it. Shown to people.
    Confirmed,
    /// Cannot be rolled back. Counts for money and ranks.
    Finalized,
}

/// The commitment as requests state it.
pub(crate) fn config(commitment: Commitment) -> CommitmentConfig {
    match commitment {
        Commitment::Confirmed => CommitmentConfig::confirmed(),
        Commitment::Finalized => CommitmentConfig::finalized(),
    }
}
