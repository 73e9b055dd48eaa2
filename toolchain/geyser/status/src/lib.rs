//! The types of `solana-transaction-status` 4.1.2 that cross the border between the validator and a Geyser plugin. The
//! crate itself adds what decodes accounts for JSON, with zero-knowledge proofs: two thirds of the plugin's build.

pub use solana_transaction_status_client_types::{
    InnerInstructions, Reward, Rewards, TransactionStatusMeta, TransactionTokenBalance,
};

/// As in `solana-transaction-status`, field by field.
#[derive(Debug, Clone, PartialEq)]
pub struct RewardsAndNumPartitions {
    /// The rewards of a block.
    pub rewards: Rewards,
    /// Into how many partitions they are divided.
    pub num_partitions: Option<u64>,
}
