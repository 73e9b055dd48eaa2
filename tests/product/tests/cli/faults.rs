//! Commands that are killed, nodes that do not help, and wrong arguments.

use base64::{Engine as _, prelude::BASE64_STANDARD};
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
    // And none when no block can, while the node does not know: its history begins later
    let later = |first_slot: Option<u64>, history: bool| {
        // The chain would get there by itself, but how soon depends on the machine, so the node says until
        // the next sending that it is there.
        let mut is_sent = false;
        move |request: &Value, answer: &mut Value| {
            is_sent |= request["method"] == "sendTransaction";
            if !is_sent
                && let Some(height) = answer.pointer_mut("/result/blockHeight")
                && let Some(real) = height.as_u64()
            {
                *height = (real + 1000).into();
            }
            let has_first = request["method"] == "getFirstAvailableBlock";
            if let Some(first) = first_slot.filter(|_| has_first) {
                answer["result"] = first.into();
            }
            if !history && request["params"][1]["searchTransactionHistory"] == true {
                *answer = json!({ "error": { "code": -32011,
                    "message": "Transaction history is not available from this node" } });
            }
            Fate::Sent
        }
    };
    let fund_again = ["campaign", "fund", address, "1"];
    for (first_slot, history) in [(Some(1_000_000_000), true), (None, false)] {
        node.behave(later(first_slot, history));
        let forgotten = company.sign(&fund_again).await;
        assert_eq!(forgotten.failure(), (1, "outcome_forgotten".into()));
        assert_eq!(forgotten.error()["signature"], lost.as_str());
        assert_eq!(node.calls("sendTransaction"), sends);
    }
    // And another one when the node's history has the time of the first
    node.behave(later(None, true));
    let anew = company.sign(&["campaign", "fund", address, "1"]).await.ok();
    assert_eq!(anew["transaction"]["resumed"], false);
    assert_ne!(anew["transaction"]["signature"], lost.as_str());
    assert_eq!(balance(&rpc, &vault).await, before + 4_000_000);

    // When a node has no history, then its status cache is enough for what is new
    node.behave(|request, answer| {
        if request["params"][1]["searchTransactionHistory"] == true {
            *answer = json!({ "error": { "code": -32011,
                "message": "Transaction history is not available from this node" } });
        }
        Fate::Sent
    });
    company.sign(&fund_again).await.ok();
    assert_eq!(balance(&rpc, &vault).await, before + 5_000_000);
    node.behave_well();

    // When a note cannot be read, then nothing is sent
    let note = company.dir.join(".local/state/vouch/sent/x.json");
    std::fs::write(&note, "{").expect("a file");
    let sends = node.calls("sendTransaction");
    let unreadable = company.sign(&fund_again).await;
    assert_eq!(unreadable.failure(), (2, "state_unreadable".into()));
    assert_eq!(node.calls("sendTransaction"), sends);
    std::fs::remove_file(&note).expect("it was there");

    // When the settings change between the reading and the signing, then nothing is signed
    let mut is_simulated = false;
    node.behave(move |request, answer| {
        is_simulated |= request["method"] == "simulateTransaction";
        let data = answer.pointer_mut("/result/value/3/data/0");
        if let Some(data) = data.filter(|_| is_simulated) {
            *data = paying_more(data.as_str().expect("base64")).into();
        }
        Fate::Sent
    });
    let cut = ["campaign", "update", address, "--hold", "20m"];
    let changed = company.sign(&cut).await;
    assert_eq!(changed.failure(), (1, "settings_changed".into()));
    assert_eq!(node.calls("sendTransaction"), sends);
    // And when the node makes rent dearer, then no mint is created at that price
    node.change("getMultipleAccounts", |result| {
        let rent = &mut result["value"][1]["data"][0];
        let mut bytes = BASE64_STANDARD
            .decode(rent.as_str().expect("base64"))
            .expect("base64");
        bytes[..8].copy_from_slice(&1_000_000_000_u64.to_le_bytes());
        *rent = BASE64_STANDARD.encode(bytes).into();
    });
    let open = ["campaign", "open", "--name", "Dear", "--reward", "5"];
    let dear = company.sign(&open).await;
    assert_eq!(dear.failure(), (3, "node_invalid".into()));
    assert_eq!(node.calls("sendTransaction"), sends);
    validator.stop().await.expect("it stops");
}

/// An account in base64, with 6 instead of 5 wherever it has that amount.
fn paying_more(data: &str) -> String {
    let mut bytes = BASE64_STANDARD.decode(data).expect("base64");
    let (five, six) = (5_000_000_u64.to_le_bytes(), 6_000_000_u64.to_le_bytes());
    let places: Vec<usize> = bytes
        .windows(8)
        .enumerate()
        .filter(|(_, window)| *window == five)
        .map(|(place, _)| place)
        .collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place..place + 8].copy_from_slice(&six);
    }
    BASE64_STANDARD.encode(bytes)
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
