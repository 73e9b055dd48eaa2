//! Messages against the examples of `docs/webhooks.md`, and the rules of budgets and rounds.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use time::OffsetDateTime;
use vouch_client::accounts::{Account, Settings};
use vouch_db::amount::Unsigned;

use super::*;

/// 2026-01-01 00:00:00 UTC.
const NEW_YEAR: i64 = 1_767_225_600;
const DAY: i64 = 86_400;

fn fact(kind: &str, slot: i64, signature: &str, time: i64) -> Fact {
    Fact {
        seq: 1,
        place: 0,
        kind: kind.to_owned(),
        campaign: "Campaign1".to_owned(),
        referral: Some("Referral1".to_owned()),
        code: Some("AZURE234".to_owned()),
        subject: None,
        wallet: None,
        units: None,
        detail: None,
        signature: signature.to_owned(),
        slot,
        block_time: time,
        referrer: None,
        partner: None,
        referee: None,
        action: None,
        amount: None,
        reference: None,
        reward_referrer: None,
        reward_referee: None,
        reward_partner: None,
        converted_at: None,
        matures_at: None,
        is_told: false,
        rounds: 0,
    }
}

fn sale() -> Fact {
    Fact {
        subject: Some("Conversion1".to_owned()),
        referrer: Some("Alice".to_owned()),
        partner: Some("Carol".to_owned()),
        referee: Some("Bob".to_owned()),
        action: Some("purchase".to_owned()),
        amount: Some(Unsigned(20_000_000)),
        reference: Some(vec![7; 32]),
        reward_referrer: Some(Unsigned(1_500_000)),
        reward_referee: Some(Unsigned(500_000)),
        reward_partner: Some(Unsigned(300_000)),
        converted_at: Some(NEW_YEAR),
        matures_at: Some(NEW_YEAR + 14 * DAY),
        ..fact("conversion_recorded", 300_000_001, "Sale1", NEW_YEAR)
    }
}

/// A campaign with a budget of 100 tokens and a reward of 5.
fn campaign(committed: u64, budget: u64) -> Vec<u8> {
    let account = Campaign {
        committed,
        settings: Settings {
            budget,
            ..Settings::fixed(5_000_000)
        },
        ..empty_campaign()
    };
    encoded(&account)
}

fn empty_campaign() -> Campaign {
    let bytes = vec![0; Campaign::SIZE - 8];
    let zeros: Campaign = borsh::from_slice(&bytes).expect("a campaign of zeros");
    Campaign {
        version: 1,
        ..zeros
    }
}

fn encoded(account: &Campaign) -> Vec<u8> {
    let mut bytes = Campaign::DISCRIMINATOR.to_vec();
    bytes.extend(borsh::to_vec(account).expect("bytes"));
    assert!(matches!(Account::decode(&bytes), Ok(Account::Campaign(_))));
    bytes
}

fn funded(data: Vec<u8>, slot: i64, signature: &str, time: i64) -> FundedCampaign {
    FundedCampaign {
        campaign: "Campaign1".to_owned(),
        seq: slot,
        signature: signature.to_owned(),
        slot,
        block_time: time,
        data,
        budget: None,
        told: None,
    }
}

fn moment(unix: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(unix).expect("a time")
}

fn short(since: i64) -> ShortVault {
    ShortVault {
        campaign: "Campaign1".to_owned(),
        balance: Unsigned(7_000_000),
        owed: Unsigned(4_000_000),
        next_reward: Unsigned(5_000_000),
        slot: 301_200_001,
        short_since: moment(since),
    }
}

fn kinds(writes: &Writes) -> Vec<&str> {
    writes
        .messages
        .iter()
        .map(|message| message.kind.as_str())
        .collect()
}

