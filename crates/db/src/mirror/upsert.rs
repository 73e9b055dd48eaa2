//! The statements that write mirrored rows.

use sqlx::{PgConnection, types::BigDecimal};

use super::{Campaign, Commitment, Conversion, Referee, Referral, existing::Credit, slot_to_sql};
use crate::{Error, amount::to_numeric};

/// What every mirrored row has.
pub(super) struct Meta {
    pub(super) address: String,
    pub(super) data: Vec<u8>,
    pub(super) slot: u64,
    pub(super) commitment: Commitment,
}

/// A conversion, with whom it credits.
pub(super) struct NewConversion {
    pub(super) meta: Meta,
    pub(super) row: Conversion,
    pub(super) credit: Credit,
}

/// Campaigns are few and change seldom: one statement for each.
pub(super) async fn campaign(
    connection: &mut PgConnection,
    meta: Meta,
    row: Campaign,
) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO campaigns AS old
             (address, creator, campaign_id, authority, pending_authority, mint, mint_decimals,
              token_program, vault, attestor, treasury, payment_mint, funding, proof, uniqueness,
              reward_kind, paused, closed, attested_codes, reward_fixed, reward_bps,
              referee_share_bps, max_partner_share_bps, reward_max, min_amount, hold_seconds,
              attribution_window, starts_at, ends_at, budget, committed, created_at, data, slot,
              commitment, closed_at, owed, longest_hold, was_final)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
                 $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38,
                 $35 = 'finalized')
         ON CONFLICT (address) DO UPDATE SET
             creator = EXCLUDED.creator, campaign_id = EXCLUDED.campaign_id,
             authority = EXCLUDED.authority, pending_authority = EXCLUDED.pending_authority,
             mint = EXCLUDED.mint, mint_decimals = EXCLUDED.mint_decimals,
             token_program = EXCLUDED.token_program, vault = EXCLUDED.vault,
             attestor = EXCLUDED.attestor, treasury = EXCLUDED.treasury,
             payment_mint = EXCLUDED.payment_mint, funding = EXCLUDED.funding,
             proof = EXCLUDED.proof, uniqueness = EXCLUDED.uniqueness,
             reward_kind = EXCLUDED.reward_kind, paused = EXCLUDED.paused, closed = EXCLUDED.closed,
             attested_codes = EXCLUDED.attested_codes, reward_fixed = EXCLUDED.reward_fixed,
             reward_bps = EXCLUDED.reward_bps, referee_share_bps = EXCLUDED.referee_share_bps,
             max_partner_share_bps = EXCLUDED.max_partner_share_bps,
             reward_max = EXCLUDED.reward_max, min_amount = EXCLUDED.min_amount,
             hold_seconds = EXCLUDED.hold_seconds, attribution_window = EXCLUDED.attribution_window,
             starts_at = EXCLUDED.starts_at, ends_at = EXCLUDED.ends_at, budget = EXCLUDED.budget,
             committed = EXCLUDED.committed, created_at = EXCLUDED.created_at, data = EXCLUDED.data,
             slot = EXCLUDED.slot, commitment = EXCLUDED.commitment,
             closed_at = EXCLUDED.closed_at, owed = EXCLUDED.owed,
             longest_hold = EXCLUDED.longest_hold, gone = false,
             was_final = old.was_final OR EXCLUDED.was_final",
        meta.address,
        row.creator,
        to_numeric(row.campaign_id),
        row.authority,
        row.pending_authority,
        row.mint,
        i16::from(row.mint_decimals),
        row.token_program,
        row.vault,
        row.attestor,
        row.treasury,
        row.payment_mint,
        row.funding,
        row.proof,
        row.uniqueness,
        row.reward_kind,
        row.paused,
        row.closed,
        row.attested_codes,
        to_numeric(row.reward_fixed),
        i32::from(row.reward_bps),
        i32::from(row.referee_share_bps),
        i32::from(row.max_partner_share_bps),
        row.reward_max.map(to_numeric),
        to_numeric(row.min_amount),
        i64::from(row.hold_seconds),
        i64::from(row.attribution_window),
        row.starts_at,
        row.ends_at,
        row.budget.map(to_numeric),
        to_numeric(row.committed),
        row.created_at,
        meta.data,
        slot_to_sql(meta.slot),
        meta.commitment.as_str(),
        row.closed_at,
        to_numeric(row.owed),
        i64::from(row.longest_hold),
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn referrals(
    connection: &mut PgConnection,
    rows: Vec<(Meta, Referral)>,
) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut addresss: Vec<String> = Vec::with_capacity(rows.len());
    let mut campaigns: Vec<String> = Vec::with_capacity(rows.len());
    let mut codes: Vec<String> = Vec::with_capacity(rows.len());
    let mut owners: Vec<String> = Vec::with_capacity(rows.len());
    let mut pending_owners: Vec<Option<String>> = Vec::with_capacity(rows.len());
    let mut partners: Vec<Option<String>> = Vec::with_capacity(rows.len());
    let mut partner_share_bpss: Vec<i32> = Vec::with_capacity(rows.len());
    let mut actives: Vec<bool> = Vec::with_capacity(rows.len());
    let mut suspendeds: Vec<bool> = Vec::with_capacity(rows.len());
    let mut usage_limits: Vec<Option<BigDecimal>> = Vec::with_capacity(rows.len());
    let mut conversionss: Vec<BigDecimal> = Vec::with_capacity(rows.len());
    let mut expires_ats: Vec<Option<i64>> = Vec::with_capacity(rows.len());
    let mut created_ats: Vec<i64> = Vec::with_capacity(rows.len());
    let mut rewards_totals: Vec<BigDecimal> = Vec::with_capacity(rows.len());
    let mut rewards_pendings: Vec<BigDecimal> = Vec::with_capacity(rows.len());
    let mut reward_accounts: Vec<String> = Vec::with_capacity(rows.len());
    let mut partner_pendings: Vec<BigDecimal> = Vec::with_capacity(rows.len());
    let mut open_conversionss: Vec<BigDecimal> = Vec::with_capacity(rows.len());
    let mut datas: Vec<Vec<u8>> = Vec::with_capacity(rows.len());
    let mut slots: Vec<i64> = Vec::with_capacity(rows.len());
    let mut commitments: Vec<&'static str> = Vec::with_capacity(rows.len());
    for (meta, row) in rows {
        addresss.push(meta.address);
        campaigns.push(row.campaign);
        codes.push(row.code);
        owners.push(row.owner);
        pending_owners.push(row.pending_owner);
        partners.push(row.partner);
        partner_share_bpss.push(i32::from(row.partner_share_bps));
        actives.push(row.active);
        suspendeds.push(row.suspended);
        usage_limits.push(row.usage_limit.map(to_numeric));
        conversionss.push(to_numeric(row.conversions));
        expires_ats.push(row.expires_at);
        created_ats.push(row.created_at);
        rewards_totals.push(to_numeric(row.rewards_total));
        rewards_pendings.push(to_numeric(row.rewards_pending));
        reward_accounts.push(row.reward_account);
        partner_pendings.push(to_numeric(row.partner_pending));
        open_conversionss.push(to_numeric(row.open_conversions));
        datas.push(meta.data);
        slots.push(slot_to_sql(meta.slot));
        commitments.push(meta.commitment.as_str());
    }
    sqlx::query!(
        "INSERT INTO referrals AS old
             (address, campaign, code, owner, pending_owner, partner, partner_share_bps, active,
              suspended, usage_limit, conversions, expires_at, created_at, rewards_total,
              rewards_pending, reward_account, partner_pending, open_conversions, data, slot,
              commitment, was_final)
         SELECT new.*, new.commitment = 'finalized' FROM UNNEST(
             $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::integer[],
             $8::boolean[], $9::boolean[], $10::numeric[], $11::numeric[], $12::bigint[],
             $13::bigint[], $14::numeric[], $15::numeric[], $16::text[], $17::numeric[],
             $18::numeric[], $19::bytea[], $20::bigint[], $21::text[])
             AS new (address, campaign, code, owner, pending_owner, partner, partner_share_bps, active,
                     suspended, usage_limit, conversions, expires_at, created_at, rewards_total,
                     rewards_pending, reward_account, partner_pending, open_conversions, data, slot,
                     commitment)
         ON CONFLICT (address) DO UPDATE SET
             campaign = EXCLUDED.campaign, code = EXCLUDED.code, owner = EXCLUDED.owner,
             pending_owner = EXCLUDED.pending_owner, partner = EXCLUDED.partner,
             partner_share_bps = EXCLUDED.partner_share_bps, active = EXCLUDED.active,
             suspended = EXCLUDED.suspended, usage_limit = EXCLUDED.usage_limit,
             conversions = EXCLUDED.conversions, expires_at = EXCLUDED.expires_at,
             created_at = EXCLUDED.created_at, rewards_total = EXCLUDED.rewards_total,
             rewards_pending = EXCLUDED.rewards_pending, reward_account = EXCLUDED.reward_account,
             partner_pending = EXCLUDED.partner_pending,
             open_conversions = EXCLUDED.open_conversions, data = EXCLUDED.data,
             slot = EXCLUDED.slot, commitment = EXCLUDED.commitment, gone = false,
             was_final = old.was_final OR EXCLUDED.was_final",
        &addresss,
        &campaigns,
        &codes,
        &owners,
        &pending_owners as &[Option<String>],
        &partners as &[Option<String>],
        &partner_share_bpss,
        &actives,
        &suspendeds,
        &usage_limits as &[Option<BigDecimal>],
        &conversionss,
        &expires_ats as &[Option<i64>],
        &created_ats,
        &rewards_totals,
        &rewards_pendings,
        &reward_accounts,
        &partner_pendings,
        &open_conversionss,
        &datas,
        &slots,
        &commitments as &[&str],
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A conversion that came out differently on another fork was made by another
/// transaction: it loses its signature and is looked up again.
pub(super) async fn conversions(
    connection: &mut PgConnection,
    rows: Vec<NewConversion>,
) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut addresss: Vec<String> = Vec::with_capacity(rows.len());
    let mut campaigns: Vec<String> = Vec::with_capacity(rows.len());
    let mut referrals: Vec<String> = Vec::with_capacity(rows.len());
    let mut codes: Vec<String> = Vec::with_capacity(rows.len());
    let mut referrers: Vec<String> = Vec::with_capacity(rows.len());
    let mut referees: Vec<String> = Vec::with_capacity(rows.len());
    let mut actions: Vec<&'static str> = Vec::with_capacity(rows.len());
    let mut statuss: Vec<&'static str> = Vec::with_capacity(rows.len());
    let mut settleds: Vec<i16> = Vec::with_capacity(rows.len());
    let mut amounts: Vec<BigDecimal> = Vec::with_capacity(rows.len());
    let mut references: Vec<Option<Vec<u8>>> = Vec::with_capacity(rows.len());
    let mut reward_referrers: Vec<BigDecimal> = Vec::with_capacity(rows.len());
    let mut reward_referees: Vec<BigDecimal> = Vec::with_capacity(rows.len());
    let mut reward_partners: Vec<BigDecimal> = Vec::with_capacity(rows.len());
    let mut converted_ats: Vec<i64> = Vec::with_capacity(rows.len());
    let mut hold_secondss: Vec<i64> = Vec::with_capacity(rows.len());
    let mut bonusess: Vec<i16> = Vec::with_capacity(rows.len());
    let mut datas: Vec<Vec<u8>> = Vec::with_capacity(rows.len());
    let mut slots: Vec<i64> = Vec::with_capacity(rows.len());
    let mut commitments: Vec<&'static str> = Vec::with_capacity(rows.len());
    for NewConversion { meta, row, credit } in rows {
        addresss.push(meta.address);
        campaigns.push(credit.campaign);
        referrals.push(row.referral);
        codes.push(credit.code);
        referrers.push(credit.referrer);
        referees.push(row.referee);
        actions.push(row.action);
        statuss.push(row.status.as_str());
        settleds.push(i16::from(row.settled));
        amounts.push(to_numeric(row.amount));
        references.push(row.reference.map(Vec::from));
        reward_referrers.push(to_numeric(row.reward_referrer));
        reward_referees.push(to_numeric(row.reward_referee));
        reward_partners.push(to_numeric(row.reward_partner));
        converted_ats.push(row.converted_at);
        hold_secondss.push(i64::from(row.hold_seconds));
        bonusess.push(i16::from(row.bonuses));
        datas.push(meta.data);
        slots.push(slot_to_sql(meta.slot));
        commitments.push(meta.commitment.as_str());
    }
    sqlx::query!(
        "INSERT INTO conversions AS old
             (address, campaign, referral, code, referrer, referee, action, status, settled, amount,
              reference, reward_referrer, reward_referee, reward_partner, converted_at, hold_seconds,
              bonuses, data, slot, commitment, was_final)
         SELECT new.*, new.commitment = 'finalized' FROM UNNEST(
             $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
             $8::text[], $9::smallint[], $10::numeric[], $11::bytea[], $12::numeric[],
             $13::numeric[], $14::numeric[], $15::bigint[], $16::bigint[], $17::smallint[],
             $18::bytea[], $19::bigint[], $20::text[])
             AS new (address, campaign, referral, code, referrer, referee, action, status, settled,
                     amount, reference, reward_referrer, reward_referee, reward_partner,
                     converted_at, hold_seconds, bonuses, data, slot, commitment)
         ON CONFLICT (address) DO UPDATE SET
             campaign = EXCLUDED.campaign, referral = EXCLUDED.referral, code = EXCLUDED.code,
             referrer = EXCLUDED.referrer, referee = EXCLUDED.referee, action = EXCLUDED.action,
             status = EXCLUDED.status, settled = EXCLUDED.settled, amount = EXCLUDED.amount,
             reference = EXCLUDED.reference, reward_referrer = EXCLUDED.reward_referrer,
             reward_referee = EXCLUDED.reward_referee, reward_partner = EXCLUDED.reward_partner,
             converted_at = EXCLUDED.converted_at, hold_seconds = EXCLUDED.hold_seconds,
             bonuses = EXCLUDED.bonuses, data = EXCLUDED.data, slot = EXCLUDED.slot,
             commitment = EXCLUDED.commitment, gone = false,
             was_final = old.was_final OR EXCLUDED.was_final,
             signature = CASE
                 WHEN (old.referral, old.referee, old.converted_at, old.amount, old.action)
                    = (EXCLUDED.referral, EXCLUDED.referee, EXCLUDED.converted_at,
                       EXCLUDED.amount, EXCLUDED.action)
                 THEN old.signature END",
        &addresss,
        &campaigns,
        &referrals,
        &codes,
        &referrers,
        &referees,
        &actions as &[&str],
        &statuss as &[&str],
        &settleds,
        &amounts,
        &references as &[Option<Vec<u8>>],
        &reward_referrers,
        &reward_referees,
        &reward_partners,
        &converted_ats,
        &hold_secondss,
        &bonusess,
        &datas,
        &slots,
        &commitments as &[&str],
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn referees(
    connection: &mut PgConnection,
    rows: Vec<(Meta, Referee)>,
) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut addresss: Vec<String> = Vec::with_capacity(rows.len());
    let mut campaigns: Vec<String> = Vec::with_capacity(rows.len());
    let mut wallets: Vec<String> = Vec::with_capacity(rows.len());
    let mut referrals: Vec<String> = Vec::with_capacity(rows.len());
    let mut bound_ats: Vec<i64> = Vec::with_capacity(rows.len());
    let mut expires_ats: Vec<i64> = Vec::with_capacity(rows.len());
    let mut datas: Vec<Vec<u8>> = Vec::with_capacity(rows.len());
    let mut slots: Vec<i64> = Vec::with_capacity(rows.len());
    let mut commitments: Vec<&'static str> = Vec::with_capacity(rows.len());
    for (meta, row) in rows {
        addresss.push(meta.address);
        campaigns.push(row.campaign);
        wallets.push(row.wallet);
        referrals.push(row.referral);
        bound_ats.push(row.bound_at);
        expires_ats.push(row.expires_at);
        datas.push(meta.data);
        slots.push(slot_to_sql(meta.slot));
        commitments.push(meta.commitment.as_str());
    }
    sqlx::query!(
        "INSERT INTO referees AS old
             (address, campaign, wallet, referral, bound_at, expires_at, data, slot, commitment,
              was_final)
         SELECT new.*, new.commitment = 'finalized' FROM UNNEST(
             $1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[],
             $7::bytea[], $8::bigint[], $9::text[])
             AS new (address, campaign, wallet, referral, bound_at, expires_at, data, slot,
                     commitment)
         ON CONFLICT (address) DO UPDATE SET
             campaign = EXCLUDED.campaign, wallet = EXCLUDED.wallet,
             referral = EXCLUDED.referral, bound_at = EXCLUDED.bound_at,
             expires_at = EXCLUDED.expires_at, data = EXCLUDED.data, slot = EXCLUDED.slot,
             commitment = EXCLUDED.commitment, gone = false,
             was_final = old.was_final OR EXCLUDED.was_final",
        &addresss,
        &campaigns,
        &wallets,
        &referrals,
        &bound_ats,
        &expires_ats,
        &datas,
        &slots,
        &commitments as &[&str],
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Marks rows whose bytes were read again at a finalized slot.
pub(super) async fn finalize(
    connection: &mut PgConnection,
    rows: &[(String, u64)],
) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let addresses: Vec<String> = rows.iter().map(|(address, _)| address.clone()).collect();
    let slots: Vec<i64> = rows.iter().map(|(_, slot)| slot_to_sql(*slot)).collect();
    sqlx::query!(
        "WITH final AS (SELECT * FROM UNNEST($1::text[], $2::bigint[]) AS f (address, slot)),
              a AS (UPDATE campaigns AS row
                    SET commitment = 'finalized', slot = final.slot, was_final = true
                    FROM final WHERE row.address = final.address),
              b AS (UPDATE referrals AS row
                    SET commitment = 'finalized', slot = final.slot, was_final = true
                    FROM final WHERE row.address = final.address),
              c AS (UPDATE referees AS row
                    SET commitment = 'finalized', slot = final.slot, was_final = true
                    FROM final WHERE row.address = final.address)
         UPDATE conversions AS row
         SET commitment = 'finalized', slot = final.slot, was_final = true
         FROM final WHERE row.address = final.address",
        &addresses,
        &slots,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Marks rows whose account ended. What it held last stays.
pub(super) async fn end(
    connection: &mut PgConnection,
    rows: &[(String, u64, Commitment)],
) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let addresses: Vec<String> = rows.iter().map(|(address, ..)| address.clone()).collect();
    let slots: Vec<i64> = rows.iter().map(|(_, slot, _)| slot_to_sql(*slot)).collect();
    let commitments: Vec<&str> = rows.iter().map(|(.., c)| c.as_str()).collect();
    sqlx::query!(
        "WITH ended AS (
                  SELECT * FROM UNNEST($1::text[], $2::bigint[], $3::text[])
                      AS e (address, slot, commitment)),
              a AS (UPDATE campaigns AS row
                    SET gone = true, slot = ended.slot, commitment = ended.commitment
                    FROM ended WHERE row.address = ended.address),
              b AS (UPDATE referrals AS row
                    SET gone = true, slot = ended.slot, commitment = ended.commitment
                    FROM ended WHERE row.address = ended.address),
              c AS (UPDATE referees AS row
                    SET gone = true, slot = ended.slot, commitment = ended.commitment
                    FROM ended WHERE row.address = ended.address)
         UPDATE conversions AS row
         SET gone = true, slot = ended.slot, commitment = ended.commitment
         FROM ended WHERE row.address = ended.address",
        &addresses,
        &slots,
        &commitments as &[&str],
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes rows whose account never existed.
pub(super) async fn remove(
    connection: &mut PgConnection,
    addresses: &[String],
) -> Result<(), Error> {
    if addresses.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "WITH a AS (DELETE FROM campaigns WHERE address = ANY($1)),
              b AS (DELETE FROM referrals WHERE address = ANY($1)),
              c AS (DELETE FROM referees WHERE address = ANY($1))
         DELETE FROM conversions WHERE address = ANY($1)",
        addresses,
    )
    .execute(connection)
    .await?;
    Ok(())
}
