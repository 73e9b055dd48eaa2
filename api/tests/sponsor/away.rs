//! A node, and a Postgres, that cannot be reached when the sponsor shall sign, and a process that ends then.

use std::path::PathBuf;

use sha2::{Digest as _, Sha256};
use solana_sdk::signature::{Keypair, Signer as _};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream, UnixStream},
    task::{JoinHandle, JoinSet},
};
use vouch_db::api::sponsor::{Recorded, Share, Sponsored, record};

use crate::{
    Setting, ask, asked, built, counted, landed, recorded, refuses, signed, wire, world::text,
};

/// Where a server listens.
#[derive(Debug, Clone)]
enum Server {
    Port(u16),
    Socket(PathBuf),
}

/// A way to a server, by this port. It is cut by aborting the task.
async fn way_to(server: Server) -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let mut open = JoinSet::new();
        loop {
            let (client, _) = listener.accept().await.unwrap();
            open.spawn(carry(client, server.clone()));
        }
    });
    (here, task)
}

/// Carries bytes until either end closes the connection.
async fn carry(mut client: TcpStream, server: Server) {
    let ended = match server {
        Server::Port(port) => match TcpStream::connect(("127.0.0.1", port)).await {
            Ok(mut server) => copy_bidirectional(&mut client, &mut server).await,
            Err(error) => Err(error),
        },
        Server::Socket(path) => match UnixStream::connect(path).await {
            Ok(mut server) => copy_bidirectional(&mut client, &mut server).await,
            Err(error) => Err(error),
        },
    };
    // The client sees that it is closed.
    drop(ended);
}

/// The same URL by a way to it, and that way.
async fn by(url: &str) -> (String, JoinHandle<()>) {
    let mut url: url::Url = url.parse().unwrap();
    let option = |name: &str| {
        let found = url.query_pairs().find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned())
    };
    // The URL of a Postgres has the folder of its socket.
    let server = match (option("host"), url.port()) {
        (Some(folder), _) => {
            let port = option("port").unwrap_or_else(|| "5432".to_owned());
            Server::Socket(PathBuf::from(folder).join(format!(".s.PGSQL.{port}")))
        }
        (None, port) => Server::Port(port.unwrap()),
    };
    let (port, way) = way_to(server).await;
    url.set_query(None);
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(port)).unwrap();
    (url.to_string(), way)
}

pub(crate) async fn node_and_postgres(setting: &Setting<'_>) {
    let world = setting.world;
    let [node, postgres] = [world.rpc.url(), world.database_url().to_owned()];
    for (name, url, code) in [
        ("RPC_URL", &node, "chain_unavailable"),
        ("DATABASE_URL", &postgres, "database_unavailable"),
    ] {
        let (by, way) = by(url).await;
        let api = setting.another(&[(name, &by)]).await;
        let wallet = Keypair::new();
        world.airdrop(&wallet.pubkey()).await;
        let answer = built(&api, "convert", &setting.convert(&wallet.pubkey())).await;
        let given = asked(&answer, &[&wallet]);
        let before = recorded(world).await;
        // When it is away, then the sponsor signs nothing
        way.abort();
        refuses(&api, &given.transaction, &given.sponsorship, 503, code).await;
        assert_eq!(recorded(world).await, before, "{name}");
        // But another process, which reaches it, does
        let answer = ask(&world.api, &given.transaction, &given.sponsorship).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        landed(world, &answer.json()).await;
    }
}

/// A process that is killed after it has recorded a transaction, and before it signs it.
pub(crate) async fn killed(setting: &Setting<'_>) {
    let world = setting.world;
    let wallet = Keypair::new();
    world.airdrop(&wallet.pubkey()).await;
    let answer = built(&world.api, "convert", &setting.convert(&wallet.pubkey())).await;
    let transaction = signed(&answer, &[&wallet]);
    let message = transaction.message.serialize();
    let fee: u64 = answer["cost"]["fee"].as_str().unwrap().parse().unwrap();
    let subject = format!("wallet {}", wallet.pubkey());
    let share = Share {
        subject: subject.clone(),
        transactions: 1,
        lamports: fee,
    };
    let left = Sponsored {
        message_hash: Sha256::digest(&message).into(),
        message: &message,
        sponsor: &text(setting.sponsor),
        campaign: &setting.campaign.to_string(),
        wallet: &text(&wallet),
        fee,
        rent: 0,
        last_valid_height: answer["last_valid_block_height"].as_u64().unwrap(),
    };
    let outcome = record(&world.pool, &left, &[share], 0, &[]).await.unwrap();
    assert_eq!(outcome, Recorded::Now);
    // Then the wallet has no second one, because another process may have signed the first
    let register = setting.register(&wallet);
    let second = built(&world.api, "create-referral", &register).await;
    let second = asked(&second, &[&wallet]);
    let (ticket, code) = (&second.sponsorship, "sponsorship_pending");
    refuses(&world.api, &second.transaction, ticket, 409, code).await;
    // But a repeated request is signed, and counts once
    let given = ask(&world.api, &wire(&transaction), &answer["sponsorship"]).await;
    assert_eq!(given.status, 200, "{}", given.text);
    landed(world, &given.json()).await;
    let fee = i64::try_from(fee).unwrap();
    assert_eq!(counted(world, &subject).await, (1, fee));
    // And then another one is
    let second = built(&world.api, "create-referral", &register).await;
    let second = asked(&second, &[&wallet]);
    let given = ask(&world.api, &second.transaction, &second.sponsorship).await;
    assert_eq!(given.status, 200, "{}", given.text);
    landed(world, &given.json()).await;
}
