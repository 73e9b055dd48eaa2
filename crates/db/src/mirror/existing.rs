//! What the mirror holds about a set of addresses.

use std::collections::HashMap;

use sqlx::PgConnection;

use super::{Commitment, rollups::Counted, rows::Status, slot_from_sql};
use crate::{Error, amount};

/// A mirrored account as it is stored now.
#[derive(Debug)]
pub(super) struct Existing {
    pub(super) slot: u64,
    pub(super) commitment: Commitment,
    pub(super) data: Vec<u8>,
    /// The account is no more.
    pub(super) gone: bool,
    /// It was seen at a finalized slot once.
    pub(super) was_final: bool,
    /// For conversions.
    pub(super) counted: Option<Counted>,
}

/// Who is credited through a referral.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Credit {
    pub(super) campaign: String,
    pub(super) code: String,
    pub(super) referrer: String,
}

/// The stored accounts among `addresses`.
pub(super) async fn existing(
    connection: &mut PgConnection,
    addresses: &[String],
) -> Result<HashMap<String, Existing>, Error> {
    let mut found = HashMap::new();
    let others = sqlx::query!(
        r#"SELECT address AS "address!", slot AS "slot!", commitment AS "commitment!", data AS "data!",
                  gone AS "gone!", was_final AS "was_final!"
           FROM campaigns WHERE address = ANY($1)
           UNION ALL
           SELECT address, slot, commitment, data, gone, was_final
           FROM referrals WHERE address = ANY($1)
           UNION ALL
           SELECT address, slot, commitment, data, gone, was_final
           FROM referees WHERE address = ANY($1)"#,
        addresses,
    )
    .fetch_all(&mut *connection)
    .await?;
    for row in others {
        found.insert(
            row.address,
            Existing {
                slot: slot_from_sql(row.slot)?,
                commitment: Commitment::parse(&row.commitment)?,
                data: row.data,
                gone: row.gone,
                was_final: row.was_final,
                counted: None,
            },
        );
    }
    let conversions = sqlx::query!(
        "SELECT address, slot, commitment, data, campaign, referral, code, referrer, status,
                reward_referrer, converted_at, gone, was_final
         FROM conversions WHERE address = ANY($1)",
        addresses,
    )
    .fetch_all(&mut *connection)
    .await?;
    for row in conversions {
        let commitment = Commitment::parse(&row.commitment)?;
        found.insert(
            row.address,
            Existing {
                slot: slot_from_sql(row.slot)?,
                commitment,
                data: row.data,
                gone: row.gone,
                was_final: row.was_final,
                counted: Some(Counted {
                    referral: row.referral,
                    credit: Credit {
                        campaign: row.campaign,
                        code: row.code,
                        referrer: row.referrer,
                    },
                    status: Status::parse(&row.status)?,
                    commitment,
                    reward: amount::from_numeric(&row.reward_referrer)?,
                    converted_at: row.converted_at,
                }),
            },
        );
    }
    Ok(found)
}

/// Who is credited through each of `referrals` that is known.
pub(super) async fn credits(
    connection: &mut PgConnection,
    referrals: &[String],
) -> Result<HashMap<String, Credit>, Error> {
    let rows = sqlx::query!(
        "SELECT address, campaign, code, owner FROM referrals WHERE address = ANY($1)",
        referrals,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let credit = Credit {
                campaign: row.campaign,
                code: row.code,
                referrer: row.owner,
            };
            (row.address, credit)
        })
        .collect())
}
