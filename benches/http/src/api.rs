//! The API that is measured, and the rows that it needs.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result};
use sqlx::{Executor as _, PgPool};
use vouch_localnet::{Database, Instance, Service, ServiceSpec, built_binary};

/// A code of a campaign, as the indexer mirrors it.
pub(crate) const CODE: &str = "STARTER7";
/// A campaign's address.
pub(crate) const CAMPAIGN: &str = "4P9LqUjQAnspnDpVTXfX1GKWdQQDNgaB27b5E495akBb";
/// The address of the code's referral.
pub(crate) const REFERRAL: &str = "3WyEHKZ1qqGTgNLYuJdQBBq6cUUNbCMXwJFdeUAJwBnM";
/// The code's owner, and the campaign's authority.
pub(crate) const OWNER: &str = "5ZWj7a1f8tWkjBESHKgrLmXshuXxqeY9SYcfbshpAqPG";

/// Inserts the campaign and its code.
pub(crate) async fn fill(pool: &PgPool) -> Result<()> {
    let rows = format!(
        "INSERT INTO campaigns (address, creator, campaign_id, authority, mint, mint_decimals,
             token_program, funding, proof, uniqueness, reward_kind, paused, closed, reward_fixed,
             reward_bps, created_at, data, seq, slot)
         VALUES ('{CAMPAIGN}', '{OWNER}', 1, '{OWNER}', '{OWNER}', 6, '{OWNER}', 'mint_authority', 'open',
             'wallet', 'fixed', false, false, 5000000, 0, 1700000000, '', 1, 7);
         INSERT INTO referrals (address, campaign, code, owner, active, suspended, conversions,
             created_at, closed, seq, slot)
         VALUES ('{REFERRAL}', '{CAMPAIGN}', '{CODE}', '{OWNER}', true, false, 0, 1700000000, false, 1, 7);
         INSERT INTO short_links VALUES ('{CODE}', '{REFERRAL}', '{CAMPAIGN}', 1, 0);
         INSERT INTO campaign_profiles (campaign, name, landing_url)
         VALUES ('{CAMPAIGN}', 'Acme', 'https://acme.example/landing');
         UPDATE indexer_state SET indexed_slot = 7, updated_at = now()"
    );
    pool.execute(rows.as_str()).await?;
    Ok(())
}

/// Starts the API beside this program, as it is built for production. Nothing is at the address of its node:
/// no part of what is measured asks one.
pub(crate) async fn start(database: &Database, instance: &Instance) -> Result<Service> {
    let spool = instance.dir().join("clicks.spool");
    let env = [
        ("DATABASE_URL", database.url().to_owned()),
        ("RPC_URL", "http://127.0.0.1:9".to_owned()),
        ("PUBLIC_URL", "https://vouch.example".to_owned()),
        ("CLICK_SPOOL", spool.to_string_lossy().into_owned()),
    ];
    let mut service = Service::start(ServiceSpec {
        name: "api".into(),
        binary: built_binary("vouch-api")?,
        args: Vec::new(),
        dir: instance.dir().to_owned(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        env: env.map(|(name, value)| (name.to_owned(), value)).into(),
    })
    .await?;
    service.wait_healthy().await?;
    Ok(service)
}

/// Megabytes that the process holds: now, and at most so far.
pub(crate) fn memory(service: &Service) -> Result<(f64, f64)> {
    let pid = service.pid().context("the service runs")?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let read = |name: &str| {
        let mut lines = status.lines();
        let line = lines.find_map(|line| line.strip_prefix(name));
        let kilobytes: f64 = line
            .context("a line")?
            .trim()
            .trim_end_matches("kB")
            .trim()
            .parse()?;
        anyhow::Ok(kilobytes / 1024.0)
    };
    Ok((read("VmRSS:")?, read("VmHWM:")?))
}

/// Milliseconds at this percentile.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let place = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    let duration = sorted.get(place).copied().unwrap_or_default();
    duration.as_secs_f64() * 1000.0
}
