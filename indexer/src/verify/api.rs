//! The API of somebody else. Nothing that it says is believed: sizes and times are bounded, and what
//! cannot be right is refused with the reason.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::{Client, Url, redirect};
use serde::{Deserialize, de::DeserializeOwned};
use solana_sdk::{pubkey::Pubkey, signature::Signature};
use vouch_audit::{Conversion, Digest, Head, MOST_BUCKETS, Payment, Row, bucket_size};
use vouch_replay::Part;

/// Time limit of a request, the whole answer included.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of an answer: a page of rows with as many as fit into its transactions.
const MOST_BYTES: usize = 16 << 20;
/// Transactions in a page of rows.
const PAGE: u64 = 256;
/// Entries of a leaderboard that are asked for.
const ENTRIES: usize = 200;

/// A client of an API.
pub(super) struct Api {
    client: Client,
    base: Url,
}

/// A leaderboard over all campaigns and times.
pub(super) struct Leaderboard {
    pub(super) as_of_slot: u64,
    /// Unix seconds: what no longer can be cancelled at this time is counted, and nothing else.
    pub(super) as_of_time: i64,
    pub(super) total: u64,
    /// The best ones, in their order, with their conversions. Over all campaigns there are no rewards:
    /// they are of different tokens.
    pub(super) entries: Vec<(Pubkey, u64)>,
}

impl Api {
    pub(super) fn new(base: &Url) -> Result<Self> {
        let client = Client::builder()
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .build()?;
        Ok(Self {
            client,
            base: base.clone(),
        })
    }

    /// The newest digest at or before `slot`; without it, the newest.
    pub(super) async fn digest(&self, slot: Option<u64>) -> Result<Digest> {
        let query: Vec<_> = slot.map(|slot| ("slot", slot)).into_iter().collect();
        let answer: DigestAnswer = self.get("/v1/digest", &query).await?;
        let root = answer.root.clone();
        let digest = answer.parse().context("/v1/digest")?;
        let size = bucket_size(digest.head.seq);
        let buckets = digest.head.seq.div_ceil(size);
        ensure!(digest.head.seq > 0, "/v1/digest: it is of no transaction");
        ensure!(
            digest.bucket_size == size && digest.buckets.len() as u64 == buckets,
            "/v1/digest: {} transactions need {buckets} buckets of {size}",
            digest.head.seq
        );
        ensure!(
            root == hex(&digest.root()),
            "/v1/digest: the root is not that of what it says"
        );
        ensure!(
            slot.is_none_or(|slot| digest.head.slot <= slot),
            "/v1/digest: it is of slot {}, which is later",
            digest.head.slot
        );
        Ok(digest)
    }

    /// The next page of the rows of a bucket, in their order, and the last transaction of the page.
    pub(super) async fn rows(
        &self,
        digest: &Digest,
        bucket: u64,
        after: u64,
    ) -> Result<(u64, Vec<Row>)> {
        let head = &digest.head;
        let query = [("slot", head.slot), ("bucket", bucket), ("after", after)];
        let answer: RowsAnswer = self.get("/v1/digest/rows", &query).await?;
        let upto = after.saturating_add(PAGE).min(digest.range(bucket).1);
        ensure!(
            (answer.slot, answer.seq, answer.upto) == (head.slot, head.seq, upto),
            "/v1/digest/rows: the page is of another digest, or of other transactions, than was \
             asked for"
        );
        let mut rows = answer.parse().context("/v1/digest/rows")?;
        rows.sort_by_cached_key(Row::encode);
        for row in &rows {
            // A row of no transaction comes with the first ones.
            ensure!(
                (row.seq() > after || after == 0) && row.seq() <= upto,
                "/v1/digest/rows: a row of transaction {} does not belong to the page",
                row.seq()
            );
        }
        ensure!(
            rows.windows(2).all(|pair| pair.first() != pair.get(1)),
            "/v1/digest/rows: a row is in the page twice"
        );
        Ok((upto, rows))
    }

    /// The first page of the leaderboard; `None` before anything is final.
    pub(super) async fn leaderboard(&self) -> Result<Option<Leaderboard>> {
        let query = [("limit", ENTRIES)];
        let answer: LeaderboardAnswer = self.get("/v1/leaderboard", &query).await?;
        let (Some(as_of_slot), Some(as_of_time)) = (answer.as_of_slot, answer.as_of_time) else {
            return Ok(None);
        };
        let total = answer.total_entries;
        let entries = answer
            .entries
            .iter()
            .map(|entry| Ok((entry.wallet.parse()?, entry.conversions)))
            .collect::<Result<Vec<_>>>()
            .context("/v1/leaderboard")?;
        let expected = usize::try_from(total).unwrap_or(usize::MAX).min(ENTRIES);
        ensure!(
            entries.len() == expected,
            "/v1/leaderboard: {} entries of {total}, where {expected} were asked for",
            entries.len()
        );
        Ok(Some(Leaderboard {
            as_of_slot,
            as_of_time,
            total,
            entries,
        }))
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, impl ToString)],
    ) -> Result<T> {
        self.read(path, query)
            .await
            .with_context(|| format!("{path}: the API"))
    }

    async fn read<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, impl ToString)],
    ) -> Result<T> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        for (name, value) in query {
            url.query_pairs_mut().append_pair(name, &value.to_string());
        }
        // The URL may hold a key.
        let response = self.client.get(url).send().await;
        let mut response = response.map_err(silent)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(silent)? {
            ensure!(
                body.len() + piece.len() <= MOST_BYTES,
                "answers with more than {MOST_BYTES} bytes"
            );
            body.extend_from_slice(&piece);
        }
        if !status.is_success() {
            let refusal: Option<Refusal> = serde_json::from_slice(&body).ok();
            let code = refusal.map_or("no code".to_owned(), |refusal| refusal.error.code);
            bail!("answers {status} with {}", shown(&code));
        }
        serde_json::from_slice(&body).context("answers with something else")
    }
}

