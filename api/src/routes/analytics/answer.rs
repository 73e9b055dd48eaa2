//! The answer of analytics.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use vouch_db::api::{
    analytics::{CODES, NAMED, Numbers, OfSubject, Share, Subject},
    conversions::Conversion,
};

use super::span::{By, Part, Span};
use crate::routes::conversions::ConversionAnswer;

/// Clicks, conversions and rewards of a code, a campaign or a wallet's codes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AnalyticsAnswer {
    /// YYYY-MM-DD.
    from: String,
    /// YYYY-MM-DD.
    to: String,
    /// The zone of these days.
    zone: String,
    by: By,
    /// How many codes a wallet has, and how many are counted. Null for a code and a campaign.
    codes: Option<CodeCount>,
    /// From `from` to `to`.
    totals: SpanNumbers,
    /// Since the beginning. Visitors and clicks older than rollups are kept are among them.
    all_time: SpanNumbers,
    /// The 7 days in the zone that end with today.
    last_7_days: SpanNumbers,
    /// The 7 days before.
    previous_7_days: SpanNumbers,
    /// The 30 days in the zone that end with today.
    last_30_days: SpanNumbers,
    /// The 30 days before.
    previous_30_days: SpanNumbers,
    /// From `from` to `to`, without a hole.
    series: Vec<SeriesPart>,
    /// People's clicks by `utm_source`, else by `src`; null if the link had neither. The days of this and
    /// of the next three are UTC days.
    by_source: Breakdown,
    /// By phone, tablet, desktop or other; null for clicks from before devices were noted.
    by_device: Breakdown,
    /// By country, ISO 3166-1 alpha-2; null if no proxy has said it.
    by_country: Breakdown,
    /// The codes of a campaign.
    by_code: Breakdown,
    /// The wallet's codes with the most conversions from `from` to `to`, then with the most clicks of
    /// people, at most 10; of a campaign those with the most clicks of people, as `by_code` has them.
    top_codes: Vec<TopCode>,
    /// The ten newest conversions with their transactions.
    newest_conversions: Vec<ConversionAnswer>,
    /// The numbers hold everything confirmed up to this slot.
    as_of_slot: Option<i64>,
}

/// The codes of a wallet.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CodeCount {
    total: i64,
    /// At most 50, the newest.
    counted: i64,
}

/// A part of a series.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SeriesPart {
    /// Its first day, YYYY-MM-DD.
    from: String,
    /// Its last day.
    to: String,
    #[serde(flatten)]
    numbers: SpanNumbers,
}

/// Clicks, conversions and rewards of a span of time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SpanNumbers {
    clicks: SpanClicks,
    /// Confirmed and finalized, without cancelled ones, by the time of the conversion.
    conversions: i64,
    /// Conversions for each click of people; null without such clicks.
    conversion_rate: Option<f64>,
    /// The rewards of these conversions for the owners of the codes, one entry a token. Parts of referees and
    /// partners are not among them.
    rewards: Vec<SpanRewards>,
}

/// Clicks in a span of time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SpanClicks {
    total: i64,
    /// Those that are neither bots' nor suspicious.
    people: i64,
    bots: i64,
    suspicious: i64,
    /// Visitors without bots, when a code first saw them on a day (UTC).
    visitors: i64,
}

/// Rewards in one token, in its base units as decimal strings.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SpanRewards {
    mint: String,
    decimals: Option<i16>,
    /// Paid so far.
    paid: String,
    /// Owed now.
    pending: String,
    /// Both for each click of people, rounded down; null without such clicks.
    per_click: Option<String>,
}

/// People's clicks by one property: the ten values with the most.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Breakdown {
    values: Vec<ValueClicks>,
    /// All other values together. Of a day's sources and codes, those with few clicks are here when there are
    /// more than 50 and 1,000.
    other: i64,
}

/// People's clicks with one value.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ValueClicks {
    /// Null if the click did not say it.
    value: Option<String>,
    clicks: i64,
}

/// A code that does well.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TopCode {
    code: String,
    campaign: String,
    /// Clicks of people.
    clicks: i64,
    /// Null where only clicks are counted by code.
    conversions: Option<i64>,
}

/// The numbers that the database has found.
pub(super) struct Found {
    pub(super) span: Span,
    pub(super) parts: Vec<Part>,
    /// How many codes the wallet has.
    pub(super) codes: Option<i64>,
    pub(super) subjects: Vec<Subject>,
    pub(super) series: Vec<Numbers>,
    /// In the spans between the bounds of [`Span::windows`].
    pub(super) windows: Vec<Numbers>,
    pub(super) all_time: Numbers,
    pub(super) shares: Vec<Share>,
    pub(super) by_code: Vec<OfSubject>,
    pub(super) newest: Vec<Conversion>,
    pub(super) as_of_slot: Option<i64>,
}

