//! One listener: bounded connections, times for headers, bodies and the connection itself, and an end in order.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tracing::{debug, warn};

use crate::limits;

/// Pause after the system could not accept a connection, most likely for want of file descriptors.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// Serves until `shutdown` is ready, then lets the answers that are on their way go out, for [`limits::GRACE`] at most.
///
/// # Errors
/// Those of the listener itself.
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let address = listener.local_addr()?;
    let room = Arc::new(Semaphore::new(limits::CONNECTIONS));
    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let permit = room.clone().acquire_owned();
        let accepted = async {
            let permit = permit.await.map_err(io::Error::other)?;
            listener.accept().await.map(|(stream, _)| (stream, permit))
        };
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = accepted => match accepted {
                Ok((stream, permit)) => {
                    let (router, stopped) = (router.clone(), stopped.clone());
                    connections.spawn(async move {
                        connection(stream, router, stopped).await;
                        drop(permit);
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

async fn connection(stream: TcpStream, router: Router, mut stopped: watch::Receiver<()>) {
    let _ = stream.set_nodelay(true);
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
