//! The front end: its own tests, and the story of an invitation in a real browser, with a wallet
//! that signs with a real key, on the whole product.

use std::fs;

use serde_json::{Value, json};
use solana_client::nonblocking::rpc_client::RpcClient;
use solana_commitment_config::CommitmentConfig;
use solana_sdk::{
    instruction::Instruction,
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
};
use sqlx::PgPool;
use time::OffsetDateTime;
use vouch_client::{
    Code,
    accounts::{
        AccountType as _, Action, Campaign, Conversion, Funding, Proof, Referral, Settings, Status,
        Terms, Uniqueness,
    },
    instructions::{self, Convert, CreateCampaign, CreateReferral, Offer},
    pda, token,
    voucher::{self, Statement},
};
use vouch_localnet::{Stack, StackOptions, npm_in, sign_in, web};
use vouch_product_tests::{REWARD, fund, send, until};

/// Basis points of the reward for the wallet that was referred.
const SHARE: u16 = 2_000;
/// Alice's part of each reward: the rest.
const ALICES: u64 = REWARD / 10 * 8;
const DAY: u32 = 86_400;
/// The price of an order, in lamports, and its discount: a quarter of a tenth.
const PRICE: u64 = 2_000_000_000;
const DISCOUNT: u64 = PRICE / 10 / 4;
/// Seconds in which a transaction that sets an end must be in a block.
const ENDS_AFTER: u32 = 45;

/// Runs `npm run {script}` in web/ with these variables, and shows its output when it fails.
async fn run(script: &str, env: &[(&str, &str)]) {
    assert!(
        web().join("dist/index.html").is_file(),
        "the front end is not built: run `npm ci` and `npm run build` in {}, or use ./dev, which does",
        web().display()
    );
    let log = tempfile::NamedTempFile::new().expect("a file");
    let mut spec = npm_in(web(), ["run", "--silent", script]).expect("Node is there");
    for (name, value) in env {
        spec = spec.env(name, *value);
    }
    spec.log = Some(log.path().to_owned());
    let status = spec
        .spawn()
        .expect("it runs")
        .wait()
        .await
        .expect("it ends");
    let output = fs::read_to_string(log.path()).unwrap_or_default();
    println!("{output}");
    assert!(status.success(), "{script} ended with {status}");
}

#[tokio::test]
async fn amounts_words_and_transactions_are_right_and_the_scripts_are_small() {
    run("unit", &[]).await;
}

/// A company and the product on which it opens campaigns.
struct Company {
    stack: Stack,
    rpc: RpcClient,
    key: Keypair,
}

impl Company {
    /// With a token of its own.
    async fn new() -> Self {
        let stack = Stack::start(&StackOptions::default())
            .await
            .expect("the product");
        let url = stack.validator.rpc_url();
        let rpc = RpcClient::new_with_commitment(url, CommitmentConfig::confirmed());
        let key = Keypair::new();
        fund(&rpc, &key.pubkey()).await;
        Self { stack, rpc, key }
    }

    async fn send(&self, steps: &[Instruction], signers: &[&Keypair]) {
        send(&self.rpc, &self.key, steps, signers).await;
    }

    /// Opens the campaign `id` with a token of its own and names both.
    async fn open(&self, id: u64, name: &str, settings: Settings) -> Pubkey {
        self.open_with(id, name, Terms::default(), settings).await
    }

    /// The same, with these terms.
    async fn open_with(&self, id: u64, name: &str, terms: Terms, settings: Settings) -> Pubkey {
        let company = self.key.pubkey();
        let (campaign, _) = pda::campaign(&company, id);
        let mint = Keypair::new();
        let rent = self
            .rpc
            .get_minimum_balance_for_rent_exemption(token::MINT_SIZE as usize)
            .await
            .expect("the rent");
        let [create, initialise] = token::create_mint(&company, &mint.pubkey(), &company, 6, rent);
        let steps = [
            create,
            initialise,
            token::set_mint_authority(&mint.pubkey(), &company, &campaign),
            instructions::create_campaign(&CreateCampaign {
                payer: company,
                authority: company,
                id,
                mint: mint.pubkey(),
                payment_mint: Pubkey::default(),
                token_program: token::TOKEN_PROGRAM_ID,
                terms,
                settings,
            }),
        ];
        self.send(&steps, &[&mint]).await;
        self.name(&campaign, name, "VCH").await;
        campaign
    }

