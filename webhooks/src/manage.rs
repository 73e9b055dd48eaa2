//! The commands that manage endpoints.

use anyhow::{Context as _, Result, bail, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rand::RngCore as _;
use secrecy::{ExposeSecret as _, SecretSlice};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;
use vouch_db::{
    PgPool,
    webhooks::{deliveries, endpoints},
};

use crate::{
    config::{Allowed, Common, Deliveries, Endpoint, Replay},
    guard::{self, Lookup as _, Reach, Refusal, System},
    message::Kind,
};

/// Bytes of a new key.
const KEY: usize = 32;

pub(crate) async fn endpoint(command: Endpoint) -> Result<()> {
    match command {
        Endpoint::Add {
            common,
            allowed,
            campaign,
            url,
            types,
        } => add(&common, &allowed, &campaign.to_string(), &url, &types).await,
        Endpoint::List { common, campaign } => {
            let campaign = campaign.map(|campaign| campaign.to_string());
            let found = endpoints::list(&pool(&common)?, campaign.as_deref()).await?;
            print_all(&common, found.iter().map(described))
        }
        Endpoint::Disable { common, id } => {
            let found = endpoints::disable(&pool(&common)?, id, "by command").await?;
            done(&common, id, found, "disabled")
        }
        Endpoint::Enable { common, id } => {
            let found = endpoints::enable(&pool(&common)?, id).await?;
            done(&common, id, found, "enabled")
        }
        Endpoint::Remove { common, id } => {
            let found = endpoints::remove(&pool(&common)?, id).await?;
            done(&common, id, found, "removed")
        }
        Endpoint::Rotate {
            common,
            id,
            overlap_hours,
        } => {
            let key = new_key();
            let overlap = overlap_hours * 3600.0;
            let found = endpoints::rotate(&pool(&common)?, id, &key, overlap).await?;
            ensure!(found, "there is no endpoint {id}");
            print(&common, &json!({ "id": id, "secret": secret(&key) }))
        }
    }
}

async fn add(
    common: &Common,
    allowed: &Allowed,
    campaign: &str,
    url: &str,
    types: &[Kind],
) -> Result<()> {
    let reach = allowed.reach();
    let url = guard::check(url, reach)?;
    if let (Reach::Public, Some(name)) = (reach, url.domain()) {
        // It is checked again for each connection. This check is for the person at the keyboard.
        let found = System.lookup(name.to_owned()).await;
        let found = found.with_context(|| format!("the name {name} does not resolve"))?;
        if found.iter().any(|address| !guard::is_public(address.ip())) {
            return Err(Refusal::Private.into());
        }
    }
    let pool = pool(common)?;
    let known = vouch_db::api::campaigns::find(&pool, campaign).await?;
    ensure!(known.is_some(), "the mirror has no campaign {campaign}");
    let key = new_key();
    let id = Uuid::now_v7();
    let types: Vec<_> = types.iter().map(|kind| kind.name().to_owned()).collect();
    let new = endpoints::NewEndpoint {
        id,
        campaign,
        url: url.as_str(),
        types: &types,
        key: &key,
    };
    if !endpoints::add(&pool, &new).await? {
        bail!("a campaign has at most {} endpoints", endpoints::MOST);
    }
    print(common, &json!({ "id": id, "secret": secret(&key) }))
}

pub(crate) async fn replay(command: Replay) -> Result<()> {
    let Replay {
        common,
        endpoint,
        id,
        from,
        to,
    } = command;
    let pool = pool(&common)?;
    let known = endpoints::exists(&pool, endpoint).await?;
    ensure!(known, "there is no endpoint {endpoint}");
    let count = match (id, from) {
        (Some(id), _) => {
            let found = endpoints::replay(&pool, endpoint, &id).await?;
            ensure!(
                found,
                "the campaign of endpoint {endpoint} has no message {id}"
            );
            1
        }
        (None, Some(from)) => {
            let to = to.unwrap_or_else(OffsetDateTime::now_utc);
            endpoints::replay_range(&pool, endpoint, from, to).await?
        }
        (None, None) => bail!("--id or --from is missing"),
    };
    print(&common, &json!({ "replayed": count }))
}

pub(crate) async fn deliveries(command: Deliveries) -> Result<()> {
    let pool = pool(&command.common)?;
    let found =
        deliveries::list(&pool, command.endpoint, command.undelivered, command.limit).await?;
    let rows = found.iter().map(|delivery| {
        json!({
            "message": delivery.message,
            "type": delivery.kind,
            "created_at": moment(Some(delivery.created_at)),
            "attempts": delivery.attempts,
            "next_try": moment(delivery.next_try),
            "delivered_at": moment(delivery.delivered_at),
            "last_status": delivery.last_status,
            "last_error": delivery.last_error,
        })
    });
    print_all(&command.common, rows)
}

fn described(endpoint: &endpoints::Endpoint) -> Value {
    json!({
        "id": endpoint.id,
        "campaign": endpoint.campaign,
        "url": endpoint.url,
        "types": endpoint.types,
        "enabled": endpoint.enabled,
        "disabled_reason": endpoint.disabled_reason,
        "failing_since": moment(endpoint.failing_since),
        "last_delivered_at": moment(endpoint.last_delivered_at),
        "waiting": endpoint.waiting,
        "created_at": moment(Some(endpoint.created_at)),
    })
}

fn pool(common: &Common) -> Result<PgPool> {
    Ok(vouch_db::pool(&common.database.database_url)?)
}

fn done(common: &Common, id: Uuid, found: bool, what: &str) -> Result<()> {
    ensure!(found, "there is no endpoint {id}");
    print(common, &json!({ "id": id, "done": what }))
}

fn print_all(common: &Common, rows: impl Iterator<Item = Value>) -> Result<()> {
    if common.json {
        println!("{}", Value::Array(rows.collect()));
        return Ok(());
    }
    for row in rows {
        print(common, &row)?;
        println!();
    }
    Ok(())
}

/// JSON on one line, or a line for each field that is not empty.
fn print(common: &Common, row: &Value) -> Result<()> {
    if common.json {
        println!("{row}");
        return Ok(());
    }
    let fields = row.as_object().context("an object")?;
    for (name, value) in fields {
        match value {
            Value::Null => {}
            Value::String(text) => println!("{name}: {text}"),
            other => println!("{name}: {other}"),
        }
    }
    Ok(())
}

fn moment(time: Option<OffsetDateTime>) -> Option<String> {
    time?.format(&Rfc3339).ok()
}

fn new_key() -> SecretSlice<u8> {
    let mut key = vec![0; KEY];
    rand::rngs::OsRng.fill_bytes(&mut key);
    key.into()
}

/// The key as the standard writes it.
fn secret(key: &SecretSlice<u8>) -> String {
    format!("whsec_{}", STANDARD.encode(key.expose_secret()))
}
