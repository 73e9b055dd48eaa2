//! Attempts at real servers.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use reqwest::{Certificate, header::HeaderName};
use secrecy::SecretSlice;
use time::OffsetDateTime;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer, version},
};
use uuid::Uuid;

use super::*;
use crate::guard::Refusal;

const BODY_TEXT: &str = r#"{"type":"conversion.final"}"#;
const PATIENCE: Duration = Duration::from_millis(400);

/// A server that answers every request with the same bytes, and keeps what it received.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    received: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Server {
    async fn answering(answer: impl Into<String>, tls: Option<TlsAcceptor>) -> Self {
        let answer = answer.into();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let received = Arc::new(Mutex::new(Vec::new()));
        let (count, kept) = (Arc::clone(&connections), Arc::clone(&received));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (answer, kept, tls) = (answer.clone(), Arc::clone(&kept), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &answer, &kept).await;
                            }
                        }
                        None => serve(stream, &answer, &kept).await,
                    }
                });
            }
        });
        Self {
            address,
            connections,
            received,
            task,
        }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn received(&self) -> Vec<String> {
        self.received.lock().expect("not poisoned").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads one request and answers it. An answer that ends with `...` goes on for ever.
async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: &str,
    kept: &Mutex<Vec<String>>,
) {
    let mut request = Vec::new();
    while !request.ends_with(BODY_TEXT.as_bytes()) {
        match stream.read_buf(&mut request).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
    let text = String::from_utf8(request).expect("text");
    kept.lock().expect("not poisoned").push(text);
    match answer.strip_suffix("...") {
        Some(begin) => {
            let mut next = begin.as_bytes().to_vec();
            while stream.write_all(&next).await.is_ok() {
                next = vec![b'x'; 1024];
            }
        }
        None => {
            // It waits for the end of the connection, so that an empty answer is no answer.
            if stream.write_all(answer.as_bytes()).await.is_ok() {
                let _ = stream.read(&mut [0]).await;
            }
        }
    }
}

fn status(line: &str) -> String {
    format!("HTTP/1.1 {line}\r\ncontent-length: 0\r\n\r\n")
}

fn taken(url: String, keys: &[&[u8]]) -> Taken {
    Taken {
        message: "msg_1".to_owned(),
        endpoint: Uuid::nil(),
        url,
        payload: BODY_TEXT.to_owned(),
        keys: keys
            .iter()
            .map(|key| SecretSlice::from(key.to_vec()))
            .collect(),
        attempts: 0,
        lease: OffsetDateTime::UNIX_EPOCH,
    }
}

fn post(reach: Reach) -> Post {
    Post::new(guard::System, reach, PATIENCE).expect("a client")
}

fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

/// Answers one after the other, and counts the questions.
struct Changing {
    answers: Mutex<Vec<SocketAddr>>,
    asked: Arc<AtomicUsize>,
}

impl Lookup for Changing {
    async fn lookup(&self, _: String) -> std::io::Result<Vec<SocketAddr>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let next = self.answers.lock().expect("not poisoned").pop();
        Ok(next.into_iter().collect())
    }
}

/// Always the same addresses.
struct Fixed(Vec<SocketAddr>);

impl Lookup for Fixed {
    async fn lookup(&self, _: String) -> std::io::Result<Vec<SocketAddr>> {
        Ok(self.0.clone())
    }
}

/// A server with a certificate for `hooks.test`, and what has to trust it.
async fn tls_server(answer: &str) -> (Server, Certificate) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["hooks.test".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&version::TLS13])
        .expect("TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a certificate with its key");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let trusted = Certificate::from_der(cert.der()).expect("a certificate");
    (Server::answering(answer, Some(acceptor)).await, trusted)
}

