//! Requests and responses on a stream: a length of four bytes, big-endian, and so many bytes.

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::request_response::Codec;
use libp2p::swarm::StreamProtocol;
use std::io::{Error, ErrorKind, Result};

use crate::limits;

/// The one protocol that is spoken over the multiplexer, beside ping.
pub(crate) const PROTOCOL: StreamProtocol = StreamProtocol::new("/suyuan/1/sync");

/// Frames within the limits. What is in them is decoded elsewhere, off the network's task.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Frames;

/// Reads a frame. Memory grows with what arrives, not with what was announced.
async fn read<T: AsyncRead + Unpin + Send>(stream: &mut T, most: usize) -> Result<Vec<u8>> {
    let mut len = [0; 4];
    stream.read_exact(&mut len).await?;
    let len = u32::from_be_bytes(len);
    if usize::try_from(len).is_ok_and(|len| len > most) {
        return Err(Error::new(ErrorKind::InvalidData, format!("a frame of {len} bytes, where {most} are allowed")));
    }
    let mut bytes = Vec::new();
    let read = stream.take(u64::from(len)).read_to_end(&mut bytes).await?;
    if u32::try_from(read) == Ok(len) { Ok(bytes) } else { Err(ErrorKind::UnexpectedEof.into()) }
}

async fn write<T: AsyncWrite + Unpin + Send>(stream: &mut T, bytes: &[u8]) -> Result<()> {
    let len = u32::try_from(bytes.len()).map_err(|_| ErrorKind::InvalidInput)?;
    stream.write_all(&len.to_be_bytes()).await?;
    stream.write_all(bytes).await?;
    stream.flush().await
}

impl Codec for Frames {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T: AsyncRead + Unpin + Send>(&mut self, _: &StreamProtocol, stream: &mut T) -> Result<Vec<u8>> {
        read(stream, limits::REQUEST).await
    }

    async fn read_response<T: AsyncRead + Unpin + Send>(&mut self, _: &StreamProtocol, stream: &mut T) -> Result<Vec<u8>> {
        read(stream, limits::RESPONSE).await
    }

    async fn write_request<T: AsyncWrite + Unpin + Send>(&mut self, _: &StreamProtocol, stream: &mut T, request: Vec<u8>) -> Result<()> {
        write(stream, &request).await
    }

    async fn write_response<T: AsyncWrite + Unpin + Send>(&mut self, _: &StreamProtocol, stream: &mut T, response: Vec<u8>) -> Result<()> {
        write(stream, &response).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;
    use futures::io::Cursor;

    #[test]
    fn frames_within_the_limit_come_through_and_others_do_not() {
        for len in [0, 1, 1000, limits::REQUEST] {
            let mut stream = Cursor::new(Vec::new());
            block_on(write(&mut stream, &vec![7; len])).unwrap();
            let mut back = Cursor::new(stream.into_inner());
            assert_eq!(block_on(read(&mut back, limits::REQUEST)).unwrap(), vec![7; len]);
        }
        let refused = |bytes: &[u8]| block_on(read(&mut Cursor::new(bytes.to_vec()), limits::REQUEST)).unwrap_err().kind();
        assert_eq!(refused(&[0, 1, 0, 1]), ErrorKind::InvalidData, "one byte too many, refused before it is read");
        assert_eq!(refused(&[0xff; 4]), ErrorKind::InvalidData);
        assert_eq!(refused(&[0, 0, 0, 2, 9]), ErrorKind::UnexpectedEof, "fewer bytes than announced");
        assert_eq!(refused(&[0, 0]), ErrorKind::UnexpectedEof);
        assert_eq!(refused(&[]), ErrorKind::UnexpectedEof);
    }
}
