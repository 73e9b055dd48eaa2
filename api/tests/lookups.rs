//! Look-ups of an order, a wallet, a transaction and a click.

mod common;

use common::{
    ALICE, Api, BOB, CAMPAIGN, OFF_CURVE, OTHER_CAMPAIGN, campaign, conversion, progress, referral,
};
use serde_json::{Value, json};
use solana_sdk::pubkey::Pubkey;
use sqlx::PgPool;
use vouch_client::{
    accounts::{AccountType as _, Campaign, Proof, Uniqueness, VERSION},
    pda,
};
use vouch_localnet::{Database, Postgres};

/// 64 bytes in base58.
const SIGNATURE: &str =
    "99eUso3aSbE9tqGSTXzo3TLfKb9RkMTURrHKQ1K7Zh3BbeqPevr5E1iCbpTjqHuTFLtfxTTD5ekfVuZFzQyEQf8";

async fn run(pool: &PgPool, sql: &str) {
    sqlx::query(sql).execute(pool).await.unwrap();
}

/// A call of a transaction of its own, which failed with this error, or succeeded.
async fn call(
    pool: &PgPool,
    name: &str,
    wallet: &str,
    conversion: Option<&str>,
    error: Option<i64>,
) {
    sqlx::query(
        "WITH t AS (
             INSERT INTO transactions (seq, slot, block_time, signature, succeeded,
                 failed_instruction, error_code)
             SELECT COALESCE(max(seq), 0) + 1, 9, 1700000000, 'attempt-' || COALESCE(max(seq), 0) + 1,
                 $4::bigint IS NULL, CASE WHEN $4 IS NOT NULL THEN 0 END, $4
             FROM transactions RETURNING seq
         )
         INSERT INTO calls (seq, instruction, inner_index, name, campaign, referral, conversion, wallet)
         SELECT seq, 0, -1, $1, $5, $6, $3, $2 FROM t",
    )
    .bind(name)
    .bind(wallet)
    .bind(conversion)
    .bind(error)
    .bind(CAMPAIGN)
    .bind(format!("referral-STARTER7-{CAMPAIGN}"))
    .execute(pool)
    .await
    .unwrap();
}

async fn world() -> (Database, PgPool, Api) {
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    campaign(&pool, CAMPAIGN).await;
    referral(&pool, CAMPAIGN, "STARTER7", ALICE, 1_700_000_000).await;
    progress(&pool, 20, 9).await;
    let api = Api::start(database.url()).await.ready().await;
    (database, pool, api)
}

/// The bytes of a campaign that counts orders for which an attestor vouches.
fn attested() -> Vec<u8> {
    let mut account: Campaign = borsh::from_slice(&[0; Campaign::SIZE - 8]).unwrap();
    account.version = VERSION;
    account.uniqueness = Uniqueness::Order;
    account.proof = Proof::Attested;
    let mut data = Campaign::DISCRIMINATOR.to_vec();
    borsh::to_writer(&mut data, &account).unwrap();
    data
}

#[tokio::test]
async fn conversions_are_found_by_order_reference_wallet_and_transaction() {
    // Given two conversions, one of the order 4711
    let (_database, pool, api) = world().await;
    conversion(&pool, BOB, 1_700_000_100, 9).await;
    conversion(&pool, ALICE, 1_700_000_200, 11).await;
    // SHA-256 of 4711
    let reference = "de650d61f5bd166a91f8ccec3158297db18b9d50eaedca238cd29dc3a214a916";
    run(
        &pool,
        &format!("UPDATE conversions SET reference = decode('{reference}', 'hex') WHERE address = '{ALICE}'"),
    )
    .await;
    run(
        &pool,
        &format!(
            "UPDATE transactions SET signature = '{SIGNATURE}' WHERE signature = 'signature-9'"
        ),
    )
    .await;
    let found = async |query: &str| -> Vec<String> {
        let answer = api.get(&format!("/v1/conversions?{query}")).await;
        assert_eq!(answer.status, 200, "{query} {}", answer.text);
        let conversions = answer.json()["conversions"].clone();
        let addresses = conversions.as_array().unwrap().iter();
        addresses
            .map(|one| one["address"].as_str().unwrap().to_owned())
            .collect()
    };
    // Then each look-up finds its own, and nothing else
    assert_eq!(found("order=4711").await, [ALICE]);
    assert_eq!(found(&format!("reference={reference}")).await, [ALICE]);
    assert_eq!(
        found(&format!("order=4711&campaign={CAMPAIGN}")).await,
        [ALICE]
    );
    assert_eq!(found("order=4712").await, [""; 0]);
    assert_eq!(found(&format!("order=4711&wallet={ALICE}")).await, [""; 0]);
    assert_eq!(found(&format!("wallet={BOB}")).await, [ALICE, BOB]);
    assert_eq!(found(&format!("signature={SIGNATURE}")).await, [BOB]);
    // And what is no look-up is refused
    let both = format!("order=1&reference={reference}");
    let long = format!("order={}", "1".repeat(257));
    let twice = format!("wallet={BOB}&referee={BOB}");
    for (query, code) in [
        (both.as_str(), "invalid_query"),
        (&long, "invalid_query"),
        ("order=", "invalid_query"),
        (&twice, "invalid_query"),
        ("reference=12", "invalid_reference"),
        ("signature=12", "invalid_signature"),
        ("wallet=12", "invalid_address"),
    ] {
        let answer = api.get(&format!("/v1/conversions?{query}")).await;
        assert_eq!(answer.refusal(), (400, code.to_owned()), "{query}");
    }
}

