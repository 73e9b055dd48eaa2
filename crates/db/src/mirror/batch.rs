//! Applies a batch of observations of the chain in one transaction.

use sqlx::PgConnection;

use super::{
    Campaign, Commitment, Conversion, Observation, Projection, Referral, StoredAccount, accounts,
    guard::{Verdict, newest, slot_guard},
    projections::{self, CreditedConversion},
    receipts,
    rollups::Moves,
};
use crate::Error;

/// Counts of what a batch changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Applied {
    /// New rows.
    pub inserted: u64,
    /// Rows whose bytes changed.
    pub replaced: u64,
    /// Rows of accounts that ended; the rows stay.
    pub ended: u64,
    /// Rows of accounts that existed only on an abandoned fork.
    pub removed: u64,
    /// Rows whose bytes became final.
    pub finalized: u64,
    /// Observations that were known already or older than the row.
    pub ignored: u64,
}

/// The rows that a batch writes.
#[derive(Default)]
struct Writes {
    accounts: Vec<StoredAccount>,
    campaigns: Vec<Campaign>,
    referrals: Vec<Referral>,
    conversions: Vec<ConversionWrite>,
    removed: Vec<String>,
}

/// A conversion as it is now, and its mirrored state from before.
struct ConversionWrite {
    conversion: Conversion,
    commitment: Commitment,
    before: Option<CountedConversion>,
}

/// A mirrored conversion, and the commitment at which the rollups count it.
type CountedConversion = (CreditedConversion, Commitment);

/// Applies a batch within the transaction of `connection`.
pub(super) async fn apply(
    connection: &mut PgConnection,
    observations: Vec<Observation>,
) -> Result<Applied, Error> {
    let (observations, overtaken) = newest(observations);
    let addresses: Vec<String> = observations
        .iter()
        .map(|observation| observation.address.clone())
        .collect();
    let mut accounts = accounts::read(connection, &addresses).await?;
    let mut conversions = projections::read_conversions(connection, &addresses).await?;
    let mut applied = Applied {
        ignored: overtaken,
        ..Applied::default()
    };
    let mut moves = Moves::default();
    let mut writes = Writes::default();

    for observation in observations {
        let address = observation.address.clone();
        let account = accounts.remove(&address);
        let conversion = conversions.remove(&address);
        let is_known = account.is_some();
        let before = conversion.zip(account.as_ref().map(|account| account.commitment));
        match slot_guard(account, observation) {
            Verdict::Ignore => applied.ignored += 1,
            Verdict::Finalize(account) => {
                applied.finalized += 1;
                count_as(&account, before.as_ref(), &mut moves)?;
                writes.accounts.push(account);
            }
            Verdict::End(account) => {
                applied.ended += 1;
                count_as(&account, before.as_ref(), &mut moves)?;
                writes.accounts.push(account);
            }
            Verdict::Remove => {
                applied.removed += 1;
                if let Some((conversion, commitment)) = &before {
                    moves.remove(conversion, *commitment)?;
                }
                writes.removed.push(address);
            }
            Verdict::Store(account, projection) => {
                if is_known {
                    applied.replaced += 1;
                } else {
                    applied.inserted += 1;
                }
                match projection {
                    Some(Projection::Campaign(row)) => writes.campaigns.push(*row),
                    Some(Projection::Referral(row)) => writes.referrals.push(*row),
                    Some(Projection::Conversion(row)) => writes.conversions.push(ConversionWrite {
                        conversion: *row,
                        commitment: account.commitment,
                        before,
                    }),
                    None => {}
                }
                writes.accounts.push(account);
            }
        }
    }

    accounts::write(connection, &writes.accounts).await?;
    projections::write_campaigns(connection, &writes.campaigns).await?;
    projections::write_referrals(connection, &writes.referrals).await?;
    let (conversions, unreceipted) = credited(connection, writes.conversions, &mut moves).await?;
    projections::write_conversions(connection, &conversions).await?;
    receipts::enqueue(connection, &unreceipted).await?;
    accounts::remove(connection, &writes.removed).await?;
    moves.write(connection).await?;
    Ok(applied)
}

/// Counts a conversion, if the account is one, at the account's present commitment.
fn count_as(
    account: &StoredAccount,
    conversion: Option<&CountedConversion>,
    moves: &mut Moves,
) -> Result<(), Error> {
    if let Some((conversion, before)) = conversion {
        moves.remove(conversion, *before)?;
        moves.add(conversion, account.commitment)?;
    }
    Ok(())
}

/// Finds the referrer who is credited for each conversion, and counts the conversion.
/// Returns the rows, and the addresses of the conversions whose transaction must be
/// looked up.
///
/// A credit never changes: a referral that gets a new owner keeps its past conversions
/// with the old one.
async fn credited(
    connection: &mut PgConnection,
    conversions: Vec<ConversionWrite>,
    moves: &mut Moves,
) -> Result<(Vec<CreditedConversion>, Vec<String>), Error> {
    if conversions.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let mut referrals: Vec<String> = conversions
        .iter()
        .map(|write| write.conversion.referral.clone())
        .collect();
    referrals.sort();
    referrals.dedup();
    let credits = projections::credits(connection, &referrals).await?;

    let mut missing = Vec::new();
    let mut rows = Vec::with_capacity(conversions.len());
    let mut unreceipted = Vec::new();
    for ConversionWrite {
        conversion,
        commitment,
        before,
    } in conversions
    {
        let credit = match &before {
            Some((before, _)) if before.referral == conversion.referral => before.credit(),
            _ => match credits.get(&conversion.referral) {
                Some(credit) => credit.clone(),
                None => {
                    missing.push(conversion.referral);
                    continue;
                }
            },
        };
        let address = conversion.address.clone();
        let row = CreditedConversion::new(conversion, credit);
        if let Some((before, commitment)) = &before {
            moves.remove(before, *commitment)?;
        }
        moves.add(&row, commitment)?;
        if before.is_none_or(|(before, _)| !before.is_same_sale(&row)) {
            unreceipted.push(address);
        }
        rows.push(row);
    }
    if missing.is_empty() {
        Ok((rows, unreceipted))
    } else {
        missing.sort();
        missing.dedup();
        Err(Error::UnknownReferrals(missing))
    }
}
