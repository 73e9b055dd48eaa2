//! The sponsor: a key that pays the fees of other wallets' transactions. docs/decisions/sponsor.md says what
//! it does against being drained.
//!
//! 1. A builder makes a transaction with the sponsor at the first place, and a ticket: a MAC over its bytes.
//! 2. The wallets sign it.
//! 3. The sponsor signs last, if the ticket is of these very bytes, every other signature is there, the node
//!    has tried it, and the limits have room. Limits and bytes are in Postgres before it signs.

pub(crate) mod config;
mod message;
mod ticket;

use std::{net::IpAddr, time::Duration};

use anyhow::Result;
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use solana_sdk::{
    message::VersionedMessage,
    signature::{Keypair, Signature, Signer as _},
    transaction::VersionedTransaction,
};
use vouch_client::Pubkey;
use vouch_db::api::sponsor::{self as store, Recorded, Share, Sponsored};

pub(crate) use ticket::Ticket;

use crate::{
    error::{ApiError, ApiResult},
    limits::networks,
    state::AppState,
};
use config::SponsorConfig;

/// The subject of all transactions of a day.
const ALL: &str = "all";
/// Time between two looks at balance and spending.
const WATCH_EVERY: Duration = Duration::from_secs(15);
/// Seconds after which a wallet may ask again while another transaction of it may land.
const PENDING_FOR: u64 = 2;
/// The parts of a campaign's limits that a network has at most: one of so many. First those of the narrowest network.
const NETWORK_PARTS: [u32; 3] = [8, 4, 2];
/// Seconds of a day.
const DAY: i64 = 86_400;

/// The payer of a transaction, besides its instructions' own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum FeePayer {
    /// The payer, or the wallet that signs anyway.
    #[default]
    Payer,
    /// The sponsor pays the fee, the payer the rent.
    Sponsor,
    /// The sponsor pays the fee, and the rent that comes back to it.
    SponsorWithRent,
}

/// Names of [`FeePayer`].
pub(crate) const FEE_PAYERS: [(&str, FeePayer); 3] = [
    ("payer", FeePayer::Payer),
    ("sponsor", FeePayer::Sponsor),
    ("sponsor_with_rent", FeePayer::SponsorWithRent),
];

/// The sponsor's key, and what it may pay.
pub(crate) struct Sponsor {
    key: Keypair,
    address: Pubkey,
    /// Key of the tickets. Whoever has not the sponsor's key cannot make one.
    tickets: Hmac<Sha256>,
    /// Key of the tags of networks. Whoever reads Postgres alone cannot try addresses.
    networks: Hmac<Sha256>,
    config: SponsorConfig,
}

/// The limit of a day that has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    All,
    Campaign,
    Wallet,
    Network,
}

impl Scope {
    fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Campaign => "campaign",
            Self::Wallet => "wallet",
            Self::Network => "network",
        }
    }
}

impl Sponsor {
    /// The sponsor of the configuration; `None` without a key.
    ///
    /// # Errors
    /// When the key cannot be used, or the settings do not fit each other.
    pub(crate) fn new(config: &SponsorConfig) -> Result<Option<Self>> {
        let Some(key) = config.key()? else {
            return Ok(None);
        };
        let address = key.pubkey();
        // Derived, so that replicas with the same key take each other's tickets.
        let derived = |purpose: &[u8]| -> Result<Hmac<Sha256>> {
            let mut of = Hmac::<Sha256>::new_from_slice(key.secret_bytes())?;
            of.update(purpose);
            Ok(Hmac::new_from_slice(&of.finalize().into_bytes())?)
        };
        let tickets = derived(b"vouch sponsor tickets 1")?;
        let networks = derived(b"vouch sponsor networks 1")?;
        Ok(Some(Self {
            key,
            address,
            tickets,
            networks,
            config: config.clone(),
        }))
    }

    pub(crate) fn address(&self) -> Pubkey {
        self.address
    }

    /// The sponsor, if it pays what is asked; for [`FeePayer::Payer`] none.
    ///
    /// # Errors
    /// `sponsor_off` or `not_sponsored`.
    pub(crate) fn asked(state: &AppState, asked: FeePayer) -> ApiResult<Option<&Self>> {
        if asked == FeePayer::Payer {
            return Ok(None);
        }
        let sponsor = state.sponsor.as_ref().ok_or_else(|| {
            refused("off");
            ApiError::sponsor_off()
        })?;
        if asked == FeePayer::SponsorWithRent && !sponsor.config.rent {
            refused("not_sponsored");
            return Err(ApiError::not_sponsored()
                .saying("the sponsor of this service pays fees, and no rent")
                .of_field("fee_payer"));
        }
        Ok(Some(sponsor))
    }

