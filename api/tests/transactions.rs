//! Transactions that wallets can sign, on a real validator with the real program.

mod common;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use common::Api;
use serde_json::{Value, json};
use solana_client::nonblocking::rpc_client::RpcClient;
use solana_commitment_config::CommitmentConfig;
use solana_sdk::{
    instruction::Instruction,
    pubkey::Pubkey,
    signature::{Keypair, Signature, Signer},
    transaction::{Transaction, VersionedTransaction},
};
use sqlx::PgPool;
use vouch_client::{
    accounts::{AccountType, Action, Campaign, Proof, Settings, Terms},
    instructions::{self, CreateCampaign},
    pda, token,
    voucher::{self, Statement},
};
use vouch_localnet::{Instance, Postgres, Validator, ValidatorOptions, program_binary};

const REWARD: u64 = 5_000_000;
/// In seconds.
const DAY: i64 = 86_400;

struct Chain(RpcClient);

impl Chain {
    async fn run(&self, instructions: &[Instruction], signers: &[&Keypair]) {
        let hash = self.0.get_latest_blockhash().await.unwrap();
        let payer = signers[0].pubkey();
        let transaction =
            Transaction::new_signed_with_payer(instructions, Some(&payer), signers, hash);
        self.0
            .send_and_confirm_transaction(&transaction)
            .await
            .unwrap();
    }

    /// Signs the transaction of an answer and sends it, as a wallet does.
    async fn sign_and_send(&self, answer: &Value, signers: &[&Keypair]) {
        let wire = BASE64
            .decode(answer["transaction"].as_str().unwrap())
            .unwrap();
        let mut transaction: VersionedTransaction = bincode::deserialize(&wire).unwrap();
        // There is one empty signature per signer, the payer's first.
        assert_eq!(
            transaction.signatures,
            vec![Signature::default(); signers.len()]
        );
        assert_eq!(
            transaction.message.static_account_keys()[0],
            signers[0].pubkey()
        );
        transaction = VersionedTransaction::try_new(transaction.message, signers).unwrap();
        self.0
            .send_and_confirm_transaction(&transaction)
            .await
            .unwrap();
    }

    /// Runs the transaction of an answer as if every signer had signed.
    async fn accepts(&self, answer: &Value) {
        let wire = BASE64
            .decode(answer["transaction"].as_str().unwrap())
            .unwrap();
        let transaction: VersionedTransaction = bincode::deserialize(&wire).unwrap();
        let outcome = self.0.simulate_transaction(&transaction).await.unwrap();
        assert_eq!(outcome.value.err, None, "{:?}", outcome.value.logs);
    }

