//! Requests that a proxy and this listener could cut differently: each is refused or answered alone, and nothing behind it is taken for a request of its own.

use crate::server::{exchange, serve};
use crate::support::{one, settled};

/// What would be a second request to whoever cuts the first one elsewhere.
const HIDDEN: &str = "GET /smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n";

fn answers(text: &str) -> usize {
    text.matches("HTTP/1.1 ").count()
}

#[tokio::test]
async fn no_second_request_hides_in_a_body() {
    let node = one().await;
    let server = serve(&node).await;
    let token = &node.tokens[1];
    let head = format!("POST /api/v1/records HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n");
    let chunk = |body: &str| format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let length = HIDDEN.len();
    settled(&node.node.handle).await;
    let size = node.size();
    // Refused, and the connection with it.
    let refused = [
        format!("content-length: 0\r\ncontent-length: {length}\r\n\r\n{HIDDEN}"),
        format!("content-length: +{length}\r\n\r\n{HIDDEN}"),
        format!("content-length: {length}, {length}\r\n\r\n{HIDDEN}"),
        format!("content-length: 0x{length:x}\r\n\r\n{HIDDEN}"),
        format!("content-length: -1\r\n\r\n{HIDDEN}"),
        format!("content-length: 99999999999999999999999\r\n\r\n{HIDDEN}"),
        format!("content-length : 0\r\n\r\n{HIDDEN}"),
        format!("content-length: 0\r\ntransfer-encoding: chunked\r\n\r\n{}{HIDDEN}", chunk("{}")),
        format!("transfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n{}{HIDDEN}", chunk("{}")),
        format!("transfer-encoding: chunked, identity\r\n\r\n{}{HIDDEN}", chunk("{}")),
        format!("transfer-encoding: identity\r\n\r\n{HIDDEN}"),
        format!("transfer-encoding: xchunked\r\n\r\n{}{HIDDEN}", chunk("{}")),
        format!("transfer-encoding:\x0bchunked\r\n\r\n{}{HIDDEN}", chunk("{}")),
        format!("transfer-encoding: chunked\r\n\r\nzz\r\n{HIDDEN}"),
        format!("transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n{HIDDEN}"),
        format!(" folded: header\r\ncontent-length: 0\r\n\r\n{HIDDEN}"),
        format!("x: a\r\n b\r\ncontent-length: 0\r\n\r\n{HIDDEN}"),
        format!("x: a\0b\r\ncontent-length: 0\r\n\r\n{HIDDEN}"),
        format!("transfer-encoding: chunked\r\n\r\n{}{HIDDEN}", chunk("{}")),
    ];
    for rest in refused {
        let answer = exchange(server.address, format!("{head}{rest}").as_bytes()).await;
        assert!(answers(&answer) <= 1 && !answer.contains("not-found"), "{rest:?}: {answer}");
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{rest:?}: {answer}");
    }
    assert_eq!(node.size(), size, "nothing was written");
    server.end().await;
}

/// What an honest client may send stays possible.
#[tokio::test]
async fn honest_requests_in_a_row_and_in_chunks_are_answered() {
    let node = one().await;
    let server = serve(&node).await;
    let twice = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\nGET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    assert_eq!(answers(&exchange(server.address, twice.as_bytes()).await), 2);
    let body = r#"{"records":[{"type":"note","sections":[{"for":"self","fields":{"a":1}}]}]}"#;
    let token = &node.tokens[1];
    let chunked = format!(
        "POST /api/v1/records HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\ncontent-type: application/json; charset=UTF-8\r\n\
         transfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    let answer = exchange(server.address, chunked.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 201") && answer.to_lowercase().contains("connection: close"), "{answer}");
    server.end().await;
}

/// Request lines that name no resource end in an answer.
#[tokio::test]
async fn strange_request_lines_are_answered() {
    let node = one().await;
    let server = serve(&node).await;
    for line in [
        "OPTIONS * HTTP/1.1",
        "CONNECT localhost:443 HTTP/1.1",
        "GET localhost HTTP/1.1",
        "GET  / HTTP/1.1",
        "GET / HTTP/0.9",
        "GET / HTTP/2.0",
        "GET /",
        "GET /\u{7f} HTTP/1.1",
        "GET /圈 HTTP/1.1",
        "G\u{e9}T / HTTP/1.1",
        "PRI * HTTP/2.0",
        "GET http://localhost:99999/ HTTP/1.1",
        "GET http://user@localhost/ HTTP/1.1",
        "GET ?a HTTP/1.1",
        "GET #x HTTP/1.1",
        "GET /a#b HTTP/1.1",
    ] {
        let answer = exchange(server.address, format!("{line}\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes()).await;
        let fine = answer.is_empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.0 4") || answer.starts_with("HTTP/1.1 303");
        assert!(fine && answers(&answer) <= 1, "{line}: {answer}");
    }
    let length = "GET /healthz HTTP/1.1\r\nhost: localhost\r\ncontent-length: 999999999999\r\n\r\nx";
    let answer = exchange(server.address, length.as_bytes()).await;
    assert!(answers(&answer) == 1, "a body that nobody reads is not waited for: {answer}");
    let upgrade = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nupgrade: h2c\r\nconnection: upgrade, http2-settings\r\nhttp2-settings: AA\r\n\r\n";
    assert!(exchange(server.address, upgrade.as_bytes()).await.starts_with("HTTP/1.1 200"));
    assert!(
        exchange(server.address, b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.ends_with("ok\n"),
        "it still runs"
    );
    server.end().await;
}