    /// Refuses a message for which the sponsor must not sign, a fee that is too high, and a campaign that is
    /// not sponsored.
    ///
    /// # Errors
    /// `not_sponsored`.
    pub(crate) fn check(
        &self,
        message: &VersionedMessage,
        campaign: &Pubkey,
        fee: u64,
    ) -> ApiResult<()> {
        let refuse = |message: String| {
            refused("not_sponsored");
            ApiError::not_sponsored().saying(message)
        };
        message::check(message, &self.address, self.config.rent)
            .map_err(|reason| refuse(format!("the sponsor does not sign this: {reason}")))?;
        let campaigns = self.config.campaigns.as_ref();
        if !campaigns.is_some_and(|named| named.has(campaign)) {
            return Err(refuse("this campaign is not sponsored".to_owned()));
        }
        if fee > self.config.highest_fee {
            let most = self.config.highest_fee;
            return Err(refuse(format!(
                "the fee is {fee} lamports, and the sponsor pays {most} at most"
            )));
        }
        Ok(())
    }

    /// The ticket of a message that this service has built.
    pub(crate) fn ticket(&self, ticket: &Ticket, message: &VersionedMessage) -> String {
        ticket.sealed(&self.tickets, &message.serialize())
    }

    /// Opens the ticket, if it is of this message.
    ///
    /// # Errors
    /// `invalid_sponsorship`.
    pub(crate) fn redeem(&self, text: &str, message: &[u8]) -> ApiResult<Ticket> {
        Ticket::opened(&self.tickets, text, message).ok_or_else(|| {
            refused("invalid_sponsorship");
            ApiError::invalid_sponsorship()
        })
    }

    /// Signs for the first place of the transaction.
    pub(crate) fn sign(&self, transaction: &mut VersionedTransaction) -> Signature {
        let signature = self.key.sign_message(&transaction.message.serialize());
        if let Some(place) = transaction.signatures.first_mut() {
            *place = signature;
        }
        signature
    }

    /// Refuses a payment that would leave too little in the sponsor's account.
    ///
    /// # Errors
    /// `sponsor_balance_low`, `chain_unavailable` or `overloaded`.
    pub(crate) async fn check_balance(&self, state: &AppState, lamports: u64) -> ApiResult<()> {
        let seen = state.chain.see(&[self.address]).await?;
        let has = seen
            .get(&self.address)
            .map_or(0, |account| account.lamports);
        metrics::gauge!("vouch_api_sponsor_balance_lamports").set(as_f64(has));
        if has < self.config.least_balance.saturating_add(lamports) {
            refused("balance_low");
            return Err(ApiError::sponsor_balance_low());
        }
        Ok(())
    }

    /// The limits of a day that a transaction counts on, from everywhere or, if it is known, from this network.
    /// A network has its own limits, and never more than a part of the campaign's.
    fn shares(&self, ticket: &Ticket, address: Option<IpAddr>) -> Vec<(Scope, Share)> {
        let config = &self.config;
        let share = |subject: String, transactions: u32, lamports: u64| Share {
            subject,
            transactions: i64::from(transactions),
            lamports,
        };
        let subject = format!("wallet {}", ticket.wallet);
        let (most, lamports) = (config.wallet_transactions, config.wallet_lamports);
        let mut shares = vec![(Scope::Wallet, share(subject, most, lamports))];
        let subject = format!("campaign {}", ticket.campaign);
        let (most, lamports) = (config.campaign_transactions, config.campaign_lamports);
        shares.push((Scope::Campaign, share(subject, most, lamports)));
        let (most, lamports) = (config.transactions, config.lamports);
        shares.push((Scope::All, share(ALL.to_owned(), most, lamports)));
        let networks = address.map(networks).unwrap_or_default();
        for ((network, times), part) in networks.iter().zip(NETWORK_PARTS) {
            let most = config.network_transactions.saturating_mul(*times);
            let most = most.min(config.campaign_transactions.div_ceil(part));
            let lamports = config.network_lamports.saturating_mul((*times).into());
            let lamports = lamports.min(config.campaign_lamports.div_ceil(part.into()));
            let subject = self.tag(network);
            shares.push((Scope::Network, share(subject, most, lamports)));
        }
        shares
    }

    /// The subject of a network, of which no address is stored.
    fn tag(&self, network: &str) -> String {
        let mut mac = self.networks.clone();
        mac.update(network.as_bytes());
        let tag = mac.finalize().into_bytes();
        let half = tag.iter().take(16).map(|byte| format!("{byte:02x}"));
        format!("{}{}", store::NETWORK, half.collect::<String>())
    }

    /// Refuses what the limits have no room for, before somebody signs in vain or the node tries it. Nothing is
    /// counted.
    ///
    /// # Errors
    /// `sponsor_limit_reached`, `overloaded` or `database_unavailable`.
    pub(crate) async fn check_room(
        &self,
        state: &AppState,
        ticket: &Ticket,
        address: Option<IpAddr>,
    ) -> ApiResult<()> {
        let shares = self.shares(ticket, address);
        let asked: Vec<Share> = shares.iter().map(|(_, share)| share.clone()).collect();
        let full = state
            .database
            .run_signing(async |pool| store::full(&pool, &asked, ticket.lamports()).await)
            .await?;
        match full {
            Some(place) => Err(reached(shares.get(place).map(|(scope, _)| *scope))),
            None => Ok(()),
        }
    }

