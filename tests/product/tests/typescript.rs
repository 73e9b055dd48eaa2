//! The TypeScript client: its own tests, conversions that it sends to a real validator,
//! and the script of `anchor test`.

use std::{fs, time::Duration};

use serde_json::json;
use solana_client::nonblocking::rpc_client::RpcClient;
use solana_sdk::{
    instruction::Instruction,
    pubkey::Pubkey,
    signature::{Keypair, Signer},
};
use tokio::{sync::OnceCell, time::sleep};
use vouch_client::{
    Code,
    accounts::{
        AccountType, Campaign, Conversion, Funding, Proof, Referral, Settings, Status, Terms,
        Uniqueness,
    },
    instructions::{self, CreateCampaign, CreateReferral},
    pda, token,
};
use vouch_localnet::{Instance, ProcessSpec, Validator, npm, typescript_client, workspace_root};
use vouch_product_tests::{assert_history_explains_accounts, send, validator};

const CODE: &str = "MYSHARE2";
const SOL: u64 = 1_000_000_000;
/// Base units for each conversion in the open campaign.
const FIXED: u64 = 5_000_000;
/// The worth of each order, in lamports if it is paid in SOL.
const AMOUNT: u64 = SOL;
/// The initial balance of the vault.
const FUNDS: u64 = 10 * SOL;
/// Pause between two polls.
const POLL: Duration = Duration::from_millis(20);
const ORDER: [u8; 32] = [7; 32];

/// Runs `npm run {script}` in the client's folder, which is compiled once before.
async fn run(script: &str, prepare: impl FnOnce(ProcessSpec) -> ProcessSpec) {
    static COMPILED: OnceCell<()> = OnceCell::const_new();
    COMPILED
        .get_or_init(async || {
            assert!(
                typescript_client().join("node_modules").is_dir(),
                "run `npm ci` in {}, or use ./dev, which does",
                typescript_client().display()
            );
            finish("build", |npm| npm).await;
        })
        .await;
    finish(script, prepare).await;
}

async fn finish(script: &str, prepare: impl FnOnce(ProcessSpec) -> ProcessSpec) {
    succeed(prepare(
        npm(["run", "--silent", script]).expect("Node is there"),
    ))
    .await;
}

/// Runs the process to its end, and shows its output when it fails.
async fn succeed(mut spec: ProcessSpec) {
    let log = tempfile::NamedTempFile::new().expect("a file");
    spec.log = Some(log.path().to_owned());
    let line = format!("{} {:?}", spec.name, spec.args);
    let mut process = spec.spawn().expect("it runs");
    let status = process.wait().await.expect("it ends");
    let output = || fs::read_to_string(log.path()).unwrap_or_default();
    assert!(
        status.success(),
        "{line} ended with {status}:\n{}",
        output()
    );
}

#[tokio::test]
async fn the_typescript_client_does_what_the_rust_client_does() {
    run("unit", |npm| npm).await;
}

struct World {
    rpc: RpcClient,
    company: Keypair,
    alice: Keypair,
    bob: Keypair,
    attestor: Keypair,
    treasury: Pubkey,
    validator: Validator,
    instance: Instance,
}

impl World {
    /// A validator with the program, and wallets with SOL.
    async fn new() -> Self {
        let instance = Instance::create("typescript-test").expect("a folder");
        let (validator, rpc) = validator(&instance).await;
        let world = Self {
            rpc,
            company: Keypair::new(),
            alice: Keypair::new(),
            bob: Keypair::new(),
            attestor: Keypair::new(),
            treasury: Keypair::new().pubkey(),
            validator,
            instance,
        };
        for wallet in [world.company.pubkey(), world.bob.pubkey()] {
            let airdrop = world.rpc.request_airdrop(&wallet, 100 * SOL).await;
            let signature = airdrop.expect("an airdrop");
            while !world
                .rpc
                .confirm_transaction(&signature)
                .await
                .expect("a status")
            {
                sleep(POLL).await;
            }
        }
        world
    }

    async fn send(&self, instructions: &[Instruction], signers: &[&Keypair]) {
        send(&self.rpc, signers[0], instructions, &signers[1..]).await;
    }