#[tokio::test]
async fn conversions_of_a_campaign_are_found_by_how_they_stand() {
    // Given two conversions within their holds, of which the newer one's ends first, two that are due, and
    // one of each end
    const HOUR: i64 = 3600;
    let (_database, pool, api) = world().await;
    let now = i64::try_from(
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs(),
    )
    .unwrap();
    let address = |byte: u8| Pubkey::new_from_array([byte; 32]).to_string();
    for (byte, matures_at, status) in [
        (1, now + 48 * HOUR, "pending"),
        (2, now + 24 * HOUR, "pending"),
        (3, now - 24 * HOUR, "pending"),
        (4, now - 48 * HOUR, "pending"),
        (5, now - 24 * HOUR, "paid"),
        (6, now - 24 * HOUR, "cancelled"),
        (7, now - 24 * HOUR, "lapsed"),
        (8, now - 24 * HOUR, "paid"),
    ] {
        let at = 1_700_000_000 + i64::from(byte);
        conversion(&pool, &address(byte), at, i64::from(byte)).await;
        let change = "UPDATE conversions SET matures_at = $2, status = $3,
                 settled = CASE WHEN $3::text = 'pending' THEN 0 ELSE 7 END WHERE address = $1";
        sqlx::query(change)
            .bind(address(byte))
            .bind(matures_at)
            .bind(status)
            .execute(&pool)
            .await
            .unwrap();
    }
    // And one in its hold that is worth nothing, one after it, and one without a hold, made by a clock that is ahead
    for (byte, matures_at, converted_at, settled) in [
        (9, now + 72 * HOUR, now, 7),
        (10, now - 72 * HOUR, now - 96 * HOUR, 7),
        (11, now + HOUR, now + HOUR, 0),
    ] {
        conversion(&pool, &address(byte), converted_at, i64::from(byte)).await;
        let change = "UPDATE conversions SET matures_at = $2, settled = $3, status = 'pending'
             WHERE address = $1";
        sqlx::query(change)
            .bind(address(byte))
            .bind(matures_at)
            .bind(settled)
            .execute(&pool)
            .await
            .unwrap();
    }
    let page = async |query: &str| -> (Vec<String>, Value) {
        let path = format!("/v1/conversions?campaign={CAMPAIGN}&{query}");
        let answer = api.get(&path).await;
        assert_eq!(answer.status, 200, "{query} {}", answer.text);
        let mut answer = answer.json();
        let found = answer["conversions"].as_array().unwrap().iter();
        let found = found.map(|one| one["address"].as_str().unwrap().to_owned());
        (found.collect(), answer["next_cursor"].take())
    };
    for (status, found) in [
        ("held", &[2, 1, 9][..]),
        ("waiting", &[4, 3]),
        ("paid", &[8, 5]),
        ("cancelled", &[6]),
        ("lapsed", &[7]),
    ] {
        // Then each has its own, those first whose hold ends first, the others newest first
        let wanted: Vec<String> = found.iter().map(|byte| address(*byte)).collect();
        let (all, next) = page(&format!("status={status}")).await;
        assert_eq!((all, next), (wanted.clone(), Value::Null), "{status}");
        // And so in pages of one
        let mut read = Vec::new();
        let mut query = format!("status={status}&limit=1");
        for _ in found {
            let (one, next) = page(&query).await;
            read.extend(one);
            query = match next.as_str() {
                Some(next) => format!("status={status}&limit=1&cursor={next}"),
                None => break,
            };
        }
        assert_eq!(read, wanted, "{status}");
    }
    // And a place in one order is none in the other
    for (from, to) in [("held", "paid"), ("paid", "held"), ("waiting", "")] {
        let (_, next) = page(&format!("status={from}&limit=1")).await;
        let next = next.as_str().unwrap();
        let status = if to.is_empty() {
            String::new()
        } else {
            format!("&status={to}")
        };
        let path = format!("/v1/conversions?campaign={CAMPAIGN}{status}&cursor={next}");
        let refusal = api.get(&path).await.refusal();
        assert_eq!(refusal, (400, "invalid_query".to_owned()), "{from} {to}");
    }
    // And what cannot be answered fast, or is no status, is refused
    let of = format!("campaign={CAMPAIGN}&status=held");
    for (query, field) in [
        ("status=held".to_owned(), "status"),
        (format!("campaign={CAMPAIGN}&status=pending"), "status"),
        (format!("campaign={CAMPAIGN}&status="), "status"),
        (format!("campaign={CAMPAIGN}&status=Held"), "status"),
        (format!("{of}&code=STARTER7"), "status"),
        (format!("{of}&wallet={BOB}"), "status"),
        (format!("{of}&order=4711"), "status"),
        (format!("{of}&signature={SIGNATURE}"), "status"),
    ] {
        let answer = api.get(&format!("/v1/conversions?{query}")).await;
        assert_eq!(
            answer.refusal(),
            (400, "invalid_query".to_owned()),
            "{query}"
        );
        assert_eq!(answer.json()["field"], field, "{query}");
    }
    let answer = api
        .get(&format!(
            "/v1/conversions?campaign={OTHER_CAMPAIGN}&status=held"
        ))
        .await;
    assert_eq!(answer.refusal(), (404, "campaign_not_found".to_owned()));
}

