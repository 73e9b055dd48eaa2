//! Conversions with their transactions.

use sqlx::PgPool;

use crate::{Error, amount::Unsigned};

/// One conversion.
#[derive(Debug, Clone)]
#[expect(
    missing_docs,
    reason = "the columns of the table, described in the migration"
)]
pub struct Conversion {
    pub address: String,
    pub campaign: String,
    pub referral: String,
    pub code: String,
    pub referrer: String,
    pub referee: String,
    pub partner: Option<String>,
    pub status: String,
    pub reward_referrer: u64,
    pub reward_referee: u64,
    pub reward_partner: u64,
    pub converted_at: i64,
    pub matures_at: i64,
    /// Whether the transaction that made it is final.
    pub is_final: bool,
    pub signature: String,
    pub action: String,
    pub amount: u64,
    pub reference: Option<Vec<u8>>,
    /// Whether its transactions do not tell which of its parts were paid.
    pub uncertain: bool,
}

/// A query of conversions: from which rows `c`, and what follows that clause. `query_as!` wants literals, so a
/// constant cannot hold the columns.
macro_rules! conversions {
    ($from:literal, $rest:literal, $($argument:expr),* $(,)?) => {
        sqlx::query_as!(
            crate::api::conversions::Conversion,
            r#"SELECT c.address, c.campaign, c.referral, c.code, c.referrer, c.referee, c.partner, c.status,
                      c.reward_referrer AS "reward_referrer: crate::amount::Unsigned",
                      c.reward_referee AS "reward_referee: crate::amount::Unsigned",
                      c.reward_partner AS "reward_partner: crate::amount::Unsigned",
                      c.converted_at, c.matures_at,
                      c.slot <= COALESCE(f.finalized_slot, -1) AS "is_final!",
                      t.signature, c.action, c.amount AS "amount: crate::amount::Unsigned", c.reference,
                      EXISTS (SELECT FROM doubts d WHERE d.address = c.address) AS "uncertain!"
               FROM "# + $from + r#"
               JOIN transactions t ON t.seq = c.seq
               CROSS JOIN finality f
               "# + $rest,
            $($argument),*
        )
    };
}
pub(super) use conversions;

/// Selects conversions; `None` does not restrict.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Address of the campaign.
    pub campaign: Option<String>,
    /// Address of the referral.
    pub referral: Option<String>,
    /// The referee's wallet.
    pub referee: Option<String>,
    /// The campaign's own reference.
    pub reference: Option<[u8; 32]>,
    /// The transaction that made it.
    pub signature: Option<String>,
}

/// Campaign and reference of a conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Address of the conversion.
    pub address: String,
    /// Address of its campaign.
    pub campaign: String,
    /// The campaign's own reference: 32 bytes.
    pub reference: Option<Vec<u8>>,
}

/// Campaign and reference of those of these conversions that the mirror knows.
///
/// # Errors
/// See [`Error`].
pub async fn references(pool: &PgPool, addresses: &[String]) -> Result<Vec<Reference>, Error> {
    Ok(sqlx::query_as!(
        Reference,
        "SELECT address, campaign, reference FROM conversions WHERE address = ANY($1)",
        addresses,
    )
    .fetch_all(pool)
    .await?)
}

/// At most `limit` conversions after the one with this time and address.
///
/// # Errors
/// See [`Error`].
pub async fn list(
    pool: &PgPool,
    filter: &Filter,
    after: Option<(i64, &str)>,
    limit: i64,
) -> Result<Vec<Conversion>, Error> {
    match filter {
        Filter {
            campaign: Some(campaign),
            referral: None,
            referee: None,
            reference: None,
            signature: None,
        } => newest(pool, campaign, after, limit).await,
        _ => select(pool, None, filter, after, limit).await,
    }
}

/// The newest conversions of a campaign, found without reading newer ones of other campaigns.
async fn newest(
    pool: &PgPool,
    campaign: &str,
    after: Option<(i64, &str)>,
    limit: i64,
) -> Result<Vec<Conversion>, Error> {
    Ok(conversions!(
        "conversions c",
        r#"
        -- The sum keeps the planner from indexes that have this order, but other campaigns' rows, too.
        WHERE c.campaign = $1
          AND ($2::bigint IS NULL OR (c.converted_at + 0, c.address) < ($2, $3::text))
        ORDER BY c.converted_at + 0 DESC, c.address DESC
        LIMIT $4
        "#,
        campaign,
        after.map(|(time, _)| time),
        after.map(|(_, address)| address),
        limit,
    )
    .fetch_all(pool)
    .await?)
}

async fn select(
    pool: &PgPool,
    address: Option<&str>,
    filter: &Filter,
    after: Option<(i64, &str)>,
    limit: i64,
) -> Result<Vec<Conversion>, Error> {
    Ok(conversions!(
        "conversions c",
        r#"
        WHERE ($1::text IS NULL OR c.campaign = $1)
          AND ($2::text IS NULL OR c.referral = $2)
          AND ($3::text IS NULL OR c.referee = $3)
          AND ($4::bigint IS NULL OR (c.converted_at, c.address) < ($4, $5::text))
          AND ($7::text IS NULL OR c.address = $7)
          AND ($8::bytea IS NULL OR c.reference = $8)
          AND ($9::text IS NULL OR c.seq = (SELECT seq FROM transactions WHERE signature = $9))
        ORDER BY c.converted_at DESC, c.address DESC
        LIMIT $6
        "#,
        filter.campaign.as_deref(),
        filter.referral.as_deref(),
        filter.referee.as_deref(),
        after.map(|(time, _)| time),
        after.map(|(_, address)| address),
        limit,
        address,
        filter.reference.as_ref().map(<[u8; 32]>::as_slice),
        filter.signature.as_deref(),
    )
    .fetch_all(pool)
    .await?)
}

