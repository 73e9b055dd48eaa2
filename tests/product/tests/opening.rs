//! The example of the Rust client that opens a campaign, on a real validator.

use std::fs;

use serde_json::{Value, json};
use solana_sdk::{
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
};
use tokio::process::Command;
use vouch_client::{
    accounts::{AccountType as _, Campaign, Conversion, Status},
    opening::NOTICE_SECONDS,
    pda, token,
};
use vouch_localnet::{Instance, built_binary};
use vouch_product_tests::{assert_history_explains_accounts, fund, validator};

#[tokio::test]
async fn the_example_opens_a_campaign_and_claims_its_first_reward() {
    // Given a validator with the program, and a wallet with SOL
    let instance = Instance::create("opening-test").expect("a folder");
    let (mut validator, rpc) = validator(&instance).await;
    let company = Keypair::new();
    fund(&rpc, &company.pubkey()).await;
    let file = instance.dir().join("company.json");
    let secret = json!(company.to_bytes().to_vec());
    fs::write(&file, secret.to_string()).expect("a file");

    // When the example runs
    let example = built_binary("examples/open_campaign").expect("the example is built");
    let output = Command::new(example)
        .arg(validator.rpc_url())
        .arg(&file)
        .output()
        .await
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let key = |field: &str| -> Pubkey {
        let text = said[field].as_str().expect("an address");
        text.parse().expect("an address")
    };

    // Then the campaign is as usual apart from what was chosen
    let data = rpc
        .get_account_data(&key("campaign"))
        .await
        .expect("it is there");
    let campaign = Campaign::decode(&data).expect("a campaign");
    assert_eq!(campaign.authority, company.pubkey());
    assert_eq!(campaign.notice_seconds, NOTICE_SECONDS);
    assert_eq!(campaign.settings.referee_share_bps, 2_000);
    // And the conversion is paid, four fifths to the referrer, out of the vault
    let data = rpc
        .get_account_data(&key("conversion"))
        .await
        .expect("it is there");
    let conversion = Conversion::decode(&data).expect("a conversion");
    assert_eq!(conversion.status, Status::Paid);
    let mut balances = Vec::new();
    for owner in [key("referrer"), key("referee"), key("campaign")] {
        let (account, _) = pda::associated_token(&owner, &key("mint"), &token::TOKEN_PROGRAM_ID);
        let data = rpc.get_account_data(&account).await.expect("it is there");
        balances.push(token::balance(&data));
    }
    assert_eq!(
        balances,
        [Some(4_000_000), Some(1_000_000), Some(995_000_000)]
    );
    // And all of it follows from the transactions alone [M12]
    assert_history_explains_accounts(&rpc).await;
    validator.stop().await.expect("it stops");
}