#[tokio::test]
async fn one_answer_says_why_a_wallet_or_an_order_was_credited_or_not() {
    let (_database, pool, api) = world().await;
    let why = async |query: &str| -> Value {
        let answer = api
            .get(&format!("/v1/why?campaign={CAMPAIGN}&{query}"))
            .await;
        assert_eq!(answer.status, 200, "{query} {}", answer.text);
        answer.json()
    };
    let of_bob = format!("wallet={BOB}");
    // Given a wallet that has done nothing, then that is the answer
    let nothing = why(&of_bob).await;
    assert_eq!(
        (
            &nothing["credited"],
            &nothing["reason"],
            &nothing["attempts"]
        ),
        (&json!(false), &json!("no_attempt"), &json!([]))
    );
    // When it binds itself to a code, then that is its touch
    call(&pool, "bind", BOB, None, None).await;
    let touched = why(&of_bob).await;
    assert_eq!(touched["reason"], "touched");
    assert_eq!(touched["touch"]["code"], "STARTER7");
    assert_eq!(touched["touch"]["signature"], "attempt-1");
    // When its conversion is refused by the program, then its error is the reason
    call(&pool, "convert", BOB, Some(BOB), Some(6001)).await;
    let expected = vouch_client::ProgramError::from_code(6001).unwrap();
    let refused = why(&of_bob).await;
    assert_eq!(refused["reason"], expected.snake_name());
    assert_eq!(refused["message"], expected.message());
    assert_eq!(refused["credited"], false);
    let last = &refused["attempts"][0];
    assert_eq!(
        json!([
            last["instruction"],
            last["succeeded"],
            last["error"],
            last["signature"],
            last["commitment"]
        ]),
        json!([
            "convert",
            false,
            expected.snake_name(),
            "attempt-2",
            "finalized"
        ])
    );
    assert_eq!(refused["attempts"].as_array().unwrap().len(), 2);
    assert_eq!(refused["touch"]["signature"], "attempt-1");
    // When it fails in another program, then the program has said nothing
    call(&pool, "convert", BOB, Some(BOB), None).await;
    run(
        &pool,
        "UPDATE transactions SET succeeded = false, failed_instruction = 1, error_code = 6001 WHERE seq = 3",
    )
    .await;
    let failed = why(&of_bob).await;
    assert_eq!(failed["reason"], "failed");
    assert_eq!(failed["attempts"][0]["error"], Value::Null);
    // And others have not tried
    assert_eq!(
        why(&format!("wallet={ALICE}")).await["reason"],
        "no_attempt"
    );
    // When it converts, then it is credited, with the transaction
    conversion(&pool, BOB, 1_700_000_100, 9).await;
    let credited = why(&of_bob).await;
    assert_eq!(
        json!([
            credited["credited"],
            credited["reason"],
            credited["conversion"]["code"],
            credited["conversion"]["signature"],
            credited["counts_once"]
        ]),
        json!([true, "credited", "STARTER7", "signature-9", "wallet"])
    );
    // And when that is cancelled, it is not
    run(&pool, "UPDATE conversions SET status = 'cancelled'").await;
    let cancelled = why(&of_bob).await;
    assert_eq!(
        (&cancelled["credited"], &cancelled["reason"]),
        (&json!(false), &json!("cancelled"))
    );
    // Given a campaign that counts orders for which an attestor vouches, whose order 7 was refused
    let data = attested();
    sqlx::query("UPDATE campaigns SET data = $1, uniqueness = 'order', proof = 'attested'")
        .bind(&data)
        .execute(&pool)
        .await
        .unwrap();
    let terms = Campaign::decode(&data).unwrap().terms();
    let reference: Vec<u8> = sqlx::query_scalar("SELECT sha256('7')")
        .fetch_one(&pool)
        .await
        .unwrap();
    let reference = reference.try_into().unwrap();
    // The attestor's word is for the order alone: neither wallet nor code is part of the address.
    let any = CAMPAIGN.parse().unwrap();
    let key = terms.conversion_key(&any, &any, &reference);
    let address = pda::conversion(&CAMPAIGN.parse().unwrap(), &key).to_string();
    call(&pool, "convert", ALICE, Some(&address), Some(6001)).await;
    // Then the order alone says why, and who has tried
    let order = why("order=7").await;
    assert_eq!(order["reason"], expected.snake_name());
    assert_eq!(order["attempts"][0]["wallet"], ALICE);
    assert_eq!(order["counts_once"], "order");
    assert_eq!(why("order=8").await["reason"], "no_attempt");
    // And what names nothing is refused
    for (query, status, code) in [
        (format!("campaign={CAMPAIGN}"), 400, "invalid_query"),
        (format!("wallet={BOB}"), 400, "invalid_query"),
        (
            format!("campaign={OTHER_CAMPAIGN}&wallet={BOB}"),
            404,
            "campaign_not_found",
        ),
        (
            format!("campaign={CAMPAIGN}&wallet=x"),
            400,
            "invalid_address",
        ),
    ] {
        let answer = api.get(&format!("/v1/why?{query}")).await;
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{query}");
    }
}

