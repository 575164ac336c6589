//! One listener, with TLS or without: bounded connections, times for handshakes, headers, bodies and the connection itself, and an end in order.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{debug, warn};

use crate::limits;
use crate::tls::Tls;

/// Pause after the system could not accept a connection, most likely for want of file descriptors.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// Serves until `shutdown` is ready, then lets the answers that are on their way go out, for [`limits::GRACE`] at most.
///
/// # Errors
/// Those of the listener itself.
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    run(listener, router, None, shutdown).await
}

/// The same over TLS alone. Who does not get through the handshake within [`limits::HANDSHAKE_TIME`] is cut off, and counts as a connection until then.
///
/// # Errors
/// Those of the listener itself.
pub async fn serve_tls(listener: TcpListener, router: Router, tls: Arc<Tls>, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    run(listener, router, Some(tls), shutdown).await
}

async fn run(listener: TcpListener, router: Router, tls: Option<Arc<Tls>>, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let address = listener.local_addr()?;
    let room = Arc::new(Semaphore::new(limits::CONNECTIONS));
    let guests = Guests::default();
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let permit = room.clone().acquire_owned();
        let accepted = async {
            let permit = permit.await.map_err(io::Error::other)?;
            listener.accept().await.map(|(stream, peer)| (stream, peer.ip(), permit))
        };
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = accepted => match accepted {
                Ok((stream, peer, permit)) => {
                    // Who has too many is cut off: the accepted stream is dropped.
                    let Some(guest) = guests.admit(peer) else { continue };
                    let (router, tls, stopped) = (router.clone(), tls.clone(), stopped.clone());
                    connections.spawn(async move {
                        enter(stream, router, tls, stopped).await;
                        drop((guest, permit));
                    });
                }
                Err(error) => {
                    warn!(%address, %error, "a connection could not be accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    drop(stop);
    let rest = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits::GRACE, rest).await.is_err() {
        connections.shutdown().await;
    }
    Ok(())
}

/// How many connections each address has.
#[derive(Clone, Debug, Default)]
struct Guests(Arc<Mutex<BTreeMap<IpAddr, usize>>>);

/// One of an address's connections; dropped, it makes room for the next.
#[derive(Debug)]
struct Guest(Guests, IpAddr);

impl Guests {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admit(&self, address: IpAddr) -> Option<Guest> {
        let address = address.to_canonical();
        let mut guests = self.lock();
        let count = guests.entry(address).or_default();
        if *count >= limits::CONNECTIONS_OF_ONE && !address.is_loopback() {
            return None;
        }
        *count = count.saturating_add(1);
        Some(Guest(self.clone(), address))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut guests = self.0.lock();
        let left = guests.get(&self.1).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            guests.remove(&self.1);
        } else {
            guests.insert(self.1, left);
        }
    }
}

/// Goes through the handshake where there is one, and then serves.
async fn enter(stream: TcpStream, router: Router, tls: Option<Arc<Tls>>, mut stopped: watch::Receiver<()>) {
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return connection(stream, router, stopped).await };
    let handshake = tokio::time::timeout(limits::HANDSHAKE_TIME, shake_hands(stream, &tls));
    tokio::select! {
        shaken = handshake => match shaken {
            Ok(Ok(stream)) => connection(stream, router, stopped).await,
            Ok(Err(error)) => debug!(%error, "a connection did not get through the handshake"),
            Err(_) => debug!("a handshake took too long"),
        },
        _ = stopped.changed() => {}
    }
}

/// What plain HTTP gets from a TLS listener: words that its user can act on.
const PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: 48\r\n\r\n\
    This address speaks TLS: begin it with https://\n";

async fn shake_hands(mut stream: TcpStream, tls: &Tls) -> io::Result<TlsStream<TcpStream>> {
    let mut first = [0];
    // A handshake record begins with 22 (RFC 8446, section 5.1), a request line with a letter.
    if stream.peek(&mut first).await? == 1 && first.first().is_some_and(u8::is_ascii_alphabetic) {
        stream.write_all(PLAIN).await?;
        stream.shutdown().await?;
        return Err(io::Error::other("it speaks plain HTTP"));
    }
    TlsAcceptor::from(tls.config()).accept(stream).await
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin, router: Router, mut stopped: watch::Receiver<()>) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits::HEAD_TIME).max_headers(limits::HEADERS).max_header_size(limits::HEAD);
    let mut served = pin!(builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)));
    let ended = tokio::select! {
        ended = served.as_mut() => Some(ended),
        _ = stopped.changed() => None,
        () = tokio::time::sleep(limits::CONNECTION_TIME) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            served.as_mut().graceful_shutdown();
            tokio::time::timeout(limits::GRACE, served).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        debug!(%error, "a connection broke off");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_its_share_and_gives_it_back() {
        let guests = Guests::default();
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let held: Vec<Guest> = std::iter::from_fn(|| guests.admit(ip("192.0.2.1"))).collect();
        assert_eq!(held.len(), limits::CONNECTIONS_OF_ONE);
        assert!(guests.admit(ip("::ffff:192.0.2.1")).is_none(), "the same address in its other spelling");
        assert!(guests.admit(ip("192.0.2.2")).is_some() && guests.admit(ip("2001:db8::1")).is_some());
        let own: Vec<Guest> = (0..1000).filter_map(|_| guests.admit(ip("127.0.0.1"))).collect();
        assert_eq!(own.len(), 1000);
        drop((held, own));
        assert!(guests.lock().is_empty() && guests.admit(ip("192.0.2.1")).is_some());
    }
}