#[test]
fn the_examples_in_the_documentation_are_what_is_sent() {
    // Given the facts of the examples
    let confirmed = follow(
        &Seen {
            confirmed: vec![sale()],
            ..Seen::default()
        },
        Time(0),
    );
    let confirmed = confirmed.expect("messages");
    let sequence = confirmed.sequence;
    let confirmed = confirmed.messages;
    let told = Confirmation {
        signature: "Sale1".to_owned(),
        place: 0,
        slot: 300_000_001,
        round: 0,
        message: confirmed[0].id.clone(),
    };
    let code = |kind, signature| fact(kind, 300_200_001, signature, NEW_YEAR + DAY);
    let seen = Seen {
        cursor: 1,
        sequence,
        withdrawn: vec![Withdrawn {
            told,
            campaign: "Campaign1".to_owned(),
            payload: confirmed[0].payload.clone(),
        }],
        settled: vec![
            Fact {
                is_told: true,
                ..sale()
            },
            Fact {
                subject: Some("Conversion1".to_owned()),
                wallet: Some("Alice".to_owned()),
                units: Some(Unsigned(1_500_000)),
                detail: Some(
                    json!({ "part": "referrer", "account": "AliceTokens", "claimed": true }),
                ),
                ..fact("part_paid", 303_000_001, "Claim1", NEW_YEAR + 14 * DAY)
            },
            Fact {
                subject: Some("Conversion1".to_owned()),
                units: Some(Unsigned(2_300_000)),
                ..fact(
                    "conversion_cancelled",
                    300_500_001,
                    "Cancellation1",
                    NEW_YEAR + 2 * DAY,
                )
            },
            Fact {
                wallet: Some("Alice".to_owned()),
                detail: Some(json!({ "code": "AZURE234", "usage_limit": "100", "expires_at": 0 })),
                ..fact("code_created", 299_000_001, "Registration1", NEW_YEAR - DAY)
            },
            code("code_suspended", "Suspension1"),
            code("code_resumed", "Resumption1"),
            code("code_closed", "Closing1"),
        ],
        matured: vec![sale()],
        funded: vec![funded(
            campaign(80_000_000, 100_000_000),
            300_700_001,
            "Sale2",
            NEW_YEAR + 3 * DAY,
        )],
        milestones: Milestones {
            award: 1,
            reached: vec![Milestone {
                campaign: "Campaign1".to_owned(),
                referrer: "Alice".to_owned(),
                badge: "conversions_5".to_owned(),
                title: "Five referrals".to_owned(),
                threshold: 5,
                awarded_at: moment(NEW_YEAR + 15 * DAY),
            }],
        },
        short: vec![short(NEW_YEAR + 6 * DAY)],
        ..Seen::default()
    };
    let used_up = Seen {
        sequence: 13,
        funded: vec![FundedCampaign {
            budget: Some(Unsigned(100_000_000)),
            told: Some(80),
            ..funded(
                campaign(98_000_000, 100_000_000),
                300_900_001,
                "Sale3",
                NEW_YEAR + 4 * DAY,
            )
        }],
        ..Seen::default()
    };
    // When messages are made of them
    let first = confirmed.into_iter().map(|it| (it.kind, it.payload));
    let mut sent: BTreeMap<_, _> = first.collect();
    for seen in [seen, used_up] {
        for message in follow(&seen, Time(NEW_YEAR + 9))
            .expect("messages")
            .messages
        {
            assert_eq!(message.campaign, "Campaign1");
            assert_eq!(message.payload["type"], message.kind);
            let before = sent.insert(message.kind, message.payload);
            assert_eq!(before, None);
        }
    }
    // Then they are the examples, one of each type
    let page = include_str!("../../../docs/webhooks.md");
    let mut examples = BTreeMap::new();
    for block in page.split("```json\n").skip(1) {
        let (text, _) = block.split_once("```").expect("an end");
        let example: Value = serde_json::from_str(text).expect("JSON");
        let kind = example["type"].as_str().expect("a type").to_owned();
        assert!(examples.insert(kind, example).is_none());
    }
    assert_eq!(sent, examples);
    let types: Vec<_> = examples.into_keys().collect();
    let mut all: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    all.sort_unstable();
    assert_eq!(types, all);
}

#[test]
fn what_is_final_was_confirmed() {
    let seen = |fact: Fact| Seen {
        cursor: 7,
        settled: vec![fact],
        ..Seen::default()
    };
    // A conversion that was never told as confirmed is, together with its finality.
    let writes = follow(&seen(sale()), Time(0)).expect("messages");
    assert_eq!(kinds(&writes), ["conversion.confirmed", "conversion.final"]);
    assert_eq!(writes.cursor, 7);
    assert_eq!(writes.settled, [("Sale1".to_owned(), 0)]);
    assert_eq!(writes.maturing.len(), 1);
    let first = writes.messages[0].id.clone();
    // One that was told is not told again.
    let told = Fact {
        is_told: true,
        rounds: 1,
        ..sale()
    };
    let writes = follow(&seen(told), Time(0)).expect("messages");
    assert_eq!(kinds(&writes), ["conversion.final"]);
    // One that was told, and retracted, is told again under another id.
    let retracted = Fact {
        rounds: 1,
        // Without a hold it does not mature later.
        matures_at: Some(NEW_YEAR),
        ..sale()
    };
    let writes = follow(&seen(retracted), Time(0)).expect("messages");
    assert_eq!(kinds(&writes), ["conversion.confirmed", "conversion.final"]);
    assert_ne!(writes.messages[0].id, first);
    assert_eq!(writes.maturing, []);
}

#[test]
fn ids_differ_by_everything_that_makes_a_fact() {
    let kind = Kind::ConversionFinal;
    let all = [
        id(kind, "S", "0", 0),
        id(Kind::ConversionConfirmed, "S", "0", 0),
        id(kind, "T", "0", 0),
        id(kind, "S", "1", 0),
        id(kind, "S", "0", 1),
    ];
    for (index, one) in all.iter().enumerate() {
        assert_eq!(one.len(), 36);
        assert!(!all[..index].contains(one));
    }
    // They are the same for ever: receivers have kept them.
    assert_eq!(all[0], "msg_6dd32a7783a79574b27b111bed31073c");
}

