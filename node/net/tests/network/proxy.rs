//! A TCP proxy that can cut the connections through it.

use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::support::local;

/// Listens on one port and forwards to another while the line is up.
pub struct Proxy {
    up: Arc<watch::Sender<bool>>,
}

impl Proxy {
    pub async fn start(from: u16, to: u16) -> Self {
        let up = Arc::new(watch::Sender::new(true));
        let listener = TcpListener::bind(local(from)).await.unwrap();
        let line = up.clone();
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let mut state = line.subscribe();
                if *state.borrow() {
                    tokio::spawn(async move {
                        tokio::select! {
                            () = forward(client, to) => {}
                            _ = state.wait_for(|up| !up) => {}
                        }
                    });
                }
            }
        });
        Self { up }
    }

    pub fn set(&self, up: bool) {
        self.up.send_replace(up);
    }
}

async fn forward(mut client: TcpStream, to: u16) {
    if let Ok(mut server) = TcpStream::connect(local(to)).await {
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    }
}