    /// Opens the campaign `id`, which splits payments in SOL, and names it.
    async fn open_sale(&self, id: u64, name: &str, settings: Settings) -> Pubkey {
        let company = self.key.pubkey();
        let (campaign, _) = pda::campaign(&company, id);
        let terms = Terms {
            funding: Funding::PaymentSplit,
            proof: Proof::Payment,
            uniqueness: Uniqueness::Order,
            ..Terms::default()
        };
        let step = instructions::create_campaign(&CreateCampaign {
            payer: company,
            authority: company,
            id,
            mint: Pubkey::default(),
            payment_mint: Pubkey::default(),
            token_program: Pubkey::default(),
            terms,
            settings,
        });
        self.send(&[step], &[]).await;
        self.name(&campaign, name, "SOL").await;
        campaign
    }

    /// Names a campaign and its token.
    async fn name(&self, campaign: &Pubkey, name: &str, symbol: &str) {
        let api = self.stack.api_url();
        let url = format!("{api}/v1/campaigns/{campaign}/profile");
        let body =
            json!({ "name": name, "symbol": symbol, "landing_url": format!("{api}/c/{campaign}") });
        let client = reqwest::Client::new();
        let token = sign_in(&api, &self.key).await.expect("a session");
        until("the campaign has its name", async || {
            let put = client.put(&url).bearer_auth(&token);
            let answer = put.json(&body).send().await.expect("an answer");
            answer.status().is_success()
        })
        .await;
    }

    /// Registers a code whose owner has paid for it, without an account for tokens.
    async fn register_own(&self, campaign: &Pubkey, owner: &Keypair, code: &str) {
        let code: Code = code.parse().expect("a code");
        let register = CreateReferral::new(&owner.pubkey(), &owner.pubkey(), campaign, &code);
        let step = instructions::create_referral(&register);
        self.send(&[step], &[owner]).await;
    }

    /// A voucher of the attestor for the sign-up of this wallet by this code, from now on for so many seconds,
    /// as the parameters of a link.
    async fn vouched(
        &self,
        campaign: &Pubkey,
        attestor: &Keypair,
        code: &str,
        referee: &Keypair,
        seconds: i64,
    ) -> String {
        let code: Code = code.parse().expect("a code");
        let now = OffsetDateTime::now_utc().unix_timestamp();
        let (issued_at, expires_at) = (now.min(now + seconds - 60), now + seconds);
        let reference = [u8::from(seconds > 0); 32];
        let message = voucher::message(&Statement {
            campaign: *campaign,
            campaign_created_at: self.read(campaign).await.created_at,
            referral: pda::referral(campaign, &code),
            referee: referee.pubkey(),
            action: Action::Signup,
            amount: 0,
            reference,
            issued_at,
            expires_at,
        });
        let signature = attestor.sign_message(&message);
        let reference = hex(&reference);
        format!(
            "reference={reference}&signature={signature}&issued_at={issued_at}&expires_at={expires_at}"
        )
    }

    /// Registers a code that counts `most` times, or for ever with 0, with a token account for its
    /// owner.
    async fn register(&self, campaign: &Pubkey, owner: &Keypair, code: &str, most: u64) {
        let company = self.key.pubkey();
        let code: Code = code.parse().expect("a code");
        let data = self.read(campaign).await;
        let register = CreateReferral {
            usage_limit: most,
            ..CreateReferral::new(&company, &owner.pubkey(), campaign, &code)
        };
        let account = token::create_associated_token(
            &company,
            &owner.pubkey(),
            &data.mint,
            &token::TOKEN_PROGRAM_ID,
        );
        let steps = [instructions::create_referral(&register), account];
        self.send(&steps, &[owner]).await;
    }

