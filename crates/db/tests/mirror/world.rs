//! A mirror with one code, and what transactions do to it.

use std::{collections::BTreeMap, ops::Deref};

use vouch_db::mirror::{
    Account, Batch, Before, Conversion, Final, Maturing, Projections, Referral, Settlement, Status,
    TotalsMove, Transaction, Writer,
};

use crate::store::Store;

/// 2026-01-01 00:00:00 UTC.
pub(crate) const NEW_YEAR: i64 = 1_767_225_600;

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) writer: Writer,
}

impl Deref for World {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        let store = Store::new().await;
        let writer = store.writer().await;
        Self { store, writer }
    }

    pub(crate) async fn write(&mut self, batch: &Batch) {
        self.writer.write(batch, None).await.expect("written");
    }

    /// Makes everything up to transaction `seq` final, at this time of the chain.
    pub(crate) async fn finalize(&mut self, seq: i64, time: i64) -> u64 {
        let range = Final {
            seq,
            first_slot: 0,
            last_slot: seq,
            time: Some(time),
            source: "test".into(),
        };
        let outcome = self.writer.write(&Batch::default(), Some(&range)).await;
        outcome.expect("written")
    }

    pub(crate) async fn totals(&self) -> String {
        self.text(
            "SELECT format('%s conversions, %s final, %s paid, %s pending', conversions,
                 conversions_final, rewards_paid, rewards_pending)
             FROM referral_totals WHERE referral = 'R'",
        )
        .await
    }

    pub(crate) async fn days(&self) -> String {
        self.text(
            "SELECT string_agg(format('%s %s %s: %s for %s, last %s', campaign, referrer, day,
                 conversions, rewards, last_converted_at), '; ' ORDER BY day)
             FROM referrer_daily HAVING count(*) > 0",
        )
        .await
    }

    /// The content of every table of the mirror, apart from times of this machine.
    pub(crate) async fn content(&self) -> BTreeMap<&'static str, String> {
        let mut content = BTreeMap::new();
        for table in [
            "transactions",
            "calls",
            "events",
            "accounts",
            "accounts_before",
            "campaigns",
            "referrals",
            "conversions",
            "conversion_quarters",
            "maturing",
            "referral_totals",
            "referrer_daily",
            "referrer_totals",
            "boards",
            "board_fences",
            "short_links",
        ] {
            let sql = format!(
                "SELECT coalesce(string_agg(row::text, ', ' ORDER BY row::text), '')
                 FROM {table} AS row"
            );
            content.insert(table, self.text(&sql).await);
        }
        content
    }
}

pub(crate) fn transaction(seq: i64) -> Transaction {
    Transaction {
        seq,
        slot: seq,
        block_index: None,
        block_time: NEW_YEAR + seq,
        signature: format!("signature-{seq}"),
        succeeded: true,
        failed_instruction: None,
        error_code: None,
    }
}

pub(crate) fn account(address: &str, data: Option<&str>, seq: i64) -> Account {
    Account {
        address: address.into(),
        data: data.map(|data| data.as_bytes().to_vec()),
        seq,
        slot: seq,
        doubt: None,
    }
}

/// `before`: the data, and the transaction that wrote it.
pub(crate) fn before(seq: i64, address: &str, before: Option<(&str, i64)>) -> Before {
    Before {
        seq,
        address: address.into(),
        data: before.map(|(data, _)| data.as_bytes().to_vec()),
        before_seq: before.map(|(_, seq)| seq),
        before_slot: before.map(|(_, seq)| seq),
        doubt: None,
    }
}

pub(crate) fn referral(address: &str, code: &str, conversions: u64, seq: i64) -> Referral {
    Referral {
        address: address.into(),
        campaign: "C".into(),
        code: code.into(),
        owner: "Alice".into(),
        active: true,
        suspended: false,
        usage_limit: None,
        conversions: conversions.into(),
        expires_at: None,
        created_at: NEW_YEAR,
        closed: false,
        seq,
        slot: seq,
    }
}

/// The code R of Alice is registered by transaction 1.
pub(crate) fn registration() -> Batch {
    Batch {
        transactions: vec![transaction(1)],
        accounts: vec![account("R", Some("r1"), 1)],
        before: vec![before(1, "R", None)],
        projections: Projections {
            referrals: vec![referral("R", "AZURE23", 0, 1)],
            ..Projections::default()
        },
        ..Batch::default()
    }
}

pub(crate) fn conversion(address: &str, seq: i64, reward: u64, hold: i64) -> Conversion {
    Conversion {
        address: address.into(),
        seq,
        slot: seq,
        campaign: "C".into(),
        referral: "R".into(),
        code: "AZURE23".into(),
        referrer: "Alice".into(),
        partner: None,
        referee: "Bob".into(),
        action: "signup".into(),
        amount: u64::MAX.into(),
        reference: None,
        reward_referrer: reward.into(),
        reward_referee: 0.into(),
        reward_partner: 0.into(),
        converted_at: NEW_YEAR + seq,
        matures_at: NEW_YEAR + seq + hold,
        status: if hold == 0 {
            Status::Paid
        } else {
            Status::Pending
        },
        settled: if hold == 0 { 7 } else { 6 },
    }
}

pub(crate) fn moved(conversions: i64, paid: i128, pending: i128) -> BTreeMap<String, TotalsMove> {
    let moved = TotalsMove {
        conversions,
        paid,
        pending,
    };
    BTreeMap::from([("R".to_owned(), moved)])
}

/// Transaction `seq` converts with the code R, after transaction `seq - 1` changed R.
pub(crate) fn sale(address: &str, seq: i64, reward: u64, hold: i64) -> Batch {
    let row = conversion(address, seq, reward, hold);
    let (paid, pending) = match row.status {
        Status::Paid => (i128::from(reward), 0),
        _ => (0, i128::from(reward)),
    };
    let old = format!("r{}", seq - 1);
    let new = format!("r{seq}");
    Batch {
        transactions: vec![transaction(seq)],
        accounts: vec![
            account("R", Some(&new), seq),
            account(address, Some("c"), seq),
        ],
        before: vec![
            before(seq, "R", Some((&old, seq - 1))),
            before(seq, address, None),
        ],
        projections: Projections {
            referrals: vec![referral("R", "AZURE23", 1, seq)],
            maturing: vec![Maturing {
                conversion: address.into(),
                seq,
                matures_at: row.matures_at,
                campaign: row.campaign.clone(),
                converted_at: row.converted_at,
            }],
            sales: vec![row],
            totals: moved(1, paid, pending),
            ..Projections::default()
        },
        ..Batch::default()
    }
}

/// Transaction `seq` changes the state of a conversion that is worth `reward` and held.
pub(crate) fn settlement(address: &str, seq: i64, status: Status, reward: u64) -> Batch {
    let reward = i128::from(reward);
    let (settled, totals, cancelled) = match status {
        Status::Cancelled => (7, moved(-1, 0, -reward), vec![address.to_owned()]),
        _ => (7, moved(0, reward, -reward), Vec::new()),
    };
    Batch {
        transactions: vec![transaction(seq)],
        accounts: vec![account(address, Some("settled"), seq)],
        before: vec![before(seq, address, Some(("c", seq - 1)))],
        projections: Projections {
            settlements: vec![Settlement {
                conversion: address.into(),
                status,
                settled,
            }],
            cancelled,
            totals,
            ..Projections::default()
        },
        ..Batch::default()
    }
}
