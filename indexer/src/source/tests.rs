//! Requests to servers that answer wrongly.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
};

use axum::{Router, body::Body};
use reqwest::header::LOCATION;
use tokio::net::TcpListener;

use super::*;

/// The failure of a request to this address with a key in its URL.
async fn failure(address: SocketAddr) -> String {
    let url = format!("http://{address}/secret-path?api-key=secret");
    let error = reqwest::get(&url)
        .await
        .and_then(reqwest::Response::error_for_status);
    let told = error.expect_err("there is no node").to_string();
    assert!(told.contains("api-key=secret"), "nothing to hide: {told}");
    let slot = source(url).ask::<u64>(RpcRequest::GetSlot, &[(); 0]).await;
    slot.expect_err("there is no node").to_string()
}

fn source(url: String) -> Source {
    let limits = Limits {
        timeout: Duration::from_secs(5),
        most_bytes: 1000,
        page: 1000,
    };
    let source = Source::new("rpc".into(), true, url, limits, Default::default());
    source.expect("a client")
}

/// Serves these answers until the test ends.
async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async { axum::serve(listener, router).await });
    address
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    // Given a node that sends us elsewhere, where every request is counted
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let elsewhere = serve(Router::new().fallback(move || {
        count.fetch_add(1, Ordering::SeqCst);
        async { r#"{"jsonrpc":"2.0","id":1,"result":7}"# }
    }))
    .await;
    for status in [301_u16, 302, 303, 307, 308] {
        let location = [(LOCATION, format!("http://{elsewhere}/"))];
        let status = StatusCode::from_u16(status).expect("a status");
        let redirect = (status, location, r#"{"jsonrpc":"2.0","id":1,"result":7}"#);
        let node = serve(Router::new().fallback(move || async { redirect })).await;
        // When it is asked, then that is a failure, and nobody goes there
        let url = format!("http://{node}/?api-key=secret");
        let slot = source(url).ask::<u64>(RpcRequest::GetSlot, &[(); 0]).await;
        assert_eq!(
            slot.expect_err("no answer").to_string(),
            format!("getSlot: HTTP status {status}: redirects are not followed")
        );
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

/// An answer of this length.
fn answer(length: usize) -> String {
    let bare = r#"{"jsonrpc":"2.0","id":1,"result":7}"#;
    format!("{bare}{}", " ".repeat(length - bare.len()))
}

/// An answer without an end.
fn endless() -> Body {
    let piece = || Ok::<_, std::io::Error>("x".repeat(1000));
    Body::from_stream(futures::stream::repeat_with(piece))
}

#[tokio::test]
async fn an_answer_is_read_up_to_a_limit() {
    // Given nodes whose answers are as long as the limit, a byte longer, and without end
    let nodes = [
        (
            serve(Router::new().fallback(async || answer(1000))).await,
            true,
        ),
        (
            serve(Router::new().fallback(async || answer(1001))).await,
            false,
        ),
        (
            serve(Router::new().fallback(async || endless())).await,
            false,
        ),
    ];
    for (node, is_read) in nodes {
        // When they are asked, then only the first one is believed
        let source = source(format!("http://{node}/"));
        let slot = source.ask::<u64>(RpcRequest::GetSlot, &[(); 0]).await;
        match slot {
            Ok(slot) => assert!(is_read && slot == 7),
            Err(failure) => {
                assert!(!is_read);
                assert!(matches!(failure, Failure::Wrong(_)), "{failure:?}");
                let reason = "getSlot: the answer is longer than 1000 bytes";
                assert_eq!(failure.to_string(), reason);
            }
        }
    }
}

#[tokio::test]
async fn errors_and_results_are_told_apart() {
    let long = "no ".repeat(200);
    let said = format!("{}…", &long[..300]);
    for (answer, expected) in [
        (r#""result":null"#.to_owned(), Ok(None)),
        (r#""result":7"#.to_owned(), Ok(Some(7))),
        (
            r#""other":7"#.to_owned(),
            Err("getSlot: no result".to_owned()),
        ),
        (
            format!(r#""result":null,"error":{{"code":-3,"message":"{long}","data":[1]}}"#),
            Err(format!("getSlot: RPC response error -3: {said}")),
        ),
        (
            r#""error":{"code":-32005,"message":"two\nlines"}"#.to_owned(),
            Err("getSlot: RPC response error -32005: two lines".to_owned()),
        ),
    ] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,{answer}}}"#);
        let node = serve(Router::new().fallback(async move || body)).await;
        let source = source(format!("http://{node}/"));
        let slot = source.ask::<Option<u64>>(RpcRequest::GetSlot, &[(); 0]);
        assert_eq!(slot.await.map_err(|failure| failure.to_string()), expected);
    }
}

#[tokio::test]
async fn the_urls_of_the_node_are_not_told() {
    // Given a server that is not a node
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = tokio::spawn(async { axum::serve(listener, Router::new()).await });
    // When it refuses a request, then the failure has no URL
    assert_eq!(
        failure(address).await,
        "getSlot: HTTP status client error (404 Not Found)"
    );
    // When nothing listens any more, then the failure has no URL either
    server.abort();
    assert!(server.await.expect_err("it was ended").is_cancelled());
    assert_eq!(failure(address).await, "getSlot: error sending request");
}
