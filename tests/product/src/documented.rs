//! Schemathesis against the real API: what the OpenAPI document says is compared with what the API does.
//!
//! The API has a mirror of a real validator, with campaigns, codes, conversions and badges of one company,
//! whose session is sent along. `tests/schemathesis` has the settings: which checks, and the few rules that
//! a document cannot say.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write as _},
    fs,
    path::Path,
};

use anyhow::{Context as _, Result, anyhow, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use solana_commitment_config::CommitmentConfig;
use solana_sdk::{
    signature::{Keypair, Signer as _},
    signer::keypair::write_keypair_file,
    transaction::VersionedTransaction,
};
use vouch_client::{Code, Share, accounts::Settings, delegation, instructions, pda, token};
use vouch_localnet::{Service, schemathesis, schemathesis_folder, sign_in};

use crate::{REWARD, World, fund, start_api_with, until};

/// The company's code.
const CODE: &str = "CMPNY234";
/// Conversions with it: enough for a badge.
const CONVERSIONS: usize = 3;
/// The most basis points of a reward that a partner may get.
const PARTNERS: u16 = 1_000;
/// Sessions that are there to be ended, each of a wallet of its own.
const SESSIONS: usize = 400;
/// Signed challenges, of which each opens a session.
const CHALLENGES: usize = 40;
/// API keys that are there to be replaced or revoked.
const KEYS: usize = 8;
/// The limits of a minute. One machine asks for everything here.
const LIMITS: [&str; 12] = [
    "ACTIONS_PER_MINUTE",
    "ACTION_ACCOUNTS_PER_MINUTE",
    "BUILDS_PER_MINUTE",
    "CHANGES_PER_MINUTE",
    "CODES_PER_MINUTE",
    "DELEGATIONS_PER_MINUTE",
    "SIGN_INS_PER_MINUTE",
    "SPONSOR_CAMPAIGN_TRANSACTIONS_PER_DAY",
    "SPONSOR_NETWORK_TRANSACTIONS_PER_DAY",
    "SPONSOR_TRANSACTIONS_PER_DAY",
    "SPONSOR_WALLET_TRANSACTIONS_PER_DAY",
    "SPONSOR_HIGHEST_FEE",
];
/// The same in lamports.
const LAMPORTS: [&str; 4] = [
    "SPONSOR_CAMPAIGN_LAMPORTS_PER_DAY",
    "SPONSOR_LAMPORTS_PER_DAY",
    "SPONSOR_NETWORK_LAMPORTS_PER_DAY",
    "SPONSOR_WALLET_LAMPORTS_PER_DAY",
];

/// How long it shall go on.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The same number gives the same requests.
    pub seed: u64,
    /// Most random requests for each operation of the document, besides those that try each limit of a schema.
    pub examples: u32,
}

/// The answers, by operation (`GET /v1/campaigns`) and status.
#[derive(Debug)]
pub struct Report {
    /// Whether every check of every answer passed.
    pub passed: bool,
    /// The operations of the document.
    pub documented: BTreeSet<String>,
    /// Number of answers.
    pub answers: BTreeMap<String, BTreeMap<u16, u64>>,
}

impl Report {
    /// The documented operations without an answer that the predicate holds for.
    pub fn without(&self, is_meant: impl Fn(u16) -> bool) -> Vec<&str> {
        let operations = self.documented.iter().filter(|operation| {
            let mut statuses = self.answers.get(*operation).into_iter().flatten();
            !statuses.any(|(status, _)| is_meant(*status))
        });
        operations.map(String::as_str).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for operation in &self.documented {
            write!(f, "{operation}:")?;
            for (status, count) in self.answers.get(operation).into_iter().flatten() {
                write!(f, " {status}×{count}")?;
            }
            writeln!(f)?;
        }
        let all = self.answers.values().flatten().map(|(_, count)| count);
        write!(
            f,
            "{} operations, {} answers; {} operations without a success",
            self.documented.len(),
            all.sum::<u64>(),
            self.without(|status| status < 400).len()
        )
    }
}