    /// Refuses while another transaction of the wallet may still land: it could make this one fail, and the
    /// sponsor pay for both. Returns the hashes of those that are in a block already.
    ///
    /// # Errors
    /// `sponsorship_pending`, `chain_unavailable`, `overloaded` or `database_unavailable`.
    pub(crate) async fn check_pending(
        &self,
        state: &AppState,
        sponsored: &Sponsored<'_>,
        height: u64,
    ) -> ApiResult<Vec<Vec<u8>>> {
        let mut messages = state
            .database
            .run_signing(async |pool| store::pending(&pool, sponsored.wallet, height).await)
            .await?;
        messages.retain(|message| message != sponsored.message);
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        // A message has one signature of a key.
        let signatures: Vec<Signature> = messages
            .iter()
            .map(|message| self.key.sign_message(message))
            .collect();
        let landed = state.chain.landed(&signatures).await?;
        if landed.contains(&false) {
            return Err(pending());
        }
        let hash = |message: &Vec<u8>| Sha256::digest(message).to_vec();
        Ok(messages.iter().map(hash).collect())
    }

    /// Records a transaction and takes its part of the limits; one that was recorded before takes none.
    ///
    /// # Errors
    /// `sponsorship_pending`, `sponsor_limit_reached`, `overloaded` or `database_unavailable`.
    pub(crate) async fn record(
        &self,
        state: &AppState,
        sponsored: &Sponsored<'_>,
        ticket: &Ticket,
        address: IpAddr,
        height: u64,
        ended: &[Vec<u8>],
    ) -> ApiResult<()> {
        let shares = self.shares(ticket, Some(address));
        let asked: Vec<Share> = shares.iter().map(|(_, share)| share.clone()).collect();
        let recorded = state
            .database
            .run_signing(async |pool| store::record(&pool, sponsored, &asked, height, ended).await)
            .await?;
        match recorded {
            Recorded::Now => {
                metrics::counter!("vouch_api_sponsored_transactions_total").increment(1);
                metrics::counter!("vouch_api_sponsored_lamports_total")
                    .increment(ticket.lamports());
                Ok(())
            }
            Recorded::Before => Ok(()),
            Recorded::Pending => Err(pending()),
            Recorded::Full(place) => Err(reached(shares.get(place).map(|(scope, _)| *scope))),
        }
    }
}

/// Looks at the sponsor's balance and spending, and deletes old sums, for ever. Without a sponsor it only waits.
pub(crate) async fn watch(state: &AppState) {
    let Some(sponsor) = &state.sponsor else {
        return std::future::pending().await;
    };
    loop {
        state.database.came_up().await;
        // It says the balance as a metric. What it refuses is no request.
        if let Ok(seen) = state.chain.see(&[sponsor.address]).await {
            let has = seen
                .get(&sponsor.address)
                .map_or(0, |account| account.lamports);
            metrics::gauge!("vouch_api_sponsor_balance_lamports").set(as_f64(has));
        }
        let today = state
            .database
            .run(async |pool| store::today(&pool, ALL).await)
            .await;
        if let Ok(day) = today {
            #[expect(clippy::cast_precision_loss, reason = "metrics are floats")]
            let (transactions, lamports) = (day.transactions as f64, day.lamports as f64);
            metrics::gauge!("vouch_api_sponsor_day_transactions").set(transactions);
            metrics::gauge!("vouch_api_sponsor_day_lamports").set(lamports);
        }
        while match state
            .database
            .run(async |pool| store::sweep(&pool).await)
            .await
        {
            Ok(more) => more,
            Err(error) => {
                let cause = format!("{:#}", anyhow::Error::from(error));
                tracing::warn!(cause, "could not delete the sponsor's sums of old days");
                false
            }
        } {}
        tokio::time::sleep(WATCH_EVERY).await;
    }
}

fn pending() -> ApiError {
    refused("pending");
    ApiError {
        retry_after: Some(PENDING_FOR),
        ..ApiError::sponsorship_pending()
    }
}

/// Counts a refusal.
pub(crate) fn refused(reason: &'static str) {
    metrics::counter!("vouch_api_sponsor_refused_total", "reason" => reason).increment(1);
}

fn reached(scope: Option<Scope>) -> ApiError {
    let name = scope.map_or("all", Scope::name);
    refused(match scope {
        Some(Scope::Wallet) => "wallet_limit",
        Some(Scope::Network) => "network_limit",
        Some(Scope::Campaign) => "campaign_limit",
        Some(Scope::All) | None => "day_limit",
    });
    let of = match scope {
        Some(Scope::All) | None => "in all".to_owned(),
        Some(_) => format!("for this {name}"),
    };
    let left = DAY
        - time::OffsetDateTime::now_utc()
            .unix_timestamp()
            .rem_euclid(DAY);
    ApiError {
        retry_after: u64::try_from(left).ok(),
        ..ApiError::sponsor_limit_reached().saying(format!(
            "the sponsor pays no more {of} on this day (UTC): name a wallet as payer, or try again tomorrow"
        ))
    }
}

fn as_f64(lamports: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "metrics are floats")]
    let lamports = lamports as f64;
    lamports
}
