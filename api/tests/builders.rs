//! A campaign's life by the API alone: every builder's transaction is signed and sent to a real
//! validator, and the accounts are compared with what was asked for.

mod common;

use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use common::{Answer, Api};
use serde_json::{Value, json};
use solana_client::nonblocking::rpc_client::RpcClient;
use solana_commitment_config::CommitmentConfig;
use solana_sdk::{
    clock::Clock,
    instruction::{AccountMeta, Instruction},
    pubkey::Pubkey,
    signature::{Keypair, Signature, Signer},
    sysvar,
    transaction::{Transaction, VersionedTransaction},
};
use sqlx::PgPool;
use vouch_client::{
    Code,
    accounts::{
        AccountType, Binding, Campaign, Closed, Conversion, Funding, Proof, Referral, Settings,
        Status, Uniqueness,
    },
    pda, token,
};
use vouch_localnet::{Instance, Postgres, Validator, ValidatorOptions, program_binary};

const SOL: u64 = 1_000_000_000;
/// Time limit of everything that is waited for.
const DEADLINE: Duration = Duration::from_secs(120);

/// A node, a service that asks it, and wallets.
struct World {
    rpc: RpcClient,
    api: Api,
    pool: PgPool,
    company: Keypair,
    alice: Keypair,
    bob: Keypair,
    _validator: Option<Validator>,
    _database: vouch_localnet::Database,
}

impl World {
    async fn new() -> Self {
        let instance = Instance::create("api-builders").unwrap();
        let options = ValidatorOptions {
            program: Some(program_binary()),
            ..Default::default()
        };
        let validator = Validator::start(instance.dir(), &options).await.unwrap();
        let url = validator.rpc_url();
        Self::on(&url, Some(validator)).await
    }

    async fn on(rpc_url: &str, validator: Option<Validator>) -> Self {
        let commitment = CommitmentConfig::confirmed();
        let rpc = RpcClient::new_with_commitment(rpc_url.to_owned(), commitment);
        let database = Postgres::test_database().await.unwrap();
        let pool = PgPool::connect(database.url()).await.unwrap();
        let api = Api::start_with(
            database.url(),
            &[
                ("RPC_URL", rpc_url),
                ("CODES_PER_MINUTE", "1000"),
                ("BUILDS_PER_MINUTE", "10000"),
            ],
        )
        .await
        .ready()
        .await;
        api.until("/healthz", |answer| answer.status == 200).await;
        let world = Self {
            rpc,
            api,
            pool,
            company: Keypair::new(),
            alice: Keypair::new(),
            bob: Keypair::new(),
            _validator: validator,
            _database: database,
        };
        for wallet in [&world.company, &world.alice, &world.bob] {
            world.airdrop(&wallet.pubkey()).await;
        }
        world
    }

