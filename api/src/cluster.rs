//! The cluster of Solana that the service is for.

/// The cluster, as wallets name it.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Cluster {
    /// `solana:mainnet`.
    Mainnet,
    /// `solana:devnet`.
    Devnet,
    /// `solana:testnet`.
    Testnet,
    /// `solana:localnet`.
    Localnet,
}

impl Cluster {
    /// Its name in sign-in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mainnet => "mainnet",
            Self::Devnet => "devnet",
            Self::Testnet => "testnet",
            Self::Localnet => "localnet",
        }
    }

    /// Its reference in CAIP-2, the beginning of the hash of its first block; `None` of a local one,
    /// whose hash only its node knows. <https://namespaces.chainagnostic.org/solana/caip2>
    pub(crate) fn caip2(self) -> Option<&'static str> {
        match self {
            Self::Mainnet => Some("5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"),
            Self::Devnet => Some("EtWTRABZaYq6iMfeYKouRu166VU2xqa1"),
            Self::Testnet => Some("4uhcVJyU9pJkvQyS88uRDiswHXSCkY3z"),
            Self::Localnet => None,
        }
    }

    /// Its identifier in the Wallet Standard.
    pub(crate) fn identifier(self) -> String {
        format!("solana:{}", self.name())
    }
}
