//! Frames of the control socket: two lengths, a JSON header, and contents as they are.
//!
//! ```text
//! u32 big-endian  bytes of the header
//! u32 big-endian  bytes of the body
//! header          one JSON value
//! body            contents, one after another; the header holds their lengths
//! ```

use std::io;

use bytes::{Bytes, BytesMut};
use serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Largest header: a thousand ids of the longest kind, escaped, with room to spare.
pub(crate) const HEADER_BYTES_MAX: usize = 16 * 1_024 * 1_024;
/// Largest body: as much as one submission to a journal may hold.
pub(crate) const BODY_BYTES_MAX: usize = 32 * 1_024 * 1_024;
/// Reserved before a byte has come: a length is a claim, not yet data.
const READ_STEP: usize = 64 * 1_024;

/// Writes one frame.
pub(crate) async fn write<W, H>(to: &mut W, header: &H, body: &[Bytes]) -> io::Result<()>
where
    W: AsyncWrite + Unpin,
    H: Serialize,
{
    let header = serde_json::to_vec(header)?;
    let body_bytes = body.iter().map(Bytes::len).sum();
    to.write_all(&length(header.len(), HEADER_BYTES_MAX)?).await?;
    to.write_all(&length(body_bytes, BODY_BYTES_MAX)?).await?;
    to.write_all(&header).await?;
    for part in body {
        to.write_all(part).await?;
    }
    to.flush().await
}

/// Reads one frame; `None` when the other side closed between two.
pub(crate) async fn read<R, H>(from: &mut R) -> io::Result<Option<(H, Bytes)>>
where
    R: AsyncRead + Unpin,
    H: DeserializeOwned,
{
    let mut first = [0; 1];
    if from.read(&mut first).await? == 0 {
        return Ok(None);
    }
    let mut rest = [0; 7];
    from.read_exact(&mut rest).await?;
    let ([a], [b, c, d, e, f, g, h]) = (first, rest);
    let header_bytes = bounded(u32::from_be_bytes([a, b, c, d]), HEADER_BYTES_MAX)?;
    let body_bytes = bounded(u32::from_be_bytes([e, f, g, h]), BODY_BYTES_MAX)?;
    let header = exactly(from, header_bytes).await?;
    let body = exactly(from, body_bytes).await?;
    Ok(Some((serde_json::from_slice(&header)?, body)))
}

async fn exactly<R: AsyncRead + Unpin>(from: &mut R, bytes: usize) -> io::Result<Bytes> {
    let mut buffer = BytesMut::with_capacity(bytes.min(READ_STEP));
    let mut limited = from.take(bytes as u64);
    while buffer.len() < bytes {
        if limited.read_buf(&mut buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(buffer.freeze())
}

fn length(bytes: usize, bytes_max: usize) -> io::Result<[u8; 4]> {
    match u32::try_from(bytes) {
        Ok(length) if bytes <= bytes_max => Ok(length.to_be_bytes()),
        _ => Err(too_long(bytes, bytes_max)),
    }
}

fn bounded(length: u32, bytes_max: usize) -> io::Result<usize> {
    let bytes = length as usize;
    if bytes > bytes_max { Err(too_long(bytes, bytes_max)) } else { Ok(bytes) }
}

fn too_long(bytes: usize, bytes_max: usize) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("part of a frame has {bytes} bytes, the most is {bytes_max}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn a_frame_comes_back_as_it_was_sent() {
        block_on(async {
            let (mut near, mut far) = tokio::io::duplex(7);
            let body = [Bytes::from_static(b"one"), Bytes::new(), Bytes::from_static(b"two")];
            let send = async {
                write(&mut near, &"header", &body).await.unwrap();
                drop(near);
            };
            let receive = async {
                let (header, body): (String, Bytes) = read(&mut far).await.unwrap().unwrap();
                assert_eq!((header.as_str(), body.as_ref()), ("header", b"onetwo".as_slice()));
                assert!(read::<_, String>(&mut far).await.unwrap().is_none());
            };
            tokio::join!(send, receive);
        });
    }

    #[test]
    fn lengths_are_bounded_and_a_cut_frame_is_an_error() {
        block_on(async {
            let huge = [0xff; 8];
            let error = read::<_, String>(&mut huge.as_slice()).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
            let mut whole = Vec::new();
            write(&mut whole, &"header", &[Bytes::from_static(b"body")]).await.unwrap();
            for cut in 1..whole.len() {
                let error = read::<_, String>(&mut &whole[..cut]).await.unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "cut at {cut}");
            }
            let body = vec![Bytes::from(vec![0; BODY_BYTES_MAX]), Bytes::from_static(b"x")];
            assert_eq!(write(&mut Vec::new(), &"", &body).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
        });
    }
}
