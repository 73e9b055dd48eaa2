//! A payment in SOL that its transaction does not tell. Numbers in brackets refer to
//! `docs/INVARIANTS.md`.

use serde_json::Value;
use solana_client::rpc_config::RpcSendTransactionConfig;
use solana_sdk::{
    instruction::{AccountMeta, Instruction},
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
    transaction::Transaction,
};
use vouch_client::{
    Code, ProgramError,
    accounts::{
        AccountType as _, Action, Campaign, Funding, Proof, Referral, Settings, Terms, Uniqueness,
    },
    instructions::{self, CreateCampaign, CreateReferral, Offer, Purchase},
    pda,
    token::{TOKEN_PROGRAM_ID, create_associated_token},
};
use vouch_localnet::Service;
use vouch_product_tests::{SOL, Scene, World, fund, recount, start_api, until, verify, verify_api};

/// Lamports of the referrer for each sale: less than the rent of a token account.
const PART: u64 = 1_000_000;

/// A campaign of a stranger that pays in SOL, with a code.
struct Strange {
    campaign: Pubkey,
    opened: Campaign,
    referral: Referral,
}

impl Strange {
    async fn open(scene: &Scene) -> Self {
        let (stranger, owner) = (Keypair::new(), Keypair::new());
        for wallet in [&stranger, &owner] {
            fund(&scene.rpc, &wallet.pubkey()).await;
        }
        let campaign = pda::campaign(&stranger.pubkey(), 1).0;
        let open = instructions::create_campaign(&CreateCampaign {
            payer: stranger.pubkey(),
            authority: stranger.pubkey(),
            id: 1,
            mint: Pubkey::default(),
            payment_mint: Pubkey::default(),
            token_program: Pubkey::default(),
            terms: Terms {
                funding: Funding::PaymentSplit,
                proof: Proof::Payment,
                uniqueness: Uniqueness::Wallet,
                ..Terms::default()
            },
            settings: Settings {
                treasury: stranger.pubkey(),
                min_amount: SOL,
                ..Settings::fixed(PART)
            },
        });
        let code: Code = "BRAVE234".parse().expect("a code");
        let register = CreateReferral::new(&owner.pubkey(), &owner.pubkey(), &campaign, &code);
        let register = instructions::create_referral(&register);
        scene.send(&[open, register], &[&stranger, &owner]).await;
        let data = scene.rpc.get_account_data(&campaign).await;
        let opened = Campaign::decode(&data.expect("the campaign")).expect("a campaign");
        let referral = Referral::registered(&campaign, &opened, &code, &owner.pubkey());
        Self {
            campaign,
            opened,
            referral,
        }
    }