#[test]
fn a_level_is_told_once_for_a_budget() {
    let look = |committed, budget, before: Option<(u64, i16)>| {
        let seen = Seen {
            funded: vec![FundedCampaign {
                budget: before.map(|(budget, _)| Unsigned(budget)),
                told: before.map(|(_, told)| told),
                ..funded(campaign(committed, budget), 1, "S", NEW_YEAR)
            }],
            ..Seen::default()
        };
        let writes = follow(&seen, Time(0)).expect("messages");
        let [note] = writes.budgets.as_slice() else {
            panic!("{writes:?}");
        };
        assert_eq!(note.budget, budget);
        let kinds: Vec<_> = kinds(&writes).into_iter().map(str::to_owned).collect();
        (kinds, note.told)
    };
    let nothing = Vec::<String>::new;
    let both = vec![
        "campaign.budget_80".to_owned(),
        "campaign.budget_100".to_owned(),
    ];
    // No budget, and one that is hardly used.
    assert_eq!(look(0, 0, None), (nothing(), 0));
    assert_eq!(look(79_999_999, 100_000_000, None), (nothing(), 0));
    assert_eq!(look(80_000_000, 100_000_000, None).1, 80);
    // The rest is worth one more conversion, and then none.
    assert_eq!(look(95_000_000, 100_000_000, None).1, 80);
    assert_eq!(look(95_000_001, 100_000_000, None), (both.clone(), 100));
    // It falls, and rises again.
    assert_eq!(
        look(10, 100_000_000, Some((100_000_000, 80))),
        (nothing(), 80)
    );
    assert_eq!(
        look(90_000_000, 100_000_000, Some((100_000_000, 80))),
        (nothing(), 80)
    );
    assert_eq!(
        look(u64::MAX, u64::MAX, Some((u64::MAX, 80))),
        (vec!["campaign.budget_100".to_owned()], 100)
    );
    // Another budget.
    assert_eq!(look(u64::MAX, u64::MAX, Some((1, 100))), (both, 100));
    assert_eq!(look(1, 2_000_000_000, Some((1, 100))), (nothing(), 0));
}

#[test]
fn a_row_that_lacks_something_stops_it() {
    let cut = Fact {
        wallet: None,
        detail: Some(json!({ "part": "referrer", "account": "A", "claimed": true })),
        subject: Some("Conversion1".to_owned()),
        units: Some(Unsigned(1)),
        ..fact("part_paid", 1, "S", NEW_YEAR)
    };
    let seen = Seen {
        settled: vec![cut],
        ..Seen::default()
    };
    let error = follow(&seen, Time(0)).expect_err("no recipient");
    assert_eq!(error.to_string(), "part_paid 1.0: no recipient");
}

#[test]
fn messages_are_numbered_in_their_order() {
    // Given a conversion, its code's suspension right after it, and levels that follow from both
    let seen = Seen {
        cursor: 9,
        sequence: 40,
        settled: vec![
            sale(),
            fact("code_suspended", 300_000_001, "Suspension1", NEW_YEAR),
        ],
        short: vec![short(NEW_YEAR)],
        ..Seen::default()
    };
    let writes = follow(&seen, Time(0)).expect("messages");
    let numbers: Vec<_> = writes
        .messages
        .iter()
        .map(|message| (message.kind.as_str(), message.payload["sequence"].as_i64()))
        .collect();
    assert_eq!(
        numbers,
        [
            ("conversion.confirmed", Some(41)),
            ("conversion.final", Some(42)),
            ("code.suspended", Some(43)),
            ("campaign.vault_short", Some(44)),
        ]
    );
    assert_eq!(writes.sequence, 44);
    assert_eq!(writes.short, [("Campaign1".to_owned(), moment(NEW_YEAR))]);
}

#[test]
fn each_shortage_and_each_milestone_has_an_id_of_its_own() {
    let one = shortage(&short(NEW_YEAR));
    // It stays the same while the vault changes
    let later = shortage(&ShortVault {
        balance: Unsigned(1),
        slot: 1,
        ..short(NEW_YEAR)
    });
    assert_eq!(one.id, later.id);
    assert_ne!(one.id, shortage(&short(NEW_YEAR + 1)).id);
    let reached = |referrer: &str, badge: &str, threshold| {
        let milestone = Milestone {
            campaign: "Campaign1".to_owned(),
            referrer: referrer.to_owned(),
            badge: badge.to_owned(),
            title: badge.to_owned(),
            threshold,
            awarded_at: moment(NEW_YEAR),
        };
        reach(&milestone).id
    };
    let first = reached("Alice", "conversions_1", 1);
    assert_ne!(first, reached("Alice", "conversions_5", 5));
    assert_ne!(first, reached("Bob", "conversions_1", 1));
}