/// Starts everything and runs schemathesis, whose output goes to this process's.
///
/// # Errors
/// When schemathesis is not installed, or does not reach the end.
///
/// # Panics
/// When a part of the product does not start.
pub async fn run(options: Options) -> Result<Report> {
    let settings = Settings {
        max_partner_share_bps: PARTNERS,
        ..Settings::fixed(REWARD)
    };
    let world = World::with(settings).await;
    // A stream would last for an hour.
    let mut settings = vec![("LIVE_SECONDS", "1"), ("LIVE_STREAMS_PER_NETWORK", "10000")];
    settings.extend(LIMITS.map(|name| (name, "1000000")));
    settings.extend(LAMPORTS.map(|name| (name, "1000000000000")));
    let keys = tempfile::tempdir()?;
    let sponsor = Keypair::new();
    fund(&world.scene.rpc, &sponsor.pubkey()).await;
    let keypair = keys.path().join("sponsor.json");
    let keypair = keypair.to_str().context("a path")?;
    write_keypair_file(&sponsor, keypair).map_err(|error| anyhow!("the sponsor's key: {error}"))?;
    settings.extend([("SPONSOR_KEYPAIR", keypair), ("SPONSOR_CAMPAIGNS", "all")]);
    let api = start_api_with(&world, &world.scene.validator.rpc_url(), &settings).await;
    let folder = tempfile::tempdir()?;
    let seed = seed(&world, &api).await?;
    fs::write(folder.path().join("seed.json"), seed.to_string())?;
    let answers = folder.path().join("answers.json");
    let passed = ask(&api, options, &seed, folder.path(), &answers).await?;
    let document: Value = reqwest::get(format!("{}/openapi.json", api.url()))
        .await?
        .json()
        .await?;
    let answers = fs::read(&answers).context("schemathesis has not noted the answers")?;
    Ok(Report {
        passed,
        documented: operations(&document),
        answers: serde_json::from_slice(&answers)?,
    })
}

/// `METHOD path` of each operation of an OpenAPI document.
fn operations(document: &Value) -> BTreeSet<String> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let operations = paths.flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten();
        methods.map(move |(method, _)| format!("{} {path}", method.to_uppercase()))
    });
    operations.collect()
}

/// Runs schemathesis. Returns whether every check passed.
async fn ask(
    api: &Service,
    options: Options,
    seed: &Value,
    folder: &Path,
    answers: &Path,
) -> Result<bool> {
    let settings = schemathesis_folder().join("schemathesis.toml");
    let mut settings = fs::read_to_string(&settings)?;
    for (name, values) in seed.as_object().into_iter().flatten() {
        // An array of texts or numbers is the same in JSON and TOML.
        if values[0].is_object() {
            continue;
        }
        writeln!(settings, "[dictionaries.{name}]\nvalues = {values}")?;
    }
    let file = folder.join("schemathesis.toml");
    fs::write(&file, settings)?;
    let mut command = schemathesis()?
        .args(["--config-file".as_ref(), file.as_os_str()])
        .args(["run", &format!("{}/openapi.json", api.url())])
        .args(["--checks", "all"])
        .args(["--seed", &options.seed.to_string()])
        .args(["--max-examples", &options.examples.to_string()])
        .env("VOUCH_SEED", folder.join("seed.json").to_string_lossy())
        .env(
            "VOUCH_HOOKS",
            schemathesis_folder().join("hooks.py").to_string_lossy(),
        )
        .env("VOUCH_ANSWERS", answers.to_string_lossy());
    // It writes what it remembers into its working folder.
    command.dir = Some(folder.to_owned());
    let status = command.spawn()?.wait().await?;
    // 1 means that a check failed; everything else, that it did not come to the end.
    ensure!(
        matches!(status.code(), Some(0 | 1)),
        "schemathesis: {status}"
    );
    Ok(status.success())
}

