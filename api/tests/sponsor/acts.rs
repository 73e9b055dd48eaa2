//! The wallet that each act counts for, and the cost for the sponsor.

use serde_json::json;
use solana_sdk::{
    pubkey::Pubkey,
    signature::{Keypair, Signer as _},
};
use vouch_client::{accounts::Binding, pda};

use crate::{
    Setting, ask, asked, built, counted, landed, recorded, refuses,
    world::{cost, key, text},
};

pub(crate) async fn all(setting: &Setting<'_>) {
    purchase(setting).await;
    attestor_and_rent(setting).await;
}

/// A buyer whose fee is paid, and another one who pays the rent.
async fn purchase(setting: &Setting<'_>) {
    let Setting { world, .. } = setting;
    let company = &world.company;
    let treasury = Keypair::new();
    world.airdrop(&treasury.pubkey()).await;
    let open = json!({ "authority": text(company), "id": "4", "funding": "payment_split",
        "settings": { "reward": { "percent_bps": 1000 }, "treasury": text(&treasury) },
        "example_amount": "1000000000" });
    let opened = world.act("create-campaign", &open, &[company]).await;
    let campaign = key(&opened, "campaign").to_string();
    let register = json!({ "campaign": campaign, "code": "STARTER7", "owner": text(&world.alice) });
    world
        .act("create-referral", &register, &[&world.alice])
        .await;
    let buyer = Keypair::new();
    world.airdrop(&buyer.pubkey()).await;
    let buy = json!({ "campaign": campaign, "code": "STARTER7", "buyer": text(&buyer),
        "payer": text(company), "amount": "1000000000", "max_payment": "1000000000",
        "reference": "ab".repeat(32), "fee_payer": "sponsor" });
    let of_payer = counted(world, &format!("wallet {}", company.pubkey())).await;
    let before = world.lamports(&buyer.pubkey()).await;
    let answer = built(&world.api, "purchase", &buy).await;
    let given = asked(&answer, &[&buyer, company]);
    let given = ask(&world.api, &given.transaction, &given.sponsorship).await;
    assert_eq!(given.status, 200, "{}", given.text);
    landed(world, &given.json()).await;
    // Then the buyer pays the price alone, and it counts for the buyer alone
    let paid = before - world.lamports(&buyer.pubkey()).await;
    assert_eq!(paid, 1_000_000_000);
    let fee: i64 = answer["cost"]["fee"].as_str().unwrap().parse().unwrap();
    let subject = format!("wallet {}", buyer.pubkey());
    assert_eq!(counted(world, &subject).await, (1, fee));
    let after = counted(world, &format!("wallet {}", company.pubkey())).await;
    assert_eq!(after, of_payer);
}

/// A campaign whose attestor signs each code, and in which a wallet is bound for a moment.
async fn attestor_and_rent(setting: &Setting<'_>) {
    let Setting { world, sponsor, .. } = setting;
    let company = &world.company;
    let attestor = Keypair::new();
    let open = json!({ "authority": text(company), "name": "Touch",
        "settings": { "reward": { "fixed": "7" }, "attribution_window": 20,
            "attested_codes": true, "attestor": text(&attestor) } });
    let opened = world.act("create-campaign", &open, &[company]).await;
    let at = key(&opened, "campaign");
    let owner = Keypair::new();
    world.airdrop(&owner.pubkey()).await;
    let register = json!({ "campaign": at.to_string(), "code": "STARTER7", "owner": text(&owner),
        "attestor": text(&attestor), "fee_payer": "sponsor" });
    // When the attestor signs as well, then it counts for the owner of the code alone
    let answer = built(&world.api, "create-referral", &register).await;
    let both = asked(&answer, &[&owner, &attestor]);
    let missing = asked(&answer, &[&owner]);
    let code = "missing_signature";
    refuses(
        &world.api,
        &missing.transaction,
        &missing.sponsorship,
        400,
        code,
    )
    .await;
    let given = ask(&world.api, &both.transaction, &both.sponsorship).await;
    assert_eq!(given.status, 200, "{}", given.text);
    landed(world, &given.json()).await;
    for (wallet, times) in [(&owner, 1), (&attestor, 0)] {
        let (number, _) = counted(world, &format!("wallet {}", wallet.pubkey())).await;
        assert_eq!(number, times);
    }

    // Given a wallet without SOL that the sponsor binds
    let api = setting.with_rent(&at).await;
    let wallet = Keypair::new();
    let bind = json!({ "campaign": at.to_string(), "code": "STARTER7", "wallet": text(&wallet),
        "fee_payer": "sponsor_with_rent" });
    let answer = built(&api, "bind", &bind).await;
    let before = world.lamports(&sponsor.pubkey()).await;
    let given = asked(&answer, &[&wallet]);
    let given = ask(&api, &given.transaction, &given.sponsorship).await;
    assert_eq!(given.status, 200, "{}", given.text);
    landed(world, &given.json()).await;
    let paid = before - world.lamports(&sponsor.pubkey()).await;
    assert_eq!(paid, cost(&answer));
    let binding_at = pda::binding(&at, &wallet.pubkey());
    let binding: Binding = world.read(&binding_at).await;
    assert_eq!(binding.rent_payer, sponsor.pubkey());
    // When the binding is over, and it asks again
    world.wait_for(binding.expires_at + 1).await;
    let again = built(&api, "bind", &bind).await;
    // Then all of the rent counts, although the account is still there: whoever takes it back before this
    // lands has the sponsor pay for it anew
    let rent = world.lamports(&binding_at).await;
    assert_eq!(again["cost"]["rent"], rent.to_string());
    let (number, lamports) = counted(world, &format!("wallet {}", wallet.pubkey())).await;
    let given = asked(&again, &[&wallet]);
    let given = ask(&api, &given.transaction, &given.sponsorship).await;
    assert_eq!(given.status, 200, "{}", given.text);
    let after = counted(world, &format!("wallet {}", wallet.pubkey())).await;
    let cost = i64::try_from(cost(&again)).unwrap();
    assert_eq!(after, (number + 1, lamports + cost));
    landed(world, &given.json()).await;
    // And the sponsor pays no rent in a campaign that is not named
    let elsewhere = setting.with_rent(&Pubkey::new_unique()).await;
    let before = recorded(world).await;
    let mut other = bind.clone();
    other["wallet"] = text(&Keypair::new()).into();
    let answer = elsewhere.post("/v1/transactions/bind", &other).await;
    assert_eq!(answer.refusal(), (422, "not_sponsored".to_owned()));
    assert_eq!(recorded(world).await, before);
}
