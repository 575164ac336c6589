//! The listener itself: what comes slowly or never ends, and an end in order.

use std::time::{Duration, Instant};

use suyuan_api::limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::{TestNode, one};

pub struct Server {
    pub address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    pub async fn end(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}

pub async fn serve(node: &TestNode) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let router = node.admin.clone();
    let task = tokio::spawn(suyuan_api::serve(listener, router, async {
        let _ = stopped.await;
    }));
    Server { address, stop, task }
}

pub async fn exchange(address: std::net::SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn requests_over_tcp_are_answered_and_bad_ones_end_the_connection() {
    let node = one().await;
    let server = serve(&node).await;
    let good = exchange(server.address, b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
    assert!(good.starts_with("HTTP/1.1 200") && good.ends_with("ok\n"), "{good}");
    let no_host = exchange(server.address, b"GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n").await;
    assert!(no_host.starts_with("HTTP/1.1 421"), "{no_host}");
    let two_hosts = exchange(server.address, b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\nconnection: close\r\n\r\n").await;
    assert!(two_hosts.starts_with("HTTP/1.1 421"), "{two_hosts}");
    let many = format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "a: b\r\n".repeat(limits::HEADERS + 1));
    let long = format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\na: {}\r\n\r\n", "x".repeat(limits::HEAD));
    let path = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(100_000));
    for (bad, statuses) in [
        (many.as_bytes(), ["431", "400"]),
        (long.as_bytes(), ["431", "400"]),
        (path.as_bytes(), ["414", "431"]),
        (b"\x16\x03\x01garbage\r\n\r\n", ["400", "400"]),
    ] {
        let answer = exchange(server.address, bad).await;
        assert!(statuses.iter().any(|status| answer.starts_with(&format!("HTTP/1.1 {status}"))), "{answer}");
    }
    // A length that is announced and too long is refused before anything is read.
    let token = &node.tokens[1];
    let huge = format!(
        "POST /api/v1/records HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: 999999999999\r\n\r\n"
    );
    let answer = exchange(server.address, huge.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("/problems/too-large"), "{answer}");
    let address = server.address;
    server.end().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn headers_that_never_end_do_not_hold_a_connection() {
    let node = one().await;
    let server = serve(&node).await;
    let begun = Instant::now();
    let slow = exchange(server.address, b"GET /healthz HTTP/1.1\r\nhost: loc").await;
    assert!(!slow.contains("200"), "{slow}");
    let took = begun.elapsed();
    assert!(took > limits::HEAD_TIME - Duration::from_secs(1) && took < limits::HEAD_TIME + Duration::from_secs(10), "{took:?}");
    // One that is kept open and idle ends as well.
    let begun = Instant::now();
    let idle = exchange(server.address, b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(idle.contains("200") && begun.elapsed() < limits::HEAD_TIME + Duration::from_secs(10));
    // The end does not wait for a client that sends nothing.
    let _silent = TcpStream::connect(server.address).await.unwrap();
    server.stop.send(()).unwrap();
    let begun = Instant::now();
    server.task.await.unwrap().unwrap();
    assert!(begun.elapsed() < limits::GRACE + Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn more_connections_than_there_may_be_wait_and_are_served_later() {
    let node = one().await;
    let server = serve(&node).await;
    let mut open = Vec::new();
    for _ in 0..limits::CONNECTIONS {
        open.push(TcpStream::connect(server.address).await.unwrap());
    }
    let mut late = TcpStream::connect(server.address).await.unwrap();
    late.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    assert!(tokio::time::timeout(Duration::from_millis(500), late.read_to_end(&mut answer)).await.is_err(), "it waits");
    drop(open);
    tokio::time::timeout(Duration::from_secs(5), late.read_to_end(&mut answer)).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&answer).contains("200 OK"));
}
