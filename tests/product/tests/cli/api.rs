//! Commands that need the API: keys, and conversions that are held.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::{Value, json};
use solana_sdk::signature::Keypair;
use vouch_client::accounts::{Settings, Status};
use vouch_product_tests::{REWARD, World, start_api, until};

use crate::home::Home;

#[tokio::test]
async fn a_company_makes_keys_and_reviews_what_is_held() {
    // Given a campaign with a held conversion, in the mirror
    let settings = Settings {
        hold_seconds: 600,
        ..Settings::fixed(REWARD)
    };
    let world = World::with(settings).await;
    let scene = &world.scene;
    let (conversion, _) = scene.convert().await;
    let sql = "SELECT count(*) FROM conversions";
    until("it is mirrored", async || world.number(sql).await == 1).await;
    let api = start_api(&world).await;
    let url = scene.validator.rpc_url();
    let mut company = Home::new(&scene.instance, &url, scene.company.insecure_clone());
    company.api = Some(api.url());
    let address = scene.campaign.to_string();

    // When it lists what is held, then it is there, and can be cancelled
    let held = company.json(&["review", &address]).await.ok();
    assert_eq!(held["held"][0]["address"], conversion.to_string());
    assert_eq!(held["held"].as_array().map(Vec::len), Some(1));
    company
        .sign(&["cancel", &conversion.to_string()])
        .await
        .ok();
    assert_eq!(scene.recorded(&conversion).await.status, Status::Cancelled);
    // And the share link of a code is shown
    let show = ["code", "show", scene.code.as_str(), "--campaign", &address];
    let shown = company.json(&show).await.ok();
    let link = shown["share_url"].as_str().expect("a link");
    assert!(
        link.starts_with("https://vouch.example/r/AZURE234"),
        "{link}"
    );

    // When an API that is reached by another name asks for a signature, then the wallet gives none
    let list = ["keys", "list", &address];
    assert_eq!(
        company.json(&list).await.failure(),
        (1, "sign_in_refused".into())
    );
    // When its own name is named, then the company makes a key
    let domain = ["--api-domain", "vouch.example", "--yes"];
    let with_domain = |args: &[&str]| -> Vec<String> {
        args.iter()
            .chain(&domain)
            .map(|it| (*it).to_owned())
            .collect()
    };
    let ask = async |home: &Home, args: &[&str]| {
        let args = with_domain(args);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        home.json(&args).await
    };
    let create = [
        "keys",
        "create",
        &address,
        "--name",
        "Shop",
        "--scope",
        "read:analytics",
    ];
    // But not before it has agreed
    let mut unasked = create.to_vec();
    unasked.extend(["--api-domain", "vouch.example"]);
    assert_eq!(
        company.json(&unasked).await.failure(),
        (5, "confirmation_required".into())
    );
    let made = ask(&company, &create).await.ok();
    let secret = made["key"].as_str().expect("a key");
    assert!(secret.starts_with("vk_live_"), "{made}");
    // And saves another one in a file that only it can read, and that is not printed
    let file = company.dir.join("shop.key");
    let path = file.to_str().expect("text");
    let save: Vec<&str> = create.into_iter().chain(["--save", path]).collect();
    let saved = ask(&company, &save).await.ok();
    assert_eq!(
        (&saved["key"], &saved["saved_to"]),
        (&Value::Null, &json!(path))
    );
    let text = fs::read_to_string(&file).expect("a file");
    assert!(text.starts_with("vk_live_") && text != secret);
    assert!(!saved.to_string().contains(&text[..20]), "{saved}");
    let mode = fs::metadata(&file).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // And no file is written over
    assert_eq!(
        ask(&company, &save).await.failure(),
        (2, "file_unwritable".into())
    );
    let listed = ask(&company, &list).await.ok();
    assert_eq!(listed["keys"].as_array().map(Vec::len), Some(2));
    assert!(!listed.to_string().contains(secret));

    // When it replaces a key and revokes it, then the list says so
    let id = made["id"].as_str().expect("an id");
    let rotated = ask(&company, &["keys", "rotate", &address, id]).await.ok();
    assert_ne!(rotated["key"], made["key"]);
    ask(&company, &["keys", "revoke", &address, id]).await.ok();
    let listed = ask(&company, &list).await.ok();
    let mut keys = listed["keys"].as_array().expect("a list").iter();
    let revoked = keys.find(|key| key["id"] == id).expect("the key");
    assert!(
        revoked["revoked_at"].is_string() && revoked["works"] == false,
        "{revoked}"
    );
    let unknown = "01900000-0000-7000-8000-000000000000";
    let unknown = ask(&company, &["keys", "revoke", &address, unknown]).await;
    assert_eq!(unknown.failure(), (1, "key_not_found".into()));
    let wrong = ask(&company, &["keys", "revoke", &address, "../x"]).await;
    assert_eq!(wrong.failure(), (2, "invalid_id".into()));
    let scope = ["keys", "create", &address, "--name", "x", "--scope", "all"];
    assert_eq!(
        ask(&company, &scope).await.failure(),
        (1, "unknown_scope".into())
    );
    // And no session is left behind
    assert_eq!(world.number("SELECT count(*) FROM sessions").await, 0);
    // And nobody else makes any
    let mut other = Home::new(&scene.instance, &url, Keypair::new());
    other.api = Some(api.url());
    let refused = ask(&other, &create).await;
    assert_eq!(refused.failure(), (1, "not_campaign_authority".into()));
    // And an API that is not there is named
    other.api = Some("http://127.0.0.1:1".into());
    assert_eq!(
        ask(&other, &list).await.failure(),
        (3, "api_unreachable".into())
    );
}