    /// Opens the company's campaign `id` with Alice's code in it. Rewards are a new
    /// token, unless the campaign splits payments.
    async fn open(&self, id: u64, terms: Terms, settings: Settings) -> Pubkey {
        let company = self.company.pubkey();
        let (campaign, _) = pda::campaign(&company, id);
        let mint = Keypair::new();
        let sol = terms.funding == Funding::PaymentSplit;
        let mut signers = vec![&self.company];
        let mut all = Vec::new();
        if !sol {
            let rent = self
                .rpc
                .get_minimum_balance_for_rent_exemption(token::MINT_SIZE as usize)
                .await
                .expect("the rent");
            all.extend(token::create_mint(
                &company,
                &mint.pubkey(),
                &company,
                6,
                rent,
            ));
            signers.push(&mint);
        }
        let program = token::TOKEN_PROGRAM_ID;
        match terms.funding {
            Funding::MintAuthority => all.push(token::set_mint_authority(
                &mint.pubkey(),
                &company,
                &campaign,
            )),
            Funding::Vault => {
                let (vault, _) = pda::vault(&campaign, &mint.pubkey(), &program);
                all.extend([
                    token::create_associated_token(&company, &campaign, &mint.pubkey(), &program),
                    token::mint_to(&program, &mint.pubkey(), &vault, &company, FUNDS),
                ]);
            }
            Funding::PaymentSplit => {}
        }
        let token = |address: Pubkey| if sol { Pubkey::default() } else { address };
        all.push(instructions::create_campaign(&CreateCampaign {
            payer: company,
            authority: company,
            id,
            mint: token(mint.pubkey()),
            payment_mint: Pubkey::default(),
            token_program: token(program),
            terms,
            settings,
        }));
        self.send(&all, &signers).await;

        // A separate transaction, because one for everything would be too large.
        let register = CreateReferral::new(&company, &self.alice.pubkey(), &campaign, &code());
        self.send(
            &[instructions::create_referral(&register)],
            &[&self.company, &self.alice],
        )
        .await;
        campaign
    }

    async fn read<T: AccountType>(&self, address: &Pubkey) -> T {
        let data = self
            .rpc
            .get_account_data(address)
            .await
            .expect("an account");
        T::decode(&data).expect("of this type")
    }

    /// The campaign, Alice's referral in it, and Bob's conversion.
    async fn outcome(
        &self,
        campaign: &Pubkey,
        reference: &[u8; 32],
    ) -> (Campaign, Referral, Conversion) {
        let data: Campaign = self.read(campaign).await;
        let address = pda::referral(campaign, &code());
        let referral: Referral = self.read(&address).await;
        let bob = self.bob.pubkey();
        let key = data.terms().conversion_key(&bob, &address, reference);
        let conversion = self.read(&pda::conversion(campaign, &key)).await;
        (data, referral, conversion)
    }

    async fn lamports(&self, wallet: &Pubkey) -> u64 {
        self.rpc.get_balance(wallet).await.expect("a balance")
    }

    async fn tokens(&self, campaign: &Campaign, owner: &Keypair) -> u64 {
        let account = campaign.reward_account(&owner.pubkey());
        let data = self.rpc.get_account_data(&account).await.expect("tokens");
        token::balance(&data).expect("a token account")
    }
}

fn code() -> Code {
    CODE.parse().expect("it is one")
}

