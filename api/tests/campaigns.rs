//! A campaign in the API's answers, and the list of an authority's campaigns.

mod common;

use common::{ALICE, Api, BOB, CAMPAIGN, OTHER_CAMPAIGN, campaign, referral};
use serde_json::{Value, json};
use sqlx::PgPool;
use vouch_client::{
    Pubkey,
    accounts::{AccountType, Bonus, Campaign, Proof, Settings, Tier, VERSION},
};
use vouch_localnet::Postgres;

/// An address of these bytes.
fn address(byte: u8) -> Pubkey {
    Pubkey::new_from_array([byte; 32])
}

/// A campaign's account without anything that is set.
fn empty() -> Campaign {
    let mut account: Campaign = borsh::from_slice(&[0; Campaign::SIZE - 8]).unwrap();
    account.version = VERSION;
    account
}

/// Gives every campaign this account.
async fn set_account(pool: &PgPool, account: &Campaign) {
    let mut data = Campaign::DISCRIMINATOR.to_vec();
    borsh::to_writer(&mut data, account).unwrap();
    sqlx::query("UPDATE campaigns SET data = $1")
        .bind(data)
        .execute(pool)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_campaign_shows_the_settings_that_are_in_force() {
    // Given a code of a campaign that has announced new settings
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    campaign(&pool, CAMPAIGN).await;
    referral(&pool, CAMPAIGN, "STARTER7", ALICE, 1_700_000_000).await;
    let announce = async |next_from: i64| {
        let mut account = empty();
        account.next_from = next_from;
        account.next = Settings {
            ends_at: 2,
            ..Settings::percent(1_000, 7)
        };
        set_account(&pool, &account).await;
    };
    let api = Api::start(database.url()).await.ready().await;
    let path = format!("/v1/campaigns/{CAMPAIGN}");
    let validate = "/v1/codes/STARTER7/validate";
    // When their time has not come, then the answers use the old settings
    announce(i64::MAX).await;
    let old = api.get(&path).await.json();
    assert_eq!(old["reward"]["kind"], "fixed");
    assert_eq!(old["ends_at"], Value::Null);
    assert_eq!(api.get(validate).await.json()["valid"], true);
    // When it has come, then they use the new ones, also in the list
    announce(1).await;
    let new = api.get(&path).await.json();
    let reward = json!({ "kind": "percent", "fixed": "0", "bps": 1_000, "max": "7" });
    assert_eq!(new["reward"], reward);
    assert_eq!(new["ends_at"], "1970-01-01T00:00:02Z");
    let all = api.get("/v1/campaigns").await.json();
    assert_eq!(all["campaigns"], json!([new]));
    let answer = api.get(validate).await.json();
    assert_eq!(answer["reason"], "campaign_ended");
}

#[tokio::test]
async fn a_campaign_shows_all_of_its_terms_and_the_announced_ones() {
    // Given a campaign with every setting, that has announced a lower reward
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    campaign(&pool, CAMPAIGN).await;
    let mut account = empty();
    account.notice_seconds = 86_400;
    account.committed = 70;
    account.owed = 30;
    account.vault = address(1);
    account.proof = Proof::Payment;
    account.payment_mint = address(2);
    account.settings = Settings {
        min_amount: 3,
        referee_share_bps: 400,
        referee_fixed: 5,
        max_partner_share_bps: 600,
        max_partner_fixed: 7,
        owner_limit: 8,
        hold_seconds: 9,
        attribution_window: 10,
        gate_credential: address(3),
        gate_schema: address(4),
        budget: 11,
        attested_codes: true,
        attestor: address(5),
        treasury: address(6),
        ..Settings::percent(1_000, 7)
    };
    account.settings.tiers[0] = Tier {
        min_conversions: 25,
        multiplier_bps: 11_000,
    };
    account.settings.bonuses[1] = Bonus {
        threshold: 50,
        amount: 1_000_000,
    };
    account.next = Settings {
        budget: 12,
        ..Settings::percent(500, 7)
    };
    account.next_from = 4_102_444_800;
    set_account(&pool, &account).await;
    let api = Api::start(database.url()).await.ready().await;
    // When it is shown, then with all of them
    let path = format!("/v1/campaigns/{CAMPAIGN}");
    let shown = api.get(&path).await.json();
    let rules = json!({
        "hold_seconds": 9,
        "notice_seconds": 86_400,
        "referee_share_bps": 400,
        "referee_fixed": "5",
        "max_partner_share_bps": 600,
        "max_partner_fixed": "7",
        "min_amount": "3",
        "attribution_window": 10,
        "owner_limit": "8",
        "tiers": [{ "min_conversions": "25", "multiplier_bps": 11_000 }],
        "bonuses": [{ "threshold": "50", "amount": "1000000" }],
        "budget": "11",
        "committed": "70",
        "owed": "30",
        "credential_required": true,
        "credential": { "issuer": address(3).to_string(), "schema": address(4).to_string() },
        "attestor": address(5).to_string(),
        "attested_codes": true,
        "treasury": address(6).to_string(),
        "varies": true,
    });
    assert_eq!(shown["rules"], rules);
    assert_eq!(shown["payment_mint"], address(2).to_string());
    assert_eq!(shown["program"], vouch_client::PROGRAM_ID.to_string());
    // And with the announced ones, and the moment from which they apply
    let announced = &shown["announced"];
    assert_eq!(announced["takes_effect_at"], "2100-01-01T00:00:00Z");
    let reward = json!({ "kind": "percent", "fixed": "0", "bps": 500, "max": "7" });
    assert_eq!(announced["reward"], reward);
    assert_eq!(announced["rules"]["budget"], "12");
    assert_eq!(announced["rules"]["tiers"], json!([]));
    assert_eq!(announced["rules"]["attestor"], Value::Null);
    assert_eq!(announced["ends_at"], Value::Null);
    // And without what nobody has seen of its vault
    let vault = json!({ "address": address(1).to_string(), "seen": null });
    assert_eq!(shown["vault"], vault);
    // When the keeper has seen it, then with what it holds
    sqlx::query(
        "INSERT INTO vaults (campaign, balance, owed, next_reward, slot, short_since)
         VALUES ($1, 18446744073709551615, 30, 3, 9, '2026-01-02 03:04:05Z')",
    )
    .bind(CAMPAIGN)
    .execute(&pool)
    .await
    .unwrap();
    let seen = json!({
        "balance": "18446744073709551615",
        "owed": "30",
        "next_reward": "3",
        "short_since": "2026-01-02T03:04:05Z",
        "slot": 9,
    });
    let shown = api.get(&path).await.json();
    assert_eq!(shown["vault"]["seen"], seen);
    // When it is paid in SOL, whose mint is the default address, then that is not nothing
    account.payment_mint = Pubkey::default();
    set_account(&pool, &account).await;
    let shown = api.get(&path).await.json();
    assert_eq!(shown["payment_mint"], Pubkey::default().to_string());
    // When payments are no proof, then there is no mint of them
    account.proof = Proof::Open;
    set_account(&pool, &account).await;
    let shown = api.get(&path).await.json();
    assert_eq!(shown["payment_mint"], Value::Null);
    // When the moment has come, then the announced terms are in force, and nothing is announced
    account.next_from = 1;
    set_account(&pool, &account).await;
    let shown = api.get(&path).await.json();
    assert_eq!(shown["announced"], Value::Null);
    assert_eq!(shown["rules"]["budget"], "12");
    assert_eq!(shown["reward"]["bps"], 500);
}

#[tokio::test]
async fn an_authority_lists_its_own_campaigns_page_by_page() {
    // Given five campaigns of Alice and two of Bob, each a second newer
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    let addresses: Vec<String> = (1..=7).map(|byte| address(byte).to_string()).collect();
    for (age, address) in addresses.iter().enumerate() {
        campaign(&pool, address).await;
        let authority = if age % 3 == 1 { BOB } else { ALICE };
        sqlx::query(
            "UPDATE campaigns SET authority = $2, created_at = created_at + $3 WHERE address = $1",
        )
        .bind(address)
        .bind(authority)
        .bind(i64::try_from(age).unwrap())
        .execute(&pool)
        .await
        .unwrap();
    }
    let api = Api::start(database.url()).await.ready().await;
    let list = async |query: String| {
        let answer = api.get(&format!("/v1/campaigns?{query}")).await.json();
        let found = answer["campaigns"].as_array().unwrap().iter();
        let found: Vec<String> = found
            .map(|campaign| campaign["address"].as_str().unwrap().to_owned())
            .collect();
        (found, answer["next_cursor"].as_str().map(str::to_owned))
    };
    // When Alice's are listed in pages of three, then all of hers come, the newest first
    let (first, cursor) = list(format!("authority={ALICE}&limit=3")).await;
    let cursor = cursor.unwrap();
    let (second, end) = list(format!("authority={ALICE}&limit=3&cursor={cursor}")).await;
    let expected = [6, 5, 3, 2, 0].map(|place: usize| addresses[place].clone());
    assert_eq!([first, second].concat(), expected);
    assert_eq!(end, None);
    // And a wallet without campaigns has none
    let nobody = list(format!("authority={OTHER_CAMPAIGN}")).await;
    assert_eq!(nobody, (Vec::new(), None));
    // And what is no address is refused
    let refusal = api.get("/v1/campaigns?authority=0OIl").await.refusal();
    assert_eq!(refusal, (400, "invalid_address".to_owned()));
}