#[tokio::test]
async fn a_message_is_signed_by_every_key_and_sent_by_https() {
    // Given a server with a certificate
    let (server, trusted) = tls_server(&status("204 No Content")).await;
    let url = format!("https://hooks.test:{}/hook?a=b", server.address.port());
    let lookup = || Fixed(vec![server.address]);
    let builder = Client::builder().add_root_certificate(trusted);
    let post = Post::with(builder, lookup(), Reach::Anywhere, PATIENCE).expect("a client");
    // When a message is sent while one key replaces another
    let keys: [&[u8]; 2] = [&[7; 32], &[9; 32]];
    let outcome = post.send(&taken(url.clone(), &keys), now()).await;
    // Then it arrives
    assert_eq!(outcome, Attempt::Delivered(204));
    let received = server.received();
    let [request] = received.as_slice() else {
        panic!("{received:?}");
    };
    let (head, body) = request.split_once("\r\n\r\n").expect("a body");
    assert!(head.starts_with("POST /hook?a=b HTTP/1.1\r\n"), "{head}");
    assert_eq!(body, BODY_TEXT);
    let headers: HeaderMap = head
        .lines()
        .skip(1)
        .map(|line| {
            let (name, value) = line.split_once(": ").expect("a header");
            let name: HeaderName = name.parse().expect("a name");
            (name, value.parse().expect("a value"))
        })
        .collect();
    assert_eq!(headers["webhook-id"], "msg_1");
    assert_eq!(headers["content-type"], "application/json");
    // And a receiver that knows one of the keys can verify it
    for key in keys {
        let receiver = Webhook::from_bytes(key.to_vec()).expect("a key");
        receiver.verify(body.as_bytes(), &headers).expect("signed");
    }
    let stranger = Webhook::from_bytes(vec![8; 32]).expect("a key");
    assert!(stranger.verify(body.as_bytes(), &headers).is_err());
    // And without trust in the certificate, nothing is sent
    let strict = Post::with(Client::builder(), lookup(), Reach::Anywhere, PATIENCE);
    let outcome = strict
        .expect("a client")
        .send(&taken(url, &keys), now())
        .await;
    let Attempt::Failed {
        status: None,
        error,
    } = outcome
    else {
        panic!("{outcome:?}");
    };
    assert!(error.contains("certificate"), "{error}");
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn a_name_that_changes_its_address_leads_nowhere() {
    // Given a server of ours, and a name whose first address is public, and whose second is ours
    let server = Server::answering(status("200 OK"), None).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let public = SocketAddr::from(([0x3ffe, 0xffff, 0, 0, 0, 0, 0, 1], 0));
    let lookup = Changing {
        answers: Mutex::new(vec![server.address, public]),
        asked: Arc::clone(&asked),
    };
    let post = Post::new(lookup, Reach::Public, PATIENCE).expect("a client");
    let url = format!("https://hooks.test:{}/", server.address.port());
    // When a message is sent to it, then the name is resolved once, and the connection goes there
    let outcome = post.send(&taken(url.clone(), &[&[7; 32]]), now()).await;
    assert!(
        matches!(&outcome, Attempt::Failed { status: None, error }
            if error != &Refusal::Private.to_string()),
        "{outcome:?}"
    );
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    // And when it is sent again, then the new address is refused
    let outcome = post.send(&taken(url, &[&[7; 32]]), now()).await;
    assert_eq!(outcome, Attempt::failed(Refusal::Private));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn one_private_address_among_public_ones_is_enough() {
    let server = Server::answering(status("200 OK"), None).await;
    let public = SocketAddr::from(([0x3ffe, 0xffff, 0, 0, 0, 0, 0, 1], 0));
    let lookup = Fixed(vec![public, server.address]);
    let post = Post::new(lookup, Reach::Public, PATIENCE).expect("a client");
    let url = format!("https://hooks.test:{}/", server.address.port());
    let outcome = post.send(&taken(url, &[&[7; 32]]), now()).await;
    assert_eq!(outcome, Attempt::failed(Refusal::Private));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_private_address_is_refused_without_a_connection() {
    let server = Server::answering(status("200 OK"), None).await;
    for (url, expected) in [
        (format!("https://{}/", server.address), Refusal::Private),
        (format!("http://{}/", server.address), Refusal::NotHttps),
        (
            format!("https://localhost:{}/", server.address.port()),
            Refusal::Private,
        ),
    ] {
        let outcome = post(Reach::Public)
            .send(&taken(url, &[&[7; 32]]), now())
            .await;
        assert_eq!(outcome, Attempt::failed(expected));
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn only_the_status_decides_and_no_redirect_is_followed() {
    // Given a server that nothing must reach
    let trap = Server::answering(status("200 OK"), None).await;
    let moved = |line: &str| {
        format!(
            "HTTP/1.1 {line}\r\nlocation: http://{}/\r\ncontent-length: 0\r\n\r\n",
            trap.address
        )
    };
    let failed = |status: u16, error: &str| Attempt::Failed {
        status: Some(status),
        error: error.to_owned(),
    };
    for (answer, expected) in [
        (status("200 OK"), Attempt::Delivered(200)),
        (status("202 Accepted"), Attempt::Delivered(202)),
        (status("410 Gone"), Attempt::Gone),
        (status("404 Not Found"), failed(404, "status 404")),
        (status("503 Unavailable"), failed(503, "status 503")),
        (
            moved("302 Found"),
            failed(302, "status 302: redirects are not followed"),
        ),
        (
            moved("307 Temporary Redirect"),
            failed(307, "status 307: redirects are not followed"),
        ),
        // A body without end.
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\n...".to_owned(),
            Attempt::Delivered(200),
        ),
        (
            "HTTP/1.1 500 No\r\n\r\n...".to_owned(),
            failed(500, "status 500"),
        ),
        // No answer, and one that is none.
        (String::new(), Attempt::failed("no answer in time")),
    ] {
        let server = Server::answering(answer.clone(), None).await;
        let url = format!("http://{}/", server.address);
        let start = Instant::now();
        let outcome = post(Reach::Anywhere)
            .send(&taken(url, &[&[7; 32]]), now())
            .await;
        assert_eq!(outcome, expected, "{answer}");
        let most = PATIENCE + BODY_TIME + Duration::from_secs(1);
        assert!(start.elapsed() < most, "{answer}: {:?}", start.elapsed());
    }
    assert_eq!(trap.connections(), 0);
}

#[tokio::test]
async fn what_an_endpoint_says_in_its_errors_is_harmless() {
    // Given servers that answer nonsense, without end, and nobody
    let nonsense = Server::answering("\u{0}\u{1b}[31mnot HTTP\r\n\r\n", None).await;
    let endless = Server::answering("HTTP/1.1 200 OK\r\nx: ...", None).await;
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        listener.local_addr().expect("an address")
    };
    for address in [nonsense.address, endless.address, nobody] {
        let secret = format!("http://{address}/token-in-the-path");
        let outcome = post(Reach::Anywhere)
            .send(&taken(secret, &[&[7; 32]]), now())
            .await;
        let Attempt::Failed {
            status: None,
            error,
        } = outcome
        else {
            panic!("{outcome:?}");
        };
        // Then the error is short, can be stored, and does not tell the URL
        assert!(error.len() <= LONGEST + 20, "{error}");
        assert!(!error.contains(char::is_control), "{error:?}");
        assert!(!error.contains("token"), "{error}");
    }
    // And without a key nothing is sent
    let outcome = post(Reach::Anywhere)
        .send(&taken(format!("http://{}/", nonsense.address), &[]), now())
        .await;
    assert_eq!(outcome, Attempt::failed("the message cannot be signed"));
}