    async fn airdrop(&self, wallet: &Pubkey) {
        let signature = self
            .0
            .request_airdrop(wallet, 10_000_000_000)
            .await
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.0.confirm_transaction(&signature).await.unwrap() {
            assert!(
                Instant::now() < deadline,
                "the faucet's transfer was not confirmed"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Opens a campaign with a new mint.
    async fn campaign(
        &self,
        company: &Keypair,
        id: u64,
        starts_at: i64,
        ends_at: i64,
    ) -> (Pubkey, Pubkey) {
        let settings = Settings {
            starts_at,
            ends_at,
            ..Settings::fixed(REWARD)
        };
        self.campaign_with(company, id, Terms::default(), settings)
            .await
    }

    /// Opens a campaign with these terms and settings, and a new mint.
    async fn campaign_with(
        &self,
        company: &Keypair,
        id: u64,
        terms: Terms,
        settings: Settings,
    ) -> (Pubkey, Pubkey) {
        let mint = Keypair::new();
        let (address, _) = pda::campaign(&company.pubkey(), id);
        let rent = self
            .0
            .get_minimum_balance_for_rent_exemption(82)
            .await
            .unwrap();
        let [create, initialise] = token::create_mint(
            &company.pubkey(),
            &mint.pubkey(),
            &company.pubkey(),
            6,
            rent,
        );
        let args = CreateCampaign {
            payer: company.pubkey(),
            authority: company.pubkey(),
            id,
            mint: mint.pubkey(),
            payment_mint: Pubkey::default(),
            token_program: token::TOKEN_PROGRAM_ID,
            terms,
            settings,
        };
        let hand_over = token::set_mint_authority(&mint.pubkey(), &company.pubkey(), &address);
        let open = instructions::create_campaign(&args);
        self.run(&[create, initialise, hand_over, open], &[company, &mint])
            .await;
        (address, mint.pubkey())
    }

    /// Whether the transaction in a builder's answer creates a token account.
    fn creates_token_account(answer: &Value) -> bool {
        let wire = BASE64
            .decode(answer["transaction"].as_str().unwrap())
            .unwrap();
        let transaction: VersionedTransaction = bincode::deserialize(&wire).unwrap();
        let keys = transaction.message.static_account_keys();
        keys.contains(&token::ASSOCIATED_TOKEN_PROGRAM_ID)
    }

    async fn balance(&self, owner: &Pubkey, mint: &Pubkey) -> Option<u64> {
        let (address, _) = pda::associated_token(owner, mint, &token::TOKEN_PROGRAM_ID);
        let account = self.0.get_account(&address).await.unwrap();
        token::balance(&account.data)
    }
}

#[tokio::test]
async fn wallets_can_sign_what_is_built_and_refusals_are_the_programs() {
    // Given a chain, a company with a campaign, and a service with an empty mirror
    let instance = Instance::create("api-transactions").unwrap();
    let options = ValidatorOptions {
        program: Some(program_binary()),
        ..Default::default()
    };
    let mut validator = Validator::start(instance.dir(), &options).await.unwrap();
    let rpc = RpcClient::new_with_commitment(validator.rpc_url(), CommitmentConfig::confirmed());
    let chain = Chain(rpc);
    let database = Postgres::test_database().await.unwrap();
    let pool = PgPool::connect(database.url()).await.unwrap();
    let rpc_url = validator.rpc_url();
    let api = Api::start_with(
        database.url(),
        &[("RPC_URL", &rpc_url), ("CODES_PER_MINUTE", "1000")],
    )
    .await
    .ready()
    .await;
    api.until("/healthz", |answer| answer.status == 200).await;
    let (company, alice, bob) = (Keypair::new(), Keypair::new(), Keypair::new());
    chain.airdrop(&company.pubkey()).await;
    let (campaign, mint) = chain.campaign(&company, 1, 0, 0).await;
    let create = "/v1/transactions/create-referral";
    let convert = "/v1/transactions/convert";
    let refusal = |status: u16, code: &str| (status, code.to_owned());

    // When Alice asks for a code in lower case, paid for by the company, and signs
    let body = json!({ "campaign": campaign.to_string(), "owner": alice.pubkey().to_string(),
        "payer": company.pubkey().to_string(), "code": "starter7" });
    let answer = api.post(create, &body).await.json();
    assert_eq!(answer["code"], "STARTER7");
    assert_eq!(answer["share_url"], "https://vouch.example/r/STARTER7");
    let code = "STARTER7".parse().unwrap();
    let referral = pda::referral(&campaign, &code);
    assert_eq!(answer["referral"], referral.to_string());
    chain.sign_and_send(&answer, &[&company, &alice]).await;
    // Then her token account exists, too
    assert_eq!(chain.balance(&alice.pubkey(), &mint).await, Some(0));
    // And the same code is taken, and without a code one is generated
    assert_eq!(
        api.post(create, &body).await.refusal(),
        refusal(409, "code_taken")
    );
    let body = json!({ "campaign": campaign.to_string(), "owner": company.pubkey().to_string() });
    let answer = api.post(create, &body).await.json();
    assert_eq!(answer["code"].as_str().unwrap().len(), 8);
    chain.sign_and_send(&answer, &[&company]).await;
    // And an address that is not a campaign's is not found, also if another account is
    // there
    for address in [Pubkey::new_unique(), referral, token::TOKEN_PROGRAM_ID] {
        let body = json!({ "campaign": address.to_string(), "owner": alice.pubkey().to_string() });
        assert_eq!(
            api.post(create, &body).await.refusal(),
            refusal(404, "campaign_not_found")
        );
    }

    // When the referral is mirrored, a code alone is enough to convert
    common::campaign(&pool, &campaign.to_string()).await;
    common::referral(
        &pool,
        &campaign.to_string(),
        "STARTER7",
        &alice.pubkey().to_string(),
        1,
    )
    .await;
    let request = |code: &str, referee: &Keypair| {
        json!({ "code": code, "referee": referee.pubkey().to_string(),
            "payer": company.pubkey().to_string(), "action": "purchase",
            "amount": "18446744073709551615", "reference": "ab".repeat(32) })
    };
    let answer = api.post(convert, &request("Starter7", &bob)).await.json();
    assert_eq!(answer["reward"]["referrer"], REWARD.to_string());
    assert_eq!(
        answer["conversion"],
        pda::conversion(&campaign, &bob.pubkey().to_bytes()).to_string()
    );
    // The payer of a conversion pays for no token account but the referee's.
    assert!(!Chain::creates_token_account(&answer));
    chain.sign_and_send(&answer, &[&company, &bob]).await;
    assert_eq!(chain.balance(&alice.pubkey(), &mint).await, Some(REWARD));
    // Then the API refuses what the program would refuse
    let answer = api.post(convert, &request("STARTER7", &bob)).await;
    assert_eq!(answer.refusal(), refusal(409, "already_converted"));
    let answer = api.post(convert, &request("STARTER7", &alice)).await;
    assert_eq!(answer.refusal(), refusal(422, "self_referral"));
    let answer = api
        .post(convert, &request("NEVER234", &Keypair::new()))
        .await;
    assert_eq!(answer.refusal(), refusal(404, "code_not_found"));
    let mut named = request("NEVER234", &Keypair::new());
    named["campaign"] = campaign.to_string().into();
    assert_eq!(
        api.post(convert, &named).await.refusal(),
        refusal(404, "code_not_found")
    );
    let pause = |paused| instructions::set_paused(&company.pubkey(), &campaign, paused);
    chain.run(&[pause(true)], &[&company]).await;
    let answer = api
        .post(convert, &request("STARTER7", &Keypair::new()))
        .await;
    assert_eq!(answer.refusal(), refusal(409, "campaign_paused"));
    // And a campaign that starts in the future has not started
    let (later, _) = chain.campaign(&company, 2, i64::MAX - 1, 0).await;
    let body = json!({ "campaign": later.to_string(), "owner": alice.pubkey().to_string(),
        "payer": company.pubkey().to_string(), "code": "STARTER7" });
    let answer = api.post(create, &body).await.json();
    // The short link belongs to the older campaign.
    let expected = format!("https://vouch.example/r/STARTER7?campaign={later}");
    assert_eq!(answer["share_url"], expected);
    chain.sign_and_send(&answer, &[&company, &alice]).await;
    let mut named = request("STARTER7", &Keypair::new());
    named["campaign"] = later.to_string().into();
    assert_eq!(
        api.post(convert, &named).await.refusal(),
        refusal(409, "campaign_not_started")
    );

    // Given a campaign that shares rewards, and needs its attestor's evidence
    let attestor = Keypair::new();
    let terms = Terms {
        proof: Proof::Attested,
        ..Terms::default()
    };
    let settings = Settings {
        attestor: attestor.pubkey(),
        referee_share_bps: 2_000,
        ..Settings::fixed(REWARD)
    };
    let (attested, mint) = chain.campaign_with(&company, 3, terms, settings).await;
    let body = json!({ "campaign": attested.to_string(), "owner": alice.pubkey().to_string(),
        "payer": company.pubkey().to_string(), "code": "STARTER7" });
    let answer = api.post(create, &body).await.json();
    chain.sign_and_send(&answer, &[&company, &alice]).await;
    let carol = Keypair::new();
    let mut named = request("STARTER7", &carol);
    named["campaign"] = attested.to_string().into();
    // When Carol has no voucher, one for somebody else, one that has expired, one that
    // lives too long or one that was revoked
    assert_eq!(
        api.post(convert, &named).await.refusal(),
        refusal(422, "attestation_required")
    );
    let opened = chain.0.get_account_data(&attested).await.unwrap();
    let campaign_created_at = Campaign::decode(&opened).unwrap().created_at;
    let message = |issued_at: i64, expires_at: i64| {
        voucher::message(&Statement {
            campaign: attested,
            campaign_created_at,
            referral: pda::referral(&attested, &code),
            referee: carol.pubkey(),
            action: Action::Purchase,
            amount: u64::MAX,
            reference: [0xab; 32],
            issued_at,
            expires_at,
        })
    };
    let voucher = |signer: &Keypair, issued_at: i64, expires_at: i64| {
        let message = message(issued_at, expires_at);
        json!({ "signature": signer.sign_message(&message).to_string(),
            "issued_at": issued_at, "expires_at": expires_at })
    };
    // A day is more than the validator's clock may differ from the machine's.
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let today = i64::try_from(since_1970.as_secs()).unwrap() - DAY;
    let month = voucher::MAX_LIFE;
    let revoked = voucher::digest(&message(today, today + month - 1));
    let revoke = instructions::revoke_voucher(
        &company.pubkey(),
        &attestor.pubkey(),
        &attested,
        revoked,
        today + month - 1,
    );
    chain.run(&[revoke], &[&company, &attestor]).await;
    for (voucher, status, refused) in [
        (
            voucher(&alice, today, today + month),
            422,
            "invalid_voucher",
        ),
        (voucher(&attestor, 1, 2), 422, "voucher_expired"),
        (
            voucher(&attestor, today, today + month + 1),
            422,
            "invalid_voucher",
        ),
        (
            voucher(&attestor, today, today + month - 1),
            422,
            "voucher_revoked",
        ),
        (
            json!({ "signature": "x", "issued_at": 1, "expires_at": 2 }),
            400,
            "invalid_signature",
        ),
    ] {
        // Then the refusal says so
        named["voucher"] = voucher;
        assert_eq!(
            api.post(convert, &named).await.refusal(),
            refusal(status, refused)
        );
    }
    // And with a valid one, both get their shares
    named["voucher"] = voucher(&attestor, today, today + month);
    let answer = api.post(convert, &named).await.json();
    assert!(Chain::creates_token_account(&answer));
    assert_eq!(
        answer["reward"],
        json!({ "referrer": "4000000", "referee": "1000000", "partner": "0" })
    );
    chain.sign_and_send(&answer, &[&company, &carol]).await;
    assert_eq!(chain.balance(&alice.pubkey(), &mint).await, Some(4_000_000));
    assert_eq!(chain.balance(&carol.pubkey(), &mint).await, Some(1_000_000));

    // Given a campaign that counts per owner, with a limit of one conversion per owner
    let terms = Terms {
        per_owner: true,
        ..Terms::default()
    };
    let settings = Settings {
        owner_limit: 1,
        ..Settings::fixed(REWARD)
    };
    let (limited, _) = chain.campaign_with(&company, 4, terms, settings).await;
    // When Alice requests two codes there, then the first transaction registers her as a
    // referrer
    let referrer = pda::referrer(&limited, &alice.pubkey());
    for code in ["STARTER7", "STARTER8"] {
        let body = json!({ "campaign": limited.to_string(), "owner": alice.pubkey().to_string(),
            "payer": company.pubkey().to_string(), "code": code });
        let answer = api.post(create, &body).await.json();
        chain.sign_and_send(&answer, &[&company, &alice]).await;
        assert!(chain.0.get_account(&referrer).await.is_ok());
    }
    // And after one conversion with the first code, the second code is refused
    let mut named = request("STARTER7", &carol);
    named["campaign"] = limited.to_string().into();
    let answer = api.post(convert, &named).await.json();
    chain.sign_and_send(&answer, &[&company, &carol]).await;
    let mut named = request("STARTER8", &bob);
    named["campaign"] = limited.to_string().into();
    assert_eq!(
        api.post(convert, &named).await.refusal(),
        refusal(409, "owner_limit_reached")
    );

    // Given a campaign whose referees need a credential
    let settings = Settings {
        gate_credential: company.pubkey(),
        gate_schema: alice.pubkey(),
        ..Settings::fixed(REWARD)
    };
    let terms = Terms::default();
    let (gated, _) = chain.campaign_with(&company, 5, terms, settings).await;
    let body = json!({ "campaign": gated.to_string(), "owner": alice.pubkey().to_string(),
        "payer": company.pubkey().to_string(), "code": "STARTER7" });
    let answer = api.post(create, &body).await.json();
    chain.sign_and_send(&answer, &[&company, &alice]).await;
    // When Carol has none, then she is refused
    let mut named = request("STARTER7", &carol);
    named["campaign"] = gated.to_string().into();
    assert_eq!(
        api.post(convert, &named).await.refusal(),
        refusal(422, "credential_required")
    );

    // Given a campaign, and a smart wallet: an address that only a program signs for, with lamports
    let (smart, _) = chain.campaign(&company, 6, 0, 0).await;
    let (vault, _) = Pubkey::find_program_address(&[b"vault"], &token::TOKEN_PROGRAM_ID);
    assert!(!vault.is_on_curve());
    chain.airdrop(&vault).await;
    // When it asks for a code, then it is built, and the program accepts it, signed by the wallet's
    // program: the node runs it here as if it had
    let body =
        json!({ "campaign": smart.to_string(), "owner": vault.to_string(), "code": "SAFES234" });
    let answer = api.post(create, &body).await.json();
    chain.accepts(&answer).await;
    // And when it is referred, too
    let body = json!({ "campaign": smart.to_string(), "owner": alice.pubkey().to_string(),
        "payer": company.pubkey().to_string(), "code": "SMART234" });
    let answer = api.post(create, &body).await.json();
    chain.sign_and_send(&answer, &[&company, &alice]).await;
    let body =
        json!({ "campaign": smart.to_string(), "code": "SMART234", "referee": vault.to_string() });
    let answer = api.post(convert, &body).await.json();
    chain.accepts(&answer).await;

    // When the validator is killed, then builders refuse
    validator.kill().await.unwrap();
    let is =
        |status: &'static str| move |answer: &common::Answer| answer.json()["status"] == status;
    let health = api.until("/healthz", is("chain_unavailable")).await;
    // Then it is green, with the node as the part that is down
    assert_eq!(health.status, 200);
    let down = |part: &&Value| part["up"] == false;
    let health = health.json();
    let parts: Vec<&Value> = health["parts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(down)
        .collect();
    assert_eq!(parts.len(), 1, "{health}");
    assert_eq!(parts[0]["name"], "node");
    assert!(parts[0]["down_for"].as_f64() > Some(0.0), "{health}");
    let answer = api
        .post(convert, &request("STARTER7", &Keypair::new()))
        .await;
    assert_eq!(answer.refusal(), refusal(503, "chain_unavailable"));
    // But the service is ready, because links and reads work
    let ready = api.get("/readyz").await;
    assert_eq!(ready.status, 200);
    assert_eq!(ready.json()["status"], "chain_unavailable");
    assert!(ready.json()["ages"]["chain_away"].as_f64() > Some(0.0));
    // And when it is back, then health is OK again
    validator.resume().await.unwrap();
    api.until("/healthz", is("ok")).await;
    validator.stop().await.unwrap();
}
