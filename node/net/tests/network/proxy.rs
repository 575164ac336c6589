//! A TCP proxy that can cut the connections through it, or fall silent on them.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::support::local;

/// What becomes of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Up,
    /// They are closed, and new ones too.
    Cut,
    /// They stay open, new ones are taken, and nothing gets through: neither bytes nor that a side has closed.
    Silent,
}

/// Listens on one port and forwards to another while the line is up.
pub struct Proxy {
    line: Arc<watch::Sender<Line>>,
}

impl Proxy {
    pub async fn start(from: u16, to: u16) -> Self {
        let line = Arc::new(watch::Sender::new(Line::Up));
        let listener = TcpListener::bind(local(from)).await.unwrap();
        let shared = line.clone();
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let mut state = shared.subscribe();
                if *state.borrow() != Line::Cut {
                    let line = shared.subscribe();
                    tokio::spawn(async move {
                        tokio::select! {
                            () = forward(client, to, line) => {}
                            _ = state.wait_for(|line| *line == Line::Cut) => {}
                        }
                    });
                }
            }
        });
        Self { line }
    }

    pub fn set(&self, up: bool) {
        self.line.send_replace(if up { Line::Up } else { Line::Cut });
    }

    pub fn silence(&self) {
        self.line.send_replace(Line::Silent);
    }
}

async fn forward(client: TcpStream, to: u16, mut line: watch::Receiver<Line>) {
    let _ = line.wait_for(|line| *line == Line::Up).await;
    if let Ok(server) = TcpStream::connect(local(to)).await {
        let (client, server) = (client.into_split(), server.into_split());
        tokio::join!(pump(client.0, server.1, line.clone()), pump(server.0, client.1, line));
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut line: watch::Receiver<Line>) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await;
        let _ = line.wait_for(|line| *line == Line::Up).await;
        let Ok(read @ 1..) = read else { break };
        if to.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
