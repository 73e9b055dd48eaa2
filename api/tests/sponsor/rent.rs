//! Rent that the sponsor pays, and gets back.

use serde_json::json;
use solana_sdk::signature::{Keypair, Signer};
use vouch_client::{
    accounts::{Campaign, Conversion, Referral},
    token,
};

use crate::{
    Setting, ask, built, counted, landed, refuses, signed, wire,
    world::{self, cost, key, text},
};

/// Rent that comes back.
pub(crate) async fn rent(setting: &Setting<'_>) {
    let Setting { world, sponsor, .. } = setting;
    let api = setting.with_rent(&setting.campaign).await;
    let Campaign { mint, .. } = world.read(&setting.campaign).await;
    // Given two wallets without SOL, one of which has a token account
    let [owner, referee] = [Keypair::new(), Keypair::new()];
    let program = token::TOKEN_PROGRAM_ID;
    let company = world.company.pubkey();
    let account = token::create_associated_token(&company, &owner.pubkey(), &mint, &program);
    world.run(&[account], &[&world.company]).await;
    // When the sponsor pays fee and rent
    let mut register = setting.register(&owner);
    register["fee_payer"] = "sponsor_with_rent".into();
    register["code"] = "EMPTY234".into();
    let mut convert = setting.convert(&referee.pubkey());
    convert["fee_payer"] = "sponsor_with_rent".into();
    convert["code"] = "EMPTY234".into();
    for (act, body, wallet, at) in [
        ("create-referral", &register, &owner, "referral"),
        ("convert", &convert, &referee, "conversion"),
    ] {
        // Then it pays exactly what was said, and the wallet nothing
        let before = world.lamports(&sponsor.pubkey()).await;
        let answer = built(&api, act, body).await;
        assert_eq!(answer["signers"], json!([text(sponsor), text(wallet)]));
        let transaction = wire(&signed(&answer, &[wallet]));
        // A process that pays no rent does not sign it
        refuses(
            &world.api,
            &transaction,
            &answer["sponsorship"],
            422,
            "not_sponsored",
        )
        .await;
        let given = ask(&api, &transaction, &answer["sponsorship"]).await;
        assert_eq!(given.status, 200, "{}", given.text);
        landed(world, &given.json()).await;
        let paid = before - world.lamports(&sponsor.pubkey()).await;
        assert_eq!(paid, cost(&answer));
        assert_eq!(world.lamports(&wallet.pubkey()).await, 0);
        let subject = format!("wallet {}", wallet.pubkey());
        assert_eq!(
            counted(world, &subject).await,
            (1, i64::try_from(paid).unwrap())
        );
        let rent = world.lamports(&key(&answer, at)).await;
        assert_eq!(answer["cost"]["rent"], rent.to_string());
    }
    let mut two = convert.clone();
    two["payer"] = text(&world.bob).into();
    let answer = api.post("/v1/transactions/convert", &two).await;
    assert_eq!(answer.refusal(), (400, "conflicting_fields".to_owned()));
    // And the rent goes back to the sponsor
    let code = world::code("EMPTY234");
    let referral_at = vouch_client::pda::referral(&setting.campaign, &code);
    let referral: Referral = world.read(&referral_at).await;
    assert_eq!(referral.rent_payer, sponsor.pubkey());
    let conversion_at =
        vouch_client::pda::conversion(&setting.campaign, &referee.pubkey().to_bytes());
    let rent = world.lamports(&conversion_at).await;
    // The builder reads the conversion's campaign in the mirror.
    let conversion: Conversion = world.read(&conversion_at).await;
    world
        .mirror(&conversion_at, &setting.campaign, &conversion)
        .await;
    let close = json!({ "campaign": setting.campaign.to_string() });
    world.act("close-campaign", &close, &[&world.company]).await;
    let before = world.lamports(&sponsor.pubkey()).await;
    let reclaim = json!({ "accounts": [conversion_at.to_string()], "payer": text(&world.company) });
    world.act("reclaim", &reclaim, &[&world.company]).await;
    assert_eq!(world.lamports(&sponsor.pubkey()).await - before, rent);
}