/// Why there is no answer, without the URL.
fn silent(error: reqwest::Error) -> anyhow::Error {
    if error.is_timeout() {
        return anyhow::anyhow!("does not answer in {TIMEOUT:?}");
    }
    anyhow::Error::new(error.without_url()).context("does not answer")
}

/// A text of somebody else's, safe for a terminal.
fn shown(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_ascii_graphic())
        .take(60)
        .collect()
}

#[derive(Deserialize)]
struct Refusal {
    error: Code,
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

#[derive(Deserialize)]
struct DigestAnswer {
    genesis_hash: String,
    slot: u64,
    seq: u64,
    signature: String,
    time: i64,
    bucket_size: u64,
    conversions: u64,
    rewards: String,
    paid: String,
    root: String,
    buckets: Vec<String>,
}

impl DigestAnswer {
    fn parse(self) -> Result<Digest> {
        ensure!(
            self.buckets.len() as u64 <= MOST_BUCKETS,
            "more than {MOST_BUCKETS} buckets"
        );
        let signature: Signature = self.signature.parse().context("the signature")?;
        Ok(Digest {
            head: Head {
                genesis_hash: self.genesis_hash.parse().context("the genesis hash")?,
                slot: self.slot,
                seq: self.seq,
                signature: signature.into(),
                time: self.time,
            },
            bucket_size: self.bucket_size,
            conversions: self.conversions,
            rewards: self.rewards.parse().context("the rewards")?,
            paid: self.paid.parse().context("what was paid")?,
            buckets: self
                .buckets
                .iter()
                .map(|text| bytes(text))
                .collect::<Option<_>>()
                .context("a hash has 64 hexadecimal digits")?,
        })
    }
}

#[derive(Deserialize)]
struct RowsAnswer {
    slot: u64,
    seq: u64,
    upto: u64,
    conversions: Vec<ConversionAnswer>,
    payments: Vec<PaymentAnswer>,
}

#[derive(Deserialize)]
struct ConversionAnswer {
    seq: u64,
    conversion: String,
    campaign: String,
    referral: String,
    referrer: String,
    partner: Option<String>,
    referee: String,
    amount: String,
    reward_referrer: String,
    reward_referee: String,
    reward_partner: String,
    converted_at: i64,
    matures_at: i64,
}

#[derive(Deserialize)]
struct PaymentAnswer {
    seq: u64,
    conversion: String,
    part: String,
    recipient: String,
    units: String,
}

impl RowsAnswer {
    fn parse(self) -> Result<Vec<Row>> {
        let conversions = self.conversions.into_iter().map(|row| {
            Ok(Row::Conversion(Conversion {
                seq: row.seq,
                conversion: row.conversion.parse()?,
                campaign: row.campaign.parse()?,
                referral: row.referral.parse()?,
                referrer: row.referrer.parse()?,
                partner: row.partner.as_deref().map(str::parse).transpose()?,
                referee: row.referee.parse()?,
                amount: row.amount.parse()?,
                reward_referrer: row.reward_referrer.parse()?,
                reward_referee: row.reward_referee.parse()?,
                reward_partner: row.reward_partner.parse()?,
                converted_at: row.converted_at,
                matures_at: row.matures_at,
            }))
        });
        let payments = self.payments.into_iter().map(|row| {
            Ok(Row::Payment(Payment {
                seq: row.seq,
                conversion: row.conversion.parse()?,
                part: match row.part.as_str() {
                    "referrer" => Part::Referrer,
                    "referee" => Part::Referee,
                    "partner" => Part::Partner,
                    _ => bail!("an unknown part of a reward"),
                },
                recipient: row.recipient.parse()?,
                units: row.units.parse()?,
            }))
        });
        conversions.chain(payments).collect()
    }
}

#[derive(Deserialize)]
struct LeaderboardAnswer {
    entries: Vec<EntryAnswer>,
    total_entries: u64,
    as_of_slot: Option<u64>,
    as_of_time: Option<i64>,
}

#[derive(Deserialize)]
struct EntryAnswer {
    wallet: String,
    conversions: u64,
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        let digits = text.get(2 * place..2 * place + 2)?;
        // `from_str_radix` would take a plus sign.
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(bytes)
}
