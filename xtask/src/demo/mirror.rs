//! Compares Postgres with the chain.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use sqlx::PgPool;

use crate::chain::Chain;

/// Time limit for a click to leave the spool file.
const REPLAYED: Duration = Duration::from_secs(30);

/// The product's database.
pub(super) struct Mirror {
    pool: PgPool,
}

impl Mirror {
    pub(super) async fn connect(url: &str) -> Result<Self> {
        Ok(Self {
            pool: PgPool::connect(url).await?,
        })
    }

    pub(super) async fn close(self) {
        self.pool.close().await;
    }

    /// The code of the stored click with this id; `None` when it does not appear in time.
    /// A click is durable before its redirect is answered, but on a busy machine it may
    /// be in the spool file at first.
    pub(super) async fn click_code(&self, id: &str) -> Result<Option<String>> {
        let id = id.parse()?;
        let deadline = Instant::now() + REPLAYED;
        loop {
            let found = vouch_db::api::clicks::find(&self.pool, id).await?;
            let code = found.map(|click| click.code);
            if code.is_some() || Instant::now() > deadline {
                return Ok(code);
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// Addresses of accounts whose bytes differ in Postgres, and of rows without an
    /// account, at `confirmed`. Nothing may change meanwhile.
    pub(super) async fn differences(&self, chain: &Chain) -> Result<Vec<String>> {
        let on_chain: BTreeMap<String, Vec<u8>> = chain
            .rpc()
            .get_program_ui_accounts_with_config(&vouch_client::PROGRAM_ID, base64_config())
            .await?
            .into_iter()
            .map(|(address, account)| {
                let data = account.data.decode().context("account data in base64")?;
                Ok((address.to_string(), data))
            })
            .collect::<Result<_>>()?;
        let stored: BTreeMap<String, Vec<u8>> = vouch_db::mirror::live_accounts(&self.pool)
            .await?
            .into_iter()
            .collect();
        let mut differences = Vec::new();
        for (address, data) in &on_chain {
            match stored.get(address) {
                None => differences.push(format!("{address} is missing in Postgres")),
                Some(row) if row != data => {
                    differences.push(format!("{address} has other bytes in Postgres"));
                }
                Some(_) => {}
            }
        }
        for address in stored
            .keys()
            .filter(|address| !on_chain.contains_key(*address))
        {
            differences.push(format!("{address} is in Postgres only"));
        }
        Ok(differences)
    }
}

fn base64_config() -> solana_client::rpc_config::RpcProgramAccountsConfig {
    solana_client::rpc_config::RpcProgramAccountsConfig {
        account_config: solana_client::rpc_config::RpcAccountInfoConfig {
            encoding: Some(solana_account_decoder_client_types::UiAccountEncoding::Base64),
            ..Default::default()
        },
        ..Default::default()
    }
}