#[tokio::test]
async fn the_id_that_a_landing_page_gets_finds_its_click_and_no_other() {
    // Given somebody who follows a link
    let (_database, _pool, api) = world().await;
    let id = api.get("/r/STARTER7?src=qr").await.target("click_id");
    let path = format!("/v1/clicks/{id}");
    // Then the id says which code it was, and nothing about the visitor
    let click = api.until(&path, |answer| answer.status == 200).await.json();
    assert_eq!(
        json!([
            click["code"],
            click["campaign"],
            click["verdict"],
            click["source"],
            click["id"]
        ]),
        json!(["STARTER7", CAMPAIGN, "human", "qr", id])
    );
    let mut fields: Vec<_> = click.as_object().unwrap().keys().collect();
    fields.sort();
    assert_eq!(
        fields,
        [
            "campaign",
            "clicked_at",
            "code",
            "id",
            "referral",
            "source",
            "verdict",
            "verdict_reason"
        ]
    );
    // And other ids find nothing
    for other in [
        "019b0000-0000-7000-8000-000000000000",
        "00000000-0000-0000-0000-000000000000",
        OFF_CURVE,
        "x",
    ] {
        let answer = api.get(&format!("/v1/clicks/{other}")).await;
        assert_eq!(
            answer.refusal(),
            (404, "click_not_found".to_owned()),
            "{other}"
        );
    }
}
