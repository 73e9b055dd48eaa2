//! A node, a service that asks it, and wallets that sign.

use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use solana_client::nonblocking::rpc_client::RpcClient;
use solana_commitment_config::CommitmentConfig;
use solana_sdk::{
    clock::Clock,
    instruction::Instruction,
    message::VersionedMessage,
    pubkey::Pubkey,
    signature::{Keypair, Signature, Signer},
    sysvar,
    transaction::{Transaction, VersionedTransaction},
};
use sqlx::PgPool;
use vouch_client::{
    Code,
    accounts::{AccountType, Conversion},
    pda, token,
};
use vouch_localnet::{Instance, Postgres, Validator, ValidatorOptions, program_binary};

use crate::common::{Answer, Api};

const SOL: u64 = 1_000_000_000;
/// Time limit of everything that is waited for.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// A node, a service that asks it, and wallets.
pub(crate) struct World {
    pub(crate) rpc: RpcClient,
    pub(crate) api: Api,
    pub(crate) pool: PgPool,
    pub(crate) company: Keypair,
    pub(crate) alice: Keypair,
    pub(crate) bob: Keypair,
    _validator: Validator,
    /// The validator's folder, which lives as long as it does.
    _instance: Instance,
    database: vouch_localnet::Database,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// With more settings of the service.
    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        let instance = Instance::create("api-builders").unwrap();
        let options = ValidatorOptions {
            program: Some(program_binary()),
            ..Default::default()
        };
        let validator = Validator::start(instance.dir(), &options).await.unwrap();
        let url = validator.rpc_url();
        Self::on(&url, validator, instance, settings).await
    }

    async fn on(
        rpc_url: &str,
        validator: Validator,
        instance: Instance,
        settings: &[(&str, &str)],
    ) -> Self {
        let commitment = CommitmentConfig::confirmed();
        let rpc = RpcClient::new_with_commitment(rpc_url.to_owned(), commitment);
        let database = Postgres::test_database().await.unwrap();
        let pool = PgPool::connect(database.url()).await.unwrap();
        let api = start(database.url(), rpc_url, settings).await;
        let world = Self {
            rpc,
            api,
            pool,
            company: Keypair::new(),
            alice: Keypair::new(),
            bob: Keypair::new(),
            _validator: validator,
            _instance: instance,
            database,
        };
        for wallet in [&world.company, &world.alice, &world.bob] {
            world.airdrop(&wallet.pubkey()).await;
        }
        world
    }

    /// Another process of the service, with these settings.
    pub(crate) async fn another(&self, settings: &[(&str, &str)]) -> Api {
        start(self.database.url(), &self.rpc.url(), settings).await
    }

    pub(crate) fn database_url(&self) -> &str {
        self.database.url()
    }

    pub(crate) async fn airdrop(&self, wallet: &Pubkey) {
        let signature = self.rpc.request_airdrop(wallet, 100 * SOL).await.unwrap();
        let deadline = Instant::now() + DEADLINE;
        while !self.rpc.confirm_transaction(&signature).await.unwrap() {
            assert!(Instant::now() < deadline, "the airdrop was not confirmed");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Asks a builder.
    pub(crate) async fn ask(&self, act: &str, body: &Value) -> Answer {
        let path = format!("/v1/transactions/{act}");
        self.api.post(&path, body).await
    }

    /// Asks a builder, signs what it has built, and sends it. Returns its answer.
    pub(crate) async fn act(&self, act: &str, body: &Value, signers: &[&Keypair]) -> Value {
        let answer = self.ask(act, body).await;
        assert_eq!(answer.status, 200, "{act}: {}", answer.text);
        let answer = answer.json();
        self.send(&answer, signers).await;
        answer
    }

    pub(crate) async fn send(&self, answer: &Value, signers: &[&Keypair]) {
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
        // The fee is the one that the cluster charges.
        let fee = match &unsigned.message {
            VersionedMessage::V0(message) => self.rpc.get_fee_for_message(message).await,
            other => panic!("{other:?}"),
        };
        assert_eq!(answer["cost"]["fee"], fee.unwrap().to_string());
        let signed = VersionedTransaction::try_new(unsigned.message, signers).unwrap();
        self.rpc
            .send_and_confirm_transaction(&signed)
            .await
            .unwrap();
    }

    pub(crate) async fn run(&self, instructions: &[Instruction], signers: &[&Keypair]) {
        let hash = self.rpc.get_latest_blockhash().await.unwrap();
        let payer = signers[0].pubkey();
        let transaction =
            Transaction::new_signed_with_payer(instructions, Some(&payer), signers, hash);
        self.rpc
            .send_and_confirm_transaction(&transaction)
            .await
            .unwrap();
    }

    pub(crate) async fn refuses(&self, act: &str, body: &Value, status: u16, code: &str) -> String {
        let answer = self.ask(act, body).await;
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{act} {body}");
        answer.json()["detail"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn read<T: AccountType>(&self, address: &Pubkey) -> T {
        let data = self.rpc.get_account_data(address).await.unwrap();
        T::decode(&data).unwrap()
    }

    pub(crate) async fn lamports(&self, wallet: &Pubkey) -> u64 {
        self.rpc.get_balance(wallet).await.unwrap()
    }

    /// Base units of the wallet's associated token account; `None` without one.
    pub(crate) async fn tokens(&self, wallet: &Pubkey, mint: &Pubkey) -> Option<u64> {
        let (address, _) = pda::associated_token(wallet, mint, &token::TOKEN_PROGRAM_ID);
        let commitment = CommitmentConfig::confirmed();
        let found = self
            .rpc
            .get_account_with_commitment(&address, commitment)
            .await
            .unwrap();
        token::balance(&found.value?.data)
    }

    pub(crate) async fn now(&self) -> i64 {
        let data = self.rpc.get_account_data(&sysvar::clock::ID).await.unwrap();
        bincode::deserialize::<Clock>(&data).unwrap().unix_timestamp
    }

    /// Waits until the chain's clock shows this time.
    pub(crate) async fn wait_for(&self, time: i64) {
        let deadline = Instant::now() + DEADLINE;
        while self.now().await < time {
            assert!(Instant::now() < deadline, "the chain's clock stands still");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Mirrors a pending conversion as the indexer does.
    pub(crate) async fn mirror(
        &self,
        address: &Pubkey,
        campaign: &Pubkey,
        conversion: &Conversion,
    ) {
        sqlx::query(
            "WITH transaction AS (
                 INSERT INTO transactions (seq, slot, block_time, signature, succeeded)
                 SELECT COALESCE(max(seq), 0) + 1, 7, $6, $1, true
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

async fn start(database_url: &str, rpc_url: &str, settings: &[(&str, &str)]) -> Api {
    let common = [
        ("RPC_URL", rpc_url),
        ("CODES_PER_MINUTE", "1000"),
        ("BUILDS_PER_MINUTE", "10000"),
        ("DELEGATIONS_PER_MINUTE", "10000"),
    ];
    let settings: Vec<(&str, &str)> = common.iter().chain(settings).copied().collect();
    let api = Api::start_with(database_url, &settings).await.ready().await;
    api.until("/healthz", |answer| answer.status == 200).await;
    api
}

pub(crate) fn text(key: &Keypair) -> String {
    key.pubkey().to_string()
}

pub(crate) fn key(answer: &Value, field: &str) -> Pubkey {
    answer[field].as_str().unwrap().parse().unwrap()
}

pub(crate) fn code(text: &str) -> Code {
    text.parse().unwrap()
}

/// Lamports that an answer says its payer pays.
pub(crate) fn cost(answer: &Value) -> u64 {
    let of = |field: &str| -> u64 { answer["cost"][field].as_str().unwrap().parse().unwrap() };
    of("fee") + of("rent")
}
