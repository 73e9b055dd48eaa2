//! `vouch-indexer verify` with a real validator, and with one whose answers are cut.

use std::{process::Output, sync::Arc, time::Duration};

use axum::{Json, Router, extract::State, routing::post};
use serde_json::{Value, json};
use solana_client::{nonblocking::rpc_client::RpcClient, rpc_request::RpcRequest};
use solana_commitment_config::CommitmentConfig;
use solana_sdk::{
    instruction::Instruction,
    pubkey::Pubkey,
    signature::{Keypair, Signature, Signer},
};
use tokio::{net::TcpListener, time::Instant};
use vouch_client::{
    Code, PROGRAM_ID,
    accounts::{AccountType as _, Campaign, Referral, Settings, Terms},
    instructions::{self, Convert, CreateCampaign, CreateReferral, Offer},
    pda, token,
};
use vouch_localnet::{Instance, Validator, ValidatorOptions, program_binary};
use vouch_product_tests::{send, verify};

const SOL: u64 = 1_000_000_000;
const DEADLINE: Duration = Duration::from_secs(90);

/// A validator on which a campaign, a code and some conversions were made.
struct World {
    rpc: RpcClient,
    company: Keypair,
    validator: Validator,
    _instance: Instance,
}

impl World {
    /// Plays the story. Returns the transactions of the program, in their order.
    async fn new() -> (Self, Vec<Signature>) {
        let instance = Instance::create("verify-test").expect("a folder");
        let options = ValidatorOptions {
            program: Some(program_binary()),
            ..ValidatorOptions::default()
        };
        let validator = Validator::start(instance.dir(), &options)
            .await
            .expect("a validator");
        let rpc =
            RpcClient::new_with_commitment(validator.rpc_url(), CommitmentConfig::confirmed());
        let world = Self {
            rpc,
            company: Keypair::new(),
            validator,
            _instance: instance,
        };
        let story = world.story().await;
        world.until_final(story.last().expect("transactions")).await;
        (world, story)
    }

    async fn story(&self) -> Vec<Signature> {
        let company = self.company.pubkey();
        let airdrop = self
            .rpc
            .request_airdrop(&company, 1000 * SOL)
            .await
            .expect("an airdrop");
        self.until(&airdrop, CommitmentConfig::confirmed()).await;
        let (mint, alice) = (Keypair::new(), Keypair::new());
        let (campaign, _) = pda::campaign(&company, 1);
        let code: Code = "AZURE234".parse().expect("a code");
        let rent = self
            .rpc
            .get_minimum_balance_for_rent_exemption(82)
            .await
            .expect("a rent");
        let [create, initialise] = token::create_mint(&company, &mint.pubkey(), &company, 6, rent);
        let opened = self
            .send(
                &[
                    create,
                    initialise,
                    token::set_mint_authority(&mint.pubkey(), &company, &campaign),
                    instructions::create_campaign(&CreateCampaign {
                        payer: company,
                        authority: company,
                        id: 1,
                        mint: mint.pubkey(),
                        payment_mint: Pubkey::default(),
                        token_program: token::TOKEN_PROGRAM_ID,
                        terms: Terms::default(),
                        settings: Settings::fixed(5_000_000),
                    }),
                ],
                &[&mint],
            )
            .await;
        let registered = self
            .send(
                &[
                    instructions::create_referral(&CreateReferral::new(
                        &company,
                        &alice.pubkey(),
                        &campaign,
                        &code,
                    )),
                    token::create_associated_token(
                        &company,
                        &alice.pubkey(),
                        &mint.pubkey(),
                        &token::TOKEN_PROGRAM_ID,
                    ),
                ],
                &[&alice],
            )
            .await;
        let data = self.rpc.get_account_data(&campaign).await;
        let account = Campaign::decode(&data.expect("the campaign")).expect("a campaign");
        let referral = Referral::registered(&campaign, &account, &code, &alice.pubkey());
        let offer = Offer::at(campaign, &account, &referral, account.created_at)
            .expect("the code of a referral");
        let mut story = vec![opened, registered];
        // One conversion, and two in one transaction.
        for wallets in [1, 2] {
            let referees: Vec<Keypair> = (0..wallets).map(|_| Keypair::new()).collect();
            let convert = referees.iter().map(|referee| {
                let args = Convert {
                    payer: company,
                    ..Convert::signup(&referee.pubkey())
                };
                instructions::convert(&offer, &args)
            });
            let convert: Vec<Instruction> = convert.collect();
            story.push(
                self.send(&convert, &referees.iter().collect::<Vec<_>>())
                    .await,
            );
        }
        story
    }

    /// Sends a transaction that the company pays, and waits until it is confirmed.
    async fn send(&self, instructions: &[Instruction], signers: &[&Keypair]) -> Signature {
        send(&self.rpc, &self.company, instructions, signers).await
    }

    async fn until(&self, signature: &Signature, commitment: CommitmentConfig) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let reached = self
                .rpc
                .confirm_transaction_with_commitment(signature, commitment)
                .await
                .expect("an answer");
            if reached.value {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{signature} is not {commitment:?}"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn until_final(&self, signature: &Signature) {
        self.until(signature, CommitmentConfig::finalized()).await;
    }
}

/// A change of a node's answer to the method.
type Change = Arc<dyn Fn(&str, &mut Value) + Send + Sync>;