    fn offer(&self, build: impl FnOnce(&Offer<'_>) -> Instruction) -> Instruction {
        let at = self.opened.created_at;
        let offer = Offer::at(self.campaign, &self.opened, &self.referral, at);
        build(&offer.expect("the code of a referral"))
    }

    /// A sale that pays the referrer. In the same transaction, the Token program gives lamports to the
    /// conversion, and has the referrer's wallet: so the balances fit a sale that paid it, and one that
    /// did not. Returns the conversion.
    async fn attack(&self, scene: &Scene) -> Pubkey {
        let buyer = Keypair::new();
        fund(&scene.rpc, &buyer.pubkey()).await;
        let conversion = pda::conversion(&self.campaign, &buyer.pubkey().to_bytes());
        let purchase = self.offer(|offer| {
            instructions::purchase(
                offer,
                &Purchase {
                    payer: buyer.pubkey(),
                    buyer: buyer.pubkey(),
                    action: Action::Purchase,
                    amount: SOL,
                    reference: [0; 32],
                    max_payment: SOL,
                    payment_token_program: Pubkey::default(),
                    payment_source: None,
                },
            )
        });
        let mint = &scene.opened.mint;
        let create =
            create_associated_token(&buyer.pubkey(), &buyer.pubkey(), mint, &TOKEN_PROGRAM_ID);
        let account = pda::associated_token(&buyer.pubkey(), mint, &TOKEN_PROGRAM_ID).0;
        let close = Instruction {
            program_id: TOKEN_PROGRAM_ID,
            accounts: vec![
                AccountMeta::new(account, false),
                AccountMeta::new(conversion, false),
                AccountMeta::new_readonly(buyer.pubkey(), true),
                AccountMeta::new(self.referral.owner, false),
            ],
            // CloseAccount.
            data: vec![9],
        };
        scene.send(&[create, purchase, close], &[&buyer]).await;
        conversion
    }

    /// Sends a claim that the program refuses, because the conversion owes nothing.
    async fn claim_in_vain(&self, scene: &Scene, conversion: &Pubkey) {
        let recorded = scene.recorded(conversion).await;
        let claim = self.offer(|offer| instructions::claim(offer, conversion, &recorded));
        let (payer, rpc) = (&scene.company, &scene.rpc);
        let blockhash = rpc.get_latest_blockhash().await.expect("a blockhash");
        let claim = Transaction::new_signed_with_payer(
            &[claim],
            Some(&payer.pubkey()),
            &[payer],
            blockhash,
        );
        let unchecked = RpcSendTransactionConfig {
            skip_preflight: true,
            ..RpcSendTransactionConfig::default()
        };
        let sent = rpc.send_transaction_with_config(&claim, unchecked).await;
        let signature = sent.expect("a signature");
        until("the claim failed", async || {
            let status = rpc.get_signature_status(&signature).await;
            status.expect("an answer").is_some_and(|it| {
                let refused = it.expect_err("a refusal").to_string();
                let code = format!("{:#x}", ProgramError::NotPending.code());
                assert!(refused.contains(&code), "{refused}");
                true
            })
        })
        .await;
    }
}

async fn get(api: &Service, path: &str) -> Value {
    let answer = reqwest::get(format!("{}{path}", api.url())).await;
    answer.expect("an answer").json().await.expect("JSON")
}

/// The sums that the referrers of a campaign were paid and are owed.
async fn sums(world: &World, campaign: &Pubkey) -> (i64, i64) {
    let sum = async |column: &str| {
        let sql = format!(
            "SELECT {column}::bigint FROM referral_totals JOIN referrals ON address = referral
             WHERE campaign = '{campaign}'"
        );
        world.number(&sql).await
    };
    (sum("rewards_paid").await, sum("rewards_pending").await)
}

/// [M4] [M9] [M12] [M16]
#[tokio::test]
async fn a_payment_that_nobody_can_tell_stops_and_touches_nobody_else() {
    // Given a mirror with an honest conversion, and a campaign of a stranger
    let mut world = World::new().await;
    let api = start_api(&world).await;
    let (honest, _) = world.scene.convert().await;
    let strange = Strange::open(&world.scene).await;
    // When a transaction of the stranger does not tell whether it paid the referrer
    let attacked = strange.attack(&world.scene).await;
    // Then what comes afterwards is mirrored and final, in the stranger's campaign, too
    world.scene.convert_many(2).await;
    let again = strange.attack(&world.scene).await;
    let counted = "SELECT coalesce(sum(conversions_final), 0)::bigint FROM referral_totals";
    until("five conversions count", async || {
        world.number(counted).await == 5
    })
    .await;
    // And health says that something is uncertain, and nothing is wrong: accounts are compared
    world.until_status("degraded").await;
    world
        .until_detail(
            "of 2 conversions, in 1 campaigns, the transactions do not tell which parts were paid",
        )
        .await;
    let proven = "SELECT count(*) FROM coverage, transactions WHERE proof = 'accounts'
         AND last_slot >= transactions.slot AND seq = (SELECT max(seq) FROM transactions)";
    until("every account is compared, and none differs", async || {
        world.number(proven).await == 1
    })
    .await;
    // And what was not proven to be paid counts as owed, here alone
    assert_eq!(sums(&world, &strange.campaign).await, (0, 2_000_000));
    assert_eq!(sums(&world, &world.scene.campaign).await, (15_000_000, 0));
    let said = async |conversion: &Pubkey| {
        let answer = get(&api, &format!("/v1/conversions/{conversion}")).await;
        let conversion = &answer["conversion"];
        let status = conversion["status"].as_str().map(str::to_owned);
        (status, conversion["uncertain"].as_bool())
    };
    let (paid, pending) = (Some("paid".to_owned()), Some("pending".to_owned()));
    assert_eq!(said(&honest).await, (paid.clone(), Some(false)));
    assert_eq!(said(&attacked).await, (pending.clone(), Some(true)));
    for (campaign, code, uncertain) in [
        (&strange.campaign, "BRAVE234", true),
        (&world.scene.campaign, "AZURE234", false),
    ] {
        let stats = get(&api, &format!("/v1/codes/{code}/stats?campaign={campaign}")).await;
        assert_eq!(stats["rewards"]["uncertain"], uncertain, "{stats}");
    }
    let coverage = get(&api, "/v1/coverage").await;
    let mut expected = [attacked, again].map(|address| address.to_string());
    expected.sort();
    let listed = coverage["uncertain"].as_array().expect("a list");
    let listed: Vec<_> = listed.iter().map(|it| &it["conversion"]).collect();
    assert_eq!(listed, expected.each_ref().map(|address| address.as_str()));
    for it in coverage["uncertain"].as_array().expect("a list") {
        assert_eq!(it["campaign"], strange.campaign.to_string());
    }
    // And the history explains the node's accounts, the counters and the API's digest
    let url = world.scene.validator.rpc_url();
    let verified = verify(&url).await;
    let said_of_history = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success(), "{verified:?}");
    let uncertain = "of 2 conversions the transactions do not tell which parts were paid: what is not \
                     proven counts as owed";
    assert!(said_of_history.contains(uncertain), "{said_of_history}");
    until("there is a digest of everything", async || {
        let sql = "SELECT count(*) FROM digests WHERE seq = (SELECT max(seq) FROM transactions)";
        world.number(sql).await == 1
    })
    .await;
    let compared = verify_api(&url, &api.url(), None).await;
    assert!(compared.status.success(), "{compared:?}");
    let counters = recount(world.database.url(), &[]).await;
    assert!(counters.status.success(), "{counters:?}");
    // And a mirror that is made from nothing comes to the same, row by row
    let before = world.content().await;
    world.indexer.stop().await.expect("a clean exit");
    world.forget().await;
    world.indexer.start_again().await.expect("a start");
    until("everything is back", async || {
        world.number(counted).await == 5
    })
    .await;
    assert_eq!(world.content().await, before);
    // When somebody claims the first one, which is refused, because it was paid
    strange.claim_in_vain(&world.scene, &attacked).await;
    // Then the refusal proves the payment, also to `verify`
    until("it is proven", async || {
        world.number("SELECT count(*) FROM doubts").await == 2
    })
    .await;
    assert_eq!(said(&attacked).await, (paid.clone(), Some(false)));
    assert_eq!(said(&again).await, (pending, Some(true)));
    assert_eq!(
        sums(&world, &strange.campaign).await,
        (1_000_000, 1_000_000)
    );
    // When the second one is claimed, too, then everything is certain, and equal to the chain
    strange.claim_in_vain(&world.scene, &again).await;
    world.until_status("ok").await;
    assert_eq!(said(&again).await, (paid, Some(false)));
    assert_eq!(sums(&world, &strange.campaign).await, (2_000_000, 0));
    let stored = vouch_db::mirror::live_accounts(&world.pool).await;
    let stored: std::collections::BTreeMap<_, _> = stored.expect("rows").into_iter().collect();
    assert_eq!(stored, world.on_chain().await);
    world.scene.until_final().await;
    let verified = verify(&url).await;
    assert!(verified.status.success(), "{verified:?}");
    assert!(!String::from_utf8_lossy(&verified.stdout).contains("do not tell"));
}