/// Fills the world. Returns what there is, for requests that shall find something.
async fn seed(world: &World, api: &Service) -> Result<Value> {
    let scene = &world.scene;
    let company = scene.company.pubkey();
    let code: Code = CODE.parse().ok().context("a code")?;
    scene.register(&scene.company, &code).await;
    scene.convert_many(CONVERSIONS).await;
    for _ in 0..CONVERSIONS {
        let referee = Keypair::new();
        let conversion = scene.conversion_with(&code, &company, &referee);
        scene.send(&[conversion], &[&referee]).await;
    }
    let vault = scene.open_vault(REWARD, 100 * REWARD).await;
    scene.convert_in(&vault).await;
    // A wallet that has SOL and converts with nobody's code.
    let visitor = Keypair::new();
    fund(&scene.rpc, &visitor.pubkey()).await;
    // Campaigns and codes that were offered, and those that can be ended.
    let offers = [
        instructions::propose_authority(&company, &vault.address, Some(&visitor.pubkey())),
        instructions::propose_owner(
            &company,
            &pda::referral(&scene.campaign, &code),
            Some(&visitor.pubkey()),
        ),
        instructions::set_partner(
            &scene.alice.pubkey(),
            &visitor.pubkey(),
            &scene.campaign,
            &pda::referral(&scene.campaign, &scene.code),
            Share {
                bps: PARTNERS,
                fixed: 0,
            },
        ),
        token::create_associated_token(
            &company,
            &company,
            &vault.opened.mint,
            &token::TOKEN_PROGRAM_ID,
        ),
        token::mint_to(
            &token::TOKEN_PROGRAM_ID,
            &vault.opened.mint,
            &pda::associated_token(&company, &vault.opened.mint, &token::TOKEN_PROGRAM_ID).0,
            &company,
            REWARD,
        ),
    ];
    let offers = scene.send(&offers, &[&scene.alice, &visitor]).await;
    world.until_mirrored(&offers, true).await;
    let genesis = scene.rpc.get_genesis_hash().await?;
    let delegation =
        delegation::instruction(&company, &genesis, &scene.campaign, &visitor.pubkey());
    let delegation = scene.send(&[delegation], &[]).await;
    let of_company = format!("SELECT count(*) FROM awards WHERE referrer = '{company}'");
    until("the company has a badge", async || {
        world.number(&of_company).await > 0
    })
    .await;
    until("the vault's conversion is mirrored", async || {
        world.number("SELECT count(*) FROM conversions").await == 7
    })
    .await;

    until("the delegation is final", async || {
        let finalized = CommitmentConfig::finalized();
        let rpc = &scene.rpc;
        let answer = rpc.confirm_transaction_with_commitment(&delegation, finalized);
        answer.await.is_ok_and(|answer| answer.value)
    })
    .await;
    until("there is a digest", async || {
        world.number("SELECT count(*) FROM digests").await > 0
    })
    .await;

    for _ in 0..KEYS {
        sign_in(&api.url(), &scene.company).await?;
    }
    let token = sign_in(&api.url(), &scene.company).await?;
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let keys = format!("{}/v1/campaigns/{}/keys", api.url(), scene.campaign);
    let mut ids = Vec::new();
    for number in 0..KEYS {
        let body = json!({ "name": format!("Shop {number}"), "scopes": ["read:analytics"] });
        let made = http.post(&keys).bearer_auth(&token).json(&body);
        let made: Value = made.send().await?.error_for_status()?.json().await?;
        ids.push(made["id"].clone());
    }
    let rules = format!(
        "{}/v1/campaigns/{}/attestation-rules",
        api.url(),
        scene.campaign
    );
    let body = json!({ "per_wallet_per_day": 1, "per_day": 1, "least_amount": "0",
        "most_amount": "9", "valid_seconds": 60 });
    let set = http.put(rules).bearer_auth(&token).json(&body);
    set.send().await?.error_for_status()?;
    let link = format!("{}/r/{CODE}", api.url());
    let landing = http.get(link).send().await?;
    let landing = landing
        .headers()
        .get("location")
        .context("a landing page")?;
    let landing = reqwest::Url::parse(landing.to_str()?)?;
    let click = landing.query_pairs().find(|(name, _)| name == "click_id");
    let (_, click) = click.context("a click")?;
    let mut sessions = Vec::new();
    for _ in 0..SESSIONS {
        sessions.push(sign_in(&api.url(), &Keypair::new()).await?);
    }
    let mut challenges = Vec::new();
    for _ in 0..CHALLENGES {
        let wallet = Keypair::new();
        let challenge = format!("{}/v1/auth/challenge", api.url());
        let body = json!({ "wallet": wallet.pubkey().to_string() });
        let challenge = http.post(challenge).json(&body).send().await?;
        let challenge: Value = challenge.error_for_status()?.json().await?;
        let message = challenge["message"].as_str().context("a message")?;
        challenges.push(json!({
            "wallet": challenge["wallet"],
            "nonce": challenge["nonce"],
            "signature": wallet.sign_message(message.as_bytes()).to_string(),
            "token": "bearer",
        }));
    }
    let text = async |sql: &str| -> Result<Vec<String>> {
        Ok(sqlx::query_scalar(sql).fetch_all(&world.pool).await?)
    };
    let number = async |sql: &str| -> Result<Vec<i64>> {
        Ok(sqlx::query_scalar(sql).fetch_all(&world.pool).await?)
    };
    let wallets = [company, scene.alice.pubkey(), visitor.pubkey()].map(|it| it.to_string());
    // It pays the rent itself.
    let sponsored = sponsored(api, &scene.campaign.to_string(), &visitor).await?;
    Ok(json!({
        "token": [token],
        "sessions_to_end": sessions,
        "signed_challenges": challenges,
        "company": [company.to_string()],
        "campaigns": [scene.campaign.to_string(), vault.address.to_string()],
        "codes": [CODE, scene.code.to_string()],
        "wallets": wallets,
        "mints": [scene.opened.mint.to_string(), vault.opened.mint.to_string()],
        "conversions": text("SELECT address FROM conversions ORDER BY seq").await?,
        "referrals": text("SELECT address FROM referrals ORDER BY seq").await?,
        "referees": text("SELECT referee FROM conversions ORDER BY seq").await?,
        "sessions": text(&format!(
            "SELECT id::text FROM sessions WHERE wallet = '{company}' ORDER BY id LIMIT {KEYS}"
        ))
        .await?,
        "signatures": text("SELECT signature FROM transactions ORDER BY seq").await?,
        "delegations": [delegation.to_string()],
        "awards": number("SELECT id FROM awards ORDER BY id").await?,
        "slots": number("SELECT DISTINCT slot FROM transactions ORDER BY 1").await?,
        "clicks": [click],
        "keys": ids,
        "sponsored": [sponsored],
    }))
}

/// A request to the sponsor: a code of the wallet, signed by it.
async fn sponsored(api: &Service, campaign: &str, owner: &Keypair) -> Result<Value> {
    let url = format!("{}/v1/transactions/create-referral", api.url());
    let owner_text = owner.pubkey().to_string();
    let body = json!({ "campaign": campaign, "owner": owner_text, "fee_payer": "sponsor" });
    let built = reqwest::Client::new().post(url).json(&body).send().await?;
    let built: Value = built.error_for_status()?.json().await?;
    let wire = BASE64.decode(built["transaction"].as_str().context("a transaction")?)?;
    let mut transaction: VersionedTransaction = bincode::deserialize(&wire)?;
    let signature = owner.sign_message(&transaction.message.serialize());
    // The sponsor's place is the first.
    *transaction.signatures.get_mut(1).context("a place")? = signature;
    let signed = BASE64.encode(bincode::serialize(&transaction)?);
    Ok(json!({ "transaction": signed, "sponsorship": built["sponsorship"] }))
}