    async fn airdrop(&self, wallet: &Pubkey) {
        let signature = self.rpc.request_airdrop(wallet, 100 * SOL).await.unwrap();
        let deadline = Instant::now() + DEADLINE;
        while !self.rpc.confirm_transaction(&signature).await.unwrap() {
            assert!(Instant::now() < deadline, "the airdrop was not confirmed");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Asks a builder.
    async fn ask(&self, act: &str, body: &Value) -> Answer {
        let path = format!("/v1/transactions/{act}");
        self.api.post(&path, body).await
    }

    /// Asks a builder, signs what it has built, and sends it. Returns its answer.
    async fn act(&self, act: &str, body: &Value, signers: &[&Keypair]) -> Value {
        let answer = self.ask(act, body).await;
        assert_eq!(answer.status, 200, "{act}: {}", answer.text);
        let answer = answer.json();
        self.send(&answer, signers).await;
        answer
    }

    async fn send(&self, answer: &Value, signers: &[&Keypair]) {
        let wire = BASE64
            .decode(answer["transaction"].as_str().unwrap())
            .unwrap();
        let unsigned: VersionedTransaction = bincode::deserialize(&wire).unwrap();
        assert_eq!(
            unsigned.signatures,
            vec![Signature::default(); signers.len()]
        );
        let named: Vec<String> = signers.iter().map(|it| it.pubkey().to_string()).collect();
        let mut named = json!(named);
        let mut said = answer["signers"].clone();
        assert_eq!(said[0], named[0], "the payer comes first");
        for list in [&mut named, &mut said] {
            let list = list.as_array_mut().unwrap();
            list.sort_by_key(ToString::to_string);
        }
        assert_eq!(said, named);
        // The limit of compute units follows from a simulation.
        assert_eq!(answer["cost"]["simulated"], true, "{answer}");
        let signed = VersionedTransaction::try_new(unsigned.message, signers).unwrap();
        self.rpc
            .send_and_confirm_transaction(&signed)
            .await
            .unwrap();
    }

    async fn run(&self, instructions: &[Instruction], signers: &[&Keypair]) {
        let hash = self.rpc.get_latest_blockhash().await.unwrap();
        let payer = signers[0].pubkey();
        let transaction =
            Transaction::new_signed_with_payer(instructions, Some(&payer), signers, hash);
        self.rpc
            .send_and_confirm_transaction(&transaction)
            .await
            .unwrap();
    }

    async fn refuses(&self, act: &str, body: &Value, status: u16, code: &str) -> String {
        let answer = self.ask(act, body).await;
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{act} {body}");
        answer.json()["detail"].as_str().unwrap().to_owned()
    }

    async fn read<T: AccountType>(&self, address: &Pubkey) -> T {
        let data = self.rpc.get_account_data(address).await.unwrap();
        T::decode(&data).unwrap()
    }

    async fn lamports(&self, wallet: &Pubkey) -> u64 {
        self.rpc.get_balance(wallet).await.unwrap()
    }

    /// Base units of the wallet's associated token account; `None` without one.
    async fn tokens(&self, wallet: &Pubkey, mint: &Pubkey) -> Option<u64> {
        let (address, _) = pda::associated_token(wallet, mint, &token::TOKEN_PROGRAM_ID);
        let commitment = CommitmentConfig::confirmed();
        let found = self
            .rpc
            .get_account_with_commitment(&address, commitment)
            .await
            .unwrap();
        token::balance(&found.value?.data)
    }

    async fn now(&self) -> i64 {
        let data = self.rpc.get_account_data(&sysvar::clock::ID).await.unwrap();
        bincode::deserialize::<Clock>(&data).unwrap().unix_timestamp
    }

    /// Waits until the chain's clock shows this time.
    async fn wait_for(&self, time: i64) {
        let deadline = Instant::now() + DEADLINE;
        while self.now().await < time {
            assert!(Instant::now() < deadline, "the chain's clock stands still");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Mirrors a pending conversion as the indexer does.
    async fn mirror(&self, address: &Pubkey, campaign: &Pubkey, conversion: &Conversion) {
        sqlx::query(
            "WITH transaction AS (
                 INSERT INTO transactions (seq, slot, block_time, signature, fee_payer, succeeded)
                 SELECT COALESCE(max(seq), 0) + 1, 7, $6, $1, $5, true
                 FROM transactions RETURNING seq
             )
             INSERT INTO conversions (address, seq, slot, campaign, referral, code, referrer,
                 referee, action, amount, reference, reward_referrer, reward_referee,
                 reward_partner, converted_at, matures_at, status, settled)
             SELECT $1, seq, 7, $2, $3, 'STARTER7', $4, $5, 'signup', 0, NULL,
                 $7::text::numeric, $8::text::numeric, 0, $6, $9, 'pending', $10
             FROM transaction",
        )
        .bind(address.to_string())
        .bind(campaign.to_string())
        .bind(conversion.referral.to_string())
        .bind(self.alice.pubkey().to_string())
        .bind(conversion.referee.to_string())
        .bind(conversion.converted_at)
        .bind(conversion.reward_referrer.to_string())
        .bind(conversion.reward_referee.to_string())
        .bind(conversion.claimable_from())
        .bind(i16::from(conversion.settled))
        .execute(&self.pool)
        .await
        .unwrap();
    }
}

fn text(key: &Keypair) -> String {
    key.pubkey().to_string()
}

fn key(answer: &Value, field: &str) -> Pubkey {
    answer[field].as_str().unwrap().parse().unwrap()
}

fn code(text: &str) -> Code {
    text.parse().unwrap()
}

/// Lamports that an answer says its payer pays.
fn cost(answer: &Value) -> u64 {
    let of = |field: &str| -> u64 { answer["cost"][field].as_str().unwrap().parse().unwrap() };
    of("fee") + of("rent")
}

#[tokio::test]
async fn a_company_opens_and_runs_a_campaign_by_the_api_alone() {
    let world = World::new().await;
    minted(&world).await;
    from_a_vault(&world).await;
    split(&world).await;
    first_touch(&world).await;
    frozen(&world).await;
}

/// A campaign that mints a new token, and its code: everything that is not chosen is usual.
async fn minted(world: &World) {
    let World {
        company,
        alice,
        bob,
        ..
    } = world;
    // When a company names only itself, the campaign and the reward
    let body = json!({
        "authority": text(company), "name": "Spring", "settings": { "reward": { "fixed": "5000000" } },
    });
    let before = world.lamports(&company.pubkey()).await;
    let answer = world.act("create-campaign", &body, &[company]).await;
    // Then it costs exactly what the answer says
    let after = world.lamports(&company.pubkey()).await;
    assert_eq!(before - after, cost(&answer));
    // And the campaign is as the answer shows it
    let at = key(&answer, "campaign");
    let campaign: Campaign = world.read(&at).await;
    assert_eq!(campaign.id.to_string(), answer["id"].as_str().unwrap());
    assert_eq!(campaign.authority, company.pubkey());
    assert_eq!(campaign.settings, Settings::fixed(5_000_000));
    assert_eq!(campaign.funding, Funding::MintAuthority);
    assert_eq!(
        (campaign.proof, campaign.uniqueness, campaign.per_owner),
        (Proof::Open, Uniqueness::Wallet, false)
    );
    assert_eq!(campaign.notice_seconds, 604_800);
    assert_eq!(campaign.mint, key(&answer, "mint"));
    let mint = world.rpc.get_account_data(&campaign.mint).await.unwrap();
    assert_eq!(token::mint(&mint).unwrap().authority, Some(at));
    assert_eq!(
        answer["terms"],
        json!({ "funding": "mint_authority", "proof": "open", "uniqueness": "wallet",
            "per_owner": false, "notice_seconds": 604_800 })
    );
    assert_eq!(answer["settings"]["reward"]["fixed"], "5000000");
    assert_eq!(answer["new_mint"], true);
    assert_eq!(answer["vault"], Value::Null);
    // And the preview warns, because anybody can make a second wallet
    let preview = &answer["preview"];
    let referrer = json!({ "units": "5000000", "tokens": "5.000000" });
    assert_eq!(preview["conversions"][0]["referrer"], referrer);
    assert_eq!(preview["self_referral"], referrer);
    assert_eq!(answer["warnings"][0]["code"], "self_referral_pays");
    // And nobody opens it twice, nor without what is required
    world
        .refuses("create-campaign", &body, 409, "campaign_exists")
        .await;
    for (wrong, status, code) in [
        (
            json!({ "authority": text(company), "settings": { "reward": { "fixed": "1" } } }),
            400,
            "missing_field",
        ),
        (
            json!({ "authority": text(company), "id": "1", "settings": {} }),
            400,
            "missing_field",
        ),
        (
            json!({ "authority": text(company), "id": "1", "name": "x", "settings": { "reward": { "fixed": "1" } } }),
            400,
            "conflicting_fields",
        ),
        (
            json!({ "authority": text(company), "id": "1", "settings": { "reward": { "fixed": "1", "percent_bps": 1 } } }),
            400,
            "conflicting_fields",
        ),
        (
            json!({ "authority": text(company), "id": "1", "settings": { "reward": { "fixed": "x" } } }),
            400,
            "invalid_amount",
        ),
        (
            json!({ "authority": text(company), "id": "1", "settings": { "reward": { "fixed": "1" }, "ends_at": "soon" } }),
            400,
            "invalid_time",
        ),
        (
            json!({ "authority": text(company), "id": "1", "settings": { "reward": { "fixed": "1" }, "ends_at": "1999-01-01T00:00:00Z" } }),
            422,
            "invalid_schedule",
        ),
        (
            json!({ "authority": text(company), "id": "1", "settings": { "reward": { "fixed": "0" } } }),
            422,
            "invalid_reward",
        ),
        (
            json!({ "authority": text(company), "id": "1", "settings": { "reward": { "percent_bps": 100 } } }),
            422,
            "invalid_reward",
        ),
        (
            json!({ "authority": text(company), "id": "1", "settings": { "reward": { "fixed": "1" }, "hold_seconds": -1 } }),
            400,
            "wrong_type",
        ),
        (
            json!({ "authority": text(company), "id": "1", "settings": { "reward": { "fixed": "1" }, "hold_seconds": 31_536_001 } }),
            422,
            "invalid_hold",
        ),
        (
            json!({ "authority": text(company), "id": "1", "funds": "1", "settings": { "reward": { "fixed": "1" } } }),
            400,
            "conflicting_fields",
        ),
        (
            json!({ "authority": text(company), "id": "1", "funding": "gift", "settings": { "reward": { "fixed": "1" } } }),
            400,
            "wrong_type",
        ),
        (
            json!({ "authority": text(company), "id": "1", "mint": text(bob), "settings": { "reward": { "fixed": "1" } } }),
            422,
            "unsupported_mint",
        ),
        (
            json!({ "authority": text(bob), "id": "1", "mint": campaign.mint.to_string(), "settings": { "reward": { "fixed": "1" } } }),
            422,
            "mint_authority_mismatch",
        ),
    ] {
        world.refuses("create-campaign", &wrong, status, code).await;
    }

    // When Alice registers a code, changes it, and offers it to Bob, who takes it and gives it back
    let campaign_text = at.to_string();
    let named = json!({ "campaign": campaign_text, "code": "STARTER7" });
    let with = |more: Value| {
        let mut body = named.clone();
        let more = more.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(more);
        body
    };
    let register = with(json!({ "owner": text(alice) }));
    world.act("create-referral", &register, &[alice]).await;
    let referral = pda::referral(&at, &code("STARTER7"));
    let later = "2100-01-01T00:00:00Z";
    let change = with(json!({ "active": false, "usage_limit": "9", "expires_at": later }));
    world.act("update-referral", &change, &[alice]).await;
    let read: Referral = world.read(&referral).await;
    assert_eq!(
        (read.active, read.usage_limit, read.expires_at),
        (false, 9, 4_102_444_800)
    );
    let change = with(json!({ "active": true, "expires_at": "never" }));
    world.act("update-referral", &change, &[alice]).await;
    let read: Referral = world.read(&referral).await;
    assert_eq!(
        (read.active, read.usage_limit, read.expires_at),
        (true, 9, 0)
    );
    let past = with(json!({ "expires_at": "1999-01-01T00:00:00Z" }));
    world
        .refuses("update-referral", &past, 422, "invalid_expiry")
        .await;
    world.refuses("accept-owner", &named, 409, "no_offer").await;
    world
        .act(
            "propose-owner",
            &with(json!({ "new_owner": text(bob) })),
            &[alice],
        )
        .await;
    world.act("accept-owner", &named, &[bob]).await;
    assert_eq!(world.read::<Referral>(&referral).await.owner, bob.pubkey());
    world
        .act(
            "propose-owner",
            &with(json!({ "new_owner": text(alice) })),
            &[bob],
        )
        .await;
    world.act("accept-owner", &named, &[alice]).await;
    assert_eq!(
        world.read::<Referral>(&referral).await.owner,
        alice.pubkey()
    );

    // When the company suspends the code, and pauses the campaign, then nobody converts
    let convert = with(json!({ "referee": text(bob) }));
    world
        .act(
            "set-suspended",
            &with(json!({ "suspended": true })),
            &[company],
        )
        .await;
    world
        .refuses("convert", &convert, 409, "code_inactive")
        .await;
    world
        .act(
            "set-suspended",
            &with(json!({ "suspended": false })),
            &[company],
        )
        .await;
    let pause = |paused: bool| json!({ "campaign": campaign_text, "paused": paused });
    world.act("set-paused", &pause(true), &[company]).await;
    world
        .refuses("convert", &convert, 409, "campaign_paused")
        .await;
    world.act("set-paused", &pause(false), &[company]).await;
    // And afterwards Bob does
    let answer = world.act("convert", &convert, &[bob]).await;
    assert_eq!(
        world.tokens(&alice.pubkey(), &campaign.mint).await,
        Some(5_000_000)
    );
    // And there is nothing to claim or to cancel
    let conversion = json!({ "conversion": answer["conversion"] });
    world
        .refuses("claim", &conversion, 409, "already_paid")
        .await;
    world
        .refuses("cancel-conversion", &conversion, 409, "already_paid")
        .await;

    // When the company raises the reward, then it holds at once; when it cuts it, after a week
    let update = |settings: Value| json!({ "campaign": campaign_text, "settings": settings });
    let raise = update(json!({ "reward": { "fixed": "6000000" } }));
    let answer = world.act("update-campaign", &raise, &[company]).await;
    assert_eq!(answer["is_cut"], false);
    assert_eq!(
        world.read::<Campaign>(&at).await.settings,
        Settings::fixed(6_000_000)
    );
    let cut = update(json!({ "hold_seconds": 60 }));
    let answer = world.act("update-campaign", &cut, &[company]).await;
    assert_eq!(answer["is_cut"], true);
    let cut: Campaign = world.read(&at).await;
    assert_eq!(cut.settings, Settings::fixed(6_000_000));
    let next = Settings {
        hold_seconds: 60,
        ..Settings::fixed(6_000_000)
    };
    assert_eq!(cut.next, next);
    let said = answer["in_force_from"].as_str().unwrap();
    let said = time::OffsetDateTime::parse(said, &time::format_description::well_known::Rfc3339);
    // The transaction is sent later than it was built.
    assert!(said.unwrap().unix_timestamp() <= cut.next_from);
    assert_eq!(answer["settings"]["hold_seconds"], 60);
    // And a further change starts from what was announced
    let answer = world
        .ask(
            "update-campaign",
            &update(json!({ "budget": "1000000000" })),
        )
        .await;
    assert_eq!(answer.json()["settings"]["hold_seconds"], 60);
    let bad = update(json!({ "referee_share_bps": 10_001 }));
    world
        .refuses("update-campaign", &bad, 422, "invalid_shares")
        .await;

    // When the company hands the campaign to Bob, and back
    let this = json!({ "campaign": campaign_text });
    world
        .refuses("accept-authority", &this, 409, "no_offer")
        .await;
    let offer = |to: &Keypair| json!({ "campaign": campaign_text, "new_authority": text(to) });
    world
        .act("propose-authority", &offer(bob), &[company])
        .await;
    world.act("accept-authority", &this, &[bob]).await;
    assert_eq!(world.read::<Campaign>(&at).await.authority, bob.pubkey());
    world
        .act("propose-authority", &offer(company), &[bob])
        .await;
    world.act("accept-authority", &this, &[company]).await;

    // When Alice closes a second code, then its rent goes back, and nobody gets it again
    let second = json!({ "campaign": campaign_text, "code": "STARTER8", "owner": text(alice) });
    world.act("create-referral", &second, &[alice]).await;
    let close = json!({ "campaign": campaign_text, "code": "STARTER8" });
    world.act("close-referral", &close, &[alice]).await;
    let tombstone = pda::referral(&at, &code("STARTER8"));
    assert_eq!(world.read::<Closed>(&tombstone).await.campaign, at);
    world
        .refuses("create-referral", &second, 409, "code_taken")
        .await;

    // When the campaign is closed, then its rents go back
    world
        .refuses("reclaim-campaign", &this, 409, "campaign_not_closed")
        .await;
    let rents =
        json!({ "accounts": [tombstone.to_string(), referral.to_string()], "payer": text(bob) });
    world
        .refuses("reclaim", &rents, 409, "campaign_not_closed")
        .await;
    world.act("close-campaign", &this, &[company]).await;
    assert!(world.read::<Campaign>(&at).await.closed);
    world
        .refuses("close-campaign", &this, 409, "campaign_closed")
        .await;
    world
        .refuses("set-paused", &pause(true), 409, "campaign_closed")
        .await;
    world
        .refuses("update-campaign", &raise, 409, "campaign_closed")
        .await;
    world.act("reclaim", &rents, &[bob]).await;
    for gone in [&tombstone, &referral] {
        assert_eq!(world.lamports(gone).await, 0);
    }
    world
        .refuses("reclaim", &rents, 404, "account_not_found")
        .await;
    // And the campaign itself only after the claim period
    world
        .refuses("reclaim-campaign", &this, 409, "claim_period_open")
        .await;
}

/// A campaign that holds rewards and pays them from a vault.
async fn from_a_vault(world: &World) {
    let World {
        company,
        alice,
        bob,
        ..
    } = world;
    // Given a campaign with a new token, funds, parts for the referee, and a hold of two seconds
    let body = json!({
        "authority": text(company), "id": "2", "funding": "vault", "funds": "100000", "decimals": 2,
        "settings": { "reward": { "fixed": "1000" }, "referee_share_bps": 2500, "hold_seconds": 2,
            "max_partner_share_bps": 1000, "tiers": [{ "min_conversions": "3", "multiplier_bps": 20_000 }] },
    });
    let before = world.lamports(&company.pubkey()).await;
    let answer = world.act("create-campaign", &body, &[company]).await;
    let after = world.lamports(&company.pubkey()).await;
    assert_eq!(before - after, cost(&answer));
    let at = key(&answer, "campaign");
    let campaign: Campaign = world.read(&at).await;
    let mint = campaign.mint;
    assert_eq!(campaign.vault, key(&answer, "vault"));
    assert_eq!(campaign.mint_decimals, 2);
    let vault = world.rpc.get_account_data(&campaign.vault).await.unwrap();
    assert_eq!(token::balance(&vault), Some(100_000));
    // And the preview shows the first conversion, and the one that reaches the tier
    let units = |units: &str, tokens: &str| json!({ "units": units, "tokens": tokens });
    assert_eq!(
        answer["preview"]["conversions"],
        json!([
            { "number": "1", "referrer": units("750", "7.50"), "referee": units("250", "2.50"),
              "partner_at_most": units("100", "1.00") },
            { "number": "3", "referrer": units("1500", "15.00"), "referee": units("500", "5.00"),
              "partner_at_most": units("200", "2.00") },
        ])
    );
    assert_eq!(answer["preview"]["self_referral"], units("2000", "20.00"));
    let campaign_text = at.to_string();
    let this = json!({ "campaign": campaign_text });

    // When funds are withdrawn and put back, then the balances follow
    let withdraw = |amount: &str| json!({ "campaign": campaign_text, "amount": amount });
    world
        .act("withdraw-vault", &withdraw("4000"), &[company])
        .await;
    assert_eq!(world.tokens(&company.pubkey(), &mint).await, Some(4000));
    let fund = |amount: &str| json!({ "campaign": campaign_text, "funder": text(company), "amount": amount });
    world.act("fund-vault", &fund("1500"), &[company]).await;
    assert_eq!(world.tokens(&company.pubkey(), &mint).await, Some(2500));
    let said = world
        .refuses("fund-vault", &fund("2501"), 422, "insufficient_tokens")
        .await;
    assert!(said.contains("holds 2500 base units"), "{said}");
    world
        .refuses(
            "withdraw-vault",
            &withdraw("97501"),
            409,
            "insufficient_vault",
        )
        .await;

    // Given a code with a partner, which agrees by signing
    let named = json!({ "campaign": campaign_text, "code": "STARTER7" });
    let with = |more: Value| {
        let mut body = named.clone();
        let more = more.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(more);
        body
    };
    world
        .act(
            "create-referral",
            &with(json!({ "owner": text(alice) })),
            &[alice],
        )
        .await;
    let partner = Keypair::new();
    let share = |bps: i64| {
        with(json!({ "partner": text(&partner), "payer": text(alice), "share_bps": bps }))
    };
    world
        .refuses("set-partner", &share(1001), 422, "invalid_partner")
        .await;
    world
        .refuses(
            "end-partnership",
            &with(json!({ "by_partner": true })),
            409,
            "no_partner",
        )
        .await;
    world
        .act("set-partner", &share(1000), &[alice, &partner])
        .await;
    let referral = pda::referral(&at, &code("STARTER7"));
    let read: Referral = world.read(&referral).await;
    assert_eq!(
        (read.partner, read.partner_share_bps),
        (partner.pubkey(), 1000)
    );

    // When a wallet without a token account converts, and the hold is not over
    let carol = Keypair::new();
    let convert =
        |referee: &Keypair| with(json!({ "referee": text(referee), "payer": text(company) }));
    let answer = world
        .act("convert", &convert(&carol), &[company, &carol])
        .await;
    let conversion = key(&answer, "conversion");
    let one = json!({ "conversion": conversion.to_string(), "payer": text(bob) });
    let pending: Conversion = world.read(&conversion).await;
    if world.now().await < pending.claimable_from() {
        let answer = world.ask("claim", &one).await;
        // The hold may end meanwhile.
        if answer.status != 200 {
            assert_eq!(answer.refusal(), (409, "still_held".to_owned()));
        }
    }
    // Then anybody claims it afterwards, and pays for the accounts of those who have none
    world.wait_for(pending.claimable_from()).await;
    let before = world.lamports(&bob.pubkey()).await;
    let answer = world.act("claim", &one, &[bob]).await;
    assert_eq!(before - world.lamports(&bob.pubkey()).await, cost(&answer));
    assert_eq!(
        answer["claims"],
        json!([{ "conversion": conversion.to_string(), "referrer": "650", "referee": "250", "partner": "100" }])
    );
    assert_eq!(answer["creates"].as_array().unwrap().len(), 1);
    assert_eq!(answer["creates"][0]["owner"], text(&carol));
    for (wallet, units) in [(alice, 650), (&carol, 250), (&partner, 100)] {
        assert_eq!(world.tokens(&wallet.pubkey(), &mint).await, Some(units));
    }
    world.refuses("claim", &one, 409, "already_paid").await;
    world
        .refuses(
            "end-partnership",
            &with(json!({ "by_partner": "x" })),
            400,
            "wrong_type",
        )
        .await;
    world
        .act(
            "end-partnership",
            &with(json!({ "by_partner": true, "payer": text(alice) })),
            &[alice, &partner],
        )
        .await;
    assert_eq!(
        world.read::<Referral>(&referral).await.partner,
        Pubkey::default()
    );

    // Given three conversions that are due, which the indexer has seen
    let wallets: Vec<Keypair> = std::iter::repeat_with(Keypair::new).take(20).collect();
    let mut due = Vec::new();
    for wallet in &wallets {
        let answer = world
            .act("convert", &convert(wallet), &[company, wallet])
            .await;
        let at_conversion = key(&answer, "conversion");
        let read: Conversion = world.read(&at_conversion).await;
        world.mirror(&at_conversion, &at, &read).await;
        due.push((at_conversion, read));
    }
    let all = json!({ "campaign": campaign_text, "wallet": text(alice) });
    world.wait_for(due[19].1.claimable_from()).await;
    // When Alice claims all of them, then each transaction pays as many as fit, and says how many are
    // left
    let before = world.tokens(&alice.pubkey(), &mint).await.unwrap();
    let mut left = 20;
    while left > 0 {
        let answer = world.act("claim", &all, &[alice]).await;
        let claims = answer["claims"].as_array().unwrap();
        assert!((1..20).contains(&claims.len()), "{answer}");
        left -= claims.len();
        assert_eq!(answer["left"], left.to_string());
        assert_eq!(answer["skipped"], json!([]));
        // Each of these wallets gets its account now.
        assert_eq!(answer["creates"].as_array().unwrap().len(), claims.len());
        let paid: Vec<String> = claims
            .iter()
            .map(|claim| claim["conversion"].as_str().unwrap().to_owned())
            .collect();
        if left > 0 {
            sqlx::query(
                "UPDATE conversions SET status = 'paid', settled = 7 WHERE address = ANY($1)",
            )
            .bind(paid)
            .execute(&world.pool)
            .await
            .unwrap();
        }
    }
    // The second conversion of the code earns 1000, the others, from the third on, 2000.
    let paid = world.tokens(&alice.pubkey(), &mint).await.unwrap() - before;
    assert_eq!(paid, 750 + 19 * 1500);
    for (address, _) in &due {
        assert_eq!(world.read::<Conversion>(address).await.status, Status::Paid);
    }
    // And what the mirror does not know yet is not paid twice
    let said = world.refuses("claim", &all, 409, "nothing_to_claim").await;
    assert!(said.contains("has been paid"), "{said}");
    let nobody = json!({ "campaign": campaign_text, "wallet": text(&Keypair::new()) });
    world
        .refuses("claim", &nobody, 409, "nothing_to_claim")
        .await;
    for (wrong, code) in [
        (json!({}), "missing_field"),
        (json!({ "campaign": campaign_text }), "missing_field"),
        (json!({ "wallet": text(alice) }), "missing_field"),
        (
            json!({ "conversion": conversion.to_string(), "wallet": text(alice) }),
            "conflicting_fields",
        ),
    ] {
        world.refuses("claim", &wrong, 400, code).await;
    }
    let none = json!({ "conversion": text(alice) });
    world
        .refuses("claim", &none, 404, "conversion_not_found")
        .await;

    // Given a longer hold, which is a cut, and so needs a campaign of its own
    let held = json!({
        "authority": text(company), "id": "3", "funding": "vault", "mint": mint.to_string(), "funds": "2500",
        "notice_seconds": 0, "settings": { "reward": { "fixed": "1000" }, "hold_seconds": 3600 },
    });
    let answer = world.act("create-campaign", &held, &[company]).await;
    assert_eq!(answer["new_mint"], false);
    assert_eq!(world.tokens(&company.pubkey(), &mint).await, Some(0));
    let held_text = answer["campaign"].as_str().unwrap();
    let register = json!({ "campaign": held_text, "code": "STARTER7", "owner": text(alice) });
    world.act("create-referral", &register, &[alice]).await;
    let convert = json!({ "campaign": held_text, "code": "STARTER7", "referee": text(bob) });
    let answer = world.act("convert", &convert, &[bob]).await;
    // When somebody claims within the hold, then the refusal says from when
    let one = json!({ "conversion": answer["conversion"] });
    let said = world.refuses("claim", &one, 409, "still_held").await;
    assert!(said.contains("it can be claimed from 20"), "{said}");
    let close = json!({ "campaign": held_text, "code": "STARTER7" });
    world
        .refuses("close-referral", &close, 409, "rewards_pending")
        .await;
    // And what is owed cannot be withdrawn
    let most = json!({ "campaign": held_text, "amount": "1501" });
    let said = world
        .refuses("withdraw-vault", &most, 409, "insufficient_vault")
        .await;
    assert!(said.contains("at most 1500"), "{said}");
    // When the company cancels it, then nothing is owed
    world.act("cancel-conversion", &one, &[company]).await;
    let cancelled: Conversion = world.read(&key(&answer, "conversion")).await;
    assert_eq!(cancelled.status, Status::Cancelled);
    world
        .refuses("claim", &one, 409, "conversion_cancelled")
        .await;
    world
        .refuses("cancel-conversion", &one, 409, "conversion_cancelled")
        .await;
    world.act("withdraw-vault", &most, &[company]).await;

    world
        .refuses(
            "fund-vault",
            &json!({ "campaign": text(bob), "funder": text(bob), "amount": "1" }),
            404,
            "campaign_not_found",
        )
        .await;
    world.act("close-campaign", &this, &[company]).await;
}

/// A campaign that splits payments in SOL.
async fn split(world: &World) {
    let World {
        company,
        alice,
        bob,
        ..
    } = world;
    let treasury = Keypair::new();
    world.airdrop(&treasury.pubkey()).await;
    // Given a tenth of each payment, a fifth of that for the buyer
    let body = json!({
        "authority": text(company), "id": "4", "funding": "payment_split",
        "settings": { "reward": { "percent_bps": 1000 }, "referee_share_bps": 2000,
            "treasury": text(&treasury) },
        "example_amount": "1000000000",
    });
    let answer = world.act("create-campaign", &body, &[company]).await;
    let at = key(&answer, "campaign");
    let campaign: Campaign = world.read(&at).await;
    assert_eq!(
        (campaign.proof, campaign.uniqueness),
        (Proof::Payment, Uniqueness::Order)
    );
    assert_eq!(campaign.settings.reward_max, u64::MAX);
    assert_eq!(campaign.settings.treasury, treasury.pubkey());
    let units = |units: &str, tokens: &str| json!({ "units": units, "tokens": tokens });
    let preview = &answer["preview"];
    assert_eq!(
        (&preview["mint"], &preview["decimals"]),
        (&Value::Null, &json!(9))
    );
    assert_eq!(
        preview["conversions"][0]["referrer"],
        units("80000000", "0.080000000")
    );
    assert_eq!(
        preview["conversions"][0]["referee"],
        units("20000000", "0.020000000")
    );
    // Whoever refers himself loses what the seller keeps, so nobody is warned.
    assert_eq!(
        preview["self_referral"],
        units("-900000000", "-0.900000000")
    );
    assert_eq!(answer["warnings"], json!([]));

    // When Bob buys by Alice's code, then everybody gets the previewed part
    let at_text = at.to_string();
    let register = json!({ "campaign": at_text, "code": "STARTER7", "owner": text(alice) });
    world.act("create-referral", &register, &[alice]).await;
    let before = [
        world.lamports(&alice.pubkey()).await,
        world.lamports(&treasury.pubkey()).await,
    ];
    let order = "ab".repeat(32);
    let buy = json!({
        "campaign": at_text, "code": "STARTER7", "buyer": text(bob), "payer": text(company),
        "amount": "1000000000", "max_payment": "980000000", "reference": order,
    });
    let mut dear = buy.clone();
    dear["max_payment"] = "979999999".into();
    world
        .refuses("purchase", &dear, 422, "payment_above_maximum")
        .await;
    let mut nameless = buy.clone();
    nameless.as_object_mut().unwrap().remove("reference");
    world
        .refuses("purchase", &nameless, 422, "missing_reference")
        .await;
    let bobs = world.lamports(&bob.pubkey()).await;
    world.act("purchase", &buy, &[company, bob]).await;
    assert_eq!(bobs - world.lamports(&bob.pubkey()).await, 980_000_000);
    let after = [
        world.lamports(&alice.pubkey()).await,
        world.lamports(&treasury.pubkey()).await,
    ];
    assert_eq!(
        [after[0] - before[0], after[1] - before[1]],
        [80_000_000, 900_000_000]
    );
    world
        .refuses("purchase", &buy, 409, "already_converted")
        .await;
    let convert = json!({ "campaign": at_text, "code": "STARTER7", "referee": text(company) });
    world
        .refuses("convert", &convert, 409, "payment_required")
        .await;
    let mut own = buy.clone();
    own["buyer"] = text(alice).into();
    world.refuses("purchase", &own, 422, "self_referral").await;
    let fund = json!({ "campaign": at_text, "funder": text(bob), "amount": "1" });
    world.refuses("fund-vault", &fund, 409, "no_vault").await;
    let withdraw = json!({ "campaign": at_text, "amount": "1" });
    world
        .refuses("withdraw-vault", &withdraw, 409, "no_vault")
        .await;
    // A payer without lamports is told so, and the transaction is built nevertheless.
    let poor = Keypair::new();
    let pause = json!({ "campaign": at_text, "paused": true, "payer": text(&poor) });
    let answer = world.ask("set-paused", &pause).await.json();
    assert_eq!(answer["warnings"][0]["code"], "payer_needs_sol", "{answer}");
    assert_eq!(
        (
            &answer["cost"]["simulated"],
            &answer["cost"]["compute_units"]
        ),
        (&json!(false), &json!(1_400_000))
    );
}

/// A campaign in which the first touch counts, of an existing token whose authority is handed over.
async fn first_touch(world: &World) {
    let World {
        company,
        alice,
        bob,
        ..
    } = world;
    let mint = Keypair::new();
    let rent = world
        .rpc
        .get_minimum_balance_for_rent_exemption(82)
        .await
        .unwrap();
    let create = token::create_mint(
        &company.pubkey(),
        &mint.pubkey(),
        &company.pubkey(),
        6,
        rent,
    );
    world.run(&create, &[company, &mint]).await;
    let body = json!({
        "authority": text(company), "id": "5", "mint": text(&mint), "proof": "attested",
        "settings": { "reward": { "fixed": "7" }, "attribution_window": 3600 },
    });
    let answer = world.act("create-campaign", &body, &[company]).await;
    let codes: Vec<&Value> = answer["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["code"])
        .collect();
    assert_eq!(codes, ["self_referral_pays", "mint_authority_moves"]);
    let at = key(&answer, "campaign");
    let campaign: Campaign = world.read(&at).await;
    assert_eq!(
        (campaign.mint, campaign.settings.attestor),
        (mint.pubkey(), company.pubkey())
    );
    let data = world.rpc.get_account_data(&mint.pubkey()).await.unwrap();
    assert_eq!(token::mint(&data).unwrap().authority, Some(at));

    // When Bob follows Alice's link, then he is bound to her code
    let at_text = at.to_string();
    let register = json!({ "campaign": at_text, "code": "STARTER7", "owner": text(alice) });
    world.act("create-referral", &register, &[alice]).await;
    let bind = |wallet: &Keypair| json!({ "campaign": at_text, "code": "STARTER7", "wallet": text(wallet) });
    world.act("bind", &bind(bob), &[bob]).await;
    let binding: Binding = world.read(&pda::binding(&at, &bob.pubkey())).await;
    assert_eq!(binding.referral, pda::referral(&at, &code("STARTER7")));
    world
        .refuses("bind", &bind(bob), 409, "already_bound")
        .await;
    world
        .refuses("bind", &bind(alice), 422, "self_referral")
        .await;
    // And when the code is switched off, then another one binds him
    let second = json!({ "campaign": at_text, "code": "STARTER8", "owner": text(alice) });
    world.act("create-referral", &second, &[alice]).await;
    let off = json!({ "campaign": at_text, "code": "STARTER7", "active": false });
    world.act("update-referral", &off, &[alice]).await;
    let again = json!({ "campaign": at_text, "code": "STARTER8", "wallet": text(bob) });
    world.act("bind", &again, &[bob]).await;
    let binding: Binding = world.read(&pda::binding(&at, &bob.pubkey())).await;
    assert_eq!(binding.referral, pda::referral(&at, &code("STARTER8")));
    // And the attestor revokes a voucher, once
    let revoke = json!({ "campaign": at_text, "digest": "cd".repeat(32), "expires_at": "2100-01-01T00:00:00Z" });
    world.act("revoke-voucher", &revoke, &[company]).await;
    world
        .refuses("revoke-voucher", &revoke, 422, "voucher_revoked")
        .await;
}

/// A campaign whose token can be frozen.
async fn frozen(world: &World) {
    let World {
        company,
        alice,
        bob,
        ..
    } = world;
    let mint = Keypair::new();
    let rent = world
        .rpc
        .get_minimum_balance_for_rent_exemption(82)
        .await
        .unwrap();
    let [create, mut initialise] = token::create_mint(
        &company.pubkey(),
        &mint.pubkey(),
        &company.pubkey(),
        6,
        rent,
    );
    // `InitializeMint2` with a freeze authority, after the layout of the Token program.
    initialise.data.truncate(34);
    initialise.data.push(1);
    initialise.data.extend(company.pubkey().to_bytes());
    world.run(&[create, initialise], &[company, &mint]).await;
    let body = json!({
        "authority": text(company), "id": "6", "mint": text(&mint),
        "settings": { "reward": { "fixed": "7" }, "hold_seconds": 1 },
    });
    let answer = world.act("create-campaign", &body, &[company]).await;
    let at = answer["campaign"].as_str().unwrap();
    let register = json!({ "campaign": at, "code": "STARTER7", "owner": text(alice) });
    world.act("create-referral", &register, &[alice]).await;
    let convert = json!({ "campaign": at, "code": "STARTER7", "referee": text(bob) });
    let answer = world.act("convert", &convert, &[bob]).await;
    let conversion = key(&answer, "conversion");
    let pending: Conversion = world.read(&conversion).await;
    world.wait_for(pending.claimable_from()).await;

    // When Alice's account is frozen, then the refusal names it
    let (account, _) =
        pda::associated_token(&alice.pubkey(), &mint.pubkey(), &token::TOKEN_PROGRAM_ID);
    let freezing = |instruction: u8| Instruction {
        program_id: token::TOKEN_PROGRAM_ID,
        accounts: vec![
            AccountMeta::new(account, false),
            AccountMeta::new_readonly(mint.pubkey(), false),
            AccountMeta::new_readonly(company.pubkey(), true),
        ],
        data: vec![instruction],
    };
    // `FreezeAccount` and `ThawAccount`.
    world.run(&[freezing(10)], &[company]).await;
    let one = json!({ "conversion": conversion.to_string() });
    let said = world.refuses("claim", &one, 409, "account_frozen").await;
    let expected = format!("nobody can be paid now: {account}: the token account is frozen");
    assert_eq!(said, expected);
    // And when it is thawed, then she is paid
    world.run(&[freezing(11)], &[company]).await;
    world.act("claim", &one, &[alice]).await;
    assert_eq!(world.tokens(&alice.pubkey(), &mint.pubkey()).await, Some(7));
}