    async fn read(&self, campaign: &Pubkey) -> Campaign {
        let data = self.rpc.get_account_data(campaign).await.expect("bytes");
        Campaign::decode(&data).expect("a campaign")
    }

    /// Lets a new wallet, which has a token account, convert with this code.
    async fn convert(&self, campaign: &Pubkey, code: &str) {
        let company = self.key.pubkey();
        let code: Code = code.parse().expect("a code");
        let data = self.read(campaign).await;
        let address = pda::referral(campaign, &code);
        let bytes = self.rpc.get_account_data(&address).await.expect("bytes");
        let referral = Referral::decode(&bytes).expect("a referral");
        let referee = Keypair::new();
        let args = Convert {
            payer: company,
            ..Convert::signup(&referee.pubkey())
        };
        let offer = Offer::at(*campaign, &data, &referral, data.created_at).expect("an offer");
        let steps = [
            token::create_associated_token(
                &company,
                &referee.pubkey(),
                &data.mint,
                &token::TOKEN_PROGRAM_ID,
            ),
            instructions::convert(&offer, &args),
        ];
        self.send(&steps, &[&referee]).await;
    }

    /// Runs the script of a story in this scene.
    async fn play(&self, script: &str, scene: &Value) {
        let file = self.stack.dir().join("scene.json");
        fs::write(&file, scene.to_string()).expect("a file");
        run(script, &[("VOUCH_SCENE", &file.to_string_lossy())]).await;
    }

    async fn ask(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.stack.api_url());
        let answer = reqwest::get(&url).await.expect("an answer");
        answer.json().await.expect("JSON")
    }
}

/// Puts 60 others before Alice on the leaderboard of music, as the indexer keeps it: a day would have
/// to pass until the chain does. A day earlier, the first three were not there and the fourth was
/// the 57th, before Alice.
async fn crowd(database: &PgPool, alice: &Pubkey) {
    let wallets: Vec<_> = (0..60)
        .map(|_| Keypair::new().pubkey().to_string())
        .collect();
    for sql in [
        "INSERT INTO referrer_totals
         SELECT '#category/music', wallet, '', 100 + n, 0, 1, 0
         FROM UNNEST($1::text[]) WITH ORDINALITY AS crowd (wallet, n)",
        "INSERT INTO referrer_totals
         SELECT '#category/music', wallet, '@', CASE n WHEN 57 THEN 50 ELSE 100 + n END, 0, 1, 0
         FROM UNNEST($1::text[]) WITH ORDINALITY AS crowd (wallet, n) WHERE n <= 57",
        "UPDATE boards SET referrers = referrers + cardinality($1::text[])
         WHERE campaign = '#category/music' AND period = ''",
        "INSERT INTO boards VALUES ('#category/music', '@', cardinality($1::text[]) - 2)",
    ] {
        let query = sqlx::query(sql).bind(&wallets);
        query.execute(database).await.expect("rows");
    }
    sqlx::query("INSERT INTO referrer_totals VALUES ('#category/music', $1, '@', 1, 0, 1, 0)")
        .bind(alice.to_string())
        .execute(database)
        .await
        .expect("a row");
}