/// The state of a conversion, as people who decide about it tell it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Within its hold: its campaign can cancel it.
    Held,
    /// Its hold is over, and some of its reward is owed.
    Waiting,
    /// Every part is paid.
    Paid,
    /// Its campaign has cancelled it.
    Cancelled,
    /// The period for claims ended before all parts were claimed.
    Lapsed,
}

/// At most `limit` conversions of a campaign that stand so at `now`, in Unix seconds. Those that are held or
/// waiting come in the order in which their holds end, and `after` is the end of a hold and an address. The
/// others come newest first, and `after` is the time of a conversion and an address.
///
/// # Errors
/// See [`Error`].
pub async fn of_campaign(
    pool: &PgPool,
    campaign: &str,
    standing: Standing,
    now: i64,
    after: Option<(i64, &str)>,
    limit: i64,
) -> Result<Vec<Conversion>, Error> {
    match standing {
        Standing::Held => pending(pool, campaign, (now, i64::MAX), true, after, limit).await,
        Standing::Waiting => pending(pool, campaign, (i64::MIN, now), false, after, limit).await,
        Standing::Paid => ended(pool, campaign, "paid", after, limit).await,
        Standing::Cancelled => ended(pool, campaign, "cancelled", after, limit).await,
        Standing::Lapsed => ended(pool, campaign, "lapsed", after, limit).await,
    }
}

/// Pending conversions whose hold ends after the first of these times and not after the second. Those that are
/// `held` include the ones that are worth nothing, but not those that never had a hold, which are ahead of `now` while
/// the chain's clock is. The others are owed something.
async fn pending(
    pool: &PgPool,
    campaign: &str,
    (later, until): (i64, i64),
    held: bool,
    after: Option<(i64, &str)>,
    limit: i64,
) -> Result<Vec<Conversion>, Error> {
    // The bits of all three parts: a conversion that is worth nothing has them from the beginning.
    let unsettled: i16 = if held { 8 } else { 7 };
    // The first place after `later`: every address sorts before a tilde. One comparison with a place, instead of a
    // range of times, keeps the planner from the guess that only a few rows match, which it would all read and sort.
    let (time, address) = after
        .filter(|(time, _)| *time > later)
        .unwrap_or((later, "~"));
    Ok(conversions!(
        "conversions c",
        r#"
        -- The sum keeps the planner from indexes that have this order, but other campaigns' rows, too.
        WHERE c.campaign = $1 AND c.status = 'pending'
          AND (c.matures_at + 0, c.address) > ($2, $3) AND c.matures_at + 0 <= $4
          AND c.settled < $6
          AND (NOT $7::boolean OR c.matures_at > c.converted_at)
        ORDER BY c.matures_at + 0, c.address
        LIMIT $5
        "#,
        campaign,
        time,
        address,
        until,
        limit,
        unsettled,
        held,
    )
    .fetch_all(pool)
    .await?)
}

async fn ended(
    pool: &PgPool,
    campaign: &str,
    status: &str,
    after: Option<(i64, &str)>,
    limit: i64,
) -> Result<Vec<Conversion>, Error> {
    Ok(conversions!(
        "conversions c",
        r#"
        -- The index has no pending ones. The difference keeps the planner from all others with this order: it
        -- would skip the newer conversions of other campaigns, or those that are still pending.
        WHERE c.campaign = $1 AND c.status = $2 AND c.status <> 'pending'
          AND ($3::bigint IS NULL OR (c.converted_at - 0, c.address) < ($3, $4::text))
        ORDER BY c.converted_at - 0 DESC, c.address DESC
        LIMIT $5
        "#,
        campaign,
        status,
        after.map(|(time, _)| time),
        after.map(|(_, address)| address),
        limit,
    )
    .fetch_all(pool)
    .await?)
}

/// The conversion at `address`.
///
/// # Errors
/// See [`Error`].
pub async fn find(pool: &PgPool, address: &str) -> Result<Option<Conversion>, Error> {
    let found = select(pool, Some(address), &Filter::default(), None, 1).await?;
    Ok(found.into_iter().next())
}

/// Something that became of a conversion after it was recorded.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// `part_paid`, `conversion_released`, `conversion_cancelled` or `conversion_lapsed`.
    pub kind: String,
    /// The wallet that was paid.
    pub wallet: Option<String>,
    /// Base units that were paid, or are no longer owed.
    pub units: Option<Unsigned>,
    /// The part that was paid: `referrer`, `referee` or `partner`; `None` for other outcomes.
    pub part: Option<String>,
    /// Unix seconds of its transaction.
    pub at: i64,
    /// Its transaction.
    pub signature: String,
    /// Whether its transaction is final.
    pub is_final: bool,
}

/// The outcomes of the conversion at `address`, in the order of the chain.
///
/// # Errors
/// See [`Error`].
pub async fn outcomes(pool: &PgPool, address: &str) -> Result<Vec<Outcome>, Error> {
    Ok(sqlx::query_as!(
        Outcome,
        r#"
        SELECT e.kind, e.wallet, e.units AS "units: Unsigned", e.detail->>'part' AS part,
               t.block_time AS at, t.signature,
               t.slot <= COALESCE(f.finalized_slot, -1) AS "is_final!"
        FROM events e
        JOIN transactions t ON t.seq = e.seq
        CROSS JOIN finality f
        WHERE e.subject = $1
          AND e.kind IN ('part_paid', 'conversion_released', 'conversion_cancelled',
                         'conversion_lapsed')
        ORDER BY e.seq, e.place
        "#,
        address,
    )
    .fetch_all(pool)
    .await?)
}
