//! The mirror as the indexer writes it, with its own writer.
#![allow(unreachable_pub, reason = "a module of a test file")]

use serde_json::json;
use vouch_db::mirror::{
    Account, Batch, Before, Conversion, Event, Final, Maturing, Projections, Referral, Settlement,
    Status, Transaction, Writer,
};

use crate::common::{ALICE, BOB};

/// Base units that the referrer is paid at once.
const REWARD: u64 = 5_000_000;
/// Unix seconds of the first transaction.
const START: i64 = 1_767_225_600;
/// Transactions in one batch of the indexer.
const BATCH: i64 = 500;

/// Writes conversions, each in a transaction of its own. The address of the n-th one is `sale-N`, with
/// the code STARTER7 of its campaign.
pub struct Mirror {
    writer: Option<Writer>,
    /// The last transaction.
    pub seq: i64,
    /// Conversions so far, also those that were undone.
    sales: i64,
    /// Transactions so far, also those that were undone.
    made: i64,
}

impl Mirror {
    pub async fn new(url: &str) -> Self {
        let mut mirror = Self {
            writer: None,
            seq: 0,
            sales: 0,
            made: 0,
        };
        mirror.acquire(url).await;
        mirror
    }

    /// Becomes the writer, as soon as nobody else is.
    pub async fn acquire(&mut self, url: &str) {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while self.writer.is_none() {
            assert!(std::time::Instant::now() < deadline, "somebody else writes");
            self.writer = Writer::try_acquire(url).await.unwrap_or_default();
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    pub async fn release(&mut self) {
        let writer = self.writer.take().unwrap();
        writer.release().await.unwrap();
    }

    async fn write(&mut self, batch: &Batch, range: Option<&Final>) {
        let writer = self.writer.as_mut().unwrap();
        writer.write(batch, range).await.unwrap();
    }

    fn transaction(&mut self, batch: &mut Batch) -> (i64, i64) {
        self.seq += 1;
        self.made += 1;
        let slot = 100 + self.made;
        batch.transactions.push(Transaction {
            seq: self.seq,
            slot,
            block_index: Some(0),
            block_time: START + self.made,
            signature: format!("signature-{}", self.made),
            succeeded: true,
            failed_instruction: None,
            error_code: None,
        });
        (self.seq, slot)
    }

    /// Bob converts as often as this. One batch, if it is not more than the indexer writes at once;
    /// otherwise one that is larger than any of the indexer.
    pub async fn sales(&mut self, campaign: &str, count: i64) {
        assert!(
            count <= BATCH || count > 4 * BATCH,
            "the tests know one batch"
        );
        let mut batch = Batch::default();
        for _ in 0..count {
            self.sale(&mut batch, campaign);
        }
        self.write(&batch, None).await;
    }

    fn sale(&mut self, batch: &mut Batch, campaign: &str) {
        let (seq, slot) = self.transaction(batch);
        let time = START + self.made;
        self.sales += 1;
        let address = format!("sale-{}", self.sales);
        let referral = format!("referral-STARTER7-{campaign}");
        batch.events.push(Event {
            seq,
            place: 0,
            kind: "conversion_recorded".into(),
            campaign: Some(campaign.into()),
            referral: Some(referral.clone()),
            subject: Some(address.clone()),
            wallet: Some(BOB.into()),
            units: Some(REWARD.into()),
            detail: None,
        });
        batch.events.push(Event {
            seq,
            place: 1,
            kind: "part_paid".into(),
            campaign: None,
            referral: None,
            subject: Some(address.clone()),
            wallet: Some(ALICE.into()),
            units: Some(REWARD.into()),
            detail: Some(json!({ "part": "referrer", "account": "account", "claimed": false })),
        });
        batch.accounts.push(Account {
            doubt: None,
            address: address.clone(),
            data: Some(vec![7; 148]),
            seq,
            slot,
        });
        batch.before.push(Before {
            seq,
            address: address.clone(),
            data: None,
            before_seq: None,
            before_slot: None,
            doubt: None,
        });
        batch.projections.maturing.push(Maturing {
            conversion: address.clone(),
            seq,
            matures_at: time,
            campaign: campaign.into(),
            converted_at: time,
        });
        batch.projections.sales.push(Conversion {
            address,
            seq,
            slot,
            campaign: campaign.into(),
            referral,
            code: "STARTER7".into(),
            referrer: ALICE.into(),
            partner: None,
            referee: BOB.into(),
            action: "signup".into(),
            amount: 1.into(),
            reference: Some(vec![0xab; 32]),
            reward_referrer: REWARD.into(),
            reward_referee: 0.into(),
            reward_partner: 0.into(),
            converted_at: time,
            matures_at: time,
            status: Status::Paid,
            settled: 7,
        });
    }

    /// Everything up to this transaction is final, and counts for ranks.
    pub async fn settle(&mut self, seq: i64) {
        let range = Final {
            seq,
            first_slot: 0,
            last_slot: 100 + seq,
            time: Some(START + 1_000_000),
            source: "test".into(),
        };
        self.write(&Batch::default(), Some(&range)).await;
    }

    /// Undoes all transactions after this one, as the indexer does it.
    pub async fn undo(&mut self, seq: i64) {
        let writer = self.writer.as_mut().unwrap();
        let before = writer.before(seq).await.unwrap();
        let nothing = Projections::default();
        writer.rewind(seq, &before, &nothing).await.unwrap();
        self.seq = seq;
    }

    /// The campaign cancels the n-th conversion.
    pub async fn cancel(&mut self, campaign: &str, number: i64) {
        let mut batch = Batch::default();
        let (seq, _) = self.transaction(&mut batch);
        let address = format!("sale-{number}");
        batch.events.push(Event {
            seq,
            place: 0,
            kind: "conversion_cancelled".into(),
            campaign: None,
            referral: Some(format!("referral-STARTER7-{campaign}")),
            subject: Some(address.clone()),
            wallet: None,
            units: Some(7.into()),
            detail: None,
        });
        batch.projections.settlements.push(Settlement {
            conversion: address,
            status: Status::Cancelled,
            settled: 7,
        });
        self.write(&batch, None).await;
    }

    /// Alice registers a code, and closes it.
    pub async fn code(&mut self, campaign: &str, code: &str) {
        let mut batch = Batch::default();
        let (seq, slot) = self.transaction(&mut batch);
        let address = format!("referral-{code}-{campaign}");
        let event = |place, kind: &str, campaign: Option<&str>, detail| Event {
            seq,
            place,
            kind: kind.into(),
            campaign: campaign.map(str::to_owned),
            referral: Some(address.clone()),
            subject: Some(address.clone()),
            wallet: Some(ALICE.into()),
            units: None,
            detail,
        };
        let terms = json!({ "code": code, "usage_limit": "0", "expires_at": 0 });
        batch
            .events
            .push(event(0, "code_created", Some(campaign), Some(terms)));
        batch.events.push(event(1, "code_closed", None, None));
        batch.projections.referrals.push(Referral {
            address: address.clone(),
            campaign: campaign.into(),
            code: code.into(),
            owner: ALICE.into(),
            active: false,
            suspended: false,
            usage_limit: None,
            conversions: 0.into(),
            expires_at: None,
            created_at: START,
            closed: true,
            seq,
            slot,
        });
        self.write(&batch, None).await;
    }
}