#[tokio::test]
async fn an_invitation_in_the_browser_from_the_link_to_the_receipt() {
    // Given an open campaign with a code and five conversions, one that holds rewards, and one that
    // is paused
    let company = Company::new().await;
    let [alice, bob, carol, dave, erin, poor] = [(); 6].map(|()| Keypair::new());
    for wallet in [&alice, &bob, &carol, &dave, &erin] {
        fund(&company.rpc, &wallet.pubkey()).await;
    }
    let settings = Settings {
        referee_share_bps: SHARE,
        ..Settings::fixed(REWARD)
    };
    let held = Settings {
        hold_seconds: DAY,
        budget: REWARD * 20,
        ..settings
    };
    let paused = company.open(3, "Winter offer", settings).await;
    company.register(&paused, &alice, "WNTER226", 0).await;
    let pause = instructions::set_paused(&company.key.pubkey(), &paused, true);
    company.send(&[pause], &[]).await;
    let held = company.open(2, "Northwind", held).await;
    company.register(&held, &alice, "NRTHWND2", 0).await;
    let campaign = company.open(1, "Aurora", settings).await;
    company.register(&campaign, &alice, "AURRA234", 0).await;
    company.register(&campaign, &alice, "NCEUSE22", 1).await;
    // Alice makes music, since a day before her first conversion: a choice begins on a later day
    let database = PgPool::connect(company.stack.database_url()).await;
    let database = database.expect("Postgres");
    let music = "INSERT INTO referrer_choices (referrer, kind, from_day, value, chosen_at)
                 VALUES ($1, 'category', '2026-01-02', 'music', '2026-01-01')";
    let music = sqlx::query(music).bind(alice.pubkey().to_string());
    music.execute(&database).await.expect("a choice");
    for _ in 0..5 {
        company.convert(&campaign, "AURRA234").await;
    }
    // And the leaderboards count them
    until("the conversions are final", async || {
        let board = company
            .ask(&format!("/v1/leaderboard?campaign={campaign}"))
            .await;
        board["entries"][0]["conversions"] == 5
    })
    .await;
    let board = company.ask("/v1/leaderboard?category=music").await;
    assert_eq!(board["entries"][0]["conversions"], 5, "{board}");
    assert_eq!(board["total_entries"], 1);
    crowd(&database, &alice.pubkey()).await;

    // When people come with a browser
    let secret = |keypair: &Keypair| keypair.to_bytes().to_vec();
    let content = json!({
        "apiUrl": company.stack.api_url(),
        "rpcUrl": company.rpc.url(),
        "probesUrl": company.stack.api.probes_url().expect("metrics"),
        "campaign": campaign.to_string(),
        "held": held.to_string(),
        "paused": paused.to_string(),
        "code": "AURRA234",
        "heldCode": "NRTHWND2",
        "pausedCode": "WNTER226",
        "lastCode": "NCEUSE22",
        "company": secret(&company.key),
        "alice": secret(&alice),
        "aliceAddress": alice.pubkey().to_string(),
        "bob": secret(&bob),
        "carol": secret(&carol),
        "dave": secret(&dave),
        "erin": secret(&erin),
        "poor": secret(&poor),
    });
    company.play("e2e", &content).await;

    // Then the chain has paid exactly what the pages have shown: eight conversions to Alice, and one
    // each to Bob, Dave and Erin
    let opened = company.read(&campaign).await;
    let balance = async |owner: &Keypair| {
        let address = opened.reward_account(&owner.pubkey());
        let data = company.rpc.get_account_data(&address).await.expect("bytes");
        token::balance(&data).expect("a token account")
    };
    assert_eq!(balance(&alice).await, 8 * ALICES);
    for referee in [&bob, &dave, &erin] {
        assert_eq!(balance(referee).await, REWARD - ALICES);
    }
    // And Carol's conversion waits: nothing of it was paid
    let path = format!("/v1/conversions?campaign={held}");
    let waiting = company.ask(&path).await;
    assert_eq!(
        waiting["conversions"][0]["referee"],
        carol.pubkey().to_string()
    );
    assert_eq!(waiting["conversions"][0]["status"], "pending");
    company.stack.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn a_company_opens_and_runs_a_campaign_in_the_browser() {
    // Given the campaign of another company, with a code and a conversion
    let company = Company::new().await;
    let alice = Keypair::new();
    fund(&company.rpc, &alice.pubkey()).await;
    let settings = Settings {
        referee_share_bps: SHARE,
        ..Settings::fixed(REWARD)
    };
    let campaign = company.open(1, "Aurora", settings).await;
    company.register(&campaign, &alice, "AURRA234", 0).await;
    company.convert(&campaign, "AURRA234").await;
    let conversions = format!("/v1/conversions?campaign={campaign}");
    until("the mirror has the conversion", async || {
        company.ask(&conversions).await["conversions"][0]["code"] == "AURRA234"
    })
    .await;
    let before = company.read(&campaign).await;

    // When a new wallet opens a campaign of its own and runs it, and an API lies to it
    let scene = json!({
        "apiUrl": company.stack.api_url(),
        "rpcUrl": company.rpc.url(),
        "campaign": campaign.to_string(),
        "code": "AURRA234",
    });
    company.play("e2e:console", &scene).await;

    // Then nothing of the other company's campaign has changed
    assert_eq!(company.read(&campaign).await, before);
    company.stack.stop().await.expect("a clean stop");
}

#[tokio::test]
async fn a_foreign_page_embeds_the_code_field_and_the_panel() {
    // Given a campaign with two codes, one of which counts once and has counted, a paused campaign, and one
    // that ends
    let company = Company::new().await;
    let [alice, bob] = [(); 2].map(|()| Keypair::new());
    for wallet in [&alice, &bob] {
        fund(&company.rpc, &wallet.pubkey()).await;
    }
    let settings = Settings {
        referee_share_bps: SHARE,
        ..Settings::fixed(REWARD)
    };
    let authority = company.key.pubkey();
    let ending = company.open(3, "Spring offer", settings).await;
    company.register(&ending, &alice, "SPRNG226", 0).await;
    let soon = Settings {
        ends_at: OffsetDateTime::now_utc().unix_timestamp() + i64::from(ENDS_AFTER),
        ..settings
    };
    let end = instructions::update_campaign(&authority, &ending, &soon);
    company.send(&[end], &[]).await;
    let paused = company.open(2, "Winter offer", settings).await;
    company.register(&paused, &alice, "WNTER226", 0).await;
    let pause = instructions::set_paused(&authority, &paused, true);
    company.send(&[pause], &[]).await;
    let campaign = company.open(1, "Aurora", settings).await;
    company.register(&campaign, &alice, "AURRA234", 0).await;
    company.register(&campaign, &alice, "SECND234", 0).await;
    company.register(&campaign, &alice, "NCEUSE22", 1).await;
    company.convert(&campaign, "NCEUSE22").await;
    // And the service knows what is wrong with each
    for (code, reason) in [
        ("AURRA234", Value::Null),
        ("SECND234", Value::Null),
        ("NCEUSE22", json!("limit_reached")),
        ("WNTER226", json!("campaign_paused")),
        ("SPRNG226", json!("campaign_ended")),
    ] {
        let path = format!("/v1/codes/{code}/validate");
        until("the code is as it will be", async || {
            let answer = company.ask(&path).await;
            answer["reason"] == reason && answer["valid"] == reason.is_null()
        })
        .await;
    }

    // When a page of another origin has both elements, then they work as its visitors expect
    let scene = json!({
        "apiUrl": company.stack.api_url(),
        "rpcUrl": company.rpc.url(),
        "campaign": campaign.to_string(),
        "code": "AURRA234",
        "otherCode": "SECND234",
        "usedCode": "NCEUSE22",
        "pausedCode": "WNTER226",
        "endedCode": "SPRNG226",
        "bob": bob.to_bytes().to_vec(),
    });
    company.play("e2e:embed", &scene).await;

    // And the conversion of the panel's link is on chain: the code has counted one more
    let code: Code = "AURRA234".parse().expect("a code");
    let address = pda::referral(&campaign, &code);
    let bytes = company.rpc.get_account_data(&address).await.expect("bytes");
    assert_eq!(Referral::decode(&bytes).expect("a referral").conversions, 1);
    company.stack.stop().await.expect("a clean stop");
}

/// In hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn an_order_in_the_browser_from_the_companys_link_to_the_receipt() {
    // Given a campaign that splits payments, one whose conversions the company confirms, and a closed one,
    // each with a code of Alice
    let mut company = Company::new().await;
    // The keeper returns deposits, too
    company.stack.keeper.stop().await.expect("a clean stop");
    let [alice, bob, carol, attestor] = [(); 4].map(|()| Keypair::new());
    for wallet in [&alice, &bob, &carol] {
        fund(&company.rpc, &wallet.pubkey()).await;
    }
    let treasury = Keypair::new().pubkey();
    let tenth = Settings {
        referee_share_bps: 2_500,
        treasury,
        ..Settings::percent(1_000, u64::MAX)
    };
    let sale = company.open_sale(1, "Harbour shop", tenth).await;
    company.register_own(&sale, &alice, "HARBUR23").await;
    let terms = Terms {
        proof: Proof::Attested,
        uniqueness: Uniqueness::Order,
        ..Terms::default()
    };
    let confirmed = Settings {
        referee_share_bps: SHARE,
        attestor: attestor.pubkey(),
        ..Settings::fixed(REWARD)
    };
    let attested = company.open_with(2, "Night school", terms, confirmed).await;
    company.register(&attested, &alice, "NGHTSC23", 0).await;
    let over = company
        .open(3, "Last summer", Settings::fixed(REWARD))
        .await;
    company.register_own(&over, &alice, "SUMMER22").await;
    let close = instructions::close_campaign(&company.key.pubkey(), &over);
    company.send(&[close], &[]).await;
    until("the mirror has all of it", async || {
        let closed = company.ask(&format!("/v1/campaigns/{over}")).await;
        let code = company.ask("/v1/codes/NGHTSC23/validate").await;
        closed["closed"] == true && code["valid"] == true
    })
    .await;
    let deposit = pda::referral(&over, &"SUMMER22".parse().expect("a code"));
    let deposit = company.rpc.get_balance(&deposit).await.expect("lamports");

    // When people follow the company's links
    let order = [7_u8; 32];
    let secret = |keypair: &Keypair| keypair.to_bytes().to_vec();
    let voucher = company.vouched(&attested, &attestor, "NGHTSC23", &carol, 3_600);
    let late = company.vouched(&attested, &attestor, "NGHTSC23", &carol, -60);
    let scene = json!({
        "apiUrl": company.stack.api_url(),
        "rpcUrl": company.rpc.url(),
        "sale": format!("/c/{sale}?ref=HARBUR23&amount={PRICE}&reference={}", hex(&order)),
        "attested": format!("/c/{attested}?ref=NGHTSC23&{}", voucher.await),
        "late": format!("/c/{attested}?ref=NGHTSC23&{}", late.await),
        "reference": hex(&order),
        "deposit": deposit,
        "alice": secret(&alice),
        "bob": secret(&bob),
        "carol": secret(&carol),
    });
    company.play("e2e:order", &scene).await;

    // Then everybody has their part of the payment
    let lamports = async |wallet: &Pubkey| company.rpc.get_balance(wallet).await.expect("lamports");
    assert_eq!(lamports(&treasury).await, PRICE - PRICE / 10);
    let campaign = company.read(&sale).await;
    let referral = pda::referral(&sale, &"HARBUR23".parse().expect("a code"));
    let key = campaign
        .terms()
        .conversion_key(&bob.pubkey(), &referral, &order);
    let bytes = company
        .rpc
        .get_account_data(&pda::conversion(&sale, &key))
        .await;
    let conversion = Conversion::decode(&bytes.expect("bytes")).expect("a conversion");
    assert_eq!(conversion.status, Status::Paid);
    assert_eq!(conversion.reward_referee, DISCOUNT);
    // And the confirmed one was paid to Alice and Carol
    let campaign = company.read(&attested).await;
    for (owner, part) in [(&alice, ALICES), (&carol, REWARD - ALICES)] {
        let account = campaign.reward_account(&owner.pubkey());
        let data = company.rpc.get_account_data(&account).await.expect("bytes");
        assert_eq!(token::balance(&data).expect("a token account"), part);
    }
    // And the code of the closed campaign is gone, with its deposit
    let code = pda::referral(&over, &"SUMMER22".parse().expect("a code"));
    assert_eq!(lamports(&code).await, 0);
    company.stack.stop().await.expect("a clean stop");
}