impl AnalyticsAnswer {
    pub(super) fn new(found: Found) -> Self {
        let decimals: BTreeMap<&str, Option<i16>> = found
            .subjects
            .iter()
            .filter_map(|of| Some((of.mint.as_deref()?, of.decimals)))
            .collect();
        let sum = |spans: &[Numbers]| {
            let mut sum = Numbers::default();
            for span in spans {
                sum.add(span);
            }
            SpanNumbers::new(&sum, &decimals)
        };
        let window = |from: usize, to: usize| sum(found.windows.get(from..to).unwrap_or_default());
        let series = found.parts.iter().zip(&found.series);
        let series = series.map(|((from, to), numbers)| SeriesPart {
            from: from.to_string(),
            to: to.to_string(),
            numbers: SpanNumbers::new(numbers, &decimals),
        });
        let breakdown = |dimension| Breakdown::new(&found.shares, dimension);
        let by_code = breakdown("code");
        let top_codes = if found.codes.is_some() {
            of_wallet(&found.by_code, &found.subjects)
        } else {
            of_campaign(&by_code, &found.subjects)
        };
        let counted = found.codes.map(|codes| codes.min(CODES));
        Self {
            from: found.span.first.to_string(),
            to: found.span.last.to_string(),
            zone: found.span.zone_name.clone(),
            by: found.span.by,
            codes: found
                .codes
                .zip(counted)
                .map(|(total, counted)| CodeCount { total, counted }),
            totals: sum(&found.series),
            all_time: SpanNumbers::new(&found.all_time, &decimals),
            previous_30_days: window(0, 1),
            last_30_days: window(1, 4),
            previous_7_days: window(2, 3),
            last_7_days: window(3, 4),
            series: series.collect(),
            by_source: breakdown("source"),
            by_device: breakdown("device"),
            by_country: breakdown("country"),
            by_code,
            top_codes,
            newest_conversions: found
                .newest
                .into_iter()
                .map(ConversionAnswer::from)
                .collect(),
            as_of_slot: found.as_of_slot,
        }
    }
}

fn of_wallet(by_code: &[OfSubject], subjects: &[Subject]) -> Vec<TopCode> {
    let most = usize::try_from(NAMED).unwrap_or_default();
    let named = by_code.iter().take(most).filter_map(|of| {
        let subject = subjects
            .iter()
            .find(|subject| subject.address == of.address)?;
        Some(TopCode {
            code: subject.code.clone(),
            campaign: subject.campaign.clone(),
            clicks: of.people,
            conversions: Some(of.conversions),
        })
    });
    named.collect()
}

fn of_campaign(by_code: &Breakdown, subjects: &[Subject]) -> Vec<TopCode> {
    let campaign = subjects.first().map_or("", |subject| &subject.campaign);
    let named = by_code.values.iter().filter_map(|of| {
        Some(TopCode {
            code: of.value.clone()?,
            campaign: campaign.to_owned(),
            clicks: of.clicks,
            conversions: None,
        })
    });
    named.collect()
}

impl SpanNumbers {
    fn new(numbers: &Numbers, decimals: &BTreeMap<&str, Option<i16>>) -> Self {
        let people = numbers.people();
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        let conversion_rate = (people > 0).then(|| numbers.conversions as f64 / people as f64);
        let clicks = u128::try_from(people).unwrap_or_default();
        let rewards = numbers.rewards.iter().map(|(mint, rewards)| SpanRewards {
            mint: mint.clone(),
            decimals: decimals.get(mint.as_str()).copied().flatten(),
            paid: rewards.paid.to_string(),
            pending: rewards.pending.to_string(),
            per_click: rewards
                .paid
                .saturating_add(rewards.pending)
                .checked_div(clicks)
                .map(|units| units.to_string()),
        });
        Self {
            clicks: SpanClicks {
                total: numbers.clicks,
                people,
                bots: numbers.bots,
                suspicious: numbers.suspicious,
                visitors: numbers.visitors,
            },
            conversions: numbers.conversions,
            conversion_rate,
            rewards: rewards.collect(),
        }
    }
}

impl Breakdown {
    fn new(shares: &[Share], dimension: &str) -> Self {
        let of_dimension = || shares.iter().filter(|share| share.dimension == dimension);
        let values = of_dimension().filter_map(|share| {
            let value = share.value.as_deref()?;
            Some(ValueClicks {
                value: (!value.is_empty()).then(|| value.to_owned()),
                clicks: share.clicks,
            })
        });
        let other = of_dimension().filter(|share| share.value.is_none());
        Self {
            values: values.collect(),
            other: other.map(|share| share.clicks).sum(),
        }
    }
}