/// A node that forwards every request, and changes the answers.
async fn faulty_node(
    url: String,
    change: impl Fn(&str, &mut Value) + Send + Sync + 'static,
) -> String {
    async fn forward(
        State((url, change)): State<(String, Change)>,
        Json(request): Json<Value>,
    ) -> Json<Value> {
        let answer = reqwest::Client::new().post(url).json(&request).send().await;
        let mut answer: Value = answer
            .expect("the validator answers")
            .json()
            .await
            .expect("JSON");
        let method = request["method"].as_str().expect("a method");
        change(method, &mut answer["result"]);
        Json(answer)
    }
    let change: Change = Arc::new(change);
    let router = Router::new()
        .route("/", post(forward))
        .with_state((url, change));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// Fails unless the command was refused and said this on standard error.
fn assert_refused(output: &Output, expected: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.trim_end(), format!("error: {expected}"));
}

/// [M12]
#[tokio::test]
async fn the_history_explains_every_account_or_says_what_is_missing() {
    // Given a campaign, a code and three conversions, of which two are in one transaction
    let (world, story) = World::new().await;
    let url = world.validator.rpc_url();

    // When the node is asked for everything, then its history explains every account
    let output = verify(&url).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said} {output:?}");
    let (equal, rest) = said.split_once(" at slot ").expect("a slot");
    assert_eq!(equal, "5 accounts equal the history");
    let (_, counts) = rest.split_once(": ").expect("counts");
    assert_eq!(counts, "4 transactions, 5 calls\n");

    // When a node leaves a conversion out of its list, then the accounts differ
    let hidden = story[2].to_string();
    let leaves_out = faulty_node(url.clone(), move |method, result| {
        if method == "getSignaturesForAddress" {
            let entries = result.as_array_mut().expect("a list");
            entries.retain(|entry| entry["signature"] != hidden.as_str());
        }
    })
    .await;
    let output = verify(&leaves_out).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.starts_with("error: 2 of 5 accounts differ from the history at slot "),
        "{said}"
    );
    let named = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut ends: Vec<&str> = named
        .lines()
        .filter_map(|line| Some(line.split_once(' ')?.1))
        .collect();
    ends.sort_unstable();
    assert_eq!(ends, ["has other bytes", "is not in the history"]);

    // When a node has lost its first transactions, then the first that needs them is named
    let (lost, first) = (story[0].to_string(), story[1]);
    let pruned = faulty_node(url.clone(), move |method, result| {
        if method == "getSignaturesForAddress" {
            let entries = result.as_array_mut().expect("a list");
            entries.retain(|entry| entry["signature"] != lost.as_str());
        }
    })
    .await;
    let output = verify(&pruned).await;
    let slot = world.slot(&first).await;
    let (campaign, _) = pda::campaign(&world.company.pubkey(), 1);
    assert_refused(
        &output,
        &format!(
            "{first} in slot {slot} does not follow from what came before: instruction 0: the \
             account {campaign} is not known"
        ),
    );

    // When a node does not record inner instructions, then it is not believed
    let no_inner = faulty_node(url.clone(), |method, result| {
        if method == "getTransaction" {
            result["meta"]["innerInstructions"] = Value::Null;
        }
    })
    .await;
    let opened = story[0];
    assert_refused(
        &verify(&no_inner).await,
        &format!("getTransaction: {opened}: the node does not record inner instructions"),
    );

    // When a node sends another transaction, then it is not believed
    let other = world.encoded(&story[1]).await;
    let swaps = faulty_node(url.clone(), move |method, result| {
        if method == "getTransaction" {
            result["transaction"] = other.clone();
        }
    })
    .await;
    assert_refused(
        &verify(&swaps).await,
        &format!("getTransaction: {opened}: the node sent another transaction"),
    );

    // When a node answers with nothing at all, then that does not pass for equal
    let empty = faulty_node(url.clone(), |method, result| match method {
        "getSignaturesForAddress" => *result = json!([]),
        "getProgramAccounts" => result["value"] = json!([]),
        _ => {}
    })
    .await;
    assert_refused(
        &verify(&empty).await,
        &format!("the node has neither accounts nor transactions of the program {PROGRAM_ID}"),
    );

    // When a node lists the oldest transactions first, then it is not believed
    let reversed = faulty_node(url, |method, result| {
        if method == "getSignaturesForAddress" {
            result.as_array_mut().expect("a list").reverse();
        }
    })
    .await;
    let (older, newer) = (world.slot(&opened).await, world.slot(&first).await);
    assert_refused(
        &verify(&reversed).await,
        &format!(
            "getSignaturesForAddress: slot {newer} comes after slot {older}, but newer ones come \
             first"
        ),
    );
}

impl World {
    /// Slot of a transaction.
    async fn slot(&self, signature: &Signature) -> u64 {
        let statuses = self.rpc.get_signature_statuses(&[*signature]).await;
        let status = statuses.expect("an answer").value.remove(0);
        status.expect("a known transaction").slot
    }

    /// A transaction as the node encodes it.
    async fn encoded(&self, signature: &Signature) -> Value {
        let config = json!({ "encoding": "base64", "maxSupportedTransactionVersion": 0 });
        let found: Value = self
            .rpc
            .send(
                RpcRequest::GetTransaction,
                json!([signature.to_string(), config]),
            )
            .await
            .expect("an answer");
        found["transaction"].clone()
    }
}
