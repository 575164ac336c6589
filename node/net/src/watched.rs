//! A line that has fallen silent: its connection breaks, whatever TCP still believes.
//!
//! On a living connection something is heard at least as often as one side asks for a sign of life, and that is well within the bound. Waiting for a ping's answer
//! alone would not do: a connection is closed in order only when everything that waits to be sent has left, and on a silent line nothing leaves.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep};

/// A stream that fails when nothing was heard on it for a while.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    inner: S,
    patience: Duration,
    heard: Instant,
    alarm: Pin<Box<Sleep>>,
}

impl<S> Watched<S> {
    /// Watches a stream, within a Tokio runtime.
    pub fn new(inner: S, patience: Duration) -> Self {
        Self { inner, patience, heard: Instant::now(), alarm: Box::pin(tokio::time::sleep(patience)) }
    }

    /// While something is waited for, the alarm is set for when it will have been silent too long.
    fn check<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            return outcome;
        }
        while self.alarm.as_mut().poll(cx).is_ready() {
            let until = self.heard + self.patience;
            if until <= Instant::now() {
                let why = format!("nothing was heard for {} seconds", self.patience.as_secs());
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)));
            }
            self.alarm.as_mut().reset(until);
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let read = Pin::new(&mut self.inner).poll_read(cx, buffer);
        if matches!(read, Poll::Ready(Ok(1..))) {
            self.heard = Instant::now();
        }
        self.check(cx, read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.check(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(cx);
        self.check(cx, flushed)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = Pin::new(&mut self.inner).poll_close(cx);
        self.check(cx, closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{AsyncReadExt, AsyncWriteExt};
    use pipe::duplex;

    const PATIENCE: Duration = Duration::from_millis(300);

    /// Two ends of a pipe as the network's streams are.
    mod pipe {
        use super::*;
        use tokio::net::{TcpListener, TcpStream};

        pub struct Socket(TcpStream);

        pub async fn duplex() -> (Socket, Socket) {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let there = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            (Socket(listener.accept().await.unwrap().0), Socket(there))
        }

        impl AsyncRead for Socket {
            fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
                let mut buffer = tokio::io::ReadBuf::new(buffer);
                let read = tokio::io::AsyncRead::poll_read(Pin::new(&mut self.0), cx, &mut buffer);
                read.map_ok(|()| buffer.filled().len())
            }
        }

        impl AsyncWrite for Socket {
            fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
                tokio::io::AsyncWrite::poll_write(Pin::new(&mut self.0), cx, bytes)
            }

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                tokio::io::AsyncWrite::poll_flush(Pin::new(&mut self.0), cx)
            }

            fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                tokio::io::AsyncWrite::poll_shutdown(Pin::new(&mut self.0), cx)
            }
        }
    }

    #[tokio::test]
    async fn silence_breaks_a_stream_and_a_byte_now_and_then_keeps_it() {
        let (here, mut there) = duplex().await;
        let mut here = Watched::new(here, PATIENCE);
        let talking = tokio::spawn(async move {
            for byte in 0..10 {
                there.write_all(&[byte]).await.unwrap();
                tokio::time::sleep(PATIENCE / 3).await;
            }
            there
        });
        let mut bytes = [0; 10];
        here.read_exact(&mut bytes).await.unwrap();
        let _there = talking.await.unwrap();
        let start = Instant::now();
        assert_eq!(here.read(&mut bytes).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(start.elapsed() < 2 * PATIENCE);
    }

    #[tokio::test]
    async fn a_stream_that_cannot_get_rid_of_its_bytes_breaks_as_well() {
        let (here, _there) = duplex().await;
        let mut here = Watched::new(here, PATIENCE);
        let start = Instant::now();
        let stuck = here.write_all(&vec![7; 64 << 20]).await.unwrap_err();
        assert_eq!(stuck.kind(), io::ErrorKind::TimedOut);
        assert!(start.elapsed() < 10 * PATIENCE);
    }
}