#[tokio::test]
async fn conversions_sent_from_typescript_are_paid() {
    // Given an open campaign that mints, one that pays for attested orders from its
    // vault, and one that splits payments in SOL
    let mut world = World::new().await;
    let open = world
        .open(1, Terms::default(), Settings::fixed(FIXED))
        .await;
    let attested = Terms {
        funding: Funding::Vault,
        proof: Proof::Attested,
        uniqueness: Uniqueness::Order,
        ..Terms::default()
    };
    let tenth = Settings {
        referee_share_bps: 2_500,
        attestor: world.attestor.pubkey(),
        ..Settings::percent(1_000, u64::MAX)
    };
    let attested = world.open(2, attested, tenth).await;
    let sale = Terms {
        funding: Funding::PaymentSplit,
        proof: Proof::Payment,
        uniqueness: Uniqueness::Order,
        ..Terms::default()
    };
    let tenth = Settings {
        treasury: world.treasury,
        ..tenth
    };
    let sale = world.open(3, sale, tenth).await;

    // When Bob signs up, proves an order and buys, from TypeScript
    let scene = world.instance.dir().join("scene.json");
    let secret = |keypair: &Keypair| keypair.to_bytes().to_vec();
    let content = json!({
        "rpcUrl": world.validator.rpc_url(),
        "wsUrl": world.validator.ws_url(),
        "code": CODE,
        "payer": secret(&world.company),
        "referee": secret(&world.bob),
        "attestor": secret(&world.attestor),
        "open": open.to_string(),
        "attested": attested.to_string(),
        "sale": sale.to_string(),
        "order": ORDER,
        "amount": AMOUNT.to_string(),
    });
    fs::write(&scene, content.to_string()).expect("a file");
    let before = world.lamports(&world.bob.pubkey()).await;
    run("e2e", |npm| npm.env("VOUCH_SCENE", scene.to_string_lossy())).await;

    // Then the open campaign has minted Alice her reward
    let (campaign, referral, conversion) = world.outcome(&open, &[0; 32]).await;
    assert_eq!(conversion.status, Status::Paid);
    assert_eq!(world.tokens(&campaign, &world.alice).await, FIXED);
    assert_eq!((referral.conversions, referral.rewards_total), (1, FIXED));

    // And the vault has paid a tenth of the order, three quarters of it to Alice
    let (campaign, referral, conversion) = world.outcome(&attested, &ORDER).await;
    assert_eq!(conversion.status, Status::Paid);
    let (alices, bobs) = (AMOUNT / 10 * 3 / 4, AMOUNT / 10 / 4);
    assert_eq!(world.tokens(&campaign, &world.alice).await, alices);
    assert_eq!(world.tokens(&campaign, &world.bob).await, bobs);
    assert_eq!(
        (referral.rewards_total, referral.rewards_pending),
        (alices, 0)
    );
    assert_eq!(campaign.owed, 0);

    // And Bob has paid the price without his part, which is the discount
    let (_, _, conversion) = world.outcome(&sale, &ORDER).await;
    assert_eq!(conversion.status, Status::Paid);
    let paid = before - world.lamports(&world.bob.pubkey()).await;
    assert_eq!(paid, AMOUNT - bobs);
    assert_eq!(world.lamports(&world.treasury).await, AMOUNT - AMOUNT / 10);
    assert_eq!(world.lamports(&world.alice.pubkey()).await, alices);

    // And all of it follows from the transactions alone [M12]
    assert_history_explains_accounts(&world.rpc).await;
    world.validator.stop().await.expect("it stops");
}

/// The script of `anchor test`, from Anchor.toml.
fn script_of_anchor_test() -> String {
    let config = fs::read_to_string(workspace_root().join("Anchor.toml")).expect("a file");
    let line = config.lines().find_map(|line| line.strip_prefix("test = "));
    // A basic TOML string without escapes is a valid JSON string.
    serde_json::from_str(line.expect("a script")).expect("a string")
}

#[tokio::test]
async fn the_script_of_anchor_test_plays_a_campaigns_life() {
    // Given a validator with the program, and a wallet with SOL
    let mut world = World::new().await;
    let wallet = world.instance.dir().join("wallet.json");
    let secret = json!(world.company.to_bytes().to_vec());
    fs::write(&wallet, secret.to_string()).expect("a file");

    // When the script runs as the Anchor CLI runs it
    let mut script = ProcessSpec::new("bash", "bash").args(["-c", &script_of_anchor_test()]);
    script.dir = Some(workspace_root());
    script.env = npm([""; 0]).expect("Node is there").env;
    let script = script
        .env("ANCHOR_PROVIDER_URL", world.validator.rpc_url())
        .env("ANCHOR_WALLET", wallet.to_string_lossy());

    // Then it succeeds, and all that it did follows from the transactions alone [M12]
    succeed(script).await;
    assert_history_explains_accounts(&world.rpc).await;
    world.validator.stop().await.expect("it stops");
}
