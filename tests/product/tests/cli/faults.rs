//! Commands that are killed, nodes that do not help, and wrong arguments.

use serde_json::{Value, json};
use solana_sdk::signature::Keypair;
use vouch_localnet::{Instance, Validator, ValidatorOptions};
use vouch_product_tests::{Fate, FaultyNode, until};

use crate::home::{Home, OPEN, balance, key, mint_own, opened, sending};

#[tokio::test]
async fn a_command_that_was_killed_is_not_done_twice() {
    // Given a company with tokens, and a node in between
    let (instance, mut validator, rpc, company, campaign) = opened("cli-kill-test").await;
    let node = FaultyNode::before(&validator.rpc_url()).await;
    let company = Home::new(&instance, &node.url(), company.key);
    let (mint, vault) = (key(&campaign["mint"]), key(&campaign["vault"]));
    mint_own(&rpc, &company.key, &mint, 1_000_000_000).await;
    let address = campaign["campaign"].as_str().expect("an address");
    let args = ["campaign", "fund", address, "1", "--json", "--yes"];
    let before = balance(&rpc, &vault).await;

    // When it is killed after the transaction was sent, and before anybody has said what became of it
    node.behave(|request, _| match request["method"].as_str() {
        Some("getSignatureStatuses") => Fate::Held,
        _ => Fate::Sent,
    });
    let child = company.command(&args).spawn().expect("it runs");
    until("the vault is funded", async || {
        balance(&rpc, &vault).await == before + 1_000_000
    })
    .await;
    let killed = kill(child).await;
    let sent = sending(&killed).expect(&killed);
    node.behave_well();

    // Then the same command finds the transaction, and sends none
    let sends = node.calls("sendTransaction");
    let resumed = company.sign(&["campaign", "fund", address, "1"]).await.ok();
    assert_eq!(resumed["transaction"]["resumed"], true);
    assert_eq!(resumed["transaction"]["signature"], sent.as_str());
    assert_eq!(node.calls("sendTransaction"), sends);
    assert_eq!(balance(&rpc, &vault).await, before + 1_000_000);
    // And after it was told, the same command means another one
    let next = company.sign(&["campaign", "fund", address, "1"]).await.ok();
    assert_eq!(next["transaction"]["resumed"], false);
    assert_eq!(balance(&rpc, &vault).await, before + 2_000_000);

    // When nobody says in time what became of a transaction, then that is said, with its signature
    node.change("getSignatureStatuses", |result| {
        result["value"][0] = Value::Null
    });
    let patience = ["campaign", "fund", address, "1", "--wait-seconds", "1"];
    let unknown = company.sign(&patience).await;
    assert_eq!(unknown.failure(), (4, "outcome_unknown".into()));
    assert_eq!(unknown.error()["signature"], unknown.sending().as_str());
    until("it was executed", async || {
        balance(&rpc, &vault).await == before + 3_000_000
    })
    .await;
    node.behave_well();
    let resumed = company.sign(&["campaign", "fund", address, "1"]).await.ok();
    assert_eq!(
        resumed["transaction"]["signature"],
        unknown.sending().as_str()
    );
    assert_eq!(balance(&rpc, &vault).await, before + 3_000_000);

    // When it is killed and the transaction has reached nobody
    node.keep_away(|request| {
        let is_send = request["method"] == "sendTransaction";
        is_send.then(|| (json!({}), Fate::Held))
    });
    let sends = node.calls("sendTransaction");
    let child = company.command(&args).spawn().expect("it runs");
    until("it tries to send", async || {
        node.calls("sendTransaction") > sends
    })
    .await;
    let lost = sending(&kill(child).await).expect("a signature");
    node.behave_well();
    // Then the same command sends none while a block can still execute the first
    let sends = node.calls("sendTransaction");
    let early = company.sign(&patience).await;
    assert_eq!(early.failure(), (4, "outcome_unknown".into()));
    assert_eq!(early.error()["signature"], lost.as_str());
    assert_eq!(node.calls("sendTransaction"), sends);
    // And another one when no block can. The chain would get there by itself, but how soon depends on the
    // machine, so the node says until the next sending that it is there.
    let mut is_sent = false;
    node.behave(move |request, answer| {
        is_sent |= request["method"] == "sendTransaction";
        if !is_sent
            && let Some(height) = answer.pointer_mut("/result/blockHeight")
            && let Some(real) = height.as_u64()
        {
            *height = (real + 1000).into();
        }
        Fate::Sent
    });
    let anew = company.sign(&["campaign", "fund", address, "1"]).await.ok();
    assert_eq!(anew["transaction"]["resumed"], false);
    assert_ne!(anew["transaction"]["signature"], lost.as_str());
    assert_eq!(balance(&rpc, &vault).await, before + 4_000_000);
    validator.stop().await.expect("it stops");
}

