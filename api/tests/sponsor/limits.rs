//! Limits of a day, and of what is under way.

use solana_sdk::signature::{Keypair, Signer};

use crate::{Setting, ask, asked, built, landed, refuses, signed, wire};

/// Many requests at once, by two processes.
pub(crate) async fn limits(setting: &Setting<'_>) {
    const ROOM: usize = 5;
    let Setting { world, .. } = setting;
    let room = [("SPONSOR_WALLET_TRANSACTIONS_PER_DAY", "5")];
    let both = [setting.another(&room).await, setting.another(&room).await];
    let carol = Keypair::new();
    world.airdrop(&carol.pubkey()).await;
    // Given 16 codes that Carol may register, signed by her
    let building = (0..16).map(|n| {
        let (api, body) = (&both[n % 2], setting.register(&carol));
        async move { built(api, "create-referral", &body).await }
    });
    let answers = futures::future::join_all(building).await;
    // When the sponsor is asked for all at once
    let racing = answers.iter().enumerate().map(|(n, answer)| {
        let (api, transaction) = (&both[(n + 1) % 2], wire(&signed(answer, &[&carol])));
        async move { ask(api, &transaction, &answer["sponsorship"]).await }
    });
    let outcomes = futures::future::join_all(racing).await;
    // Then it signs one at a time, because each could make the others fail. A slow request may come after one has landed
    let (signed_for, refused): (Vec<_>, Vec<_>) =
        outcomes.iter().partition(|answer| answer.status == 200);
    let mut number = signed_for.len();
    assert!((1..=ROOM).contains(&number), "{number}");
    for answer in refused {
        let (status, code) = answer.refusal();
        if code == "sponsorship_pending" {
            assert_eq!((status, answer.header("retry-after")), (409, "2"));
        } else {
            assert_eq!((status, &*code), (429, "sponsor_limit_reached"));
            assert_eq!(number, ROOM);
        }
    }
    for answer in &signed_for {
        landed(world, &answer.json()).await;
    }
    // And when one has landed the next one, up to the limit
    let mut refused = None;
    while number < ROOM {
        let build = async || built(&both[0], "create-referral", &setting.register(&carol)).await;
        let [next, one_more] = [build().await, build().await].map(|it| asked(&it, &[&carol]));
        let given = ask(&both[1], &next.transaction, &next.sponsorship).await;
        assert_eq!(given.status, 200, "{}", given.text);
        landed(world, &given.json()).await;
        number += 1;
        if number == ROOM {
            refused = Some(ask(&both[1], &one_more.transaction, &one_more.sponsorship).await);
        }
    }
    let sql = "SELECT transactions FROM sponsor_days WHERE subject = $1";
    let days: Vec<i64> = sqlx::query_scalar(sql)
        .bind(format!("wallet {}", carol.pubkey()))
        .fetch_all(&world.pool)
        .await
        .unwrap();
    // Midnight (UTC) gives room anew.
    if days.len() > 1 {
        return;
    }
    assert_eq!(days, [5]);
    if let Some(refused) = refused {
        assert_eq!(refused.refusal(), (429, "sponsor_limit_reached".to_owned()));
        let seconds: u64 = refused.header("retry-after").parse().unwrap();
        assert!((1..=86_400).contains(&seconds), "{seconds}");
    }
    // And it says so before Carol signs in vain
    let register = "/v1/transactions/create-referral";
    let answer = both[0].post(register, &setting.register(&carol)).await;
    assert_eq!(answer.refusal(), (429, "sponsor_limit_reached".to_owned()));
    // And others still have room, unless the campaign, the network or the day has none
    let erin = Keypair::new();
    world.airdrop(&erin.pubkey()).await;
    let mut narrow = Vec::new();
    for (name, of) in [
        ("SPONSOR_NETWORK_TRANSACTIONS_PER_DAY", "for this network"),
        ("SPONSOR_NETWORK_LAMPORTS_PER_DAY", "for this network"),
        ("SPONSOR_CAMPAIGN_TRANSACTIONS_PER_DAY", "for this campaign"),
        ("SPONSOR_CAMPAIGN_LAMPORTS_PER_DAY", "for this campaign"),
        ("SPONSOR_TRANSACTIONS_PER_DAY", "in all"),
        ("SPONSOR_LAMPORTS_PER_DAY", "in all"),
        ("SPONSOR_WALLET_LAMPORTS_PER_DAY", "for this wallet"),
    ] {
        narrow.push((setting.another(&[(name, "1")]).await, name, of));
    }
    let poor = setting
        .another(&[("SPONSOR_LEAST_BALANCE", "1000000000000")])
        .await;
    let answer = built(&both[0], "create-referral", &setting.register(&erin)).await;
    let (transaction, ticket) = (wire(&signed(&answer, &[&erin])), &answer["sponsorship"]);
    for (api, name, of) in &narrow {
        let refused = ask(api, &transaction, ticket).await;
        assert_eq!(refused.refusal(), (429, "sponsor_limit_reached".to_owned()));
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        let said = format!("the sponsor pays no more {of} on this day (UTC)");
        assert!(detail.starts_with(&said), "{name}: {detail}");
    }
    // And a sponsor that has to keep more than it has does not sign
    refuses(&poor, &transaction, ticket, 503, "sponsor_balance_low").await;
    let answer = ask(&both[1], &transaction, ticket).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    landed(world, &answer.json()).await;
}
