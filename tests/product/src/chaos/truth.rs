//! The truth that everything has to agree with: the journal of the wallets, the validator's balances, and the
//! lists of conversions. No counter of the product is used to compute what is expected.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use solana_sdk::signature::Signer as _;
use sqlx::Row as _;
use tokio::time::sleep;
use vouch_client::{pda, token};

use super::{
    PATH,
    load::{Load, Sale},
    stage::Stage,
};
use crate::{REWARD, Receiver, key, recount, verify};

/// Type of a message, and what it is about: a conversion, or a referrer and its badge.
type Subject = (String, String);

/// Time for everything to be paid, mirrored and delivered.
const PATIENCE: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(500);

/// Waits until people have what they are owed, the mirror has it as final, and every message came.
pub(super) async fn until_settled(
    stage: &mut Stage,
    load: &Load,
    receiver: &Receiver,
) -> Result<()> {
    let began = Instant::now();
    loop {
        stage.ensure_running()?;
        let missing = missing(stage, load, receiver).await?;
        let Some(missing) = missing else {
            return Ok(());
        };
        if began.elapsed() > PATIENCE {
            bail!(
                "after {PATIENCE:?}: {missing}; logs: {}",
                stage.dir().display()
            );
        }
        sleep(POLL).await;
    }
}

/// The first thing that is not there yet.
async fn missing(stage: &Stage, load: &Load, receiver: &Receiver) -> Result<Option<String>> {
    let sales = load.sales();
    for (place, owned) in load.codes().iter().enumerate() {
        let earned = earned(&sales, place) * REWARD;
        let scene = stage.scene();
        let (account, _) = pda::associated_token(
            &owned.owner.pubkey(),
            &scene.opened.mint,
            &token::TOKEN_PROGRAM_ID,
        );
        let balance = scene.rpc.get_token_account_balance(&account).await?;
        let balance: u64 = balance.amount.parse()?;
        ensure!(
            balance <= earned,
            "{} was paid {balance}, but earned {earned}",
            owned.code
        );
        if balance < earned {
            return Ok(Some(format!("{} has {balance} of {earned}", owned.code)));
        }
    }
    let settled = "SELECT count(*) FROM conversions, indexer_state
         WHERE status IN ('paid', 'cancelled')
           AND seq <= final_seq AND confirmed_seq = final_seq";
    let Ok(row) = sqlx::query(settled).fetch_one(stage.pool()).await else {
        return Ok(Some("Postgres does not answer".into()));
    };
    let settled: i64 = row.get(0);
    if usize::try_from(settled) != Ok(sales.len()) {
        return Ok(Some(format!(
            "{settled} of {} conversions are final and settled in the mirror",
            sales.len()
        )));
    }
    let received: BTreeSet<Subject> = receiver.accepted(PATH).values().map(key).collect();
    let lacking = expected(load, &sales)
        .into_iter()
        .find(|subject| !received.contains(subject));
    Ok(lacking.map(|(kind, subject)| format!("no {kind} of {subject} was delivered")))
}

/// Compares everything.
pub(super) async fn check(stage: &Stage, load: &Load, receiver: &Receiver) -> Result<()> {
    let sales = load.sales();

    // The mirror has the conversions of the journal and no others, each with its outcome.
    let rows = sqlx::query("SELECT address, status, code, referrer FROM conversions")
        .fetch_all(stage.pool())
        .await?;
    let mirrored: BTreeMap<String, (String, String)> = rows
        .iter()
        .map(|row| (row.get(0), (row.get(1), row.get(2))))
        .collect();
    let journal: BTreeMap<String, (String, String)> = sales
        .iter()
        .map(|sale| {
            let status = if sale.cancelled { "cancelled" } else { "paid" };
            let code = load.codes()[sale.code].code.to_string();
            (sale.conversion.to_string(), (status.to_owned(), code))
        })
        .collect();
    ensure!(
        mirrored == journal,
        "the mirror's conversions are not the journal's"
    );

    // Ranks count what was not cancelled.
    for (place, owned) in load.codes().iter().enumerate() {
        let owner = owned.owner.pubkey().to_string();
        let row = sqlx::query(
            "SELECT coalesce(sum(conversions), 0)::bigint, coalesce(sum(rewards), 0)::bigint
             FROM referrer_daily WHERE referrer = $1",
        )
        .bind(&owner)
        .fetch_one(stage.pool())
        .await?;
        let (counted, rewards): (i64, i64) = (row.get(0), row.get(1));
        let earned = earned(&sales, place);
        ensure!(
            (u64::try_from(counted)?, u64::try_from(rewards)?) == (earned, earned * REWARD),
            "{owner} earned with {earned} conversions, and ranks count {counted} and {rewards}"
        );
    }

    // Every message is signed, came under one id, and is explained by the journal.
    for arrival in receiver.arrivals(PATH) {
        ensure!(arrival.is_signed_by(stage.secret()), "a wrong signature");
    }
    let expected: BTreeSet<Subject> = expected(load, &sales).into_iter().collect();
    let mut told = BTreeSet::new();
    for message in receiver.accepted(PATH).values() {
        let subject = key(message);
        let (kind, about) = &subject;
        // A confirmed transaction may seem abandoned for a while, and is confirmed again then.
        if !(kind.starts_with("conversion.") || kind == "milestone.reached")
            || kind == "conversion.confirmed"
            || kind == "conversion.retracted"
        {
            continue;
        }
        ensure!(
            expected.contains(&subject),
            "{kind} of {about} was delivered, but did not happen"
        );
        ensure!(
            told.insert(subject.clone()),
            "{kind} of {about} came under two ids"
        );
    }

    // Counters, and the node's history against its accounts.
    for output in [
        recount(stage.database_url(), &[]).await,
        verify(&stage.scene().validator.rpc_url()).await,
    ] {
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        ensure!(output.status.success(), "{said}");
    }
    Ok(())
}

/// Conversions with the code at this place that were not cancelled.
fn earned(sales: &[Sale], place: usize) -> u64 {
    let earning = sales
        .iter()
        .filter(|sale| sale.code == place && !sale.cancelled);
    earning.count() as u64
}

/// The messages that have to come.
fn expected(load: &Load, sales: &[Sale]) -> Vec<Subject> {
    let kinds = |sale: &Sale| -> &[&str] {
        if sale.cancelled {
            &[
                "conversion.confirmed",
                "conversion.final",
                "conversion.cancelled",
            ]
        } else {
            &[
                "conversion.confirmed",
                "conversion.final",
                "conversion.matured",
                "conversion.paid",
            ]
        }
    };
    let conversions = sales.iter().flat_map(|sale| {
        let conversion = sale.conversion.to_string();
        kinds(sale)
            .iter()
            .map(move |kind| ((*kind).to_owned(), conversion.clone()))
    });
    let codes = load.codes().iter().enumerate();
    let milestones = codes.flat_map(|(place, owned)| {
        let (owner, earned) = (owned.owner.pubkey(), earned(sales, place));
        let reached = [1, 5, 10, 25, 50, 100].into_iter();
        reached
            .filter(move |least| *least <= earned)
            .map(move |least| {
                let subject = format!("{owner} conversions_{least}");
                ("milestone.reached".to_owned(), subject)
            })
    });
    conversions.chain(milestones).collect()
}