/// Kills a command. Returns what it has said on stderr.
async fn kill(mut child: tokio::process::Child) -> String {
    use tokio::io::AsyncReadExt as _;

    child.start_kill().expect("it is killed");
    let mut said = String::new();
    let mut stderr = child.stderr.take().expect("a pipe");
    stderr.read_to_string(&mut said).await.expect("text");
    let status = child.wait().await.expect("it ends");
    assert_eq!(status.code(), None, "it has ended by itself: {said}");
    said
}

#[tokio::test]
async fn nodes_that_do_not_help_are_named() {
    let (instance, mut validator, _rpc, company, campaign) = opened("cli-node-test").await;
    let address = campaign["campaign"]
        .as_str()
        .expect("an address")
        .to_owned();
    let node = FaultyNode::before(&validator.rpc_url()).await;
    let url = format!("{}/?api-key=hidden", node.url());
    let show = ["campaign", "show", &address, "-u", &url];
    company.json(&show).await.ok();

    // When the node refuses, then that is said after a few attempts, with what it asks for
    node.behave(|_, _| Fate::Refused(1));
    let calls = node.all_calls();
    let refused = company.json(&show).await;
    assert_eq!(refused.failure(), (3, "rate_limited".into()));
    let message = refused.error()["message"]
        .as_str()
        .expect("a text")
        .to_owned();
    assert!(message.contains("come back in 1 seconds"), "{message}");
    assert_eq!(node.all_calls() - calls, 3);
    // And no message has the key of a URL
    assert!(!refused.stderr.contains("hidden"), "{}", refused.stderr);

    // When it breaks connections, or is not there
    node.go_away();
    assert_eq!(
        company.json(&show).await.failure(),
        (3, "node_unreachable".into())
    );
    let nowhere = ["campaign", "show", &address, "-u", "http://127.0.0.1:1"];
    assert_eq!(
        company.json(&nowhere).await.failure(),
        (3, "node_unreachable".into())
    );
    // When it answers something else
    node.behave(|_, answer| {
        *answer = json!({ "result": { "value": "?" } });
        Fate::Sent
    });
    assert_eq!(
        company.json(&show).await.failure(),
        (3, "node_invalid".into())
    );
    node.behave(|_, answer| {
        *answer = json!({ "error": { "code": -32005, "message": "node is behind" } });
        Fate::Sent
    });
    assert_eq!(
        company.json(&show).await.failure(),
        (3, "node_error".into())
    );

    // When it refuses the transaction alone, then nothing was sent, and nobody knows after the time
    node.behave_well();
    node.keep_away(|request| {
        let is_send = request["method"] == "sendTransaction";
        is_send.then(|| (json!({}), Fate::Refused(1)))
    });
    let pause = [
        "campaign",
        "pause",
        &address,
        "-u",
        &url,
        "--wait-seconds",
        "1",
    ];
    let unknown = company.sign(&pause).await;
    assert_eq!(unknown.failure(), (4, "outcome_unknown".into()));
    let message = unknown.error()["message"]
        .as_str()
        .expect("a text")
        .to_owned();
    assert!(message.contains("HTTP 429"), "{message}");

    // When the cluster is another one, then that is said
    let other = Instance::create("cli-other-test").expect("a folder");
    let mut bare = Validator::start(other.dir(), &ValidatorOptions::default())
        .await
        .expect("a validator");
    let bare_url = bare.rpc_url();
    let wrong = ["campaign", "show", &address, "-u", &bare_url];
    assert_eq!(
        company.json(&wrong).await.failure(),
        (1, "wrong_cluster".into())
    );
    let wrong: Vec<&str> = OPEN.into_iter().chain(["-u", &bare_url]).collect();
    assert_eq!(
        company.sign(&wrong).await.failure(),
        (1, "wrong_cluster".into())
    );
    bare.stop().await.expect("it stops");

    // And wrong arguments have a code, too
    for (args, code) in [
        (vec!["campaign", "shew"], "usage"),
        (vec!["campaign", "show", "x"], "usage"),
        (
            vec!["campaign", "show", &address, "-u", "nowhere"],
            "invalid_url",
        ),
        (vec!["keys", "list", &address], "api_missing"),
        (
            vec!["campaign", "show", &address, "-C", "/nowhere.yml"],
            "config_unreadable",
        ),
        (vec!["campaign", "open", "--name", "x"], "missing_option"),
        (vec!["campaign", "open", "--reward", "1"], "missing_option"),
        (
            vec!["campaign", "open", "--name", "x", "--file", "/nowhere.toml"],
            "file_unreadable",
        ),
    ] {
        let refused = company.json(&args).await;
        assert_eq!(refused.failure(), (2, code.to_owned()), "{args:?}");
    }
    // And completion scripts need no configuration
    for shell in ["bash", "zsh", "fish"] {
        let home = Home::new(&instance, "", Keypair::new());
        let script = home.plain(&["completions", shell]).await;
        let script = String::from_utf8_lossy(&script.stdout).into_owned();
        assert!(script.contains("transfer-authority"), "{script}");
    }
    validator.stop().await.expect("it stops");
}
