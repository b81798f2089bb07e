//! How a reply travels: whole, slowly, in part, or not at all.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::reply::Reply;

const MEBIBYTE: usize = 1024 * 1024;

/// The way a reply travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Delivery {
    Whole,
    ResetBefore,
    ResetMidBody,
    Truncated,
    /// The connection ends after the body, whatever the head promises.
    ClosedAfter,
    /// A second response comes along with the first.
    Followed(Box<Reply>),
    SlowBody {
        pieces: usize,
        pause: Duration,
    },
    SlowHead {
        pause: Duration,
    },
    Blanks {
        mebibytes: usize,
    },
    Never,
}

/// Whether the connection can carry another request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connection {
    Usable,
    Done,
}

/// Sends `reply`; an error means that the client has gone.
pub(crate) async fn deliver(stream: &mut TcpStream, reply: &Reply) -> io::Result<Connection> {
    let (head, body) = (reply.head(), reply.body.as_slice());
    let half = half(body);
    match &reply.delivery {
        Delivery::Whole => {
            stream.write_all(&head).await?;
            stream.write_all(body).await?;
        }
        Delivery::ClosedAfter => {
            stream.write_all(&head).await?;
            stream.write_all(body).await?;
            stream.shutdown().await?;
            return Ok(Connection::Done);
        }
        Delivery::Followed(second) => {
            // In one piece, so that the client has all of it before it can ask again.
            let both = [head.as_slice(), body, &second.head(), &second.body].concat();
            stream.write_all(&both).await?;
        }
        Delivery::ResetBefore => {
            // With no time to linger, closing sends a reset.
            stream.set_zero_linger()?;
            return Ok(Connection::Done);
        }
        Delivery::ResetMidBody => {
            stream.write_all(&head).await?;
            stream.write_all(half).await?;
            stream.set_zero_linger()?;
            return Ok(Connection::Done);
        }
        Delivery::Truncated => {
            stream.write_all(&head).await?;
            stream.write_all(half).await?;
            stream.shutdown().await?;
            return Ok(Connection::Done);
        }
        Delivery::SlowBody { pieces, pause } => {
            stream.write_all(&head).await?;
            for piece in body.chunks(body.len().div_ceil((*pieces).max(1)).max(1)) {
                sleep(*pause).await;
                stream.write_all(piece).await?;
            }
        }
        Delivery::SlowHead { pause } => {
            for byte in head {
                sleep(*pause).await;
                stream.write_all(&[byte]).await?;
            }
            stream.write_all(body).await?;
        }
        Delivery::Blanks { mebibytes } => {
            stream.write_all(&head).await?;
            write_chunk(stream, body).await?;
            let blanks = vec![b' '; MEBIBYTE];
            for _ in 0..*mebibytes {
                write_chunk(stream, &blanks).await?;
            }
            stream.write_all(b"0\r\n\r\n").await?;
        }
        Delivery::Never => {
            let mut ignored = [0; 1024];
            while stream.read(&mut ignored).await? > 0 {}
            return Ok(Connection::Done);
        }
    }
    Ok(Connection::Usable)
}

/// What arrives of a body that is cut off.
pub(crate) fn half(body: &[u8]) -> &[u8] {
    body.get(..body.len() / 2).unwrap_or_default()
}

async fn write_chunk(stream: &mut TcpStream, chunk: &[u8]) -> io::Result<()> {
    stream
        .write_all(format!("{:x}\r\n", chunk.len()).as_bytes())
        .await?;
    stream.write_all(chunk).await?;
    stream.write_all(b"\r\n").await
}
